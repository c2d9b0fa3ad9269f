/* Migrations: intent and journal. A state is written before the act that it names, so every write here is durable, is
 * one transaction, and is a compare-and-set on the row's version. */
#include "store/migrations.h"

#include "base/error.h"

#include <string.h>

static const char *const state_words[] = {
#define X(ENUM, name, status, traits) [GW_MIGRATION_##ENUM] = name,
    GW_MIGRATION_STATES(X)
#undef X
};
static const char *const kind_words[] = {[GW_MOVE_LIVE] = "live-migration", [GW_MOVE_COLD] = "migration",
                                          [GW_MOVE_EVACUATE] = "evacuation", [GW_MOVE_RESIZE] = "resize"};
static const char *const rung_words[] = {
    [GW_TAKEN_NONE] = "", [GW_TAKEN_WAIT] = "wait", [GW_TAKEN_SLOW_DOWN] = "slow-down", [GW_TAKEN_AGAIN] = "copy-again",
    [GW_TAKEN_POSTCOPY] = "post-copy", [GW_TAKEN_PAUSE] = "pause", [GW_TAKEN_ABORT] = "abort",
};
static const char *const waits_for_words[] = {
    [GW_WAITS_FOR_NOBODY] = "", [GW_WAITS_FOR_SOURCE] = "source", [GW_WAITS_FOR_DEST] = "destination"};
static const char *const block_words[] = {[GW_BLOCK_NO] = "no", [GW_BLOCK_YES] = "yes", [GW_BLOCK_AUTO] = "auto"};

#define FIELD(type, member) GW_FIELD(GwMigration, type, member)
#define PROGRESS(member) GW_FIELD_NAMED(GwMigration, INT64, progress.member, #member)

/* In four runs: the key; what never changes; what an update writes; what the store itself keeps. */
const GwField gw_migration_fields[] = {
    FIELD(INT64, id),
    FIELD(UUID, uuid),
    FIELD(UUID, instance_uuid),
    FIELD(INT64, created_us),
    FIELD(TEXT, options),
    GW_FIELD_WORDS(GwMigration, state, "state", state_words),
    GW_FIELD_WORDS(GwMigration, end, "end_state", state_words),
    GW_FIELD_WORDS(GwMigration, kind, "kind", kind_words),
    GW_FIELD_WORDS(GwMigration, block, "block", block_words),
    FIELD(TEXT, instance_name),
    FIELD(TEXT, source),
    FIELD(TEXT, dest),
    FIELD(UINT, attempts),
    FIELD(TEXT, reason),
    GW_FIELD_WORDS(GwMigration, rung, "rung", rung_words),
    FIELD(TEXT, rung_reason),
    GW_FIELD_WORDS(GwMigration, waits_for, "waits_for", waits_for_words),
    FIELD(TEXT, request_id),
    FIELD(TEXT, user_id),
    FIELD(TEXT, project_id),
    FIELD(INT64, started_us),
    FIELD(INT64, ended_us),
    PROGRESS(elapsed_ms),
    PROGRESS(downtime_ms),
    PROGRESS(memory_total),
    PROGRESS(memory_processed),
    PROGRESS(memory_remaining),
    PROGRESS(disk_total),
    PROGRESS(disk_processed),
    PROGRESS(disk_remaining),
    PROGRESS(memory_bps),
    PROGRESS(dirty_bps),
    PROGRESS(iteration),
    PROGRESS(throttle_percent),
    FIELD(UINT, intents),
    FIELD(INT64, version),
    FIELD(INT64, updated_us),
    FIELD(INT64, state_since_us),
};

enum { COUNT = G_N_ELEMENTS(gw_migration_fields), ADDED = 1, CHANGED = 5, KEPT = COUNT - 4, PROGRESSES = 12 };
_Static_assert((int)COUNT == (int)GW_MIGRATION_FIELD_COUNT, "the header says how many fields there are");
_Static_assert(offsetof(GwProgress, memory_scanned) == PROGRESSES * sizeof(guint64), "a column for every figure of progress that is kept");

