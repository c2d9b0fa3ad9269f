/* Host aggregates: named groups of hosts with metadata, and availability zones, which are the value of one key of it.
 * Values, immutable once published, shared by reference count; and Nova's rules about them. Pure. */
#ifndef GW_CORE_AGGREGATE_H
#define GW_CORE_AGGREGATE_H

#include "core/instance.h"

/* An aggregate's zone is this key of its metadata, as in Nova; hosts without one are in the default zone (Nova's
 * default_availability_zone). */
#define GW_ZONE_KEY "availability_zone"
#define GW_DEFAULT_ZONE "nova"

typedef struct {
    char *key;
    char *value; /* NULL, in a change: the key goes away */
} GwMetadatum;

typedef struct {
    gatomicrefcount refs;
    gint64 id; /* ascending, from 1; never reused */
    char uuid[GW_UUID_SIZE];
    char *name;
    GPtrArray *hosts;    /* of char *: names of hosts, in the order in which they were added; owned */
    GPtrArray *metadata; /* of GwMetadatum *, by key; owned */
    gint64 created_us, updated_us; /* updated_us is 0 until something changed */
} GwAggregate;

GwAggregate *gw_aggregate_new(void); /* one reference; arrays present and empty */
GwAggregate *gw_aggregate_ref(GwAggregate *aggregate);
void gw_aggregate_unref(GwAggregate *aggregate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwAggregate, gw_aggregate_unref)
GPtrArray *gw_aggregates_new(void); /* of GwAggregate *, which it owns references of */

GPtrArray *gw_metadata_new(void); /* of GwMetadatum *, owned */
void gw_metadata_add(GPtrArray *metadata, const char *key, const char *value);

const char *gw_aggregate_get(const GwAggregate *aggregate, const char *key); /* NULL when it has no such key */
const char *gw_aggregate_zone(const GwAggregate *aggregate);                 /* NULL when it makes no zone */
gboolean gw_aggregate_has_host(const GwAggregate *aggregate, const char *host);
/* The zone of a host that is in these aggregates: never NULL. Borrowed from them, or static. */
const char *gw_aggregates_zone(const GPtrArray *aggregates);
const GwAggregate *gw_aggregates_named(const GPtrArray *aggregates, const char *name); /* by id, which comes first, or name; or NULL */
const GwAggregate *gw_aggregates_find(const GPtrArray *aggregates, gint64 id); /* or NULL */

/* ---- Rules of changes. Errors are in Nova's words (nova/exception.py), as far as Nova has words for them. */
typedef enum {
    GW_AGGREGATE_ADD_HOST,     /* CONFLICT */
    GW_AGGREGATE_UPDATE,       /* INVALID, as for the next */
    GW_AGGREGATE_SET_METADATA,
    GW_AGGREGATE_DELETE,
} GwAggregateAction;

/* "Cannot add host to aggregate 3. Reason: …." reason as by printf. Always FALSE. */
gboolean gw_aggregate_refuse(GwAggregateAction action, gint64 id, GError **error, const char *reason, ...)
    G_GNUC_PRINTF(4, 5);
/* Nova's sentence, and why: a host that is no member of it. Always FALSE. */
gboolean gw_aggregate_refuse_stranger(const GwAggregate *aggregate, const char *host, GError **error);
/* A host is in one zone at most: none of hosts (of char *) may be in an aggregate, but for this one, of another zone.
 * zone: that which aggregate is going to have; NULL: none, and nothing is wrong. all: every aggregate. */
gboolean gw_aggregate_check_zone(const GPtrArray *all, const GwAggregate *aggregate, const char *zone,
                                 const GPtrArray *hosts, GwAggregateAction action, GError **error);
/* Whether these changes may be made to its metadata: a zone cannot become empty, and the limits that placement reads
 * (core/host_limits.h) must be numbers. Other keys are the administrator's own. */
gboolean gw_aggregate_check_metadata(const GwAggregate *aggregate, const GPtrArray *metadata, GwAggregateAction action,
                                     GError **error);

#endif
