/* Which facts forbid a move. Every check runs, so that the list is complete; the order of the table is the order in which
 * people read the reasons. What a check lets pass, core/planner.c turns into a plan. */
#include "core/checks.h"

#include "core/planner.h"
#include "core/shape.h"

#include <string.h>

typedef struct {
    const GwMoveFacts *facts;
    const GwMoveWish *wish;
    const GwPlanSettings *settings;
    const GwInstance *instance;
    const char *dest;
    GPtrArray *findings;
} Context;

/* One blocking finding about the destination. The texts are taken. */
static void block(const Context *c, const char *code, char *fact, char *why, char *remedy)
{
    gw_findings_add(c->findings, GW_FINDING_BLOCKS, code, c->dest, fact, why, remedy);
}

/* TRUE: the instance's host is down, and only what was kept of the instance is known. */
static gboolean is_evacuation(const Context *c)
{
    return c->wish->kind == GW_MOVE_EVACUATE;
}

static void check_kind(const Context *c)
{
    if (!c->facts->source)
        return;
    const char *source = c->facts->source->hypervisor_type;
    const char *dest = c->facts->dest->hypervisor_type;
    if (g_strcmp0(source, dest) != 0)
        block(c, "hypervisor-type", g_strdup_printf("%s runs %s", c->dest, dest),
              g_strdup_printf("%s is on %s, which runs %s; no hypervisor accepts another's guests", c->instance->name,
                              c->facts->source_name, source),
              g_strdup("name a host of the same kind"));
    else if (c->facts->source->arch && c->facts->dest->arch &&
             strcmp(c->facts->source->arch, c->facts->dest->arch) != 0)
        block(c, "arch", g_strdup_printf("%s is %s", c->dest, c->facts->dest->arch),
              g_strdup_printf("%s needs %s", c->instance->name, c->facts->source->arch),
              g_strdup("name a host of the same architecture"));
}

static char *version_text(guint64 version)
{
    return g_strdup_printf("%u.%u.%u", (guint)(version / 1000000), (guint)(version / 1000 % 1000), (guint)(version % 1000));
}

/* As Nova (DestinationHypervisorTooOld): a running guest's state has the format of the newer hypervisor. */
static void check_version(const Context *c)
{
    if (!c->facts->source)
        return;
    guint64 source = c->facts->source->hypervisor_version;
    guint64 dest = c->facts->dest->hypervisor_version;
    if (c->wish->kind != GW_MOVE_LIVE || !source || !dest || dest >= source)
        return;
    g_autofree char *have = version_text(dest);
    g_autofree char *need = version_text(source);
    block(c, "hypervisor-version", g_strdup_printf("%s has hypervisor version %s", c->dest, have),
          g_strdup_printf("%s runs on version %s, whose running guests an older one cannot read",
                          c->instance->name, need),
          g_strdup_printf("update %s, or move the instance cold with `godwit migrate`", c->dest));
}

static void check_host_identity(const Context *c)
{
    if (!c->facts->source)
        return;
    if (c->facts->source->host_uuid && g_strcmp0(c->facts->source->host_uuid, c->facts->dest->host_uuid) == 0)
        block(c, "host-uuid", g_strdup_printf("%s and %s have the same host UUID %s", c->facts->source_name, c->dest,
                                              c->facts->dest->host_uuid),
              g_strdup("libvirt takes them for one host and refuses"),
              g_strdup_printf("set host_uuid in /etc/libvirt/libvirtd.conf on %s and restart libvirtd", c->dest));
    else if (c->facts->source->hostname && g_strcmp0(c->facts->source->hostname, c->facts->dest->hostname) == 0)
        block(c, "host-name", g_strdup_printf("%s and %s both call themselves %s", c->facts->source_name, c->dest,
                                              c->facts->dest->hostname),
              g_strdup("libvirt takes them for one host and refuses"),
              g_strdup("give each host its own host name"));
}

