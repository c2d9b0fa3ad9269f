/* What is expected of moves: what guests do is sampled beside the moves, never before them; constants come from those that have ended. A
 * sample of the last minutes is taken again; else one of a second begins with the checks, and the copy with whatever is known by then. */
#include "engine/internal.h"

#include "core/flags.h"
#include "core/history.h"
#include "engine/turns.h"

#include <string.h>

enum {
    YOUNG_S = 60,     /* a sample is good for so long */
    OLD_S = 900,      /* and for plans so long */
    REMEMBERED = 400, /* ended moves that constants come from */
    MOST_LOADS = 4096,
    MOST_SAMPLERS = 8,
    TELLING_MS = 600, /* a copy that has lasted so long tells its rate, and a pass what was written meanwhile */
};

/* One guest's, as last sampled. */
typedef struct {
    GwLoad load;
    gint64 at; /* monotonic us */
} Sample;

struct GwForecasts {
    GMutex lock; /* of the fields below; taken last */
    GHashTable *samples; /* uuid → Sample * */
    GHashTable *busy;    /* set of uuids that are being sampled */
    GwHistory *ended;
    GThreadPool *samplers; /* of Task */
};

typedef struct {
    GwHostEntry *entry; /* reference */
    GwEngine *engine;   /* reference */
    GwLoadHow how;
    char uuid[GW_UUID_SIZE];
} Task;

/* ---- samples */

static gboolean is_young(const Sample *sample)
{
    return g_get_monotonic_time() - sample->at < (gint64)YOUNG_S * G_USEC_PER_SEC;
}

static gboolean recall(GwForecasts *forecasts, const char *uuid, GwLoadHow how, GwLoad *ret_load)
{
    g_mutex_lock(&forecasts->lock);
    const Sample *sample = g_hash_table_lookup(forecasts->samples, uuid);
    gboolean good = sample && sample->load.how >= how && is_young(sample);
    if (good)
        *ret_load = sample->load;
    g_mutex_unlock(&forecasts->lock);
    return good;
}

static void keep(GwForecasts *forecasts, const char *uuid, const GwLoad *load)
{
    Sample *sample = g_new0(Sample, 1);
    *sample = (Sample){*load, g_get_monotonic_time()};
    g_mutex_lock(&forecasts->lock);
    const Sample *old = g_hash_table_lookup(forecasts->samples, uuid);
    if (old && old->load.how > load->how && is_young(old)) {
        g_mutex_unlock(&forecasts->lock);
        g_free(sample);
        return;
    }
    if (g_hash_table_size(forecasts->samples) >= MOST_LOADS) /* what is thrown away can be found out again */
        g_hash_table_remove_all(forecasts->samples);
    g_hash_table_replace(forecasts->samples, g_strdup(uuid), sample);
    g_mutex_unlock(&forecasts->lock);
}

void gw_forecast_measure(GwEngine *engine, GwHostEntry *entry, const char *uuid, GwLoadHow how, GwLoad *ret_load)
{
    g_autoptr(GError) error = NULL;
    *ret_load = (GwLoad){0};
    if (recall(engine->forecasts, uuid, how, ret_load))
        return;
    if (gw_node_measure(entry->node, uuid, how, ret_load, &error))
        keep(engine->forecasts, uuid, ret_load);
    else
        gw_debug("%s: what instance %s writes is not known: %s", gw_node_name(entry->node), uuid, error->message);
}

static void task_free(Task *task)
{
    gw_host_entry_unref(task->entry);
    gw_engine_unref(task->engine);
    g_free(task);
}

static Task *task_new(GwEngine *engine, GwHostEntry *entry, const char *uuid, GwLoadHow how)
{
    Task *task = g_new0(Task, 1);
    *task = (Task){gw_host_entry_ref(entry), gw_engine_ref(engine), how, ""};
    g_strlcpy(task->uuid, uuid, sizeof task->uuid);
    return task;
}

/* What is expected of a move that waits for its turn is better known now. */
static void tell_waiting(const Task *task)
{
    g_mutex_lock(&task->engine->lock);
    gw_turns_wake(task->engine, task->uuid);
    g_mutex_unlock(&task->engine->lock);
}

