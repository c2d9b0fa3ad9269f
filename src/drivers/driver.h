/* A driver: how Godwit talks to one kind of hypervisor. One const table of functions.
 *
 * Called from worker threads; every function may block until its own deadline (settings->call_timeout_ms), except
 * `migrate`, which lasts as long as the copy. A GwHost may be used by several threads at once: a driver locks inside.
 * Only the wrappers below (drivers/driver.c) call the pointers: they log, time, and assert order.
 *
 * Errors: GW_ERROR_UNREACHABLE and GW_ERROR_DENIED mean that nothing was done; GW_ERROR_FAILED that the call is known to
 * have had no effect; GW_ERROR_LOST that nobody knows. Every act is idempotent: done twice, it succeeds twice.
 * All functions are required unless said otherwise. */
#ifndef GW_DRIVERS_DRIVER_H
#define GW_DRIVERS_DRIVER_H

#include "core/audit.h"
#include "core/diagnostics.h"
#include "core/pool.h"
#include "core/predict.h"
#include "core/server.h"
#include "core/sight.h"

typedef struct GwHost GwHost; /* the driver's own; opaque above */

typedef struct {
    guint call_timeout_ms;      /* a host that is silent for so long is unreachable */
    guint retry_ms;             /* before an unreachable host is asked again; doubles each time; 0: 2 s */
    const char *instances_path; /* the manual's option; borrowed for the life of the host */
    const char *console_listen; /* vncserver_listen: where a new server's console listens; NULL or "": on the host itself only */
    const char *virt_type;      /* "kvm" or "qemu" for new servers; NULL or "": the best that the host has */
    const char *xapi_password_file; /* [xenserver] password_file, for addresses that name none; may be NULL */
    const char *secrets_path;   /* folder of passwords that were given with addresses; NULL: none are kept */
    const char *xapi_sr_filter; /* [xenserver] sr_matching_filter; NULL: the default SR */
} GwDriverSettings;

typedef enum { GW_STOP_GRACEFUL, GW_STOP_HARD } GwStopHow; /* graceful: asks the guest, pulls the plug at the timeout */
typedef enum { GW_START_RUNNING, GW_START_PAUSED } GwStartHow;
typedef enum { GW_SIDE_SOURCE, GW_SIDE_DEST } GwSide;
typedef enum { GW_FORCE_PAUSE, GW_FORCE_POSTCOPY } GwForceHow;

typedef enum { GW_BY_HAND_LOOK, GW_BY_HAND_STOP, GW_BY_HAND_UNDEFINE } GwByHand; /* what Godwit leaves to an operator */

/* The end of a failure (GW_ERROR_DENIED) of which the password in a file is the cause. */
#define GW_PASSWORD_REMEDY ": write the right password into that file, which is read anew at every attempt"

/* Says that something of uuid changed (uuid NULL: anything, e.g. the connection was lost or came back).
 * Called from the driver's event thread: must only enqueue. */
typedef void (*GwHostEvent)(void *data, const char *host_name, const char *uuid);

/* ---- pools that aggregates make (core/pool.h): hosts of one kind as one pool of the hypervisor's own */

typedef enum { GW_JOIN_PLAIN, GW_JOIN_FORCE } GwJoinHow; /* force: hosts that differ may join, where the hypervisor offers that */

typedef struct {
    char *uuid, *pool_uuid; /* of the host, and of the pool that it is in */
    gboolean is_master;
    char *master;           /* of that pool, for people: "HostA (192.0.2.1)" */
    guint members;          /* of that pool, the host counted */
} GwPoolAbout;

void gw_pool_about_clear(GwPoolAbout *about);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GwPoolAbout, gw_pool_about_clear)

/* A host that is to come or go. Borrowed. */
typedef struct {
    const char *uuid; /* of the host */
    const char *mark; /* the hypervisor keeps it with the call, so that it is known again after a restart; of one change alone */
    GwJoinHow how;
} GwPoolCall;

typedef struct {
    GPtrArray *findings; /* of GwFinding *: what is in the way */
    GPtrArray *lines;    /* of char *: what is destroyed, for people */
    GPtrArray *things;   /* of char *: the UUIDs of all of it */
} GwPoolLosses;

GwPoolLosses *gw_pool_losses_new(void);
void gw_pool_losses_free(GwPoolLosses *losses);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPoolLosses, gw_pool_losses_free)

