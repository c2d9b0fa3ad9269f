/* What the files of the libvirt driver share.
 *
 * Rules. One connection carries one operation at a time: it is lent (gw_virt_lend), used by one thread, and given back;
 * so no call ever waits behind another (libvirtd serves five calls of one connection at once, and a migration holds one
 * for its whole length). Events come on a connection of their own, which nothing else uses.
 * libvirt has no deadlines. A short operation therefore runs on a helper thread (gw_virt_call_run): when it is late the
 * caller leaves, and the helper, which owns all that it touches, ends whenever the host lets it.
 * Lock order: GwHost.pool_lock before GwHost.lock; GwHost.event_lock is taken with no other held. */
#ifndef GW_DRIVERS_LIBVIRT_INTERNAL_H
#define GW_DRIVERS_LIBVIRT_INTERNAL_H

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "base/error.h"
#include "drivers/driver.h"
#include "drivers/libvirt/xml.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomain, virDomainFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virStoragePool, virStoragePoolFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virStorageVol, virStorageVolFree)

/* What a host's capabilities say; parsed once a minute. */
typedef struct {
    char *host_uuid, *arch, *cpu_model, *qemu_user, *hostname;
    unsigned long hypervisor_version, library_version;
    GHashTable *machines; /* set of "arch/machine", aliases too */
} GwVirtCaps;

struct GwHost {
    gatomicrefcount refs;
    char *name, *uri;
    guint call_timeout_ms;

    GMutex lock; /* of the fields below */
    GQueue idle; /* of virConnectPtr: open and lent to nobody */
    guint late_connects; /* attempts that their caller gave up on and that still hang */
    gboolean closed;
    GwVirtCaps *caps; /* replaced, never changed, so a reader copies under the lock */
    gint64 caps_at_us;
    GHashTable *capacities; /* "uuid path" -> guint64 *, so that a listing need not ask QEMU again */
    GHashTable *stuck;      /* uuid -> calls that their caller gave up on and that still hang */
    GHashTable *completed;  /* uuid -> GwProgress *: figures of the last migration out, which libvirt forgets with the domain */
    char *instances_path;
    char *console_listen, *virt_type; /* of new servers; or NULL */

    GHashTable *arriving; /* set of paths: media that are being sent here */
    GCond arrived;        /* of lock: signalled when one of them is through */

    GMutex pool_lock;      /* of pool_uses, and of the moments in which pools come and go */
    GHashTable *pool_uses; /* folder -> open GwVirtFolders whose pool Godwit made or started for the moment */

    GMutex event_lock; /* held while `event` runs, so that close can wait for it */
    GwHostEvent event;
    void *event_data;
    virConnectPtr monitor; /* the connection of the events, or NULL */
    gboolean attaching;
};

/* ---- host.c */
GwHost *gw_virt_host_new(const char *name, const char *uri, const GwDriverSettings *settings, GError **error);
GwHost *gw_virt_host_ref(GwHost *host);
void gw_virt_host_unref(GwHost *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwHost, gw_virt_host_unref)
void gw_virt_host_close(GwHost *host); /* no event comes after; the last reference frees */
/* An open connection for one operation; GW_ERROR_UNREACHABLE or _DENIED within call_timeout_ms. */
virConnectPtr gw_virt_lend(GwHost *host, GError **error);
void gw_virt_give_back(GwHost *host, virConnectPtr conn); /* NULL is nothing */

/* ---- connect.c: opens a connection, keepalive on, or gives up after timeout_ms. */
virConnectPtr gw_virt_connect(GwHost *host, guint timeout_ms, GError **error);
/* reach.c: FALSE when the host drops packets. Blocks for as long as timeout_ms. */
gboolean gw_virt_reach(const GwHost *host, guint timeout_ms, GError **error);
/* reach.c: every connection to the host's control port ends, with an error to whoever waits on it, once the host is gone for half a
 * minute or has been started again meanwhile. May block for as long as names take to resolve. */
void gw_virt_reach_watch(const GwHost *host);
void gw_virt_loop_start(void); /* the process's event thread; any number of times */

/* ---- error.c */
typedef enum {
    GW_VIRT_ASK, /* nothing was changed, whatever happened to the connection */
    GW_VIRT_ACT, /* if the connection broke, the act may have happened */
} GwVirtDeed;
/* Sets *error from libvirt's last error of this thread; "what" says what was tried. Returns FALSE.
 * Its arguments must not call libvirt: every call there forgets the last error. */
