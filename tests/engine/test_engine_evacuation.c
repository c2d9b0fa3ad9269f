/* Evacuation over the simulator: what may be evacuated, and what becomes of it. */
#include "tests/engine/losses.h"

#include <string.h>

static void assert_refused(Fixture *f, const char *uuid, const char *word)
{
    fixture_assert_no_evacuation(f, uuid, GW_ERROR_INVALID, word);
}

static void what_ran_runs_elsewhere_and_what_was_stopped_is_stopped_there(void)
{
    Fixture f;
    fixture_open(&f, "evacuation", 0);
    const char *ran = fixture_add(&f, "HostA", "ran", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    const char *rested = fixture_add(&f, "HostA", "rested", 512, GW_SIM_SHARED, GW_POWER_SHUTDOWN);
    fixture_refresh(&f);
    fixture_lose(&f, "HostA");
    gint64 first = fixture_move(&f, ran, NULL, GW_MOVE_EVACUATE);
    gint64 second = fixture_move(&f, rested, "HostC", GW_MOVE_EVACUATE);
    ASSERT_ENDS(&f, first, EVACUATED);
    ASSERT_ENDS(&f, second, EVACUATED);
    fixture_settle(&f, ran);
    fixture_assert_home(&f, rested, "HostC");
    g_assert_cmpstr(gw_sim_world_runs_on(f.world, ran), !=, NULL);
    g_assert_cmpstr(gw_sim_world_runs_on(f.world, rested), ==, NULL);
    /* it is free to go on, while its old host is still away */
    g_autoptr(GwInstanceView) view = gw_engine_instance(f.engine, ran);
    ASSERT_ENDS(&f, fixture_move(&f, ran, strcmp(view->host, "HostB") == 0 ? "HostC" : "HostB", GW_MOVE_LIVE), COMPLETED);
    /* and when that comes back, what it still has is removed, not started */
    gw_sim_world_boot(f.world, "HostA");
    fixture_wait_for_state(&f, first, GW_MIGRATION_COMPLETED);
    fixture_wait_for_state(&f, second, GW_MIGRATION_COMPLETED);
    fixture_refresh(&f);
    g_autoptr(GwHostView) host = gw_engine_host(f.engine, "HostA");
    g_assert_cmpuint(host->instances, ==, 0);
    fixture_close(&f);
}

/* The instance itself must not be taken for what its evacuation has left: it would be called a copy that runs twice. */
static void it_returns_only_once_its_old_host_is_cleared(void)
{
    enum { FAILURES = 200 };
    Fixture f;
    fixture_open(&f, "return", 0);
    const char *uuid = fixture_add(&f, "HostA", "ran", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    fixture_lose(&f, "HostA");
    gint64 evacuation = fixture_move(&f, uuid, "HostB", GW_MOVE_EVACUATE);
    ASSERT_ENDS(&f, evacuation, EVACUATED);
    fixture_settle(&f, uuid);
    for (guint i = 0; i < FAILURES; i++) /* one after the other */
        gw_sim_world_fail(f.world, "HostA", "forget", 1, GW_ERROR_FAILED, GW_SIM_BEFORE);
    fixture_come_back(&f, "HostA");
    gint64 early = fixture_move(&f, uuid, "HostA", GW_MOVE_LIVE);
    ASSERT_ENDS(&f, early, FAILED);
    g_autoptr(GwMigration) refused = fixture_row(&f, early);
    g_test_message("%s", refused->reason);
    g_assert_nonnull(strstr(refused->reason, "HostA still holds what the instance left there"));
    fixture_wait_for_state(&f, evacuation, GW_MIGRATION_COMPLETED);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostA", GW_MOVE_LIVE), COMPLETED);
    fixture_assert_home(&f, uuid, "HostA");
    g_assert_cmpstr(gw_sim_world_runs_on(f.world, uuid), ==, "HostA");
    fixture_close(&f);
}

static void move_cold(Fixture *f, const char *uuid, const char *dest)
{
    gint64 id = fixture_move(f, uuid, dest, GW_MOVE_COLD);
    ASSERT_ENDS(f, id, FINISHED);
    GwMoveRequest confirm = {.instance_uuid = uuid, .request_id = "req-confirm"};
    g_autoptr(GError) error = NULL;
    gw_engine_confirm(f->engine, &confirm, &error);
    g_assert_no_error(error);
    ASSERT_ENDS(f, id, CONFIRMED);
    fixture_settle(f, uuid);
}

/* Its definition left the store with it, and is the same when it is back: it is kept again all the same. */
static void one_that_has_come_back_is_evacuated_again(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-again", 0);
    const char *evacuated = fixture_add(&f, "HostA", "evacuated", 512, GW_SIM_SHARED, GW_POWER_SHUTDOWN);
    const char *moved = fixture_add(&f, "HostA", "moved", 512, GW_SIM_SHARED, GW_POWER_SHUTDOWN);
    fixture_refresh(&f);
    move_cold(&f, moved, "HostB");
    fixture_lose(&f, "HostA");
    gint64 first = fixture_move(&f, evacuated, "HostB", GW_MOVE_EVACUATE);
    ASSERT_ENDS(&f, first, EVACUATED);
    fixture_settle(&f, evacuated);
    fixture_come_back(&f, "HostA");
    fixture_wait_for_state(&f, first, GW_MIGRATION_COMPLETED);
    fixture_add(&f, "HostA", "other", 512, GW_SIM_SHARED, GW_POWER_SHUTDOWN); /* what HostA has changes: it is recorded */
    fixture_refresh(&f);
    move_cold(&f, evacuated, "HostA");
    move_cold(&f, moved, "HostA");
    fixture_refresh(&f);
    fixture_lose(&f, "HostA");
    ASSERT_ENDS(&f, fixture_move(&f, evacuated, "HostB", GW_MOVE_EVACUATE), EVACUATED);
    ASSERT_ENDS(&f, fixture_move(&f, moved, "HostC", GW_MOVE_EVACUATE), EVACUATED);
    fixture_close(&f);
}

static void only_a_host_that_is_down_and_vouched_for_is_evacuated(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-fence", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    assert_refused(&f, uuid, "It answers");
    fixture_force_down(&f, "HostA", GW_SWITCH_ON);
    assert_refused(&f, uuid, "it is forced down, but answered until");
    fixture_force_down(&f, "HostA", GW_SWITCH_OFF);
    gw_sim_world_set_state(f.world, "HostA", GW_SIM_DOWN); /* a broken cable: it runs on */
    fixture_wait_until(&f, "HostA", FALSE);
    assert_refused(&f, uuid, "service-force-down");
    gw_sim_world_set_state(f.world, "HostA", GW_SIM_UP);
    fixture_close(&f);
}

static gint64 seen_us(Fixture *f, const char *host)
{
    g_autoptr(GwHostView) view = gw_engine_host(f->engine, host);
    return view->seen_us;
}

/* Its last answer may be as old as the interval of looks at everything: whoever is refused for it need not wait for the next of these. */
static void a_host_that_answered_lately_is_asked_by_the_refusal(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-lately", 0);
    fixture_stop(&f);
    f.look_s = 3600;
    fixture_start(&f);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    fixture_force_down(&f, "HostA", GW_SWITCH_ON);
    g_usleep(200000); /* what the new instance gave to ask for has been asked */
    gint64 before_us = seen_us(&f, "HostA");
    assert_refused(&f, uuid, "s ago, and said that vm is running there. It is being asked now: if it is switched off, ask again in ");
    for (guint tries = 0; seen_us(&f, "HostA") == before_us && tries < 5000; tries++)
        g_usleep(1000);
    g_assert_cmpint(seen_us(&f, "HostA"), >, before_us);
    gw_sim_world_crash(f.world, "HostA");
    fixture_wait_until(&f, "HostA", FALSE);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostB", GW_MOVE_EVACUATE), EVACUATED);
    fixture_close(&f);
}

static void a_disk_that_only_the_lost_host_has_is_not_made_anew(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-local", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_LOCAL, GW_POWER_RUNNING);
    fixture_refresh(&f);
    fixture_lose(&f, "HostA");
    gint64 id = fixture_move(&f, uuid, "HostB", GW_MOVE_EVACUATE);
    ASSERT_ENDS(&f, id, FAILED);
    g_autoptr(GwMigration) row = fixture_row(&f, id);
    g_assert_nonnull(strstr(row->reason, "only what lies on shared storage can be evacuated"));
    fixture_assert_home(&f, uuid, "HostA");
    fixture_close(&f);
}

/* The definitions are in the store: the daemon may have been restarted since. */
static void a_restarted_daemon_knows_what_was_on_the_lost_host(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-restart", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    fixture_lose(&f, "HostA");
    fixture_stop(&f);
    fixture_start(&f);
    fixture_wait_until(&f, "HostA", FALSE);
    gint64 id = fixture_move(&f, uuid, "HostB", GW_MOVE_EVACUATE);
    ASSERT_ENDS(&f, id, EVACUATED);
    fixture_assert_home(&f, uuid, "HostB");
    /* and what it left is remembered, too */
    fixture_stop(&f);
    fixture_start(&f);
    gw_sim_world_boot(f.world, "HostA");
    fixture_wait_for_state(&f, id, GW_MIGRATION_COMPLETED);
    fixture_assert_home(&f, uuid, "HostB");
    fixture_close(&f);
}

/* A daemon that starts anew remembers it on both hosts; and, once the guest has ended where it is, as running on the one that is lost alone. */
static void what_was_taken_back_from_a_lost_host_is_not_evacuated_from_there(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-reverted", 0);
    const char *uuid = fixture_add(&f, "HostB", "vm", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    gint64 id = fixture_move(&f, uuid, "HostA", GW_MOVE_COLD);
    ASSERT_ENDS(&f, id, FINISHED);
    fixture_refresh(&f);
    fixture_lose(&f, "HostA");
    GwMoveRequest revert = {.instance_uuid = uuid, .request_id = "req-revert"};
    g_autoptr(GError) error = NULL;
    g_assert_true(gw_engine_revert(f.engine, &revert, &error));
    ASSERT_ENDS(&f, id, REVERTED);
    fixture_assert_home(&f, uuid, "HostB");
    for (guint turn = 0; turn < 2; turn++) {
        fixture_stop(&f);
        if (turn == 1)
            gw_sim_world_kill_guest(f.world, "HostB", uuid);
        fixture_start(&f);
        fixture_wait_until(&f, "HostA", FALSE);
        g_assert_true(fixture_ask(&f, "HostB"));
        fixture_assert_home(&f, uuid, "HostB");
        assert_refused(&f, uuid, "It answers");
    }
    fixture_force_down(&f, "HostA", GW_SWITCH_OFF); /* what it said last is older than the move that left it all the same */
    fixture_assert_home(&f, uuid, "HostB");
    g_assert_cmpuint(gw_sim_world_homes(f.world, uuid), ==, 2); /* one of them on the host that is down */
    fixture_close(&f);
}

static void a_start_that_fails_is_undone(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-undone", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    fixture_lose(&f, "HostA");
    gw_sim_world_fail(f.world, "HostB", "start", 1, GW_ERROR_FAILED, GW_SIM_BEFORE);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostB", GW_MOVE_EVACUATE), FAILED);
    fixture_settle(&f, uuid);
    g_autoptr(GwHostView) host = gw_engine_host(f.engine, "HostB");
    g_assert_cmpuint(host->instances, ==, 0);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostB", GW_MOVE_EVACUATE), EVACUATED);
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/evacuation/" #test, test)
    ADD(what_ran_runs_elsewhere_and_what_was_stopped_is_stopped_there);
    ADD(it_returns_only_once_its_old_host_is_cleared);
    ADD(one_that_has_come_back_is_evacuated_again);
    ADD(only_a_host_that_is_down_and_vouched_for_is_evacuated);
    ADD(a_host_that_answered_lately_is_asked_by_the_refusal);
    ADD(a_disk_that_only_the_lost_host_has_is_not_made_anew);
    ADD(a_restarted_daemon_knows_what_was_on_the_lost_host);
    ADD(what_was_taken_back_from_a_lost_host_is_not_evacuated_from_there);
    ADD(a_start_that_fails_is_undone);
    return g_test_run();
}
