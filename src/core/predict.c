#include "core/predict.h"

#include "core/flags.h"

#include <math.h>
#include <string.h>

#define MIB 1048576.0
#define STRAIGHT 1e4 /* a working set of so many times the memory: the curve is a line, until all of the memory is written */

enum {
    HYPERVISOR_PAUSE_MS = 300, /* QEMU's own downtime-limit, when the plan sets none */
    FIRST_THROTTLE = 20, THROTTLE_STEP = 10, MOST_THROTTLE = 99, /* QEMU: cpu-throttle-initial, -increment, max-cpu-throttle */
    LOOK_MS = 100,             /* QEMU looks for the end of a pass about so often (BUFFER_DELAY in migration.c) */
    MOST_PASSES = 20000,
};

const GwConstants gw_constants_default = {
    .link_bps = 1000000000,
    .link_low = 0.5, .link_high = 1.25,
    .around_ms = 900,
    .switch_ms = 60,
    .unused_bytes = 0,
    .total_low = 0.7, .total_high = 1.5,
    .pause_low = 0.4, .pause_high = 2.5,
};

/* ---- what a guest writes */

double gw_dirty_curve_at(const GwDirtyCurve *curve, double seconds)
{
    if (curve->write_bps <= 0 || curve->set_bytes <= 0)
        return 0;
    return curve->set_bytes * -expm1(-curve->write_bps * seconds / curve->set_bytes);
}

/* With one window w: u = U(w). With w and 3w: u3/u1 = 1 + x + x², x = e^(−write·w/set), so both follow (docs/prediction.md). */
GwDirtyCurve gw_dirty_curve_fit(const GwLoad *load, double memory_bytes)
{
    const double least = 0.05; /* of x: a set that is full within the window says no more than that */
    double seconds = GW_LOAD_SHORT_MS / 1000.0, u1 = (double)load->short_bytes;
    if (load->how == GW_LOAD_SIZES || u1 <= 0)
        return (GwDirtyCurve){0};
    double u3 = load->how == GW_LOAD_FULL ? (double)load->long_bytes : 0;
    double ratio = u3 > 0 ? CLAMP(u3 / u1, 1, 3) : 0;
    if (ratio <= 0) /* one window: over the whole memory */
        return gw_dirty_curve_through(&(GwDirtyCurve){u1 / seconds, memory_bytes}, seconds, u1);
    double x = CLAMP((sqrt(4 * ratio - 3) - 1) / 2, least, 1);
    double set = x < 0.999 ? MIN(u1 / (1 - x), memory_bytes) : memory_bytes * STRAIGHT; /* nothing was written twice */
    return gw_dirty_curve_through(&(GwDirtyCurve){u1 / seconds, set}, seconds, u1);
}

GwDirtyCurve gw_dirty_curve_through(const GwDirtyCurve *curve, double seconds, double bytes)
{
    const double full = 0.95;
    if (bytes <= 0 || seconds <= 0)
        return (GwDirtyCurve){0, curve->set_bytes};
    double set = MAX(curve->set_bytes, bytes / full);
    return (GwDirtyCurve){-set / seconds * log1p(-bytes / set), set};
}

/* ---- one case, played through */

typedef struct {
    const GwPredictInput *input;
    double slowing; /* exponent of the share of its time that is taken from a guest: one that waits mostly has time to spare */
    double whole; /* of the guest */
    double memory, rate, last_rate; /* bytes per second of the copy, and of the rest in the pause, which knows no limit */
    GwDirtyCurve curve;
} Case;

typedef struct {
    GwEnding ending;
    double seconds, rest_seconds, memory_sent, disk_sent; /* rest_seconds: the guest stands still and its memory travels */
    guint passes;
} Ending;

typedef struct {
    const Case *c;
    GwLadder ladder;
    double elapsed, sent, pending, pause; /* pause: of the plan, seconds */
    guint64 iteration, throttle;
} Play;

