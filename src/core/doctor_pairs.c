/* The checks of one direction between two hosts. */
#include "core/doctor.h"

#include <string.h>

typedef struct {
    const GwPatient *source, *dest;
    const GwHostFacts *from, *to;
    const GwPairAudit *pair;
    GPtrArray *findings;
} Context;

/* About the destination, unless host says otherwise. The texts are taken. */
static GwCheckState found(const Context *c, GwSeverity severity, const char *code, char *fact, char *why, char *remedy,
                          char *commands)
{
    gw_findings_add(c->findings, severity, code, c->dest->name, fact, why, remedy)->commands = commands;
    return severity == GW_FINDING_BLOCKS ? GW_CHECK_BLOCKS : GW_CHECK_WARNS;
}

/* What is equally true of both directions is told with one of them. */
static gboolean is_second(const Context *c)
{
    return strcmp(c->source->name, c->dest->name) > 0;
}

static GwCheckState check_kind(const Context *c)
{
    const char *source = c->source->name, *dest = c->dest->name;
    if (g_strcmp0(c->from->hypervisor_type, c->to->hypervisor_type) != 0)
        return found(c, GW_FINDING_BLOCKS, "hypervisor-type",
                     g_strdup_printf("%s runs %s and %s %s", source, c->from->hypervisor_type, dest, c->to->hypervisor_type),
                     g_strdup("no hypervisor accepts another's guests"), g_strdup("nothing: move between hosts of one kind"), NULL);
    if (c->from->arch && c->to->arch && strcmp(c->from->arch, c->to->arch) != 0)
        return found(c, GW_FINDING_BLOCKS, "arch", g_strdup_printf("%s is %s and %s %s", source, c->from->arch, dest, c->to->arch),
                     g_strdup("guests need their architecture"), g_strdup("nothing: move between hosts of one architecture"), NULL);
    return GW_CHECK_OK;
}

static GwCheckState check_identity(const Context *c)
{
    const char *source = c->source->name, *dest = c->dest->name;
    gboolean same_uuid = c->from->host_uuid && g_strcmp0(c->from->host_uuid, c->to->host_uuid) == 0;
    gboolean same_name = c->from->hostname && g_strcmp0(c->from->hostname, c->to->hostname) == 0;
    if (c->source->audit->facts_only)
        return GW_CHECK_NONE;
    if (is_second(c) && (same_uuid || same_name))
        return GW_CHECK_BLOCKS;
    if (same_uuid)
        return found(c, GW_FINDING_BLOCKS, "host-uuid",
                     g_strdup_printf("%s and %s have the same host UUID %s", source, dest, c->from->host_uuid),
                     g_strdup("libvirt takes them for one host and refuses"),
                     g_strdup("give one of them its own host_uuid"),
                     g_strdup_printf("echo \"host_uuid = \\\"$(uuidgen)\\\"\" >> /etc/libvirt/libvirtd.conf && systemctl restart "
                                     "libvirtd   # on %s", dest));
    if (same_name)
        return found(c, GW_FINDING_BLOCKS, "host-name",
                     g_strdup_printf("%s and %s both call themselves %s", source, dest, c->from->hostname),
                     g_strdup("libvirt takes them for one host and refuses"), g_strdup("give each its own host name"),
                     g_strdup_printf("hostnamectl set-hostname %s   # on %s", dest, dest));
    return GW_CHECK_OK;
}

static char *version_text(guint64 version)
{
    return g_strdup_printf("%u.%u.%u", (guint)(version / 1000000), (guint)(version / 1000 % 1000), (guint)(version % 1000));
}

