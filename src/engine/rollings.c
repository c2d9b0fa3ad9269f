/* Rolling drains, carried out: again and again whoever leads the drains reads those that run, looks at the hosts whose turn it is, and writes what
 * has come of it. What a turn demands is done only once the turn is written, and everything in it can be done twice, so that a crash at any
 * moment is a look that comes later; hooks alone are called again, which docs/planning.md says. */
#include "engine/hooks.h"
#include "engine/internal.h"

#include <string.h>

enum { IDLE_MS = 1000, BUSY_MS = 200 }; /* between two looks, while none runs and while one does */

/* ---- asked for */

static GwRolling *row_of(const GwRollingOrder *order)
{
    GwRolling *row = gw_rolling_new();
    row->at_once = MAX(1, order->at_once);
    row->hook = g_strdup(order->hook);
    row->per_host = order->order.per_host;
    row->include_stopped = order->order.stopped == GW_STOPPED_MOVE;
    row->return_later = order->order.return_later;
    row->request_id = g_strdup(order->order.request_id);
    row->user_id = g_strdup(order->order.user_id);
    row->project_id = g_strdup(order->order.project_id);
    return row;
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
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "hosts: name either the hosts, in the order of their turns, or an aggregate");
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
    for (guint n = 0; n < index; n++) {
        if (strcmp(((const GwRollingHost *)row->hosts->pdata[n])->host, name) == 0) {
            g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "hosts: %s is named twice", name);
            return FALSE;
        }
    }
    if (!view)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Compute host %s could not be found.", name);
    else if (!view->row->enabled || view->row->forced_down || !view->up)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "hosts: %s %s: mend that first, or name the hosts without it", name,
                    !view->up ? "does not answer" : view->row->forced_down ? "is forced down" : "is disabled");
    return view && view->row->enabled && !view->row->forced_down && view->up;
}

/* What emptying this host alone would take. */
static gboolean predict(GwEngine *engine, GwRolling *row, guint index, const GwRollingOrder *order, GError **error)
{
    GwRollingHost *host = row->hosts->pdata[index];
    char *names[] = {host->host, NULL};
    GwDrainOrder alone = order->order;
    g_autoptr(GwDrain) drain = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    alone.hosts = names;
    alone.dry_run = GW_DRY_RUN;
    if (!gw_engine_drain(engine, &alone, &drain, &moves, error))
        return FALSE;
    host->predicted_ms = drain->predicted_ms;
    for (guint n = 0; n < moves->len; n++) {
        const GwDrainMove *move = moves->pdata[n];
        gboolean stays = move->state == GW_STEP_STAYS;
        host->moves += !stays;
        host->stays += stays;
        if (stays && !host->reason)
            host->reason = g_strdup_printf("%s cannot move: %s", move->instance_name, move->reason);
    }
    return TRUE;
}

gboolean gw_engine_rolling(GwEngine *engine, const GwRollingOrder *order, GwRolling **ret, GError **error)
{
    g_autoptr(GwRolling) row = row_of(order);
    if ((order->hook && !gw_hooks_check(engine->hooks, order->hook, error)) || !add_hosts(engine, row, order, error))
        return FALSE;
    for (guint n = 0; n < row->hosts->len; n++)
        if (!check_host(engine, row, n, error) || !predict(engine, row, n, order, error))
            return FALSE;
    if (order->order.dry_run == GW_DRY_RUN_NOT && !gw_store_rolling_add(engine->store, row, error))
        return FALSE;
    if (row->id)
        gw_info("rolling drain %" G_GINT64_FORMAT " of %u hosts begins, %u at once", row->id, row->hosts->len, row->at_once);
    *ret = g_steal_pointer(&row);
    return TRUE;
}

gboolean gw_engine_rollings(GwEngine *engine, GPtrArray **ret_rows, GError **error)
{
    return gw_store_rollings(engine->store, 0, FALSE, ret_rows, error);
}

GwRolling *gw_engine_rolling_show(GwEngine *engine, gint64 id, GError **error)
{
    g_autoptr(GPtrArray) rows = NULL;
    if (id < 1 || !gw_store_rollings(engine->store, id, FALSE, &rows, error) || !rows->len) {
        if (error && !*error)
            g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Rolling drain %" G_GINT64_FORMAT " could not be found.", id);
        return NULL;
    }
    return g_ptr_array_steal_index(rows, 0);
}

gboolean gw_engine_rolling_cancel(GwEngine *engine, gint64 id, GError **error)
{
    return gw_store_rolling_cancel(engine->store, id, error);
}

/* ---- what is seen of a host whose turn it is */

typedef struct {
    GwEngine *engine;
    GwRolling *rolling;
    gboolean changed;
} Round;

/* taken */
static void say(Round *round, GwRollingHost *host, char *reason)
{
    if (g_strcmp0(host->reason, reason) == 0) {
        g_free(reason);
        return;
    }
    g_free(host->reason);
    host->reason = reason;
    round->changed = TRUE;
}

