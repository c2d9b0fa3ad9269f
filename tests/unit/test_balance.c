/* Plans that spread load, or pack it: by hand, against the exhaustive optimum, and by law. */
#include "cluster_fixture.h"

#include <math.h>

static void evens_out(void)
{
    g_autoptr(GwCluster) cluster = gw_cluster_new();
    for (guint h = 0; h < 3; h++)
        add_host(cluster, 16384, 16);
    for (guint n = 0; n < 9; n++)
        add_instance(cluster, 0, 1024, 1);
    GwBalanceWish wish = GW_BALANCE_DEFAULTS;
    g_autoptr(GwBalancePlan) plan = gw_balance_plan(cluster, &wish);
    g_assert_cmpuint(plan->moves->len, ==, 6);
    g_assert_cmpfloat(plan->score_after, <, 1e-9);
    g_assert_true(plan->table.complete);
    check_moves(cluster, plan->moves, &wish.pace, 0);
    wish.max_moves = 2;
    g_autoptr(GwBalancePlan) few = gw_balance_plan(cluster, &wish);
    g_assert_cmpuint(few->moves->len, ==, 2);
}

static void leaves_well_alone(void)
{
    g_autoptr(GwCluster) cluster = gw_cluster_new();
    add_host(cluster, 16384, 16);
    add_host(cluster, 16384, 16);
    for (guint n = 0; n < 9; n++)
        add_instance(cluster, n % 2, 1024, 1);
    GwBalanceWish wish = GW_BALANCE_DEFAULTS;
    g_autoptr(GwBalancePlan) plan = gw_balance_plan(cluster, &wish);
    g_assert_cmpuint(plan->moves->len, ==, 0);
}

/* Two that weigh alike in the score; one drags its disks along. */
static void prefers_the_cheap(void)
{
    g_autoptr(GwCluster) cluster = gw_cluster_new();
    add_host(cluster, 16384, 16);
    add_host(cluster, 16384, 16);
    guint dear = add_instance(cluster, 0, 2048, 2), cheap = add_instance(cluster, 0, 2048, 2);
    gw_cluster_instance(cluster, dear)->disk_bytes = (guint64)50 << 30;
    GwBalanceWish wish = GW_BALANCE_DEFAULTS;
    g_autoptr(GwBalancePlan) plan = gw_balance_plan(cluster, &wish);
    g_assert_cmpuint(plan->moves->len, ==, 1);
    g_assert_cmpuint(g_array_index(plan->moves, GwPlannedMove, 0).instance, ==, cheap);
}

static void objectives_differ(void)
{
    g_autoptr(GwCluster) cluster = gw_cluster_new();
    add_host(cluster, 16384, 16);
    add_host(cluster, 16384, 16);
    guint busy = add_instance(cluster, 0, 1024, 1), large = add_instance(cluster, 0, 4096, 1);
    add_instance(cluster, 1, 5120, 1);
    gw_cluster_instance(cluster, busy)->cpus_used = 0.5;
    gw_cluster_instance(cluster, large)->cpus_used = 6;
    gw_cluster_instance(cluster, 2)->cpus_used = 0;
    GwBalanceWish wish = GW_BALANCE_DEFAULTS;
    wish.objective = GW_OBJECTIVE_MEMORY;
    g_autoptr(GwBalancePlan) memory = gw_balance_plan(cluster, &wish);
    g_assert_cmpuint(memory->moves->len, ==, 0); /* even already */
    wish.objective = GW_OBJECTIVE_CPU;
    g_autoptr(GwBalancePlan) cpu = gw_balance_plan(cluster, &wish);
    g_assert_cmpuint(cpu->moves->len, ==, 1);
}

