/* Shared by the files of the engine only.
 *
 * Locks: `lock` protects every table and every field marked [lock]; it is never held across a call to a node or to the
 * store. `edit_lock` is taken before it, and held across calls to the store: what administrators change of hosts and
 * aggregates is changed one by one, so that what was stored last is what is kept. A migration under way (GwActive) is stepped by one worker at a time; fields marked [step] belong to that worker. */
#ifndef GW_ENGINE_INTERNAL_H
#define GW_ENGINE_INTERNAL_H

#include "base/error.h"
#include "base/guard.h"
#include "base/log.h"
#include "core/ladder.h"
#include "core/lifecycle.h"
#include "core/placement.h"
#include "engine/engine.h"

/* A host as the engine knows it; lives as long as anyone holds a reference. */
typedef struct {
    gatomicrefcount refs;
    GwNode *node;
    GwHostRow *row;          /* [lock] */
    GwHostFacts *facts;      /* [lock] NULL until it answered */
    GHashTable *instances;   /* [lock] uuid → GwInstance *: what it last said */
    GPtrArray *aggregates;   /* [lock] of GwAggregate *: those it is in; never NULL; replaced, never changed */
    double cpus_busy;        /* [lock] of the last look at everything: as in GwHostView */
    gboolean up;             /* [lock] */
    char *down_reason;       /* [lock] */
    gint64 seen_us;          /* [lock] */
    gboolean watched;        /* [lock] events are being reported */
    gboolean refreshing;     /* [lock] a worker is asking it */
    gboolean refresh_again;  /* [lock] something changed meanwhile */
    GHashTable *dirty;       /* [lock] uuids to ask for; with `all_dirty` everything */
    gboolean all_dirty;      /* [lock] */
    GHashTable *asked;       /* [lock] uuid → gint64 *, monotonic us: when it was last asked for alone */
    gint64 last_full_us;     /* [lock] when everything was last asked for */
    GHashTable *kept;        /* [lock] uuid → gint64 *: fingerprint of the definition that the store has (remember.c) */
    gint64 kept_token;       /* [lock] the lease under which that was read: another daemon may have written since */
    GPtrArray *waiters;      /* [lock] of Waiter *: told when the next refresh ends */
    gint64 asking_us;        /* [lock] monotonic: since when it is `refreshing` */
    GPtrArray *silent_waits; /* [lock] of GwSilentWait *: told when the present refresh ends (silent.h) */
    gboolean asked_anew;     /* [lock] that refresh was begun for somebody who wants something of it */
    gboolean removed;        /* [lock] */
    gint64 token;            /* [lock] of its lease; 0: another daemon leads it */
    GHashTable *unsaved;     /* [lock] set of uuids: what it said last of them is not in the store; with `all_unsaved` of any */
    gboolean all_unsaved;    /* [lock] */
    GwHostView *view;        /* [lock] what is shown of it; NULL: something has changed (gw_host_entry_changed) */
    gboolean releasing;      /* [lock] its lease is about to be given back: nothing is begun */
    gint64 silent_us;        /* [lock] monotonic: since when it is known not to answer, while it is not up */
} GwHostEntry;

