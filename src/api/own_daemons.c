/* The daemons that share this one's database, and which hosts each of them leads. */
#include "api/handlers.h"
#include "api/view.h"

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)
#define DAEMON ((const GwDaemonRow *)row)

FIELD(id)
{
    return json_integer(DAEMON->id);
}

FIELD(name)
{
    return gw_json_text(DAEMON->name);
}

FIELD(state)
{
    return json_string(DAEMON->alive ? "up" : "down");
}

FIELD(started)
{
    return gw_json_time_z(DAEMON->started_us);
}

FIELD(expires)
{
    return gw_json_time_z(DAEMON->expires_us);
}

FIELD(drains)
{
    return json_boolean(DAEMON->alive && DAEMON->drains);
}

FIELD(hosts)
{
    json_t *list = json_array();
    g_auto(GStrv) names = g_strsplit(DAEMON->hosts ? DAEMON->hosts : "", " ", -1);
    for (char **one = names; *one; one++)
        if (**one)
            json_array_append_new(list, gw_json_text(*one));
    return list;
}

static const GwField fields[] = {
    {"id", id}, {"name", name}, {"state", state}, {"started_at", started}, {"lease_expires_at", expires}, {"hosts", hosts}, {"drains", drains},
};

void gw_own_daemons_list(GwRequest *request)
{
    g_autoptr(GPtrArray) daemons = NULL;
    g_autoptr(GError) error = NULL;
    if (gw_engine_daemons(request->engine, &daemons, &error))
        gw_reply_named(request, 200, "daemons", GW_VIEW_LIST(request, fields, daemons));
    else
        gw_reply_error(request, error);
}
