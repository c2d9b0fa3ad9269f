/* What is left to do for those who wait for a silent host (gw_engine_ask_anew) when it has been asked. */
#ifndef GW_ENGINE_SILENT_H
#define GW_ENGINE_SILENT_H

#include "engine/internal.h"

typedef struct GwSilentWait GwSilentWait;
void gw_silent_wait_unref(gpointer wait);
/* Those who wait, when the refresh has ended; to be told once the lock is free. [locked] */
GPtrArray *gw_silent_take(GwEngine *engine, GwHostEntry *entry);
void gw_silent_tell(GPtrArray *waits /* taken */);

#endif
