/* Options of godwit.conf about live migrations, under their own names, that are set for some alone: by the metadata of an aggregate for those
 * that leave its hosts, and by a request for its own. Pure. */
#ifndef GW_CORE_OVERRIDES_H
#define GW_CORE_OVERRIDES_H

#include "core/aggregate.h"
#include "core/checks.h"

/* NULL when key is no such option or value suits it; else what it must be. Static. */
const char *gw_override_objection(const char *key, const char *value);
gboolean gw_override_is_known(const char *key);
char *gw_override_names(void); /* of all, as in "a, b, c" */

/* Of several aggregates that set an option the first counts: the one made first. */
void gw_overrides_apply(const GPtrArray *aggregates /* of GwAggregate * */, GwPlanSettings *settings);

/* Those of one request are a text, as its migration's row keeps it: "name=value,name=value". A value that suits has neither sign in it. */
void gw_overrides_add(GString *own, const char *key, const char *value);
GPtrArray *gw_overrides_parse(const char *own /* or NULL: none */); /* of GwMetadatum *, owned */
/* What does not suit, in a database that another program wrote, say, changes nothing. */
void gw_overrides_apply_own(const char *own /* or NULL */, GwPlanSettings *settings);

#endif
