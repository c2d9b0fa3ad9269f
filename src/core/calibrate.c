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

typedef enum { LINK, AROUND, SWITCH, REST, UNUSED, BEGIN, DELTA, FIGURES } Figure;

static gboolean delta_part(const GwForecast *f, double *ret)
{
    enum { LEAST_MIB = 1 };
    *ret = (double)f->delta_sent / (double)MAX(f->delta_of, 1);
    return f->delta_of >= LEAST_MIB * (guint64)MIB;
}

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
    case DELTA:
        return delta_part(f, ret);
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

/* A hypervisor is like the next one, whatever its guest does; and of differences every guest's say more than nothing. */
static guint few_of(Figure figure)
{
    return figure == UNUSED || figure == DELTA ? 1 : GW_CALIBRATE_FEW;
}

/* Of ordered values, or none. */
typedef struct {
    guint count; /* 0: too few say anything */
    double least, middle, most;
} Summary;

struct GwFleet {
    Summary figures[FIGURES];
    GwSpread by_ending[GW_ENDING_COUNT];
};

static Summary sum_up(GArray *values)
{
    g_array_sort(values, by_size);
    return (Summary){values->len, quantile(values, 0), quantile(values, 0.5), quantile(values, 1)};
}

static Summary collect(const GPtrArray *moves, Figure figure)
{
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint i = 0; i < moves->len && values->len < newest_of(figure); i++) {
        const GwMigration *row = moves->pdata[i];
        double value;
        if (tells(row) && figure_of(row, figure, &value))
            g_array_append_val(values, value);
    }
    if (values->len < few_of(figure))
        return (Summary){.count = 0};
    return sum_up(values);
}

/* Two moves in a row that have seen the same: the link is so now, whatever it was before. */
static gboolean agree(double a, double b)
{
    return MAX(a, b) < MIN(a, b) * 1.15;
}

/* What is known of one link. */
typedef struct {
    double newest[5]; /* what it was seen to carry, newest first; of what was before it was measured nothing counts */
    guint count;
    double at_least;  /* what has been seen since the newest, held back by a limit or too short to say more */
    GwLinkFrom from, least_from; /* who saw the newest, and at_least; and when */
    gint64 seen_us, least_us;
} Link;

static void link_add(Link *link, const GwLinkRate *rate, GwLinkFrom from, gint64 at_us)
{
    if (rate->at_least && !link->count && (double)rate->bps > link->at_least) {
        link->at_least = (double)rate->bps;
        link->least_from = from;
        link->least_us = at_us;
    }
    if (rate->at_least)
        return;
    link->from = link->count ? link->from : from;
    link->seen_us = link->count ? link->seen_us : at_us;
    link->newest[link->count++] = (double)rate->bps;
}

static Link link_of(const GPtrArray *pair, const GwLinkSeen *measured)
{
    Link link = {.count = 0};
    gboolean before = FALSE; /* what comes now was before it was measured */
    for (guint i = 0; i < pair->len && link.count < G_N_ELEMENTS(link.newest); i++) {
        const GwMigration *row = pair->pdata[i];
        const GwForecast *f = row->forecast;
        if (!shows_link(row) || !(f->actual_bps || f->held_bps))
            continue;
        if (measured && !before && row->ended_us <= measured->at_us) {
            before = TRUE;
            link_add(&link, &measured->rate, GW_LINK_PROBE, measured->at_us);
            if (!measured->rate.at_least)
                return link;
        }
        GwLinkRate rate = f->actual_bps ? (GwLinkRate){f->actual_bps, FALSE} : (GwLinkRate){f->held_bps, TRUE};
        link_add(&link, &rate, GW_LINK_MOVES, row->ended_us);
    }
    if (measured && !before && link.count < G_N_ELEMENTS(link.newest))
        link_add(&link, &measured->rate, GW_LINK_PROBE, measured->at_us);
    return link;
}

