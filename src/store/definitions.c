/* What instances are defined by, kept for the day that their host is down. Written as a note, like the cache of instances: what a
 * power cut loses is asked for again. */
#include "store/database.h"

#include "base/error.h"

void gw_definition_free(GwDefinition *definition)
{
    g_free(definition->text);
    g_free(definition);
}

static gboolean find_host(GwSession *session, const char *host, gint64 *ret_id, GError **error)
{
    if (!gw_session_integer(session, "SELECT id FROM hosts WHERE name = $1", GW_PARAMS(gw_param_text(host)), 0, ret_id, error))
        return FALSE;
    if (!*ret_id)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "there is no host %s", host);
    return *ret_id != 0;
}

gboolean gw_store_definitions_put(GwStore *store, const char *host, const GPtrArray *definitions, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_NOTE, error);
    gint64 id;
    if (!session || !find_host(session, host, &id, error))
        return FALSE;
    for (guint i = 0; i < definitions->len; i++) {
        const GwDefinition *definition = definitions->pdata[i];
        if (!gw_session_run(session,
                            "INSERT INTO definitions (host_id, uuid, fingerprint, value) VALUES ($1, $2, $3, $4) "
                            "ON CONFLICT (host_id, uuid) DO UPDATE SET fingerprint = excluded.fingerprint, value = excluded.value",
                            GW_PARAMS(gw_param_integer(id), gw_param_text(definition->uuid),
                                      gw_param_integer((gint64)definition->fingerprint), gw_param_text(definition->text)),
                            error))
            return FALSE;
    }
    return gw_session_commit(session, error);
}

gboolean gw_store_definitions_known(GwStore *store, const char *host, GHashTable **ret_known, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    gint64 id;
    if (!session || !find_host(session, host, &id, error))
        return FALSE;
    g_autoptr(GwResult) result = gw_session_query(session, "SELECT uuid, fingerprint FROM definitions WHERE host_id = $1",
                                                  GW_PARAMS(gw_param_integer(id)), error);
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (gboolean more = result != NULL; more;) {
        if (!gw_result_next(result, &more, error))
            return FALSE;
        if (!more)
            break;
        gint64 fingerprint = gw_result_integer(result, 1);
        g_hash_table_insert(known, g_strdup(gw_result_text(result, 0)), g_memdup2(&fingerprint, sizeof fingerprint));
    }
    *ret_known = g_steal_pointer(&known);
    return result != NULL;
}

gboolean gw_store_definition_get(GwStore *store, const char *host, const char *uuid, char **ret_text, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    g_autoptr(GwResult) result =
        session ? gw_session_query(session,
                                   "SELECT d.value FROM definitions d JOIN hosts h ON h.id = d.host_id "
                                   "WHERE h.name = $1 AND d.uuid = $2",
                                   GW_PARAMS(gw_param_text(host), gw_param_text(uuid)), error)
                : NULL;
    gboolean found;
    if (!result || !gw_result_next(result, &found, error))
        return FALSE;
    *ret_text = found ? g_strdup(gw_result_text(result, 0)) : NULL;
    return TRUE;
}

gboolean gw_store_evacuation_cleared(GwStore *store, gint64 id, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    gint64 now_us = g_get_real_time();
    if (session)
        session->changed = GW_CHANGED_HOSTS; /* what is to be cleared is looked up with them */
    return session &&
           gw_session_run(session,
                          "UPDATE migrations SET state = 'completed', reason = NULL, version = version + 1, state_since_us = $2, "
                          "updated_us = CASE WHEN updated_us > $2 THEN updated_us ELSE $2 END WHERE id = $1 AND state = 'evacuated'",
                          GW_PARAMS(gw_param_integer(id), gw_param_integer(now_us)), error) &&
           gw_session_commit(session, error);
}
