/* Operations: starting, stopping, rebooting and pausing an instance. One at a time of each, on a pool of their own, since a guest may
 * take a minute to shut down. Nothing of them is journalled: what a crash interrupts is seen on the host as it is. */
#include "engine/internal.h"

#include "base/guard.h"

#include <string.h>

typedef struct {
    GwHostEntry *entry; /* reference */
    char uuid[GW_UUID_SIZE], *request_id;
    GwOperation operation;
} Task;

static void task_free(Task *task)
{
    gw_host_entry_unref(task->entry);
    g_free(task->request_id);
    g_free(task);
}

/* ---- asking */

/* Of a server that Godwit makes, or failed to make. */
static gboolean is_unfinished(const GwServer *server, GwVmState *ret_state)
{
    *ret_state = server && server->reason ? GW_VM_ERROR : GW_VM_BUILDING;
    return server && server->phase != GW_SERVER_BUILT && !(server->phase == GW_SERVER_DELETING && !server->reason);
}

static GwVmState vm_state_of(const GwInstanceView *view)
{
    GwVmState unfinished;
    if (is_unfinished(view->server, &unfinished))
        return unfinished;
    if (view->migration_id && gw_move_kind_is_cold(view->migration_kind) && view->migration_state == GW_MIGRATION_FINISHED)
        return GW_VM_RESIZED;
    if (view->card && view->card->in_error)
        return GW_VM_ERROR;
    switch (view->instance->power) {
    case GW_POWER_PAUSED:
        return GW_VM_PAUSED;
    case GW_POWER_SHUTDOWN:
        return GW_VM_STOPPED;
    case GW_POWER_SUSPENDED:
        return GW_VM_SUSPENDED;
    case GW_POWER_CRASHED:
        return GW_VM_ERROR;
    case GW_POWER_NOSTATE:
    case GW_POWER_RUNNING:
        break;
    }
    return GW_VM_ACTIVE;
}

static const char *task_of(const GwInstanceView *view)
{
    if (view->operating)
        return gw_operation_task_state(view->operation);
    if (!view->migration_id || vm_state_of(view) == GW_VM_RESIZED)
        return NULL;
    return view->migration_kind == GW_MOVE_LIVE ? "migrating" : view->migration_kind == GW_MOVE_EVACUATE ? "rebuilding" : "resize_migrating";
}

static GwOperationCase case_of(const GwInstanceView *view, gboolean by_admin)
{
    return (GwOperationCase){view->instance->uuid, vm_state_of(view), task_of(view), view->card && view->card->locked, by_admin};
}

/* What the driver cannot do, and what would be lost by it. */
static gboolean check_suspend(const GwInstanceView *view, const GwHostEntry *entry, GError **error)
{
    if (!gw_node_can_suspend(entry->node))
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Cannot 'suspend' instance %s: %s hosts have no way to; pause it instead",
                    view->instance->uuid, gw_node_driver(entry->node)->name);
    else if (!view->instance->persistent)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Cannot 'suspend' instance %s: it is transient and would vanish when it stops; make "
                    "it persistent first (virsh define), or pause it", view->instance->uuid);
    else
        return TRUE;
    return FALSE;
}

/* On how many hosts it runs or is paused; what an evacuation has left behind is not it. */
static char *list_alive(GwEngine *engine, const char *uuid, guint *ret_count)
{
    g_autoptr(GString) names = g_string_new(NULL);
    g_mutex_lock(&engine->lock);
    const GPtrArray *places = g_hash_table_lookup(engine->where, uuid);
    for (guint i = 0; places && i < places->len; i++) {
        const GwHostEntry *entry = places->pdata[i];
        const GwInstance *instance = g_hash_table_lookup(entry->instances, uuid);
        gboolean alive = instance->power == GW_POWER_RUNNING || instance->power == GW_POWER_PAUSED;
        if (!alive || gw_remains_has(engine, uuid, entry->row->name))
            continue;
        g_string_append_printf(names, "%s%s", names->len ? " and " : "", entry->row->name);
        (*ret_count)++;
    }
    g_mutex_unlock(&engine->lock);
    return g_string_free(g_steal_pointer(&names), FALSE);
}

