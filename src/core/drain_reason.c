#include "core/drain_reason.h"

#include <string.h>

static const char before_mark[] = "; disabled before";

static char *words_of(gint64 id, GwDrained how)
{
    switch (how) {
    case GW_DRAINED:
        return g_strdup_printf("drained (drain %" G_GINT64_FORMAT ")", id);
    case GW_DRAINED_IN_PART:
        return g_strdup_printf("drain %" G_GINT64_FORMAT " was incomplete", id);
    case GW_DRAINED_NO_FURTHER:
        break;
    }
    return g_strdup_printf("drain %" G_GINT64_FORMAT " was cancelled", id);
}

/* What follows a drain's words; NULL: they are no drain's. */
static const char *after_words(const char *reason)
{
    static GRegex *words;
    if (g_once_init_enter(&words))
        g_once_init_leave(&words, g_regex_new("^(drained \\(drain [0-9]+\\)|drain [0-9]+ was (incomplete|cancelled))", 0, 0, NULL));
    g_autoptr(GMatchInfo) match = NULL;
    int end = 0;
    if (!reason || !g_regex_match(words, reason, 0, &match) || !g_match_info_fetch_pos(match, 0, NULL, &end))
        return NULL;
    const char *rest = reason + end;
    return !*rest || g_str_has_prefix(rest, before_mark) ? rest : NULL;
}

char *gw_drain_reason(gint64 id, GwDrained how, GwBeforeDrain before, const char *present)
{
    g_autofree char *words = words_of(id, how);
    const char *rest = after_words(present);
    if (before == GW_BEFORE_ENABLED)
        return g_steal_pointer(&words);
    if (rest)
        return g_strconcat(words, rest, NULL);
    return g_strconcat(words, before_mark, present && *present ? ": " : NULL, present, NULL);
}

gboolean gw_drain_reason_is_of(const char *reason, gint64 id)
{
    for (int how = GW_DRAINED; reason && how <= GW_DRAINED_NO_FURTHER; how++) {
        g_autofree char *words = words_of(id, (GwDrained)how);
        const char *rest = after_words(reason);
        if (rest && g_str_has_prefix(reason, words) && (gsize)(rest - reason) == strlen(words))
            return TRUE;
    }
    return FALSE;
}

GwBeforeDrain gw_drain_reason_before(const char *reason, char **ret_reason)
{
    const char *rest = after_words(reason);
    *ret_reason = NULL;
    if (!rest || !*rest)
        return GW_BEFORE_ENABLED;
    rest += strlen(before_mark);
    if (g_str_has_prefix(rest, ": "))
        *ret_reason = g_strdup(rest + 2);
    return GW_BEFORE_DISABLED;
}
