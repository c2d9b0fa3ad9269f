/* PostgreSQL's schema: the shared steps in its words, and two tables of its own. Inside the PostgreSQL adapter only. */
#ifndef GW_STORE_PG_SCHEMA_H
#define GW_STORE_PG_SCHEMA_H

#include "store/pg_connection.h"

/* A step of store/schema.h in PostgreSQL's words. Owned by the caller. */
char *gw_pg_schema_translate(const char *step);
/* Applies the steps that are missing, all or none, one daemon at a time. GW_ERROR_STORE when the database is another program's, or a
 * newer Godwit's. */
gboolean gw_pg_schema_bring_forward(GwPgConnection *connection, const char *const *steps, guint count, GError **error);
/* A newer Godwit may have brought it forward meanwhile: then this one writes no more. */
gboolean gw_pg_schema_check(GwPgConnection *connection, guint count, GError **error);

#endif