/* Of its own pair alone when it was ever measured there, and the newest says most. */
static void take_link(GwConstants *k, const GwFleet *fleet, const Link *link)
{
    g_autoptr(GArray) own = g_array_new(FALSE, FALSE, sizeof(double));
    g_array_append_vals(own, link->newest, link->count);
    Summary all = link->count ? sum_up(own) : fleet->figures[LINK];
    if (!all.count) {
        k->link_low = CLAMP(link->at_least / (double)k->link_bps, k->link_low, 0.95);
        return;
    }
    const double *newest = link->newest;
    double middle = link->count >= 2 && agree(newest[0], newest[1]) ? (newest[0] + newest[1]) / 2 : all.middle;
    gboolean more = link->at_least > middle;
    middle = MAX(MAX(middle, 1000), link->at_least);
    k->link_from = more ? link->least_from : link->count ? link->from : GW_LINK_OTHERS;
    k->link_seen_us = (guint64)(more ? link->least_us : link->seen_us);
    k->link_bps = (guint64)middle;
    k->link_low = CLAMP(all.least / middle, 0.3, 0.95);
    k->link_high = CLAMP(all.most / middle, 1.05, 3);
}

guint64 gw_calibrate_pair_bps(const GwFleet *fleet, const GPtrArray *pair, const GwLinkSeen *measured)
{
    GwConstants k = gw_constants_default;
    Link link = link_of(pair, measured);
    if (!link.count)
        return 0;
    take_link(&k, fleet, &link);
    return k.link_bps;
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

/* How far predictions of such an end were off, whatever end came. FALSE: too few moves say so, for a pair of hosts. */
static gboolean spread_of(const GPtrArray *moves, GwEnding ending, GwSpread *ret_spread)
{
    g_autoptr(GArray) total = g_array_new(FALSE, FALSE, sizeof(double)), pause = g_array_new(FALSE, FALSE, sizeof(double));
    for (guint i = 0; i < moves->len && total->len < GW_CALIBRATE_MOST; i++) {
        const GwMigration *row = moves->pdata[i];
        if (!tells(row) || row->forecast->first.ending != ending)
            continue;
        double ratio = (double)row->forecast->total_ms / (double)MAX(row->forecast->first.total_ms.likely, 1);
        g_array_append_val(total, ratio);
        double off_ms = (double)row->forecast->downtime_ms - (double)row->forecast->first.downtime_ms.likely;
        g_array_append_val(pause, off_ms);
    }
    *ret_spread = gw_constants_default.by_ending[ending];
    take_times(ret_spread, total);
    take_pauses(ret_spread, pause);
    return total->len >= GW_CALIBRATE_FEW;
}

/* What the same instance's last move has shown of it. */
static void take_instance(GwConstants *k, const GPtrArray *own)
{
    double part;
    gboolean has_deltas = FALSE;
    for (guint i = 0; i < own->len; i++) {
        const GwMigration *row = own->pdata[i];
        const GwForecast *f = row->forecast;
        if (!tells(row))
            continue;
        if (!k->sent_before)
            k->sent_before = f->first_pass_bytes;
        if (!has_deltas && delta_part(f, &part)) {
            k->delta_part = part;
            has_deltas = TRUE;
        }
        const GwWritten seen[GW_WROTE_BEFORE] = {f->short_window, f->long_window, f->first_wrote, f->later_wrote};
        for (guint j = 0; j < GW_WROTE_BEFORE; j++)
            if (!k->wrote_before[j].ms)
                k->wrote_before[j] = seen[j];
    }
}

/* Pauses were longer than the rest's travel by so much; or shorter, when the link carries more than was thought. */
static void take_pause(GwConstants *k, double longer_ms, const Summary *parts)
{
    k->switch_ms = (guint64)CLAMP(longer_ms, LEAST_SWITCH_MS, MOST_SWITCH_MS);
    k->rest_part = longer_ms < 0 && parts->count ? CLAMP(parts->middle, 0.02, 1) : 1;
}

static void take_figures(GwConstants *k, const Summary figures[FIGURES])
{
    if (figures[AROUND].count) {
        k->around_ms = (guint64)figures[AROUND].middle;
        k->samples = figures[AROUND].count;
    }
    if (figures[SWITCH].count)
        take_pause(k, figures[SWITCH].middle, &figures[REST]);
    if (figures[BEGIN].count)
        k->begin_ms = (guint64)CLAMP(figures[BEGIN].middle, 0, MOST_BEGIN_MS);
    if (figures[DELTA].count)
        k->delta_part = figures[DELTA].middle;
    if (figures[UNUSED].count)
        k->unused_bytes = (guint64)MAX(figures[UNUSED].middle, 0);
}

/* Of each instance, newest first; borrowed. A hypervisor that has started its guest holds more than one that was handed it, and only of
 * those is UNUSED asked: what an instance that was moved before has in use is known from that. */
static GPtrArray *first_moves(const GPtrArray *moves)
{
    GPtrArray *first = g_ptr_array_new();
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = moves->len; i > 0; i--) {
        GwMigration *row = moves->pdata[i - 1];
        if (tells(row) && g_hash_table_add(known, row->instance_uuid))
            g_ptr_array_insert(first, 0, row);
    }
    return first;
}

