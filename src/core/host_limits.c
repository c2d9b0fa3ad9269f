#include "core/host_limits.h"

#include "core/overrides.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *key, *form;
} limits[] = {
#define X(ENUM, key, form) {key, form},
    GW_LIMITS(X)
#undef X
};
_Static_assert(G_N_ELEMENTS(limits) == GW_LIMIT_COUNT, "one row per limit");

const char *gw_limit_key(GwLimit limit)
{
    return limits[limit].key;
}

static gboolean parse_ratio(const char *text, double *ret_value)
{
    char *end;
    double value = g_ascii_strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value <= 0)
        return FALSE;
    *ret_value = value;
    return TRUE;
}

static gboolean parse_count(const char *text, double *ret_value)
{
    guint64 value;
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT32, &value, NULL))
        return FALSE;
    *ret_value = (double)value;
    return TRUE;
}

gboolean gw_limit_parse(GwLimit limit, const char *text, double *ret_value)
{
    switch (limit) {
    case GW_LIMIT_CPU:
    case GW_LIMIT_RAM:
        return parse_ratio(text, ret_value);
    case GW_LIMIT_INSTANCES:
    case GW_LIMIT_IO_OPS:
        return parse_count(text, ret_value);
    case GW_LIMIT_COUNT:
        break;
    }
    return FALSE;
}

const GwPolicy *gw_limits_policy(const GPtrArray *aggregates)
{
    const GwPolicy *gentlest = NULL;
    for (guint i = 0; i < aggregates->len; i++) {
        const char *name = gw_aggregate_get(aggregates->pdata[i], GW_POLICY_KEY);
        const GwPolicy *policy = name ? gw_policy_find(name) : NULL;
        if (policy && (!gentlest || policy->forced_pause_ms < gentlest->forced_pause_ms))
            gentlest = policy;
    }
    return gentlest;
}

const char *gw_limit_objection(const char *key, const char *value)
{
    double number;
    if (strcmp(key, GW_POLICY_KEY) == 0)
        return gw_policy_find(value) ? NULL : "balanced, minimal-downtime, fast or never-pause";
    for (guint i = 0; i < GW_LIMIT_COUNT; i++)
        if (strcmp(limits[i].key, key) == 0)
            return gw_limit_parse((GwLimit)i, value, &number) ? NULL : limits[i].form;
    return gw_override_objection(key, value);
}

/* ---- lists */

gboolean gw_list_has(const char *list, const char *word)
{
    g_auto(GStrv) words = g_strsplit(list, ",", -1);
    for (guint i = 0; words[i]; i++)
        if (g_strcmp0(g_strstrip(words[i]), word) == 0)
            return TRUE;
    return FALSE;
}

gboolean gw_pins_allow(const char *pins, const char *host)
{
    g_auto(GStrv) words = g_strsplit(pins, ",", -1);
    for (guint i = 0; words[i]; i++)
        if (g_pattern_match_simple(g_strstrip(words[i]), host))
            return TRUE;
    return FALSE;
}

const char *gw_pins_of(const GPtrArray *metadata)
{
    const char *pins = NULL;
    for (guint i = 0; metadata && i < metadata->len; i++)
        if (strcmp(((const GwMetadatum *)metadata->pdata[i])->key, GW_PIN_KEY) == 0)
            pins = ((const GwMetadatum *)metadata->pdata[i])->value;
    return pins && *pins ? pins : NULL;
}

/* ---- judging a host */

typedef struct {
    const GwLimited *host;
    const GwDemand *demand;
    GPtrArray *findings;
} Context;

static void object(const Context *c, const char *code, char *fact, char *why, char *remedy)
{
    gw_findings_add(c->findings, GW_FINDING_BLOCKS, code, c->host->name, fact, why, remedy);
}

