/* What the metadata of aggregates demands of placement, under the names of Nova's Aggregate…Filters. Pure. */
#ifndef GW_CORE_HOST_LIMITS_H
#define GW_CORE_HOST_LIMITS_H

#include "core/aggregate.h"
#include "core/checks.h"
#include "core/group.h"

/* A host has the strictest value of all its aggregates. X(ENUM, key, what it is: G for a whole number, D for a factor) */
#define GW_LIMITS(X)                                                                                                   \
    X(CPU, "cpu_allocation_ratio", "a number above 0, such as 4.0")   /* AggregateCoreFilter */                        \
    X(RAM, "ram_allocation_ratio", "a number above 0, such as 1.5")   /* AggregateRamFilter */                         \
    X(INSTANCES, "max_instances_per_host", "a whole number")          /* AggregateNumInstancesFilter */                \
    X(IO_OPS, "max_io_ops_per_host", "a whole number")                /* AggregateIoOpsFilter */

typedef enum {
#define X(ENUM, key, form) GW_LIMIT_##ENUM,
    GW_LIMITS(X)
#undef X
        GW_LIMIT_COUNT
} GwLimit;

const char *gw_limit_key(GwLimit limit);
/* Whether text is a value of that limit. */
gboolean gw_limit_parse(GwLimit limit, const char *text, double *ret_value);
/* NULL when key is no limit, no policy and no option (core/overrides.h), or value suits it; else what it must be. Static. */
const char *gw_limit_objection(const char *key, const char *value);

/* Not a limit, but set beside them: how the live migrations that leave the hosts of an aggregate are ended (core/ladder.h). */
#define GW_POLICY_KEY "migration_policy"
/* Of a host that is in these aggregates: of several policies the one whose forced pause is the shortest; NULL: none is set. */
const GwPolicy *gw_limits_policy(const GPtrArray *aggregates);

/* Keys that begin so are lists of projects (Nova's AggregateMultiTenancyIsolation): the hosts of that aggregate are kept for them. */
#define GW_TENANT_KEY "filter_tenant_id"

/* Whether word is one of a list with commas between, and any spaces. */
gboolean gw_list_has(const char *list, const char *word);

/* A key of an instance's metadata: hosts that it may be on, with commas between; * and ? stand for what they do in a shell. Whoever moves
 * it keeps to that; where it is now does not count. */
#define GW_PIN_KEY "godwit:hosts"
gboolean gw_pins_allow(const char *pins, const char *host);
/* NULL: to none. */
const char *gw_pins_of(const GPtrArray *metadata /* of GwMetadatum *, or NULL */);

/* What is on a host now and what is on its way there. */
typedef struct {
    guint instances;
    guint vcpus;
    guint64 memory_mib; /* promised to instances, stopped ones too */
    guint moves;        /* migrations under way from or to it */
    guint members;      /* of `instances`, those of the group of the instance in question */
} GwUsage;

/* What the host that is looked at has. */
typedef struct {
    const char *name;
    const GPtrArray *aggregates; /* of GwAggregate *: those that it is in; may be NULL */
    guint cpus;                  /* 0: not known, and not limited then */
    guint64 memory_mib;          /* likewise */
    guint64 reserved_mib;        /* reserved_host_memory_mb */
    GwUsage usage;               /* without the instance in question */
    const GwGroup *group;        /* of that instance, or NULL */
    const char *group_host;      /* another host that takes instances and has some of that group; NULL: there is none */
} GwLimited;

/* What is looked for. */
typedef struct {
    const char *name;       /* of the instance */
    const char *project_id; /* whose it is */
    const char *zone;       /* the one it was pinned to, or NULL for any (AvailabilityZoneFilter) */
    const char *pins;       /* hosts that it may be on, or NULL for any */
    gboolean group_goes;    /* all of its group that stays together are on their way to the same host */
    guint vcpus;
    guint64 memory_mib;
} GwDemand;

/* Adds every reason against that host to findings: its zone, the instance's pins and server group, tenants it is kept for (filter_tenant_id…,
 * AggregateMultiTenancyIsolation), limits. Each names the aggregate and the key. */
void gw_limits_judge(const GwLimited *host, const GwDemand *demand, GPtrArray *findings);

#endif
