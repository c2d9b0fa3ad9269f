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
    GwWritten seen[GW_LADDER_EXPECTED];
    gw_predict_expect(&input, seen);
    g_assert_cmpuint(seen[0].ms, ==, 1000);
    g_assert_cmpuint(MAX(seen[0].bytes, seen[1].bytes), <, 20 * MB);
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

/* ---- history */

static void add_move(GPtrArray *moves, const char *dest, guint64 bps, guint64 around_ms, double total_part)
{
    GwMigration *row = gw_migration_new();
    row->kind = GW_MOVE_LIVE;
    row->state = GW_MIGRATION_COMPLETED;
    row->attempts = 1;
    row->source = g_strdup("HostB");
    row->dest = g_strdup(dest);
    row->progress.elapsed_ms = 1000;
    row->forecast = g_new0(GwForecast, 1);
    row->forecast->first.total_ms.likely = 1000;
    row->forecast->first.downtime_ms.likely = 100;
    row->forecast->total_ms = (guint64)(1000 * total_part);
    row->progress.elapsed_ms = row->forecast->total_ms - around_ms;
    row->forecast->downtime_ms = 120;
    row->forecast->rest_ms = 70;
    row->forecast->memory_bytes = 100 * MIB;
    row->forecast->first_pass_bytes = 60 * MIB;
    row->forecast->actual_bps = bps;
    g_ptr_array_insert(moves, 0, row);
}

static void history_of_the_pair_counts_most(void)
{
    g_autoptr(GPtrArray) moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    GwConstants none = gw_calibrate(moves, "HostB", "HostC", NULL);
    g_assert_cmpuint(none.link_bps, ==, gw_constants_default.link_bps);
    g_assert_cmpuint(none.samples, ==, 0);
    for (guint i = 0; i < 10; i++) {
        add_move(moves, "HostC", 20 * MB, 400, 0.9 + 0.02 * i);
        add_move(moves, "HostD", 90 * MB, 700, 1.0);
    }
    GwConstants c = gw_calibrate(moves, "HostB", "HostC", NULL), d = gw_calibrate(moves, "HostB", "HostD", NULL), x = gw_calibrate(moves, "HostB", "HostX", NULL);
    g_assert_cmpuint(c.link_bps, ==, 20 * MB);
    g_assert_cmpuint(d.link_bps, ==, 90 * MB);
    g_assert_cmpuint(c.around_ms, ==, 400);
    g_assert_cmpuint(d.around_ms, ==, 700);
    g_assert_cmpuint(x.samples, ==, 20); /* the fleet's */
    g_assert_cmpuint(c.switch_ms, ==, 50);
    g_assert_cmpuint(c.unused_bytes, ==, 40 * MIB);
    g_assert_cmpfloat(c.by_ending[GW_ENDING_ITSELF].total_low, <=, 0.9);
    g_assert_cmpfloat(c.by_ending[GW_ENDING_ITSELF].total_high, >=, 1.08);
    g_assert_cmpuint(c.sent_before, ==, 0);
    g_assert_cmpuint(gw_calibrate(moves, "HostB", "HostC", "").sent_before, ==, 60 * MIB); /* of the same instance */
    for (guint i = 0; i < 2; i++)
        add_move(moves, "HostC", 200 * MB, 400, 1); /* the link was changed: two moves that agree tell */
    c = gw_calibrate(moves, "HostB", "HostC", NULL);
    g_assert_cmpuint(c.link_bps, ==, 200 * MB);
}

/* A link that was measured once, on a bad day, and has carried more since under a limit. */
static void copies_that_are_held_back_teach_the_least(void)
{
    g_autoptr(GPtrArray) moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    for (guint i = 0; i < 4; i++)
        add_move(moves, "HostC", i ? 0 : 20 * MB, 400, 1);
    ((GwMigration *)moves->pdata[1])->forecast->held_bps = 70 * MB;
    g_assert_cmpuint(gw_calibrate(moves, "HostB", "HostC", NULL).link_bps, ==, 70 * MB);
    add_move(moves, "HostC", 30 * MB, 400, 1); /* it has become worse since */
    g_assert_cmpuint(gw_calibrate(moves, "HostB", "HostC", NULL).link_bps, <=, 30 * MB);
}

