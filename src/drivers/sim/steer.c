/* Beginning a copy and waiting for its end, and what is asked of one under way. */
#include "drivers/sim/internal.h"

#include "core/flags.h"

/* The source is silent: the connection breaks once it has been so for as long as the caller's patience. */
static gboolean connection_breaks(GwHost *source, GwSimCopy *copy)
{
    if (copy->caller_gone)
        return TRUE;
    if (source->host->state != GW_SIM_HANGS) {
        g_cond_wait(&copy->changed, &source->world->lock);
        return FALSE;
    }
    gint64 deadline = g_get_monotonic_time() + (gint64)source->timeout_ms * 1000;
    return !g_cond_wait_until(&copy->changed, &source->world->lock, deadline) && source->host->state == GW_SIM_HANGS;
}

/* Takes the reference. */
static gboolean wait_for_end(GwHost *source, GwSimCopy *copy, GError **error)
{
    gboolean lost = copy->caller_gone;
    while (!copy->ended && !lost)
        lost = connection_breaks(source, copy);
    gboolean ok = copy->ended && !lost && !copy->error;
    if (lost)
        g_set_error(error, GW_ERROR, GW_ERROR_LOST, "%s: the connection was lost while %s was moved", source->name,
                    copy->plan->name);
    else if (copy->error)
        g_propagate_error(error, g_error_copy(copy->error));
    gw_sim_copy_unref(copy);
    return ok;
}

typedef GwSimCopy *(*Begin)(GwSimHost *source, GwSimHost *dest, const GwPlan *plan, GError **error);

static gboolean carry_out(const char *function, Begin begin, GwHost *source, GwHost *dest, const GwPlan *plan, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, function, source, dest, error))
        return FALSE;
    GwSimCopy *copy = begin(source->host, dest->host, plan, error);
    if (!copy)
        return gw_sim_call_end(&call, FALSE, error);
    gw_sim_copy_ref(copy);
    if (call.early) {
        gw_sim_copy_unref(copy);
        return gw_sim_call_end(&call, TRUE, error);
    }
    return gw_sim_call_end(&call, wait_for_end(source, copy, error), error);
}

gboolean gw_sim_migrate(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error)
{
    return carry_out("migrate", gw_sim_copy_begin, source, dest, plan, error);
}

gboolean gw_sim_recover(GwHost *source, GwHost *dest, const GwPlan *plan, GError **error)
{
    return carry_out("recover", gw_sim_copy_resume, source, dest, plan, error);
}

/* What is asked has its end in `migrate` and `sight`; a copy that has ended, or cannot be ended any more, is no error.
 */
static gboolean abort_copy(GwSimHost *source, const char *uuid, gboolean quiesce, GError **error)
{
    GwSimDomain *domain = gw_sim_host_domain(source, uuid);
    GwSimCopy *copy = domain ? domain->copy : NULL;
    if (!copy || copy->phase == GW_SIM_SWITCHOVER)
        return TRUE;
    if (copy->phase == GW_SIM_POSTCOPY) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s runs on %s already (post-copy): it cannot be brought back",
                    domain->value->name, copy->dest->name);
        return FALSE;
    }
    if (!quiesce && (copy->plan->flags & GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES) && gw_sim_domain_runs(domain))
        gw_sim_violation(source->world, "%s writes while the copy that its writes wait for is aborted", domain->value->name);
    gw_sim_copy_fail(copy, GW_ERROR_ABORTED, "the copy was aborted");
    return TRUE;
}

gboolean gw_sim_abort(GwHost *source, const char *uuid, gboolean quiesce, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "abort", source, NULL, error))
        return FALSE;
    return gw_sim_call_end(&call, abort_copy(source->host, uuid, quiesce, error), error);
}

static GwSimCopy *copy_of(GwSimHost *source, const char *uuid, GError **error)
{
    const GwSimDomain *domain = gw_sim_host_domain(source, uuid);
    if (domain && domain->copy)
        return domain->copy;
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s copies no instance %s", source->name, uuid);
    return NULL;
}

gboolean gw_sim_force_complete(GwHost *source, const char *uuid, GwForceHow how, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "force_complete", source, NULL, error))
        return FALSE;
    GwSimCopy *copy = copy_of(source->host, uuid, error);
    return gw_sim_call_end(&call, copy && gw_sim_copy_force(copy, how, error), error);
}

gboolean gw_sim_set_pause(GwHost *source, const char *uuid, guint ms, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "set_pause", source, NULL, error))
        return FALSE;
    GwSimCopy *copy = copy_of(source->host, uuid, error);
    if (copy)
        copy->pause_s = ms / 1000.0;
    return gw_sim_call_end(&call, copy != NULL, error);
}

gboolean gw_sim_set_bandwidth(GwHost *source, const char *uuid, guint64 mibps, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "set_bandwidth", source, NULL, error))
        return FALSE;
    GwSimCopy *copy = copy_of(source->host, uuid, error);
    if (copy) {
        copy->cap_bps = (double)mibps * GW_SIM_MIB;
        gw_sim_copies_rerate(source->world);
    }
    return gw_sim_call_end(&call, copy != NULL, error);
}

/* Known at once: nobody need wait for a sample in a simulated world. */
gboolean gw_sim_measure(GwHost *host, const char *uuid, GwLoadHow how, GwLoad *ret_load, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ASK, "measure", host, NULL, error))
        return FALSE;
    GwSimDomain *domain = gw_sim_host_require(host->host, uuid, error);
    if (domain) {
        double memory = (double)domain->value->memory_mib * GW_SIM_MIB, bps = gw_sim_domain_runs(domain) ? domain->dirty_bps : 0;
        *ret_load = (GwLoad){.memory_bytes = (guint64)memory,
                             .short_bytes = (guint64)MIN(memory, bps * GW_LOAD_SHORT_MS / 1000),
                             .long_bytes = (guint64)MIN(memory, bps * GW_LOAD_LONG_MS / 1000),
                             .device_bytes = (guint64)GW_SIM_DEVICE_BYTES,
                             .disk_write_bps = gw_sim_domain_runs(domain) ? (guint64)domain->disk_write_bps : 0,
                             .how = how,
                             .pass_end = GW_PASS_WHOLE};
    }
    return gw_sim_call_end(&call, domain != NULL, error);
}
