#include "api/request.h"

#include "base/error.h"
#include "base/log.h"

#include <string.h>

const char *gw_request_param(const GwRequest *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *gw_request_header(const GwRequest *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

json_t *gw_request_object(GwRequest *request)
{
    json_error_t why;
    json_t *body = request->body->len
                       ? json_loadb(request->body->str, request->body->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why)
                       : NULL;
    if (json_is_object(body))
        return body;
    if (body || !request->body->len)
        gw_reply_fault(request, 400, "Malformed request body: a JSON object is expected");
    else
        gw_reply_fault(request, 400, "Malformed request body: line %d, column %d: %s", why.line, why.column, why.text);
    json_decref(body);
    return NULL;
}

char *gw_request_base(const GwRequest *request)
{
    const char *host = gw_request_header(request, "Host");
    if (!host || !*host || strpbrk(host, "/\\ \"<>"))
        host = "localhost";
    return g_strconcat("http://", host, NULL);
}

char *gw_request_root(const GwRequest *request)
{
    g_autofree char *base = gw_request_base(request);
    return request->project ? g_strconcat(base, "/v2.1/", request->project, NULL) : g_strconcat(base, "/v2.1", NULL);
}

/* ---- answers */

void gw_reply_bytes(GwRequest *request, guint status, GBytes *text)
{
    g_clear_pointer(&request->text, g_bytes_unref);
    request->status = status;
    request->text = text;
    request->type = "application/json";
}

void gw_reply_json(GwRequest *request, guint status, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    if (!text) { /* a string that is not UTF-8 came from outside */
        gw_reply_fault(request, 500, "Unexpected API Error. The answer could not be written.");
        return;
    }
    gw_reply_bytes(request, status, g_bytes_new_with_free_func(text, strlen(text), free, text));
}

void gw_reply_empty(GwRequest *request, guint status)
{
    gw_reply_bytes(request, status, NULL);
}

void gw_reply_header(GwRequest *request, const char *name, const char *value)
{
    g_ptr_array_add(request->headers, g_strdup(name));
    g_ptr_array_add(request->headers, g_strdup(value));
}

/* Nova's names (api/openstack/wsgi.py, Fault); every other status is a computeFault. */
static const char *fault_name(guint status)
{
    static const struct {
        guint status;
        const char *name;
    } names[] = {{400, "badRequest"},   {401, "unauthorized"},  {403, "forbidden"},          {404, "itemNotFound"},
                 {405, "badMethod"},    {409, "conflictingRequest"}, {413, "overLimit"},     {415, "badMediaType"},
                 {429, "overLimit"},    {501, "notImplemented"}, {503, "serviceUnavailable"}};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (names[i].status == status)
            return names[i].name;
    return "computeFault";
}

void gw_reply_fault(GwRequest *request, guint status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *raw = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *message = g_utf8_make_valid(raw, -1);
    gw_reply_json(request, status,
                  json_pack("{s:{s:i,s:s}}", fault_name(status), "code", (int)status, "message", message));
}

static guint status_of(const GError *error)
{
    if (error->domain != GW_ERROR)
        return 500;
    switch ((GwErrorCode)error->code) {
    case GW_ERROR_INVALID:
    case GW_ERROR_REFUSED:
    case GW_ERROR_UNSUPPORTED:
        return 400;
    case GW_ERROR_NOT_FOUND:
        return 404;
    case GW_ERROR_CONFLICT:
    case GW_ERROR_STALE:
    case GW_ERROR_ABORTED:
        return 409;
    case GW_ERROR_UNREACHABLE:
    case GW_ERROR_DENIED: /* the host refused Godwit, not Godwit the client */
    case GW_ERROR_STORE:
        return 503;
    case GW_ERROR_FAILED:
    case GW_ERROR_LOST:
    case GW_ERROR_INTERNAL:
        return 500;
    }
    return 500;
}

void gw_reply_error(GwRequest *request, const GError *error)
{
    guint status = status_of(error);
    if (status == 500)
        gw_error_log("%s %s: %s (%s)", request->method, request->path, error->message, request->request_id);
    gw_reply_fault(request, status, "%s", error->message);
}
