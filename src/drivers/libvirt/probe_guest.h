/* A tiny guest of Godwit's own, by which ways between hosts are tried: made on the source, moved as real ones are, and removed, whatever
 * happened. It takes a disk of 1 MiB along where both hosts have the folder. Being transient it is nowhere once its process is gone; its name
 * tells others to leave it alone (core/audit.h). */
#ifndef GW_DRIVERS_LIBVIRT_PROBE_GUEST_H
#define GW_DRIVERS_LIBVIRT_PROBE_GUEST_H

#include "drivers/libvirt/internal.h"

typedef struct {
    GwVirtCall *call; /* source, destination, and the plan with flags, addresses and limit */
    guint memory_kib;
    char *arch;       /* of both hosts */
    char *name;
    char *path, *dest_path; /* of the disk, or NULL: it has none */
    virDomain *domain;      /* on the source; NULL: not made */
} GwVirtProbe;

/* Wants fresh caps of the source (gw_virt_caps_fresh). */
void gw_virt_probe_init(GwVirtProbe *probe, GwVirtCall *call, guint memory_kib);
/* Removes the guest and its disks from both hosts. */
void gw_virt_probe_clear(GwVirtProbe *probe);
/* Paused; NULL: it is there. Otherwise why not, in libvirt's words; owned by the caller. */
char *gw_virt_probe_start(GwVirtProbe *probe);
/* Writes boot (of one sector) into its disk, before it is started. FALSE: it has none, or that failed. */
gboolean gw_virt_probe_boots(GwVirtProbe *probe, const guint8 *boot, gsize size);
/* NULL: it arrived within patience_ms. Otherwise why not, owned by the caller; *ret_late: it is still on its way. */
char *gw_virt_probe_move(const GwVirtProbe *probe, guint patience_ms, gboolean *ret_late);

#endif
