#include "drivers/xapi/internal.h"

#include <string.h>

enum { FINGERPRINT_DIGITS = 64 };

/* Without a password that stands in it. Owned by the caller. */
static char *hide_password(const char *uri)
{
    g_autoptr(GRegex) regex = g_regex_new("//([^/@:]*):.*@", 0, 0, NULL);
    return g_regex_replace(regex, uri, -1, 0, "//\\1:…@", 0, NULL);
}

static gboolean refuse(GError **error, const char *uri, const char *why)
{
    g_autofree char *shown = g_utf8_validate(uri, -1, NULL) ? hide_password(uri) : NULL;
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "'%s' is no address of a XenServer host: %s", shown ? shown : "xapi://…", why);
    return FALSE;
}

static gboolean refuse_syntax(GError **error, const char *uri, const char *fault)
{
    g_autofree char *why = g_strdup_printf("%s; write xapi://USER@MASTER[:PORT][/HOST], as in xapi://root@192.0.2.1/HostA", fault);
    return refuse(error, uri, why);
}

static gboolean check_fingerprints(const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    for (guint i = 0; words[i]; i++) {
        guint digits = 0;
        for (const char *at = words[i]; *at; at++) {
            if (!g_ascii_isxdigit(*at) && *at != ':')
                return FALSE;
            digits += *at != ':';
        }
        if (digits != FINGERPRINT_DIGITS)
            return FALSE;
    }
    return words[0] != NULL;
}

static gboolean take_option(GwXapiAddress *address, const char *uri, const char *name, const char *value, GError **error)
{
    char **files[] = {&address->ca_file, &address->password_file};
    static const char *const names[] = {"cacert", "password_file"};
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        if (*value != '/')
            return refuse(error, uri, "cacert and password_file are absolute paths on the machine of godwitd");
        g_free(*files[i]);
        *files[i] = g_strdup(value);
        return TRUE;
    }
    if (strcmp(name, "fingerprint") == 0) {
        if (!check_fingerprints(value))
            return refuse(error, uri, "fingerprint is the SHA-256 of a host's certificate, 64 hexadecimal digits; of several, with commas");
        g_free(address->fingerprints);
        address->fingerprints = g_strdup(value);
        return TRUE;
    }
    if (strcmp(name, "insecure") == 0) {
        address->insecure = strcmp(value, "1") == 0;
        return address->insecure ? TRUE : refuse(error, uri, "write insecure=1, or leave it out");
    }
    g_autofree char *why = g_strdup_printf("'%s' is none of cacert=FILE, fingerprint=SHA256, password_file=FILE, insecure=1", name);
    return refuse(error, uri, why);
}

static gboolean take_options(GwXapiAddress *address, const char *uri, const char *query, GError **error)
{
    g_auto(GStrv) words = g_strsplit(query ? query : "", "&", -1);
    for (guint i = 0; words[i]; i++) {
        char *equals = strchr(words[i], '=');
        if (!*words[i])
            continue;
        if (equals)
            *equals = '\0';
        g_autofree char *value = g_uri_unescape_string(equals ? equals + 1 : "", NULL);
        if (!take_option(address, uri, words[i], value ? value : "", error))
            return FALSE;
    }
    return TRUE;
}

static gboolean take_parts(GwXapiAddress *address, const char *uri, GUri *parts, GError **error)
{
    const char *user = g_uri_get_user(parts), *path = g_uri_get_path(parts);
    if (g_uri_get_password(parts))
        return refuse(error, uri, "it holds a password, which would stand in lists and logs: give it with --ask-password, or put it into "
                                  "a file and write ?password_file=FILE");
    if (!g_uri_get_host(parts) || !*g_uri_get_host(parts))
        return refuse(error, uri, "it names no host; write xapi://root@MASTER");
    address->user = g_strdup(user && *user ? user : "root");
    address->master = g_strdup(g_uri_get_host(parts));
    address->port = g_uri_get_port(parts) > 0 ? (guint)g_uri_get_port(parts) : 0;
    address->host = path && path[0] == '/' && path[1] ? g_strdup(path + 1) : NULL;
    return take_options(address, uri, g_uri_get_query(parts), error);
}

gboolean gw_xapi_address_parse(const char *uri, const char *password_file, GwXapiAddress *ret_address, GError **error)
{
    GwXapiAddress address = {.plain = g_str_has_prefix(uri, "xapi+http:")};
    g_autoptr(GError) fault = NULL;
    g_autoptr(GUri) parts = g_uri_parse(uri, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_QUERY, &fault);
    gboolean ok = parts ? TRUE : refuse_syntax(error, uri, fault->message);
    if (ok && !address.plain && strncmp(uri, "xapi:", 5) != 0 && strncmp(uri, "xapi+https:", 11) != 0)
        ok = refuse(error, uri, "after xapi+ only https and http are known");
    ok = ok && take_parts(&address, uri, parts, error);
    if (ok && address.plain && !address.insecure)
        ok = refuse(error, uri, "without TLS the password is sent in clear: write xapi://, or add ?insecure=1");
    if (ok && (address.ca_file != NULL) + (address.fingerprints != NULL) + (address.insecure && !address.plain) > 1)
        ok = refuse(error, uri, "give one of cacert, fingerprint and insecure");
    if (!ok) {
        gw_xapi_address_clear(&address);
        return FALSE;
    }
    if (!address.password_file)
        address.password_file = g_strdup(password_file);
    *ret_address = address;
    return TRUE;
}

void gw_xapi_address_clear(GwXapiAddress *address)
{
    g_free(address->user);
    g_free(address->master);
    g_free(address->host);
    g_free(address->ca_file);
    g_free(address->fingerprints);
    g_free(address->password_file);
    *address = (GwXapiAddress){0};
}
