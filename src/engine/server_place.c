/* Where a new server goes: the same placement as for moves, asked from nowhere. */
#include "engine/servers.h"

#include <string.h>

static char *too_little(const GwCandidate *candidate, guint64 memory_mib)
{
    guint64 reserved = candidate->reserved_mib;
    guint64 free_mib = candidate->memory_free_mib > reserved ? candidate->memory_free_mib - reserved : 0;
    if (free_mib >= memory_mib)
        return NULL;
    return g_strdup_printf("%" G_GUINT64_FORMAT " MiB of memory are free there beside what is kept back, and %" G_GUINT64_FORMAT
                           " are needed", free_mib, memory_mib);
}

/* NULL: the driver makes servers. */
static char *not_offered(GwEngine *engine, const char *host)
{
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, host);
    if (entry && gw_node_can_create(entry->node))
        return NULL;
    return g_strdup_printf("creating a server is not offered by the %s driver", entry ? gw_node_driver(entry->node)->name : "unknown");
}

static gboolean refuse(const GPtrArray *reasons, GError **error)
{
    g_autofree char *text = gw_reasons_to_text(reasons);
    g_set_error(error, GW_ERROR, GW_ERROR_REFUSED, "No valid host was found. %s",
                *text ? text : "There is no host: add one with `godwit host-add`.");
    return FALSE;
}

/* ZONE:HOST: as in Nova, what administrators set does not count, but for being forced down. */
static gboolean place_forced(GwEngine *engine, GwServer *server, const GwCandidates *candidates, GError **error)
{
    const GwCandidate *candidate = gw_candidates_find(candidates, server->wanted_host);
    g_autoptr(GPtrArray) findings = gw_findings_new();
    g_autoptr(GPtrArray) reasons = gw_reasons_new();
    if (candidate)
        gw_placement_judge_forced(candidate, findings);
    char *missing = candidate ? not_offered(engine, server->wanted_host) : g_strdup("there is no such host");
    if (missing)
        gw_reasons_add(reasons, server->wanted_host, missing);
    else if (gw_findings_block(findings))
        gw_reasons_add(reasons, NULL, gw_findings_to_text(findings));
    else if (candidate && !candidate->up)
        gw_reasons_add(reasons, server->wanted_host, g_strdup("it does not answer"));
    if (reasons->len)
        return refuse(reasons, error);
    server->host = g_strdup(server->wanted_host);
    return TRUE;
}

static gboolean place_free(GwEngine *engine, GwServer *server, const GwCandidates *candidates, const GwDemand *demand, GError **error)
{
    g_autoptr(GPtrArray) reasons = gw_reasons_new();
    g_autoptr(GPtrArray) names = gw_candidates_order(candidates, demand, reasons);
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        if (server->wanted_host && strcmp(name, server->wanted_host) != 0)
            continue;
        char *why = not_offered(engine, name);
        if (!why)
            why = too_little(gw_candidates_find(candidates, name), demand->memory_mib);
        if (!why) {
            server->host = g_strdup(name);
            return TRUE;
        }
        gw_reasons_add(reasons, name, why);
    }
    return refuse(reasons, error);
}

gboolean gw_server_place(GwEngine *engine, GwServer *server, GError **error)
{
    const GwFlavor *flavor = gw_server_flavor(server);
    g_autoptr(GwMigration) row = gw_migration_new(); /* from nowhere */
    g_strlcpy(row->instance_uuid, server->uuid, sizeof row->instance_uuid);
    row->instance_name = g_strdup(server->name);
    g_autoptr(GwCandidates) candidates = gw_candidates_new(engine, row, GW_SCOPE_ALL);
    GwDemand demand = {.name = server->name, .project_id = server->project_id ? server->project_id : "admin", .zone = server->wanted_zone,
                       .pins = gw_pins_of(server->metadata), .vcpus = flavor->vcpus, .memory_mib = flavor->memory_mib};
    return server->wanted_host && server->host_forced ? place_forced(engine, server, candidates, error)
                                                      : place_free(engine, server, candidates, &demand, error);
}

/* ---- what can be refused at once */

gboolean gw_server_check_place(GwEngine *engine, const char *zone, const char *host, GError **error)
{
    g_autoptr(GPtrArray) hosts = gw_engine_hosts(engine);
    gboolean has_zone = !zone || strcmp(zone, GW_DEFAULT_ZONE) == 0, has_host = !host;
    for (guint i = 0; i < hosts->len; i++) {
        const GwHostView *view = hosts->pdata[i];
        has_zone = has_zone || strcmp(gw_aggregates_zone(view->aggregates), zone) == 0;
        has_host = has_host || strcmp(view->row->name, host) == 0;
    }
    if (!has_zone)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "The requested availability zone is not available: no host is in %s", zone);
    else if (!has_host)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Compute host %s could not be found.", host);
    return has_zone && has_host;
}
