/* Logging: one line per event on standard error, "TIME LEVEL message". Secrets never go here.
 * Thread-safe. Library code returns errors instead of logging them; the caller that decides logs. */
#ifndef GW_BASE_LOG_H
#define GW_BASE_LOG_H

#include <glib.h>

typedef enum { GW_LOG_DEBUG, GW_LOG_INFO, GW_LOG_WARNING, GW_LOG_ERROR } GwLogLevel;

void gw_log_set_level(GwLogLevel least);
void gw_log(GwLogLevel level, const char *format, ...) G_GNUC_PRINTF(2, 3);

#define gw_debug(...) gw_log(GW_LOG_DEBUG, __VA_ARGS__)
#define gw_info(...) gw_log(GW_LOG_INFO, __VA_ARGS__)
#define gw_warning(...) gw_log(GW_LOG_WARNING, __VA_ARGS__)
#define gw_error_log(...) gw_log(GW_LOG_ERROR, __VA_ARGS__)

#endif
