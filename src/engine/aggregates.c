/* Host aggregates: the store has them; what was last read is kept for those who only look. */
#include "engine/internal.h"

#include <string.h>

/* ---- what is kept */

/* Which aggregates each host is in: name → GPtrArray of GwAggregate *. */
static GHashTable *by_host(const GPtrArray *all)
{
    GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < all->len; i++) {
        GwAggregate *aggregate = all->pdata[i];
        for (guint k = 0; k < aggregate->hosts->len; k++) {
            GPtrArray *own = g_hash_table_lookup(table, aggregate->hosts->pdata[k]);
            if (!own) {
                own = gw_aggregates_new();
                g_hash_table_insert(table, g_strdup(aggregate->hosts->pdata[k]), own);
            }
            g_ptr_array_add(own, gw_aggregate_ref(aggregate));
        }
    }
    return table;
}

/* [locked] own: NULL for none. */
static void set_own(GwEngine *engine, GwHostEntry *entry, GPtrArray *own)
{
    GPtrArray *old = entry->aggregates;
    entry->aggregates = own ? g_ptr_array_ref(own) : gw_aggregates_new();
    gw_host_entry_changed(entry);
    if (strcmp(gw_aggregates_zone(old), gw_aggregates_zone(entry->aggregates)) != 0)
        gw_views_update_host(engine, entry);
    g_ptr_array_unref(old);
}

/* Takes all. */
static void publish(GwEngine *engine, GPtrArray *all)
{
    g_autoptr(GHashTable) table = by_host(all);
    GHashTableIter iter;
    gpointer value;
    g_mutex_lock(&engine->lock);
    GPtrArray *old = engine->aggregates;
    engine->aggregates = all;
    g_hash_table_iter_init(&iter, engine->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        set_own(engine, value, g_hash_table_lookup(table, ((GwHostEntry *)value)->row->name));
    gw_engine_serial_next(engine);
    g_mutex_unlock(&engine->lock);
    g_ptr_array_unref(old);
}

gboolean gw_engine_load_aggregates(GwEngine *engine, GError **error)
{
    GPtrArray *all = NULL;
    if (!gw_store_aggregates(engine->store, &all, error))
        return FALSE;
    publish(engine, all);
    return TRUE;
}

GPtrArray *gw_engine_aggregates(GwEngine *engine)
{
    g_mutex_lock(&engine->lock);
    GPtrArray *all = g_ptr_array_ref(engine->aggregates); /* never changed once made, only replaced */
    g_mutex_unlock(&engine->lock);
    return all;
}

GwAggregate *gw_engine_aggregate(GwEngine *engine, gint64 id)
{
    g_autoptr(GPtrArray) all = gw_engine_aggregates(engine);
    const GwAggregate *found = gw_aggregates_find(all, id);
    return found ? gw_aggregate_ref((GwAggregate *)found) : NULL;
}

/* ---- changes: one at a time, so that what is read after the last is what is kept */

/* Another request may have removed it since. */
static gboolean give(GwEngine *engine, gint64 id, GwAggregate **ret, GError **error)
{
    GwAggregate *aggregate = gw_engine_aggregate(engine, id);
    if (aggregate)
        *ret = aggregate;
    else
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Aggregate %" G_GINT64_FORMAT " could not be found.", id);
    return aggregate != NULL;
}

static gboolean add(GwEngine *engine, const char *name, const char *zone, gint64 *ret_id, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&engine->edit_lock);
    return gw_store_aggregate_add(engine->store, name, zone, ret_id, error) && gw_engine_load_aggregates(engine, error);
}

gboolean gw_engine_aggregate_add(GwEngine *engine, const char *name, const char *zone, GwAggregate **ret, GError **error)
{
    gint64 id;
    return add(engine, name, zone, &id, error) && give(engine, id, ret, error);
}

static guint count_instances(GwEngine *engine, const char *host)
{
    g_autoptr(GwHostView) view = gw_engine_host(engine, host);
    return view ? view->instances : 0;
}

