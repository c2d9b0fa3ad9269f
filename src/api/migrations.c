/* Migrations as the Compute API shows them: os-migrations (all, also ended) and servers/{id}/migrations (live ones under way).
 * Unlike in Nova, one in post-copy is under way. */
#include "api/request.h"

#include <string.h>

/* Nova's migration_type of a cold move is "migration". */

static gboolean is_under_way(const GwMigration *row)
{
    unsigned traits = gw_migration_state_traits(row->state);
    return row->kind == GW_MOVE_LIVE && !(traits & (GW_TRAIT_FINAL | GW_TRAIT_RESTING));
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static void add_versioned(GwRequest *request, json_t *out, const GwMigration *row)
{
    if (request->minor >= 59)
        json_object_set_new(out, "uuid", json_string(row->uuid));
    if (request->minor >= 80) {
        json_object_set_new(out, "user_id", text_or_null(row->user_id));
        json_object_set_new(out, "project_id", text_or_null(row->project_id));
    }
}

static void add_common(json_t *out, const GwMigration *row)
{
    json_object_set_new(out, "id", json_integer(row->id));
    json_object_set_new(out, "status", json_string(gw_migration_state_status(row->state, row->kind)));
    json_object_set_new(out, "source_compute", text_or_null(row->source));
    json_object_set_new(out, "source_node", text_or_null(row->source));
    json_object_set_new(out, "dest_compute", text_or_null(row->dest));
    json_object_set_new(out, "dest_node", text_or_null(row->dest));
    json_object_set_new(out, "dest_host", json_null());
    json_object_set_new(out, "created_at", gw_format_time_micro(row->created_us));
    json_object_set_new(out, "updated_at", gw_format_time_micro(row->updated_us));
}

static json_t *list_row(GwRequest *request, const GwMigration *row)
{
    json_t *out = json_object();
    add_common(out, row);
    json_object_set_new(out, "instance_uuid", json_string(row->instance_uuid));
    json_object_set_new(out, "old_instance_type_id", json_integer(1));
    json_object_set_new(out, "new_instance_type_id", json_integer(1));
    if (request->minor >= 23) {
        json_object_set_new(out, "migration_type", json_string(gw_move_kind_name(row->kind)));
        if (is_under_way(row)) {
            g_autofree char *root = gw_request_root(request);
            g_autofree char *base = gw_request_base(request);
            g_autofree char *kind = g_strdup_printf("servers/%s/migrations", row->instance_uuid);
            g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, row->id);
            json_object_set_new(out, "links", gw_links(root, base, kind, id));
        }
    }
    add_versioned(request, out, row);
    return out;
}

static json_t *server_row(GwRequest *request, const GwMigration *row)
{
    const GwProgress *p = &row->progress;
    json_t *out = json_object();
    add_common(out, row);
    json_object_set_new(out, "server_uuid", json_string(row->instance_uuid));
    const struct {
        const char *name;
        guint64 value;
    } counters[] = {{"memory_total_bytes", p->memory_total}, {"memory_processed_bytes", p->memory_processed},
                    {"memory_remaining_bytes", p->memory_remaining}, {"disk_total_bytes", p->disk_total},
                    {"disk_processed_bytes", p->disk_processed}, {"disk_remaining_bytes", p->disk_remaining}};
    for (guint i = 0; i < G_N_ELEMENTS(counters); i++)
        json_object_set_new(out, counters[i].name, json_integer((json_int_t)counters[i].value));
    add_versioned(request, out, row);
    return out;
}

/* ---- os-migrations */

