/* The loop that carries migrations: observe both hosts, decide, journal, act; again until the state is final.
 * It knows nothing of phases (core/lifecycle.c does) and nothing of how acts are done (acts.c does). */
#include "engine/internal.h"

#include "base/guard.h"
#include "engine/ending.h"
#include "engine/queued.h"
#include "engine/timers.h"
#include "engine/transits.h"
#include "engine/turns.h"

enum {
    POLL_COPY_MS = 200,    /* looking at a copy under way, for its progress */
    POLL_DOUBT_MS = 250,   /* looking again at an inconclusive picture */
    POLL_SILENT_MS = 1000, /* a host does not answer */
    PAUSE_FAILED_MS = 1000, /* after an act failed */
    GRACE_MS = 5000,       /* a picture that stays so long is no moment between two phases */
    EARLY_LIMIT_MS = 30000, /* a host may be silent for so long before a move that has touched nothing gives up */
};

static gint64 scaled(const GwActive *active, gint64 ms)
{
    guint haste = active->engine->settings.haste;
    return haste ? MAX(1, ms / haste) : ms;
}

/* ---- observe */

/* What another thread may change while a step runs, read once. */
typedef struct {
    GwCall call;
    gboolean transient, stopping;
} Moment;

static Moment read_moment(GwActive *active)
{
    g_mutex_lock(&active->engine->lock);
    gboolean over = active->engine->stopping || active->ended || !gw_peers_lead(active);
    Moment moment = {active->call, active->call_transient, over};
    g_mutex_unlock(&active->engine->lock);
    return moment;
}

static void look(GwHostEntry *entry, const char *uuid, GwSight *ret_sight)
{
    g_autoptr(GError) error = NULL;
    if (!entry || !gw_node_sight(entry->node, uuid, ret_sight, &error))
        *ret_sight = (GwSight){.seen = GW_SEEN_UNKNOWN};
}

static gboolean find_sides(GwActive *active, const GwMigration *row)
{
    if (!active->source && row->source)
        active->source = gw_engine_find_host(active->engine, row->source);
    if (!active->dest && row->dest)
        active->dest = gw_engine_find_host(active->engine, row->dest);
    return active->source || row->state == GW_MIGRATION_QUEUED; /* which ends when it is not there any more */
}

/* Hosts are asked only where the rules look at them. While our own call copies, the source alone knows the progress. */
static void observe(GwActive *active, const GwMigration *row, GwCall call)
{
    if (row->state == GW_MIGRATION_QUEUED)
        gw_queued_look(active, row);
    if (row->state == GW_MIGRATION_ACCEPTED || row->state == GW_MIGRATION_QUEUED || row->state == GW_MIGRATION_FINISHED)
        return;
    look(active->source, row->instance_uuid, &active->source_sight);
    if (call == GW_CALL_ACTIVE)
        active->dest_sight = (GwSight){.seen = GW_SEEN_PAUSED_MIGRATING};
    else
        look(active->dest, row->instance_uuid, &active->dest_sight);
}

/* How long the same picture has been seen, in ms. */
static gint64 picture_age(GwActive *active, GwCall call, GwMigrationState state)
{
    unsigned picture = (unsigned)active->source_sight.seen | (unsigned)active->dest_sight.seen << 4 |
                       (unsigned)active->source_sight.job << 8 | (unsigned)active->dest_sight.job << 12 |
                       (unsigned)call << 16 | (unsigned)state << 20 | 1u << 31;
    gint64 now = g_get_monotonic_time();
    if (picture != active->picture) {
        active->picture = picture;
        active->picture_since = now;
    }
    return (now - active->picture_since) / 1000;
}

static gboolean is_overdue(const GwActive *active, const GwMigration *row)
{
    if (row->state == GW_MIGRATION_RUNNING && gw_copying_sees_job(active))
        return active->rung == GW_RUNG_ABORT;
    return row->plan && row->plan->timeout_ms && gw_copying_age_ms(active) > row->plan->timeout_ms;
}

