/* Servers that Godwit makes or takes away, and flavors, as the store keeps them. Part of store/store.h. */
#ifndef GW_STORE_SERVERS_H
#define GW_STORE_SERVERS_H

#include "core/server.h"

typedef struct GwStore GwStore;

/* Fills id, version and times. GW_ERROR_CONFLICT when there is a row of that UUID. */
gboolean gw_store_server_add(GwStore *store, GwServer *server, GError **error);
/* Writes the row if its version is still server->version, and raises that. delete_asked is kept, and comes back in *server.
 * GW_ERROR_STALE otherwise. */
gboolean gw_store_server_update(GwStore *store, GwServer *server, GError **error);
/* The same by the one who leads (store/leases.h). fence NULL: there are no others. */
gboolean gw_store_server_journal(GwStore *store, GwServer *server, const GwFence *fence, GError **error);
/* Without a version check, as intents are. GW_ERROR_NOT_FOUND. request_id: who asked; may be NULL. */
gboolean gw_store_server_ask_delete(GwStore *store, const char *uuid, const char *request_id, GError **error);
gboolean gw_store_server_remove(GwStore *store, gint64 id, const GwFence *fence /* or NULL */, GError **error); /* what is gone already is success */
gboolean gw_store_servers(GwStore *store, GPtrArray **ret_rows /* of GwServer *, by id */, GError **error);

/* Fills id and created_us. GW_ERROR_CONFLICT in Nova's words when its flavor_id or name is taken; so too for an update. */
gboolean gw_store_flavor_add(GwStore *store, GwFlavor *flavor, GError **error);
/* By id; GW_ERROR_NOT_FOUND. */
gboolean gw_store_flavor_update(GwStore *store, const GwFlavor *flavor, GError **error);
gboolean gw_store_flavor_remove(GwStore *store, const char *flavor_id, GError **error); /* GW_ERROR_NOT_FOUND */
gboolean gw_store_flavors(GwStore *store, GPtrArray **ret_rows /* of GwFlavor *, by id */, GError **error);

#endif
