/* The copy itself: one blocking call of libvirt on a connection of its own. With PEER2PEER the source's libvirtd carries it out, and
 * it goes on without us. */
#include "drivers/libvirt/internal.h"

#include <string.h>

#include "core/flags.h"
#include "core/transfer.h"

#define X(NAME, bit) _Static_assert((guint64)GW_FLAG_##NAME == (guint64)VIR_MIGRATE_##NAME, "flags are libvirt's");
GW_MIGRATE_FLAGS(X)
#undef X

typedef struct {
    virTypedParameter *params;
    int count, room;
} Params;

static void add_string(Params *p, const char *name, const char *value)
{
    if (value)
        virTypedParamsAddString(&p->params, &p->count, &p->room, name, value);
}

/* How memory travels: several connections, and what packs it. Levels of zlib and zstd stay QEMU's own: the fastest. */
static void add_transfer(Params *p, const GwPlan *plan)
{
    if (plan->connections)
        virTypedParamsAddInt(&p->params, &p->count, &p->room, VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS, (int)plan->connections);
    if (plan->compression != GW_COMPRESSION_NONE)
        add_string(p, VIR_MIGRATE_PARAM_COMPRESSION, gw_compression_name(plan->compression));
    if (plan->compression == GW_COMPRESSION_XBZRLE)
        virTypedParamsAddULLong(&p->params, &p->count, &p->room, VIR_MIGRATE_PARAM_COMPRESSION_XBZRLE_CACHE,
                                gw_transfer_cache_bytes(plan->memory_mib));
}

static gboolean fill(Params *p, const GwPlan *plan, GError **error)
{
    g_autofree char *live = gw_virt_definition_live(plan, error);
    if (!live)
        return FALSE;
    g_autofree char *inactive = plan->persistent_before ? gw_virt_definition_inactive(plan, error) : NULL;
    if (plan->persistent_before && !inactive)
        return FALSE;
    add_string(p, VIR_MIGRATE_PARAM_DEST_XML, live);
    if (plan->flags & GW_FLAG_PERSIST_DEST)
        add_string(p, VIR_MIGRATE_PARAM_PERSIST_XML, inactive);
    add_string(p, VIR_MIGRATE_PARAM_URI, plan->migrate_uri);
    if (plan->bandwidth_mibps)
        virTypedParamsAddULLong(&p->params, &p->count, &p->room, VIR_MIGRATE_PARAM_BANDWIDTH, plan->bandwidth_mibps);
    if (plan->bandwidth_mibps && (plan->flags & GW_FLAG_POSTCOPY)) /* pages that the guest waits for know no limit */
        virTypedParamsAddULLong(&p->params, &p->count, &p->room, VIR_MIGRATE_PARAM_BANDWIDTH_POSTCOPY, plan->bandwidth_mibps);
    add_transfer(p, plan);
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        if (disk->fate == GW_FATE_COPY)
            add_string(p, VIR_MIGRATE_PARAM_MIGRATE_DISKS, disk->target);
    }
    return TRUE;
}

/* A cold move's guest was started, paused, after the plan was made: its live definition is that of now. */
static gboolean fill_cold(Params *p, virDomain *domain, GwPlan *plan, GError **error)
{
    g_autofree char *live = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_MIGRATABLE);
    g_autofree char *inactive = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE);
    g_free(plan->definition);
    plan->definition = gw_virt_definition_pack(live, inactive);
    return fill(p, plan, error);
}

static gboolean run(GwHost *dest, const GwPlan *plan, unsigned more_flags, virDomain *domain, Params *p, GError **error)
{
    unsigned flags = (unsigned)plan->flags | more_flags;
    const char *uri = plan->destination_uri ? plan->destination_uri : dest->uri;
    if (flags & VIR_MIGRATE_PEER2PEER)
        return virDomainMigrateToURI3(domain, uri, p->params, (unsigned)p->count, flags) == 0;
    virConnectPtr dest_conn = gw_virt_lend(dest, error);
    if (!dest_conn)
        return FALSE;
    g_autoptr(virDomain) moved = virDomainMigrate3(domain, dest_conn, p->params, (unsigned)p->count, flags);
    gw_virt_give_back(dest, dest_conn);
    return moved != NULL;
}

/* The source's libvirtd could not reach the destination's: nothing has begun, and it may work in a moment. libvirt gives it no number
 * of its own; the texts are those of virNetSocketNewConnectTCP and qemuMigrationSrcPerformPeer2Peer. */
static gboolean never_began(void)
{
    static const char *const texts[] = {"unable to connect to server at", "connect to remote libvirt URI",
                                        "Cannot resolve", "Unable to resolve address"};
    const virError *found = virGetLastError();
    for (guint i = 0; found && found->message && i < G_N_ELEMENTS(texts); i++)
        if (strstr(found->message, texts[i]))
            return TRUE;
    return FALSE;
}

/* Whether the source still has the guest as it was, so that nothing has moved. The copy has ended, one way or the other. */
static gboolean is_still_there(virDomain *domain)
{
    int state, reason;
    if (virDomainGetState(domain, &state, &reason, 0) != 0)
        return FALSE;
    GwSeen seen = gw_virt_seen(state, reason);
    return seen == GW_SEEN_RUNNING || seen == GW_SEEN_PAUSED;
}

