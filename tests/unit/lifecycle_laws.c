#include "lifecycle_case.h"

gboolean law_is_possible(GwMoveKind kind, GwMigrationState state)
{
    switch (state) {
    case GW_MIGRATION_RUNNING:
    case GW_MIGRATION_POSTCOPY:
    case GW_MIGRATION_SETTLING:
    case GW_MIGRATION_COMPLETED:
        return kind == GW_MOVE_LIVE;
    case GW_MIGRATION_MOVING:
    case GW_MIGRATION_STARTING:
        return kind != GW_MOVE_LIVE;
    case GW_MIGRATION_STOPPING:
    case GW_MIGRATION_PLACING:
    case GW_MIGRATION_FINISHED:
    case GW_MIGRATION_CONFIRMING:
    case GW_MIGRATION_CONFIRMED:
    case GW_MIGRATION_REVERTING:
    case GW_MIGRATION_REVERTED:
        return kind == GW_MOVE_COLD;
    case GW_MIGRATION_ACCEPTED:
    case GW_MIGRATION_QUEUED:
    case GW_MIGRATION_PREPARING:
    case GW_MIGRATION_UNDOING:
    case GW_MIGRATION_CANCELLED:
    case GW_MIGRATION_FAILED:
    case GW_MIGRATION_ERROR:
    case GW_MIGRATION_EVACUATED:
    case GW_MIGRATION_STATE_COUNT:
        return TRUE;
    }
    return TRUE;
}

gboolean law_is_final(GwMigrationState state)
{
    return (gw_migration_state_traits(state) & GW_TRAIT_FINAL) != 0;
}

/* ---- the laws */

/* Every situation has a row, whose act and state are ones there are. */
static gboolean every_situation_has_a_row(const Case *c)
{
    gboolean act = c->d.act < GW_ACT_COUNT && c->d.next < GW_MIGRATION_STATE_COUNT;
    return act && law_is_possible(c->s.kind, c->d.next);
}

static gboolean final_states_stay(const Case *c)
{
    return !law_is_final(c->s.state) || (c->d.act == GW_ACT_WAIT && c->d.next == c->s.state);
}

/* So that the loop never decides for ever. */
static gboolean advancing_changes_the_state(const Case *c)
{
    return (c->d.act == GW_ACT_ADVANCE) == (c->d.next != c->s.state);
}

/* While the act of a state is under way only what belongs to a copy is done: it is asked to end, or it becomes
 * post-copy. */
static gboolean an_act_under_way_is_waited_for(const Case *c)
{
    if (c->s.call != GW_CALL_ACTIVE || is_untouched(c->s.state))
        return TRUE;
    gboolean copies = c->s.state == GW_MIGRATION_RUNNING || c->s.state == GW_MIGRATION_MOVING;
    gboolean asks = c->d.act == GW_ACT_ABORT || (c->d.act == GW_ACT_FORCE && c->s.state == GW_MIGRATION_RUNNING);
    gboolean postcopy = c->s.state == GW_MIGRATION_RUNNING && goes(c, GW_MIGRATION_POSTCOPY);
    return c->d.act == GW_ACT_WAIT || postcopy || (copies && asks);
}

/* While a host is silent nothing is done, except that a copy is asked to end, and what is known without it. */
static gboolean silence_stops_everything(const Case *c)
{
    if (both_answer(c) || is_untouched(c->s.state) || c->d.act == GW_ACT_WAIT)
        return TRUE;
    if (c->s.call == GW_CALL_ACTIVE && (c->d.act == GW_ACT_ABORT || c->d.act == GW_ACT_FORCE))
        return TRUE;
    gboolean done = c->s.call == GW_CALL_DONE && (goes(c, GW_MIGRATION_COMPLETED) || goes(c, GW_MIGRATION_CONFIRMED));
    return done || (c->s.state == GW_MIGRATION_RUNNING && goes(c, GW_MIGRATION_POSTCOPY));
}

/* What is made or started on the destination of an evacuation: only while an administrator vouches for the source, and it shows no
 * sign of life. */
