/* The rules, as tables: the first row that fits the situation decides. Laws that hold for every row, proved over all
 * situations in tests/unit/test_lifecycle.c:
 *   - while either host does not answer, nothing is done once the guest may have been touched;
 *   - nothing is started on one side unless the other is known to be stopped or absent;
 *   - a side's remains are removed only when the instance is known to be whole on the other;
 *   - a guest seen running on both sides stops everything;
 *   - a final state is never left. */
#include "core/lifecycle_rules.h"

/* -------------------------------------------------------------------------- before the guest is touched */

static const GwRule accepted[] = {
    {ANY, ANY, ANY_CALL, WHEN(ABORT), 0, GO(CANCELLED), .reason = "cancelled before it began"},
    {ANY, ANY, CALL(DONE), 0, 0, GO(QUEUED)},
    {ANY, ANY, CALL(FAILED), 0, 0, GO(FAILED)},
    {ANY, ANY, CALL(NONE) | CALL(LOST), 0, 0, DO(CHECK)},
    {ANY, ANY, ANY_CALL, 0, 0, DO(WAIT)},
};

/* Nothing was touched, so that there is nothing to be afraid of: what is known to be lost ends it, and silence is waited out, for a while. */
static const GwRule queued[] = {
    {ANY, ANY, ANY_CALL, WHEN(ABORT), 0, GO(CANCELLED), .reason = "cancelled before it began"},
    {ANY, ANY, CALL(FAILED), 0, 0, GO(FAILED)},
    {ANY, ANY, ANY_CALL, WHEN(FENCED), 0, GO(FAILED),
     .reason = "the source host was forced down while the move waited for its turn; the instance is where it was, and can be evacuated"},
    {ANY, ANY, ANY_CALL, WHEN(DEST_FENCED), 0, GO(FAILED), .reason = "the destination host was forced down while the move waited for its turn"},
    {SEEN(ABSENT), ANY, ANY_CALL, 0, 0, GO(FAILED), .reason = "the instance went away from its host while the move waited for its turn"},
    {ANY, ANY, CALL(DONE), 0, 0, GO(PREPARING)},
    {NO_ANSWER, ANY, ANY_CALL, WHEN(OVERDUE), 0, GO(FAILED), .reason = "the source host does not answer, and has not for ten minutes"},
    {ANY, NO_ANSWER, ANY_CALL, WHEN(OVERDUE), 0, GO(FAILED), .reason = "the destination host does not answer, and has not for ten minutes"},
    {NO_ANSWER, ANY, ANY_CALL, 0, 0, DO(WAIT), .reason = "the source host does not answer"},
    {ANY, NO_ANSWER, ANY_CALL, 0, 0, DO(WAIT), .reason = "the destination host does not answer"},
    {ANY, ANY, ANY_CALL, WHEN(TURN), 0, DO(ENTER)},
    {ANY, ANY, ANY_CALL, 0, 0, DO(WAIT)},
};

/* A preparation interrupted by a restart is begun anew: the engine first removes what the last one may have made. One that
 * got lost is undone, since a second one would find the first one's files, and take them for another's. Where nothing can
 * have been made nothing is removed: a file that is there since the checks is another's. */
#define NOTHING_MADE(reason_cancelled)                                                                                 \
    {ANY, ANY, CALL(NONE), WHEN(ABORT), WHEN(MADE), GO(CANCELLED), .reason = reason_cancelled}
#define NOTHING_POSSIBLE                                                                                               \
    {ANY, ANY, CALL(NONE), WHEN(EXHAUSTED), WHEN(MADE), GO(FAILED),                                                    \
     .reason = "no room could be made on the destination"}
#define CHANGED_MEANWHILE                                                                                              \
    {ANY, ANY, CALL(NONE), 0, WHEN(MADE), GO(FAILED),                                                                  \
     .reason = "the instance changed before room was made on the destination"},                                        \
    {ANY, ANY, IDLE, 0, 0, UNDO(FAILED), .reason = "the instance changed while room was made on the destination"}

static const GwRule preparing_live[] = {
    {ANY, ANY, CALL(ACTIVE), 0, 0, DO(WAIT)},
    {ANY, ANY, CALL(FAILED), 0, 0, GO(FAILED)}, /* it has removed what it made; a file that is there is another's */
    NOTHING_MADE("cancelled before the copy began"),
    {ANY, ANY, IDLE, WHEN(ABORT), 0, UNDO(CANCELLED), .reason = "cancelled before the copy began"},
    {ANY, ANY, CALL(DONE), 0, 0, GO(RUNNING)},
    {NO_ANSWER, ANY, IDLE, 0, 0, DO(WAIT), .reason = "the source host does not answer"},
    {ANY, NO_ANSWER, IDLE, 0, 0, DO(WAIT), .reason = "the destination host does not answer"},
    {ANY, ANY, CALL(LOST), 0, 0, UNDO(FAILED), .reason = "it is not known what was made on the destination"},
    NOTHING_POSSIBLE,
    {ANY, ANY, IDLE, WHEN(EXHAUSTED), 0, UNDO(FAILED), .reason = "no room could be made on the destination"},
    {ALIVE, SEEN(ABSENT), IDLE, 0, 0, DO(PREPARE)},
    CHANGED_MEANWHILE,
};

