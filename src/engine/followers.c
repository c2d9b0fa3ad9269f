/* What other daemons on the same database carry and change: brought up to what the store says, whenever they tell, and every second. A
 * migration that another daemon carries is a GwActive too, so that everyone sees it under way; it is never stepped. */
#include "engine/internal.h"

#include "engine/transits.h"
#include "engine/turns.h"

enum { ENDED_LATELY_S = 60 };

/* ---- who carries what */

/* The successor knows nothing but the row, as after a restart. [locked] */
static GwActive *replace(GwActive *old, gint64 token)
{
    GwActive *fresh = gw_active_new(old->engine, gw_migration_copy(old->row));
    fresh->token = token;
    fresh->inherited = TRUE;
    fresh->before = old->stepping ? gw_active_ref(old) : NULL;
    fresh->checked = old->checked;
    fresh->checked_data = old->checked_data;
    old->checked = NULL;
    old->ended = TRUE;
    gw_active_remove(old);
    gw_active_add(fresh);
    return fresh;
}

static GPtrArray *list_actives(GwEngine *engine)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)gw_active_unref);
    GHashTableIter iter;
    gpointer value;
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->actives);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_ptr_array_add(list, gw_active_ref(value));
    g_mutex_unlock(&engine->lock);
    return list;
}

void gw_followers_assign(GwEngine *engine)
{
    g_autoptr(GPtrArray) actives = list_actives(engine); /* keeps what is replaced until the lock is free */
    g_autoptr(GPtrArray) taken = g_ptr_array_new_with_free_func((GDestroyNotify)gw_active_unref);
    g_mutex_lock(&engine->lock);
    for (guint i = 0; i < actives->len; i++) {
        GwActive *active = actives->pdata[i];
        gint64 token = gw_peers_token_of(engine, active->row->source);
        if (active->ended || active->token == token)
            continue;
        GwActive *fresh = replace(active, token);
        if (token) {
            gw_info("migration %" G_GINT64_FORMAT " of %s, %s, is carried here now", fresh->id, fresh->row->instance_name,
                    gw_migration_state_name(fresh->row->state));
            g_ptr_array_add(taken, fresh);
        } else {
            gw_active_unref(fresh);
        }
    }
    g_mutex_unlock(&engine->lock);
    for (guint i = 0; i < taken->len; i++)
        gw_active_wake(taken->pdata[i]);
}

/* ---- rows of others */

static GwMigration *read_row(GwEngine *engine, gint64 id)
{
    GwMigrationQuery query = {.id = id};
    g_autoptr(GPtrArray) rows = NULL;
    return gw_store_migrations(engine->store, &query, &rows, NULL) && rows->len ? g_ptr_array_steal_index(rows, 0) : NULL;
}

/* Those who listen here, to what another daemon carries. */
static void tell(GwActive *active)
{
    g_mutex_lock(&active->engine->lock);
    g_autoptr(GwMigration) row = active->token ? NULL : gw_migration_copy(active->row);
    g_mutex_unlock(&active->engine->lock);
    if (row)
        gw_heard_tell(active, row);
}

/* One that this daemon has not seen yet. */
static void enter(GwEngine *engine, gint64 id)
{
    GwMigration *row = read_row(engine, id);
    if (!row)
        return;
    g_autoptr(GwActive) active = gw_active_new(engine, row);
    active->inherited = TRUE;
    g_mutex_lock(&engine->lock);
    active->token = gw_peers_token_of(engine, row->source);
    gw_active_add(active);
    gw_views_update(engine, active->instance_uuid);
    g_mutex_unlock(&engine->lock);
    gw_active_wake(active);
    tell(active);
}

/* They have found nothing against it. */
static gboolean is_past_checks(const GwMigration *row)
{
    return row->state != GW_MIGRATION_ACCEPTED && row->state != GW_MIGRATION_UNDOING;
}

/* [locked] Figures only: the plan that is known stays. */
static void take_figures(GwActive *active, const GwMigration *row)
{
    active->row->progress = row->progress;
    gw_forecast_copy(active->row, row);
    active->row->intents = row->intents;
    gw_views_update(active->engine, active->instance_uuid);
}

static void show(GwActive *active, GwMigration *row)
{
    GwEngine *engine = active->engine;
    g_mutex_lock(&engine->lock);
    if (!active->token && !active->ended) {
        GwMigration *old = active->row;
        active->row = row;
        row = old;
        gw_transits_follow(active);
        gw_turns_follow(active);
        gw_views_update(engine, active->instance_uuid);
    }
    g_mutex_unlock(&engine->lock);
    gw_migration_free(row);
}

/* One that this daemon knows. Carried here, only what was asked of it can have changed. */
static void compare(GwActive *active, const GwMigration *row)
{
    GwEngine *engine = active->engine;
    g_mutex_lock(&engine->lock);
    gboolean leads = active->token != 0;
    gboolean newer = !leads && row->version != active->row->version;
    gboolean asked = leads && (row->intents & ~active->row->intents) != 0;
    if (!leads && !newer)
        take_figures(active, row);
    if (asked)
        active->row->intents |= row->intents;
    g_mutex_unlock(&engine->lock);
    if (asked)
        gw_active_wake(active);
    GwMigration *full = newer ? read_row(engine, active->id) : NULL;
    if (full)
        show(active, full);
    if (!leads)
        tell(active);
    if (is_past_checks(row))
        gw_active_tell_checked(active, NULL);
}

