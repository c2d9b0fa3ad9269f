#include "api/routes.h"

#include "api/events.h"

#include <string.h>

/* ---- the query string. Decoding is lenient: what is no valid escape stands for itself. */

static char *decode(const char *text, gsize length)
{
    g_autoptr(GString) out = g_string_sized_new(length);
    for (gsize i = 0; i < length; i++) {
        int high = text[i] == '%' && i + 2 < length ? g_ascii_xdigit_value(text[i + 1]) : -1;
        int low = high >= 0 ? g_ascii_xdigit_value(text[i + 2]) : -1;
        if (low >= 0 && (high || low)) { /* %00 would end the string */
            g_string_append_c(out, (char)(high << 4 | low));
            i += 2;
        } else {
            g_string_append_c(out, text[i] == '+' ? ' ' : text[i]);
        }
    }
    return g_utf8_make_valid(out->str, (gssize)out->len);
}

static void param_free(gpointer data)
{
    GwParam *param = data;
    g_free(param->name);
    g_free(param->value);
    g_free(param);
}

static GPtrArray *parse_query(const char *query)
{
    GPtrArray *params = g_ptr_array_new_with_free_func(param_free);
    while (*query) {
        gsize length = strcspn(query, "&");
        const char *equals = memchr(query, '=', length);
        gsize name = equals ? (gsize)(equals - query) : length;
        if (length) {
            GwParam *param = g_new0(GwParam, 1);
            param->name = decode(query, name);
            param->value = equals ? decode(equals + 1, length - name - 1) : g_strdup("");
            g_ptr_array_add(params, param);
        }
        query += length + (query[length] == '&');
    }
    return params;
}

GwRequest *gw_request_new(const GwShared *shared, const char *uri)
{
    GwRequest *request = g_new0(GwRequest, 1);
    const char *query = strchr(uri, '?');
    g_autofree char *uuid = g_uuid_string_random();
    g_snprintf(request->request_id, sizeof request->request_id, "req-%s", uuid);
    request->shared = shared;
    request->engine = shared->engine;
    request->method = "GET";
    request->minor = GW_API_MIN_MINOR;
    request->path = decode(uri, query ? (gsize)(query - uri) : strlen(uri));
    request->query = g_strdup(query ? query + 1 : "");
    request->params = parse_query(request->query);
    request->body = g_string_new(NULL);
    request->answer_headers = g_ptr_array_new_with_free_func(g_free);
    return request;
}

void gw_request_free(GwRequest *request)
{
    if (request->listener)
        gw_listener_leave(request->listener);
    g_free(request->path);
    g_free(request->user);
    g_free(request->scope);
    g_free(request->query);
    g_free(request->project);
    g_free(request->base);
    g_free(request->root);
    g_free(request->bookmark_root);
    for (guint i = 0; i < GW_MAX_ARGS; i++)
        g_free(request->args[i]);
    g_string_free(request->body, TRUE);
    g_ptr_array_unref(request->params);
    g_ptr_array_unref(request->answer_headers);
    g_clear_pointer(&request->text, g_bytes_unref);
    json_decref(request->json);
    if (request->then_free)
        request->then_free(request->then_data);
    g_free(request);
}

void gw_request_go_on(GwRequest *request)
{
    GwContinue then = g_steal_pointer(&request->then);
    GDestroyNotify free_data = g_steal_pointer(&request->then_free);
    gpointer data = g_steal_pointer(&request->then_data);
    request->parked = FALSE;
    then(request, data);
    if (free_data)
        free_data(data);
}

/* The Host header goes into links: nothing that could end a URL or a JSON string may come with it. */
const char *gw_request_base(GwRequest *request)
{
    if (request->base)
        return request->base;
    const char *host = request->headers[GW_HEADER_HOST];
    gboolean good = host && *host && strlen(host) <= 255;
    for (const char *c = host; good && *c; c++)
        good = g_ascii_isalnum(*c) || strchr(".:-_[]", *c);
    const char *scheme = request->shared->scheme;
    request->base = g_strconcat(scheme ? scheme : "http", "://", good ? host : "localhost", NULL);
    return request->base;
}

static char *with_project(GwRequest *request, const char *version)
{
    if (!request->project)
        return g_strconcat(gw_request_base(request), version, NULL);
    g_autofree char *escaped = g_uri_escape_string(request->project, NULL, FALSE);
    return g_strconcat(gw_request_base(request), version, "/", escaped, NULL);
}

const char *gw_request_root(GwRequest *request)
{
    if (!request->root)
        request->root = with_project(request, "/v2.1");
    return request->root;
}

const char *gw_request_bookmark_root(GwRequest *request)
{
    if (!request->bookmark_root)
        request->bookmark_root = with_project(request, "");
    return request->bookmark_root;
}

const char *gw_request_user(const GwRequest *request)
{
    return request->user ? request->user : "admin";
}

const char *gw_request_project(const GwRequest *request)
{
    return request->project ? request->project : request->scope ? request->scope : "admin";
}

GwMoveRequest gw_request_move(const GwRequest *request)
{
    return (GwMoveRequest){.instance_uuid = request->args[0],
                           .block = GW_BLOCK_AUTO,
                           .by_admin = request->role >= GW_ROLE_ADMIN,
                           .request_id = request->request_id,
                           .user_id = gw_request_user(request),
                           .project_id = gw_request_project(request)};
}
