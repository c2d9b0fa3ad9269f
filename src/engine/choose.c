/* The checks of one move, and the choice of a destination where the user left it open. */
#include "engine/choose.h"

#include "core/overrides.h"
#include "engine/transits.h"

#include <string.h>

/* Nothing was written to the path of a disk that was copied to another one, and the instance is back there: whatever became of the copy,
 * this is the disk. Where both paths are the same, a host may have the copy there. */
static gboolean is_original(const GwMigration *row, const GwPlanDisk *disk, const char *path)
{
    gboolean undone = row->state == GW_MIGRATION_REVERTED || row->state == GW_MIGRATION_FAILED || row->state == GW_MIGRATION_CANCELLED;
    return undone && disk->fate == GW_FATE_COPY && g_strcmp0(disk->path, path) == 0 && g_strcmp0(disk->dest_path, path) != 0;
}

/* The newest migration that had to copy the disk, or had proof that it is shared; NULL: none is known. */
static const GwMigration *last_word(const GPtrArray *rows, const char *path, GwDiskFate *ret_fate)
{
    for (guint i = 0; i < rows->len; i++) { /* newest first */
        const GwMigration *row = rows->pdata[i];
        for (guint j = 0; row->plan && j < row->plan->disks->len; j++) {
            const GwPlanDisk *disk = row->plan->disks->pdata[j];
            gboolean concerned = g_strcmp0(disk->path, path) == 0 || g_strcmp0(disk->dest_path, path) == 0;
            if (!concerned || is_original(row, disk, path))
                continue;
            *ret_fate = disk->fate;
            return row;
        }
    }
    return NULL;
}

/* What lies at a disk's path on the destination is not the disk where a migration had to copy it: then it is what that has left, whole
 * or not. */
static gboolean deny_copies(GwStore *store, const GwInstance *instance, const GwMoveFacts *facts, GError **error)
{
    GwMigrationQuery query = {.instance_uuid = instance->uuid};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_migrations(store, &query, &rows, error))
        return FALSE;
    for (guint i = 0; i < facts->disks->len && i < instance->disks->len; i++) {
        const GwDisk *disk = instance->disks->pdata[i];
        GwDiskFacts *known = facts->disks->pdata[i];
        GwDiskFate fate = GW_FATE_SHARED;
        const GwMigration *row = disk->kind == GW_DISK_FILE && known->shared == GW_FACT_YES ? last_word(rows, disk->path, &fate) : NULL;
        if (!row || fate != GW_FATE_COPY)
            continue;
        known->shared = GW_FACT_NO;
        g_free(known->problem);
        known->problem = g_strdup_printf("what is at %s is not the disk but a copy, perhaps of a part of it: migration %" G_GINT64_FORMAT
                                         " had to copy it", disk->path, row->id);
    }
    return TRUE;
}

static gboolean examine_evacuation(GwActive *active, const GwMigration *row, GwHostEntry *dest, GwMoveFacts **ret_facts, GError **error)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(active->engine, row->instance_uuid);
    g_autofree char *definition = NULL;
    if (!gw_store_definition_get(active->engine->store, row->source, row->instance_uuid, &definition, error))
        return FALSE;
    if (!view || !definition) {
        g_set_error(error, GW_ERROR, GW_ERROR_REFUSED, "%s went down before Godwit had read how %s is defined: %s", row->source,
                    row->instance_name, gw_node_driver(dest->node)->revive);
        return FALSE;
    }
    if (!gw_node_examine_evacuation(dest->node, view->instance, definition, ret_facts, error))
        return FALSE;
    if (!deny_copies(active->engine->store, view->instance, *ret_facts, error)) {
        g_clear_pointer(ret_facts, gw_move_facts_free);
        return FALSE;
    }
    (*ret_facts)->source_name = g_strdup(row->source);
    return TRUE;
}

static gboolean examine(GwActive *active, const GwMigration *row, GwHostEntry *dest, GwMoveFacts **ret_facts, GError **error)
{
    return row->kind == GW_MOVE_EVACUATE ? examine_evacuation(active, row, dest, ret_facts, error)
                                         : gw_node_examine(active->source->node, dest->node, row->instance_uuid, ret_facts, error);
}

/* A policy that is set for some alone brings its own pause along. */
static void take_policy(GwPlanSettings *settings, const GwPolicy *policy)
{
    if (!policy)
        return;
    settings->policy = policy;
    settings->pause_ms = 0;
}

/* The settings, over them what the aggregates say that the source is in, and over that the request's own policy and options. All that
 * is the request's is in the row: a plan may be made anew by another process. */
static GwPlanSettings plan_settings(GwActive *active, const GwMigration *row)
{
    GwPlanSettings settings = active->engine->settings.plan;
    if (active->source) {
        g_mutex_lock(&active->engine->lock);
        take_policy(&settings, gw_limits_policy(active->source->aggregates));
        gw_overrides_apply(active->source->aggregates, &settings);
        g_mutex_unlock(&active->engine->lock);
    }
    take_policy(&settings, gw_policy_of_intents(row->intents));
    gw_overrides_apply_own(row->options, &settings);
    guint64 link = active->engine->settings.link_bandwidth_mibps, own = settings.bandwidth_mibps;
    settings.bandwidth_mibps = link && (!own || own > link) ? link : own; /* its part is found out once it runs */
    return settings;
}

