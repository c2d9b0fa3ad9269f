/* What the files of the sim driver share.
 *
 * Rules. One lock per world guards everything in it; functions that take a GwSimWorld, GwSimHost, GwSimDomain or
 * GwSimCopy are called with it held, but for those of sim_world.h. It is held for moments only: who waits, waits on a
 * condition. Nothing is carried by the thread that asked for it: a copy is a state with the time of its next change
 * (copy.c), brought up to date by whoever looks (gw_sim_world_lock) and by the world's one thread (world.c), which also
 * delivers events. */
#ifndef GW_DRIVERS_SIM_INTERNAL_H
#define GW_DRIVERS_SIM_INTERNAL_H

#include "base/error.h"
#include "drivers/driver.h"
#include "drivers/sim/sim_world.h"

#define GW_SIM_SHARED_PATH "/sim/shared"
#define GW_SIM_LOCAL_PATH "/sim/local"
#define GW_SIM_MIB 1048576.0
#define GW_SIM_DEVICE_BYTES 1e6 /* what the state of the devices is taken to weigh */

typedef struct GwSimHost GwSimHost;
typedef struct GwSimDomain GwSimDomain;
typedef struct GwSimCopy GwSimCopy;

/* The parameters of an address. */
typedef struct {
    guint64 memory_mib, cpus, link_mbps, latency_ms, storage_gib, clock_ms;
    guint64 instances, instance_memory_mib, disk_gib, cpu_percent, dirty_mbps, speed, hangs_after_s;
    char *prefix, *bridge, *disk, *hostname, *qemu_user, *hypervisor;
} GwSimSpec;

typedef struct GwSimFolder GwSimFolder;

typedef struct {
    GwSimFolder *folder;
    char owner[GW_UUID_SIZE]; /* "" for a file of nobody's */
    char *target; /* the owner's disk, or NULL */
    guint64 capacity_bytes, allocation_bytes;
    gboolean whole; /* FALSE: made for a copy that has not arrived, */
    gboolean begun; /* and that has begun: what it left cannot be copied over */
    GwSimDomain *user; /* who writes to it now, or NULL */
} GwSimFile;

struct GwSimFolder {
    char *name;
    guint64 capacity_bytes, used_bytes;
    GHashTable *files; /* basename -> GwSimFile */
};

typedef struct {
    char *path;
    GwSimFolder *folder; /* the world's */
    GwSimStorageState state;
} GwSimMount;

typedef struct {
    char *function;
    guint left; /* fails when it comes to 0 */
    GwErrorCode code;
    GwSimWhen when;
} GwSimFault;

struct GwSimDomain {
    GwSimHost *host;
    GwInstance *value; /* published: replaced, never changed */
    GwSeen seen;
    gboolean suspended; /* stopped, and its memory kept */
    gboolean receives; /* post-copy: its CPUs run here while pages still come */
    GPtrArray *open; /* of GwSimFile: those it writes to; borrowed */
    GwSimCopy *copy; /* of which it is one end, or NULL */
    GwProgress last; /* of the last copy that ended */
    double missing_bytes; /* of a broken post-copy: what had not come over */
    double dirty_bps, disk_write_bps; /* what it writes to its memory and its disks: bytes per second */
    double cpus; /* CPUs' worth of work that it does; 0: it does not say */
    guint shutdown_ms;
    char *obstacle;
    GwHalt halt; /* what its storage did to it when its CPUs last ran */
};

struct GwSimHost {
    GwSimWorld *world;
    char *name;
    guint64 memory_mib, memory_used_mib, cpus, latency_ms;
    guint64 clock_ms; /* ahead of everybody else's */
    char *bridge, *hostname, *qemu_user, *hypervisor;
    double link_bps; /* bytes per second, in each direction */
    guint outgoing, incoming; /* copies that share the link */
    GwSimState state;
    gint64 hangs_at_us; /* monotonic: it hangs from then on; 0: it does not */
    GCond state_changed;
    GPtrArray *mounts; /* of GwSimMount */
    GHashTable *domains; /* uuid -> GwSimDomain */
    GHashTable *names; /* name -> GwSimDomain */
    GPtrArray *faults; /* of GwSimFault */
    GHashTable *calls; /* function -> how many calls of it have concerned the host and were answered */
    guint watchers;
};

