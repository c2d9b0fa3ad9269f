/* Images: what clients ask an image service (Glance's API v2, as far as they need it to name an image) and the Compute API's old
 * proxy of it (until 2.35). */
#include "api/handlers.h"
#include "api/query.h"
#include "api/view.h"

#include <string.h>

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)
#define IMAGE ((const GwImage *)row)
#define MEBIBYTE (1ull << 20)
#define GIBIBYTE (1ull << 30)

FIELD(id)
{
    return json_string(IMAGE->id);
}

FIELD(name)
{
    return gw_json_text(IMAGE->name);
}

FIELD(size)
{
    return gw_json_count(IMAGE->file_bytes);
}

FIELD(virtual_size)
{
    return IMAGE->problem ? json_null() : gw_json_count(IMAGE->virtual_bytes);
}

/* In whole GiB: the smallest flavor's disk that the image fits on. */
FIELD(min_disk)
{
    return gw_json_count((IMAGE->virtual_bytes + GIBIBYTE - 1) / GIBIBYTE);
}

FIELD(time_z)
{
    return gw_json_time_z(IMAGE->updated_us);
}

/* ---- as Glance shows them */

FIELD(status)
{
    return json_string(IMAGE->problem ? "deactivated" : "active");
}

FIELD(format)
{
    return json_string(IMAGE->format);
}

FIELD(bare)
{
    return json_string("bare");
}

FIELD(visibility)
{
    return json_string("public");
}

FIELD(self)
{
    g_autofree char *path = g_strconcat("/v2/images/", IMAGE->id, NULL);
    return json_string(path);
}

FIELD(file)
{
    g_autofree char *path = g_strconcat("/v2/images/", IMAGE->id, "/file", NULL);
    return json_string(path);
}

FIELD(schema)
{
    return json_string("/v2/schemas/image");
}

FIELD(owner)
{
    return json_string("admin");
}

FIELD(problem)
{
    return IMAGE->problem ? gw_json_text(IMAGE->problem) : NULL;
}

static const GwField glance_fields[] = {
    {"id", id},
    {"name", name},
    {"status", status},
    {"disk_format", format},
    {"container_format", bare},
    {"size", size},
    {"virtual_size", virtual_size},
    {"min_disk", min_disk},
    {"min_ram", gw_view_zero},
    {"visibility", visibility},
    {"protected", gw_view_false},
    {"os_hidden", gw_view_false},
    {"owner", owner},
    {"tags", gw_view_empty_list},
    {"checksum", gw_view_null},
    {"os_hash_algo", gw_view_null},
    {"os_hash_value", gw_view_null},
    {"created_at", time_z},
    {"updated_at", time_z},
    {"self", self},
    {"file", file},
    {"schema", schema},
    {"godwit_problem", problem},
};

void gw_images_versions(GwRequest *request)
{
    g_autofree char *url = g_strconcat(gw_request_base(request), "/image/v2/", NULL);
    gw_reply_json(request, 300,
                  json_pack("{s:[{s:s,s:s,s:[{s:s,s:s}]}]}", "versions", "id", "v2.9", "status", "CURRENT", "links", "rel", "self",
                            "href", url));
}

static gboolean equals(GwRequest *request, const char *parameter, const char *value)
{
    const char *text = gw_query_text(request, parameter);
    return !text || strcmp(text, value) == 0;
}

static gboolean is_wanted(GwRequest *request, const GwImage *image)
{
    const char *id_text = gw_query_text(request, "id");
    g_auto(GStrv) ids = id_text && g_str_has_prefix(id_text, "in:") ? g_strsplit(id_text + 3, ",", -1) : NULL;
    gboolean id_fits = ids ? g_strv_contains((const char *const *)ids, image->id) : equals(request, "id", image->id);
    const char *hidden = gw_query_text(request, "os_hidden");
    return id_fits && equals(request, "name", image->name) && equals(request, "disk_format", image->format) &&
           equals(request, "status", image->problem ? "deactivated" : "active") && equals(request, "visibility", "public") &&
           (!hidden || g_ascii_strcasecmp(hidden, "false") == 0);
}

static guint start_of(GwRequest *request, const GPtrArray *images)
{
    const char *marker = gw_query_text(request, "marker");
    for (guint i = 0; marker && i < images->len; i++)
        if (strcmp(((GwImage *)images->pdata[i])->id, marker) == 0)
            return i + 1;
    return 0;
}

