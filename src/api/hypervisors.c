/* os-hypervisors: what the hosts say of themselves (nova/api/openstack/compute/hypervisors.py). */
#include "api/capacity.h"
#include "api/handlers.h"
#include "api/query.h"
#include "api/view.h"

#include <stdlib.h>
#include <string.h>

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)
#define HOST ((const GwHostView *)row)

FIELD(number)
{
    return json_integer(HOST->row->id);
}

FIELD(uuid)
{
    return json_string(HOST->row->uuid);
}

FIELD(name)
{
    return gw_json_text(HOST->row->name);
}

FIELD(state)
{
    return json_string(HOST->up && !HOST->row->forced_down ? "up" : "down");
}

FIELD(status)
{
    return json_string(HOST->row->enabled ? "enabled" : "disabled");
}

FIELD(type)
{
    return gw_json_text(HOST->facts ? HOST->facts->hypervisor_type : "");
}

FIELD(version)
{
    return gw_json_count(HOST->facts ? HOST->facts->hypervisor_version : 0);
}

FIELD(host_ip)
{
    return gw_json_text(HOST->facts ? HOST->facts->hostname : NULL);
}

FIELD(service)
{
    return json_pack("{s:o,s:o,s:o}", "id", request->minor >= 53 ? uuid(request, row) : number(request, row), "host",
                     name(request, row), "disabled_reason", gw_json_text(HOST->row->disabled_reason));
}

FIELD(vcpus)
{
    return gw_json_count(gw_capacity_of(HOST).cpus);
}

FIELD(vcpus_used)
{
    return gw_json_count(gw_capacity_of(HOST).cpus_used);
}

FIELD(memory)
{
    return gw_json_count(gw_capacity_of(HOST).memory_mib);
}

FIELD(memory_used)
{
    GwCapacity capacity = gw_capacity_of(HOST);
    return gw_json_count(capacity.memory_mib - capacity.memory_free_mib);
}

FIELD(memory_free)
{
    return gw_json_count(gw_capacity_of(HOST).memory_free_mib);
}

FIELD(disk)
{
    return gw_json_count(gw_capacity_of(HOST).disk_gib);
}

FIELD(disk_free)
{
    return gw_json_count(gw_capacity_of(HOST).disk_free_gib);
}

FIELD(disk_used)
{
    GwCapacity capacity = gw_capacity_of(HOST);
    return gw_json_count(capacity.disk_gib - capacity.disk_free_gib);
}

FIELD(running)
{
    return json_integer(HOST->running);
}

static json_t *cpu_object(const GwHostView *view)
{
    return json_pack("{s:o,s:o,s:[]}", "arch", gw_json_text(view->facts ? view->facts->arch : NULL), "model",
                     gw_json_text(view->facts ? view->facts->cpu_model : NULL), "features");
}

FIELD(cpu_info)
{
    return cpu_object(HOST);
}

/* Until 2.27 the object comes as its text. */
FIELD(cpu_info_text)
{
    g_autoptr(json_t) object = cpu_object(HOST);
    char *text = json_dumps(object, JSON_COMPACT);
    json_t *string = json_string(text);
    free(text);
    return string;
}

static gboolean wants_servers(GwRequest *request)
{
    return request->minor < 53 || gw_query_is_true(request, "with_servers");
}

/* From 2.75 on an empty list is shown too. */
FIELD(servers)
{
    if (!wants_servers(request))
        return NULL;
    g_autoptr(GPtrArray) views = gw_engine_instances_of(request->engine, HOST->row->name);
    json_t *list = json_array();
    for (guint i = 0; i < views->len; i++) {
        const GwInstanceView *view = views->pdata[i];
        json_array_append_new(list, json_pack("{s:o,s:s}", "name", gw_json_text(view->instance->name), "uuid", view->instance->uuid));
    }
    if (json_array_size(list) || request->minor >= 75)
        return list;
    json_decref(list);
    return NULL;
}