/* Servers stay in their zone: it is not changed under them. */
static gboolean check_no_instances(GwEngine *engine, gint64 id, const GwAggregateEdit *edit, GError **error)
{
    g_autoptr(GwAggregate) aggregate = gw_engine_aggregate(engine, id);
    gboolean changes = FALSE;
    for (guint i = 0; aggregate && edit->metadata && i < edit->metadata->len; i++) {
        const GwMetadatum *datum = edit->metadata->pdata[i];
        changes |= strcmp(datum->key, GW_ZONE_KEY) == 0 && datum->value &&
                   g_strcmp0(datum->value, gw_aggregate_zone(aggregate)) != 0;
    }
    for (guint i = 0; changes && i < aggregate->hosts->len; i++) {
        const char *host = aggregate->hosts->pdata[i];
        guint instances = count_instances(engine, host);
        if (instances)
            return gw_aggregate_refuse(edit->action, id, error,
                                       "One or more hosts contain instances in this zone: %s has %u; move them away, or "
                                       "take %s out, change the zone, and add it again",
                                       host, instances, host);
    }
    return TRUE;
}

gboolean gw_aggregate_journal(GwEngine *engine, gint64 id, const GwAggregateEdit *edit, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&engine->edit_lock);
    return gw_store_aggregate_edit(engine->store, id, edit, error) && gw_engine_load_aggregates(engine, error);
}

/* What is asked for, and what follows from it where the aggregate is a pool; NULL: it may not be. */
static GPtrArray *guard_metadata(GwEngine *engine, gint64 id, const GPtrArray *asked, GError **error)
{
    g_autoptr(GPtrArray) changes = gw_metadata_new();
    g_autoptr(GwAggregate) aggregate = gw_engine_aggregate(engine, id);
    for (guint i = 0; i < asked->len; i++) {
        const GwMetadatum *datum = asked->pdata[i];
        gw_metadata_add(changes, datum->key, datum->value);
    }
    if (aggregate && !gw_pool_check_metadata(aggregate, changes, error))
        return NULL;
    return g_steal_pointer(&changes);
}

static gboolean edit_aggregate(GwEngine *engine, gint64 id, const GwAggregateEdit *edit, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&engine->edit_lock);
    GwAggregateEdit whole = *edit;
    g_autoptr(GPtrArray) changes = edit->metadata ? guard_metadata(engine, id, edit->metadata, error) : NULL;
    if (edit->metadata && !changes)
        return FALSE;
    whole.metadata = changes;
    return check_no_instances(engine, id, edit, error) && gw_store_aggregate_edit(engine->store, id, &whole, error) &&
           gw_engine_load_aggregates(engine, error);
}

gboolean gw_engine_aggregate_edit(GwEngine *engine, gint64 id, const GwAggregateEdit *edit, GwAggregate **ret,
                                  GError **error)
{
    return edit_aggregate(engine, id, edit, error) && give(engine, id, ret, error);
}

typedef gboolean (*Membership)(GwStore *store, gint64 id, const char *host, GError **error);

static gboolean change_hosts(GwEngine *engine, Membership change, gint64 id, const char *host, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&engine->edit_lock);
    return change(engine->store, id, host, error) && gw_engine_load_aggregates(engine, error);
}

gboolean gw_engine_aggregate_add_host(GwEngine *engine, gint64 id, const char *host, GwAggregate **ret, GError **error)
{
    return change_hosts(engine, gw_store_aggregate_add_host, id, host, error) && give(engine, id, ret, error);
}

gboolean gw_engine_aggregate_remove_host(GwEngine *engine, gint64 id, const char *host, GwAggregate **ret, GError **error)
{
    return change_hosts(engine, gw_store_aggregate_remove_host, id, host, error) && give(engine, id, ret, error);
}

gboolean gw_engine_aggregate_remove(GwEngine *engine, gint64 id, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&engine->edit_lock);
    return gw_store_aggregate_remove(engine->store, id, error) && gw_engine_load_aggregates(engine, error);
}
