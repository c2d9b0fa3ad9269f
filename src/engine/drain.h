/* Drains under way: shared by the files of the engine that carry them. */
#ifndef GW_ENGINE_DRAIN_H
#define GW_ENGINE_DRAIN_H

#include "engine/snapshot.h"

/* A drain under way. `stepping` and `again` are under the engine's lock; all else belongs to the worker that steps it. */
typedef struct {
    gatomicrefcount refs;
    GwEngine *engine;   /* reference */
    gint64 id;
    gboolean stepping, again, ended; /* [lock] */
    gint64 due_us;      /* [lock] monotonic: when it is looked at again */
    gint64 token;       /* of the lease under which it is carried, where there are several daemons */
    GwDrain *row;
    GHashTable *moves;  /* uuid → GwDrainMove *, owned */
    GPtrArray *changed; /* of those: not yet written */
    GHashTable *surveyed; /* set of uuids, owned: what they write is known, or being found out */
    gint64 next_ms;     /* from the last look: when the plan begins something; 0: not soon */
    gint64 silent_since_us; /* monotonic: since when one of its hosts does not answer; 0: they do */
} GwDrainRun;

/* ---- drain_plan.c */
/* The plan of what is left. moves: uuid → GwDrainMove *. Marks and bans in the snapshot's cluster. */
GwDrainPlan *gw_drain_plan_of(GwEngine *engine, GwSnapshot *snapshot, const GwDrain *drain, GHashTable *moves);
/* Brings rows up to date with the plan; those that changed or are new are added to changed (may be NULL). */
void gw_drain_write_plan(const GwSnapshot *snapshot, const GwDrainPlan *plan, GHashTable *moves, gint64 since_ms,
                         GPtrArray *changed);
/* The instance does not go again where the move was tried. */
void gw_drain_ban_tried(GwSnapshot *snapshot, const GwDrainMove *move, guint instance);
/* The names, borrowed, of those that did not go, though they were to. */
GPtrArray *gw_drain_staying(const GwSnapshot *snapshot, const GwDrainPlan *plan, GHashTable *moves);
void gw_drain_set_text(char **field, const char *text);

/* ---- drains.c */
/* What emptying these hosts would take, over one picture for many questions. */
void gw_drain_preview(GwEngine *engine, GwSnapshot *snapshot, const GwDrainOrder *order, GwDrain **ret,
                      GPtrArray **ret_moves);

/* ---- drain_hosts.c */
/* Its hosts take nothing new from the first moment on; what an operator had said of a disabled one is kept. */
gboolean gw_drain_close_hosts(GwEngine *engine, const GwDrain *drain, GError **error);
/* After its end: they are not called drained when they are not. */
void gw_drain_mark_hosts(GwEngine *engine, const GwDrain *drain);
/* As it was before it was drained. */
gboolean gw_drain_open_host(GwEngine *engine, const char *name, const char *only_reason /* as of GwHostEdit, or NULL */, GError **error);
/* NOT_FOUND; CONFLICT: it is silent or forced down. */
gboolean gw_drain_check_answers(GwEngine *engine, const char *name, GError **error);

/* ---- drain.c */
void gw_drain_round(GwDrainRun *run);

/* ---- drain_runs.c */
GwDrainRun *gw_drain_run_new(GwEngine *engine, GwDrain *row /* taken */, GHashTable *moves /* taken */);
void gw_drain_run_unref(GwDrainRun *run);
GHashTable *gw_drain_moves_new(void); /* uuid → GwDrainMove *, owned */

#endif
