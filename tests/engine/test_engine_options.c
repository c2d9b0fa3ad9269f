/* Options of one request: they arrive in the plan, over all others, whichever process makes it. On PostgreSQL one of two daemons carries
 * the move, which is not always the one that was asked. */
#include "tests/engine/fixture.h"

#define OWN "live_migration_bandwidth=700,live_migration_completion_timeout=9,live_migration_downtime=800"

static void open_world(Fixture *f, const char *name, const char **ret_uuid)
{
    fixture_open_with(f, name, 0, "balanced");
    *ret_uuid = fixture_add(f, "HostA", "vm", 512, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(f);
}

/* Another daemon sees only after a moment where it is, and that it is free. */
static void wait_until_seen(GwEngine *engine, const char *uuid, const char *host)
{
    for (guint tries = 0; tries < 10000; tries++) {
        g_autoptr(GwInstanceView) view = gw_engine_instance(engine, uuid);
        if (view && !view->migration_id && g_str_equal(view->host, host))
            return;
        g_usleep(1000);
    }
    g_error("%s is not seen on %s", uuid, host);
}

static gint64 ask(GwEngine *engine, const char *uuid, const char *from, const char *host, const char *policy, const char *options)
{
    wait_until_seen(engine, uuid, from);
    GwMoveRequest request = {.instance_uuid = uuid, .host = host, .block = GW_BLOCK_AUTO, .request_id = "req-1",
                             .policy = policy ? gw_policy_find(policy) : NULL, .options = options};
    gint64 id = 0;
    g_autoptr(GError) error = NULL;
    gw_engine_live_migrate(engine, &request, &id, NULL, NULL, &error);
    g_assert_no_error(error);
    return id;
}

static void assert_plan(Fixture *f, gint64 id, const char *options, const char *policy, guint64 bandwidth, guint64 timeout_ms, guint64 pause_ms)
{
    ASSERT_ENDS(f, id, COMPLETED);
    g_autoptr(GwMigration) row = fixture_row(f, id);
    g_assert_cmpstr(row->options, ==, options);
    g_assert_cmpstr(row->plan->policy, ==, policy);
    g_assert_cmpuint(row->plan->bandwidth_mibps, ==, bandwidth);
    g_assert_cmpuint(row->plan->timeout_ms, ==, timeout_ms);
    g_assert_cmpuint(row->plan->pause_ms, ==, pause_ms);
}

/* Without options: 800 s for each of 2 GiB, and what the policy says. A policy brings its own pause; a downtime beside it is over that. */
static void they_are_in_the_plan(void)
{
    Fixture f;
    const char *uuid;
    open_world(&f, "options-plan", &uuid);
    GwEngine *other = f.peer ? f.peer : f.engine;
    assert_plan(&f, ask(f.engine, uuid, "HostA", "HostB", NULL, NULL), NULL, "balanced", 0, 1600000, 500);
    assert_plan(&f, ask(other, uuid, "HostB", "HostC", NULL, OWN), OWN, "balanced", 700, 18000, 800);
    assert_plan(&f, ask(f.engine, uuid, "HostC", "HostA", "fast", NULL), NULL, "fast", 0, 1600000, 2000);
    assert_plan(&f, ask(other, uuid, "HostA", "HostB", "fast", OWN), OWN, "fast", 700, 18000, 800);
    fixture_close(&f);
}

static void wait_until_set(GwEngine *engine, gint64 id)
{
    for (guint tries = 0; tries < 10000; tries++) {
        g_autoptr(GwAggregate) seen = gw_engine_aggregate(engine, id);
        if (seen && gw_aggregate_get(seen, "live_migration_downtime") && gw_aggregate_has_host(seen, "HostA"))
            return;
        g_usleep(1000);
    }
    g_error("the aggregate is not seen");
}

static void set_of_aggregate(Fixture *f)
{
    g_autoptr(GPtrArray) metadata = gw_metadata_new();
    gw_metadata_add(metadata, "live_migration_bandwidth", "500");
    gw_metadata_add(metadata, "live_migration_downtime", "70");
    GwAggregateEdit edit = {.action = GW_AGGREGATE_SET_METADATA, .metadata = metadata, .host_added = "HostA"};
    g_autoptr(GwAggregate) made = NULL, edited = NULL;
    g_autoptr(GError) error = NULL;
    gw_engine_aggregate_add(f->engine, "kept", NULL, &made, &error);
    g_assert_no_error(error);
    gw_engine_aggregate_edit(f->engine, made->id, &edit, &edited, &error);
    g_assert_no_error(error);
    wait_until_set(f->engine, made->id);
    if (f->peer)
        wait_until_set(f->peer, made->id);
}

/* What the request does not say is the aggregate's. */
static void they_are_over_those_of_an_aggregate(void)
{
    Fixture f;
    const char *uuid;
    open_world(&f, "options-aggregate", &uuid);
    set_of_aggregate(&f);
    const char *own = "live_migration_downtime=900";
    assert_plan(&f, ask(f.engine, uuid, "HostA", "HostB", NULL, own), own, "balanced", 500, 1600000, 900);
    fixture_close(&f);
}

/* As a process leaves it that is killed before it has a plan. */
static gint64 leave_accepted(Fixture *f, const char *uuid)
{
    g_autoptr(GwMigration) row = gw_migration_new();
    g_strlcpy(row->instance_uuid, uuid, sizeof row->instance_uuid);
    row->instance_name = g_strdup("vm");
    row->state = GW_MIGRATION_ACCEPTED;
    row->end = GW_MIGRATION_FAILED;
    row->block = GW_BLOCK_AUTO;
    row->source = g_strdup("HostA");
    row->dest = g_strdup("HostB");
    row->options = g_strdup(OWN);
    g_autoptr(GError) error = NULL;
    gw_store_migration_add(f->store, row, &error);
    g_assert_no_error(error);
    return row->id;
}

static void another_process_makes_the_same_plan(void)
{
    Fixture f;
    const char *uuid;
    open_world(&f, "options-restart", &uuid);
    fixture_stop(&f);
    gint64 id = leave_accepted(&f, uuid);
    fixture_start(&f);
    assert_plan(&f, id, OWN, "balanced", 700, 18000, 800);
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/options/" #test, test)
    ADD(they_are_in_the_plan);
    ADD(they_are_over_those_of_an_aggregate);
    ADD(another_process_makes_the_same_plan);
    return g_test_run();
}
