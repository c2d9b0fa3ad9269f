/* The prediction: curves through samples, the properties that it must have, the ladder's ends, and what history teaches. */
#include "core/calibrate.h"
#include "core/flags.h"

#include <math.h>
#include <string.h>

#define MIB 1048576ull
#define MB 1000000ull

static GwPlan *plan_of(guint64 memory_mib, const char *policy, guint64 flags)
{
    const GwPolicy *p = gw_policy_find(policy);
    GwPlan *plan = gw_plan_new();
    plan->memory_mib = memory_mib;
    plan->flags = flags;
    plan->pause_ms = p->pause_ms;
    plan->forced_pause_ms = p->forced_pause_ms;
    plan->eager = p->prefers_post_copy;
    plan->timeout_ms = 800000;
    return plan;
}

/* A guest that writes at random: `writes` MB/s over `set` MiB. */
static GwPredictInput input_of(const GwPlan *plan, double writes, double set)
{
    GwDirtyCurve curve = {writes * (double)MB, MAX(set, 0.001) * (double)MIB};
    GwConstants constants = gw_constants_default;
    constants.unused_bytes = 0;
    return (GwPredictInput){.plan = plan,
                            .load = {.memory_bytes = plan->memory_mib * MIB,
                                     .short_bytes = (guint64)gw_dirty_curve_at(&curve, 1),
                                     .long_bytes = (guint64)gw_dirty_curve_at(&curve, 3),
                                     .grain_bytes = 2 * MIB,
                                     .how = GW_LOAD_FULL,
                                     .pass_end = GW_PASS_EARLY},
                            .constants = constants};
}

static GwOutlook outlook_of(const GwPlan *plan, double writes, double set, double link)
{
    GwPredictInput input = input_of(plan, writes, set);
    input.constants.link_bps = (guint64)(link * (double)MB);
    return gw_predict(&input, NULL, NULL);
}

static void two_windows_give_back_the_curve(void)
{
    const double whole = 4096.0 * (double)MIB;
    for (double set = 16; set <= 2048; set *= 2)
        for (double rate = set / 8; rate <= set * 2; rate *= 2) {
            GwDirtyCurve real = {rate * (double)MIB, set * (double)MIB};
            GwLoad load = {.how = GW_LOAD_FULL, .short_bytes = (guint64)gw_dirty_curve_at(&real, 1),
                           .long_bytes = (guint64)gw_dirty_curve_at(&real, 3)};
            GwDirtyCurve found = gw_dirty_curve_fit(&load, whole);
            for (double t = 0.25; t < 20; t *= 2) {
                double off = fabs(gw_dirty_curve_at(&found, t) / gw_dirty_curve_at(&real, t) - 1);
                g_assert_cmpfloat(off, <, 0.01);
            }
        }
}

static GwWritten seen_of(const GwDirtyCurve *curve, guint64 ms, double error)
{
    return (GwWritten){ms, (guint64)(gw_dirty_curve_at(curve, (double)ms / 1000) * error)};
}

/* Points of any length, in any order, some of them missing or a little off. */
static void what_was_seen_gives_back_the_curve(void)
{
    const double whole = 4096.0 * (double)MIB;
    for (double set = 16; set <= 1024; set *= 2)
        for (double rate = set / 8; rate <= set * 2; rate *= 2) {
            GwDirtyCurve real = {rate * (double)MIB, set * (double)MIB};
            GwWritten seen[] = {seen_of(&real, 9000, 1.03), {0, 0}, seen_of(&real, 700, 0.97), seen_of(&real, 3000, 1)};
            GwDirtyCurve found = gw_dirty_curve_among(seen, G_N_ELEMENTS(seen), whole);
            for (double t = 0.7; t < 12; t *= 2) {
                double off = fabs(gw_dirty_curve_at(&found, t) / gw_dirty_curve_at(&real, t) - 1);
                g_assert_cmpfloat(off, <, 0.15);
            }
        }
    const GwWritten nothing[] = {{0, 0}, {1000, 0}};
    GwDirtyCurve none = gw_dirty_curve_among(nothing, G_N_ELEMENTS(nothing), whole);
    g_assert_cmpfloat(gw_dirty_curve_at(&none, 1000), ==, 0);
}

