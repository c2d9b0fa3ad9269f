/* Answers, and faults in Nova's shapes. */
#include "api/request.h"

#include "base/error.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

void gw_reply_bytes(GwRequest *request, guint status, GBytes *text)
{
    g_clear_pointer(&request->text, g_bytes_unref);
    request->status = status;
    request->text = text;
}

void gw_reply_json(GwRequest *request, guint status, json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    if (text)
        gw_reply_bytes(request, status, g_bytes_new_with_free_func(text, strlen(text), free, text));
    else
        gw_reply_fault(request, 500, "Unexpected API Error. The answer could not be written.");
}

void gw_reply_named(GwRequest *request, guint status, const char *name, json_t *body)
{
    json_t *object = json_object();
    json_object_set_new(object, name, body);
    gw_reply_json(request, status, object);
}

void gw_reply_empty(GwRequest *request, guint status)
{
    gw_reply_bytes(request, status, NULL);
}

void gw_reply_header(GwRequest *request, const char *name, const char *value)
{
    g_ptr_array_add(request->answer_headers, g_strdup(name));
    g_ptr_array_add(request->answer_headers, g_strdup(value));
}

/* Every status that is not here is a computeFault (nova/api/openstack/wsgi.py, Fault). */
static const char *fault_name(guint status)
{
    static const struct {
        guint status;
        const char *name;
    } names[] = {
        {400, "badRequest"}, {401, "unauthorized"}, {403, "forbidden"},    {404, "itemNotFound"},
        {405, "badMethod"},  {413, "overLimit"},    {415, "badMediaType"}, {409, "conflictingRequest"},
        {429, "overLimit"},  {501, "notImplemented"}, {503, "serviceUnavailable"},
    };
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
    g_autofree char *message = g_utf8_make_valid(raw, -1); /* it may quote what came from outside */
    gw_reply_named(request, status, fault_name(status),
                   json_pack("{s:i,s:s}", "code", (int)status, "message", message));
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
        return 503;
    case GW_ERROR_STORE: /* what it says of files and SQL is for the log */
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
    if (status != 500) {
        gw_reply_fault(request, status, "%s", error->message);
        return;
    }
    gw_error_log("%s %s: %s (%s)", request->method, request->path, error->message, request->request_id);
    gw_reply_fault(request, 500,
                   "Unexpected API Error. Please contact the administrator, who finds the reason in the log under %s.",
                   request->request_id);
}

void gw_reply_no_instance(GwRequest *request)
{
    gw_reply_fault(request, 404, "Instance %s could not be found.", request->args[0]);
}
