/* What users may ask of moves: the intent is recorded first, and the loop does the rest. */
#include "engine/evacuation.h"
#include "engine/internal.h"
#include "engine/turns.h"

#include <string.h>

/* ---- actions: the record of who asked for what */

/* Owned by the caller; NULL: nobody asked by request. */
static GwActionRow *action_of(const GwMoveRequest *request, const char *action)
{
    if (!request->request_id)
        return NULL;
    GwActionRow *row = g_new0(GwActionRow, 1);
    g_strlcpy(row->instance_uuid, request->instance_uuid, sizeof row->instance_uuid);
    row->request_id = g_strdup(request->request_id);
    row->action = g_strdup(action);
    row->user_id = g_strdup(request->user_id);
    row->project_id = g_strdup(request->project_id);
    return row;
}

gboolean gw_submit_record(GwEngine *engine, const GwMoveRequest *request, const char *action, GError **error)
{
    g_autoptr(GwActionRow) row = action_of(request, action);
    return !row || gw_store_action_add(engine->store, row, error);
}

/* ---- beginning a move */

static GwInstanceView *find_instance(GwEngine *engine, const char *uuid, GError **error)
{
    GwInstanceView *view = gw_engine_instance(engine, uuid);
    if (!view)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance %s could not be found.", uuid);
    return view;
}

static gboolean check_host(GwEngine *engine, const GwInstanceView *view, const char *host, GwMoveKind kind, GError **error)
{
    if (!host)
        return TRUE;
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, host);
    if (!entry) {
        /* as in Nova: an evacuation's is 404 */
        GwErrorCode code = kind == GW_MOVE_EVACUATE ? GW_ERROR_NOT_FOUND : GW_ERROR_INVALID;
        g_set_error(error, GW_ERROR, (gint)code, "Compute host %s could not be found.", host);
        return FALSE;
    }
    if (strcmp(host, view->host) == 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Cannot migrate to the host where the server exists: %s is on %s.",
                    view->instance->name, host);
        return FALSE;
    }
    return TRUE;
}

/* Whether an instance of this power state moves in that way; else the error says how it would. */
static gboolean fits_power(GwEngine *engine, const GwInstanceView *view, GwMoveKind kind, const char *action, GError **error)
{
    const GwInstance *instance = view->instance;
    gboolean live = kind == GW_MOVE_LIVE, paused = instance->power == GW_POWER_PAUSED;
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, view->host);
    gboolean paused_go = !entry || gw_node_moves_paused(entry->node);
    if (instance->power == GW_POWER_RUNNING || (live ? paused && paused_go : instance->power == GW_POWER_SHUTDOWN))
        return TRUE;
    g_autofree char *rule = !live ? g_strdup("only a running or stopped instance migrates cold")
                            : paused_go ? g_strdup("only a running or paused instance migrates live")
                                        : g_strdup_printf("%s moves only running instances live", gw_node_driver(entry->node)->hypervisor_type);
    g_autofree char *remedy = paused ? g_strdup_printf("; resume it first (`godwit unpause %s`), or stop it (`godwit stop %s`)%s", instance->name,
                                                       instance->name, live ? " and move it with `godwit migrate`" : "")
                                     : g_strdup(live ? "; move it with `godwit migrate`" : "");
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Cannot '%s' instance %s while it is in vm_state %s: %s%s", action, instance->uuid,
                instance->power == GW_POWER_SHUTDOWN ? "stopped" : gw_power_name(instance->power), rule, remedy);
    return FALSE;
}

