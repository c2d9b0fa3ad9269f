/* What each host last said. Written as a note: a power cut may lose the newest of it, and the host is asked again.
 * Most of what a host says is what it said a minute ago: only differences are written. */
#include "store/database.h"

#include "base/error.h"
#include "base/log.h"

#include <string.h>

static gboolean find_host(GwSession *session, const char *host, gint64 *ret_id, gint64 *ret_seen_us, GError **error)
{
    g_autoptr(GwResult) result = gw_session_query(session, "SELECT id, seen_us FROM hosts WHERE name = $1",
                                                  GW_PARAMS(gw_param_text(host)), error);
    gboolean found;
    if (!result || !gw_result_next(result, &found, error))
        return FALSE;
    if (!found) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "there is no host %s", host);
        return FALSE;
    }
    *ret_id = gw_result_integer(result, 0);
    *ret_seen_us = gw_result_integer(result, 1);
    return TRUE;
}

static GwResult *query_host(GwSession *session, gint64 id, GError **error)
{
    return gw_session_query(session, "SELECT uuid, value FROM cached_instances WHERE host_id = $1 ORDER BY uuid",
                            GW_PARAMS(gw_param_integer(id)), error);
}

static gboolean read_all(GwSession *session, gint64 id, GHashTable *texts, GError **error)
{
    g_autoptr(GwResult) result = query_host(session, id, error);
    gboolean more = result != NULL;
    while (more) {
        if (!gw_result_next(result, &more, error))
            return FALSE;
        if (more)
            g_hash_table_insert(texts, g_strdup(gw_result_text(result, 0)), g_strdup(gw_result_text(result, 1)));
    }
    return result != NULL;
}

static gboolean read_one(GwSession *session, gint64 id, const char *uuid, GHashTable *texts, GError **error)
{
    g_autoptr(GwResult) result = gw_session_query(session, "SELECT value FROM cached_instances WHERE host_id = $1 AND uuid = $2",
                                                  GW_PARAMS(gw_param_integer(id), gw_param_text(uuid)), error);
    gboolean found;
    if (!result || !gw_result_next(result, &found, error))
        return FALSE;
    if (found)
        g_hash_table_insert(texts, g_strdup(uuid), g_strdup(gw_result_text(result, 0)));
    return TRUE;
}

/* uuid → text of what is stored. */
static GHashTable *read_texts(GwSession *session, gint64 id, GHashTable *only, GError **error)
{
    g_autoptr(GHashTable) texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    GHashTableIter iter;
    gpointer uuid;
    if (!only)
        return read_all(session, id, texts, error) ? g_steal_pointer(&texts) : NULL;
    g_hash_table_iter_init(&iter, only);
    while (g_hash_table_iter_next(&iter, &uuid, NULL))
        if (!read_one(session, id, uuid, texts, error))
            return NULL;
    return g_steal_pointer(&texts);
}

/* Takes what is the same out of texts, so that what is left in it at the end has gone from the host. */
static gboolean put_instance(GwSession *session, gint64 id, GHashTable *texts, const GwInstance *instance,
                             GError **error)
{
    g_autofree char *text = gw_codec_instance_to_text(instance);
    const char *before = g_hash_table_lookup(texts, instance->uuid);
    gboolean same = g_strcmp0(before, text) == 0;
    g_hash_table_remove(texts, instance->uuid);
    return same ||
           gw_session_run(session,
                          "INSERT INTO cached_instances (host_id, uuid, value) VALUES ($1, $2, $3) "
                          "ON CONFLICT (host_id, uuid) DO UPDATE SET value = excluded.value",
                          GW_PARAMS(gw_param_integer(id), gw_param_text(instance->uuid), gw_param_text(text)), error);
}

static gboolean drop_gone(GwSession *session, gint64 id, GHashTable *texts, GError **error)
{
    GHashTableIter iter;
    gpointer uuid;
    g_hash_table_iter_init(&iter, texts);
    while (g_hash_table_iter_next(&iter, &uuid, NULL))
        if (!gw_session_run(session, "DELETE FROM cached_instances WHERE host_id = $1 AND uuid = $2",
                            GW_PARAMS(gw_param_integer(id), gw_param_text(uuid)), error) ||
            !gw_session_run(session, "DELETE FROM definitions WHERE host_id = $1 AND uuid = $2",
                            GW_PARAMS(gw_param_integer(id), gw_param_text(uuid)), error))
            return FALSE;
    return TRUE;
}

gboolean gw_store_cache_put(GwStore *store, const char *host, const GPtrArray *instances, GHashTable *only, gint64 seen_us, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_NOTE, error);
    gint64 id, before_us;
    if (!session || !find_host(session, host, &id, &before_us, error))
        return FALSE;
    g_autoptr(GHashTable) texts = read_texts(session, id, only, error);
    if (!texts)
        return FALSE;
    for (guint i = 0; i < instances->len; i++) {
        const GwInstance *instance = instances->pdata[i];
        if ((!only || g_hash_table_contains(only, instance->uuid)) && !put_instance(session, id, texts, instance, error))
            return FALSE;
    }
    return drop_gone(session, id, texts, error) &&
           gw_session_run(session, "UPDATE hosts SET seen_us = $1 WHERE id = $2",
                          GW_PARAMS(gw_param_integer(seen_us), gw_param_integer(id)), error) &&
           gw_session_commit(session, error);
}

/* An instance that another version of Godwit wrote and this one cannot read is as good as not seen yet: the host is
 * asked again anyhow, and the daemon must start. */
static void add_readable(GPtrArray *instances, const char *host, const char *uuid, const char *text)
{
    g_autoptr(GError) error = NULL;
    GwInstance *instance = gw_codec_instance_from_text(text, &error);
    if (instance)
        g_ptr_array_add(instances, instance);
    else
        gw_warning("instance %s of host %s is not shown until the host answers: %s", uuid, host, error->message);
}

gboolean gw_store_cache_get(GwStore *store, const char *host, GPtrArray **ret_instances, gint64 *ret_seen_us,
                            GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    gint64 id, seen_us;
    if (!session || !find_host(session, host, &id, &seen_us, error))
        return FALSE;
    g_autoptr(GwResult) result = query_host(session, id, error);
    if (!result)
        return FALSE;
    g_autoptr(GPtrArray) instances = g_ptr_array_new_with_free_func((GDestroyNotify)gw_instance_unref);
    for (;;) {
        gboolean more;
        if (!gw_result_next(result, &more, error))
            return FALSE;
        if (!more)
            break;
        add_readable(instances, host, gw_result_text(result, 0), gw_result_text(result, 1));
    }
    *ret_instances = g_steal_pointer(&instances);
    *ret_seen_us = seen_us;
    return TRUE;
}
