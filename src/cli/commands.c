/* The table of commands: names and order of arguments as nova has them. Help, completion, the manual's test read it. */
#include "cli/command.h"

#include <string.h>

#define HOSTS "Hosts"
#define SERVICES "Which hosts take instances"
#define AGGREGATES "Aggregates and availability zones"
#define HYPERVISORS "Hypervisors"
#define SERVERS "Servers"
#define GROUPS "Server groups and pins"
#define MOVES "Moving servers"
#define WHOLE "Emptying hosts and spreading load"
#define HISTORY "What moves there are, and were"
#define OTHER "About godwit"

static const GwOption host_add_options[] = {
    {"password-file", "FILE", "the password of its XenServer pool is the first line of FILE, read here ('-': standard input)"},
    {"ask-password", NULL, "ask for that password on this terminal"},
    {NULL, NULL, NULL},
};

static const GwOption service_list_options[] = {
    {"host", "HOST", "only the service on this host"},
    {"binary", "BINARY", "only services of this name; every host has nova-compute"},
    {NULL, NULL, NULL},
};

static const GwOption disable_options[] = {
    {"reason", "TEXT", "why; shown wherever the host is refused"},
    {NULL, NULL, NULL},
};

static const GwOption force_down_options[] = {
    {"unset", NULL, "take it back"},
    {NULL, NULL, NULL},
};

static const GwOption aggregate_update_options[] = {
    {"name", "NAME", "its new name"},
    {"availability-zone", "ZONE", "its new zone; only while its hosts have no instances"},
    {NULL, NULL, NULL},
};

static const GwOption aggregate_add_options[] = {
    {"force", NULL, "of a pool: hosts that differ, even in their CPUs' vendor, may join (pool.join_force)"},
    {NULL, NULL, NULL},
};

static const GwOption aggregate_remove_options[] = {
    {"confirm", "CODE", "of a pool: agrees to what is destroyed; the refusal without it tells what, and the code"},
    {NULL, NULL, NULL},
};

static const GwOption hypervisor_list_options[] = {
    {"matching", "TEXT", "only those whose name contains it"},
    {NULL, NULL, NULL},
};

static const GwOption list_options[] = {
    {"host", "HOST", "only servers on this host"},
    {"status", "STATUS", "only servers of this status: ACTIVE, SHUTOFF, MIGRATING, VERIFY_RESIZE, ..."},
    {NULL, NULL, NULL},
};

static const GwOption boot_options[] = {
    {"image", "IMAGE", "a file of the daemon's image_dir, by its name without the ending, or its UUID"},
    {"flavor", "FLAVOR", "by name or id"},
    {"host", "HOST", "where; otherwise the daemon chooses"},
    {"availability-zone", "ZONE", "only there, now and whenever it moves"},
    {"group", "GROUP", "put it into this server group"},
    {"nic", "NETWORK", "a libvirt network, auto (the default) or none"},
    {NULL, NULL, NULL},
};

static const GwOption group_create_options[] = {
    {"max-per-host", "COUNT", "anti-affinity: how many of its servers one host may have; otherwise 1"},
    {NULL, NULL, NULL},
};

static const GwOption flavor_create_options[] = {
    {"ram", "MIB", "its memory"},
    {"vcpus", "COUNT", "its virtual CPUs"},
    {"disk", "GIB", "its root disk; otherwise as large as the image"},
    {"id", "ID", "its id; otherwise a new one"},
    {NULL, NULL, NULL},
};

static const GwOption live_migration_options[] = {
    {"block-migrate", NULL, "copy the disks too, as when no storage is shared"},
    {"no-block-migrate", NULL, "copy no disks: refuse when the destination does not see them"},
    {"policy", "POLICY", "how it is ended: balanced, minimal-downtime, fast or never-pause"},
    {"option", "NAME=VALUE", "an option of godwit.conf for this move alone, live_migration_bandwidth=100 say; once for each"},
    {NULL, NULL, NULL},
};

static const GwOption migrate_options[] = {
    {"host", "HOST", "where to; otherwise the daemon chooses"},
    {NULL, NULL, NULL},
};

