#include "base/error.h"

G_DEFINE_QUARK(gw-error-quark, gw_error)

void gw_error_prefix(GError **error, const char *format, ...)
{
    if (!error || !*error)
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *prefix = g_strdup_vprintf(format, args);
    va_end(args);
    g_prefix_error(error, "%s: ", prefix);
}
