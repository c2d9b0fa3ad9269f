/* What a host that a drain disables says of it. What an operator had said before is kept behind it, and comes back when the host is
 * taken into use again. Pure. */
#ifndef GW_CORE_DRAIN_REASON_H
#define GW_CORE_DRAIN_REASON_H

#include <glib.h>

typedef enum {
    GW_DRAINED,             /* being or having been emptied: "drained (drain 3)" */
    GW_DRAINED_IN_PART,     /* "drain 3 was incomplete" */
    GW_DRAINED_NO_FURTHER,  /* "drain 3 was cancelled" */
} GwDrained;

typedef enum { GW_BEFORE_ENABLED, GW_BEFORE_DISABLED } GwBeforeDrain;

/* The next reason, owned by the caller. before: how the host is now; present: its reason now, or NULL. A drain's words are replaced,
 * any other's are kept behind. */
char *gw_drain_reason(gint64 id, GwDrained how, GwBeforeDrain before, const char *present);
/* Whether that drain has written it. */
gboolean gw_drain_reason_is_of(const char *reason, gint64 id);
/* How the host was before it was drained; ret_reason: owned by the caller, NULL when there was none. */
GwBeforeDrain gw_drain_reason_before(const char *reason, char **ret_reason);

#endif
