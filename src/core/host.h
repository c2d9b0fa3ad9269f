/* What a host says of itself: a value. Immutable once published, shared by reference count. */
#ifndef GW_CORE_HOST_H
#define GW_CORE_HOST_H

#include <glib.h>

/* Which copies a driver puts into a pool by itself. Of those that take the disk, the roomiest gets it. */
typedef enum {
    GW_POOL_TAKES = 1 << 0,       /* any */
    GW_POOL_TAKES_LOCAL = 1 << 1, /* of disks from a local pool, before those that take any, while there is room */
} GwPoolFlags;

typedef struct {
    char *name;
    char *path; /* target folder, or NULL; for XAPI the SR's UUID */
    char *type; /* "dir", "netfs", "iscsi", "iscsi-direct", "logical", ...; for XAPI the SR type */
    gboolean active;
    guint64 capacity_bytes;
    guint64 available_bytes;
    gboolean local;  /* one host's own */
    unsigned flags;  /* GwPoolFlags */
    char *no_mirror; /* why disks do not leave it while their guest runs ("it is of type lvm, and …"), or NULL */
} GwPool;

typedef struct {
    gatomicrefcount refs;
    char *hostname;           /* what the host calls itself */
    char *host_uuid;
    char *realm;              /* hosts of one realm reach the same bytes in pools of one path, and no others do; NULL: nobody can tell */
    char *hypervisor_type;    /* "QEMU" for libvirt (Nova's word, also for KVM), "XenServer", "sim" */
    guint64 hypervisor_version; /* libvirt's form: major * 1000000 + minor * 1000 + release */
    guint64 library_version;    /* libvirt's own, same form; 0 where there is none */
    char *arch;
    char *cpu_model;          /* may be NULL */
    guint cpus;
    guint64 memory_mib;
    guint64 memory_free_mib;
    char *closed;             /* why it takes no instances, in its hypervisor's words ("it is disabled in its pool"), or NULL */
    char *qemu_user;          /* the dac baselabel "+64055:+64055" of the host's QEMU; NULL when unknown */
    GPtrArray *pools;         /* of GwPool *, owned */
    GPtrArray *networks;      /* of char *: active libvirt networks, owned */
    GPtrArray *interfaces;    /* of char *: bridges and other host interfaces; NULL when the host cannot tell */
} GwHostFacts;

GwHostFacts *gw_host_facts_new(void); /* one reference; pools and networks present and empty, interfaces NULL */
GwHostFacts *gw_host_facts_ref(GwHostFacts *facts);
void gw_host_facts_unref(GwHostFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwHostFacts, gw_host_facts_unref)

GwPool *gw_host_facts_add_pool(GwHostFacts *facts);
const GwPool *gw_host_facts_pool_at(const GwHostFacts *facts, const char *folder); /* by target folder, or NULL */
const GwPool *gw_host_facts_pool_named(const GwHostFacts *facts, const char *name);
/* Whether both reach the same bytes in that folder of a; FALSE also when nobody can tell. */
gboolean gw_host_facts_share(const GwHostFacts *a, const GwHostFacts *b, const char *folder);
/* Of disks from local storage: whether copies of so many bytes go to the host's own local pool, rather than to the one that takes any. */
static inline gboolean gw_copies_stay_local(guint64 own_free, guint64 any_free, guint64 bytes)
{
    return own_free >= bytes || own_free >= any_free;
}
/* Where the host puts copies of so many bytes from that pool of another (NULL: not known): borrowed, or NULL: nowhere. */
const GwPool *gw_host_facts_pool_for(const GwHostFacts *dest, const GwPool *from, guint64 bytes);

#endif
