/* Read-only media that lie on the source alone, an ISO on its local disk say. libvirt does not copy them with the guest ("Cannot migrate
 * empty or read-only disk"), so that they are sent beforehand, file by file, through the storage API and the controller. The source keeps
 * its own. A medium on its way grows from nothing: only one of the source's size is whole. */
#include "drivers/libvirt/internal.h"

#include <string.h>

/* ---- which are on their way to a host: one move sends a medium, others that need it wait */

static gboolean is_on_its_way(GwHost *dest, const char *path)
{
    g_mutex_lock(&dest->lock);
    gboolean found = g_hash_table_contains(dest->arriving, path);
    g_mutex_unlock(&dest->lock);
    return found;
}

static void enter(GwHost *dest, const char *path)
{
    g_mutex_lock(&dest->lock);
    while (g_hash_table_contains(dest->arriving, path))
        g_cond_wait(&dest->arrived, &dest->lock);
    g_hash_table_add(dest->arriving, g_strdup(path));
    g_mutex_unlock(&dest->lock);
}

static void leave(GwHost *dest, const char *path)
{
    g_mutex_lock(&dest->lock);
    g_hash_table_remove(dest->arriving, path);
    g_cond_broadcast(&dest->arrived);
    g_mutex_unlock(&dest->lock);
}

/* ---- examining */

static guint64 size_at(GwHost *host, virConnectPtr conn, const char *path)
{
    g_autofree char *folder_path = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_autoptr(GwVirtFolder) folder = gw_virt_folder_open(host, conn, folder_path, NULL);
    return folder ? gw_virt_folder_size(folder, name) : 0;
}

GwFact gw_virt_medium_is_there(GwVirtCall *call, GwDisk *disk, char **ret_problem)
{
    if (is_on_its_way(call->peer, disk->path))
        return GW_FACT_NO;
    GwFact there = gw_virt_presence(call->peer, call->peer_conn, disk->path);
    guint64 own = there == GW_FACT_UNKNOWN ? 0 : size_at(call->host, call->conn, disk->path);
    if (there == GW_FACT_NO) {
        disk->capacity_bytes = disk->allocation_bytes = own;
        return own ? GW_FACT_NO : GW_FACT_UNKNOWN;
    }
    guint64 other = own ? size_at(call->peer, call->peer_conn, disk->path) : 0;
    if (own && other && own != other)
        *ret_problem = g_strdup_printf("%s has %s with %" G_GUINT64_FORMAT " bytes, and %s with %" G_GUINT64_FORMAT
                                       ": the guest would find another medium", call->peer->name, disk->path, other, call->host->name, own);
    return there;
}

/* ---- sending */

static gboolean pump(GwVirtCall *call, virStream *from, virStream *to, GError **error)
{
    enum { CHUNK = 256 * 1024 }; /* what fits into one of libvirt's messages, about */
    g_autofree char *chunk = g_malloc(CHUNK);
    for (;;) {
        int count = virStreamRecv(from, chunk, CHUNK);
        if (count < 0)
            return gw_virt_fail(call->host, GW_VIRT_ACT, error, "reading a medium");
        for (int sent = 0; sent < count;) {
            int now = virStreamSend(to, chunk + sent, (size_t)(count - sent));
            if (now < 0)
                return gw_virt_fail(call->peer, GW_VIRT_ACT, error, "writing a medium");
            sent += now;
        }
        if (count == 0)
            break;
    }
    if (virStreamFinish(from) != 0)
        return gw_virt_fail(call->host, GW_VIRT_ACT, error, "reading a medium");
    return virStreamFinish(to) == 0 || gw_virt_fail(call->peer, GW_VIRT_ACT, error, "writing a medium");
}

