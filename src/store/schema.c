#include "store/schema.h"

#include "base/error.h"

/* "GdWt": PRAGMA application_id, so that no other program's database is taken for ours. */
enum { APPLICATION = 0x47645774 };

const char *const gw_schema_steps[] = {
    /* 1: the first. Times are microseconds since the epoch, 0 for not yet; enums are words. */
    "CREATE TABLE hosts ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT," /* never reused */
    " uuid TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL UNIQUE,"
    " uri TEXT NOT NULL UNIQUE,"
    " enabled INTEGER NOT NULL,"
    " disabled_reason TEXT,"
    " forced_down INTEGER NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL,"
    " seen_us INTEGER NOT NULL DEFAULT 0);" /* when its cached instances were seen */

    "CREATE TABLE cached_instances ("
    " host_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,"
    " uuid TEXT NOT NULL,"
    " value TEXT NOT NULL," /* codec.c */
    " PRIMARY KEY (host_id, uuid)) WITHOUT ROWID;"

    "CREATE TABLE migrations ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " instance_uuid TEXT NOT NULL,"
    " instance_name TEXT,"
    " kind TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " end_state TEXT NOT NULL,"
    " final INTEGER NOT NULL," /* whether state has GW_TRAIT_FINAL, for the index below */
    " block TEXT NOT NULL,"
    " source TEXT,"
    " dest TEXT,"
    " intents INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL,"
    " reason TEXT,"
    " request_id TEXT,"
    " user_id TEXT,"
    " project_id TEXT,"
    " created_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL,"
    " started_us INTEGER NOT NULL,"
    " ended_us INTEGER NOT NULL,"
    " state_since_us INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " elapsed_ms INTEGER NOT NULL,"
    " downtime_ms INTEGER NOT NULL,"
    " memory_total INTEGER NOT NULL,"
    " memory_processed INTEGER NOT NULL,"
    " memory_remaining INTEGER NOT NULL,"
    " disk_total INTEGER NOT NULL,"
    " disk_processed INTEGER NOT NULL,"
    " disk_remaining INTEGER NOT NULL,"
    " memory_bps INTEGER NOT NULL,"
    " dirty_bps INTEGER NOT NULL,"
    " iteration INTEGER NOT NULL,"
    " throttle_percent INTEGER NOT NULL);"
    /* The promise that an instance has one unfinished migration at most, whatever races. */
    "CREATE UNIQUE INDEX migrations_unfinished ON migrations (instance_uuid) WHERE final = 0;"
    "CREATE INDEX migrations_instance ON migrations (instance_uuid);"
    "CREATE INDEX migrations_source ON migrations (source);"
    "CREATE INDEX migrations_dest ON migrations (dest);"

    "CREATE TABLE plans ("
    " migration_id INTEGER PRIMARY KEY REFERENCES migrations (id) ON DELETE CASCADE,"
    " value TEXT NOT NULL);" /* codec.c */

    "CREATE TABLE actions ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " instance_uuid TEXT NOT NULL,"
    " request_id TEXT,"
    " action TEXT,"
    " user_id TEXT,"
    " project_id TEXT,"
    " message TEXT,"
    " start_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL);"
    "CREATE INDEX actions_instance ON actions (instance_uuid, request_id);"

    "CREATE TABLE events ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " action_id INTEGER NOT NULL REFERENCES actions (id) ON DELETE CASCADE,"
    " event TEXT NOT NULL,"
    " host TEXT,"
    " result TEXT,"
    " details TEXT,"
    " start_us INTEGER NOT NULL,"
    " finish_us INTEGER NOT NULL);"
    "CREATE INDEX events_action ON events (action_id);",

    /* 2: host aggregates. A host in one cannot be removed; a zone is a key of the metadata. */
    "CREATE TABLE aggregates ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL UNIQUE,"
    " created_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL);"

    "CREATE TABLE aggregate_hosts ("
    " aggregate_id INTEGER NOT NULL REFERENCES aggregates (id) ON DELETE CASCADE,"
    " host_id INTEGER NOT NULL REFERENCES hosts (id),"
    " added_us INTEGER NOT NULL,"
    " PRIMARY KEY (aggregate_id, host_id)) WITHOUT ROWID;"
    "CREATE INDEX aggregate_hosts_host ON aggregate_hosts (host_id);"

    "CREATE TABLE aggregate_metadata ("
    " aggregate_id INTEGER NOT NULL REFERENCES aggregates (id) ON DELETE CASCADE,"
    " key TEXT NOT NULL,"
    " value TEXT NOT NULL,"
    " PRIMARY KEY (aggregate_id, key)) WITHOUT ROWID;",

    /* 3: drains, their moves, and which hosts running ones have. */
    "CREATE TABLE drains ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " kind TEXT NOT NULL,"
    " hosts TEXT,"
    " state TEXT NOT NULL,"
    " cancelling INTEGER NOT NULL,"
    " include_stopped INTEGER NOT NULL,"
    " return_later INTEGER NOT NULL,"
    " per_host INTEGER NOT NULL,"
    " predicted_ms INTEGER NOT NULL,"
    " bound_ms INTEGER NOT NULL,"
    " reason TEXT,"
    " request_id TEXT,"
    " user_id TEXT,"
    " project_id TEXT,"
    " created_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL,"
    " ended_us INTEGER NOT NULL,"
    " version INTEGER NOT NULL);"

    "CREATE TABLE drain_hosts ("
    " host TEXT NOT NULL PRIMARY KEY,"
    " drain_id INTEGER NOT NULL REFERENCES drains (id) ON DELETE CASCADE) WITHOUT ROWID;"

    "CREATE TABLE drain_moves ("
    " drain_id INTEGER NOT NULL REFERENCES drains (id) ON DELETE CASCADE,"
    " instance_uuid TEXT NOT NULL,"
    " instance_name TEXT,"
    " source TEXT,"
    " dest TEXT,"
    " kind TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " migration_id INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL,"
    " tried TEXT,"
    " reason TEXT,"
    " bytes INTEGER NOT NULL,"
    " start_ms INTEGER NOT NULL,"
    " predicted_ms INTEGER NOT NULL,"
    " pause_ms INTEGER NOT NULL,"
    " PRIMARY KEY (drain_id, instance_uuid)) WITHOUT ROWID;",

    /* 4: what instances are defined by, for the day that their host is down. */
    "CREATE TABLE definitions ("
    " host_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,"
    " uuid TEXT NOT NULL,"
    " fingerprint INTEGER NOT NULL,"
    " value TEXT NOT NULL,"
    " PRIMARY KEY (host_id, uuid)) WITHOUT ROWID;",

    /* 5: servers that Godwit makes or takes away, and flavors. */
    "CREATE TABLE servers ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " phase TEXT NOT NULL,"
    " host TEXT,"
    " deleting INTEGER NOT NULL,"
    " delete_request TEXT,"
    " created_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " value TEXT NOT NULL);" /* servers.c */

    "CREATE TABLE flavors ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " flavor_id TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL UNIQUE,"
    " created_us INTEGER NOT NULL,"
    " value TEXT NOT NULL);", /* servers.c */

    /* 6: what people say of instances. */
    "CREATE TABLE cards ("
    " uuid TEXT NOT NULL PRIMARY KEY,"
    " value TEXT NOT NULL," /* cards.c */
    " updated_us INTEGER NOT NULL) WITHOUT ROWID;",
};

