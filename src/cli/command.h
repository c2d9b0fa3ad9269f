/* What a command of `godwit` is: one row of the table in commands.c and one function, which has four blocks: what was
 * typed, what it names, what the daemon is asked, what is shown. Help, completion and the manual's test read the table.
 */
#ifndef GW_CLI_COMMAND_H
#define GW_CLI_COMMAND_H

#include "base/http.h"
#include "base/json.h"
#include "cli/terminal.h"

/* The exit status; godwit(1) and `godwit help` tell people. */
typedef enum {
    GW_EXIT_DONE = 0,
    GW_EXIT_FAILED = 1, /* refused, or tried and failed */
    GW_EXIT_USAGE = 2, /* the command line makes no sense */
    GW_EXIT_UNREACHABLE = 3, /* the daemon does not answer */
    GW_EXIT_NOT_FOUND = 4, /* no such server, host, aggregate, migration or request, or a name that several servers have */
    GW_EXIT_OTHERWISE = 5, /* the migration ended, but not as asked: cancelled, say; a check found what prevents moves; a search was not complete */
    GW_EXIT_DETACHED = 130, /* Ctrl-C while following; the migration goes on */
} GwExit;

typedef enum { GW_OUTPUT_PEOPLE, GW_OUTPUT_JSON } GwOutput;
typedef enum { GW_FOLLOW, GW_FOLLOW_NOT } GwPatience;

/* One run of the program. */
typedef struct {
    GwHttp *http;
    GwHttpTrust trust;   /* of TLS servers, as for http */
    const char *ca_file; /* or NULL; borrowed */
    char *token;         /* of Keystone, or NULL; owned */
    GwOutput output;
    GwPatience patience;
    guint timeout_s; /* how long the daemon may be silent */
    GwTerminal out, err;
    GHashTable *names; /* UUID -> name: servers that were asked for by name, and are called so when something is said of them; or NULL; owned */
} GwCli;

typedef struct {
    const char *name; /* without "--" */
    const char *value; /* "HOST"; NULL: takes none */
    const char *help;
} GwOption;

typedef struct GwCommand GwCommand;

/* What was typed, understood. Strings borrowed from argv. */
typedef struct {
    const GwCommand *command; /* NULL: none was named */
    GPtrArray *words; /* of const char *: what stands after the command */
    GHashTable *options; /* name -> GPtrArray of const char *: its values, as often as it was given ("" for one that takes none) */
} GwArguments;

struct GwCommand {
    const char *name;
    const char *group; /* heading in the list of commands */
    const char *arguments; /* "SERVER [HOST]": in brackets what may be left out */
    const char *summary; /* one line, as an order: "move a running instance" */
    const char *details; /* further sentences, or NULL */
    const char *example; /* "live-migration vm1 HostC" */
    const GwOption *options; /* ends with a NULL name; or NULL */
    GwExit (*run)(GwCli *cli, const GwArguments *arguments, GError **error); /* error set: it decides the exit status */
};

extern const GwCommand gw_commands[]; /* ends with a NULL name */
extern const GwOption gw_global_options[];
const GwCommand *gw_command_find(const char *name);
/* INVALID when there is none, with the name that may have been meant. */
const GwCommand *gw_command_require(const char *name, GError **error);

/* Errors: GW_ERROR_INVALID, with what to type instead. argv as main() got it. Free with gw_arguments_clear(). */
gboolean gw_arguments_parse(GwArguments *arguments, char **argv, GError **error);
void gw_arguments_clear(GwArguments *arguments);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GwArguments, gw_arguments_clear)

const char *gw_arguments_word(const GwArguments *arguments, guint index); /* NULL when there are not so many */
const char *gw_arguments_option(const GwArguments *arguments, const char *name); /* the last; NULL when not given */
/* An option that is given once for each NAME=VALUE, as an object of texts; *ret_object is NULL when it was not given. Or INVALID. */
gboolean gw_arguments_pairs(const GwArguments *arguments, const char *name, json_t **ret_object, GError **error);
/* A whole number of at least 1 that was typed for `what`; or INVALID. */
gboolean gw_arguments_number(const char *text, const char *what, gint64 *ret_value, GError **error);

