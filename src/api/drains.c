/* Godwit's own: emptying hosts, taking them into use again, spreading load. A drain is shown with every move, and every instance
 * that stays with the reason. */
#include "api/body.h"
#include "api/drains.h"
#include "api/handlers.h"
#include "api/query.h"

#include "base/error.h"

#include <string.h>

enum { DEFAULT_LIMIT = 100 };

/* ---- showing */

static json_t *move_view(const GwDrainMove *move)
{
    return json_pack("{s:s,s:o,s:o,s:o,s:s,s:s,s:o,s:I,s:o,s:o,s:I,s:I,s:I}", "instance_uuid", move->instance_uuid, "instance_name",
                     gw_json_text(move->instance_name), "source", gw_json_text(move->source), "dest", gw_json_text(move->dest), "kind",
                     gw_move_kind_name(move->kind), "state", gw_step_state_name(move->state), "migration_id",
                     move->migration_id ? json_integer(move->migration_id) : json_null(), "attempts", (json_int_t)move->attempts,
                     "reason", gw_json_text(move->reason), "bytes", gw_json_count(move->bytes), "start_ms", (json_int_t)move->start_ms,
                     "predicted_ms", (json_int_t)move->predicted_ms, "pause_ms", (json_int_t)move->pause_ms);
}

static json_t *names_view(const char *names)
{
    g_auto(GStrv) words = g_strsplit(names ? names : "", " ", -1);
    json_t *list = json_array();
    for (char **word = words; *word; word++)
        if (**word)
            json_array_append_new(list, gw_json_text(*word));
    return list;
}

static json_t *counts_view(const GPtrArray *moves)
{
    json_t *counts = json_object();
    guint numbers[GW_STEP_GONE + 1] = {0};
    for (guint n = 0; n < moves->len; n++)
        numbers[((GwDrainMove *)moves->pdata[n])->state]++;
    for (GwStepState state = 0; state <= GW_STEP_GONE; state++)
        json_object_set_new(counts, gw_step_state_name(state), json_integer(numbers[state]));
    return counts;
}

/* moves NULL: in a list of drains. */
json_t *gw_drain_view(const GwDrain *drain, const GPtrArray *moves)
{
    gboolean dry = drain->id == 0;
    json_t *view = json_pack("{s:o,s:o,s:s,s:o,s:s,s:b,s:b,s:b,s:I,s:I,s:I,s:o,s:o,s:o,s:o}", "id",
                             dry ? json_null() : json_integer(drain->id), "uuid", dry ? json_null() : json_string(drain->uuid), "kind",
                             gw_drain_kind_name(drain->kind), "hosts", names_view(drain->hosts), "state",
                             dry ? "planned" : gw_drain_state_name(drain->state), "cancelling", drain->cancelling, "include_stopped",
                             drain->include_stopped, "return", drain->return_later, "parallel", (json_int_t)drain->per_host, "predicted_ms",
                             (json_int_t)drain->predicted_ms, "bound_ms", (json_int_t)drain->bound_ms, "reason",
                             gw_json_text(drain->reason), "request_id", gw_json_text(drain->request_id), "created_at",
                             gw_json_time_micro(drain->created_us), "ended_at", gw_json_time_micro(drain->ended_us));
    json_object_set_new(view, "user_id", gw_json_text(drain->user_id));
    json_object_set_new(view, "deadline", gw_json_time_micro(drain->deadline_us));
    gint64 until = drain->ended_us ? drain->ended_us : g_get_real_time();
    json_object_set_new(view, "elapsed_ms", json_integer(dry ? 0 : (until - drain->created_us) / 1000));
    if (!moves)
        return view;
    json_t *list = json_array();
    for (guint n = 0; n < moves->len; n++)
        json_array_append_new(list, move_view(moves->pdata[n]));
    json_object_set_new(view, "counts", counts_view(moves));
    json_object_set_new(view, "moves", list);
    return view;
}

static void reply_drain(GwRequest *request, guint status, const GwDrain *drain, const GPtrArray *moves)
{
    gw_reply_named(request, status, "drain", gw_drain_view(drain, moves));
}

