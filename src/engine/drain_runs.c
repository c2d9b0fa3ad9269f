/* The table of drains under way: loaded, stepped by turns, and left to another daemon where there are several. */
#include "engine/drain.h"

enum {
    ROUND_MS = 500, /* copies under way make room on the links without telling */
    TICK_MS = 100,
};

GHashTable *gw_drain_moves_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)gw_drain_move_free);
}

GwDrainRun *gw_drain_run_new(GwEngine *engine, GwDrain *row, GHashTable *moves)
{
    GwDrainRun *run = g_new0(GwDrainRun, 1);
    g_atomic_ref_count_init(&run->refs);
    run->engine = gw_engine_ref(engine);
    run->id = row->id;
    run->row = row;
    run->moves = moves;
    run->changed = g_ptr_array_new();
    run->surveyed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return run;
}

static GwDrainRun *run_ref(GwDrainRun *run)
{
    g_atomic_ref_count_inc(&run->refs);
    return run;
}

void gw_drain_run_unref(GwDrainRun *run)
{
    if (!g_atomic_ref_count_dec(&run->refs))
        return;
    gw_drain_free(run->row);
    g_ptr_array_unref(run->changed);
    g_hash_table_unref(run->moves);
    g_hash_table_unref(run->surveyed);
    gw_engine_unref(run->engine);
    g_free(run);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwDrainRun, gw_drain_run_unref)

void gw_drain_run_release(gpointer run)
{
    gw_drain_run_unref(run);
}

void gw_drain_step(gpointer data, gpointer user_data)
{
    GwEngine *engine = user_data;
    g_autoptr(GwDrainRun) run = data;
    gint64 began_us = g_get_monotonic_time();
    g_mutex_lock(&engine->lock);
    gboolean stopping = engine->stopping || run->ended || !gw_peers_lead_drains(engine, run->token);
    run->again = FALSE;
    g_mutex_unlock(&engine->lock);
    if (!stopping)
        gw_drain_round(run);
    gint64 now_us = g_get_monotonic_time();
    g_mutex_lock(&engine->lock);
    run->stepping = FALSE;
    /* a large plan is not made all the time; otherwise no link stands idle because nobody looks */
    gint64 wait_ms = run->next_ms ? MIN(ROUND_MS, run->next_ms) : ROUND_MS;
    run->due_us = run->again ? now_us : now_us + MAX(wait_ms * 1000, (now_us - began_us) * 5);
    g_mutex_unlock(&engine->lock);
}

static gboolean tick(gpointer data)
{
    GwEngine *engine = data;
    GHashTableIter iter;
    gpointer value;
    gw_rollings_tick(engine);
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->drains);
    while (!engine->stopping && g_hash_table_iter_next(&iter, NULL, &value)) {
        GwDrainRun *run = value;
        if (run->stepping || run->due_us > g_get_monotonic_time())
            continue;
        run->stepping = TRUE;
        g_thread_pool_push(engine->drain_steps, run_ref(run), NULL);
    }
    g_mutex_unlock(&engine->lock);
    return G_SOURCE_CONTINUE;
}

void gw_drains_wake(GwEngine *engine)
{
    GHashTableIter iter;
    gpointer value;
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->drains);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        ((GwDrainRun *)value)->again = TRUE;
        ((GwDrainRun *)value)->due_us = 0;
    }
    g_mutex_unlock(&engine->lock);
}

void gw_drains_start(GwEngine *engine)
{
    GSource *source = g_timeout_source_new(TICK_MS);
    g_source_set_callback(source, tick, engine, NULL);
    g_source_attach(source, engine->context);
    g_source_unref(source);
}

gboolean gw_engine_load_drains(GwEngine *engine, GError **error)
{
    GwDrainQuery query = {.running_only = TRUE};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_drains(engine->store, &query, &rows, error))
        return FALSE;
    while (rows->len) {
        g_autoptr(GwDrain) row = g_ptr_array_steal_index(rows, rows->len - 1);
        g_mutex_lock(&engine->lock);
        gboolean known = g_hash_table_contains(engine->drains, &row->id);
        g_mutex_unlock(&engine->lock);
        if (known)
            continue;
        g_autoptr(GPtrArray) moves = NULL;
        if (!gw_store_drain_moves(engine->store, row->id, &moves, error))
            return FALSE;
        GHashTable *table = gw_drain_moves_new();
        while (moves->len) {
            GwDrainMove *move = g_ptr_array_steal_index(moves, moves->len - 1);
            g_hash_table_insert(table, move->instance_uuid, move);
        }
        gw_info("drain %" G_GINT64_FORMAT " of %s found running", row->id, row->hosts);
        GwDrainRun *run = gw_drain_run_new(engine, g_steal_pointer(&row), table);
        g_mutex_lock(&engine->lock);
        run->token = gw_peers_drains_token(engine);
        g_hash_table_replace(engine->drains, &run->id, run);
        g_mutex_unlock(&engine->lock);
    }
    return TRUE;
}

void gw_drains_drop(GwEngine *engine)
{
    g_autoptr(GPtrArray) dropped = g_ptr_array_new_with_free_func(gw_drain_run_release);
    GHashTableIter iter;
    gpointer value;
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->drains);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        ((GwDrainRun *)value)->ended = TRUE;
        g_ptr_array_add(dropped, run_ref(value));
        g_hash_table_iter_remove(&iter);
    }
    g_mutex_unlock(&engine->lock);
}
