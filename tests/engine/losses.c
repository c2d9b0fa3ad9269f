#include "tests/engine/losses.h"

#include <string.h>

void fixture_wait_until(Fixture *f, const char *host, gboolean up)
{
    for (guint tries = 0; tries < 20000; tries++) {
        g_autoptr(GwHostView) view = gw_engine_host(f->engine, host);
        if (view->up == up)
            return;
        fixture_ask(f, host);
        g_usleep(1000);
    }
    g_error("%s does not go %s", host, up ? "up" : "down");
}

void fixture_force_down(Fixture *f, const char *host, GwSwitch how)
{
    g_autoptr(GError) error = NULL;
    GwHostEdit edit = {.forced_down = how};
    gw_engine_host_edit(f->engine, host, &edit, &error);
    g_assert_no_error(error);
}

void fixture_lose(Fixture *f, const char *host)
{
    gw_sim_world_crash(f->world, host);
    fixture_wait_until(f, host, FALSE);
    fixture_force_down(f, host, GW_SWITCH_ON);
}

void fixture_come_back(Fixture *f, const char *host)
{
    gw_sim_world_boot(f->world, host);
    fixture_force_down(f, host, GW_SWITCH_OFF);
    fixture_wait_until(f, host, TRUE);
}

void fixture_assert_no_evacuation(Fixture *f, const char *uuid, GwErrorCode code, const char *word)
{
    GwMoveRequest request = {.instance_uuid = uuid, .request_id = "req-test"};
    gint64 id = 0;
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_engine_evacuate(f->engine, &request, &id, NULL, NULL, &error));
    g_assert_error(error, GW_ERROR, (gint)code);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, word));
}

void fixture_wait_for_state(Fixture *f, gint64 id, GwMigrationState state)
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

gint64 fixture_begin_endless(Fixture *f, const char *uuid)
{
    gw_sim_world_set_dirty(f->world, uuid, 20000);
    fixture_refresh(f);
    gint64 id = fixture_move(f, uuid, "HostB", GW_MOVE_LIVE);
    while (gw_sim_world_copies(f->world) == 0)
        g_usleep(1000);
    return id;
}

void fixture_lose_destination(Fixture *f, const char *uuid)
{
    gint64 id = fixture_begin_endless(f, uuid);
    fixture_lose(f, "HostB");
    ASSERT_ENDS(f, id, FAILED);
    fixture_settle(f, uuid);
}