static gboolean evacuates_only_what_is_fenced(const Case *c)
{
    gboolean acts = c->d.act == GW_ACT_ADOPT || c->d.act == GW_ACT_START_DEST;
    if (!is_evacuation(c) || !acts)
        return TRUE;
    gboolean down = is_gone(c->s.source) || c->s.source == GW_SEEN_UNKNOWN;
    return has(c, GW_WHEN_FENCED) && down && c->s.dest == (c->d.act == GW_ACT_ADOPT ? GW_SEEN_ABSENT : GW_SEEN_STOPPED);
}

/* It touches nothing on the source, and stops nothing on the destination. */
static gboolean evacuations_start_and_stop_nothing_else(const Case *c)
{
    switch (c->d.act) {
    case GW_ACT_WAIT:
    case GW_ACT_ADVANCE:
    case GW_ACT_CHECK:
    case GW_ACT_ENTER:
    case GW_ACT_ADOPT:
    case GW_ACT_START_DEST:
    case GW_ACT_FORGET_DEST:
        return TRUE;
    default:
        return !is_evacuation(c);
    }
}

/* Of a lost source only what the destination holds is touched, and never a copied disk; of a lost destination only the source,
 * which starts again if its disks never left it. */
static gboolean a_lost_host_is_left_alone(const Case *c)
{
    if (is_evacuation(c) || c->d.act == GW_ACT_WAIT || c->d.act == GW_ACT_ADVANCE || is_untouched(c->s.state))
        return TRUE;
    gboolean empty = c->d.act == GW_ACT_KILL_DEST || c->d.act == GW_ACT_FORGET_DEST;
    gboolean copied = has(c, GW_WHEN_COPIES | GW_WHEN_BEGUN);
    if (source_is_lost(c) && c->s.call != GW_CALL_ACTIVE)
        return empty && !copied && c->s.dest != GW_SEEN_RUNNING && c->s.dest != GW_SEEN_UNKNOWN;
    if (dest_is_lost(c) && c->s.call != GW_CALL_ACTIVE)
        return c->d.act == GW_ACT_START_SOURCE && !has(c, GW_WHEN_COPIES) && c->s.source == GW_SEEN_STOPPED;
    return TRUE;
}

static gboolean starts_only_beside_a_stopped_side(const Case *c)
{
    if (is_evacuation(c)) /* a law of its own */
        return TRUE;
    if (c->d.act == GW_ACT_START_DEST)
        return is_gone(c->s.source) && c->s.dest == GW_SEEN_STOPPED;
    if (c->d.act == GW_ACT_START_SOURCE || c->d.act == GW_ACT_START_SOURCE_PAUSED)
        return (is_gone(c->s.dest) || dest_is_lost(c)) && c->s.source == GW_SEEN_STOPPED;
    if (c->d.act == GW_ACT_RESUME_SOURCE)
        return is_gone(c->s.dest) && is_halted(c->s.source);
    if (c->d.act == GW_ACT_RESUME_DEST)
        return is_gone(c->s.source) && c->s.state == GW_MIGRATION_SETTLING && c->s.dest == GW_SEEN_PAUSED;
    if (c->d.act == GW_ACT_MIGRATE)
        return c->s.dest == GW_SEEN_ABSENT && is_alive(c->s.source);
    if (c->d.act == GW_ACT_ADOPT)
        return c->s.dest == GW_SEEN_ABSENT && c->s.source == GW_SEEN_STOPPED;
    if (c->d.act == GW_ACT_RESHAPE)
        return c->s.dest == GW_SEEN_STOPPED && c->s.source == GW_SEEN_STOPPED;
    return TRUE;
}

/* A copy whose outcome nobody knows is not begun again. */
static gboolean copies_begin_once(const Case *c)
{
    if (c->d.act != GW_ACT_MIGRATE)
        return TRUE;
    return !has(c, GW_WHEN_JOB) && (!has(c, GW_WHEN_BEGUN) || (c->s.call == GW_CALL_FAILED && has(c, GW_WHEN_RETRY)));
}