/* From 2.59 on unknown parameters are refused; before, they were ignored. */
static gboolean check_params(GwRequest *request)
{
    static const char *const known[] = {"host", "source_compute", "instance_uuid", "status", "migration_type", "hidden",
                                        "limit", "marker", "changes-since", "changes-before", "user_id", "project_id", NULL};
    if (request->minor < 59)
        return TRUE;
    g_auto(GStrv) parts = g_strsplit(request->query, "&", -1);
    for (guint i = 0; parts[i]; i++) {
        g_auto(GStrv) pair = g_strsplit(parts[i], "=", 2);
        gboolean too_new = pair[0] && ((request->minor < 66 && strcmp(pair[0], "changes-before") == 0) ||
                                       (request->minor < 80 && g_str_has_suffix(pair[0], "_id")));
        if (*parts[i] && (too_new || !g_strv_contains(known, pair[0]))) {
            gw_reply_fault(request, 400, "Additional properties are not allowed ('%s' was unexpected)", pair[0]);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean read_time(GwRequest *request, const char *name, gint64 *ret_us)
{
    const char *text = gw_request_param(request, name);
    if (!text || gw_parse_time(text, ret_us))
        return TRUE;
    gw_reply_fault(request, 400, "Invalid input for query parameters %s. Value: %s. It is no ISO 8601 time.", name, text);
    return FALSE;
}

static gboolean read_paging(GwRequest *request, GwMigrationQuery *query, guint *ret_limit)
{
    const char *limit = gw_request_param(request, "limit");
    const char *marker = gw_request_param(request, "marker");
    guint64 number = 1000;
    if (request->minor < 59)
        return TRUE;
    if (limit && !g_ascii_string_to_unsigned(limit, 10, 0, G_MAXINT, &number, NULL)) {
        gw_reply_fault(request, 400, "Invalid input for query parameters limit. Value: %s. It is no non-negative integer.", limit);
        return FALSE;
    }
    *ret_limit = query->limit = (guint)MIN(number, 1000);
    if (!marker)
        return TRUE;
    GwMigrationQuery find = {.uuid = marker};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_engine_migrations(request->engine, &find, &rows, NULL) || !rows->len) {
        gw_reply_fault(request, 400, "Marker %s could not be found.", marker);
        return FALSE;
    }
    query->after_id = ((GwMigration *)rows->pdata[0])->id;
    return TRUE;
}

static gboolean read_query(GwRequest *request, GwMigrationQuery *query, guint *ret_limit)
{
    query->host = gw_request_param(request, "host");
    query->source = gw_request_param(request, "source_compute");
    query->instance_uuid = gw_request_param(request, "instance_uuid");
    query->status = gw_request_param(request, "status");
    query->kind = gw_request_param(request, "migration_type");
    if (!check_params(request) || !read_paging(request, query, ret_limit))
        return FALSE;
    if ((request->minor >= 59 && !read_time(request, "changes-since", &query->changes_since_us)) ||
        (request->minor >= 66 && !read_time(request, "changes-before", &query->changes_before_us)))
        return FALSE;
    if (query->changes_before_us && query->changes_before_us < query->changes_since_us) {
        gw_reply_fault(request, 400, "The value of changes-since must be less than or equal to changes-before.");
        return FALSE;
    }
    return TRUE;
}

void gw_migrations_list(GwRequest *request)
{
    GwMigrationQuery query = {0};
    guint limit = 0;
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    if (!read_query(request, &query, &limit))
        return;
    if (request->minor >= 59 && limit == 0) { /* "limit=0" is an empty page; for the store it would be no limit */
        gw_reply_json(request, 200, json_pack("{s:[]}", "migrations"));
        return;
    }
    if (!gw_engine_migrations(request->engine, &query, &rows, &error)) {
        gw_reply_error(request, error);
        return;
    }
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++)
        json_array_append_new(list, list_row(request, rows->pdata[i]));
    json_t *body = json_pack("{s:o}", "migrations", list);
    if (limit && rows->len == limit) {
        g_autofree char *root = gw_request_root(request);
        g_autofree char *href = g_strdup_printf("%s/os-migrations?limit=%u&marker=%s", root, limit,
                                                ((GwMigration *)rows->pdata[rows->len - 1])->uuid);
        json_object_set_new(body, "migrations_links", json_pack("[{s:s,s:s}]", "rel", "next", "href", href));
    }
    gw_reply_json(request, 200, body);
}

/* ---- servers/{id}/migrations */

static gboolean check_server(GwRequest *request)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(request->engine, request->args[0]);
    if (!view)
        gw_reply_fault(request, 404, "Instance %s could not be found.", request->args[0]);
    return view != NULL;
}

