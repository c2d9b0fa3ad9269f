/* A folder of a host, reached without an agent: through the storage pool that libvirt has on it. Where that pool is stopped it is
 * started, and where there is none one is made ("godwit-…", transient), each for as long as somebody has the folder open. */
#include "drivers/libvirt/internal.h"

#include <string.h>

#define PREFIX "godwit-"
enum { POOL_LASTS_S = 3600 };

static char *target_of(virStoragePool *pool)
{
    g_autofree char *xml = virStoragePoolGetXMLDesc(pool, 0);
    g_autoptr(xmlDoc) doc = xml ? gw_xml_parse(xml, "pool", NULL) : NULL;
    return doc ? gw_xml_text(gw_xml_at(xmlDocGetRootElement(doc), "target/path")) : NULL;
}

static gboolean has_target(virStoragePool *pool, const char *path)
{
    g_autofree char *target = target_of(pool);
    return g_strcmp0(target, path) == 0;
}

gboolean gw_virt_folder_made_pool(virStoragePool *pool)
{
    return g_str_has_prefix(virStoragePoolGetName(pool), PREFIX);
}

/* virStoragePoolLookupByTargetPath sees active pools only, and libvirt makes no second pool where a stopped one has its target. */
static virStoragePool *find_stopped(virConnectPtr conn, const char *path)
{
    virStoragePool **pools = NULL;
    virStoragePool *found = NULL;
    int count = virConnectListAllStoragePools(conn, &pools, VIR_CONNECT_LIST_STORAGE_POOLS_INACTIVE);
    for (int i = 0; i < count; i++) {
        if (!found && has_target(pools[i], path))
            found = g_steal_pointer(&pools[i]);
        g_clear_pointer(&pools[i], virStoragePoolFree);
    }
    free(pools);
    return found;
}

/* One of ours is never stopped and yet there, but where a removal was interrupted: it goes, so that another one can be made. */
static virStoragePool *start_stopped(virConnectPtr conn, const char *path)
{
    g_autoptr(virStoragePool) pool = find_stopped(conn, path);
    if (pool && gw_virt_folder_made_pool(pool)) {
        virStoragePoolUndefine(pool);
        return NULL;
    }
    return pool && virStoragePoolCreate(pool, 0) == 0 ? g_steal_pointer(&pool) : NULL;
}

/* The name comes from the folder, so that one left behind by a crash is found again by its path, not doubled. */
static char *pool_name(const char *path)
{
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA1, path, -1);
    return g_strdup_printf(PREFIX "%.12s", sum);
}

/* A UUID that tells when it was made: RFC 9562, version 7, 48 bits of milliseconds. */
static char *new_uuid(void)
{
    guint64 now_ms = (guint64)g_get_real_time() / 1000;
    g_autofree char *random = g_uuid_string_random();
    return g_strdup_printf("%08x-%04x-7%s", (guint)(now_ms >> 16), (guint)(now_ms & 0xffff), random + strlen("xxxxxxxx-xxxx-4"));
}

/* The mode counts only where the folder is made: QEMU, which is another user, goes through it and lists nothing. */
static char *pool_xml(const char *path)
{
    g_autofree char *name = pool_name(path);
    g_autofree char *uuid = new_uuid();
    g_autofree char *escaped = gw_xml_escape(path);
    return g_strdup_printf("<pool type='dir'><name>%s</name><uuid>%s</uuid><target><path>%s</path><permissions><mode>0711</mode>"
                           "</permissions></target></pool>", name, uuid, escaped);
}

