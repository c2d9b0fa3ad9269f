#include "core/balance.h"

#include "core/placing.h"
#include "core/sharing.h"

#include <math.h>
#include <stdlib.h>

enum {
    ALL_HOSTS = 100,   /* up to so many hosts, every pair is looked at */
    MANY_HOSTS = 1000,
    SOME_WIDTH = 24, NARROW_WIDTH = 6, /* hosts looked at on each end of the order beyond that */
    PATIENCE = 4,      /* times the width: cold hosts tried when rules forbid the coldest */
};

typedef struct {
    const GwCluster *cluster;
    const GwBalanceWish *wish;
    GwOccupancy *occupancy;
    GwScore *score;
    GwRoster roster;
    gboolean *movable;
    GArray *order;       /* of guint: instances, as first moved */
    guint displaced;     /* instances that are not at home */
    double start, gained; /* the score at first; what the steps have brought */
    guint steps;
    /* hosts that take part, by pressure, lowest first */
    guint *ranked, *rank, count, width;
    double gradient[GW_SCORE_DIMENSIONS];
    double *pressure;
    gboolean *spent;     /* by host: nothing to gain by taking from it, as far as was seen */
    guint since_sorted;
} Search;

/* ---- the order of hosts */

static double pressure_of(const Search *s, guint host)
{
    double pressure = 0;
    for (guint d = 0; d < s->score->dimensions; d++)
        pressure += s->gradient[d] * s->score->value[d][host];
    return pressure;
}

static gint by_pressure(gconstpointer a, gconstpointer b, gpointer pressure)
{
    double x = ((const double *)pressure)[*(const guint *)a], y = ((const double *)pressure)[*(const guint *)b];
    if (x < y || x > y)
        return x < y ? -1 : 1;
    return *(const guint *)a < *(const guint *)b ? -1 : 1;
}

static void sort_hosts(Search *s)
{
    gw_score_gradient(s->score, s->gradient);
    for (guint n = 0; n < s->count; n++) {
        s->pressure[s->ranked[n]] = pressure_of(s, s->ranked[n]);
        s->spent[s->ranked[n]] = FALSE;
    }
    g_qsort_with_data(s->ranked, (gint)s->count, sizeof(guint), by_pressure, s->pressure);
    for (guint n = 0; n < s->count; n++)
        s->rank[s->ranked[n]] = n;
    s->since_sorted = 0;
}

static void swap_ranks(Search *s, guint n)
{
    guint host = s->ranked[n];
    s->ranked[n] = s->ranked[n + 1];
    s->ranked[n + 1] = host;
    s->rank[s->ranked[n]] = n;
    s->rank[host] = n + 1;
}

/* To its place again after it has changed; the others are where they were, in the same measure. */
static void resort(Search *s, guint host)
{
    s->pressure[host] = pressure_of(s, host);
    s->spent[host] = FALSE;
    while (s->rank[host] > 0 && s->pressure[s->ranked[s->rank[host] - 1]] > s->pressure[host])
        swap_ranks(s, s->rank[host] - 1);
    while (s->rank[host] + 1 < s->count && s->pressure[s->ranked[s->rank[host] + 1]] < s->pressure[host])
        swap_ranks(s, s->rank[host]);
}

/* ---- one step */

typedef struct {
    guint instance, to;
    double gain, value;
} Candidate;

static const double HALF = 0.5;

/* What a move's cost takes off its gain: nothing when it only corrects a move that is planned already. */
static double price(const Search *s, guint instance, guint to)
{
    guint home = gw_cluster_instance(s->cluster, instance)->host;
    if (s->wish->thrift <= 0 || s->occupancy->where[instance] != home)
        return 1;
    const GwClusterInstance *i = gw_cluster_instance(s->cluster, instance);
    double rate = (double)gw_cost_rate(s->cluster, home, to, s->wish->pace.stream_bps);
    double seconds = ((double)(i->memory_mib << 20) + (double)gw_copied_bytes(s->cluster, instance, to)) / rate +
                     (GW_COST_SETUP_MS + GW_COST_TAIL_MS) / 1000.0;
    if (s->wish->thrift >= 1)
        return seconds;
    return s->wish->thrift == HALF ? sqrt(seconds) : pow(seconds, s->wish->thrift); /* the usual one, and much the quicker */
}

