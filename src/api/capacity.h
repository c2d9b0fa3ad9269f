/* What a host has and has left, as Nova counts it. */
#ifndef GW_API_CAPACITY_H
#define GW_API_CAPACITY_H

#include "api/request.h"

/* All 0 for a host that has never answered, but cpus_used. */
typedef struct {
    guint64 cpus, cpus_used;
    guint64 memory_mib, memory_free_mib;
    guint64 disk_gib, disk_free_gib; /* of the largest pool: several may lie on one file system */
} GwCapacity;

GwCapacity gw_capacity_of(const GwHostView *view);

#endif