/* Two copies that a move in error has left running: which one is good only an operator knows. */
static gboolean check_single(GwEngine *engine, const GwInstanceView *view, GwOperation operation, GError **error)
{
    guint alive = 0;
    g_autofree char *names = list_alive(engine, view->instance->uuid, &alive);
    g_autoptr(GPtrArray) rows = NULL;
    GwMigrationQuery query = {.instance_uuid = view->instance->uuid, .without_plans = TRUE, .limit = 1};
    if (alive < 2)
        return TRUE;
    if (!gw_store_migrations(engine->store, &query, &rows, error))
        return FALSE;
    const GwMigration *newest = rows->len ? rows->pdata[0] : NULL;
    if (!newest || newest->state != GW_MIGRATION_ERROR)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                "Cannot '%s' instance %s: since migration %" G_GINT64_FORMAT " ended in error it is active on %s, each time with what it has "
                "written since; Godwit does not choose one of them. Decide with `godwit migration-resolve --keep HOST %s %" G_GINT64_FORMAT
                "`, which says how the other is stopped", gw_operation_name(operation), view->instance->uuid, newest->id, names,
                view->instance->name, newest->id);
    return FALSE;
}

static gboolean check(GwEngine *engine, const GwInstanceView *view, const GwHostEntry *entry, const GwMoveRequest *request,
                      GwOperation operation, GError **error)
{
    GwOperationCase asked = case_of(view, request->by_admin);
    if (!gw_operation_check(operation, &asked, error) ||
        (operation == GW_OPERATION_SUSPEND && entry && !check_suspend(view, entry, error)) || !check_single(engine, view, operation, error))
        return FALSE;
    if (view->host_up && !view->host_forced_down)
        return TRUE;
    if (*view->host)
        gw_host_refuse_silent(engine, view, request->by_admin, error);
    else
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Cannot '%s' instance %s: it is on no host, since it could not be made. Delete it",
                    gw_operation_name(operation), view->instance->uuid);
    return FALSE;
}

gboolean gw_operate_check_delete(const GwInstanceView *view, gboolean by_admin, GError **error)
{
    GwOperationCase asked = case_of(view, by_admin);
    return gw_operation_check(GW_OPERATION_DELETE, &asked, error);
}

/* FALSE: a move or another operation was faster. One that rests may be deleted, and one that has ended, which nobody sees any more, is in
 * nobody's way. */
static gboolean take(GwEngine *engine, const char *uuid, GwOperation operation)
{
    g_mutex_lock(&engine->lock);
    const GwActive *active = gw_active_of(engine, uuid);
    gboolean rests = active && operation == GW_OPERATION_DELETE && active->row->state == GW_MIGRATION_FINISHED;
    gboolean over = active && (gw_migration_state_traits(active->row->state) & GW_TRAIT_FINAL);
    gboolean free = (!active || rests || over) && !g_hash_table_contains(engine->operating, uuid) && !engine->stopping;
    if (free) {
        g_hash_table_insert(engine->operating, g_strdup(uuid), GINT_TO_POINTER((int)operation));
        gw_views_update(engine, uuid);
    }
    g_mutex_unlock(&engine->lock);
    return free;
}

gboolean gw_operate_take(GwEngine *engine, const char *uuid, GwOperation operation, GError **error)
{
    if (take(engine, uuid, operation))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Cannot '%s' instance %s: something else has just been asked of it",
                gw_operation_name(operation), uuid);
    return FALSE;
}

void gw_operate_release(GwEngine *engine, const char *uuid)
{
    g_mutex_lock(&engine->lock);
    g_hash_table_remove(engine->operating, uuid);
    gw_views_update(engine, uuid);
    g_mutex_unlock(&engine->lock);
}