static void check_already_there(const Context *c)
{
    if (c->facts->uuid_taken == GW_FACT_YES)
        block(c, "uuid-taken", g_strdup_printf("%s already has an instance with UUID %s", c->dest, c->instance->uuid),
              g_strdup("an instance exists in one place only"),
              c->facts->look_at_taken ? g_strdup_printf("look at it: %s; if it is a stale copy, undefine it: %s", c->facts->look_at_taken,
                                                        c->facts->undefine_taken)
                                      : g_strdup_printf("look at it on %s, and undefine the stale copy", c->dest));
    else if (c->facts->name_taken == GW_FACT_YES)
        block(c, "name-taken", g_strdup_printf("%s already has another instance named %s", c->dest, c->instance->name),
              g_strdup("libvirt keeps names unique on a host"), g_strdup("rename one of the two"));
}

/* A stopped guest whose disks are shared is only defined on the destination and needs no memory there yet. */
static gboolean needs_memory(const Context *c)
{
    if (c->instance->power != GW_POWER_SHUTDOWN)
        return TRUE;
    for (guint i = 0; i < c->facts->disks->len; i++)
        if (gw_planner_fate(c->instance->disks->pdata[i], c->facts->disks->pdata[i]) == GW_FATE_COPY)
            return TRUE;
    return FALSE;
}

static void check_memory(const Context *c)
{
    guint64 have = c->facts->dest->memory_free_mib;
    guint64 reserved = c->wish->reserved_memory_mib;
    guint64 usable = have > reserved ? have - reserved : 0;
    guint64 need = c->wish->flavor ? c->wish->flavor->memory_mib : c->instance->memory_mib;
    if (!needs_memory(c) || usable >= need)
        return;
    block(c, "memory",
          g_strdup_printf("%s has %" G_GUINT64_FORMAT " MiB of memory free, of which %" G_GUINT64_FORMAT
                          " MiB are reserved (reserved_host_memory_mb and moves under way)",
                          c->dest, have, reserved),
          g_strdup_printf("%s needs %" G_GUINT64_FORMAT " MiB", c->instance->name, need),
          g_strdup("name another host, or free memory there"));
}

static void check_networks(const Context *c)
{
    for (guint i = 0; i < c->facts->missing_networks->len; i++) {
        const char *network = c->facts->missing_networks->pdata[i];
        block(c, "network-missing", g_strdup_printf("%s has no %s", c->dest, network),
              g_strdup_printf("%s is connected to it", c->instance->name),
              g_strdup_printf("make the %s on %s, or start it there", network, c->dest));
    }
}

static void check_files(const Context *c)
{
    for (guint i = 0; i < c->facts->missing_files->len; i++) {
        const char *file = c->facts->missing_files->pdata[i];
        block(c, "file-missing", g_strdup_printf("%s has no %s", c->dest, file),
              g_strdup_printf("%s uses it", c->instance->name),
              g_strdup_printf("copy it there, or eject it from %s", c->instance->name));
    }
}

static void check_obstacles(const Context *c, const GPtrArray *obstacles, const char *remedy)
{
    for (guint i = 0; i < obstacles->len; i++)
        block(c, "hypervisor", g_strdup(obstacles->pdata[i]), g_strdup("the hypervisor would refuse to move it, or leave a part of it behind"),
              g_strdup(remedy));
}

static void check_devices(const Context *c)
{
    for (guint i = 0; i < c->instance->host_devices->len; i++)
        block(c, "host-device",
              g_strdup_printf("%s uses the host device %s of %s", c->instance->name,
                              (const char *)c->instance->host_devices->pdata[i], c->facts->source_name),
              g_strdup("a device of one host cannot follow to another"),
              g_strdup("detach it, move, and attach one of the destination's"));
    check_obstacles(c, c->facts->obstacles, "mend what was found, and ask again");
    if (c->wish->kind == GW_MOVE_LIVE)
        check_obstacles(c, c->facts->live_obstacles, "move it cold (godwit migrate), or mend what was found and ask again");
    else
        check_obstacles(c, c->facts->cold_obstacles, "move it live (godwit live-migration), or mend what was found and ask again");
    if (c->facts->cpu_problem)
        block(c, "cpu", g_strdup_printf("the CPU of %s does not suit: %s", c->dest, c->facts->cpu_problem),
              g_strdup_printf("%s runs with CPU features that must stay", c->instance->name),
              g_strdup("name a host with that CPU, or give the instance a CPU model that all hosts have"));
}

