/* What is done with a move that waits for its turn, when it is looked at. All [step]. */
#ifndef GW_ENGINE_QUEUED_H
#define GW_ENGINE_QUEUED_H

#include "engine/internal.h"

void gw_queued_look(GwActive *active, const GwMigration *row); /* its sights, from what the hosts last said */
unsigned gw_queued_circumstances(GwActive *active, const GwMigration *row); /* the turn, its hosts' silence, and those fences that concern it */
/* TRUE: a host of its is not there any more, which is noted as the outcome of its checks. */
gboolean gw_queued_gives_up(GwActive *active, const GwMigration *row);
/* The act: takes its turn, if that is free, and is checked anew in it. Without a turn, and when nothing comes of it since a host is silent,
 * the call stays NONE, and the move waits on. */
gboolean gw_queued_enter(GwActive *active, GwMigration *row, GError **error);
void gw_queued_rest(GwActive *active, const GwMigration *row); /* it waits: what wakes it, apart from its turn */

#endif
