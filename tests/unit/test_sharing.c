/* What hosts share, what a move copies because they do not, and what keeps a disk where it is: the answers that plans are made of. */
#include "cluster_fixture.h"

#include "core/balance.h"
#include "core/drain.h"
#include "core/host.h"
#include "core/sharing.h"

#include <string.h>

#define GIB ((guint64)1 << 30)

/* H0 is emptied. H0 and H1 are a pool with NFS; H2 is another one's. Each has a local repository; copies go there, or to what `takes` says. */
typedef struct {
    GwCluster *cluster;
    guint nfs, local[3], instance;
} World;

enum { OLD_HOME = 0, FELLOW = 1, STRANGER = 2 };

static World world_new(guint64 free_bytes)
{
    World w = {.cluster = gw_cluster_new()};
    static const char *const names[] = {"local0", "local1", "local2"};
    for (guint h = 0; h < 3; h++)
        add_host(w.cluster, h == STRANGER ? 65536 : 8192, 8);
    gw_cluster_host(w.cluster, OLD_HOME)->leaving = TRUE;
    for (guint h = 0; h < 3; h++) {
        GwClusterStorage own = {names[h], free_bytes, TRUE, NULL};
        w.local[h] = gw_cluster_add_storage(w.cluster, &own);
        gw_cluster_set_reach(w.cluster, w.local[h], h);
        gw_cluster_host(w.cluster, h)->copies_to = gw_cluster_host(w.cluster, h)->local_copies_to = (int)w.local[h];
    }
    GwClusterStorage nfs = {"NFS", 100 * GIB, FALSE, "disks leave no shared storage live"};
    w.nfs = gw_cluster_add_storage(w.cluster, &nfs);
    gw_cluster_set_reach(w.cluster, w.nfs, OLD_HOME);
    gw_cluster_set_reach(w.cluster, w.nfs, FELLOW);
    return w;
}

static guint add_guest_on(World *w, guint storage)
{
    GwClusterTie disk = {.storage = storage, .bytes = GIB, .full_bytes = 10 * GIB};
    guint index = add_instance(w->cluster, OLD_HOME, 1024, 1);
    gw_cluster_instance(w->cluster, index)->first_tie = w->cluster->ties->len;
    gw_cluster_instance(w->cluster, index)->tie_count = 1;
    g_array_append_val(w->cluster->ties, disk);
    return index;
}

static GwClusterTie *last_tie(World *w)
{
    return &g_array_index(w->cluster->ties, GwClusterTie, w->cluster->ties->len - 1);
}

static GwObjection objection_at(const World *w, guint instance, guint host)
{
    g_autoptr(GwOccupancy) now = gw_occupancy_new(w->cluster);
    return gw_rules_objection(now, instance, host);
}

static void shared_storage_copies_nothing_and_ends_at_the_pool(void)
{
    World w = world_new(100 * GIB);
    guint vm = add_guest_on(&w, w.nfs);
    g_assert_cmpuint(gw_copied_bytes(w.cluster, vm, FELLOW), ==, 0);
    g_assert_cmpuint(gw_copied_bytes(w.cluster, vm, STRANGER), ==, GIB);
    g_assert_cmpuint(gw_always_copied_bytes(w.cluster, vm), ==, 0);
    g_assert_cmpint(objection_at(&w, vm, FELLOW), ==, GW_OBJECTION_NONE);
    g_assert_cmpint(objection_at(&w, vm, STRANGER), ==, GW_OBJECTION_STORAGE);
    g_autofree char *why = gw_sharing_explain(w.cluster, vm, STRANGER);
    g_assert_cmpstr(why, ==, "it does not reach NFS, where a disk of vm0 is: disks leave no shared storage live; migrate it cold (godwit migrate vm0)");
    gw_cluster_instance(w.cluster, vm)->stopped = TRUE; /* a cold move copies any disk */
    g_assert_cmpint(objection_at(&w, vm, STRANGER), ==, GW_OBJECTION_NONE);
    gw_cluster_free(w.cluster);
}

