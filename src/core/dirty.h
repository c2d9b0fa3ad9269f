/* What a guest writes: how it is found out, and the curve that is laid through it. Pure. Formulas and sources: docs/prediction.md. */
#ifndef GW_CORE_DIRTY_H
#define GW_CORE_DIRTY_H

#include "core/forecast.h"

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
/* Through what was seen in windows and passes of any length, as nearly as it goes; nothing seen, or nothing written: a curve of nothing. */
GwDirtyCurve gw_dirty_curve_among(const GwWritten *seen, guint count, double memory_bytes);
double gw_dirty_curve_at(const GwDirtyCurve *curve, double seconds);
/* U's mean over the first seconds: what of pages that are looked at one after the other, at any time, is written afterwards. */
double gw_dirty_curve_mean(const GwDirtyCurve *curve, double seconds);

#endif
