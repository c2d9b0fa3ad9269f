/* What finished moves teach the prediction (core/calibrate.h). */
#include "core/history.h"
#include "plain_calibrate.h"

#include <string.h>

#define MIB 1048576ull
#define MB 1000000ull

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
    GwConstants none = plain_calibrate(moves, "HostB", "HostC", NULL);
    g_assert_cmpuint(none.link_bps, ==, gw_constants_default.link_bps);
    g_assert_cmpuint(none.samples, ==, 0);
    for (guint i = 0; i < 10; i++) {
        add_move(moves, "HostC", 20 * MB, 400, 0.9 + 0.02 * i);
        add_move(moves, "HostD", 90 * MB, 700, 1.0);
    }
    GwConstants c = plain_calibrate(moves, "HostB", "HostC", NULL), d = plain_calibrate(moves, "HostB", "HostD", NULL), x = plain_calibrate(moves, "HostB", "HostX", NULL);
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
    g_assert_cmpuint(plain_calibrate(moves, "HostB", "HostC", "").sent_before, ==, 60 * MIB); /* of the same instance */
    for (guint i = 0; i < 2; i++)
        add_move(moves, "HostC", 200 * MB, 400, 1); /* the link was changed: two moves that agree tell */
    c = plain_calibrate(moves, "HostB", "HostC", NULL);
    g_assert_cmpuint(c.link_bps, ==, 200 * MB);
}

/* A link that was measured once, on a bad day, and has carried more since under a limit. */
static void copies_that_are_held_back_teach_the_least(void)
{
    g_autoptr(GPtrArray) moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    for (guint i = 0; i < 4; i++)
        add_move(moves, "HostC", i ? 0 : 20 * MB, 400, 1);
    ((GwMigration *)moves->pdata[1])->forecast->held_bps = 70 * MB;
    g_assert_cmpuint(plain_calibrate(moves, "HostB", "HostC", NULL).link_bps, ==, 70 * MB);
    add_move(moves, "HostC", 30 * MB, 400, 1); /* it has become worse since */
    g_assert_cmpuint(plain_calibrate(moves, "HostB", "HostC", NULL).link_bps, <=, 30 * MB);
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
    GwConstants c = plain_calibrate(moves, "HostB", "HostC", NULL);
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
    GwConstants c = plain_calibrate(moves, "HostB", "HostC", NULL);
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
    GwConstants c = plain_calibrate(moves, "HostB", "HostC", "");
    g_assert_cmpuint(c.wrote_before[1].bytes, ==, 7);
    g_assert_cmpuint(c.wrote_before[2].bytes, ==, 9);
    g_assert_cmpuint(plain_calibrate(moves, "HostB", "HostC", "another").wrote_before[2].ms, ==, 0);
}

/* The instance's own, or else what those of others say. */
static void what_differences_take_is_remembered(void)
{
    g_autoptr(GPtrArray) moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    g_assert_cmpfloat(plain_calibrate(moves, "HostB", "HostC", "").delta_part, ==, 0);
    for (guint i = 0; i < 2; i++) {
        add_move(moves, "HostC", 50 * MB, 400, 1);
        GwMigration *row = moves->pdata[0];
        row->forecast->delta_of = 100 * MB;
        row->forecast->delta_sent = i ? 50 * MB : 10 * MB;
        g_strlcpy(row->instance_uuid, i ? "other" : "own", sizeof row->instance_uuid);
    }
    add_move(moves, "HostC", 50 * MB, 400, 1); /* it sent none */
    g_strlcpy(((GwMigration *)moves->pdata[0])->instance_uuid, "own", GW_UUID_SIZE);
    g_assert_cmpfloat(plain_calibrate(moves, "HostB", "HostC", "own").delta_part, ==, 0.1);
    g_assert_cmpfloat(plain_calibrate(moves, "HostB", "HostC", "third").delta_part, >, 0.09);
}

/* By a history that has them all. */
static guint64 pair_bps(const GPtrArray *moves, const char *source, const char *dest)
{
    GwHistory *history = gw_history_new(100);
    for (guint i = moves->len; i > 0; i--)
        gw_history_add(history, gw_migration_copy(moves->pdata[i - 1]));
    guint64 bps = gw_history_pair_bps(history, source, dest);
    gw_history_free(history);
    return bps;
}