/* A migration under way. */
typedef struct GwActive GwActive;
typedef enum { GW_END_SOURCE, GW_END_DEST, GW_ENDS } GwEnd;
enum { GW_MANY_FAILURES = 10 }; /* of acts in a row: then it is given up */
struct GwActive {
    gatomicrefcount refs;
    GwEngine *engine;        /* reference */
    gint64 id;
    char instance_uuid[GW_UUID_SIZE];
    GwHostEntry *source, *dest; /* [step] references; dest NULL until chosen */
    /* what everyone may read */
    GwMigration *row;        /* [lock] as last journalled, with newer progress */
    GwCall call;             /* [lock] outcome of the state's work */
    char *chosen;            /* [lock] the destination that the checks have taken, before it is in row; or NULL */
    char *call_error;        /* [lock] */
    gboolean call_transient; /* [lock] */
    gboolean stepping, again; /* [lock] */
    GSequenceIter *timer;    /* [lock] its place among those that wait (timers.c), which have a reference; or NULL */
    gint64 due_us;           /* [lock] monotonic: until then */
    char *entered[GW_ENDS];  /* [lock] the hosts under which transits.c has it; both NULL: it is not in the tables */
    GSequenceIter *place;    /* [lock] in the line of its source (turns.c); NULL: it does not wait for its turn */
    gboolean has_turn;       /* [lock] it has taken its turn, and is being checked */
    gboolean holds;          /* [lock] it counts among those that have one, checked or under way */
    gint64 not_before_us;    /* [lock] monotonic: until then it is passed over, since its last turn was of no use, */
    char *vain_reason;       /* [lock] and why; or NULL */
    guint vain;              /* [step] so many of its turns were of no use, not counting those that came before, */
    gint64 vain_due_us;      /* [step] this time, monotonic: a host had changed */
    gboolean checked_now;    /* [step] its checks are of this very step */
    gboolean ended;          /* [lock] */
    GwChecked checked;       /* [lock] told once when the checks have ended */
    gpointer checked_data;
    GError *refusal;         /* [step] what the checks said against it */
    gboolean disk_over_commit; /* of the request */
    gint64 token;            /* of the lease under which it is carried; 0: another daemon does, and this is what is known of it */
    gboolean inherited;      /* [step] not yet looked at: another daemon, or this one, may have been at it before */
    GwActive *before;        /* what it takes the place of, while that may still be in a step; or NULL */
    gint64 kept_us;          /* [step] monotonic: when progress was last stored, for other daemons, */
    guint64 kept_told;       /* [step] and what listeners here had been told by then, */
    char *kept_reason;       /* [step] and what it waited for; or NULL */
    /* the worker's own */
    GwSight source_sight, dest_sight; /* [step] */
    unsigned picture;        /* [step] what was seen, as one number, and since when it is the same (monotonic us) */
    gint64 picture_since;
    guint failures;          /* [step] of acts in a row */
    gint64 failed_at;        /* [step] monotonic us of the last, */
    char *failure;           /* [step] and what it said; or NULL */
    GwAct done;              /* [step] the last act, if it succeeded, and the picture before it */
    unsigned done_picture;
    gint64 copy_since;       /* [step] monotonic us: when this process saw the copy begin */
    const char *abort_reason; /* [step] why the copy was asked to stop: static, or `rung_reason`; better known than what it then failed
                               * with */
    gboolean forced;         /* [step] force-complete was passed on, */
    guint64 forced_at_ms;    /* [step] at that time of the copy */
    GwLadder ladder;         /* [step] of the present attempt */
    GwRung rung;             /* [step] what it said last, */
    char *rung_reason;       /* [step] and why */
    gboolean rung_is_new;    /* [step] the row has been given another in this look */
    guint64 throttled;       /* [step] percent that the guest was last seen slowed down by */
    guint64 told;            /* [step, or the follower's] what listeners were last told: state, pass and part of the disks as one number, raised by one */
    guint64 told_pause_ms;   /* [step] the longest pause that the hypervisor was told; 0: none yet */
    guint64 told_mibps;      /* [step] likewise what it may send */
    gboolean group_goes;     /* of the request: as in GwDemand */
    gboolean host_forced;    /* of the request: the destination is not placement's business */
    guint64 pass, pass_since_ms; /* [step] of the copy: which one is under way, and since when, in its own time, */
    guint64 pass_throttle;   /* [step] and how far the guest was slowed down when it began */
    double pass_s, pass_wrote; /* [step] how long the last whole pass took, and what the guest wrote during it; 0: none yet */
    GwMigration *unrecorded;  /* [step] what was decided and could not be written, a full disk say: to be written before anything is done */
    gboolean found_preparing; /* [step] loaded in PREPARING: a former process may have made half of it */
    gboolean found_moving;   /* [step] loaded in MOVING: the copy of its disks was begun by a former process, which was stopped meanwhile */
    const char *event;       /* [step] the action event now open, or NULL */
    gboolean event_on_dest;  /* [step] which of the two hosts it concerns */
};

/* What the looks of the automatic balance have found (autobalance.c). */
typedef struct {
    gint64 due_us;   /* monotonic: the next look; 0: not set yet */
    gboolean looking;
    guint lasted;    /* looks in a row that found the hosts uneven */
    gboolean has_score;
    double score;    /* of the last look */
} GwAutobalance;

