/* GET servers/{id}/diagnostics: what the hypervisor counts, in the free form of old and in that of 2.48 (nova/api/openstack/compute:
 * server_diagnostics.py and its view; nova/virt/libvirt/driver.py for the names of the old one). */
#include "api/handlers.h"
#include "api/parking.h"
#include "api/view.h"

static json_t *counter(gint64 value)
{
    return value == GW_NOT_COUNTED ? json_null() : json_integer(value);
}

/* ---- until 2.47: one flat object; what is not counted is -1 there */

static void put(json_t *out, const char *name, const char *what, gint64 value)
{
    g_autofree char *key = g_strconcat(name, what, NULL);
    json_object_set_new(out, key, json_integer(value));
}

static json_t *old_form(const GwDiagnostics *found)
{
    json_t *out = json_object();
    for (guint i = 0; i < found->cpus->len; i++) {
        const GwCpuCounters *cpu = &g_array_index(found->cpus, GwCpuCounters, i);
        g_autofree char *key = g_strdup_printf("cpu%u_time", cpu->id);
        json_object_set_new(out, key, json_integer(cpu->time_ns));
    }
    for (guint i = 0; i < found->disks->len; i++) {
        const GwDiskCounters *disk = found->disks->pdata[i];
        put(out, disk->target, "_read", disk->read_bytes);
        put(out, disk->target, "_read_req", disk->read_requests);
        put(out, disk->target, "_write", disk->write_bytes);
        put(out, disk->target, "_write_req", disk->write_requests);
        put(out, disk->target, "_errors", disk->errors);
    }
    for (guint i = 0; i < found->nics->len; i++) {
        const GwNicCounters *nic = found->nics->pdata[i];
        const char *name = nic->name ? nic->name : nic->mac ? nic->mac : "nic";
        put(out, name, "_rx", nic->rx_bytes);
        put(out, name, "_rx_packets", nic->rx_packets);
        put(out, name, "_rx_errors", nic->rx_errors);
        put(out, name, "_rx_drop", nic->rx_drop);
        put(out, name, "_tx", nic->tx_bytes);
        put(out, name, "_tx_packets", nic->tx_packets);
        put(out, name, "_tx_errors", nic->tx_errors);
        put(out, name, "_tx_drop", nic->tx_drop);
    }
    if (found->memory_kib != GW_NOT_COUNTED)
        json_object_set_new(out, "memory", json_integer(found->memory_kib));
    return out;
}

/* ---- from 2.48 on */

static json_t *cpu_json(const GwCpuCounters *cpu)
{
    return json_pack("{s:i,s:I,s:n}", "id", (int)cpu->id, "time", (json_int_t)cpu->time_ns, "utilisation");
}

static json_t *disk_json(const GwDiskCounters *disk)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o}", "read_bytes", counter(disk->read_bytes), "read_requests", counter(disk->read_requests),
                     "write_bytes", counter(disk->write_bytes), "write_requests", counter(disk->write_requests), "errors_count",
                     counter(disk->errors));
}

static json_t *nic_json(const GwNicCounters *nic)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:n,s:o,s:o,s:o,s:o,s:n}", "mac_address", gw_json_text(nic->mac), "rx_octets",
                     counter(nic->rx_bytes), "rx_errors", counter(nic->rx_errors), "rx_drop", counter(nic->rx_drop), "rx_packets",
                     counter(nic->rx_packets), "rx_rate", "tx_octets", counter(nic->tx_bytes), "tx_errors", counter(nic->tx_errors),
                     "tx_drop", counter(nic->tx_drop), "tx_packets", counter(nic->tx_packets), "tx_rate");
}

static json_t *memory_json(const GwDiagnostics *found)
{
    gint64 used = found->memory_used_kib == GW_NOT_COUNTED ? 0 : found->memory_used_kib >> 10; /* Nova's schema wants a number */
    gint64 most = found->memory_kib == GW_NOT_COUNTED ? 0 : found->memory_kib >> 10;
    return json_pack("{s:I,s:I}", "maximum", (json_int_t)most, "used", (json_int_t)used);
}

/* The words of nova.objects.fields.InstancePowerState. */
static const char *state_word(GwPower power)
{
    switch (power) {
    case GW_POWER_RUNNING:
        return "running";
    case GW_POWER_PAUSED:
        return "paused";
    case GW_POWER_SHUTDOWN:
        return "shutdown";
    case GW_POWER_CRASHED:
        return "crashed";
    case GW_POWER_SUSPENDED:
        return "suspended";
    case GW_POWER_NOSTATE:
        break;
    }
    return "pending";
}

static json_t *new_form(const GwDiagnostics *found, const GwInstanceView *view)
{
    json_t *cpus = json_array(), *disks = json_array(), *nics = json_array();
    for (guint i = 0; i < found->cpus->len; i++)
        json_array_append_new(cpus, cpu_json(&g_array_index(found->cpus, GwCpuCounters, i)));
    for (guint i = 0; i < found->disks->len; i++)
        json_array_append_new(disks, disk_json(found->disks->pdata[i]));
    for (guint i = 0; i < found->nics->len; i++)
        json_array_append_new(nics, nic_json(found->nics->pdata[i]));
    const char *hypervisor = view && view->instance->virt_type ? view->instance->virt_type : NULL;
    return json_pack("{s:s,s:s,s:s?,s:s,s:o,s:b,s:o,s:o,s:o,s:i,s:i,s:i,s:o}", "state", state_word(found->power), "driver", "libvirt",
                     "hypervisor", hypervisor, "hypervisor_os", "linux", "uptime", counter(found->uptime_s), "config_drive", 0,
                     "cpu_details", cpus, "disk_details", disks, "nic_details", nics, "num_cpus", (int)found->cpus->len, "num_disks",
                     (int)found->disks->len, "num_nics", (int)found->nics->len, "memory_details", memory_json(found));
}

/* ---- asking */

static void free_found(gpointer found)
{
    gw_diagnostics_free(found);
}

static void tell(GwRequest *request, gpointer data)
{
    const GwDiagnostics *found = data;
    g_autoptr(GwInstanceView) view = gw_engine_instance(request->engine, request->args[0]);
    gw_reply_json(request, 200, request->minor < 48 ? old_form(found) : new_form(found, view));
}

static void failed(GwRequest *request, gint64 nothing, const GError *error)
{
    gw_reply_error(request, error);
}

static void overdue(GwRequest *request)
{
    gw_reply_fault(request, 503, "The host of instance %s does not answer.", request->args[0]);
}

static void on_found(gpointer data, GwDiagnostics *found, const GError *error)
{
    if (error)
        gw_deferred_finish(data, 0, error);
    else
        gw_deferred_continue(data, tell, found, free_found);
}

void gw_server_diagnostics(GwRequest *request)
{
    g_autoptr(GError) error = NULL;
    GwDeferred *deferred = gw_request_defer(request, failed, overdue);
    if (!gw_engine_diagnose(request->engine, request->args[0], on_found, deferred, &error))
        gw_deferred_finish(deferred, 0, error);
}
