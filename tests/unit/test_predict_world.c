/* Prediction over a small world like the lab's: guests that write in circles over a part of their memory, links that change, QEMU's way of
 * ending passes, samples that err, processes larger than their guests; moved to and fro, each move teaching the next. The goals of
 * bench/predict hold here: what they miss on the lab, they miss by what the lab does otherwise. */
#include "core/flags.h"
#include "plain_calibrate.h"

#include <math.h>

#define MIB 1048576.0

enum { TICK_MS = 20, LOOK_MS = 100, TURNS = 4, ROUNDS = 30 };

typedef struct {
    double memory, touched, writes, set; /* bytes; bytes per second */
} Guest;

typedef struct {
    double limit_mibps, carries; /* carries: bytes per second, where nothing limits */
} Link;

typedef struct {
    GRand *rand;
    GPtrArray *moves; /* newest first */
    GArray *off;      /* of double: of each time, relative */
    guint count, time_in, pause_in;
} World;

static const Guest guests[] = {
    {128 * MIB, 70 * MIB, 0.05e6, 1 * MIB}, {192 * MIB, 110 * MIB, 10e6, 48 * MIB}, {192 * MIB, 150 * MIB, 40e6, 96 * MIB},
    {256 * MIB, 190 * MIB, 5e6, 128 * MIB}, {256 * MIB, 130 * MIB, 80e6, 64 * MIB},
};
static const Link links[] = {{80, 600e6}, {0, 60e6}, {40, 600e6}};

static double about(World *world, double value, double spread)
{
    return value * g_rand_double_range(world->rand, 1 - spread, 1 + spread);
}

static double wrote_in(const Guest *guest, double seconds)
{
    return MIN(guest->writes * seconds, guest->set);
}

/* So many pages of a sample that stand for 2 MiB each. */
static guint64 sampled(World *world, const Guest *guest, double seconds)
{
    const double grain = 2 * MIB;
    guint found = 0;
    for (double page = 0; page < guest->memory; page += grain)
        found += g_rand_double(world->rand) < wrote_in(guest, seconds) / guest->memory;
    return (guint64)(found * grain);
}

static GwPlan *plan_of(const Guest *guest, const Link *link)
{
    GwPlan *plan = gw_plan_new();
    plan->memory_mib = (guint64)(guest->memory / MIB);
    plan->bandwidth_mibps = (guint64)link->limit_mibps;
    plan->pause_ms = gw_policies[0].pause_ms;
    plan->forced_pause_ms = gw_policies[0].forced_pause_ms;
    plan->flags = GW_FLAG_AUTO_CONVERGE;
    plan->timeout_ms = 800000;
    return plan;
}

typedef struct {
    const Guest *guest;
    double rate, free_rate, left, since, sent, pass; /* bytes, seconds */
    GwProgress now, before; /* before: at the last look */
    GwLadder ladder;
} Copy;

static double dirtied(const Copy *copy)
{
    double runs = 1 - pow((double)copy->now.throttle_percent / 100, 2); /* it has time to spare */
    const double fault_s = 0.012 / MIB; /* a byte, for what the first write to a page after each look at its bitmap costs: seen on the lab */
    double seconds = copy->since * runs;
    return wrote_in(copy->guest, seconds / (1 + copy->guest->writes * fault_s));
}

/* QEMU's look at the end of a pass; TRUE: the rest fits into the pause, and it switches over. */
static gboolean sync_pages(Copy *copy, const GwPlan *plan)
{
    double fits = copy->rate * (double)plan->pause_ms / 1000, wrote = dirtied(copy);
    /* pages that were never touched come last, and cost nothing */
    double empty = copy->now.iteration == 1 && copy->left > 0 ? copy->guest->memory - copy->guest->touched : 0;
    if (copy->left + empty > fits)
        return FALSE;
    copy->left += wrote;
    copy->now.iteration++;
    if (wrote > (copy->pass - copy->left + wrote) / 2)
        copy->now.throttle_percent = copy->now.throttle_percent ? MIN(copy->now.throttle_percent + 10, 99) : 20;
    copy->pass = copy->left;
    copy->since = 0;
    return copy->left <= fits;
}

