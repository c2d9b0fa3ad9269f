#include "core/schedule.h"

#include "core/heap.h"
#include "core/sharing.h"

#include <math.h>
#include <stdlib.h>

enum {
    MOST_PER_HOST = 8,
    /* what is left on a link when the next copy is begun: to share it for a moment costs less than to leave it idle */
    WINDOW_MS = GW_COST_SETUP_MS + 700,
    HOT_PERCENT = 25, /* of the rate: a guest that writes so much gets the link for itself */
};

typedef enum { WAITS, STARTS, COPIES, ENDS, GONE } Phase;

typedef struct {
    GwPlannedMove *move; /* NULL: a move that was under way */
    guint instance, source, dest;
    Phase phase;
    double left;     /* bytes */
    double alone;    /* bytes per ms that it could have */
    double rate;     /* bytes per ms that it has */
    double since;    /* when `left` was right */
    guint version;   /* of its events */
    gboolean hot;
} Job;

/* One direction of one host. */
typedef struct {
    double capacity;  /* bytes per ms */
    GArray *busy;     /* of guint: jobs that start or copy */
    guint under_way;  /* and those that end */
    GArray *waiting;  /* of guint, longest first; those that no longer wait are skipped */
    guint first;      /* of waiting, that may still wait */
} Link;

typedef struct {
    const GwCluster *cluster;
    GwOccupancy *occupancy; /* who is really where */
    Job *jobs;
    guint count;
    Link *out, *in;
    GPtrArray *arrivals;   /* by host: GArray of guint jobs in the given order; NULL where nobody must leave first */
    GwHeap events;
    double now;
    guint most;
} Sim;

/* ---- links */

static double backlog_ms(const Sim *sim, const Link *link)
{
    double bytes = 0;
    for (guint i = 0; i < link->busy->len; i++) {
        const Job *job = &sim->jobs[g_array_index(link->busy, guint, i)];
        bytes += job->left - (job->phase == COPIES ? job->rate * (sim->now - job->since) : 0);
    }
    return bytes / link->capacity;
}

static gboolean takes(const Sim *sim, const Link *link, const Job *next)
{
    double demand = 0;
    if (link->under_way >= sim->most)
        return FALSE;
    for (guint i = 0; i < link->busy->len; i++) {
        const Job *job = &sim->jobs[g_array_index(link->busy, guint, i)];
        if (job->hot)
            return FALSE;
        demand += job->alone;
    }
    if (next->hot && link->busy->len)
        return FALSE;
    return demand < link->capacity * 0.95 || backlog_ms(sim, link) <= WINDOW_MS + 1;
}

static void drop(GArray *list, guint job)
{
    for (guint i = 0; i < list->len; i++) {
        if (g_array_index(list, guint, i) == job) {
            g_array_remove_index_fast(list, i);
            return;
        }
    }
}

static guint copying(const Sim *sim, const Link *link)
{
    guint count = 0;
    for (guint i = 0; i < link->busy->len; i++)
        count += sim->jobs[g_array_index(link->busy, guint, i)].phase == COPIES;
    return MAX(count, 1);
}

static void rerate_job(Sim *sim, guint index)
{
    Job *job = &sim->jobs[index];
    if (job->phase != COPIES)
        return;
    job->left = MAX(0, job->left - job->rate * (sim->now - job->since));
    job->since = sim->now;
    const Link *out = &sim->out[job->source], *in = &sim->in[job->dest];
    double share = MIN(out->capacity / copying(sim, out), in->capacity / copying(sim, in));
    job->rate = MIN(job->alone, share);
    double ends = sim->now + job->left / job->rate;
    gw_heap_push(&sim->events, ends, index, ++job->version);
    if (ends - WINDOW_MS > sim->now) /* a moment to look whether the next may begin */
        gw_heap_push(&sim->events, ends - WINDOW_MS, index, job->version);
}

static void rerate(Sim *sim, const Job *job)
{
    for (guint i = 0; i < sim->out[job->source].busy->len; i++)
        rerate_job(sim, g_array_index(sim->out[job->source].busy, guint, i));
    for (guint i = 0; i < sim->in[job->dest].busy->len; i++)
        rerate_job(sim, g_array_index(sim->in[job->dest].busy, guint, i));
}

/* ---- starting */

