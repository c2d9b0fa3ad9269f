#include "core/calibrate.h"

#include <string.h>

#define MIB 1048576.0

enum {
    ENOUGH = 10,           /* moves that say by themselves how far predictions are off */
    LEAST_SWITCH_MS = 40, MOST_SWITCH_MS = 5000, MOST_BEGIN_MS = 3000,
    TELLING_MIB = 24, TELLING_MS = 500, /* a copy that is smaller or shorter says little of its link */
    GIVEN_UP_MS = 2000,    /* likewise one that was given up, of which only what was seen while it went counts */
};

/* The nearest of the ordered values; q from 0 to 1. */
static double quantile(const GArray *values, double q)
{
    return g_array_index(values, double, (guint)(q * (double)(values->len - 1) + 0.5));
}

static int by_size(gconstpointer a, gconstpointer b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static gboolean tells(const GwMigration *row)
{
    return row->kind == GW_MOVE_LIVE && row->state == GW_MIGRATION_COMPLETED && row->forecast && row->forecast->total_ms &&
           row->attempts == 1 && !(row->intents & GW_INTENT_AGAIN);
}

/* What a copy sent a second it has shown whatever became of it, the second try of a move too. */
static gboolean shows_link(const GwMigration *row)
{
    return row->kind == GW_MOVE_LIVE && row->forecast && row->forecast->total_ms && row->attempts <= 1;
}

/* To or fro: a link is mostly the same both ways, and what has changed is known sooner. */
static gboolean is_of(const GwMigration *row, const char *source, const char *dest)
{
    return (g_strcmp0(row->source, source) == 0 && g_strcmp0(row->dest, dest) == 0) ||
           (g_strcmp0(row->source, dest) == 0 && g_strcmp0(row->dest, source) == 0);
}

typedef enum { LINK, AROUND, SWITCH, REST, UNUSED, BEGIN, FIGURES } Figure;

/* What one move says of a figure; FALSE: nothing. */
static gboolean figure_of(const GwMigration *row, Figure figure, double *ret)
{
    const GwForecast *f = row->forecast;
    gboolean as_foreseen = f->first.ending == f->now.ending;
    switch (figure) {
    case LINK:
        *ret = (double)f->actual_bps;
        return f->actual_bps > 0;
    case AROUND:
        *ret = MAX((double)f->total_ms - (double)row->progress.elapsed_ms, 0);
        return row->progress.elapsed_ms > 0;
    case SWITCH:
        *ret = (double)f->downtime_ms - (double)f->rest_ms;
        return f->first.ending == GW_ENDING_ITSELF && as_foreseen;
    case UNUSED:
        *ret = (double)f->memory_bytes - (double)f->first_pass_bytes;
        return f->memory_bytes && f->first_pass_bytes;
    case REST:
        *ret = MAX((double)f->downtime_ms - LEAST_SWITCH_MS, 0) / (double)MAX(f->rest_ms, 1);
        return f->rest_ms && f->first.ending == GW_ENDING_ITSELF && as_foreseen;
    case BEGIN:
        *ret = (double)row->progress.elapsed_ms - (double)f->copy_ms; /* of guests that decide little of it */
        return f->first.ending == GW_ENDING_ITSELF && as_foreseen && f->first.passes <= 3 && f->copy_ms && row->progress.elapsed_ms;
    case FIGURES:
        break;
    }
    return FALSE;
}

/* The newest; a link and a machine change. */
static guint newest_of(Figure figure)
{
    enum { NEWEST = 3 };
    return figure == SWITCH || figure == REST ? NEWEST : GW_CALIBRATE_MOST;
}

/* Ordered; NULL when too few say anything. source NULL: of any pair. */
static GArray *collect(const GPtrArray *moves, const char *source, const char *dest, Figure figure)
{
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint i = 0; i < moves->len && values->len < newest_of(figure); i++) {
        const GwMigration *row = moves->pdata[i];
        double value;
        if (tells(row) && (!source || is_of(row, source, dest)) && figure_of(row, figure, &value))
            g_array_append_val(values, value);
    }
    if (values->len < GW_CALIBRATE_FEW)
        return NULL;
    g_array_sort(values, by_size);
    return g_steal_pointer(&values);
}

static GArray *collect_best(const GPtrArray *moves, const char *source, const char *dest, Figure figure)
{
    GArray *values = collect(moves, source, dest, figure);
    return values ? values : collect(moves, NULL, NULL, figure);
}

/* Two moves in a row that have seen the same: the link is so now, whatever it was before. */
static gboolean agree(double a, double b)
{
    return MAX(a, b) < MIN(a, b) * 1.15;
}

