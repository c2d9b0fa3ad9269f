#include "cli/bar.h"

#include "cli/text.h"

#include <string.h>

enum { BAR_LEAST = 8, BAR_MOST = 30, GAP = 2 };

/* One part of the line. The part of the lowest rank goes first when there is no room. */
typedef struct {
    char *text; /* NULL: the bar itself, drawn when its width is known */
    guint rank;
} Part;

static void clear_part(gpointer part)
{
    g_free(((Part *)part)->text);
}

/* Takes text. */
static void add(GArray *parts, guint rank, char *text)
{
    Part part = {text, rank};
    g_array_append_val(parts, part);
}

static void add_bytes(GArray *parts, guint rank, guint64 bytes, const char *format)
{
    if (!bytes)
        return;
    g_autofree char *amount = gw_text_bytes(bytes);
    g_autoptr(GString) text = g_string_new(format);
    g_string_replace(text, "%", amount, 1);
    add(parts, rank, g_string_free(g_steal_pointer(&text), FALSE));
}

static char *label(const GwMove *move)
{
    g_autofree char *name = gw_text_clean(move->name);
    g_autofree char *source = gw_text_clean(move->source);
    g_autofree char *dest = gw_text_clean(move->dest ? move->dest : "?");
    return g_strdup_printf("%s %s -> %s", name, source, dest);
}

static void add_copy(GArray *parts, const GwMove *move)
{
    const GwMoveFigures *figures = &move->figures;
    g_autofree char *moved = gw_text_bytes(gw_move_moved(move));
    g_autofree char *total = gw_text_bytes(gw_move_total(move));
    add(parts, 85, NULL);
    add(parts, 100, g_strdup_printf("%3u%%", gw_move_percent(move)));
    add(parts, 80, g_strdup_printf("%s of %s", moved, total));
    add_bytes(parts, 60, figures->memory_bps, "%/s");
    add_bytes(parts, 40, figures->memory_remaining, "memory left %");
    add_bytes(parts, 30, figures->disk_remaining, "disk left %");
    if (figures->iteration > 1)
        add(parts, 20, g_strdup_printf("pass %" G_GUINT64_FORMAT, figures->iteration));
    if (figures->throttle_percent)
        add(parts, 25, g_strdup_printf("guest slowed by %" G_GUINT64_FORMAT "%%", figures->throttle_percent));
}

/* "about 12 s left", as last predicted; of what waits for a host that is silent nobody can tell. */
static void add_expected(GArray *parts, const GwMove *move, const GwBarLook *look)
{
    const char *silent = json_string_value(json_object_get(move->json, "waits_for"));
    if (silent) {
        g_autofree char *name = gw_text_clean(silent);
        add(parts, 83, g_strdup_printf("%s does not answer", name));
        return;
    }
    const json_t *outlook = json_object_get(json_object_get(move->json, "prediction"), "now");
    guint64 total = (guint64)json_integer_value(json_object_get(json_object_get(outlook, "total_ms"), "likely"));
    guint64 passed = MAX(move->figures.elapsed_ms, look->waited_ms);
    if (total <= passed)
        return;
    g_autofree char *left = gw_text_duration(total - passed);
    add(parts, 63, g_strdup_printf("about %s left", left));
}

/* Where there is no room for what it waits for, it waits. */
static char *doing(const GwMove *move, const GwBarLook *look)
{
    g_autofree char *whose = label(move), *all = gw_move_doing(move), *clean = gw_text_clean(all);
    gboolean fits = gw_text_width(whose) + GAP + gw_text_width(clean) < look->columns;
    return fits ? g_steal_pointer(&clean) : gw_text_clean(gw_move_phase(move));
}

static GArray *make_parts(const GwMove *move, const GwBarLook *look)
{
    GArray *parts = g_array_new(FALSE, FALSE, sizeof(Part));
    g_array_set_clear_func(parts, clear_part);
    add(parts, 82, label(move)); /* without it nobody knows whose line it is */
    if (gw_move_copies(move))
        add_copy(parts, move);
    else
        add(parts, 90, doing(move, look));
    guint64 passed_ms = MAX(move->figures.elapsed_ms, look->waited_ms);
    if (passed_ms || gw_move_copies(move))
        add(parts, 65, gw_text_duration(passed_ms));
    if (gw_move_copies(move))
        add_expected(parts, move, look);
    add(parts, 45, g_strdup_printf("migration %" G_GINT64_FORMAT, move->id)); /* by which it is aborted */
    return parts;
}

static const Part *part_at(const GArray *parts, guint index)
{
    return &g_array_index(parts, Part, index);
}

/* Columns taken, the bar at its narrowest. */
static guint width_of(const GArray *parts)
{
    guint width = 0;
    for (guint i = 0; i < parts->len; i++) {
        const char *text = part_at(parts, i)->text;
        width += (i ? GAP : 0) + (text ? gw_text_width(text) : BAR_LEAST);
    }
    return width;
}

static void drop_least(GArray *parts)
{
    guint least = 0;
    for (guint i = 1; i < parts->len; i++)
        if (part_at(parts, i)->rank < part_at(parts, least)->rank)
            least = i;
    g_array_remove_index(parts, least);
}

static void draw_bar(GString *line, const GwMove *move, guint width, gboolean colour)
{
    guint inside = width - 2;
    guint full = inside * gw_move_percent(move) / 100;
    g_autofree char *done = g_strnfill(full, '#');
    g_autofree char *left = g_strnfill(inside - full, '-');
    g_string_append_printf(line, "[%s%s%s%s]", colour ? "\033[36m" : "", done, colour ? "\033[0m" : "", left);
}

char *gw_bar_line(const GwMove *move, const GwBarLook *look)
{
    g_autoptr(GArray) parts = make_parts(move, look);
    guint room = look->columns > 1 ? look->columns - 1 : 1;
    while (parts->len > 1 && width_of(parts) > room)
        drop_least(parts);
    if (parts->len == 1 && part_at(parts, 0)->text)
        return gw_text_fit(part_at(parts, 0)->text, room);
    guint spare = room - width_of(parts);
    GString *line = g_string_new(NULL);
    for (guint i = 0; i < parts->len; i++) {
        g_string_append(line, i ? "  " : "");
        if (part_at(parts, i)->text)
            g_string_append(line, part_at(parts, i)->text);
        else
            draw_bar(line, move, MIN(BAR_LEAST + spare, BAR_MOST), look->colour);
    }
    return g_string_free(line, FALSE);
}
