/* Rolling drains: the rows. Each is one JSON text, written whole, as a compare-and-set, by whoever carries it out;
 * asking it to stop is a mark beside that, which counts as a change: what was decided without it is not written. */
#ifndef GW_STORE_ROLLINGS_H
#define GW_STORE_ROLLINGS_H

#include "core/rolling.h"
#include "store/leases.h"

typedef struct GwStore GwStore;

/* Fills id, uuid, version and created_us. CONFLICT: one of its hosts is, or will be, seen to by another that runs. */
gboolean gw_store_rolling_add(GwStore *store, GwRolling *rolling, GError **error);
/* By whoever leads, if it still runs and its version is still rolling->version, which is raised: STALE otherwise, and
 * when the lease is another's now. fence NULL: nobody else could. */
gboolean gw_store_rolling_journal(GwStore *store, GwRolling *rolling, const GwFence *fence, GError **error);
gboolean gw_store_rolling_cancel(GwStore *store, gint64 id, GError **error); /* NOT_FOUND; CONFLICT: it has ended */

typedef struct {
    gint64 id; /* 0: any */
    gboolean running_only;
} GwRollingQuery;

/* Newest first. ret_rows: of GwRolling *. */
gboolean gw_store_rollings(GwStore *store, const GwRollingQuery *query, GPtrArray **ret_rows, GError **error);

#endif
