/* The commands that list and show servers. */
#include "cli/client.h"
#include "cli/server.h"
#include "cli/table.h"
#include "cli/text.h"

#include <string.h>

static void add_server(GwTable *table, const json_t *server)
{
    gw_table_add(table, gw_json_peek(server, "id"));
    gw_table_add(table, gw_json_peek(server, "name"));
    gw_table_add(table, gw_json_peek(server, "status"));
    gw_table_add(table, gw_json_peek(server, "OS-EXT-STS:task_state"));
    gw_table_add(table, gw_server_power(server));
    gw_table_add(table, gw_json_peek(server, "OS-EXT-SRV-ATTR:host"));
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    const char *x = gw_json_peek(*(const json_t *const *)a, "name"), *y = gw_json_peek(*(const json_t *const *)b, "name");
    return g_strcmp0(x, y);
}

/* The daemon's order is that of their making. Of borrowed json_t *; owned by the caller. */
static GPtrArray *sorted(const json_t *servers)
{
    GPtrArray *list = g_ptr_array_new();
    for (size_t i = 0; i < json_array_size(servers); i++)
        g_ptr_array_add(list, json_array_get(servers, i));
    g_ptr_array_sort(list, by_name);
    return list;
}

/* What is shown of a host that does not answer is what was seen of it last. */
static void print_silent_hosts(const GPtrArray *servers)
{
    g_autoptr(GHashTable) told = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < servers->len; i++) {
        const char *host = gw_json_peek(servers->pdata[i], "OS-EXT-SRV-ATTR:host");
        const char *status = gw_json_peek(servers->pdata[i], "host_status");
        if (!host || (g_strcmp0(status, "DOWN") != 0 && g_strcmp0(status, "UNKNOWN") != 0) || !g_hash_table_add(told, (gpointer)host))
            continue;
        g_autofree char *clean = gw_text_clean(host);
        printf("%s does not answer: its servers are shown as they were last seen.\n", clean);
    }
}

static void print_none(const char *host, const char *status)
{
    if (host || status)
        puts("No server matches; 'godwit list' shows all.");
    else
        puts("No servers. Godwit finds those that run on its hosts: see 'godwit host-list', add one with "
             "'godwit host-add'.");
}

GwExit gw_run_list(GwCli *cli, const GwArguments *arguments, GError **error)
{
    static const char *const headings[] = {"ID", "Name", "Status", "Task State", "Power State", "Host", NULL};
    const char *host = gw_arguments_option(arguments, "host"), *status = gw_arguments_option(arguments, "status");

    g_autoptr(GString) path = g_string_new("/v2.1/servers/detail");
    gw_client_query(path, "host", host);
    gw_client_query(path, "status", status);
    g_autoptr(json_t) body = NULL;
    json_t *servers;
    if (!gw_client_get_all(cli, path->str, "servers", "id", &body, error) ||
        !gw_client_list(body, "servers", &servers, error))
        return GW_EXIT_FAILED;

    if (cli->output == GW_OUTPUT_JSON) {
        gw_client_print(body);
        return GW_EXIT_DONE;
    }
    g_autoptr(GwTable) table = gw_table_new(headings);
    g_autoptr(GPtrArray) list = sorted(servers);
    for (guint i = 0; i < list->len; i++)
        add_server(table, list->pdata[i]);
    if (gw_table_rows(table) > 0)
        gw_table_print(table, stdout);
    else
        print_none(host, status);
    print_silent_hosts(list);
    return GW_EXIT_DONE;
}

/* ---- one server */

static void add_property(GwTable *table, const char *name, char *value /* taken; NULL: left out */)
{
    if (!value)
        return;
    gw_table_add(table, name);
    gw_table_take(table, value);
}

static void add_text(GwTable *table, const json_t *object, const char *name, const char *field)
{
    add_property(table, name, g_strdup(gw_json_peek(object, field)));
}

static void add_flavor(GwTable *table, const json_t *flavor)
{
    gint64 cpus = 0, ram_mib = 0;
    gw_json_int(flavor, "vcpus", GW_JSON_OPTIONAL, 0, G_MAXINT64, &cpus, NULL);
    gw_json_int(flavor, "ram", GW_JSON_OPTIONAL, 0, G_MAXINT32, &ram_mib, NULL);
    if (cpus)
        add_property(table, "vcpus", g_strdup_printf("%d", (int)cpus));
    if (ram_mib)
        add_property(table, "memory", gw_text_bytes((guint64)ram_mib << 20));
}

static gboolean has_member(const json_t *group, const char *uuid)
{
    size_t index;
    json_t *member;
    json_array_foreach(json_object_get(group, "members"), index, member)
        if (g_strcmp0(json_string_value(member), uuid) == 0)
            return TRUE;
    return FALSE;
}

/* Names of the groups that it is in; NULL: none, or they cannot be had. */
static char *groups_text(GwCli *cli, const json_t *server)
{
    g_autoptr(json_t) body = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    json_t *groups, *group;
    size_t index;
    if (!gw_client_get(cli, "/v2.1/os-server-groups", &body, NULL) || !gw_client_list(body, "server_groups", &groups, NULL))
        return NULL;
    json_array_foreach(groups, index, group)
        if (has_member(group, gw_json_peek(server, "id")))
            g_string_append_printf(text, "%s%s", text->len ? ", " : "", gw_json_peek(group, "name"));
    return text->len ? g_strdup(text->str) : NULL;
}

static void print_server(GwCli *cli, const json_t *server)
{
    static const char *const headings[] = {"Property", "Value", NULL};
    static const char *const fields[][2] = {
        {"id", "id"},
        {"name", "name"},
        {"status", "status"},
        {"task_state", "OS-EXT-STS:task_state"},
        {"host", "OS-EXT-SRV-ATTR:host"},
        {"host_status", "host_status"},
        {"locked", "locked_reason"},
        {"availability_zone", "OS-EXT-AZ:availability_zone"},
        {"hypervisor_hostname", "OS-EXT-SRV-ATTR:hypervisor_hostname"},
        {"instance_name", "OS-EXT-SRV-ATTR:instance_name"},
    };
    g_autoptr(GwTable) table = gw_table_new(headings);
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        add_text(table, server, fields[i][0], fields[i][1]);
    add_property(table, "power_state", g_strdup(gw_server_power(server)));
    add_text(table, json_object_get(server, "flavor"), "flavor", "original_name");
    add_flavor(table, json_object_get(server, "flavor"));
    add_text(table, json_object_get(server, "image"), "image", "id");
    add_text(table, json_object_get(server, "metadata"), "pinned to", "godwit:hosts");
    add_property(table, "server groups", groups_text(cli, server));
    add_property(table, "created (UTC)", gw_text_time(gw_json_peek(server, "created")));
    add_property(table, "updated (UTC)", gw_text_time(gw_json_peek(server, "updated")));
    add_text(table, json_object_get(server, "fault"), "fault", "message");
    gw_table_print(table, stdout);
}

GwExit gw_run_show(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(GwServer) server = gw_server_find(cli, gw_arguments_word(arguments, 0), error);
    if (!server)
        return GW_EXIT_FAILED;

    g_autoptr(json_t) value = json_pack("{s:O}", "server", server->json);
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(value);
    else
        print_server(cli, server->json);
    return GW_EXIT_DONE;
}
