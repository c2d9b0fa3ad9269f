#include "cli/help.h"

#include "base/json.h"

#include <string.h>

static const char guide[] = "godwit moves virtual machines between hosts while they run.\n"
                            "\n"
                            "  godwit host-add HostB qemu+tls://HostB/system    add a host by the address it has\n"
                            "  godwit host-list                                 see the hosts\n"
                            "  godwit list                                      see every server and where it is\n"
                            "  godwit live-migration vm1 HostC                  move one, running\n"
                            "  godwit migration-list                            see what moved, and how long it took\n"
                            "\n"
                            "'godwit help' lists all commands, 'godwit help COMMAND' explains one.\n"
                            "The daemon is asked at http://127.0.0.1:8774, or where --url or GODWIT_URL says.\n";

static const struct {
    GwExit code;
    const char *meaning;
} exits[] = {
    {GW_EXIT_DONE, "done"},
    {GW_EXIT_FAILED, "refused or failed; standard error says why, and where the server is"},
    {GW_EXIT_USAGE, "the command line makes no sense"},
    {GW_EXIT_UNREACHABLE, "the daemon does not answer"},
    {GW_EXIT_NOT_FOUND, "no such server, host, aggregate, migration or request; or several servers of that name"},
    {GW_EXIT_OTHERWISE, "the migration ended otherwise than asked: it was cancelled, or too late to cancel; plan and doctor: something prevents it; gc: not every host was asked"},
    {GW_EXIT_DETACHED, "interrupted while following; the migration goes on"},
};

static void print_options(const GwOption *options)
{
    for (; options && options->name; options++) {
        g_autofree char *name =
            g_strdup_printf("--%s%s%s", options->name, options->value ? " " : "", options->value ? options->value : "");
        printf("  %-24s %s\n", name, options->help);
    }
}

void gw_help_guide(void)
{
    fputs(guide, stdout);
}

void gw_help_overview(void)
{
    const char *group = NULL;
    puts("Usage: godwit [OPTION...] COMMAND [ARGUMENT...]");
    for (const GwCommand *command = gw_commands; command->name; command++) {
        if (!command->group)
            continue;
        if (g_strcmp0(group, command->group) != 0)
            printf("\n%s:\n", command->group);
        group = command->group;
        g_autofree char *usage = g_strdup_printf("%s %s", command->name, command->arguments);
        printf("  %-47s %s\n      godwit %s\n", usage, command->summary, command->example);
    }
    puts("\nOptions of every command:");
    print_options(gw_global_options);
    puts("\nExit status:");
    for (guint i = 0; i < G_N_ELEMENTS(exits); i++)
        printf("  %3d  %s\n", (int)exits[i].code, exits[i].meaning);
}

void gw_help_command(const GwCommand *command)
{
    printf("Usage: godwit %s%s%s%s\n\n", command->name, command->options ? " [OPTION...]" : "",
           *command->arguments ? " " : "", command->arguments);
    printf("%c%s.\n", g_ascii_toupper(*command->summary), command->summary + 1);
    if (command->details)
        puts(command->details);
    printf("\nExample: godwit %s\n", command->example);
    if (command->options)
        puts("\nOptions:");
    print_options(command->options);
    puts("\nOptions of every command:");
    print_options(gw_global_options);
}

static json_t *as_json(const GwCommand *command)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "name", command->name, "arguments", command->arguments, "summary",
                     command->summary, "example", command->example);
}

void gw_help_json(const GwCommand *only)
{
    g_autoptr(json_t) list = json_array();
    for (const GwCommand *command = gw_commands; command->name; command++)
        if (command->group && (!only || command == only))
            json_array_append_new(list, as_json(command));
    g_autoptr(json_t) value = json_pack("{s:O}", "commands", list);
    json_dumpf(value, stdout, JSON_INDENT(2));
    fputc('\n', stdout);
}

GwExit gw_run_help(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *name = gw_arguments_word(arguments, 0);

    const GwCommand *command = name ? gw_command_require(name, error) : NULL;
    if (name && !command)
        return GW_EXIT_USAGE;

    if (cli->output == GW_OUTPUT_JSON)
        gw_help_json(command);
    else if (command)
        gw_help_command(command);
    else
        gw_help_overview();
    return GW_EXIT_DONE;
}
