/* os-services: every host is Nova's "nova-compute" service on a host of that name. */
#include "api/handlers.h"
#include "api/query.h"
#include "api/services.h"

#include <string.h>

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)
#define HOST ((const GwHostView *)row)

const char gw_service_binary[] = "nova-compute";

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
    return json_string(gw_service_binary);
}

FIELD(host)
{
    return gw_json_text(HOST->row->name);
}

FIELD(zone)
{
    return gw_json_text(gw_aggregates_zone(HOST->aggregates));
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
    {"zone", zone},
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
            (!binary_wanted || strcmp(binary_wanted, gw_service_binary) == 0))
            json_array_append_new(list, GW_VIEW(request, fields, view));
    }
    gw_reply_named(request, 200, "services", list);
}

void gw_service_reply(GwRequest *request, const char *host_name)
{
    g_autoptr(GwHostView) view = gw_engine_host(request->engine, host_name);
    if (view)
        gw_reply_named(request, 200, "service", GW_VIEW(request, fields, view));
    else
        gw_reply_fault(request, 404, "Could not find binary %s on host %s.", gw_service_binary, host_name);
}