/* The commands, each in the file of its subject. */
#define GW_COMMAND(function) GwExit function(GwCli *cli, const GwArguments *arguments, GError **error)
GW_COMMAND(gw_run_boot);
GW_COMMAND(gw_run_delete);
GW_COMMAND(gw_run_host_add);
GW_COMMAND(gw_run_host_remove);
GW_COMMAND(gw_run_host_list);
GW_COMMAND(gw_run_daemon_list);
GW_COMMAND(gw_run_aggregate_list);
GW_COMMAND(gw_run_aggregate_show);
GW_COMMAND(gw_run_aggregate_create);
GW_COMMAND(gw_run_aggregate_update);
GW_COMMAND(gw_run_aggregate_delete);
GW_COMMAND(gw_run_aggregate_add_host);
GW_COMMAND(gw_run_aggregate_remove_host);
GW_COMMAND(gw_run_aggregate_set_metadata);
GW_COMMAND(gw_run_zone_list);
GW_COMMAND(gw_run_service_list);
GW_COMMAND(gw_run_service_enable);
GW_COMMAND(gw_run_service_disable);
GW_COMMAND(gw_run_service_force_down);
GW_COMMAND(gw_run_hypervisor_list);
GW_COMMAND(gw_run_hypervisor_show);
GW_COMMAND(gw_run_hypervisor_servers);
GW_COMMAND(gw_run_hypervisor_stats);
GW_COMMAND(gw_run_list);
GW_COMMAND(gw_run_show);
GW_COMMAND(gw_run_live_migration);
GW_COMMAND(gw_run_migrate);
GW_COMMAND(gw_run_evacuate);
GW_COMMAND(gw_run_gc);
GW_COMMAND(gw_run_resolve);
GW_COMMAND(gw_run_host_evacuate);
GW_COMMAND(gw_run_rolling_list);
GW_COMMAND(gw_run_rolling_show);
GW_COMMAND(gw_run_rolling_cancel);
GW_COMMAND(gw_run_group_list);
GW_COMMAND(gw_run_group_show);
GW_COMMAND(gw_run_group_create);
GW_COMMAND(gw_run_group_delete);
GW_COMMAND(gw_run_group_add_server);
GW_COMMAND(gw_run_group_remove_server);
GW_COMMAND(gw_run_pin);
GW_COMMAND(gw_run_unpin);
GW_COMMAND(gw_run_flavor_list);
GW_COMMAND(gw_run_flavor_create);
GW_COMMAND(gw_run_flavor_delete);
GW_COMMAND(gw_run_resize);
GW_COMMAND(gw_run_resize_confirm);
GW_COMMAND(gw_run_resize_revert);
GW_COMMAND(gw_run_abort);
GW_COMMAND(gw_run_force_complete);
GW_COMMAND(gw_run_migration_list);
GW_COMMAND(gw_run_watch);
GW_COMMAND(gw_run_start);
GW_COMMAND(gw_run_stop);
GW_COMMAND(gw_run_reboot);
GW_COMMAND(gw_run_pause);
GW_COMMAND(gw_run_unpause);
GW_COMMAND(gw_run_suspend);
GW_COMMAND(gw_run_resume);
GW_COMMAND(gw_run_lock);
GW_COMMAND(gw_run_unlock);
GW_COMMAND(gw_run_reset_state);
GW_COMMAND(gw_run_server_migration_list);
GW_COMMAND(gw_run_server_migration_show);
GW_COMMAND(gw_run_action_list);
GW_COMMAND(gw_run_action);
GW_COMMAND(gw_run_drain);
GW_COMMAND(gw_run_drain_list);
GW_COMMAND(gw_run_drain_show);
GW_COMMAND(gw_run_drain_cancel);
GW_COMMAND(gw_run_undrain);
GW_COMMAND(gw_run_balance);
GW_COMMAND(gw_run_plan);
GW_COMMAND(gw_run_doctor);
GW_COMMAND(gw_run_cpu_baseline);
GW_COMMAND(gw_run_version);
GW_COMMAND(gw_run_help);
GW_COMMAND(gw_run_complete);

#endif
