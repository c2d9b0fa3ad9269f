#include "core/predict.h"

#include "core/flags.h"

#include <math.h>
#include <string.h>

#define MIB 1048576.0

enum {
    HYPERVISOR_PAUSE_MS = 300, /* QEMU's own downtime-limit, when the plan sets none */
    FIRST_THROTTLE = 20, THROTTLE_STEP = 10, MOST_THROTTLE = 99, /* QEMU: cpu-throttle-initial, -increment, max-cpu-throttle */
    LOOK_MS = 100,             /* QEMU looks for the end of a pass about so often (BUFFER_DELAY in migration.c) */
    MOST_PASSES = 20000,
    UNSEEN = 10,               /* times as much as was measured, a link may carry when no copy may use it all */
};

const GwConstants gw_constants_default = {
    .link_bps = 1000000000,
    .link_low = 0.06, .link_high = 1.25, /* nobody knows: from half a Gbit/s to ten */
    .around_ms = 900,
    .begin_ms = 200,
    .switch_ms = 60,
    .unused_bytes = 40 << 20, /* QEMU itself */
    .rest_part = 1,
    .by_ending = {[GW_ENDING_ITSELF] = {0.7, 1.5, 0.4, 2.5, -30, 300},
                  [GW_ENDING_POSTCOPY] = {0.7, 1.6, 0.3, 4, 0, 300},
                  [GW_ENDING_PAUSE] = {0.6, 1.6, 0.4, 2, 0, 300},
                  [GW_ENDING_NOT] = {0.5, 1.5, 0, 1, 0, 0}},
};

typedef enum { BETTER, LIKELY, WORSE, CASES } Shade;

/* ---- what the guest writes */

static guint64 err_by(guint64 bytes, double grain, double step, double whole)
{
    return (guint64)CLAMP((double)bytes + step * (sqrt((double)bytes * grain) + grain), 0, whole);
}

static guint64 shaded(guint64 bytes, const GwPredictInput *input, Shade shade)
{
    double step = shade == WORSE ? 1 : shade == BETTER ? -1 : 0;
    return err_by(bytes, (double)input->load.grain_bytes, step, (double)input->plan->memory_mib * MIB);
}

/* Likely. */
typedef struct {
    GwWritten windows[GW_WROTE_BEFORE + 2];
    guint count;
    gboolean remembers; /* some are of an earlier move */
} Seen;

static void remember(const GwPredictInput *input, Seen *seen)
{
    for (guint i = 0; i < GW_WROTE_BEFORE; i++) {
        if (!input->constants.wrote_before[i].ms)
            continue;
        seen->windows[seen->count++] = input->constants.wrote_before[i];
        seen->remembers = TRUE;
    }
}

/* Windows of now, and what the instance's last move has shown, unless the guest does something else now. */
static Seen all_seen(const GwPredictInput *input)
{
    Seen seen = {.count = 0};
    const GwLoad *load = &input->load;
    const double other = 2;
    double memory = (double)input->plan->memory_mib * MIB;
    GwDirtyCurve before = gw_dirty_curve_among(input->constants.wrote_before, GW_WROTE_BEFORE, memory);
    double then = gw_dirty_curve_at(&before, GW_LOAD_SHORT_MS / 1000.0), now = (double)load->short_bytes;
    if (load->how >= GW_LOAD_BRIEF)
        seen.windows[seen.count++] = (GwWritten){GW_LOAD_SHORT_MS, load->short_bytes};
    if (load->how == GW_LOAD_FULL)
        seen.windows[seen.count++] = (GwWritten){GW_LOAD_LONG_MS, load->long_bytes};
    if (!seen.count || (now <= then * other && now * other >= then))
        remember(input, &seen);
    return seen;
}

/* Nothing else is known than the windows: a sample of n pages errs by about the root of those it has found, and by one. */
static GwDirtyCurve curve_of_load(const GwPredictInput *input, Shade shade)
{
    double whole = (double)input->plan->memory_mib * MIB;
    GwLoad load = input->load;
    if (load.how != GW_LOAD_SIZES) {
        load.short_bytes = shaded(load.short_bytes, input, shade);
        load.long_bytes = shaded(load.long_bytes, input, shade);
    } else if (shade == WORSE) {
        load = (GwLoad){.how = GW_LOAD_BRIEF, .short_bytes = (guint64)(whole / 8)};
    }
    /* one window does not tell whether there is more to be written than what was written in it */
    gboolean small = shade == BETTER && load.how == GW_LOAD_BRIEF;
    return gw_dirty_curve_fit(&load, small ? MIN((double)load.short_bytes * 1.3, whole) : whole);
}

