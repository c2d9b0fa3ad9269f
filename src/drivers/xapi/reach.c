/* The addresses by which the hosts of a pool are reached, as they come and go. */
#include "drivers/xapi/internal.h"

#include <string.h>

static void append_option(GString *uri, const char *name, const char *value)
{
    g_autofree char *escaped = value ? g_uri_escape_string(value, "/:,", FALSE) : NULL;
    if (escaped)
        g_string_append_printf(uri, "%c%s=%s", strchr(uri->str, '?') ? '&' : '?', name, escaped);
}

/* at: the machine that is spoken to; path: the member that is meant, or NULL. */
static char *write_address(const GwXapiAddress *like, const char *at, const char *path, const char *fingerprints)
{
    GString *uri = g_string_new(like->plain ? "xapi+http://" : "xapi://");
    gboolean brackets = strchr(at, ':') && *at != '[';
    g_string_append_printf(uri, "%s@%s%s%s", like->user, brackets ? "[" : "", at, brackets ? "]" : "");
    if (like->port)
        g_string_append_printf(uri, ":%u", like->port);
    if (path)
        g_string_append_printf(uri, "/%s", path);
    append_option(uri, "fingerprint", fingerprints);
    append_option(uri, "cacert", like->ca_file);
    append_option(uri, "insecure", like->insecure ? "1" : NULL);
    append_option(uri, "password_file", like->password_file);
    return g_string_free(uri, FALSE);
}

static void add_fingerprints(GPtrArray *all, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text ? text : "", ",", -1);
    for (guint i = 0; words[i]; i++)
        if (!g_ptr_array_find_with_equal_func(all, words[i], g_str_equal, NULL))
            g_ptr_array_add(all, g_strdup(words[i]));
}

/* Any member may become the master: what one address trusts, all do. NULL: no certificate is known by its fingerprint. */
static char *all_fingerprints(const GwXapiAddress *first, GwHost *const *members, guint count)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
    if (!first->fingerprints)
        return NULL;
    add_fingerprints(all, first->fingerprints);
    for (guint i = 0; i < count; i++)
        add_fingerprints(all, members[i]->address.fingerprints);
    g_ptr_array_add(all, NULL);
    return g_strjoinv(",", (char **)all->pdata);
}

/* Its label, where that is one word and no other member's name for anything; else its UUID. */
static const char *path_to(const json_t *tables, const json_t *member)
{
    const char *label = gw_xapi_text(member, "name_label"), *uuid = gw_xapi_text(member, "uuid"), *ref;
    static const char *const fields[] = {"name_label", "hostname", "address"};
    json_t *other;
    if (!g_regex_match_simple("^[a-zA-Z0-9._-]+$", label, G_REGEX_DOLLAR_ENDONLY, 0))
        return uuid;
    json_object_foreach(gw_xapi_table(tables, "host"), ref, other)
        for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
            if (strcmp(gw_xapi_text(other, "uuid"), uuid) != 0 && g_ascii_strcasecmp(gw_xapi_text(other, fields[i]), label) == 0)
                return uuid;
    return label;
}

static const json_t *find_member(const json_t *tables, const char *uuid, GError **error)
{
    g_autofree char *ref = gw_xapi_find(tables, "host", "uuid", uuid);
    if (!ref)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "the pool has no host with the UUID %s", uuid);
    return ref ? gw_xapi_record(tables, "host", ref) : NULL;
}

gboolean gw_xapi_pool_address(GwHost *master, GwHost *const *members, guint count, const char *uuid, char **ret_uri, GError **error)
{
    g_autoptr(json_t) tables = gw_xapi_static_tables(master->pool, error);
    const json_t *member = tables ? find_member(tables, uuid, error) : NULL;
    GwXapiAddress like; /* as it was written, without what the settings add */
    if (!member || !gw_xapi_address_parse(master->uri, NULL, &like, error))
        return FALSE;
    g_autofree char *fingerprints = all_fingerprints(&like, members, count);
    *ret_uri = write_address(&like, like.master, path_to(tables, member), fingerprints);
    gw_xapi_address_clear(&like);
    return TRUE;
}

gboolean gw_xapi_pool_own_address(GwHost *master, GwHost *host, const char *uuid, char **ret_uri, GError **error)
{
    g_autoptr(json_t) tables = gw_xapi_static_tables(master->pool, error);
    const json_t *member = tables ? find_member(tables, uuid, error) : NULL;
    GwXapiAddress like;
    if (!member || !gw_xapi_address_parse(host->uri, NULL, &like, error))
        return FALSE;
    *ret_uri = write_address(&like, gw_xapi_text(member, "address"), NULL, like.fingerprints);
    gw_xapi_address_clear(&like);
    return TRUE;
}
