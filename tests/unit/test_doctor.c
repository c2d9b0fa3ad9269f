/* Doctor: each finding from hosts that are broken in exactly that way, and none once they are mended. */
#include "core/checkup.h"

#include <string.h>

typedef struct {
    GwHostAudit *audit[2];
    GwPairAudit *pair;
    GwPlanSettings plan;
    const char *uri;
} World;

static GwHostAudit *good_audit(const char *name, const char *uuid)
{
    GwHostAudit *audit = gw_host_audit_new();
    audit->facts = gw_host_facts_new();
    audit->facts->hostname = g_strdup(name);
    audit->facts->host_uuid = g_strdup(uuid);
    audit->facts->hypervisor_type = g_strdup("QEMU");
    audit->facts->hypervisor_version = 7002022;
    audit->facts->library_version = 9000000;
    audit->facts->arch = g_strdup("x86_64");
    audit->facts->qemu_user = g_strdup("+64055:+64055");
    g_ptr_array_add(audit->facts->networks, g_strdup("default"));
    audit->transport = g_strdup("tls");
    audit->secure = GW_FACT_YES;
    audit->clock_ahead_ms = 0;
    audit->folder = (GwFolderAudit){g_strdup("/var/lib/nova/instances"), GW_FACT_YES, GW_FACT_YES, NULL, 0755, 0, 0, 100ull << 30};
    return audit;
}

static World good_world(void)
{
    World world = {{good_audit("HostB", "u-b"), good_audit("HostC", "u-c")}, gw_pair_audit_new(), {0}, "qemu+tls://HostB/system"};
    world.pair->shared = GW_FACT_YES;
    world.pair->step = GW_PROBE_DONE;
    return world;
}

static void world_clear(World *world)
{
    gw_host_audit_free(world->audit[0]);
    gw_host_audit_free(world->audit[1]);
    gw_pair_audit_free(world->pair);
}

/* Everything that is found of HostB, HostC and the way from the one to the other. */
static GPtrArray *examine(const World *world)
{
    GPtrArray *findings = gw_findings_new();
    GwDoctorSettings settings = {&world->plan};
    GwPatient hosts[] = {{"HostB", world->uri, world->audit[0], "no route to host"},
                         {"HostC", "qemu+tls://HostC/system", world->audit[1], "no route to host"}};
    GwCheckState states[GW_HOST_CHECK_COUNT], pair_states[GW_PAIR_CHECK_COUNT];
    for (guint i = 0; i < 2; i++)
        gw_doctor_host(&hosts[i], &settings, findings, states);
    if (world->audit[0] && world->audit[1])
        gw_doctor_pair(&hosts[0], &hosts[1], world->pair, findings, pair_states);
    return findings;
}

static void set(char **text, const char *value)
{
    g_free(*text);
    *text = g_strdup(value);
}

/* ---- one way of breaking the world per finding */

static void no_answer(World *w)
{
    g_clear_pointer(&w->audit[0], gw_host_audit_free);
}

static void plain_tcp(World *w)
{
    set(&w->audit[0]->transport, "tcp");
    w->audit[0]->secure = GW_FACT_NO;
}

static void nine_days(World *w)
{
    w->audit[0]->certificate_left_s = 9 * 86400 + 5;
}

static void expired(World *w)
{
    w->audit[0]->certificate_left_s = -1;
}

static void localhost(World *w)
{
    set(&w->audit[0]->facts->hostname, "localhost.localdomain");
}

static void other_name(World *w)
{
    set(&w->audit[0]->facts->hostname, "node7");
}

static void old_libvirt(World *w)
{
    w->audit[0]->facts->library_version = 8009999;
}

static void no_folder(World *w)
{
    w->audit[0]->folder.there = GW_FACT_NO;
}

static void read_only(World *w)
{
    w->audit[0]->folder.writable = GW_FACT_NO;
    set(&w->audit[0]->folder.problem, "Read-only file system");
}

static void mode_0700(World *w)
{
    w->audit[0]->folder.mode = 0700;
}

static void mode_0701_of_group(World *w)
{
    w->audit[0]->folder.mode = 0701;
    w->audit[0]->folder.group = 64055;
}

static void full(World *w)
{
    w->audit[0]->folder.available_bytes = (5ull << 30) - 1;
}