struct GwSimWorld {
    guint refs;
    char *name;
    GMutex lock;
    GHashTable *hosts; /* name -> GwSimHost */
    GHashTable *folders; /* name -> GwSimFolder */
    GHashTable *whole; /* "uuid target" -> number of whole copies of that disk */
    GHashTable *running; /* uuid -> GwSimDomain whose CPUs run */
    GHashTable *stalls; /* uuid -> GwHalt: wherever its CPUs run they are halted at once */
    GPtrArray *copies; /* of GwSimCopy, one reference each: those under way */
    GPtrArray *violations; /* of char * */
    /* clock: now = base + (monotonic - base_real) * speed */
    gboolean manual;
    double speed;
    gint64 base_us, base_real_us;
    /* the world's thread */
    GThread *thread;
    GCond wake;
    GCond delivered;
    GQueue events; /* of Event (world.c) */
    GPtrArray *watchers; /* of GwHost, borrowed */
    gboolean ending;
};

typedef enum { GW_SIM_DISKS, GW_SIM_MEMORY, GW_SIM_SWITCHOVER, GW_SIM_POSTCOPY } GwSimPhase;

/* A copy under way. Between two changes of the world its rate is constant, so that its state at any time follows from
 * (at_us, left, rate), and the time of its next change is known. */
struct GwSimCopy {
    guint refs; /* under the world's lock */
    GwSimHost *source, *dest;
    GwSimDomain *from, *to; /* NULL once ended */
    GwPlan *plan;
    GwSimPhase phase;
    gint64 begun_us, at_us, due_us;
    gint64 halted_us; /* since when the guest has not run anywhere; 0: it runs */
    double left, rate; /* bytes of the phase or pass; bytes per second */
    double cap_bps; /* 0: none */
    double pause_s; /* it switches over once the rest takes no longer */
    double dirtied, pass_bytes; /* written by the guest since the pass began; to be sent in the pass */
    double memory_bytes, memory_sent, disk_bytes, disk_sent;
    guint iteration, throttle;
    gboolean caller_gone; /* the connection of the `migrate` call is lost */
    gboolean ended;
    GError *error;
    GCond changed; /* ended, caller_gone, or the source's state */
};

struct GwHost {
    GwSimWorld *world; /* one reference */
    GwSimHost *host;
    char *name; /* Godwit's */
    guint timeout_ms;
    GwHostEvent event;
    void *event_data;
    guint delivering; /* events being told now, outside the lock */
};

/* ---- world.c */
GwSimWorld *gw_sim_world_ref(GwSimWorld *world); /* takes the lock itself, as the next three do */
void gw_sim_world_unref(GwSimWorld *world);
void gw_sim_world_lock(GwSimWorld *world); /* and brings the world up to date */
void gw_sim_world_unlock(GwSimWorld *world);
gint64 gw_sim_now(const GwSimWorld *world); /* microseconds */
void gw_sim_wake(GwSimWorld *world); /* the thread has something new to wait for or to tell */
void gw_sim_tell(GwSimHost *host, const char *uuid); /* event; uuid NULL: anything */
void gw_sim_violation(GwSimWorld *world, const char *format, ...) G_GNUC_PRINTF(2, 3);
void gw_sim_watch(GwHost *handle, GwHostEvent event, void *data);
void gw_sim_unwatch(GwHost *handle); /* returns when no event is being told */

/* ---- uri.c: sim://WORLD/HOST?... ; GW_ERROR_INVALID naming what is wrong */
gboolean gw_sim_uri_parse(const char *uri, char **ret_world, char **ret_host, GwSimSpec *ret_spec, GError **error);
gboolean gw_sim_spec_parse(const char *parameters, GwSimSpec *ret_spec, GError **error);
void gw_sim_spec_clear(GwSimSpec *spec);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GwSimSpec, gw_sim_spec_clear)

/* ---- host.c */
GwSimHost *gw_sim_host_find(GwSimWorld *world, const char *name); /* or NULL */
GwSimHost *gw_sim_host_ensure(GwSimWorld *world, const char *name, const GwSimSpec *spec);
void gw_sim_host_free(GwSimHost *host);
/* Takes the instance; makes its disks' files and what else it lacks. */
GwSimDomain *gw_sim_host_place(GwSimHost *host, GwInstance *instance);
char *gw_sim_uuid(const char *seed); /* the same for the same seed */
GwHostFacts *gw_sim_host_facts(GwSimHost *host);
GwSimDomain *gw_sim_host_domain(GwSimHost *host, const char *uuid); /* or NULL */
GwSimDomain *gw_sim_host_require(GwSimHost *host, const char *uuid, GError **error); /* GW_ERROR_NOT_FOUND */

