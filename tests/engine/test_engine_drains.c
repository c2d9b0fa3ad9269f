/* Drains over the simulator: what goes on while a part of them cannot. */
#include "tests/engine/fixture.h"

#include <string.h>

enum { GUESTS = 3, LINK_MBPS = 800, TRIES = 10000 };

static void begin(Fixture *f, gint64 *ret_id)
{
    char *hosts[] = {(char *)"HostA", NULL};
    GwDrainOrder order = {.hosts = hosts, .per_host = 1, .request_id = "req-drain"};
    g_autoptr(GwDrain) drain = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    g_autoptr(GError) error = NULL;
    gw_engine_drain(f->engine, &order, &drain, &moves, &error);
    g_assert_no_error(error);
    *ret_id = drain->id;
}

/* How many moves of the drain are in state; ret_dest (may be NULL): where one of them goes. */
static guint count(Fixture *f, gint64 id, GwStepState state, char **ret_dest)
{
    g_autoptr(GPtrArray) moves = NULL;
    g_autoptr(GError) error = NULL;
    guint found = 0;
    gw_store_drain_moves(f->store, id, &moves, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < moves->len; i++) {
        const GwDrainMove *move = moves->pdata[i];
        if (move->state != state)
            continue;
        if (ret_dest && !found)
            *ret_dest = g_strdup(move->dest);
        found++;
    }
    return found;
}

static void wait_for(Fixture *f, gint64 id, GwStepState state, guint wanted)
{
    for (guint tries = 0; count(f, id, state, NULL) < wanted; tries++) {
        g_assert_cmpuint(tries, <, TRIES);
        g_usleep(1000);
    }
}

static void wait_until_down(Fixture *f, const char *host)
{
    for (guint tries = 0; tries < TRIES && fixture_ask(f, host); tries++)
        g_usleep(1000);
}

static gboolean all_moved(Fixture *f, gint64 id)
{
    return count(f, id, GW_STEP_MOVED, NULL) == GUESTS;
}

/* One at a time: the move whose destination has died waits, since silence proves nothing; the link that it held is free. */
static void a_move_to_a_dead_host_keeps_no_other_waiting(void)
{
    Fixture f;
    gint64 id;
    g_autofree char *died = NULL;
    fixture_open(&f, "drain-dead", 0);
    for (guint i = 0; i < GUESTS; i++) {
        g_autofree char *name = g_strdup_printf("vm%u", i);
        fixture_add(&f, "HostA", name, 8192, GW_SIM_SHARED, GW_POWER_RUNNING);
    }
    gw_sim_world_set_link(f.world, "HostA", LINK_MBPS);
    fixture_refresh(&f);
    begin(&f, &id);
    for (guint tries = 0; !gw_sim_world_copies(f.world); tries++) {
        g_assert_cmpuint(tries, <, TRIES);
        g_usleep(1000);
    }
    g_usleep(100 * 1000);
    g_assert_cmpuint(count(&f, id, GW_STEP_MOVING, &died), ==, 1);
    gw_sim_world_crash(f.world, died);
    wait_until_down(&f, died);
    wait_for(&f, id, GW_STEP_MOVED, GUESTS - 1);
    g_assert_cmpuint(count(&f, id, GW_STEP_MOVING, NULL), ==, 1);
    gw_sim_world_boot(f.world, died);
    for (guint tries = 0; !all_moved(&f, id); tries++) {
        g_assert_cmpuint(tries, <, TRIES);
        fixture_ask(&f, died);
        g_usleep(1000);
    }
    fixture_close(&f);
}

static void await_end(Fixture *f, gint64 id, GwDrainState wanted)
{
    for (guint tries = 0;; tries++) {
        g_autoptr(GwDrain) drain = NULL;
        g_autoptr(GPtrArray) moves = NULL;
        g_assert_true(gw_engine_drain_show(f->engine, id, &drain, &moves, NULL));
        if (drain->state != GW_DRAIN_RUNNING) {
            g_assert_cmpstr(gw_drain_state_name(drain->state), ==, gw_drain_state_name(wanted));
            return;
        }
        g_assert_cmpuint(tries, <, TRIES);
        g_usleep(1000);
    }
}

static void assert_disabled(Fixture *f, const char *host, gboolean disabled, const char *reason)
{
    g_autoptr(GwHostView) view = gw_engine_host(f->engine, host);
    g_assert_cmpint(!view->row->enabled, ==, disabled);
    g_assert_cmpstr(view->row->disabled_reason, ==, reason);
}

/* A drain is seen to have ended a moment before its hosts say so. */
static void await_disabled(Fixture *f, const char *host, const char *reason)
{
    for (guint tries = 0; tries < TRIES; tries++, g_usleep(1000)) {
        g_autoptr(GwHostView) view = gw_engine_host(f->engine, host);
        if (g_strcmp0(view->row->disabled_reason, reason) == 0)
            break;
    }
    assert_disabled(f, host, TRUE, reason);
}

