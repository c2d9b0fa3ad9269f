/* Rolling drains: hosts are emptied a few at a time, each is seen to by people or by a hook, and taken into use again before the next. What
 * comes next for a host is decided here, from what is seen; the engine does it (engine/rollings.c). Pure. */
#ifndef GW_CORE_ROLLING_H
#define GW_CORE_ROLLING_H

#include "core/instance.h"

/* X(ENUM, name, whether the host is being seen to: it counts among those at once, whether nobody else may take it into
 * use) */
#define GW_TURNS(X)                                                                                                    \
    X(WAITING, "waiting", FALSE, FALSE)                                                                                \
    X(BEFORE, "before", TRUE, TRUE) /* the hook is called: it will be emptied */                                       \
    X(EMPTYING, "emptying", TRUE, TRUE) /* a drain does it */                                                          \
    X(EMPTY, "empty", TRUE, TRUE) /* the hook is called: what is to be done to it is to be done now */                 \
    X(HELD, "held", TRUE, FALSE) /* somebody's `undrain` is waited for */                                              \
    X(RETURNING, "returning", TRUE, FALSE) /* it is taken into use again, and what was there comes home */             \
    X(AFTER, "after", TRUE, FALSE) /* the hook is called: it is in use again */                                        \
    X(DONE, "done", FALSE, FALSE)                                                                                      \
    X(FAILED, "failed", FALSE, FALSE) /* its reason says why; no other host's turn comes */

typedef enum {
#define X(ENUM, name, counts, kept) GW_TURN_##ENUM,
    GW_TURNS(X)
#undef X
        GW_TURN_COUNT
} GwTurn;

extern const char *const gw_turn_names[GW_TURN_COUNT];
const char *gw_turn_name(GwTurn turn);
gboolean gw_turn_counts(GwTurn turn);
gboolean gw_turn_is_kept(GwTurn turn); /* it is being emptied or worked at: nobody else may take it into use */
/* What the hook is called with in this turn ("before", "empty", "after"), or NULL. */
const char *gw_turn_phase(GwTurn turn);

typedef enum { GW_ROLLING_RUNNING, GW_ROLLING_COMPLETED, GW_ROLLING_FAILED, GW_ROLLING_CANCELLED, GW_ROLLING_STATE_COUNT } GwRollingState;
extern const char *const gw_rolling_state_names[GW_ROLLING_STATE_COUNT];
const char *gw_rolling_state_name(GwRollingState state);

typedef struct {
    char *host;
    GwTurn turn;
    gint64 drain_id, return_id; /* 0: none yet, or none needed */
    gint64 moves, stays, predicted_ms; /* of emptying it alone, when the rolling drain was asked for */
    gint64 since_us; /* of this turn */
    char *reason;    /* why it failed, what is waited for, or why instances would stay; or NULL */
} GwRollingHost;

typedef struct {
    gint64 id; /* ascending, from 1; 0: only planned */
    char uuid[GW_UUID_SIZE];
    GwRollingState state;
    gboolean cancelling;      /* no further host's turn comes */
    guint at_once;            /* hosts, from 1 on */
    char *hook;               /* URL, or the name of a file in hook_dir; NULL: none */
    guint per_host;           /* of the drains, as are the next two */
    gboolean include_stopped, return_later;
    char *reason, *request_id, *user_id, *project_id;
    GPtrArray *hosts;         /* of GwRollingHost *, in the order of their turns; never NULL */
    gint64 created_us, ended_us;
    guint64 version; /* for compare-and-set */
} GwRolling;

GwRolling *gw_rolling_new(void);
void gw_rolling_free(GwRolling *rolling);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwRolling, gw_rolling_free)
GwRollingHost *gw_rolling_add(GwRolling *rolling); /* an empty one, at the end; owned by rolling */
GwRollingHost *gw_rolling_find(const GwRolling *rolling, const char *host); /* borrowed, or NULL */

/* ---- what comes next */
typedef enum {
    GW_HOOK_NONE,    /* there is none to call */
    GW_HOOK_RUNNING,
    GW_HOOK_DONE,
    GW_HOOK_LATER,   /* it has begun something: `undrain` will tell when that has ended */
    GW_HOOK_BROKEN,
} GwHookState;

typedef enum { GW_WORK_RUNNING, GW_WORK_DONE, GW_WORK_BROKEN } GwWorkState; /* of its drain, or of its return; DONE: nothing to do */

typedef struct {
    GwHookState hook;
    GwWorkState work;
    gboolean in_use; /* the host takes instances again */
    gboolean taken; /* somebody else has disabled it since it was emptied: it is theirs to enable */
    gboolean gone; /* it is no host of Godwit's any more */
} GwTurnSight;

/* The turn after this one, or this one while there is something to wait for. WAITING is left by gw_rolling_next_host()
 * alone. Never back, but from RETURNING to HELD, when somebody has disabled the host before it was taken into use. */
GwTurn gw_rolling_next(GwTurn turn, const GwTurnSight *sight);
/* The host whose turn comes now; NULL: none, because others are being seen to, one has failed, or it is being cancelled. */
GwRollingHost *gw_rolling_next_host(const GwRolling *rolling);
/* Whether this host is, or will be, seen to: a waiting one never is once another has failed, or when it is being
 * cancelled. */
gboolean gw_rolling_wants(const GwRolling *rolling, const char *host);
/* RUNNING while any host is being seen to or will be. */
GwRollingState gw_rolling_outcome(const GwRolling *rolling);

#endif