/* What is known by now; nobody waits for more. */
static GwTraffic traffic_of(GwEngine *engine, const char *uuid, const char *source, const char *dest)
{
    GwLoad load = {0};
    guint64 out = gw_forecast_link_bps(engine, source), in = gw_forecast_link_bps(engine, dest);
    guint64 own = gw_forecast_pair_bps(engine, source, dest);
    GwTraffic traffic = {.link_bps = own ? own : out && in ? MIN(out, in) : MAX(out, in)};
    gw_forecast_recall(engine, source, dest, uuid, &traffic);
    if (gw_forecast_last(engine, uuid, &load) && load.how != GW_LOAD_SIZES) {
        traffic.sampled = TRUE;
        traffic.write_bps = load.short_bytes * 1000 / GW_LOAD_SHORT_MS;
        traffic.disk_write_bps = load.disk_write_bps;
    }
    return traffic;
}

GPtrArray *gw_choose_examine(GwActive *active, const GwMigration *row, GwHostEntry *dest, GwPlan **ret_plan, GError **error)
{
    GwEngine *engine = active->engine;
    g_autoptr(GwMoveFacts) facts = NULL;
    if (!gw_remains_make_way(engine, row->instance_uuid, dest, error) || !examine(active, row, dest, &facts, error))
        return NULL;
    GwMoveWish wish = {.kind = gw_move_kind_is_cold(row->kind) ? GW_MOVE_COLD : row->kind,
                       .block = row->block,
                       .reserved_memory_mib = gw_engine_reserved_mib(engine, dest->row->name, row->id),
                       .flavor = row->flavor,
                       .disk_over_commit = active->disk_over_commit || engine->settings.disk_over_commit};
    if (row->kind == GW_MOVE_LIVE)
        wish.traffic = traffic_of(engine, row->instance_uuid, row->source, dest->row->name);
    GwPlanSettings settings = plan_settings(active, row);
    return gw_checks_plan(facts, &wish, &settings, dest->row->name, ret_plan);
}

static void adopt_choice(GwActive *active, GwMigration *row, GwHostEntry *dest, GwPlan *plan)
{
    g_free(row->dest);
    row->dest = g_strdup(dest->row->name);
    gw_plan_free(row->plan);
    row->plan = plan;
    g_clear_pointer(&active->dest, gw_host_entry_unref);
    active->dest = gw_host_entry_ref(dest);
}

static void drop_choice(GwActive *active, GwMigration *row)
{
    g_clear_pointer(&row->dest, g_free);
    g_clear_pointer(&row->plan, gw_plan_free);
    g_clear_pointer(&active->dest, gw_host_entry_unref);
}

static void refuse(const GwMigration *row, const char *dest, const GPtrArray *findings, GError **error)
{
    g_autofree char *reasons = gw_findings_to_text(findings);
    g_set_error(error, GW_ERROR, GW_ERROR_REFUSED, "%s cannot move to %s: %s", row->instance_name, dest, reasons);
}

static void set_chosen(GwActive *active, const char *host)
{
    g_mutex_lock(&active->engine->lock);
    g_free(active->chosen);
    active->chosen = g_strdup(host);
    gw_transits_follow(active);
    g_mutex_unlock(&active->engine->lock);
}

/* While the host was asked others may have been sent there: placement is judged once more, and from then on everybody sees this one there. */
static gboolean take(GwActive *active, const GwMigration *row, GPtrArray *findings)
{
    g_autoptr(GPtrArray) more = gw_findings_new();
    g_mutex_lock(&active->engine->place_lock);
    gboolean taken = gw_choose_judge(active, row, more) && !gw_findings_block(more);
    if (taken)
        set_chosen(active, row->dest);
    g_mutex_unlock(&active->engine->place_lock);
    if (!taken)
        g_ptr_array_extend_and_steal(findings, g_steal_pointer(&more));
    return taken;
}

/* What does not keep it from moving. */
static void log_warnings(const GwMigration *row, const GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        const GwFinding *finding = findings->pdata[i];
        gw_info("migration %" G_GINT64_FORMAT " of %s: %s (%s)", row->id, row->instance_name, finding->fact, finding->why);
    }
}

/* TRUE: dest is taken. FALSE with *error: the host failed or the checks refuse. Those of placement have been added to
 * findings before. */
static gboolean try_host(GwActive *active, GwMigration *row, GwHostEntry *dest, GPtrArray *findings, GError **error)
{
    GwPlan *plan = NULL;
    GPtrArray *more = gw_choose_examine(active, row, dest, &plan, error);
    if (!more)
        return FALSE;
    g_ptr_array_extend_and_steal(findings, more);
    if (!gw_findings_block(findings)) {
        adopt_choice(active, row, dest, plan);
        if (take(active, row, findings)) {
            log_warnings(row, findings);
            return TRUE;
        }
    } else {
        gw_plan_free(plan);
    }
    refuse(row, dest->row->name, findings, error);
    return FALSE;
}

