/* Server groups: the rows. Changes of one database's groups wait for each other, so that the rules hold among several daemons, too. */
#ifndef GW_STORE_GROUPS_H
#define GW_STORE_GROUPS_H

#include "core/group.h"

typedef struct GwStore GwStore;

gboolean gw_store_groups(GwStore *store, GPtrArray **ret_rows /* of GwGroup *, by id */, GError **error);
gboolean gw_store_group_add(GwStore *store, const GwGroup *group, GError **error);
gboolean gw_store_group_remove(GwStore *store, const char *uuid, GError **error); /* NOT_FOUND; its members stay as they are */
/* NOT_FOUND; CONFLICT when the instance is in another group. Twice is success. */
gboolean gw_store_group_join(GwStore *store, const char *uuid, const char *member_uuid, GError **error);
/* Out of whatever group it is in; of none is success. */
gboolean gw_store_group_leave(GwStore *store, const char *member_uuid, GError **error);

#endif
