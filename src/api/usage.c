/* os-simple-tenant-usage: what the servers used in a period, by their size and the time since Godwit first saw them
 * (nova/api/openstack/compute/simple_tenant_usage.py). Of servers that are gone nothing is remembered. */
#include "api/handlers.h"
#include "api/query.h"
#include "api/server_state.h"
#include "api/shapes.h"

#include <string.h>

enum { PAGED_SINCE = 40 };

/* Adopted instances belong to nobody: they are shown as this project's. */
static const char tenant_name[] = "admin";

/* One server in one period. */
typedef struct {
    const GwInstanceView *view;
    gint64 start_us, stop_us;
} Usage;

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)
#define USAGE ((const Usage *)row)
#define INSTANCE (USAGE->view->instance)

static double hours_of(const Usage *usage)
{
    gint64 from = MAX(usage->start_us, usage->view->first_seen_us);
    return usage->stop_us > from ? (double)(usage->stop_us - from) / (3600.0 * G_USEC_PER_SEC) : 0;
}

FIELD(instance_id)
{
    return json_string(INSTANCE->uuid);
}

FIELD(name)
{
    return gw_json_text(gw_instance_view_name(USAGE->view));
}

FIELD(hours)
{
    return json_real(hours_of(USAGE));
}

FIELD(flavor)
{
    g_autofree char *text = gw_shape_id_of(USAGE->view);
    return json_string(text);
}

FIELD(tenant)
{
    return json_string(tenant_name);
}

FIELD(memory)
{
    return gw_json_count(INSTANCE->memory_mib);
}

FIELD(disk)
{
    return gw_json_count(gw_flavor_disk_gib(INSTANCE));
}

FIELD(vcpus)
{
    return json_integer(INSTANCE->vcpus);
}

FIELD(started)
{
    return gw_json_time_micro(USAGE->view->first_seen_us);
}

FIELD(state)
{
    return json_string(gw_server_state(USAGE->view).vm_state);
}

FIELD(uptime)
{
    return json_integer((g_get_real_time() - USAGE->view->first_seen_us) / G_USEC_PER_SEC);
}

static const GwField server_fields[] = {
    {"instance_id", instance_id}, {"name", name},        {"hours", hours},
    {"flavor", flavor},           {"tenant_id", tenant}, {"memory_mb", memory},
    {"local_gb", disk},           {"vcpus", vcpus},      {"started_at", started},
    {"ended_at", gw_view_null},   {"state", state},      {"uptime", uptime},
};

/* ---- which servers, in which period */

static const GwQueryRule rules[] = {
    {"start", GW_QUERY_TIME},
    {"end", GW_QUERY_TIME},
    {"detailed", GW_QUERY_TEXT},
    {"limit", GW_QUERY_NUMBER, PAGED_SINCE},
    {"marker", GW_QUERY_TEXT, PAGED_SINCE},
};

static gboolean read_period(GwRequest *request, Usage *period)
{
    gint64 now = g_get_real_time();
    gint64 start = gw_query_time(request, "start");
    gint64 stop = gw_query_time(request, "end");
    *period = (Usage){NULL, start ? start : now, stop ? MIN(stop, now) : now};
    if (period->start_us <= period->stop_us)
        return TRUE;
    gw_reply_fault(request, 400, "Invalid start time. The start time cannot occur after the end time.");
    return FALSE;
}

/* NULL with a fault. */
static GPtrArray *cut_page(GwRequest *request, const GwViewList *all)
{
    const char *marker = gw_query_text(request, "marker");
    guint limit = request->minor >= PAGED_SINCE ? gw_query_limit(request) : G_MAXUINT;
    g_autoptr(GwInstanceView) last = marker ? gw_engine_instance(request->engine, marker) : NULL;
    if (marker && !last) {
        gw_reply_fault(request, 400, "marker [%s] not found", marker);
        return NULL;
    }
    GPtrArray *page = g_ptr_array_new_with_free_func((GDestroyNotify)gw_instance_view_unref);
    GwViewIter iter;
    gw_view_iter_init(&iter, all, last, NULL);
    for (GwInstanceView *view; page->len < limit && (view = gw_view_iter_next(&iter));)
        g_ptr_array_add(page, gw_instance_view_ref(view));
    return page;
}

/* ---- the sums */

typedef enum { SUMS_ONLY, WITH_SERVERS } Detail;

static json_t *sum_up(GwRequest *request, const GPtrArray *views, Usage usage, Detail detail)
{
    double hours_sum = 0, disk_sum = 0, memory_sum = 0, vcpus_sum = 0;
    json_t *servers = detail == WITH_SERVERS ? json_array() : NULL;
    for (guint i = 0; i < views->len; i++) {
        usage.view = views->pdata[i];
        double hours_used = hours_of(&usage);
        hours_sum += hours_used;
        disk_sum += hours_used * (double)gw_flavor_disk_gib(usage.view->instance);
        memory_sum += hours_used * (double)usage.view->instance->memory_mib;
        vcpus_sum += hours_used * usage.view->instance->vcpus;
        if (servers)
            json_array_append_new(servers, GW_VIEW(request, server_fields, &usage));
    }
    json_t *sums =
        json_pack("{s:s,s:f,s:f,s:f,s:f,s:o,s:o}", "tenant_id", tenant_name, "total_hours", hours_sum,
                  "total_local_gb_usage", disk_sum, "total_memory_mb_usage", memory_sum, "total_vcpus_usage", vcpus_sum,
                  "start", gw_json_time_micro(usage.start_us), "stop", gw_json_time_micro(usage.stop_us));
    if (servers)
        json_object_set_new(sums, "server_usages", servers);
    return sums;
}

static void add_next(GwRequest *request, json_t *body, const char *name, const GPtrArray *page, const char *path)
{
    if (request->minor < PAGED_SINCE || !page->len || page->len < gw_query_limit(request))
        return;
    const GwInstanceView *last = page->pdata[page->len - 1];
    json_object_set_new(body, name, gw_query_next(request, path, last->instance->uuid));
}

/* The page and its period; NULL with a fault. */
static GPtrArray *read_page(GwRequest *request, Usage *period)
{
    if (!GW_QUERY_CHECK(request, rules, 75) || !read_period(request, period))
        return NULL;
    g_autoptr(GwViewList) all = gw_engine_instances(request->engine, NULL);
    return cut_page(request, all);
}

void gw_usage_list(GwRequest *request)
{
    Usage period;
    g_autoptr(GPtrArray) page = read_page(request, &period);
    if (!page)
        return;
    Detail detail = g_strcmp0(gw_query_text(request, "detailed"), "1") == 0 ? WITH_SERVERS : SUMS_ONLY;
    json_t *list = json_array();
    json_t *body = json_object();
    if (page->len)
        json_array_append_new(list, sum_up(request, page, period, detail));
    json_object_set_new(body, "tenant_usages", list);
    add_next(request, body, "tenant_usages_links", page, "os-simple-tenant-usage");
    gw_reply_json(request, 200, body);
}

void gw_usage_show(GwRequest *request)
{
    Usage period;
    g_autoptr(GPtrArray) page = read_page(request, &period);
    if (!page)
        return;
    gboolean any = page->len && strcmp(request->args[0], tenant_name) == 0;
    g_autofree char *path = g_strconcat("os-simple-tenant-usage/", request->args[0], NULL);
    json_t *body = json_object();
    json_object_set_new(body, "tenant_usage", any ? sum_up(request, page, period, WITH_SERVERS) : json_object());
    if (any)
        add_next(request, body, "tenant_usage_links", page, path);
    gw_reply_json(request, 200, body);
}
