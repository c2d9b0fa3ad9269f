/* A migration as Godwit remembers it: the row of the store, a value. The life-cycle is in core/lifecycle.h. */
#ifndef GW_CORE_MIGRATION_H
#define GW_CORE_MIGRATION_H

#include "core/flavor.h"
#include "core/forecast.h"
#include "core/instance.h"

typedef enum {
    GW_MOVE_LIVE, /* the guest runs (or stays paused) through it */
    GW_MOVE_COLD, /* the guest is shut down, moved, started again, and waits for confirmation */
    GW_MOVE_EVACUATE, /* its host is down, and forced down: it is started elsewhere from shared disks */
    GW_MOVE_RESIZE, /* as GW_MOVE_COLD, and it starts there in another shape */
    GW_MOVE_KINDS
} GwMoveKind;

/* Drivers and the life-cycle know of no difference between the two: plans and situations say GW_MOVE_COLD. */
static inline gboolean gw_move_kind_is_cold(GwMoveKind kind)
{
    return kind == GW_MOVE_COLD || kind == GW_MOVE_RESIZE;
}

typedef enum { GW_BLOCK_NO, GW_BLOCK_YES, GW_BLOCK_AUTO } GwBlockMode;

/* States, as steps of the two kinds of move. X(ENUM, name, nova_status, traits); each is documented in
 * docs/migration.md, which a test compares with this table. nova_status is what the Compute API shows. */
#define GW_MIGRATION_STATES(X)                                                                                         \
    X(ACCEPTED, "accepted", "accepted", GW_TRAIT_EARLY)               /* intent recorded; checks not yet made */      \
    X(QUEUED, "queued", "queued", GW_TRAIT_EARLY)                     /* planned; waits for its turn */               \
    X(PREPARING, "preparing", "preparing", GW_TRAIT_EARLY)            /* making room on the destination */            \
    X(RUNNING, "running", "running", 0)                               /* live: the hypervisors copy */                \
    X(POSTCOPY, "post-copy", "running (post-copy)", 0)                /* live: runs on the destination, fed by source */ \
    X(SETTLING, "settling", "post-migrating", 0)                      /* live: moved; source's remains go away */     \
    X(COMPLETED, "completed", "completed", GW_TRAIT_FINAL)            /* live: done */                                \
    X(STOPPING, "stopping", "migrating", 0)                           /* cold: guest shuts down */                    \
    X(MOVING, "moving", "migrating", 0)                               /* cold: disks and definition travel */         \
    X(PLACING, "placing", "post-migrating", 0)                        /* cold: definition made good on destination */ \
    X(STARTING, "starting", "post-migrating", 0)                      /* cold: guest boots if it ran before */        \
    X(FINISHED, "finished", "finished", GW_TRAIT_RESTING)             /* cold: VERIFY_RESIZE; waits for the user */   \
    X(CONFIRMING, "confirming", "confirming", 0)                      /* cold: source's remains go away */            \
    X(CONFIRMED, "confirmed", "confirmed", GW_TRAIT_FINAL)            /* cold: done */                                \
    X(REVERTING, "reverting", "reverting", 0)                         /* cold: back to the source, on request */      \
    X(REVERTED, "reverted", "reverted", GW_TRAIT_FINAL)               /* cold: undone on request */                   \
    X(UNDOING, "undoing", "running", 0)                               /* destination's remains go away, source intact */ \
    X(CANCELLED, "cancelled", "cancelled", GW_TRAIT_FINAL)            /* ended by request; instance intact */         \
    X(FAILED, "failed", "failed", GW_TRAIT_FINAL)                     /* ended by failure; instance intact */         \
    X(ERROR, "error", "error", GW_TRAIT_FINAL)                        /* an operator must look; reason says at what */ \
    X(EVACUATED, "evacuated", "done", GW_TRAIT_FINAL)                 /* evacuation: its old host has not come back yet */

enum {
    GW_TRAIT_EARLY = 1 << 0,   /* the guest has not been touched */
    GW_TRAIT_RESTING = 1 << 1, /* nothing happens until the user asks */
    GW_TRAIT_FINAL = 1 << 2,   /* never changes again (but EVACUATED to COMPLETED, when the old host is cleared: engine/remains.c);
                                * the instance is free for another move */
};

typedef enum {
#define X(ENUM, name, status, traits) GW_MIGRATION_##ENUM,
    GW_MIGRATION_STATES(X)
#undef X
        GW_MIGRATION_STATE_COUNT
} GwMigrationState;

const char *gw_migration_state_name(GwMigrationState state);
const char *gw_migration_state_status(GwMigrationState state, GwMoveKind kind);
/* Every word that it returns, once, in the order of the alphabet; NULL-terminated, free with g_strfreev. */
char **gw_migration_statuses(void); /* Nova's word */
unsigned gw_migration_state_traits(GwMigrationState state);
/* A cold move that waits for its turn, or makes room, has not touched the guest: it can be withdrawn, which Nova has no way to. */
static inline gboolean gw_migration_is_withdrawable(GwMoveKind kind, GwMigrationState state)
{
    return gw_move_kind_is_cold(kind) && (gw_migration_state_traits(state) & GW_TRAIT_EARLY) != 0;
}
gboolean gw_migration_state_from_name(const char *name, GwMigrationState *ret_state);

