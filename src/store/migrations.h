/* What migrations.c (writes) and query.c (reads) share. Inside the store only. */
#ifndef GW_STORE_MIGRATIONS_H
#define GW_STORE_MIGRATIONS_H

#include "store/fields.h"

enum { GW_MIGRATION_FIELD_COUNT = 38 };
extern const GwField gw_migration_fields[GW_MIGRATION_FIELD_COUNT];

/* forecasts.c: writes the row's forecast, if it has one. */
gboolean gw_forecast_put(GwSession *session, const GwMigration *migration, GError **error);

/* servers.c: a resize's flavor, as it was when it was asked for; it never changes. */
gboolean gw_resize_put(GwSession *session, const GwMigration *migration, GError **error);
GwFlavor *gw_codec_flavor_from_text(const char *text, GError **error);

/* actions.c: fills id and times. */
gboolean gw_action_insert(GwSession *session, GwActionRow *row, GError **error);

/* The rows that a query means, newest first, as the session's transaction sees them. */
GPtrArray *gw_migrations_read(GwSession *session, const GwMigrationQuery *query, GError **error);

#endif