static const GwRule preparing_cold[] = {
    {ANY, ANY, CALL(ACTIVE), 0, 0, DO(WAIT)},
    {ANY, ANY, CALL(FAILED), 0, 0, GO(FAILED)},
    NOTHING_MADE("cancelled before the guest was stopped"),
    {ANY, ANY, IDLE, WHEN(ABORT), 0, UNDO(CANCELLED), .reason = "cancelled before the guest was stopped"},
    {ANY, ANY, CALL(DONE), 0, 0, GO(STOPPING)},
    {NO_ANSWER, ANY, IDLE, 0, 0, DO(WAIT), .reason = "the source host does not answer"},
    {ANY, NO_ANSWER, IDLE, 0, 0, DO(WAIT), .reason = "the destination host does not answer"},
    {ANY, ANY, CALL(LOST), 0, 0, UNDO(FAILED), .reason = "it is not known what was made on the destination"},
    NOTHING_POSSIBLE,
    {ANY, ANY, IDLE, WHEN(EXHAUSTED), 0, UNDO(FAILED), .reason = "no room could be made on the destination"},
    {SEEN(RUNNING) | SEEN(STOPPED), SEEN(ABSENT), IDLE, 0, 0, DO(PREPARE)},
    CHANGED_MEANWHILE,
};

/* -------------------------------------------------------------------------- live */

/* Then nobody knows which disks it has there: the source's are not the plan's to remove. */
#define MOVED_BY_OTHERS                                                                                                \
    {GONE, ALIVE, IDLE, WHEN(STALE), WHEN(BEGUN), GO(ERROR),                                                           \
     .reason = "it is on the destination, though this move had not begun to copy it; nothing was removed"}

#define LEFT_BEHIND(source_)                                                                                           \
    {source_, SEEN(RUNNING), IDLE, WHEN(EXHAUSTED), 0, GO(ERROR),                                                      \
     .reason = "it runs on the destination, but what the source still holds of it, paused, could not be stopped"}

/* A second try begins where the first did, with what that made removed: a copy over half a disk would leave of it what the source has as a
 * hole. */
#define CANNOT_KEEP_UP "the guest writes to its disks as fast as they are copied; they are copied again with writes that wait"

/* The hypervisors have said that it moved: a guest that is shut off there by now has ended since. */
#define MOVED_AND_ENDED {GONE, SEEN(STOPPED), CALL(DONE), WHEN(BEGUN), WHEN(JOB), GO(SETTLING)}

#define ABORT_NOTED ": the abort is noted; it is carried out when that host answers, and the migration ends when that host is forced down"

