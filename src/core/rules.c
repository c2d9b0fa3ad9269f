#include "core/rules.h"

#include "core/host_limits.h"
#include "core/sharing.h"

static gint64 member_key(int group, guint host)
{
    return (gint64)((guint64)(guint)group << 32 | host);
}

static guint count_of(GHashTable *table, gint64 key)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(table, &key));
}

static void add_to(GHashTable *table, gint64 key, int change)
{
    gint64 *owned = g_new(gint64, 1);
    *owned = key;
    g_hash_table_replace(table, owned, GUINT_TO_POINTER((guint)((int)count_of(table, key) + change)));
}

/* Whether a group that stays together lives where it has members on this host. */
static gboolean holds(const GwClusterHost *host)
{
    return !host->leaving && !host->holds_none;
}

/* How many hosts a group lives on. */
static void count_member(GwOccupancy *o, int group, guint host, int change)
{
    if (group < 0)
        return;
    guint before = count_of(o->members, member_key(group, host));
    add_to(o->members, member_key(group, host), change);
    guint after = before + (guint)change;
    if (holds(gw_cluster_host(o->cluster, host)) && (before == 0 || after == 0))
        add_to(o->totals, group, change);
}

/* Copies that its being on that host takes; none where its disks are. */
static void count_copies(GwOccupancy *o, guint instance, guint host, int change)
{
    GwCopies copies;
    gw_copies_of(o->cluster, instance, host, &copies);
    for (guint k = 0; k < G_N_ELEMENTS(copies.to); k++)
        if (copies.to[k] >= 0)
            o->copied[copies.to[k]] += change > 0 ? copies.bytes[k] : -copies.bytes[k];
}

static void count_instance(GwOccupancy *o, guint instance, guint host, int change)
{
    const GwClusterInstance *i = gw_cluster_instance(o->cluster, instance);
    o->memory_mib[host] += change > 0 ? i->memory_mib : -i->memory_mib;
    guint64 vcpus = i->stopped ? 0 : i->vcpus;
    o->vcpus[host] += change > 0 ? vcpus : -vcpus;
    o->load[host] += change * gw_cluster_load(i);
    o->count[host] += (guint)change;
    count_member(o, i->group, host, change);
    if (i->tie_count)
        count_copies(o, instance, host, change);
}

GwOccupancy *gw_occupancy_new(const GwCluster *cluster)
{
    GwOccupancy *o = g_new0(GwOccupancy, 1);
    guint hosts = cluster->hosts->len;
    o->cluster = cluster;
    o->where = g_new0(guint, cluster->instances->len + 1);
    o->memory_mib = g_new0(guint64, hosts + 1);
    o->vcpus = g_new0(guint64, hosts + 1);
    o->load = g_new0(double, hosts + 1);
    o->count = g_new0(guint, hosts + 1);
    o->copied = g_new0(guint64, cluster->storages->len + 1);
    o->members = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    o->totals = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (guint i = 0; i < cluster->instances->len; i++) {
        o->where[i] = gw_cluster_instance(cluster, i)->host;
        count_instance(o, i, o->where[i], 1);
    }
    for (guint t = 0; t < cluster->transits->len; t++) {
        const GwClusterTransit *transit = &g_array_index(cluster->transits, GwClusterTransit, t);
        count_instance(o, transit->instance, transit->dest, 1);
    }
    return o;
}

void gw_occupancy_free(GwOccupancy *o)
{
    if (!o)
        return;
    g_free(o->where);
    g_free(o->memory_mib);
    g_free(o->vcpus);
    g_free(o->load);
    g_free(o->count);
    g_free(o->copied);
    g_hash_table_unref(o->members);
    g_hash_table_unref(o->totals);
    g_free(o);
}

void gw_occupancy_enter(GwOccupancy *o, guint instance, guint host)
{
    count_instance(o, instance, host, 1);
}

void gw_occupancy_leave(GwOccupancy *o, guint instance, guint host)
{
    count_instance(o, instance, host, -1);
}

void gw_occupancy_move(GwOccupancy *o, guint instance, guint host)
{
    gw_occupancy_enter(o, instance, host);
    gw_occupancy_leave(o, instance, o->where[instance]);
    o->where[instance] = host;
}

/* ---- the rules */

