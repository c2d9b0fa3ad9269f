/* Whatever a client sends gets an answer: a status, and a JSON body unless it is empty; a fault is in Nova's shape.
 * Input: a line "METHOD MICROVERSION", a line with path and query, then the body. */
#include "../api/fake_engine.h"
#include "api/parking.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

enum { ENGINE_AGE = 5000 }; /* what inputs did to it must not pile up */

/* ---- the parking lot: here nobody waits */

struct GwDeferred {
    GwFinish finish;
};

GwDeferred *gw_request_defer(GwRequest *request, GwFinish finish, GwHandler overdue)
{
    GwDeferred *deferred = g_new0(GwDeferred, 1);
    deferred->finish = finish;
    overdue(request);
    return deferred;
}

void gw_deferred_finish(GwDeferred *deferred, gint64 number, const GError *error)
{
    g_free(deferred);
}

void gw_deferred_answer(GwDeferred *deferred, guint status, json_t *body)
{
    json_decref(body);
    g_free(deferred);
}

/* ---- one request */

static void check_fault(const GwRequest *request, json_t *body)
{
    void *first = json_object_iter(body);
    json_t *fault = json_object_iter_value(first);
    if (json_object_size(body) != 1 || json_integer_value(json_object_get(fault, "code")) != request->status ||
        !json_is_string(json_object_get(fault, "message")))
        abort();
}

static void check_answer(const GwRequest *request)
{
    gsize size;
    if (request->status < 200 || request->status > 599)
        abort();
    if (!request->text)
        return;
    const char *text = g_bytes_get_data(request->text, &size);
    g_autoptr(json_t) body = json_loadb(text, size, 0, NULL);
    if (!json_is_object(body))
        abort();
    if (request->status >= 400)
        check_fault(request, body);
}

/* The text up to the next newline, which becomes its end. */
static char *take_line(char **rest)
{
    char *line = *rest;
    char *end = strchr(line, '\n');
    if (end)
        *end = '\0';
    *rest = end ? end + 1 : line + strlen(line);
    return line;
}

static void serve(const GwShared *shared, char *text)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
    char *head = take_line(&text);
    char *version = strchr(head, ' ');
    char *uri = take_line(&text);
    g_autoptr(GwRequest) request = gw_request_new(shared, uri);
    for (guint i = 0; i < G_N_ELEMENTS(methods); i++)
        if (g_str_has_prefix(head, methods[i]))
            request->method = methods[i];
    request->headers[GW_HEADER_NOVA_VERSION] = version ? version + 1 : NULL;
    request->headers[GW_HEADER_HOST] = "h:1";
    g_string_append(request->body, text);
    gw_router_dispatch(request);
    check_answer(request);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static GwShared shared;
    static guint age;
    if (age++ % ENGINE_AGE == 0) {
        if (shared.engine)
            fake_engine_free(shared.engine);
        g_clear_pointer(&shared.pages, gw_cache_free);
        g_clear_pointer(&shared.servers, gw_cache_free);
        shared = (GwShared){.engine = fake_engine_new(0),
                            .pages = gw_cache_new(1 << 20),
                            .servers = gw_cache_new(1 << 20),
                            .max_limit = 1000,
                            .wait_s = 1};
    }
    g_autofree char *text = g_strndup((const char *)data, size);
    serve(&shared, text);
    return 0;
}
