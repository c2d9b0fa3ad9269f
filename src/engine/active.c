/* Migrations under way: their table, and what wakes them. */
#include "engine/internal.h"

#include "engine/timers.h"
#include "engine/transits.h"
#include "engine/turns.h"

GwActive *gw_active_ref(GwActive *active)
{
    g_atomic_ref_count_inc(&active->refs);
    return active;
}

void gw_active_unref(GwActive *active)
{
    if (!g_atomic_ref_count_dec(&active->refs))
        return;
    g_clear_pointer(&active->source, gw_host_entry_unref);
    g_clear_pointer(&active->dest, gw_host_entry_unref);
    gw_migration_free(active->row);
    gw_migration_free(active->unrecorded);
    g_free(active->call_error);
    g_free(active->chosen);
    g_free(active->entered[GW_END_SOURCE]);
    g_free(active->entered[GW_END_DEST]);
    g_free(active->kept_reason);
    g_free(active->vain_reason);
    g_free(active->rung_reason);
    g_free(active->failure);
    g_clear_error(&active->refusal);
    g_clear_pointer(&active->before, gw_active_unref);
    gw_engine_unref(active->engine);
    g_free(active);
}

GwActive *gw_active_new(GwEngine *engine, GwMigration *row)
{
    GwActive *active = g_new0(GwActive, 1);
    g_atomic_ref_count_init(&active->refs);
    active->engine = gw_engine_ref(engine);
    active->id = row->id;
    active->row = row;
    active->host_forced = (row->intents & GW_INTENT_HOST_FORCED) != 0;
    active->group_goes = (row->intents & GW_INTENT_GROUP_GOES) != 0;
    active->disk_over_commit = (row->intents & GW_INTENT_OVER_COMMIT) != 0;
    g_strlcpy(active->instance_uuid, row->instance_uuid, sizeof active->instance_uuid);
    return active;
}

const char *gw_active_dest(const GwActive *active)
{
    return active->chosen ? active->chosen : active->row->dest; /* one that has waited may have been sent elsewhere by its new checks */
}

void gw_active_add(GwActive *active)
{
    gw_transits_enter(active);
    g_hash_table_replace(active->engine->actives, &active->id, gw_active_ref(active));
    g_hash_table_replace(active->engine->moving, active->instance_uuid, active);
    gw_turns_follow(active);
}

/* When another has taken its place meanwhile, that one goes, and whoever waits for its checks is this one's to tell. */
static void displace(GwActive *active, GwActive *entered)
{
    entered->ended = TRUE;
    gw_turns_leave(entered);
    gw_timers_drop(entered);
    gw_transits_leave(entered);
    if (active->checked)
        return;
    active->checked = entered->checked;
    active->checked_data = entered->checked_data;
    entered->checked = NULL;
}

void gw_active_remove(GwActive *active)
{
    GwEngine *engine = active->engine;
    GwActive *entered = g_hash_table_lookup(engine->actives, &active->id);
    gw_turns_leave(active);
    gw_timers_drop(active); /* it holds the move, and so its hosts: they would be open still when the engine stops */
    gw_transits_leave(active);
    if (entered && entered != active) {
        displace(active, entered);
        if (gw_active_of(engine, active->instance_uuid) == entered)
            g_hash_table_remove(engine->moving, active->instance_uuid);
    }
    if (gw_active_of(engine, active->instance_uuid) == active) /* the next move may have begun */
        g_hash_table_remove(engine->moving, active->instance_uuid);
    g_hash_table_remove(engine->actives, &active->id);
}

GwActive *gw_active_of(GwEngine *engine, const char *uuid)
{
    return g_hash_table_lookup(engine->moving, uuid);
}

void gw_active_push(GwActive *active)
{
    GwEngine *engine = active->engine;
    gboolean waits = active->before && active->before->stepping; /* its end wakes this one */
    gboolean push = !active->stepping && !active->ended && !engine->stopping && engine->started && !waits && gw_peers_lead(active);
    active->again = active->stepping;
    if (push) { /* under the lock: the pool goes away when stopping is set */
        active->stepping = TRUE;
        g_thread_pool_push(engine->steps, gw_active_ref(active), NULL);
    }
}

void gw_active_wake(GwActive *active)
{
    g_mutex_lock(&active->engine->lock);
    gw_active_push(active);
    g_mutex_unlock(&active->engine->lock);
}

void gw_active_wake_after(GwActive *active, guint ms)
{
    g_mutex_lock(&active->engine->lock);
    gw_timers_set(active, ms);
    g_mutex_unlock(&active->engine->lock);
}

