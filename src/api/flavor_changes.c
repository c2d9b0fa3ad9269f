/* Creating, changing and deleting flavors (nova/api/openstack/compute/flavor_manage.py, flavors_extraspecs.py, flavor_access.py;
 * schemas of nova/api/openstack/compute/schemas). */
#include "api/body.h"
#include "api/handlers.h"
#include "api/shapes.h"

#include <string.h>

/* NULL with a fault: not there, or no row that could be changed. */
static GwFlavor *find_row(GwRequest *request)
{
    g_autoptr(GwFlavor) flavor = gw_shapes_find(request, request->args[0]);
    if (flavor && !gw_shape_is_row(flavor)) {
        gw_reply_fault(request, 403, "Flavor %s is the shape of instances that are there: it cannot be changed or deleted. "
                                     "Create a flavor instead", flavor->flavor_id);
        return NULL;
    }
    return g_steal_pointer(&flavor);
}

static gboolean save(GwRequest *request, const GwFlavor *flavor)
{
    g_autoptr(GError) error = NULL;
    if (gw_engine_flavor_update(request->engine, flavor, &error))
        return TRUE;
    gw_reply_error(request, error);
    return FALSE;
}

/* ---- creating */

static const GwBodyRule outer[] = {{"flavor", GW_BODY_OBJECT, GW_BODY_REQUIRED}};

static const GwBodyRule inner[] = {
    {"name", GW_BODY_NAME, GW_BODY_REQUIRED},
    {"id", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"ram", GW_BODY_ANY, GW_BODY_REQUIRED},
    {"vcpus", GW_BODY_ANY, GW_BODY_REQUIRED},
    {"disk", GW_BODY_ANY, GW_BODY_REQUIRED},
    {"OS-FLV-EXT-DATA:ephemeral", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"swap", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"rxtx_factor", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"os-flavor-access:is_public", GW_BODY_BOOLEAN, GW_BODY_OPTIONAL},
    {"description", GW_BODY_ANY, GW_BODY_OPTIONAL, 55},
};

/* A whole number, or one as a string, as Nova takes it. FALSE with a 400. */
static gboolean read_number(GwRequest *request, json_t *body, const char *name, guint64 least, guint64 *ret_number)
{
    json_t *value = json_object_get(body, name);
    const char *text = json_string_value(value);
    guint64 number = 0;
    gboolean ok = json_is_integer(value) && json_integer_value(value) >= 0;
    if (ok)
        number = (guint64)json_integer_value(value);
    else
        ok = text && g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT32, &number, NULL);
    if (!value)
        return TRUE;
    if (ok && number >= least && number <= G_MAXINT32) {
        *ret_number = number;
        return TRUE;
    }
    char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    gw_reply_fault(request, 400, "Invalid input for field/attribute %s. Value: %s. It must be a whole number from %" G_GUINT64_FORMAT
                                 " to %d", name, shown, least, G_MAXINT32);
    free(shown);
    return FALSE;
}

/* FALSE with a 400. "auto" and null make one up, as in Nova. */
static gboolean read_id(GwRequest *request, json_t *body, GwFlavor *flavor)
{
    json_t *value = json_object_get(body, "id");
    const char *text = json_string_value(value);
    gboolean wanted = json_is_integer(value) || (text && strcmp(text, "auto") != 0);
    if (!wanted && (!value || json_is_null(value) || text)) {
        flavor->flavor_id = g_uuid_string_random();
        return TRUE;
    }
    if (wanted)
        flavor->flavor_id = text ? g_strdup(text) : g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (wanted && g_regex_match_simple("^[a-zA-Z0-9_.-](?:[a-zA-Z0-9 _.-]{0,253}[a-zA-Z0-9_.-])?$", flavor->flavor_id,
                                       G_REGEX_DOLLAR_ENDONLY, 0))
        return TRUE;
    gw_reply_fault(request, 400, "Invalid input for field/attribute id. Value: %s. It must be 1 to 255 letters, digits, '.', '_', '-' and "
                                 "blanks within", flavor->flavor_id ? flavor->flavor_id : "neither text nor number");
    return FALSE;
}

