/* The `godwit` command: talks HTTP to godwitd like any other client. */
#include "cli/credentials.h"
#include "cli/help.h"
#include "cli/report.h"

#include <locale.h>
#include <string.h>

#define DEFAULT_URL "http://127.0.0.1:8774"

enum { TIMEOUT_S = 60, MOST_TIMEOUT_S = 24 * 60 * 60 };

/* Where the daemon is; an address copied from a client of the Compute API ends in /v2.1. */
static char *read_url(const GwArguments *arguments, GError **error)
{
    const char *told = gw_arguments_option(arguments, "url");
    const char *environment = g_getenv("GODWIT_URL");
    const char *origin = told ? "--url" : "GODWIT_URL";
    told = told ? told : environment && *environment ? environment : DEFAULT_URL;
    gboolean known = g_str_has_prefix(told, "http://") || g_str_has_prefix(told, "https://");
    if (!known || !g_uri_is_valid(told, G_URI_FLAGS_NONE, NULL)) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "%s is '%s', but must be an address such as " DEFAULT_URL ".",
                    origin, told);
        return NULL;
    }
    char *url = g_strdup(told);
    for (gsize length = strlen(url); length && url[length - 1] == '/'; length--)
        url[length - 1] = '\0';
    if (g_str_has_suffix(url, "/v2.1"))
        url[strlen(url) - strlen("/v2.1")] = '\0';
    return url;
}

static gboolean read_timeout(const GwArguments *arguments, guint *ret_seconds, GError **error)
{
    const char *told = gw_arguments_option(arguments, "timeout");
    gint64 seconds = TIMEOUT_S;
    if (told && !gw_arguments_number(told, "--timeout", &seconds, error))
        return FALSE;
    *ret_seconds = (guint)MIN(seconds, MOST_TIMEOUT_S);
    return TRUE;
}

static gboolean set_up(GwCli *cli, const GwArguments *arguments, GError **error)
{
    g_autofree char *address = read_url(arguments, error);
    g_autofree char *url = address ? gw_credentials_add(address, error) : NULL;
    if (!url || !read_timeout(arguments, &cli->timeout_s, error))
        return FALSE;
    const char *ca_file = gw_arguments_option(arguments, "cacert");
    cli->ca_file = ca_file ? ca_file : g_getenv("OS_CACERT");
    cli->trust = gw_arguments_option(arguments, "insecure") ? GW_HTTP_TRUST_ANY : GW_HTTP_VERIFY;
    cli->token = g_strdup(g_getenv("OS_TOKEN"));
    cli->patience = gw_arguments_option(arguments, "no-wait") ? GW_FOLLOW_NOT : GW_FOLLOW;
    GwHttpSettings settings = {.base_url = url,
                               .connect_timeout_ms = MIN(cli->timeout_s, 10) * 1000,
                               .timeout_ms = cli->timeout_s * 1000,
                               .trust = cli->trust,
                               .ca_file = cli->ca_file,
                               .cancel = gw_interrupt_flag()};
    cli->http = gw_http_new(&settings);
    return TRUE;
}

/* What needs no daemon. TRUE: it was that. */
static gboolean tell(const GwCli *cli, const GwArguments *arguments)
{
    gboolean json = cli->output == GW_OUTPUT_JSON;
    gboolean help = gw_arguments_option(arguments, "help") != NULL;
    if (gw_arguments_option(arguments, "version"))
        puts(json ? "{\"godwit\": \"" GW_VERSION "\"}" : "godwit " GW_VERSION);
    else if (!help && arguments->command)
        return FALSE;
    else if (json)
        gw_help_json(arguments->command);
    else if (arguments->command)
        gw_help_command(arguments->command);
    else if (help)
        gw_help_overview();
    else
        gw_help_guide();
    return TRUE;
}

static GwExit run(GwCli *cli, char **argv)
{
    g_auto(GwArguments) arguments = {0};
    g_autoptr(GError) error = NULL;
    gboolean understood = gw_arguments_parse(&arguments, argv, &error);
    /* what was not understood may stand before --json */
    gboolean json = understood ? gw_arguments_option(&arguments, "json") != NULL
                               : g_strv_contains((const char *const *)argv, "--json");
    cli->output = json ? GW_OUTPUT_JSON : GW_OUTPUT_PEOPLE;
    if (!understood)
        return gw_report_error(cli, error, NULL);
    if (tell(cli, &arguments))
        return GW_EXIT_DONE;
    if (!set_up(cli, &arguments, &error))
        return gw_report_error(cli, error, NULL);
    GwExit code = arguments.command->run(cli, &arguments, &error);
    return error ? gw_report_error(cli, error, NULL) : code;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");
    GwCli cli = {.out = gw_terminal_of(stdout), .err = gw_terminal_of(stderr)};
    GwExit code = run(&cli, argv);
    gw_http_free(cli.http);
    g_free(cli.token);
    g_clear_pointer(&cli.names, g_hash_table_unref);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("Error: standard output cannot be written.\n", stderr);
        return code == GW_EXIT_DONE ? GW_EXIT_FAILED : code;
    }
    return (int)code;
}