/* Nova's sentence (api/openstack/common.py), with what it leaves out: which migration, and where to. */
static gboolean check_state(GwEngine *engine, const GwMoveRequest *request, const GwInstanceView *view, GwMoveKind kind,
                            GError **error)
{
    const GwInstance *instance = view->instance;
    const char *action = kind == GW_MOVE_LIVE ? "os-migrateLive" : kind == GW_MOVE_RESIZE ? "resize" : "migrate";
    if (view->migration_id && view->migration_state == GW_MIGRATION_FINISHED) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "Cannot '%s' instance %s while it is in vm_state resized: %s was moved by migration %" G_GINT64_FORMAT
                    " and waits for resize-confirm or resize-revert",
                    action, instance->uuid, instance->name, view->migration_id);
        return FALSE;
    }
    if (view->server && view->server->phase != GW_SERVER_BUILT && view->server->phase != GW_SERVER_DELETING) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Cannot '%s' instance %s while it is in vm_state %s", action, instance->uuid,
                    view->server->reason ? "error" : "building");
        return FALSE;
    }
    if (view->operating) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Cannot '%s' instance %s while it is in task_state %s", action, instance->uuid,
                    gw_operation_task_state(view->operation));
        return FALSE;
    }
    if (view->migration_id) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "Cannot '%s' instance %s while it is in task_state %s: migration %" G_GINT64_FORMAT " is %s", action,
                    instance->uuid, view->migration_kind == GW_MOVE_LIVE       ? "migrating"
                    : view->migration_kind == GW_MOVE_EVACUATE ? "rebuilding"
                                                               : "resize_migrating",
                    view->migration_id, gw_migration_state_status(view->migration_state, view->migration_kind));
        return FALSE;
    }
    if (view->card && view->card->in_error) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "Cannot '%s' instance %s while it is in vm_state error: an administrator has said so; take that back with `godwit "
                    "reset-state %s --active` (openstack server set --state active)", action, instance->uuid, instance->name);
        return FALSE;
    }
    if (instance->power == GW_POWER_SUSPENDED) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "Cannot '%s' instance %s while it is in vm_state suspended: its saved memory lies on %s and does not travel; resume it "
                    "first (`godwit resume %s`), and suspend it again there", action, instance->uuid, view->host, instance->name);
        return FALSE;
    }
    gboolean fits = fits_power(engine, view, kind, action, error);
    if (fits && (!view->host_up || view->host_forced_down)) {
        fits = FALSE;
        gw_host_refuse_silent(engine, view, request->by_admin, error);
    } else if (fits && gw_move_kind_is_cold(kind) && !instance->persistent) {
        fits = FALSE;
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "Cannot '%s' instance %s: it is transient and would vanish when it stops; make it persistent first "
                    "(virsh define), or move it live",
                    action, instance->uuid);
    }
    return fits;
}

static gboolean check_shape(GwEngine *engine, const GwInstanceView *view, const GwFlavor *flavor, GError **error)
{
    const GwFlavor *now = view->server ? gw_server_flavor(view->server) : NULL;
    const GwInstance *instance = view->instance;
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, view->host);
    if (entry && !gw_node_can_reshape(entry->node))
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "%s is on %s, a host of %s, where Godwit does not resize: change its shape there",
                    instance->name, view->host, gw_node_driver(entry->node)->name);
    else if (now && now->disk_gib && !flavor->disk_gib)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Server disk was unable to be resized because: Resize to zero disk flavor is not "
                    "allowed. %s has a disk of %" G_GUINT64_FORMAT " GiB by flavor %s; choose a flavor with a disk at least as large",
                    instance->name, now->disk_gib, now->name);
    else if (!flavor->vcpus || !flavor->memory_mib)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Flavor %s has %u vCPUs and %" G_GUINT64_FORMAT " MiB of memory: no instance has "
                    "so little", flavor->name, flavor->vcpus, flavor->memory_mib);
    else
        return TRUE;
    return FALSE;
}

static GwMigration *row_of(const GwInstanceView *view, const GwMoveRequest *request, GwMoveKind kind)
{
    GwMigration *row = gw_migration_new();
    g_strlcpy(row->instance_uuid, view->instance->uuid, sizeof row->instance_uuid);
    row->instance_name = g_strdup(view->instance->name);
    row->kind = kind;
    row->state = GW_MIGRATION_ACCEPTED;
    row->end = GW_MIGRATION_FAILED;
    row->block = kind == GW_MOVE_LIVE ? request->block : GW_BLOCK_AUTO;
    row->source = g_strdup(view->host);
    row->dest = g_strdup(request->host);
    row->request_id = g_strdup(request->request_id);
    row->user_id = g_strdup(request->user_id);
    row->project_id = g_strdup(request->project_id);
    row->flavor = kind == GW_MOVE_RESIZE ? gw_flavor_copy(request->flavor) : NULL;
    row->flavor_was = kind == GW_MOVE_RESIZE && view->server && gw_server_flavor(view->server) ? gw_server_flavor(view->server)->id : 0;
    row->intents = (request->force ? GW_INTENT_HOST_FORCED : 0) | (request->group_goes ? GW_INTENT_GROUP_GOES : 0) |
                   (request->disk_over_commit ? GW_INTENT_OVER_COMMIT : 0) | (request->host ? 0 : GW_INTENT_ANYWHERE) |
                   gw_policy_intents(kind == GW_MOVE_LIVE ? request->policy : NULL);
    row->options = g_strdup(kind == GW_MOVE_LIVE ? request->options : NULL);
    return row;
}

