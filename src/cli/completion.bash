# Completion of `godwit` for bash. What a word may become is asked of godwit itself, which asks the daemon for the names
# of servers and hosts and gives up after a second.
_godwit()
{
    local line before word url
    before=("${COMP_WORDS[@]:1:COMP_CWORD}")
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <("${COMP_WORDS[0]}" --timeout 1 complete -- "${before[@]}" 2> /dev/null)
}
complete -o default -F _godwit godwit