static void check_folder(const Context *c, const GwDisk *disk, const GwDiskFacts *facts, const char *path)
{
    if (facts->folder == GW_FACT_NO)
        block(c, "folder-missing", g_strdup_printf("%s has no folder for %s", c->dest, path),
              g_strdup_printf("disk %s of %s would be copied there", disk->target, c->instance->name),
              g_strdup("make the folder there, with the same path and owner"));
}

static void check_copied_disk(const Context *c, const GwDisk *disk, const GwDiskFacts *facts)
{
    const char *path = facts->dest_path ? facts->dest_path : disk->path;
    if (c->wish->block == GW_BLOCK_NO && c->wish->kind == GW_MOVE_LIVE)
        block(c, "not-shared",
              g_strdup_printf("disk %s (%s) of %s is not on storage that %s shares", disk->target, disk->path,
                              c->instance->name, c->dest),
              g_strdup("a live migration without its disks needs shared storage"),
              g_strdup("ask for a block migration (--block-migrate), or put the disk on shared storage"));
    check_folder(c, disk, facts, path);
    if (facts->taken == GW_FACT_YES)
        block(c, "disk-taken", g_strdup_printf("%s already has a file %s", c->dest, path),
              g_strdup_printf("disk %s of %s would overwrite it", disk->target, c->instance->name),
              g_strdup("look whose it is, and remove it if it is a leftover"));
    if (disk->flags & GW_DISK_SHAREABLE)
        block(c, "disk-shareable",
              g_strdup_printf("disk %s of %s is shareable and not on shared storage", disk->target, c->instance->name),
              g_strdup("other instances may be writing to it, and a copy would part them"),
              g_strdup("put it on shared storage"));
}

/* Nova would make the disk anew from its image and lose what was on it; Godwit keeps what there is. */
static void check_kept_disk(const Context *c, const GwDisk *disk)
{
    gboolean medium = (disk->flags & (GW_DISK_READONLY | GW_DISK_REMOVABLE)) != 0;
    if (disk->path)
        block(c, medium ? "file-missing" : "disk-lost",
              g_strdup_printf("%s does not see %s (%s) of %s", c->dest, disk->path, disk->target, c->instance->name),
              g_strdup_printf("%s is down, and only what lies on shared storage can be evacuated", c->facts->source_name),
              medium ? g_strdup_printf("put the file there on %s", c->dest)
                     : g_strdup_printf("mount the storage on %s, or repair %s: its disk is the only copy", c->dest, c->facts->source_name));
}

static void check_disks(const Context *c)
{
    for (guint i = 0; i < c->facts->disks->len; i++) {
        const GwDisk *disk = c->instance->disks->pdata[i];
        const GwDiskFacts *facts = c->facts->disks->pdata[i];
        if (facts->problem)
            block(c, "disk", g_strdup_printf("disk %s of %s: %s", disk->target, c->instance->name, facts->problem),
                  g_strdup("it cannot be moved like that"), g_strdup("mend it or detach the disk"));
        if (facts->live_problem && c->wish->kind == GW_MOVE_LIVE)
            block(c, "disk", g_strdup_printf("disk %s of %s: %s", disk->target, c->instance->name, facts->live_problem),
                  g_strdup_printf("%s does not reach it, and %s", c->dest, facts->live_rule),
                  g_strdup_printf("migrate it cold (godwit migrate --host %s %s)", c->dest, c->instance->name));
        if (disk->flags & GW_DISK_TRANSIENT)
            block(c, "disk-transient", g_strdup_printf("disk %s of %s is transient", disk->target, c->instance->name),
                  g_strdup("its contents exist only in this hypervisor process"), g_strdup("detach it first"));
        if (facts->pool == GW_FACT_NO)
            block(c, "pool-missing", g_strdup_printf("%s has no storage pool %s", c->dest, disk->pool),
                  g_strdup_printf("disk %s of %s comes from it", disk->target, c->instance->name),
                  g_strdup("define the pool there (virsh pool-define)"));
        if (gw_planner_fate_is_doubtful(disk, facts))
            block(c, "storage-unknown",
                  g_strdup_printf("nobody can tell whether %s reaches disk %s (%s) of %s", c->dest, disk->target,
                                  disk->path ? disk->path : "no path", c->instance->name),
                  g_strdup("a wrong guess would lose data"),
                  g_strdup("put the disk in a folder or pool that libvirt knows on both hosts"));
        else if (is_evacuation(c) && gw_planner_fate(disk, facts) != GW_FATE_SHARED)
            check_kept_disk(c, disk);
        else if (gw_planner_fate(disk, facts) == GW_FATE_COPY)
            check_copied_disk(c, disk, facts);
        else if (gw_planner_fate(disk, facts) == GW_FATE_SEND)
            check_folder(c, disk, facts, disk->path);
    }
}

