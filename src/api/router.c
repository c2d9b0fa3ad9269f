/* The table of routes, and what every request has in common: microversion, headers, faults for what is not there. */
#include "api/request.h"

#include <string.h>

typedef struct {
    const char *method;
    const char *path; /* below the root; {} matches one segment */
    guint since, until; /* microversions 2.since to 2.until; until 0: still there */
    GwHandler handler;
} Route;

/* Below /v2.1 and /v2.1/{project}. */
static const Route compute[] = {
    {"GET", "servers", 1, 0, gw_servers_list},
    {"GET", "servers/detail", 1, 0, gw_servers_detail},
    {"GET", "servers/{}", 1, 0, gw_servers_show},
    {"POST", "servers/{}/action", 1, 0, gw_servers_action},
    {"GET", "servers/{}/migrations", 23, 0, gw_server_migrations_list},
    {"GET", "servers/{}/migrations/{}", 23, 0, gw_server_migrations_show},
    {"POST", "servers/{}/migrations/{}/action", 22, 0, gw_server_migrations_action},
    {"DELETE", "servers/{}/migrations/{}", 24, 0, gw_server_migrations_abort},
    {"GET", "servers/{}/os-instance-actions", 1, 0, gw_actions_list},
    {"GET", "servers/{}/os-instance-actions/{}", 1, 0, gw_actions_show},
    {"GET", "os-migrations", 1, 0, gw_migrations_list},
    {"GET", "flavors", 1, 0, gw_flavors_list},
    {"GET", "flavors/detail", 1, 0, gw_flavors_list},
    {"GET", "flavors/{}", 1, 0, gw_flavors_show},
};

/* Godwit's own, below /godwit/v1. */
static const Route own[] = {
    {"GET", "hosts", 0, 0, gw_own_hosts_list},
    {"POST", "hosts", 0, 0, gw_own_hosts_add},
    {"GET", "hosts/{}", 0, 0, gw_own_hosts_show},
    {"DELETE", "hosts/{}", 0, 0, gw_own_hosts_remove},
    {"POST", "hosts/{}/refresh", 0, 0, gw_own_hosts_refresh},
    {"GET", "migrations", 0, 0, gw_own_migrations_list},
    {"GET", "migrations/{}", 0, 0, gw_own_migrations_show},
};

/* ---- microversions (api/openstack/wsgi.py): the new header wins over the old one; "latest" is the highest */

static const char *asked_version(const GwRequest *request)
{
    const char *header = gw_request_header(request, "OpenStack-API-Version");
    if (header && g_ascii_strncasecmp(header, "compute ", 8) == 0)
        return header + 8;
    return gw_request_header(request, "X-OpenStack-Nova-API-Version");
}

static gboolean parse_version(const char *text, guint *ret_major, guint *ret_minor)
{
    guint64 major, minor;
    g_auto(GStrv) parts = g_strsplit(text, ".", 3);
    if (g_strv_length(parts) != 2 || !g_ascii_string_to_unsigned(parts[0], 10, 0, G_MAXUINT, &major, NULL) ||
        !g_ascii_string_to_unsigned(parts[1], 10, 0, G_MAXUINT, &minor, NULL))
        return FALSE;
    *ret_major = (guint)major;
    *ret_minor = (guint)minor;
    return TRUE;
}

static gboolean take_version(GwRequest *request)
{
    const char *asked = asked_version(request);
    guint major = 2;
    request->minor = GW_API_MIN_MINOR;
    if (!asked)
        return TRUE;
    g_autofree char *text = g_strstrip(g_strdup(asked));
    if (g_ascii_strcasecmp(text, "latest") == 0) {
        request->minor = GW_API_MAX_MINOR;
        return TRUE;
    }
    if (!parse_version(text, &major, &request->minor)) {
        request->minor = GW_API_MIN_MINOR;
        gw_reply_fault(request, 400, "API Version String %s is of invalid format. Must be of format MajorNum.MinorNum.", text);
        return FALSE;
    }
    if (major == 2 && request->minor >= GW_API_MIN_MINOR && request->minor <= GW_API_MAX_MINOR)
        return TRUE;
    request->minor = GW_API_MIN_MINOR;
    gw_reply_fault(request, 406, "Version %s is not supported by the API. Minimum is 2.%d and maximum is 2.%d.", text,
                   GW_API_MIN_MINOR, GW_API_MAX_MINOR);
    return FALSE;
}

