/* Rendered text, each entry valid for one serial of the engine. Thread-safe and bounded. */
#ifndef GW_API_CACHE_H
#define GW_API_CACHE_H

#include <glib.h>

typedef struct GwCache GwCache;

GwCache *gw_cache_new(gsize max_bytes);
void gw_cache_free(GwCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwCache, gw_cache_free)
GBytes *gw_cache_find(GwCache *cache, const char *key, guint64 serial); /* a reference, or NULL */
void gw_cache_put(GwCache *cache, const char *key, guint64 serial, GBytes *text);

#endif