/* The aggregate with the strictest value of a limit; NULL when none has one. */
static const GwAggregate *strictest(const Context *c, GwLimit limit, double *ret_value)
{
    const GwAggregate *found = NULL;
    for (guint i = 0; i < c->host->aggregates->len; i++) {
        const GwAggregate *aggregate = c->host->aggregates->pdata[i];
        const char *text = gw_aggregate_get(aggregate, gw_limit_key(limit));
        double value;
        if (text && gw_limit_parse(limit, text, &value) && (!found || value < *ret_value)) {
            found = aggregate;
            *ret_value = value;
        }
    }
    return found;
}

/* "aggregate rack1 (max_instances_per_host=2)": where a limit comes from. */
static char *origin(const GwAggregate *aggregate, GwLimit limit)
{
    const char *key = gw_limit_key(limit);
    return g_strdup_printf("aggregate %s has %s=%s", aggregate->name, key, gw_aggregate_get(aggregate, key));
}

static char *advice(const GwAggregate *aggregate, GwLimit limit)
{
    return g_strdup_printf("name another host, or raise %s of aggregate %s", gw_limit_key(limit), aggregate->name);
}

static void judge_zone(const Context *c)
{
    const char *zone = gw_aggregates_zone(c->host->aggregates);
    if (!c->demand->zone || strcmp(zone, c->demand->zone) == 0)
        return;
    object(c, "availability-zone", g_strdup_printf("%s is in availability zone %s", c->host->name, zone),
           g_strdup_printf("%s was asked to stay in zone %s", c->demand->name, c->demand->zone),
           g_strdup_printf("name a host of zone %s", c->demand->zone));
}

static void judge_pins(const Context *c)
{
    const char *pins = c->demand->pins;
    if (!pins || gw_pins_allow(pins, c->host->name))
        return;
    object(c, "pinned", g_strdup_printf("%s is none of the hosts that %s is pinned to", c->host->name, c->demand->name),
           g_strdup_printf("its metadata have %s=%s", GW_PIN_KEY, pins),
           g_strdup_printf("name one of those, pin it to others (godwit pin %s HOST...), or let it go (godwit unpin %s)", c->demand->name,
                           c->demand->name));
}

/* Keys that begin so are all lists of tenants: one value is too short for many (Nova's AggregateMultiTenancyIsolation).
 * A host in several such aggregates takes the tenants of each. */
static void judge_tenant(const Context *c)
{
    g_autoptr(GString) keepers = g_string_new(NULL);
    for (guint i = 0; i < c->host->aggregates->len; i++) {
        const GwAggregate *aggregate = c->host->aggregates->pdata[i];
        for (guint k = 0; k < aggregate->metadata->len; k++) {
            const GwMetadatum *datum = aggregate->metadata->pdata[k];
            if (!g_str_has_prefix(datum->key, GW_TENANT_KEY))
                continue;
            if (gw_list_has(datum->value, c->demand->project_id))
                return;
            g_string_append_printf(keepers, "%s%s=%s of aggregate %s", keepers->len ? ", " : "", datum->key,
                                   datum->value, aggregate->name);
        }
    }
    if (keepers->len)
        object(c, "tenant",
               g_strdup_printf("%s is kept for other tenants by %s", c->host->name, keepers->str),
               g_strdup_printf("%s belongs to project %s", c->demand->name, c->demand->project_id),
               g_strdup("name another host, or add the project to the list"));
}

static void judge_cpus(const Context *c)
{
    double ratio;
    const GwAggregate *aggregate = strictest(c, GW_LIMIT_CPU, &ratio);
    guint wanted = c->host->usage.vcpus + c->demand->vcpus;
    if (!aggregate || !c->host->cpus)
        return;
    g_autofree char *from = origin(aggregate, GW_LIMIT_CPU);
    if (c->demand->vcpus > c->host->cpus)
        object(c, "cpu-ratio", g_strdup_printf("%s has %u CPUs", c->host->name, c->host->cpus),
               g_strdup_printf("%s has %u, and %s, which shares CPUs between instances, not within one",
                               c->demand->name, c->demand->vcpus, from),
               g_strdup("name a host with more CPUs"));
    else if (wanted > c->host->cpus * ratio)
        object(c, "cpu-ratio",
               g_strdup_printf("%s has %u CPUs, and its instances have %u", c->host->name, c->host->cpus,
                               c->host->usage.vcpus),
               g_strdup_printf("%s needs %u more, and %s", c->demand->name, c->demand->vcpus, from),
               advice(aggregate, GW_LIMIT_CPU));
}