/* Pictures without a job that could belong to a moment between two phases are acted on only when they last (STALE). */
static const GwRule running[] = {
    {ANY, POST, ANY_CALL, 0, 0, GO(POSTCOPY)},
    {POST, ANY, ANY_CALL, 0, 0, GO(POSTCOPY)},
    {ANY, BROKEN, ANY_CALL, 0, 0, GO(POSTCOPY)},
    {BROKEN, ANY, ANY_CALL, 0, 0, GO(POSTCOPY)},
    {ANY, ANY, CALL(ACTIVE), WHEN(ABORT), 0, DO(ABORT), .reason = "abort was asked for"},
    {ANY, ANY, CALL(ACTIVE), WHEN(OVERDUE), 0, DO(ABORT), .reason = "it took longer than its completion timeout"},
    {ANY, ANY, CALL(ACTIVE), WHEN(AGAIN), 0, DO(ABORT), .reason = CANNOT_KEEP_UP},
    {ANY, ANY, CALL(ACTIVE), WHEN(FORCE), 0, DO(FORCE), .reason = "force-complete was asked for"},
    {ANY, ANY, CALL(ACTIVE), 0, 0, DO(WAIT)},
    {NO_ANSWER, ANY, IDLE, WHEN(ABORT), 0, DO(WAIT), .reason = "the source host does not answer" ABORT_NOTED},
    {NO_ANSWER, ANY, IDLE, 0, 0, DO(WAIT), .reason = "the source host does not answer"},
    {ANY, NO_ANSWER, IDLE, WHEN(ABORT), 0, DO(WAIT), .reason = "the destination host does not answer" ABORT_NOTED},
    {ANY, NO_ANSWER, IDLE, 0, 0, DO(WAIT), .reason = "the destination host does not answer"},
    {GONE, ALIVE, IDLE, WHEN(BEGUN), WHEN(JOB), GO(SETTLING)},
    MOVED_AND_ENDED,
    MOVED_BY_OTHERS,
    {ANY, ANY, IDLE, WHEN(JOB) | WHEN(ABORT), 0, DO(ABORT), .reason = "abort was asked for"},
    {ANY, ANY, IDLE, WHEN(JOB) | WHEN(OVERDUE), 0, DO(ABORT), .reason = "it took longer than its completion timeout"},
    {ANY, ANY, IDLE, WHEN(JOB) | WHEN(AGAIN), 0, DO(ABORT), .reason = CANNOT_KEEP_UP},
    {ANY, ANY, IDLE, WHEN(JOB) | WHEN(FORCE), 0, DO(FORCE), .reason = "force-complete was asked for"},
    {ANY, ANY, IDLE, WHEN(JOB), 0, DO(WAIT)},
    {ALIVE, SEEN(ABSENT), IDLE, WHEN(ABORT), WHEN(BEGUN), UNDO(CANCELLED), .reason = "cancelled before the copy began"},
    {ALIVE, SEEN(ABSENT), CALL(NONE), 0, WHEN(BEGUN), DO(MIGRATE)},
    {ALIVE, SEEN(ABSENT), CALL(FAILED), WHEN(ABORT), 0, UNDO(CANCELLED), .reason = "aborted on request"},
    {ALIVE, SEEN(ABSENT), CALL(FAILED), WHEN(AGAIN), 0, UNDO(PREPARING), .reason = CANNOT_KEEP_UP},
    {ALIVE, SEEN(ABSENT), CALL(FAILED), WHEN(RETRY), WHEN(OVERDUE), DO(MIGRATE)},
    {ALIVE, SEEN(ABSENT), CALL(FAILED), 0, 0, UNDO(FAILED)},
    /* a destination that no longer receives was let go, and may have run before it was paused or shut off */
    {SWITCH, SEEN(PAUSED) | SEEN(STOPPED), IDLE, WHEN(STALE), 0, GO(ERROR),
     .reason = "the destination may have run already, but the source still holds the instance paused; nothing was touched: "
               "resume it on the destination and stop the other, unless the destination never ran"},
    {ALIVE | SWITCH, ANY & ~SEEN(RUNNING) & ~NO_ANSWER, IDLE, WHEN(STALE) | WHEN(ABORT), 0, UNDO(CANCELLED),
     .reason = "aborted on request"},
    {ALIVE | SWITCH, ANY & ~SEEN(RUNNING) & ~NO_ANSWER, IDLE, WHEN(STALE) | WHEN(AGAIN), 0, UNDO(PREPARING),
     .reason = CANNOT_KEEP_UP},
    {ALIVE | SWITCH, ANY & ~SEEN(RUNNING) & ~NO_ANSWER, IDLE, WHEN(STALE), 0, UNDO(FAILED),
     .reason = "the copy ended without a result; the instance is intact on its source"},
    {SEEN(STOPPED), SEEN(ABSENT), IDLE, WHEN(STALE), 0, UNDO(FAILED), .reason = "the instance was shut off while it was moved"},
    {SEEN(STOPPED), SEEN(STOPPED), IDLE, WHEN(STALE), 0, GO(ERROR),
     .reason = "the instance is shut off on both hosts, and either may be the newer; nothing was removed"},
    LEFT_BEHIND(SWITCH),
    {SWITCH, SEEN(RUNNING), IDLE, WHEN(STALE), 0, DO(KILL_SOURCE), .reason = "it runs on the destination"},
    {ALIVE, SEEN(RUNNING), IDLE, WHEN(STALE), 0, GO(ERROR),
     .reason = "the instance is active on both hosts; nothing was touched: find out which copy is good, stop the other"},
    {SEEN(ABSENT), SEEN(ABSENT), IDLE, WHEN(STALE), 0, GO(ERROR), .reason = "the instance is on neither host"},
    {SEEN(ABSENT), SEEN(STOPPED), IDLE, WHEN(STALE), 0, GO(ERROR),
     .reason = "the instance is shut off on the destination and gone from the source; no disk was removed"},
    {GONE, SWITCH, IDLE, WHEN(STALE), 0, GO(ERROR),
     .reason = "the instance ended on its source while the destination still receives it; nothing was touched"},
    {ANY, ANY, IDLE, 0, 0, DO(WAIT)},
};