GwFleet *gw_fleet_new(const GPtrArray *moves, const GArray *measured)
{
    GwFleet *fleet = g_new0(GwFleet, 1);
    g_autoptr(GPtrArray) first = first_moves(moves);
    for (Figure figure = 0; figure < FIGURES; figure++)
        fleet->figures[figure] = collect(figure == UNUSED ? first : moves, figure);
    if (!fleet->figures[LINK].count && measured && measured->len) {
        g_autoptr(GArray) rates = g_array_copy((GArray *)measured);
        fleet->figures[LINK] = sum_up(rates);
    }
    for (GwEnding ending = 0; ending < GW_ENDING_COUNT; ending++)
        spread_of(moves, ending, &fleet->by_ending[ending]);
    return fleet;
}

void gw_fleet_free(GwFleet *fleet)
{
    g_free(fleet);
}

GwConstants gw_calibrate_pair(const GwFleet *fleet, const GPtrArray *pair, const GPtrArray *own, const GwLinkSeen *measured)
{
    GwConstants k = gw_constants_default;
    Link link = link_of(pair, measured);
    Summary figures[FIGURES];
    for (Figure figure = 0; figure < FIGURES; figure++) {
        figures[figure] = figure == UNUSED ? fleet->figures[figure] : collect(pair, figure); /* it is of the hypervisor, not of the pair */
        if (!figures[figure].count)
            figures[figure] = fleet->figures[figure];
    }
    take_figures(&k, figures);
    take_link(&k, fleet, &link);
    take_instance(&k, own);
    for (GwEnding ending = 0; ending < GW_ENDING_COUNT; ending++)
        if (!spread_of(pair, ending, &k.by_ending[ending]))
            k.by_ending[ending] = fleet->by_ending[ending];
    return k;
}

gboolean gw_calibrate_is_held(const GwPlan *plan, double bps)
{
    const double nearly = 0.75;
    return plan && plan->bandwidth_mibps && bps > (double)plan->bandwidth_mibps * MIB * nearly;
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
    f->downtime_ms = gw_migration_downtime_ms(row);
    f->bytes = bytes;
    if (!f->first_pass_bytes && f->first.passes <= 3 && f->now.ending == GW_ENDING_ITSELF)
        f->first_pass_bytes = p->memory_processed;
    gboolean much = bytes >= TELLING_MIB * (guint64)MIB && p->elapsed_ms >= TELLING_MS;
    gboolean telling = given_up ? p->elapsed_ms >= GIVEN_UP_MS : much, held = gw_calibrate_is_held(row->plan, (double)bps);
    f->actual_bps = telling && !held ? bps : 0;
    f->held_bps = held ? bps : 0;
}
