/* Servers and flavors: what is asked for by column has one; the rest of each is one JSON text. */
#include "store/migrations.h"

#include "base/error.h"

static gpointer append_spec(gpointer flavor)
{
    return gw_flavor_add_spec(flavor);
}

static gpointer append_flavor(gpointer server)
{
    return gw_server_add_flavor(server);
}

static gpointer append_metadatum(gpointer server)
{
    return gw_server_add_metadatum(server);
}

static const GwField metadatum_fields[] = {GW_FIELD(GwMetadatum, TEXT, key), GW_FIELD(GwMetadatum, TEXT, value)};

#define FLAVOR(type, member) GW_FIELD(GwFlavor, type, member)
static const GwField flavor_fields[] = {
    FLAVOR(TEXT, flavor_id),
    FLAVOR(TEXT, name),
    FLAVOR(UINT, vcpus),
    FLAVOR(INT64, memory_mib),
    FLAVOR(INT64, disk_gib),
    FLAVOR(INT64, ephemeral_gib),
    FLAVOR(INT64, swap_mib),
    FLAVOR(TEXT, rxtx_factor),
    FLAVOR(BOOL, is_public),
    FLAVOR(TEXT, description),
    GW_FIELD_LIST_OF(GwFlavor, extra_specs, metadatum_fields, append_spec),
    FLAVOR(STRINGS, projects),
};

#define SERVER(type, member) GW_FIELD(GwServer, type, member)
static const GwField server_fields[] = {
    SERVER(TEXT, name),
    SERVER(TEXT, domain_name),
    SERVER(TEXT, wanted_zone),
    SERVER(TEXT, wanted_host),
    SERVER(BOOL, host_forced),
    SERVER(TEXT, image_id),
    SERVER(TEXT, image_path),
    SERVER(TEXT, image_format),
    SERVER(INT64, image_bytes),
    GW_FIELD_LIST_OF(GwServer, flavors, flavor_fields, append_flavor),
    SERVER(STRINGS, networks),
    GW_FIELD_LIST_OF(GwServer, metadata, metadatum_fields, append_metadatum),
    SERVER(STRINGS, tags),
    SERVER(TEXT, description),
    SERVER(TEXT, disk_config),
    SERVER(TEXT, reservation_id),
    SERVER(UINT, launch_index),
    SERVER(INT64, disk_bytes),
    SERVER(UINT, attempts),
    SERVER(BOOL, listed),
    SERVER(STRINGS, disks),
    SERVER(TEXT, reason),
    SERVER(TEXT, request_id),
    SERVER(TEXT, user_id),
    SERVER(TEXT, project_id),
    SERVER(INT64, built_us),
};

/* ---- servers */

static GwServer *read_server(GwResult *result, GError **error)
{
    g_autoptr(GwServer) server = gw_server_new();
    const char *phase = gw_result_text(result, 2);
    const char *value = gw_result_text(result, 8);
    if (!value || !gw_fields_from_text(server_fields, G_N_ELEMENTS(server_fields), value, server, error)) {
        gw_error_prefix(error, "stored server");
        return NULL;
    }
    server->id = gw_result_integer(result, 0);
    g_strlcpy(server->uuid, gw_result_text(result, 1), sizeof server->uuid);
    guint number = 0;
    while (number < GW_SERVER_PHASE_COUNT && g_strcmp0(gw_server_phase_names[number], phase) != 0)
        number++;
    if (number == GW_SERVER_PHASE_COUNT) {
        g_set_error(error, GW_ERROR, GW_ERROR_STORE,
                    "server %s is in phase '%s', which this Godwit does not know: run the Godwit that wrote it", server->uuid, phase);
        return NULL;
    }
    server->phase = number;
    server->host = g_strdup(gw_result_text(result, 3));
    server->delete_asked = gw_result_integer(result, 4) != 0;
    server->delete_request = g_strdup(gw_result_text(result, 9));
    server->created_us = gw_result_integer(result, 5);
    server->updated_us = gw_result_integer(result, 6);
    server->version = (guint64)gw_result_integer(result, 7);
    return g_steal_pointer(&server);
}

gboolean gw_store_servers(GwStore *store, GPtrArray **ret_rows, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    g_autoptr(GwResult) result =
        session ? gw_session_query(session,
                                   "SELECT id, uuid, phase, host, deleting, created_us, updated_us, version, value, delete_request FROM servers ORDER BY id",
                                   NULL, 0, error)
                : NULL;
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_server_free);
    if (!result)
        return FALSE;
    for (gboolean more;;) {
        if (!gw_result_next(result, &more, error))
            return FALSE;
        if (!more)
            break;
        GwServer *server = read_server(result, error);
        if (!server)
            return FALSE;
        g_ptr_array_add(rows, server);
    }
    *ret_rows = g_steal_pointer(&rows);
    return TRUE;
}

