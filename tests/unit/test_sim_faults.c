/* Misfortune in the simulator: what it leaves behind, and that what must never happen is noticed. */
#include "core/flags.h"
#include "drivers/sim/sim.h"
#include "tests/unit/sim_fixture.h"

#include <string.h>

#define STEP(ms) gw_sim_world_step(f.world, ms)

/* ---- failures on order */

static void before_nothing_happens(void)
{
    Fixture f;
    fixture_open(&f);
    const char *uuid = fixture_add(&f, "vm", 512, GW_SIM_SHARED, 1);
    gw_sim_world_fail(f.world, "HostA", "stop", 2, GW_ERROR_FAILED, GW_SIM_BEFORE);
    g_autoptr(GError) error = NULL;
    g_assert_true(gw_node_stop(f.a, uuid, GW_STOP_HARD, 0, NULL));
    g_assert_true(gw_node_start(f.a, uuid, GW_START_RUNNING, NULL));
    g_assert_false(gw_node_stop(f.a, uuid, GW_STOP_HARD, 0, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_FAILED);
    ASSERT_SEEN(f.a, uuid, RUNNING);
    fixture_close(&f);
}

static void after_it_happens_and_is_denied(void)
{
    Fixture f;
    fixture_open(&f);
    const char *uuid = fixture_add(&f, "vm", 512, GW_SIM_SHARED, 1);
    gw_sim_world_fail(f.world, "HostA", "stop", 1, GW_ERROR_LOST, GW_SIM_AFTER);
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_node_stop(f.a, uuid, GW_STOP_HARD, 0, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_LOST);
    ASSERT_SEEN(f.a, uuid, STOPPED);
    fixture_close(&f);
}

static void a_copy_goes_on_without_its_caller(void)
{
    Fixture f;
    fixture_open(&f);
    const char *uuid = fixture_add(&f, "vm", 1024, GW_SIM_SHARED, 1);
    gw_sim_world_fail(f.world, "HostA", "migrate", 1, GW_ERROR_LOST, GW_SIM_DURING);
    g_autoptr(GwPlan) plan = fixture_plan(f.a, f.b, uuid, 0);
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_node_migrate(f.a, f.b, plan, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_LOST);
    g_assert_cmpint(fixture_sight(f.a, uuid).job, ==, GW_JOB_OUTGOING);
    STEP(10000);
    ASSERT_SEEN(f.b, uuid, RUNNING);
    ASSERT_SEEN(f.a, uuid, ABSENT);
    fixture_close(&f);
}

/* ---- hosts */

static void a_host_down_refuses_and_copies_go_on(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "vm", 1024, GW_SIM_SHARED, 1);
    copy_begin(&copy, &f, f.a, f.b, uuid, 0);
    gw_sim_world_set_state(f.world, "HostA", GW_SIM_DOWN);
    copy_join(&copy);
    g_assert_error(copy.error, GW_ERROR, GW_ERROR_LOST);
    GwSight sight;
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_node_sight(f.a, uuid, &sight, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_UNREACHABLE);
    STEP(10000);
    g_assert_cmpstr(gw_sim_world_runs_on(f.world, uuid), ==, "HostB");
    fixture_close(&f);
}

static void a_host_that_hangs_costs_the_deadline(void)
{
    Fixture f;
    fixture_open(&f);
    gw_sim_world_set_state(f.world, "HostA", GW_SIM_HANGS);
    g_autoptr(GError) error = NULL;
    gint64 begun = g_get_monotonic_time();
    g_assert_null(gw_node_facts(f.a, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_UNREACHABLE);
    g_assert_cmpint(g_get_monotonic_time() - begun, >=, 49000);
    fixture_close(&f);
}

static void a_killed_source_daemon_undoes_the_copy(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "vm", 1024, GW_SIM_SHARED, 1);
    copy_begin(&copy, &f, f.a, f.b, uuid, 0);
    STEP(4000);
    gw_sim_world_kill_daemon(f.world, "HostA");
    copy_join(&copy);
    g_assert_error(copy.error, GW_ERROR, GW_ERROR_LOST);
    ASSERT_SEEN(f.a, uuid, RUNNING);
    ASSERT_SEEN(f.b, uuid, ABSENT);
    fixture_close(&f);
}

