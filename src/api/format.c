/* Small shapes that several views share. */
#include "api/request.h"

static json_t *format_time(gint64 us, const char *format)
{
    if (us <= 0)
        return json_null();
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(us / G_USEC_PER_SEC);
    g_autofree char *text = g_date_time_format(time, format);
    return json_string(text);
}

json_t *gw_format_time_z(gint64 us)
{
    return format_time(us, "%Y-%m-%dT%H:%M:%SZ");
}

json_t *gw_format_time_micro(gint64 us)
{
    g_autofree char *format = g_strdup_printf("%%Y-%%m-%%dT%%H:%%M:%%S.%06d", (int)(us % G_USEC_PER_SEC));
    return format_time(us, format);
}

gboolean gw_parse_time(const char *text, gint64 *ret_us)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, utc);
    if (!time)
        return FALSE;
    *ret_us = g_date_time_to_unix(time) * G_USEC_PER_SEC + g_date_time_get_microsecond(time);
    return TRUE;
}

json_t *gw_links(const char *root, const char *base, const char *kind, const char *id)
{
    g_autofree char *self = g_strdup_printf("%s/%s/%s", root, kind, id);
    g_autofree char *bookmark = g_strdup_printf("%s/%s/%s", base, kind, id);
    return json_pack("[{s:s,s:s},{s:s,s:s}]", "rel", "self", "href", self, "rel", "bookmark", "href", bookmark);
}

/* Godwit adopts instances that no flavor made: each shape is its own, with an id that says what it is. */
char *gw_flavor_id(guint vcpus, guint64 memory_mib, guint64 disk_gib)
{
    return g_strdup_printf("%uc-%" G_GUINT64_FORMAT "m-%" G_GUINT64_FORMAT "g", vcpus, memory_mib, disk_gib);
}

guint64 gw_instance_disk_gib(const GwInstance *instance)
{
    const GwDisk *disk = instance->disks->len ? instance->disks->pdata[0] : NULL;
    return disk ? (disk->capacity_bytes + (1ull << 30) - 1) >> 30 : 0;
}