/* As the engine does (engine/forecast.c): the first, and the shortest later one in which the guest had all of its time. */
static void note_pass(const Copy *copy, GwForecast *forecast, guint64 pass, double seconds)
{
    GwWritten wrote = {(guint64)(seconds * 1000), copy->ladder.passes[0].bytes}, *place = pass == 1 ? &forecast->first_wrote : &forecast->later_wrote;
    if (copy->before.throttle_percent == 0 && (pass == 1 || !place->ms || wrote.ms < place->ms))
        *place = wrote;
}

/* Plays a move; its row's progress and forecast know what came. */
static void play(World *world, GwMigration *row, const Guest *guest, const Link *link)
{
    const GwPlan *plan = row->plan;
    double limit = link->limit_mibps > 0 ? about(world, link->limit_mibps * MIB, 0.03) : G_MAXDOUBLE, carries = about(world, link->carries, 0.05);
    double touched = about(world, guest->touched, 0.02), pause = 0;
    Copy copy = {.guest = guest, .rate = MIN(limit, carries), .free_rate = carries, .left = touched, .pass = touched, .now.iteration = 1};
    GwExpected expected;
    GwPredictInput input = {plan, {0}, plain_calibrate(world->moves, row->source, row->dest, row->instance_uuid), 0};
    input.load.how = row->forecast->long_window.ms ? GW_LOAD_FULL : GW_LOAD_BRIEF;
    input.load.short_bytes = row->forecast->short_window.bytes;
    input.load.long_bytes = row->forecast->long_window.bytes;
    gw_predict_expect(&input, &expected);
    gw_ladder_expect(&copy.ladder, plan, &expected);
    GwEnding ending = GW_ENDING_ITSELF;
    for (;;) {
        double sent = MIN(copy.left, copy.rate * TICK_MS / 1000);
        copy.left -= sent;
        copy.sent += sent;
        copy.since += TICK_MS / 1000.0;
        copy.now.elapsed_ms += TICK_MS;
        if (copy.now.elapsed_ms % LOOK_MS)
            continue;
        double passed = copy.since;
        copy.before = copy.now;
        guint64 pass = copy.now.iteration;
        gboolean done = sync_pages(&copy, plan);
        if (done) {
            pause = copy.left / copy.free_rate;
            break;
        }
        copy.now.memory_remaining = (guint64)copy.left;
        copy.now.memory_scanned = (guint64)copy.sent;
        copy.now.memory_bps = (guint64)copy.rate;
        g_autofree char *reason = NULL;
        GwRung rung = gw_ladder_step(&copy.ladder, plan, &copy.now, copy.now.elapsed_ms, &reason);
        if (copy.now.iteration > pass && pass == 1)
            row->forecast->first_pass_bytes = (guint64)copy.sent;
        if (copy.now.iteration > pass)
            note_pass(&copy, row->forecast, pass, passed);
        if (rung == GW_RUNG_FORCE) {
            pause = copy.left / copy.rate;
            ending = GW_ENDING_PAUSE;
            break;
        }
        g_assert_cmpint(rung, ==, GW_RUNG_WAIT);
    }
    row->progress = copy.now;
    row->progress.elapsed_ms += (guint64)(pause * 1000 + about(world, 300, 0.5));
    row->progress.memory_processed = (guint64)(copy.sent + copy.left);
    row->progress.downtime_ms = (guint64)(pause * 1000 + about(world, 60, 0.5));
    row->forecast->now.ending = ending;
    row->started_us = 1;
    row->ended_us = (gint64)(row->progress.elapsed_ms * 1000) + (gint64)about(world, 300e3, 0.5);
    row->state = GW_MIGRATION_COMPLETED;
    gw_calibrate_close(row, (guint64)copy.rate);
}

