#include "engine/snapshot.h"

#include "core/sharing.h"
#include "engine/view_list.h"

#include <string.h>

/* ---- hosts */

/* The strictest value of a limit among a host's aggregates; 0: none has it. */
static double limit_of(const GwHostView *view, GwLimit limit)
{
    double least = 0;
    for (guint i = 0; i < view->aggregates->len; i++) {
        const char *text = gw_aggregate_get(view->aggregates->pdata[i], gw_limit_key(limit));
        double value;
        if (text && gw_limit_parse(limit, text, &value) && (least <= 0 || value < least))
            least = value;
    }
    return least;
}

/* The same for numbers, of which 0 is one; G_MAXUINT: none has it. */
static guint count_of(const GwHostView *view, GwLimit limit)
{
    guint least = G_MAXUINT;
    for (guint i = 0; i < view->aggregates->len; i++) {
        const char *text = gw_aggregate_get(view->aggregates->pdata[i], gw_limit_key(limit));
        double value;
        if (text && gw_limit_parse(limit, text, &value))
            least = MIN(least, (guint)MIN(value, (double)G_MAXUINT));
    }
    return least;
}

static guint most_of(const GwHostView *view, GwLimit limit)
{
    guint most = count_of(view, limit);
    return most == G_MAXUINT ? 0 : most;
}

/* Whom a host is kept for: all the lists of all its aggregates; NULL: for nobody. */
static const char *tenants_of(GwSnapshot *s, const GwHostView *view)
{
    g_autoptr(GString) list = g_string_new(NULL);
    for (guint i = 0; i < view->aggregates->len; i++) {
        const GPtrArray *metadata = ((const GwAggregate *)view->aggregates->pdata[i])->metadata;
        for (guint k = 0; k < metadata->len; k++) {
            const GwMetadatum *datum = metadata->pdata[k];
            if (g_str_has_prefix(datum->key, GW_TENANT_KEY))
                g_string_append_printf(list, "%s%s", list->len ? "," : "", datum->value);
        }
    }
    return list->len ? gw_snapshot_keep(s, list->str) : NULL;
}

static const char *closed_reason(GwSnapshot *s, const GwHostView *view)
{
    g_autofree char *text = NULL;
    if (!view->up)
        text = g_strdup_printf("it does not answer%s%s", view->down_reason ? ": " : "", view->down_reason ? view->down_reason : "");
    else if (view->row->forced_down)
        text = g_strdup("it is forced down");
    else if (!view->row->enabled)
        text = g_strdup_printf("it is disabled%s%s", view->row->disabled_reason ? ": " : "",
                               view->row->disabled_reason ? view->row->disabled_reason : "");
    else if (!view->facts)
        text = g_strdup("nothing is known of it yet");
    else if (view->facts->closed)
        text = g_strdup(view->facts->closed);
    else if (count_of(view, GW_LIMIT_INSTANCES) == 0 || count_of(view, GW_LIMIT_IO_OPS) == 0)
        text = g_strdup_printf("its aggregate has %s=0", gw_limit_key(count_of(view, GW_LIMIT_INSTANCES) ? GW_LIMIT_IO_OPS : GW_LIMIT_INSTANCES));
    return text ? gw_snapshot_keep(s, text) : NULL;
}

/* One number per name, from 1. */
static int number_for(GHashTable *numbers, const char *name)
{
    gpointer known = g_hash_table_lookup(numbers, name);
    if (!known) {
        known = GINT_TO_POINTER((int)g_hash_table_size(numbers) + 1);
        g_hash_table_insert(numbers, g_strdup(name), known);
    }
    return GPOINTER_TO_INT(known);
}

static int kind_of(GHashTable *kinds, const GwHostView *view)
{
    return number_for(kinds, view->facts && view->facts->hypervisor_type ? view->facts->hypervisor_type : "");
}

static int realm_of(GHashTable *realms, const GwHostView *view)
{
    return view->facts && view->facts->realm ? number_for(realms, view->facts->realm) : 0;
}

