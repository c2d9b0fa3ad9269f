/* An instance on one host: what a hypervisor holds of it. Every change of state goes through gw_sim_domain_set, which
 * keeps the host's memory and the files in step and notices what must never happen. */
#include "drivers/sim/internal.h"

#include <string.h>

gboolean gw_sim_domain_is_active(const GwSimDomain *domain)
{
    return domain->seen != GW_SEEN_STOPPED && domain->seen != GW_SEEN_ABSENT;
}

gboolean gw_sim_domain_runs(const GwSimDomain *domain)
{
    return domain->seen == GW_SEEN_RUNNING || (domain->seen == GW_SEEN_POSTCOPY && domain->receives);
}

static GwHalt stall_of(const GwSimDomain *domain)
{
    return (GwHalt)GPOINTER_TO_INT(g_hash_table_lookup(domain->host->world->stalls, domain->value->uuid));
}

/* A destination that receives has memory, but opens no file before it is handed over. */
static gboolean uses_files(const GwSimDomain *domain)
{
    gboolean incoming = domain->copy && domain->copy->to == domain && domain->seen == GW_SEEN_PAUSED_MIGRATING;
    gboolean gave_away =
        (domain->seen == GW_SEEN_POSTCOPY || domain->seen == GW_SEEN_POSTCOPY_FAILED) && !domain->receives;
    return gw_sim_domain_is_active(domain) && !incoming && !gave_away;
}

static GwPower power_of(const GwSimDomain *domain)
{
    switch (domain->seen) {
    case GW_SEEN_UNKNOWN:
    case GW_SEEN_COUNT:
        return GW_POWER_NOSTATE;
    case GW_SEEN_ABSENT:
    case GW_SEEN_STOPPED:
        return domain->suspended ? GW_POWER_SUSPENDED : GW_POWER_SHUTDOWN;
    case GW_SEEN_RUNNING:
        return GW_POWER_RUNNING;
    case GW_SEEN_PAUSED:
    case GW_SEEN_PAUSED_MIGRATING:
        return GW_POWER_PAUSED;
    case GW_SEEN_POSTCOPY:
    case GW_SEEN_POSTCOPY_FAILED:
        return domain->receives ? GW_POWER_RUNNING : GW_POWER_PAUSED;
    }
    return GW_POWER_NOSTATE;
}

static void note_running(GwSimDomain *domain)
{
    GwSimWorld *world = domain->host->world;
    GwSimDomain *other = g_hash_table_lookup(world->running, domain->value->uuid);
    if (gw_sim_domain_runs(domain)) {
        if (other && other != domain)
            gw_sim_violation(world, "%s runs on %s and on %s at once", domain->value->name, other->host->name,
                             domain->host->name);
        g_hash_table_replace(world->running, g_strdup(domain->value->uuid), domain);
    } else if (other == domain) {
        g_hash_table_remove(world->running, domain->value->uuid);
    }
}

static void publish(GwSimDomain *domain, gboolean persistent, gboolean autostart)
{
    GwPower power = power_of(domain);
    const GwInstance *old = domain->value;
    if (old->power == power && old->persistent == persistent && old->autostart == autostart)
        return;
    GwInstance *value = gw_sim_instance_copy(old);
    value->power = power;
    value->persistent = persistent;
    value->autostart = autostart;
    gw_instance_unref(domain->value);
    domain->value = value;
}

void gw_sim_domain_set(GwSimDomain *domain, GwSeen seen)
{
    gboolean was_active = gw_sim_domain_is_active(domain);
    domain->halt = seen == GW_SEEN_RUNNING ? stall_of(domain) : GW_HALT_NONE;
    domain->seen = domain->halt != GW_HALT_NONE ? GW_SEEN_PAUSED : seen;
    domain->suspended = domain->suspended && seen == GW_SEEN_STOPPED;
    gboolean active = gw_sim_domain_is_active(domain);
    if (was_active != active)
        domain->host->memory_used_mib += active ? domain->value->memory_mib : -domain->value->memory_mib;
    publish(domain, domain->value->persistent, domain->value->autostart);
    if (uses_files(domain))
        gw_sim_files_open(domain);
    else
        gw_sim_files_close(domain);
    note_running(domain);
    gw_sim_tell(domain->host, domain->value->uuid);
}

void gw_sim_domain_define(GwSimDomain *domain, gboolean persistent, gboolean autostart)
{
    publish(domain, persistent, autostart && persistent);
    gw_sim_tell(domain->host, domain->value->uuid);
}

void gw_sim_domain_replace(GwSimDomain *domain, GwInstance *value)
{
    gw_instance_unref(domain->value);
    domain->value = gw_instance_ref(value);
    gw_sim_tell(domain->host, domain->value->uuid);
}

GwSimDomain *gw_sim_domain_add(GwSimHost *host, GwInstance *value, GwSeen seen)
{
    GwSimDomain *domain = g_new0(GwSimDomain, 1);
    domain->host = host;
    domain->value = value;
    domain->seen = GW_SEEN_STOPPED;
    domain->open = g_ptr_array_new();
    g_hash_table_insert(host->domains, g_strdup(value->uuid), domain);
    g_hash_table_insert(host->names, g_strdup(value->name), domain);
    if (seen != GW_SEEN_STOPPED)
        gw_sim_domain_set(domain, seen);
    else
        gw_sim_domain_define(domain, value->persistent, value->autostart);
    return domain;
}

void gw_sim_domain_remove(GwSimDomain *domain)
{
    if (gw_sim_domain_is_active(domain))
        gw_sim_domain_set(domain, GW_SEEN_STOPPED);
    GwSimHost *host = domain->host;
    gw_sim_tell(host, domain->value->uuid);
    g_hash_table_remove(host->names, domain->value->name);
    g_autofree char *uuid = g_strdup(domain->value->uuid);
    g_hash_table_remove(host->domains, uuid); /* frees it */
}

void gw_sim_domain_vanish(GwSimDomain *domain)
{
    domain->receives = FALSE;
    if (domain->value->persistent)
        gw_sim_domain_set(domain, GW_SEEN_STOPPED);
    else
        gw_sim_domain_remove(domain);
}

void gw_sim_domain_free(GwSimDomain *domain)
{
    gw_instance_unref(domain->value);
    g_ptr_array_unref(domain->open);
    g_free(domain->obstacle);
    g_free(domain);
}
