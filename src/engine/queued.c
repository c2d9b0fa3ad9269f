/* A move that waits for its turn, each time it is woken (turns.c): what its hosts last said, its turn, and the checks in it. No host is asked
 * for anything unless its turn has come, or its instance seems to be gone. */
#include "engine/queued.h"

#include "core/turn.h"
#include "engine/choose.h"
#include "engine/timers.h"
#include "engine/turns.h"

enum { SAMPLE_AFTER_MS = 1100 }; /* one that waits for so long has time for a longer sample of what its guest writes (forecast.c) */

static gboolean goes_anywhere(const GwMigration *row)
{
    return (row->intents & GW_INTENT_ANYWHERE) != 0;
}

/* ---- what is known of its hosts */

static void find(GwEngine *engine, const char *name, GwHostEntry **entry)
{
    g_clear_pointer(entry, gw_host_entry_unref);
    *entry = name ? gw_engine_find_host(engine, name) : NULL;
}

/* [locked] */
static GwSeen shown(const GwHostEntry *entry, const char *uuid)
{
    if (!entry || !entry->up || entry->last_full_us <= 0)
        return GW_SEEN_UNKNOWN;
    const GwInstance *instance = g_hash_table_lookup(entry->instances, uuid);
    return !instance                              ? GW_SEEN_ABSENT
           : instance->power == GW_POWER_RUNNING ? GW_SEEN_RUNNING
           : instance->power == GW_POWER_PAUSED  ? GW_SEEN_PAUSED
                                                 : GW_SEEN_STOPPED;
}

/* Whether a destination that was left open answers is the business of the checks, which may choose another. */
void gw_queued_look(GwActive *active, const GwMigration *row)
{
    GwEngine *engine = active->engine;
    find(engine, row->source, &active->source);
    find(engine, row->dest, &active->dest);
    g_mutex_lock(&engine->lock);
    GwSeen source = shown(active->source, row->instance_uuid);
    gboolean hears_dest = goes_anywhere(row) || shown(active->dest, row->instance_uuid) != GW_SEEN_UNKNOWN;
    g_mutex_unlock(&engine->lock);
    active->source_sight = (GwSight){.seen = source};
    active->dest_sight = (GwSight){.seen = hears_dest ? GW_SEEN_ABSENT : GW_SEEN_UNKNOWN};
    if (source == GW_SEEN_ABSENT && !gw_node_sight(active->source->node, row->instance_uuid, &active->source_sight, NULL))
        active->source_sight = (GwSight){.seen = GW_SEEN_UNKNOWN};
}

static gboolean is_gone(GwEngine *engine, const GwHostEntry *entry, const char *name)
{
    return name && !entry && !gw_choose_is_stored(engine, name);
}

gboolean gw_queued_gives_up(GwActive *active, const GwMigration *row)
{
    GwEngine *engine = active->engine;
    const char *gone = is_gone(engine, active->source, row->source)                        ? row->source
                       : !goes_anywhere(row) && is_gone(engine, active->dest, row->dest) ? row->dest
                                                                                            : NULL;
    if (!gone)
        return FALSE;
    g_autoptr(GError) error = g_error_new(GW_ERROR, GW_ERROR_FAILED, "host %s was removed while the move waited for its turn", gone);
    gw_active_call_ended(active, error);
    return TRUE;
}

/* [locked] */
static gboolean is_silent_for_long(const GwEngine *engine, const GwHostEntry *entry)
{
    return entry && gw_turns_silent_ms(engine, entry) >= gw_turns_patience_ms(engine);
}

unsigned gw_queued_circumstances(GwActive *active, const GwMigration *row)
{
    unsigned when = gw_active_fences(active);
    if (goes_anywhere(row))
        when &= ~(unsigned)GW_WHEN_DEST_FENCED;
    g_mutex_lock(&active->engine->lock);
    gboolean silent = (row->kind != GW_MOVE_EVACUATE && is_silent_for_long(active->engine, active->source)) ||
                      (!goes_anywhere(row) && is_silent_for_long(active->engine, active->dest));
    when |= silent ? GW_WHEN_OVERDUE : 0;
    when |= gw_turns_is_next(active, row) ? GW_WHEN_TURN : 0;
    g_mutex_unlock(&active->engine->lock);
    return when;
}

/* ---- its turn */

