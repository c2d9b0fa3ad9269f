/* probe_guest.h tells what it is. */
#include "drivers/libvirt/probe_guest.h"

#include <string.h>

#include "base/log.h"
#include "core/flags.h"

/* ---- the disk */

static virStorageVol *make_volume(GwVirtFolder *folder, const char *path)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *xml = g_strdup_printf("<volume><name>%s</name><capacity>1048576</capacity><allocation>0</allocation>"
                                           "<target><format type='raw'/></target></volume>", name);
    return virStorageVolCreateXML(folder->pool, xml, 0);
}

static gboolean make_disk(GwHost *host, virConnectPtr conn, const char *path)
{
    g_autoptr(GwVirtFolder) folder = gw_virt_folder_open(host, conn, host->instances_path, NULL);
    g_autoptr(virStorageVol) volume = folder ? make_volume(folder, path) : NULL;
    return volume != NULL;
}

static void remove_disk(GwHost *host, virConnectPtr conn, const char *path)
{
    g_autofree char *name = g_path_get_basename(path);
    g_autoptr(GwVirtFolder) folder = gw_virt_folder_open(host, conn, host->instances_path, NULL);
    if (folder)
        gw_virt_folder_delete(folder, name, NULL);
}

/* The two files have different names, so that it does not matter whether the folder is shared. */
static void make_disks(GwVirtProbe *p)
{
    GwVirtCall *call = p->call;
    if (!call->host->instances_path || !*call->host->instances_path || (call->plan->flags & GW_FLAG_TUNNELLED))
        return;
    g_autofree char *path = g_strdup_printf("%s/.%s.from", call->host->instances_path, p->name);
    g_autofree char *dest_path = g_strdup_printf("%s/.%s.to", call->peer->instances_path, p->name);
    if (!make_disk(call->host, call->conn, path))
        return;
    if (make_disk(call->peer, call->peer_conn, dest_path)) {
        p->path = g_steal_pointer(&path);
        p->dest_path = g_steal_pointer(&dest_path);
    } else {
        remove_disk(call->host, call->conn, path);
    }
}

gboolean gw_virt_probe_boots(GwVirtProbe *p, const guint8 *boot, gsize size)
{
    GwVirtCall *call = p->call;
    g_autofree char *name = p->path ? g_path_get_basename(p->path) : NULL;
    g_autoptr(GwVirtFolder) folder = name ? gw_virt_folder_open(call->host, call->conn, call->host->instances_path, NULL) : NULL;
    g_autoptr(virStorageVol) volume = folder ? virStorageVolLookupByName(folder->pool, name) : NULL;
    virStreamPtr stream = volume ? virStreamNew(call->conn, 0) : NULL;
    gboolean ok = stream && virStorageVolUpload(volume, stream, 0, size, 0) == 0 &&
                  virStreamSend(stream, (const char *)boot, size) == (int)size && virStreamFinish(stream) == 0;
    if (stream)
        virStreamFree(stream);
    return ok;
}

/* ---- the guest */

static char *guest_xml(const GwVirtProbe *p, const char *type)
{
    g_autofree char *escaped = p->path ? gw_xml_escape(p->path) : NULL;
    g_autofree char *disk = p->path ? g_strdup_printf("<disk type='file' device='disk'><driver name='qemu' type='raw'/><source "
                                                      "file='%s'/><target dev='vda' bus='virtio'/></disk>", escaped)
                                    : g_strdup("");
    return g_strdup_printf("<domain type='%s'><name>%s</name><uuid>%s</uuid><memory unit='KiB'>%u</memory><vcpu>1</vcpu>"
                           "<os><type arch='%s'%s>hvm</type></os><on_reboot>destroy</on_reboot><devices><controller type='usb' model='none'/>"
                           "<memballoon model='none'/>%s</devices></domain>",
                           type, p->name, p->call->plan->uuid, p->memory_kib, p->arch, strcmp(p->arch, "x86_64") == 0 ? " machine='pc'" : "",
                           disk);
}

