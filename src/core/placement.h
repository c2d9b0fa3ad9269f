/* Which hosts to try as a destination, in which order, and why not the others. Pure. */
#ifndef GW_CORE_PLACEMENT_H
#define GW_CORE_PLACEMENT_H

#include <glib.h>

typedef struct {
    const char *name;
    gboolean is_source;
    gboolean up;
    gboolean enabled;
    gboolean same_kind; /* same hypervisor type as the source, or not known */
    const char *down_reason, *disabled_reason; /* or NULL */
    guint64 memory_free_mib;
    guint64 reserved_mib; /* kept back by the administrator or promised to moves under way */
} GwCandidate;

/* The names (of char *, owned by the array) to try, most free memory first, ties by name. A sentence for every host that is
 * left out, except the source, is added to reasons (of char *, owned by it). */
GPtrArray *gw_placement_order(const GwCandidate *candidates, guint count, GPtrArray *reasons);

#endif
