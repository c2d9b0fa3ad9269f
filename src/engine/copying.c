/* A copy under way: what the hypervisors say of it, and what its ladder (core/ladder.h) makes of that. */
#include "engine/internal.h"

#include "core/flags.h"
#include "engine/transits.h"

gboolean gw_copying_sees_job(const GwActive *active)
{
    return active->source_sight.job != GW_JOB_NONE || active->dest_sight.job != GW_JOB_NONE;
}

/* How long the copy has lasted: by the hypervisor's clock, which also knows of the time before a restart of ours; not what it still tells of a
 * copy that has ended. */
guint64 gw_copying_age_ms(const GwActive *active)
{
    gint64 own_us = active->copy_since ? g_get_monotonic_time() - active->copy_since : 0;
    guint64 told_ms = active->source_sight.job == GW_JOB_OUTGOING ? active->source_sight.progress.elapsed_ms : 0;
    return MAX((guint64)own_us / 1000, told_ms);
}

/* The hypervisor slows the guest down by itself; what people should know is that it does, and why. */
static void note_slowing(GwActive *active, GwMigration *row)
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
    active->rung_is_new |= gw_migration_take_rung(row, GW_TAKEN_SLOW_DOWN, why);
}

/* The rung that was to end it is refused again and again: a kernel that permits no post-copy, say. */
static gboolean cannot_force(const GwActive *active)
{
    return active->rung == GW_RUNG_FORCE && !active->forced && active->failures >= GW_MANY_FAILURES && active->failure;
}

static const char *const rung_events[] = {
    [GW_RUNG_FORCE] = "godwit_force_complete",
    [GW_RUNG_ABORT] = "godwit_abort",
    [GW_RUNG_AGAIN] = "godwit_copy_again",
};

static void take_rung(GwActive *active, const GwMigration *row, GwRung rung, char *reason)
{
    active->rung = rung;
    g_free(active->rung_reason);
    active->rung_reason = reason;
    gw_info("migration %" G_GINT64_FORMAT " of %s: %s", row->id, row->instance_name, reason);
    gw_scribe_note(active, row, rung_events[rung], row->source, reason);
}

void gw_copying_forget_last(GwActive *active, GwMigration *row)
{
    if (row->kind == GW_MOVE_LIVE && row->rung != GW_TAKEN_AGAIN) {
        row->rung = GW_TAKEN_WAIT;
        g_clear_pointer(&row->rung_reason, g_free);
    }
    active->rung = GW_RUNG_WAIT;
    active->ladder = (GwLadder){0};
    active->pass = 0;
    active->told_pause_ms = active->told_mibps = 0;
    active->pass_throttle = 0;
    active->pass_s = active->pass_wrote = 0;
}

gboolean gw_copying_is_given_up(const GwActive *active)
{
    return active->rung == GW_RUNG_ABORT || active->rung == GW_RUNG_AGAIN;
}

/* The clocks begin anew, with what is left of the timeout; where this process has not seen the first begin, the row tells how long it took. */
void gw_copying_begin_again(GwActive *active, GwMigration *row)
{
    gw_transfer_plan_again(row->plan, MAX(gw_copying_age_ms(active), row->progress.elapsed_ms));
    row->attempts = 0;
    active->copy_since = 0;
    active->rung = GW_RUNG_WAIT;
    active->abort_reason = NULL;
    active->forced = FALSE;
    active->throttled = 0;
}

static void climb(GwActive *active, GwMigration *row)
{
    gboolean ends = gw_copying_is_given_up(active) || gw_migration_goes_again(row);
    if (row->state != GW_MIGRATION_RUNNING || active->source_sight.job != GW_JOB_OUTGOING || ends)
        return;
    g_autofree char *reason = NULL;
    if (cannot_force(active)) {
        take_rung(active, row, GW_RUNG_ABORT, g_strdup_printf("it could not be made to end: %s", active->failure));
        return;
    }
    GwRung rung = gw_ladder_step(&active->ladder, row->plan, &active->source_sight.progress, gw_copying_age_ms(active), &reason);
    note_slowing(active, row);
    if (rung != GW_RUNG_WAIT)
        take_rung(active, row, rung, g_steal_pointer(&reason));
}

/* Journalled before the copy is asked to end: whoever finds it ended must know what for. */
static void note_second_try(GwActive *active, GwMigration *row)
{
    if (active->rung != GW_RUNG_AGAIN || (row->intents & GW_INTENT_AGAIN))
        return;
    row->intents |= GW_INTENT_AGAIN;
    gw_migration_take_rung(row, GW_TAKEN_AGAIN, active->rung_reason);
    active->rung_is_new = TRUE;
}

