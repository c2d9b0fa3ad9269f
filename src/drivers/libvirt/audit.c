/* What a host says about its readiness for migrations, asked through libvirt alone. */
#include "drivers/libvirt/internal.h"

#include "base/http.h"

#include <string.h>

/* ---- the connection */

/* "qemu+tcp://HostB/system" has transport "tcp"; without one it is TLS, and a local socket without a host (libvirt, uri.html). */
static char *transport_of(const char *uri)
{
    const char *at = strstr(uri, "://");
    gsize length = at ? (gsize)(at - uri) : strlen(uri);
    const char *plus = memchr(uri, '+', length);
    if (plus)
        return g_strndup(plus + 1, length - (gsize)(plus + 1 - uri));
    return g_strdup(at && at[3] != '/' ? "tls" : "unix");
}

/* libvirt does not tell: a handshake of our own shows it. */
static gint64 certificate_left_s(const GwHost *host)
{
    enum { PORT = 16514, TIMEOUT_MS = 3000 };
    g_autoptr(GUri) uri = g_uri_parse(host->uri, G_URI_FLAGS_PARSE_RELAXED, NULL);
    const char *name = uri ? g_uri_get_host(uri) : NULL;
    int port = uri ? g_uri_get_port(uri) : -1;
    gint64 left_s = G_MININT64;
    if (name && *name)
        gw_http_certificate_left(name, port > 0 ? (guint)port : PORT, TIMEOUT_MS, &left_s);
    return left_s;
}

static GwFact is_secure(virConnectPtr conn)
{
    int secure = virConnectIsSecure(conn);
    return secure < 0 ? GW_FACT_UNKNOWN : secure ? GW_FACT_YES : GW_FACT_NO;
}

/* ---- the folder of instances_path */

static gint64 number_at(xmlNode *node, const char *path, guint base)
{
    g_autofree char *text = gw_xml_text(gw_xml_at(node, path));
    return text ? g_ascii_strtoll(text, NULL, base) : -1;
}

static void read_permissions(virStoragePool *pool, GwFolderAudit *audit)
{
    g_autofree char *xml = virStoragePoolGetXMLDesc(pool, 0);
    g_autoptr(xmlDoc) doc = xml ? gw_xml_parse(xml, "pool", NULL) : NULL;
    if (!doc)
        return;
    xmlNode *permissions = gw_xml_at(xmlDocGetRootElement(doc), "target/permissions");
    audit->mode = (gint)number_at(permissions, "mode", 8);
    audit->owner = number_at(permissions, "owner", 10);
    audit->group = number_at(permissions, "group", 10);
}

/* A file made a moment ago bears the time of the host's clock (on a network file system perhaps the server's: then it is the same
 * on all hosts, and says nothing wrong). before_us: the controller's clock just before it was made. */
static void read_clock(virStorageVol *volume, gint64 before_us, gint64 after_us, GwHostAudit *audit)
{
    g_autofree char *xml = virStorageVolGetXMLDesc(volume, 0);
    g_autoptr(xmlDoc) doc = xml ? gw_xml_parse(xml, "volume", NULL) : NULL;
    g_autofree char *text = doc ? gw_xml_text(gw_xml_at(xmlDocGetRootElement(doc), "target/timestamps/mtime")) : NULL;
    if (!text)
        return;
    gint64 there_us = (gint64)(g_ascii_strtod(text, NULL) * G_USEC_PER_SEC);
    /* within the time that making it took nobody can tell */
    gint64 ahead_us = there_us < before_us ? there_us - before_us : there_us > after_us ? there_us - after_us : 0;
    audit->clock_ahead_ms = ahead_us / 1000;
}

static void try_to_write(virStoragePool *pool, GwHostAudit *audit)
{
    g_autofree char *name = gw_probe_name(g_get_real_time() / G_USEC_PER_SEC, g_random_int());
    g_autofree char *xml = g_strdup_printf("<volume><name>.%s</name><capacity>1</capacity><allocation>0</allocation>"
                                           "<target><format type='raw'/></target></volume>", name);
    gint64 before_us = g_get_real_time();
    g_autoptr(virStorageVol) volume = virStorageVolCreateXML(pool, xml, 0);
    audit->folder.writable = volume ? GW_FACT_YES : GW_FACT_NO;
    if (volume) {
        read_clock(volume, before_us, g_get_real_time(), audit);
        virStorageVolDelete(volume, 0);
    } else {
        const virError *found = virGetLastError();
        audit->folder.problem = g_strdup(found ? found->message : NULL);
    }
}

/* Volumes of probes that a crash left behind. */
static void sweep_folder(virStoragePool *pool, gint64 now_s)
{
    virStorageVol **volumes = NULL;
    int count = virStoragePoolListAllVolumes(pool, &volumes, 0);
    for (int i = 0; i < count; i++) {
        const char *name = virStorageVolGetName(volumes[i]);
        if (*name == '.' && gw_probe_is_left_over(name + 1, now_s))
            virStorageVolDelete(volumes[i], 0);
        virStorageVolFree(volumes[i]);
    }
    free(volumes);
}

