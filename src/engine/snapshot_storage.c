/* Which hosts reach which storage, and which of an instance's disks are there: for hosts that can tell (GwHostFacts.realm). */
#include "engine/snapshot.h"

#include "core/sharing.h"

static char *key_of(const GwHostFacts *facts, const char *path)
{
    return g_strdup_printf("%s/%s", facts->realm, path);
}

static gboolean find(const GwSnapshot *s, const GwHostFacts *facts, const char *path, guint *ret_storage)
{
    g_autofree char *key = key_of(facts, path);
    guint found = GPOINTER_TO_UINT(g_hash_table_lookup(s->storage_index, key));
    if (found)
        *ret_storage = found - 1;
    return found != 0;
}

static guint add(GwSnapshot *s, const GwHostFacts *facts, const char *path, const GwClusterStorage *storage)
{
    guint index = gw_cluster_add_storage(s->cluster, storage);
    g_hash_table_insert(s->storage_index, key_of(facts, path), GUINT_TO_POINTER(index + 1));
    return index;
}

static int number_of(const GwSnapshot *s, const GwHostFacts *facts, const GwPool *pool)
{
    guint storage;
    return pool && find(s, facts, pool->path, &storage) ? (int)storage : GW_CLUSTER_NONE;
}

static void add_pools(GwSnapshot *s, const GwHostFacts *facts, guint host)
{
    static const GwPool any_local = {.local = TRUE};
    for (guint i = 0; i < facts->pools->len; i++) {
        const GwPool *pool = facts->pools->pdata[i];
        GwClusterStorage storage = {pool->name, pool->available_bytes, pool->local, pool->no_mirror}; /* the hosts' views outlive it */
        guint index;
        if (!find(s, facts, pool->path, &index))
            index = add(s, facts, pool->path, &storage);
        gw_cluster_set_reach(s->cluster, index, host);
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
static guint storage_of(GwSnapshot *s, const GwHostFacts *facts, const GwDisk *disk, guint host)
{
    g_autofree char *folder = g_path_get_dirname(disk->path);
    guint index;
    if (!find(s, facts, folder, &index)) {
        GwClusterStorage storage = {.name = disk->pool ? disk->pool : disk->path};
        index = add(s, facts, folder, &storage);
        gw_cluster_set_reach(s->cluster, index, host);
    }
    return index;
}

static const char *no_copy(const GwDisk *disk)
{
    if (disk->flags & GW_DISK_SHAREABLE)
        return "other instances may be writing to it: put it on shared storage";
    return disk->no_copy;
}

void gw_snapshot_add_disks(GwSnapshot *s, const GwInstance *instance, GwClusterInstance *ret_row)
{
    const GwHostFacts *facts = ((const GwHostView *)s->hosts->pdata[ret_row->host])->facts;
    ret_row->first_disk = s->cluster->disks->len;
    for (guint d = 0; d < instance->disks->len; d++) {
        const GwDisk *disk = instance->disks->pdata[d];
        if (disk->kind != GW_DISK_FILE || !disk->path)
            continue;
        GwClusterDisk row = {.storage = storage_of(s, facts, disk, ret_row->host),
                             .bytes = disk->allocation_bytes,
                             .full_bytes = MAX(disk->capacity_bytes, disk->allocation_bytes),
                             .medium = (disk->flags & GW_DISK_REMOVABLE) != 0,
                             .no_copy = no_copy(disk)};
        g_array_append_val(s->cluster->disks, row);
    }
    ret_row->disk_count = s->cluster->disks->len - ret_row->first_disk;
}