/* What it sent while it went, and nothing else: it may have stood still for long before it ended. */
static void a_copy_that_is_given_up_has_seen_the_link(void)
{
    g_autoptr(GPtrArray) moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    g_assert_cmpuint(gw_calibrate_pair_bps(moves, "HostB", "HostC"), ==, 0);
    add_move(moves, "HostC", 0, 400, 1);
    GwMigration *row = moves->pdata[0];
    row->state = GW_MIGRATION_FAILED;
    row->started_us = 1000000;
    row->ended_us = 101000000;
    row->progress = (GwProgress){.elapsed_ms = 100000, .disk_processed = 300 * MB};
    gw_calibrate_close(row, 0);
    g_assert_cmpuint(row->forecast->actual_bps, ==, 0); /* 3 MB/s, or a link that broke */
    gw_calibrate_close(row, 12 * MB);
    g_assert_cmpuint(gw_calibrate_pair_bps(moves, "HostB", "HostC"), ==, 12 * MB);
    g_assert_cmpuint(gw_calibrate_pair_bps(moves, "HostC", "HostB"), ==, 12 * MB);
    g_assert_cmpuint(gw_calibrate_pair_bps(moves, "HostB", "HostD"), ==, 0);
    GwConstants c = gw_calibrate(moves, "HostB", "HostC", NULL);
    g_assert_cmpuint(c.link_bps, ==, 12 * MB);
    row->progress.elapsed_ms = 1000; /* hardly begun */
    gw_calibrate_close(row, 12 * MB);
    g_assert_cmpuint(gw_calibrate_pair_bps(moves, "HostB", "HostC"), ==, 0);
}

/* Neither what was given up nor what was tried twice judges what was foretold of one copy. */
static void only_one_whole_copy_judges_predictions(void)
{
    g_autoptr(GPtrArray) moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    for (guint i = 0; i < 10; i++) {
        add_move(moves, "HostC", 20 * MB, 400, 1);
        add_move(moves, "HostC", 20 * MB, 9000, 20);
        GwMigration *row = moves->pdata[0];
        if (i % 2)
            row->state = GW_MIGRATION_FAILED;
        else
            row->intents = GW_INTENT_AGAIN;
    }
    GwConstants c = gw_calibrate(moves, "HostB", "HostC", NULL);
    g_assert_cmpuint(c.samples, ==, 10);
    g_assert_cmpuint(c.around_ms, ==, 400);
    g_assert_cmpfloat(c.by_ending[GW_ENDING_ITSELF].total_high, <, 2);
    g_assert_cmpuint(c.link_bps, ==, 20 * MB);
}

/* Pauses that are shorter than the rest would take say that the link carries more than is known of it. */
static void pauses_teach_what_limited_copies_cannot(void)
{
    g_autoptr(GPtrArray) moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    for (guint i = 0; i < 3; i++) {
        add_move(moves, "HostC", 0, 400, 1);
        GwForecast *f = ((GwMigration *)moves->pdata[0])->forecast;
        f->rest_ms = 400;
        f->downtime_ms = 80;
    }
    GwConstants c = gw_calibrate(moves, "HostB", "HostC", NULL);
    g_assert_cmpfloat(c.rest_part, ==, 0.1);
    g_assert_cmpuint(c.switch_ms, ==, 40);
}

