/* Leases in a real PostgreSQL: who gets what, and that a write under a lease that is gone is refused, whatever races. Run by
 * tests/postgres/with-postgres. */
#include "store_fixture.h"

#include "store/database.h"

enum { LEASE_MS = 60000, SHORT_MS = 400, ALL = 5 }; /* four hosts, and the drains */

static void four_hosts(Fixture *fixture)
{
    static const char *const names[] = {"HostA", "HostB", "HostC", "HostD"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *uri = g_strdup_printf("qemu:///%u", i);
        add_host(fixture->store, names[i], uri);
    }
}

static gint64 join(Fixture *fixture, const char *name, guint lease_ms)
{
    gint64 id;
    assert_ok(gw_store_daemon_join(fixture->store, name, lease_ms, &id, &error_));
    return id;
}

static guint surplus; /* of the last keep */

static GArray *keep(Fixture *fixture, gint64 id, guint lease_ms, const GArray *held)
{
    GwKept kept = {0};
    g_autoptr(GArray) spare = g_array_new(FALSE, FALSE, sizeof(gint64));
    for (guint i = 0; held && i < held->len; i++)
        g_array_append_val(spare, g_array_index(held, GwLease, i).host_id);
    assert_ok(gw_store_leases_keep(fixture->store, id, lease_ms, spare, &kept, &error_));
    surplus = kept.surplus;
    return kept.leases;
}

static void test_shared(Fixture *fixture, gconstpointer data)
{
    g_assert_true(gw_store_is_shared(fixture->store));
    four_hosts(fixture);
    gint64 one = join(fixture, "one", LEASE_MS);
    g_autoptr(GArray) all = keep(fixture, one, LEASE_MS, NULL);
    g_assert_cmpuint(all->len, ==, ALL);
    g_assert_cmpint(g_array_index(all, GwLease, 0).host_id, ==, GW_LEASE_DRAINS);
    gint64 two = join(fixture, "two", LEASE_MS);
    g_autoptr(GArray) none = keep(fixture, two, LEASE_MS, NULL); /* nothing is free yet */
    g_assert_cmpuint(none->len, ==, 0);
    g_autoptr(GArray) busy = keep(fixture, one, LEASE_MS, NULL); /* nothing is spare: nothing is given back */
    g_assert_cmpuint(busy->len, ==, ALL);
    g_assert_cmpuint(surplus, ==, ALL - 3); /* it is told how many too many it has */
    g_autoptr(GArray) less = keep(fixture, one, LEASE_MS, all);
    g_assert_cmpuint(less->len, ==, 3);
    g_assert_cmpuint(surplus, ==, 0);
    g_autoptr(GArray) rest = keep(fixture, two, LEASE_MS, NULL);
    g_assert_cmpuint(rest->len, ==, 2);
    for (guint i = 0; i < rest->len; i++)
        g_assert_cmpint(g_array_index(rest, GwLease, i).token, ==, 2); /* the second that has it */
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_daemons(fixture->store, &rows, &error_));
    g_assert_cmpuint(rows->len, ==, 2);
    const GwDaemonRow *second = rows->pdata[1];
    g_assert_cmpstr(second->name, ==, "two");
    g_assert_true(second->alive && second->hosts);
    assert_ok(gw_store_daemon_leave(fixture->store, two, &error_));
    g_autoptr(GArray) back = keep(fixture, one, LEASE_MS, NULL);
    g_assert_cmpuint(back->len, ==, ALL);
}

static void test_expired(Fixture *fixture, gconstpointer data)
{
    four_hosts(fixture);
    gint64 one = join(fixture, "one", SHORT_MS), two = join(fixture, "two", LEASE_MS);
    g_autoptr(GArray) first = keep(fixture, one, SHORT_MS, NULL);
    g_assert_cmpuint(first->len, ==, 3); /* a half, rounded up */
    g_autoptr(GArray) others = keep(fixture, two, LEASE_MS, NULL);
    g_assert_cmpuint(others->len, ==, 2);
    g_usleep((SHORT_MS + 50) * 1000);
    g_autoptr(GArray) all = keep(fixture, two, LEASE_MS, NULL);
    g_assert_cmpuint(all->len, ==, ALL);
    g_autoptr(GArray) late = keep(fixture, one, SHORT_MS, NULL); /* it is late, and has nothing */
    g_assert_cmpuint(late->len, ==, 0);
}

