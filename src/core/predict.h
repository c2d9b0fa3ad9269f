/* Prediction: how a live migration will end, when, and how long its guest will stand still. The passes of the copy are played through
 * with the very ladder (core/ladder.h) that will decide, over what is known of guest, link and disks, in a likely, a better and a worse
 * case. Pure. Formulas and their sources: docs/prediction.md. */
#ifndef GW_CORE_PREDICT_H
#define GW_CORE_PREDICT_H

#include "core/ladder.h"

/* How a driver finds out what a guest does: how long that takes is a part of the question. */
typedef enum {
    GW_LOAD_SIZES, /* at once */
    GW_LOAD_BRIEF, /* and one sample of GW_LOAD_SHORT_MS */
    GW_LOAD_FULL,  /* and another of GW_LOAD_LONG_MS */
} GwLoadHow;
enum { GW_LOAD_SHORT_MS = 1000, GW_LOAD_LONG_MS = 3000 };

/* When a pass of the copy ends. */
typedef enum {
    GW_PASS_WHOLE, /* when all of it is sent */
    GW_PASS_EARLY, /* as soon as what is left of it fits into the pause (QEMU) */
} GwPassEnd;

/* What a guest does. Bytes are of different pages: what is written twice within a window counts once. */
typedef struct {
    guint64 memory_bytes; /* in use, at most */
    guint64 short_bytes, long_bytes; /* written within the windows; meaningful as far as `how` says */
    guint64 grain_bytes;  /* what one page of the sample stands for: nothing smaller is seen */
    guint64 device_bytes; /* state of its devices, which travels in the pause */
    guint64 disk_write_bps;
    GwLoadHow how;
    GwPassEnd pass_end;
} GwLoad;

/* How much of its memory a guest writes in t seconds: U(t) = set · (1 − e^(−write·t/set)). */
typedef struct {
    double write_bps;
    double set_bytes;
} GwDirtyCurve;

/* Through both windows; through one, when the other was not measured. memory_bytes: of the guest. */
GwDirtyCurve gw_dirty_curve_fit(const GwLoad *load, double memory_bytes);
/* Through what a pass has shown, keeping the working set, unless more than that was written. */
GwDirtyCurve gw_dirty_curve_through(const GwDirtyCurve *curve, double seconds, double bytes);
double gw_dirty_curve_at(const GwDirtyCurve *curve, double seconds);

/* Constants that history corrects; core/calibrate.h. */
typedef struct {
    guint64 link_bps;             /* what the link carries */
    double link_low, link_high;   /* parts of it that moves have seen, below and above */
    guint64 around_ms;            /* the work before and after the copy */
    guint64 switch_ms;            /* the pause beside the rest's travel */
    guint64 unused_bytes;         /* of memory in use that is not sent: it is the hypervisor's own */
    guint64 sent_before;          /* what the first pass of this instance's last move sent; 0: it was never seen to move */
    double total_low, total_high; /* actual over likely: what nine of ten moves were within */
    double pause_low, pause_high;
    guint samples;                /* moves that these come from; 0: defaults */
} GwConstants;
extern const GwConstants gw_constants_default;

/* Of one copy, before it or in its midst. */
typedef struct {
    const GwPlan *plan; /* borrowed */
    GwLoad load;
    GwConstants constants;
    guint64 disk_bytes; /* to be copied */
} GwPredictInput;

/* Where a copy is: all zero before it. */
typedef struct {
    guint64 elapsed_ms;  /* of the copy */
    guint64 sent_bytes;
    guint64 pending_bytes; /* memory that the present pass has yet to send; with iteration 0: unused */
    guint64 disk_pending_bytes;
    guint64 iteration;
    guint64 throttle_percent;
    GwLadder ladder;
    double pass_seconds, pass_bytes; /* of the last whole pass: how long it took, and what the guest wrote meanwhile; 0: none yet */
} GwCopyPoint;

/* What the ladder is to expect of the guest (gw_ladder_expect): GW_LADDER_EXPECTED windows. */
void gw_predict_expect(const GwPredictInput *input, GwWritten *ret_seen);
/* at NULL: before the copy. ret_made (may be NULL): its figures that say from what, and of the likely case, are filled. */
GwOutlook gw_predict(const GwPredictInput *input, const GwCopyPoint *at, GwForecast *ret_made);

/* In a sentence: "it ends by itself within about 12 s (9–16 s)…". Owned by the caller. */
char *gw_outlook_to_text(const GwOutlook *outlook);

#endif
