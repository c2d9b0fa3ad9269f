#include "core/drain.h"

#include "core/sharing.h"

#include <string.h>

enum { NOWHERE = G_MAXUINT, BUDGET = 50 * 1000 * 1000 };

typedef enum { SPREAD, TIGHT } Manner;

typedef struct {
    const GwCluster *cluster;
    const GwDrainWish *wish;
    GwOccupancy *occupancy;
    GArray *items;    /* of guint: instances to be placed, in the order of placing */
    GArray *order;    /* of guint: instances with a place, each possible after those before it */
    double *incoming; /* by host: ms that its way in is busy */
    double floor_ms;  /* the busiest way out: nothing is gained by a way in that is quicker */
    guint unplaced;
    gint64 budget;    /* of looks at a pair of instance and host, while making room */
} Pass;

static double transfer_ms(const Pass *pass, guint instance, guint host)
{
    const GwClusterInstance *i = gw_cluster_instance(pass->cluster, instance);
    guint64 rate = gw_cost_rate(pass->cluster, i->host, host, pass->wish->pace.stream_bps);
    return (double)((i->stopped ? 0 : i->memory_mib << 20) + gw_copied_bytes(pass->cluster, instance, host)) * 1000 / (double)rate;
}

static double fill(const Pass *pass, guint instance, guint host)
{
    guint64 capacity = gw_cluster_capacity_mib(gw_cluster_host(pass->cluster, host));
    return (double)(pass->occupancy->memory_mib[host] + gw_cluster_instance(pass->cluster, instance)->memory_mib) /
           (double)MAX(capacity, 1);
}

/* The best host for an instance of those in its pool, or of those in others; or NOWHERE. except: not that one. */
static guint choose_of(const Pass *pass, guint instance, Manner manner, guint except, gboolean away)
{
    guint best = NOWHERE;
    double best_ms = 0, best_fill = 0;
    for (guint h = 0; h < pass->cluster->hosts->len; h++) {
        if (h == except || gw_cluster_leaves_realm(pass->cluster, instance, h) != away ||
            gw_rules_objection(pass->occupancy, instance, h) != GW_OBJECTION_NONE)
            continue;
        double full = manner == SPREAD ? fill(pass, instance, h) : -fill(pass, instance, h);
        double ms = manner == SPREAD ? MAX(pass->incoming[h] + transfer_ms(pass, instance, h), pass->floor_ms) : 0;
        if (best == NOWHERE || ms < best_ms || (ms <= best_ms && full < best_fill)) {
            best = h;
            best_ms = ms;
            best_fill = full;
        }
    }
    return best;
}

/* Another pool only where none of its own takes it: it leaves that pool's high availability, backups and storage. */
static guint choose(const Pass *pass, guint instance, Manner manner, guint except)
{
    guint host = choose_of(pass, instance, manner, except, FALSE);
    return host != NOWHERE ? host : choose_of(pass, instance, manner, except, TRUE);
}

static void forget_order(Pass *pass, guint instance)
{
    for (guint i = 0; i < pass->order->len; i++) {
        if (g_array_index(pass->order, guint, i) == instance) {
            g_array_remove_index(pass->order, i);
            return;
        }
    }
}

static void place(Pass *pass, guint instance, guint host)
{
    gw_occupancy_move(pass->occupancy, instance, host);
    pass->incoming[host] += transfer_ms(pass, instance, host);
    g_array_append_val(pass->order, instance);
}

/* ---- groups that stay together */

static gboolean is_together(const GwCluster *cluster, guint instance)
{
    int group = gw_cluster_instance(cluster, instance)->group;
    return group >= 0 && g_array_index(cluster->groups, GwClusterGroup, group).policy == GW_GROUP_AFFINITY;
}

static gboolean try_unit(Pass *pass, const GArray *unit, guint host)
{
    for (guint n = 0; n < unit->len; n++) {
        guint instance = g_array_index(unit, guint, n);
        if (gw_rules_objection(pass->occupancy, instance, host) != GW_OBJECTION_NONE) {
            while (n--) {
                guint placed = g_array_index(unit, guint, n);
                gw_occupancy_move(pass->occupancy, placed, gw_cluster_instance(pass->cluster, placed)->host);
            }
            return FALSE;
        }
        gw_occupancy_move(pass->occupancy, instance, host);
    }
    return TRUE;
}

typedef struct {
    guint host;
    gboolean away; /* in another pool */
    double fill;
} Filled;

static gint emptiest_first(gconstpointer a, gconstpointer b)
{
    const Filled *x = a, *y = b;
    if (x->away != y->away)
        return x->away ? 1 : -1;
    return x->fill != y->fill ? (x->fill < y->fill ? -1 : 1) : x->host < y->host ? -1 : 1;
}