static virStoragePool *make(virConnectPtr conn, const char *path, unsigned flags)
{
    g_autofree char *xml = pool_xml(path);
    return virStoragePoolCreateXML(conn, xml, flags);
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
static virStoragePool *find_or_make(GwHost *host, virConnectPtr conn, const char *path, unsigned flags, gboolean *ret_ours)
{
    virStoragePool *pool = virStoragePoolLookupByTargetPath(conn, path);
    *ret_ours = !pool || g_hash_table_contains(host->pool_uses, path) ||
                gw_virt_folder_made_pool(pool); /* left behind by a crash: goes when we go */
    if (!pool)
        pool = start_stopped(conn, path);
    return pool ? pool : make(conn, path, flags);
}

static GwVirtFolder *open_folder(GwHost *host, virConnectPtr conn, const char *path, unsigned flags, GError **error)
{
    gboolean ours = FALSE;
    g_mutex_lock(&host->pool_lock);
    virStoragePool *pool = find_or_make(host, conn, path, flags, &ours);
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

GwVirtFolder *gw_virt_folder_open(GwHost *host, virConnectPtr conn, const char *path, GError **error)
{
    return open_folder(host, conn, path, 0, error);
}

GwVirtFolder *gw_virt_folder_make(GwHost *host, virConnectPtr conn, const char *path, GError **error)
{
    return open_folder(host, conn, path, VIR_STORAGE_POOL_CREATE_WITH_BUILD, error);
}

gboolean gw_virt_folder_is_own(const GwHost *host, const char *path, const char *uuid)
{
    g_autofree char *own = host->instances_path ? g_build_filename(host->instances_path, uuid, NULL) : NULL;
    return g_strcmp0(own, path) == 0;
}

/* What a removal that was interrupted has left is taken as it is: libvirt takes no second pool of that name. */
static virStoragePool *find_left(virConnectPtr conn, const char *path)
{
    g_autofree char *name = pool_name(path);
    g_autoptr(virStoragePool) left = virStoragePoolLookupByName(conn, name);
    if (left && virStoragePoolIsActive(left) == 1)
        virStoragePoolDestroy(left);
    return left && virStoragePoolIsPersistent(left) == 1 ? g_steal_pointer(&left) : NULL;
}

/* Only a stopped pool deletes its folder, and one that is not defined goes when it is stopped: so one is defined. */
static virStoragePool *define(virConnectPtr conn, const char *path)
{
    g_autofree char *xml = pool_xml(path);
    virStoragePool *left = find_left(conn, path);
    return left ? left : virStoragePoolDefineXML(conn, xml, 0);
}

/* Under pool_lock. A folder that cannot be removed, since it is gone or is not empty, is no failure. */
static gboolean delete_folder(GwHost *host, virConnectPtr conn, const char *path, GError **error)
{
    g_autoptr(virStoragePool) pool = define(conn, path);
    if (!pool)
        return gw_virt_fail(host, GW_VIRT_ACT, error, "making a pool to remove the folder %s", path);
    if (virStoragePoolDelete(pool, 0) != 0 && !gw_virt_last_is(VIR_ERR_SYSTEM_ERROR))
        return gw_virt_fail(host, GW_VIRT_ACT, error, "removing the folder %s", path);
    return virStoragePoolUndefine(pool) == 0 || gw_virt_last_is(VIR_ERR_NO_STORAGE_POOL) ||
           gw_virt_fail(host, GW_VIRT_ACT, error, "undefining the pool that removed the folder %s", path);
}

/* Under pool_lock. */
static gboolean is_someones(virConnectPtr conn, const char *path)
{
    g_autoptr(virStoragePool) pool = virStoragePoolLookupByTargetPath(conn, path);
    if (!pool)
        pool = find_stopped(conn, path);
    return pool && !gw_virt_folder_made_pool(pool);
}

gboolean gw_virt_folder_remove(GwHost *host, virConnectPtr conn, const char *path, GError **error)
{
    gboolean ok = FALSE;
    g_mutex_lock(&host->pool_lock);
    if (g_hash_table_contains(host->pool_uses, path))
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s: the folder %s is in use: try again later", host->name, path);
    else
        ok = is_someones(conn, path) || delete_folder(host, conn, path, error);
    g_mutex_unlock(&host->pool_lock);
    return ok;
}

static gboolean is_left_over(virStoragePool *pool, gint64 now_s)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    if (!gw_virt_folder_made_pool(pool) || virStoragePoolGetUUIDString(pool, uuid) != 0 || uuid[14] != '7')
        return FALSE;
    gint64 made_ms = (gint64)(g_ascii_strtoull(uuid, NULL, 16) << 16 | g_ascii_strtoull(uuid + 9, NULL, 16));
    return now_s - made_ms / 1000 > POOL_LASTS_S;
}

static void stop_unused(GwHost *host, virStoragePool *pool)
{
    g_autofree char *path = target_of(pool);
    g_mutex_lock(&host->pool_lock);
    gboolean used = !path || g_hash_table_contains(host->pool_uses, path);
    if (!used && virStoragePoolIsActive(pool) == 1)
        virStoragePoolDestroy(pool);
    if (!used && virStoragePoolIsPersistent(pool) == 1) /* of a removal that was interrupted */
        virStoragePoolUndefine(pool);
    g_mutex_unlock(&host->pool_lock);
}

void gw_virt_folder_sweep(GwHost *host, virConnectPtr conn, gint64 now_s)
{
    virStoragePool **pools = NULL;
    int count = virConnectListAllStoragePools(conn, &pools, 0);
    for (int i = 0; i < count; i++) {
        if (is_left_over(pools[i], now_s))
            stop_unused(host, pools[i]);
        g_clear_pointer(&pools[i], virStoragePoolFree);
    }
    free(pools);
}

gboolean gw_virt_folder_refresh(GwVirtFolder *folder)
{
    enum { TRIES = 100, PAUSE_MS = 100 };
    for (guint i = 0; i < TRIES; i++) {
        if (virStoragePoolRefresh(folder->pool, 0) == 0)
            return TRUE;
        g_usleep(PAUSE_MS * 1000);
    }
    return FALSE;
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

guint64 gw_virt_folder_size(GwVirtFolder *folder, const char *name)
{
    virStorageVolInfo info;
    refresh(folder);
    g_autoptr(virStorageVol) volume = virStorageVolLookupByName(folder->pool, name);
    gboolean known = volume && virStorageVolGetInfoFlags(volume, &info, VIR_STORAGE_VOL_GET_PHYSICAL) == 0;
    return known ? info.allocation : 0;
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
