/* Leftovers of migrations, and the decision of an operator about one that ended in error. */
#include "cli/client.h"
#include "cli/server.h"
#include "cli/table.h"
#include "cli/text.h"

#include <string.h>

static gboolean is_true(const json_t *object, const char *field)
{
    return json_is_true(json_object_get(object, field));
}

/* Only XenServer's cannot be. */
static void print_unsearched(const json_t *hosts)
{
    g_autofree char *names = gw_json_join(hosts);
    if (*names)
        printf("Not searched: %s, of XenServer. Look by hand, on the master of the pool: `xe vdi-list "
               "params=uuid,name-label,sr-name-label,vbd-uuids,other-config`; a disk without vbd-uuids belongs to no instance.\n", names);
}

/* So that an empty list is not taken for a clean cloud. */
static void print_not_asked(const json_t *hosts)
{
    size_t index;
    const json_t *host;
    json_array_foreach(hosts, index, host)
    {
        const char *name = gw_json_peek(host, "host"), *reason = gw_json_peek(host, "reason");
        g_autofree char *why = gw_text_clean(reason ? reason : "nothing is known of why");
        printf("Not asked: %s, which does not answer (%s).\n", name ? name : "?", why);
    }
    if (json_array_size(hosts))
        puts("What is left there, or elsewhere of the servers that live there, is not listed; ask again when it answers.");
}

static void print_orphans(const json_t *list)
{
    static const char *const headings[] = {"Host", "Server", "Lives on", "Migration", "Left behind", "What becomes of it", NULL};
    g_autoptr(GwTable) table = gw_table_new(headings);
    guint removable = 0;
    size_t index;
    json_t *orphan;
    json_array_foreach(list, index, orphan)
    {
        const char *obstacle = gw_json_peek(orphan, "obstacle");
        const json_t *id = json_object_get(orphan, "migration_id");
        gboolean removed = is_true(orphan, "removed");
        removable += !removed && is_true(orphan, "removable");
        gw_table_add(table, gw_json_peek(orphan, "host"));
        gw_table_add(table, gw_json_peek(orphan, "instance_name"));
        gw_table_add(table, gw_json_peek(orphan, "home"));
        gw_table_take(table, json_is_integer(id) ? g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(id)) : g_strdup("none"));
        gw_table_take(table, gw_json_join(json_object_get(orphan, "left")));
        gw_table_take(table, removed ? g_strdup("removed") : obstacle ? g_strdup_printf("stays: %s", obstacle) : g_strdup("may be removed"));
    }
    if (!gw_table_rows(table)) {
        puts("Nothing is left behind on the hosts that answer.");
        return;
    }
    gw_table_print(table, stdout);
    if (removable)
        printf("Remove what may be removed with: godwit gc --delete\n");
}

GwExit gw_run_gc(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_auto(GwAnswer) answer = {0};
    GwCall call = {.method = gw_arguments_option(arguments, "delete") ? "DELETE" : "GET", .path = "/godwit/v1/orphans"};
    json_t *list = NULL;
    if (!gw_client_call(cli, &call, &answer, error) || !gw_client_list(answer.body, "orphans", &list, error))
        return GW_EXIT_FAILED;
    const json_t *silent = json_object_get(answer.body, "not_asked");
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(answer.body);
    else {
        print_orphans(list);
        print_unsearched(json_object_get(answer.body, "unsearched"));
        print_not_asked(silent);
    }
    return json_array_size(silent) ? GW_EXIT_OTHERWISE : GW_EXIT_DONE;
}

static void print_side(const json_t *side, const char *name)
{
    const char *host = gw_json_peek(side, "host"), *seen = gw_json_peek(side, "seen");
    printf("On %s, which was its %s, %s is %s.\n", host ? host : "?", name, "it", seen ? seen : "?");
}

GwExit gw_run_resolve(GwCli *cli, const GwArguments *arguments, GError **error)
{
    gint64 id;
    if (!gw_arguments_number(gw_arguments_word(arguments, 1), "MIGRATION", &id, error))
        return GW_EXIT_USAGE;
    g_autoptr(GwServer) server = gw_server_find(cli, gw_arguments_word(arguments, 0), error);
    if (!server)
        return GW_EXIT_FAILED;
    const char *keep = gw_arguments_option(arguments, "keep");
    g_autofree char *path = g_strdup_printf("/godwit/v1/migrations/%" G_GINT64_FORMAT "/resolve", id);
    g_auto(GwAnswer) answer = {0};
    GwCall call = {.method = "POST", .path = path, .body = json_pack("{s:{s:s?}}", "resolve", "keep", keep)};
    json_t *resolution = NULL;
    if (!gw_client_call(cli, &call, &answer, error) || !gw_json_object(answer.body, "resolution", GW_JSON_REQUIRED, &resolution, error))
        return GW_EXIT_FAILED;
    if (cli->output == GW_OUTPUT_JSON) {
        gw_client_print(answer.body);
        return GW_EXIT_DONE;
    }
    if (is_true(resolution, "resolved")) {
        printf("%s is kept on %s; what the other host still had of it is gone.\n", server->name, keep);
        return GW_EXIT_DONE;
    }
    const char *reason = gw_json_peek(resolution, "reason");
    printf("Migration %" G_GINT64_FORMAT " of %s ended in error: %s.\n", id, server->name, reason ? reason : "it is not known why");
    print_side(json_object_get(resolution, "source"), "source");
    print_side(json_object_get(resolution, "dest"), "destination");
    printf("Decide with: godwit migration-resolve --keep HOST %s %" G_GINT64_FORMAT "\n", server->name, id);
    return GW_EXIT_DONE;
}
