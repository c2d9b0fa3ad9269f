/* Evacuation over the simulator: what may be evacuated, what becomes of it, and of what is left behind. */
#include "tests/engine/fixture.h"

#include <string.h>

static void wait_until(Fixture *f, const char *host, gboolean up)
{
    for (guint tries = 0; tries < 5000; tries++) {
        g_autoptr(GwHostView) view = gw_engine_host(f->engine, host);
        if (view->up == up)
            return;
        fixture_ask(f, host);
        g_usleep(1000);
    }
    g_error("%s does not go %s", host, up ? "up" : "down");
}

static void force_down(Fixture *f, const char *host, GwSwitch how)
{
    g_autoptr(GError) error = NULL;
    GwHostEdit edit = {.forced_down = how};
    gw_engine_host_edit(f->engine, host, &edit, &error);
    g_assert_no_error(error);
}

static void lose(Fixture *f, const char *host)
{
    gw_sim_world_crash(f->world, host);
    wait_until(f, host, FALSE);
    force_down(f, host, GW_SWITCH_ON);
}

static void come_back(Fixture *f, const char *host)
{
    gw_sim_world_boot(f->world, host);
    force_down(f, host, GW_SWITCH_OFF);
    wait_until(f, host, TRUE);
}

static void assert_home(Fixture *f, const char *uuid, const char *host)
{
    fixture_settle(f, uuid);
    g_autoptr(GwInstanceView) view = gw_engine_instance(f->engine, uuid);
    g_assert_cmpstr(view->host, ==, host);
}

static void assert_refused_as(Fixture *f, const char *uuid, GwErrorCode code, const char *word)
{
    GwMoveRequest request = {.instance_uuid = uuid, .request_id = "req-test"};
    gint64 id = 0;
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_engine_evacuate(f->engine, &request, &id, NULL, NULL, &error));
    g_assert_error(error, GW_ERROR, (gint)code);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, word));
}

static void assert_refused(Fixture *f, const char *uuid, const char *word)
{
    assert_refused_as(f, uuid, GW_ERROR_INVALID, word);
}

static void wait_for_state(Fixture *f, gint64 id, GwMigrationState state)
{
    for (guint tries = 0; tries < 5000; tries++) {
        g_autoptr(GwMigration) row = fixture_row(f, id);
        if (row->state == state)
            return;
        fixture_ask(f, row->source);
        g_usleep(1000);
    }
    g_error("migration %" G_GINT64_FORMAT " does not become %s", id, gw_migration_state_name(state));
}

