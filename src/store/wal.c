#include "store/wal.h"

#include "base/log.h"

enum {
    LONG_PAGES = 4000, /* 16 MiB: then it is moved into the database, and begun anew */
    BUSY_TIMEOUT_MS = 10000,
};

struct GwWal {
    char *database; /* path */
    GwWalTurn turn;
    GMutex lock; /* of all below; taken last */
    GCond grown; /* it is too long; or stopping */
    gboolean moving;
    gboolean stopping;
    GThread *mover; /* NULL: not needed yet */
};

GwWal *gw_wal_new(const char *database, const GwWalTurn *turn)
{
    GwWal *wal = g_new0(GwWal, 1);
    wal->database = g_strdup(database);
    wal->turn = *turn;
    g_mutex_init(&wal->lock);
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
    g_mutex_clear(&wal->lock);
    g_cond_clear(&wal->grown);
    g_free(wal->database);
    g_free(wal);
}

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
    wal->turn.take(wal->turn.store);
    move(wal, db);
    wal->turn.give(wal->turn.store);
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
}