/* ---- domain.c */
void gw_sim_domain_replace(GwSimDomain *domain, GwInstance *value); /* of a stopped one; takes a reference */
GwSimDomain *gw_sim_domain_add(GwSimHost *host, GwInstance *value /* taken */, GwSeen seen);
void gw_sim_domain_remove(GwSimDomain *domain);
void gw_sim_domain_set(GwSimDomain *domain, GwSeen seen); /* opens and closes files, proves that it runs once, tells */
void gw_sim_domain_vanish(GwSimDomain *domain); /* stopped: gone, unless it is persistent */
void gw_sim_domain_define(GwSimDomain *domain, gboolean persistent, gboolean autostart);
gboolean gw_sim_domain_is_active(const GwSimDomain *domain);
gboolean gw_sim_domain_runs(const GwSimDomain *domain); /* its CPUs */
void gw_sim_domain_free(GwSimDomain *domain);

/* ---- instance.c */
GwInstance *gw_sim_instance_copy(const GwInstance *instance);
GwInstance *gw_sim_instance_relocate(const GwInstance *instance,
                                     const GwPlan *plan); /* as it will be on the destination */
char *gw_sim_instance_to_text(const GwInstance *instance);
GwInstance *gw_sim_instance_from_text(const char *text, GError **error);

/* ---- storage.c */
GwSimFolder *gw_sim_folder_ensure(GwSimWorld *world, const char *name, guint64 gib);
void gw_sim_folder_free(GwSimFolder *folder);
guint64 gw_sim_mount_available(const GwSimMount *mount); /* bytes that can still be written through it */
gboolean gw_sim_storage_fails(const GwSimHost *host, const char *path); /* nothing there can be made, opened or removed */
void gw_sim_mount(GwSimHost *host, const char *path, GwSimFolder *folder);
const GwSimMount *gw_sim_mount_of(const GwSimHost *host, const char *path); /* of the file's folder, or NULL */
GwSimFile *gw_sim_file_find(const GwSimHost *host, const char *path); /* or NULL */
/* Exclusively: NULL when it exists or has no folder. */
GwSimFile *gw_sim_file_create(GwSimHost *host, const char *path, const char *owner, const char *target);
void gw_sim_file_complete(GwSimWorld *world, GwSimFile *file, guint64 allocation_bytes); /* its bytes have arrived */
void gw_sim_file_delete(GwSimHost *host, const char *path);
void gw_sim_files_discard(GwSimHost *host, const char *uuid, const GPtrArray *paths); /* create.c made or named; deletion is wanted */
gboolean gw_sim_files_present(const GwSimDomain *domain, GError **error); /* GW_ERROR_FAILED naming the first absent */
void gw_sim_files_open(GwSimDomain *domain);
void gw_sim_files_close(GwSimDomain *domain);

/* ---- depart.c: GW_ERROR_FAILED when either side refuses. Borrowed: of world->copies. */
GwSimCopy *gw_sim_copy_begin(GwSimHost *source, GwSimHost *dest, const GwPlan *plan, GError **error);
/* A broken post-copy goes on. */
GwSimCopy *gw_sim_copy_resume(GwSimHost *source, GwSimHost *dest, const GwPlan *plan, GError **error);

/* ---- copy.c */
guint64 gw_sim_copy_disk_bytes(const GwSimCopy *copy, const GwPlanDisk *disk); /* that travel */
void gw_sim_copy_begin_pass(GwSimCopy *copy, GwSimPhase phase, double bytes);
void gw_sim_copy_begin_memory(GwSimCopy *copy);
GwSimCopy *gw_sim_copy_ref(GwSimCopy *copy);
void gw_sim_copy_unref(GwSimCopy *copy);
void gw_sim_copies_advance(GwSimWorld *world); /* to now */
gint64 gw_sim_copies_due(const GwSimWorld *world); /* G_MAXINT64: never */
void gw_sim_copies_rerate(GwSimWorld *world); /* after a link, a dirty rate or the guest's state has changed */
GwProgress gw_sim_copy_progress(const GwSimCopy *copy);
void gw_sim_copy_fail(GwSimCopy *copy, GwErrorCode code, const char *why); /* undone, or broken when in post-copy */
void gw_sim_copy_interrupt(GwSimCopy *copy); /* its daemon was killed */
gboolean gw_sim_copy_force(GwSimCopy *copy, GwForceHow how, GError **error);

