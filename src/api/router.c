/* From a path to a handler, and what all requests have in common: microversion, size, type and shape of the body,
 * faults for what is not there. */
#include "api/auth.h"
#include "api/handlers.h"
#include "api/microversion.h"
#include "api/parking.h"
#include "api/routes.h"
#include "api/silent.h"

#include "base/error.h"

#include <string.h>

/* ---- paths. Doubled and trailing slashes do not count. */

static const char *skip_slashes(const char *path)
{
    return path + strspn(path, "/");
}

/* Whether path begins with the segments of prefix; *ret_rest is what follows. */
static gboolean starts_with(const char *path, const char *prefix, const char **ret_rest)
{
    gsize length = strlen(prefix);
    if (strncmp(path, prefix, length) != 0 || (path[length] && path[length] != '/'))
        return FALSE;
    *ret_rest = skip_slashes(path + length);
    return TRUE;
}

typedef struct {
    const char *start;
    gsize length;
} Segment;

static Segment next_segment(const char **path)
{
    Segment segment = {skip_slashes(*path), 0};
    segment.length = strcspn(segment.start, "/");
    *path = segment.start + segment.length;
    return segment;
}

static gboolean match(const char *template, const char *path, Segment *ret_args)
{
    guint used = 0;
    for (;;) {
        Segment want = next_segment(&template);
        Segment have = next_segment(&path);
        if (!want.length || !have.length)
            return want.length == have.length;
        if (want.length == 2 && memcmp(want.start, "{}", 2) == 0)
            ret_args[used++] = have;
        else if (want.length != have.length || memcmp(want.start, have.start, want.length) != 0)
            return FALSE;
    }
}

/* ---- bodies */

/* A body without a type is taken for JSON, as Nova does. */
static gboolean is_json_type(const char *type)
{
    static const char *const good[] = {"application/json", "application/vnd.openstack.compute+json", "text/plain", "",
                                       NULL};
    g_autofree char *bare = g_strndup(type ? type : "", type ? strcspn(type, ";") : 0);
    g_autofree char *lower = g_ascii_strdown(g_strstrip(bare), -1);
    return g_strv_contains(good, lower);
}

static gboolean take_body(GwRequest *request)
{
    json_error_t why = {.text = "it is empty"};
    if (!is_json_type(request->headers[GW_HEADER_CONTENT_TYPE])) {
        gw_reply_fault(request, 415, "Unsupported Content-Type: send application/json");
        return FALSE;
    }
    if (request->body->len)
        request->json = json_loadb(request->body->str, request->body->len, JSON_REJECT_DUPLICATES, &why);
    if (json_is_object(request->json))
        return TRUE;
    if (request->json)
        gw_reply_fault(request, 400, "Malformed request body: a JSON object is expected");
    else
        gw_reply_fault(request, 400, "Malformed request body: %s (line %d, column %d)", why.text, why.line, why.column);
    return FALSE;
}

/* ---- routes */

static void not_found(GwRequest *request)
{
    gw_reply_fault(request, 404, "The resource could not be found.");
}

static gboolean is_in_range(const GwRoute *route, guint minor)
{
    return minor >= route->since && (!route->until || minor <= route->until);
}

void gw_route_handle(GwRequest *request)
{
    if (request->route->flags & GW_ROUTE_WRITES)
        gw_request_aside(request, request->route->handler);
    else
        request->route->handler(request);
}

static void serve(GwRequest *request)
{
    unsigned flags = request->route->flags;
    if ((flags & GW_ROUTE_BODY) && !take_body(request))
        return;
    if (!(flags & GW_ROUTE_ASKS) || !gw_silent_ask(request))
        gw_route_handle(request);
}

static void run(GwRequest *request, const GwRoute *route, const Segment *args)
{
    for (guint i = 0; i < GW_MAX_ARGS && args[i].start; i++)
        request->args[i] = g_strndup(args[i].start, args[i].length);
    request->route = route;
    if (route->role == GW_ROLE_NONE)
        serve(request);
    else
        gw_auth_admit(request, serve);
}

static void refuse_method(GwRequest *request, const char *allowed)
{
    gw_reply_header(request, "Allow", allowed);
    gw_reply_fault(request, 405, "The method %s is not allowed for this resource. Allowed: %s.", request->method,
                   allowed);
}

/* FALSE: no route of that root has this path at this microversion. */
static gboolean route_below(GwRequest *request, GwRoot root, const char *path)
{
    g_autoptr(GString) allowed = g_string_new(NULL);
    for (gsize i = 0; i < gw_route_count; i++) {
        const GwRoute *route = &gw_routes[i];
        Segment args[GW_MAX_ARGS] = {{NULL}};
        if (route->root != root || !match(route->path, path, args) || !is_in_range(route, request->minor))
            continue;
        if (strcmp(route->method, request->method) == 0) {
            run(request, route, args);
            return TRUE;
        }
        g_string_append_printf(allowed, "%s%s", allowed->len ? ", " : "", route->method);
    }
    if (allowed->len)
        refuse_method(request, allowed->str);
    return allowed->len > 0;
}

/* Every resource has two paths, with and without the project. Links in answers follow the request's. */
static void route_compute(GwRequest *request, const char *path)
{
    const char *rest = path;
    if (route_below(request, GW_ROOT_COMPUTE, path))
        return;
    Segment project = next_segment(&rest);
    request->project = g_strndup(project.start, project.length);
    if (!*skip_slashes(rest) || !route_below(request, GW_ROOT_COMPUTE, rest))
        not_found(request);
}

/* Below /v2, the name of an old entry point, there are no microversions. */
static void dispatch_compute(GwRequest *request, const char *path, gboolean old)
{
    gboolean ok = old || gw_microversion_take(request);
    gw_microversion_tell(request); /* before the handler: it may park the request */
    if (ok)
        route_compute(request, path);
}

void gw_router_dispatch(GwRequest *request)
{
    const char *path = skip_slashes(request->path);
    const char *rest;
    if (request->too_large)
        gw_reply_fault(request, 413, "The request body is larger than %d bytes", GW_MAX_BODY);
    else if (route_below(request, GW_ROOT_NONE, path))
        ;
    else if (starts_with(path, "v2.1", &rest))
        dispatch_compute(request, rest, FALSE);
    else if (starts_with(path, "v2", &rest))
        dispatch_compute(request, rest, TRUE);
    else if (starts_with(path, "godwit/v1", &rest)) {
        if (!route_below(request, GW_ROOT_GODWIT, rest))
            not_found(request);
    } else
        gw_versions_choices(request);
}
