/* What a hypervisor says of one instance: a value, the same for every driver.
 * Instances are immutable once published and shared by reference count across threads. */
#ifndef GW_CORE_INSTANCE_H
#define GW_CORE_INSTANCE_H

#include <glib.h>

#define GW_UUID_SIZE 37 /* 36 characters, lower case with hyphens, and the NUL */

/* Nova's power_state numbers (nova/compute/power_state.py), since the Compute API shows them. */
typedef enum {
    GW_POWER_NOSTATE = 0,
    GW_POWER_RUNNING = 1,
    GW_POWER_PAUSED = 3,
    GW_POWER_SHUTDOWN = 4,
    GW_POWER_CRASHED = 6,
    GW_POWER_SUSPENDED = 7,
} GwPower;

typedef enum {
    GW_DISK_FILE,    /* path is a file on the host */
    GW_DISK_BLOCK,   /* path is a block device on the host; pool may name the libvirt pool that provides it */
    GW_DISK_NETWORK, /* path is a URL such as iscsi://HostA:3260/iqn.x/1: every host reaches the same bytes */
    GW_DISK_OTHER,   /* a kind that Godwit cannot move; path says what it is */
} GwDiskKind;

typedef enum {
    GW_DISK_READONLY = 1 << 0,
    GW_DISK_SHAREABLE = 1 << 1, /* written by several instances at once */
    GW_DISK_REMOVABLE = 1 << 2, /* cdrom or floppy */
    GW_DISK_EMPTY = 1 << 3,     /* removable without medium: path is NULL */
    GW_DISK_TRANSIENT = 1 << 4,
} GwDiskFlags;

typedef struct {
    char *target; /* the guest's name of it, "vda": unique within the instance */
    GwDiskKind kind;
    char *path;       /* NULL when GW_DISK_EMPTY */
    char *pool;       /* the libvirt storage pool (or SR) it belongs to, or NULL when none or unknown */
    char *format;     /* "qcow2", "raw", ... */
    char *cache;      /* libvirt's cache mode ("none", "writeback", ...), or NULL for the default */
    GStrv backing;    /* the backing chain below path, nearest first; NULL when there is none */
    unsigned flags;   /* GwDiskFlags */
    char *no_copy;    /* why it cannot be copied to other storage, with the remedy, or NULL: as far as is known, it can */
    guint64 capacity_bytes;   /* what the guest sees; 0 when unknown */
    guint64 allocation_bytes; /* what the storage holds; 0 when unknown */
} GwDisk;

typedef enum { GW_NIC_BRIDGE, GW_NIC_NETWORK, GW_NIC_DIRECT, GW_NIC_OTHER } GwNicKind;

typedef struct {
    GwNicKind kind;
    char *source; /* bridge, libvirt network, or host device name; may be NULL for GW_NIC_OTHER */
    char *mac;
} GwNic;

typedef struct {
    gatomicrefcount refs;
    char uuid[GW_UUID_SIZE];
    char *name;
    GwPower power;
    gboolean persistent; /* has a definition that survives its stop */
    gboolean autostart;
    guint vcpus;
    guint64 memory_mib;     /* now given to the guest */
    guint64 max_memory_mib; /* what it may grow to */
    char *arch;             /* "x86_64" */
    char *machine;          /* "pc-i440fx-7.2" */
    char *virt_type;        /* "kvm", "qemu", "xen" */
    GPtrArray *disks;       /* of GwDisk *, in the definition's order, owned */
    GPtrArray *nics;        /* of GwNic *, owned */
    GPtrArray *host_devices; /* of char *: passthrough devices as people name them ("pci 0000:00:02.0"), owned */
    GPtrArray *files;       /* of char *: other files it needs on its host (kernel, initrd, firmware, ISO), owned */
    char *graphics_listen;  /* address its console listens on, or NULL when it has none */
    gint64 created_at;      /* seconds since the epoch; 0 when the hypervisor does not say */
    guint64 cpu_time_ns;    /* that its hypervisor's process has had: a measurement, not a part of what it is; 0: unknown */
    guint64 fingerprint;    /* of the whole definition: another one means that something of it changed; 0: unknown */
} GwInstance;

GwInstance *gw_instance_new(void); /* one reference; every array present and empty */
GwInstance *gw_instance_ref(GwInstance *instance);
void gw_instance_unref(GwInstance *instance);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwInstance, gw_instance_unref)

/* Appends a zeroed disk or nic owned by the instance; to be called before the instance is published. */
GwDisk *gw_instance_add_disk(GwInstance *instance);
GwNic *gw_instance_add_nic(GwInstance *instance);

/* NULL when there is none of that target. */
const GwDisk *gw_instance_find_disk(const GwInstance *instance, const char *target);

/* Whether two descriptions say the same (references aside): used to publish changes only. */
gboolean gw_instance_equal(const GwInstance *a, const GwInstance *b);

const char *gw_power_name(GwPower power); /* "running", "paused", "shut off", ... */

/* Whether text is a UUID in the 8-4-4-4-12 form. */
gboolean gw_uuid_is_valid(const char *text);

#endif
