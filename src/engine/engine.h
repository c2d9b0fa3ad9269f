/* The engine: use cases and the loop that carries migrations. The API sees this header and the store's row types only.
 * Thread-safe. Nothing here blocks on a host: calls that need one are queued, and their end is reported by callback or is
 * seen in the rows. */
#ifndef GW_ENGINE_ENGINE_H
#define GW_ENGINE_ENGINE_H

#include "core/balance.h"
#include "core/card.h"
#include "core/checkup.h"
#include "core/drain.h"
#include "core/group.h"
#include "core/rolling.h"
#include "core/predict.h"
#include "core/trial.h"
#include "core/operation.h"
#include "drivers/driver.h"
#include "store/store.h"

typedef struct GwEngine GwEngine;

/* Balances that nobody asks for (autobalance.c). */
typedef struct {
    guint interval_s;        /* between two looks; 0: never */
    guint samples;           /* looks in a row that must find the hosts uneven, from 1 on */
    guint threshold_percent; /* how uneven they must be: the score of core/score.h, 100 for 1 */
    guint gain_percent;      /* by how much at least it must become smaller */
    guint cooldown_s;        /* after the last drain or balance of anybody's has ended */
    guint max_moves;         /* 0: as many as are worth it */
    GwObjective objective;   /* not PACK */
} GwAutobalanceSettings;
#define GW_AUTOBALANCE_USER "godwit" /* who has asked for them */

typedef struct {
    GwPlanSettings plan;
    GwDriverSettings driver;
    guint live_migration_retry_count; /* 1-second retries of a transient failure at the start of a copy */
    guint shutdown_timeout_s;         /* cold: how long a guest may take to shut down before the plug is pulled */
    guint history_days;               /* ended migrations and actions are kept so long; 0: for ever */
    guint inventory_interval_s;       /* how often every host is asked for everything, beside its events */
    guint audit_interval_s;           /* how often hosts are audited without being asked to; 0: never */
    GwAutobalanceSettings balance;
    guint max_concurrent_live_migrations; /* per source host; 0: no limit */
    guint64 link_bandwidth_mibps;         /* of all live migrations at one host together; 0: no limit */
    guint64 reserved_host_memory_mib;
    gboolean disk_over_commit;
    guint lease_s;           /* of hosts, where several daemons share a database; 0: the default of godwit.conf */
    const char *daemon_name; /* for people; or NULL */
    const char *hook_dir;  /* folder of hooks on this machine (engine/hooks.h); NULL or "": none. Borrowed likewise */
    guint hook_timeout_s;
    guint pool_timeout_s;             /* how long a host may take to join a pool or to leave it; 0: 600 */
    const char *state_path; /* folder of what is to outlive the process, beside the store; borrowed likewise */
    const char *image_dir; /* folder of images on this machine; NULL or "": none. Borrowed for the engine's life */
    guint haste; /* pauses and patience of the loop are divided by it; 0: as they are. For worlds whose clock runs faster */
} GwEngineSettings;

/* Does not take the store; both must outlive the engine. Loads hosts, cached instances and unfinished migrations. */
GwEngine *gw_engine_new(GwStore *store, const GwDriver *const *drivers, const GwEngineSettings *settings,
                        GError **error);
void gw_engine_start(GwEngine *engine);
/* Stops cleanly: no new acts; migrations that hypervisors are carrying go on without us and are found on the next start. */
void gw_engine_stop(GwEngine *engine);
void gw_engine_free(GwEngine *engine);

/* ---- Hosts */
typedef struct {
    gatomicrefcount refs;
    GwHostRow *row;      /* as stored */
    GwHostFacts *facts;  /* NULL until it first answered */
    gboolean up;         /* it answered the last time it was asked */
    char *down_reason;   /* why not, or NULL */
    gint64 seen_us;      /* when it last answered; 0: never */
    guint instances;
    guint running;
    guint64 vcpus_used;    /* by those that are not shut down */
    double cpus_busy;      /* what its instances do with its CPUs, as far as it is measured (core/cpu_use.h) */
    GPtrArray *aggregates; /* of GwAggregate *: those it is in, which also say its zone (gw_aggregates_zone); never NULL */
} GwHostView; /* immutable */
void gw_host_view_unref(GwHostView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwHostView, gw_host_view_unref)

