/* Godwit's own migrations: everything that is known of each, also what Nova's rows leave out. */
#include "api/forecast_view.h"
#include "api/handlers.h"
#include "api/migration_view.h"
#include "api/query.h"
#include "api/view.h"

#include "core/overrides.h"

#define FIELD(name) static json_t *name(GwRequest *request, gconstpointer row)
#define ROW ((const GwMigration *)row)
#define TEXT(name, value)                                                                                              \
    FIELD(name)                                                                                                        \
    {                                                                                                                  \
        return gw_json_text(value);                                                                                    \
    }
#define TIME(name, value)                                                                                              \
    FIELD(name)                                                                                                        \
    {                                                                                                                  \
        return gw_json_time_micro(value);                                                                              \
    }

FIELD(id)
{
    return json_integer(ROW->id);
}

TEXT(uuid, ROW->uuid)
TEXT(instance_uuid, ROW->instance_uuid)
TEXT(instance_name, ROW->instance_name)
TEXT(kind, gw_move_kind_name(ROW->kind))
TEXT(state, gw_migration_state_name(ROW->state))
TEXT(status, gw_migration_state_status(ROW->state, ROW->kind))
TEXT(source, ROW->source)
TEXT(dest, ROW->dest)
TEXT(reason, ROW->reason)
TEXT(waits_for, gw_migration_silent_host(ROW))
TEXT(request_id, ROW->request_id)
TIME(created, ROW->created_us)
TIME(started, ROW->started_us)
TIME(ended, ROW->ended_us)
TIME(updated, ROW->updated_us)

FIELD(final)
{
    return json_boolean(gw_migration_state_traits(ROW->state) & GW_TRAIT_FINAL);
}

FIELD(total)
{
    return ROW->ended_us ? json_integer((ROW->ended_us - ROW->created_us) / 1000) : json_null();
}

/* From the request until its turn came. */
FIELD(waited)
{
    return ROW->started_us ? json_integer(MAX(ROW->started_us - ROW->created_us, 0) / 1000) : json_null();
}

/* Only what is read with its plan says it. */
FIELD(disks_copied)
{
    return ROW->plan ? json_boolean(gw_plan_copies_disks(ROW->plan)) : json_null();
}

/* Likewise. */
TEXT(policy, ROW->plan ? ROW->plan->policy : NULL)
TEXT(rung, ROW->rung == GW_TAKEN_NONE ? NULL : gw_taken_name(ROW->rung))
TEXT(rung_reason, ROW->rung_reason)

FIELD(progress)
{
    const GwProgress *p = &ROW->progress;
    const struct {
        const char *name;
        guint64 value;
    } figures[] = {
        {"elapsed_ms", p->elapsed_ms},
        {"downtime_ms", gw_migration_downtime_ms(ROW)},
        {"memory_total", p->memory_total},
        {"memory_processed", p->memory_processed},
        {"memory_remaining", p->memory_remaining},
        {"disk_total", p->disk_total},
        {"disk_processed", p->disk_processed},
        {"disk_remaining", p->disk_remaining},
        {"memory_bps", p->memory_bps},
        {"dirty_bps", p->dirty_bps},
        {"iteration", p->iteration},
        {"throttle_percent", p->throttle_percent},
    };
    json_t *out = json_object();
    for (guint i = 0; i < G_N_ELEMENTS(figures); i++)
        json_object_set_new(out, figures[i].name, gw_json_count(figures[i].value));
    return out;
}

FIELD(options)
{
    g_autoptr(GPtrArray) own = gw_overrides_parse(ROW->options);
    json_t *out = json_object();
    for (guint i = 0; i < own->len; i++) {
        const GwMetadatum *option = own->pdata[i];
        json_object_set_new(out, option->key, gw_json_text(option->value));
    }
    return out;
}

FIELD(prediction)
{
    return gw_json_forecast(ROW->forecast);
}

static const GwField fields[] = {
    {"id", id},
    {"uuid", uuid},
    {"instance_uuid", instance_uuid},
    {"instance_name", instance_name},
    {"kind", kind},
    {"state", state},
    {"status", status},
    {"final", final},
    {"source", source},
    {"dest", dest},
    {"reason", reason},
    {"waits_for", waits_for},
    {"request_id", request_id},
    {"created_at", created},
    {"started_at", started},
    {"ended_at", ended},
    {"updated_at", updated},
    {"total_ms", total},
    {"waited_ms", waited},
    {"disks_copied", disks_copied},
    {"policy", policy},
    {"options", options},
    {"rung", rung},
    {"rung_reason", rung_reason},
    {"progress", progress},
    {"prediction", prediction},
};

json_t *gw_own_migration_row(GwRequest *request, const GwMigration *row)
{
    return GW_VIEW(request, fields, row);
}

/* ---- handlers */

static const GwQueryRule rules[] = {
    {"instance_uuid", GW_QUERY_TEXT},
    {"host", GW_QUERY_TEXT},
    {"status", GW_QUERY_TEXT},
    {"unfinished", GW_QUERY_BOOLEAN},
    {"limit", GW_QUERY_NUMBER},
};

enum { DEFAULT_LIMIT = 100 };

static gboolean check_status(GwRequest *request)
{
    const char *status = gw_query_text(request, "status");
    g_auto(GStrv) known = gw_migration_statuses();
    if (!status || g_strv_contains((const char *const *)known, status))
        return TRUE;
    g_autofree char *words = g_strjoinv(", ", known);
    gw_reply_fault(request, 400, "Invalid status value: status is '%s', and must be one of %s", status, words);
    return FALSE;
}

void gw_own_migrations_list(GwRequest *request)
{
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    if (!GW_QUERY_CHECK(request, rules, 1) || !check_status(request))
        return;
    GwMigrationQuery query = {
        .without_plans = TRUE,
        .instance_uuid = gw_query_text(request, "instance_uuid"),
        .host = gw_query_text(request, "host"),
        .status = gw_query_text(request, "status"),
        .unfinished_only = gw_query_is_true(request, "unfinished"),
        .limit = gw_query_text(request, "limit") ? gw_query_limit(request) : DEFAULT_LIMIT,
    };
    if (query.limit == 0) /* for the store that would be no limit */
        gw_reply_named(request, 200, "migrations", json_array());
    else if (gw_engine_migrations(request->engine, &query, &rows, &error))
        gw_reply_named(request, 200, "migrations", GW_VIEW_LIST(request, fields, rows));
    else
        gw_reply_error(request, error);
}

/* By number or by UUID. */
void gw_own_migrations_show(GwRequest *request)
{
    const char *key = request->args[0];
    guint64 number = 0;
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    gboolean by_number = g_ascii_string_to_unsigned(key, 10, 1, G_MAXINT64, &number, NULL);
    GwMigrationQuery query = {.id = (gint64)number, .uuid = by_number ? NULL : key};
    if (!gw_engine_migrations(request->engine, &query, &rows, &error))
        gw_reply_error(request, error);
    else if (rows->len)
        gw_reply_named(request, 200, "migration", GW_VIEW(request, fields, rows->pdata[0]));
    else
        gw_reply_fault(request, 404, "Migration %s could not be found.", key);
}
