/* Which moves under way leave a host, or go there: kept as they change, so that what concerns one host does not cost a look at all moves. */
#include "engine/transits.h"

static void enter(GwActive *active, GwEnd end, const char *host)
{
    GHashTable *transits = active->engine->transits;
    GPtrArray *moves = host ? g_hash_table_lookup(transits, host) : NULL;
    if (host && !moves) {
        moves = g_ptr_array_new();
        g_hash_table_insert(transits, g_strdup(host), moves);
    }
    active->entered[end] = g_strdup(host);
    if (moves && !g_ptr_array_find(moves, active, NULL))
        g_ptr_array_add(moves, active);
}

GHashTable *gw_transits_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
}

static void leave(GwActive *active, const char *host)
{
    GPtrArray *moves = host ? g_hash_table_lookup(active->engine->transits, host) : NULL;
    if (!moves)
        return;
    g_ptr_array_remove_fast(moves, active);
    if (!moves->len)
        g_hash_table_remove(active->engine->transits, host);
}

void gw_transits_enter(GwActive *active)
{
    const char *dest = gw_active_dest(active);
    if (g_strcmp0(active->entered[GW_END_SOURCE], active->row->source) == 0 && g_strcmp0(active->entered[GW_END_DEST], dest) == 0)
        return;
    gw_transits_leave(active);
    enter(active, GW_END_SOURCE, active->row->source);
    enter(active, GW_END_DEST, dest);
}

void gw_transits_leave(GwActive *active)
{
    for (GwEnd end = GW_END_SOURCE; end <= GW_END_DEST; end++) {
        leave(active, active->entered[end]);
        g_clear_pointer(&active->entered[end], g_free);
    }
}

void gw_transits_follow(GwActive *active)
{
    if (active->entered[GW_END_SOURCE])
        gw_transits_enter(active);
}

const GPtrArray *gw_transits_of(GwEngine *engine, const char *host)
{
    return host ? g_hash_table_lookup(engine->transits, host) : NULL;
}