/* A post-copy goes on between its two halves, and never as a second copy; and nothing else is done to them while both are there. */
static gboolean halves_are_brought_together(const Case *c)
{
    gboolean halves = is_half(c->s.source) && is_half(c->s.dest);
    gboolean broken = c->s.source == GW_SEEN_POSTCOPY_FAILED || c->s.dest == GW_SEEN_POSTCOPY_FAILED;
    if (c->d.act == GW_ACT_RECOVER)
        return c->s.state == GW_MIGRATION_POSTCOPY && halves && broken && has(c, GW_WHEN_BEGUN) && c->s.call != GW_CALL_ACTIVE;
    if (c->s.state != GW_MIGRATION_POSTCOPY || !halves)
        return TRUE;
    if (broken && has(c, GW_WHEN_BEGUN) && c->s.call != GW_CALL_ACTIVE)
        return FALSE; /* it must not be left */
    return c->d.act == GW_ACT_WAIT || goes(c, GW_MIGRATION_ERROR);
}

static gboolean has_moved_and_ended(const Case *c)
{
    gboolean copied = c->s.state == GW_MIGRATION_RUNNING || c->s.state == GW_MIGRATION_POSTCOPY;
    return copied && c->s.call == GW_CALL_DONE && has(c, GW_WHEN_BEGUN) && !has(c, GW_WHEN_JOB) && is_gone(c->s.source) &&
           c->s.dest == GW_SEEN_STOPPED;
}

/* No operator is called for a guest that has moved, as the hypervisors said, and ended before that was recorded. */
static gboolean success_is_believed(const Case *c)
{
    return !has_moved_and_ended(c) || goes(c, GW_MIGRATION_SETTLING);
}

static gboolean source_is_removed_only_after_the_proof(const Case *c)
{
    gboolean there = c->s.dest != GW_SEEN_ABSENT && c->s.dest != GW_SEEN_UNKNOWN;
    if (c->d.act == GW_ACT_SETTLE)
        return c->s.state == GW_MIGRATION_SETTLING && is_gone(c->s.source) && there;
    if (c->d.act == GW_ACT_FORGET_SOURCE)
        return c->s.state == GW_MIGRATION_CONFIRMING && is_gone(c->s.source) && there;
    /* the proof: our copy, and the guest alive on the destination alone; or the word of the hypervisors, and the guest there, ended since */
    if (goes(c, GW_MIGRATION_SETTLING))
        return has(c, GW_WHEN_BEGUN) && !has(c, GW_WHEN_JOB) &&
               ((is_gone(c->s.source) && is_alive(c->s.dest)) || has_moved_and_ended(c) || (source_is_lost(c) && c->s.dest == GW_SEEN_RUNNING));
    if (goes(c, GW_MIGRATION_CONFIRMING))
        return c->s.state == GW_MIGRATION_FINISHED && has(c, GW_WHEN_CONFIRM);
    return TRUE;
}

static gboolean destination_is_removed_only_while_the_source_is_whole(const Case *c)
{
    gboolean whole = is_alive(c->s.source) || c->s.source == GW_SEEN_PAUSED_MIGRATING || c->s.source == GW_SEEN_STOPPED;
    if (c->d.act == GW_ACT_FORGET_DEST)
        return is_gone(c->s.dest) && (whole || is_evacuation(c) || source_is_lost(c)) && /* of which only a definition was made there */
               (c->s.state == GW_MIGRATION_UNDOING || c->s.state == GW_MIGRATION_REVERTING);
    if (c->d.act == GW_ACT_STOP_DEST)
        return c->s.kind == GW_MOVE_COLD && c->s.source == GW_SEEN_STOPPED;
    return TRUE;
}

/* The destination may be killed while its CPUs cannot hold the only live copy. Live: the source runs or is paused by
 * someone; or both are held by the migration, so that neither has gone on; or the guest ended on the source while the
 * destination still received. Cold: the guest is on its disks, and the destination was started paused for the copy. */
