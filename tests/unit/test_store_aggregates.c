/* Aggregates in the store: what comes back, and what is refused by the state of others. */
#include "store_fixture.h"

#include <string.h>

static GwAggregate *read_back(Fixture *fixture, gint64 id)
{
    g_autoptr(GPtrArray) all = NULL;
    assert_ok(gw_store_aggregates(fixture->store, &all, &error_));
    const GwAggregate *found = gw_aggregates_find(all, id);
    return found ? gw_aggregate_ref((GwAggregate *)found) : NULL;
}

static gint64 add(Fixture *fixture, const char *name, const char *zone)
{
    gint64 id = 0;
    assert_ok(gw_store_aggregate_add(fixture->store, name, zone, &id, &error_));
    return id;
}

static void add_hosts(Fixture *fixture)
{
    add_host(fixture->store, "HostB", "qemu:///b");
    add_host(fixture->store, "HostC", "qemu:///c");
}

/* key=NULL: the name changes to value. */
static gboolean edit(Fixture *fixture, gint64 id, const char *key, const char *value, GError **error)
{
    g_autoptr(GPtrArray) metadata = gw_metadata_new();
    GwAggregateEdit change = {GW_AGGREGATE_SET_METADATA, key ? NULL : value, key ? metadata : NULL};
    if (key)
        gw_metadata_add(metadata, key, value);
    return gw_store_aggregate_edit(fixture->store, id, &change, error);
}

#define ASSERT_REFUSED(call, code, ...)                                                                                \
    do {                                                                                                               \
        GError *error = NULL;                                                                                          \
        gboolean ok = (call);                                                                                          \
        assert_fails(ok, error, code, __VA_ARGS__, NULL);                                                              \
    } while (0)

static void test_round_trip(Fixture *fixture, gconstpointer data)
{
    add_hosts(fixture);
    gint64 id = add(fixture, "rack1", "zone1");
    g_assert_cmpint(id, ==, 1);
    g_autoptr(GwAggregate) fresh = read_back(fixture, id);
    g_assert_cmpint(fresh->updated_us, ==, 0);
    assert_ok(gw_store_aggregate_add_host(fixture->store, id, "HostC", &error_));
    assert_ok(gw_store_aggregate_add_host(fixture->store, id, "HostB", &error_));
    assert_ok(edit(fixture, id, "colour", "grün", &error_));
    assert_ok(edit(fixture, id, "big", "", &error_));
    fixture_reopen(fixture);
    g_autoptr(GwAggregate) back = read_back(fixture, id);
    g_assert_true(gw_uuid_is_valid(back->uuid));
    g_assert_cmpstr(back->uuid, ==, fresh->uuid);
    g_assert_cmpstr(back->name, ==, "rack1");
    g_assert_cmpstr(gw_aggregate_zone(back), ==, "zone1");
    g_assert_cmpuint(back->hosts->len, ==, 2);
    g_assert_cmpstr(back->hosts->pdata[0], ==, "HostC"); /* in the order in which they came */
    g_assert_cmpstr(back->hosts->pdata[1], ==, "HostB");
    g_assert_cmpuint(back->metadata->len, ==, 3);
    g_assert_cmpstr(((GwMetadatum *)back->metadata->pdata[1])->key, ==, "big"); /* by key */
    g_assert_cmpstr(gw_aggregate_get(back, "big"), ==, "");
    g_assert_cmpstr(gw_aggregate_get(back, "colour"), ==, "grün");
    g_assert_cmpint(back->created_us, ==, fresh->created_us);
    g_assert_cmpint(back->updated_us, >=, back->created_us);
}

