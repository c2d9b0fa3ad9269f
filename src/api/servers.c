/* GET servers: lists, whose answers and parts are kept as long as the engine's serials say so; one server. */
#include "api/handlers.h"
#include "api/query.h"
#include "api/server_query.h"
#include "api/server_view.h"

#include <stdlib.h>
#include <string.h>

typedef json_t *(*View)(GwRequest *request, const GwInstanceView *view);

/* One kind of list. */
typedef struct {
    const char *path;
    View view;
} List;

/* One server as text, kept until it changes: one moving server among thousands costs one rendering. */
static void append_server(GwRequest *request, GString *out, const GwInstanceView *view, const List *list,
                          const char *prefix)
{
    gsize size;
    g_autofree char *key = g_strconcat(prefix, view->instance->uuid, NULL);
    g_autoptr(GBytes) text = gw_cache_find(request->shared->servers, key, view->serial);
    if (!text) {
        g_autoptr(json_t) server = list->view(request, view);
        char *dumped = json_dumps(server, JSON_COMPACT);
        text = g_bytes_new_with_free_func(dumped, strlen(dumped), free, dumped);
        gw_cache_put(request->shared->servers, key, view->serial, text);
    }
    const char *data = g_bytes_get_data(text, &size);
    g_string_append_len(out, data, (gssize)size);
}

static void append_next(GwRequest *request, GString *out, const GwInstanceView *last, const List *list)
{
    g_autoptr(json_t) links = gw_query_next(request, list->path, last->instance->uuid);
    char *dumped = json_dumps(links, JSON_COMPACT);
    g_string_append_printf(out, ",\"servers_links\":%s", dumped);
    free(dumped);
}

static GBytes *render_page(GwRequest *request, const GPtrArray *page, const List *list)
{
    g_autofree char *prefix = g_strdup_printf("%s %u %s ", list->path, request->minor, gw_request_root(request));
    GString *out = g_string_sized_new(64 + page->len * 1600);
    guint limit = gw_query_limit(request);
    g_string_append(out, "{\"servers\":[");
    for (guint i = 0; i < page->len; i++) {
        if (i)
            g_string_append_c(out, ',');
        append_server(request, out, page->pdata[i], list, prefix);
    }
    g_string_append_c(out, ']');
    if (limit && page->len == limit)
        append_next(request, out, page->pdata[page->len - 1], list);
    g_string_append_c(out, '}');
    return g_string_free_to_bytes(out);
}

/* The whole answer is a function of the engine's state, the microversion, the URL and the Host header. */
static char *page_key(GwRequest *request, const List *list)
{
    return g_strdup_printf("%s %u %s ?%s", list->path, request->minor, gw_request_root(request), request->query);
}

static void reply_list(GwRequest *request, const List *list)
{
    guint64 serial;
    g_autofree char *key = page_key(request, list);
    GBytes *text = gw_cache_find(request->shared->pages, key, gw_engine_serial(request->engine));
    if (!text) {
        g_autoptr(GwViewList) all = gw_engine_instances(request->engine, &serial);
        g_autoptr(GPtrArray) page = gw_server_query_page(request, all);
        if (!page)
            return;
        text = render_page(request, page, list);
        gw_cache_put(request->shared->pages, key, serial, text);
    }
    gw_reply_bytes(request, 200, text);
}

void gw_servers_list(GwRequest *request)
{
    static const List list = {"servers", gw_server_brief};
    reply_list(request, &list);
}

void gw_servers_detail(GwRequest *request)
{
    static const List list = {"servers/detail", gw_server_detail};
    reply_list(request, &list);
}

void gw_servers_show(GwRequest *request)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(request->engine, request->args[0]);
    if (view)
        gw_reply_named(request, 200, "server", gw_server_show(request, view));
    else
        gw_reply_no_instance(request);
}
