/* The end of a migration: who is told, what is counted. */
#include "engine/internal.h"

void gw_ending_event(GwActive *active, const GwMigration *row)
{
    gw_scribe_end(active, row, active->event, active->event_on_dest ? row->dest : row->source, row->reason);
    active->event = NULL;
}

static void count_end(GwEndedMoves *ended, const GwMigration *row)
{
    ended->count[row->kind][row->state]++;
    if (row->kind != GW_MOVE_LIVE || row->state != GW_MIGRATION_COMPLETED)
        return;
    ended->total_ms += (guint64)MAX(0, row->ended_us - row->created_us) / 1000;
    ended->downtime_ms += row->progress.downtime_ms;
    ended->bytes += row->progress.memory_processed + row->progress.disk_processed;
    const GwForecast *forecast = row->forecast;
    if (!forecast)
        return;
    ended->predicted++;
    ended->time_within += (guint64)gw_interval_has(&forecast->first.total_ms, forecast->total_ms);
    ended->pause_within += (guint64)gw_interval_has(&forecast->first.downtime_ms, forecast->downtime_ms);
}

void gw_ending_tell(GwActive *active, const GwMigration *row)
{
    GwEngine *engine = active->engine;
    gw_ending_event(active, row);
    gw_scribe_close(active, row);
    g_mutex_lock(&engine->lock);
    active->ended = TRUE;
    gw_active_remove(active);
    gint64 now = g_get_monotonic_time();
    if (engine->peers)
        g_hash_table_insert(engine->ended_lately, g_memdup2(&active->id, sizeof active->id), g_memdup2(&now, sizeof now));
    if (row->state == GW_MIGRATION_EVACUATED)
        gw_remains_add(engine, row);
    count_end(&engine->ended, row);
    gw_views_update(engine, row->instance_uuid);
    g_mutex_unlock(&engine->lock);
    g_autoptr(GError) cancelled = g_error_new(GW_ERROR, GW_ERROR_ABORTED, "%s", row->reason ? row->reason : "it was cancelled");
    gboolean failed = row->state == GW_MIGRATION_FAILED || row->state == GW_MIGRATION_CANCELLED || row->state == GW_MIGRATION_ERROR;
    gw_active_tell_checked(active, active->refusal ? active->refusal : failed ? cancelled : NULL);
    gw_drains_wake(engine);
    gw_info("migration %" G_GINT64_FORMAT " of %s ended: %s%s%s", row->id, row->instance_name,
            gw_migration_state_name(row->state), row->reason ? ": " : "", row->reason ? row->reason : "");
}

gboolean gw_ending_keep_flavor(GwActive *active, const GwMigration *row)
{
    g_autoptr(GError) error = NULL;
    if (row->state != GW_MIGRATION_EVACUATED || !row->flavor || gw_servers_set_flavor(active->engine, row->instance_uuid, row->flavor, &error))
        return TRUE;
    gw_warning("migration %" G_GINT64_FORMAT ": its flavor is not recorded, tried again: %s", row->id, error->message);
    return FALSE;
}