static void test_names(Fixture *fixture, gconstpointer data)
{
    gint64 first = add(fixture, "rack1", NULL), second = add(fixture, "rack2", NULL), id = 7;
    ASSERT_REFUSED(gw_store_aggregate_add(fixture->store, "rack1", NULL, &id, &error), GW_ERROR_CONFLICT,
                   "Aggregate rack1 already exists.");
    g_assert_cmpint(id, ==, 7);
    ASSERT_REFUSED(edit(fixture, second, NULL, "rack1", &error), GW_ERROR_CONFLICT, "Aggregate rack1 already exists.");
    assert_ok(edit(fixture, first, NULL, "rack1", &error_)); /* its own */
    assert_ok(edit(fixture, second, NULL, "rack3", &error_));
    g_autoptr(GwAggregate) renamed = read_back(fixture, second);
    g_assert_cmpstr(renamed->name, ==, "rack3");
}

static void test_metadata(Fixture *fixture, gconstpointer data)
{
    gint64 id = add(fixture, "rack1", "zone1"), other = add(fixture, "rack2", NULL);
    assert_ok(edit(fixture, id, "a", "1", &error_));
    assert_ok(edit(fixture, id, "a", "2", &error_));
    assert_ok(edit(fixture, other, "a", "3", &error_));
    g_autoptr(GwAggregate) changed = read_back(fixture, id);
    g_assert_cmpstr(gw_aggregate_get(changed, "a"), ==, "2");
    assert_ok(edit(fixture, id, "a", NULL, &error_));
    assert_ok(edit(fixture, id, "never", NULL, &error_));
    g_autoptr(GwAggregate) without = read_back(fixture, id), untouched = read_back(fixture, other);
    g_assert_null(gw_aggregate_get(without, "a"));
    g_assert_cmpstr(gw_aggregate_zone(without), ==, "zone1");
    g_assert_cmpstr(gw_aggregate_get(untouched, "a"), ==, "3");
    ASSERT_REFUSED(edit(fixture, id, GW_ZONE_KEY, NULL, &error), GW_ERROR_INVALID, "does not support empty named");
    ASSERT_REFUSED(edit(fixture, id, "max_instances_per_host", "many", &error), GW_ERROR_INVALID, "'many'");
}

static void test_hosts(Fixture *fixture, gconstpointer data)
{
    add_hosts(fixture);
    gint64 id = add(fixture, "rack1", NULL);
    ASSERT_REFUSED(gw_store_aggregate_add_host(fixture->store, id, "HostX", &error), GW_ERROR_NOT_FOUND,
                   "Compute host HostX could not be found.");
    assert_ok(gw_store_aggregate_add_host(fixture->store, id, "HostB", &error_));
    ASSERT_REFUSED(gw_store_aggregate_add_host(fixture->store, id, "HostB", &error), GW_ERROR_CONFLICT,
                   "Aggregate 1 already has host HostB.");
    ASSERT_REFUSED(gw_store_aggregate_remove_host(fixture->store, id, "HostC", &error), GW_ERROR_NOT_FOUND,
                   "Cannot remove host HostC in aggregate 1");
    ASSERT_REFUSED(gw_store_aggregate_remove(fixture->store, id, &error), GW_ERROR_INVALID,
                   "Cannot remove host from aggregate 1. Reason: Host aggregate is not empty.");
    assert_ok(gw_store_aggregate_remove_host(fixture->store, id, "HostB", &error_));
    assert_ok(gw_store_aggregate_remove(fixture->store, id, &error_));
    g_assert_null(read_back(fixture, id));
    g_assert_cmpint(add(fixture, "rack1", NULL), ==, 2); /* never reused */
}

static void test_missing(Fixture *fixture, gconstpointer data)
{
    static const char says[] = "Aggregate 9 could not be found.";
    add_hosts(fixture);
    ASSERT_REFUSED(gw_store_aggregate_add_host(fixture->store, 9, "HostB", &error), GW_ERROR_NOT_FOUND, says);
    ASSERT_REFUSED(gw_store_aggregate_remove_host(fixture->store, 9, "HostB", &error), GW_ERROR_NOT_FOUND, says);
    ASSERT_REFUSED(gw_store_aggregate_remove(fixture->store, 9, &error), GW_ERROR_NOT_FOUND, says);
    ASSERT_REFUSED(edit(fixture, 9, "a", "b", &error), GW_ERROR_NOT_FOUND, says);
}

