/* Flavors as clients see them: those that were created, and the shapes of adopted instances, each once, with an id that says what
 * it is ("2c-512m-10g"). */
#ifndef GW_API_SHAPES_H
#define GW_API_SHAPES_H

#include "api/view.h"

/* All that the caller may see, by id; of GwFlavor *, owned. NULL: a fault has been answered. */
GPtrArray *gw_shapes_all(GwRequest *request);
/* By its id; *ret_flavor is NULL when there is none. FALSE: a fault has been answered. */
gboolean gw_shapes_look(GwRequest *request, const char *id, GwFlavor **ret_flavor);
/* By its id. NULL with a 404. Owned by the caller. */
GwFlavor *gw_shapes_find(GwRequest *request, const char *id);
/* Created, not derived from an instance: it can be changed. */
static inline gboolean gw_shape_is_row(const GwFlavor *flavor)
{
    return flavor->id != 0;
}

json_t *gw_shape_detail(GwRequest *request, const GwFlavor *flavor);
json_t *gw_shape_specs(const GwFlavor *flavor);

/* Of a server: its own, as it was when it was made, or that of its shape. Owned by the caller. */
GwFlavor *gw_shape_of(const GwInstanceView *view);
char *gw_shape_id_of(const GwInstanceView *view);

#endif
