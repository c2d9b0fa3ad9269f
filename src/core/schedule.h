/* When each move of a plan begins: list scheduling, longest first, on the graph of hosts and links.
 *
 * A link (a host's way out, or in) is shared by what goes over it. Copies in parallel only lengthen one another, so the next one
 * is begun when the link has room left, or when what is left on it lasts no longer than the next one takes to start: then the
 * link is never idle and hardly ever shared. Guests that write much get the link for themselves. A move into a host that others
 * must leave first waits until they have left; the order of the moves as given is one in which each is possible after those
 * before it, and no move takes room that an earlier one needs: so the schedule never blocks itself. Pure.
 *
 * Sources: R. L. Graham, "Bounds on multiprocessing timing anomalies", 1969 (longest first); A. Glikson et al., "Scheduling live
 * migrations during host evacuation" (list scheduling on sources and destinations). */
#ifndef GW_CORE_SCHEDULE_H
#define GW_CORE_SCHEDULE_H

#include "core/cost.h"
#include "core/rules.h"

typedef struct {
    guint instance, source, dest;
    GwMoveCost cost;          /* filled, as are those below */
    guint64 start_ms, end_ms; /* from now */
} GwPlannedMove;

typedef struct {
    guint per_host;     /* moves that one host may send, or receive, at once; 0: what the links suggest */
    guint64 stream_bps; /* what one copy sends at most; 0: no limit */
} GwPace;

typedef struct {
    guint64 makespan_ms; /* when the last one ends, moves under way included */
    guint64 bound_ms;    /* no schedule of these moves ends sooner: links and the longest move allow no less */
    gboolean complete;   /* FALSE: the order given was not possible, and some moves have no times (end_ms 0) */
} GwTimetable;

/* Whether other destinations could have been chosen: then the destinations' links bind only all together. */
typedef enum { GW_DESTINATIONS_FREE, GW_DESTINATIONS_GIVEN } GwDestinations;

/* moves: of GwPlannedMove, in an order in which each is possible after those before it. */
GwTimetable gw_schedule_make(const GwCluster *cluster, GArray *moves, const GwPace *pace, GwDestinations destinations);

#endif
