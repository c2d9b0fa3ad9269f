/* Rolling drains, carried out: again and again whoever leads the drains reads those that run, looks at the hosts whose
 * turn it is, and writes what has come of it. What a turn demands is done only once the turn is written, and everything
 * in it can be done twice, so that a crash at any moment, and a store that does not answer, is a look that comes later;
 * hooks alone are called again, which docs/planning.md says. */
#include "core/drain_reason.h"
#include "engine/drain.h"
#include "engine/hooks.h"

#include <string.h>

enum {
    IDLE_MS = 1000,
    BUSY_MS = 200
}; /* between two looks: while none runs or only people are waited for, and while something goes on */

typedef struct {
    GwEngine *engine;
    GwRolling *rolling;
    gint64 token; /* of the lease under which the row was read */
    const GwFence *fence; /* of that; NULL: there are no others */
    gboolean changed;
    GPtrArray *told; /* of Told *: calls of hooks that have ended; forgotten once what came of them is written */
} Round;

typedef struct {
    const char *phase, *host; /* borrowed from the rolling drain */
} Told;

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

/* What asking again will not change. */
static gboolean is_final(const GError *error)
{
    static const GwErrorCode codes[] = {GW_ERROR_NOT_FOUND, GW_ERROR_CONFLICT, GW_ERROR_INVALID, GW_ERROR_REFUSED};
    for (guint n = 0; n < G_N_ELEMENTS(codes); n++)
        if (g_error_matches(error, GW_ERROR, codes[n]))
            return TRUE;
    return FALSE;
}

static GwWorkState judge_error(Round *round, GwRollingHost *host, const GError *error)
{
    if (is_final(error)) {
        say(round, host, g_strdup(error->message));
        return GW_WORK_BROKEN;
    }
    gw_warning("rolling drain %" G_GINT64_FORMAT ": %s is %s, tried again: %s", round->rolling->id, host->host,
               gw_turn_name(host->turn), error->message);
    return GW_WORK_RUNNING;
}

/* *ret NULL: it is no host any more. FALSE: nobody knows; another daemon may have added it a moment ago. */
static gboolean find_view(GwEngine *engine, const char *host, GwHostView **ret)
{
    *ret = gw_engine_host(engine, host);
    if (*ret || !engine->peers)
        return TRUE;
    g_mutex_lock(&engine->edit_lock);
    gboolean ok = gw_engine_reload_hosts(engine, NULL);
    g_mutex_unlock(&engine->edit_lock);
    *ret = gw_engine_host(engine, host);
    return ok;
}

static char *unfit_reason(const GwHostView *view)
{
    const char *why = view ? view->row->disabled_reason : NULL;
    if (!view)
        return g_strdup("it was removed from Godwit meanwhile: begin again without it");
    if (view->row->forced_down)
        return g_strdup("it was forced down meanwhile: mend that, and begin again");
    if (!view->row->enabled)
        return g_strdup_printf("it was disabled meanwhile (%s): enable it, and begin again",
                               why ? why : "without a reason");
    return view->up ? NULL
                    : g_strdup_printf("it does not answer (%s): mend that, and begin again",
                                      view->down_reason ? view->down_reason : "why is not known");
}

/* *ret: why the host cannot have a turn, or NULL. FALSE: nobody knows just now. */
static gboolean find_unfit(GwEngine *engine, const char *host, char **ret)
{
    g_autoptr(GwHostView) view = NULL;
    if (!find_view(engine, host, &view))
        return FALSE;
    *ret = unfit_reason(view);
    return TRUE;
}

/* ---- what is seen of a host whose turn it is */

static GwHookCall call_of(const Round *round, const char *phase, const char *host, gint64 drain_id)
{
    return (GwHookCall){.hook = round->rolling->hook,
                        .phase = phase,
                        .host = host,
                        .rolling_id = round->rolling->id,
                        .drain_id = drain_id};
}

