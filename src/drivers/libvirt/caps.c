/* A host's capabilities, parsed once a minute: they change when packages do. */
#include "drivers/libvirt/internal.h"

enum { CAPS_AGE_S = 60 };

void gw_virt_caps_free(GwVirtCaps *caps)
{
    if (!caps)
        return;
    g_free(caps->host_uuid);
    g_free(caps->arch);
    g_free(caps->cpu_model);
    g_free(caps->qemu_user);
    g_free(caps->hostname);
    g_hash_table_unref(caps->machines);
    g_free(caps);
}

/* The dac model's base label of QEMU is its uid and gid on that host: "+64055:+64055". */
static char *find_qemu_user(xmlNode *host)
{
    GW_XML_EACH(model, host, "secmodel") {
        g_autofree char *name = gw_xml_text(gw_xml_child(model, "model"));
        if (g_strcmp0(name, "dac") != 0)
            continue;
        GW_XML_EACH(label, model, "baselabel")
            if (gw_xml_attr_is(label, "type", "qemu") || gw_xml_attr_is(label, "type", "kvm"))
                return gw_xml_text(label);
    }
    return NULL;
}

static void add_machines(GHashTable *machines, const char *arch, xmlNode *parent)
{
    GW_XML_EACH(machine, parent, "machine") {
        g_autofree char *name = gw_xml_text(machine);
        g_autofree char *canonical = gw_xml_attr(machine, "canonical"); /* what the alias stands for */
        g_hash_table_add(machines, g_strdup_printf("%s/%s", arch, name));
        if (canonical)
            g_hash_table_add(machines, g_strdup_printf("%s/%s", arch, canonical));
    }
}

static GHashTable *read_machines(xmlNode *root)
{
    GHashTable *machines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GW_XML_EACH(guest, root, "guest") {
        xmlNode *arch = gw_xml_child(guest, "arch");
        g_autofree char *name = gw_xml_attr(arch, "name");
        add_machines(machines, name, arch);
        GW_XML_EACH(domain, arch, "domain")
            add_machines(machines, name, domain);
    }
    return machines;
}

gboolean gw_virt_caps_has_machine(GwHost *host, const char *arch, const char *machine)
{
    g_autofree char *key = g_strdup_printf("%s/%s", arch, machine);
    g_mutex_lock(&host->lock);
    gboolean known = arch && machine && host->caps && g_hash_table_size(host->caps->machines) > 0;
    gboolean has = !known || g_hash_table_contains(host->caps->machines, key);
    g_mutex_unlock(&host->lock);
    return has;
}

GwVirtCaps *gw_virt_caps_parse(const char *xml, GError **error)
{
    g_autoptr(xmlDoc) doc = gw_xml_parse(xml, "capabilities", error);
    if (!doc)
        return NULL;
    xmlNode *host = gw_xml_child(xmlDocGetRootElement(doc), "host");
    GwVirtCaps *caps = g_new0(GwVirtCaps, 1);
    caps->host_uuid = gw_xml_text(gw_xml_child(host, "uuid"));
    caps->arch = gw_xml_text(gw_xml_at(host, "cpu/arch"));
    caps->cpu_model = gw_xml_text(gw_xml_at(host, "cpu/model"));
    caps->qemu_user = find_qemu_user(host);
    caps->machines = read_machines(xmlDocGetRootElement(doc));
    return caps;
}

static GwVirtCaps *read_caps(GwHost *host, virConnectPtr conn, GError **error)
{
    g_autofree char *xml = virConnectGetCapabilities(conn);
    if (!xml) {
        gw_virt_fail(host, GW_VIRT_ASK, error, "reading its capabilities");
        return NULL;
    }
    GwVirtCaps *caps = gw_virt_caps_parse(xml, error);
    if (!caps)
        return NULL;
    char *hostname = virConnectGetHostname(conn);
    caps->hostname = g_strdup(hostname);
    free(hostname);
    if (virConnectGetVersion(conn, &caps->hypervisor_version) == 0 && virConnectGetLibVersion(conn, &caps->library_version) == 0)
        return caps;
    gw_virt_caps_free(caps);
    gw_virt_fail(host, GW_VIRT_ASK, error, "reading its versions");
    return NULL;
}

void gw_virt_caps_forget(GwHost *host)
{
    g_mutex_lock(&host->lock);
    host->caps_at_us = G_MININT64 / 2;
    g_mutex_unlock(&host->lock);
}

/* virDomainStartDirtyRateCalc came with 7.2.0. */
enum { OLDEST_LIBVIRT = 7 * 1000000 + 2 * 1000 };

gboolean gw_virt_check_version(const char *name, const char *uri, unsigned long version, GError **error)
{
    if (version >= OLDEST_LIBVIRT)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                "%s (%s): its libvirt %lu.%lu.%lu is too old: Godwit needs 7.2.0 or newer; bring libvirt up to date there", name,
                uri, version / 1000000, version / 1000 % 1000, version % 1000);
    return FALSE;
}

gboolean gw_virt_caps_fresh(GwHost *host, virConnectPtr conn, GError **error)
{
    g_mutex_lock(&host->lock);
    gboolean young = host->caps && g_get_monotonic_time() - host->caps_at_us < CAPS_AGE_S * G_USEC_PER_SEC;
    g_mutex_unlock(&host->lock);
    if (young)
        return TRUE;
    GwVirtCaps *caps = read_caps(host, conn, error);
    if (!caps || !gw_virt_check_version(host->name, host->uri, caps->library_version, error)) {
        gw_virt_caps_free(caps);
        return FALSE;
    }
    g_mutex_lock(&host->lock);
    GwVirtCaps *old = host->caps;
    host->caps = caps;
    host->caps_at_us = g_get_monotonic_time();
    g_mutex_unlock(&host->lock);
    gw_virt_caps_free(old);
    return TRUE;
}
