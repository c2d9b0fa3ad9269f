/* The commands that tell what moves there were and are. They ask Godwit's own API, which knows ended ones too, and says
 * why they ended; Nova's list of a server's migrations holds those in progress only. */
#include "cli/client.h"
#include "cli/follow.h"
#include "cli/server.h"
#include "cli/table.h"
#include "cli/text.h"

#include <string.h>

static const char list_limit[] = "100";

static char *duration(const GwMove *move)
{
    return move->total_ms ? gw_text_duration(move->total_ms) : NULL;
}

static char *progress(const GwMove *move)
{
    return gw_move_copies(move) ? g_strdup_printf("%s %u%%", move->status, gw_move_percent(move))
                                : g_strdup(move->status);
}

static void add_move(GwTable *table, const GwMove *move)
{
    gw_table_add_int(table, move->id);
    gw_table_add(table, move->name);
    gw_table_add(table, gw_move_kind(move));
    gw_table_take(table, progress(move));
    gw_table_add(table, move->source);
    gw_table_add(table, move->dest);
    gw_table_take(table, gw_text_time(move->created_at));
    gw_table_take(table, duration(move));
    gw_table_add(table, move->instance_uuid);
}

static gboolean print_moves(const json_t *list, const char *none, GError **error)
{
    static const char *const headings[] = {"ID",          "Server",        "Kind", "Status",      "Source",
                                           "Destination", "Created (UTC)", "Took", "Server UUID", NULL};
    g_autoptr(GwTable) table = gw_table_new(headings);
    for (size_t i = 0; i < json_array_size(list); i++) {
        g_autoptr(GwMove) move = gw_move_new(json_array_get(list, i), error);
        if (!move)
            return FALSE;
        add_move(table, move);
    }
    if (gw_table_rows(table) > 0)
        gw_table_print(table, stdout);
    else
        puts(none);
    return TRUE;
}

static GwExit list_moves(GwCli *cli, const char *path, const char *none, GError **error)
{
    g_autoptr(json_t) body = NULL;
    json_t *list;
    if (!gw_client_get(cli, path, &body, error) || !gw_client_list(body, "migrations", &list, error))
        return GW_EXIT_FAILED;
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(body);
    else if (!print_moves(list, none, error))
        return GW_EXIT_FAILED;
    return GW_EXIT_DONE;
}

GwExit gw_run_migration_list(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *which = gw_arguments_option(arguments, "server"), *limit = gw_arguments_option(arguments, "limit");
    gint64 count;
    if (limit && !gw_arguments_number(limit, "--limit", &count, error))
        return GW_EXIT_USAGE;

    g_autoptr(GwServer) server = which ? gw_server_find(cli, which, error) : NULL;
    if (which && !server)
        return GW_EXIT_FAILED;

    g_autoptr(GString) path = g_string_new("/godwit/v1/migrations");
    gw_client_query(path, "instance_uuid", server ? server->uuid : gw_arguments_option(arguments, "instance-uuid"));
    gw_client_query(path, "host", gw_arguments_option(arguments, "host"));
    gw_client_query(path, "status", gw_arguments_option(arguments, "status"));
    gboolean filtered = strchr(path->str, '?') != NULL;
    gw_client_query(path, "limit", limit ? limit : list_limit);
    return list_moves(cli, path->str,
                      filtered ? "No migration matches; 'godwit migration-list' shows the newest of all."
                               : "No migrations yet. Move a server with: godwit live-migration SERVER [HOST]",
                      error);
}

GwExit gw_run_server_migration_list(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *which = gw_arguments_word(arguments, 0);

    g_autoptr(GError) why = NULL;
    g_autoptr(GwServer) server = gw_server_find(cli, which, &why);
    gboolean gone = g_error_matches(why, GW_ERROR, GW_ERROR_NOT_FOUND) && g_uuid_string_is_valid(which);
    if (!server && !gone) {
        g_propagate_error(error, g_steal_pointer(&why));
        return GW_EXIT_FAILED;
    }

    g_autofree char *path =
        gw_client_path("/godwit/v1/migrations?instance_uuid=%s&limit=%s", server ? server->uuid : which, list_limit);
    return list_moves(cli, path,
                      "This server has not been moved yet. Move it with: godwit live-migration SERVER [HOST]", error);
}

