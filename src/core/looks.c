#include "core/looks.h"

static gint by_age(gconstpointer a, gconstpointer b)
{
    gint64 x = ((const GwLook *)a)->last_us, y = ((const GwLook *)b)->last_us;
    return (x > y) - (x < y);
}

guint gw_looks_take(GArray *due, guint hosts, guint interval_s)
{
    guint most = MAX(GW_LOOKS_FEW, (guint)((guint64)hosts * 5 / 4 / MAX(interval_s, 1))), never = 0;
    g_array_sort(due, by_age);
    while (never < due->len && g_array_index(due, GwLook, never).last_us <= 0)
        never++;
    return MIN(due->len, never + most);
}