static void sample_work(gpointer data, gpointer user_data)
{
    GwForecasts *forecasts = user_data;
    Task *task = data;
    GwLoad load;
    gw_forecast_measure(task->engine, task->entry, task->uuid, task->how, &load);
    g_mutex_lock(&forecasts->lock);
    if (task->how != GW_LOAD_SIZES)
        g_hash_table_remove(forecasts->busy, task->uuid);
    g_mutex_unlock(&forecasts->lock);
    if (task->how == GW_LOAD_FULL)
        tell_waiting(task);
    task_free(task);
}

void gw_forecast_sample_soon(GwActive *active, const GwMigration *row)
{
    GwEngine *engine = active->engine;
    GwLoad load;
    if (row->kind != GW_MOVE_LIVE || !active->source || recall(engine->forecasts, row->instance_uuid, GW_LOAD_BRIEF, &load))
        return;
    /* side by side: the sample must have begun before the copy does, and the sizes are wanted at once */
    g_mutex_lock(&engine->forecasts->lock);
    if (g_hash_table_add(engine->forecasts->busy, g_strdup(row->instance_uuid))) {
        g_thread_pool_push(engine->forecasts->samplers, task_new(engine, active->source, row->instance_uuid, GW_LOAD_BRIEF), NULL);
        g_thread_pool_push(engine->forecasts->samplers, task_new(engine, active->source, row->instance_uuid, GW_LOAD_SIZES), NULL);
    }
    g_mutex_unlock(&engine->forecasts->lock);
}

/* One that waits for its turn has time for both windows. */
static void sample_longer(GwActive *active, const GwMigration *row)
{
    GwForecasts *forecasts = active->engine->forecasts;
    GwLoad load;
    gboolean waits = row->state == GW_MIGRATION_QUEUED && g_get_real_time() - row->state_since_us > G_USEC_PER_SEC;
    if (!waits || !active->source || recall(forecasts, row->instance_uuid, GW_LOAD_FULL, &load))
        return;
    g_mutex_lock(&forecasts->lock);
    if (g_hash_table_add(forecasts->busy, g_strdup(row->instance_uuid)))
        g_thread_pool_push(forecasts->samplers, task_new(active->engine, active->source, row->instance_uuid, GW_LOAD_FULL), NULL);
    g_mutex_unlock(&forecasts->lock);
}

/* ---- for plans of many moves */

gboolean gw_forecast_last(GwEngine *engine, const char *uuid, GwLoad *ret_load)
{
    GwForecasts *forecasts = engine->forecasts;
    g_mutex_lock(&forecasts->lock);
    const Sample *sample = g_hash_table_lookup(forecasts->samples, uuid);
    gboolean good = sample && g_get_monotonic_time() - sample->at < (gint64)OLD_S * G_USEC_PER_SEC;
    if (good)
        *ret_load = sample->load;
    g_mutex_unlock(&forecasts->lock);
    return good;
}

gboolean gw_forecast_survey(GwEngine *engine, const char *host, const char *uuid)
{
    GwForecasts *forecasts = engine->forecasts;
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, host);
    GwLoad load;
    if (!entry || recall(forecasts, uuid, GW_LOAD_BRIEF, &load))
        return TRUE;
    g_mutex_lock(&forecasts->lock);
    gboolean free = g_hash_table_size(forecasts->busy) < MOST_SAMPLERS / 2; /* the rest is for moves that begin */
    if (free && g_hash_table_add(forecasts->busy, g_strdup(uuid)))
        g_thread_pool_push(forecasts->samplers, task_new(engine, entry, uuid, GW_LOAD_BRIEF), NULL);
    g_mutex_unlock(&forecasts->lock);
    return free;
}

/* ---- predictions */

static GwConstants constants_of(GwEngine *engine, const char *source, const char *dest, const char *uuid)
{
    g_mutex_lock(&engine->forecasts->lock);
    GwConstants constants = gw_history_constants(engine->forecasts->ended, source, dest, uuid);
    g_mutex_unlock(&engine->forecasts->lock);
    return constants;
}

