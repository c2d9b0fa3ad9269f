#include "cluster_fixture.h"

#include "core/sharing.h"

#include <stdlib.h>

static const char *name_of(char kind, guint index)
{
    if (index >= 200) /* large clusters look at no names, and GLib's interned ones are never freed */
        return kind == 'H' ? "H" : "vm";
    g_autofree char *name = g_strdup_printf("%s%u", kind == 'H' ? "H" : "vm", index);
    return g_intern_string(name);
}

guint add_host(GwCluster *cluster, guint64 memory_mib, guint cpus)
{
    guint index = cluster->hosts->len;
    GwClusterHost host = {.name = name_of('H', index), .memory_mib = memory_mib, .cpus = cpus, .link_bps = 125000000, .cpu_model = -1, .zone = -1,
                          .copies_to = GW_CLUSTER_NONE, .local_copies_to = GW_CLUSTER_NONE};
    g_array_append_val(cluster->hosts, host);
    return index;
}

guint add_instance(GwCluster *cluster, guint host, guint64 memory_mib, guint vcpus)
{
    guint index = cluster->instances->len;
    GwClusterInstance instance = {.name = name_of('v', index), .host = host, .memory_mib = memory_mib, .vcpus = vcpus,
                                  .cpus_used = -1, .zone = -1, .group = -1};
    g_array_append_val(cluster->instances, instance);
    return index;
}

guint add_group(GwCluster *cluster, GwGroupPolicy policy)
{
    GwClusterGroup group = {policy == GW_GROUP_AFFINITY ? "together" : "apart", policy};
    g_array_append_val(cluster->groups, group);
    return cluster->groups->len - 1;
}

/* ---- at random */

static gboolean one_in(GRand *rand, gint32 n)
{
    return g_rand_int_range(rand, 0, n) == 0;
}

static void random_host(GRand *rand, GwCluster *cluster, const RandomShape *shape, guint h)
{
    guint64 memory = (guint64)g_rand_int_range(rand, 2, 9) * 4096;
    GwClusterHost *host = gw_cluster_host(cluster, add_host(cluster, memory, (guint)g_rand_int_range(rand, 2, 17) * 2));
    host->link_bps = one_in(rand, 2) ? 125000000 : 1250000000;
    host->leaving = h < shape->leaving;
    if (!shape->rules)
        return;
    host->reserved_mib = one_in(rand, 2) ? 512 : 0;
    host->zone = g_rand_int_range(rand, 0, 2);
    host->cpu_model = g_rand_int_range(rand, 0, 2);
    host->tenants = one_in(rand, 5) ? "tern, skua" : NULL;
    host->memory_ratio = one_in(rand, 4) ? 1.5 : 0;
    host->cpu_ratio = one_in(rand, 3) ? 4 : 0;
    host->kind = one_in(rand, 6);
    host->max_instances = one_in(rand, 4) ? (guint)g_rand_int_range(rand, 1, 6) : 0;
    host->max_moves = one_in(rand, 4) ? (guint)g_rand_int_range(rand, 1, 3) : 0;
    host->closed = !host->leaving && one_in(rand, 8) ? "it is disabled" : NULL;
}

/* One of its own for each host, which takes copies, and one that every second reaches; some leave disks go only cold. */
static void random_storage(GRand *rand, GwCluster *cluster)
{
    for (guint h = 0; h < cluster->hosts->len; h++) {
        GwClusterStorage own = {"local", (guint64)g_rand_int_range(rand, 0, 64) << 30, TRUE, one_in(rand, 6) ? "it is lvm" : NULL};
        gw_cluster_set_reach(cluster, gw_cluster_add_storage(cluster, &own), h);
        gw_cluster_host(cluster, h)->copies_to = gw_cluster_host(cluster, h)->local_copies_to = one_in(rand, 8) ? GW_CLUSTER_NONE : (int)h;
    }
    GwClusterStorage nfs = {"nfs", (guint64)1 << 40, FALSE, one_in(rand, 2) ? "it is nfs" : NULL};
    guint shared = gw_cluster_add_storage(cluster, &nfs);
    for (guint h = 0; h < cluster->hosts->len; h += 2)
        gw_cluster_set_reach(cluster, shared, h);
}

static void random_disk(GRand *rand, GwCluster *cluster, GwClusterInstance *i)
{
    guint shared = cluster->hosts->len;
    guint64 bytes = (guint64)g_rand_int_range(rand, 1, 8) << 30;
    GwClusterTie disk = {.storage = i->host % 2 == 0 && one_in(rand, 2) ? shared : i->host, .bytes = bytes, .full_bytes = 2 * bytes,
                          .no_copy = one_in(rand, 10) ? "it is a volume" : NULL};
    i->first_tie = cluster->ties->len;
    i->tie_count = 1;
    g_array_append_val(cluster->ties, disk);
}

