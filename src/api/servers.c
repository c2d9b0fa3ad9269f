/* GET servers: lists with filters, paging and sorting; one server. */
#include "api/server_view.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    GRegex *name; /* NULL: any; likewise below */
    const char *host, *status, *uuid;
    gint64 changed_since_us;
} Filter;

static gboolean read_filter(GwRequest *request, Filter *filter)
{
    g_autoptr(GError) why = NULL;
    const char *name = gw_request_param(request, "name");
    const char *since = gw_request_param(request, "changes-since");
    *filter = (Filter){NULL, gw_request_param(request, "host"), gw_request_param(request, "status"),
                       gw_request_param(request, "uuid"), 0};
    if (since && !gw_parse_time(since, &filter->changed_since_us)) {
        gw_reply_fault(request, 400, "Invalid input for query parameters changes-since. Value: %s. It is no ISO 8601 time.", since);
        return FALSE;
    }
    if (name && !(filter->name = g_regex_new(name, G_REGEX_OPTIMIZE, 0, &why))) {
        gw_reply_fault(request, 400, "Invalid input for query parameters name. Value: %s. %s", name, why->message);
        return FALSE;
    }
    return TRUE;
}

static gboolean fits(const Filter *filter, const GwInstanceView *view)
{
    return (!filter->host || strcmp(view->host, filter->host) == 0) &&
           (!filter->uuid || strcmp(view->instance->uuid, filter->uuid) == 0) &&
           (!filter->status || g_ascii_strcasecmp(gw_server_status(view), filter->status) == 0) &&
           (!filter->changed_since_us || view->changed_us >= filter->changed_since_us) &&
           (!filter->name || g_regex_match(filter->name, view->instance->name, 0, NULL));
}

/* Nova caps a page at [api] max_limit and refuses what is no number. */
static gboolean read_limit(GwRequest *request, guint *ret_limit)
{
    const char *text = gw_request_param(request, "limit");
    guint64 limit = 1000;
    if (text && !g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT, &limit, NULL)) {
        gw_reply_fault(request, 400, "Invalid input for query parameters limit. Value: %s. It is no non-negative integer.", text);
        return FALSE;
    }
    *ret_limit = (guint)MIN(limit, 1000);
    return TRUE;
}

static gboolean find_marker(GwRequest *request, const GPtrArray *views, guint *ret_start)
{
    const char *marker = gw_request_param(request, "marker");
    *ret_start = 0;
    if (!marker)
        return TRUE;
    for (guint i = 0; i < views->len; i++) {
        if (strcmp(((GwInstanceView *)views->pdata[i])->instance->uuid, marker) == 0) {
            *ret_start = i + 1;
            return TRUE;
        }
    }
    gw_reply_fault(request, 400, "marker [%s] not found", marker);
    return FALSE;
}

/* ---- sorting: created_at descending is the engine's order, and Nova's */

static int compare_by(const char *key, const GwInstanceView *a, const GwInstanceView *b)
{
    if (strcmp(key, "display_name") == 0 || strcmp(key, "name") == 0)
        return strcmp(a->instance->name, b->instance->name);
    if (strcmp(key, "host") == 0)
        return strcmp(a->host, b->host);
    if (strcmp(key, "uuid") == 0)
        return strcmp(a->instance->uuid, b->instance->uuid);
    if (strcmp(key, "updated_at") == 0)
        return a->changed_us < b->changed_us ? -1 : a->changed_us > b->changed_us;
    return a->first_seen_us < b->first_seen_us ? -1 : a->first_seen_us > b->first_seen_us;
}

typedef struct {
    const char *key;
    int sign;
} Order;

static gint by_order(gconstpointer a, gconstpointer b, gpointer data)
{
    const Order *order = data;
    int result = order->sign * compare_by(order->key, *(GwInstanceView *const *)a, *(GwInstanceView *const *)b);
    return result ? result : compare_by("uuid", *(GwInstanceView *const *)a, *(GwInstanceView *const *)b);
}