static void a_local_disk_goes_anywhere_at_its_price(void)
{
    static const GwDrainWish wish = {.room = GW_ROOM_MAKE, .stopped = GW_STOPPED_MOVE};
    World w = world_new(100 * GIB);
    guint vm = add_guest_on(&w, w.local[OLD_HOME]);
    g_assert_cmpuint(gw_always_copied_bytes(w.cluster, vm), ==, GIB);
    g_assert_cmpint(objection_at(&w, vm, FELLOW), ==, GW_OBJECTION_NONE);
    g_assert_cmpint(objection_at(&w, vm, STRANGER), ==, GW_OBJECTION_NONE);
    g_autoptr(GwDrainPlan) plan = gw_drain_plan(w.cluster, &wish);
    g_assert_cmpuint(plan->moves->len, ==, 1);
    const GwPlannedMove *move = &g_array_index(plan->moves, GwPlannedMove, 0);
    g_assert_cmpuint(move->cost.bytes, ==, 2 * GIB); /* its memory and its disk */
    gw_cluster_free(w.cluster);
}

static void what_is_not_copied_says_why(void)
{
    static const struct {
        GwClusterTie tie;
        const char *words;
    } rows[] = {{{.no_copy = "changed block tracking is on"}, "changed block tracking is on"},
                {{.kind = GW_TIE_MEDIUM}, "eject it"},
                {{.kind = GW_TIE_NETWORK}, "it has no network local0, to which vm0 is connected"}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        World w = world_new(100 * GIB);
        guint vm = add_guest_on(&w, w.local[OLD_HOME]);
        last_tie(&w)->no_copy = rows[i].tie.no_copy;
        last_tie(&w)->kind = rows[i].tie.kind;
        g_assert_cmpint(objection_at(&w, vm, FELLOW), ==, GW_OBJECTION_STORAGE);
        g_autofree char *why = gw_sharing_explain(w.cluster, vm, FELLOW);
        g_assert_nonnull(strstr(why, rows[i].words));
        gw_cluster_free(w.cluster);
    }
    World w = world_new(100 * GIB);
    guint vm = add_guest_on(&w, w.local[OLD_HOME]);
    gw_cluster_host(w.cluster, FELLOW)->copies_to = gw_cluster_host(w.cluster, FELLOW)->local_copies_to = GW_CLUSTER_NONE;
    g_autofree char *why = gw_sharing_explain(w.cluster, vm, FELLOW);
    g_assert_nonnull(strstr(why, "no storage for a copy"));
    gw_cluster_free(w.cluster);
}

/* Two of 10 GiB each, and room for one: the second goes elsewhere, and a third one stays. */
static void copies_are_counted(void)
{
    static const GwDrainWish wish = {.room = GW_ROOM_MAKE, .stopped = GW_STOPPED_MOVE};
    World w = world_new(15 * GIB);
    for (guint n = 0; n < 3; n++)
        add_guest_on(&w, w.local[OLD_HOME]);
    g_autoptr(GwDrainPlan) plan = gw_drain_plan(w.cluster, &wish);
    g_assert_cmpuint(plan->moves->len, ==, 2);
    g_assert_cmpuint(g_array_index(plan->moves, GwPlannedMove, 0).dest, !=, g_array_index(plan->moves, GwPlannedMove, 1).dest);
    g_assert_cmpuint(plan->stays->len, ==, 1);
    g_autofree char *why = gw_drain_explain(w.cluster, plan, &g_array_index(plan->stays, GwStay, 0));
    g_assert_nonnull(strstr(why, "local1 there has room for 5120 MiB more"));
    g_assert_nonnull(strstr(why, "need 10240 MiB when they are full"));
    g_autoptr(GwOccupancy) now = gw_occupancy_new(w.cluster);
    gw_occupancy_move(now, 0, FELLOW);
    g_assert_cmpint(gw_rules_objection(now, 1, FELLOW), ==, GW_OBJECTION_DISK_ROOM);
    gw_occupancy_move(now, 0, OLD_HOME);
    g_assert_cmpint(gw_rules_objection(now, 1, FELLOW), ==, GW_OBJECTION_NONE);
    gw_cluster_free(w.cluster);
}

