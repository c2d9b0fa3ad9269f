/* The commands about hosts. */
#include "base/uri.h"
#include "cli/client.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/text.h"

#include <string.h>

static gint64 number(const json_t *host, const char *field)
{
    return json_integer_value(json_object_get(host, field));
}

static char *hypervisor(const json_t *host)
{
    const char *type = gw_json_peek(host, "hypervisor_type"), *version = gw_json_peek(host, "hypervisor_version");
    if (!type)
        return NULL;
    return version ? g_strdup_printf("%s %s", type, version) : g_strdup(type);
}

static char *memory(const json_t *host)
{
    guint64 total = (guint64)number(host, "memory_mib"), unused = (guint64)number(host, "memory_free_mib");
    if (!total)
        return NULL;
    g_autofree char *free_text = gw_text_bytes(unused << 20);
    g_autofree char *total_text = gw_text_bytes(total << 20);
    return g_strdup_printf("%s of %s", free_text, total_text);
}

static void add_host(GwTable *table, const json_t *host)
{
    gw_table_add(table, gw_json_peek(host, "name"));
    gw_table_add(table, gw_json_peek(host, "state"));
    gw_table_add(table, gw_json_peek(host, "status"));
    gw_table_take(table, g_strdup_printf("%d (%d run)", (int)number(host, "instances"), (int)number(host, "running")));
    gw_table_take(table, memory(host));
    gw_table_add_int(table, number(host, "cpus"));
    gw_table_take(table, hypervisor(host));
    gw_table_take(table, gw_uri_short(gw_json_peek(host, "uri")));
}

/* Why a host is down or takes no instances, below the table, where there is room for a sentence. */
static void print_remarks(const json_t *hosts)
{
    size_t index;
    json_t *host;
    json_array_foreach(hosts, index, host)
    {
        g_autofree char *name = gw_text_clean(gw_json_peek(host, "name"));
        g_autofree char *down = gw_text_clean(gw_json_peek(host, "down_reason"));
        g_autofree char *disabled = gw_text_clean(gw_json_peek(host, "disabled_reason"));
        g_autofree char *seen = gw_text_time(gw_json_peek(host, "seen_at"));
        if (g_strcmp0(gw_json_peek(host, "state"), "down") == 0)
            printf("%s is down (last seen %s): %s\n", name, strcmp(seen, "-") ? seen : "never", down);
        if (g_strcmp0(gw_json_peek(host, "status"), "disabled") == 0)
            printf("%s is disabled: %s\n", name, disabled);
    }
}

GwExit gw_run_host_list(GwCli *cli, const GwArguments *arguments, GError **error)
{
    static const char *const headings[] = {"Name", "State",      "Status", "Instances", "Memory free",
                                           "CPUs", "Hypervisor", "URI",    NULL};

    g_autoptr(json_t) body = NULL;
    json_t *hosts;
    if (!gw_client_get(cli, "/godwit/v1/hosts", &body, error) || !gw_client_list(body, "hosts", &hosts, error))
        return GW_EXIT_FAILED;

    if (cli->output == GW_OUTPUT_JSON) {
        gw_client_print(body);
        return GW_EXIT_DONE;
    }
    if (json_array_size(hosts) == 0) {
        puts(gw_text_no_hosts);
        return GW_EXIT_DONE;
    }
    g_autoptr(GwTable) table = gw_table_new(headings);
    for (size_t i = 0; i < json_array_size(hosts); i++)
        add_host(table, json_array_get(hosts, i));
    gw_table_print(table, stdout);
    print_remarks(hosts);
    return GW_EXIT_DONE;
}

/* Owned by the caller; NULL without an error: none was given. Never a word of the command: those are seen by everybody on the machine. */
static char *read_password(const GwArguments *arguments, GError **error)
{
    const char *file = gw_arguments_option(arguments, "password-file");
    char *text = NULL;
    gboolean ask = gw_arguments_option(arguments, "ask-password") != NULL;
    if (ask)
        text = gw_terminal_ask_secret("Password: ", error);
    else if (file)
        g_file_get_contents(strcmp(file, "-") == 0 ? "/dev/stdin" : file, &text, NULL, error);
    if (!text)
        return NULL;
    text[strcspn(text, "\r\n")] = '\0';
    if (*text)
        return text;
    if (ask)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "no password was typed: type that of the user in the host's address");
    else
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "the first line of %s is empty: the password belongs there",
                    strcmp(file, "-") == 0 ? "the standard input" : file);
    g_free(text);
    return NULL;
}

static json_t *addition(const char *name, const char *uri, const char *password)
{
    json_t *host = json_pack("{s:s, s:s}", "name", name, "uri", uri);
    if (password)
        json_object_set_new(host, "password", json_string(password));
    return json_pack("{s:o}", "host", host);
}

GwExit gw_run_host_add(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *name = gw_arguments_word(arguments, 0), *uri = gw_arguments_word(arguments, 1);
    GError *failure = NULL;
    g_autofree char *password = read_password(arguments, &failure);
    if (failure) {
        g_propagate_error(error, failure);
        return GW_EXIT_FAILED;
    }

    g_auto(GwAnswer) answer = {0};
    GwCall call = {.method = "POST",
                   .path = "/godwit/v1/hosts",
                   .body = addition(name, uri, password)};
    if (!gw_client_call(cli, &call, &answer, error))
        return GW_EXIT_FAILED;

    const json_t *host = json_object_get(answer.body, "host");
    g_autofree char *type = hypervisor(host);
    int instances = (int)number(host, "instances");
    g_autofree char *line = g_strdup_printf("%s is added: %s, %d instance%s found, %d running.", name,
                                            type ? type : "hypervisor unknown", instances, instances == 1 ? "" : "s",
                                            (int)number(host, "running"));
    g_autofree char *clean = gw_text_clean(line);
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(answer.body);
    else
        puts(clean);
    return GW_EXIT_DONE;
}

GwExit gw_run_host_remove(GwCli *cli, const GwArguments *arguments, GError **error)
{
    const char *name = gw_arguments_word(arguments, 0);

    g_auto(GwAnswer) answer = {0};
    g_autofree char *path = gw_client_path("/godwit/v1/hosts/%s", name);
    g_autoptr(json_t) before = NULL;
    if (!gw_client_get(cli, path, &before, error) ||
        !gw_client_call(cli, &(GwCall){.method = "DELETE", .path = path}, &answer, error))
        return GW_EXIT_FAILED;

    g_autoptr(json_t) nothing = json_object();
    int instances = (int)number(json_object_get(before, "host"), "instances");
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(nothing);
    else if (instances == 0)
        printf("%s is removed. It had no instances.\n", name);
    else
        printf("%s is removed, and %d instance%s with it from Godwit's sight; on the host nothing has changed.\n", name,
               instances, instances == 1 ? "" : "s");
    return GW_EXIT_DONE;
}
