/* libvirt's domain XML read into an instance (formatdomain.rst). Pure: no connection. */
#include "drivers/libvirt/internal.h"

#include <string.h>

static char *network_url(const xmlNode *source)
{
    g_autofree char *protocol = gw_xml_attr(source, "protocol");
    g_autofree char *name = gw_xml_attr(source, "name");
    xmlNode *host = gw_xml_child(source, "host");
    g_autofree char *address = gw_xml_attr(host, "name");
    g_autofree char *port = gw_xml_attr(host, "port");
    return g_strdup_printf("%s://%s%s%s/%s", protocol ? protocol : "unknown", address ? address : "", port ? ":" : "",
                           port ? port : "", name ? name : "");
}

static const struct {
    const char *type, *attr;
    GwDiskKind kind;
} kinds[] = {{"file", "file", GW_DISK_FILE}, {"block", "dev", GW_DISK_BLOCK}, {"dir", "dir", GW_DISK_OTHER},
             {"nvme", "namespace", GW_DISK_OTHER}, {"vhostuser", "path", GW_DISK_OTHER}};

/* A volume is named by its pool until the storage API resolves it (instances.c). */
static void read_source(GwDisk *disk, xmlNode *node)
{
    xmlNode *source = gw_xml_child(node, "source");
    g_autofree char *type = gw_xml_attr(node, "type");
    disk->kind = GW_DISK_OTHER;
    if (g_strcmp0(type, "network") == 0) {
        disk->kind = GW_DISK_NETWORK;
        disk->path = source ? network_url(source) : NULL;
    } else if (g_strcmp0(type, "volume") == 0) {
        disk->kind = GW_DISK_FILE;
        disk->pool = gw_xml_attr(source, "pool");
        disk->path = gw_xml_attr(source, "volume");
    }
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_strcmp0(type, kinds[i].type) == 0) {
            disk->kind = kinds[i].kind;
            disk->path = gw_xml_attr(source, kinds[i].attr);
        }
    }
}

static GStrv read_backing(xmlNode *node)
{
    g_autoptr(GStrvBuilder) chain = g_strv_builder_new();
    guint length = 0;
    for (xmlNode *below = gw_xml_child(node, "backingStore"); below; below = gw_xml_child(below, "backingStore")) {
        xmlNode *source = gw_xml_child(below, "source");
        g_autofree char *path = gw_xml_attr(source, "file");
        if (!path)
            path = gw_xml_attr(source, "dev");
        if (!path && gw_xml_attr_is(below, "type", "network"))
            path = network_url(source);
        if (!path)
            break; /* <backingStore/> ends the chain */
        g_strv_builder_add(chain, path);
        length++;
    }
    return length ? g_strv_builder_end(chain) : NULL;
}

static void read_disk(GwInstance *instance, xmlNode *node)
{
    GwDisk *disk = gw_instance_add_disk(instance);
    xmlNode *driver = gw_xml_child(node, "driver");
    g_autofree char *device = gw_xml_attr(node, "device");
    disk->target = gw_xml_attr(gw_xml_child(node, "target"), "dev");
    disk->format = gw_xml_attr(driver, "type");
    disk->cache = gw_xml_attr(driver, "cache");
    read_source(disk, node);
    disk->backing = read_backing(node);
    disk->flags |= gw_xml_child(node, "readonly") ? GW_DISK_READONLY : 0;
    disk->flags |= gw_xml_child(node, "shareable") ? GW_DISK_SHAREABLE : 0;
    disk->flags |= gw_xml_child(node, "transient") ? GW_DISK_TRANSIENT : 0;
    if (g_strcmp0(device, "cdrom") == 0 || g_strcmp0(device, "floppy") == 0)
        disk->flags |= GW_DISK_REMOVABLE;
    if (!disk->path)
        disk->flags |= GW_DISK_EMPTY;
    else if ((disk->flags & GW_DISK_REMOVABLE) && disk->kind == GW_DISK_FILE)
        g_ptr_array_add(instance->files, g_strdup(disk->path));
}

/* libvirt unplugs such a device before a migration and plugs in the destination's after it (formatdomain: teaming). */
static gboolean leaves_by_itself(const xmlNode *device)
{
    return gw_xml_attr_is(gw_xml_child(device, "teaming"), "type", "transient");
}

static void read_nic(GwInstance *instance, xmlNode *node)
{
    xmlNode *source = gw_xml_child(node, "source");
    g_autofree char *type = gw_xml_attr(node, "type");
    GwNic *nic = gw_instance_add_nic(instance);
    nic->mac = gw_xml_attr(gw_xml_child(node, "mac"), "address");
    nic->kind = GW_NIC_OTHER;
    if (g_strcmp0(type, "bridge") == 0) {
        nic->kind = GW_NIC_BRIDGE;
        nic->source = gw_xml_attr(source, "bridge");
    } else if (g_strcmp0(type, "network") == 0) {
        nic->kind = GW_NIC_NETWORK;
        nic->source = gw_xml_attr(source, "network");
    } else if (g_strcmp0(type, "direct") == 0) {
        nic->kind = GW_NIC_DIRECT;
        nic->source = gw_xml_attr(source, "dev");
    } else if (g_strcmp0(type, "hostdev") == 0 && !leaves_by_itself(node)) {
        g_ptr_array_add(instance->host_devices, g_strdup_printf("network device %s", nic->mac ? nic->mac : ""));
    }
}

