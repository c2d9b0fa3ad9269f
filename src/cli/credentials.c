#include "cli/credentials.h"

#include <string.h>

/* The first line. NULL: it cannot be read. */
static char *read_secret(const char *file, GError **error)
{
    char *text = NULL;
    if (!g_file_get_contents(file, &text, NULL, error))
        return NULL;
    text[strcspn(text, "\r\n")] = '\0';
    return text;
}

static gboolean is_local(GUri *uri)
{
    const char *host = g_uri_get_host(uri);
    return host && (strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 || g_str_has_prefix(host, "127."));
}

static char *join(GUri *uri, const char *user, const char *password)
{
    g_autofree char *info = NULL, *escaped_user = g_uri_escape_string(user, NULL, FALSE);
    g_autofree char *escaped = g_uri_escape_string(password, NULL, FALSE);
    info = g_strconcat(escaped_user, ":", escaped, NULL);
    return g_uri_join(G_URI_FLAGS_ENCODED, g_uri_get_scheme(uri), info, g_uri_get_host(uri), g_uri_get_port(uri),
                      g_uri_get_path(uri), NULL, NULL);
}

static char *with_file(GUri *uri, const char *url, GError **error)
{
    const char *named = g_getenv("GODWIT_PASSWORD_FILE");
    gboolean told = named && *named;
    g_autoptr(GError) why = NULL;
    if (!told && !is_local(uri))
        return g_strdup(url);
    g_autofree char *password = read_secret(told ? named : GW_ADMIN_PASSWORD_FILE, &why);
    if (password)
        return join(uri, "admin", password);
    if (!told)
        return g_strdup(url);
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "GODWIT_PASSWORD_FILE is '%s', which cannot be read: %s", named, why->message);
    return NULL;
}

char *gw_credentials_add(const char *url, GError **error)
{
    const char *user = g_getenv("OS_USERNAME"), *password = g_getenv("OS_PASSWORD");
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_ENCODED, NULL);
    if (!uri || g_uri_get_userinfo(uri))
        return g_strdup(url);
    if (user && *user && password && *password)
        return join(uri, user, password);
    return with_file(uri, url, error);
}