static void packs(void)
{
    g_autoptr(GwCluster) cluster = gw_cluster_new();
    for (guint h = 0; h < 4; h++) {
        add_host(cluster, 8192, 16);
        add_instance(cluster, h, 2048, 1);
    }
    add_instance(cluster, 3, 1024, 1);
    GwBalanceWish wish = GW_BALANCE_DEFAULTS;
    wish.objective = GW_OBJECTIVE_PACK;
    g_autoptr(GwBalancePlan) plan = gw_balance_plan(cluster, &wish);
    g_assert_cmpuint(plan->hosts_before, ==, 4);
    g_assert_cmpuint(plan->hosts_after, ==, 2); /* 9216 MiB do not fit onto one */
    check_moves(cluster, plan->moves, &wish.pace, 0);
    gw_cluster_instance(cluster, 1)->stuck = "it is pinned";
    gw_cluster_instance(cluster, 2)->stuck = "it is pinned";
    gw_cluster_instance(cluster, 4)->stuck = "it is pinned";
    g_autoptr(GwBalancePlan) less = gw_balance_plan(cluster, &wish);
    g_assert_cmpuint(less->hosts_after, ==, 3); /* a host is emptied wholly or not at all */
    g_assert_cmpuint(less->moves->len, ==, 1);
}

/* The number is the one that hbal 3.0.2 prints for such a cluster ("overall"): see bench/balance, which compares them at length. */
static void score_is_hbals(void)
{
    g_autoptr(GwCluster) cluster = gw_cluster_new();
    add_host(cluster, 10000, 10);
    add_host(cluster, 10000, 10);
    add_instance(cluster, 0, 1000, 2);
    add_instance(cluster, 0, 3000, 2);
    g_autoptr(GwOccupancy) now = gw_occupancy_new(cluster);
    g_autoptr(GwScore) score = gw_score_new(now, GW_OBJECTIVE_HBAL);
    g_assert_cmpfloat_with_epsilon(gw_score_value(score), 0.2 + 0.2 + 4 * 1, 1e-9);
}

/* ---- the score kept up to date is the score */

static void score_follows(guint32 seed)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    RandomShape shape = {.hosts = 9, .instances = 60, .fill_percent = 90, .rules = TRUE};
    g_autoptr(GwCluster) cluster = random_cluster(rand, &shape);
    g_autoptr(GwOccupancy) now = gw_occupancy_new(cluster);
    g_autoptr(GwScore) score = gw_score_new(now, GW_OBJECTIVE_HBAL);
    for (guint n = 0; n < 200; n++) {
        guint i = (guint)g_rand_int_range(rand, 0, (gint32)cluster->instances->len), to = (guint)g_rand_int_range(rand, 0, 9);
        guint from = now->where[i];
        if (from == to || !gw_score_takes_part(gw_cluster_host(cluster, from)) || !gw_score_takes_part(gw_cluster_host(cluster, to)))
            continue;
        double said = gw_score_after(score, i, from, to);
        gw_occupancy_move(now, i, to);
        gw_score_move(score, i, from, to);
        g_autoptr(GwScore) fresh = gw_score_new(now, GW_OBJECTIVE_HBAL);
        g_assert_cmpfloat_with_epsilon(said, gw_score_value(fresh), 1e-6);
        g_assert_cmpfloat_with_epsilon(gw_score_value(score), gw_score_value(fresh), 1e-6);
    }
}

static void score_stays_right(void)
{
    for_seeds(30, score_follows);
}

/* ---- against the best that is possible */

typedef struct {
    GwOccupancy *now;
    double best;
    guint moves;
} Oracle;

static void try_all(Oracle *o, guint instance, guint left)
{
    g_autoptr(GwScore) score = gw_score_new(o->now, GW_OBJECTIVE_BOTH);
    o->best = MIN(o->best, gw_score_value(score));
    guint home;
    for (guint i = instance; left && i < o->now->cluster->instances->len; i++) {
        home = o->now->where[i];
        for (guint h = 0; h < o->now->cluster->hosts->len; h++) {
            if (gw_rules_objection(o->now, i, h) != GW_OBJECTION_NONE)
                continue;
            gw_occupancy_move(o->now, i, h);
            try_all(o, i + 1, left - 1);
            gw_occupancy_move(o->now, i, home);
        }
    }
}

static double lost, possible;

static void compare(guint32 seed)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    RandomShape shape = {.hosts = 4, .instances = 9, .fill_percent = 80};
    g_autoptr(GwCluster) cluster = random_cluster(rand, &shape);
    GwBalanceWish wish = {.objective = GW_OBJECTIVE_BOTH, .max_moves = 3};
    g_autoptr(GwBalancePlan) plan = gw_balance_plan(cluster, &wish);
    check_moves(cluster, plan->moves, &wish.pace, seed);
    Oracle oracle = {gw_occupancy_new(cluster), plan->score_before, 0};
    try_all(&oracle, 0, 3);
    gw_occupancy_free(oracle.now);
    g_assert_cmpfloat(plan->score_after, >=, oracle.best - 1e-9);
    lost += plan->score_after - oracle.best;
    possible += plan->score_before - oracle.best;
}

