/* POST /servers and DELETE /servers/{} (nova/api/openstack/compute/servers.py, schemas/servers.py). What Godwit cannot give is
 * refused with the reason, not passed over: see docs/api.md. */
#include "api/body.h"
#include "api/handlers.h"
#include "api/routes.h"
#include "api/shapes.h"

#include "base/error.h"

#include <string.h>

static const GwBodyRule outer[] = {
    {"server", GW_BODY_OBJECT, GW_BODY_REQUIRED},
    {"os:scheduler_hints", GW_BODY_OBJECT, GW_BODY_OPTIONAL},
    {"OS-SCH-HNT:scheduler_hints", GW_BODY_OBJECT, GW_BODY_OPTIONAL},
};

static const GwBodyRule inner[] = {
    {"name", GW_BODY_NAME, GW_BODY_REQUIRED},
    {"flavorRef", GW_BODY_ANY, GW_BODY_REQUIRED},
    {"imageRef", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"networks", GW_BODY_ANY, GW_BODY_OPTIONAL, 0, 36},
    {"networks", GW_BODY_ANY, GW_BODY_REQUIRED, 37},
    {"availability_zone", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"host", GW_BODY_HOST_NAME, GW_BODY_OPTIONAL, 74},
    {"hypervisor_hostname", GW_BODY_HOST_NAME, GW_BODY_OPTIONAL, 74},
    {"metadata", GW_BODY_OBJECT, GW_BODY_OPTIONAL},
    {"tags", GW_BODY_TEXT_LIST, GW_BODY_OPTIONAL, 52},
    {"description", GW_BODY_ANY, GW_BODY_OPTIONAL, 19},
    {"min_count", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"max_count", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"return_reservation_id", GW_BODY_BOOLEAN, GW_BODY_OPTIONAL},
    {"OS-DCF:diskConfig", GW_BODY_TEXT, GW_BODY_OPTIONAL},
    {"adminPass", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"accessIPv4", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"accessIPv6", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"key_name", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"user_data", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"config_drive", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"personality", GW_BODY_ANY, GW_BODY_OPTIONAL, 0, 56},
    {"security_groups", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"block_device_mapping", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"block_device_mapping_v2", GW_BODY_ANY, GW_BODY_OPTIONAL},
    {"trusted_image_certificates", GW_BODY_ANY, GW_BODY_OPTIONAL, 63},
};

/* A request as it is read; the boot request borrows from it and from the body. */
typedef struct {
    GwRequest *request;
    json_t *body;
    GwBootRequest boot;
    GwFlavor *flavor;
    GPtrArray *networks, *tags, *metadata;
    char *zone, *forced_host;
} Order;

static void order_clear(Order *order)
{
    gw_flavor_free(order->flavor);
    g_ptr_array_unref(order->networks);
    g_ptr_array_unref(order->tags);
    g_ptr_array_unref(order->metadata);
    g_free(order->zone);
    g_free(order->forced_host);
}

static gboolean is_given(const Order *order, const char *name)
{
    json_t *value = json_object_get(order->body, name);
    return value && !json_is_null(value);
}

/* ---- what is not offered */

static gboolean refuse(const Order *order, const char *field, const char *why)
{
    gw_reply_fault(order->request, 400, "Invalid input for field/attribute %s. %s", field, why);
    return FALSE;
}

