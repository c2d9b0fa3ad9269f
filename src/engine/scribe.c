/* The record of instance actions and their events: history for people. Written behind the loop, in order, by one worker,
 * so that a move never waits for it. */
#include "engine/internal.h"

typedef struct {
    enum { BEGINS, ENDS, CLOSES, PRUNES } what;
    char instance_uuid[GW_UUID_SIZE];
    char *request_id, *event, *host, *error;
    char *details; /* of one that ended well */
    const char *decision; /* the action that the user took after the move, to which this event belongs; or NULL */
    gboolean failed_action;
} Note;

static void note_free(Note *note)
{
    g_free(note->request_id);
    g_free(note->event);
    g_free(note->host);
    g_free(note->error);
    g_free(note->details);
    g_free(note);
}

/* A decision that could not be carried out ends in ERROR, and is still the user's. */
static const char *decision_of(const GwMigration *row)
{
    gboolean failed = gw_move_kind_is_cold(row->kind) && row->state == GW_MIGRATION_ERROR;
    if (row->state == GW_MIGRATION_CONFIRMING || row->state == GW_MIGRATION_CONFIRMED || (failed && row->intents & GW_INTENT_CONFIRM))
        return "confirmResize";
    if (row->state == GW_MIGRATION_REVERTING || row->state == GW_MIGRATION_REVERTED || (failed && row->intents & GW_INTENT_REVERT))
        return "revertResize";
    return NULL;
}

static Note *note_new(const GwMigration *row, const char *event, const char *host)
{
    Note *note = g_new0(Note, 1);
    g_strlcpy(note->instance_uuid, row->instance_uuid, sizeof note->instance_uuid);
    note->request_id = g_strdup(row->request_id);
    note->decision = decision_of(row);
    note->event = g_strdup(event);
    note->host = g_strdup(host);
    return note;
}

void gw_scribe_begin(GwActive *active, const GwMigration *row, const char *event, const char *host)
{
    if (row->request_id)
        g_thread_pool_push(active->engine->scribe, note_new(row, event, host), NULL);
}

void gw_scribe_close(GwActive *active, const GwMigration *row)
{
    if (!row->request_id)
        return;
    const char *decisions[] = {NULL /* the request that began the move */, decision_of(row)};
    for (guint i = 0; i < (decisions[1] ? 2 : 1); i++) {
        Note *note = note_new(row, NULL, NULL);
        note->what = CLOSES;
        note->decision = decisions[i];
        note->error = g_strdup(gw_migration_failure(row));
        g_thread_pool_push(active->engine->scribe, note, NULL);
    }
}

void gw_scribe_note(GwActive *active, const GwMigration *row, const char *event, const char *host, const char *details)
{
    if (!row->request_id)
        return;
    Note *note = note_new(row, event, host);
    note->what = ENDS;
    note->details = g_strdup(details);
    g_thread_pool_push(active->engine->scribe, note, NULL);
}

void gw_scribe_end(GwActive *active, const GwMigration *row, const char *event, const char *host, const char *error)
{
    if (!row->request_id || !event)
        return;
    Note *note = note_new(row, event, host);
    note->what = ENDS;
    note->error = g_strdup(error);
    note->failed_action = row->state == GW_MIGRATION_FAILED || row->state == GW_MIGRATION_ERROR;
    g_thread_pool_push(active->engine->scribe, note, NULL);
}

/* The request under which the user took his decision, not the one that began the move. */
static void find_request(GwEngine *engine, Note *note)
{
    g_autoptr(GPtrArray) rows = NULL;
    if (!note->decision || !gw_store_actions(engine->store, note->instance_uuid, NULL, &rows, NULL))
        return;
    for (guint i = 0; i < rows->len; i++) {
        const GwActionRow *row = rows->pdata[i];
        if (g_strcmp0(row->action, note->decision) == 0 && row->request_id) {
            g_free(note->request_id);
            note->request_id = g_strdup(row->request_id);
            return;
        }
    }
}

void gw_scribe_prune(GwEngine *engine)
{
    Note *note = g_new0(Note, 1);
    note->what = PRUNES;
    g_thread_pool_push(engine->scribe, note, NULL);
}

static void prune(GwEngine *engine)
{
    gint64 age_us = (gint64)engine->settings.history_days * 24 * 3600 * G_USEC_PER_SEC, migrations = 0;
    g_autoptr(GError) error = NULL;
    if (!gw_store_prune(engine->store, g_get_real_time() - age_us, &migrations, &error))
        gw_warning("old history could not be forgotten: %s", error->message);
    else if (migrations)
        gw_info("%" G_GINT64_FORMAT " migrations that ended more than %u days ago are forgotten (history_days)", migrations,
                engine->settings.history_days);
}

void gw_scribe_work(gpointer data, gpointer user_data)
{
    GwEngine *engine = user_data;
    Note *note = data;
    if (note->what == PRUNES) {
        prune(engine);
        note_free(note);
        return;
    }
    g_autoptr(GError) error = NULL;
    find_request(engine, note);
    if (note->what == CLOSES) {
        if (!gw_store_events_close(engine->store, note->instance_uuid, note->request_id, note->error ? "Error" : "Success", note->error,
                                   &error))
            gw_warning("events of %s could not be ended: %s", note->instance_uuid, error->message);
        note_free(note);
        return;
    }
    gboolean ok = note->what == BEGINS ? gw_store_event_begin(engine->store, note->instance_uuid, note->request_id, note->event,
                                                     note->host, &error)
                              : gw_store_event_end(engine->store, note->instance_uuid, note->request_id, note->event,
                                                   note->host, note->error ? "Error" : "Success",
                                                   note->error ? note->error : note->details, &error);
    if (ok && note->failed_action)
        ok = gw_store_action_fail(engine->store, note->instance_uuid, note->request_id, &error);
    if (!ok)
        gw_warning("event %s of %s could not be recorded: %s", note->event, note->instance_uuid, error->message);
    note_free(note);
}
