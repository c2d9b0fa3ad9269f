/* The hosts as placement sees them: what an administrator has set, and what is on each and on its way there. */
#include "engine/internal.h"

#include <string.h>

struct GwCandidates {
    GPtrArray *views; /* of GwHostView *: what the candidates borrow from */
    GArray *rows;     /* of GwCandidate, one per view */
    GwGroup *group;   /* of the instance; reference, or NULL */
};


guint64 gw_engine_reserved_mib(GwEngine *engine, const char *host, gint64 except_id)
{
    guint64 sum = engine->settings.reserved_host_memory_mib;
    GHashTableIter iter;
    gpointer value;
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->actives);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const GwActive *other = value;
        unsigned traits = gw_migration_state_traits(other->row->state);
        if (other->id != except_id && other->row->plan && g_strcmp0(other->row->dest, host) == 0 &&
            !(traits & (GW_TRAIT_FINAL | GW_TRAIT_RESTING)) && other->row->state != GW_MIGRATION_SETTLING)
            sum += other->row->plan->memory_mib;
    }
    sum += gw_servers_promised_mib(engine, host);
    g_mutex_unlock(&engine->lock);
    return sum;
}

/* ---- what is where */

static GwUsage *usage_of(GHashTable *usages, const char *host)
{
    GwUsage *usage = g_hash_table_lookup(usages, host);
    if (!usage) {
        usage = g_new0(GwUsage, 1);
        g_hash_table_insert(usages, g_strdup(host), usage);
    }
    return usage;
}

static void count_instance(GwUsage *usage, const GwInstance *instance, const GwGroup *group)
{
    usage->members += group && gw_group_has(group, instance->uuid);
    usage->instances++;
    usage->vcpus += instance->vcpus;
    usage->memory_mib += instance->memory_mib;
}

/* [locked] A move counts at both ends; an instance that is still shown at its source counts at its destination, too. */
static void count_move(GwEngine *engine, GHashTable *usages, const GwMigration *row, const GwGroup *group)
{
    const GwInstanceView *view = g_hash_table_lookup(engine->views, row->instance_uuid);
    if (gw_migration_state_traits(row->state) & (GW_TRAIT_FINAL | GW_TRAIT_RESTING))
        return;
    usage_of(usages, row->source)->moves++;
    if (!row->dest)
        return;
    usage_of(usages, row->dest)->moves++;
    if (view && strcmp(view->host, row->dest) != 0)
        count_instance(usage_of(usages, row->dest), view->instance, group);
}

static GHashTable *count_all(GwEngine *engine, const char *except_uuid, const GwGroup *group)
{
    GHashTable *usages = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GPtrArray) views = gw_engine_instances(engine, NULL, NULL);
    for (guint i = 0; i < views->len; i++) {
        const GwInstanceView *view = views->pdata[i];
        if (strcmp(view->instance->uuid, except_uuid) != 0)
            count_instance(usage_of(usages, view->host), view->instance, group);
    }
    GHashTableIter iter;
    gpointer value;
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->actives);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (strcmp(((const GwActive *)value)->instance_uuid, except_uuid) != 0)
            count_move(engine, usages, ((const GwActive *)value)->row, group);
    g_mutex_unlock(&engine->lock);
    return usages;
}

/* ---- the list */

static GwCandidate candidate_of(GwEngine *engine, const GwHostView *view, const GwMigration *row, GHashTable *usages)
{
    const char *name = view->row->name;
    const GwUsage *usage = g_hash_table_lookup(usages, name);
    return (GwCandidate){
        .host = {.name = name,
                 .aggregates = view->aggregates,
                 .cpus = view->facts ? view->facts->cpus : 0,
                 .memory_mib = view->facts ? view->facts->memory_mib : 0,
                 .reserved_mib = engine->settings.reserved_host_memory_mib,
                 .usage = usage ? *usage : (GwUsage){0}},
        .is_source = g_strcmp0(name, row->source) == 0,
        .up = view->up,
        .forced_down = view->row->forced_down,
        .enabled = view->row->enabled,
        .down_reason = view->down_reason,
        .disabled_reason = view->row->disabled_reason,
        .same_kind = TRUE,
        .memory_free_mib = view->facts ? view->facts->memory_free_mib : 0,
        .reserved_mib = gw_engine_reserved_mib(engine, name, row->id),
    };
}

static const char *type_of(const GwHostView *view)
{
    return view && view->facts ? view->facts->hypervisor_type : NULL;
}

static void compare_kinds(GwCandidates *candidates, const char *source)
{
    const char *source_type = NULL;
    for (guint i = 0; i < candidates->views->len; i++) {
        const GwHostView *view = candidates->views->pdata[i];
        if (g_strcmp0(view->row->name, source) == 0)
            source_type = type_of(view);
    }
    for (guint i = 0; i < candidates->views->len; i++) {
        const char *type = type_of(candidates->views->pdata[i]);
        g_array_index(candidates->rows, GwCandidate, i).same_kind =
            !source_type || !type || strcmp(type, source_type) == 0;
    }
}

