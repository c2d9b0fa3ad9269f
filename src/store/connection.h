/* One SQLite connection with its prepared statements, and a transaction on it: a session of the store. Used by one thread at a time. Inside
 * the SQLite adapter only. */
#ifndef GW_STORE_CONNECTION_H
#define GW_STORE_CONNECTION_H

#include "store/database.h"

#include <sqlite3.h>

typedef struct {
    sqlite3 *db;
    const char *path;       /* borrowed from the store, for messages */
    GHashTable *statements; /* SQL → its prepared statement, owned */
} GwConnection;

typedef struct {
    GwSession session; /* first: a GwSession * is a GwTransaction * */
    GwConnection *connection; /* lent; NULL: given back already */
    GwAccess access;
    gboolean begun; /* it is open */
} GwTransaction;

GwConnection *gw_connection_open(const char *path, int flags, GError **error);
void gw_connection_close(GwConnection *connection); /* NULL is nothing */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwConnection, gw_connection_close)

/* Runs SQL that needs neither parameters nor rows, unprepared: settings of the connection. */
gboolean gw_connection_execute(GwConnection *connection, const char *sql, GError **error);

/* As in GwStoreOps. */
GwResult *gw_connection_query(GwSession *session, const char *sql, const GwParam *params, guint count, GError **error);
gboolean gw_connection_next(GwResult *result, gboolean *ret_row, GError **error);
gint64 gw_connection_integer(GwResult *result, guint column);
const char *gw_connection_text(GwResult *result, guint column);
void gw_connection_finish(GwResult *result);

#endif
