/* The contract against two libvirt hosts, as the environment names them:
 *   GW_CONTRACT_SOURCE_URI, GW_CONTRACT_DEST_URI   their addresses
 *   GW_CONTRACT_INSTANCES                          a folder of the first for servers that are made; unset: none is
 *   GW_CONTRACT_SHARED, _LOCAL, _STOPPED           UUIDs of instances (tests/contract/contract.h says which)
 * Without the addresses everything is skipped; without a UUID, what needs it. */
#include "drivers/libvirt/libvirt.h"
#include "tests/contract/contract.h"

#include <stdio.h>

static GwNode *open_host(const char *name, const char *variable)
{
    GwDriverSettings settings = {.call_timeout_ms = 30000, .instances_path = g_getenv("GW_CONTRACT_INSTANCES"), .virt_type = "qemu"};
    g_autoptr(GError) error = NULL;
    GwNode *node = gw_node_open(&gw_libvirt_driver, name, g_getenv(variable), &settings, &error);
    g_assert_no_error(error);
    return node;
}

static void open_stage(ContractStage *stage)
{
    stage->a = open_host("source", "GW_CONTRACT_SOURCE_URI");
    stage->b = open_host("dest", "GW_CONTRACT_DEST_URI");
    stage->shared = g_strdup(g_getenv("GW_CONTRACT_SHARED"));
    stage->local = g_strdup(g_getenv("GW_CONTRACT_LOCAL"));
    stage->stopped = g_strdup(g_getenv("GW_CONTRACT_STOPPED"));
}

static void close_stage(ContractStage *stage)
{
    gw_node_unref(stage->a);
    gw_node_unref(stage->b);
    g_free(stage->shared);
    g_free(stage->local);
    g_free(stage->stopped);
}

int main(int argc, char **argv)
{
    const ContractBackend backend = {open_stage, NULL, close_stage, g_getenv("GW_CONTRACT_INSTANCES") ? 0 : CONTRACT_ADOPTS_ONLY};
    if (!g_getenv("GW_CONTRACT_SOURCE_URI") || !g_getenv("GW_CONTRACT_DEST_URI")) {
        puts("1..0 # SKIP GW_CONTRACT_SOURCE_URI and GW_CONTRACT_DEST_URI name no hosts");
        return 0; /* TAP says it; an exit status of 77 would be an error beside it */
    }
    return contract_main(argc, argv, &backend);
}
