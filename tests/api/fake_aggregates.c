/* The aggregates of the engine of memory: rules as in core/aggregate.h. What the real engine and store do with them is tested
 * with godwitd (test_aggregates.py). */
#include "fake_aggregates.h"

#include "base/error.h"

#include <string.h>

FakeAggregates *fake_aggregates_new(void)
{
    FakeAggregates *own = g_new0(FakeAggregates, 1);
    g_mutex_init(&own->lock);
    own->all = gw_aggregates_new();
    return own;
}

void fake_aggregates_free(FakeAggregates *own)
{
    g_mutex_clear(&own->lock);
    g_ptr_array_unref(own->all);
    g_free(own);
}

GPtrArray *fake_aggregates_of_host(FakeAggregates *own, const char *host)
{
    GPtrArray *found = gw_aggregates_new();
    g_mutex_lock(&own->lock);
    for (guint i = 0; i < own->all->len; i++)
        if (gw_aggregate_has_host(own->all->pdata[i], host))
            g_ptr_array_add(found, gw_aggregate_ref(own->all->pdata[i]));
    g_mutex_unlock(&own->lock);
    return found;
}

static GwAggregate *copy(const GwAggregate *old)
{
    GwAggregate *new = gw_aggregate_new();
    new->id = old->id;
    g_strlcpy(new->uuid, old->uuid, sizeof new->uuid);
    new->name = g_strdup(old->name);
    new->created_us = old->created_us;
    new->updated_us = old->created_us + G_USEC_PER_SEC;
    for (guint i = 0; i < old->hosts->len; i++)
        g_ptr_array_add(new->hosts, g_strdup(old->hosts->pdata[i]));
    for (guint i = 0; i < old->metadata->len; i++) {
        const GwMetadatum *datum = old->metadata->pdata[i];
        gw_metadata_add(new->metadata, datum->key, datum->value);
    }
    return new;
}

static void set(GwAggregate *aggregate, const GwMetadatum *datum)
{
    for (guint i = 0; i < aggregate->metadata->len; i++)
        if (strcmp(((GwMetadatum *)aggregate->metadata->pdata[i])->key, datum->key) == 0)
            g_ptr_array_remove_index(aggregate->metadata, i--);
    if (datum->value)
        gw_metadata_add(aggregate->metadata, datum->key, datum->value);
}

GPtrArray *gw_engine_aggregates(GwEngine *engine)
{
    FakeAggregates *own = fake_engine_aggregates(engine);
    GPtrArray *all = gw_aggregates_new();
    g_mutex_lock(&own->lock);
    for (guint i = 0; i < own->all->len; i++)
        g_ptr_array_add(all, gw_aggregate_ref(own->all->pdata[i]));
    g_mutex_unlock(&own->lock);
    return all;
}

GwAggregate *gw_engine_aggregate(GwEngine *engine, gint64 id)
{
    g_autoptr(GPtrArray) all = gw_engine_aggregates(engine);
    const GwAggregate *found = gw_aggregates_find(all, id);
    return found ? gw_aggregate_ref((GwAggregate *)found) : NULL;
}

gboolean gw_engine_aggregate_add(GwEngine *engine, const char *name, const char *zone, GwAggregate **ret, GError **error)
{
    FakeAggregates *own = fake_engine_aggregates(engine);
    gboolean taken = FALSE;
    g_mutex_lock(&own->lock);
    for (guint i = 0; i < own->all->len; i++)
        taken |= strcmp(((GwAggregate *)own->all->pdata[i])->name, name) == 0;
    if (!taken) {
        GwAggregate *aggregate = gw_aggregate_new();
        aggregate->id = ++own->last_id;
        g_snprintf(aggregate->uuid, sizeof aggregate->uuid, "40000000-0000-4000-8000-%012" G_GINT64_FORMAT, aggregate->id);
        aggregate->name = g_strdup(name);
        aggregate->created_us = G_GINT64_CONSTANT(1767323045000678);
        if (zone)
            gw_metadata_add(aggregate->metadata, GW_ZONE_KEY, zone);
        g_ptr_array_add(own->all, aggregate);
        *ret = gw_aggregate_ref(aggregate);
    }
    g_mutex_unlock(&own->lock);
    if (taken)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Aggregate %s already exists.", name);
    return !taken;
}

/* One change of one aggregate: `apply` works on a copy, which takes the place of the old when it agrees. */
typedef gboolean (*Apply)(FakeAggregates *own, GwAggregate *aggregate, gconstpointer change, GError **error);

static gboolean change(GwEngine *engine, gint64 id, Apply apply, gconstpointer what, GwAggregate **ret, GError **error)
{
    FakeAggregates *own = fake_engine_aggregates(engine);
    guint index = 0;
    g_mutex_lock(&own->lock);
    const GwAggregate *old = gw_aggregates_find(own->all, id);
    g_autoptr(GwAggregate) new = old ? copy(old) : NULL;
    gboolean ok = new && apply(own, new, what, error);
    if (ok && g_ptr_array_find(own->all, old, &index)) {
        gw_aggregate_unref(own->all->pdata[index]);
        own->all->pdata[index] = gw_aggregate_ref(new);
        *ret = g_steal_pointer(&new);
    }
    g_mutex_unlock(&own->lock);
    if (!old)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Aggregate %" G_GINT64_FORMAT " could not be found.", id);
    return ok;
}

