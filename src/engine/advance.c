/* One state is left for the next: the row as it is to be journalled, with the reason as people are to read it. */
#include "engine/internal.h"

#include <string.h>

/* Owned by the caller, or NULL. What a former process had begun is told as such: its own call would have said more. */
static char *reason_of(const GwActive *active, const GwMigration *row, const GwDecision *decision)
{
    g_autofree char *halt = decision->next == GW_MIGRATION_UNDOING && decision->reason
                                ? gw_sight_halt_fact(&active->dest_sight, row->instance_name, row->dest) : NULL;
    if (halt)
        return g_strdup_printf("%s: %s", decision->reason, halt);
    if (active->failures >= GW_MANY_FAILURES && active->failure && decision->reason)
        return g_strdup_printf("%s: %s", decision->reason, active->failure);
    if (active->found_moving && active->call == GW_CALL_NONE && row->state == GW_MIGRATION_MOVING && decision->next == GW_MIGRATION_UNDOING)
        return g_strdup_printf("%s%sgodwitd was stopped while the disks were copied; it is put back on %s as it was",
                               decision->reason ? decision->reason : "", decision->reason ? ": " : "", row->source);
    return g_strdup(decision->reason);
}

/* Whoever asked for an abort need not know for what it was given up anyway. */
static const char *abort_reason_of(const GwActive *active, const GwMigration *row)
{
    gboolean own = active->abort_reason && active->abort_reason == active->rung_reason;
    return own && (row->intents & GW_INTENT_ABORT) ? NULL : active->abort_reason;
}

void gw_advance(GwActive *active, GwMigration *row, const GwDecision *decision)
{
    gboolean looked = row->state != GW_MIGRATION_ACCEPTED && row->state != GW_MIGRATION_FINISHED;
    g_autofree char *seen = looked ? g_strdup_printf(" (source %s, destination %s)", gw_seen_name(active->source_sight.seen),
                                                     gw_seen_name(active->dest_sight.seen))
                                   : g_strdup("");
    gw_info("migration %" G_GINT64_FORMAT " of %s: %s -> %s%s%s%s", row->id, row->instance_name,
            gw_migration_state_name(row->state), gw_migration_state_name(decision->next), decision->reason ? ": " : "",
            decision->reason ? decision->reason : "", seen);
    gint64 now = g_get_real_time();
    g_mutex_lock(&active->engine->lock);
    g_autofree char *full = reason_of(active, row, decision);
    const char *said = active->call == GW_CALL_FAILED ? active->call_error : NULL, *asked = abort_reason_of(active, row);
    gboolean as_told = row->state == GW_MIGRATION_UNDOING && decision->next == row->end;
    gboolean elsewhere = row->state == GW_MIGRATION_UNDOING && !as_told;
    gboolean doubt = (decision->next == GW_MIGRATION_ERROR || elsewhere) && full; /* whoever is called has to know what is seen, too */
    g_autofree char *both = doubt && said && !strstr(full, said) ? g_strdup_printf("%s (%s)", full, said) : NULL;
    const char *why = both ? both : doubt ? full : asked ? asked : said ? said : full;
    gboolean ends_badly = decision->next == GW_MIGRATION_UNDOING || decision->next == GW_MIGRATION_ERROR ||
                          decision->next == GW_MIGRATION_FAILED || decision->next == GW_MIGRATION_CANCELLED;
    if (ends_badly && why && !(as_told && row->reason)) {
        g_free(row->reason);
        row->reason = g_strdup(why);
    } else if (!ends_badly) {
        g_clear_pointer(&row->reason, g_free); /* what it waited for is over */
    }
    if (active->call != GW_CALL_ACTIVE) { /* the work of the old state; a copy under way goes on in the next */
        active->call = GW_CALL_NONE;
        active->call_transient = FALSE;
        g_clear_pointer(&active->call_error, g_free);
    }
    g_mutex_unlock(&active->engine->lock);
    active->failures = 0;
    if (row->state == GW_MIGRATION_ACCEPTED || row->state == GW_MIGRATION_QUEUED)
        row->started_us = now;
    if (row->state == GW_MIGRATION_UNDOING && decision->next == GW_MIGRATION_PREPARING)
        gw_copying_begin_again(active, row);
    row->state = decision->next;
    row->end = decision->end;
    unsigned traits = gw_migration_state_traits(row->state);
    if ((traits & (GW_TRAIT_FINAL | GW_TRAIT_RESTING)) && !row->ended_us) /* waiting for the user is not a part of the move */
        row->ended_us = now;
}