GwMigration *gw_submit_check(GwEngine *engine, const GwMoveRequest *request, GwMoveKind kind, GwInstanceView **ret_view,
                             GError **error)
{
    g_autoptr(GwInstanceView) view = find_instance(engine, request->instance_uuid, error);
    gboolean ok = view && (kind == GW_MOVE_EVACUATE ? gw_evacuation_check(engine, view, error) : check_state(engine, request, view, kind, error)) &&
                  check_host(engine, view, request->host, kind, error) &&
                  (kind != GW_MOVE_RESIZE || check_shape(engine, view, request->flavor, error));
    GwMigration *row = ok ? row_of(view, request, kind) : NULL;
    *ret_view = g_steal_pointer(&view);
    return row;
}

static const char *action_name(GwMoveKind kind)
{
    return kind == GW_MOVE_LIVE ? "live-migration" : kind == GW_MOVE_COLD ? "migrate" : kind == GW_MOVE_RESIZE ? "resize" : "evacuate";
}

static gboolean submit(GwEngine *engine, const GwMoveRequest *request, GwMoveKind kind, gint64 *ret_id, GwChecked checked,
                       gpointer data, GError **error)
{
    g_autoptr(GwInstanceView) view = NULL;
    g_autoptr(GwMigration) row = gw_submit_check(engine, request, kind, &view, error);
    if (!row)
        return FALSE;
    g_autoptr(GwActionRow) action = action_of(request, action_name(kind));
    G_GNUC_UNUSED g_autoptr(GRWLockReaderLocker) locker = g_rw_lock_reader_locker_new(&engine->adopt_lock);
    if (!gw_store_migration_add_fenced(engine->store, row, request->fence, action, error))
        return FALSE;
    *ret_id = row->id;
    GwActive *active = gw_active_new(engine, g_steal_pointer(&row));
    active->checked = checked;
    active->checked_data = data;
    g_mutex_lock(&engine->lock);
    active->token = gw_peers_token_of(engine, active->row->source);
    gw_active_add(active);
    gw_views_update(engine, active->instance_uuid);
    g_mutex_unlock(&engine->lock);
    gw_active_wake(active);
    gw_active_unref(active);
    return TRUE;
}

gboolean gw_engine_live_migrate(GwEngine *engine, const GwMoveRequest *request, gint64 *ret_id, GwChecked checked,
                                gpointer data, GError **error)
{
    return submit(engine, request, GW_MOVE_LIVE, ret_id, checked, data, error);
}

gboolean gw_engine_cold_migrate(GwEngine *engine, const GwMoveRequest *request, gint64 *ret_id, GwChecked checked,
                                gpointer data, GError **error)
{
    return submit(engine, request, GW_MOVE_COLD, ret_id, checked, data, error);
}

gboolean gw_engine_resize(GwEngine *engine, const GwMoveRequest *request, gint64 *ret_id, GwChecked checked, gpointer data, GError **error)
{
    return submit(engine, request, GW_MOVE_RESIZE, ret_id, checked, data, error);
}

gboolean gw_engine_evacuate(GwEngine *engine, const GwMoveRequest *request, gint64 *ret_id, GwChecked checked, gpointer data,
                            GError **error)
{
    return submit(engine, request, GW_MOVE_EVACUATE, ret_id, checked, data, error);
}

/* ---- steering a move under way */

static GwActive *find_active(GwEngine *engine, gint64 id)
{
    g_mutex_lock(&engine->lock);
    GwActive *active = g_hash_table_lookup(engine->actives, &id);
    if (active)
        gw_active_ref(active);
    g_mutex_unlock(&engine->lock);
    return active;
}

