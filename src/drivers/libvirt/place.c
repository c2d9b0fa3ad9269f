/* The definition on the destination. */
#include "drivers/libvirt/internal.h"

gboolean gw_virt_adopt(GwVirtCall *call, GError **error)
{
    if (!gw_virt_start_pools(NULL, NULL, call->host, call->conn, call->plan, error))
        return FALSE;
    g_autofree char *xml = gw_virt_definition_inactive(call->plan, error);
    g_autoptr(virDomain) domain = xml ? virDomainDefineXML(call->conn, xml) : NULL;
    if (xml && !domain)
        return gw_virt_fail(call->host, GW_VIRT_ACT, error, "defining instance %s", call->plan->name);
    return domain != NULL;
}

static gboolean make_persistent(GwVirtCall *call, GError **error)
{
    g_autofree char *xml = gw_virt_definition_inactive(call->plan, error);
    g_autoptr(virDomain) domain = xml ? virDomainDefineXML(call->conn, xml) : NULL;
    if (xml && !domain)
        return gw_virt_fail(call->host, GW_VIRT_ACT, error, "making instance %s persistent", call->plan->name);
    return domain != NULL;
}

gboolean gw_virt_settle(GwVirtCall *call, GError **error)
{
    const GwPlan *plan = call->plan;
    g_autoptr(virDomain) domain = gw_virt_domain(call->host, call->conn, call->uuid, error);
    if (!domain)
        return FALSE;
    gboolean persistent = virDomainIsPersistent(domain) == 1;
    if (plan->persistent_before && !persistent)
        return make_persistent(call, error);
    if (!plan->persistent_before && persistent && virDomainUndefine(domain) != 0)
        return gw_virt_fail(call->host, GW_VIRT_ACT, error, "making instance %s transient again", plan->name);
    if (plan->persistent_before && plan->autostart_before && virDomainSetAutostart(domain, 1) != 0)
        return gw_virt_fail(call->host, GW_VIRT_ACT, error, "setting autostart of %s", plan->name);
    return TRUE;
}