static GwDirtyCurve curve_of_all(const GwPredictInput *input, const Seen *likely, Shade shade)
{
    Seen seen = *likely;
    double spread = shade == WORSE ? 1.15 : shade == BETTER ? 0.85 : 1, whole = (double)input->plan->memory_mib * MIB;
    for (guint i = 0; i < seen.count; i++)
        seen.windows[i].bytes = (guint64)MIN((double)seen.windows[i].bytes * spread, whole);
    return gw_dirty_curve_among(seen.windows, seen.count, whole);
}

static GwDirtyCurve curve_of(const GwPredictInput *input, const Seen *seen, const GwCopyPoint *at, Shade shade)
{
    double whole = (double)input->plan->memory_mib * MIB;
    gboolean observed = at && at->pass_seconds > 0;
    GwDirtyCurve curve = seen->remembers ? curve_of_all(input, seen, shade) : curve_of_load(input, observed ? LIKELY : shade);
    if (!observed)
        return curve;
    if (curve.set_bytes <= 0)
        curve.set_bytes = whole;
    double spread = shade == WORSE ? 1.15 : shade == BETTER ? 0.85 : 1;
    return gw_dirty_curve_through(&curve, at->pass_seconds, MIN(at->pass_bytes * spread, whole * 0.999));
}

/* The shortest, and the one in which most was written. */
static void expect(const Seen *seen, GwWritten *ret_expected)
{
    memset(ret_expected, 0, GW_LADDER_EXPECTED * sizeof *ret_expected);
    for (guint i = 0; i < seen->count; i++) {
        if (!ret_expected[0].ms || seen->windows[i].ms < ret_expected[0].ms)
            ret_expected[0] = seen->windows[i];
        if (seen->windows[i].bytes > ret_expected[1].bytes)
            ret_expected[1] = seen->windows[i];
    }
}

void gw_predict_expect(const GwPredictInput *input, GwWritten *ret_seen)
{
    Seen seen = all_seen(input);
    expect(&seen, ret_seen);
}

/* ---- one case, played through */

/* The guest, found out once for all cases. */
typedef struct {
    Seen seen;
    GwDirtyCurve curves[CASES];
} Guest;

