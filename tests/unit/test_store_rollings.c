/* Rolling drains in the store: what comes back, which hosts may be in two, and who may write. */
#include "store/rollings.h"
#include "store_fixture.h"

static GwRolling *make(const char *first, const char *second)
{
    GwRolling *rolling = gw_rolling_new();
    rolling->at_once = 2;
    rolling->hook = g_strdup("https://fleet.example/hook");
    rolling->per_host = 3;
    rolling->include_stopped = rolling->return_later = TRUE;
    rolling->request_id = g_strdup("req-1");
    rolling->user_id = g_strdup("gull");
    rolling->project_id = g_strdup("tern");
    gw_rolling_add(rolling)->host = g_strdup(first);
    gw_rolling_add(rolling)->host = g_strdup(second);
    return rolling;
}

static GwRolling *read_back(Fixture *fixture, gint64 id)
{
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_rollings(fixture->store, &(GwRollingQuery){.id = id}, &rows, &error_));
    return rows->len ? g_ptr_array_steal_index(rows, 0) : NULL;
}

static guint count_running(Fixture *fixture)
{
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_rollings(fixture->store, &(GwRollingQuery){.running_only = TRUE}, &rows, &error_));
    return rows->len;
}

static void test_round_trip(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwRolling) made = make("HostB", "HostC");
    assert_ok(gw_store_rolling_add(fixture->store, made, &error_));
    g_assert_cmpint(made->id, ==, 1);
    for (guint turn = 0; turn < GW_TURN_COUNT; turn++) {
        GwRollingHost *host = made->hosts->pdata[1];
        host->turn = (GwTurn)turn;
        host->drain_id = 7;
        host->return_id = 8;
        host->moves = 9;
        host->stays = 10;
        host->predicted_ms = 11;
        host->since_us = 12;
        g_free(host->reason);
        host->reason = g_strdup("gr\303\274n \"1\"");
        assert_ok(gw_store_rolling_journal(fixture->store, made, NULL, &error_));
        fixture_reopen(fixture);
        g_autoptr(GwRolling) back = read_back(fixture, 1);
        const GwRollingHost *same = back->hosts->pdata[1];
        g_assert_cmpstr(back->uuid, ==, made->uuid);
        g_assert_cmpstr(back->hook, ==, made->hook);
        g_assert_cmpstr(back->request_id, ==, "req-1");
        g_assert_cmpstr(back->user_id, ==, "gull");
        g_assert_cmpstr(back->project_id, ==, "tern");
        g_assert_cmpuint(back->at_once * 10 + back->per_host, ==, 23);
        g_assert_true(back->include_stopped && back->return_later && !back->cancelling);
        g_assert_cmpint(back->created_us, ==, made->created_us);
        g_assert_cmpstr(same->host, ==, "HostC");
        g_assert_cmpint(same->turn, ==, turn);
        g_assert_cmpstr(same->reason, ==, host->reason);
        g_assert_cmpint(same->drain_id + same->return_id + same->moves + same->stays + same->predicted_ms + same->since_us, ==, 57);
    }
}

static void test_hosts_are_in_one(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwRolling) first = make("HostB", "HostC"), second = make("HostD", "HostC"), third = make("HostD", "HostE");
    assert_ok(gw_store_rolling_add(fixture->store, first, &error_));
    GError *error = NULL;
    gboolean ok = gw_store_rolling_add(fixture->store, second, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, "Host HostC is in a rolling drain already", "rolling drain 1", NULL);
    assert_ok(gw_store_rolling_add(fixture->store, third, &error_));
    g_assert_cmpuint(count_running(fixture), ==, 2);
    first->state = GW_ROLLING_FAILED;
    third->state = GW_ROLLING_COMPLETED;
    assert_ok(gw_store_rolling_journal(fixture->store, first, NULL, &error_));
    assert_ok(gw_store_rolling_journal(fixture->store, third, NULL, &error_));
    g_assert_cmpuint(count_running(fixture), ==, 0);
    assert_ok(gw_store_rolling_add(fixture->store, second, &error_));
}

/* A host that will have no turn any more is free for another. */
static void test_hosts_without_a_turn(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwRolling) first = make("HostB", "HostC"), second = make("HostD", "HostC"), third = make("HostB", "HostE");
    ((GwRollingHost *)first->hosts->pdata[0])->turn = GW_TURN_HELD;
    assert_ok(gw_store_rolling_add(fixture->store, first, &error_));
    assert_ok(gw_store_rolling_cancel(fixture->store, first->id, &error_));
    assert_ok(gw_store_rolling_add(fixture->store, second, &error_));
    GError *error = NULL;
    gboolean ok = gw_store_rolling_add(fixture->store, third, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, "Host HostB is in a rolling drain already", "rolling drain 1", NULL);
}

