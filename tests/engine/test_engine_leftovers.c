/* What moves that ended badly have left behind, over the simulator: what is found, and what is removed. */
#include "engine/internal.h"
#include "tests/engine/losses.h"

#include <string.h>

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

/* Whoever asked it last knows, though it is not yet time to ask every host for everything. */
static void a_host_that_has_just_fallen_silent_is_not_asked(void)
{
    Fixture f;
    fixture_open(&f, "gc-silent", 0);
    const char *uuid = fixture_add(&f, "HostB", "vm", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_stop(&f);
    f.look_s = 60;
    fixture_start(&f);
    fixture_refresh(&f);
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(f.engine, "HostB");
    GwSight sight;
    gw_sim_world_set_state(f.world, "HostB", GW_SIM_DOWN);
    g_assert_false(gw_node_sight(entry->node, uuid, &sight, NULL));
    Told t = search(&f, GW_ORPHANS_LIST);
    g_assert_true(t.silent && g_str_has_prefix(t.silent, "HostB: "));
    g_free(t.silent);
    fixture_assert_no_evacuation(&f, uuid, GW_ERROR_INVALID, "does not answer");
    g_clear_pointer(&entry, gw_host_entry_unref);
    fixture_close(&f);
}

/* The destination was lost while disks were copied to it: what it has of them is found when it is back, and no other file. */
static void what_a_lost_destination_holds_is_found_and_removed(void)
{
    Fixture f;
    fixture_open(&f, "gc-lost-dest", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 2048, GW_SIM_LOCAL, GW_POWER_RUNNING);
    fixture_add(&f, "HostB", "other", 512, GW_SIM_LOCAL, GW_POWER_RUNNING);
    fixture_lose_destination(&f, uuid);
    Told none = search(&f, GW_ORPHANS_LIST);
    g_assert_cmpuint(none.count, ==, 0); /* it is down, */
    g_assert_true(none.silent && g_str_has_prefix(none.silent, "HostB: ")); /* and that is said */
    g_free(none.silent);
    fixture_come_back(&f, "HostB");
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
    gint64 id = fixture_begin_endless(&f, uuid);
    gw_sim_world_crash(f.world, "HostA");
    fixture_lose(&f, "HostA");
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
    fixture_lose_destination(&f, uuid);
    fixture_come_back(&f, "HostB");
    g_assert_cmpuint(fixture_files(&f, "HostB", "/sim/local"), ==, 1);
    fixture_lose(&f, "HostA");
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
    fixture_lose_destination(&f, uuid);
    ASSERT_ENDS(&f, fixture_move(&f, uuid, "HostB", GW_MOVE_LIVE), FAILED); /* it is forced down */
    fixture_settle(&f, uuid);
    fixture_come_back(&f, "HostB");
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
    fixture_lose(&f, "HostB");
    g_autoptr(GwMigration) row = fixture_wait(&f, id, GW_MIGRATION_FINISHED);
    if (row->state == GW_MIGRATION_FINISHED) { /* it was faster */
        GwMoveRequest request = {.instance_uuid = uuid, .request_id = "req-test"};
        g_assert_true(gw_engine_revert(f.engine, &request, NULL));
        g_assert_nonnull(fixture_wait(&f, id, GW_MIGRATION_REVERTED));
    }
    fixture_settle(&f, uuid);
    fixture_come_back(&f, "HostB");
    g_assert_cmpuint(gw_sim_world_homes(f.world, uuid), ==, 2);
    Told removed = search(&f, GW_ORPHANS_REMOVE);
    g_assert_cmpuint(removed.removed, ==, 1);
    g_assert_cmpstr(removed.first, ==, "HostB definition");
    g_free(removed.first);
    fixture_refresh(&f);
    fixture_assert_home(&f, uuid, "HostC");
    g_assert_cmpuint(gw_sim_world_homes(f.world, uuid), ==, 1);
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/leftovers/" #test, test)
    ADD(a_host_that_has_just_fallen_silent_is_not_asked);
    ADD(what_a_lost_destination_holds_is_found_and_removed);
    ADD(a_later_move_makes_a_leftover_its_own);
    ADD(the_definition_that_a_lost_destination_holds_is_removed);
    ADD(half_a_copy_is_not_the_disk);
    ADD(what_a_failed_move_has_left_is_not_the_disk);
    ADD(a_refused_move_hides_no_leftover);
    return g_test_run();
}