/* "pci 0000:00:02.0", "usb 0x1d6b:0x0002", "mdev UUID": as people name them. */
static void read_host_device(GwInstance *instance, xmlNode *node)
{
    g_autofree char *type = gw_xml_attr(node, "type");
    xmlNode *address = gw_xml_at(node, "source/address");
    g_autofree char *domain = gw_xml_attr(address, "domain");
    g_autofree char *bus = gw_xml_attr(address, "bus");
    g_autofree char *slot = gw_xml_attr(address, "slot");
    g_autofree char *function = gw_xml_attr(address, "function");
    g_autofree char *uuid = gw_xml_attr(address, "uuid");
    if (bus && slot && function)
        g_ptr_array_add(instance->host_devices,
                        g_strdup_printf("pci %04x:%02x:%02x.%x", domain ? (guint)strtoul(domain, NULL, 0) : 0,
                                        (guint)strtoul(bus, NULL, 0), (guint)strtoul(slot, NULL, 0),
                                        (guint)strtoul(function, NULL, 0)));
    else
        g_ptr_array_add(instance->host_devices, g_strdup_printf("%s %s", type ? type : "device", uuid ? uuid : ""));
}

/* Firmware below /usr comes with the host's packages; what an administrator put elsewhere must be there too. */
static void add_file(GwInstance *instance, xmlNode *node)
{
    char *path = gw_xml_text(node);
    if (path && !g_str_has_prefix(path, "/usr/"))
        g_ptr_array_add(instance->files, path);
    else
        g_free(path);
}

static void read_devices(GwInstance *instance, xmlNode *devices)
{
    GW_XML_EACH(node, devices, "disk")
        read_disk(instance, node);
    GW_XML_EACH(node, devices, "interface")
        read_nic(instance, node);
    GW_XML_EACH(node, devices, "hostdev")
        if (!leaves_by_itself(node))
            read_host_device(instance, node);
    GW_XML_EACH(node, devices, "shmem")
        if (!gw_xml_attr_is(node, "role", "master")) /* qemuMigrationSrcIsAllowed: only the master's memory travels */
            g_ptr_array_add(instance->host_devices, g_strdup("memory shared with other guests (shmem)"));
    GW_XML_EACH(node, devices, "filesystem")
        g_ptr_array_add(instance->host_devices, g_strdup("shared file system (virtiofs or 9p)"));
    xmlNode *graphics = gw_xml_child(devices, "graphics");
    instance->graphics_listen = gw_xml_attr(gw_xml_child(graphics, "listen"), "address");
    if (!instance->graphics_listen)
        instance->graphics_listen = gw_xml_attr(graphics, "listen");
    if (!instance->graphics_listen && graphics)
        instance->graphics_listen = g_strdup("127.0.0.1"); /* libvirt's default */
}

static void read_os(GwInstance *instance, xmlNode *root)
{
    xmlNode *os = gw_xml_child(root, "os");
    xmlNode *type = gw_xml_child(os, "type");
    instance->arch = gw_xml_attr(type, "arch");
    instance->machine = gw_xml_attr(type, "machine");
    add_file(instance, gw_xml_child(os, "kernel"));
    add_file(instance, gw_xml_child(os, "initrd"));
    add_file(instance, gw_xml_child(os, "dtb"));
    add_file(instance, gw_xml_child(os, "loader"));
}

static guint64 in_mib(const xmlNode *node)
{
    guint64 value = gw_xml_number(node);
    g_autofree char *unit = gw_xml_attr(node, "unit");
    if (!unit || strcmp(unit, "KiB") == 0 || strcmp(unit, "k") == 0)
        return value >> 10;
    if (strcmp(unit, "MiB") == 0 || strcmp(unit, "M") == 0)
        return value;
    if (strcmp(unit, "GiB") == 0 || strcmp(unit, "G") == 0)
        return value << 10;
    return value >> 20; /* bytes; libvirt itself always writes KiB */
}

/* <vcpu current='2'>4</vcpu>: two run, two may be plugged in. */
static guint read_vcpus(const xmlNode *node)
{
    g_autofree char *current = gw_xml_attr(node, "current");
    return current ? (guint)g_ascii_strtoull(current, NULL, 10) : (guint)gw_xml_number(node);
}

GwInstance *gw_virt_parse_instance(const char *xml, GError **error)
{
    g_autoptr(xmlDoc) doc = gw_xml_parse(xml, "domain", error);
    if (!doc)
        return NULL;
    xmlNode *root = xmlDocGetRootElement(doc);
    g_autofree char *uuid = gw_xml_text(gw_xml_child(root, "uuid"));
    g_autoptr(GwInstance) instance = gw_instance_new();
    instance->name = gw_xml_text(gw_xml_child(root, "name"));
    if (!gw_uuid_is_valid(uuid) || !instance->name) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "a domain without a valid uuid and name: %.60s", xml);
        return NULL;
    }
    g_strlcpy(instance->uuid, uuid, sizeof instance->uuid);
    instance->virt_type = gw_xml_attr(root, "type");
    instance->vcpus = read_vcpus(gw_xml_child(root, "vcpu"));
    instance->max_memory_mib = in_mib(gw_xml_child(root, "memory"));
    xmlNode *current = gw_xml_child(root, "currentMemory");
    instance->memory_mib = current ? in_mib(current) : instance->max_memory_mib;
    read_os(instance, root);
    read_devices(instance, gw_xml_child(root, "devices"));
    return g_steal_pointer(&instance);
}
