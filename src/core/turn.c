#include "core/turn.h"

enum { PAUSE_FIRST_MS = 1000, PAUSE_MOST_MS = 60000 };

guint gw_turn_free(guint limit, guint busy)
{
    return !limit ? G_MAXUINT : limit > busy ? limit - busy : 0;
}

guint gw_turn_pause_ms(guint vain)
{
    guint pause_ms = PAUSE_FIRST_MS;
    for (guint i = 1; i < vain && pause_ms < PAUSE_MOST_MS; i++)
        pause_ms *= 2;
    return MIN(pause_ms, PAUSE_MOST_MS);
}

static char *place_words(guint ahead)
{
    static const char *const words[] = {"first",  "second", "third",   "fourth", "fifth", "sixth",
                                        "seventh", "eighth", "ninth", "tenth",  "eleventh", "twelfth"};
    return ahead < G_N_ELEMENTS(words) ? g_strdup_printf("%s in line", words[ahead]) : g_strdup_printf("number %u in line", ahead + 1);
}

/* Coarse, so that whoever follows the move is not told anew each second. */
static char *silence_words(gint64 ms)
{
    gint64 s = ms / 1000;
    if (ms < 0)
        return g_strdup("it has not been asked yet");
    if (s < 10)
        return g_strdup("silent for some seconds");
    if (s < 60)
        return g_strdup_printf("silent for %" G_GINT64_FORMAT " s", s - s % 10);
    return g_strdup_printf("silent for %" G_GINT64_FORMAT " min", s / 60);
}

char *gw_turn_words(const GwTurnView *view)
{
    g_autofree char *place = place_words(view->ahead);
    g_autofree char *silence = silence_words(view->silent_ms);
    if (view->silent)
        return g_strdup_printf("it waits until %s answers, %s (%s)", view->silent, place, silence);
    if (view->vain)
        return g_strdup_printf("it waits for another turn on %s, %s (when it had one it could not be checked: %s)", view->source, place,
                               view->vain);
    g_autofree char *limit = view->limit ? g_strdup_printf(" (max_concurrent_live_migrations = %u)", view->limit) : g_strdup("");
    return g_strdup_printf("it waits for its turn on %s, %s%s", view->source, place, limit);
}