/* 80 MB/s over 64 MiB: one window of a second finds all of the set, and would say that all of the memory will be written. */
static void an_earlier_move_tells_the_working_set(void)
{
    g_autoptr(GwPlan) plan = plan_of(1024, "never-pause", 0);
    GwDirtyCurve real = {80.0 * (double)MB, 64.0 * (double)MIB};
    GwPredictInput input = input_of(plan, 80, 64);
    input.constants.link_bps = 100 * MB;
    GwOutlook both = gw_predict(&input, NULL, NULL);
    input.load.how = GW_LOAD_BRIEF;
    GwOutlook one = gw_predict(&input, NULL, NULL);
    input.constants.wrote_before[2] = seen_of(&real, 8000, 1);
    input.constants.wrote_before[3] = seen_of(&real, 700, 1);
    GwOutlook earlier = gw_predict(&input, NULL, NULL);
    g_assert_cmpuint(one.bytes.likely, >, both.bytes.likely * 11 / 10);
    g_assert_cmpint(earlier.basis, ==, GW_BASIS_SAMPLED);
    g_assert_cmpfloat(fabs((double)earlier.total_ms.likely / (double)both.total_ms.likely - 1), <, 0.1);
    input.load.how = GW_LOAD_SIZES;
    earlier = gw_predict(&input, NULL, NULL);
    g_assert_cmpint(earlier.basis, ==, GW_BASIS_EARLIER);
    g_assert_cmpfloat(fabs((double)earlier.total_ms.likely / (double)both.total_ms.likely - 1), <, 0.1);
}

/* The guest does something else now than when it was last moved. */
static void an_earlier_move_of_a_guest_that_has_changed_tells_nothing(void)
{
    g_autoptr(GwPlan) plan = plan_of(1024, "balanced", 0);
    GwPredictInput input = input_of(plan, 2, 16);
    GwOutlook now = gw_predict(&input, NULL, NULL);
    input.constants.wrote_before[0] = (GwWritten){1000, 200 * MB};
    input.constants.wrote_before[2] = (GwWritten){9000, 600 * MB};
    GwOutlook same = gw_predict(&input, NULL, NULL);
    g_assert_cmpuint(now.total_ms.likely, ==, same.total_ms.likely);
    GwExpected expected;
    gw_predict_expect(&input, &expected);
    g_assert_cmpuint(expected.seen[0].ms, ==, 1000);
    g_assert_cmpuint(MAX(expected.seen[0].bytes, expected.seen[1].bytes), <, 20 * MB);
}

/* A guest that cannot be caught up with, unless it changes little of each page. */
static void deltas_end_what_pages_would_not(void)
{
    g_autoptr(GwPlan) plan = plan_of(256, "balanced", 0);
    GwPredictInput input = input_of(plan, 80, 64);
    input.constants.link_bps = 42 * MB;
    input.constants.delta_part = 0.02;
    GwOutlook pages = gw_predict(&input, NULL, NULL);
    g_assert_cmpint(pages.ending, ==, GW_ENDING_PAUSE);
    plan->compression = GW_COMPRESSION_XBZRLE;
    GwOutlook deltas = gw_predict(&input, NULL, NULL);
    g_assert_cmpint(deltas.ending, ==, GW_ENDING_ITSELF);
    g_assert_cmpuint(deltas.downtime_ms.likely, <, pages.downtime_ms.likely / 2);
    input.constants.delta_part = 1; /* of pages that are written from end to end */
    g_assert_cmpint(gw_predict(&input, NULL, NULL).ending, ==, GW_ENDING_PAUSE);
    input.constants.delta_part = 0; /* nobody knows: the better case hopes */
    GwOutlook unknown = gw_predict(&input, NULL, NULL);
    g_assert_cmpint(unknown.ending, ==, GW_ENDING_PAUSE);
    g_assert_cmpuint(unknown.downtime_ms.low, <, pages.downtime_ms.likely / 2);
}

/* Passes tell what the copy itself will meet; a window that finds more was not looked at while the guest was copied. */
static void passes_count_more_than_windows(void)
{
    g_autoptr(GwPlan) plan = plan_of(256, "balanced", 0);
    GwPredictInput input = input_of(plan, 80, 64);
    input.constants.link_bps = 60 * MB;
    input.constants.sent_before = 130 * MIB;
    g_assert_cmpint(gw_predict(&input, NULL, NULL).ending, ==, GW_ENDING_PAUSE);
    GwWritten *then = input.constants.wrote_before;
    then[GW_WROTE_SHORT] = (GwWritten){1000, input.load.short_bytes};
    then[GW_WROTE_FIRST] = (GwWritten){2300, 40 * MIB};
    then[GW_WROTE_LATER] = (GwWritten){700, 14 * MIB};
    g_assert_cmpint(gw_predict(&input, NULL, NULL).ending, ==, GW_ENDING_ITSELF);
    then[GW_WROTE_SHORT].bytes = 4 * MIB; /* then it did something else */
    g_assert_cmpint(gw_predict(&input, NULL, NULL).ending, ==, GW_ENDING_PAUSE);
}

