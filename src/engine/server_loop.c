/* The loop that makes servers and takes them away: observe the host, decide (core/server.c), journal, act; again until the phase
 * rests. A restarted daemon runs it on every row, and needs to know nothing of where the former one died. */
#include "engine/servers.h"

#include "base/guard.h"

#include <string.h>

enum {
    LOOK_MS = 500,          /* looking again at a host that does not answer, or at a migration under way */
    OVERDUE_MS = 30000,     /* a host may be silent for so long before a creation gives up */
    PAUSE_FAILED_MS = 1000, /* after an act failed, times the failures in a row, up to */
    LONGEST_PAUSES = 30,
};

static guint scaled(const GwEngine *engine, guint ms)
{
    guint haste = engine->settings.haste;
    return haste ? MAX(1, ms / haste) : ms;
}

/* ---- the record (Nova's names of events) */

static const char *request_of(const GwServer *row)
{
    return row->delete_asked ? row->delete_request : row->request_id;
}

static void close_event(GwEngine *engine, GwServerRun *run, const GwServer *row, const char *failure)
{
    g_autoptr(GError) error = NULL;
    const char *event = run->event, *request_id = run->event_request;
    run->event = NULL;
    if (!event || !request_id)
        return;
    gboolean ok = gw_store_event_end(engine->store, row->uuid, request_id, event, row->host, failure ? "Error" : "Success", failure,
                                     &error) &&
                  (!failure || gw_store_action_fail(engine->store, row->uuid, request_id, &error));
    if (!ok)
        gw_warning("event %s of %s is not recorded: %s", event, row->uuid, error->message);
}

static void open_event(GwEngine *engine, GwServerRun *run, const GwServer *row)
{
    const char *event = row->delete_asked ? "compute_terminate_instance" : "compute__do_build_and_run_instance";
    g_autoptr(GError) error = NULL;
    if (run->event == event)
        return;
    close_event(engine, run, row, run->event ? "the server was deleted meanwhile" : NULL);
    run->event = event;
    g_free(run->event_request);
    run->event_request = g_strdup(request_of(row));
    if (run->event_request && !gw_store_event_begin(engine->store, row->uuid, run->event_request, event, row->host, &error))
        gw_warning("event %s of %s is not recorded: %s", event, row->uuid, error->message);
}

/* ---- journal */

static void publish(GwEngine *engine, GwServerRun *run, const GwServer *row)
{
    g_mutex_lock(&engine->lock);
    gw_server_free(run->row);
    run->row = gw_server_copy(row);
    run->delete_asked = run->delete_asked || row->delete_asked;
    gw_views_update(engine, run->uuid);
    g_mutex_unlock(&engine->lock);
}

typedef enum { STEP_AGAIN, STEP_OVER, STEP_GONE /* and so is the run */ } Step;

static Step journal(GwEngine *engine, GwServerRun *run, GwServer *row)
{
    g_autoptr(GError) error = NULL;
    GwFence fence;
    gboolean fenced = gw_peers_fence(engine, NULL, run->token, &fence);
    if (gw_store_server_journal(engine->store, row, fenced ? &fence : NULL, &error)) {
        publish(engine, run, row);
        return STEP_AGAIN;
    }
    gw_warning("server %s: not recorded, tried again: %s", row->uuid, error->message);
    if (engine->peers && g_error_matches(error, GW_ERROR, GW_ERROR_STALE))
        gw_peers_changed(engine, GW_CHANGED_SERVERS); /* another daemon was at it: what the step began with is old */
    gw_server_run_wake_after(engine, run->uuid, scaled(engine, LOOK_MS));
    return STEP_OVER;
}

static Step enter(GwEngine *engine, GwServerRun *run, GwServer *row, GwServerPhase phase, const char *reason)
{
    gw_info("server %s (%s): %s -> %s%s%s", row->name, row->uuid, gw_server_phase_name(row->phase), gw_server_phase_name(phase),
            reason ? ": " : "", reason ? reason : "");
    if (reason) {
        g_free(row->reason);
        row->reason = g_strdup(reason);
    }
    if (phase == GW_SERVER_FAILED)
        open_event(engine, run, row); /* it may never have come to an act */
    if (phase == GW_SERVER_BUILT || phase == GW_SERVER_FAILED)
        close_event(engine, run, row, phase == GW_SERVER_FAILED ? row->reason : NULL);
    if (phase == GW_SERVER_BUILT)
        row->built_us = g_get_real_time();
    if (phase == GW_SERVER_FAILED)
        g_clear_pointer(&row->host, g_free); /* nothing is there any more */
    row->phase = phase;
    run->cleared = FALSE;
    run->failures = 0;
    return journal(engine, run, row);
}

/* ---- acts */