static gboolean intend(GwEngine *engine, const GwMoveRequest *request, gint64 id, unsigned intent, const char *action,
                       GError **error)
{
    g_autoptr(GwMigration) row = NULL;
    if (!gw_store_migration_intend(engine->store, id, intent, &row, error) ||
        !gw_submit_record(engine, request, action, error))
        return FALSE;
    if (intent == GW_INTENT_ABORT || intent == GW_INTENT_FORCE_COMPLETE) {
        const char *event = gw_move_kind_is_cold(row->kind) ? "compute_migration_cancel"
                            : intent == GW_INTENT_ABORT     ? "compute_live_migration_abort"
                                                            : "compute_live_migration_force_complete";
        g_autofree char *details = g_strdup_printf("asked of migration %" G_GINT64_FORMAT ", whose own action (%s) tells what came of it",
                                                   id, row->request_id ? row->request_id : "unknown");
        gw_store_event_end(engine->store, row->instance_uuid, request->request_id, event, row->source, "Success", details, NULL);
    }
    g_autoptr(GwActive) active = find_active(engine, id);
    if (active)
        gw_active_wake(active);
    return TRUE;
}

/* What Nova says of a server that has a migration but is not waiting for confirm or revert. */
static gboolean refuse_unrested(const GwMigration *row, GwPower power, const char *action, GError **error)
{
    if (gw_move_kind_is_cold(row->kind) && row->state == GW_MIGRATION_CONFIRMING) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Instance has not been resized.");
        return FALSE;
    }
    const char *vm_state = power == GW_POWER_SHUTDOWN ? "stopped" : power == GW_POWER_PAUSED ? "paused" : "active";
    gboolean reverting = gw_move_kind_is_cold(row->kind) && row->state == GW_MIGRATION_REVERTING;
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                "Cannot '%s' instance %s while it is in %s %s: migration %" G_GINT64_FORMAT " is %s", action,
                row->instance_uuid, reverting ? "task_state" : "vm_state", reverting ? "resize_reverting" : vm_state,
                row->id, gw_migration_state_status(row->state, row->kind));
    return FALSE;
}

static gboolean intend_resting(GwEngine *engine, const GwMoveRequest *request, unsigned intent, const char *action,
                               GError **error)
{
    g_autoptr(GwInstanceView) view = find_instance(engine, request->instance_uuid, error);
    g_autoptr(GPtrArray) rows = NULL;
    GwMigrationQuery query = {.instance_uuid = request->instance_uuid, .unfinished_only = TRUE};
    /* the store's word: views are a moment behind */
    if (!view || !gw_store_migrations(engine->store, &query, &rows, error))
        return FALSE;
    const GwMigration *row = rows->len ? rows->pdata[0] : NULL;
    if (row && gw_move_kind_is_cold(row->kind) && row->state == GW_MIGRATION_FINISHED)
        return intend(engine, request, row->id, intent, action, error);
    if (row)
        return refuse_unrested(row, view->instance->power, action, error);
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Instance has not been resized.");
    return FALSE;
}

gboolean gw_engine_confirm(GwEngine *engine, const GwMoveRequest *request, GError **error)
{
    return intend_resting(engine, request, GW_INTENT_CONFIRM, "confirmResize", error);
}

gboolean gw_engine_revert(GwEngine *engine, const GwMoveRequest *request, GError **error)
{
    return intend_resting(engine, request, GW_INTENT_REVERT, "revertResize", error);
}

/* As journalled: of what another daemon carries, this one hears a moment later. */
static gboolean read_state(GwEngine *engine, gint64 id, GwMigrationState shown, GwMigrationState *ret_state, GError **error)
{
    GwMigrationQuery query = {.id = id, .without_plans = TRUE};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_migrations(engine->store, &query, &rows, error))
        return FALSE;
    *ret_state = rows->len ? ((const GwMigration *)rows->pdata[0])->state : shown;
    return TRUE;
}

/* The live migration under way with that id, or an error in Nova's words. */
static gboolean check_live(GwEngine *engine, const GwMoveRequest *request, gint64 id, GwMigrationState *ret_state,
                           GError **error)
{
    g_autoptr(GwInstanceView) view = find_instance(engine, request->instance_uuid, error);
    if (!view)
        return FALSE;
    if (view->migration_id != id || view->migration_kind != GW_MOVE_LIVE) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND,
                    "In-progress live migration %" G_GINT64_FORMAT " is not found for server %s.", id,
                    request->instance_uuid);
        return FALSE;
    }
    return read_state(engine, id, view->migration_state, ret_state, error);
}

