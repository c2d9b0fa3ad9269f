/* A host is lost.
 * Silence is waited out, but not for ever: an administrator who forces a silent host down says that nothing runs there. Then what
 * the other host shows decides. What was copied of disks is not removed while its source is lost: it may be all that is left. */
#include "core/lifecycle_rules.h"

#define LOST_SOURCE WHEN(FENCED)
#define LOST_DEST WHEN(DEST_FENCED)
#define HEARD (ANY & ~NO_ANSWER)
#define COPY_STAYS                                                                                                     \
    "the source host is forced down, and what was copied of the disks stays on the destination: it may be all that is left"
#define WHERE_IT_WAS "the source host is forced down; the instance is where it was, and can be evacuated"

/* Whatever no row before these is sure of, once it lasts. */
#define LOST_OTHERWISE                                                                                                 \
    {NO_ANSWER, HEARD, IDLE, LOST_SOURCE | WHEN(STALE), 0, GO(ERROR),                                                  \
     .reason = "the source host is forced down, and what the destination shows of the instance is not enough to go on"}, \
    {HEARD, NO_ANSWER, IDLE, LOST_DEST | WHEN(STALE), 0, GO(ERROR),                                                    \
     .reason = "the destination host is forced down, and the instance may have run there: find out which disks are good before "  \
               "you start it on the source"},                                                                         \
    {NO_ANSWER, NO_ANSWER, IDLE, LOST_SOURCE | LOST_DEST | WHEN(STALE), 0, GO(ERROR), .reason = "both hosts are forced down"}

/* Nothing was touched but room on the destination. */
static const GwRule lost_preparing[] = {
    {ANY, NO_ANSWER, IDLE, LOST_DEST | WHEN(ABORT), 0, GO(CANCELLED), .reason = "cancelled before the copy began"},
    {ANY, NO_ANSWER, IDLE, LOST_DEST, 0, GO(FAILED), .reason = "the destination host is forced down"},
    {NO_ANSWER, HEARD, CALL(NONE), LOST_SOURCE | WHEN(ABORT), WHEN(MADE), GO(CANCELLED), .reason = "cancelled before the copy began"},
    {NO_ANSWER, HEARD, CALL(NONE), LOST_SOURCE, WHEN(MADE), GO(FAILED), .reason = WHERE_IT_WAS},
    {NO_ANSWER, HEARD, IDLE, LOST_SOURCE | WHEN(ABORT), 0, UNDO(CANCELLED), .reason = "cancelled before the copy began"},
    {NO_ANSWER, HEARD, IDLE, LOST_SOURCE, 0, UNDO(FAILED), .reason = WHERE_IT_WAS},
    {0},
};

/* Live, before the guest's CPUs have changed hosts. A source that a migration has paused is not among those that go on: the destination
 * may have run. */
static const GwRule lost_running[] = {
    {NO_ANSWER, SEEN(RUNNING), IDLE, LOST_SOURCE | WHEN(BEGUN), WHEN(JOB), GO(SETTLING), .reason = "it runs on the destination"},
    {NO_ANSWER, SEEN(ABSENT), IDLE, LOST_SOURCE, WHEN(COPIES), UNDO(FAILED), .reason = WHERE_IT_WAS},
    {NO_ANSWER, SWITCH, IDLE, LOST_SOURCE | WHEN(STALE), WHEN(COPIES), UNDO(FAILED), .reason = WHERE_IT_WAS},
    {NO_ANSWER, SEEN(ABSENT) | SWITCH, IDLE, LOST_SOURCE | WHEN(COPIES) | WHEN(STALE), 0, GO(ERROR), .reason = COPY_STAYS},
    {ALIVE, NO_ANSWER, IDLE, LOST_DEST, WHEN(JOB), UNDO(FAILED), .reason = "the destination host is forced down"},
    LOST_OTHERWISE,
    {0},
};

static const GwRule lost_postcopy[] = {
    {NO_ANSWER, SEEN(RUNNING), IDLE, LOST_SOURCE | WHEN(BEGUN), WHEN(JOB), GO(SETTLING), .reason = "it runs on the destination"},
    {NO_ANSWER, HEARD, IDLE, LOST_SOURCE | WHEN(STALE), 0, GO(ERROR),
     .reason = "the source host is forced down, and had a part of the memory: stop the instance on the destination and start it again there"},
    LOST_OTHERWISE,
    {0},
};

/* It has moved; the source's remains are removed when that comes back (engine/remains.c). */
static const GwRule lost_settling[] = {
    {NO_ANSWER, SEEN(RUNNING) | SEEN(STOPPED) | SEEN(PAUSED), IDLE, LOST_SOURCE, 0, GO(EVACUATED)},
    LOST_OTHERWISE,
    {0},
};

static const GwRule lost_undoing_live[] = {
    {NO_ANSWER, SEEN(RUNNING), IDLE, LOST_SOURCE | WHEN(BEGUN), WHEN(JOB), GO(SETTLING), .reason = "it had moved after all"},
    {NO_ANSWER, HEARD, IDLE, LOST_SOURCE | WHEN(EXHAUSTED), 0, GO(ERROR), .reason = "the destination's remains could not be removed"},
    {NO_ANSWER, SWITCH, IDLE, LOST_SOURCE, WHEN(COPIES), DO(KILL_DEST)},
    {NO_ANSWER, SEEN(ABSENT), IDLE, LOST_SOURCE | WHEN(COPIES) | WHEN(BEGUN), 0, GO(ERROR), .reason = COPY_STAYS},
    {NO_ANSWER, SEEN(ABSENT), CALL(NONE) | CALL(FAILED) | CALL(LOST), LOST_SOURCE, 0, DO(FORGET_DEST)},
    {NO_ANSWER, SEEN(ABSENT), CALL(DONE), LOST_SOURCE, 0, .act = GW_ACT_ADVANCE, .next = GW_MIGRATION_STATE_COUNT},
    {ALIVE | SEEN(STOPPED), NO_ANSWER, IDLE, LOST_DEST | WHEN(AGAIN), WHEN(JOB) | WHEN(ABORT), GO(FAILED),
     .reason = "the destination host is forced down"},
    {ALIVE | SEEN(STOPPED), NO_ANSWER, IDLE, LOST_DEST, WHEN(JOB), .act = GW_ACT_ADVANCE, .next = GW_MIGRATION_STATE_COUNT},
    LOST_OTHERWISE,
    {0},
};

