/* Godwit's own hosts: adding one by its address, and what each says of itself. */
#include "api/body.h"
#include "api/handlers.h"
#include "api/parking.h"
#include "api/view.h"

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)
#define HOST ((const GwHostView *)row)
#define FACT(name, value, otherwise)                                                                                   \
    FIELD(name)                                                                                                        \
    {                                                                                                                  \
        return HOST->facts ? value : otherwise;                                                                        \
    }

FIELD(id)
{
    return json_integer(HOST->row->id);
}

FIELD(uuid)
{
    return json_string(HOST->row->uuid);
}

FIELD(name)
{
    return gw_json_text(HOST->row->name);
}

FIELD(uri)
{
    return gw_json_text(HOST->row->uri);
}

FIELD(state)
{
    return json_string(HOST->up && !HOST->row->forced_down ? "up" : "down");
}

FIELD(down_reason)
{
    if (HOST->row->forced_down)
        return json_string("an administrator has forced it down");
    return gw_json_text(HOST->up ? NULL : HOST->down_reason);
}

FIELD(status)
{
    return json_string(HOST->row->enabled ? "enabled" : "disabled");
}

FIELD(disabled_reason)
{
    return gw_json_text(HOST->row->disabled_reason);
}

FIELD(seen)
{
    return gw_json_time_z(HOST->seen_us);
}

/* libvirt's form of a version as people write it, "7.2.22". */
static json_t *version_text(guint64 version)
{
    if (!version)
        return json_null();
    g_autofree char *text = g_strdup_printf("%u.%u.%u", (guint)(version / 1000000), (guint)(version / 1000 % 1000),
                                            (guint)(version % 1000));
    return json_string(text);
}

FACT(hostname, gw_json_text(HOST->facts->hostname), json_null())
FACT(type, gw_json_text(HOST->facts->hypervisor_type), json_null())
FACT(version, version_text(HOST->facts->hypervisor_version), json_null())
FACT(library, version_text(HOST->facts->library_version), json_null())
FACT(arch, gw_json_text(HOST->facts->arch), json_null())
FACT(cpus, json_integer(HOST->facts->cpus), json_integer(0))
FACT(memory, gw_json_count(HOST->facts->memory_mib), json_integer(0))
FACT(memory_free, gw_json_count(HOST->facts->memory_free_mib), json_integer(0))

FIELD(instances)
{
    return json_integer(HOST->instances);
}

FIELD(running)
{
    return json_integer(HOST->running);
}

static const GwField fields[] = {
    {"id", id},
    {"uuid", uuid},
    {"name", name},
    {"uri", uri},
    {"state", state},
    {"down_reason", down_reason},
    {"status", status},
    {"disabled_reason", disabled_reason},
    {"seen_at", seen},
    {"hostname", hostname},
    {"hypervisor_type", type},
    {"hypervisor_version", version},
    {"library_version", library},
    {"arch", arch},
    {"cpus", cpus},
    {"memory_mib", memory},
    {"memory_free_mib", memory_free},
    {"instances", instances},
    {"running", running},
};

/* ---- handlers */

void gw_own_hosts_list(GwRequest *request)
{
    g_autoptr(GPtrArray) hosts = gw_engine_hosts(request->engine);
    gw_reply_named(request, 200, "hosts", GW_VIEW_LIST(request, fields, hosts));
}

static void reply_host(GwRequest *request, const char *host_name, guint status_code)
{
    g_autoptr(GwHostView) view = gw_engine_host(request->engine, host_name);
    if (view)
        gw_reply_named(request, status_code, "host", GW_VIEW(request, fields, view));
    else
        gw_reply_fault(request, 404, "Compute host %s could not be found.", host_name);
}

void gw_own_hosts_show(GwRequest *request)
{
    reply_host(request, request->args[0], 200);
}

static void too_slow(GwRequest *request)
{
    gw_reply_fault(request, 504, "The host has not answered within %u seconds; Godwit goes on asking.",
                   request->shared->wait_s);
}

static void on_done(gpointer data, const GError *error)
{
    gw_deferred_finish(data, 0, error);
}

static void added(GwRequest *request, gint64 number, const GError *error)
{
    json_t *host = json_object_get(request->json, "host");
    if (error)
        gw_reply_error(request, error);
    else
        reply_host(request, gw_body_text(host, "name"), 201);
}

void gw_own_hosts_add(GwRequest *request)
{
    static const GwBodyRule outer[] = {{"host", GW_BODY_OBJECT, GW_BODY_REQUIRED}};
    static const GwBodyRule inner[] = {{"name", GW_BODY_TEXT, GW_BODY_REQUIRED},
                                       {"uri", GW_BODY_TEXT, GW_BODY_REQUIRED},
                                       {"password", GW_BODY_TEXT, GW_BODY_OPTIONAL}};
    json_t *host = json_object_get(request->json, "host");
    if (!GW_BODY_CHECK(request, "body", request->json, outer) || !GW_BODY_CHECK(request, "host", host, inner))
        return;
    gw_engine_host_add(request->engine, gw_body_text(host, "name"), gw_body_text(host, "uri"), gw_body_text(host, "password"), on_done,
                       gw_request_defer(request, added, too_slow));
}

void gw_own_hosts_remove(GwRequest *request)
{
    g_autoptr(GError) error = NULL;
    if (gw_engine_host_remove(request->engine, request->args[0], &error))
        gw_reply_empty(request, 204);
    else
        gw_reply_error(request, error);
}

static void refreshed(GwRequest *request, gint64 number, const GError *error)
{
    if (error)
        gw_reply_error(request, error);
    else
        gw_reply_empty(request, 204);
}

void gw_own_hosts_refresh(GwRequest *request)
{
    gw_engine_refresh(request->engine, request->args[0], on_done, gw_request_defer(request, refreshed, too_slow));
}
