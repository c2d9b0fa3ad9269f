/* Moves that wait for their turn: not looked at, checked once in it, in the order in which they were asked for, whatever happens to their
 * hosts and to the daemon meanwhile. */
#include "tests/engine/fixture.h"

#include <string.h>

enum { FAST_MBPS = 10000, SLOW_MBPS = 4, WAITING = 4 };

typedef struct {
    Fixture f;
    const char *first_uuid, *uuids[WAITING];
    gint64 first, ids[WAITING];
} Line;

/* A transient one is gone when it ends. */
static const char *add(Line *line, const char *name, gboolean persistent)
{
    GwInstance *instance = gw_sim_instance_new(name, 512);
    gw_sim_instance_add_disk(instance, GW_SIM_SHARED, 10);
    instance->power = GW_POWER_RUNNING;
    instance->persistent = persistent;
    return gw_sim_world_add_instance(line->f.world, "HostA", instance);
}

static void assert_queued(Line *line, gint64 id)
{
    g_autoptr(GwMigration) row = fixture_wait(&line->f, id, GW_MIGRATION_QUEUED);
    g_assert_cmpstr(gw_migration_state_name(row->state), ==, "queued");
}

/* One has the only turn on HostA, and keeps it; the others wait, in order, for dests[i]. */
static void line_open(Line *line, const char *world, const char *const *dests)
{
    fixture_open_turns(&line->f, world, 0, 1);
    line->first_uuid = add(line, "first", TRUE);
    for (guint i = 0; i < WAITING; i++) {
        g_autofree char *name = g_strdup_printf("vm%u", i);
        line->uuids[i] = add(line, name, FALSE);
    }
    fixture_refresh(&line->f);
    gw_sim_world_set_link(line->f.world, "HostA", SLOW_MBPS);
    line->first = fixture_move(&line->f, line->first_uuid, "HostB", GW_MOVE_LIVE);
    g_autoptr(GwMigration) row = fixture_wait(&line->f, line->first, GW_MIGRATION_RUNNING);
    g_assert_cmpstr(gw_migration_state_name(row->state), ==, "running");
    for (guint i = 0; i < WAITING; i++) {
        line->ids[i] = fixture_move(&line->f, line->uuids[i], dests[i], GW_MOVE_LIVE);
        g_assert_cmpint(line->ids[i], >, 0);
        assert_queued(line, line->ids[i]);
    }
}

static const char *const all_to_b[WAITING] = {"HostB", "HostB", "HostB", "HostB"};

static void let_go(Line *line)
{
    gw_sim_world_set_link(line->f.world, "HostA", FAST_MBPS);
}

/* The reason that people are shown. Owned by the caller. */
static char *shown(Line *line, gint64 id)
{
    GwMigrationQuery query = {.id = id};
    g_autoptr(GPtrArray) rows = NULL;
    g_assert_true(gw_engine_migrations(line->f.engine, &query, &rows, NULL));
    return g_strdup(((const GwMigration *)rows->pdata[0])->reason);
}

static void assert_shown(Line *line, gint64 id, const char *words)
{
    for (guint tries = 0;; tries++) {
        g_autofree char *reason = shown(line, id);
        if (reason && strstr(reason, words))
            return;
        if (tries > 5000)
            g_error("'%s' is not in '%s'", words, reason ? reason : "");
        g_usleep(1000);
    }
}

/* As programs are told. */
static void assert_waits_for(Line *line, gint64 id, const char *host)
{
    GwMigrationQuery query = {.id = id};
    g_autoptr(GPtrArray) rows = NULL;
    g_assert_true(gw_engine_migrations(line->f.engine, &query, &rows, NULL));
    g_assert_cmpstr(gw_migration_silent_host(rows->pdata[0]), ==, host);
}

static void assert_completed(Line *line, gint64 id)
{
    g_autoptr(GwMigration) row = fixture_wait(&line->f, id, GW_MIGRATION_COMPLETED);
    g_test_message("%s", row->reason ? row->reason : "");
    g_assert_cmpstr(gw_migration_state_name(row->state), ==, "completed");
}