static unsigned circumstances(GwActive *active, const GwMigration *row, const Moment *moment, gint64 age_ms)
{
    const GwEngineSettings *settings = &active->engine->settings;
    unsigned when = 0;
    when |= row->intents & GW_INTENT_ABORT ? GW_WHEN_ABORT : 0;
    when |= row->intents & GW_INTENT_CONFIRM ? GW_WHEN_CONFIRM : 0;
    when |= row->intents & GW_INTENT_REVERT ? GW_WHEN_REVERT : 0;
    gboolean force = (row->intents & GW_INTENT_FORCE_COMPLETE) != 0 || active->rung == GW_RUNG_FORCE;
    when |= force && (!active->forced || row->state == GW_MIGRATION_SETTLING) ? GW_WHEN_FORCE : 0;
    when |= is_overdue(active, row) ? GW_WHEN_OVERDUE : 0;
    when |= age_ms >= scaled(active, GRACE_MS) && !gw_copying_sees_job(active) ? GW_WHEN_STALE : 0;
    when |= row->attempts > 0 ? GW_WHEN_BEGUN : 0;
    when |= row->plan && gw_plan_copies_disks(row->plan) ? GW_WHEN_COPIES : 0;
    when |= row->plan && row->plan->power_before == GW_POWER_RUNNING ? GW_WHEN_RAN : 0;
    when |= gw_copying_sees_job(active) ? GW_WHEN_JOB : 0;
    when |= moment->transient && row->attempts <= settings->live_migration_retry_count ? GW_WHEN_RETRY : 0;
    when |= active->failures >= GW_MANY_FAILURES ? GW_WHEN_EXHAUSTED : 0;
    when |= gw_migration_goes_again(row) ? GW_WHEN_AGAIN : 0;
    when |= active->source_sight.halt != GW_HALT_NONE ? GW_WHEN_HALTED : 0;
    when |= row->state == GW_MIGRATION_QUEUED ? gw_queued_circumstances(active, row) : gw_active_fences(active);
    when |= active->found_preparing || moment->call != GW_CALL_NONE ? GW_WHEN_MADE : 0;
    return when;
}

/* ---- journal */

/* What everyone sees. */
static void show(GwActive *active, const GwMigration *row)
{
    GwEngine *engine = active->engine;
    g_mutex_lock(&engine->lock);
    gw_migration_free(active->row);
    active->row = gw_migration_copy(row);
    gw_transits_follow(active);
    gw_turns_follow(active);
    gw_views_update(engine, active->instance_uuid);
    g_mutex_unlock(&engine->lock);
    gw_heard_tell(active, row);
}

/* The work whose outcome led here is done, and is not done again: the decision waits in memory until it can be written. A row that is
 * somebody else's by now is read anew, and looked at as after a restart. */
static void keep_unrecorded(GwActive *active, const GwMigration *row, const GError *error)
{
    if (error->code == GW_ERROR_STORE)
        active->unrecorded = gw_migration_copy(row);
    else
        active->inherited = TRUE;
}

static gboolean journal(GwActive *active, GwMigration *row, gboolean *dirty)
{
    if (!*dirty)
        return TRUE;
    g_autoptr(GError) error = NULL;
    GwFence fence;
    gboolean fenced = gw_peers_fence(active->engine, row->source, active->token, &fence);
    if (!gw_store_migration_journal(active->engine->store, row, fenced ? &fence : NULL, &error)) {
        gw_warning("migration %" G_GINT64_FORMAT ": not recorded, tried again: %s", row->id, error->message);
        keep_unrecorded(active, row, error);
        return FALSE;
    }
    *dirty = FALSE;
    show(active, row);
    return TRUE;
}

/* ---- act, or wait */

static gboolean has_effect(GwAct act)
{
    return act != GW_ACT_WAIT && act != GW_ACT_ADVANCE && act != GW_ACT_CHECK && act != GW_ACT_ENTER;
}

/* People who look should see what a move waits for; kept in memory only. TRUE: that has changed, and is shown. */
static gboolean note_wait(GwActive *active, GwMigration *row, const char *reason)
{
    if (row->state == GW_MIGRATION_UNDOING || g_strcmp0(row->reason, reason) == 0)
        return FALSE;
    g_free(row->reason);
    row->reason = g_strdup(reason);
    show(active, row);
    return TRUE;
}

/* Where many wait, each is looked at less often, so that all of them together cost no more. */
static guint paced(const GwActive *active, gint64 ms)
{
    g_mutex_lock(&active->engine->lock);
    guint pace_ms = gw_timers_pace(active->engine);
    g_mutex_unlock(&active->engine->lock);
    return (guint)scaled(active, MAX(ms, pace_ms));
}

static guint wait_ms(const GwActive *active, const GwMigration *row, GwCall call)
{
    if (gw_migration_state_traits(row->state) & GW_TRAIT_RESTING)
        return 0;
    if (call == GW_CALL_ACTIVE || gw_copying_sees_job(active))
        return paced(active, POLL_COPY_MS);
    if (active->source_sight.seen == GW_SEEN_UNKNOWN || active->dest_sight.seen == GW_SEEN_UNKNOWN)
        return (guint)scaled(active, POLL_SILENT_MS);
    return (guint)scaled(active, POLL_DOUBT_MS);
}