static void late(World *w)
{
    w->audit[0]->clock_ahead_ms = -2000;
}

static void console(World *w)
{
    w->plan.vncserver_listen = "192.0.2.7";
}

static void remains(World *w)
{
    g_ptr_array_add(w->audit[0]->left_over, gw_probe_name(1, 2));
}

static void other_kind(World *w)
{
    set(&w->audit[1]->facts->hypervisor_type, "XenServer");
}

static void other_arch(World *w)
{
    set(&w->audit[1]->facts->arch, "aarch64");
}

static void same_uuid(World *w)
{
    set(&w->audit[1]->facts->host_uuid, "u-b");
}

static void same_name(World *w)
{
    set(&w->audit[0]->facts->hostname, "hostb.example");
    set(&w->audit[1]->facts->hostname, "hostb.example");
}

static void older(World *w)
{
    w->audit[1]->facts->hypervisor_version = 7002021;
}

static void other_user(World *w)
{
    set(&w->audit[1]->facts->qemu_user, "+107:+107");
}

static void no_network(World *w)
{
    g_ptr_array_set_size(w->audit[1]->facts->networks, 0);
}

static void not_shared(World *w)
{
    w->pair->shared = GW_FACT_NO;
}

static void lesser_cpu(World *w)
{
    w->pair->cpu_problem = g_strdup("Host CPU does not provide required features: avx512f");
}

static const struct {
    const char *code;
    void (*break_it)(World *);
    GwSeverity severity;
    const char *says; /* in the fact */
} cases[] = {
    {"unreachable", no_answer, GW_FINDING_BLOCKS, "no route to host"},
    {"tcp-unprotected", plain_tcp, GW_FINDING_WARNS, "plain TCP"},
    {"certificate-expires", nine_days, GW_FINDING_WARNS, "expires in 9 days"},
    {"certificate-expires", expired, GW_FINDING_WARNS, "has expired"},
    {"host-name-localhost", localhost, GW_FINDING_BLOCKS, "localhost.localdomain"},
    {"names-disagree", other_name, GW_FINDING_WARNS, "node7"},
    {"libvirt-old", old_libvirt, GW_FINDING_BLOCKS, "8.9.999"},
    {"instances-path-missing", no_folder, GW_FINDING_BLOCKS, "/var/lib/nova/instances"},
    {"instances-path-not-writable", read_only, GW_FINDING_BLOCKS, "Read-only file system"},
    {"instances-path-search", mode_0700, GW_FINDING_BLOCKS, "mode 0700"},
    {"instances-path-search", mode_0701_of_group, GW_FINDING_BLOCKS, "mode 0701"},
    {"space-low", full, GW_FINDING_WARNS, "5119 MiB free"},
    {"clock", late, GW_FINDING_WARNS, "2.0 s behind"},
    {"vncserver-listen", console, GW_FINDING_BLOCKS, "192.0.2.7"},
    {"probe-left-over", remains, GW_FINDING_WARNS, "godwit-probe-1-00000002"},
    {"hypervisor-type", other_kind, GW_FINDING_BLOCKS, "XenServer"},
    {"arch", other_arch, GW_FINDING_BLOCKS, "aarch64"},
    {"host-uuid", same_uuid, GW_FINDING_BLOCKS, "u-b"},
    {"host-name", same_name, GW_FINDING_BLOCKS, "hostb.example"},
    {"hypervisor-version", older, GW_FINDING_BLOCKS, "7.2.21"},
    {"qemu-user", other_user, GW_FINDING_WARNS, "+107:+107"},
    {"network-missing", no_network, GW_FINDING_WARNS, "default"},
    {"instances-path-not-shared", not_shared, GW_FINDING_WARNS, "/var/lib/nova/instances"},
    {"cpu", lesser_cpu, GW_FINDING_WARNS, "avx512f"},
};

static const GwFinding *find(const GPtrArray *findings, const char *code)
{
    for (guint i = 0; i < findings->len; i++) {
        const GwFinding *finding = findings->pdata[i];
        if (strcmp(finding->code, code) == 0)
            return finding;
    }
    return NULL;
}

static void nothing_against_good_hosts(void)
{
    World world = good_world();
    g_autoptr(GPtrArray) findings = examine(&world);
    g_assert_cmpuint(findings->len, ==, 0);
    world_clear(&world);
}

