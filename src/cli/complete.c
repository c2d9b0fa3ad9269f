/* What the word under the cursor may become: the thinking half of completion.bash. Silent when the daemon is. */
#include "cli/client.h"

#include <string.h>

static void offer(const char *candidate, const char *start)
{
    if (candidate && g_str_has_prefix(candidate, start) && !strpbrk(candidate, " \t\n"))
        puts(candidate);
}

static void offer_options(const GwOption *options, const char *start)
{
    for (; options && options->name; options++) {
        g_autofree char *word = g_strconcat("--", options->name, NULL);
        offer(word, start);
    }
}

static void offer_commands(const char *start)
{
    for (const GwCommand *command = gw_commands; command->name; command++)
        if (command->group)
            offer(command->name, start);
}

static void offer_fields(GwCli *cli, const char *path, const char *key, const char *field, const char *start)
{
    g_autoptr(json_t) body = NULL;
    json_t *list;
    if (!gw_client_get(cli, path, &body, NULL) || !gw_client_list(body, key, &list, NULL))
        return;
    for (size_t i = 0; i < json_array_size(list); i++)
        offer(gw_json_peek(json_array_get(list, i), field), start);
}

static void offer_names(GwCli *cli, const char *path, const char *key, const char *start)
{
    offer_fields(cli, path, key, "name", start);
}

/* Newest first, as the daemon lists them. */
static void offer_migrations(GwCli *cli, const char *start)
{
    g_autoptr(json_t) body = NULL;
    json_t *list;
    if (!gw_client_get(cli, "/godwit/v1/migrations?limit=20", &body, NULL) ||
        !gw_client_list(body, "migrations", &list, NULL))
        return;
    for (size_t i = 0; i < json_array_size(list); i++) {
        gint64 id = json_integer_value(json_object_get(json_array_get(list, i), "id"));
        g_autofree char *word = g_strdup_printf("%" G_GINT64_FORMAT, id);
        offer(word, start);
    }
}

static void offer_words(const char *const *words, guint count, const char *start)
{
    for (guint i = 0; i < count; i++)
        offer(words[i], start);
}

/* Those of a move, core/ladder.c's, are an option's value; a server group's, core/group.c's, are an argument. */
static void offer_policies(gboolean of_group, const char *start)
{
    static const char *const of_moves[] = {"balanced", "minimal-downtime", "fast", "never-pause"};
    static const char *const of_groups[] = {"anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity"};
    if (of_group)
        offer_words(of_groups, G_N_ELEMENTS(of_groups), start);
    else
        offer_words(of_moves, G_N_ELEMENTS(of_moves), start);
}

/* kind: the word of the table, "SERVER" or "[HOST]". */
static void offer_kind(GwCli *cli, const char *command, const char *kind, const char *start)
{
    g_autofree char *bare = g_strndup(kind + (*kind == '['), strcspn(kind + (*kind == '['), "].=["));
    if (strcmp(bare, "SERVER") == 0)
        offer_names(cli, "/v2.1/servers", "servers", start);
    else if (strcmp(bare, "AGGREGATE") == 0)
        offer_names(cli, "/v2.1/os-aggregates", "aggregates", start);
    else if (strcmp(bare, "GROUP") == 0)
        offer_names(cli, "/v2.1/os-server-groups?all_projects=true", "server_groups", start);
    else if (strcmp(bare, "ZONE") == 0)
        offer_fields(cli, "/v2.1/os-availability-zone", "availabilityZoneInfo", "zoneName", start);
    else if (strcmp(bare, "HOST") == 0 || strcmp(bare, "HYPERVISOR") == 0 || (strcmp(bare, "NAME") == 0 && strcmp(command, "host-remove") == 0))
        offer_names(cli, "/godwit/v1/hosts", "hosts", start);
    else if (strcmp(bare, "MIGRATION") == 0)
        offer_migrations(cli, start);
    else if (strcmp(bare, "POLICY") == 0)
        offer_policies(strcmp(command, "server-group-create") == 0, start);
    else if (strcmp(bare, "COMMAND") == 0)
        offer_commands(start);
}

