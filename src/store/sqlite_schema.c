/* Brings an SQLite file's schema forward, and says what is wrong with a file. */
#include "store/sqlite_schema.h"

#include "base/error.h"
#include "store/schema.h"

/* "GdWt": PRAGMA application_id, so that no other program's database is taken for ours. */
enum { APPLICATION = 0x47645774 };

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