static void each_breakage_is_named(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    World world = good_world();
    cases[i].break_it(&world);
    g_autoptr(GPtrArray) findings = examine(&world);
    const GwFinding *finding = find(findings, cases[i].code);
    g_assert_nonnull(finding);
    g_assert_cmpint(finding->severity, ==, cases[i].severity);
    g_assert_nonnull(strstr(finding->fact, cases[i].says));
    g_assert_cmpstr(finding->why, !=, "");
    g_assert_cmpstr(finding->remedy, !=, "");
    g_assert_true(finding->host != NULL);
    world_clear(&world);
}

/* What is at the edge of each rule. */
static void edges(void)
{
    World world = good_world();
    world.audit[0]->clock_ahead_ms = 1999;
    world.audit[0]->folder.available_bytes = 5ull << 30;
    world.audit[0]->folder.mode = 0711;
    world.audit[1]->folder.mode = 0700; /* QEMU's own folder */
    world.audit[1]->folder.owner = 64055;
    world.audit[1]->facts->hypervisor_version = 8000000; /* to a newer one is allowed */
    set(&world.audit[1]->facts->hostname, "hostc.example.org");
    world.plan.vncserver_listen = "0.0.0.0";
    g_autoptr(GPtrArray) findings = examine(&world);
    g_assert_cmpuint(findings->len, ==, 0);
    world.audit[0]->clock_ahead_ms = 60000;
    set(&world.audit[0]->facts->qemu_user, "+0:+0"); /* root passes everywhere */
    set(&world.audit[1]->facts->qemu_user, "+0:+0");
    world.audit[0]->folder.mode = 0600;
    g_autoptr(GPtrArray) later = examine(&world);
    g_assert_cmpuint(later->len, ==, 1);
    g_assert_cmpint(find(later, "clock")->severity, ==, GW_FINDING_BLOCKS);
    world_clear(&world);
}

/* The advice about users must be the same whatever pair is looked at. */
static void user_advice_agrees(void)
{
    World world = good_world();
    set(&world.audit[0]->facts->qemu_user, "+107:+107");
    g_autoptr(GPtrArray) findings = examine(&world);
    g_assert_nonnull(strstr(find(findings, "qemu-user")->commands, "on HostB"));
    g_assert_nonnull(strstr(find(findings, "qemu-user")->commands, "usermod -u 64055"));
    set(&world.audit[0]->facts->qemu_user, "+64055:+64055");
    set(&world.audit[1]->facts->qemu_user, "+107:+107");
    g_autoptr(GPtrArray) others = examine(&world);
    g_assert_nonnull(strstr(find(others, "qemu-user")->commands, "on HostC"));
    g_assert_nonnull(strstr(find(others, "qemu-user")->commands, "usermod -u 64055"));
    world_clear(&world);
}

/* ---- the words of libvirt 9 and QEMU 7.2, as seen */

static const struct {
    const char *error, *code;
} errors[] = {
    {"operation failed: Failed to connect to remote libvirt URI qemu+tcp://HostC/system: unable to connect to server at "
     "'HostC:16509': Connection refused", "control-port"},
    {"operation failed: Failed to connect to remote libvirt URI qemu+tcp://HostC/system: Cannot resolve HostC address: Name or "
     "service not known", "names-unresolved"},
    {"unable to connect to server at 'HostC:49152': No route to host", "migration-port"},
    {"unable to connect to server at 'HostC:49261': Connection timed out", "migration-port"},
    {"unable to connect to server at 'HostC:16514': Connection refused", "control-port"},
    {"internal error: unable to execute QEMU command 'blockdev-add': Failed to connect to 'HostC:49153': Network is unreachable",
     "migration-port"},
    {"the migration did not end within 15 s, as when packets are dropped on the way", "migration-port"},
    {"internal error: unable to execute QEMU command 'nbd-server-add': x", "migration-port"},
    {"internal error: hostname on destination resolved to localhost, but migration requires an FQDN", "host-name-localhost"},
    {"internal error: Attempt to migrate guest to the same host 0e1f", "host-uuid"},
    {"The server certificate /etc/pki/libvirt/servercert.pem has expired", "certificate"},
    {"authentication failed: Failed to verify peer's certificate", "certificate"},
    {"internal error: unable to execute QEMU command 'object-add': Unable to access credentials /etc/pki/qemu/ca-cert.pem: No such "
     "file or directory", "certificate"},
    {"Cannot recv data: Host key verification failed.: Connection reset by peer", "denied"},
    {"authentication failed: authentication failed", "denied"},
    {"unsupported configuration: Emulator '/usr/bin/qemu-system-x86_64' does not support machine type 'pc-i440fx-9.2'",
     "machine-type"},
    {"the CPU is incompatible with host CPU: Host CPU does not provide required features: svm", "cpu"},
    {"Cannot access storage file '/srv/x' (as uid:64055, gid:64055): Permission denied", "storage-access"},
    {"something new", "probe-failed"},
};

