/* Guests that do not run on by themselves after a move, since their own storage halts them, say: the move ends, and whoever reads of it knows what stands still, where, why,
 * and what to do. */
#include "tests/engine/fixture.h"

#include <string.h>

#define FULL(host) "vm stands still on " host ": the storage of its disk vda is full"
#define REMEDY "; make room there, then let it run on with `godwit unpause vm`"

/* A copy that waits: the link is cut. */
static gint64 begin_copy(Fixture *f, const char *uuid)
{
    gw_sim_world_set_dirty(f->world, uuid, 20000); /* it does not end in between */
    fixture_refresh(f);
    gint64 id = fixture_move(f, uuid, "HostB", GW_MOVE_LIVE);
    g_assert_cmpint(id, >, 0);
    while (gw_sim_world_copies(f->world) == 0)
        g_usleep(1000);
    gw_sim_world_set_link(f->world, "HostB", 0);
    return id;
}

static void assert_reason(Fixture *f, gint64 id, const char *whole)
{
    g_autoptr(GwMigration) row = fixture_row(f, id);
    g_assert_cmpstr(row->reason, ==, whole);
}

/* As shown, which is more than is recorded. */
static void wait_for_reason(Fixture *f, gint64 id, const char *reason)
{
    for (guint tries = 0; tries < 10000; tries++, g_usleep(1000)) {
        g_autoptr(GPtrArray) rows = NULL;
        GwMigrationQuery query = {.id = id};
        gw_engine_migrations(f->engine, &query, &rows, NULL);
        const GwMigration *row = rows && rows->len ? rows->pdata[0] : NULL;
        if (row && g_strcmp0(row->reason, reason) == 0)
            return;
    }
    g_error("migration %" G_GINT64_FORMAT " never says '%s'", id, reason);
}

static void wait_for_stopping(Fixture *f, gint64 id)
{
    GwMigrationState state = GW_MIGRATION_ACCEPTED;
    for (guint tries = 0; tries < 10000 && state != GW_MIGRATION_STOPPING; tries++, g_usleep(1000)) {
        g_autoptr(GwMigration) row = fixture_row(f, id);
        state = row->state;
    }
    g_assert_cmpint(state, ==, GW_MIGRATION_STOPPING);
}

/* The events of the newest action as lines, once they have all ended and one of them is the awaited. Owned by the caller. */
static char *events_of(Fixture *f, const char *uuid, const char *awaited)
{
    for (guint tries = 0; tries < 20000; tries++, g_usleep(2000)) { /* written behind the loop */
        g_autoptr(GPtrArray) actions = NULL, events = NULL;
        GString *text = g_string_new(NULL);
        g_assert_true(gw_engine_actions(f->engine, uuid, NULL, &actions, NULL));
        g_assert_true(gw_engine_events(f->engine, ((const GwActionRow *)actions->pdata[0])->id, &events, NULL));
        gboolean open = FALSE;
        for (guint i = 0; i < events->len; i++) {
            const GwEventRow *row = events->pdata[i];
            open |= !row->finish_us;
            g_string_append_printf(text, "%s: %s: %s\n", row->event, row->result, row->details ? row->details : "");
        }
        g_autofree char *lines = g_string_free(text, FALSE);
        if (!open && strstr(lines, awaited))
            return g_steal_pointer(&lines);
    }
    g_error("%s has no event '%s'", uuid, awaited);
}

static GwPower power_of(Fixture *f, const char *uuid)
{
    fixture_settle(f, uuid);
    fixture_refresh(f);
    g_autoptr(GwInstanceView) view = gw_engine_instance(f->engine, uuid);
    return view->instance->power;
}

static gboolean is_operated_on(Fixture *f, const char *uuid)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(f->engine, uuid);
    return view->operating;
}

static void unpause(Fixture *f, const char *uuid)
{
    GwMoveRequest request = {.instance_uuid = uuid, .request_id = "req-unpause"};
    g_autoptr(GError) error = NULL;
    gw_engine_operate(f->engine, &request, GW_OPERATION_UNPAUSE, &error);
    g_assert_no_error(error);
    for (guint tries = 0; tries < 5000 && (is_operated_on(f, uuid) || power_of(f, uuid) != GW_POWER_RUNNING); tries++)
        g_usleep(1000);
}

/* On shared storage it stands still on either side: the move goes on, is shown for what it is, and ends. With room the guest runs on where
 * it is, and may move again. */
