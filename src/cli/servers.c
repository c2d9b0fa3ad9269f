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
    for (size_t i = 0; i < json_array_size(servers); i++)
        add_server(table, json_array_get(servers, i));
    if (gw_table_rows(table) > 0)
        gw_table_print(table, stdout);
    else
        print_none(host, status);
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

static void print_server(const json_t *server)
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
    add_flavor(table, json_object_get(server, "flavor"));
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
        print_server(server->json);
    return GW_EXIT_DONE;
}