/* One that another daemon has brought to its end. */
static void leave(GwActive *active)
{
    GwEngine *engine = active->engine;
    g_autoptr(GwMigration) row = read_row(engine, active->id);
    gboolean failed = !row || row->state == GW_MIGRATION_FAILED || row->state == GW_MIGRATION_CANCELLED || row->state == GW_MIGRATION_ERROR;
    g_autoptr(GError) error =
        failed ? g_error_new(GW_ERROR, GW_ERROR_REFUSED, "%s", row && row->reason ? row->reason : "it was cancelled") : NULL;
    if (row)
        gw_heard_tell(active, row);
    g_mutex_lock(&engine->lock);
    active->ended = TRUE;
    gw_active_remove(active);
    if (row && row->state == GW_MIGRATION_EVACUATED)
        gw_remains_add(engine, row);
    gw_views_update(engine, active->instance_uuid);
    g_mutex_unlock(&engine->lock);
    const char *sides[] = {row ? row->dest : NULL, row ? row->source : NULL};
    for (guint i = 0; i < G_N_ELEMENTS(sides); i++) {
        g_autoptr(GwHostEntry) entry = sides[i] ? gw_engine_find_host(engine, sides[i]) : NULL;
        if (entry)
            gw_inventory_ask(engine, entry, active->instance_uuid);
    }
    gw_active_tell_checked(active, error);
    gw_drains_wake(engine);
}

/* [locked] Rows that ended here a moment ago may still be on a list that was read before. */
static gboolean has_ended_lately(GwEngine *engine, gint64 id)
{
    return g_hash_table_contains(engine->ended_lately, &id);
}

static gboolean is_old(gpointer id, gpointer ended_us, gpointer now_us)
{
    return *(gint64 *)now_us - *(gint64 *)ended_us > ENDED_LATELY_S * G_USEC_PER_SEC;
}

static GwActive *find(GwEngine *engine, gint64 id, gboolean *ret_ended)
{
    gint64 now_us = g_get_monotonic_time();
    g_mutex_lock(&engine->lock);
    g_hash_table_foreach_remove(engine->ended_lately, is_old, &now_us);
    GwActive *active = g_hash_table_lookup(engine->actives, &id);
    if (active)
        gw_active_ref(active);
    *ret_ended = has_ended_lately(engine, id);
    g_mutex_unlock(&engine->lock);
    return active;
}

static void refresh_migrations(GwEngine *engine, GError **error)
{
    GwMigrationQuery query = {.unfinished_only = TRUE, .without_plans = TRUE};
    g_autoptr(GPtrArray) rows = NULL;
    G_GNUC_UNUSED g_autoptr(GRWLockWriterLocker) locker = g_rw_lock_writer_locker_new(&engine->adopt_lock);
    g_autoptr(GPtrArray) actives = list_actives(engine); /* before the rows: what is entered later is on neither list */
    if (!gw_store_migrations(engine->store, &query, &rows, error))
        return;
    g_autoptr(GHashTable) ids = g_hash_table_new(g_int64_hash, g_int64_equal);
    for (guint i = 0; i < rows->len; i++) {
        GwMigration *row = rows->pdata[i];
        gboolean ended;
        g_autoptr(GwActive) active = find(engine, row->id, &ended);
        g_hash_table_add(ids, &row->id);
        if (active)
            compare(active, row);
        else if (!ended)
            enter(engine, row->id);
    }
    for (guint i = 0; i < actives->len; i++) {
        GwActive *active = actives->pdata[i];
        g_mutex_lock(&engine->lock);
        gboolean idle = !active->ended && !active->stepping; /* one in a step sees its end itself */
        g_mutex_unlock(&engine->lock);
        if (idle && !g_hash_table_contains(ids, &active->id))
            leave(active);
    }
}

static void refresh_hosts(GwEngine *engine, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&engine->edit_lock);
    if (gw_engine_reload_hosts(engine, error) && gw_engine_load_aggregates(engine, error) && gw_engine_load_groups(engine, error))
        gw_remains_load(engine, error);
}

static void refresh_drains(GwEngine *engine, GError **error)
{
    g_mutex_lock(&engine->lock);
    gboolean leads = gw_peers_lead_drains(engine, gw_peers_drains_token(engine));
    g_mutex_unlock(&engine->lock);
    if (!leads || !gw_engine_load_drains(engine, error))
        return;
    gw_drains_wake(engine);
    gw_servers_start(engine); /* the lease may have come just now */
}

void gw_followers_refresh(GwEngine *engine, unsigned changed)
{
    g_autoptr(GError) error = NULL;
    if (changed & GW_CHANGED_HOSTS)
        refresh_hosts(engine, &error);
    if (!error && changed & GW_CHANGED_MIGRATIONS)
        refresh_migrations(engine, &error);
    if (!error && changed & GW_CHANGED_CARDS)
        gw_cards_refresh(engine, &error);
    if (!error && changed & GW_CHANGED_SERVERS) /* before the drains, and after the groups that they may have joined */
        gw_engine_load_servers(engine, &error);
    if (!error && changed & GW_CHANGED_DRAINS)
        refresh_drains(engine, &error);
    if (!error && changed & GW_CHANGED_LINKS)
        gw_forecasts_load_links(engine, &error);
    if (error) { /* all of it again, with what the next second brings */
        gw_warning("what other daemons have changed is not known: %s", error->message);
        g_usleep(G_USEC_PER_SEC / 2);
        gw_peers_changed(engine, changed);
    }
}
