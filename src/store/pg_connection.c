#include "store/pg_connection.h"

#include "base/error.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum { STATEMENTS_MAX = 64, PARAMS_MAX = 64 };

typedef struct {
    GwResult result; /* first: a GwResult * is a Rows * */
    PGresult *pg;
    int row;         /* the present one; -1 before the first */
} Rows;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PGresult, PQclear)

/* ---- Errors */

/* Of libpq's and the server's messages, the first line; what follows are guesses. */
static char *tidy(const char *message)
{
    const char *text = message && *message ? message : "no answer";
    return g_strstrip(g_strndup(text, strcspn(text, "\n")));
}

static const char *remedy(const char *state)
{
    static const struct {
        const char *prefix, *remedy;
    } remedies[] = {
        {"53100", "free some space on the database server"},
        {"53300", "raise max_connections of the server: each godwitd uses up to 11"},
        {"57014", "the server was too slow, or another session keeps a lock: look into its log"},
        {"25P03", "it was begun too long ago: the machine is overloaded"},
        {"42501", "let Godwit's user own the database: ALTER DATABASE … OWNER TO …"},
        {"28", "see pg_hba.conf of the server, and the password in ~/.pgpass or passfile="},
        {"3D000", "make it: createdb -O USER NAME"},
        {"25006", "it is a standby: add target_session_attrs=read-write to the address, and the other hosts"},
        {"57P", "the server is being stopped; it is tried again"},
        {"08", "the server cannot be reached; it is tried again"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(remedies); i++)
        if (state && g_str_has_prefix(state, remedies[i].prefix))
            return remedies[i].remedy;
    return "look into the log of the database server";
}

static gboolean fail_result(GwPgConnection *connection, const PGresult *result, GError **error)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    g_autofree char *message = tidy(primary ? primary : PQresultErrorMessage(result));
    if (g_strcmp0(state, "23505") == 0)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s: %s", connection->name, message);
    else
        g_set_error(error, GW_ERROR, GW_ERROR_STORE, "%s: %s: %s", connection->name, message, remedy(state));
    return FALSE;
}

/* The connection is of no more use, and what became of the last statement is unknown; what was begun before is undone. */
static gboolean fail_broken(GwPgConnection *connection, const char *why, GError **error)
{
    g_autofree char *message = tidy(why);
    connection->broken = TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_STORE, "%s: %s: %s", connection->name, message, remedy("08"));
    return FALSE;
}

/* ---- Waiting, never for ever */

static gboolean wait_for(GwPgConnection *connection, short events, gint64 until_us, GError **error)
{
    gint64 left_ms = (until_us - g_get_monotonic_time()) / 1000;
    struct pollfd poll_fd = {.fd = PQsocket(connection->pg), .events = events};
    int ready = left_ms > 0 ? poll(&poll_fd, 1, (int)left_ms) : 0;
    if (ready > 0 || (ready < 0 && errno == EINTR))
        return TRUE;
    return fail_broken(connection, "the server does not answer", error);
}

static gboolean send_all(GwPgConnection *connection, gint64 until_us, GError **error)
{
    for (;;) {
        int left = PQflush(connection->pg);
        if (left == 0)
            return TRUE;
        if (left < 0)
            return fail_broken(connection, PQerrorMessage(connection->pg), error);
        if (!wait_for(connection, POLLIN | POLLOUT, until_us, error))
            return FALSE;
        if (!PQconsumeInput(connection->pg))
            return fail_broken(connection, PQerrorMessage(connection->pg), error);
    }
}

static gboolean await_result(GwPgConnection *connection, gint64 until_us, PGresult **ret_result, GError **error)
{
    while (PQisBusy(connection->pg)) {
        if (!wait_for(connection, POLLIN, until_us, error))
            return FALSE;
        if (!PQconsumeInput(connection->pg))
            return fail_broken(connection, PQerrorMessage(connection->pg), error);
    }
    *ret_result = PQgetResult(connection->pg);
    return TRUE;
}

static gboolean is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

