#include "cli/text.h"

#include <string.h>

const char gw_text_no_hosts[] = "No hosts yet. Add one by its address: godwit host-add HostA qemu+tls://HostA/system (libvirt), or "
                                "xapi://root@MASTER/HostA (XenServer)";

char *gw_text_clean(const char *text)
{
    if (!text)
        return g_strdup("-");
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *clean = g_string_new(NULL);
    for (const char *c = valid; *c; c = g_utf8_next_char(c)) {
        gunichar letter = g_utf8_get_char(c);
        GUnicodeType type = g_unichar_type(letter);
        if (letter == '\n' || letter == '\t')
            g_string_append_c(clean, ' ');
        else if (type == G_UNICODE_CONTROL || type == G_UNICODE_FORMAT || type == G_UNICODE_LINE_SEPARATOR ||
                 type == G_UNICODE_PARAGRAPH_SEPARATOR)
            g_string_append_c(clean, '?');
        else
            g_string_append_unichar(clean, letter);
    }
    return g_string_free(clean, FALSE);
}

static guint letter_width(gunichar letter)
{
    return g_unichar_iszerowidth(letter) ? 0 : g_unichar_iswide(letter) ? 2 : 1;
}

guint gw_text_width(const char *text)
{
    guint width = 0;
    for (; *text; text = g_utf8_next_char(text))
        width += letter_width(g_utf8_get_char(text));
    return width;
}

char *gw_text_fit(const char *text, guint columns)
{
    guint width = 0;
    const char *end = text;
    while (*end && width + letter_width(g_utf8_get_char(end)) <= columns) {
        width += letter_width(g_utf8_get_char(end));
        end = g_utf8_next_char(end);
    }
    return g_strndup(text, (gsize)(end - text));
}

