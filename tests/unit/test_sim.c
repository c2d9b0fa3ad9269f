/* Worlds: addresses, restarts, events, and thousands of hosts in one process. */
#include "drivers/sim/sim.h"

#include "tests/unit/sim_fixture.h"

#include <stdio.h>
#include <string.h>

static GwNode *open_uri(const char *name, const char *uri)
{
    g_autoptr(GError) error = NULL;
    GwNode *node = gw_node_open(&gw_sim_driver, name, uri, NULL, &error);
    g_assert_no_error(error);
    return node;
}

static GPtrArray *instances_of(GwNode *node)
{
    GPtrArray *instances = NULL;
    g_autoptr(GError) error = NULL;
    gw_node_instances(node, &instances, &error);
    g_assert_no_error(error);
    return instances;
}

/* ---- addresses */

static void an_address_makes_a_host(void)
{
    g_autoptr(GwNode) node =
        open_uri("h", "sim://w/h1?memory_mib=4096&cpus=8&instances=3&instance_memory_mib=256&prefix=web"
                      "&disk=local&disk_gib=20&bridge=br7");
    g_autoptr(GwHostFacts) facts = gw_node_facts(node, NULL);
    g_assert_cmpstr(facts->hostname, ==, "h1");
    g_assert_cmpuint(facts->cpus, ==, 8);
    g_assert_cmpuint(facts->memory_mib, ==, 4096);
    g_assert_cmpuint(facts->memory_free_mib, ==, 4096 - 3 * 256);
    g_assert_cmpstr(facts->interfaces->pdata[0], ==, "br7");
    g_autoptr(GPtrArray) instances = instances_of(node);
    g_assert_cmpuint(instances->len, ==, 3);
    const GwInstance *instance = instances->pdata[0];
    const GwDisk *disk = instance->disks->pdata[0];
    g_assert_true(g_str_has_prefix(instance->name, "web-h1-"));
    g_assert_true(gw_uuid_is_valid(instance->uuid));
    g_assert_true(g_str_has_prefix(disk->path, "/sim/local/"));
    g_assert_cmpuint(disk->capacity_bytes, ==, 20ull << 30);
    gw_sim_world_free("w");
}

static void a_bad_address_is_named(void)
{
    static const struct {
        const char *uri, *word;
    } cases[] = {
        {"sim://w/h?memory=5", "memory"}, {"sim://w/h?cpus=0", "cpus"},     {"sim://w/h?cpus=many", "many"},
        {"sim://w/h?disk=tape", "tape"},  {"sim://w/", "sim://WORLD/HOST"}, {"sim:///h", "sim://WORLD/HOST"},
        {"sim://w/h/i", "sim://w/h/i"},   {"qemu:///system", "qemu"},       {"sim://w/h?instances=-1", "instances"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(gw_node_open(&gw_sim_driver, "h", cases[i].uri, NULL, &error));
        g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, cases[i].word));
    }
}

/* ---- restarts */

static void a_world_outlives_close(void)
{
    const char *uri = "sim://w/h?instances=1";
    GwNode *node = open_uri("h", uri);
    g_autoptr(GPtrArray) before = instances_of(node);
    const char *uuid = ((const GwInstance *)before->pdata[0])->uuid;
    g_assert_true(gw_node_stop(node, uuid, GW_STOP_HARD, 0, NULL));
    gw_node_unref(node);
    node = open_uri("h", uri);
    ASSERT_SEEN(node, uuid, STOPPED);
    gw_node_unref(node);
    gw_sim_world_free("w"); /* a new process */
    node = open_uri("h", uri);
    ASSERT_SEEN(node, uuid, RUNNING);
    gw_node_unref(node);
    gw_sim_world_free("w");
}

/* ---- events */

static void count(void *data, const char *host_name, const char *uuid)
{
    g_assert_cmpstr(host_name, ==, "h");
    g_atomic_int_inc((gint *)data);
}

static void events_end_with_close(void)
{
    g_autoptr(GwNode) quiet = open_uri("quiet", "sim://w/h?instances=1");
    g_autoptr(GPtrArray) instances = instances_of(quiet);
    const char *uuid = ((const GwInstance *)instances->pdata[0])->uuid;
    gint told = 0;
    GwNode *node = open_uri("h", "sim://w/h");
    g_assert_true(gw_node_watch(node, count, &told, NULL));
    g_assert_true(gw_node_stop(quiet, uuid, GW_STOP_HARD, 0, NULL));
    while (!g_atomic_int_get(&told))
        g_usleep(1000);
    gw_node_unref(node);
    gint last = g_atomic_int_get(&told);
    g_assert_true(gw_node_start(quiet, uuid, GW_START_RUNNING, NULL));
    g_usleep(10000);
    g_assert_cmpint(g_atomic_int_get(&told), ==, last);
    gw_sim_world_free("w");
}

