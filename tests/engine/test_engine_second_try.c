/* Disks that are written faster than the link carries, which nobody could know beforehand: copied again with writes that wait, in the same
 * move, whatever befalls the daemon meanwhile. */
#include "core/flags.h"
#include "tests/engine/fixture.h"

#include <string.h>

#define LOCAL "/sim/local"

enum {
    LINK_MBPS = 100, WRITES_MBPS = 160, /* less than half of what a link is taken for that nobody has seen */
    ALL_MS = 8590,                      /* what its disk, of which a tenth is allocated, takes */
    DISK_GIB = 1, MEMORY_MIB = 64,
    GIB = 4,                            /* as which both count for the completion timeout */
};

static const char *add(Fixture *f, const char *name)
{
    GwInstance *instance = gw_sim_instance_new(name, MEMORY_MIB);
    gw_sim_instance_add_disk(instance, GW_SIM_LOCAL, DISK_GIB);
    return gw_sim_world_add_instance(f->world, "HostA", instance);
}

/* A guest on HostA that writes its disk faster than it can leave. */
static const char *open_world(Fixture *f, const char *name, guint64 timeout_s)
{
    fixture_open(f, name, 0);
    if (timeout_s) {
        f->timeout_s = timeout_s;
        fixture_stop(f);
        fixture_start(f);
    }
    const char *uuid = add(f, "writer");
    gw_sim_world_set_disk_writes(f->world, uuid, WRITES_MBPS);
    gw_sim_world_set_link(f->world, "HostA", LINK_MBPS);
    fixture_refresh(f);
    return uuid;
}

static gint64 begin(Fixture *f, const char *uuid)
{
    gint64 id = fixture_move(f, uuid, "HostB", GW_MOVE_LIVE);
    g_assert_cmpint(id, >, 0);
    return id;
}

static void assert_home(Fixture *f, const char *uuid, const char *host, const char *other)
{
    fixture_settle(f, uuid);
    g_assert_cmpstr(gw_sim_world_runs_on(f->world, uuid), ==, host);
    g_assert_cmpuint(fixture_files(f, host, LOCAL), ==, 1);
    g_assert_cmpuint(fixture_files(f, other, LOCAL), ==, 0);
}

static gboolean waits(const GwMigration *row)
{
    return (row->plan->flags & GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES) != 0;
}

/* It ends by that, on its destination. */
static void assert_second_try(Fixture *f, gint64 id, const char *uuid)
{
    ASSERT_ENDS(f, id, COMPLETED);
    g_autoptr(GwMigration) row = fixture_row(f, id);
    g_assert_true(row->intents & GW_INTENT_AGAIN);
    g_assert_true(waits(row));
    g_assert_false(row->plan->second_try);
    g_assert_cmpuint(row->attempts, ==, 1);
    g_assert_null(row->reason);
    assert_home(f, uuid, "HostB", "HostA");
}

static guint count_events(Fixture *f, const char *uuid, const char *name)
{
    g_autoptr(GPtrArray) actions = NULL, events = NULL;
    g_autoptr(GError) error = NULL;
    guint count = 0;
    gw_engine_actions(f->engine, uuid, NULL, &actions, &error);
    g_assert_no_error(error);
    gw_engine_events(f->engine, ((const GwActionRow *)actions->pdata[0])->id, &events, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < events->len; i++)
        count += strcmp(((const GwEventRow *)events->pdata[i])->event, name) == 0;
    return count;
}

static void disks_that_cannot_keep_up_are_copied_again(void)
{
    Fixture f;
    const char *uuid = open_world(&f, "second", 0);
    gint64 id = begin(&f, uuid);
    assert_second_try(&f, id, uuid);
    fixture_assert_event(&f, uuid, "godwit_copy_again",
                         "MB/s to its disks and the link carries 12.5 MB/s; it is copied again with writes that wait");
    g_assert_cmpuint(count_events(&f, uuid, "godwit_copy_again"), ==, 1);
    g_assert_cmpuint(count_events(&f, uuid, "compute_live_migration"), ==, 2);
    fixture_close(&f);
}

/* A guest that writes half as much needs none: what is left becomes less. */
static void disks_that_keep_up_are_not(void)
{
    Fixture f;
    const char *uuid = open_world(&f, "second-not", 0);
    gw_sim_world_set_disk_writes(f.world, uuid, LINK_MBPS / 2);
    gint64 id = begin(&f, uuid);
    ASSERT_ENDS(&f, id, COMPLETED);
    g_autoptr(GwMigration) row = fixture_row(&f, id);
    g_assert_false(row->intents & GW_INTENT_AGAIN);
    g_assert_false(waits(row));
    fixture_close(&f);
}

/* ---- the daemon is stopped in the midst */

