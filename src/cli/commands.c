/* The table of commands: names and order of arguments as nova has them. Help, completion, the manual's test read it. */
#include "cli/command.h"

#include <string.h>

#define HOSTS "Hosts"
#define SERVERS "Servers"
#define MOVES "Moving servers"
#define HISTORY "What moves there are, and were"
#define OTHER "About godwit"

static const GwOption list_options[] = {
    {"host", "HOST", "only servers on this host"},
    {"status", "STATUS", "only servers of this status: ACTIVE, SHUTOFF, MIGRATING, VERIFY_RESIZE, ..."},
    {NULL, NULL, NULL},
};

static const GwOption live_migration_options[] = {
    {"block-migrate", NULL, "copy the disks too, as when no storage is shared"},
    {"no-block-migrate", NULL, "copy no disks: refuse when the destination does not see them"},
    {NULL, NULL, NULL},
};

static const GwOption migrate_options[] = {
    {"host", "HOST", "where to; otherwise the daemon chooses"},
    {NULL, NULL, NULL},
};

static const GwOption plan_options[] = {
    {"block-migrate", NULL, "as if the disks were to be copied, too"},
    {"no-block-migrate", NULL, "as if no disk might be copied"},
    {"cold", NULL, "as if the server were moved cold, with `godwit migrate`"},
    {NULL, NULL, NULL},
};

static const GwOption doctor_options[] = {
    {"probe", NULL, "move a tiny guest of its own along every way between the hosts, and remove it"},
    {"fix-plan", NULL, "print the commands that would mend what was found; none is run"},
    {NULL, NULL, NULL},
};

static const GwOption migration_list_options[] = {
    {"host", "HOST", "only from or to this host"},
    {"status", "STATUS", "only of this status: running, completed, failed, ..."},
    {"server", "SERVER", "only of this server, by name or UUID"},
    {"instance-uuid", "UUID", "only of the server with this UUID, even when it is gone"},
    {"limit", "COUNT", "at most so many, newest first (100)"},
    {NULL, NULL, NULL},
};

static const GwOption show_migration_options[] = {
    {"follow", NULL, "follow it until it ends, as the command that began it does"},
    {NULL, NULL, NULL},
};

const GwOption gw_global_options[] = {
    {"url", "URL", "where the daemon listens (GODWIT_URL, or else http://127.0.0.1:8774)"},
    {"json", NULL, "print one JSON value instead of text; errors too, on standard error"},
    {"no-wait", NULL, "return once a move is accepted instead of following it to its end"},
    {"timeout", "SECONDS", "how long the daemon may stay silent before it counts as gone (60)"},
    {"help", NULL, "what a command does, and how"},
    {"version", NULL, "the version of this program"},
    {NULL, NULL, NULL},
};

const GwCommand gw_commands[] = {
    {"host-add", HOSTS, "NAME URI", "add a host by the address of its libvirt or its pool",
     "Nothing is installed on it. Every instance found there is then known to Godwit.",
     "host-add HostB qemu+tls://HostB/system", NULL, gw_run_host_add},
    {"host-remove", HOSTS, "NAME", "forget a host; its instances run on", NULL, "host-remove HostB", NULL,
     gw_run_host_remove},
    {"host-list", HOSTS, "", "list hosts, how they are, and what room they have", NULL, "host-list", NULL,
     gw_run_host_list},

    {"doctor", HOSTS, "[HOST...]", "examine hosts, and the ways between them, for what would prevent moves",
     "Of all hosts, or of those named. Every finding tells what was found, why it matters, and what to do; nothing is changed.",
     "doctor --probe HostB HostC", doctor_options, gw_run_doctor},
    {"cpu-baseline", HOSTS, "[HOST...]", "print the CPU model with which a server can move to all of these hosts",
     "As the <cpu> element of its definition. Of all hosts, or of those named.", "cpu-baseline HostB HostC", NULL,
     gw_run_cpu_baseline},

    {"list", SERVERS, "", "list servers and where they are", NULL, "list --host HostB --status ACTIVE", list_options,
     gw_run_list},
    {"show", SERVERS, "SERVER", "show one server", NULL, "show vm1", NULL, gw_run_show},

    {"live-migration", MOVES, "SERVER [HOST]", "move a running server without stopping it",
     "Whether its disks have to be copied is found out by a test of the storage, unless an option says so.\n"
     "Without HOST the daemon chooses one. A refusal names every reason.",
     "live-migration vm1 HostC", live_migration_options, gw_run_live_migration},
    {"migrate", MOVES, "SERVER", "move a server cold: shut it down, move it, start it again",
     "It then waits (status VERIFY_RESIZE) until you confirm or revert.", "migrate --host HostC vm1", migrate_options,
     gw_run_migrate},
    {"resize-confirm", MOVES, "SERVER", "keep a cold move: remove what is left on the source", NULL,
     "resize-confirm vm1", NULL, gw_run_resize_confirm},
    {"resize-revert", MOVES, "SERVER", "undo a cold move: go back to the source", NULL, "resize-revert vm1", NULL,
     gw_run_resize_revert},
    {"live-migration-abort", MOVES, "SERVER MIGRATION", "cancel a live migration; the server stays where it is", NULL,
     "live-migration-abort vm1 7", NULL, gw_run_abort},
    {"live-migration-force-complete", MOVES, "SERVER MIGRATION", "make a live migration end soon",
     "By post-copy or by pausing the guest, as the daemon's configuration permits.",
     "live-migration-force-complete vm1 7", NULL, gw_run_force_complete},

    {"plan", MOVES, "SERVER [HOST]", "try a move on paper: whether, how and where it is possible, and why not",
     "The same checks as of the real move, on every host or on HOST; nothing is done and nothing recorded.", "plan vm1 HostC",
     plan_options, gw_run_plan},

    {"migration-list", HISTORY, "", "list migrations of all servers, newest first", NULL,
     "migration-list --host HostB --status running", migration_list_options, gw_run_migration_list},
    {"server-migration-list", HISTORY, "SERVER", "list the migrations of one server, ended ones too", NULL,
     "server-migration-list vm1", NULL, gw_run_server_migration_list},
    {"server-migration-show", HISTORY, "SERVER MIGRATION", "show one migration: progress, figures, why it ended", NULL,
     "server-migration-show --follow vm1 7", show_migration_options, gw_run_server_migration_show},
    {"instance-action-list", HISTORY, "SERVER", "list what was asked of a server", NULL, "instance-action-list vm1",
     NULL, gw_run_action_list},
    {"instance-action", HISTORY, "SERVER REQUEST_ID", "show one request, its events, and what they said", NULL,
     "instance-action vm1 req-3d1c2b7e-4a58-4d0f-9f33-0c6a5d7e8f90", NULL, gw_run_action},

    {"version", OTHER, "", "print the versions of this program and of the daemon's API", NULL, "version", NULL,
     gw_run_version},
    {"help", OTHER, "[COMMAND]", "explain godwit, or one command", NULL, "help live-migration", NULL, gw_run_help},
    /* without a group: for the shell's completion, not for people */
    {"complete", NULL, "WORDS...", "list what the last of WORDS may become", NULL, "complete -- show v", NULL,
     gw_run_complete},
    {NULL},
};

const GwCommand *gw_command_find(const char *name)
{
    for (const GwCommand *command = gw_commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}