/* What earlier arrivals, that have not begun, will need of a host. */
static void promised(const Sim *sim, const GArray *arrivals, guint job, guint64 *ret_mib, guint64 *ret_vcpus, guint *ret_count)
{
    for (guint i = 0; i < arrivals->len; i++) {
        guint other = g_array_index(arrivals, guint, i);
        if (other >= job)
            return;
        const GwClusterInstance *instance = gw_cluster_instance(sim->cluster, sim->jobs[other].instance);
        if (sim->jobs[other].phase != WAITS)
            continue;
        *ret_mib += instance->memory_mib;
        *ret_vcpus += instance->stopped ? 0 : instance->vcpus;
        *ret_count += 1;
    }
}

static gboolean has_room(const Sim *sim, guint index)
{
    const Job *job = &sim->jobs[index];
    const GArray *arrivals = sim->arrivals->pdata[job->dest];
    if (!arrivals)
        return TRUE;
    if (gw_rules_objection(sim->occupancy, job->instance, job->dest) != GW_OBJECTION_NONE)
        return FALSE;
    const GwClusterInstance *instance = gw_cluster_instance(sim->cluster, job->instance);
    const GwClusterHost *host = gw_cluster_host(sim->cluster, job->dest);
    guint64 mib = 0, vcpus = 0;
    guint count = 0;
    promised(sim, arrivals, index, &mib, &vcpus, &count);
    if (host->max_instances && sim->occupancy->count[job->dest] + count >= host->max_instances)
        return FALSE;
    if (instance->memory_mib && sim->occupancy->memory_mib[job->dest] + mib + instance->memory_mib > gw_cluster_capacity_mib(host))
        return FALSE;
    return instance->stopped ||
           (double)(sim->occupancy->vcpus[job->dest] + vcpus + instance->vcpus) <= gw_cluster_capacity_vcpus(host);
}

/* Moves of either direction count (max_io_ops_per_host). */
static gboolean is_calm(const Sim *sim, guint host)
{
    guint most = gw_cluster_host(sim->cluster, host)->max_moves;
    return !most || sim->out[host].under_way + sim->in[host].under_way < most;
}

static gboolean try_start(Sim *sim, guint index)
{
    Job *job = &sim->jobs[index];
    Link *out = &sim->out[job->source], *in = &sim->in[job->dest];
    if (!takes(sim, out, job) || !takes(sim, in, job) || !is_calm(sim, job->source) || !is_calm(sim, job->dest) || !has_room(sim, index))
        return FALSE;
    job->phase = STARTS;
    job->move->start_ms = (guint64)llround(sim->now);
    g_array_append_val(out->busy, index);
    g_array_append_val(in->busy, index);
    out->under_way++;
    in->under_way++;
    gw_occupancy_enter(sim->occupancy, job->instance, job->dest);
    gw_heap_push(&sim->events, sim->now + GW_COST_SETUP_MS, index, ++job->version);
    return TRUE;
}

static void start_from(Sim *sim, Link *link)
{
    while (link->first < link->waiting->len &&
           sim->jobs[g_array_index(link->waiting, guint, link->first)].phase != WAITS)
        link->first++;
    for (guint i = link->first; i < link->waiting->len && link->under_way < sim->most; i++) {
        guint index = g_array_index(link->waiting, guint, i);
        if (sim->jobs[index].phase == WAITS)
            try_start(sim, index);
    }
}

static void start_around(Sim *sim, const Job *job)
{
    start_from(sim, &sim->out[job->source]);
    start_from(sim, &sim->in[job->dest]);
    start_from(sim, &sim->in[job->source]); /* where room may have been made */
    if (gw_cluster_host(sim->cluster, job->dest)->max_moves)
        start_from(sim, &sim->out[job->dest]);
}

/* ---- what happens */

static void end_copy(Sim *sim, guint index)
{
    Job *job = &sim->jobs[index];
    job->phase = ENDS;
    drop(sim->out[job->source].busy, index);
    drop(sim->in[job->dest].busy, index);
    rerate(sim, job);
    gw_heap_push(&sim->events, sim->now + GW_COST_TAIL_MS, index, ++job->version);
}

