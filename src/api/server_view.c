/* The fields of a server, in the order of the microversions that added them (nova/api/openstack/compute/views/servers.py). What an
 * adopted instance does not have (image, key, addresses, tags) is shown as a server without it has it. */
#include "api/server_view.h"

#include <string.h>

typedef struct {
    const char *status, *vm_state, *task_state; /* task_state NULL: none */
} State;

static State live_state(const GwInstanceView *view)
{
    gboolean paused = view->instance->power == GW_POWER_PAUSED && view->migration_state == GW_MIGRATION_ACCEPTED;
    return (State){"MIGRATING", paused ? "paused" : "active", "migrating"};
}

static State cold_state(const GwInstanceView *view, const char *vm_state)
{
    switch (view->migration_state) {
    case GW_MIGRATION_FINISHED:
        return (State){"VERIFY_RESIZE", "resized", NULL};
    case GW_MIGRATION_CONFIRMING:
        return (State){"VERIFY_RESIZE", "resized", "resize_confirming"};
    case GW_MIGRATION_REVERTING:
        return (State){"REVERT_RESIZE", "resized", "resize_reverting"};
    case GW_MIGRATION_PLACING:
    case GW_MIGRATION_STARTING:
        return (State){"RESIZE", vm_state, "resize_finish"};
    case GW_MIGRATION_ACCEPTED:
    case GW_MIGRATION_QUEUED:
    case GW_MIGRATION_PREPARING:
        return (State){"RESIZE", vm_state, "resize_prep"};
    case GW_MIGRATION_RUNNING:
    case GW_MIGRATION_POSTCOPY:
    case GW_MIGRATION_SETTLING:
    case GW_MIGRATION_COMPLETED:
    case GW_MIGRATION_STOPPING:
    case GW_MIGRATION_MOVING:
    case GW_MIGRATION_CONFIRMED:
    case GW_MIGRATION_REVERTED:
    case GW_MIGRATION_UNDOING:
    case GW_MIGRATION_CANCELLED:
    case GW_MIGRATION_FAILED:
    case GW_MIGRATION_ERROR:
    case GW_MIGRATION_STATE_COUNT:
        return (State){"RESIZE", vm_state, "resize_migrating"};
    }
    return (State){"RESIZE", vm_state, "resize_migrating"};
}

static State power_state(GwPower power)
{
    switch (power) {
    case GW_POWER_RUNNING:
        return (State){"ACTIVE", "active", NULL};
    case GW_POWER_PAUSED:
        return (State){"PAUSED", "paused", NULL};
    case GW_POWER_SHUTDOWN:
        return (State){"SHUTOFF", "stopped", NULL};
    case GW_POWER_SUSPENDED:
        return (State){"SUSPENDED", "suspended", NULL};
    case GW_POWER_CRASHED:
        return (State){"ERROR", "error", NULL};
    case GW_POWER_NOSTATE:
        return (State){"UNKNOWN", "active", NULL};
    }
    return (State){"UNKNOWN", "active", NULL};
}

static State state_of(const GwInstanceView *view)
{
    State plain = power_state(view->instance->power);
    if (!view->migration_id)
        return plain;
    return view->migration_kind == GW_MOVE_LIVE ? live_state(view) : cold_state(view, plain.vm_state);
}

const char *gw_server_status(const GwInstanceView *view)
{
    return state_of(view).status;
}

static void set(json_t *server, const char *key, json_t *value)
{
    json_object_set_new(server, key, value);
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

/* Nova hides a host's name from tenants behind a hash of it (views/servers.py, generate_hostid). */
static json_t *host_id(const GwInstanceView *view)
{
    g_autofree char *seed = g_strconcat("admin", view->host, NULL);
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, seed, -1);
    return json_stringn(hash, 56);
}

static json_t *volumes_of(const GwInstance *instance, guint minor)
{
    json_t *volumes = json_array();
    for (guint i = 0; i < instance->disks->len; i++) {
        const GwDisk *disk = instance->disks->pdata[i];
        if (disk->kind != GW_DISK_NETWORK)
            continue;
        json_t *volume = json_pack("{s:s}", "id", disk->path ? disk->path : disk->target);
        if (minor >= 3)
            set(volume, "delete_on_termination", json_false());
        json_array_append_new(volumes, volume);
    }
    return volumes;
}