static gboolean take_turn(GwActive *active, const GwMigration *row)
{
    g_mutex_lock(&active->engine->lock);
    gboolean taken = gw_turns_is_next(active, row);
    active->has_turn = taken;
    if (taken)
        gw_turns_follow(active);
    g_mutex_unlock(&active->engine->lock);
    return taken;
}

/* A turn that came early, since a host had changed, is one more try, and does not count. */
static void note_vain(GwActive *active)
{
    gint64 now_us = g_get_monotonic_time();
    if (now_us < active->vain_due_us)
        return;
    active->vain++;
    active->vain_due_us = now_us + (gint64)gw_turn_pause_ms(active->vain) * 1000 / MAX(1, active->engine->settings.haste);
}

/* The next in the line has it; this one has another after a pause, or as soon as a host changes. */
static void give_turn_back(GwActive *active, const char *why)
{
    GwEngine *engine = active->engine;
    g_mutex_lock(&engine->lock);
    active->has_turn = FALSE;
    active->not_before_us = active->vain_due_us;
    g_free(active->vain_reason);
    active->vain_reason = g_strdup(why);
    gw_turns_follow(active);
    g_mutex_unlock(&engine->lock);
}

static gboolean hears(GwEngine *engine, const GwHostEntry *entry)
{
    g_mutex_lock(&engine->lock);
    gboolean hears = !entry || entry->up || entry->row->forced_down;
    g_mutex_unlock(&engine->lock);
    return hears;
}

/* Nothing is known against the move: a host did not answer, or not well enough to be understood. */
static gboolean is_silence(const GwActive *active, const GwMigration *row, const GError *why)
{
    gboolean unheard = g_error_matches(why, GW_ERROR, GW_ERROR_UNREACHABLE) || g_error_matches(why, GW_ERROR, GW_ERROR_LOST) ||
                       g_error_matches(why, GW_ERROR, GW_ERROR_INTERNAL);
    return unheard || (row->kind != GW_MOVE_EVACUATE && !hears(active->engine, active->source)) || !hears(active->engine, active->dest);
}

/* Whether it answers at all is found out at once, and not when it is next due to be asked. */
static void ask(GwActive *active, GwHostEntry *entry)
{
    if (entry)
        gw_inventory_ask(active->engine, entry, active->instance_uuid);
}

static gboolean check_anew(GwActive *active, GwMigration *row, GError **error)
{
    if (!gw_choose_is_ready(active, row)) {
        g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE, "the hosts have not all been asked yet");
        return FALSE;
    }
    gw_forecast_sample_soon(active, row);
    return gw_choose_anew(active, row, error);
}

gboolean gw_queued_enter(GwActive *active, GwMigration *row, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (!take_turn(active, row))
        return TRUE;
    if (active->checked_now || check_anew(active, row, &why)) {
        gw_active_call_ended(active, NULL);
        return TRUE;
    }
    gboolean silence = is_silence(active, row, why);
    if (silence)
        note_vain(active);
    if (silence && active->vain < GW_TURN_VAIN) {
        gw_info("migration %" G_GINT64_FORMAT " of %s gives its turn back: %s", row->id, row->instance_name, why->message);
        ask(active, active->source);
        ask(active, active->dest);
        give_turn_back(active, why->message);
        return TRUE;
    }
    g_autoptr(GError) failure = g_error_new_literal(GW_ERROR, GW_ERROR_FAILED, why->message);
    gw_active_call_ended(active, failure);
    gw_active_refuse(active, why);
    return TRUE; /* a refusal is an answer */
}

/* ---- while it waits */

static gint64 ms_until(gint64 us)
{
    return MAX(1, (us - g_get_monotonic_time()) / 1000 + 1);
}

void gw_queued_rest(GwActive *active, const GwMigration *row)
{
    gboolean begins = active->checked_now;
    active->checked_now = FALSE;
    g_mutex_lock(&active->engine->lock);
    if (active->not_before_us) { /* also when that has passed since this look saw it: nothing else would bring another */
        gw_timers_set(active, (guint)ms_until(active->not_before_us));
        if (active->not_before_us <= g_get_monotonic_time())
            active->not_before_us = 0;
    } else if (begins && row->kind == GW_MOVE_LIVE) {
        gw_timers_set(active, SAMPLE_AFTER_MS);
    }
    g_mutex_unlock(&active->engine->lock);
}