enum { GW_CARD_LOCKS = 64 };
typedef struct GwScribe GwScribe; /* scribe.c */

struct GwEngine {
    gatomicrefcount refs;
    GwStore *store;
    const GwDriver *const *drivers;
    GwEngineSettings settings;
    GMutex edit_lock, lock;
    GCond idle;              /* [lock] signalled when `busy` falls */
    guint busy;              /* [lock] workers inside a step or a refresh */
    gboolean stopping;       /* [lock] */
    gboolean started;
    GHashTable *hosts;       /* [lock] name → GwHostEntry * */
    GHashTable *host_uris;   /* [lock] address → GwHostEntry * of `hosts` */
    GHashTable *host_uuids;  /* [lock] UUID in small letters → GwHostEntry * of `hosts` */
    GHashTable *homes;       /* [lock] uuid → Home * of views.c: where its last move says that it is; of those that were moved, or seen twice */
    GHashTable *where;       /* [lock] uuid → GPtrArray of the GwHostEntry * that have it */
    GHashTable *views;       /* [lock] uuid → GwInstanceView * */
    GPtrArray *aggregates;   /* [lock] of GwAggregate *, by id; never NULL; replaced, never changed */
    GPtrArray *groups;       /* [lock] of GwGroup *, likewise */
    struct GwListing *listing; /* [lock] the same views in order, and by host */
    GHashTable *actives;     /* [lock] id → GwActive *, references */
    GHashTable *cpu_uses;    /* [lock] cpu_uses.c */
    GHashTable *moving;      /* [lock] uuid → GwActive * of `actives`: the instance's own */
    GHashTable *transits;    /* [lock] host → GPtrArray of the GwActive * of `actives` that leave it or go there (transits.c) */
    GHashTable *lines;       /* [lock] source host → those that wait for their turn there (turns.c) */
    GSequence *waiting;      /* [lock] of GwActive *, references, by time (timers.c) */
    GSource *timer;          /* of the first of them */
    GHashTable *evacuated;   /* [lock] "uuid host" → gint64 *: migration by which it left a host that has not been cleared (remains.c) */
    GHashTable *drains;      /* [lock] id → GwDrainRun *, references: those under way */
    GHashTable *servers;     /* [lock] uuid → GwServerRun *: what Godwit made, makes or takes away */
    GMutex place_lock;       /* taken before `lock`: what is placed is judged and seen there one by one */
    GThreadPool *server_steps;
    GHashTable *cards;       /* [lock] uuid → GwCard *, references */
    GRWLock cards_lock;      /* read while one is changed, written while all are read; taken before `lock`, held across calls to the store */
    GMutex card_locks[GW_CARD_LOCKS]; /* likewise, after it: of those whose uuid falls there, one is changed at a time */
    GHashTable *operating;   /* [lock] uuid → GwOperation under way */
    GThreadPool *operations, *questions;
    GwEndedMoves ended;      /* [lock] */
    gint64 pruned_at;        /* [lock] monotonic us: when old history was last forgotten */
    gint64 serial;           /* atomic */
    struct GwPeers *peers;   /* NULL: no other daemon can use the store */
    GRWLock adopt_lock;      /* read while a row is made and its GwActive entered, so that many are at once; written while all rows are
                              * compared with all actives; taken before `lock`, held across calls to the store */
    GHashTable *ended_lately; /* [lock] id → monotonic us: a list read a moment ago may still have them */
    struct GwCheckups *checkups; /* has a lock of its own */
    struct GwForecasts *forecasts; /* likewise */
    GMutex heard_lock;       /* of the next two; held while `heard` runs; taken with no other held */
    GwEngineHeard heard;
    gpointer heard_data;
    GThreadPool *steps, *asks, *scribe, *drain_steps, *looks, *rollings, *rolling_orders, *pool_steps;
    guint asked_anew;        /* [lock] hosts for which that holds */
    GHashTable *pool_looks;  /* [lock] id of an aggregate → GwPoolLook *: pools that change (pools.c) */
    GwScribe *notes;         /* has a lock of its own */
    GwAutobalance autobalance; /* [lock] */
    gboolean rolling;        /* [lock] the rolling drains are being looked at */
    gint64 rolling_due_us;   /* [lock] monotonic: not before */
    struct GwHooks *hooks;   /* has a lock of its own */
    GMainContext *context;
    GMainLoop *loop;
    GThread *loop_thread;
};