static void killed_in_the_last_pause_the_guest_stays_paused(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "vm", 1024, GW_SIM_SHARED, 1);
    copy_begin(&copy, &f, f.a, f.b, uuid, 0);
    while (fixture_sight(f.a, uuid).seen == GW_SEEN_RUNNING)
        STEP(1);
    ASSERT_SEEN(f.a, uuid, PAUSED_MIGRATING);
    gw_sim_world_kill_daemon(f.world, "HostA");
    copy_join(&copy);
    ASSERT_SEEN(f.a, uuid, PAUSED_MIGRATING);
    ASSERT_SEEN(f.b, uuid, ABSENT);
    g_assert_cmpint(fixture_sight(f.a, uuid).job, ==, GW_JOB_NONE);
    g_assert_true(gw_node_resume(f.a, uuid, NULL));
    ASSERT_SEEN(f.a, uuid, RUNNING);
    fixture_close(&f);
}

static void a_dest_that_loses_power_fails_the_copy(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "vm", 1024, GW_SIM_SHARED, 1);
    copy_begin(&copy, &f, f.a, f.b, uuid, 0);
    gw_sim_world_crash(f.world, "HostB");
    copy_join(&copy);
    g_assert_error(copy.error, GW_ERROR, GW_ERROR_FAILED);
    ASSERT_SEEN(f.a, uuid, RUNNING);
    fixture_close(&f);
}

static void a_crash_breaks_postcopy(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "vm", 1024, GW_SIM_SHARED, 1);
    gw_sim_world_set_dirty(f.world, uuid, 2000);
    copy_begin(&copy, &f, f.a, f.b, uuid, GW_FLAG_POSTCOPY);
    STEP(1000);
    g_assert_true(gw_node_force_complete(f.a, uuid, GW_FORCE_POSTCOPY, NULL));
    gw_sim_world_crash(f.world, "HostA");
    copy_join(&copy);
    g_assert_error(copy.error, GW_ERROR, GW_ERROR_LOST);
    ASSERT_SEEN(f.b, uuid, POSTCOPY_FAILED);
    gw_sim_world_boot(f.world, "HostA");
    fixture_close(&f);
}

static gpointer recover_thread(gpointer data)
{
    Copy *copy = data;
    gw_node_recover(copy->from, copy->to, copy->plan, &copy->error);
    return NULL;
}

/* A link that is cut leaves two halves; they come together once it is mended, and no byte is sent twice. */
static void a_cut_post_copy_is_resumed(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "vm", 1024, GW_SIM_SHARED, 1);
    gw_sim_world_set_dirty(f.world, uuid, 2000);
    copy_begin(&copy, &f, f.a, f.b, uuid, GW_FLAG_POSTCOPY);
    STEP(1000);
    g_assert_true(gw_node_force_complete(f.a, uuid, GW_FORCE_POSTCOPY, NULL));
    g_autoptr(GError) whole = NULL, cut = NULL;
    g_assert_false(gw_node_recover(f.a, f.b, copy.plan, &whole));
    g_assert_error(whole, GW_ERROR, GW_ERROR_CONFLICT);
    gw_sim_world_set_link(f.world, "HostB", 0);
    copy_join(&copy);
    g_assert_error(copy.error, GW_ERROR, GW_ERROR_LOST);
    ASSERT_SEEN(f.a, uuid, POSTCOPY_FAILED);
    ASSERT_SEEN(f.b, uuid, POSTCOPY_FAILED);
    g_assert_false(gw_node_recover(f.a, f.b, copy.plan, &cut));
    g_assert_error(cut, GW_ERROR, GW_ERROR_FAILED);
    gw_sim_world_set_link(f.world, "HostB", 1000);
    g_clear_error(&copy.error);
    copy.thread = g_thread_new("recover", recover_thread, &copy);
    while (!gw_sim_world_copies(f.world))
        g_usleep(1000);
    ASSERT_SEEN(f.a, uuid, POSTCOPY);
    ASSERT_SEEN(f.b, uuid, POSTCOPY);
    STEP(9000);
    copy_join(&copy);
    g_assert_no_error(copy.error);
    ASSERT_SEEN(f.b, uuid, RUNNING);
    g_assert_cmpstr(gw_sim_world_runs_on(f.world, uuid), ==, "HostB");
    fixture_close(&f);
}

