/* Instance actions and their events: history for people. Nothing of Godwit's own is decided from it, so it is written
 * as a note: it survives the daemon, and the next journalled state makes it proof against a power cut. */
#include "store/fields.h"
#include "store/migrations.h"

#include "base/error.h"

#define ACTION(type, member) GW_FIELD(GwActionRow, type, member)
#define EVENT(type, member) GW_FIELD(GwEventRow, type, member)

static const GwField action_fields[] = {
    ACTION(INT64, id),     ACTION(UUID, instance_uuid), ACTION(TEXT, request_id),
    ACTION(TEXT, action),  ACTION(TEXT, user_id),       ACTION(TEXT, project_id),
    ACTION(TEXT, message), ACTION(INT64, start_us),     ACTION(INT64, updated_us),
};

static const GwField event_fields[] = {
    EVENT(INT64, id),    EVENT(INT64, action_id), EVENT(TEXT, event),     EVENT(TEXT, host),
    EVENT(TEXT, result), EVENT(TEXT, details),    EVENT(INT64, start_us), EVENT(INT64, finish_us),
};

enum { ACTIONS = G_N_ELEMENTS(action_fields), EVENTS = G_N_ELEMENTS(event_fields) };

void gw_action_row_free(GwActionRow *row)
{
    if (!row)
        return;
    g_free(row->request_id);
    g_free(row->action);
    g_free(row->user_id);
    g_free(row->project_id);
    g_free(row->message);
    g_free(row);
}

void gw_event_row_free(GwEventRow *row)
{
    if (!row)
        return;
    g_free(row->event);
    g_free(row->host);
    g_free(row->result);
    g_free(row->details);
    g_free(row);
}

/* Inserts all fields but the first, which is the id that comes back. */
static gboolean insert(GwSession *session, const char *table, const GwField *fields, guint count, gconstpointer row,
                       gint64 *ret_id, GError **error)
{
    g_autoptr(GString) sql = g_string_new(NULL);
    g_string_append_printf(sql, "INSERT INTO %s (", table);
    gw_fields_append_names(sql, fields + 1, count - 1, "");
    g_string_append(sql, ") VALUES (");
    gw_fields_append_params(sql, count - 1);
    g_string_append(sql, ") RETURNING id");
    GwParam params[MAX((int)ACTIONS, (int)EVENTS)];
    gw_fields_bind(fields + 1, count - 1, row, params);
    return gw_session_integer(session, sql->str, params, count - 1, 0, ret_id, error);
}

gboolean gw_action_insert(GwSession *session, GwActionRow *row, GError **error)
{
    row->start_us = row->updated_us = g_get_real_time();
    return insert(session, "actions", action_fields, ACTIONS, row, &row->id, error);
}

gboolean gw_store_action_add(GwStore *store, GwActionRow *row, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    GwActionRow added = *row;
    if (!session || !gw_action_insert(session, &added, error) || !gw_session_commit(session, error))
        return FALSE;
    *row = added;
    return TRUE;
}

/* Touches the newest action of that request; *ret_id is 0 when there is none. */
static gboolean touch_action(GwSession *session, const char *instance_uuid, const char *request_id, const char *message,
                             gint64 now_us, gint64 *ret_id, GError **error)
{
    return gw_session_integer(
        session,
        "UPDATE actions SET updated_us = $3, message = COALESCE($4, message) WHERE id = (SELECT MAX(id) FROM actions "
        "WHERE instance_uuid = $1 AND request_id = $2) RETURNING id",
        GW_PARAMS(gw_param_text(instance_uuid), gw_param_text(request_id), gw_param_integer(now_us),
                  gw_param_text(message)),
        0, ret_id, error);
}

gboolean gw_store_action_fail(GwStore *store, const char *instance_uuid, const char *request_id, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_NOTE, error);
    gint64 id;
    return session && touch_action(session, instance_uuid, request_id, "Error", g_get_real_time(), &id, error) &&
           gw_session_commit(session, error);
}

static gboolean begin_event(GwSession *session, const GwEventNote *note, gint64 action_id, GError **error)
{
    GwEventRow row = {.action_id = action_id, .event = (char *)note->event, .host = (char *)note->host, .start_us = note->at_us};
    return insert(session, "events", event_fields, EVENTS, &row, &row.id, error);
}

static gboolean finish_event(GwSession *session, const GwEventRow *row, gint64 *ret_id, GError **error)
{
    return gw_session_integer(
        session,
        "UPDATE events SET finish_us = $3, result = $4, details = $5, host = COALESCE($6, host) WHERE id = (SELECT "
        "MAX(id) FROM events WHERE action_id = $1 AND event = $2 AND finish_us = 0) RETURNING id",
        GW_PARAMS(gw_param_integer(row->action_id), gw_param_text(row->event), gw_param_integer(row->finish_us),
                  gw_param_text(row->result), gw_param_text(row->details), gw_param_text(row->host)),
        0, ret_id, error);
}

