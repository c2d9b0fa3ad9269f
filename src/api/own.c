/* Godwit's own resources: hosts, and migrations with everything that Nova's rows leave out. */
#include "api/request.h"

#include "core/sight.h"

#include <string.h>

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static void set(json_t *out, const char *key, json_t *value)
{
    json_object_set_new(out, key, value);
}

/* ---- hosts */

static json_t *version_text(guint64 version)
{
    if (!version)
        return json_null();
    g_autofree char *text = g_strdup_printf("%u.%u.%u", (guint)(version / 1000000), (guint)(version / 1000 % 1000),
                                            (guint)(version % 1000));
    return json_string(text);
}

static json_t *host_view(const GwHostView *view)
{
    const GwHostFacts *facts = view->facts;
    json_t *out = json_object();
    set(out, "id", json_integer(view->row->id));
    set(out, "uuid", json_string(view->row->uuid));
    set(out, "name", json_string(view->row->name));
    set(out, "uri", json_string(view->row->uri));
    set(out, "state", json_string(view->up ? "up" : "down"));
    set(out, "down_reason", text_or_null(view->up ? NULL : view->down_reason));
    set(out, "status", json_string(view->row->enabled ? "enabled" : "disabled"));
    set(out, "disabled_reason", text_or_null(view->row->disabled_reason));
    set(out, "seen_at", gw_format_time_z(view->seen_us));
    set(out, "hostname", text_or_null(facts ? facts->hostname : NULL));
    set(out, "hypervisor_type", text_or_null(facts ? facts->hypervisor_type : NULL));
    set(out, "hypervisor_version", version_text(facts ? facts->hypervisor_version : 0));
    set(out, "library_version", version_text(facts ? facts->library_version : 0));
    set(out, "arch", text_or_null(facts ? facts->arch : NULL));
    set(out, "cpus", json_integer(facts ? facts->cpus : 0));
    set(out, "memory_mib", json_integer(facts ? (json_int_t)facts->memory_mib : 0));
    set(out, "memory_free_mib", json_integer(facts ? (json_int_t)facts->memory_free_mib : 0));
    set(out, "instances", json_integer(view->instances));
    set(out, "running", json_integer(view->running));
    return out;
}

void gw_own_hosts_list(GwRequest *request)
{
    g_autoptr(GPtrArray) views = gw_engine_hosts(request->engine);
    json_t *list = json_array();
    for (guint i = 0; i < views->len; i++)
        json_array_append_new(list, host_view(views->pdata[i]));
    gw_reply_json(request, 200, json_pack("{s:o}", "hosts", list));
}

static void reply_host(GwRequest *request, const char *name, guint status)
{
    g_autoptr(GwHostView) view = gw_engine_host(request->engine, name);
    if (view)
        gw_reply_json(request, status, json_pack("{s:o}", "host", host_view(view)));
    else
        gw_reply_fault(request, 404, "Compute host %s could not be found.", name);
}

void gw_own_hosts_show(GwRequest *request)
{
    reply_host(request, request->args[0], 200);
}

static void added(GwRequest *request, gint64 number, const GError *error)
{
    if (error)
        gw_reply_error(request, error);
    else
        reply_host(request, request->args[0], 201);
}

static void on_done(gpointer data, const GError *error)
{
    gw_deferred_finish(data, 0, error);
}

void gw_own_hosts_add(GwRequest *request)
{
    g_autoptr(json_t) body = gw_request_object(request);
    if (!body)
        return;
    json_t *host = json_object_get(body, "host");
    const char *fields[] = {"name", "uri"};
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (!json_string_length(json_object_get(host, fields[i]))) {
            gw_reply_fault(request, 400, "Invalid input for field/attribute %s. A non-empty string is expected, as in "
                           "{\"host\": {\"name\": \"HostB\", \"uri\": \"qemu+tls://HostB/system\"}}", fields[i]);
            return;
        }
    }
    const char *name = json_string_value(json_object_get(host, "name"));
    request->args[0] = g_strdup(name);
    GwDeferred *deferred = gw_request_defer(request, added);
    gw_engine_host_add(request->engine, name, json_string_value(json_object_get(host, "uri")), on_done, deferred);
}

void gw_own_hosts_remove(GwRequest *request)
{
    g_autoptr(GError) error = NULL;
    if (gw_engine_host_remove(request->engine, request->args[0], &error))
        gw_reply_empty(request, 204);
    else
        gw_reply_error(request, error);
}

