/* os-hosts, which Nova dropped after 2.42 (nova/api/openstack/compute/hosts.py); old clients still ask for it. */
#include "api/capacity.h"
#include "api/drains.h"
#include "api/handlers.h"
#include "api/query.h"
#include "api/view.h"

#include <string.h>

void gw_os_hosts_list(GwRequest *request)
{
    static const GwQueryRule rules[] = {{"zone", GW_QUERY_TEXT}};
    if (!GW_QUERY_CHECK(request, rules, 0))
        return;
    const char *wanted = gw_query_text(request, "zone");
    g_autoptr(GPtrArray) hosts = gw_engine_hosts(request->engine);
    json_t *list = json_array();
    for (guint i = 0; i < hosts->len; i++) {
        const GwHostView *view = hosts->pdata[i];
        const char *zone = gw_aggregates_zone(view->aggregates);
        if (view->row->enabled && (!wanted || !*wanted || strcmp(wanted, zone) == 0))
            json_array_append_new(list, json_pack("{s:o,s:s,s:o}", "host_name", gw_json_text(view->row->name), "service",
                                                  "compute", "zone", gw_json_text(zone)));
    }
    gw_reply_named(request, 200, "hosts", list);
}

/* NULL with a 404. */
static GwHostView *find_host(GwRequest *request)
{
    GwHostView *view = gw_engine_host(request->engine, request->args[0]);
    if (!view)
        gw_reply_fault(request, 404, "Compute host %s could not be found.", request->args[0]);
    return view;
}

/* ---- resources */

typedef struct {
    guint64 cpus, memory_mib, disk_gib;
} Sum;

static void append(json_t *list, const GwHostView *view, const char *project, Sum sum)
{
    json_array_append_new(list, json_pack("{s:{s:o,s:s,s:o,s:o,s:o}}", "resource", "host", gw_json_text(view->row->name),
                                          "project", project, "cpu", gw_json_count(sum.cpus), "memory_mb",
                                          gw_json_count(sum.memory_mib), "disk_gb", gw_json_count(sum.disk_gib)));
}

static Sum sum_instances(const GPtrArray *views)
{
    Sum sum = {0};
    for (guint i = 0; i < views->len; i++) {
        const GwInstance *instance = ((const GwInstanceView *)views->pdata[i])->instance;
        sum.cpus += instance->vcpus;
        sum.memory_mib += instance->memory_mib;
        sum.disk_gib += gw_flavor_disk_gib(instance);
    }
    return sum;
}

void gw_os_hosts_show(GwRequest *request)
{
    g_autoptr(GwHostView) view = find_host(request);
    if (!view)
        return;
    GwCapacity capacity = gw_capacity_of(view);
    g_autoptr(GPtrArray) views = gw_engine_instances_of(request->engine, view->row->name);
    Sum promised = sum_instances(views);
    json_t *list = json_array();
    append(list, view, "(total)", (Sum){capacity.cpus, capacity.memory_mib, capacity.disk_gib});
    append(list, view, "(used_now)",
           (Sum){capacity.cpus_used, capacity.memory_mib - capacity.memory_free_mib,
                 capacity.disk_gib - capacity.disk_free_gib});
    append(list, view, "(used_max)", promised);
    if (view->instances)
        append(list, view, "admin", promised);
    gw_reply_named(request, 200, "host", list);
}

/* ---- updates */

/* "enable" or "disable", whatever the case and the blanks around it; absent: GW_SWITCH_KEEP. */
static gboolean take_switch(GwRequest *request, const char *name, GwSwitch *ret)
{
    json_t *value = json_object_get(request->json, name);
    g_autofree char *word = g_ascii_strdown(json_string_value(value) ? json_string_value(value) : "", -1);
    g_strstrip(word);
    *ret = !value ? GW_SWITCH_KEEP : strcmp(word, "enable") == 0 ? GW_SWITCH_ON : GW_SWITCH_OFF;
    if (!value || *ret == GW_SWITCH_ON || strcmp(word, "disable") == 0)
        return TRUE;
    gw_reply_fault(request, 400, "Invalid input for field/attribute %s. It is not one of ['enable', 'disable']", name);
    return FALSE;
}

static gboolean check_fields(GwRequest *request)
{
    const char *key;
    json_t *value;
    json_object_foreach(request->json, key, value) {
        if (strcmp(key, "status") != 0 && strcmp(key, "maintenance_mode") != 0) {
            gw_reply_fault(request, 400, "Additional properties are not allowed ('%s' was unexpected)", key);
            return FALSE;
        }
    }
    if (json_object_size(request->json))
        return TRUE;
    gw_reply_fault(request, 400, "{} is not valid under any of the given schemas: 'status' or 'maintenance_mode' is required");
    return FALSE;
}

/* Into maintenance: the host is emptied (godwit drain); out of it: it is taken into use again. */
static void set_maintenance(GwRequest *request, GwSwitch wanted)
{
    char *hosts[] = {request->args[0], NULL};
    GwDrainOrder order = gw_drain_order(request, NULL);
    order.hosts = hosts;
    g_autoptr(GwDrain) drain = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    g_autoptr(GError) error = NULL;
    gboolean ok = wanted == GW_SWITCH_ON ? gw_engine_drain(request->engine, &order, &drain, &moves, &error)
                                         : gw_engine_undrain(request->engine, request->args[0], &order, &drain, &moves, &error);
    if (ok)
        gw_reply_json(request, 200, json_pack("{s:o,s:s}", "host", gw_json_text(request->args[0]), "maintenance_mode",
                                              wanted == GW_SWITCH_ON ? "on_maintenance" : "off_maintenance"));
    else
        gw_reply_error(request, error);
}

void gw_os_hosts_update(GwRequest *request)
{
    GwHostEdit edit = {0};
    GwSwitch maintenance;
    g_autoptr(GError) error = NULL;
    if (!check_fields(request) || !take_switch(request, "status", &edit.enabled) ||
        !take_switch(request, "maintenance_mode", &maintenance))
        return;
    g_autoptr(GwHostView) view = find_host(request);
    if (!view)
        return;
    if (maintenance != GW_SWITCH_KEEP && edit.enabled != GW_SWITCH_KEEP) {
        gw_reply_fault(request, 400, "status and maintenance_mode exclude each other: maintenance_mode sets the status, too");
        return;
    }
    if (maintenance != GW_SWITCH_KEEP) {
        set_maintenance(request, maintenance);
        return;
    }
    gboolean may = edit.enabled != GW_SWITCH_ON || gw_engine_check_enabling(request->engine, request->args[0], &error);
    if (may && gw_engine_host_edit(request->engine, request->args[0], &edit, &error))
        gw_reply_json(request, 200, json_pack("{s:o,s:s}", "host", gw_json_text(request->args[0]), "status",
                                              edit.enabled == GW_SWITCH_ON ? "enabled" : "disabled"));
    else
        gw_reply_error(request, error);
}

void gw_os_hosts_power(GwRequest *request)
{
    g_autoptr(GwHostView) view = find_host(request);
    if (view)
        gw_reply_fault(request, 501, "Godwit moves instances and has nothing on %s that could start, stop or reboot it.",
                       view->row->name);
}
