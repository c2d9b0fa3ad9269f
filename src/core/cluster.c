#include "core/cluster.h"

static guint64 pair_key(guint instance, guint host)
{
    return (guint64)instance << 32 | host;
}

GwCluster *gw_cluster_new(void)
{
    GwCluster *cluster = g_new0(GwCluster, 1);
    cluster->hosts = g_array_new(FALSE, TRUE, sizeof(GwClusterHost));
    cluster->instances = g_array_new(FALSE, TRUE, sizeof(GwClusterInstance));
    cluster->groups = g_array_new(FALSE, TRUE, sizeof(GwClusterGroup));
    cluster->transits = g_array_new(FALSE, TRUE, sizeof(GwClusterTransit));
    cluster->storages = g_array_new(FALSE, TRUE, sizeof(GwClusterStorage));
    cluster->ties = g_array_new(FALSE, TRUE, sizeof(GwClusterTie));
    cluster->reach = g_byte_array_new();
    cluster->bans = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    return cluster;
}

void gw_cluster_free(GwCluster *cluster)
{
    if (!cluster)
        return;
    g_array_unref(cluster->hosts);
    g_array_unref(cluster->instances);
    g_array_unref(cluster->groups);
    g_array_unref(cluster->transits);
    g_array_unref(cluster->storages);
    g_array_unref(cluster->ties);
    g_byte_array_unref(cluster->reach);
    g_hash_table_unref(cluster->bans);
    g_free(cluster);
}

void gw_cluster_ban(GwCluster *cluster, guint instance, guint host, const char *why)
{
    gint64 *key = g_new(gint64, 1);
    *key = (gint64)pair_key(instance, host);
    g_hash_table_replace(cluster->bans, key, (gpointer)why);
}

const char *gw_cluster_banned(const GwCluster *cluster, guint instance, guint host)
{
    gint64 key = (gint64)pair_key(instance, host);
    return g_hash_table_size(cluster->bans) ? g_hash_table_lookup(cluster->bans, &key) : NULL;
}

guint64 gw_cluster_capacity_mib(const GwClusterHost *host)
{
    double ratio = host->memory_ratio > 0 ? host->memory_ratio : 1;
    guint64 promised = (guint64)((double)host->memory_mib * ratio);
    return promised > host->reserved_mib ? promised - host->reserved_mib : 0;
}

double gw_cluster_capacity_vcpus(const GwClusterHost *host)
{
    return host->cpu_ratio > 0 ? host->cpus * host->cpu_ratio : G_MAXDOUBLE;
}

double gw_cluster_load(const GwClusterInstance *instance)
{
    return instance->cpus_used >= 0 ? instance->cpus_used : instance->stopped ? 0 : instance->vcpus;
}