static GArray *hosts_by_fill(const Pass *pass, guint instance)
{
    GArray *hosts = g_array_sized_new(FALSE, FALSE, sizeof(Filled), pass->cluster->hosts->len);
    for (guint h = 0; h < pass->cluster->hosts->len; h++) {
        Filled row = {h, gw_cluster_leaves_realm(pass->cluster, instance, h), fill(pass, instance, h)};
        g_array_append_val(hosts, row);
    }
    g_array_sort(hosts, emptiest_first);
    return hosts;
}

/* All of a group that are to be moved, onto the first host, emptiest first, that takes them all. */
static gboolean place_unit(Pass *pass, const GArray *unit)
{
    g_autoptr(GArray) hosts = hosts_by_fill(pass, g_array_index(unit, guint, 0));
    for (guint k = 0; k < hosts->len; k++) {
        guint host = g_array_index(hosts, Filled, k).host;
        if (!try_unit(pass, unit, host))
            continue;
        for (guint n = 0; n < unit->len; n++) {
            guint instance = g_array_index(unit, guint, n);
            pass->incoming[host] += transfer_ms(pass, instance, host);
            g_array_append_val(pass->order, instance);
        }
        return TRUE;
    }
    return FALSE;
}

static GArray *unit_of(const Pass *pass, guint instance)
{
    int group = gw_cluster_instance(pass->cluster, instance)->group;
    GArray *unit = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint n = 0; n < pass->items->len; n++) {
        guint other = g_array_index(pass->items, guint, n);
        if (gw_cluster_instance(pass->cluster, other)->group == group)
            g_array_append_val(unit, other);
    }
    return unit;
}

/* ---- making room */

static gboolean fits_without(Pass *pass, guint instance, guint host, guint other)
{
    gw_occupancy_leave(pass->occupancy, other, host);
    gboolean fits = gw_rules_objection(pass->occupancy, instance, host) == GW_OBJECTION_NONE;
    gw_occupancy_enter(pass->occupancy, other, host);
    pass->budget--;
    return fits;
}

/* Whether `other`, which is or will be on host, may go elsewhere for this instance; where to. It counts on the host meanwhile. */
static guint way_out(Pass *pass, guint instance, guint host, guint other)
{
    const GwClusterInstance *o = gw_cluster_instance(pass->cluster, other);
    if (pass->occupancy->where[other] != host || o->stuck || is_together(pass->cluster, other) ||
        !fits_without(pass, instance, host, other))
        return NOWHERE;
    pass->budget -= pass->cluster->hosts->len;
    return choose(pass, other, TIGHT, host);
}

static void give_way(Pass *pass, guint other, guint from, guint to)
{
    pass->incoming[from] -= MIN(pass->incoming[from], transfer_ms(pass, other, from));
    forget_order(pass, other);
    place(pass, other, to);
}

/* Another of this drain goes elsewhere: costs nothing. */
static gboolean swap_planned(Pass *pass, guint instance, guint host)
{
    for (guint n = 0; n < pass->items->len && pass->budget > 0; n++) {
        guint other = g_array_index(pass->items, guint, n);
        guint to = other == instance ? NOWHERE : way_out(pass, instance, host, other);
        if (to == NOWHERE)
            continue;
        give_way(pass, other, host, to);
        place(pass, instance, host);
        return TRUE;
    }
    return FALSE;
}

static gboolean in_transit(const GwCluster *cluster, guint instance)
{
    for (guint t = 0; t < cluster->transits->len; t++)
        if (g_array_index(cluster->transits, GwClusterTransit, t).instance == instance)
            return TRUE;
    return FALSE;
}

/* The cheapest instance of any host that could be moved away for this one; a move that nobody asked for, so the last resort. */
static gboolean eject(Pass *pass, guint instance)
{
    guint best = NOWHERE, best_to = NOWHERE;
    for (guint other = 0; other < pass->cluster->instances->len && pass->budget > 0; other++) {
        const GwClusterInstance *o = gw_cluster_instance(pass->cluster, other);
        guint host = pass->occupancy->where[other];
        if (host != o->host || o->stopped || gw_cluster_host(pass->cluster, host)->leaving || in_transit(pass->cluster, other) ||
            (best != NOWHERE && o->memory_mib >= gw_cluster_instance(pass->cluster, best)->memory_mib))
            continue;
        guint to = way_out(pass, instance, host, other);
        if (to != NOWHERE) {
            best = other;
            best_to = to;
        }
    }
    if (best == NOWHERE)
        return FALSE;
    guint host = pass->occupancy->where[best];
    place(pass, best, best_to);
    place(pass, instance, host);
    return TRUE;
}

