/* What a move costs: the one place that predicts time, bytes and pause. A simple model, from sizes and rates alone, after
 * H. Liu et al., "Performance and energy modeling for live migration of virtual machines", HPDC 2011; the bound on what a
 * guest that never ends writing costs is that of S. Akoush et al., "Predicting the performance of virtual machine
 * migration", MASCOTS 2010 (five times its memory). Pure. */
#ifndef GW_CORE_COST_H
#define GW_CORE_COST_H

#include "core/cluster.h"

enum {
    GW_COST_SETUP_MS = 300, /* the destination's guest is started; the link is idle */
    GW_COST_TAIL_MS = 300,  /* the source's is ended, its remains are removed; likewise */
    GW_COST_PAUSE_MS = 60,  /* the switch itself, measured on an idle guest */
};
#define GW_COST_LINK_BPS (G_GUINT64_CONSTANT(1250000000)) /* 10 Gbit/s, when nobody says */

typedef struct {
    guint64 bytes;       /* on the wire */
    guint64 transfer_ms; /* with the link for itself */
    guint64 total_ms;    /* and what comes before and after */
    guint64 pause_ms;    /* how long the guest stands still; 0 for one that is stopped */
} GwMoveCost;

/* disk_bytes: that travel with it (core/sharing.h). rate_bps: bytes per second that the move would have to itself; 0 counts as GW_COST_LINK_BPS. */
GwMoveCost gw_cost_predict(const GwClusterInstance *instance, guint64 disk_bytes, guint64 rate_bps);
/* The slower of the two links, at most stream_bps (0: one stream fills any link). */
guint64 gw_cost_rate(const GwCluster *cluster, guint source, guint dest, guint64 stream_bps);

#endif
