/* --deadline: how long from now, or a time of day. */
#include "cli/drains.h"

/* "90m" and the like: seconds; 0: it is none. */
static gint64 seconds_of(const char *text)
{
    static const struct {
        char unit;
        gint64 seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}};
    char *end = NULL;
    guint64 count = g_ascii_isdigit(*text) ? g_ascii_strtoull(text, &end, 10) : 0;
    for (guint i = 0; end && i < G_N_ELEMENTS(units); i++)
        if (*end == units[i].unit && !end[1] && count <= 1000 * 3600)
            return (gint64)count * units[i].seconds;
    return 0;
}

/* "05:30": seconds until this machine's clock shows that for the next time; 0: it is no such thing. */
static gint64 seconds_until(const char *text)
{
    enum { DAY_S = 86400 };
    g_auto(GStrv) parts = g_strsplit(text, ":", 3);
    guint64 hour, minute;
    if (g_strv_length(parts) != 2 || !g_ascii_string_to_unsigned(parts[0], 10, 0, 23, &hour, NULL) ||
        !g_ascii_string_to_unsigned(parts[1], 10, 0, 59, &minute, NULL))
        return 0;
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    gint64 of_day = g_date_time_get_hour(now) * 3600 + g_date_time_get_minute(now) * 60 + g_date_time_get_second(now);
    gint64 wait = (gint64)(hour * 3600 + minute * 60) - of_day;
    return wait > 0 ? wait : wait + DAY_S;
}

gboolean gw_take_deadline(const GwArguments *arguments, json_t *body, GError **error)
{
    const char *text = gw_arguments_option(arguments, "deadline");
    gint64 seconds = text ? seconds_of(text) : 0;
    if (text && !seconds)
        seconds = seconds_until(text);
    if (text && !seconds)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "--deadline is '%s': write how long from now (90s, 45m, 2h) or a time of day (05:30).", text);
    if (seconds)
        json_object_set_new(body, "deadline_s", json_integer(seconds));
    return !text || seconds;
}
