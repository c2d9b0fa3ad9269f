/* What the tests of the simulator share: a world whose clock they move, hosts of it, and a copy in a thread of its own.
 */
#ifndef GW_TESTS_SIM_FIXTURE_H
#define GW_TESTS_SIM_FIXTURE_H

#include "drivers/driver.h"
#include "drivers/sim/sim_world.h"

typedef struct {
    GwSimWorld *world; /* stands still until it is stepped */
    GwNode *a, *b, *c; /* HostA, HostB, HostC: 1000 Mbit/s each */
} Fixture;

void fixture_open(Fixture *fixture);
void fixture_close(Fixture *fixture); /* fails when something happened that must never happen */
void fixture_close_broken(Fixture *fixture, const char *violation); /* fails unless that happened, and nothing else */

/* A running instance on HostA. disk_gib 0: no disk. */
const char *fixture_add(Fixture *fixture, const char *name, guint64 memory_mib, GwSimStorage storage, guint64 disk_gib);
GwPlan *fixture_plan(GwNode *from, GwNode *to, const char *uuid, guint64 flags);

typedef struct {
    GwNode *from, *to;
    GwPlan *plan; /* owned */
    GThread *thread;
    GError *error; /* once joined */
} Copy;

/* Makes room and begins; returns when the world has begun it. flags beside LIVE, PEER2PEER, UNDEFINE_SOURCE. */
void copy_begin(Copy *copy, Fixture *fixture, GwNode *from, GwNode *to, const char *uuid, guint64 flags);
void copy_start(Copy *copy, Fixture *fixture); /* likewise, in the room that is there; its hosts and plan are set */
void copy_join(Copy *copy); /* waits for migrate to return */
void copy_clear(Copy *copy);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Copy, copy_clear)

GwSight fixture_sight(GwNode *node, const char *uuid);
#define ASSERT_SEEN(node, uuid, what)                                                                                  \
    g_assert_cmpstr(gw_seen_name(fixture_sight(node, uuid).seen), ==, gw_seen_name(GW_SEEN_##what))

#endif