/* Five pages of a sample instead of twelve are chance. */
static void a_small_sample_is_no_change(void)
{
    g_autoptr(GwPlan) plan = plan_of(256, "balanced", 0);
    GwPredictInput input = input_of(plan, 10, 64);
    input.constants.wrote_before[GW_WROTE_SHORT] = (GwWritten){1000, 24 * MIB};
    input.constants.wrote_before[GW_WROTE_FIRST] = (GwWritten){2000, 50 * MIB};
    input.load.short_bytes = 10 * MIB;
    GwForecast made = {0};
    gw_predict(&input, NULL, &made);
    g_assert_cmpuint(made.set_bytes, >=, 50 * MIB);
    input.load.grain_bytes = 4096;
    gw_predict(&input, NULL, &made);
    g_assert_cmpuint(made.set_bytes, ==, (guint64)gw_dirty_curve_fit(&input.load, 256.0 * (double)MIB).set_bytes);
}

static void one_point_leaves_the_set_open(void)
{
    const GwWritten seen[] = {{2000, 40 * MIB}};
    GwDirtyCurve curve = gw_dirty_curve_among(seen, 1, 4096.0 * (double)MIB);
    g_assert_cmpfloat(fabs(gw_dirty_curve_at(&curve, 2) / (40.0 * (double)MIB) - 1), <, 0.001);
    g_assert_cmpfloat(curve.set_bytes, ==, 80.0 * (double)MIB);
    const GwWritten full[] = {{1500, 64 * MIB}, {3000, 64 * MIB}}; /* it was full long before */
    curve = gw_dirty_curve_among(full, 2, 4096.0 * (double)MIB);
    g_assert_cmpfloat(gw_dirty_curve_at(&curve, 1.5), >, 57.0 * (double)MIB);
    g_assert_cmpfloat(gw_dirty_curve_at(&curve, 60), <, 72.0 * (double)MIB);
}

/* Against the integral, step by step. */
static void the_mean_is_the_curves(void)
{
    const GwDirtyCurve curves[] = {{40e6, 100e6}, {1e6, 4e12}, {300e6, 10e6}};
    for (guint i = 0; i < G_N_ELEMENTS(curves); i++)
        for (double seconds = 0.05; seconds < 100; seconds *= 5) {
            enum { STEPS = 20000 };
            double sum = 0;
            for (guint step = 0; step < STEPS; step++)
                sum += gw_dirty_curve_at(&curves[i], seconds * (step + 0.5) / STEPS) / STEPS;
            g_assert_cmpfloat(fabs(gw_dirty_curve_mean(&curves[i], seconds) / sum - 1), <, 0.001);
        }
    g_assert_cmpfloat(gw_dirty_curve_mean(&curves[0], 0), ==, 0);
}

static void an_idle_guest_writes_nothing(void)
{
    GwLoad load = {.how = GW_LOAD_FULL};
    GwDirtyCurve curve = gw_dirty_curve_fit(&load, 1e9);
    g_assert_cmpfloat(gw_dirty_curve_at(&curve, 1000), ==, 0);
}

static void a_pass_moves_the_curve(void)
{
    GwDirtyCurve curve = {50e6, 100e6};
    GwDirtyCurve moved = gw_dirty_curve_through(&curve, 2, 30e6);
    g_assert_cmpfloat(fabs(gw_dirty_curve_at(&moved, 2) - 30e6), <, 1);
    g_assert_cmpfloat(moved.set_bytes, ==, 100e6);
    moved = gw_dirty_curve_through(&curve, 2, 300e6); /* more than the set was thought to be */
    g_assert_cmpfloat(fabs(gw_dirty_curve_at(&moved, 2) - 300e6), <, 1);
}

static void more_memory_takes_longer(void)
{
    for (double writes = 0; writes <= 200; writes += 20) {
        guint64 last = 0;
        for (guint64 mib = 128; mib <= 8192; mib *= 2) {
            g_autoptr(GwPlan) plan = plan_of(mib, "balanced", 0);
            GwOutlook outlook = outlook_of(plan, writes, 64, 100);
            g_assert_cmpuint(outlook.total_ms.likely, >, last);
            last = outlook.total_ms.likely;
        }
    }
}

