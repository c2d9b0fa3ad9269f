/* Hears what other daemons have changed: a connection of its own that listens. Inside the PostgreSQL adapter only. */
#ifndef GW_STORE_PG_WATCH_H
#define GW_STORE_PG_WATCH_H

#include "store/pg_connection.h"

typedef struct GwPgWatch GwPgWatch;

/* self: in the messages that are not reported. All are copied. */
GwPgWatch *gw_pg_watch_new(GwStore *store, const char *uri, const char *name, const char *self, GwChanged changed, gpointer data);
void gw_pg_watch_free(GwPgWatch *watch); /* NULL is nothing; waits for the last report */

/* The statement that tells the others. */
char *gw_pg_watch_tell(const char *self, unsigned changed);

#endif
