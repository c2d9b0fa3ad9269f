/* What waits to be written by the scribe. Inside the engine only; what is noted is in internal.h. */
#ifndef GW_ENGINE_SCRIBE_H
#define GW_ENGINE_SCRIBE_H

#include "engine/internal.h"

GwScribe *gw_scribe_new(void);
void gw_scribe_free(GwScribe *scribe);

#endif
