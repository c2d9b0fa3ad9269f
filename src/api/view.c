#include "api/view.h"

#include <time.h>

json_t *gw_view(GwRequest *request, const GwField *fields, gsize count, gconstpointer row)
{
    json_t *out = json_object();
    for (gsize i = 0; i < count; i++) {
        if (request->minor < fields[i].since || (fields[i].until && request->minor > fields[i].until))
            continue;
        json_t *value = fields[i].get(request, row);
        if (value)
            json_object_set_new_nocheck(out, fields[i].name, value);
    }
    return out;
}

json_t *gw_view_list(GwRequest *request, const GwField *fields, gsize count, const GPtrArray *rows)
{
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++)
        json_array_append_new(list, gw_view(request, fields, count, rows->pdata[i]));
    return list;
}

json_t *gw_view_null(GwRequest *request, gconstpointer row)
{
    return json_null();
}

json_t *gw_view_false(GwRequest *request, gconstpointer row)
{
    return json_false();
}

json_t *gw_view_zero(GwRequest *request, gconstpointer row)
{
    return json_integer(0);
}

json_t *gw_view_empty_text(GwRequest *request, gconstpointer row)
{
    return json_string("");
}

json_t *gw_view_empty_list(GwRequest *request, gconstpointer row)
{
    return json_array();
}

json_t *gw_view_empty_object(GwRequest *request, gconstpointer row)
{
    return json_object();
}

json_t *gw_json_text(const char *text)
{
    if (!text)
        return json_null();
    json_t *string = json_string(text);
    if (string)
        return string;
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    return json_string(valid);
}

json_t *gw_json_count(guint64 number)
{
    return json_integer((json_int_t)MIN(number, (guint64)G_MAXINT64));
}

/* strftime, since the lists of servers are full of times: GDateTime takes ten times as long. */
static json_t *format_time(gint64 us, const char *tail)
{
    struct tm parts;
    char text[64];
    time_t seconds = us / G_USEC_PER_SEC;
    if (us <= 0 || !gmtime_r(&seconds, &parts) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts))
        return json_null();
    g_strlcat(text, tail, sizeof text);
    return json_string(text);
}

json_t *gw_json_time_z(gint64 us)
{
    return format_time(us, "Z");
}

json_t *gw_json_time_micro(gint64 us)
{
    char tail[16];
    g_snprintf(tail, sizeof tail, ".%06d", (int)(us % G_USEC_PER_SEC));
    return format_time(us, tail);
}

static json_t *link_to(const char *rel, const char *root, const char *kind, const char *id)
{
    g_autofree char *href = g_strconcat(root, "/", kind, "/", id, NULL);
    json_t *link = json_object();
    json_object_set_new(link, "rel", json_string(rel));
    json_object_set_new(link, "href", gw_json_text(href));
    return link;
}

json_t *gw_json_bookmark(GwRequest *request, const char *kind, const char *id)
{
    return link_to("bookmark", gw_request_bookmark_root(request), kind, id);
}

json_t *gw_json_links(GwRequest *request, const char *kind, const char *id)
{
    json_t *links = json_array();
    json_array_append_new(links, link_to("self", gw_request_root(request), kind, id));
    json_array_append_new(links, gw_json_bookmark(request, kind, id));
    return links;
}

json_t *gw_json_host_id(GwRequest *request, const char *host)
{
    if (!host)
        return json_string("");
    g_autofree char *seed = g_strconcat("admin", host, NULL);
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, seed, -1);
    return json_stringn(hash, 56); /* as long as Nova's */
}

guint64 gw_flavor_disk_gib(const GwInstance *instance)
{
    const GwDisk *disk = instance->disks->len ? instance->disks->pdata[0] : NULL;
    return disk ? (disk->capacity_bytes + (1ull << 30) - 1) >> 30 : 0;
}

char *gw_flavor_id(const GwInstance *instance)
{
    return g_strdup_printf("%uc-%" G_GUINT64_FORMAT "m-%" G_GUINT64_FORMAT "g", instance->vcpus, instance->memory_mib,
                           gw_flavor_disk_gib(instance));
}
