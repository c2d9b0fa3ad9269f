/* The simulator's model of a copy. 1000 Mbit/s carry 1 GiB in 8.6 s. */
#include "core/flags.h"
#include "tests/unit/sim_fixture.h"

#define STEP(ms) gw_sim_world_step(f.world, ms)

static void an_idle_guest_takes_one_pass(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "idle", 1024, GW_SIM_SHARED, 10);
    copy_begin(&copy, &f, f.a, f.b, uuid, 0);
    STEP(8000);
    ASSERT_SEEN(f.a, uuid, RUNNING);
    ASSERT_SEEN(f.b, uuid, PAUSED_MIGRATING);
    GwSight source = fixture_sight(f.a, uuid);
    g_assert_cmpint(source.job, ==, GW_JOB_OUTGOING);
    g_assert_cmpint(fixture_sight(f.b, uuid).job, ==, GW_JOB_INCOMING);
    g_assert_cmpuint(source.progress.memory_total, ==, 1ull << 30);
    g_assert_cmpuint(source.progress.memory_processed, ==, 1000000000);
    g_assert_cmpuint(source.progress.memory_bps, ==, 125000000);
    g_assert_cmpuint(source.progress.elapsed_ms, ==, 8000);
    STEP(1000);
    copy_join(&copy);
    g_assert_no_error(copy.error);
    ASSERT_SEEN(f.a, uuid, ABSENT);
    ASSERT_SEEN(f.b, uuid, RUNNING);
    GwSight end = fixture_sight(f.b, uuid);
    g_assert_cmpint(end.job, ==, GW_JOB_NONE);
    g_assert_cmpuint(end.progress.downtime_ms, <, 20);
    g_assert_cmpuint(end.progress.elapsed_ms, <, 8700);
    fixture_close(&f);
}

static void a_busy_guest_takes_several(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "busy", 1024, GW_SIM_SHARED, 10);
    gw_sim_world_set_dirty(f.world, uuid, 400);
    copy_begin(&copy, &f, f.a, f.b, uuid, 0);
    STEP(60000);
    copy_join(&copy);
    g_assert_no_error(copy.error);
    GwProgress end = fixture_sight(f.b, uuid).progress;
    /* passes of 8.6 s, 3.4 s, 1.4 s, 0.55 s and 0.22 s: the last fits into the pause */
    g_assert_cmpuint(end.iteration, ==, 5);
    g_assert_cmpuint(end.elapsed_ms, >, 13900);
    g_assert_cmpuint(end.elapsed_ms, <, 14300);
    g_assert_cmpuint(end.downtime_ms, >, 200);
    g_assert_cmpuint(end.downtime_ms, <=, 310);
    fixture_close(&f);
}

static void begin_endless(Fixture *f, Copy *copy, const char **ret_uuid, guint64 flags)
{
    fixture_open(f);
    *ret_uuid = fixture_add(f, "writer", 1024, GW_SIM_SHARED, 10);
    gw_sim_world_set_dirty(f->world, *ret_uuid, 1200);
    copy_begin(copy, f, f->a, f->b, *ret_uuid, flags);
    gw_sim_world_step(f->world, 3600 * 1000);
    g_assert_cmpuint(gw_sim_world_copies(f->world), ==, 1);
    ASSERT_SEEN(f->a, *ret_uuid, RUNNING);
}

static void one_faster_than_its_link_never_ends(void)
{
    Fixture f;
    g_auto(Copy) copy = {0};
    const char *uuid;
    begin_endless(&f, &copy, &uuid, 0);
    g_autoptr(GError) error = NULL;
    gw_node_abort(f.a, uuid, FALSE, &error);
    g_assert_no_error(error);
    copy_join(&copy);
    g_assert_error(copy.error, GW_ERROR, GW_ERROR_ABORTED);
    ASSERT_SEEN(f.a, uuid, RUNNING);
    ASSERT_SEEN(f.b, uuid, ABSENT);
    fixture_close(&f);
}

static void a_pause_ends_it(void)
{
    Fixture f;
    g_auto(Copy) copy = {0};
    const char *uuid;
    begin_endless(&f, &copy, &uuid, 0);
    g_autoptr(GError) error = NULL;
    gw_node_force_complete(f.a, uuid, GW_FORCE_PAUSE, &error);
    g_assert_no_error(error);
    ASSERT_SEEN(f.a, uuid, PAUSED);
    STEP(20000);
    copy_join(&copy);
    g_assert_no_error(copy.error);
    ASSERT_SEEN(f.b, uuid, RUNNING);
    g_assert_cmpuint(fixture_sight(f.b, uuid).progress.downtime_ms, >, 1000);
    fixture_close(&f);
}