static json_t *flavor_of(GwRequest *request, const GwInstance *instance)
{
    guint64 disk = gw_instance_disk_gib(instance);
    g_autofree char *id = gw_flavor_id(instance->vcpus, instance->memory_mib, disk);
    if (request->minor >= 47)
        return json_pack("{s:i,s:I,s:I,s:i,s:i,s:s,s:{}}", "vcpus", (int)instance->vcpus, "ram",
                         (json_int_t)instance->memory_mib, "disk", (json_int_t)disk, "ephemeral", 0, "swap", 0,
                         "original_name", id, "extra_specs");
    g_autofree char *base = gw_request_base(request);
    g_autofree char *href = g_strdup_printf("%s/flavors/%s", base, id);
    return json_pack("{s:s,s:[{s:s,s:s}]}", "id", id, "links", "rel", "bookmark", "href", href);
}

static void add_attributes(json_t *server, const GwInstanceView *view, const State *state)
{
    const GwInstance *instance = view->instance;
    set(server, "OS-DCF:diskConfig", json_string("MANUAL"));
    set(server, "OS-EXT-AZ:availability_zone", json_string("nova"));
    set(server, "OS-EXT-SRV-ATTR:host", json_string(view->host));
    set(server, "OS-EXT-SRV-ATTR:hypervisor_hostname", json_string(view->host));
    set(server, "OS-EXT-SRV-ATTR:instance_name", json_string(instance->name));
    set(server, "OS-EXT-STS:task_state", text_or_null(state->task_state));
    set(server, "OS-EXT-STS:vm_state", json_string(state->vm_state));
    set(server, "OS-EXT-STS:power_state", json_integer(instance->power));
    set(server, "OS-SRV-USG:launched_at", gw_format_time_micro(view->first_seen_us));
    set(server, "OS-SRV-USG:terminated_at", json_null());
}

static void add_versioned(GwRequest *request, json_t *server, const GwInstanceView *view)
{
    guint minor = request->minor;
    if (minor >= 3) {
        set(server, "OS-EXT-SRV-ATTR:reservation_id", json_string(""));
        set(server, "OS-EXT-SRV-ATTR:launch_index", json_integer(0));
        set(server, "OS-EXT-SRV-ATTR:hostname", json_string(view->instance->name));
        set(server, "OS-EXT-SRV-ATTR:kernel_id", json_string(""));
        set(server, "OS-EXT-SRV-ATTR:ramdisk_id", json_string(""));
        set(server, "OS-EXT-SRV-ATTR:root_device_name", json_string("/dev/vda"));
        set(server, "OS-EXT-SRV-ATTR:user_data", json_null());
    }
    if (minor >= 9)
        set(server, "locked", json_false());
    if (minor >= 16)
        set(server, "host_status", json_string(view->host_up ? "UP" : "UNKNOWN"));
    if (minor >= 19)
        set(server, "description", json_null());
    if (minor >= 26)
        set(server, "tags", json_array());
    if (minor >= 63)
        set(server, "trusted_image_certificates", json_null());
    if (minor >= 71)
        set(server, "server_groups", json_array());
    if (minor >= 73)
        set(server, "locked_reason", json_null());
}

json_t *gw_server_brief(GwRequest *request, const GwInstanceView *view)
{
    g_autofree char *root = gw_request_root(request);
    g_autofree char *base = gw_request_base(request);
    return json_pack("{s:s,s:s,s:o}", "id", view->instance->uuid, "name", view->instance->name, "links",
                     gw_links(root, base, "servers", view->instance->uuid));
}

json_t *gw_server_view(GwRequest *request, const GwInstanceView *view)
{
    State state = state_of(view);
    json_t *server = gw_server_brief(request, view);
    set(server, "status", json_string(state.status));
    set(server, "tenant_id", json_string("admin"));
    set(server, "user_id", json_string("admin"));
    set(server, "metadata", json_object());
    set(server, "hostId", host_id(view));
    set(server, "image", json_string("")); /* as of a server that was booted from a volume */
    set(server, "flavor", flavor_of(request, view->instance));
    set(server, "created", gw_format_time_z(view->first_seen_us));
    set(server, "updated", gw_format_time_z(view->changed_us));
    set(server, "addresses", json_object());
    set(server, "accessIPv4", json_string(""));
    set(server, "accessIPv6", json_string(""));
    if (strcmp(state.status, "ACTIVE") == 0 || view->migration_id)
        set(server, "progress", json_integer(view->progress));
    set(server, "config_drive", json_string(""));
    set(server, "key_name", json_null());
    set(server, "os-extended-volumes:volumes_attached", volumes_of(view->instance, request->minor));
    if (strcmp(state.status, "ERROR") == 0)
        set(server, "fault", json_pack("{s:i,s:s,s:s,s:o}", "code", 500, "message", "The guest has crashed.", "details",
                                       "The hypervisor reports the instance as crashed.", "created",
                                       gw_format_time_z(view->changed_us)));
    add_attributes(server, view, &state);
    add_versioned(request, server, view);
    return server;
}
