/* Drains of the engine of memory: one that runs (1), one that has ended (2), and plans that are always the same. */
#include "engine/engine.h"

#include "base/error.h"

#include <string.h>

static GwDrain *drain_of(gint64 id, const char *hosts)
{
    GwDrain *drain = gw_drain_new();
    drain->id = id;
    g_strlcpy(drain->uuid, "30000000-0000-4000-8000-000000000001", sizeof drain->uuid);
    drain->hosts = g_strdup(hosts);
    drain->state = id == 2 ? GW_DRAIN_INCOMPLETE : GW_DRAIN_RUNNING;
    drain->created_us = id ? 1000000 : 0;
    drain->ended_us = id == 2 ? 5000000 : 0;
    drain->predicted_ms = 3000;
    drain->bound_ms = 2900;
    return drain;
}

static GPtrArray *moves_new(void)
{
    GPtrArray *moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_drain_move_free);
    GwDrainMove *move = gw_drain_move_new();
    g_strlcpy(move->instance_uuid, "10000000-0000-4000-8000-000000000001", sizeof move->instance_uuid);
    move->instance_name = g_strdup("vm-active");
    move->source = g_strdup("HostB");
    move->dest = g_strdup("HostC");
    g_ptr_array_add(moves, move);
    return moves;
}

gboolean gw_engine_drain(GwEngine *engine, const GwDrainOrder *order, GwDrain **ret, GPtrArray **ret_moves, GError **error)
{
    g_autoptr(GwHostView) view = gw_engine_host(engine, order->hosts[0]);
    if (!view) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Compute host %s could not be found.", order->hosts[0]);
        return FALSE;
    }
    g_autofree char *hosts = g_strjoinv(" ", order->hosts);
    *ret = drain_of(order->dry_run == GW_DRY_RUN ? 0 : 1, hosts);
    *ret_moves = moves_new();
    return TRUE;
}

gboolean gw_engine_undrain(GwEngine *engine, const char *host, const GwDrainOrder *order, GwDrain **ret, GPtrArray **ret_moves, GError **error)
{
    GwHostEdit edit = {.enabled = GW_SWITCH_ON};
    *ret = NULL;
    *ret_moves = NULL;
    return gw_engine_host_edit(engine, host, &edit, error);
}

gboolean gw_engine_balance(GwEngine *engine, const GwBalanceOrder *order, GwBalanceFigures *ret_figures, GwDrain **ret, GPtrArray **ret_moves,
                           GError **error)
{
    *ret_figures = (GwBalanceFigures){0.5, 0.25, 1 << 30, 3, 3};
    *ret = drain_of(order->order.dry_run == GW_DRY_RUN ? 0 : 1, "HostB HostC");
    (*ret)->kind = GW_DRAIN_BALANCE;
    *ret_moves = moves_new();
    return TRUE;
}

gboolean gw_engine_daemons(GwEngine *engine, GPtrArray **ret_rows, GError **error)
{
    GwDaemonRow *row = g_new0(GwDaemonRow, 1);
    *row = (GwDaemonRow){.id = 1, .name = g_strdup("ctl1:77"), .started_us = 1000000, .expires_us = 2000000, .alive = TRUE,
                         .hosts = g_strdup("HostB HostC"), .drains = TRUE};
    *ret_rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_daemon_row_free);
    g_ptr_array_add(*ret_rows, row);
    return TRUE;
}

gboolean gw_engine_drains(GwEngine *engine, const GwDrainQuery *query, GPtrArray **ret_rows, GError **error)
{
    *ret_rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_drain_free);
    for (gint64 id = 2; id && !query->running_only && (!query->limit || (*ret_rows)->len < query->limit); id--)
        g_ptr_array_add(*ret_rows, drain_of(id, "HostB"));
    return TRUE;
}

gboolean gw_engine_check_enabling(GwEngine *engine, const char *host, GError **error)
{
    return TRUE;
}

static gboolean exists(gint64 id, GError **error)
{
    if (id == 1 || id == 2)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Drain %" G_GINT64_FORMAT " could not be found.", id);
    return FALSE;
}

gboolean gw_engine_drain_show(GwEngine *engine, gint64 id, GwDrain **ret, GPtrArray **ret_moves, GError **error)
{
    if (!exists(id, error))
        return FALSE;
    *ret = drain_of(id, "HostB");
    *ret_moves = moves_new();
    return TRUE;
}

gboolean gw_engine_drain_cancel(GwEngine *engine, gint64 id, GError **error)
{
    if (!exists(id, error))
        return FALSE;
    if (id == 2)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Drain 2 has ended already.");
    return id == 1;
}

gboolean gw_engine_unevenness(GwEngine *engine, double *ret_score)
{
    *ret_score = 0.25;
    return TRUE;
}

/* ---- rolling drains: one that runs (1) */

static GwRolling *rolling_of(gint64 id)
{
    GwRolling *rolling = gw_rolling_new();
    rolling->id = id;
    g_strlcpy(rolling->uuid, "30000000-0000-4000-8000-000000000002", sizeof rolling->uuid);
    rolling->at_once = 1;
    rolling->hook = g_strdup("https://gull:secret@fleet.example/hook");
    rolling->created_us = id ? 1000000 : 0;
    GwRollingHost *host = gw_rolling_add(rolling);
    host->host = g_strdup("HostB");
    host->turn = GW_TURN_EMPTYING;
    host->drain_id = id;
    host->since_us = id ? 2000000 : 0;
    gw_rolling_add(rolling)->host = g_strdup("HostC");
    return rolling;
}

void gw_engine_rolling(GwEngine *engine, const GwRollingOrder *order, GwRollingPlanned done, gpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwRolling) rolling = rolling_of(order->order.dry_run == GW_DRY_RUN ? 0 : 1);
    gboolean named = order->aggregate || *order->order.hosts;
    if (!named)
        g_set_error(&error, GW_ERROR, GW_ERROR_INVALID, "hosts: name either the hosts, in the order of their turns, or an aggregate");
    done(data, named ? rolling : NULL, error);
}

gboolean gw_engine_rollings(GwEngine *engine, GPtrArray **ret_rows, GError **error)
{
    *ret_rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_rolling_free);
    g_ptr_array_add(*ret_rows, rolling_of(1));
    return TRUE;
}

GwRolling *gw_engine_rolling_show(GwEngine *engine, gint64 id, GError **error)
{
    if (id == 1)
        return rolling_of(1);
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Rolling drain %" G_GINT64_FORMAT " could not be found.", id);
    return NULL;
}

gboolean gw_engine_rolling_cancel(GwEngine *engine, gint64 id, GError **error)
{
    g_autoptr(GwRolling) rolling = gw_engine_rolling_show(engine, id, error);
    return rolling != NULL;
}
