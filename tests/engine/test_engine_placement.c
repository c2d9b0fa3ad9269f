/* What administrators set, and what becomes of moves then: the engine, its store and the simulator together. */
#include "base/error.h"
#include "tests/engine/fixture.h"

#include <string.h>

typedef struct {
    GMutex lock;
    GCond cond;
    gboolean over;
    char *refusal; /* NULL: none */
} Verdict;

static void checked(gpointer data, gint64 id, const GError *error)
{
    Verdict *verdict = data;
    g_mutex_lock(&verdict->lock);
    verdict->refusal = error ? g_strdup(error->message) : NULL;
    verdict->over = TRUE;
    g_cond_signal(&verdict->cond);
    g_mutex_unlock(&verdict->lock);
}

/* What the checks say against a live move; NULL: nothing, and it has ended on *ret_dest. */
static char *ask(Fixture *f, const GwMoveRequest *request, char **ret_dest)
{
    Verdict verdict = {0};
    gint64 id = 0;
    g_autoptr(GError) error = NULL;
    if (!gw_engine_live_migrate(f->engine, request, &id, checked, &verdict, &error))
        return g_strdup(error->message);
    g_mutex_lock(&verdict.lock);
    while (!verdict.over)
        g_cond_wait(&verdict.cond, &verdict.lock);
    g_mutex_unlock(&verdict.lock);
    g_autoptr(GwMigration) row = fixture_wait(f, id, GW_MIGRATION_COMPLETED);
    g_assert_cmpint(row->state, ==, verdict.refusal ? GW_MIGRATION_FAILED : GW_MIGRATION_COMPLETED);
    if (ret_dest)
        *ret_dest = g_strdup(row->dest);
    fixture_settle(f, request->instance_uuid);
    fixture_refresh(f);
    return verdict.refusal;
}

static GwMoveRequest to(const char *uuid, const char *host)
{
    return (GwMoveRequest){.instance_uuid = uuid, .host = host, .block = GW_BLOCK_AUTO, .disk_over_commit = TRUE};
}

static void assert_moves(Fixture *f, const char *uuid, const char *host, const char *hoped)
{
    GwMoveRequest request = to(uuid, host);
    g_autofree char *dest = NULL;
    g_autofree char *refusal = ask(f, &request, &dest);
    g_assert_cmpstr(refusal, ==, NULL);
    g_assert_cmpstr(dest, ==, hoped);
}

static void assert_refused(Fixture *f, GwMoveRequest request, const char *says, const char *says_too)
{
    g_autofree char *refusal = ask(f, &request, NULL);
    g_assert_nonnull(refusal);
    if (!strstr(refusal, says) || (says_too && !strstr(refusal, says_too)))
        g_error("'%s' does not say '%s' and '%s'", refusal, says, says_too);
}

static void set_host(Fixture *f, const char *host, GwHostEdit edit)
{
    g_autoptr(GError) error = NULL;
    gw_engine_host_edit(f->engine, host, &edit, &error);
    g_assert_no_error(error);
}

static gint64 make_aggregate(Fixture *f, const char *name, const char *zone, const char *host)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwAggregate) made = NULL;
    g_autoptr(GwAggregate) joined = NULL;
    gw_engine_aggregate_add(f->engine, name, zone, &made, &error);
    g_assert_no_error(error);
    gw_engine_aggregate_add_host(f->engine, made->id, host, &joined, &error);
    g_assert_no_error(error);
    g_assert_true(gw_aggregate_has_host(joined, host));
    return made->id;
}

static gboolean set_key(Fixture *f, gint64 id, const char *key, const char *value, GError **error)
{
    g_autoptr(GPtrArray) metadata = gw_metadata_new();
    g_autoptr(GwAggregate) changed = NULL;
    gw_metadata_add(metadata, key, value);
    GwAggregateEdit edit = {GW_AGGREGATE_SET_METADATA, NULL, metadata};
    return gw_engine_aggregate_edit(f->engine, id, &edit, &changed, error);
}

static void limit(Fixture *f, gint64 id, const char *key, const char *value)
{
    g_autoptr(GError) error = NULL;
    set_key(f, id, key, value, &error);
    g_assert_no_error(error);
}

/* ---- services */