static void dawdle(void *data, const char *host_name, const char *uuid)
{
    g_atomic_int_set((gint *)data, 1);
    g_usleep(20000);
    g_atomic_int_set((gint *)data, 2);
}

static void close_waits_for_an_event_being_told(void)
{
    g_autoptr(GwNode) quiet = open_uri("quiet", "sim://w/h?instances=1");
    g_autoptr(GPtrArray) instances = instances_of(quiet);
    gint stage = 0;
    GwNode *node = open_uri("h", "sim://w/h");
    g_assert_true(gw_node_watch(node, dawdle, &stage, NULL));
    g_assert_true(gw_node_stop(quiet, ((const GwInstance *)instances->pdata[0])->uuid, GW_STOP_HARD, 0, NULL));
    while (!g_atomic_int_get(&stage))
        g_usleep(1000);
    gw_node_unref(node);
    g_assert_cmpint(g_atomic_int_get(&stage), ==, 2);
    gw_sim_world_free("w");
}

/* ---- scale */

static long resident_mib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages * 4 / 1024;
}

static void two_thousand_hosts_fit(void)
{
    enum { HOSTS = 2000, EACH = 10 };
    g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func((GDestroyNotify)gw_node_unref);
    long before = resident_mib();
    g_test_timer_start();
    for (guint i = 0; i < HOSTS; i++) {
        g_autofree char *uri = g_strdup_printf("sim://big/host%u?instances=%d", i, EACH);
        g_ptr_array_add(nodes, open_uri("h", uri));
    }
    double made = g_test_timer_elapsed();
    guint seen = 0;
    for (guint i = 0; i < HOSTS; i++) {
        g_autoptr(GwHostFacts) facts = gw_node_facts(nodes->pdata[i], NULL);
        g_autoptr(GPtrArray) instances = instances_of(nodes->pdata[i]);
        seen += facts ? instances->len : 0;
    }
    g_assert_cmpuint(seen, ==, HOSTS * EACH);
    g_test_message("made in %.2f s, asked in %.2f s, %ld MiB", made, g_test_timer_elapsed() - made,
                   resident_mib() - before);
    g_assert_cmpfloat(g_test_timer_elapsed(), <, 20); /* 1 s without sanitizers */
    gw_sim_world_free("big");
}

static gpointer move_thread(gpointer data)
{
    Copy *copy = data;
    gw_node_migrate(copy->from, copy->to, copy->plan, &copy->error);
    return NULL;
}

static void many_copies_at_once(void)
{
    enum { COPIES = 200 };
    g_autoptr(GwNode) from =
        open_uri("from", "sim://many/from?instances=200&speed=1000&link_mbps=10000&memory_mib=400000");
    g_autoptr(GwNode) to = open_uri("to", "sim://many/to?link_mbps=10000&memory_mib=400000");
    g_autoptr(GPtrArray) instances = instances_of(from);
    Copy copies[COPIES] = {0};
    for (guint i = 0; i < COPIES; i++) {
        const GwInstance *instance = instances->pdata[i];
        copies[i] = (Copy){from, to, fixture_plan(from, to, instance->uuid, 0)};
        copies[i].thread = g_thread_new("copy", move_thread, &copies[i]);
    }
    for (guint i = 0; i < COPIES; i++) {
        copy_join(&copies[i]);
        g_assert_no_error(copies[i].error);
        copy_clear(&copies[i]);
    }
    g_autoptr(GPtrArray) moved = instances_of(to);
    g_assert_cmpuint(moved->len, ==, COPIES);
    g_auto(GStrv) violations = gw_sim_world_violations(gw_sim_world_get("many"));
    g_assert_cmpstr(violations[0], ==, NULL);
    gw_sim_world_free("many");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim/address/makes-a-host", an_address_makes_a_host);
    g_test_add_func("/sim/address/bad-is-named", a_bad_address_is_named);
    g_test_add_func("/sim/world/outlives-close", a_world_outlives_close);
    g_test_add_func("/sim/events/end-with-close", events_end_with_close);
    g_test_add_func("/sim/events/close-waits", close_waits_for_an_event_being_told);
    g_test_add_func("/sim/scale/two-thousand-hosts", two_thousand_hosts_fit);
    g_test_add_func("/sim/scale/many-copies", many_copies_at_once);
    return g_test_run();
}
