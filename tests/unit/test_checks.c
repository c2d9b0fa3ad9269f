/* The check engine by table: each fact against a move gives its finding, all of them at once give all, and what passes becomes the
 * plan that the facts call for. */
#include "core/checks.h"
#include "core/flags.h"

#include <string.h>

/* A guest of 512 MiB with one qcow2 file of 10 GiB, between two hosts where nothing is wrong. */
static GwMoveFacts *good_facts(void)
{
    GwMoveFacts *facts = gw_move_facts_new();
    facts->source_name = g_strdup("HostB");
    facts->dest_name = g_strdup("HostC");
    facts->source = gw_host_facts_new();
    facts->dest = gw_host_facts_new();
    GwHostFacts *hosts[] = {facts->source, facts->dest};
    for (guint i = 0; i < 2; i++) {
        hosts[i]->hostname = g_strdup_printf("host%u", i);
        hosts[i]->host_uuid = g_strdup_printf("0000000%u-0000-0000-0000-000000000000", i);
        hosts[i]->hypervisor_type = g_strdup("QEMU");
        hosts[i]->hypervisor_version = 7002022;
        hosts[i]->arch = g_strdup("x86_64");
        hosts[i]->memory_free_mib = 4096;
    }
    facts->instance = gw_instance_new();
    g_strlcpy(facts->instance->uuid, "3536a8e8-b923-53fe-922e-6f951417ed6c", GW_UUID_SIZE);
    facts->instance->name = g_strdup("vm1");
    facts->instance->power = GW_POWER_RUNNING;
    facts->instance->persistent = TRUE;
    facts->instance->memory_mib = 512;
    GwDisk *disk = gw_instance_add_disk(facts->instance);
    disk->target = g_strdup("vda");
    disk->path = g_strdup("/srv/vm1.qcow2");
    disk->format = g_strdup("qcow2");
    disk->capacity_bytes = 10ull << 30;
    disk->allocation_bytes = 1ull << 30;
    GwDiskFacts *disk_facts = gw_move_facts_add_disk(facts);
    disk_facts->target = g_strdup("vda");
    disk_facts->shared = GW_FACT_YES;
    facts->uuid_taken = facts->name_taken = GW_FACT_NO;
    facts->definition = g_strdup("<godwit/>");
    return facts;
}

static GwDisk *disk_of(GwMoveFacts *facts)
{
    return facts->instance->disks->pdata[0];
}

static GwDiskFacts *disk_facts_of(GwMoveFacts *facts)
{
    return facts->disks->pdata[0];
}

static void make_local(GwMoveFacts *facts)
{
    GwDiskFacts *disk = disk_facts_of(facts);
    disk->shared = GW_FACT_NO;
    disk->folder = GW_FACT_YES;
    disk->taken = GW_FACT_NO;
    disk->dest_pool_path = g_strdup("/srv");
    disk->available_bytes = 100ull << 30;
}

typedef struct {
    GwMoveFacts *facts;
    GwMoveWish wish;
    GwPlanSettings settings;
} Move;

static Move good_move(void)
{
    return (Move){good_facts(), {GW_MOVE_LIVE, GW_BLOCK_AUTO, 512, FALSE},
                  {GW_FLAG_LIVE | GW_FLAG_PEER2PEER | GW_FLAG_UNDEFINE_SOURCE,
                   GW_FLAG_LIVE | GW_FLAG_PEER2PEER | GW_FLAG_UNDEFINE_SOURCE | GW_FLAG_NON_SHARED_INC, 0, 800, NULL, NULL}};
}

static GPtrArray *check(Move *move, GwPlan **ret_plan)
{
    return gw_checks_plan(move->facts, &move->wish, &move->settings, "HostC", ret_plan);
}

/* ---- each fact and its finding */

