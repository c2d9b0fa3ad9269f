/* Starting, stopping, resuming. */
#include "drivers/sim/internal.h"

/* ---- stop */

/* The plug is pulled: a copy of which it is an end fails, and what it was copied from runs on. */
void gw_sim_pull_plug(GwSimHost *host, const char *uuid)
{
    GwSimDomain *domain = gw_sim_host_domain(host, uuid);
    if (domain && domain->copy)
        gw_sim_copy_fail(domain->copy, GW_ERROR_FAILED, "the guest was stopped in the middle of the copy");
    domain = gw_sim_host_domain(host, uuid); /* an incoming one goes with its copy */
    if (domain && gw_sim_domain_is_active(domain))
        gw_sim_domain_vanish(domain);
}

/* What the guest takes to shut down, no longer than it is given. */
static guint patience_ms(const GwSimDomain *domain, GwStopHow how, guint timeout_ms)
{
    gboolean asks = how == GW_STOP_GRACEFUL && gw_sim_domain_runs(domain) && !domain->host->world->manual;
    return asks ? MIN(domain->shutdown_ms, timeout_ms) : 0;
}

gboolean gw_sim_stop(GwHost *host, const char *uuid, GwStopHow how, guint timeout_ms, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "stop", host, NULL, error))
        return FALSE;
    const GwSimDomain *domain = gw_sim_host_domain(host->host, uuid);
    double us = domain ? patience_ms(domain, how, timeout_ms) * 1000 / host->world->speed : 0;
    if (us > 0) {
        gw_sim_world_unlock(host->world);
        g_usleep((gulong)us);
        gw_sim_world_lock(host->world);
    }
    gw_sim_pull_plug(host->host, uuid);
    return gw_sim_call_end(&call, TRUE, error);
}

/* ---- start, resume */

gboolean gw_sim_start_domain(GwSimDomain *domain, GwStartHow how, GError **error)
{
    const GwSimHost *host = domain->host;
    if (gw_sim_domain_is_active(domain))
        return TRUE;
    if (host->memory_used_mib + domain->value->memory_mib > host->memory_mib) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "%s has not enough memory for %s", host->name,
                    domain->value->name);
        return FALSE;
    }
    if (!gw_sim_files_present(domain, error))
        return FALSE;
    gw_sim_domain_set(domain, how == GW_START_PAUSED ? GW_SEEN_PAUSED : GW_SEEN_RUNNING);
    return TRUE;
}

static gboolean start(GwSimHost *host, const char *uuid, GwStartHow how, GError **error)
{
    GwSimDomain *domain = gw_sim_host_require(host, uuid, error);
    return domain && gw_sim_start_domain(domain, how, error);
}

gboolean gw_sim_start(GwHost *host, const char *uuid, GwStartHow how, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "start", host, NULL, error))
        return FALSE;
    return gw_sim_call_end(&call, start(host->host, uuid, how, error), error);
}

static gboolean pause_guest(GwSimHost *host, const char *uuid, GError **error)
{
    GwSimDomain *domain = gw_sim_host_require(host, uuid, error);
    if (!domain)
        return FALSE;
    if (domain->seen == GW_SEEN_PAUSED)
        return TRUE;
    if (domain->seen != GW_SEEN_RUNNING) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s on %s does not run (%s)", domain->value->name, host->name,
                    gw_seen_name(domain->seen));
        return FALSE;
    }
    gw_sim_domain_set(domain, GW_SEEN_PAUSED);
    gw_sim_copies_rerate(host->world);
    return TRUE;
}

gboolean gw_sim_pause(GwHost *host, const char *uuid, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "pause", host, NULL, error))
        return FALSE;
    return gw_sim_call_end(&call, pause_guest(host->host, uuid, error), error);
}

static gboolean resume(GwSimHost *host, const char *uuid, GError **error)
{
    GwSimDomain *domain = gw_sim_host_require(host, uuid, error);
    if (!domain)
        return FALSE;
    if (gw_sim_domain_runs(domain))
        return TRUE;
    gboolean waits = domain->seen == GW_SEEN_PAUSED || (domain->seen == GW_SEEN_PAUSED_MIGRATING && !domain->copy);
    if (!waits) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s on %s is not paused (%s)", domain->value->name, host->name,
                    gw_seen_name(domain->seen));
        return FALSE;
    }
    if (domain->copy)
        domain->copy->halted_us = 0;
    gw_sim_domain_set(domain, GW_SEEN_RUNNING);
    gw_sim_copies_rerate(host->world);
    return TRUE;
}

gboolean gw_sim_resume(GwHost *host, const char *uuid, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "resume", host, NULL, error))
        return FALSE;
    return gw_sim_call_end(&call, resume(host->host, uuid, error), error);
}