static char *value_of(const GwServer *server)
{
    return gw_fields_to_text(server_fields, G_N_ELEMENTS(server_fields), server);
}

gboolean gw_store_server_add(GwStore *store, GwServer *server, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    g_autofree char *value = value_of(server);
    gint64 now = g_get_real_time(), id = 0, taken = 0;
    if (session)
        session->changed = GW_CHANGED_SERVERS;
    if (!session || !gw_session_integer(session, "SELECT id FROM servers WHERE uuid = $1", GW_PARAMS(gw_param_text(server->uuid)), 0,
                                        &taken, error))
        return FALSE;
    if (taken) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "something is being done to instance %s already", server->uuid);
        return FALSE;
    }
    if (!gw_session_integer(session,
                            "INSERT INTO servers (uuid, phase, host, deleting, created_us, updated_us, version, value, delete_request) "
                            "VALUES ($1, $2, $3, $4, $5, $5, 1, $6, $7) RETURNING id",
                            GW_PARAMS(gw_param_text(server->uuid), gw_param_text(gw_server_phase_name(server->phase)),
                                      gw_param_text(server->host), gw_param_integer(server->delete_asked), gw_param_integer(now),
                                      gw_param_text(value), gw_param_text(server->delete_request)),
                            0, &id, error) ||
        !gw_session_commit(session, error))
        return FALSE;
    server->id = id;
    server->version = 1;
    server->created_us = server->updated_us = now;
    return TRUE;
}

/* The compare-and-set; *ret_version is 0 when someone else was faster. */
static gboolean write_row(GwSession *session, const GwServer *server, gint64 now, gint64 *ret_version, gboolean *ret_delete, GError **error)
{
    g_autofree char *value = value_of(server);
    g_autoptr(GwResult) result =
        gw_session_query(session,
                         "UPDATE servers SET phase = $1, host = $2, updated_us = $3, version = version + 1, value = $4 "
                         "WHERE id = $5 AND version = $6 RETURNING version, deleting",
                         GW_PARAMS(gw_param_text(gw_server_phase_name(server->phase)), gw_param_text(server->host), gw_param_integer(now),
                                   gw_param_text(value), gw_param_integer(server->id), gw_param_integer((gint64)server->version)),
                         error);
    gboolean row = FALSE;
    *ret_version = 0;
    if (!result || !gw_result_next(result, &row, error))
        return FALSE;
    if (row) {
        *ret_version = gw_result_integer(result, 0);
        *ret_delete = gw_result_integer(result, 1) != 0;
    }
    gboolean more;
    return !row || gw_result_next(result, &more, error);
}

gboolean gw_store_server_update(GwStore *store, GwServer *server, GError **error)
{
    return gw_store_server_journal(store, server, NULL, error);
}

gboolean gw_store_server_journal(GwStore *store, GwServer *server, const GwFence *fence, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    gint64 now = g_get_real_time(), version = 0;
    gboolean delete_asked = FALSE;
    if (session)
        session->changed = GW_CHANGED_SERVERS;
    if (!session || !gw_session_check_fence(session, fence, error) || !write_row(session, server, now, &version, &delete_asked, error))
        return FALSE;
    if (!version) {
        g_set_error(error, GW_ERROR, GW_ERROR_STALE, "server %s was changed by someone else: read it again", server->uuid);
        return FALSE;
    }
    if (!gw_session_commit(session, error))
        return FALSE;
    server->version = (guint64)version;
    server->updated_us = now;
    server->delete_asked = delete_asked;
    return TRUE;
}

gboolean gw_store_server_ask_delete(GwStore *store, const char *uuid, const char *request_id, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    gint64 found;
    if (session)
        session->changed = GW_CHANGED_SERVERS;
    if (!session || !gw_session_integer(session, "UPDATE servers SET deleting = 1, delete_request = $2 WHERE uuid = $1 RETURNING id",
                                        GW_PARAMS(gw_param_text(uuid), gw_param_text(request_id)), 0, &found, error))
        return FALSE;
    if (!found)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance %s could not be found.", uuid);
    return found && gw_session_commit(session, error);
}

gboolean gw_store_server_remove(GwStore *store, gint64 id, const GwFence *fence, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    if (session)
        session->changed = GW_CHANGED_SERVERS;
    return session && gw_session_check_fence(session, fence, error) &&
           gw_session_run(session, "DELETE FROM cards WHERE uuid = (SELECT uuid FROM servers WHERE id = $1)", GW_PARAMS(gw_param_integer(id)),
                          error) &&
           gw_session_run(session, "DELETE FROM servers WHERE id = $1", GW_PARAMS(gw_param_integer(id)), error) &&
           gw_session_commit(session, error);
}

/* ---- flavors */

GwFlavor *gw_codec_flavor_from_text(const char *text, GError **error)
{
    g_autoptr(GwFlavor) flavor = gw_flavor_new();
    if (gw_fields_from_text(flavor_fields, G_N_ELEMENTS(flavor_fields), text, flavor, error))
        return g_steal_pointer(&flavor);
    gw_error_prefix(error, "stored flavor");
    return NULL;
}