static void postcopy_ends_it(void)
{
    Fixture f;
    g_auto(Copy) copy = {0};
    const char *uuid;
    begin_endless(&f, &copy, &uuid, GW_FLAG_POSTCOPY);
    g_autoptr(GError) error = NULL;
    gw_node_force_complete(f.a, uuid, GW_FORCE_POSTCOPY, &error);
    g_assert_no_error(error);
    ASSERT_SEEN(f.a, uuid, POSTCOPY);
    ASSERT_SEEN(f.b, uuid, POSTCOPY);
    g_assert_cmpstr(gw_sim_world_runs_on(f.world, uuid), ==, "HostB");
    g_assert_false(gw_node_abort(f.a, uuid, FALSE, &error)); /* too late */
    g_assert_error(error, GW_ERROR, GW_ERROR_CONFLICT);
    STEP(20000);
    copy_join(&copy);
    g_assert_no_error(copy.error);
    ASSERT_SEEN(f.a, uuid, ABSENT);
    ASSERT_SEEN(f.b, uuid, RUNNING);
    fixture_close(&f);
}

static void postcopy_must_be_permitted(void)
{
    Fixture f;
    g_auto(Copy) copy = {0};
    const char *uuid;
    begin_endless(&f, &copy, &uuid, 0);
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_node_force_complete(f.a, uuid, GW_FORCE_POSTCOPY, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_CONFLICT);
    g_assert_true(gw_node_abort(f.a, uuid, FALSE, NULL));
    copy_join(&copy);
    fixture_close(&f);
}

static void auto_converge_ends_it(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "writer", 1024, GW_SIM_SHARED, 10);
    gw_sim_world_set_dirty(f.world, uuid, 1200);
    copy_begin(&copy, &f, f.a, f.b, uuid, GW_FLAG_AUTO_CONVERGE);
    STEP(600 * 1000);
    copy_join(&copy);
    g_assert_no_error(copy.error);
    g_assert_cmpuint(fixture_sight(f.b, uuid).progress.throttle_percent, >=, 50);
    fixture_close(&f);
}

static void disks_travel_first(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "local", 1024, GW_SIM_LOCAL, 100); /* 10 GiB of it allocated: 86 s */
    copy_begin(&copy, &f, f.a, f.b, uuid, 0);
    STEP(80000);
    GwProgress middle = fixture_sight(f.a, uuid).progress;
    g_assert_cmpuint(middle.disk_total, ==, 10ull << 30);
    g_assert_cmpuint(middle.disk_processed, ==, 10000000000);
    g_assert_cmpuint(middle.memory_processed, ==, 0);
    STEP(20000);
    copy_join(&copy);
    g_assert_no_error(copy.error);
    g_assert_cmpuint(fixture_sight(f.b, uuid).progress.disk_remaining, ==, 0);
    g_assert_true(gw_sim_world_has_file(f.world, "HostA", "/sim/local/local-vda.qcow2")); /* until `forget` */
    g_assert_true(gw_node_forget(f.a, copy.plan, GW_SIDE_SOURCE, NULL));
    g_assert_false(gw_sim_world_has_file(f.world, "HostA", "/sim/local/local-vda.qcow2"));
    fixture_close(&f);
}

/* As a mirror that copies behind the guest's back; and one that its writes wait for. */
static void disks_that_are_written_faster_never_end(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) behind = {0};
    const char *uuid = fixture_add(&f, "writer", 1024, GW_SIM_LOCAL, 10); /* 1 GiB of it allocated */
    gw_sim_world_set_disk_writes(f.world, uuid, 1200);
    copy_begin(&behind, &f, f.a, f.b, uuid, 0);
    STEP(3600 * 1000);
    GwProgress now = fixture_sight(f.a, uuid).progress;
    g_assert_cmpuint(now.iteration, ==, 0);
    g_assert_cmpuint(now.disk_remaining, >, 1000000000);
    g_assert_cmpuint(now.disk_total, ==, now.disk_processed + now.disk_remaining);
    g_assert_cmpuint(now.disk_processed, >, 400000000000);
    g_assert_true(gw_node_abort(f.a, uuid, FALSE, NULL));
    copy_join(&behind);
    g_assert_error(behind.error, GW_ERROR, GW_ERROR_ABORTED);
    g_assert_true(gw_node_forget(f.b, behind.plan, GW_SIDE_DEST, NULL));
    g_auto(Copy) waits = {0};
    copy_begin(&waits, &f, f.a, f.b, uuid, GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES);
    STEP(20000);
    copy_join(&waits);
    g_assert_no_error(waits.error);
    ASSERT_SEEN(f.b, uuid, RUNNING);
    fixture_close(&f);
}

/* Half as fast: what is left becomes half as much each time. */
static void disks_that_are_written_slower_end(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "writer", 256, GW_SIM_LOCAL, 10);
    gw_sim_world_set_disk_writes(f.world, uuid, 500);
    copy_begin(&copy, &f, f.a, f.b, uuid, 0);
    STEP(17000); /* 2 GiB in all, in 17.2 s */
    g_assert_cmpuint(fixture_sight(f.a, uuid).progress.iteration, ==, 0);
    STEP(3000);
    copy_join(&copy);
    g_assert_no_error(copy.error);
    fixture_close(&f);
}

