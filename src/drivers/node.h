/* What driver.c and node.c share: an open host, and one call to it. */
#ifndef GW_DRIVERS_NODE_H
#define GW_DRIVERS_NODE_H

#include "drivers/driver.h"

struct GwNode {
    gatomicrefcount refs;
    const GwDriver *driver;
    GwHost *host;
    char *name, *uri;
    gint calls; /* under way; atomic */
    GMutex lock; /* of the fields below */
    GwHostEvent event; /* whom to tell, or NULL */
    void *event_data;
    char *failure; /* why it is unreachable, or NULL when it is not known to be */
    gint64 tried_us; /* when that was last found out, or is being found out */
    guint first_retry_ms, retry_ms;
};

typedef enum {
    GW_NODE_SHORT,
    GW_NODE_LONG
} GwNodeLength; /* GW_NODE_LONG: lasts as long as a copy or a guest's shutdown */

typedef struct {
    const char *function;
    GwNode *node, *peer; /* peer: the destination of a call that concerns two hosts, or NULL */
    const char *uuid; /* or NULL */
    GwNodeLength length;
    gint64 begun_us;
} GwNodeCall;

/* The event that drivers are given, with the node as its data: a host that says something may be tried again at once.
 */
void gw_node_heard(void *data, const char *host_name, const char *uuid);

/* FALSE: the call must not be made; *error says why. */
gboolean gw_node_call_begin(GwNodeCall *call, GError **error);
/* failure is what the driver said, taken; returns ok. Log and memory of the host's reachability are kept here. */
gboolean gw_node_call_end(const GwNodeCall *call, gboolean ok, GError *failure, GError **error);

#endif