#define RECOVERING "post-copy was interrupted; it goes on as soon as the two hosts reach each other"

/* A post-copy can only go forward: each side holds a part of the memory that the other lacks. What one host calls broken and the other does
 * not yet is tried, too: a hypervisor that is still at it refuses. */
static const GwRule postcopy[] = {
    {BROKEN, ANY, CALL(ACTIVE), 0, 0, DO(WAIT), .reason = RECOVERING},
    {ANY, ANY, CALL(ACTIVE), 0, 0, DO(WAIT)},
    {NO_ANSWER, ANY, IDLE, 0, 0, DO(WAIT), .reason = "the source host does not answer"},
    {ANY, NO_ANSWER, IDLE, 0, 0, DO(WAIT), .reason = "the destination host does not answer"},
    {BROKEN, HALF, IDLE, WHEN(BEGUN), 0, DO(RECOVER), .reason = RECOVERING},
    {HALF, BROKEN, IDLE, WHEN(BEGUN), 0, DO(RECOVER), .reason = RECOVERING},
    {ANY, ANY, IDLE, WHEN(JOB), 0, DO(WAIT)},
    {GONE, ALIVE, IDLE, WHEN(BEGUN), 0, GO(SETTLING)},
    MOVED_AND_ENDED,
    MOVED_BY_OTHERS,
    LEFT_BEHIND(SWITCH | SEEN(PAUSED) | HALF),
    {SWITCH | SEEN(PAUSED) | HALF, SEEN(RUNNING), IDLE, WHEN(STALE), 0, DO(KILL_SOURCE), .reason = "it runs on the destination"},
    {GONE, HALF, IDLE, WHEN(STALE), 0, GO(ERROR),
     .reason = "post-copy was interrupted, and the source has lost its part of the memory: stop the instance on the destination and start "
               "it again there"},
    {HALF, GONE, IDLE, WHEN(STALE), 0, GO(ERROR),
     .reason = "post-copy was interrupted, and the destination has lost its part of the memory: stop the instance on the source and start it "
               "again there"},
    {ANY, ANY, IDLE, WHEN(STALE), 0, GO(ERROR),
     .reason = "post-copy was interrupted: each host holds a part of the memory; keep both until it is resumed"},
    {ANY, ANY, IDLE, 0, 0, DO(WAIT)},
};

/* The proof was had before this state was entered, so the destination's later states do not matter. */
static const GwRule settling[] = {
    {ANY, ANY, CALL(ACTIVE), 0, 0, DO(WAIT)},
    {ANY, ANY, CALL(DONE), 0, 0, GO(COMPLETED)},
    {NO_ANSWER, ANY, IDLE, 0, 0, DO(WAIT), .reason = "it moved; the source host does not answer, its remains wait"},
    {ANY, NO_ANSWER, IDLE, 0, 0, DO(WAIT), .reason = "it moved; the destination host does not answer"},
    {GONE, SEEN(PAUSED), IDLE, WHEN(RAN) | WHEN(FORCE), WHEN(EXHAUSTED) | WHEN(STALE), DO(RESUME_DEST)},
    LEFT_BEHIND(SWITCH),
    {SWITCH, SEEN(RUNNING), IDLE, 0, WHEN(JOB), DO(KILL_SOURCE), .reason = "it runs on the destination"},
    {ALIVE | POST | BROKEN | SWITCH, ANY, IDLE, WHEN(STALE), 0, GO(ERROR),
     .reason = "it moved, but the source shows it active again; nothing was removed"},
    {GONE, ANY & ~SEEN(ABSENT), IDLE, WHEN(EXHAUSTED), 0, GO(ERROR),
     .reason = "it moved and runs on the destination, but the source's remains could not be removed"},
    {GONE, ANY & ~SEEN(ABSENT), IDLE, 0, 0, DO(SETTLE)},
    {GONE, SEEN(ABSENT), IDLE, WHEN(STALE), 0, GO(ERROR),
     .reason = "it moved, but is no longer on the destination; the source's disks were kept"},
    {ANY, ANY, IDLE, 0, 0, DO(WAIT)},
};

