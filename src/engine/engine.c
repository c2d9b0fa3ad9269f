/* The engine's parts put together, started and stopped. */
#include "engine/engine.h"

#include "engine/checkups.h"
#include "engine/hooks.h"
#include "engine/scribe.h"
#include "engine/servers.h"
#include "engine/timers.h"
#include "engine/transits.h"
#include "engine/turns.h"

/* Workers. A step lasts as long as the slowest host that it asks; a guest that shuts down holds one for its whole patience.
 * Threads are made when they are needed and kept for a while by GLib. */
enum { MAX_STEPS = 64, MAX_ASKS = 32, MAX_OPERATIONS = 32, MAX_QUESTIONS = 8, MAX_DRAINS = 4, MAX_POOLS = 4, MAX_SERVERS = 16, TICK_S = 1 };

GwEngine *gw_engine_ref(GwEngine *engine)
{
    g_atomic_ref_count_inc(&engine->refs);
    return engine;
}

void gw_engine_unref(GwEngine *engine)
{
    if (!g_atomic_ref_count_dec(&engine->refs))
        return;
    g_hash_table_unref(engine->moving);
    g_hash_table_unref(engine->transits);
    g_hash_table_unref(engine->lines);
    gw_timers_free(engine);
    g_hash_table_unref(engine->cpu_uses);
    g_hash_table_unref(engine->operating);
    g_hash_table_unref(engine->cards);
    g_hash_table_unref(engine->servers);
    g_hash_table_unref(engine->evacuated);
    g_hash_table_unref(engine->drains);
    g_hash_table_unref(engine->actives);
    g_hash_table_unref(engine->views);
    g_hash_table_unref(engine->where);
    g_hash_table_unref(engine->homes);
    g_hash_table_unref(engine->host_uris);
    g_hash_table_unref(engine->host_uuids);
    g_hash_table_unref(engine->hosts);
    g_ptr_array_unref(engine->aggregates);
    g_ptr_array_unref(engine->groups);
    gw_listing_free(engine->listing);
    g_clear_pointer(&engine->loop, g_main_loop_unref);
    g_clear_pointer(&engine->context, g_main_context_unref);
    gw_checkups_free(engine->checkups);
    gw_hooks_free(engine->hooks);
    gw_scribe_free(engine->notes);
    gw_forecasts_free(engine->forecasts);
    gw_peers_free(engine->peers);
    g_hash_table_unref(engine->ended_lately);
    g_hash_table_unref(engine->pool_looks);
    g_rw_lock_clear(&engine->adopt_lock);
    g_rw_lock_clear(&engine->cards_lock);
    for (guint i = 0; i < GW_CARD_LOCKS; i++)
        g_mutex_clear(&engine->card_locks[i]);
    g_mutex_clear(&engine->lock);
    g_mutex_clear(&engine->edit_lock);
    g_mutex_clear(&engine->place_lock);
    g_mutex_clear(&engine->heard_lock);
    g_free(engine);
}

guint64 gw_engine_serial(GwEngine *engine)
{
    return (guint64)__atomic_load_n(&engine->serial, __ATOMIC_ACQUIRE);
}

gint64 gw_engine_serial_next(GwEngine *engine)
{
    return __atomic_add_fetch(&engine->serial, 1, __ATOMIC_ACQ_REL);
}

