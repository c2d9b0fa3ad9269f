/* The wrappers around what a driver offers of pools. Whether a host answers while it joins or leaves is no news: only the pool's silence is
 * remembered. */
#include "base/error.h"
#include "core/checks.h"
#include "drivers/node.h"

void gw_pool_about_clear(GwPoolAbout *about)
{
    g_clear_pointer(&about->uuid, g_free);
    g_clear_pointer(&about->pool_uuid, g_free);
    g_clear_pointer(&about->master, g_free);
}

GwPoolLosses *gw_pool_losses_new(void)
{
    GwPoolLosses *losses = g_new0(GwPoolLosses, 1);
    losses->findings = gw_findings_new();
    losses->lines = g_ptr_array_new_with_free_func(g_free);
    losses->things = g_ptr_array_new_with_free_func(g_free);
    return losses;
}

void gw_pool_losses_free(GwPoolLosses *losses)
{
    g_ptr_array_unref(losses->findings);
    g_ptr_array_unref(losses->lines);
    g_ptr_array_unref(losses->things);
    g_free(losses);
}

gboolean gw_node_can_pool(const GwNode *node)
{
    return node->driver->pools != NULL;
}

/* other: NULL, or the second host that it concerns. */
static const GwPoolOps *ops_of(const GwNode *node, const GwNode *other, GError **error)
{
    if (!node->driver->pools)
        g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s is a %s host, and those form no pools: only XenServer's do", node->name,
                    node->driver->name);
    else if (other && other->driver != node->driver)
        g_set_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED, "%s is a %s host and %s a %s host: a pool has hosts of one kind", node->name,
                    node->driver->name, other->name, other->driver->name);
    else
        return node->driver->pools;
    return NULL;
}

/* asked: the second host, where it is asked, too; its silence is then not taken for the first one's. */
#define CALL(function, caller, other, asked, invocation)                                                               \
    const GwPoolOps *ops = ops_of(caller, other, error);                                                               \
    GwNodeCall call_under_way = {function, caller, asked};                                                             \
    GError *failure = NULL;                                                                                            \
    if (!ops || !gw_node_call_begin(&call_under_way, error))                                                           \
        return FALSE;                                                                                                  \
    gboolean ok = ops->invocation;                                                                                     \
    return gw_node_call_end(&call_under_way, ok, failure, error)

gboolean gw_node_pool_about(GwNode *node, GwPoolAbout *ret_about, GError **error)
{
    CALL("pool about", node, NULL, NULL, about(node->host, ret_about, &failure));
}

gboolean gw_node_pool_set_name(GwNode *master, const char *name, GError **error)
{
    CALL("pool name", master, NULL, NULL, set_name(master->host, name, &failure));
}

gboolean gw_node_pool_qualify(GwNode *master, GwNode *node, GwJoinHow how, GPtrArray *findings, GError **error)
{
    CALL("pool qualify", master, node, node, qualify(master->host, node->host, how, findings, &failure));
}

gboolean gw_node_pool_losses(GwNode *master, const char *uuid, GwPoolLosses *losses, GError **error)
{
    CALL("pool losses", master, NULL, NULL, losses(master->host, uuid, losses, &failure));
}

gboolean gw_node_pool_look(GwNode *master, GwNode *node, const GwPoolCall *call, GwPoolSight *ret_sight, char **ret_words, GError **error)
{
    CALL("pool look", master, node, NULL, look(master->host, node->host, call, ret_sight, ret_words, &failure));
}

gboolean gw_node_pool_join(GwNode *master, GwNode *node, const GwPoolCall *call, GError **error)
{
    CALL("pool join", master, node, node, join(master->host, node->host, call, &failure));
}

gboolean gw_node_pool_eject(GwNode *master, const GwPoolCall *call, GError **error)
{
    CALL("pool eject", master, NULL, NULL, eject(master->host, call, &failure));
}

static gboolean ask_address(GwNode *master, GwHost *const *hosts, guint count, const char *uuid, char **ret_uri, GError **error)
{
    CALL("pool address", master, NULL, NULL, address(master->host, hosts, count, uuid, ret_uri, &failure));
}

gboolean gw_node_pool_address(GwNode *master, GwNode *const *members, guint count, const char *uuid, char **ret_uri, GError **error)
{
    g_autofree GwHost **hosts = g_new0(GwHost *, count + 1);
    for (guint i = 0; i < count; i++)
        hosts[i] = members[i]->host;
    return ask_address(master, hosts, count, uuid, ret_uri, error);
}

gboolean gw_node_pool_own_address(GwNode *master, GwNode *node, const char *uuid, char **ret_uri, GError **error)
{
    CALL("pool own address", master, node, NULL, own_address(master->host, node->host, uuid, ret_uri, &failure));
}