guint64 gw_forecast_link_bps(GwEngine *engine, const char *host)
{
    g_mutex_lock(&engine->forecasts->lock);
    guint64 most = gw_history_link_bps(engine->forecasts->ended, host);
    g_mutex_unlock(&engine->forecasts->lock);
    return most;
}

guint64 gw_forecast_pair_bps(GwEngine *engine, const char *source, const char *dest)
{
    g_mutex_lock(&engine->forecasts->lock);
    guint64 bps = gw_history_pair_bps(engine->forecasts->ended, source, dest);
    g_mutex_unlock(&engine->forecasts->lock);
    return bps;
}

void gw_forecast_measured(GwEngine *engine, const char *source, const char *dest, const GwLinkSeen *seen)
{
    g_autoptr(GError) error = NULL;
    g_mutex_lock(&engine->forecasts->lock);
    gboolean more = gw_history_measured(engine->forecasts->ended, source, dest, seen);
    g_mutex_unlock(&engine->forecasts->lock);
    if (more && !gw_store_link_put(engine->store, source, dest, seen, &error))
        gw_warning("what the way from %s to %s carries was measured, and is forgotten with the daemon: %s", source, dest, error->message);
}

void gw_forecast_recall(GwEngine *engine, const char *source, const char *dest, const char *uuid, GwTraffic *traffic)
{
    GwConstants constants = constants_of(engine, source, dest, uuid);
    traffic->delta_part = constants.delta_part;
    for (guint i = GW_WROTE_FIRST; i <= GW_WROTE_LATER; i++) {
        const GwWritten *wrote = &constants.wrote_before[i];
        traffic->write_bps = wrote->ms ? MAX(traffic->write_bps, wrote->bytes * 1000 / wrote->ms) : traffic->write_bps;
    }
}

GwForecast *gw_forecast_make(GwEngine *engine, const GwPlan *plan, const GwLoad *load, const char *source, const char *dest)
{
    GwForecast *made = g_new0(GwForecast, 1);
    GwPredictInput input = {plan, *load, constants_of(engine, source, dest, plan->uuid), gw_plan_copied_bytes(plan)};
    g_strlcpy(made->uuid, plan->uuid, sizeof made->uuid);
    made->now = made->first = gw_predict(&input, NULL, made);
    return made;
}

static void forecast_first(GwActive *active, GwMigration *row)
{
    GwLoad load = {0};
    recall(active->engine->forecasts, row->instance_uuid, GW_LOAD_SIZES, &load);
    g_free(row->forecast);
    row->forecast = gw_forecast_make(active->engine, row->plan, &load, row->source, row->dest);
}

/* Once a sample has come; the ladder itself takes no notice any more when the first pass is over. */
static void tell_ladder(GwActive *active, const GwMigration *row, const GwPredictInput *input)
{
    GwExpected expected;
    if (row->state == GW_MIGRATION_RUNNING && active->source_sight.progress.iteration > 1)
        return;
    gw_predict_expect(input, &expected);
    gw_ladder_expect(&active->ladder, row->plan, &expected);
}

static void note_pass(GwForecast *forecast, guint64 pass, const GwWritten *wrote)
{
    if (pass == 1)
        forecast->first_wrote = *wrote;
    else if (!forecast->later_wrote.ms || wrote->ms < forecast->later_wrote.ms)
        forecast->later_wrote = *wrote;
}

/* A guest that stands still to end its copy writes nothing; the pass at whose end it was paused still tells. */
static gboolean was_paused(const GwLadder *ladder, const GwProgress *now)
{
    return ladder->forced && ladder->forced_ms < now->elapsed_ms;
}