void gw_active_wake_instance(GwEngine *engine, const char *uuid)
{
    g_mutex_lock(&engine->lock);
    GwActive *active = gw_active_of(engine, uuid);
    if (active)
        gw_active_ref(active);
    g_mutex_unlock(&engine->lock);
    if (!active)
        return;
    gw_active_wake(active);
    gw_active_unref(active);
}

unsigned gw_active_fences(const GwActive *active)
{
    g_mutex_lock(&active->engine->lock);
    unsigned when = active->source && active->source->row->forced_down ? GW_WHEN_FENCED : 0;
    when |= active->dest && active->dest->row->forced_down ? GW_WHEN_DEST_FENCED : 0;
    g_mutex_unlock(&active->engine->lock);
    return when;
}

void gw_active_tell_checked(GwActive *active, const GError *error)
{
    g_mutex_lock(&active->engine->lock);
    GwChecked checked = active->checked;
    active->checked = NULL;
    g_mutex_unlock(&active->engine->lock);
    if (checked)
        checked(active->checked_data, active->id, error);
}

void gw_active_refuse(GwActive *active, const GError *error)
{
    g_clear_error(&active->refusal); /* of a check that could not be recorded, and is made again */
    active->refusal = g_error_copy(error);
}

static GwCall call_of(const GError *error)
{
    if (!error)
        return GW_CALL_DONE;
    if (error->domain != GW_ERROR)
        return GW_CALL_LOST;
    switch ((GwErrorCode)error->code) {
    case GW_ERROR_LOST:
    case GW_ERROR_INTERNAL:
        return GW_CALL_LOST;
    case GW_ERROR_INVALID:
    case GW_ERROR_NOT_FOUND:
    case GW_ERROR_CONFLICT:
    case GW_ERROR_REFUSED:
    case GW_ERROR_UNSUPPORTED:
    case GW_ERROR_UNREACHABLE:
    case GW_ERROR_DENIED:
    case GW_ERROR_FAILED:
    case GW_ERROR_ABORTED:
    case GW_ERROR_STORE:
    case GW_ERROR_STALE:
        return GW_CALL_FAILED;
    }
    return GW_CALL_LOST;
}

void gw_active_call_ended(GwActive *active, const GError *error)
{
    g_mutex_lock(&active->engine->lock);
    active->call = call_of(error);
    active->call_transient = g_error_matches(error, GW_ERROR, GW_ERROR_UNREACHABLE);
    g_free(active->call_error);
    active->call_error = error ? g_strdup(error->message) : NULL;
    g_mutex_unlock(&active->engine->lock);
}

static GwMigration *read_whole(GwActive *active, GError **error)
{
    GwMigrationQuery query = {.id = active->id};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_migrations(active->engine->store, &query, &rows, error))
        return NULL;
    if (!rows->len) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "it is gone from the store");
        return NULL;
    }
    GwMigration *row = g_ptr_array_steal_index(rows, 0);
    g_mutex_lock(&active->engine->lock);
    row->progress = active->row->progress; /* newer than the journal's */
    gw_forecast_copy(row, active->row);    /* likewise */
    g_mutex_unlock(&active->engine->lock);
    return row;
}

/* What is shown is what was journalled last, and is read anew only when somebody else has journalled since, or it was shown and not
 * journalled. */
GwMigration *gw_active_read(GwActive *active)
{
    gboolean current = FALSE;
    g_autoptr(GError) error = NULL;
    g_mutex_lock(&active->engine->lock);
    g_autoptr(GwMigration) row = gw_migration_copy(active->row);
    g_mutex_unlock(&active->engine->lock);
    if (gw_store_migration_refresh(active->engine->store, row, &current, &error) && current)
        return g_steal_pointer(&row);
    GwMigration *whole = error ? NULL : read_whole(active, &error);
    if (!whole)
        gw_warning("migration %" G_GINT64_FORMAT ": cannot be read: %s", active->id, error->message);
    return whole;
}

gboolean gw_engine_load_actives(GwEngine *engine, GError **error)
{
    GwMigrationQuery query = {.unfinished_only = TRUE};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_migrations(engine->store, &query, &rows, error))
        return FALSE;
    for (guint i = 0; i < rows->len; i++) {
        g_autoptr(GwActive) active = gw_active_new(engine, gw_migration_copy(rows->pdata[i]));
        active->inherited = TRUE;
        gw_active_add(active);
        gw_views_update(engine, active->instance_uuid);
        gw_info("migration %" G_GINT64_FORMAT " of %s found %s", active->id, active->row->instance_name,
                gw_migration_state_name(active->row->state));
    }
    return TRUE;
}
