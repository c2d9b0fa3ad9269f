/* The copy: VM.pool_migrate on shared storage, VM.migrate_send (Storage XenMotion) when disks travel live or the pool changes. */
#include "drivers/xapi/internal.h"

#include <string.h>

enum { RETRY_US = 2000000, SLICE_US = 100000 };

typedef struct {
    GwHost *source, *dest;
    const GwPlan *plan;
    GwXapiMove move;
    GwXapiStop stop;
    json_t *tables, *dest_tables;
    char *vm, *dest_ref;
} Copy;

static void copy_clear(Copy *copy)
{
    gw_xapi_move_clear(&copy->move);
    if (copy->tables)
        json_decref(copy->tables);
    if (copy->dest_tables)
        json_decref(copy->dest_tables);
    g_free(copy->vm);
    g_free(copy->dest_ref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Copy, copy_clear)

static gboolean look(Copy *copy, GError **error)
{
    if (!gw_xapi_move_read(copy->plan, &copy->move, error))
        return FALSE;
    copy->tables = gw_xapi_vm_tables(copy->source->pool, copy->plan->uuid, &copy->vm, error);
    copy->dest_tables = copy->tables ? gw_xapi_static_tables(copy->dest->pool, error) : NULL;
    copy->dest_ref = copy->dest_tables ? gw_xapi_host_ref(copy->dest, copy->dest_tables, error) : NULL;
    return copy->dest_ref != NULL;
}

static gboolean map_disk(const Copy *copy, const GwPlanDisk *disk, json_t *map, GError **error)
{
    g_autofree char *sr = NULL;
    g_autofree char *vdi = NULL;
    g_autofree char *dest_sr = NULL;
    g_autofree char *ref = NULL;
    g_autofree char *sr_ref = NULL;
    if (disk->fate == GW_FATE_CARRY)
        return TRUE;
    if (gw_xapi_path_split(disk->path, &sr, &vdi) && gw_xapi_path_split(disk->dest_path, &dest_sr, NULL)) {
        ref = gw_xapi_find(copy->tables, "VDI", "uuid", vdi);
        sr_ref = gw_xapi_find(copy->dest_tables, "SR", "uuid", dest_sr);
    }
    if (ref && sr_ref) {
        json_object_set_new(map, ref, json_string(sr_ref));
        return TRUE;
    }
    g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "disk %s cannot go from %s to %s: %s", disk->target, disk->path, disk->dest_path,
                ref ? "there is no such storage repository" : "it is not there any more");
    return FALSE;
}

static json_t *map_disks(const Copy *copy, GError **error)
{
    g_autoptr(json_t) map = json_object();
    for (guint i = 0; i < copy->plan->disks->len; i++)
        if (!map_disk(copy, copy->plan->disks->pdata[i], map, error))
            return NULL;
    return g_steal_pointer(&map);
}

/* *ret_vm: the VM in the destination's pool. options: of VM.migrate_send, borrowed. */
static gboolean send_once(Copy *copy, json_t *disks, json_t *options, char **ret_vm, GError **error)
{
    g_autoptr(json_t) token = NULL;
    if (!gw_xapi_receive(copy->dest, copy->dest_tables, copy->dest_ref, &token, error))
        return FALSE;
    const json_t *record = gw_xapi_record(copy->tables, "VM", copy->vm);
    json_t *vifs = gw_xapi_vif_map(copy->tables, record, copy->dest_tables, copy->dest_ref, NULL);
    /* the shortest list of parameters: later ones are not known to older servers */
    json_t *params = json_pack("[s,O,b,O,o,O]", copy->vm, token, TRUE, disks, vifs, options);
    gboolean ok = gw_xapi_run(copy->source->pool, "VM.migrate_send", params, &copy->stop, ret_vm, error);
    gw_xapi_receive_end(copy->dest, token);
    return ok;
}

static gboolean stopped(const Copy *copy, GError **error)
{
    if (!g_atomic_int_get(&copy->stop.stopped))
        return FALSE;
    g_set_error(error, GW_ERROR, GW_ERROR_ABORTED, "aborted while it waited for its turn");
    return TRUE;
}

/* XAPI lets three leave a host at once. Ours queue; where others take the turns, it is tried again. */
static gboolean send(Copy *copy, json_t *options, char **ret_vm, GError **error)
{
    g_autoptr(json_t) disks = map_disks(copy, error);
    while (disks) {
        g_autoptr(GError) failure = NULL;
        if (!gw_xapi_turn_take(copy->source->pool, copy->move.source_host, &copy->stop.stopped)) {
            g_set_error(error, GW_ERROR, GW_ERROR_ABORTED, "aborted while it waited for its turn");
            return FALSE;
        }
        gboolean ok = send_once(copy, disks, options, ret_vm, &failure);
        gw_xapi_turn_give(copy->source->pool, copy->move.source_host);
        if (ok)
            return TRUE;
        if (!gw_xapi_is_fault(failure, "TOO_MANY_STORAGE_MIGRATES")) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        for (guint us = 0; us < RETRY_US; us += SLICE_US) {
            if (stopped(copy, error))
                return FALSE;
            g_usleep(SLICE_US);
        }
    }
    return FALSE;
}

/* The source stays, halted, until the move is confirmed. */
static gboolean copy_between(Copy *copy, GError **error)
{
    g_autoptr(json_t) options = json_pack("{s:s}", "copy", "true");
    g_autofree char *made = NULL;
    if (!gw_xapi_stop(copy->source, copy->plan->uuid, GW_STOP_HARD, 0, error) || !send(copy, options, &made, error))
        return FALSE;
    const json_t *original = gw_xapi_record(copy->tables, "VM", copy->vm);
    return gw_xapi_finish_copy(copy->dest, copy->plan, &copy->move, copy->tables, original, made, error) &&
           gw_xapi_start(copy->dest, copy->plan->uuid, GW_START_PAUSED, error);
}

static gboolean carry(Copy *copy, GError **error)
{
    g_autoptr(json_t) none = json_object();
    if (!look(copy, error))
        return FALSE;
    gboolean one_pool = strcmp(copy->move.source_pool, copy->move.dest_pool) == 0;
    if (copy->plan->kind == GW_MOVE_COLD)
        return one_pool ? gw_xapi_copy_cold(copy->source, copy->dest, copy->plan, &copy->stop, error) : copy_between(copy, error);
    if (!one_pool || gw_plan_copies_disks(copy->plan))
        return send(copy, none, NULL, error);
    json_t *params = json_pack("[s,s,{s:s}]", copy->vm, copy->dest_ref, "live", "true");
    return gw_xapi_run(copy->source->pool, "VM.pool_migrate", params, &copy->stop, NULL, error);
}

gboolean gw_xapi_migrate(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error)
{
    g_auto(Copy) copy = {.source = source, .dest = dest, .plan = plan};
    g_mutex_lock(&source->lock);
    g_hash_table_replace(source->copies, g_strdup(plan->uuid), &copy.stop);
    g_mutex_unlock(&source->lock);
    gboolean ok = carry(&copy, error);
    g_mutex_lock(&source->lock);
    if (g_hash_table_lookup(source->copies, plan->uuid) == &copy.stop)
        g_hash_table_remove(source->copies, plan->uuid);
    g_mutex_unlock(&source->lock);
    return ok;
}