static void a_stopped_guest_fails_its_copy(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "vm", 1024, GW_SIM_SHARED, 1);
    copy_begin(&copy, &f, f.a, f.b, uuid, 0);
    g_assert_true(gw_node_stop(f.a, uuid, GW_STOP_HARD, 0, NULL));
    copy_join(&copy);
    g_assert_error(copy.error, GW_ERROR, GW_ERROR_FAILED);
    ASSERT_SEEN(f.a, uuid, STOPPED);
    ASSERT_SEEN(f.b, uuid, ABSENT);
    fixture_close(&f);
}

/* ---- storage */

static void no_room_leaves_nothing(void)
{
    Fixture f;
    fixture_open(&f);
    GwInstance *instance = gw_sim_instance_new("two-disks", 512);
    gw_sim_instance_add_disk(instance, GW_SIM_LOCAL, 10);
    gw_sim_instance_add_disk(instance, GW_SIM_LOCAL, 10);
    const char *uuid = gw_sim_world_add_instance(f.world, "HostA", instance);
    g_autoptr(GwPlan) plan = fixture_plan(f.a, f.b, uuid, 0);
    gw_sim_world_add_file(f.world, "HostB", "/sim/local/two-disks-vdb.qcow2", 1);
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_node_prepare(f.a, f.b, plan, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_FAILED);
    g_assert_false(gw_sim_world_has_file(f.world, "HostB", "/sim/local/two-disks-vda.qcow2"));
    g_assert_true(gw_node_forget(f.b, plan, GW_SIDE_DEST, NULL)); /* undoing does not touch the foreign one */
    g_assert_true(gw_sim_world_has_file(f.world, "HostB", "/sim/local/two-disks-vdb.qcow2"));
    fixture_close(&f);
}

static void unequal_mounts_are_not_shared(void)
{
    Fixture f;
    fixture_open(&f);
    gw_sim_world_mount(f.world, "HostA", "/data", "san-1", 100);
    gw_sim_world_mount(f.world, "HostB", "/data", "san-2", 100);
    gw_sim_world_mount(f.world, "HostC", "/data", "san-1", 100);
    GwInstance *instance = gw_sim_instance_new("vm", 512);
    GwDisk *disk = gw_sim_instance_add_disk(instance, GW_SIM_SHARED, 10);
    disk->path = g_strdup("/data/vm.qcow2");
    const char *uuid = gw_sim_world_add_instance(f.world, "HostA", instance);
    g_autoptr(GwPlan) to_b = fixture_plan(f.a, f.b, uuid, 0);
    g_autoptr(GwPlan) to_c = fixture_plan(f.a, f.c, uuid, 0);
    g_assert_true(gw_plan_copies_disks(to_b));
    g_assert_false(gw_plan_copies_disks(to_c));
    fixture_close(&f);
}

/* ---- what must never happen */

static void expect_violation(Fixture *f, const char *pattern)
{
    g_auto(GStrv) violations = gw_sim_world_violations(f->world);
    g_assert_nonnull(violations[0]);
    g_assert_true(g_pattern_match_simple(pattern, violations[0]));
    gw_node_unref(f->a);
    gw_node_unref(f->b);
    gw_node_unref(f->c);
    gw_sim_world_free("test");
}

static void running_twice_is_noticed(void)
{
    Fixture f;
    fixture_open(&f);
    const char *uuid = fixture_add(&f, "vm", 512, GW_SIM_SHARED, 0);
    GwInstance *twin = gw_sim_instance_new("vm", 512);
    g_strlcpy(twin->uuid, uuid, sizeof twin->uuid);
    gw_sim_world_add_instance(f.world, "HostB", twin);
    expect_violation(&f, "vm runs on HostA and on HostB at once");
}

