#include "api/server_order.h"

#include "api/query.h"
#include "api/server_state.h"

#include <string.h>

static int compare_name(const GwInstanceView *a, const GwInstanceView *b)
{
    return g_strcmp0(gw_instance_view_name(a), gw_instance_view_name(b));
}

static int compare_uuid(const GwInstanceView *a, const GwInstanceView *b)
{
    return strcmp(a->instance->uuid, b->instance->uuid);
}

static int compare_host(const GwInstanceView *a, const GwInstanceView *b)
{
    return strcmp(a->host, b->host);
}

static int compare_zone(const GwInstanceView *a, const GwInstanceView *b)
{
    return strcmp(a->zone, b->zone);
}

static int compare_created(const GwInstanceView *a, const GwInstanceView *b)
{
    return (a->first_seen_us > b->first_seen_us) - (a->first_seen_us < b->first_seen_us);
}

static int compare_updated(const GwInstanceView *a, const GwInstanceView *b)
{
    return (a->changed_us > b->changed_us) - (a->changed_us < b->changed_us);
}

static int compare_vm_state(const GwInstanceView *a, const GwInstanceView *b)
{
    return strcmp(gw_server_state(a).vm_state, gw_server_state(b).vm_state);
}

static int compare_task_state(const GwInstanceView *a, const GwInstanceView *b)
{
    return g_strcmp0(gw_server_state(a).task_state, gw_server_state(b).task_state);
}

static int compare_power(const GwInstanceView *a, const GwInstanceView *b)
{
    return (int)a->instance->power - (int)b->instance->power;
}

static int compare_progress(const GwInstanceView *a, const GwInstanceView *b)
{
    return (int)a->progress - (int)b->progress;
}

static int compare_nothing(const GwInstanceView *a, const GwInstanceView *b)
{
    return 0;
}

static const struct {
    const char *name;
    GwServerCompare compare;
} sort_keys[] = {
    {"created_at", compare_created},      {"launched_at", compare_created},    {"updated_at", compare_updated},
    {"display_name", compare_name},       {"hostname", compare_name},          {"uuid", compare_uuid},
    {"host", compare_host},               {"node", compare_host},              {"vm_state", compare_vm_state},
    {"task_state", compare_task_state},   {"power_state", compare_power},      {"progress", compare_progress},
    {"access_ip_v4", compare_nothing},    {"access_ip_v6", compare_nothing},   {"auto_disk_config", compare_nothing},
    {"availability_zone", compare_zone},  {"config_drive", compare_nothing}, {"display_description", compare_nothing},
    {"image_ref", compare_nothing},       {"instance_type_id", compare_nothing}, {"kernel_id", compare_nothing},
    {"key_name", compare_nothing},        {"launch_index", compare_nothing},   {"locked_by", compare_nothing},
    {"project_id", compare_nothing},      {"ramdisk_id", compare_nothing},     {"root_device_name", compare_nothing},
    {"terminated_at", compare_nothing},   {"user_id", compare_nothing},
};

static gint by_order(gconstpointer a, gconstpointer b, gpointer data)
{
    const GwServerOrder *order = data;
    const GwInstanceView *x = *(GwInstanceView *const *)a;
    const GwInstanceView *y = *(GwInstanceView *const *)b;
    int result = order->sign * order->compare(x, y);
    return result ? result : compare_uuid(x, y);
}

gboolean gw_server_order_read(GwRequest *request, GwServerOrder *ret_order)
{
    const char *key = gw_query_text(request, "sort_key");
    const char *direction = gw_query_text(request, "sort_dir");
    *ret_order = (GwServerOrder){key || direction ? compare_created : NULL, g_strcmp0(direction, "asc") == 0 ? 1 : -1};
    if (direction && strcmp(direction, "asc") != 0 && strcmp(direction, "desc") != 0) {
        gw_reply_fault(request, 400, "Unknown sort direction, must be one of: asc, desc");
        return FALSE;
    }
    if (!key)
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(sort_keys); i++) {
        if (strcmp(sort_keys[i].name, key) == 0) {
            ret_order->compare = sort_keys[i].compare;
            return TRUE;
        }
    }
    gw_reply_fault(request, 400,
                   "Invalid input for query parameters sort_key. Value: %s. It is no key to sort servers by", key);
    return FALSE;
}

void gw_server_order_apply(const GwServerOrder *order, const GwInstanceView *marker, GPtrArray *views)
{
    guint passed = 0;
    if (!order->compare)
        return;
    g_ptr_array_sort_with_data(views, by_order, (gpointer)order);
    while (marker && passed < views->len && by_order(&views->pdata[passed], &marker, (gpointer)order) <= 0)
        passed++;
    if (passed)
        g_ptr_array_remove_range(views, 0, passed);
}
