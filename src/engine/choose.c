/* The checks of one move, and the choice of a destination where the user left it open. */
#include "engine/internal.h"

#include "core/placement.h"

#include <string.h>

/* Memory that moves under way will still take on a host, and what the administrator keeps back. */
static guint64 reserved_mib(GwEngine *engine, const char *host, gint64 except_id)
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
    g_mutex_unlock(&engine->lock);
    return sum;
}

GPtrArray *gw_choose_examine(GwActive *active, const GwMigration *row, GwHostEntry *dest, GwPlan **ret_plan, GError **error)
{
    GwEngine *engine = active->engine;
    g_autoptr(GwMoveFacts) facts = NULL;
    if (!gw_node_examine(active->source->node, dest->node, row->instance_uuid, &facts, error))
        return NULL;
    GwMoveWish wish = {row->kind, row->block, reserved_mib(engine, dest->row->name, row->id),
                       active->disk_over_commit || engine->settings.disk_over_commit};
    return gw_checks_plan(facts, &wish, &engine->settings.plan, dest->row->name, ret_plan);
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

/* TRUE: dest is taken. FALSE with *error: the host failed or the checks refuse. */
static gboolean try_host(GwActive *active, GwMigration *row, GwHostEntry *dest, GError **error)
{
    GwPlan *plan = NULL;
    g_autoptr(GPtrArray) findings = gw_choose_examine(active, row, dest, &plan, error);
    if (!findings)
        return FALSE;
    if (plan) {
        adopt_choice(active, row, dest, plan);
        return TRUE;
    }
    g_autofree char *reasons = gw_findings_to_text(findings);
    g_set_error(error, GW_ERROR, GW_ERROR_REFUSED, "%s cannot move to %s: %s", row->instance_name, dest->row->name,
                reasons);
    return FALSE;
}

/* ---- without a named destination */

GPtrArray *gw_choose_candidates(GwActive *active, const GwMigration *row, GPtrArray *reasons)
{
    GwEngine *engine = active->engine;
    g_autoptr(GPtrArray) hosts = gw_engine_hosts(engine);
    g_autoptr(GArray) candidates = g_array_new(FALSE, TRUE, sizeof(GwCandidate));
    g_mutex_lock(&engine->lock);
    const char *type = active->source->facts ? active->source->facts->hypervisor_type : NULL;
    g_autofree char *source_type = g_strdup(type);
    g_mutex_unlock(&engine->lock);
    for (guint i = 0; i < hosts->len; i++) {
        const GwHostView *view = hosts->pdata[i];
        GwCandidate candidate = {.name = view->row->name,
                                 .is_source = strcmp(view->row->name, row->source) == 0,
                                 .up = view->up,
                                 .enabled = view->row->enabled && !view->row->forced_down,
                                 .down_reason = view->down_reason,
                                 .disabled_reason = view->row->disabled_reason,
                                 .same_kind = !source_type || !view->facts ||
                                              g_strcmp0(view->facts->hypervisor_type, source_type) == 0,
                                 .memory_free_mib = view->facts ? view->facts->memory_free_mib : 0};
        candidate.reserved_mib = reserved_mib(engine, view->row->name, row->id);
        g_array_append_val(candidates, candidate);
    }
    return gw_placement_order((const GwCandidate *)candidates->data, candidates->len, reasons);
}

static gboolean choose_any(GwActive *active, GwMigration *row, GError **error)
{
    g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) names = gw_choose_candidates(active, row, reasons);
    for (guint i = 0; i < names->len; i++) {
        g_autoptr(GwHostEntry) dest = gw_engine_find_host(active->engine, names->pdata[i]);
        g_autoptr(GError) why = NULL;
        if (!dest)
            continue;
        if (try_host(active, row, dest, &why))
            return TRUE;
        g_ptr_array_add(reasons, g_strdup_printf("%s: %s", dest->row->name, why->message));
    }
    g_ptr_array_add(reasons, NULL);
    g_autofree char *all = g_strjoinv(" | ", (char **)reasons->pdata);
    g_set_error(error, GW_ERROR, GW_ERROR_REFUSED, "No valid host was found. %s",
                *all ? all : "There is no other host: add one with `godwit host-add`.");
    return FALSE;
}

gboolean gw_choose(GwActive *active, GwMigration *row, GError **error)
{
    if (!row->dest)
        return choose_any(active, row, error);
    g_autoptr(GwHostEntry) dest = gw_engine_find_host(active->engine, row->dest);
    if (!dest) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Compute host %s could not be found.", row->dest);
        return FALSE;
    }
    return try_host(active, row, dest, error);
}
