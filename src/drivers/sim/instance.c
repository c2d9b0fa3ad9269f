/* Instances as values: copies of them, and the text that travels in a plan. */
#include "drivers/sim/internal.h"

#include <string.h>

static void copy_disk(GwInstance *to, const GwDisk *disk)
{
    GwDisk *copy = gw_instance_add_disk(to);
    *copy = *disk;
    copy->target = g_strdup(disk->target);
    copy->path = g_strdup(disk->path);
    copy->pool = g_strdup(disk->pool);
    copy->format = g_strdup(disk->format);
    copy->cache = g_strdup(disk->cache);
    copy->backing = g_strdupv(disk->backing);
}

static void copy_strings(GPtrArray *to, const GPtrArray *from)
{
    for (guint i = 0; i < from->len; i++)
        g_ptr_array_add(to, g_strdup(from->pdata[i]));
}

GwInstance *gw_sim_instance_copy(const GwInstance *instance)
{
    GwInstance *copy = gw_instance_new();
    memcpy(copy->uuid, instance->uuid, sizeof copy->uuid);
    copy->name = g_strdup(instance->name);
    copy->power = instance->power;
    copy->persistent = instance->persistent;
    copy->autostart = instance->autostart;
    copy->vcpus = instance->vcpus;
    copy->memory_mib = instance->memory_mib;
    copy->max_memory_mib = instance->max_memory_mib;
    copy->arch = g_strdup(instance->arch);
    copy->machine = g_strdup(instance->machine);
    copy->virt_type = g_strdup(instance->virt_type);
    copy->graphics_listen = g_strdup(instance->graphics_listen);
    copy->created_at = instance->created_at;
    for (guint i = 0; i < instance->disks->len; i++)
        copy_disk(copy, instance->disks->pdata[i]);
    for (guint i = 0; i < instance->nics->len; i++) {
        const GwNic *nic = instance->nics->pdata[i];
        *gw_instance_add_nic(copy) = (GwNic){nic->kind, g_strdup(nic->source), g_strdup(nic->mac)};
    }
    copy_strings(copy->host_devices, instance->host_devices);
    copy_strings(copy->files, instance->files);
    return copy;
}

static const GwPlanDisk *plan_disk(const GwPlan *plan, const char *target)
{
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        if (g_strcmp0(disk->target, target) == 0)
            return disk;
    }
    return NULL;
}

GwInstance *gw_sim_instance_relocate(const GwInstance *instance, const GwPlan *plan)
{
    GwInstance *moved = gw_sim_instance_copy(instance);
    moved->persistent = FALSE; /* `settle` makes it final */
    moved->autostart = FALSE;
    for (guint i = 0; i < moved->disks->len; i++) {
        GwDisk *disk = moved->disks->pdata[i];
        const GwPlanDisk *planned = plan_disk(plan, disk->target);
        if (!planned || planned->fate != GW_FATE_COPY)
            continue;
        g_free(disk->path);
        disk->path = g_strdup(planned->dest_path);
        if (!planned->backing)
            g_clear_pointer(&disk->backing, g_strfreev);
    }
    if (plan->listen) {
        g_free(moved->graphics_listen);
        moved->graphics_listen = g_strdup(plan->listen);
    }
    return moved;
}

/* ---- as text: a GVariant of this type, printed */

#define DISK_TYPE "(smsmsmsmsasuutt)"
#define DISK_FORMAT "(smsmsmsms^asuutt)"
#define TEXT_TYPE "(ssuttmsa" DISK_TYPE "a(umsms)asas)"
#define TEXT_FORMAT "(ssuttmsa" DISK_TYPE "a(umsms)^as^as)"

static GVariant *disk_to_variant(const GwDisk *disk)
{
    static const char *const none[] = {NULL};
    return g_variant_new(DISK_FORMAT, disk->target, disk->path, disk->pool, disk->format, disk->cache,
                         disk->backing ? (const char *const *)disk->backing : none, disk->kind, disk->flags,
                         disk->capacity_bytes, disk->allocation_bytes);
}

static void add_strings(GVariantBuilder *builder, const GPtrArray *strings)
{
    g_variant_builder_open(builder, G_VARIANT_TYPE_STRING_ARRAY);
    for (guint i = 0; i < strings->len; i++)
        g_variant_builder_add(builder, "s", (const char *)strings->pdata[i]);
    g_variant_builder_close(builder);
}