static void losing_the_last_copy_is_noticed(void)
{
    Fixture f;
    fixture_open(&f);
    const char *uuid = fixture_add(&f, "vm", 512, GW_SIM_LOCAL, 1);
    g_autoptr(GwPlan) plan = fixture_plan(f.a, f.b, uuid, 0);
    g_assert_true(gw_node_stop(f.a, uuid, GW_STOP_HARD, 0, NULL));
    g_assert_true(gw_node_forget(f.a, plan, GW_SIDE_SOURCE, NULL));
    expect_violation(&f, "*it was the last whole copy of disk vda*");
}

static void starting_on_half_a_disk_is_noticed(void)
{
    Fixture f;
    fixture_open(&f);
    const char *uuid = fixture_add(&f, "vm", 512, GW_SIM_LOCAL, 1);
    g_autoptr(GwPlan) plan = fixture_plan(f.a, f.b, uuid, 0);
    g_assert_true(gw_node_prepare(f.a, f.b, plan, NULL));
    g_assert_true(gw_node_stop(f.a, uuid, GW_STOP_HARD, 0, NULL));
    g_assert_true(gw_node_adopt(f.b, plan, NULL));
    g_assert_true(gw_node_start(f.b, uuid, GW_START_RUNNING, NULL));
    expect_violation(&f, "*which is not whole");
}

static void a_split_brain_after_a_boot_is_noticed(void)
{
    Fixture f;
    fixture_open(&f);
    GwInstance *instance = gw_sim_instance_new("vm", 512);
    instance->autostart = TRUE;
    gw_sim_instance_add_disk(instance, GW_SIM_SHARED, 1);
    const char *uuid = gw_sim_world_add_instance(f.world, "HostA", instance);
    g_autoptr(GwPlan) plan = fixture_plan(f.a, f.b, uuid, 0);
    gw_sim_world_crash(f.world, "HostA");
    g_assert_true(gw_node_adopt(f.b, plan, NULL));
    g_assert_true(gw_node_start(f.b, uuid, GW_START_RUNNING, NULL));
    gw_sim_world_boot(f.world, "HostA");
    expect_violation(&f, "*at once");
}

/* ---- hypervisor processes and storage */

static void a_killed_destination_leaves_the_guest_where_it_runs(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "vm", 1024, GW_SIM_SHARED, 1);
    gw_sim_world_kill_guest(f.world, "HostB", uuid); /* there is none: nothing */
    copy_begin(&copy, &f, f.a, f.b, uuid, 0);
    gw_sim_world_kill_guest(f.world, "HostB", uuid);
    copy_join(&copy);
    g_assert_error(copy.error, GW_ERROR, GW_ERROR_FAILED);
    ASSERT_SEEN(f.a, uuid, RUNNING);
    ASSERT_SEEN(f.b, uuid, ABSENT);
    fixture_close(&f);
}

static void a_killed_source_ends_the_guest(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "vm", 1024, GW_SIM_SHARED, 1);
    copy_begin(&copy, &f, f.a, f.b, uuid, 0);
    gw_sim_world_kill_guest(f.world, "HostA", uuid);
    copy_join(&copy);
    ASSERT_SEEN(f.a, uuid, STOPPED);
    ASSERT_SEEN(f.b, uuid, ABSENT);
    g_assert_cmpuint(gw_sim_world_homes(f.world, uuid), ==, 1);
    fixture_close(&f);
}

static void a_destination_that_fills_up_fails_the_copy_of_a_disk(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "vm", 256, GW_SIM_LOCAL, 10);
    copy_begin(&copy, &f, f.a, f.b, uuid, 0);
    gw_sim_world_set_storage(f.world, "HostB", "/sim/local", GW_SIM_STORAGE_FULL);
    STEP(60000);
    copy_join(&copy);
    g_assert_error(copy.error, GW_ERROR, GW_ERROR_FAILED);
    g_assert_nonnull(strstr(copy.error->message, "No space left"));
    ASSERT_SEEN(f.a, uuid, RUNNING);
    fixture_close(&f);
}

