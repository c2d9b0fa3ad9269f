/* Cold moves within a pool (those between two are in between.c), and what every move leaves to be made good or removed.
 *
 * On shared storage the one record of the pool is marked as belonging to both sides until the move is confirmed. Local disks are copied with
 * VDI.copy into volumes that `prepare` made, and the VM's VBDs are turned to the copies: the originals stay until the user confirms, so that
 * a revert finds them as they were (VM.migrate_send would destroy them). A VBD is made before the one that it replaces is removed. */
#include "drivers/xapi/internal.h"

#include <string.h>

#define COPY_OF "godwit_copy_of" /* of a copy: the UUID of the original */

/* ---- copies */

/* The copy of the disk that was made for the plan's instance: its ref, owned; NULL without an error: there is none. */
static char *find_copy(GwXapiPool *pool, const GwPlan *plan, const GwPlanDisk *disk, GError **error)
{
    g_autofree char *sr = NULL;
    g_autofree char *original = NULL;
    if (!gw_xapi_path_split(disk->path, &sr, &original))
        return NULL;
    g_autoptr(json_t) vdis = gw_xapi_call(pool, "VDI.get_all_records", json_array(), 0, error);
    const char *ref;
    json_t *vdi;
    json_object_foreach(vdis, ref, vdi)
        if (g_strcmp0(gw_xapi_in_map(vdi, "other_config", GW_XAPI_COPY_FOR), plan->uuid) == 0 &&
            g_strcmp0(gw_xapi_in_map(vdi, "other_config", COPY_OF), original) == 0)
            return g_strdup(ref);
    return NULL;
}

/* NULL without an error: it is gone. */
static char *find_original(GwXapiPool *pool, const GwPlanDisk *disk, GError **error)
{
    g_autofree char *sr = NULL;
    g_autofree char *uuid = NULL;
    g_autoptr(GError) failure = NULL;
    if (!gw_xapi_path_split(disk->path, &sr, &uuid))
        return NULL;
    char *ref = gw_xapi_ask(pool, "VDI.get_by_uuid", json_pack("[s]", uuid), &failure);
    if (!ref && !gw_xapi_is_fault(failure, "UUID_INVALID"))
        g_propagate_error(error, g_steal_pointer(&failure));
    return ref;
}

static gboolean make_copy(GwXapiPool *pool, const GwPlan *plan, const GwPlanDisk *disk, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *there = find_copy(pool, plan, disk, &failure);
    g_autofree char *sr = NULL;
    g_autofree char *dest_sr = NULL;
    g_autofree char *original = NULL;
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (there || !gw_xapi_path_split(disk->path, &sr, &original) || !gw_xapi_path_split(disk->dest_path, &dest_sr, NULL)) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "disk %s: %s", disk->target,
                    there ? "a copy is already there, and never reused" : "its place on the destination is not known");
        return FALSE;
    }
    g_autofree char *sr_ref = gw_xapi_ask(pool, "SR.get_by_uuid", json_pack("[s]", dest_sr), error);
    if (!sr_ref)
        return FALSE;
    g_autofree char *label = g_strdup_printf("%s %s", plan->name, disk->target);
    json_t *record = json_pack("{s:s, s:s, s:s, s:I, s:s, s:b, s:b, s:{s:s, s:s}, s:{}}", "name_label", label, "name_description",
                               "made by Godwit for a cold migration", "SR", sr_ref, "virtual_size", (json_int_t)disk->capacity_bytes, "type",
                               "user", "sharable", FALSE, "read_only", FALSE, "other_config", GW_XAPI_COPY_FOR, plan->uuid, COPY_OF,
                               original, "sm_config");
    return gw_xapi_do(pool, "VDI.create", json_pack("[o]", record), error);
}

static gboolean is_one_pool(const GwXapiMove *move)
{
    return strcmp(move->source_pool, move->dest_pool) == 0;
}

static const GwPlanDisk *copied(const GwPlan *plan, guint i)
{
    const GwPlanDisk *disk = plan->disks->pdata[i];
    return plan->kind == GW_MOVE_COLD && disk->fate == GW_FATE_COPY ? disk : NULL;
}

