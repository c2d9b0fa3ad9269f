/* Several daemons on one database: who is there, and which of them leads which host. The database's transactions and its clock decide.
 * Part of store/store.h. */
#ifndef GW_STORE_LEASES_H
#define GW_STORE_LEASES_H

#include <glib.h>

typedef struct GwStore GwStore;

/* Whether other daemons may use the database at the same time. FALSE: nothing below may be called. */
gboolean gw_store_is_shared(const GwStore *store);

/* Makes this daemon known, for so long as it keeps its leases. name: for people. Forgets daemons that have been gone for a day. */
gboolean gw_store_daemon_join(GwStore *store, const char *name, guint lease_ms, gint64 *ret_id, GError **error);
/* Gives everything back at once. */
gboolean gw_store_daemon_leave(GwStore *store, gint64 id, GError **error);

enum { GW_LEASE_DRAINS = 0 }; /* instead of a host's id: the lease of whoever carries out drains */

typedef struct {
    gint64 host_id; /* or GW_LEASE_DRAINS */
    gint64 token;   /* grows each time another daemon takes it: what was written under an older one is refused */
} GwLease;

typedef struct {
    GArray *leases; /* of GwLease: what the daemon holds now */
    guint surplus;  /* so many of them are more than its share, and were not spare */
} GwKept;

/* Renews what the daemon holds, gives back of `spare` (host ids, the first first) what is more than its share, and takes of what nobody
 * holds up to it. The caller owns ret_kept->leases. GW_ERROR_STALE: it was taken for dead and forgotten; join again. */
gboolean gw_store_leases_keep(GwStore *store, gint64 daemon_id, guint lease_ms, const GArray *spare /* of gint64 */, GwKept *ret_kept,
                              GError **error);

/* One daemon at a time does something to an instance beside migrations (start, stop, …): GW_ERROR_CONFLICT while another does, or while it
 * has an unfinished migration; and no migration begins meanwhile. It is over when the daemon is. */
gboolean gw_store_operation_claim(GwStore *store, gint64 daemon_id, const char *instance_uuid, GError **error);
gboolean gw_store_operation_release(GwStore *store, gint64 daemon_id, const char *instance_uuid, GError **error);

/* A write that holds only while the lease does: checked in its own transaction. */
typedef struct {
    gint64 daemon_id;
    GwLease lease;
} GwFence;

typedef struct {
    gint64 id;
    char *name;
    gint64 started_us, expires_us; /* by the database's clock */
    gboolean alive;
    char *hosts; /* their names, with a blank between; or NULL */
    gboolean drains; /* carries out drains */
} GwDaemonRow;

void gw_daemon_row_free(GwDaemonRow *row);
/* By id. ret_rows: of GwDaemonRow *. */
gboolean gw_store_daemons(GwStore *store, GPtrArray **ret_rows, GError **error);

/* What has been changed, by another daemon. */
enum {
    GW_CHANGED_HOSTS = 1 << 0, /* also aggregates, and server groups */
    GW_CHANGED_MIGRATIONS = 1 << 1,
    GW_CHANGED_DRAINS = 1 << 2,
    GW_CHANGED_CARDS = 1 << 3,
    GW_CHANGED_SERVERS = 1 << 4, /* those that Godwit makes, made or takes away */
    GW_CHANGED_LINKS = 1 << 5,   /* what ways between hosts were measured to carry */
    GW_CHANGED_ANYTHING = 63, /* nobody knows: the connection was away */
};

/* Called from a thread of the store; must not block. */
typedef void (*GwChanged)(gpointer data, unsigned changed);
/* Reports other daemons' changes, until it is called with NULL, which waits for the last report. One at a time. */
void gw_store_watch(GwStore *store, GwChanged changed, gpointer data);

#endif