/* Those that are left have gone one after the other, each when the one before it had left its turn. */
static void assert_in_order(Line *line)
{
    gint64 before_us = 0;
    for (guint i = 0; i < WAITING; i++) {
        g_autoptr(GwMigration) row = fixture_row(&line->f, line->ids[i]);
        if (row->state != GW_MIGRATION_COMPLETED)
            continue;
        g_assert_cmpint(row->started_us, >, before_us);
        before_us = row->started_us;
    }
}

static void line_close(Line *line)
{
    let_go(line);
    ASSERT_ENDS(&line->f, line->first, COMPLETED);
    for (guint i = 0; i < WAITING; i++)
        gw_migration_free(fixture_wait(&line->f, line->ids[i], GW_MIGRATION_COMPLETED));
    assert_in_order(line);
    fixture_close(&line->f);
}

static guint checks(Line *line)
{
    return gw_sim_world_calls(line->f.world, "HostA", "examine");
}

static void hear(Line *line, const char *host)
{
    fixture_ask(&line->f, host);
    if (!line->f.peer)
        return;
    Fixture other = line->f;
    other.engine = line->f.peer;
    fixture_ask(&other, host);
}

static void set_state(Line *line, const char *host, GwSimState state)
{
    gw_sim_world_set_state(line->f.world, host, state);
    hear(line, host);
}

/* ---- what it costs */

static guint looks(Line *line)
{
    guint sum = 0;
    for (guint i = 0; i < WAITING; i++)
        sum += fixture_looks(&line->f, line->ids[i]);
    return sum;
}

static void what_waits_is_not_looked_at_and_checked_once_in_its_turn(void)
{
    Line line;
    line_open(&line, "turns-idle", all_to_b);
    guint before = 0;
    for (guint tries = 0; before != looks(&line); tries++) { /* a longer sample of what its guest writes is taken first, once */
        g_assert_cmpuint(tries, <, 10);
        before = looks(&line);
        g_usleep(1500000); /* in the world more than a minute */
    }
    g_assert_cmpuint(before, <=, WAITING * 6);
    g_assert_cmpuint(checks(&line), ==, 1 + WAITING);
    let_go(&line);
    for (guint i = 0; i < WAITING; i++)
        assert_completed(&line, line.ids[i]);
    g_assert_cmpuint(checks(&line), ==, 1 + 2 * WAITING);
    line_close(&line);
}

static void a_turn_that_is_free_costs_one_check(void)
{
    Line line = {0};
    fixture_open_turns(&line.f, "turns-free", 0, 1);
    line.first_uuid = add(&line, "first", TRUE);
    fixture_refresh(&line.f);
    ASSERT_ENDS(&line.f, fixture_move(&line.f, line.first_uuid, "HostB", GW_MOVE_LIVE), COMPLETED);
    g_assert_cmpuint(checks(&line), ==, 1);
    fixture_close(&line.f);
}

static void its_place_is_told(void)
{
    Line line;
    line_open(&line, "turns-told", all_to_b);
    assert_shown(&line, line.ids[0], "it waits for its turn on HostA, first in line (max_concurrent_live_migrations = 1)");
    assert_shown(&line, line.ids[2], "it waits for its turn on HostA, third in line");
    line_close(&line);
}

/* ---- hosts that are silent */