static GwHookState see_hook(Round *round, GwRollingHost *host)
{
    GwHookCall call = call_of(round, gw_turn_phase(host->turn), host->host, host->drain_id);
    char *message = NULL;
    if (!call.hook)
        return GW_HOOK_NONE;
    GwHookState state = gw_hooks_call(round->engine->hooks, &call, &message);
    if (state == GW_HOOK_LATER && host->turn != GW_TURN_EMPTY)
        message =
            g_strdup_printf("the hook %s %s said that it goes on (status 75, or 202), which only 'empty' is waited for",
                            call.phase, call.host);
    if (message)
        say(round, host, message);
    if (state != GW_HOOK_RUNNING) {
        Told *told = g_new(Told, 1);
        *told = (Told){call.phase, host->host};
        g_ptr_array_add(round->told, told);
    }
    return state;
}

typedef enum { OURS, ANYBODYS } Whose;

/* A drain of this kind and of this host alone; of this rolling drain, or one of anybody's that runs. *ret 0: none.
 * FALSE: the store does not say. */
static gboolean find_drain(const Round *round, const GwRollingHost *host, GwDrainKind kind, Whose whose, gint64 *ret)
{
    GwDrainQuery query = {.running_only = whose == ANYBODYS,
                          .host = host->host,
                          .kind = &kind,
                          .request_id = whose == OURS ? round->rolling->request_id : NULL};
    g_autoptr(GPtrArray) rows = NULL;
    *ret = 0;
    if (!gw_store_drains(round->engine->store, &query, &rows, NULL))
        return FALSE;
    for (guint n = 0; n < rows->len && !*ret; n++)
        if (g_strcmp0(((const GwDrain *)rows->pdata[n])->hosts, host->host) == 0)
            *ret = ((const GwDrain *)rows->pdata[n])->id;
    return TRUE;
}

static GwDrainOrder order_of(const Round *round, const GStrv hosts)
{
    const GwRolling *rolling = round->rolling;
    return (GwDrainOrder){.hosts = hosts,
                          .per_host = rolling->per_host,
                          .stopped = rolling->include_stopped ? GW_STOPPED_MOVE : GW_STOPPED_STAY,
                          .request_id = rolling->request_id,
                          .user_id = rolling->user_id,
                          .project_id = rolling->project_id,
                          .fence = round->fence};
}

/* Begins it, unless that has been done: it may be recorded though it was said to have failed. */
static GwWorkState begin_drain(Round *round, GwRollingHost *host)
{
    char *names[] = {host->host, NULL};
    GwDrainOrder order = order_of(round, names);
    g_autoptr(GwDrain) drain = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    g_autoptr(GError) error = NULL;
    if (!find_drain(round, host, GW_DRAIN_EMPTY, OURS, &host->drain_id))
        return GW_WORK_RUNNING;
    char *unfit = NULL;
    if (!host->drain_id && !find_unfit(round->engine, host->host, &unfit))
        return GW_WORK_RUNNING;
    if (unfit) {
        say(round, host, unfit);
        return GW_WORK_BROKEN;
    }
    if (!host->drain_id && !gw_engine_drain(round->engine, &order, &drain, &moves, &error))
        return judge_error(round, host, error);
    host->drain_id = drain ? drain->id : host->drain_id;
    round->changed = TRUE;
    return GW_WORK_RUNNING;
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
    if (!host->drain_id)
        return begin_drain(round, host);
    g_autoptr(GwDrain) drain = read_drain(round, host->drain_id);
    if (!drain || drain->state == GW_DRAIN_RUNNING)
        return GW_WORK_RUNNING; /* nothing is known while the store does not answer */
    if (drain->state == GW_DRAIN_COMPLETED)
        return GW_WORK_DONE;
    say(round, host,
        g_strdup_printf("its drain %" G_GINT64_FORMAT " is %s: %s", drain->id, gw_drain_state_name(drain->state),
                        drain->reason ? drain->reason : "see godwit drain-show"));
    return GW_WORK_BROKEN;
}

