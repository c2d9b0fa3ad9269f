/* Acts: each the call of a driver, with the book-keeping that its outcome needs. */
#include "engine/internal.h"

#include "base/guard.h"
#include "core/flags.h"
#include "core/transfer.h"
#include "engine/choose.h"
#include "engine/queued.h"

#include <string.h>

/* The names that Nova's clients know from os-instance-actions; a phase of several acts is one event. */
static const struct {
    const char *live, *cold, *evacuation;
    gboolean on_dest;
} events[GW_ACT_COUNT] = {
    [GW_ACT_CHECK] = {"conductor_live_migrate_instance", "conductor_migrate_server", "rebuild_server", FALSE},
    [GW_ACT_ENTER] = {"conductor_live_migrate_instance", "conductor_migrate_server", "rebuild_server", FALSE}, /* checked once more */
    [GW_ACT_PREPARE] = {"compute_pre_live_migration", "compute_prep_resize", NULL, TRUE},
    [GW_ACT_MIGRATE] = {"compute_live_migration", "compute_resize_instance", NULL, FALSE},
    [GW_ACT_RECOVER] = {"godwit_resume_post_copy", NULL, NULL, FALSE},
    [GW_ACT_STOP_SOURCE] = {NULL, "compute_resize_instance", NULL, FALSE},
    [GW_ACT_RESHAPE] = {NULL, "compute_finish_resize", NULL, TRUE},
    [GW_ACT_ADOPT] = {NULL, "compute_finish_resize", "compute_rebuild_instance", TRUE},
    [GW_ACT_START_DEST] = {NULL, "compute_finish_resize", "compute_rebuild_instance", TRUE},
    [GW_ACT_SETTLE] = {"compute_post_live_migration_at_destination", NULL, NULL, TRUE},
    [GW_ACT_FORGET_SOURCE] = {NULL, "compute_confirm_resize", NULL, FALSE},
    [GW_ACT_FORGET_DEST] = {"compute_rollback_live_migration_at_destination", "compute_revert_resize", NULL, TRUE},
};

static void record(GwActive *active, const GwMigration *row, GwAct act)
{
    const char *event = row->kind == GW_MOVE_LIVE ? events[act].live : gw_move_kind_is_cold(row->kind) ? events[act].cold : events[act].evacuation;
    if (!event || g_strcmp0(event, active->event) == 0)
        return;
    gboolean failed = row->state == GW_MIGRATION_UNDOING;
    if (active->event)
        gw_scribe_end(active, row, active->event, active->event_on_dest ? row->dest : row->source, failed ? row->reason : NULL);
    active->event = event;
    active->event_on_dest = events[act].on_dest;
    gw_scribe_begin(active, row, event, events[act].on_dest ? row->dest : row->source);
}

/* ---- the copy: in its own thread, since it lasts */

typedef struct {
    GwActive *active;
    GwNode *source, *dest;
    GwPlan *plan;
    GwAct act; /* MIGRATE or RECOVER */
} Copy;

/* live_migration_retry_count counts retries of one second each; a post-copy is resumed again and again while its link is down. */
static gboolean is_to_pause(const Copy *copy, const GError *error)
{
    return g_error_matches(error, GW_ERROR, GW_ERROR_UNREACHABLE) || (error && copy->act == GW_ACT_RECOVER);
}

static gpointer copy_thread(gpointer data)
{
    Copy *copy = data;
    g_autoptr(GError) error = NULL;
    gw_guard_set(copy->active->engine->peers ? gw_peers_guard : NULL, copy->active);
    if (copy->act == GW_ACT_RECOVER)
        gw_node_recover(copy->source, copy->dest, copy->plan, &error);
    else
        gw_node_migrate(copy->source, copy->dest, copy->plan, &error);
    gw_guard_set(NULL, NULL);
    if (error && copy->act == GW_ACT_RECOVER)
        gw_info("migration %" G_GINT64_FORMAT ": its post-copy does not go on yet: %s", copy->active->id, error->message);
    if (is_to_pause(copy, error))
        g_usleep(G_USEC_PER_SEC / MAX(1, copy->active->engine->settings.haste));
    gw_active_call_ended(copy->active, error);
    gw_active_wake(copy->active);
    gw_node_unref(copy->source);
    gw_node_unref(copy->dest);
    gw_plan_free(copy->plan);
    gw_active_unref(copy->active);
    g_free(copy);
    return NULL;
}

