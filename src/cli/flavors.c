/* The commands about flavors: the shapes that servers are made with, and resized to. */
#include "cli/client.h"
#include "cli/server.h"
#include "cli/table.h"
#include "cli/text.h"

static void add_number(GwTable *table, const json_t *flavor, const char *key)
{
    gw_table_add_int(table, json_integer_value(json_object_get(flavor, key)));
}

GwExit gw_run_flavor_list(GwCli *cli, const GwArguments *arguments, GError **error)
{
    static const char *const headings[] = {"ID", "Name", "vCPUs", "Memory MiB", "Disk GiB", NULL};

    g_autoptr(json_t) body = NULL;
    json_t *flavors;
    if (!gw_client_get_all(cli, "/v2.1/flavors/detail?is_public=None", "flavors", "id", &body, error) ||
        !gw_client_list(body, "flavors", &flavors, error))
        return GW_EXIT_FAILED;
    if (cli->output == GW_OUTPUT_JSON) {
        gw_client_print(body);
        return GW_EXIT_DONE;
    }
    g_autoptr(GwTable) table = gw_table_new(headings);
    for (size_t i = 0; i < json_array_size(flavors); i++) {
        const json_t *flavor = json_array_get(flavors, i);
        gw_table_add(table, gw_json_peek(flavor, "id"));
        gw_table_add(table, gw_json_peek(flavor, "name"));
        add_number(table, flavor, "vcpus");
        add_number(table, flavor, "ram");
        add_number(table, flavor, "disk");
    }
    if (gw_table_rows(table) > 0)
        gw_table_print(table, stdout);
    else
        puts("No flavor yet; make one with: godwit flavor-create --ram MIB --vcpus COUNT --disk GIB NAME");
    return GW_EXIT_DONE;
}

/* FALSE: an option is missing or no number. */
static gboolean read_number(const GwArguments *arguments, const char *option, gint64 otherwise, gint64 *ret, GError **error)
{
    const char *text = gw_arguments_option(arguments, option);
    *ret = otherwise;
    if (text)
        return gw_arguments_number(text, option, ret, error);
    if (otherwise < 0)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Say how much: flavor-create --ram MIB --vcpus COUNT [--disk GIB] NAME; --%s is missing",
                    option);
    return otherwise >= 0;
}

GwExit gw_run_flavor_create(GwCli *cli, const GwArguments *arguments, GError **error)
{
    gint64 ram, vcpus, disk;
    if (!read_number(arguments, "ram", -1, &ram, error) || !read_number(arguments, "vcpus", -1, &vcpus, error) ||
        !read_number(arguments, "disk", 0, &disk, error))
        return GW_EXIT_USAGE;
    const char *name = gw_arguments_word(arguments, 0);
    json_t *flavor = json_pack("{s:s,s:I,s:I,s:I}", "name", name, "ram", (json_int_t)ram, "vcpus", (json_int_t)vcpus, "disk", (json_int_t)disk);
    if (gw_arguments_option(arguments, "id"))
        json_object_set_new(flavor, "id", json_string(gw_arguments_option(arguments, "id")));
    g_auto(GwAnswer) answer = {0};
    GwCall call = {.method = "POST", .path = "/v2.1/flavors", .body = json_pack("{s:o}", "flavor", flavor)};
    if (!gw_client_call(cli, &call, &answer, error))
        return GW_EXIT_FAILED;
    g_autofree char *clean = gw_text_clean(name);
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(answer.body);
    else
        printf("Flavor %s is there: use it with godwit boot --flavor %s, or godwit resize SERVER %s\n", clean, clean, clean);
    return GW_EXIT_DONE;
}

GwExit gw_run_flavor_delete(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autofree char *id = gw_find_flavor(cli, gw_arguments_word(arguments, 0), error);
    if (!id)
        return GW_EXIT_FAILED;
    g_auto(GwAnswer) answer = {0};
    g_autofree char *path = gw_client_path("/v2.1/flavors/%s", id);
    if (!gw_client_call(cli, &(GwCall){.method = "DELETE", .path = path}, &answer, error))
        return GW_EXIT_FAILED;
    g_autofree char *clean = gw_text_clean(gw_arguments_word(arguments, 0));
    if (cli->output != GW_OUTPUT_JSON)
        printf("Flavor %s is gone; servers that were made with it keep their shape.\n", clean);
    return GW_EXIT_DONE;
}
