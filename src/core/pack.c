#include "core/placing.h"

enum { NOWHERE = G_MAXUINT };

static double fill_of(const GwOccupancy *o, guint host)
{
    guint64 capacity = gw_cluster_capacity_mib(gw_cluster_host(o->cluster, host));
    return (double)o->memory_mib[host] / (double)MAX(capacity, 1);
}

/* The fullest host in use that takes it: never one that is empty, which would gain nothing. */
static guint fullest(const GwOccupancy *o, guint instance, const gboolean *emptied)
{
    guint best = NOWHERE;
    for (guint h = 0; h < o->cluster->hosts->len; h++)
        if (!emptied[h] && o->count[h] && gw_score_takes_part(gw_cluster_host(o->cluster, h)) &&
            !gw_cluster_leaves_realm(o->cluster, instance, h) && gw_rules_objection(o, instance, h) == GW_OBJECTION_NONE &&
            (best == NOWHERE || fill_of(o, h) > fill_of(o, best)))
            best = h;
    return best;
}

static gint largest_first(gconstpointer a, gconstpointer b, gpointer cluster)
{
    const GwClusterInstance *x = gw_cluster_instance(cluster, *(const guint *)a), *y = gw_cluster_instance(cluster, *(const guint *)b);
    if (x->memory_mib != y->memory_mib)
        return x->memory_mib > y->memory_mib ? -1 : 1;
    return *(const guint *)a < *(const guint *)b ? -1 : 1;
}

/* All of its instances, or NULL when one cannot go. */
static GArray *list_of(const GwOccupancy *o, guint host, const gboolean *movable)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint i = 0; i < o->cluster->instances->len; i++) {
        if (o->where[i] != host)
            continue;
        /* one that came from elsewhere would move twice */
        if (!movable[i] || gw_cluster_instance(o->cluster, i)->host != host) {
            g_array_unref(list);
            return NULL;
        }
        g_array_append_val(list, i);
    }
    g_array_sort_with_data(list, largest_first, (gpointer)o->cluster);
    return list;
}

static gboolean try_empty(GwOccupancy *o, guint host, const GArray *list, const gboolean *emptied)
{
    for (guint n = 0; n < list->len; n++) {
        guint instance = g_array_index(list, guint, n);
        guint to = fullest(o, instance, emptied);
        if (to != NOWHERE) {
            gw_occupancy_move(o, instance, to);
            continue;
        }
        while (n--)
            gw_occupancy_move(o, g_array_index(list, guint, n), host);
        return FALSE;
    }
    return TRUE;
}

static guint emptiest(const GwOccupancy *o, const gboolean *tried)
{
    guint best = NOWHERE;
    for (guint h = 0; h < o->cluster->hosts->len; h++)
        if (!tried[h] && o->count[h] && gw_score_takes_part(gw_cluster_host(o->cluster, h)) &&
            (best == NOWHERE || o->memory_mib[h] < o->memory_mib[best]))
            best = h;
    return best;
}

void gw_pack(const GwCluster *cluster, const GwBalanceWish *wish, GwOccupancy *o, const gboolean *movable, GArray *order)
{
    g_autofree gboolean *tried = g_new0(gboolean, cluster->hosts->len + 1);
    g_autofree gboolean *emptied = g_new0(gboolean, cluster->hosts->len + 1);
    for (guint host; (host = emptiest(o, tried)) != NOWHERE;) {
        tried[host] = TRUE;
        g_autoptr(GArray) list = list_of(o, host, movable);
        if (!list || list->len < o->count[host] || (wish->max_moves && order->len + list->len > wish->max_moves))
            continue;
        emptied[host] = try_empty(o, host, list, emptied);
        if (emptied[host])
            g_array_append_vals(order, list->data, list->len);
    }
}
