#include "core/planner.h"

#include "core/flags.h"
#include "core/inbound.h"
#include "core/shape.h"

#include <string.h>

static gboolean is_medium(const GwDisk *disk)
{
    return (disk->flags & (GW_DISK_READONLY | GW_DISK_REMOVABLE | GW_DISK_EMPTY)) != 0;
}

GwDiskFate gw_planner_fate(const GwDisk *disk, const GwDiskFacts *facts)
{
    if (disk->kind == GW_DISK_NETWORK || facts->shared == GW_FACT_YES)
        return GW_FATE_SHARED;
    if (is_medium(disk))
        return facts->medium == GW_FACT_NO ? GW_FATE_SEND : GW_FATE_CARRY;
    return GW_FATE_COPY;
}

gboolean gw_planner_fate_is_doubtful(const GwDisk *disk, const GwDiskFacts *facts)
{
    if (is_medium(disk) || disk->kind == GW_DISK_NETWORK)
        return FALSE;
    if (disk->kind == GW_DISK_OTHER)
        return TRUE;
    /* A host device that is not proved to be the same one elsewhere cannot be copied either: libvirt does not make it. */
    if (disk->kind == GW_DISK_BLOCK)
        return facts->shared != GW_FACT_YES;
    return facts->shared == GW_FACT_UNKNOWN;
}

/* Nova's rule (nova/virt/libvirt/driver.py, _live_migration_data_gb): at least 2 GiB for memory and for each disk. */
static guint64 data_gib(const GwMoveFacts *facts, const GwPlan *plan)
{
    guint64 gib = MAX(2, (facts->instance->memory_mib + 1023) / 1024);
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        if (disk->fate == GW_FATE_COPY)
            gib += MAX(2, disk->capacity_bytes >> 30);
    }
    return gib;
}

/* Only a chain that is whole on the destination can be kept; otherwise the copy must be complete in itself. */
static gboolean chains_can_stay(const GwMoveFacts *facts)
{
    for (guint i = 0; i < facts->disks->len; i++) {
        const GwDisk *disk = facts->instance->disks->pdata[i];
        const GwDiskFacts *disk_facts = facts->disks->pdata[i];
        if (disk->backing && gw_planner_fate(disk, disk_facts) == GW_FATE_COPY &&
            disk_facts->backing_shared != GW_FACT_YES)
            return FALSE;
    }
    return TRUE;
}

static guint64 copy_flags(guint64 flags, const GwMoveFacts *facts)
{
    gboolean incremental = (flags & GW_FLAG_NON_SHARED_INC) && chains_can_stay(facts);
    flags &= ~(guint64)(GW_FLAG_NON_SHARED_INC | GW_FLAG_NON_SHARED_DISK);
    return flags | (incremental ? GW_FLAG_NON_SHARED_INC : GW_FLAG_NON_SHARED_DISK);
}

/* libvirt calls a file or device "unsafe" when it does not recognise the file system as shared; here sharing was proved. */
static gboolean needs_proof_flag(const GwPlan *plan)
{
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        if (disk->fate == GW_FATE_SHARED && disk->kind != GW_DISK_NETWORK)
            return TRUE;
    }
    return FALSE;
}

/* Nova's rule: where post-copy is permitted, auto-converge is not used beside it. */
static guint64 permitted_flags(const GwPlanSettings *settings, guint64 flags)
{
    if (settings->permit_post_copy && !(flags & GW_FLAG_TUNNELLED)) /* libvirt refuses the two together */
        return GW_FLAG_POSTCOPY;
    gboolean slows = settings->policy && settings->policy->auto_converge && settings->permit_auto_converge;
    return slows ? GW_FLAG_AUTO_CONVERGE : 0;
}

