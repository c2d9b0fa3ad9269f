/* Domain XML comes from hosts that Godwit does not control: whatever it holds, it is read or refused, and what a plan carries of it
 * is rewritten or refused. */
#include "drivers/libvirt/internal.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(GwInstance) instance = gw_virt_parse_instance(text, &error);
    g_assert_true((instance != NULL) == (error == NULL));
    g_autoptr(GwPlan) plan = gw_plan_new();
    plan->name = g_strdup("fuzzed");
    plan->listen = g_strdup("0.0.0.0");
    plan->definition = gw_virt_definition_pack(text, text);
    for (guint i = 0; instance && i < instance->disks->len; i++) {
        const GwDisk *disk = instance->disks->pdata[i];
        GwPlanDisk *row = gw_plan_add_disk(plan);
        row->target = g_strdup(disk->target);
        row->fate = GW_FATE_COPY;
        row->dest_path = g_strdup("/elsewhere/disk");
    }
    g_autofree char *live = gw_virt_definition_live(plan, NULL);
    g_autofree char *inactive = gw_virt_definition_inactive(plan, NULL);
    g_assert_true((live != NULL) == (inactive != NULL)); /* both hold the same text */
    return 0;
}
