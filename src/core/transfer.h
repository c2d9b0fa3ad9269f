/* How the bytes of a move travel: whether the disks' writes wait for the destination, over how many connections memory goes, whether it is
 * compressed, and what part of a link a copy gets. Pure: decided once, when the plan is made, since libvirt cannot change it in the midst
 * of a copy; the part of the link alone is decided again and again. Reasons and measurements: docs/convergence.md. */
#ifndef GW_CORE_TRANSFER_H
#define GW_CORE_TRANSFER_H

#include "core/migration.h"

typedef enum {
    GW_SYNC_AUTO,   /* where the guest is known to write so much that a copy would not end otherwise */
    GW_SYNC_ALWAYS,
    GW_SYNC_NEVER,
} GwSyncWrites;

/* What is known when the plan is made; all zero: nothing. */
typedef struct {
    gboolean sampled;       /* disk_write_bps was measured in the last minutes */
    guint64 write_bps;      /* different pages of memory that the guest writes; 0: nothing, or nobody knows */
    guint64 disk_write_bps;
    guint64 link_bps;       /* what copies between the two hosts were seen to get; 0: none was seen */
    double delta_part;      /* of a page: what its differences take (core/deltas.h); 0: nobody knows */
} GwTraffic;

/* What the two hosts' programs can do. Versions in libvirt's form; 0: unknown, taken for too old. */
typedef struct {
    guint64 hypervisor, library; /* the older of the two ends' */
    gboolean qemu;
} GwAbilities;

typedef struct {
    GwSyncWrites sync_writes;
    guint connections;           /* live_migration_parallel_connections; 0, 1: one, unless the flags have VIR_MIGRATE_PARALLEL */
    GwCompression compression;   /* live_migration_compression */
} GwTransferSettings;

/* Completes a live plan whose disks, flags and bandwidth are set: flags, connections, compression, and whether a second try is permitted. */
void gw_transfer_plan(GwPlan *plan, const GwTransferSettings *settings, const GwTraffic *traffic, const GwAbilities *can);

/* The second try that the plan permits, the last: writes wait for the destination. spent_ms: what the first has taken of the completion
 * timeout, which counts over both. */
void gw_transfer_plan_again(GwPlan *plan, guint64 spent_ms);

/* Whether a guest must be paused before its copy is aborted. QEMU (7.2, and nothing says that later ones differ) forgets its table of blocks in
 * flight when it cancels a mirror, also while a synchronous write is under way, which then writes into freed memory: seen on the lab, every
 * third abort killed the guest or hung. A paused guest has no write under way. */
gboolean gw_transfer_quiesces(const GwPlan *plan);

/* Bytes of QEMU's cache for xbzrle: a power of two (QEMU takes no other), an eighth of the memory, 64 MiB at least. */
guint64 gw_transfer_cache_bytes(guint64 memory_mib);

/* What one of `copies` that share a link of `link_mibps` may send, and what its own limit allows: MiB/s, 0: no limit. At least 1, since 0
 * would be no limit. */
guint64 gw_transfer_share_mibps(guint64 link_mibps, guint copies, guint64 own_mibps);

#endif
