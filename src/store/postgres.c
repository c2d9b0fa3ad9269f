/* The shared store: one PostgreSQL database, for one godwitd or several.
 *
 * Writers take one lock of the whole database first, as SQLite's do: what a transaction has read to decide by is then still so when it
 * commits, which READ COMMITTED alone does not promise, and no transaction has to be replayed. One connection writes, one keeps leases
 * (and so never waits for a writer), a few read, each a snapshot.
 *
 * A commit whose answer is lost with the connection may have been kept or not. Every durable transaction therefore writes a marker;
 * afterwards another connection looks for it, holding the writers' lock, so that the old transaction has ended by then. Asking for the
 * state of the transaction's number would not do: a server that crashed gives the numbers of lost transactions out again.
 *
 * A server that is away (restarted, failing over) is tried again for a while before a transaction begins; one that breaks inside a
 * transaction has undone it, and its caller is told. */
#include "store/pg_connection.h"
#include "store/pg_schema.h"
#include "store/pg_watch.h"
#include "store/schema.h"

#include "base/error.h"
#include "base/log.h"

#include <string.h>

enum {
    READERS_MAX = 8,   /* connections; more readers than that wait for each other */
    PATIENCE_MS = 10000, /* how long a server may be away before transactions fail, counted from when it was first missed */
    RETRY_MS = 200,
    PROBE_MS = 1000,   /* later on, how often at most it is tried */
    DOUBT_MS = 20000,  /* how long the fate of a lost commit is asked for */
};

#define LOCK_WRITERS "SELECT pg_advisory_xact_lock(1197758324, 1)"

typedef struct {
    GwStore store; /* first: a GwStore * is a PostgresStore * */
    char *uri;
    char *name;    /* for messages */
    char *self;    /* random: whose changes are one's own */
    GwPgWatch *watch; /* or NULL */
    GMutex write_lock, lease_lock; /* held from begin to end by whoever uses the connection; never both */
    GwPgConnection *writer, *keeper; /* NULL after they broke */
    GMutex lock;   /* guards what follows; never held during a call to the server */
    GCond reader_free;
    GPtrArray *idle; /* of GwPgConnection * */
    guint readers; /* idle and in use */
    gint64 missed_us; /* monotonic: since when the server is away; 0: it is not */
    gint64 tried_us;  /* monotonic: when it was last tried */
    char *missed_why;
} PostgresStore;

static const GwStoreOps postgres_ops;

/* ---- Reaching the server */

static void note_reached(PostgresStore *store)
{
    g_mutex_lock(&store->lock);
    if (store->missed_us)
        gw_info("%s: is back after %.1f s", store->name, (double)(g_get_monotonic_time() - store->missed_us) / 1e6);
    store->missed_us = 0;
    g_clear_pointer(&store->missed_why, g_free);
    g_mutex_unlock(&store->lock);
}

static void note_missed(PostgresStore *store, const GError *error)
{
    g_mutex_lock(&store->lock);
    if (!store->missed_us) {
        store->missed_us = g_get_monotonic_time();
        gw_warning("%s", error->message);
    }
    g_free(store->missed_why);
    store->missed_why = g_strdup(error->message);
    g_mutex_unlock(&store->lock);
}

/* A server that has been away for long is not asked by everyone at once: *ret_error says what was said last. */
static gboolean may_try(PostgresStore *store, GError **error)
{
    gint64 now = g_get_monotonic_time();
    g_mutex_lock(&store->lock);
    gboolean away = store->missed_us && now - store->missed_us > PATIENCE_MS * 1000;
    gboolean may = !away || now - store->tried_us > PROBE_MS * 1000;
    if (may)
        store->tried_us = now;
    else
        g_set_error(error, GW_ERROR, GW_ERROR_STORE, "%s", store->missed_why);
    g_mutex_unlock(&store->lock);
    return may;
}

/* *ret_refused: it answers, and is of no use to this Godwit. */
static GwPgConnection *connect_once(PostgresStore *store, gboolean *ret_refused, GError **error)
{
    g_autoptr(GError) why = NULL;
    *ret_refused = FALSE;
    if (!may_try(store, error))
        return NULL;
    g_autoptr(GwPgConnection) connection = gw_pg_connection_open(&store->store, store->uri, store->name, &why);
    if (connection && gw_pg_schema_check(connection, gw_schema_count, &why)) {
        note_reached(store);
        return g_steal_pointer(&connection);
    }
    *ret_refused = connection && !connection->broken;
    note_missed(store, why);
    g_propagate_error(error, g_steal_pointer(&why));
    return NULL;
}

/* TRUE: worth another try. */
static gboolean pause_before_retry(PostgresStore *store)
{
    g_mutex_lock(&store->lock);
    gint64 away_us = store->missed_us ? g_get_monotonic_time() - store->missed_us : 0;
    g_mutex_unlock(&store->lock);
    if (away_us > PATIENCE_MS * 1000)
        return FALSE;
    g_usleep(RETRY_MS * 1000);
    return TRUE;
}

/* ---- Transactions */