static gboolean apply_edit(FakeAggregates *own, GwAggregate *aggregate, gconstpointer what, GError **error)
{
    const GwAggregateEdit *edit = what;
    if (edit->metadata && !gw_aggregate_check_metadata(aggregate, edit->metadata, edit->action, error))
        return FALSE;
    for (guint i = 0; edit->metadata && i < edit->metadata->len; i++)
        set(aggregate, edit->metadata->pdata[i]);
    if (!gw_aggregate_check_zone(own->all, aggregate, gw_aggregate_zone(aggregate), aggregate->hosts, edit->action, error))
        return FALSE;
    if (edit->name) {
        g_free(aggregate->name);
        aggregate->name = g_strdup(edit->name);
    }
    return TRUE;
}

static gboolean apply_add(FakeAggregates *own, GwAggregate *aggregate, gconstpointer host, GError **error)
{
    g_autoptr(GPtrArray) hosts = g_ptr_array_new();
    g_ptr_array_add(hosts, (gpointer)host);
    if (!gw_aggregate_check_zone(own->all, aggregate, gw_aggregate_zone(aggregate), hosts, GW_AGGREGATE_ADD_HOST, error))
        return FALSE;
    g_ptr_array_add(aggregate->hosts, g_strdup(host));
    return TRUE;
}

static gboolean apply_remove(FakeAggregates *own, GwAggregate *aggregate, gconstpointer host, GError **error)
{
    guint index;
    if (g_ptr_array_find_with_equal_func(aggregate->hosts, host, g_str_equal, &index)) {
        g_ptr_array_remove_index(aggregate->hosts, index);
        return TRUE;
    }
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Cannot remove host %s in aggregate %" G_GINT64_FORMAT,
                (const char *)host, aggregate->id);
    return FALSE;
}

gboolean gw_engine_aggregate_edit(GwEngine *engine, gint64 id, const GwAggregateEdit *edit, GwAggregate **ret,
                                  GError **error)
{
    return change(engine, id, apply_edit, edit, ret, error);
}

gboolean gw_engine_aggregate_add_host(GwEngine *engine, gint64 id, const char *host, GwAggregate **ret, GError **error)
{
    return change(engine, id, apply_add, host, ret, error);
}

gboolean gw_engine_aggregate_remove_host(GwEngine *engine, gint64 id, const char *host, GwAggregate **ret, GError **error)
{
    return change(engine, id, apply_remove, host, ret, error);
}

/* ---- pools: no host is asked here */

typedef gboolean (*Check)(const GwAggregate *aggregate, const char *host, GError **error);

static void change_pool(GwEngine *engine, gint64 id, Check check, Apply apply, const char *host, GwDone done, gpointer data)
{
    g_autoptr(GwAggregate) aggregate = gw_engine_aggregate(engine, id), result = NULL;
    g_autoptr(GError) error = NULL;
    if (check(aggregate, host, &error))
        change(engine, id, apply, host, &result, &error);
    done(data, error);
}

void gw_engine_pool_add_host(GwEngine *engine, gint64 id, const char *host, GwJoinHow how, GwDone done, gpointer data)
{
    change_pool(engine, id, gw_pool_check_add, apply_add, host, done, data);
}

void gw_engine_pool_remove_host(GwEngine *engine, gint64 id, const char *host, const char *confirmed, GwDone done, gpointer data)
{
    change_pool(engine, id, gw_pool_check_remove, apply_remove, host, done, data);
}

void gw_engine_pool_look(GwEngine *engine, gint64 id, GwDone done, gpointer data)
{
    g_autoptr(GPtrArray) metadata = gw_metadata_new();
    g_autoptr(GwAggregate) result = NULL;
    g_autoptr(GError) error = NULL;
    gw_metadata_add(metadata, GW_POOL_STATE_KEY, gw_pool_state_names[GW_POOL_ACTIVE]);
    change(engine, id, apply_edit, &(GwAggregateEdit){.action = GW_AGGREGATE_SET_METADATA, .metadata = metadata}, &result, &error);
    done(data, error);
}

gboolean gw_engine_aggregate_remove(GwEngine *engine, gint64 id, GError **error)
{
    FakeAggregates *own = fake_engine_aggregates(engine);
    g_mutex_lock(&own->lock);
    GwAggregate *found = (GwAggregate *)gw_aggregates_find(own->all, id);
    if (!found)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Aggregate %" G_GINT64_FORMAT " could not be found.", id);
    else if (found->hosts->len)
        gw_aggregate_refuse(GW_AGGREGATE_DELETE, id, error, "Host aggregate is not empty");
    gboolean ok = found && !found->hosts->len && g_ptr_array_remove(own->all, found);
    g_mutex_unlock(&own->lock);
    return ok;
}
