/* The embedded store: SQLite in WAL mode.
 *
 * One connection writes, under a mutex: SQLite has one writer anyhow, and a queue is fairer than its busy handler. A
 * few connections read, each a snapshot, so that the API never waits for a writer. Every committed write is
 * synchronised to the disk, together with others (wal.h), but for notes (GW_ACCESS_NOTE), which the next such commit takes along.
 *
 * A lock beside the file keeps a second godwitd out: two of them would carry the same migrations. The kernel drops it
 * when the process dies, however it dies. */
#include "store/connection.h"
#include "store/schema.h"
#include "store/sqlite_schema.h"
#include "store/wal.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READERS_MAX = 8 }; /* connections; more readers than that wait for each other */

typedef struct {
    GwStore store; /* first: a GwStore * is a SqliteStore * */
    char *path;
    int lock_fd;
    GMutex write_lock; /* held by whoever uses writer, from begin to commit or end */
    GwConnection *writer;
    GwWal *wal; /* what the writer has written */
    GMutex read_lock; /* guards the two below; never held together with write_lock, nor during a query */
    GCond reader_free;
    GPtrArray *idle; /* of GwConnection * */
    guint readers; /* idle and in use */
} SqliteStore;

static const GwStoreOps sqlite_ops;

/* ---- Readers */

static GwConnection *take_reader(SqliteStore *store, GError **error)
{
    GwConnection *reader = NULL;
    g_mutex_lock(&store->read_lock);
    while (store->idle->len == 0 && store->readers == READERS_MAX)
        g_cond_wait(&store->reader_free, &store->read_lock);
    if (store->idle->len > 0)
        reader = g_ptr_array_steal_index_fast(store->idle, store->idle->len - 1);
    else
        store->readers++;
    g_mutex_unlock(&store->read_lock);
    if (reader || (reader = gw_connection_open(store->path, SQLITE_OPEN_READONLY, error)))
        return reader;
    g_mutex_lock(&store->read_lock);
    store->readers--;
    g_cond_signal(&store->reader_free);
    g_mutex_unlock(&store->read_lock);
    return NULL;
}

static void give_back_reader(SqliteStore *store, GwConnection *reader)
{
    g_mutex_lock(&store->read_lock);
    g_ptr_array_add(store->idle, reader);
    g_cond_signal(&store->reader_free);
    g_mutex_unlock(&store->read_lock);
}

/* ---- Transactions */

static gboolean run_cached(GwTransaction *transaction, const char *sql, GError **error)
{
    g_autoptr(GwResult) result = gw_connection_query(&transaction->session, sql, NULL, 0, error);
    gboolean row;
    return result && gw_connection_next(result, &row, error);
}

static void give_back(GwTransaction *transaction)
{
    SqliteStore *store = (SqliteStore *)transaction->session.store;
    GwConnection *connection = g_steal_pointer(&transaction->connection);
    if (connection == store->writer)
        g_mutex_unlock(&store->write_lock);
    else
        give_back_reader(store, connection);
}

static GwConnection *take_connection(SqliteStore *store, GwAccess access, GError **error)
{
    switch (access) {
    case GW_ACCESS_READ:
        return take_reader(store, error);
    case GW_ACCESS_WRITE:
    case GW_ACCESS_LEASE:
    case GW_ACCESS_NOTE:
        g_mutex_lock(&store->write_lock);
        return store->writer;
    }
    g_assert_not_reached();
}

static GwSession *sqlite_begin(GwStore *base, GwAccess access, GError **error)
{
    GwConnection *connection = take_connection((SqliteStore *)base, access, error);
    if (!connection)
        return NULL;
    GwTransaction *transaction = g_new0(GwTransaction, 1);
    transaction->session.store = base;
    transaction->connection = connection;
    transaction->access = access;
    if (!run_cached(transaction, access == GW_ACCESS_READ ? "BEGIN" : "BEGIN IMMEDIATE", error)) {
        give_back(transaction);
        g_free(transaction);
        return NULL;
    }
    transaction->begun = TRUE;
    return &transaction->session;
}

/* The next writer need not wait until what this one has written is on the disk. A note is not waited for: the next sync, which is of
 * the whole log, takes it along. */
static gboolean sqlite_commit(GwSession *session, GError **error)
{
    GwTransaction *transaction = (GwTransaction *)session;
    SqliteStore *store = (SqliteStore *)session->store;
    if (!run_cached(transaction, "COMMIT", error))
        return FALSE;
    transaction->begun = FALSE;
    if (transaction->access == GW_ACCESS_READ)
        return TRUE;
    gint64 commit = gw_wal_note(store->wal);
    give_back(transaction);
    return transaction->access == GW_ACCESS_NOTE || gw_wal_sync(store->wal, commit, error);
}

