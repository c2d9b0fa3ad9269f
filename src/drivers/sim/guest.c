/* Suspending, and counting. */
#include "drivers/sim/internal.h"

static gboolean suspend(GwSimHost *host, const char *uuid, GError **error)
{
    GwSimDomain *domain = gw_sim_host_require(host, uuid, error);
    if (!domain)
        return FALSE;
    if (domain->suspended)
        return TRUE;
    if (domain->seen != GW_SEEN_RUNNING || domain->copy || !domain->value->persistent) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s on %s cannot be suspended (%s%s)", domain->value->name, host->name,
                    gw_seen_name(domain->seen), domain->value->persistent ? "" : ", transient");
        return FALSE;
    }
    domain->suspended = TRUE;
    gw_sim_domain_set(domain, GW_SEEN_STOPPED);
    return TRUE;
}

gboolean gw_sim_suspend(GwHost *host, const char *uuid, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "suspend", host, NULL, error))
        return FALSE;
    return gw_sim_call_end(&call, suspend(host->host, uuid, error), error);
}

static gboolean wake(GwSimHost *host, const char *uuid, GError **error)
{
    GwSimDomain *domain = gw_sim_host_require(host, uuid, error);
    if (!domain)
        return FALSE;
    if (gw_sim_domain_is_active(domain))
        return TRUE;
    if (!domain->suspended) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s has no saved memory of instance %s any more: start it", host->name, uuid);
        return FALSE;
    }
    return gw_sim_start_domain(domain, GW_START_RUNNING, error);
}

gboolean gw_sim_wake_guest(GwHost *host, const char *uuid, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "wake", host, NULL, error))
        return FALSE;
    return gw_sim_call_end(&call, wake(host->host, uuid, error), error);
}

/* The world counts what its guests write to memory, and since when it is there; the rest is not counted. */
static GwDiagnostics *count(const GwSimDomain *domain, gint64 now_ms)
{
    const GwInstance *instance = domain->value;
    GwDiagnostics *found = gw_diagnostics_new(instance->power);
    found->uptime_s = now_ms / 1000;
    found->memory_kib = (gint64)instance->memory_mib << 10;
    found->memory_used_kib = found->memory_kib;
    for (guint i = 0; i < instance->vcpus; i++)
        gw_diagnostics_add_cpu(found, i, now_ms * 1000 * 1000);
    for (guint i = 0; i < instance->disks->len; i++)
        gw_diagnostics_add_disk(found, ((const GwDisk *)instance->disks->pdata[i])->target);
    for (guint i = 0; i < instance->nics->len; i++)
        gw_diagnostics_add_nic(found, ((const GwNic *)instance->nics->pdata[i])->mac);
    return found;
}

GwDiagnostics *gw_sim_diagnostics(GwHost *host, const char *uuid, GError **error)
{
    GwSimCall call;
    gint64 now_ms = (gint64)gw_sim_world_now_ms(host->world); /* takes the lock itself */
    if (!gw_sim_call_begin(&call, GW_SIM_ASK, "diagnostics", host, NULL, error))
        return NULL;
    const GwSimDomain *domain = gw_sim_host_require(host->host, uuid, error);
    GwDiagnostics *found = domain ? count(domain, now_ms) : NULL;
    if (gw_sim_call_end(&call, found != NULL, error))
        return found;
    gw_diagnostics_free(found);
    return NULL;
}