static void a_silent_destination_is_waited_for(void)
{
    static const char *const dests[WAITING] = {"HostC", "HostB", "HostC", "HostB"};
    Line line;
    line_open(&line, "turns-silent", dests);
    set_state(&line, "HostC", GW_SIM_DOWN);
    assert_shown(&line, line.ids[2], "it waits until HostC answers, third in line (silent for some seconds)");
    assert_waits_for(&line, line.ids[2], "HostC");
    assert_waits_for(&line, line.ids[1], NULL);
    guint checked = checks(&line);
    let_go(&line);
    assert_completed(&line, line.ids[1]); /* they do not wait behind it */
    assert_completed(&line, line.ids[3]);
    assert_queued(&line, line.ids[0]);
    assert_shown(&line, line.ids[2], "it waits until HostC answers, second in line");
    g_assert_cmpuint(checks(&line), ==, checked + 2);
    set_state(&line, "HostC", GW_SIM_UP);
    assert_completed(&line, line.ids[0]);
    assert_completed(&line, line.ids[2]);
    assert_waits_for(&line, line.ids[2], NULL);
    g_assert_cmpuint(checks(&line), ==, checked + 4);
    g_autoptr(GwMigration) first = fixture_row(&line.f, line.ids[0]), third = fixture_row(&line.f, line.ids[2]);
    g_assert_cmpint(first->started_us, <, third->started_us);
    fixture_close(&line.f);
}

/* Nobody has noticed yet when its turn comes: it gives that back. */
static void a_turn_that_meets_silence_is_given_back(void)
{
    static const char *const dests[WAITING] = {"HostC", "HostB", "HostB", "HostB"};
    Line line;
    line_open(&line, "turns-vain", dests);
    gw_sim_world_fail(line.f.world, "HostC", "examine", 1, GW_ERROR_UNREACHABLE, GW_SIM_BEFORE);
    let_go(&line);
    for (guint i = 0; i < WAITING; i++)
        assert_completed(&line, line.ids[i]);
    fixture_close(&line.f);
}

static void a_silent_source_is_waited_for(void)
{
    Line line;
    line_open(&line, "turns-source", all_to_b);
    set_state(&line, "HostA", GW_SIM_DOWN);
    assert_shown(&line, line.ids[1], "it waits until HostA answers, second in line");
    let_go(&line);
    g_usleep(300000);
    for (guint i = 0; i < WAITING; i++)
        assert_queued(&line, line.ids[i]);
    set_state(&line, "HostA", GW_SIM_UP);
    line_close(&line);
}

/* Ten minutes; a move whose host answers waits for as long as it has to. */
static void a_host_that_does_not_come_back_ends_it(void)
{
    static const char *const dests[WAITING] = {"HostC", "HostB", "HostB", "HostB"};
    Line line;
    line_open(&line, "turns-lost", dests);
    gint64 since = g_get_monotonic_time();
    set_state(&line, "HostC", GW_SIM_DOWN);
    while (g_get_monotonic_time() - since < (gint64)700 * G_USEC_PER_SEC / HASTE) {
        hear(&line, "HostC");
        g_usleep(50000);
        if (g_get_monotonic_time() - since < (gint64)550 * G_USEC_PER_SEC / HASTE)
            assert_queued(&line, line.ids[0]);
    }
    ASSERT_ENDS(&line.f, line.ids[0], FAILED);
    g_autoptr(GwMigration) row = fixture_row(&line.f, line.ids[0]);
    g_assert_cmpstr(row->reason, ==, "the destination host does not answer, and has not for ten minutes");
    set_state(&line, "HostC", GW_SIM_UP);
    line_close(&line);
}

/* ---- what ends it at once */

static void force_down(Line *line, const char *host)
{
    GwHostEdit edit = {.forced_down = GW_SWITCH_ON};
    g_autoptr(GError) error = NULL;
    gw_engine_host_edit(line->f.engine, host, &edit, &error);
    g_assert_no_error(error);
}

/* Ends while the turn is not free: nobody had to wait for it. */
static void assert_ends_at_once(Line *line, gint64 id, const char *state, const char *words)
{
    g_autoptr(GwMigration) row = fixture_wait(&line->f, id, GW_MIGRATION_STATE_COUNT), first = fixture_row(&line->f, line->first);
    g_assert_cmpstr(gw_migration_state_name(row->state), ==, state);
    g_assert_nonnull(strstr(row->reason, words));
    g_assert_cmpstr(gw_migration_state_name(first->state), ==, "running");
}

