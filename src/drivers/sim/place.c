/* What makes room for an instance on a host, makes its definition good there, and removes what is left of it. */
#include "drivers/sim/internal.h"

#include <string.h>

/* ---- prepare */

static gboolean make_volume(GwSimHost *dest, const GwPlan *plan, const GwPlanDisk *disk, GError **error)
{
    const GwSimMount *mount = gw_sim_mount_of(dest, disk->dest_path);
    if (!mount) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "%s has no folder for %s", dest->name, disk->dest_path);
        return FALSE;
    }
    GwSimFile *file = gw_sim_file_create(dest, disk->dest_path, plan->uuid, disk->target);
    if (!file && mount->state == GW_SIM_STORAGE_FAILS) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "%s cannot make %s: Input/output error", dest->name, disk->dest_path);
        return FALSE;
    }
    if (!file) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED,
                    "%s already has a file %s: look whose it is, and remove it if it is a "
                    "leftover",
                    dest->name, disk->dest_path);
        return FALSE;
    }
    file->capacity_bytes = disk->capacity_bytes;
    return TRUE;
}

static void unmake_volumes(GwSimHost *dest, const GwPlan *plan, guint count)
{
    for (guint i = 0; i < count; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        if (disk->fate == GW_FATE_COPY)
            gw_sim_file_delete(dest, disk->dest_path);
    }
}

static gboolean has_space(const GwSimHost *dest, const GwPlan *plan, GError **error)
{
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        const GwSimMount *mount = disk->fate == GW_FATE_COPY ? gw_sim_mount_of(dest, disk->dest_path) : NULL;
        if (!mount || gw_sim_mount_available(mount) >= disk->allocation_bytes)
            continue;
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "%s has no room for %s in %s", dest->name, disk->path,
                    mount->path);
        return FALSE;
    }
    return TRUE;
}

static gboolean prepare(GwSimHost *dest, const GwPlan *plan, GError **error)
{
    if (!has_space(dest, plan, error))
        return FALSE;
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        if (disk->fate != GW_FATE_COPY || make_volume(dest, plan, disk, error))
            continue;
        unmake_volumes(dest, plan, i);
        return FALSE;
    }
    return TRUE;
}

gboolean gw_sim_prepare(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "prepare", source, dest, error))
        return FALSE;
    return gw_sim_call_end(&call, prepare(dest->host, plan, error), error);
}

/* ---- adopt, settle */

static gboolean adopt(GwSimHost *dest, const GwPlan *plan, GError **error)
{
    const GwSimDomain *there = gw_sim_host_domain(dest, plan->uuid);
    if (there && !gw_sim_domain_is_active(there))
        return TRUE;
    if (there || g_hash_table_contains(dest->names, plan->name)) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s already has an instance %s%s", dest->name, plan->name,
                    there ? ", and it is active" : " with another UUID");
        return FALSE;
    }
    g_autoptr(GwInstance) instance = gw_sim_instance_from_text(plan->definition, error);
    if (!instance)
        return FALSE;
    GwInstance *moved = gw_sim_instance_relocate(instance, plan);
    moved->persistent = TRUE;
    gw_sim_domain_add(dest, moved, GW_SEEN_STOPPED);
    return TRUE;
}

gboolean gw_sim_adopt(GwHost *dest, const GwPlan *plan, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "adopt", dest, NULL, error))
        return FALSE;
    return gw_sim_call_end(&call, adopt(dest->host, plan, error), error);
}

static gboolean grow(GwSimHost *dest, GwInstance *instance, const GwPlan *plan, GError **error)
{
    for (guint i = 0; i < instance->disks->len; i++) {
        GwDisk *disk = instance->disks->pdata[i];
        if (g_strcmp0(disk->target, plan->new_disk) != 0)
            continue;
        GwSimFile *file = gw_sim_file_find(dest, disk->path);
        if (!file || gw_sim_storage_fails(dest, disk->path)) {
            g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "%s cannot open %s", dest->name, disk->path);
            return FALSE;
        }
        file->capacity_bytes = MAX(file->capacity_bytes, plan->new_disk_bytes);
        disk->capacity_bytes = file->capacity_bytes;
    }
    return TRUE;
}

