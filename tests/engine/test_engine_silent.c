/* Hosts that do not answer are asked anew for somebody who wants something of them: at once, once for all, and not for long. */
#include "engine/internal.h"
#include "tests/engine/fixture.h"

enum { FEW_MS = 60 /* longer than the shortest pause before a silent host is tried again */, HANG_MS = 4000, HOSTS = 5, TRIES = 3 };

static void count(gpointer data, const GError *error)
{
    g_assert_no_error(error);
    g_atomic_int_inc((gint *)data);
}

static gboolean is_up(Fixture *f, const char *host)
{
    g_autoptr(GwHostView) view = gw_engine_host(f->engine, host);
    return view->up;
}

static gint64 await(gint *told, gint wanted)
{
    gint64 begun_us = g_get_monotonic_time();
    while (g_atomic_int_get(told) < wanted)
        g_usleep(1000);
    return (g_get_monotonic_time() - begun_us) / 1000;
}

/* It is known to be silent, and asking it is not forbidden by the pause. */
static void falls_silent(Fixture *f, const char *host)
{
    gw_sim_world_set_state(f->world, host, GW_SIM_DOWN);
    g_assert_false(fixture_ask(f, host));
    g_assert_false(is_up(f, host));
    g_usleep(FEW_MS * 1000);
}

static void open_patient(Fixture *f, const char *world, guint call_timeout_ms)
{
    fixture_open(f, world, 0);
    fixture_stop(f);
    f->call_timeout_ms = call_timeout_ms;
    f->look_s = 60; /* nobody is asked because it is time to */
    fixture_start(f);
    fixture_refresh(f);
}

static void a_host_that_is_back_is_asked_at_once(void)
{
    Fixture f;
    gint told = 0;
    open_patient(&f, "silent-back", 0);
    for (guint i = 0; i < TRIES; i++) { /* so that the pause has become longer; and it says nothing of itself when it is back */
        gw_sim_world_fail(f.world, "HostB", "facts", 1, GW_ERROR_UNREACHABLE, GW_SIM_BEFORE);
        g_assert_false(fixture_ask(&f, "HostB"));
        g_usleep(FEW_MS * 1000);
    }
    g_assert_false(is_up(&f, "HostB"));
    g_assert_true(gw_engine_ask_anew(f.engine, "HostB", count, &told));
    g_assert_cmpint(await(&told, 1), <, GW_ASK_ANEW_MS);
    g_assert_true(is_up(&f, "HostB"));
    fixture_close(&f);
}

static void who_need_not_be_asked_is_not(void)
{
    Fixture f;
    gint told = 0;
    fixture_open(&f, "silent-not", 0);
    g_assert_false(gw_engine_ask_anew(f.engine, "HostA", count, &told)); /* it answers */
    g_assert_false(gw_engine_ask_anew(f.engine, "HostZ", count, &told));
    falls_silent(&f, "HostB");
    GwHostEdit edit = {.forced_down = GW_SWITCH_ON};
    g_autoptr(GError) error = NULL;
    gw_engine_host_edit(f.engine, "HostB", &edit, &error);
    g_assert_no_error(error);
    g_assert_false(gw_engine_ask_anew(f.engine, "HostB", count, &told));
    fixture_close(&f);
    g_assert_cmpint(told, ==, 0);
}

/* All who come in the first two seconds are told together when these are over; who comes later is refused at once. */
static void a_host_that_hangs_keeps_nobody_for_long(void)
{
    enum { MANY = 100 };
    Fixture f;
    gint told = 0;
    open_patient(&f, "silent-hangs", HANG_MS);
    falls_silent(&f, "HostB");
    gw_sim_world_set_state(f.world, "HostB", GW_SIM_HANGS);
    for (guint i = 0; i < MANY; i++)
        g_assert_true(gw_engine_ask_anew(f.engine, "HostB", count, &told));
    gint64 ms = await(&told, MANY);
    g_assert_cmpint(ms, >=, GW_ASK_ANEW_MS - 200);
    g_assert_cmpint(ms, <, HANG_MS);
    g_assert_false(gw_engine_ask_anew(f.engine, "HostB", count, &told));
    fixture_close(&f);
    g_assert_cmpint(told, ==, MANY);
}

/* Hosts that hang hold the threads that ask the others. */
static void no_more_than_a_few_are_asked_so(void)
{
    static const char *const hosts[HOSTS] = {"HostA", "HostB", "HostC", "HostD", "HostE"};
    Fixture f;
    gint told = 0;
    open_patient(&f, "silent-few", HANG_MS);
    fixture_add_host(&f, "HostD");
    fixture_add_host(&f, "HostE");
    for (guint i = 0; i < HOSTS; i++)
        falls_silent(&f, hosts[i]);
    for (guint i = 0; i < HOSTS; i++)
        gw_sim_world_set_state(f.world, hosts[i], GW_SIM_HANGS);
    guint waits = 0; /* one that is down may be asked at that moment because it is time to */
    for (guint i = 0; i < HOSTS; i++)
        waits += gw_engine_ask_anew(f.engine, hosts[i], count, &told);
    g_mutex_lock(&f.engine->lock);
    g_assert_cmpuint(f.engine->asked_anew, <, HOSTS);
    g_mutex_unlock(&f.engine->lock);
    g_assert_cmpuint(waits, >=, HOSTS - 1);
    await(&told, (gint)waits);
    fixture_close(&f);
}

/* The last reference to a wait goes with the engine. */
static void an_engine_that_stops_leaves_nobody_waiting(void)
{
    Fixture f;
    gint told = 0;
    open_patient(&f, "silent-stops", 500);
    falls_silent(&f, "HostB");
    gw_sim_world_set_state(f.world, "HostB", GW_SIM_HANGS);
    g_assert_true(gw_engine_ask_anew(f.engine, "HostB", count, &told));
    fixture_close(&f);
    g_assert_cmpint(told, ==, 1);
}

#define TEST(name) g_test_add_func("/engine/silent/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(a_host_that_is_back_is_asked_at_once);
    TEST(who_need_not_be_asked_is_not);
    TEST(a_host_that_hangs_keeps_nobody_for_long);
    TEST(no_more_than_a_few_are_asked_so);
    TEST(an_engine_that_stops_leaves_nobody_waiting);
    return g_test_run();
}