/* What it sent while it went, and nothing else: it may have stood still for long before it ended. */
static void a_copy_that_is_given_up_has_seen_the_link(void)
{
    g_autoptr(GPtrArray) moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    g_assert_cmpuint(pair_bps(moves, "HostB", "HostC"), ==, 0);
    add_move(moves, "HostC", 0, 400, 1);
    GwMigration *row = moves->pdata[0];
    row->state = GW_MIGRATION_FAILED;
    row->started_us = 1000000;
    row->ended_us = 101000000;
    row->progress = (GwProgress){.elapsed_ms = 100000, .disk_processed = 300 * MB};
    gw_calibrate_close(row, 0);
    g_assert_cmpuint(row->forecast->actual_bps, ==, 0); /* 3 MB/s, or a link that broke */
    gw_calibrate_close(row, 12 * MB);
    g_assert_cmpuint(pair_bps(moves, "HostB", "HostC"), ==, 12 * MB);
    g_assert_cmpuint(pair_bps(moves, "HostC", "HostB"), ==, 12 * MB);
    g_assert_cmpuint(pair_bps(moves, "HostB", "HostD"), ==, 0);
    GwConstants c = plain_calibrate(moves, "HostB", "HostC", NULL);
    g_assert_cmpuint(c.link_bps, ==, 12 * MB);
    row->progress.elapsed_ms = 1000; /* hardly begun */
    gw_calibrate_close(row, 12 * MB);
    g_assert_cmpuint(pair_bps(moves, "HostB", "HostC"), ==, 0);
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
    GwConstants c = plain_calibrate(moves, "HostB", "HostC", NULL);
    g_assert_cmpuint(c.samples, ==, 10);
    g_assert_cmpuint(c.around_ms, ==, 400);
    g_assert_cmpfloat(c.by_ending[GW_ENDING_ITSELF].total_high, <, 2);
    g_assert_cmpuint(c.link_bps, ==, 20 * MB);
}

/* A hypervisor that was handed its guest is smaller than one that has started it, and only the latter's guests are not known. */
static void first_moves_tell_what_is_unused(void)
{
    g_autoptr(GPtrArray) moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    for (guint i = 0; i < 5; i++) {
        add_move(moves, "HostC", 20 * MB, 400, 1);
        GwMigration *row = moves->pdata[0];
        g_strlcpy(row->instance_uuid, "the same", sizeof row->instance_uuid);
        row->forecast->memory_bytes = (i ? 100 : 190) * MIB;
    }
    g_assert_cmpuint(plain_calibrate(moves, "HostB", "HostC", "another").unused_bytes, ==, 130 * MIB);
}

static void what_came_is_noted(void)
{
    g_autoptr(GwMigration) row = gw_migration_new();
    row->plan = gw_plan_new();
    row->state = GW_MIGRATION_COMPLETED;
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
    for (guint i = 0; i < 2; i++) { /* the pause that was expected of a copy that was given up never came */
        row->state = i ? GW_MIGRATION_FAILED : GW_MIGRATION_CANCELLED;
        gw_calibrate_close(row, 0);
        g_assert_cmpuint(row->forecast->downtime_ms, ==, 0);
        g_assert_cmpuint(row->forecast->total_ms, ==, 4000);
    }
}

/* As of one way and moment: what was seen before counts no more, what is seen after counts with it. */
static GwConstants with_measured(GwHistory *history, guint64 bps, gboolean at_least, gint64 at_us)
{
    gw_history_measured(history, "HostB", "HostC", &(GwLinkSeen){{bps, at_least}, at_us});
    return gw_history_constants(history, "HostB", "HostC", "");
}

static void add_to(GwHistory *history, guint64 bps, gint64 ended_us)
{
    g_autoptr(GPtrArray) moves = g_ptr_array_new();
    add_move(moves, "HostC", bps, 400, 1);
    ((GwMigration *)moves->pdata[0])->ended_us = ended_us;
    gw_history_add(history, moves->pdata[0]);
}

