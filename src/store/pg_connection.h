/* One PostgreSQL connection with its prepared statements. Used by one thread at a time. Inside the PostgreSQL adapter only.
 *
 * No call waits for ever: the server is told to give a statement up, and a server that does not even say so is given up by
 * this side a little later. A connection that broke is marked so, and nobody knows whether the server has carried the last
 * statement out: of a commit, the adapter finds out (postgres.c). */
#ifndef GW_STORE_PG_CONNECTION_H
#define GW_STORE_PG_CONNECTION_H

#include "store/database.h"

#include <libpq-fe.h>

enum {
    GW_PG_CONNECT_S = 3,      /* for one address to answer; unless the URI says connect_timeout */
    GW_PG_STATEMENT_MS = 8000, /* the server gives a statement up, and with it a wait for a lock */
    GW_PG_IDLE_MS = 3000,     /* the server ends a transaction whose client says nothing: it may be paused, or cut off, and it
                               * keeps every other writer waiting */
    GW_PG_CLIENT_MS = 10000,  /* a server that is silent for so long hangs */
};

typedef struct {
    GwSession session; /* first: a GwSession * is a GwPgConnection * */
    PGconn *pg;
    const char *name;       /* borrowed from the store: the database as messages call it */
    GHashTable *statements; /* SQL → the name that the server knows it by */
    guint serial;           /* of the next name */
    GwAccess access;
    gboolean begun;         /* a transaction is open */
    gboolean broken;        /* it can only be closed */
    char *id;               /* random: whose markers are whose */
    gint64 marker;          /* of the last durable commit */
} GwPgConnection;

/* Database and hosts, for people. Owned by the caller. (pg_address.c) */
char *gw_pg_describe(const char *uri);

/* uri: as libpq reads it. name: borrowed. GW_ERROR_STORE says what libpq said; a password is never in it. */
GwPgConnection *gw_pg_connection_open(GwStore *store, const char *uri, const char *name, GError **error);
void gw_pg_connection_close(GwPgConnection *connection); /* NULL is nothing */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPgConnection, gw_pg_connection_close)

/* Statements without parameters or rows, several at once, in one round trip. */
gboolean gw_pg_connection_execute(GwPgConnection *connection, const char *sql, GError **error);
/* The same, ending in COMMIT; fails when the server has undone the transaction instead. */
gboolean gw_pg_connection_commit(GwPgConnection *connection, const char *sql, GError **error);
/* Whether the other end has closed it meanwhile. Does not wait. */
gboolean gw_pg_connection_is_dead(GwPgConnection *connection);

/* As in GwStoreOps. */
GwResult *gw_pg_connection_query(GwSession *session, const char *sql, const GwParam *params, guint count, GError **error);
gboolean gw_pg_connection_next(GwResult *result, gboolean *ret_row, GError **error);
gint64 gw_pg_connection_integer(GwResult *result, guint column);
const char *gw_pg_connection_text(GwResult *result, guint column);
void gw_pg_connection_finish(GwResult *result);

#endif