static void end_job(Sim *sim, Job *job)
{
    job->phase = GONE;
    sim->out[job->source].under_way--;
    sim->in[job->dest].under_way--;
    gw_occupancy_leave(sim->occupancy, job->instance, job->source);
    sim->occupancy->where[job->instance] = job->dest;
    if (job->move)
        job->move->end_ms = (guint64)llround(sim->now);
}

static void happen(Sim *sim, guint index)
{
    Job *job = &sim->jobs[index];
    switch (job->phase) {
    case STARTS:
        job->phase = COPIES;
        job->since = sim->now;
        rerate(sim, job);
        break;
    case COPIES:
        if (job->left - job->rate * (sim->now - job->since) < job->rate) /* less than a millisecond of it */
            end_copy(sim, index);
        break;
    case ENDS:
        end_job(sim, job);
        break;
    case WAITS:
    case GONE:
        break;
    }
    start_around(sim, job);
}

/* ---- setting up */

static Link *links_new(const GwCluster *cluster)
{
    Link *links = g_new0(Link, cluster->hosts->len + 1);
    for (guint h = 0; h < cluster->hosts->len; h++) {
        guint64 bps = gw_cluster_host(cluster, h)->link_bps;
        links[h].capacity = (double)(bps ? bps : GW_COST_LINK_BPS) / 1000;
        links[h].busy = g_array_new(FALSE, FALSE, sizeof(guint));
        links[h].waiting = g_array_new(FALSE, FALSE, sizeof(guint));
    }
    return links;
}

static void links_free(Link *links, guint count)
{
    for (guint h = 0; h < count; h++) {
        g_array_unref(links[h].busy);
        g_array_unref(links[h].waiting);
    }
    g_free(links);
}

static void add_waiting(Sim *sim, const GwPace *pace, GwPlannedMove *move)
{
    const GwClusterInstance *instance = gw_cluster_instance(sim->cluster, move->instance);
    guint64 rate = gw_cost_rate(sim->cluster, move->source, move->dest, pace->stream_bps);
    move->cost = gw_cost_predict(instance, gw_copied_bytes(sim->cluster, move->instance, move->dest), rate);
    move->start_ms = move->end_ms = 0;
    sim->jobs[sim->count++] = (Job){.move = move,
                                    .instance = move->instance,
                                    .source = move->source,
                                    .dest = move->dest,
                                    .left = (double)move->cost.bytes,
                                    .alone = (double)rate / 1000,
                                    .hot = instance->dirty_bps * 100 > rate * HOT_PERCENT};
}

static void add_under_way(Sim *sim, const GwPace *pace, const GwClusterTransit *transit)
{
    const GwClusterInstance *instance = gw_cluster_instance(sim->cluster, transit->instance);
    double alone = (double)gw_cost_rate(sim->cluster, instance->host, transit->dest, pace->stream_bps) / 1000;
    guint index = sim->count++;
    double copy_ms = transit->remaining_ms > GW_COST_TAIL_MS ? (double)(transit->remaining_ms - GW_COST_TAIL_MS) : 1;
    sim->jobs[index] = (Job){.instance = transit->instance,
                             .source = instance->host,
                             .dest = transit->dest,
                             .phase = COPIES,
                             .left = copy_ms * alone,
                             .alone = alone};
    g_array_append_val(sim->out[instance->host].busy, index);
    g_array_append_val(sim->in[transit->dest].busy, index);
    sim->out[instance->host].under_way++;
    sim->in[transit->dest].under_way++;
}

static gint longest_first(gconstpointer a, gconstpointer b, gpointer jobs)
{
    const Job *x = (const Job *)jobs + *(const guint *)a, *y = (const Job *)jobs + *(const guint *)b;
    if (x->move->cost.total_ms != y->move->cost.total_ms)
        return x->move->cost.total_ms > y->move->cost.total_ms ? -1 : 1;
    return *(const guint *)a < *(const guint *)b ? -1 : 1;
}

