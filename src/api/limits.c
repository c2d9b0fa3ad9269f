/* limits and os-quota-sets. Godwit has no quotas: what it has is unlimited (-1), what it does not have (key pairs,
 * floating addresses, …) is 0 (nova/api/openstack/compute: limits.py, quota_sets.py). */
#include "api/handlers.h"
#include "api/query.h"
#include "api/view.h"

#include <string.h>

/* What there is. */
typedef struct {
    guint64 instances, cores, ram_mib;
} Used;

static Used count_used(GwRequest *request)
{
    Used used = {0};
    g_autoptr(GwViewList) views = gw_engine_instances(request->engine, NULL);
    GwViewIter iter;
    gw_view_iter_init(&iter, views, NULL, NULL);
    for (const GwInstanceView *view; (view = gw_view_iter_next(&iter));) {
        const GwInstance *instance = view->instance;
        used.instances++;
        used.cores += instance->vcpus;
        used.ram_mib += instance->memory_mib;
    }
    return used;
}

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)
#define USED ((const Used *)row)

FIELD(unlimited)
{
    return json_integer(-1);
}

FIELD(instances)
{
    return gw_json_count(USED->instances);
}

FIELD(cores)
{
    return gw_json_count(USED->cores);
}

FIELD(ram)
{
    return gw_json_count(USED->ram_mib);
}

/* The proxies to the network service went with 2.36, those to the image service with 2.39, files with 2.57. */
static const GwField absolute[] = {
    {"maxTotalInstances", unlimited},
    {"maxTotalCores", unlimited},
    {"maxTotalRAMSize", unlimited},
    {"maxServerMeta", gw_view_zero},
    {"maxImageMeta", gw_view_zero, 0, 38},
    {"maxPersonality", gw_view_zero, 0, 56},
    {"maxPersonalitySize", gw_view_zero, 0, 56},
    {"maxTotalKeypairs", gw_view_zero},
    {"maxServerGroups", unlimited},
    {"maxServerGroupMembers", unlimited},
    {"maxTotalFloatingIps", gw_view_zero, 0, 35},
    {"maxSecurityGroups", gw_view_zero, 0, 35},
    {"maxSecurityGroupRules", gw_view_zero, 0, 35},
    {"totalInstancesUsed", instances},
    {"totalCoresUsed", cores},
    {"totalRAMUsed", ram},
    {"totalServerGroupsUsed", gw_view_zero},
    {"totalFloatingIpsUsed", gw_view_zero, 0, 35},
    {"totalSecurityGroupsUsed", gw_view_zero, 0, 35},
};

static const GwQueryRule limit_rules[] = {
    {"tenant_id", GW_QUERY_TEXT},
    {"reserved", GW_QUERY_TEXT},
};

void gw_limits_show(GwRequest *request)
{
    if (!GW_QUERY_CHECK(request, limit_rules, 75))
        return;
    Used used = count_used(request);
    gw_reply_named(request, 200, "limits",
                   json_pack("{s:[],s:o}", "rate", "absolute", GW_VIEW(request, absolute, &used)));
}

/* ---- quotas of a project */

typedef struct {
    const char *name;
    gint64 limit;
    size_t used; /* offset in Used; UNUSED: nothing counts against it */
    guint until; /* as in a GwField */
} Quota;

enum { UNUSED = G_MAXUINT16 };

static const Quota quotas[] = {
    {"instances", -1, offsetof(Used, instances), 0},
    {"cores", -1, offsetof(Used, cores), 0},
    {"ram", -1, offsetof(Used, ram_mib), 0},
    {"metadata_items", 0, UNUSED, 0},
    {"key_pairs", 0, UNUSED, 0},
    {"server_groups", -1, UNUSED, 0},
    {"server_group_members", -1, UNUSED, 0},
    {"injected_files", 0, UNUSED, 56},
    {"injected_file_content_bytes", 0, UNUSED, 56},
    {"injected_file_path_bytes", 0, UNUSED, 56},
    {"fixed_ips", 0, UNUSED, 35},
    {"floating_ips", 0, UNUSED, 35},
    {"security_groups", 0, UNUSED, 35},
    {"security_group_rules", 0, UNUSED, 35},
};

typedef json_t *(*Show)(const Quota *quota, const Used *used);

static json_t *show_limit(const Quota *quota, const Used *used)
{
    return json_integer(quota->limit);
}

static json_t *show_all(const Quota *quota, const Used *used)
{
    guint64 in_use = quota->used == UNUSED ? 0 : *(const guint64 *)(const void *)((const char *)used + quota->used);
    return json_pack("{s:I,s:o,s:i}", "limit", (json_int_t)quota->limit, "in_use", gw_json_count(in_use), "reserved",
                     0);
}

static void reply_quotas(GwRequest *request, Show show)
{
    static const GwQueryRule rules[] = {{"user_id", GW_QUERY_TEXT}};
    if (!GW_QUERY_CHECK(request, rules, 75))
        return;
    Used used = count_used(request);
    json_t *set = json_object();
    json_object_set_new(set, "id", gw_json_text(request->args[0]));
    for (guint i = 0; i < G_N_ELEMENTS(quotas); i++)
        if (!quotas[i].until || request->minor <= quotas[i].until)
            json_object_set_new(set, quotas[i].name, show(&quotas[i], &used));
    gw_reply_named(request, 200, "quota_set", set);
}

void gw_quotas_show(GwRequest *request)
{
    reply_quotas(request, show_limit);
}

void gw_quotas_detail(GwRequest *request)
{
    reply_quotas(request, show_all);
}
