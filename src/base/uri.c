#include "base/uri.h"

char *gw_uri_short(const char *uri)
{
    if (!uri || !g_utf8_validate(uri, -1, NULL))
        return g_strdup(uri);
    g_autoptr(GRegex) regex = g_regex_new("([?&]fingerprint=[0-9A-Fa-f:]{8})[^&]+", 0, 0, NULL);
    return g_regex_replace(regex, uri, -1, 0, "\\1…", 0, NULL);
}
