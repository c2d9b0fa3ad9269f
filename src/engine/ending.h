/* The end of a migration. All [step]. */
#ifndef GW_ENGINE_ENDING_H
#define GW_ENGINE_ENDING_H

#include "engine/internal.h"

void gw_ending_event(GwActive *active, const GwMigration *row); /* the action event that is open, if any, is over */
void gw_ending_note_guest(GwActive *active, GwMigration *row); /* before the end is recorded: that the guest does not run on, if so */
void gw_ending_tell(GwActive *active, const GwMigration *row);  /* it has ended, and that is recorded */
/* Before the end is recorded: a resize that cannot be confirmed, since its source is lost, has happened all the same, and what is known of
 * the server follows it. FALSE: to be tried again. */
gboolean gw_ending_keep_flavor(GwActive *active, const GwMigration *row);

#endif
