/* The commands about server groups, servers that are to live together, or apart; and about pins, hosts that one may be on. */
#include "cli/client.h"
#include "cli/server.h"
#include "cli/table.h"
#include "cli/text.h"

#include <string.h>

enum { PAGE = 1000 };

static void print_groups(const json_t *const *groups, size_t count)
{
    static const char *const headings[] = {"ID", "Name", "Policy", "Per host", "Members", NULL};
    g_autoptr(GwTable) table = gw_table_new(headings);
    for (size_t i = 0; i < count; i++) {
        json_t *most = json_object_get(json_object_get(groups[i], "rules"), "max_server_per_host");
        gw_table_add(table, gw_json_peek(groups[i], "id"));
        gw_table_add(table, gw_json_peek(groups[i], "name"));
        gw_table_add(table, gw_json_peek(groups[i], "policy"));
        gw_table_take(table, most ? g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(most)) : NULL);
        gw_table_add_int(table, (gint64)json_array_size(json_object_get(groups[i], "members")));
    }
    gw_table_print(table, stdout);
}

/* All of them, page by page. */
static gboolean get_groups(GwCli *cli, json_t **ret_list, GError **error)
{
    g_autoptr(json_t) all = json_array();
    for (gboolean more = TRUE; more;) {
        g_autofree char *path =
            g_strdup_printf("/v2.1/os-server-groups?all_projects=true&limit=%d&offset=%" G_GSIZE_FORMAT, PAGE, json_array_size(all));
        g_autoptr(json_t) body = NULL;
        json_t *list;
        if (!gw_client_get(cli, path, &body, error) || !gw_client_list(body, "server_groups", &list, error))
            return FALSE;
        more = json_array_size(list) == PAGE;
        json_array_extend(all, list);
    }
    *ret_list = g_steal_pointer(&all);
    return TRUE;
}

static void set_ambiguous(const json_t *list, const char *which, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    size_t index;
    json_t *group;
    json_array_foreach(list, index, group)
        if (g_strcmp0(gw_json_peek(group, "name"), which) == 0)
            g_string_append_printf(text, "\n%s", gw_json_peek(group, "id"));
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Several server groups are named '%s'; name one by its UUID:%s", which, text->str);
}

/* By UUID, or by a name that only one has: a reference. */
static json_t *find_group(GwCli *cli, const char *which, GError **error)
{
    g_autoptr(json_t) list = NULL;
    json_t *group, *found = NULL;
    guint count = 0;
    size_t index;
    if (!get_groups(cli, &list, error))
        return NULL;
    json_array_foreach(list, index, group)
    {
        if (g_strcmp0(gw_json_peek(group, "id"), which) == 0)
            return json_incref(group);
        if (g_strcmp0(gw_json_peek(group, "name"), which) == 0) {
            found = group;
            count++;
        }
    }
    if (count == 1)
        return json_incref(found);
    if (count > 1)
        set_ambiguous(list, which, error);
    else
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "There is no server group '%s'; 'godwit server-group-list' shows all.", which);
    return NULL;
}

char *gw_find_group(GwCli *cli, const char *which, GError **error)
{
    g_autoptr(json_t) group = find_group(cli, which, error);
    return group ? g_strdup(gw_json_peek(group, "id")) : NULL;
}

GwExit gw_run_group_list(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(json_t) list = NULL;
    if (!get_groups(cli, &list, error))
        return GW_EXIT_FAILED;

    g_autofree const json_t **rows = g_new0(const json_t *, json_array_size(list) + 1);
    for (size_t i = 0; i < json_array_size(list); i++)
        rows[i] = json_array_get(list, i);
    g_autoptr(json_t) body = json_pack("{s:O}", "server_groups", list);
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(body);
    else if (json_array_size(list) == 0)
        puts("No server groups yet. Make one with 'godwit server-group-create NAME anti-affinity'.");
    else
        print_groups(rows, json_array_size(list));
    return GW_EXIT_DONE;
}