/* Into use, and home with what was there; not when somebody else has disabled it since: the next look sees that. */
static GwWorkState begin_return(Round *round, GwRollingHost *host)
{
    g_autofree char *own_reason = gw_drain_reason(host->drain_id, GW_DRAINED, GW_BEFORE_ENABLED, NULL);
    GwDrainOrder order = order_of(round, NULL);
    g_autoptr(GwDrain) drain = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    g_autoptr(GError) error = NULL;
    order.return_later = round->rolling->return_later;
    order.only_reason = own_reason;
    if (!gw_engine_undrain(round->engine, host->host, &order, &drain, &moves, &error))
        return g_error_matches(error, GW_ERROR, GW_ERROR_CONFLICT) ? GW_WORK_RUNNING : judge_error(round, host, error);
    host->return_id = drain ? drain->id : 0;
    round->changed = TRUE;
    return drain ? GW_WORK_RUNNING : GW_WORK_DONE;
}

/* What did not come home is told, and is no reason to leave the other hosts alone. */
static GwWorkState see_return(Round *round, GwRollingHost *host)
{
    gboolean known = host->return_id != 0;
    if (!known && (!find_drain(round, host, GW_DRAIN_RETURN, OURS, &host->return_id) ||
                   (!host->return_id && !find_drain(round, host, GW_DRAIN_RETURN, ANYBODYS, &host->return_id))))
        return GW_WORK_RUNNING;
    if (!host->return_id) /* nor has whoever took it into use begun one */
        return begin_return(round, host);
    round->changed |= !known;
    g_autoptr(GwDrain) drain = read_drain(round, host->return_id);
    if (!drain || drain->state == GW_DRAIN_RUNNING)
        return GW_WORK_RUNNING;
    if (drain->state != GW_DRAIN_COMPLETED)
        say(round, host,
            g_strdup_printf("return %" G_GINT64_FORMAT " is %s: %s", drain->id, gw_drain_state_name(drain->state),
                            drain->reason ? drain->reason : "see godwit drain-show"));
    return GW_WORK_DONE;
}

/* Disabled, and not by the drain that has emptied it. */
static gboolean is_taken(const GwHostView *view, const GwRollingHost *host)
{
    return !view->row->enabled && host->drain_id && !gw_drain_reason_is_of(view->row->disabled_reason, host->drain_id);
}

static void see_host(const Round *round, const GwRollingHost *host, GwTurnSight *sight)
{
    g_autoptr(GwHostView) view = NULL;
    sight->gone = find_view(round->engine, host->host, &view) && !view;
    sight->in_use = view && view->row->enabled;
    sight->taken = view && !host->return_id && is_taken(view, host);
}

/* ---- a round */

static char *held_words(const Round *round, const GwRollingHost *host, const GwTurnSight *sight)
{
    g_autoptr(GwHostView) view = gw_engine_host(round->engine, host->host);
    const char *why = view && view->row->disabled_reason ? view->row->disabled_reason : "without a reason";
    if (sight->taken)
        return g_strdup_printf(
            "it is empty, and was disabled meanwhile (%s): once that is over, run: godwit undrain %s", why, host->host);
    if (sight->hook == GW_HOOK_LATER)
        return g_strdup_printf(
            "it is empty, and the hook has begun something: when that has ended, it or you run: godwit undrain %s",
            host->host);
    return g_strdup_printf("it is empty: do what is to be done, then run: godwit undrain %s", host->host);
}

/* What went wrong, and what is to be done about the host itself. */
static char *failed_words(const Round *round, const GwRollingHost *host, const GwTurnSight *sight)
{
    g_autoptr(GwHostView) view = gw_engine_host(round->engine, host->host);
    const char *why = sight->gone    ? "it was removed from Godwit"
                      : host->reason ? host->reason
                                     : "for an unknown reason";
    if (!view || view->row->enabled || !host->drain_id)
        return g_strdup(why);
    return g_strdup_printf("%s; it stays disabled until: godwit undrain %s", why, host->host);
}