gboolean gw_virt_fail(const GwHost *host, GwVirtDeed deed, GError **error, const char *what, ...) G_GNUC_PRINTF(4, 5);
gboolean gw_virt_last_is(int code); /* whether libvirt's last error of this thread has this code */
char *gw_virt_last_message(void);   /* of that error, for people; owned by the caller */

/* ---- call.c: one short operation. All that a helper touches lives here. */
typedef struct GwVirtCall {
    GwHost *host, *peer; /* peer: the destination of examine and prepare, else NULL */
    virConnectPtr conn, peer_conn;
    char *uuid; /* or NULL */
    GwPlan *plan; /* a copy, or NULL */
    GwServer *server; /* of create and remove; owned; or NULL */
    int how;
    guint timeout_ms; /* the act's own, beyond call_timeout_ms */
    GStrv texts; /* of gw_virt_baseline, the UUID of gw_virt_measure, and the definition of gw_virt_examine_evacuation; owned */
    GwInstance *instance; /* of gw_virt_examine_evacuation; reference */
    gpointer result;
    GDestroyNotify free_result;
    GwSight sight;
} GwVirtCall;
typedef gboolean (*GwVirtWork)(GwVirtCall *call, GError **error);

GwVirtCall *gw_virt_call_new(GwHost *host, GwHost *peer, const char *uuid, const GwPlan *plan);
void gw_virt_call_unref(GwVirtCall *call);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwVirtCall, gw_virt_call_unref)
enum { GW_VIRT_QUICK = -1 }; /* of GwVirtCall.how: a question that gets a second and no longer */
/* Lends the connections, runs work on a helper, waits no longer than the deadline. */
gboolean gw_virt_call_run(GwVirtCall *call, GwVirtDeed deed, GwVirtWork work, GError **error);
gpointer gw_virt_call_take(GwVirtCall *call); /* the result, handed over */

/* ---- the works, by file */
gboolean gw_virt_facts(GwVirtCall *call, GError **error);     /* facts.c; GwHostFacts */
gboolean gw_virt_instances(GwVirtCall *call, GError **error); /* instances.c; GPtrArray */
gboolean gw_virt_describe(GwVirtCall *call, GError **error);  /* instances.c; GwInstance */
gboolean gw_virt_sight(GwVirtCall *call, GError **error);     /* sight.c; call->sight */
gboolean gw_virt_examine(GwVirtCall *call, GError **error);   /* examine.c; GwMoveFacts */
gboolean gw_virt_definition(GwVirtCall *call, GError **error); /* examine.c; char */
gboolean gw_virt_examine_evacuation(GwVirtCall *call, GError **error); /* examine.c; GwMoveFacts; host and peer: the destination */
gboolean gw_virt_prepare(GwVirtCall *call, GError **error);   /* prepare.c */
gboolean gw_virt_start_pools(GwHost *from, virConnectPtr from_conn, GwHost *host, virConnectPtr conn, const GwPlan *plan,
                             GError **error); /* prepare.c; from NULL: pools must be defined already */