const guint gw_schema_count = G_N_ELEMENTS(gw_schema_steps);

static const char *remedy(int code)
{
    switch (code & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return "the database is damaged: restore a copy of it, or move it away (the history is lost, no instance is)";
    case SQLITE_FULL:
        return "free some space there";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "another program keeps the database locked: end it";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return "let the user that runs godwitd write the file and its folder";
    case SQLITE_IOERR:
        return "look into the system's log for failures of its disk";
    default:
        return "report it as a defect of Godwit";
    }
}

void gw_sqlite_set_error(GError **error, sqlite3 *db, const char *path)
{
    int code = sqlite3_extended_errcode(db);
    gboolean unique = code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY;
    if (unique)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s: %s", path, sqlite3_errmsg(db));
    else
        g_set_error(error, GW_ERROR, GW_ERROR_STORE, "%s: %s: %s", path, sqlite3_errmsg(db), remedy(code));
}

/* The first column of the first row, as SQLite renders it; NULL with error set when there is none. */
static char *ask(sqlite3 *db, const char *path, const char *sql, GError **error)
{
    sqlite3_stmt *statement;
    char *answer = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        gw_sqlite_set_error(error, db, path);
        return NULL;
    }
    if (sqlite3_step(statement) == SQLITE_ROW)
        answer = g_strdup((const char *)sqlite3_column_text(statement, 0));
    else
        gw_sqlite_set_error(error, db, path);
    sqlite3_finalize(statement);
    return answer;
}

