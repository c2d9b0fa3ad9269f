#include "cli/server.h"

#include <string.h>

void gw_server_free(GwServer *server)
{
    if (!server)
        return;
    json_decref(server->json);
    g_free(server);
}

static GwServer *server_new(json_t *json, GError **error)
{
    const char *uuid = gw_json_peek(json, "id");
    if (!uuid) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "The daemon's answer makes no sense: a server without an id.");
        return NULL;
    }
    GwServer *server = g_new0(GwServer, 1);
    server->json = json_incref(json);
    server->uuid = uuid;
    server->name = gw_json_peek(json, "name") ? gw_json_peek(json, "name") : uuid;
    server->host = gw_json_peek(json, "OS-EXT-SRV-ATTR:host");
    server->status = gw_json_peek(json, "status");
    return server;
}

static GwServer *find_by_uuid(GwCli *cli, const char *uuid, GError **error)
{
    g_autofree char *path = gw_client_path("/v2.1/servers/%s", uuid);
    g_autoptr(json_t) body = NULL;
    return gw_client_get(cli, path, &body, error) ? server_new(json_object_get(body, "server"), error) : NULL;
}

static gboolean is_named(const json_t *server, const char *name)
{
    return g_strcmp0(gw_json_peek(server, "name"), name) == 0;
}

static void set_ambiguous(const json_t *list, const char *name, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    size_t index;
    json_t *server;
    json_array_foreach(list, index, server)
    {
        if (!is_named(server, name))
            continue;
        const char *host = gw_json_peek(server, "OS-EXT-SRV-ATTR:host");
        g_string_append_printf(text, "\n%s on %s", gw_json_peek(server, "id"), host ? host : "an unknown host");
    }
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Several servers are named '%s'; name one by its UUID:%s", name,
                text->str);
}

/* The filter is a regular expression to the daemon, as in Nova. */
static gboolean list_named(GwCli *cli, const char *name, json_t **ret_body, GError **error)
{
    g_autofree char *literal = g_regex_escape_string(name, -1);
    g_autofree char *pattern = g_strdup_printf("^%s$", literal);
    g_autoptr(GString) path = g_string_new("/v2.1/servers/detail");
    gw_client_query(path, "name", pattern);
    return gw_client_get_all(cli, path->str, "servers", "id", ret_body, error);
}

static GwServer *find_by_name(GwCli *cli, const char *name, GError **error)
{
    g_autoptr(json_t) body = NULL;
    if (!list_named(cli, name, &body, error))
        return NULL;
    json_t *list = json_object_get(body, "servers");
    json_t *found = NULL, *server;
    guint count = 0;
    size_t index;
    json_array_foreach(list, index, server)
    {
        if (!is_named(server, name))
            continue;
        found = server;
        count++;
    }
    if (count == 1)
        return server_new(found, error);
    if (count > 1)
        set_ambiguous(list, name, error);
    else
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "There is no server '%s'; 'godwit list' shows all.", name);
    return NULL;
}

void gw_server_call_by_name(GwCli *cli, const GwServer *server)
{
    if (!cli->names)
        cli->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_replace(cli->names, g_strdup(server->uuid), g_strdup(server->name));
}

GwServer *gw_server_find(GwCli *cli, const char *which, GError **error)
{
    if (!g_uuid_string_is_valid(which)) {
        GwServer *named = find_by_name(cli, which, error);
        if (named)
            gw_server_call_by_name(cli, named);
        return named;
    }
    g_autofree char *uuid = g_ascii_strdown(which, -1);
    g_autoptr(GError) why = NULL;
    GwServer *server = find_by_uuid(cli, uuid, &why);
    if (!server && g_error_matches(why, GW_ERROR, GW_ERROR_NOT_FOUND)) /* a name may look like one */
        return find_by_name(cli, which, error);
    if (!server)
        g_propagate_error(error, g_steal_pointer(&why));
    return server;
}

char *gw_server_place(GwCli *cli, const char *uuid, const char *name)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(GwServer) server = find_by_uuid(cli, uuid, &why);
    if (!server)
        return g_strdup_printf("Where %s is now is not known: %s", name, why->message);
    if (!server->host)
        return g_strdup_printf("Where %s is now is not known: the daemon names no host.", name);
    return g_strdup_printf("%s is on %s (%s).", server->name, server->host, gw_server_power(server->json));
}

const char *gw_server_power(const json_t *server)
{
    /* nova/compute/power_state.py */
    static const char *const names[] = {[0] = "power state unknown",
                                        [1] = "running",
                                        [3] = "paused",
                                        [4] = "shut off",
                                        [6] = "crashed",
                                        [7] = "suspended"};
    gint64 state = 0;
    gw_json_int(server, "OS-EXT-STS:power_state", GW_JSON_OPTIONAL, 0, 7, &state, NULL);
    return names[state] ? names[state] : names[0];
}
