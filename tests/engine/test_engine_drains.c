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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/engine/drain/dead-destination", a_move_to_a_dead_host_keeps_no_other_waiting);
    return g_test_run();
}