static void a_destination_that_is_forced_down_ends_it(void)
{
    static const char *const dests[WAITING] = {"HostC", "HostB", "HostC", "HostB"};
    Line line;
    line_open(&line, "turns-forced", dests);
    force_down(&line, "HostC");
    assert_ends_at_once(&line, line.ids[0], "failed", "the destination host was forced down while the move waited for its turn");
    assert_ends_at_once(&line, line.ids[2], "failed", "the destination host was forced down");
    assert_shown(&line, line.ids[3], "second in line");
    line_close(&line);
}

static void a_source_that_is_forced_down_ends_it(void)
{
    Line line;
    line_open(&line, "turns-forced-source", all_to_b);
    force_down(&line, "HostA");
    for (guint i = 0; i < WAITING; i++)
        assert_ends_at_once(&line, line.ids[i], "failed", "the source host was forced down while the move waited for its turn");
    line_close(&line);
}

static void an_instance_that_is_gone_ends_it(void)
{
    Line line;
    line_open(&line, "turns-gone", all_to_b);
    gw_sim_world_kill_guest(line.f.world, "HostA", line.uuids[1]);
    assert_ends_at_once(&line, line.ids[1], "failed", "the instance went away from its host");
    assert_shown(&line, line.ids[2], "second in line");
    line_close(&line);
}

static void an_abort_ends_it(void)
{
    Line line;
    line_open(&line, "turns-abort", all_to_b);
    set_state(&line, "HostB", GW_SIM_DOWN); /* not even its hosts are asked */
    GwMoveRequest request = {.instance_uuid = line.uuids[0], .request_id = "req-abort"};
    g_autoptr(GError) error = NULL;
    gw_engine_abort(line.f.engine, &request, line.ids[0], &error);
    g_assert_no_error(error);
    assert_ends_at_once(&line, line.ids[0], "cancelled", "cancelled before it began");
    set_state(&line, "HostB", GW_SIM_UP);
    line_close(&line);
}

static void a_cold_one_can_be_withdrawn(void)
{
    Line line;
    line_open(&line, "turns-cold", all_to_b);
    const char *uuid = add(&line, "cold", TRUE);
    fixture_refresh(&line.f);
    gint64 id = fixture_move(&line.f, uuid, "HostB", GW_MOVE_COLD);
    assert_queued(&line, id);
    set_state(&line, "HostB", GW_SIM_DOWN);
    GwMoveRequest request = {.instance_uuid = uuid, .request_id = "req-abort"};
    g_autoptr(GError) error = NULL;
    gw_engine_abort(line.f.engine, &request, id, &error);
    g_assert_no_error(error);
    assert_ends_at_once(&line, id, "cancelled", "cancelled before it began");
    gw_engine_abort(line.f.engine, &request, id, &error);
    g_assert_error(error, GW_ERROR, GW_ERROR_NOT_FOUND);
    set_state(&line, "HostB", GW_SIM_UP);
    line_close(&line);
}

/* ---- a destination that was left open */

static void what_goes_anywhere_is_sent_elsewhere(void)
{
    static const char *const dests[WAITING] = {NULL, "HostB", "HostB", "HostB"};
    Line line;
    line_open(&line, "turns-anywhere", dests);
    g_autoptr(GwMigration) before = fixture_row(&line.f, line.ids[0]);
    g_assert_cmpstr(before->dest, ==, "HostC"); /* the other one has the first already */
    force_down(&line, "HostC");
    let_go(&line);
    assert_completed(&line, line.ids[0]);
    g_autoptr(GwMigration) after = fixture_row(&line.f, line.ids[0]);
    g_assert_cmpstr(after->dest, ==, "HostB");
    line_close(&line);
}

