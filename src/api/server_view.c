/* The fields of a server, as a table (nova/api/openstack/compute/views/servers.py). What an adopted instance does not
 * have (image, key, addresses, tags) is shown as a server without it has it. */
#include "api/server_view.h"

#include "api/server_state.h"
#include "api/shapes.h"

#include <string.h>

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)
#define VIEW ((const GwInstanceView *)row)
#define MADE (VIEW->server) /* NULL: adopted */

FIELD(id)
{
    return json_string(VIEW->instance->uuid);
}

FIELD(name)
{
    return gw_json_text(gw_instance_view_name(VIEW));
}

/* As the hypervisor calls it. */
FIELD(domain_name)
{
    return gw_json_text(VIEW->instance->name);
}

FIELD(links)
{
    return gw_json_links(request, "servers", VIEW->instance->uuid);
}

FIELD(status)
{
    return json_string(gw_server_state(VIEW).status);
}

/* Of adopted instances nobody knows the owner. */
FIELD(tenant)
{
    return gw_json_text(MADE && MADE->project_id ? MADE->project_id : "admin");
}

FIELD(user)
{
    return gw_json_text(MADE && MADE->user_id ? MADE->user_id : "admin");
}

FIELD(image)
{
    if (!MADE || !MADE->image_id)
        return json_string(""); /* as of a server that was booted from a volume */
    return json_pack("{s:s,s:[o]}", "id", MADE->image_id, "links", gw_json_bookmark(request, "images", MADE->image_id));
}

json_t *gw_server_metadata_json(const GwInstanceView *view)
{
    const GPtrArray *metadata = gw_instance_view_metadata(view);
    json_t *object = json_object();
    for (guint i = 0; metadata && i < metadata->len; i++) {
        const GwMetadatum *datum = metadata->pdata[i];
        json_object_set_new(object, datum->key, gw_json_text(datum->value));
    }
    return object;
}

json_t *gw_server_tags_json(const GwInstanceView *view)
{
    const GPtrArray *tags = gw_instance_view_tags(view);
    json_t *list = json_array();
    for (guint i = 0; tags && i < tags->len; i++)
        json_array_append_new(list, gw_json_text(tags->pdata[i]));
    return list;
}

FIELD(metadata)
{
    return gw_server_metadata_json(VIEW);
}

FIELD(tags)
{
    return gw_server_tags_json(VIEW);
}

FIELD(description)
{
    return gw_json_text(gw_instance_view_description(VIEW));
}

FIELD(locked)
{
    return json_boolean(VIEW->card && VIEW->card->locked);
}

FIELD(locked_reason)
{
    return gw_json_text(VIEW->card ? VIEW->card->locked_reason : NULL);
}

FIELD(access_ipv4)
{
    return json_string(VIEW->card && VIEW->card->access_ipv4 ? VIEW->card->access_ipv4 : "");
}

FIELD(access_ipv6)
{
    return json_string(VIEW->card && VIEW->card->access_ipv6 ? VIEW->card->access_ipv6 : "");
}

FIELD(reservation)
{
    return json_string(MADE && MADE->reservation_id ? MADE->reservation_id : "");
}

FIELD(launch_index)
{
    return json_integer(MADE ? MADE->launch_index : 0);
}

FIELD(host_id)
{
    return gw_json_host_id(request, *VIEW->host ? VIEW->host : NULL);
}

FIELD(flavor_link)
{
    g_autofree char *flavor = gw_shape_id_of(VIEW);
    return json_pack("{s:s,s:[o]}", "id", flavor, "links", gw_json_bookmark(request, "flavors", flavor));
}

FIELD(flavor_shape)
{
    g_autoptr(GwFlavor) flavor = gw_shape_of(VIEW);
    return json_pack("{s:i,s:o,s:o,s:o,s:o,s:s,s:o}", "vcpus", (int)flavor->vcpus, "ram", gw_json_count(flavor->memory_mib), "disk",
                     gw_json_count(flavor->disk_gib), "ephemeral", gw_json_count(flavor->ephemeral_gib), "swap",
                     gw_json_count(flavor->swap_mib), "original_name", flavor->name, "extra_specs", gw_shape_specs(flavor));
}

FIELD(created)
{
    return gw_json_time_z(VIEW->first_seen_us);
}

FIELD(updated)
{
    return gw_json_time_z(VIEW->changed_us);
}

/* Only in these states, as in Nova. */
FIELD(progress)
{
    static const char *const moving[] = {"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING", NULL};
    return g_strv_contains(moving, gw_server_state(VIEW).status) ? json_integer(VIEW->progress) : NULL;
}

FIELD(fault)
{
    if (strcmp(gw_server_state(VIEW).status, "ERROR") != 0)
        return NULL;
    if (MADE && MADE->reason)
        return json_pack("{s:i,s:o,s:o,s:s}", "code", 500, "created", gw_json_time_z(MADE->updated_us), "message",
                         gw_json_text(MADE->reason), "details", "The server could not be made; nothing of it is left. Delete it.");
    if (VIEW->card && VIEW->card->in_error)
        return json_pack("{s:i,s:o,s:s,s:s}", "code", 500, "created", gw_json_time_z(VIEW->card->in_error_us), "message",
                         "An administrator has set its state to error.", "details",
                         "The guest is left as it is; its state is set back with os-resetState.");
    return json_pack("{s:i,s:o,s:s,s:s}", "code", 500, "created", gw_json_time_z(VIEW->changed_us), "message",
                     "The guest has crashed.", "details", "The hypervisor reports the instance as crashed.");
}

