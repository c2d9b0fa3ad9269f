/* What the tables of the life-cycle are written in: masks of what is seen, circumstances, and one row. Inside core's life-cycle only. */
#ifndef GW_CORE_LIFECYCLE_RULES_H
#define GW_CORE_LIFECYCLE_RULES_H

#include "core/lifecycle.h"

#define BIT(x) (1u << (x))
#define SEEN(x) BIT(GW_SEEN_##x)
#define CALL(x) BIT(GW_CALL_##x)
#define WHEN(x) GW_WHEN_##x

enum {
    ANY = (int)(BIT(GW_SEEN_COUNT) - 1),
    NO_ANSWER = (int)SEEN(UNKNOWN),
    GONE = (int)(SEEN(ABSENT) | SEEN(STOPPED)),
    ALIVE = (int)(SEEN(RUNNING) | SEEN(PAUSED)),
    SWITCH = (int)SEEN(PAUSED_MIGRATING),
    HALTED = (int)(SEEN(PAUSED) | SEEN(PAUSED_MIGRATING)),
    POST = (int)SEEN(POSTCOPY),
    BROKEN = (int)SEEN(POSTCOPY_FAILED),
    HALF = (int)(SEEN(POSTCOPY) | SEEN(POSTCOPY_FAILED)), /* of a guest in post-copy */
    ANY_CALL = (int)(BIT(GW_CALL_COUNT) - 1),
    IDLE = (int)(CALL(NONE) | CALL(DONE) | CALL(FAILED) | CALL(LOST)),
};

typedef struct {
    unsigned source, dest; /* masks of GwSeen */
    unsigned call;         /* mask of GwCall */
    unsigned need, never;  /* circumstances that must, and must not, hold */
    GwAct act;
    GwMigrationState next; /* for ADVANCE */
    GwMigrationState end;  /* for ADVANCE to UNDOING */
    const char *reason;
} GwRule;

#define DO(act_) .act = GW_ACT_##act_
#define GO(state_) .act = GW_ACT_ADVANCE, .next = GW_MIGRATION_##state_
#define UNDO(end_) .act = GW_ACT_ADVANCE, .next = GW_MIGRATION_UNDOING, .end = GW_MIGRATION_##end_

#define BOTH_ANSWER                                                                                                    \
    {ANY, ANY, CALL(ACTIVE), 0, 0, DO(WAIT)},                                                                          \
        {NO_ANSWER, ANY, IDLE, 0, 0, DO(WAIT), .reason = "the source host does not answer"},                           \
        {ANY, NO_ANSWER, IDLE, 0, 0, DO(WAIT), .reason = "the destination host does not answer"}

/* lifecycle_evacuation.c: the table of a state of an evacuation; NULL: it has no such state of its own. */
const GwRule *gw_lifecycle_evacuation(GwMigrationState state);

/* lifecycle_lost.c: rules that come before the state's own where a silent host is forced down; the last has no source. NULL: none. */
const GwRule *gw_lifecycle_lost(const GwSituation *situation);

#endif
