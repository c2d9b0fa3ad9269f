/* Moves of the engine of memory, which leave the instances where they are, and what is remembered of them. */
#include "fake_private.h"

#include "base/error.h"

#include <string.h>

static gboolean check(GwEngine *engine, const GwMoveRequest *request, const GwInstanceView *view, GError **error)
{
    guint index;
    if (!view)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance %s could not be found.", request->instance_uuid);
    else if (view->migration_id)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "Cannot 'os-migrateLive' instance %s while it is in task_state migrating", request->instance_uuid);
    else if (request->host && !fake_find_host(engine, request->host, &index) &&
             !g_str_has_prefix(request->host, "Host"))
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Compute host %s could not be found.", request->host);
    else
        return TRUE;
    return FALSE;
}

/* The instance itself stays as it is, so that tests do not depend on each other; the request is remembered as an action
 * whose name says what was asked. */
static gboolean submit(GwEngine *engine, const GwMoveRequest *request, const char *kind, gint64 *ret_id,
                       GwChecked checked, gpointer data, GError **error)
{
    static const char *const block[] = {[GW_BLOCK_NO] = "no", [GW_BLOCK_YES] = "yes", [GW_BLOCK_AUTO] = "auto"};
    guint index;
    g_mutex_lock(&engine->lock);
    gboolean ok = check(engine, request, fake_find_view(engine, request->instance_uuid, &index), error);
    if (ok) {
        *ret_id = ++engine->next_id;
        g_autofree char *text =
            g_strdup_printf("%s host=%s block=%s over=%d", kind, request->host ? request->host : "-",
                            block[request->block], request->disk_over_commit);
        fake_add_action(engine, request->instance_uuid, request->request_id, text);
    }
    g_mutex_unlock(&engine->lock);
    if (ok)
        fake_later(engine, request->host, (FakeWaiting){.checked = checked, .data = data, .id = *ret_id});
    if (ok && g_strcmp0(request->host, "HostSlowDisk") == 0) /* the journal takes its time; the checks have ended meanwhile */
        g_usleep(FAKE_SLOW_DISK_MS * 1000);
    return ok;
}

gboolean gw_engine_live_migrate(GwEngine *engine, const GwMoveRequest *request, gint64 *ret_id, GwChecked checked,
                                gpointer data, GError **error)
{
    return submit(engine, request, "live-migration", ret_id, checked, data, error);
}

gboolean gw_engine_cold_migrate(GwEngine *engine, const GwMoveRequest *request, gint64 *ret_id, GwChecked checked,
                                gpointer data, GError **error)
{
    return submit(engine, request, "migrate", ret_id, checked, data, error);
}

gboolean gw_engine_resize(GwEngine *engine, const GwMoveRequest *request, gint64 *ret_id, GwChecked checked, gpointer data, GError **error)
{
    return submit(engine, request, "resize", ret_id, checked, data, error);
}

gboolean gw_engine_evacuate(GwEngine *engine, const GwMoveRequest *request, gint64 *ret_id, GwChecked checked, gpointer data,
                            GError **error)
{
    return submit(engine, request, "evacuate", ret_id, checked, data, error);
}

gboolean gw_engine_operate(GwEngine *engine, const GwMoveRequest *request, GwOperation operation, GError **error)
{
    guint index;
    g_mutex_lock(&engine->lock);
    const GwInstanceView *view = fake_find_view(engine, request->instance_uuid, &index);
    GwPower power = view ? view->instance->power : GW_POWER_NOSTATE;
    GwOperationCase asked = {request->instance_uuid, power == GW_POWER_SHUTDOWN ? GW_VM_STOPPED : power == GW_POWER_PAUSED ? GW_VM_PAUSED : GW_VM_ACTIVE,
                             view && view->migration_id ? "migrating" : NULL, FALSE, TRUE};
    gboolean ok = view && gw_operation_check(operation, &asked, error);
    g_mutex_unlock(&engine->lock);
    if (!view)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance %s could not be found.", request->instance_uuid);
    return ok;
}

/* Confirming and reverting change what is shown: the one view is replaced, and both serials rise. */
static gboolean settle(GwEngine *engine, const GwMoveRequest *request, GwMigrationState state, GError **error)
{
    guint index;
    g_mutex_lock(&engine->lock);
    const GwInstanceView *view = fake_find_view(engine, request->instance_uuid, &index);
    gboolean ok = view && view->migration_state == GW_MIGRATION_FINISHED && view->migration_id;
    if (ok) {
        GwInstanceView *copy = g_memdup2(view, sizeof *view);
        g_atomic_ref_count_init(&copy->refs);
        gw_instance_ref(copy->instance);
        copy->host = g_strdup(view->host);
        copy->zone = g_strdup(view->zone);
        copy->migration_state = state;
        copy->serial = __atomic_add_fetch(&engine->serial, 1, __ATOMIC_RELEASE);
        gw_instance_view_unref(engine->views->pdata[index]);
        engine->views->pdata[index] = copy;
    } else {
        g_set_error(error, GW_ERROR, view ? GW_ERROR_INVALID : GW_ERROR_NOT_FOUND,
                    view ? "Instance has not been resized." : "Instance could not be found.");
    }
    g_mutex_unlock(&engine->lock);
    return ok;
}