static gboolean destination_is_killed_only_while_it_cannot_matter(const Case *c)
{
    if (c->d.act != GW_ACT_KILL_DEST)
        return TRUE;
    if (source_is_lost(c)) /* it was receiving from there, and is of no use */
        return c->s.dest == GW_SEEN_PAUSED_MIGRATING;
    if (c->s.kind == GW_MOVE_COLD)
        return is_halted(c->s.dest) && (c->s.source == GW_SEEN_STOPPED || c->s.source == GW_SEEN_RUNNING);
    gboolean receives = c->s.dest == GW_SEEN_PAUSED_MIGRATING;
    return !has(c, GW_WHEN_JOB) &&
           ((is_alive(c->s.source) && is_halted(c->s.dest)) || (c->s.source == GW_SEEN_PAUSED_MIGRATING && receives) ||
            (c->s.source == GW_SEEN_STOPPED && receives && has(c, GW_WHEN_STALE)));
}

/* Live: the guest runs on the destination, whole, and not here; also where it came there by post-copy. Cold: started paused for the copy of its disks. */
static gboolean source_is_killed_only_when_it_cannot_matter(const Case *c)
{
    if (c->d.act != GW_ACT_KILL_SOURCE)
        return TRUE;
    if (c->s.kind == GW_MOVE_LIVE)
        return c->s.dest == GW_SEEN_RUNNING && (is_halted(c->s.source) || is_half(c->s.source)) && !has(c, GW_WHEN_JOB);
    return is_halted(c->s.source) && (is_gone(c->s.dest) || is_halted(c->s.dest));
}

static gboolean two_running_copies_stop_everything(const Case *c)
{
    gboolean both = c->s.source == GW_SEEN_RUNNING && c->s.dest == GW_SEEN_RUNNING;
    if (!both || is_untouched(c->s.state) || c->s.call == GW_CALL_ACTIVE || has(c, GW_WHEN_JOB))
        return TRUE;
    if (c->s.call == GW_CALL_DONE && (goes(c, GW_MIGRATION_COMPLETED) || goes(c, GW_MIGRATION_CONFIRMED)))
        return TRUE; /* whatever someone did after the end of the work */
    return c->d.act == GW_ACT_WAIT || goes(c, GW_MIGRATION_ERROR) ||
           /* nothing was touched by STOPPING and MOVING, and UNDOING keeps this law itself */
           goes(c, GW_MIGRATION_UNDOING);
}

static gboolean undoing_leads_where_it_was_told(const Case *c)
{
    if (goes(c, GW_MIGRATION_UNDOING))
        return c->d.end == GW_MIGRATION_FAILED || c->d.end == GW_MIGRATION_CANCELLED || c->d.end == GW_MIGRATION_PREPARING;
    gboolean no_second = c->s.end == GW_MIGRATION_PREPARING && c->d.next == GW_MIGRATION_FAILED && !has(c, GW_WHEN_ABORT);
    if (c->d.act != GW_ACT_ADVANCE)
        return TRUE;
    if (c->s.state == GW_MIGRATION_UNDOING)
        return c->d.next == c->s.end || c->d.next == GW_MIGRATION_ERROR || (no_second && (has(c, GW_WHEN_OVERDUE) || has(c, GW_WHEN_HALTED) || dest_is_lost(c))) ||
               (c->d.next == GW_MIGRATION_SETTLING && c->s.kind == GW_MOVE_LIVE);
    if (c->s.state == GW_MIGRATION_REVERTING)
        return c->d.next == GW_MIGRATION_REVERTED || c->d.next == GW_MIGRATION_ERROR;
    return TRUE;
}

/* It is begun for a copy that was given up for it, while the guest is where it was, and by nobody else's wish: an abort wins. */
static gboolean a_second_try_has_its_cause(const Case *c)
{
    if (!goes(c, GW_MIGRATION_UNDOING) || c->d.end != GW_MIGRATION_PREPARING)
        return TRUE;
    gboolean ended = c->s.call != GW_CALL_ACTIVE && !has(c, GW_WHEN_JOB);
    gboolean here = (is_alive(c->s.source) || c->s.source == GW_SEEN_PAUSED_MIGRATING) && c->s.dest != GW_SEEN_RUNNING;
    gboolean copies = c->s.kind == GW_MOVE_LIVE && c->s.state == GW_MIGRATION_RUNNING;
    return copies && has(c, GW_WHEN_AGAIN) && !has(c, GW_WHEN_ABORT) && ended && here;
}

