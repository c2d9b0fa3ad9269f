/* Aggregates in memory, for the engine of the API's tests. */
#ifndef GW_TESTS_API_FAKE_AGGREGATES_H
#define GW_TESTS_API_FAKE_AGGREGATES_H

#include "engine/engine.h"

typedef struct {
    GMutex lock;
    GPtrArray *all; /* of GwAggregate *, by id */
    gint64 last_id;
} FakeAggregates;

FakeAggregates *fake_aggregates_new(void);
void fake_aggregates_free(FakeAggregates *own);
GPtrArray *fake_aggregates_of_host(FakeAggregates *own, const char *host); /* of GwAggregate *; owned */
FakeAggregates *fake_engine_aggregates(GwEngine *engine); /* fake_engine.c: that engine's own */

#endif
