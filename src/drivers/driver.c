/* The wrappers around a driver's functions: the one place where hosts are called. Each call is checked, timed and
 * logged, and what it tells about the host's reachability is remembered. */
#include "drivers/driver.h"

#include "base/error.h"
#include "base/log.h"

#include <string.h>

enum {
    SLOW_MS = 2000, /* a short call that takes longer is worth a line in the log */
    FIRST_RETRY_MS = 2000, /* after a host was found unreachable; doubles each time */
    LONGEST_RETRY_MS = 15000,
};

struct GwNode {
    gatomicrefcount refs;
    const GwDriver *driver;
    GwHost *host;
    char *name, *uri;
    gint calls; /* under way; atomic */
    GMutex lock; /* of the fields below */
    char *failure; /* why it is unreachable, or NULL when it is not known to be */
    gint64 tried_us; /* when that was last found out, or is being found out */
    guint retry_ms;
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
    gint64 age_us = now - node->tried_us;
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
    node->retry_ms = node->failure ? MIN(node->retry_ms * 2, LONGEST_RETRY_MS) : FIRST_RETRY_MS;
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

/* ---- one call */

typedef enum { SHORT, LONG } Length; /* LONG: lasts as long as a copy or a guest's shutdown */

typedef struct {
    const char *function;
    GwNode *node, *peer; /* peer: the destination of a call that concerns two hosts, or NULL */
    const char *uuid; /* or NULL */
    Length length;
    gint64 begun_us;
} Call;

static gboolean is_in_order(const Call *call, GError **error)
{
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

static gboolean begin(Call *call, GError **error)
{
    if (!is_in_order(call, error) || !may_try(call->node, error) || (call->peer && !may_try(call->peer, error)))
        return FALSE;
    g_atomic_int_inc(&call->node->calls);
    call->begun_us = g_get_monotonic_time();
    return TRUE;
}

static void write_log(const Call *call, guint64 took_ms, gint calls, const GError *failure)
{
    gboolean slow = call->length == SHORT && took_ms >= SLOW_MS;
    GwLogLevel level = slow || (failure && failure->code != GW_ERROR_NOT_FOUND) ? GW_LOG_INFO : GW_LOG_DEBUG;
    gw_log(level, "host %s%s%s: %s%s%s %s in %" G_GUINT64_FORMAT " ms (%d other calls under way)%s%s", call->node->name,
           call->peer ? " to " : "", call->peer ? call->peer->name : "", call->function, call->uuid ? " of " : "",
           call->uuid ? call->uuid : "", failure ? "failed" : "done", took_ms, calls, failure ? ": " : "",
           failure ? failure->message : "");
}

/* A call that concerns two hosts does not tell which of them is silent: the next call to one of them does. */
static void note(const Call *call, const GError *failure)
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
static gboolean end(const Call *call, gboolean ok, GError *failure, GError **error)
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

/* ---- the calls */

gboolean gw_node_watch(GwNode *node, GwHostEvent event, void *data, GError **error)
{
    if (!node->driver->watch)
        return TRUE; /* polling only */
    Call call = {"watch", node};
    GError *failure = NULL;
    if (!begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->watch(node->host, event, data, &failure);
    return end(&call, ok, failure, error);
}

GwHostFacts *gw_node_facts(GwNode *node, GError **error)
{
    Call call = {"facts", node};
    GError *failure = NULL;
    if (!begin(&call, error))
        return NULL;
    GwHostFacts *facts = node->driver->facts(node->host, &failure);
    end(&call, facts != NULL, failure, error);
    return facts;
}

gboolean gw_node_instances(GwNode *node, GPtrArray **ret_instances, GError **error)
{
    Call call = {"instances", node};
    GError *failure = NULL;
    if (!begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->instances(node->host, ret_instances, &failure);
    return end(&call, ok, failure, error);
}

GwInstance *gw_node_describe(GwNode *node, const char *uuid, GError **error)
{
    Call call = {"describe", node, .uuid = uuid};
    GError *failure = NULL;
    if (!begin(&call, error))
        return NULL;
    GwInstance *instance = node->driver->describe(node->host, uuid, &failure);
    end(&call, instance != NULL, failure, error);
    return instance;
}

gboolean gw_node_sight(GwNode *node, const char *uuid, GwSight *ret_sight, GError **error)
{
    Call call = {"sight", node, .uuid = uuid};
    GError *failure = NULL;
    if (!begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->sight(node->host, uuid, ret_sight, &failure);
    return end(&call, ok, failure, error);
}

gboolean gw_node_examine(GwNode *source, GwNode *dest, const char *uuid, GwMoveFacts **ret_facts, GError **error)
{
    Call call = {"examine", source, dest, uuid};
    GError *failure = NULL;
    if (!begin(&call, error))
        return FALSE;
    gboolean ok = source->driver->examine(source->host, dest->host, uuid, ret_facts, &failure);
    return end(&call, ok, failure, error);
}

gboolean gw_node_prepare(GwNode *source, GwNode *dest, const GwPlan *plan, GError **error)
{
    Call call = {"prepare", source, dest, plan->uuid};
    GError *failure = NULL;
    if (!begin(&call, error))
        return FALSE;
    gboolean ok = source->driver->prepare(source->host, dest->host, plan, &failure);
    return end(&call, ok, failure, error);
}

gboolean gw_node_migrate(GwNode *source, GwNode *dest, const GwPlan *plan, GError **error)
{
    Call call = {"migrate", source, dest, plan->uuid, LONG};
    GError *failure = NULL;
    if (!begin(&call, error))
        return FALSE;
    gboolean ok = source->driver->migrate(source->host, dest->host, plan, &failure);
    return end(&call, ok, failure, error);
}

gboolean gw_node_abort(GwNode *source, const char *uuid, GError **error)
{
    Call call = {"abort", source, .uuid = uuid};
    GError *failure = NULL;
    if (!begin(&call, error))
        return FALSE;
    gboolean ok = source->driver->abort(source->host, uuid, &failure);
    return end(&call, ok, failure, error);
}

gboolean gw_node_force_complete(GwNode *source, const char *uuid, GwForceHow how, GError **error)
{
    Call call = {"force_complete", source, .uuid = uuid};
    GError *failure = NULL;
    if (!begin(&call, error))
        return FALSE;
    gboolean ok = source->driver->force_complete(source->host, uuid, how, &failure);
    return end(&call, ok, failure, error);
}

gboolean gw_node_set_bandwidth(GwNode *source, const char *uuid, guint64 mibps, GError **error)
{
    if (!source->driver->set_bandwidth) {
        g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s hosts cannot change the bandwidth of a copy under way",
                    source->driver->name);
        return FALSE;
    }
    Call call = {"set_bandwidth", source, .uuid = uuid};
    GError *failure = NULL;
    if (!begin(&call, error))
        return FALSE;
    gboolean ok = source->driver->set_bandwidth(source->host, uuid, mibps, &failure);
    return end(&call, ok, failure, error);
}

gboolean gw_node_stop(GwNode *node, const char *uuid, GwStopHow how, guint timeout_ms, GError **error)
{
    Call call = {"stop", node, .uuid = uuid, .length = LONG};
    GError *failure = NULL;
    if (!begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->stop(node->host, uuid, how, timeout_ms, &failure);
    return end(&call, ok, failure, error);
}

gboolean gw_node_start(GwNode *node, const char *uuid, GwStartHow how, GError **error)
{
    Call call = {"start", node, .uuid = uuid};
    GError *failure = NULL;
    if (!begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->start(node->host, uuid, how, &failure);
    return end(&call, ok, failure, error);
}

gboolean gw_node_resume(GwNode *node, const char *uuid, GError **error)
{
    Call call = {"resume", node, .uuid = uuid};
    GError *failure = NULL;
    if (!begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->resume(node->host, uuid, &failure);
    return end(&call, ok, failure, error);
}

gboolean gw_node_adopt(GwNode *dest, const GwPlan *plan, GError **error)
{
    Call call = {"adopt", dest, .uuid = plan->uuid};
    GError *failure = NULL;
    if (!begin(&call, error))
        return FALSE;
    gboolean ok = dest->driver->adopt(dest->host, plan, &failure);
    return end(&call, ok, failure, error);
}

gboolean gw_node_settle(GwNode *dest, const GwPlan *plan, GError **error)
{
    Call call = {"settle", dest, .uuid = plan->uuid};
    GError *failure = NULL;
    if (!begin(&call, error))
        return FALSE;
    gboolean ok = dest->driver->settle(dest->host, plan, &failure);
    return end(&call, ok, failure, error);
}

gboolean gw_node_forget(GwNode *node, const GwPlan *plan, GwSide side, GError **error)
{
    Call call = {"forget", node, .uuid = plan->uuid};
    GError *failure = NULL;
    if (!begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->forget(node->host, plan, side, &failure);
    return end(&call, ok, failure, error);
}

/* ---- choosing */

/* "qemu+tls://HostB/system" has the scheme "qemu". */
static gboolean serves(const GwDriver *driver, const char *uri)
{
    size_t length = strcspn(uri, "+:");
    for (guint i = 0; driver->schemes[i]; i++)
        if (strlen(driver->schemes[i]) == length && g_ascii_strncasecmp(driver->schemes[i], uri, length) == 0)
            return strstr(uri + length, "://") != NULL;
    return FALSE;
}

const GwDriver *gw_driver_for_uri(const GwDriver *const *drivers, const char *uri, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);
    for (guint i = 0; drivers[i]; i++) {
        if (serves(drivers[i], uri))
            return drivers[i];
        for (guint j = 0; drivers[i]->schemes[j]; j++)
            g_string_append_printf(known, "%s%s", known->len ? ", " : "", drivers[i]->schemes[j]);
    }
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                "'%s' is the address of no known kind of host: it must begin with one of %s", uri, known->str);
    return NULL;
}