/* Only once nothing of the first is left there; of a lost destination nobody knows, and there an abort alone leads on, to its end. */
static gboolean a_second_try_begins_with_nothing(const Case *c)
{
    if (c->s.state != GW_MIGRATION_UNDOING || !goes(c, GW_MIGRATION_PREPARING))
        return TRUE;
    gboolean removed = c->s.dest == GW_SEEN_ABSENT && c->s.call == GW_CALL_DONE;
    gboolean late = has(c, GW_WHEN_OVERDUE) && !has(c, GW_WHEN_ABORT) && !source_is_lost(c); /* PREPARING itself gives that up */
    return c->s.end == GW_MIGRATION_PREPARING && !late && (removed || (dest_is_lost(c) && has(c, GW_WHEN_ABORT)));
}

/* A copy that was given up for it goes on no longer, also under a daemon that has not given it up itself. */
static gboolean what_is_given_up_is_ended(const Case *c)
{
    gboolean copies = c->s.state == GW_MIGRATION_RUNNING && c->s.call == GW_CALL_ACTIVE && has(c, GW_WHEN_AGAIN);
    return !copies || c->d.act == GW_ACT_ABORT || goes(c, GW_MIGRATION_POSTCOPY);
}

/* FAILED, CANCELLED and REVERTED say that the instance is intact: its source has it, the destination does not run it.
 */
static gboolean undone_means_intact(const Case *c)
{
    gboolean undone = goes(c, GW_MIGRATION_FAILED) || goes(c, GW_MIGRATION_CANCELLED) || goes(c, GW_MIGRATION_REVERTED);
    if (!undone)
        return TRUE;
    if (gw_migration_state_traits(c->s.state) & GW_TRAIT_EARLY)
        return TRUE;
    gboolean source = is_alive(c->s.source) || c->s.source == GW_SEEN_STOPPED;
    if (dest_is_lost(c)) /* what was made there is cleared when it is back */
        return source;
    return (source || is_evacuation(c) || (source_is_lost(c) && !has(c, GW_WHEN_COPIES | GW_WHEN_BEGUN))) && c->s.dest == GW_SEEN_ABSENT &&
           c->s.call == GW_CALL_DONE;
}

/* A file that appeared since the checks, while nothing can have been made by us, is another's. */
static gboolean nothing_made_nothing_removed(const Case *c)
{
    gboolean ours = c->s.call != GW_CALL_NONE || has(c, GW_WHEN_MADE);
    return c->s.state != GW_MIGRATION_PREPARING || ours || !goes(c, GW_MIGRATION_UNDOING);
}

static gboolean cancels(const Case *c)
{
    return goes(c, GW_MIGRATION_CANCELLED) || (goes(c, GW_MIGRATION_UNDOING) && c->d.end == GW_MIGRATION_CANCELLED);
}

/* An abort is heard at once: before the copy it ends the move, during the copy it is passed on. */
static gboolean aborts_are_heard(const Case *c)
{
    if (!has(c, GW_WHEN_ABORT))
        return TRUE;
    if (c->s.state == GW_MIGRATION_ACCEPTED || c->s.state == GW_MIGRATION_QUEUED)
        return cancels(c);
    if (c->s.state == GW_MIGRATION_PREPARING)
        return cancels(c) || c->s.call == GW_CALL_ACTIVE || c->s.call == GW_CALL_FAILED;
    gboolean copies = c->s.state == GW_MIGRATION_RUNNING && c->s.call == GW_CALL_ACTIVE;
    return !copies || c->d.act == GW_ACT_ABORT || goes(c, GW_MIGRATION_POSTCOPY);
}

