/* Judges the prediction by moves that were recorded (bench/predict --json FILE), without running guests again: each is predicted with what
 * was known before it, and compared with what came. "replayctl FILE". */
#include "core/flags.h"
#include "store/migrations.h"
#include "../unit/plain_calibrate.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define MIB 1048576ull

enum { GRAIN_BYTES = 2097152, DEVICE_BYTES = 200000 }; /* as drivers/libvirt/measure.c */

static guint64 number(const json_t *row, const char *key)
{
    return (guint64)json_number_value(json_object_get(row, key));
}

static GwMigration *read_row(const json_t *row)
{
    GwMigration *move = gw_migration_new();
    g_autofree char *text = json_dumps(json_object_get(row, "forecast"), JSON_COMPACT);
    g_autoptr(GError) error = NULL;
    move->forecast = gw_codec_forecast_from_text(text, &error);
    if (!move->forecast)
        g_error("%s", error->message);
    move->kind = GW_MOVE_LIVE;
    move->state = GW_MIGRATION_COMPLETED;
    move->attempts = 1;
    move->source = g_strdup(json_string_value(json_object_get(row, "source")));
    move->dest = g_strdup(json_string_value(json_object_get(row, "dest")));
    g_strlcpy(move->instance_uuid, move->forecast->uuid, sizeof move->instance_uuid);
    move->progress.elapsed_ms = number(row, "copy_ms");
    return move;
}

/* The rates as they were seen then. */
static void close_row(GwMigration *move, const GwPlan *plan)
{
    GwForecast *f = move->forecast;
    guint64 seen_bps = MAX(f->actual_bps, f->held_bps);
    move->plan = gw_plan_copy(plan);
    move->started_us = 1;
    move->ended_us = 1 + (gint64)f->total_ms * 1000;
    move->progress.memory_processed = f->bytes;
    move->progress.downtime_ms = f->downtime_ms;
    gw_calibrate_close(move, seen_bps);
}

static GwPlan *plan_of(const json_t *row)
{
    const GwPolicy *policy = &gw_policies[0];
    GwPlan *plan = gw_plan_new();
    plan->memory_mib = number(row, "memory");
    plan->bandwidth_mibps = number(row, "limit");
    plan->pause_ms = policy->pause_ms;
    plan->forced_pause_ms = policy->forced_pause_ms;
    plan->flags = GW_FLAG_AUTO_CONVERGE;
    plan->timeout_ms = 800000;
    const char *compression = json_string_value(json_object_get(row, "compression"));
    plan->compression = g_strcmp0(compression, "xbzrle") == 0 ? GW_COMPRESSION_XBZRLE : GW_COMPRESSION_NONE;
    return plan;
}

static GwLoad load_of(const GwForecast *f)
{
    return (GwLoad){.memory_bytes = f->memory_bytes, .short_bytes = f->short_window.bytes, .long_bytes = f->long_window.bytes,
                    .grain_bytes = GRAIN_BYTES, .device_bytes = DEVICE_BYTES, .pass_end = GW_PASS_EARLY,
                    .how = f->long_window.ms ? GW_LOAD_FULL : f->short_window.ms ? GW_LOAD_BRIEF : GW_LOAD_SIZES};
}

static int by_size(gconstpointer a, gconstpointer b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(GArray *values, double q)
{
    g_array_sort(values, by_size);
    return values->len ? g_array_index(values, double, MIN((guint)(q * values->len), values->len - 1)) : 0;
}

static void replay(GPtrArray *moves, const json_t *row, GArray *off, guint *in_time, guint *in_pause)
{
    GwMigration *move = read_row(row);
    GwForecast *f = move->forecast;
    g_autoptr(GwPlan) plan = plan_of(row);
    GwPredictInput input = {plan, load_of(f), plain_calibrate(moves, move->source, move->dest, move->instance_uuid), 0};
    GwForecast made = *f;
    GwOutlook o = made.first = gw_predict(&input, NULL, &made);
    double error = (double)o.total_ms.likely / (double)MAX(f->total_ms, 1) - 1;
    double size = ABS(error);
    g_array_append_val(off, size);
    *in_time += (guint)gw_interval_has(&o.total_ms, f->total_ms);
    *in_pause += (guint)gw_interval_has(&o.downtime_ms, f->downtime_ms);
    printf("%-22s %3.0f MiB %2.0f MB/s over %3.0f  %-9s %5.1f s (%.1f-%.1f) came %5.1f %+4.0f%%  "
           "pause %5.0f (%.0f-%.0f) came %5.0f  %s came %s\n",
           json_string_value(json_object_get(row, "link")), (double)plan->memory_mib, (double)number(row, "writes"),
           (double)number(row, "set"), gw_basis_name(o.basis), (double)o.total_ms.likely / 1e3, (double)o.total_ms.low / 1e3, (double)o.total_ms.high / 1e3,
           (double)f->total_ms / 1e3, error * 100, (double)o.downtime_ms.likely, (double)o.downtime_ms.low, (double)o.downtime_ms.high,
           (double)f->downtime_ms, gw_ending_name(o.ending), gw_ending_name(f->now.ending));
    *f = made;
    close_row(move, plan);
    g_ptr_array_insert(moves, 0, move);
}

int main(int argc, char **argv)
{
    json_error_t error;
    json_t *rows = argc == 2 ? json_load_file(argv[1], 0, &error) : NULL;
    if (!rows)
        g_error("usage: replayctl FILE, of bench/predict --json");
    g_autoptr(GPtrArray) moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    g_autoptr(GArray) off = g_array_new(FALSE, FALSE, sizeof(double));
    guint in_time = 0, in_pause = 0, count = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (strcmp(json_string_value(json_object_get(row, "state")), "completed") != 0)
            continue;
        replay(moves, row, off, &in_time, &in_pause);
        count++;
    }
    printf("%u moves: time off by %.0f %% (median), %.0f %% (p90), within %.0f %%; pause within %.0f %%\n", count, quantile(off, 0.5) * 100,
           quantile(off, 0.9) * 100, 100.0 * in_time / MAX(count, 1), 100.0 * in_pause / MAX(count, 1));
    json_decref(rows);
    return 0;
}