static Step pause_after_failure(GwEngine *engine, GwServerRun *run)
{
    run->failures++;
    gw_server_run_wake_after(engine, run->uuid, scaled(engine, PAUSE_FAILED_MS * MIN(run->failures, LONGEST_PAUSES)));
    return STEP_OVER;
}

static Step place(GwEngine *engine, GwServerRun *run, GwServer *row)
{
    g_autoptr(GError) error = NULL;
    if (!gw_inventory_has_looked(engine)) { /* of a host that was not asked since the start, nobody knows what it has free */
        gw_server_run_wake_after(engine, run->uuid, scaled(engine, LOOK_MS));
        return STEP_OVER;
    }
    g_mutex_lock(&engine->place_lock); /* until it is published: the next sees what this one takes */
    gboolean ok = gw_server_place(engine, row, &error);
    Step step = enter(engine, run, row, ok ? GW_SERVER_CREATING : GW_SERVER_FAILED, ok ? NULL : error->message);
    g_mutex_unlock(&engine->place_lock);
    return step;
}

static Step create(GwEngine *engine, GwServerRun *run, GwServer *row, GwHostEntry *entry)
{
    g_autoptr(GError) error = NULL;
    row->attempts++; /* journalled before: a restarted loop must know that something may be there */
    open_event(engine, run, row);
    if (journal(engine, run, row) == STEP_OVER)
        return STEP_OVER;
    run->cleared = FALSE;
    if (gw_node_create(entry->node, row, &error)) {
        gw_inventory_update(engine, entry, row->uuid);
        return enter(engine, run, row, GW_SERVER_STARTING, NULL);
    }
    if (!g_error_matches(error, GW_ERROR, GW_ERROR_UNREACHABLE))
        return enter(engine, run, row, GW_SERVER_UNDOING, error->message);
    row->attempts--; /* nothing was done */
    Step step = journal(engine, run, row);
    return step == STEP_OVER ? step : pause_after_failure(engine, run);
}

static Step start(GwEngine *engine, GwServerRun *run, GwServer *row, GwHostEntry *entry)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = gw_node_start(entry->node, row->uuid, GW_START_RUNNING, &error);
    gw_inventory_update(engine, entry, row->uuid);
    if (ok)
        return enter(engine, run, row, GW_SERVER_BUILT, NULL);
    gboolean unsure = g_error_matches(error, GW_ERROR, GW_ERROR_UNREACHABLE) || g_error_matches(error, GW_ERROR, GW_ERROR_LOST);
    return unsure ? pause_after_failure(engine, run) : enter(engine, run, row, GW_SERVER_UNDOING, error->message);
}

static Step clear(GwEngine *engine, GwServerRun *run, GwServer *row, GwHostEntry *entry)
{
    g_autoptr(GError) error = NULL;
    open_event(engine, run, row);
    run->cleared = gw_node_remove(entry->node, row, &error);
    if (!run->cleared) {
        gw_warning("server %s on %s: not removed, tried again: %s", row->uuid, row->host, error->message);
        return pause_after_failure(engine, run);
    }
    run->failures = 0;
    gw_inventory_update(engine, entry, row->uuid);
    return STEP_AGAIN;
}

gboolean gw_engine_last_home(GwEngine *engine, const char *uuid, const char *unmoved, char **ret_host, gint64 *ret_since_us, GError **error)
{
    GwMigrationQuery query = {.instance_uuid = uuid, .without_plans = TRUE, .limit = 1};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_migrations(engine->store, &query, &rows, error))
        return FALSE;
    const GwMigration *last = rows->len ? rows->pdata[0] : NULL;
    gboolean moved = last && (last->state == GW_MIGRATION_COMPLETED || last->state == GW_MIGRATION_CONFIRMED ||
                              last->state == GW_MIGRATION_EVACUATED);
    *ret_host = g_strdup(!last ? unmoved : moved ? last->dest : last->source);
    if (ret_since_us) /* one that rested ended then, and may have been taken back long after */
        *ret_since_us = !last ? 0 : moved && last->ended_us ? last->ended_us : last->state_since_us;
    return TRUE;
}

/* No host shows it. Where it was made may be long ago: its last move says where it went. */
gboolean gw_server_last_home(GwEngine *engine, const GwServer *row, char **ret_host, GError **error)
{
    return gw_engine_last_home(engine, row->uuid, row->host, ret_host, NULL, error);
}

static gboolean find_last_home(GwEngine *engine, GwServer *row, GError **error)
{
    char *host;
    if (!gw_server_last_home(engine, row, &host, error))
        return FALSE;
    g_free(row->host);
    row->host = host;
    return TRUE;
}

/* The host that shows it, or NULL. */
static char *shown_on(GwEngine *engine, const char *uuid)
{
    g_mutex_lock(&engine->lock);
    const GwInstanceView *view = g_hash_table_lookup(engine->views, uuid);
    char *host = view && view->on_host ? g_strdup(view->host) : NULL;
    g_mutex_unlock(&engine->lock);
    return host;
}