/* Those of --option, core/overrides.c's: a test compares them with docs/openapi.yaml. words: the values that are words. */
static const struct {
    const char *name, *words;
} live_options[] = {
    {"live_migration_bandwidth", ""},
    {"live_migration_completion_timeout", ""},
    {"live_migration_timeout_action", "policy abort force_complete"},
    {"live_migration_downtime", ""},
    {"live_migration_downtime_steps", ""},
    {"live_migration_downtime_delay", ""},
    {"live_migration_permit_post_copy", "true false"},
    {"live_migration_permit_auto_converge", "true false"},
    {"live_migration_parallel_connections", ""},
    {"live_migration_compression", "auto none xbzrle zlib zstd"},
    {"block_migration_synchronous_writes", "auto always never"},
};

static gboolean is_given(const GwArguments *arguments, const char *beginning)
{
    for (guint i = 0; i + 1 < arguments->words->len; i++)
        if (g_str_has_prefix(gw_arguments_word(arguments, i), beginning))
            return TRUE;
    return FALSE;
}

/* NAME= first, and its words once that stands there; what was given before is not taken twice. */
static void offer_live_options(const GwArguments *arguments, const char *start)
{
    for (guint i = 0; i < G_N_ELEMENTS(live_options); i++) {
        g_autofree char *beginning = g_strconcat(live_options[i].name, "=", NULL);
        g_auto(GStrv) words = g_strsplit(live_options[i].words, " ", -1);
        if (is_given(arguments, beginning))
            continue;
        if (!strchr(start, '='))
            offer(beginning, start);
        for (char **word = words; strchr(start, '=') && *word; word++) {
            g_autofree char *whole = g_strconcat(beginning, *word, NULL);
            offer(whole, start);
        }
    }
}

static const GwOption *find_option(const GwCommand *command, const char *word)
{
    const GwOption *lists[] = {command ? command->options : NULL, gw_global_options};
    for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
        for (const GwOption *option = lists[i]; option && option->name; option++)
            if (g_str_has_prefix(word, "--") && strcmp(option->name, word + 2) == 0)
                return option;
    return NULL;
}

/* The words before the cursor, understood as far as completion needs. */
typedef struct {
    const GwCommand *command;
    const GwOption *open; /* the option whose value stands under the cursor */
    guint words; /* after the command */
} Sight;

static Sight look_at(const GwArguments *arguments)
{
    Sight sight = {0};
    for (guint i = 0; i + 1 < arguments->words->len; i++) {
        const char *word = gw_arguments_word(arguments, i);
        const GwOption *option = find_option(sight.command, word);
        if (sight.open)
            sight.open = NULL;
        else if (option && option->value)
            sight.open = option;
        else if (*word != '-' && !sight.command)
            sight.command = gw_command_find(word);
        else if (*word != '-')
            sight.words++;
    }
    return sight;
}

GwExit gw_run_complete(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *start = arguments->words->len ? gw_arguments_word(arguments, arguments->words->len - 1) : "";
    Sight sight = look_at(arguments);
    g_auto(GStrv) kinds = g_strsplit(sight.command ? sight.command->arguments : "", " ", -1);

    if (sight.open && strcmp(sight.open->value, "NAME=VALUE") == 0) {
        offer_live_options(arguments, start);
    } else if (sight.open) {
        offer_kind(cli, "", sight.open->value, start);
    } else if (*start == '-') {
        offer_options(sight.command ? sight.command->options : NULL, start);
        offer_options(gw_global_options, start);
    } else if (!sight.command) {
        offer_commands(start);
    } else {
        guint count = g_strv_length(kinds);
        gboolean more = count && strstr(kinds[count - 1], "..."); /* the last as often as one likes */
        if (sight.words < count || more)
            offer_kind(cli, sight.command->name, kinds[MIN(sight.words, count - 1)], start);
    }
    return GW_EXIT_DONE;
}