static void storage_that_fails_lets_nothing_be_opened_made_or_removed(void)
{
    Fixture f;
    fixture_open(&f);
    g_auto(Copy) copy = {0};
    const char *uuid = fixture_add(&f, "vm", 256, GW_SIM_LOCAL, 1);
    g_autoptr(GwPlan) plan = fixture_plan(f.a, f.b, uuid, 0);
    gw_sim_world_set_storage(f.world, "HostB", "/sim/local", GW_SIM_STORAGE_FAILS);
    g_assert_false(gw_node_prepare(f.a, f.b, plan, NULL));
    gw_sim_world_set_storage(f.world, "HostB", "/sim/local", GW_SIM_STORAGE_WELL);
    copy_begin(&copy, &f, f.a, f.b, uuid, 0);
    gw_sim_world_set_storage(f.world, "HostB", "/sim/local", GW_SIM_STORAGE_FAILS);
    STEP(60000);
    copy_join(&copy);
    g_assert_error(copy.error, GW_ERROR, GW_ERROR_FAILED);
    ASSERT_SEEN(f.a, uuid, RUNNING);
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_node_forget(f.b, plan, GW_SIDE_DEST, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_FAILED);
    gw_sim_world_set_storage(f.world, "HostB", "/sim/local", GW_SIM_STORAGE_WELL);
    g_assert_true(gw_node_forget(f.b, plan, GW_SIDE_DEST, NULL));
    gw_sim_world_set_storage(f.world, "HostA", "/sim/local", GW_SIM_STORAGE_FAILS);
    g_assert_true(gw_node_stop(f.a, uuid, GW_STOP_HARD, 0, NULL));
    g_assert_false(gw_node_start(f.a, uuid, GW_START_RUNNING, NULL));
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim/fault/before", before_nothing_happens);
    g_test_add_func("/sim/fault/after", after_it_happens_and_is_denied);
    g_test_add_func("/sim/fault/without-its-caller", a_copy_goes_on_without_its_caller);
    g_test_add_func("/sim/host/down", a_host_down_refuses_and_copies_go_on);
    g_test_add_func("/sim/host/hangs", a_host_that_hangs_costs_the_deadline);
    g_test_add_func("/sim/host/daemon-killed", a_killed_source_daemon_undoes_the_copy);
    g_test_add_func("/sim/host/daemon-killed-in-last-pause", killed_in_the_last_pause_the_guest_stays_paused);
    g_test_add_func("/sim/host/destination-crashes", a_dest_that_loses_power_fails_the_copy);
    g_test_add_func("/sim/host/crash-in-postcopy", a_crash_breaks_postcopy);
    g_test_add_func("/sim/copy/cut-in-postcopy", a_cut_post_copy_is_resumed);
    g_test_add_func("/sim/guest/stopped-in-mid-copy", a_stopped_guest_fails_its_copy);
    g_test_add_func("/sim/storage/no-room-leaves-nothing", no_room_leaves_nothing);
    g_test_add_func("/sim/storage/unequal-mounts", unequal_mounts_are_not_shared);
    g_test_add_func("/sim/guest/killed-on-destination", a_killed_destination_leaves_the_guest_where_it_runs);
    g_test_add_func("/sim/guest/killed-on-source", a_killed_source_ends_the_guest);
    g_test_add_func("/sim/storage/fills-up", a_destination_that_fills_up_fails_the_copy_of_a_disk);
    g_test_add_func("/sim/storage/fails", storage_that_fails_lets_nothing_be_opened_made_or_removed);
    g_test_add_func("/sim/never/running-twice", running_twice_is_noticed);
    g_test_add_func("/sim/never/last-copy-deleted", losing_the_last_copy_is_noticed);
    g_test_add_func("/sim/never/half-a-disk", starting_on_half_a_disk_is_noticed);
    g_test_add_func("/sim/never/split-brain", a_split_brain_after_a_boot_is_noticed);
    return g_test_run();
}
