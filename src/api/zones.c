/* os-availability-zone: the zones that hosts are in (nova/availability_zones.py). One without a host that is enabled is not
 * available. */
#include "api/handlers.h"
#include "api/view.h"

#include <string.h>

/* Zone → GPtrArray of its hosts that are enabled, GwHostView *, borrowed. */
static GHashTable *sort_by_zone(const GPtrArray *hosts)
{
    GHashTable *zones = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < hosts->len; i++) {
        GwHostView *view = hosts->pdata[i];
        const char *zone = gw_aggregates_zone(view->aggregates);
        GPtrArray *members = g_hash_table_lookup(zones, zone);
        if (!members) {
            members = g_ptr_array_new();
            g_hash_table_insert(zones, (gpointer)zone, members);
        }
        if (view->row->enabled)
            g_ptr_array_add(members, view);
    }
    return zones;
}

typedef json_t *(*ShowHosts)(const GPtrArray *members);

static json_t *show_none(const GPtrArray *members)
{
    return json_null();
}

static json_t *show_hosts(const GPtrArray *members)
{
    json_t *table = members->len ? json_object() : json_null();
    for (guint i = 0; i < members->len; i++) {
        const GwHostView *view = members->pdata[i];
        json_object_set_new(table, view->row->name,
                            json_pack("{s:{s:b,s:b,s:o}}", "nova-compute", "available",
                                      view->up && !view->row->forced_down, "active", 1, "updated_at",
                                      gw_json_time_micro(view->seen_us)));
    }
    return table;
}

static void append(json_t *list, const char *zone, const GPtrArray *members, ShowHosts show)
{
    json_array_append_new(list, json_pack("{s:o,s:{s:b},s:o}", "zoneName", gw_json_text(zone), "zoneState", "available",
                                          members->len > 0, "hosts", show(members)));
}

/* By name, those that are available first, as Nova lists them. */
static void reply(GwRequest *request, ShowHosts show)
{
    g_autoptr(GPtrArray) hosts = gw_engine_hosts(request->engine);
    g_autoptr(GHashTable) zones = sort_by_zone(hosts);
    g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(zones), (GCompareFunc)strcmp);
    json_t *list = json_array();
    for (GList *name = names; name; name = name->next) {
        const GPtrArray *members = g_hash_table_lookup(zones, name->data);
        if (members->len)
            append(list, name->data, members, show);
    }
    for (GList *name = names; name; name = name->next) {
        const GPtrArray *members = g_hash_table_lookup(zones, name->data);
        if (!members->len)
            append(list, name->data, members, show);
    }
    gw_reply_named(request, 200, "availabilityZoneInfo", list);
}

void gw_zones_list(GwRequest *request)
{
    reply(request, show_none);
}

void gw_zones_detail(GwRequest *request)
{
    reply(request, show_hosts);
}