static void test_zones(Fixture *fixture, gconstpointer data)
{
    add_hosts(fixture);
    gint64 first = add(fixture, "rack1", "zone1"), second = add(fixture, "rack2", "zone2"), third = add(fixture, "fast", NULL);
    assert_ok(gw_store_aggregate_add_host(fixture->store, first, "HostB", &error_));
    ASSERT_REFUSED(gw_store_aggregate_add_host(fixture->store, second, "HostB", &error), GW_ERROR_CONFLICT,
                   "Cannot add host to aggregate 2. Reason: One or more hosts already in availability zone(s) ['zone1'].");
    assert_ok(gw_store_aggregate_add_host(fixture->store, third, "HostB", &error_));
    ASSERT_REFUSED(edit(fixture, third, GW_ZONE_KEY, "zone2", &error), GW_ERROR_INVALID,
                   "Cannot update metadata of aggregate 3. Reason: One or more hosts already in availability zone(s) "
                   "['zone1'].");
    assert_ok(edit(fixture, third, GW_ZONE_KEY, "zone1", &error_)); /* two of one zone are no conflict */
    assert_ok(gw_store_aggregate_remove_host(fixture->store, third, "HostB", &error_));
    assert_ok(edit(fixture, first, GW_ZONE_KEY, "zone2", &error_));
    assert_ok(gw_store_aggregate_add_host(fixture->store, second, "HostB", &error_));
}

/* A refused change leaves nothing behind, also of what came before the refusal. */
static void test_all_or_nothing(Fixture *fixture, gconstpointer data)
{
    gint64 id = add(fixture, "rack1", "zone1");
    g_autoptr(GPtrArray) metadata = gw_metadata_new();
    gw_metadata_add(metadata, "colour", "red");
    gw_metadata_add(metadata, "max_io_ops_per_host", "none");
    GwAggregateEdit change = {GW_AGGREGATE_UPDATE, "rack2", metadata};
    ASSERT_REFUSED(gw_store_aggregate_edit(fixture->store, id, &change, &error), GW_ERROR_INVALID,
                   "Cannot update aggregate 1. Reason: max_io_ops_per_host is 'none'");
    g_autoptr(GwAggregate) kept = read_back(fixture, id);
    g_assert_cmpstr(kept->name, ==, "rack1");
    g_assert_null(gw_aggregate_get(kept, "colour"));
    g_assert_cmpint(kept->updated_us, ==, 0);
}

static void test_renamed_host_stays(Fixture *fixture, gconstpointer data)
{
    add_hosts(fixture);
    gint64 id = add(fixture, "rack1", NULL);
    assert_ok(gw_store_aggregate_add_host(fixture->store, id, "HostB", &error_));
    GwHostRow renamed = {.id = 1, .name = "HostD", .uri = "qemu:///b"};
    assert_ok(gw_store_host_update(fixture->store, &renamed, &error_));
    g_autoptr(GwAggregate) back = read_back(fixture, id);
    g_assert_cmpstr(back->hosts->pdata[0], ==, "HostD");
}

static void test_member_is_not_removed(Fixture *fixture, gconstpointer data)
{
    add_hosts(fixture);
    gint64 id = add(fixture, "rack1", NULL);
    assert_ok(gw_store_aggregate_add_host(fixture->store, id, "HostB", &error_));
    ASSERT_REFUSED(gw_store_host_remove(fixture->store, "HostB", &error), GW_ERROR_CONFLICT,
                   "host HostB cannot be removed: it is in aggregate rack1", "godwit aggregate-remove-host rack1 HostB");
    assert_ok(gw_store_aggregate_remove_host(fixture->store, id, "HostB", &error_));
    assert_ok(gw_store_host_remove(fixture->store, "HostB", &error_));
}