/* libvirt's number says little: that the copy was done but the destination did not answer in the end has the same one as that it
 * never began. What the source has now says more; when it no longer has the guest as it was, both hosts must be asked. */
static void judge(GwHost *source, GwHost *dest, virDomain *domain, const GwPlan *plan, GError **error)
{
    GError *local = NULL;
    gboolean unreached = never_began();
    gw_virt_fail(source, GW_VIRT_ASK, &local, "migrating instance %s to %s", plan->name, dest->name); /* the next call forgets libvirt's error */
    if (!is_still_there(domain))
        local->code = GW_ERROR_LOST;
    else if (unreached)
        local->code = GW_ERROR_UNREACHABLE;
    else if (local->code == GW_ERROR_UNREACHABLE || local->code == GW_ERROR_NOT_FOUND)
        local->code = GW_ERROR_FAILED; /* the source answers; what broke was its link to the destination */
    g_propagate_error(error, local);
}

gboolean gw_virt_migrate(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error)
{
    virConnectPtr conn = gw_virt_lend(source, error);
    if (!conn)
        return FALSE;
    Params p = {0};
    GError *local = NULL;
    GwPlan *copy = gw_plan_copy(plan);
    virDomain *domain = gw_virt_domain(source, conn, plan->uuid, &local);
    gboolean ok = domain && (plan->kind == GW_MOVE_COLD ? fill_cold(&p, domain, copy, &local) : fill(&p, copy, &local));
    if (ok) {
        ok = run(dest, copy, 0, domain, &p, &local);
        if (!ok && !local)
            judge(source, dest, domain, plan, &local);
    }
    if (local)
        g_propagate_error(error, local);
    virTypedParamsFree(p.params, p.count);
    if (domain)
        virDomainFree(domain);
    gw_plan_free(copy);
    gw_virt_give_back(source, conn);
    return ok;
}

/* ---- the rest of a post-copy that was interrupted: the same call once more, with one flag */

/* libvirt resumes only what QEMU itself has stopped (qemuMigrationSrcBeginResume). */
static gboolean still_runs(void)
{
    const virError *found = virGetLastError();
    return found && found->message && strstr(found->message, "migration is still running");
}

static guint64 remaining(virDomain *domain)
{
    GwProgress progress = {0};
    virTypedParameter *params = NULL;
    int count = 0, type;
    if (virDomainGetJobStats(domain, &type, &params, &count, 0) == 0)
        gw_virt_read_progress(params, count, &progress);
    virTypedParamsFree(params, count);
    return progress.memory_remaining;
}

/* *ret_runs: refused, since QEMU still works at it. */
static gboolean resume_once(GwHost *source, GwHost *dest, const GwPlan *plan, virDomain *domain, Params *p, gboolean *ret_runs, GError **error)
{
    GError *local = NULL;
    gboolean ok = run(dest, plan, VIR_MIGRATE_POSTCOPY_RESUME, domain, p, &local);
    *ret_runs = !ok && !local && still_runs();
    if (!ok && !local)
        gw_virt_fail(source, GW_VIRT_ASK, &local, "resuming the post-copy of instance %s to %s", plan->name, dest->name);
    if (local)
        g_propagate_error(error, local);
    return ok;
}

/* A QEMU that goes on without its libvirtd is left alone. One that waits for packets that got lost is given as long as TCP may take to send
 * them again (120 s, TCP_RTO_MAX), since the destination's may hear nobody once the connection is broken, while its devices wait for a
 * page. Then it is told to stop, which loses nothing (VIR_DOMAIN_ABORT_JOB_POSTCOPY). Where the source's has stopped already, the
 * destination's notices meanwhile. */
static gboolean resume(GwHost *source, GwHost *dest, const GwPlan *plan, virDomain *domain, Params *p, GError **error)
{
    enum { WATCH_S = 150, TRY_S = 5 };
    gboolean runs;
    g_autoptr(GError) local = NULL;
    if (resume_once(source, dest, plan, domain, p, &runs, &local))
        return TRUE;
    guint64 before = remaining(domain);
    gboolean moves = FALSE;
    for (guint waited = 0; runs && !moves && waited < WATCH_S; waited += TRY_S) {
        g_usleep(TRY_S * G_USEC_PER_SEC);
        moves = remaining(domain) != before;
        g_clear_error(&local);
        if (resume_once(source, dest, plan, domain, p, &runs, &local))
            return TRUE;
    }
    if (runs && !moves)
        virDomainAbortJobFlags(domain, VIR_DOMAIN_ABORT_JOB_POSTCOPY); /* resumed at the next try */
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}

gboolean gw_virt_recover(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error)
{
    virConnectPtr conn = gw_virt_lend(source, error);
    if (!conn)
        return FALSE;
    Params p = {0};
    GError *local = NULL;
    virDomain *domain = gw_virt_domain(source, conn, plan->uuid, &local);
    gboolean ok = domain && fill(&p, plan, &local) && resume(source, dest, plan, domain, &p, &local);
    if (local)
        g_propagate_error(error, local);
    virTypedParamsFree(p.params, p.count);
    if (domain)
        virDomainFree(domain);
    gw_virt_give_back(source, conn);
    return ok;
}
