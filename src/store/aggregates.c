/* Host aggregates, their hosts and metadata. Every change reads all of them first, in its own transaction, since Nova's rules
 * (core/aggregate.h) are about all. Hosts are known by id here: a host that is renamed stays where it is. */
#include "store/fields.h"

#include "base/error.h"

#include <string.h>

#define FIELD(type, member) GW_FIELD(GwAggregate, type, member)

static const GwField fields[] = {
    FIELD(INT64, id), FIELD(UUID, uuid), FIELD(TEXT, name), FIELD(INT64, created_us), FIELD(INT64, updated_us),
};

enum { COUNT = G_N_ELEMENTS(fields), ADDED = 1 }; /* first field that add writes */

/* ---- reading */

typedef gboolean (*ReadRow)(GwResult *result, GPtrArray *aggregates, GError **error);

static gboolean read_all(GwSession *session, const char *sql, ReadRow read, GPtrArray *aggregates, GError **error)
{
    g_autoptr(GwResult) result = gw_session_query(session, sql, NULL, 0, error);
    gboolean more = TRUE;
    if (!result)
        return FALSE;
    while (more)
        if (!gw_result_next(result, &more, error) || (more && !read(result, aggregates, error)))
            return FALSE;
    return TRUE;
}

static gboolean read_aggregate(GwResult *result, GPtrArray *aggregates, GError **error)
{
    GwAggregate *aggregate = gw_aggregate_new();
    g_ptr_array_add(aggregates, aggregate);
    return gw_fields_read(fields, COUNT, result, aggregate, error);
}

/* The aggregate that the first column names; there always is one, by the foreign key and the transaction. */
static GwAggregate *owner_of(GwResult *result, GPtrArray *aggregates)
{
    return (GwAggregate *)gw_aggregates_find(aggregates, gw_result_integer(result, 0));
}

static gboolean read_host(GwResult *result, GPtrArray *aggregates, GError **error)
{
    g_ptr_array_add(owner_of(result, aggregates)->hosts, g_strdup(gw_result_text(result, 1)));
    return TRUE;
}

static gboolean read_metadatum(GwResult *result, GPtrArray *aggregates, GError **error)
{
    gw_metadata_add(owner_of(result, aggregates)->metadata, gw_result_text(result, 1), gw_result_text(result, 2));
    return TRUE;
}

static GPtrArray *read_aggregates(GwSession *session, GError **error)
{
    g_autoptr(GPtrArray) aggregates = gw_aggregates_new();
    g_autoptr(GString) sql = g_string_new("SELECT ");
    gw_fields_append_names(sql, fields, COUNT, "");
    g_string_append(sql, " FROM aggregates ORDER BY id");
    if (read_all(session, sql->str, read_aggregate, aggregates, error) &&
        read_all(session,
                 "SELECT m.aggregate_id, h.name FROM aggregate_hosts m JOIN hosts h ON h.id = m.host_id"
                 " ORDER BY m.aggregate_id, m.added_us, h.id",
                 read_host, aggregates, error) &&
        read_all(session, "SELECT aggregate_id, key, value FROM aggregate_metadata ORDER BY aggregate_id, key",
                 read_metadatum, aggregates, error))
        return g_steal_pointer(&aggregates);
    return NULL;
}

gboolean gw_store_aggregates(GwStore *store, GPtrArray **ret_rows, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    GPtrArray *rows = session ? read_aggregates(session, error) : NULL;
    if (!rows)
        return FALSE;
    *ret_rows = rows;
    return TRUE;
}

/* ---- changing */

/* One change under way: the transaction, everything that is there, and the one that changes. */
typedef struct {
    GwSession *session;
    GPtrArray *all;
    const GwAggregate *aggregate; /* borrowed from all */
} Change;

static void change_clear(Change *change)
{
    g_clear_pointer(&change->all, g_ptr_array_unref);
    g_clear_pointer(&change->session, gw_session_end);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Change, change_clear)

/* Writing every row first makes changes wait for each other where a database would let them run side by side: two of them,
 * each right by what it has read, could else put one host in two zones. */
