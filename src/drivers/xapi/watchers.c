/* What goes on in a pool beside calls: what was read last, turns of storage migrations, and who listens to its events. */
#include "drivers/xapi/pool.h"

#include <string.h>

enum {
    TURNS = 3, /* storage migrations that XAPI lets leave a host at once */
    TURN_POLL_MS = 200,
};

void gw_xapi_pool_has_read(GwXapiPool *pool)
{
    __atomic_store_n(&pool->read_us, g_get_monotonic_time(), __ATOMIC_RELEASE);
}

gint64 gw_xapi_pool_last_read(GwXapiPool *pool)
{
    return __atomic_load_n(&pool->read_us, __ATOMIC_ACQUIRE);
}

char *gw_xapi_pool_master(GwXapiPool *pool)
{
    g_mutex_lock(&pool->lock);
    char *master = g_strdup(pool->master);
    g_mutex_unlock(&pool->lock);
    return master;
}

char *gw_xapi_pool_uuid(GwXapiPool *pool)
{
    g_mutex_lock(&pool->lock);
    char *uuid = g_strdup(pool->uuid ? pool->uuid : "");
    g_mutex_unlock(&pool->lock);
    return uuid;
}

guint gw_xapi_pool_session_number(GwXapiPool *pool)
{
    g_mutex_lock(&pool->lock);
    guint number = pool->generation;
    g_mutex_unlock(&pool->lock);
    return number;
}

gboolean gw_xapi_turn_take(GwXapiPool *pool, const char *host_uuid, const gint *stopped)
{
    g_mutex_lock(&pool->lock);
    while (GPOINTER_TO_UINT(g_hash_table_lookup(pool->turns, host_uuid)) >= TURNS && !g_atomic_int_get(stopped) &&
           !g_atomic_int_get(&pool->stopping))
        g_cond_wait_until(&pool->turn, &pool->lock, g_get_monotonic_time() + TURN_POLL_MS * 1000);
    guint taken = GPOINTER_TO_UINT(g_hash_table_lookup(pool->turns, host_uuid));
    gboolean ok = taken < TURNS && !g_atomic_int_get(stopped);
    if (ok)
        g_hash_table_replace(pool->turns, g_strdup(host_uuid), GUINT_TO_POINTER(taken + 1));
    g_mutex_unlock(&pool->lock);
    return ok;
}

void gw_xapi_turn_give(GwXapiPool *pool, const char *host_uuid)
{
    g_mutex_lock(&pool->lock);
    guint taken = GPOINTER_TO_UINT(g_hash_table_lookup(pool->turns, host_uuid));
    g_hash_table_replace(pool->turns, g_strdup(host_uuid), GUINT_TO_POINTER(taken - 1));
    g_cond_broadcast(&pool->turn);
    g_mutex_unlock(&pool->lock);
}

/* ---- who listens */

void gw_xapi_pool_watch(GwXapiPool *pool, GwHost *host)
{
    g_mutex_lock(&pool->lock);
    gboolean late = pool->events != NULL;
    if (!g_ptr_array_find(pool->watchers, host, NULL))
        g_ptr_array_add(pool->watchers, host);
    if (!late)
        pool->events = g_thread_new("xapi-events", gw_xapi_events_thread, pool);
    if (late) /* what came since its records were read was told to nobody */
        host->event(host->event_data, host->name, NULL);
    g_mutex_unlock(&pool->lock);
}

void gw_xapi_pool_unwatch(GwXapiPool *pool, GwHost *host)
{
    g_mutex_lock(&pool->lock); /* an event under way holds it: none comes later */
    g_ptr_array_remove(pool->watchers, host);
    g_mutex_unlock(&pool->lock);
}

void gw_xapi_pool_tell(GwXapiPool *pool, const char *host_uuids, const char *vm_uuid)
{
    g_mutex_lock(&pool->lock);
    for (guint i = 0; i < pool->watchers->len; i++) {
        GwHost *host = pool->watchers->pdata[i];
        g_mutex_lock(&host->lock);
        gboolean meant = !host_uuids || !host->uuid || strstr(host_uuids, host->uuid);
        g_mutex_unlock(&host->lock);
        if (meant)
            host->event(host->event_data, host->name, vm_uuid);
    }
    g_mutex_unlock(&pool->lock);
}
