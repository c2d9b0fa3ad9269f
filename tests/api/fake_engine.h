/* An engine of memory for the tests of the API: fixed hosts and instances in every state that the API can show, and
 * destinations whose names say what becomes of a move there. */
#ifndef GW_TESTS_API_FAKE_ENGINE_H
#define GW_TESTS_API_FAKE_ENGINE_H

#include "engine/engine.h"

enum { FAKE_SLOW_DISK_MS = 3000 };

/* Besides the fixed instances (fake_engine.c, `fixed`) it has `more` plain ones. */
GwEngine *fake_engine_new(guint more);
void fake_engine_free(GwEngine *engine);
/* Calls back everything that is still waiting, as an engine that stops does. */
void fake_engine_end_waiting(GwEngine *engine);

#endif