/* Of guests that end by themselves: another rung may be shorter. */
static void more_writing_takes_longer_and_more_link_does_not(void)
{
    g_autoptr(GwPlan) plan = plan_of(1024, "never-pause", 0);
    for (double link = 50; link <= 1600; link *= 2) {
        GwOutlook last = {0};
        for (double writes = 0; writes < link * 0.8; writes += link / 10) {
            GwOutlook now = outlook_of(plan, writes, 256, link), faster = outlook_of(plan, writes, 256, link * 2);
            g_assert_cmpint(now.ending, ==, GW_ENDING_ITSELF);
            g_assert_cmpuint(now.total_ms.likely, >=, last.total_ms.likely);
            g_assert_cmpuint(now.bytes.likely, >=, last.bytes.likely);
            g_assert_cmpuint(faster.total_ms.likely, <=, now.total_ms.likely);
            last = now;
        }
    }
}

static void intervals_are_in_order(void)
{
    static const char *const policies[] = {"balanced", "minimal-downtime", "fast", "never-pause"};
    for (guint p = 0; p < G_N_ELEMENTS(policies); p++)
        for (guint flags = 0; flags < 3; flags++)
            for (double writes = 0; writes <= 1000; writes = writes * 2 + 5)
                for (double link = 10; link <= 1000; link *= 3) {
                    g_autoptr(GwPlan) plan = plan_of(512, policies[p], flags == 1 ? GW_FLAG_POSTCOPY : flags ? GW_FLAG_AUTO_CONVERGE : 0);
                    GwOutlook o = outlook_of(plan, writes, 200, link);
                    const GwInterval *all[] = {&o.total_ms, &o.downtime_ms, &o.bytes};
                    for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
                        g_assert_cmpuint(all[i]->low, <=, all[i]->likely);
                        g_assert_cmpuint(all[i]->likely, <=, all[i]->high);
                    }
                    if (flags == 1)
                        g_assert_cmpint(o.ending, !=, GW_ENDING_NOT);
                    if (o.ending == GW_ENDING_PAUSE)
                        g_assert_cmpuint(o.forced_pause_ms, >, 0);
                }
}

/* The guest of the manual's warning: 120 MB/s over a link of 50. */
static void a_busy_guest_ends_as_the_ladder_will_end_it(void)
{
    const struct {
        const char *policy;
        guint64 flags;
        GwEnding ending;
        const char *text;
    } cases[] = {
        {"balanced", 0, GW_ENDING_PAUSE, "only with a forced pause"},
        {"balanced", GW_FLAG_POSTCOPY, GW_ENDING_POSTCOPY, "only in post-copy"},
        {"never-pause", 0, GW_ENDING_NOT, "does not end"},
        {"minimal-downtime", 0, GW_ENDING_NOT, "given up"},
        {"never-pause", GW_FLAG_AUTO_CONVERGE, GW_ENDING_ITSELF, "by itself"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GwPlan) plan = plan_of(512, cases[i].policy, cases[i].flags);
        GwOutlook outlook = outlook_of(plan, 120, 300, 50);
        g_autofree char *text = gw_outlook_to_text(&outlook);
        g_assert_cmpstr(gw_ending_name(outlook.ending), ==, gw_ending_name(cases[i].ending));
        g_assert_nonnull(strstr(text, cases[i].text));
    }
}

static void the_deadline_counts(void)
{
    g_autoptr(GwPlan) plan = plan_of(1024, "balanced", 0);
    plan->timeout_ms = 4000; /* the memory alone takes ten seconds: 6 s of it would be a pause */
    GwOutlook outlook = outlook_of(plan, 1, 8, 100);
    g_assert_cmpint(outlook.ending, ==, GW_ENDING_PAUSE);
    g_assert_cmpuint(outlook.forced_pause_ms, >, 5000);
    plan->forced_pause_ms = 0;
    outlook = outlook_of(plan, 1, 8, 100);
    g_assert_cmpint(outlook.ending, ==, GW_ENDING_NOT);
}