static int zone_of(GwSnapshot *s, const char *name)
{
    return number_for(s->zones, name);
}

static void add_hosts(GwSnapshot *s, GwEngine *engine)
{
    g_autoptr(GHashTable) kinds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) realms = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint h = 0; h < s->hosts->len; h++) {
        const GwHostView *view = s->hosts->pdata[h];
        GwClusterHost host = {.name = view->row->name,
                              .memory_mib = view->facts ? view->facts->memory_mib : 0,
                              .memory_ratio = limit_of(view, GW_LIMIT_RAM),
                              .cpus = view->facts ? view->facts->cpus : 0,
                              .cpu_ratio = limit_of(view, GW_LIMIT_CPU),
                              .kind = kind_of(kinds, view),
                              .realm = realm_of(realms, view),
                              .zone = zone_of(s, gw_aggregates_zone(view->aggregates)),
                              .cpu_model = GW_CLUSTER_NONE,
                              .max_instances = most_of(view, GW_LIMIT_INSTANCES),
                              .max_moves = most_of(view, GW_LIMIT_IO_OPS),
                              .tenants = tenants_of(s, view),
                              .link_bps = gw_forecast_link_bps(engine, view->row->name),
                              .closed = closed_reason(s, view),
                              .copies_to = GW_CLUSTER_NONE,
                              .local_copies_to = GW_CLUSTER_NONE,
                              .holds_none = !view->up || view->row->forced_down || !view->row->enabled};
        g_array_append_val(s->cluster->hosts, host);
        g_hash_table_insert(s->host_index, view->row->name, GUINT_TO_POINTER(h + 1));
    }
}

/* What is taken on a host by others than its instances: it has less free than they leave, once what is kept back is taken off. */
static void reserve(GwEngine *engine, GwSnapshot *s)
{
    g_autofree guint64 *used = g_new0(guint64, s->hosts->len + 1);
    guint64 kept = engine->settings.reserved_host_memory_mib;
    for (guint i = 0; i < s->instances->len; i++)
        used[gw_cluster_instance(s->cluster, i)->host] += gw_cluster_instance(s->cluster, i)->memory_mib;
    for (guint h = 0; h < s->hosts->len; h++) {
        const GwHostView *view = s->hosts->pdata[h];
        GwClusterHost *host = gw_cluster_host(s->cluster, h);
        guint64 whole = gw_cluster_capacity_mib(host); /* nothing is reserved yet */
        guint64 free_mib = view->facts ? view->facts->memory_free_mib : 0;
        guint64 others = whole > used[h] + free_mib && host->memory_ratio <= 0 ? whole - used[h] - free_mib : 0;
        host->reserved_mib = kept + others;
    }
}

/* ---- instances */

enum { REMEMBERED = 50 }; /* migrations */

/* Where hosts cannot tell what they share: what the newest migrations found of the folders that their disks were in, folder →
 * GwDiskFate + 1. Whether storage is shared is proved by the checks of a migration alone, and is too dear to be proved for a prediction. */
static GHashTable *recall_folders(GwEngine *engine)
{
    GHashTable *fates = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GwMigrationQuery query = {.limit = REMEMBERED};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_migrations(engine->store, &query, &rows, NULL))
        return fates;
    for (guint n = rows->len; n--;) { /* oldest first: the newest has the last word */
        const GwMigration *row = rows->pdata[n];
        for (guint d = 0; row->plan && d < row->plan->disks->len; d++) {
            const GwPlanDisk *disk = row->plan->disks->pdata[d];
            if (disk->path && disk->kind == GW_DISK_FILE && (disk->fate == GW_FATE_SHARED || disk->fate == GW_FATE_COPY))
                g_hash_table_replace(fates, g_path_get_dirname(disk->path), GINT_TO_POINTER(disk->fate + 1));
        }
    }
    return fates;
}

