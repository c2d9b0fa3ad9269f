#include "api/shapes.h"

#include "api/routes.h"

#include <string.h>

static const GwFlavor *own_flavor(const GwInstanceView *view)
{
    return view->server ? gw_server_flavor(view->server) : NULL;
}

char *gw_shape_id_of(const GwInstanceView *view)
{
    const GwFlavor *flavor = own_flavor(view);
    return flavor ? g_strdup(flavor->flavor_id) : gw_flavor_id(view->instance);
}

GwFlavor *gw_shape_of(const GwInstanceView *view)
{
    if (own_flavor(view))
        return gw_flavor_copy(own_flavor(view));
    GwFlavor *flavor = gw_flavor_new();
    flavor->flavor_id = gw_flavor_id(view->instance);
    flavor->name = g_strdup(flavor->flavor_id);
    flavor->vcpus = view->instance->vcpus;
    flavor->memory_mib = view->instance->memory_mib;
    flavor->disk_gib = gw_flavor_disk_gib(view->instance);
    return flavor;
}

static void add_derived(GwRequest *request, GPtrArray *flavors)
{
    g_autoptr(GwViewList) views = gw_engine_instances(request->engine, NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < flavors->len; i++)
        g_hash_table_add(seen, g_strdup(((GwFlavor *)flavors->pdata[i])->flavor_id));
    GwViewIter iter;
    gw_view_iter_init(&iter, views, NULL, NULL);
    for (const GwInstanceView *view; (view = gw_view_iter_next(&iter));) {
        if (!own_flavor(view) && g_hash_table_add(seen, gw_shape_id_of(view)))
            g_ptr_array_add(flavors, gw_shape_of(view));
    }
}

static gboolean may_see(GwRequest *request, const GwFlavor *flavor)
{
    const char *project = gw_request_project(request);
    return flavor->is_public || request->role >= GW_ROLE_ADMIN ||
           g_ptr_array_find_with_equal_func(flavor->projects, project, g_str_equal, NULL);
}

static gint by_id(gconstpointer a, gconstpointer b)
{
    return strcmp((*(GwFlavor *const *)a)->flavor_id, (*(GwFlavor *const *)b)->flavor_id);
}

GPtrArray *gw_shapes_all(GwRequest *request)
{
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    if (!gw_engine_flavors(request->engine, &rows, &error)) {
        gw_reply_error(request, error);
        return NULL;
    }
    for (guint i = rows->len; i--;)
        if (!may_see(request, rows->pdata[i]))
            g_ptr_array_remove_index(rows, i);
    add_derived(request, rows);
    g_ptr_array_sort(rows, by_id);
    return g_steal_pointer(&rows);
}

gboolean gw_shapes_look(GwRequest *request, const char *id, GwFlavor **ret_flavor)
{
    g_autoptr(GPtrArray) all = gw_shapes_all(request);
    *ret_flavor = NULL;
    for (guint i = 0; all && i < all->len; i++)
        if (strcmp(((GwFlavor *)all->pdata[i])->flavor_id, id) == 0)
            *ret_flavor = gw_flavor_copy(all->pdata[i]);
    return all != NULL;
}

GwFlavor *gw_shapes_find(GwRequest *request, const char *id)
{
    GwFlavor *flavor;
    if (gw_shapes_look(request, id, &flavor) && !flavor)
        gw_reply_fault(request, 404, "Flavor %s could not be found.", id);
    return flavor;
}

json_t *gw_shape_specs(const GwFlavor *flavor)
{
    json_t *object = json_object();
    for (guint i = 0; i < flavor->extra_specs->len; i++) {
        const GwMetadatum *spec = flavor->extra_specs->pdata[i];
        json_object_set_new(object, spec->key, gw_json_text(spec->value));
    }
    return object;
}
