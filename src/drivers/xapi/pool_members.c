/* Members that come and go: which pool a host is in is its own to say. */
#include "base/guard.h"
#include "drivers/xapi/pool.h"

#include <string.h>

enum { LOGOUT_MS = 1000 };

json_t *gw_xapi_call_at(GwXapiPool *pool, const char *to, const char *session, const char *method, json_t *params, GError **error)
{
    g_autoptr(json_t) all = params;
    if (!gw_guard_allows(error))
        return NULL;
    json_array_insert_new(all, 0, json_string(session));
    return gw_xapi_send(pool, to, method, all, pool->timeout_ms, error);
}

json_t *gw_xapi_call_in(GwXapiPool *pool, guint number, const char *method, json_t *params, guint timeout_ms, GError **error)
{
    g_autoptr(json_t) all = params;
    g_autofree char *master = NULL;
    g_mutex_lock(&pool->lock);
    gboolean same = pool->session && pool->generation == number;
    if (same) {
        json_array_insert_new(all, 0, json_string(pool->session));
        master = g_strdup(pool->master);
    }
    g_mutex_unlock(&pool->lock);
    if (!same) {
        g_set_error(error, GW_ERROR, GW_ERROR_LOST, "the session is another one");
        return NULL;
    }
    return gw_guard_allows(error) ? gw_xapi_send(pool, master, method, all, timeout_ms, error) : NULL;
}

void gw_xapi_pool_reconsider(GwXapiPool *pool)
{
    g_autofree char *session = NULL, *at = NULL;
    g_mutex_lock(&pool->lock);
    if (strcmp(pool->master, pool->address.master) != 0) {
        at = g_steal_pointer(&pool->master);
        session = g_steal_pointer(&pool->session);
        pool->master = g_strdup(pool->address.master);
    }
    g_mutex_unlock(&pool->lock);
    if (session) { /* its end also wakes who waits there for events */
        g_autoptr(json_t) params = json_pack("[s]", session);
        json_decref(gw_xapi_send(pool, at, "session.logout", params, LOGOUT_MS, NULL));
    }
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
