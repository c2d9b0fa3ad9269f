/* Where an instance is that two hosts show, one of which does not answer. */
#include "engine/internal.h"
#include "tests/engine/losses.h"

#include <string.h>

typedef enum { BEFORE, AFTER } When;

/* HostA does not answer, and has said last that the instance runs there: before or after its last move had ended. */
static void last_word(Fixture *f, const char *uuid, gint64 move, When when)
{
    g_autoptr(GwMigration) row = fixture_row(f, move);
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(f->engine, "HostA");
    GwInstance *instance = gw_instance_new();
    g_strlcpy(instance->uuid, uuid, sizeof instance->uuid);
    instance->name = g_strdup("vm");
    instance->power = GW_POWER_RUNNING;
    gw_sim_world_set_state(f->world, "HostA", GW_SIM_DOWN);
    g_assert_false(fixture_ask(f, "HostA"));
    g_mutex_lock(&f->engine->lock);
    entry->seen_us = when == BEFORE ? row->created_us : row->ended_us + 1;
    gw_views_set(f->engine, entry, uuid, instance);
    g_mutex_unlock(&f->engine->lock);
}

/* It moved from HostA to HostB, and has been stopped there since. */
static gint64 move_and_stop(Fixture *f, const char *world, const char **ret_uuid)
{
    fixture_open(f, world, 0);
    *ret_uuid = fixture_add(f, "HostA", "vm", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(f);
    gint64 id = fixture_move(f, *ret_uuid, "HostB", GW_MOVE_LIVE);
    ASSERT_ENDS(f, id, COMPLETED);
    fixture_settle(f, *ret_uuid);
    gw_sim_world_kill_guest(f->world, "HostB", *ret_uuid);
    g_assert_true(fixture_ask(f, "HostB"));
    return id;
}

static void an_older_word_counts_for_nothing(void)
{
    Fixture f;
    const char *uuid;
    gint64 id = move_and_stop(&f, "homes-older", &uuid);
    last_word(&f, uuid, id, BEFORE);
    fixture_assert_home(&f, uuid, "HostB");
    fixture_close(&f);
}

/* Somebody else may have moved it back: in doubt nothing is begun on the host that answers. */
static void a_newer_word_counts_until_somebody_vouches(void)
{
    Fixture f;
    const char *uuid;
    gint64 id = move_and_stop(&f, "homes-newer", &uuid);
    last_word(&f, uuid, id, AFTER);
    fixture_assert_home(&f, uuid, "HostA");
    fixture_force_down(&f, "HostA", GW_SWITCH_ON);
    fixture_assert_home(&f, uuid, "HostB");
    fixture_force_down(&f, "HostA", GW_SWITCH_OFF);
    fixture_assert_home(&f, uuid, "HostA");
    fixture_close(&f);
}

/* HostB may be silent, too: it is not started a second time. */
static void one_that_was_left_on_a_silent_host_is_not_evacuated_from_another(void)
{
    Fixture f;
    const char *uuid;
    gint64 id = move_and_stop(&f, "homes-silent", &uuid);
    last_word(&f, uuid, id, BEFORE);
    gw_sim_world_set_state(f.world, "HostB", GW_SIM_DOWN);
    g_assert_false(fixture_ask(&f, "HostB"));
    fixture_force_down(&f, "HostA", GW_SWITCH_ON);
    fixture_assert_home(&f, uuid, "HostB");
    g_assert_cmpint(fixture_move(&f, uuid, "HostC", GW_MOVE_EVACUATE), ==, 0);
    fixture_close(&f);
}

/* As when it was moved before this daemon had seen it anywhere. */
static void what_is_not_remembered_is_found_in_the_store(void)
{
    Fixture f;
    const char *uuid;
    gint64 id = move_and_stop(&f, "homes-store", &uuid);
    last_word(&f, uuid, id, BEFORE);
    fixture_force_down(&f, "HostA", GW_SWITCH_ON);
    g_mutex_lock(&f.engine->lock);
    g_hash_table_remove(f.engine->homes, uuid);
    gw_views_update(f.engine, uuid);
    g_mutex_unlock(&f.engine->lock);
    fixture_assert_home(&f, uuid, "HostA");
    GwMoveRequest request = {.instance_uuid = uuid, .host = "HostC", .request_id = "req-evacuate"};
    gint64 evacuation;
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_engine_evacuate(f.engine, &request, &evacuation, NULL, NULL, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "need not be evacuated: its last migration has left it on HostB"));
    fixture_assert_home(&f, uuid, "HostB");
    fixture_close(&f);
}

#define TEST(name) g_test_add_func("/engine/homes/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    TEST(an_older_word_counts_for_nothing);
    TEST(a_newer_word_counts_until_somebody_vouches);
    TEST(one_that_was_left_on_a_silent_host_is_not_evacuated_from_another);
    TEST(what_is_not_remembered_is_found_in_the_store);
    return g_test_run();
}
