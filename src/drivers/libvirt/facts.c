/* What a host says of itself. */
#include "drivers/libvirt/internal.h"

#include <string.h>

/* Total, and what a new guest can have: free memory, and what the kernel gives up at once. (virNodeGetInfo counts the memory of
 * the NUMA cells that it sees, which in a container may be less.) */
static void read_memory(virConnectPtr conn, GwHostFacts *facts)
{
    int count = 0;
    if (virNodeGetMemoryStats(conn, VIR_NODE_MEMORY_STATS_ALL_CELLS, NULL, &count, 0) != 0 || count <= 0)
        return;
    g_autofree virNodeMemoryStats *stats = g_new0(virNodeMemoryStats, (gsize)count);
    if (virNodeGetMemoryStats(conn, VIR_NODE_MEMORY_STATS_ALL_CELLS, stats, &count, 0) != 0)
        return;
    guint64 kib = 0;
    for (int i = 0; i < count; i++) {
        if (strcmp(stats[i].field, VIR_NODE_MEMORY_STATS_TOTAL) == 0)
            facts->memory_mib = stats[i].value >> 10;
        if (strcmp(stats[i].field, VIR_NODE_MEMORY_STATS_FREE) == 0 ||
            strcmp(stats[i].field, VIR_NODE_MEMORY_STATS_CACHED) == 0 ||
            strcmp(stats[i].field, VIR_NODE_MEMORY_STATS_BUFFERS) == 0)
            kib += stats[i].value;
    }
    facts->memory_free_mib = kib >> 10;
}

static void add_pool(GwHostFacts *facts, virStoragePool *pool)
{
    virStoragePoolInfo info;
    g_autofree char *xml = virStoragePoolGetXMLDesc(pool, 0);
    g_autoptr(xmlDoc) doc = xml ? gw_xml_parse(xml, "pool", NULL) : NULL;
    if (!doc || virStoragePoolGetInfo(pool, &info) != 0)
        return; /* it went away meanwhile */
    xmlNode *root = xmlDocGetRootElement(doc);
    GwPool *row = gw_host_facts_add_pool(facts);
    row->name = g_strdup(virStoragePoolGetName(pool));
    row->type = gw_xml_attr(root, "type");
    row->path = gw_xml_text(gw_xml_at(root, "target/path"));
    row->active = info.state == VIR_STORAGE_POOL_RUNNING;
    row->capacity_bytes = info.capacity;
    row->available_bytes = info.available;
}

static void add_pools(GwHostFacts *facts, virConnectPtr conn)
{
    virStoragePool **pools = NULL;
    int count = virConnectListAllStoragePools(conn, &pools, 0);
    for (int i = 0; i < count; i++) {
        add_pool(facts, pools[i]);
        virStoragePoolFree(pools[i]);
    }
    free(pools);
}

static void add_networks(GwHostFacts *facts, virConnectPtr conn)
{
    virNetwork **networks = NULL;
    int count = virConnectListAllNetworks(conn, &networks, VIR_CONNECT_LIST_NETWORKS_ACTIVE);
    for (int i = 0; i < count; i++) {
        g_ptr_array_add(facts->networks, g_strdup(virNetworkGetName(networks[i])));
        virNetworkFree(networks[i]);
    }
    free(networks);
}

/* The interface driver knows bridges at once; where it is not there, the node devices do. */
static GPtrArray *list_interfaces(virConnectPtr conn)
{
    virInterface **interfaces = NULL;
    int count = virConnectListAllInterfaces(conn, &interfaces, 0);
    if (count < 0)
        return NULL;
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; i < count; i++) {
        g_ptr_array_add(names, g_strdup(virInterfaceGetName(interfaces[i])));
        virInterfaceFree(interfaces[i]);
    }
    free(interfaces);
    return names;
}

static GPtrArray *list_net_devices(virConnectPtr conn)
{
    virNodeDevice **devices = NULL;
    int count = virConnectListAllNodeDevices(conn, &devices, VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET);
    if (count < 0)
        return NULL;
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; i < count; i++) {
        g_autofree char *xml = virNodeDeviceGetXMLDesc(devices[i], 0);
        g_autoptr(xmlDoc) doc = xml ? gw_xml_parse(xml, "device", NULL) : NULL;
        char *name = doc ? gw_xml_text(gw_xml_at(xmlDocGetRootElement(doc), "capability/interface")) : NULL;
        if (name)
            g_ptr_array_add(names, name);
        virNodeDeviceFree(devices[i]);
    }
    free(devices);
    return names;
}

static void copy_caps(GwHost *host, GwHostFacts *facts)
{
    g_mutex_lock(&host->lock);
    const GwVirtCaps *caps = host->caps;
    facts->hostname = g_strdup(caps->hostname);
    facts->host_uuid = g_strdup(caps->host_uuid);
    facts->arch = g_strdup(caps->arch);
    facts->cpu_model = g_strdup(caps->cpu_model);
    facts->qemu_user = g_strdup(caps->qemu_user);
    facts->hypervisor_version = caps->hypervisor_version;
    facts->library_version = caps->library_version;
    g_mutex_unlock(&host->lock);
}

GwHostFacts *gw_virt_read_facts(GwHost *host, virConnectPtr conn, GError **error)
{
    virNodeInfo node;
    if (!gw_virt_caps_fresh(host, conn, error))
        return NULL;
    if (virNodeGetInfo(conn, &node) != 0) {
        gw_virt_fail(host, GW_VIRT_ASK, error, "reading its memory and processors");
        return NULL;
    }
    GwHostFacts *facts = gw_host_facts_new();
    copy_caps(host, facts);
    facts->hypervisor_type = g_strdup("QEMU"); /* Nova's word for libvirt hosts, with KVM too */
    facts->cpus = node.cpus;
    facts->memory_mib = node.memory >> 10;
    facts->memory_free_mib = virNodeGetFreeMemory(conn) >> 20;
    read_memory(conn, facts);
    add_pools(facts, conn);
    add_networks(facts, conn);
    facts->interfaces = list_interfaces(conn);
    if (!facts->interfaces)
        facts->interfaces = list_net_devices(conn);
    return facts;
}

gboolean gw_virt_facts(GwVirtCall *call, GError **error)
{
    call->result = gw_virt_read_facts(call->host, call->conn, error);
    call->free_result = (GDestroyNotify)gw_host_facts_unref;
    return call->result != NULL;
}