static gboolean end_event(GwSession *session, const GwEventNote *note, gint64 action_id, GError **error)
{
    gint64 id;
    GwEventRow row = {.action_id = action_id,
                      .event = (char *)note->event,
                      .host = (char *)note->host,
                      .result = (char *)note->result,
                      .details = (char *)note->details,
                      .start_us = note->at_us,
                      .finish_us = note->at_us};
    return finish_event(session, &row, &id, error) && (id || insert(session, "events", event_fields, EVENTS, &row, &row.id, error));
}

static gboolean close_events(GwSession *session, const GwEventNote *note, GError **error)
{
    return gw_session_run(session,
                          "UPDATE events SET finish_us = $3, result = $4, details = $5 WHERE finish_us = 0 AND action_id IN "
                          "(SELECT id FROM actions WHERE instance_uuid = $1 AND request_id = $2)",
                          GW_PARAMS(gw_param_text(note->instance_uuid), gw_param_text(note->request_id), gw_param_integer(note->at_us),
                                    gw_param_text(note->result), gw_param_text(note->details)),
                          error);
}

static gboolean put_note(GwSession *session, const GwEventNote *note, GError **error)
{
    gint64 action_id;
    if (note->what == GW_NOTE_CLOSES)
        return close_events(session, note, error);
    if (!touch_action(session, note->instance_uuid, note->request_id, note->failed_action ? "Error" : NULL, note->at_us, &action_id, error))
        return FALSE;
    if (!action_id)
        return TRUE;
    return note->what == GW_NOTE_BEGINS ? begin_event(session, note, action_id, error) : end_event(session, note, action_id, error);
}

gboolean gw_store_events_note(GwStore *store, const GwEventNote *notes, guint count, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_NOTE, error);
    if (!session)
        return FALSE;
    for (guint i = 0; i < count; i++)
        if (!put_note(session, &notes[i], error))
            return FALSE;
    return gw_session_commit(session, error);
}

gboolean gw_store_event_begin(GwStore *store, const char *instance_uuid, const char *request_id, const char *event,
                              const char *host, GError **error)
{
    GwEventNote note = {GW_NOTE_BEGINS, instance_uuid, request_id, event, host, .at_us = g_get_real_time()};
    return gw_store_events_note(store, &note, 1, error);
}

gboolean gw_store_event_end(GwStore *store, const char *instance_uuid, const char *request_id, const char *event,
                            const char *host, const char *result, const char *details, GError **error)
{
    GwEventNote note = {GW_NOTE_ENDS, instance_uuid, request_id, event, host, result, details, .at_us = g_get_real_time()};
    return gw_store_events_note(store, &note, 1, error);
}

/* Every row of a query into structs of that size; free_row also frees what is half read. */
static GPtrArray *read_rows(GwResult *result, const GwField *fields, guint count, gsize size, GDestroyNotify free_row,
                            GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(free_row);
    for (;;) {
        gboolean more;
        if (!gw_result_next(result, &more, error))
            return NULL;
        if (!more)
            return g_steal_pointer(&rows);
        gpointer row = g_malloc0(size);
        g_ptr_array_add(rows, row);
        if (!gw_fields_read(fields, count, result, row, error))
            return NULL;
    }
}

gboolean gw_store_actions(GwStore *store, const char *instance_uuid, const char *request_id, GPtrArray **ret_rows,
                          GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    if (!session)
        return FALSE;
    g_autoptr(GString) sql = g_string_new("SELECT ");
    gw_fields_append_names(sql, action_fields, ACTIONS, "");
    g_string_append_printf(sql, " FROM actions WHERE instance_uuid = $1%s ORDER BY id DESC",
                           request_id ? " AND request_id = $2" : "");
    GwParam params[] = {gw_param_text(instance_uuid), gw_param_text(request_id)};
    g_autoptr(GwResult) result = gw_session_query(session, sql->str, params, request_id ? 2 : 1, error);
    GPtrArray *rows = result ? read_rows(result, action_fields, ACTIONS, sizeof(GwActionRow),
                                         (GDestroyNotify)gw_action_row_free, error)
                             : NULL;
    if (!rows)
        return FALSE;
    *ret_rows = rows;
    return TRUE;
}

gboolean gw_store_events(GwStore *store, gint64 action_id, GPtrArray **ret_rows, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    if (!session)
        return FALSE;
    g_autoptr(GString) sql = g_string_new("SELECT ");
    gw_fields_append_names(sql, event_fields, EVENTS, "");
    g_string_append(sql, " FROM events WHERE action_id = $1 ORDER BY id");
    g_autoptr(GwResult) result = gw_session_query(session, sql->str, GW_PARAMS(gw_param_integer(action_id)), error);
    GPtrArray *rows =
        result ? read_rows(result, event_fields, EVENTS, sizeof(GwEventRow), (GDestroyNotify)gw_event_row_free, error)
               : NULL;
    if (!rows)
        return FALSE;
    *ret_rows = rows;
    return TRUE;
}
