/* What passes the checks becomes the plan that the facts call for. */
#include "core/planner.h"
#include "move_fixture.h"

static void shared_disk_stays(void)
{
    Move move = good_move();
    g_autoptr(GwPlan) plan = plan_of(&move);
    const GwPlanDisk *disk = plan->disks->pdata[0];
    g_assert_cmpint(disk->fate, ==, GW_FATE_SHARED);
    g_assert_cmphex(plan->flags, ==,
                    GW_FLAG_LIVE | GW_FLAG_PEER2PEER | GW_FLAG_UNDEFINE_SOURCE | GW_FLAG_PERSIST_DEST | GW_FLAG_UNSAFE |
                        GW_FLAG_ABORT_ON_ERROR);
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

static void policy_becomes_flags_and_pauses(void)
{
    const struct {
        const char *policy;
        GwTimeoutAction action;
        gboolean post_copy, auto_converge;
        guint pause_ms;
        guint64 flags, forced_ms;
    } cases[] = {
        {"balanced", GW_TIMEOUT_POLICY, FALSE, TRUE, 500, GW_FLAG_AUTO_CONVERGE, 10000},
        {"balanced", GW_TIMEOUT_POLICY, FALSE, FALSE, 500, 0, 10000},
        {"balanced", GW_TIMEOUT_POLICY, TRUE, TRUE, 500, GW_FLAG_POSTCOPY, 10000},
        {"balanced", GW_TIMEOUT_ABORT, FALSE, TRUE, 500, GW_FLAG_AUTO_CONVERGE, 0},
        {"never-pause", GW_TIMEOUT_FORCE, FALSE, TRUE, 300, GW_FLAG_AUTO_CONVERGE, G_MAXUINT32},
        {"fast", GW_TIMEOUT_POLICY, FALSE, TRUE, 2000, 0, 30000},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Move move = good_move();
        move.settings.policy = gw_policy_find(cases[i].policy);
        move.settings.timeout_action = cases[i].action;
        move.settings.permit_post_copy = cases[i].post_copy;
        move.settings.permit_auto_converge = cases[i].auto_converge;
        g_autoptr(GwPlan) plan = plan_of(&move);
        g_assert_cmphex(plan->flags & (GW_FLAG_POSTCOPY | GW_FLAG_AUTO_CONVERGE), ==, cases[i].flags);
        g_assert_cmpuint(plan->pause_ms, ==, cases[i].pause_ms);
        g_assert_cmpuint(plan->forced_pause_ms, ==, cases[i].forced_ms);
    }
}

static void own_pause_comes_first(void)
{
    Move move = good_move();
    move.settings.policy = gw_policy_find("balanced");
    move.settings.pause_ms = 42;
    g_autoptr(GwPlan) plan = plan_of(&move);
    g_assert_cmpuint(plan->pause_ms, ==, 42);
}

static void pauses_in_steps(void)
{
    Move move = good_move();
    move.settings.policy = gw_policy_find("balanced");
    move.settings.pause_steps = 10;
    move.settings.pause_delay_s = 75;
    g_autoptr(GwPlan) plan = plan_of(&move);
    g_assert_cmpuint(plan->pause_steps, ==, 10);
    g_assert_cmpuint(plan->pause_step_ms, ==, 2 * 75 * 1000); /* of 2 GiB at least, as the timeout */
}

/* What the two hosts can do counts, and what is known of the guest. */
static void transfer_is_planned(void)
{
    Move move = good_move();
    make_local(move.facts);
    move.settings.transfer.connections = 4;
    move.settings.transfer.compression = GW_COMPRESSION_ZSTD;
    move.wish.traffic = (GwTraffic){.sampled = TRUE, .disk_write_bps = 1000000000};
    move.facts->source->library_version = move.facts->dest->library_version = 9004000;
    g_autoptr(GwPlan) plan = plan_of(&move);
    g_assert_true(plan->flags & GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES);
    g_assert_cmpuint(plan->connections, ==, 4);
    g_assert_cmpint(plan->compression, ==, GW_COMPRESSION_ZSTD);
    Move known = good_move();
    make_local(known.facts);
    known.settings.transfer = move.settings.transfer;
    known.wish.traffic = (GwTraffic){.sampled = TRUE};
    known.facts->source->library_version = 9004000;
    known.facts->dest->library_version = 9000000; /* the older one counts */
    g_autoptr(GwPlan) calm = plan_of(&known);
    g_assert_false(calm->flags & GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES);
    g_assert_cmpint(calm->compression, ==, GW_COMPRESSION_NONE);
}

static void cold_keeps_the_source(void)
{
    Move move = good_move();
    make_local(move.facts);
    move.wish.kind = GW_MOVE_COLD;
    move.facts->instance->power = GW_POWER_SHUTDOWN;
    g_autoptr(GwPlan) plan = plan_of(&move);
    g_assert_false(plan->flags & (GW_FLAG_LIVE | GW_FLAG_UNDEFINE_SOURCE));
    g_assert_true(plan->flags & GW_FLAG_PERSIST_DEST);
    g_assert_true(plan->flags & GW_FLAG_PEER2PEER);
}

/* The guest's CPUs do not run during the copy, and the source keeps everything. */
static void cold_flags(void)
{
    Move move = good_move();
    make_local(move.facts);
    move.wish.kind = GW_MOVE_COLD;
    move.settings.block_flags = GW_FLAG_LIVE | GW_FLAG_UNDEFINE_SOURCE | GW_FLAG_POSTCOPY | GW_FLAG_AUTO_CONVERGE |
                                GW_FLAG_COMPRESSED | GW_FLAG_TLS | GW_FLAG_NON_SHARED_DISK;
    g_autoptr(GwPlan) plan = plan_of(&move);
    g_assert_cmphex(plan->flags, ==,
                    GW_FLAG_PEER2PEER | GW_FLAG_PERSIST_DEST | GW_FLAG_ABORT_ON_ERROR | GW_FLAG_TLS |
                        GW_FLAG_NON_SHARED_DISK);
}

/* Sharing is proved for files and devices; a network disk is the same from everywhere, and a copied one is no one's
 * doubt. */
static void unsafe_needs_a_proof(void)
{
    static const struct {
        GwDiskKind kind;
        GwFact shared;
        gboolean unsafe;
    } rows[] = {
        {GW_DISK_FILE, GW_FACT_YES, TRUE},         {GW_DISK_FILE, GW_FACT_NO, FALSE},
        {GW_DISK_BLOCK, GW_FACT_YES, TRUE},        {GW_DISK_NETWORK, GW_FACT_YES, FALSE},
        {GW_DISK_NETWORK, GW_FACT_UNKNOWN, FALSE}, {GW_DISK_NETWORK, GW_FACT_NO, FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        Move move = good_move();
        make_local(move.facts);
        disk_of(move.facts)->kind = rows[i].kind;
        disk_facts_of(move.facts)->shared = rows[i].shared;
        g_autoptr(GwPlan) plan = plan_of(&move);
        g_assert_true(((plan->flags & GW_FLAG_UNSAFE) != 0) == rows[i].unsafe);
    }
}

/* Nova's rule: at least 2 GiB for the memory and for each disk that travels. */
static void timeouts(void)
{
    static const struct {
        guint64 memory_mib, disk_gib, gib;
    } rows[] = {{1, 0, 2}, {2048, 0, 2}, {2049, 0, 3}, {8192, 0, 8}, {512, 1, 4}, {512, 2, 4}, {3000, 7, 10}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        Move move = good_move();
        move.facts->instance->memory_mib = rows[i].memory_mib;
        move.facts->dest->memory_free_mib = 1 << 20;
        if (rows[i].disk_gib)
            add_disk(&move, "vdb", GW_FACT_NO, rows[i].disk_gib);
        g_autoptr(GwPlan) plan = plan_of(&move);
        g_assert_cmpuint(plan->timeout_ms, ==, rows[i].gib * 800 * 1000);
    }
}

/* One %s, which the settings have checked; any other % is nobody's format. */
static void uri_templates(void)
{
    static const char *const rows[][2] = {
        {NULL, NULL},
        {"", NULL},
        {"qemu+tls://%s/system", "qemu+tls://HostC/system"},
        {"%s", "HostC"},
        {"qemu+tls://%s/system?a=%41&b=100%", "qemu+tls://HostC/system?a=%41&b=100%"},
        {"%d%n%s%", "%d%nHostC%"},
        {"%%s", "%HostC"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        Move move = good_move();
        move.settings.uri_template = rows[i][0];
        g_autoptr(GwPlan) plan = plan_of(&move);
        g_assert_cmpstr(plan->destination_uri, ==, rows[i][1]);
    }
}

static void inbound_addresses(void)
{
    static const char *const rows[][2] = {
        {NULL, NULL},
        {"", NULL},
        {"HostC=10.1.0.3", "tcp://10.1.0.3"},
        {"HostB=10.1.0.2", NULL},
        {"HostCC=10.1.0.2,ostC=10.1.0.4 , hostc=10.1.0.3", "tcp://10.1.0.3"},
        {"%s.mig.example.org", "tcp://HostC.mig.example.org"},
        {"mig-%s, HostC=10.1.0.3", "tcp://10.1.0.3"},
        {"HostB=10.1.0.2, mig-%s", "tcp://mig-HostC"},
        {"HostC=fd00::3", "tcp://[fd00::3]"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        Move move = good_move();
        move.settings.inbound = rows[i][0];
        g_autoptr(GwPlan) plan = plan_of(&move);
        g_assert_cmpstr(plan->migrate_uri, ==, rows[i][1]);
        g_autoptr(GwPlan) probe = gw_planner_probe(&move.settings, "HostC");
        g_assert_cmpstr(probe->migrate_uri, ==, rows[i][1]);
    }
    Move tunnelled = good_move();
    tunnelled.settings.inbound = "%s-mig";
    tunnelled.settings.live_flags |= GW_FLAG_TUNNELLED;
    g_autoptr(GwPlan) plan = plan_of(&tunnelled);
    g_assert_null(plan->migrate_uri);
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
    g_assert_cmphex(plan->flags & GW_FLAG_ABORT_ON_ERROR, ==, 0); /* an error that halted it before must not end its copy */
}

static void options_have_their_effect(void)
{
    Move move = good_move();
    move.facts->instance->graphics_listen = g_strdup("10.0.0.1");
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
    make_local(move.facts);
    disk_facts_of(move.facts)->available_bytes = 5ull << 30;
    move.wish.disk_over_commit = TRUE;
    g_autoptr(GwPlan) plan = plan_of(&move);
    g_assert_nonnull(plan);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/shared disk stays", shared_disk_stays);
    g_test_add_func("/plan/local disk travels", local_disk_travels);
    g_test_add_func("/plan/chain that is not there is flattened", chain_that_is_not_there_is_flattened);
    g_test_add_func("/plan/network disk needs no proof", network_disk_needs_no_proof);
    g_test_add_func("/plan/policy", policy_becomes_flags_and_pauses);
    g_test_add_func("/plan/own-pause", own_pause_comes_first);
    g_test_add_func("/plan/pauses in steps", pauses_in_steps);
    g_test_add_func("/plan/transfer", transfer_is_planned);
    g_test_add_func("/plan/cold keeps the source", cold_keeps_the_source);
    g_test_add_func("/plan/cold flags", cold_flags);
    g_test_add_func("/plan/unsafe needs a proof", unsafe_needs_a_proof);
    g_test_add_func("/plan/timeouts", timeouts);
    g_test_add_func("/plan/URI templates", uri_templates);
    g_test_add_func("/plan/inbound addresses", inbound_addresses);
    g_test_add_func("/plan/transient and paused", transient_and_paused);
    g_test_add_func("/plan/options have their effect", options_have_their_effect);
    g_test_add_func("/plan/over-commit counts what is allocated", over_commit_counts_what_is_allocated);
    return g_test_run();
}