static gboolean ask_integer(sqlite3 *db, const char *path, const char *sql, gint64 *ret_integer, GError **error)
{
    g_autofree char *answer = ask(db, path, sql, error);
    if (!answer)
        return FALSE;
    *ret_integer = g_ascii_strtoll(answer, NULL, 10);
    return TRUE;
}

static gboolean check_sound(sqlite3 *db, const char *path, GError **error)
{
    g_autofree char *answer = ask(db, path, "PRAGMA quick_check(1)", error);
    if (!answer)
        return FALSE;
    if (g_strcmp0(answer, "ok") == 0)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_STORE, "%s: %s: %s", path, answer, remedy(SQLITE_CORRUPT));
    return FALSE;
}

gboolean gw_schema_check(sqlite3 *db, const char *path, guint count, GError **error)
{
    gint64 application, version, tables;
    if (!ask_integer(db, path, "PRAGMA application_id", &application, error) ||
        !ask_integer(db, path, "PRAGMA user_version", &version, error) ||
        !ask_integer(db, path, "SELECT count(*) FROM sqlite_schema", &tables, error))
        return FALSE;
    if (application != APPLICATION && (application != 0 || version != 0 || tables != 0)) {
        g_set_error(error, GW_ERROR, GW_ERROR_STORE,
                    "%s: is a database of another program: name another file in the option `database`", path);
        return FALSE;
    }
    if (version > (gint64)count) {
        g_set_error(error, GW_ERROR, GW_ERROR_STORE,
                    "%s: has schema %" G_GINT64_FORMAT " of a newer Godwit, and Godwit " GW_VERSION
                    " knows schemas up to %u: run the newer Godwit, or restore the copy made before it was installed",
                    path, version, count);
        return FALSE;
    }
    return check_sound(db, path, error);
}

static gboolean run(sqlite3 *db, const char *path, const char *sql, GError **error)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return TRUE;
    gw_sqlite_set_error(error, db, path);
    return FALSE;
}

static gboolean apply(sqlite3 *db, const char *path, const char *const *steps, guint from, guint count, GError **error)
{
    for (guint i = from; i < count; i++) {
        if (!run(db, path, steps[i], error)) {
            gw_error_prefix(error, "bringing schema %u forward to %u", i, i + 1);
            return FALSE;
        }
    }
    g_autofree char *marks =
        g_strdup_printf("PRAGMA application_id = %d; PRAGMA user_version = %u", APPLICATION, count);
    return run(db, path, marks, error);
}

gboolean gw_schema_bring_forward(sqlite3 *db, const char *path, const char *const *steps, guint count, GError **error)
{
    gint64 version;
    if (!run(db, path, "BEGIN IMMEDIATE", error))
        return FALSE;
    if (ask_integer(db, path, "PRAGMA user_version", &version, error) &&
        (version >= (gint64)count || apply(db, path, steps, (guint)version, count, error)) &&
        run(db, path, "COMMIT", error))
        return TRUE;
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return FALSE;
}