#define BRIEF                                                                                                          \
    {"id", number, 0, 52}, {"id", uuid, 53}, {"hypervisor_hostname", name}, {"state", state}, {"status", status}

static const GwField brief[] = {
    BRIEF,
};

static const GwField with_servers[] = {
    BRIEF,
    {"servers", servers},
};

static const GwField search_fields[] = {
    BRIEF,
};

static const GwField detail[] = {
    BRIEF,
    {"hypervisor_type", type},
    {"hypervisor_version", version},
    {"host_ip", host_ip},
    {"service", service},
    {"vcpus", vcpus, 0, 87},
    {"memory_mb", memory, 0, 87},
    {"local_gb", disk, 0, 87},
    {"vcpus_used", vcpus_used, 0, 87},
    {"memory_mb_used", memory_used, 0, 87},
    {"local_gb_used", disk_used, 0, 87},
    {"free_ram_mb", memory_free, 0, 87},
    {"free_disk_gb", disk_free, 0, 87},
    {"current_workload", gw_view_zero, 0, 87},
    {"running_vms", running, 0, 87},
    {"disk_available_least", disk_free, 0, 87},
    {"cpu_info", cpu_info_text, 0, 27},
    {"cpu_info", cpu_info, 28, 87},
    {"uptime", gw_view_empty_text, 88}, /* not known; openstack 6.0 dies of null */
    {"servers", servers, 53},           /* the last: lists append it themselves */
};

enum { LISTED = G_N_ELEMENTS(detail) - 1 };

/* ---- which */

static const GwQueryRule rules[] = {
    {"limit", GW_QUERY_NUMBER, 33},
    {"marker", GW_QUERY_TEXT, 33},
    {"hypervisor_hostname_pattern", GW_QUERY_TEXT, 53},
    {"with_servers", GW_QUERY_BOOLEAN, 53},
};

static gboolean check_params(GwRequest *request)
{
    if (!GW_QUERY_CHECK(request, rules, 53))
        return FALSE;
    gboolean paging = gw_query_text(request, "limit") || gw_query_text(request, "marker");
    if (!paging || !gw_query_text(request, "hypervisor_hostname_pattern"))
        return TRUE;
    gw_reply_fault(request, 400,
                   "Paging over results with the hypervisor_hostname_pattern query parameter is not supported.");
    return FALSE;
}

/* Those whose name contains pattern; NULL with a 404 when there is none. */
static GPtrArray *find_matching(GwRequest *request, const char *pattern)
{
    g_autoptr(GPtrArray) hosts = gw_engine_hosts(request->engine);
    for (guint i = hosts->len; pattern && i > 0; i--)
        if (!strstr(((const GwHostView *)hosts->pdata[i - 1])->row->name, pattern))
            g_ptr_array_remove_index(hosts, i - 1);
    if (hosts->len || !pattern)
        return g_steal_pointer(&hosts);
    gw_reply_fault(request, 404, "No hypervisor matching '%s' could be found.", pattern);
    return NULL;
}

static gboolean has_id(GwRequest *request, const GwHostView *view, const char *id)
{
    guint64 value;
    if (request->minor >= 53)
        return g_ascii_strcasecmp(view->row->uuid, id) == 0;
    return g_ascii_string_to_unsigned(id, 10, 1, G_MAXINT64, &value, NULL) && (gint64)value == view->row->id;
}

static gboolean cut_page(GwRequest *request, GPtrArray *hosts)
{
    const char *marker = gw_query_text(request, "marker");
    guint start = 0;
    while (marker && start < hosts->len && !has_id(request, hosts->pdata[start], marker))
        start++;
    if (marker && start++ == hosts->len) {
        gw_reply_fault(request, 400, "Marker %s could not be found.", marker);
        return FALSE;
    }
    g_ptr_array_remove_range(hosts, 0, start);
    guint limit = gw_query_limit(request);
    if (hosts->len > limit)
        g_ptr_array_remove_range(hosts, limit, hosts->len - limit);
    return TRUE;
}

