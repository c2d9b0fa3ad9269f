/* SQLite's write-ahead log, beside the writer: what brings it to the disk, and from there into the database. Inside the SQLite adapter
 * only.
 *
 * SQLite itself would synchronise it in each commit, with its one writer's lock held: as many writes per second as the disk has syncs. Here the
 * writer commits without, lets the next one in, and then waits for a sync that began after its commit: one serves all who have
 * committed by then. Who has committed and not yet been told so is seen by readers a moment before it is proof against a power cut. */
#ifndef GW_STORE_WAL_H
#define GW_STORE_WAL_H

#include "store/store.h"

#include <sqlite3.h>

typedef struct {
    char *database;     /* path */
    GMutex *write_lock; /* the store's, held by whoever writes */
    gint64 written;     /* atomic: commits of the writer */
    GMutex lock;        /* of all below; taken last, and not held during a sync */
    GCond ended;        /* a sync has */
    GCond grown;        /* the log has, too much; or stopping */
    gint64 synced;      /* commits that are on the disk */
    guint64 syncs;
    gboolean syncing;
    gboolean moving;    /* what is told of its length is of no use just now */
    gboolean stopping;
    int fd;                /* of the log; -1: not opened yet */
    int (*to_disk)(int fd); /* fdatasync; another one in tests */
    GThread *mover;        /* moves the log into the database, so that no commit does; NULL: not needed yet */
} GwWal;

GwWal *gw_wal_new(const char *database, GMutex *write_lock);
void gw_wal_free(GwWal *wal); /* before the writer is closed; NULL is nothing */
void gw_wal_attach(GwWal *wal, sqlite3 *writer); /* its commits no longer synchronise, nor move the log */
/* With the write lock held: a commit has been written. What it returns is for gw_wal_sync. */
gint64 gw_wal_note(GwWal *wal);
/* Without it: returns when that commit is on the disk. FALSE: perhaps it is not. */
gboolean gw_wal_sync(GwWal *wal, gint64 commit, GError **error);

#endif
