/* Rolling drains as they are asked for: everything is checked first, of every host; then a worker plans what emptying
 * each would take, over one picture of the cluster, which takes a while for many hosts. */
#include "engine/drain.h"
#include "engine/hooks.h"

#include <string.h>

enum { MOST_AT_ONCE = 64 }; /* each is a drain and a call of a hook */

typedef struct {
    GwRolling *row;
    GwDryRun dry_run;
    GwRollingPlanned done;
    gpointer data;
} Order;

static GwRolling *row_of(const GwRollingOrder *order)
{
    GwRolling *row = gw_rolling_new();
    row->at_once = order->at_once;
    row->hook = g_strdup(order->hook);
    row->per_host = order->order.per_host;
    row->include_stopped = order->order.stopped == GW_STOPPED_MOVE;
    row->return_later = order->order.return_later;
    row->request_id = g_strdup(order->order.request_id);
    row->user_id = g_strdup(order->order.user_id);
    row->project_id = g_strdup(order->order.project_id);
    return row;
}

static gboolean take_at_once(GwRolling *row, GError **error)
{
    if (row->at_once > MOST_AT_ONCE)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "at_once: %u hosts at once are too many: name at most %d",
                    row->at_once, MOST_AT_ONCE);
    gboolean ok = row->at_once <= MOST_AT_ONCE;
    row->at_once = CLAMP(row->at_once, 1, MAX(1, row->hosts->len));
    return ok;
}

static void add_name(GwRolling *row, const char *name)
{
    gw_rolling_add(row)->host = g_strdup(name);
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp((*(GwRollingHost *const *)a)->host, (*(GwRollingHost *const *)b)->host);
}

static gboolean add_aggregate(GwEngine *engine, GwRolling *row, const char *name, GError **error)
{
    g_autoptr(GPtrArray) all = gw_engine_aggregates(engine);
    const GwAggregate *found = gw_aggregates_named(all, name);
    for (guint n = 0; found && n < found->hosts->len; n++)
        add_name(row, found->hosts->pdata[n]);
    g_ptr_array_sort(row->hosts, by_name);
    if (!found)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Aggregate %s could not be found.", name);
    else if (!row->hosts->len)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "aggregate: %s has no hosts: nothing is to be done", name);
    return row->hosts->len > 0;
}

static gboolean add_hosts(GwEngine *engine, GwRolling *row, const GwRollingOrder *order, GError **error)
{
    const GStrv names = order->order.hosts;
    if ((names && *names) == (order->aggregate != NULL)) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                    "hosts: name either the hosts, in the order of their turns, or an aggregate");
        return FALSE;
    }
    if (order->aggregate)
        return add_aggregate(engine, row, order->aggregate, error);
    for (char **name = names; *name; name++)
        add_name(row, *name);
    return TRUE;
}

/* One that is out of use already would be taken into use in the end, which nobody has asked for. */
static gboolean check_host(GwEngine *engine, const GwRolling *row, guint index, GError **error)
{
    const char *name = ((const GwRollingHost *)row->hosts->pdata[index])->host;
    g_autoptr(GwHostView) view = gw_engine_host(engine, name);
    if (gw_rolling_find(row, name) != row->hosts->pdata[index]) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "hosts: %s is named twice", name);
        return FALSE;
    }
    if (!view)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Compute host %s could not be found.", name);
    else if (!view->row->enabled || view->row->forced_down || !view->up)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "hosts: %s %s: mend that first, or name the hosts without it",
                    name,
                    !view->up                ? "does not answer"
                    : view->row->forced_down ? "is forced down"
                                             : "is disabled");
    return view && view->row->enabled && !view->row->forced_down && view->up;
}

static gboolean check_all(GwEngine *engine, const GwRolling *row, GError **error)
{
    for (guint n = 0; n < row->hosts->len; n++)
        if (!check_host(engine, row, n, error))
            return FALSE;
    return TRUE;
}

/* What emptying this host alone would take. */
static void predict(GwEngine *engine, GwSnapshot *snapshot, const GwRolling *row, GwRollingHost *host)
{
    char *names[] = {host->host, NULL};
    GwDrainOrder alone = {
        .hosts = names, .per_host = row->per_host, .stopped = row->include_stopped ? GW_STOPPED_MOVE : GW_STOPPED_STAY};
    g_autoptr(GwDrain) drain = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    gw_drain_preview(engine, snapshot, &alone, &drain, &moves);
    host->predicted_ms = drain->predicted_ms;
    for (guint n = 0; n < moves->len; n++) {
        const GwDrainMove *move = moves->pdata[n];
        gboolean stays = move->state == GW_STEP_STAYS;
        host->moves += !stays;
        host->stays += stays;
        if (stays && !host->reason)
            host->reason = g_strdup_printf("%s cannot move: %s", move->instance_name, move->reason);
    }
}

static gboolean carry_out(GwEngine *engine, Order *order, GError **error)
{
    GwRolling *row = order->row;
    g_autoptr(GwSnapshot) snapshot = gw_snapshot_new(engine);
    for (guint n = 0; n < row->hosts->len; n++)
        predict(engine, snapshot, row, row->hosts->pdata[n]);
    if (order->dry_run == GW_DRY_RUN)
        return TRUE;
    if (!gw_store_rolling_add(engine->store, row, error))
        return FALSE;
    gw_info("rolling drain %" G_GINT64_FORMAT " of %u hosts begins, %u at once", row->id, row->hosts->len,
            row->at_once);
    gw_rollings_wake(engine);
    return TRUE;
}

void gw_rolling_orders_work(gpointer item, gpointer engine)
{
    Order *order = item;
    g_autoptr(GError) error = NULL;
    gboolean ok = carry_out(engine, order, &error);
    order->done(order->data, ok ? order->row : NULL, error);
    gw_rolling_free(order->row);
    g_free(order);
}

void gw_engine_rolling(GwEngine *engine, const GwRollingOrder *order, GwRollingPlanned done, gpointer data)
{
    g_autoptr(GwRolling) row = row_of(order);
    g_autoptr(GError) error = NULL;
    if ((order->hook && !gw_hooks_check(engine->hooks, order->hook, &error)) ||
        !add_hosts(engine, row, order, &error) || !take_at_once(row, &error) || !check_all(engine, row, &error)) {
        done(data, NULL, error);
        return;
    }
    Order *checked = g_new0(Order, 1);
    *checked = (Order){g_steal_pointer(&row), order->order.dry_run, done, data};
    g_thread_pool_push(engine->rolling_orders, checked, NULL);
}

gboolean gw_engine_rollings(GwEngine *engine, GPtrArray **ret_rows, GError **error)
{
    return gw_store_rollings(engine->store, &(GwRollingQuery){0}, ret_rows, error);
}

GwRolling *gw_engine_rolling_show(GwEngine *engine, gint64 id, GError **error)
{
    g_autoptr(GPtrArray) rows = NULL;
    if (id < 1 || !gw_store_rollings(engine->store, &(GwRollingQuery){.id = id}, &rows, error) || !rows->len) {
        if (error && !*error)
            g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Rolling drain %" G_GINT64_FORMAT " could not be found.",
                        id);
        return NULL;
    }
    return g_ptr_array_steal_index(rows, 0);
}

gboolean gw_engine_rolling_cancel(GwEngine *engine, gint64 id, GError **error)
{
    return gw_store_rolling_cancel(engine->store, id, error);
}