static gboolean take_id(GwRequest *request, gint64 *ret_id)
{
    guint64 id;
    if (g_ascii_string_to_unsigned(request->args[0], 10, 1, G_MAXINT64, &id, NULL)) {
        *ret_id = (gint64)id;
        return TRUE;
    }
    gw_reply_fault(request, 404, "Drain %s could not be found.", request->args[0]);
    return FALSE;
}

void gw_drains_list(GwRequest *request)
{
    static const GwQueryRule rules[] = {{"limit", GW_QUERY_NUMBER}};
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    if (!GW_QUERY_CHECK(request, rules, 1))
        return;
    GwDrainQuery query = {.limit = gw_query_text(request, "limit") ? gw_query_limit(request) : DEFAULT_LIMIT};
    json_t *list = json_array();
    gboolean ok = !query.limit || gw_engine_drains(request->engine, &query, &rows, &error);
    for (guint n = 0; rows && n < rows->len; n++)
        json_array_append_new(list, gw_drain_view(rows->pdata[n], NULL));
    if (ok) {
        gw_reply_named(request, 200, "drains", list);
        return;
    }
    json_decref(list);
    gw_reply_error(request, error);
}

void gw_drains_show(GwRequest *request)
{
    g_autoptr(GwDrain) drain = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    g_autoptr(GError) error = NULL;
    gint64 id;
    if (!take_id(request, &id))
        return;
    if (gw_engine_drain_show(request->engine, id, &drain, &moves, &error))
        reply_drain(request, 200, drain, moves);
    else
        gw_reply_error(request, error);
}

void gw_drains_cancel(GwRequest *request)
{
    g_autoptr(GError) error = NULL;
    gint64 id;
    if (!take_id(request, &id))
        return;
    if (gw_engine_drain_cancel(request->engine, id, &error))
        gw_reply_empty(request, 202);
    else
        gw_reply_error(request, error);
}

/* ---- beginning */

GwDrainOrder gw_drain_order(const GwRequest *request, json_t *body)
{
    return (GwDrainOrder){
        .dry_run = gw_body_is_true(body, "dry_run") ? GW_DRY_RUN : GW_DRY_RUN_NOT,
        .per_host = (guint)json_integer_value(json_object_get(body, "parallel")),
        .deadline_s = (guint64)json_integer_value(json_object_get(body, "deadline_s")),
        .stopped = gw_body_is_true(body, "include_stopped") ? GW_STOPPED_MOVE : GW_STOPPED_STAY,
        .return_later = gw_body_is_true(body, "return"),
        .request_id = request->request_id,
        .user_id = gw_request_user(request),
        .project_id = gw_request_project(request),
    };
}

GStrv gw_drain_hosts(json_t *body)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    size_t index;
    json_t *name;
    json_array_foreach(json_object_get(body, "hosts"), index, name)
        g_strv_builder_add(names, json_string_value(name));
    return g_strv_builder_end(names);
}

void gw_drains_begin(GwRequest *request)
{
    static const GwBodyRule outer[] = {{"drain", GW_BODY_OBJECT, GW_BODY_REQUIRED}};
    static const GwBodyRule inner[] = {{"hosts", GW_BODY_HOST_NAMES, GW_BODY_REQUIRED},
                                       {"dry_run", GW_BODY_BOOLEAN},
                                       {"parallel", GW_BODY_COUNT},
                                       {"deadline_s", GW_BODY_COUNT},
                                       {"include_stopped", GW_BODY_BOOLEAN},
                                       {"return", GW_BODY_BOOLEAN}};
    json_t *body = json_object_get(request->json, "drain");
    if (!GW_BODY_CHECK(request, "body", request->json, outer) || !GW_BODY_CHECK(request, "drain", body, inner))
        return;
    g_auto(GStrv) hosts = gw_drain_hosts(body);
    GwDrainOrder order = gw_drain_order(request, body);
    order.hosts = hosts;
    g_autoptr(GwDrain) drain = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    g_autoptr(GError) error = NULL;
    if (gw_engine_drain(request->engine, &order, &drain, &moves, &error))
        reply_drain(request, drain->id ? 202 : 200, drain, moves);
    else
        gw_reply_error(request, error);
}

