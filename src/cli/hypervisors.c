/* The commands about hypervisors: what the hosts say of themselves, as nova shows it. */
#include "cli/client.h"
#include "cli/table.h"
#include "cli/text.h"

#include <string.h>

static char *value_text(const json_t *value)
{
    if (json_is_string(value))
        return g_strdup(json_string_value(value));
    if (json_is_integer(value))
        return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return NULL;
}

/* The members of an object that are text or numbers, each a row. */
static void add_members(GwTable *table, const json_t *object, const char *prefix)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        g_autofree char *name = g_strconcat(prefix, key, NULL);
        if (json_is_object(value)) {
            g_autofree char *inner = g_strconcat(name, "_", NULL);
            add_members(table, value, inner);
        } else if (!json_is_array(value)) {
            gw_table_add(table, name);
            gw_table_take(table, value_text(value));
        }
    }
}

static void print_members(const json_t *object)
{
    static const char *const headings[] = {"Property", "Value", NULL};
    g_autoptr(GwTable) table = gw_table_new(headings);
    add_members(table, object, "");
    gw_table_print(table, stdout);
}

GwExit gw_run_hypervisor_list(GwCli *cli, const GwArguments *arguments, GError **error)
{
    static const char *const headings[] = {"ID", "Hypervisor hostname", "State", "Status", NULL};
    const char *pattern = gw_arguments_option(arguments, "matching");

    g_autoptr(json_t) body = NULL;
    json_t *list;
    g_autoptr(GString) path = g_string_new("/v2.1/os-hypervisors");
    gw_client_query(path, "hypervisor_hostname_pattern", pattern);
    gboolean ok = pattern ? gw_client_get(cli, path->str, &body, error)
                          : gw_client_get_all(cli, path->str, "hypervisors", "id", &body, error);
    if (!ok || !gw_client_list(body, "hypervisors", &list, error))
        return GW_EXIT_FAILED;

    if (cli->output == GW_OUTPUT_JSON) {
        gw_client_print(body);
        return GW_EXIT_DONE;
    }
    g_autoptr(GwTable) table = gw_table_new(headings);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        gw_table_add(table, gw_json_peek(row, "id"));
        gw_table_add(table, gw_json_peek(row, "hypervisor_hostname"));
        gw_table_add(table, gw_json_peek(row, "state"));
        gw_table_add(table, gw_json_peek(row, "status"));
    }
    if (gw_table_rows(table) > 0)
        gw_table_print(table, stdout);
    else
        puts("No hypervisors: there are no hosts yet. Add one with 'godwit host-add'.");
    return GW_EXIT_DONE;
}

/* By name or id; a reference. */
static json_t *find_hypervisor(GwCli *cli, const char *which, GError **error)
{
    g_autoptr(json_t) body = NULL;
    g_autoptr(GString) path = g_string_new("/v2.1/os-hypervisors/detail");
    json_t *list;
    if (g_uuid_string_is_valid(which)) {
        g_autofree char *one = gw_client_path("/v2.1/os-hypervisors/%s?with_servers=true", which);
        return gw_client_get(cli, one, &body, error) ? json_incref(json_object_get(body, "hypervisor")) : NULL;
    }
    gw_client_query(path, "hypervisor_hostname_pattern", which);
    gw_client_query(path, "with_servers", "true");
    if (!gw_client_get(cli, path->str, &body, error) || !gw_client_list(body, "hypervisors", &list, error))
        return NULL;
    for (size_t i = 0; i < json_array_size(list); i++) /* the pattern finds HostB1, too */
        if (g_strcmp0(gw_json_peek(json_array_get(list, i), "hypervisor_hostname"), which) == 0)
            return json_incref(json_array_get(list, i));
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "There is no hypervisor '%s'; 'godwit hypervisor-list' shows all.",
                which);
    return NULL;
}

/* One that does not answer is asked once more before it is shown: it may be back. */
static json_t *find_asked(GwCli *cli, const char *which, GError **error)
{
    enum { PATIENCE_MS = 3000 };
    g_autoptr(json_t) found = find_hypervisor(cli, which, error);
    const char *host = gw_json_peek(json_object_get(found, "service"), "host");
    if (!found || !host || g_strcmp0(gw_json_peek(found, "state"), "down") != 0)
        return g_steal_pointer(&found);
    g_autofree char *path = gw_client_path("/godwit/v1/hosts/%s/refresh", host);
    GwCall call = {.method = "POST", .path = path, .timeout_ms = PATIENCE_MS};
    g_auto(GwAnswer) answer = {0};
    json_t *again = gw_client_call(cli, &call, &answer, NULL) ? find_hypervisor(cli, which, NULL) : NULL;
    return again ? again : g_steal_pointer(&found);
}

GwExit gw_run_hypervisor_show(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(json_t) hypervisor = find_asked(cli, gw_arguments_word(arguments, 0), error);
    if (!hypervisor)
        return GW_EXIT_FAILED;

    g_autoptr(json_t) value = json_pack("{s:O}", "hypervisor", hypervisor);
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(value);
    else
        print_members(hypervisor);
    return GW_EXIT_DONE;
}

GwExit gw_run_hypervisor_servers(GwCli *cli, const GwArguments *arguments, GError **error)
{
    static const char *const headings[] = {"ID", "Name", "Hypervisor ID", "Hypervisor hostname", NULL};

    g_autoptr(json_t) hypervisor = find_hypervisor(cli, gw_arguments_word(arguments, 0), error);
    if (!hypervisor)
        return GW_EXIT_FAILED;

    const json_t *servers = json_object_get(hypervisor, "servers");
    g_autoptr(json_t) list = servers ? json_incref((json_t *)servers) : json_array();
    g_autoptr(json_t) value = json_pack("{s:O}", "servers", list);
    if (cli->output == GW_OUTPUT_JSON) {
        gw_client_print(value);
        return GW_EXIT_DONE;
    }
    g_autoptr(GwTable) table = gw_table_new(headings);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *server = json_array_get(list, i);
        gw_table_add(table, gw_json_peek(server, "uuid"));
        gw_table_add(table, gw_json_peek(server, "name"));
        gw_table_add(table, gw_json_peek(hypervisor, "id"));
        gw_table_add(table, gw_json_peek(hypervisor, "hypervisor_hostname"));
    }
    if (gw_table_rows(table) > 0)
        gw_table_print(table, stdout);
    else
        puts("No server is on it.");
    return GW_EXIT_DONE;
}

GwExit gw_run_hypervisor_stats(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(json_t) body = NULL;
    if (!gw_client_get(cli, "/v2.1/os-hypervisors/statistics", &body, error))
        return GW_EXIT_FAILED;

    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(body);
    else
        print_members(json_object_get(body, "hypervisor_statistics"));
    return GW_EXIT_DONE;
}