void gw_server_migrations_list(GwRequest *request)
{
    GwMigrationQuery query = {.instance_uuid = request->args[0], .unfinished_only = TRUE};
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    if (!check_server(request))
        return;
    if (!gw_engine_migrations(request->engine, &query, &rows, &error)) {
        gw_reply_error(request, error);
        return;
    }
    json_t *list = json_array();
    for (guint i = 0; i < rows->len; i++)
        if (is_under_way(rows->pdata[i]))
            json_array_append_new(list, server_row(request, rows->pdata[i]));
    gw_reply_json(request, 200, json_pack("{s:o}", "migrations", list));
}

static gboolean read_id(GwRequest *request, gint64 *ret_id)
{
    guint64 id = 0;
    if (g_ascii_string_to_unsigned(request->args[1], 10, 1, G_MAXINT64, &id, NULL)) {
        *ret_id = (gint64)id;
        return TRUE;
    }
    gw_reply_fault(request, 404, "In-progress live migration %s is not found for server %s.", request->args[1], request->args[0]);
    return FALSE;
}

void gw_server_migrations_show(GwRequest *request)
{
    gint64 id;
    g_autoptr(GPtrArray) rows = NULL;
    if (!check_server(request) || !read_id(request, &id))
        return;
    GwMigrationQuery query = {.id = id, .instance_uuid = request->args[0]};
    const GwMigration *row =
        gw_engine_migrations(request->engine, &query, &rows, NULL) && rows->len ? rows->pdata[0] : NULL;
    if (!row)
        gw_reply_fault(request, 404, "In-progress live migration %" G_GINT64_FORMAT " is not found for server %s.", id,
                       request->args[0]);
    else if (row->kind != GW_MOVE_LIVE)
        gw_reply_fault(request, 404, "Live migration %" G_GINT64_FORMAT " for server %s is not live-migration.", id,
                       request->args[0]);
    else if (!is_under_way(row))
        gw_reply_fault(request, 404, "Live migration %" G_GINT64_FORMAT " for server %s is not in progress.", id,
                       request->args[0]);
    else
        gw_reply_json(request, 200, json_pack("{s:o}", "migration", server_row(request, row)));
}

static void steer(GwRequest *request, gboolean (*call)(GwEngine *, const GwMoveRequest *, gint64, GError **))
{
    gint64 id;
    g_autoptr(GError) error = NULL;
    GwMoveRequest move = {.instance_uuid = request->args[0], .request_id = request->request_id, .user_id = "admin",
                          .project_id = request->project ? request->project : "admin"};
    if (!check_server(request) || !read_id(request, &id))
        return;
    if (call(request->engine, &move, id, &error))
        gw_reply_empty(request, 202);
    else
        gw_reply_error(request, error);
}

void gw_server_migrations_action(GwRequest *request)
{
    g_autoptr(json_t) body = gw_request_object(request);
    if (!body)
        return;
    if (json_object_size(body) != 1 || !json_object_get(body, "force_complete"))
        gw_reply_fault(request, 400, "There is no such action: %s",
                       json_object_size(body) ? json_object_iter_key(json_object_iter(body)) : "(none)");
    else if (!json_is_null(json_object_get(body, "force_complete")))
        gw_reply_fault(request, 400, "Invalid input for field/attribute force_complete. null is expected.");
    else
        steer(request, gw_engine_force_complete);
}

void gw_server_migrations_abort(GwRequest *request)
{
    steer(request, gw_engine_abort);
}
