/* What hosts share of a cluster's storage and networks, and what a move copies because they do not: the same answers that the checks of a move give,
 * from what hosts last said. Pure. */
#ifndef GW_CORE_SHARING_H
#define GW_CORE_SHARING_H

#include "core/cluster.h"

/* Returns its number. To be called once all hosts are in the cluster. */
guint gw_cluster_add_storage(GwCluster *cluster, const GwClusterStorage *storage);
void gw_cluster_set_reach(GwCluster *cluster, guint storage, guint host);
gboolean gw_cluster_reaches(const GwCluster *cluster, guint storage, guint host);
static inline const GwClusterStorage *gw_cluster_storage(const GwCluster *cluster, guint index)
{
    return &g_array_index(cluster->storages, GwClusterStorage, index);
}

/* Where a move's copies are put: disks from local storage, and the others. */
typedef struct {
    int to[2];         /* a storage, or GW_CLUSTER_NONE: nowhere */
    guint64 bytes[2];  /* that they fill there; 0: there are none */
} GwCopies;

void gw_copies_of(const GwCluster *cluster, guint instance, guint host, GwCopies *ret_copies);
/* What travels of its disks to that host, and what travels wherever it goes. */
guint64 gw_copied_bytes(const GwCluster *cluster, guint instance, guint host);
guint64 gw_always_copied_bytes(const GwCluster *cluster, guint instance);

/* Why it does not get to that host with its disks and networks, however much room there is: what was found, and what would let them.
 * Owned by the caller; NULL: they do. */
char *gw_sharing_explain(const GwCluster *cluster, guint instance, guint host);
gboolean gw_sharing_forbids(const GwCluster *cluster, guint instance, guint host); /* the same, without the words */

#endif
