#include "core/rolling.h"

#include <string.h>

const char *const gw_turn_names[] = {
#define X(ENUM, name, counts, kept) name,
    GW_TURNS(X)
#undef X
};

static const gboolean turn_counts[] = {
#define X(ENUM, name, counts, kept) counts,
    GW_TURNS(X)
#undef X
};

static const gboolean turn_is_kept[] = {
#define X(ENUM, name, counts, kept) kept,
    GW_TURNS(X)
#undef X
};

const char *const gw_rolling_state_names[] = {
    [GW_ROLLING_RUNNING] = "running",
    [GW_ROLLING_COMPLETED] = "completed",
    [GW_ROLLING_FAILED] = "failed",
    [GW_ROLLING_CANCELLED] = "cancelled",
};

const char *gw_turn_name(GwTurn turn)
{
    return gw_turn_names[turn];
}

gboolean gw_turn_counts(GwTurn turn)
{
    return turn_counts[turn];
}

gboolean gw_turn_is_kept(GwTurn turn)
{
    return turn_is_kept[turn];
}

const char *gw_turn_phase(GwTurn turn)
{
    return turn == GW_TURN_BEFORE || turn == GW_TURN_EMPTY || turn == GW_TURN_AFTER ? gw_turn_names[turn] : NULL;
}

const char *gw_rolling_state_name(GwRollingState state)
{
    return gw_rolling_state_names[state];
}

/* ---- values */

static void host_free(gpointer data)
{
    GwRollingHost *host = data;
    g_free(host->host);
    g_free(host->reason);
    g_free(host);
}

GwRolling *gw_rolling_new(void)
{
    GwRolling *rolling = g_new0(GwRolling, 1);
    rolling->hosts = g_ptr_array_new_with_free_func(host_free);
    return rolling;
}

void gw_rolling_free(GwRolling *rolling)
{
    if (!rolling)
        return;
    g_free(rolling->hook);
    g_free(rolling->reason);
    g_free(rolling->request_id);
    g_free(rolling->user_id);
    g_free(rolling->project_id);
    g_ptr_array_unref(rolling->hosts);
    g_free(rolling);
}

GwRollingHost *gw_rolling_add(GwRolling *rolling)
{
    GwRollingHost *host = g_new0(GwRollingHost, 1);
    g_ptr_array_add(rolling->hosts, host);
    return host;
}

GwRollingHost *gw_rolling_find(const GwRolling *rolling, const char *name)
{
    for (guint n = 0; n < rolling->hosts->len; n++) {
        GwRollingHost *host = rolling->hosts->pdata[n];
        if (strcmp(host->host, name) == 0)
            return host;
    }
    return NULL;
}

/* ---- what comes next */

/* Only at `empty` is there anybody who would tell that what the hook has begun has ended. */
static GwTurn after_hook(GwTurn turn, GwHookState hook, GwTurn done, GwTurn none)
{
    switch (hook) {
    case GW_HOOK_RUNNING:
        return turn;
    case GW_HOOK_BROKEN:
        return GW_TURN_FAILED;
    case GW_HOOK_NONE:
        return none;
    case GW_HOOK_LATER:
        return turn == GW_TURN_EMPTY ? GW_TURN_HELD : GW_TURN_FAILED;
    case GW_HOOK_DONE:
        break;
    }
    return done;
}

static GwTurn after_work(GwTurn turn, GwWorkState work, GwTurn done)
{
    if (work == GW_WORK_RUNNING)
        return turn;
    return work == GW_WORK_DONE ? done : GW_TURN_FAILED;
}

GwTurn gw_rolling_next(GwTurn turn, const GwTurnSight *sight)
{
    if (sight->gone && gw_turn_counts(turn) && sight->hook != GW_HOOK_RUNNING)
        return GW_TURN_FAILED;
    switch (turn) {
    case GW_TURN_BEFORE:
        return after_hook(turn, sight->hook, GW_TURN_EMPTYING, GW_TURN_EMPTYING);
    case GW_TURN_EMPTYING:
        return after_work(turn, sight->work, GW_TURN_EMPTY);
    case GW_TURN_EMPTY:
        return after_hook(turn, sight->hook, sight->taken ? GW_TURN_HELD : GW_TURN_RETURNING, GW_TURN_HELD);
    case GW_TURN_HELD:
        return sight->in_use ? GW_TURN_RETURNING : turn;
    case GW_TURN_RETURNING:
        return sight->taken ? GW_TURN_HELD : after_work(turn, sight->work, GW_TURN_AFTER);
    case GW_TURN_AFTER:
        return after_hook(turn, sight->hook, GW_TURN_DONE, GW_TURN_DONE);
    case GW_TURN_WAITING:
    case GW_TURN_DONE:
    case GW_TURN_FAILED:
    case GW_TURN_COUNT:
        break;
    }
    return turn;
}

GwRollingHost *gw_rolling_next_host(const GwRolling *rolling)
{
    GwRollingHost *next = NULL;
    guint busy = 0;
    for (guint n = 0; n < rolling->hosts->len; n++) {
        GwRollingHost *host = rolling->hosts->pdata[n];
        busy += gw_turn_counts(host->turn);
        if (host->turn == GW_TURN_FAILED)
            return NULL;
        if (!next && host->turn == GW_TURN_WAITING)
            next = host;
    }
    return !rolling->cancelling && busy < MAX(1, rolling->at_once) ? next : NULL;
}

static gboolean has_failed(const GwRolling *rolling)
{
    for (guint n = 0; n < rolling->hosts->len; n++)
        if (((const GwRollingHost *)rolling->hosts->pdata[n])->turn == GW_TURN_FAILED)
            return TRUE;
    return FALSE;
}

gboolean gw_rolling_wants(const GwRolling *rolling, const char *name)
{
    const GwRollingHost *host = gw_rolling_find(rolling, name);
    if (!host || host->turn != GW_TURN_WAITING)
        return host && gw_turn_counts(host->turn);
    return !rolling->cancelling && !has_failed(rolling);
}

GwRollingState gw_rolling_outcome(const GwRolling *rolling)
{
    guint waiting = 0, failed = 0;
    for (guint n = 0; n < rolling->hosts->len; n++) {
        GwTurn turn = ((const GwRollingHost *)rolling->hosts->pdata[n])->turn;
        if (gw_turn_counts(turn))
            return GW_ROLLING_RUNNING;
        waiting += turn == GW_TURN_WAITING;
        failed += turn == GW_TURN_FAILED;
    }
    if (failed)
        return GW_ROLLING_FAILED;
    if (!waiting)
        return GW_ROLLING_COMPLETED;
    return rolling->cancelling ? GW_ROLLING_CANCELLED : GW_ROLLING_RUNNING;
}
