/* os-services and os-availability-zone: every host is Nova's "nova-compute" service on a host of that name. */
#include "api/handlers.h"
#include "api/query.h"
#include "api/view.h"

#include <string.h>

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)
#define HOST ((const GwHostView *)row)

static const char binary_name[] = "nova-compute";

FIELD(number)
{
    return json_integer(HOST->row->id);
}

FIELD(uuid)
{
    return json_string(HOST->row->uuid);
}

FIELD(binary)
{
    return json_string(binary_name);
}

FIELD(host)
{
    return gw_json_text(HOST->row->name);
}

FIELD(status)
{
    return json_string(HOST->row->enabled ? "enabled" : "disabled");
}

FIELD(state)
{
    return json_string(HOST->up && !HOST->row->forced_down ? "up" : "down");
}

FIELD(updated)
{
    return gw_json_time_micro(HOST->seen_us);
}

FIELD(disabled_reason)
{
    return gw_json_text(HOST->row->disabled_reason);
}

FIELD(forced_down)
{
    return json_boolean(HOST->row->forced_down);
}

static const GwField fields[] = {
    {"id", number, 0, 52},
    {"id", uuid, 53},
    {"binary", binary},
    {"host", host},
    {"zone", gw_view_zone},
    {"status", status},
    {"state", state},
    {"updated_at", updated},
    {"disabled_reason", disabled_reason},
    {"forced_down", forced_down, 11},
};

static const GwQueryRule rules[] = {
    {"host", GW_QUERY_TEXT},
    {"binary", GW_QUERY_TEXT},
};

void gw_services_list(GwRequest *request)
{
    if (!GW_QUERY_CHECK(request, rules, 75))
        return;
    const char *name = gw_query_text(request, "host");
    const char *binary_wanted = gw_query_text(request, "binary");
    g_autoptr(GPtrArray) hosts = gw_engine_hosts(request->engine);
    json_t *list = json_array();
    for (guint i = 0; i < hosts->len; i++) {
        const GwHostView *view = hosts->pdata[i];
        if ((!name || strcmp(name, view->row->name) == 0) &&
            (!binary_wanted || strcmp(binary_wanted, binary_name) == 0))
            json_array_append_new(list, GW_VIEW(request, fields, view));
    }
    gw_reply_named(request, 200, "services", list);
}

/* ---- zones: one, until aggregates make others */

static void reply_zone(GwRequest *request, json_t *hosts)
{
    gw_reply_named(request, 200, "availabilityZoneInfo",
                   json_pack("[{s:o,s:{s:b},s:o}]", "zoneName", gw_view_zone(request, NULL), "zoneState", "available",
                             1, "hosts", hosts));
}

void gw_zones_list(GwRequest *request)
{
    reply_zone(request, json_null());
}

void gw_zones_detail(GwRequest *request)
{
    g_autoptr(GPtrArray) hosts = gw_engine_hosts(request->engine);
    json_t *table = json_object();
    for (guint i = 0; i < hosts->len; i++) {
        const GwHostView *view = hosts->pdata[i];
        json_object_set_new(table, view->row->name,
                            json_pack("{s:{s:b,s:b,s:o}}", binary_name, "available",
                                      view->up && !view->row->forced_down, "active", view->row->enabled, "updated_at",
                                      gw_json_time_micro(view->seen_us)));
    }
    reply_zone(request, table);
}