/* A pass has ended: what was written during it is what the next one begins with, less what the hypervisor leaves over. */
static void watch_pass(GwActive *active, GwMigration *row, const GwProgress *now)
{
    if (now->iteration == active->pass)
        return;
    guint64 took_ms = now->elapsed_ms - MIN(active->pass_since_ms, now->elapsed_ms);
    if (active->pass == 1 && now->iteration == 2 && row->forecast)
        row->forecast->first_pass_bytes = now->memory_processed;
    if (active->pass && now->iteration == active->pass + 1 && took_ms >= TELLING_MS) {
        guint64 throttle = active->pass_throttle;
        GwWritten wrote = {took_ms, active->ladder.passes[0].bytes};
        if (!throttle && !was_paused(&active->ladder, now))
            note_pass(row->forecast, active->pass, &wrote);
        active->pass_s = (double)took_ms / 1000 * (1 - (double)(throttle * throttle) / 1e4);
        active->pass_wrote = (double)wrote.bytes;
    }
    active->pass = now->iteration;
    active->pass_throttle = now->throttle_percent;
    active->pass_since_ms = now->elapsed_ms;
}

/* The move began with the first. */
static void count_first_try(GwMigration *row)
{
    guint64 ms = (guint64)MAX(row->state_since_us - row->started_us, 0) / 1000;
    GwInterval *total = &row->forecast->now.total_ms;
    *total = (GwInterval){total->low + ms, total->likely + ms, total->high + ms};
}

static void forecast_again(GwActive *active, GwMigration *row)
{
    const GwProgress *now = &active->source_sight.progress;
    GwLoad load = {0};
    recall(active->engine->forecasts, row->instance_uuid, GW_LOAD_SIZES, &load);
    watch_pass(active, row, now);
    row->forecast->delta_of = now->delta_of;
    row->forecast->delta_sent = now->delta_sent;
    GwPredictInput input = {row->plan, load, constants_of(active->engine, row->source, row->dest, row->instance_uuid), gw_plan_copied_bytes(row->plan)};
    tell_ladder(active, row, &input);
    gboolean held = row->plan->bandwidth_mibps && active->ladder.bps * 10 > (row->plan->bandwidth_mibps << 20) * 9;
    if (active->ladder.bps && now->elapsed_ms >= TELLING_MS && !held) {
        input.constants.link_bps = active->ladder.bps;
        input.constants.link_low = 0.85;
        input.constants.link_high = 1.15;
    }
    GwCopyPoint at = {.elapsed_ms = now->elapsed_ms,
                      .sent_bytes = now->memory_processed,
                      .pending_bytes = now->memory_remaining,
                      .disk_pending_bytes = now->disk_remaining,
                      .iteration = now->iteration,
                      .throttle_percent = now->throttle_percent,
                      .ladder = active->ladder,
                      .pass_seconds = active->pass_s,
                      .pass_bytes = active->pass_wrote};
    row->forecast->now = gw_predict(&input, &at, NULL);
    if (row->intents & GW_INTENT_AGAIN)
        count_first_try(row);
}

void gw_forecast_follow(GwActive *active, GwMigration *row)
{
    GwLoad load;
    gboolean again = (row->intents & GW_INTENT_AGAIN) != 0; /* what was foretold was foretold of the first try */
    gboolean before = (row->state == GW_MIGRATION_QUEUED || row->state == GW_MIGRATION_PREPARING) && !again;
    gboolean copies = row->state == GW_MIGRATION_RUNNING && active->source_sight.job == GW_JOB_OUTGOING;
    if (row->kind != GW_MOVE_LIVE || !row->plan || !row->dest || !(before || copies))
        return;
    sample_longer(active, row);
    gboolean two = before && row->forecast && !row->forecast->long_window.ms &&
                   recall(active->engine->forecasts, row->instance_uuid, GW_LOAD_FULL, &load);
    /* a sample that began with the checks may end after the copy began: it counts as made before while the first pass lasts */
    gboolean sampled = !again && row->forecast && row->forecast->first.basis < GW_BASIS_SAMPLED &&
                       active->source_sight.progress.iteration <= 1 &&
                       recall(active->engine->forecasts, row->instance_uuid, GW_LOAD_BRIEF, &load);
    if (!row->forecast || (before && !row->forecast->memory_bytes) || sampled || two)
        forecast_first(active, row);
    if (copies && active->source_sight.progress.elapsed_ms)
        forecast_again(active, row);
}

