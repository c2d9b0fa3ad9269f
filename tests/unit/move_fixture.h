/* A move with nothing against it, to be spoiled at will: for the tests of checks and plans. */
#ifndef GW_TESTS_MOVE_FIXTURE_H
#define GW_TESTS_MOVE_FIXTURE_H

#include "core/checks.h"
#include "core/flags.h"

typedef struct {
    GwMoveFacts *facts;
    GwMoveWish wish;
    GwPlanSettings settings;
} Move;

/* A guest of 512 MiB with one qcow2 file of 10 GiB on shared storage, between HostB and HostC, live. */
Move good_move(void);
GwDisk *disk_of(GwMoveFacts *facts); /* the first */
GwDiskFacts *disk_facts_of(GwMoveFacts *facts);
void make_local(GwMoveFacts *facts); /* the first disk */
void add_disk(Move *move, const char *target, GwFact shared, guint64 capacity_gib);
GPtrArray *check(Move *move, GwPlan **ret_plan);
GwPlan *plan_of(Move *move); /* nothing may be against it; frees the move's facts */

#endif