/* Called exactly once, from an engine thread (or from the calling thread, before the call returns). error: NULL for success, borrowed. */
typedef void (*GwDone)(gpointer data, const GError *error);

/* Adds a host after having reached it: done is called with the reason otherwise (unreachable, denied, libvirt too old,
 * duplicate name, address or host UUID), and nothing is stored. */
/* password: of a host that needs one, or NULL; kept in a file of its own, and told to nobody. */
void gw_engine_host_add(GwEngine *engine, const char *name, const char *uri, const char *password, GwDone done, gpointer data);
/* CONFLICT while migrations name it or it is in an aggregate. */
gboolean gw_engine_host_remove(GwEngine *engine, const char *name, GError **error);
/* As a service is deleted in Nova: CONFLICT while it has instances or migrations; leaves its aggregates. */
gboolean gw_engine_host_withdraw(GwEngine *engine, const char *name, GError **error);

typedef enum { GW_SWITCH_KEEP, GW_SWITCH_OFF, GW_SWITCH_ON } GwSwitch;

typedef struct {
    GwSwitch enabled;
    const char *disabled_reason; /* with GW_SWITCH_OFF; or NULL */
    GwSwitch forced_down;
    const char *only_reason; /* with GW_SWITCH_ON: CONFLICT when it is disabled for another reason than this; NULL:
                                whatever the reason */
} GwHostEdit;

gboolean gw_engine_host_edit(GwEngine *engine, const char *name, const GwHostEdit *edit, GError **error);
GwHostView *gw_engine_host_by_uuid(GwEngine *engine, const char *uuid); /* in any letters; or NULL */
GPtrArray *gw_engine_hosts(GwEngine *engine); /* of GwHostView *, by name; owned */
GwHostView *gw_engine_host(GwEngine *engine, const char *name); /* or NULL */
/* Asks the host for everything now. */
void gw_engine_refresh(GwEngine *engine, const char *host, GwDone done, gpointer data);
enum { GW_ASK_ANEW_MS = 2000 };
/* A host that does not answer is asked at once, for somebody who wants something of it: done is called when that has ended, or after
 * GW_ASK_ANEW_MS; in either case without an error. FALSE, and done is not called: it answers, is forced down or not known, was asked less
 * than two seconds ago, or has been asked for longer than GW_ASK_ANEW_MS without an answer; or other silent hosts are being asked so. */
gboolean gw_engine_ask_anew(GwEngine *engine, const char *host, GwDone done, gpointer data);

/* ---- Host aggregates: kept in memory for those who look; changes go through the store, whose errors they have. */
GPtrArray *gw_engine_aggregates(GwEngine *engine); /* of GwAggregate *, by id; a reference, not to be changed */
GwAggregate *gw_engine_aggregate(GwEngine *engine, gint64 id); /* or NULL */
gboolean gw_engine_aggregate_add(GwEngine *engine, const char *name, const char *zone /* or NULL */, GwAggregate **ret,
                                 GError **error);
/* Beside what the store refuses: INVALID when the zone would change under instances. */
gboolean gw_engine_aggregate_edit(GwEngine *engine, gint64 id, const GwAggregateEdit *edit, GwAggregate **ret,
                                  GError **error);
gboolean gw_engine_aggregate_add_host(GwEngine *engine, gint64 id, const char *host, GwAggregate **ret, GError **error);
gboolean gw_engine_aggregate_remove_host(GwEngine *engine, gint64 id, const char *host, GwAggregate **ret, GError **error);
gboolean gw_engine_aggregate_remove(GwEngine *engine, gint64 id, GError **error);

/* Aggregates that are pools (core/pool.h). done: it is refused, with all reasons, or it is under way: the aggregate's state tells its end. */
void gw_engine_pool_add_host(GwEngine *engine, gint64 id, const char *host, GwJoinHow how, GwDone done, gpointer data);
/* confirmed: the code of what is lost, which the refusal names; or NULL. */
void gw_engine_pool_remove_host(GwEngine *engine, gint64 id, const char *host, const char *confirmed, GwDone done, gpointer data);
/* Another look at one in error: done without an error when it is active again. */
void gw_engine_pool_look(GwEngine *engine, gint64 id, GwDone done, gpointer data);

