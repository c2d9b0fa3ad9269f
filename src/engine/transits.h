/* Which moves under way leave a host, or go there. All with the lock held. */
#ifndef GW_ENGINE_TRANSITS_H
#define GW_ENGINE_TRANSITS_H

#include "engine/internal.h"

GHashTable *gw_transits_new(void);
void gw_transits_enter(GwActive *active);
void gw_transits_leave(GwActive *active);
void gw_transits_follow(GwActive *active); /* after each change of where it goes; of one that is in no table nothing */
const GPtrArray *gw_transits_of(GwEngine *engine, const char *host); /* of GwActive *, in any order; borrowed; NULL: none */

#endif
