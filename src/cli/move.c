#include "cli/move.h"

#include <string.h>

typedef enum { END_NOT, END_MOVED, END_RESTS, END_CONFIRMED, END_REVERTED, END_CANCELLED, END_FAILED } End;

/* The states of core/migration.h by name; this program links nothing of the core, and shows a state it does not know by
 * the daemon's own word. */
static const struct {
    const char *state, *phase;
    gboolean copies;
    End end;
} states[] = {
    {"accepted", "checking", FALSE, END_NOT},
    {"queued", "waiting for its turn", FALSE, END_NOT},
    {"preparing", "making room", FALSE, END_NOT},
    {"running", "copying", TRUE, END_NOT},
    {"post-copy", "runs there, fetching the rest", TRUE, END_NOT},
    {"settling", "moved, tidying up", FALSE, END_NOT},
    {"completed", "done", FALSE, END_MOVED},
    {"stopping", "shutting the guest down", FALSE, END_NOT},
    {"moving", "copying", TRUE, END_NOT},
    {"placing", "defining it there", FALSE, END_NOT},
    {"starting", "starting it there", FALSE, END_NOT},
    {"finished", "moved, waiting for confirmation", FALSE, END_RESTS},
    {"confirming", "removing what is left on the source", FALSE, END_NOT},
    {"confirmed", "confirmed", FALSE, END_CONFIRMED},
    {"reverting", "going back", FALSE, END_NOT},
    {"reverted", "gone back", FALSE, END_REVERTED},
    {"undoing", "undoing, the source keeps it", FALSE, END_NOT},
    {"cancelled", "cancelled", FALSE, END_CANCELLED},
    {"failed", "failed", FALSE, END_FAILED},
    {"error", "needs you", FALSE, END_FAILED},
    {"evacuated", "evacuated", FALSE, END_MOVED},
};

static gboolean read_text(GwMove *move, const json_t *json, GError **error)
{
    return gw_json_int(json, "id", GW_JSON_REQUIRED, 1, G_MAXINT64, &move->id, error) &&
           gw_json_string(json, "state", GW_JSON_REQUIRED, &move->state, error) &&
           gw_json_string(json, "status", GW_JSON_OPTIONAL, &move->status, error) &&
           gw_json_string(json, "kind", GW_JSON_REQUIRED, &move->kind, error) &&
           gw_json_string(json, "instance_uuid", GW_JSON_REQUIRED, &move->instance_uuid, error) &&
           gw_json_string(json, "instance_name", GW_JSON_OPTIONAL, &move->name, error) &&
           gw_json_string(json, "source", GW_JSON_OPTIONAL, &move->source, error) &&
           gw_json_string(json, "dest", GW_JSON_OPTIONAL, &move->dest, error) &&
           gw_json_string(json, "reason", GW_JSON_OPTIONAL, &move->reason, error) &&
           gw_json_string(json, "created_at", GW_JSON_OPTIONAL, &move->created_at, error) &&
           gw_json_string(json, "started_at", GW_JSON_OPTIONAL, &move->started_at, error) &&
           gw_json_string(json, "ended_at", GW_JSON_OPTIONAL, &move->ended_at, error) &&
           gw_json_string(json, "updated_at", GW_JSON_OPTIONAL, &move->updated_at, error) &&
           gw_json_bool(json, "final", GW_JSON_REQUIRED, &move->final, error) &&
           gw_json_bool(json, "disks_copied", GW_JSON_OPTIONAL, &move->disks_copied, error) &&
           gw_json_uint64(json, "total_ms", GW_JSON_OPTIONAL, &move->total_ms, error) &&
           gw_json_uint64(json, "waited_ms", GW_JSON_OPTIONAL, &move->waited_ms, error);
}

static gboolean read_figures(GwMoveFigures *figures, const json_t *json, GError **error)
{
    const struct {
        const char *field;
        guint64 *value;
    } fields[] = {
        {"elapsed_ms", &figures->elapsed_ms},
        {"downtime_ms", &figures->downtime_ms},
        {"memory_total", &figures->memory_total},
        {"memory_processed", &figures->memory_processed},
        {"memory_remaining", &figures->memory_remaining},
        {"disk_total", &figures->disk_total},
        {"disk_processed", &figures->disk_processed},
        {"disk_remaining", &figures->disk_remaining},
        {"memory_bps", &figures->memory_bps},
        {"dirty_bps", &figures->dirty_bps},
        {"iteration", &figures->iteration},
        {"throttle_percent", &figures->throttle_percent},
    };
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        if (!gw_json_uint64(json, fields[i].field, GW_JSON_OPTIONAL, fields[i].value, error))
            return FALSE;
    return TRUE;
}