char *gw_sim_instance_to_text(const GwInstance *instance)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE(TEXT_TYPE));
    g_variant_builder_add(&builder, "s", instance->uuid);
    g_variant_builder_add(&builder, "s", instance->name);
    g_variant_builder_add(&builder, "u", instance->vcpus);
    g_variant_builder_add(&builder, "t", instance->memory_mib);
    g_variant_builder_add(&builder, "t", instance->max_memory_mib);
    g_variant_builder_add(&builder, "ms", instance->graphics_listen);
    g_variant_builder_open(&builder, G_VARIANT_TYPE("a" DISK_TYPE));
    for (guint i = 0; i < instance->disks->len; i++)
        g_variant_builder_add_value(&builder, disk_to_variant(instance->disks->pdata[i]));
    g_variant_builder_close(&builder);
    g_variant_builder_open(&builder, G_VARIANT_TYPE("a(umsms)"));
    for (guint i = 0; i < instance->nics->len; i++) {
        const GwNic *nic = instance->nics->pdata[i];
        g_variant_builder_add(&builder, "(umsms)", nic->kind, nic->source, nic->mac);
    }
    g_variant_builder_close(&builder);
    add_strings(&builder, instance->host_devices);
    add_strings(&builder, instance->files);
    g_autoptr(GVariant) variant = g_variant_ref_sink(g_variant_builder_end(&builder));
    return g_variant_print(variant, FALSE);
}

static void read_devices(GwInstance *instance, GVariantIter *disks, GVariantIter *nics, char **devices, char **files)
{
    GwDisk disk = {0};
    guint kind, flags;
    while (g_variant_iter_next(disks, DISK_FORMAT, &disk.target, &disk.path, &disk.pool, &disk.format, &disk.cache,
                               &disk.backing, &kind, &flags, &disk.capacity_bytes, &disk.allocation_bytes)) {
        if (!*disk.backing)
            g_clear_pointer(&disk.backing, g_strfreev);
        disk.kind = (GwDiskKind)kind;
        disk.flags = flags;
        *gw_instance_add_disk(instance) = disk;
    }
    GwNic nic = {0};
    while (g_variant_iter_next(nics, "(umsms)", &kind, &nic.source, &nic.mac)) {
        nic.kind = (GwNicKind)kind;
        *gw_instance_add_nic(instance) = nic;
    }
    for (guint i = 0; devices[i]; i++)
        g_ptr_array_add(instance->host_devices, g_strdup(devices[i]));
    for (guint i = 0; files[i]; i++)
        g_ptr_array_add(instance->files, g_strdup(files[i]));
}

GwInstance *gw_sim_instance_from_text(const char *text, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(GVariant) variant = text ? g_variant_parse(G_VARIANT_TYPE(TEXT_TYPE), text, NULL, NULL, &local) : NULL;
    if (!variant) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "the plan's definition is not one of the sim driver: %s",
                    local ? local->message : "it is missing");
        return NULL;
    }
    g_autofree char *uuid = NULL;
    g_autoptr(GVariantIter) disks = NULL;
    g_autoptr(GVariantIter) nics = NULL;
    g_auto(GStrv) devices = NULL;
    g_auto(GStrv) files = NULL;
    GwInstance *instance = gw_sim_instance_new(NULL, 0);
    g_ptr_array_set_size(instance->nics, 0);
    g_clear_pointer(&instance->graphics_listen, g_free);
    g_variant_get(variant, TEXT_FORMAT, &uuid, &instance->name, &instance->vcpus, &instance->memory_mib,
                  &instance->max_memory_mib, &instance->graphics_listen, &disks, &nics, &devices, &files);
    g_strlcpy(instance->uuid, uuid, sizeof instance->uuid);
    read_devices(instance, disks, nics, devices, files);
    return instance;
}

/* ---- new ones */

GwInstance *gw_sim_instance_new(const char *name, guint64 memory_mib)
{
    GwInstance *instance = gw_instance_new();
    instance->name = g_strdup(name);
    instance->power = GW_POWER_RUNNING;
    instance->persistent = TRUE;
    instance->vcpus = 1;
    instance->memory_mib = instance->max_memory_mib = memory_mib;
    instance->arch = g_strdup("x86_64");
    instance->machine = g_strdup("sim-1.0");
    instance->virt_type = g_strdup("sim");
    *gw_instance_add_nic(instance) = (GwNic){GW_NIC_BRIDGE, g_strdup("br0"), NULL};
    return instance;
}

GwDisk *gw_sim_instance_add_disk(GwInstance *instance, GwSimStorage storage, guint64 gib)
{
    guint number = instance->disks->len;
    GwDisk *disk = gw_instance_add_disk(instance);
    disk->target = g_strdup_printf("vd%c", 'a' + (int)number);
    disk->kind = GW_DISK_FILE;
    disk->pool = g_strdup(storage == GW_SIM_SHARED ? "shared" : "local");
    disk->format = g_strdup("qcow2");
    disk->capacity_bytes = gib << 30;
    disk->allocation_bytes = disk->capacity_bytes / 10;
    return disk;
}
