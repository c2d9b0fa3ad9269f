/* What may be asked of a copy under way, on another connection than the one that carries it. */
#include "drivers/libvirt/internal.h"

gboolean gw_virt_abort(GwVirtCall *call, GError **error)
{
    g_autoptr(virDomain) domain = gw_virt_domain(call->host, call->conn, call->uuid, error);
    if (!domain)
        return FALSE;
    /* A refusal matters little: a guest that is not running writes nothing. libvirt lets it run on after the abort, as after gw_virt_force. */
    if (call->how && virDomainSuspend(domain) != 0)
        g_debug("%s was not paused before its migration is aborted: %s", call->uuid, virGetLastErrorMessage());
    if (virDomainAbortJob(domain) == 0 || gw_virt_last_is(VIR_ERR_OPERATION_INVALID)) /* no job: it has just ended */
        return TRUE;
    return gw_virt_fail(call->host, GW_VIRT_ACT, error, "aborting the migration of %s", call->uuid);
}

gboolean gw_virt_set_pause(GwVirtCall *call, GError **error)
{
    g_autoptr(virDomain) domain = gw_virt_domain(call->host, call->conn, call->uuid, error);
    if (!domain)
        return FALSE;
    if (virDomainMigrateSetMaxDowntime(domain, (unsigned long long)call->how, 0) == 0 ||
        gw_virt_last_is(VIR_ERR_OPERATION_INVALID)) /* it has just ended */
        return TRUE;
    return gw_virt_fail(call->host, GW_VIRT_ACT, error, "setting the longest pause of %s", call->uuid);
}

gboolean gw_virt_set_bandwidth(GwVirtCall *call, GError **error)
{
    enum { NO_LIMIT = 32767 }; /* MiB/s: 0 would be QEMU's own limit, and libvirt takes no more than fits into bytes a second */
    g_autoptr(virDomain) domain = gw_virt_domain(call->host, call->conn, call->uuid, error);
    if (!domain)
        return FALSE;
    if (virDomainMigrateSetMaxSpeed(domain, call->how ? (unsigned long)call->how : NO_LIMIT, 0) == 0 ||
        gw_virt_last_is(VIR_ERR_OPERATION_INVALID)) /* it has just ended */
        return TRUE;
    return gw_virt_fail(call->host, GW_VIRT_ACT, error, "limiting the migration of %s", call->uuid);
}

/* A guest that is paused dirties nothing more, so the copy ends. libvirt itself lets it run on at the destination, or at the source if
 * the copy fails: it goes by what the guest was when the copy began. */
gboolean gw_virt_force(GwVirtCall *call, GError **error)
{
    g_autoptr(virDomain) domain = gw_virt_domain(call->host, call->conn, call->uuid, error);
    if (!domain)
        return FALSE;
    int done = call->how == GW_FORCE_POSTCOPY ? virDomainMigrateStartPostCopy(domain, 0) : virDomainSuspend(domain);
    return done == 0 || gw_virt_fail(call->host, GW_VIRT_ACT, error, "making the migration of %s end", call->uuid);
}
