/* Proving a pair of hosts: a tiny guest, which is paused and never runs, is made on the source, moved as real ones are, and
 * destroyed, whatever happened. It takes a disk of 1 MiB along where both hosts have the folder, so that the way of disks is proved,
 * too. Being transient it is nowhere once its process is gone; its name tells others to leave it alone (core/audit.h). */
#include "drivers/libvirt/internal.h"

#include <string.h>

#include "base/log.h"
#include "core/flags.h"

enum { PATIENCE_MS = 15000 }; /* of a migration that takes half a second: packets are being dropped */

typedef struct {
    GwVirtCall *call;
    GwPairAudit *audit;
    char *name;
    char *path, *dest_path; /* of the disk, or NULL: it has none */
} Probe;

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
static void make_disks(Probe *p)
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

/* ---- the guest */

static char *guest_xml(const Probe *p, const char *type, const char *arch, const char *path)
{
    g_autofree char *escaped = path ? gw_xml_escape(path) : NULL;
    g_autofree char *disk = path ? g_strdup_printf("<disk type='file' device='disk'><driver name='qemu' type='raw'/><source "
                                                   "file='%s'/><target dev='vda' bus='virtio'/></disk>", escaped)
                                 : g_strdup("");
    return g_strdup_printf("<domain type='%s'><name>%s</name><uuid>%s</uuid><memory unit='KiB'>8192</memory><vcpu>1</vcpu>"
                           "<os><type arch='%s'%s>hvm</type></os><devices><controller type='usb' model='none'/>"
                           "<memballoon model='none'/>%s</devices></domain>",
                           type, p->name, p->call->plan->uuid, arch, strcmp(arch, "x86_64") == 0 ? " machine='pc'" : "", disk);
}

/* Emulated, which asks nothing of the processors; where QEMU cannot, by KVM. */
static virDomain *make_guest(const Probe *p, const char *arch, const char **ret_type)
{
    static const char *const types[] = {"qemu", "kvm"};
    for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
        g_autofree char *xml = guest_xml(p, types[i], arch, p->path);
        virDomain *domain = virDomainCreateXML(p->call->conn, xml, VIR_DOMAIN_START_PAUSED);
        *ret_type = types[i];
        if (domain || !gw_virt_last_is(VIR_ERR_CONFIG_UNSUPPORTED))
            return domain;
    }
    return NULL;
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
    const virError *found = virGetLastError();
    gw_warning("%s: the probe guest %s could not be removed; the next doctor will try again: %s", host->name, uuid,
               found && found->message ? found->message : "libvirt gave no reason");
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

static char *last_message(void)
{
    const virError *found = virGetLastError();
    return g_strdup(found && found->message ? found->message : "libvirt gave no reason");
}

static gboolean carry_out(Flight *flight, virDomain *domain, GError **error)
{
    const GwPlan *plan = flight->plan;
    virTypedParameter *params = NULL;
    int count = 0, room = 0;
    unsigned flags = (unsigned)plan->flags;
    if (plan->migrate_uri)
        virTypedParamsAddString(&params, &count, &room, VIR_MIGRATE_PARAM_URI, plan->migrate_uri);
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
        why = error ? g_strdup(error->message) : last_message();
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

static Flight *flight_start(const Probe *p, const char *dest_xml)
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

/* NULL: it arrived. */
static char *move_guest(const Probe *p, const char *dest_xml)
{
    Flight *flight = flight_start(p, dest_xml);
    gint64 deadline = g_get_monotonic_time() + PATIENCE_MS * G_TIME_SPAN_MILLISECOND;
    g_mutex_lock(&flight->lock);
    while (!flight->ended && g_cond_wait_until(&flight->ended_cond, &flight->lock, deadline))
        ;
    char *error = flight->ended ? g_strdup(flight->error)
                                : g_strdup_printf("the migration did not end within %d s, as when packets are dropped on the way",
                                                  PATIENCE_MS / 1000);
    g_mutex_unlock(&flight->lock);
    flight_unref(flight); /* a late one ends once its guest is destroyed, at the latest when its connect does */
    return error;
}

/* ---- all */

static void probe_guest(Probe *p)
{
    GwVirtCall *call = p->call;
    GwPairAudit *audit = p->audit;
    const char *type;
    g_mutex_lock(&call->host->lock);
    g_autofree char *arch = g_strdup(call->host->caps->arch);
    g_mutex_unlock(&call->host->lock);
    make_disks(p);
    g_autoptr(virDomain) domain = make_guest(p, arch, &type);
    if (!domain) {
        audit->step = GW_PROBE_CREATE;
        audit->error = last_message();
        return;
    }
    g_autofree char *live = p->path ? virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_MIGRATABLE) : NULL;
    g_autoptr(GString) dest_xml = live ? g_string_new(live) : NULL;
    if (dest_xml)
        g_string_replace(dest_xml, p->path, p->dest_path, 0);
    gint64 begun_us = g_get_monotonic_time();
    audit->error = move_guest(p, dest_xml ? dest_xml->str : NULL);
    audit->took_ms = (guint)((g_get_monotonic_time() - begun_us) / 1000);
    audit->step = audit->error ? GW_PROBE_MIGRATE : GW_PROBE_DONE;
    audit->disk = p->path ? GW_FACT_YES : GW_FACT_NO;
}

static void clean_up(Probe *p)
{
    GwVirtCall *call = p->call;
    destroy_guest(call->host, call->conn, call->plan->uuid);
    destroy_guest(call->peer, call->peer_conn, call->plan->uuid);
    if (p->path)
        remove_disk(call->host, call->conn, p->path);
    if (p->dest_path)
        remove_disk(call->peer, call->peer_conn, p->dest_path);
    g_free(p->path);
    g_free(p->dest_path);
    g_free(p->name);
}

static void compare_cpus(GwVirtCall *call, GwPairAudit *audit)
{
    const char *type = NULL, *peer_type = NULL;
    g_mutex_lock(&call->host->lock);
    g_autofree char *arch = g_strdup(call->host->caps->arch);
    g_mutex_unlock(&call->host->lock);
    g_autofree char *cpu = gw_virt_host_model(call->conn, arch, &type);
    g_autofree char *peer_cpu = gw_virt_host_model(call->peer_conn, arch, &peer_type);
    if (!cpu || !peer_cpu || g_strcmp0(type, "kvm") != 0 || g_strcmp0(peer_type, "kvm") != 0)
        return; /* emulation gives what it says it does */
    int result = virConnectCompareHypervisorCPU(call->peer_conn, NULL, arch, NULL, type, cpu,
                                                VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE);
    if (result == VIR_CPU_COMPARE_ERROR && gw_virt_last_is(VIR_ERR_CPU_INCOMPATIBLE))
        audit->cpu_problem = last_message();
}

gboolean gw_virt_probe(GwVirtCall *call, GError **error)
{
    if (!gw_virt_caps_fresh(call->host, call->conn, error))
        return FALSE;
    g_autoptr(GwPairAudit) audit = gw_pair_audit_new();
    const char *folder = call->host->instances_path;
    if (folder && *folder)
        audit->shared = gw_virt_same_folder(call->host, call->conn, call->peer, call->peer_conn, folder);
    compare_cpus(call, audit);
    Probe p = {.call = call, .audit = audit};
    p.name = gw_probe_name(g_get_real_time() / G_USEC_PER_SEC, g_random_int());
    probe_guest(&p);
    clean_up(&p);
    call->result = g_steal_pointer(&audit);
    call->free_result = (GDestroyNotify)gw_pair_audit_free;
    return TRUE;
}
