#include "core/placing.h"

void gw_roster_init(GwRoster *roster, const GwOccupancy *o)
{
    guint hosts = o->cluster->hosts->len, instances = o->cluster->instances->len;
    roster->lists = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    roster->slot = g_new0(guint, instances + 1);
    for (guint h = 0; h < hosts; h++)
        g_ptr_array_add(roster->lists, g_array_new(FALSE, FALSE, sizeof(guint)));
    for (guint i = 0; i < instances; i++) {
        GArray *list = roster->lists->pdata[o->where[i]];
        roster->slot[i] = list->len;
        g_array_append_val(list, i);
    }
}

void gw_roster_clear(GwRoster *roster)
{
    g_ptr_array_unref(roster->lists);
    g_free(roster->slot);
}

void gw_roster_move(GwRoster *roster, guint instance, guint from, guint to)
{
    GArray *old = roster->lists->pdata[from], *new = roster->lists->pdata[to];
    guint slot = roster->slot[instance];
    g_array_remove_index_fast(old, slot);
    if (slot < old->len)
        roster->slot[g_array_index(old, guint, slot)] = slot;
    roster->slot[instance] = new->len;
    g_array_append_val(new, instance);
}

gboolean *gw_placing_movable(const GwCluster *cluster)
{
    gboolean *movable = g_new0(gboolean, cluster->instances->len + 1);
    for (guint i = 0; i < cluster->instances->len; i++) {
        const GwClusterInstance *instance = gw_cluster_instance(cluster, i);
        movable[i] = !instance->stuck && !instance->stopped && gw_score_takes_part(gw_cluster_host(cluster, instance->host));
    }
    for (guint t = 0; t < cluster->transits->len; t++)
        movable[g_array_index(cluster->transits, GwClusterTransit, t).instance] = FALSE;
    return movable;
}

void gw_placing_write(const GwCluster *cluster, const guint *where, const GArray *order, GArray *moves)
{
    g_autoptr(GwOccupancy) now = gw_occupancy_new(cluster);
    g_autoptr(GArray) left = g_array_new(FALSE, FALSE, sizeof(guint));
    g_array_append_vals(left, order->data, order->len);
    for (guint before = G_MAXUINT; left->len && left->len < before;) {
        guint kept = 0;
        before = left->len;
        for (guint n = 0; n < before; n++) {
            guint instance = g_array_index(left, guint, n);
            guint home = gw_cluster_instance(cluster, instance)->host;
            if (where[instance] == home || now->where[instance] != home)
                continue; /* it came home again, or is listed twice */
            if (gw_rules_objection(now, instance, where[instance]) != GW_OBJECTION_NONE) {
                g_array_index(left, guint, kept++) = instance;
                continue;
            }
            GwPlannedMove move = {.instance = instance, .source = home, .dest = where[instance]};
            gw_occupancy_move(now, instance, where[instance]);
            g_array_append_val(moves, move);
        }
        g_array_set_size(left, kept);
    }
}