static gboolean holds_group(const GwCandidate *candidate)
{
    return candidate->host.usage.members && candidate->up && candidate->enabled && !candidate->forced_down;
}

/* A group that is to stay together stays where hosts take instances: one that is being emptied, or is down, holds nobody. */
static void set_group(GwCandidates *candidates)
{
    const GwCandidate *holder = NULL;
    for (guint i = 0; i < candidates->rows->len && !holder; i++) {
        const GwCandidate *candidate = &g_array_index(candidates->rows, GwCandidate, i);
        holder = holds_group(candidate) ? candidate : NULL;
    }
    for (guint i = 0; candidates->group && i < candidates->rows->len; i++) {
        GwCandidate *candidate = &g_array_index(candidates->rows, GwCandidate, i);
        candidate->host.group = candidates->group;
        candidate->host.group_host = holder && holder != candidate ? holder->host.name : NULL;
    }
}

static GwGroup *group_of(GwEngine *engine, const char *uuid)
{
    g_autoptr(GPtrArray) groups = gw_engine_groups(engine);
    const GwGroup *group = gw_groups_of(groups, uuid);
    return group ? gw_group_ref((GwGroup *)group) : NULL;
}

GwCandidates *gw_candidates_new(GwEngine *engine, const GwMigration *row)
{
    GwCandidates *candidates = g_new0(GwCandidates, 1);
    candidates->group = group_of(engine, row->instance_uuid);
    g_autoptr(GHashTable) usages = count_all(engine, row->instance_uuid, candidates->group);
    candidates->views = gw_engine_hosts(engine);
    candidates->rows = g_array_new(FALSE, TRUE, sizeof(GwCandidate));
    for (guint i = 0; i < candidates->views->len; i++) {
        GwCandidate candidate = candidate_of(engine, candidates->views->pdata[i], row, usages);
        g_array_append_val(candidates->rows, candidate);
    }
    compare_kinds(candidates, row->source);
    set_group(candidates);
    return candidates;
}

void gw_candidates_free(GwCandidates *candidates)
{
    g_array_unref(candidates->rows);
    g_ptr_array_unref(candidates->views);
    g_clear_pointer(&candidates->group, gw_group_unref);
    g_free(candidates);
}

GPtrArray *gw_candidates_order(const GwCandidates *candidates, const GwDemand *demand, GPtrArray *reasons)
{
    return gw_placement_order((const GwCandidate *)candidates->rows->data, candidates->rows->len, demand, reasons);
}

void gw_candidates_left_out(const GwCandidates *candidates, const GwDemand *demand, GwTrialReport *report)
{
    for (guint i = 0; i < candidates->rows->len; i++) {
        const GwCandidate *candidate = &g_array_index(candidates->rows, GwCandidate, i);
        g_autoptr(GPtrArray) findings = gw_findings_new();
        char *failure = NULL;
        if (candidate->is_source || gw_trial_report_find(report, candidate->host.name) ||
            !gw_placement_leaves_out(candidate, demand, findings, &failure))
            continue;
        GwTrial *trial = gw_trial_report_add(report, candidate->host.name);
        trial->failure = failure;
        g_ptr_array_extend_and_steal(trial->findings, g_steal_pointer(&findings));
    }
}

const GwCandidate *gw_candidates_find(const GwCandidates *candidates, const char *host)
{
    for (guint i = 0; i < candidates->rows->len; i++) {
        const GwCandidate *candidate = &g_array_index(candidates->rows, GwCandidate, i);
        if (strcmp(candidate->host.name, host) == 0)
            return candidate;
    }
    return NULL;
}

const char *gw_project_of(const GwInstanceView *view)
{
    return view && view->server && view->server->project_id ? view->server->project_id : "admin";
}

GwDemand gw_demand_of(const GwMigration *row, const GwInstanceView *view)
{
    GwDemand demand = {.name = row->instance_name, .project_id = gw_project_of(view)};
    if (view && view->server) /* as in Nova it stays in the zone that it was asked for in */
        demand.zone = view->server->wanted_zone;
    if (view) { /* an adopted one is pinned to no zone: nobody asked for one */
        demand.pins = gw_pins_of(gw_instance_view_metadata(view));
        demand.vcpus = view->instance->vcpus;
        demand.memory_mib = view->instance->memory_mib;
    }
    if (row->flavor) {
        demand.vcpus = row->flavor->vcpus;
        demand.memory_mib = row->flavor->memory_mib;
    }
    return demand;
}