static double written(const Play *play, double seconds)
{
    return MIN(gw_dirty_curve_at(&play->c->curve, seconds * (1 - pow((double)play->throttle / 100, play->c->slowing))), play->c->memory);
}

/* What is left of a pass when it ends. One that ends early does so between two looks, and sends what is sent between them at least. */
static double left_over(const Play *play)
{
    if (play->c->input->load.pass_end == GW_PASS_WHOLE)
        return 0;
    double looked = play->c->rate * LOOK_MS / 1000;
    double sent = MAX(play->pending - play->c->rate * play->pause + looked / 2, looked);
    double empty = play->iteration == 1 ? play->c->whole - play->c->memory : 0; /* untouched pages come last, and cost nothing */
    return MAX(play->pending - MAX(sent, 0) - MAX(empty, 0), 0);
}

static void slow_down(Play *play, double wrote, double sent)
{
    if (!(play->c->input->plan->flags & GW_FLAG_AUTO_CONVERGE) || wrote < sent / 2)
        return;
    play->throttle = play->throttle ? MIN(play->throttle + THROTTLE_STEP, MOST_THROTTLE) : FIRST_THROTTLE;
}

static GwRung ask_ladder(Play *play, double rest, double wrote, double seconds)
{
    GwProgress now = {.elapsed_ms = (guint64)(play->elapsed * 1000),
                      .memory_remaining = (guint64)rest,
                      .memory_bps = (guint64)play->c->rate,
                      .dirty_bps = seconds > 0 ? (guint64)(wrote / seconds) : 0,
                      .iteration = play->iteration,
                      .throttle_percent = play->throttle};
    g_autofree char *reason = NULL;
    return gw_ladder_step(&play->ladder, play->c->input->plan, &now, now.elapsed_ms, &reason);
}

static Ending ends(const Play *play, GwEnding how, double rest, double rest_rate)
{
    rest += (double)play->c->input->load.device_bytes;
    double travel = how == GW_ENDING_NOT ? 0 : rest / rest_rate;
    return (Ending){.ending = how,
                    .seconds = play->elapsed + travel,
                    .rest_seconds = how == GW_ENDING_ITSELF || how == GW_ENDING_PAUSE ? travel : 0,
                    .memory_sent = play->sent + (how == GW_ENDING_NOT ? 0 : rest),
                    .passes = (guint)play->iteration};
}

static Ending forced(const Play *play, double rest)
{
    gboolean post_copy = (play->c->input->plan->flags & GW_FLAG_POSTCOPY) != 0;
    return ends(play, post_copy ? GW_ENDING_POSTCOPY : GW_ENDING_PAUSE, rest, play->c->rate);
}

/* A pass; TRUE: *ret_end says how it all ended. */
static gboolean pass(Play *play, Ending *ret_end)
{
    const GwPlan *plan = play->c->input->plan;
    double left = left_over(play), rate = play->c->rate;
    double seconds = MAX((play->pending - left) / rate, play->c->input->load.pass_end == GW_PASS_EARLY ? LOOK_MS / 1000.0 : 0.001);
    double limit = plan->timeout_ms ? plan->timeout_ms / 1000.0 - play->elapsed : G_MAXDOUBLE;
    gboolean cut = seconds > limit;
    if (cut)
        seconds = MAX(limit, 0) + 0.001;
    double sent = MIN(play->pending, rate * seconds), wrote = written(play, seconds);
    play->elapsed += seconds;
    play->sent += sent;
    double rest = MIN(cut ? play->pending - sent + wrote : left + wrote, play->c->memory);
    play->ladder.remaining = (guint64)left; /* as if it had been looked at when the pass ended */
    play->ladder.looked_ms = (guint64)(play->elapsed * 1000);
    if (!cut) {
        play->iteration++;
        slow_down(play, wrote, sent);
        if (rest <= rate * play->pause && !play->ladder.forced) {
            *ret_end = ends(play, GW_ENDING_ITSELF, rest, play->c->last_rate);
            return TRUE;
        }
    }
    play->pending = rest;
    GwRung rung = ask_ladder(play, rest, wrote, seconds);
    if (rung == GW_RUNG_FORCE)
        *ret_end = forced(play, rest);
    else if (rung == GW_RUNG_ABORT)
        *ret_end = ends(play, GW_ENDING_NOT, 0, 1);
    return rung != GW_RUNG_WAIT;
}

