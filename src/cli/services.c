/* The commands about the service that Nova has on each host: whether it takes instances. */
#include "cli/client.h"
#include "cli/table.h"
#include "cli/text.h"

static gboolean get_services(GwCli *cli, const char *host, const char *binary, json_t **ret_body, json_t **ret_list,
                             GError **error)
{
    g_autoptr(GString) path = g_string_new("/v2.1/os-services");
    gw_client_query(path, "host", host);
    gw_client_query(path, "binary", binary);
    return gw_client_get(cli, path->str, ret_body, error) && gw_client_list(*ret_body, "services", ret_list, error);
}

static void add_service(GwTable *table, const json_t *service)
{
    gw_table_add(table, gw_json_peek(service, "id"));
    gw_table_add(table, gw_json_peek(service, "binary"));
    gw_table_add(table, gw_json_peek(service, "host"));
    gw_table_add(table, gw_json_peek(service, "zone"));
    gw_table_add(table, gw_json_peek(service, "status"));
    gw_table_add(table, gw_json_peek(service, "state"));
    gw_table_take(table, gw_text_time(gw_json_peek(service, "updated_at")));
    gw_table_add(table, gw_json_peek(service, "disabled_reason"));
    gw_table_add(table, json_is_true(json_object_get(service, "forced_down")) ? "yes" : "no");
}

GwExit gw_run_service_list(GwCli *cli, const GwArguments *arguments, GError **error)
{
    static const char *const headings[] = {"ID",    "Binary",        "Host",            "Zone",        "Status",
                                           "State", "Updated (UTC)", "Disabled Reason", "Forced Down", NULL};

    g_autoptr(json_t) body = NULL;
    json_t *services;
    if (!get_services(cli, gw_arguments_option(arguments, "host"), gw_arguments_option(arguments, "binary"), &body,
                      &services, error))
        return GW_EXIT_FAILED;

    if (cli->output == GW_OUTPUT_JSON) {
        gw_client_print(body);
        return GW_EXIT_DONE;
    }
    g_autoptr(GwTable) table = gw_table_new(headings);
    for (size_t i = 0; i < json_array_size(services); i++)
        add_service(table, json_array_get(services, i));
    if (gw_table_rows(table) > 0)
        gw_table_print(table, stdout);
    else
        puts("No service matches; 'godwit host-list' shows the hosts.");
    return GW_EXIT_DONE;
}

/* ---- changes */

/* The path of the service of a host, by the host's name or the service's id. */
static char *find_service(GwCli *cli, const char *which, GError **error)
{
    if (g_uuid_string_is_valid(which))
        return gw_client_path("/v2.1/os-services/%s", which);
    g_autoptr(json_t) body = NULL;
    json_t *services;
    if (!get_services(cli, which, "nova-compute", &body, &services, error))
        return NULL;
    const char *id = gw_json_peek(json_array_get(services, 0), "id");
    if (id)
        return gw_client_path("/v2.1/os-services/%s", id);
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "There is no host '%s'; 'godwit host-list' shows all.", which);
    return NULL;
}

/* change: taken. sentence: what follows the host's name. */
static GwExit change_service(GwCli *cli, const char *which, json_t *change, const char *sentence, GError **error)
{
    g_auto(GwAnswer) answer = {0};
    g_autofree char *path = find_service(cli, which, error);
    GwCall call = {.method = "PUT", .path = path, .body = change};
    if (!path) {
        json_decref(change);
        return GW_EXIT_FAILED;
    }
    if (!gw_client_call(cli, &call, &answer, error))
        return GW_EXIT_FAILED;

    g_autofree char *host = gw_text_clean(gw_json_peek(json_object_get(answer.body, "service"), "host"));
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(answer.body);
    else
        printf("%s %s\n", host, sentence);
    return GW_EXIT_DONE;
}

GwExit gw_run_service_enable(GwCli *cli, const GwArguments *arguments, GError **error)
{
    return change_service(cli, gw_arguments_word(arguments, 0), json_pack("{s:s}", "status", "enabled"),
                          "is enabled: it takes instances again.", error);
}

GwExit gw_run_service_disable(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *reason = gw_arguments_option(arguments, "reason");

    return change_service(cli, gw_arguments_word(arguments, 0),
                          json_pack("{s:s, s:s*}", "status", "disabled", "disabled_reason", reason),
                          "is disabled: it takes no new instances; those on it stay.", error);
}

GwExit gw_run_service_force_down(GwCli *cli, const GwArguments *arguments, GError **error)
{
    gboolean down = !gw_arguments_option(arguments, "unset");

    return change_service(cli, gw_arguments_word(arguments, 0), json_pack("{s:b}", "forced_down", down),
                          down ? "is forced down: nothing is moved from or to it, whatever it answers."
                               : "is no longer forced down: it is up when it answers.",
                          error);
}