/* ---- one migration */

static void add_property(GwTable *table, const char *name, char *value /* taken; NULL: left out */)
{
    if (!value)
        return;
    gw_table_add(table, name);
    gw_table_take(table, value);
}

static void add_copied(GwTable *table, const char *name, guint64 total, guint64 remaining)
{
    if (!total)
        return;
    g_autofree char *whole = gw_text_bytes(total);
    g_autofree char *left = gw_text_bytes(remaining);
    add_property(table, name, g_strdup_printf("%s, %s of it left", whole, left));
}

static void add_figures(GwTable *table, const GwMove *move)
{
    const GwMoveFigures *figures = &move->figures;
    add_copied(table, "memory", figures->memory_total, figures->memory_remaining);
    add_copied(table, "disks", figures->disk_total, figures->disk_remaining);
    guint64 copied = figures->memory_processed + figures->disk_processed;
    add_property(table, "copied", copied ? gw_text_bytes(copied) : NULL);
    if (figures->memory_bps) {
        g_autofree char *rate = gw_text_bytes(figures->memory_bps);
        add_property(table, "rate", g_strdup_printf("%s/s", rate));
    }
    if (figures->dirty_bps) {
        g_autofree char *rate = gw_text_bytes(figures->dirty_bps);
        add_property(table, "guest writes", g_strdup_printf("%s/s", rate));
    }
    if (figures->throttle_percent)
        add_property(table, "guest slowed by", g_strdup_printf("%" G_GUINT64_FORMAT "%%", figures->throttle_percent));
    if (figures->downtime_ms && strcmp(move->state, "completed") == 0) /* else it is what was expected, not measured */
        add_property(table, "guest paused for", gw_text_duration(figures->downtime_ms));
}

/* "12.3 s, between 9.80 s and 16.0 s". */
static char *interval(const json_t *outlook, const char *name)
{
    const json_t *span = json_object_get(outlook, name);
    g_autofree char *likely = gw_text_duration((guint64)json_integer_value(json_object_get(span, "likely")));
    g_autofree char *low = gw_text_duration((guint64)json_integer_value(json_object_get(span, "low")));
    g_autofree char *high = gw_text_duration((guint64)json_integer_value(json_object_get(span, "high")));
    return g_strdup_printf("%s, between %s and %s", likely, low, high);
}

/* Of one that has ended: what was expected before it began. */
static void add_prediction(GwTable *table, const GwMove *move)
{
    const json_t *outlook = json_object_get(json_object_get(move->json, "prediction"), move->final ? "before" : "now");
    const char *text = json_string_value(json_object_get(outlook, "text"));
    if (!text)
        return;
    if (!move->final)
        add_property(table, "expected", gw_text_clean(text));
    add_property(table, move->final ? "time predicted" : "expected time", interval(outlook, "total_ms"));
    add_property(table, move->final ? "pause predicted" : "expected pause", interval(outlook, "downtime_ms"));
}

static void add_options(GwTable *table, const GwMove *move)
{
    const char *name;
    json_t *value;
    g_autoptr(GString) text = g_string_new(NULL);
    json_object_foreach(json_object_get(move->json, "options"), name, value)
        g_string_append_printf(text, "%s%s=%s", text->len ? ", " : "", name, json_string_value(value));
    add_property(table, "options", text->len ? gw_text_clean(text->str) : NULL);
}