gboolean gw_resize_put(GwSession *session, const GwMigration *migration, GError **error)
{
    const GwFlavor *flavor = migration->flavor;
    if (!flavor)
        return TRUE;
    g_autofree char *value = gw_fields_to_text(flavor_fields, G_N_ELEMENTS(flavor_fields), flavor);
    return gw_session_run(session, "INSERT INTO resizes (migration_id, flavor, was, value) VALUES ($1, $2, $3, $4)",
                          GW_PARAMS(gw_param_integer(migration->id), gw_param_integer(flavor->id), gw_param_integer(migration->flavor_was),
                                    gw_param_text(value)), error);
}

gboolean gw_store_flavors(GwStore *store, GPtrArray **ret_rows, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    g_autoptr(GwResult) result =
        session ? gw_session_query(session, "SELECT id, created_us, value FROM flavors ORDER BY id", NULL, 0, error) : NULL;
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_flavor_free);
    if (!result)
        return FALSE;
    for (gboolean more;;) {
        if (!gw_result_next(result, &more, error))
            return FALSE;
        if (!more)
            break;
        GwFlavor *flavor = gw_flavor_new();
        g_ptr_array_add(rows, flavor);
        const char *value = gw_result_text(result, 2);
        if (!gw_fields_from_text(flavor_fields, G_N_ELEMENTS(flavor_fields), value ? value : "", flavor, error)) {
            gw_error_prefix(error, "stored flavor");
            return FALSE;
        }
        flavor->id = gw_result_integer(result, 0);
        flavor->created_us = gw_result_integer(result, 1);
    }
    *ret_rows = g_steal_pointer(&rows);
    return TRUE;
}

/* Nova's words (nova/exception.py: FlavorExists, FlavorIdExists). */
static gboolean check_free(GwSession *session, const GwFlavor *flavor, GError **error)
{
    gint64 by_id = 0, by_name = 0;
    if (!gw_session_integer(session, "SELECT id FROM flavors WHERE flavor_id = $1 AND id <> $2",
                            GW_PARAMS(gw_param_text(flavor->flavor_id), gw_param_integer(flavor->id)), 0, &by_id, error) ||
        !gw_session_integer(session, "SELECT id FROM flavors WHERE name = $1 AND id <> $2",
                            GW_PARAMS(gw_param_text(flavor->name), gw_param_integer(flavor->id)), 0, &by_name, error))
        return FALSE;
    if (by_name)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Flavor with name %s already exists.", flavor->name);
    else if (by_id)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Flavor with ID %s already exists.", flavor->flavor_id);
    return !by_id && !by_name;
}

gboolean gw_store_flavor_add(GwStore *store, GwFlavor *flavor, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    g_autofree char *value = gw_fields_to_text(flavor_fields, G_N_ELEMENTS(flavor_fields), flavor);
    gint64 now = g_get_real_time(), id = 0;
    if (!session || !check_free(session, flavor, error) ||
        !gw_session_integer(session, "INSERT INTO flavors (flavor_id, name, created_us, value) VALUES ($1, $2, $3, $4) RETURNING id",
                            GW_PARAMS(gw_param_text(flavor->flavor_id), gw_param_text(flavor->name), gw_param_integer(now),
                                      gw_param_text(value)),
                            0, &id, error) ||
        !gw_session_commit(session, error))
        return FALSE;
    flavor->id = id;
    flavor->created_us = now;
    return TRUE;
}

static gboolean refuse_unknown(const char *flavor_id, GError **error)
{
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Flavor %s could not be found.", flavor_id);
    return FALSE;
}

gboolean gw_store_flavor_update(GwStore *store, const GwFlavor *flavor, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    g_autofree char *value = gw_fields_to_text(flavor_fields, G_N_ELEMENTS(flavor_fields), flavor);
    gint64 found = 0;
    if (!session || !check_free(session, flavor, error) ||
        !gw_session_integer(session, "UPDATE flavors SET flavor_id = $1, name = $2, value = $3 WHERE id = $4 RETURNING id",
                            GW_PARAMS(gw_param_text(flavor->flavor_id), gw_param_text(flavor->name), gw_param_text(value),
                                      gw_param_integer(flavor->id)),
                            0, &found, error))
        return FALSE;
    return found ? gw_session_commit(session, error) : refuse_unknown(flavor->flavor_id, error);
}

gboolean gw_store_flavor_remove(GwStore *store, const char *flavor_id, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    gint64 found = 0;
    if (!session || !gw_session_integer(session, "DELETE FROM flavors WHERE flavor_id = $1 RETURNING id",
                                        GW_PARAMS(gw_param_text(flavor_id)), 0, &found, error))
        return FALSE;
    return found ? gw_session_commit(session, error) : refuse_unknown(flavor_id, error);
}
