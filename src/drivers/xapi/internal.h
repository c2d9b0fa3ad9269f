/* What the files of the XAPI driver share. Layers, bottom up: wire.h (text), address.c, pool.c (sessions, failover), task.c, tables.c
 * (records), then one file per thing that driver.h asks for.
 *
 * A XenServer pool has one database, and one GwXapiPool serves all hosts that were added by the same address. XAPI knows no host of a halted
 * VM; Godwit's own are in the VM's other_config:
 *   godwit_home    the UUID of the host it belongs to while it is halted
 *   godwit_sides   "SOURCE,DEST": a cold move that waits to be confirmed; defined on both
 *   godwit_move    "INSTANCE,SOURCE,DEST": a move to another pool is under way; what it makes there is born with the mark
 *   godwit_uuid    "INSTANCE OWN": a copy that a cold move made in another pool, where its UUID is OWN */
#ifndef GW_XAPI_INTERNAL_H
#define GW_XAPI_INTERNAL_H

#include "base/http.h"
#include "drivers/driver.h"
#include "drivers/xapi/wire.h"

#define GW_XAPI_NULL "OpaqueRef:NULL"
#define GW_XAPI_HOME "godwit_home"
#define GW_XAPI_SIDES "godwit_sides"
#define GW_XAPI_MOVE "godwit_move"
#define GW_XAPI_ALIAS "godwit_uuid"
#define GW_XAPI_HOMES "homes" /* a table of Godwit's own among XAPI's */
#define GW_XAPI_COPY_FOR "godwit_copy_for" /* of a VDI: the UUID of the instance that a cold move makes it for */

/* ---- address.c: xapi://user@master[:port][/HOST][?option=value&…] */

typedef struct {
    char *user, *master, *host; /* host: what names the member; NULL: the one that master names */
    guint port;                 /* 0: the scheme's */
    gboolean plain, insecure;   /* plain: http, only with insecure */
    char *ca_file, *fingerprints, *password_file;
} GwXapiAddress;

gboolean gw_xapi_address_parse(const char *uri, const char *password_file, GwXapiAddress *ret_address, GError **error);
void gw_xapi_address_clear(GwXapiAddress *address);

/* ---- pool.c */

typedef struct GwXapiPool GwXapiPool;

GwXapiPool *gw_xapi_pool_get(const char *uri, const GwXapiAddress *address, guint timeout_ms); /* shared; one reference */
void gw_xapi_pool_unref(GwXapiPool *pool);
GwXapiPool *gw_xapi_pool_find(const char *uuid); /* one that is open, as its UUID is known; one reference, or NULL */
/* Calls the master with a session before params (taken, a list). Logs in again, follows HOST_IS_SLAVE and fails over by itself, as long as
 * the call is known not to have been carried out. timeout_ms 0: the settings'. The result is owned by the caller. */
json_t *gw_xapi_call(GwXapiPool *pool, const char *method, json_t *params, guint timeout_ms, GError **error);
gboolean gw_xapi_do(GwXapiPool *pool, const char *method, json_t *params, GError **error); /* the result does not matter */
char *gw_xapi_ask(GwXapiPool *pool, const char *method, json_t *params, GError **error);   /* a text */
void gw_xapi_logout(GwXapiPool *pool, const char *session); /* of another session than the pool's own */
/* At this one address, wherever the master is: a session of its own, or the fault HOST_IS_SLAVE, whose detail is the master. */
char *gw_xapi_login_at(GwXapiPool *pool, const char *to, GError **error);
json_t *gw_xapi_call_at(GwXapiPool *pool, const char *to, const char *session, const char *method, json_t *params, GError **error);
/* By the session of that number (gw_xapi_pool_session_number), or LOST: for what makes no sense in another one, such as its token of events. */
json_t *gw_xapi_call_in(GwXapiPool *pool, guint number, const char *method, json_t *params, guint timeout_ms, GError **error);
/* A host is no member any more: the next call begins at the address that was given, which may be that of a pool of its own now. */
void gw_xapi_pool_reconsider(GwXapiPool *pool);
/* For the thread of events: while the master is silent all calls fail at once, but this one, which asks all members who the master is. */
gboolean gw_xapi_pool_seek(GwXapiPool *pool, GError **error);
char *gw_xapi_pool_password(const GwXapiPool *pool, GError **error);
void gw_xapi_pool_watch(GwXapiPool *pool, GwHost *host);
void gw_xapi_pool_unwatch(GwXapiPool *pool, GwHost *host);
gboolean gw_xapi_pool_is_stopping(GwXapiPool *pool);
/* host_uuids: those concerned, in one text; NULL: every watcher. */
void gw_xapi_pool_tell(GwXapiPool *pool, const char *host_uuids, const char *vm_uuid);
guint gw_xapi_pool_timeout_ms(const GwXapiPool *pool);
/* Turns for storage migrations from one host: at most three, as XAPI has it. FALSE: it was stopped (an abort) while it waited. */
gboolean gw_xapi_turn_take(GwXapiPool *pool, const char *host_uuid, const gint *stopped);
void gw_xapi_turn_give(GwXapiPool *pool, const char *host_uuid);
/* Something newer has been read: tables that were asked for before are not taken again, so that no look takes back what another has told. */
void gw_xapi_pool_has_read(GwXapiPool *pool);
gint64 gw_xapi_pool_last_read(GwXapiPool *pool); /* monotonic */
char *gw_xapi_pool_master(GwXapiPool *pool);     /* its address, as last known; owned by the caller */
char *gw_xapi_pool_uuid(GwXapiPool *pool);       /* "" when it is not known yet; owned by the caller */
guint gw_xapi_pool_session_number(GwXapiPool *pool); /* another one after every login: tokens of events are the session's */