static void set_active(GwActive *active)
{
    g_mutex_lock(&active->engine->lock);
    active->call = GW_CALL_ACTIVE;
    active->call_transient = FALSE;
    g_mutex_unlock(&active->engine->lock);
}

static gboolean begin_copy(GwActive *active, const GwMigration *row, GwAct act)
{
    Copy *copy = g_new0(Copy, 1);
    copy->active = gw_active_ref(active);
    copy->source = gw_node_ref(active->source->node);
    copy->dest = gw_node_ref(active->dest->node);
    copy->plan = gw_plan_copy(row->plan);
    copy->act = act;
    set_active(active);
    if (!active->copy_since)
        active->copy_since = g_get_monotonic_time();
    g_thread_unref(g_thread_new("copy", copy_thread, copy));
    return TRUE;
}

/* ---- work: its outcome is the state's call */

static gboolean work_ended(GwActive *active, gboolean ok, GError **error)
{
    GError *local = error ? *error : NULL;
    /* nothing was done and the host may come back: the rules wait until it answers */
    if (!ok && g_error_matches(local, GW_ERROR, GW_ERROR_UNREACHABLE))
        return FALSE;
    gw_active_call_ended(active, ok ? NULL : local);
    return ok;
}

/* Found preparing after a restart: what the last attempt made is removed first. The checks had seen that nothing was there, so that
 * whatever is there now is ours. When that fails something may be left: the move is lost, not failed, and is undone. */
static gboolean clear_old_attempt(GwActive *active, const GwMigration *row, GError **error)
{
    g_autoptr(GError) local = NULL;
    if (!active->found_preparing || gw_node_forget(active->dest->node, row->plan, GW_SIDE_DEST, &local))
        return TRUE;
    int code = local->code == GW_ERROR_UNREACHABLE ? GW_ERROR_UNREACHABLE : GW_ERROR_LOST;
    g_set_error(error, GW_ERROR, code, "what an interrupted attempt may have made on %s was not removed: %s", row->dest,
                local->message);
    return FALSE;
}

static gboolean prepare(GwActive *active, const GwMigration *row, GError **error)
{
    if (!clear_old_attempt(active, row, error))
        return FALSE;
    active->found_preparing = FALSE;
    return gw_node_prepare(active->source->node, active->dest->node, row->plan, error);
}

/* There is no step between the start of an evacuated instance and the end: the definition is final before it starts. */
static gboolean adopt(GwActive *active, const GwMigration *row, GError **error)
{
    GwNode *dest = active->dest->node;
    return gw_node_adopt(dest, row->plan, error) && (row->kind != GW_MOVE_EVACUATE || gw_node_settle(dest, row->plan, error));
}

static gboolean settle(GwActive *active, const GwMigration *row, GError **error)
{
    return gw_node_settle(active->dest->node, row->plan, error) &&
           gw_node_forget(active->source->node, row->plan, GW_SIDE_SOURCE, error);
}

/* What is known of the server follows the instance, before the way back is closed: done twice after a crash, it is the same. */
static gboolean confirm(GwActive *active, const GwMigration *row, GError **error)
{
    return (!row->flavor || gw_servers_set_flavor(active->engine, row->instance_uuid, row->flavor, error)) && settle(active, row, error);
}

static gboolean check(GwActive *active, GwMigration *row, GError **error)
{
    if (!gw_choose_is_ready(active, row)) {
        g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE, "the hosts have not all been asked yet");
        return FALSE;
    }
    gw_forecast_sample_soon(active, row);
    gboolean ok = gw_choose(active, row, error);
    gw_active_call_ended(active, ok ? NULL : *error);
    active->checked_now = ok;
    if (ok)
        gw_active_tell_checked(active, NULL);
    else
        gw_active_refuse(active, *error);
    return TRUE; /* a refusal is an answer */
}