/* ---- Server groups: likewise */
GPtrArray *gw_engine_groups(GwEngine *engine); /* of GwGroup *, by id; a reference, not to be changed */
GwGroup *gw_engine_group(GwEngine *engine, const char *uuid); /* or NULL */
gboolean gw_engine_group_add(GwEngine *engine, const GwGroup *group, GError **error);
gboolean gw_engine_group_remove(GwEngine *engine, const char *uuid, GError **error);
/* What it is now does not count: a group of which two are together already keeps others away. */
gboolean gw_engine_group_join(GwEngine *engine, const char *uuid, const char *member_uuid, GError **error);
gboolean gw_engine_group_leave(GwEngine *engine, const char *member_uuid, GError **error);

/* ---- Instances */
typedef struct {
    gatomicrefcount refs;
    GwInstance *instance; /* as last seen */
    char *host;           /* Godwit's name of the host */
    gint64 seen_us;
    gint64 first_seen_us;  /* when Godwit adopted it: the API's `created` when the hypervisor does not know */
    gint64 changed_us;    /* when what is seen last changed: the API's `updated` */
    gboolean host_up;
    gboolean host_forced_down, host_disabled; /* by an administrator */
    char *zone;           /* the host's availability zone */
    guint64 serial;       /* raised at every change of anything shown: a cache key */
    gboolean operating;    /* something is being done to it: */
    GwOperation operation;
    gint64 migration_id;  /* of the newest migration that is not final; 0: none */
    GwMoveKind migration_kind;
    GwMigrationState migration_state;
    guint8 progress;      /* percent */
    gboolean on_host;     /* FALSE: no host shows it (yet, or any more); `instance` is a sketch, `host` may be "" */
    GwServer *server;     /* of one that Godwit made or is deleting: its row; else NULL */
    GwCard *card;         /* what people say of it, or NULL: nothing */
} GwInstanceView; /* immutable */
const char *gw_instance_view_name(const GwInstanceView *view); /* as its owner calls it */
const char *gw_instance_view_description(const GwInstanceView *view);   /* or NULL */
const GPtrArray *gw_instance_view_metadata(const GwInstanceView *view); /* of GwMetadatum *; NULL: none */
const GPtrArray *gw_instance_view_tags(const GwInstanceView *view);     /* of char *; NULL: none */
GwInstanceView *gw_instance_view_ref(GwInstanceView *view);
void gw_instance_view_unref(GwInstanceView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwInstanceView, gw_instance_view_unref)

/* All, newest first by (first_seen_us, uuid), as they were at one moment; any number of threads may read it. */
typedef struct GwViewList GwViewList;
void gw_view_list_unref(GwViewList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwViewList, gw_view_list_unref)
typedef struct {
    const GwViewList *list;
    guint chunk, at;
    const char *named; /* borrowed; NULL: all */
} GwViewIter;
/* after NULL: from the start; else with the one that follows it, whether it is in the list or not. named: only those whose name contains it,
 * or NULL. */
void gw_view_iter_init(GwViewIter *iter, const GwViewList *list, const GwInstanceView *after, const char *named);
GwInstanceView *gw_view_iter_next(GwViewIter *iter); /* borrowed from the list; NULL at its end */
int gw_view_order(const GwInstanceView *a, const GwInstanceView *b); /* below 0: a comes first */

/* The list as it is now; a reference. *ret_serial (may be NULL): raised whenever the list or any view in it changes, so that whole answers
 * can be cached. */
GwViewList *gw_engine_instances(GwEngine *engine, guint64 *ret_serial);
GPtrArray *gw_engine_instances_of(GwEngine *engine, const char *host); /* those of one host, in the same order; owned */
guint64 gw_engine_serial(GwEngine *engine); /* that number alone; lock-free */
/* By UUID; NULL when there is none. */
GwInstanceView *gw_engine_instance(GwEngine *engine, const char *uuid);
/* An instance seen on several hosts at once is shown where it runs; of copies that are all stopped, where the
 * newest migration left it, else on the first host by name. */