/* Late, but nobody has taken it: it goes on under the same token. */
static void test_late_but_alone(Fixture *fixture, gconstpointer data)
{
    four_hosts(fixture);
    gint64 one = join(fixture, "one", SHORT_MS);
    g_autoptr(GArray) before = keep(fixture, one, SHORT_MS, NULL);
    g_usleep((SHORT_MS + 50) * 1000);
    g_autoptr(GArray) after = keep(fixture, one, SHORT_MS, NULL);
    g_assert_cmpuint(after->len, ==, ALL);
    for (guint i = 0; i < ALL; i++)
        g_assert_cmpint(g_array_index(after, GwLease, i).token, ==, g_array_index(before, GwLease, i).token);
}

static void test_forgotten(Fixture *fixture, gconstpointer data)
{
    gint64 one = join(fixture, "one", LEASE_MS);
    g_autoptr(GArray) spare = g_array_new(FALSE, FALSE, sizeof(gint64));
    GwKept kept;
    GError *error = NULL;
    assert_ok(gw_store_daemon_leave(fixture->store, one, &error_));
    gboolean ok = gw_store_leases_keep(fixture->store, one, LEASE_MS, spare, &kept, &error);
    assert_fails(ok, error, GW_ERROR_STALE, "not known any more", NULL);
}

/* ---- fences */

static void test_fence(Fixture *fixture, gconstpointer data)
{
    four_hosts(fixture);
    gint64 one = join(fixture, "one", SHORT_MS);
    g_autoptr(GArray) leases = keep(fixture, one, SHORT_MS, NULL);
    GwFence fence = {one, g_array_index(leases, GwLease, 1)}, drains = {one, g_array_index(leases, GwLease, 0)};
    g_autoptr(GwMigration) row = sample_migration(UUID_A);
    assert_ok(gw_store_migration_add_fenced(fixture->store, row, &drains, NULL, &error_));
    assert_ok(gw_store_migration_journal(fixture->store, row, &fence, &error_));
    g_usleep((SHORT_MS + 50) * 1000);
    assert_ok(gw_store_migration_journal(fixture->store, row, &fence, &error_)); /* nobody has taken it */
    gint64 two = join(fixture, "two", LEASE_MS);
    g_autoptr(GArray) taken = keep(fixture, two, LEASE_MS, NULL);
    g_assert_cmpuint(taken->len, ==, ALL);
    g_autoptr(GwMigration) before = read_migration(fixture->store, row->id);
    GError *error = NULL;
    gboolean ok = gw_store_migration_journal(fixture->store, row, &fence, &error);
    assert_fails(ok, error, GW_ERROR_STALE, "another daemon leads here now", NULL);
    error = NULL;
    g_autoptr(GwMigration) more = sample_migration(UUID_B);
    ok = gw_store_migration_add_fenced(fixture->store, more, &drains, NULL, &error);
    assert_fails(ok, error, GW_ERROR_STALE, NULL);
    g_autoptr(GwDrain) drain = gw_drain_new();
    drain->hosts = g_strdup("HostA");
    g_autoptr(GPtrArray) moves = g_ptr_array_new();
    assert_ok(gw_store_drain_add(fixture->store, drain, moves, &error_));
    error = NULL;
    ok = gw_store_drain_journal(fixture->store, drain, moves, &drains, &error);
    assert_fails(ok, error, GW_ERROR_STALE, NULL);
    error = NULL;
    g_autoptr(GwDrain) another = gw_drain_new();
    another->hosts = g_strdup("HostB");
    ok = gw_store_drain_add_fenced(fixture->store, another, moves, &drains, &error);
    assert_fails(ok, error, GW_ERROR_STALE, NULL);
    g_autoptr(GwMigration) after = read_migration(fixture->store, row->id);
    assert_migration_equal(before, after);
    fence = (GwFence){two, g_array_index(taken, GwLease, 1)};
    assert_ok(gw_store_migration_journal(fixture->store, row, &fence, &error_));
}

