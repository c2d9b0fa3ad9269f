/* GET os-migrations: every migration, also those that have ended. */
#include "api/handlers.h"
#include "api/migration_view.h"
#include "api/query.h"

#include <stdlib.h>
#include <string.h>

/* nova/api/openstack/compute/schemas/migrations.py. Until 2.58 there are no pages: all rows come. */
static const GwQueryRule rules[] = {
    {"hidden", GW_QUERY_TEXT},
    {"host", GW_QUERY_TEXT},
    {"instance_uuid", GW_QUERY_TEXT},
    {"source_compute", GW_QUERY_TEXT},
    {"status", GW_QUERY_TEXT},
    {"migration_type", GW_QUERY_TEXT},
    {"limit", GW_QUERY_NUMBER, 59},
    {"marker", GW_QUERY_TEXT, 59},
    {"changes-since", GW_QUERY_TIME, 59},
    {"changes-before", GW_QUERY_TIME, 66},
    {"user_id", GW_QUERY_TEXT, 80},
    {"project_id", GW_QUERY_TEXT, 80},
};

enum { PAGED_SINCE = 59 };

static gboolean find_marker(GwRequest *request, gint64 *ret_id)
{
    const char *marker = gw_query_text(request, "marker");
    if (!marker)
        return TRUE;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) rows = NULL;
    GwMigrationQuery query = {.uuid = marker, .without_plans = TRUE, .without_forecasts = TRUE};
    if (!gw_engine_migrations(request->engine, &query, &rows, &error))
        gw_reply_error(request, error);
    else if (!rows->len)
        gw_reply_fault(request, 400, "Marker %s could not be found.", marker);
    else
        *ret_id = ((const GwMigration *)rows->pdata[0])->id;
    return *ret_id != 0;
}

/* What is written raises the version, or, where that is an intent, the time of the last change. */
static guint64 serial_of(const GwMigration *row)
{
    return (guint64)row->updated_us * 1000003 + row->version;
}

/* One row as text, kept until it changes: those who poll the list see most rows again. */
static void append_row(GwRequest *request, GString *out, const GwMigration *row)
{
    gsize size;
    g_autofree char *key = g_strdup_printf("os-migrations %u %s %s", request->minor, gw_request_root(request), row->uuid);
    g_autoptr(GBytes) text = gw_cache_find(request->shared->servers, key, serial_of(row));
    if (!text) {
        g_autoptr(json_t) json = gw_migration_row(request, row);
        char *dumped = json_dumps(json, JSON_COMPACT);
        text = g_bytes_new_with_free_func(dumped, strlen(dumped), free, dumped);
        gw_cache_put(request->shared->servers, key, serial_of(row), text);
    }
    const char *data = g_bytes_get_data(text, &size);
    g_string_append_len(out, data, (gssize)size);
}

static void append_next(GwRequest *request, GString *out, const GwMigration *last)
{
    g_autoptr(json_t) links = gw_query_next(request, "os-migrations", last->uuid);
    char *dumped = json_dumps(links, JSON_COMPACT);
    g_string_append_printf(out, ",\"migrations_links\":%s", dumped);
    free(dumped);
}

static void reply_page(GwRequest *request, const GPtrArray *rows, guint limit)
{
    GString *out = g_string_sized_new(64 + rows->len * 700);
    g_string_append(out, "{\"migrations\":[");
    for (guint i = 0; i < rows->len; i++) {
        if (i)
            g_string_append_c(out, ',');
        append_row(request, out, rows->pdata[i]);
    }
    g_string_append_c(out, ']');
    if (limit && rows->len == limit)
        append_next(request, out, rows->pdata[limit - 1]);
    g_string_append_c(out, '}');
    gw_reply_bytes(request, 200, g_string_free_to_bytes(out));
}

void gw_migrations_list(GwRequest *request)
{
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    GwMigrationQuery query = {.without_plans = TRUE, .without_forecasts = TRUE};
    if (!GW_QUERY_CHECK(request, rules, PAGED_SINCE) || !gw_query_check_period(request) ||
        !find_marker(request, &query.after_id))
        return;
    query.limit = request->minor >= PAGED_SINCE ? gw_query_limit(request) : 0;
    query.host = gw_query_text(request, "host");
    query.source = gw_query_text(request, "source_compute");
    query.instance_uuid = gw_query_text(request, "instance_uuid");
    query.status = gw_query_text(request, "status");
    query.kind = gw_query_text(request, "migration_type");
    query.user_id = gw_query_text(request, "user_id");
    query.project_id = gw_query_text(request, "project_id");
    query.changes_since_us = gw_query_time(request, "changes-since");
    query.changes_before_us = gw_query_time(request, "changes-before");
    if (request->minor >= PAGED_SINCE && query.limit == 0) /* for the store that would be no limit */
        gw_reply_json(request, 200, json_pack("{s:[]}", "migrations"));
    else if (gw_engine_migrations(request->engine, &query, &rows, &error))
        reply_page(request, rows, query.limit);
    else
        gw_reply_error(request, error);
}