const char *gw_move_kind_name(GwMoveKind kind); /* "live-migration", "migration", "evacuation", "resize": Nova's migration_type words */

/* What a user has asked of a migration under way; kept in the row, so that it survives a crash. */
enum {
    GW_INTENT_ABORT = 1 << 0,
    GW_INTENT_FORCE_COMPLETE = 1 << 1,
    GW_INTENT_CONFIRM = 1 << 2,
    GW_INTENT_REVERT = 1 << 3,
    GW_INTENT_HOST_FORCED = 1 << 4, /* from the beginning: placement has no say about the destination */
    GW_INTENT_OVER_COMMIT = 1 << 5, /* likewise: disks may be larger than the room for them */
    GW_INTENT_POLICY = 1 << 6,      /* likewise: a policy of its own, times its number in gw_policies from 1 (core/ladder.h) */
    GW_INTENT_POLICY_MASK = 7 << 6,
    GW_INTENT_GROUP_GOES = 1 << 9,  /* likewise: all of its group that stays together go to the same destination */
    GW_INTENT_ANYWHERE = 1 << 11,   /* from the beginning: the destination was left open, and may be chosen anew until the move begins */
    GW_INTENT_AGAIN = 1 << 10,      /* Godwit's own: its copy is given up, to be begun again as the plan's second_try says */
};

/* Figures of a copy under way or ended. Bytes and milliseconds; 0 when unknown. */
typedef struct {
    guint64 elapsed_ms;
    guint64 downtime_ms; /* measured once completed, expected before: gw_migration_downtime_ms */
    guint64 memory_total, memory_processed, memory_remaining;
    guint64 disk_total, disk_processed, disk_remaining;
    guint64 memory_bps;       /* bytes per second on the wire */
    guint64 dirty_bps;        /* bytes per second that the guest dirties */
    guint64 iteration;
    guint64 throttle_percent; /* of auto-converge */
    guint64 memory_scanned;   /* pages that were sent, with those that are all zeros and cost nothing; during the copy alone, not kept */
    guint64 delta_of, delta_sent; /* pages of which differences were sent, and what those took (core/deltas.h); likewise */
} GwProgress;

/* The last rung of the ladder (core/ladder.h) that a live migration has taken, from the mildest: the one that it ended by, once it has ended. */
typedef enum {
    GW_TAKEN_NONE, /* no copy has begun; or an older Godwit, which did not keep it */
    GW_TAKEN_WAIT,
    GW_TAKEN_SLOW_DOWN,
    GW_TAKEN_AGAIN, /* its disks, with writes that wait */
    GW_TAKEN_POSTCOPY,
    GW_TAKEN_PAUSE,
    GW_TAKEN_ABORT,
    GW_TAKEN_COUNT
} GwTaken;
const char *gw_taken_name(GwTaken taken); /* "wait", "slow-down", "copy-again", "post-copy", "pause", "abort"; of NONE "" */

/* The host whose silence a migration waits out. */
typedef enum { GW_WAITS_FOR_NOBODY, GW_WAITS_FOR_SOURCE, GW_WAITS_FOR_DEST, GW_WAITS_FOR_COUNT } GwWaitsFor;

/* Of memory on its way; AUTO is a wish only, and never in a plan. The names are those of gw_compression_name. */
typedef enum {
    GW_COMPRESSION_NONE,
    GW_COMPRESSION_AUTO,
    GW_COMPRESSION_XBZRLE, /* deltas of pages that were sent before; one connection */
    GW_COMPRESSION_ZLIB,   /* of several connections */
    GW_COMPRESSION_ZSTD,   /* likewise */
    GW_COMPRESSION_COUNT
} GwCompression;
const char *gw_compression_name(GwCompression compression);

typedef enum {
    GW_FATE_SHARED, /* the destination sees the same bytes: nothing travels */
    GW_FATE_COPY,   /* the bytes travel; the source's copy goes away after the proof */
    GW_FATE_CARRY,  /* read-only or empty medium: the definition travels, the bytes do not */
    GW_FATE_SEND,   /* read-only medium that the destination lacks: sent before the move, to the same path; the source keeps its own */
} GwDiskFate;

typedef struct {
    char *target;
    GwDiskFate fate;
    GwDiskKind kind;
    char *path;      /* on the source */
    char *dest_path; /* on the destination; equal to path but for GW_FATE_COPY to another folder */
    char *format;
    char *pool;      /* pool that must be active on the destination first, or NULL */
    GStrv backing;   /* kept on the destination (incremental copy); NULL: the copy is complete in itself */
    guint64 capacity_bytes;
    guint64 allocation_bytes;
    char *place;              /* where it is or goes to, for people, or NULL; not journalled */
} GwPlanDisk;

/* Everything that is decided about one move before it starts. Journalled before the first act. Immutable then, but for
 * gw_transfer_plan_again. */