static const char *beginning(GwAccess access)
{
    switch (access) {
    case GW_ACCESS_READ:
        return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    case GW_ACCESS_WRITE:
        return "BEGIN; " LOCK_WRITERS;
    case GW_ACCESS_NOTE:
        return "BEGIN; SET LOCAL synchronous_commit = off; " LOCK_WRITERS;
    case GW_ACCESS_LEASE:
        return "BEGIN";
    }
    g_assert_not_reached();
}

/* Nothing has happened yet: a connection that turns out to be broken is replaced. connection is taken, or NULL. */
static GwPgConnection *begin_on(PostgresStore *store, GwPgConnection *connection, GwAccess access, GError **error)
{
    if (connection && gw_pg_connection_is_dead(connection))
        g_clear_pointer(&connection, gw_pg_connection_close);
    for (;;) {
        g_autoptr(GError) why = NULL;
        gboolean refused = FALSE;
        if (!connection)
            connection = connect_once(store, &refused, &why);
        if (connection && gw_pg_connection_execute(connection, beginning(access), &why)) {
            connection->begun = TRUE;
            connection->access = access;
            return connection;
        }
        if (connection && connection->broken)
            note_missed(store, why);
        gboolean transient = connection ? connection->broken : !refused;
        g_clear_pointer(&connection, gw_pg_connection_close);
        if (!transient || access == GW_ACCESS_LEASE || !pause_before_retry(store)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return NULL;
        }
    }
}

static GwPgConnection *take_reader(PostgresStore *store)
{
    GwPgConnection *reader = NULL;
    g_mutex_lock(&store->lock);
    while (store->idle->len == 0 && store->readers == READERS_MAX)
        g_cond_wait(&store->reader_free, &store->lock);
    if (store->idle->len > 0)
        reader = g_ptr_array_steal_index_fast(store->idle, store->idle->len - 1);
    else
        store->readers++;
    g_mutex_unlock(&store->lock);
    return reader;
}

/* NULL: it is gone. */
static void give_back_reader(PostgresStore *store, GwPgConnection *reader)
{
    g_mutex_lock(&store->lock);
    if (reader)
        g_ptr_array_add(store->idle, reader);
    else
        store->readers--;
    g_cond_signal(&store->reader_free);
    g_mutex_unlock(&store->lock);
}

/* Takes the connection that serves such access; what comes back may be NULL. */
static GwPgConnection *take(PostgresStore *store, GwAccess access)
{
    switch (access) {
    case GW_ACCESS_READ:
        return take_reader(store);
    case GW_ACCESS_WRITE:
    case GW_ACCESS_NOTE:
        g_mutex_lock(&store->write_lock);
        return g_steal_pointer(&store->writer);
    case GW_ACCESS_LEASE:
        g_mutex_lock(&store->lease_lock);
        return g_steal_pointer(&store->keeper);
    }
    g_assert_not_reached();
}

static void give_back(PostgresStore *store, GwAccess access, GwPgConnection *connection)
{
    switch (access) {
    case GW_ACCESS_READ:
        give_back_reader(store, connection);
        return;
    case GW_ACCESS_WRITE:
    case GW_ACCESS_NOTE:
        store->writer = connection;
        g_mutex_unlock(&store->write_lock);
        return;
    case GW_ACCESS_LEASE:
        store->keeper = connection;
        g_mutex_unlock(&store->lease_lock);
        return;
    }
}

static GwSession *postgres_begin(GwStore *base, GwAccess access, GError **error)
{
    PostgresStore *store = (PostgresStore *)base;
    GwPgConnection *connection = begin_on(store, take(store, access), access, error);
    if (!connection) {
        give_back(store, access, NULL);
        return NULL;
    }
    return &connection->session;
}

static void postgres_end(GwSession *session)
{
    GwPgConnection *connection = (GwPgConnection *)session;
    PostgresStore *store = (PostgresStore *)session->store;
    GwAccess access = connection->access;
    if (connection->begun && !connection->broken)
        gw_pg_connection_execute(connection, "ROLLBACK", NULL);
    connection->begun = FALSE;
    if (connection->broken)
        g_clear_pointer(&connection, gw_pg_connection_close);
    give_back(store, access, connection);
}

/* ---- Commits, and those whose answer was lost */

typedef enum { FATE_UNKNOWN, FATE_KEPT, FATE_UNDONE } Fate;

static Fate read_fate(PostgresStore *store, const GwPgConnection *lost)
{
    gboolean refused;
    g_autoptr(GwPgConnection) connection = connect_once(store, &refused, NULL);
    gint64 marker;
    if (!connection || !gw_pg_connection_execute(connection, "BEGIN; " LOCK_WRITERS, NULL) ||
        !gw_session_integer(&connection->session, "SELECT marker FROM godwit_commits WHERE connection = $1",
                            GW_PARAMS(gw_param_text(lost->id)), 0, &marker, NULL))
        return FATE_UNKNOWN;
    return marker == lost->marker ? FATE_KEPT : FATE_UNDONE;
}

