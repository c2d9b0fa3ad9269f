/* What the words of libvirt and QEMU about a migration that failed mean. libvirt numbers these errors too coarsely; the texts are
 * those of its sources (rpc/virnetsocket.c, qemu/qemu_migration.c, rpc/virnettlscontext.c) and of QEMU's (migration/, block/nbd). */
#include "core/doctor.h"

#include <string.h>

enum { FIRST_MIGRATION_PORT = 49152, LAST_MIGRATION_PORT = 49261 };

typedef struct {
    const GwPatient *source, *dest;
    const char *error;
} Case;

typedef struct {
    const char *code;
    gboolean (*fits)(const Case *);
    const char *fact, *why, *remedy, *commands; /* %S and %D: source and destination; %N: the destination's own name */
} Cause;

static gboolean says(const Case *c, const char *words)
{
    g_autofree char *text = g_ascii_strdown(c->error, -1);
    return strstr(text, words) != NULL;
}

/* The port in "unable to connect to server at 'HostC:49152'" (libvirt) or "Failed to connect to 'HostC:49153'" (QEMU); 0: none. */
static guint64 port_of(const Case *c)
{
    g_autoptr(GMatchInfo) match = NULL;
    g_autoptr(GRegex) regex = g_regex_new("connect to (?:server at )?'[^']*:([0-9]+)'", G_REGEX_CASELESS, 0, NULL);
    if (!g_regex_match(regex, c->error, 0, &match))
        return 0;
    g_autofree char *port = g_match_info_fetch(match, 1);
    return g_ascii_strtoull(port, NULL, 10);
}

static gboolean is_name(const Case *c)
{
    return says(c, "unable to resolve address") || says(c, "cannot resolve") || says(c, "name or service not known") ||
           says(c, "temporary failure in name resolution") || says(c, "address resolution failed");
}

static gboolean is_localhost(const Case *c)
{
    return says(c, "resolved to localhost");
}

static gboolean is_same_host(const Case *c)
{
    return says(c, "migrate guest to the same host");
}

static gboolean is_certificate(const Case *c)
{
    return says(c, "certificate") || says(c, "access credentials") || says(c, "tls handshake") || says(c, "gnutls");
}

static gboolean is_ssh_key(const Case *c)
{
    return says(c, "permission denied (publickey");
}

static gboolean is_ssh_host(const Case *c)
{
    return says(c, "host key verification failed");
}

static gboolean is_ticket(const Case *c)
{
    return says(c, "gssapi") || says(c, "kerberos") || says(c, "credentials cache") || says(c, "krb5");
}

static gboolean is_denied(const Case *c)
{
    return says(c, "authentication failed") || says(c, "authentication unavailable") || says(c, "authentication callback") || says(c, "sasl");
}

static gboolean is_migration_port(const Case *c)
{
    guint64 port = port_of(c);
    return (port >= FIRST_MIGRATION_PORT && port <= G_MAXUINT16) || says(c, "did not end within") ||
           says(c, "failed to connect to destination") || says(c, "nbd");
}

static gboolean is_control_port(const Case *c)
{
    return port_of(c) || says(c, "connect to remote libvirt uri") || says(c, "no route to host") || says(c, "connection refused") ||
           says(c, "connection timed out");
}

static gboolean is_machine(const Case *c)
{
    return says(c, "machine type") || says(c, "unsupported machine");
}

static gboolean is_cpu(const Case *c)
{
    return says(c, "cpu is incompatible") || says(c, "guest cpu") || says(c, "cpu feature");
}

static gboolean is_storage(const Case *c)
{
    return says(c, "cannot access storage") || says(c, "permission denied") || says(c, "could not open");
}

static gboolean is_anything(const Case *c)
{
    return TRUE;
}

#define LOGS_IN "the source's libvirtd logs in at the destination by itself, not as Godwit does"

