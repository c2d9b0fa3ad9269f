/* Finding migrations: a query becomes one SELECT with the conditions that were given, and no others, so that each
 * uses its index. */
#include "store/migrations.h"

#include "base/error.h"

enum { PARAMS_MAX = 16 };

typedef struct {
    GString *sql;
    GwParam params[PARAMS_MAX];
    guint count;
} Select;

static void where(Select *select, const char *condition, GwParam param)
{
    g_assert(select->count < PARAMS_MAX);
    select->params[select->count++] = param;
    g_string_append_printf(select->sql, " AND %s $%u", condition, select->count);
}

static void where_text(Select *select, const char *condition, const char *text)
{
    if (text)
        where(select, condition, gw_param_text(text));
}

static void where_integer(Select *select, const char *condition, gint64 integer)
{
    if (integer)
        where(select, condition, gw_param_integer(integer));
}

static void where_host(Select *select, const char *host)
{
    if (!host)
        return;
    where(select, "(m.source =", gw_param_text(host));
    g_string_append_printf(select->sql, " OR m.dest = $%u)", select->count);
}

/* Nova's word is not stored: it is what the state of a kind is called, so its meaning cannot age in the database. */
static void where_status(Select *select, const char *status)
{
    if (!status)
        return;
    g_string_append(select->sql, " AND (1 = 0");
    for (GwMoveKind kind = GW_MOVE_LIVE; kind < GW_MOVE_KINDS; kind++)
        for (GwMigrationState state = 0; state < GW_MIGRATION_STATE_COUNT; state++)
            if (g_strcmp0(gw_migration_state_status(state, kind), status) == 0)
                g_string_append_printf(select->sql, " OR (m.kind = '%s' AND m.state = '%s')", gw_move_kind_name(kind),
                                       gw_migration_state_name(state));
    g_string_append_c(select->sql, ')');
}

static void build(Select *select, const GwMigrationQuery *query)
{
    g_string_append(select->sql, "SELECT ");
    gw_fields_append_names(select->sql, gw_migration_fields, GW_MIGRATION_FIELD_COUNT, "m.");
    g_string_append(select->sql, query->without_plans ? ", NULL" : ", p.value");
    g_string_append(select->sql, query->without_forecasts ? ", NULL" : ", f.value");
    g_string_append(select->sql, ", r.value, r.flavor, r.was FROM migrations m LEFT JOIN resizes r ON r.migration_id = m.id");
    if (!query->without_plans)
        g_string_append(select->sql, " LEFT JOIN plans p ON p.migration_id = m.id");
    if (!query->without_forecasts)
        g_string_append(select->sql, " LEFT JOIN forecasts f ON f.migration_id = m.id");
    g_string_append(select->sql, " WHERE 1 = 1");
    where_integer(select, "m.id =", query->id);
    where_text(select, "m.uuid =", query->uuid);
    where_text(select, "m.instance_uuid =", query->instance_uuid);
    where_text(select, "m.source =", query->source);
    where_text(select, "m.dest =", query->dest);
    where_text(select, "m.kind =", query->kind);
    where_text(select, "m.state =", query->state);
    where_text(select, "m.user_id =", query->user_id);
    where_text(select, "m.project_id =", query->project_id);
    where_host(select, query->host);
    where_status(select, query->status);
    if (query->unfinished_only)
        g_string_append(select->sql, " AND m.final = 0");
    where_integer(select, "m.updated_us >=", query->changes_since_us);
    where_integer(select, "m.updated_us <=", query->changes_before_us);
    where_integer(select, "m.id <", query->after_id);
    g_string_append(select->sql, " ORDER BY m.id DESC");
    if (query->limit) {
        select->params[select->count++] = gw_param_integer(query->limit);
        g_string_append_printf(select->sql, " LIMIT $%u", select->count);
    }
}

static gboolean read_flavor(GwResult *result, GwMigration *migration, GError **error)
{
    const guint first = GW_MIGRATION_FIELD_COUNT + 2;
    const char *value = gw_result_text(result, first);
    if (!value)
        return TRUE;
    migration->flavor = gw_codec_flavor_from_text(value, error);
    if (!migration->flavor)
        return FALSE;
    migration->flavor->id = gw_result_integer(result, first + 1);
    migration->flavor_was = gw_result_integer(result, first + 2);
    return TRUE;
}

static GwMigration *read_row(GwResult *result, GError **error)
{
    g_autoptr(GwMigration) migration = gw_migration_new();
    const char *plan = gw_result_text(result, GW_MIGRATION_FIELD_COUNT);
    const char *forecast = gw_result_text(result, GW_MIGRATION_FIELD_COUNT + 1);
    if (!gw_fields_read(gw_migration_fields, GW_MIGRATION_FIELD_COUNT, result, migration, error) ||
        (plan && !(migration->plan = gw_codec_plan_from_text(plan, error))) ||
        (forecast && !(migration->forecast = gw_codec_forecast_from_text(forecast, error))) || !read_flavor(result, migration, error)) {
        gw_error_prefix(error, "migration %" G_GINT64_FORMAT, gw_result_integer(result, 0));
        return NULL;
    }
    return g_steal_pointer(&migration);
}

static GPtrArray *read_rows(GwResult *result, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    for (;;) {
        gboolean more;
        if (!gw_result_next(result, &more, error))
            return NULL;
        if (!more)
            return g_steal_pointer(&rows);
        GwMigration *row = read_row(result, error);
        if (!row)
            return NULL;
        g_ptr_array_add(rows, row);
    }
}

GPtrArray *gw_migrations_read(GwSession *session, const GwMigrationQuery *query, GError **error)
{
    g_autoptr(GString) sql = g_string_new(NULL);
    Select select = {.sql = sql};
    build(&select, query);
    g_autoptr(GwResult) result = gw_session_query(session, sql->str, select.params, select.count, error);
    return result ? read_rows(result, error) : NULL;
}

gboolean gw_store_migrations(GwStore *store, const GwMigrationQuery *query, GPtrArray **ret_rows, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    GPtrArray *rows = session ? gw_migrations_read(session, query, error) : NULL;
    if (!rows)
        return FALSE;
    *ret_rows = rows;
    return TRUE;
}
