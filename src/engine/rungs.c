/* The ladder's rungs as the loop takes them (core/ladder.h decides): each is an event of the instance's action, with its reason. */
#include "engine/internal.h"

/* By the hypervisor's clock, which also knows of the time before a restart of ours. */
guint64 gw_rungs_copy_age_ms(const GwActive *active)
{
    gint64 own_us = active->copy_since ? g_get_monotonic_time() - active->copy_since : 0;
    return MAX((guint64)own_us / 1000, active->source_sight.progress.elapsed_ms);
}

/* The hypervisor slows the guest down by itself; what people should know is that it does, and why. */
static void note_slowing(GwActive *active, const GwMigration *row)
{
    const GwProgress *now = &active->source_sight.progress;
    if (row->state != GW_MIGRATION_RUNNING || active->source_sight.job != GW_JOB_OUTGOING || !now->dirty_bps || !active->ladder.bps ||
        now->throttle_percent <= active->throttled)
        return;
    active->throttled = now->throttle_percent;
    g_autofree char *why = g_strdup_printf("the guest is slowed down by %" G_GUINT64_FORMAT " %%: it writes %" G_GUINT64_FORMAT
                                           " MB/s and the link carries %" G_GUINT64_FORMAT " MB/s",
                                           now->throttle_percent, now->dirty_bps / 1000000, active->ladder.bps / 1000000);
    gw_info("migration %" G_GINT64_FORMAT " of %s: %s", row->id, row->instance_name, why);
    gw_scribe_note(active, row, "godwit_slow_down", row->source, why);
}

/* What the ladder says of a live copy under way. */
static void climb(GwActive *active, const GwMigration *row)
{
    if (row->state != GW_MIGRATION_RUNNING || active->source_sight.job != GW_JOB_OUTGOING || active->rung == GW_RUNG_ABORT)
        return;
    g_autofree char *reason = NULL;
    GwRung rung = gw_ladder_step(&active->ladder, row->plan, &active->source_sight.progress, gw_rungs_copy_age_ms(active), &reason);
    if (rung == GW_RUNG_WAIT)
        return;
    active->rung = rung;
    g_free(active->rung_reason);
    active->rung_reason = g_steal_pointer(&reason);
    gw_info("migration %" G_GINT64_FORMAT " of %s: %s", row->id, row->instance_name, active->rung_reason);
    gw_scribe_note(active, row, rung == GW_RUNG_FORCE ? "godwit_force_complete" : "godwit_abort", row->source, active->rung_reason);
}

/* The hypervisor switches over by itself once the pause is as short as the plan says. It can be told once the copy runs. */
static void tune(GwActive *active, const GwMigration *row)
{
    gboolean begun = row->state == GW_MIGRATION_RUNNING && active->source_sight.job == GW_JOB_OUTGOING;
    if (!begun || active->tuned || !row->plan->pause_ms)
        return;
    active->tuned = TRUE;
    g_autoptr(GError) error = NULL;
    if (!gw_node_set_pause(active->source->node, row->instance_uuid, (guint)row->plan->pause_ms, &error))
        gw_info("migration %" G_GINT64_FORMAT ": the hypervisor keeps its own limit of the pause: %s", row->id, error->message);
}

void gw_rungs_climb(GwActive *active, const GwMigration *row)
{
    tune(active, row);
    climb(active, row);
    note_slowing(active, row);
}