static gboolean refuse_state(const GwMoveRequest *request, gint64 id, GwMigrationState state, const char *what, GError **error)
{
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                "Migration %" G_GINT64_FORMAT " state of instance %s is %s. Cannot %s live migration while the migration is in "
                "this state.",
                id, request->instance_uuid, gw_migration_state_status(state, GW_MOVE_LIVE), what);
    return FALSE;
}

/* What is undone for a second try can still be aborted. */
static gboolean goes_again(GwEngine *engine, gint64 id)
{
    g_autoptr(GwActive) active = find_active(engine, id);
    if (!active)
        return FALSE;
    g_mutex_lock(&engine->lock);
    gboolean again = active->row->state == GW_MIGRATION_UNDOING && active->row->end == GW_MIGRATION_PREPARING;
    g_mutex_unlock(&engine->lock);
    return again;
}

gboolean gw_engine_abort(GwEngine *engine, const GwMoveRequest *request, gint64 id, GError **error)
{
    GwMigrationState state;
    g_autoptr(GwInstanceView) view = gw_engine_instance(engine, request->instance_uuid);
    if (view && view->migration_id == id && gw_migration_is_withdrawable(view->migration_kind, view->migration_state))
        return intend(engine, request, id, GW_INTENT_ABORT, "migration_cancel", error);
    if (!check_live(engine, request, id, &state, error))
        return FALSE;
    if (!(gw_migration_state_traits(state) & GW_TRAIT_EARLY) && state != GW_MIGRATION_RUNNING && !goes_again(engine, id))
        return refuse_state(request, id, state, "abort", error);
    return intend(engine, request, id, GW_INTENT_ABORT, "live_migration_cancel", error);
}

gboolean gw_engine_force_complete(GwEngine *engine, const GwMoveRequest *request, gint64 id, GError **error)
{
    GwMigrationState state;
    if (!check_live(engine, request, id, &state, error))
        return FALSE;
    if (state != GW_MIGRATION_RUNNING)
        return refuse_state(request, id, state, "force_complete", error);
    g_autoptr(GwInstanceView) view = find_instance(engine, request->instance_uuid, error);
    g_autoptr(GwHostEntry) entry = view ? gw_engine_find_host(engine, view->host) : NULL;
    if (!view || (entry && !gw_node_can_force(entry->node, error)))
        return FALSE;
    return intend(engine, request, id, GW_INTENT_FORCE_COMPLETE, "live_migration_force_complete", error);
}

/* ---- history */

/* The journal lags behind what is seen of a copy under way. */
static void freshen(GwEngine *engine, GwMigration *row)
{
    g_autoptr(GwActive) active = find_active(engine, row->id);
    if (!active)
        return;
    g_mutex_lock(&engine->lock);
    if (gw_peers_lead(active)) {
        row->progress = active->row->progress;
        gw_forecast_copy(row, active->row);
        row->waits_for = active->row->waits_for;
        gw_migration_take_rung(row, active->row->rung, active->row->rung_reason);
    }
    char *waits = row->state == GW_MIGRATION_QUEUED ? gw_turns_words(active) : NULL;
    if (waits) {
        g_free(row->reason);
        row->reason = waits;
        row->waits_for = gw_turns_waits_for(active);
    }
    if (active->row->reason && !row->reason)
        row->reason = g_strdup(active->row->reason);
    g_mutex_unlock(&engine->lock);
}

gboolean gw_engine_migrations(GwEngine *engine, const GwMigrationQuery *query, GPtrArray **ret_rows, GError **error)
{
    if (!gw_store_migrations(engine->store, query, ret_rows, error))
        return FALSE;
    for (guint i = 0; i < (*ret_rows)->len; i++)
        freshen(engine, (*ret_rows)->pdata[i]);
    return TRUE;
}

gboolean gw_engine_actions(GwEngine *engine, const char *instance_uuid, const char *request_id, GPtrArray **ret_rows,
                           GError **error)
{
    return gw_store_actions(engine->store, instance_uuid, request_id, ret_rows, error);
}

gboolean gw_engine_events(GwEngine *engine, gint64 action_id, GPtrArray **ret_rows, GError **error)
{
    return gw_store_events(engine->store, action_id, ret_rows, error);
}
