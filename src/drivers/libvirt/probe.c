/* Proving a pair of hosts by a tiny guest (probe_guest.h), which is paused and never runs. The disk that it takes along proves the way of
 * disks, too. */
#include "drivers/libvirt/probe_guest.h"

#include <string.h>

enum {
    MEMORY_KIB = 8192,
    PATIENCE_MS = 15000, /* of a migration that takes half a second: packets are being dropped */
};

static void move_guest(GwVirtProbe *probe, GwPairAudit *audit)
{
    audit->error = gw_virt_probe_start(probe);
    if (audit->error) {
        audit->step = GW_PROBE_CREATE;
        return;
    }
    gboolean late;
    gint64 begun_us = g_get_monotonic_time();
    audit->error = gw_virt_probe_move(probe, PATIENCE_MS, &late);
    audit->took_ms = (guint)((g_get_monotonic_time() - begun_us) / 1000);
    audit->step = audit->error ? GW_PROBE_MIGRATE : GW_PROBE_DONE;
    audit->disk = probe->path ? GW_FACT_YES : GW_FACT_NO;
}

static void compare_cpus(GwVirtCall *call, GwPairAudit *audit)
{
    const char *type = NULL, *peer_type = NULL;
    g_mutex_lock(&call->host->lock);
    g_autofree char *arch = g_strdup(call->host->caps->arch);
    g_mutex_unlock(&call->host->lock);
    g_autofree char *cpu = gw_virt_host_model(call->conn, arch, &type);
    g_autofree char *peer_cpu = gw_virt_host_model(call->peer_conn, arch, &peer_type);
    if (!cpu || !peer_cpu || g_strcmp0(type, "kvm") != 0 || g_strcmp0(peer_type, "kvm") != 0)
        return; /* emulation gives what it says it does */
    int result = virConnectCompareHypervisorCPU(call->peer_conn, NULL, arch, NULL, type, cpu,
                                                VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE);
    if (result == VIR_CPU_COMPARE_ERROR && gw_virt_last_is(VIR_ERR_CPU_INCOMPATIBLE))
        audit->cpu_problem = gw_virt_last_message();
}

gboolean gw_virt_probe(GwVirtCall *call, GError **error)
{
    if (!gw_virt_caps_fresh(call->host, call->conn, error))
        return FALSE;
    g_autoptr(GwPairAudit) audit = gw_pair_audit_new();
    const char *folder = call->host->instances_path;
    if (folder && *folder)
        audit->shared = gw_virt_same_folder(call->host, call->conn, call->peer, call->peer_conn, folder);
    compare_cpus(call, audit);
    GwVirtProbe probe;
    gw_virt_probe_init(&probe, call, MEMORY_KIB);
    move_guest(&probe, audit);
    gw_virt_probe_clear(&probe);
    call->result = g_steal_pointer(&audit);
    call->free_result = (GDestroyNotify)gw_pair_audit_free;
    return TRUE;
}