static gboolean is_copied(const GwMigration *row)
{
    return row->state == GW_MIGRATION_RUNNING;
}

static gboolean is_given_up(const GwMigration *row)
{
    return row->state == GW_MIGRATION_RUNNING && gw_migration_goes_again(row);
}

static gboolean is_undone(const GwMigration *row)
{
    return row->state == GW_MIGRATION_UNDOING && row->end == GW_MIGRATION_PREPARING;
}

static gboolean is_prepared_again(const GwMigration *row)
{
    return row->state == GW_MIGRATION_PREPARING && waits(row);
}

static gboolean is_copied_again(const GwMigration *row)
{
    return row->state == GW_MIGRATION_RUNNING && waits(row) && row->attempts == 1;
}

typedef gboolean (*Moment)(const GwMigration *row);

static void wait_for(Fixture *f, gint64 id, Moment moment)
{
    for (gint64 deadline = g_get_monotonic_time() + 60 * G_USEC_PER_SEC; g_get_monotonic_time() < deadline;) {
        g_autoptr(GwMigration) row = fixture_row(f, id);
        if (moment(row))
            return;
        g_usleep(500);
    }
    g_error("migration %" G_GINT64_FORMAT " never comes there", id);
}

static void hold(Fixture *f, const char *host, const char *function, guint times)
{
    for (guint i = 0; i < times; i++)
        gw_sim_world_fail(f->world, host, function, 1, GW_ERROR_UNREACHABLE, GW_SIM_BEFORE);
}

static const struct {
    const char *host, *function; /* whose failures make the moment last, or NULL */
    Moment moment;
} moments[] = {
    {"HostA", "abort", is_given_up},
    {"HostB", "forget", is_undone},
    {"HostB", "prepare", is_prepared_again},
    {NULL, NULL, is_copied_again},
};

/* Begun, and at that moment, which lasts since its act fails. */
static gint64 come_to(Fixture *f, const char *uuid, guint i)
{
    hold(f, "HostA", "abort", 4);
    gint64 id = begin(f, uuid);
    wait_for(f, id, is_given_up);
    if (i > 0 && moments[i].function) /* the first preparation was not to fail */
        hold(f, moments[i].host, moments[i].function, 6);
    wait_for(f, id, moments[i].moment);
    return id;
}

static void another_engine_goes_on_from_every_moment(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(moments); i++) {
        Fixture f;
        const char *uuid = open_world(&f, "second-restart", 0);
        gint64 id = come_to(&f, uuid, i);
        fixture_stop(&f);
        fixture_start(&f);
        fixture_refresh(&f);
        assert_second_try(&f, id, uuid);
        fixture_close(&f);
    }
}

static void restarts_at_any_time_do_no_harm(void)
{
    for (guint i = 0; i < 12; i++) {
        Fixture f;
        const char *uuid = open_world(&f, "second-restarts", 0);
        gint64 id = come_to(&f, uuid, 0);
        for (guint j = 0; j < 3; j++) {
            g_usleep(i * 4000);
            fixture_stop(&f);
            fixture_start(&f);
        }
        fixture_refresh(&f);
        assert_second_try(&f, id, uuid);
        fixture_close(&f);
    }
}

/* That is not journalled, but shown. */
static gboolean waits_for_turn(Fixture *f, gint64 id)
{
    GwMigrationQuery query = {.id = id};
    g_autoptr(GPtrArray) rows = NULL;
    g_assert_true(gw_engine_migrations(f->engine, &query, &rows, NULL));
    const GwMigration *row = rows->pdata[0];
    return row->reason && strstr(row->reason, "it waits for its turn");
}

/* Another that waits for its turn does not get in between. */
static void it_keeps_its_turn(void)
{
    Fixture f;
    const char *uuid = open_world(&f, "second-turn", 0);
    f.turns = 1;
    fixture_stop(&f);
    fixture_start(&f);
    const char *other = add(&f, "other");
    fixture_refresh(&f);
    gint64 id = begin(&f, uuid);
    wait_for(&f, id, is_copied);
    gint64 next = begin(&f, other);
    while (!waits_for_turn(&f, next))
        g_usleep(1000);
    for (guint i = 0; i < 6; i++) /* the host answers: nobody else is kept from it */
        gw_sim_world_fail(f.world, "HostB", "forget", 1, GW_ERROR_FAILED, GW_SIM_BEFORE);
    wait_for(&f, id, is_undone);
    for (guint i = 0; i < 100; i++) {
        g_autoptr(GwMigration) waiting = fixture_row(&f, next), first = fixture_row(&f, id);
        if (waiting->state != GW_MIGRATION_ACCEPTED && waiting->state != GW_MIGRATION_QUEUED)
            g_assert_cmpstr(gw_migration_state_name(first->state), ==, gw_migration_state_name(GW_MIGRATION_COMPLETED));
        g_usleep(2000);
    }
    ASSERT_ENDS(&f, id, COMPLETED);
    ASSERT_ENDS(&f, next, COMPLETED);
    fixture_close(&f);
}

