/* What hosts say about their readiness to exchange instances: the input of core/doctor.h. Values. */
#ifndef GW_CORE_AUDIT_H
#define GW_CORE_AUDIT_H

#include "core/checks.h"

/* Guests that prove a pair of hosts carry this name, then the second at which they were made, then a random part. They are
 * transient and paused, no driver lists them as instances, and those that a crash left behind go at the next audit. */
#define GW_PROBE_PREFIX "godwit-probe-"
enum { GW_PROBE_LEFT_S = 300 }; /* an older one is left over: no probe lasts so long */
char *gw_probe_name(gint64 now_s, guint32 random);
gboolean gw_probe_is_name(const char *name);
gboolean gw_probe_is_left_over(const char *name, gint64 now_s);

/* The folder of instances_path on one host. */
typedef struct {
    char *path;            /* NULL: none is configured, and nothing below is known */
    GwFact there;
    GwFact writable;       /* a file could be made in it, and was removed again */
    char *problem;         /* why not, in the hypervisor's words, or NULL */
    gint mode;             /* permission bits; -1: unknown */
    gint64 owner, group;   /* -1: unknown */
    guint64 available_bytes; /* 0: unknown */
} GwFolderAudit;

typedef struct {
    GwHostFacts *facts;    /* fresh; reference */
    gboolean facts_only;   /* the driver has no audit of its own: what follows is of another kind of host, and means nothing */
    char *transport;       /* of its address: "tcp", "tls", "ssh", "unix"; NULL: of another kind */
    GwFact secure;         /* the connection is local, or encrypted */
    gint64 certificate_left_s; /* until the certificate expires that it shows; G_MININT64: it shows none, or unknown */
    GwFact kvm;            /* guests may use the processor itself */
    gint64 clock_ahead_ms; /* of the controller's clock; G_MININT64: unknown */
    GwFolderAudit folder;
    GPtrArray *left_over;  /* of char *: names of probe guests of former runs, now removed; owned */
    char *cpu;             /* the driver's own text of the CPU that it can give to guests, or NULL */
} GwHostAudit;

GwHostAudit *gw_host_audit_new(void); /* everything unknown; no facts */
void gw_host_audit_free(GwHostAudit *audit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwHostAudit, gw_host_audit_free)

/* How far a probe came. */
typedef enum {
    GW_PROBE_NONE,    /* none was made */
    GW_PROBE_CREATE,  /* the guest could not be made on the source */
    GW_PROBE_MIGRATE, /* it could not be moved */
    GW_PROBE_DONE,
} GwProbeStep;

/* What the way between two hosts was seen to carry. */
typedef struct {
    guint64 bps;       /* bytes a second */
    gboolean at_least; /* it was too short to say, held back by live_migration_bandwidth, or beside a move */
} GwLinkRate;

/* One direction between two hosts. */
typedef struct {
    GwFact shared;      /* what the source makes in instances_path, the destination sees */
    char *cpu_problem;  /* why the destination cannot give guests the CPU that the source gives them, or NULL */
    GwProbeStep step;   /* the one that failed, or GW_PROBE_DONE */
    char *error;        /* why, in the hypervisor's words, or NULL */
    guint took_ms;      /* of the migration */
    GwFact disk;        /* a disk travelled with it, so the way of disks is proved, too */
    GwLinkRate link;    /* bps 0: not measured */
    char *link_problem; /* why not, or NULL */
} GwPairAudit;

GwPairAudit *gw_pair_audit_new(void);
void gw_pair_audit_free(GwPairAudit *audit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPairAudit, gw_pair_audit_free)

#endif
