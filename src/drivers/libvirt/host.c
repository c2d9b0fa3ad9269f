#include "drivers/libvirt/internal.h"

#include <libxml/parser.h>
#include <libxml/uri.h>

/* Connections kept open between operations, so that a move does not wait for a handshake. */
enum { MAX_IDLE = 4 };

GwHost *gw_virt_host_new(const char *name, const char *uri, const GwDriverSettings *settings, GError **error)
{
    xmlURI *parsed = xmlParseURI(uri);
    gboolean valid = parsed && parsed->scheme && parsed->path;
    xmlFreeURI(parsed);
    if (!valid) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                    "\"%s\" is not a libvirt address of %s; write it as qemu+tls://%s/system", uri, name, name);
        return NULL;
    }
    GwHost *host = g_new0(GwHost, 1);
    g_atomic_ref_count_init(&host->refs);
    host->name = g_strdup(name);
    host->uri = g_strdup(uri);
    host->call_timeout_ms = settings->call_timeout_ms;
    g_mutex_init(&host->lock);
    g_mutex_init(&host->pool_lock);
    g_mutex_init(&host->event_lock);
    g_queue_init(&host->idle);
    host->capacities = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    host->stuck = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    host->arriving = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_cond_init(&host->arrived);
    host->pool_uses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    host->completed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    host->instances_path = g_strdup(settings->instances_path);
    host->console_listen = g_strdup(settings->console_listen);
    host->virt_type = g_strdup(settings->virt_type);
    return host;
}

GwHost *gw_virt_host_ref(GwHost *host)
{
    g_atomic_ref_count_inc(&host->refs);
    return host;
}

void gw_virt_host_unref(GwHost *host)
{
    if (!g_atomic_ref_count_dec(&host->refs))
        return;
    gw_virt_caps_free(host->caps);
    g_hash_table_unref(host->capacities);
    g_hash_table_unref(host->stuck);
    g_hash_table_unref(host->completed);
    g_hash_table_unref(host->pool_uses);
    g_hash_table_unref(host->arriving);
    g_cond_clear(&host->arrived);
    g_free(host->instances_path);
    g_free(host->console_listen);
    g_free(host->virt_type);
    g_mutex_clear(&host->lock);
    g_mutex_clear(&host->pool_lock);
    g_mutex_clear(&host->event_lock);
    g_free(host->name);
    g_free(host->uri);
    g_free(host);
}

static virConnectPtr pop_idle(GwHost *host)
{
    g_mutex_lock(&host->lock);
    virConnectPtr conn = g_queue_pop_head(&host->idle);
    g_mutex_unlock(&host->lock);
    return conn;
}

void gw_virt_host_close(GwHost *host)
{
    gw_virt_events_detach(host);
    g_mutex_lock(&host->lock);
    host->closed = TRUE;
    g_mutex_unlock(&host->lock);
    for (virConnectPtr conn = pop_idle(host); conn; conn = pop_idle(host))
        virConnectClose(conn);
    gw_virt_host_unref(host);
}

virConnectPtr gw_virt_lend(GwHost *host, GError **error)
{
    virConnectPtr conn;
    while ((conn = pop_idle(host)) && virConnectIsAlive(conn) != 1)
        virConnectClose(conn);
    if (!conn)
        conn = gw_virt_connect(host, host->call_timeout_ms, error);
    if (conn)
        gw_virt_events_attach(host);
    return conn;
}

void gw_virt_give_back(GwHost *host, virConnectPtr conn)
{
    if (!conn)
        return;
    gboolean alive = virConnectIsAlive(conn) == 1;
    g_mutex_lock(&host->lock);
    gboolean keep = alive && !host->closed && g_queue_get_length(&host->idle) < MAX_IDLE;
    if (keep)
        g_queue_push_head(&host->idle, conn);
    g_mutex_unlock(&host->lock);
    if (!keep)
        virConnectClose(conn);
}
