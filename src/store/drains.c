/* Drains and their moves. A drain is written by the one who carries it out, as a compare-and-set; asking it to stop is a mark that
 * nobody's write takes away. */
#include "store/fields.h"

#include "base/error.h"

#include <string.h>

static const char *const kind_words[] = {[GW_DRAIN_EMPTY] = "drain", [GW_DRAIN_RETURN] = "return", [GW_DRAIN_BALANCE] = "balance"};
static const char *const state_words[] = {
    [GW_DRAIN_RUNNING] = "running",
    [GW_DRAIN_COMPLETED] = "completed",
    [GW_DRAIN_INCOMPLETE] = "incomplete",
    [GW_DRAIN_CANCELLED] = "cancelled",
};
static const char *const step_words[] = {
    [GW_STEP_PLANNED] = "planned", [GW_STEP_MOVING] = "moving",     [GW_STEP_MOVED] = "moved",
    [GW_STEP_STAYS] = "stays",     [GW_STEP_GIVEN_UP] = "given up", [GW_STEP_GONE] = "gone",
};
static const char *const move_words[] = {[GW_MOVE_LIVE] = "live-migration", [GW_MOVE_COLD] = "migration",
                                          [GW_MOVE_EVACUATE] = "evacuation", [GW_MOVE_RESIZE] = "resize"};

const char *gw_drain_kind_name(GwDrainKind kind)
{
    return kind_words[kind];
}

const char *gw_drain_state_name(GwDrainState state)
{
    return state_words[state];
}

const char *gw_step_state_name(GwStepState state)
{
    return step_words[state];
}

#define FIELD(type, member) GW_FIELD(GwDrain, type, member)
static const GwField fields[] = {
    FIELD(INT64, id),
    FIELD(UUID, uuid),
    FIELD(INT64, created_us),
    GW_FIELD_WORDS(GwDrain, kind, "kind", kind_words),
    FIELD(TEXT, hosts),
    FIELD(TEXT, request_id),
    FIELD(TEXT, user_id),
    FIELD(TEXT, project_id),
    GW_FIELD_WORDS(GwDrain, state, "state", state_words),
    FIELD(BOOL, include_stopped),
    FIELD(BOOL, return_later),
    FIELD(UINT, per_host),
    FIELD(INT64, deadline_us),
    FIELD(INT64, predicted_ms),
    FIELD(INT64, bound_ms),
    FIELD(TEXT, reason),
    FIELD(INT64, ended_us),
    FIELD(INT64, updated_us),
    FIELD(BOOL, cancelling),
    FIELD(INT64, version),
};
enum { COUNT = G_N_ELEMENTS(fields), ADDED = 1, CHANGED = 8, KEPT = COUNT - 2 };

#define MOVE(type, member) GW_FIELD(GwDrainMove, type, member)
static const GwField move_fields[] = {
    MOVE(UUID, instance_uuid),
    MOVE(TEXT, instance_name),
    MOVE(TEXT, source),
    MOVE(TEXT, dest),
    GW_FIELD_WORDS(GwDrainMove, kind, "kind", move_words),
    GW_FIELD_WORDS(GwDrainMove, state, "state", step_words),
    MOVE(INT64, migration_id),
    MOVE(UINT, attempts),
    MOVE(TEXT, tried),
    MOVE(TEXT, reason),
    MOVE(INT64, bytes),
    MOVE(INT64, start_ms),
    MOVE(INT64, predicted_ms),
    MOVE(INT64, pause_ms),
};
enum { MOVE_COUNT = G_N_ELEMENTS(move_fields) };

GwDrain *gw_drain_new(void)
{
    return g_new0(GwDrain, 1);
}

void gw_drain_free(GwDrain *drain)
{
    if (!drain)
        return;
    g_free(drain->hosts);
    g_free(drain->reason);
    g_free(drain->request_id);
    g_free(drain->user_id);
    g_free(drain->project_id);
    g_free(drain);
}

GwDrainMove *gw_drain_move_new(void)
{
    return g_new0(GwDrainMove, 1);
}

void gw_drain_move_free(GwDrainMove *move)
{
    if (!move)
        return;
    g_free(move->instance_name);
    g_free(move->source);
    g_free(move->dest);
    g_free(move->tried);
    g_free(move->reason);
    g_free(move);
}

/* ---- writing */

static gboolean put_moves(GwSession *session, gint64 id, const GPtrArray *moves, GError **error)
{
    g_autoptr(GString) sql = g_string_new("INSERT INTO drain_moves (");
    gw_fields_append_names(sql, move_fields, MOVE_COUNT, "");
    g_string_append(sql, ", drain_id) VALUES (");
    gw_fields_append_params(sql, MOVE_COUNT + 1);
    g_string_append(sql, ") ON CONFLICT (drain_id, instance_uuid) DO UPDATE SET ");
    for (guint i = 1; i < MOVE_COUNT; i++)
        g_string_append_printf(sql, "%s%s = excluded.%s", i > 1 ? ", " : "", move_fields[i].name, move_fields[i].name);
    for (guint n = 0; moves && n < moves->len; n++) {
        GwParam params[MOVE_COUNT + 1];
        gw_fields_bind(move_fields, MOVE_COUNT, moves->pdata[n], params);
        params[MOVE_COUNT] = gw_param_integer(id);
        if (!gw_session_run(session, sql->str, params, MOVE_COUNT + 1, error))
            return FALSE;
    }
    return TRUE;
}

