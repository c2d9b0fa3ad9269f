/* os-instance-actions: what was asked of an instance, and what came of it
 * (nova/api/openstack/compute/instance_actions.py). */
#include "api/handlers.h"
#include "api/query.h"
#include "api/view.h"

#include <string.h>

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)
#define ACTION ((const GwActionRow *)row)
#define EVENT ((const GwEventRow *)row)

FIELD(action)
{
    return gw_json_text(ACTION->action);
}

FIELD(instance)
{
    return json_string(ACTION->instance_uuid);
}

FIELD(request_id)
{
    return gw_json_text(ACTION->request_id);
}

FIELD(user)
{
    return gw_json_text(ACTION->user_id);
}

FIELD(project)
{
    return gw_json_text(ACTION->project_id);
}

FIELD(start)
{
    return gw_json_time_micro(ACTION->start_us);
}

FIELD(message)
{
    return gw_json_text(ACTION->message);
}

FIELD(updated)
{
    return gw_json_time_micro(ACTION->updated_us);
}

static const GwField action_fields[] = {
    {"action", action},
    {"instance_uuid", instance},
    {"request_id", request_id},
    {"user_id", user},
    {"project_id", project},
    {"start_time", start},
    {"message", message},
    {"updated_at", updated, 58},
};

FIELD(event)
{
    return gw_json_text(EVENT->event);
}

FIELD(event_start)
{
    return gw_json_time_micro(EVENT->start_us);
}

FIELD(event_finish)
{
    return gw_json_time_micro(EVENT->finish_us);
}

FIELD(result)
{
    return gw_json_text(EVENT->result);
}

FIELD(host)
{
    return gw_json_text(EVENT->host);
}

FIELD(host_id)
{
    return gw_json_host_id(request, EVENT->host);
}

FIELD(details)
{
    return gw_json_text(EVENT->details);
}

static const GwField event_fields[] = {
    {"event", event},
    {"start_time", event_start},
    {"finish_time", event_finish},
    {"result", result},
    {"traceback", gw_view_null},
    {"host", host, 62},
    {"hostId", host_id, 62},
    {"details", details, 84},
};

/* ---- handlers */

/* From 2.21 on also of instances that are gone: the record is what is left of them. */
static gboolean check_server(GwRequest *request, const GPtrArray *rows)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(request->engine, request->args[0]);
    if (view || (rows->len && request->minor >= 21))
        return TRUE;
    gw_reply_no_instance(request);
    return FALSE;
}

static GPtrArray *find_actions(GwRequest *request, const char *id)
{
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    if (!gw_engine_actions(request->engine, request->args[0], id, &rows, &error)) {
        gw_reply_error(request, error);
        return NULL;
    }
    return check_server(request, rows) ? g_steal_pointer(&rows) : NULL;
}

static const GwQueryRule rules[] = {
    {"limit", GW_QUERY_NUMBER, 58},
    {"marker", GW_QUERY_TEXT, 58},
    {"changes-since", GW_QUERY_TIME, 58},
    {"changes-before", GW_QUERY_TIME, 66},
};

/* Rows past *ret_start that the marker, a request id, leaves out. */
static gboolean find_marker(GwRequest *request, const GPtrArray *rows, guint *ret_start)
{
    const char *marker = gw_query_text(request, "marker");
    *ret_start = 0;
    if (!marker)
        return TRUE;
    for (guint i = 0; i < rows->len; i++) {
        if (g_strcmp0(((const GwActionRow *)rows->pdata[i])->request_id, marker) == 0) {
            *ret_start = i + 1;
            return TRUE;
        }
    }
    gw_reply_fault(request, 400, "Marker %s could not be found.", marker);
    return FALSE;
}

static gboolean is_in_period(GwRequest *request, const GwActionRow *row)
{
    gint64 before = gw_query_time(request, "changes-before");
    return row->updated_us >= gw_query_time(request, "changes-since") && (!before || row->updated_us <= before);
}

static void reply_page(GwRequest *request, const GPtrArray *rows, guint start)
{
    guint limit = request->minor >= 58 ? gw_query_limit(request) : G_MAXUINT;
    const GwActionRow *last = NULL;
    json_t *list = json_array();
    json_t *body = json_object();
    for (guint i = start; i < rows->len && json_array_size(list) < limit; i++) {
        if (!is_in_period(request, rows->pdata[i]))
            continue;
        last = rows->pdata[i];
        json_array_append_new(list, GW_VIEW(request, action_fields, last));
    }
    json_object_set_new(body, "instanceActions", list);
    if (last && json_array_size(list) == limit) {
        g_autofree char *path = g_strdup_printf("servers/%s/os-instance-actions", request->args[0]);
        json_object_set_new(body, "links", gw_query_next(request, path, last->request_id));
    }
    gw_reply_json(request, 200, body);
}

void gw_instance_actions_list(GwRequest *request)
{
    guint start;
    if (!GW_QUERY_CHECK(request, rules, 58) || !gw_query_check_period(request))
        return;
    g_autoptr(GPtrArray) rows = find_actions(request, NULL);
    if (rows && find_marker(request, rows, &start))
        reply_page(request, rows, start);
}

void gw_instance_actions_show(GwRequest *request)
{
    g_autoptr(GPtrArray) rows = find_actions(request, request->args[1]);
    g_autoptr(GPtrArray) events = NULL;
    g_autoptr(GError) error = NULL;
    if (!rows)
        return;
    const GwActionRow *row = rows->len ? rows->pdata[0] : NULL;
    if (!row) {
        gw_reply_fault(request, 404, "Action %s not found", request->args[1]);
    } else if (!gw_engine_events(request->engine, row->id, &events, &error)) {
        gw_reply_error(request, error);
    } else {
        json_t *view = GW_VIEW(request, action_fields, row);
        json_object_set_new(view, "events", GW_VIEW_LIST(request, event_fields, events));
        gw_reply_named(request, 200, "instanceAction", view);
    }
}