static void other_hypervisor(Move *m) { g_free(m->facts->dest->hypervisor_type); m->facts->dest->hypervisor_type = g_strdup("XenServer"); }
static void other_arch(Move *m) { g_free(m->facts->dest->arch); m->facts->dest->arch = g_strdup("aarch64"); }
static void older(Move *m) { m->facts->dest->hypervisor_version = 6000000; }
static void same_uuid(Move *m) { g_free(m->facts->dest->host_uuid); m->facts->dest->host_uuid = g_strdup(m->facts->source->host_uuid); }
static void same_name(Move *m) { g_free(m->facts->dest->hostname); m->facts->dest->hostname = g_strdup(m->facts->source->hostname); }
static void stopped(Move *m) { m->facts->instance->power = GW_POWER_SHUTDOWN; }
static void uuid_taken(Move *m) { m->facts->uuid_taken = GW_FACT_YES; }
static void name_taken(Move *m) { m->facts->name_taken = GW_FACT_YES; }
static void no_memory(Move *m) { m->facts->dest->memory_free_mib = 1000; }
static void no_bridge(Move *m) { g_ptr_array_add(m->facts->missing_networks, g_strdup("bridge br-x")); }
static void no_iso(Move *m) { g_ptr_array_add(m->facts->missing_files, g_strdup("/srv/x.iso")); }
static void device(Move *m) { g_ptr_array_add(m->facts->instance->host_devices, g_strdup("pci 0000:00:02.0")); }
static void snapshot(Move *m) { g_ptr_array_add(m->facts->obstacles, g_strdup("vm1 has 1 snapshot")); }
static void cpu(Move *m) { m->facts->cpu_problem = g_strdup("missing avx2"); }
static void unknown_storage(Move *m) { disk_facts_of(m->facts)->shared = GW_FACT_UNKNOWN; }
static void loose_device(Move *m) { disk_of(m->facts)->kind = GW_DISK_BLOCK; disk_facts_of(m->facts)->shared = GW_FACT_UNKNOWN; }
static void no_pool(Move *m) { disk_facts_of(m->facts)->pool = GW_FACT_NO; }
static void transient_disk(Move *m) { disk_of(m->facts)->flags |= GW_DISK_TRANSIENT; }
static void problem(Move *m) { disk_facts_of(m->facts)->problem = g_strdup("it is on nvme"); }
static void not_shared(Move *m) { make_local(m->facts); m->wish.block = GW_BLOCK_NO; }
static void no_folder(Move *m) { make_local(m->facts); disk_facts_of(m->facts)->folder = GW_FACT_NO; }
static void taken(Move *m) { make_local(m->facts); disk_facts_of(m->facts)->taken = GW_FACT_YES; }
static void shareable(Move *m) { make_local(m->facts); disk_of(m->facts)->flags |= GW_DISK_SHAREABLE; }
static void no_space(Move *m) { make_local(m->facts); disk_facts_of(m->facts)->available_bytes = 5ull << 30; }
static void nothing_to_copy(Move *m) { m->wish.block = GW_BLOCK_YES; }
static void console(Move *m) { m->facts->instance->graphics_listen = g_strdup("10.0.0.1"); }

static const struct {
    const char *code, *words; /* words that the text must hold */
    void (*spoil)(Move *move);
} refusals[] = {
    {"hypervisor-type", "XenServer", other_hypervisor}, {"arch", "aarch64", other_arch}, {"hypervisor-version", "6.0.0", older},
    {"host-uuid", "host_uuid", same_uuid}, {"host-name", "host0", same_name}, {"power", "godwit migrate", stopped},
    {"uuid-taken", "3536a8e8", uuid_taken}, {"name-taken", "named vm1", name_taken}, {"memory", "512 MiB", no_memory},
    {"network-missing", "bridge br-x", no_bridge}, {"file-missing", "/srv/x.iso", no_iso}, {"host-device", "0000:00:02.0", device},
    {"hypervisor", "snapshot", snapshot}, {"cpu", "avx2", cpu}, {"storage-unknown", "/srv/vm1.qcow2", unknown_storage},
    {"storage-unknown", "vda", loose_device}, {"pool-missing", "HostC", no_pool}, {"disk-transient", "vda", transient_disk},
    {"disk", "nvme", problem}, {"not-shared", "--block-migrate", not_shared}, {"folder-missing", "/srv/vm1.qcow2", no_folder},
    {"disk-taken", "/srv/vm1.qcow2", taken}, {"disk-shareable", "shareable", shareable}, {"disk-space", "5120 MiB", no_space},
    {"nothing-to-copy", "without --block-migrate", nothing_to_copy}, {"console-address", "vncserver_listen", console},
};

