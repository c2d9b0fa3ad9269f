#include "tests/contract/promises.h"

GwSight contract_sight(GwNode *node, const char *uuid)
{
    GwSight sight;
    g_autoptr(GError) error = NULL;
    gw_node_sight(node, uuid, &sight, &error);
    g_assert_no_error(error);
    return sight;
}

void contract_wait_seen(GwNode *node, const char *uuid, GwSeen seen)
{
    for (guint ms = 0; contract_sight(node, uuid).seen != seen && ms < PATIENCE_MS; ms += LOOK_MS)
        g_usleep(LOOK_MS * 1000);
    g_assert_cmpstr(gw_seen_name(contract_sight(node, uuid).seen), ==, gw_seen_name(seen));
}

ContractMove contract_move_of(const ContractStage *stage, const char *uuid)
{
    gboolean on_a = contract_sight(stage->a, uuid).seen != GW_SEEN_ABSENT;
    gboolean on_b = contract_sight(stage->b, uuid).seen != GW_SEEN_ABSENT;
    g_assert_cmpint(on_a, !=, on_b);
    return on_a ? (ContractMove){stage->a, stage->b, uuid} : (ContractMove){stage->b, stage->a, uuid};
}

GwMoveFacts *contract_examine(const ContractMove *move)
{
    GwMoveFacts *facts = NULL;
    g_autoptr(GError) error = NULL;
    gw_node_examine(move->from, move->to, move->uuid, &facts, &error);
    g_assert_no_error(error);
    return facts;
}

GwInstance *contract_describe(GwNode *node, const char *uuid)
{
    g_autoptr(GError) error = NULL;
    GwInstance *instance = gw_node_describe(node, uuid, &error);
    g_assert_no_error(error);
    return instance;
}

GwPlan *contract_plan(const ContractMove *move, GwMoveKind kind)
{
    static const GwPlanSettings settings = {
        .live_flags = GW_FLAG_LIVE | GW_FLAG_PEER2PEER | GW_FLAG_UNDEFINE_SOURCE,
        .block_flags = GW_FLAG_LIVE | GW_FLAG_PEER2PEER | GW_FLAG_UNDEFINE_SOURCE | GW_FLAG_NON_SHARED_DISK,
    };
    g_autoptr(GwMoveFacts) facts = contract_examine(move);
    GwMoveWish wish = {.kind = kind, .block = GW_BLOCK_AUTO, .disk_over_commit = TRUE};
    GwPlan *plan = NULL;
    g_autoptr(GPtrArray) findings = gw_checks_plan(facts, &wish, &settings, "", &plan);
    g_autofree char *reasons = gw_findings_to_text(findings);
    g_assert_cmpstr(reasons, ==, "");
    g_assert_nonnull(plan);
    return plan;
}

void contract_prepare_and_migrate(const ContractMove *move, const GwPlan *plan)
{
    ACT(gw_node_prepare(move->from, move->to, plan, &error));
    ACT(gw_node_migrate(move->from, move->to, plan, &error));
}

void contract_settle_and_forget(const ContractMove *move, const GwPlan *plan)
{
    ACT(gw_node_settle(move->to, plan, &error));
    ACT(gw_node_forget(move->from, plan, GW_SIDE_SOURCE, &error));
}

guint contract_files_in_the_way(const ContractMove *move)
{
    g_autoptr(GwMoveFacts) facts = contract_examine(move);
    guint count = 0;
    for (guint i = 0; i < facts->disks->len; i++)
        count += ((const GwDiskFacts *)facts->disks->pdata[i])->taken == GW_FACT_YES;
    return count;
}

guint contract_disks_with(const GwMoveFacts *facts, GwFact shared)
{
    guint count = 0;
    for (guint i = 0; i < facts->disks->len; i++)
        count += ((const GwDiskFacts *)facts->disks->pdata[i])->shared == shared;
    return count;
}

void contract_live_move(ContractStage *stage, const char *uuid)
{
    ContractMove move = contract_move_of(stage, uuid);
    g_autoptr(GwPlan) live = contract_plan(&move, GW_MOVE_LIVE);
    g_autoptr(GwInstance) before = contract_describe(move.from, uuid);
    contract_prepare_and_migrate(&move, live);
    contract_wait_seen(move.from, uuid, GW_SEEN_ABSENT);
    contract_wait_seen(move.to, uuid, GW_SEEN_RUNNING);
    ACT(gw_node_settle(move.to, live, &error));
    g_autoptr(GwInstance) after = contract_describe(move.to, uuid);
    g_assert_true(after->persistent);
    g_assert_cmpint(after->autostart, ==, before->autostart);
    g_assert_cmpstr(after->name, ==, before->name);
    g_assert_cmpuint(after->disks->len, ==, before->disks->len);
    ACT(gw_node_forget(move.from, live, GW_SIDE_SOURCE, &error));
    contract_wait_seen(move.to, uuid, GW_SEEN_RUNNING);
}