static GwEngine *engine_new(GwStore *store, const GwDriver *const *drivers, const GwEngineSettings *settings)
{
    GwEngine *engine = g_new0(GwEngine, 1);
    g_atomic_ref_count_init(&engine->refs);
    g_mutex_init(&engine->lock);
    g_mutex_init(&engine->edit_lock);
    g_mutex_init(&engine->heard_lock);
    g_rw_lock_init(&engine->adopt_lock);
    g_rw_lock_init(&engine->cards_lock);
    for (guint i = 0; i < GW_CARD_LOCKS; i++)
        g_mutex_init(&engine->card_locks[i]);
    engine->ended_lately = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    g_mutex_init(&engine->place_lock);
    engine->aggregates = gw_aggregates_new();
    engine->groups = gw_groups_new();
    engine->store = store;
    engine->drivers = drivers;
    engine->settings = *settings;
    engine->hosts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)gw_host_entry_unref);
    engine->host_uris = g_hash_table_new(g_str_hash, g_str_equal);
    engine->host_uuids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    engine->listing = gw_listing_new();
    engine->homes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    engine->where = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    engine->views = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)gw_instance_view_unref);
    engine->actives = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, (GDestroyNotify)gw_active_unref);
    engine->checkups = gw_checkups_new();
    engine->forecasts = gw_forecasts_new();
    engine->moving = g_hash_table_new(g_str_hash, g_str_equal);
    engine->transits = gw_transits_new();
    engine->lines = gw_turns_new();
    engine->cpu_uses = gw_cpu_uses_new();
    engine->evacuated = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    engine->operating = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    engine->servers = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)gw_server_run_free);
    engine->cards = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)gw_card_unref);
    engine->server_steps = g_thread_pool_new(gw_server_step, engine, MAX_SERVERS, FALSE, NULL);
    engine->operations = g_thread_pool_new(gw_operate_work, engine, MAX_OPERATIONS, FALSE, NULL);
    engine->questions = g_thread_pool_new(gw_diagnose_work, engine, MAX_QUESTIONS, FALSE, NULL);
    engine->drains = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, gw_drain_run_release);
    engine->context = g_main_context_new();
    engine->loop = g_main_loop_new(engine->context, FALSE);
    gw_timers_start(engine);
    engine->steps = g_thread_pool_new(gw_loop_step, engine, MAX_STEPS, FALSE, NULL);
    engine->asks = g_thread_pool_new(gw_inventory_work, engine, MAX_ASKS, FALSE, NULL);
    engine->notes = gw_scribe_new();
    engine->scribe = g_thread_pool_new(gw_scribe_work, engine, 1, FALSE, NULL);
    engine->drain_steps = g_thread_pool_new(gw_drain_step, engine, MAX_DRAINS, FALSE, NULL);
    engine->rollings = g_thread_pool_new(gw_rollings_work, engine, 1, FALSE, NULL);
    engine->pool_steps = g_thread_pool_new(gw_pools_work, engine, MAX_POOLS, FALSE, NULL);
    engine->pool_looks = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    engine->rolling_orders = g_thread_pool_new(gw_rolling_orders_work, engine, 1, FALSE, NULL);
    engine->hooks = gw_hooks_new(settings->hook_dir, settings->state_path, settings->hook_timeout_s);
    engine->looks = g_thread_pool_new(gw_autobalance_work, engine, 1, FALSE, NULL);
    return engine;
}

GwEngine *gw_engine_new(GwStore *store, const GwDriver *const *drivers, const GwEngineSettings *settings, GError **error)
{
    GwEngine *engine = engine_new(store, drivers, settings);
    engine->peers = gw_peers_new(engine);
    if (gw_remains_load(engine, error) && gw_engine_load_hosts(engine, error) && gw_engine_load_aggregates(engine, error) && gw_engine_load_groups(engine, error) &&
        gw_engine_load_actives(engine, error) && gw_views_load_homes(engine, error) && gw_engine_load_forecasts(engine, error) &&
        gw_engine_load_servers(engine, error) && (engine->peers || gw_engine_load_drains(engine, error)) &&
        gw_engine_load_cards(engine, error))
        return engine;
    gw_engine_stop(engine);
    gw_engine_free(engine);
    return NULL;
}

static gpointer loop_thread(gpointer data)
{
    GwEngine *engine = data;
    g_main_context_push_thread_default(engine->context);
    g_main_loop_run(engine->loop);
    g_main_context_pop_thread_default(engine->context);
    return NULL;
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

void gw_engine_start(GwEngine *engine)
{
    GSource *tick = g_timeout_source_new_seconds(TICK_S);
    g_source_set_callback(tick, gw_inventory_tick, engine, NULL);
    g_source_attach(tick, engine->context);
    g_source_unref(tick);
    engine->loop_thread = g_thread_new("engine", loop_thread, engine);
    g_mutex_lock(&engine->lock);
    engine->started = TRUE;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, engine->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &value)) /* due at once */
        ((GwHostEntry *)value)->last_full_us = G_MININT64 / 2;
    g_mutex_unlock(&engine->lock);
    gw_inventory_tick(engine);
    gw_drains_start(engine);
    gw_peers_start(engine);
    gw_servers_start(engine);
    g_autoptr(GPtrArray) actives = list_actives(engine);
    for (guint i = 0; i < actives->len; i++)
        gw_active_wake(actives->pdata[i]);
}

