/* Room on the destination: pools active, and an empty volume for every disk that travels. libvirt would make the volumes itself, but
 * fully allocated and only where a pool is active, and it would overwrite a file that is already there. */
#include "drivers/libvirt/internal.h"

#include <string.h>

/* ---- pools of shared volumes */

/* A pool that the destination does not know is defined as the source has it. */
static virStoragePool *find_pool(GwHost *from, virConnectPtr from_conn, GwHost *host, virConnectPtr conn, const char *name,
                                 GError **error)
{
    virStoragePool *pool = virStoragePoolLookupByName(conn, name);
    if (pool)
        return pool;
    g_autoptr(virStoragePool) original = from ? virStoragePoolLookupByName(from_conn, name) : NULL;
    g_autofree char *xml = original ? virStoragePoolGetXMLDesc(original, VIR_STORAGE_XML_INACTIVE) : NULL;
    pool = xml ? virStoragePoolDefineXML(conn, xml, 0) : NULL;
    if (!pool)
        gw_virt_fail(host, GW_VIRT_ASK, error, "finding its storage pool %s", name);
    return pool;
}

gboolean gw_virt_start_pools(GwHost *from, virConnectPtr from_conn, GwHost *host, virConnectPtr conn, const GwPlan *plan,
                             GError **error)
{
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        if (!disk->pool)
            continue;
        g_autoptr(virStoragePool) pool = find_pool(from, from_conn, host, conn, disk->pool, error);
        if (!pool)
            return FALSE;
        if (virStoragePoolIsActive(pool) != 1 && virStoragePoolCreate(pool, 0) != 0)
            return gw_virt_fail(host, GW_VIRT_ACT, error, "starting its storage pool %s", disk->pool);
    }
    return TRUE;
}

/* ---- volumes */

static char *volume_xml(const GwPlanDisk *disk)
{
    g_autofree char *base = g_path_get_basename(disk->dest_path);
    g_autofree char *name = gw_xml_escape(base);
    g_autofree char *backing = disk->backing ? gw_xml_escape(disk->backing[0]) : NULL;
    g_autofree char *below =
        backing ? g_strdup_printf("<backingStore><path>%s</path><format type='%s'/></backingStore>", backing,
                                  disk->backing[1] ? "qcow2" : "raw")
                : g_strdup("");
    return g_strdup_printf("<volume><name>%s</name><capacity>%" G_GUINT64_FORMAT "</capacity><allocation>0</allocation>"
                           "<target><format type='%s'/></target>%s</volume>",
                           name, disk->capacity_bytes, disk->format ? disk->format : "raw", below);
}

static gboolean make_volume(GwVirtCall *call, const GwPlanDisk *disk, GError **error)
{
    g_autofree char *path = g_path_get_dirname(disk->dest_path);
    g_autofree char *name = g_path_get_basename(disk->dest_path);
    g_autoptr(GwVirtFolder) folder = gw_virt_folder_open(call->peer, call->peer_conn, path, error);
    if (!folder)
        return FALSE;
    g_autofree char *xml = volume_xml(disk);
    g_autoptr(virStorageVol) volume = virStorageVolCreateXML(folder->pool, xml, 0);
    if (!volume && gw_virt_last_is(VIR_ERR_STORAGE_VOL_EXIST)) { /* known to the pool; the file may be gone since */
        virStoragePoolRefresh(folder->pool, 0);
        volume = virStorageVolCreateXML(folder->pool, xml, 0);
    }
    return volume || gw_virt_fail(call->peer, GW_VIRT_ACT, error, "making room for disk %s at %s", disk->target, disk->dest_path);
}

static void remove_volumes(GwVirtCall *call, guint count)
{
    for (guint i = 0; i < count; i++) {
        const GwPlanDisk *disk = call->plan->disks->pdata[i];
        if (disk->fate != GW_FATE_COPY)
            continue;
        g_autofree char *path = g_path_get_dirname(disk->dest_path);
        g_autofree char *name = g_path_get_basename(disk->dest_path);
        g_autoptr(GwVirtFolder) folder = gw_virt_folder_open(call->peer, call->peer_conn, path, NULL);
        if (folder)
            gw_virt_folder_delete(folder, name, NULL);
    }
}

gboolean gw_virt_prepare(GwVirtCall *call, GError **error)
{
    if (!gw_virt_start_pools(call->host, call->conn, call->peer, call->peer_conn, call->plan, error))
        return FALSE;
    for (guint i = 0; i < call->plan->disks->len; i++) {
        const GwPlanDisk *disk = call->plan->disks->pdata[i];
        if (disk->fate == GW_FATE_COPY && !make_volume(call, disk, error)) {
            remove_volumes(call, i);
            return FALSE;
        }
    }
    return TRUE;
}