static GPtrArray *select_views(GwRequest *request, const Filter *filter, const GPtrArray *all)
{
    GPtrArray *chosen = g_ptr_array_new();
    for (guint i = 0; i < all->len; i++)
        if (fits(filter, all->pdata[i]))
            g_ptr_array_add(chosen, all->pdata[i]);
    const char *key = gw_request_param(request, "sort_key");
    const char *direction = gw_request_param(request, "sort_dir");
    if (key || direction) {
        Order order = {key ? key : "created_at", g_strcmp0(direction, "asc") == 0 ? 1 : -1};
        g_ptr_array_sort_with_data(chosen, by_order, &order);
    }
    return chosen;
}

/* ---- rendering */

typedef json_t *(*View)(GwRequest *request, const GwInstanceView *view);

/* One server as text, kept until it changes: one moving server among thousands costs one rendering. */
static void append_server(GwRequest *request, GString *out, const GwInstanceView *view, View render, const char *prefix)
{
    g_autofree char *key = g_strconcat(prefix, view->instance->uuid, NULL);
    g_autoptr(GBytes) text = gw_cache_find(request->cache, key, view->serial);
    if (!text) {
        g_autoptr(json_t) server = render(request, view);
        char *dumped = json_dumps(server, JSON_COMPACT);
        text = g_bytes_new_with_free_func(dumped, strlen(dumped), free, dumped);
        gw_cache_put(request->cache, key, view->serial, text);
    }
    gsize size;
    const char *data = g_bytes_get_data(text, &size);
    g_string_append_len(out, data, (gssize)size);
}

/* The next page: the same query with another marker. */
static void append_next(GwRequest *request, GString *out, const char *last_uuid, const char *path)
{
    g_autofree char *root = gw_request_root(request);
    g_autoptr(GString) query = g_string_new(NULL);
    g_auto(GStrv) parts = g_strsplit(request->query, "&", -1);
    for (guint i = 0; parts[i]; i++)
        if (*parts[i] && !g_str_has_prefix(parts[i], "marker="))
            g_string_append_printf(query, "%s&", parts[i]);
    g_autofree char *href = g_strdup_printf("%s/%s?%smarker=%s", root, path, query->str, last_uuid);
    g_autoptr(json_t) links = json_pack("[{s:s,s:s}]", "rel", "next", "href", href);
    char *dumped = json_dumps(links, JSON_COMPACT);
    g_string_append_printf(out, ",\"servers_links\":%s", dumped);
    free(dumped);
}

static GBytes *render_page(GwRequest *request, const GPtrArray *views, guint start, guint limit, View render, const char *path)
{
    g_autofree char *root = gw_request_root(request);
    g_autofree char *prefix = g_strdup_printf("%s %u %s ", path, request->minor, root);
    GString *out = g_string_sized_new(4096);
    guint end = MIN(views->len, start + limit);
    g_string_append(out, "{\"servers\":[");
    for (guint i = start; i < end; i++) {
        if (i > start)
            g_string_append_c(out, ',');
        append_server(request, out, views->pdata[i], render, prefix);
    }
    g_string_append_c(out, ']');
    if (limit && end - start == limit)
        append_next(request, out, ((GwInstanceView *)views->pdata[end - 1])->instance->uuid, path);
    g_string_append_c(out, '}');
    return g_string_free_to_bytes(out);
}