static gboolean is_final(const GwMigration *migration)
{
    return (gw_migration_state_traits(migration->state) & GW_TRAIT_FINAL) != 0;
}

/* The plan lives in a table of its own, so that the many updates of a row do not rewrite it. */
static gboolean put_plan(GwSession *session, const GwMigration *migration, GError **error)
{
    if (!migration->plan)
        return gw_session_run(session, "DELETE FROM plans WHERE migration_id = $1",
                              GW_PARAMS(gw_param_integer(migration->id)), error);
    g_autofree char *text = gw_codec_plan_to_text(migration->plan);
    return gw_session_run(session,
                          "INSERT INTO plans (migration_id, value) VALUES ($1, $2) ON CONFLICT (migration_id) "
                          "DO UPDATE SET value = excluded.value WHERE plans.value <> excluded.value",
                          GW_PARAMS(gw_param_integer(migration->id), gw_param_text(text)), error);
}

/* ---- Add */

/* Another daemon may be stopping it, say. */
static gboolean check_idle(GwSession *session, const char *instance_uuid, GError **error)
{
    gint64 daemon;
    if (!gw_session_integer(session, "SELECT daemon_id FROM operations WHERE instance_uuid = $1", GW_PARAMS(gw_param_text(instance_uuid)), 0,
                            &daemon, error))
        return FALSE;
    gint64 deleted = 0;
    if (!gw_session_integer(session, "SELECT id FROM servers WHERE uuid = $1 AND deleting = 1", GW_PARAMS(gw_param_text(instance_uuid)), 0,
                            &deleted, error))
        return FALSE;
    if (daemon || deleted)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "instance %s: %s", instance_uuid,
                    deleted ? "it is being deleted" : "something else has just been asked of it; wait for its end");
    return !daemon && !deleted;
}

/* The unique index decides, whatever races; this says by whom, while the answer can still be found. */
static gboolean check_free(GwSession *session, const char *instance_uuid, GError **error)
{
    g_autoptr(GwResult) result = gw_session_query(
        session, "SELECT id, state, source, dest FROM migrations WHERE instance_uuid = $1 AND final = 0",
        GW_PARAMS(gw_param_text(instance_uuid)), error);
    gboolean found;
    if (!result || !gw_result_next(result, &found, error))
        return FALSE;
    if (!found)
        return TRUE;
    const char *dest = gw_result_text(result, 3);
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                "instance %s already has migration %" G_GINT64_FORMAT
                " (%s, from %s to %s): wait for its end, abort it, or confirm or revert it",
                instance_uuid, gw_result_integer(result, 0), gw_result_text(result, 1), gw_result_text(result, 2),
                dest ? dest : "a host not yet chosen");
    return FALSE;
}

static gboolean insert(GwSession *session, const GwMigration *migration, gint64 *ret_id, GError **error)
{
    const GwField *fields = gw_migration_fields + ADDED;
    guint count = COUNT - ADDED;
    g_autoptr(GString) sql = g_string_new("INSERT INTO migrations (");
    gw_fields_append_names(sql, fields, count, "");
    g_string_append(sql, ", final) VALUES (");
    gw_fields_append_params(sql, count + 1);
    g_string_append(sql, ") RETURNING id");
    GwParam params[COUNT];
    gw_fields_bind(fields, count, migration, params);
    params[count] = gw_param_integer(is_final(migration));
    return gw_session_integer(session, sql->str, params, count + 1, 0, ret_id, error);
}

gboolean gw_store_migration_add(GwStore *store, GwMigration *migration, GError **error)
{
    return gw_store_migration_add_fenced(store, migration, NULL, NULL, error);
}

