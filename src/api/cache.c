/* When full it begins anew: a list that changes makes all of its entries stale at once anyway, and what is in use comes
 * back with its next request. */
#include "api/cache.h"

#include <string.h>

enum { ENTRY_OVERHEAD = 160 }; /* of the table, the key's header and the bytes' header, roughly */

typedef struct {
    guint64 serial;
    GBytes *text;
    gsize cost;
} Entry;

struct GwCache {
    GMutex lock;
    GHashTable *entries;
    gsize bytes, max_bytes;
};

static void entry_free(gpointer data)
{
    Entry *entry = data;
    g_bytes_unref(entry->text);
    g_free(entry);
}

GwCache *gw_cache_new(gsize max_bytes)
{
    GwCache *cache = g_new0(GwCache, 1);
    g_mutex_init(&cache->lock);
    cache->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    cache->max_bytes = max_bytes;
    return cache;
}

void gw_cache_free(GwCache *cache)
{
    g_hash_table_unref(cache->entries);
    g_mutex_clear(&cache->lock);
    g_free(cache);
}

GBytes *gw_cache_find(GwCache *cache, const char *key, guint64 serial)
{
    g_mutex_lock(&cache->lock);
    const Entry *entry = g_hash_table_lookup(cache->entries, key);
    GBytes *text = entry && entry->serial == serial ? g_bytes_ref(entry->text) : NULL;
    g_mutex_unlock(&cache->lock);
    return text;
}

void gw_cache_put(GwCache *cache, const char *key, guint64 serial, GBytes *text)
{
    Entry *entry = g_new0(Entry, 1);
    *entry = (Entry){serial, g_bytes_ref(text), g_bytes_get_size(text) + strlen(key) + ENTRY_OVERHEAD};
    if (entry->cost > cache->max_bytes) {
        entry_free(entry);
        return;
    }
    g_mutex_lock(&cache->lock);
    const Entry *old = g_hash_table_lookup(cache->entries, key);
    cache->bytes -= old ? old->cost : 0;
    if (old)
        g_hash_table_remove(cache->entries, key);
    if (cache->bytes + entry->cost > cache->max_bytes) {
        g_hash_table_remove_all(cache->entries);
        cache->bytes = 0;
    }
    cache->bytes += entry->cost;
    g_hash_table_insert(cache->entries, g_strdup(key), entry);
    g_mutex_unlock(&cache->lock);
}