static GwCheckState check_version(const Context *c)
{
    guint64 from = c->from->hypervisor_version, to = c->to->hypervisor_version;
    if (!from || !to)
        return GW_CHECK_UNKNOWN;
    if (to >= from)
        return GW_CHECK_OK;
    g_autofree char *older = version_text(to), *newer = version_text(from);
    return found(c, GW_FINDING_BLOCKS, "hypervisor-version",
                 g_strdup_printf("%s has hypervisor version %s, %s has %s", c->dest->name, older, c->source->name, newer),
                 g_strdup("an older one cannot read running guests of a newer one; the other direction works"),
                 g_strdup_printf("update %s, or move cold", c->dest->name),
                 g_strdup_printf("apt-get install --only-upgrade 'qemu-system-*'   # on %s, or the distribution's own way",
                                 c->dest->name));
}

static gint64 user_number(const char *user)
{
    return g_ascii_strtoll(user + (*user == '+'), NULL, 10);
}

/* The manual: QEMU's UID and GID identical, or a shared disk changes hands and one side cannot open it. */
static GwCheckState check_user(const Context *c)
{
    const char *from = c->from->qemu_user, *to = c->to->qemu_user;
    if (!from || !to)
        return g_strcmp0(c->from->hypervisor_type, "QEMU") == 0 ? GW_CHECK_UNKNOWN : GW_CHECK_OK;
    if (strcmp(from, to) == 0)
        return GW_CHECK_OK;
    if (is_second(c))
        return GW_CHECK_WARNS;
    /* the higher number is kept, so that the advice for all pairs of a fleet agrees */
    gboolean keep_to = user_number(to) > user_number(from);
    g_auto(GStrv) ids = g_strsplit(keep_to ? to : from, ":", 2);
    const char *uid = ids[0] + (*ids[0] == '+');
    const char *gid = ids[1] ? ids[1] + (*ids[1] == '+') : uid;
    return found(c, GW_FINDING_WARNS, "qemu-user",
                 g_strdup_printf("QEMU runs as %s on %s and as %s on %s", from, c->source->name, to, c->dest->name),
                 g_strdup("files on shared storage belong to one of them, and the other cannot open them"),
                 g_strdup("give QEMU's user the same UID and GID on all hosts"),
                 g_strdup_printf("# on %s, with no guest running:\ngroupmod -g %s kvm\nusermod -u %s -g %s libvirt-qemu\n"
                                 "systemctl restart libvirtd", keep_to ? c->source->name : c->dest->name, gid, uid, gid));
}

static gboolean is_among(const GPtrArray *names, const char *name)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
}

/* Networks only: interfaces differ for good reasons, and a guest that needs one is told so by its plan. */
static GwCheckState check_network(const Context *c)
{
    g_autoptr(GString) missing = g_string_new(NULL), commands = g_string_new(NULL);
    for (guint i = 0; i < c->from->networks->len; i++) {
        const char *name = c->from->networks->pdata[i];
        if (is_among(c->to->networks, name))
            continue;
        g_string_append_printf(missing, "%s%s", missing->len ? ", " : "", name);
        g_string_append_printf(commands, "%svirsh net-start %s   # on %s; `virsh net-define` first, if it is not known there",
                               commands->len ? "\n" : "", name, c->dest->name);
    }
    if (!missing->len)
        return GW_CHECK_OK;
    return found(c, GW_FINDING_WARNS, "network-missing",
                 g_strdup_printf("%s has no active network %s, which %s has", c->dest->name, missing->str, c->source->name),
                 g_strdup("guests connected to it cannot move there"), g_strdup("define and start it there"),
                 g_string_free(g_steal_pointer(&commands), FALSE));
}

/* An SR that both have attached and that holds disks. */
static gboolean share_storage(const GwHostFacts *from, const GwHostFacts *to)
{
    for (guint i = 0; i < from->pools->len; i++) {
        const GwPool *pool = from->pools->pdata[i];
        gboolean media = g_strcmp0(pool->type, "iso") == 0 || g_strcmp0(pool->type, "udev") == 0;
        if (!media && pool->path && gw_host_facts_pool_at(to, pool->path))
            return TRUE;
    }
    return FALSE;
}