static void each_fact_has_its_finding(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    Move move = good_move();
    GwPlan *plan = NULL;
    refusals[i].spoil(&move);
    g_autoptr(GPtrArray) findings = check(&move, &plan);
    g_assert_null(plan);
    g_assert_cmpuint(findings->len, ==, 1);
    const GwFinding *finding = findings->pdata[0];
    g_assert_cmpstr(finding->code, ==, refusals[i].code);
    g_assert_true(finding->fact && finding->why && finding->remedy && finding->severity == GW_FINDING_BLOCKS);
    g_autofree char *text = gw_findings_to_text(findings);
    g_assert_nonnull(strstr(text, refusals[i].words));
    g_assert_nonnull(strstr(text, "remedy: "));
    gw_move_facts_free(move.facts);
}

static void the_list_is_complete(void)
{
    Move move = good_move();
    GwPlan *plan = NULL;
    older(&move), uuid_taken(&move), no_memory(&move), no_bridge(&move), no_iso(&move), device(&move), taken(&move);
    g_autoptr(GPtrArray) findings = check(&move, &plan);
    g_assert_null(plan);
    g_assert_cmpuint(findings->len, ==, 7);
    gw_move_facts_free(move.facts);
}

/* ---- plans */

static GwPlan *plan_of(Move *move)
{
    GwPlan *plan = NULL;
    g_autoptr(GPtrArray) findings = check(move, &plan);
    g_autofree char *text = gw_findings_to_text(findings);
    g_assert_cmpstr(text, ==, "");
    g_assert_nonnull(plan);
    gw_move_facts_free(move->facts);
    return plan;
}

static void shared_disk_stays(void)
{
    Move move = good_move();
    g_autoptr(GwPlan) plan = plan_of(&move);
    const GwPlanDisk *disk = plan->disks->pdata[0];
    g_assert_cmpint(disk->fate, ==, GW_FATE_SHARED);
    g_assert_cmphex(plan->flags, ==, GW_FLAG_LIVE | GW_FLAG_PEER2PEER | GW_FLAG_UNDEFINE_SOURCE | GW_FLAG_PERSIST_DEST |
                                         GW_FLAG_UNSAFE | GW_FLAG_ABORT_ON_ERROR);
    g_assert_cmpuint(plan->timeout_ms, ==, 2 * 800 * 1000); /* at least 2 GiB of data, as in Nova */
    g_assert_null(plan->destination_uri);
}

static void local_disk_travels(void)
{
    Move move = good_move();
    make_local(move.facts);
    g_autoptr(GwPlan) plan = plan_of(&move);
    g_assert_cmpint(((GwPlanDisk *)plan->disks->pdata[0])->fate, ==, GW_FATE_COPY);
    g_assert_true(plan->flags & GW_FLAG_NON_SHARED_INC);
    g_assert_false(plan->flags & GW_FLAG_UNSAFE);
    g_assert_cmpuint(plan->timeout_ms, ==, (2 + 10) * 800 * 1000);
}

