#include "core/writes.h"

#include <math.h>
#include <string.h>

#define MIB 1048576.0

/* A sample of n pages errs by about the root of those it has found, and by one. */
static double err_by(double bytes, double grain, double step)
{
    return bytes + step * (sqrt(bytes * grain) + grain);
}

static guint64 shaded(guint64 bytes, const GwPredictInput *input, GwShade shade)
{
    double step = shade == GW_SHADE_WORSE ? 1 : shade == GW_SHADE_BETTER ? -1 : 0;
    return (guint64)CLAMP(err_by((double)bytes, (double)input->load.grain_bytes, step), 0, (double)input->plan->memory_mib * MIB);
}

/* It does something else now than at its last move: judged by the short window alone, which both have seen alike. */
static gboolean has_changed(const GwLoad *load, const GwWritten *then)
{
    const double other = 2;
    if (load->how < GW_LOAD_BRIEF || !then[GW_WROTE_SHORT].ms)
        return FALSE;
    double now = (double)load->short_bytes, before = (double)then[GW_WROTE_SHORT].bytes, grain = (double)load->grain_bytes;
    return err_by(now, grain, -1) > other * err_by(before, grain, 1) || err_by(before, grain, -1) > other * err_by(now, grain, 1);
}

static void take_earlier(GwWrites *writes, const GwWritten *then, guint first)
{
    for (guint i = first; i < GW_WROTE_BEFORE; i++) {
        if (!then[i].ms)
            continue;
        writes->seen[writes->count++] = then[i];
        writes->remembers = TRUE;
    }
}

/* What passes of the instance's last move have left says most, and nothing is added to it: windows are looked at while nothing is copied.
 * Else windows of now and of then, unless the guest does something else now. */
static void take_seen(GwWrites *writes, const GwPredictInput *input)
{
    const GwLoad *load = &input->load;
    const GwWritten *then = input->constants.wrote_before;
    gboolean changed = has_changed(load, then), passes = !changed && (then[GW_WROTE_FIRST].ms || then[GW_WROTE_LATER].ms);
    writes->of_windows = !passes && load->pass_end == GW_PASS_EARLY;
    if (passes) {
        take_earlier(writes, then, GW_WROTE_FIRST);
        return;
    }
    if (load->how >= GW_LOAD_BRIEF)
        writes->seen[writes->count++] = (GwWritten){GW_LOAD_SHORT_MS, load->short_bytes};
    if (load->how == GW_LOAD_FULL)
        writes->seen[writes->count++] = (GwWritten){GW_LOAD_LONG_MS, load->long_bytes};
    if (!changed)
        take_earlier(writes, then, 0);
}

/* Nothing else is known than the windows. */
static GwDirtyCurve curve_of_load(const GwPredictInput *input, GwShade shade)
{
    double whole = (double)input->plan->memory_mib * MIB;
    GwLoad load = input->load;
    if (load.how != GW_LOAD_SIZES) {
        load.short_bytes = shaded(load.short_bytes, input, shade);
        load.long_bytes = shaded(load.long_bytes, input, shade);
    } else if (shade == GW_SHADE_WORSE) {
        load = (GwLoad){.how = GW_LOAD_BRIEF, .short_bytes = (guint64)(whole / 8)};
    }
    /* one window does not tell whether there is more to be written than what was written in it */
    gboolean small = shade == GW_SHADE_BETTER && load.how == GW_LOAD_BRIEF;
    return gw_dirty_curve_fit(&load, small ? MIN((double)load.short_bytes * 1.3, whole) : whole);
}

static GwDirtyCurve curve_of_seen(const GwPredictInput *input, const GwWrites *likely, GwShade shade)
{
    GwWrites writes = *likely;
    double spread = shade == GW_SHADE_WORSE ? 1.25 : shade == GW_SHADE_BETTER ? 0.8 : 1, whole = (double)input->plan->memory_mib * MIB;
    for (guint i = 0; i < writes.count; i++)
        writes.seen[i].bytes = (guint64)MIN((double)writes.seen[i].bytes * spread, whole);
    return gw_dirty_curve_among(writes.seen, writes.count, whole);
}

static GwDirtyCurve curve_of(const GwPredictInput *input, const GwWrites *writes, const GwCopyPoint *at, GwShade shade)
{
    double whole = (double)input->plan->memory_mib * MIB;
    gboolean observed = at && at->pass_seconds > 0;
    GwDirtyCurve curve = writes->remembers ? curve_of_seen(input, writes, shade) : curve_of_load(input, observed ? GW_SHADE_LIKELY : shade);
    if (!observed)
        return curve;
    if (curve.set_bytes <= 0)
        curve.set_bytes = whole;
    double spread = shade == GW_SHADE_WORSE ? 1.15 : shade == GW_SHADE_BETTER ? 0.85 : 1;
    return gw_dirty_curve_through(&curve, at->pass_seconds, MIN(at->pass_bytes * spread, whole * 0.999));
}

GwWrites gw_writes_of(const GwPredictInput *input, const GwCopyPoint *at)
{
    GwWrites writes = {.count = 0};
    take_seen(&writes, input);
    for (GwShade shade = 0; shade < GW_SHADE_COUNT; shade++)
        writes.curves[shade] = curve_of(input, &writes, at, shade);
    if (at && at->pass_seconds > 0)
        writes.of_windows = FALSE;
    return writes;
}

void gw_writes_expect(const GwWrites *writes, GwShade shade, double delta_part, GwExpected *ret_expected)
{
    *ret_expected = (GwExpected){.set_bytes = writes->curves[shade].set_bytes, .delta_part = delta_part};
    GwWritten *seen = ret_expected->seen;
    for (guint i = 0; i < writes->count; i++) {
        if (!seen[0].ms || writes->seen[i].ms < seen[0].ms)
            seen[0] = writes->seen[i];
        if (writes->seen[i].bytes > seen[1].bytes)
            seen[1] = writes->seen[i];
    }
}

void gw_predict_expect(const GwPredictInput *input, GwExpected *ret_expected)
{
    GwWrites writes = gw_writes_of(input, NULL);
    gw_writes_expect(&writes, GW_SHADE_LIKELY, input->constants.delta_part, ret_expected);
}
