#include "core/score.h"

#include <math.h>

enum { OF_MEMORY, OF_LOAD, OF_VCPUS, OF_COUNT };

gboolean gw_score_takes_part(const GwClusterHost *host)
{
    return !host->closed && !host->leaving;
}

static double amount_of(const GwClusterInstance *instance, int source)
{
    switch (source) {
    case OF_MEMORY:
        return (double)instance->memory_mib;
    case OF_LOAD:
        return gw_cluster_load(instance);
    case OF_VCPUS:
        return instance->stopped ? 0 : instance->vcpus;
    case OF_COUNT:
        return 1;
    }
    return 0;
}

static double amount_on(const GwOccupancy *o, guint host, int source)
{
    switch (source) {
    case OF_MEMORY:
        return (double)(o->memory_mib[host] + gw_cluster_host(o->cluster, host)->reserved_mib);
    case OF_LOAD:
        return o->load[host];
    case OF_VCPUS:
        return (double)o->vcpus[host];
    case OF_COUNT:
        return o->count[host];
    }
    return 0;
}

static double size_of(const GwClusterHost *host, int source)
{
    switch (source) {
    case OF_MEMORY:
        return (double)host->memory_mib;
    case OF_LOAD:
    case OF_VCPUS:
        return host->cpus;
    case OF_COUNT:
        return 1;
    }
    return 1;
}

static void add_dimension(GwScore *score, const GwOccupancy *o, int source, double weight)
{
    guint d = score->dimensions++, hosts = score->cluster->hosts->len;
    score->weight[d] = weight;
    score->source[d] = source;
    score->value[d] = g_new0(double, hosts + 1);
    score->scale[d] = g_new0(double, hosts + 1);
    for (guint h = 0; h < hosts; h++) {
        const GwClusterHost *host = gw_cluster_host(score->cluster, h);
        score->scale[d][h] = 1 / MAX(size_of(host, source), 1);
        score->value[d][h] = amount_on(o, h, source) * score->scale[d][h];
        if (!gw_score_takes_part(host))
            continue;
        score->sum[d] += score->value[d][h];
        score->squares[d] += score->value[d][h] * score->value[d][h];
    }
}

GwScore *gw_score_new(const GwOccupancy *o, GwObjective objective)
{
    GwScore *score = g_new0(GwScore, 1);
    score->cluster = o->cluster;
    for (guint h = 0; h < o->cluster->hosts->len; h++)
        score->hosts += gw_score_takes_part(gw_cluster_host(o->cluster, h)) ? 1 : 0;
    switch (objective) {
    case GW_OBJECTIVE_CPU:
        add_dimension(score, o, OF_LOAD, 1);
        break;
    case GW_OBJECTIVE_MEMORY:
        add_dimension(score, o, OF_MEMORY, 1);
        break;
    case GW_OBJECTIVE_BOTH:
    case GW_OBJECTIVE_PACK:
        add_dimension(score, o, OF_MEMORY, 1);
        add_dimension(score, o, OF_LOAD, 1);
        break;
    case GW_OBJECTIVE_HBAL:
        add_dimension(score, o, OF_MEMORY, 1);
        add_dimension(score, o, OF_VCPUS, 1);
        add_dimension(score, o, OF_COUNT, 4);
        break;
    }
    return score;
}

void gw_score_free(GwScore *score)
{
    if (!score)
        return;
    for (guint d = 0; d < score->dimensions; d++) {
        g_free(score->value[d]);
        g_free(score->scale[d]);
    }
    g_free(score);
}

static double deviation(double sum, double squares, guint count)
{
    double mean = sum / count, variance = squares / count - mean * mean;
    return variance > 0 ? sqrt(variance) : 0;
}

double gw_score_value(const GwScore *score)
{
    double value = 0;
    for (guint d = 0; d < score->dimensions && score->hosts; d++)
        value += score->weight[d] * deviation(score->sum[d], score->squares[d], score->hosts);
    return value;
}

/* What a change of one host's value does to the two sums. */
static void shift(double value, double change, double *sum, double *squares)
{
    *sum += change;
    *squares += change * (2 * value + change);
}

double gw_score_after(const GwScore *score, guint instance, guint from, guint to)
{
    const GwClusterInstance *i = gw_cluster_instance(score->cluster, instance);
    double value = 0;
    for (guint d = 0; d < score->dimensions; d++) {
        double amount = amount_of(i, score->source[d]), sum = score->sum[d], squares = score->squares[d];
        shift(score->value[d][from], -amount * score->scale[d][from], &sum, &squares);
        shift(score->value[d][to], amount * score->scale[d][to], &sum, &squares);
        value += score->weight[d] * deviation(sum, squares, score->hosts);
    }
    return value;
}

void gw_score_move(GwScore *score, guint instance, guint from, guint to)
{
    const GwClusterInstance *i = gw_cluster_instance(score->cluster, instance);
    for (guint d = 0; d < score->dimensions; d++) {
        double amount = amount_of(i, score->source[d]);
        double less = -amount * score->scale[d][from], more = amount * score->scale[d][to];
        shift(score->value[d][from], less, &score->sum[d], &score->squares[d]);
        shift(score->value[d][to], more, &score->sum[d], &score->squares[d]);
        score->value[d][from] += less;
        score->value[d][to] += more;
    }
}

void gw_score_gradient(const GwScore *score, double ret_gradient[GW_SCORE_DIMENSIONS])
{
    for (guint d = 0; d < score->dimensions; d++) {
        double sigma = score->hosts ? deviation(score->sum[d], score->squares[d], score->hosts) : 0;
        ret_gradient[d] = sigma > 1e-12 ? score->weight[d] / sigma : 0;
    }
}
