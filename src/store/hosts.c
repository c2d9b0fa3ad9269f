/* Hosts: added and removed by people, so every refusal names what is in the way. */
#include "store/fields.h"

#include "base/error.h"

#include <string.h>

#define FIELD(type, member) GW_FIELD(GwHostRow, type, member)

static const GwField fields[] = {
    FIELD(INT64, id),         FIELD(UUID, uuid),    FIELD(INT64, created_us),     FIELD(TEXT, name),
    FIELD(TEXT, uri),         FIELD(BOOL, enabled), FIELD(TEXT, disabled_reason), FIELD(BOOL, forced_down),
    FIELD(INT64, updated_us),
};

enum { COUNT = G_N_ELEMENTS(fields), ADDED = 1, CHANGED = 3 }; /* first field that add, and that update, writes */

void gw_host_row_free(GwHostRow *row)
{
    if (!row)
        return;
    g_free(row->name);
    g_free(row->uri);
    g_free(row->disabled_reason);
    g_free(row);
}

/* Both columns are unique: finds whichever host, but for row itself, has one of them. */
static gboolean check_taken(GwSession *session, const GwHostRow *row, GError **error)
{
    g_autoptr(GwResult) result = gw_session_query(
        session, "SELECT name, uri FROM hosts WHERE (name = $1 OR uri = $2) AND id <> $3 ORDER BY name <> $1",
        GW_PARAMS(gw_param_text(row->name), gw_param_text(row->uri), gw_param_integer(row->id)), error);
    gboolean taken;
    if (!result || !gw_result_next(result, &taken, error))
        return FALSE;
    if (!taken)
        return TRUE;
    const char *name = gw_result_text(result, 0), *uri = gw_result_text(result, 1);
    if (g_strcmp0(name, row->name) == 0)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "the name %s is taken by the host at %s: choose another name, or remove that host first", name,
                    uri);
    else
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "the address %s is already that of host %s: use that one", uri,
                    name);
    return FALSE;
}

gboolean gw_store_host_add(GwStore *store, GwHostRow *row, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    if (!session)
        return FALSE;
    session->changed = GW_CHANGED_HOSTS;
    GwHostRow added = *row; /* the caller's row stays as it was on failure */
    added.id = 0;
    added.created_us = added.updated_us = g_get_real_time();
    g_autofree char *uuid = g_uuid_string_random();
    g_strlcpy(added.uuid, uuid, sizeof added.uuid);
    if (!check_taken(session, &added, error))
        return FALSE;

    g_autoptr(GString) sql = g_string_new("INSERT INTO hosts (");
    gw_fields_append_names(sql, fields + ADDED, COUNT - ADDED, "");
    g_string_append(sql, ") VALUES (");
    gw_fields_append_params(sql, COUNT - ADDED);
    g_string_append(sql, ") RETURNING id");
    GwParam params[COUNT];
    gw_fields_bind(fields + ADDED, COUNT - ADDED, &added, params);
    if (!gw_session_integer(session, sql->str, params, COUNT - ADDED, 0, &added.id, error) ||
        !gw_session_commit(session, error))
        return FALSE;
    *row = added;
    return TRUE;
}

/* A migration under way finds its hosts by name. */
static gboolean check_unused(GwSession *session, const char *name, const char *what, GError **error)
{
    gint64 id;
    if (!gw_session_integer(session, "SELECT id FROM migrations WHERE final = 0 AND (source = $1 OR dest = $1) LIMIT 1",
                            GW_PARAMS(gw_param_text(name)), 0, &id, error))
        return FALSE;
    if (id == 0)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                "host %s cannot be %s: migration %" G_GINT64_FORMAT
                " from or to it has not ended; wait for its end, abort it, or confirm it",
                name, what, id);
    return FALSE;
}

static gboolean name_of(GwSession *session, gint64 id, char **ret_name, GError **error)
{
    g_autoptr(GwResult) result =
        gw_session_query(session, "SELECT name FROM hosts WHERE id = $1", GW_PARAMS(gw_param_integer(id)), error);
    gboolean found;
    if (!result || !gw_result_next(result, &found, error))
        return FALSE;
    if (!found) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "there is no host with id %" G_GINT64_FORMAT, id);
        return FALSE;
    }
    *ret_name = g_strdup(gw_result_text(result, 0));
    return TRUE;
}

