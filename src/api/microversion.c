#include "api/microversion.h"

#include <string.h>

/* "compute 2.30", alone or in a list with other services; the last one counts, as in Nova. NULL: not for us. */
static char *standard_version(const char *header)
{
    g_auto(GStrv) parts = g_strsplit(header, ",", -1);
    for (guint i = g_strv_length(parts); i > 0; i--) {
        const char *part = g_strstrip(parts[i - 1]);
        if (g_ascii_strncasecmp(part, "compute ", 8) == 0)
            return g_strstrip(g_strdup(part + 8));
    }
    return NULL;
}

/* The new header wins over the old one. */
static char *asked_version(const GwRequest *request)
{
    const char *standard = request->headers[GW_HEADER_VERSION];
    const char *old = request->headers[GW_HEADER_NOVA_VERSION];
    char *version = standard ? standard_version(standard) : NULL;
    if (version || !old)
        return version;
    const char *comma = strrchr(old, ',');
    return g_strstrip(g_strdup(comma ? comma + 1 : old));
}

/* No sign, no leading zero. NULL: there is none; else what follows. By hand, since every request has one: a regular expression, made anew
 * each time, took longer than everything else about the answer of a small one. */
static const char *parse_number(const char *text, guint64 *ret_number)
{
    enum { MOST_DIGITS = 9 };
    gsize digits = strspn(text, "0123456789");
    if (!digits || digits > MOST_DIGITS || (*text == '0' && digits > 1))
        return NULL;
    *ret_number = g_ascii_strtoull(text, NULL, 10);
    return text + digits;
}

/* As in "2.30". */
static gboolean parse(const char *text, guint64 *ret_major, guint64 *ret_minor)
{
    const char *dot = parse_number(text, ret_major);
    const char *end = dot && *dot == '.' && *ret_major ? parse_number(dot + 1, ret_minor) : NULL;
    return end && !*end;
}

gboolean gw_microversion_take(GwRequest *request)
{
    guint64 major, minor;
    g_autofree char *text = asked_version(request);
    if (!text)
        return TRUE;
    if (strcmp(text, "latest") == 0) {
        request->minor = GW_API_MAX_MINOR;
        return TRUE;
    }
    if (!parse(text, &major, &minor)) {
        gw_reply_fault(request, 400, "API Version String %s is of invalid format. Must be of format MajorNum.MinorNum.",
                       text);
        return FALSE;
    }
    if (major != 2 || minor < GW_API_MIN_MINOR || minor > GW_API_MAX_MINOR) {
        gw_reply_fault(request, 406, "Version %s is not supported by the API. Minimum is 2.%d and maximum is 2.%d.",
                       text, GW_API_MIN_MINOR, GW_API_MAX_MINOR);
        return FALSE;
    }
    request->minor = (guint)minor;
    return TRUE;
}

void gw_microversion_tell(GwRequest *request)
{
    char standard[24];
    g_snprintf(standard, sizeof standard, "compute 2.%u", request->minor);
    gw_reply_header(request, "OpenStack-API-Version", standard);
    gw_reply_header(request, "X-OpenStack-Nova-API-Version", strchr(standard, ' ') + 1);
    gw_reply_header(request, "Vary", "OpenStack-API-Version");
    gw_reply_header(request, "Vary", "X-OpenStack-Nova-API-Version");
}
