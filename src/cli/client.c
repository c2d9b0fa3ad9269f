#include "cli/client.h"

#include "cli/credentials.h"

#include <string.h>

void gw_answer_clear(GwAnswer *answer)
{
    g_clear_pointer(&answer->body, json_decref);
}

/* ---- faults: {"itemNotFound": {"code": 404, "message": "…"}}, as Nova has them */

static const char *fault_message(const json_t *body)
{
    const char *key;
    json_t *fault;
    json_object_foreach((json_t *)body, key, fault)
    {
        const char *message = gw_json_peek(fault, "message");
        if (message && *message)
            return message;
    }
    return NULL;
}

static GwErrorCode cause_of(guint status)
{
    switch (status) {
    case 400:
        return GW_ERROR_REFUSED;
    case 401:
    case 403:
        return GW_ERROR_DENIED;
    case 404:
        return GW_ERROR_NOT_FOUND;
    case 409:
        return GW_ERROR_CONFLICT;
    }
    return GW_ERROR_FAILED;
}

static gboolean fail(GwCli *cli, const GwHttpResponse *response, GError **error)
{
    g_autoptr(json_t) body = gw_json_parse(response->body, response->body_size, NULL);
    const char *message = fault_message(body);
    if (response->status == 401 && message && g_str_has_suffix(message, "the user or the password is wrong."))
        g_set_error(error, GW_ERROR, GW_ERROR_DENIED,
                    "The daemon at %s refused: wrong user or password. Look at OS_USERNAME and OS_PASSWORD, or at the file that "
                    "GODWIT_PASSWORD_FILE names (by default %s).",
                    gw_http_address(cli->http), GW_ADMIN_PASSWORD_FILE);
    else if (response->status == 401)
        g_set_error(error, GW_ERROR, GW_ERROR_DENIED,
                    "The daemon at %s wants to know who asks. Set OS_USERNAME and OS_PASSWORD, or let GODWIT_PASSWORD_FILE name the "
                    "file admin-password in its state_path (by default %s, which only its owner can read).",
                    gw_http_address(cli->http), GW_ADMIN_PASSWORD_FILE);
    else if (message)
        g_set_error_literal(error, GW_ERROR, cause_of(response->status), message);
    else
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "%s answered with HTTP status %u and no reason: is it godwitd?",
                    gw_http_address(cli->http), response->status);
    return FALSE;
}

/* ---- one call */

static void explain_silence(GwCli *cli, const GwCall *call, GError **error)
{
    if (g_error_matches(*error, GW_ERROR, GW_ERROR_UNREACHABLE)) {
        g_prefix_error(error, "The daemon cannot be reached at ");
        g_autofree char *advice = g_strconcat((*error)->message,
                                              ". Is godwitd running there? Another address is given "
                                              "with --url or GODWIT_URL.",
                                              NULL);
        g_free((*error)->message);
        (*error)->message = g_steal_pointer(&advice);
    } else if (g_error_matches(*error, GW_ERROR, GW_ERROR_LOST)) {
        gboolean reading = strcmp(call->method, "GET") == 0;
        g_prefix_error(error, "The daemon did not answer at ");
        g_autofree char *advice = g_strconcat((*error)->message,
                                              reading ? "."
                                                      : ". Whether it did what was asked is not "
                                                        "known: look before you ask again.",
                                              NULL);
        g_free((*error)->message);
        (*error)->message = g_steal_pointer(&advice);
    }
}

static GwHttpResponse *send_once(GwCli *cli, const GwCall *call, GError **error)
{
    g_autofree char *version =
        g_strconcat("OpenStack-API-Version: compute ", call->version ? call->version : GW_COMPUTE, NULL);
    g_autofree char *token = cli->token && *cli->token ? g_strconcat("X-Auth-Token: ", cli->token, NULL) : NULL;
    const char *headers[] = {"Accept: application/json", version, NULL, NULL, NULL};
    guint count = 2;
    if (token)
        headers[count++] = token;
    if (call->body)
        headers[count++] = "Content-Type: application/json";
    char *text = call->body ? json_dumps(call->body, JSON_COMPACT) : NULL;
    GwHttpRequest request = {.method = call->method,
                             .path = call->path,
                             .headers = headers,
                             .body = text,
                             .body_size = text ? strlen(text) : 0,
                             .timeout_ms = call->timeout_ms};
    GwHttpResponse *response = NULL;
    g_autoptr(GError) problem = NULL;
    if (!gw_http_send(cli->http, &request, &response, &problem)) {
        explain_silence(cli, call, &problem);
        g_propagate_error(error, g_steal_pointer(&problem));
    }
    free(text);
    return response;
}

/* Where the daemon says that tokens are had; NULL: it takes passwords. Owned by the caller. */
static char *keystone_of(const GwHttpResponse *response)
{
    const char *told = response->status == 401 ? gw_http_response_header(response, "WWW-Authenticate") : NULL;
    if (!told || !g_str_has_prefix(told, "Keystone uri="))
        return NULL;
    g_auto(GStrv) parts = g_strsplit(told, "\"", 3);
    return g_strdup(parts[0] && parts[1] ? parts[1] : "");
}