/* Of a rolling drain, too. */
static void test_fenced_rolling(Fixture *fixture, gconstpointer data)
{
    four_hosts(fixture);
    gint64 one = join(fixture, "one", SHORT_MS);
    g_autoptr(GArray) leases = keep(fixture, one, SHORT_MS, NULL);
    GwFence fence = {one, g_array_index(leases, GwLease, 0)};
    g_autoptr(GwRolling) rolling = gw_rolling_new();
    gw_rolling_add(rolling)->host = g_strdup("HostA");
    assert_ok(gw_store_rolling_add(fixture->store, rolling, &error_));
    assert_ok(gw_store_rolling_journal(fixture->store, rolling, &fence, &error_));
    g_usleep((SHORT_MS + 50) * 1000);
    gint64 two = join(fixture, "two", LEASE_MS);
    g_autoptr(GArray) taken = keep(fixture, two, LEASE_MS, NULL);
    GError *error = NULL;
    gboolean ok = gw_store_rolling_journal(fixture->store, rolling, &fence, &error);
    assert_fails(ok, error, GW_ERROR_STALE, "another daemon leads here now", NULL);
    fence = (GwFence){two, g_array_index(taken, GwLease, 0)};
    assert_ok(gw_store_rolling_journal(fixture->store, rolling, &fence, &error_)); /* nothing has been written in between */
}

/* A write that has passed its fence holds the lease until it has committed, though the lease is over by then; it may be renewed
 * meanwhile. */