/* Some failures (a full disk) have rolled back already: then ROLLBACK has nothing to do, and its error means nothing.
 */
static void sqlite_end(GwSession *session)
{
    GwTransaction *transaction = (GwTransaction *)session;
    if (transaction->begun && !sqlite3_get_autocommit(transaction->connection->db))
        run_cached(transaction, "ROLLBACK", NULL);
    if (transaction->connection)
        give_back(transaction);
    g_free(transaction);
}

/* ---- Opening and closing */

static void sqlite_close(GwStore *base)
{
    SqliteStore *store = (SqliteStore *)base;
    g_assert(store->readers == store->idle->len); /* nobody uses a store that is being closed */
    g_ptr_array_unref(store->idle);
    gw_wal_free(store->wal);
    gw_connection_close(store->writer); /* last, since it may write: it moves the log into the database */
    g_mutex_clear(&store->write_lock);
    g_mutex_clear(&store->read_lock);
    g_cond_clear(&store->reader_free);
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    g_free(store->path);
    g_free(store);
}

static gboolean check_folder(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    if (g_file_test(folder, G_FILE_TEST_IS_DIR))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_STORE,
                "%s: there is no folder %s: make it, owned by the user that runs godwitd, or name another file in the "
                "option `database`",
                path, folder);
    return FALSE;
}

static gboolean fail_errno(const char *path, const char *what, GError **error)
{
    g_set_error(error, GW_ERROR, GW_ERROR_STORE,
                "%s: cannot %s: %s: let the user that runs godwitd write the file and its folder", path, what,
                g_strerror(errno));
    return FALSE;
}

/* SQLite gives its log the mode of the database, so this one covers all. A file that is there is never opened here:
 * closing it would drop the locks that SQLite holds on it in this process. */
static gboolean make_private(const char *path, GError **error)
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        return TRUE;
    }
    if (errno != EEXIST)
        return fail_errno(path, "make the database", error);
    struct stat status;
    if (stat(path, &status) != 0)
        return fail_errno(path, "look at the database", error);
    if ((status.st_mode & 077) && chmod(path, 0600) != 0)
        return fail_errno(path, "keep others from the database", error);
    return TRUE;
}

static gboolean take_lock(SqliteStore *store, GError **error)
{
    g_autofree char *name = g_strconcat(store->path, ".lock", NULL);
    store->lock_fd = open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (store->lock_fd < 0)
        return fail_errno(name, "make the lock", error);
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return TRUE;
    if (errno != EWOULDBLOCK)
        return fail_errno(name, "take the lock", error);
    g_set_error(error, GW_ERROR, GW_ERROR_STORE,
                "%s: another godwitd uses this database: end it, or give this one another `database`", store->path);
    return FALSE;
}

static gboolean open_files(SqliteStore *store, GError **error)
{
    if (!check_folder(store->path, error) || !take_lock(store, error) || !make_private(store->path, error))
        return FALSE;
    store->writer = gw_connection_open(store->path, SQLITE_OPEN_READWRITE, error);
    gboolean ok = store->writer && gw_schema_check(store->writer->db, store->path, gw_schema_count, error) &&
                  gw_connection_execute(store->writer, "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL", error) &&
                  gw_schema_bring_forward(store->writer->db, store->path, gw_schema_steps, gw_schema_count, error);
    if (ok)
        gw_wal_attach(store->wal, store->writer->db);
    return ok;
}

GwStore *gw_store_open_sqlite(const char *path, GError **error)
{
    SqliteStore *store = g_new0(SqliteStore, 1);
    store->store.ops = &sqlite_ops;
    store->path = g_strdup(path);
    store->lock_fd = -1;
    store->idle = g_ptr_array_new_with_free_func((GDestroyNotify)gw_connection_close);
    g_mutex_init(&store->write_lock);
    store->wal = gw_wal_new(path, &store->write_lock);
    g_mutex_init(&store->read_lock);
    g_cond_init(&store->reader_free);
    if (open_files(store, error))
        return &store->store;
    sqlite_close(&store->store);
    return NULL;
}

static const GwStoreOps sqlite_ops = {
    .name = "sqlite",
    .close = sqlite_close,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .end = sqlite_end,
    .query = gw_connection_query,
    .next = gw_connection_next,
    .integer = gw_connection_integer,
    .text = gw_connection_text,
    .finish = gw_connection_finish,
};
