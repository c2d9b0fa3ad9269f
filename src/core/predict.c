#include "core/predict.h"

#include "core/flags.h"
#include "core/writes.h"

#include <math.h>

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
    .around_ms = 400,
    .begin_ms = 200,
    .switch_ms = 60,
    .unused_bytes = 40 << 20, /* QEMU itself */
    .rest_part = 1,
    .by_ending = {[GW_ENDING_ITSELF] = {0.7, 1.5, 0.4, 2.5, -30, 300},
                  [GW_ENDING_POSTCOPY] = {0.7, 1.6, 0.3, 4, 0, 300},
                  [GW_ENDING_PAUSE] = {0.6, 1.6, 0.05, 2, 0, 300},
                  [GW_ENDING_NOT] = {0.5, 1.5, 0, 1, 0, 0}},
};

/* ---- one case, played through */

typedef struct {
    const GwPredictInput *input;
    const GwWrites *writes;
    GwShade guest;
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
    double elapsed, sent, scanned, pending; /* sent: on the wire; scanned: of pages */
    guint64 iteration, throttle;
} Play;

static guint64 pause_limit_ms(const GwPlan *plan, double elapsed)
{
    return plan->pause_ms ? gw_ladder_pause_ms(plan, (guint64)(elapsed * 1000)) : HYPERVISOR_PAUSE_MS;
}

/* In seconds: what is permitted by now. */
static double pause_at(const Play *play)
{
    return (double)pause_limit_ms(play->c->input->plan, play->elapsed) / 1000;
}

/* For the next pass. What is still to be sent is sent once, however often it was written before: of it only counts what is written after its turn,
 * which comes at any time of the pass. The rest of the working set counts from the start. */
static double written(const Play *play, double seconds)
{
    const Case *c = play->c;
    double runs = seconds * (1 - pow((double)play->throttle / 100, c->slowing)), all = gw_dirty_curve_at(&c->curve, runs);
    double set = MIN(c->curve.set_bytes, c->memory);
    double waiting = c->writes->of_windows && set > 0 ? MIN(play->pending / set, 1) : 0;
    return MIN(waiting * gw_dirty_curve_mean(&c->curve, runs) + (1 - waiting) * all, c->memory);
}

/* What pages take on the wire in the pass that is under way. */
static double cost(const Play *play, double bytes)
{
    return gw_deltas_cost(&play->ladder.deltas, play->iteration, bytes);
}