/* So are the others: force-complete, the completion timeout, confirm and revert, and a try after a transient failure. */
static gboolean requests_are_heard(const Case *c)
{
    gboolean copies = c->s.state == GW_MIGRATION_RUNNING && c->s.call == GW_CALL_ACTIVE && !has(c, GW_WHEN_ABORT) && !has(c, GW_WHEN_AGAIN);
    if (copies && !goes(c, GW_MIGRATION_POSTCOPY) && has(c, GW_WHEN_OVERDUE))
        return c->d.act == GW_ACT_ABORT;
    if (copies && !goes(c, GW_MIGRATION_POSTCOPY) && has(c, GW_WHEN_FORCE))
        return c->d.act == GW_ACT_FORCE;
    if (c->s.state == GW_MIGRATION_FINISHED && has(c, GW_WHEN_REVERT))
        return goes(c, GW_MIGRATION_REVERTING);
    if (c->s.state == GW_MIGRATION_FINISHED && has(c, GW_WHEN_CONFIRM))
        return goes(c, GW_MIGRATION_CONFIRMING);
    gboolean hindered = has(c, GW_WHEN_ABORT) || has(c, GW_WHEN_OVERDUE) || has(c, GW_WHEN_JOB) || has(c, GW_WHEN_AGAIN);
    gboolean retries = c->s.state == GW_MIGRATION_RUNNING && c->s.call == GW_CALL_FAILED && has(c, GW_WHEN_RETRY) &&
                       is_alive(c->s.source) && c->s.dest == GW_SEEN_ABSENT && !hindered;
    return !retries || c->d.act == GW_ACT_MIGRATE;
}

/* Once the guest is touched, a cold move goes its way: abort and force are for live ones. */
static gboolean cold_moves_are_not_aborted(const Case *c)
{
    if (c->s.kind != GW_MOVE_COLD || is_untouched(c->s.state))
        return TRUE;
    GwSituation other = c->s;
    other.when &= ~(unsigned)(GW_WHEN_ABORT | GW_WHEN_FORCE);
    GwDecision d = gw_lifecycle_next(&other);
    return d.act == c->d.act && d.next == c->d.next && d.end == c->d.end;
}

/* Doubt lasts no longer than the grace: with two hosts that answer, no copy and no act under way, a stale picture leads
 * on. */
static gboolean doubt_ends(const Case *c)
{
    gboolean resting = is_untouched(c->s.state) && c->s.state != GW_MIGRATION_PREPARING;
    if (resting || !has(c, GW_WHEN_STALE) || has(c, GW_WHEN_JOB) || c->s.call == GW_CALL_ACTIVE || !both_answer(c))
        return TRUE;
    return c->d.act != GW_ACT_WAIT;
}

/* An act that fails again and again is given up. The copy does not fail at its begin, and has tries of its own; a guest in two halves is not
 * given up. */
static gboolean trying_ends(const Case *c)
{
    gboolean tries = c->s.state == GW_MIGRATION_ACCEPTED || c->s.state == GW_MIGRATION_QUEUED;
    if (tries || !has(c, GW_WHEN_EXHAUSTED) || has(c, GW_WHEN_JOB) || c->s.call == GW_CALL_ACTIVE || !both_answer(c))
        return TRUE;
    return c->d.act == GW_ACT_WAIT || c->d.act == GW_ACT_ADVANCE || c->d.act == GW_ACT_MIGRATE || c->d.act == GW_ACT_RECOVER;
}

/* An act that succeeds and yet changes nothing that is seen is not repeated for ever either: a guest that a full
 * storage pauses again as soon as it is resumed. */
static gboolean resuming_ends(const Case *c)
{
    return (c->d.act != GW_ACT_RESUME_SOURCE && c->d.act != GW_ACT_RESUME_DEST) || !has(c, GW_WHEN_STALE);
}

/* Its own storage is nothing that the move could mend, nor that needs an operator of the move: once undone it has ended, without a second
 * try (an abort is heard where that begins). */