/* Disks come first; what the guest writes to them meanwhile is written there, too. FALSE: they are never done. */
static gboolean copy_disks(const Case *c, double pending, double *ret_seconds, double *ret_sent)
{
    double gain = c->rate - (double)c->input->load.disk_write_bps;
    *ret_seconds = pending > 0 ? pending / MAX(gain, 1) : 0;
    *ret_sent = pending + *ret_seconds * (double)c->input->load.disk_write_bps;
    guint64 timeout_ms = c->input->plan->timeout_ms;
    return pending <= 0 || (gain > 0 && (!timeout_ms || *ret_seconds * 1000 < (double)timeout_ms));
}

void gw_predict_expect(const GwPredictInput *input, GwWritten *ret_seen)
{
    const GwLoad *load = &input->load;
    memset(ret_seen, 0, GW_LADDER_EXPECTED * sizeof *ret_seen);
    if (load->how >= GW_LOAD_BRIEF)
        ret_seen[0] = (GwWritten){GW_LOAD_SHORT_MS, load->short_bytes};
    if (load->how == GW_LOAD_FULL)
        ret_seen[1] = (GwWritten){GW_LOAD_LONG_MS, load->long_bytes};
}

static Play begin(const Case *c, const GwCopyPoint *at)
{
    guint64 pause_ms = c->input->plan->pause_ms ? c->input->plan->pause_ms : HYPERVISOR_PAUSE_MS;
    Play play = {.c = c, .pause = (double)pause_ms / 1000, .iteration = 1, .pending = c->memory};
    if (!at) {
        GwWritten seen[GW_LADDER_EXPECTED];
        gw_predict_expect(c->input, seen);
        gw_ladder_expect(&play.ladder, seen);
        return play;
    }
    play.elapsed = (double)at->elapsed_ms / 1000;
    play.sent = (double)at->sent_bytes;
    play.ladder = at->ladder;
    play.throttle = at->throttle_percent;
    if (at->iteration) {
        play.iteration = at->iteration;
        play.pending = MIN((double)at->pending_bytes, c->memory);
    }
    return play;
}

/* The first look at memory: what its passes take is counted from here. */
static void begin_passes(Play *play)
{
    if (play->ladder.iteration)
        return;
    play->ladder.iteration = play->iteration;
    play->ladder.pass_since_ms = play->ladder.looked_ms = (guint64)(play->elapsed * 1000);
}

static Ending play_through(const Case *c, const GwCopyPoint *at)
{
    Play play = begin(c, at);
    Ending end = {0};
    double seconds, disk;
    if (!copy_disks(c, (double)(at ? at->disk_pending_bytes : c->input->disk_bytes), &seconds, &disk)) {
        play.elapsed += (double)c->input->plan->timeout_ms / 1000;
        return ends(&play, GW_ENDING_NOT, 0, 1);
    }
    play.elapsed += seconds;
    begin_passes(&play);
    if (play.ladder.forced) /* it was paused, or is in post-copy: nothing is written here any more */
        end = forced(&play, play.pending);
    else
        for (guint n = 0; !pass(&play, &end) && n < MOST_PASSES; n++)
            end = ends(&play, GW_ENDING_NOT, 0, 1); /* until it is known */
    end.disk_sent = disk;
    return end;
}

/* ---- three cases by three */

typedef enum { BETTER, LIKELY, WORSE, CASES } Shade;