/* ---- rollings.c */
void gw_rollings_tick(GwEngine *engine); /* has them looked at when it is time, where this daemon leads */
void gw_rollings_work(gpointer item, gpointer engine);
void gw_rollings_wake(GwEngine *engine); /* look soon */

/* ---- rolling_orders.c */
void gw_rolling_orders_work(gpointer order, gpointer engine);

/* ---- pools.c: pools of hosts, made from aggregates */
void gw_pools_tick(GwEngine *engine); /* has those that change looked at, where this daemon leads */
void gw_pools_work(gpointer id, gpointer engine);
/* CONFLICT while the host is in an aggregate that is a pool. */
gboolean gw_pools_check_free(GwEngine *engine, const char *host, GError **error);
/* A host of the aggregate by which its pool is reached, but not this one, if there is another; a reference, or NULL. */
GwHostEntry *gw_pools_anchor(GwEngine *engine, const GwAggregate *aggregate, const char *but);
/* Every member gets the address that it has in the pool, but those that are busy. */
void gw_pools_readdress(GwEngine *engine, const GwAggregate *aggregate);
GwPoolTimes gw_pools_times(const GwEngine *engine);

/* ---- autobalance.c */
void gw_autobalance_tick(GwEngine *engine); /* has it looked when it is due */
void gw_autobalance_work(gpointer item, gpointer engine);

gboolean gw_engine_is_stopping(GwEngine *engine); /* engine.c */

typedef struct GwForecasts GwForecasts; /* forecast.c */
GwForecasts *gw_forecasts_new(void);
void gw_forecasts_stop(GwForecasts *forecasts); /* waits for samples under way */
void gw_forecasts_free(GwForecasts *forecasts);

typedef struct {
    GwDone done;
    gpointer data;
} GwWaiter;

GwEngine *gw_engine_ref(GwEngine *engine);
void gw_engine_unref(GwEngine *engine);
gint64 gw_engine_serial_next(GwEngine *engine);

/* ---- peers.c: the other daemons on the same database (docs/architecture.md). Everything here may be called without any. */
typedef struct GwPeers GwPeers;
GwPeers *gw_peers_new(GwEngine *engine); /* NULL when the store is not shared */
void gw_peers_free(GwPeers *peers); /* NULL is nothing */
void gw_peers_start(GwEngine *engine);
void gw_peers_stop(GwEngine *engine); /* gives the leases back; once nothing is in a step any more */
/* TRUE: this daemon carries the migration, and the lease lasts long enough for an act. [locked] */
gboolean gw_peers_lead(GwActive *active);
gint64 gw_peers_token_of(GwEngine *engine, const char *host); /* for a new GwActive from there; 0: not ours [locked] */
gboolean gw_peers_lead_host(GwEngine *engine, GwHostEntry *entry); /* what it says is kept by its leader alone */
gboolean gw_peers_lead_drains(GwEngine *engine, gint64 token); /* [locked] */
gint64 gw_peers_drains_token(GwEngine *engine);                /* [locked] */
/* What a write of the one who leads must hold against; FALSE: there are no others. */
gboolean gw_peers_fence(GwEngine *engine, const char *host /* NULL: drains */, gint64 token, GwFence *ret);
gboolean gw_peers_guard(gpointer active, GError **error); /* a GwGuard */
gboolean gw_peers_guard_daemon(gpointer engine, GError **error); /* a GwGuard for what needs no lease of a host, but a live daemon */
/* One daemon at a time operates an instance; as gw_store_operation_claim. */
gboolean gw_peers_claim(GwEngine *engine, const char *uuid, GError **error);
void gw_peers_release(GwEngine *engine, const char *uuid);
void gw_peers_changed(gpointer engine, unsigned changed); /* look soon; a GwChanged */

/* ---- followers.c: what other daemons carry and change */
void gw_followers_refresh(GwEngine *engine, unsigned changed);
/* Makes every active what the leases now say: carried here, or looked at. [unlocked] */
void gw_followers_assign(GwEngine *engine);