/* FALSE with a 400. */
static gboolean read_rxtx(GwRequest *request, json_t *body, GwFlavor *flavor)
{
    json_t *value = json_object_get(body, "rxtx_factor");
    const char *text = json_string_value(value);
    char *end = NULL;
    double number = text ? g_ascii_strtod(text, &end) : json_number_value(value);
    gboolean is_number = json_is_number(value) || (text && *text && !*end);
    if (!value)
        return TRUE;
    if (!is_number || !(number > 0 && number < 1e38)) {
        gw_reply_fault(request, 400, "Invalid input for field/attribute rxtx_factor. It must be a number above 0");
        return FALSE;
    }
    char buffer[G_ASCII_DTOSTR_BUF_SIZE];
    flavor->rxtx_factor = g_strdup(g_ascii_dtostr(buffer, sizeof buffer, number));
    return TRUE;
}

/* Null or a text. FALSE with a 400. */
static gboolean read_description(GwRequest *request, json_t *body, GwFlavor *flavor)
{
    json_t *value = json_object_get(body, "description");
    const char *text = json_string_value(value);
    if (value && !json_is_null(value) && (!text || g_utf8_strlen(text, -1) > 65535)) {
        gw_reply_fault(request, 400, "Invalid input for field/attribute description. It must be null or a text of 65535 characters at most");
        return FALSE;
    }
    g_free(flavor->description);
    flavor->description = g_strdup(text);
    return TRUE;
}

static gboolean read_flavor(GwRequest *request, json_t *body, GwFlavor *flavor)
{
    guint64 vcpus = 0;
    if (!read_number(request, body, "ram", 1, &flavor->memory_mib) || !read_number(request, body, "vcpus", 1, &vcpus) ||
        !read_number(request, body, "disk", 0, &flavor->disk_gib) ||
        !read_number(request, body, "OS-FLV-EXT-DATA:ephemeral", 0, &flavor->ephemeral_gib) ||
        !read_number(request, body, "swap", 0, &flavor->swap_mib) || !read_id(request, body, flavor) ||
        !read_rxtx(request, body, flavor) || !read_description(request, body, flavor))
        return FALSE;
    flavor->name = g_strdup(gw_body_text(body, "name"));
    flavor->vcpus = (guint)vcpus;
    flavor->is_public = !json_object_get(body, "os-flavor-access:is_public") || gw_body_is_true(body, "os-flavor-access:is_public");
    return TRUE;
}

void gw_flavors_create(GwRequest *request)
{
    json_t *body = json_object_get(request->json, "flavor");
    g_autoptr(GwFlavor) flavor = gw_flavor_new();
    g_autoptr(GError) error = NULL;
    if (!GW_BODY_CHECK(request, "body", request->json, outer) || !GW_BODY_CHECK(request, "flavor", body, inner) ||
        !read_flavor(request, body, flavor))
        return;
    if (gw_engine_flavor_add(request->engine, flavor, &error))
        gw_reply_named(request, 200, "flavor", gw_shape_detail(request, flavor));
    else
        gw_reply_error(request, error);
}

/* ---- changing, deleting */

void gw_flavors_update(GwRequest *request)
{
    static const GwBodyRule description[] = {{"description", GW_BODY_ANY, GW_BODY_REQUIRED}};
    json_t *body = json_object_get(request->json, "flavor");
    if (!GW_BODY_CHECK(request, "body", request->json, outer) || !GW_BODY_CHECK(request, "flavor", body, description))
        return;
    g_autoptr(GwFlavor) flavor = find_row(request);
    if (flavor && read_description(request, body, flavor) && save(request, flavor))
        gw_reply_named(request, 200, "flavor", gw_shape_detail(request, flavor));
}

void gw_flavors_delete(GwRequest *request)
{
    g_autoptr(GwFlavor) flavor = find_row(request);
    g_autoptr(GError) error = NULL;
    if (!flavor)
        return;
    if (gw_engine_flavor_remove(request->engine, flavor->flavor_id, &error))
        gw_reply_empty(request, 202);
    else
        gw_reply_error(request, error);
}

/* ---- extra specs */

/* FALSE with a 400: keys of Nova's form, values that are texts or numbers. *ret_text is owned by the caller. */
static gboolean read_spec(GwRequest *request, const char *key, json_t *value, char **ret_text)
{
    gboolean key_fits = g_regex_match_simple("^[a-zA-Z0-9-_:. ]{1,255}$", key, G_REGEX_DOLLAR_ENDONLY, 0);
    gboolean value_fits = json_is_number(value) || (json_is_string(value) && g_utf8_strlen(json_string_value(value), -1) <= 255);
    if (key_fits && value_fits) {
        char *dumped = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
        *ret_text = g_strdup(dumped ? dumped : json_string_value(value));
        free(dumped);
        return TRUE;
    }
    gw_reply_fault(request, 400, "Invalid input for field/attribute extra_specs: '%s': keys are letters, digits, '-', '_', ':', '.' and "
                                 "blanks, values are strings or numbers of 255 characters at most", key);
    return FALSE;
}