static void what_ran_runs_elsewhere_and_what_was_stopped_is_stopped_there(void)
{
    Fixture f;
    fixture_open(&f, "evacuation", 0);
    const char *ran = fixture_add(&f, "HostA", "ran", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    const char *rested = fixture_add(&f, "HostA", "rested", 512, GW_SIM_SHARED, GW_POWER_SHUTDOWN);
    fixture_refresh(&f);
    lose(&f, "HostA");
    gint64 first = fixture_move(&f, ran, NULL, GW_MOVE_EVACUATE);
    gint64 second = fixture_move(&f, rested, "HostC", GW_MOVE_EVACUATE);
    ASSERT_ENDS(&f, first, EVACUATED);
    ASSERT_ENDS(&f, second, EVACUATED);
    fixture_settle(&f, ran);
    assert_home(&f, rested, "HostC");
    g_assert_cmpstr(gw_sim_world_runs_on(f.world, ran), !=, NULL);
    g_assert_cmpstr(gw_sim_world_runs_on(f.world, rested), ==, NULL);
    /* it is free to go on, while its old host is still away */
    g_autoptr(GwInstanceView) view = gw_engine_instance(f.engine, ran);
    ASSERT_ENDS(&f, fixture_move(&f, ran, strcmp(view->host, "HostB") == 0 ? "HostC" : "HostB", GW_MOVE_LIVE), COMPLETED);
    /* and when that comes back, what it still has is removed, not started */
    gw_sim_world_boot(f.world, "HostA");
    wait_for_state(&f, first, GW_MIGRATION_COMPLETED);
    wait_for_state(&f, second, GW_MIGRATION_COMPLETED);
    fixture_refresh(&f);
    g_autoptr(GwHostView) host = gw_engine_host(f.engine, "HostA");
    g_assert_cmpuint(host->instances, ==, 0);
    fixture_close(&f);
}

/* The instance itself must not be taken for what its evacuation has left: it would be called a copy that runs twice. */
static void it_returns_only_once_its_old_host_is_cleared(void)
{
    enum { FAILURES = 200 };
    Fixture f;
    fixture_open(&f, "return", 0);
    const char *uuid = fixture_add(&f, "HostA", "ran", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    lose(&f, "HostA");
    gint64 evacuation = fixture_move(&f, uuid, "HostB", GW_MOVE_EVACUATE);
    ASSERT_ENDS(&f, evacuation, EVACUATED);
    fixture_settle(&f, uuid);
    for (guint i = 0; i < FAILURES; i++) /* one after the other */
        gw_sim_world_fail(f.world, "HostA", "forget", 1, GW_ERROR_FAILED, GW_SIM_BEFORE);
    come_back(&f, "HostA");
    gint64 early = fixture_move(&f, uuid, "HostA", GW_MOVE_LIVE);
    ASSERT_ENDS(&f, early, FAILED);
    g_autoptr(GwMigration) refused = fixture_row(&f, early);
    g_test_message("%s", refused->reason);
    g_assert_nonnull(strstr(refused->reason, "HostA still holds what the instance left there"));
    wait_for_state(&f, evacuation, GW_MIGRATION_COMPLETED);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostA", GW_MOVE_LIVE), COMPLETED);
    assert_home(&f, uuid, "HostA");
    g_assert_cmpstr(gw_sim_world_runs_on(f.world, uuid), ==, "HostA");
    fixture_close(&f);
}

static void move_cold(Fixture *f, const char *uuid, const char *dest)
{
    gint64 id = fixture_move(f, uuid, dest, GW_MOVE_COLD);
    ASSERT_ENDS(f, id, FINISHED);
    GwMoveRequest confirm = {.instance_uuid = uuid, .request_id = "req-confirm"};
    g_autoptr(GError) error = NULL;
    gw_engine_confirm(f->engine, &confirm, &error);
    g_assert_no_error(error);
    ASSERT_ENDS(f, id, CONFIRMED);
    fixture_settle(f, uuid);
}

/* Its definition left the store with it, and is the same when it is back: it is kept again all the same. */
static void one_that_has_come_back_is_evacuated_again(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-again", 0);
    const char *evacuated = fixture_add(&f, "HostA", "evacuated", 512, GW_SIM_SHARED, GW_POWER_SHUTDOWN);
    const char *moved = fixture_add(&f, "HostA", "moved", 512, GW_SIM_SHARED, GW_POWER_SHUTDOWN);
    fixture_refresh(&f);
    move_cold(&f, moved, "HostB");
    lose(&f, "HostA");
    gint64 first = fixture_move(&f, evacuated, "HostB", GW_MOVE_EVACUATE);
    ASSERT_ENDS(&f, first, EVACUATED);
    fixture_settle(&f, evacuated);
    come_back(&f, "HostA");
    wait_for_state(&f, first, GW_MIGRATION_COMPLETED);
    fixture_add(&f, "HostA", "other", 512, GW_SIM_SHARED, GW_POWER_SHUTDOWN); /* what HostA has changes: it is recorded */
    fixture_refresh(&f);
    move_cold(&f, evacuated, "HostA");
    move_cold(&f, moved, "HostA");
    fixture_refresh(&f);
    lose(&f, "HostA");
    ASSERT_ENDS(&f, fixture_move(&f, evacuated, "HostB", GW_MOVE_EVACUATE), EVACUATED);
    ASSERT_ENDS(&f, fixture_move(&f, moved, "HostC", GW_MOVE_EVACUATE), EVACUATED);
    fixture_close(&f);
}

static void only_a_host_that_is_down_and_vouched_for_is_evacuated(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-fence", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    assert_refused(&f, uuid, "It answers");
    force_down(&f, "HostA", GW_SWITCH_ON);
    assert_refused(&f, uuid, "it is forced down, but answered until");
    force_down(&f, "HostA", GW_SWITCH_OFF);
    gw_sim_world_set_state(f.world, "HostA", GW_SIM_DOWN); /* a broken cable: it runs on */
    wait_until(&f, "HostA", FALSE);
    assert_refused(&f, uuid, "service-force-down");
    gw_sim_world_set_state(f.world, "HostA", GW_SIM_UP);
    fixture_close(&f);
}

static gint64 seen_us(Fixture *f, const char *host)
{
    g_autoptr(GwHostView) view = gw_engine_host(f->engine, host);
    return view->seen_us;
}

/* Its last answer may be as old as the interval of looks at everything: whoever is refused for it need not wait for the next of these. */
static void a_host_that_answered_lately_is_asked_by_the_refusal(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-lately", 0);
    fixture_stop(&f);
    f.look_s = 3600;
    fixture_start(&f);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    force_down(&f, "HostA", GW_SWITCH_ON);
    g_usleep(200000); /* what the new instance gave to ask for has been asked */
    gint64 before_us = seen_us(&f, "HostA");
    assert_refused(&f, uuid, "s ago, and said that vm is running there. It is being asked now: if it is switched off, ask again in ");
    for (guint tries = 0; seen_us(&f, "HostA") == before_us && tries < 5000; tries++)
        g_usleep(1000);
    g_assert_cmpint(seen_us(&f, "HostA"), >, before_us);
    gw_sim_world_crash(f.world, "HostA");
    wait_until(&f, "HostA", FALSE);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostB", GW_MOVE_EVACUATE), EVACUATED);
    fixture_close(&f);
}

static void a_disk_that_only_the_lost_host_has_is_not_made_anew(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-local", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_LOCAL, GW_POWER_RUNNING);
    fixture_refresh(&f);
    lose(&f, "HostA");
    gint64 id = fixture_move(&f, uuid, "HostB", GW_MOVE_EVACUATE);
    ASSERT_ENDS(&f, id, FAILED);
    g_autoptr(GwMigration) row = fixture_row(&f, id);
    g_assert_nonnull(strstr(row->reason, "only what lies on shared storage can be evacuated"));
    assert_home(&f, uuid, "HostA");
    fixture_close(&f);
}

/* The definitions are in the store: the daemon may have been restarted since. */
static void a_restarted_daemon_knows_what_was_on_the_lost_host(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-restart", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    lose(&f, "HostA");
    fixture_stop(&f);
    fixture_start(&f);
    wait_until(&f, "HostA", FALSE);
    gint64 id = fixture_move(&f, uuid, "HostB", GW_MOVE_EVACUATE);
    ASSERT_ENDS(&f, id, EVACUATED);
    assert_home(&f, uuid, "HostB");
    /* and what it left is remembered, too */
    fixture_stop(&f);
    fixture_start(&f);
    gw_sim_world_boot(f.world, "HostA");
    wait_for_state(&f, id, GW_MIGRATION_COMPLETED);
    assert_home(&f, uuid, "HostB");
    fixture_close(&f);
}

/* A daemon that starts anew remembers it on both hosts; and, once the guest has ended where it is, as running on the one that is lost alone. */
static void what_was_taken_back_from_a_lost_host_is_not_evacuated_from_there(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-reverted", 0);
    const char *uuid = fixture_add(&f, "HostB", "vm", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    gint64 id = fixture_move(&f, uuid, "HostA", GW_MOVE_COLD);
    ASSERT_ENDS(&f, id, FINISHED);
    fixture_refresh(&f);
    lose(&f, "HostA");
    GwMoveRequest revert = {.instance_uuid = uuid, .request_id = "req-revert"};
    g_autoptr(GError) error = NULL;
    g_assert_true(gw_engine_revert(f.engine, &revert, &error));
    ASSERT_ENDS(&f, id, REVERTED);
    assert_home(&f, uuid, "HostB");
    for (guint turn = 0; turn < 2; turn++) {
        fixture_stop(&f);
        if (turn == 1)
            gw_sim_world_kill_guest(f.world, "HostB", uuid);
        fixture_start(&f);
        wait_until(&f, "HostA", FALSE);
        wait_until(&f, "HostB", TRUE);
        if (turn == 1)
            assert_refused(&f, uuid, "its last migration has left it on HostB");
        assert_home(&f, uuid, "HostB");
        assert_refused(&f, uuid, "It answers");
    }
    g_assert_cmpuint(gw_sim_world_homes(f.world, uuid), ==, 2); /* one of them on the host that is down */
    fixture_close(&f);
}

static void a_start_that_fails_is_undone(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-undone", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    lose(&f, "HostA");
    gw_sim_world_fail(f.world, "HostB", "start", 1, GW_ERROR_FAILED, GW_SIM_BEFORE);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostB", GW_MOVE_EVACUATE), FAILED);
    fixture_settle(&f, uuid);
    g_autoptr(GwHostView) host = gw_engine_host(f.engine, "HostB");
    g_assert_cmpuint(host->instances, ==, 0);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostB", GW_MOVE_EVACUATE), EVACUATED);
    fixture_close(&f);
}

static gint64 begin_endless(Fixture *f, const char *uuid)
{
    gw_sim_world_set_dirty(f->world, uuid, 20000);
    fixture_refresh(f);
    gint64 id = fixture_move(f, uuid, "HostB", GW_MOVE_LIVE);
    while (gw_sim_world_copies(f->world) == 0)
        g_usleep(1000);
    return id;
}

/* HostB, in the midst of a copy to it. */
static void lose_destination(Fixture *f, const char *uuid)
{
    gint64 id = begin_endless(f, uuid);
    lose(f, "HostB");
    ASSERT_ENDS(f, id, FAILED);
    fixture_settle(f, uuid);
}

/* Otherwise it would wait for the lost host for ever, and nobody could evacuate the instance. */
static void a_move_whose_source_is_lost_ends_and_makes_way_for_the_evacuation(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-lost-source", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_SHARED, GW_POWER_RUNNING);
    gint64 id = begin_endless(&f, uuid);
    gw_sim_world_crash(f.world, "HostA");
    g_usleep(300000);
    g_autoptr(GwMigration) waiting = fixture_row(&f, id);
    g_assert_false(gw_migration_state_traits(waiting->state) & GW_TRAIT_FINAL);
    lose(&f, "HostA");
    ASSERT_ENDS(&f, id, FAILED);
    fixture_settle(&f, uuid);
    gint64 second = fixture_move(&f, uuid, NULL, GW_MOVE_EVACUATE);
    ASSERT_ENDS(&f, second, EVACUATED);
    gw_sim_world_boot(f.world, "HostA");
    wait_for_state(&f, second, GW_MIGRATION_COMPLETED);
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

/* Whoever stands before a move that hangs is told what ends it. */
static void a_move_that_waits_for_a_lost_host_names_the_way_out(void)
{
    static const char *const ways[] = {"It waits for HostA, which does not answer.", "It waits for HostB, which does not answer."};
    static const char *const lost[] = {"HostA", "HostB"};
    for (guint i = 0; i < G_N_ELEMENTS(lost); i++) {
        Fixture f;
        fixture_open(&f, i ? "evacuation-way-dest" : "evacuation-way-source", 0);
        const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_SHARED, GW_POWER_RUNNING);
        gint64 id = begin_endless(&f, uuid);
        assert_resolve_refused(&f, id, "Only one that ended in error");
        gw_sim_world_crash(f.world, lost[i]);
        wait_until(&f, lost[i], FALSE);
        assert_refused_as(&f, uuid, GW_ERROR_CONFLICT, ways[i]);
        g_autofree char *remedy = g_strdup_printf("`godwit service-force-down %s`: then the migration ends by itself", lost[i]);
        assert_resolve_refused(&f, id, remedy);
        force_down(&f, lost[i], GW_SWITCH_ON);
        ASSERT_ENDS(&f, id, FAILED);
        fixture_close(&f);
    }
}

/* Whether that is a part of its reason: what it waits for is in memory only. */
static gboolean shows(Fixture *f, gint64 id, const char *words)
{
    GwMigrationQuery query = {.id = id};
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    gw_engine_migrations(f->engine, &query, &rows, &error);
    g_assert_no_error(error);
    const GwMigration *row = rows->pdata[0];
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
        gint64 id = begin_endless(&f, uuid);
        gw_sim_world_crash(f.world, lost[i]);
        wait_until(&f, lost[i], FALSE);
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
        assert_refused_as(&f, uuid, GW_ERROR_CONFLICT, lost[i]); /* and the way out is named all the same */
        force_down(&f, lost[i], GW_SWITCH_ON);
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
    lose_destination(&f, uuid);
    assert_home(&f, uuid, "HostA");
    g_assert_cmpstr(gw_sim_world_runs_on(f.world, uuid), ==, "HostA");
    gw_sim_world_set_dirty(f.world, uuid, 0);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostC", GW_MOVE_LIVE), COMPLETED);
    fixture_close(&f);
}

/* ---- leftovers */

typedef struct {
    guint count, removable, removed;
    char *first, *silent;
    gint over; /* atomic */
} Told;

static void told(gpointer data, const GwOrphans *found, const GError *error)
{
    Told *t = data;
    const GPtrArray *orphans = found ? found->orphans : NULL;
    g_assert_no_error(error);
    t->count = orphans->len;
    for (guint i = 0; i < found->not_asked->len; i++) {
        const GwHostView *host = found->not_asked->pdata[i];
        t->silent = g_strdup_printf("%s%s: %s;", t->silent ? t->silent : "", host->row->name, host->down_reason);
    }
    for (guint i = 0; i < orphans->len; i++) {
        const GwOrphan *orphan = orphans->pdata[i];
        t->removable += !orphan->obstacle;
        t->removed += orphan->removed;
        t->first = t->first ? t->first : g_strdup_printf("%s %s", orphan->host, (const char *)(orphan->left->len ? orphan->left->pdata[0] : "?"));
    }
    g_atomic_int_set(&t->over, 1);
}

static Told search(Fixture *f, GwOrphansHow how)
{
    Told t = {0};
    gw_engine_orphans(f->engine, how, told, &t);
    while (!g_atomic_int_get(&t.over))
        g_usleep(1000);
    return t;
}

/* The destination was lost while disks were copied to it: what it has of them is found when it is back, and no other file. */
static void what_a_lost_destination_holds_is_found_and_removed(void)
{
    Fixture f;
    fixture_open(&f, "gc-lost-dest", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_LOCAL, GW_POWER_RUNNING);
    fixture_add(&f, "HostB", "other", 512, GW_SIM_LOCAL, GW_POWER_RUNNING);
    lose_destination(&f, uuid);
    Told none = search(&f, GW_ORPHANS_LIST);
    g_assert_cmpuint(none.count, ==, 0); /* it is down, */
    g_assert_true(none.silent && g_str_has_prefix(none.silent, "HostB: ")); /* and that is said */
    g_free(none.silent);
    come_back(&f, "HostB");
    g_assert_cmpuint(fixture_files(&f, "HostB", "/sim/local"), ==, 2);
    Told listed = search(&f, GW_ORPHANS_LIST);
    g_assert_null(listed.silent);
    g_assert_cmpuint(listed.count, ==, 1);
    g_assert_cmpuint(listed.removable, ==, 1);
    g_assert_cmpstr(listed.first, ==, "HostB /sim/local/vm-vda.qcow2");
    g_assert_cmpuint(fixture_files(&f, "HostB", "/sim/local"), ==, 2);
    Told removed = search(&f, GW_ORPHANS_REMOVE);
    g_assert_cmpuint(removed.removed, ==, 1);
    g_assert_cmpuint(fixture_files(&f, "HostB", "/sim/local"), ==, 1);
    g_assert_cmpuint(fixture_files(&f, "HostA", "/sim/local"), ==, 1);
    Told rest = search(&f, GW_ORPHANS_LIST);
    g_assert_cmpuint(rest.count, ==, 0);
    g_free(listed.first);
    g_free(removed.first);
    fixture_close(&f);
}

/* After a later move has brought it there, the file of the failed one is the instance's own. */
static void a_later_move_makes_a_leftover_its_own(void)
{
    Fixture f;
    fixture_open(&f, "gc-later", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 512, GW_SIM_LOCAL, GW_POWER_RUNNING);
    fixture_refresh(&f);
    gw_sim_world_fail(f.world, "HostA", "migrate", 1, GW_ERROR_FAILED, GW_SIM_BEFORE);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostB", GW_MOVE_LIVE), FAILED);
    fixture_settle(&f, uuid);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostB", GW_MOVE_LIVE), COMPLETED);
    fixture_settle(&f, uuid);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostC", GW_MOVE_LIVE), COMPLETED);
    fixture_settle(&f, uuid);
    Told none = search(&f, GW_ORPHANS_REMOVE);
    g_assert_cmpuint(none.count, ==, 0);
    g_assert_cmpstr(gw_sim_world_runs_on(f.world, uuid), ==, "HostC");
    g_assert_cmpuint(fixture_files(&f, "HostC", "/sim/local"), ==, 1);
    fixture_close(&f);
}

/* Half a copy that a lost migration has left at the disk's own path, in its size, is not taken for the disk. */
static void half_a_copy_is_not_the_disk(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-half", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_LOCAL, GW_POWER_RUNNING);
    gint64 id = begin_endless(&f, uuid);
    gw_sim_world_crash(f.world, "HostA");
    lose(&f, "HostA");
    ASSERT_ENDS(&f, id, ERROR);
    g_assert_cmpuint(fixture_files(&f, "HostB", "/sim/local"), ==, 1);
    fixture_settle(&f, uuid);
    gint64 second = fixture_move(&f, uuid, "HostB", GW_MOVE_EVACUATE);
    ASSERT_ENDS(&f, second, FAILED);
    g_autoptr(GwMigration) row = fixture_row(&f, second);
    g_assert_nonnull(strstr(row->reason, "not the disk but a copy"));
    gw_sim_world_boot(f.world, "HostA");
    fixture_close(&f);
}

/* The move ended well for the instance, and yet its destination, lost meanwhile, may hold half a copy. */
static void what_a_failed_move_has_left_is_not_the_disk(void)
{
    Fixture f;
    fixture_open(&f, "evacuation-failed-half", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_LOCAL, GW_POWER_RUNNING);
    lose_destination(&f, uuid);
    come_back(&f, "HostB");
    g_assert_cmpuint(fixture_files(&f, "HostB", "/sim/local"), ==, 1);
    lose(&f, "HostA");
    gint64 second = fixture_move(&f, uuid, "HostB", GW_MOVE_EVACUATE);
    ASSERT_ENDS(&f, second, FAILED);
    g_autoptr(GwMigration) row = fixture_row(&f, second);
    g_assert_nonnull(strstr(row->reason, "not the disk but a copy"));
    fixture_close(&f);
}

/* A move that was refused before it touched anything does not hide what an older one has left. */
static void a_refused_move_hides_no_leftover(void)
{
    Fixture f;
    fixture_open(&f, "gc-refused", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_LOCAL, GW_POWER_RUNNING);
    lose_destination(&f, uuid);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostB", GW_MOVE_LIVE), FAILED); /* it is forced down */
    fixture_settle(&f, uuid);
    come_back(&f, "HostB");
    Told removed = search(&f, GW_ORPHANS_REMOVE);
    g_assert_cmpuint(removed.removed, ==, 1);
    g_assert_cmpuint(fixture_files(&f, "HostB", "/sim/local"), ==, 0);
    g_free(removed.first);
    fixture_close(&f);
}

/* Shut off on two hosts, it is shown on either; what an undone move has left is found there all the same. */
static void the_definition_that_a_lost_destination_holds_is_removed(void)
{
    Fixture f;
    fixture_open(&f, "gc-definition", 0);
    const char *uuid = fixture_add(&f, "HostC", "vm", 512, GW_SIM_SHARED, GW_POWER_SHUTDOWN);
    fixture_refresh(&f);
    gint64 id = fixture_move(&f, uuid, "HostB", GW_MOVE_COLD);
    while (gw_sim_world_homes(f.world, uuid) < 2)
        g_usleep(100);
    gw_sim_world_crash(f.world, "HostB");
    lose(&f, "HostB");
    g_autoptr(GwMigration) row = fixture_wait(&f, id, GW_MIGRATION_FINISHED);
    if (row->state == GW_MIGRATION_FINISHED) { /* it was faster */
        GwMoveRequest request = {.instance_uuid = uuid, .request_id = "req-test"};
        g_assert_true(gw_engine_revert(f.engine, &request, NULL));
        g_assert_nonnull(fixture_wait(&f, id, GW_MIGRATION_REVERTED));
    }
    fixture_settle(&f, uuid);
    come_back(&f, "HostB");
    g_assert_cmpuint(gw_sim_world_homes(f.world, uuid), ==, 2);
    Told removed = search(&f, GW_ORPHANS_REMOVE);
    g_assert_cmpuint(removed.removed, ==, 1);
    g_assert_cmpstr(removed.first, ==, "HostB definition");
    g_free(removed.first);
    fixture_refresh(&f);
    assert_home(&f, uuid, "HostC");
    g_assert_cmpuint(gw_sim_world_homes(f.world, uuid), ==, 1);
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/evacuation/" #test, test)
    ADD(what_ran_runs_elsewhere_and_what_was_stopped_is_stopped_there);
    ADD(it_returns_only_once_its_old_host_is_cleared);
    ADD(one_that_has_come_back_is_evacuated_again);
    ADD(only_a_host_that_is_down_and_vouched_for_is_evacuated);
    ADD(a_host_that_answered_lately_is_asked_by_the_refusal);
    ADD(a_disk_that_only_the_lost_host_has_is_not_made_anew);
    ADD(a_restarted_daemon_knows_what_was_on_the_lost_host);
    ADD(what_was_taken_back_from_a_lost_host_is_not_evacuated_from_there);
    ADD(a_start_that_fails_is_undone);
    ADD(a_move_that_waits_for_a_lost_host_names_the_way_out);
    ADD(an_abort_of_a_move_that_waits_for_a_lost_host_is_shown_as_noted);
    ADD(a_move_whose_source_is_lost_ends_and_makes_way_for_the_evacuation);
    ADD(a_move_whose_destination_is_lost_ends_and_the_guest_may_go_elsewhere);
    ADD(what_a_lost_destination_holds_is_found_and_removed);
    ADD(a_later_move_makes_a_leftover_its_own);
    ADD(the_definition_that_a_lost_destination_holds_is_removed);
    ADD(half_a_copy_is_not_the_disk);
    ADD(what_a_failed_move_has_left_is_not_the_disk);
    ADD(a_refused_move_hides_no_leftover);
    return g_test_run();
}
