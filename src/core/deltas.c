#include "core/deltas.h"

#include "core/transfer.h"

void gw_deltas_begin(GwDeltas *deltas, const GwPlan *plan, double part, double set)
{
    gboolean sends = plan->compression == GW_COMPRESSION_XBZRLE;
    *deltas = (GwDeltas){.room = sends ? (double)gw_transfer_cache_bytes(plan->memory_mib) : 0, .part = part > 0 ? part : 1, .set = set};
}

double gw_deltas_cost(const GwDeltas *deltas, guint64 pass, double bytes)
{
    double share = deltas->cached / MAX(MAX(deltas->set, deltas->cached), 1); /* of what it writes, wherever that is */
    double found = pass > GW_DELTAS_PASS ? bytes * share : 0;
    return bytes - found * (1 - deltas->part);
}

void gw_deltas_note(GwDeltas *deltas, guint64 pass, double bytes)
{
    if (pass >= GW_DELTAS_PASS)
        deltas->cached = MIN(MAX(deltas->cached, bytes), deltas->room);
}
