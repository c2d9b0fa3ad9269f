/* How unevenly a cluster is loaded, as one number that can be kept up to date cheaply: a weighted sum of the standard
 * deviations, over all hosts that take part, of what each has given away of its memory and CPUs. Pure.
 *
 * GW_OBJECTIVE_HBAL is the cluster score of Ganeti's hbal (src/Ganeti/HTools/Cluster/Metrics.hs, 3.0) for instances on shared
 * storage, whose other terms are constant there: deviations of free memory and of vCPUs per CPU (each once with weight 0.5 and
 * again as its "fourth power" with 0.5, which 3.0.2 computes as the same number), and four times that of the number of
 * instances, its default for the load of each. */
#ifndef GW_CORE_SCORE_H
#define GW_CORE_SCORE_H

#include "core/rules.h"

typedef enum {
    GW_OBJECTIVE_CPU,
    GW_OBJECTIVE_MEMORY,
    GW_OBJECTIVE_BOTH,
    GW_OBJECTIVE_PACK, /* as few hosts as possible; its score is the number of hosts in use */
    GW_OBJECTIVE_HBAL,
} GwObjective;

enum { GW_SCORE_DIMENSIONS = 3 };

typedef struct {
    const GwCluster *cluster;
    guint hosts;                         /* that take part */
    guint dimensions;
    double weight[GW_SCORE_DIMENSIONS];
    double *value[GW_SCORE_DIMENSIONS];  /* by host */
    double *scale[GW_SCORE_DIMENSIONS];  /* by host: what one MiB, CPU or instance adds */
    double sum[GW_SCORE_DIMENSIONS], squares[GW_SCORE_DIMENSIONS];
    int source[GW_SCORE_DIMENSIONS];     /* what is measured */
} GwScore;

/* Closed hosts and those that are leaving take no part. Not for GW_OBJECTIVE_PACK. */
GwScore *gw_score_new(const GwOccupancy *occupancy, GwObjective objective);
void gw_score_free(GwScore *score);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwScore, gw_score_free)

double gw_score_value(const GwScore *score);
/* What it would be after this move; nothing changes. */
double gw_score_after(const GwScore *score, guint instance, guint from, guint to);
void gw_score_move(GwScore *score, guint instance, guint from, guint to);
/* How much a host's load weighs in the score as it is: the larger, the more there is to gain by taking from it. */
void gw_score_gradient(const GwScore *score, double ret_gradient[GW_SCORE_DIMENSIONS]);

gboolean gw_score_takes_part(const GwClusterHost *host);

#endif
