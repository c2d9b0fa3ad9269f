/* The checks of one move, and the choice of a destination where the user left it open. All [step]. */
#ifndef GW_ENGINE_CHOOSE_H
#define GW_ENGINE_CHOOSE_H

#include "engine/internal.h"

/* Whether the hosts that come into question have been asked once since this process began, whatever came of it: before, it
 * would refuse what it merely does not know yet. */
gboolean gw_choose_is_ready(const GwActive *active, const GwMigration *row);
/* The checks. Fills row->dest and row->plan. */
gboolean gw_choose(GwActive *active, GwMigration *row, GError **error);
/* Likewise, of a row that has both, which stay on failure. A destination that was left open is chosen anew. */
gboolean gw_choose_anew(GwActive *active, GwMigration *row, GError **error);
gboolean gw_choose_is_stored(GwEngine *engine, const char *host); /* another daemon has added it a moment ago */
/* The checks against one destination: reads engine, source and disk_over_commit of active. NULL: a host failed, and *error says
 * how. *ret_plan is set when nothing blocks. */
GPtrArray *gw_choose_examine(GwActive *active, const GwMigration *row, GwHostEntry *dest, GwPlan **ret_plan, GError **error);
/* What placement has against the named destination. FALSE: it is forced down, and nothing must be asked of it, since it may be half
 * dead. */
gboolean gw_choose_judge(GwActive *active, const GwMigration *row, GPtrArray *findings);
/* Adds the hosts that placement does not try, each with everything against it; those of the report are passed over. */
void gw_choose_left_out(GwActive *active, const GwMigration *row, GwTrialReport *report);
/* Names of the hosts to try, best first; a sentence in reasons for each that is left out (core/placement.h). */
GPtrArray *gw_choose_candidates(GwActive *active, const GwMigration *row, GPtrArray *reasons);

#endif