static gboolean set_specs(GwRequest *request, GwFlavor *flavor, json_t *specs)
{
    const char *key;
    json_t *value;
    json_object_foreach(specs, key, value) {
        g_autofree char *text = NULL;
        if (!read_spec(request, key, value, &text))
            return FALSE;
        gw_flavor_set_spec(flavor, key, text);
    }
    return TRUE;
}

void gw_flavors_extra_specs_create(GwRequest *request)
{
    static const GwBodyRule rules[] = {{"extra_specs", GW_BODY_OBJECT, GW_BODY_REQUIRED}};
    json_t *specs = json_object_get(request->json, "extra_specs");
    if (!GW_BODY_CHECK(request, "body", request->json, rules))
        return;
    g_autoptr(GwFlavor) flavor = find_row(request);
    if (flavor && set_specs(request, flavor, specs) && save(request, flavor))
        gw_reply_named(request, 200, "extra_specs", json_incref(specs));
}

void gw_flavors_extra_spec_update(GwRequest *request)
{
    const char *key = request->args[1];
    if (json_object_size(request->json) != 1 || !json_object_get(request->json, key)) {
        gw_reply_fault(request, 400, "Request body and URI mismatch: the body must be {\"%s\": VALUE}", key);
        return;
    }
    g_autoptr(GwFlavor) flavor = find_row(request);
    if (flavor && set_specs(request, flavor, request->json) && save(request, flavor))
        gw_reply_json(request, 200, json_incref(request->json));
}

void gw_flavors_extra_spec_delete(GwRequest *request)
{
    const char *key = request->args[1];
    g_autoptr(GwFlavor) flavor = find_row(request);
    if (!flavor)
        return;
    if (!gw_flavor_set_spec(flavor, key, NULL))
        gw_reply_fault(request, 404, "Flavor %s has no extra specs with key %s.", flavor->flavor_id, key);
    else if (save(request, flavor))
        gw_reply_empty(request, 200);
}

/* ---- access */

static void reply_access(GwRequest *request, const GwFlavor *flavor)
{
    json_t *list = json_array();
    for (guint i = 0; i < flavor->projects->len; i++)
        json_array_append_new(list, json_pack("{s:s,s:s}", "flavor_id", flavor->flavor_id, "tenant_id", (char *)flavor->projects->pdata[i]));
    gw_reply_named(request, 200, "flavor_access", list);
}

/* FALSE with a fault. */
static gboolean change_access(GwRequest *request, GwFlavor *flavor, const char *tenant, gboolean add)
{
    guint index;
    gboolean there = g_ptr_array_find_with_equal_func(flavor->projects, tenant, g_str_equal, &index);
    if (add && there)
        gw_reply_fault(request, 409, "Flavor access already exists for flavor %s and project %s combination.", flavor->flavor_id, tenant);
    else if (!add && !there)
        gw_reply_fault(request, 404, "Flavor access not found for %s / %s combination.", flavor->flavor_id, tenant);
    else if (add)
        g_ptr_array_add(flavor->projects, g_strdup(tenant));
    else
        g_ptr_array_remove_index(flavor->projects, index);
    return add != there;
}

void gw_flavors_action(GwRequest *request)
{
    static const GwBodyRule rules[] = {{"tenant", GW_BODY_TEXT_255, GW_BODY_REQUIRED}};
    json_t *body;
    const char *name = gw_body_action(request, &body);
    if (!name)
        return;
    gboolean add = strcmp(name, "addTenantAccess") == 0;
    if (!add && strcmp(name, "removeTenantAccess") != 0) {
        gw_reply_fault(request, 400, "There is no such action: %s", name);
        return;
    }
    if (!GW_BODY_CHECK(request, name, body, rules))
        return;
    g_autoptr(GwFlavor) flavor = find_row(request);
    if (!flavor)
        return;
    if (add && flavor->is_public)
        gw_reply_fault(request, 409, "Can not add access to a public flavor.");
    else if (change_access(request, flavor, gw_body_text(body, "tenant"), add) && save(request, flavor))
        reply_access(request, flavor);
}