static gboolean check_absent(const Order *order)
{
    static const struct {
        const char *field, *why;
    } absent[] = {
        {"user_data", "It is not offered: guests have neither a metadata service nor a config drive here"},
        {"personality", "It is not offered: no file is put into a guest's disk"},
        {"block_device_mapping", "It is not offered: name an image of image_dir by imageRef"},
        {"accessIPv4", "It is not offered: Godwit keeps no addresses of guests"},
        {"accessIPv6", "It is not offered: Godwit keeps no addresses of guests"},
        {"trusted_image_certificates", "It is not offered: images of image_dir are not signed"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(absent); i++)
        if (is_given(order, absent[i].field))
            return refuse(order, absent[i].field, absent[i].why);
    if (is_given(order, "key_name")) { /* Nova's words for a key that it does not have */
        gw_reply_fault(order->request, 400, "Invalid key_name provided.");
        return FALSE;
    }
    const char *drive = gw_body_text(order->body, "config_drive");
    if (gw_body_is_true(order->body, "config_drive") || (drive && *drive && g_ascii_strcasecmp(drive, "false") != 0))
        return refuse(order, "config_drive", "It is not offered");
    return TRUE;
}

/* "default" alone, which clients send by themselves. */
static gboolean check_security_groups(const Order *order)
{
    size_t index;
    json_t *group;
    json_array_foreach(json_object_get(order->body, "security_groups"), index, group)
        if (g_strcmp0(json_string_value(json_object_get(group, "name")), "default") != 0)
            return refuse(order, "security_groups", "There is only 'default': Godwit makes no security groups");
    return TRUE;
}

/* One entry that says again what imageRef says: so does the openstack command. */
static gboolean check_mapping(const Order *order)
{
    json_t *list = json_object_get(order->body, "block_device_mapping_v2");
    json_t *first = json_array_get(list, 0);
    gboolean same = json_array_size(list) == 1 && g_strcmp0(gw_body_text(first, "uuid"), gw_body_text(order->body, "imageRef")) == 0 &&
                    g_strcmp0(gw_body_text(first, "source_type"), "image") == 0 &&
                    g_strcmp0(gw_body_text(first, "destination_type"), "local") == 0;
    if (!list || json_is_null(list) || (json_is_array(list) && !json_array_size(list)) || same)
        return TRUE;
    return refuse(order, "block_device_mapping_v2", "Only the image itself as a local disk is offered: Godwit makes no volumes");
}

static gboolean read_hints(Order *order)
{
    static const char *const wrappers[] = {"os:scheduler_hints", "OS-SCH-HNT:scheduler_hints"};
    static const char *const unmet[] = {"same_host", "different_host", "query", "build_near_host_ip", "target_cell"};
    for (guint w = 0; w < G_N_ELEMENTS(wrappers); w++)
        for (guint i = 0; i < G_N_ELEMENTS(unmet); i++)
            if (json_object_get(json_object_get(order->request->json, wrappers[w]), unmet[i])) {
                gw_reply_fault(order->request, 400, "The scheduler hint '%s' is not offered: name a zone, a host or a group instead", unmet[i]);
                return FALSE;
            }
    for (guint w = 0; w < G_N_ELEMENTS(wrappers); w++) {
        json_t *group = json_object_get(json_object_get(order->request->json, wrappers[w]), "group");
        if (group && !gw_uuid_is_valid(json_string_value(group))) {
            gw_reply_fault(order->request, 400, "Invalid input for field/attribute group. It must be the UUID of a server group");
            return FALSE;
        }
        if (group)
            order->boot.group = json_string_value(group);
    }
    return TRUE;
}

/* ---- what is */

static gboolean read_flavor(Order *order)
{
    json_t *value = json_object_get(order->body, "flavorRef");
    g_autofree char *id = json_is_integer(value) ? g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value))
                                                 : g_strdup(json_string_value(value));
    const char *base = id && strrchr(id, '/') ? strrchr(id, '/') + 1 : id; /* a link will do */
    if (!base || !*base)
        return refuse(order, "flavorRef", "It must be the id of a flavor");
    order->flavor = gw_shapes_find(order->request, base);
    if (!order->flavor && order->request->status == 404)
        gw_reply_fault(order->request, 400, "Flavor %s could not be found.", base);
    if (!order->flavor)
        return FALSE;
    if (!order->flavor->memory_mib)
        return refuse(order, "flavorRef", "That flavor has no memory");
    order->boot.flavor = order->flavor;
    return TRUE;
}

static gboolean read_image(Order *order)
{
    const char *text = gw_body_text(order->body, "imageRef");
    const char *base = text && strrchr(text, '/') ? strrchr(text, '/') + 1 : text;
    if (!base || !*base)
        return refuse(order, "imageRef", "An image of image_dir is needed: Godwit makes no volumes to boot from");
    if (!gw_uuid_is_valid(base)) {
        gw_reply_fault(order->request, 400, "Invalid imageRef provided.");
        return FALSE;
    }
    order->boot.image_id = base;
    return TRUE;
}