GwExit gw_run_group_show(GwCli *cli, const GwArguments *arguments, GError **error)
{
    static const char *const headings[] = {"Server", "UUID", "Host", "Status", NULL};
    const json_t *group = find_group(cli, gw_arguments_word(arguments, 0), error);
    g_autoptr(json_t) mine = (json_t *)group;
    if (!group)
        return GW_EXIT_FAILED;
    g_autoptr(json_t) body = json_pack("{s:O}", "server_group", mine);
    if (cli->output == GW_OUTPUT_JSON) {
        gw_client_print(body);
        return GW_EXIT_DONE;
    }

    g_autoptr(GwTable) table = gw_table_new(headings);
    size_t index;
    json_t *member;
    json_array_foreach(json_object_get(group, "members"), index, member)
    {
        g_autoptr(GwServer) server = gw_server_find(cli, json_string_value(member), NULL);
        gw_table_add(table, server ? server->name : "-");
        gw_table_add(table, json_string_value(member));
        gw_table_add(table, server ? server->host : NULL);
        gw_table_add(table, server ? server->status : NULL);
    }
    print_groups(&group, 1);
    if (gw_table_rows(table) > 0)
        gw_table_print(table, stdout);
    return GW_EXIT_DONE;
}

GwExit gw_run_group_create(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *name = gw_arguments_word(arguments, 0), *policy = gw_arguments_word(arguments, 1);
    const char *typed = gw_arguments_option(arguments, "max-per-host");
    gint64 most = 0;
    if (typed && !gw_arguments_number(typed, "max-per-host", &most, error))
        return GW_EXIT_USAGE;

    json_t *body = json_pack("{s:s,s:s}", "name", name, "policy", policy);
    if (typed)
        json_object_set_new(body, "rules", json_pack("{s:I}", "max_server_per_host", (json_int_t)most));
    g_auto(GwAnswer) answer = {0};
    GwCall call = {.method = "POST", .path = "/v2.1/os-server-groups", .body = json_pack("{s:o}", "server_group", body)};
    if (!gw_client_call(cli, &call, &answer, error))
        return GW_EXIT_FAILED;

    const json_t *group = json_object_get(answer.body, "server_group");
    g_autofree char *clean = gw_text_clean(name);
    if (cli->output == GW_OUTPUT_JSON) {
        gw_client_print(answer.body);
        return GW_EXIT_DONE;
    }
    print_groups(&group, 1);
    printf("Put servers into it with: godwit server-group-add-server %s SERVER, or godwit boot --group %s\n", clean, clean);
    return GW_EXIT_DONE;
}

/* A call whose answer is empty, and what is then said. */
static GwExit change(GwCli *cli, const char *method, char *path /* taken */, json_t *body /* taken */, char *sentence /* taken */,
                     GError **error)
{
    g_auto(GwAnswer) answer = {0};
    g_autofree char *mine = path, *line = gw_text_clean(sentence);
    g_autoptr(json_t) nothing = json_object();
    g_free(sentence);
    if (!gw_client_call(cli, &(GwCall){.method = method, .path = mine, .body = body}, &answer, error))
        return GW_EXIT_FAILED;
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(nothing);
    else
        puts(line);
    return GW_EXIT_DONE;
}

/* ---- pins: a key of the server's metadata (core/host_limits.h) */

#define PIN_KEY "godwit:hosts"