/* Appends the views of those that are wanted; the id of the last when there may be more, else NULL. */
static const char *list_images(GwRequest *request, const GPtrArray *images, const GwField *fields, gsize count, json_t *list)
{
    guint limit = gw_query_limit(request);
    for (guint i = start_of(request, images); i < images->len; i++) {
        const GwImage *image = images->pdata[i];
        if (!is_wanted(request, image))
            continue;
        json_array_append_new(list, gw_view(request, fields, count, image));
        if (json_array_size(list) == limit)
            return image->id;
    }
    return NULL;
}

void gw_images_list(GwRequest *request)
{
    g_autoptr(GPtrArray) images = gw_engine_images(request->engine);
    json_t *list = json_array();
    const char *last = list_images(request, images, glance_fields, G_N_ELEMENTS(glance_fields), list);
    json_t *body = json_pack("{s:o,s:s,s:s}", "images", list, "first", "/v2/images", "schema", "/v2/schemas/images");
    if (last) {
        g_autofree char *next = g_strdup_printf("/v2/images?limit=%u&marker=%s", gw_query_limit(request), last);
        json_object_set_new(body, "next", json_string(next));
    }
    gw_reply_json(request, 200, body);
}

/* Glance's faults are pages of HTML; clients read the status alone. */
static GwImage *find(GwRequest *request)
{
    GwImage *image = gw_engine_image(request->engine, request->args[0]);
    if (!image)
        gw_reply_fault(request, 404, "Image %s could not be found.", request->args[0]);
    return image;
}

void gw_images_show(GwRequest *request)
{
    g_autoptr(GwImage) image = find(request);
    if (image)
        gw_reply_json(request, 200, GW_VIEW(request, glance_fields, image));
}

/* ---- as the Compute API showed them (nova/api/openstack/compute/views/images.py) */

FIELD(nova_status)
{
    return json_string(IMAGE->problem ? "UNKNOWN" : "ACTIVE");
}

FIELD(progress)
{
    return json_integer(IMAGE->problem ? 0 : 100);
}

FIELD(links)
{
    json_t *list = gw_json_links(request, "images", IMAGE->id);
    g_autofree char *href = g_strconcat(gw_request_base(request), "/image/images/", IMAGE->id, NULL);
    json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "rel", "alternate", "type", "application/vnd.openstack.image", "href", href));
    return list;
}

static const GwField brief[] = {{"id", id}, {"name", name}, {"links", links}};

static const GwField detail[] = {
    {"id", id},
    {"name", name},
    {"minRam", gw_view_zero},
    {"minDisk", min_disk},
    {"metadata", gw_view_empty_object},
    {"created", time_z},
    {"updated", time_z},
    {"status", nova_status},
    {"progress", progress},
    {"OS-EXT-IMG-SIZE:size", size},
    {"links", links},
};

static const GwQueryRule proxy_rules[] = {
    {"limit", GW_QUERY_NUMBER}, {"marker", GW_QUERY_TEXT}, {"name", GW_QUERY_TEXT},
};

static void reply_proxy(GwRequest *request, const GwField *fields, gsize count, const char *path)
{
    if (!GW_QUERY_CHECK(request, proxy_rules, 0))
        return;
    g_autoptr(GPtrArray) images = gw_engine_images(request->engine);
    json_t *list = json_array();
    const char *last = list_images(request, images, fields, count, list);
    json_t *body = json_pack("{s:o}", "images", list);
    if (last)
        json_object_set_new(body, "images_links", gw_query_next(request, path, last));
    gw_reply_json(request, 200, body);
}

void gw_compute_images_list(GwRequest *request)
{
    reply_proxy(request, brief, G_N_ELEMENTS(brief), "images");
}

void gw_compute_images_detail(GwRequest *request)
{
    reply_proxy(request, detail, G_N_ELEMENTS(detail), "images/detail");
}

void gw_compute_images_show(GwRequest *request)
{
    g_autoptr(GwImage) image = find(request);
    if (image)
        gw_reply_named(request, 200, "image", GW_VIEW(request, detail, image));
}

void gw_compute_images_metadata(GwRequest *request)
{
    g_autoptr(GwImage) image = find(request);
    if (image)
        gw_reply_named(request, 200, "metadata", json_object());
}
