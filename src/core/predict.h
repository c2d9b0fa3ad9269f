/* Prediction: how a live migration will end, when, and how long its guest will stand still. The passes of the copy are played through
 * with the very ladder (core/ladder.h) that will decide, over what is known of guest, link and disks, in a likely, a better and a worse
 * case. Pure. Formulas and their sources: docs/prediction.md. */
#ifndef GW_CORE_PREDICT_H
#define GW_CORE_PREDICT_H

#include "core/dirty.h"
#include "core/ladder.h"

/* What nine of ten moves were within: actual over likely, and actual less likely. */
typedef struct {
    double total_low, total_high, pause_low, pause_high;
    double pause_less_ms, pause_more_ms; /* less: negative */
} GwSpread;
enum { GW_WROTE_SHORT, GW_WROTE_LONG, GW_WROTE_FIRST, GW_WROTE_LATER, GW_WROTE_BEFORE }; /* windows; what the first pass and a later one left */

/* Constants that history corrects; core/calibrate.h. */
typedef struct {
    guint64 link_bps;             /* what the link carries */
    guint64 link_seen_us;         /* as GwForecast's */
    double link_low, link_high;   /* parts of it that moves have seen, below and above */
    guint64 around_ms;            /* the work before and after the copy */
    guint64 switch_ms;            /* the pause beside the rest's travel */
    guint64 unused_bytes;         /* of memory in use that is not sent: it is the hypervisor's own */
    guint64 begin_ms;             /* what a copy takes longer than to send what it sends */
    double delta_part;            /* of a page: what its differences take (core/deltas.h); 0: nobody knows */
    double rest_part;             /* of the rest's travel in the pause: actual over what is computed */
    guint64 sent_before;          /* what the first pass of this instance's last move sent; 0: it was never seen to move */
    GwWritten wrote_before[GW_WROTE_BEFORE]; /* what the instance was seen to write then; ms 0: nothing */
    GwSpread by_ending[GW_ENDING_COUNT]; /* by what was predicted */
    GwLinkFrom link_from;
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

/* What the ladder is to expect of the guest (gw_ladder_expect). (writes.c) */
void gw_predict_expect(const GwPredictInput *input, GwExpected *ret_expected);
/* at NULL: before the copy. ret_made (may be NULL): its figures that say from what, and of the likely case, are filled. */
GwOutlook gw_predict(const GwPredictInput *input, const GwCopyPoint *at, GwForecast *ret_made);

/* In a sentence: "it ends by itself within about 12 s (9–16 s)…". Owned by the caller. */
char *gw_outlook_to_text(const GwOutlook *outlook);

#endif