/* Whether `host` says now what is believed of it: what a restarted daemon remembers may be long past, and a disk on shared storage
 * must not be removed from a host that the instance has left. What has changed is asked for, and looked at again. */
static gboolean is_confirmed(GwEngine *engine, const GwServer *row, const char *host, gboolean shown)
{
    g_autoptr(GwHostEntry) entry = host ? gw_engine_find_host(engine, host) : NULL;
    GwSight sight = {.seen = GW_SEEN_UNKNOWN};
    if (!entry)
        return !host; /* on no host: nothing to remove; on one that was removed it may run on */
    if (!gw_node_sight(entry->node, row->uuid, &sight, NULL) || sight.seen == GW_SEEN_UNKNOWN)
        return FALSE;
    if ((sight.seen != GW_SEEN_ABSENT) == shown)
        return TRUE;
    gw_inventory_update(engine, entry, row->uuid);
    return FALSE;
}

/* What goes with it is written down before anything does: afterwards no one could tell. */
static Step list(GwEngine *engine, GwServerRun *run, GwServer *row)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *host = shown_on(engine, run->uuid);
    gboolean built = row->built_us || !row->image_id; /* it may have moved since */
    if (!host && built && !find_last_home(engine, row, &error)) {
        gw_warning("server %s: its history is not known just now: %s", row->uuid, error->message);
        return pause_after_failure(engine, run);
    }
    if (built && !is_confirmed(engine, row, host ? host : row->host, host != NULL)) {
        gw_server_run_wake_after(engine, run->uuid, scaled(engine, LOOK_MS));
        return STEP_OVER;
    }
    g_mutex_lock(&engine->lock);
    const GwInstanceView *view = host ? g_hash_table_lookup(engine->views, run->uuid) : NULL;
    if (view && strcmp(view->host, host) == 0) {
        g_free(row->host);
        row->host = g_steal_pointer(&host);
        g_ptr_array_unref(row->disks);
        row->disks = gw_server_own_disks(view->instance);
    }
    g_mutex_unlock(&engine->lock);
    if (host) { /* it changed meanwhile */
        gw_server_run_wake_after(engine, run->uuid, scaled(engine, LOOK_MS));
        return STEP_OVER;
    }
    row->listed = TRUE;
    return journal(engine, run, row);
}

/* Out of the store and out of the table at once, for whoever compares the two. */
static gboolean remove_row(GwEngine *engine, GwServerRun *run, const GwServer *row, GError **error)
{
    GwFence fence;
    gboolean fenced = gw_peers_fence(engine, NULL, run->token, &fence);
    G_GNUC_UNUSED g_autoptr(GRWLockReaderLocker) locker = g_rw_lock_reader_locker_new(&engine->adopt_lock);
    if (!gw_store_server_remove(engine->store, row->id, fenced ? &fence : NULL, error))
        return FALSE;
    open_event(engine, run, row);
    close_event(engine, run, row, NULL);
    g_mutex_lock(&engine->lock);
    gw_server_run_drop(engine, row->uuid);
    g_mutex_unlock(&engine->lock);
    return TRUE;
}

/* Before the row goes: whoever dies in between comes here again. */
static gboolean leave_group(GwEngine *engine, const char *uuid, GError **error)
{
    g_autoptr(GPtrArray) groups = gw_engine_groups(engine);
    return !gw_groups_of(groups, uuid) || gw_engine_group_leave(engine, uuid, error);
}

static Step drop(GwEngine *engine, GwServerRun *run, GwServer *row)
{
    g_autoptr(GError) error = NULL;
    if (!leave_group(engine, row->uuid, &error) || !remove_row(engine, run, row, &error)) {
        gw_warning("server %s: not forgotten, tried again: %s", row->uuid, error->message);
        return pause_after_failure(engine, run);
    }
    gw_info("server %s (%s) is deleted", row->name, row->uuid);
    return STEP_GONE;
}

/* ---- one turn */

static gboolean looks_at_host(GwServerPhase phase)
{
    return phase == GW_SERVER_CREATING || phase == GW_SERVER_STARTING || phase == GW_SERVER_UNDOING || phase == GW_SERVER_DELETING;
}

static GwSeen look(GwEngine *engine, GwServerRun *run, const GwServer *row, GwHostEntry *entry)
{
    GwSight sight = {.seen = GW_SEEN_UNKNOWN};
    if (!entry || !looks_at_host(row->phase) || !gw_node_sight(entry->node, row->uuid, &sight, NULL))
        sight.seen = GW_SEEN_UNKNOWN;
    if (sight.seen != GW_SEEN_UNKNOWN)
        run->silent_since = 0;
    else if (!run->silent_since)
        run->silent_since = g_get_monotonic_time();
    return sight.seen;
}

