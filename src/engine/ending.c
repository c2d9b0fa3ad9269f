/* The end of a migration: who is told, what is counted. */
#include "engine/ending.h"

void gw_ending_event(GwActive *active, const GwMigration *row)
{
    gw_scribe_end(active, row, active->event, active->event_on_dest ? row->dest : row->source, gw_migration_failure(row));
    active->event = NULL;
}

/* Owned by the caller; NULL: as was to be expected. In doubt nobody is told to let anything run. */
static char *guest_words(const GwActive *active, const GwMigration *row)
{
    gboolean there = active->dest_sight.halt != GW_HALT_NONE;
    gboolean ran = row->plan && row->plan->power_before == GW_POWER_RUNNING;
    const GwSight *sight = there ? &active->dest_sight : &active->source_sight;
    const char *host = there ? row->dest : row->source;
    if (row->state == GW_MIGRATION_COMPLETED && ran && active->dest_sight.seen == GW_SEEN_STOPPED)
        return g_strdup_printf("%s has moved to %s, and ended there since; start it with `godwit start %s`", row->instance_name, row->dest,
                               row->instance_name);
    return row->state == GW_MIGRATION_ERROR ? gw_sight_halt_fact(sight, row->instance_name, host)
                                            : gw_sight_halt_words(sight, row->instance_name, host);
}

/* However it ended: whoever reads of it has to know that the guest does not run on, and why. */
void gw_ending_note_guest(GwActive *active, GwMigration *row)
{
    g_autofree char *words = guest_words(active, row);
    if (!words)
        return;
    gw_scribe_note(active, row, "godwit_guest_halted", active->dest_sight.seen == GW_SEEN_ABSENT ? row->source : row->dest, words);
    char *both = row->reason ? g_strdup_printf("%s; %s", row->reason, words) : g_strdup(words);
    g_free(row->reason);
    row->reason = both;
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
