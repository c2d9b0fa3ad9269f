#include "api/capacity.h"

static guint64 largest(const GwHostFacts *facts, gboolean available)
{
    guint64 most = 0;
    for (guint i = 0; i < facts->pools->len; i++) {
        const GwPool *pool = facts->pools->pdata[i];
        most = MAX(most, available ? pool->available_bytes : pool->capacity_bytes);
    }
    return most >> 30;
}

GwCapacity gw_capacity_of(const GwHostView *view)
{
    const GwHostFacts *facts = view->facts;
    if (!facts)
        return (GwCapacity){.cpus_used = view->vcpus_used};
    guint64 disk_gib = largest(facts, FALSE), disk_free_gib = largest(facts, TRUE);
    return (GwCapacity){facts->cpus, view->vcpus_used, facts->memory_mib, MIN(facts->memory_free_mib, facts->memory_mib), disk_gib,
                        MIN(disk_free_gib, disk_gib)};
}
