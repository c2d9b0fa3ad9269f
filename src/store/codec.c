/* Plans and instances as JSON text for the database, one member per field of the tables below (json.c does the work).
 */
#include "store/fields.h"

#include "base/error.h"

static const char *const power_words[] = {
    [GW_POWER_NOSTATE] = "nostate",   [GW_POWER_RUNNING] = "running", [GW_POWER_PAUSED] = "paused",
    [GW_POWER_SHUTDOWN] = "shutdown", [GW_POWER_CRASHED] = "crashed", [GW_POWER_SUSPENDED] = "suspended",
};
static const char *const disk_words[] = {
    [GW_DISK_FILE] = "file",
    [GW_DISK_BLOCK] = "block",
    [GW_DISK_NETWORK] = "network",
    [GW_DISK_OTHER] = "other",
};
static const char *const nic_words[] = {
    [GW_NIC_BRIDGE] = "bridge",
    [GW_NIC_NETWORK] = "network",
    [GW_NIC_DIRECT] = "direct",
    [GW_NIC_OTHER] = "other",
};
static const char *const fate_words[] = {
    [GW_FATE_SHARED] = "shared",
    [GW_FATE_COPY] = "copy",
    [GW_FATE_CARRY] = "carry",
    [GW_FATE_SEND] = "send",
};
static const char *const kind_words[] = {[GW_MOVE_LIVE] = "live-migration", [GW_MOVE_COLD] = "migration",
                                          [GW_MOVE_EVACUATE] = "evacuation", [GW_MOVE_RESIZE] = "resize"};

static const char *const compression_words[] = {
    [GW_COMPRESSION_NONE] = "none", [GW_COMPRESSION_AUTO] = "auto", [GW_COMPRESSION_XBZRLE] = "xbzrle",
    [GW_COMPRESSION_ZLIB] = "zlib", [GW_COMPRESSION_ZSTD] = "zstd",
};

static gpointer append_disk(gpointer instance)
{
    return gw_instance_add_disk(instance);
}

static gpointer append_nic(gpointer instance)
{
    return gw_instance_add_nic(instance);
}

static gpointer append_plan_disk(gpointer plan)
{
    return gw_plan_add_disk(plan);
}

#define DISK(type, member) GW_FIELD(GwDisk, type, member)
static const GwField disk_fields[] = {
    DISK(TEXT, target),
    GW_FIELD_WORDS(GwDisk, kind, "kind", disk_words),
    DISK(TEXT, path),
    DISK(TEXT, pool),
    DISK(TEXT, format),
    DISK(TEXT, cache),
    DISK(TEXT, no_copy),
    DISK(STRV, backing),
    DISK(UINT, flags),
    DISK(INT64, capacity_bytes),
    DISK(INT64, allocation_bytes),
};

static const GwField nic_fields[] = {
    GW_FIELD_WORDS(GwNic, kind, "kind", nic_words),
    GW_FIELD(GwNic, TEXT, source),
    GW_FIELD(GwNic, TEXT, mac),
};

#define INSTANCE(type, member) GW_FIELD(GwInstance, type, member)
static const GwField instance_fields[] = {
    INSTANCE(UUID, uuid),
    INSTANCE(TEXT, name),
    GW_FIELD_WORDS(GwInstance, power, "power", power_words),
    INSTANCE(BOOL, persistent),
    INSTANCE(BOOL, autostart),
    INSTANCE(UINT, vcpus),
    INSTANCE(INT64, memory_mib),
    INSTANCE(INT64, max_memory_mib),
    INSTANCE(TEXT, arch),
    INSTANCE(TEXT, machine),
    INSTANCE(TEXT, virt_type),
    GW_FIELD_LIST_OF(GwInstance, disks, disk_fields, append_disk),
    GW_FIELD_LIST_OF(GwInstance, nics, nic_fields, append_nic),
    INSTANCE(STRINGS, host_devices),
    INSTANCE(STRINGS, files),
    INSTANCE(TEXT, graphics_listen),
    INSTANCE(INT64, created_at),
    INSTANCE(INT64, fingerprint),
};

#define PLAN_DISK(type, member) GW_FIELD(GwPlanDisk, type, member)
static const GwField plan_disk_fields[] = {
    PLAN_DISK(TEXT, target),
    GW_FIELD_WORDS(GwPlanDisk, fate, "fate", fate_words),
    GW_FIELD_WORDS(GwPlanDisk, kind, "kind", disk_words),
    PLAN_DISK(TEXT, path),
    PLAN_DISK(TEXT, dest_path),
    PLAN_DISK(TEXT, format),
    PLAN_DISK(TEXT, pool),
    PLAN_DISK(STRV, backing),
    PLAN_DISK(INT64, capacity_bytes),
    PLAN_DISK(INT64, allocation_bytes),
};

#define PLAN(type, member) GW_FIELD(GwPlan, type, member)
static const GwField plan_fields[] = {
    GW_FIELD_WORDS(GwPlan, kind, "kind", kind_words),
    PLAN(UUID, uuid),
    PLAN(TEXT, name),
    GW_FIELD_WORDS(GwPlan, power_before, "power_before", power_words),
    PLAN(BOOL, persistent_before),
    PLAN(BOOL, autostart_before),
    PLAN(INT64, flags),
    PLAN(INT64, bandwidth_mibps),
    PLAN(UINT, connections),
    GW_FIELD_WORDS(GwPlan, compression, "compression", compression_words),
    PLAN(INT64, timeout_ms),
    PLAN(INT64, pause_ms),
    PLAN(UINT, pause_steps),
    PLAN(INT64, pause_step_ms),
    PLAN(INT64, forced_pause_ms),
    PLAN(TEXT, policy),
    PLAN(BOOL, eager),
    PLAN(BOOL, second_try),
    PLAN(INT64, memory_mib),
    PLAN(UINT, new_vcpus),
    PLAN(INT64, new_memory_mib),
    PLAN(TEXT, new_disk),
    PLAN(INT64, new_disk_bytes),
    PLAN(TEXT, destination_uri),
    PLAN(TEXT, migrate_uri),
    PLAN(TEXT, listen),
    GW_FIELD_LIST_OF(GwPlan, disks, plan_disk_fields, append_plan_disk),
    PLAN(TEXT, definition),
};

char *gw_codec_plan_to_text(const GwPlan *plan)
{
    return gw_fields_to_text(plan_fields, G_N_ELEMENTS(plan_fields), plan);
}

GwPlan *gw_codec_plan_from_text(const char *text, GError **error)
{
    g_autoptr(GwPlan) plan = gw_plan_new();
    if (gw_fields_from_text(plan_fields, G_N_ELEMENTS(plan_fields), text, plan, error))
        return g_steal_pointer(&plan);
    gw_error_prefix(error, "stored plan");
    return NULL;
}

char *gw_codec_instance_to_text(const GwInstance *instance)
{
    return gw_fields_to_text(instance_fields, G_N_ELEMENTS(instance_fields), instance);
}

guint64 gw_codec_instance_hash(const GwInstance *instance)
{
    return gw_fields_hash(instance_fields, G_N_ELEMENTS(instance_fields), instance);
}

GwInstance *gw_codec_instance_from_text(const char *text, GError **error)
{
    g_autoptr(GwInstance) instance = gw_instance_new();
    if (gw_fields_from_text(instance_fields, G_N_ELEMENTS(instance_fields), text, instance, error))
        return g_steal_pointer(&instance);
    gw_error_prefix(error, "stored instance");
    return NULL;
}