/* A pin to a host that is not there yet is allowed, and so is a typing error: told, whichever it is. */
static void warn_of_unknown(GwCli *cli, const GwArguments *arguments)
{
    g_autoptr(json_t) body = NULL;
    json_t *hosts, *host;
    size_t index;
    if (!gw_client_get(cli, "/godwit/v1/hosts", &body, NULL) || !gw_client_list(body, "hosts", &hosts, NULL))
        return;
    for (guint i = 1; gw_arguments_word(arguments, i); i++) {
        const char *word = gw_arguments_word(arguments, i);
        g_autoptr(GString) names = g_string_new(NULL);
        gboolean known = FALSE;
        json_array_foreach(hosts, index, host)
        {
            const char *name = gw_json_peek(host, "name");
            known |= name && g_pattern_match_simple(word, name);
            g_string_append_printf(names, "%s%s", index ? ", " : "", name ? name : "");
        }
        g_autofree char *clean = known ? NULL : gw_text_clean(names->str);
        if (!known)
            fprintf(cli->err.stream, "Warning: no host matches '%s'; there are: %s. Undo it with: godwit unpin %s\n", word,
                    *clean ? clean : "none", gw_arguments_word(arguments, 0));
    }
}

GwExit gw_run_pin(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(GwServer) server = gw_server_find(cli, gw_arguments_word(arguments, 0), error);
    g_autoptr(GString) hosts = g_string_new(NULL);
    if (!server)
        return GW_EXIT_FAILED;
    for (guint i = 1; gw_arguments_word(arguments, i); i++)
        g_string_append_printf(hosts, "%s%s", i > 1 ? "," : "", gw_arguments_word(arguments, i));
    warn_of_unknown(cli, arguments);
    return change(cli, "POST", gw_client_path("/v2.1/servers/%s/metadata", server->uuid), json_pack("{s:{s:s}}", "metadata", PIN_KEY, hosts->str),
                  g_strdup_printf("%s is pinned: whatever moves it takes it to %s only. It is on %s now.", server->name, hosts->str,
                                  server->host ? server->host : "no host"),
                  error);
}

GwExit gw_run_unpin(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(GwServer) server = gw_server_find(cli, gw_arguments_word(arguments, 0), error);
    if (!server)
        return GW_EXIT_FAILED;
    if (!json_object_get(json_object_get(server->json, "metadata"), PIN_KEY)) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "%s is not pinned.", server->name);
        return GW_EXIT_FAILED;
    }
    return change(cli, "DELETE", gw_client_path("/v2.1/servers/%s/metadata/%s", server->uuid, PIN_KEY), NULL,
                  g_strdup_printf("%s is no longer pinned.", server->name), error);
}

/* ---- changes of groups */

GwExit gw_run_group_delete(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(json_t) group = find_group(cli, gw_arguments_word(arguments, 0), error);
    if (!group)
        return GW_EXIT_FAILED;
    return change(cli, "DELETE", gw_client_path("/v2.1/os-server-groups/%s", gw_json_peek(group, "id")), NULL,
                  g_strdup_printf("Server group %s is deleted; its servers stay where they are.", gw_json_peek(group, "name")), error);
}

GwExit gw_run_group_add_server(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(json_t) group = find_group(cli, gw_arguments_word(arguments, 0), error);
    g_autoptr(GwServer) server = group ? gw_server_find(cli, gw_arguments_word(arguments, 1), error) : NULL;
    if (!server)
        return GW_EXIT_FAILED;
    return change(cli, "POST", gw_client_path("/godwit/v1/server-groups/%s/members", gw_json_peek(group, "id")),
                  json_pack("{s:{s:s}}", "member", "server", server->uuid),
                  g_strdup_printf("%s is in the group %s: whatever moves it from now on keeps to its policy, %s.", server->name,
                                  gw_json_peek(group, "name"), gw_json_peek(group, "policy")),
                  error);
}

GwExit gw_run_group_remove_server(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autoptr(json_t) group = find_group(cli, gw_arguments_word(arguments, 0), error);
    g_autoptr(GwServer) server = group ? gw_server_find(cli, gw_arguments_word(arguments, 1), error) : NULL;
    if (!server)
        return GW_EXIT_FAILED;
    return change(cli, "DELETE", gw_client_path("/godwit/v1/server-groups/%s/members/%s", gw_json_peek(group, "id"), server->uuid), NULL,
                  g_strdup_printf("%s is no longer in the group %s.", server->name, gw_json_peek(group, "name")), error);
}
