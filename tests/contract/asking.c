/* Promises about questions, which change nothing, and about the room that a move needs. */
#include "tests/contract/promises.h"

#include <string.h>

/* ---- asking */

static void unknown_is_not_found(ContractStage *stage)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(gw_node_describe(stage->a, UNKNOWN, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_NOT_FOUND);
}

static void unknown_is_absent(ContractStage *stage)
{
    GwSight seen = contract_sight(stage->a, UNKNOWN);
    g_assert_cmpint(seen.seen, ==, GW_SEEN_ABSENT);
    g_assert_cmpint(seen.job, ==, GW_JOB_NONE);
}

static void facts_name_the_host(ContractStage *stage)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwHostFacts) facts = gw_node_facts(stage->a, &error);
    g_assert_no_error(error);
    g_assert_nonnull(facts->hostname);
    g_assert_nonnull(facts->host_uuid);
    g_assert_nonnull(facts->hypervisor_type);
    g_assert_cmpuint(facts->cpus, >, 0);
    g_assert_cmpuint(facts->memory_mib, >, 0);
    g_assert_cmpuint(facts->memory_free_mib, <=, facts->memory_mib);
}

static gboolean lists(GwNode *node, const char *uuid)
{
    GPtrArray *found = NULL;
    ACT(gw_node_instances(node, &found, &error));
    g_autoptr(GPtrArray) instances = found;
    for (guint i = 0; i < instances->len; i++)
        if (strcmp(((const GwInstance *)instances->pdata[i])->uuid, uuid) == 0)
            return TRUE;
    return FALSE;
}

static void instances_are_listed(ContractStage *stage)
{
    const char *uuids[] = {stage->shared, stage->local, stage->stopped};
    for (guint i = 0; i < G_N_ELEMENTS(uuids); i++) {
        if (!uuids[i])
            continue;
        ContractMove move = contract_move_of(stage, uuids[i]);
        g_assert_true(lists(move.from, uuids[i]));
        g_assert_false(lists(move.to, uuids[i]));
    }
}

/* As long as it was asked for, and no longer; a driver that cannot says so. */
static void measured_in_its_time(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->shared);
    g_autoptr(GError) error = NULL;
    GwLoad load = {0};
    gint64 began = g_get_monotonic_time();
    if (!gw_node_driver(move.from)->measure) {
        g_assert_false(gw_node_measure(move.from, move.uuid, GW_LOAD_SIZES, &load, &error));
        g_assert_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED);
        return;
    }
    g_assert_true(gw_node_measure(move.from, move.uuid, GW_LOAD_BRIEF, &load, &error));
    g_assert_no_error(error);
    g_assert_cmpint(load.how, ==, GW_LOAD_BRIEF);
    g_assert_cmpuint(load.memory_bytes, >, 0);
    g_assert_cmpint(g_get_monotonic_time() - began, <, 4 * G_USEC_PER_SEC);
    g_assert_false(gw_node_measure(move.from, UNKNOWN, GW_LOAD_SIZES, &load, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_NOT_FOUND);
}

static void described_as_listed(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->shared);
    g_autoptr(GwInstance) instance = contract_describe(move.from, move.uuid);
    g_assert_cmpstr(instance->uuid, ==, move.uuid);
    g_assert_nonnull(instance->name);
    g_assert_cmpint(instance->power, ==, GW_POWER_RUNNING);
    g_assert_true(instance->persistent);
    g_assert_cmpuint(instance->memory_mib, >, 0);
    g_assert_cmpuint(instance->disks->len, >, 0);
}

/* ---- examining */

static void examine_proves_sharing(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->shared);
    g_autoptr(GwMoveFacts) facts = contract_examine(&move);
    g_assert_cmpuint(facts->disks->len, ==, facts->instance->disks->len);
    g_assert_cmpuint(contract_disks_with(facts, GW_FACT_YES), >, 0);
    g_assert_cmpuint(contract_disks_with(facts, GW_FACT_NO), ==, 0);
    g_assert_cmpint(facts->uuid_taken, ==, GW_FACT_NO);
    g_assert_cmpstr(facts->source_name, ==, gw_node_name(move.from));
    g_assert_cmpstr(facts->dest_name, ==, gw_node_name(move.to));
    g_assert_nonnull(facts->definition);
}

