/* What the objectives of a balance share: who may move, and a list of moves put into a possible order. Inside the core only. */
#ifndef GW_CORE_PLACING_H
#define GW_CORE_PLACING_H

#include "core/balance.h"

/* Instances by host, kept up to date. */
typedef struct {
    GPtrArray *lists; /* by host: GArray of guint */
    guint *slot;      /* by instance: where in its list */
} GwRoster;

void gw_roster_init(GwRoster *roster, const GwOccupancy *occupancy);
void gw_roster_clear(GwRoster *roster);
void gw_roster_move(GwRoster *roster, guint instance, guint from, guint to);

static inline const GArray *gw_roster_of(const GwRoster *roster, guint host)
{
    return roster->lists->pdata[host];
}

/* By instance: whether it may be moved: nothing keeps it, it is not under way, and its host takes part. Owned by the caller. */
gboolean *gw_placing_movable(const GwCluster *cluster);

/* From the cluster as it is to `where`, in the order of `order` (instances, each once) as far as each is possible; those that are
 * never possible (a ring of moves, say) are left out. */
void gw_placing_write(const GwCluster *cluster, const guint *where, const GArray *order, GArray *moves);

/* ---- pack.c: empties hosts, the emptiest first, each wholly or not at all. Appends to order. */
void gw_pack(const GwCluster *cluster, const GwBalanceWish *wish, GwOccupancy *occupancy, const gboolean *movable, GArray *order);

#endif
