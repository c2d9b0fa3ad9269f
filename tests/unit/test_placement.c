/* Aggregates, what their metadata demands, and which hosts are tried. */
#include "core/placement.h"

#include "base/error.h"

#include <string.h>

/* ---- aggregates, owned by the array that is returned */

static GwAggregate *add(GPtrArray *all, const char *name, const char *zone)
{
    GwAggregate *aggregate = gw_aggregate_new();
    aggregate->id = all->len + 1;
    aggregate->name = g_strdup(name);
    if (zone)
        gw_metadata_add(aggregate->metadata, GW_ZONE_KEY, zone);
    g_ptr_array_add(all, aggregate);
    return aggregate;
}

static GPtrArray *with(const char *key, const char *value)
{
    GPtrArray *all = gw_aggregates_new();
    gw_metadata_add(add(all, "rack1", NULL)->metadata, key, value);
    return all;
}

static void zones_come_from_aggregates(void)
{
    g_autoptr(GPtrArray) all = gw_aggregates_new();
    g_assert_cmpstr(gw_aggregates_zone(all), ==, "nova");
    add(all, "fast", NULL);
    g_assert_cmpstr(gw_aggregates_zone(all), ==, "nova");
    add(all, "rack1", "zone1");
    g_assert_cmpstr(gw_aggregates_zone(all), ==, "zone1");
    g_assert_cmpstr(gw_aggregates_find(all, 2)->name, ==, "rack1");
    g_assert_null(gw_aggregates_find(all, 3));
    g_assert_null(gw_aggregate_get(all->pdata[0], GW_ZONE_KEY));
}

static gboolean check_zone(const GPtrArray *all, guint index, const char *zone, const char *host, GError **error)
{
    g_autoptr(GPtrArray) hosts = g_ptr_array_new();
    g_ptr_array_add(hosts, (gpointer)host);
    return gw_aggregate_check_zone(all, all->pdata[index], zone, hosts, GW_AGGREGATE_ADD_HOST, error);
}