/* ---- hosts.c */
GwHostEntry *gw_host_entry_ref(GwHostEntry *entry);
void gw_host_entry_unref(GwHostEntry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwHostEntry, gw_host_entry_unref)
void gw_host_enter(GwEngine *engine, GwHostEntry *entry /* taken */); /* [locked] into the tables, in place of one of the same name */
void gw_host_entry_changed(GwHostEntry *entry); /* [locked] what is shown of it, its instances included: after every change */
GwHostEntry *gw_engine_find_host(GwEngine *engine, const char *name); /* reference, or NULL */
gboolean gw_engine_load_hosts(GwEngine *engine, GError **error);
/* Brings the table up to what the store says. [edit_lock] */
gboolean gw_engine_reload_hosts(GwEngine *engine, GError **error);

GHashTable *gw_uuids_new(void); /* an empty set, which owns its members */
GwHostEntry *gw_host_entry_new(GwNode *node, GwHostRow *row); /* takes both */
GwHostRow *gw_host_row_copy(const GwHostRow *row);
/* Sets the error for an instance whose host is silent or forced down. */
void gw_host_refuse_silent(GwEngine *engine, const GwInstanceView *view, gboolean by_admin, GError **error);
GwNode *gw_host_open_node(GwEngine *engine, const char *name, const char *uri, GError **error);

/* ---- readdress.c */
/* An entry opened by this row takes the place of the one that is there. CONFLICT while migrations name it. */
gboolean gw_host_reopen(GwEngine *engine, const GwHostRow *row, GError **error);
/* The host is reached there from now on: stored, and opened anew. CONFLICT while migrations name it. */
gboolean gw_host_readdress(GwEngine *engine, const char *name, const char *uri, GError **error);

/* ---- host_edits.c */
gboolean gw_host_edit_check(const GwHostRow *row, const GwHostEdit *edit, GError **error); /* CONFLICT, as of only_reason */
void gw_host_edit_apply(GwHostRow *row, const GwHostEdit *edit);

/* ---- aggregates.c */
/* As gw_engine_aggregate_edit, by Godwit itself: what people may not change, too. */
gboolean gw_aggregate_journal(GwEngine *engine, gint64 id, const GwAggregateEdit *edit, GError **error);
gboolean gw_engine_load_aggregates(GwEngine *engine, GError **error); /* from the store; to be called after any change */

/* ---- groups.c */
gboolean gw_engine_load_groups(GwEngine *engine, GError **error); /* likewise */

/* ---- candidates.c: the hosts as placement sees them, for one migration */
typedef struct GwCandidates GwCandidates;
typedef enum { GW_SCOPE_ALL, GW_SCOPE_DEST } GwScope; /* every host; what concerns the row's destination */
GwCandidates *gw_candidates_new(GwEngine *engine, const GwMigration *row, GwScope scope);
void gw_candidates_free(GwCandidates *candidates);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwCandidates, gw_candidates_free)
/* As gw_choose_left_out. */
void gw_candidates_left_out(const GwCandidates *candidates, const GwDemand *demand, GwTrialReport *report);
/* As gw_placement_order. */
GPtrArray *gw_candidates_order(const GwCandidates *candidates, const GwDemand *demand, GPtrArray *reasons);
const GwCandidate *gw_candidates_find(const GwCandidates *candidates, const char *host); /* or NULL */
/* What the instance of row needs. view: NULL when it is not seen just now. Strings borrowed from row and view. */
/* Of adopted instances nobody knows the project: "admin", which the Compute API shows too (api/server_view.c). */
const char *gw_project_of(const GwInstanceView *view /* or NULL */);
GwDemand gw_demand_of(const GwMigration *row, const GwInstanceView *view);
/* Memory that moves under way will still take on a host, and what the administrator keeps back. */
guint64 gw_engine_reserved_mib(GwEngine *engine, const char *host, gint64 except_id);

