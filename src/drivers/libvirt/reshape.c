/* Another shape for a stopped instance: its vCPUs, its memory, the size of its disk. */
#include "drivers/libvirt/internal.h"

#include <string.h>

const char *gw_virt_rigid(const xmlNode *domain)
{
    static const struct {
        const char *path, *what;
    } fixed[] = {
        {"cpu/topology", "a topology of its CPUs (<topology>)"},
        {"cpu/numa", "NUMA cells (<numa>)"},
        {"vcpus", "settings of single vCPUs (<vcpus>)"},
        {"cputune/vcpupin", "vCPUs pinned one by one (<vcpupin>)"},
        {"maxMemory", "room for more memory (<maxMemory>)"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(fixed); i++)
        if (gw_xml_at(domain, fixed[i].path))
            return fixed[i].what;
    return NULL;
}

/* ---- the definition */

static void set_mib(xmlNode *domain, const char *name, guint64 mib)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, mib);
    xmlNode *node = gw_xml_child(domain, name);
    if (!node)
        return;
    xmlNodeSetContent(node, (const xmlChar *)text);
    gw_xml_set_attr(node, "unit", "MiB");
}

static void set_vcpus(xmlNode *domain, guint count)
{
    g_autofree char *text = g_strdup_printf("%u", count);
    xmlNode *node = gw_xml_child(domain, "vcpu");
    if (!node) { /* libvirt's own default is one, and is not written down */
        xmlNewChild(domain, NULL, (const xmlChar *)"vcpu", (const xmlChar *)text);
        return;
    }
    xmlNodeSetContent(node, (const xmlChar *)text);
    gw_xml_set_attr(node, "current", NULL);
}

static char *reshaped(const GwPlan *plan, GError **error)
{
    g_autofree char *xml = gw_virt_definition_inactive(plan, error);
    g_autoptr(xmlDoc) doc = xml ? gw_xml_parse(xml, "domain", error) : NULL;
    if (!doc)
        return NULL;
    xmlNode *domain = xmlDocGetRootElement(doc);
    set_vcpus(domain, plan->new_vcpus);
    set_mib(domain, "memory", plan->new_memory_mib);
    set_mib(domain, "currentMemory", plan->new_memory_mib);
    return gw_xml_to_text(domain);
}

/* ---- the disk */

static gboolean enlarge(GwVirtCall *call, virStorageVol *volume, const char *path, GError **error)
{
    virStorageVolInfo info;
    guint64 bytes = call->plan->new_disk_bytes;
    if (virStorageVolGetInfo(volume, &info) != 0)
        return gw_virt_fail(call->host, GW_VIRT_ACT, error, "asking for the size of %s", path);
    if (info.capacity > bytes) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "%s: %s has %llu bytes, and would be made smaller: %" G_GUINT64_FORMAT,
                    call->host->name, path, info.capacity, bytes);
        return FALSE;
    }
    return info.capacity == bytes || virStorageVolResize(volume, bytes, 0) == 0 ||
           gw_virt_fail(call->host, GW_VIRT_ACT, error, "enlarging %s", path);
}

static gboolean grow(GwVirtCall *call, const char *path, GError **error)
{
    g_autofree char *folder_path = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_autoptr(GwVirtFolder) folder = gw_virt_folder_open(call->host, call->conn, folder_path, error);
    if (!folder)
        return FALSE;
    if (!gw_virt_folder_has(folder, name)) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "%s has no file %s to enlarge", call->host->name, path);
        return FALSE;
    }
    g_autoptr(virStorageVol) volume = virStorageVolLookupByName(folder->pool, name);
    return volume ? enlarge(call, volume, path, error) : gw_virt_fail(call->host, GW_VIRT_ACT, error, "finding %s", path);
}

static gboolean grow_disk(GwVirtCall *call, GError **error)
{
    const GwPlan *plan = call->plan;
    for (guint i = 0; plan->new_disk && i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        if (g_strcmp0(disk->target, plan->new_disk) == 0)
            return grow(call, disk->dest_path, error);
    }
    return TRUE;
}

gboolean gw_virt_reshape(GwVirtCall *call, GError **error)
{
    g_autoptr(virDomain) old = gw_virt_domain(call->host, call->conn, call->uuid, error);
    if (!old)
        return FALSE;
    if (virDomainIsActive(old) == 1) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s: instance %s is active: its shape stays", call->host->name, call->plan->name);
        return FALSE;
    }
    g_autofree char *xml = reshaped(call->plan, error);
    if (!xml || !grow_disk(call, error))
        return FALSE;
    g_autoptr(virDomain) domain = virDomainDefineXML(call->conn, xml);
    return domain || gw_virt_fail(call->host, GW_VIRT_ACT, error, "defining instance %s in its new shape", call->plan->name);
}
