/* The checks of one host. */
#include "core/doctor.h"

#include <string.h>

enum {
    CLOCK_WARN_MS = 2000,   /* a guest whose clock follows its host's would jump so far */
    CLOCK_BLOCK_MS = 60000, /* certificates and tickets (Kerberos: 5 minutes) begin to fail */
    SPACE_WARN_GIB = 5,
};

typedef struct {
    const GwPatient *host;
    const GwHostAudit *audit;
    const GwDoctorSettings *settings;
    GPtrArray *findings;
} Context;

static GwCheckState state_of(GwSeverity severity)
{
    return severity == GW_FINDING_BLOCKS ? GW_CHECK_BLOCKS : GW_CHECK_WARNS;
}

/* The texts are taken; commands may be NULL. */
static GwCheckState found(const Context *c, GwSeverity severity, const char *code, char *fact, char *why, char *remedy,
                          char *commands)
{
    gw_findings_add(c->findings, severity, code, c->host->name, fact, why, remedy)->commands = commands;
    return state_of(severity);
}

/* ---- connection */

static const char *host_of_uri(const char *uri, gsize *ret_length)
{
    const char *at = uri ? strstr(uri, "://") : NULL;
    at = at ? at + 3 : "";
    const char *user = strchr(at, '@');
    at = user ? user + 1 : at;
    *ret_length = strcspn(at, ":/?");
    return at;
}

static GwCheckState check_certificate(const Context *c)
{
    enum { SOON_DAYS = 14, DAY_S = 86400 };
    gint64 left_s = c->audit->certificate_left_s;
    if (left_s == G_MININT64 || left_s >= (gint64)SOON_DAYS * DAY_S)
        return GW_CHECK_OK;
    return found(c, GW_FINDING_WARNS, "certificate-expires",
                 g_strdup_printf(left_s < 0 ? "the certificate of libvirtd on %s has expired" : "the certificate of libvirtd on %s expires in %d days",
                                 c->host->name, (int)(left_s / DAY_S)),
                 g_strdup("from then on neither Godwit nor other hosts reach it by TLS"),
                 g_strdup("issue a new one, and let libvirtd read it"),
                 g_strdup_printf("certtool -i --infile /etc/pki/libvirt/servercert.pem   # on %s: names and dates\n"
                                 "virt-admin -c libvirtd:///system server-update-tls libvirtd   # on %s, once the new one is there",
                                 c->host->name, c->host->name));
}

static GwCheckState check_connection(const Context *c)
{
    const char *name = c->host->name;
    if (!c->audit)
        return found(c, GW_FINDING_BLOCKS, "unreachable", g_strdup_printf("%s cannot be asked: %s", name, c->host->failure),
                     g_strdup("nothing is known of it, and nothing can move there or away"),
                     g_strdup("mend what the message names, then run doctor again"),
                     g_str_has_prefix(c->host->uri, "qemu") ? g_strdup_printf("virsh -c '%s' version", c->host->uri) : NULL);
    if (c->audit->facts_only)
        return GW_CHECK_OK; /* it was asked */
    if (g_strcmp0(c->audit->transport, "tcp") != 0 || c->audit->secure != GW_FACT_NO)
        return c->audit->secure == GW_FACT_UNKNOWN ? GW_CHECK_UNKNOWN : check_certificate(c);
    gsize length;
    const char *address = host_of_uri(c->host->uri, &length);
    return found(c, GW_FINDING_WARNS, "tcp-unprotected",
                 g_strdup_printf("%s takes commands over plain TCP, without encryption", name),
                 g_strdup("whoever reaches its port 16509 can do with its instances as Godwit can"),
                 g_strdup("give it certificates and use qemu+tls, use qemu+ssh, or at least set auth_tcp = \"sasl\""),
                 g_strdup_printf("# on %s, with its certificates in /etc/pki/libvirt:\n"
                                 "systemctl stop libvirtd.service libvirtd-tcp.socket\n"
                                 "systemctl disable libvirtd-tcp.socket\n"
                                 "systemctl enable --now libvirtd-tls.socket\n"
                                 "# on the controller:\n"
                                 "godwit host-remove %s\n"
                                 "godwit host-add %s qemu+tls://%.*s/system",
                                 name, name, name, (int)length, address));
}

/* ---- identity */

static GwCheckState check_identity(const Context *c)
{
    const GwHostFacts *facts = c->audit->facts;
    const char *name = c->host->name;
    if (!facts->hostname)
        return GW_CHECK_UNKNOWN;
    if (g_str_has_prefix(facts->hostname, "localhost"))
        return found(c, GW_FINDING_BLOCKS, "host-name-localhost",
                     g_strdup_printf("%s calls itself %s", name, facts->hostname),
                     g_strdup("migrations go to the name that the destination gives itself, and this one leads back to the source"),
                     g_strdup_printf("give %s its own name, which all other hosts resolve", name),
                     g_strdup_printf("hostnamectl set-hostname %s   # on %s", name, name));
    g_auto(GStrv) itself = g_strsplit(facts->hostname, ".", 2), known = g_strsplit(name, ".", 2);
    if (g_ascii_strcasecmp(itself[0], known[0]) != 0)
        return found(c, GW_FINDING_WARNS, "names-disagree", g_strdup_printf("%s calls itself %s", name, facts->hostname),
                     g_strdup_printf("migrations go to the name that a host gives itself; all hosts must resolve %s",
                                     facts->hostname),
                     g_strdup("name it in Godwit as it names itself, or let every host resolve that name, too"),
                     g_strdup_printf("getent hosts %s   # on every host: must print the address of %s", facts->hostname, name));
    return GW_CHECK_OK;
}