/* Emulated, which asks nothing of the processors; where QEMU cannot, by KVM. */
char *gw_virt_probe_start(GwVirtProbe *p)
{
    static const char *const types[] = {"qemu", "kvm"};
    for (guint i = 0; i < G_N_ELEMENTS(types) && !p->domain; i++) {
        g_autofree char *xml = guest_xml(p, types[i]);
        p->domain = virDomainCreateXML(p->call->conn, xml, VIR_DOMAIN_START_PAUSED);
        if (!p->domain && !gw_virt_last_is(VIR_ERR_CONFIG_UNSUPPORTED))
            break;
    }
    return p->domain ? NULL : gw_virt_last_message();
}

/* Until it is gone: libvirt refuses while it tidies up after a migration itself, and a busy host needs a moment. */
static void destroy_guest(const GwHost *host, virConnectPtr conn, const char *uuid)
{
    enum { TRIES = 40, PAUSE_MS = 250 };
    for (guint i = 0; i < TRIES; i++) {
        g_autoptr(virDomain) domain = virDomainLookupByUUIDString(conn, uuid);
        if (!domain || virDomainDestroy(domain) == 0)
            return;
        g_usleep(PAUSE_MS * 1000);
    }
    g_autofree char *why = gw_virt_last_message();
    gw_warning("%s: the probe guest %s could not be removed; the next doctor will try again: %s", host->name, uuid, why);
}

/* ---- the migration, on a thread of its own: it may hang for minutes where packets are dropped */

typedef struct {
    gatomicrefcount refs;
    GwHost *source, *dest;
    GwPlan *plan;
    char *dest_xml; /* or NULL */
    GMutex lock;    /* of the fields below */
    GCond ended_cond;
    gboolean ended;
    char *error;    /* NULL: it moved */
} Flight;

static void flight_unref(Flight *flight)
{
    if (!g_atomic_ref_count_dec(&flight->refs))
        return;
    gw_virt_host_unref(flight->source);
    gw_virt_host_unref(flight->dest);
    gw_plan_free(flight->plan);
    g_free(flight->dest_xml);
    g_free(flight->error);
    g_mutex_clear(&flight->lock);
    g_cond_clear(&flight->ended_cond);
    g_free(flight);
}

static gboolean carry_out(Flight *flight, virDomain *domain, GError **error)
{
    const GwPlan *plan = flight->plan;
    virTypedParameter *params = NULL;
    int count = 0, room = 0;
    unsigned flags = (unsigned)plan->flags;
    if (plan->migrate_uri)
        virTypedParamsAddString(&params, &count, &room, VIR_MIGRATE_PARAM_URI, plan->migrate_uri);
    if (plan->bandwidth_mibps)
        virTypedParamsAddULLong(&params, &count, &room, VIR_MIGRATE_PARAM_BANDWIDTH, plan->bandwidth_mibps);
    if (flight->dest_xml) {
        flags |= VIR_MIGRATE_NON_SHARED_DISK;
        virTypedParamsAddString(&params, &count, &room, VIR_MIGRATE_PARAM_DEST_XML, flight->dest_xml);
        virTypedParamsAddString(&params, &count, &room, VIR_MIGRATE_PARAM_MIGRATE_DISKS, "vda");
    }
    gboolean ok;
    if (flags & VIR_MIGRATE_PEER2PEER) {
        const char *uri = plan->destination_uri ? plan->destination_uri : flight->dest->uri;
        ok = virDomainMigrateToURI3(domain, uri, params, (unsigned)count, flags) == 0;
    } else {
        virConnectPtr dest_conn = gw_virt_lend(flight->dest, error);
        g_autoptr(virDomain) moved = dest_conn ? virDomainMigrate3(domain, dest_conn, params, (unsigned)count, flags) : NULL;
        gw_virt_give_back(flight->dest, dest_conn);
        ok = moved != NULL;
    }
    virTypedParamsFree(params, count);
    return ok;
}