/* The unique index on the hosts of running drains decides, whatever races. */
static gboolean put_hosts(GwSession *session, const GwDrain *drain, GError **error)
{
    g_auto(GStrv) names = g_strsplit(drain->hosts ? drain->hosts : "", " ", -1);
    for (char **name = names; drain->kind == GW_DRAIN_EMPTY && *name; name++) {
        gint64 other;
        if (!gw_session_integer(session, "SELECT drain_id FROM drain_hosts WHERE host = $1", GW_PARAMS(gw_param_text(*name)), 0, &other, error))
            return FALSE;
        if (other) {
            g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                        "Host %s is being drained already: see drain %" G_GINT64_FORMAT ", or cancel it first", *name, other);
            return FALSE;
        }
        if (!gw_session_run(session, "INSERT INTO drain_hosts (host, drain_id) VALUES ($1, $2)",
                            GW_PARAMS(gw_param_text(*name), gw_param_integer(drain->id)), error))
            return FALSE;
    }
    return TRUE;
}

gboolean gw_store_drain_add(GwStore *store, GwDrain *drain, const GPtrArray *moves, GError **error)
{
    return gw_store_drain_add_fenced(store, drain, moves, NULL, error);
}

gboolean gw_store_drain_add_fenced(GwStore *store, GwDrain *drain, const GPtrArray *moves, const GwFence *fence,
                                   GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    if (!session || !gw_session_check_fence(session, fence, error))
        return FALSE;
    session->changed = GW_CHANGED_DRAINS;
    GwDrain added = *drain;
    added.created_us = added.updated_us = g_get_real_time();
    added.version = 1;
    g_autofree char *uuid = g_uuid_string_random();
    g_strlcpy(added.uuid, uuid, sizeof added.uuid);
    g_autoptr(GString) sql = g_string_new("INSERT INTO drains (");
    gw_fields_append_names(sql, fields + ADDED, COUNT - ADDED, "");
    g_string_append(sql, ") VALUES (");
    gw_fields_append_params(sql, COUNT - ADDED);
    g_string_append(sql, ") RETURNING id");
    GwParam params[COUNT];
    gw_fields_bind(fields + ADDED, COUNT - ADDED, &added, params);
    if (!gw_session_integer(session, sql->str, params, COUNT - ADDED, 0, &added.id, error) ||
        !put_hosts(session, &added, error) || !put_moves(session, added.id, moves, error) || !gw_session_commit(session, error))
        return FALSE;
    *drain = added;
    return TRUE;
}

static gboolean update_row(GwSession *session, GwDrain *drain, gboolean *ret_done, GError **error)
{
    guint n = KEPT - CHANGED;
    g_autoptr(GString) sql = g_string_new("UPDATE drains SET ");
    gw_fields_append_settings(sql, fields + CHANGED, n);
    g_string_append_printf(sql, ", version = version + 1 WHERE id = $%u AND version = $%u RETURNING cancelling, version", n + 1, n + 2);
    GwParam params[COUNT];
    drain->updated_us = g_get_real_time();
    gw_fields_bind(fields + CHANGED, n, drain, params);
    params[n] = gw_param_integer(drain->id);
    params[n + 1] = gw_param_integer((gint64)drain->version);
    g_autoptr(GwResult) result = gw_session_query(session, sql->str, params, n + 2, error);
    if (!result || !gw_result_next(result, ret_done, error))
        return FALSE;
    gboolean more;
    return !*ret_done || (gw_fields_read(fields + KEPT, COUNT - KEPT, result, drain, error) && gw_result_next(result, &more, error));
}

gboolean gw_store_drain_update(GwStore *store, GwDrain *drain, const GPtrArray *moves, GError **error)
{
    return gw_store_drain_journal(store, drain, moves, NULL, error);
}

gboolean gw_store_drain_journal(GwStore *store, GwDrain *drain, const GPtrArray *moves, const GwFence *fence, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    GwDrain updated = *drain;
    gboolean done;
    if (!session || !gw_session_check_fence(session, fence, error) || !update_row(session, &updated, &done, error))
        return FALSE;
    if (!done) {
        g_set_error(error, GW_ERROR, GW_ERROR_STALE, "drain %" G_GINT64_FORMAT " was changed by someone else: read it again", drain->id);
        return FALSE;
    }
    if (drain->state != GW_DRAIN_RUNNING &&
        !gw_session_run(session, "DELETE FROM drain_hosts WHERE drain_id = $1", GW_PARAMS(gw_param_integer(drain->id)), error))
        return FALSE;
    if (!put_moves(session, drain->id, moves, error) || !gw_session_commit(session, error))
        return FALSE;
    *drain = updated;
    return TRUE;
}