static void move(World *world, const Guest *guest, const Link *link, const char *uuid, guint turn)
{
    GwMigration *row = gw_migration_new();
    row->kind = GW_MOVE_LIVE;
    row->attempts = 1;
    row->source = g_strdup(turn % 2 ? "HostC" : "HostB");
    row->dest = g_strdup(turn % 2 ? "HostB" : "HostC");
    g_strlcpy(row->instance_uuid, uuid, sizeof row->instance_uuid);
    row->plan = plan_of(guest, link);
    GwPredictInput input = {.plan = row->plan,
                            .load = {.memory_bytes = (guint64)(guest->touched + g_rand_double_range(world->rand, 40, 90) * MIB),
                                     .short_bytes = sampled(world, guest, 1), .long_bytes = sampled(world, guest, 3),
                                     .grain_bytes = (guint64)(2 * MIB), .device_bytes = 200000, .pass_end = GW_PASS_EARLY,
                                     .how = turn % 2 ? GW_LOAD_BRIEF : GW_LOAD_FULL},
                            .constants = plain_calibrate(world->moves, row->source, row->dest, uuid)};
    row->forecast = g_new0(GwForecast, 1);
    GwOutlook said = gw_predict(&input, NULL, row->forecast);
    row->forecast->first = said;
    play(world, row, guest, link);
    const GwForecast *f = row->forecast;
    double off = fabs((double)said.total_ms.likely / (double)f->total_ms - 1);
    g_array_append_val(world->off, off);
    world->count++;
    world->time_in += (guint)gw_interval_has(&said.total_ms, f->total_ms);
    world->pause_in += (guint)gw_interval_has(&said.downtime_ms, f->downtime_ms);
    g_test_message("%3.0f MB/s over %3.0f, limit %2.0f: %5.1f s (%.1f-%.1f) came %5.1f, off %3.0f%%; pause %5.0f (%.0f-%.0f) came %5.0f; %s came %s",
                   guest->writes / 1e6, guest->set / 1e6, link->limit_mibps, (double)said.total_ms.likely / 1e3, (double)said.total_ms.low / 1e3,
                   (double)said.total_ms.high / 1e3, (double)f->total_ms / 1e3, off * 100, (double)said.downtime_ms.likely,
                   (double)said.downtime_ms.low, (double)said.downtime_ms.high, (double)f->downtime_ms, gw_ending_name(said.ending),
                   gw_ending_name(f->now.ending));
    g_ptr_array_insert(world->moves, 0, row);
}

static int by_size(gconstpointer a, gconstpointer b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void as_on_the_lab(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    g_autoptr(GArray) off = g_array_new(FALSE, FALSE, sizeof(double));
    World world = {.rand = rand, .off = off};
    for (guint round = 0; round < ROUNDS; round++) { /* each begins without a history */
        world.moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
        for (guint l = 0; l < G_N_ELEMENTS(links); l++)
            for (guint g = 0; g < G_N_ELEMENTS(guests); g++) {
                g_autofree char *uuid = g_strdup_printf("%u-%u", l, g); /* another instance on each link */
                for (guint turn = 0; turn < TURNS; turn++)
                    move(&world, &guests[g], &links[l], uuid, turn);
            }
        g_ptr_array_unref(world.moves);
    }
    g_array_sort(off, by_size);
    double p90 = g_array_index(off, double, (guint)(0.9 * off->len));
    g_test_message("%u moves: time off by %.1f %% (median), %.1f %% (p90), within %.1f %%; pause within %.1f %%", world.count,
                   100 * g_array_index(off, double, off->len / 2), 100 * p90, 100.0 * world.time_in / world.count,
                   100.0 * world.pause_in / world.count);
    g_assert_cmpfloat(p90, <=, 0.2);
    g_assert_cmpuint(world.pause_in * 10, >=, world.count * 9);
    g_assert_cmpuint(world.time_in * 10, >=, world.count * 9);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/predict/world/as-on-the-lab", as_on_the_lab);
    return g_test_run();
}