/* Promised memory, beside the check of memory that is free: what stopped instances will need counts here. */
static void judge_memory(const Context *c)
{
    double ratio;
    const GwAggregate *aggregate = strictest(c, GW_LIMIT_RAM, &ratio);
    guint64 promised = c->host->usage.memory_mib + c->host->reserved_mib;
    if (!aggregate || !c->host->memory_mib ||
        (double)(promised + c->demand->memory_mib) <= (double)c->host->memory_mib * ratio)
        return;
    g_autofree char *from = origin(aggregate, GW_LIMIT_RAM);
    object(c, "ram-ratio",
           g_strdup_printf("%s has %" G_GUINT64_FORMAT " MiB of memory, of which %" G_GUINT64_FORMAT
                           " MiB are promised to instances and the host itself",
                           c->host->name, c->host->memory_mib, promised),
           g_strdup_printf("%s needs %" G_GUINT64_FORMAT " MiB, and %s", c->demand->name, c->demand->memory_mib, from),
           advice(aggregate, GW_LIMIT_RAM));
}

static void judge_count(const Context *c, GwLimit limit, guint have, const char *code, const char *one, const char *many)
{
    double most;
    const GwAggregate *aggregate = strictest(c, limit, &most);
    if (!aggregate || have < most)
        return;
    object(c, code, g_strdup_printf("%s has %u %s", c->host->name, have, have == 1 ? one : many), origin(aggregate, limit),
           advice(aggregate, limit));
}

static void judge_group(const Context *c)
{
    const GwGroup *group = c->host->group;
    guint here = c->host->usage.members;
    if (!group)
        return;
    g_autofree char *leave = g_strdup_printf("take it out of the group (godwit server-group-remove-server %s %s)", group->name, c->demand->name);
    guint most = MAX(1, group->max_per_host);
    if (group->policy == GW_GROUP_ANTI_AFFINITY && here >= most)
        object(c, "group-anti-affinity", g_strdup_printf("%s has %u of the group %s", c->host->name, here, group->name),
               g_strdup_printf("%s is in that group too, whose policy anti-affinity allows %u on a host", c->demand->name, most),
               g_strdup_printf("name another host, or %s", leave));
    if (group->policy == GW_GROUP_AFFINITY && !here && c->host->group_host && !c->demand->group_goes)
        object(c, "group-affinity", g_strdup_printf("%s has none of the group %s", c->host->name, group->name),
               g_strdup_printf("%s is in that group, whose policy affinity keeps it together, and others of it are on %s", c->demand->name,
                               c->host->group_host),
               g_strdup_printf("name %s, empty %s with godwit drain, or %s", c->host->group_host, c->host->group_host, leave));
}

void gw_limits_judge(const GwLimited *host, const GwDemand *demand, GPtrArray *findings)
{
    g_autoptr(GPtrArray) none = host->aggregates ? NULL : gw_aggregates_new();
    GwLimited whole = *host;
    whole.aggregates = host->aggregates ? host->aggregates : none;
    Context c = {&whole, demand, findings};
    judge_zone(&c);
    judge_pins(&c);
    judge_group(&c);
    judge_tenant(&c);
    judge_cpus(&c);
    judge_memory(&c);
    judge_count(&c, GW_LIMIT_INSTANCES, host->usage.instances, "instance-limit", "instance", "instances");
    judge_count(&c, GW_LIMIT_IO_OPS, host->usage.moves, "move-limit", "move under way",
                "moves under way");
}
