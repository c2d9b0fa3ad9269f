/* The engine over the simulator, one promise each: what the loop, the acts and the store do together. */
#include "core/flags.h"
#include "tests/engine/fixture.h"

#include <string.h>

#define LOCAL "/sim/local"

static void a_live_move_ends_on_its_destination(void)
{
    Fixture f;
    fixture_open(&f, "moves-live", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_LOCAL, GW_POWER_RUNNING);
    fixture_refresh(&f);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostB", GW_MOVE_LIVE), COMPLETED);
    fixture_assert_runs_on(&f, uuid, "HostB");
    g_assert_cmpuint(fixture_files(&f, "HostA", LOCAL), ==, 0);
    g_assert_cmpuint(fixture_files(&f, "HostB", LOCAL), ==, 1);
    fixture_close(&f);
}

static gboolean is_copying(Fixture *f, gint64 id)
{
    g_autoptr(GwMigration) row = fixture_row(f, id);
    return row->state == GW_MIGRATION_RUNNING && gw_sim_world_copies(f->world) > 0;
}

static gint64 begin_endless(Fixture *f, const char *uuid)
{
    gw_sim_world_set_dirty(f->world, uuid, 20000);
    fixture_refresh(f);
    gint64 id = fixture_move(f, uuid, "HostB", GW_MOVE_LIVE);
    g_assert_cmpint(id, >, 0);
    while (!is_copying(f, id))
        g_usleep(1000);
    return id;
}

/* Post-copy begins while the copy's own call goes on: its end must not be taken for that of the settling, or the source's disk
 * would stay. */
static void a_forced_post_copy_leaves_nothing_on_the_source(void)
{
    Fixture f;
    fixture_open(&f, "moves-postcopy", GW_FLAG_POSTCOPY);
    const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_LOCAL, GW_POWER_RUNNING);
    gint64 id = begin_endless(&f, uuid);
    GwMoveRequest request = {.instance_uuid = uuid, .request_id = "req-force"};
    gboolean asked = FALSE;
    for (guint i = 0; i < 5000 && !asked; i++) { /* refused while disks are copied */
        g_autoptr(GError) error = NULL;
        asked = gw_engine_force_complete(f.engine, &request, id, &error);
        g_usleep(1000);
    }
    g_assert_true(asked);
    ASSERT_ENDS(&f, id, COMPLETED);
    fixture_assert_runs_on(&f, uuid, "HostB");
    g_assert_cmpuint(fixture_files(&f, "HostA", LOCAL), ==, 0);
    fixture_close(&f);
}

static void wait_for_reason(Fixture *f, gint64 id, const char *reason)
{
    for (guint tries = 0; tries < 10000; tries++) {
        g_autoptr(GPtrArray) rows = NULL;
        GwMigrationQuery query = {.id = id};
        gw_engine_migrations(f->engine, &query, &rows, NULL);
        const GwMigration *row = rows && rows->len ? rows->pdata[0] : NULL;
        if (row && row->reason && strstr(row->reason, reason))
            return;
        g_usleep(1000);
    }
    g_error("migration %" G_GINT64_FORMAT " never says '%s'", id, reason);
}

/* The link is cut, the engine is killed meanwhile, the link is mended: the guest comes together again, and never by a second copy. */
static void a_post_copy_that_was_cut_goes_on(void)
{
    Fixture f;
    fixture_open(&f, "moves-cut", GW_FLAG_POSTCOPY);
    const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_SHARED, GW_POWER_RUNNING);
    gint64 id = begin_endless(&f, uuid);
    gw_sim_world_set_link(f.world, "HostB", 100); /* so that there is time to cut it */
    GwMoveRequest request = {.instance_uuid = uuid, .request_id = "req-force"};
    g_autoptr(GError) error = NULL;
    gw_engine_force_complete(f.engine, &request, id, &error);
    g_assert_no_error(error);
    while (!g_str_equal(gw_sim_world_runs_on(f.world, uuid), "HostB"))
        g_usleep(1000);
    gw_sim_world_set_link(f.world, "HostB", 0);
    for (guint i = 0; i < 2; i++) {
        wait_for_reason(&f, id, "post-copy was interrupted; it goes on as soon as");
        fixture_stop(&f);
        fixture_start(&f);
        fixture_refresh(&f);
    }
    gw_sim_world_set_link(f.world, "HostB", 10000);
    ASSERT_ENDS(&f, id, COMPLETED);
    fixture_assert_runs_on(&f, uuid, "HostB");
    g_autoptr(GwMigration) row = fixture_row(&f, id);
    g_assert_cmpuint(row->attempts, ==, 1);
    g_assert_cmpstr(gw_taken_name(row->rung), ==, "post-copy");
    g_assert_cmpstr(row->rung_reason, ==, "force-complete was asked for");
    fixture_close(&f);
}

