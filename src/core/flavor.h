/* A flavor: the shape that servers are made with. A value, the row of the store. */
#ifndef GW_CORE_FLAVOR_H
#define GW_CORE_FLAVOR_H

#include "core/aggregate.h"

typedef struct {
    gint64 id;        /* of the row: ascending, from 1; never reused */
    char *flavor_id;  /* what clients call its id; unique */
    char *name;       /* unique */
    guint vcpus;
    guint64 memory_mib;
    guint64 disk_gib;      /* of the root disk; 0: as large as its image */
    guint64 ephemeral_gib; /* told, not made: see docs/api.md */
    guint64 swap_mib;      /* likewise */
    char *rxtx_factor;     /* as text, since it means nothing here; NULL: 1.0 */
    gboolean is_public;
    char *description;     /* or NULL */
    GPtrArray *extra_specs; /* of GwMetadatum *, in the order in which they were set; owned; never NULL */
    GPtrArray *projects;    /* of char *: those that see it when it is not public; owned; never NULL */
    gint64 created_us;
} GwFlavor;

GwFlavor *gw_flavor_new(void);
GwFlavor *gw_flavor_copy(const GwFlavor *flavor);
void gw_flavor_free(GwFlavor *flavor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwFlavor, gw_flavor_free)

/* The value of an extra spec, or NULL. */
const char *gw_flavor_spec(const GwFlavor *flavor, const char *key);
/* Sets one; value NULL: removes it. TRUE when something of that name was there. */
gboolean gw_flavor_set_spec(GwFlavor *flavor, const char *key, const char *value);

/* A deep copy of a list of GwMetadatum. */
GPtrArray *gw_metadata_copy(const GPtrArray *metadata);

#endif
