/* Moves between pools. A cold one leaves the source as it is until the move is confirmed: VM.migrate_send with copy=true keeps it, halted. The copy
 * has a UUID and MAC addresses of its own at first (xapi's import.ml: what is not a full restore), so the addresses are given back, and a mark says
 * which instance it is. What a move makes in the other pool is born with the mark GW_XAPI_MOVE, since XAPI takes the VM's other_config along: only what
 * carries it is removed when the move is undone. */
#include "drivers/xapi/internal.h"

#include <string.h>

static char *mark_of(const GwPlan *plan, const GwXapiMove *move)
{
    return g_strdup_printf("%s,%s,%s", plan->uuid, move->source_host, move->dest_host);
}

static char *sides_of(const GwXapiMove *move)
{
    return g_strdup_printf("%s,%s", move->source_host, move->dest_host);
}

gboolean gw_xapi_mark_move(GwXapiPool *pool, const char *vm, const GwPlan *plan, const GwXapiMove *move, GError **error)
{
    g_autofree char *mark = mark_of(plan, move);
    return gw_xapi_mark(pool, vm, GW_XAPI_MOVE, mark, error) &&
           (plan->kind != GW_MOVE_COLD || gw_xapi_mark(pool, vm, "auto_poweron", NULL, error)); /* it must not start with its host meanwhile */
}

/* ---- the copy becomes the instance */

/* The interface of vm at that place: its ref, owned; NULL without an error: it has none. */
static char *find_vif(GwXapiPool *pool, const json_t *vm, const char *device, json_t **ret_record, GError **error)
{
    gsize i;
    json_t *ref;
    json_array_foreach(gw_xapi_list(vm, "VIFs"), i, ref) {
        json_t *vif = gw_xapi_call(pool, "VIF.get_record", json_pack("[O]", ref), 0, error);
        if (!vif)
            return NULL;
        if (strcmp(gw_xapi_text(vif, "device"), device) == 0) {
            *ret_record = vif;
            return g_strdup(json_string_value(ref));
        }
        json_decref(vif);
    }
    return NULL;
}

/* XAPI sets no MAC of an interface that there is: another one takes its place. */
static gboolean give_mac(GwXapiPool *pool, const json_t *copy, const json_t *original, GError **error)
{
    static const char *const kept[] = {"device", "network", "VM", "MTU", "other_config", "qos_algorithm_type", "qos_algorithm_params",
                                       "locking_mode", "ipv4_allowed", "ipv6_allowed"};
    GError *failure = NULL;
    g_autoptr(json_t) old = NULL;
    g_autofree char *vif = find_vif(pool, copy, gw_xapi_text(original, "device"), &old, &failure);
    if (failure)
        g_propagate_error(error, failure);
    if (!vif || g_ascii_strcasecmp(gw_xapi_text(old, "MAC"), gw_xapi_text(original, "MAC")) == 0)
        return failure == NULL;
    json_t *record = json_pack("{s:s}", "MAC", gw_xapi_text(original, "MAC"));
    for (guint i = 0; i < G_N_ELEMENTS(kept); i++)
        if (json_object_get(old, kept[i]))
            json_object_set(record, kept[i], json_object_get(old, kept[i]));
    gboolean ok = gw_xapi_do(pool, "VIF.destroy", json_pack("[s]", vif), error);
    if (ok)
        return gw_xapi_do(pool, "VIF.create", json_pack("[o]", record), error);
    json_decref(record);
    return FALSE;
}

static gboolean give_macs(GwXapiPool *pool, const json_t *copy, const json_t *tables, const json_t *original, GError **error)
{
    gsize i;
    json_t *ref;
    json_array_foreach(gw_xapi_list(original, "VIFs"), i, ref) {
        const json_t *vif = gw_xapi_record(tables, "VIF", json_string_value(ref));
        if (vif && !give_mac(pool, copy, vif, error))
            return FALSE;
    }
    return TRUE;
}

/* tables, original: of the source. The mark of the move goes last: while it is there, undoing finds the copy by it. */
gboolean gw_xapi_finish_copy(GwHost *dest, const GwPlan *plan, const GwXapiMove *move, const json_t *tables, const json_t *original,
                             const char *copy, GError **error)
{
    GwXapiPool *pool = dest->pool;
    g_autoptr(json_t) record = gw_xapi_call(pool, "VM.get_record", json_pack("[s]", copy), 0, error);
    if (!record || !give_macs(pool, record, tables, original, error))
        return FALSE;
    g_autofree char *sides = sides_of(move);
    g_autofree char *alias = g_strdup_printf("%s %s", plan->uuid, gw_xapi_text(record, "uuid"));
    gboolean ok = gw_xapi_mark(pool, copy, GW_XAPI_SIDES, sides, error) && gw_xapi_mark(pool, copy, GW_XAPI_HOME, move->dest_host, error) &&
                  gw_xapi_mark(pool, copy, GW_XAPI_ALIAS, alias, error) && gw_xapi_mark(pool, copy, GW_XAPI_MOVE, NULL, error);
    if (ok)
        gw_xapi_aliases_learn(pool, plan->uuid, copy);
    return ok;
}

