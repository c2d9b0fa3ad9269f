/* What users may ask of hosts as a whole: empty them, take them into use again, spread the load. The intent and its plan are recorded
 * first; engine/drain.c does the rest. */
#include "engine/drain.h"

#include <string.h>

static void take_names(GwDrain *row, const GwDrainOrder *order)
{
    row->request_id = g_strdup(order->request_id);
    row->user_id = g_strdup(order->user_id);
    row->project_id = g_strdup(order->project_id);
    row->per_host = order->per_host;
    row->include_stopped = order->stopped == GW_STOPPED_MOVE;
    row->return_later = order->return_later;
    row->deadline_us = order->deadline_s ? g_get_real_time() + (gint64)order->deadline_s * G_USEC_PER_SEC : 0;
}

static GPtrArray *values_of(GHashTable *moves)
{
    GPtrArray *list = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, moves);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_ptr_array_add(list, value);
    return list;
}

static gint in_order(gconstpointer a, gconstpointer b)
{
    const GwDrainMove *x = *(GwDrainMove *const *)a, *y = *(GwDrainMove *const *)b;
    if ((x->state == GW_STEP_STAYS) != (y->state == GW_STEP_STAYS))
        return x->state == GW_STEP_STAYS ? 1 : -1;
    if (x->start_ms != y->start_ms)
        return x->start_ms < y->start_ms ? -1 : 1;
    return strcmp(x->instance_name, y->instance_name);
}

/* The rows leave the table; they belong to the array then. */
static GPtrArray *hand_over(GHashTable *moves)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)gw_drain_move_free);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, moves);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        g_ptr_array_add(list, value);
        g_hash_table_iter_steal(&iter);
    }
    g_ptr_array_sort(list, in_order);
    return list;
}

/* Recorded, it runs; takes row and moves. What is returned is read back, since the worker has them now. */
static gboolean launch(GwEngine *engine, const GwFence *fence, GwDrain *row_taken, GHashTable *moves_taken,
                       GwDrain **ret, GPtrArray **ret_moves, GError **error)
{
    g_autoptr(GwDrain) row = row_taken;
    g_autoptr(GHashTable) moves = moves_taken;
    g_autoptr(GPtrArray) list = values_of(moves);
    if (!gw_store_drain_add_fenced(engine->store, row, list, fence, error))
        return FALSE;
    gint64 id = row->id;
    gw_info("drain %" G_GINT64_FORMAT " of %s: %u moves planned", id, row->hosts, list->len);
    if (engine->peers) { /* whoever has the lease of the drains takes it up; perhaps this daemon */
        gw_peers_changed(engine, GW_CHANGED_DRAINS);
        return gw_engine_drain_show(engine, id, ret, ret_moves, error);
    }
    GwDrainRun *run = gw_drain_run_new(engine, g_steal_pointer(&row), g_steal_pointer(&moves));
    g_mutex_lock(&engine->lock);
    g_hash_table_replace(engine->drains, &run->id, run);
    g_mutex_unlock(&engine->lock);
    return gw_engine_drain_show(engine, id, ret, ret_moves, error);
}

static gboolean deliver(GwEngine *engine, GwDryRun dry_run, const GwFence *fence, GwDrain *row, GHashTable *moves,
                        GwDrain **ret, GPtrArray **ret_moves, GError **error)
{
    if (dry_run == GW_DRY_RUN_NOT)
        return launch(engine, fence, row, moves, ret, ret_moves, error);
    *ret = row;
    *ret_moves = hand_over(moves);
    g_hash_table_unref(moves);
    return TRUE;
}

/* ---- emptying hosts */

static gboolean check_hosts(GwEngine *engine, const GStrv hosts, GError **error)
{
    if (!hosts || !*hosts) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "hosts: name at least one host to be emptied");
        return FALSE;
    }
    for (char **name = hosts; *name; name++) {
        for (char **other = hosts; other < name; other++) {
            if (strcmp(*other, *name) == 0) {
                g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "hosts: %s is named twice", *name);
                return FALSE;
            }
        }
        if (!gw_drain_check_answers(engine, *name, error))
            return FALSE;
    }
    return TRUE;
}

