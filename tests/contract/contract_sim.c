/* The contract against the simulator: a fresh world for each promise. */
#include "drivers/sim/sim.h"
#include "drivers/sim/sim_world.h"
#include "tests/contract/contract.h"

#define WORLD "contract"

static GwNode *open_host(const char *name)
{
    static const GwDriverSettings settings = {.call_timeout_ms = 5000};
    g_autoptr(GError) error = NULL;
    g_autofree char *uri = g_strdup_printf("sim://" WORLD "/%s?speed=100", name);
    GwNode *node = gw_node_open(&gw_sim_driver, name, uri, &settings, &error);
    g_assert_no_error(error);
    return node;
}

static char *add(const char *name, GwSimStorage storage, GwPower power)
{
    GwInstance *instance = gw_sim_instance_new(name, 512);
    gw_sim_instance_add_disk(instance, storage, 10);
    instance->power = power;
    instance->autostart = TRUE;
    return g_strdup(gw_sim_world_add_instance(gw_sim_world_get(WORLD), "HostA", instance));
}

static void open_stage(ContractStage *stage)
{
    stage->a = open_host("HostA");
    stage->b = open_host("HostB");
    stage->shared = add("shared", GW_SIM_SHARED, GW_POWER_RUNNING);
    stage->local = add("local", GW_SIM_LOCAL, GW_POWER_RUNNING);
    stage->stopped = add("stopped", GW_SIM_SHARED, GW_POWER_SHUTDOWN);
}

/* Every promise ends with the disks of its three instances, each once, and nothing else. */
static guint count_files(const char *host, const char *path)
{
    g_auto(GStrv) files = gw_sim_world_list(gw_sim_world_get(WORLD), host, path);
    return g_strv_length(files);
}

static void check_stage(ContractStage *stage)
{
    g_auto(GStrv) violations = gw_sim_world_violations(gw_sim_world_get(WORLD));
    g_assert_cmpstr(violations[0], ==, NULL);
    g_assert_cmpuint(gw_sim_world_copies(gw_sim_world_get(WORLD)), ==, 0);
    g_assert_cmpuint(count_files("HostA", "/sim/shared"), ==, 2);
    g_assert_cmpuint(count_files("HostA", "/sim/local") + count_files("HostB", "/sim/local"), ==, 1);
}

static void close_stage(ContractStage *stage)
{
    gw_node_unref(stage->a);
    gw_node_unref(stage->b);
    gw_sim_world_free(WORLD);
    g_free(stage->shared);
    g_free(stage->local);
    g_free(stage->stopped);
}

int main(int argc, char **argv)
{
    static const ContractBackend backend = {open_stage, check_stage, close_stage};
    return contract_main(argc, argv, &backend);
}
