/* Drains in the store: what comes back, what is kept against whom, and what is refused. */
#include "store_fixture.h"

#include <string.h>

static GwDrain *drain_new(const char *hosts)
{
    GwDrain *drain = gw_drain_new();
    drain->hosts = g_strdup(hosts);
    drain->include_stopped = TRUE;
    drain->deadline_us = 1234567890123456;
    drain->per_host = 3;
    drain->predicted_ms = 12345;
    drain->bound_ms = 12000;
    drain->request_id = g_strdup("req-1");
    return drain;
}

static GPtrArray *moves_new(const char *const *uuids)
{
    GPtrArray *moves = g_ptr_array_new_with_free_func((GDestroyNotify)gw_drain_move_free);
    for (guint n = 0; uuids[n]; n++) {
        GwDrainMove *move = gw_drain_move_new();
        g_strlcpy(move->instance_uuid, uuids[n], sizeof move->instance_uuid);
        move->instance_name = g_strdup_printf("vm%u", n);
        move->source = g_strdup("HostB");
        move->dest = g_strdup("HostC");
        move->start_ms = 1000 - n;
        move->bytes = (guint64)5 << 40;
        g_ptr_array_add(moves, move);
    }
    return moves;
}

static const char *const two[] = {UUID_A, UUID_B, NULL};

static gint64 add(Fixture *fixture, const char *hosts)
{
    g_autoptr(GwDrain) drain = drain_new(hosts);
    g_autoptr(GPtrArray) moves = moves_new(two);
    assert_ok(gw_store_drain_add(fixture->store, drain, moves, &error_));
    return drain->id;
}

static GwDrain *read_drain(Fixture *fixture, gint64 id)
{
    GwDrainQuery query = {.id = id};
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_drains(fixture->store, &query, &rows, &error_));
    return rows->len ? g_ptr_array_steal_index(rows, 0) : NULL;
}

static void test_round_trip(Fixture *fixture, gconstpointer data)
{
    gint64 id = add(fixture, "HostB HostD");
    fixture_reopen(fixture);
    g_autoptr(GwDrain) drain = read_drain(fixture, id);
    g_assert_cmpstr(drain->hosts, ==, "HostB HostD");
    g_assert_cmpint(drain->state, ==, GW_DRAIN_RUNNING);
    g_assert_cmpint(drain->deadline_us, ==, 1234567890123456);
    g_assert_true(drain->include_stopped && !drain->cancelling && drain->per_host == 3 && drain->predicted_ms == 12345);
    g_assert_true(gw_uuid_is_valid(drain->uuid));
    g_autoptr(GPtrArray) moves = NULL;
    assert_ok(gw_store_drain_moves(fixture->store, id, &moves, &error_));
    g_assert_cmpuint(moves->len, ==, 2);
    const GwDrainMove *first = moves->pdata[0]; /* in the order of the plan */
    g_assert_cmpstr(first->instance_uuid, ==, UUID_B);
    g_assert_cmpuint(first->bytes, ==, (guint64)5 << 40);
    g_assert_null(read_drain(fixture, 99));
}

static void test_moves_are_replaced(Fixture *fixture, gconstpointer data)
{
    gint64 id = add(fixture, "HostB");
    g_autoptr(GwDrain) drain = read_drain(fixture, id);
    g_autoptr(GPtrArray) moves = moves_new((const char *const[]){UUID_A, NULL});
    GwDrainMove *move = moves->pdata[0];
    move->state = GW_STEP_MOVING;
    move->migration_id = 7;
    move->tried = g_strdup("HostD\tno");
    assert_ok(gw_store_drain_update(fixture->store, drain, moves, &error_));
    g_autoptr(GPtrArray) read = NULL;
    assert_ok(gw_store_drain_moves(fixture->store, id, &read, &error_));
    g_assert_cmpuint(read->len, ==, 2);
    const GwDrainMove *changed = read->pdata[1];
    g_assert_cmpint(changed->state, ==, GW_STEP_MOVING);
    g_assert_cmpint(changed->migration_id, ==, 7);
    g_assert_cmpstr(changed->tried, ==, "HostD\tno");
}

static void test_one_drain_per_host(Fixture *fixture, gconstpointer data)
{
    gint64 id = add(fixture, "HostB HostC");
    g_autoptr(GwDrain) second = drain_new("HostD HostC");
    GError *error = NULL;
    gboolean ok = gw_store_drain_add(fixture->store, second, NULL, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, "HostC is being drained already", "drain 1", NULL);
    g_autoptr(GwDrain) drain = read_drain(fixture, id);
    drain->state = GW_DRAIN_COMPLETED;
    drain->ended_us = 5;
    assert_ok(gw_store_drain_update(fixture->store, drain, NULL, &error_));
    assert_ok(gw_store_drain_add(fixture->store, second, NULL, &error_)); /* nothing of the refused one was left */
    GwDrainQuery running = {.running_only = TRUE};
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_drains(fixture->store, &running, &rows, &error_));
    g_assert_cmpuint(rows->len, ==, 1);
    g_assert_cmpint(((GwDrain *)rows->pdata[0])->id, ==, second->id);
}

