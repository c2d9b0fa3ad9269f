/* The record of instance actions and their events: history for people. Written behind the loop, in order, by one worker, so that a move never
 * waits for it; what has come while it wrote is written at once. */
#include "engine/scribe.h"

enum { MOST_AT_ONCE = 64 }; /* in one transaction, which keeps other writers waiting */

struct GwScribe {
    GMutex lock;      /* taken last */
    GPtrArray *notes; /* [lock] of Note *: to be written */
    gboolean prunes;  /* [lock] and then what is old is to be forgotten */
    gboolean woken;   /* [lock] the worker has yet to take them */
};

typedef struct {
    int what; /* of a GwEventNote */
    char instance_uuid[GW_UUID_SIZE];
    char *request_id, *event, *host, *error;
    char *details; /* of one that ended well */
    const char *decision; /* the action that the user took after the move, to which this event belongs; or NULL */
    gint64 at_us;
    gboolean failed_action;
} Note;

static void note_free(gpointer data)
{
    Note *note = data;
    g_free(note->request_id);
    g_free(note->event);
    g_free(note->host);
    g_free(note->error);
    g_free(note->details);
    g_free(note);
}

GwScribe *gw_scribe_new(void)
{
    GwScribe *scribe = g_new0(GwScribe, 1);
    g_mutex_init(&scribe->lock);
    scribe->notes = g_ptr_array_new_with_free_func(note_free);
    return scribe;
}

void gw_scribe_free(GwScribe *scribe)
{
    g_ptr_array_unref(scribe->notes);
    g_mutex_clear(&scribe->lock);
    g_free(scribe);
}

/* note: taken; NULL: what is old is to be forgotten. */
static void put(GwEngine *engine, Note *note)
{
    GwScribe *scribe = engine->notes;
    g_mutex_lock(&scribe->lock);
    if (note)
        g_ptr_array_add(scribe->notes, note);
    scribe->prunes |= !note;
    gboolean wake = !scribe->woken;
    scribe->woken = TRUE;
    g_mutex_unlock(&scribe->lock);
    if (wake)
        g_thread_pool_push(engine->scribe, scribe, NULL);
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
    note->at_us = g_get_real_time();
    return note;
}

void gw_scribe_begin(GwActive *active, const GwMigration *row, const char *event, const char *host)
{
    if (row->request_id)
        put(active->engine, note_new(row, event, host));
}

void gw_scribe_close(GwActive *active, const GwMigration *row)
{
    if (!row->request_id)
        return;
    const char *decisions[] = {NULL /* the request that began the move */, decision_of(row)};
    for (guint i = 0; i < (decisions[1] ? 2 : 1); i++) {
        Note *note = note_new(row, NULL, NULL);
        note->what = GW_NOTE_CLOSES;
        note->decision = decisions[i];
        note->error = g_strdup(gw_migration_failure(row));
        put(active->engine, note);
    }
}

void gw_scribe_note(GwActive *active, const GwMigration *row, const char *event, const char *host, const char *details)
{
    if (!row->request_id)
        return;
    Note *note = note_new(row, event, host);
    note->what = GW_NOTE_ENDS;
    note->details = g_strdup(details);
    put(active->engine, note);
}

void gw_scribe_end(GwActive *active, const GwMigration *row, const char *event, const char *host, const char *error)
{
    if (!row->request_id || !event)
        return;
    Note *note = note_new(row, event, host);
    note->what = GW_NOTE_ENDS;
    note->error = g_strdup(error);
    note->failed_action = row->state == GW_MIGRATION_FAILED || row->state == GW_MIGRATION_ERROR;
    put(active->engine, note);
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
    put(engine, NULL);
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

static GwEventNote row_of(const Note *note)
{
    return (GwEventNote){.what = (guint)note->what,
                         .instance_uuid = note->instance_uuid,
                         .request_id = note->request_id,
                         .event = note->event,
                         .host = note->host,
                         .result = note->what == GW_NOTE_BEGINS ? NULL : note->error ? "Error" : "Success",
                         .details = note->error ? note->error : note->details,
                         .at_us = note->at_us,
                         .failed_action = note->failed_action};
}

/* One that cannot be written does not take others with it. */
static void write_singly(GwEngine *engine, const GwEventNote *rows, guint count)
{
    for (guint i = 0; i < count; i++) {
        g_autoptr(GError) error = NULL;
        if (!gw_store_events_note(engine->store, &rows[i], 1, &error))
            gw_warning("%s of %s could not be recorded: %s", rows[i].event ? rows[i].event : "the end of all events", rows[i].instance_uuid,
                       error->message);
    }
}

static void write_some(GwEngine *engine, Note *const *notes, guint count)
{
    GwEventNote rows[MOST_AT_ONCE];
    for (guint i = 0; i < count; i++) {
        find_request(engine, notes[i]);
        rows[i] = row_of(notes[i]);
    }
    if (!gw_store_events_note(engine->store, rows, count, NULL))
        write_singly(engine, rows, count);
}

void gw_scribe_work(gpointer data, gpointer user_data)
{
    GwEngine *engine = user_data;
    GwScribe *scribe = data;
    g_mutex_lock(&scribe->lock);
    g_autoptr(GPtrArray) notes = g_steal_pointer(&scribe->notes);
    scribe->notes = g_ptr_array_new_with_free_func(note_free);
    gboolean prunes = scribe->prunes;
    scribe->woken = scribe->prunes = FALSE;
    g_mutex_unlock(&scribe->lock);
    for (guint i = 0; i < notes->len; i += MOST_AT_ONCE)
        write_some(engine, (Note **)notes->pdata + i, MIN(notes->len - i, MOST_AT_ONCE));
    if (prunes)
        prune(engine);
}