/* "auto", "none", or a list of {"uuid": NETWORK}; before 2.37 nothing is "auto", as in Nova. */
static gboolean read_networks(Order *order)
{
    json_t *value = json_object_get(order->body, "networks");
    const char *word = json_string_value(value);
    size_t index;
    json_t *entry;
    if (!value || json_is_null(value) || (word && strcmp(word, "auto") == 0) || (json_is_array(value) && !json_array_size(value)))
        g_ptr_array_add(order->networks, g_strdup("auto"));
    else if (!json_is_array(value) && !(word && strcmp(word, "none") == 0))
        return refuse(order, "networks", "It must be 'auto', 'none' or a list of {\"uuid\": a libvirt network's name or UUID}");
    json_array_foreach(value, index, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "uuid"));
        if (!name || !*name || json_object_get(entry, "port") || json_object_get(entry, "fixed_ip"))
            return refuse(order, "networks", "An entry is {\"uuid\": a libvirt network's name or UUID}: Godwit keeps no ports or addresses");
        g_ptr_array_add(order->networks, g_strdup(name));
    }
    order->boot.networks = order->networks;
    return TRUE;
}

static gboolean need_admin(const Order *order, const char *rule)
{
    if (order->request->role >= GW_ROLE_ADMIN)
        return TRUE;
    gw_reply_fault(order->request, 403, "Policy doesn't allow %s to be performed.", rule);
    return FALSE;
}

/* "ZONE", or "ZONE:HOST" and "ZONE:HOST:NODE", which force that host and are an administrator's. */
static gboolean read_place(Order *order)
{
    const char *text = gw_body_text(order->body, "availability_zone");
    g_auto(GStrv) parts = g_strsplit(text ? text : "", ":", 3);
    guint count = g_strv_length(parts);
    order->boot.host = gw_body_text(order->body, "host");
    if (!order->boot.host)
        order->boot.host = gw_body_text(order->body, "hypervisor_hostname");
    if (order->boot.host && !need_admin(order, "compute:servers:create:requested_destination"))
        return FALSE;
    const char *host = count > 1 && *parts[1] ? parts[1] : NULL;
    if (host && order->boot.host)
        return refuse(order, "host", "A host is named by availability_zone already");
    if (host && !need_admin(order, "os_compute_api:servers:create:forced_host"))
        return FALSE;
    if (count && *parts[0])
        order->boot.zone = order->zone = g_strdup(parts[0]);
    if (!host)
        return TRUE;
    order->boot.host = order->forced_host = g_strdup(parts[1]);
    order->boot.host_forced = TRUE;
    return TRUE;
}

static gboolean read_metadata(Order *order)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(order->body, "metadata"), key, value) {
        const char *text = json_string_value(value);
        if (!text || !*key || g_utf8_strlen(key, -1) > 255 || g_utf8_strlen(text, -1) > 255)
            return refuse(order, "metadata", "Keys and values are strings of 255 characters at most");
        gw_metadata_add(order->metadata, key, text);
    }
    order->boot.metadata = order->metadata;
    return TRUE;
}

static gboolean read_tags(Order *order)
{
    enum { MOST = 50, LONGEST = 60 }; /* nova/objects/instance.py */
    size_t index;
    json_t *tag;
    json_array_foreach(json_object_get(order->body, "tags"), index, tag)
    {
        const char *text = json_string_value(tag);
        if (strchr(text, ',') || strchr(text, '/') || g_utf8_strlen(text, -1) > LONGEST || index >= MOST)
            return refuse(order, "tags", "50 tags at most, each of 1 to 60 characters without ',' and '/'");
        if (!g_ptr_array_find_with_equal_func(order->tags, text, g_str_equal, NULL))
            g_ptr_array_add(order->tags, g_strdup(text));
    }
    order->boot.tags = order->tags;
    return TRUE;
}

/* A whole number from 1 on, also as a string; absent: 0. */
static gboolean read_count(const Order *order, const char *name, guint64 *ret_count)
{
    json_t *value = json_object_get(order->body, name);
    const char *text = json_string_value(value);
    *ret_count = 0;
    if (!value)
        return TRUE;
    if (json_is_integer(value) && json_integer_value(value) >= 1 && json_integer_value(value) <= G_MAXINT32)
        *ret_count = (guint64)json_integer_value(value);
    else if (!text || !g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT32, ret_count, NULL))
        return refuse(order, name, "It must be a whole number from 1 on");
    return TRUE;
}

