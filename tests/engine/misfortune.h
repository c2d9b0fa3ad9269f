/* Random misfortune for the engine over a simulated world: everything that befalls it follows from the run's seed. */
#ifndef GW_TESTS_ENGINE_MISFORTUNE_H
#define GW_TESTS_ENGINE_MISFORTUNE_H

#include "tests/engine/fixture.h"

enum { GUESTS = 6 };

typedef struct {
    char name[8], uuid[GW_UUID_SIZE];
    GwSimStorage storage;
    GwPower power;
    guint64 memory_mib; /* at the beginning; resizes are in its history */
    gint64 last; /* its newest migration, 0: none */
    gboolean killed; /* its hypervisor process was: it may not run any more */
    gboolean halted; /* by its storage, at some time: it may stand still since */
} Guest;

typedef struct {
    guint32 seed;
    GRand *rand;
    Fixture f;
    Guest guests[GUESTS];
    gboolean powered_off; /* a host was, in one run of four: guests may have ended by that */
    const char *lost; /* the host that is without power now, or NULL */
    guint waits; /* moves that waited for their turn after an event */
    guint moves, errors, ends[GW_MIGRATION_STATE_COUNT];
    guint second_ends[GW_MIGRATION_STATE_COUNT]; /* of those that were given up for a second try */
} Run;

guint misfortune_pick(Run *run, guint count); /* below count */
const char *misfortune_host(Run *run);
/* One thing that a user does, or that happens to him; and a moment. */
void misfortune_happen(Run *run);
/* All is well again, and stays so. */
void misfortune_end(Run *run);

#endif
