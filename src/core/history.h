/* Moves that have ended: as many of the newest as predictions look at, found by pair of hosts and by instance without looking at all of
 * them. Pure; whoever shares one locks it. */
#ifndef GW_CORE_HISTORY_H
#define GW_CORE_HISTORY_H

#include "core/calibrate.h"

typedef struct GwHistory GwHistory;
GwHistory *gw_history_new(guint most);
void gw_history_free(GwHistory *history);
/* The newest; it has a forecast. */
void gw_history_add(GwHistory *history, GwMigration *row /* taken */);
/* The way from source to dest was measured. FALSE: that says no more than is known. */
gboolean gw_history_measured(GwHistory *history, const char *source, const char *dest, const GwLinkSeen *seen);
/* As gw_calibrate_pair, with all of them for the fleet. */
GwConstants gw_history_constants(GwHistory *history, const char *source, const char *dest, const char *uuid);
guint64 gw_history_pair_bps(GwHistory *history, const char *source, const char *dest); /* what their link carries; 0: never measured */
guint64 gw_history_link_bps(const GwHistory *history, const char *host); /* the most that one of its last moves had, or that was measured; 0: never */

#endif
