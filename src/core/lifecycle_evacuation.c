/* An evacuation: the source is down, and an administrator vouches that nothing runs there (GW_WHEN_FENCED). Its silence is expected,
 * so that the source is looked at for one thing only: a sign of life, which stops everything. Disks are shared; what is made on the
 * destination is a definition. */
#include "core/lifecycle_rules.h"

enum {
    DOWN = (int)(SEEN(UNKNOWN) | SEEN(ABSENT) | SEEN(STOPPED)),
    LIVES = (int)((BIT(GW_SEEN_COUNT) - 1) & ~(SEEN(UNKNOWN) | SEEN(ABSENT) | SEEN(STOPPED))),
};

#define ALIVE_AFTER_ALL "the source host answers, and the instance is active there: it was not down"
#define NOT_FENCED "the source host is no longer forced down, so nobody vouches that the instance does not run there"

#define DEST_ANSWERS                                                                                                   \
    {ANY, ANY, CALL(ACTIVE), 0, 0, DO(WAIT)},                                                                          \
        {ANY, NO_ANSWER, IDLE, 0, 0, DO(WAIT), .reason = "the destination host does not answer"}

#define SPLIT                                                                                                          \
    {LIVES, LIVES, IDLE, WHEN(STALE), 0, GO(ERROR),                                                                    \
     .reason = "the instance is active on both hosts: the source was not down. Both write to the same disks: stop one now"}

static const GwRule moving[] = {
    DEST_ANSWERS,
    SPLIT,
    {LIVES, GONE, IDLE, 0, 0, UNDO(FAILED), .reason = ALIVE_AFTER_ALL},
    {DOWN, SEEN(STOPPED) | LIVES, IDLE, 0, 0, GO(STARTING)},
    {DOWN, SEEN(ABSENT), IDLE, 0, WHEN(FENCED), UNDO(FAILED), .reason = NOT_FENCED},
    {DOWN, SEEN(ABSENT), CALL(FAILED), 0, 0, UNDO(FAILED)},
    {DOWN, SEEN(ABSENT), IDLE, WHEN(EXHAUSTED), 0, UNDO(FAILED), .reason = "it could not be defined on the destination"},
    {DOWN, SEEN(ABSENT), CALL(NONE) | CALL(LOST), 0, 0, DO(ADOPT)},
    {ANY, ANY, IDLE, WHEN(STALE), 0, UNDO(FAILED), .reason = "the instance changed while it was evacuated"},
    {ANY, ANY, IDLE, 0, 0, DO(WAIT)},
};

static const GwRule starting[] = {
    DEST_ANSWERS,
    SPLIT,
    {LIVES, GONE, IDLE, 0, 0, UNDO(FAILED), .reason = ALIVE_AFTER_ALL},
    {DOWN, SEEN(RUNNING), IDLE, 0, 0, GO(EVACUATED)},
    {DOWN, LIVES, IDLE, WHEN(STALE), 0, GO(EVACUATED)}, /* started, and halted by something else: a full storage, say */
    {DOWN, SEEN(STOPPED), IDLE, 0, WHEN(RAN), GO(EVACUATED)},
    {DOWN, SEEN(STOPPED), CALL(DONE), 0, 0, GO(EVACUATED)}, /* it was started, and ended by itself */
    {DOWN, SEEN(STOPPED), CALL(FAILED), WHEN(RAN), 0, UNDO(FAILED)}, /* the lock of a disk, say, that the source still holds */
    {DOWN, SEEN(STOPPED), IDLE, WHEN(RAN) | WHEN(EXHAUSTED), 0, UNDO(FAILED), .reason = "it could not be started on the destination"},
    {DOWN, SEEN(STOPPED), IDLE, WHEN(RAN), WHEN(FENCED), UNDO(FAILED), .reason = NOT_FENCED},
    {DOWN, SEEN(STOPPED), IDLE, WHEN(RAN), 0, DO(START_DEST)},
    {ANY, SEEN(ABSENT), IDLE, WHEN(STALE), 0, UNDO(FAILED), .reason = "the instance went away from the destination"},
    {ANY, ANY, IDLE, 0, 0, DO(WAIT)},
};

/* The definition on the destination goes away; the instance stays where it was, down. */
static const GwRule undoing[] = {
    DEST_ANSWERS,
    {ANY, LIVES, IDLE, WHEN(STALE), 0, GO(ERROR),
     .reason = "the evacuation was given up, and yet the instance is active on the destination; nothing was touched"},
    {ANY, ANY, IDLE, WHEN(EXHAUSTED), 0, GO(ERROR), .reason = "the definition on the destination could not be removed"},
    {ANY, GONE, CALL(NONE) | CALL(FAILED) | CALL(LOST), 0, 0, DO(FORGET_DEST)},
    {ANY, SEEN(STOPPED), CALL(DONE), 0, 0, DO(FORGET_DEST)}, /* it is still defined there */
    {ANY, SEEN(ABSENT), CALL(DONE), 0, 0, .act = GW_ACT_ADVANCE, .next = GW_MIGRATION_STATE_COUNT /* end */},
    {ANY, ANY, IDLE, 0, 0, DO(WAIT)},
};

/* Its source is silent, and is not waited for. */
static const GwRule queued[] = {
    {ANY, ANY, ANY_CALL, WHEN(ABORT), 0, GO(CANCELLED), .reason = "cancelled before it began"},
    {ANY, ANY, CALL(FAILED), 0, 0, GO(FAILED)},
    {ANY, ANY, ANY_CALL, WHEN(DEST_FENCED), 0, GO(FAILED), .reason = "the destination host was forced down while the evacuation waited for its turn"},
    {ANY, ANY, CALL(DONE), 0, 0, GO(PREPARING)},
    {ANY, NO_ANSWER, ANY_CALL, WHEN(OVERDUE), 0, GO(FAILED), .reason = "the destination host does not answer, and has not for ten minutes"},
    {ANY, NO_ANSWER, ANY_CALL, 0, 0, DO(WAIT), .reason = "the destination host does not answer"},
    {ANY, ANY, ANY_CALL, WHEN(TURN), 0, DO(ENTER)},
    {ANY, ANY, ANY_CALL, 0, 0, DO(WAIT)},
};

/* Nothing was made yet. */
static const GwRule preparing[] = {
    {ANY, ANY, ANY_CALL, WHEN(ABORT), 0, GO(CANCELLED), .reason = "cancelled before it began"},
    {ANY, ANY, ANY_CALL, 0, 0, GO(MOVING)},
};

const GwRule *gw_lifecycle_evacuation(GwMigrationState state)
{
    return state == GW_MIGRATION_QUEUED     ? queued
           : state == GW_MIGRATION_PREPARING  ? preparing
           : state == GW_MIGRATION_MOVING   ? moving
           : state == GW_MIGRATION_STARTING ? starting
           : state == GW_MIGRATION_UNDOING  ? undoing
                                            : NULL;
}
