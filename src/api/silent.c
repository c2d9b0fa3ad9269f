#include "api/silent.h"

#include "api/parking.h"
#include "api/routes.h"

typedef struct {
    gint pending; /* atomic: hosts that are being asked, and the one that asks them */
    GwDeferred *deferred;
} Asking;

/* ---- which hosts: those of the server, and those that the body names */

static void add_server(GwRequest *request, const char *uuid, GPtrArray *hosts)
{
    g_autoptr(GwInstanceView) view = uuid ? gw_engine_instance(request->engine, uuid) : NULL;
    if (view && !view->host_up)
        g_ptr_array_add(hosts, g_strdup(view->host));
}

static void add_host(const json_t *name, GPtrArray *hosts)
{
    if (json_is_string(name))
        g_ptr_array_add(hosts, g_strdup(json_string_value(name)));
}

static void add_named(GwRequest *request, json_t *body, GPtrArray *hosts)
{
    const json_t *what = json_object_iter_value(json_object_iter(body)), *name;
    size_t i;
    add_server(request, json_string_value(json_object_get(what, "server")), hosts);
    add_host(json_object_get(what, "host"), hosts);
    json_array_foreach(json_object_get(what, "hosts"), i, name)
        add_host(name, hosts);
}

static GPtrArray *list_hosts(GwRequest *request)
{
    GPtrArray *hosts = g_ptr_array_new_with_free_func(g_free);
    if (g_str_has_prefix(request->route->path, "servers/{}"))
        add_server(request, request->args[0], hosts);
    if (request->json)
        add_named(request, request->json, hosts);
    return hosts;
}

/* ---- */

static void go_on(GwRequest *request, gpointer data)
{
    gw_route_handle(request);
}

static void asked(gpointer data, const GError *error)
{
    Asking *asking = data;
    if (!g_atomic_int_dec_and_test(&asking->pending))
        return;
    gw_deferred_continue(asking->deferred, go_on, NULL, NULL);
    g_free(asking);
}

static void overdue(GwRequest *request)
{
    gw_reply_fault(request, 504, "The hosts have not answered within %u seconds; ask again.", request->shared->wait_s);
}

gboolean gw_silent_ask(GwRequest *request)
{
    g_autoptr(GPtrArray) hosts = list_hosts(request);
    gboolean parked = FALSE;
    Asking *asking = g_new0(Asking, 1);
    asking->pending = 1;
    for (guint i = 0; i < hosts->len; i++) {
        g_atomic_int_inc(&asking->pending);
        gboolean begun = gw_engine_ask_anew(request->engine, hosts->pdata[i], asked, asking);
        parked |= begun;
        if (!begun)
            g_atomic_int_add(&asking->pending, -1);
    }
    if (!parked) {
        g_free(asking);
        return FALSE;
    }
    asking->deferred = gw_request_defer(request, NULL, overdue);
    asked(asking, NULL);
    return TRUE;
}
