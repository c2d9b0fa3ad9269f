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

/* The domain as it is defined now; NULL on failure. */
static virDomain *make_persistent(GwVirtCall *call, GError **error)
{
    g_autofree char *xml = gw_virt_definition_inactive(call->plan, error);
    virDomain *domain = xml ? virDomainDefineXML(call->conn, xml) : NULL;
    if (xml && !domain)
        gw_virt_fail(call->host, GW_VIRT_ACT, error, "making instance %s persistent", call->plan->name);
    return domain;
}

static gboolean make_transient(GwVirtCall *call, virDomain *domain, GError **error)
{
    return virDomainIsPersistent(domain) != 1 || virDomainUndefineFlags(domain, VIR_DOMAIN_UNDEFINE_KEEP_NVRAM) == 0 ||
           gw_virt_fail(call->host, GW_VIRT_ACT, error, "making instance %s transient again", call->plan->name);
}

gboolean gw_virt_settle(GwVirtCall *call, GError **error)
{
    const GwPlan *plan = call->plan;
    g_autoptr(virDomain) domain = gw_virt_domain(call->host, call->conn, call->uuid, error);
    if (!domain)
        return FALSE;
    if (!plan->persistent_before)
        return make_transient(call, domain, error);
    if (virDomainIsPersistent(domain) != 1) {
        g_autoptr(virDomain) defined = make_persistent(call, error);
        if (!defined)
            return FALSE;
    }
    return virDomainSetAutostart(domain, plan->autostart_before) == 0 ||
           gw_virt_fail(call->host, GW_VIRT_ACT, error, "setting autostart of instance %s", plan->name);
}
