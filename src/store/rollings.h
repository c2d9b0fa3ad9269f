/* Rolling drains: the rows. Each is one JSON text, written whole by whoever carries it out; asking it to stop is a mark beside that nobody's
 * write takes away. */
#ifndef GW_STORE_ROLLINGS_H
#define GW_STORE_ROLLINGS_H

#include "core/rolling.h"
#include "store/leases.h"

typedef struct GwStore GwStore;

/* Fills id, uuid and created_us. CONFLICT: one of its hosts is in a rolling drain that runs. */
gboolean gw_store_rolling_add(GwStore *store, GwRolling *rolling, GError **error);
/* By whoever leads: STALE when the lease is another's now. fence NULL: nobody else could. What has been asked meanwhile comes back in
 * rolling->cancelling. */
gboolean gw_store_rolling_journal(GwStore *store, GwRolling *rolling, const GwFence *fence, GError **error);
gboolean gw_store_rolling_cancel(GwStore *store, gint64 id, GError **error); /* NOT_FOUND; CONFLICT: it has ended */
/* Newest first; id 0: all. ret_rows: of GwRolling *. */
gboolean gw_store_rollings(GwStore *store, gint64 id, gboolean running_only, GPtrArray **ret_rows, GError **error);

#endif
