/* Moves that wait until they are to be looked at again. All but the last three with the lock held. */
#ifndef GW_ENGINE_TIMERS_H
#define GW_ENGINE_TIMERS_H

#include "engine/internal.h"

void gw_timers_set(GwActive *active, guint ms); /* it is woken then, and not before */
guint gw_timers_pace(GwEngine *engine);         /* ms: the more wait, the less often each is to be looked at */
void gw_timers_drop(GwActive *active);          /* the caller has a reference */
void gw_timers_drop_all(GwEngine *engine);
void gw_timers_start(GwEngine *engine);
void gw_timers_free(GwEngine *engine);

#endif
