/* Flavors: the shapes of the adopted instances, each once (nova/api/openstack/compute/views/flavors.py). */
#include "api/handlers.h"
#include "api/query.h"
#include "api/view.h"

#include <string.h>

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)
#define INSTANCE (((const GwInstanceView *)row)->instance)

FIELD(id)
{
    g_autofree char *text = gw_flavor_id(INSTANCE);
    return json_string(text);
}

FIELD(ram)
{
    return gw_json_count(INSTANCE->memory_mib);
}

FIELD(disk)
{
    return gw_json_count(gw_flavor_disk_gib(INSTANCE));
}

FIELD(vcpus)
{
    return json_integer(INSTANCE->vcpus);
}

FIELD(is_public)
{
    return json_true();
}

FIELD(rxtx)
{
    return json_real(1.0);
}

FIELD(links)
{
    g_autofree char *text = gw_flavor_id(INSTANCE);
    return gw_json_links(request, "flavors", text);
}

static const GwField brief[] = {
    {"id", id},
    {"name", id},
    {"links", links},
    {"description", gw_view_null, 55},
};

static const GwField detail[] = {
    {"id", id},
    {"name", id},
    {"ram", ram},
    {"disk", disk},
    {"vcpus", vcpus},
    {"swap", gw_view_empty_text, 0, 74},
    {"swap", gw_view_zero, 75},
    {"OS-FLV-EXT-DATA:ephemeral", gw_view_zero},
    {"OS-FLV-DISABLED:disabled", gw_view_false},
    {"os-flavor-access:is_public", is_public},
    {"rxtx_factor", rxtx},
    {"links", links},
    {"description", gw_view_null, 55},
    {"extra_specs", gw_view_empty_object, 61},
};

/* ---- which */

static gint by_id(gconstpointer a, gconstpointer b)
{
    g_autofree char *x = gw_flavor_id((*(GwInstanceView *const *)a)->instance);
    g_autofree char *y = gw_flavor_id((*(GwInstanceView *const *)b)->instance);
    return strcmp(x, y);
}

/* One instance of each shape, by the flavor's id. */
static GPtrArray *all_shapes(GwRequest *request)
{
    g_autoptr(GPtrArray) views = gw_engine_instances(request->engine, NULL, NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GPtrArray *shapes = g_ptr_array_new_with_free_func((GDestroyNotify)gw_instance_view_unref);
    for (guint i = 0; i < views->len; i++) {
        GwInstanceView *view = views->pdata[i];
        if (g_hash_table_add(seen, gw_flavor_id(view->instance)))
            g_ptr_array_add(shapes, gw_instance_view_ref(view));
    }
    g_ptr_array_sort(shapes, by_id);
    return shapes;
}

static const GwQueryRule rules[] = {
    {"limit", GW_QUERY_NUMBER},  {"marker", GW_QUERY_TEXT},   {"is_public", GW_QUERY_TEXT}, {"minRam", GW_QUERY_NUMBER},
    {"minDisk", GW_QUERY_NUMBER}, {"sort_key", GW_QUERY_TEXT}, {"sort_dir", GW_QUERY_TEXT},
};

static guint64 number_of(GwRequest *request, const char *name)
{
    const char *text = gw_query_text(request, name);
    return text ? g_ascii_strtoull(text, NULL, 10) : 0;
}

/* FALSE with a fault: "is_public" is a boolean or "None", which asks for all; there are only public ones. */
static gboolean read_public(GwRequest *request, gboolean *ret_any)
{
    gboolean is_true = TRUE;
    const char *text = gw_query_text(request, "is_public");
    if (text && g_ascii_strcasecmp(text, "none") != 0 && !gw_parse_boolean(text, &is_true)) {
        gw_reply_fault(request, 400, "Invalid is_public filter [%s]", text);
        return FALSE;
    }
    *ret_any = is_true;
    return TRUE;
}

/* The index after the marker's, or -1 with a fault. */
static gint start_of(GwRequest *request, const GPtrArray *shapes)
{
    const char *marker = gw_query_text(request, "marker");
    if (!marker)
        return 0;
    for (guint i = 0; i < shapes->len; i++) {
        g_autofree char *text = gw_flavor_id(((GwInstanceView *)shapes->pdata[i])->instance);
        if (strcmp(text, marker) == 0)
            return (gint)i + 1;
    }
    gw_reply_fault(request, 400, "marker [%s] not found", marker);
    return -1;
}

static void reply_list(GwRequest *request, const GwField *fields, gsize count, const char *path)
{
    gboolean any;
    g_autoptr(GPtrArray) shapes = all_shapes(request);
    if (!GW_QUERY_CHECK(request, rules, 75) || !read_public(request, &any))
        return;
    gint start = start_of(request, shapes);
    if (start < 0)
        return;
    guint limit = gw_query_limit(request);
    json_t *list = json_array();
    json_t *body = json_object();
    const GwInstanceView *last = NULL;
    for (guint i = (guint)start; any && i < shapes->len && json_array_size(list) < limit; i++) {
        const GwInstanceView *view = shapes->pdata[i];
        if (view->instance->memory_mib < number_of(request, "minRam") ||
            gw_flavor_disk_gib(view->instance) < number_of(request, "minDisk"))
            continue;
        last = view;
        json_array_append_new(list, gw_view(request, fields, count, view));
    }
    json_object_set_new(body, "flavors", list);
    if (last && json_array_size(list) == limit) {
        g_autofree char *marker = gw_flavor_id(last->instance);
        json_object_set_new(body, "flavors_links", gw_query_next(request, path, marker));
    }
    gw_reply_json(request, 200, body);
}

void gw_flavors_list(GwRequest *request)
{
    reply_list(request, brief, G_N_ELEMENTS(brief), "flavors");
}

void gw_flavors_detail(GwRequest *request)
{
    reply_list(request, detail, G_N_ELEMENTS(detail), "flavors/detail");
}

/* NULL with a 404. */
static GwInstanceView *find_shape(GwRequest *request)
{
    g_autoptr(GPtrArray) shapes = all_shapes(request);
    for (guint i = 0; i < shapes->len; i++) {
        g_autofree char *text = gw_flavor_id(((GwInstanceView *)shapes->pdata[i])->instance);
        if (strcmp(text, request->args[0]) == 0)
            return gw_instance_view_ref(shapes->pdata[i]);
    }
    gw_reply_fault(request, 404, "Flavor %s could not be found.", request->args[0]);
    return NULL;
}

void gw_flavors_show(GwRequest *request)
{
    g_autoptr(GwInstanceView) shape = find_shape(request);
    if (shape)
        gw_reply_named(request, 200, "flavor", GW_VIEW(request, detail, shape));
}

void gw_flavors_extra_specs(GwRequest *request)
{
    g_autoptr(GwInstanceView) shape = find_shape(request);
    if (shape)
        gw_reply_named(request, 200, "extra_specs", json_object());
}
