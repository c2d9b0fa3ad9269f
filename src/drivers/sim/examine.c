/* Everything that concerns moving one instance from one host to another. */
#include "drivers/sim/internal.h"

#include <string.h>

static GwFact fact(gboolean yes)
{
    return yes ? GW_FACT_YES : GW_FACT_NO;
}

/* By a probe, as on real storage: a file made in the folder on one host is looked for on the other, and removed. */
static GwFact shares_folder(GwSimHost *source, GwSimHost *dest, const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *probe = g_strdup_printf("%s/.godwit-probe-%08x", folder, g_random_int());
    if (!gw_sim_file_create(source, probe, "", NULL))
        return GW_FACT_UNKNOWN;
    gboolean seen = gw_sim_file_find(dest, probe) != NULL;
    gw_sim_file_delete(source, probe);
    return fact(seen);
}

static GwFact shares_backing(GwSimHost *source, GwSimHost *dest, const GwDisk *disk)
{
    if (!disk->backing)
        return GW_FACT_UNKNOWN;
    for (guint i = 0; disk->backing[i]; i++)
        if (!gw_sim_file_find(dest, disk->backing[i]) || shares_folder(source, dest, disk->backing[i]) != GW_FACT_YES)
            return GW_FACT_NO;
    return GW_FACT_YES;
}

static gboolean has_pool(GwSimHost *host, const char *name)
{
    g_autoptr(GwHostFacts) facts = gw_sim_host_facts(host);
    return gw_host_facts_pool_named(facts, name) != NULL;
}

static void examine_file(GwSimHost *source, GwSimHost *dest, const GwDisk *disk, GwDiskFacts *facts)
{
    const GwSimMount *mount = gw_sim_mount_of(dest, disk->path);
    facts->folder = fact(mount != NULL);
    facts->shared = mount ? shares_folder(source, dest, disk->path) : GW_FACT_NO;
    facts->taken = fact(facts->shared != GW_FACT_YES && gw_sim_file_find(dest, disk->path));
    facts->backing_shared = shares_backing(source, dest, disk);
    if (!gw_sim_file_find(source, disk->path))
        facts->problem = g_strdup_printf("%s has no file %s", source->name, disk->path);
    if (mount) {
        facts->dest_pool_path = g_strdup(mount->path);
        facts->available_bytes = gw_sim_mount_available(mount);
    }
}

static void examine_disk(GwSimHost *source, GwSimHost *dest, const GwDisk *disk, GwMoveFacts *move)
{
    GwDiskFacts *facts = gw_move_facts_add_disk(move);
    facts->target = g_strdup(disk->target);
    if (disk->pool)
        facts->pool = fact(has_pool(dest, disk->pool));
    if (disk->kind == GW_DISK_FILE && disk->path)
        examine_file(source, dest, disk, facts);
    if (disk->kind == GW_DISK_FILE && disk->path && (disk->flags & (GW_DISK_REMOVABLE | GW_DISK_READONLY)) &&
        !gw_sim_file_find(dest, disk->path))
        g_ptr_array_add(move->missing_files, g_strdup(disk->path));
}

static void examine_needs(const GwSimHost *dest, const GwInstance *instance, GwMoveFacts *facts)
{
    for (guint i = 0; i < instance->files->len; i++)
        if (!gw_sim_file_find(dest, instance->files->pdata[i]))
            g_ptr_array_add(facts->missing_files, g_strdup(instance->files->pdata[i]));
    for (guint i = 0; i < instance->nics->len; i++) {
        const GwNic *nic = instance->nics->pdata[i];
        if (nic->kind == GW_NIC_BRIDGE && g_strcmp0(nic->source, dest->bridge) != 0)
            g_ptr_array_add(facts->missing_networks, g_strdup_printf("bridge %s", nic->source));
        else if (nic->kind == GW_NIC_NETWORK)
            g_ptr_array_add(facts->missing_networks, g_strdup_printf("network %s", nic->source));
    }
}