void gw_forecast_copy(GwMigration *row, const GwMigration *from)
{
    if (!from->forecast)
        return;
    g_free(row->forecast);
    row->forecast = g_memdup2(from->forecast, sizeof *from->forecast);
}

/* ---- what came */

/* The hypervisor counts from where it halts the guest itself; one that was paused to end the copy had stood still since. */
static void count_forced_pause(const GwActive *active, GwMigration *row)
{
    GwProgress *p = &row->progress;
    gboolean paused = active->forced && row->state == GW_MIGRATION_COMPLETED && !(row->plan->flags & GW_FLAG_POSTCOPY) &&
                      row->plan->power_before == GW_POWER_RUNNING;
    if (paused && p->elapsed_ms > active->forced_at_ms)
        p->downtime_ms = MAX(p->downtime_ms, p->elapsed_ms - active->forced_at_ms);
}

/* One that was given up has seen the link. */
static gboolean is_remembered(const GwMigration *row)
{
    return row->forecast && (row->state == GW_MIGRATION_COMPLETED || row->forecast->actual_bps || row->forecast->held_bps);
}

void gw_forecast_close(GwActive *active, GwMigration *row)
{
    GwForecasts *forecasts = active->engine->forecasts;
    if (row->kind == GW_MOVE_LIVE && row->plan)
        count_forced_pause(active, row);
    if (!row->forecast)
        return;
    guint64 seen_bps = active->ladder.bps ? active->ladder.bps : active->ladder.disk_bps;
    gw_calibrate_close(row, row->progress.elapsed_ms >= TELLING_MS ? seen_bps : 0);
    if (!is_remembered(row))
        return;
    GwMigration *copy = gw_migration_copy(row);
    g_clear_pointer(&copy->plan, gw_plan_free);
    g_mutex_lock(&forecasts->lock);
    if (row->state == GW_MIGRATION_COMPLETED)
        g_hash_table_remove(forecasts->samples, row->instance_uuid); /* elsewhere its process has other sizes */
    gw_history_add(forecasts->ended, copy);
    g_mutex_unlock(&forecasts->lock);
}

/* ---- life */

GwForecasts *gw_forecasts_new(void)
{
    GwForecasts *forecasts = g_new0(GwForecasts, 1);
    g_mutex_init(&forecasts->lock);
    forecasts->samples = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    forecasts->busy = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    forecasts->ended = gw_history_new(REMEMBERED);
    forecasts->samplers = g_thread_pool_new(sample_work, forecasts, MOST_SAMPLERS, FALSE, NULL);
    return forecasts;
}

void gw_forecasts_stop(GwForecasts *forecasts)
{
    if (forecasts->samplers)
        g_thread_pool_free(g_steal_pointer(&forecasts->samplers), FALSE, TRUE);
}

void gw_forecasts_free(GwForecasts *forecasts)
{
    g_hash_table_unref(forecasts->samples);
    g_hash_table_unref(forecasts->busy);
    gw_history_free(forecasts->ended);
    g_mutex_clear(&forecasts->lock);
    g_free(forecasts);
}

static void take_link(gpointer data, const char *source, const char *dest, const GwLinkSeen *seen)
{
    GwForecasts *forecasts = data;
    g_mutex_lock(&forecasts->lock);
    gw_history_measured(forecasts->ended, source, dest, seen);
    g_mutex_unlock(&forecasts->lock);
}

gboolean gw_forecasts_load_links(GwEngine *engine, GError **error)
{
    return gw_store_links(engine->store, take_link, engine->forecasts, error);
}

gboolean gw_engine_load_forecasts(GwEngine *engine, GError **error)
{
    GwMigrationQuery query = {.without_plans = TRUE, .kind = gw_move_kind_name(GW_MOVE_LIVE), .limit = REMEMBERED};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_migrations(engine->store, &query, &rows, error))
        return FALSE;
    for (guint i = rows->len; i > 0; i--) { /* the newest comes first in rows, and last into the history */
        const GwMigration *row = rows->pdata[i - 1];
        if (is_remembered(row))
            gw_history_add(engine->forecasts->ended, gw_migration_copy(row));
    }
    return gw_forecasts_load_links(engine, error);
}