/* ---- inventory.c */
void gw_inventory_ask(GwEngine *engine, GwHostEntry *entry, const char *uuid /* NULL: everything */);
void gw_inventory_work(gpointer entry /* reference, taken */, gpointer engine);
void gw_inventory_event(void *engine, const char *host_name, const char *uuid);
gboolean gw_inventory_tick(gpointer engine);
gboolean gw_inventory_has_looked(GwEngine *engine); /* every host has been asked once since the start, whatever came of it */
gboolean gw_inventory_has_looked_locked(GwEngine *engine); /* likewise [locked] */
/* Puts a fresh answer about everything into the tables; takes the facts and the instances. [unlocked] */
/* begun_us: monotonic, when it was asked for; what was asked for alone since is newer and stays. 0: nothing was. */
void gw_inventory_publish(GwEngine *engine, GwHostEntry *entry, GwHostFacts *facts, GPtrArray *instances, gint64 begun_us);
/* Asks the host for the instance now. */
void gw_inventory_update(GwEngine *engine, GwHostEntry *entry, const char *uuid);
/* No host has it any more: another daemon removed it. [locked] */
void gw_inventory_gone(GwEngine *engine, const char *uuid);
/* Asks both hosts of a move for the instance now, so that what the API shows is right when the move has ended. */
void gw_inventory_update_pair(GwActive *active, const GwMigration *row);

/* ---- remember.c: definitions are kept in the store, so that an instance can be evacuated when its host is down */
gboolean gw_remember_load(GwEngine *engine, GwHostEntry *entry, GError **error);
/* Asks the host for those that are new or have changed. only: a set of uuids: of those; NULL: of all. */
void gw_remember(GwEngine *engine, GwHostEntry *entry, GHashTable *only);
/* [locked] The store has dropped those of all others; only: of those that are in this set. */
void gw_remember_only(GwHostEntry *entry, const GPtrArray *instances, GHashTable *only);

/* ---- server_loop.c */

/* Where its newest migration says that the instance is, and since when (may be NULL); unmoved: where it is that has none. Owned by the caller. */
gboolean gw_engine_last_home(GwEngine *engine, const char *uuid, const char *unmoved, char **ret_host, gint64 *ret_since_us, GError **error);

/* ---- remains.c: what evacuated instances have left on hosts that come back */
gboolean gw_remains_load(GwEngine *engine, GError **error);
void gw_remains_add(GwEngine *engine, const GwMigration *row); /* [locked] an evacuation has ended */
gboolean gw_remains_has(GwEngine *engine, const char *uuid, const char *host); /* [locked] it was evacuated from there */
void gw_remains_clear(GwEngine *engine, GwHostEntry *entry); /* the host answers */
/* The instance is to go to a host that it may have been evacuated from: clears what it has left there. FALSE: it is there still, which
 * could not be told from the instance itself any more once that has arrived. [unlocked] */
gboolean gw_remains_make_way(GwEngine *engine, const char *uuid, GwHostEntry *dest, GError **error);

/* ---- cpu_uses.c: all with the lock held */
GHashTable *gw_cpu_uses_new(void);
/* What host just said of all that it has. */
void gw_cpu_uses_note(GwEngine *engine, GwHostEntry *host, const GPtrArray *instances);
void gw_cpu_uses_forget_gone(GwEngine *engine);
double gw_cpu_uses_of(GwEngine *engine, const char *uuid); /* CPUs' worth of work; negative: unknown */

/* ---- views.c: all with the lock held */
gboolean gw_views_load_homes(GwEngine *engine, GError **error); /* at the start: of instances that several hosts show */
/* What the store says, as gw_engine_last_home, of one that may be shown elsewhere. TRUE: host has it, and its word counts. [unlocked] */
gboolean gw_views_take_home(GwEngine *engine, const char *uuid, const char *host, gint64 since_us);
void gw_views_update(GwEngine *engine, const char *uuid);
/* What entry now says of uuid; instance is taken; NULL: it is not there. */
void gw_views_set(GwEngine *engine, GwHostEntry *entry, const char *uuid, GwInstance *instance);
void gw_views_update_host(GwEngine *engine, GwHostEntry *entry);

/* ---- listing.c: with the lock held */
typedef struct GwListing GwListing;
GwListing *gw_listing_new(void);
void gw_listing_free(GwListing *listing);
/* old, view: NULL for none; old is still a reference of the caller's. */
void gw_listing_change(GwListing *listing, GwInstanceView *old, GwInstanceView *view);
GwUsage gw_listing_usage(const GwListing *listing, const char *host); /* instances, their memory and CPUs */

