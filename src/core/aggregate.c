#include "core/aggregate.h"

#include "base/error.h"
#include "core/host_limits.h"

#include <string.h>

static void metadatum_free(gpointer data)
{
    GwMetadatum *datum = data;
    g_free(datum->key);
    g_free(datum->value);
    g_free(datum);
}

GPtrArray *gw_metadata_new(void)
{
    return g_ptr_array_new_with_free_func(metadatum_free);
}

void gw_metadata_add(GPtrArray *metadata, const char *key, const char *value)
{
    GwMetadatum *datum = g_new0(GwMetadatum, 1);
    datum->key = g_strdup(key);
    datum->value = g_strdup(value);
    g_ptr_array_add(metadata, datum);
}

static const GwMetadatum *find_datum(const GPtrArray *metadata, const char *key)
{
    for (guint i = 0; i < metadata->len; i++) {
        const GwMetadatum *datum = metadata->pdata[i];
        if (strcmp(datum->key, key) == 0)
            return datum;
    }
    return NULL;
}

GwAggregate *gw_aggregate_new(void)
{
    GwAggregate *aggregate = g_new0(GwAggregate, 1);
    g_atomic_ref_count_init(&aggregate->refs);
    aggregate->hosts = g_ptr_array_new_with_free_func(g_free);
    aggregate->metadata = gw_metadata_new();
    return aggregate;
}

GwAggregate *gw_aggregate_ref(GwAggregate *aggregate)
{
    g_atomic_ref_count_inc(&aggregate->refs);
    return aggregate;
}

void gw_aggregate_unref(GwAggregate *aggregate)
{
    if (!g_atomic_ref_count_dec(&aggregate->refs))
        return;
    g_free(aggregate->name);
    g_ptr_array_unref(aggregate->hosts);
    g_ptr_array_unref(aggregate->metadata);
    g_free(aggregate);
}

GPtrArray *gw_aggregates_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)gw_aggregate_unref);
}

const char *gw_aggregate_get(const GwAggregate *aggregate, const char *key)
{
    const GwMetadatum *datum = find_datum(aggregate->metadata, key);
    return datum ? datum->value : NULL;
}

const char *gw_aggregate_zone(const GwAggregate *aggregate)
{
    return gw_aggregate_get(aggregate, GW_ZONE_KEY);
}

gboolean gw_aggregate_has_host(const GwAggregate *aggregate, const char *host)
{
    return g_ptr_array_find_with_equal_func(aggregate->hosts, host, g_str_equal, NULL);
}

const char *gw_aggregates_zone(const GPtrArray *aggregates)
{
    for (guint i = 0; i < aggregates->len; i++) {
        const char *zone = gw_aggregate_zone(aggregates->pdata[i]);
        if (zone)
            return zone;
    }
    return GW_DEFAULT_ZONE;
}

const GwAggregate *gw_aggregates_named(const GPtrArray *aggregates, const char *name)
{
    const GwAggregate *found = NULL;
    for (guint i = 0; i < aggregates->len; i++) {
        const GwAggregate *aggregate = aggregates->pdata[i];
        g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, aggregate->id);
        if (strcmp(id, name) == 0)
            return aggregate;
        if (strcmp(aggregate->name, name) == 0)
            found = aggregate;
    }
    return found;
}

const GwAggregate *gw_aggregates_find(const GPtrArray *aggregates, gint64 id)
{
    for (guint i = 0; i < aggregates->len; i++)
        if (((const GwAggregate *)aggregates->pdata[i])->id == id)
            return aggregates->pdata[i];
    return NULL;
}

/* ---- rules */

/* InvalidAggregateAction… of nova/exception.py; that of a deletion speaks of hosts there, too. */
static const char *sentence_of(GwAggregateAction action)
{
    switch (action) {
    case GW_AGGREGATE_ADD_HOST:
        return "Cannot add host to aggregate";
    case GW_AGGREGATE_UPDATE:
        return "Cannot update aggregate";
    case GW_AGGREGATE_SET_METADATA:
        return "Cannot update metadata of aggregate";
    case GW_AGGREGATE_DELETE:
        return "Cannot remove host from aggregate";
    }
    return NULL;
}

gboolean gw_aggregate_refuse(GwAggregateAction action, gint64 id, GError **error, const char *reason, ...)
{
    va_list args;
    va_start(args, reason);
    g_autofree char *text = g_strdup_vprintf(reason, args);
    va_end(args);
    g_set_error(error, GW_ERROR, action == GW_AGGREGATE_ADD_HOST ? GW_ERROR_CONFLICT : GW_ERROR_INVALID,
                "%s %" G_GINT64_FORMAT ". Reason: %s.", sentence_of(action), id, text);
    return FALSE;
}

gboolean gw_aggregate_refuse_stranger(const GwAggregate *aggregate, const char *host, GError **error)
{
    g_autoptr(GString) members = g_string_new(NULL);
    for (guint i = 0; i < aggregate->hosts->len; i++)
        g_string_append_printf(members, "%s%s", i ? ", " : "", (const char *)aggregate->hosts->pdata[i]);
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND,
                "Cannot remove host %s in aggregate %" G_GINT64_FORMAT ": it is none of its hosts (%s)", host, aggregate->id,
                members->len ? members->str : "it has none");
    return FALSE;
}

static gboolean shares_host(const GwAggregate *aggregate, const GPtrArray *hosts)
{
    for (guint i = 0; i < hosts->len; i++)
        if (gw_aggregate_has_host(aggregate, hosts->pdata[i]))
            return TRUE;
    return FALSE;
}

gboolean gw_aggregate_check_zone(const GPtrArray *all, const GwAggregate *aggregate, const char *zone,
                                 const GPtrArray *hosts, GwAggregateAction action, GError **error)
{
    g_autoptr(GString) others = g_string_new(NULL);
    for (guint i = 0; zone && i < all->len; i++) {
        const GwAggregate *other = all->pdata[i];
        const char *other_zone = gw_aggregate_zone(other);
        if (other->id != aggregate->id && other_zone && strcmp(other_zone, zone) != 0 && shares_host(other, hosts))
            g_string_append_printf(others, "%s'%s'", others->len ? ", " : "", other_zone);
    }
    if (!others->len)
        return TRUE;
    return gw_aggregate_refuse(action, aggregate->id, error, "One or more hosts already in availability zone(s) [%s]",
                               others->str);
}

gboolean gw_aggregate_check_metadata(const GwAggregate *aggregate, const GPtrArray *metadata, GwAggregateAction action,
                                     GError **error)
{
    for (guint i = 0; i < metadata->len; i++) {
        const GwMetadatum *datum = metadata->pdata[i];
        const char *form = datum->value ? gw_limit_objection(datum->key, datum->value) : NULL;
        if (strcmp(datum->key, GW_ZONE_KEY) == 0 && (!datum->value || !*datum->value))
            return gw_aggregate_refuse(action, aggregate->id, error,
                                       "Aggregate %s does not support empty named availability zone", aggregate->name);
        if (form)
            return gw_aggregate_refuse(action, aggregate->id, error, "%s is '%s', but must be %s", datum->key,
                                       datum->value, form);
    }
    return TRUE;
}
