/* A token of a real Keystone, for a daemon that wants one: OS_TOKEN, or one that OS_AUTH_URL gives for the password. */
#include "cli/credentials.h"

#include "base/json.h"

#include <string.h>

static const char *told(const char *name, const char *otherwise)
{
    const char *value = g_getenv(name);
    return value && *value ? value : otherwise;
}

/* {"id": …} or {"name": …}, as the environment says. */
static json_t *named(const char *what)
{
    g_autofree char *id_name = g_strdup_printf("OS_%s_DOMAIN_ID", what);
    g_autofree char *name_name = g_strdup_printf("OS_%s_DOMAIN_NAME", what);
    const char *id = told(id_name, NULL);
    return id ? json_pack("{s:s}", "id", id) : json_pack("{s:s}", "name", told(name_name, "Default"));
}

static char *log_in_text(const char *user, const char *password)
{
    const char *project_id = told("OS_PROJECT_ID", NULL);
    json_t *project = project_id ? json_pack("{s:s}", "id", project_id)
                                 : json_pack("{s:s,s:o}", "name", told("OS_PROJECT_NAME", "admin"), "domain", named("PROJECT"));
    g_autoptr(json_t) body = json_pack("{s:{s:{s:[s],s:{s:{s:s,s:o,s:s}}},s:{s:o}}}", "auth", "identity", "methods", "password", "password",
                                       "user", "name", user, "domain", named("USER"), "password", password, "scope", "project", project);
    char *text = json_dumps(body, JSON_COMPACT);
    char *copy = g_strdup(text);
    free(text);
    return copy;
}

static char *log_in(const GwCli *cli, const char *url, const char *user, const char *password, GError **error)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    g_autofree char *base = g_strdup(url);
    while (g_str_has_suffix(base, "/"))
        base[strlen(base) - 1] = '\0';
    GwHttpSettings settings = {.base_url = base, .trust = cli->trust, .ca_file = cli->ca_file};
    g_autoptr(GwHttp) http = gw_http_new(&settings);
    g_autofree char *text = log_in_text(user, password);
    const char *path = g_str_has_suffix(base, "/v3") ? "/auth/tokens" : "/v3/auth/tokens";
    GwHttpRequest request = {.method = "POST", .path = path, .headers = headers, .body = text, .body_size = strlen(text)};
    g_autoptr(GwHttpResponse) response = NULL;
    if (!gw_http_send(http, &request, &response, error)) {
        g_prefix_error(error, "Keystone (OS_AUTH_URL) cannot be reached at ");
        return NULL;
    }
    const char *token = gw_http_response_header(response, "X-Subject-Token");
    if (response->status != 201 || !token) {
        g_set_error(error, GW_ERROR, GW_ERROR_DENIED, "Keystone at %s does not let %s in (HTTP status %u): look at OS_USERNAME, OS_PASSWORD, "
                    "OS_PROJECT_NAME and the names of their domains.", base, user, response->status);
        return NULL;
    }
    return g_strdup(token);
}

char *gw_credentials_token(const GwCli *cli, const char *where, GError **error)
{
    const char *user = told("OS_USERNAME", NULL), *password = told("OS_PASSWORD", NULL), *url = told("OS_AUTH_URL", NULL);
    if (user && password && url)
        return log_in(cli, url, user, password, error);
    g_set_error(error, GW_ERROR, GW_ERROR_DENIED,
                "The daemon takes tokens of Keystone (%s). Set OS_AUTH_URL, OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME, as openrc does, or "
                "OS_TOKEN.", where);
    return NULL;
}
