/* Instances as libvirt knows them: XML, state, and what the storage says of their disks. */
#include "drivers/libvirt/internal.h"

#include <string.h>

virDomain *gw_virt_domain(GwHost *host, virConnectPtr conn, const char *uuid, GError **error)
{
    virDomain *domain = virDomainLookupByUUIDString(conn, uuid);
    if (!domain)
        gw_virt_fail(host, GW_VIRT_ASK, error, "looking for instance %s", uuid);
    return domain;
}

static GwPower power_of(virDomain *domain, int state)
{
    switch ((virDomainState)state) {
    case VIR_DOMAIN_RUNNING:
    case VIR_DOMAIN_BLOCKED:
    case VIR_DOMAIN_SHUTDOWN: /* on its way down, still running */
        return GW_POWER_RUNNING;
    case VIR_DOMAIN_PAUSED:
        return GW_POWER_PAUSED;
    case VIR_DOMAIN_SHUTOFF:
        return virDomainHasManagedSaveImage(domain, 0) == 1 ? GW_POWER_SUSPENDED : GW_POWER_SHUTDOWN;
    case VIR_DOMAIN_CRASHED:
        return GW_POWER_CRASHED;
    case VIR_DOMAIN_PMSUSPENDED:
        return GW_POWER_SUSPENDED;
    case VIR_DOMAIN_NOSTATE:
#ifdef VIR_ENUM_SENTINELS
    case VIR_DOMAIN_LAST:
#endif
        return GW_POWER_NOSTATE;
    }
    return GW_POWER_NOSTATE;
}

/* A disk of type "volume" names a pool and a volume; everything above wants the path. */
static void resolve_volume(virConnectPtr conn, GwDisk *disk)
{
    if (!disk->pool || disk->kind != GW_DISK_FILE || !disk->path || *disk->path == '/')
        return;
    g_autoptr(virStoragePool) pool = virStoragePoolLookupByName(conn, disk->pool);
    g_autoptr(virStorageVol) volume = pool ? virStorageVolLookupByName(pool, disk->path) : NULL;
    char *path = volume ? virStorageVolGetPath(volume) : NULL;
    virStorageVolInfo info;
    if (path && virStorageVolGetInfo(volume, &info) == 0) {
        disk->kind = info.type == VIR_STORAGE_VOL_BLOCK ? GW_DISK_BLOCK
                     : info.type == VIR_STORAGE_VOL_NETWORK ? GW_DISK_NETWORK
                                                            : GW_DISK_FILE;
        g_free(disk->path);
        disk->path = g_strdup(path);
    }
    free(path);
}

/* A host device may belong to a pool (iSCSI, LVM, ...), which the destination must start first. */
static void find_pool(virConnectPtr conn, GwDisk *disk)
{
    if (disk->pool || disk->kind != GW_DISK_BLOCK || !disk->path)
        return;
    g_autoptr(virStorageVol) volume = virStorageVolLookupByPath(conn, disk->path);
    g_autoptr(virStoragePool) pool = volume ? virStoragePoolLookupByVolume(volume) : NULL;
    disk->pool = pool ? g_strdup(virStoragePoolGetName(pool)) : NULL;
}

/* FNV-1a. */
static guint64 hash_text(guint64 hash, const char *text)
{
    for (; text && *text; text++)
        hash = (hash ^ (guchar)*text) * 1099511628211u;
    return hash;
}

/* The definition of a persistent instance may be edited while another one runs. */
static guint64 fingerprint_of(virDomain *domain, const GwInstance *instance, const char *xml)
{
    g_autofree char *inactive = instance->persistent && instance->power != GW_POWER_SHUTDOWN
                                    ? virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE) : NULL;
    return hash_text(hash_text(14695981039346656037u, xml), inactive);
}

/* Best effort: a process that has just ended has none to tell of. */
static guint64 cpu_time_of(virDomain *domain)
{
    virDomainInfo info;
    return virDomainGetInfo(domain, &info) == 0 ? info.cpuTime : 0;
}

GwInstance *gw_virt_read_instance(GwHost *host, virDomain *domain, GError **error)
{
    int autostart = 0;
    int state = VIR_DOMAIN_NOSTATE;
    g_autofree char *xml = virDomainGetXMLDesc(domain, 0);
    if (!xml || virDomainGetState(domain, &state, NULL, 0) != 0) {
        gw_virt_fail(host, GW_VIRT_ASK, error, "reading an instance");
        return NULL;
    }
    GwInstance *instance = gw_virt_parse_instance(xml, error);
    if (!instance)
        return NULL;
    instance->power = power_of(domain, state);
    instance->persistent = virDomainIsPersistent(domain) == 1;
    instance->autostart = instance->persistent && virDomainGetAutostart(domain, &autostart) == 0 && autostart;
    instance->fingerprint = fingerprint_of(domain, instance, xml);
    instance->cpu_time_ns = instance->power == GW_POWER_RUNNING ? cpu_time_of(domain) : 0;
    for (guint i = 0; i < instance->disks->len; i++) {
        GwDisk *disk = instance->disks->pdata[i];
        resolve_volume(virDomainGetConnect(domain), disk);
        find_pool(virDomainGetConnect(domain), disk);
    }
    gw_virt_read_sizes(host, instance);
    return instance;
}

/* An instance that went away during the listing is left out. Any other failure is the listing's: a list that a broken connection
 * has cut short would say that the rest is gone. */
static gboolean add_instance(GwHost *host, virDomain *domain, GPtrArray *instances, GError **error)
{
    GError *local = NULL;
    GwInstance *instance = gw_virt_read_instance(host, domain, &local);
    if (instance)
        g_ptr_array_add(instances, instance);
    else if (!g_error_matches(local, GW_ERROR, GW_ERROR_NOT_FOUND)) {
        g_propagate_error(error, local);
        return FALSE;
    }
    g_clear_error(&local);
    return TRUE;
}

gboolean gw_virt_instances(GwVirtCall *call, GError **error)
{
    virDomain **domains = NULL;
    int count = virConnectListAllDomains(call->conn, &domains, 0);
    if (count < 0)
        return gw_virt_fail(call->host, GW_VIRT_ASK, error, "listing its instances");
    g_autoptr(GPtrArray) instances = g_ptr_array_new_with_free_func((GDestroyNotify)gw_instance_unref);
    gboolean ok = TRUE;
    for (int i = 0; i < count; i++) {
        gboolean probe = gw_probe_is_name(virDomainGetName(domains[i]));
        ok = ok && (probe || add_instance(call->host, domains[i], instances, error));
        virDomainFree(domains[i]);
    }
    free(domains);
    if (!ok)
        return FALSE;
    call->result = g_steal_pointer(&instances);
    call->free_result = (GDestroyNotify)g_ptr_array_unref;
    return TRUE;
}

gboolean gw_virt_describe(GwVirtCall *call, GError **error)
{
    g_autoptr(virDomain) domain = gw_virt_domain(call->host, call->conn, call->uuid, error);
    if (domain && gw_probe_is_name(virDomainGetName(domain))) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "%s is a probe, not an instance", virDomainGetName(domain));
        return FALSE;
    }
    call->result = domain ? gw_virt_read_instance(call->host, domain, error) : NULL;
    call->free_result = (GDestroyNotify)gw_instance_unref;
    return call->result != NULL;
}