static double rate_of(const GwPredictInput *input, Shade shade, gboolean limited)
{
    const GwConstants *k = &input->constants;
    double part = shade == BETTER ? k->link_high : shade == WORSE ? k->link_low : 1;
    double rate = MAX((double)k->link_bps * part, 1000);
    double limit = (double)input->plan->bandwidth_mibps * MIB;
    return limited && limit > 0 ? MIN(rate, limit) : rate;
}

static double memory_of(const GwPredictInput *input, Shade shade)
{
    double whole = (double)input->plan->memory_mib * MIB, used = (double)input->load.memory_bytes;
    if (input->constants.sent_before > 0)
        used = (double)(input->constants.sent_before + input->constants.unused_bytes);
    double likely = used > 0 ? MAX(used - (double)input->constants.unused_bytes, MIN(used, 4 * MIB)) : whole;
    likely = MIN(likely, whole);
    return shade == WORSE ? MIN(likely * 1.1, whole) : shade == BETTER ? likely * 0.9 : likely;
}

static guint64 err_by(guint64 bytes, double grain, double step, double whole)
{
    return (guint64)CLAMP((double)bytes + step * (sqrt((double)bytes * grain) + grain), 0, whole);
}

static GwDirtyCurve curve_of(const GwPredictInput *input, const GwCopyPoint *at, Shade shade)
{
    double whole = (double)input->plan->memory_mib * MIB;
    GwLoad load = input->load;
    gboolean observed = at && at->pass_seconds > 0;
    double step = shade == WORSE ? 1 : shade == BETTER ? -1 : 0;
    if (load.how != GW_LOAD_SIZES) { /* a sample of n pages errs by about the root of those it has found, and by one */
        double grain = (double)load.grain_bytes;
        load.short_bytes = err_by(load.short_bytes, grain, step, whole);
        load.long_bytes = err_by(load.long_bytes, grain, step, whole);
    } else if (shade == WORSE && !observed) {
        load = (GwLoad){.how = GW_LOAD_BRIEF, .short_bytes = (guint64)(whole / 8)};
    }
    GwDirtyCurve curve = gw_dirty_curve_fit(&load, whole);
    if (!observed)
        return curve;
    if (curve.set_bytes <= 0)
        curve.set_bytes = whole;
    double spread = shade == WORSE ? 1.15 : shade == BETTER ? 0.85 : 1;
    return gw_dirty_curve_through(&curve, at->pass_seconds, MIN(at->pass_bytes * spread, whole * 0.999));
}

static Case case_of(const GwPredictInput *input, const GwCopyPoint *at, Shade link, Shade guest)
{
    static const double slowing[CASES] = {[BETTER] = 1, [LIKELY] = 2, [WORSE] = 4};
    return (Case){input, slowing[guest], (double)input->plan->memory_mib * MIB, memory_of(input, guest), rate_of(input, link, TRUE), rate_of(input, link, FALSE),
                  curve_of(input, at, guest)};
}

static guint64 ms_of(double seconds)
{
    return (guint64)llround(MIN(seconds, 1e9) * 1000);
}

static void widen(GwInterval *interval, double value)
{
    interval->low = MIN(interval->low, (guint64)MAX(value, 0));
    interval->high = MAX(interval->high, (guint64)MAX(value, 0));
}

static void take(GwOutlook *outlook, const GwConstants *k, const Ending *end)
{
    gboolean pauses = end->ending != GW_ENDING_NOT;
    widen(&outlook->total_ms, (double)(ms_of(end->seconds) + k->around_ms));
    widen(&outlook->downtime_ms, pauses ? (double)(ms_of(end->rest_seconds) + k->switch_ms) : 0);
    widen(&outlook->bytes, end->memory_sent + end->disk_sent);
}

/* What is still to come cannot be less than nothing. */
static void spread(GwInterval *interval, double low, double high, guint64 past)
{
    double likely = (double)interval->likely;
    double ahead = MAX(likely - (double)past, 0);
    widen(interval, (likely - ahead) + ahead * low);
    widen(interval, (likely - ahead) + ahead * high);
    interval->low = MAX(interval->low, MIN(past, interval->likely));
}