/* ---- Images: files of image_dir that servers can be made from */
typedef struct {
    gatomicrefcount refs;
    char id[GW_UUID_SIZE]; /* the same as long as the file has its name */
    char *name, *path;
    const char *format;    /* "qcow2" or "raw"; static */
    guint64 file_bytes, virtual_bytes; /* of the file; of the disk that a guest sees */
    char *problem;         /* why no server can be made from it, or NULL */
    gint64 updated_us;
} GwImage; /* immutable */
GwImage *gw_image_ref(GwImage *image);
void gw_image_unref(GwImage *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwImage, gw_image_unref)
GPtrArray *gw_engine_images(GwEngine *engine); /* of GwImage *, by name; owned */
GwImage *gw_engine_image(GwEngine *engine, const char *id); /* or NULL */

/* ---- Flavors that were created; errors are the store's */
gboolean gw_engine_flavors(GwEngine *engine, GPtrArray **ret_rows /* of GwFlavor * */, GError **error);
gboolean gw_engine_flavor_add(GwEngine *engine, GwFlavor *flavor, GError **error);
gboolean gw_engine_flavor_update(GwEngine *engine, const GwFlavor *flavor, GError **error);
gboolean gw_engine_flavor_remove(GwEngine *engine, const char *flavor_id, GError **error);

/* ---- What people say of an instance: name, description, metadata, tags, lock, shown state. No host hears of it. */

/* Changes card, a draft that nobody else sees; view: the instance as it is. FALSE: nothing changes, and the error is the caller's. */
typedef gboolean (*GwCardChange)(GwCard *card, const GwInstanceView *view, gpointer data, GError **error);
/* One at a time. NOT_FOUND. */
gboolean gw_engine_card_change(GwEngine *engine, const char *uuid, GwCardChange change, gpointer data, GError **error);

/* ---- Moves */
typedef struct {
    const char *instance_uuid;
    const char *host; /* destination; NULL: the engine chooses */
    GwBlockMode block;
    gboolean disk_over_commit;
    gboolean force; /* with host: what an administrator has set against it (disabled, aggregates) does not count */
    gboolean group_goes; /* all of its group that stays together go to host, too: the policy does not hold it */
    gboolean by_admin; /* a lock does not count for it, and it is told why a host is silent */
    const GwPolicy *policy; /* of a live move; NULL: that of the source's aggregates, else the setting's */
    const char *options; /* of a live move: its own (core/overrides.h), over those of the aggregates and the settings; or NULL */
    const GwFlavor *flavor;  /* of a resize: the shape that it gets */
    GwLoadHow measure; /* of a dry run: how long the guest may be looked at, for the prediction */
    const char *request_id, *user_id, *project_id;
    const GwFence *fence; /* NULL, or what it is asked under: a drain's lease */
} GwMoveRequest;

/* Called exactly once when the checks of a submitted move have ended. error: the refusal with every reason, or NULL. */
typedef void (*GwChecked)(gpointer data, gint64 migration_id, const GError *error);

/* Records the intent. FALSE at once: unknown server (NOT_FOUND), unknown or same host (INVALID), a state that forbids it
 * (CONFLICT: moving already, not active). TRUE: recorded, *ret_id is the migration, and checked (may be NULL) is called later. */
gboolean gw_engine_live_migrate(GwEngine *engine, const GwMoveRequest *request, gint64 *ret_id, GwChecked checked,
                                gpointer data, GError **error);
gboolean gw_engine_cold_migrate(GwEngine *engine, const GwMoveRequest *request, gint64 *ret_id, GwChecked checked,
                                gpointer data, GError **error);
/* A cold move to another host, where the instance starts in the shape of request->flavor. INVALID: its driver cannot, or the flavor has
 * no disk while the instance's has. */
gboolean gw_engine_resize(GwEngine *engine, const GwMoveRequest *request, gint64 *ret_id, GwChecked checked, gpointer data,
                          GError **error);
/* Starts elsewhere, from shared disks, an instance whose host is down. INVALID unless an administrator has forced that host down. */
gboolean gw_engine_evacuate(GwEngine *engine, const GwMoveRequest *request, gint64 *ret_id, GwChecked checked, gpointer data,
                            GError **error);
