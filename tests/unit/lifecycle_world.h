/* A small world for the life-cycle to live in: two hosts, one instance, a copy that is a process of its own, a daemon
 * that observes, decides, journals and acts as engine/loop.c does, and everything that may happen meanwhile. A node is
 * one moment of it, as a number; `world_steps` tells every moment that can follow. tests/unit/test_lifecycle_world.c
 * searches them all. */
#ifndef GW_TESTS_LIFECYCLE_WORLD_H
#define GW_TESTS_LIFECYCLE_WORLD_H

#include "core/lifecycle.h"

/* The copy, which the hypervisors carry out alone. */
typedef enum {
    COPY_NONE,
    COPY_ASKED, /* the hypervisor has the request, and shows nothing yet; shorter than the grace */
    COPY_RUNS,
    COPY_SWITCHES, /* the source is paused, the destination not yet let go */
    COPY_POSTCOPY,
    COPY_ARRIVED, /* the destination has been let go, the source not yet taken away */
} WorldCopy;

/* Where the daemon is between two looks: other things happen in between, so that what it saw may be old when it acts.
 */
typedef enum { PHASE_REST, PHASE_SAW_SOURCE, PHASE_DECIDED } WorldPhase;

/* What must never be; the first that a step breaks stays in the node. */
typedef enum {
    BROKEN_NOTHING,
    BROKEN_TWO_RUN, /* both copies run */
    BROKEN_OLD_RUNS, /* a side was let run after the guest had run on the other */
    BROKEN_LOST_GUEST, /* the only live copy was killed or removed */
    BROKEN_LOST_SOURCE, /* the source's remains were removed without a whole instance on the destination */
    BROKEN_LOST_DEST, /* the destination's remains were removed without a whole instance on the source */
    BROKEN_END, /* a final state that promises what is not so */
    BROKEN_STALE_DISK, /* a copy was begun over what another has left */
} WorldBroken;

typedef enum { END_FAILED, END_CANCELLED, END_PREPARING } WorldEnd;
enum { DISK_MADE = 1, DISK_WHOLE, DISK_HALF };

typedef union {
    struct {
        /* the hosts */
        guint64 source : 3, dest : 3; /* GwSeen, never UNKNOWN: what is */
        guint64 copy : 3; /* WorldCopy */
        guint64 source_disk : 1; /* the source's file is there; without copied disks always */
        guint64 dest_disk : 2; /* 0: none, 1: made, 2: whole, 3: what a copy that did not come to its end has left */
        guint64 ran_on_dest : 1; /* live: the destination's CPUs have run, so that the source's copy is old */
        guint64 started_paused : 1; /* cold: the source was started paused by us, its CPUs have not run since */
        guint64 halted : 1; /* the guest was paused during the copy, and arrives paused */
        guint64 meddled : 1; /* the guest ended or was paused by other hands than ours, or refused to run on */
        /* the row */
        guint64 state : 5, end : 2; /* GwMigrationState; where UNDOING leads: WorldEnd */
        guint64 begun : 1;
        guint64 again : 1, second : 1; /* the copy was given up for a second try; that has begun */
        guint64 abort : 1, force : 1, confirm : 1, revert : 1;
        /* the process */
        guint64 call : 3; /* GwCall */
        guint64 forced : 1; /* passed on */
        guint64 overdue : 1;
        guint64 looked : 1, quiet : 1; /* this picture was seen; and it stayed so for longer than the grace */
        guint64 failures : 2; /* three are many */
        guint64 retry : 1, retried : 1; /* the failure was transient; once is enough to model */
        guint64 phase : 2; /* WorldPhase */
        guint64 saw_source : 3, saw_job : 1, saw_quiet : 1;
        guint64 act : 5; /* GwAct decided upon */
        /* another daemon has taken over */
        guint64 stray : 5; /* GwAct that the former one had begun, and that has neither arrived nor been lost; 0: none */
        guint64 broken : 3; /* WorldBroken */
    };
    guint64 key;
} WorldNode;

G_STATIC_ASSERT(sizeof(WorldNode) == sizeof(guint64));

/* How the lease of the source may be lost to another daemon, whose loop knows nothing but the row. The former daemon writes nothing more (each
 * write checks the token), and begins nothing more; one act of its may be on its way. */
typedef enum {
    LEASE_NEVER_LOST, /* one daemon, which may die and be started again */
    LEASE_WITH_MARGIN, /* lost at any moment; the other begins when what was on its way has arrived: what tests/unit/test_lease.c proves of
                        * acts that arrive within the margin */
    LEASE_WITHOUT, /* the other begins at once: what the margin is for */
} WorldLease;

/* One search covers one setting. */
typedef struct {
    const char *name;
    GwMoveKind kind;
    gboolean ran; /* before the move; otherwise paused (live) or stopped (cold) */
    gboolean copies; /* disks travel */
    gboolean persistent;
    gboolean postcopy; /* the plan permits it */
    WorldLease lease;
} WorldSetting;

typedef enum {
    WEATHER_STORM, /* hosts fall silent, daemons are killed, users ask, guests end, calls get lost */
    WEATHER_CALM, /* only what must go on at last: hosts answer, copies end, time passes. Acts may still fail */
} WorldWeather;

/* How a step comes about. */
typedef enum {
    STEP_DAEMON, /* one of the outcomes of what the daemon does next; it may be any of them */
    STEP_FAIR, /* happens at last when nothing else does */
    STEP_STORM,
} WorldStep;

typedef void (*WorldVisit)(void *data, WorldNode next, WorldStep step);

WorldNode world_start(const WorldSetting *setting);
void world_steps(const WorldSetting *setting, WorldNode node, WorldWeather weather, WorldVisit visit, void *data);
gboolean world_is_over(WorldNode node); /* final, or resting until the user asks */
char *world_describe(WorldNode node);

/* ---- lifecycle_daemon.c: the daemon's part */
void world_daemon(const WorldSetting *setting, WorldNode node, WorldWeather weather, WorldVisit visit, void *data);

/* What the former daemon had begun arrives, or is lost. */
void world_stray(const WorldSetting *setting, WorldNode node, WorldVisit visit, void *data);

/* next is what became of node: tells the visitor, having noted what changed and what is broken. */
void world_tell(const WorldSetting *setting, WorldNode node, WorldNode next, WorldStep step, WorldVisit visit,
                void *data);

#endif
