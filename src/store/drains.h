/* Drains as the store keeps them: what was asked of hosts as a whole, and every move that it takes. Part of store/store.h. */
#ifndef GW_STORE_DRAINS_H
#define GW_STORE_DRAINS_H

#include "core/migration.h"
#include "store/leases.h"

typedef struct GwStore GwStore;

typedef enum {
    GW_DRAIN_EMPTY,   /* empties its hosts, whatever is or comes there */
    GW_DRAIN_RETURN,  /* carries out the moves it was given: those of drains, back; without any, that its host was taken into use */
    GW_DRAIN_BALANCE, /* likewise: those that spread load */
} GwDrainKind;

typedef enum {
    GW_DRAIN_RUNNING,
    GW_DRAIN_COMPLETED,  /* everything that was to go has gone */
    GW_DRAIN_INCOMPLETE, /* ended; the moves say what stayed, and why */
    GW_DRAIN_CANCELLED,
} GwDrainState;

typedef enum {
    GW_STEP_PLANNED,
    GW_STEP_MOVING, /* migration_id carries it */
    GW_STEP_MOVED,
    GW_STEP_STAYS,  /* reason says why; planned anew when that changes */
    GW_STEP_GIVEN_UP, /* reason says why; not tried again. With a migration_id: that one is in error, and needs an operator */
    GW_STEP_GONE,   /* it left by another's hand */
} GwStepState;

typedef struct {
    gint64 id; /* ascending, from 1 */
    char uuid[GW_UUID_SIZE];
    GwDrainKind kind;
    GwDrainState state;
    char *hosts;               /* their names, with a blank between */
    gboolean cancelling;
    gboolean include_stopped;
    gboolean return_later;     /* undrain brings the same instances home */
    guint per_host;            /* moves at once; 0: as the links suggest */
    gint64 deadline_us;        /* nothing is begun that would not end by then; 0: none */
    gint64 predicted_ms, bound_ms; /* of the first plan */
    char *reason;              /* what it waits for, or why it ended so; or NULL */
    char *request_id, *user_id, *project_id;
    gint64 created_us, updated_us, ended_us;
    guint64 version;           /* for compare-and-set */
} GwDrain;

typedef struct {
    char instance_uuid[GW_UUID_SIZE];
    char *instance_name;
    char *source;
    char *dest;        /* NULL: none found */
    GwMoveKind kind;
    GwStepState state;
    gint64 migration_id; /* 0: none yet */
    guint attempts;
    char *tried;       /* lines "HOST\treason": where it does not go again; or NULL */
    char *reason;
    guint64 bytes;     /* predicted, as are those below */
    gint64 start_ms;   /* from the making of the plan */
    gint64 predicted_ms, pause_ms;
} GwDrainMove;

GwDrain *gw_drain_new(void);
void gw_drain_free(GwDrain *drain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwDrain, gw_drain_free)
GwDrainMove *gw_drain_move_new(void);
void gw_drain_move_free(GwDrainMove *move);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwDrainMove, gw_drain_move_free)

const char *gw_drain_kind_name(GwDrainKind kind);    /* "drain", "return", "balance" */
const char *gw_drain_state_name(GwDrainState state); /* "running", "completed", "incomplete", "cancelled" */
const char *gw_step_state_name(GwStepState state);   /* "planned", "moving", "moved", "stays", "given up", "gone" */

/* Fills id, uuid, version and times; moves: of GwDrainMove *. GW_ERROR_CONFLICT when one of its hosts is in a running drain. */
gboolean gw_store_drain_add(GwStore *store, GwDrain *drain, const GPtrArray *moves, GError **error);
/* The same, by whoever leads: GW_ERROR_STALE when the lease is another's now. fence NULL: anybody may. */
gboolean gw_store_drain_add_fenced(GwStore *store, GwDrain *drain, const GPtrArray *moves, const GwFence *fence,
                                   GError **error);
/* Writes the row if its version is still drain->version, and raises that; and the moves given, new or changed. Another's
 * `cancelling` is kept and comes back in *drain. GW_ERROR_STALE otherwise. */
gboolean gw_store_drain_update(GwStore *store, GwDrain *drain, const GPtrArray *moves, GError **error);
/* The same, by whoever leads: GW_ERROR_STALE also when the lease is another's now. fence NULL: nobody else could. */
gboolean gw_store_drain_journal(GwStore *store, GwDrain *drain, const GPtrArray *moves, const GwFence *fence, GError **error);
/* Without a version check, as intents are: GW_ERROR_NOT_FOUND; GW_ERROR_CONFLICT when it has ended. */
gboolean gw_store_drain_cancel(GwStore *store, gint64 id, GError **error);

typedef struct {
    gint64 id;              /* 0: any */
    gboolean running_only;
    guint limit;            /* 0: all */
    const char *host; /* one of those that it names; NULL: any */
    const char *request_id; /* NULL: any */
    const GwDrainKind *kind; /* NULL: any */
} GwDrainQuery;

/* Newest first. ret_rows: of GwDrain *. */
gboolean gw_store_drains(GwStore *store, const GwDrainQuery *query, GPtrArray **ret_rows, GError **error);
/* Of one drain, in the order of the plan. ret_rows: of GwDrainMove *. */
gboolean gw_store_drain_moves(GwStore *store, gint64 id, GPtrArray **ret_rows, GError **error);

#endif