/* Free space is compared per folder, since several disks may go to one. */
static void check_space(const Context *c)
{
    g_autoptr(GHashTable) need = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    for (guint i = 0; i < c->facts->disks->len; i++) {
        const GwDisk *disk = c->instance->disks->pdata[i];
        const GwDiskFacts *facts = c->facts->disks->pdata[i];
        GwDiskFate fate = gw_planner_fate(disk, facts);
        if ((fate != GW_FATE_COPY && fate != GW_FATE_SEND) || !facts->dest_pool_path || !facts->available_bytes)
            continue;
        guint64 *sum = g_hash_table_lookup(need, facts->dest_pool_path);
        if (!sum) {
            sum = g_new0(guint64, 1);
            g_hash_table_insert(need, facts->dest_pool_path, sum);
        }
        gboolean before = *sum > facts->available_bytes;
        guint64 full = MAX(gw_shape_disk_bytes(c->instance, disk, c->wish->flavor), disk->allocation_bytes);
        *sum += c->wish->disk_over_commit ? disk->allocation_bytes : full;
        if (!before && *sum > facts->available_bytes)
            block(c, "disk-space",
                  g_strdup_printf("%s has %" G_GUINT64_FORMAT " MiB free in %s", c->dest,
                                  facts->available_bytes >> 20, facts->dest_pool_path),
                  g_strdup_printf("the disks of %s need %" G_GUINT64_FORMAT " MiB there%s", c->instance->name,
                                  *sum >> 20, c->wish->disk_over_commit ? "" : " when they are full"),
                  g_strdup("free space there, or name another host"));
    }
}

/* Asked for a copy where there is nothing to copy: Nova's InvalidLocalStorage, kept because the user is mistaken about
 * where the disks are and should know. */
static void check_block_wish(const Context *c)
{
    if (c->wish->block != GW_BLOCK_YES || c->wish->kind != GW_MOVE_LIVE)
        return;
    for (guint i = 0; i < c->facts->disks->len; i++)
        if (gw_planner_fate(c->instance->disks->pdata[i], c->facts->disks->pdata[i]) == GW_FATE_COPY)
            return;
    block(c, "nothing-to-copy",
          g_strdup_printf("every disk of %s is on storage that %s shares", c->instance->name, c->dest),
          g_strdup("a block migration copies disks, and there is none to copy"),
          g_strdup("ask without --block-migrate"));
}

/* The manual: vncserver_listen must be an address that every host can listen on. */
static void check_console(const Context *c)
{
    static const char *const everywhere[] = {"0.0.0.0", "::", "127.0.0.1", "::1", "localhost", "", NULL};
    const char *listen = c->instance->graphics_listen;
    if (!listen || g_strv_contains(everywhere, listen) ||
        (c->settings->vncserver_listen && *c->settings->vncserver_listen))
        return;
    block(c, "console-address", g_strdup_printf("the console of %s listens on %s", c->instance->name, listen),
          g_strdup_printf("an address of %s alone cannot be listened on from %s", c->facts->source_name, c->dest),
          g_strdup("set vncserver_listen = 0.0.0.0 in godwit.conf, and the console is rewritten on the way"));
}

/* Godwit tells libvirt that shared disks are safe to move (VIR_MIGRATE_UNSAFE, with the proof that they are shared). That holds for
 * every cache mode whose flushes reach the storage, as QEMU flushes at the switchover and drops its cache after it; with "unsafe"
 * they do not. */
