/* When full, what has been there longest goes: what is in use comes back with its next request. Each entry that comes pays for those that
 * go; to begin anew instead would free tens of thousands with everybody waiting. */
#include "api/cache.h"

#include <string.h>

enum { ENTRY_OVERHEAD = 200 }; /* of the table, the key's header and the bytes' header, roughly */

typedef struct {
    GList link; /* in `queue`; its data is the entry */
    char *key;  /* owned */
    guint64 serial;
    GBytes *text;
    gsize cost;
} Entry;

struct GwCache {
    GMutex lock;
    GHashTable *entries; /* key → Entry * */
    GQueue queue;        /* of the same, the oldest first */
    gsize bytes, max_bytes;
};

static void entry_free(gpointer data)
{
    Entry *entry = data;
    g_bytes_unref(entry->text);
    g_free(entry->key);
    g_free(entry);
}

GwCache *gw_cache_new(gsize max_bytes)
{
    GwCache *cache = g_new0(GwCache, 1);
    g_mutex_init(&cache->lock);
    cache->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
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

/* [locked] */
static void drop(GwCache *cache, Entry *entry)
{
    cache->bytes -= entry->cost;
    g_queue_unlink(&cache->queue, &entry->link);
    g_hash_table_remove(cache->entries, entry->key);
}

void gw_cache_put(GwCache *cache, const char *key, guint64 serial, GBytes *text)
{
    Entry *entry = g_new0(Entry, 1);
    *entry = (Entry){.key = g_strdup(key), .serial = serial, .text = g_bytes_ref(text), .cost = g_bytes_get_size(text) + strlen(key) + ENTRY_OVERHEAD};
    entry->link.data = entry;
    if (entry->cost > cache->max_bytes) {
        entry_free(entry);
        return;
    }
    g_mutex_lock(&cache->lock);
    Entry *old = g_hash_table_lookup(cache->entries, key);
    if (old)
        drop(cache, old);
    while (cache->bytes + entry->cost > cache->max_bytes)
        drop(cache, g_queue_peek_head(&cache->queue));
    cache->bytes += entry->cost;
    g_queue_push_tail_link(&cache->queue, &entry->link);
    g_hash_table_insert(cache->entries, entry->key, entry);
    g_mutex_unlock(&cache->lock);
}
