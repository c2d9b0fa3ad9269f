/* Forgetting old history. What has not ended is never touched. */
#include "store/database.h"

static gboolean count(GwSession *session, const char *sql, gint64 before_us, gint64 *ret_count, GError **error)
{
    return gw_session_integer(session, sql, GW_PARAMS(gw_param_integer(before_us)), 0, ret_count, error);
}

gboolean gw_store_prune(GwStore *store, gint64 before_us, gint64 *ret_migrations, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_NOTE, error);
    gint64 migrations;
    /* an evacuation whose old host has not come back is not over: what it left there is still to be cleared */
    const GwParam before[] = {gw_param_integer(before_us)};
    /* plans and events go with their rows */
    if (!session ||
        !count(session, "SELECT COUNT(*) FROM migrations WHERE final = 1 AND state <> 'evacuated' AND updated_us < $1", before_us, &migrations, error) ||
        !gw_session_run(session, "DELETE FROM migrations WHERE final = 1 AND state <> 'evacuated' AND updated_us < $1", before, 1, error) ||
        !gw_session_run(session,
                        "DELETE FROM actions WHERE updated_us < $1 AND NOT EXISTS (SELECT 1 FROM migrations WHERE "
                        "migrations.final = 0 AND migrations.instance_uuid = actions.instance_uuid)",
                        before, 1, error) ||
        !gw_session_run(session, "DELETE FROM drains WHERE state <> 'running' AND ended_us < $1", before, 1, error) ||
        !gw_session_run(session, "DELETE FROM rollings WHERE running = 0 AND ended_us < $1", before, 1, error) ||
        !gw_session_commit(session, error))
        return FALSE;
    *ret_migrations = migrations;
    return TRUE;
}