GwMove *gw_move_new(json_t *json, GError **error)
{
    g_autoptr(GwMove) move = g_new0(GwMove, 1);
    g_autoptr(GError) why = NULL;
    json_t *progress = NULL;
    move->json = json_incref(json);
    if (!read_text(move, json, &why) || !gw_json_object(json, "progress", GW_JSON_OPTIONAL, &progress, &why) ||
        (progress && !read_figures(&move->figures, progress, &why))) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "The daemon's answer about a migration makes no sense: %s.",
                    why->message);
        return NULL;
    }
    move->status = move->status ? move->status : move->state;
    move->name = move->name ? move->name : move->instance_uuid;
    move->source = move->source ? move->source : "an unknown host";
    return g_steal_pointer(&move);
}

void gw_move_free(GwMove *move)
{
    if (!move)
        return;
    json_decref(move->json);
    g_free(move);
}

gboolean gw_move_is_cold(const GwMove *move)
{
    return strcmp(move->kind, "migration") == 0 || strcmp(move->kind, "resize") == 0;
}

const char *gw_move_kind(const GwMove *move)
{
    return gw_move_is_cold(move) ? "cold" : strcmp(move->kind, "live-migration") == 0 ? "live" : move->kind;
}

/* -1: a state that this program does not know. */
static int find_state(const GwMove *move)
{
    for (guint i = 0; i < G_N_ELEMENTS(states); i++)
        if (strcmp(states[i].state, move->state) == 0)
            return (int)i;
    return -1;
}

static End end_of(const GwMove *move)
{
    int found = find_state(move);
    return found >= 0 ? states[found].end : move->final ? END_FAILED : END_NOT;
}

const char *gw_move_phase(const GwMove *move)
{
    int found = find_state(move);
    if (strcmp(move->kind, "evacuation") == 0 && strcmp(move->state, "moving") == 0)
        return "defining it there";
    return found >= 0 ? states[found].phase : move->state;
}

char *gw_move_doing(const GwMove *move)
{
    const char *begin = "it ";
    gboolean waits = strcmp(move->state, "queued") == 0 && move->reason && g_str_has_prefix(move->reason, begin);
    if (!waits)
        return g_strdup(gw_move_phase(move));
    const char *text = move->reason + strlen(begin), *aside = strstr(text, " (");
    return aside ? g_strndup(text, (gsize)(aside - text)) : g_strdup(text);
}

guint64 gw_move_total(const GwMove *move)
{
    return move->figures.memory_total + move->figures.disk_total;
}

gboolean gw_move_copies(const GwMove *move)
{
    int found = find_state(move);
    return found >= 0 && states[found].copies && gw_move_total(move) > 0;
}

guint64 gw_move_moved(const GwMove *move)
{
    guint64 total = gw_move_total(move);
    guint64 left = move->figures.memory_remaining + move->figures.disk_remaining;
    return left < total ? total - left : 0;
}

guint gw_move_percent(const GwMove *move)
{
    guint64 total = gw_move_total(move);
    return total ? (guint)((double)gw_move_moved(move) * 100 / (double)total) : 0;
}

gboolean gw_move_ended(const GwMove *move, GwWanted wanted)
{
    /* the answer to a confirmation may come before the loop has seen it: the rest is then not an end */
    gboolean rest_ends = wanted == GW_WANT_MOVED || wanted == GW_WANT_CANCELLED;
    return move->final || (end_of(move) == END_RESTS && rest_ends);
}

GwExit gw_move_verdict(const GwMove *move, GwWanted wanted)
{
    switch (end_of(move)) {
    case END_MOVED:
    case END_RESTS:
        return wanted == GW_WANT_MOVED ? GW_EXIT_DONE : GW_EXIT_OTHERWISE;
    case END_CONFIRMED:
        return wanted == GW_WANT_MOVED || wanted == GW_WANT_CONFIRMED ? GW_EXIT_DONE : GW_EXIT_OTHERWISE;
    case END_REVERTED:
        return wanted == GW_WANT_REVERTED || wanted == GW_WANT_CANCELLED ? GW_EXIT_DONE : GW_EXIT_OTHERWISE;
    case END_CANCELLED:
        return wanted == GW_WANT_CANCELLED ? GW_EXIT_DONE : GW_EXIT_OTHERWISE;
    case END_NOT:
    case END_FAILED:
        return GW_EXIT_FAILED;
    }
    return GW_EXIT_FAILED;
}
