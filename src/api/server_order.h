/* In which order a list shows servers. Newest first is the engine's own order, and Nova's. */
#ifndef GW_API_SERVER_ORDER_H
#define GW_API_SERVER_ORDER_H

#include "api/request.h"

typedef int (*GwServerCompare)(const GwInstanceView *a, const GwInstanceView *b);

typedef struct {
    GwServerCompare compare; /* NULL: as they come */
    int sign;
} GwServerOrder;

/* From sort_key and sort_dir, of several keys the last. FALSE: a fault has been answered. */
gboolean gw_server_order_read(GwRequest *request, GwServerOrder *ret_order);
/* Sorts views, of GwInstanceView *, and leaves those that come after the marker. marker NULL: all. Without a compare
 * nothing happens: what comes as it comes can be cut before. */
void gw_server_order_apply(const GwServerOrder *order, const GwInstanceView *marker, GPtrArray *views);

#endif
