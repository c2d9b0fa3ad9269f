/* The embedded store: SQLite in WAL mode.
 *
 * One connection writes, under a mutex: SQLite has one writer anyhow, and a queue is fairer than its busy handler. A
 * few connections read, each a snapshot, so that the API never waits for a writer. Every committed write is
 * synchronised to the disk, but for notes (GW_ACCESS_NOTE), which the next such commit takes along.
 *
 * Writes that come while others wait for their turn are one transaction of SQLite, in which each is a savepoint: a batch. Who has done
 * his part hands it on to the next in the queue and waits; the last commits for all. So one sync of the disk serves many, and still
 * nobody sees what is not on the disk.
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

enum {
    READERS_MAX = 8,    /* connections; more readers than that wait for each other */
    MOST_TOGETHER = 64, /* writes in one batch: the first of them waits for the last */
};

typedef struct {
    gatomicrefcount refs; /* the store's, while it is open, and one of each who waits */
    gboolean durable;     /* it began so, and notes may be in it; without, nothing but notes */
    guint members;        /* [write_lock] writes that are done */
    GMutex lock;          /* of all below; taken last */
    GCond over;
    gboolean ended;
    GError *error; /* NULL: committed */
} Batch;

typedef struct {
    GwStore store; /* first: a GwStore * is a SqliteStore * */
    char *path;
    int lock_fd;
    gint waiting;      /* atomic: who waits for the next */
    GMutex write_lock; /* held by whoever uses writer, from begin to commit or end */
    GwConnection *writer;
    Batch *batch;         /* [write_lock] not committed yet; or NULL */
    gboolean synchronous; /* [write_lock] commits reach the disk */
    GwWal *wal;           /* what moves the log */
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

static gboolean is_open(const SqliteStore *store)
{
    return !sqlite3_get_autocommit(store->writer->db);
}

/* ---- Batches */

static void batch_unref(Batch *batch)
{
    if (!g_atomic_ref_count_dec(&batch->refs))
        return;
    g_clear_error(&batch->error);
    g_mutex_clear(&batch->lock);
    g_cond_clear(&batch->over);
    g_free(batch);
}

/* SQLite is told before the transaction begins, and not within. */
static gboolean open_batch(SqliteStore *store, GwTransaction *first, gboolean durable, GError **error)
{
    if (store->synchronous != durable &&
        !gw_connection_execute(store->writer, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", error))
        return FALSE;
    store->synchronous = durable;
    if (!run_cached(first, "BEGIN IMMEDIATE", error))
        return FALSE;
    store->batch = g_new0(Batch, 1);
    g_atomic_ref_count_init(&store->batch->refs);
    g_mutex_init(&store->batch->lock);
    g_cond_init(&store->batch->over);
    store->batch->durable = durable;
    return TRUE;
}

/* Commits what is in it, and tells those who wait. Some failures (a full disk) have rolled all of it back already. */
static void end_batch(SqliteStore *store, GwTransaction *last)
{
    Batch *batch = g_steal_pointer(&store->batch);
    GError *error = NULL;
    if (!is_open(store))
        g_set_error(&error, GW_ERROR, GW_ERROR_STORE, "%s: another write failed, and has taken this one along", store->path);
    else if (!batch->members || !run_cached(last, "COMMIT", &error))
        run_cached(last, "ROLLBACK", NULL);
    g_mutex_lock(&batch->lock);
    batch->ended = TRUE;
    batch->error = error;
    g_cond_broadcast(&batch->over);
    g_mutex_unlock(&batch->lock);
    batch_unref(batch);
}

static gboolean await_batch(Batch *batch, GError **error)
{
    g_mutex_lock(&batch->lock);
    while (!batch->ended)
        g_cond_wait(&batch->over, &batch->lock);
    if (batch->error)
        g_propagate_error(error, g_error_copy(batch->error));
    gboolean ok = !batch->error;
    g_mutex_unlock(&batch->lock);
    return ok;
}

/* Whoever waits for his turn takes the batch over. */
static void pass_on(SqliteStore *store, GwTransaction *transaction)
{
    gboolean alone = !__atomic_load_n(&store->waiting, __ATOMIC_SEQ_CST);
    if (store->batch && (alone || store->batch->members >= MOST_TOGETHER || !is_open(store)))
        end_batch(store, transaction);
    transaction->connection = NULL;
    g_mutex_unlock(&store->write_lock);
}

static gboolean begin_write(SqliteStore *store, GwTransaction *transaction, GError **error)
{
    gboolean durable = transaction->access != GW_ACCESS_NOTE;
    __atomic_add_fetch(&store->waiting, 1, __ATOMIC_SEQ_CST);
    g_mutex_lock(&store->write_lock);
    __atomic_sub_fetch(&store->waiting, 1, __ATOMIC_SEQ_CST);
    transaction->connection = store->writer;
    if (store->batch && durable && !store->batch->durable)
        end_batch(store, transaction);
    transaction->begun = (store->batch || open_batch(store, transaction, durable, error)) && run_cached(transaction, "SAVEPOINT one", error);
    if (!transaction->begun)
        pass_on(store, transaction);
    return transaction->begun;
}

static gboolean commit_write(SqliteStore *store, GwTransaction *transaction, GError **error)
{
    if (!run_cached(transaction, "RELEASE one", error))
        return FALSE;
    transaction->begun = FALSE;
    Batch *batch = store->batch;
    g_atomic_ref_count_inc(&batch->refs);
    batch->members++;
    pass_on(store, transaction);
    gboolean ok = await_batch(batch, error);
    batch_unref(batch);
    return ok;
}

static void undo_write(SqliteStore *store, GwTransaction *transaction)
{
    if (transaction->begun && is_open(store)) {
        run_cached(transaction, "ROLLBACK TO one", NULL);
        run_cached(transaction, "RELEASE one", NULL);
    }
    pass_on(store, transaction);
}

/* For whoever moves the log: what waits to be committed is, since the log begins anew only when all that was written has been moved. */
static void take_writer(gpointer data)
{
    SqliteStore *store = data;
    GwTransaction nobody = {.session = {.store = &store->store}, .connection = store->writer};
    g_mutex_lock(&store->write_lock);
    if (store->batch)
        end_batch(store, &nobody);
}

static void give_writer(gpointer data)
{
    g_mutex_unlock(&((SqliteStore *)data)->write_lock);
}

/* ---- Sessions */

static GwSession *sqlite_begin(GwStore *base, GwAccess access, GError **error)
{
    SqliteStore *store = (SqliteStore *)base;
    GwTransaction *transaction = g_new0(GwTransaction, 1);
    transaction->session.store = base;
    transaction->access = access;
    if (access != GW_ACCESS_READ)
        begin_write(store, transaction, error);
    else if ((transaction->connection = take_reader(store, error))) {
        transaction->begun = run_cached(transaction, "BEGIN", error);
        if (!transaction->begun)
            give_back_reader(store, transaction->connection);
    }
    if (transaction->begun)
        return &transaction->session;
    g_free(transaction);
    return NULL;
}

static gboolean sqlite_commit(GwSession *session, GError **error)
{
    GwTransaction *transaction = (GwTransaction *)session;
    if (transaction->access != GW_ACCESS_READ)
        return commit_write((SqliteStore *)session->store, transaction, error);
    transaction->begun = !run_cached(transaction, "COMMIT", error);
    return !transaction->begun;
}

static void sqlite_end(GwSession *session)
{
    GwTransaction *transaction = (GwTransaction *)session;
    SqliteStore *store = (SqliteStore *)session->store;
    if (transaction->connection && transaction->access != GW_ACCESS_READ) {
        undo_write(store, transaction);
    } else if (transaction->connection) {
        if (transaction->begun)
            run_cached(transaction, "ROLLBACK", NULL);
        give_back_reader(store, transaction->connection);
    }
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
    store->synchronous = TRUE;
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
    store->wal = gw_wal_new(path, &(GwWalTurn){take_writer, give_writer, store});
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