/* What is left of a pass when it ends. One that ends early does so between two looks, and sends what is sent between them at least. */
static double left_over(const Play *play)
{
    if (play->c->input->load.pass_end == GW_PASS_WHOLE)
        return 0;
    double looked = play->c->rate * LOOK_MS / 1000 * (play->pending > 0 ? play->pending / cost(play, play->pending) : 1);
    double sent = MAX(play->pending - play->c->rate * pause_at(play) + looked / 2, looked);
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
                      .memory_scanned = (guint64)play->scanned,
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
    double takes = cost(play, rest), travel = how == GW_ENDING_NOT ? 0 : takes / rest_rate;
    return (Ending){.ending = how,
                    .seconds = play->elapsed + travel,
                    .rest_seconds = how == GW_ENDING_ITSELF || how == GW_ENDING_PAUSE ? travel : 0,
                    .memory_sent = play->sent + (how == GW_ENDING_NOT ? 0 : takes),
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
    double all = cost(play, play->pending);
    double seconds = MAX(cost(play, play->pending - left) / rate, play->c->input->load.pass_end == GW_PASS_EARLY ? LOOK_MS / 1000.0 : 0.001);
    double limit = plan->timeout_ms ? plan->timeout_ms / 1000.0 - play->elapsed : G_MAXDOUBLE;
    gboolean cut = seconds > limit;
    if (cut)
        seconds = MAX(limit, 0) + 0.001;
    double sent = MIN(all, rate * seconds), pages = all > 0 ? sent * play->pending / all : 0, wrote = written(play, seconds);
    play->elapsed += seconds;
    play->sent += sent;
    play->scanned += pages;
    double rest = MIN(cut ? play->pending - pages + wrote : left + wrote, play->c->memory);
    play->ladder.remaining = (guint64)left; /* as if it had been looked at when the pass ended */
    play->ladder.scanned = (guint64)play->scanned;
    play->ladder.looked_ms = (guint64)(play->elapsed * 1000);
    if (!cut) {
        play->iteration++;
        slow_down(play, wrote, sent);
        if (rest <= rate * pause_at(play) && !play->ladder.forced) {
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

/* What is written to disks whose writes wait: half of what the link carries at most, since two streams share it. */
static double written_waiting(const Case *c)
{
    return MIN((double)c->input->load.disk_write_bps, c->rate / 2);
}

/* They cannot keep up: after so many rounds in vain, each of which sends all of them, they are copied again with writes that wait. */
static void copy_twice(const Case *c, double pending, double *ret_seconds, double *ret_sent)
{
    double first = pending / c->rate * (1 + GW_LADDER_DISK_PATIENCE), second = pending / (c->rate - written_waiting(c));
    *ret_seconds = first + second;
    *ret_sent = *ret_seconds * c->rate;
}

/* Disks come first; what the guest writes to them meanwhile is written there, too: as much as it likes, unless its writes wait for the
 * destination. FALSE: they are never done. */
static gboolean copy_disks(const Case *c, double pending, double *ret_seconds, double *ret_sent)
{
    const GwPlan *plan = c->input->plan;
    gboolean waits = (plan->flags & GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES) != 0;
    double writes = waits ? written_waiting(c) : (double)c->input->load.disk_write_bps, gain = c->rate - writes;
    *ret_seconds = pending > 0 ? pending / MAX(gain, 1) : 0;
    *ret_sent = pending + *ret_seconds * writes;
    if (pending > 0 && gain <= 0 && plan->second_try)
        copy_twice(c, pending, ret_seconds, ret_sent);
    else if (pending > 0 && gain <= 0)
        return FALSE;
    return pending <= 0 || !plan->timeout_ms || *ret_seconds * 1000 < (double)plan->timeout_ms;
}

/* What the differences of a page take of it. */
static double shaded_part(double part, GwShade guest)
{
    part = part > 0 ? part : 1;
    return guest == GW_SHADE_BETTER ? part / 2 : guest == GW_SHADE_WORSE ? MIN(part * 2 + 0.05, 1) : part;
}

static Play begin(const Case *c, const GwCopyPoint *at)
{
    Play play = {.c = c, .iteration = 1, .pending = c->memory};
    if (!at) {
        GwExpected expected;
        gw_writes_expect(c->writes, c->guest, shaded_part(c->input->constants.delta_part, c->guest), &expected);
        gw_ladder_expect(&play.ladder, c->input->plan, &expected);
        return play;
    }
    play.elapsed = (double)at->elapsed_ms / 1000;
    play.sent = (double)at->sent_bytes;
    play.ladder = at->ladder;
    play.ladder.deltas.part = shaded_part(at->ladder.deltas.part, c->guest);
    play.scanned = at->ladder.scanned ? (double)at->ladder.scanned : play.sent;
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

static double rate_of(const GwPredictInput *input, GwShade shade, gboolean limited)
{
    const GwConstants *k = &input->constants;
    double part = shade == GW_SHADE_BETTER ? k->link_high : shade == GW_SHADE_WORSE ? k->link_low : 1;
    double rate = MAX((double)k->link_bps * part, 1000);
    double limit = (double)input->plan->bandwidth_mibps * MIB;
    if (limit <= 0)
        return rate;
    /* copies that are held back say nothing of a link that has become better */
    return limited ? MIN(rate, limit) : shade == GW_SHADE_BETTER ? rate * UNSEEN : MAX(rate, limit);
}

static double memory_of(const GwPredictInput *input, GwShade shade)
{
    const GwConstants *k = &input->constants;
    double whole = (double)input->plan->memory_mib * MIB, used = (double)input->load.memory_bytes, sent = (double)k->sent_before;
    double likely = sent > 0 ? sent : used > 0 ? MAX(used - (double)k->unused_bytes, MIN(used, 4 * MIB)) : whole;
    double more = sent > 0 || used <= 0 ? likely * 1.1 : MAX(used, likely * 1.1); /* all of it may be the guest's */
    double memory = shade == GW_SHADE_WORSE ? more : shade == GW_SHADE_BETTER ? likely * 0.9 : likely;
    return MIN(memory, whole);
}

static Case case_of(const GwPredictInput *input, const GwWrites *writes, GwShade link, GwShade guest)
{
    static const double slowing[GW_SHADE_COUNT] = {[GW_SHADE_BETTER] = 1, [GW_SHADE_LIKELY] = 2, [GW_SHADE_WORSE] = 4};
    return (Case){input, writes, guest, slowing[guest], (double)input->plan->memory_mib * MIB, memory_of(input, guest), rate_of(input, link, TRUE),
                  rate_of(input, link, FALSE), writes->curves[guest]};
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

/* That ends as soon as the rest fits: it is anything between nothing and all that fits, or all that the guest writes in the longest pass. */
static void widen_by_rest(GwInterval *downtime_ms, const Case *c, const Ending *end)
{
    guint64 switch_ms = c->input->constants.switch_ms;
    double writes = gw_dirty_curve_at(&c->curve, c->memory / c->rate) / c->rate * 1000;
    widen(downtime_ms, (double)MIN(switch_ms, gw_constants_default.switch_ms));
    widen(downtime_ms, (double)switch_ms + MIN((double)pause_limit_ms(c->input->plan, end->seconds), writes));
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
    made->link_bps = input->constants.link_bps;
    made->link_from = input->constants.link_from;
    made->link_seen_us = input->constants.link_seen_us;
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
    GwWrites writes = gw_writes_of(input, at);
    GwOutlook outlook = {.basis = at && at->pass_seconds > 0          ? GW_BASIS_OBSERVED
                                  : input->load.how != GW_LOAD_SIZES ? GW_BASIS_SAMPLED
                                  : writes.remembers                 ? GW_BASIS_EARLIER
                                                                     : GW_BASIS_SIZES};
    Case likely = case_of(input, &writes, GW_SHADE_LIKELY, GW_SHADE_LIKELY);
    Ending end = play_through(&likely, at);
    guint64 total = total_ms_of(&end, k, at), pause = pause_ms_of(&end, k);
    guint64 bytes = (guint64)(end.memory_sent + end.disk_sent);
    outlook.ending = end.ending;
    outlook.passes = end.passes;
    outlook.forced_pause_ms = end.ending == GW_ENDING_PAUSE ? pause : 0;
    outlook.total_ms = (GwInterval){total, total, total};
    outlook.downtime_ms = (GwInterval){pause, pause, pause};
    outlook.bytes = (GwInterval){bytes, bytes, bytes};
    for (GwShade link = GW_SHADE_BETTER; link < GW_SHADE_COUNT; link++)
        for (GwShade guest = GW_SHADE_BETTER; guest < GW_SHADE_COUNT; guest++) {
            Case c = case_of(input, &writes, link, guest);
            Ending other = play_through(&c, at);
            take(&outlook, k, &other, at);
        }
    const GwSpread *usual = &k->by_ending[end.ending];
    spread(&outlook.total_ms, usual->total_low, usual->total_high, at ? at->elapsed_ms : 0);
    if (end.ending == GW_ENDING_ITSELF)
        widen_by_rest(&outlook.downtime_ms, &likely, &end);
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
