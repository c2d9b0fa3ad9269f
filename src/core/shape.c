#include "core/shape.h"

#include <string.h>

const GwDisk *gw_shape_root(const GwInstance *instance)
{
    for (guint i = 0; i < instance->disks->len; i++) {
        const GwDisk *disk = instance->disks->pdata[i];
        if (!(disk->flags & (GW_DISK_READONLY | GW_DISK_REMOVABLE | GW_DISK_EMPTY)))
            return disk;
    }
    return NULL;
}

/* The root disk, where the flavor says how large it is to be; else NULL. */
static const GwDisk *sized_root(const GwInstance *instance, const GwFlavor *flavor)
{
    const GwDisk *root = flavor && flavor->disk_gib ? gw_shape_root(instance) : NULL;
    return root && root->kind == GW_DISK_FILE ? root : NULL;
}

guint64 gw_shape_disk_bytes(const GwInstance *instance, const GwDisk *disk, const GwFlavor *flavor)
{
    const GwDisk *root = sized_root(instance, flavor);
    if (!root || disk != root)
        return disk->capacity_bytes;
    return MAX(disk->capacity_bytes, flavor->disk_gib << 30);
}

static void check_disk(const GwInstance *instance, const GwFlavor *flavor, GPtrArray *findings)
{
    const GwDisk *root = sized_root(instance, flavor);
    if (!root || root->capacity_bytes <= flavor->disk_gib << 30)
        return;
    gw_findings_add(findings, GW_FINDING_BLOCKS, "disk-smaller", NULL,
                    g_strdup_printf("disk %s of %s has %" G_GUINT64_FORMAT " MiB", root->target, instance->name, root->capacity_bytes >> 20),
                    g_strdup_printf("flavor %s has a disk of %" G_GUINT64_FORMAT " GiB, and a disk that is made smaller loses what is at "
                                    "its end", flavor->name, flavor->disk_gib),
                    g_strdup("choose a flavor whose disk is at least as large"));
}

void gw_shape_check(const GwMoveFacts *facts, const GwFlavor *flavor, GPtrArray *findings)
{
    const GwInstance *instance = facts->instance;
    if (!flavor)
        return;
    check_disk(instance, flavor, findings);
    if (facts->rigid && (flavor->vcpus != instance->vcpus || flavor->memory_mib != instance->max_memory_mib))
        gw_findings_add(findings, GW_FINDING_BLOCKS, "shape-fixed", facts->source_name,
                        g_strdup_printf("the definition of %s has %s", instance->name, facts->rigid),
                        g_strdup_printf("it names each vCPU or part of the memory, and flavor %s has %u vCPUs and %" G_GUINT64_FORMAT
                                        " MiB", flavor->name, flavor->vcpus, flavor->memory_mib),
                        g_strdup("remove it from the definition (virsh edit), or change the shape there by hand"));
}

void gw_shape_plan(GwPlan *plan, const GwInstance *instance, const GwFlavor *flavor)
{
    const GwDisk *root = sized_root(instance, flavor);
    if (!flavor)
        return;
    plan->memory_mib = flavor->memory_mib;
    plan->new_vcpus = flavor->vcpus;
    plan->new_memory_mib = flavor->memory_mib;
    if (!root || root->capacity_bytes >= flavor->disk_gib << 30)
        return;
    plan->new_disk = g_strdup(root->target);
    plan->new_disk_bytes = flavor->disk_gib << 30;
}