static GwHookState see_hook(Round *round, GwRollingHost *host)
{
    GwHookCall call = {.hook = round->rolling->hook, .phase = gw_turn_phase(host->turn), .host = host->host,
                       .rolling_id = round->rolling->id, .drain_id = host->drain_id};
    char *message = NULL;
    if (!call.hook)
        return GW_HOOK_NONE;
    GwHookState state = gw_hooks_call(round->engine->hooks, &call, &message);
    if (message)
        say(round, host, message);
    return state;
}

/* A drain of this kind and of this host alone; ours: of this rolling drain, else: one of anybody's that runs. 0: none. */
static gint64 find_drain(const Round *round, const GwRollingHost *host, GwDrainKind kind, gboolean ours)
{
    GwDrainQuery query = {.running_only = !ours};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_drains(round->engine->store, &query, &rows, NULL))
        return 0;
    for (guint n = 0; n < rows->len; n++) {
        const GwDrain *row = rows->pdata[n];
        if (row->kind == kind && g_strcmp0(row->hosts, host->host) == 0 &&
            (!ours || g_strcmp0(row->request_id, round->rolling->request_id) == 0))
            return row->id;
    }
    return 0;
}

static GwDrainOrder order_of(const Round *round, const GStrv hosts)
{
    const GwRolling *rolling = round->rolling;
    return (GwDrainOrder){.hosts = hosts,
                          .per_host = rolling->per_host,
                          .stopped = rolling->include_stopped ? GW_STOPPED_MOVE : GW_STOPPED_STAY,
                          .request_id = rolling->request_id,
                          .user_id = rolling->user_id,
                          .project_id = rolling->project_id};
}

/* Begins it, unless that has been done. 0: it could not be begun, and the host's reason says why. */
static gint64 begin_drain(Round *round, GwRollingHost *host)
{
    gint64 known = find_drain(round, host, GW_DRAIN_EMPTY, TRUE);
    char *names[] = {host->host, NULL};
    GwDrainOrder order = order_of(round, names);
    g_autoptr(GwDrain) drain = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    g_autoptr(GError) error = NULL;
    if (known || gw_engine_drain(round->engine, &order, &drain, &moves, &error))
        return known ? known : drain->id;
    say(round, host, g_strdup(error->message));
    return 0;
}

static GwDrain *read_drain(const Round *round, gint64 id)
{
    GwDrainQuery query = {.id = id};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_drains(round->engine->store, &query, &rows, NULL) || !rows->len)
        return NULL;
    return g_ptr_array_steal_index(rows, 0);
}

static GwWorkState see_drain(Round *round, GwRollingHost *host)
{
    if (!host->drain_id) {
        host->drain_id = begin_drain(round, host);
        round->changed = TRUE;
        return host->drain_id ? GW_WORK_RUNNING : GW_WORK_BROKEN;
    }
    g_autoptr(GwDrain) drain = read_drain(round, host->drain_id);
    if (!drain || drain->state == GW_DRAIN_RUNNING)
        return GW_WORK_RUNNING; /* nothing is known while the store does not answer */
    if (drain->state == GW_DRAIN_COMPLETED)
        return GW_WORK_DONE;
    say(round, host, g_strdup_printf("its drain %" G_GINT64_FORMAT " is %s: %s", drain->id, gw_drain_state_name(drain->state),
                                     drain->reason ? drain->reason : "see godwit drain-show"));
    return GW_WORK_BROKEN;
}

/* Into use, and home with what was there. 0: there is nothing to bring, or *ret_state says why not. */
static gint64 begin_return(Round *round, GwRollingHost *host, GwWorkState *ret_state)
{
    GwDrainOrder order = order_of(round, NULL);
    g_autoptr(GwDrain) drain = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    g_autoptr(GError) error = NULL;
    order.return_later = round->rolling->return_later;
    *ret_state = GW_WORK_DONE;
    if (gw_engine_undrain(round->engine, host->host, &order, &drain, &moves, &error))
        return drain ? drain->id : 0;
    say(round, host, g_strdup(error->message));
    *ret_state = GW_WORK_BROKEN;
    return 0;
}

/* What did not come home is told, and is no reason to leave the other hosts alone. */
static GwWorkState see_return(Round *round, GwRollingHost *host)
{
    GwWorkState state = GW_WORK_DONE;
    if (!host->return_id) {
        host->return_id = find_drain(round, host, GW_DRAIN_RETURN, TRUE);
        if (!host->return_id)
            host->return_id = find_drain(round, host, GW_DRAIN_RETURN, FALSE); /* of whoever has taken it into use */
        if (!host->return_id)
            host->return_id = begin_return(round, host, &state);
        round->changed = TRUE;
        if (!host->return_id)
            return state;
    }
    g_autoptr(GwDrain) drain = read_drain(round, host->return_id);
    if (!drain || drain->state == GW_DRAIN_RUNNING)
        return GW_WORK_RUNNING;
    if (drain->state != GW_DRAIN_COMPLETED)
        say(round, host, g_strdup_printf("return %" G_GINT64_FORMAT " is %s: %s", drain->id, gw_drain_state_name(drain->state),
                                         drain->reason ? drain->reason : "see godwit drain-show"));
    return GW_WORK_DONE;
}

