/* Migrations as the Compute API shows them. */
#ifndef GW_API_MIGRATION_VIEW_H
#define GW_API_MIGRATION_VIEW_H

#include "api/view.h"

json_t *gw_migration_row(GwRequest *request, const GwMigration *row);        /* of os-migrations */
json_t *gw_server_migration_row(GwRequest *request, const GwMigration *row); /* of servers/{id}/migrations */
/* A live migration that has not ended. Unlike in Nova, one in post-copy is among them, and one whose checks are being
 * made. */
gboolean gw_migration_is_under_way(const GwMigration *row);

/* As /godwit/v1 shows it. */
json_t *gw_own_migration_row(GwRequest *request, const GwMigration *row);

#endif
