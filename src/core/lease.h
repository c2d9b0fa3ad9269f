/* The rules by which several daemons share hosts. The database's clock says until when a host is leased; a daemon's own monotonic clock,
 * read before it asked, says until when it acts. Both run equally fast, and need not show the same time. */
#ifndef GW_CORE_LEASE_H
#define GW_CORE_LEASE_H

#include <glib.h>

typedef struct {
    guint lease_ms;  /* of a lease, from when the database grants or renews it */
    guint margin_ms; /* before its end nothing more is begun: an act on its way arrives while the lease still holds */
    guint renew_ms;  /* between two renewals, which is also how often expired leases are looked for */
} GwLeaseTimes;

GwLeaseTimes gw_lease_times(guint lease_s);

/* Own clock: until when acts may be begun under what was asked for at that time and then granted. */
gint64 gw_lease_good_until_us(const GwLeaseTimes *times, gint64 asked_us);
/* The database's clock: whether another may take it. */
gboolean gw_lease_is_over(gint64 expires_us, gint64 now_us);

/* How many leases to give back (negative) or to take from those that nobody holds. mine: held now; spare: of those, the ones under
 * which nothing is under way; live: daemons, this one included. Nobody keeps more than an equal share, rounded up. */
gint gw_lease_change(guint mine, guint spare, guint all, guint live);

#endif
