/* What people say of an instance and no hypervisor knows: its name, its labels, whether it is locked. A value, the row of the store, the
 * same for adopted instances and for those that Godwit made; of the latter it says only what differs from how they were made.
 * Cards are immutable once published and shared by reference count across threads. */
#ifndef GW_CORE_CARD_H
#define GW_CORE_CARD_H

#include "core/aggregate.h"

typedef struct {
    gatomicrefcount refs;
    char uuid[GW_UUID_SIZE];   /* of the instance */
    char *name;                /* NULL: as it was made, or as the hypervisor calls it */
    gboolean has_description, has_metadata, has_tags; /* FALSE: as it was made */
    char *description;         /* or NULL */
    GPtrArray *metadata;       /* of GwMetadatum *; never NULL */
    GPtrArray *tags;           /* of char *; never NULL */
    char *access_ipv4, *access_ipv6, *disk_config; /* told, not used; or NULL */
    gboolean locked;
    char *locked_by, *locked_reason; /* user id; reason or NULL */
    gboolean in_error;         /* an administrator has set the shown state */
    gint64 in_error_us;        /* when */
    gint64 stored_us;          /* when it was last stored, which tells one version from another; 0: never */
} GwCard;

GwCard *gw_card_new(const char *uuid); /* one reference */
GwCard *gw_card_copy(const GwCard *card);
GwCard *gw_card_ref(GwCard *card);
void gw_card_unref(GwCard *card);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwCard, gw_card_unref)

/* To be called before it is published. */
GwMetadatum *gw_card_add_metadatum(GwCard *card);
void gw_card_describe(GwCard *card, const char *description /* or NULL */);

#endif