static gboolean on_quit(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

/* From within the loop: asked from outside before its thread has begun to run it, it would never end. */
static void quit_loop(GwEngine *engine)
{
    GSource *quit = g_idle_source_new();
    g_source_set_priority(quit, G_PRIORITY_HIGH);
    g_source_set_callback(quit, on_quit, engine->loop, NULL);
    g_source_attach(quit, engine->context);
    g_source_unref(quit);
}

gboolean gw_engine_is_stopping(GwEngine *engine)
{
    g_mutex_lock(&engine->lock);
    gboolean stopping = engine->stopping;
    g_mutex_unlock(&engine->lock);
    return stopping;
}

/* Copies under way hold references and end whenever the hypervisors end them; they touch the store no more. */
void gw_engine_stop(GwEngine *engine)
{
    g_mutex_lock(&engine->lock);
    engine->stopping = TRUE;
    g_mutex_unlock(&engine->lock);
    if (engine->loop_thread) {
        quit_loop(engine);
        g_thread_join(g_steal_pointer(&engine->loop_thread));
    }
    if (engine->steps) {
        g_thread_pool_free(g_steal_pointer(&engine->looks), FALSE, TRUE);
        g_thread_pool_free(g_steal_pointer(&engine->rollings), FALSE, TRUE);
        g_thread_pool_free(g_steal_pointer(&engine->pool_steps), FALSE, TRUE);
        g_thread_pool_free(g_steal_pointer(&engine->rolling_orders), FALSE, TRUE);
        gw_hooks_stop(engine->hooks, engine->peers ? GW_HOOK_END : GW_HOOK_LEAVE); /* another daemon calls it at once */
        g_thread_pool_free(g_steal_pointer(&engine->drain_steps), FALSE, TRUE);
        g_thread_pool_free(g_steal_pointer(&engine->steps), FALSE, TRUE);
        gw_forecasts_stop(engine->forecasts); /* only steps begin samples */
        g_thread_pool_free(g_steal_pointer(&engine->operations), FALSE, TRUE);
        g_thread_pool_free(g_steal_pointer(&engine->questions), FALSE, TRUE);
        g_thread_pool_free(g_steal_pointer(&engine->server_steps), FALSE, TRUE);
        g_thread_pool_free(g_steal_pointer(&engine->asks), FALSE, TRUE);
        g_thread_pool_free(g_steal_pointer(&engine->scribe), FALSE, TRUE);
    }
    gw_peers_stop(engine);
    gw_timers_drop_all(engine);
    /* nodes report no more events into this engine once their last reference is gone */
    g_mutex_lock(&engine->lock);
    g_hash_table_remove_all(engine->views);
    g_hash_table_remove_all(engine->where);
    g_hash_table_remove_all(engine->moving);
    g_hash_table_remove_all(engine->transits);
    g_hash_table_remove_all(engine->lines);
    g_hash_table_remove_all(engine->host_uris);
    g_hash_table_remove_all(engine->host_uuids);
    gw_listing_free(engine->listing);
    engine->listing = gw_listing_new();
    GHashTable *hosts = g_steal_pointer(&engine->hosts);
    GHashTable *actives = g_steal_pointer(&engine->actives);
    GHashTable *drains = g_steal_pointer(&engine->drains);
    engine->hosts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)gw_host_entry_unref);
    engine->actives = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, (GDestroyNotify)gw_active_unref);
    engine->drains = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, gw_drain_run_release);
    g_mutex_unlock(&engine->lock);
    g_hash_table_unref(drains);
    g_hash_table_unref(actives); /* closing a node may wait for its events, which take the lock */
    g_hash_table_unref(hosts);
}

void gw_engine_free(GwEngine *engine)
{
    gw_engine_unref(engine);
}