static gboolean transfer(GwVirtCall *call, virStorageVol *original, virStorageVol *copy, GError **error)
{
    virStream *from = virStreamNew(call->conn, 0);
    virStream *to = virStreamNew(call->peer_conn, 0);
    gboolean ok = from && to;
    if (!ok)
        gw_virt_fail(call->host, GW_VIRT_ACT, error, "opening a stream");
    else if (virStorageVolDownload(original, from, 0, 0, 0) != 0)
        ok = gw_virt_fail(call->host, GW_VIRT_ACT, error, "reading a medium");
    else if (virStorageVolUpload(copy, to, 0, 0, 0) != 0)
        ok = gw_virt_fail(call->peer, GW_VIRT_ACT, error, "writing a medium");
    else
        ok = pump(call, from, to, error);
    if (from && !ok)
        virStreamAbort(from);
    if (to && !ok)
        virStreamAbort(to);
    if (from)
        virStreamFree(from);
    if (to)
        virStreamFree(to);
    return ok;
}

/* Made empty, so that its size tells how much of it is there. */
static virStorageVol *make_empty(GwVirtCall *call, GwVirtFolder *folder, const char *name, const GwPlanDisk *disk, GError **error)
{
    g_autofree char *escaped = gw_xml_escape(name);
    g_autofree char *permissions = gw_virt_permissions_xml(call, disk);
    g_autofree char *xml = g_strdup_printf("<volume><name>%s</name><capacity>0</capacity><allocation>0</allocation>"
                                           "<target><format type='raw'/>%s</target></volume>", escaped, permissions);
    virStorageVol *volume = virStorageVolCreateXML(folder->pool, xml, 0);
    if (!volume)
        gw_virt_fail(call->peer, GW_VIRT_ACT, error, "making %s", disk->path);
    return volume;
}

static gboolean is_whole(GwVirtCall *call, GwVirtFolder *folder, const char *name, const GwPlanDisk *disk, guint64 wanted, GError **error)
{
    guint64 size = gw_virt_folder_refresh(folder) ? gw_virt_folder_size(folder, name) : 0;
    if (size != wanted)
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "%s has %" G_GUINT64_FORMAT " bytes of %s, and %s has %" G_GUINT64_FORMAT,
                    call->peer->name, size, disk->path, call->host->name, wanted);
    return size == wanted;
}

static gboolean send_to(GwVirtCall *call, GwVirtFolder *there, const char *name, const GwPlanDisk *disk, GError **error)
{
    g_autofree char *folder_path = g_path_get_dirname(disk->path);
    g_autoptr(GwVirtFolder) here = gw_virt_folder_open(call->host, call->conn, folder_path, error);
    if (!here)
        return FALSE;
    guint64 size = gw_virt_folder_size(here, name);
    g_autoptr(virStorageVol) original = virStorageVolLookupByName(here->pool, name);
    if (!original || !size)
        return gw_virt_fail(call->host, GW_VIRT_ASK, error, "finding %s", disk->path);
    if (gw_virt_folder_has(there, name)) /* another move has brought it meanwhile, or somebody put it there: the same, or none of ours */
        return is_whole(call, there, name, disk, size, error);
    g_autoptr(virStorageVol) copy = make_empty(call, there, name, disk, error);
    if (!copy)
        return FALSE;
    if (transfer(call, original, copy, error) && is_whole(call, there, name, disk, size, error))
        return TRUE;
    virStorageVolDelete(copy, 0);
    return FALSE;
}

gboolean gw_virt_medium_send(GwVirtCall *call, const GwPlanDisk *disk, GError **error)
{
    g_autofree char *folder_path = g_path_get_dirname(disk->dest_path);
    g_autofree char *name = g_path_get_basename(disk->dest_path);
    g_autoptr(GwVirtFolder) there = gw_virt_folder_open(call->peer, call->peer_conn, folder_path, error);
    if (!there)
        return FALSE;
    enter(call->peer, disk->dest_path);
    gboolean ok = send_to(call, there, name, disk, error);
    leave(call->peer, disk->dest_path);
    return ok;
}

/* ---- removing */

gboolean gw_virt_medium_remove(GwHost *host, virConnectPtr conn, const char *uuid, const char *path, GError **error)
{
    g_autofree char *folder_path = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *user = gw_virt_find_user(conn, uuid, path);
    if (user || is_on_its_way(host, path))
        return TRUE; /* it is no longer this instance's alone */
    g_autoptr(GwVirtFolder) folder = gw_virt_folder_open(host, conn, folder_path, error);
    return folder && gw_virt_folder_delete(folder, name, error);
}
