#include "api/basic.h"

#include <string.h>

gboolean gw_basic_split(const char *header, char **ret_user, char **ret_password)
{
    if (g_ascii_strncasecmp(header, "Basic ", 6) != 0)
        return FALSE;
    gsize size;
    g_autofree guchar *plain = g_base64_decode(header + 6, &size);
    g_autofree char *text = g_strndup((const char *)plain, size);
    char *colon = strchr(text, ':');
    gboolean good = colon && strlen(text) == size && g_utf8_validate(text, -1, NULL);
    if (good) {
        *ret_user = g_strndup(text, (gsize)(colon - text));
        *ret_password = g_strdup(colon + 1);
    }
    explicit_bzero(text, strlen(text));
    explicit_bzero(plain, size);
    return good;
}