static void plan_pauses(GwPlan *plan, const GwPlanSettings *settings)
{
    const GwPolicy *policy = settings->policy;
    if (plan->kind != GW_MOVE_LIVE || !policy)
        return;
    plan->pause_ms = settings->pause_ms ? settings->pause_ms : policy->pause_ms;
    plan->eager = policy->prefers_post_copy;
    plan->policy = g_strdup(policy->name);
    switch (settings->timeout_action) {
    case GW_TIMEOUT_POLICY:
        plan->forced_pause_ms = policy->forced_pause_ms;
        break;
    case GW_TIMEOUT_ABORT:
        break;
    case GW_TIMEOUT_FORCE:
        plan->forced_pause_ms = G_MAXUINT32;
        break;
    }
}

static guint64 plan_flags(const GwMoveFacts *facts, const GwPlan *plan, const GwPlanSettings *settings)
{
    gboolean copies = gw_plan_copies_disks(plan);
    guint64 flags = copies ? copy_flags(settings->block_flags, facts)
                           : settings->live_flags & ~(guint64)(GW_FLAG_NON_SHARED_INC | GW_FLAG_NON_SHARED_DISK);
    flags &= ~(guint64)GW_FLAG_PERSIST_DEST;
    if (facts->instance->persistent)
        flags |= GW_FLAG_PERSIST_DEST;
    if (needs_proof_flag(plan))
        flags |= GW_FLAG_UNSAFE;
    if (plan->power_before != GW_POWER_PAUSED) /* one that its storage had halted before is moved as it is: away from there, perhaps */
        flags |= GW_FLAG_ABORT_ON_ERROR;
    if (plan->kind == GW_MOVE_COLD) {
        /* the guest's CPUs never run during this copy, and the source stays as it was until the user confirms */
        flags &= ~(guint64)(GW_FLAG_LIVE | GW_FLAG_UNDEFINE_SOURCE | GW_FLAG_POSTCOPY | GW_FLAG_AUTO_CONVERGE |
                            GW_FLAG_TUNNELLED | GW_FLAG_COMPRESSED);
        flags |= GW_FLAG_PEER2PEER;
    }
    if (plan->kind == GW_MOVE_LIVE)
        flags |= permitted_flags(settings, flags);
    if (plan->power_before == GW_POWER_PAUSED)
        flags &= ~(guint64)GW_FLAG_POSTCOPY; /* libvirt refuses: nothing would fault the pages in */
    return flags;
}

static guint64 older(guint64 a, guint64 b)
{
    return a < b ? a : b;
}

static void plan_transfer(GwPlan *plan, const GwMoveFacts *facts, const GwMoveWish *wish, const GwPlanSettings *settings)
{
    if (plan->kind != GW_MOVE_LIVE || !facts->source)
        return;
    const GwHostFacts *source = facts->source, *dest = facts->dest;
    GwAbilities can = {.hypervisor = older(source->hypervisor_version, dest->hypervisor_version),
                       .library = older(source->library_version, dest->library_version),
                       .qemu = g_strcmp0(source->hypervisor_type, "QEMU") == 0};
    gw_transfer_plan(plan, &settings->transfer, &wish->traffic, &can);
}

static void plan_disk(GwPlan *plan, const GwDisk *disk, const GwDiskFacts *facts)
{
    GwPlanDisk *row = gw_plan_add_disk(plan);
    row->target = g_strdup(disk->target);
    row->fate = gw_planner_fate(disk, facts);
    row->kind = disk->kind;
    row->path = g_strdup(disk->path);
    row->dest_path = g_strdup(row->fate == GW_FATE_COPY && facts->dest_path ? facts->dest_path : disk->path);
    row->format = g_strdup(disk->format);
    row->place = g_strdup(facts->place);
    /* copies go into a folder; only what is shared needs its pool started */
    row->pool = row->fate == GW_FATE_SHARED && disk->kind != GW_DISK_FILE ? g_strdup(disk->pool) : NULL;
    row->capacity_bytes = disk->capacity_bytes;
    row->allocation_bytes = disk->allocation_bytes;
}

static void keep_chains(GwPlan *plan, const GwInstance *instance)
{
    for (guint i = 0; i < plan->disks->len; i++) {
        GwPlanDisk *disk = plan->disks->pdata[i];
        if (disk->fate == GW_FATE_COPY)
            disk->backing = g_strdupv(((const GwDisk *)instance->disks->pdata[i])->backing);
    }
}

