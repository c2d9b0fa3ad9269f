#include "tests/unit/sim_fixture.h"

#include "core/flags.h"
#include "drivers/sim/sim.h"

#include <string.h>

#define WORLD "test"

static GwNode *open_host(const char *name)
{
    static const GwDriverSettings settings = {.call_timeout_ms = 50};
    g_autoptr(GError) error = NULL;
    g_autofree char *uri = g_strdup_printf("sim://" WORLD "/%s?link_mbps=1000", name);
    GwNode *node = gw_node_open(&gw_sim_driver, name, uri, &settings, &error);
    g_assert_no_error(error);
    return node;
}

void fixture_open(Fixture *fixture)
{
    fixture->world = gw_sim_world_get(WORLD);
    gw_sim_world_set_manual(fixture->world);
    fixture->a = open_host("HostA");
    fixture->b = open_host("HostB");
    fixture->c = open_host("HostC");
}

static void close_hosts(Fixture *fixture)
{
    gw_node_unref(fixture->a);
    gw_node_unref(fixture->b);
    gw_node_unref(fixture->c);
    gw_sim_world_free(WORLD);
}

void fixture_close(Fixture *fixture)
{
    g_auto(GStrv) violations = gw_sim_world_violations(fixture->world);
    g_assert_cmpstr(violations[0], ==, NULL);
    close_hosts(fixture);
}

void fixture_close_broken(Fixture *fixture, const char *violation)
{
    g_auto(GStrv) violations = gw_sim_world_violations(fixture->world);
    g_assert_cmpuint(g_strv_length(violations), ==, 1);
    g_assert_nonnull(strstr(violations[0], violation));
    close_hosts(fixture);
}

const char *fixture_add(Fixture *fixture, const char *name, guint64 memory_mib, GwSimStorage storage, guint64 disk_gib)
{
    GwInstance *instance = gw_sim_instance_new(name, memory_mib);
    if (disk_gib)
        gw_sim_instance_add_disk(instance, storage, disk_gib);
    return gw_sim_world_add_instance(fixture->world, "HostA", instance);
}

GwPlan *fixture_plan(GwNode *from, GwNode *to, const char *uuid, guint64 flags)
{
    flags |= GW_FLAG_LIVE | GW_FLAG_PEER2PEER | GW_FLAG_UNDEFINE_SOURCE;
    GwPlanSettings settings = {.live_flags = flags, .block_flags = flags | GW_FLAG_NON_SHARED_DISK};
    GwMoveWish wish = {.kind = GW_MOVE_LIVE, .block = GW_BLOCK_AUTO, .disk_over_commit = TRUE};
    GwMoveFacts *found = NULL;
    GwPlan *plan = NULL;
    g_autoptr(GError) error = NULL;
    gw_node_examine(from, to, uuid, &found, &error);
    g_assert_no_error(error);
    g_autoptr(GwMoveFacts) facts = found;
    g_autoptr(GPtrArray) findings = gw_checks_plan(facts, &wish, &settings, "", &plan);
    g_autofree char *reasons = gw_findings_to_text(findings);
    g_assert_cmpstr(reasons, ==, "");
    return plan;
}

static gpointer copy_thread(gpointer data)
{
    Copy *copy = data;
    gw_node_migrate(copy->from, copy->to, copy->plan, &copy->error);
    return NULL;
}

void copy_begin(Copy *copy, Fixture *fixture, GwNode *from, GwNode *to, const char *uuid, guint64 flags)
{
    g_autoptr(GError) error = NULL;
    *copy = (Copy){from, to, fixture_plan(from, to, uuid, flags)};
    gw_node_prepare(from, to, copy->plan, &error);
    g_assert_no_error(error);
    copy_start(copy, fixture);
}

void copy_start(Copy *copy, Fixture *fixture)
{
    guint before = gw_sim_world_copies(fixture->world);
    copy->thread = g_thread_new("copy", copy_thread, copy);
    while (gw_sim_world_copies(fixture->world) == before)
        g_thread_yield(); /* time stands still meanwhile */
}

void copy_join(Copy *copy)
{
    g_thread_join(g_steal_pointer(&copy->thread));
}

void copy_clear(Copy *copy)
{
    g_assert_null(copy->thread);
    g_clear_pointer(&copy->plan, gw_plan_free);
    g_clear_error(&copy->error);
}

GwSight fixture_sight(GwNode *node, const char *uuid)
{
    GwSight sight;
    g_autoptr(GError) error = NULL;
    gw_node_sight(node, uuid, &sight, &error);
    g_assert_no_error(error);
    return sight;
}