static gboolean begin(GwStore *store, Change *change, GError **error)
{
    change->session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    if (change->session)
        change->session->changed = GW_CHANGED_HOSTS;
    return change->session && gw_session_run(change->session, "UPDATE aggregates SET updated_us = updated_us", NULL, 0, error) &&
           (change->all = read_aggregates(change->session, error));
}

static gboolean begin_with(GwStore *store, gint64 id, Change *change, GError **error)
{
    if (!begin(store, change, error))
        return FALSE;
    change->aggregate = gw_aggregates_find(change->all, id);
    if (!change->aggregate)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Aggregate %" G_GINT64_FORMAT " could not be found.", id);
    return change->aggregate != NULL;
}

static gboolean finish(Change *change, GError **error)
{
    return gw_session_run(change->session, "UPDATE aggregates SET updated_us = $1 WHERE id = $2",
                          GW_PARAMS(gw_param_integer(g_get_real_time()), gw_param_integer(change->aggregate->id)),
                          error) &&
           gw_session_commit(change->session, error);
}

static gboolean check_name(const Change *change, const char *name, GError **error)
{
    for (guint i = 0; i < change->all->len; i++) {
        const GwAggregate *other = change->all->pdata[i];
        if (other != change->aggregate && strcmp(other->name, name) == 0) {
            g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Aggregate %s already exists.", name);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean write_metadatum(GwSession *session, gint64 id, const GwMetadatum *datum, GError **error)
{
    if (!datum->value)
        return gw_session_run(session, "DELETE FROM aggregate_metadata WHERE aggregate_id = $1 AND key = $2",
                              GW_PARAMS(gw_param_integer(id), gw_param_text(datum->key)), error);
    return gw_session_run(session,
                          "INSERT INTO aggregate_metadata (aggregate_id, key, value) VALUES ($1, $2, $3)"
                          " ON CONFLICT (aggregate_id, key) DO UPDATE SET value = excluded.value",
                          GW_PARAMS(gw_param_integer(id), gw_param_text(datum->key), gw_param_text(datum->value)),
                          error);
}

static gboolean write_metadata(GwSession *session, gint64 id, const GPtrArray *metadata, GError **error)
{
    for (guint i = 0; i < metadata->len; i++)
        if (!write_metadatum(session, id, metadata->pdata[i], error))
            return FALSE;
    return TRUE;
}

gboolean gw_store_aggregate_add(GwStore *store, const char *name, const char *zone, gint64 *ret_id, GError **error)
{
    g_auto(Change) change = {0};
    if (!begin(store, &change, error) || !check_name(&change, name, error))
        return FALSE;
    g_autofree char *uuid = g_uuid_string_random();
    g_autoptr(GPtrArray) metadata = gw_metadata_new();
    gint64 id;
    if (zone)
        gw_metadata_add(metadata, GW_ZONE_KEY, zone);
    if (!gw_session_integer(change.session,
                            "INSERT INTO aggregates (uuid, name, created_us, updated_us) VALUES ($1, $2, $3, 0)"
                            " RETURNING id",
                            GW_PARAMS(gw_param_text(uuid), gw_param_text(name), gw_param_integer(g_get_real_time())), 0,
                            &id, error) ||
        !write_metadata(change.session, id, metadata, error) || !gw_session_commit(change.session, error))
        return FALSE;
    *ret_id = id;
    return TRUE;
}

static const char *new_zone(const GPtrArray *metadata)
{
    const char *zone = NULL;
    for (guint i = 0; i < metadata->len; i++) {
        const GwMetadatum *datum = metadata->pdata[i];
        if (strcmp(datum->key, GW_ZONE_KEY) == 0)
            zone = datum->value;
    }
    return zone;
}

static gboolean check_edit(const Change *change, const GwAggregateEdit *edit, GError **error)
{
    const GwAggregate *aggregate = change->aggregate;
    if (edit->name && !check_name(change, edit->name, error))
        return FALSE;
    return !edit->metadata ||
           (gw_aggregate_check_metadata(aggregate, edit->metadata, edit->action, error) &&
            gw_aggregate_check_zone(change->all, aggregate, new_zone(edit->metadata), aggregate->hosts, edit->action, error));
}

static gboolean find_host(GwSession *session, const char *host, gint64 *ret_id, GError **error)
{
    if (!gw_session_integer(session, "SELECT id FROM hosts WHERE name = $1", GW_PARAMS(gw_param_text(host)), 0, ret_id,
                            error))
        return FALSE;
    if (*ret_id == 0)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Compute host %s could not be found.", host);
    return *ret_id != 0;
}

static gboolean check_joining(const Change *change, const char *host, GError **error)
{
    const GwAggregate *aggregate = change->aggregate;
    g_autoptr(GPtrArray) hosts = g_ptr_array_new();
    g_ptr_array_add(hosts, (gpointer)host);
    if (!gw_aggregate_has_host(aggregate, host))
        return gw_aggregate_check_zone(change->all, aggregate, gw_aggregate_zone(aggregate), hosts, GW_AGGREGATE_ADD_HOST,
                                       error);
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Aggregate %" G_GINT64_FORMAT " already has host %s.", aggregate->id,
                host);
    return FALSE;
}

static gboolean add_host(const Change *change, const char *host, GError **error)
{
    gint64 host_id;
    return find_host(change->session, host, &host_id, error) && check_joining(change, host, error) &&
           gw_session_run(change->session, "INSERT INTO aggregate_hosts (aggregate_id, host_id, added_us) VALUES ($1, $2, $3)",
                          GW_PARAMS(gw_param_integer(change->aggregate->id), gw_param_integer(host_id),
                                    gw_param_integer(g_get_real_time())),
                          error);
}

gboolean gw_store_aggregate_add_host(GwStore *store, gint64 id, const char *host, GError **error)
{
    g_auto(Change) change = {0};
    return begin_with(store, id, &change, error) && add_host(&change, host, error) && finish(&change, error);
}

static gboolean remove_host(const Change *change, const char *host, GError **error)
{
    gint64 host_id, id = change->aggregate->id;
    if (!gw_aggregate_has_host(change->aggregate, host))
        return gw_aggregate_refuse_stranger(change->aggregate, host, error);
    return find_host(change->session, host, &host_id, error) &&
           gw_session_run(change->session, "DELETE FROM aggregate_hosts WHERE aggregate_id = $1 AND host_id = $2",
                          GW_PARAMS(gw_param_integer(id), gw_param_integer(host_id)), error);
}

gboolean gw_store_aggregate_remove_host(GwStore *store, gint64 id, const char *host, GError **error)
{
    g_auto(Change) change = {0};
    return begin_with(store, id, &change, error) && remove_host(&change, host, error) && finish(&change, error);
}

static gboolean check_expected(const Change *change, const GwMetadatum *expected, GError **error)
{
    if (!expected || g_strcmp0(gw_aggregate_get(change->aggregate, expected->key), expected->value) == 0)
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_STALE, "aggregate %s: its %s has changed meanwhile", change->aggregate->name, expected->key);
    return FALSE;
}

gboolean gw_store_aggregate_edit(GwStore *store, gint64 id, const GwAggregateEdit *edit, GError **error)
{
    g_auto(Change) change = {0};
    if (!begin_with(store, id, &change, error) || !gw_session_check_fence(change.session, edit->fence, error) ||
        !check_expected(&change, edit->expected, error) || !check_edit(&change, edit, error))
        return FALSE;
    if (edit->name && !gw_session_run(change.session, "UPDATE aggregates SET name = $1 WHERE id = $2",
                                      GW_PARAMS(gw_param_text(edit->name), gw_param_integer(id)), error))
        return FALSE;
    return (!edit->host_added || add_host(&change, edit->host_added, error)) &&
           (!edit->host_removed || remove_host(&change, edit->host_removed, error)) &&
           (!edit->metadata || write_metadata(change.session, id, edit->metadata, error)) && finish(&change, error);
}

gboolean gw_store_aggregate_remove(GwStore *store, gint64 id, GError **error)
{
    g_auto(Change) change = {0};
    if (!begin_with(store, id, &change, error))
        return FALSE;
    if (change.aggregate->hosts->len)
        return gw_aggregate_refuse(GW_AGGREGATE_DELETE, id, error, "Host aggregate is not empty");
    return gw_session_run(change.session, "DELETE FROM aggregates WHERE id = $1", GW_PARAMS(gw_param_integer(id)), error) &&
           gw_session_commit(change.session, error);
}