static gboolean reshape(GwSimHost *dest, const GwPlan *plan, GError **error)
{
    GwSimDomain *domain = gw_sim_host_require(dest, plan->uuid, error);
    if (!domain)
        return FALSE;
    if (gw_sim_domain_is_active(domain)) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s is active on %s: its shape stays", plan->name, dest->name);
        return FALSE;
    }
    GwInstance *instance = gw_sim_instance_copy(domain->value);
    instance->vcpus = plan->new_vcpus;
    instance->memory_mib = instance->max_memory_mib = plan->new_memory_mib;
    gboolean ok = grow(dest, instance, plan, error);
    if (ok)
        gw_sim_domain_replace(domain, instance);
    gw_instance_unref(instance);
    return ok;
}

gboolean gw_sim_reshape(GwHost *dest, const GwPlan *plan, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "reshape", dest, NULL, error))
        return FALSE;
    return gw_sim_call_end(&call, reshape(dest->host, plan, error), error);
}

gboolean gw_sim_settle(GwHost *dest, const GwPlan *plan, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "settle", dest, NULL, error))
        return FALSE;
    GwSimDomain *domain = gw_sim_host_require(dest->host, plan->uuid, error);
    if (domain) /* a stopped one that is not persistent would not be there: it keeps its definition */
        gw_sim_domain_define(domain, plan->persistent_before || !gw_sim_domain_is_active(domain),
                             plan->autostart_before);
    return gw_sim_call_end(&call, domain != NULL, error);
}

/* ---- forget */

/* Only what is the instance's: a foreign file that made `prepare` fail stays. */
static gboolean delete_disks(GwSimHost *host, const GwPlan *plan, GwSide side, GError **error)
{
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        const char *path = side == GW_SIDE_SOURCE ? disk->path : disk->dest_path;
        const GwSimFile *file = disk->fate == GW_FATE_COPY ? gw_sim_file_find(host, path) : NULL;
        if (!file || strcmp(file->owner, plan->uuid) != 0)
            continue;
        if (gw_sim_storage_fails(host, path)) {
            g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "%s cannot remove %s: Input/output error", host->name, path);
            return FALSE;
        }
        gw_sim_file_delete(host, path);
    }
    return TRUE;
}

static gboolean forget(GwSimHost *host, const GwPlan *plan, GwSide side, GError **error)
{
    GwSimDomain *domain = gw_sim_host_domain(host, plan->uuid);
    if (domain && gw_sim_domain_is_active(domain)) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s is active on %s: nothing of it was removed", plan->name,
                    host->name);
        return FALSE;
    }
    if (domain)
        gw_sim_domain_remove(domain);
    return delete_disks(host, plan, side, error);
}

gboolean gw_sim_forget(GwHost *host, const GwPlan *plan, GwSide side, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "forget", host, NULL, error))
        return FALSE;
    return gw_sim_call_end(&call, forget(host->host, plan, side, error), error);
}

static gboolean list_left(GwSimHost *host, GwSimHost *home, const GwPlan *plan, GwSide side, GPtrArray *left, GError **error)
{
    const GwSimDomain *domain = gw_sim_host_domain(host, plan->uuid);
    if (domain && !gw_sim_domain_is_active(domain))
        g_ptr_array_add(left, g_strdup("definition"));
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        const char *path = side == GW_SIDE_SOURCE ? disk->path : disk->dest_path;
        const GwSimFile *file = disk->fate == GW_FATE_COPY ? gw_sim_file_find(host, path) : NULL;
        if (!file || strcmp(file->owner, plan->uuid) != 0)
            continue;
        if (gw_sim_file_find(home, path) == file) {
            g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s on %s is the same as on %s, where the instance lives", path, host->name,
                        home->name);
            return FALSE;
        }
        g_ptr_array_add(left, g_strdup(path));
    }
    return TRUE;
}

gboolean gw_sim_remains(GwHost *host, GwHost *home, const GwPlan *plan, GwSide side, GPtrArray **ret_left, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ASK, "remains", host, home, error))
        return FALSE;
    g_autoptr(GPtrArray) left = g_ptr_array_new_with_free_func(g_free);
    gboolean ok = list_left(host->host, home->host, plan, side, left, error);
    if (ok)
        *ret_left = g_steal_pointer(&left);
    return gw_sim_call_end(&call, ok, error);
}
