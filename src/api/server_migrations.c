/* servers/{id}/migrations: the live migration under way of one server, and what may be asked of it. */
#include "api/body.h"
#include "api/handlers.h"
#include "api/migration_view.h"
#include "api/repr.h"
#include "api/server_state.h"

#include <string.h>

static GwInstanceView *find_server(GwRequest *request)
{
    GwInstanceView *view = gw_engine_instance(request->engine, request->args[0]);
    if (!view)
        gw_reply_no_instance(request);
    return view;
}

static gboolean has_server(GwRequest *request)
{
    g_autoptr(GwInstanceView) view = find_server(request);
    return view != NULL;
}

void gw_server_migrations_list(GwRequest *request)
{
    GwMigrationQuery query = {.instance_uuid = request->args[0], .unfinished_only = TRUE, .without_plans = TRUE, .without_forecasts = TRUE};
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    if (!has_server(request))
        return;
    if (!gw_engine_migrations(request->engine, &query, &rows, &error)) {
        gw_reply_error(request, error);
        return;
    }
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++)
        if (gw_migration_is_under_way(rows->pdata[i]))
            json_array_append_new(list, gw_server_migration_row(request, rows->pdata[i]));
    gw_reply_named(request, 200, "migrations", list);
}

/* 0 for what is no id of any migration. */
static gint64 id_of(const GwRequest *request)
{
    guint64 id;
    return g_ascii_string_to_unsigned(request->args[1], 10, 1, G_MAXINT64, &id, NULL) ? (gint64)id : 0;
}

static void reply_migration(GwRequest *request, const GwMigration *row)
{
    const char *id = request->args[1];
    const char *server = request->args[0];
    if (!row)
        gw_reply_fault(request, 404, "In-progress live migration %s is not found for server %s.", id, server);
    else if (row->kind != GW_MOVE_LIVE)
        gw_reply_fault(request, 404, "Migration %s for server %s is not live-migration.", id, server);
    else if (!gw_migration_is_under_way(row))
        gw_reply_fault(request, 404, "Live migration %s for server %s is not in progress.", id, server);
    else
        gw_reply_named(request, 200, "migration", gw_server_migration_row(request, row));
}

void gw_server_migrations_show(GwRequest *request)
{
    GwMigrationQuery query = {.id = id_of(request), .instance_uuid = request->args[0], .without_plans = TRUE, .without_forecasts = TRUE};
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    if (!has_server(request))
        return;
    if (!query.id)
        reply_migration(request, NULL);
    else if (gw_engine_migrations(request->engine, &query, &rows, &error))
        reply_migration(request, rows->len ? rows->pdata[0] : NULL);
    else
        gw_reply_error(request, error);
}

/* ---- steering */

static gboolean may_steer(const GwInstanceView *view, gboolean abort)
{
    return view->migration_id && (view->migration_kind == GW_MOVE_LIVE ||
                                  (abort && gw_migration_is_withdrawable(view->migration_kind, view->migration_state)));
}

/* Nova's order of checks: first that the server is migrating at all (409), then that it is by this migration, of which its two calls
 * say otherwise. NULL: a fault has been answered. */
static GwInstanceView *find_moving(GwRequest *request, gboolean abort)
{
    const char *what = abort ? "abort live migration" : "force_complete";
    g_autoptr(GwInstanceView) view = find_server(request);
    if (!view)
        return NULL;
    if (!may_steer(view, abort)) {
        const char *task = gw_server_state(view).task_state;
        gw_reply_fault(request, 409, "Cannot '%s' instance %s while it is in task_state %s", what, view->instance->uuid,
                       task ? task : "None");
        return NULL;
    }
    if (view->migration_id != id_of(request)) {
        gw_reply_fault(request, abort ? 404 : 400, "Migration %s not found for instance %s", request->args[1],
                       view->instance->uuid);
        return NULL;
    }
    return g_steal_pointer(&view);
}

typedef gboolean (*Steer)(GwEngine *engine, const GwMoveRequest *move, gint64 id, GError **error);

static void steer(GwRequest *request, Steer call)
{
    g_autoptr(GError) error = NULL;
    GwMoveRequest move = gw_request_move(request);
    if (call(request->engine, &move, id_of(request), &error))
        gw_reply_empty(request, 202);
    else
        gw_reply_error(request, error);
}

void gw_server_migrations_action(GwRequest *request)
{
    json_t *value;
    const char *name = gw_body_action(request, &value);
    if (!name)
        return;
    if (strcmp(name, "force_complete") != 0) {
        gw_reply_fault(request, 400, "There is no such action: %s", name);
        return;
    }
    if (!json_is_null(value)) {
        g_autofree char *text = gw_json_str(value);
        g_autofree char *quoted = gw_json_repr(value);
        gw_reply_fault(request, 400, "Invalid input for field/attribute force_complete. Value: %s. %s is not of type 'null'",
                       text, quoted);
        return;
    }
    g_autoptr(GwInstanceView) view = find_moving(request, FALSE);
    if (view)
        steer(request, gw_engine_force_complete);
}

/* Until 2.64 only a copy that is running can be aborted (2.65 of the API history). */
void gw_server_migrations_abort(GwRequest *request)
{
    g_autoptr(GwInstanceView) view = find_moving(request, TRUE);
    if (!view)
        return;
    if (request->minor < 65 && (gw_migration_state_traits(view->migration_state) & GW_TRAIT_EARLY))
        gw_reply_fault(
            request, 400,
            "Migration %s state of instance %s is %s. Cannot abort live migration while the migration is in this "
            "state.",
            request->args[1], view->instance->uuid, gw_migration_state_status(view->migration_state, GW_MOVE_LIVE));
    else
        steer(request, gw_engine_abort);
}
