/* Rendered answers, each valid for one serial of the engine. Bounded; when full it begins anew, since a list that changes makes all
 * of them stale at once anyway. */
#include "api/request.h"

enum { MAX_ENTRIES = 65536, MAX_BYTES = 64 << 20 };

typedef struct {
    guint64 serial;
    GBytes *text;
} Entry;

struct GwCache {
    GMutex lock;
    GHashTable *entries;
    gsize bytes;
};

static void entry_free(gpointer data)
{
    Entry *entry = data;
    g_bytes_unref(entry->text);
    g_free(entry);
}

GwCache *gw_cache_new(void)
{
    GwCache *cache = g_new0(GwCache, 1);
    g_mutex_init(&cache->lock);
    cache->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
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
    entry->serial = serial;
    entry->text = g_bytes_ref(text);
    g_mutex_lock(&cache->lock);
    const Entry *old = g_hash_table_lookup(cache->entries, key);
    cache->bytes -= old ? g_bytes_get_size(old->text) : 0;
    if (g_hash_table_size(cache->entries) >= MAX_ENTRIES || cache->bytes + g_bytes_get_size(text) > MAX_BYTES) {
        g_hash_table_remove_all(cache->entries);
        cache->bytes = 0;
    }
    cache->bytes += g_bytes_get_size(text);
    g_hash_table_replace(cache->entries, g_strdup(key), entry);
    g_mutex_unlock(&cache->lock);
}