gboolean gw_xapi_prepare(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error)
{
    g_auto(GwXapiMove) move = {0};
    if (!gw_xapi_move_read(plan, &move, error))
        return FALSE;
    g_autofree char *vm = gw_xapi_find_vm(source->pool, plan->uuid, error);
    /* a guest that a migration kills is halted, and then nobody would know whose it was */
    if (!vm || !gw_xapi_mark(source->pool, vm, GW_XAPI_HOME, move.source_host, error))
        return FALSE;
    if (!is_one_pool(&move))
        return gw_xapi_mark_move(source->pool, vm, plan, &move, error); /* XAPI makes the disks there by itself */
    for (guint i = 0; i < plan->disks->len; i++) {
        if (!copied(plan, i) || make_copy(dest->pool, plan, copied(plan, i), error))
            continue;
        for (guint made = 0; made < i; made++) {
            g_autofree char *copy = copied(plan, made) ? find_copy(dest->pool, plan, copied(plan, made), NULL) : NULL;
            if (copy)
                gw_xapi_do(dest->pool, "VDI.destroy", json_pack("[s]", copy), NULL);
        }
        return FALSE;
    }
    return TRUE;
}

/* ---- turning a VM's VBD from one VDI to another */

static gboolean repoint(GwXapiPool *pool, const char *vbd, const char *vdi, GError **error)
{
    g_autoptr(json_t) old = gw_xapi_call(pool, "VBD.get_record", json_pack("[s]", vbd), 0, error);
    if (!old)
        return FALSE;
    g_autoptr(json_t) record = json_pack("{s:s, s:s, s:b, s:{}}", "userdevice", "autodetect", "VDI", vdi, "empty", FALSE,
                                         "qos_algorithm_params");
    static const char *const kept[] = {"VM", "bootable", "mode", "type", "unpluggable", "other_config", "qos_algorithm_type"};
    for (guint i = 0; i < G_N_ELEMENTS(kept); i++)
        json_object_set(record, kept[i], json_object_get(old, kept[i]));
    g_autofree char *made = gw_xapi_ask(pool, "VBD.create", json_pack("[O]", record), error);
    return made && gw_xapi_do(pool, "VBD.destroy", json_pack("[s]", vbd), error) &&
           gw_xapi_do(pool, "VBD.set_userdevice", json_pack("[s,s]", made, gw_xapi_text(old, "userdevice")), error);
}

/* The VBD by which vm has vdi: its ref, owned; NULL without an error: it has it not. */
static char *find_vbd(GwXapiPool *pool, const char *vm, const char *vdi, GError **error)
{
    g_autoptr(json_t) record = gw_xapi_call(pool, "VDI.get_record", json_pack("[s]", vdi), 0, error);
    gsize i;
    json_t *ref;
    json_array_foreach(gw_xapi_list(record, "VBDs"), i, ref) {
        const char *vbd = json_string_value(ref);
        g_autofree char *owner = vbd ? gw_xapi_ask(pool, "VBD.get_VM", json_pack("[s]", vbd), NULL) : NULL;
        if (g_strcmp0(owner, vm) == 0)
            return g_strdup(vbd);
    }
    return NULL;
}

/* Makes vm use `to` where it uses `from`. */
static gboolean turn(GwXapiPool *pool, const char *vm, const char *from, const char *to, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *old = find_vbd(pool, vm, from, &failure);
    g_autofree char *new = failure ? NULL : find_vbd(pool, vm, to, &failure);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (!old)
        return TRUE;
    if (!new)
        return repoint(pool, old, to, error);
    g_autofree char *device = gw_xapi_ask(pool, "VBD.get_userdevice", json_pack("[s]", old), error); /* a turn was interrupted */
    return device && gw_xapi_do(pool, "VBD.destroy", json_pack("[s]", old), error) &&
           gw_xapi_do(pool, "VBD.set_userdevice", json_pack("[s,s]", new, device), error);
}

/* ---- the copy itself */

static gboolean copy_disk(GwXapiPool *pool, const GwPlan *plan, const GwPlanDisk *disk, const GwXapiStop *stop, GError **error)
{
    g_autofree char *original = find_original(pool, disk, error);
    g_autofree char *copy = original ? find_copy(pool, plan, disk, error) : NULL;
    if (!copy) {
        if (error && !*error)
            g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "disk %s, or the room made for its copy, is gone", disk->target);
        return FALSE;
    }
    json_t *params = json_pack("[s,s,s,s]", original, GW_XAPI_NULL, GW_XAPI_NULL, copy);
    return gw_xapi_run(pool, "VDI.copy", params, stop, NULL, error);
}

