/* Nodes: open hosts, and what every call to one meets: it is checked, timed and logged, and what it tells about the
 * host's reachability is remembered. */
#include "drivers/node.h"

#include "base/error.h"
#include "base/guard.h"
#include "base/log.h"

#include <string.h>

enum {
    SLOW_MS = 2000, /* a short call that takes longer is worth a line in the log */
    FIRST_RETRY_MS = 2000, /* after a host was found unreachable; doubles each time, up to */
    LONGEST_RETRIES = 8, /* times that */
};

/* ---- life */

GwNode *gw_node_open(const GwDriver *driver, const char *host_name, const char *uri, const GwDriverSettings *settings,
                     GError **error)
{
    GwHost *host = driver->open(host_name, uri, settings, error);
    if (!host)
        return NULL;
    GwNode *node = g_new0(GwNode, 1);
    g_atomic_ref_count_init(&node->refs);
    g_mutex_init(&node->lock);
    node->driver = driver;
    node->host = host;
    node->name = g_strdup(host_name);
    node->uri = g_strdup(uri);
    node->first_retry_ms = settings && settings->retry_ms ? settings->retry_ms : FIRST_RETRY_MS;
    return node;
}

GwNode *gw_node_ref(GwNode *node)
{
    g_atomic_ref_count_inc(&node->refs);
    return node;
}

void gw_node_unref(GwNode *node)
{
    if (!g_atomic_ref_count_dec(&node->refs))
        return;
    if (g_atomic_int_get(&node->calls)) /* whoever calls must hold a reference */
        g_critical("host %s is closed with calls under way", node->name);
    node->driver->close(node->host);
    g_mutex_clear(&node->lock);
    g_free(node->failure);
    g_free(node->name);
    g_free(node->uri);
    g_free(node);
}

const char *gw_node_name(const GwNode *node)
{
    return node->name;
}

const char *gw_node_uri(const GwNode *node)
{
    return node->uri;
}

const GwDriver *gw_node_driver(const GwNode *node)
{
    return node->driver;
}

/* ---- reachability */

/* FALSE: the host did not answer a moment ago. When the pause is over one caller goes through and the others still fail
 * at once, so that a dead host costs its timeout once. */
static gboolean may_try(GwNode *node, GError **error)
{
    gint64 now = g_get_monotonic_time();
    g_mutex_lock(&node->lock);
    gint64 age_us = now - node->tried_us; /* tried_us 0: it has been heard of since */
    gboolean ok = !node->failure || age_us >= (gint64)node->retry_ms * 1000;
    if (ok)
        node->tried_us = now;
    else
        g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE, "%s (last tried %u s ago)", node->failure,
                    (guint)(age_us / G_USEC_PER_SEC));
    g_mutex_unlock(&node->lock);
    return ok;
}

static void note_unreachable(GwNode *node, const char *why)
{
    g_mutex_lock(&node->lock);
    node->retry_ms = node->failure ? MIN(node->retry_ms * 2, node->first_retry_ms * LONGEST_RETRIES) : node->first_retry_ms;
    node->tried_us = g_get_monotonic_time();
    g_free(node->failure);
    node->failure = g_strdup(why);
    g_mutex_unlock(&node->lock);
}

static void note_reachable(GwNode *node)
{
    g_mutex_lock(&node->lock);
    g_clear_pointer(&node->failure, g_free);
    g_mutex_unlock(&node->lock);
}

char *gw_node_silence(GwNode *node)
{
    g_mutex_lock(&node->lock);
    char *why = g_strdup(node->failure);
    g_mutex_unlock(&node->lock);
    return why;
}

gboolean gw_node_try_anew(GwNode *node)
{
    g_mutex_lock(&node->lock);
    gint64 age_us = g_get_monotonic_time() - node->tried_us;
    gboolean ok = !node->failure || age_us >= (gint64)node->first_retry_ms * 1000;
    if (ok)
        node->tried_us = 0;
    g_mutex_unlock(&node->lock);
    return ok;
}

void gw_node_heard(void *data, const char *host_name, const char *uuid)
{
    GwNode *node = data;
    g_mutex_lock(&node->lock);
    node->tried_us = 0;
    GwHostEvent event = node->event;
    void *event_data = node->event_data;
    g_mutex_unlock(&node->lock);
    event(event_data, host_name, uuid);
}

/* ---- one call */

static gboolean is_in_order(const GwNodeCall *call, GError **error)
{
    g_assert(call->node);
    if (call->uuid && !gw_uuid_is_valid(call->uuid)) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "'%s' is not the UUID of an instance", call->uuid);
        return FALSE;
    }
    if (call->peer && call->peer->driver != call->node->driver) {
        g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED,
                    "%s is a %s host and %s a %s host: instances move between hosts of one kind only", call->node->name,
                    call->node->driver->name, call->peer->name, call->peer->driver->name);
        return FALSE;
    }
    if (call->peer == call->node) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "%s is both source and destination: name another host",
                    call->node->name);
        return FALSE;
    }
    return TRUE;
}

gboolean gw_node_call_begin(GwNodeCall *call, GError **error)
{
    if (!gw_guard_allows(error) || !is_in_order(call, error) || !may_try(call->node, error) || (call->peer && !may_try(call->peer, error)))
        return FALSE;
    g_atomic_int_inc(&call->node->calls);
    call->begun_us = g_get_monotonic_time();
    return TRUE;
}

static void write_log(const GwNodeCall *call, guint64 took_ms, gint calls, const GError *failure)
{
    gboolean slow = call->length == GW_NODE_SHORT && took_ms >= SLOW_MS;
    GwLogLevel level = slow || (failure && failure->code != GW_ERROR_NOT_FOUND) ? GW_LOG_INFO : GW_LOG_DEBUG;
    gw_log(level, "host %s%s%s: %s%s%s %s in %" G_GUINT64_FORMAT " ms (%d other calls under way)%s%s", call->node->name,
           call->peer ? " to " : "", call->peer ? call->peer->name : "", call->function, call->uuid ? " of " : "",
           call->uuid ? call->uuid : "", failure ? "failed" : "done", took_ms, calls, failure ? ": " : "",
           failure ? failure->message : "");
}

/* A call that concerns two hosts does not tell which of them is silent: the next call to one of them does. */
static void note(const GwNodeCall *call, const GError *failure)
{
    gboolean silent = g_error_matches(failure, GW_ERROR, GW_ERROR_UNREACHABLE);
    if (silent && !call->peer)
        note_unreachable(call->node, failure->message);
    if (silent || g_error_matches(failure, GW_ERROR, GW_ERROR_LOST))
        return;
    note_reachable(call->node);
    if (call->peer)
        note_reachable(call->peer);
}

/* failure is taken. */
gboolean gw_node_call_end(const GwNodeCall *call, gboolean ok, GError *failure, GError **error)
{
    gint calls = g_atomic_int_add(&call->node->calls, -1) - 1;
    if (!ok && !failure)
        failure = g_error_new(GW_ERROR, GW_ERROR_INTERNAL, "%s: %s failed without a reason", call->node->name,
                              call->function);
    write_log(call, (guint64)(g_get_monotonic_time() - call->begun_us) / 1000, calls, failure);
    note(call, failure);
    if (failure)
        g_propagate_error(error, failure);
    return ok;
}