static gboolean force(GwActive *active, const GwMigration *row, GError **error)
{
    GwForceHow how = row->plan->flags & GW_FLAG_POSTCOPY ? GW_FORCE_POSTCOPY : GW_FORCE_PAUSE;
    active->forced_at_ms = active->source_sight.progress.elapsed_ms;
    active->forced = gw_node_force_complete(active->source->node, row->instance_uuid, how, error);
    return active->forced;
}

/* A store that names a host which is not there any more (restored from an old copy, say) must not bring the daemon down. */
static gboolean knows_hosts(const GwActive *active, const GwMigration *row, GwAct act, GError **error)
{
    if (act == GW_ACT_CHECK || act == GW_ACT_ENTER || (active->source && (active->dest || !row->plan)))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE, "host %s is not known any more: add it again with `godwit host-add`",
                active->source ? row->dest : row->source);
    return FALSE;
}

gboolean gw_acts_do(GwActive *active, GwMigration *row, GwAct act, GError **error)
{
    if (!knows_hosts(active, row, act, error))
        return FALSE;
    const char *uuid = row->instance_uuid;
    const GwPlan *plan = row->plan;
    GwNode *source = active->source ? active->source->node : NULL;
    GwNode *dest = active->dest ? active->dest->node : NULL;
    guint patience_ms = active->engine->settings.shutdown_timeout_s * 1000;
    record(active, row, act);
    switch (act) {
    case GW_ACT_WAIT:
    case GW_ACT_ADVANCE:
    case GW_ACT_COUNT:
        return TRUE;
    case GW_ACT_CHECK:
        return check(active, row, error);
    case GW_ACT_ENTER:
        return gw_queued_enter(active, row, error);
    case GW_ACT_PREPARE:
        return work_ended(active, prepare(active, row, error), error);
    case GW_ACT_MIGRATE:
    case GW_ACT_RECOVER:
        return begin_copy(active, row, act);
    case GW_ACT_ADOPT:
        return work_ended(active, adopt(active, row, error), error);
    case GW_ACT_RESHAPE:
        return work_ended(active, gw_node_reshape(dest, plan, error), error);
    case GW_ACT_FORGET_SOURCE:
        return work_ended(active, confirm(active, row, error), error);
    case GW_ACT_SETTLE:
        return work_ended(active, settle(active, row, error), error);
    case GW_ACT_FORGET_DEST:
        return work_ended(active, !dest || !plan || gw_node_forget(dest, plan, GW_SIDE_DEST, error), error);
    case GW_ACT_START_DEST:
        return work_ended(active, gw_node_start(dest, uuid, GW_START_RUNNING, error), error);
    case GW_ACT_START_SOURCE:
        return gw_node_start(source, uuid, GW_START_RUNNING, error);
    case GW_ACT_START_SOURCE_PAUSED:
        return gw_node_start(source, uuid, GW_START_PAUSED, error);
    case GW_ACT_ABORT:
        return gw_node_abort(source, uuid, plan && gw_transfer_quiesces(plan), error);
    case GW_ACT_FORCE:
        return force(active, row, error);
    case GW_ACT_RESUME_SOURCE:
        return gw_node_resume(source, uuid, error);
    case GW_ACT_RESUME_DEST:
        return gw_node_resume(dest, uuid, error);
    case GW_ACT_STOP_SOURCE:
        return gw_node_stop(source, uuid, GW_STOP_GRACEFUL, patience_ms, error);
    case GW_ACT_STOP_DEST:
        return gw_node_stop(dest, uuid, GW_STOP_GRACEFUL, patience_ms, error);
    case GW_ACT_KILL_SOURCE:
        return gw_node_stop(source, uuid, GW_STOP_HARD, patience_ms, error);
    case GW_ACT_KILL_DEST:
        return gw_node_stop(dest, uuid, GW_STOP_HARD, patience_ms, error);
    }
    return TRUE;
}