/* As many as max_count says: nothing limits them but the hosts. */
static gboolean read_counts(Order *order)
{
    enum { MOST = 100 }; /* in one request */
    guint64 least, most;
    if (!read_count(order, "min_count", &least) || !read_count(order, "max_count", &most))
        return FALSE;
    if (least && most && least > most) {
        gw_reply_fault(order->request, 400, "min_count must be <= max_count");
        return FALSE;
    }
    guint64 count = MAX(MAX(least, most), 1);
    if (count > MOST)
        return refuse(order, "max_count", "100 servers are made by one request at most");
    order->boot.count = (guint)count;
    return TRUE;
}

static gboolean read_rest(Order *order)
{
    const char *config = gw_body_text(order->body, "OS-DCF:diskConfig");
    json_t *description = json_object_get(order->body, "description");
    if (config && strcmp(config, "AUTO") != 0 && strcmp(config, "MANUAL") != 0)
        return refuse(order, "OS-DCF:diskConfig", "It must be AUTO or MANUAL");
    if (description && !json_is_null(description) && (!json_is_string(description) || g_utf8_strlen(json_string_value(description), -1) > 255))
        return refuse(order, "description", "It must be null or a string of 255 characters at most");
    order->boot.disk_config = config ? config : "MANUAL";
    order->boot.name = gw_body_text(order->body, "name");
    /* Nova gives a server its name for a description before 2.19 */
    order->boot.description = order->request->minor < 19 ? order->boot.name : json_string_value(description);
    return TRUE;
}

/* ---- answering */

static void reply_made(const Order *order, const GPtrArray *uuids, const char *reservation)
{
    GwRequest *request = order->request;
    const char *uuid = uuids->pdata[0];
    if (gw_body_is_true(order->body, "return_reservation_id")) {
        gw_reply_json(request, 202, json_pack("{s:s}", "reservation_id", reservation));
        return;
    }
    g_autofree char *location = g_strconcat(gw_request_root(request), "/servers/", uuid, NULL);
    gw_reply_named(request, 202, "server",
                   json_pack("{s:s,s:o,s:s,s:[{s:s}]}", "id", uuid, "links", gw_json_links(request, "servers", uuid), "OS-DCF:diskConfig",
                             order->boot.disk_config, "security_groups", "name", "default"));
    gw_reply_header(request, "Location", location);
}

static void boot(Order *order)
{
    g_autoptr(GPtrArray) uuids = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *random = g_uuid_string_random();
    g_autofree char *reservation = g_strdup_printf("r-%.8s", random);
    order->boot.reservation_id = reservation;
    order->boot.request_id = order->request->request_id;
    order->boot.user_id = gw_request_user(order->request);
    order->boot.project_id = gw_request_project(order->request);
    if (gw_engine_boot(order->request->engine, &order->boot, &uuids, &error))
        reply_made(order, uuids, reservation);
    else
        gw_reply_error(order->request, error);
}

void gw_servers_create(GwRequest *request)
{
    Order order = {.request = request,
                   .networks = g_ptr_array_new_with_free_func(g_free),
                   .tags = g_ptr_array_new_with_free_func(g_free),
                   .metadata = gw_metadata_new()};
    if (GW_BODY_CHECK(request, "body", request->json, outer)) {
        order.body = json_object_get(request->json, "server");
        if (GW_BODY_CHECK(request, "server", order.body, inner) && check_absent(&order) && check_security_groups(&order) &&
            check_mapping(&order) && read_hints(&order) && read_image(&order) && read_flavor(&order) && read_networks(&order) &&
            read_place(&order) && read_metadata(&order) && read_tags(&order) && read_counts(&order) && read_rest(&order))
            boot(&order);
    }
    order_clear(&order);
}

/* ---- deleting */

void gw_servers_delete(GwRequest *request)
{
    g_autoptr(GError) error = NULL;
    GwMoveRequest move = gw_request_move(request);
    if (gw_engine_delete(request->engine, &move, &error))
        gw_reply_empty(request, 204);
    else
        gw_reply_error(request, error);
}
