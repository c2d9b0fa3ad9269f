/* A copy under way: what the hypervisors say of it, and what its ladder (core/ladder.h) makes of that. */
#include "engine/internal.h"

gboolean gw_copying_sees_job(const GwActive *active)
{
    return active->source_sight.job != GW_JOB_NONE || active->dest_sight.job != GW_JOB_NONE;
}

/* How long the copy has lasted: by the hypervisor's clock, which also knows of the time before a restart of ours. */
guint64 gw_copying_age_ms(const GwActive *active)
{
    gint64 own_us = active->copy_since ? g_get_monotonic_time() - active->copy_since : 0;
    return MAX((guint64)own_us / 1000, active->source_sight.progress.elapsed_ms);
}

/* The hypervisor slows the guest down by itself; what people should know is that it does, and why. */
static void note_slowing(GwActive *active, const GwMigration *row)
{
    const GwProgress *now = &active->source_sight.progress;
    if (!now->dirty_bps || !active->ladder.bps || now->throttle_percent <= active->throttled)
        return;
    active->throttled = now->throttle_percent;
    g_autofree char *why = g_strdup_printf("the guest is slowed down by %" G_GUINT64_FORMAT " %%: it writes %" G_GUINT64_FORMAT
                                           " MB/s and the link carries %" G_GUINT64_FORMAT " MB/s",
                                           now->throttle_percent, now->dirty_bps / 1000000, active->ladder.bps / 1000000);
    gw_info("migration %" G_GINT64_FORMAT " of %s: %s", row->id, row->instance_name, why);
    gw_scribe_note(active, row, "godwit_slow_down", row->source, why);
}

/* What the ladder says of a live copy under way. */
void gw_copying_climb(GwActive *active, const GwMigration *row)
{
    if (row->state != GW_MIGRATION_RUNNING || active->source_sight.job != GW_JOB_OUTGOING || active->rung == GW_RUNG_ABORT)
        return;
    g_autofree char *reason = NULL;
    GwRung rung = gw_ladder_step(&active->ladder, row->plan, &active->source_sight.progress, gw_copying_age_ms(active), &reason);
    note_slowing(active, row);
    if (rung == GW_RUNG_WAIT)
        return;
    active->rung = rung;
    g_free(active->rung_reason);
    active->rung_reason = g_steal_pointer(&reason);
    gw_info("migration %" G_GINT64_FORMAT " of %s: %s", row->id, row->instance_name, active->rung_reason);
    gw_scribe_note(active, row, rung == GW_RUNG_FORCE ? "godwit_force_complete" : "godwit_abort", row->source, active->rung_reason);
}

/* The hypervisor switches over by itself once the pause is as short as the plan says. It can be told once the copy runs. */
void gw_copying_tune(GwActive *active, const GwMigration *row)
{
    gboolean begun = row->state == GW_MIGRATION_RUNNING && active->source_sight.job == GW_JOB_OUTGOING;
    if (!begun || active->tuned || !row->plan->pause_ms)
        return;
    active->tuned = TRUE;
    g_autoptr(GError) error = NULL;
    if (!gw_node_set_pause(active->source->node, row->instance_uuid, (guint)row->plan->pause_ms, &error))
        gw_info("migration %" G_GINT64_FORMAT ": the hypervisor keeps its own limit of the pause: %s", row->id, error->message);
}

/* A copy's own figures. After its end the source may still know them all (disks, measured downtime); the destination knows what it
 * received, and its measured downtime. */
void gw_copying_take_progress(GwActive *active, GwMigration *row)
{
    gboolean moved = row->state == GW_MIGRATION_SETTLING || row->state == GW_MIGRATION_PLACING;
    gboolean copying = row->state == GW_MIGRATION_RUNNING || row->state == GW_MIGRATION_MOVING ||
                       row->state == GW_MIGRATION_POSTCOPY;
    const GwProgress *source = &active->source_sight.progress;
    const GwProgress *dest = &active->dest_sight.progress;
    if (copying && source->elapsed_ms && active->source_sight.job == GW_JOB_OUTGOING)
        row->progress = *source;
    if (!moved)
        return;
    if (source->elapsed_ms)
        row->progress = *source;
    else if (dest->elapsed_ms)
        row->progress = (GwProgress){.elapsed_ms = dest->elapsed_ms,
                                     .downtime_ms = dest->downtime_ms,
                                     .memory_total = MAX(dest->memory_total, row->progress.memory_total),
                                     .memory_processed = MAX(dest->memory_processed, row->progress.memory_processed),
                                     .disk_total = row->progress.disk_total,
                                     .disk_processed = row->progress.disk_total,
                                     .memory_bps = row->progress.memory_bps};
    row->progress.memory_remaining = row->progress.disk_remaining = 0;
}

/* Whoever asks another daemon for it, or listens there, should see it grow: at each pass, and every second. */
void gw_copying_keep_progress(GwActive *active, const GwMigration *row)
{
    gint64 now = g_get_monotonic_time();
    gboolean news = active->kept_told != active->told && now - active->kept_us > G_USEC_PER_SEC / 4;
    if (!active->engine->peers || !gw_copying_sees_job(active) || !(news || now - active->kept_us > G_USEC_PER_SEC))
        return;
    active->kept_us = now;
    active->kept_told = active->told;
    g_autoptr(GError) error = NULL;
    if (!gw_store_migration_progress(active->engine->store, row, news ? GW_PROGRESS_TELL : GW_PROGRESS_KEEP, &error))
        gw_debug("migration %" G_GINT64_FORMAT ": its progress is not recorded: %s", row->id, error->message);
}
