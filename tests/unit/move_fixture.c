#include "move_fixture.h"

static GwMoveFacts *good_facts(void)
{
    GwMoveFacts *facts = gw_move_facts_new();
    facts->source_name = g_strdup("HostB");
    facts->dest_name = g_strdup("HostC");
    facts->source = gw_host_facts_new();
    facts->dest = gw_host_facts_new();
    GwHostFacts *hosts[] = {facts->source, facts->dest};
    for (guint i = 0; i < 2; i++) {
        hosts[i]->hostname = g_strdup_printf("host%u", i);
        hosts[i]->host_uuid = g_strdup_printf("0000000%u-0000-0000-0000-000000000000", i);
        hosts[i]->hypervisor_type = g_strdup("QEMU");
        hosts[i]->hypervisor_version = 7002022;
        hosts[i]->arch = g_strdup("x86_64");
        hosts[i]->memory_free_mib = 4096;
    }
    facts->instance = gw_instance_new();
    g_strlcpy(facts->instance->uuid, "3536a8e8-b923-53fe-922e-6f951417ed6c", GW_UUID_SIZE);
    facts->instance->name = g_strdup("vm1");
    facts->instance->power = GW_POWER_RUNNING;
    facts->instance->persistent = TRUE;
    facts->instance->memory_mib = 512;
    GwDisk *disk = gw_instance_add_disk(facts->instance);
    disk->target = g_strdup("vda");
    disk->path = g_strdup("/srv/vm1.qcow2");
    disk->format = g_strdup("qcow2");
    disk->capacity_bytes = 10ull << 30;
    disk->allocation_bytes = 1ull << 30;
    GwDiskFacts *disk_facts = gw_move_facts_add_disk(facts);
    disk_facts->target = g_strdup("vda");
    disk_facts->shared = GW_FACT_YES;
    facts->uuid_taken = facts->name_taken = GW_FACT_NO;
    facts->definition = g_strdup("<godwit/>");
    return facts;
}

GwDisk *disk_of(GwMoveFacts *facts)
{
    return facts->instance->disks->pdata[0];
}

GwDiskFacts *disk_facts_of(GwMoveFacts *facts)
{
    return facts->disks->pdata[0];
}

void make_local(GwMoveFacts *facts)
{
    GwDiskFacts *disk = disk_facts_of(facts);
    disk->shared = GW_FACT_NO;
    disk->folder = GW_FACT_YES;
    disk->taken = GW_FACT_NO;
    g_free(disk->dest_pool_path);
    disk->dest_pool_path = g_strdup("/srv");
    disk->available_bytes = 100ull << 30;
}

Move good_move(void)
{
    return (Move){good_facts(),
                  {GW_MOVE_LIVE, GW_BLOCK_AUTO, 512, FALSE},
                  {.live_flags = GW_FLAG_LIVE | GW_FLAG_PEER2PEER | GW_FLAG_UNDEFINE_SOURCE,
                   .block_flags = GW_FLAG_LIVE | GW_FLAG_PEER2PEER | GW_FLAG_UNDEFINE_SOURCE | GW_FLAG_NON_SHARED_INC,
                   .completion_timeout_s = 800}};
}

GPtrArray *check(Move *move, GwPlan **ret_plan)
{
    return gw_checks_plan(move->facts, &move->wish, &move->settings, "HostC", ret_plan);
}

void add_disk(Move *move, const char *target, GwFact shared, guint64 capacity_gib)
{
    GwDisk *disk = gw_instance_add_disk(move->facts->instance);
    disk->target = g_strdup(target);
    disk->path = g_strdup_printf("/srv/%s.qcow2", target);
    disk->format = g_strdup("qcow2");
    disk->capacity_bytes = capacity_gib << 30;
    GwDiskFacts *facts = gw_move_facts_add_disk(move->facts);
    facts->target = g_strdup(target);
    facts->shared = shared;
    facts->folder = GW_FACT_YES;
    facts->taken = GW_FACT_NO;
}

GwPlan *plan_of(Move *move)
{
    GwPlan *plan = NULL;
    g_autoptr(GPtrArray) findings = check(move, &plan);
    g_autofree char *text = gw_findings_to_text(findings);
    g_assert_cmpstr(text, ==, "");
    g_assert_nonnull(plan);
    gw_move_facts_free(move->facts);
    return plan;
}