static void errors_are_understood(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(errors); i++) {
        World world = good_world();
        world.pair->step = GW_PROBE_MIGRATE;
        set(&world.pair->error, errors[i].error);
        g_autoptr(GPtrArray) findings = examine(&world);
        g_assert_cmpuint(findings->len, ==, 1);
        const GwFinding *finding = findings->pdata[0];
        g_assert_cmpstr(finding->code, ==, errors[i].code);
        g_assert_nonnull(strstr(finding->fact, errors[i].error));
        g_assert_null(strstr(finding->remedy, "%"));
        g_assert_true(!finding->commands || !strstr(finding->commands, "%"));
        world_clear(&world);
    }
}

static void left_over_probes(void)
{
    g_autofree char *name = gw_probe_name(1000, 7);
    g_assert_true(gw_probe_is_name(name));
    g_assert_false(gw_probe_is_name("godwit") || gw_probe_is_name(NULL) || gw_probe_is_name("vm1"));
    g_assert_false(gw_probe_is_left_over(name, 1000 + GW_PROBE_LEFT_S));
    g_assert_true(gw_probe_is_left_over(name, 1001 + GW_PROBE_LEFT_S));
    g_assert_false(gw_probe_is_left_over("vm1", G_MAXINT64));
}

static void verdict_is_the_worst(void)
{
    World world = good_world();
    GwDoctorSettings settings = {&world.plan};
    g_autoptr(GwCheckup) checkup = gw_checkup_new();
    GwHostCheckup *b = gw_checkup_add_host(checkup, "HostB", "qemu+tls://HostB/system");
    GwHostCheckup *c = gw_checkup_add_host(checkup, "HostC", "qemu+tls://HostC/system");
    g_assert_cmpint(gw_checkup_verdict(checkup), ==, GW_CHECK_OK);
    b->audit = g_steal_pointer(&world.audit[0]);
    c->audit = g_steal_pointer(&world.audit[1]);
    set(&c->audit->facts->qemu_user, "+107:+107");
    gw_checkup_judge_host(b, &settings);
    gw_checkup_judge_host(c, &settings);
    g_assert_cmpint(gw_checkup_verdict(checkup), ==, GW_CHECK_OK);
    g_ptr_array_add(checkup->pairs, gw_checkup_judge_pair(c, b, NULL)); /* told with the other direction, but no less true */
    g_assert_cmpuint(((GwPairCheckup *)checkup->pairs->pdata[0])->findings->len, ==, 0);
    g_assert_cmpint(gw_checkup_verdict(checkup), ==, GW_CHECK_WARNS);
    GwPairAudit *probe = gw_pair_audit_new();
    probe->step = GW_PROBE_CREATE;
    g_ptr_array_add(checkup->pairs, gw_checkup_judge_pair(b, c, probe));
    g_assert_cmpint(gw_checkup_verdict(checkup), ==, GW_CHECK_BLOCKS);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/doctor/good", nothing_against_good_hosts);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/doctor/finding/%u-%s", i, cases[i].code);
        g_test_add_data_func(path, GUINT_TO_POINTER(i), each_breakage_is_named);
    }
    g_test_add_func("/doctor/edges", edges);
    g_test_add_func("/doctor/users", user_advice_agrees);
    g_test_add_func("/doctor/errors", errors_are_understood);
    g_test_add_func("/doctor/left-over", left_over_probes);
    g_test_add_func("/doctor/verdict", verdict_is_the_worst);
    return g_test_run();
}