/* What became of the host, too: one that was disabled before it was drained is so again. */
static json_t *undrain_view(GwRequest *request, const GwDrain *drain, const GPtrArray *moves)
{
    g_autoptr(GwHostView) view = gw_engine_host(request->engine, request->args[0]);
    gboolean enabled = !view || view->row->enabled;
    return json_pack("{s:o,s:s,s:o,s:o}", "host", gw_json_text(request->args[0]), "status", enabled ? "enabled" : "disabled",
                     "disabled_reason", view && !enabled && view->row->disabled_reason ? gw_json_text(view->row->disabled_reason) : json_null(),
                     "drain", drain ? gw_drain_view(drain, moves) : json_null());
}

void gw_drains_undo(GwRequest *request)
{
    static const GwBodyRule outer[] = {{"undrain", GW_BODY_OBJECT, GW_BODY_REQUIRED}};
    static const GwBodyRule inner[] = {{"parallel", GW_BODY_COUNT}, {"return", GW_BODY_BOOLEAN}};
    json_t *body = json_object_get(request->json, "undrain");
    if (!GW_BODY_CHECK(request, "body", request->json, outer) || !GW_BODY_CHECK(request, "undrain", body, inner))
        return;
    GwDrainOrder order = gw_drain_order(request, body);
    g_autoptr(GwDrain) drain = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    g_autoptr(GError) error = NULL;
    if (!gw_engine_undrain(request->engine, request->args[0], &order, &drain, &moves, &error))
        gw_reply_error(request, error);
    else
        gw_reply_named(request, drain ? 202 : 200, "undrain", undrain_view(request, drain, moves));
}

/* ---- spreading load */

static gboolean take_objective(GwRequest *request, json_t *body, GwObjective *ret)
{
    static const char *const words[] = {"cpu", "memory", "both", "pack"};
    const char *word = gw_body_text(body, "objective");
    *ret = GW_OBJECTIVE_BOTH;
    for (guint n = 0; word && n < G_N_ELEMENTS(words); n++) {
        if (strcmp(word, words[n]) == 0) {
            *ret = (GwObjective)n;
            return TRUE;
        }
    }
    if (word)
        gw_reply_fault(request, 400, "Invalid input for field/attribute objective. Value: %s. It must be cpu, memory, both or pack", word);
    return !word;
}

static json_t *balance_view(const GwBalanceFigures *figures, const GwDrain *drain, const GPtrArray *moves)
{
    return json_pack("{s:f,s:f,s:o,s:I,s:I,s:o}", "score_before", figures->score_before, "score_after", figures->score_after, "bytes",
                     gw_json_count(figures->bytes), "hosts_before", (json_int_t)figures->hosts_before, "hosts_after",
                     (json_int_t)figures->hosts_after, "drain", gw_drain_view(drain, moves));
}

void gw_drains_balance(GwRequest *request)
{
    static const GwBodyRule outer[] = {{"balance", GW_BODY_OBJECT, GW_BODY_REQUIRED}};
    static const GwBodyRule inner[] = {{"dry_run", GW_BODY_BOOLEAN}, {"parallel", GW_BODY_COUNT},   {"max_moves", GW_BODY_COUNT},
                                       {"objective", GW_BODY_TEXT},  {"aggregate", GW_BODY_TEXT}};
    json_t *body = json_object_get(request->json, "balance");
    if (!GW_BODY_CHECK(request, "body", request->json, outer) || !GW_BODY_CHECK(request, "balance", body, inner))
        return;
    GwBalanceOrder order = {.order = gw_drain_order(request, body),
                            .aggregate = gw_body_text(body, "aggregate"),
                            .max_moves = (guint)json_integer_value(json_object_get(body, "max_moves"))};
    GwBalanceFigures figures;
    g_autoptr(GwDrain) drain = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    g_autoptr(GError) error = NULL;
    if (!take_objective(request, body, &order.objective))
        return;
    if (gw_engine_balance(request->engine, &order, &figures, &drain, &moves, &error))
        gw_reply_named(request, drain->id ? 202 : 200, "balance", balance_view(&figures, drain, moves));
    else
        gw_reply_error(request, error);
}
