#include "store/wal.h"

#include "base/error.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    LONG_PAGES = 4000, /* 16 MiB: then it is moved into the database, and begun anew */
    BUSY_TIMEOUT_MS = 10000,
};

GwWal *gw_wal_new(const char *database, GMutex *write_lock)
{
    GwWal *wal = g_new0(GwWal, 1);
    wal->database = g_strdup(database);
    wal->write_lock = write_lock;
    wal->fd = -1;
    wal->to_disk = fdatasync;
    g_mutex_init(&wal->lock);
    g_cond_init(&wal->ended);
    g_cond_init(&wal->grown);
    return wal;
}

void gw_wal_free(GwWal *wal)
{
    if (!wal)
        return;
    g_mutex_lock(&wal->lock);
    wal->stopping = TRUE;
    g_cond_signal(&wal->grown);
    g_mutex_unlock(&wal->lock);
    if (wal->mover)
        g_thread_join(wal->mover);
    if (wal->fd >= 0)
        close(wal->fd);
    g_mutex_clear(&wal->lock);
    g_cond_clear(&wal->ended);
    g_cond_clear(&wal->grown);
    g_free(wal->database);
    g_free(wal);
}

/* ---- to the disk */

/* SQLite keeps no locks on the log, which closing it would drop, and never replaces it while its database is open. */
static gboolean open_log(GwWal *wal)
{
    g_autofree char *path = g_strconcat(wal->database, "-wal", NULL);
    if (wal->fd < 0)
        wal->fd = open(path, O_RDONLY | O_CLOEXEC);
    return wal->fd >= 0;
}

gint64 gw_wal_note(GwWal *wal)
{
    return __atomic_add_fetch(&wal->written, 1, __ATOMIC_ACQ_REL);
}

/* [locked, and let go meanwhile] FALSE: errno says why. */
static gboolean sync_now(GwWal *wal)
{
    wal->syncing = TRUE;
    g_mutex_unlock(&wal->lock);
    gint64 upto = __atomic_load_n(&wal->written, __ATOMIC_ACQUIRE); /* before: what comes meanwhile may be missed */
    gboolean ok = open_log(wal) && wal->to_disk(wal->fd) == 0;
    int why = errno;
    g_mutex_lock(&wal->lock);
    wal->syncing = FALSE;
    wal->syncs++;
    if (ok)
        wal->synced = MAX(wal->synced, upto);
    g_cond_broadcast(&wal->ended);
    errno = why;
    return ok;
}

/* Whoever finds a sync under way cannot be sure that it has his commit, and waits for the next, which has those of all who wait. */
gboolean gw_wal_sync(GwWal *wal, gint64 commit, GError **error)
{
    gboolean ok = TRUE;
    g_mutex_lock(&wal->lock);
    while (ok && wal->synced < commit) {
        if (wal->syncing)
            g_cond_wait(&wal->ended, &wal->lock);
        else
            ok = sync_now(wal);
    }
    int why = errno;
    g_mutex_unlock(&wal->lock);
    if (!ok)
        g_set_error(error, GW_ERROR, GW_ERROR_STORE, "%s-wal: what was written cannot be brought to the disk: %s: look at the disk", wal->database,
                    g_strerror(why));
    return ok;
}

/* ---- into the database */

static void move(GwWal *wal, sqlite3 *db)
{
    int code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (code != SQLITE_OK && code != SQLITE_BUSY)
        gw_warning("%s: its log cannot be moved into it, and grows: %s", wal->database, sqlite3_errmsg(db));
}

/* Most of it while others write; the little that they have written meanwhile while they wait, since the log begins anew only when
 * all of it has been moved. */
static void move_all(GwWal *wal, sqlite3 *db)
{
    move(wal, db);
    g_mutex_lock(wal->write_lock);
    move(wal, db);
    g_mutex_unlock(wal->write_lock);
}

/* A connection knows of the log once it has read something; before, it would move nothing, and say that all is well. */
static sqlite3 *open_database(GwWal *wal)
{
    sqlite3 *db = NULL;
    gboolean ok = sqlite3_open_v2(wal->database, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
                  sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS) == SQLITE_OK &&
                  sqlite3_exec(db, "SELECT COUNT(*) FROM sqlite_master", NULL, NULL, NULL) == SQLITE_OK;
    if (ok)
        return db;
    gw_warning("%s: cannot be opened once more, so that its log grows: %s", wal->database, sqlite3_errmsg(db));
    sqlite3_close(db);
    return NULL;
}

static gpointer mover_thread(gpointer data)
{
    GwWal *wal = data;
    sqlite3 *db = open_database(wal);
    g_mutex_lock(&wal->lock);
    while (db && !wal->stopping) {
        if (wal->moving) {
            g_mutex_unlock(&wal->lock);
            move_all(wal, db);
            g_mutex_lock(&wal->lock);
            wal->moving = FALSE;
        } else {
            g_cond_wait(&wal->grown, &wal->lock);
        }
    }
    g_mutex_unlock(&wal->lock);
    sqlite3_close(db);
    return NULL;
}

/* In the writer's commit. */
static int on_commit(void *data, sqlite3 *db, const char *name, int pages)
{
    GwWal *wal = data;
    if (pages < LONG_PAGES)
        return SQLITE_OK;
    g_mutex_lock(&wal->lock);
    if (!wal->mover && !wal->stopping)
        wal->mover = g_thread_new("wal-mover", mover_thread, wal);
    if (!wal->moving)
        g_cond_signal(&wal->grown);
    wal->moving = TRUE;
    g_mutex_unlock(&wal->lock);
    return SQLITE_OK;
}

void gw_wal_attach(GwWal *wal, sqlite3 *writer)
{
    sqlite3_wal_hook(writer, on_commit, wal); /* takes the place of its own checkpoints */
    sqlite3_exec(writer, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
}
