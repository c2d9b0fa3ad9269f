/* Operations: starting, stopping, rebooting and pausing an instance. One at a time of each, on a pool of their own, since a guest may
 * take a minute to shut down. Nothing of them is journalled: what a crash interrupts is seen on the host as it is. */
#include "engine/internal.h"

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

/* Nova's sentence (api/openstack/common.py). */
static gboolean refuse(const GwInstanceView *view, GwOperation operation, const char *what, const char *state, GError **error)
{
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Cannot '%s' instance %s while it is in %s %s", gw_operation_action(operation),
                view->instance->uuid, what, state);
    return FALSE;
}

static const char *vm_state_of(GwPower power)
{
    return power == GW_POWER_SHUTDOWN ? "stopped" : power == GW_POWER_RUNNING ? "active" : gw_power_name(power);
}

static gboolean check(const GwInstanceView *view, GwOperation operation, GError **error)
{
    if (view->operation)
        return refuse(view, operation, "task_state", gw_operation_task(view->operation), error);
    if (view->migration_id && view->migration_state == GW_MIGRATION_FINISHED)
        return refuse(view, operation, "vm_state", "resized", error);
    if (view->migration_id)
        return refuse(view, operation, "task_state",
                      view->migration_kind == GW_MOVE_LIVE ? "migrating" : "resize_migrating", error);
    if (!gw_operation_fits(operation, view->instance->power))
        return refuse(view, operation, "vm_state", vm_state_of(view->instance->power), error);
    if (view->host_up && !view->host_forced_down)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Service is unavailable at this time. Host %s does not answer.", view->host);
    return FALSE;
}

/* FALSE: a move or another operation was faster. */
static gboolean take(GwEngine *engine, const char *uuid, GwOperation operation)
{
    g_mutex_lock(&engine->lock);
    gboolean free = !gw_active_of(engine, uuid) && !g_hash_table_contains(engine->operating, uuid) && !engine->stopping;
    if (free) {
        g_hash_table_insert(engine->operating, g_strdup(uuid), GINT_TO_POINTER((int)operation));
        gw_views_update(engine, uuid);
    }
    g_mutex_unlock(&engine->lock);
    return free;
}

static void release(GwEngine *engine, const char *uuid)
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
    if (!check(view, operation, error))
        return FALSE;
    if (!entry || !take(engine, request->instance_uuid, operation))
        return refuse(view, operation, "task_state", "updating", error);
    if (!gw_submit_record(engine, request, gw_operation_action(operation), error)) {
        release(engine, request->instance_uuid);
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
    case GW_OPERATION_NONE:
    case GW_OPERATION_COUNT:
        return TRUE;
    case GW_OPERATION_START:
        return gw_node_start(node, task->uuid, GW_START_RUNNING, error);
    case GW_OPERATION_STOP:
        return stop(task, engine, GW_STOP_GRACEFUL, error);
    case GW_OPERATION_REBOOT:
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

static void record(GwEngine *engine, const Task *task, const GError *failure)
{
    const char *event = gw_operation_event(task->operation), *host = task->entry->row->name;
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
    if (!gw_store_event_begin(engine->store, task->uuid, task->request_id, gw_operation_event(task->operation),
                              task->entry->row->name, &unrecorded))
        gw_warning("%s of %s is not recorded: %s", gw_operation_action(task->operation), task->uuid, unrecorded->message);
    if (!carry_out(task, engine, &failure))
        gw_warning("%s of %s on %s: %s", gw_operation_action(task->operation), task->uuid, task->entry->row->name, failure->message);
    record(engine, task, failure);
    gw_inventory_update(engine, task->entry, task->uuid); /* whoever sees it over sees how it is now */
    release(engine, task->uuid);
    task_free(task);
}