static gboolean check_update(GwSession *session, const GwHostRow *row, GError **error)
{
    g_autofree char *old_name = NULL;
    if (!name_of(session, row->id, &old_name, error))
        return FALSE;
    if (g_strcmp0(old_name, row->name) != 0 && !check_unused(session, old_name, "renamed", error))
        return FALSE;
    return check_taken(session, row, error);
}

gboolean gw_store_host_update(GwStore *store, const GwHostRow *row, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    if (!session || !check_update(session, row, error))
        return FALSE;
    session->changed = GW_CHANGED_HOSTS;
    GwHostRow changed = *row;
    changed.updated_us = g_get_real_time();
    g_autoptr(GString) sql = g_string_new("UPDATE hosts SET ");
    gw_fields_append_settings(sql, fields + CHANGED, COUNT - CHANGED);
    g_string_append_printf(sql, " WHERE id = $%u", COUNT - CHANGED + 1);
    GwParam params[COUNT];
    gw_fields_bind(fields + CHANGED, COUNT - CHANGED, &changed, params);
    params[COUNT - CHANGED] = gw_param_integer(row->id);
    return gw_session_run(session, sql->str, params, COUNT - CHANGED + 1, error) && gw_session_commit(session, error);
}

static gboolean check_alone(GwSession *session, const char *name, GError **error)
{
    g_autoptr(GwResult) result = gw_session_query(
        session,
        "SELECT a.name FROM aggregates a JOIN aggregate_hosts m ON m.aggregate_id = a.id JOIN hosts h ON h.id = m.host_id"
        " WHERE h.name = $1 ORDER BY a.id",
        GW_PARAMS(gw_param_text(name)), error);
    gboolean member;
    if (!result || !gw_result_next(result, &member, error))
        return FALSE;
    const char *aggregate = member ? gw_result_text(result, 0) : NULL;
    if (aggregate)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "host %s cannot be removed: it is in aggregate %s, whose zone and limits hold for it; take it out first "
                    "with `godwit aggregate-remove-host %s %s`",
                    name, aggregate, aggregate, name);
    return aggregate == NULL;
}

static gboolean leave_aggregates(GwSession *session, const char *name, GError **error)
{
    return gw_session_run(session,
                          "DELETE FROM aggregate_hosts WHERE host_id IN (SELECT id FROM hosts WHERE name = $1)",
                          GW_PARAMS(gw_param_text(name)), error);
}

typedef gboolean (*Farewell)(GwSession *session, const char *name, GError **error);

static gboolean remove_host(GwStore *store, const char *name, Farewell farewell, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    if (!session || !check_unused(session, name, "removed", error) || !farewell(session, name, error))
        return FALSE;
    session->changed = GW_CHANGED_HOSTS;
    gint64 id; /* its cached instances go with it, by their foreign key */
    if (!gw_session_integer(session, "DELETE FROM hosts WHERE name = $1 RETURNING id", GW_PARAMS(gw_param_text(name)),
                            0, &id, error))
        return FALSE;
    if (id == 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "there is no host %s", name);
        return FALSE;
    }
    return gw_session_commit(session, error);
}

gboolean gw_store_host_remove(GwStore *store, const char *name, GError **error)
{
    return remove_host(store, name, check_alone, error);
}

gboolean gw_store_host_withdraw(GwStore *store, const char *name, GError **error)
{
    return remove_host(store, name, leave_aggregates, error);
}

gboolean gw_store_hosts(GwStore *store, GPtrArray **ret_rows, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    if (!session)
        return FALSE;
    g_autoptr(GString) sql = g_string_new("SELECT ");
    gw_fields_append_names(sql, fields, COUNT, "");
    g_string_append(sql, " FROM hosts ORDER BY id");
    g_autoptr(GwResult) result = gw_session_query(session, sql->str, NULL, 0, error);
    if (!result)
        return FALSE;
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_host_row_free);
    for (;;) {
        gboolean more;
        if (!gw_result_next(result, &more, error))
            return FALSE;
        if (!more)
            break;
        GwHostRow *row = g_new0(GwHostRow, 1);
        g_ptr_array_add(rows, row);
        if (!gw_fields_read(fields, COUNT, result, row, error))
            return FALSE;
    }
    *ret_rows = g_steal_pointer(&rows);
    return TRUE;
}