/* The daemon's words of the rungs of its ladder; one that this program does not know is shown by its own. */
static const char *rung_words(const char *rung)
{
    static const struct {
        const char *rung, *words;
    } known[] = {
        {"wait", "the copy itself"},
        {"slow-down", "slowing the guest down"},
        {"copy-again", "copying the disks again, with writes that wait"},
        {"post-copy", "post-copy"},
        {"pause", "pausing the guest"},
        {"abort", "giving up"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(known); i++)
        if (strcmp(known[i].rung, rung) == 0)
            return known[i].words;
    return rung;
}

/* What ended it; or, while it goes on, or when something else has ended it, how far the ladder went. */
static void add_rung(GwTable *table, const GwMove *move)
{
    const char *rung = gw_json_peek(move->json, "rung"), *why = gw_json_peek(move->json, "rung_reason");
    gboolean aborted = g_strcmp0(rung, "abort") == 0, ended = strcmp(move->state, "completed") == 0 || aborted;
    if (!rung || (!ended && strcmp(rung, "wait") == 0))
        return;
    gboolean told = aborted && g_strcmp0(why, move->reason) == 0; /* below */
    g_autofree char *reason = why && !told ? gw_text_clean(why) : g_strdup("");
    add_property(table, ended ? "ended by" : "last rung", g_strdup_printf("%s%s%s", rung_words(rung), *reason ? ": " : "", reason));
}

/* A refusal has many reasons: a row each. */
static void add_reasons(GwTable *table, const GwMove *move)
{
    if (!move->reason || !*move->reason)
        return;
    g_auto(GStrv) reasons = NULL;
    add_property(table, "reason", gw_text_refusal(move->reason, &reasons));
    for (guint i = 0; reasons[i]; i++)
        add_property(table, "", g_strdup(reasons[i]));
}

static void print_move(const GwMove *move)
{
    static const char *const headings[] = {"Property", "Value", NULL};
    g_autoptr(GwTable) table = gw_table_new(headings);
    add_property(table, "id", g_strdup_printf("%" G_GINT64_FORMAT, move->id));
    add_property(table, "server", g_strdup_printf("%s (%s)", move->name, move->instance_uuid));
    add_property(table, "kind", g_strdup(gw_move_kind(move)));
    add_property(table, "status", progress(move));
    add_property(table, "doing", move->final ? NULL : gw_move_doing(move));
    add_property(table, "source", g_strdup(move->source));
    add_property(table, "destination", g_strdup(move->dest ? move->dest : "not chosen yet"));
    add_property(table, "created (UTC)", gw_text_time(move->created_at));
    add_property(table, "ended (UTC)", move->ended_at ? gw_text_time(move->ended_at) : NULL);
    add_property(table, "took", duration(move));
    add_property(table, "policy", g_strdup(gw_json_peek(move->json, "policy")));
    add_options(table, move);
    add_rung(table, move);
    add_figures(table, move);
    add_prediction(table, move);
    add_reasons(table, move);
    gw_table_print(table, stdout);
}

/* A server that is no longer looked after keeps its history, under its UUID and under the name it then had. */
static gboolean is_owner(GwCli *cli, const char *which, const GwMove *move, GError **error)
{
    if (strcmp(which, move->name) == 0 || g_ascii_strcasecmp(which, move->instance_uuid) == 0)
        return TRUE;
    g_autoptr(GwServer) server = gw_server_find(cli, which, error);
    return server && gw_follow_check_owner(move, server->uuid, server->name, error);
}

GwExit gw_run_server_migration_show(GwCli *cli, const GwArguments *arguments, GError **error)
{
    gint64 id;
    if (!gw_arguments_number(gw_arguments_word(arguments, 1), "MIGRATION", &id, error))
        return GW_EXIT_USAGE;

    g_autoptr(GwMove) move = gw_follow_once(cli, id, error);
    if (!move || !is_owner(cli, gw_arguments_word(arguments, 0), move, error))
        return GW_EXIT_FAILED;

    if (gw_arguments_option(arguments, "follow"))
        return gw_follow(cli, id, GW_WANT_MOVED, error);
    g_autoptr(json_t) value = json_pack("{s:O}", "migration", move->json);
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(value);
    else
        print_move(move);
    return GW_EXIT_DONE;
}