/* Called exactly once. report: borrowed; NULL with an error that a real move would have been refused with as malformed (no such
 * server or host). A state that forbids the move is the report's objection. */
typedef void (*GwTried)(gpointer data, const GwTrialReport *report, const GError *error);
/* A dry run: the same checks as of a real move, against every destination that comes into question; nothing is recorded. */
void gw_engine_try(GwEngine *engine, const GwMoveRequest *request, GwMoveKind kind, GwTried done, gpointer data);
/* The instance's migration in VERIFY_RESIZE. INVALID when there is none ("Instance has not been resized."). */
gboolean gw_engine_confirm(GwEngine *engine, const GwMoveRequest *request, GError **error);
gboolean gw_engine_revert(GwEngine *engine, const GwMoveRequest *request, GError **error);
/* INVALID when the migration is not in a state that allows it; NOT_FOUND when it is not this instance's. A cold one can be aborted as
 * long as it has not touched the guest; only a live one is forced. */
gboolean gw_engine_abort(GwEngine *engine, const GwMoveRequest *request, gint64 migration_id, GError **error);
gboolean gw_engine_force_complete(GwEngine *engine, const GwMoveRequest *request, gint64 migration_id, GError **error);

/* ---- Checkups: whether hosts are ready to exchange instances. They run in the background; the last few can be read. */

/* hosts: NULL-terminated names; NULL or empty: all. NOT_FOUND when one is not known. */
gboolean gw_engine_checkup_begin(GwEngine *engine, const char *const *hosts, GwCheckupDepth depth, gint64 *ret_id, GError **error);
enum { GW_CHECKUP_OWN = 0 }; /* as an id: the last one that the daemon made by itself, every audit_interval_s, of all hosts */
/* Called once, under a lock: must not block. checkup is borrowed. */
typedef void (*GwCheckupReader)(gpointer data, const GwCheckup *checkup);
gboolean gw_engine_checkup_read(GwEngine *engine, gint64 id, GwCheckupReader read, gpointer data, GError **error);

/* Asks for it and answers at once; its end is in the instance's action, and in what is seen of it. NOT_FOUND; CONFLICT: a state
 * that forbids it, in Nova's words. */
gboolean gw_engine_operate(GwEngine *engine, const GwMoveRequest *request, GwOperation operation, GError **error);

/* Records an action that is done already. */
gboolean gw_engine_note_action(GwEngine *engine, const GwMoveRequest *request, const char *action, GError **error);

/* Called exactly once, from an engine thread; found: handed over, NULL with an error. */
typedef void (*GwDiagnosed)(gpointer data, GwDiagnostics *found, const GError *error);
/* FALSE at once, and done is not called: NOT_FOUND; CONFLICT: it does not run, or its host does not answer. */
gboolean gw_engine_diagnose(GwEngine *engine, const char *uuid, GwDiagnosed done, gpointer data, GError **error);

/* Of GwDaemonRow *: those that share the database; none when it is this daemon's own. */
gboolean gw_engine_daemons(GwEngine *engine, GPtrArray **ret_rows, GError **error);
/* ---- Making servers and taking them away. Both are recorded, and carried out whatever happens to the daemon. */
typedef struct {
    const char *name, *image_id;
    const GwFlavor *flavor;
    const char *zone, *host; /* or NULL */
    const char *group;       /* UUID of the server group that it joins, or NULL */
    gboolean host_forced;    /* what administrators set against host does not count */
    const GPtrArray *networks, *tags; /* of char *; or NULL. "auto": the host's default network, where it has one */
    const GPtrArray *metadata;        /* of GwMetadatum *; or NULL */
    const char *description, *disk_config, *reservation_id; /* or NULL */
    guint count;             /* with more than one, "-1", "-2", … is added to the name */
    const char *request_id, *user_id, *project_id;
} GwBootRequest;

/* INVALID: no such image, zone, host or group; an image that is too large or no whole disk. ret_uuids: of char *, owned by the caller. */
gboolean gw_engine_boot(GwEngine *engine, const GwBootRequest *request, GPtrArray **ret_uuids, GError **error);
/* NOT_FOUND; CONFLICT while something is done to it; INVALID where its driver does not offer it. One in VERIFY_RESIZE is confirmed
 * first. Asked twice it is one deletion. */
