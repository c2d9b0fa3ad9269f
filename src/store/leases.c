/* Leases: one row for each host, and one for the drains. Whoever holds a row leads what it names. */
#include "store/fields.h"

#include "base/error.h"
#include "core/lease.h"

enum { FORGET_S = 24 * 3600 };

gboolean gw_store_is_shared(const GwStore *store)
{
    return store->ops->clock_us != NULL;
}

void gw_store_watch(GwStore *store, GwChanged changed, gpointer data)
{
    store->ops->watch(store, changed, data);
}

/* The database's clock, in microseconds since the epoch. */
static gboolean read_clock(GwSession *session, gint64 *ret_us, GError **error)
{
    g_autofree char *sql = g_strconcat("SELECT ", session->store->ops->clock_us, NULL);
    return gw_session_integer(session, sql, NULL, 0, 0, ret_us, error);
}

/* ---- daemons */

gboolean gw_store_daemon_join(GwStore *store, const char *name, guint lease_ms, gint64 *ret_id, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_LEASE, error);
    gint64 now, id;
    if (!session || !read_clock(session, &now, error) ||
        !gw_session_run(session, "DELETE FROM daemons WHERE expires_us < $1", GW_PARAMS(gw_param_integer(now - (gint64)FORGET_S * G_USEC_PER_SEC)),
                        error) ||
        !gw_session_integer(session, "INSERT INTO daemons (name, started_us, expires_us) VALUES ($1, $2, $3) RETURNING id",
                            GW_PARAMS(gw_param_text(name), gw_param_integer(now), gw_param_integer(now + (gint64)lease_ms * 1000)), 0, &id,
                            error) ||
        !gw_session_commit(session, error))
        return FALSE;
    *ret_id = id;
    return TRUE;
}

gboolean gw_store_daemon_leave(GwStore *store, gint64 id, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_LEASE, error);
    const GwParam self[] = {gw_param_integer(id)};
    return session && gw_session_run(session, "UPDATE leases SET daemon_id = 0, expires_us = 0 WHERE daemon_id = $1", self, 1, error) &&
           gw_session_run(session, "DELETE FROM daemons WHERE id = $1", self, 1, error) && gw_session_commit(session, error);
}

/* ---- keeping leases */

typedef struct {
    GwSession *session;
    gint64 daemon_id, now_us, expires_us;
} Keeping;

static gboolean renew(const Keeping *k, GError **error)
{
    const GwParam params[] = {gw_param_integer(k->expires_us), gw_param_integer(k->daemon_id)};
    gint64 found;
    if (!gw_session_integer(k->session, "UPDATE daemons SET expires_us = $1 WHERE id = $2 RETURNING id", params, 2, 0, &found, error))
        return FALSE;
    if (found)
        return gw_session_run(k->session, "UPDATE leases SET expires_us = $1 WHERE daemon_id = $2", params, 2, error);
    g_set_error(error, GW_ERROR, GW_ERROR_STALE, "daemon %" G_GINT64_FORMAT " is not known any more", k->daemon_id);
    return FALSE;
}

/* A row for what has none yet, which nobody holds. */
static gboolean complete(const Keeping *k, GError **error)
{
    return gw_session_run(k->session,
                          "INSERT INTO leases (name, host_id, daemon_id, token, expires_us)"
                          " SELECT 'host/' || id, id, 0, 0, 0 FROM hosts WHERE NOT EXISTS (SELECT 1 FROM leases WHERE leases.host_id = hosts.id)"
                          " ON CONFLICT (name) DO NOTHING",
                          NULL, 0, error) &&
           gw_session_run(k->session,
                          "INSERT INTO leases (name, host_id, daemon_id, token, expires_us) SELECT 'drains', NULL, 0, 0, 0"
                          " WHERE NOT EXISTS (SELECT 1 FROM leases WHERE name = 'drains') ON CONFLICT (name) DO NOTHING",
                          NULL, 0, error);
}

static gboolean give_back(const Keeping *k, const GArray *spare, guint count, GError **error)
{
    for (guint i = 0; i < count; i++)
        if (!gw_session_run(k->session,
                            "UPDATE leases SET daemon_id = 0, expires_us = 0 WHERE COALESCE(host_id, 0) = $1 AND daemon_id = $2",
                            GW_PARAMS(gw_param_integer(g_array_index(spare, gint64, i)), gw_param_integer(k->daemon_id)), error))
            return FALSE;
    return TRUE;
}

