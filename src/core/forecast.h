/* What is expected of a live migration, and what came: a value that travels with its row. Made by core/predict.h. */
#ifndef GW_CORE_FORECAST_H
#define GW_CORE_FORECAST_H

#include "core/instance.h"

typedef struct {
    guint64 low, likely, high;
} GwInterval;

/* What a guest was seen to write: so many different bytes in so much time. */
typedef struct {
    guint64 ms, bytes;
} GwWritten;

typedef enum {
    GW_ENDING_ITSELF,   /* a pass leaves little enough for the pause that the plan allows */
    GW_ENDING_POSTCOPY, /* only in post-copy */
    GW_ENDING_PAUSE,    /* only with a pause that is forced, longer than the plan's own */
    GW_ENDING_NOT,      /* it will be given up: nothing that the plan allows ends it */
    GW_ENDING_COUNT
} GwEnding;

typedef enum {
    GW_BASIS_SIZES,    /* what the guest writes is not known: taken for nothing below, for much above */
    GW_BASIS_EARLIER,  /* by what an earlier move of the instance has shown */
    GW_BASIS_SAMPLED,  /* its memory was sampled beforehand */
    GW_BASIS_OBSERVED, /* passes of the copy itself */
    GW_BASIS_COUNT
} GwBasis;

typedef enum {
    GW_LINK_ASSUMED, /* nobody has measured any */
    GW_LINK_OTHERS,  /* as other pairs of hosts have it */
    GW_LINK_MOVES,   /* as moves between the two went */
    GW_LINK_PROBE,   /* as it was measured by `doctor --probe` */
    GW_LINK_COUNT
} GwLinkFrom;

typedef struct {
    GwEnding ending;
    GwBasis basis;
    guint64 forced_pause_ms; /* with GW_ENDING_PAUSE */
    guint64 passes;
    GwInterval total_ms;     /* from the beginning of the move to its end, the work around the copy included */
    GwInterval downtime_ms;  /* that the guest stands still */
    GwInterval bytes;        /* on the wire */
} GwOutlook;

typedef struct {
    char uuid[GW_UUID_SIZE]; /* of the instance */
    GwOutlook first;         /* before the copy began */
    GwOutlook now;           /* renewed at each pass */
    /* what they were made from */
    guint64 memory_bytes;    /* in use, as the hypervisor says: more than is sent */
    guint64 disk_bytes, disk_write_bps;
    guint64 link_bps;
    GwLinkFrom link_from;
    guint64 link_seen_us;    /* when that was seen last, by the wall clock; 0: assumed */
    guint64 write_bps, set_bytes; /* how fast the guest writes, and over how much of its memory */
    guint64 samples;         /* finished moves that its constants come from; 0: defaults */
    guint64 copy_ms, rest_ms; /* of the likely case: the copy alone, and what of the pause is the rest's travel */
    guint64 sent_bytes;      /* likewise: memory */
    /* what came; 0 until it has ended */
    guint64 total_ms, downtime_ms, bytes, actual_bps;
    guint64 held_bps;         /* like actual_bps, of a copy that its plan's limit held back: the link carries as much at least */
    guint64 first_pass_bytes; /* of memory; 0: not seen */
    guint64 delta_of, delta_sent; /* as of GwProgress, when last looked at */
    /* what the guest was seen to write, 0 where nothing was: in the windows of its sample, in the first pass of the copy, and in the
     * shortest of the next ones that tell anything */
    GwWritten short_window, long_window, first_wrote, later_wrote;
} GwForecast;

const char *gw_ending_name(GwEnding ending); /* "by-itself", "post-copy", "pause", "no" */
const char *gw_basis_name(GwBasis basis);    /* "sizes", "earlier", "sampled", "observed" */
const char *gw_link_from_name(GwLinkFrom from); /* "assumed", "others", "moves", "probe" */
gboolean gw_interval_has(const GwInterval *interval, guint64 value);

#endif