/* A daemon that wants a token of Keystone gets one, once. */
static GwHttpResponse *send_call(GwCli *cli, const GwCall *call, GError **error)
{
    g_autoptr(GwHttpResponse) response = send_once(cli, call, error);
    g_autofree char *where = response ? keystone_of(response) : NULL;
    if (!where)
        return g_steal_pointer(&response);
    g_free(cli->token);
    cli->token = gw_credentials_token(cli, where, error);
    return cli->token ? send_once(cli, call, error) : NULL;
}

gboolean gw_client_call(GwCli *cli, const GwCall *call, GwAnswer *ret_answer, GError **error)
{
    g_autoptr(GwHttpResponse) response = send_call(cli, call, error);
    json_decref(call->body);
    if (!response)
        return FALSE;
    if (response->status >= 300)
        return fail(cli, response, error);
    g_autoptr(json_t) body = NULL;
    g_autoptr(GError) why = NULL;
    if (response->body_size > 0 && !(body = gw_json_parse(response->body, response->body_size, &why))) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "The answer of %s to %s %s is %s: is it godwitd?",
                    gw_http_address(cli->http), call->method, call->path, why->message);
        return FALSE;
    }
    const char *id = gw_http_response_header(response, "x-godwit-migration-id");
    ret_answer->migration_id = id ? g_ascii_strtoll(id, NULL, 10) : 0;
    ret_answer->body = g_steal_pointer(&body);
    return TRUE;
}

gboolean gw_client_get(GwCli *cli, const char *path, json_t **ret_body, GError **error)
{
    g_auto(GwAnswer) answer = {0};
    if (!gw_client_call(cli, &(GwCall){.method = "GET", .path = path}, &answer, error))
        return FALSE;
    if (!json_is_object(answer.body)) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "The answer of %s to GET %s is not a JSON object: is it godwitd?",
                    gw_http_address(cli->http), path);
        return FALSE;
    }
    *ret_body = g_steal_pointer(&answer.body);
    return TRUE;
}

/* ---- lists */

gboolean gw_client_list(const json_t *body, const char *key, json_t **ret_list, GError **error)
{
    g_autoptr(GError) why = NULL;
    json_t *list = NULL;
    if (gw_json_array(body, key, GW_JSON_REQUIRED, &list, &why)) {
        *ret_list = list;
        return TRUE;
    }
    g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "The daemon's answer makes no sense: %s.", why->message);
    return FALSE;
}

static gboolean has_next(const json_t *page, const char *key)
{
    g_autofree char *links = g_strconcat(key, "_links", NULL);
    return json_array_size(json_object_get(page, links)) > 0;
}

gboolean gw_client_lacks_host(GwCli *cli, const char *host)
{
    g_autofree char *path = gw_client_path("/godwit/v1/hosts/%s", host);
    g_autoptr(json_t) body = NULL;
    g_autoptr(GError) why = NULL;
    return !gw_client_get(cli, path, &body, &why) && g_error_matches(why, GW_ERROR, GW_ERROR_NOT_FOUND);
}

gboolean gw_client_get_all(GwCli *cli, const char *path, const char *key, const char *marker, json_t **ret_body,
                           GError **error)
{
    g_autoptr(json_t) all = json_array();
    g_autofree char *last = NULL;
    for (gboolean more = TRUE; more;) {
        g_autoptr(GString) here = g_string_new(path);
        gw_client_query(here, "marker", last);
        g_autoptr(json_t) page = NULL;
        json_t *rows;
        if (!gw_client_get(cli, here->str, &page, error) || !gw_client_list(page, key, &rows, error))
            return FALSE;
        json_array_extend(all, rows);
        const char *end = gw_json_peek(json_array_get(rows, json_array_size(rows) - 1), marker);
        more = end && has_next(page, key) && g_strcmp0(end, last) != 0;
        g_free(last);
        last = g_strdup(end);
    }
    *ret_body = json_pack("{s:O}", key, all);
    return TRUE;
}

/* ---- writing addresses */

void gw_client_query(GString *path, const char *name, const char *value)
{
    if (!value)
        return;
    g_autofree char *escaped = g_uri_escape_string(value, NULL, FALSE);
    g_string_append_printf(path, "%c%s=%s", strchr(path->str, '?') ? '&' : '?', name, escaped);
}

char *gw_client_path(const char *format, ...)
{
    g_autoptr(GString) path = g_string_new(NULL);
    va_list arguments;
    va_start(arguments, format);
    for (const char *c = format; *c; c++) {
        if (c[0] != '%') {
            g_string_append_c(path, *c);
            continue;
        }
        c++; /* the 's' */
        g_autofree char *escaped = g_uri_escape_string(va_arg(arguments, const char *), NULL, FALSE);
        g_string_append(path, escaped);
    }
    va_end(arguments);
    return g_string_free(g_steal_pointer(&path), FALSE);
}

void gw_client_print(const json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    fputc('\n', stdout);
}