static const GwOption host_evacuate_options[] = {
    {"target-host", "HOST", "where to; otherwise the daemon chooses for each"},
    {NULL, NULL, NULL},
};

static const GwOption plan_options[] = {
    {"block-migrate", NULL, "as if the disks were to be copied, too"},
    {"no-block-migrate", NULL, "as if no disk might be copied"},
    {"cold", NULL, "as if the server were moved cold, with `godwit migrate`"},
    {"policy", "POLICY", "how it is ended: balanced, minimal-downtime, fast or never-pause"},
    {"option", "NAME=VALUE", "an option of godwit.conf for this move alone, live_migration_bandwidth=100 say; once for each"},
    {"quick", NULL, "predict without sampling for 4 s what the guest writes"},
    {NULL, NULL, NULL},
};

static const GwOption doctor_options[] = {
    {"probe", NULL, "move a tiny guest of its own along every way between the hosts, measure what the way carries, and remove it"},
    {"fix-plan", NULL, "print the commands that would mend what was found; none is run"},
    {"last", NULL, "ask nobody: show what the daemon itself found last (audit_interval), of all hosts alone"},
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

static const GwOption gc_options[] = {
    {"delete", NULL, "remove what migrations of Godwit's own have left, after both hosts have shown where the server lives"},
    {NULL, NULL, NULL},
};

static const GwOption resolve_options[] = {
    {"keep", "HOST", "the server is on this host: remove what the other one still has of it"},
    {NULL, NULL, NULL},
};

static const GwOption show_migration_options[] = {
    {"follow", NULL, "follow it until it ends, as the command that began it does"},
    {NULL, NULL, NULL},
};

static const GwOption drain_options[] = {
    {"dry-run", NULL, "make the plan and show it; nothing is begun"},
    {"parallel", "COUNT", "so many moves at most from or to one host at once; auto: as the links suggest"},
    {"deadline", "TIME", "begin only what ends by then: 90s, 45m, 2h from now, or a time of day (05:30)"},
    {"include-stopped", NULL, "move stopped servers too"},
    {"return", NULL, "undrain will bring the same servers home"},
    {"rolling", "COUNT", "one host after another, so many at once: each is emptied, seen to, and taken into use again"},
    {"aggregate", "AGGREGATE", "rolling: all of its hosts, by name"},
    {"hook", "HOOK", "rolling: what sees to each host: a URL, or a file in the daemon's hook_dir"},
    {NULL, NULL, NULL},
};

static const GwOption undrain_options[] = {
    {"return", NULL, "bring home the servers that the last drain moved away"},
    {"parallel", "COUNT", "so many moves at most from or to one host at once; auto: as the links suggest"},
    {NULL, NULL, NULL},
};

static const GwOption balance_options[] = {
    {"dry-run", NULL, "make the plan and show it; nothing is begun"},
    {"objective", "WHAT", "cpu, memory or both: as evenly as is worth it; pack: as few hosts as possible"},
    {"max-moves", "COUNT", "so many moves at most"},
    {"aggregate", "AGGREGATE", "only among the hosts of this aggregate, by name or id"},
    {"parallel", "COUNT", "so many moves at most from or to one host at once; auto: as the links suggest"},
    {NULL, NULL, NULL},
};

static const GwOption show_drain_options[] = {
    {"follow", NULL, "follow it until it ends"},
    {NULL, NULL, NULL},
};

static const GwOption lock_options[] = {
    {"reason", "TEXT", "why, for those who look at it"},
    {NULL, NULL, NULL},
};

static const GwOption reset_state_options[] = {
    {"active", NULL, "no longer in error: as its host says"},
    {NULL, NULL, NULL},
};

static const GwOption reboot_options[] = {
    {"hard", NULL, "pull the plug instead of asking the guest"},
    {NULL, NULL, NULL},
};

const GwOption gw_global_options[] = {
    {"url", "URL", "where the daemon listens (GODWIT_URL, or else http://127.0.0.1:8774)"},
    {"cacert", "FILE", "whom to trust for TLS (OS_CACERT, or else the system's list)"},
    {"insecure", NULL, "do not check the daemon's certificate"},
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
     "host-add HostB qemu+tls://HostB/system", host_add_options, gw_run_host_add},
    {"host-remove", HOSTS, "NAME", "forget a host; its instances run on", NULL, "host-remove HostB", NULL,
     gw_run_host_remove},
    {"host-list", HOSTS, "", "list hosts, how they are, and what room they have", NULL, "host-list", NULL,
     gw_run_host_list},
    {"daemon-list", HOSTS, "", "list the daemons that share a database, and the hosts that each leads", NULL, "daemon-list", NULL,
     gw_run_daemon_list},

    {"doctor", HOSTS, "[HOST...]", "examine hosts, and the ways between them, for what would prevent moves",
     "Of all hosts, or of those named. Every finding tells what was found, why it matters, and what to do; nothing is changed.",
     "doctor --probe HostB HostC", doctor_options, gw_run_doctor},
    {"cpu-baseline", HOSTS, "[HOST...]", "print the CPU model with which a server can move to all of these hosts",
     "As the <cpu> element of its definition. Of all hosts, or of those named.", "cpu-baseline HostB HostC", NULL,
     gw_run_cpu_baseline},
    {"service-list", SERVICES, "", "list hosts as Nova's services: zone, enabled or not, up or down", NULL,
     "service-list --host HostB", service_list_options, gw_run_service_list},
    {"service-disable", SERVICES, "HOST", "let no new instances come to a host; those on it stay", NULL,
     "service-disable --reason repair HostB", disable_options, gw_run_service_disable},
    {"service-enable", SERVICES, "HOST", "let instances come again", NULL, "service-enable HostB", NULL,
     gw_run_service_enable},
    {"service-force-down", SERVICES, "HOST", "say that a host is down, whatever it answers",
     "Say so only of a host that is switched off or cut off: its instances may then be started elsewhere.",
     "service-force-down HostB", force_down_options, gw_run_service_force_down},

    {"aggregate-list", AGGREGATES, "", "list aggregates, their zones, hosts and metadata", NULL, "aggregate-list", NULL,
     gw_run_aggregate_list},
    {"aggregate-show", AGGREGATES, "AGGREGATE", "show one aggregate, by name or ID", NULL, "aggregate-show rack1", NULL,
     gw_run_aggregate_show},
    {"aggregate-details", AGGREGATES, "AGGREGATE", "the same, by its older name", NULL, "aggregate-details rack1", NULL,
     gw_run_aggregate_show},
    {"aggregate-create", AGGREGATES, "NAME [ZONE]", "make an aggregate, and an availability zone of its hosts", NULL,
     "aggregate-create rack1 zone1", NULL, gw_run_aggregate_create},
    {"aggregate-update", AGGREGATES, "AGGREGATE", "change its name or zone", NULL, "aggregate-update --name rack2 rack1",
     aggregate_update_options, gw_run_aggregate_update},
    {"aggregate-delete", AGGREGATES, "AGGREGATE", "delete an aggregate that has no hosts", NULL,
     "aggregate-delete rack1", NULL, gw_run_aggregate_delete},
    {"aggregate-add-host", AGGREGATES, "AGGREGATE HOST", "put a host into an aggregate", NULL,
     "aggregate-add-host rack1 HostB", aggregate_add_options, gw_run_aggregate_add_host},
    {"aggregate-remove-host", AGGREGATES, "AGGREGATE HOST", "take a host out of an aggregate", NULL,
     "aggregate-remove-host rack1 HostB", aggregate_remove_options, gw_run_aggregate_remove_host},
    {"aggregate-set-metadata", AGGREGATES, "AGGREGATE KEY[=VALUE]...", "set keys of its metadata, or remove them",
     "Keys that limit what comes to its hosts: filter_tenant_id, cpu_allocation_ratio, ram_allocation_ratio,\n"
     "max_instances_per_host, max_io_ops_per_host. A KEY without a value is removed.",
     "aggregate-set-metadata rack1 max_instances_per_host=20", NULL, gw_run_aggregate_set_metadata},
    {"availability-zone-list", AGGREGATES, "", "list availability zones and their hosts", NULL, "availability-zone-list",
     NULL, gw_run_zone_list},

    {"hypervisor-list", HYPERVISORS, "", "list hypervisors", NULL, "hypervisor-list --matching Host",
     hypervisor_list_options, gw_run_hypervisor_list},
    {"hypervisor-show", HYPERVISORS, "HYPERVISOR", "show one: version, memory, disks, CPUs",
     "One that does not answer is asked once more first.", "hypervisor-show HostB", NULL, gw_run_hypervisor_show},
    {"hypervisor-servers", HYPERVISORS, "HYPERVISOR", "list the servers on one", NULL, "hypervisor-servers HostB", NULL,
     gw_run_hypervisor_servers},
    {"hypervisor-stats", HYPERVISORS, "", "show what all hypervisors have together", NULL, "hypervisor-stats", NULL,
     gw_run_hypervisor_stats},

    {"list", SERVERS, "", "list servers and where they are", NULL, "list --host HostB --status ACTIVE", list_options,
     gw_run_list},
    {"show", SERVERS, "SERVER", "show one server", NULL, "show vm1", NULL, gw_run_show},
    {"start", SERVERS, "SERVER", "start a stopped server", NULL, "start vm1", NULL, gw_run_start},
    {"stop", SERVERS, "SERVER", "shut a server down; its plug is pulled when it takes longer than shutdown_timeout", NULL, "stop vm1", NULL,
     gw_run_stop},
    {"reboot", SERVERS, "SERVER", "shut a server down and start it again", NULL, "reboot --hard vm1", reboot_options, gw_run_reboot},
    {"pause", SERVERS, "SERVER", "halt a running server; its memory stays", NULL, "pause vm1", NULL, gw_run_pause},
    {"unpause", SERVERS, "SERVER", "let a paused server run on", NULL, "unpause vm1", NULL, gw_run_unpause},
    {"suspend", SERVERS, "SERVER", "keep a server's memory on its host's disk, and stop it", "It does not move until it is resumed.", "suspend vm1",
     NULL, gw_run_suspend},
    {"resume", SERVERS, "SERVER", "let a suspended server go on where it was", NULL, "resume vm1", NULL, gw_run_resume},
    {"lock", SERVERS, "SERVER", "mark a server as not to be touched; administrators may all the same", NULL, "lock --reason audit vm1",
     lock_options, gw_run_lock},
    {"unlock", SERVERS, "SERVER", "take the lock away", NULL, "unlock vm1", NULL, gw_run_unlock},
    {"reset-state", SERVERS, "SERVER", "show a server as in error, or no longer; its guest is not touched", NULL, "reset-state --active vm1",
     reset_state_options, gw_run_reset_state},

    {"boot", SERVERS, "NAME", "make a server from an image, and start it",
     "What a failure has left behind is removed again; the server is then shown as ERROR until you delete it.",
     "boot --image cirros --flavor small web", boot_options, gw_run_boot},
    {"delete", SERVERS, "SERVER", "delete a server, with the disks that are its own",
     "Its own are those in the folder that has its UUID for a name; others stay.", "delete web", NULL, gw_run_delete},
    {"flavor-list", SERVERS, "", "list flavors: shapes for servers", NULL, "flavor-list", NULL, gw_run_flavor_list},
    {"flavor-create", SERVERS, "NAME", "make a flavor", NULL, "flavor-create --ram 2048 --vcpus 2 --disk 20 m1.small", flavor_create_options,
     gw_run_flavor_create},
    {"flavor-delete", SERVERS, "FLAVOR", "delete a flavor; servers that were made with it stay as they are", NULL, "flavor-delete m1.small",
     NULL, gw_run_flavor_delete},

    {"server-group-list", GROUPS, "", "list server groups: servers that are to live together, or apart", NULL, "server-group-list", NULL,
     gw_run_group_list},
    {"server-group-show", GROUPS, "GROUP", "show one, and where its servers are", NULL, "server-group-show web", NULL, gw_run_group_show},
    {"server-group-create", GROUPS, "NAME POLICY", "make a server group",
     "POLICY: anti-affinity (never on one host), affinity (all on one host), or a wish only: soft-anti-affinity,\n"
     "soft-affinity. Moves, drains and balance keep to it.",
     "server-group-create --max-per-host 2 web anti-affinity", group_create_options, gw_run_group_create},
    {"server-group-delete", GROUPS, "GROUP", "delete a server group; its servers stay as they are", NULL, "server-group-delete web", NULL,
     gw_run_group_delete},
    {"server-group-add-server", GROUPS, "GROUP SERVER", "put a server into a group",
     "It stays where it is, even where the policy would not have put it; from then on its moves keep to the policy.",
     "server-group-add-server web vm1", NULL, gw_run_group_add_server},
    {"server-group-remove-server", GROUPS, "GROUP SERVER", "take a server out of a group", NULL, "server-group-remove-server web vm1", NULL,
     gw_run_group_remove_server},
    {"pin", GROUPS, "SERVER HOST...", "say on which hosts alone a server may be",
     "Moves, drains and balance keep to it; the server stays where it is. * and ? stand for any letters: 'rack1-*'.",
     "pin vm1 HostB HostC", NULL, gw_run_pin},
    {"unpin", GROUPS, "SERVER", "let a server go to any host again", NULL, "unpin vm1", NULL, gw_run_unpin},

    {"live-migration", MOVES, "SERVER [HOST]", "move a running server without stopping it",
     "Whether its disks have to be copied is found out by a test of the storage, unless an option says so.\n"
     "Without HOST the daemon chooses one. A refusal names every reason.",
     "live-migration vm1 HostC", live_migration_options, gw_run_live_migration},
    {"migrate", MOVES, "SERVER", "move a server cold: shut it down, move it, start it again",
     "It then waits (status VERIFY_RESIZE) until you confirm or revert.", "migrate --host HostC vm1", migrate_options,
     gw_run_migrate},
    {"resize", MOVES, "SERVER FLAVOR", "give a server another flavor: shut it down, move it, start it with that",
     "vCPUs and memory are the flavor's; its disk grows to the flavor's, and never shrinks. It then waits (status\n"
     "VERIFY_RESIZE) until you confirm or revert.", "resize vm1 m1.small", NULL, gw_run_resize},
    {"resize-confirm", MOVES, "SERVER", "keep a cold move: remove what is left on the source", NULL,
     "resize-confirm vm1", NULL, gw_run_resize_confirm},
    {"resize-revert", MOVES, "SERVER", "undo a cold move: go back to the source",
     "Where disks were copied, what was written since the move is lost.", "resize-revert vm1", NULL,
     gw_run_resize_revert},
    {"live-migration-abort", MOVES, "SERVER [MIGRATION]", "cancel a live migration; the server stays where it is",
     "Without MIGRATION the one that is under way. A cold one can be cancelled as long as it has not touched the guest: while it waits for its "
     "turn.", "live-migration-abort vm1", NULL, gw_run_abort},
    {"live-migration-force-complete", MOVES, "SERVER [MIGRATION]", "make a live migration end soon",
     "By post-copy where it is permitted, else by pausing the guest for as long as the rest takes.\n"
     "Without MIGRATION the one that is under way.",
     "live-migration-force-complete vm1", NULL, gw_run_force_complete},

    {"evacuate", MOVES, "SERVER [HOST]", "start a server elsewhere whose host is down",
     "From its disks on shared storage. Its host must be switched off, and you must have said so, with\n"
     "`godwit service-force-down`: a server that runs in two places destroys its disks.", "evacuate vm1 HostC", NULL,
     gw_run_evacuate},
    {"host-evacuate", MOVES, "HOST", "the same for every server of a host that is down", NULL, "host-evacuate --target-host HostC HostB",
     host_evacuate_options, gw_run_host_evacuate},
    {"plan", MOVES, "SERVER [HOST]", "try a move on paper: whether, how and where it is possible, and why not",
     "The same checks as of the real move, on every host or on HOST; nothing is done and nothing recorded.", "plan vm1 HostC",
     plan_options, gw_run_plan},

    {"drain", WHOLE, "[HOST...]", "empty hosts: move every server away without stopping it",
     "The hosts take no new servers from then on. A plan is made first and shown, with what cannot move and why; it is\n"
     "made anew when something fails, and goes on when the daemon is restarted.",
     "drain HostB --dry-run", drain_options, gw_run_drain},
    {"drain-list", WHOLE, "", "list drains and balances, newest first", NULL, "drain-list", NULL, gw_run_drain_list},
    {"drain-show", WHOLE, "DRAIN", "show one: every server, where it goes or why it stays", NULL, "drain-show --follow 3",
     show_drain_options, gw_run_drain_show},
    {"drain-cancel", WHOLE, "DRAIN", "begin nothing more of it; what is moving ends", NULL, "drain-cancel 3", NULL,
     gw_run_drain_cancel},
    {"rolling-list", WHOLE, "", "list rolling drains, newest first", NULL, "rolling-list", NULL, gw_run_rolling_list},
    {"rolling-show", WHOLE, "ROLLING", "show one: whose turn it is, and what is waited for", NULL, "rolling-show --follow 1", show_drain_options,
     gw_run_rolling_show},
    {"rolling-cancel", WHOLE, "ROLLING", "let no further host have its turn; those that are being seen to go on", NULL, "rolling-cancel 1", NULL,
     gw_run_rolling_cancel},
    {"undrain", WHOLE, "HOST", "take a host into use again", NULL, "undrain HostB --return", undrain_options, gw_run_undrain},
    {"balance", WHOLE, "", "spread the load with few and cheap moves", NULL, "balance --dry-run --max-moves 5", balance_options,
     gw_run_balance},

    {"migration-list", HISTORY, "", "list migrations of all servers, newest first", NULL,
     "migration-list --host HostB --status running", migration_list_options, gw_run_migration_list},
    {"watch", HISTORY, "", "watch every migration under way, until Ctrl-C",
     "Ended ones are told in a sentence each. With --json: what is under way now, once.", "watch", NULL, gw_run_watch},
    {"server-migration-list", HISTORY, "SERVER", "list the migrations of one server, ended ones too", NULL,
     "server-migration-list vm1", NULL, gw_run_server_migration_list},
    {"server-migration-show", HISTORY, "SERVER MIGRATION", "show one migration: progress, figures, its policy, what ended it", NULL,
     "server-migration-show --follow vm1 7", show_migration_options, gw_run_server_migration_show},
    {"migration-resolve", HISTORY, "SERVER MIGRATION", "decide where a server is whose migration ended in error",
     "Without --keep: what both hosts show of it now.", "migration-resolve --keep HostC vm1 7", resolve_options, gw_run_resolve},
    {"gc", HISTORY, "", "list what migrations have left behind, and servers that are defined twice",
     "A host that does not answer is not asked: it is named, and the exit status is 5.", "gc --delete", gc_options, gw_run_gc},
    {"instance-action-list", HISTORY, "SERVER", "list what was asked of a server", NULL, "instance-action-list vm1",
     NULL, gw_run_action_list},
    {"instance-action", HISTORY, "SERVER REQUEST_ID", "show one request, its events, and what they said", NULL,
     "instance-action vm1 req-3d1c2b7e-4a58-4d0f-9f33-0c6a5d7e8f90", NULL, gw_run_action},

    {"version", OTHER, "", "print the versions of this program and of the daemon's API", NULL, "version", NULL,
     gw_run_version},
    {"help", OTHER, "[COMMAND]", "explain godwit, or one command", NULL, "help live-migration", NULL, gw_run_help},
    /* without a group: for the shell's completion, not for people */
    {"complete", NULL, "[WORDS...]", "list what the last of WORDS may become", NULL, "complete -- show v", NULL,
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