/* A guest that writes faster than the link carries, and a policy: it ends by itself, and tells why. */
static void move_endless(const char *world, const char *policy, guint64 flags, GwMigrationState end, GwTaken rung, const char *reason)
{
    Fixture f;
    fixture_open_with(&f, world, flags, policy);
    const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_SHARED, GW_POWER_RUNNING);
    gint64 id = begin_endless(&f, uuid);
    g_autoptr(GwMigration) row = fixture_wait(&f, id, end);
    g_assert_cmpstr(gw_migration_state_name(row->state), ==, gw_migration_state_name(end));
    fixture_assert_runs_on(&f, uuid, end == GW_MIGRATION_COMPLETED ? "HostB" : "HostA");
    fixture_assert_event(&f, uuid, end == GW_MIGRATION_COMPLETED ? "godwit_force_complete" : "godwit_abort", reason);
    g_assert_cmpstr(gw_taken_name(row->rung), ==, gw_taken_name(rung));
    g_assert_nonnull(strstr(row->rung_reason, reason));
    g_assert_cmpuint(row->forecast->first_wrote.bytes, >, 0); /* the pass at whose end that was decided, too */
    fixture_close(&f);
}

static void a_busy_guest_ends_as_its_policy_says(void)
{
    move_endless("ladder-pause", "balanced", 0, GW_MIGRATION_COMPLETED, GW_TAKEN_PAUSE, "the guest is paused for about");
    move_endless("ladder-postcopy", "minimal-downtime", GW_FLAG_POSTCOPY, GW_MIGRATION_COMPLETED, GW_TAKEN_POSTCOPY, "it goes on in post-copy");
    move_endless("ladder-abort", "never-pause", 0, GW_MIGRATION_FAILED, GW_TAKEN_ABORT, "no pause may be forced");
}

/* A kernel that lets nobody begin post-copy: the guest stays where it is, and nobody waits for ever. */
static void a_rung_that_is_refused_is_given_up(void)
{
    Fixture f;
    fixture_open_with(&f, "ladder-refused", GW_FLAG_POSTCOPY, "minimal-downtime");
    const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_SHARED, GW_POWER_RUNNING);
    for (guint i = 0; i < 1000; i++)
        gw_sim_world_fail(f.world, "HostA", "force_complete", 1, GW_ERROR_FAILED, GW_SIM_BEFORE);
    gint64 id = begin_endless(&f, uuid);
    ASSERT_ENDS(&f, id, FAILED);
    fixture_assert_runs_on(&f, uuid, "HostA");
    fixture_assert_event(&f, uuid, "godwit_abort", "it could not be made to end: ");
    g_autoptr(GwMigration) row = fixture_row(&f, id);
    g_assert_cmpstr(gw_taken_name(row->rung), ==, "abort");
    fixture_close(&f);
}

static void wait_for_rate(Fixture *f, gint64 id, guint64 mibps)
{
    guint64 last = 0;
    for (guint tries = 0; tries < 10000; tries++) {
        g_autoptr(GPtrArray) rows = NULL;
        GwMigrationQuery query = {.id = id};
        gw_engine_migrations(f->engine, &query, &rows, NULL);
        last = rows && rows->len ? ((const GwMigration *)rows->pdata[0])->progress.memory_bps : 0;
        if (last > (mibps << 20) / 100 * 98 && last < (mibps << 20) / 100 * 102)
            return;
        g_usleep(1000);
    }
    g_error("migration %" G_GINT64_FORMAT " copies %" G_GUINT64_FORMAT " MiB/s, and not %" G_GUINT64_FORMAT, id, last >> 20, mibps);
}

/* Those that leave one host share what it may send, and what one leaves the other gets. */
static void copies_share_a_link(void)
{
    Fixture f;
    fixture_open(&f, "moves-shared-link", 0);
    fixture_stop(&f);
    f.link_mibps = 100;
    fixture_start(&f);
    const char *first = fixture_add(&f, "HostA", "vm1", 2048, GW_SIM_SHARED, GW_POWER_RUNNING);
    const char *second = fixture_add(&f, "HostA", "vm2", 2048, GW_SIM_SHARED, GW_POWER_RUNNING);
    gint64 one = begin_endless(&f, first);
    wait_for_rate(&f, one, 100);
    gw_sim_world_set_dirty(f.world, second, 20000);
    gint64 two = fixture_move(&f, second, "HostC", GW_MOVE_LIVE);
    wait_for_rate(&f, one, 50);
    wait_for_rate(&f, two, 50);
    GwMoveRequest request = {.instance_uuid = first, .request_id = "req-abort"};
    g_autoptr(GError) error = NULL;
    gw_engine_abort(f.engine, &request, one, &error);
    g_assert_no_error(error);
    wait_for_rate(&f, two, 100);
    request.instance_uuid = second;
    gw_engine_abort(f.engine, &request, two, &error);
    g_assert_no_error(error);
    ASSERT_ENDS(&f, one, CANCELLED);
    ASSERT_ENDS(&f, two, CANCELLED);
    fixture_close(&f);
}