/* "HostA (10.0.0.1)"; NULL: the pool has no other host than the one at the address. Owned by the caller. (silence.c) */
char *gw_xapi_pool_master_title(GwXapiPool *pool);

gpointer gw_xapi_events_thread(gpointer pool); /* events.c */

/* ---- identity.c */

typedef struct {
    GMutex lock;
    GHashTable *vms; /* UUID of an instance -> ref of the VM that has another one; NULL at first */
    gint64 read_us;  /* monotonic: when all were read */
} GwXapiAliases;

GwXapiAliases *gw_xapi_pool_aliases(GwXapiPool *pool); /* pool.c */
/* By which Godwit knows it. */
void gw_xapi_uuid(const json_t *vm, char ret_uuid[GW_UUID_SIZE]);
gboolean gw_xapi_is_instance(const json_t *tables, const json_t *vm); /* no template, snapshot, control domain or half-made copy */
gboolean gw_xapi_is_called(const json_t *vm, const char *uuid);
/* Its ref, owned by the caller. NULL with UUID_INVALID: the pool has no such instance. What is found by its own UUID may be another instance:
 * its record tells (gw_xapi_is_called). */
char *gw_xapi_find_vm(GwXapiPool *pool, const char *uuid, GError **error);
void gw_xapi_aliases_learn(GwXapiPool *pool, const char *uuid, const char *vm);

/* ---- mirror.c: all records of the pool */

typedef struct {
    GMutex lock; /* held while everything is fetched */
    GCond moved;
    json_t *tables; /* the newest snapshot; NULL: none yet */
    char *token;    /* of events: how new it is */
    guint session;  /* whose token that is */
    gboolean followed, busy; /* it is kept by events; somebody asks the pool for something newer */
    gint64 asked_us, ended_us; /* monotonic: it is not older than the first, and was had at the second */
} GwXapiMirror;

GwXapiMirror *gw_xapi_pool_mirror(GwXapiPool *pool); /* pool.c */
/* Everything, at most a second old, and newer than what any call has read by itself. With GW_XAPI_HOMES: {ref of an instance: its homes}. */
json_t *gw_xapi_all_tables(GwXapiPool *pool, GError **error);
void gw_xapi_mirror_clear(GwXapiMirror *mirror);
/* For the thread that follows the events: it begins, tells, ends. *ret_token: where to begin, and by which session. */
json_t *gw_xapi_mirror_classes(void);
gboolean gw_xapi_mirror_begin(GwXapiPool *pool, char **ret_token, guint *ret_session, GError **error);
void gw_xapi_mirror_apply(GwXapiPool *pool, guint session, const json_t *batch); /* session: whose events they are */
void gw_xapi_mirror_end(GwXapiPool *pool);
json_t *gw_xapi_mirror_tables(GwXapiPool *pool); /* as it is now, without asking; NULL: there is none */

/* ---- task.c */

typedef struct {
    gint stopped; /* atomic: set to ask for its end */
    gint64 deadline_us; /* monotonic: when to ask for it by itself; 0: never */
} GwXapiStop;