/* master: any host by whose address the pool is reached. All are required. */
typedef struct {
    gboolean (*about)(GwHost *host, GwPoolAbout *ret_about, GError **error);
    gboolean (*set_name)(GwHost *master, const char *name, GError **error);
    /* Everything against host's joining, not only the first. */
    gboolean (*qualify)(GwHost *master, GwHost *host, GwJoinHow how, GPtrArray *findings, GError **error);
    gboolean (*losses)(GwHost *master, const char *uuid, GwPoolLosses *losses, GError **error);
    /* What the pool and the host itself say of its membership, and of the call. Fills member, task, and refused; *ret_words: why it is
     * not more, for people, or NULL; owned by the caller. */
    gboolean (*look)(GwHost *master, GwHost *host, const GwPoolCall *call, GwPoolSight *ret_sight, char **ret_words, GError **error);
    /* Both begin it and return: `look` sees the end. */
    gboolean (*join)(GwHost *master, GwHost *host, const GwPoolCall *call, GError **error);
    gboolean (*eject)(GwHost *master, const GwPoolCall *call, GError **error);
    /* The address of the member of this UUID; trusts whatever the addresses of members do, since any may become the master. */
    gboolean (*address)(GwHost *master, GwHost *const *members, guint count, const char *uuid, char **ret_uri, GError **error);
    /* That of a host alone, by which it can also be reached while it is a member. */
    gboolean (*own_address)(GwHost *master, GwHost *host, const char *uuid, char **ret_uri, GError **error);
} GwPoolOps;

