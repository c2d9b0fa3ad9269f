/* Which hosts reach which storage and networks, and what ties an instance to them: for hosts that can tell (GwHostFacts.realm). Networks are
 * one by their name, also in different realms. */
#include "engine/snapshot.h"

#include "core/sharing.h"

#define NETWORKS "network" /* no realm */

static gboolean find(const GwSnapshot *s, const char *realm, const char *path, guint *ret_storage)
{
    g_autofree char *key = g_strdup_printf("%s/%s", realm, path);
    guint found = GPOINTER_TO_UINT(g_hash_table_lookup(s->storage_index, key));
    if (found)
        *ret_storage = found - 1;
    return found != 0;
}

/* The host reaches it. Returns its number; an old one keeps its description. */
static guint reach(GwSnapshot *s, const char *realm, const char *path, const GwClusterStorage *storage, guint host)
{
    guint index;
    if (!find(s, realm, path, &index)) {
        index = gw_cluster_add_storage(s->cluster, storage);
        g_hash_table_insert(s->storage_index, g_strdup_printf("%s/%s", realm, path), GUINT_TO_POINTER(index + 1));
    }
    gw_cluster_set_reach(s->cluster, index, host);
    return index;
}

static int number_of(const GwSnapshot *s, const GwHostFacts *facts, const GwPool *pool)
{
    guint storage;
    return pool && find(s, facts->realm, pool->path, &storage) ? (int)storage : GW_CLUSTER_NONE;
}

static void add_pools(GwSnapshot *s, const GwHostFacts *facts, guint host)
{
    static const GwPool any_local = {.local = TRUE};
    for (guint i = 0; i < facts->pools->len; i++) {
        const GwPool *pool = facts->pools->pdata[i];
        GwClusterStorage storage = {pool->name, pool->available_bytes, pool->local, pool->no_mirror}; /* the hosts' views outlive it */
        reach(s, facts->realm, pool->path, &storage, host);
    }
    for (guint i = 0; i < facts->networks->len; i++) {
        GwClusterStorage network = {.name = facts->networks->pdata[i]};
        reach(s, NETWORKS, network.name, &network, host);
    }
    gw_cluster_host(s->cluster, host)->copies_to = number_of(s, facts, gw_host_facts_pool_for(facts, NULL, 0));
    gw_cluster_host(s->cluster, host)->local_copies_to = number_of(s, facts, gw_host_facts_pool_for(facts, &any_local, 0));
}

void gw_snapshot_add_storage(GwSnapshot *s)
{
    for (guint h = 0; h < s->hosts->len; h++) {
        const GwHostFacts *facts = ((const GwHostView *)s->hosts->pdata[h])->facts;
        if (facts && facts->realm)
            add_pools(s, facts, h);
    }
}

/* What its own host has not attached any more is counted as that host's alone. */
static guint storage_of(GwSnapshot *s, const char *realm, const GwDisk *disk, guint host)
{
    g_autofree char *folder = g_path_get_dirname(disk->path);
    GwClusterStorage storage = {.name = disk->pool ? disk->pool : disk->path};
    return reach(s, realm, folder, &storage, host);
}

static const char *no_copy(const GwDisk *disk)
{
    if (disk->flags & GW_DISK_SHAREABLE)
        return "other instances may be writing to it: put it on shared storage";
    return disk->no_copy;
}

static void add_disks(GwSnapshot *s, const GwInstance *instance, const char *realm, guint host)
{
    for (guint d = 0; d < instance->disks->len; d++) {
        const GwDisk *disk = instance->disks->pdata[d];
        if (disk->kind != GW_DISK_FILE || !disk->path)
            continue;
        GwClusterTie row = {.kind = disk->flags & GW_DISK_REMOVABLE ? GW_TIE_MEDIUM : GW_TIE_DISK,
                            .storage = storage_of(s, realm, disk, host),
                            .bytes = disk->allocation_bytes,
                            .full_bytes = MAX(disk->capacity_bytes, disk->allocation_bytes),
                            .no_copy = no_copy(disk)};
        g_array_append_val(s->cluster->ties, row);
    }
}

static void add_networks(GwSnapshot *s, const GwInstance *instance, guint host)
{
    for (guint n = 0; n < instance->nics->len; n++) {
        const GwNic *nic = instance->nics->pdata[n];
        if (nic->kind != GW_NIC_NETWORK || !nic->source || !*nic->source)
            continue;
        GwClusterStorage network = {.name = nic->source};
        GwClusterTie row = {.kind = GW_TIE_NETWORK, .storage = reach(s, NETWORKS, nic->source, &network, host)};
        g_array_append_val(s->cluster->ties, row);
    }
}

void gw_snapshot_add_ties(GwSnapshot *s, const GwInstance *instance, GwClusterInstance *ret_row)
{
    const GwHostFacts *facts = ((const GwHostView *)s->hosts->pdata[ret_row->host])->facts;
    ret_row->first_tie = s->cluster->ties->len;
    add_disks(s, instance, facts->realm, ret_row->host);
    add_networks(s, instance, ret_row->host);
    ret_row->tie_count = s->cluster->ties->len - ret_row->first_tie;
}