/* A move that has touched nothing does not wait for ever for a silent host. One that may have left something there does. */
static gboolean give_up_early(GwActive *active, const GwMigration *row, GwCall call, gint64 age_ms)
{
    if (row->state == GW_MIGRATION_QUEUED && call == GW_CALL_NONE)
        return gw_queued_gives_up(active, row);
    if (row->state != GW_MIGRATION_PREPARING || call != GW_CALL_NONE || active->found_preparing || age_ms < scaled(active, EARLY_LIMIT_MS))
        return FALSE;
    const char *silent = active->source_sight.seen == GW_SEEN_UNKNOWN ? row->source : row->dest;
    g_autoptr(GError) error = g_error_new(GW_ERROR, GW_ERROR_FAILED, "host %s does not answer", silent);
    gw_active_call_ended(active, error);
    active->picture = 0;
    return TRUE;
}

static void note_failure(GwActive *active)
{
    active->failures++;
    active->failed_at = g_get_monotonic_time();
}

static gboolean is_request(GwAct act)
{
    return act == GW_ACT_MIGRATE || act == GW_ACT_RECOVER || act == GW_ACT_ABORT || act == GW_ACT_FORCE;
}

/* An act that succeeded and yet is wanted again, since nothing that can be seen has changed, has failed: it is not repeated at once,
 * nor for ever. Requests are left out: their effect takes its time. */
static void note_vain(GwActive *active, GwAct act)
{
    gboolean vain = act == active->done && active->picture == active->done_picture && !is_request(act);
    if (vain)
        note_failure(active);
    else if (active->done != GW_ACT_WAIT)
        active->failures = 0;
    active->done = GW_ACT_WAIT;
}

/* After an act failed, the next is not tried at once; TRUE: a timer is set. */
static gboolean must_pause(GwActive *active)
{
    gint64 since_failure = (g_get_monotonic_time() - active->failed_at) / 1000;
    gint64 pause = scaled(active, PAUSE_FAILED_MS);
    if (!active->failures || since_failure >= pause)
        return FALSE;
    gw_active_wake_after(active, (guint)(pause - since_failure));
    return TRUE;
}

/* TRUE: decide again at once; FALSE: the step is over, a timer is set (or the migration has ended or rests). */
static gboolean act(GwActive *active, GwMigration *row, const GwDecision *decision)
{
    g_autoptr(GError) error = NULL;
    gw_debug("migration %" G_GINT64_FORMAT ": %s", row->id, gw_act_name(decision->act));
    gw_guard_set(active->engine->peers ? gw_peers_guard : NULL, active);
    gboolean done = gw_acts_do(active, row, decision->act, &error);
    gw_guard_set(NULL, NULL);
    if (done) {
        active->done = decision->act;
        active->done_picture = active->picture;
        gboolean asked = (row->intents & GW_INTENT_ABORT) != 0;
        if (decision->act == GW_ACT_ABORT)
            active->abort_reason = gw_copying_is_given_up(active) && !asked ? active->rung_reason : decision->reason;
        if (is_request(decision->act)) {
            gw_active_wake_after(active, (guint)scaled(active, POLL_COPY_MS)); /* its end is seen, not returned */
            return FALSE;
        }
        return TRUE;
    }
    gw_warning("migration %" G_GINT64_FORMAT ": %s: %s", row->id, gw_act_name(decision->act), error->message);
    note_failure(active);
    g_free(active->failure);
    active->failure = g_strdup(error->message);
    return TRUE;
}

static GwDecision decide(GwActive *active, const GwMigration *row, const Moment *moment, gint64 age_ms)
{
    GwSituation situation = {gw_move_kind_is_cold(row->kind) ? GW_MOVE_COLD : row->kind,
                             row->state,
                             row->end,
                             active->source_sight.seen,
                             active->dest_sight.seen,
                             moment->call,
                             circumstances(active, row, moment, age_ms)};
    return gw_lifecycle_next(&situation);
}

static void rest(GwActive *active, GwMigration *row, const Moment *moment, const char *reason)
{
    if (row->state == GW_MIGRATION_QUEUED) { /* what it waits for is told to whoever asks, as it is then (turns.c) */
        show(active, row);
        gw_queued_rest(active, row);
        return;
    }
    g_autofree char *halt = reason ? NULL : gw_sight_halt_fact(&active->source_sight, row->instance_name, row->source);
    if (!note_wait(active, row, reason ? reason : halt))
        show(active, row); /* its progress */
    gw_copying_keep_progress(active, row);
    guint ms = wait_ms(active, row, moment->call);
    if (ms) {
        gw_active_wake_after(active, ms);
        return;
    }
    gw_ending_event(active, row); /* what the user decides is another */
}

typedef enum { STEP_AGAIN, STEP_OVER } Step;

/* The state is read anew, and left again. */
static Step over_for_now(GwActive *active)
{
    gw_active_wake_after(active, (guint)scaled(active, POLL_SILENT_MS));
    return STEP_OVER;
}