static gboolean make_room(Pass *pass, guint instance)
{
    guint host = choose(pass, instance, TIGHT, NOWHERE);
    if (host != NOWHERE) {
        place(pass, instance, host);
        return TRUE;
    }
    for (guint h = 0; h < pass->cluster->hosts->len; h++)
        if (gw_objection_is_room(gw_rules_objection(pass->occupancy, instance, h)) && swap_planned(pass, instance, h))
            return TRUE;
    return pass->wish->room == GW_ROOM_MAKE && eject(pass, instance);
}

/* ---- one pass over all */

/* A group is tried once in a pass, whichever of its members comes first; each that finds no place counts. */
static void place_group(Pass *pass, guint instance, GHashTable *failed)
{
    int group = gw_cluster_instance(pass->cluster, instance)->group;
    g_autoptr(GArray) unit = g_hash_table_contains(failed, GINT_TO_POINTER(group)) ? NULL : unit_of(pass, instance);
    if (unit && place_unit(pass, unit))
        return;
    g_hash_table_add(failed, GINT_TO_POINTER(group));
    pass->unplaced++;
}

static void place_all(Pass *pass, Manner manner)
{
    g_autoptr(GArray) left = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autoptr(GHashTable) failed = g_hash_table_new(NULL, NULL);
    for (guint n = 0; n < pass->items->len; n++) {
        guint instance = g_array_index(pass->items, guint, n);
        guint home = gw_cluster_instance(pass->cluster, instance)->host;
        if (pass->occupancy->where[instance] != home)
            continue; /* with its group */
        if (is_together(pass->cluster, instance)) {
            place_group(pass, instance, failed);
            continue;
        }
        guint host = choose(pass, instance, manner, NOWHERE);
        if (host != NOWHERE)
            place(pass, instance, host);
        else
            g_array_append_val(left, instance);
    }
    for (guint n = 0; n < left->len;) {
        if (manner == TIGHT && pass->budget > 0 && make_room(pass, g_array_index(left, guint, n))) {
            g_array_remove_index(left, n);
            n = 0; /* others may fit where room was made */
        } else {
            n++;
        }
    }
    pass->unplaced += left->len;
}

static void pass_begin(Pass *pass)
{
    pass->occupancy = gw_occupancy_new(pass->cluster);
    pass->order = g_array_new(FALSE, FALSE, sizeof(guint));
    pass->incoming = g_new0(double, pass->cluster->hosts->len + 1);
    pass->unplaced = 0;
    pass->budget = BUDGET;
}

static void pass_end(Pass *pass)
{
    g_clear_pointer(&pass->occupancy, gw_occupancy_free);
    g_clear_pointer(&pass->order, g_array_unref);
    g_clear_pointer(&pass->incoming, g_free);
}

/* ---- what there is to place */

static gboolean stays(const GwCluster *cluster, const GwDrainWish *wish, guint instance, GwStayCause *ret_cause)
{
    const GwClusterInstance *i = gw_cluster_instance(cluster, instance);
    if (i->stuck)
        *ret_cause = GW_STAY_STUCK;
    else if (i->stopped && wish->stopped == GW_STOPPED_STAY)
        *ret_cause = GW_STAY_STOPPED;
    else
        return FALSE;
    return TRUE;
}

/* One of an affinity group that stays keeps all of it. */
static void keep_groups(const GwCluster *cluster, const GHashTable *held, GArray *items, GArray *stays_list)
{
    for (guint n = 0; n < items->len;) {
        guint instance = g_array_index(items, guint, n);
        int group = gw_cluster_instance(cluster, instance)->group;
        if (!is_together(cluster, instance) || !g_hash_table_contains((GHashTable *)held, GINT_TO_POINTER(group))) {
            n++;
            continue;
        }
        GwStay stay = {instance, GW_STAY_GROUP};
        g_array_append_val(stays_list, stay);
        g_array_remove_index(items, n);
    }
}

static GArray *list_items(const GwCluster *cluster, const GwDrainWish *wish, GArray *stays_list)
{
    GArray *items = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autoptr(GHashTable) held = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) moving = g_hash_table_new(NULL, NULL);
    for (guint t = 0; t < cluster->transits->len; t++)
        g_hash_table_add(moving, GUINT_TO_POINTER(g_array_index(cluster->transits, GwClusterTransit, t).instance));
    for (guint i = 0; i < cluster->instances->len; i++) {
        const GwClusterInstance *instance = gw_cluster_instance(cluster, i);
        GwStay stay = {i, GW_STAY_NOWHERE};
        if (!gw_cluster_host(cluster, instance->host)->leaving || g_hash_table_contains(moving, GUINT_TO_POINTER(i)))
            continue;
        if (!stays(cluster, wish, i, &stay.cause)) {
            g_array_append_val(items, i);
            continue;
        }
        g_array_append_val(stays_list, stay);
        if (is_together(cluster, i))
            g_hash_table_add(held, GINT_TO_POINTER(instance->group));
    }
    keep_groups(cluster, held, items, stays_list);
    return items;
}