gboolean gw_engine_delete(GwEngine *engine, const GwMoveRequest *request, GError **error);

/* What ended since this engine began. */
typedef struct {
    guint64 count[GW_MOVE_KINDS][GW_MIGRATION_STATE_COUNT]; /* by GwMoveKind and final state */
    guint64 total_ms, downtime_ms, bytes;       /* of the live ones that completed */
    guint64 predicted, time_within, pause_within; /* of those the ones that were predicted, and whose interval had what came */
} GwEndedMoves;
void gw_engine_ended_moves(GwEngine *engine, GwEndedMoves *ret_ended);
guint64 gw_engine_store_writes(GwEngine *engine); /* since the daemon began */

/* What is told of migrations under way: each change of state, and each pass of a copy. row is borrowed, and as gw_engine_migrations would
 * give it. From engine threads; must not block, nor call the engine. */
typedef void (*GwEngineHeard)(gpointer data, const GwMigration *row);
/* One hears at a time; heard NULL: none. When this returns, the one before is not called any more. */
void gw_engine_listen(GwEngine *engine, GwEngineHeard heard, gpointer data);
/* ---- Leftovers of migrations that ended badly, or that nobody's journal explains */
typedef enum { GW_ORPHANS_LIST, GW_ORPHANS_REMOVE } GwOrphansHow;

typedef struct {
    char *host;            /* where it lies */
    char *home;            /* where the instance lives */
    char uuid[GW_UUID_SIZE], *name;
    gint64 migration_id;   /* that left it; 0: none of Godwit's */
    GPtrArray *left;       /* of char *: "definition", paths */
    char *obstacle;        /* why it is not removed; NULL: it may be */
    gboolean removed;
} GwOrphan;

typedef struct {
    GPtrArray *orphans;    /* of GwOrphan * */
    GPtrArray *unsearched; /* of char *: hosts where moves may have left something, of a kind that cannot be searched */
    GPtrArray *not_asked;  /* of GwHostView *, by name: hosts that do not answer. What they have is not among the orphans, nor is what
                            * others have of instances that live there */
} GwOrphans;

/* Called exactly once, from a thread of its own. found: borrowed; NULL with an error. */
typedef void (*GwOrphansTold)(gpointer data, const GwOrphans *found, const GError *error);
/* Only what a migration of Godwit's own left is removed, after both hosts have shown that the instance lives elsewhere. */
void gw_engine_orphans(GwEngine *engine, GwOrphansHow how, GwOrphansTold told, gpointer data);

typedef struct {
    GwSeen source, dest;   /* as seen now */
    GwMigration *row;
    gboolean resolved;
} GwResolution;
typedef void (*GwResolved)(gpointer data, const GwResolution *resolution, const GError *error);
/* An operator says of a migration that ended in ERROR where its instance is: the other host's remains go. keep NULL: the facts
 * alone. NOT_FOUND; CONFLICT: it did not end so, or the hosts contradict the operator. */
void gw_engine_resolve(GwEngine *engine, gint64 id, const char *keep, GwResolved done, gpointer data);

/* ---- History: straight from the store, newest first */
gboolean gw_engine_migrations(GwEngine *engine, const GwMigrationQuery *query, GPtrArray **ret_rows, GError **error);
gboolean gw_engine_actions(GwEngine *engine, const char *instance_uuid, const char *request_id, GPtrArray **ret_rows,
                           GError **error);
gboolean gw_engine_events(GwEngine *engine, gint64 action_id, GPtrArray **ret_rows, GError **error);

/* ---- Hosts as a whole: drains (docs/planning.md). What was begun is a drain row with its moves, carried out whatever happens to the
 * daemon. Everything returned is owned by the caller. */
typedef enum { GW_DRY_RUN_NOT, GW_DRY_RUN } GwDryRun; /* dry: the plan is made and shown, nothing is recorded; its id is 0 */

