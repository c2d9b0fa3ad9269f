/* What libvirt counts of a guest (virDomainListGetStats). */
#include "drivers/libvirt/internal.h"

#include "base/error.h"

/* The number of a field whose name has the number of a device in it; GW_NOT_COUNTED when libvirt does not tell. */
static gint64 count_of(virTypedParameter *params, int n, const char *group, guint number, const char *field)
{
    g_autofree char *name = g_strdup_printf("%s.%u.%s", group, number, field);
    unsigned long long value;
    return virTypedParamsGetULLong(params, n, name, &value) == 1 ? (gint64)MIN(value, (unsigned long long)G_MAXINT64) : GW_NOT_COUNTED;
}

static const char *text_of(virTypedParameter *params, int n, const char *group, guint number, const char *field)
{
    g_autofree char *name = g_strdup_printf("%s.%u.%s", group, number, field);
    const char *value = NULL;
    virTypedParamsGetString(params, n, name, &value);
    return value;
}

static guint number_of(virTypedParameter *params, int n, const char *name)
{
    unsigned value = 0;
    virTypedParamsGetUInt(params, n, name, &value);
    return value;
}

static void read_cpus(GwDiagnostics *found, virTypedParameter *params, int n)
{
    guint most = number_of(params, n, "vcpu.maximum");
    for (guint i = 0; i < most; i++) {
        gint64 time_ns = count_of(params, n, "vcpu", i, "time");
        if (time_ns != GW_NOT_COUNTED) /* one that is plugged in */
            gw_diagnostics_add_cpu(found, i, time_ns);
    }
}

static void read_disks(GwDiagnostics *found, virTypedParameter *params, int n)
{
    guint most = number_of(params, n, "block.count");
    for (guint i = 0; i < most; i++) {
        const char *target = text_of(params, n, "block", i, "name");
        GwDiskCounters *disk = gw_diagnostics_add_disk(found, target ? target : "");
        disk->read_bytes = count_of(params, n, "block", i, "rd.bytes");
        disk->read_requests = count_of(params, n, "block", i, "rd.reqs");
        disk->write_bytes = count_of(params, n, "block", i, "wr.bytes");
        disk->write_requests = count_of(params, n, "block", i, "wr.reqs");
        disk->errors = count_of(params, n, "block", i, "errors");
    }
}

/* libvirt counts by the host's device; the guest's addresses come in the same order. */
static void read_nics(GwDiagnostics *found, const GwInstance *instance, virTypedParameter *params, int n)
{
    guint most = number_of(params, n, "net.count");
    for (guint i = 0; i < most; i++) {
        const GwNic *known = most == instance->nics->len ? instance->nics->pdata[i] : NULL;
        GwNicCounters *nic = gw_diagnostics_add_nic(found, known ? known->mac : NULL);
        nic->name = g_strdup(text_of(params, n, "net", i, "name"));
        nic->rx_bytes = count_of(params, n, "net", i, "rx.bytes");
        nic->rx_packets = count_of(params, n, "net", i, "rx.pkts");
        nic->rx_errors = count_of(params, n, "net", i, "rx.errs");
        nic->rx_drop = count_of(params, n, "net", i, "rx.drop");
        nic->tx_bytes = count_of(params, n, "net", i, "tx.bytes");
        nic->tx_packets = count_of(params, n, "net", i, "tx.pkts");
        nic->tx_errors = count_of(params, n, "net", i, "tx.errs");
        nic->tx_drop = count_of(params, n, "net", i, "tx.drop");
    }
}

static void read_memory(GwDiagnostics *found, virTypedParameter *params, int n)
{
    unsigned long long current, unused;
    if (virTypedParamsGetULLong(params, n, "balloon.current", &current) != 1)
        return;
    found->memory_kib = (gint64)current;
    if (virTypedParamsGetULLong(params, n, "balloon.unused", &unused) == 1 && unused <= current) /* only a guest with a driver tells */
        found->memory_used_kib = (gint64)(current - unused);
}

gboolean gw_virt_diagnostics(GwVirtCall *call, GError **error)
{
    const unsigned wanted = VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_BALLOON | VIR_DOMAIN_STATS_BLOCK | VIR_DOMAIN_STATS_INTERFACE;
    g_autoptr(virDomain) domain = gw_virt_domain(call->host, call->conn, call->uuid, error);
    g_autoptr(GwInstance) instance = domain ? gw_virt_read_instance(call->host, domain, error) : NULL;
    virDomainStatsRecordPtr *records = NULL;
    if (!instance)
        return FALSE;
    int count = virDomainListGetStats((virDomainPtr[]){domain, NULL}, wanted, &records, 0);
    if (count < 0)
        return gw_virt_fail(call->host, GW_VIRT_ASK, error, "asking what instance %s has done", call->uuid);
    GwDiagnostics *found = gw_diagnostics_new(instance->power);
    for (int i = 0; i < count; i++) {
        virTypedParameter *params = records[i]->params;
        read_cpus(found, params, records[i]->nparams);
        read_disks(found, params, records[i]->nparams);
        read_nics(found, instance, params, records[i]->nparams);
        read_memory(found, params, records[i]->nparams);
    }
    virDomainStatsRecordListFree(records);
    call->result = found;
    call->free_result = (GDestroyNotify)gw_diagnostics_free;
    return TRUE;
}