static json_t *next_link(GwRequest *request, const GPtrArray *hosts, const char *path)
{
    const GwHostView *last = hosts->pdata[hosts->len - 1];
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, last->row->id);
    return gw_query_next(request, path, request->minor >= 53 ? last->row->uuid : text);
}

/* ---- lists, as text: the servers of all hosts may be tens of thousands, which as objects would cost many times as much */

/* Takes json. */
static void append_json(GString *out, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    g_string_append(out, text);
    free(text);
    json_decref(json);
}

static gboolean is_plain(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
            return FALSE;
    return TRUE;
}

static void append_server(GString *out, const GwInstanceView *view)
{
    const char *text = view->instance->name;
    g_string_append(out, "{\"name\":");
    if (text && is_plain(text)) {
        g_string_append_c(out, '"');
        g_string_append(out, text);
        g_string_append_c(out, '"');
    } else {
        append_json(out, gw_json_text(text));
    }
    g_string_append(out, ",\"uuid\":\"");
    g_string_append(out, view->instance->uuid);
    g_string_append(out, "\"}");
}

static void append_servers(GwRequest *request, GString *out, const GwHostView *view)
{
    g_autoptr(GPtrArray) views = gw_engine_instances_of(request->engine, view->row->name);
    if (!views->len && request->minor < 75)
        return;
    g_string_append(out, ",\"servers\":[");
    for (guint i = 0; i < views->len; i++) {
        if (i)
            g_string_append_c(out, ',');
        append_server(out, views->pdata[i]);
    }
    g_string_append_c(out, ']');
}

static void append_host(GwRequest *request, GString *out, const GwField *fields, gsize count, const GwHostView *view, gboolean first)
{
    if (!first)
        g_string_append_c(out, ',');
    append_json(out, gw_view(request, fields, count, view));
    if (request->minor < 53 || !gw_query_is_true(request, "with_servers"))
        return;
    g_string_truncate(out, out->len - 1); /* the object's end */
    append_servers(request, out, view);
    g_string_append_c(out, '}');
}

static void reply_list(GwRequest *request, const GwField *fields, gsize count, const char *path)
{
    if (!check_params(request))
        return;
    const char *pattern = gw_query_text(request, "hypervisor_hostname_pattern");
    g_autoptr(GPtrArray) hosts = find_matching(request, pattern);
    if (!hosts || !cut_page(request, hosts))
        return;
    GString *out = g_string_new("{\"hypervisors\":[");
    for (guint i = 0; i < hosts->len; i++)
        append_host(request, out, fields, count, hosts->pdata[i], i == 0);
    g_string_append_c(out, ']');
    if (request->minor >= 33 && !pattern && hosts->len && hosts->len == gw_query_limit(request))
        append_json(g_string_append(out, ",\"hypervisors_links\":"), next_link(request, hosts, path));
    g_string_append_c(out, '}');
    gw_reply_bytes(request, 200, g_string_free_to_bytes(out));
}

void gw_hypervisors_list(GwRequest *request)
{
    reply_list(request, brief, G_N_ELEMENTS(brief), "os-hypervisors");
}

void gw_hypervisors_detail(GwRequest *request)
{
    reply_list(request, detail, LISTED, "os-hypervisors/detail");
}

/* NULL with a fault: 400 for what is no id, 404 for one that no host has. */
static GwHostView *find_one(GwRequest *request)
{
    const char *id = request->args[0];
    if (request->minor >= 53 && !gw_uuid_is_valid(id)) {
        gw_reply_fault(request, 400, "Invalid uuid %s", id);
        return NULL;
    }
    GwHostView *found = request->minor >= 53 ? gw_engine_host_by_uuid(request->engine, id) : NULL;
    if (found)
        return found;
    g_autoptr(GPtrArray) hosts = gw_engine_hosts(request->engine);
    for (guint i = 0; request->minor < 53 && i < hosts->len; i++)
        if (has_id(request, hosts->pdata[i], id))
            return g_ptr_array_steal_index(hosts, i);
    gw_reply_fault(request, 404, "Hypervisor with ID '%s' could not be found.", id);
    return NULL;
}