static gboolean a_halted_guest_is_not_resumed(const Case *c)
{
    gboolean undone = c->s.state == GW_MIGRATION_UNDOING && c->s.kind == GW_MOVE_LIVE && c->s.call == GW_CALL_DONE &&
                      c->s.source == GW_SEEN_PAUSED && c->s.dest == GW_SEEN_ABSENT && has(c, GW_WHEN_HALTED);
    GwMigrationState end = c->s.end == GW_MIGRATION_PREPARING && !has(c, GW_WHEN_ABORT) ? GW_MIGRATION_FAILED : c->s.end;
    return !undone || has(c, GW_WHEN_JOB) || has(c, GW_WHEN_EXHAUSTED) || goes(c, end);
}

/* Put back and started, it is where it was, whatever halts it then. */
static gboolean a_halted_guest_is_not_restarted_for_ever(const Case *c)
{
    gboolean undoes = c->s.state == GW_MIGRATION_UNDOING || c->s.state == GW_MIGRATION_REVERTING;
    gboolean started = undoes && c->s.kind == GW_MOVE_COLD && c->s.call == GW_CALL_DONE && c->s.source == GW_SEEN_PAUSED &&
                       c->s.dest == GW_SEEN_ABSENT && has(c, GW_WHEN_RAN);
    return !started || c->d.act != GW_ACT_KILL_SOURCE;
}

/* A guest that was started and ended by itself is not started again. */
static gboolean starting_is_done_once(const Case *c)
{
    return c->d.act != GW_ACT_START_DEST || c->s.call != GW_CALL_DONE;
}

/* An operator is told why. */
static gboolean errors_have_a_reason(const Case *c)
{
    return !goes(c, GW_MIGRATION_ERROR) || (c->d.reason && *c->d.reason);
}

const NamedLaw laws[] = {
    {"every situation has a row", every_situation_has_a_row},
    {"final states stay", final_states_stay},
    {"advancing changes the state", advancing_changes_the_state},
    {"an act under way is waited for", an_act_under_way_is_waited_for},
    {"silence stops everything", silence_stops_everything},
    {"starts only beside a stopped side", starts_only_beside_a_stopped_side},
    {"evacuates only what is fenced", evacuates_only_what_is_fenced},
    {"evacuations start and stop nothing else", evacuations_start_and_stop_nothing_else},
    {"a lost host is left alone", a_lost_host_is_left_alone},
    {"copies begin once", copies_begin_once},
    {"halves are brought together", halves_are_brought_together},
    {"success is believed", success_is_believed},
    {"source is removed only after the proof", source_is_removed_only_after_the_proof},
    {"destination is removed only while the source is whole", destination_is_removed_only_while_the_source_is_whole},
    {"destination is killed only while it cannot matter", destination_is_killed_only_while_it_cannot_matter},
    {"source is killed only when it cannot matter", source_is_killed_only_when_it_cannot_matter},
    {"two running copies stop everything", two_running_copies_stop_everything},
    {"undoing leads where it was told", undoing_leads_where_it_was_told},
    {"a second try has its cause", a_second_try_has_its_cause},
    {"a second try begins with nothing", a_second_try_begins_with_nothing},
    {"what is given up is ended", what_is_given_up_is_ended},
    {"undone means intact", undone_means_intact},
    {"nothing made, nothing removed", nothing_made_nothing_removed},
    {"aborts are heard", aborts_are_heard},
    {"requests are heard", requests_are_heard},
    {"cold moves are not aborted", cold_moves_are_not_aborted},
    {"doubt ends", doubt_ends},
    {"trying ends", trying_ends},
    {"resuming ends", resuming_ends},
    {"a halted guest is not resumed", a_halted_guest_is_not_resumed},
    {"a halted guest is not restarted for ever", a_halted_guest_is_not_restarted_for_ever},
    {"starting is done once", starting_is_done_once},
    {"what waits begins in its turn", law_what_waits_begins_in_its_turn},
    {"a turn is used", law_a_turn_is_used},
    {"waiting ends with a cause", law_waiting_ends_with_a_cause},
    {"errors have a reason", errors_have_a_reason},
};
const guint law_count = G_N_ELEMENTS(laws);