static GwMoveFacts *examine(GwHost *source, GwHost *dest, const GwSimDomain *domain)
{
    GwMoveFacts *facts = gw_move_facts_new();
    const GwInstance *instance = domain->value;
    const GwSimDomain *namesake = g_hash_table_lookup(dest->host->names, instance->name);
    facts->instance = gw_instance_ref(domain->value);
    facts->source = gw_sim_host_facts(source->host);
    facts->dest = gw_sim_host_facts(dest->host);
    facts->source_name = g_strdup(source->name);
    facts->dest_name = g_strdup(dest->name);
    facts->uuid_taken = fact(gw_sim_host_domain(dest->host, instance->uuid) != NULL);
    facts->name_taken = fact(namesake && strcmp(namesake->value->uuid, instance->uuid) != 0);
    for (guint i = 0; i < instance->disks->len; i++)
        examine_disk(source->host, dest->host, instance->disks->pdata[i], facts);
    examine_needs(dest->host, instance, facts);
    if (domain->obstacle)
        g_ptr_array_add(facts->obstacles, g_strdup(domain->obstacle));
    facts->definition = gw_sim_instance_to_text(instance);
    return facts;
}

/* ---- evacuation */

char *gw_sim_definition(GwHost *host, const char *uuid, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ASK, "definition", host, NULL, error))
        return NULL;
    const GwSimDomain *domain = gw_sim_host_require(host->host, uuid, error);
    g_autofree char *text = domain ? gw_sim_instance_to_text(domain->value) : NULL;
    return gw_sim_call_end(&call, text != NULL, error) ? g_steal_pointer(&text) : NULL;
}

static void examine_kept_disk(GwSimHost *dest, const GwDisk *disk, GwMoveFacts *move)
{
    GwDiskFacts *facts = gw_move_facts_add_disk(move);
    facts->target = g_strdup(disk->target);
    const GwSimFile *file = disk->path ? gw_sim_file_find(dest, disk->path) : NULL;
    if (disk->kind == GW_DISK_FILE && disk->path)
        facts->shared = fact(file && file->capacity_bytes == disk->capacity_bytes);
    if (disk->pool)
        facts->pool = fact(has_pool(dest, disk->pool));
}

static GwMoveFacts *examine_kept(GwHost *dest, GwInstance *instance, const char *definition)
{
    GwMoveFacts *facts = gw_move_facts_new();
    const GwSimDomain *namesake = g_hash_table_lookup(dest->host->names, instance->name);
    facts->instance = gw_instance_ref(instance);
    facts->dest = gw_sim_host_facts(dest->host);
    facts->dest_name = g_strdup(dest->name);
    facts->uuid_taken = fact(gw_sim_host_domain(dest->host, instance->uuid) != NULL);
    facts->name_taken = fact(namesake && strcmp(namesake->value->uuid, instance->uuid) != 0);
    for (guint i = 0; i < instance->disks->len; i++)
        examine_kept_disk(dest->host, instance->disks->pdata[i], facts);
    examine_needs(dest->host, instance, facts);
    facts->definition = g_strdup(definition);
    return facts;
}

gboolean gw_sim_examine_evacuation(GwHost *dest, GwInstance *instance, const char *definition, GwMoveFacts **ret_facts, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ASK, "examine_evacuation", dest, NULL, error))
        return FALSE;
    *ret_facts = examine_kept(dest, instance, definition);
    return gw_sim_call_end(&call, TRUE, error);
}

/* ---- a move */

gboolean gw_sim_examine(GwHost *source, GwHost *dest, const char *uuid, GwMoveFacts **ret_facts, GError **error)
{
    GwSimCall call;
    if (!gw_sim_call_begin(&call, GW_SIM_ASK, "examine", source, dest, error))
        return FALSE;
    const GwSimDomain *domain = gw_sim_host_require(source->host, uuid, error);
    if (domain)
        *ret_facts = examine(source, dest, domain);
    return gw_sim_call_end(&call, domain != NULL, error);
}
