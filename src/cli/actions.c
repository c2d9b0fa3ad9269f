/* The commands about what was asked of a server: Nova's instance actions. */
#include "cli/client.h"
#include "cli/server.h"
#include "cli/table.h"
#include "cli/text.h"

static void add_action(GwTable *table, const json_t *action)
{
    gw_table_add(table, gw_json_peek(action, "action"));
    gw_table_add(table, gw_json_peek(action, "request_id"));
    gw_table_add(table, gw_json_peek(action, "message"));
    gw_table_take(table, gw_text_time(gw_json_peek(action, "start_time")));
    gw_table_take(table, gw_text_time(gw_json_peek(action, "updated_at")));
}

GwExit gw_run_action_list(GwCli *cli, const GwArguments *arguments, GError **error)
{
    static const char *const headings[] = {"Action", "Request ID", "Message", "Start (UTC)", "Updated (UTC)", NULL};

    g_autoptr(GwServer) server = gw_server_find(cli, gw_arguments_word(arguments, 0), error);
    if (!server)
        return GW_EXIT_FAILED;

    g_autofree char *path = gw_client_path("/v2.1/servers/%s/os-instance-actions", server->uuid);
    g_autoptr(json_t) body = NULL;
    json_t *actions;
    if (!gw_client_get(cli, path, &body, error) || !gw_client_list(body, "instanceActions", &actions, error))
        return GW_EXIT_FAILED;

    if (cli->output == GW_OUTPUT_JSON) {
        gw_client_print(body);
        return GW_EXIT_DONE;
    }
    g_autoptr(GwTable) table = gw_table_new(headings);
    for (size_t i = 0; i < json_array_size(actions); i++)
        add_action(table, json_array_get(actions, i));
    if (gw_table_rows(table) > 0)
        gw_table_print(table, stdout);
    else
        puts("Nothing has been asked of this server yet.");
    return GW_EXIT_DONE;
}

/* ---- one action */

static void add_event(GwTable *table, const json_t *event)
{
    gw_table_add(table, gw_json_peek(event, "event"));
    gw_table_add(table, gw_json_peek(event, "result"));
    gw_table_add(table, gw_json_peek(event, "host"));
    gw_table_take(table, gw_text_time(gw_json_peek(event, "start_time")));
    gw_table_take(table, gw_text_time(gw_json_peek(event, "finish_time")));
}

/* Details are sentences: below the table, a reason a line. */
static void print_details(const json_t *event)
{
    const char *details = gw_json_peek(event, "details");
    if (!details || !*details)
        return;
    g_auto(GStrv) reasons = NULL;
    g_autofree char *head = gw_text_refusal(details, &reasons);
    g_autofree char *clean = gw_text_clean(head);
    g_autofree char *name = gw_text_clean(gw_json_peek(event, "event"));
    printf("%s: %s\n", name, clean);
    for (guint i = 0; reasons[i]; i++) {
        g_autofree char *reason = gw_text_clean(reasons[i]);
        printf("  - %s\n", reason);
    }
}

static void print_action(const json_t *action)
{
    static const char *const headings[] = {"Event", "Result", "Host", "Start (UTC)", "Finish (UTC)", NULL};
    g_autofree char *name = gw_text_clean(gw_json_peek(action, "action"));
    g_autofree char *request = gw_text_clean(gw_json_peek(action, "request_id"));
    g_autofree char *start = gw_text_time(gw_json_peek(action, "start_time"));
    const json_t *events = json_object_get(action, "events");
    g_autoptr(GwTable) table = gw_table_new(headings);
    printf("%s, asked for at %s UTC (%s)\n", name, start, request);
    for (size_t i = 0; i < json_array_size(events); i++)
        add_event(table, json_array_get(events, i));
    if (gw_table_rows(table) > 0)
        gw_table_print(table, stdout);
    else
        puts("No events yet.");
    for (size_t i = 0; i < json_array_size(events); i++)
        print_details(json_array_get(events, i));
}

GwExit gw_run_action(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(GwServer) server = gw_server_find(cli, gw_arguments_word(arguments, 0), error);
    if (!server)
        return GW_EXIT_FAILED;

    g_autofree char *path =
        gw_client_path("/v2.1/servers/%s/os-instance-actions/%s", server->uuid, gw_arguments_word(arguments, 1));
    g_autoptr(json_t) body = NULL;
    if (!gw_client_get(cli, path, &body, error))
        return GW_EXIT_FAILED;

    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(body);
    else
        print_action(json_object_get(body, "instanceAction"));
    return GW_EXIT_DONE;
}