typedef struct {
    const char *name;           /* "libvirt" */
    const char *const *schemes; /* URI schemes it serves, before any '+', NULL-terminated: {"qemu", NULL} */
    const char *hypervisor_type; /* hosts of different types never exchange instances */
    gboolean paused_stay;        /* a paused guest does not move live */

    /* The name of the file in secrets_path that holds the password for this address: one for all hosts that share it. Owned by the
     * caller; NULL: the address takes none. Optional. */
    char *(*secret_name)(const char *uri);
    /* Makes a host from its address. Does not connect: the first call does. GW_ERROR_INVALID for a malformed URI. */
    GwHost *(*open)(const char *host_name, const char *uri, const GwDriverSettings *settings, GError **error);
    void (*close)(GwHost *host);
    /* Begins to report events; event may be called until `close` has returned. Optional: NULL means polling only. */
    gboolean (*watch)(GwHost *host, GwHostEvent event, void *data, GError **error);

    GwHostFacts *(*facts)(GwHost *host, GError **error);
    /* Every instance: running, paused, stopped. ret_instances: of GwInstance *, owned by the caller. */
    gboolean (*instances)(GwHost *host, GPtrArray **ret_instances, GError **error);
    GwInstance *(*describe)(GwHost *host, const char *uuid, GError **error); /* GW_ERROR_NOT_FOUND when not there */
    /* Of a host that does not answer: who is asked for it and is silent, for people, so that the host itself may be well ("HostA
     * (10.0.0.1)", the master of its pool). NULL: it is asked itself, or is known to be lost. Makes no call. Owned by the caller. Optional. */
    char *(*silent_master)(GwHost *host);
    /* Absent is an answer, not an error. */
    gboolean (*sight)(GwHost *host, const char *uuid, GwSight *ret_sight, GError **error);

    /* Finds out everything that concerns moving uuid from source to dest, proving shared storage by a probe volume.
     * Leaves nothing behind. Fills what it can and leaves the rest UNKNOWN; fails only when a host fails. */
    gboolean (*examine)(GwHost *source, GwHost *dest, const char *uuid, GwMoveFacts **ret_facts, GError **error);

    /* What uuid does to its memory and disks; lasts as long as how says, and disturbs neither the guest nor a copy that begins
     * meanwhile. ret_load->how says how much of it could be found out. Optional. */
    gboolean (*measure)(GwHost *host, const char *uuid, GwLoadHow how, GwLoad *ret_load, GError **error);

    /* ---- evacuation; all optional, and given together */
    const char *revive; /* what an administrator does with an instance whose definition was never read, for people */
    /* The text from which `adopt` can define the instance on another host: the engine keeps it for the day that this host is down. */
    char *(*definition)(GwHost *host, const char *uuid, GError **error);
    /* As examine, of an instance whose host is down, from what was kept of it. Only dest is asked: facts->source stays NULL, and a
     * disk counts as shared when dest has it at the same path, in the same size. */
    gboolean (*examine_evacuation)(GwHost *dest, GwInstance *instance, const char *definition, GwMoveFacts **ret_facts, GError **error);

    /* Makes room on dest: starts or makes pools, creates the volumes of every GW_FATE_COPY disk (exclusively: an existing
     * file is GW_ERROR_FAILED, never reused; sparse), and sends the media of GW_FATE_SEND (lasts as long as that takes; one that has
     * come meanwhile is reused). On failure removes what it made. */
    gboolean (*prepare)(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error);

    /* Carries the copy out and returns when it has ended. On its own connection and blocking: the caller gives it a thread.
     * GW_MOVE_LIVE: the running or paused guest moves. GW_MOVE_COLD: the guest was started paused for it and its CPUs
     * never run; on success it is paused on dest and defined on both.
     * plan->flags is passed on; what the copy itself needs (disks, XML, addresses) the driver works out from the plan. */
    gboolean (*migrate)(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error);
    /* A post-copy that was interrupted (GW_SEEN_POSTCOPY_FAILED) goes on where it stopped; as `migrate` otherwise, and never a second copy.
     * Any error: the two halves are as they were. Optional: NULL where there is no post-copy. */
    gboolean (*recover)(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error);
    /* Asks; the end shows in `migrate` and `sight`. `quiesce`: the guest is paused first, where that can be, and runs on once the copy has
     * ended (gw_transfer_quiesces). */
    gboolean (*abort)(GwHost *source, const char *uuid, gboolean quiesce, GError **error);
    gboolean (*force_complete)(GwHost *source, const char *uuid, GwForceHow how, GError **error); /* optional */
    /* The copy under way switches over as soon as the estimated pause is no longer. Optional. */
    gboolean (*set_pause)(GwHost *source, const char *uuid, guint ms, GError **error);
    gboolean (*set_bandwidth)(GwHost *source, const char *uuid, guint64 mibps, GError **error); /* optional */

    gboolean (*stop)(GwHost *host, const char *uuid, GwStopHow how, guint timeout_ms, GError **error);
    gboolean (*start)(GwHost *host, const char *uuid, GwStartHow how, GError **error);
    gboolean (*resume)(GwHost *host, const char *uuid, GError **error); /* a paused one runs on */
    gboolean (*pause)(GwHost *host, const char *uuid, GError **error);  /* a running one halts; its memory stays */
    /* Its memory is kept on the host, and it stops; `wake` lets it go on where it was. Last as long as that takes. Both optional, and given
     * together. */
    gboolean (*suspend)(GwHost *host, const char *uuid, GError **error);
    gboolean (*wake)(GwHost *host, const char *uuid, GError **error);
    GwDiagnostics *(*diagnostics)(GwHost *host, const char *uuid, GError **error); /* optional */
    /* The command by which an operator does that to uuid, and where to type it. Owned by the caller; may ask the host. Optional. */
    char *(*command)(GwHost *host, const char *uuid, GwByHand act);

    /* Defines the stopped instance of plan on dest: dest paths, console address, no autostart until `settle`. */
    gboolean (*adopt)(GwHost *dest, const GwPlan *plan, GError **error);
    /* Makes the definition on dest final after a proof that the instance is there: persistent and autostart as before. */
    gboolean (*settle)(GwHost *dest, const GwPlan *plan, GError **error);
    /* Gives the stopped instance on dest the plan's new shape, and enlarges its disk; a disk that is as large already stays. Optional. */
    gboolean (*reshape)(GwHost *dest, const GwPlan *plan, GError **error);
    /* Removes what the plan's instance has on one side: its definition, and the files of GW_FATE_COPY disks on that side,
     * on SIDE_DEST also media that were sent and that no other instance uses, and pools that Godwit made for it. SIDE_SOURCE: after the proof that it lives on dest. SIDE_DEST: undoing.
     * Refuses (GW_ERROR_CONFLICT) while the instance is active on that side. What is already gone is success. */
    gboolean (*forget)(GwHost *host, const GwPlan *plan, GwSide side, GError **error);

    /* ---- making servers and taking instances away. NULL in both: not offered by this driver. */
    /* Makes the server's disk from server->image_path, a file of the controller, and defines it, stopped. An instance or a file
     * that is there already is GW_ERROR_CONFLICT, and stays as it is. Lasts as long as the image is sent. What a failure leaves
     * is removed by `remove`. */
    gboolean (*create)(GwHost *host, const GwServer *server, GError **error);
    /* Stops it, hard; removes its definition, what `create` made, and the files server->disks, but none that another instance
     * uses; and the folder of its own, once empty. What is already gone is success. */
    gboolean (*remove)(GwHost *host, const GwServer *server, GError **error);
    /* What host still has of the plan's instance, which lives on home: its definition if it is not active, and the files of
     * GW_FATE_COPY disks of that side: what `forget` would remove. GW_ERROR_CONFLICT when home sees one of those files, too: then
     * it is not left over. ret_left: of char *, for people. Optional. */
    gboolean (*remains)(GwHost *host, GwHost *home, const GwPlan *plan, GwSide side, GPtrArray **ret_left, GError **error);

    /* ---- examining hosts themselves. All four are optional. */
    /* What concerns the host's readiness; removes what probes of former runs left there. */
    GwHostAudit *(*audit)(GwHost *host, GError **error);
    /* Moves a tiny paused guest of its own from source to dest, in the way of plan (uuid, flags, destination_uri, migrate_uri;
     * the rest is not read), and removes it, whatever happened. A move that fails is an answer, not an error. */
    GwPairAudit *(*probe)(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error);
    /* What the way from source to dest carries, by the copy of a guest of its own, which it removes, in the way of plan (and within its limit).
     * GW_ERROR_UNSUPPORTED, and why: this cannot be found out here. Optional. */
    gboolean (*measure_link)(GwHost *source, GwHost *dest, const GwPlan *plan, GwLinkRate *ret_rate, GError **error);
    /* The CPU that guests can have on all hosts whose audits gave these texts, in the form of an instance's definition. */
    char *(*baseline)(GwHost *host, const char *const *cpus, GError **error);

    const GwPoolOps *pools; /* NULL: hosts of this kind form no pools */
} GwDriver;

