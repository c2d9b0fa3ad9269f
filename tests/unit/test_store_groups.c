/* Server groups in the store: what comes back, and who may be in which. */
#include "store/groups.h"
#include "store_fixture.h"

#include <string.h>

static const char *const one = "11111111-0000-4000-8000-000000000001";
static const char *const two = "11111111-0000-4000-8000-000000000002";

static void add(Fixture *fixture, const char *uuid, const char *name, GwGroupPolicy policy)
{
    g_autoptr(GwGroup) group = gw_group_new();
    g_strlcpy(group->uuid, uuid, sizeof group->uuid);
    group->name = g_strdup(name);
    group->policy = policy;
    group->max_per_host = policy == GW_GROUP_ANTI_AFFINITY ? 3 : 0;
    group->user_id = g_strdup("gull");
    group->project_id = g_strdup("tern");
    group->created_us = 1234567;
    assert_ok(gw_store_group_add(fixture->store, group, &error_));
}

static GwGroup *read_back(Fixture *fixture, const char *uuid)
{
    g_autoptr(GPtrArray) all = NULL;
    assert_ok(gw_store_groups(fixture->store, &all, &error_));
    const GwGroup *found = gw_groups_find(all, uuid);
    return found ? gw_group_ref((GwGroup *)found) : NULL;
}

static void test_round_trip(Fixture *fixture, gconstpointer data)
{
    for (guint policy = 0; policy < GW_GROUP_POLICY_COUNT; policy++) {
        g_autofree char *uuid = g_uuid_string_random();
        add(fixture, uuid, "gr\303\274n \"1\"", (GwGroupPolicy)policy);
        assert_ok(gw_store_group_join(fixture->store, uuid, g_intern_string(uuid), &error_));
        fixture_reopen(fixture);
        g_autoptr(GwGroup) back = read_back(fixture, uuid);
        g_assert_cmpint(back->id, ==, policy + 1);
        g_assert_cmpstr(back->name, ==, "gr\303\274n \"1\"");
        g_assert_cmpint(back->policy, ==, policy);
        g_assert_cmpuint(back->max_per_host, ==, policy == GW_GROUP_ANTI_AFFINITY ? 3 : 0);
        g_assert_cmpstr(back->user_id, ==, "gull");
        g_assert_cmpstr(back->project_id, ==, "tern");
        g_assert_cmpint(back->created_us, ==, 1234567);
        g_assert_cmpuint(back->members->len, ==, 1);
        g_assert_true(gw_group_has(back, uuid));
    }
}

static void test_members(Fixture *fixture, gconstpointer data)
{
    add(fixture, one, "web", GW_GROUP_ANTI_AFFINITY);
    add(fixture, two, "db", GW_GROUP_AFFINITY);
    assert_ok(gw_store_group_join(fixture->store, one, "vm1", &error_));
    assert_ok(gw_store_group_join(fixture->store, one, "vm2", &error_));
    assert_ok(gw_store_group_join(fixture->store, one, "vm1", &error_)); /* twice */
    GError *error = NULL;
    gboolean ok = gw_store_group_join(fixture->store, two, "vm1", &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, "Instance vm1 is in the group web", "take it out of that first", NULL);
    g_autoptr(GwGroup) both = read_back(fixture, one);
    g_assert_cmpuint(both->members->len, ==, 2);
    g_assert_cmpstr(both->members->pdata[0], ==, "vm1");

    assert_ok(gw_store_group_leave(fixture->store, "vm1", &error_));
    assert_ok(gw_store_group_leave(fixture->store, "vm1", &error_)); /* of none */
    assert_ok(gw_store_group_join(fixture->store, two, "vm1", &error_));
    g_autoptr(GwGroup) rest = read_back(fixture, one);
    g_assert_cmpuint(rest->members->len, ==, 1);
    g_assert_true(gw_group_has(rest, "vm2"));
}

static void test_unknown(Fixture *fixture, gconstpointer data)
{
    GError *error = NULL;
    gboolean ok = gw_store_group_join(fixture->store, one, "vm1", &error);
    assert_fails(ok, error, GW_ERROR_NOT_FOUND, "Instance group", one, NULL);
    error = NULL;
    ok = gw_store_group_remove(fixture->store, one, &error);
    assert_fails(ok, error, GW_ERROR_NOT_FOUND, "Instance group", one, NULL);
    add(fixture, one, "web", GW_GROUP_AFFINITY);
    add(fixture, two, "web", GW_GROUP_AFFINITY); /* names are no keys, as in Nova */
    assert_ok(gw_store_group_remove(fixture->store, one, &error_));
    g_assert_null(read_back(fixture, one));
    g_autoptr(GwGroup) other = read_back(fixture, two);
    g_assert_nonnull(other);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("groups/round-trip", test_round_trip);
    ADD("groups/members", test_members);
    ADD("groups/unknown", test_unknown);
    return g_test_run();
}
