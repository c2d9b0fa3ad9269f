#include "core/instance.h"

#include <string.h>

static void disk_free(gpointer data)
{
    GwDisk *disk = data;
    g_free(disk->target);
    g_free(disk->path);
    g_free(disk->pool);
    g_free(disk->format);
    g_free(disk->cache);
    g_free(disk->no_copy);
    g_strfreev(disk->backing);
    g_free(disk);
}

static void nic_free(gpointer data)
{
    GwNic *nic = data;
    g_free(nic->source);
    g_free(nic->mac);
    g_free(nic);
}

GwInstance *gw_instance_new(void)
{
    GwInstance *instance = g_new0(GwInstance, 1);
    g_atomic_ref_count_init(&instance->refs);
    instance->disks = g_ptr_array_new_with_free_func(disk_free);
    instance->nics = g_ptr_array_new_with_free_func(nic_free);
    instance->host_devices = g_ptr_array_new_with_free_func(g_free);
    instance->files = g_ptr_array_new_with_free_func(g_free);
    return instance;
}

GwInstance *gw_instance_ref(GwInstance *instance)
{
    g_atomic_ref_count_inc(&instance->refs);
    return instance;
}

void gw_instance_unref(GwInstance *instance)
{
    if (!g_atomic_ref_count_dec(&instance->refs))
        return;
    g_free(instance->name);
    g_free(instance->arch);
    g_free(instance->machine);
    g_free(instance->virt_type);
    g_free(instance->graphics_listen);
    g_ptr_array_unref(instance->disks);
    g_ptr_array_unref(instance->nics);
    g_ptr_array_unref(instance->host_devices);
    g_ptr_array_unref(instance->files);
    g_free(instance);
}

GwDisk *gw_instance_add_disk(GwInstance *instance)
{
    GwDisk *disk = g_new0(GwDisk, 1);
    g_ptr_array_add(instance->disks, disk);
    return disk;
}

GwNic *gw_instance_add_nic(GwInstance *instance)
{
    GwNic *nic = g_new0(GwNic, 1);
    g_ptr_array_add(instance->nics, nic);
    return nic;
}

const GwDisk *gw_instance_find_disk(const GwInstance *instance, const char *target)
{
    for (guint i = 0; i < instance->disks->len; i++) {
        const GwDisk *disk = instance->disks->pdata[i];
        if (g_strcmp0(disk->target, target) == 0)
            return disk;
    }
    return NULL;
}

static gboolean strv_equal(GStrv a, GStrv b)
{
    if (!a || !b)
        return a == b;
    return g_strv_equal((const char *const *)a, (const char *const *)b);
}

/* Allocation grows with every write of the guest: it is a measurement, not a part of what the disk is. */
static gboolean disk_equal(const GwDisk *a, const GwDisk *b)
{
    return a->kind == b->kind && a->flags == b->flags && a->capacity_bytes == b->capacity_bytes &&
           g_strcmp0(a->target, b->target) == 0 && g_strcmp0(a->path, b->path) == 0 &&
           g_strcmp0(a->pool, b->pool) == 0 && g_strcmp0(a->format, b->format) == 0 &&
           g_strcmp0(a->cache, b->cache) == 0 && g_strcmp0(a->no_copy, b->no_copy) == 0 && strv_equal(a->backing, b->backing);
}

static gboolean nic_equal(const GwNic *a, const GwNic *b)
{
    return a->kind == b->kind && g_strcmp0(a->source, b->source) == 0 && g_strcmp0(a->mac, b->mac) == 0;
}

static gboolean strings_equal(const GPtrArray *a, const GPtrArray *b)
{
    if (a->len != b->len)
        return FALSE;
    for (guint i = 0; i < a->len; i++)
        if (g_strcmp0(a->pdata[i], b->pdata[i]) != 0)
            return FALSE;
    return TRUE;
}

static gboolean devices_equal(const GwInstance *a, const GwInstance *b)
{
    if (a->disks->len != b->disks->len || a->nics->len != b->nics->len)
        return FALSE;
    for (guint i = 0; i < a->disks->len; i++)
        if (!disk_equal(a->disks->pdata[i], b->disks->pdata[i]))
            return FALSE;
    for (guint i = 0; i < a->nics->len; i++)
        if (!nic_equal(a->nics->pdata[i], b->nics->pdata[i]))
            return FALSE;
    return strings_equal(a->host_devices, b->host_devices) && strings_equal(a->files, b->files);
}

gboolean gw_instance_equal(const GwInstance *a, const GwInstance *b)
{
    return strcmp(a->uuid, b->uuid) == 0 && a->power == b->power && a->persistent == b->persistent &&
           a->autostart == b->autostart && a->vcpus == b->vcpus && a->memory_mib == b->memory_mib &&
           a->max_memory_mib == b->max_memory_mib && a->created_at == b->created_at &&
           a->fingerprint == b->fingerprint &&
           g_strcmp0(a->name, b->name) == 0 && g_strcmp0(a->arch, b->arch) == 0 &&
           g_strcmp0(a->machine, b->machine) == 0 && g_strcmp0(a->virt_type, b->virt_type) == 0 &&
           g_strcmp0(a->graphics_listen, b->graphics_listen) == 0 && devices_equal(a, b);
}

const char *gw_power_name(GwPower power)
{
    switch (power) {
    case GW_POWER_NOSTATE:
        return "in an unknown power state";
    case GW_POWER_RUNNING:
        return "running";
    case GW_POWER_PAUSED:
        return "paused";
    case GW_POWER_SHUTDOWN:
        return "shut off";
    case GW_POWER_CRASHED:
        return "crashed";
    case GW_POWER_SUSPENDED:
        return "suspended";
    }
    return "in an unknown power state";
}

gboolean gw_uuid_is_valid(const char *text)
{
    return text && g_uuid_string_is_valid(text);
}