static void an_abort_leaves_nothing_on_the_destination(void)
{
    Fixture f;
    fixture_open(&f, "moves-abort", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_LOCAL, GW_POWER_RUNNING);
    gint64 id = begin_endless(&f, uuid);
    GwMoveRequest request = {.instance_uuid = uuid, .request_id = "req-abort"};
    g_autoptr(GError) error = NULL;
    gw_engine_abort(f.engine, &request, id, &error);
    g_assert_no_error(error);
    ASSERT_ENDS(&f, id, CANCELLED);
    fixture_assert_runs_on(&f, uuid, "HostA");
    g_assert_cmpuint(fixture_files(&f, "HostB", LOCAL), ==, 0);
    fixture_close(&f);
}

/* Every event of its newest action has an end, also those that a former engine began. */
static void assert_nothing_open(Fixture *f, const char *uuid)
{
    guint open = 1;
    for (guint tries = 0; open && tries < 20000; tries++) { /* written behind the loop */
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) actions = NULL, events = NULL;
        gw_engine_actions(f->engine, uuid, NULL, &actions, &error);
        g_assert_no_error(error);
        gw_engine_events(f->engine, ((const GwActionRow *)actions->pdata[0])->id, &events, &error);
        g_assert_no_error(error);
        open = 0;
        for (guint i = 0; i < events->len; i++)
            open += ((const GwEventRow *)events->pdata[i])->finish_us == 0;
        g_usleep(2000);
    }
    g_assert_cmpuint(open, ==, 0);
}

/* Stopped in the middle of a copy, which goes on; the next engine finds it. */
static void another_engine_carries_a_move_on(void)
{
    Fixture f;
    fixture_open(&f, "moves-restart", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 4096, GW_SIM_LOCAL, GW_POWER_RUNNING);
    gint64 id = begin_endless(&f, uuid);
    fixture_stop(&f);
    gw_sim_world_set_dirty(f.world, uuid, 0);
    fixture_start(&f);
    ASSERT_ENDS(&f, id, COMPLETED);
    fixture_assert_runs_on(&f, uuid, "HostB");
    g_assert_cmpuint(fixture_files(&f, "HostA", LOCAL), ==, 0);
    assert_nothing_open(&f, uuid);
    fixture_close(&f);
}

/* The move is lost as long as nobody knows what was made on the destination, and is undone when the host answers. */
static void a_half_made_preparation_is_removed(void)
{
    Fixture f;
    fixture_open(&f, "moves-lost-room", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_LOCAL, GW_POWER_RUNNING);
    fixture_refresh(&f);
    gw_sim_world_fail(f.world, "HostB", "prepare", 1, GW_ERROR_LOST, GW_SIM_AFTER);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostB", GW_MOVE_LIVE), FAILED);
    fixture_assert_runs_on(&f, uuid, "HostA");
    g_assert_cmpuint(fixture_files(&f, "HostB", LOCAL), ==, 0);
    fixture_close(&f);
}

static void a_transient_failure_is_tried_again(void)
{
    Fixture f;
    fixture_open(&f, "moves-retry", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    gw_sim_world_fail(f.world, "HostA", "migrate", 1, GW_ERROR_UNREACHABLE, GW_SIM_BEFORE);
    gint64 id = fixture_move(&f, uuid, "HostB", GW_MOVE_LIVE);
    ASSERT_ENDS(&f, id, COMPLETED);
    g_autoptr(GwMigration) row = fixture_row(&f, id);
    g_assert_cmpuint(row->attempts, ==, 2);
    fixture_close(&f);
}

/* The controller's disk is full for a while, somewhere in the move: what is done already is not done twice, nor forgotten. */
static void a_full_store_delays_a_move_and_leaves_nothing(void)
{
    for (guint i = 0; i < 12; i++) {
        Fixture f;
        fixture_open(&f, "moves-full", 0);
        const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_LOCAL, GW_POWER_RUNNING);
        fixture_refresh(&f);
        gint64 id = fixture_move(&f, uuid, "HostB", i % 2 ? GW_MOVE_LIVE : GW_MOVE_COLD);
        g_usleep(i * 1500);
        fixture_set_full(&f, TRUE);
        g_usleep(60000);
        fixture_set_full(&f, FALSE);
        if (i % 2)
            ASSERT_ENDS(&f, id, COMPLETED);
        else
            ASSERT_ENDS(&f, id, FINISHED);
        g_assert_cmpstr(gw_sim_world_runs_on(f.world, uuid), ==, "HostB");
        g_assert_cmpuint(fixture_files(&f, "HostB", "/sim/local"), ==, 1);
        g_assert_cmpuint(fixture_files(&f, "HostA", "/sim/local"), ==, i % 2 ? 0 : 1);
        fixture_close(&f);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/engine/" #test, test)
    ADD(a_live_move_ends_on_its_destination);
    ADD(a_forced_post_copy_leaves_nothing_on_the_source);
    ADD(a_post_copy_that_was_cut_goes_on);
    ADD(a_busy_guest_ends_as_its_policy_says);
    ADD(a_rung_that_is_refused_is_given_up);
    ADD(copies_share_a_link);
    ADD(an_abort_leaves_nothing_on_the_destination);
    ADD(another_engine_carries_a_move_on);
    ADD(a_half_made_preparation_is_removed);
    ADD(a_transient_failure_is_tried_again);
    ADD(a_full_store_delays_a_move_and_leaves_nothing);
    return g_test_run();
}