gboolean gw_store_drain_cancel(GwStore *store, gint64 id, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    gint64 found, exists;
    if (session)
        session->changed = GW_CHANGED_DRAINS;
    if (!session ||
        !gw_session_integer(session, "UPDATE drains SET cancelling = 1 WHERE id = $1 AND state = 'running' RETURNING id",
                            GW_PARAMS(gw_param_integer(id)), 0, &found, error) ||
        !gw_session_integer(session, "SELECT id FROM drains WHERE id = $1", GW_PARAMS(gw_param_integer(id)), 0, &exists, error))
        return FALSE;
    if (!exists)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Drain %" G_GINT64_FORMAT " could not be found.", id);
    else if (!found)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Drain %" G_GINT64_FORMAT " has ended already.", id);
    return exists && found && gw_session_commit(session, error);
}

/* ---- reading */

/* The name with a blank on each side, as a pattern: names may hold what patterns give a meaning to. */
static char *host_pattern(const char *host)
{
    GString *text = g_string_new("% ");
    for (const char *c = host; *c; c++)
        g_string_append_printf(text, "%s%c", strchr("%_!", *c) ? "!" : "", *c);
    return g_string_free(g_string_append(text, " %"), FALSE);
}

static void append_text_condition(GString *sql, GwParam *params, guint *count, const char *condition, const char *text)
{
    if (!text)
        return;
    params[(*count)++] = gw_param_text(text);
    g_string_append_printf(sql, " AND %s $%u", condition, *count);
}

/* pattern: of the query's host, or NULL; it must outlive the result. */
static GwResult *find_drains(GwSession *session, const GwDrainQuery *query, const char *pattern, GError **error)
{
    enum { MOST = 5 };
    GwParam params[MOST] = {gw_param_integer(query->id), gw_param_integer(query->limit ? query->limit : G_MAXINT32)};
    guint count = 2;
    g_autoptr(GString) sql = g_string_new("SELECT ");
    gw_fields_append_names(sql, fields, COUNT, "");
    g_string_append_printf(sql, " FROM drains WHERE (id = $1 OR $1 = 0)%s",
                           query->running_only ? " AND state = 'running'" : "");
    append_text_condition(sql, params, &count, "' ' || hosts || ' ' LIKE", pattern);
    g_string_append(sql, pattern ? " ESCAPE '!'" : "");
    append_text_condition(sql, params, &count, "request_id =", query->request_id);
    append_text_condition(sql, params, &count, "kind =", query->kind ? gw_drain_kind_name(*query->kind) : NULL);
    g_string_append(sql, " ORDER BY id DESC LIMIT $2");
    return gw_session_query(session, sql->str, params, count, error);
}

/* SQLite's patterns know no difference between large and small letters. */
static gboolean names_host(const GwDrain *drain, const char *host)
{
    g_auto(GStrv) names = g_strsplit(drain->hosts ? drain->hosts : "", " ", -1);
    return !host || g_strv_contains((const char *const *)names, host);
}

gboolean gw_store_drains(GwStore *store, const GwDrainQuery *query, GPtrArray **ret_rows, GError **error)
{
    g_autofree char *pattern = query->host ? host_pattern(query->host) : NULL;
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    g_autoptr(GwResult) result = session ? find_drains(session, query, pattern, error) : NULL;
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_drain_free);
    gboolean more = result != NULL;
    if (!result)
        return FALSE;
    for (;;) {
        if (!gw_result_next(result, &more, error))
            return FALSE;
        if (!more)
            break;
        g_autoptr(GwDrain) drain = gw_drain_new();
        if (!gw_fields_read(fields, COUNT, result, drain, error))
            return FALSE;
        if (names_host(drain, query->host))
            g_ptr_array_add(rows, g_steal_pointer(&drain));
    }
    *ret_rows = g_steal_pointer(&rows);
    return TRUE;
}

gboolean gw_store_drain_moves(GwStore *store, gint64 id, GPtrArray **ret_rows, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    g_autoptr(GString) sql = g_string_new("SELECT ");
    gw_fields_append_names(sql, move_fields, MOVE_COUNT, "");
    g_string_append(sql, " FROM drain_moves WHERE drain_id = $1 ORDER BY start_ms, instance_name, instance_uuid");
    g_autoptr(GwResult) result = session ? gw_session_query(session, sql->str, GW_PARAMS(gw_param_integer(id)), error) : NULL;
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_drain_move_free);
    if (!result)
        return FALSE;
    for (gboolean more;;) {
        if (!gw_result_next(result, &more, error))
            return FALSE;
        if (!more)
            break;
        GwDrainMove *move = gw_drain_move_new();
        g_ptr_array_add(rows, move);
        if (!gw_fields_read(move_fields, MOVE_COUNT, result, move, error))
            return FALSE;
    }
    *ret_rows = g_steal_pointer(&rows);
    return TRUE;
}