static void a_host_is_in_one_zone(void)
{
    g_autoptr(GPtrArray) all = gw_aggregates_new();
    g_ptr_array_add(add(all, "rack1", "zone1")->hosts, g_strdup("HostB"));
    g_ptr_array_add(add(all, "rack2", "zone2")->hosts, g_strdup("HostB"));
    add(all, "rack3", "zone1");
    g_autoptr(GError) error = NULL;
    g_assert_false(check_zone(all, 2, "zone3", "HostB", &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_CONFLICT);
    g_assert_cmpstr(error->message, ==,
                    "Cannot add host to aggregate 3. Reason: One or more hosts already in availability zone(s) ['zone1', "
                    "'zone2'].");
    g_assert_true(check_zone(all, 2, "zone3", "HostC", NULL)); /* nobody has it */
    g_assert_true(check_zone(all, 2, NULL, "HostB", NULL));    /* no zone is no conflict */
    g_assert_true(check_zone(all, 0, "zone2", "HostB", NULL)); /* its own old zone does not count */
    g_assert_false(check_zone(all, 0, "zone1", "HostB", NULL));
}

static void assert_metadata(const char *key, const char *value, const char *says)
{
    g_autoptr(GPtrArray) all = gw_aggregates_new(), metadata = gw_metadata_new();
    g_autoptr(GError) error = NULL;
    add(all, "rack1", "zone1");
    gw_metadata_add(metadata, key, value);
    gboolean ok = gw_aggregate_check_metadata(all->pdata[0], metadata, GW_AGGREGATE_SET_METADATA, &error);
    g_assert_cmpint(ok, ==, !says);
    if (!says)
        return;
    g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
    g_autofree char *whole = g_strdup_printf("Cannot update metadata of aggregate 1. Reason: %s.", says);
    g_assert_cmpstr(error->message, ==, whole);
}

static void metadata_is_checked(void)
{
    static const char empty[] = "Aggregate rack1 does not support empty named availability zone";
    assert_metadata("colour", "red", NULL);
    assert_metadata("colour", NULL, NULL);
    assert_metadata(GW_ZONE_KEY, "zone2", NULL);
    assert_metadata(GW_ZONE_KEY, NULL, empty);
    assert_metadata(GW_ZONE_KEY, "", empty);
    assert_metadata("max_instances_per_host", "0", NULL);
    assert_metadata("max_instances_per_host", NULL, NULL);
    assert_metadata("max_instances_per_host", "-1", "max_instances_per_host is '-1', but must be a whole number");
    assert_metadata("max_io_ops_per_host", "1.5", "max_io_ops_per_host is '1.5', but must be a whole number");
    assert_metadata("cpu_allocation_ratio", "0.5", NULL);
    assert_metadata("cpu_allocation_ratio", "0",
                    "cpu_allocation_ratio is '0', but must be a number above 0, such as 4.0");
    assert_metadata("ram_allocation_ratio", "1,5",
                    "ram_allocation_ratio is '1,5', but must be a number above 0, such as 1.5");
    assert_metadata("ram_allocation_ratio", "inf",
                    "ram_allocation_ratio is 'inf', but must be a number above 0, such as 1.5");
}

/* ---- limits */

/* The finding's code and text; "" when there is none; more than one fails. */
static char *judge(GPtrArray *aggregates /* taken */, GwUsage usage, const GwDemand *demand)
{
    g_autoptr(GPtrArray) findings = gw_findings_new();
    GwLimited host = {.name = "HostC", .aggregates = aggregates, .cpus = 4, .memory_mib = 8192, .reserved_mib = 192, .usage = usage};
    gw_limits_judge(&host, demand, findings);
    if (aggregates)
        g_ptr_array_unref(aggregates);
    g_assert_cmpuint(findings->len, <=, 1);
    g_autofree char *text = gw_findings_to_text(findings);
    return findings->len ? g_strdup_printf("%s %s", ((GwFinding *)findings->pdata[0])->code, text) : g_strdup("");
}

static const GwDemand vm1 = {.name = "vm1", .project_id = "admin", .vcpus = 2, .memory_mib = 1024};

static void assert_judged(GPtrArray *aggregates, GwUsage usage, const char *text)
{
    g_autofree char *found = judge(aggregates, usage, &vm1);
    g_assert_cmpstr(found, ==, text);
}

static void no_aggregate_no_limit(void)
{
    GwUsage full = {1000, 1000, 1 << 30, 1000};
    assert_judged(NULL, full, "");
    assert_judged(gw_aggregates_new(), full, "");
    assert_judged(with("colour", "red"), full, "");
}

static void instances_are_limited(void)
{
    assert_judged(with("max_instances_per_host", "2"), (GwUsage){.instances = 1}, "");
    assert_judged(with("max_instances_per_host", "2"), (GwUsage){.instances = 2},
                  "instance-limit HostC has 2 instances (aggregate rack1 has max_instances_per_host=2); remedy: name another "
                  "host, or raise max_instances_per_host of aggregate rack1.");
}

static void moves_are_limited(void)
{
    assert_judged(with("max_io_ops_per_host", "1"), (GwUsage){0}, "");
    assert_judged(with("max_io_ops_per_host", "1"), (GwUsage){.moves = 1},
                  "move-limit HostC has 1 move under way (aggregate rack1 has max_io_ops_per_host=1); remedy: name another "
                  "host, or raise max_io_ops_per_host of aggregate rack1.");
}

static void cpus_are_limited(void)
{
    assert_judged(with("cpu_allocation_ratio", "2.5"), (GwUsage){.vcpus = 8}, ""); /* 10 of 10 */
    assert_judged(with("cpu_allocation_ratio", "2.5"), (GwUsage){.vcpus = 9},
                  "cpu-ratio HostC has 4 CPUs, and its instances have 9 (vm1 needs 2 more, and aggregate rack1 has "
                  "cpu_allocation_ratio=2.5); remedy: name another host, or raise cpu_allocation_ratio of aggregate rack1.");
    GwDemand wide = {.name = "vm1", .project_id = "admin", .vcpus = 5}; /* of its own CPUs it shares none */
    g_autofree char *found = judge(with("cpu_allocation_ratio", "16"), (GwUsage){0}, &wide);
    g_assert_true(g_str_has_prefix(found, "cpu-ratio HostC has 4 CPUs (vm1 has 5, and aggregate rack1 has "));
}

static void memory_is_limited(void)
{
    assert_judged(with("ram_allocation_ratio", "0.5"), (GwUsage){.memory_mib = 2880}, ""); /* 4096 of 4096, 192 reserved */
    assert_judged(with("ram_allocation_ratio", "0.5"), (GwUsage){.memory_mib = 2881},
                  "ram-ratio HostC has 8192 MiB of memory, of which 3073 MiB are promised to instances and the host itself "
                  "(vm1 needs 1024 MiB, and aggregate rack1 has ram_allocation_ratio=0.5); remedy: name another host, or "
                  "raise ram_allocation_ratio of aggregate rack1.");
}

static void the_strictest_limit_counts(void)
{
    GPtrArray *all = with("max_instances_per_host", "9");
    gw_metadata_add(add(all, "rack2", NULL)->metadata, "max_instances_per_host", "3");
    gw_metadata_add(add(all, "rack3", NULL)->metadata, "max_instances_per_host", "nonsense"); /* not by Godwit */
    g_autofree char *found = judge(all, (GwUsage){.instances = 3}, &vm1);
    g_assert_nonnull(strstr(found, "aggregate rack2 has max_instances_per_host=3"));
}

static void tenants_keep_hosts(void)
{
    assert_judged(with("filter_tenant_id", "acme"), (GwUsage){0},
                  "tenant HostC is kept for other tenants by filter_tenant_id=acme of aggregate rack1 (vm1 belongs to "
                  "project admin); remedy: name another host, or add the project to the list.");
    assert_judged(with("filter_tenant_id", "acme, admin"), (GwUsage){0}, "");
    assert_judged(with("filter_tenant_id_2", "administrator"), (GwUsage){0},
                  "tenant HostC is kept for other tenants by filter_tenant_id_2=administrator of aggregate rack1 (vm1 "
                  "belongs to project admin); remedy: name another host, or add the project to the list.");
    GPtrArray *all = with("filter_tenant_id", "acme"); /* of several lists one is enough */
    gw_metadata_add(add(all, "rack2", NULL)->metadata, "filter_tenant_id3", "admin");
    assert_judged(all, (GwUsage){0}, "");
}

static void a_pinned_instance_stays_in_its_zone(void)
{
    GwDemand pinned = {.name = "vm1", .project_id = "admin", .zone = "zone1"};
    g_autofree char *same = judge(with(GW_ZONE_KEY, "zone1"), (GwUsage){0}, &pinned);
    g_autofree char *other = judge(with(GW_ZONE_KEY, "zone2"), (GwUsage){0}, &pinned);
    g_autofree char *none = judge(NULL, (GwUsage){0}, &pinned);
    g_assert_cmpstr(same, ==, "");
    g_assert_cmpstr(other, ==,
                    "availability-zone HostC is in availability zone zone2 (vm1 was asked to stay in zone zone1); remedy: name "
                    "a host of zone zone1.");
    g_assert_nonnull(strstr(none, "HostC is in availability zone nova"));
    assert_judged(with(GW_ZONE_KEY, "zone2"), (GwUsage){0}, ""); /* who is pinned to none goes anywhere */
}

/* ---- which hosts are tried */

static GwCandidate candidate(const char *name, guint64 memory_free_mib)
{
    return (GwCandidate){.host = {.name = name}, .up = TRUE, .enabled = TRUE, .same_kind = TRUE,
                         .memory_free_mib = memory_free_mib};
}

static void assert_order(const GwCandidate *candidates, guint count, const char *names, const char *reasons)
{
    g_autoptr(GPtrArray) why = gw_reasons_new();
    g_autoptr(GPtrArray) order = gw_placement_order(candidates, count, &vm1, why);
    g_ptr_array_add(order, NULL);
    g_autofree char *have = g_strjoinv(" ", (char **)order->pdata);
    g_autofree char *told = gw_reasons_to_text(why);
    g_assert_cmpstr(have, ==, names);
    g_assert_cmpstr(told, ==, reasons);
}

static void the_roomiest_is_first(void)
{
    GwCandidate all[] = {candidate("HostA", 9000), candidate("HostD", 2000), candidate("HostC", 3000),
                         candidate("HostB", 2000)};
    all[0].is_source = TRUE;
    assert_order(all, 4, "HostC HostB HostD", "");
    all[2].reserved_mib = 2500; /* promised to others */
    assert_order(all, 4, "HostB HostD HostC", "");
    assert_order(all, 1, "", "");
}

static void every_host_left_out_has_its_reason(void)
{
    g_autoptr(GPtrArray) limited = with("max_instances_per_host", "0");
    GwCandidate all[] = {candidate("H1", 1), candidate("H2", 1), candidate("H3", 1), candidate("H4", 1),
                         candidate("H5", 1), candidate("H6", 1)};
    all[0].same_kind = FALSE;
    all[1].up = FALSE;
    all[1].down_reason = "no route";
    all[2].enabled = FALSE;
    all[2].disabled_reason = "new RAM";
    all[3].forced_down = TRUE;
    all[4].host.aggregates = limited;
    assert_order(all, 6, "H6",
                 "H1: it runs another hypervisor | H2: it does not answer: no route | H3 is disabled: new RAM (it takes no new "
                 "instances); remedy: enable it with `godwit service-enable H3`, or name another host. | H4 is forced down (an "
                 "administrator has said that nothing runs there); remedy: take that back with `godwit service-force-down "
                 "--unset H4`, or name another host. | H5 has 0 instances (aggregate rack1 has max_instances_per_host=0); "
                 "remedy: name another host, or raise max_instances_per_host of aggregate rack1.");
}

static void what_is_the_same_of_several_hosts_is_said_once(void)
{
    GwCandidate all[] = {candidate("H1", 1), candidate("H2", 1), candidate("H3", 1), candidate("H4", 1)};
    all[0].same_kind = all[2].same_kind = all[3].same_kind = FALSE;
    all[1].up = FALSE;
    assert_order(all, 4, "", "H1, H3, H4: it runs another hypervisor | H2: it does not answer");
}

/* All reasons of one host, not the first only. */
static void a_host_has_all_its_reasons(void)
{
    g_autoptr(GPtrArray) limited = with("filter_tenant_id", "acme"), findings = gw_findings_new();
    GwCandidate one = candidate("HostC", 1);
    one.enabled = FALSE;
    one.host.aggregates = limited;
    gw_placement_judge(&one, &vm1, findings);
    g_assert_cmpuint(findings->len, ==, 2);
    g_assert_cmpstr(((GwFinding *)findings->pdata[0])->code, ==, "host-disabled");
    g_assert_cmpstr(((GwFinding *)findings->pdata[1])->code, ==, "tenant");
}

/* Force passes by what an administrator may overrule, as in Nova; a host that is forced down stays out. */
static void force_counts_only_forced_down(void)
{
    g_autoptr(GPtrArray) limited = with("filter_tenant_id", "acme"), findings = gw_findings_new();
    GwCandidate one = candidate("HostC", 1);
    one.enabled = FALSE;
    one.host.aggregates = limited;
    gw_placement_judge_forced(&one, findings);
    g_assert_cmpuint(findings->len, ==, 0);
    one.forced_down = TRUE;
    gw_placement_judge_forced(&one, findings);
    g_assert_cmpuint(findings->len, ==, 1);
    g_assert_cmpstr(((GwFinding *)findings->pdata[0])->code, ==, "host-forced-down");
}

/* ---- groups and pins */

static GwGroup *group_of(GwGroupPolicy policy, guint most)
{
    GwGroup *group = gw_group_new();
    group->name = g_strdup("web");
    group->policy = policy;
    group->max_per_host = most;
    return group;
}

/* HostC holds `here` of vm1's group, and `elsewhere` others of it. */
static void assert_group(GwGroupPolicy policy, guint most, guint here, const char *elsewhere, const char *text)
{
    g_autoptr(GPtrArray) findings = gw_findings_new();
    g_autoptr(GwGroup) group = group_of(policy, most);
    GwLimited host = {.name = "HostC", .usage = {.instances = here, .members = here}, .group = group, .group_host = elsewhere};
    gw_limits_judge(&host, &vm1, findings);
    g_autofree char *found = gw_findings_to_text(findings);
    g_assert_cmpstr(found, ==, text);
}

static void groups_stay_apart(void)
{
    assert_group(GW_GROUP_ANTI_AFFINITY, 0, 0, "HostB", "");
    assert_group(GW_GROUP_ANTI_AFFINITY, 0, 1, NULL,
                 "HostC has 1 of the group web (vm1 is in that group too, whose policy anti-affinity allows 1 on a host); remedy: name "
                 "another host, or take it out of the group (godwit server-group-remove-server web vm1).");
    assert_group(GW_GROUP_ANTI_AFFINITY, 3, 2, "HostB", "");
    assert_group(GW_GROUP_ANTI_AFFINITY, 3, 3, "HostB",
                 "HostC has 3 of the group web (vm1 is in that group too, whose policy anti-affinity allows 3 on a host); remedy: name "
                 "another host, or take it out of the group (godwit server-group-remove-server web vm1).");
    assert_group(GW_GROUP_SOFT_ANTI_AFFINITY, 0, 9, NULL, "");
}

static void groups_stay_together(void)
{
    assert_group(GW_GROUP_AFFINITY, 0, 1, "HostB", ""); /* apart by somebody's wish: either will do */
    assert_group(GW_GROUP_AFFINITY, 0, 0, NULL, "");
    assert_group(GW_GROUP_AFFINITY, 0, 0, "HostB",
                 "HostC has none of the group web (vm1 is in that group, whose policy affinity keeps it together, and others of it are on "
                 "HostB); remedy: name HostB, empty HostB with godwit drain, or take it out of the group (godwit "
                 "server-group-remove-server web vm1).");
    assert_group(GW_GROUP_SOFT_AFFINITY, 0, 0, "HostB", "");
}

static void soft_groups_prefer(void)
{
    g_autoptr(GwGroup) together = group_of(GW_GROUP_SOFT_AFFINITY, 0), apart = group_of(GW_GROUP_SOFT_ANTI_AFFINITY, 0);
    GwCandidate all[] = {candidate("HostB", 9000), candidate("HostC", 3000), candidate("HostD", 2000)};
    all[1].host.usage.members = 1;
    all[2].host.usage.members = 2;
    for (guint i = 0; i < 3; i++)
        all[i].host.group = together;
    assert_order(all, 3, "HostD HostC HostB", "");
    for (guint i = 0; i < 3; i++)
        all[i].host.group = apart;
    all[0].host.usage.members = 3;
    assert_order(all, 3, "HostC HostD HostB", "");
}

static void pinned_ones_stay(void)
{
    GwDemand pinned = vm1;
    pinned.pins = "HostB, rack2-*";
    g_autofree char *text = judge(NULL, (GwUsage){0}, &pinned);
    g_assert_cmpstr(text, ==,
                    "pinned HostC is none of the hosts that vm1 is pinned to (its metadata have godwit:hosts=HostB, rack2-*); remedy: name "
                    "one of those, pin it to others (godwit pin vm1 HOST...), or let it go (godwit unpin vm1).");
    pinned.pins = "HostB, HostC";
    g_autofree char *none = judge(NULL, (GwUsage){0}, &pinned);
    g_assert_cmpstr(none, ==, "");
    g_assert_true(gw_pins_allow("HostB, rack2-*", "rack2-7"));
    g_assert_false(gw_pins_allow("HostB, rack2-*", "rack1-7"));
    g_assert_false(gw_pins_allow("HostB", "HostBB"));
    g_autoptr(GPtrArray) metadata = gw_metadata_new();
    g_assert_null(gw_pins_of(NULL));
    g_assert_null(gw_pins_of(metadata));
    gw_metadata_add(metadata, GW_PIN_KEY, "HostB");
    g_assert_cmpstr(gw_pins_of(metadata), ==, "HostB");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aggregates/zones", zones_come_from_aggregates);
    g_test_add_func("/aggregates/one-zone", a_host_is_in_one_zone);
    g_test_add_func("/aggregates/metadata", metadata_is_checked);
    g_test_add_func("/limits/none", no_aggregate_no_limit);
    g_test_add_func("/limits/instances", instances_are_limited);
    g_test_add_func("/limits/moves", moves_are_limited);
    g_test_add_func("/limits/cpus", cpus_are_limited);
    g_test_add_func("/limits/memory", memory_is_limited);
    g_test_add_func("/limits/strictest", the_strictest_limit_counts);
    g_test_add_func("/limits/tenants", tenants_keep_hosts);
    g_test_add_func("/limits/zone", a_pinned_instance_stays_in_its_zone);
    g_test_add_func("/placement/order", the_roomiest_is_first);
    g_test_add_func("/placement/reasons", every_host_left_out_has_its_reason);
    g_test_add_func("/placement/same-reasons", what_is_the_same_of_several_hosts_is_said_once);
    g_test_add_func("/placement/all-reasons", a_host_has_all_its_reasons);
    g_test_add_func("/placement/forced", force_counts_only_forced_down);
    g_test_add_func("/groups/apart", groups_stay_apart);
    g_test_add_func("/groups/together", groups_stay_together);
    g_test_add_func("/groups/soft", soft_groups_prefer);
    g_test_add_func("/pins", pinned_ones_stay);
    return g_test_run();
}
