#include "core/lease.h"

enum { MARGIN_PART = 5, RENEW_PART = 10 };

GwLeaseTimes gw_lease_times(guint lease_s)
{
    guint lease_ms = lease_s * 1000;
    return (GwLeaseTimes){lease_ms, lease_ms / MARGIN_PART, lease_ms / RENEW_PART};
}

gint64 gw_lease_good_until_us(const GwLeaseTimes *times, gint64 asked_us)
{
    return asked_us + ((gint64)times->lease_ms - times->margin_ms) * 1000;
}

gboolean gw_lease_is_over(gint64 expires_us, gint64 now_us)
{
    return expires_us <= now_us;
}

gint gw_lease_change(guint mine, guint spare, guint all, guint live)
{
    guint share = (all + MAX(live, 1) - 1) / MAX(live, 1);
    return mine <= share ? (gint)(share - mine) : -(gint)MIN(mine - share, spare);
}