static GwCheckState check_repositories(const Context *c)
{
    if (share_storage(c->from, c->to))
        return GW_CHECK_OK;
    if (is_second(c))
        return GW_CHECK_WARNS;
    gboolean one_pool = g_strcmp0(c->from->realm, c->to->realm) == 0;
    return found(c, GW_FINDING_WARNS, "no-shared-storage",
                 g_strdup_printf("%s%s and %s have no storage repository in common", one_pool ? "" : "the pools of ", c->source->name, c->dest->name),
                 g_strdup("only instances with all their disks on local storage of type ext move live between them, and the disks with them"),
                 g_strdup(one_pool ? "ask for one instance (godwit plan SERVER HOST), move it cold, or attach shared storage to both"
                                   : "ask for one instance (godwit plan SERVER HOST), or move it cold"), NULL);
}

static GwCheckState check_storage(const Context *c)
{
    if (c->source->audit->facts_only && c->dest->audit->facts_only)
        return check_repositories(c);
    if (!c->source->audit->folder.path)
        return GW_CHECK_OK;
    if (!c->pair)
        return GW_CHECK_UNKNOWN;
    if (c->pair->shared != GW_FACT_NO)
        return c->pair->shared == GW_FACT_YES ? GW_CHECK_OK : GW_CHECK_UNKNOWN;
    const char *path = c->source->audit->folder.path;
    return found(c, GW_FINDING_WARNS, "instances-path-not-shared",
                 g_strdup_printf("a file made in %s on %s is not there on %s", path, c->source->name, c->dest->name),
                 g_strdup("live migration then has to copy the disks (block migration)"),
                 g_strdup("mount the same storage on both, if it is meant to be shared"),
                 g_strdup_printf("findmnt -T '%s'   # on both: must show the same source", path));
}

static GwCheckState check_cpu(const Context *c)
{
    if (!c->pair || !c->pair->cpu_problem)
        return c->pair ? GW_CHECK_OK : GW_CHECK_UNKNOWN;
    return found(c, GW_FINDING_WARNS, "cpu",
                 g_strdup_printf("%s cannot give guests the CPU that %s gives them: %s", c->dest->name, c->source->name,
                                 c->pair->cpu_problem),
                 g_strdup("guests with CPU mode host-model started there cannot move here"),
                 g_strdup("give guests a CPU model that all hosts have"),
                 g_strdup_printf("godwit cpu-baseline %s %s", c->source->name, c->dest->name));
}

static GwCheckState check_probe(const Context *c)
{
    if (!c->pair || c->pair->step == GW_PROBE_NONE)
        return GW_CHECK_UNKNOWN;
    if (c->pair->step == GW_PROBE_DONE)
        return GW_CHECK_OK;
    const GwFinding *finding = gw_diagnose(c->source, c->dest, c->pair->error ? c->pair->error : "", c->findings);
    return finding->severity == GW_FINDING_BLOCKS ? GW_CHECK_BLOCKS : GW_CHECK_WARNS;
}

static GwCheckState (*const pair_checks[])(const Context *) = {
    check_kind, check_identity, check_version, check_user, check_network, check_storage, check_cpu, check_probe,
};
_Static_assert(G_N_ELEMENTS(pair_checks) == GW_PAIR_CHECK_COUNT, "one function per check");

static const char *const pair_names[] = {"kind", "identity", "version", "user", "network", "storage", "cpu", "probe"};
_Static_assert(G_N_ELEMENTS(pair_names) == GW_PAIR_CHECK_COUNT, "one name per check");

const char *gw_pair_check_name(guint check)
{
    return pair_names[check];
}

void gw_doctor_pair(const GwPatient *source, const GwPatient *dest, const GwPairAudit *pair, GPtrArray *findings,
                    GwCheckState states[GW_PAIR_CHECK_COUNT])
{
    Context c = {source, dest, source->audit->facts, dest->audit->facts, pair, findings};
    for (guint i = 0; i < GW_PAIR_CHECK_COUNT; i++)
        states[i] = pair_checks[i](&c);
}