static void disks_come_first_and_may_never_end(void)
{
    g_autoptr(GwPlan) plan = plan_of(128, "balanced", 0);
    GwPredictInput input = input_of(plan, 0, 1);
    input.constants.link_bps = 100 * MB;
    guint64 without = gw_predict(&input, NULL, NULL).total_ms.likely;
    input.disk_bytes = 1000 * MB;
    guint64 with = gw_predict(&input, NULL, NULL).total_ms.likely;
    g_assert_cmpuint(with - without, ==, 10000);
    input.load.disk_write_bps = 50 * MB;
    g_assert_cmpuint(gw_predict(&input, NULL, NULL).total_ms.likely - without, >=, 20000);
    input.load.disk_write_bps = 120 * MB;
    g_assert_cmpint(gw_predict(&input, NULL, NULL).ending, ==, GW_ENDING_NOT);
    plan->second_try = TRUE; /* three rounds of 10 s, and again, with half of the link */
    g_assert_cmpint(gw_predict(&input, NULL, NULL).ending, ==, GW_ENDING_ITSELF);
    g_assert_cmpuint(gw_predict(&input, NULL, NULL).total_ms.likely - without, ==, 50000);
    plan->timeout_ms = 40000;
    g_assert_cmpint(gw_predict(&input, NULL, NULL).ending, ==, GW_ENDING_NOT);
    plan->timeout_ms = 800000;
    plan->second_try = FALSE;
    plan->flags |= GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES; /* then it gets half of the link */
    g_assert_cmpint(gw_predict(&input, NULL, NULL).ending, ==, GW_ENDING_ITSELF);
    g_assert_cmpuint(gw_predict(&input, NULL, NULL).total_ms.likely - without, ==, 20000);
}

static void a_limit_is_kept(void)
{
    g_autoptr(GwPlan) plan = plan_of(1000, "balanced", 0);
    plan->bandwidth_mibps = 10;
    GwOutlook outlook = outlook_of(plan, 0, 1, 1000);
    g_assert_cmpuint(outlook.total_ms.likely, >, 99000);
    g_assert_cmpuint(outlook.downtime_ms.likely, <, 100); /* the last of it knows no limit */
}

/* In the midst of a copy: what has been seen counts, and what is past is certain. */
static void a_copy_under_way_is_known_better(void)
{
    g_autoptr(GwPlan) plan = plan_of(512, "balanced", 0);
    GwPredictInput input = input_of(plan, 10, 100);
    input.constants.link_bps = 50 * MB;
    GwOutlook before = gw_predict(&input, NULL, NULL);
    GwCopyPoint at = {.elapsed_ms = 11000, .sent_bytes = 537 * MB, .pending_bytes = 90 * MB, .iteration = 2, .pass_seconds = 10.7,
                      .pass_bytes = 67.0 * (double)MB};
    input.constants.link_low = 0.85;
    input.constants.link_high = 1.15;
    GwOutlook now = gw_predict(&input, &at, NULL);
    g_assert_cmpint(now.basis, ==, GW_BASIS_OBSERVED);
    g_assert_cmpuint(now.total_ms.low, >=, 11000);
    g_assert_cmpuint(now.total_ms.high - now.total_ms.low, <, before.total_ms.high - before.total_ms.low);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/predict/curve/two-windows", two_windows_give_back_the_curve);
    g_test_add_func("/predict/curve/idle", an_idle_guest_writes_nothing);
    g_test_add_func("/predict/curve/pass", a_pass_moves_the_curve);
    g_test_add_func("/predict/monotone/memory", more_memory_takes_longer);
    g_test_add_func("/predict/monotone/writes-and-link", more_writing_takes_longer_and_more_link_does_not);
    g_test_add_func("/predict/intervals", intervals_are_in_order);
    g_test_add_func("/predict/ladder", a_busy_guest_ends_as_the_ladder_will_end_it);
    g_test_add_func("/predict/deadline", the_deadline_counts);
    g_test_add_func("/predict/disks", disks_come_first_and_may_never_end);
    g_test_add_func("/predict/limit", a_limit_is_kept);
    g_test_add_func("/predict/under-way", a_copy_under_way_is_known_better);
    g_test_add_func("/predict/earlier/set", an_earlier_move_tells_the_working_set);
    g_test_add_func("/predict/earlier/changed", an_earlier_move_of_a_guest_that_has_changed_tells_nothing);
    g_test_add_func("/predict/curve/seen", what_was_seen_gives_back_the_curve);
    g_test_add_func("/predict/curve/mean", the_mean_is_the_curves);
    g_test_add_func("/predict/curve/one-point", one_point_leaves_the_set_open);
    g_test_add_func("/predict/deltas", deltas_end_what_pages_would_not);
    g_test_add_func("/predict/earlier/passes", passes_count_more_than_windows);
    g_test_add_func("/predict/earlier/chance", a_small_sample_is_no_change);
    return g_test_run();
}
