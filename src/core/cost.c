#include "core/cost.h"

#include <math.h>

enum { PAUSE_GOAL_MS = 300, WORST_FACTOR = 5 };

/* Memory that is sent, with what is written meanwhile sent again; *ret_left is what remains for the pause. */
static double memory_bytes(double memory, double rate, double dirty, double *ret_left)
{
    double goal = rate * PAUSE_GOAL_MS / 1000, sent = 0, left = memory;
    double part = dirty / rate; /* of a pass that must be sent again */
    while (left > goal && part > 0 && sent + left <= WORST_FACTOR * memory) {
        sent += left;
        left = left * part;
    }
    *ret_left = part > 0 ? MIN(left, memory) : 0;
    return sent + left;
}

static guint64 duration_ms(double bytes, double rate)
{
    return (guint64)ceil(bytes * 1000 / rate);
}

GwMoveCost gw_cost_predict(const GwClusterInstance *instance, guint64 disk_bytes, guint64 rate_bps)
{
    double rate = (double)(rate_bps ? rate_bps : GW_COST_LINK_BPS);
    double left = 0;
    guint64 used_mib = instance->used_mib ? MIN(instance->used_mib, instance->memory_mib) : instance->memory_mib;
    double memory = instance->stopped ? 0 : memory_bytes((double)(used_mib << 20), rate, (double)instance->dirty_bps, &left);
    double bytes = memory + (double)disk_bytes;
    GwMoveCost cost = {.bytes = (guint64)bytes, .transfer_ms = duration_ms(bytes, rate)};
    cost.total_ms = GW_COST_SETUP_MS + cost.transfer_ms + GW_COST_TAIL_MS;
    cost.pause_ms = instance->stopped ? 0 : GW_COST_PAUSE_MS + duration_ms(left, rate);
    return cost;
}

guint64 gw_cost_rate(const GwCluster *cluster, guint source, guint dest, guint64 stream_bps)
{
    guint64 out = gw_cluster_host(cluster, source)->link_bps, in = gw_cluster_host(cluster, dest)->link_bps;
    guint64 rate = MIN(out ? out : GW_COST_LINK_BPS, in ? in : GW_COST_LINK_BPS);
    return stream_bps ? MIN(rate, stream_bps) : rate;
}
