/* Cold moves and resizes over the simulator, until they are confirmed or reverted. */
#include "tests/engine/fixture.h"

#include <string.h>

#define LOCAL "/sim/local"

/* The event belongs to that request, and has ended well. */
static void assert_event(Fixture *f, const char *uuid, const char *request_id, const char *event)
{
    g_autoptr(GError) error = NULL;
    for (guint tries = 0; tries < 20000; tries++) { /* written behind the loop */
        g_autoptr(GPtrArray) actions = NULL, events = NULL;
        gw_engine_actions(f->engine, uuid, request_id, &actions, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(actions->len, ==, 1);
        gw_engine_events(f->engine, ((const GwActionRow *)actions->pdata[0])->id, &events, &error);
        g_assert_no_error(error);
        const GwEventRow *row = events->len ? events->pdata[0] : NULL;
        if (row && g_strcmp0(row->event, event) == 0 && g_strcmp0(row->result, "Success") == 0)
            return;
        g_usleep(2000);
    }
    g_error("%s has no event %s of %s", uuid, event, request_id);
}

static void a_cold_move_is_confirmed_or_reverted(void)
{
    Fixture f;
    fixture_open(&f, "moves-cold", 0);
    const char *kept = fixture_add(&f, "HostA", "kept", 512, GW_SIM_LOCAL, GW_POWER_RUNNING);
    const char *back = fixture_add(&f, "HostA", "back", 512, GW_SIM_LOCAL, GW_POWER_RUNNING);
    fixture_refresh(&f);
    gint64 first = fixture_move(&f, kept, "HostB", GW_MOVE_COLD);
    gint64 second = fixture_move(&f, back, "HostB", GW_MOVE_COLD);
    ASSERT_ENDS(&f, first, FINISHED);
    ASSERT_ENDS(&f, second, FINISHED);
    GwMoveRequest confirm = {.instance_uuid = kept, .request_id = "req-confirm"};
    GwMoveRequest revert = {.instance_uuid = back, .request_id = "req-revert"};
    g_autoptr(GError) error = NULL;
    g_assert_true(gw_engine_confirm(f.engine, &confirm, &error));
    g_assert_true(gw_engine_revert(f.engine, &revert, &error));
    ASSERT_ENDS(&f, second, REVERTED);
    ASSERT_ENDS(&f, first, CONFIRMED);
    fixture_assert_runs_on(&f, kept, "HostB");
    fixture_assert_runs_on(&f, back, "HostA");
    assert_event(&f, kept, "req-confirm", "compute_confirm_resize");
    assert_event(&f, back, "req-revert", "compute_revert_resize");
    fixture_close(&f);
}

/* Beside a second daemon this engine hears a moment later than the store where the move has left it. */
static GwInstanceView *shaped_view(Fixture *f, const char *uuid, guint vcpus)
{
    for (gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;; g_usleep(20000)) {
        fixture_refresh(f);
        g_autoptr(GwInstanceView) view = gw_engine_instance(f->engine, uuid);
        if (view->instance->vcpus == vcpus || g_get_monotonic_time() > end)
            return g_steal_pointer(&view);
    }
}

static void assert_shape(Fixture *f, const char *uuid, guint vcpus, guint64 memory_mib, guint64 disk_gib)
{
    g_autoptr(GwInstanceView) view = shaped_view(f, uuid, vcpus);
    g_assert_cmpuint(view->instance->vcpus, ==, vcpus);
    g_assert_cmpuint(view->instance->memory_mib, ==, memory_mib);
    g_assert_cmpuint(((const GwDisk *)view->instance->disks->pdata[0])->capacity_bytes >> 30, ==, disk_gib);
}

static GwFlavor *flavor_new(guint vcpus, guint64 memory_mib, guint64 disk_gib)
{
    GwFlavor *flavor = gw_flavor_new();
    flavor->flavor_id = g_strdup("big");
    flavor->name = g_strdup("big");
    flavor->vcpus = vcpus;
    flavor->memory_mib = memory_mib;
    flavor->disk_gib = disk_gib;
    return flavor;
}

static void resize_both_ways(GwSimStorage storage, const char *world)
{
    Fixture f;
    g_autoptr(GwFlavor) flavor = flavor_new(4, 2048, 12);
    g_autoptr(GError) error = NULL;
    fixture_open(&f, world, 0);
    const char *kept = fixture_add(&f, "HostA", "kept", 512, storage, GW_POWER_RUNNING);
    const char *back = fixture_add(&f, "HostA", "back", 512, storage, GW_POWER_SHUTDOWN);
    fixture_refresh(&f);
    f.flavor = flavor;
    gint64 first = fixture_move(&f, kept, "HostB", GW_MOVE_RESIZE);
    gint64 second = fixture_move(&f, back, NULL, GW_MOVE_RESIZE);
    ASSERT_ENDS(&f, first, FINISHED);
    ASSERT_ENDS(&f, second, FINISHED);
    assert_shape(&f, kept, 4, 2048, 12);
    assert_shape(&f, back, 4, 2048, 12);
    GwMoveRequest confirm = {.instance_uuid = kept, .request_id = "req-confirm"};
    GwMoveRequest revert = {.instance_uuid = back, .request_id = "req-revert"};
    g_assert_true(gw_engine_confirm(f.engine, &confirm, &error));
    g_assert_true(gw_engine_revert(f.engine, &revert, &error));
    ASSERT_ENDS(&f, second, REVERTED);
    ASSERT_ENDS(&f, first, CONFIRMED);
    fixture_assert_runs_on(&f, kept, "HostB");
    assert_shape(&f, kept, 4, 2048, 12);
    assert_shape(&f, back, 1, 512, 10);
    fixture_close(&f);
}

static void a_resize_is_confirmed_or_reverted(void)
{
    resize_both_ways(GW_SIM_LOCAL, "resize-local");
    resize_both_ways(GW_SIM_SHARED, "resize-shared");
}

static void a_shape_that_cannot_be_is_refused(void)
{
    Fixture f;
    g_autoptr(GwFlavor) flat = flavor_new(1, 512, 9), wide = flavor_new(1, 1 << 30, 10);
    fixture_open(&f, "resize-refused", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_LOCAL, GW_POWER_RUNNING);
    fixture_refresh(&f);
    f.flavor = flat;
    gint64 id = fixture_move(&f, uuid, "HostB", GW_MOVE_RESIZE);
    ASSERT_ENDS(&f, id, FAILED);
    g_autoptr(GwMigration) first = fixture_row(&f, id);
    g_assert_nonnull(strstr(first->reason, "a disk that is made smaller loses what is at its end"));
    f.flavor = wide;
    fixture_settle(&f, uuid);
    id = fixture_move(&f, uuid, "HostB", GW_MOVE_RESIZE);
    ASSERT_ENDS(&f, id, FAILED);
    g_autoptr(GwMigration) second = fixture_row(&f, id);
    g_assert_nonnull(strstr(second->reason, "vm needs 1073741824 MiB"));
    fixture_assert_runs_on(&f, uuid, "HostA");
    assert_shape(&f, uuid, 1, 512, 10);
    fixture_close(&f);
}

/* It goes on: from where it was, in the shape that it had. */
static void a_shape_that_cannot_be_given_is_undone(void)
{
    Fixture f;
    g_autoptr(GwFlavor) flavor = flavor_new(2, 1024, 0);
    fixture_open(&f, "resize-undone", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_LOCAL, GW_POWER_RUNNING);
    fixture_refresh(&f);
    f.flavor = flavor;
    gw_sim_world_fail(f.world, "HostB", "reshape", 1, GW_ERROR_FAILED, GW_SIM_BEFORE);
    gint64 id = fixture_move(&f, uuid, "HostB", GW_MOVE_RESIZE);
    ASSERT_ENDS(&f, id, FAILED);
    g_autoptr(GwMigration) row = fixture_row(&f, id);
    g_assert_nonnull(strstr(row->reason, "simulated failure of reshape"));
    fixture_assert_runs_on(&f, uuid, "HostA");
    assert_shape(&f, uuid, 1, 512, 10);
    g_assert_cmpuint(fixture_files(&f, "HostB", LOCAL), ==, 0);
    fixture_close(&f);
}

/* The action, once it says how it ended: written behind the loop, after its last event. */
static GPtrArray *ended_action(Fixture *f, const char *uuid, const char *request_id)
{
    g_autoptr(GError) error = NULL;
    for (guint tries = 0;; tries++) {
        g_autoptr(GPtrArray) actions = NULL;
        g_assert_true(gw_engine_actions(f->engine, uuid, request_id, &actions, &error));
        if (((const GwActionRow *)actions->pdata[0])->message || tries == 5000)
            return g_steal_pointer(&actions);
        g_usleep(2000);
    }
}

/* The source cannot start it any more: the user who asked for the revert is told, in his action. */
static void a_revert_that_fails_tells_why(void)
{
    Fixture f;
    fixture_open(&f, "moves-revert", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_LOCAL, GW_POWER_RUNNING);
    fixture_refresh(&f);
    gint64 id = fixture_move(&f, uuid, "HostB", GW_MOVE_COLD);
    ASSERT_ENDS(&f, id, FINISHED);
    for (guint i = 0; i < 30; i++)
        gw_sim_world_fail(f.world, "HostA", "start", 1, GW_ERROR_FAILED, GW_SIM_BEFORE);
    GwMoveRequest revert = {.instance_uuid = uuid, .request_id = "req-revert"};
    g_autoptr(GError) error = NULL;
    g_assert_true(gw_engine_revert(f.engine, &revert, &error));
    ASSERT_ENDS(&f, id, ERROR);
    g_autoptr(GwMigration) row = fixture_row(&f, id);
    g_assert_nonnull(strstr(row->reason, "it could not be brought back to the source: HostA: simulated failure of start"));
    fixture_assert_event(&f, uuid, "compute_revert_resize", "simulated failure of start");
    g_autoptr(GPtrArray) actions = ended_action(&f, uuid, "req-revert"), events = NULL;
    g_assert_true(gw_engine_events(f.engine, ((const GwActionRow *)actions->pdata[0])->id, &events, &error));
    for (guint i = 0; i < events->len; i++)
        g_assert_cmpint(((const GwEventRow *)events->pdata[i])->finish_us, >, 0);
    g_assert_cmpstr(((const GwActionRow *)actions->pdata[0])->message, ==, "Error");
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/engine/" #test, test)
    ADD(a_cold_move_is_confirmed_or_reverted);
    ADD(a_revert_that_fails_tells_why);
    ADD(a_resize_is_confirmed_or_reverted);
    ADD(a_shape_that_cannot_be_is_refused);
    ADD(a_shape_that_cannot_be_given_is_undone);
    return g_test_run();
}