gboolean gw_store_migration_add_fenced(GwStore *store, GwMigration *migration, const GwFence *fence, GwActionRow *action, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    if (!session || !gw_session_check_fence(session, fence, error))
        return FALSE;
    session->changed = GW_CHANGED_MIGRATIONS;
    GwMigration added = *migration; /* borrows its texts; the caller's row stays as it was on failure */
    g_autofree char *uuid = g_uuid_string_random();
    g_strlcpy(added.uuid, uuid, sizeof added.uuid);
    added.version = 1;
    added.created_us = added.updated_us = added.state_since_us = g_get_real_time();
    if (!is_final(&added) &&
        (!check_free(session, added.instance_uuid, error) || !check_idle(session, added.instance_uuid, error)))
        return FALSE;
    if (!insert(session, &added, &added.id, error) || !gw_resize_put(session, &added, error) || !put_plan(session, &added, error) ||
        !gw_forecast_put(session, &added, error) || (action && !gw_action_insert(session, action, error)) || !gw_session_commit(session, error))
        return FALSE;
    *migration = added;
    return TRUE;
}

/* ---- Update */

/* Time never runs backwards within a row, even when the clock does. $n are numbered after the fields. */
static char *update_sql(void)
{
    guint n = KEPT - CHANGED;
    g_autoptr(GString) sql = g_string_new("UPDATE migrations SET ");
    gw_fields_append_settings(sql, gw_migration_fields + CHANGED, n);
    g_string_append_printf(sql,
                           ", final = $%u, version = version + 1, intents = intents | $%u, "
                           "updated_us = CASE WHEN updated_us > $%u THEN updated_us ELSE $%u END, "
                           "state_since_us = CASE WHEN state = $1 THEN state_since_us "
                           "WHEN updated_us > $%u THEN updated_us ELSE $%u END "
                           "WHERE id = $%u AND version = $%u AND (final = 0 OR state = $1) "
                           "RETURNING intents, version, updated_us, state_since_us",
                           n + 1, n + 2, n + 3, n + 3, n + 3, n + 3, n + 4, n + 5);
    return g_string_free(g_steal_pointer(&sql), FALSE);
}

static gboolean update(GwSession *session, GwMigration *migration, gboolean *ret_done, GError **error)
{
    guint n = KEPT - CHANGED;
    GwParam params[COUNT + 2];
    gw_fields_bind(gw_migration_fields + CHANGED, n, migration, params);
    params[n] = gw_param_integer(is_final(migration));
    params[n + 1] = gw_param_integer(migration->intents);
    params[n + 2] = gw_param_integer(g_get_real_time());
    params[n + 3] = gw_param_integer(migration->id);
    params[n + 4] = gw_param_integer((gint64)migration->version);
    g_autofree char *sql = update_sql();
    g_autoptr(GwResult) result = gw_session_query(session, sql, params, n + 5, error);
    if (!result || !gw_result_next(result, ret_done, error))
        return FALSE;
    gboolean more; /* a statement that writes is always run to its end */
    return !*ret_done || (gw_fields_read(gw_migration_fields + KEPT, COUNT - KEPT, result, migration, error) &&
                          gw_result_next(result, &more, error));
}

/* Why nothing was written: the error of a lost compare-and-set. */
static void explain(GwSession *session, const GwMigration *migration, GError **error)
{
    g_autoptr(GwResult) result = gw_session_query(session, "SELECT version, state FROM migrations WHERE id = $1",
                                                  GW_PARAMS(gw_param_integer(migration->id)), error);
    gboolean found;
    if (!result || !gw_result_next(result, &found, error))
        return;
    if (!found)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "there is no migration %" G_GINT64_FORMAT, migration->id);
    else if (gw_result_integer(result, 0) != (gint64)migration->version)
        g_set_error(error, GW_ERROR, GW_ERROR_STALE,
                    "migration %" G_GINT64_FORMAT " is at version %" G_GINT64_FORMAT ", not %" G_GUINT64_FORMAT
                    ": someone else changed it; read it again",
                    migration->id, gw_result_integer(result, 0), migration->version);
    else
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "migration %" G_GINT64_FORMAT " has ended (%s) and never changes its state again", migration->id,
                    gw_result_text(result, 1));
}

gboolean gw_store_migration_update(GwStore *store, GwMigration *migration, GError **error)
{
    return gw_store_migration_journal(store, migration, NULL, error);
}