static void near_the_optimum(void)
{
    for_seeds(60, compare);
    g_test_message("of the gain that three moves can bring, the plans bring %.1f %%", 100 * (1 - lost / possible));
    if (!g_getenv("GODWIT_TEST_SEED"))
        g_assert_cmpfloat(lost / possible, <=, 0.10);
}

/* ---- by law */

static void keeps_the_laws(guint32 seed)
{
    static const GwObjective objectives[] = {GW_OBJECTIVE_CPU, GW_OBJECTIVE_MEMORY, GW_OBJECTIVE_BOTH, GW_OBJECTIVE_PACK, GW_OBJECTIVE_HBAL};
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    RandomShape shape = {.hosts = (guint)g_rand_int_range(rand, 1, 14), .instances = (guint)g_rand_int_range(rand, 1, 120),
                         .fill_percent = (guint)g_rand_int_range(rand, 40, 101), .rules = TRUE};
    g_autoptr(GwCluster) cluster = random_cluster(rand, &shape);
    GwBalanceWish wish = GW_BALANCE_DEFAULTS;
    wish.objective = objectives[g_rand_int_range(rand, 0, G_N_ELEMENTS(objectives))];
    wish.max_moves = (guint)g_rand_int_range(rand, 0, 20);
    wish.thrift = g_rand_int_range(rand, 0, 3) / 2.0;
    wish.pace.per_host = (guint)g_rand_int_range(rand, 0, 4);
    g_autoptr(GwBalancePlan) plan = gw_balance_plan(cluster, &wish);
    if (!plan->table.complete)
        g_error("seed %u: the schedule blocks itself", seed);
    check_moves(cluster, plan->moves, &wish.pace, seed);
    g_assert_true(!wish.max_moves || plan->moves->len <= wish.max_moves);
    g_assert_cmpfloat(plan->score_after, <=, plan->score_before);
    if (plan->moves->len && plan->score_after >= plan->score_before)
        g_error("seed %u: %u moves for nothing (objective %d, %g)", seed, plan->moves->len, wish.objective, plan->score_before);
}

static void laws(void)
{
    for_seeds(1500, keeps_the_laws);
}

/* ---- size */

static void large(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    g_autoptr(GwCluster) cluster = gw_cluster_new();
    for (guint h = 0; h < 10000; h++)
        add_host(cluster, 256 * 1024, 64);
    for (guint i = 0; i < 200000; i++) {
        double skew = g_rand_double(rand);
        add_instance(cluster, (guint)(skew * sqrt(skew) * 9999), (guint64)512 << g_rand_int_range(rand, 0, 4), (guint)g_rand_int_range(rand, 1, 5));
    }
    GwBalanceWish wish = GW_BALANCE_DEFAULTS;
    gint64 began = g_get_monotonic_time();
    g_autoptr(GwBalancePlan) plan = gw_balance_plan(cluster, &wish);
    double seconds = (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC;
    g_test_message("10,000 hosts, 200,000 instances: %u moves, score %.4f to %.4f, in %.2f s", plan->moves->len, plan->score_before,
                   plan->score_after, seconds);
    g_assert_cmpfloat(plan->score_after, <, plan->score_before / 4);
    check_moves(cluster, plan->moves, &wish.pace, 1);
    g_assert_cmpfloat(seconds, <, 60); /* not a measurement (bench/balance is), but sanitizers and a busy machine included */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/balance/evens-out", evens_out);
    g_test_add_func("/balance/leaves-well-alone", leaves_well_alone);
    g_test_add_func("/balance/prefers-the-cheap", prefers_the_cheap);
    g_test_add_func("/balance/objectives", objectives_differ);
    g_test_add_func("/balance/packs", packs);
    g_test_add_func("/balance/hbal-score", score_is_hbals);
    g_test_add_func("/balance/score-stays-right", score_stays_right);
    g_test_add_func("/balance/optimum", near_the_optimum);
    g_test_add_func("/balance/laws", laws);
    g_test_add_func("/balance/large", large);
    return g_test_run();
}
