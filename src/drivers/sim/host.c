/* Hosts of a world and the instances that an address asks for. */
#include "drivers/sim/internal.h"

#include <string.h>

char *gw_sim_uuid(const char *seed)
{
    g_autofree char *hex = g_compute_checksum_for_string(G_CHECKSUM_SHA1, seed, -1);
    hex[12] = '5'; /* a name-based UUID (RFC 4122, version 5) */
    hex[16] = "89ab"[g_ascii_xdigit_value(hex[16]) & 3]; /* its variant */
    return g_strdup_printf("%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static void mount_free(gpointer data)
{
    GwSimMount *mount = data;
    g_free(mount->path);
    g_free(mount);
}

static void fault_free(gpointer data)
{
    GwSimFault *fault = data;
    g_free(fault->function);
    g_free(fault);
}

GwSimHost *gw_sim_host_find(GwSimWorld *world, const char *name)
{
    return g_hash_table_lookup(world->hosts, name);
}

static GwSimHost *host_new(GwSimWorld *world, const char *name, const GwSimSpec *spec)
{
    GwSimHost *host = g_new0(GwSimHost, 1);
    host->world = world;
    host->name = g_strdup(name);
    host->memory_mib = spec->memory_mib;
    host->cpus = spec->cpus;
    host->latency_ms = spec->latency_ms;
    host->clock_ms = spec->clock_ms;
    host->hangs_at_us = spec->hangs_after_s ? g_get_monotonic_time() + (gint64)spec->hangs_after_s * G_USEC_PER_SEC : 0;
    host->hostname = g_strdup(*spec->hostname ? spec->hostname : name);
    host->qemu_user = g_strdup(spec->qemu_user);
    host->hypervisor = g_strdup(spec->hypervisor);
    host->link_bps = (double)spec->link_mbps * 1e6 / 8;
    host->bridge = g_strdup(spec->bridge);
    g_cond_init(&host->state_changed);
    host->mounts = g_ptr_array_new_with_free_func(mount_free);
    host->faults = g_ptr_array_new_with_free_func(fault_free);
    host->calls = g_hash_table_new(g_str_hash, g_str_equal);
    host->domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)gw_sim_domain_free);
    host->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return host;
}

void gw_sim_host_free(GwSimHost *host)
{
    g_hash_table_unref(host->names);
    g_hash_table_unref(host->domains);
    g_ptr_array_unref(host->faults);
    g_hash_table_unref(host->calls);
    g_ptr_array_unref(host->mounts);
    g_cond_clear(&host->state_changed);
    g_free(host->bridge);
    g_free(host->hostname);
    g_free(host->qemu_user);
    g_free(host->hypervisor);
    g_free(host->name);
    g_free(host);
}

static void add_instance(GwSimHost *host, const GwSimSpec *spec, guint64 number)
{
    g_autofree char *name = g_strdup_printf("%s-%s-%" G_GUINT64_FORMAT, spec->prefix, host->name, number);
    g_autofree char *seed = g_strdup_printf("%s/%s/%" G_GUINT64_FORMAT, host->world->name, host->name, number);
    g_autofree char *uuid = gw_sim_uuid(seed);
    GwInstance *instance = gw_sim_instance_new(name, spec->instance_memory_mib);
    g_strlcpy(instance->uuid, uuid, sizeof instance->uuid);
    GwNic *nic = instance->nics->pdata[0];
    g_free(nic->source);
    nic->source = g_strdup(spec->bridge);
    if (strcmp(spec->disk, "none") != 0)
        gw_sim_instance_add_disk(instance, strcmp(spec->disk, "local") == 0 ? GW_SIM_LOCAL : GW_SIM_SHARED,
                                 spec->disk_gib);
    GwSimDomain *domain = gw_sim_host_place(host, instance);
    domain->dirty_bps = (double)spec->dirty_mbps * 1e6 / 8;
    domain->cpus = (double)spec->cpu_percent / 100 * instance->vcpus;
}

GwSimHost *gw_sim_host_ensure(GwSimWorld *world, const char *name, const GwSimSpec *spec)
{
    GwSimHost *host = gw_sim_host_find(world, name);
    if (host)
        return host;
    host = host_new(world, name, spec);
    g_hash_table_insert(world->hosts, host->name, host);
    g_autofree char *own = g_strdup_printf("local@%s", name);
    gw_sim_mount(host, GW_SIM_SHARED_PATH, gw_sim_folder_ensure(world, "shared", 1 << 20));
    gw_sim_mount(host, GW_SIM_LOCAL_PATH, gw_sim_folder_ensure(world, own, spec->storage_gib));
    for (guint64 i = 1; i <= spec->instances; i++)
        add_instance(host, spec, i);
    return host;
}