static void a_link_that_was_measured_is_known(void)
{
    GwHistory *history = gw_history_new(100);
    GwConstants k = gw_history_constants(history, "HostB", "HostC", "");
    g_assert_cmpint(k.link_from, ==, GW_LINK_ASSUMED);
    k = with_measured(history, 60 * MB, FALSE, 100);
    g_assert_cmpuint(k.link_bps, ==, 60 * MB);
    g_assert_cmpint(k.link_from, ==, GW_LINK_PROBE);
    g_assert_cmpuint(k.link_seen_us, ==, 100);
    k = gw_history_constants(history, "HostC", "HostB", ""); /* a way back is like the way there */
    g_assert_cmpuint(k.link_bps, ==, 60 * MB);
    k = gw_history_constants(history, "HostD", "HostE", ""); /* and others may be like it */
    g_assert_cmpuint(k.link_bps, ==, 60 * MB);
    g_assert_cmpint(k.link_from, ==, GW_LINK_OTHERS);
    for (guint i = 0; i < 3; i++)
        add_to(history, 20 * MB, 200 + i);
    k = gw_history_constants(history, "HostB", "HostC", "");
    g_assert_cmpuint(k.link_bps, ==, 20 * MB);
    g_assert_cmpint(k.link_from, ==, GW_LINK_MOVES);
    g_assert_cmpuint(k.link_seen_us, ==, 202);
    k = with_measured(history, 50 * MB, FALSE, 300); /* it was mended */
    g_assert_cmpuint(k.link_bps, ==, 50 * MB);
    g_assert_cmpuint(gw_history_pair_bps(history, "HostB", "HostC"), ==, 50 * MB);
    g_assert_cmpuint(gw_history_link_bps(history, "HostC"), ==, 50 * MB);
    k = with_measured(history, 10 * MB, FALSE, 250); /* older news */
    g_assert_cmpuint(k.link_bps, ==, 50 * MB);
    k = with_measured(history, 10 * MB, TRUE, 400); /* within a limit, or beside a move: that is no news */
    g_assert_cmpuint(k.link_bps, ==, 50 * MB);
    g_assert_cmpuint(k.link_seen_us, ==, 300);
    k = with_measured(history, 80 * MB, TRUE, 500); /* that it carries more is */
    g_assert_cmpuint(k.link_bps, >=, 80 * MB);
    g_assert_cmpint(k.link_from, ==, GW_LINK_PROBE);
    gw_history_free(history);
}

static void a_link_that_was_measured_within_a_limit_carries_that_at_least(void)
{
    GwHistory *history = gw_history_new(100);
    GwConstants k = with_measured(history, 60 * MB, TRUE, 100);
    g_assert_cmpint(k.link_from, ==, GW_LINK_ASSUMED);
    g_assert_cmpuint(k.link_bps, ==, gw_constants_default.link_bps);
    g_assert_cmpfloat(k.link_low * (double)k.link_bps, >=, (double)(59 * MB)); /* the worse case knows it */
    add_to(history, 30 * MB, 50);
    k = gw_history_constants(history, "HostB", "HostC", "");
    g_assert_cmpuint(k.link_bps, ==, 60 * MB);
    add_to(history, 30 * MB, 150); /* it has become worse since */
    k = gw_history_constants(history, "HostB", "HostC", "");
    g_assert_cmpuint(k.link_bps, ==, 30 * MB);
    gw_history_free(history);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/predict/history", history_of_the_pair_counts_most);
    g_test_add_func("/predict/history/held-back", copies_that_are_held_back_teach_the_least);
    g_test_add_func("/predict/history/pauses", pauses_teach_what_limited_copies_cannot);
    g_test_add_func("/predict/history/endings", intervals_are_those_of_the_same_end);
    g_test_add_func("/predict/history/instance", what_an_instance_wrote_is_remembered);
    g_test_add_func("/predict/history/differences", what_differences_take_is_remembered);
    g_test_add_func("/predict/history/first", first_moves_tell_what_is_unused);
    g_test_add_func("/predict/history/measured", a_link_that_was_measured_is_known);
    g_test_add_func("/predict/history/measured-within-a-limit", a_link_that_was_measured_within_a_limit_carries_that_at_least);
    g_test_add_func("/predict/closing", what_came_is_noted);
    g_test_add_func("/predict/history/given-up", a_copy_that_is_given_up_has_seen_the_link);
    g_test_add_func("/predict/history/twice", only_one_whole_copy_judges_predictions);
    return g_test_run();
}