/* ---- undoing */

static gboolean is_of_move(const json_t *vm, const GwPlan *plan, const char *mark, const char *sides)
{
    char uuid[GW_UUID_SIZE];
    gw_xapi_uuid(vm, uuid);
    gboolean copied = strcmp(uuid, plan->uuid) == 0 && strcmp(gw_xapi_text(vm, "uuid"), plan->uuid) != 0 &&
                      g_strcmp0(gw_xapi_in_map(vm, "other_config", GW_XAPI_SIDES), sides) == 0;
    return copied || g_strcmp0(gw_xapi_in_map(vm, "other_config", GW_XAPI_MOVE), mark) == 0;
}

/* Never one on a storage repository that a disk of the plan comes from: two pools may have the same one, and the disk may be the original. */
static gboolean is_source_sr(const GwPlan *plan, const char *sr_uuid)
{
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        g_autofree char *sr = NULL;
        if (gw_xapi_path_split(disk->path, &sr, NULL) && strcmp(sr, sr_uuid) == 0)
            return TRUE;
    }
    return FALSE;
}

/* The disk that vbd, a ref, has: its ref, owned; NULL without an error: none that goes. */
static char *made_disk(GwXapiPool *pool, const GwPlan *plan, const char *vbd, GError **error)
{
    g_autoptr(json_t) record = gw_xapi_call(pool, "VBD.get_record", json_pack("[s]", vbd), 0, error);
    const char *vdi = gw_xapi_text(record, "VDI");
    if (!record || strcmp(gw_xapi_text(record, "type"), "Disk") != 0 || gw_xapi_is_null(vdi))
        return NULL;
    g_autofree char *sr = gw_xapi_ask(pool, "VDI.get_SR", json_pack("[s]", vdi), error);
    g_autofree char *uuid = sr ? gw_xapi_ask(pool, "SR.get_uuid", json_pack("[s]", sr), error) : NULL;
    return uuid && !is_source_sr(plan, uuid) ? g_strdup(vdi) : NULL;
}

static gboolean remove_made(GwXapiPool *pool, const GwPlan *plan, const char *vm, const json_t *record, GError **error)
{
    g_autoptr(GPtrArray) disks = g_ptr_array_new_with_free_func(g_free);
    gsize i;
    json_t *ref;
    json_array_foreach(gw_xapi_list(record, "VBDs"), i, ref) {
        GError *failure = NULL;
        char *disk = json_is_string(ref) ? made_disk(pool, plan, json_string_value(ref), &failure) : NULL;
        if (failure) {
            g_propagate_error(error, failure);
            return FALSE;
        }
        if (disk)
            g_ptr_array_add(disks, disk);
    }
    gboolean ok = gw_xapi_do(pool, "VM.destroy", json_pack("[s]", vm), error);
    for (guint at = 0; ok && at < disks->len; at++)
        ok = gw_xapi_do(pool, "VDI.destroy", json_pack("[s]", disks->pdata[at]), error);
    return ok;
}

/* The source is as it was, but for the marks. */
static gboolean restore_source(const GwPlan *plan, const GwXapiMove *move, GError **error)
{
    GwXapiPool *pool = gw_xapi_pool_find(move->source_pool);
    if (!pool) {
        g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE, "the pool that %s came from is not connected", plan->name);
        return FALSE;
    }
    g_autoptr(GError) failure = NULL;
    g_autofree char *vm = gw_xapi_find_vm(pool, plan->uuid, &failure);
    gboolean ok = vm ? gw_xapi_mark(pool, vm, GW_XAPI_MOVE, NULL, &failure) &&
                           (plan->kind != GW_MOVE_COLD || !plan->autostart_before || gw_xapi_mark(pool, vm, "auto_poweron", "true", &failure))
                     : gw_xapi_is_fault(failure, "UUID_INVALID");
    gw_xapi_pool_unref(pool);
    if (!ok)
        g_propagate_error(error, g_steal_pointer(&failure));
    return ok;
}

gboolean gw_xapi_forget_made(GwHost *dest, const GwPlan *plan, const GwXapiMove *move, GError **error)
{
    g_autofree char *mark = mark_of(plan, move);
    g_autofree char *sides = sides_of(move);
    g_autoptr(json_t) vms = gw_xapi_call(dest->pool, "VM.get_all_records", json_array(), 0, error);
    if (!vms)
        return FALSE;
    const char *ref;
    json_t *vm;
    json_object_foreach(vms, ref, vm) {
        if (!is_of_move(vm, plan, mark, sides) || gw_xapi_bool(vm, "is_a_snapshot"))
            continue;
        if (strcmp(gw_xapi_text(vm, "power_state"), "Halted") != 0) {
            g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s is %s on %s: it is not removed there", plan->name,
                        gw_xapi_text(vm, "power_state"), dest->name);
            return FALSE;
        }
        if (!remove_made(dest->pool, plan, ref, vm, error))
            return FALSE;
    }
    return restore_source(plan, move, error);
}
