/* Suspending to the host's disk (libvirt's managed save), and back. Each is what should be, not what is done. */
#include "drivers/libvirt/internal.h"

#include "base/error.h"

static int state_of(virDomain *domain)
{
    int state = VIR_DOMAIN_NOSTATE;
    return virDomainGetState(domain, &state, NULL, 0) == 0 ? state : VIR_DOMAIN_NOSTATE;
}

static gboolean has_image(virDomain *domain)
{
    return virDomainHasManagedSaveImage(domain, 0) == 1;
}

gboolean gw_virt_suspend(GwVirtCall *call, GError **error)
{
    g_autoptr(virDomain) domain = gw_virt_domain(call->host, call->conn, call->uuid, error);
    if (!domain)
        return FALSE;
    if ((virDomainIsActive(domain) == 0 && has_image(domain)) || virDomainManagedSave(domain, 0) == 0)
        return TRUE;
    return gw_virt_fail(call->host, GW_VIRT_ACT, error, "suspending instance %s", call->uuid);
}

/* A guest that has put itself to sleep (S3) is still there, and only woken. */
gboolean gw_virt_wake(GwVirtCall *call, GError **error)
{
    g_autoptr(virDomain) domain = gw_virt_domain(call->host, call->conn, call->uuid, error);
    if (!domain)
        return FALSE;
    gboolean sleeps = state_of(domain) == VIR_DOMAIN_PMSUSPENDED;
    if (!sleeps && virDomainIsActive(domain) == 1)
        return TRUE;
    if (!sleeps && !has_image(domain)) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s has no saved memory of instance %s any more: start it", call->host->name,
                    call->uuid);
        return FALSE;
    }
    if (sleeps ? virDomainPMWakeup(domain, 0) == 0 : virDomainCreate(domain) == 0)
        return TRUE;
    return gw_virt_fail(call->host, GW_VIRT_ACT, error, "resuming instance %s", call->uuid);
}