typedef struct {
    GStrv hosts;           /* to be emptied; borrowed, as are the texts */
    GwDryRun dry_run;
    guint per_host;        /* moves that a host may send or receive at once; 0: as the links suggest */
    guint64 deadline_s;    /* from now: by when it must have ended, or it is not begun; 0: none */
    GwStopped stopped;
    gboolean return_later; /* of a drain: undrain will bring the instances home; of undrain: do that */
    const char *request_id, *user_id, *project_id;
    const GwFence *fence; /* NULL, or what it is begun under: the lease of the drains */
    const char *only_reason; /* of undrain: for a rolling drain itself, as of GwHostEdit; NULL: for anybody else */
} GwDrainOrder;

/* Disables the hosts, plans, and begins. INVALID, NOT_FOUND (a host), CONFLICT (it is being drained). ret_moves: of GwDrainMove *. */
gboolean gw_engine_drain(GwEngine *engine, const GwDrainOrder *order, GwDrain **ret, GPtrArray **ret_moves, GError **error);
/* Enables the host; brings home what its last drain moved, if that is asked for or was: *ret is NULL when there is
 * nothing to bring. CONFLICT as of gw_engine_check_enabling. */
gboolean gw_engine_undrain(GwEngine *engine, const char *host, const GwDrainOrder *order, GwDrain **ret, GPtrArray **ret_moves,
                           GError **error);
/* Whether anybody may take the host into use: CONFLICT while it is being emptied, or a rolling drain has people or a
 * hook at it. */
gboolean gw_engine_check_enabling(GwEngine *engine, const char *host, GError **error);

typedef struct {
    GwDrainOrder order;   /* hosts is not read */
    gint64 failures_since_us; /* what balances begun since then could not move somewhere is not sent there again; 0: it may be */
    const char *aggregate; /* name or id: only its hosts take part; NULL: all */
    guint max_moves;      /* 0: as many as are worth it */
    double least_gain;    /* the part by which the score must become smaller; 0: the default of core/balance.h */
    GwObjective objective;
} GwBalanceOrder;

typedef struct {
    double score_before, score_after;
    guint64 bytes;
    guint hosts_before, hosts_after; /* in use */
} GwBalanceFigures;

/* NOT_FOUND: no such aggregate. Without moves worth making nothing is recorded: the drain's id is 0. */
gboolean gw_engine_balance(GwEngine *engine, const GwBalanceOrder *order, GwBalanceFigures *ret_figures, GwDrain **ret,
                           GPtrArray **ret_moves, GError **error);

/* ---- Rolling drains: hosts are emptied and taken into use again, a few at a time */
typedef struct {
    GwDrainOrder order;    /* hosts: in the order of their turns, or NULL; deadline_s is not read */
    const char *aggregate; /* name or id, instead of hosts: all of its own, by name */
    guint at_once;         /* hosts; 0 counts as 1 */
    const char *hook;      /* or NULL */
} GwRollingOrder;

/* Called exactly once, from an engine thread or before the call returns; both borrowed. rolling NULL: INVALID,
 * NOT_FOUND, CONFLICT (a host is in one already). */
typedef void (*GwRollingPlanned)(gpointer data, const GwRolling *rolling, const GError *error);

void gw_engine_rolling(GwEngine *engine, const GwRollingOrder *order, GwRollingPlanned done, gpointer data);
/* What these two return is owned by the caller. */
gboolean gw_engine_rollings(GwEngine *engine, GPtrArray **ret_rows /* newest first */, GError **error);
GwRolling *gw_engine_rolling_show(GwEngine *engine, gint64 id, GError **error); /* NOT_FOUND */
/* No further host's turn comes; those that are being seen to go on. NOT_FOUND; CONFLICT: it has ended. */
gboolean gw_engine_rolling_cancel(GwEngine *engine, gint64 id, GError **error);

/* The score as the last look of the automatic balance found it; FALSE: this daemon has not looked. */
gboolean gw_engine_unevenness(GwEngine *engine, double *ret_score);

gboolean gw_engine_drains(GwEngine *engine, const GwDrainQuery *query, GPtrArray **ret_rows, GError **error);
gboolean gw_engine_drain_show(GwEngine *engine, gint64 id, GwDrain **ret, GPtrArray **ret_moves, GError **error);
/* Nothing more is begun; what is under way ends, and then the drain does. Its hosts stay disabled. */
gboolean gw_engine_drain_cancel(GwEngine *engine, gint64 id, GError **error);

#endif