/* How many moves of the plan end in time. */
static guint count_timely(const GwDrainPlan *plan, guint64 deadline_s)
{
    guint timely = 0;
    for (guint n = 0; n < plan->moves->len; n++) {
        const GwPlannedMove *move = &g_array_index(plan->moves, GwPlannedMove, n);
        timely += move->end_ms && move->end_ms <= deadline_s * 1000;
    }
    return timely;
}

/* A plan that is too long is shown, and not begun: half an emptied host is of no use tonight. */
static gboolean check_deadline(const GwDrainOrder *order, const GwDrainPlan *plan, GwDrain *row, GError **error)
{
    if (!order->deadline_s || plan->table.makespan_ms <= order->deadline_s * 1000)
        return TRUE;
    g_autofree char *why =
        g_strdup_printf("the plan of %u moves is predicted to end after %" G_GUINT64_FORMAT " s, and the deadline is in %" G_GUINT64_FORMAT
                        " s: %u of them would end by then. Allow more time, or begin without a deadline",
                        plan->moves->len, plan->table.makespan_ms / 1000, order->deadline_s, count_timely(plan, order->deadline_s));
    if (order->dry_run == GW_DRY_RUN)
        row->reason = g_strdup(why);
    else
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "deadline_s: %s", why);
    return order->dry_run == GW_DRY_RUN;
}

static GwDrainPlan *plan_row(GwEngine *engine, GwSnapshot *snapshot, GwDrain *row, GHashTable *moves)
{
    GwDrainPlan *plan = gw_drain_plan_of(engine, snapshot, row, moves);
    gw_drain_write_plan(snapshot, plan, moves, 0, NULL);
    row->predicted_ms = (gint64)plan->table.makespan_ms;
    row->bound_ms = (gint64)plan->table.bound_ms;
    return plan;
}

static GwDrain *row_of(const GwDrainOrder *order)
{
    GwDrain *row = gw_drain_new();
    row->hosts = g_strjoinv(" ", order->hosts);
    take_names(row, order);
    return row;
}

static void unmark(GwSnapshot *snapshot, const GStrv hosts)
{
    guint host;
    for (char **name = hosts; *name; name++)
        if (gw_snapshot_find_host(snapshot, *name, &host))
            gw_cluster_host(snapshot->cluster, host)->leaving = FALSE;
}

void gw_drain_preview(GwEngine *engine, GwSnapshot *snapshot, const GwDrainOrder *order, GwDrain **ret,
                      GPtrArray **ret_moves)
{
    g_autoptr(GHashTable) moves = gw_drain_moves_new();
    *ret = row_of(order);
    gw_drain_plan_free(plan_row(engine, snapshot, *ret, moves));
    unmark(snapshot, order->hosts);
    *ret_moves = hand_over(moves);
}

gboolean gw_engine_drain(GwEngine *engine, const GwDrainOrder *order, GwDrain **ret, GPtrArray **ret_moves, GError **error)
{
    if (!check_hosts(engine, order->hosts, error))
        return FALSE;
    g_autoptr(GwDrain) row = row_of(order);
    g_autoptr(GHashTable) moves = gw_drain_moves_new();
    g_autoptr(GwSnapshot) snapshot = gw_snapshot_new(engine);
    g_autoptr(GwDrainPlan) plan = plan_row(engine, snapshot, row, moves);
    return check_deadline(order, plan, row, error) &&
           deliver(engine, order->dry_run, order->fence, g_steal_pointer(&row), g_steal_pointer(&moves), ret, ret_moves,
                   error) &&
           (order->dry_run == GW_DRY_RUN || gw_drain_close_hosts(engine, *ret, error));
}

/* ---- and into use again */

/* Those that emptied this host since it was last taken into use, newest first; NULL with an error. */
static GPtrArray *drains_of(GwEngine *engine, const char *host, GError **error)
{
    GwDrainQuery query = {.host = host};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_drains(engine->store, &query, &rows, error))
        return NULL;
    GPtrArray *found = g_ptr_array_new_with_free_func((GDestroyNotify)gw_drain_free);
    for (guint n = 0; n < rows->len; n++) {
        const GwDrain *row = rows->pdata[n];
        if (row->kind == GW_DRAIN_BALANCE)
            continue;
        if (row->kind == GW_DRAIN_RETURN)
            break;
        GwDrain *copy = gw_drain_new();
        copy->id = row->id;
        copy->state = row->state;
        copy->return_later = row->return_later;
        copy->request_id = g_strdup(row->request_id);
        g_ptr_array_add(found, copy);
    }
    return found;
}

