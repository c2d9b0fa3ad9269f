#include "tests/contract/promises.h"

const ContractBackend *contract_backend;

static gboolean has(const ContractStage *stage, unsigned needs)
{
    return (!(needs & SHARED) || stage->shared) && (!(needs & LOCAL) || stage->local) &&
           (!(needs & STOPPED) || stage->stopped);
}

static void run(gconstpointer data)
{
    const Promise *promise = data;
    ContractStage stage = {0};
    contract_backend->open(&stage);
    if (promise->unlike & contract_backend->ways)
        g_test_skip("the hypervisor has its own way");
    else if (has(&stage, promise->needs))
        promise->run(&stage);
    else
        g_test_skip("the back-end has no such instance");
    if (contract_backend->check)
        contract_backend->check(&stage);
    contract_backend->close(&stage);
}

static void add(const Promise *promises)
{
    for (; promises->name; promises++) {
        g_autofree char *path = g_strdup_printf("/contract/%s", promises->name);
        g_test_add_data_func(path, promises, run);
    }
}

int contract_main(int argc, char **argv, const ContractBackend *of)
{
    contract_backend = of;
    g_test_init(&argc, &argv, NULL);
    add(contract_asking);
    add(contract_moves);
    add(contract_servers);
    return g_test_run();
}