char *gw_text_bytes(guint64 bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    if (bytes < 1024)
        return g_strdup_printf("%u B", (guint)bytes);
    double value = (double)bytes / 1024;
    guint unit = 0;
    for (; value >= 1023.5 && unit + 1 < G_N_ELEMENTS(units); unit++)
        value /= 1024;
    return g_strdup_printf(value >= 99.95 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

char *gw_text_duration(guint64 ms)
{
    double seconds = (double)ms / 1000;
    if (ms < 9995)
        return g_strdup_printf("%.2f s", seconds);
    if (ms < 59950)
        return g_strdup_printf("%.1f s", seconds);
    guint64 whole = (ms + 500) / 1000;
    if (whole < 3600)
        return g_strdup_printf("%u min %02u s", (guint)(whole / 60), (guint)(whole % 60));
    return g_strdup_printf("%" G_GUINT64_FORMAT " h %02u min", whole / 3600, (guint)(whole / 60 % 60));
}

char *gw_text_ago(const char *iso)
{
    enum { MANY_H = 48 };
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) then = iso ? g_date_time_new_from_iso8601(iso, utc) : NULL, now = g_date_time_new_now_utc();
    if (!then)
        return g_strdup("never");
    gint64 us = MAX(g_date_time_difference(now, then), 0);
    if (us >= MANY_H * G_TIME_SPAN_HOUR)
        return g_strdup_printf("%" G_GINT64_FORMAT " days ago", (gint64)(us / G_TIME_SPAN_DAY));
    g_autofree char *age = gw_text_duration((guint64)us / 1000);
    return g_strconcat(age, " ago", NULL);
}

char *gw_text_time(const char *iso)
{
    g_autofree char *clean = gw_text_clean(iso);
    if (strlen(clean) < 19 || clean[10] != 'T')
        return g_steal_pointer(&clean);
    clean[10] = ' ';
    clean[19] = '\0';
    return g_steal_pointer(&clean);
}

/* ---- refusals */

static void add_reason(GPtrArray *reasons, const char *start, gsize length)
{
    g_autofree char *piece = g_strndup(start, length);
    g_strstrip(piece);
    if (*piece)
        g_ptr_array_add(reasons, g_strdup(piece));
}

/* "Fact (why); remedy: what to do. Fact (why); remedy: what to do." */
static void split_findings(GPtrArray *reasons, const char *text)
{
    for (const char *remedy; (remedy = strstr(text, "; remedy: ")) != NULL;) {
        const char *end = strstr(remedy, ". ");
        if (!end)
            break;
        add_reason(reasons, text, (gsize)(end + 1 - text));
        text = end + 2;
    }
    add_reason(reasons, text, strlen(text));
}

/* Where the reasons begin; NULL when the text is one sentence. */
static const char *find_reasons(const char *text)
{
    static const char none[] = "No valid host was found. ";
    const char *cannot = strstr(text, " cannot move to ");
    const char *nowhere = strstr(text, none);
    if (nowhere && (!cannot || nowhere < cannot))
        return nowhere + strlen(none);
    const char *colon = cannot ? strstr(cannot, ": ") : NULL;
    if (colon)
        return colon + 2;
    const char *newline = strchr(text, '\n');
    return newline ? newline + 1 : NULL;
}

char *gw_text_refusal(const char *text, GStrv *ret_reasons)
{
    g_autoptr(GPtrArray) reasons = g_ptr_array_new();
    const char *rest = find_reasons(text);
    g_autofree char *head = rest ? g_strndup(text, (gsize)(rest - text)) : g_strdup(text);
    g_autofree char *lines = rest ? g_strdup(rest) : g_strdup("");
    g_auto(GStrv) by_line = g_strsplit(lines, "\n", -1);
    for (guint i = 0; by_line[i]; i++) {
        g_auto(GStrv) by_host = g_strsplit(by_line[i], " | ", -1);
        for (guint k = 0; by_host[k]; k++)
            split_findings(reasons, by_host[k]);
    }
    g_strchomp(head);
    gsize length = strlen(head);
    if (reasons->len > 0 && length > 0 && strchr(":.", head[length - 1]))
        head[length - 1] = '\0';
    g_ptr_array_add(reasons, NULL);
    *ret_reasons = (GStrv)g_ptr_array_free(g_steal_pointer(&reasons), FALSE);
    return g_steal_pointer(&head);
}

/* ---- typing errors */

/* Insertions, deletions, changes, and swaps of neighbours (Damerau-Levenshtein, restricted). */
static guint distance(const char *a, const char *b)
{
    enum { MOST = 64 };
    gsize rows = MIN(strlen(a), MOST - 1), columns = MIN(strlen(b), MOST - 1);
    guint cost[MOST][MOST];
    for (guint i = 0; i <= rows; i++)
        cost[i][0] = i;
    for (guint k = 0; k <= columns; k++)
        cost[0][k] = k;
    for (guint i = 1; i <= rows; i++)
        for (guint k = 1; k <= columns; k++) {
            guint change = cost[i - 1][k - 1] + (a[i - 1] != b[k - 1]);
            cost[i][k] = MIN(change, MIN(cost[i - 1][k], cost[i][k - 1]) + 1);
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                cost[i][k] = MIN(cost[i][k], cost[i - 2][k - 2] + 1);
        }
    return cost[rows][columns];
}

/* "abort" is nearer to "live-migration-abort" than to a word that shares letters with it. */
static gboolean is_last_part(const char *candidate, const char *word)
{
    gsize length = strlen(candidate), part = strlen(word);
    return part && length > part && candidate[length - part - 1] == '-' && strcmp(candidate + length - part, word) == 0;
}

char *gw_text_word(const char *name)
{
    gboolean plain = *name && strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "._-") == strlen(name);
    return plain ? g_strdup(name) : g_shell_quote(name);
}

const char *gw_text_nearest(const char *word, const char *const *candidates)
{
    const char *best = NULL;
    guint best_distance = (guint)MAX(2, strlen(word) / 3) + 1;
    for (guint i = 0; candidates[i]; i++) {
        guint here = is_last_part(candidates[i], word) ? 1 : distance(word, candidates[i]);
        if (here < best_distance) {
            best = candidates[i];
            best_distance = here;
        }
    }
    for (guint i = 0; !best && *word && candidates[i]; i++)
        if (strstr(candidates[i], word))
            best = candidates[i];
    return best;
}
