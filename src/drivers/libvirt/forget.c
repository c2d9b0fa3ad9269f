/* Removing what one side has of an instance that lives on the other. The only code that deletes guests' disks. */
#include "drivers/libvirt/internal.h"

#include <string.h>

/* Whether an active instance of the host has path open: another one may use the same image by mistake or design. */
static gboolean is_in_use(virConnectPtr conn, const char *path)
{
    virDomain **domains = NULL;
    gboolean used = FALSE;
    int count = virConnectListAllDomains(conn, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    for (int i = 0; i < count; i++) {
        g_autofree char *xml = virDomainGetXMLDesc(domains[i], 0);
        g_autofree char *quoted = g_strdup_printf("'%s'", path);
        used = used || !xml || strstr(xml, quoted);
        virDomainFree(domains[i]);
    }
    free(domains);
    return used || count < 0;
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
    if (is_in_use(call->conn, path)) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s is in use on %s: it is not deleted", path, call->host->name);
        return FALSE;
    }
    g_autoptr(GwVirtFolder) folder = gw_virt_folder_open(call->host, call->conn, folder_path, error);
    return folder && gw_virt_folder_delete(folder, name, error);
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
    }
    return TRUE;
}