/* What must never happen, and is noticed. */
static void a_guest_that_writes_during_an_abort_is_noticed(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "writer", 1024, GW_SIM_LOCAL, 10);
    copy_begin(&copy, &f, f.a, f.b, uuid, GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES);
    g_assert_true(gw_node_abort(f.a, uuid, FALSE, NULL));
    copy_join(&copy);
    fixture_close_broken(&f, "writer writes while the copy that its writes wait for is aborted");
}

static void a_copy_over_another_is_noticed(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "vm", 1024, GW_SIM_LOCAL, 10);
    copy_begin(&copy, &f, f.a, f.b, uuid, GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES);
    for (guint i = 0; i < 2; i++) {
        g_assert_true(gw_node_abort(f.a, uuid, TRUE, NULL));
        copy_join(&copy);
        g_clear_error(&copy.error);
        if (i == 0)
            copy_start(&copy, &f);
    }
    fixture_close_broken(&f, "is copied over what another copy left of it");
}

static void copies_share_a_link(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) first = {0};
    g_auto(Copy) second = {0};
    const char *one = fixture_add(&f, "one", 1024, GW_SIM_SHARED, 1);
    const char *two = fixture_add(&f, "two", 2048, GW_SIM_SHARED, 1);
    copy_begin(&first, &f, f.a, f.b, one, 0);
    copy_begin(&second, &f, f.a, f.c, two, 0);
    STEP(1000);
    g_assert_cmpuint(fixture_sight(f.a, one).progress.memory_bps, ==, 62500000);
    g_assert_cmpuint(fixture_sight(f.a, two).progress.memory_bps, ==, 62500000);
    STEP(17000); /* the first has ended after 17.2 s; from then on the second has the link alone */
    copy_join(&first);
    g_assert_cmpuint(fixture_sight(f.a, two).progress.memory_bps, ==, 125000000);
    STEP(8000); /* together they are 3 GiB: 25.8 s */
    copy_join(&second);
    g_assert_no_error(first.error);
    g_assert_no_error(second.error);
    fixture_close(&f);
}

static void a_cut_link_stalls(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "vm", 1024, GW_SIM_SHARED, 1);
    copy_begin(&copy, &f, f.a, f.b, uuid, 0);
    STEP(4000);
    gw_sim_world_set_link(f.world, "HostB", 0);
    STEP(3600 * 1000);
    g_assert_cmpuint(fixture_sight(f.a, uuid).progress.memory_processed, ==, 500000000);
    gw_sim_world_set_link(f.world, "HostB", 1000);
    STEP(5000);
    copy_join(&copy);
    g_assert_no_error(copy.error);
    fixture_close(&f);
}

static void bandwidth_caps(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "vm", 1024, GW_SIM_SHARED, 1);
    copy_begin(&copy, &f, f.a, f.b, uuid, 0);
    g_assert_true(gw_node_set_bandwidth(f.a, uuid, 10, NULL));
    STEP(10000);
    g_assert_cmpuint(fixture_sight(f.a, uuid).progress.memory_processed, ==, 100 << 20);
    g_assert_true(gw_node_set_bandwidth(f.a, uuid, 0, NULL));
    STEP(9000);
    copy_join(&copy);
    g_assert_no_error(copy.error);
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim/copy/idle-takes-one-pass", an_idle_guest_takes_one_pass);
    g_test_add_func("/sim/copy/busy-takes-several", a_busy_guest_takes_several);
    g_test_add_func("/sim/copy/never-ends", one_faster_than_its_link_never_ends);
    g_test_add_func("/sim/copy/pause-ends-it", a_pause_ends_it);
    g_test_add_func("/sim/copy/postcopy-ends-it", postcopy_ends_it);
    g_test_add_func("/sim/copy/postcopy-must-be-permitted", postcopy_must_be_permitted);
    g_test_add_func("/sim/copy/auto-converge-ends-it", auto_converge_ends_it);
    g_test_add_func("/sim/copy/disks-travel-first", disks_travel_first);
    g_test_add_func("/sim/copy/disks-written-faster", disks_that_are_written_faster_never_end);
    g_test_add_func("/sim/copy/disks-written-slower", disks_that_are_written_slower_end);
    g_test_add_func("/sim/copy/writes-during-an-abort", a_guest_that_writes_during_an_abort_is_noticed);
    g_test_add_func("/sim/copy/over-another", a_copy_over_another_is_noticed);
    g_test_add_func("/sim/copy/copies-share-a-link", copies_share_a_link);
    g_test_add_func("/sim/copy/cut-link-stalls", a_cut_link_stalls);
    g_test_add_func("/sim/copy/bandwidth-caps", bandwidth_caps);
    return g_test_run();
}
