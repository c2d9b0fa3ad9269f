/* The cluster as it is now, as plans are made over it (core/cluster.h). Inside the engine only. */
#ifndef GW_ENGINE_SNAPSHOT_H
#define GW_ENGINE_SNAPSHOT_H

#include "core/balance.h"
#include "core/drain.h"
#include "engine/internal.h"

typedef struct {
    GwCluster *cluster;
    GPtrArray *hosts;     /* of GwHostView *, by index of the cluster's hosts */
    GPtrArray *instances; /* of GwInstanceView *, likewise */
    GHashTable *host_index, *instance_index; /* name, uuid → index + 1 */
    GHashTable *zones;    /* name → number */
    GHashTable *storage_index; /* realm/path → index + 1 */
    GStringChunk *texts;  /* what the cluster borrows */
} GwSnapshot;

GwSnapshot *gw_snapshot_new(GwEngine *engine);
void gw_snapshot_free(GwSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwSnapshot, gw_snapshot_free)

gboolean gw_snapshot_find_host(const GwSnapshot *snapshot, const char *name, guint *ret_index);
gboolean gw_snapshot_find_instance(const GwSnapshot *snapshot, const char *uuid, guint *ret_index);
const char *gw_snapshot_host_name(const GwSnapshot *snapshot, guint host);
const GwInstanceView *gw_snapshot_view(const GwSnapshot *snapshot, guint instance);
/* Copies it for as long as the snapshot lives. */
const char *gw_snapshot_keep(GwSnapshot *snapshot, const char *text);

/* snapshot_storage.c: the hosts are in the cluster; the instance's host can tell what it shares. */
void gw_snapshot_add_storage(GwSnapshot *snapshot);
void gw_snapshot_add_ties(GwSnapshot *snapshot, const GwInstance *instance, GwClusterInstance *ret_row);

/* The pace that a wish for so many moves at once (0: auto) and the settings make together. */
GwPace gw_snapshot_pace(const GwEngine *engine, guint per_host);

#endif