/* Of the moves of which the like was said: a forced pause is another matter than one of a guest that is quiet. */
static void intervals_are_those_of_the_same_end(void)
{
    g_autoptr(GPtrArray) moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    for (guint i = 0; i < 20; i++) {
        add_move(moves, "HostC", 50 * MB, 400, 1);
        GwForecast *f = ((GwMigration *)moves->pdata[0])->forecast;
        f->first.ending = i % 2 ? GW_ENDING_PAUSE : GW_ENDING_ITSELF;
        f->now.ending = i % 4 ? f->first.ending : GW_ENDING_ITSELF;
        f->downtime_ms = i % 2 ? 300 : 100;
    }
    GwConstants c = gw_calibrate(moves, "HostB", "HostC", NULL);
    g_assert_cmpfloat(c.by_ending[GW_ENDING_PAUSE].pause_more_ms, >=, 200);
    g_assert_cmpfloat(c.by_ending[GW_ENDING_ITSELF].pause_more_ms, <, 20);
    g_assert_cmpfloat(c.by_ending[GW_ENDING_POSTCOPY].pause_more_ms, ==, gw_constants_default.by_ending[GW_ENDING_POSTCOPY].pause_more_ms);
}

static void what_an_instance_wrote_is_remembered(void)
{
    g_autoptr(GPtrArray) moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    add_move(moves, "HostC", 50 * MB, 400, 1);
    ((GwMigration *)moves->pdata[0])->forecast->long_window = (GwWritten){3000, 7};
    add_move(moves, "HostC", 50 * MB, 400, 1);
    ((GwMigration *)moves->pdata[0])->forecast->first_wrote = (GwWritten){2500, 9};
    GwConstants c = gw_calibrate(moves, "HostB", "HostC", "");
    g_assert_cmpuint(c.wrote_before[1].bytes, ==, 7);
    g_assert_cmpuint(c.wrote_before[2].bytes, ==, 9);
    g_assert_cmpuint(gw_calibrate(moves, "HostB", "HostC", "another").wrote_before[2].ms, ==, 0);
}

static void what_came_is_noted(void)
{
    g_autoptr(GwMigration) row = gw_migration_new();
    row->state = GW_MIGRATION_COMPLETED;
    row->plan = plan_of(512, "balanced", 0);
    row->forecast = g_new0(GwForecast, 1);
    row->started_us = 1000000;
    row->ended_us = 5000000;
    row->progress = (GwProgress){.elapsed_ms = 3000, .downtime_ms = 80, .memory_processed = 300 * MB, .disk_processed = 300 * MB};
    gw_calibrate_close(row, 0);
    g_assert_cmpuint(row->forecast->total_ms, ==, 4000);
    g_assert_cmpuint(row->forecast->downtime_ms, ==, 80);
    g_assert_cmpuint(row->forecast->bytes, ==, 600 * MB);
    g_assert_cmpuint(row->forecast->actual_bps, ==, 200 * MB);
    row->plan->bandwidth_mibps = 200; /* it went as fast as it might: that says nothing of the link */
    gw_calibrate_close(row, 0);
    g_assert_cmpuint(row->forecast->actual_bps, ==, 0);
    g_assert_cmpuint(row->forecast->held_bps, ==, 200 * MB);
    row->plan->bandwidth_mibps = 0;
    gw_calibrate_close(row, 250 * MB); /* it took a while to begin */
    g_assert_cmpuint(row->forecast->actual_bps, ==, 250 * MB);
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
    g_test_add_func("/predict/history", history_of_the_pair_counts_most);
    g_test_add_func("/predict/history/held-back", copies_that_are_held_back_teach_the_least);
    g_test_add_func("/predict/history/given-up", a_copy_that_is_given_up_has_seen_the_link);
    g_test_add_func("/predict/history/twice", only_one_whole_copy_judges_predictions);
    g_test_add_func("/predict/history/pauses", pauses_teach_what_limited_copies_cannot);
    g_test_add_func("/predict/history/endings", intervals_are_those_of_the_same_end);
    g_test_add_func("/predict/history/instance", what_an_instance_wrote_is_remembered);
    g_test_add_func("/predict/earlier/set", an_earlier_move_tells_the_working_set);
    g_test_add_func("/predict/earlier/changed", an_earlier_move_of_a_guest_that_has_changed_tells_nothing);
    g_test_add_func("/predict/curve/seen", what_was_seen_gives_back_the_curve);
    g_test_add_func("/predict/closing", what_came_is_noted);
    return g_test_run();
}
