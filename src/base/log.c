#include "base/log.h"

#include <stdio.h>

static gint least_level = GW_LOG_INFO;

static const char *const level_names[] = {
    [GW_LOG_DEBUG] = "DEBUG", [GW_LOG_INFO] = "INFO", [GW_LOG_WARNING] = "WARNING", [GW_LOG_ERROR] = "ERROR"};

void gw_log_set_level(GwLogLevel least)
{
    g_atomic_int_set(&least_level, (gint)least);
}

void gw_log(GwLogLevel level, const char *format, ...)
{
    if ((gint)level < g_atomic_int_get(&least_level))
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *stamp = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");
    /* one write per line, so that lines of several threads never mix */
    fprintf(stderr, "%s.%03dZ %s %s\n", stamp, g_date_time_get_microsecond(now) / 1000, level_names[level], message);
}