/* A row that another transaction is at is left to it: it may be another daemon's that takes it, or its holder's last write. */
static gboolean take(const Keeping *k, guint count, GError **error)
{
    return gw_session_run(k->session,
                          "UPDATE leases SET daemon_id = $1, token = token + 1, expires_us = $2 WHERE name IN (SELECT name FROM leases"
                          " WHERE expires_us <= $3 ORDER BY name LIMIT $4 FOR UPDATE SKIP LOCKED)",
                          GW_PARAMS(gw_param_integer(k->daemon_id), gw_param_integer(k->expires_us), gw_param_integer(k->now_us),
                                    gw_param_integer(count)),
                          error);
}

/* What daemons were doing that are there no more. */
static gboolean drop_operations(const Keeping *k, GError **error)
{
    return gw_session_run(k->session,
                          "DELETE FROM operations WHERE daemon_id NOT IN (SELECT id FROM daemons WHERE expires_us > $1)",
                          GW_PARAMS(gw_param_integer(k->now_us)), error);
}

static gboolean share(const Keeping *k, const GArray *spare, guint *ret_surplus, GError **error)
{
    const GwParam now[] = {gw_param_integer(k->now_us)}, self[] = {gw_param_integer(k->daemon_id)};
    gint64 live, all, mine;
    if (!gw_session_integer(k->session, "SELECT count(*) FROM daemons WHERE expires_us > $1", now, 1, 1, &live, error) ||
        !gw_session_integer(k->session, "SELECT count(*) FROM leases", NULL, 0, 0, &all, error) ||
        !gw_session_integer(k->session, "SELECT count(*) FROM leases WHERE daemon_id = $1", self, 1, 0, &mine, error))
        return FALSE;
    gint change = gw_lease_change((guint)mine, spare->len, (guint)all, (guint)live);
    gint surplus = -gw_lease_change((guint)mine, (guint)mine, (guint)all, (guint)live);
    *ret_surplus = surplus > 0 ? (guint)(surplus + MIN(change, 0)) : 0;
    if (change < 0)
        return give_back(k, spare, (guint)-change, error);
    return change == 0 || take(k, (guint)change, error);
}

static GArray *read_own(const Keeping *k, GError **error)
{
    g_autoptr(GwResult) result =
        gw_session_query(k->session, "SELECT COALESCE(host_id, 0), token FROM leases WHERE daemon_id = $1 ORDER BY 1",
                         GW_PARAMS(gw_param_integer(k->daemon_id)), error);
    g_autoptr(GArray) leases = g_array_new(FALSE, FALSE, sizeof(GwLease));
    gboolean more = result != NULL;
    while (more) {
        if (!gw_result_next(result, &more, error))
            return NULL;
        if (more) {
            GwLease lease = {gw_result_integer(result, 0), gw_result_integer(result, 1)};
            g_array_append_val(leases, lease);
        }
    }
    return result ? g_steal_pointer(&leases) : NULL;
}

gboolean gw_store_leases_keep(GwStore *store, gint64 daemon_id, guint lease_ms, const GArray *spare, GwKept *ret_kept, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_LEASE, error);
    Keeping k = {.session = session, .daemon_id = daemon_id};
    guint surplus = 0;
    if (!session || !read_clock(session, &k.now_us, error))
        return FALSE;
    k.expires_us = k.now_us + (gint64)lease_ms * 1000;
    if (!renew(&k, error) || !complete(&k, error) || !drop_operations(&k, error) || !share(&k, spare, &surplus, error))
        return FALSE;
    g_autoptr(GArray) leases = read_own(&k, error);
    if (!leases || !gw_session_commit(session, error))
        return FALSE;
    *ret_kept = (GwKept){g_steal_pointer(&leases), surplus};
    return TRUE;
}

/* ---- operations */

