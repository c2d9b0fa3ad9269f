/* XAPI's records become instances and facts of hosts. */
#include "drivers/xapi/internal.h"

#include <string.h>

enum { MIB_SHIFT = 20 };

/* ---- where a VM is */

static char *home_of_disks(const json_t *tables, const json_t *vm)
{
    gsize i;
    json_t *ref;
    json_array_foreach(gw_xapi_list(vm, "VBDs"), i, ref) {
        const json_t *vbd = gw_xapi_record(tables, "VBD", json_string_value(ref));
        const json_t *vdi = gw_xapi_is_disk(tables, vbd) ? gw_xapi_record(tables, "VDI", gw_xapi_text(vbd, "VDI")) : NULL;
        const json_t *sr = vdi ? gw_xapi_record(tables, "SR", gw_xapi_text(vdi, "SR")) : NULL;
        if (!sr || gw_xapi_bool(sr, "shared") || json_array_size(gw_xapi_list(sr, "PBDs")) != 1)
            continue;
        const char *pbd = json_string_value(json_array_get(gw_xapi_list(sr, "PBDs"), 0));
        return g_strdup(gw_xapi_text(gw_xapi_record(tables, "PBD", pbd), "host"));
    }
    return NULL;
}

/* Made there by a move from another pool that has not ended. */
static char *home_of_move(const json_t *tables, const json_t *vm)
{
    const char *mark = gw_xapi_in_map(vm, "other_config", GW_XAPI_MOVE), *dest = mark ? strrchr(mark, ',') : NULL;
    return dest ? gw_xapi_find(tables, "host", "uuid", dest + 1) : NULL;
}

/* Local disks say more than the mark: a guest that shuts itself down while its disks travel halts on the other host. */
char *gw_xapi_home(const json_t *tables, const json_t *vm)
{
    const char *resident = gw_xapi_text(vm, "resident_on"), *affinity = gw_xapi_text(vm, "affinity");
    if (gw_xapi_record(tables, "host", resident))
        return g_strdup(resident);
    char *home = home_of_move(tables, vm);
    home = home ? home : home_of_disks(tables, vm);
    const char *mark = home ? NULL : gw_xapi_in_map(vm, "other_config", GW_XAPI_HOME);
    home = mark ? gw_xapi_find(tables, "host", "uuid", mark) : home;
    if (home)
        return home;
    return g_strdup(gw_xapi_record(tables, "host", affinity) ? affinity : gw_xapi_text(gw_xapi_the_pool(tables), "master"));
}

char *gw_xapi_homes(const json_t *tables, const json_t *vm)
{
    const char *sides = gw_xapi_in_map(vm, "other_config", GW_XAPI_SIDES);
    if (sides) {
        const char *resident = gw_xapi_text(gw_xapi_record(tables, "host", gw_xapi_text(vm, "resident_on")), "uuid");
        return g_strdup_printf("%s,%s", sides, resident);
    }
    g_autofree char *home = gw_xapi_home(tables, vm);
    return g_strdup(gw_xapi_text(gw_xapi_record(tables, "host", home), "uuid"));
}

gboolean gw_xapi_is_here(const json_t *tables, const json_t *vm, const char *host_uuid)
{
    g_autofree char *homes = gw_xapi_homes(tables, vm);
    return *host_uuid && strstr(homes, host_uuid) != NULL;
}

gboolean gw_xapi_is_disk(const json_t *tables, const json_t *vbd)
{
    return vbd && strcmp(gw_xapi_text(vbd, "type"), "Disk") == 0 && !gw_xapi_is_null(gw_xapi_text(vbd, "VDI"));
}

/* ---- instances */

static GwPower power_of(const json_t *vm)
{
    static const struct {
        const char *name;
        GwPower power;
    } powers[] = {{"Running", GW_POWER_RUNNING}, {"Paused", GW_POWER_PAUSED}, {"Halted", GW_POWER_SHUTDOWN},
                  {"Suspended", GW_POWER_SUSPENDED}};
    for (guint i = 0; i < G_N_ELEMENTS(powers); i++)
        if (strcmp(gw_xapi_text(vm, "power_state"), powers[i].name) == 0)
            return powers[i].power;
    return GW_POWER_NOSTATE;
}

static void add_disk(GwInstance *instance, const json_t *tables, const json_t *vm, const json_t *vbd)
{
    GwDisk *disk = gw_instance_add_disk(instance);
    const json_t *vdi = gw_xapi_record(tables, "VDI", gw_xapi_text(vbd, "VDI"));
    const json_t *sr = gw_xapi_record(tables, "SR", gw_xapi_text(vdi, "SR"));
    disk->target = g_strdup_printf("xvd%c", 'a' + (char)CLAMP(gw_xapi_int(vbd, "userdevice"), 0, 25));
    disk->kind = GW_DISK_FILE;
    /* one of type Disk is copied, whatever its mode is: no other host has it at its path */
    disk->flags |= strcmp(gw_xapi_text(vbd, "type"), "Disk") != 0 ? GW_DISK_REMOVABLE | GW_DISK_READONLY : 0;
    if (!vdi) {
        disk->flags |= GW_DISK_EMPTY | GW_DISK_REMOVABLE;
        return;
    }
    disk->path = g_strdup_printf("%s/%s", gw_xapi_text(sr, "uuid"), gw_xapi_text(vdi, "uuid"));
    disk->pool = *gw_xapi_text(sr, "name_label") ? g_strdup(gw_xapi_text(sr, "name_label")) : NULL;
    disk->format = g_strdup(gw_xapi_in_map(vdi, "sm_config", "image-format"));
    disk->no_copy = disk->flags & GW_DISK_REMOVABLE ? NULL : gw_xapi_no_copy(vm, vbd, vdi);
    disk->flags |= gw_xapi_bool(vdi, "sharable") ? GW_DISK_SHAREABLE : 0;
    disk->capacity_bytes = (guint64)MAX(gw_xapi_int(vdi, "virtual_size"), 0);
    disk->allocation_bytes = (guint64)MAX(gw_xapi_int(vdi, "physical_utilisation"), 0);
}