static void assert_stale(Fixture *fixture, GwRolling *rolling)
{
    GError *error = NULL;
    gboolean ok = gw_store_rolling_journal(fixture->store, rolling, NULL, &error);
    assert_fails(ok, error, GW_ERROR_STALE, "was changed by someone else", NULL);
}

/* Two that have read the same: one writes. */
static void test_versions(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwRolling) made = make("HostB", "HostC");
    assert_ok(gw_store_rolling_add(fixture->store, made, &error_));
    g_autoptr(GwRolling) one = read_back(fixture, 1), two = read_back(fixture, 1);
    ((GwRollingHost *)one->hosts->pdata[0])->turn = GW_TURN_BEFORE;
    assert_ok(gw_store_rolling_journal(fixture->store, one, NULL, &error_));
    assert_stale(fixture, two);
    ((GwRollingHost *)one->hosts->pdata[0])->turn = GW_TURN_EMPTYING;
    one->state = GW_ROLLING_FAILED;
    assert_ok(gw_store_rolling_journal(fixture->store, one, NULL, &error_));
    one->state = GW_ROLLING_RUNNING;
    assert_stale(fixture, one); /* it has ended */
    g_autoptr(GwRolling) back = read_back(fixture, 1);
    g_assert_cmpint(((GwRollingHost *)back->hosts->pdata[0])->turn, ==, GW_TURN_EMPTYING);
    g_assert_cmpint(back->state, ==, GW_ROLLING_FAILED);
}

static void test_cancel(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwRolling) made = make("HostB", "HostC");
    GError *error = NULL;
    gboolean ok = gw_store_rolling_cancel(fixture->store, 1, &error);
    assert_fails(ok, error, GW_ERROR_NOT_FOUND, "Rolling drain 1", NULL);
    assert_ok(gw_store_rolling_add(fixture->store, made, &error_));
    assert_ok(gw_store_rolling_cancel(fixture->store, 1, &error_));
    assert_stale(fixture, made); /* what was decided before it gives no host its turn */
    g_autoptr(GwRolling) told = read_back(fixture, 1);
    g_assert_true(told->cancelling && told->state == GW_ROLLING_RUNNING);
    assert_ok(gw_store_rolling_journal(fixture->store, told, NULL, &error_)); /* does not take it away */
    told->state = GW_ROLLING_CANCELLED;
    assert_ok(gw_store_rolling_journal(fixture->store, told, NULL, &error_));
    error = NULL;
    ok = gw_store_rolling_cancel(fixture->store, 1, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, "has ended already", NULL);
    g_autoptr(GwRolling) back = read_back(fixture, 1);
    g_assert_true(back->cancelling && back->state == GW_ROLLING_CANCELLED);
}

/* With the history: what runs is never forgotten. */
static void test_pruned(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwRolling) ended = make("HostB", "HostC"), runs = make("HostD", "HostE");
    gint64 forgotten;
    assert_ok(gw_store_rolling_add(fixture->store, ended, &error_));
    assert_ok(gw_store_rolling_add(fixture->store, runs, &error_));
    ended->state = GW_ROLLING_COMPLETED;
    ended->ended_us = 1000;
    assert_ok(gw_store_rolling_journal(fixture->store, ended, NULL, &error_));
    assert_ok(gw_store_prune(fixture->store, 1000, &forgotten, &error_));
    g_autoptr(GwRolling) kept = read_back(fixture, ended->id);
    g_assert_nonnull(kept);
    assert_ok(gw_store_prune(fixture->store, 1001, &forgotten, &error_));
    g_assert_null(read_back(fixture, ended->id));
    g_autoptr(GwRolling) running = read_back(fixture, runs->id);
    g_assert_nonnull(running);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("rollings/round-trip", test_round_trip);
    ADD("rollings/hosts", test_hosts_are_in_one);
    ADD("rollings/hosts-without-a-turn", test_hosts_without_a_turn);
    ADD("rollings/versions", test_versions);
    ADD("rollings/cancel", test_cancel);
    ADD("rollings/pruned", test_pruned);
    return g_test_run();
}
