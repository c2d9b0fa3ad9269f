#include "store/rollings.h"

#include "base/error.h"
#include "store/fields.h"

#define HOST(type, member) GW_FIELD(GwRollingHost, type, member)
static const GwField host_fields[] = {
    HOST(TEXT, host),          GW_FIELD_WORDS(GwRollingHost, turn, "turn", gw_turn_names),
    HOST(INT64, drain_id),     HOST(INT64, return_id),
    HOST(INT64, moves),        HOST(INT64, stays),
    HOST(INT64, predicted_ms), HOST(INT64, since_us),
    HOST(TEXT, reason),
};

static gpointer append_host(gpointer owner)
{
    return gw_rolling_add(owner);
}

#define FIELD(type, member) GW_FIELD(GwRolling, type, member)
static const GwField fields[] = {
    GW_FIELD_WORDS(GwRolling, state, "state", gw_rolling_state_names),
    FIELD(UINT, at_once),
    FIELD(TEXT, hook),
    FIELD(UINT, per_host),
    FIELD(BOOL, include_stopped),
    FIELD(BOOL, return_later),
    FIELD(TEXT, reason),
    FIELD(TEXT, request_id),
    FIELD(TEXT, user_id),
    FIELD(TEXT, project_id),
    FIELD(INT64, created_us),
    FIELD(INT64, ended_us),
    GW_FIELD_LIST_OF(GwRolling, hosts, host_fields, append_host),
};

/* ---- reading */

static GwRolling *read_rolling(GwResult *result, GError **error)
{
    g_autoptr(GwRolling) rolling = gw_rolling_new();
    const char *value = gw_result_text(result, 3);
    rolling->id = gw_result_integer(result, 0);
    g_strlcpy(rolling->uuid, gw_result_text(result, 1), sizeof rolling->uuid);
    rolling->cancelling = gw_result_integer(result, 2) != 0;
    rolling->version = (guint64)gw_result_integer(result, 4);
    if (gw_fields_from_text(fields, G_N_ELEMENTS(fields), value ? value : "", rolling, error))
        return g_steal_pointer(&rolling);
    gw_error_prefix(error, "stored rolling drain %" G_GINT64_FORMAT, rolling->id);
    return NULL;
}

static GPtrArray *read_all(GwSession *session, const GwRollingQuery *query, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_rolling_free);
    g_autofree char *sql = g_strdup_printf(
        "SELECT id, uuid, cancelling, value, version FROM rollings WHERE (id = $1 OR $1 = 0)%s ORDER BY id DESC",
        query->running_only ? " AND running = 1" : "");
    g_autoptr(GwResult) result = gw_session_query(session, sql, GW_PARAMS(gw_param_integer(query->id)), error);
    gboolean more = result != NULL;
    while (more) {
        if (!gw_result_next(result, &more, error))
            return NULL;
        GwRolling *rolling = more ? read_rolling(result, error) : NULL;
        if (more && !rolling)
            return NULL;
        if (rolling)
            g_ptr_array_add(rows, rolling);
    }
    return result ? g_steal_pointer(&rows) : NULL;
}

gboolean gw_store_rollings(GwStore *store, const GwRollingQuery *query, GPtrArray **ret_rows, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    GPtrArray *rows = session ? read_all(session, query, error) : NULL;
    if (!rows)
        return FALSE;
    *ret_rows = rows;
    return TRUE;
}

/* ---- changing */

static const GwRolling *find_wanting(const GPtrArray *rows, const char *host)
{
    for (guint n = 0; n < rows->len; n++)
        if (gw_rolling_wants(rows->pdata[n], host))
            return rows->pdata[n];
    return NULL;
}

static gboolean check_hosts(const GPtrArray *running, const GwRolling *rolling, GError **error)
{
    for (guint h = 0; h < rolling->hosts->len; h++) {
        const char *name = ((const GwRollingHost *)rolling->hosts->pdata[h])->host;
        const GwRolling *other = find_wanting(running, name);
        if (other) {
            g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                        "Host %s is in a rolling drain already: see rolling drain %" G_GINT64_FORMAT
                        ", or cancel it first",
                        name, other->id);
            return FALSE;
        }
    }
    return TRUE;
}

/* Sessions that write come one after another, so that no two additions can miss each other. */
gboolean gw_store_rolling_add(GwStore *store, GwRolling *rolling, GError **error)
{
    const GwRollingQuery running_only = {.running_only = TRUE};
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    g_autofree char *uuid = g_uuid_string_random();
    if (!session)
        return FALSE;
    session->changed = GW_CHANGED_DRAINS;
    rolling->created_us = g_get_real_time();
    rolling->version = 1;
    g_strlcpy(rolling->uuid, uuid, sizeof rolling->uuid);
    g_autofree char *value = gw_fields_to_text(fields, G_N_ELEMENTS(fields), rolling);
    g_autoptr(GPtrArray) running = read_all(session, &running_only, error);
    return running && check_hosts(running, rolling, error) &&
           gw_session_integer(
               session,
               "INSERT INTO rollings (uuid, running, cancelling, ended_us, value, version) VALUES ($1, 1, 0, 0, $2, 1)"
               " RETURNING id",
               GW_PARAMS(gw_param_text(rolling->uuid), gw_param_text(value)), 0, &rolling->id, error) &&
           gw_session_commit(session, error);
}

gboolean gw_store_rolling_journal(GwStore *store, GwRolling *rolling, const GwFence *fence, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    g_autofree char *value = gw_fields_to_text(fields, G_N_ELEMENTS(fields), rolling);
    gint64 version;
    if (!session || !gw_session_check_fence(session, fence, error) ||
        !gw_session_integer(session,
                            "UPDATE rollings SET running = $1, ended_us = $2, value = $3, version = version + 1"
                            " WHERE id = $4 AND version = $5 AND running = 1 RETURNING version",
                            GW_PARAMS(gw_param_integer(rolling->state == GW_ROLLING_RUNNING),
                                      gw_param_integer(rolling->ended_us), gw_param_text(value),
                                      gw_param_integer(rolling->id), gw_param_integer((gint64)rolling->version)),
                            0, &version, error))
        return FALSE;
    if (!version) {
        g_set_error(error, GW_ERROR, GW_ERROR_STALE,
                    "rolling drain %" G_GINT64_FORMAT " was changed by someone else: read it again", rolling->id);
        return FALSE;
    }
    if (!gw_session_commit(session, error))
        return FALSE;
    rolling->version = (guint64)version;
    return TRUE;
}

gboolean gw_store_rolling_cancel(GwStore *store, gint64 id, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    gint64 found, exists;
    if (session)
        session->changed = GW_CHANGED_DRAINS;
    if (!session ||
        !gw_session_integer(
            session,
            "UPDATE rollings SET cancelling = 1, version = version + 1 WHERE id = $1 AND running = 1 RETURNING id",
            GW_PARAMS(gw_param_integer(id)), 0, &found, error) ||
        !gw_session_integer(session, "SELECT id FROM rollings WHERE id = $1", GW_PARAMS(gw_param_integer(id)), 0,
                            &exists, error))
        return FALSE;
    if (!exists)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Rolling drain %" G_GINT64_FORMAT " could not be found.", id);
    else if (!found)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Rolling drain %" G_GINT64_FORMAT " has ended already.", id);
    return exists && found && gw_session_commit(session, error);
}