static void random_rules(GRand *rand, GwCluster *cluster, GwClusterInstance *i)
{
    const GwClusterHost *host = gw_cluster_host(cluster, i->host);
    i->zone = one_in(rand, 5) ? host->zone : -1;
    i->cpu_models = one_in(rand, 5) ? (guint64)1 << host->cpu_model : 0;
    i->project = host->tenants || one_in(rand, 3) ? "skua" : "gull";
    i->pins = one_in(rand, 6) ? (one_in(rand, 2) ? host->name : "H?, other") : NULL;
    i->stuck = one_in(rand, 12) ? "it has a passthrough device" : NULL;
    i->stopped = one_in(rand, 8);
    i->memory_mib = i->stopped ? 0 : i->memory_mib;
    if (one_in(rand, 3))
        random_disk(rand, cluster, i);
    i->disk_bytes = !i->tie_count && one_in(rand, 4) ? (guint64)g_rand_int_range(rand, 1, 8) << 30 : 0;
    i->dirty_bps = one_in(rand, 4) ? (guint64)g_rand_int_range(rand, 1, 200) * 1000000 : 0;
    i->group = cluster->groups->len && one_in(rand, 3) ? g_rand_int_range(rand, 0, (gint32)cluster->groups->len) : -1;
}

/* A group that is not kept at the start says nothing about the plan: such instances leave it. */
static void mend_groups(GwCluster *cluster)
{
    for (guint i = 0; i < cluster->instances->len; i++) {
        GwClusterInstance *one = gw_cluster_instance(cluster, i);
        for (guint j = 0; j < i && one->group >= 0; j++) {
            const GwClusterInstance *other = gw_cluster_instance(cluster, j);
            gboolean apart = g_array_index(cluster->groups, GwClusterGroup, one->group).policy == GW_GROUP_ANTI_AFFINITY;
            if (other->group == one->group && (other->host == one->host) == apart)
                one->group = -1;
        }
    }
}

static void random_transit(GRand *rand, GwCluster *cluster)
{
    GwClusterTransit transit = {(guint)g_rand_int_range(rand, 0, (gint32)cluster->instances->len), 0, (guint64)g_rand_int_range(rand, 1, 9000)};
    g_autoptr(GwOccupancy) now = gw_occupancy_new(cluster);
    const GwClusterInstance *i = gw_cluster_instance(cluster, transit.instance);
    for (guint h = 0; h < cluster->hosts->len; h++) {
        transit.dest = h;
        if (i->group < 0 && gw_rules_objection(now, transit.instance, h) == GW_OBJECTION_NONE) {
            g_array_append_val(cluster->transits, transit);
            return;
        }
    }
}

GwCluster *random_cluster(GRand *rand, const RandomShape *shape)
{
    GwCluster *cluster = gw_cluster_new();
    for (guint h = 0; h < shape->hosts; h++)
        random_host(rand, cluster, shape, h);
    if (shape->rules)
        random_storage(rand, cluster);
    for (guint g = 0; shape->rules && g < 3; g++)
        add_group(cluster, g ? GW_GROUP_ANTI_AFFINITY : GW_GROUP_AFFINITY);
    g_autofree guint64 *used = g_new0(guint64, shape->hosts);
    g_autofree guint64 *vcpus = g_new0(guint64, shape->hosts);
    for (guint n = 0; n < shape->instances; n++) {
        guint h = (guint)g_rand_int_range(rand, 0, (gint32)shape->hosts);
        guint64 memory = (guint64)g_rand_int_range(rand, 1, 9) * 512;
        guint cpus = (guint)g_rand_int_range(rand, 1, 5);
        const GwClusterHost *host = gw_cluster_host(cluster, h);
        if (used[h] + memory > gw_cluster_capacity_mib(host) * shape->fill_percent / 100 ||
            (double)(vcpus[h] + cpus) > gw_cluster_capacity_vcpus(host))
            continue;
        used[h] += memory;
        vcpus[h] += cpus;
        guint i = add_instance(cluster, h, memory, cpus);
        if (shape->rules)
            random_rules(rand, cluster, gw_cluster_instance(cluster, i));
    }
    mend_groups(cluster);
    if (shape->rules && cluster->instances->len && one_in(rand, 3))
        random_transit(rand, cluster);
    return cluster;
}

/* ---- laws */

typedef struct {
    guint64 at_ms;
    gboolean begins;
    guint move;
} Event;

/* Ends before beginnings of the same moment: what has left has left. */
static gint by_time(gconstpointer a, gconstpointer b)
{
    const Event *x = a, *y = b;
    if (x->at_ms != y->at_ms)
        return x->at_ms < y->at_ms ? -1 : 1;
    return x->begins - y->begins;
}

static void begin(GwOccupancy *now, const GwPlannedMove *move, guint32 seed)
{
    GwObjection objection = gw_rules_objection(now, move->instance, move->dest);
    g_autofree char *why = gw_rules_explain(now, move->instance, move->dest, objection);
    if (objection != GW_OBJECTION_NONE)
        g_error("seed %u: vm%u to H%u at %" G_GUINT64_FORMAT " ms: %s", seed, move->instance, move->dest, move->start_ms, why);
    gw_occupancy_enter(now, move->instance, move->dest);
}

