/* The wrappers of what a driver may leave out about one guest. */
#include "drivers/node.h"

#include "base/error.h"

gboolean gw_node_moves_paused(const GwNode *node)
{
    return !node->driver->paused_stay;
}

gboolean gw_node_can_suspend(const GwNode *node)
{
    return node->driver->suspend != NULL;
}

static gboolean cannot(const GwNode *node, const char *what, GError **error)
{
    g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s hosts have no way to %s an instance", node->driver->name, what);
    return FALSE;
}

gboolean gw_node_can_reshape(const GwNode *node)
{
    return node->driver->reshape != NULL;
}

gboolean gw_node_reshape(GwNode *dest, const GwPlan *plan, GError **error)
{
    if (!plan->new_vcpus)
        return TRUE;
    if (!dest->driver->reshape)
        return cannot(dest, "resize", error);
    GwNodeCall call = {"reshape", dest, .uuid = plan->uuid};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = dest->driver->reshape(dest->host, plan, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_suspend(GwNode *node, const char *uuid, GError **error)
{
    if (!node->driver->suspend)
        return cannot(node, "suspend", error);
    GwNodeCall call = {"suspend", node, .uuid = uuid, .length = GW_NODE_LONG};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->suspend(node->host, uuid, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

gboolean gw_node_wake(GwNode *node, const char *uuid, GError **error)
{
    if (!node->driver->wake)
        return cannot(node, "resume", error);
    GwNodeCall call = {"wake", node, .uuid = uuid, .length = GW_NODE_LONG};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return FALSE;
    gboolean ok = node->driver->wake(node->host, uuid, &failure);
    return gw_node_call_end(&call, ok, failure, error);
}

GwDiagnostics *gw_node_diagnostics(GwNode *node, const char *uuid, GError **error)
{
    if (!node->driver->diagnostics) {
        cannot(node, "count what is done by", error);
        return NULL;
    }
    GwNodeCall call = {"diagnostics", node, .uuid = uuid};
    GError *failure = NULL;
    if (!gw_node_call_begin(&call, error))
        return NULL;
    GwDiagnostics *found = node->driver->diagnostics(node->host, uuid, &failure);
    if (gw_node_call_end(&call, found != NULL, failure, error))
        return found;
    gw_diagnostics_free(found);
    return NULL;
}

char *gw_node_command(GwNode *node, const char *uuid, GwByHand act)
{
    static const char *const words[] = {[GW_BY_HAND_LOOK] = "look at", [GW_BY_HAND_STOP] = "stop", [GW_BY_HAND_UNDEFINE] = "undefine"};
    GwNodeCall call = {"command", node, .uuid = uuid};
    char *text = NULL;
    if (node->driver->command && gw_node_call_begin(&call, NULL)) {
        text = node->driver->command(node->host, uuid, act);
        gw_node_call_end(&call, TRUE, NULL, NULL);
    }
    return text ? text : g_strdup_printf("%s %s on %s", words[act], uuid, node->name);
}
