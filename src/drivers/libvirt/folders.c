/* A folder of a host, reached without an agent: through the storage pool that libvirt has on it, or through one that is made for
 * the moment ("godwit-…", transient) and destroyed when the folder is closed. */
#include "drivers/libvirt/internal.h"

static virStoragePool *existing(virConnectPtr conn, const char *path)
{
    virStoragePool *pool = virStoragePoolLookupByTargetPath(conn, path);
    if (pool && virStoragePoolIsActive(pool) != 1 && virStoragePoolCreate(pool, 0) != 0)
        g_clear_pointer(&pool, virStoragePoolFree);
    return pool;
}

/* The name comes from the folder, so that one left behind by a crash is found again by its path, not doubled. */
static virStoragePool *make(virConnectPtr conn, const char *path)
{
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA1, path, -1);
    g_autofree char *escaped = gw_xml_escape(path);
    g_autofree char *xml = g_strdup_printf(
        "<pool type='dir'><name>godwit-%.12s</name><target><path>%s</path></target></pool>", sum, escaped);
    return virStoragePoolCreateXML(conn, xml, 0);
}

GwVirtFolder *gw_virt_folder_open(GwHost *host, virConnectPtr conn, const char *path, GError **error)
{
    virStoragePool *pool = existing(conn, path);
    gboolean made = FALSE;
    if (!pool) {
        g_mutex_lock(&host->pool_lock); /* until it is closed: nobody else may rely on a pool that is about to go */
        pool = existing(conn, path);
        made = !pool;
        if (!pool)
            pool = make(conn, path);
        if (!pool || !made)
            g_mutex_unlock(&host->pool_lock);
    }
    if (!pool) {
        gw_virt_fail(host, GW_VIRT_ASK, error, "opening its folder %s", path);
        return NULL;
    }
    GwVirtFolder *folder = g_new0(GwVirtFolder, 1);
    folder->host = host;
    folder->pool = pool;
    folder->made = made;
    folder->refreshed = made;
    return folder;
}

void gw_virt_folder_close(GwVirtFolder *folder)
{
    if (!folder)
        return;
    if (folder->made) {
        virStoragePoolDestroy(folder->pool);
        g_mutex_unlock(&folder->host->pool_lock);
    }
    virStoragePoolFree(folder->pool);
    g_free(folder);
}

/* libvirt's list of a pool's files is as old as its last refresh. */
static void refresh(GwVirtFolder *folder)
{
    if (!folder->refreshed)
        virStoragePoolRefresh(folder->pool, 0);
    folder->refreshed = TRUE;
}

gboolean gw_virt_folder_has(GwVirtFolder *folder, const char *name)
{
    refresh(folder);
    g_autoptr(virStorageVol) volume = virStorageVolLookupByName(folder->pool, name);
    return volume != NULL;
}

gboolean gw_virt_folder_delete(GwVirtFolder *folder, const char *name, GError **error)
{
    virStorageVol *volume = virStorageVolLookupByName(folder->pool, name);
    if (!volume && !folder->refreshed) {
        refresh(folder);
        volume = virStorageVolLookupByName(folder->pool, name);
    }
    if (!volume)
        return TRUE;
    gboolean ok = virStorageVolDelete(volume, 0) == 0;
    if (!ok)
        gw_virt_fail(folder->host, GW_VIRT_ACT, error, "deleting %s", name);
    virStorageVolFree(volume);
    return ok;
}

guint64 gw_virt_folder_available(GwVirtFolder *folder)
{
    virStoragePoolInfo info;
    return virStoragePoolGetInfo(folder->pool, &info) == 0 ? info.available : 0;
}
