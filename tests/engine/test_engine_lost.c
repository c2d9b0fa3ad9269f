/* Moves under way whose source or destination is lost, over the simulator. */
#include "tests/engine/losses.h"

#include <string.h>

/* Otherwise it would wait for the lost host for ever, and nobody could evacuate the instance. */
static void a_move_whose_source_is_lost_ends_and_makes_way_for_the_evacuation(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-lost-source", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_SHARED, GW_POWER_RUNNING);
    gint64 id = fixture_begin_endless(&f, uuid);
    gw_sim_world_crash(f.world, "HostA");
    g_usleep(300000);
    g_autoptr(GwMigration) waiting = fixture_row(&f, id);
    g_assert_false(gw_migration_state_traits(waiting->state) & GW_TRAIT_FINAL);
    fixture_lose(&f, "HostA");
    ASSERT_ENDS(&f, id, FAILED);
    fixture_settle(&f, uuid);
    gint64 second = fixture_move(&f, uuid, NULL, GW_MOVE_EVACUATE);
    ASSERT_ENDS(&f, second, EVACUATED);
    gw_sim_world_boot(f.world, "HostA");
    fixture_wait_for_state(&f, second, GW_MIGRATION_COMPLETED);
    fixture_close(&f);
}

typedef struct {
    char *words;
    gint over; /* atomic */
} Refusal;

static void refused(gpointer data, const GwResolution *resolution, const GError *error)
{
    Refusal *refusal = data;
    g_assert_null(resolution);
    refusal->words = g_strdup(error->message);
    g_atomic_int_set(&refusal->over, 1);
}

static void assert_resolve_refused(Fixture *f, gint64 id, const char *words)
{
    Refusal refusal = {0};
    gw_engine_resolve(f->engine, id, NULL, refused, &refusal);
    while (!g_atomic_int_get(&refusal.over))
        g_usleep(1000);
    g_test_message("%s", refusal.words);
    g_assert_nonnull(strstr(refusal.words, words));
    g_free(refusal.words);
}

static GwMigration *shown_row(Fixture *f, gint64 id)
{
    GwMigrationQuery query = {.id = id};
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    gw_engine_migrations(f->engine, &query, &rows, &error);
    g_assert_no_error(error);
    return g_ptr_array_steal_index(rows, 0);
}

static void assert_waits_for(Fixture *f, gint64 id, const char *host /* NULL: nobody */)
{
    for (guint tries = 0; tries < 10000; tries++) {
        g_autoptr(GwMigration) row = shown_row(f, id);
        if (g_strcmp0(gw_migration_silent_host(row), host) == 0)
            return;
        g_usleep(1000);
    }
    g_error("migration %" G_GINT64_FORMAT " does not wait for %s", id, host);
}

/* Whoever stands before a move that hangs is told what ends it. */
static void a_move_that_waits_for_a_lost_host_names_the_way_out(void)
{
    static const char *const ways[] = {"It waits for HostA, which does not answer.", "It waits for HostB, which does not answer."};
    static const char *const lost[] = {"HostA", "HostB"};
    for (guint i = 0; i < G_N_ELEMENTS(lost); i++) {
        Fixture f;
        fixture_open(&f, i ? "evacuation-way-dest" : "evacuation-way-source", 0);
        const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_SHARED, GW_POWER_RUNNING);
        gint64 id = fixture_begin_endless(&f, uuid);
        assert_resolve_refused(&f, id, "Only one that ended in error");
        gw_sim_world_crash(f.world, lost[i]);
        fixture_wait_until(&f, lost[i], FALSE);
        fixture_assert_no_evacuation(&f, uuid, GW_ERROR_CONFLICT, ways[i]);
        assert_waits_for(&f, id, lost[i]);
        g_autofree char *remedy = g_strdup_printf("`godwit service-force-down %s`: then the migration ends by itself", lost[i]);
        assert_resolve_refused(&f, id, remedy);
        fixture_force_down(&f, lost[i], GW_SWITCH_ON);
        ASSERT_ENDS(&f, id, FAILED);
        assert_waits_for(&f, id, NULL);
        fixture_close(&f);
    }
}

/* Whether that is a part of its reason: what it waits for is in memory only. */
static gboolean shows(Fixture *f, gint64 id, const char *words)
{
    g_autoptr(GwMigration) row = shown_row(f, id);
    return row->reason && strstr(row->reason, words);
}

/* Otherwise it looks as if nobody had heard it. */
static void an_abort_of_a_move_that_waits_for_a_lost_host_is_shown_as_noted(void)
{
    static const char *const lost[] = {"HostA", "HostB"};
    for (guint i = 0; i < G_N_ELEMENTS(lost); i++) {
        Fixture f;
        fixture_open(&f, i ? "evacuation-abort-dest" : "evacuation-abort-source", 0);
        const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_SHARED, GW_POWER_RUNNING);
        gint64 id = fixture_begin_endless(&f, uuid);
        gw_sim_world_crash(f.world, lost[i]);
        fixture_wait_until(&f, lost[i], FALSE);
        GwMoveRequest request = {.instance_uuid = uuid, .request_id = "req-abort"};
        g_autoptr(GError) error = NULL;
        gw_engine_abort(f.engine, &request, id, &error);
        g_assert_no_error(error);
        gboolean noted = FALSE;
        for (guint tries = 0; !noted && tries < 5000; tries++) {
            noted = shows(&f, id, "host does not answer: the abort is noted");
            g_usleep(1000);
        }
        g_assert_true(noted);
        fixture_assert_no_evacuation(&f, uuid, GW_ERROR_CONFLICT, lost[i]); /* and the way out is named all the same */
        fixture_force_down(&f, lost[i], GW_SWITCH_ON);
        g_autoptr(GwMigration) ended = fixture_wait(&f, id, GW_MIGRATION_FAILED);
        g_test_message("%s: %s", gw_migration_state_name(ended->state), ended->reason);
        g_assert_true(ended->state == GW_MIGRATION_FAILED || ended->state == GW_MIGRATION_CANCELLED);
        fixture_close(&f);
    }
}

static void a_move_whose_destination_is_lost_ends_and_the_guest_may_go_elsewhere(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-lost-dest", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_lose_destination(&f, uuid);
    fixture_assert_home(&f, uuid, "HostA");
    g_assert_cmpstr(gw_sim_world_runs_on(f.world, uuid), ==, "HostA");
    gw_sim_world_set_dirty(f.world, uuid, 0);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostC", GW_MOVE_LIVE), COMPLETED);
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/lost/" #test, test)
    ADD(a_move_that_waits_for_a_lost_host_names_the_way_out);
    ADD(an_abort_of_a_move_that_waits_for_a_lost_host_is_shown_as_noted);
    ADD(a_move_whose_source_is_lost_ends_and_makes_way_for_the_evacuation);
    ADD(a_move_whose_destination_is_lost_ends_and_the_guest_may_go_elsewhere);
    return g_test_run();
}