typedef struct {
    guint instance, options; /* hosts that could take it; all those above a quarter count alike */
    guint64 memory_mib, bytes;
} Rank;

static gint hardest_first(gconstpointer a, gconstpointer b)
{
    const Rank *x = a, *y = b;
    if (x->options != y->options)
        return x->options < y->options ? -1 : 1;
    if (x->memory_mib != y->memory_mib)
        return x->memory_mib > y->memory_mib ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x->instance < y->instance ? -1 : 1;
}

static void rank_items(const GwCluster *cluster, GArray *items)
{
    g_autoptr(GwOccupancy) now = gw_occupancy_new(cluster);
    g_autoptr(GArray) ranks = g_array_new(FALSE, FALSE, sizeof(Rank));
    guint enough = cluster->hosts->len / 4 + 1;
    for (guint n = 0; n < items->len; n++) {
        guint instance = g_array_index(items, guint, n);
        const GwClusterInstance *i = gw_cluster_instance(cluster, instance);
        Rank rank = {instance, 0, i->memory_mib, gw_always_copied_bytes(cluster, instance)};
        for (guint h = 0; h < cluster->hosts->len && rank.options < enough; h++)
            rank.options += gw_rules_objection(now, instance, h) == GW_OBJECTION_NONE;
        g_array_append_val(ranks, rank);
    }
    g_array_sort(ranks, hardest_first);
    for (guint n = 0; n < items->len; n++)
        g_array_index(items, guint, n) = g_array_index(ranks, Rank, n).instance;
}

static double busiest_way_out(const GwCluster *cluster, const GArray *items)
{
    g_autofree double *out = g_new0(double, cluster->hosts->len + 1);
    double most = 0;
    for (guint n = 0; n < items->len; n++) {
        guint instance = g_array_index(items, guint, n);
        const GwClusterInstance *i = gw_cluster_instance(cluster, instance);
        guint64 bps = gw_cluster_host(cluster, i->host)->link_bps;
        guint64 bytes = (i->stopped ? 0 : i->memory_mib << 20) + gw_always_copied_bytes(cluster, instance);
        out[i->host] += (double)bytes * 1000 / (double)(bps ? bps : GW_COST_LINK_BPS);
        most = MAX(most, out[i->host]);
    }
    return most;
}

/* ---- the plan */

static void write_plan(const Pass *pass, GwDrainPlan *plan)
{
    for (guint n = 0; n < pass->order->len; n++) {
        guint instance = g_array_index(pass->order, guint, n);
        GwPlannedMove move = {.instance = instance,
                              .source = gw_cluster_instance(pass->cluster, instance)->host,
                              .dest = pass->occupancy->where[instance]};
        g_array_append_val(plan->moves, move);
    }
    for (guint n = 0; n < pass->items->len; n++) {
        guint instance = g_array_index(pass->items, guint, n);
        GwStay stay = {instance, is_together(pass->cluster, instance) ? GW_STAY_GROUP : GW_STAY_NOWHERE};
        if (pass->occupancy->where[instance] == gw_cluster_instance(pass->cluster, instance)->host)
            g_array_append_val(plan->stays, stay);
    }
}

GwDrainPlan *gw_drain_plan(const GwCluster *cluster, const GwDrainWish *wish)
{
    GwDrainPlan *plan = g_new0(GwDrainPlan, 1);
    plan->moves = g_array_new(FALSE, TRUE, sizeof(GwPlannedMove));
    plan->stays = g_array_new(FALSE, TRUE, sizeof(GwStay));
    g_autoptr(GArray) items = list_items(cluster, wish, plan->stays);
    rank_items(cluster, items);
    Pass spread = {.cluster = cluster, .wish = wish, .items = items, .floor_ms = busiest_way_out(cluster, items)};
    Pass tight = spread;
    pass_begin(&spread);
    place_all(&spread, SPREAD);
    if (spread.unplaced) {
        pass_begin(&tight);
        place_all(&tight, TIGHT);
    }
    write_plan(spread.unplaced && tight.unplaced < spread.unplaced ? &tight : &spread, plan);
    pass_end(&spread);
    pass_end(&tight);
    plan->table = gw_schedule_make(cluster, plan->moves, &wish->pace, GW_DESTINATIONS_FREE);
    return plan;
}

void gw_drain_plan_free(GwDrainPlan *plan)
{
    if (!plan)
        return;
    g_array_unref(plan->moves);
    g_array_unref(plan->stays);
    g_free(plan);
}
