/* Clusters for the tests of planning: made by hand, or at random from a seed; and the laws that every plan must keep. */
#ifndef GW_TESTS_CLUSTER_FIXTURE_H
#define GW_TESTS_CLUSTER_FIXTURE_H

#include "core/balance.h"
#include "core/drain.h"

/* Names follow from the index: "H0", "vm0". Link: 125 MB/s. */
guint add_host(GwCluster *cluster, guint64 memory_mib, guint cpus);
guint add_instance(GwCluster *cluster, guint host, guint64 memory_mib, guint vcpus);
guint add_group(GwCluster *cluster, GwGroupPolicy policy);

typedef struct {
    guint hosts, instances;
    guint fill_percent; /* of memory, at most */
    guint leaving;      /* the first hosts */
    gboolean rules;     /* zones, groups, pins, CPUs, stopped ones, transits */
} RandomShape;
GwCluster *random_cluster(GRand *rand, const RandomShape *shape);

/* Aborts, naming the seed, when a move of the plan, carried out when the schedule says, ever overcommits a host or breaks a rule, when an
 * instance moves twice, when one moves that must not, or when a host sends or receives more at once than the pace allows. */
void check_moves(const GwCluster *cluster, const GArray *moves, const GwPace *pace, guint32 seed);

/* The seeds to try: GODWIT_TEST_SEED alone when it is set, else 1 … count. */
typedef void (*SeedTest)(guint32 seed);
void for_seeds(guint count, SeedTest test);

#endif