/* Of these it is said only once the hypervisor has agreed. */
static void note_last_rungs(GwActive *active, GwMigration *row)
{
    GwTaken forced = row->plan && (row->plan->flags & GW_FLAG_POSTCOPY) ? GW_TAKEN_POSTCOPY : GW_TAKEN_PAUSE;
    if (active->forced && row->kind == GW_MOVE_LIVE && row->rung < forced)
        active->rung_is_new |= gw_migration_take_rung(row, forced, active->rung == GW_RUNG_FORCE ? active->rung_reason
                                                                                                 : "force-complete was asked for");
    if (active->rung == GW_RUNG_ABORT && active->abort_reason == active->rung_reason)
        active->rung_is_new |= gw_migration_take_rung(row, GW_TAKEN_ABORT, active->rung_reason);
}

gboolean gw_copying_climb(GwActive *active, GwMigration *row)
{
    active->rung_is_new = FALSE;
    climb(active, row);
    note_second_try(active, row);
    note_last_rungs(active, row);
    return active->rung_is_new;
}

/* The hypervisor switches over by itself once the pause is as short as the plan says. It can be told once the copy runs, and each thing
 * once: one that cannot be told is left as it is. */
static void tune_pause(GwActive *active, const GwMigration *row)
{
    guint64 pause_ms = gw_ladder_pause_ms(row->plan, gw_copying_age_ms(active));
    if (active->told_pause_ms == pause_ms)
        return;
    active->told_pause_ms = pause_ms;
    g_autoptr(GError) error = NULL;
    if (!gw_node_set_pause(active->source->node, row->instance_uuid, (guint)pause_ms, &error))
        gw_info("migration %" G_GINT64_FORMAT ": the hypervisor keeps its own limit of the pause: %s", row->id, error->message);
}

static gboolean is_on_the_way(const GwMigration *row)
{
    return row->kind == GW_MOVE_LIVE && (row->state == GW_MIGRATION_RUNNING || row->state == GW_MIGRATION_POSTCOPY);
}

/* [locked] Other copies that have that end there. */
static guint count_end(GwActive *active, GwEnd end, const char *host)
{
    guint count = 0;
    const GPtrArray *moves = gw_transits_of(active->engine, host);
    for (guint i = 0; moves && i < moves->len; i++) {
        const GwActive *other = moves->pdata[i];
        const char *there = end == GW_END_SOURCE ? other->row->source : other->row->dest;
        count += other->id != active->id && is_on_the_way(other->row) && g_strcmp0(there, host) == 0;
    }
    return count;
}

/* How many copies share the fuller of the two links, this one among them. */
static guint companions(GwActive *active, const GwMigration *row)
{
    g_mutex_lock(&active->engine->lock);
    guint out = count_end(active, GW_END_SOURCE, row->source), in = count_end(active, GW_END_DEST, row->dest);
    g_mutex_unlock(&active->engine->lock);
    return 1 + MAX(out, in);
}

static void tune_bandwidth(GwActive *active, const GwMigration *row)
{
    guint64 link = active->engine->settings.link_bandwidth_mibps;
    guint64 mibps = link ? gw_transfer_share_mibps(link, companions(active, row), row->plan->bandwidth_mibps) : 0;
    if (!mibps || active->told_mibps == mibps)
        return;
    active->told_mibps = mibps;
    g_autoptr(GError) error = NULL;
    if (!gw_node_set_bandwidth(active->source->node, row->instance_uuid, mibps, &error))
        gw_info("migration %" G_GINT64_FORMAT ": it keeps the part of the link that it has: %s", row->id, error->message);
}

void gw_copying_tune(GwActive *active, const GwMigration *row)
{
    if (row->state != GW_MIGRATION_RUNNING || row->kind != GW_MOVE_LIVE || active->source_sight.job != GW_JOB_OUTGOING)
        return;
    if (row->plan->pause_ms)
        tune_pause(active, row);
    if (active->source_sight.progress.memory_processed) /* until then libvirt may still set what the plan says */
        tune_bandwidth(active, row);
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

/* Whoever asks another daemon for it, or listens there, should see it grow, at each pass and every second, and read what it waits for. */
void gw_copying_keep_progress(GwActive *active, const GwMigration *row)
{
    gint64 now = g_get_monotonic_time();
    gboolean news = active->kept_told != active->told && now - active->kept_us > G_USEC_PER_SEC / 4;
    gboolean grows = gw_copying_sees_job(active) && (news || now - active->kept_us > G_USEC_PER_SEC);
    gboolean says = g_strcmp0(active->kept_reason, row->reason) != 0;
    if (!active->engine->peers || !(grows || says))
        return;
    g_free(active->kept_reason);
    active->kept_reason = g_strdup(row->reason);
    active->kept_us = now;
    active->kept_told = active->told;
    g_autoptr(GError) error = NULL;
    if (!gw_store_migration_progress(active->engine->store, row, news || says ? GW_PROGRESS_TELL : GW_PROGRESS_KEEP, &error))
        gw_debug("migration %" G_GINT64_FORMAT ": its progress is not recorded: %s", row->id, error->message);
}