typedef struct {
    const GwPredictInput *input;
    const Guest *guest;
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

/* Disks come first; what the guest writes to them meanwhile is written there, too: as much as it likes, or, where its writes wait for the
 * destination, half of what the link carries at most, since two streams share it. FALSE: they are never done. */
static gboolean copy_disks(const Case *c, double pending, double *ret_seconds, double *ret_sent)
{
    double writes = (double)c->input->load.disk_write_bps;
    if (c->input->plan->flags & GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES)
        writes = MIN(writes, c->rate / 2);
    double gain = c->rate - writes;
    *ret_seconds = pending > 0 ? pending / MAX(gain, 1) : 0;
    *ret_sent = pending + *ret_seconds * writes;
    guint64 timeout_ms = c->input->plan->timeout_ms;
    return pending <= 0 || (gain > 0 && (!timeout_ms || *ret_seconds * 1000 < (double)timeout_ms));
}

static Play begin(const Case *c, const GwCopyPoint *at)
{
    guint64 pause_ms = c->input->plan->pause_ms ? c->input->plan->pause_ms : HYPERVISOR_PAUSE_MS;
    Play play = {.c = c, .pause = (double)pause_ms / 1000, .iteration = 1, .pending = c->memory};
    if (!at) {
        GwWritten expected[GW_LADDER_EXPECTED];
        expect(&c->guest->seen, expected);
        gw_ladder_expect(&play.ladder, expected);
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

static double rate_of(const GwPredictInput *input, Shade shade, gboolean limited)
{
    const GwConstants *k = &input->constants;
    double part = shade == BETTER ? k->link_high : shade == WORSE ? k->link_low : 1;
    double rate = MAX((double)k->link_bps * part, 1000);
    double limit = (double)input->plan->bandwidth_mibps * MIB;
    if (limit <= 0)
        return rate;
    /* copies that are held back say nothing of a link that has become better */
    return limited ? MIN(rate, limit) : shade == BETTER ? rate * UNSEEN : MAX(rate, limit);
}

static double memory_of(const GwPredictInput *input, Shade shade)
{
    const GwConstants *k = &input->constants;
    double whole = (double)input->plan->memory_mib * MIB, used = (double)input->load.memory_bytes, sent = (double)k->sent_before;
    double likely = sent > 0 ? sent : used > 0 ? MAX(used - (double)k->unused_bytes, MIN(used, 4 * MIB)) : whole;
    double more = sent > 0 || used <= 0 ? likely * 1.1 : MAX(used, likely * 1.1); /* all of it may be the guest's */
    double memory = shade == WORSE ? more : shade == BETTER ? likely * 0.9 : likely;
    return MIN(memory, whole);
}

static Guest guest_of(const GwPredictInput *input, const GwCopyPoint *at)
{
    Guest guest = {.seen = all_seen(input)};
    for (Shade shade = BETTER; shade < CASES; shade++)
        guest.curves[shade] = curve_of(input, &guest.seen, at, shade);
    return guest;
}

static Case case_of(const GwPredictInput *input, const Guest *guest, Shade link, Shade shade)
{
    static const double slowing[CASES] = {[BETTER] = 1, [LIKELY] = 2, [WORSE] = 4};
    return (Case){input, guest, slowing[shade], (double)input->plan->memory_mib * MIB, memory_of(input, shade), rate_of(input, link, TRUE),
                  rate_of(input, link, FALSE), guest->curves[shade]};
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

static guint64 total_ms_of(const Ending *end, const GwConstants *k, const GwCopyPoint *at)
{
    return ms_of(end->seconds) + (at && at->elapsed_ms ? 0 : k->begin_ms) + k->around_ms;
}

static guint64 pause_ms_of(const Ending *end, const GwConstants *k)
{
    double part = end->ending == GW_ENDING_ITSELF ? k->rest_part : 1;
    return end->ending == GW_ENDING_NOT ? 0 : ms_of(end->rest_seconds * part) + k->switch_ms;
}

static void take(GwOutlook *outlook, const GwConstants *k, const Ending *end, const GwCopyPoint *at)
{
    widen(&outlook->total_ms, (double)total_ms_of(end, k, at));
    widen(&outlook->downtime_ms, (double)pause_ms_of(end, k));
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
    Guest guest = guest_of(input, at);
    GwOutlook outlook = {.basis = at && at->pass_seconds > 0          ? GW_BASIS_OBSERVED
                                  : input->load.how != GW_LOAD_SIZES ? GW_BASIS_SAMPLED
                                  : guest.seen.remembers             ? GW_BASIS_EARLIER
                                                                     : GW_BASIS_SIZES};
    Case likely = case_of(input, &guest, LIKELY, LIKELY);
    Ending end = play_through(&likely, at);
    guint64 total = total_ms_of(&end, k, at), pause = pause_ms_of(&end, k);
    guint64 bytes = (guint64)(end.memory_sent + end.disk_sent);
    outlook.ending = end.ending;
    outlook.passes = end.passes;
    outlook.forced_pause_ms = end.ending == GW_ENDING_PAUSE ? pause : 0;
    outlook.total_ms = (GwInterval){total, total, total};
    outlook.downtime_ms = (GwInterval){pause, pause, pause};
    outlook.bytes = (GwInterval){bytes, bytes, bytes};
    for (Shade link = BETTER; link < CASES; link++)
        for (Shade shade = BETTER; shade < CASES; shade++) {
            Case c = case_of(input, &guest, link, shade);
            Ending other = play_through(&c, at);
            take(&outlook, k, &other, at);
        }
    const GwSpread *usual = &k->by_ending[end.ending];
    spread(&outlook.total_ms, usual->total_low, usual->total_high, at ? at->elapsed_ms : 0);
    double likely_ms = (double)outlook.downtime_ms.likely;
    spread(&outlook.downtime_ms, usual->pause_low, usual->pause_high, 0);
    widen(&outlook.downtime_ms, likely_ms + usual->pause_less_ms);
    widen(&outlook.downtime_ms, likely_ms + usual->pause_more_ms);
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