/* The last result of what was sent, or the first that is an error; every one is fetched, so that the next can be sent. */
static PGresult *finish_sent(GwPgConnection *connection, int sent, GError **error)
{
    gint64 until_us = g_get_monotonic_time() + GW_PG_CLIENT_MS * 1000;
    g_autoptr(PGresult) kept = NULL;
    if (!sent) {
        fail_broken(connection, PQerrorMessage(connection->pg), error);
        return NULL;
    }
    if (!send_all(connection, until_us, error))
        return NULL;
    for (;;) {
        PGresult *result = NULL;
        if (!await_result(connection, until_us, &result, error))
            return NULL;
        if (!result)
            break;
        gboolean keep = !kept || is_good(kept);
        PQclear(keep ? kept : result);
        kept = keep ? result : kept;
    }
    if (PQstatus(connection->pg) == CONNECTION_BAD) {
        fail_broken(connection, kept ? PQresultErrorMessage(kept) : PQerrorMessage(connection->pg), error);
        return NULL;
    }
    if (kept && is_good(kept))
        return g_steal_pointer(&kept);
    fail_result(connection, kept, error);
    return NULL;
}

gboolean gw_pg_connection_execute(GwPgConnection *connection, const char *sql, GError **error)
{
    int sent = PQsendQuery(connection->pg, sql);
    g_autoptr(PGresult) result = finish_sent(connection, sent, error);
    return result != NULL;
}

gboolean gw_pg_connection_commit(GwPgConnection *connection, const char *sql, GError **error)
{
    int sent = PQsendQuery(connection->pg, sql);
    g_autoptr(PGresult) result = finish_sent(connection, sent, error);
    if (!result)
        return FALSE;
    connection->begun = FALSE;
    if (strcmp(PQcmdStatus(result), "COMMIT") == 0)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_STORE, "%s: the transaction had failed: %s", connection->name, remedy(NULL));
    return FALSE;
}

/* ---- Opening and closing */

void gw_pg_connection_close(GwPgConnection *connection)
{
    if (!connection)
        return;
    g_hash_table_unref(connection->statements);
    PQfinish(connection->pg);
    g_free(connection->id);
    g_free(connection);
}

static void swallow(void *data, const PGresult *notice)
{
}

/* Nothing is to be read from an idle connection but its end (the listening one is never asked). */
gboolean gw_pg_connection_is_dead(GwPgConnection *connection)
{
    struct pollfd poll_fd = {.fd = PQsocket(connection->pg), .events = POLLIN};
    return connection->broken || PQstatus(connection->pg) != CONNECTION_OK || poll(&poll_fd, 1, 0) != 0;
}

/* Given as defaults: what the URI says of the same goes before. A server that a firewall hides is noticed by unanswered data. */
static PGconn *connect_to(const char *uri)
{
    g_autofree char *timeout = g_strdup_printf("%d", GW_PG_CONNECT_S);
    g_autofree char *unanswered = g_strdup_printf("%d", GW_PG_CLIENT_MS);
    const char *const keys[] = {"connect_timeout", "tcp_user_timeout", "target_session_attrs", "fallback_application_name", "dbname", NULL};
    const char *const values[] = {timeout, unanswered, "read-write", "godwitd", uri, NULL};
    return PQconnectdbParams(keys, values, 1);
}

static gboolean set_up(GwPgConnection *connection, GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("SET client_encoding = 'UTF8';"
                        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';"
                        "SET statement_timeout = %d; SET idle_in_transaction_session_timeout = %d",
                        GW_PG_STATEMENT_MS, GW_PG_IDLE_MS);
    PQsetNoticeReceiver(connection->pg, swallow, NULL);
    return PQsetnonblocking(connection->pg, 1) == 0 && gw_pg_connection_execute(connection, sql, error);
}