/* ---- active.c */
GwActive *gw_active_new(GwEngine *engine, GwMigration *row /* taken */);
GwActive *gw_active_ref(GwActive *active);
void gw_active_unref(GwActive *active);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwActive, gw_active_unref)
/* Puts it into the engine's tables, which take a reference; or takes it out of them. [locked] */
void gw_active_add(GwActive *active);
void gw_active_remove(GwActive *active);
GwActive *gw_active_of(GwEngine *engine, const char *uuid); /* borrowed, or NULL [locked] */
const char *gw_active_dest(const GwActive *active); /* taken by its checks already, or in its row; or NULL [locked] */
void gw_active_wake(GwActive *active);                    /* step it soon */
void gw_active_push(GwActive *active);                    /* likewise [locked] */
void gw_active_wake_after(GwActive *active, guint ms);
void gw_active_wake_instance(GwEngine *engine, const char *uuid);
unsigned gw_active_fences(const GwActive *active); /* GW_WHEN_FENCED, GW_WHEN_DEST_FENCED: an administrator vouches that nothing runs there */
void gw_active_tell_checked(GwActive *active, const GError *error); /* whoever waits for the checks, once */
void gw_active_refuse(GwActive *active, const GError *error); /* likewise, once it is recorded: whoever hears it may ask for another move at once */
void gw_active_call_ended(GwActive *active, const GError *error); /* error NULL: done */
GwMigration *gw_active_read(GwActive *active); /* its row as the store has it, with newer progress; NULL: that was logged [step] */
gboolean gw_engine_load_actives(GwEngine *engine, GError **error);

/* ---- copying.c: all [step] */
gboolean gw_copying_sees_job(const GwActive *active);
/* How long it has lasted: by the hypervisor's clock, which also knows of the time before a restart of ours. */
guint64 gw_copying_age_ms(const GwActive *active);
void gw_copying_forget_last(GwActive *active, GwMigration *row); /* another is about to begin */
gboolean gw_copying_is_given_up(const GwActive *active); /* by its ladder, for good or for a second try */
void gw_copying_begin_again(GwActive *active, GwMigration *row); /* nothing is left of the first try */
/* What the ladder says of a live copy under way. TRUE: row has changed, and is to be journalled. */
gboolean gw_copying_climb(GwActive *active, GwMigration *row);
void gw_copying_tune(GwActive *active, const GwMigration *row);
void gw_copying_take_progress(GwActive *active, GwMigration *row);
void gw_copying_keep_progress(GwActive *active, const GwMigration *row); /* where other daemons can be asked for it */

/* ---- advance.c */
void gw_advance(GwActive *active, GwMigration *row, const GwDecision *decision); /* the row alone: it is not recorded yet [step] */

/* ---- loop.c */
void gw_loop_step(gpointer active /* reference, taken */, gpointer engine);

/* ---- heard.c: those who listen */
void gw_heard_tell(GwActive *active, const GwMigration *row); /* what is new of it, if anything is */

/* ---- acts.c: carries one act out. FALSE: it failed; *ret_error says why. Acts that are work set active's call. */
gboolean gw_acts_do(GwActive *active, GwMigration *row, GwAct act, GError **error);

/* ---- submit.c: what is refused at once, without asking a host. The row as it would be stored, or NULL; *ret_view (a reference)
 * is set as soon as the instance is known. */
GwMigration *gw_submit_check(GwEngine *engine, const GwMoveRequest *request, GwMoveKind kind, GwInstanceView **ret_view,
                             GError **error);

/* Records what was asked of the instance, under the request's id. */
gboolean gw_submit_record(GwEngine *engine, const GwMoveRequest *request, const char *action, GError **error);

/* ---- servers.c */
gboolean gw_engine_load_servers(GwEngine *engine, GError **error);
void gw_servers_start(GwEngine *engine);
gboolean gw_servers_need(GwEngine *engine, const char *host); /* one is being made, undone or deleted there */
guint64 gw_servers_promised_mib(GwEngine *engine, const char *host); /* memory of those being made there [locked] */
/* The same of every host: each is called for every server that is being made. [locked] */
void gw_servers_promised(GwEngine *engine, void (*each)(gpointer data, const char *host, guint64 memory_mib), gpointer data);
/* It was resized. TRUE where Godwit did not make it: its shape is what the host says. */
gboolean gw_servers_set_flavor(GwEngine *engine, const char *uuid, const GwFlavor *flavor, GError **error);
const GwServer *gw_servers_row(GwEngine *engine, const char *uuid);   /* borrowed, or NULL [locked] */

