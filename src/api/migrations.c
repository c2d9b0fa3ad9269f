/* GET os-migrations: every migration, also those that have ended. */
#include "api/handlers.h"
#include "api/migration_view.h"
#include "api/query.h"

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

static void reply_page(GwRequest *request, const GPtrArray *rows, guint limit)
{
    json_t *list = json_array();
    json_t *body = json_object();
    gboolean more = limit && rows->len == limit;
    const char *marker = more ? ((const GwMigration *)rows->pdata[limit - 1])->uuid : NULL;
    for (guint i = 0; i < rows->len; i++)
        json_array_append_new(list, gw_migration_row(request, rows->pdata[i]));
    json_object_set_new(body, "migrations", list);
    if (more)
        json_object_set_new(body, "migrations_links", gw_query_next(request, "os-migrations", marker));
    gw_reply_json(request, 200, body);
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