/* The template has one %s, which settings checked; formatting by hand keeps a stray % harmless. */
static char *fill_template(const char *template, const char *address)
{
    if (!template || !*template)
        return NULL;
    g_auto(GStrv) parts = g_strsplit(template, "%s", 2);
    return g_strconcat(parts[0], address, parts[1] ? parts[1] : "", NULL);
}

/* A tunnelled copy goes through the control connection. */
static char *copy_uri(const GwPlanSettings *settings, guint64 flags, const char *dest_address)
{
    g_autofree char *address = flags & GW_FLAG_TUNNELLED ? NULL : gw_inbound_address(settings->inbound, dest_address);
    if (!address)
        return NULL;
    return strchr(address, ':') ? g_strdup_printf("tcp://[%s]", address) : g_strdup_printf("tcp://%s", address);
}

GwPlan *gw_planner_probe(const GwPlanSettings *settings, const char *dest_address)
{
    const guint64 kept = GW_FLAG_LIVE | GW_FLAG_PEER2PEER | GW_FLAG_TUNNELLED | GW_FLAG_TLS | GW_FLAG_PARALLEL;
    GwPlan *plan = gw_plan_new();
    plan->kind = GW_MOVE_LIVE;
    plan->flags = settings->live_flags & kept;
    plan->destination_uri = fill_template(settings->uri_template, dest_address);
    plan->migrate_uri = copy_uri(settings, plan->flags, dest_address);
    plan->bandwidth_mibps = settings->bandwidth_mibps;
    return plan;
}

GwPlan *gw_planner_make(const GwMoveFacts *facts, const GwMoveWish *wish, const GwPlanSettings *settings,
                        const char *dest_address)
{
    const GwInstance *instance = facts->instance;
    GwPlan *plan = gw_plan_new();
    plan->kind = wish->kind;
    g_strlcpy(plan->uuid, instance->uuid, sizeof plan->uuid);
    plan->name = g_strdup(instance->name);
    plan->power_before = instance->power;
    if (wish->kind == GW_MOVE_EVACUATE && instance->power != GW_POWER_SHUTDOWN)
        plan->power_before = GW_POWER_RUNNING; /* its memory is lost: whatever it was doing, it boots */
    plan->persistent_before = instance->persistent || wish->kind == GW_MOVE_EVACUATE; /* it is defined before it starts */
    plan->autostart_before = instance->autostart;
    plan->memory_mib = instance->memory_mib;
    plan->bandwidth_mibps = settings->bandwidth_mibps;
    plan->destination_uri = fill_template(settings->uri_template, dest_address);
    if (instance->graphics_listen && settings->vncserver_listen && *settings->vncserver_listen)
        plan->listen = g_strdup(settings->vncserver_listen);
    plan->definition = g_strdup(facts->definition);
    plan->calls = g_strdup(gw_move_kind_is_cold(wish->kind) ? facts->cold_calls : facts->live_calls);
    for (guint i = 0; i < instance->disks->len; i++)
        plan_disk(plan, instance->disks->pdata[i], facts->disks->pdata[i]);
    plan->flags = plan_flags(facts, plan, settings);
    plan_transfer(plan, facts, wish, settings);
    plan->migrate_uri = copy_uri(settings, plan->flags, dest_address);
    if (plan->flags & GW_FLAG_NON_SHARED_INC)
        keep_chains(plan, instance);
    plan_pauses(plan, settings);
    gw_shape_plan(plan, instance, wish->flavor);
    plan->timeout_ms = settings->completion_timeout_s * 1000 * data_gib(facts, plan);
    if (plan->pause_ms && settings->pause_steps > 1) {
        plan->pause_steps = settings->pause_steps;
        plan->pause_step_ms = settings->pause_delay_s * 1000 * data_gib(facts, plan);
    }
    return plan;
}
