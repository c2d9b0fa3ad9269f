/* How a migration ended, in one sentence with measured figures. */
#include "cli/move.h"
#include "cli/text.h"

#include <string.h>

/* " in 1.24 s", or nothing when the time is not known. */
static char *within(const char *word, const GwMove *move)
{
    if (!move->total_ms)
        return g_strdup("");
    g_autofree char *time = gw_text_duration(move->total_ms);
    return g_strdup_printf(" %s %s", word, time);
}

/* " in 41 s (and waited 5 min for its turn)": what it took once its turn had come. */
static char *taking(const GwMove *move)
{
    enum { WORTH_TELLING_MS = 1000 };
    if (move->waited_ms < WORTH_TELLING_MS || move->waited_ms >= move->total_ms)
        return within("in", move);
    g_autofree char *time = gw_text_duration(move->total_ms - move->waited_ms), *waited = gw_text_duration(move->waited_ms);
    return g_strdup_printf(" in %s (and waited %s for its turn)", time, waited);
}

/* ": 310 MiB copied, guest paused for 0.09 s": what is known of it. */
static char *figures(const GwMove *move)
{
    g_autoptr(GString) text = g_string_new(NULL);
    guint64 copied = move->figures.memory_processed + move->figures.disk_processed;
    if (copied) {
        g_autofree char *bytes = gw_text_bytes(copied);
        g_string_append_printf(text, ": %s copied", bytes);
    }
    if (!gw_move_is_cold(move) && move->figures.downtime_ms) {
        g_autofree char *pause = gw_text_duration(move->figures.downtime_ms);
        g_string_append_printf(text, "%s guest paused for %s", text->len ? "," : ":", pause);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *say_moved(const GwMove *move, const char *dest)
{
    g_autofree char *time = taking(move);
    g_autofree char *numbers = figures(move);
    return g_strdup_printf("%s moved from %s to %s%s%s.", move->name, move->source, dest, time, numbers);
}

static char *say_evacuated(const GwMove *move, const char *dest, gboolean ran)
{
    g_autofree char *time = taking(move);
    return g_strdup_printf("%s was evacuated from %s to %s%s, where it %s.", move->name, move->source, dest, time,
                           ran ? "has booted" : "stays shut off");
}

static char *say_rests(const GwMove *move, const char *dest, gboolean ran)
{
    g_autofree char *time = taking(move);
    g_autofree char *numbers = figures(move);
    const char *loss = move->disks_copied ? " (what it has written since is lost: its disks were copied)" : "";
    const char *resized = strcmp(move->kind, "resize") == 0 ? "resized, " : "";
    return g_strdup_printf("%s was %smoved from %s to %s and %s%s%s. Confirm with 'godwit resize-confirm %s', or go back "
                           "with 'godwit resize-revert %s'%s.",
                           move->name, resized, move->source, dest, ran ? "rebooted" : "stays shut off", time, numbers,
                           move->name, move->name, loss);
}

static char *say_late(const GwMove *move, const char *dest)
{
    return g_strdup_printf("It was too late to cancel: %s had already moved from %s to %s.", move->name, move->source,
                           dest);
}

static char *say_cancelled(const GwMove *move, const char *dest, GwWanted wanted)
{
    g_autofree char *time = within("after", move);
    if (wanted == GW_WANT_CANCELLED)
        return g_strdup_printf("The migration of %s from %s to %s was cancelled%s.", move->name, move->source, dest,
                               time);
    return g_strdup_printf("%s did not move from %s to %s: the migration was cancelled%s", move->name, move->source,
                           dest, time);
}

static char *say_failed(const GwMove *move, const char *dest)
{
    g_autofree char *time = within("after", move);
    if (strcmp(move->state, "error") == 0)
        return g_strdup_printf("The migration of %s from %s to %s stopped halfway%s and needs an operator ('godwit migration-resolve %s "
                               "%" G_GINT64_FORMAT "' shows what both have of it)",
                               move->name, move->source, dest, time, move->name, move->id);
    return g_strdup_printf("%s did not move from %s to %s: the migration failed%s", move->name, move->source, dest, time);
}

char *gw_move_sentence(const GwMove *move, GwWanted wanted, gboolean ran)
{
    const char *dest = move->dest ? move->dest : "another host";
    if (strcmp(move->kind, "evacuation") == 0 && (strcmp(move->state, "evacuated") == 0 || strcmp(move->state, "completed") == 0))
        return say_evacuated(move, dest, ran);
    gboolean moved = strcmp(move->state, "completed") == 0 || strcmp(move->state, "finished") == 0;
    if (moved && wanted == GW_WANT_CANCELLED)
        return say_late(move, dest);
    if (strcmp(move->state, "completed") == 0)
        return say_moved(move, dest);
    if (strcmp(move->state, "finished") == 0)
        return say_rests(move, dest, ran);
    if (strcmp(move->state, "confirmed") == 0)
        return g_strdup_printf("%s stays on %s; what was left of it on %s is gone.", move->name, dest, move->source);
    if (strcmp(move->state, "reverted") == 0)
        return g_strdup_printf("%s is back on %s; what was left of it on %s is gone.", move->name, move->source, dest);
    if (strcmp(move->state, "cancelled") == 0)
        return say_cancelled(move, dest, wanted);
    return say_failed(move, dest);
}