gboolean gw_virt_stop(GwVirtCall *call, GError **error);      /* power.c; how: GwStopHow */
gboolean gw_virt_start(GwVirtCall *call, GError **error);     /* power.c; how: GwStartHow */
gboolean gw_virt_resume(GwVirtCall *call, GError **error);    /* power.c */
gboolean gw_virt_pause(GwVirtCall *call, GError **error);    /* power.c */
gboolean gw_virt_suspend(GwVirtCall *call, GError **error);   /* suspend.c */
gboolean gw_virt_wake(GwVirtCall *call, GError **error);      /* suspend.c */
gboolean gw_virt_diagnostics(GwVirtCall *call, GError **error); /* diagnostics.c; GwDiagnostics */
gboolean gw_virt_abort(GwVirtCall *call, GError **error);     /* steer.c */
gboolean gw_virt_set_pause(GwVirtCall *call, GError **error); /* steer.c; how: ms */
gboolean gw_virt_set_bandwidth(GwVirtCall *call, GError **error); /* steer.c; how: MiB/s */
gboolean gw_virt_measure(GwVirtCall *call, GError **error);   /* measure.c; GwLoad; how: GwLoadHow */
gboolean gw_virt_force(GwVirtCall *call, GError **error);     /* steer.c; how: GwForceHow */
gboolean gw_virt_adopt(GwVirtCall *call, GError **error);     /* place.c */
gboolean gw_virt_reshape(GwVirtCall *call, GError **error);   /* reshape.c */
/* What in a definition names each vCPU or part of the memory, so that another shape would not fit it; static, or NULL. */
const char *gw_virt_rigid(const xmlNode *domain);
gboolean gw_virt_settle(GwVirtCall *call, GError **error);    /* place.c */
gboolean gw_virt_forget(GwVirtCall *call, GError **error);    /* forget.c; how: GwSide */
gboolean gw_virt_create(GwVirtCall *call, GError **error);    /* create.c; call->server */
gboolean gw_virt_remove(GwVirtCall *call, GError **error);    /* remove.c; call->server */
/* forget.c: the name of another instance than uuid on the host that has path; "" when nobody can tell, NULL when there is none. */
char *gw_virt_find_user(virConnectPtr conn, const char *uuid, const char *path);
gboolean gw_virt_remains(GwVirtCall *call, GError **error);   /* forget.c; how: GwSide; peer: where it lives; GPtrArray of char * */
gboolean gw_virt_audit(GwVirtCall *call, GError **error);     /* audit.c; GwHostAudit */
gboolean gw_virt_baseline(GwVirtCall *call, GError **error);  /* audit.c; char, from call->texts */
gboolean gw_virt_probe(GwVirtCall *call, GError **error);     /* probe.c; GwPairAudit */
gboolean gw_virt_measure_link(GwVirtCall *call, GError **error); /* probe_link.c; GwLinkRate */
gboolean gw_virt_migrate(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error); /* migrate.c; blocks */
gboolean gw_virt_recover(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error); /* migrate.c; blocks */
void gw_virt_watch(GwHost *host, GwHostEvent event, void *data); /* events.c */
void gw_virt_events_attach(GwHost *host); /* events.c: opens the events' connection if it should be open and is not */
void gw_virt_events_detach(GwHost *host); /* events.c: returns when no event is being delivered */

/* ---- parts */
gboolean gw_virt_caps_fresh(GwHost *host, virConnectPtr conn, GError **error); /* caps.c: host->caps is set and young */
void gw_virt_caps_forget(GwHost *host); /* what is known is old */
/* INVALID when that libvirt (libvirt's form: major * 1000000 + minor * 1000 + release) is too old for Godwit. */
gboolean gw_virt_check_version(const char *name, const char *uri, unsigned long version, GError **error);
void gw_virt_caps_free(GwVirtCaps *caps);
GwVirtCaps *gw_virt_caps_parse(const char *xml, GError **error);
/* Whether the host's QEMU knows that machine type. TRUE also where nobody can tell. Wants fresh caps. */
gboolean gw_virt_caps_has_machine(GwHost *host, const char *arch, const char *machine);

GwHostFacts *gw_virt_read_facts(GwHost *host, virConnectPtr conn, GError **error); /* facts.c */
virDomain *gw_virt_domain(GwHost *host, virConnectPtr conn, const char *uuid, GError **error); /* GW_ERROR_NOT_FOUND */
GwInstance *gw_virt_read_instance(GwHost *host, virDomain *domain, GError **error); /* instances.c */
GwInstance *gw_virt_parse_instance(const char *xml, GError **error);                /* domain_xml.c */
void gw_virt_read_sizes(GwHost *host, GwInstance *instance);                        /* sizes.c: capacity_bytes */
GwSeen gw_virt_seen(int state, int reason);                                         /* sight.c */
/* sight.c: what params say of a migration job; its direction, or GW_JOB_NONE when it is another kind of job. */
GwJob gw_virt_read_progress(virTypedParameter *params, int count, GwProgress *ret_progress);
void gw_virt_keep_progress(GwHost *host, const char *uuid, const GwProgress *progress);