/* ---- call.c: what every driver call goes through */
typedef struct {
    GwHost *first, *second; /* second may be NULL */
    GError *late; /* to be reported after the effect, or NULL */
    gboolean early; /* GW_SIM_DURING */
} GwSimCall;
typedef enum { GW_SIM_ASK, GW_SIM_ACT } GwSimDeed;
/* Latency, state of the hosts, faults. On success the world is locked until gw_sim_call_end. */
gboolean gw_sim_call_begin(GwSimCall *call, GwSimDeed deed, const char *function, GwHost *first, GwHost *second,
                           GError **error);
gboolean gw_sim_call_end(GwSimCall *call, gboolean ok, GError **error);

/* ---- driver functions, by file */
char *gw_sim_definition(GwHost *host, const char *uuid, GError **error);
gboolean gw_sim_examine_evacuation(GwHost *dest, GwInstance *instance, const char *definition, GwMoveFacts **ret_facts, GError **error);
gboolean gw_sim_examine(GwHost *source, GwHost *dest, const char *uuid, GwMoveFacts **ret_facts, GError **error);
gboolean gw_sim_measure(GwHost *host, const char *uuid, GwLoadHow how, GwLoad *ret_load, GError **error);
gboolean gw_sim_migrate(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error);
gboolean gw_sim_recover(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error);
gboolean gw_sim_abort(GwHost *source, const char *uuid, gboolean quiesce, GError **error);
gboolean gw_sim_force_complete(GwHost *source, const char *uuid, GwForceHow how, GError **error);
gboolean gw_sim_set_pause(GwHost *source, const char *uuid, guint ms, GError **error);
gboolean gw_sim_set_bandwidth(GwHost *source, const char *uuid, guint64 mibps, GError **error);
gboolean gw_sim_prepare(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error);
gboolean gw_sim_adopt(GwHost *dest, const GwPlan *plan, GError **error);
gboolean gw_sim_reshape(GwHost *dest, const GwPlan *plan, GError **error);
gboolean gw_sim_settle(GwHost *dest, const GwPlan *plan, GError **error);
gboolean gw_sim_remains(GwHost *host, GwHost *home, const GwPlan *plan, GwSide side, GPtrArray **ret_left, GError **error);
gboolean gw_sim_forget(GwHost *host, const GwPlan *plan, GwSide side, GError **error);
GwHostAudit *gw_sim_audit(GwHost *host, GError **error);                                  /* audit.c */
GwPairAudit *gw_sim_probe(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error); /* audit.c */
gboolean gw_sim_measure_link(GwHost *source, GwHost *dest, const GwPlan *plan, GwLinkRate *ret_rate, GError **error); /* audit.c */
gboolean gw_sim_stop(GwHost *host, const char *uuid, GwStopHow how, guint timeout_ms, GError **error);
gboolean gw_sim_start(GwHost *host, const char *uuid, GwStartHow how, GError **error);
gboolean gw_sim_resume(GwHost *host, const char *uuid, GError **error);
gboolean gw_sim_pause(GwHost *host, const char *uuid, GError **error);
void gw_sim_pull_plug(GwSimHost *host, const char *uuid);                            /* power.c */
gboolean gw_sim_start_domain(GwSimDomain *domain, GwStartHow how, GError **error); /* power.c */
gboolean gw_sim_suspend(GwHost *host, const char *uuid, GError **error);            /* guest.c */
gboolean gw_sim_wake_guest(GwHost *host, const char *uuid, GError **error);               /* guest.c */
GwDiagnostics *gw_sim_diagnostics(GwHost *host, const char *uuid, GError **error);  /* guest.c */
gboolean gw_sim_create(GwHost *host, const GwServer *server, GError **error); /* create.c */
gboolean gw_sim_remove(GwHost *host, const GwServer *server, GError **error); /* create.c */

#endif