static void check_overcommit(const GwOccupancy *now, guint host, guint32 seed)
{
    const GwClusterHost *h = gw_cluster_host(now->cluster, host);
    if (now->memory_mib[host] > gw_cluster_capacity_mib(h) || (double)now->vcpus[host] > gw_cluster_capacity_vcpus(h))
        g_error("seed %u: H%u is overcommitted", seed, host);
}

/* More than it may have it has only of those that were there from the beginning. */
static void check_count(const GwOccupancy *now, guint host, guint32 seed)
{
    guint most = gw_cluster_host(now->cluster, host)->max_instances;
    if (most && now->count[host] > most)
        g_error("seed %u: H%u has %u instances", seed, host, now->count[host]);
}

static void check_once(const GwCluster *cluster, const GArray *moves, guint32 seed)
{
    g_autofree gboolean *moved = g_new0(gboolean, cluster->instances->len + 1);
    for (guint t = 0; t < cluster->transits->len; t++)
        moved[g_array_index(cluster->transits, GwClusterTransit, t).instance] = TRUE;
    for (guint n = 0; n < moves->len; n++) {
        const GwPlannedMove *move = &g_array_index(moves, GwPlannedMove, n);
        const GwClusterInstance *i = gw_cluster_instance(cluster, move->instance);
        if (moved[move->instance] || i->stuck || move->source != i->host || move->dest == i->host)
            g_error("seed %u: vm%u should not move, or not again", seed, move->instance);
        moved[move->instance] = TRUE;
        if (move->end_ms <= move->start_ms)
            g_error("seed %u: vm%u has no time", seed, move->instance);
    }
}

static void check_calm(const GwCluster *cluster, const guint *busy, guint host, guint32 seed)
{
    guint moves = busy[host * 2] + busy[host * 2 + 1], most = gw_cluster_host(cluster, host)->max_moves;
    if (most && moves > most)
        g_error("seed %u: H%u has %u moves at once", seed, host, moves);
}

/* Moves that were under way before the plan end, too. */
static void end_transits(const GwCluster *cluster, GwOccupancy *now, guint64 at_ms, gboolean *ended)
{
    for (guint t = 0; t < cluster->transits->len; t++) {
        const GwClusterTransit *transit = &g_array_index(cluster->transits, GwClusterTransit, t);
        if (ended[t] || transit->remaining_ms > at_ms)
            continue;
        ended[t] = TRUE;
        gw_occupancy_leave(now, transit->instance, gw_cluster_instance(cluster, transit->instance)->host);
        now->where[transit->instance] = transit->dest;
    }
}

void check_moves(const GwCluster *cluster, const GArray *moves, const GwPace *pace, guint32 seed)
{
    check_once(cluster, moves, seed);
    g_autoptr(GArray) events = g_array_new(FALSE, FALSE, sizeof(Event));
    for (guint n = 0; n < moves->len; n++) {
        const GwPlannedMove *move = &g_array_index(moves, GwPlannedMove, n);
        Event pair[] = {{move->start_ms, TRUE, n}, {move->end_ms, FALSE, n}};
        g_array_append_vals(events, pair, 2);
    }
    g_array_sort(events, by_time);
    g_autoptr(GwOccupancy) now = gw_occupancy_new(cluster);
    g_autofree guint *busy = g_new0(guint, cluster->hosts->len * 2);
    g_autofree gboolean *ended = g_new0(gboolean, cluster->transits->len + 1);
    for (guint n = 0; n < events->len; n++) {
        const Event *event = &g_array_index(events, Event, n);
        end_transits(cluster, now, event->at_ms, ended);
        const GwPlannedMove *move = &g_array_index(moves, GwPlannedMove, event->move);
        if (event->begins) {
            begin(now, move, seed);
            check_overcommit(now, move->dest, seed);
            check_count(now, move->dest, seed);
            guint out = ++busy[move->source * 2], in = ++busy[move->dest * 2 + 1];
            check_calm(cluster, busy, move->source, seed);
            check_calm(cluster, busy, move->dest, seed);
            if (pace->per_host && (out > pace->per_host || in > pace->per_host))
                g_error("seed %u: too many at once", seed);
        } else {
            gw_occupancy_leave(now, move->instance, move->source);
            now->where[move->instance] = move->dest;
            busy[move->source * 2]--;
            busy[move->dest * 2 + 1]--;
        }
    }
}

void for_seeds(guint count, SeedTest test)
{
    const char *only = g_getenv("GODWIT_TEST_SEED");
    if (only) {
        test((guint32)strtoul(only, NULL, 10));
        return;
    }
    for (guint32 seed = 1; seed <= count; seed++)
        test(seed);
}
