/* The model's constants, from what finished moves have shown. Pure. */
#ifndef GW_CORE_CALIBRATE_H
#define GW_CORE_CALIBRATE_H

#include "core/audit.h"
#include "core/predict.h"

enum {
    GW_CALIBRATE_FEW = 3,   /* moves of a pair before they count more than the fleet's */
    GW_CALIBRATE_MOST = 40, /* the newest count; older ones tell of another link */
};

/* What all moves say, worked out once. moves: of GwMigration *, newest first; only those that completed live and have a forecast with what came
 * are read, and of the link also those that were given up. measured: of double, what links between other hosts were measured to carry, for those
 * of which nobody knows anything; NULL: none. */
typedef struct GwFleet GwFleet;
GwFleet *gw_fleet_new(const GPtrArray *moves, const GArray *measured);
void gw_fleet_free(GwFleet *fleet);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwFleet, gw_fleet_free)
/* What the way between two hosts was measured to carry, without a move. */
typedef struct {
    GwLinkRate rate;
    gint64 at_us; /* wall clock */
} GwLinkSeen;

/* The pair's own where it has a few, else those of all pairs, else the defaults; and what the instance sent and wrote the last time. link_bps of the
 * result: the default's where nobody has measured it. pair: moves between the two hosts, to or fro, since a link is mostly the same both ways and what
 * has changed is known sooner; own: those of the instance; link: what was measured between the two, NULL: nothing. Whoever has them all finds these by core/history.h. */
GwConstants gw_calibrate_pair(const GwFleet *fleet, const GPtrArray *pair, const GPtrArray *own, const GwLinkSeen *link);
/* What the link of the two carries; 0: no copy between them was seen, and nothing was measured. */
guint64 gw_calibrate_pair_bps(const GwFleet *fleet, const GPtrArray *pair, const GwLinkSeen *link);
/* Notes what came in the forecast of a row that has ended. seen_bps: what its copy was seen to send a second, once it went; 0: not seen. */
void gw_calibrate_close(GwMigration *row, guint64 seen_bps);
/* Whether a copy that sent so much a second was held back by its plan's limit: that is no measure of the link, which carries so much at least. */
gboolean gw_calibrate_is_held(const GwPlan *plan, double bps);

#endif