gboolean gw_store_operation_claim(GwStore *store, gint64 daemon_id, const char *instance_uuid, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    gint64 migration, other, deleted;
    const GwParam params[] = {gw_param_text(instance_uuid), gw_param_integer(daemon_id)};
    if (!session || !gw_session_integer(session, "SELECT id FROM migrations WHERE instance_uuid = $1 AND final = 0 AND state <> 'finished'",
                                        params, 1, 0, &migration, error) ||
        !gw_session_integer(session, "SELECT daemon_id FROM operations WHERE instance_uuid = $1", params, 1, 0, &other, error) ||
        !gw_session_integer(session, "SELECT id FROM servers WHERE uuid = $1 AND deleting = 1", params, 1, 0, &deleted, error))
        return FALSE;
    if (migration || other || deleted) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "instance %s: %s", instance_uuid,
                    migration ? "a migration of it has begun" : deleted ? "it is being deleted" : "another daemon does something to it");
        return FALSE;
    }
    return gw_session_run(session, "INSERT INTO operations (instance_uuid, daemon_id) VALUES ($1, $2)", params, 2, error) &&
           gw_session_commit(session, error);
}

gboolean gw_store_operation_release(GwStore *store, gint64 daemon_id, const char *instance_uuid, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    return session &&
           gw_session_run(session, "DELETE FROM operations WHERE instance_uuid = $1 AND daemon_id = $2",
                          GW_PARAMS(gw_param_text(instance_uuid), gw_param_integer(daemon_id)), error) &&
           gw_session_commit(session, error);
}

/* ---- fences */

/* The row is held until the transaction ends, so that nobody takes the lease before it has committed; its holder may renew it. */
gboolean gw_session_check_fence(GwSession *session, const GwFence *fence, GError **error)
{
    gint64 found;
    if (!fence)
        return TRUE;
    if (!gw_session_integer(session,
                            "SELECT 1 FROM leases WHERE COALESCE(host_id, 0) = $1 AND daemon_id = $2 AND token = $3 FOR KEY SHARE",
                            GW_PARAMS(gw_param_integer(fence->lease.host_id), gw_param_integer(fence->daemon_id),
                                      gw_param_integer(fence->lease.token)),
                            0, &found, error))
        return FALSE;
    if (!found)
        g_set_error(error, GW_ERROR, GW_ERROR_STALE, "another daemon leads here now");
    return found != 0;
}

/* ---- the list */

void gw_daemon_row_free(GwDaemonRow *row)
{
    if (!row)
        return;
    g_free(row->name);
    g_free(row->hosts);
    g_free(row);
}

static gboolean read_daemons(GwSession *session, gint64 now_us, GPtrArray *rows, GError **error)
{
    g_autoptr(GwResult) result = gw_session_query(session, "SELECT id, name, started_us, expires_us FROM daemons ORDER BY id", NULL, 0, error);
    gboolean more = result != NULL;
    while (more) {
        if (!gw_result_next(result, &more, error))
            return FALSE;
        if (!more)
            break;
        GwDaemonRow *row = g_new0(GwDaemonRow, 1);
        row->id = gw_result_integer(result, 0);
        row->name = g_strdup(gw_result_text(result, 1));
        row->started_us = gw_result_integer(result, 2);
        row->expires_us = gw_result_integer(result, 3);
        row->alive = !gw_lease_is_over(row->expires_us, now_us);
        g_ptr_array_add(rows, row);
    }
    return result != NULL;
}

static void note_lease(GPtrArray *rows, gint64 daemon_id, const char *host)
{
    for (guint i = 0; i < rows->len; i++) {
        GwDaemonRow *row = rows->pdata[i];
        if (row->id != daemon_id)
            continue;
        row->drains |= host == NULL;
        char *hosts = !host ? g_strdup(row->hosts) : row->hosts ? g_strdup_printf("%s %s", row->hosts, host) : g_strdup(host);
        g_free(row->hosts);
        row->hosts = hosts;
    }
}

gboolean gw_store_daemons(GwStore *store, GPtrArray **ret_rows, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)gw_daemon_row_free);
    gint64 now;
    if (!session || !read_clock(session, &now, error) || !read_daemons(session, now, rows, error))
        return FALSE;
    g_autoptr(GwResult) result = gw_session_query(session,
                                                  "SELECT l.daemon_id, h.name FROM leases l LEFT JOIN hosts h ON h.id = l.host_id"
                                                  " WHERE l.expires_us > $1 ORDER BY h.name",
                                                  GW_PARAMS(gw_param_integer(now)), error);
    gboolean more = result != NULL;
    while (more) {
        if (!gw_result_next(result, &more, error))
            return FALSE;
        if (more)
            note_lease(rows, gw_result_integer(result, 0), gw_result_text(result, 1));
    }
    if (result)
        *ret_rows = g_steal_pointer(&rows);
    return result != NULL;
}
