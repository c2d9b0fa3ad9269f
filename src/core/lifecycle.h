/* The life of a migration: one pure function from what is seen to what is done next. The loop (engine/loop.c) observes,
 * asks here, journals the new state, acts, and begins again, until a state is final; a restarted daemon runs the very same loop.
 * There is no recovery code. docs/migration.md tells the same for people. */
#ifndef GW_CORE_LIFECYCLE_H
#define GW_CORE_LIFECYCLE_H

#include "core/sight.h"

/* Acts. Each is idempotent. A state has at most one kind of work (marked W) whose outcome is the situation's `call`. */
typedef enum {
    GW_ACT_WAIT,                /* look again later */
    GW_ACT_ADVANCE,             /* journal `next`, then decide again */
    GW_ACT_CHECK,               /* W of ACCEPTED: find the destination and make the plan */
    GW_ACT_ENTER,               /* W of QUEUED: take the turn that has come, and check anew in it */
    GW_ACT_PREPARE,             /* W of PREPARING */
    GW_ACT_MIGRATE,             /* W of RUNNING and (with disks) MOVING: the copy, in its own thread */
    GW_ACT_RECOVER,             /* W of POSTCOPY: one that was interrupted goes on where it stopped, likewise in its own thread */
    GW_ACT_RESHAPE,             /* W of PLACING: vCPUs, memory and disk of a resize; nothing for others */
    GW_ACT_ADOPT,               /* W of MOVING (shared disks): define on the destination */
    GW_ACT_SETTLE,              /* W of SETTLING: definition final on the destination, source's remains removed */
    GW_ACT_FORGET_SOURCE,       /* W of CONFIRMING */
    GW_ACT_FORGET_DEST,         /* W of UNDOING and REVERTING */
    GW_ACT_START_DEST,          /* W of STARTING */
    GW_ACT_START_SOURCE,        /* after undoing a cold move of an instance that ran */
    GW_ACT_START_SOURCE_PAUSED, /* so that the hypervisor copies the disks of a stopped instance */
    GW_ACT_ABORT,               /* ask the hypervisor to stop copying */
    GW_ACT_FORCE,               /* post-copy or a pause, as the flags permit */
    GW_ACT_RESUME_SOURCE,
    GW_ACT_RESUME_DEST,
    GW_ACT_STOP_SOURCE,         /* ask the guest; pull the plug at the timeout */
    GW_ACT_STOP_DEST,           /* likewise */
    GW_ACT_KILL_SOURCE,         /* at once: its CPUs have not run since the guest runs elsewhere */
    GW_ACT_KILL_DEST,           /* at once: its CPUs have never run */
    GW_ACT_COUNT
} GwAct;

/* The outcome of the present state's work, as far as this process knows: NONE after a restart. */
typedef enum { GW_CALL_NONE, GW_CALL_ACTIVE, GW_CALL_DONE, GW_CALL_FAILED, GW_CALL_LOST, GW_CALL_COUNT } GwCall;

/* Circumstances, as bits. */
enum {
    GW_WHEN_ABORT = 1 << 0,     /* the user asked to abort, or to force (not yet passed on), confirm, revert */
    GW_WHEN_FORCE = 1 << 1,
    GW_WHEN_CONFIRM = 1 << 2,
    GW_WHEN_REVERT = 1 << 3,
    GW_WHEN_OVERDUE = 1 << 4,   /* the copy has taken longer than the plan's timeout; QUEUED: a host has been silent for too long */
    GW_WHEN_STALE = 1 << 5,     /* the same inconclusive picture for longer than the grace, and no job */
    GW_WHEN_BEGUN = 1 << 6,     /* the copy was begun at least once (journalled before it is) */
    GW_WHEN_COPIES = 1 << 7,    /* disks travel */
    GW_WHEN_RAN = 1 << 8,       /* the guest ran before the move */
    GW_WHEN_JOB = 1 << 9,       /* a hypervisor says that it is copying */
    GW_WHEN_RETRY = 1 << 10,    /* the failure was transient, and tries are left */
    GW_WHEN_EXHAUSTED = 1 << 11, /* acts of this state have failed many times in a row */
    GW_WHEN_MADE = 1 << 12,     /* PREPARING: something may have been made on the destination */
    GW_WHEN_FENCED = 1 << 13,   /* an administrator has forced the source down: nothing runs there, whatever its silence hides */
    GW_WHEN_DEST_FENCED = 1 << 14, /* likewise the destination */
    GW_WHEN_AGAIN = 1 << 15,    /* the disks cannot keep up, and their copy is given up for a second try (journalled before it is) */
    GW_WHEN_HALTED = 1 << 16,   /* the source's guest is paused by its own storage: full, say */
    GW_WHEN_TURN = 1 << 17,     /* QUEUED: its turn has come */
    GW_WHEN_COUNT = 18
};

typedef struct {
    GwMoveKind kind;
    GwMigrationState state;
    GwMigrationState end; /* where UNDOING leads */
    GwSeen source, dest;
    GwCall call;
    unsigned when; /* GW_WHEN_* */
} GwSituation;

typedef struct {
    GwAct act;
    GwMigrationState next; /* for GW_ACT_ADVANCE; otherwise the present state */
    GwMigrationState end;  /* to be journalled with it when next is UNDOING */
    const char *reason;    /* static; why, for people; NULL when it goes without saying */
    GwWaitsFor waits_for;  /* with GW_ACT_WAIT: the host that does not answer, and that reason names */
} GwDecision;

GwDecision gw_lifecycle_next(const GwSituation *situation);

const char *gw_act_name(GwAct act);

#endif