/* ---- cards.c */
gboolean gw_engine_load_cards(GwEngine *engine, GError **error);
gboolean gw_cards_refresh(GwEngine *engine, GError **error); /* the same, while others change some */
void gw_cards_drop(GwEngine *engine, const char *uuid); /* its instance is deleted; the store has dropped it [locked] */
void gw_cards_recover(GwEngine *engine, const char *uuid); /* an operation has succeeded */

/* ---- operate.c */
gboolean gw_operate_check_delete(const GwInstanceView *view, gboolean by_admin, GError **error);
/* CONFLICT: a move or another operation was faster. */
gboolean gw_operate_take(GwEngine *engine, const char *uuid, GwOperation operation, GError **error);
void gw_operate_release(GwEngine *engine, const char *uuid);
void gw_operate_work(gpointer task, gpointer engine);

/* ---- diagnose.c */
void gw_diagnose_work(gpointer question, gpointer engine);

/* ---- scribe.c: the record of actions and events, written behind the loop */
void gw_scribe_begin(GwActive *active, const GwMigration *row, const char *event, const char *host);
/* The move is over: nothing of its request is under way any more. */
void gw_scribe_close(GwActive *active, const GwMigration *row);
/* Something that happened in a moment, and why. */
void gw_scribe_note(GwActive *active, const GwMigration *row, const char *event, const char *host, const char *details);
void gw_scribe_end(GwActive *active, const GwMigration *row, const char *event, const char *host, const char *error);
void gw_scribe_prune(GwEngine *engine); /* forgets history that is too old, soon */
void gw_scribe_work(gpointer scribe, gpointer engine);

/* ---- forecast.c: what is expected of moves */
gboolean gw_engine_load_forecasts(GwEngine *engine, GError **error); /* the history of what came */
gboolean gw_forecasts_load_links(GwEngine *engine, GError **error);  /* what was measured, by any daemon; again at any time */
/* What the guest does: as last found out, if that is not long ago, else asked of its host, which takes as long as how says. Whatever
 * cannot be found out stays 0. */
void gw_forecast_measure(GwEngine *engine, GwHostEntry *entry, const char *uuid, GwLoadHow how, GwLoad *ret_load);
void gw_forecast_sample_soon(GwActive *active, const GwMigration *row); /* in the background: the move does not wait for it */
/* For plans: the last sample, of any depth, when it is not too old. */
gboolean gw_forecast_last(GwEngine *engine, const char *uuid, GwLoad *ret_load);
/* Has what this guest writes sampled in the background; FALSE: later, enough are being sampled. */
gboolean gw_forecast_survey(GwEngine *engine, const char *host, const char *uuid);
/* The way from source to dest was measured: kept, too. */
void gw_forecast_measured(GwEngine *engine, const char *source, const char *dest, const GwLinkSeen *seen);
/* What the last move of the instance has shown of its memory. */
void gw_forecast_recall(GwEngine *engine, const char *source, const char *dest, const char *uuid, GwTraffic *traffic);
GwForecast *gw_forecast_make(GwEngine *engine, const GwPlan *plan, const GwLoad *load, const char *source, const char *dest);
void gw_forecast_copy(GwMigration *row, const GwMigration *from); /* when it has one */
void gw_forecast_follow(GwActive *active, GwMigration *row); /* at each look at a move */
void gw_forecast_close(GwActive *active, GwMigration *row);  /* it has ended: what came is noted and learnt from */
guint64 gw_forecast_link_bps(GwEngine *engine, const char *host); /* the most that one of its last moves had; 0: never measured */
guint64 gw_forecast_pair_bps(GwEngine *engine, const char *source, const char *dest); /* what the link of the two carries; likewise */

/* ---- drain.c: emptying hosts */
gboolean gw_engine_load_drains(GwEngine *engine, GError **error); /* those running that are not in the table yet */
void gw_drains_drop(GwEngine *engine); /* another daemon carries them on */
void gw_drains_start(GwEngine *engine);
void gw_drain_step(gpointer run /* reference, taken */, gpointer engine);
void gw_drain_run_release(gpointer run); /* drops a reference */
void gw_drains_wake(GwEngine *engine); /* a migration has ended: look at once */

#endif