static const GwRule undoing_live[] = {
    {ANY, ANY, CALL(ACTIVE), 0, 0, DO(WAIT)},
    {NO_ANSWER, ANY, IDLE, 0, 0, DO(WAIT), .reason = "undoing; the source host does not answer"},
    {ANY, NO_ANSWER, IDLE, 0, 0, DO(WAIT), .reason = "undoing; the destination host does not answer"},
    {ANY, ANY, IDLE, WHEN(JOB), 0, DO(ABORT)},
    {GONE, ALIVE, IDLE, WHEN(BEGUN), 0, GO(SETTLING), .reason = "it had moved after all"},
    MOVED_BY_OTHERS,
    {ALIVE | SWITCH, SEEN(RUNNING) | POST | BROKEN, IDLE, WHEN(STALE), 0, GO(ERROR),
     .reason = "the instance is active on both hosts; nothing was touched: find out which copy is good, stop the other"},
    {ANY, ANY, IDLE, WHEN(EXHAUSTED), 0, GO(ERROR), .reason = "the destination's remains could not be removed"},
    {ALIVE, HALTED, IDLE, 0, 0, DO(KILL_DEST)},
    {SWITCH, SWITCH, IDLE, 0, 0, DO(KILL_DEST)}, /* not one that is only paused: it may have run */
    {SEEN(STOPPED), SWITCH, IDLE, WHEN(STALE), 0, DO(KILL_DEST)},
    {ALIVE | SEEN(STOPPED), GONE, CALL(NONE) | CALL(FAILED) | CALL(LOST), 0, 0, DO(FORGET_DEST)},
    {ALIVE | SEEN(STOPPED), SEEN(STOPPED), CALL(DONE), 0, 0, DO(FORGET_DEST)}, /* it is still defined there */
    {SWITCH, SEEN(ABSENT), CALL(NONE) | CALL(FAILED) | CALL(LOST), 0, 0, DO(FORGET_DEST)},
    {SEEN(PAUSED), SEEN(ABSENT), CALL(DONE), WHEN(HALTED) | WHEN(AGAIN), WHEN(ABORT), GO(FAILED),
     .reason = "its own storage halts the guest, so that it is not copied again"},
    {SEEN(PAUSED), SEEN(ABSENT), CALL(DONE), WHEN(HALTED), 0, .act = GW_ACT_ADVANCE, .next = GW_MIGRATION_STATE_COUNT /* end */},
    {HALTED, SEEN(ABSENT), CALL(DONE), WHEN(RAN) | WHEN(STALE), 0, GO(ERROR),
     .reason = "nothing of the move is left, but the guest does not run on: find out what pauses it on the source, and resume it"},
    {SWITCH, SEEN(ABSENT), CALL(DONE), 0, WHEN(STALE), DO(RESUME_SOURCE)},
    {SEEN(PAUSED), SEEN(ABSENT), CALL(DONE), WHEN(RAN), 0, DO(RESUME_SOURCE)},
    {ALIVE | SEEN(STOPPED), SEEN(ABSENT), CALL(DONE), WHEN(AGAIN) | WHEN(OVERDUE), WHEN(ABORT), GO(FAILED),
     .reason = "its completion timeout is over, and there is no time left to copy it again with writes that wait"},
    {ALIVE | SEEN(STOPPED), SEEN(ABSENT), CALL(DONE), 0, 0, .act = GW_ACT_ADVANCE, .next = GW_MIGRATION_STATE_COUNT /* end */},
    {SEEN(ABSENT), SEEN(ABSENT), IDLE, WHEN(STALE), 0, GO(ERROR), .reason = "the instance is on neither host"},
    {SEEN(ABSENT), SEEN(STOPPED), IDLE, WHEN(STALE), 0, GO(ERROR),
     .reason = "the instance is shut off on the destination and gone from the source; no disk was removed"},
    {ANY, ANY, IDLE, WHEN(STALE), 0, GO(ERROR), .reason = "the two hosts contradict each other; nothing was touched"},
    {ANY, ANY, IDLE, 0, 0, DO(WAIT)},
};

/* -------------------------------------------------------------------------- cold */

#define SPLIT                                                                                                          \
    {SEEN(RUNNING), SEEN(RUNNING) | POST | BROKEN, IDLE, WHEN(STALE), 0, GO(ERROR),                                    \
     .reason = "the instance is active on both hosts; nothing was touched: find out which copy is good, stop the other"}

static const GwRule stopping[] = {
    BOTH_ANSWER,
    {ALIVE, SEEN(ABSENT), IDLE, WHEN(EXHAUSTED), 0, UNDO(FAILED), .reason = "the guest could not be stopped"},
    {ALIVE, SEEN(ABSENT), IDLE, 0, 0, DO(STOP_SOURCE)},
    {SEEN(STOPPED), SEEN(ABSENT), IDLE, 0, 0, GO(MOVING)},
    SPLIT,
    {ANY, ANY, IDLE, WHEN(STALE), 0, UNDO(FAILED), .reason = "the instance changed while it was stopped"},
    {ANY, ANY, IDLE, 0, 0, DO(WAIT)},
};