static gboolean set_sides(GwXapiPool *pool, const char *vm, const GwPlan *plan, GError **error)
{
    g_auto(GwXapiMove) move = {0};
    if (!gw_xapi_move_read(plan, &move, error))
        return FALSE;
    g_autofree char *sides = g_strdup_printf("%s,%s", move.source_host, move.dest_host);
    return gw_xapi_mark(pool, vm, "auto_poweron", NULL, error) && gw_xapi_mark(pool, vm, GW_XAPI_SIDES, sides, error);
}

gboolean gw_xapi_copy_cold(GwHost *source, GwHost *dest, const GwPlan *plan, const GwXapiStop *stop, GError **error)
{
    GwXapiPool *pool = source->pool;
    g_autofree char *vm = gw_xapi_find_vm(pool, plan->uuid, error);
    if (!vm || !gw_xapi_stop(source, plan->uuid, GW_STOP_HARD, 0, error))
        return FALSE;
    for (guint i = 0; i < plan->disks->len; i++)
        if (copied(plan, i) && !copy_disk(pool, plan, copied(plan, i), stop, error))
            return FALSE;
    for (guint i = 0; i < plan->disks->len; i++) {
        if (!copied(plan, i))
            continue;
        g_autofree char *original = find_original(pool, copied(plan, i), error);
        g_autofree char *copy = original ? find_copy(pool, plan, copied(plan, i), error) : NULL;
        if (!copy || !turn(pool, vm, original, copy, error))
            return FALSE;
    }
    return set_sides(pool, vm, plan, error) && gw_xapi_start(dest, plan->uuid, GW_START_PAUSED, error);
}

gboolean gw_xapi_adopt(GwHost *dest, const GwPlan *plan, GError **error)
{
    if (plan->kind == GW_MOVE_EVACUATE)
        return gw_xapi_release(dest, plan, error);
    g_autofree char *vm = gw_xapi_find_vm(dest->pool, plan->uuid, error);
    return vm && set_sides(dest->pool, vm, plan, error);
}

/* ---- afterwards */

static gboolean restore_autostart(GwXapiPool *pool, const char *vm, const GwPlan *plan, GError **error)
{
    return gw_xapi_mark(pool, vm, "auto_poweron", plan->autostart_before ? "true" : NULL, error);
}

gboolean gw_xapi_settle(GwHost *dest, const GwPlan *plan, GError **error)
{
    g_auto(GwXapiMove) move = {0};
    if (!gw_xapi_move_read(plan, &move, error))
        return FALSE;
    g_autofree char *vm = gw_xapi_find_vm(dest->pool, plan->uuid, error);
    return vm && restore_autostart(dest->pool, vm, plan, error) &&
           gw_xapi_mark(dest->pool, vm, GW_XAPI_HOME, move.dest_host, error) &&
           (is_one_pool(&move) || (gw_xapi_mark(dest->pool, vm, GW_XAPI_SIDES, NULL, error) &&
                                   gw_xapi_mark(dest->pool, vm, GW_XAPI_MOVE, NULL, error)));
}

/* A disk that no VM has any more; one that is used is left alone. */
static gboolean destroy_unused(GwXapiPool *pool, const char *vdi, GError **error)
{
    g_autoptr(json_t) record = gw_xapi_call(pool, "VDI.get_record", json_pack("[s]", vdi), 0, error);
    if (!record)
        return FALSE;
    return json_array_size(gw_xapi_list(record, "VBDs")) > 0 || gw_xapi_do(pool, "VDI.destroy", json_pack("[s]", vdi), error);
}

/* After the proof: the originals go, and the copies are the instance's own. */
static gboolean forget_original(GwXapiPool *pool, const GwPlan *plan, const GwPlanDisk *disk, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *original = find_original(pool, disk, &failure);
    g_autofree char *copy = failure ? NULL : find_copy(pool, plan, disk, &failure);
    gboolean ok = !failure && (!original || destroy_unused(pool, original, &failure));
    ok = ok && (!copy || (gw_xapi_do(pool, "VDI.remove_from_other_config", json_pack("[s,s]", copy, GW_XAPI_COPY_FOR), &failure) &&
                          gw_xapi_do(pool, "VDI.remove_from_other_config", json_pack("[s,s]", copy, COPY_OF), &failure)));
    if (!ok)
        g_propagate_error(error, g_steal_pointer(&failure));
    return ok;
}