typedef struct {
    GwMoveKind kind;
    char uuid[GW_UUID_SIZE]; /* of the instance */
    char *name;
    GwPower power_before;
    gboolean persistent_before, autostart_before;
    guint64 flags;            /* GW_FLAG_*: the values of virDomainMigrateFlags */
    char *calls;              /* where flags mean nothing: what is called instead, for people, or NULL; not journalled */
    guint64 bandwidth_mibps;  /* 0: unlimited */
    guint connections;        /* with GW_FLAG_PARALLEL: so many; 0: the hypervisor's own number */
    GwCompression compression; /* with GW_FLAG_COMPRESSED; NONE: the hypervisor's own method */
    guint64 timeout_ms;       /* completion timeout; 0: none */
    guint64 pause_ms;         /* live: switch over as soon as the estimated pause is no longer; 0: the hypervisor's own limit */
    guint pause_steps;        /* live: pause_ms is reached in so many steps; 0, 1: it holds from the start */
    guint64 pause_step_ms;    /* how long each step lasts */
    guint64 forced_pause_ms;  /* live: the longest pause that may be forced; 0: none (core/ladder.h) */
    char *policy;             /* live: its name, for people; NULL: none */
    gboolean eager;           /* live: to post-copy as soon as a pass brings nothing */
    gboolean second_try;      /* live: disks that cannot keep up with the guest are copied again, once, with writes that wait */
    guint64 memory_mib;       /* what it takes on the destination */
    guint new_vcpus;          /* resize: what it has there; 0: all stays as it is */
    guint64 new_memory_mib;
    char *new_disk;           /* target of the disk that grows, or NULL */
    guint64 new_disk_bytes;
    char *destination_uri;    /* live_migration_uri with the destination filled in; NULL: the driver's own way */
    char *migrate_uri;        /* where the copy goes ("tcp://10.0.0.2"), or NULL */
    char *listen;             /* vncserver_listen: the console's address on the destination, or NULL to keep it */
    GPtrArray *disks;         /* of GwPlanDisk *, owned */
    char *definition;         /* the driver's own text of the instance as it was on the source; opaque to others */
} GwPlan;

GwPlan *gw_plan_new(void);
GwPlan *gw_plan_copy(const GwPlan *plan); /* NULL gives NULL */
void gw_plan_free(GwPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPlan, gw_plan_free)
GwPlanDisk *gw_plan_add_disk(GwPlan *plan);
gboolean gw_plan_copies_disks(const GwPlan *plan);
guint64 gw_plan_copied_bytes(const GwPlan *plan); /* of the disks that it copies, without their holes */

/* One row. Times are microseconds since the epoch, 0 when not yet. Strings owned; NULL when not known. */
typedef struct {
    gint64 id; /* ascending, from 1 */
    char uuid[GW_UUID_SIZE];
    char instance_uuid[GW_UUID_SIZE];
    char *instance_name;
    GwMoveKind kind;
    GwMigrationState state;
    GwMigrationState end; /* where UNDOING leads: FAILED, CANCELLED, or PREPARING: to a second try */
    GwBlockMode block;
    char *source;
    char *dest;           /* NULL until chosen */
    char *options;        /* live: the request's own (core/overrides.h), or NULL */
    unsigned intents;     /* GW_INTENT_* */
    guint attempts;       /* times that the copy was begun; of a second try: since that began */
    GwPlan *plan;         /* NULL until planned */
    GwProgress progress;
    GwFlavor *flavor;     /* resize: the shape asked for; else NULL */
    gint64 flavor_was;    /* resize: id of the flavor before; 0: none of Godwit's */
    GwForecast *forecast; /* live: what is expected of it, and what came; NULL when nothing was */
    GwTaken rung;         /* live: gw_migration_take_rung */
    char *rung_reason;    /* and why it was taken; for people. NULL with WAIT */
    char *reason;         /* why it ended as it did, or what it waits for; for people */
    GwWaitsFor waits_for; /* NOBODY once it has ended */
    char *request_id;     /* "req-…" of the request that asked for it */
    char *user_id;
    char *project_id;
    gint64 created_us, updated_us, started_us, ended_us;
    gint64 state_since_us; /* when the present state was entered */
    guint64 version;      /* for compare-and-set */
} GwMigration;

/* Why it failed or was given up; NULL of all others, whatever their reason says. Borrowed. */
const char *gw_migration_failure(const GwMigration *migration);

/* That the guest stood still; 0 of one that has ended otherwise than completed: what was expected was never measured. */
guint64 gw_migration_downtime_ms(const GwMigration *migration);

/* Name of the host that it waits for, or NULL. Borrowed. */
const char *gw_migration_silent_host(const GwMigration *migration);

/* A milder rung than the last is not taken. TRUE: it is another than before. */
gboolean gw_migration_take_rung(GwMigration *migration, GwTaken rung, const char *reason);

GwMigration *gw_migration_new(void);
GwMigration *gw_migration_copy(const GwMigration *migration);
void gw_migration_free(GwMigration *migration);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwMigration, gw_migration_free)
gboolean gw_migration_goes_again(const GwMigration *migration); /* it has been given up for a second try, which has not begun */

#endif
