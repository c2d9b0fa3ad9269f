/* The version. */
#include "cli/client.h"
#include "cli/text.h"

GwExit gw_run_version(GwCli *cli, const GwArguments *arguments, GError **error)
{
    if (cli->output == GW_OUTPUT_PEOPLE)
        puts("godwit " GW_VERSION);

    g_autoptr(json_t) body = NULL;
    if (!gw_client_get(cli, "/v2.1", &body, error))
        return GW_EXIT_FAILED;

    const json_t *api = json_object_get(body, "version");
    const char *least = gw_json_peek(api, "min_version"), *most = gw_json_peek(api, "version");
    g_autoptr(json_t) value = json_pack("{s:s, s:{s:s, s:s?, s:s?}}", "godwit", GW_VERSION, "daemon", "url",
                                        gw_http_address(cli->http), "min_version", least, "version", most);
    g_autofree char *from = gw_text_clean(least);
    g_autofree char *to = gw_text_clean(most);
    if (cli->output == GW_OUTPUT_JSON)
        gw_client_print(value);
    else
        printf("daemon at %s: Compute API %s to %s\n", gw_http_address(cli->http), from, to);
    return GW_EXIT_DONE;
}