/* ---- The wrappers: what the rest of Godwit uses. A GwNode is an open host with its driver; reference-counted,
 * thread-safe. Calls on a node that was found unreachable less than retry_ms ago fail at once with
 * GW_ERROR_UNREACHABLE, so that a dead host costs its timeout once. */
typedef struct GwNode GwNode;

GwNode *gw_node_open(const GwDriver *driver, const char *host_name, const char *uri, const GwDriverSettings *settings,
                     GError **error);
GwNode *gw_node_ref(GwNode *node);
void gw_node_unref(GwNode *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwNode, gw_node_unref)
const char *gw_node_name(const GwNode *node);
const char *gw_node_uri(const GwNode *node);
const GwDriver *gw_node_driver(const GwNode *node);
/* Somebody waits for an answer: the pause before an unreachable host is tried again is over, but for its first length. FALSE: it was tried
 * less than that ago. */
gboolean gw_node_try_anew(GwNode *node);
/* The last that was heard of it is that it does not answer: why, for people, owned by the caller; NULL: it does, or was not asked. */
char *gw_node_silence(GwNode *node);

gboolean gw_node_watch(GwNode *node, GwHostEvent event, void *data, GError **error);
GwHostFacts *gw_node_facts(GwNode *node, GError **error);
gboolean gw_node_instances(GwNode *node, GPtrArray **ret_instances, GError **error);
GwInstance *gw_node_describe(GwNode *node, const char *uuid, GError **error);
char *gw_node_silent_master(GwNode *node); /* NULL also where the driver has none */
gboolean gw_node_sight(GwNode *node, const char *uuid, GwSight *ret_sight, GError **error);
gboolean gw_node_examine(GwNode *source, GwNode *dest, const char *uuid, GwMoveFacts **ret_facts, GError **error);
gboolean gw_node_measure(GwNode *node, const char *uuid, GwLoadHow how, GwLoad *ret_load, GError **error);
char *gw_node_definition(GwNode *node, const char *uuid, GError **error); /* UNSUPPORTED where the driver has none */
gboolean gw_node_can_evacuate(const GwNode *node);
gboolean gw_node_examine_evacuation(GwNode *dest, GwInstance *instance, const char *definition, GwMoveFacts **ret_facts,
                                    GError **error);
