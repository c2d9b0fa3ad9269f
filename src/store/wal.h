/* SQLite's write-ahead log, beside the writer: what moves it into the database. SQLite itself would have whichever commit finds it longer
 * than 1,000 pages do so, with everybody else waiting. Inside the SQLite adapter only. */
#ifndef GW_STORE_WAL_H
#define GW_STORE_WAL_H

#include <glib.h>
#include <sqlite3.h>

typedef struct GwWal GwWal;

/* How it has the writer for a moment, with nothing begun; the next one may write once it is given back. */
typedef struct {
    void (*take)(gpointer store);
    void (*give)(gpointer store);
    gpointer store;
} GwWalTurn;

GwWal *gw_wal_new(const char *database, const GwWalTurn *turn);
void gw_wal_free(GwWal *wal); /* before the writer is closed; NULL is nothing */
void gw_wal_attach(GwWal *wal, sqlite3 *writer); /* its commits no longer move the log */

#endif