static void check_cache(const Context *c)
{
    for (guint i = 0; i < c->facts->disks->len && c->wish->kind == GW_MOVE_LIVE; i++) {
        const GwDisk *disk = c->instance->disks->pdata[i];
        if (g_strcmp0(disk->cache, "unsafe") == 0 && !(disk->flags & (GW_DISK_READONLY | GW_DISK_EMPTY)) &&
            gw_planner_fate(disk, c->facts->disks->pdata[i]) == GW_FATE_SHARED)
            block(c, "cache-unsafe", g_strdup_printf("disk %s of %s has the cache mode unsafe", disk->target, c->instance->name),
                  g_strdup_printf("what it wrote last may be in the memory of %s alone when %s takes over",
                                  c->facts->source_name, c->dest),
                  g_strdup("set cache='none' in its definition and restart it, or move it cold"));
    }
}

/* QEMU before 9.0 under TCG: a bit of the dirty bitmap that the guest sets while it is being read is lost (mended upstream in 2024). */
static void check_emulation(const Context *c)
{
    enum { MENDED = 9000000 };
    guint64 version = c->facts->source ? c->facts->source->hypervisor_version : 0;
    if (c->wish->kind != GW_MOVE_LIVE || c->instance->power != GW_POWER_RUNNING ||
        g_strcmp0(c->instance->virt_type, "qemu") != 0 || !version || version >= MENDED)
        return;
    g_autofree char *have = version_text(version);
    gw_findings_add(c->findings, GW_FINDING_WARNS, "emulated", c->facts->source_name,
                    g_strdup_printf("%s is emulated (domain type qemu) by QEMU %s", c->instance->name, have),
                    g_strdup("before 9.0 QEMU may lose pages that an emulated guest writes while it is copied"),
                    g_strdup("use domain type kvm, update QEMU, or pause the guest while it moves"));
}

static void check_new_uuid(const Context *c)
{
    if (c->wish->kind == GW_MOVE_COLD && c->facts->new_uuid)
        gw_findings_add(c->findings, GW_FINDING_WARNS, "new-uuid", c->dest,
                        g_strdup_printf("%s gets another UUID on %s, which is in another pool", c->instance->name, c->dest),
                        g_strdup("its guest sees it as that of its machine, which licences may be bound to; for Godwit it stays as it is"),
                        g_strdup_printf("move it live, if that must not be (godwit live-migration --block-migrate %s %s)", c->instance->name,
                                        c->dest));
}

static void check_power(const Context *c)
{
    if (c->wish->kind == GW_MOVE_LIVE && c->instance->power != GW_POWER_RUNNING && c->instance->power != GW_POWER_PAUSED)
        gw_findings_add(c->findings, GW_FINDING_BLOCKS, "power", c->facts->source_name,
                        g_strdup_printf("%s is %s", c->instance->name, gw_power_name(c->instance->power)),
                        g_strdup("only a running or paused instance migrates live"),
                        g_strdup("move it with `godwit migrate`"));
}

static void check_shape(const Context *c)
{
    gw_shape_check(c->facts, c->wish->flavor, c->findings);
}

static void (*const checks[])(const Context *) = {
    check_shape,    check_kind,     check_host_identity, check_version, check_power, check_already_there, check_memory,    check_networks,
    check_files,    check_devices,       check_disks,   check_space, check_block_wish, check_console,
    check_cache,    check_emulation, check_new_uuid,
};

GPtrArray *gw_checks_plan(const GwMoveFacts *facts, const GwMoveWish *wish, const GwPlanSettings *settings,
                          const char *dest_address, GwPlan **ret_plan)
{
    GPtrArray *findings = gw_findings_new();
    Context c = {facts, wish, settings, facts->instance, facts->dest_name, findings};
    for (guint i = 0; i < G_N_ELEMENTS(checks); i++)
        checks[i](&c);
    if (!gw_findings_block(findings))
        *ret_plan = gw_planner_make(facts, wish, settings, dest_address);
    return findings;
}
