/* The hosts as placement sees them: what an administrator has set, and what is on each and on its way there. */
#include "engine/internal.h"

#include "engine/transits.h"

#include <string.h>

struct GwCandidates {
    GPtrArray *views; /* of GwHostView *: what the candidates borrow from */
    GArray *rows;     /* of GwCandidate, one per view */
    GwGroup *group;   /* of the instance; reference, or NULL */
};

guint64 gw_engine_reserved_mib(GwEngine *engine, const char *host, gint64 except_id)
{
    guint64 sum = engine->settings.reserved_host_memory_mib;
    g_mutex_lock(&engine->lock);
    const GPtrArray *moves = gw_transits_of(engine, host);
    for (guint i = 0; moves && i < moves->len; i++) {
        const GwActive *other = moves->pdata[i];
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

/* Of a host where something is on its way, or has members of the group: what the listing does not know. */
typedef struct {
    GwUsage usage;
    guint64 promised_mib; /* memory that will still be taken */
} Extra;

static Extra *extra_of(GHashTable *extras, const char *host)
{
    Extra *extra = g_hash_table_lookup(extras, host);
    if (!extra) {
        extra = g_new0(Extra, 1);
        g_hash_table_insert(extras, g_strdup(host), extra);
    }
    return extra;
}

/* [locked] A move counts at both ends; an instance that is still shown at its source counts at its destination, too. */
static void count_move(GwEngine *engine, Extra *extra, const char *host, const GwActive *active, const GwGroup *group)
{
    const GwMigration *row = active->row;
    const char *dest = gw_active_dest(active);
    const GwInstanceView *view = g_hash_table_lookup(engine->views, row->instance_uuid);
    if (gw_migration_state_traits(row->state) & (GW_TRAIT_FINAL | GW_TRAIT_RESTING))
        return;
    extra->usage.moves += strcmp(row->source, host) == 0;
    if (g_strcmp0(dest, host) != 0)
        return;
    extra->usage.moves++;
    if (row->plan && row->state != GW_MIGRATION_SETTLING)
        extra->promised_mib += row->plan->memory_mib;
    if (!view || strcmp(view->host, dest) == 0)
        return;
    extra->usage.instances++;
    extra->usage.vcpus += view->instance->vcpus;
    extra->usage.memory_mib += view->instance->memory_mib;
    extra->usage.members += group && gw_group_has(group, row->instance_uuid);
}

/* [locked] */
static void count_moves(GwEngine *engine, GHashTable *extras, const char *host, const char *except_uuid, const GwGroup *group)
{
    const GPtrArray *moves = gw_transits_of(engine, host);
    for (guint i = 0; moves && i < moves->len; i++)
        if (strcmp(((const GwActive *)moves->pdata[i])->instance_uuid, except_uuid) != 0)
            count_move(engine, extra_of(extras, host), host, moves->pdata[i], group);
}

/* [locked] */
static void count_members(GwEngine *engine, GHashTable *extras, const char *except_uuid, const GwGroup *group)
{
    for (guint i = 0; group && i < group->members->len; i++) {
        const GwInstanceView *view = g_hash_table_lookup(engine->views, group->members->pdata[i]);
        if (view && strcmp(view->instance->uuid, except_uuid) != 0)
            extra_of(extras, view->host)->usage.members++;
    }
}

/* [locked] */
static void count_promised(gpointer extras, const char *host, guint64 memory_mib)
{
    extra_of(extras, host)->promised_mib += memory_mib;
}

/* [locked] Where one destination is in question: itself, the source, and where the group is or goes. Borrowed names. */
static GHashTable *hosts_concerned(GwEngine *engine, const GwMigration *row, const GwGroup *group)
{
    GHashTable *names = g_hash_table_new(g_str_hash, g_str_equal);
    g_hash_table_add(names, row->dest);
    if (row->source)
        g_hash_table_add(names, row->source);
    for (guint i = 0; group && i < group->members->len; i++) {
        const GwInstanceView *view = g_hash_table_lookup(engine->views, group->members->pdata[i]);
        const GwActive *active = gw_active_of(engine, group->members->pdata[i]);
        if (view)
            g_hash_table_add(names, view->host);
        if (active && gw_active_dest(active))
            g_hash_table_add(names, (gpointer)gw_active_dest(active));
    }
    return names;
}

static GHashTable *count_extras(GwEngine *engine, const GwMigration *row, const GwGroup *group, GwScope scope)
{
    GHashTable *extras = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    GHashTableIter iter;
    gpointer host;
    g_mutex_lock(&engine->lock);
    g_autoptr(GHashTable) names = scope == GW_SCOPE_DEST ? hosts_concerned(engine, row, group) : g_hash_table_ref(engine->transits);
    g_hash_table_iter_init(&iter, names);
    while (g_hash_table_iter_next(&iter, &host, NULL))
        count_moves(engine, extras, host, row->instance_uuid, group);
    count_members(engine, extras, row->instance_uuid, group);
    gw_servers_promised(engine, count_promised, extras);
    g_mutex_unlock(&engine->lock);
    return extras;
}

/* ---- the list */

/* [locked] What is there without the instance in question, and what is on its way. */
static GwUsage usage_of(GwEngine *engine, const char *host, const Extra *extra, const GwInstanceView *except)
{
    GwUsage usage = gw_listing_usage(engine->listing, host);
    if (except && strcmp(except->host, host) == 0) {
        usage.instances--;
        usage.vcpus -= except->instance->vcpus;
        usage.memory_mib -= except->instance->memory_mib;
    }
    if (!extra)
        return usage;
    usage.instances += extra->usage.instances;
    usage.vcpus += extra->usage.vcpus;
    usage.memory_mib += extra->usage.memory_mib;
    usage.moves = extra->usage.moves;
    usage.members = extra->usage.members;
    return usage;
}

/* [locked] */
static GwCandidate candidate_of(GwEngine *engine, const GwHostView *view, const GwMigration *row, const Extra *extra)
{
    const char *name = view->row->name;
    const GwInstanceView *except = g_hash_table_lookup(engine->views, row->instance_uuid);
    return (GwCandidate){
        .host = {.name = name,
                 .aggregates = view->aggregates,
                 .cpus = view->facts ? view->facts->cpus : 0,
                 .memory_mib = view->facts ? view->facts->memory_mib : 0,
                 .reserved_mib = engine->settings.reserved_host_memory_mib,
                 .usage = usage_of(engine, name, extra, except)},
        .is_source = g_strcmp0(name, row->source) == 0,
        .up = view->up,
        .forced_down = view->row->forced_down,
        .enabled = view->row->enabled,
        .down_reason = view->down_reason,
        .disabled_reason = view->row->disabled_reason,
        .same_kind = TRUE,
        .memory_free_mib = view->facts ? view->facts->memory_free_mib : 0,
        .reserved_mib = engine->settings.reserved_host_memory_mib + (extra ? extra->promised_mib : 0),
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

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp((*(GwHostView *const *)a)->row->name, (*(GwHostView *const *)b)->row->name);
}

/* Where one destination is in question: itself, the source, and where the group is. */
static GPtrArray *views_concerned(GwEngine *engine, const GwMigration *row, GHashTable *extras)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *views = g_ptr_array_new_with_free_func((GDestroyNotify)gw_host_view_unref);
    GHashTableIter iter;
    gpointer name, extra;
    g_hash_table_add(names, row->dest);
    if (row->source)
        g_hash_table_add(names, row->source);
    g_hash_table_iter_init(&iter, extras);
    while (g_hash_table_iter_next(&iter, &name, &extra))
        if (((const Extra *)extra)->usage.members)
            g_hash_table_add(names, name);
    g_hash_table_iter_init(&iter, names);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        GwHostView *view = gw_engine_host(engine, name);
        if (view)
            g_ptr_array_add(views, view);
    }
    g_ptr_array_sort(views, by_name);
    return views;
}

GwCandidates *gw_candidates_new(GwEngine *engine, const GwMigration *row, GwScope scope)
{
    GwCandidates *candidates = g_new0(GwCandidates, 1);
    candidates->group = group_of(engine, row->instance_uuid);
    g_autoptr(GHashTable) extras = count_extras(engine, row, candidates->group, scope);
    candidates->views = scope == GW_SCOPE_DEST ? views_concerned(engine, row, extras) : gw_engine_hosts(engine);
    candidates->rows = g_array_sized_new(FALSE, TRUE, sizeof(GwCandidate), candidates->views->len);
    g_mutex_lock(&engine->lock);
    for (guint i = 0; i < candidates->views->len; i++) {
        const GwHostView *view = candidates->views->pdata[i];
        GwCandidate candidate = candidate_of(engine, view, row, g_hash_table_lookup(extras, view->row->name));
        g_array_append_val(candidates->rows, candidate);
    }
    g_mutex_unlock(&engine->lock);
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