static void enter(Round *round, GwRollingHost *host, GwTurn turn, const GwTurnSight *sight)
{
    if (turn == GW_TURN_HELD)
        say(round, host, held_words(round, host, sight));
    else if (turn == GW_TURN_FAILED)
        say(round, host, failed_words(round, host, sight));
    else if (turn != GW_TURN_DONE && turn != GW_TURN_AFTER)
        say(round, host, NULL);
    gw_info("rolling drain %" G_GINT64_FORMAT ": %s is %s%s%s", round->rolling->id, host->host, gw_turn_name(turn),
            turn == GW_TURN_FAILED ? ": " : "", turn == GW_TURN_FAILED ? host->reason : "");
    host->turn = turn;
    host->since_us = g_get_real_time();
    round->changed = TRUE;
}

static void advance(Round *round, GwRollingHost *host)
{
    GwTurnSight sight = {.hook = GW_HOOK_NONE, .work = GW_WORK_RUNNING};
    see_host(round, host, &sight);
    if (gw_turn_phase(host->turn))
        sight.hook = see_hook(round, host);
    else if (host->turn == GW_TURN_EMPTYING && !sight.gone)
        sight.work = see_drain(round, host);
    else if (host->turn == GW_TURN_RETURNING && !sight.gone && !sight.taken)
        sight.work = see_return(round, host);
    GwTurn next = gw_rolling_next(host->turn, &sight);
    if (next != host->turn)
        enter(round, host, next, &sight);
}

/* It may have waited for weeks. FALSE: nothing is known of it just now. */
static gboolean begin_turn(Round *round, GwRollingHost *host)
{
    const GwTurnSight sight = {.hook = GW_HOOK_NONE};
    char *unfit;
    if (!find_unfit(round->engine, host->host, &unfit))
        return FALSE;
    if (unfit)
        say(round, host, unfit);
    enter(round, host, unfit ? GW_TURN_FAILED : GW_TURN_BEFORE, &sight);
    return TRUE;
}

/* ", HostC, HostD": those that have had no turn. */
static char *list_waiting(const GwRolling *rolling)
{
    enum { NAMED = 8 };
    guint waiting = 0;
    GString *text = g_string_new(NULL);
    for (guint n = 0; n < rolling->hosts->len; n++) {
        const GwRollingHost *host = rolling->hosts->pdata[n];
        if (host->turn == GW_TURN_WAITING && waiting++ < NAMED)
            g_string_append_printf(text, "%s%s", waiting > 1 ? " " : "", host->host);
    }
    if (waiting > NAMED)
        g_string_append_printf(text, " and %u more", waiting - NAMED);
    return g_string_free(text, FALSE);
}

static char *end_words(const GwRolling *rolling)
{
    g_autofree char *waiting = list_waiting(rolling);
    for (guint n = 0; n < rolling->hosts->len; n++) {
        const GwRollingHost *host = rolling->hosts->pdata[n];
        if (host->turn == GW_TURN_FAILED)
            return g_strdup_printf("%s: %s%s%s", host->host, host->reason,
                                   *waiting ? "; without a turn, to begin again with: " : "", waiting);
    }
    return NULL;
}

static void end(Round *round, GwRollingState state)
{
    GwRolling *rolling = round->rolling;
    rolling->state = state;
    rolling->ended_us = g_get_real_time();
    rolling->reason = end_words(rolling);
    round->changed = TRUE;
    gw_info("rolling drain %" G_GINT64_FORMAT " ended: %s%s%s", rolling->id, gw_rolling_state_name(state),
            rolling->reason ? ": " : "", rolling->reason ? rolling->reason : "");
}

static void journal(Round *round)
{
    g_autoptr(GError) error = NULL;
    if (!gw_store_rolling_journal(round->engine->store, round->rolling, round->fence, &error)) {
        gw_warning("rolling drain %" G_GINT64_FORMAT ": not recorded, looked at again: %s", round->rolling->id,
                   error->message);
        return;
    }
    for (guint n = 0; n < round->told->len; n++) {
        const Told *told = round->told->pdata[n];
        GwHookCall call = call_of(round, told->phase, told->host, 0);
        gw_hooks_forget(round->engine->hooks, &call);
    }
}