static gboolean travels(const GwDisk *disk, const GwHostFacts *facts, GHashTable *fates)
{
    if (disk->kind != GW_DISK_FILE || !disk->path || (disk->flags & (GW_DISK_READONLY | GW_DISK_REMOVABLE)))
        return FALSE;
    g_autofree char *folder = g_path_get_dirname(disk->path);
    int known = GPOINTER_TO_INT(g_hash_table_lookup(fates, folder));
    if (known)
        return known - 1 == GW_FATE_COPY;
    const GwPool *pool = facts ? gw_host_facts_pool_at(facts, folder) : NULL;
    return !pool || (g_strcmp0(pool->type, "netfs") != 0 && g_strcmp0(pool->type, "gluster") != 0);
}

static guint64 copied_bytes(const GwInstance *instance, const GwHostFacts *facts, GHashTable *fates)
{
    guint64 bytes = 0;
    if (facts && facts->realm)
        return 0; /* it depends on where it goes */
    for (guint d = 0; d < instance->disks->len; d++)
        if (travels(instance->disks->pdata[d], facts, fates))
            bytes += ((const GwDisk *)instance->disks->pdata[d])->allocation_bytes;
    return bytes;
}

/* It moves neither live nor cold there; NULL: it does. Owned by the caller. */
static char *paused_reason(GwEngine *engine, const GwInstanceView *view)
{
    g_autoptr(GwHostEntry) entry = view->instance->power == GW_POWER_PAUSED ? gw_engine_find_host(engine, view->host) : NULL;
    if (!entry || gw_node_moves_paused(entry->node))
        return NULL;
    return g_strdup_printf("it is paused, and %s moves only running instances live: resume it (godwit unpause %s), or stop it",
                           gw_node_driver(entry->node)->hypervisor_type, view->instance->name);
}

static const char *stuck_reason(GwEngine *engine, GwSnapshot *s, const GwInstanceView *view)
{
    const GwInstance *instance = view->instance;
    g_autofree char *text = NULL;
    if (view->server && view->server->phase != GW_SERVER_BUILT)
        text = g_strdup(view->server->phase == GW_SERVER_DELETING ? "it is being deleted" : "it is being made");
    else if (view->migration_id && view->migration_state == GW_MIGRATION_FINISHED)
        text = g_strdup_printf("its migration %" G_GINT64_FORMAT " waits for resize-confirm or resize-revert", view->migration_id);
    else if (view->migration_id)
        text = g_strdup_printf("migration %" G_GINT64_FORMAT " is under way", view->migration_id);
    else if (view->card && view->card->in_error)
        text = g_strdup("an administrator has set its state to error: take that back with reset-state --active");
    else if (!view->host_up)
        text = g_strdup_printf("%s does not answer", view->host);
    else if (instance->host_devices->len)
        text = g_strdup_printf("it has the host's device %s: detach it", (char *)instance->host_devices->pdata[0]);
    else if (instance->power != GW_POWER_RUNNING && instance->power != GW_POWER_PAUSED && instance->power != GW_POWER_SHUTDOWN)
        text = g_strdup_printf("it is %s: resume, or stop it", gw_power_name(instance->power));
    else if (instance->power == GW_POWER_SHUTDOWN && !instance->persistent)
        text = g_strdup("it is transient");
    else
        text = paused_reason(engine, view);
    return text ? gw_snapshot_keep(s, text) : NULL;
}

/* The groups whose policy binds. ret: UUIDs of their members → index + 1; borrowed from groups (of GwGroup *). */
static GHashTable *add_groups(GwSnapshot *s, const GPtrArray *groups)
{
    GHashTable *members = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < groups->len; i++) {
        const GwGroup *group = groups->pdata[i];
        GwClusterGroup row = {.name = gw_snapshot_keep(s, group->name), .policy = group->policy, .max_per_host = group->max_per_host};
        if (!gw_group_policy_is_hard(group->policy))
            continue;
        g_array_append_val(s->cluster->groups, row);
        for (guint k = 0; k < group->members->len; k++)
            g_hash_table_insert(members, group->members->pdata[k], GUINT_TO_POINTER(s->cluster->groups->len));
    }
    return members;
}