/* Runs method as a task and waits for its end. stop may be NULL. *ret_result (may be NULL): its result's text. */
gboolean gw_xapi_run(GwXapiPool *pool, const char *method, json_t *params, const GwXapiStop *stop, char **ret_result, GError **error);
/* XAPI's failure becomes one of Godwit's causes; what else it may be stays. Returns FALSE. */
gboolean gw_xapi_fail(GError **error, GError *failure /* taken */);

/* ---- tables.c: records as XAPI gives them, {"VM": {ref: record}, …} */

json_t *gw_xapi_static_tables(GwXapiPool *pool, GError **error);          /* all but VM, VBD, VDI, VIF; fresh */
json_t *gw_xapi_fetch_tables(GwXapiPool *pool, const char *const *classes, guint count, GError **error);
json_t *gw_xapi_vm_tables(GwXapiPool *pool, const char *uuid, char **ret_vm, GError **error); /* static and of one VM; fresh */
json_t *gw_xapi_table(const json_t *tables, const char *class);           /* never NULL; borrowed */
json_t *gw_xapi_record(const json_t *tables, const char *class, const char *ref); /* borrowed, NULL when there is none */
char *gw_xapi_find(const json_t *tables, const char *class, const char *field, const char *value); /* a ref, owned; or NULL */
const char *gw_xapi_text(const json_t *record, const char *field);        /* "" when absent or null */
const char *gw_xapi_in_map(const json_t *record, const char *field, const char *key); /* NULL when absent */
gint64 gw_xapi_int(const json_t *record, const char *field);
gboolean gw_xapi_bool(const json_t *record, const char *field);
json_t *gw_xapi_list(const json_t *record, const char *field);            /* borrowed; an empty list when absent */
gboolean gw_xapi_is_null(const char *ref);
gboolean gw_xapi_sr_attached(const json_t *tables, const char *sr, const char *host);
const json_t *gw_xapi_the_pool(const json_t *tables);
gboolean gw_xapi_network_reaches(const json_t *tables, const char *network, const char *host);

/* ---- instance.c */

/* Where the VM is, as a ref of a host: resident, else where it belongs. NULL when the pool has no host. */
char *gw_xapi_home(const json_t *tables, const json_t *vm);
/* The UUIDs of the hosts where it is shown, with commas: two while a cold move waits to be confirmed. */
char *gw_xapi_homes(const json_t *tables, const json_t *vm);
gboolean gw_xapi_is_here(const json_t *tables, const json_t *vm, const char *host_uuid);
gboolean gw_xapi_is_disk(const json_t *tables, const json_t *vbd);
GwInstance *gw_xapi_instance(const json_t *tables, const json_t *vm);
GwHostFacts *gw_xapi_host_facts(const GwHost *owner, const json_t *tables, const char *host, GError **error); /* host: owner's ref */

/* ---- storage.c */

#define GW_XAPI_MIRROR_RULE "Godwit copies disks while their guest runs only from local storage repositories of type ext (a rule of its own, in its manual)"
void gw_xapi_add_storage(const GwHost *host, GwHostFacts *facts, const json_t *tables, const char *host_ref);
/* Why the disk is not copied to another repository, or NULL. Owned by the caller. */
char *gw_xapi_no_copy(const json_t *vm, const json_t *vbd, const json_t *vdi);

/* ---- host.c */

struct GwHost {
    GwXapiPool *pool;
    char *name, *uri, *sr_filter;
    GwXapiAddress address;
    GMutex lock; /* guards what follows */
    char *uuid;  /* of the host, once it is known */
    gint lost;   /* atomic: the master has said that it is not alive, and nothing else since */
    GHashTable *copies; /* instance UUID -> GwXapiStop *, borrowed from `migrate` */
    GwHostEvent event;
    void *event_data;
};

/* Its ref in these tables. Owned by the caller. */
char *gw_xapi_host_ref(GwHost *host, const json_t *tables, GError **error);
gboolean gw_xapi_check_live(GwHost *host, const json_t *tables, const char *ref, GError **error); /* UNREACHABLE: it is lost */
char *gw_xapi_host_uuid(GwHost *host, GError **error); /* asks the pool when it is not known yet */

/* ---- move.c: what examine found out and the later acts need; the plan's `definition` */

typedef struct {
    char *source_host, *dest_host; /* UUIDs */
    char *source_pool, *dest_pool;
} GwXapiMove;

