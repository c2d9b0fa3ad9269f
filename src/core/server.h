/* A server that Godwit makes or takes away: the row of the store, and the rules of its phases. Pure.
 * Adopted instances have no row, until someone deletes them. Once a server is BUILT, the hosts are the truth about it;
 * its row keeps what no host knows: who it is for, its flavor and image. */
#ifndef GW_CORE_SERVER_H
#define GW_CORE_SERVER_H

#include "core/flavor.h"
#include "core/sight.h"

/* X(ENUM, name) */
#define GW_SERVER_PHASES(X)                                                                                            \
    X(PLACING, "placing")   /* recorded; a host is looked for */                                                      \
    X(CREATING, "creating") /* its disk and definition are made on `host` */                                          \
    X(STARTING, "starting") /* all is made; it is started */                                                          \
    X(BUILT, "built")       /* it ran: nothing is done to it any more */                                              \
    X(UNDOING, "undoing")   /* what was made on `host` goes away; `reason` says why */                                \
    X(FAILED, "failed")     /* nothing of it is anywhere; `reason` says why */                                        \
    X(DELETING, "deleting") /* asked to go; the row goes last */

typedef enum {
#define X(ENUM, name) GW_SERVER_##ENUM,
    GW_SERVER_PHASES(X)
#undef X
        GW_SERVER_PHASE_COUNT
} GwServerPhase;

const char *gw_server_phase_name(GwServerPhase phase);
extern const char *const gw_server_phase_names[GW_SERVER_PHASE_COUNT];

typedef struct {
    gint64 id;                /* ascending, from 1 */
    char uuid[GW_UUID_SIZE];  /* the instance's */
    char *name;               /* as its owner calls it: need not be unique */
    char *domain_name;        /* as the hypervisor calls it: unique */
    GwServerPhase phase;
    char *host;               /* NULL until chosen, and when nothing is there any more */
    char *wanted_zone, *wanted_host; /* of the request, or NULL */
    gboolean host_forced;     /* ZONE:HOST: what administrators set against it does not count */
    char *image_id, *image_path, *image_format; /* NULL: an adopted instance, which is being deleted */
    guint64 image_bytes;      /* of the file */
    GPtrArray *flavors;       /* of GwFlavor *: one, as it was when the server was made; none for an adopted instance */
    GPtrArray *networks;      /* of char *: libvirt networks, one nic each */
    GPtrArray *metadata;      /* of GwMetadatum * */
    GPtrArray *tags;          /* of char * */
    char *description;
    char *disk_config;        /* "AUTO" or "MANUAL" */
    char *reservation_id;
    guint launch_index;
    guint64 disk_bytes;       /* the guest's root disk; 0: as large as the image says */
    guint attempts;           /* times that making it was begun */
    gboolean delete_asked;    /* someone wants it gone; never taken back */
    char *delete_request;     /* id of the request for it; or NULL */
    gboolean listed;          /* DELETING: host and disks are settled */
    GPtrArray *disks;         /* DELETING: of char *: files that go with it; never NULL */
    char *reason;
    char *request_id, *user_id, *project_id;
    gint64 created_us, updated_us, built_us;
    guint64 version;
} GwServer;

GwServer *gw_server_new(void);
GwServer *gw_server_copy(const GwServer *server);
void gw_server_free(GwServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwServer, gw_server_free)
const GwFlavor *gw_server_flavor(const GwServer *server); /* or NULL */
GwFlavor *gw_server_add_flavor(GwServer *server);         /* appends a new one, owned by it */
GwMetadatum *gw_server_add_metadatum(GwServer *server);
GwMetadatum *gw_flavor_add_spec(GwFlavor *flavor);

/* What stands of it while no host shows it: an instance without disks. One reference. */
GwInstance *gw_server_sketch(const GwServer *server);
/* What a hypervisor may call it: of name what is safe there, and the beginning of uuid. */
char *gw_server_domain_name(const char *name, const char *uuid);
/* Files of the instance that are its own: writable, not shared with others, in a folder named by its UUID. Of char *. */
GPtrArray *gw_server_own_disks(const GwInstance *instance);

/* ---- phases */
typedef enum {
    GW_SERVER_WAIT,   /* look again later */
    GW_SERVER_PLACE,  /* choose a host */
    GW_SERVER_CREATE, /* journalled before: one attempt more */
    GW_SERVER_START,
    GW_SERVER_CLEAR,  /* remove what may be on the host */
    GW_SERVER_LIST,   /* settle what is to be deleted */
    GW_SERVER_ENTER,  /* go into phase `next` */
    GW_SERVER_DROP,   /* all is gone: forget the row */
    GW_SERVER_REST,   /* nothing to do */
} GwServerAct;

typedef struct {
    GwServerPhase phase;
    GwSeen seen;          /* on its host; GW_SEEN_UNKNOWN when it does not answer */
    gboolean has_host;
    gboolean host_lost;   /* a host is named, and not known any more */
    gboolean delete_asked;
    gboolean listed;
    gboolean moving;      /* a migration of it is under way */
    gboolean cleared;     /* this process has removed, in this phase, what a former attempt may have made */
    guint attempts;
    gboolean overdue;     /* the host has not answered for long */
} GwServerSituation;

typedef struct {
    GwServerAct act;
    GwServerPhase next; /* of ENTER */
    const char *reason; /* static, or NULL */
} GwServerDecision;

/* A creation that was begun and whose end nobody saw is removed and begun again, GW_SERVER_TRIES times in all. A host that
 * stays silent costs the creation: it fails, and what may be there is removed once it answers. */
enum { GW_SERVER_TRIES = 3 };
GwServerDecision gw_server_next(const GwServerSituation *situation);

#endif
