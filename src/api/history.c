/* os-instance-actions: what was asked of an instance, and what came of it. */
#include "api/request.h"

#include <string.h>

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *action_view(GwRequest *request, const GwActionRow *row)
{
    json_t *out = json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o}", "action", row->action, "instance_uuid", row->instance_uuid,
                            "request_id", row->request_id, "user_id", text_or_null(row->user_id), "project_id",
                            text_or_null(row->project_id), "start_time", gw_format_time_micro(row->start_us), "message",
                            text_or_null(row->message));
    if (request->minor >= 58)
        json_object_set_new(out, "updated_at", gw_format_time_micro(row->updated_us));
    return out;
}

static json_t *event_view(GwRequest *request, const GwEventRow *row)
{
    json_t *out = json_pack("{s:s,s:o,s:o,s:o,s:o}", "event", row->event, "start_time", gw_format_time_micro(row->start_us),
                            "finish_time", gw_format_time_micro(row->finish_us), "result", text_or_null(row->result),
                            "traceback", json_null());
    if (request->minor >= 62) {
        g_autofree char *seed = g_strconcat("admin", row->host ? row->host : "", NULL);
        g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, seed, -1);
        json_object_set_new(out, "host", text_or_null(row->host));
        json_object_set_new(out, "hostId", row->host ? json_stringn(hash, 56) : json_string(""));
    }
    if (request->minor >= 84)
        json_object_set_new(out, "details", text_or_null(row->details));
    return out;
}

/* From 2.21 on also of instances that are gone: the record is what is left of them. */
static gboolean check_server(GwRequest *request, const GPtrArray *rows)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(request->engine, request->args[0]);
    if (view || (rows->len && request->minor >= 21))
        return TRUE;
    gw_reply_fault(request, 404, "Instance %s could not be found.", request->args[0]);
    return FALSE;
}

void gw_actions_list(GwRequest *request)
{
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    if (!gw_engine_actions(request->engine, request->args[0], NULL, &rows, &error)) {
        gw_reply_error(request, error);
        return;
    }
    if (!check_server(request, rows))
        return;
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++)
        json_array_append_new(list, action_view(request, rows->pdata[i]));
    gw_reply_json(request, 200, json_pack("{s:o}", "instanceActions", list));
}

void gw_actions_show(GwRequest *request)
{
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GPtrArray) events = NULL;
    g_autoptr(GError) error = NULL;
    if (!gw_engine_actions(request->engine, request->args[0], request->args[1], &rows, &error) ||
        (rows->len && !gw_engine_events(request->engine, ((GwActionRow *)rows->pdata[0])->id, &events, &error))) {
        gw_reply_error(request, error);
        return;
    }
    if (!check_server(request, rows))
        return;
    if (!rows->len) {
        gw_reply_fault(request, 404, "Action %s not found", request->args[1]);
        return;
    }
    json_t *action = action_view(request, rows->pdata[0]);
    json_t *list = json_array();
    for (guint i = 0; i < events->len; i++)
        json_array_append_new(list, event_view(request, events->pdata[i]));
    json_object_set_new(action, "events", list);
    gw_reply_json(request, 200, json_pack("{s:o}", "instanceAction", action));
}