/* The first that fits counts. */
static const Cause causes[] = {
    {"names-unresolved", is_name, "%S cannot resolve the name of %D",
     "the source's libvirtd goes to the destination by its name", "add it to /etc/hosts of %S, or to the name server that it uses",
     "echo 'ADDRESS_OF_%D %N' >> /etc/hosts   # on %S\ngetent hosts %N   # on %S: must print the address of %D"},
    {"host-name-localhost", is_localhost, "%D resolves its own name to localhost",
     "it tells the source to send the guest there, which is the source itself",
     "take the name out of the 127.0.0.1 and 127.0.1.1 lines of /etc/hosts there",
     "sed -i '/^127\\./s/\\b%N\\b//g' /etc/hosts   # on %D"},
    {"host-uuid", is_same_host, "libvirt takes %S and %D for one host", "their host UUIDs or host names are equal",
     "give each its own host_uuid and host name",
     "echo \"host_uuid = \\\"$(uuidgen)\\\"\" >> /etc/libvirt/libvirtd.conf && systemctl restart libvirtd   # on %D"},
    {"certificate", is_certificate, "%S and %D do not accept each other's certificates",
     "the source's libvirtd (or QEMU) connects to the destination by TLS, with certificates of its own",
     "check authority, name and dates of the certificates on both",
     "virt-pki-validate   # on %S and on %D\ncerttool -i --infile /etc/pki/libvirt/servercert.pem   # on %D: names and dates"},
    {"denied", is_ssh_key, "%D refuses the credentials of %S", LOGS_IN,
     "put the public key of root on %S into /root/.ssh/authorized_keys on %D",
     "ssh-copy-id root@%N   # on %S, as root"},
    {"denied", is_ssh_host, "%S does not know the host key of %D", LOGS_IN, "add it to /root/.ssh/known_hosts on %S, once you have compared it",
     "ssh-keyscan %N >> /root/.ssh/known_hosts   # on %S, as root\nssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub   # on %D: the fingerprint"},
    {"denied", is_ticket, "%D refuses the credentials of %S", LOGS_IN,
     "give root on %S a Kerberos ticket (kinit, or a client keytab: default_client_keytab_name in krb5.conf), and %D the key of libvirt/%N in "
     "/etc/libvirt/krb5.tab",
     "kinit -k && klist   # on %S, as root\nklist -k /etc/libvirt/krb5.tab   # on %D: must list libvirt/%N"},
    {"denied", is_denied, "%D refuses the credentials of %S",
     LOGS_IN, "give root on %S what it needs to log in: authname and password in /etc/libvirt/auth.conf, or a Kerberos ticket (kinit)",
     "virsh -c qemu+tls://%N/system version   # on %S, as root, with the transport of live_migration_uri\n"
     "saslpasswd2 -a libvirt -f /etc/libvirt/passwd.db USER   # on %D: sets the password"},
    {"migration-port", is_migration_port, "%S does not reach the migration ports of %D",
     "memory and disks travel to TCP ports 49152 to 49261 of the destination",
     "open these ports on %D for the other hosts (migration_port_min and migration_port_max in qemu.conf say which)",
     "firewall-cmd --permanent --add-port=49152-49261/tcp && firewall-cmd --reload   # on %D, with firewalld\n"
     "ufw allow 49152:49261/tcp   # on %D, with ufw\n"
     "iptables -I INPUT -p tcp --dport 49152:49261 -j ACCEPT   # on %D, otherwise"},
    {"control-port", is_control_port, "%S does not reach the libvirtd of %D",
     "peer-to-peer migration is carried out by the source's libvirtd, which connects to the destination's",
     "let libvirtd listen there, and open its port: 16509 (tcp), 16514 (tls) or 22 (ssh)",
     "ss -ltn | grep -E ':(16509|16514|22) '   # on %D: must list the port\n"
     "systemctl enable --now libvirtd-tls.socket   # on %D, for qemu+tls\n"
     "firewall-cmd --permanent --add-service=libvirt-tls && firewall-cmd --reload   # on %D, with firewalld"},
    {"machine-type", is_machine, "the QEMU of %D does not have the machine type that %S gives its guests",
     "a running guest keeps its machine type", "update %D, or give guests a machine type that both have",
     "qemu-system-x86_64 -machine help   # on %S and %D"},
    {"cpu", is_cpu, "%D cannot give guests the CPU that %S gives them", "a running guest keeps its CPU",
     "give guests a CPU model that all hosts have", "godwit cpu-baseline %S %D"},
    {"storage-access", is_storage, "QEMU cannot open a disk on %D", "the probe's disk was made there a moment ago",
     "check owner and mode of instances_path on %D, and its security driver (AppArmor, SELinux)",
     "ls -ld INSTANCES_PATH   # on %D\njournalctl -k -g 'apparmor|avc'   # on %D"},
    {"probe-failed", is_anything, "a probe guest could not move from %S to %D", "a real one would fail in the same way",
     "mend what the message names", NULL},
};

static char *fill(const Case *c, const char *text)
{
    if (!text)
        return NULL;
    GString *out = g_string_new(text);
    const char *own = c->dest->audit ? c->dest->audit->facts->hostname : NULL;
    g_string_replace(out, "%S", c->source->name, 0);
    g_string_replace(out, "%D", c->dest->name, 0);
    g_string_replace(out, "%N", own ? own : c->dest->name, 0);
    return g_string_free(out, FALSE);
}

GwFinding *gw_diagnose(const GwPatient *source, const GwPatient *dest, const char *error, GPtrArray *findings)
{
    Case c = {source, dest, error};
    const Cause *cause = causes;
    while (!cause->fits(&c))
        cause++;
    g_autofree char *fact = fill(&c, cause->fact);
    GwFinding *finding = gw_findings_add(findings, GW_FINDING_BLOCKS, cause->code, dest->name, g_strdup_printf("%s: %s", fact, error),
                                         fill(&c, cause->why), fill(&c, cause->remedy));
    finding->commands = fill(&c, cause->commands);
    return finding;
}
