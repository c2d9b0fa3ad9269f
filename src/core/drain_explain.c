/* Why an instance of a host that is emptied stays. */
#include "core/drain.h"

#include "core/reasons.h"

static char *explain_hosts(const GwCluster *cluster, const GwDrainPlan *plan, guint instance)
{
    g_autoptr(GwOccupancy) after = gw_occupancy_new(cluster);
    g_autoptr(GPtrArray) reasons = gw_reasons_new();
    for (guint n = 0; n < plan->moves->len; n++) {
        const GwPlannedMove *move = &g_array_index(plan->moves, GwPlannedMove, n);
        gw_occupancy_move(after, move->instance, move->dest);
    }
    for (guint h = 0; h < cluster->hosts->len; h++) {
        GwObjection objection = gw_rules_objection(after, instance, h);
        if (objection != GW_OBJECTION_THERE)
            gw_reasons_add(reasons, gw_cluster_host(cluster, h)->name, gw_rules_explain(after, instance, h, objection));
    }
    return gw_reasons_to_text(reasons);
}

char *gw_drain_explain(const GwCluster *cluster, const GwDrainPlan *plan, const GwStay *stay)
{
    const GwClusterInstance *i = gw_cluster_instance(cluster, stay->instance);
    switch (stay->cause) {
    case GW_STAY_STUCK:
        return g_strdup(i->stuck);
    case GW_STAY_STOPPED:
        return g_strdup("it is stopped, and stopped instances were not asked for (--include-stopped)");
    case GW_STAY_GROUP: {
        g_autofree char *hosts = explain_hosts(cluster, plan, stay->instance);
        return g_strdup_printf("its group %s (affinity) cannot go as a whole%s%s",
                               g_array_index(cluster->groups, GwClusterGroup, i->group).name, *hosts ? ": " : "", hosts);
    }
    case GW_STAY_NOWHERE: {
        g_autofree char *hosts = explain_hosts(cluster, plan, stay->instance);
        return g_strdup_printf("no host can take it: %s", *hosts ? hosts : "there is no other host");
    }
    }
    return g_strdup("");
}
