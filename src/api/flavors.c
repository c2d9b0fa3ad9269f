/* Reading flavors (nova/api/openstack/compute/views/flavors.py). */
#include "api/handlers.h"
#include "api/query.h"
#include "api/routes.h"
#include "api/shapes.h"

#include <string.h>

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)
#define FLAVOR ((const GwFlavor *)row)

FIELD(id)
{
    return gw_json_text(FLAVOR->flavor_id);
}

FIELD(name)
{
    return gw_json_text(FLAVOR->name);
}

FIELD(ram)
{
    return gw_json_count(FLAVOR->memory_mib);
}

FIELD(disk)
{
    return gw_json_count(FLAVOR->disk_gib);
}

FIELD(ephemeral)
{
    return gw_json_count(FLAVOR->ephemeral_gib);
}

FIELD(vcpus)
{
    return json_integer(FLAVOR->vcpus);
}

FIELD(old_swap)
{
    return FLAVOR->swap_mib ? gw_json_count(FLAVOR->swap_mib) : json_string("");
}

FIELD(swap)
{
    return gw_json_count(FLAVOR->swap_mib);
}

FIELD(is_public)
{
    return json_boolean(FLAVOR->is_public);
}

FIELD(rxtx)
{
    return json_real(FLAVOR->rxtx_factor ? g_ascii_strtod(FLAVOR->rxtx_factor, NULL) : 1.0);
}

FIELD(links)
{
    return gw_json_links(request, "flavors", FLAVOR->flavor_id);
}

FIELD(description)
{
    return gw_json_text(FLAVOR->description);
}

FIELD(specs)
{
    return gw_shape_specs(FLAVOR);
}

static const GwField brief[] = {
    {"id", id},
    {"name", name},
    {"links", links},
    {"description", description, 55},
};

static const GwField detail[] = {
    {"id", id},
    {"name", name},
    {"ram", ram},
    {"disk", disk},
    {"vcpus", vcpus},
    {"swap", old_swap, 0, 74},
    {"swap", swap, 75},
    {"OS-FLV-EXT-DATA:ephemeral", ephemeral},
    {"OS-FLV-DISABLED:disabled", gw_view_false},
    {"os-flavor-access:is_public", is_public},
    {"rxtx_factor", rxtx},
    {"links", links},
    {"description", description, 55},
    {"extra_specs", specs, 61},
};

json_t *gw_shape_detail(GwRequest *request, const GwFlavor *flavor)
{
    return GW_VIEW(request, detail, flavor);
}

/* ---- which */

static const GwQueryRule rules[] = {
    {"limit", GW_QUERY_NUMBER},  {"marker", GW_QUERY_TEXT},   {"is_public", GW_QUERY_TEXT}, {"minRam", GW_QUERY_NUMBER},
    {"minDisk", GW_QUERY_NUMBER}, {"sort_key", GW_QUERY_TEXT}, {"sort_dir", GW_QUERY_TEXT},
};

static guint64 number_of(GwRequest *request, const char *parameter)
{
    const char *text = gw_query_text(request, parameter);
    return text ? g_ascii_strtoull(text, NULL, 10) : 0;
}

typedef enum { SHOW_PUBLIC, SHOW_PRIVATE, SHOW_ALL } Which;

/* FALSE with a fault: "is_public" is a boolean or "None", which asks for all. Only administrators may ask for others than those
 * that they have anyway (nova/api/openstack/compute/flavors.py, _get_flavors). */
static gboolean read_public(GwRequest *request, Which *ret_which)
{
    gboolean is_true = TRUE;
    const char *text = gw_query_text(request, "is_public");
    gboolean all = text && g_ascii_strcasecmp(text, "none") == 0;
    if (text && !all && !gw_parse_boolean(text, &is_true)) {
        gw_reply_fault(request, 400, "Invalid is_public filter [%s]", text);
        return FALSE;
    }
    gboolean everything = all || request->role < GW_ROLE_ADMIN; /* private ones that he may not see are left out already */
    *ret_which = everything ? SHOW_ALL : is_true ? SHOW_PUBLIC : SHOW_PRIVATE;
    return TRUE;
}

static gboolean is_wanted(GwRequest *request, const GwFlavor *flavor, Which which)
{
    return (which == SHOW_ALL || flavor->is_public == (which == SHOW_PUBLIC)) && flavor->memory_mib >= number_of(request, "minRam") &&
           flavor->disk_gib >= number_of(request, "minDisk");
}

/* The index after the marker's, or -1 with a fault. */
static gint start_of(GwRequest *request, const GPtrArray *flavors)
{
    const char *marker = gw_query_text(request, "marker");
    if (!marker)
        return 0;
    for (guint i = 0; i < flavors->len; i++)
        if (strcmp(((GwFlavor *)flavors->pdata[i])->flavor_id, marker) == 0)
            return (gint)i + 1;
    gw_reply_fault(request, 400, "marker [%s] not found", marker);
    return -1;
}

static void reply_list(GwRequest *request, const GwField *fields, gsize count, const char *path)
{
    Which which;
    if (!GW_QUERY_CHECK(request, rules, 75) || !read_public(request, &which))
        return;
    g_autoptr(GPtrArray) flavors = gw_shapes_all(request);
    gint start = flavors ? start_of(request, flavors) : -1;
    if (start < 0)
        return;
    guint limit = gw_query_limit(request);
    json_t *list = json_array();
    json_t *body = json_object();
    const GwFlavor *last = NULL;
    for (guint i = (guint)start; i < flavors->len && json_array_size(list) < limit; i++) {
        const GwFlavor *flavor = flavors->pdata[i];
        if (!is_wanted(request, flavor, which))
            continue;
        last = flavor;
        json_array_append_new(list, gw_view(request, fields, count, flavor));
    }
    json_object_set_new(body, "flavors", list);
    if (last && json_array_size(list) == limit)
        json_object_set_new(body, "flavors_links", gw_query_next(request, path, last->flavor_id));
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

void gw_flavors_show(GwRequest *request)
{
    g_autoptr(GwFlavor) flavor = gw_shapes_find(request, request->args[0]);
    if (flavor)
        gw_reply_named(request, 200, "flavor", gw_shape_detail(request, flavor));
}

void gw_flavors_extra_specs(GwRequest *request)
{
    g_autoptr(GwFlavor) flavor = gw_shapes_find(request, request->args[0]);
    if (flavor)
        gw_reply_named(request, 200, "extra_specs", gw_shape_specs(flavor));
}

void gw_flavors_extra_spec(GwRequest *request)
{
    const char *key = request->args[1];
    g_autoptr(GwFlavor) flavor = gw_shapes_find(request, request->args[0]);
    const char *value = flavor ? gw_flavor_spec(flavor, key) : NULL;
    if (value)
        gw_reply_named(request, 200, key, gw_json_text(value));
    else if (flavor)
        gw_reply_fault(request, 404, "Flavor %s has no extra specs with key %s.", request->args[0], key);
}

void gw_flavors_access(GwRequest *request)
{
    g_autoptr(GwFlavor) flavor = gw_shapes_find(request, request->args[0]);
    if (!flavor)
        return;
    if (flavor->is_public) {
        gw_reply_fault(request, 404, "Access list not available for public flavors.");
        return;
    }
    json_t *list = json_array();
    for (guint i = 0; i < flavor->projects->len; i++)
        json_array_append_new(list, json_pack("{s:s,s:s}", "flavor_id", flavor->flavor_id, "tenant_id", (char *)flavor->projects->pdata[i]));
    gw_reply_named(request, 200, "flavor_access", list);
}