static GwObjection group_objection(const GwOccupancy *o, const GwClusterInstance *i, guint instance, guint host)
{
    if (i->group < 0)
        return GW_OBJECTION_NONE;
    const GwClusterGroup *group = &g_array_index(o->cluster->groups, GwClusterGroup, i->group);
    guint there = count_of(o->members, member_key(i->group, host));
    switch (group->policy) {
    case GW_GROUP_ANTI_AFFINITY:
        return there >= MAX(1, group->max_per_host) ? GW_OBJECTION_APART : GW_OBJECTION_NONE;
    case GW_GROUP_AFFINITY: {
        /* hosts where others of the group live for good; the instance's own does not count when it is there alone */
        guint from = o->where[instance];
        guint lives = count_of(o->totals, i->group);
        if (holds(gw_cluster_host(o->cluster, from)) && count_of(o->members, member_key(i->group, from)) == 1)
            lives--;
        return lives && !there ? GW_OBJECTION_AFFINITY : GW_OBJECTION_NONE; /* of several where it lives, each will do */
    }
    case GW_GROUP_SOFT_AFFINITY:
    case GW_GROUP_SOFT_ANTI_AFFINITY:
    case GW_GROUP_POLICY_COUNT:
        break;
    }
    return GW_OBJECTION_NONE;
}

/* What is left of a storage for copies. */
static guint64 room_on(const GwOccupancy *o, int storage)
{
    guint64 free = gw_cluster_storage(o->cluster, (guint)storage)->free_bytes;
    return free > o->copied[storage] ? free - o->copied[storage] : 0;
}

/* Which of its two kinds of copies has no room; negative: none. */
static int crowded(const GwOccupancy *o, const GwCopies *copies)
{
    guint64 first = copies->to[0] == copies->to[1] ? copies->bytes[0] : 0; /* both go to one */
    if (copies->to[0] >= 0 && copies->bytes[0] > room_on(o, copies->to[0]))
        return 0;
    return copies->to[1] >= 0 && first + copies->bytes[1] > room_on(o, copies->to[1]) ? 1 : -1;
}

static gboolean has_disk_room(const GwOccupancy *o, guint instance, guint host)
{
    GwCopies copies;
    gw_copies_of(o->cluster, instance, host, &copies);
    return crowded(o, &copies) < 0;
}

static GwObjection room_objection(const GwOccupancy *o, guint instance, const GwClusterHost *h, guint host)
{
    const GwClusterInstance *i = gw_cluster_instance(o->cluster, instance);
    if (i->memory_mib && o->memory_mib[host] + i->memory_mib > gw_cluster_capacity_mib(h))
        return GW_OBJECTION_MEMORY;
    if (!i->stopped && (double)(o->vcpus[host] + i->vcpus) > gw_cluster_capacity_vcpus(h))
        return GW_OBJECTION_VCPUS;
    if (h->max_instances && o->count[host] >= h->max_instances)
        return GW_OBJECTION_INSTANCES;
    return i->tie_count && !has_disk_room(o, instance, host) ? GW_OBJECTION_DISK_ROOM : GW_OBJECTION_NONE;
}

GwObjection gw_rules_objection(const GwOccupancy *o, guint instance, guint host)
{
    const GwClusterInstance *i = gw_cluster_instance(o->cluster, instance);
    const GwClusterHost *h = gw_cluster_host(o->cluster, host);
    if (o->where[instance] == host)
        return GW_OBJECTION_THERE;
    if (h->leaving)
        return GW_OBJECTION_LEAVING;
    if (h->closed)
        return GW_OBJECTION_CLOSED;
    if (h->kind != gw_cluster_host(o->cluster, i->host)->kind)
        return GW_OBJECTION_KIND;
    if (i->cpu_models && h->cpu_model >= 0 && !(i->cpu_models >> h->cpu_model & 1))
        return GW_OBJECTION_CPU;
    if (i->zone >= 0 && i->zone != h->zone)
        return GW_OBJECTION_ZONE;
    if (h->tenants && !gw_list_has(h->tenants, i->project))
        return GW_OBJECTION_TENANT;
    if (i->pins && !gw_pins_allow(i->pins, h->name))
        return GW_OBJECTION_PINNED;
    if (gw_sharing_forbids(o->cluster, instance, host))
        return GW_OBJECTION_STORAGE;
    if (gw_cluster_banned(o->cluster, instance, host))
        return GW_OBJECTION_BANNED;
    GwObjection objection = group_objection(o, i, instance, host);
    return objection != GW_OBJECTION_NONE ? objection : room_objection(o, instance, h, host);
}