static void refreshed(GwRequest *request, gint64 number, const GError *error)
{
    if (error)
        gw_reply_error(request, error);
    else
        gw_reply_empty(request, 204);
}

void gw_own_hosts_refresh(GwRequest *request)
{
    GwDeferred *deferred = gw_request_defer(request, refreshed);
    gw_engine_refresh(request->engine, request->args[0], on_done, deferred);
}

/* ---- migrations */

static json_t *progress_view(const GwProgress *p)
{
    const struct {
        const char *name;
        guint64 value;
    } fields[] = {{"elapsed_ms", p->elapsed_ms},           {"downtime_ms", p->downtime_ms},
                  {"memory_total", p->memory_total},       {"memory_processed", p->memory_processed},
                  {"memory_remaining", p->memory_remaining}, {"disk_total", p->disk_total},
                  {"disk_processed", p->disk_processed},   {"disk_remaining", p->disk_remaining},
                  {"memory_bps", p->memory_bps},           {"dirty_bps", p->dirty_bps},
                  {"iteration", p->iteration},             {"throttle_percent", p->throttle_percent}};
    json_t *out = json_object();
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
        set(out, fields[i].name, json_integer((json_int_t)fields[i].value));
    return out;
}

static json_t *migration_view(const GwMigration *row)
{
    gboolean final = (gw_migration_state_traits(row->state) & GW_TRAIT_FINAL) != 0;
    json_t *out = json_object();
    set(out, "id", json_integer(row->id));
    set(out, "uuid", json_string(row->uuid));
    set(out, "instance_uuid", json_string(row->instance_uuid));
    set(out, "instance_name", text_or_null(row->instance_name));
    set(out, "kind", json_string(gw_move_kind_name(row->kind)));
    set(out, "state", json_string(gw_migration_state_name(row->state)));
    set(out, "status", json_string(gw_migration_state_status(row->state, row->kind)));
    set(out, "final", json_boolean(final));
    set(out, "source", text_or_null(row->source));
    set(out, "dest", text_or_null(row->dest));
    set(out, "reason", text_or_null(row->reason));
    set(out, "request_id", text_or_null(row->request_id));
    set(out, "created_at", gw_format_time_micro(row->created_us));
    set(out, "started_at", gw_format_time_micro(row->started_us));
    set(out, "ended_at", gw_format_time_micro(row->ended_us));
    set(out, "updated_at", gw_format_time_micro(row->updated_us));
    set(out, "total_ms", row->ended_us ? json_integer((row->ended_us - row->created_us) / 1000) : json_null());
    set(out, "progress", progress_view(&row->progress));
    return out;
}

void gw_own_migrations_list(GwRequest *request)
{
    const char *limit = gw_request_param(request, "limit");
    guint64 number = 100;
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    if (limit && !g_ascii_string_to_unsigned(limit, 10, 1, 1000, &number, NULL)) {
        gw_reply_fault(request, 400, "Invalid input for query parameters limit. Value: %s. A number from 1 to 1000 is expected.", limit);
        return;
    }
    GwMigrationQuery query = {.instance_uuid = gw_request_param(request, "instance_uuid"),
                              .host = gw_request_param(request, "host"),
                              .status = gw_request_param(request, "status"),
                              .limit = (guint)number};
    if (!gw_engine_migrations(request->engine, &query, &rows, &error)) {
        gw_reply_error(request, error);
        return;
    }
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++)
        json_array_append_new(list, migration_view(rows->pdata[i]));
    gw_reply_json(request, 200, json_pack("{s:o}", "migrations", list));
}

void gw_own_migrations_show(GwRequest *request)
{
    const char *key = request->args[0];
    guint64 id = 0;
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    gboolean by_id = g_ascii_string_to_unsigned(key, 10, 1, G_MAXINT64, &id, NULL);
    GwMigrationQuery query = {.id = (gint64)id, .uuid = by_id ? NULL : key};
    if (!gw_engine_migrations(request->engine, &query, &rows, &error))
        gw_reply_error(request, error);
    else if (!rows->len)
        gw_reply_fault(request, 404, "Migration %s could not be found.", key);
    else
        gw_reply_json(request, 200, json_pack("{s:o}", "migration", migration_view(rows->pdata[0])));
}
