#include "core/history.h"

#include <string.h>

struct GwHistory {
    guint most;
    GPtrArray *moves;      /* of GwMigration *, newest first */
    GHashTable *pairs;     /* key_of → GPtrArray of the same, borrowed, newest first */
    GHashTable *instances; /* uuid → likewise */
    GHashTable *links;     /* way_of → GwLinkSeen, the newest; owned */
    GwFleet *fleet;        /* what all of them say; NULL: not asked for since the last was added */
};

GwHistory *gw_history_new(guint most)
{
    GwHistory *history = g_new0(GwHistory, 1);
    history->most = most;
    history->moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    history->pairs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    history->instances = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    history->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return history;
}

void gw_history_free(GwHistory *history)
{
    g_hash_table_unref(history->links);
    g_hash_table_unref(history->pairs);
    g_hash_table_unref(history->instances);
    g_ptr_array_unref(history->moves);
    g_clear_pointer(&history->fleet, gw_fleet_free);
    g_free(history);
}

/* The same to and fro. Owned by the caller. */
static char *key_of(const char *source, const char *dest)
{
    gboolean in_order = g_strcmp0(source, dest) <= 0;
    const char *first = in_order ? source : dest, *second = in_order ? dest : source;
    return g_strconcat(first ? first : "", "\n", second ? second : "", NULL);
}

static void enter(GHashTable *index, const char *key, GwMigration *row)
{
    GPtrArray *rows = g_hash_table_lookup(index, key);
    if (!rows) {
        rows = g_ptr_array_new();
        g_hash_table_insert(index, g_strdup(key), rows);
    }
    g_ptr_array_insert(rows, 0, row);
}

static void leave(GHashTable *index, const char *key, GwMigration *row)
{
    GPtrArray *rows = g_hash_table_lookup(index, key);
    g_ptr_array_remove(rows, row);
    if (!rows->len)
        g_hash_table_remove(index, key);
}

static void drop_oldest(GwHistory *history)
{
    GwMigration *oldest = g_ptr_array_steal_index(history->moves, history->moves->len - 1);
    g_autofree char *key = key_of(oldest->source, oldest->dest);
    leave(history->pairs, key, oldest);
    leave(history->instances, oldest->instance_uuid, oldest);
    gw_migration_free(oldest);
}

void gw_history_add(GwHistory *history, GwMigration *row)
{
    g_autofree char *key = key_of(row->source, row->dest);
    g_ptr_array_insert(history->moves, 0, row);
    enter(history->pairs, key, row);
    enter(history->instances, row->instance_uuid, row);
    g_clear_pointer(&history->fleet, gw_fleet_free);
    if (history->moves->len > history->most)
        drop_oldest(history);
}

static GwFleet *new_fleet(const GwHistory *history)
{
    g_autoptr(GArray) measured = g_array_new(FALSE, FALSE, sizeof(double));
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, history->links);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const GwLinkSeen *seen = value;
        double bps = (double)seen->rate.bps;
        if (!seen->rate.at_least)
            g_array_append_val(measured, bps);
    }
    return gw_fleet_new(history->moves, measured);
}

static const GwFleet *fleet_of(GwHistory *history)
{
    if (!history->fleet)
        history->fleet = new_fleet(history);
    return history->fleet;
}

/* NULL: none. */
static const GPtrArray *pair_of(const GwHistory *history, const char *source, const char *dest)
{
    g_autofree char *key = key_of(source, dest);
    return g_hash_table_lookup(history->pairs, key);
}

/* One direction. Owned by the caller. */
static char *way_of(const char *source, const char *dest)
{
    return g_strconcat(source, "\n", dest, NULL);
}

/* What says that it carries no less than is known says nothing. */
static gboolean says_more(const GwLinkSeen *seen, const GwLinkSeen *before)
{
    if (!before)
        return TRUE;
    return before->at_us <= seen->at_us && !(seen->rate.at_least && !before->rate.at_least && seen->rate.bps <= before->rate.bps);
}

gboolean gw_history_measured(GwHistory *history, const char *source, const char *dest, const GwLinkSeen *seen)
{
    char *way = way_of(source, dest);
    gboolean more = says_more(seen, g_hash_table_lookup(history->links, way));
    if (more)
        g_hash_table_replace(history->links, way, g_memdup2(seen, sizeof *seen));
    else
        g_free(way);
    g_clear_pointer(&history->fleet, gw_fleet_free);
    return more;
}

/* The way itself, or else the way back; NULL: neither was measured. */
static const GwLinkSeen *measured(const GwHistory *history, const char *source, const char *dest)
{
    g_autofree char *there = way_of(source ? source : "", dest ? dest : ""), *back = way_of(dest ? dest : "", source ? source : "");
    const GwLinkSeen *seen = g_hash_table_lookup(history->links, there);
    return seen ? seen : g_hash_table_lookup(history->links, back);
}

GwConstants gw_history_constants(GwHistory *history, const char *source, const char *dest, const char *uuid)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    const GPtrArray *pair = pair_of(history, source, dest), *own = g_hash_table_lookup(history->instances, uuid);
    return gw_calibrate_pair(fleet_of(history), pair ? pair : none, own ? own : none, measured(history, source, dest));
}

guint64 gw_history_pair_bps(GwHistory *history, const char *source, const char *dest)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    const GPtrArray *pair = pair_of(history, source, dest);
    return gw_calibrate_pair_bps(fleet_of(history), pair ? pair : none, measured(history, source, dest));
}

/* The most that was measured of it. */
static guint64 most_measured(const GwHistory *history, const char *host)
{
    guint64 most = 0;
    GHashTableIter iter;
    gpointer way, seen;
    g_hash_table_iter_init(&iter, history->links);
    while (g_hash_table_iter_next(&iter, &way, &seen)) {
        const GwLinkSeen *link = seen;
        const char *dest = strchr(way, '\n');
        gboolean is_source = strlen(host) == (gsize)(dest - (char *)way) && g_str_has_prefix(way, host);
        if (is_source || strcmp(dest + 1, host) == 0)
            most = MAX(most, link->rate.bps);
    }
    return most;
}

guint64 gw_history_link_bps(const GwHistory *history, const char *host)
{
    enum { NEWEST = 20 };
    guint64 most = most_measured(history, host);
    guint seen = 0;
    for (guint i = 0; i < history->moves->len && seen < NEWEST; i++) {
        const GwMigration *row = history->moves->pdata[i];
        if (!row->forecast->actual_bps || (g_strcmp0(row->source, host) != 0 && g_strcmp0(row->dest, host) != 0))
            continue;
        most = MAX(most, row->forecast->actual_bps);
        seen++;
    }
    return most;
}