gboolean gw_objection_is_room(GwObjection objection)
{
    return objection >= GW_OBJECTION_MEMORY;
}

static char *explain_memory(const GwOccupancy *o, const GwClusterInstance *i, const GwClusterHost *h, guint host)
{
    guint64 capacity = gw_cluster_capacity_mib(h), used = o->memory_mib[host];
    guint64 room = capacity > used ? capacity - used : 0;
    return g_strdup_printf("it has room for %" G_GUINT64_FORMAT " MiB more, and %s needs %" G_GUINT64_FORMAT
                           " MiB: free %" G_GUINT64_FORMAT " MiB there",
                           room, i->name, i->memory_mib, i->memory_mib - room);
}

static char *explain_disk_room(const GwOccupancy *o, guint instance, guint host)
{
    GwCopies copies;
    gw_copies_of(o->cluster, instance, host, &copies);
    int kind = crowded(o, &copies);
    if (kind < 0)
        return g_strdup("it can take it");
    guint64 room = room_on(o, copies.to[kind]);
    return g_strdup_printf("%s there has room for %" G_GUINT64_FORMAT " MiB more, and the disks of %s need %" G_GUINT64_FORMAT
                           " MiB when they are full: free space there",
                           gw_cluster_storage(o->cluster, (guint)copies.to[kind])->name, room >> 20,
                           gw_cluster_instance(o->cluster, instance)->name, copies.bytes[kind] >> 20);
}

char *gw_rules_explain(const GwOccupancy *o, guint instance, guint host, GwObjection objection)
{
    const GwClusterInstance *i = gw_cluster_instance(o->cluster, instance);
    const GwClusterHost *h = gw_cluster_host(o->cluster, host);
    const char *group = i->group >= 0 ? g_array_index(o->cluster->groups, GwClusterGroup, i->group).name : "";
    switch (objection) {
    case GW_OBJECTION_NONE:
    case GW_OBJECTION_COUNT:
        return g_strdup("it can take it");
    case GW_OBJECTION_THERE:
        return g_strdup_printf("%s is there", i->name);
    case GW_OBJECTION_LEAVING:
        return g_strdup("it is being emptied");
    case GW_OBJECTION_CLOSED:
        return g_strdup(h->closed);
    case GW_OBJECTION_KIND:
        return g_strdup("it runs another hypervisor");
    case GW_OBJECTION_CPU:
        return g_strdup_printf("its CPU lacks what %s uses: shut the instance down and migrate it cold, or give it a CPU model "
                               "that both hosts have",
                               i->name);
    case GW_OBJECTION_ZONE:
        return g_strdup_printf("it is in another availability zone than %s must stay in", i->name);
    case GW_OBJECTION_TENANT:
        return g_strdup_printf("its aggregate keeps it for other projects (filter_tenant_id=%s), and %s belongs to %s", h->tenants, i->name,
                               i->project);
    case GW_OBJECTION_PINNED:
        return g_strdup_printf("%s is pinned to %s: change that with godwit pin, or godwit unpin", i->name, i->pins);
    case GW_OBJECTION_STORAGE:
        return gw_sharing_explain(o->cluster, instance, host);
    case GW_OBJECTION_DISK_ROOM:
        return explain_disk_room(o, instance, host);
    case GW_OBJECTION_BANNED:
        return g_strdup(gw_cluster_banned(o->cluster, instance, host));
    case GW_OBJECTION_AFFINITY:
        return g_strdup_printf("the others of its group %s (affinity) live elsewhere: move them together with godwit drain, or take %s out of "
                               "the group", group, i->name);
    case GW_OBJECTION_APART:
        return g_strdup_printf("it has as many of its group %s (anti-affinity) as one host may have: make room on a host that has fewer, or "
                               "take %s out of the group", group, i->name);
    case GW_OBJECTION_MEMORY:
        return explain_memory(o, i, h, host);
    case GW_OBJECTION_VCPUS:
        return g_strdup_printf("it has %u CPUs at %.3g vCPUs each, %" G_GUINT64_FORMAT " are given away and %s needs %u", h->cpus,
                               h->cpu_ratio, o->vcpus[host], i->name, i->vcpus);
    case GW_OBJECTION_INSTANCES:
        return g_strdup_printf("it has %u instances, those on their way there counted, and its aggregate allows no more "
                               "(max_instances_per_host=%u)", o->count[host], h->max_instances);
    }
    return g_strdup("it can take it");
}