void gw_hypervisors_show(GwRequest *request)
{
    static const GwQueryRule show_rules[] = {{"with_servers", GW_QUERY_BOOLEAN, 53}};
    if (!GW_QUERY_CHECK(request, show_rules, 53))
        return;
    g_autoptr(GwHostView) view = find_one(request);
    if (view)
        gw_reply_named(request, 200, "hypervisor", GW_VIEW(request, detail, view));
}

/* As in Nova with a driver that cannot tell: clients leave the line out. */
void gw_hypervisors_uptime(GwRequest *request)
{
    g_autoptr(GwHostView) view = find_one(request);
    if (view)
        gw_reply_fault(request, 501, "Hypervisors do not tell Godwit how long %s has been up.", view->row->name);
}

void gw_hypervisors_search(GwRequest *request)
{
    g_autoptr(GPtrArray) hosts = find_matching(request, request->args[0]);
    if (hosts)
        gw_reply_named(request, 200, "hypervisors", GW_VIEW_LIST(request, search_fields, hosts));
}

void gw_hypervisors_servers(GwRequest *request)
{
    g_autoptr(GPtrArray) hosts = find_matching(request, request->args[0]);
    if (hosts)
        gw_reply_named(request, 200, "hypervisors", GW_VIEW_LIST(request, with_servers, hosts));
}

/* ---- all together; until 2.87 */

static void add_host(const GwHostView *view, GwCapacity *sum)
{
    GwCapacity capacity = gw_capacity_of(view);
    sum->cpus += capacity.cpus;
    sum->cpus_used += capacity.cpus_used;
    sum->memory_mib += capacity.memory_mib;
    sum->memory_free_mib += capacity.memory_free_mib;
    sum->disk_gib += capacity.disk_gib;
    sum->disk_free_gib += capacity.disk_free_gib;
}

static json_t *statistics(const GwCapacity *sum, gint64 count, gint64 running_vms)
{
    return json_pack("{s:I,s:I,s:i,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "count", (json_int_t)count, "running_vms",
                     (json_int_t)running_vms, "current_workload", 0, "vcpus", gw_json_count(sum->cpus), "vcpus_used",
                     gw_json_count(sum->cpus_used), "memory_mb", gw_json_count(sum->memory_mib), "memory_mb_used",
                     gw_json_count(sum->memory_mib - sum->memory_free_mib), "free_ram_mb",
                     gw_json_count(sum->memory_free_mib), "local_gb", gw_json_count(sum->disk_gib), "local_gb_used",
                     gw_json_count(sum->disk_gib - sum->disk_free_gib), "free_disk_gb",
                     gw_json_count(sum->disk_free_gib), "disk_available_least", gw_json_count(sum->disk_free_gib));
}

void gw_hypervisors_statistics(GwRequest *request)
{
    if (request->minor > 87) {
        gw_reply_fault(request, 404, "The resource could not be found.");
        return;
    }
    GwCapacity sum = {0};
    gint64 count = 0, running_vms = 0;
    g_autoptr(GPtrArray) hosts = gw_engine_hosts(request->engine);
    for (guint i = 0; i < hosts->len; i++) {
        const GwHostView *view = hosts->pdata[i];
        if (!view->row->enabled) /* they do not count, as in Nova */
            continue;
        add_host(view, &sum);
        running_vms += view->running;
        count++;
    }
    gw_reply_named(request, 200, "hypervisor_statistics", statistics(&sum, count, running_vms));
}
