#include "core/sharing.h"

#include "core/host.h"

enum { LOCAL, OTHERS };

guint gw_cluster_add_storage(GwCluster *cluster, const GwClusterStorage *storage)
{
    g_array_append_val(cluster->storages, *storage);
    g_byte_array_set_size(cluster->reach, cluster->storages->len * cluster->hosts->len);
    guint index = cluster->storages->len - 1;
    for (guint h = 0; h < cluster->hosts->len; h++)
        cluster->reach->data[index * cluster->hosts->len + h] = FALSE;
    return index;
}

void gw_cluster_set_reach(GwCluster *cluster, guint storage, guint host)
{
    cluster->reach->data[storage * cluster->hosts->len + host] = TRUE;
}

gboolean gw_cluster_reaches(const GwCluster *cluster, guint storage, guint host)
{
    return cluster->reach->data[storage * cluster->hosts->len + host];
}

/* The nth of its ties when it is out of the host's reach, else NULL. */
static const GwClusterTie *apart(const GwCluster *cluster, const GwClusterInstance *i, guint n, guint host)
{
    const GwClusterTie *tie = &g_array_index(cluster->ties, GwClusterTie, i->first_tie + n);
    return gw_cluster_reaches(cluster, tie->storage, host) ? NULL : tie;
}

/* As gw_host_facts_pool_for, over what is free now: what a plan fills by then does not make it choose another. */
static int choose(const GwCluster *cluster, const GwClusterHost *host, guint kind, guint64 bytes)
{
    int any = host->copies_to, own = kind == LOCAL ? host->local_copies_to : GW_CLUSTER_NONE;
    if (own < 0 || any < 0)
        return own < 0 ? any : own;
    guint64 own_free = gw_cluster_storage(cluster, (guint)own)->free_bytes, any_free = gw_cluster_storage(cluster, (guint)any)->free_bytes;
    return gw_copies_stay_local(own_free, any_free, bytes) ? own : any;
}

void gw_copies_of(const GwCluster *cluster, guint instance, guint host, GwCopies *ret_copies)
{
    const GwClusterInstance *i = gw_cluster_instance(cluster, instance);
    *ret_copies = (GwCopies){{GW_CLUSTER_NONE, GW_CLUSTER_NONE}, {0, 0}};
    for (guint n = 0; n < i->tie_count; n++) {
        const GwClusterTie *tie = apart(cluster, i, n, host);
        if (tie && tie->kind == GW_TIE_DISK)
            ret_copies->bytes[gw_cluster_storage(cluster, tie->storage)->local ? LOCAL : OTHERS] += tie->full_bytes;
    }
    for (guint kind = LOCAL; kind <= OTHERS; kind++)
        if (ret_copies->bytes[kind])
            ret_copies->to[kind] = choose(cluster, gw_cluster_host(cluster, host), kind, ret_copies->bytes[kind]);
}

guint64 gw_copied_bytes(const GwCluster *cluster, guint instance, guint host)
{
    const GwClusterInstance *i = gw_cluster_instance(cluster, instance);
    guint64 bytes = i->disk_bytes;
    for (guint n = 0; n < i->tie_count; n++) {
        const GwClusterTie *tie = apart(cluster, i, n, host);
        bytes += tie && tie->kind == GW_TIE_DISK ? tie->bytes : 0;
    }
    return bytes;
}

guint64 gw_always_copied_bytes(const GwCluster *cluster, guint instance)
{
    const GwClusterInstance *i = gw_cluster_instance(cluster, instance);
    guint64 bytes = i->disk_bytes;
    for (guint n = 0; n < i->tie_count; n++) {
        const GwClusterTie *tie = &g_array_index(cluster->ties, GwClusterTie, i->first_tie + n);
        bytes += gw_cluster_storage(cluster, tie->storage)->local && tie->kind == GW_TIE_DISK ? tie->bytes : 0;
    }
    return bytes;
}

/* ---- what does not go */

typedef enum { GOES, NETWORK, MEDIUM, NO_COPY, NO_MIRROR, NOWHERE } Refusal;

/* *ret_tie: what it is about. */
static Refusal refuse(const GwCluster *cluster, guint instance, guint host, const GwClusterTie **ret_tie)
{
    const GwClusterInstance *i = gw_cluster_instance(cluster, instance);
    const GwClusterHost *h = gw_cluster_host(cluster, host);
    for (guint n = 0; n < i->tie_count; n++) {
        const GwClusterTie *tie = apart(cluster, i, n, host);
        if (!tie)
            continue;
        const GwClusterStorage *storage = gw_cluster_storage(cluster, tie->storage);
        *ret_tie = tie;
        if (tie->kind != GW_TIE_DISK)
            return tie->kind == GW_TIE_NETWORK ? NETWORK : MEDIUM;
        if (tie->no_copy)
            return NO_COPY;
        if (!i->stopped && storage->no_mirror)
            return NO_MIRROR;
        if (h->copies_to < 0 && (!storage->local || h->local_copies_to < 0))
            return NOWHERE;
    }
    return GOES;
}

gboolean gw_sharing_forbids(const GwCluster *cluster, guint instance, guint host)
{
    const GwClusterTie *tie;
    return gw_cluster_instance(cluster, instance)->tie_count && refuse(cluster, instance, host, &tie) != GOES;
}

char *gw_sharing_explain(const GwCluster *cluster, guint instance, guint host)
{
    const GwClusterTie *tie = NULL;
    const char *name = gw_cluster_instance(cluster, instance)->name;
    Refusal refusal = refuse(cluster, instance, host, &tie);
    if (refusal == GOES)
        return NULL;
    const GwClusterStorage *storage = gw_cluster_storage(cluster, tie->storage);
    switch (refusal) {
    case NETWORK:
        return g_strdup_printf("it has no network %s, to which %s is connected: make it there", storage->name, name);
    case MEDIUM:
        return g_strdup_printf("it does not reach %s, where a medium of %s is: eject it", storage->name, name);
    case NO_COPY:
        return g_strdup_printf("it does not reach %s, where a disk of %s is, and that disk is not copied: %s", storage->name, name,
                               tie->no_copy);
    case NO_MIRROR:
        return g_strdup_printf("it does not reach %s, where a disk of %s is: %s; migrate it cold (godwit migrate %s)", storage->name, name,
                               storage->no_mirror, name);
    case NOWHERE:
        return g_strdup_printf("it does not reach %s, where a disk of %s is, and has no storage for a copy", storage->name, name);
    case GOES:
        break;
    }
    return NULL;
}
