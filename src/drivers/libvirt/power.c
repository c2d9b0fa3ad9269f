/* Starting and stopping. Each is what should be, not what is done: started twice is started. */
#include "drivers/libvirt/internal.h"

enum { LOOK_MS = 100, PRESS_AGAIN_MS = 5000 };

static gboolean is_active(virDomain *domain)
{
    return virDomainIsActive(domain) == 1;
}

/* Presses the power button, again now and then: a guest that still boots does not hear the first one. */
static void ask_to_shut_down(virDomain *domain, guint timeout_ms)
{
    for (guint waited = 0; waited < timeout_ms && is_active(domain); waited += LOOK_MS) {
        if (waited % PRESS_AGAIN_MS == 0)
            virDomainShutdown(domain);
        g_usleep(LOOK_MS * 1000);
    }
}

gboolean gw_virt_stop(GwVirtCall *call, GError **error)
{
    int state = 0;
    g_autoptr(virDomain) domain = virDomainLookupByUUIDString(call->conn, call->uuid);
    if (!domain)
        return gw_virt_last_is(VIR_ERR_NO_DOMAIN) ||
               gw_virt_fail(call->host, GW_VIRT_ASK, error, "looking for instance %s", call->uuid);
    if (call->how == GW_STOP_GRACEFUL && virDomainGetState(domain, &state, NULL, 0) == 0 && state == VIR_DOMAIN_RUNNING)
        ask_to_shut_down(domain, call->timeout_ms);
    if (!is_active(domain) || virDomainDestroy(domain) == 0 || !is_active(domain))
        return TRUE;
    return gw_virt_fail(call->host, GW_VIRT_ACT, error, "stopping instance %s", call->uuid);
}

gboolean gw_virt_start(GwVirtCall *call, GError **error)
{
    unsigned flags = call->how == GW_START_PAUSED ? VIR_DOMAIN_START_PAUSED : 0;
    g_autoptr(virDomain) domain = gw_virt_domain(call->host, call->conn, call->uuid, error);
    if (!domain)
        return FALSE;
    if (is_active(domain) || virDomainCreateWithFlags(domain, flags) == 0)
        return TRUE;
    return gw_virt_fail(call->host, GW_VIRT_ACT, error, "starting instance %s", call->uuid);
}

gboolean gw_virt_pause(GwVirtCall *call, GError **error)
{
    int state = 0;
    g_autoptr(virDomain) domain = gw_virt_domain(call->host, call->conn, call->uuid, error);
    if (!domain)
        return FALSE;
    if ((virDomainGetState(domain, &state, NULL, 0) == 0 && state == VIR_DOMAIN_PAUSED) || virDomainSuspend(domain) == 0)
        return TRUE;
    return gw_virt_fail(call->host, GW_VIRT_ACT, error, "pausing instance %s", call->uuid);
}

gboolean gw_virt_resume(GwVirtCall *call, GError **error)
{
    int state = 0;
    g_autoptr(virDomain) domain = gw_virt_domain(call->host, call->conn, call->uuid, error);
    if (!domain)
        return FALSE;
    if ((virDomainGetState(domain, &state, NULL, 0) == 0 && state == VIR_DOMAIN_RUNNING) || virDomainResume(domain) == 0)
        return TRUE;
    return gw_virt_fail(call->host, GW_VIRT_ACT, error, "resuming instance %s", call->uuid);
}