/* ---- versions */

enum { LIBVIRT_WANTED = 9000000 }; /* drivers/libvirt/examine.c refuses older ones */

static GwCheckState check_version(const Context *c)
{
    guint64 library = c->audit->facts->library_version;
    if (!library)
        return GW_CHECK_OK; /* not libvirt */
    if (library >= LIBVIRT_WANTED)
        return GW_CHECK_OK;
    return found(c, GW_FINDING_BLOCKS, "libvirt-old",
                 g_strdup_printf("%s has libvirt %u.%u.%u", c->host->name, (guint)(library / 1000000),
                                 (guint)(library / 1000 % 1000), (guint)(library % 1000)),
                 g_strdup("Godwit needs 9.0.0 for moves"), g_strdup("update libvirt there"),
                 g_strdup_printf("apt-get install --only-upgrade libvirt-daemon-system   # on %s, or the distribution's own way",
                                 c->host->name));
}

/* ---- instances_path */

/* "+64055:+64055" */
static gboolean parse_user(const char *text, gint64 *ret_uid, gint64 *ret_gid)
{
    char *end = NULL;
    if (!text)
        return FALSE;
    *ret_uid = g_ascii_strtoll(text + (*text == '+'), &end, 10);
    if (!end || *end != ':')
        return FALSE;
    *ret_gid = g_ascii_strtoll(end + 1 + (end[1] == '+'), NULL, 10);
    return TRUE;
}

/* Whether QEMU's user may pass through the folder; -1: not known. Root may. */
static gint may_search(const GwHostAudit *audit)
{
    const GwFolderAudit *folder = &audit->folder;
    gint64 uid, gid;
    if (folder->mode < 0 || !parse_user(audit->facts->qemu_user, &uid, &gid))
        return -1;
    if (uid == 0)
        return 1;
    guint bit = uid == folder->owner ? 0100 : gid == folder->group ? 0010 : 0001;
    return ((guint)folder->mode & bit) != 0;
}

static GwCheckState folder_missing(const Context *c)
{
    const char *path = c->audit->folder.path;
    return found(c, GW_FINDING_BLOCKS, "instances-path-missing", g_strdup_printf("%s has no folder %s", c->host->name, path),
                 g_strdup("instances_path is where disks are kept and copied to"),
                 g_strdup("make it there, or mount the shared storage on it; it must have the same path on every host"),
                 g_strdup_printf("install -d -m 0755 '%s'   # on %s, if nothing is to be mounted there", path, c->host->name));
}

static GwCheckState check_folder(const Context *c)
{
    const GwFolderAudit *folder = &c->audit->folder;
    if (!folder->path)
        return GW_CHECK_OK; /* none is configured */
    if (folder->there == GW_FACT_NO)
        return folder_missing(c);
    if (folder->there == GW_FACT_UNKNOWN)
        return GW_CHECK_UNKNOWN;
    GwCheckState worst = folder->writable == GW_FACT_UNKNOWN ? GW_CHECK_UNKNOWN : GW_CHECK_OK;
    if (folder->writable == GW_FACT_NO)
        worst = found(c, GW_FINDING_BLOCKS, "instances-path-not-writable",
                      g_strdup_printf("libvirtd on %s cannot make a file in %s: %s", c->host->name, folder->path,
                                      folder->problem ? folder->problem : "no reason given"),
                      g_strdup("disks are copied there"),
                      g_strdup("mount it for writing; on NFS export it with no_root_squash"),
                      g_strdup_printf("mount -o remount,rw '%s'   # on %s", folder->path, c->host->name));
    if (may_search(c->audit) == 0)
        worst = MAX(worst, found(c, GW_FINDING_BLOCKS, "instances-path-search",
                                 g_strdup_printf("%s on %s has mode %04o and owner %" G_GINT64_FORMAT ":%" G_GINT64_FORMAT
                                                 ", and QEMU runs as %s there",
                                                 folder->path, c->host->name, (guint)folder->mode, folder->owner,
                                                 folder->group, c->audit->facts->qemu_user),
                                 g_strdup("without the execute (search) bit QEMU cannot open a disk in it"),
                                 g_strdup("set the bit, as the manual's `chmod o+x` does"),
                                 g_strdup_printf("chmod o+x '%s'   # on %s", folder->path, c->host->name)));
    return worst;
}

