/* Godwit's own: rolling drains. */
#include "api/body.h"
#include "api/drains.h"
#include "api/handlers.h"
#include "api/parking.h"
#include "api/view.h"

#include "base/error.h"

#include <string.h>

/* A URL without its password. */
static json_t *hook_view(const char *hook)
{
    g_autoptr(GUri) uri = hook ? g_uri_parse(hook, G_URI_FLAGS_HAS_PASSWORD, NULL) : NULL;
    g_autofree char *shown = uri ? g_uri_to_string_partial(uri, G_URI_HIDE_USERINFO) : g_strdup(hook);
    return gw_json_text(shown);
}

static json_t *id_view(gint64 id)
{
    return id ? json_integer(id) : json_null();
}

static json_t *host_view(const GwRollingHost *host)
{
    return json_pack("{s:o,s:s,s:o,s:o,s:I,s:I,s:I,s:o,s:o}", "host", gw_json_text(host->host), "turn", gw_turn_name(host->turn), "drain_id",
                     id_view(host->drain_id), "return_id", id_view(host->return_id), "moves", (json_int_t)host->moves, "stays",
                     (json_int_t)host->stays, "predicted_ms", (json_int_t)host->predicted_ms, "since", gw_json_time_micro(host->since_us),
                     "reason", gw_json_text(host->reason));
}

static json_t *rolling_view(const GwRolling *rolling)
{
    gboolean dry = rolling->id == 0;
    json_t *hosts = json_array();
    for (guint n = 0; n < rolling->hosts->len; n++)
        json_array_append_new(hosts, host_view(rolling->hosts->pdata[n]));
    return json_pack("{s:o,s:o,s:s,s:b,s:I,s:o,s:b,s:b,s:I,s:o,s:o,s:o,s:o,s:o,s:o}", "id", id_view(rolling->id), "uuid",
                     dry ? json_null() : json_string(rolling->uuid), "state", dry ? "planned" : gw_rolling_state_name(rolling->state),
                     "cancelling", rolling->cancelling, "at_once", (json_int_t)rolling->at_once, "hook", hook_view(rolling->hook),
                     "include_stopped", rolling->include_stopped, "return", rolling->return_later, "parallel",
                     (json_int_t)rolling->per_host, "reason", gw_json_text(rolling->reason), "request_id",
                     gw_json_text(rolling->request_id), "user_id", gw_json_text(rolling->user_id), "created_at",
                     gw_json_time_micro(rolling->created_us), "ended_at", gw_json_time_micro(rolling->ended_us), "hosts", hosts);
}

void gw_rollings_list(GwRequest *request)
{
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    if (!gw_engine_rollings(request->engine, &rows, &error)) {
        gw_reply_error(request, error);
        return;
    }
    json_t *list = json_array();
    for (guint n = 0; n < rows->len; n++)
        json_array_append_new(list, rolling_view(rows->pdata[n]));
    gw_reply_named(request, 200, "rollings", list);
}

static gboolean take_id(GwRequest *request, gint64 *ret_id)
{
    guint64 id;
    if (g_ascii_string_to_unsigned(request->args[0], 10, 1, G_MAXINT64, &id, NULL)) {
        *ret_id = (gint64)id;
        return TRUE;
    }
    gw_reply_fault(request, 404, "Rolling drain %s could not be found.", request->args[0]);
    return FALSE;
}

void gw_rollings_show(GwRequest *request)
{
    g_autoptr(GError) error = NULL;
    gint64 id;
    if (!take_id(request, &id))
        return;
    g_autoptr(GwRolling) rolling = gw_engine_rolling_show(request->engine, id, &error);
    if (rolling)
        gw_reply_named(request, 200, "rolling", rolling_view(rolling));
    else
        gw_reply_error(request, error);
}

void gw_rollings_cancel(GwRequest *request)
{
    g_autoptr(GError) error = NULL;
    gint64 id;
    if (!take_id(request, &id))
        return;
    if (gw_engine_rolling_cancel(request->engine, id, &error))
        gw_reply_empty(request, 202);
    else
        gw_reply_error(request, error);
}

static void failed(GwRequest *request, gint64 number, const GError *error)
{
    gw_reply_error(request, error);
}

static void too_slow(GwRequest *request)
{
    gw_reply_fault(request, 504,
                   "The rolling drain was not planned within %u seconds; it may begin yet: see godwit rolling-list.",
                   request->shared->wait_s);
}

static void planned(gpointer data, const GwRolling *rolling, const GError *error)
{
    if (rolling)
        gw_deferred_answer(data, rolling->id ? 202 : 200, json_pack("{s:o}", "rolling", rolling_view(rolling)));
    else
        gw_deferred_finish(data, 0, error);
}

void gw_rollings_begin(GwRequest *request)
{
    static const GwBodyRule outer[] = {{"rolling", GW_BODY_OBJECT, GW_BODY_REQUIRED}};
    static const GwBodyRule inner[] = {{"hosts", GW_BODY_HOST_NAMES}, {"aggregate", GW_BODY_TEXT},     {"at_once", GW_BODY_COUNT},
                                       {"hook", GW_BODY_TEXT},        {"dry_run", GW_BODY_BOOLEAN},    {"parallel", GW_BODY_COUNT},
                                       {"return", GW_BODY_BOOLEAN},   {"include_stopped", GW_BODY_BOOLEAN}};
    json_t *body = json_object_get(request->json, "rolling");
    if (!GW_BODY_CHECK(request, "body", request->json, outer) || !GW_BODY_CHECK(request, "rolling", body, inner))
        return;
    g_auto(GStrv) hosts = gw_drain_hosts(body);
    GwRollingOrder order = {.order = gw_drain_order(request, body),
                            .aggregate = gw_body_text(body, "aggregate"),
                            .at_once = (guint)json_integer_value(json_object_get(body, "at_once")),
                            .hook = gw_body_text(body, "hook")};
    order.order.hosts = hosts;
    gw_engine_rolling(request->engine, &order, planned, gw_request_defer(request, failed, too_slow));
}
