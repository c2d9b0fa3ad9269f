/* Removing what one side has of an instance that lives on the other. With remove.c the only code that deletes guests' disks. */
#include "drivers/libvirt/internal.h"

#include <string.h>

static gboolean uses(const GwInstance *instance, const char *path)
{
    for (guint i = 0; i < instance->disks->len; i++) {
        const GwDisk *disk = instance->disks->pdata[i];
        if (g_strcmp0(disk->path, path) == 0 || (disk->backing && g_strv_contains((const char *const *)disk->backing, path)))
            return TRUE;
    }
    return g_ptr_array_find_with_equal_func(instance->files, path, g_str_equal, NULL);
}

char *gw_virt_find_user(virConnectPtr conn, const char *uuid, const char *path)
{
    virDomain **domains = NULL;
    char *user = NULL;
    int count = virConnectListAllDomains(conn, &domains, 0);
    for (int i = 0; i < count; i++) {
        g_autofree char *xml = virDomainGetXMLDesc(domains[i], 0);
        gboolean gone = !xml && gw_virt_last_is(VIR_ERR_NO_DOMAIN);
        g_autoptr(GwInstance) other = xml ? gw_virt_parse_instance(xml, NULL) : NULL;
        if (!user && !gone && !other)
            user = g_strdup("");
        else if (!user && other && strcmp(other->uuid, uuid) != 0 && uses(other, path))
            user = g_strdup(other->name);
        virDomainFree(domains[i]);
    }
    free(domains);
    return count < 0 ? g_strdup("") : user;
}

static gboolean undefine(GwVirtCall *call, GError **error)
{
    g_autoptr(virDomain) domain = virDomainLookupByUUIDString(call->conn, call->uuid);
    if (!domain)
        return gw_virt_last_is(VIR_ERR_NO_DOMAIN) ||
               gw_virt_fail(call->host, GW_VIRT_ASK, error, "looking for instance %s", call->uuid);
    if (virDomainIsActive(domain) != 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "instance %s is active on %s: nothing of it is removed there",
                    call->plan->name, call->host->name);
        return FALSE;
    }
    /* the firmware's variables may lie on shared storage: they are kept */
    if (virDomainUndefineFlags(domain, VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                                           VIR_DOMAIN_UNDEFINE_KEEP_NVRAM) == 0)
        return TRUE;
    return gw_virt_last_is(VIR_ERR_NO_DOMAIN) ||
           gw_virt_fail(call->host, GW_VIRT_ACT, error, "undefining instance %s", call->plan->name);
}

static gboolean delete_copy(GwVirtCall *call, const char *path, GError **error)
{
    g_autofree char *folder_path = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *user = gw_virt_find_user(call->conn, call->uuid, path);
    if (user) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s: %s is not deleted: %s%s", call->host->name, path,
                    *user ? "it also belongs to instance " : "libvirt does not tell whose else it may be", user);
        return FALSE;
    }
    gboolean own = gw_virt_folder_is_own(call->host, folder_path, call->uuid);
    if (!own || gw_virt_presence(call->host, call->conn, folder_path) != GW_FACT_NO) {
        GwVirtFolder *folder = gw_virt_folder_open(call->host, call->conn, folder_path, error);
        gboolean ok = folder && gw_virt_folder_delete(folder, name, error);
        gw_virt_folder_close(folder);
        if (!ok)
            return FALSE;
    }
    return !own || gw_virt_folder_remove(call->host, call->conn, folder_path, error);
}

gboolean gw_virt_forget(GwVirtCall *call, GError **error)
{
    if (!undefine(call, error))
        return FALSE;
    for (guint i = 0; i < call->plan->disks->len; i++) {
        const GwPlanDisk *disk = call->plan->disks->pdata[i];
        const char *path = call->how == GW_SIDE_SOURCE ? disk->path : disk->dest_path;
        if (disk->fate == GW_FATE_COPY && disk->kind == GW_DISK_FILE && !delete_copy(call, path, error))
            return FALSE;
        if (disk->fate == GW_FATE_SEND && call->how == GW_SIDE_DEST &&
            !gw_virt_medium_remove(call->host, call->conn, call->uuid, path, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- what is left */

static gboolean is_defined(GwVirtCall *call)
{
    g_autoptr(virDomain) domain = virDomainLookupByUUIDString(call->conn, call->uuid);
    return domain && virDomainIsActive(domain) == 0;
}

/* FALSE: the file is the living instance's own. */
static gboolean add_file(GwVirtCall *call, const char *path, GPtrArray *left, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    if (gw_virt_presence(call->host, call->conn, path) != GW_FACT_YES)
        return TRUE;
    if (gw_virt_same_folder(call->host, call->conn, call->peer, call->peer_conn, folder) != GW_FACT_NO) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s on %s may be the same as on %s, where the instance lives", path,
                    call->host->name, call->peer->name);
        return FALSE;
    }
    g_ptr_array_add(left, g_strdup(path));
    return TRUE;
}

gboolean gw_virt_remains(GwVirtCall *call, GError **error)
{
    g_autoptr(GPtrArray) left = g_ptr_array_new_with_free_func(g_free);
    if (is_defined(call))
        g_ptr_array_add(left, g_strdup("definition"));
    for (guint i = 0; i < call->plan->disks->len; i++) {
        const GwPlanDisk *disk = call->plan->disks->pdata[i];
        const char *path = call->how == GW_SIDE_SOURCE ? disk->path : disk->dest_path;
        if (disk->fate == GW_FATE_COPY && disk->kind == GW_DISK_FILE && !add_file(call, path, left, error))
            return FALSE;
    }
    call->result = g_steal_pointer(&left);
    call->free_result = (GDestroyNotify)g_ptr_array_unref;
    return TRUE;
}