static const GwRule moving_shared[] = {
    BOTH_ANSWER,
    {SEEN(STOPPED), SEEN(STOPPED), IDLE, 0, 0, GO(PLACING)},
    {SEEN(STOPPED), SEEN(ABSENT), CALL(FAILED), 0, 0, UNDO(FAILED)},
    {SEEN(STOPPED), SEEN(ABSENT), IDLE, WHEN(EXHAUSTED), 0, UNDO(FAILED),
     .reason = "it could not be defined on the destination"},
    {SEEN(STOPPED), SEEN(ABSENT), CALL(NONE) | CALL(LOST), 0, 0, DO(ADOPT)},
    SPLIT,
    {ANY, ANY, IDLE, WHEN(STALE), 0, UNDO(FAILED), .reason = "the instance changed while it was moved"},
    {ANY, ANY, IDLE, 0, 0, DO(WAIT)},
};

/* The source keeps its disks until the user confirms, so that undoing is always possible. */
static const GwRule moving_disks[] = {
    {ANY, ANY, CALL(ACTIVE), WHEN(OVERDUE), 0, DO(ABORT), .reason = "it took longer than its completion timeout"},
    BOTH_ANSWER,
    {ANY, ANY, IDLE, WHEN(JOB) | WHEN(OVERDUE), 0, DO(ABORT), .reason = "it took longer than its completion timeout"},
    {ANY, ANY, IDLE, WHEN(JOB), 0, DO(WAIT)},
    {SEEN(STOPPED), SEEN(PAUSED), IDLE, WHEN(BEGUN), 0, GO(PLACING)},
    {SEEN(STOPPED), SWITCH, CALL(DONE), WHEN(BEGUN), 0, GO(PLACING)},
    {SEEN(STOPPED), SEEN(ABSENT), IDLE, WHEN(EXHAUSTED), 0, UNDO(FAILED), .reason = "it could not be started for the copy"},
    {SEEN(STOPPED), SEEN(ABSENT), IDLE, 0, WHEN(BEGUN), DO(START_SOURCE_PAUSED)},
    {SEEN(PAUSED), SEEN(ABSENT), CALL(NONE), 0, WHEN(BEGUN), DO(MIGRATE)},
    {SEEN(PAUSED), SEEN(ABSENT), CALL(FAILED), WHEN(RETRY), WHEN(OVERDUE), DO(MIGRATE)},
    {GONE | HALTED, SEEN(ABSENT), CALL(FAILED), 0, 0, UNDO(FAILED)},
    SPLIT,
    {ANY, ANY, IDLE, WHEN(STALE), 0, UNDO(FAILED), .reason = "the copy of the disks ended without a result"},
    {ANY, ANY, IDLE, 0, 0, DO(WAIT)},
};

static const GwRule placing[] = {
    BOTH_ANSWER,
    {SEEN(STOPPED), HALTED, IDLE, WHEN(EXHAUSTED), 0, UNDO(FAILED), .reason = "the copy could not be put in place"},
    {SEEN(STOPPED), HALTED, IDLE, 0, 0, DO(KILL_DEST)},
    {SEEN(STOPPED), SEEN(RUNNING), IDLE, 0, 0, GO(STARTING)},
    {SEEN(STOPPED), SEEN(STOPPED), CALL(DONE), 0, 0, GO(STARTING)},
    {SEEN(STOPPED), SEEN(STOPPED), CALL(FAILED), 0, 0, UNDO(FAILED)},
    {SEEN(STOPPED), SEEN(STOPPED), IDLE, WHEN(EXHAUSTED), 0, UNDO(FAILED), .reason = "it could not be given its new shape"},
    {SEEN(STOPPED), SEEN(STOPPED), CALL(NONE) | CALL(LOST), 0, 0, DO(RESHAPE)},
    SPLIT,
    {ANY, ANY, IDLE, WHEN(STALE), 0, UNDO(FAILED), .reason = "the instance changed while it was moved"},
    {ANY, ANY, IDLE, 0, 0, DO(WAIT)},
};