/* What copies since the last that was not held back have shown the link to carry at least. */
static double at_least(const GPtrArray *moves, const char *source, const char *dest)
{
    double most = 0;
    for (guint i = 0; i < moves->len; i++) {
        const GwMigration *row = moves->pdata[i];
        if (!shows_link(row) || !is_of(row, source, dest))
            continue;
        if (row->forecast->actual_bps)
            break;
        most = MAX(most, (double)row->forecast->held_bps);
    }
    return most;
}

/* The link: of its own pair alone when it was ever measured there, and the newest says most. */
static void take_link(GwConstants *k, const GPtrArray *moves, const char *source, const char *dest)
{
    enum { NEWEST = 5 };
    double newest[NEWEST], value;
    guint n = 0;
    for (guint i = 0; i < moves->len && n < NEWEST; i++)
        if (shows_link(moves->pdata[i]) && is_of(moves->pdata[i], source, dest) && figure_of(moves->pdata[i], LINK, &value))
            newest[n++] = value;
    g_autoptr(GArray) fleet = n ? NULL : collect(moves, NULL, NULL, LINK);
    g_autoptr(GArray) own = g_array_new(FALSE, FALSE, sizeof(double));
    g_array_append_vals(own, newest, n);
    g_array_sort(own, by_size);
    const GArray *values = n ? own : fleet;
    if (!values)
        return;
    double middle = MAX(n >= 2 && agree(newest[0], newest[1]) ? (newest[0] + newest[1]) / 2 : quantile(values, 0.5), 1000);
    middle = MAX(middle, at_least(moves, source, dest));
    k->link_bps = (guint64)middle;
    k->link_low = CLAMP(quantile(values, 0) / middle, 0.3, 0.95);
    k->link_high = CLAMP(quantile(values, 1) / middle, 1.05, 3);
}

guint64 gw_calibrate_pair_bps(const GPtrArray *moves, const char *source, const char *dest)
{
    GwConstants k = gw_constants_default;
    for (guint i = 0; i < moves->len; i++) {
        const GwMigration *row = moves->pdata[i];
        if (!shows_link(row) || !is_of(row, source, dest) || !row->forecast->actual_bps)
            continue;
        take_link(&k, moves, source, dest);
        return k.link_bps;
    }
    return 0;
}

/* Where nineteen of twenty values are, so that nine of ten of the next will be; FALSE: too few to say anything. */
static gboolean nine_of_ten(GArray *values, double *ret_low, double *ret_high)
{
    enum { SOME = 3 };
    if (values->len < SOME)
        return FALSE;
    g_array_sort(values, by_size);
    *ret_low = quantile(values, 0.03);
    *ret_high = quantile(values, 0.97);
    return TRUE;
}

static void take_times(GwSpread *spread, GArray *ratios)
{
    double low, high;
    if (!nine_of_ten(ratios, &low, &high))
        return;
    gboolean enough = ratios->len >= ENOUGH;
    spread->total_low = enough ? CLAMP(low * 0.95, 0, 0.95) : MIN(spread->total_low, low);
    spread->total_high = enough ? MAX(high * 1.05, 1.05) : MAX(spread->total_high, high);
}

/* By how much, not by how many times: a pause that is said to be short may be off by as much as another. */
static void take_pauses(GwSpread *spread, GArray *off_ms)
{
    double low, high;
    if (!nine_of_ten(off_ms, &low, &high))
        return;
    gboolean enough = off_ms->len >= ENOUGH;
    if (enough)
        spread->pause_low = spread->pause_high = 1;
    spread->pause_less_ms = enough ? MIN(low * 1.25, 0) : MIN(spread->pause_less_ms, low);
    spread->pause_more_ms = enough ? MAX(high * 1.25, 0) : MAX(spread->pause_more_ms, high);
}

/* How far predictions of such an end were off, whatever end came: of the pair, else of all. */
static void take_ending(GwConstants *k, const GPtrArray *moves, const char *source, const char *dest, GwEnding ending)
{
    g_autoptr(GArray) total = g_array_new(FALSE, FALSE, sizeof(double)), pause = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint i = 0; i < moves->len && total->len < GW_CALIBRATE_MOST; i++) {
        const GwMigration *row = moves->pdata[i];
        if (!tells(row) || row->forecast->first.ending != ending || (source && !is_of(row, source, dest)))
            continue;
        double ratio = (double)row->forecast->total_ms / (double)MAX(row->forecast->first.total_ms.likely, 1);
        g_array_append_val(total, ratio);
        double off_ms = (double)row->forecast->downtime_ms - (double)row->forecast->first.downtime_ms.likely;
        g_array_append_val(pause, off_ms);
    }
    if (source && total->len < GW_CALIBRATE_FEW) {
        take_ending(k, moves, NULL, NULL, ending);
        return;
    }
    take_times(&k->by_ending[ending], total);
    take_pauses(&k->by_ending[ending], pause);
}