static gpointer fly(gpointer data)
{
    Flight *flight = data;
    g_autoptr(GError) error = NULL;
    char *why = NULL;
    virConnectPtr conn = gw_virt_lend(flight->source, &error);
    virDomain *domain = conn ? virDomainLookupByUUIDString(conn, flight->plan->uuid) : NULL;
    if (!domain || !carry_out(flight, domain, &error))
        why = error ? g_strdup(error->message) : gw_virt_last_message();
    if (domain)
        virDomainFree(domain);
    gw_virt_give_back(flight->source, conn);
    g_mutex_lock(&flight->lock);
    flight->error = why;
    flight->ended = TRUE;
    g_cond_signal(&flight->ended_cond);
    g_mutex_unlock(&flight->lock);
    flight_unref(flight);
    return NULL;
}

static Flight *flight_start(const GwVirtProbe *p, const char *dest_xml)
{
    Flight *flight = g_new0(Flight, 1);
    g_atomic_ref_count_init(&flight->refs);
    g_atomic_ref_count_inc(&flight->refs);
    flight->source = gw_virt_host_ref(p->call->host);
    flight->dest = gw_virt_host_ref(p->call->peer);
    flight->plan = gw_plan_copy(p->call->plan);
    flight->dest_xml = g_strdup(dest_xml);
    g_mutex_init(&flight->lock);
    g_cond_init(&flight->ended_cond);
    g_thread_unref(g_thread_new("probe", fly, flight));
    return flight;
}

/* NULL: no disk goes along. */
static char *dest_xml_of(const GwVirtProbe *p)
{
    g_autofree char *live = p->path ? virDomainGetXMLDesc(p->domain, VIR_DOMAIN_XML_MIGRATABLE) : NULL;
    if (!live)
        return NULL;
    GString *xml = g_string_new(live);
    g_string_replace(xml, p->path, p->dest_path, 0);
    return g_string_free(xml, FALSE);
}

char *gw_virt_probe_move(const GwVirtProbe *p, guint patience_ms, gboolean *ret_late)
{
    g_autofree char *dest_xml = dest_xml_of(p);
    Flight *flight = flight_start(p, dest_xml);
    gint64 deadline = g_get_monotonic_time() + patience_ms * G_TIME_SPAN_MILLISECOND;
    g_mutex_lock(&flight->lock);
    while (!flight->ended && g_cond_wait_until(&flight->ended_cond, &flight->lock, deadline))
        ;
    *ret_late = !flight->ended;
    char *error = flight->ended ? g_strdup(flight->error)
                                : g_strdup_printf("the migration did not end within %u s, as when packets are dropped on the way",
                                                  patience_ms / 1000);
    g_mutex_unlock(&flight->lock);
    flight_unref(flight); /* a late one ends once its guest is destroyed, at the latest when its connect does */
    return error;
}

/* ---- life */

void gw_virt_probe_init(GwVirtProbe *p, GwVirtCall *call, guint memory_kib)
{
    *p = (GwVirtProbe){.call = call, .memory_kib = memory_kib};
    g_mutex_lock(&call->host->lock);
    p->arch = g_strdup(call->host->caps->arch);
    g_mutex_unlock(&call->host->lock);
    p->name = gw_probe_name(g_get_real_time() / G_USEC_PER_SEC, g_random_int());
    make_disks(p);
}

void gw_virt_probe_clear(GwVirtProbe *p)
{
    GwVirtCall *call = p->call;
    g_clear_pointer(&p->domain, virDomainFree);
    destroy_guest(call->host, call->conn, call->plan->uuid);
    destroy_guest(call->peer, call->peer_conn, call->plan->uuid);
    if (p->path)
        remove_disk(call->host, call->conn, p->path);
    if (p->dest_path)
        remove_disk(call->peer, call->peer_conn, p->dest_path);
    g_clear_pointer(&p->path, g_free);
    g_clear_pointer(&p->dest_path, g_free);
    g_clear_pointer(&p->name, g_free);
    g_clear_pointer(&p->arch, g_free);
}