gboolean gw_node_prepare(GwNode *source, GwNode *dest, const GwPlan *plan, GError **error);
gboolean gw_node_migrate(GwNode *source, GwNode *dest, const GwPlan *plan, GError **error);
gboolean gw_node_recover(GwNode *source, GwNode *dest, const GwPlan *plan, GError **error);
gboolean gw_node_abort(GwNode *source, const char *uuid, gboolean quiesce, GError **error);
/* FALSE, and why: hosts of this kind have no such call. */
gboolean gw_node_can_force(const GwNode *source, GError **error);
gboolean gw_node_force_complete(GwNode *source, const char *uuid, GwForceHow how, GError **error);
gboolean gw_node_set_pause(GwNode *source, const char *uuid, guint ms, GError **error);
gboolean gw_node_set_bandwidth(GwNode *source, const char *uuid, guint64 mibps, GError **error); /* 0: unlimited */
gboolean gw_node_stop(GwNode *node, const char *uuid, GwStopHow how, guint timeout_ms, GError **error);
gboolean gw_node_start(GwNode *node, const char *uuid, GwStartHow how, GError **error);
gboolean gw_node_resume(GwNode *node, const char *uuid, GError **error);
gboolean gw_node_pause(GwNode *node, const char *uuid, GError **error);
gboolean gw_node_moves_paused(const GwNode *node); /* live */
gboolean gw_node_can_suspend(const GwNode *node);
/* UNSUPPORTED where the driver has none. */
gboolean gw_node_suspend(GwNode *node, const char *uuid, GError **error);
gboolean gw_node_wake(GwNode *node, const char *uuid, GError **error);
char *gw_node_command(GwNode *node, const char *uuid, GwByHand act); /* for people; never NULL, owned by the caller */
GwDiagnostics *gw_node_diagnostics(GwNode *node, const char *uuid, GError **error);
gboolean gw_node_adopt(GwNode *dest, const GwPlan *plan, GError **error);
gboolean gw_node_can_reshape(const GwNode *node);
/* Nothing to do for a plan without a new shape. UNSUPPORTED where the driver has none. */
gboolean gw_node_reshape(GwNode *dest, const GwPlan *plan, GError **error);
gboolean gw_node_settle(GwNode *dest, const GwPlan *plan, GError **error);
gboolean gw_node_forget(GwNode *node, const GwPlan *plan, GwSide side, GError **error);
gboolean gw_node_can_create(const GwNode *node);
gboolean gw_node_create(GwNode *node, const GwServer *server, GError **error); /* GW_ERROR_UNSUPPORTED: not offered */
gboolean gw_node_remove(GwNode *node, const GwServer *server, GError **error); /* likewise */
gboolean gw_node_can_search(const GwNode *node); /* for remains */
gboolean gw_node_remains(GwNode *node, GwNode *home, const GwPlan *plan, GwSide side, GPtrArray **ret_left, GError **error);
/* An audit of the facts alone where the driver has none. */
GwHostAudit *gw_node_audit(GwNode *node, GError **error);
GwPairAudit *gw_node_probe(GwNode *source, GwNode *dest, const GwPlan *plan, GError **error);
gboolean gw_node_measure_link(GwNode *source, GwNode *dest, const GwPlan *plan, GwLinkRate *ret_rate, GError **error);
char *gw_node_baseline(GwNode *node, const char *const *cpus, GError **error);
/* ---- pools.c: pools made from aggregates. UNSUPPORTED where the driver has none; of hosts of two kinds, too. */
gboolean gw_node_can_pool(const GwNode *node);
gboolean gw_node_pool_about(GwNode *node, GwPoolAbout *ret_about, GError **error);
gboolean gw_node_pool_set_name(GwNode *master, const char *name, GError **error);
gboolean gw_node_pool_qualify(GwNode *master, GwNode *node, GwJoinHow how, GPtrArray *findings, GError **error);
gboolean gw_node_pool_losses(GwNode *master, const char *uuid, GwPoolLosses *losses, GError **error);
gboolean gw_node_pool_look(GwNode *master, GwNode *node, const GwPoolCall *call, GwPoolSight *ret_sight, char **ret_words, GError **error);
gboolean gw_node_pool_join(GwNode *master, GwNode *node, const GwPoolCall *call, GError **error);
gboolean gw_node_pool_eject(GwNode *master, const GwPoolCall *call, GError **error);
gboolean gw_node_pool_address(GwNode *master, GwNode *const *members, guint count, const char *uuid, char **ret_uri, GError **error);
gboolean gw_node_pool_own_address(GwNode *master, GwNode *node, const char *uuid, char **ret_uri, GError **error);

/* The driver among `drivers` (NULL-terminated) that serves uri's scheme, or NULL with GW_ERROR_INVALID. */
const GwDriver *gw_driver_for_uri(const GwDriver *const *drivers, const char *uri, GError **error);
char *gw_driver_secret_name(const GwDriver *driver, const char *uri); /* owned by the caller, or NULL */

#endif