/* What the same instance's last move has shown of it. */
static void take_instance(GwConstants *k, const GPtrArray *moves, const char *uuid)
{
    for (guint i = 0; uuid && i < moves->len; i++) {
        const GwMigration *row = moves->pdata[i];
        const GwForecast *f = row->forecast;
        if (!tells(row) || strcmp(row->instance_uuid, uuid) != 0)
            continue;
        if (!k->sent_before)
            k->sent_before = f->first_pass_bytes;
        const GwWritten seen[GW_WROTE_BEFORE] = {f->short_window, f->long_window, f->first_wrote, f->later_wrote};
        for (guint j = 0; j < GW_WROTE_BEFORE; j++)
            if (!k->wrote_before[j].ms)
                k->wrote_before[j] = seen[j];
    }
}

/* Pauses were longer than the rest's travel by so much; or shorter, when the link carries more than was thought. */
static void take_pause(GwConstants *k, double longer_ms, const GArray *parts)
{
    k->switch_ms = (guint64)CLAMP(longer_ms, LEAST_SWITCH_MS, MOST_SWITCH_MS);
    k->rest_part = longer_ms < 0 && parts ? CLAMP(quantile(parts, 0.5), 0.02, 1) : 1;
}

GwConstants gw_calibrate(const GPtrArray *moves, const char *source, const char *dest, const char *uuid)
{
    GwConstants k = gw_constants_default;
    GArray *figures[FIGURES] = {NULL};
    for (Figure figure = AROUND; figure < FIGURES; figure++)
        figures[figure] = collect_best(moves, source, dest, figure);
    take_link(&k, moves, source, dest);
    take_instance(&k, moves, uuid);
    for (GwEnding ending = 0; ending < GW_ENDING_COUNT; ending++)
        take_ending(&k, moves, source, dest, ending);
    if (figures[AROUND]) {
        k.around_ms = (guint64)quantile(figures[AROUND], 0.5);
        k.samples = figures[AROUND]->len;
    }
    if (figures[SWITCH])
        take_pause(&k, quantile(figures[SWITCH], 0.5), figures[REST]);
    if (figures[BEGIN])
        k.begin_ms = (guint64)CLAMP(quantile(figures[BEGIN], 0.5), 0, MOST_BEGIN_MS);
    if (figures[UNUSED])
        k.unused_bytes = (guint64)MAX(quantile(figures[UNUSED], 0.5), 0);
    for (Figure figure = 0; figure < FIGURES; figure++)
        g_clear_pointer(&figures[figure], g_array_unref);
    return k;
}

/* A copy that its plan's limit held back says that the link carries that much at least, which is no measure of it. */
static gboolean was_held_back(const GwMigration *row, double bps)
{
    const double nearly = 0.75;
    return row->plan && bps > (double)row->plan->bandwidth_mibps * MIB * nearly && row->plan->bandwidth_mibps;
}

void gw_calibrate_close(GwMigration *row, guint64 seen_bps)
{
    GwForecast *f = row->forecast;
    const GwProgress *p = &row->progress;
    if (!f || !row->ended_us || !row->started_us)
        return;
    guint64 bytes = p->memory_processed + p->disk_processed;
    gboolean given_up = row->state != GW_MIGRATION_COMPLETED;
    guint64 average = p->elapsed_ms && !given_up ? bytes * 1000 / p->elapsed_ms : 0, bps = MAX(seen_bps, average);
    f->total_ms = (guint64)MAX((row->ended_us - row->started_us) / 1000, 1);
    f->downtime_ms = p->downtime_ms;
    f->bytes = bytes;
    if (!f->first_pass_bytes && f->first.passes <= 3)
        f->first_pass_bytes = p->memory_processed;
    gboolean much = bytes >= TELLING_MIB * (guint64)MIB && p->elapsed_ms >= TELLING_MS;
    gboolean telling = given_up ? p->elapsed_ms >= GIVEN_UP_MS : much, held = was_held_back(row, (double)bps);
    f->actual_bps = telling && !held ? bps : 0;
    f->held_bps = held ? bps : 0;
}