GwPgConnection *gw_pg_connection_open(GwStore *store, const char *uri, const char *name, GError **error)
{
    g_autoptr(GwPgConnection) connection = g_new0(GwPgConnection, 1);
    connection->session.store = store;
    connection->name = name;
    connection->id = g_uuid_string_random();
    connection->statements = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    connection->pg = connect_to(uri);
    if (PQstatus(connection->pg) != CONNECTION_OK) {
        g_autofree char *why = tidy(PQerrorMessage(connection->pg));
        g_set_error(error, GW_ERROR, GW_ERROR_STORE, "%s: %s: %s", name, why,
                    strstr(why, "read-only") ? remedy("25006")
                    : strstr(why, "FATAL")   ? "see the server's log, pg_hba.conf, and the password in ~/.pgpass or passfile="
                                             : "start the server, or correct the option `database`");
        return NULL;
    }
    return set_up(connection, error) ? g_steal_pointer(&connection) : NULL;
}

/* ---- Statements */

/* A failed PREPARE fails the transaction; nobody prepares what may fail. */
static const char *prepare(GwPgConnection *connection, const char *sql, GError **error)
{
    const char *known = g_hash_table_lookup(connection->statements, sql);
    if (known)
        return known;
    if (g_hash_table_size(connection->statements) >= STATEMENTS_MAX) {
        if (!gw_pg_connection_execute(connection, "DEALLOCATE ALL", error))
            return NULL;
        g_hash_table_remove_all(connection->statements);
    }
    char *name = g_strdup_printf("s%u", ++connection->serial);
    int sent = PQsendPrepare(connection->pg, name, sql, 0, NULL);
    g_autoptr(PGresult) result = finish_sent(connection, sent, error);
    if (!result) {
        g_free(name);
        return NULL;
    }
    g_hash_table_insert(connection->statements, g_strdup(sql), name);
    return name;
}

/* Numbers travel as text, in one buffer that lives as long as the call. */
typedef struct {
    const char *values[PARAMS_MAX];
    char numbers[PARAMS_MAX][24];
} Values;

static void render(Values *values, const GwParam *params, guint count)
{
    g_assert(count <= PARAMS_MAX);
    for (guint i = 0; i < count; i++) {
        switch (params[i].type) {
        case GW_PARAM_NULL:
            values->values[i] = NULL;
            break;
        case GW_PARAM_INTEGER:
            g_snprintf(values->numbers[i], sizeof values->numbers[i], "%" G_GINT64_FORMAT, params[i].integer);
            values->values[i] = values->numbers[i];
            break;
        case GW_PARAM_TEXT:
            values->values[i] = params[i].text;
            break;
        }
    }
}

GwResult *gw_pg_connection_query(GwSession *session, const char *sql, const GwParam *params, guint count, GError **error)
{
    GwPgConnection *connection = (GwPgConnection *)session;
    const char *name = prepare(connection, sql, error);
    if (!name)
        return NULL;
    Values values;
    render(&values, params, count);
    int sent = PQsendQueryPrepared(connection->pg, name, (int)count, values.values, NULL, NULL, 0);
    PGresult *pg = finish_sent(connection, sent, error);
    if (!pg)
        return NULL;
    Rows *rows = g_new0(Rows, 1);
    rows->result.session = session;
    rows->pg = pg;
    rows->row = -1;
    return &rows->result;
}

gboolean gw_pg_connection_next(GwResult *result, gboolean *ret_row, GError **error)
{
    Rows *rows = (Rows *)result;
    int count = PQntuples(rows->pg);
    rows->row = MIN(rows->row + 1, count);
    *ret_row = rows->row < count;
    return TRUE;
}

gint64 gw_pg_connection_integer(GwResult *result, guint column)
{
    const char *text = gw_pg_connection_text(result, column);
    return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

const char *gw_pg_connection_text(GwResult *result, guint column)
{
    Rows *rows = (Rows *)result;
    return PQgetisnull(rows->pg, rows->row, (int)column) ? NULL : PQgetvalue(rows->pg, rows->row, (int)column);
}

void gw_pg_connection_finish(GwResult *result)
{
    Rows *rows = (Rows *)result;
    PQclear(rows->pg);
    g_free(rows);
}