/* Cold: the guest is on its disks. */
static const GwRule lost_cold[] = {
    {NO_ANSWER, SEEN(RUNNING), IDLE, LOST_SOURCE | WHEN(STALE), 0, GO(ERROR),
     .reason = "it runs on the destination, but the source host is forced down, so that its move cannot be confirmed"},
    {NO_ANSWER, SEEN(ABSENT) | SEEN(STOPPED), IDLE, LOST_SOURCE, WHEN(COPIES), UNDO(FAILED), .reason = WHERE_IT_WAS},
    {NO_ANSWER, HEARD, IDLE, LOST_SOURCE | WHEN(COPIES) | WHEN(STALE), 0, GO(ERROR), .reason = COPY_STAYS},
    {SEEN(RUNNING) | SEEN(STOPPED), NO_ANSWER, IDLE, LOST_DEST, WHEN(JOB), UNDO(FAILED), .reason = "the destination host is forced down"},
    LOST_OTHERWISE,
    {0},
};

static const GwRule lost_undoing_cold[] = {
    {NO_ANSWER, HEARD, IDLE, LOST_SOURCE | WHEN(EXHAUSTED), 0, GO(ERROR), .reason = "it could not be brought back to the source"},
    {NO_ANSWER, HEARD, IDLE, LOST_SOURCE | WHEN(COPIES) | WHEN(BEGUN), 0, GO(ERROR), .reason = COPY_STAYS},
    {NO_ANSWER, GONE, CALL(NONE) | CALL(FAILED) | CALL(LOST), LOST_SOURCE, 0, DO(FORGET_DEST)},
    {NO_ANSWER, SEEN(ABSENT), CALL(DONE), LOST_SOURCE, 0, .act = GW_ACT_ADVANCE, .next = GW_MIGRATION_STATE_COUNT},
    {HEARD, NO_ANSWER, IDLE, LOST_DEST | WHEN(EXHAUSTED), 0, GO(ERROR), .reason = "it could not be started again on the source"},
    {SEEN(STOPPED), NO_ANSWER, IDLE, LOST_DEST | WHEN(RAN), WHEN(COPIES), DO(START_SOURCE)},
    {SEEN(RUNNING) | SEEN(STOPPED), NO_ANSWER, IDLE, LOST_DEST, WHEN(COPIES), .act = GW_ACT_ADVANCE, .next = GW_MIGRATION_STATE_COUNT},
    LOST_OTHERWISE,
    {0},
};

static const GwRule lost_confirming[] = {
    {NO_ANSWER, SEEN(RUNNING) | SEEN(STOPPED) | SEEN(PAUSED), IDLE, LOST_SOURCE, 0, GO(EVACUATED)},
    LOST_OTHERWISE,
    {0},
};

static const GwRule *rules_of(const GwSituation *s)
{
    gboolean cold = s->kind == GW_MOVE_COLD;
    switch (s->state) {
    case GW_MIGRATION_PREPARING:
        return lost_preparing;
    case GW_MIGRATION_RUNNING:
        return lost_running;
    case GW_MIGRATION_POSTCOPY:
        return lost_postcopy;
    case GW_MIGRATION_SETTLING:
        return lost_settling;
    case GW_MIGRATION_STOPPING:
    case GW_MIGRATION_MOVING:
    case GW_MIGRATION_PLACING:
    case GW_MIGRATION_STARTING:
        return lost_cold;
    case GW_MIGRATION_CONFIRMING:
        return lost_confirming;
    case GW_MIGRATION_REVERTING:
        return lost_undoing_cold;
    case GW_MIGRATION_UNDOING:
        return cold ? lost_undoing_cold : lost_undoing_live;
    case GW_MIGRATION_ACCEPTED:
    case GW_MIGRATION_QUEUED:
    case GW_MIGRATION_COMPLETED:
    case GW_MIGRATION_FINISHED:
    case GW_MIGRATION_CONFIRMED:
    case GW_MIGRATION_REVERTED:
    case GW_MIGRATION_CANCELLED:
    case GW_MIGRATION_FAILED:
    case GW_MIGRATION_ERROR:
    case GW_MIGRATION_EVACUATED:
    case GW_MIGRATION_STATE_COUNT:
        break;
    }
    return NULL;
}

static gboolean is_lost(const GwSituation *s)
{
    gboolean source = s->source == GW_SEEN_UNKNOWN && (s->when & GW_WHEN_FENCED);
    gboolean dest = s->dest == GW_SEEN_UNKNOWN && (s->when & GW_WHEN_DEST_FENCED);
    return (source || dest) && s->kind != GW_MOVE_EVACUATE;
}

const GwRule *gw_lifecycle_lost(const GwSituation *s)
{
    return is_lost(s) ? rules_of(s) : NULL;
}
