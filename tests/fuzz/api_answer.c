#include "api_answer.h"

#include <stdlib.h>

static void check_fault(const GwRequest *request, json_t *body)
{
    void *first = json_object_iter(body);
    json_t *fault = json_object_iter_value(first);
    if (json_object_size(body) != 1 || json_integer_value(json_object_get(fault, "code")) != request->status ||
        !json_is_string(json_object_get(fault, "message")))
        abort();
}

void api_answer_check(const GwRequest *request)
{
    gsize size;
    if (request->status < 200 || request->status > 599)
        abort();
    if (!request->text || (request->content_type && request->status < 400)) /* empty, or not JSON */
        return;
    const char *text = g_bytes_get_data(request->text, &size);
    g_autoptr(json_t) body = json_loadb(text, size, 0, NULL);
    if (!json_is_object(body))
        abort();
    if (request->status >= 400)
        check_fault(request, body);
}