FIELD(disk_config)
{
    if (VIEW->card && VIEW->card->disk_config)
        return json_string(VIEW->card->disk_config);
    return json_string(MADE && MADE->disk_config ? MADE->disk_config : "MANUAL");
}

FIELD(launched)
{
    if (MADE && MADE->image_id)
        return gw_json_time_micro(MADE->built_us);
    return gw_json_time_micro(VIEW->first_seen_us);
}

FIELD(host)
{
    return gw_json_text(*VIEW->host ? VIEW->host : NULL);
}

FIELD(zone)
{
    return gw_json_text(VIEW->zone);
}

FIELD(task_state)
{
    return gw_json_text(gw_server_state(VIEW).task_state);
}

FIELD(vm_state)
{
    return json_string(gw_server_state(VIEW).vm_state);
}

FIELD(power)
{
    return json_integer(VIEW->instance->power);
}

/* Network disks are what comes nearest to volumes; their URL is their name. */
FIELD(volumes)
{
    json_t *volumes = json_array();
    for (guint i = 0; i < VIEW->instance->disks->len; i++) {
        const GwDisk *disk = VIEW->instance->disks->pdata[i];
        if (disk->kind != GW_DISK_NETWORK)
            continue;
        json_t *volume = json_object();
        json_object_set_new(volume, "id", gw_json_text(disk->path ? disk->path : disk->target));
        if (request->minor >= 3)
            json_object_set_new(volume, "delete_on_termination", json_false());
        json_array_append_new(volumes, volume);
    }
    return volumes;
}

FIELD(root_device)
{
    const GwDisk *disk = VIEW->instance->disks->len ? VIEW->instance->disks->pdata[0] : NULL;
    g_autofree char *path = disk ? g_strconcat("/dev/", disk->target, NULL) : NULL;
    return gw_json_text(path);
}

/* Words and order of nova/compute/api.py, get_instance_host_status. */
FIELD(host_status)
{
    return json_string(!*VIEW->host             ? ""
                       : VIEW->host_forced_down ? "DOWN"
                       : VIEW->host_disabled  ? "MAINTENANCE"
                       : VIEW->host_up        ? "UP"
                                              : "UNKNOWN");
}

static const GwField brief[] = {
    {"id", id},
    {"name", name},
    {"links", links},
};

static const GwField detail[] = {
    {"id", id},
    {"name", name},
    {"status", status},
    {"tenant_id", tenant},
    {"user_id", user},
    {"metadata", metadata},
    {"hostId", host_id},
    {"image", image},
    {"flavor", flavor_link, 0, 46},
    {"flavor", flavor_shape, 47},
    {"created", created},
    {"updated", updated},
    {"addresses", gw_view_empty_object},
    {"accessIPv4", access_ipv4},
    {"accessIPv6", access_ipv6},
    {"links", links},
    {"OS-DCF:diskConfig", disk_config},
    {"fault", fault},
    {"progress", progress},
    {"OS-EXT-AZ:availability_zone", zone},
    {"config_drive", gw_view_empty_text},
    {"key_name", gw_view_null},
    {"OS-SRV-USG:launched_at", launched},
    {"OS-SRV-USG:terminated_at", gw_view_null},
    {"OS-EXT-SRV-ATTR:host", host},
    {"OS-EXT-SRV-ATTR:instance_name", domain_name},
    {"OS-EXT-SRV-ATTR:hypervisor_hostname", host},
    {"OS-EXT-SRV-ATTR:reservation_id", reservation, 3},
    {"OS-EXT-SRV-ATTR:launch_index", launch_index, 3},
    {"OS-EXT-SRV-ATTR:hostname", name, 3},
    {"OS-EXT-SRV-ATTR:kernel_id", gw_view_empty_text, 3},
    {"OS-EXT-SRV-ATTR:ramdisk_id", gw_view_empty_text, 3},
    {"OS-EXT-SRV-ATTR:root_device_name", root_device, 3},
    {"OS-EXT-SRV-ATTR:user_data", gw_view_null, 3},
    {"OS-EXT-STS:task_state", task_state},
    {"OS-EXT-STS:vm_state", vm_state},
    {"OS-EXT-STS:power_state", power},
    {"os-extended-volumes:volumes_attached", volumes},
    {"host_status", host_status, 16},
    {"locked", locked, 9},
    {"locked_reason", locked_reason, 73},
    {"description", description, 19},
    {"tags", tags, 26},
    {"trusted_image_certificates", gw_view_null, 63},
};

static json_t *server_groups(GwRequest *request, gconstpointer row)
{
    g_autoptr(GPtrArray) all = gw_engine_groups(request->engine);
    const GwGroup *group = gw_groups_of(all, ((const GwInstanceView *)row)->instance->uuid);
    return group ? json_pack("[s]", group->uuid) : json_array();
}

/* Only where one server is shown (2.71 of the API history). */
static const GwField only_show[] = {
    {"server_groups", server_groups, 71},
};

json_t *gw_server_brief(GwRequest *request, const GwInstanceView *view)
{
    return GW_VIEW(request, brief, view);
}

json_t *gw_server_detail(GwRequest *request, const GwInstanceView *view)
{
    return GW_VIEW(request, detail, view);
}

json_t *gw_server_show(GwRequest *request, const GwInstanceView *view)
{
    json_t *server = GW_VIEW(request, detail, view);
    g_autoptr(json_t) more = GW_VIEW(request, only_show, view);
    json_object_update(server, more);
    return server;
}