/* However roomy another pool is. */
static void its_own_pool_comes_first(void)
{
    static const GwDrainWish drain = {.room = GW_ROOM_MAKE, .stopped = GW_STOPPED_MOVE};
    static const GwBalanceWish balance = {.objective = GW_OBJECTIVE_MEMORY};
    for (gboolean room = FALSE; room <= TRUE; room++) {
        World w = world_new(100 * GIB);
        for (guint h = 0; h < 3; h++)
            gw_cluster_host(w.cluster, h)->realm = h == STRANGER ? 2 : 1;
        add_guest_on(&w, w.local[OLD_HOME]);
        if (!room)
            gw_cluster_host(w.cluster, FELLOW)->memory_mib = 512;
        g_autoptr(GwDrainPlan) plan = gw_drain_plan(w.cluster, &drain);
        g_assert_cmpuint(plan->moves->len, ==, 1);
        g_assert_cmpuint(g_array_index(plan->moves, GwPlannedMove, 0).dest, ==, room ? FELLOW : STRANGER);
        gw_cluster_host(w.cluster, OLD_HOME)->leaving = FALSE;
        gw_cluster_host(w.cluster, OLD_HOME)->memory_mib = 1100; /* and all but full */
        g_autoptr(GwBalancePlan) spread = gw_balance_plan(w.cluster, &balance);
        g_assert_cmpuint(spread->moves->len, ==, room ? 1 : 0);
        gw_cluster_free(w.cluster);
    }
}

/* ---- where a copy goes: the same rule over hosts' facts, and over a cluster */

static GwHostFacts *facts_with(guint64 own_free, guint64 shared_free)
{
    GwHostFacts *facts = gw_host_facts_new();
    GwPool *own = gw_host_facts_add_pool(facts), *shared = gw_host_facts_add_pool(facts);
    facts->realm = g_strdup("P");
    *own = (GwPool){.name = g_strdup("own"), .path = g_strdup("1"), .available_bytes = own_free, .local = TRUE, .flags = GW_POOL_TAKES_LOCAL};
    *shared = (GwPool){.name = g_strdup("shared"), .path = g_strdup("2"), .available_bytes = shared_free, .flags = GW_POOL_TAKES};
    return facts;
}

static void copies_choose_their_storage(void)
{
    static const struct {
        gboolean local;
        guint64 own_free, shared_free;
        const char *chosen;
    } rows[] = {{TRUE, 20, 99, "own"}, {TRUE, 9, 99, "shared"}, {TRUE, 9, 5, "own"}, {FALSE, 20, 99, "shared"}, {FALSE, 20, 5, "shared"}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GwHostFacts) facts = facts_with(rows[i].own_free * GIB, rows[i].shared_free * GIB);
        GwPool from = {.local = rows[i].local};
        g_assert_cmpstr(gw_host_facts_pool_for(facts, &from, 10 * GIB)->name, ==, rows[i].chosen);
        World w = world_new(rows[i].own_free * GIB);
        g_array_index(w.cluster->storages, GwClusterStorage, w.nfs).free_bytes = rows[i].shared_free * GIB;
        gw_cluster_host(w.cluster, STRANGER)->copies_to = (int)w.nfs;
        guint vm = add_guest_on(&w, w.local[OLD_HOME]);
        g_array_index(w.cluster->storages, GwClusterStorage, w.local[OLD_HOME]).local = rows[i].local;
        GwCopies copies;
        gw_copies_of(w.cluster, vm, STRANGER, &copies);
        g_assert_cmpint(copies.to[rows[i].local ? 0 : 1], ==, (int)(strcmp(rows[i].chosen, "own") == 0 ? w.local[STRANGER] : w.nfs));
        gw_cluster_free(w.cluster);
    }
}

static void only_one_realm_shares(void)
{
    g_autoptr(GwHostFacts) a = facts_with(1, 1);
    g_autoptr(GwHostFacts) b = facts_with(1, 1);
    g_assert_true(gw_host_facts_share(a, b, "2"));
    g_assert_false(gw_host_facts_share(a, b, "3")); /* b has it not */
    g_free(b->realm);
    b->realm = g_strdup("Q");
    g_assert_false(gw_host_facts_share(a, b, "2"));
    g_clear_pointer(&b->realm, g_free);
    g_assert_false(gw_host_facts_share(a, b, "2"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sharing/shared-storage", shared_storage_copies_nothing_and_ends_at_the_pool);
    g_test_add_func("/sharing/local-disk", a_local_disk_goes_anywhere_at_its_price);
    g_test_add_func("/sharing/not-copied", what_is_not_copied_says_why);
    g_test_add_func("/sharing/room", copies_are_counted);
    g_test_add_func("/sharing/own-pool-first", its_own_pool_comes_first);
    g_test_add_func("/sharing/choice", copies_choose_their_storage);
    g_test_add_func("/sharing/realm", only_one_realm_shares);
    return g_test_run();
}