/* ---- without a named destination */

GPtrArray *gw_choose_candidates(GwActive *active, const GwMigration *row, GPtrArray *reasons)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(active->engine, row->instance_uuid);
    g_autoptr(GwCandidates) candidates = gw_candidates_new(active->engine, row, GW_SCOPE_ALL);
    GwDemand demand = gw_demand_of(row, view);
    return gw_candidates_order(candidates, &demand, reasons);
}

void gw_choose_left_out(GwActive *active, const GwMigration *row, GwTrialReport *report)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(active->engine, row->instance_uuid);
    g_autoptr(GwCandidates) candidates = gw_candidates_new(active->engine, row, GW_SCOPE_ALL);
    GwDemand demand = gw_demand_of(row, view);
    gw_candidates_left_out(candidates, &demand, report);
}

static gboolean choose_any(GwActive *active, GwMigration *row, GError **error)
{
    g_autoptr(GPtrArray) reasons = gw_reasons_new();
    g_autoptr(GPtrArray) names = gw_choose_candidates(active, row, reasons);
    for (guint i = 0; i < names->len; i++) {
        g_autoptr(GwHostEntry) dest = gw_engine_find_host(active->engine, names->pdata[i]);
        g_autoptr(GPtrArray) findings = gw_findings_new();
        g_autoptr(GError) why = NULL;
        if (!dest)
            continue;
        if (try_host(active, row, dest, findings, &why))
            return TRUE;
        drop_choice(active, row);
        gw_reasons_add(reasons, dest->row->name, g_strdup(why->message));
    }
    g_autofree char *all = gw_reasons_to_text(reasons);
    g_set_error(error, GW_ERROR, GW_ERROR_REFUSED, "No valid host was found. %s",
                *all ? all : "There is no other host: add one with `godwit host-add`.");
    return FALSE;
}

/* ---- with one */

gboolean gw_choose_judge(GwActive *active, const GwMigration *row, GPtrArray *findings)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(active->engine, row->instance_uuid);
    g_autoptr(GwCandidates) candidates = gw_candidates_new(active->engine, row, GW_SCOPE_DEST);
    const GwCandidate *candidate = gw_candidates_find(candidates, row->dest);
    GwDemand demand = gw_demand_of(row, view);
    demand.group_goes = active->group_goes;
    if (candidate && active->host_forced)
        gw_placement_judge_forced(candidate, findings);
    else if (candidate)
        gw_placement_judge(candidate, &demand, findings);
    return !candidate || !candidate->forced_down;
}

static gboolean is_asked(GwEngine *engine, const GwHostEntry *entry)
{
    g_mutex_lock(&engine->lock);
    gboolean asked = entry->last_full_us > 0;
    g_mutex_unlock(&engine->lock);
    return asked;
}

gboolean gw_choose_is_stored(GwEngine *engine, const char *host)
{
    g_autoptr(GPtrArray) rows = NULL;
    gboolean stored = FALSE;
    if (!engine->peers || !gw_store_hosts(engine->store, &rows, NULL))
        return FALSE;
    for (guint i = 0; i < rows->len; i++)
        stored |= strcmp(((const GwHostRow *)rows->pdata[i])->name, host) == 0;
    return stored;
}

gboolean gw_choose_is_ready(const GwActive *active, const GwMigration *row)
{
    GwEngine *engine = active->engine;
    if (!row->dest)
        return gw_inventory_has_looked(engine);
    g_autoptr(GwHostEntry) dest = gw_engine_find_host(engine, row->dest);
    return dest ? is_asked(engine, dest) : !gw_choose_is_stored(engine, row->dest);
}

gboolean gw_choose(GwActive *active, GwMigration *row, GError **error)
{
    set_chosen(active, NULL);
    if (!row->dest)
        return choose_any(active, row, error);
    g_autoptr(GwHostEntry) dest = gw_engine_find_host(active->engine, row->dest);
    if (!dest) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Compute host %s could not be found.", row->dest);
        return FALSE;
    }
    g_autoptr(GPtrArray) findings = gw_findings_new();
    if (gw_choose_judge(active, row, findings))
        return try_host(active, row, dest, findings, error);
    refuse(row, row->dest, findings, error);
    return FALSE;
}

gboolean gw_choose_anew(GwActive *active, GwMigration *row, GError **error)
{
    if (!(row->intents & GW_INTENT_ANYWHERE))
        return gw_choose(active, row, error);
    g_autofree char *dest = g_steal_pointer(&row->dest);
    GwPlan *plan = g_steal_pointer(&row->plan);
    GwHostEntry *entry = g_steal_pointer(&active->dest);
    gboolean ok = gw_choose(active, row, error);
    if (ok) {
        gw_plan_free(plan);
        g_clear_pointer(&entry, gw_host_entry_unref);
        if (g_strcmp0(row->dest, dest) != 0) /* what was expected was expected of a move to the other */
            g_clear_pointer(&row->forecast, g_free);
    } else {
        row->dest = g_steal_pointer(&dest);
        row->plan = plan;
        active->dest = entry;
    }
    return ok;
}