/* Of anybody's. A drain that runs would disable it again, without a word; a rolling drain has people or a hook at it.
 */
static gboolean check_unrolled(GwEngine *engine, const char *host, GError **error)
{
    GwRollingQuery query = {.running_only = TRUE};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_rollings(engine->store, &query, &rows, error))
        return FALSE;
    for (guint n = 0; n < rows->len; n++) {
        const GwRolling *rolling = rows->pdata[n];
        const GwRollingHost *found = gw_rolling_find(rolling, host);
        if (found && gw_turn_is_kept(found->turn)) {
            g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                        "Rolling drain %" G_GINT64_FORMAT
                        " has %s in the turn '%s': wait until that has ended (godwit rolling-show %" G_GINT64_FORMAT
                        ")",
                        rolling->id, host, gw_turn_name(found->turn), rolling->id);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean check_undrained(GwEngine *engine, const char *host, GError **error)
{
    const GwDrainKind kind = GW_DRAIN_EMPTY;
    GwDrainQuery query = {.running_only = TRUE, .host = host, .kind = &kind};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_drains(engine->store, &query, &rows, error))
        return FALSE;
    gint64 id = rows->len ? ((const GwDrain *)rows->pdata[0])->id : 0;
    if (id)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "%s is being emptied by drain %" G_GINT64_FORMAT
                    ": cancel that first (godwit drain-cancel %" G_GINT64_FORMAT ")",
                    host, id, id);
    return !id;
}

gboolean gw_engine_check_enabling(GwEngine *engine, const char *host, GError **error)
{
    return check_unrolled(engine, host, error) && check_undrained(engine, host, error);
}

/* The moves of a drain, backwards, of those instances that are still where it put them. */
static gboolean list_returns(GwEngine *engine, const GwDrain *drain, const char *host, GHashTable *moves, GError **error)
{
    g_autoptr(GPtrArray) done = NULL;
    if (!gw_store_drain_moves(engine->store, drain->id, &done, error))
        return FALSE;
    for (guint n = 0; n < done->len; n++) {
        const GwDrainMove *move = done->pdata[n];
        g_autoptr(GwInstanceView) view = gw_engine_instance(engine, move->instance_uuid);
        if (move->state != GW_STEP_MOVED || strcmp(move->source, host) != 0 || !view || g_strcmp0(view->host, move->dest) != 0)
            continue;
        GwDrainMove *back = gw_drain_move_new();
        g_strlcpy(back->instance_uuid, move->instance_uuid, sizeof back->instance_uuid);
        back->instance_name = g_strdup(view->instance->name);
        back->source = g_strdup(move->dest);
        back->dest = g_strdup(host);
        back->kind = view->instance->power == GW_POWER_SHUTDOWN ? GW_MOVE_COLD : GW_MOVE_LIVE;
        g_hash_table_replace(moves, back->instance_uuid, back);
    }
    return TRUE;
}

static gboolean list_all_returns(GwEngine *engine, const GPtrArray *drains, const char *host, gboolean everything, GHashTable *moves, GError **error)
{
    for (guint n = 0; n < drains->len; n++) {
        const GwDrain *drain = drains->pdata[n];
        if ((everything || drain->return_later) && !list_returns(engine, drain, host, moves, error))
            return FALSE;
    }
    return TRUE;
}

/* A rolling drain that runs brings its servers home itself, after whoever saw to the host has taken it into use. */
static gboolean is_of_rolling(GwEngine *engine, const GwDrain *drain)
{
    GwRollingQuery query = {.running_only = TRUE};
    g_autoptr(GPtrArray) rollings = NULL;
    gboolean found = FALSE;
    if (!gw_store_rollings(engine->store, &query, &rollings, NULL))
        return FALSE;
    for (guint n = 0; n < rollings->len; n++)
        found |= drain->request_id && g_strcmp0(((GwRolling *)rollings->pdata[n])->request_id, drain->request_id) == 0;
    return found;
}

