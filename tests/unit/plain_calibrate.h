/* The constants for a move by looking at all moves, one by one: what core/history.h finds by index. */
#ifndef GW_TESTS_PLAIN_CALIBRATE_H
#define GW_TESTS_PLAIN_CALIBRATE_H

#include "core/calibrate.h"

/* To or fro. */
static inline gboolean plain_is_of(const GwMigration *row, const char *source, const char *dest)
{
    return (g_strcmp0(row->source, source) == 0 && g_strcmp0(row->dest, dest) == 0) ||
           (g_strcmp0(row->source, dest) == 0 && g_strcmp0(row->dest, source) == 0);
}

/* uuid NULL: of no instance. */
static inline GwConstants plain_calibrate(const GPtrArray *moves, const char *source, const char *dest, const char *uuid)
{
    g_autoptr(GPtrArray) pair = g_ptr_array_new(), own = g_ptr_array_new();
    g_autoptr(GwFleet) fleet = gw_fleet_new(moves, NULL);
    for (guint i = 0; i < moves->len; i++) {
        const GwMigration *row = moves->pdata[i];
        if (plain_is_of(row, source, dest))
            g_ptr_array_add(pair, moves->pdata[i]);
        if (g_strcmp0(row->instance_uuid, uuid) == 0)
            g_ptr_array_add(own, moves->pdata[i]);
    }
    return gw_calibrate_pair(fleet, pair, own, NULL);
}

#endif