static gboolean is_in_use(const Round *round, const GwRollingHost *host)
{
    g_autoptr(GwHostView) view = gw_engine_host(round->engine, host->host);
    return view && view->row->enabled;
}

/* ---- a round */

static void enter(Round *round, GwRollingHost *host, GwTurn turn)
{
    gw_info("rolling drain %" G_GINT64_FORMAT ": %s is %s%s%s", round->rolling->id, host->host, gw_turn_name(turn),
            turn == GW_TURN_FAILED ? ": " : "", turn == GW_TURN_FAILED && host->reason ? host->reason : "");
    host->turn = turn;
    host->since_us = g_get_real_time();
    round->changed = TRUE;
    if (turn == GW_TURN_HELD)
        say(round, host, g_strdup_printf("it is empty: do what is to be done, then run: godwit undrain %s", host->host));
    else if (turn != GW_TURN_FAILED && turn != GW_TURN_DONE && turn != GW_TURN_AFTER)
        say(round, host, NULL);
}

static void advance(Round *round, GwRollingHost *host)
{
    GwTurnSight sight = {.hook = GW_HOOK_NONE, .work = GW_WORK_RUNNING};
    if (gw_turn_phase(host->turn))
        sight.hook = see_hook(round, host);
    else if (host->turn == GW_TURN_EMPTYING)
        sight.work = see_drain(round, host);
    else if (host->turn == GW_TURN_RETURNING)
        sight.work = see_return(round, host);
    sight.in_use = is_in_use(round, host);
    GwTurn next = gw_rolling_next(host->turn, &sight);
    if (next != host->turn)
        enter(round, host, next);
}

static void end(Round *round, GwRollingState state)
{
    GwRolling *rolling = round->rolling;
    rolling->state = state;
    rolling->ended_us = g_get_real_time();
    round->changed = TRUE;
    for (guint n = 0; n < rolling->hosts->len && !rolling->reason; n++) {
        const GwRollingHost *host = rolling->hosts->pdata[n];
        if (host->turn == GW_TURN_FAILED)
            rolling->reason = g_strdup_printf("%s: %s", host->host, host->reason ? host->reason : "for an unknown reason");
    }
    gw_info("rolling drain %" G_GINT64_FORMAT " ended: %s%s%s", rolling->id, gw_rolling_state_name(state), rolling->reason ? ": " : "",
            rolling->reason ? rolling->reason : "");
}

static void journal(Round *round)
{
    g_autoptr(GError) error = NULL;
    GwFence fence;
    g_mutex_lock(&round->engine->lock);
    gint64 token = gw_peers_drains_token(round->engine);
    g_mutex_unlock(&round->engine->lock);
    gboolean fenced = gw_peers_fence(round->engine, NULL, token, &fence);
    if (!gw_store_rolling_journal(round->engine->store, round->rolling, fenced ? &fence : NULL, &error))
        gw_warning("rolling drain %" G_GINT64_FORMAT ": not recorded, tried again: %s", round->rolling->id, error->message);
}

static void carry_on(GwEngine *engine, GwRolling *rolling)
{
    Round round = {engine, rolling, FALSE};
    for (guint n = 0; n < rolling->hosts->len; n++) {
        GwRollingHost *host = rolling->hosts->pdata[n];
        if (gw_turn_counts(host->turn))
            advance(&round, host);
    }
    for (GwRollingHost *host = gw_rolling_next_host(rolling); host; host = gw_rolling_next_host(rolling))
        enter(&round, host, GW_TURN_BEFORE);
    if (gw_rolling_outcome(rolling) != GW_ROLLING_RUNNING)
        end(&round, gw_rolling_outcome(rolling));
    if (round.changed)
        journal(&round);
}

/* [locked] */
static gboolean leads(GwEngine *engine)
{
    return !engine->stopping && gw_peers_lead_drains(engine, gw_peers_drains_token(engine));
}

void gw_rollings_work(gpointer item, gpointer data)
{
    GwEngine *engine = data;
    g_autoptr(GPtrArray) rows = NULL;
    g_mutex_lock(&engine->lock);
    gboolean go = leads(engine);
    g_mutex_unlock(&engine->lock);
    if (go && gw_inventory_has_looked(engine) && gw_store_rollings(engine->store, 0, TRUE, &rows, NULL))
        for (guint n = 0; n < rows->len; n++)
            carry_on(engine, rows->pdata[n]);
    g_mutex_lock(&engine->lock);
    engine->rolling = FALSE;
    engine->rolling_due_us = g_get_monotonic_time() + (rows && rows->len ? BUSY_MS : IDLE_MS) * 1000;
    g_mutex_unlock(&engine->lock);
}

void gw_rollings_tick(GwEngine *engine)
{
    g_mutex_lock(&engine->lock);
    if (!engine->rolling && g_get_monotonic_time() >= engine->rolling_due_us && leads(engine)) {
        engine->rolling = TRUE;
        g_thread_pool_push(engine->rollings, GINT_TO_POINTER(1), NULL);
    }
    g_mutex_unlock(&engine->lock);
}