static void examine_proves_not_shared(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->local);
    g_autoptr(GwMoveFacts) facts = contract_examine(&move);
    g_assert_cmpuint(contract_disks_with(facts, GW_FACT_NO), >, 0);
    g_assert_cmpuint(contract_files_in_the_way(&move), ==, 0);
}

static void examine_leaves_nothing(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->shared);
    g_autoptr(GwMoveFacts) first = contract_examine(&move);
    g_autoptr(GwMoveFacts) second = contract_examine(&move);
    g_assert_true(gw_instance_equal(first->instance, second->instance));
    g_assert_cmpuint(first->dest->pools->len, ==, second->dest->pools->len);
    g_assert_cmpuint(first->source->pools->len, ==, second->source->pools->len);
    g_assert_false(lists(move.to, move.uuid));
}

static void examine_of_unknown_is_not_found(ContractStage *stage)
{
    GwMoveFacts *facts = NULL;
    REFUSES(gw_node_examine(stage->a, stage->b, UNKNOWN, &facts, &error), GW_ERROR_NOT_FOUND);
    g_assert_null(facts);
}

/* ---- making room */

static void prepare_makes_and_forget_removes(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->local);
    g_autoptr(GwPlan) live = contract_plan(&move, GW_MOVE_LIVE);
    ACT(gw_node_prepare(move.from, move.to, live, &error));
    g_assert_cmpuint(contract_files_in_the_way(&move), >, 0);
    ACT(gw_node_forget(move.to, live, GW_SIDE_DEST, &error));
    g_assert_cmpuint(contract_files_in_the_way(&move), ==, 0);
    contract_wait_seen(move.to, move.uuid, GW_SEEN_ABSENT);
}

static void prepare_is_exclusive(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->local);
    g_autoptr(GwPlan) live = contract_plan(&move, GW_MOVE_LIVE);
    ACT(gw_node_prepare(move.from, move.to, live, &error));
    guint made = contract_files_in_the_way(&move);
    REFUSES(gw_node_prepare(move.from, move.to, live, &error), GW_ERROR_FAILED);
    g_assert_cmpuint(contract_files_in_the_way(&move), ==, made);
    ACT(gw_node_forget(move.to, live, GW_SIDE_DEST, &error));
}

static void forget_refuses_the_active(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->shared);
    g_autoptr(GwPlan) live = contract_plan(&move, GW_MOVE_LIVE);
    REFUSES(gw_node_forget(move.from, live, GW_SIDE_SOURCE, &error), GW_ERROR_CONFLICT);
    contract_wait_seen(move.from, move.uuid, GW_SEEN_RUNNING);
}

static void forget_twice_succeeds(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->local);
    g_autoptr(GwPlan) live = contract_plan(&move, GW_MOVE_LIVE);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_forget(move.to, live, GW_SIDE_DEST, &error));
}

const Promise contract_asking[] = {
    {"describe/unknown-is-not-found", unknown_is_not_found, 0},
    {"sight/unknown-is-absent", unknown_is_absent, 0},
    {"facts/name-the-host", facts_name_the_host, 0},
    {"instances/are-listed", instances_are_listed, 0},
    {"describe/as-listed", described_as_listed, SHARED},
    {"measure/in-its-time", measured_in_its_time, SHARED},
    {"examine/proves-sharing", examine_proves_sharing, SHARED},
    {"examine/proves-not-shared", examine_proves_not_shared, LOCAL},
    {"examine/leaves-nothing", examine_leaves_nothing, SHARED},
    {"examine/unknown-is-not-found", examine_of_unknown_is_not_found, 0},
    {"prepare/makes-and-forget-removes", prepare_makes_and_forget_removes, LOCAL, CONTRACT_OWN_VOLUMES},
    {"prepare/is-exclusive", prepare_is_exclusive, LOCAL, CONTRACT_OWN_VOLUMES},
    {"forget/refuses-the-active", forget_refuses_the_active, SHARED},
    {"forget/twice", forget_twice_succeeds, LOCAL},
    {NULL},
};
