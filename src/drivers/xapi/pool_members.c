/* Members that come and go: which pool a host is in is its own to say. */
#include "base/guard.h"
#include "drivers/xapi/pool.h"

#include <string.h>

json_t *gw_xapi_call_at(GwXapiPool *pool, const char *to, const char *session, const char *method, json_t *params, GError **error)
{
    g_autoptr(json_t) all = params;
    if (!gw_guard_allows(error))
        return NULL;
    json_array_insert_new(all, 0, json_string(session));
    return gw_xapi_send(pool, to, method, all, pool->timeout_ms, error);
}

void gw_xapi_pool_reconsider(GwXapiPool *pool)
{
    g_mutex_lock(&pool->lock);
    if (strcmp(pool->master, pool->address.master) != 0) {
        g_free(pool->master);
        pool->master = g_strdup(pool->address.master);
        g_clear_pointer(&pool->session, g_free);
    }
    g_mutex_unlock(&pool->lock);
}

gboolean gw_xapi_pool_has_watchers(GwXapiPool *pool, const json_t *hosts)
{
    g_autoptr(GHashTable) uuids = g_hash_table_new(g_str_hash, g_str_equal);
    gboolean all = pool->watchers->len > 0;
    const char *ref;
    json_t *record;
    json_object_foreach((json_t *)hosts, ref, record)
        g_hash_table_add(uuids, (gpointer)gw_xapi_text(record, "uuid"));
    for (guint i = 0; i < pool->watchers->len; i++) {
        GwHost *host = pool->watchers->pdata[i];
        g_mutex_lock(&host->lock);
        all = all && host->uuid && g_hash_table_contains(uuids, host->uuid);
        g_mutex_unlock(&host->lock);
    }
    return all;
}
