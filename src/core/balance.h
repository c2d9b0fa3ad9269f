/* The plan of spreading a cluster's load, or of packing it onto fewer hosts: few and cheap moves for the most evenness.
 *
 * Step by step the move that brings the most per cost, among the instances of the hosts under the most pressure and the hosts
 * under the least (all of them while the cluster is small). The score after each is kept up to date in constant time. An instance
 * that was moved may be sent elsewhere, or home, by a later step: it is still one move, or none. It ends when a step brings much
 * less than the steps so far did on average, so that the last moves are worth their cost, whatever the size of the cluster; a
 * plan that gains little as a whole is no plan. What is planned is the state after the moves, moves under way included.
 *
 * The greedy frame is that of Ganeti's hbal; the ordering by the score's gradient makes a step cheap. Pure. */
#ifndef GW_CORE_BALANCE_H
#define GW_CORE_BALANCE_H

#include "core/schedule.h"
#include "core/score.h"

typedef struct {
    GwObjective objective;
    guint max_moves;       /* 0: as many as are worth it */
    double least_step;     /* ends when a step gains less than this part of the average step; 0: while any gains */
    double least_gain;     /* the plan must make the score at least this part smaller, or nothing is done */
    double thrift;         /* 0: a move costs a move, whatever it copies; 1: gain per predicted second; between: between */
    GwPace pace;
} GwBalanceWish;

#define GW_BALANCE_DEFAULTS {.objective = GW_OBJECTIVE_BOTH, .least_step = 0.1, .least_gain = 0.1, .thrift = 0.5}

typedef struct {
    GArray *moves;               /* of GwPlannedMove, each possible after those before it */
    double score_before, score_after;
    guint64 bytes;               /* that all copy */
    guint hosts_before, hosts_after; /* in use */
    GwTimetable table;
} GwBalancePlan;

GwBalancePlan *gw_balance_plan(const GwCluster *cluster, const GwBalanceWish *wish);
void gw_balance_plan_free(GwBalancePlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwBalancePlan, gw_balance_plan_free)

#endif