static void test_write_under_way(Fixture *fixture, gconstpointer data)
{
    add_host(fixture->store, "HostA", "qemu:///a");
    gint64 one = join(fixture, "one", SHORT_MS);
    g_autoptr(GArray) held = keep(fixture, one, SHORT_MS, NULL);
    g_assert_cmpuint(held->len, ==, 2);
    GwFence fence = {one, g_array_index(held, GwLease, 1)};
    g_autoptr(GError) error = NULL;
    g_autoptr(GwStore) other = open_place(fixture->place, &error);
    g_assert_no_error(error);
    {
        g_autoptr(GwSession) session = gw_session_begin(other, GW_ACCESS_WRITE, &error);
        assert_ok(gw_session_check_fence(session, &fence, &error_));
        g_autoptr(GArray) renewed = keep(fixture, one, SHORT_MS, NULL); /* does not wait for it */
        g_assert_cmpuint(renewed->len, ==, 2);
        g_usleep((SHORT_MS + 50) * 1000);
        gint64 two = join(fixture, "two", LEASE_MS);
        g_autoptr(GArray) taken = keep(fixture, two, LEASE_MS, NULL); /* neither does this; it gets what is free */
        g_assert_cmpuint(taken->len, ==, 1);
        g_assert_cmpint(g_array_index(taken, GwLease, 0).host_id, ==, GW_LEASE_DRAINS);
        assert_ok(gw_session_commit(session, &error_));
        g_array_unref(keep(fixture, two, LEASE_MS, NULL));
    }
    g_autoptr(GwSession) late = gw_session_begin(other, GW_ACCESS_WRITE, &error);
    g_assert_false(gw_session_check_fence(late, &fence, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_STALE);
}

/* A host that is removed takes its lease along; one that is added gets one. */
static void test_hosts_come_and_go(Fixture *fixture, gconstpointer data)
{
    four_hosts(fixture);
    gint64 one = join(fixture, "one", LEASE_MS);
    g_array_unref(keep(fixture, one, LEASE_MS, NULL));
    assert_ok(gw_store_host_remove(fixture->store, "HostB", &error_));
    g_autoptr(GArray) fewer = keep(fixture, one, LEASE_MS, NULL);
    g_assert_cmpuint(fewer->len, ==, ALL - 1);
    add_host(fixture->store, "HostE", "qemu:///e");
    g_autoptr(GArray) again = keep(fixture, one, LEASE_MS, NULL);
    g_assert_cmpuint(again->len, ==, ALL);
}

/* One at a time, also against migrations; what a dead daemon was doing keeps nobody waiting. */
static void test_operations(Fixture *fixture, gconstpointer data)
{
    gint64 one = join(fixture, "one", SHORT_MS), two = join(fixture, "two", LEASE_MS);
    assert_ok(gw_store_operation_claim(fixture->store, one, UUID_A, &error_));
    GError *error = NULL;
    gboolean ok = gw_store_operation_claim(fixture->store, two, UUID_A, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, UUID_A, "another daemon", NULL);
    g_autoptr(GwMigration) row = sample_migration(UUID_A);
    error = NULL;
    ok = gw_store_migration_add(fixture->store, row, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, UUID_A, "something else", NULL);
    g_usleep((SHORT_MS + 50) * 1000);
    g_array_unref(keep(fixture, two, LEASE_MS, NULL));
    assert_ok(gw_store_migration_add(fixture->store, row, &error_));
    error = NULL;
    ok = gw_store_operation_claim(fixture->store, two, UUID_A, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, "a migration of it has begun", NULL);
    assert_ok(gw_store_operation_claim(fixture->store, two, UUID_B, &error_));
    assert_ok(gw_store_operation_release(fixture->store, two, UUID_B, &error_));
    assert_ok(gw_store_operation_claim(fixture->store, two, UUID_B, &error_));
}

/* ---- telling the others */

typedef struct {
    int hosts, migrations, anything; /* atomic: how often told */
} Told;

static void on_change(gpointer data, unsigned changed)
{
    Told *told = data;
    if (changed == GW_CHANGED_ANYTHING)
        g_atomic_int_inc(&told->anything);
    else if (changed & GW_CHANGED_HOSTS)
        g_atomic_int_inc(&told->hosts);
    else if (changed & GW_CHANGED_MIGRATIONS)
        g_atomic_int_inc(&told->migrations);
}

static void wait_for(int *count)
{
    for (guint i = 0; i < 500 && !g_atomic_int_get(count); i++)
        g_usleep(10000);
    g_assert_cmpint(g_atomic_int_get(count), >, 0);
}

static void test_told(Fixture *fixture, gconstpointer data)
{
    Told told = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GwStore) other = open_place(fixture->place, &error);
    g_assert_no_error(error);
    gw_store_watch(fixture->store, on_change, &told);
    wait_for(&told.anything); /* what happened before is not known */
    add_host(other, "HostA", "qemu:///a");
    wait_for(&told.hosts);
    g_autoptr(GwMigration) row = sample_migration(UUID_A);
    assert_ok(gw_store_migration_add(other, row, &error_));
    wait_for(&told.migrations);
    told = (Told){0};
    add_host(fixture->store, "HostB", "qemu:///b"); /* one's own */
    g_usleep(200 * 1000);
    g_assert_cmpint(g_atomic_int_get(&told.hosts), ==, 0);
    gw_store_watch(fixture->store, NULL, NULL);
}

#define ADD_PG(name, function) g_test_add("/leases/" name, Fixture, NULL, fixture_up, function, fixture_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD_PG("shared", test_shared);
    ADD_PG("expired", test_expired);
    ADD_PG("late-but-alone", test_late_but_alone);
    ADD_PG("forgotten", test_forgotten);
    ADD_PG("fence", test_fence);
    ADD_PG("fenced-rolling", test_fenced_rolling);
    ADD_PG("write-under-way", test_write_under_way);
    ADD_PG("hosts-come-and-go", test_hosts_come_and_go);
    ADD_PG("operations", test_operations);
    ADD_PG("told", test_told);
    return g_test_run();
}