/* A later undrain does not look behind this one. */
static gboolean note_undrain(GwEngine *engine, const char *host, const GwDrainOrder *order, const GwDrain *newest, GError **error)
{
    if (is_of_rolling(engine, newest))
        return TRUE;
    g_autoptr(GwDrain) row = gw_drain_new();
    row->kind = GW_DRAIN_RETURN;
    row->state = GW_DRAIN_COMPLETED;
    row->hosts = g_strdup(host);
    row->reason = g_strdup("taken into use again; no server was brought home");
    take_names(row, order);
    row->ended_us = g_get_real_time();
    return gw_store_drain_add(engine->store, row, NULL, error);
}

static gboolean begin_return(GwEngine *engine, const char *host, const GwDrainOrder *order, GHashTable *moves, GwDrain **ret,
                             GPtrArray **ret_moves, GError **error)
{
    GwDrain *row = gw_drain_new();
    row->kind = GW_DRAIN_RETURN;
    row->hosts = g_strdup(host);
    take_names(row, order);
    g_autoptr(GwSnapshot) snapshot = gw_snapshot_new(engine);
    gw_drain_plan_free(plan_row(engine, snapshot, row, moves));
    return launch(engine, order->fence, row, moves, ret, ret_moves, error);
}

gboolean gw_engine_undrain(GwEngine *engine, const char *host, const GwDrainOrder *order, GwDrain **ret, GPtrArray **ret_moves,
                           GError **error)
{
    g_autoptr(GPtrArray) drains = NULL;
    *ret = NULL;
    *ret_moves = NULL;
    if ((!order->only_reason && !gw_engine_check_enabling(engine, host, error)) || !(drains = drains_of(engine, host, error)))
        return FALSE;
    const GwDrain *newest = drains->len ? drains->pdata[0] : NULL;
    if (!gw_drain_open_host(engine, host, order->only_reason, error))
        return FALSE;
    gw_rollings_wake(engine);
    g_autoptr(GwHostView) view = gw_engine_host(engine, host);
    if (view && !view->row->enabled)
        return TRUE; /* as it was before; nothing comes to it until it is enabled */
    g_autoptr(GHashTable) moves = gw_drain_moves_new();
    if (!list_all_returns(engine, drains, host, order->return_later, moves, error))
        return FALSE;
    if (!g_hash_table_size(moves))
        return !newest || note_undrain(engine, host, order, newest, error);
    return begin_return(engine, host, order, g_steal_pointer(&moves), ret, ret_moves, error);
}

/* ---- spreading load */

static gboolean keep_to_aggregate(GwEngine *engine, GwSnapshot *s, const char *name, GError **error)
{
    g_autoptr(GPtrArray) all = gw_engine_aggregates(engine);
    const GwAggregate *found = name ? gw_aggregates_named(all, name) : NULL;
    if (name && !found) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Aggregate %s could not be found.", name);
        return FALSE;
    }
    for (guint h = 0; found && h < s->cluster->hosts->len; h++)
        if (!gw_aggregate_has_host(found, gw_snapshot_host_name(s, h)))
            gw_cluster_host(s->cluster, h)->closed = "it is not in the aggregate";
    return TRUE;
}

/* Every host that sends or receives, by name. */
static char *hosts_of(GHashTable *moves)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, moves);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        g_hash_table_add(seen, ((GwDrainMove *)value)->source);
        g_hash_table_add(seen, ((GwDrainMove *)value)->dest);
    }
    g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(seen), (GCompareFunc)strcmp);
    GString *text = g_string_new(NULL);
    for (GList *item = names; item; item = item->next)
        g_string_append_printf(text, "%s%s", text->len ? " " : "", (const char *)item->data);
    return g_string_free(text, FALSE);
}