/* ---- folders.c: a folder of a host through the storage API. While a folder is open its pool is active. */
typedef struct {
    GwHost *host;
    virStoragePool *pool;
    char *ours; /* the folder, when its pool is there only for the moment: the last user stops it; else NULL */
    gboolean refreshed;
} GwVirtFolder;
GwVirtFolder *gw_virt_folder_open(GwHost *host, virConnectPtr conn, const char *path, GError **error);
/* The same; a folder that is not there is made. */
GwVirtFolder *gw_virt_folder_make(GwHost *host, virConnectPtr conn, const char *path, GError **error);
/* Whether the pool was made for a folder by some daemon of ours, and so may go at any moment. */
gboolean gw_virt_folder_made_pool(virStoragePool *pool);
/* Removes a folder that is empty and of which nobody else has a pool; any other stays as it is, and that is success. FALSE: it is not
 * known to be gone, or something of ours may still be there: to be called again. */
gboolean gw_virt_folder_remove(GwHost *host, virConnectPtr conn, const char *path, GError **error);
/* Stops those pools of ours that were made more than an hour ago and that this process does not use: a daemon was killed while it had
 * the folder open. One that another daemon still uses is made again at its next step. */
void gw_virt_folder_sweep(GwHost *host, virConnectPtr conn, gint64 now_s);
/* Whether path is the folder that instances_path has for that instance alone. */
gboolean gw_virt_folder_is_own(const GwHost *host, const char *path, const char *uuid);
gboolean gw_virt_folder_refresh(GwVirtFolder *folder); /* waits for jobs of the pool to end; FALSE: they do not */
void gw_virt_folder_close(GwVirtFolder *folder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwVirtFolder, gw_virt_folder_close)
gboolean gw_virt_folder_has(GwVirtFolder *folder, const char *name);
guint64 gw_virt_folder_size(GwVirtFolder *folder, const char *name); /* bytes of the file; 0: not there, empty, or unknown */
guint64 gw_virt_folder_capacity(GwVirtFolder *folder, const char *name); /* what a guest sees of it; 0: not there, or unknown */
/* Deletes a file of the folder; one that is not there is success. */
gboolean gw_virt_folder_delete(GwVirtFolder *folder, const char *name, GError **error);
guint64 gw_virt_folder_available(GwVirtFolder *folder);

/* measure.c: what of its memory the hypervisor's process has; 0: unknown. */
guint64 gw_virt_resident_bytes(virDomain *domain);

/* audit.c: the CPU that mode host-model gives guests there, as <cpu>, and the virt type that it is of; NULL: unknown. */
char *gw_virt_host_model(virConnectPtr conn, const char *arch, const char **ret_type);

/* ---- presence.c: whether the host has something at path: a file, a folder, a device. Changes nothing there. */
GwFact gw_virt_presence(GwHost *host, virConnectPtr conn, const char *path);
/* Whether folder is one and the same on both: what is made on `here` is present on `there`. */
GwFact gw_virt_same_folder(GwHost *here, virConnectPtr here_conn, GwHost *there, virConnectPtr there_conn,
                           const char *folder);

/* ---- media.c: read-only media that only the source has */
/* Whether the destination has the medium at its path. NO: it can be sent; the disk's sizes are then those of the file.
 * *ret_problem: what is there is another one. */
GwFact gw_virt_medium_is_there(GwVirtCall *call, GwDisk *disk, char **ret_problem);
gboolean gw_virt_medium_send(GwVirtCall *call, const GwPlanDisk *disk, GError **error); /* one that has come meanwhile is success */
/* What was sent for the instance uuid, unless another instance uses it there, too. */
gboolean gw_virt_medium_remove(GwHost *host, virConnectPtr conn, const char *uuid, const char *path, GError **error);
char *gw_virt_permissions_xml(GwVirtCall *call, const GwPlanDisk *disk); /* prepare.c: of the source's file; "" where its pool does not list it */

/* ---- rewrite.c: the instance's definition as the destination gets it */
char *gw_virt_definition_pack(const char *live_xml, const char *inactive_xml); /* either may be NULL */
char *gw_virt_definition_live(const GwPlan *plan, GError **error);             /* rewritten for the destination */
char *gw_virt_definition_inactive(const GwPlan *plan, GError **error);         /* likewise */
/* Format of the backing file path of target as the plan's definition says, or NULL when it does not say. */
char *gw_virt_definition_backing_format(const GwPlan *plan, const char *target, const char *path);

#endif