static void add_version_headers(GwRequest *request)
{
    g_autofree char *old = g_strdup_printf("2.%u", request->minor);
    g_autofree char *new = g_strconcat("compute ", old, NULL);
    gw_reply_header(request, "OpenStack-API-Version", new);
    gw_reply_header(request, "X-OpenStack-Nova-API-Version", old);
    gw_reply_header(request, "Vary", "OpenStack-API-Version, X-OpenStack-Nova-API-Version");
}

/* ---- matching */

static gboolean match(const char *template, char **segments, char **ret_args)
{
    g_auto(GStrv) parts = g_strsplit(template, "/", -1);
    guint used = 0;
    if (g_strv_length(parts) != g_strv_length(segments))
        return FALSE;
    for (guint i = 0; parts[i]; i++)
        if (strcmp(parts[i], "{}") != 0 && strcmp(parts[i], segments[i]) != 0)
            return FALSE;
    for (guint i = 0; parts[i]; i++)
        if (strcmp(parts[i], "{}") == 0)
            ret_args[used++] = segments[i];
    return TRUE;
}

static gboolean is_in_range(const Route *route, guint minor)
{
    return minor >= route->since && (!route->until || minor <= route->until);
}

/* "/servers/detail" is not the server named "detail": the exact route comes first in the table and wins. */
static gboolean dispatch_table(GwRequest *request, const Route *routes, guint count, char **segments)
{
    gboolean path_known = FALSE;
    g_autoptr(GString) allowed = g_string_new(NULL);
    for (guint i = 0; i < count; i++) {
        char *args[GW_MAX_ARGS] = {NULL};
        if (!match(routes[i].path, segments, args) || !is_in_range(&routes[i], request->minor))
            continue;
        path_known = TRUE;
        if (strcmp(routes[i].method, request->method) != 0) {
            g_string_append_printf(allowed, "%s%s", allowed->len ? ", " : "", routes[i].method);
            continue;
        }
        for (guint a = 0; a < GW_MAX_ARGS; a++)
            request->args[a] = g_strdup(args[a]);
        routes[i].handler(request);
        return TRUE;
    }
    if (path_known) {
        gw_reply_header(request, "Allow", allowed->str);
        gw_reply_fault(request, 405, "The method %s is not allowed for this resource.", request->method);
    }
    return path_known;
}

static void not_found(GwRequest *request)
{
    gw_reply_fault(request, 404, "The resource could not be found.");
}

/* The empty segments of doubled or trailing slashes do not count. */
static char **split(const char *path)
{
    g_auto(GStrv) raw = g_strsplit(path, "/", -1);
    GPtrArray *segments = g_ptr_array_new();
    for (guint i = 0; raw[i]; i++)
        if (*raw[i])
            g_ptr_array_add(segments, g_strdup(raw[i]));
    g_ptr_array_add(segments, NULL);
    return (char **)g_ptr_array_free(segments, FALSE);
}

static void dispatch_compute(GwRequest *request, char **segments)
{
    if (!take_version(request)) {
        add_version_headers(request);
        return;
    }
    add_version_headers(request);
    if (dispatch_table(request, compute, G_N_ELEMENTS(compute), segments))
        return;
    if (segments[0] && segments[1]) {
        request->project = g_strdup(segments[0]);
        if (dispatch_table(request, compute, G_N_ELEMENTS(compute), segments + 1))
            return;
    }
    not_found(request);
}

static void dispatch_versions(GwRequest *request, char **segments)
{
    if (!segments[0])
        gw_versions_list(request);
    else if (strcmp(segments[0], "v2.1") == 0)
        gw_versions_show(request);
    else
        gw_versions_show_old(request);
}

void gw_router_dispatch(GwRequest *request)
{
    g_auto(GStrv) segments = split(request->path);
    guint count = g_strv_length(segments);
    gboolean is_get = strcmp(request->method, "GET") == 0;
    request->minor = GW_API_MIN_MINOR;
    if (is_get && (count == 0 || (count == 1 && (strcmp(segments[0], "v2.1") == 0 || strcmp(segments[0], "v2") == 0)))) {
        if (take_version(request))
            dispatch_versions(request, segments);
        add_version_headers(request);
    } else if (count >= 2 && (strcmp(segments[0], "v2.1") == 0 || strcmp(segments[0], "v2") == 0)) {
        dispatch_compute(request, segments + 1);
    } else if (count >= 3 && strcmp(segments[0], "godwit") == 0 && strcmp(segments[1], "v1") == 0) {
        if (!dispatch_table(request, own, G_N_ELEMENTS(own), segments + 2))
            not_found(request);
    } else {
        not_found(request);
    }
}