static guint undrain(Fixture *f, const char *host, gboolean back)
{
    GwDrainOrder order = {.return_later = back, .request_id = "req-undrain"};
    g_autoptr(GwDrain) drain = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    g_autoptr(GError) error = NULL;
    gw_engine_undrain(f->engine, host, &order, &drain, &moves, &error);
    g_assert_no_error(error);
    if (drain)
        await_end(f, drain->id, GW_DRAIN_COMPLETED);
    return moves ? moves->len : 0;
}

static void edit(Fixture *f, const char *host, GwHostEdit edit)
{
    g_assert_true(gw_engine_host_edit(f->engine, host, &edit, NULL));
}

/* Nothing can be asked of such a host: said at once, and the host is left as it is. */
static void a_host_that_is_forced_down_is_not_drained(void)
{
    Fixture f;
    char *hosts[] = {(char *)"HostA", NULL};
    GwDrainOrder order = {.hosts = hosts, .request_id = "req-drain"};
    g_autoptr(GwDrain) drain = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    g_autoptr(GError) error = NULL;
    fixture_open(&f, "drain-forced", 0);
    edit(&f, "HostA", (GwHostEdit){.forced_down = GW_SWITCH_ON});
    g_assert_false(gw_engine_drain(f.engine, &order, &drain, &moves, &error));
    g_assert_true(g_error_matches(error, GW_ERROR, GW_ERROR_CONFLICT));
    g_assert_nonnull(strstr(error->message, "HostA is forced down"));
    g_assert_nonnull(strstr(error->message, "service-force-down --unset HostA"));
    assert_disabled(&f, "HostA", FALSE, NULL);
    fixture_close(&f);
}

/* What had come to the host in between left by the second drain, and comes home with what left by the first. */
static void undrain_undoes_all_drains_since_the_last(void)
{
    Fixture f;
    gint64 first, second;
    fixture_open(&f, "drain-twice", 0);
    fixture_add(&f, "HostA", "vm1", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    edit(&f, "HostA", (GwHostEdit){.enabled = GW_SWITCH_OFF, .disabled_reason = "new RAM"});
    begin(&f, &first);
    assert_disabled(&f, "HostA", TRUE, "drained (drain 1); disabled before: new RAM");
    await_end(&f, first, GW_DRAIN_COMPLETED);
    fixture_add(&f, "HostA", "vm2", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    begin(&f, &second);
    await_end(&f, second, GW_DRAIN_COMPLETED);
    fixture_refresh(&f);
    g_assert_cmpuint(undrain(&f, "HostA", TRUE), ==, 0); /* nothing comes to a disabled host */
    assert_disabled(&f, "HostA", TRUE, "new RAM");
    g_assert_cmpuint(undrain(&f, "HostA", TRUE), ==, 2);
    fixture_refresh(&f);
    g_assert_cmpuint(undrain(&f, "HostA", TRUE), ==, 0);
    assert_disabled(&f, "HostA", FALSE, NULL);
    fixture_close(&f);
}

/* An undrain that brings nothing home ends the memory of what left before it. */
static void undrain_does_not_look_behind_another(void)
{
    Fixture f;
    gint64 id;
    fixture_open(&f, "drain-behind", 0);
    fixture_add(&f, "HostA", "vm1", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    begin(&f, &id);
    await_end(&f, id, GW_DRAIN_COMPLETED);
    g_assert_cmpuint(undrain(&f, "HostA", FALSE), ==, 0);
    assert_disabled(&f, "HostA", FALSE, NULL);
    g_assert_cmpuint(undrain(&f, "HostA", TRUE), ==, 0);
    fixture_close(&f);
}

/* It stays disabled, and is not called drained. */
static void a_cancelled_drain_says_so(void)
{
    Fixture f;
    gint64 id;
    fixture_open(&f, "drain-cancelled", 0);
    fixture_add(&f, "HostA", "vm1", 8192, GW_SIM_SHARED, GW_POWER_RUNNING);
    gw_sim_world_set_link(f.world, "HostA", LINK_MBPS);
    fixture_refresh(&f);
    begin(&f, &id);
    assert_disabled(&f, "HostA", TRUE, "drained (drain 1)");
    g_assert_true(gw_engine_drain_cancel(f.engine, id, NULL));
    await_end(&f, id, GW_DRAIN_CANCELLED);
    await_disabled(&f, "HostA", "drain 1 was cancelled");
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/engine/drain/dead-destination", a_move_to_a_dead_host_keeps_no_other_waiting);
    g_test_add_func("/engine/drain/forced-down", a_host_that_is_forced_down_is_not_drained);
    g_test_add_func("/engine/drain/undrain-all", undrain_undoes_all_drains_since_the_last);
    g_test_add_func("/engine/drain/undrain-behind", undrain_does_not_look_behind_another);
    g_test_add_func("/engine/drain/cancelled", a_cancelled_drain_says_so);
    return g_test_run();
}
