/* Making servers and taking instances away. */
#include "drivers/sim/internal.h"

#include <string.h>

static gboolean check_free(GwSimHost *host, const GwServer *server, GError **error)
{
    const GwSimDomain *there = gw_sim_host_domain(host, server->uuid);
    if (!there && !g_hash_table_contains(host->names, server->domain_name))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s already has an instance %s", host->name,
                there ? server->uuid : server->domain_name);
    return FALSE;
}

static GwInstance *instance_of(const GwSimHost *host, const GwServer *server)
{
    const GwFlavor *flavor = gw_server_flavor(server);
    GwInstance *instance = gw_sim_instance_new(server->domain_name, flavor->memory_mib);
    g_strlcpy(instance->uuid, server->uuid, sizeof instance->uuid);
    instance->vcpus = flavor->vcpus;
    instance->power = GW_POWER_SHUTDOWN;
    g_ptr_array_set_size(instance->nics, 0);
    for (guint i = 0; i < server->networks->len; i++) {
        GwNic *nic = gw_instance_add_nic(instance);
        nic->kind = GW_NIC_BRIDGE;
        nic->source = g_strdup(host->bridge);
        nic->mac = g_strdup_printf("52:54:%02x:%.2s:%.2s:%.2s", i & 0xff, server->uuid, server->uuid + 2, server->uuid + 4);
    }
    GwDisk *disk = gw_sim_instance_add_disk(instance, GW_SIM_SHARED, 1);
    disk->capacity_bytes = server->disk_bytes;
    disk->allocation_bytes = server->image_bytes;
    disk->path = g_strdup_printf(GW_SIM_SHARED_PATH "/%s_disk", server->uuid);
    return instance;
}

static gboolean make_disk(GwSimHost *host, const GwInstance *instance, GError **error)
{
    const GwDisk *disk = instance->disks->pdata[0];
    const GwSimMount *mount = gw_sim_mount_of(host, disk->path);
    if (!mount || gw_sim_mount_available(mount) < disk->allocation_bytes) {
        g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "%s has no room for %s", host->name, disk->path);
        return FALSE;
    }
    if (!gw_sim_file_create(host, disk->path, instance->uuid, disk->target)) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s already has a file %s", host->name, disk->path);
        return FALSE;
    }
    return TRUE;
}

/* half: the host's daemon dies when the disk is begun. */
static gboolean create(GwSimHost *host, const GwServer *server, gboolean half, GError **error)
{
    if (!check_free(host, server, error))
        return FALSE;
    g_autoptr(GwInstance) instance = instance_of(host, server);
    if (!make_disk(host, instance, error))
        return FALSE;
    const GwDisk *disk = instance->disks->pdata[0];
    GwSimFile *file = gw_sim_file_find(host, disk->path);
    file->capacity_bytes = disk->capacity_bytes;
    if (half)
        return TRUE;
    gw_sim_file_complete(host->world, file, disk->allocation_bytes);
    gw_sim_domain_add(host, g_steal_pointer(&instance), GW_SEEN_STOPPED);
    return TRUE;
}

gboolean gw_sim_create(GwHost *host, const GwServer *server, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "create", host, NULL, error))
        return FALSE;
    return gw_sim_call_end(&call, create(host->host, server, call.early, error), error);
}

gboolean gw_sim_remove(GwHost *host, const GwServer *server, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ACT, "remove", host, NULL, error))
        return FALSE;
    GwSimDomain *domain = gw_sim_host_domain(host->host, server->uuid);
    if (domain && domain->copy) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "%s on %s is being copied: nothing of it was removed", server->uuid,
                    host->host->name);
        return gw_sim_call_end(&call, FALSE, NULL);
    }
    if (domain)
        gw_sim_domain_remove(domain);
    gw_sim_files_discard(host->host, server->uuid, server->disks);
    return gw_sim_call_end(&call, TRUE, error);
}