static void test_cancel_is_kept(Fixture *fixture, gconstpointer data)
{
    gint64 id = add(fixture, "HostB");
    g_autoptr(GwDrain) drain = read_drain(fixture, id);
    assert_ok(gw_store_drain_cancel(fixture->store, id, &error_));
    assert_ok(gw_store_drain_update(fixture->store, drain, NULL, &error_)); /* by one who has not heard of it */
    g_assert_true(drain->cancelling);
    drain->state = GW_DRAIN_CANCELLED;
    assert_ok(gw_store_drain_update(fixture->store, drain, NULL, &error_));
    GError *error = NULL;
    gboolean ok = gw_store_drain_cancel(fixture->store, id, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, "Drain 1 has ended already", NULL);
    error = NULL;
    ok = gw_store_drain_cancel(fixture->store, 9, &error);
    assert_fails(ok, error, GW_ERROR_NOT_FOUND, "Drain 9", NULL);
}

static void test_stale_writes_are_refused(Fixture *fixture, gconstpointer data)
{
    gint64 id = add(fixture, "HostB");
    g_autoptr(GwDrain) one = read_drain(fixture, id);
    g_autoptr(GwDrain) other = read_drain(fixture, id);
    assert_ok(gw_store_drain_update(fixture->store, one, NULL, &error_));
    GError *error = NULL;
    gboolean ok = gw_store_drain_update(fixture->store, other, NULL, &error);
    assert_fails(ok, error, GW_ERROR_STALE, "drain 1 was changed", NULL);
}

/* With the history, their moves along; what runs is never forgotten. */
static void test_pruned(Fixture *fixture, gconstpointer data)
{
    gint64 ended = add(fixture, "HostB"), runs = add(fixture, "HostC"), forgotten;
    g_autoptr(GwDrain) drain = read_drain(fixture, ended);
    g_autoptr(GPtrArray) moves = NULL;
    drain->state = GW_DRAIN_COMPLETED;
    drain->ended_us = 1000;
    assert_ok(gw_store_drain_update(fixture->store, drain, NULL, &error_));
    assert_ok(gw_store_prune(fixture->store, 1001, &forgotten, &error_));
    g_assert_null(read_drain(fixture, ended));
    assert_ok(gw_store_drain_moves(fixture->store, ended, &moves, &error_));
    g_assert_cmpuint(moves->len, ==, 0);
    g_autoptr(GwDrain) running = read_drain(fixture, runs);
    g_assert_nonnull(running);
}

static guint count_found(Fixture *fixture, const char *host, const char *request_id, const GwDrainKind *kind)
{
    GwDrainQuery query = {.host = host, .request_id = request_id, .kind = kind};
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_drains(fixture->store, &query, &rows, &error_));
    return rows->len;
}

/* By whole names, and what patterns give a meaning to is a letter like others. */
static void test_found_by_host(Fixture *fixture, gconstpointer data)
{
    const GwDrainKind empty = GW_DRAIN_EMPTY, back = GW_DRAIN_RETURN;
    add(fixture, "HostB Host_D");
    add(fixture, "HostBB");
    add(fixture, "H%!");
    g_assert_cmpuint(count_found(fixture, "HostB", NULL, NULL), ==, 1);
    g_assert_cmpuint(count_found(fixture, "Host_D", "req-1", &empty), ==, 1);
    g_assert_cmpuint(count_found(fixture, "H%!", NULL, NULL), ==, 1);
    g_assert_cmpuint(count_found(fixture, "hostb", NULL, NULL), ==, 0);
    g_assert_cmpuint(count_found(fixture, "Host_", NULL, NULL), ==, 0);
    g_assert_cmpuint(count_found(fixture, "Host_B", NULL, NULL), ==, 0);
    g_assert_cmpuint(count_found(fixture, "%", NULL, NULL), ==, 0);
    g_assert_cmpuint(count_found(fixture, NULL, "req-1", NULL), ==, 3);
    g_assert_cmpuint(count_found(fixture, "HostB", "req-2", NULL), ==, 0);
    g_assert_cmpuint(count_found(fixture, "HostB", NULL, &back), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("drains/round-trip", test_round_trip);
    ADD("drains/moves-are-replaced", test_moves_are_replaced);
    ADD("drains/one-per-host", test_one_drain_per_host);
    ADD("drains/cancel-is-kept", test_cancel_is_kept);
    ADD("drains/stale", test_stale_writes_are_refused);
    ADD("drains/found-by-host", test_found_by_host);
    ADD("drains/pruned", test_pruned);
    return g_test_run();
}
