/* Taking an instance away, with the files that are its own. Foreign volumes (of iSCSI, of other folders) are never touched: what
 * goes is what create.c made, and the list that was journalled before. */
#include "drivers/libvirt/internal.h"

#include "base/log.h"

#include <string.h>

static gboolean stop_and_undefine(GwVirtCall *call, GError **error)
{
    g_autoptr(virDomain) domain = virDomainLookupByUUIDString(call->conn, call->uuid);
    if (!domain)
        return gw_virt_last_is(VIR_ERR_NO_DOMAIN) ||
               gw_virt_fail(call->host, GW_VIRT_ASK, error, "looking for instance %s", call->uuid);
    if (virDomainIsActive(domain) != 0 && virDomainDestroy(domain) != 0 && virDomainIsActive(domain) != 0)
        return gw_virt_fail(call->host, GW_VIRT_ACT, error, "stopping instance %s", call->uuid);
    unsigned flags = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                     VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM;
    if (virDomainIsPersistent(domain) != 1 || virDomainUndefineFlags(domain, flags) == 0)
        return TRUE; /* a transient one went when it stopped */
    return gw_virt_last_is(VIR_ERR_NO_DOMAIN) || gw_virt_fail(call->host, GW_VIRT_ACT, error, "undefining instance %s", call->uuid);
}

static gboolean is_own(const GwVirtCall *call, const char *folder)
{
    g_autofree char *name = g_path_get_basename(folder);
    return strcmp(name, call->uuid) == 0;
}

/* Whether its own folder was ever made cannot always be told: made again it is empty, and goes. */
static GwVirtFolder *open_folder(GwVirtCall *call, const char *path, GError **error)
{
    return is_own(call, path) ? gw_virt_folder_make(call->host, call->conn, path, error)
                              : gw_virt_folder_open(call->host, call->conn, path, error);
}

/* TRUE, too, where another instance uses the file: then it is not this one's own. */
static gboolean delete_file(GwVirtCall *call, const char *path, GError **error)
{
    g_autofree char *folder_path = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    if (gw_virt_presence(call->host, call->conn, folder_path) == GW_FACT_NO)
        return TRUE;
    g_autofree char *user = gw_virt_find_user(call->conn, call->uuid, path);
    if (user && *user) {
        gw_info("%s: %s is kept: instance %s uses it, too", call->host->name, path, user);
        return TRUE;
    }
    if (user) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "%s: %s is not deleted: libvirt does not tell whose else it may be", call->host->name,
                    path);
        return FALSE;
    }
    g_autoptr(GwVirtFolder) folder = open_folder(call, folder_path, error);
    return folder && gw_virt_folder_delete(folder, name, error);
}

static gboolean delete_listed(GwVirtCall *call, GError **error)
{
    for (guint i = 0; i < call->server->disks->len; i++) {
        const char *path = call->server->disks->pdata[i];
        g_autofree char *folder = g_path_get_dirname(path);
        if (!delete_file(call, path, error) || (is_own(call, folder) && !gw_virt_folder_remove(call->host, call->conn, folder, error)))
            return FALSE;
    }
    return TRUE;
}

gboolean gw_virt_remove(GwVirtCall *call, GError **error)
{
    const char *root = call->host->instances_path;
    g_autofree char *folder = root && *root ? g_build_filename(root, call->uuid, NULL) : NULL;
    g_autofree char *made = folder ? g_build_filename(folder, "disk", NULL) : NULL;
    if (!stop_and_undefine(call, error) || !delete_listed(call, error))
        return FALSE;
    if (made && !delete_file(call, made, error))
        return FALSE;
    return !folder || gw_virt_folder_remove(call->host, call->conn, folder, error);
}
