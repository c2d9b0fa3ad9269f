#include "core/inbound.h"

#include <string.h>

static gboolean is_address(const char *text)
{
    for (const char *at = text; *at; at++)
        if (!g_ascii_isalnum(*at) && !strchr(".:-_", *at))
            return FALSE;
    return *text != '\0';
}

/* Of "NAME=ADDRESS" the address when NAME is host's; else NULL. */
static char *paired(const char *entry, const char *host)
{
    const char *equals = strchr(entry, '=');
    if (!equals || (size_t)(equals - entry) != strlen(host) || g_ascii_strncasecmp(entry, host, strlen(host)) != 0)
        return NULL;
    return g_strdup(equals + 1);
}

static char *filled(const char *entry, const char *host)
{
    const char *mark = strstr(entry, "%s");
    return mark && !strchr(entry, '=') ? g_strdup_printf("%.*s%s%s", (int)(mark - entry), entry, host, mark + 2) : NULL;
}

char *gw_inbound_address(const char *setting, const char *host)
{
    g_auto(GStrv) entries = g_strsplit(setting ? setting : "", ",", -1);
    g_autofree char *others = NULL;
    for (guint i = 0; entries[i]; i++) {
        char *found = paired(g_strstrip(entries[i]), host);
        if (found)
            return found;
        if (!others)
            others = filled(entries[i], host);
    }
    return g_steal_pointer(&others);
}

static gboolean is_pair(const char *entry)
{
    const char *equals = strchr(entry, '=');
    return equals && equals > entry && is_address(equals + 1);
}

static gboolean is_template(const char *entry)
{
    g_auto(GStrv) parts = g_strsplit(entry, "%s", -1);
    g_autofree char *rest = g_strjoinv("", parts);
    return g_strv_length(parts) == 2 && (!*rest || is_address(rest));
}

char *gw_inbound_problem(const char *setting)
{
    g_auto(GStrv) entries = g_strsplit(setting, ",", -1);
    guint templates = 0;
    for (guint i = 0; entries[i]; i++) {
        const char *entry = g_strstrip(entries[i]);
        templates += is_template(entry);
        if (!is_pair(entry) && !is_template(entry))
            return g_strdup_printf("'%s' is neither HOST=ADDRESS nor a name with one %%s; write some, with commas between them, such as "
                                   "HostB=10.1.0.2, %%s.mig.example.org", entry);
    }
    return templates > 1 ? g_strdup("has more than one name with %s; keep one, for all hosts that have no HOST=ADDRESS") : NULL;
}
