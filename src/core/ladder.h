/* The ladder: what is done about a copy whose guest writes faster than it is copied, so that every live migration ends. Pure: it is
 * shown the copy's figures and says which rung to take; the life-cycle (core/lifecycle.h) and the engine's loop do the rest.
 *
 * Rungs, from the mildest: wait; slow the guest down (auto-converge, by QEMU itself from the start when the plan's flags have it); let it
 * run on the destination and fetch the rest (post-copy, when the flags have it); pause it, when the pause would be no longer than the
 * plan allows; abort, the guest intact on its source. Decided when a pass over the memory ends, since only then the rest is known: in
 * the midst of a pass nobody knows how much of what was sent has been written again. Disks, which go first, have a rung of their own: they
 * are copied again with writes that wait, where the plan permits it.
 *
 * A rung is taken at the first such moment at which waiting is known to be the worse choice, even if the guest wrote no more from then on
 * than it has been seen to write: passes do not gain on it, or take longer than post-copy would, or slowing it down would cost it
 * more than the pause. */
#ifndef GW_CORE_LADDER_H
#define GW_CORE_LADDER_H

#include "core/deltas.h"

typedef struct {
    const char *name;
    guint pause_ms;        /* the copy switches over as soon as the estimated pause is no longer (QEMU's downtime-limit) */
    guint forced_pause_ms; /* the longest pause that may be forced; 0: none is */
    gboolean auto_converge; /* the guest may be slowed down */
    gboolean prefers_post_copy; /* where it is permitted at all, go there as soon as it is sooner */
    const char *summary;   /* for people */
} GwPolicy;

/* live_migration_timeout_action: what may be done when the completion timeout is over. */
typedef enum {
    GW_TIMEOUT_POLICY, /* what the policy allows */
    GW_TIMEOUT_ABORT,  /* nothing is forced on the guest, then or before */
    GW_TIMEOUT_FORCE,  /* post-copy, or a pause however long */
} GwTimeoutAction;

extern const GwPolicy gw_policies[]; /* ends with a NULL name; the first is the default */
const GwPolicy *gw_policy_find(const char *name); /* NULL when there is none */
/* As bits of a row's intents, and back; NULL: none. */
unsigned gw_policy_intents(const GwPolicy *policy);
const GwPolicy *gw_policy_of_intents(unsigned intents);

enum {
    GW_LADDER_EXPECTED = 2, GW_LADDER_PASSES = 2,
    GW_LADDER_DISK_PATIENCE = 2, /* rounds over the disks that may bring nothing */
};

/* What is known of a guest before its copy; all zero: nothing. */
typedef struct {
    GwWritten seen[GW_LADDER_EXPECTED]; /* what it was seen to write, in windows; ms 0: in none */
    double set_bytes;  /* what it writes at all */
    double delta_part; /* of a page, what its differences take */
} GwExpected;

/* What is known of one copy. All zero when it begins. */
typedef struct {
    GwWritten expected[GW_LADDER_EXPECTED]; /* before the copy; may be set at any time of its first pass */
    GwWritten passes[GW_LADDER_PASSES];     /* during its last passes, the newest first */
    guint64 pass_since_ms;  /* when the pass that is under way was first seen */
    guint64 iteration;      /* the pass that was under way when last looked at */
    guint64 remaining, scanned, looked_ms; /* as last looked at, and when */
    guint64 pass_scanned;   /* when that pass was first seen */
    GwDeltas deltas;
    guint64 left;           /* what the last pass left over, bytes */
    guint64 best_end_ms;    /* the earliest end that post-copy would have brought at a pass's end; 0: none yet */
    guint64 best_remaining; /* the least that a pass has begun with, bytes */
    guint stalled;          /* passes in a row that did not make it notably less */
    guint64 bps;            /* what the link carries, smoothed */
    /* Disks have no passes that are told: a round sends as much as was left when it began */
    guint64 round_left, round_sent, round_ms; /* what was left, and had been sent, when the present one began, and when that was */
    guint64 round_best;     /* the least that one has begun with, bytes; 0: none has begun */
    guint rounds_in_vain;   /* in a row that did not make it notably less */
    guint64 disk_bps;       /* what the last round sent a second; 0: none has ended */
    guint64 disk_write_bps; /* what the guest wrote to its disks meanwhile, as far as it had to be sent again */
    gboolean forced;        /* a pause or post-copy was asked for, */
    guint64 forced_ms;      /* at that time of the copy, */
    guint64 promised_ms;    /* to end within so much more; 0: no promise */
} GwLadder;

typedef enum {
    GW_RUNG_WAIT,
    GW_RUNG_FORCE,
    GW_RUNG_ABORT,
    GW_RUNG_AGAIN, /* given up, to be begun again with writes that wait (gw_transfer_plan_again) */
} GwRung;

/* The pause at which the copy switches over, so long after it began: the plan's, or a step on the way to it. */
guint64 gw_ladder_pause_ms(const GwPlan *plan, guint64 elapsed_ms);

/* Before the copy, or while its first pass lasts. */
void gw_ladder_expect(GwLadder *ladder, const GwPlan *plan, const GwExpected *expected);
/* Called at every look at a copy under way. elapsed_ms: since it began. *ret_reason is set, for people, with all but WAIT; owned by
 * the caller. FORCE is told once. */
GwRung gw_ladder_step(GwLadder *ladder, const GwPlan *plan, const GwProgress *now, guint64 elapsed_ms, char **ret_reason);

#endif