static gboolean leads(GwEngine *engine, gint64 token)
{
    g_mutex_lock(&engine->lock);
    gboolean yes = !engine->stopping && gw_peers_lead_drains(engine, token);
    g_mutex_unlock(&engine->lock);
    return yes;
}

static void look(Round *round)
{
    GwRolling *rolling = round->rolling;
    for (guint n = 0; n < rolling->hosts->len; n++) {
        GwRollingHost *host = rolling->hosts->pdata[n];
        if (!gw_turn_counts(host->turn))
            continue;
        if (!leads(round->engine, round->token))
            return; /* nothing more is done, nor written */
        advance(round, host);
    }
    for (GwRollingHost *host = gw_rolling_next_host(rolling); host && begin_turn(round, host);)
        host = gw_rolling_next_host(rolling);
    if (gw_rolling_outcome(rolling) != GW_ROLLING_RUNNING)
        end(round, gw_rolling_outcome(rolling));
    if (round->changed)
        journal(round);
}

static void carry_on(GwEngine *engine, GwRolling *rolling, gint64 token)
{
    GwFence fence;
    gboolean fenced = gw_peers_fence(engine, NULL, token, &fence);
    g_autoptr(GPtrArray) told = g_ptr_array_new_with_free_func(g_free);
    Round round = {.engine = engine, .rolling = rolling, .token = token, .fence = fenced ? &fence : NULL, .told = told};
    look(&round);
}

/* Something goes on that may end at any moment; where people are waited for, they wake us. */
static gboolean is_busy(const GPtrArray *rows)
{
    for (guint n = 0; n < rows->len; n++) {
        const GPtrArray *hosts = ((const GwRolling *)rows->pdata[n])->hosts;
        for (guint h = 0; h < hosts->len; h++) {
            GwTurn turn = ((const GwRollingHost *)hosts->pdata[h])->turn;
            if (gw_turn_counts(turn) && turn != GW_TURN_HELD)
                return TRUE;
        }
    }
    return FALSE;
}

void gw_rollings_work(gpointer item, gpointer data)
{
    GwEngine *engine = data;
    GwRollingQuery query = {.running_only = TRUE};
    g_autoptr(GPtrArray) rows = NULL;
    g_mutex_lock(&engine->lock);
    gint64 token = gw_peers_drains_token(engine);
    engine->rolling_due_us = G_MAXINT64;
    g_mutex_unlock(&engine->lock);
    if (leads(engine, token) && gw_inventory_has_looked(engine) &&
        gw_store_rollings(engine->store, &query, &rows, NULL))
        for (guint n = 0; n < rows->len; n++)
            carry_on(engine, rows->pdata[n], token);
    g_mutex_lock(&engine->lock);
    engine->rolling = FALSE;
    /* not later than somebody has asked for meanwhile */
    engine->rolling_due_us =
        MIN(engine->rolling_due_us, g_get_monotonic_time() + (rows && is_busy(rows) ? BUSY_MS : IDLE_MS) * 1000);
    g_mutex_unlock(&engine->lock);
}

void gw_rollings_wake(GwEngine *engine)
{
    g_mutex_lock(&engine->lock);
    engine->rolling_due_us = 0;
    g_mutex_unlock(&engine->lock);
}

void gw_rollings_tick(GwEngine *engine)
{
    g_mutex_lock(&engine->lock);
    gboolean mine = !engine->stopping && gw_peers_lead_drains(engine, gw_peers_drains_token(engine));
    if (mine && !engine->rolling && g_get_monotonic_time() >= engine->rolling_due_us) {
        engine->rolling = TRUE;
        g_thread_pool_push(engine->rollings, GINT_TO_POINTER(1), NULL);
    }
    g_mutex_unlock(&engine->lock);
    if (!mine)
        gw_hooks_drop(engine->hooks); /* another daemon calls them */
}
