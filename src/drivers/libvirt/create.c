/* Making a server: its disk from an image of the controller's, sent through the storage API into the instance's own folder of
 * instances_path, and its definition. The disk is a full copy, in the image's format, and sparse: it depends on nothing, so that
 * it moves like any other. What an attempt leaves behind is removed by remove.c. */
#include "drivers/libvirt/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virNetwork, virNetworkFree)

#define DISK_NAME "disk"

/* ---- sending the image: data is sent, holes are named */

static int read_image(virStreamPtr stream, char *data, size_t size, void *opaque)
{
    ssize_t count;
    do
        count = read(*(int *)opaque, data, size);
    while (count < 0 && errno == EINTR);
    return (int)count;
}

/* How far data or a hole goes from here. What follows the last data is a hole up to the end of the file. */
static int find_hole(virStreamPtr stream, int *in_data, long long *length, void *opaque)
{
    int fd = *(int *)opaque;
    off_t here = lseek(fd, 0, SEEK_CUR);
    off_t end = lseek(fd, 0, SEEK_END);
    off_t data = lseek(fd, here, SEEK_DATA);
    if (here < 0 || end < 0 || (data < 0 && errno != ENXIO))
        return -1;
    *in_data = data == here && here < end;
    off_t next = *in_data ? lseek(fd, here, SEEK_HOLE) : data < 0 ? end : data;
    *length = next - here;
    return next < 0 || lseek(fd, here, SEEK_SET) < 0 ? -1 : 0;
}

static int skip_hole(virStreamPtr stream, long long length, void *opaque)
{
    return lseek(*(int *)opaque, length, SEEK_CUR) < 0 ? -1 : 0;
}

static gboolean send_image(GwVirtCall *call, virStorageVol *volume, int fd, GError **error)
{
    virStreamPtr stream = virStreamNew(call->conn, 0);
    gboolean ok = stream && virStorageVolUpload(volume, stream, 0, 0, VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM) == 0 &&
                  virStreamSparseSendAll(stream, read_image, find_hole, skip_hole, &fd) == 0 && virStreamFinish(stream) == 0;
    if (!ok)
        gw_virt_fail(call->host, GW_VIRT_ACT, error, "sending the image %s", call->server->image_path);
    if (stream)
        virStreamFree(stream);
    return ok;
}

/* ---- the disk */

/* As large as the image's file, whatever its format: the bytes sent say what it is. */
static virStorageVol *make_volume(GwVirtCall *call, GwVirtFolder *folder, GError **error)
{
    g_autofree char *xml = g_strdup_printf("<volume><name>" DISK_NAME "</name><capacity>%" G_GUINT64_FORMAT "</capacity>"
                                           "<allocation>0</allocation><target><format type='raw'/></target></volume>",
                                           call->server->image_bytes);
    virStorageVol *volume = virStorageVolCreateXML(folder->pool, xml, 0);
    if (!volume)
        gw_virt_fail(call->host, GW_VIRT_ACT, error, "making its disk %s/%s/" DISK_NAME, call->host->instances_path, call->uuid);
    return volume;
}

/* Once libvirt has looked at the bytes it knows the format, and makes the disk larger in its way. */
static gboolean grow(GwVirtCall *call, GwVirtFolder *folder, GError **error)
{
    gboolean fresh = gw_virt_folder_refresh(folder);
    g_autoptr(virStorageVol) volume = fresh ? virStorageVolLookupByName(folder->pool, DISK_NAME) : NULL;
    virStorageVolInfo info;
    if (!volume || virStorageVolGetInfo(volume, &info) != 0)
        return gw_virt_fail(call->host, GW_VIRT_ACT, error, "looking at its new disk");
    if (info.capacity >= call->server->disk_bytes || virStorageVolResize(volume, call->server->disk_bytes, 0) == 0)
        return TRUE;
    return gw_virt_fail(call->host, GW_VIRT_ACT, error, "growing its disk to %" G_GUINT64_FORMAT " bytes", call->server->disk_bytes);
}

static gboolean make_disk(GwVirtCall *call, const char *path, GError **error)
{
    int fd = open(call->server->image_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "the image %s cannot be read: %s", call->server->image_path, g_strerror(errno));
        return FALSE;
    }
    g_autoptr(GwVirtFolder) folder = gw_virt_folder_make(call->host, call->conn, path, error);
    g_autoptr(virStorageVol) volume = folder ? make_volume(call, folder, error) : NULL;
    gboolean ok = volume && send_image(call, volume, fd, error) && grow(call, folder, error);
    close(fd);
    return ok;
}

/* ---- the definition */

static virNetwork *find_network(GwVirtCall *call, const char *name)
{
    virNetwork *network = gw_uuid_is_valid(name) ? virNetworkLookupByUUIDString(call->conn, name) : NULL;
    return network ? network : virNetworkLookupByName(call->conn, name);
}

/* "auto" is libvirt's own default network, where there is one and it is up; else nothing. */
static gboolean add_nic(GwVirtCall *call, const char *wanted, GString *xml, GError **error)
{
    gboolean is_auto = strcmp(wanted, "auto") == 0;
    g_autoptr(virNetwork) network = find_network(call, is_auto ? "default" : wanted);
    gboolean active = network && virNetworkIsActive(network) == 1;
    if (!active && is_auto)
        return TRUE;
    if (!active) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "%s has no %snetwork %s: %s", call->host->name, network ? "active " : "", wanted,
                    network ? "start it with virsh net-start" : "define it there, or name another one");
        return FALSE;
    }
    g_autofree char *name = gw_xml_escape(virNetworkGetName(network));
    g_string_append_printf(xml, "<interface type='network'><source network='%s'/><model type='virtio'/></interface>", name);
    return TRUE;
}