/* dest_tables: of the destination's pool. *ret_token: what migrate_receive gave, owned by the caller. */
gboolean gw_xapi_receive(GwHost *dest, const json_t *dest_tables, const char *dest_ref, json_t **ret_token, GError **error);
void gw_xapi_receive_end(GwHost *dest, const json_t *token);
/* VIF -> network of the destination's pool, by name; empty inside one pool. Networks that are not there are added to missing (or NULL). */
json_t *gw_xapi_vif_map(const json_t *tables, const json_t *vm, const json_t *dest_tables, const char *dest_ref, GPtrArray *missing);
char *gw_xapi_move_write(const GwXapiMove *move);
gboolean gw_xapi_move_read(const GwPlan *plan, GwXapiMove *ret_move, GError **error);
void gw_xapi_move_clear(GwXapiMove *move);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GwXapiMove, gw_xapi_move_clear)
/* A disk's path is "SR-UUID/VDI-UUID"; a copy's, "SR-UUID/copy-of-VDI-UUID". *ret_vdi may be NULL. */
gboolean gw_xapi_path_split(const char *path, char **ret_sr, char **ret_vdi);

/* ---- what driver.h asks for */

gboolean gw_xapi_examine(GwHost *source, GwHost *dest, const char *uuid, GwMoveFacts **ret_facts, GError **error);
gboolean gw_xapi_prepare(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error);
gboolean gw_xapi_migrate(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error);
gboolean gw_xapi_abort(GwHost *source, const char *uuid, GError **error);
/* between.c */
gboolean gw_xapi_mark_move(GwXapiPool *pool, const char *vm, const GwPlan *plan, const GwXapiMove *move, GError **error);
gboolean gw_xapi_finish_copy(GwHost *dest, const GwPlan *plan, const GwXapiMove *move, const json_t *tables, const json_t *original,
                             const char *copy, GError **error);
gboolean gw_xapi_forget_made(GwHost *dest, const GwPlan *plan, const GwXapiMove *move, GError **error);
void gw_xapi_tell_leaks(GwHost *dest, const GwPlan *plan, const GwXapiMove *move); /* leaks.c: into the log */
/* evacuate.c */
char *gw_xapi_definition(GwHost *host, const char *uuid, GError **error);
gboolean gw_xapi_examine_evacuation(GwHost *dest, GwInstance *instance, const char *definition, GwMoveFacts **ret_facts, GError **error);
gboolean gw_xapi_release(GwHost *dest, const GwPlan *plan, GError **error); /* of the lost host: it can be started on dest then */
gboolean gw_xapi_copy_cold(GwHost *source, GwHost *dest, const GwPlan *plan, const GwXapiStop *stop, GError **error);
gboolean gw_xapi_adopt(GwHost *dest, const GwPlan *plan, GError **error);
gboolean gw_xapi_settle(GwHost *dest, const GwPlan *plan, GError **error);
gboolean gw_xapi_forget(GwHost *host, const GwPlan *plan, GwSide side, GError **error);
gboolean gw_xapi_stop(GwHost *host, const char *uuid, GwStopHow how, guint timeout_ms, GError **error);
gboolean gw_xapi_start(GwHost *host, const char *uuid, GwStartHow how, GError **error);
gboolean gw_xapi_resume(GwHost *host, const char *uuid, GError **error);
gboolean gw_xapi_suspend(GwHost *host, const char *uuid, GError **error);
gboolean gw_xapi_wake(GwHost *host, const char *uuid, GError **error);
gboolean gw_xapi_pause(GwHost *host, const char *uuid, GError **error);
char *gw_xapi_command(GwHost *host, const char *uuid, GwByHand act); /* identity.c */
gboolean gw_xapi_sight(GwHost *host, const char *uuid, GwSight *ret_sight, GError **error);
gboolean gw_xapi_mark(GwXapiPool *pool, const char *vm, const char *key, const char *value, GError **error); /* value NULL: removed */

/* ---- join.c, qualify.c, reach.c: pools made from aggregates */

extern const GwPoolOps gw_xapi_pool_ops; /* join.c */
gboolean gw_xapi_pool_qualify(GwHost *master, GwHost *host, GwJoinHow how, GPtrArray *findings, GError **error);
gboolean gw_xapi_pool_losses(GwHost *master, const char *uuid, GwPoolLosses *losses, GError **error);
gboolean gw_xapi_pool_address(GwHost *master, GwHost *const *members, guint count, const char *uuid, char **ret_uri, GError **error);
gboolean gw_xapi_pool_own_address(GwHost *master, GwHost *host, const char *uuid, char **ret_uri, GError **error);

#endif