static GwCheckState check_space(const Context *c)
{
    const GwFolderAudit *folder = &c->audit->folder;
    if (!folder->path || folder->there == GW_FACT_NO)
        return GW_CHECK_OK;
    if (!folder->available_bytes)
        return GW_CHECK_UNKNOWN;
    if (folder->available_bytes >> 30 >= SPACE_WARN_GIB)
        return GW_CHECK_OK;
    return found(c, GW_FINDING_WARNS, "space-low",
                 g_strdup_printf("%s has %" G_GUINT64_FORMAT " MiB free in %s", c->host->name, folder->available_bytes >> 20,
                                 folder->path),
                 g_strdup("hardly any disk can be copied there, and those that are there cannot grow"),
                 g_strdup("free space, or move instances away"),
                 g_strdup_printf("du -xh --max-depth=1 '%s' | sort -h   # on %s", folder->path, c->host->name));
}

/* ---- the rest */

static GwCheckState check_clock(const Context *c)
{
    gint64 ahead = c->audit->clock_ahead_ms;
    if (ahead == G_MININT64)
        return GW_CHECK_UNKNOWN;
    gint64 off = ahead < 0 ? -ahead : ahead;
    if (off < CLOCK_WARN_MS)
        return GW_CHECK_OK;
    return found(c, off < CLOCK_BLOCK_MS ? GW_FINDING_WARNS : GW_FINDING_BLOCKS, "clock",
                 g_strdup_printf("the clock of %s is %" G_GINT64_FORMAT ".%" G_GINT64_FORMAT " s %s the controller's", c->host->name,
                                 off / 1000, off % 1000 / 100, ahead < 0 ? "behind" : "ahead of"),
                 g_strdup("guests that take their time from the host would jump, and certificates seem expired or not yet valid"),
                 g_strdup("let a time service run there"),
                 g_strdup_printf("apt-get install chrony && chronyc makestep   # on %s", c->host->name));
}

static GwCheckState check_console(const Context *c)
{
    static const char *const everywhere[] = {"0.0.0.0", "::", "127.0.0.1", "::1", "localhost", "", NULL};
    const char *listen = c->settings->plan->vncserver_listen;
    if (!listen || g_strv_contains(everywhere, listen))
        return GW_CHECK_OK;
    return found(c, GW_FINDING_BLOCKS, "vncserver-listen", g_strdup_printf("vncserver_listen is %s", listen),
                 g_strdup_printf("consoles of guests that come to %s would have to listen there, and an address belongs to one host",
                                 c->host->name),
                 g_strdup("set vncserver_listen = 0.0.0.0 (and let a firewall protect ports 5900-5999), or 127.0.0.1"),
                 g_strdup("# in godwit.conf on the controller, then restart godwitd:\nvncserver_listen = 0.0.0.0"));
}

static GwCheckState check_remains(const Context *c)
{
    if (!c->audit->left_over->len)
        return GW_CHECK_OK;
    return found(c, GW_FINDING_WARNS, "probe-left-over",
                 g_strdup_printf("%s still had %u probe guest%s of a former run, such as %s", c->host->name, c->audit->left_over->len,
                                 c->audit->left_over->len == 1 ? "" : "s", (const char *)c->audit->left_over->pdata[0]),
                 g_strdup("a probe was cut off before it could clean up"), g_strdup("nothing: they are removed now"), NULL);
}

/* ---- all */

static GwCheckState (*const host_checks[])(const Context *) = {
    check_connection, check_identity, check_version, check_folder, check_space, check_clock, check_console, check_remains,
};
_Static_assert(G_N_ELEMENTS(host_checks) == GW_HOST_CHECK_COUNT, "one function per check");

static const char *const host_names[] = {"connection", "identity", "version", "folder", "space", "clock", "console", "remains"};
_Static_assert(G_N_ELEMENTS(host_names) == GW_HOST_CHECK_COUNT, "one name per check");

const char *gw_host_check_name(guint check)
{
    return host_names[check];
}

const char *gw_check_state_name(GwCheckState state)
{
    switch (state) {
    case GW_CHECK_NONE:
        return "none";
    case GW_CHECK_OK:
        return "ok";
    case GW_CHECK_UNKNOWN:
        return "unknown";
    case GW_CHECK_WARNS:
        return "warning";
    case GW_CHECK_BLOCKS:
        return "blocks";
    }
    return "unknown";
}

void gw_doctor_host(const GwPatient *host, const GwDoctorSettings *settings, GPtrArray *findings,
                    GwCheckState states[GW_HOST_CHECK_COUNT])
{
    Context c = {host, host->audit, settings, findings};
    GwCheckState others = !host->audit ? GW_CHECK_UNKNOWN : GW_CHECK_NONE;
    for (guint i = 0; i < GW_HOST_CHECK_COUNT; i++) {
        gboolean meant = i == GW_HOST_CHECK_CONNECTION || (host->audit && !host->audit->facts_only);
        states[i] = meant ? host_checks[i](&c) : others;
    }
}
