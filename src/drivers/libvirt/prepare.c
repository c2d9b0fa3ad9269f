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

/* The source's volume of disk, or NULL where its pool does not list it. */
static xmlDoc *read_original(GwVirtCall *call, const GwPlanDisk *disk, gboolean refresh)
{
    virStorageVol *volume = virStorageVolLookupByPath(call->conn, disk->path);
    if (!volume && refresh) {
        g_autofree char *path = g_path_get_dirname(disk->path);
        g_autofree char *name = g_path_get_basename(disk->path);
        g_autoptr(GwVirtFolder) folder = gw_virt_folder_open(call->host, call->conn, path, NULL);
        if (folder && gw_virt_folder_has(folder, name))
            volume = virStorageVolLookupByName(folder->pool, name);
    }
    g_autofree char *xml = volume ? virStorageVolGetXMLDesc(volume, 0) : NULL;
    g_clear_pointer(&volume, virStorageVolFree);
    return xml ? gw_xml_parse(xml, "volume", NULL) : NULL;
}

/* "" for a disk that is complete in itself, NULL when the format below is not known. A wrong one would show the guest the inside of
 * an image as its disk, so it is never guessed. */
static char *backing_xml(GwVirtCall *call, const GwPlanDisk *disk)
{
    if (!disk->backing)
        return g_strdup("");
    const char *path = disk->backing[0];
    g_autofree char *format = gw_virt_definition_backing_format(call->plan, disk->target, path);
    if (!format) {
        g_autoptr(xmlDoc) doc = read_original(call, disk, TRUE);
        format = doc ? gw_xml_attr(gw_xml_at(xmlDocGetRootElement(doc), "backingStore/format"), "type") : NULL;
    }
    g_autofree char *escaped = gw_xml_escape(path);
    return format ? g_strdup_printf("<backingStore><path>%s</path><format type='%s'/></backingStore>", escaped, format) : NULL;
}

/* As the source's file, where its pool lists it; QEMU's own owner is set by the destination's libvirt in any case. */
char *gw_virt_permissions_xml(GwVirtCall *call, const GwPlanDisk *disk)
{
    g_autoptr(xmlDoc) doc = read_original(call, disk, FALSE);
    xmlNode *permissions = doc ? gw_xml_at(xmlDocGetRootElement(doc), "target/permissions") : NULL;
    return permissions ? gw_xml_to_text(permissions) : g_strdup("");
}

/* libvirt's own default for qcow2 is compat 0.10, whose format has no zero clusters: zeroes would take space. */
static char *volume_xml(GwVirtCall *call, const GwPlanDisk *disk, GError **error)
{
    const char *format = disk->format ? disk->format : "raw";
    g_autofree char *base = g_path_get_basename(disk->dest_path);
    g_autofree char *name = gw_xml_escape(base);
    g_autofree char *permissions = gw_virt_permissions_xml(call, disk);
    g_autofree char *backing = backing_xml(call, disk);
    if (!backing) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED,
                    "%s: the format of %s, the backing file of disk %s of %s, is not known; write it into the image with "
                    "qemu-img rebase -u -F FORMAT", call->host->name, disk->backing[0], disk->target, call->plan->name);
        return NULL;
    }
    return g_strdup_printf("<volume><name>%s</name><capacity>%" G_GUINT64_FORMAT "</capacity><allocation>0</allocation>"
                           "<target><format type='%s'/>%s%s</target>%s</volume>",
                           name, disk->capacity_bytes, format, permissions,
                           strcmp(format, "qcow2") == 0 ? "<compat>1.1</compat>" : "", backing);
}

/* The instance's own folder in instances_path comes with its first disk. */
static GwVirtFolder *open_folder(GwVirtCall *call, const char *path, GError **error)
{
    return gw_virt_folder_is_own(call->peer, path, call->uuid) ? gw_virt_folder_make(call->peer, call->peer_conn, path, error)
                                                               : gw_virt_folder_open(call->peer, call->peer_conn, path, error);
}

static gboolean make_volume(GwVirtCall *call, const GwPlanDisk *disk, GError **error)
{
    g_autofree char *path = g_path_get_dirname(disk->dest_path);
    g_autofree char *xml = volume_xml(call, disk, error);
    g_autoptr(GwVirtFolder) folder = xml ? open_folder(call, path, error) : NULL;
    if (!folder)
        return FALSE;
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
        if (disk->fate == GW_FATE_SEND)
            gw_virt_medium_remove(call->peer, call->peer_conn, call->uuid, disk->dest_path, NULL);
        if (disk->fate != GW_FATE_COPY)
            continue;
        g_autofree char *path = g_path_get_dirname(disk->dest_path);
        g_autofree char *name = g_path_get_basename(disk->dest_path);
        GwVirtFolder *folder = gw_virt_folder_open(call->peer, call->peer_conn, path, NULL);
        if (folder)
            gw_virt_folder_delete(folder, name, NULL);
        gw_virt_folder_close(folder);
        if (gw_virt_folder_is_own(call->peer, path, call->uuid))
            gw_virt_folder_remove(call->peer, call->peer_conn, path, NULL);
    }
}

gboolean gw_virt_prepare(GwVirtCall *call, GError **error)
{
    if (!gw_virt_start_pools(call->host, call->conn, call->peer, call->peer_conn, call->plan, error))
        return FALSE;
    for (guint i = 0; i < call->plan->disks->len; i++) {
        const GwPlanDisk *disk = call->plan->disks->pdata[i];
        gboolean ok = disk->fate == GW_FATE_COPY ? make_volume(call, disk, error)
                      : disk->fate == GW_FATE_SEND ? gw_virt_medium_send(call, disk, error) : TRUE;
        if (!ok) {
            remove_volumes(call, i);
            return FALSE;
        }
    }
    return TRUE;
}