static GwServerSituation situation_of(GwEngine *engine, GwServerRun *run, const GwServer *row, GwHostEntry *entry)
{
    GwSeen seen = look(engine, run, row, entry);
    gint64 silent_ms = run->silent_since ? (g_get_monotonic_time() - run->silent_since) / 1000 : 0;
    g_mutex_lock(&engine->lock);
    gboolean moving = gw_active_of(engine, row->uuid) != NULL;
    gboolean delete_asked = run->delete_asked;
    g_mutex_unlock(&engine->lock);
    return (GwServerSituation){.phase = row->phase,
                               .seen = seen,
                               .has_host = entry != NULL,
                               .host_lost = row->host && !entry,
                               .delete_asked = delete_asked,
                               .listed = row->listed,
                               .moving = moving,
                               .cleared = run->cleared,
                               .attempts = row->attempts,
                               .overdue = silent_ms >= scaled(engine, OVERDUE_MS)};
}

/* It may have been asked for since the row was read. */
static void take_delete(GwEngine *engine, GwServerRun *run, GwServer *row)
{
    g_mutex_lock(&engine->lock);
    row->delete_asked = run->delete_asked;
    g_free(row->delete_request);
    row->delete_request = g_strdup(run->delete_request);
    g_mutex_unlock(&engine->lock);
}

static Step turn(GwEngine *engine, GwServerRun *run, GwServer *row)
{
    g_autoptr(GwHostEntry) entry = row->host ? gw_engine_find_host(engine, row->host) : NULL;
    GwServerSituation situation = situation_of(engine, run, row, entry);
    take_delete(engine, run, row);
    GwServerDecision decision = gw_server_next(&situation);
    switch (decision.act) {
    case GW_SERVER_WAIT:
        gw_server_run_wake_after(engine, run->uuid, scaled(engine, LOOK_MS));
        return STEP_OVER;
    case GW_SERVER_PLACE:
        return place(engine, run, row);
    case GW_SERVER_CREATE:
        return entry ? create(engine, run, row, entry) : STEP_OVER; /* the rules ask for acts only where there is a host */
    case GW_SERVER_START:
        return entry ? start(engine, run, row, entry) : STEP_OVER;
    case GW_SERVER_CLEAR:
        return entry ? clear(engine, run, row, entry) : STEP_OVER;
    case GW_SERVER_LIST:
        return list(engine, run, row);
    case GW_SERVER_ENTER:
        return enter(engine, run, row, decision.next, decision.reason);
    case GW_SERVER_DROP:
        return drop(engine, run, row);
    case GW_SERVER_REST:
        break;
    }
    return STEP_OVER;
}

/* A step is done under one lease: one that has come back meanwhile is another, and somebody may have been at the server in between. */
typedef struct {
    GwEngine *engine;
    gint64 token;
} Hold;

/* An act that has begun is brought to its end also while the daemon stops. */
static gboolean guard(gpointer data, GError **error)
{
    const Hold *hold = data;
    g_mutex_lock(&hold->engine->lock);
    gboolean leads = gw_peers_lead_drains(hold->engine, hold->token);
    g_mutex_unlock(&hold->engine->lock);
    if (!leads)
        g_set_error(error, GW_ERROR, GW_ERROR_LOST, "the lease under which servers are made is not this daemon's any more");
    return leads;
}

static gboolean goes_on(const Hold *hold)
{
    g_mutex_lock(&hold->engine->lock);
    gboolean goes = !hold->engine->stopping && gw_peers_lead_drains(hold->engine, hold->token);
    g_mutex_unlock(&hold->engine->lock);
    return goes;
}

void gw_server_step(gpointer data, gpointer user_data)
{
    GwEngine *engine = user_data;
    GwServerRun *run = data;
    char uuid[GW_UUID_SIZE];
    g_strlcpy(uuid, run->uuid, sizeof uuid);
    g_mutex_lock(&engine->lock);
    g_autoptr(GwServer) row = gw_server_copy(run->row);
    run->token = gw_peers_drains_token(engine);
    Hold hold = {engine, run->token};
    g_mutex_unlock(&engine->lock);
    gw_guard_set(engine->peers ? guard : NULL, &hold);
    Step step = STEP_AGAIN;
    while (step == STEP_AGAIN)
        step = goes_on(&hold) ? turn(engine, run, row) : STEP_OVER;
    gw_guard_set(NULL, NULL);
    if (step == STEP_GONE) /* another of the same UUID may be there already: its instance was still shown, and deleted again */
        return;
    g_mutex_lock(&engine->lock);
    gboolean again = run->again;
    run->stepping = run->again = FALSE;
    g_mutex_unlock(&engine->lock);
    if (again)
        gw_server_run_wake(engine, uuid);
}
