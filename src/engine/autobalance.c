/* Spreading load without anyone asking, off by default. Every interval it is looked how uneven the hosts are and what a balance would
 * gain; only what has lasted for several looks is mended, by the same balance that `godwit balance` makes. Nothing is begun while hosts are
 * emptied or balanced, nor soon after: what such moves do to the figures is to settle first. The looks are forgotten with the process; when
 * the last drain or balance ended is the store's to say, so that a restart or another daemon does not hurry. */
#include "engine/internal.h"

/* [locked] */
static gboolean is_due(GwEngine *engine)
{
    GwAutobalance *own = &engine->autobalance;
    gint64 now_us = g_get_monotonic_time();
    if (engine->stopping || !gw_peers_lead_drains(engine, gw_peers_drains_token(engine))) {
        own->lasted = 0; /* another looks */
        own->has_score = FALSE;
        return FALSE;
    }
    if (!own->due_us)
        own->due_us = now_us + (gint64)engine->settings.balance.interval_s * G_USEC_PER_SEC;
    if (own->looking || now_us < own->due_us)
        return FALSE;
    own->due_us = now_us + (gint64)engine->settings.balance.interval_s * G_USEC_PER_SEC;
    own->looking = TRUE;
    return TRUE;
}

void gw_autobalance_tick(GwEngine *engine)
{
    if (!engine->settings.balance.interval_s)
        return;
    g_mutex_lock(&engine->lock);
    if (is_due(engine))
        g_thread_pool_push(engine->looks, GINT_TO_POINTER(1), NULL);
    g_mutex_unlock(&engine->lock);
}

/* Drains, returns and balances, of anybody's: under way, or ended less than the cool-down ago. */
static gboolean must_wait(GwEngine *engine)
{
    enum { NEWEST = 200 }; /* what began before these has ended long ago, or is under way */
    GwDrainQuery newest = {.limit = NEWEST}, running = {.running_only = TRUE};
    GwRollingQuery running_rolling = {.running_only = TRUE};
    g_autoptr(GPtrArray) rows = NULL, under_way = NULL, rolling = NULL;
    gint64 since_us = g_get_real_time() - (gint64)engine->settings.balance.cooldown_s * G_USEC_PER_SEC;
    if (!gw_store_drains(engine->store, &newest, &rows, NULL) ||
        !gw_store_drains(engine->store, &running, &under_way, NULL) ||
        !gw_store_rollings(engine->store, &running_rolling, &rolling, NULL))
        return TRUE; /* nothing is known */
    gboolean settles = FALSE;
    for (guint n = 0; n < rows->len; n++)
        settles |= ((const GwDrain *)rows->pdata[n])->ended_us > since_us;
    return settles || under_way->len || rolling->len;
}

static GwBalanceOrder order_of(const GwEngine *engine, GwDryRun dry_run)
{
    enum { DAY_S = 24 * 3600 };
    const GwAutobalanceSettings *wish = &engine->settings.balance;
    return (GwBalanceOrder){.failures_since_us = g_get_real_time() - (gint64)DAY_S * G_USEC_PER_SEC,
                            .order = {.dry_run = dry_run, .user_id = GW_AUTOBALANCE_USER},
                            .objective = wish->objective,
                            .max_moves = wish->max_moves,
                            .least_gain = wish->gain_percent / 100.0};
}

static gboolean is_worth_it(const GwEngine *engine, const GwBalanceFigures *figures, const GPtrArray *moves)
{
    return moves->len && figures->score_before * 100 >= engine->settings.balance.threshold_percent;
}

static void begin(GwEngine *engine, const GwBalanceFigures *figures, gint64 token)
{
    g_autofree char *uuid = g_uuid_string_random(), *request_id = g_strconcat("req-", uuid, NULL);
    GwBalanceOrder order = order_of(engine, GW_DRY_RUN_NOT);
    GwBalanceFigures now;
    g_autoptr(GwDrain) drain = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    g_autoptr(GError) error = NULL;
    GwFence fence;
    order.order.request_id = request_id;
    order.order.fence = gw_peers_fence(engine, NULL, token, &fence) ? &fence : NULL;
    if (!gw_engine_balance(engine, &order, &now, &drain, &moves, &error))
        gw_warning("automatic balance: not begun: %s", error->message);
    else if (drain->id)
        gw_info("automatic balance: the hosts have been uneven for %u looks (%.3f): drain %" G_GINT64_FORMAT " makes %u moves, to %.3f",
                engine->settings.balance.samples, figures->score_before, drain->id, moves->len, now.score_after);
}

/* How many looks in a row have found the hosts uneven, this one counted. */
static guint note(GwEngine *engine, const GwBalanceFigures *figures, gboolean uneven)
{
    g_mutex_lock(&engine->lock);
    GwAutobalance *own = &engine->autobalance;
    own->lasted = uneven ? own->lasted + 1 : 0;
    own->score = figures->score_before;
    own->has_score = TRUE;
    guint lasted = own->lasted;
    if (lasted >= engine->settings.balance.samples)
        own->lasted = 0;
    g_mutex_unlock(&engine->lock);
    return lasted;
}

/* token: of the lease under which it is looked */
static void look(GwEngine *engine, gint64 token)
{
    GwBalanceOrder order = order_of(engine, GW_DRY_RUN);
    GwBalanceFigures figures;
    g_autoptr(GwDrain) drain = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    if (!gw_engine_balance(engine, &order, &figures, &drain, &moves, NULL))
        return;
    gboolean uneven = is_worth_it(engine, &figures, moves) && !must_wait(engine);
    if (note(engine, &figures, uneven) >= engine->settings.balance.samples)
        begin(engine, &figures, token);
}

void gw_autobalance_work(gpointer item, gpointer data)
{
    GwEngine *engine = data;
    g_mutex_lock(&engine->lock);
    gboolean stopping = engine->stopping;
    gint64 token = gw_peers_drains_token(engine);
    g_mutex_unlock(&engine->lock);
    if (!stopping && gw_inventory_has_looked(engine))
        look(engine, token);
    g_mutex_lock(&engine->lock);
    engine->autobalance.looking = FALSE;
    g_mutex_unlock(&engine->lock);
}

gboolean gw_engine_unevenness(GwEngine *engine, double *ret_score)
{
    g_mutex_lock(&engine->lock);
    gboolean known = engine->autobalance.has_score;
    *ret_score = engine->autobalance.score;
    g_mutex_unlock(&engine->lock);
    return known;
}
