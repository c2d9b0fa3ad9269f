/* Which daemons there are, where several share a database. */
#include "cli/client.h"
#include "cli/table.h"
#include "cli/text.h"

static char *join_hosts(const json_t *hosts)
{
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < json_array_size(hosts); i++)
        g_string_append_printf(text, "%s%s", i ? " " : "", json_string_value(json_array_get(hosts, i)));
    return g_string_free(text, FALSE);
}

GwExit gw_run_daemon_list(GwCli *cli, const GwArguments *arguments, GError **error)
{
    static const char *const headings[] = {"ID", "Name", "State", "Started (UTC)", "Leads", "Drains", NULL};

    g_autoptr(json_t) body = NULL;
    json_t *daemons;
    if (!gw_client_get(cli, "/godwit/v1/daemons", &body, error) || !gw_client_list(body, "daemons", &daemons, error))
        return GW_EXIT_FAILED;
    if (cli->output == GW_OUTPUT_JSON) {
        gw_client_print(body);
        return GW_EXIT_DONE;
    }
    g_autoptr(GwTable) table = gw_table_new(headings);
    for (size_t i = 0; i < json_array_size(daemons); i++) {
        const json_t *daemon = json_array_get(daemons, i);
        gw_table_add(table, gw_json_peek(daemon, "id"));
        gw_table_add(table, gw_json_peek(daemon, "name"));
        gw_table_add(table, gw_json_peek(daemon, "state"));
        gw_table_take(table, gw_text_time(gw_json_peek(daemon, "started_at")));
        gw_table_take(table, join_hosts(json_object_get(daemon, "hosts")));
        gw_table_add(table, json_is_true(json_object_get(daemon, "drains")) ? "yes" : "no");
    }
    if (gw_table_rows(table) > 0)
        gw_table_print(table, stdout);
    else
        puts("This daemon has a database of its own (SQLite), and leads every host.");
    return GW_EXIT_DONE;
}