static const GwRule starting[] = {
    BOTH_ANSWER,
    {SEEN(STOPPED), SEEN(RUNNING), IDLE, 0, 0, GO(FINISHED)},
    {SEEN(STOPPED), SEEN(STOPPED), IDLE, 0, WHEN(RAN), GO(FINISHED)},
    {SEEN(STOPPED), SEEN(STOPPED), CALL(DONE), 0, 0, GO(FINISHED)}, /* it was started, and ended by itself */
    {SEEN(STOPPED), SEEN(STOPPED), CALL(FAILED), WHEN(RAN), 0, UNDO(FAILED)},
    {SEEN(STOPPED), SEEN(STOPPED), IDLE, WHEN(RAN) | WHEN(EXHAUSTED), 0, UNDO(FAILED),
     .reason = "it could not be started on the destination"},
    {SEEN(STOPPED), SEEN(STOPPED), IDLE, WHEN(RAN), 0, DO(START_DEST)},
    SPLIT,
    {SEEN(STOPPED), HALTED, IDLE, WHEN(STALE), 0, UNDO(FAILED), .reason = "it was started on the destination, and does not run on there"},
    {ANY, ANY, IDLE, WHEN(STALE), 0, UNDO(FAILED), .reason = "the instance changed while it was started"},
    {ANY, ANY, IDLE, 0, 0, DO(WAIT)},
};

static const GwRule finished[] = {
    {ANY, ANY, ANY_CALL, WHEN(REVERT), 0, GO(REVERTING)},
    {ANY, ANY, ANY_CALL, WHEN(CONFIRM), 0, GO(CONFIRMING)},
    {ANY, ANY, ANY_CALL, 0, 0, DO(WAIT)},
};

static const GwRule confirming[] = {
    {ANY, ANY, CALL(DONE), 0, 0, GO(CONFIRMED)},
    BOTH_ANSWER,
    {GONE, SEEN(ABSENT), IDLE, WHEN(STALE), 0, GO(ERROR),
     .reason = "the instance is no longer on the destination; the source's copy was kept"},
    {GONE, ANY & ~SEEN(ABSENT), IDLE, WHEN(EXHAUSTED), 0, GO(ERROR), .reason = "the source's remains could not be removed"},
    {GONE, ANY & ~SEEN(ABSENT), CALL(NONE) | CALL(FAILED) | CALL(LOST), 0, 0, DO(FORGET_SOURCE)},
    {ANY, ANY, IDLE, WHEN(STALE), 0, GO(ERROR), .reason = "the source's copy is active; nothing was removed"},
    {ANY, ANY, IDLE, 0, 0, DO(WAIT)},
};

/* Back to the source, whose disks and definition are as they were: after a failure, or when the user reverts. */
static const GwRule undoing_cold[] = {
    BOTH_ANSWER,
    {ANY, ANY, IDLE, WHEN(JOB), 0, DO(ABORT)},
    {SEEN(ABSENT), ANY, IDLE, WHEN(STALE), 0, GO(ERROR),
     .reason = "the instance is no longer defined on the source; the destination's copy was kept"},
    {SEEN(ABSENT), ANY, IDLE, 0, 0, DO(WAIT)},
    SPLIT,
    {ANY, ANY, IDLE, WHEN(EXHAUSTED), 0, GO(ERROR), .reason = "it could not be brought back to the source"},
    /* started again, and halted at once by something else, a full storage say: it is where it was, and is not started for ever */
    {SEEN(PAUSED), SEEN(ABSENT), CALL(DONE), WHEN(RAN), 0, .act = GW_ACT_ADVANCE, .next = GW_MIGRATION_STATE_COUNT /* end */},
    {HALTED, GONE | HALTED, IDLE, 0, 0, DO(KILL_SOURCE)},
    {SEEN(STOPPED) | SEEN(RUNNING), HALTED, IDLE, 0, 0, DO(KILL_DEST)},
    {SEEN(STOPPED), SEEN(RUNNING), IDLE, 0, 0, DO(STOP_DEST)},
    {SEEN(STOPPED) | SEEN(RUNNING), GONE, CALL(NONE) | CALL(FAILED) | CALL(LOST), 0, 0, DO(FORGET_DEST)},
    {SEEN(STOPPED), SEEN(ABSENT), CALL(DONE), WHEN(RAN), 0, DO(START_SOURCE)},
    {SEEN(STOPPED) | SEEN(RUNNING), SEEN(ABSENT), CALL(DONE), 0, 0, .act = GW_ACT_ADVANCE,
     .next = GW_MIGRATION_STATE_COUNT /* end */},
    {ANY, ANY, IDLE, WHEN(STALE), 0, GO(ERROR), .reason = "the two hosts contradict each other; nothing was touched"},
    {ANY, ANY, IDLE, 0, 0, DO(WAIT)},
};

static const GwRule final[] = {{ANY, ANY, ANY_CALL, 0, 0, DO(WAIT)}};