static void ban_failures(GwEngine *engine, GwSnapshot *s, gint64 drain)
{
    g_autoptr(GPtrArray) moves = NULL;
    if (!gw_store_drain_moves(engine->store, drain, &moves, NULL))
        return;
    for (guint n = 0; n < moves->len; n++) {
        guint instance;
        if (gw_snapshot_find_instance(s, ((const GwDrainMove *)moves->pdata[n])->instance_uuid, &instance))
            gw_drain_ban_tried(s, moves->pdata[n], instance);
    }
}

/* Nobody reads why the automatic balance fails, so that it must not fail in the same way for ever. */
static void remember_failures(GwEngine *engine, GwSnapshot *s, gint64 since_us)
{
    enum { NEWEST = 100 };
    GwDrainQuery query = {.limit = NEWEST};
    g_autoptr(GPtrArray) rows = NULL;
    if (!since_us || !gw_store_drains(engine->store, &query, &rows, NULL))
        return;
    for (guint n = 0; n < rows->len; n++) {
        const GwDrain *row = rows->pdata[n];
        if (row->kind == GW_DRAIN_BALANCE && row->created_us >= since_us)
            ban_failures(engine, s, row->id);
    }
}

gboolean gw_engine_balance(GwEngine *engine, const GwBalanceOrder *order, GwBalanceFigures *ret_figures, GwDrain **ret,
                           GPtrArray **ret_moves, GError **error)
{
    g_autoptr(GwSnapshot) snapshot = gw_snapshot_new(engine);
    if (!keep_to_aggregate(engine, snapshot, order->aggregate, error))
        return FALSE;
    remember_failures(engine, snapshot, order->failures_since_us);
    GwBalanceWish wish = GW_BALANCE_DEFAULTS;
    wish.objective = order->objective;
    wish.max_moves = order->max_moves;
    wish.least_gain = order->least_gain > 0 ? order->least_gain : wish.least_gain;
    wish.pace = gw_snapshot_pace(engine, order->order.per_host);
    g_autoptr(GwBalancePlan) plan = gw_balance_plan(snapshot->cluster, &wish);
    *ret_figures = (GwBalanceFigures){plan->score_before, plan->score_after, plan->bytes, plan->hosts_before, plan->hosts_after};
    GwDrainPlan as_drain = {plan->moves, g_array_new(FALSE, TRUE, sizeof(GwStay)), plan->table};
    GHashTable *moves = gw_drain_moves_new();
    gw_drain_write_plan(snapshot, &as_drain, moves, 0, NULL);
    g_array_unref(as_drain.stays);
    GwDrain *row = gw_drain_new();
    row->kind = GW_DRAIN_BALANCE;
    row->hosts = hosts_of(moves);
    take_names(row, &order->order);
    row->predicted_ms = (gint64)plan->table.makespan_ms;
    row->bound_ms = (gint64)plan->table.bound_ms;
    GwDryRun dry_run = g_hash_table_size(moves) ? order->order.dry_run : GW_DRY_RUN; /* nothing to do is nothing to record */
    return deliver(engine, dry_run, order->order.fence, row, moves, ret, ret_moves, error);
}

/* ---- looking, and stopping */

gboolean gw_engine_drains(GwEngine *engine, const GwDrainQuery *query, GPtrArray **ret_rows, GError **error)
{
    return gw_store_drains(engine->store, query, ret_rows, error);
}

gboolean gw_engine_drain_show(GwEngine *engine, gint64 id, GwDrain **ret, GPtrArray **ret_moves, GError **error)
{
    GwDrainQuery query = {.id = id};
    g_autoptr(GPtrArray) rows = NULL;
    if (id < 1 || !gw_store_drains(engine->store, &query, &rows, error) || !rows->len) {
        if (error && !*error)
            g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Drain %" G_GINT64_FORMAT " could not be found.", id);
        return FALSE;
    }
    if (!gw_store_drain_moves(engine->store, id, ret_moves, error))
        return FALSE;
    *ret = g_ptr_array_steal_index(rows, 0);
    return TRUE;
}

gboolean gw_engine_drain_cancel(GwEngine *engine, gint64 id, GError **error)
{
    if (!gw_store_drain_cancel(engine->store, id, error))
        return FALSE;
    gw_drains_wake(engine);
    return TRUE;
}