/* What it was last seen to do; nothing is known of one that nobody has sampled. */
static void take_load(GwEngine *engine, const GwInstanceView *view, GwClusterInstance *instance)
{
    GwLoad load;
    if (instance->stopped || !gw_forecast_last(engine, view->instance->uuid, &load))
        return;
    instance->used_mib = load.memory_bytes >> 20;
    instance->dirty_bps = load.how >= GW_LOAD_BRIEF ? load.short_bytes * 1000 / GW_LOAD_SHORT_MS : 0;
}

static void add_instances(GwEngine *engine, GwSnapshot *s)
{
    g_autoptr(GPtrArray) groups = gw_engine_groups(engine);
    g_autoptr(GHashTable) members = add_groups(s, groups);
    g_autoptr(GHashTable) fates = recall_folders(engine);
    for (guint n = 0; n < s->instances->len;) {
        const GwInstanceView *view = s->instances->pdata[n];
        guint host;
        if (!gw_snapshot_find_host(s, view->host, &host)) { /* it came between the two lists */
            g_ptr_array_remove_index(s->instances, n);
            continue;
        }
        gboolean stopped = view->instance->power == GW_POWER_SHUTDOWN;
        GwClusterInstance instance = {.name = view->instance->name,
                                      .host = host,
                                      .memory_mib = stopped ? 0 : view->instance->memory_mib,
                                      .vcpus = view->instance->vcpus,
                                      .disk_bytes = copied_bytes(view->instance, ((GwHostView *)s->hosts->pdata[host])->facts, fates),
                                      .stopped = stopped,
                                      .zone = view->server && view->server->wanted_zone ? zone_of(s, view->server->wanted_zone) : GW_CLUSTER_NONE,
                                      .project = gw_project_of(view),
                                      .pins = gw_pins_of(gw_instance_view_metadata(view)),
                                      .group = GPOINTER_TO_INT(g_hash_table_lookup(members, view->instance->uuid)) - 1,
                                      .stuck = stuck_reason(engine, s, view)};
        const GwHostFacts *facts = ((GwHostView *)s->hosts->pdata[host])->facts;
        if (facts && facts->realm)
            gw_snapshot_add_ties(s, view->instance, &instance);
        take_load(engine, view, &instance);
        g_array_append_val(s->cluster->instances, instance);
        g_hash_table_insert(s->instance_index, view->instance->uuid, GUINT_TO_POINTER(n + 1));
        n++;
    }
}

/* All at once: the lock is everybody's. */
static void take_cpus(GwEngine *engine, GwSnapshot *s)
{
    g_mutex_lock(&engine->lock);
    for (guint n = 0; n < s->instances->len; n++) {
        GwClusterInstance *instance = gw_cluster_instance(s->cluster, n);
        if (!instance->stopped)
            instance->cpus_used = gw_cpu_uses_of(engine, gw_snapshot_view(s, n)->instance->uuid);
    }
    g_mutex_unlock(&engine->lock);
}

/* ---- moves under way */

static guint64 remaining_ms(const GwSnapshot *s, const GwMigration *row, guint instance, guint source, guint dest)
{
    GwMoveCost cost = gw_cost_predict(gw_cluster_instance(s->cluster, instance), gw_copied_bytes(s->cluster, instance, dest),
                                      gw_cost_rate(s->cluster, source, dest, 0));
    const GwProgress *p = &row->progress;
    guint64 left = p->memory_remaining + p->disk_remaining, whole = p->memory_total + p->disk_total;
    if (row->state == GW_MIGRATION_SETTLING || row->state == GW_MIGRATION_PLACING)
        return GW_COST_TAIL_MS;
    if (!whole || !left)
        return cost.total_ms;
    guint64 by_size = (guint64)((double)cost.transfer_ms * (double)left / (double)whole);
    return GW_COST_TAIL_MS + (p->memory_bps ? MAX(by_size, left * 1000 / p->memory_bps) : by_size);
}

static gboolean is_up(const GwSnapshot *s, guint host)
{
    return ((const GwHostView *)s->hosts->pdata[host])->up;
}

