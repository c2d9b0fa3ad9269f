/* Whatever a client sends gets an answer: a status that is not 500, and a JSON body unless it is empty; a fault is in
 * Nova's shape. Input: a line "METHOD MICROVERSION", a line with path and query, then the body. Half of the inputs are
 * generated from the table of routes, the others are mutations. */
#include "../api/fake_engine.h"
#include "api/parking.h"
#include "api_answer.h"
#include "api_generator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
size_t LLVMFuzzerCustomMutator(unsigned char *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(unsigned char *data, size_t size, size_t max);

enum { ENGINE_AGE = 5000 }; /* what inputs did to it must not pile up */

/* ---- the parking lot: here nobody waits */

void gw_request_aside(GwRequest *request, GwHandler handler)
{
    handler(request);
}

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

void gw_deferred_continue(GwDeferred *deferred, GwContinue then, gpointer data, GDestroyNotify free_data)
{
    if (free_data)
        free_data(data);
    g_free(deferred);
}

void gw_deferred_answer(GwDeferred *deferred, guint status, json_t *body)
{
    json_decref(body);
    g_free(deferred);
}

/* ---- one request */

/* The engine of memory breaks for one word (tests/api/fake_engine.c). */
static gboolean is_broken(const GwRequest *request)
{
    return strstr(request->query, "broken") != NULL;
}

static void check_answer(const GwRequest *request)
{
    api_answer_check(request);
    if (request->status == 500 && !is_broken(request))
        abort();
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
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "PATCH"};
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

/* ---- inputs */

enum { ENOUGH = 4000 }; /* inputs after which every route must have had its turn */

static guint generated;

static void check_reached(void)
{
    const char *missed = generated > ENOUGH ? api_generator_missed() : NULL;
    if (!missed)
        return;
    fprintf(stderr, "no request was for %s\n", missed);
    abort();
}

size_t LLVMFuzzerCustomMutator(unsigned char *data, size_t size, size_t max, unsigned seed)
{
    if (seed % 2)
        return LLVMFuzzerMutate(data, size, max);
    if (generated++ == 0)
        atexit(check_reached);
    g_autofree char *text = api_generate(seed);
    size = MIN(strlen(text), max);
    memcpy(data, text, size);
    return size;
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