static void what_goes_anywhere_waits_for_a_silent_host_where_there_is_no_other(void)
{
    static const char *const dests[WAITING] = {NULL, "HostB", "HostB", "HostB"};
    Line line;
    line_open(&line, "turns-anywhere-silent", dests);
    GwHostEdit edit = {.enabled = GW_SWITCH_OFF, .disabled_reason = "full"};
    g_autoptr(GError) error = NULL;
    gw_engine_host_edit(line.f.engine, "HostB", &edit, &error);
    g_assert_no_error(error);
    set_state(&line, "HostC", GW_SIM_DOWN);
    let_go(&line);
    ASSERT_ENDS(&line.f, line.first, COMPLETED);
    assert_shown(&line, line.ids[0], "it waits for another turn on HostA");
    set_state(&line, "HostC", GW_SIM_UP);
    assert_completed(&line, line.ids[0]);
    fixture_close(&line.f);
}

/* ---- restarts */

static void a_restart_keeps_the_line(void)
{
    static const char *const dests[WAITING] = {"HostC", "HostB", NULL, "HostC"};
    Line line;
    line_open(&line, "turns-restart", dests);
    for (guint i = 0; i < 3; i++) {
        fixture_stop(&line.f);
        fixture_start(&line.f);
    }
    fixture_refresh(&line.f);
    for (guint i = 0; i < WAITING; i++)
        assert_queued(&line, line.ids[i]);
    assert_shown(&line, line.ids[3], "it waits for its turn on HostA, fourth in line");
    line_close(&line);
}

/* The turn comes free in the very moment of the restart, and hosts are asked one after the other. */
static void nobody_is_overtaken_after_a_restart(void)
{
    static const char *const dests[WAITING] = {"HostC", "HostB", NULL, "HostB"};
    Line line;
    line_open(&line, "turns-restart-free", dests);
    fixture_stop(&line.f);
    gw_sim_world_set_state(line.f.world, "HostC", GW_SIM_HANGS); /* it answers last */
    let_go(&line);
    fixture_start(&line.f);
    g_usleep(50000);
    gw_sim_world_set_state(line.f.world, "HostC", GW_SIM_UP);
    line_close(&line);
}

/* The other daemon carries them on, in the same order. Either may have led HostA, so that both are stopped, one after the other. */
static void another_daemon_keeps_the_line(void)
{
    Line line;
    line_open(&line, "turns-takeover", all_to_b);
    fixture_stop(&line.f);
    g_usleep(500000);
    fixture_start(&line.f);
    fixture_refresh(&line.f);
    gw_engine_stop(line.f.peer);
    gw_engine_free(g_steal_pointer(&line.f.peer));
    gw_store_close(g_steal_pointer(&line.f.peer_store));
    for (guint i = 0; i < WAITING; i++)
        assert_queued(&line, line.ids[i]);
    assert_shown(&line, line.ids[3], "it waits for its turn on HostA, fourth in line");
    line_close(&line);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/engine/" #test, test)
    ADD(what_waits_is_not_looked_at_and_checked_once_in_its_turn);
    ADD(a_turn_that_is_free_costs_one_check);
    ADD(its_place_is_told);
    ADD(a_silent_destination_is_waited_for);
    ADD(a_turn_that_meets_silence_is_given_back);
    ADD(a_silent_source_is_waited_for);
    ADD(a_host_that_does_not_come_back_ends_it);
    ADD(a_destination_that_is_forced_down_ends_it);
    ADD(a_source_that_is_forced_down_ends_it);
    ADD(an_instance_that_is_gone_ends_it);
    ADD(an_abort_ends_it);
    ADD(a_cold_one_can_be_withdrawn);
    ADD(what_goes_anywhere_is_sent_elsewhere);
    ADD(what_goes_anywhere_waits_for_a_silent_host_where_there_is_no_other);
    ADD(a_restart_keeps_the_line);
    ADD(nobody_is_overtaken_after_a_restart);
    if (g_getenv("GODWIT_POSTGRES")) /* where there is another daemon */
        ADD(another_daemon_keeps_the_line);
    return g_test_run();
}