static void a_disabled_host_is_passed_over(void)
{
    Fixture f;
    fixture_open(&f, "placement-disabled", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 64, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    set_host(&f, "HostB", (GwHostEdit){.enabled = GW_SWITCH_OFF, .disabled_reason = "new RAM"});
    assert_moves(&f, uuid, NULL, "HostC");
    set_host(&f, "HostA", (GwHostEdit){.enabled = GW_SWITCH_OFF});
    assert_refused(&f, to(uuid, NULL), "No valid host was found. HostA is disabled (it takes", "HostB is disabled: new RAM (it");
    assert_refused(&f, to(uuid, "HostB"), "vm cannot move to HostB: HostB is disabled: new RAM", NULL);
    set_host(&f, "HostB", (GwHostEdit){.enabled = GW_SWITCH_ON});
    assert_moves(&f, uuid, "HostB", "HostB");
    fixture_close(&f);
}

static void force_passes_by_what_is_set(void)
{
    Fixture f;
    fixture_open(&f, "placement-force", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 64, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    set_host(&f, "HostB", (GwHostEdit){.enabled = GW_SWITCH_OFF, .forced_down = GW_SWITCH_ON});
    GwMoveRequest request = to(uuid, "HostB");
    request.force = TRUE;
    assert_refused(&f, request, "vm cannot move to HostB: HostB is forced down", NULL);
    set_host(&f, "HostB", (GwHostEdit){.forced_down = GW_SWITCH_OFF});
    g_autofree char *dest = NULL;
    g_autofree char *refusal = ask(&f, &request, &dest);
    g_assert_cmpstr(refusal, ==, NULL);
    g_assert_cmpstr(dest, ==, "HostB");
    fixture_close(&f);
}

static void nothing_moves_from_or_to_a_host_that_is_forced_down(void)
{
    Fixture f;
    fixture_open(&f, "placement-down", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 64, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    set_host(&f, "HostB", (GwHostEdit){.forced_down = GW_SWITCH_ON});
    assert_moves(&f, uuid, NULL, "HostC");
    set_host(&f, "HostC", (GwHostEdit){.forced_down = GW_SWITCH_ON});
    assert_refused(&f, to(uuid, "HostA"), "Service is unavailable at this time. Host HostC is forced down.", NULL);
    g_autoptr(GwInstanceView) view = gw_engine_instance(f.engine, uuid);
    g_assert_true(view->host_forced_down);
    fixture_close(&f);
}

/* Both survive the daemon, and a change of one leaves the other. */
static void what_is_set_is_kept(void)
{
    Fixture f;
    fixture_open(&f, "placement-kept", 0);
    fixture_add(&f, "HostC", "vm", 64, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    set_host(&f, "HostB", (GwHostEdit){.enabled = GW_SWITCH_OFF, .disabled_reason = "new RAM"});
    set_host(&f, "HostB", (GwHostEdit){.forced_down = GW_SWITCH_ON});
    make_aggregate(&f, "rack1", "zone1", "HostC");
    fixture_stop(&f);
    fixture_start(&f);
    g_autoptr(GwHostView) disabled = gw_engine_host(f.engine, "HostB"), member = gw_engine_host(f.engine, "HostC");
    g_assert_false(disabled->row->enabled);
    g_assert_true(disabled->row->forced_down);
    g_assert_cmpstr(disabled->row->disabled_reason, ==, "new RAM");
    g_assert_cmpstr(gw_aggregates_zone(member->aggregates), ==, "zone1");
    g_autoptr(GPtrArray) views = gw_engine_instances_of(f.engine, "HostC");
    g_assert_cmpstr(((GwInstanceView *)views->pdata[0])->zone, ==, "zone1");
    fixture_close(&f);
}

/* ---- aggregates */

static void limits_are_counted_with_what_is_there(void)
{
    Fixture f;
    fixture_open(&f, "placement-limits", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm1", 64, GW_SIM_SHARED, GW_POWER_RUNNING);
    const char *second = fixture_add(&f, "HostA", "vm2", 64, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    gint64 id = make_aggregate(&f, "rack1", NULL, "HostB");
    set_host(&f, "HostC", (GwHostEdit){.enabled = GW_SWITCH_OFF});
    limit(&f, id, "max_instances_per_host", "1");
    assert_moves(&f, uuid, NULL, "HostB");
    assert_refused(&f, to(second, NULL), "HostB has 1 instance (aggregate rack1 has max_instances_per_host=1)", "HostC is disabled");
    assert_refused(&f, to(second, "HostB"), "vm2 cannot move to HostB: HostB has 1 instance", NULL);
    limit(&f, id, "max_instances_per_host", NULL);
    assert_moves(&f, second, NULL, "HostB");
    fixture_close(&f);
}

/* A move that is under way to a host counts there, before its instance is shown there. */
static void moves_under_way_count(void)
{
    Fixture f;
    fixture_open(&f, "placement-moves", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm1", 2048, GW_SIM_SHARED, GW_POWER_RUNNING);
    const char *second = fixture_add(&f, "HostA", "vm2", 64, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    gint64 id = make_aggregate(&f, "rack1", NULL, "HostB");
    gw_sim_world_set_dirty(f.world, uuid, 20000); /* never ends */
    limit(&f, id, "max_instances_per_host", "1");
    gint64 move = fixture_move(&f, uuid, "HostB", GW_MOVE_LIVE);
    g_autoptr(GwMigration) running = fixture_wait(&f, move, GW_MIGRATION_RUNNING);
    g_assert_cmpint(running->state, ==, GW_MIGRATION_RUNNING);
    assert_refused(&f, to(second, "HostB"), "HostB has 1 instance ", NULL);
    limit(&f, id, "max_instances_per_host", NULL);
    limit(&f, id, "max_io_ops_per_host", "1");
    assert_refused(&f, to(second, "HostB"), "HostB has 1 move under way (aggregate rack1 has max_io_ops_per_host=1)", NULL);
    GwMoveRequest request = {.instance_uuid = uuid};
    g_autoptr(GError) error = NULL;
    gw_engine_abort(f.engine, &request, move, &error);
    g_assert_no_error(error);
    ASSERT_ENDS(&f, move, CANCELLED);
    fixture_settle(&f, uuid);
    assert_moves(&f, second, "HostB", "HostB");
    fixture_close(&f);
}

static void tenants_and_ratios(void)
{
    Fixture f;
    fixture_open(&f, "placement-tenants", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 64, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    gint64 id = make_aggregate(&f, "rack1", NULL, "HostB");
    limit(&f, id, "filter_tenant_id", "acme");
    limit(&f, id, "ram_allocation_ratio", "0.0001");
    limit(&f, id, "cpu_allocation_ratio", "0.0001");
    GwMoveRequest request = to(uuid, "HostB");
    assert_refused(&f, request, "filter_tenant_id=acme of aggregate rack1 (vm belongs to project admin)", "ram_allocation_ratio=0.0001");
    assert_refused(&f, request, "cpu_allocation_ratio=0.0001", NULL);
    assert_moves(&f, uuid, NULL, "HostC");
    fixture_close(&f);
}

/* ---- zones and members */

static void a_zone_is_shown_at_once(void)
{
    Fixture f;
    fixture_open(&f, "placement-zones", 0);
    const char *uuid = fixture_add(&f, "HostA", "vm", 64, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    g_autoptr(GwInstanceView) before = gw_engine_instance(f.engine, uuid);
    guint64 serial = gw_engine_serial(f.engine);
    g_assert_cmpstr(before->zone, ==, "nova");
    make_aggregate(&f, "rack1", "zone1", "HostA");
    g_autoptr(GwInstanceView) after = gw_engine_instance(f.engine, uuid);
    g_assert_cmpstr(after->zone, ==, "zone1");
    g_assert_cmpuint(gw_engine_serial(f.engine), >, serial); /* kept answers are not given again */
    g_assert_cmpuint(after->serial, >, before->serial);
    make_aggregate(&f, "rack2", "zone2", "HostB");
    assert_moves(&f, uuid, "HostB", "HostB"); /* pinned to none: any zone will do */
    g_autoptr(GwInstanceView) moved = gw_engine_instance(f.engine, uuid);
    g_assert_cmpstr(moved->zone, ==, "zone2");
    fixture_close(&f);
}

static void a_zone_does_not_change_under_instances(void)
{
    Fixture f;
    fixture_open(&f, "placement-change", 0);
    fixture_add(&f, "HostA", "vm", 64, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    gint64 full = make_aggregate(&f, "rack1", "zone1", "HostA"), empty = make_aggregate(&f, "rack2", "zone2", "HostB");
    g_autoptr(GError) error = NULL;
    g_assert_false(set_key(&f, full, GW_ZONE_KEY, "zone3", &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "Reason: One or more hosts contain instances in this zone: HostA has 1;"));
    limit(&f, full, GW_ZONE_KEY, "zone1"); /* the same is no change */
    limit(&f, full, "colour", "red");
    limit(&f, empty, GW_ZONE_KEY, "zone3");
    fixture_close(&f);
}

static void members_stay_until_taken_out(void)
{
    Fixture f;
    fixture_open(&f, "placement-members", 0);
    fixture_add(&f, "HostA", "vm", 64, GW_SIM_SHARED, GW_POWER_RUNNING);
    fixture_refresh(&f);
    gint64 id = make_aggregate(&f, "rack1", "zone1", "HostB");
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_engine_host_remove(f.engine, "HostB", &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_CONFLICT);
    g_clear_error(&error);
    g_assert_false(gw_engine_host_withdraw(f.engine, "HostA", &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_CONFLICT);
    g_assert_nonnull(strstr(error->message, "hosting instances. Migrate or delete the instances first: HostA has 1."));
    g_clear_error(&error);
    g_assert_true(gw_engine_host_withdraw(f.engine, "HostB", &error));
    g_assert_no_error(error);
    g_assert_null(gw_engine_host(f.engine, "HostB"));
    g_autoptr(GwAggregate) left = gw_engine_aggregate(f.engine, id);
    g_assert_cmpuint(left->hosts->len, ==, 0);
    fixture_close(&f);
}

/* ---- deadlines of drains */

static GwDrain *drain_row(Fixture *f, gint64 id)
{
    g_autoptr(GPtrArray) moves = NULL;
    g_autoptr(GError) error = NULL;
    GwDrain *row = NULL;
    gw_engine_drain_show(f->engine, id, &row, &moves, &error);
    g_assert_no_error(error);
    return row;
}

/* The link turns out to be slow once it has begun: what would end too late is not begun any more. */
static void a_late_drain_begins_nothing_more(void)
{
    enum { GUESTS = 4, SLOW_MBPS = 2, PATIENCE_MS = 60000 };
    Fixture f;
    fixture_open(&f, "placement-late", 0);
    for (guint i = 0; i < GUESTS; i++) {
        g_autofree char *name = g_strdup_printf("vm%u", i);
        fixture_add(&f, "HostA", name, 64, GW_SIM_SHARED, GW_POWER_RUNNING);
    }
    fixture_refresh(&f);
    GwDrainOrder order = {.hosts = (char *[]){"HostA", NULL}, .per_host = 1, .deadline_s = 1, .request_id = "req-drain"};
    g_autoptr(GwDrain) refused = NULL, drain = NULL;
    g_autoptr(GPtrArray) none = NULL, moves = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_engine_drain(f.engine, &order, &refused, &none, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "Allow more time, or begin without a deadline"));
    g_clear_error(&error);
    gw_sim_world_set_link(f.world, "HostA", SLOW_MBPS);
    order.deadline_s = 8;
    gw_engine_drain(f.engine, &order, &drain, &moves, &error);
    g_assert_no_error(error);
    for (guint waited = 0;; waited += 20) {
        g_autoptr(GwDrain) row = drain_row(&f, drain->id);
        if (row->state != GW_DRAIN_RUNNING) {
            g_assert_cmpint(row->state, ==, GW_DRAIN_INCOMPLETE);
            g_assert_nonnull(strstr(row->reason, "the deadline came first"));
            break;
        }
        if (row->deadline_us < g_get_real_time())
            gw_sim_world_set_link(f.world, "HostA", 10000); /* what is under way ends all the same */
        g_assert_cmpuint(waited, <, PATIENCE_MS);
        g_usleep(20000);
    }
    g_autoptr(GPtrArray) left = gw_engine_instances_of(f.engine, "HostA");
    g_assert_cmpuint(left->len, >, 0);
    g_assert_cmpuint(left->len, <, GUESTS);
    fixture_close(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/placement/disabled", a_disabled_host_is_passed_over);
    g_test_add_func("/placement/force", force_passes_by_what_is_set);
    g_test_add_func("/placement/forced-down", nothing_moves_from_or_to_a_host_that_is_forced_down);
    g_test_add_func("/placement/kept", what_is_set_is_kept);
    g_test_add_func("/placement/limits", limits_are_counted_with_what_is_there);
    g_test_add_func("/placement/moves", moves_under_way_count);
    g_test_add_func("/placement/tenants", tenants_and_ratios);
    g_test_add_func("/zones/shown", a_zone_is_shown_at_once);
    g_test_add_func("/zones/change", a_zone_does_not_change_under_instances);
    g_test_add_func("/drains/late", a_late_drain_begins_nothing_more);
    g_test_add_func("/hosts/members", members_stay_until_taken_out);
    return g_test_run();
}