static char *nics_xml(GwVirtCall *call, GError **error)
{
    g_autoptr(GString) xml = g_string_new(NULL);
    for (guint i = 0; i < call->server->networks->len; i++)
        if (!add_nic(call, call->server->networks->pdata[i], xml, error))
            return NULL;
    return g_string_free(g_steal_pointer(&xml), FALSE);
}

/* What the host does best, unless an option says otherwise. */
static char *virt_type_of(GwVirtCall *call, const char *arch)
{
    if (call->host->virt_type && *call->host->virt_type)
        return g_strdup(call->host->virt_type);
    char *text = virConnectGetDomainCapabilities(call->conn, NULL, arch, NULL, NULL, 0);
    g_autoptr(xmlDoc) doc = text ? gw_xml_parse(text, "domainCapabilities", NULL) : NULL;
    char *type = doc ? gw_xml_text(gw_xml_at(xmlDocGetRootElement(doc), "domain")) : NULL;
    free(text);
    return type ? type : g_strdup("qemu");
}

static const char *machine_of(GwVirtCall *call, const char *arch)
{
    static const char *const known[] = {"q35", "pc", "virt"};
    for (guint i = 0; i < G_N_ELEMENTS(known); i++)
        if (gw_virt_caps_has_machine(call->host, arch, known[i]))
            return known[i];
    return NULL;
}

static char *os_xml(GwVirtCall *call, const char *arch)
{
    const char *machine = machine_of(call, arch);
    return g_strdup_printf("<os><type arch='%s'%s%s%s>hvm</type><boot dev='hd'/></os>", arch, machine ? " machine='" : "",
                           machine ? machine : "", machine ? "'" : "");
}

/* A serial console and VNC, as Nova's guests have them; no cache on the host, so that every storage may move. */
static char *devices_xml(GwVirtCall *call, const char *folder, const char *nics)
{
    const char *listen = call->host->console_listen && *call->host->console_listen ? call->host->console_listen : "127.0.0.1";
    g_autofree char *path = g_build_filename(folder, DISK_NAME, NULL);
    g_autofree char *escaped = gw_xml_escape(path);
    g_autofree char *address = gw_xml_escape(listen);
    return g_strdup_printf("<devices><disk type='file' device='disk'><driver name='qemu' type='%s' cache='none'/><source file='%s'/>"
                           "<target dev='vda' bus='virtio'/></disk>%s<serial type='pty'/><console type='pty'/>"
                           "<graphics type='vnc' autoport='yes' listen='%s'/><video><model type='vga'/></video></devices>",
                           call->server->image_format, escaped, nics, address);
}

static char *domain_xml(GwVirtCall *call, const char *folder, GError **error)
{
    const GwServer *server = call->server;
    const GwFlavor *flavor = gw_server_flavor(server);
    g_autofree char *nics = nics_xml(call, error);
    if (!nics)
        return NULL;
    g_mutex_lock(&call->host->lock);
    g_autofree char *arch = g_strdup(call->host->caps->arch);
    g_mutex_unlock(&call->host->lock);
    g_autofree char *type = virt_type_of(call, arch);
    g_autofree char *os = os_xml(call, arch);
    g_autofree char *devices = devices_xml(call, folder, nics);
    g_autofree char *name = gw_xml_escape(server->domain_name);
    g_autofree char *title = gw_xml_escape(server->name);
    return g_strdup_printf("<domain type='%s'><name>%s</name><uuid>%s</uuid><title>%s</title><memory unit='MiB'>%" G_GUINT64_FORMAT
                           "</memory><vcpu>%u</vcpu>%s<features><acpi/><apic/></features>%s<clock offset='utc'/>%s</domain>",
                           type, name, server->uuid, title, flavor->memory_mib, flavor->vcpus, os,
                           strcmp(type, "kvm") == 0 ? "<cpu mode='host-model'/>" : "", devices);
}

/* libvirt would take a definition of the same name and UUID for a change of it. */
static gboolean check_free(GwVirtCall *call, GError **error)
{
    g_autoptr(virDomain) there = virDomainLookupByUUIDString(call->conn, call->uuid);
    if (there)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s already has an instance %s", call->host->name, call->uuid);
    return !there;
}

gboolean gw_virt_create(GwVirtCall *call, GError **error)
{
    if (!call->host->instances_path || !*call->host->instances_path) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "no folder for disks is known: set instances_path in godwit.conf");
        return FALSE;
    }
    g_autofree char *folder = g_build_filename(call->host->instances_path, call->uuid, NULL);
    g_autofree char *xml = NULL;
    if (!gw_virt_caps_fresh(call->host, call->conn, error) || !check_free(call, error) || !(xml = domain_xml(call, folder, error)) ||
        !make_disk(call, folder, error))
        return FALSE;
    g_autoptr(virDomain) domain = virDomainDefineXML(call->conn, xml);
    return domain || gw_virt_fail(call->host, GW_VIRT_ACT, error, "defining instance %s", call->server->domain_name);
}
