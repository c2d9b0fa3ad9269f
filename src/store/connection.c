#include "store/connection.h"

#include "store/sqlite_schema.h"

enum {
    STATEMENTS_MAX = 64, /* prepared, per connection */
    BUSY_TIMEOUT_MS = 10000, /* only another program, such as a copy being made, can keep us waiting */
};

typedef struct {
    GwResult result; /* first: a GwResult * is a Statement * */
    sqlite3_stmt *stmt;
    gboolean busy;
} Statement;

static void statement_free(gpointer data)
{
    Statement *statement = data;
    sqlite3_finalize(statement->stmt);
    g_free(statement);
}

void gw_connection_close(GwConnection *connection)
{
    if (!connection)
        return;
    g_hash_table_unref(connection->statements);
    sqlite3_close(connection->db);
    g_free(connection);
}
static gboolean fail(GwConnection *connection, GError **error)
{
    gw_sqlite_set_error(error, connection->db, connection->path);
    return FALSE;
}

gboolean gw_connection_execute(GwConnection *connection, const char *sql, GError **error)
{
    return sqlite3_exec(connection->db, sql, NULL, NULL, NULL) == SQLITE_OK || fail(connection, error);
}

GwConnection *gw_connection_open(const char *path, int flags, GError **error)
{
    g_autoptr(GwConnection) connection = g_new0(GwConnection, 1);
    connection->path = path;
    connection->statements = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, statement_free);
    if (sqlite3_open_v2(path, &connection->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        fail(connection, error);
        return NULL;
    }
    sqlite3_extended_result_codes(connection->db, 1);
    sqlite3_busy_timeout(connection->db, BUSY_TIMEOUT_MS);
    return g_steal_pointer(&connection);
}

/* ---- Statements */

/* SQLite numbers a $n by its first appearance in the text, a ?n by its number. */
static char *with_numbers(const char *sql)
{
    char *own = g_strdup(sql);
    for (char *at = own; *at; at++)
        if (at[0] == '$' && g_ascii_isdigit(at[1]))
            *at = '?';
    return own;
}

static gboolean is_idle(gpointer key, gpointer value, gpointer data)
{
    return !((Statement *)value)->busy;
}

static Statement *prepare(GwConnection *connection, const char *sql, GError **error)
{
    Statement *statement = g_hash_table_lookup(connection->statements, sql);
    if (statement)
        return statement;
    if (g_hash_table_size(connection->statements) >= STATEMENTS_MAX)
        g_hash_table_foreach_remove(connection->statements, is_idle, NULL);
    g_autofree char *numbered = with_numbers(sql);
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v3(connection->db, numbered, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK) {
        fail(connection, error);
        return NULL;
    }
    statement = g_new0(Statement, 1);
    statement->stmt = stmt;
    g_hash_table_insert(connection->statements, g_strdup(sql), statement);
    return statement;
}

static int bind(sqlite3_stmt *stmt, int index, const GwParam *param)
{
    switch (param->type) {
    case GW_PARAM_NULL:
        return sqlite3_bind_null(stmt, index);
    case GW_PARAM_INTEGER:
        return sqlite3_bind_int64(stmt, index, param->integer);
    case GW_PARAM_TEXT:
        return sqlite3_bind_text(stmt, index, param->text, -1, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

void gw_connection_finish(GwResult *result)
{
    Statement *statement = (Statement *)result;
    sqlite3_reset(statement->stmt);
    sqlite3_clear_bindings(statement->stmt);
    statement->busy = FALSE;
}

GwResult *gw_connection_query(GwSession *session, const char *sql, const GwParam *params, guint count, GError **error)
{
    GwConnection *connection = ((GwTransaction *)session)->connection;
    Statement *statement = prepare(connection, sql, error);
    if (!statement)
        return NULL;
    g_assert(!statement->busy); /* the same text twice at once would need two statements: nobody does that */
    statement->result.session = session;
    statement->busy = TRUE;
    for (guint i = 0; i < count; i++) {
        if (bind(statement->stmt, (int)i + 1, &params[i]) != SQLITE_OK) {
            fail(connection, error);
            gw_connection_finish(&statement->result);
            return NULL;
        }
    }
    return &statement->result;
}

gboolean gw_connection_next(GwResult *result, gboolean *ret_row, GError **error)
{
    int code = sqlite3_step(((Statement *)result)->stmt);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return fail(((GwTransaction *)result->session)->connection, error);
    *ret_row = code == SQLITE_ROW;
    return TRUE;
}

gint64 gw_connection_integer(GwResult *result, guint column)
{
    return sqlite3_column_int64(((Statement *)result)->stmt, (int)column);
}

const char *gw_connection_text(GwResult *result, guint column)
{
    return (const char *)sqlite3_column_text(((Statement *)result)->stmt, (int)column);
}