/* One turn: observe, decide, journal, act. */
static Step turn(GwActive *active, GwMigration *row, gboolean *dirty)
{
    Moment moment = read_moment(active);
    if (moment.stopping)
        return STEP_OVER;
    observe(active, row, moment.call);
    gw_copying_take_progress(active, row);
    gw_copying_tune(active, row);
    *dirty |= gw_copying_climb(active, row);
    gw_forecast_follow(active, row);
    gint64 age_ms = picture_age(active, moment.call, row->state);
    if (give_up_early(active, row, moment.call, age_ms)) /* which is known as the outcome of its work now */
        return STEP_AGAIN;
    GwDecision decision = decide(active, row, &moment, age_ms);
    row->waits_for = row->state == GW_MIGRATION_QUEUED ? GW_WAITS_FOR_NOBODY : decision.waits_for; /* of that turns.c tells when it is asked */
    gboolean final = FALSE;
    if (decision.act == GW_ACT_ADVANCE) {
        gw_advance(active, row, &decision);
        *dirty = TRUE;
        final = (gw_migration_state_traits(row->state) & GW_TRAIT_FINAL) != 0;
        if (!final)
            return STEP_AGAIN; /* journalled before the next act: nothing happens in between */
        gw_ending_note_guest(active, row);
    } else if (has_effect(decision.act)) {
        note_vain(active, decision.act);
        if (must_pause(active))
            return STEP_OVER;
    } else if (decision.act == GW_ACT_CHECK && must_pause(active)) {
        return STEP_OVER;
    }
    if (decision.act == GW_ACT_RECOVER)
        note_wait(active, row, decision.reason);
    if (decision.act == GW_ACT_MIGRATE) {
        gw_copying_forget_last(active, row);
        row->attempts++; /* journalled before the copy is begun: a restarted loop must know that it may have been */
        *dirty = TRUE;
    }
    if (final && !gw_ending_keep_flavor(active, row))
        return over_for_now(active);
    if (final)
        gw_forecast_close(active, row);
    gboolean rests = decision.act == GW_ACT_WAIT && (gw_migration_state_traits(row->state) & GW_TRAIT_RESTING);
    if (final || rests) /* whoever sees it ended, or there for the user to judge, may ask at once where the instance is, or for the next move */
        gw_inventory_update_pair(active, row);
    if ((final || has_effect(decision.act) || decision.act == GW_ACT_WAIT) && !journal(active, row, dirty)) {
        if (decision.act == GW_ACT_MIGRATE && active->unrecorded)
            active->unrecorded->attempts--; /* it was not begun */
        return over_for_now(active);
    }
    if (final) {
        gw_ending_tell(active, row);
        return STEP_OVER;
    }
    if (decision.act == GW_ACT_WAIT) {
        rest(active, row, &moment, decision.reason);
        return STEP_OVER;
    }
    if (act(active, row, &decision))
        return STEP_AGAIN;
    show(active, row); /* the next step begins with what is shown: what this look has told of the copy must not be lost */
    return STEP_OVER;
}

/* FALSE: the step is over. */
static gboolean record(GwActive *active)
{
    gboolean dirty = TRUE;
    g_autoptr(GwMigration) row = g_steal_pointer(&active->unrecorded);
    if (read_moment(active).stopping)
        return FALSE;
    if (!journal(active, row, &dirty)) {
        gw_active_wake_after(active, (guint)scaled(active, POLL_SILENT_MS));
        return FALSE;
    }
    if (!(gw_migration_state_traits(row->state) & GW_TRAIT_FINAL))
        return TRUE;
    gw_ending_tell(active, row);
    return FALSE;
}

static void run(GwActive *active)
{
    if (active->unrecorded && !record(active))
        return;
    g_autoptr(GwMigration) row = gw_active_read(active);
    gboolean dirty = FALSE;
    if (row && (gw_migration_state_traits(row->state) & GW_TRAIT_FINAL))
        return; /* another daemon ended it before its lease came here */
    if (row && active->inherited) {
        active->found_preparing = row->state == GW_MIGRATION_PREPARING;
        active->found_moving = row->state == GW_MIGRATION_MOVING;
    }
    active->inherited = active->inherited && !row;
    if (!row || !find_sides(active, row)) {
        gw_active_wake_after(active, (guint)scaled(active, POLL_SILENT_MS));
        return;
    }
    while (turn(active, row, &dirty) == STEP_AGAIN)
        find_sides(active, row); /* the destination may have been chosen */
}

void gw_loop_step(gpointer data, gpointer user_data)
{
    GwEngine *engine = user_data;
    g_autoptr(GwActive) active = data;
    run(active);
    g_mutex_lock(&engine->lock);
    active->stepping = FALSE;
    gboolean again = active->again && !active->ended;
    gboolean replaced = active->ended && engine->peers;
    active->again = FALSE;
    g_mutex_unlock(&engine->lock);
    if (again)
        gw_active_wake(active);
    else if (replaced)
        gw_active_wake_instance(engine, active->instance_uuid);
}