static void a_guest_that_is_halted_moves_and_says_so(void)
{
    Fixture f;
    fixture_open(&f, "halts-live", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_SHARED, GW_POWER_RUNNING);
    gint64 id = begin_copy(&f, uuid);
    gw_sim_world_stall(f.world, uuid, GW_HALT_NO_ROOM);
    wait_for_reason(&f, id, FULL("HostA"));
    gw_sim_world_set_link(f.world, "HostB", 10000);
    ASSERT_ENDS(&f, id, COMPLETED);
    assert_reason(&f, id, FULL("HostB") REMEDY);
    g_assert_cmpint(power_of(&f, uuid), ==, GW_POWER_PAUSED);
    g_autofree char *events = events_of(&f, uuid, "godwit_guest_halted: Success: " FULL("HostB"));
    g_assert_null(strstr(events, ": Error: ")); /* the move itself is no failure */
    gw_sim_world_stall(f.world, uuid, GW_HALT_NONE);
    gw_sim_world_set_dirty(f.world, uuid, 0);
    unpause(&f, uuid);
    g_assert_cmpstr(gw_sim_world_runs_on(f.world, uuid), ==, "HostB");
    fixture_refresh(&f);
    gint64 back = fixture_move(&f, uuid, "HostA", GW_MOVE_LIVE);
    g_assert_cmpint(back, >, 0);
    ASSERT_ENDS(&f, back, COMPLETED);
    assert_reason(&f, back, NULL);
    fixture_close(&f);
}

/* Undone, it is where it was, and does not run on there: somebody has to know. */
static void an_undone_move_of_a_halted_guest_says_so(void)
{
    Fixture f;
    fixture_open(&f, "halts-undone", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_LOCAL, GW_POWER_RUNNING);
    gint64 id = begin_copy(&f, uuid);
    gw_sim_world_stall(f.world, uuid, GW_HALT_IO_ERROR);
    gw_sim_world_set_storage(f.world, "HostB", "/sim/local", GW_SIM_STORAGE_FULL);
    gw_sim_world_set_link(f.world, "HostB", 10000);
    ASSERT_ENDS(&f, id, FAILED);
    g_autoptr(GwMigration) row = fixture_row(&f, id);
    g_assert_true(g_str_has_suffix(row->reason, "; vm stands still on HostA: its disk vda could not be read or written; mend the storage, then "
                                                "let it run on with `godwit unpause vm`"));
    g_assert_cmpuint(fixture_files(&f, "HostB", "/sim/local"), ==, 0);
    fixture_close(&f);
}

/* Cold: started on the destination it stands still, so that it is put back; and there it is started once, not for ever. */
static void a_guest_that_is_halted_as_it_starts_is_put_back_once(void)
{
    Fixture f;
    fixture_open(&f, "halts-cold", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    gw_sim_world_set_shutdown(f.world, uuid, 20000);
    gint64 id = fixture_move(&f, uuid, "HostB", GW_MOVE_COLD);
    g_assert_cmpint(id, >, 0);
    wait_for_stopping(&f, id);
    gw_sim_world_stall(f.world, uuid, GW_HALT_NO_ROOM);
    ASSERT_ENDS(&f, id, FAILED);
    assert_reason(&f, id, "it was started on the destination, and does not run on there: " FULL("HostB") "; " FULL("HostA") REMEDY);
    g_assert_cmpint(power_of(&f, uuid), ==, GW_POWER_PAUSED);
    g_assert_cmpuint(gw_sim_world_homes(f.world, uuid), ==, 1);
    fixture_close(&f);
}

/* The hypervisors said that it had moved; that it is shut off there by the time that somebody looks calls no operator. */
static void a_guest_that_ends_as_it_arrives_has_moved(void)
{
    Fixture f;
    fixture_open(&f, "halts-ended", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_LOCAL, GW_POWER_RUNNING);
    gint64 id = begin_copy(&f, uuid);
    for (guint i = 0; i < 30; i++) /* nobody looks before it has ended */
        gw_sim_world_fail(f.world, "HostB", "sight", 1, GW_ERROR_UNREACHABLE, GW_SIM_BEFORE);
    gw_sim_world_set_dirty(f.world, uuid, 0);
    gw_sim_world_set_link(f.world, "HostB", 10000);
    for (guint tries = 0; tries < 50000 && g_strcmp0(gw_sim_world_runs_on(f.world, uuid), "HostB") != 0; tries++)
        g_usleep(200);
    gw_sim_world_kill_guest(f.world, "HostB", uuid);
    ASSERT_ENDS(&f, id, COMPLETED);
    assert_reason(&f, id, "vm has moved to HostB, and ended there since; start it with `godwit start vm`");
    g_assert_cmpuint(fixture_files(&f, "HostA", "/sim/local"), ==, 0);
    g_assert_cmpuint(fixture_files(&f, "HostB", "/sim/local"), ==, 1);
    g_assert_cmpint(power_of(&f, uuid), ==, GW_POWER_SHUTDOWN);
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/engine/halts/a_guest_that_is_halted_moves_and_says_so", a_guest_that_is_halted_moves_and_says_so);
    g_test_add_func("/engine/halts/an_undone_move_of_a_halted_guest_says_so", an_undone_move_of_a_halted_guest_says_so);
    g_test_add_func("/engine/halts/a_guest_that_is_halted_as_it_starts_is_put_back_once", a_guest_that_is_halted_as_it_starts_is_put_back_once);
    g_test_add_func("/engine/halts/a_guest_that_ends_as_it_arrives_has_moved", a_guest_that_ends_as_it_arrives_has_moved);
    return g_test_run();
}