static const GwRule *rules_of(const GwSituation *s)
{
    gboolean cold = s->kind == GW_MOVE_COLD;
    const GwRule *own = s->kind == GW_MOVE_EVACUATE ? gw_lifecycle_evacuation(s->state) : NULL;
    if (own)
        return own;
    switch (s->state) {
    case GW_MIGRATION_ACCEPTED:
        return accepted;
    case GW_MIGRATION_QUEUED:
        return queued;
    case GW_MIGRATION_PREPARING:
        return cold ? preparing_cold : preparing_live;
    case GW_MIGRATION_RUNNING:
        return running;
    case GW_MIGRATION_POSTCOPY:
        return postcopy;
    case GW_MIGRATION_SETTLING:
        return settling;
    case GW_MIGRATION_STOPPING:
        return stopping;
    case GW_MIGRATION_MOVING:
        return (s->when & GW_WHEN_COPIES) ? moving_disks : moving_shared;
    case GW_MIGRATION_PLACING:
        return placing;
    case GW_MIGRATION_STARTING:
        return starting;
    case GW_MIGRATION_FINISHED:
        return finished;
    case GW_MIGRATION_CONFIRMING:
        return confirming;
    case GW_MIGRATION_REVERTING:
        return undoing_cold;
    case GW_MIGRATION_UNDOING:
        return cold ? undoing_cold : undoing_live;
    case GW_MIGRATION_COMPLETED:
    case GW_MIGRATION_CONFIRMED:
    case GW_MIGRATION_REVERTED:
    case GW_MIGRATION_CANCELLED:
    case GW_MIGRATION_FAILED:
    case GW_MIGRATION_ERROR:
    case GW_MIGRATION_EVACUATED:
    case GW_MIGRATION_STATE_COUNT:
        return final;
    }
    return final;
}

static gboolean fits(const GwRule *rule, const GwSituation *s)
{
    return (rule->source & BIT(s->source)) && (rule->dest & BIT(s->dest)) && (rule->call & BIT(s->call)) &&
           (s->when & rule->need) == rule->need && !(s->when & rule->never);
}

/* A row that is for the silence of a host alone, and waits. */
static GwWaitsFor silent_of(const GwRule *rule)
{
    if (rule->act != GW_ACT_WAIT)
        return GW_WAITS_FOR_NOBODY;
    return rule->source == NO_ANSWER ? GW_WAITS_FOR_SOURCE : rule->dest == NO_ANSWER ? GW_WAITS_FOR_DEST : GW_WAITS_FOR_NOBODY;
}

GwDecision gw_lifecycle_next(const GwSituation *s)
{
    const GwRule *rule = gw_lifecycle_lost(s);
    while (rule && !fits(rule, s))
        rule = (rule + 1)->source ? rule + 1 : NULL;
    for (rule = rule ? rule : rules_of(s); !fits(rule, s);) /* every table ends with a row that fits all that its earlier rows leave */
        rule++;
    GwDecision decision = {rule->act, s->state, s->end, rule->reason, silent_of(rule)};
    if (rule->act != GW_ACT_ADVANCE)
        return decision;
    if (rule->next == GW_MIGRATION_STATE_COUNT)
        decision.next = s->state == GW_MIGRATION_REVERTING ? GW_MIGRATION_REVERTED : s->end;
    else
        decision.next = rule->next;
    if (rule->next == GW_MIGRATION_UNDOING)
        decision.end = rule->end;
    return decision;
}

const char *gw_act_name(GwAct act)
{
    static const char *const names[] = {
        [GW_ACT_WAIT] = "wait",
        [GW_ACT_ADVANCE] = "advance",
        [GW_ACT_CHECK] = "check",
        [GW_ACT_ENTER] = "enter",
        [GW_ACT_PREPARE] = "prepare",
        [GW_ACT_MIGRATE] = "migrate",
        [GW_ACT_RECOVER] = "recover",
        [GW_ACT_RESHAPE] = "reshape",
        [GW_ACT_ADOPT] = "adopt",
        [GW_ACT_SETTLE] = "settle",
        [GW_ACT_FORGET_SOURCE] = "forget-source",
        [GW_ACT_FORGET_DEST] = "forget-destination",
        [GW_ACT_START_DEST] = "start-destination",
        [GW_ACT_START_SOURCE] = "start-source",
        [GW_ACT_START_SOURCE_PAUSED] = "start-source-paused",
        [GW_ACT_ABORT] = "abort",
        [GW_ACT_FORCE] = "force",
        [GW_ACT_RESUME_SOURCE] = "resume-source",
        [GW_ACT_RESUME_DEST] = "resume-destination",
        [GW_ACT_STOP_SOURCE] = "stop-source",
        [GW_ACT_STOP_DEST] = "stop-destination",
        [GW_ACT_KILL_SOURCE] = "kill-source",
        [GW_ACT_KILL_DEST] = "kill-destination",
    };
    _Static_assert(G_N_ELEMENTS(names) == GW_ACT_COUNT, "one name per act");
    return names[act];
}
