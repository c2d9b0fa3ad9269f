/* Options of godwit.conf about live migrations that the metadata of an aggregate sets for those that leave its hosts, under their own names.
 * Pure. */
#ifndef GW_CORE_OVERRIDES_H
#define GW_CORE_OVERRIDES_H

#include "core/aggregate.h"
#include "core/checks.h"

/* NULL when key is no such option or value suits it; else what it must be. Static. */
const char *gw_override_objection(const char *key, const char *value);

/* Of several aggregates that set an option the first counts: the one made first. */
void gw_overrides_apply(const GPtrArray *aggregates /* of GwAggregate * */, GwPlanSettings *settings);

#endif