/* An instance that is shown at its destination already has left the source as far as memory goes. */
static void add_transit(GwSnapshot *s, const GwMigration *row)
{
    guint instance, source, dest;
    if (gw_migration_state_traits(row->state) & (GW_TRAIT_FINAL | GW_TRAIT_RESTING) || !row->dest ||
        !gw_snapshot_find_instance(s, row->instance_uuid, &instance) || !gw_snapshot_find_host(s, row->source, &source) ||
        !gw_snapshot_find_host(s, row->dest, &dest) || gw_cluster_instance(s->cluster, instance)->host != source)
        return;
    GwClusterTransit transit = {instance, dest, remaining_ms(s, row, instance, source, dest), !is_up(s, source) || !is_up(s, dest)};
    g_array_append_val(s->cluster->transits, transit);
}

static void add_transits(GwEngine *engine, GwSnapshot *s)
{
    GHashTableIter iter;
    gpointer value;
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->actives);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        add_transit(s, ((const GwActive *)value)->row);
    g_mutex_unlock(&engine->lock);
}

/* ---- the whole */

GwSnapshot *gw_snapshot_new(GwEngine *engine)
{
    GwSnapshot *s = g_new0(GwSnapshot, 1);
    s->cluster = gw_cluster_new();
    s->texts = g_string_chunk_new(1024);
    s->host_index = g_hash_table_new(g_str_hash, g_str_equal);
    s->zones = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    s->instance_index = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GwViewList) views = gw_engine_instances(engine, NULL);
    s->instances = g_ptr_array_new_with_free_func((GDestroyNotify)gw_instance_view_unref);
    GwViewIter iter;
    gw_view_iter_init(&iter, views, NULL, NULL);
    for (GwInstanceView *view; (view = gw_view_iter_next(&iter));)
        g_ptr_array_add(s->instances, gw_instance_view_ref(view));
    s->hosts = gw_engine_hosts(engine);
    s->storage_index = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    add_hosts(s, engine);
    gw_snapshot_add_storage(s);
    add_instances(engine, s);
    take_cpus(engine, s);
    add_transits(engine, s);
    reserve(engine, s);
    return s;
}

void gw_snapshot_free(GwSnapshot *s)
{
    if (!s)
        return;
    gw_cluster_free(s->cluster);
    g_hash_table_unref(s->host_index);
    g_hash_table_unref(s->zones);
    g_hash_table_unref(s->storage_index);
    g_hash_table_unref(s->instance_index);
    g_ptr_array_unref(s->hosts);
    g_ptr_array_unref(s->instances);
    g_string_chunk_free(s->texts);
    g_free(s);
}

static gboolean find(GHashTable *table, const char *key, guint *ret_index)
{
    guint found = key ? GPOINTER_TO_UINT(g_hash_table_lookup(table, key)) : 0;
    if (found)
        *ret_index = found - 1;
    return found != 0;
}

gboolean gw_snapshot_find_host(const GwSnapshot *s, const char *name, guint *ret_index)
{
    return find(s->host_index, name, ret_index);
}

gboolean gw_snapshot_find_instance(const GwSnapshot *s, const char *uuid, guint *ret_index)
{
    return find(s->instance_index, uuid, ret_index);
}

const char *gw_snapshot_host_name(const GwSnapshot *s, guint host)
{
    return gw_cluster_host(s->cluster, host)->name;
}

const GwInstanceView *gw_snapshot_view(const GwSnapshot *s, guint instance)
{
    return s->instances->pdata[instance];
}

const char *gw_snapshot_keep(GwSnapshot *s, const char *text)
{
    return g_string_chunk_insert(s->texts, text);
}

GwPace gw_snapshot_pace(const GwEngine *engine, guint per_host)
{
    guint most = engine->settings.max_concurrent_live_migrations;
    return (GwPace){.per_host = most && (!per_host || per_host > most) ? most : per_host,
                    .stream_bps = engine->settings.plan.bandwidth_mibps << 20};
}