static void add_nic(GwInstance *instance, const json_t *tables, const json_t *vif)
{
    GwNic *nic = gw_instance_add_nic(instance);
    nic->kind = GW_NIC_NETWORK;
    nic->source = g_strdup(gw_xapi_text(gw_xapi_record(tables, "network", gw_xapi_text(vif, "network")), "name_label"));
    nic->mac = g_strdup(gw_xapi_text(vif, "MAC"));
}

static void add_passthrough(GwInstance *instance, const json_t *vm)
{
    static const char *const fields[] = {"attached_PCIs", "VGPUs", "VUSBs"};
    static const char *const names[] = {"a PCI device", "a virtual GPU", "a USB device"};
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        if (json_array_size(gw_xapi_list(vm, fields[i])) > 0)
            g_ptr_array_add(instance->host_devices, g_strdup(names[i]));
}

GwInstance *gw_xapi_instance(const json_t *tables, const json_t *vm)
{
    GwInstance *instance = gw_instance_new();
    gw_xapi_uuid(vm, instance->uuid);
    instance->name = g_strdup(gw_xapi_text(vm, "name_label"));
    instance->power = power_of(vm);
    instance->persistent = TRUE;
    instance->autostart = g_strcmp0(gw_xapi_in_map(vm, "other_config", "auto_poweron"), "true") == 0;
    instance->vcpus = (guint)CLAMP(gw_xapi_int(vm, "VCPUs_max"), 0, G_MAXINT);
    instance->memory_mib = (guint64)MAX(gw_xapi_int(vm, "memory_dynamic_max"), 0) >> MIB_SHIFT;
    instance->max_memory_mib = (guint64)MAX(gw_xapi_int(vm, "memory_static_max"), 0) >> MIB_SHIFT;
    instance->arch = g_strdup("x86_64");
    instance->virt_type = g_strdup("xen");
    gsize i;
    json_t *ref;
    json_array_foreach(gw_xapi_list(vm, "VBDs"), i, ref) {
        const json_t *vbd = gw_xapi_record(tables, "VBD", json_string_value(ref));
        if (vbd)
            add_disk(instance, tables, vm, vbd);
    }
    json_array_foreach(gw_xapi_list(vm, "VIFs"), i, ref) {
        const json_t *vif = gw_xapi_record(tables, "VIF", json_string_value(ref));
        if (vif)
            add_nic(instance, tables, vif);
    }
    add_passthrough(instance, vm);
    return instance;
}

/* ---- facts */

static guint64 version_of(const char *text)
{
    guint parts[3] = {0};
    g_auto(GStrv) words = g_strsplit(text ? text : "", ".", 3);
    for (guint i = 0; i < G_N_ELEMENTS(parts) && words[i]; i++)
        parts[i] = (guint)MIN(g_ascii_strtoull(words[i], NULL, 10), 999);
    return (guint64)parts[0] * 1000000 + (guint64)parts[1] * 1000 + parts[2];
}

GwHostFacts *gw_xapi_host_facts(const GwHost *owner, const json_t *tables, const char *host, GError **error)
{
    g_autoptr(json_t) free_memory = gw_xapi_call(owner->pool, "host.compute_free_memory", json_pack("[s]", host), 0, error);
    if (!free_memory)
        return NULL;
    const json_t *record = gw_xapi_record(tables, "host", host);
    const json_t *metrics = gw_xapi_record(tables, "host_metrics", gw_xapi_text(record, "metrics"));
    const char *cpus = gw_xapi_in_map(record, "cpu_info", "cpu_count");
    GwHostFacts *facts = gw_host_facts_new();
    facts->hostname = g_strdup(gw_xapi_text(record, "hostname"));
    facts->host_uuid = g_strdup(gw_xapi_text(record, "uuid"));
    facts->hypervisor_type = g_strdup("XenServer");
    facts->hypervisor_version = version_of(gw_xapi_in_map(record, "software_version", "product_version"));
    facts->arch = g_strdup("x86_64");
    facts->cpu_model = g_strdup(gw_xapi_in_map(record, "cpu_info", "modelname"));
    facts->closed = gw_xapi_bool(record, "enabled") ? NULL : g_strdup("it is disabled (in maintenance) in its pool: xe host-enable");
    facts->cpus = cpus ? (guint)g_ascii_strtoull(cpus, NULL, 10) : 0;
    facts->memory_mib = (guint64)MAX(gw_xapi_int(metrics, "memory_total"), 0) >> MIB_SHIFT;
    g_autoptr(json_t) wrapped = json_pack("{s:O}", "n", free_memory);
    facts->memory_free_mib = MIN((guint64)MAX(gw_xapi_int(wrapped, "n"), 0) >> MIB_SHIFT, facts->memory_mib);
    gw_xapi_add_storage(owner, facts, tables, host);
    const char *ref;
    json_t *network;
    json_object_foreach(gw_xapi_table(tables, "network"), ref, network)
        if (gw_xapi_network_reaches(tables, ref, host))
            g_ptr_array_add(facts->networks, g_strdup(gw_xapi_text(network, "name_label")));
    return facts;
}
