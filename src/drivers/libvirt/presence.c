/* What is on a host's disks, asked without an agent and without leaving a trace.
 *
 * libvirt looks whether a backing file is there (access, R_OK) before it makes a volume upon it, and after that it refuses the
 * combination of lazy_refcounts with compat 0.10 (storage_util.c: storageBackendCreateQemuImgSetBacking, then …SetOptions).
 * A volume that asks for both is never made, and which of the two refusals comes says whether the path is there. Any active
 * pool of files serves, the path need not be below it, and no pool is refreshed.
 * tests/assumptions/test_libvirt.py watches that it stays so. */
#include "drivers/libvirt/internal.h"

#include <errno.h>
#include <stdlib.h>

static virStoragePool *any_file_pool(virConnectPtr conn)
{
    virStoragePool **pools = NULL;
    virStoragePool *found = NULL;
    int count = virConnectListAllStoragePools(conn, &pools, VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE |
                                                                VIR_CONNECT_LIST_STORAGE_POOLS_DIR |
                                                                VIR_CONNECT_LIST_STORAGE_POOLS_FS |
                                                                VIR_CONNECT_LIST_STORAGE_POOLS_NETFS);
    for (int i = 0; i < count; i++) {
        /* one of Godwit's own may go at any moment */
        if (!found && !gw_virt_folder_made_pool(pools[i]))
            found = pools[i];
        else
            virStoragePoolFree(pools[i]);
    }
    free(pools);
    return found;
}

static virStorageVol *try_to_make(virStoragePool *pool, const char *path)
{
    g_autofree char *uuid = g_uuid_string_random();
    g_autofree char *escaped = gw_xml_escape(path);
    g_autofree char *xml = g_strdup_printf(
        "<volume><name>.godwit-question-%s</name><capacity>1</capacity><target><format type='qcow2'/>"
        "<compat>0.10</compat><features><lazy_refcounts/></features></target>"
        "<backingStore><path>%s</path><format type='raw'/></backingStore></volume>", uuid, escaped);
    return virStorageVolCreateXML(pool, xml, 0);
}

static GwFact ask(virStoragePool *pool, const char *path)
{
    virStorageVol *volume = try_to_make(pool, path);
    if (volume) { /* a libvirt that no longer refuses: the file was there, and this must not stay */
        virStorageVolDelete(volume, 0);
        virStorageVolFree(volume);
        return GW_FACT_YES;
    }
    const virError *found = virGetLastError();
    if (found && found->code == VIR_ERR_CONFIG_UNSUPPORTED)
        return GW_FACT_YES;
    gboolean absent = found && found->code == VIR_ERR_SYSTEM_ERROR && (found->int1 == ENOENT || found->int1 == ENOTDIR);
    return absent ? GW_FACT_NO : GW_FACT_UNKNOWN;
}

GwFact gw_virt_presence(GwHost *host, virConnectPtr conn, const char *path)
{
    g_autoptr(virStoragePool) pool = any_file_pool(conn);
    if (pool)
        return ask(pool, path);
    g_autofree char *parent = g_path_get_dirname(path);
    g_autoptr(GwVirtFolder) folder = gw_virt_folder_open(host, conn, parent, NULL);
    return folder ? ask(folder->pool, path) : GW_FACT_UNKNOWN;
}

#define PROBE ".godwit-probe-"
enum { PROBE_LASTS_S = 60 };

/* What a daemon that was killed in the midst of it has left; the name tells since when. */
static void sweep(virStoragePool *pool, gint64 now_s)
{
    virStorageVol **volumes = NULL;
    int count = virStoragePoolListAllVolumes(pool, &volumes, 0);
    for (int i = 0; i < count; i++) {
        const char *name = virStorageVolGetName(volumes[i]);
        gboolean probe = name && g_str_has_prefix(name, PROBE);
        if (probe && now_s - g_ascii_strtoll(name + sizeof PROBE - 1, NULL, 10) > PROBE_LASTS_S)
            virStorageVolDelete(volumes[i], 0);
        virStorageVolFree(volumes[i]);
    }
    free(volumes);
}

/* The name is new, so that no cache of a network file system can know it. */
GwFact gw_virt_same_folder(GwHost *here, virConnectPtr here_conn, GwHost *there, virConnectPtr there_conn,
                           const char *folder)
{
    g_autoptr(GwVirtFolder) source = gw_virt_folder_open(here, here_conn, folder, NULL);
    g_autofree char *uuid = g_uuid_string_random();
    gint64 now_s = g_get_real_time() / G_USEC_PER_SEC;
    g_autofree char *name = g_strdup_printf(PROBE "%" G_GINT64_FORMAT "-%s", now_s, uuid);
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *xml = g_strdup_printf("<volume><name>%s</name><capacity>1</capacity><allocation>0</allocation>"
                                           "<target><format type='raw'/></target></volume>", name);
    if (source)
        sweep(source->pool, now_s);
    g_autoptr(virStorageVol) probe = source ? virStorageVolCreateXML(source->pool, xml, 0) : NULL;
    if (!probe)
        return GW_FACT_UNKNOWN; /* read-only, full, or out of reach */
    GwFact present = gw_virt_presence(there, there_conn, path);
    virStorageVolDelete(probe, 0);
    return present;
}
