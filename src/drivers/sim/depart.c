/* The beginning of a copy, or of the rest of one that broke in post-copy, and what a hypervisor refuses then. Its course is in copy.c. */
#include "drivers/sim/internal.h"

static gboolean refuse(GError **error, GwErrorCode code, const char *format, ...) G_GNUC_PRINTF(3, 4);
static gboolean refuse(GError **error, GwErrorCode code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, GW_ERROR, (gint)code, text);
    return FALSE;
}

static gboolean guest_may_leave(const GwSimDomain *from, const GwPlan *plan, GError **error)
{
    const char *name = from->value->name;
    if (from->copy)
        return refuse(error, GW_ERROR_FAILED, "another copy of %s is under way", name);
    if (from->seen != GW_SEEN_PAUSED && (from->seen != GW_SEEN_RUNNING || plan->kind == GW_MOVE_COLD))
        return refuse(error, GW_ERROR_FAILED, "%s is not %s on %s", name,
                      plan->kind == GW_MOVE_COLD ? "paused" : "active", from->host->name);
    if (from->obstacle)
        return refuse(error, GW_ERROR_FAILED, "%s cannot be moved: %s", name, from->obstacle);
    return TRUE;
}

static gboolean dest_may_take(GwSimHost *dest, const GwInstance *instance, GError **error)
{
    if (gw_sim_host_domain(dest, instance->uuid) || g_hash_table_contains(dest->names, instance->name))
        return refuse(error, GW_ERROR_FAILED, "%s already has an instance %s", dest->name, instance->name);
    if (dest->memory_used_mib + instance->memory_mib > dest->memory_mib)
        return refuse(error, GW_ERROR_FAILED, "%s has not enough memory for %s", dest->name, instance->name);
    for (guint i = 0; i < instance->nics->len; i++) {
        const GwNic *nic = instance->nics->pdata[i];
        if (nic->kind == GW_NIC_BRIDGE && g_strcmp0(nic->source, dest->bridge) != 0)
            return refuse(error, GW_ERROR_FAILED, "%s has no bridge %s", dest->name, nic->source);
    }
    return TRUE;
}

static gboolean disk_is_ready(const GwSimHost *source, const GwSimHost *dest, const GwPlanDisk *disk, GError **error)
{
    if (disk->kind != GW_DISK_FILE || !disk->path)
        return TRUE;
    const GwSimFile *there = gw_sim_file_find(dest, disk->dest_path);
    if (!there)
        return refuse(error, GW_ERROR_FAILED, "%s has no file %s for disk %s", dest->name, disk->dest_path,
                      disk->target);
    if (gw_sim_storage_fails(dest, disk->dest_path))
        return refuse(error, GW_ERROR_FAILED, "%s cannot open %s: Input/output error", dest->name, disk->dest_path);
    if (disk->fate == GW_FATE_SHARED && there != gw_sim_file_find(source, disk->path))
        return refuse(error, GW_ERROR_FAILED, "%s of %s is not the file of that name on %s", disk->path, source->name,
                      dest->name);
    return TRUE;
}

#define LONGEST_PAUSE_S 0.3 /* QEMU's default downtime-limit, 300 ms */

static GwSimCopy *copy_new(GwSimDomain *from, GwSimHost *dest, const GwPlan *plan)
{
    GwSimCopy *copy = g_new0(GwSimCopy, 1);
    copy->refs = 1;
    copy->source = from->host;
    copy->dest = dest;
    copy->from = from;
    copy->plan = gw_plan_copy(plan);
    copy->begun_us = copy->at_us = gw_sim_now(dest->world);
    copy->pause_s = LONGEST_PAUSE_S;
    copy->cap_bps = (double)plan->bandwidth_mibps * GW_SIM_MIB;
    copy->memory_bytes = (double)from->value->memory_mib * GW_SIM_MIB;
    g_cond_init(&copy->changed);
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        copy->disk_bytes += (double)gw_sim_copy_disk_bytes(copy, disk);
    }
    return copy;
}

static void receive(GwSimCopy *copy)
{
    GwInstance *value = gw_sim_instance_relocate(copy->from->value, copy->plan);
    GwSimDomain *to = gw_sim_domain_add(copy->dest, value, GW_SEEN_STOPPED);
    copy->to = to;
    to->copy = copy;
    gw_sim_domain_set(to, GW_SEEN_PAUSED_MIGRATING);
}

/* What the source has as a hole would stay as the other copy left it. */
static void begin_disks(GwSimCopy *copy)
{
    for (guint i = 0; i < copy->plan->disks->len; i++) {
        const GwPlanDisk *disk = copy->plan->disks->pdata[i];
        GwSimFile *file = disk->fate == GW_FATE_COPY ? gw_sim_file_find(copy->dest, disk->dest_path) : NULL;
        if (file && file->begun)
            gw_sim_violation(copy->dest->world, "%s on %s is copied over what another copy left of it", disk->dest_path, copy->dest->name);
        if (file)
            file->begun = TRUE;
    }
    gw_sim_copy_begin_pass(copy, GW_SIM_DISKS, copy->disk_bytes);
}

static void enter(GwSimCopy *copy)
{
    copy->source->outgoing++;
    copy->dest->incoming++;
    g_ptr_array_add(copy->source->world->copies, copy);
}

static gboolean is_half(const GwSimDomain *domain)
{
    return domain && !domain->copy && (domain->seen == GW_SEEN_POSTCOPY || domain->seen == GW_SEEN_POSTCOPY_FAILED);
}

GwSimCopy *gw_sim_copy_resume(GwSimHost *source, GwSimHost *dest, const GwPlan *plan, GError **error)
{
    GwSimDomain *from = gw_sim_host_domain(source, plan->uuid), *to = gw_sim_host_domain(dest, plan->uuid);
    if (!is_half(from) || !is_half(to)) {
        refuse(error, GW_ERROR_CONFLICT, "%s has no broken post-copy between %s and %s", plan->name, source->name, dest->name);
        return NULL;
    }
    if (source->link_bps <= 0 || dest->link_bps <= 0) {
        refuse(error, GW_ERROR_FAILED, "%s does not reach %s", source->name, dest->name);
        return NULL;
    }
    GwSimCopy *copy = copy_new(from, dest, plan);
    copy->to = to;
    from->copy = to->copy = copy;
    to->receives = TRUE;
    enter(copy);
    gw_sim_copy_begin_pass(copy, GW_SIM_POSTCOPY, from->missing_bytes);
    gw_sim_domain_set(from, GW_SEEN_POSTCOPY);
    gw_sim_domain_set(to, GW_SEEN_POSTCOPY);
    gw_sim_copies_rerate(source->world);
    return copy;
}

GwSimCopy *gw_sim_copy_begin(GwSimHost *source, GwSimHost *dest, const GwPlan *plan, GError **error)
{
    GwSimWorld *world = source->world;
    GwSimDomain *from = gw_sim_host_require(source, plan->uuid, error);
    if (!from || !guest_may_leave(from, plan, error) || !dest_may_take(dest, from->value, error))
        return NULL;
    for (guint i = 0; i < plan->disks->len; i++)
        if (!disk_is_ready(source, dest, plan->disks->pdata[i], error))
            return NULL;
    GwSimCopy *copy = copy_new(from, dest, plan);
    from->copy = copy;
    receive(copy);
    enter(copy);
    gw_sim_tell(source, plan->uuid);
    if (copy->disk_bytes > 0)
        begin_disks(copy);
    else
        gw_sim_copy_begin_memory(copy);
    gw_sim_copies_rerate(world);
    return copy;
}
