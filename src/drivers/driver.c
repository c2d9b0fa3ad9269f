/* The wrappers around a driver's functions: the one place where hosts are called. */
#include "base/error.h"
#include "drivers/node.h"

#include <string.h>

gboolean gw_node_watch(GwNode *node, GwHostEvent event, void *data, GError **error)
{
    if (!node->driver->watch)
        return TRUE; /* polling only */
    GwNodeCall call = {"watch", node};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    g_mutex_lock(&node->lock);
    node->event = event;
    node->event_data = data;
    g_mutex_unlock(&node->lock);
    gboolean ok = node->driver->watch(node->host, gw_node_heard, node, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

GwHostFacts *gw_node_facts(GwNode *node, GError **error)
{
    GwNodeCall call = {"facts", node};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return NULL;
    GwHostFacts *facts = node->driver->facts(node->host, &failure);
    gw_node_call_end(&call, facts != NULL, failure, error);
    return facts;
}

gboolean gw_node_instances(GwNode *node, GPtrArray **ret_instances, GError **error)
{
    GwNodeCall call = {"instances", node};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->instances(node->host, ret_instances, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

GwInstance *gw_node_describe(GwNode *node, const char *uuid, GError **error)
{
    GwNodeCall call = {"describe", node, .uuid = uuid};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return NULL;
    GwInstance *instance = node->driver->describe(node->host, uuid, &failure);
    gw_node_call_end(&call, instance != NULL, failure, error);
    return instance;
}

gboolean gw_node_sight(GwNode *node, const char *uuid, GwSight *ret_sight, GError **error)
{
    GwNodeCall call = {"sight", node, .uuid = uuid};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->sight(node->host, uuid, ret_sight, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_examine(GwNode *source, GwNode *dest, const char *uuid, GwMoveFacts **ret_facts, GError **error)
{
    GwNodeCall call = {"examine", source, dest, uuid};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = source->driver->examine(source->host, dest->host, uuid, ret_facts, &failure);
    if (!gw_node_call_end(&call, ok, failure, error))
        return FALSE;
    if ((*ret_facts)->uuid_taken == GW_FACT_YES) {
        (*ret_facts)->look_at_taken = gw_node_command(dest, uuid, GW_BY_HAND_LOOK);
        (*ret_facts)->undefine_taken = gw_node_command(dest, uuid, GW_BY_HAND_UNDEFINE);
    }
    return TRUE;
}

gboolean gw_node_measure(GwNode *node, const char *uuid, GwLoadHow how, GwLoad *ret_load, GError **error)
{
    if (!node->driver->measure) {
        g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s hosts do not say what their guests write", node->driver->name);
        return FALSE;
    }
    GwNodeCall call = {"measure", node, .uuid = uuid, .length = GW_NODE_LONG};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->measure(node->host, uuid, how, ret_load, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

char *gw_node_silent_master(GwNode *node)
{
    return node->driver->silent_master ? node->driver->silent_master(node->host) : NULL;
}

gboolean gw_node_can_evacuate(const GwNode *node)
{
    return node->driver->definition && node->driver->examine_evacuation;
}

static gboolean check_evacuates(const GwNode *node, GError **error)
{
    if (!gw_node_can_evacuate(node))
        g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s hosts cannot be evacuated", node->driver->name);
    return gw_node_can_evacuate(node);
}

char *gw_node_definition(GwNode *node, const char *uuid, GError **error)
{
    GwNodeCall call = {"definition", node, .uuid = uuid};
    GError *failure = NULL;
    if (!check_evacuates(node, error) || !gw_node_call_begin(&call, error))
        return NULL;
    char *text = node->driver->definition(node->host, uuid, &failure);
    gw_node_call_end(&call, text != NULL, failure, error);
    return text;
}

gboolean gw_node_examine_evacuation(GwNode *dest, GwInstance *instance, const char *definition, GwMoveFacts **ret_facts,
                                    GError **error)
{
    GwNodeCall call = {"examine_evacuation", dest, .uuid = instance->uuid};
    GError *failure = NULL;
    if (!check_evacuates(dest, error) || !gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = dest->driver->examine_evacuation(dest->host, instance, definition, ret_facts, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_prepare(GwNode *source, GwNode *dest, const GwPlan *plan, GError **error)
{
    GwNodeCall call = {"prepare", source, dest, plan->uuid};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = source->driver->prepare(source->host, dest->host, plan, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_migrate(GwNode *source, GwNode *dest, const GwPlan *plan, GError **error)
{
    GwNodeCall call = {"migrate", source, dest, plan->uuid, GW_NODE_LONG};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = source->driver->migrate(source->host, dest->host, plan, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_recover(GwNode *source, GwNode *dest, const GwPlan *plan, GError **error)
{
    if (!source->driver->recover) {
        g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s hosts have no post-copy that could be resumed", source->driver->name);
        return FALSE;
    }
    GwNodeCall call = {"recover", source, dest, plan->uuid, GW_NODE_LONG};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = source->driver->recover(source->host, dest->host, plan, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_abort(GwNode *source, const char *uuid, gboolean quiesce, GError **error)
{
    GwNodeCall call = {"abort", source, .uuid = uuid};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = source->driver->abort(source->host, uuid, quiesce, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_can_force(const GwNode *source, GError **error)
{
    if (source->driver->force_complete)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s has no way to force a migration to its end: wait, or abort it",
                source->driver->hypervisor_type);
    return FALSE;
}

gboolean gw_node_force_complete(GwNode *source, const char *uuid, GwForceHow how, GError **error)
{
    if (!gw_node_can_force(source, error))
        return FALSE;
    GwNodeCall call = {"force_complete", source, .uuid = uuid};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = source->driver->force_complete(source->host, uuid, how, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_set_pause(GwNode *source, const char *uuid, guint ms, GError **error)
{
    if (!source->driver->set_pause) {
        g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s hosts choose the pause of a copy themselves",
                    source->driver->name);
        return FALSE;
    }
    GwNodeCall call = {"set_pause", source, .uuid = uuid};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = source->driver->set_pause(source->host, uuid, ms, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_set_bandwidth(GwNode *source, const char *uuid, guint64 mibps, GError **error)
{
    if (!source->driver->set_bandwidth) {
        g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s hosts cannot change the bandwidth of a copy under way",
                    source->driver->name);
        return FALSE;
    }
    GwNodeCall call = {"set_bandwidth", source, .uuid = uuid};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = source->driver->set_bandwidth(source->host, uuid, mibps, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_stop(GwNode *node, const char *uuid, GwStopHow how, guint timeout_ms, GError **error)
{
    GwNodeCall call = {"stop", node, .uuid = uuid, .length = GW_NODE_LONG};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->stop(node->host, uuid, how, timeout_ms, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_start(GwNode *node, const char *uuid, GwStartHow how, GError **error)
{
    GwNodeCall call = {"start", node, .uuid = uuid};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->start(node->host, uuid, how, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_resume(GwNode *node, const char *uuid, GError **error)
{
    GwNodeCall call = {"resume", node, .uuid = uuid};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->resume(node->host, uuid, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_pause(GwNode *node, const char *uuid, GError **error)
{
    GwNodeCall call = {"pause", node, .uuid = uuid};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->pause(node->host, uuid, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_adopt(GwNode *dest, const GwPlan *plan, GError **error)
{
    GwNodeCall call = {"adopt", dest, .uuid = plan->uuid};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = dest->driver->adopt(dest->host, plan, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_settle(GwNode *dest, const GwPlan *plan, GError **error)
{
    GwNodeCall call = {"settle", dest, .uuid = plan->uuid};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = dest->driver->settle(dest->host, plan, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_forget(GwNode *node, const GwPlan *plan, GwSide side, GError **error)
{
    GwNodeCall call = {"forget", node, .uuid = plan->uuid};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->forget(node->host, plan, side, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_can_search(const GwNode *node)
{
    return node->driver->remains != NULL;
}

gboolean gw_node_remains(GwNode *node, GwNode *home, const GwPlan *plan, GwSide side, GPtrArray **ret_left, GError **error)
{
    GwNodeCall call = {"remains", node, home, plan->uuid};
    GError *failure = NULL;
    if (!gw_node_can_search(node)) {
        g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s hosts are not searched for leftovers", node->driver->name);
        return FALSE;
    }
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->remains(node->host, home->host, plan, side, ret_left, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

/* ---- examining hosts themselves */

static GwHostAudit *audit_of_facts(GwHost *host, const GwDriver *driver, GError **error)
{
    GwHostFacts *facts = driver->facts(host, error);
    if (!facts)
        return NULL;
    GwHostAudit *audit = gw_host_audit_new();
    audit->facts = facts;
    audit->facts_only = TRUE;
    return audit;
}

GwHostAudit *gw_node_audit(GwNode *node, GError **error)
{
    GwNodeCall call = {"audit", node};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return NULL;
    GwHostAudit *audit = node->driver->audit ? node->driver->audit(node->host, &failure)
                                             : audit_of_facts(node->host, node->driver, &failure);
    gw_node_call_end(&call, audit != NULL, failure, error);
    return audit;
}

static gboolean is_supported(const GwNode *node, gboolean has, const char *what, GError **error)
{
    if (!has)
        g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s hosts cannot %s", node->driver->name, what);
    return has;
}

GwPairAudit *gw_node_probe(GwNode *source, GwNode *dest, const GwPlan *plan, GError **error)
{
    GwNodeCall call = {"probe", source, dest, plan->uuid, GW_NODE_LONG};
    GError *failure = NULL;
    if (!is_supported(source, source->driver->probe != NULL, "be probed", error) || !gw_node_call_begin(&call, error))
        return NULL;
    GwPairAudit *audit = source->driver->probe(source->host, dest->host, plan, &failure);
    gw_node_call_end(&call, audit != NULL, failure, error);
    return audit;
}

gboolean gw_node_measure_link(GwNode *source, GwNode *dest, const GwPlan *plan, GwLinkRate *ret_rate, GError **error)
{
    GwNodeCall call = {"measure_link", source, dest, plan->uuid, GW_NODE_LONG};
    GError *failure = NULL;
    if (!is_supported(source, source->driver->measure_link != NULL, "measure what the way between them carries", error) ||
        !gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = source->driver->measure_link(source->host, dest->host, plan, ret_rate, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

char *gw_node_baseline(GwNode *node, const char *const *cpus, GError **error)
{
    GwNodeCall call = {"baseline", node};
    GError *failure = NULL;
    if (!is_supported(node, node->driver->baseline != NULL, "compare CPU models", error) || !gw_node_call_begin(&call, error))
        return NULL;
    char *text = node->driver->baseline(node->host, cpus, &failure);
    gw_node_call_end(&call, text != NULL, failure, error);
    return text;
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

char *gw_driver_secret_name(const GwDriver *driver, const char *uri)
{
    return driver->secret_name ? driver->secret_name(uri) : NULL;
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

/* ---- servers */

gboolean gw_node_can_create(const GwNode *node)
{
    return node->driver->create && node->driver->remove;
}

static gboolean is_offered(const GwNode *node, const char *what, GError **error)
{
    if (gw_node_can_create(node))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s is not offered by the %s driver, which %s is reached by", what,
                node->driver->name, node->name);
    return FALSE;
}

gboolean gw_node_create(GwNode *node, const GwServer *server, GError **error)
{
    GwNodeCall call = {"create", node, .uuid = server->uuid, .length = GW_NODE_LONG};
    GError *failure = NULL;
    if (!is_offered(node, "creating a server", error) || !gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->create(node->host, server, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_remove(GwNode *node, const GwServer *server, GError **error)
{
    GwNodeCall call = {"remove", node, .uuid = server->uuid};
    GError *failure = NULL;
    if (!is_offered(node, "deleting a server", error) || !gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->remove(node->host, server, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}
