/* The plan of emptying hosts: where every instance on the hosts that are leaving goes, in which order and when, or why it stays.
 *
 * Destinations: instances with few possible hosts first, then the largest; each onto the host that makes the whole end soonest,
 * and among those the emptiest. When that leaves some without a place, they are packed tightly instead, and what still has none
 * gets room made: first by sending others of the drain elsewhere, then by moving an instance of the destination away. A group
 * that must stay together goes together or not at all. Memory is reserved as it is planned. Pure. */
#ifndef GW_CORE_DRAIN_H
#define GW_CORE_DRAIN_H

#include "core/schedule.h"

typedef enum { GW_ROOM_MAKE, GW_ROOM_TAKE } GwRoom; /* whether instances of other hosts may be moved for it */
typedef enum { GW_STOPPED_STAY, GW_STOPPED_MOVE } GwStopped;

typedef struct {
    GwPace pace;
    GwRoom room;
    GwStopped stopped;
} GwDrainWish;

typedef enum {
    GW_STAY_STUCK,   /* instance->stuck says why */
    GW_STAY_STOPPED, /* the wish leaves stopped ones alone */
    GW_STAY_GROUP,   /* its affinity group cannot go as a whole */
    GW_STAY_NOWHERE, /* every host objects */
} GwStayCause;

typedef struct {
    guint instance;
    GwStayCause cause;
} GwStay;

typedef struct {
    GArray *moves; /* of GwPlannedMove, each possible after those before it */
    GArray *stays; /* of GwStay */
    GwTimetable table;
} GwDrainPlan;

/* Empties every host that is `leaving`. Moves under way go on and are not planned again. */
GwDrainPlan *gw_drain_plan(const GwCluster *cluster, const GwDrainWish *wish);
void gw_drain_plan_free(GwDrainPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwDrainPlan, gw_drain_plan_free)

/* Why it stays, host by host once the plan is carried out, and what would let it go. Owned by the caller. */
char *gw_drain_explain(const GwCluster *cluster, const GwDrainPlan *plan, const GwStay *stay);

#endif
