# Completion of `godwit` for bash. What a word may become is asked of godwit itself, which asks the daemon for the names
# of servers and hosts and gives up after a second. Bash takes NAME=VALUE for three words: they are put together for
# godwit, and what stands before the value is taken off what it offers.
_godwit()
{
    local i line last word glued= before=()
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        last=$((${#before[@]} - 1))
        if [[ $last -ge 0 && ( $word == = || ${before[last]} == *= && ${COMP_WORDS[i - 1]} == = ) ]]; then
            before[last]+=$word
            glued=yes
        else
            before+=("$word")
            glued=
        fi
    done
    COMPREPLY=()
    while IFS= read -r line; do
        [[ $line == *= ]] && compopt -o nospace 2> /dev/null
        [[ $glued ]] && line=${line#*=}
        COMPREPLY+=("$line")
    done < <("${COMP_WORDS[0]}" --timeout 1 complete -- "${before[@]}" 2> /dev/null)
}
complete -o default -F _godwit godwit
