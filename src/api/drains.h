/* Drains as bodies, shared by Godwit's own calls and os-hosts. */
#ifndef GW_API_DRAINS_H
#define GW_API_DRAINS_H

#include "api/view.h"

json_t *gw_drain_view(const GwDrain *drain, const GPtrArray *moves /* of GwDrainMove *; NULL: without them */);
/* What a checked body says, but for the hosts; of no body: the defaults. Strings borrowed from the request. */
GwDrainOrder gw_drain_order(const GwRequest *request, json_t *body);

/* A checked body's `hosts`; empty when it has none. */
GStrv gw_drain_hosts(json_t *body);

#endif