static void list(GwRequest *request, View render, const char *path)
{
    guint64 serial;
    g_autofree char *root = gw_request_root(request);
    g_autofree char *key = g_strdup_printf("page %s %u %s ?%s", path, request->minor, root, request->query);
    GBytes *cached = gw_cache_find(request->cache, key, gw_engine_serial(request->engine));
    if (cached) {
        gw_reply_bytes(request, 200, cached);
        return;
    }
    Filter filter;
    guint limit, start;
    if (!read_limit(request, &limit) || !read_filter(request, &filter))
        return;
    g_autoptr(GPtrArray) all = gw_engine_instances(request->engine, NULL, &serial);
    g_autoptr(GPtrArray) views = select_views(request, &filter, all);
    g_clear_pointer(&filter.name, g_regex_unref);
    if (!find_marker(request, views, &start))
        return;
    GBytes *text = render_page(request, views, start, limit, render, path);
    gw_cache_put(request->cache, key, serial, text);
    gw_reply_bytes(request, 200, text);
}

void gw_servers_list(GwRequest *request)
{
    list(request, gw_server_brief, "servers");
}

void gw_servers_detail(GwRequest *request)
{
    list(request, gw_server_view, "servers/detail");
}

void gw_servers_show(GwRequest *request)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(request->engine, request->args[0]);
    if (!view)
        gw_reply_fault(request, 404, "Instance %s could not be found.", request->args[0]);
    else
        gw_reply_json(request, 200, json_pack("{s:o}", "server", gw_server_view(request, view)));
}

/* ---- flavors: the shapes of the adopted instances */

static json_t *flavor_view(GwRequest *request, const char *id, const GwInstance *instance)
{
    g_autofree char *root = gw_request_root(request);
    g_autofree char *base = gw_request_base(request);
    json_t *flavor = json_pack(
        "{s:s,s:s,s:I,s:I,s:i,s:s,s:i,s:b,s:b,s:f,s:o}", "id", id, "name", id, "ram", (json_int_t)instance->memory_mib, "disk",
        (json_int_t)gw_instance_disk_gib(instance), "vcpus", (int)instance->vcpus, "swap", "",
        "OS-FLV-EXT-DATA:ephemeral", 0, "OS-FLV-DISABLED:disabled", 0, "os-flavor-access:is_public", 1, "rxtx_factor", 1.0,
        "links", gw_links(root, base, "flavors", id));
    if (request->minor >= 55)
        json_object_set_new(flavor, "description", json_null());
    if (request->minor >= 61)
        json_object_set_new(flavor, "extra_specs", json_object());
    if (request->minor >= 75)
        json_object_set_new(flavor, "swap", json_integer(0));
    return flavor;
}

static json_t *all_flavors(GwRequest *request)
{
    json_t *flavors = json_object();
    g_autoptr(GPtrArray) views = gw_engine_instances(request->engine, NULL, NULL);
    for (guint i = 0; i < views->len; i++) {
        const GwInstance *instance = ((GwInstanceView *)views->pdata[i])->instance;
        g_autofree char *id = gw_flavor_id(instance->vcpus, instance->memory_mib, gw_instance_disk_gib(instance));
        if (!json_object_get(flavors, id))
            json_object_set_new(flavors, id, flavor_view(request, id, instance));
    }
    return flavors;
}

void gw_flavors_list(GwRequest *request)
{
    g_autoptr(json_t) flavors = all_flavors(request);
    json_t *rows = json_array();
    const char *id;
    json_t *flavor;
    json_object_foreach(flavors, id, flavor) {
        json_array_append_new(rows, g_str_has_suffix(request->path, "/detail")
                                        ? json_incref(flavor)
                                        : json_pack("{s:O,s:O,s:O}", "id", json_object_get(flavor, "id"), "name",
                                                    json_object_get(flavor, "name"), "links",
                                                    json_object_get(flavor, "links")));
    }
    gw_reply_json(request, 200, json_pack("{s:o}", "flavors", rows));
}

void gw_flavors_show(GwRequest *request)
{
    g_autoptr(json_t) flavors = all_flavors(request);
    json_t *flavor = json_object_get(flavors, request->args[0]);
    if (flavor)
        gw_reply_json(request, 200, json_pack("{s:O}", "flavor", flavor));
    else
        gw_reply_fault(request, 404, "Flavor %s could not be found.", request->args[0]);
}