static void audit_folder(GwVirtCall *call, GwHostAudit *audit)
{
    const char *path = call->host->instances_path;
    if (!path || !*path)
        return;
    audit->folder.path = g_strdup(path);
    audit->folder.there = gw_virt_presence(call->host, call->conn, path);
    g_autoptr(GwVirtFolder) folder =
        audit->folder.there == GW_FACT_NO ? NULL : gw_virt_folder_open(call->host, call->conn, path, NULL);
    if (!folder)
        return;
    audit->folder.there = GW_FACT_YES;
    virStoragePoolRefresh(folder->pool, 0); /* mode and space are as old as the last one */
    read_permissions(folder->pool, &audit->folder);
    audit->folder.available_bytes = gw_virt_folder_available(folder);
    try_to_write(folder->pool, audit);
    sweep_folder(folder->pool, g_get_real_time() / G_USEC_PER_SEC);
}

/* ---- probes of former runs */

static void sweep_guests(GwVirtCall *call, GwHostAudit *audit)
{
    virDomain **domains = NULL;
    gint64 now_s = g_get_real_time() / G_USEC_PER_SEC;
    int count = virConnectListAllDomains(call->conn, &domains, 0);
    for (int i = 0; i < count; i++) {
        const char *name = virDomainGetName(domains[i]);
        if (gw_probe_is_left_over(name, now_s) && virDomainDestroy(domains[i]) == 0)
            g_ptr_array_add(audit->left_over, g_strdup(name));
        virDomainFree(domains[i]);
    }
    free(domains);
}

/* ---- the processor */

/* What mode host-model stands for there: <mode name='host-model'> holds a model and features, as <cpu> does. */
char *gw_virt_host_model(virConnectPtr conn, const char *arch, const char **ret_type)
{
    static const char *const types[] = {"kvm", "qemu"};
    for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
        char *xml = virConnectGetDomainCapabilities(conn, NULL, arch, NULL, types[i], 0);
        g_autoptr(xmlDoc) doc = xml ? gw_xml_parse(xml, "domainCapabilities", NULL) : NULL;
        free(xml);
        if (!doc)
            continue;
        *ret_type = types[i];
        GW_XML_EACH(mode, gw_xml_child(xmlDocGetRootElement(doc), "cpu"), "mode") {
            if (!gw_xml_attr_is(mode, "name", "host-model") || !gw_xml_attr_is(mode, "supported", "yes"))
                continue;
            xmlNodeSetName(mode, (const xmlChar *)"cpu");
            gw_xml_set_attr(mode, "name", NULL);
            gw_xml_set_attr(mode, "supported", NULL);
            gw_xml_set_attr(mode, "mode", "custom");
            gw_xml_set_attr(mode, "match", "exact");
            return gw_xml_to_text(mode);
        }
        return NULL;
    }
    return NULL;
}

gboolean gw_virt_audit(GwVirtCall *call, GError **error)
{
    g_autoptr(GwHostAudit) audit = gw_host_audit_new();
    const char *type = NULL;
    gw_virt_caps_forget(call->host); /* whoever has just changed the host wants to see it */
    audit->facts = gw_virt_read_facts(call->host, call->conn, error);
    if (!audit->facts)
        return FALSE;
    audit->transport = transport_of(call->host->uri);
    audit->secure = is_secure(call->conn);
    if (g_strcmp0(audit->transport, "tls") == 0)
        audit->certificate_left_s = certificate_left_s(call->host);
    audit->cpu = gw_virt_host_model(call->conn, audit->facts->arch, &type);
    audit->kvm = !type ? GW_FACT_UNKNOWN : strcmp(type, "kvm") == 0 ? GW_FACT_YES : GW_FACT_NO;
    sweep_guests(call, audit);
    gw_virt_folder_sweep(call->host, call->conn, g_get_real_time() / G_USEC_PER_SEC);
    audit_folder(call, audit);
    call->result = g_steal_pointer(&audit);
    call->free_result = (GDestroyNotify)gw_host_audit_free;
    return TRUE;
}

/* ---- the CPU that several hosts can give; call->texts are those of their audits */
gboolean gw_virt_baseline(GwVirtCall *call, GError **error)
{
    const char *type = NULL;
    g_autoptr(GwHostFacts) facts = gw_virt_read_facts(call->host, call->conn, error);
    if (!facts)
        return FALSE;
    g_autofree char *own = gw_virt_host_model(call->conn, facts->arch, &type);
    if (!own) {
        g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s does not tell which CPU it can give to guests", call->host->name);
        return FALSE;
    }
    char *xml = virConnectBaselineHypervisorCPU(call->conn, NULL, facts->arch, NULL, type, (const char **)call->texts,
                                                g_strv_length(call->texts), VIR_CONNECT_BASELINE_CPU_MIGRATABLE);
    if (!xml)
        return gw_virt_fail(call->host, GW_VIRT_ASK, error, "finding the CPU model that all of them have");
    call->result = g_strdup(xml);
    call->free_result = g_free;
    free(xml);
    return TRUE;
}