/* Undoing: the VM uses its originals again, and the copy goes. */
static gboolean forget_copy(GwXapiPool *pool, const char *vm, const GwPlan *plan, const GwPlanDisk *disk, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *copy = find_copy(pool, plan, disk, &failure);
    g_autofree char *original = copy ? find_original(pool, disk, &failure) : NULL;
    gboolean ok = !failure && (!copy || !original || turn(pool, vm, copy, original, &failure));
    ok = ok && (!copy || destroy_unused(pool, copy, &failure));
    if (!ok)
        g_propagate_error(error, g_steal_pointer(&failure));
    return ok;
}

/* Between pools the moved VM's old record may be left behind, halted; the lifecycle has proved that it lives elsewhere. */
static gboolean forget_record(GwHost *host, const GwPlan *plan, const GwXapiMove *move, const char *vm, const json_t *record, GError **error)
{
    if (is_one_pool(move))
        return TRUE;
    if (strcmp(gw_xapi_text(record, "power_state"), "Halted") == 0 &&
        !gw_xapi_do(host->pool, "VM.destroy", json_pack("[s]", vm), error))
        return FALSE;
    return TRUE;
}

static gboolean forget_source(GwHost *host, const GwPlan *plan, const GwXapiMove *move, const char *vm, const json_t *record,
                              GError **error)
{
    if (vm && !forget_record(host, plan, move, vm, record, error))
        return FALSE;
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        if (disk->fate == GW_FATE_COPY && !forget_original(host->pool, plan, disk, error))
            return FALSE;
    }
    return !vm || !is_one_pool(move) || gw_xapi_mark(host->pool, vm, GW_XAPI_SIDES, NULL, error);
}

static gboolean forget_dest(GwHost *host, const GwPlan *plan, const GwXapiMove *move, const char *vm, const json_t *record, GError **error)
{
    if (!is_one_pool(move))
        return gw_xapi_forget_made(host, plan, move, error);
    if (!vm)
        return TRUE;
    for (guint i = 0; i < plan->disks->len; i++)
        if (copied(plan, i) && !forget_copy(host->pool, vm, plan, copied(plan, i), error))
            return FALSE;
    gboolean active = !gw_xapi_is_null(gw_xapi_text(record, "resident_on"));
    return restore_autostart(host->pool, vm, plan, error) && gw_xapi_mark(host->pool, vm, GW_XAPI_SIDES, NULL, error) &&
           (active || gw_xapi_mark(host->pool, vm, GW_XAPI_HOME, move->source_host, error));
}

gboolean gw_xapi_forget(GwHost *host, const GwPlan *plan, GwSide side, GError **error)
{
    g_auto(GwXapiMove) move = {0};
    g_autoptr(GError) failure = NULL;
    g_autofree char *uuid = gw_xapi_host_uuid(host, error);
    if (!uuid || !gw_xapi_move_read(plan, &move, error))
        return FALSE;
    g_autofree char *vm = gw_xapi_find_vm(host->pool, plan->uuid, &failure);
    if (!vm && !gw_xapi_is_fault(failure, "UUID_INVALID")) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    g_autofree char *ref = gw_xapi_ask(host->pool, "host.get_by_uuid", json_pack("[s]", uuid), error);
    g_autoptr(json_t) record = ref && vm ? gw_xapi_call(host->pool, "VM.get_record", json_pack("[s]", vm), 0, error) : NULL;
    if (!ref || (vm && !record))
        return FALSE;
    if (record && strcmp(gw_xapi_text(record, "resident_on"), ref) == 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s is active on %s: it is not removed there", plan->name, host->name);
        return FALSE;
    }
    gboolean ok = side == GW_SIDE_SOURCE ? forget_source(host, plan, &move, vm, record, error)
                                         : forget_dest(host, plan, &move, vm, record, error);
    if (ok && side == GW_SIDE_DEST && plan->kind == GW_MOVE_LIVE && gw_plan_copies_disks(plan))
        gw_xapi_tell_leaks(host, plan, &move);
    return ok;
}