/* From what, and the likely case's own figures. */
static void tell_made(const Case *likely, const Ending *end, GwForecast *made)
{
    const GwPredictInput *input = likely->input;
    made->memory_bytes = input->load.memory_bytes;
    made->disk_bytes = input->disk_bytes;
    made->disk_write_bps = input->load.disk_write_bps;
    made->link_bps = (guint64)likely->rate;
    made->write_bps = (guint64)likely->curve.write_bps;
    made->set_bytes = (guint64)likely->curve.set_bytes;
    made->samples = input->constants.samples;
    made->copy_ms = ms_of(end->seconds);
    made->rest_ms = ms_of(end->rest_seconds);
    made->sent_bytes = (guint64)end->memory_sent;
    if (input->load.how >= GW_LOAD_BRIEF)
        made->short_window = (GwWritten){GW_LOAD_SHORT_MS, input->load.short_bytes};
    if (input->load.how == GW_LOAD_FULL)
        made->long_window = (GwWritten){GW_LOAD_LONG_MS, input->load.long_bytes};
}

GwOutlook gw_predict(const GwPredictInput *input, const GwCopyPoint *at, GwForecast *ret_made)
{
    const GwConstants *k = &input->constants;
    GwOutlook outlook = {.basis = at && at->pass_seconds > 0             ? GW_BASIS_OBSERVED
                                  : input->load.how == GW_LOAD_SIZES ? GW_BASIS_SIZES
                                                                     : GW_BASIS_SAMPLED};
    Case likely = case_of(input, at, LIKELY, LIKELY);
    Ending end = play_through(&likely, at);
    guint64 total = ms_of(end.seconds) + k->around_ms;
    guint64 pause = end.ending == GW_ENDING_NOT ? 0 : ms_of(end.rest_seconds) + k->switch_ms;
    guint64 bytes = (guint64)(end.memory_sent + end.disk_sent);
    outlook.ending = end.ending;
    outlook.passes = end.passes;
    outlook.forced_pause_ms = end.ending == GW_ENDING_PAUSE ? pause : 0;
    outlook.total_ms = (GwInterval){total, total, total};
    outlook.downtime_ms = (GwInterval){pause, pause, pause};
    outlook.bytes = (GwInterval){bytes, bytes, bytes};
    for (Shade link = BETTER; link < CASES; link++)
        for (Shade guest = BETTER; guest < CASES; guest++) {
            Case c = case_of(input, at, link, guest);
            Ending other = play_through(&c, at);
            take(&outlook, k, &other);
        }
    spread(&outlook.total_ms, k->total_low, k->total_high, at ? at->elapsed_ms : 0);
    spread(&outlook.downtime_ms, k->pause_low, k->pause_high, 0);
    if (ret_made)
        tell_made(&likely, &end, ret_made);
    return outlook;
}

/* ---- for people */

static char *span(const GwInterval *ms)
{
    return g_strdup_printf("%.1f s (%.1f to %.1f)", (double)ms->likely / 1000, (double)ms->low / 1000, (double)ms->high / 1000);
}

char *gw_outlook_to_text(const GwOutlook *outlook)
{
    g_autofree char *total = span(&outlook->total_ms), *pause = span(&outlook->downtime_ms);
    switch (outlook->ending) {
    case GW_ENDING_ITSELF:
        return g_strdup_printf("ends by itself after %s, with a pause of %s", total, pause);
    case GW_ENDING_POSTCOPY:
        return g_strdup_printf("ends only in post-copy, after %s, with a pause of %s", total, pause);
    case GW_ENDING_PAUSE:
        return g_strdup_printf("ends only with a forced pause of %s, after %s", pause, total);
    case GW_ENDING_NOT:
    case GW_ENDING_COUNT:
        break;
    }
    return g_strdup_printf("does not end with what the policy allows: it would be given up after %s", total);
}