/* ---- placing an instance with what it needs */

static void make_file(GwSimHost *host, const GwInstance *instance, GwDisk *disk)
{
    if (disk->kind != GW_DISK_FILE || disk->flags & GW_DISK_EMPTY)
        return;
    if (!disk->path)
        disk->path =
            g_strdup_printf("%s/%s-%s.%s", g_strcmp0(disk->pool, "local") == 0 ? GW_SIM_LOCAL_PATH : GW_SIM_SHARED_PATH,
                            instance->name, disk->target, disk->format ? disk->format : "raw");
    GwSimFile *file = gw_sim_file_create(host, disk->path, instance->uuid, disk->target);
    if (!file)
        return;
    file->capacity_bytes = disk->capacity_bytes;
    gw_sim_file_complete(host->world, file, disk->allocation_bytes);
    for (guint i = 0; disk->backing && disk->backing[i]; i++) {
        GwSimFile *base = gw_sim_file_create(host, disk->backing[i], "", NULL);
        if (base)
            gw_sim_file_complete(host->world, base, 0);
    }
}

static GwSeen seen_of(GwPower power)
{
    switch (power) {
    case GW_POWER_RUNNING:
        return GW_SEEN_RUNNING;
    case GW_POWER_PAUSED:
        return GW_SEEN_PAUSED;
    case GW_POWER_NOSTATE:
    case GW_POWER_SHUTDOWN:
    case GW_POWER_CRASHED:
    case GW_POWER_SUSPENDED:
        return GW_SEEN_STOPPED;
    }
    return GW_SEEN_STOPPED;
}

GwSimDomain *gw_sim_host_place(GwSimHost *host, GwInstance *instance)
{
    if (!*instance->uuid) {
        g_autofree char *seed = g_strdup_printf("%s/%s/%s", host->world->name, host->name, instance->name);
        g_autofree char *uuid = gw_sim_uuid(seed);
        g_strlcpy(instance->uuid, uuid, sizeof instance->uuid);
    }
    for (guint i = 0; i < instance->nics->len; i++) {
        GwNic *nic = instance->nics->pdata[i];
        if (!nic->mac) /* the prefix is QEMU's; the rest follows from the UUID */
            nic->mac =
                g_strdup_printf("52:54:00:%.2s:%.2s:%.2s", instance->uuid, instance->uuid + 2, instance->uuid + 4);
    }
    for (guint i = 0; i < instance->disks->len; i++)
        make_file(host, instance, instance->disks->pdata[i]);
    return gw_sim_domain_add(host, instance, seen_of(instance->power));
}

GwSimDomain *gw_sim_host_domain(GwSimHost *host, const char *uuid)
{
    return g_hash_table_lookup(host->domains, uuid);
}

GwSimDomain *gw_sim_host_require(GwSimHost *host, const char *uuid, GError **error)
{
    GwSimDomain *domain = gw_sim_host_domain(host, uuid);
    if (!domain)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "%s has no instance %s", host->name, uuid);
    return domain;
}

/* ---- facts */

static void add_pools(GwHostFacts *facts, const GwSimHost *host)
{
    for (guint i = 0; i < host->mounts->len; i++) {
        const GwSimMount *mount = host->mounts->pdata[i];
        GwPool *pool = gw_host_facts_add_pool(facts);
        g_auto(GStrv) name = g_strsplit(mount->folder->name, "@", 2); /* "local@HOST" is everyone's "local" */
        pool->name = g_strdup(name[0]);
        pool->path = g_strdup(mount->path);
        pool->type = g_strdup("dir");
        pool->active = TRUE;
        pool->capacity_bytes = mount->folder->capacity_bytes;
        pool->available_bytes = gw_sim_mount_available(mount);
    }
}

GwHostFacts *gw_sim_host_facts(GwSimHost *host)
{
    g_autofree char *seed = g_strdup_printf("%s/%s", host->world->name, host->name);
    GwHostFacts *facts = gw_host_facts_new();
    facts->hostname = g_strdup(host->hostname);
    facts->qemu_user = g_strdup(host->qemu_user);
    facts->host_uuid = gw_sim_uuid(seed);
    facts->hypervisor_type = g_strdup(host->hypervisor);
    facts->hypervisor_version = 1000000;
    facts->arch = g_strdup("x86_64");
    facts->cpu_model = g_strdup("sim");
    facts->cpus = (guint)host->cpus;
    facts->memory_mib = host->memory_mib;
    facts->memory_free_mib = host->memory_mib > host->memory_used_mib ? host->memory_mib - host->memory_used_mib : 0;
    facts->interfaces = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(facts->interfaces, g_strdup(host->bridge));
    add_pools(facts, host);
    return facts;
}