gboolean gw_engine_operate(GwEngine *engine, const GwMoveRequest *request, GwOperation operation, GError **error)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(engine, request->instance_uuid);
    if (!view) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance %s could not be found.", request->instance_uuid);
        return FALSE;
    }
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, view->host);
    if (!check(engine, view, entry, request, operation, error))
        return FALSE;
    if (!entry) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Host %s is there no more.", view->host);
        return FALSE;
    }
    if (!gw_operate_take(engine, request->instance_uuid, operation, error))
        return FALSE;
    gboolean claimed = gw_peers_claim(engine, request->instance_uuid, error);
    if (!claimed || !gw_submit_record(engine, request, gw_operation_name(operation), error)) {
        if (claimed)
            gw_peers_release(engine, request->instance_uuid);
        gw_operate_release(engine, request->instance_uuid);
        return FALSE;
    }
    Task *task = g_new0(Task, 1);
    task->entry = gw_host_entry_ref(entry);
    g_strlcpy(task->uuid, request->instance_uuid, sizeof task->uuid);
    task->request_id = g_strdup(request->request_id);
    task->operation = operation;
    g_thread_pool_push(engine->operations, task, NULL);
    return TRUE;
}

/* ---- doing */

static gboolean stop(const Task *task, GwEngine *engine, GwStopHow how, GError **error)
{
    return gw_node_stop(task->entry->node, task->uuid, how, engine->settings.shutdown_timeout_s * 1000, error);
}

static gboolean carry_out(const Task *task, GwEngine *engine, GError **error)
{
    GwNode *node = task->entry->node;
    switch (task->operation) {
    case GW_OPERATION_SUSPEND:
        return gw_node_suspend(node, task->uuid, error);
    case GW_OPERATION_RESUME:
        return gw_node_wake(node, task->uuid, error);
    case GW_OPERATION_DELETE: /* engine/servers.c */
    case GW_OPERATION_COUNT:
        return TRUE;
    case GW_OPERATION_START:
        return gw_node_start(node, task->uuid, GW_START_RUNNING, error);
    case GW_OPERATION_STOP:
        return stop(task, engine, GW_STOP_GRACEFUL, error);
    case GW_OPERATION_REBOOT_SOFT:
        return stop(task, engine, GW_STOP_GRACEFUL, error) && gw_node_start(node, task->uuid, GW_START_RUNNING, error);
    case GW_OPERATION_REBOOT_HARD:
        return stop(task, engine, GW_STOP_HARD, error) && gw_node_start(node, task->uuid, GW_START_RUNNING, error);
    case GW_OPERATION_PAUSE:
        return gw_node_pause(node, task->uuid, error);
    case GW_OPERATION_UNPAUSE:
        return gw_node_resume(node, task->uuid, error);
    }
    return TRUE;
}

/* As in Nova: compute_stop_instance. */
static char *event_of(const Task *task)
{
    return g_strdup_printf("compute_%s_instance", gw_operation_name(task->operation));
}

static void record(GwEngine *engine, const Task *task, const GError *failure)
{
    g_autofree char *event = event_of(task);
    const char *host = task->entry->row->name;
    g_autoptr(GError) error = NULL;
    gboolean ok = gw_store_event_end(engine->store, task->uuid, task->request_id, event, host, failure ? "Error" : "Success",
                                     failure ? failure->message : NULL, &error) &&
                  (!failure || gw_store_action_fail(engine->store, task->uuid, task->request_id, &error));
    if (!ok)
        gw_warning("event %s of %s could not be recorded: %s", event, task->uuid, error->message);
}

void gw_operate_work(gpointer data, gpointer user_data)
{
    GwEngine *engine = user_data;
    Task *task = data;
    g_autoptr(GError) failure = NULL, unrecorded = NULL;
    g_autofree char *event = event_of(task);
    if (!gw_store_event_begin(engine->store, task->uuid, task->request_id, event, task->entry->row->name, &unrecorded))
        gw_warning("%s of %s is not recorded: %s", gw_operation_name(task->operation), task->uuid, unrecorded->message);
    gw_guard_set(engine->peers ? gw_peers_guard_daemon : NULL, engine);
    gboolean done = carry_out(task, engine, &failure);
    gw_guard_set(NULL, NULL);
    if (done)
        gw_cards_recover(engine, task->uuid);
    else
        gw_warning("%s of %s on %s: %s", gw_operation_name(task->operation), task->uuid, task->entry->row->name, failure->message);
    record(engine, task, failure);
    gw_peers_release(engine, task->uuid);
    gw_inventory_update(engine, task->entry, task->uuid); /* whoever sees it over sees how it is now */
    gw_operate_release(engine, task->uuid);
    task_free(task);
}