static void chain_that_is_not_there_is_flattened(void)
{
    const char *const chain[] = {"/srv/base.qcow2", NULL};
    for (guint shared = GW_FACT_NO; shared <= GW_FACT_YES; shared++) {
        Move move = good_move();
        make_local(move.facts);
        disk_of(move.facts)->backing = g_strdupv((char **)chain);
        disk_facts_of(move.facts)->backing_shared = (GwFact)shared;
        g_autoptr(GwPlan) plan = plan_of(&move);
        const GwPlanDisk *disk = plan->disks->pdata[0];
        g_assert_true((disk->backing != NULL) == (shared == GW_FACT_YES));
        g_assert_true(((plan->flags & GW_FLAG_NON_SHARED_INC) != 0) == (shared == GW_FACT_YES));
        g_assert_true(((plan->flags & GW_FLAG_NON_SHARED_DISK) != 0) == (shared == GW_FACT_NO));
    }
}

static void network_disk_needs_no_proof(void)
{
    Move move = good_move();
    disk_of(move.facts)->kind = GW_DISK_NETWORK;
    disk_facts_of(move.facts)->shared = GW_FACT_UNKNOWN;
    g_autoptr(GwPlan) plan = plan_of(&move);
    g_assert_false(plan->flags & GW_FLAG_UNSAFE);
}

static void cold_keeps_the_source(void)
{
    Move move = good_move();
    make_local(move.facts);
    move.wish.kind = GW_MOVE_COLD;
    stopped(&move);
    g_autoptr(GwPlan) plan = plan_of(&move);
    g_assert_false(plan->flags & (GW_FLAG_LIVE | GW_FLAG_UNDEFINE_SOURCE));
    g_assert_true(plan->flags & GW_FLAG_PERSIST_DEST);
    g_assert_true(plan->flags & GW_FLAG_PEER2PEER);
}

static void transient_and_paused(void)
{
    Move move = good_move();
    move.facts->instance->persistent = FALSE;
    move.facts->instance->power = GW_POWER_PAUSED;
    move.settings.live_flags |= GW_FLAG_POSTCOPY;
    g_autoptr(GwPlan) plan = plan_of(&move);
    g_assert_false(plan->flags & (GW_FLAG_PERSIST_DEST | GW_FLAG_POSTCOPY));
    g_assert_cmpint(plan->power_before, ==, GW_POWER_PAUSED);
}

static void options_have_their_effect(void)
{
    Move move = good_move();
    console(&move);
    move.settings.uri_template = "qemu+tls://%s/system?x=100%";
    move.settings.vncserver_listen = "0.0.0.0";
    move.settings.bandwidth_mibps = 7;
    move.settings.completion_timeout_s = 0;
    g_autoptr(GwPlan) plan = plan_of(&move);
    g_assert_cmpstr(plan->destination_uri, ==, "qemu+tls://HostC/system?x=100%");
    g_assert_cmpstr(plan->listen, ==, "0.0.0.0");
    g_assert_cmpuint(plan->bandwidth_mibps, ==, 7);
    g_assert_cmpuint(plan->timeout_ms, ==, 0);
}

static void over_commit_counts_what_is_allocated(void)
{
    Move move = good_move();
    no_space(&move);
    move.wish.disk_over_commit = TRUE;
    g_autoptr(GwPlan) plan = plan_of(&move);
    g_assert_nonnull(plan);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autofree char *name = g_strdup_printf("/checks/refusal/%u-%s", i, refusals[i].code);
        g_test_add_data_func(name, GUINT_TO_POINTER(i), each_fact_has_its_finding);
    }
    g_test_add_func("/checks/the list is complete", the_list_is_complete);
    g_test_add_func("/plan/shared disk stays", shared_disk_stays);
    g_test_add_func("/plan/local disk travels", local_disk_travels);
    g_test_add_func("/plan/chain that is not there is flattened", chain_that_is_not_there_is_flattened);
    g_test_add_func("/plan/network disk needs no proof", network_disk_needs_no_proof);
    g_test_add_func("/plan/cold keeps the source", cold_keeps_the_source);
    g_test_add_func("/plan/transient and paused", transient_and_paused);
    g_test_add_func("/plan/options have their effect", options_have_their_effect);
    g_test_add_func("/plan/over-commit counts what is allocated", over_commit_counts_what_is_allocated);
    return g_test_run();
}