static void consider(const Search *s, guint instance, guint from, guint to, double now, Candidate *best)
{
    if (gw_cluster_leaves_realm(s->cluster, instance, to)) /* nobody gains by leaving its pool for the sake of load */
        return;
    double gain = now - gw_score_after(s->score, instance, from, to);
    if (gain <= 1e-9)
        return;
    double value = gain / price(s, instance, to);
    if (value <= best->value || gw_rules_objection(s->occupancy, instance, to) != GW_OBJECTION_NONE)
        return;
    *best = (Candidate){instance, to, gain, value};
}

static gboolean may_move(const Search *s, guint instance)
{
    gboolean at_home = s->occupancy->where[instance] == gw_cluster_instance(s->cluster, instance)->host;
    return s->movable[instance] && (!at_home || !s->wish->max_moves || s->displaced < s->wish->max_moves);
}

static void look_at(const Search *s, guint from, double now, Candidate *best)
{
    const GArray *list = gw_roster_of(&s->roster, from);
    guint reach = MIN(s->width, s->count);
    for (guint n = 0; n < list->len; n++) {
        guint instance = g_array_index(list, guint, n);
        if (!may_move(s, instance))
            continue;
        double before = best->value;
        for (guint c = 0; c < reach; c++)
            if (s->ranked[c] != from)
                consider(s, instance, from, s->ranked[c], now, best);
        for (guint c = reach; best->value <= 0 && before <= 0 && c < MIN(s->count, reach * PATIENCE); c++)
            if (s->ranked[c] != from)
                consider(s, instance, from, s->ranked[c], now, best);
    }
}

/* The best move from the hosts under the most pressure; further ones when those have nothing to give. */
static gboolean find_move(Search *s, Candidate *best)
{
    double now = gw_score_value(s->score);
    *best = (Candidate){.value = 0};
    guint looked = 0;
    for (guint n = s->count; n-- && (looked < s->width || best->value <= 0);) {
        guint host = s->ranked[n];
        double before = best->value;
        if (s->spent[host])
            continue;
        look_at(s, host, now, best);
        if (best->value <= 0 && before <= 0)
            s->spent[host] = TRUE;
        else
            looked++;
    }
    return best->value > 0;
}

static void take(Search *s, const Candidate *move)
{
    guint from = s->occupancy->where[move->instance], home = gw_cluster_instance(s->cluster, move->instance)->host;
    if (from == home) {
        s->displaced++;
        g_array_append_val(s->order, move->instance);
    } else if (move->to == home) {
        s->displaced--;
    }
    gw_score_move(s->score, move->instance, from, move->to);
    gw_occupancy_move(s->occupancy, move->instance, move->to);
    gw_roster_move(&s->roster, move->instance, from, move->to);
    resort(s, from);
    resort(s, move->to);
    s->gained += move->gain;
    s->steps++;
    s->since_sorted++;
}

/* A step that brings much less than the others did: what follows brings less still. Corrections cost nothing. */
static gboolean is_little(const Search *s, const Candidate *move)
{
    gboolean new_move = s->occupancy->where[move->instance] == gw_cluster_instance(s->cluster, move->instance)->host;
    return new_move && s->steps && move->gain < s->wish->least_step * s->gained / s->steps;
}

static void search(Search *s)
{
    guint often = MAX(s->count / 8, 1), limit = 8 * s->cluster->instances->len + 64;
    for (sort_hosts(s); s->steps < limit;) {
        Candidate best;
        if (s->since_sorted >= often)
            sort_hosts(s);
        if (!find_move(s, &best)) {
            if (!s->since_sorted)
                return;
            sort_hosts(s); /* what was passed over may be worth something by now */
            continue;
        }
        if (is_little(s, &best))
            return;
        take(s, &best);
    }
}

/* ---- beginning and end */

