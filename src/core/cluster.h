/* A cluster at one moment, as drains and balances are planned over it: values and numbers, no pointers between them. Hosts
 * and instances are known by their index. Every text is borrowed and outlives the cluster. */
#ifndef GW_CORE_CLUSTER_H
#define GW_CORE_CLUSTER_H

#include "core/group.h"

enum { GW_CLUSTER_NONE = -1 }; /* no zone, no group, an unknown model of CPU */

typedef struct {
    const char *name;
    guint64 memory_mib;   /* of the machine */
    guint64 reserved_mib; /* that no instance gets: kept back, or taken by what is no instance */
    double memory_ratio;  /* how much of it may be promised (ram_allocation_ratio); 0 counts as 1 */
    guint cpus;
    double cpu_ratio;     /* vCPUs per CPU (cpu_allocation_ratio); 0: any number */
    guint max_instances;  /* that it may have, stopped ones too (max_instances_per_host); 0: any number */
    guint max_moves;      /* under way from it and to it together (max_io_ops_per_host); 0: any number */
    guint64 link_bps;     /* bytes per second, in each direction; 0: GW_COST_LINK_BPS */
    int kind;             /* of hypervisor: no instance changes it */
    int zone;
    int realm;            /* the pool of hosts that it belongs to, as XenServer's are; 0: none */
    int cpu_model;        /* class of its CPUs */
    const char *tenants;  /* projects that it is kept for, with commas (filter_tenant_id); NULL: all */
    gboolean leaving;     /* it is being emptied */
    gboolean holds_none;  /* it is disabled or down: it holds no group together */
    const char *closed;   /* why it takes nothing ("it is disabled"), or NULL */
    int copies_to;        /* storage that takes copies; GW_CLUSTER_NONE: none */
    int local_copies_to;  /* that takes those of disks from local storage, while there is room; likewise */
} GwClusterHost;

/* Storage, or a network, of which it is known which hosts reach it (core/sharing.h). */
typedef struct {
    const char *name;
    guint64 free_bytes;
    gboolean local;        /* one host's own */
    const char *no_mirror; /* why disks do not leave it while their guest runs ("it is of type lvm, and …"), or NULL */
} GwClusterStorage;

/* Only disks are copied: who does not reach the others does not take the instance. */
typedef enum { GW_TIE_DISK, GW_TIE_MEDIUM, GW_TIE_NETWORK } GwTieKind;

/* What ties an instance to storage or a network. */
typedef struct {
    GwTieKind kind;
    guint storage;
    guint64 bytes;       /* that a copy sends */
    guint64 full_bytes;  /* that a copy may come to fill */
    const char *no_copy; /* why it cannot be copied, or NULL */
} GwClusterTie;

typedef struct {
    const char *name;
    guint host;
    guint64 memory_mib;   /* 0 for one that is stopped: it takes none */
    guint vcpus;
    double cpus_used;     /* how many CPUs' worth of work it does; negative: unknown, its vCPUs count */
    guint64 disk_bytes;   /* that would travel with it, wherever it goes */
    guint first_tie, tie_count; /* to storage and networks of which is known who reaches them; no such disk counts in disk_bytes */
    guint64 used_mib;     /* of its memory, what travels; 0: all of it */
    guint64 dirty_bps;    /* bytes per second of memory that it writes; 0: unknown or none */
    gboolean stopped;     /* it moves cold, and nobody waits for it */
    int zone;             /* in which it must stay */
    int group;
    const char *project;  /* whose it is */
    const char *pins;     /* hosts that it may be on (core/host_limits.h); NULL: all */
    guint64 cpu_models;   /* classes of CPUs that it can run on, as bits; 0: all */
    const char *stuck;    /* why it does not move at all ("it has a passthrough device"), or NULL */
} GwClusterInstance;

typedef struct {
    const char *name;
    GwGroupPolicy policy; /* a hard one */
    guint max_per_host;   /* anti-affinity; 0 counts as 1 */
} GwClusterGroup;

/* A move under way: the instance counts on both hosts. */
typedef struct {
    guint instance;
    guint dest;
    guint64 remaining_ms; /* as predicted */
    gboolean stalled;     /* one of its hosts is silent: nothing is sent, and nobody knows for how long */
} GwClusterTransit;

typedef struct {
    GArray *hosts;     /* of GwClusterHost */
    GArray *instances; /* of GwClusterInstance */
    GArray *groups;    /* of GwClusterGroup */
    GArray *transits;  /* of GwClusterTransit */
    GArray *storages;  /* of GwClusterStorage */
    GArray *ties;      /* of GwClusterTie, an instance's in a row */
    GByteArray *reach; /* storage × host → whether */
    GHashTable *bans;  /* instance × host → why not (borrowed text) */
} GwCluster;

GwCluster *gw_cluster_new(void);
void gw_cluster_free(GwCluster *cluster);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwCluster, gw_cluster_free)

/* This instance does not go to that host: it was tried, say. why: the rest of a sentence ("the move there failed: ..."). */
void gw_cluster_ban(GwCluster *cluster, guint instance, guint host, const char *why);
const char *gw_cluster_banned(const GwCluster *cluster, guint instance, guint host); /* why, or NULL */

static inline GwClusterHost *gw_cluster_host(const GwCluster *cluster, guint index)
{
    return &g_array_index(cluster->hosts, GwClusterHost, index);
}

static inline GwClusterInstance *gw_cluster_instance(const GwCluster *cluster, guint index)
{
    return &g_array_index(cluster->instances, GwClusterInstance, index);
}

/* Whether the instance would leave the pool of hosts that it is in. */
static inline gboolean gw_cluster_leaves_realm(const GwCluster *cluster, guint instance, guint host)
{
    return gw_cluster_host(cluster, gw_cluster_instance(cluster, instance)->host)->realm != gw_cluster_host(cluster, host)->realm;
}

/* What instances may have of a host together. */
guint64 gw_cluster_capacity_mib(const GwClusterHost *host);
double gw_cluster_capacity_vcpus(const GwClusterHost *host); /* G_MAXDOUBLE: any number */
/* What an instance does to its host's CPUs. */
double gw_cluster_load(const GwClusterInstance *instance);

#endif