static gboolean resolve(PostgresStore *store, const GwPgConnection *lost, GError **error)
{
    gint64 until = g_get_monotonic_time() + (gint64)DOUBT_MS * 1000;
    Fate fate = FATE_UNKNOWN;
    while ((fate = read_fate(store, lost)) == FATE_UNKNOWN && g_get_monotonic_time() < until)
        g_usleep(RETRY_MS * 1000);
    switch (fate) {
    case FATE_KEPT:
        gw_info("%s: the answer to a commit was lost, the commit was not", store->name);
        return TRUE;
    case FATE_UNDONE:
        g_set_error(error, GW_ERROR, GW_ERROR_STORE,
                    "%s: the connection was lost before what was written had been committed: nothing of it is kept; try again",
                    store->name);
        return FALSE;
    case FATE_UNKNOWN:
        g_set_error(error, GW_ERROR, GW_ERROR_STORE,
                    "%s: the connection was lost during a commit, and the server has been away since: whether it was kept is seen when "
                    "it is back",
                    store->name);
        return FALSE;
    }
    return FALSE;
}

/* What tells the other daemons of it, as a statement before its COMMIT; or nothing. Owned by the caller. */
static char *telling(const PostgresStore *store, const GwSession *session)
{
    return session->changed ? gw_pg_watch_tell(store->self, session->changed) : g_strdup("");
}

static gboolean commit_marked(PostgresStore *store, GwPgConnection *connection, GError **error)
{
    g_autofree char *tell = telling(store, &connection->session);
    g_autofree char *sql = g_strdup_printf("INSERT INTO godwit_commits (connection, marker) VALUES ('%s', %" G_GINT64_FORMAT ")"
                                           " ON CONFLICT (connection) DO UPDATE SET marker = excluded.marker, made = now(); %s; COMMIT",
                                           connection->id, ++connection->marker, tell);
    g_autoptr(GError) why = NULL;
    if (gw_pg_connection_commit(connection, sql, &why))
        return TRUE;
    if (connection->broken) {
        note_missed(store, why);
        return resolve(store, connection, error);
    }
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean postgres_commit(GwSession *session, GError **error)
{
    GwPgConnection *connection = (GwPgConnection *)session;
    PostgresStore *store = (PostgresStore *)session->store;
    if (connection->access == GW_ACCESS_WRITE)
        return commit_marked(store, connection, error);
    g_autofree char *tell = telling(store, session);
    g_autofree char *sql = g_strdup_printf("%s; COMMIT", tell);
    return gw_pg_connection_commit(connection, sql, error);
}

/* ---- Opening and closing */

static void postgres_watch(GwStore *base, GwChanged changed, gpointer data)
{
    PostgresStore *store = (PostgresStore *)base;
    g_clear_pointer(&store->watch, gw_pg_watch_free);
    if (changed)
        store->watch = gw_pg_watch_new(base, store->uri, store->name, store->self, changed, data);
}

static void postgres_close(GwStore *base)
{
    PostgresStore *store = (PostgresStore *)base;
    gw_pg_watch_free(store->watch);
    g_assert(store->readers == store->idle->len); /* nobody uses a store that is being closed */
    g_ptr_array_unref(store->idle);
    gw_pg_connection_close(store->writer);
    gw_pg_connection_close(store->keeper);
    g_mutex_clear(&store->write_lock);
    g_mutex_clear(&store->lease_lock);
    g_mutex_clear(&store->lock);
    g_cond_clear(&store->reader_free);
    g_free(store->missed_why);
    g_free(store->uri);
    g_free(store->self);
    g_free(store->name);
    g_free(store);
}

static gboolean open_writer(PostgresStore *store, GError **error)
{
    store->writer = gw_pg_connection_open(&store->store, store->uri, store->name, error);
    return store->writer && gw_pg_schema_bring_forward(store->writer, gw_schema_steps, gw_schema_count, error) &&
           gw_pg_connection_execute(store->writer, "DELETE FROM godwit_commits WHERE made < now() - interval '7 days'", error);
}

GwStore *gw_store_open_postgres(const char *uri, GError **error)
{
    if (!gw_store_check_postgres(uri, error))
        return NULL;
    PostgresStore *store = g_new0(PostgresStore, 1);
    store->store.ops = &postgres_ops;
    store->uri = g_strdup(uri);
    store->self = g_uuid_string_random();
    store->name = gw_pg_describe(uri);
    store->idle = g_ptr_array_new_with_free_func((GDestroyNotify)gw_pg_connection_close);
    g_mutex_init(&store->write_lock);
    g_mutex_init(&store->lease_lock);
    g_mutex_init(&store->lock);
    g_cond_init(&store->reader_free);
    if (open_writer(store, error))
        return &store->store;
    postgres_close(&store->store);
    return NULL;
}

static const GwStoreOps postgres_ops = {
    .name = "postgresql",
    .close = postgres_close,
    .begin = postgres_begin,
    .commit = postgres_commit,
    .end = postgres_end,
    .query = gw_pg_connection_query,
    .next = gw_pg_connection_next,
    .integer = gw_pg_connection_integer,
    .text = gw_pg_connection_text,
    .finish = gw_pg_connection_finish,
    .clock_us = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
    .watch = postgres_watch,
};