gboolean gw_store_migration_journal(GwStore *store, GwMigration *migration, const GwFence *fence, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    if (!session || !gw_session_check_fence(session, fence, error))
        return FALSE;
    session->changed = GW_CHANGED_MIGRATIONS;
    GwMigration updated = *migration;
    gboolean done;
    if (!update(session, &updated, &done, error))
        return FALSE;
    if (!done) {
        explain(session, migration, error);
        return FALSE;
    }
    if (!put_plan(session, migration, error) || !gw_forecast_put(session, migration, error) || !gw_session_commit(session, error))
        return FALSE;
    *migration = updated;
    return TRUE;
}

/* ---- Intents and progress */

gboolean gw_store_migration_intend(GwStore *store, gint64 id, unsigned intents, GwMigration **ret, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    gint64 found;
    if (!session || !gw_session_integer(
                        session,
                        "UPDATE migrations SET intents = intents | $2, "
                        "updated_us = CASE WHEN updated_us > $3 THEN updated_us ELSE $3 END "
                        "WHERE id = $1 AND final = 0 RETURNING id",
                        GW_PARAMS(gw_param_integer(id), gw_param_integer(intents), gw_param_integer(g_get_real_time())),
                        0, &found, error))
        return FALSE;
    session->changed = GW_CHANGED_MIGRATIONS;
    GwMigrationQuery query = {.id = id, .limit = 1};
    g_autoptr(GPtrArray) rows = gw_migrations_read(session, &query, error);
    if (!rows)
        return FALSE;
    if (rows->len == 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "there is no migration %" G_GINT64_FORMAT, id);
        return FALSE;
    }
    if (!found) {
        const GwMigration *row = rows->pdata[0];
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "migration %" G_GINT64_FORMAT " has already ended (%s)", id,
                    gw_migration_state_name(row->state));
        return FALSE;
    }
    if (!gw_session_commit(session, error))
        return FALSE;
    *ret = g_ptr_array_steal_index(rows, 0);
    return TRUE;
}

gboolean gw_store_migration_refresh(GwStore *store, GwMigration *migration, gboolean *ret_current, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    g_autoptr(GwResult) result =
        session ? gw_session_query(session, "SELECT intents, reason FROM migrations WHERE id = $1 AND version = $2 AND state = $3",
                                   GW_PARAMS(gw_param_integer(migration->id), gw_param_integer((gint64)migration->version),
                                             gw_param_text(gw_migration_state_name(migration->state))), error)
                : NULL;
    if (!result || !gw_result_next(result, ret_current, error))
        return FALSE;
    if (!*ret_current)
        return TRUE;
    migration->intents = (guint)gw_result_integer(result, 0);
    g_free(migration->reason);
    migration->reason = g_strdup(gw_result_text(result, 1));
    return TRUE;
}

gboolean gw_store_migration_progress(GwStore *store, const GwMigration *migration, GwProgressHow how, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_NOTE, error);
    if (!session)
        return FALSE;
    const GwField *fields = gw_migration_fields + KEPT - PROGRESSES;
    GwParam params[PROGRESSES + 3];
    gw_fields_bind(fields, PROGRESSES, migration, params);
    params[PROGRESSES] = gw_param_integer(migration->id);
    params[PROGRESSES + 1] = gw_param_text(migration->reason);
    params[PROGRESSES + 2] = gw_param_text(waits_for_words[migration->waits_for]);
    g_autoptr(GString) sql = g_string_new("UPDATE migrations SET ");
    gw_fields_append_settings(sql, fields, PROGRESSES);
    g_string_append_printf(sql, ", reason = $%u, waits_for = $%u WHERE id = $%u RETURNING id", PROGRESSES + 2, PROGRESSES + 3, PROGRESSES + 1);
    gint64 found;
    if (!gw_session_integer(session, sql->str, params, PROGRESSES + 3, 0, &found, error))
        return FALSE;
    if (found == 0) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "there is no migration %" G_GINT64_FORMAT, migration->id);
        return FALSE;
    }
    if (how == GW_PROGRESS_TELL)
        session->changed = GW_CHANGED_MIGRATIONS;
    return gw_forecast_put(session, migration, error) && gw_session_commit(session, error);
}
