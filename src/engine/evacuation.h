/* Whether an instance may be evacuated; inside the engine only. */
#ifndef GW_ENGINE_EVACUATION_H
#define GW_ENGINE_EVACUATION_H

#include "engine/engine.h"

gboolean gw_evacuation_check(GwEngine *engine, const GwInstanceView *view, GError **error);
/* What ends a migration that waits for a host which does not answer, as a sentence; NULL: it waits for none. Owned by the caller. */
char *gw_evacuation_way_out(GwEngine *engine, gint64 id);

#endif
