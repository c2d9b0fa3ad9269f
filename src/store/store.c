/* The store's thin middle: the wrappers through which the nouns reach whichever database is behind. */
#include "store/database.h"

void gw_store_close(GwStore *store)
{
    if (store)
        store->ops->close(store);
}

GwSession *gw_session_begin(GwStore *store, GwAccess access, GError **error)
{
    GwSession *session = store->ops->begin(store, access, error);
    if (session)
        session->changed = 0;
    return session;
}

gboolean gw_session_commit(GwSession *session, GError **error)
{
    if (!session->store->ops->commit(session, error))
        return FALSE;
    __atomic_add_fetch(&session->store->commits, 1, __ATOMIC_RELAXED);
    return TRUE;
}

guint64 gw_store_commits(const GwStore *store)
{
    return (guint64)__atomic_load_n(&store->commits, __ATOMIC_RELAXED);
}

void gw_session_end(GwSession *session)
{
    session->store->ops->end(session);
}

GwResult *gw_session_query(GwSession *session, const char *sql, const GwParam *params, guint count, GError **error)
{
    return session->store->ops->query(session, sql, params, count, error);
}

gboolean gw_result_next(GwResult *result, gboolean *ret_row, GError **error)
{
    return result->session->store->ops->next(result, ret_row, error);
}

gint64 gw_result_integer(GwResult *result, guint column)
{
    return result->session->store->ops->integer(result, column);
}

const char *gw_result_text(GwResult *result, guint column)
{
    return result->session->store->ops->text(result, column);
}

void gw_result_finish(GwResult *result)
{
    result->session->store->ops->finish(result);
}

gboolean gw_session_run(GwSession *session, const char *sql, const GwParam *params, guint count, GError **error)
{
    g_autoptr(GwResult) result = gw_session_query(session, sql, params, count, error);
    if (!result)
        return FALSE;
    gboolean row = TRUE;
    while (row)
        if (!gw_result_next(result, &row, error))
            return FALSE;
    return TRUE;
}

gboolean gw_session_integer(GwSession *session, const char *sql, const GwParam *params, guint count, gint64 otherwise,
                            gint64 *ret_integer, GError **error)
{
    g_autoptr(GwResult) result = gw_session_query(session, sql, params, count, error);
    gint64 integer = otherwise;
    gboolean first = TRUE, row = result != NULL;
    for (; row; first = FALSE) {
        if (!gw_result_next(result, &row, error))
            return FALSE;
        if (row && first)
            integer = gw_result_integer(result, 0);
    }
    if (result)
        *ret_integer = integer;
    return result != NULL;
}