/* ---- an abort wins */

static void an_abort_ends_it_at_every_moment(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(moments); i++) {
        Fixture f;
        const char *uuid = open_world(&f, "second-abort", 0);
        gint64 id = come_to(&f, uuid, i);
        GwMoveRequest request = {.instance_uuid = uuid, .request_id = "req-abort"};
        g_autoptr(GError) error = NULL;
        g_assert_true(gw_engine_abort(f.engine, &request, id, &error));
        ASSERT_ENDS(&f, id, CANCELLED);
        g_autoptr(GwMigration) row = fixture_row(&f, id);
        g_assert_null(strstr(row->reason, "copied again"));
        assert_home(&f, uuid, "HostA", "HostB");
        fixture_close(&f);
    }
}

/* ---- the completion timeout counts over both */

static void the_timeout_counts_over_both_tries(void)
{
    enum { TIMEOUT_S = 9 };
    Fixture f;
    const char *uuid = open_world(&f, "second-timeout", TIMEOUT_S);
    gint64 id = begin(&f, uuid);
    wait_for(&f, id, is_copied_again);
    gw_sim_world_set_link(f.world, "HostA", LINK_MBPS / 20);
    ASSERT_ENDS(&f, id, FAILED);
    g_autoptr(GwMigration) row = fixture_row(&f, id);
    g_assert_nonnull(strstr(row->reason, "it took longer than its completion timeout"));
    g_assert_cmpuint(row->plan->timeout_ms, <=, TIMEOUT_S * GIB * 1000 - 2 * ALL_MS);
    assert_home(&f, uuid, "HostA", "HostB");
    fixture_close(&f);
}

static void tried(gpointer data, const GwTrialReport *report, const GError *error)
{
    g_assert_no_error(error);
    g_assert_nonnull(report);
    g_atomic_int_set((gint *)data, 1);
}

/* `godwit plan`. */
static void look_at(Fixture *f, const char *uuid)
{
    gint over = 0;
    GwMoveRequest request = {.instance_uuid = uuid, .host = "HostB", .block = GW_BLOCK_AUTO, .measure = GW_LOAD_FULL,
                             .request_id = "req-plan"};
    gw_engine_try(f->engine, &request, GW_MOVE_LIVE, tried, &over);
    while (!g_atomic_int_get(&over))
        g_usleep(1000);
}

/* What cannot end in time is not begun; and what it has seen of the link lets the next move begin as it should. */
static void without_time_it_is_not_begun_and_the_link_is_learnt(void)
{
    Fixture f;
    const char *uuid = open_world(&f, "second-late", 6); /* two rounds take 17 s, a third 9 s more, and there are 24 */
    gint64 id = begin(&f, uuid);
    ASSERT_ENDS(&f, id, FAILED);
    g_autoptr(GwMigration) row = fixture_row(&f, id);
    g_assert_nonnull(strstr(row->reason, "to copy them again with writes that wait takes 9 s at least: too long for "
                                         "live_migration_completion_timeout"));
    g_assert_false(row->intents & GW_INTENT_AGAIN);
    assert_home(&f, uuid, "HostA", "HostB");
    g_assert_cmpuint(row->forecast->actual_bps, >, 12000000);
    g_assert_cmpuint(row->forecast->actual_bps, <, 13000000);
    fixture_stop(&f); /* and is not forgotten */
    fixture_start(&f);
    fixture_refresh(&f);
    look_at(&f, uuid);
    gint64 next = begin(&f, uuid);
    ASSERT_ENDS(&f, next, COMPLETED);
    g_autoptr(GwMigration) known = fixture_row(&f, next);
    g_assert_true(waits(known));
    g_assert_false(known->intents & GW_INTENT_AGAIN);
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/engine/" #test, test)
    ADD(disks_that_cannot_keep_up_are_copied_again);
    ADD(disks_that_keep_up_are_not);
    ADD(another_engine_goes_on_from_every_moment);
    ADD(restarts_at_any_time_do_no_harm);
    ADD(an_abort_ends_it_at_every_moment);
    if (g_getenv("GODWIT_POSTGRES")) /* with a second daemon, which has neither the settings of the rest nor what the first has learnt */
        return g_test_run();
    ADD(it_keeps_its_turn);
    ADD(the_timeout_counts_over_both_tries);
    ADD(without_time_it_is_not_begun_and_the_link_is_learnt);
    return g_test_run();
}