/* Those that make room for others come first; then the longest. */
static void queue_up(Sim *sim, guint moves)
{
    const GwCluster *cluster = sim->cluster;
    for (guint i = 0; i < moves; i++) {
        const Job *job = &sim->jobs[i];
        g_array_append_val(sim->out[job->source].waiting, i);
        g_array_append_val(sim->in[job->dest].waiting, i);
        if (!gw_cluster_host(cluster, job->source)->leaving && !sim->arrivals->pdata[job->source])
            sim->arrivals->pdata[job->source] = g_array_new(FALSE, FALSE, sizeof(guint));
    }
    for (guint i = 0; i < moves; i++)
        if (sim->arrivals->pdata[sim->jobs[i].dest])
            g_array_append_val((GArray *)sim->arrivals->pdata[sim->jobs[i].dest], i);
    for (guint h = 0; h < cluster->hosts->len; h++) {
        g_array_sort_with_data(sim->out[h].waiting, longest_first, sim->jobs);
        g_array_sort_with_data(sim->in[h].waiting, longest_first, sim->jobs);
    }
}

static void free_arrivals(gpointer list)
{
    if (list)
        g_array_unref(list);
}

static guint64 bound_ms(const GwCluster *cluster, const GArray *moves, GwDestinations destinations)
{
    guint hosts = cluster->hosts->len;
    g_autofree double *out = g_new0(double, hosts + 1);
    g_autofree double *in = g_new0(double, hosts + 1);
    double all = 0, width = 0, longest = 0, bound = 0;
    for (guint i = 0; i < moves->len; i++) {
        const GwPlannedMove *move = &g_array_index(moves, GwPlannedMove, i);
        out[move->source] += (double)move->cost.bytes;
        in[move->dest] += (double)move->cost.bytes;
        all += (double)move->cost.bytes;
        longest = MAX(longest, (double)move->cost.transfer_ms);
    }
    for (guint h = 0; h < hosts; h++) {
        guint64 bps = gw_cluster_host(cluster, h)->link_bps;
        double capacity = (double)(bps ? bps : GW_COST_LINK_BPS) / 1000;
        bound = MAX(bound, out[h] / capacity);
        if (destinations == GW_DESTINATIONS_GIVEN)
            bound = MAX(bound, in[h] / capacity);
        width += gw_cluster_host(cluster, h)->leaving ? 0 : capacity;
    }
    bound = MAX(MAX(bound, longest), width > 0 ? all / width : 0);
    return moves->len ? (guint64)bound + GW_COST_SETUP_MS + GW_COST_TAIL_MS : 0;
}

static void run(Sim *sim)
{
    GwHeapEntry event;
    for (guint i = 0; i < sim->count; i++)
        rerate_job(sim, i); /* those that were under way */
    for (guint h = 0; h < sim->cluster->hosts->len; h++)
        start_from(sim, &sim->out[h]);
    while (gw_heap_pop(&sim->events, &event)) {
        if (sim->jobs[event.value].version != event.version)
            continue;
        sim->now = event.key;
        happen(sim, event.value);
    }
}

GwTimetable gw_schedule_make(const GwCluster *cluster, GArray *moves, const GwPace *pace, GwDestinations destinations)
{
    Sim sim = {.cluster = cluster, .most = pace->per_host ? pace->per_host : MOST_PER_HOST};
    sim.occupancy = gw_occupancy_new(cluster);
    sim.jobs = g_new0(Job, moves->len + cluster->transits->len + 1);
    sim.out = links_new(cluster);
    sim.in = links_new(cluster);
    sim.arrivals = g_ptr_array_new_with_free_func(free_arrivals);
    g_ptr_array_set_size(sim.arrivals, (gint)cluster->hosts->len + 1);
    gw_heap_init(&sim.events);
    for (guint i = 0; i < moves->len; i++)
        add_waiting(&sim, pace, &g_array_index(moves, GwPlannedMove, i));
    queue_up(&sim, moves->len);
    for (guint t = 0; t < cluster->transits->len; t++)
        if (!g_array_index(cluster->transits, GwClusterTransit, t).stalled)
            add_under_way(&sim, pace, &g_array_index(cluster->transits, GwClusterTransit, t));
    run(&sim);
    GwTimetable table = {(guint64)llround(sim.now), bound_ms(cluster, moves, destinations), TRUE};
    for (guint i = 0; i < moves->len; i++)
        table.complete &= sim.jobs[i].phase == GONE;
    links_free(sim.out, cluster->hosts->len);
    links_free(sim.in, cluster->hosts->len);
    g_ptr_array_unref(sim.arrivals);
    gw_occupancy_free(sim.occupancy);
    gw_heap_clear(&sim.events);
    g_free(sim.jobs);
    return table;
}
