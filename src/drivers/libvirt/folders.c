/* A folder of a host, reached without an agent: through the storage pool that libvirt has on it. Where that pool is stopped it is
 * started, and where there is none one is made ("godwit-…", transient), each for as long as somebody has the folder open. */
#include "drivers/libvirt/internal.h"

#include <string.h>

#define PREFIX "godwit-"

static gboolean has_target(virStoragePool *pool, const char *path)
{
    g_autofree char *xml = virStoragePoolGetXMLDesc(pool, 0);
    g_autoptr(xmlDoc) doc = xml ? gw_xml_parse(xml, "pool", NULL) : NULL;
    g_autofree char *target = doc ? gw_xml_text(gw_xml_at(xmlDocGetRootElement(doc), "target/path")) : NULL;
    return g_strcmp0(target, path) == 0;
}

/* virStoragePoolLookupByTargetPath sees active pools only, and libvirt makes no second pool where a stopped one has its target. */
static virStoragePool *start_stopped(virConnectPtr conn, const char *path)
{
    virStoragePool **pools = NULL;
    virStoragePool *found = NULL;
    int count = virConnectListAllStoragePools(conn, &pools, VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE);
    for (int i = 0; i < count; i++) {
        if (!found && has_target(pools[i], path) && virStoragePoolCreate(pools[i], 0) == 0)
            found = g_steal_pointer(&pools[i]);
        g_clear_pointer(&pools[i], virStoragePoolFree);
    }
    free(pools);
    return found;
}

/* The name comes from the folder, so that one left behind by a crash is found again by its path, not doubled. */
static virStoragePool *make(virConnectPtr conn, const char *path)
{
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA1, path, -1);
    g_autofree char *escaped = gw_xml_escape(path);
    g_autofree char *xml = g_strdup_printf(
        "<pool type='dir'><name>" PREFIX "%.12s</name><target><path>%s</path></target></pool>", sum, escaped);
    return virStoragePoolCreateXML(conn, xml, 0);
}

static void count_use(GwHost *host, const char *path, int add)
{
    guint uses = GPOINTER_TO_UINT(g_hash_table_lookup(host->pool_uses, path)) + (guint)add;
    if (uses)
        g_hash_table_insert(host->pool_uses, g_strdup(path), GUINT_TO_POINTER(uses));
    else
        g_hash_table_remove(host->pool_uses, path);
}

/* Under pool_lock. */
static virStoragePool *find_or_make(GwHost *host, virConnectPtr conn, const char *path, gboolean *ret_ours)
{
    virStoragePool *pool = virStoragePoolLookupByTargetPath(conn, path);
    *ret_ours = !pool || g_hash_table_contains(host->pool_uses, path) ||
                g_str_has_prefix(virStoragePoolGetName(pool), PREFIX); /* left behind by a crash: goes when we go */
    if (!pool)
        pool = start_stopped(conn, path);
    return pool ? pool : make(conn, path);
}

GwVirtFolder *gw_virt_folder_open(GwHost *host, virConnectPtr conn, const char *path, GError **error)
{
    gboolean ours = FALSE;
    g_mutex_lock(&host->pool_lock);
    virStoragePool *pool = find_or_make(host, conn, path, &ours);
    if (pool && ours)
        count_use(host, path, 1);
    g_mutex_unlock(&host->pool_lock);
    if (!pool) {
        gw_virt_fail(host, GW_VIRT_ASK, error, "opening its folder %s", path);
        return NULL;
    }
    GwVirtFolder *folder = g_new0(GwVirtFolder, 1);
    folder->host = host;
    folder->pool = pool;
    folder->ours = ours ? g_strdup(path) : NULL;
    return folder;
}

void gw_virt_folder_close(GwVirtFolder *folder)
{
    if (!folder)
        return;
    if (folder->ours) {
        g_mutex_lock(&folder->host->pool_lock);
        count_use(folder->host, folder->ours, -1);
        if (!g_hash_table_contains(folder->host->pool_uses, folder->ours))
            virStoragePoolDestroy(folder->pool);
        g_mutex_unlock(&folder->host->pool_lock);
    }
    virStoragePoolFree(folder->pool);
    g_free(folder->ours);
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

guint64 gw_virt_folder_capacity(GwVirtFolder *folder, const char *name)
{
    virStorageVolInfo info;
    refresh(folder);
    g_autoptr(virStorageVol) volume = virStorageVolLookupByName(folder->pool, name);
    return volume && virStorageVolGetInfo(volume, &info) == 0 ? info.capacity : 0;
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
