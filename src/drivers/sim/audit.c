/* What a simulated host says about its readiness; a probe proves the link. */
#include "drivers/sim/internal.h"

GwHostAudit *gw_sim_audit(GwHost *handle, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ASK, "audit", handle, NULL, error))
        return NULL;
    GwHostAudit *audit = gw_host_audit_new();
    const GwSimMount *mount = gw_sim_mount_of(handle->host, GW_SIM_SHARED_PATH "/file");
    audit->facts = gw_sim_host_facts(handle->host);
    audit->secure = GW_FACT_YES;
    audit->clock_ahead_ms = (gint64)handle->host->clock_ms;
    audit->folder.path = g_strdup(GW_SIM_SHARED_PATH);
    audit->folder.there = mount ? GW_FACT_YES : GW_FACT_NO;
    if (mount) {
        audit->folder.writable = GW_FACT_YES;
        audit->folder.mode = 0755;
        audit->folder.owner = audit->folder.group = 0;
        audit->folder.available_bytes = gw_sim_mount_available(mount);
    }
    gw_sim_call_end(&call, TRUE, NULL);
    return audit;
}

GwPairAudit *gw_sim_probe(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ASK, "probe", source, dest, error))
        return NULL;
    GwPairAudit *audit = gw_pair_audit_new();
    const GwSimMount *here = gw_sim_mount_of(source->host, GW_SIM_SHARED_PATH "/file");
    const GwSimMount *there = gw_sim_mount_of(dest->host, GW_SIM_SHARED_PATH "/file");
    gboolean linked = source->host->link_bps > 0 && dest->host->link_bps > 0;
    audit->shared = here && there && here->folder == there->folder ? GW_FACT_YES : GW_FACT_NO;
    audit->step = linked ? GW_PROBE_DONE : GW_PROBE_MIGRATE;
    audit->took_ms = 1;
    audit->disk = linked ? GW_FACT_YES : GW_FACT_UNKNOWN;
    if (!linked)
        audit->error = g_strdup_printf("unable to connect to server at '%s:49152': No route to host", dest->host->name);
    gw_sim_call_end(&call, TRUE, NULL);
    return audit;
}

/* A link that copies share: what one more of them would have. */
gboolean gw_sim_measure_link(GwHost *source, GwHost *dest, const GwPlan *plan, GwLinkRate *ret_rate, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ASK, "measure_link", source, dest, error))
        return FALSE;
    double bps = MIN(source->host->link_bps / (source->host->outgoing + 1), dest->host->link_bps / (dest->host->incoming + 1));
    double limit = plan->bandwidth_mibps ? (double)plan->bandwidth_mibps * 1048576 : bps;
    *ret_rate = (GwLinkRate){(guint64)MIN(bps, limit), limit < bps};
    if (bps <= 0)
        g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s has no link", source->host->link_bps > 0 ? dest->host->name : source->host->name);
    return gw_sim_call_end(&call, bps > 0, error);
}