gboolean gw_engine_confirm(GwEngine *engine, const GwMoveRequest *request, GError **error)
{
    return settle(engine, request, GW_MIGRATION_CONFIRMING, error);
}

gboolean gw_engine_revert(GwEngine *engine, const GwMoveRequest *request, GError **error)
{
    return settle(engine, request, GW_MIGRATION_REVERTING, error);
}

static gboolean steer(GwEngine *engine, const GwMoveRequest *request, gint64 id, const char *what, GError **error)
{
    guint index;
    g_mutex_lock(&engine->lock);
    const GwInstanceView *view = fake_find_view(engine, request->instance_uuid, &index);
    gboolean ok = view->migration_state != GW_MIGRATION_POSTCOPY;
    if (ok)
        fake_add_action(engine, request->instance_uuid, request->request_id, what);
    g_mutex_unlock(&engine->lock);
    if (!ok)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Migration %" G_GINT64_FORMAT " is running (post-copy).", id);
    return ok;
}

gboolean gw_engine_abort(GwEngine *engine, const GwMoveRequest *request, gint64 id, GError **error)
{
    return steer(engine, request, id, "live_migration_cancel", error);
}

gboolean gw_engine_force_complete(GwEngine *engine, const GwMoveRequest *request, gint64 id, GError **error)
{
    return steer(engine, request, id, "live_migration_force_complete", error);
}

/* ---- history */

static gboolean fits(const GwMigrationQuery *query, const GwMigration *row)
{
    const char *status = gw_migration_state_status(row->state, row->kind);
    return (!query->id || query->id == row->id) && (!query->uuid || strcmp(query->uuid, row->uuid) == 0) &&
           (!query->instance_uuid || strcmp(query->instance_uuid, row->instance_uuid) == 0) &&
           (!query->host || strcmp(query->host, row->source) == 0 || strcmp(query->host, row->dest) == 0) &&
           (!query->source || strcmp(query->source, row->source) == 0) &&
           (!query->status || strcmp(query->status, status) == 0) &&
           (!query->kind || strcmp(query->kind, gw_move_kind_name(row->kind)) == 0) &&
           (!query->user_id || g_strcmp0(query->user_id, row->user_id) == 0) &&
           (!query->project_id || g_strcmp0(query->project_id, row->project_id) == 0) &&
           (!query->unfinished_only || !(gw_migration_state_traits(row->state) & GW_TRAIT_FINAL)) &&
           (!query->changes_since_us || row->updated_us >= query->changes_since_us) &&
           (!query->changes_before_us || row->updated_us <= query->changes_before_us) &&
           (!query->after_id || row->id < query->after_id);
}

gboolean gw_engine_migrations(GwEngine *engine, const GwMigrationQuery *query, GPtrArray **ret_rows, GError **error)
{
    if (g_strcmp0(query->status, "broken") == 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_STORE, "secret: database is malformed");
        return FALSE;
    }
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    g_mutex_lock(&engine->lock);
    for (guint i = 0; i < engine->migrations->len && (!query->limit || rows->len < query->limit); i++)
        if (fits(query, engine->migrations->pdata[i]))
            g_ptr_array_add(rows, gw_migration_copy(engine->migrations->pdata[i]));
    g_mutex_unlock(&engine->lock);
    *ret_rows = rows;
    return TRUE;
}

void gw_engine_ended_moves(GwEngine *engine, GwEndedMoves *ret_ended)
{
    *ret_ended = (GwEndedMoves){.total_ms = 2500, .downtime_ms = 90, .bytes = 1000};
    ret_ended->count[GW_MOVE_LIVE][GW_MIGRATION_COMPLETED] = 2;
}

guint64 gw_engine_store_writes(GwEngine *engine)
{
    return 7;
}

static GwActionRow *action_copy(const GwActionRow *row)
{
    GwActionRow *copy = g_memdup2(row, sizeof *row);
    copy->request_id = g_strdup(row->request_id);
    copy->action = g_strdup(row->action);
    copy->user_id = g_strdup(row->user_id);
    copy->project_id = g_strdup(row->project_id);
    copy->message = g_strdup(row->message);
    return copy;
}

gboolean gw_engine_actions(GwEngine *engine, const char *instance_uuid, const char *request_id, GPtrArray **ret_rows,
                           GError **error)
{
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_action_row_free);
    g_mutex_lock(&engine->lock);
    for (guint i = 0; i < engine->actions->len; i++) {
        const GwActionRow *row = engine->actions->pdata[i];
        if (strcmp(row->instance_uuid, instance_uuid) == 0 && (!request_id || strcmp(row->request_id, request_id) == 0))
            g_ptr_array_add(rows, action_copy(row));
    }
    g_mutex_unlock(&engine->lock);
    *ret_rows = rows;
    return TRUE;
}

gboolean gw_engine_events(GwEngine *engine, gint64 action_id, GPtrArray **ret_rows, GError **error)
{
    GwEventRow *row = g_new0(GwEventRow, 1);
    row->id = 1;
    row->action_id = action_id;
    row->event = g_strdup("compute_live_migration");
    row->host = g_strdup("HostA");
    row->result = g_strdup("Error");
    row->details = g_strdup("HostFull: it has 12 MiB free");
    row->start_us = fake_epoch_us;
    row->finish_us = fake_epoch_us + 5;
    *ret_rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_event_row_free);
    g_ptr_array_add(*ret_rows, row);
    return TRUE;
}