static void test_withdraw(Fixture *fixture, gconstpointer data)
{
    add_hosts(fixture);
    gint64 first = add(fixture, "rack1", NULL), second = add(fixture, "rack2", NULL);
    assert_ok(gw_store_aggregate_add_host(fixture->store, first, "HostB", &error_));
    assert_ok(gw_store_aggregate_add_host(fixture->store, first, "HostC", &error_));
    assert_ok(gw_store_aggregate_add_host(fixture->store, second, "HostB", &error_));
    g_autoptr(GwMigration) row = sample_migration(UUID_A); /* from HostB to HostC */
    assert_ok(gw_store_migration_add(fixture->store, row, &error_));
    ASSERT_REFUSED(gw_store_host_withdraw(fixture->store, "HostB", &error), GW_ERROR_CONFLICT, "migration 1");
    g_autoptr(GwAggregate) before = read_back(fixture, second);
    g_assert_cmpuint(before->hosts->len, ==, 1); /* refused: nothing is left behind */
    row->state = GW_MIGRATION_COMPLETED;
    assert_ok(gw_store_migration_update(fixture->store, row, &error_));
    assert_ok(gw_store_host_withdraw(fixture->store, "HostB", &error_));
    g_autoptr(GwAggregate) one = read_back(fixture, first), other = read_back(fixture, second);
    g_assert_cmpuint(one->hosts->len, ==, 1);
    g_assert_cmpstr(one->hosts->pdata[0], ==, "HostC");
    g_assert_cmpuint(other->hosts->len, ==, 0);
    ASSERT_REFUSED(gw_store_host_withdraw(fixture->store, "HostB", &error), GW_ERROR_NOT_FOUND, "HostB");
}

/* One transaction: hosts and metadata together, and only while what was expected is so. */
static void test_journal(Fixture *fixture, gconstpointer data)
{
    add_hosts(fixture);
    gint64 id = add(fixture, "pool", NULL);
    g_autoptr(GPtrArray) metadata = gw_metadata_new();
    GwMetadatum none = {(char *)"state", NULL}, one = {(char *)"state", (char *)"one"};
    gw_metadata_add(metadata, "state", "one");
    GwAggregateEdit coming = {
        .action = GW_AGGREGATE_SET_METADATA, .metadata = metadata, .host_added = "HostB", .expected = &none};
    assert_ok(gw_store_aggregate_edit(fixture->store, id, &coming, &error_));
    ASSERT_REFUSED(gw_store_aggregate_edit(fixture->store, id, &coming, &error), GW_ERROR_STALE, "pool", "state");
    coming.expected = NULL;
    ASSERT_REFUSED(gw_store_aggregate_edit(fixture->store, id, &coming, &error), GW_ERROR_CONFLICT, "already has host HostB");
    g_autoptr(GPtrArray) other = gw_metadata_new();
    gw_metadata_add(other, "state", "two");
    GwAggregateEdit going = {.action = GW_AGGREGATE_SET_METADATA, .metadata = other, .host_removed = "HostC", .expected = &one};
    ASSERT_REFUSED(gw_store_aggregate_edit(fixture->store, id, &going, &error), GW_ERROR_NOT_FOUND, "HostC");
    g_autoptr(GwAggregate) before = read_back(fixture, id);
    g_assert_cmpstr(gw_aggregate_get(before, "state"), ==, "one"); /* refused: nothing of it is left */
    going.host_removed = "HostB";
    assert_ok(gw_store_aggregate_edit(fixture->store, id, &going, &error_));
    g_autoptr(GwAggregate) after = read_back(fixture, id);
    g_assert_cmpuint(after->hosts->len, ==, 0);
    g_assert_cmpstr(gw_aggregate_get(after, "state"), ==, "two");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("aggregate/round-trip", test_round_trip);
    ADD("aggregate/names", test_names);
    ADD("aggregate/metadata", test_metadata);
    ADD("aggregate/hosts", test_hosts);
    ADD("aggregate/missing", test_missing);
    ADD("aggregate/zones", test_zones);
    ADD("aggregate/all-or-nothing", test_all_or_nothing);
    ADD("aggregate/renamed-host", test_renamed_host_stays);
    ADD("aggregate/member-removed", test_member_is_not_removed);
    ADD("aggregate/withdraw", test_withdraw);
    ADD("aggregate/journal", test_journal);
    return g_test_run();
}