static void search_begin(Search *s)
{
    guint hosts = s->cluster->hosts->len;
    s->score = gw_score_new(s->occupancy, s->wish->objective);
    s->start = gw_score_value(s->score);
    gw_roster_init(&s->roster, s->occupancy);
    s->ranked = g_new0(guint, hosts + 1);
    s->rank = g_new0(guint, hosts + 1);
    s->pressure = g_new0(double, hosts + 1);
    s->spent = g_new0(gboolean, hosts + 1);
    for (guint h = 0; h < hosts; h++)
        if (gw_score_takes_part(gw_cluster_host(s->cluster, h)))
            s->ranked[s->count++] = h;
    s->width = s->count <= ALL_HOSTS ? s->count : s->count <= MANY_HOSTS ? SOME_WIDTH : NARROW_WIDTH;
}

static void search_end(Search *s)
{
    gw_score_free(s->score);
    gw_roster_clear(&s->roster);
    g_free(s->ranked);
    g_free(s->rank);
    g_free(s->pressure);
    g_free(s->spent);
}

static guint hosts_in_use(const GwOccupancy *o)
{
    guint used = 0;
    for (guint h = 0; h < o->cluster->hosts->len; h++)
        used += gw_score_takes_part(gw_cluster_host(o->cluster, h)) && o->count[h];
    return used;
}

static double score_of(const GwOccupancy *o, GwObjective objective)
{
    if (objective == GW_OBJECTIVE_PACK)
        return hosts_in_use(o);
    g_autoptr(GwScore) score = gw_score_new(o, objective);
    return gw_score_value(score);
}

static void plan_moves(const GwCluster *cluster, const GwBalanceWish *wish, GwBalancePlan *plan)
{
    g_autoptr(GwOccupancy) occupancy = gw_occupancy_new(cluster);
    g_autoptr(GArray) order = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autofree gboolean *movable = gw_placing_movable(cluster);
    Search s = {.cluster = cluster, .wish = wish, .occupancy = occupancy, .movable = movable, .order = order};
    if (wish->objective == GW_OBJECTIVE_PACK) {
        gw_pack(cluster, wish, occupancy, movable, order);
    } else {
        search_begin(&s);
        if (s.count > 1)
            search(&s);
        search_end(&s);
    }
    gw_placing_write(cluster, occupancy->where, order, plan->moves);
}

static void measure(const GwCluster *cluster, const GwBalanceWish *wish, GwBalancePlan *plan)
{
    g_autoptr(GwOccupancy) occupancy = gw_occupancy_new(cluster);
    plan->score_before = score_of(occupancy, wish->objective);
    plan->hosts_before = hosts_in_use(occupancy);
    for (guint n = 0; n < plan->moves->len; n++) {
        const GwPlannedMove *move = &g_array_index(plan->moves, GwPlannedMove, n);
        gw_occupancy_move(occupancy, move->instance, move->dest);
    }
    plan->score_after = score_of(occupancy, wish->objective);
    plan->hosts_after = hosts_in_use(occupancy);
}

GwBalancePlan *gw_balance_plan(const GwCluster *cluster, const GwBalanceWish *wish)
{
    GwBalancePlan *plan = g_new0(GwBalancePlan, 1);
    plan->moves = g_array_new(FALSE, TRUE, sizeof(GwPlannedMove));
    plan_moves(cluster, wish, plan);
    measure(cluster, wish, plan);
    if (wish->objective != GW_OBJECTIVE_PACK && plan->score_after > plan->score_before * (1 - wish->least_gain)) {
        g_array_set_size(plan->moves, 0);
        measure(cluster, wish, plan);
    }
    plan->table = gw_schedule_make(cluster, plan->moves, &wish->pace, GW_DESTINATIONS_GIVEN);
    for (guint n = 0; n < plan->moves->len; n++)
        plan->bytes += g_array_index(plan->moves, GwPlannedMove, n).cost.bytes;
    return plan;
}

void gw_balance_plan_free(GwBalancePlan *plan)
{
    if (!plan)
        return;
    g_array_unref(plan->moves);
    g_free(plan);
}
