/* What belongs to one server and is read by itself: addresses, metadata, tags, topology, interfaces, volumes, security
 * groups (nova/api/openstack/compute: ips.py, server_metadata.py, server_tags.py, server_topology.py,
 * attach_interfaces.py, volume_attachments.py, security_groups.py). An adopted instance has no metadata, tags or
 * security groups, and nobody has told Godwit its addresses. */
#include "api/handlers.h"
#include "api/query.h"
#include "api/server_view.h"
#include "api/view.h"

#include <string.h>

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)

static GwInstanceView *find_server(GwRequest *request)
{
    GwInstanceView *view = gw_engine_instance(request->engine, request->args[0]);
    if (!view)
        gw_reply_no_instance(request);
    return view;
}

/* ---- labels; api/server_labels.c changes them */

void gw_server_metadata(GwRequest *request)
{
    g_autoptr(GwInstanceView) view = find_server(request);
    if (view)
        gw_reply_named(request, 200, "metadata", gw_server_metadata_json(view));
}

void gw_server_metadata_item(GwRequest *request)
{
    const char *key = request->args[1];
    g_autoptr(GwInstanceView) view = find_server(request);
    if (!view)
        return;
    g_autoptr(json_t) metadata = gw_server_metadata_json(view);
    json_t *value = json_object_get(metadata, key);
    if (value)
        gw_reply_json(request, 200, json_pack("{s:{s:O}}", "meta", key, value));
    else
        gw_reply_fault(request, 404, "Metadata item was not found");
}

void gw_server_tags(GwRequest *request)
{
    g_autoptr(GwInstanceView) view = find_server(request);
    if (view)
        gw_reply_named(request, 200, "tags", gw_server_tags_json(view));
}

void gw_server_tag(GwRequest *request)
{
    g_autoptr(GwInstanceView) view = find_server(request);
    if (!view)
        return;
    const GPtrArray *tags = gw_instance_view_tags(view);
    if (tags && g_ptr_array_find_with_equal_func((GPtrArray *)tags, request->args[1], g_str_equal, NULL))
        gw_reply_empty(request, 204);
    else
        gw_reply_fault(request, 404, "Server %s has no tag '%s'", request->args[0], request->args[1]);
}

/* {"name": empty}, of a server that is there. */
static void reply_none(GwRequest *request, const char *name, json_t *empty)
{
    g_autoptr(GwInstanceView) view = find_server(request);
    if (view)
        gw_reply_named(request, 200, name, empty);
    else
        json_decref(empty);
}

/* ---- what no server here has */

void gw_server_addresses(GwRequest *request)
{
    reply_none(request, "addresses", json_object());
}

void gw_server_addresses_of(GwRequest *request)
{
    g_autoptr(GwInstanceView) view = find_server(request);
    if (view)
        gw_reply_fault(request, 404, "Instance is not a member of specified network");
}

void gw_server_security_groups(GwRequest *request)
{
    reply_none(request, "security_groups", json_array());
}

/* Without a NUMA topology the list of nodes is empty. */
void gw_server_topology(GwRequest *request)
{
    g_autoptr(GwInstanceView) view = find_server(request);
    if (view)
        gw_reply_json(request, 200, json_pack("{s:[],s:n}", "nodes", "pagesize_kb"));
}

/* ---- interfaces: each nic. Its MAC address is what it is known by, also as port_id: there is no network service whose
 * ids it could have. */

#define NIC ((const GwNic *)row)

FIELD(mac)
{
    return gw_json_text(NIC->mac);
}

FIELD(network)
{
    return gw_json_text(NIC->source);
}

FIELD(port_state)
{
    return json_string("ACTIVE");
}

static const GwField interface_fields[] = {
    {"port_state", port_state}, {"fixed_ips", gw_view_empty_list}, {"port_id", mac}, {"net_id", network},
    {"mac_addr", mac},          {"tag", gw_view_null, 70},
};

void gw_server_interfaces(GwRequest *request)
{
    g_autoptr(GwInstanceView) view = find_server(request);
    if (view)
        gw_reply_named(request, 200, "interfaceAttachments",
                       GW_VIEW_LIST(request, interface_fields, view->instance->nics));
}

void gw_server_interface(GwRequest *request)
{
    const char *port = request->args[1];
    g_autoptr(GwInstanceView) view = find_server(request);
    if (!view)
        return;
    for (guint i = 0; i < view->instance->nics->len; i++) {
        const GwNic *nic = view->instance->nics->pdata[i];
        if (nic->mac && g_ascii_strcasecmp(nic->mac, port) == 0) {
            gw_reply_named(request, 200, "interfaceAttachment", GW_VIEW(request, interface_fields, nic));
            return;
        }
    }
    gw_reply_fault(request, 404, "Port id %s could not be found.", port);
}

/* ---- volumes: network disks, as in os-extended-volumes:volumes_attached */

typedef struct {
    const GwInstance *instance;
    const GwDisk *disk;
} Volume;

#define VOLUME ((const Volume *)row)

FIELD(volume_id)
{
    return gw_json_text(VOLUME->disk->path ? VOLUME->disk->path : VOLUME->disk->target);
}

FIELD(server_id)
{
    return json_string(VOLUME->instance->uuid);
}

FIELD(device)
{
    g_autofree char *path = g_strconcat("/dev/", VOLUME->disk->target, NULL);
    return gw_json_text(path);
}

static const GwField volume_fields[] = {
    {"id", volume_id},  {"volumeId", volume_id},   {"serverId", server_id},
    {"device", device}, {"tag", gw_view_null, 70}, {"delete_on_termination", gw_view_false, 79},
};

static const GwQueryRule volume_rules[] = {
    {"limit", GW_QUERY_NUMBER},
    {"offset", GW_QUERY_NUMBER},
};

void gw_server_volumes(GwRequest *request)
{
    if (!GW_QUERY_CHECK(request, volume_rules, 75))
        return;
    g_autoptr(GwInstanceView) view = find_server(request);
    if (!view)
        return;
    const char *offset = gw_query_text(request, "offset");
    guint64 skip = offset ? g_ascii_strtoull(offset, NULL, 10) : 0;
    guint limit = gw_query_limit(request);
    json_t *list = json_array();
    for (guint i = 0; i < view->instance->disks->len && json_array_size(list) < limit; i++) {
        Volume volume = {view->instance, view->instance->disks->pdata[i]};
        if (volume.disk->kind != GW_DISK_NETWORK)
            continue;
        if (skip)
            skip--;
        else
            json_array_append_new(list, GW_VIEW(request, volume_fields, &volume));
    }
    gw_reply_named(request, 200, "volumeAttachments", list);
}
