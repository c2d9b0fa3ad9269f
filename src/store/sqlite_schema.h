/* SQLite's schema, and how a database file is brought forward from any earlier one. Inside the SQLite adapter only. */
#ifndef GW_STORE_SQLITE_SCHEMA_H
#define GW_STORE_SQLITE_SCHEMA_H

#include <glib.h>
#include <sqlite3.h>

/* Whether the file is empty or a sound database of this or an earlier Godwit. Changes nothing. GW_ERROR_STORE when it
 * is damaged, another program's, or a newer Godwit's (`count` is the newest schema known here). */
gboolean gw_schema_check(sqlite3 *db, const char *path, guint count, GError **error);
/* Applies the steps that are missing, all or none. The file must have passed the check. */
gboolean gw_schema_bring_forward(sqlite3 *db, const char *path, const char *const *steps, guint count, GError **error);

/* GW_ERROR_STORE from SQLite's present error: "FILE: what it says: what to do". */
void gw_sqlite_set_error(GError **error, sqlite3 *db, const char *path);

#endif
