/* Promises about moves: live, cold, and a copy under way. */
#include "tests/contract/promises.h"

/* ---- moving */

static void live_moves(ContractStage *stage)
{
    contract_live_move(stage, stage->shared);
    contract_live_move(stage, stage->shared); /* and back */
}

static void block_moves(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->local);
    ContractMove back = {move.to, move.from, move.uuid};
    g_autoptr(GwPlan) live = contract_plan(&move, GW_MOVE_LIVE);
    g_assert_true(gw_plan_copies_disks(live));
    contract_prepare_and_migrate(&move, live);
    contract_wait_seen(move.from, move.uuid, GW_SEEN_ABSENT);
    contract_wait_seen(move.to, move.uuid, GW_SEEN_RUNNING);
    if (!(contract_backend->ways & CONTRACT_OWN_VOLUMES))
        g_assert_cmpuint(contract_files_in_the_way(&back), >, 0); /* the source's files are kept until the proof */
    contract_settle_and_forget(&move, live);
    g_assert_cmpuint(contract_files_in_the_way(&back), ==, 0);
    ACT(gw_node_forget(move.from, live, GW_SIDE_SOURCE, &error));
    contract_wait_seen(move.to, move.uuid, GW_SEEN_RUNNING);
}

static void paused_stays_paused(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->shared);
    ACT(gw_node_stop(move.from, move.uuid, GW_STOP_HARD, 0, &error));
    ACT(gw_node_start(move.from, move.uuid, GW_START_PAUSED, &error));
    contract_wait_seen(move.from, move.uuid, GW_SEEN_PAUSED);
    g_autoptr(GwPlan) live = contract_plan(&move, GW_MOVE_LIVE);
    contract_prepare_and_migrate(&move, live);
    contract_wait_seen(move.from, move.uuid, GW_SEEN_ABSENT);
    contract_wait_seen(move.to, move.uuid, GW_SEEN_PAUSED);
    contract_settle_and_forget(&move, live);
    ACT(gw_node_resume(move.to, move.uuid, &error));
    contract_wait_seen(move.to, move.uuid, GW_SEEN_RUNNING);
}

/* ---- a copy under way */

typedef struct {
    const ContractMove *move;
    const GwPlan *plan;
    GError *error;
    gint ended;
} Copy;

static gpointer copy_thread(gpointer data)
{
    Copy *copy = data;
    gw_node_migrate(copy->move->from, copy->move->to, copy->plan, &copy->error);
    g_atomic_int_set(&copy->ended, TRUE);
    return NULL;
}

/* FALSE: it ended before it was seen. */
static gboolean wait_copying(Copy *copy)
{
    while (!g_atomic_int_get(&copy->ended)) {
        if (contract_sight(copy->move->from, copy->move->uuid).job == GW_JOB_OUTGOING)
            return TRUE;
        g_usleep(LOOK_MS * 1000);
    }
    return FALSE;
}

static void abort_ends_a_copy(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->local ? stage->local : stage->shared);
    g_autoptr(GwPlan) live = contract_plan(&move, GW_MOVE_LIVE);
    live->bandwidth_mibps = SLOW_MIBPS;
    Copy copy = {&move, live, NULL, FALSE};
    ACT(gw_node_prepare(move.from, move.to, live, &error));
    GThread *thread = g_thread_new("copy", copy_thread, &copy);
    gboolean caught = wait_copying(&copy);
    if (caught)
        ACT(gw_node_abort(move.from, move.uuid, FALSE, &error));
    g_thread_join(thread);
    g_assert_true(caught);
    g_assert_true(g_error_matches(copy.error, GW_ERROR, GW_ERROR_ABORTED) ||
                  g_error_matches(copy.error, GW_ERROR, GW_ERROR_FAILED));
    g_clear_error(&copy.error);
    contract_wait_seen(move.from, move.uuid, GW_SEEN_RUNNING);
    contract_wait_seen(move.to, move.uuid, GW_SEEN_ABSENT);
    g_assert_cmpint(contract_sight(move.from, move.uuid).job, ==, GW_JOB_NONE);
    ACT(gw_node_forget(move.to, live, GW_SIDE_DEST, &error));
    g_assert_cmpuint(contract_files_in_the_way(&move), ==, 0);
}

static void a_failed_copy_changes_nothing(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->local);
    g_autoptr(GwPlan) live = contract_plan(&move, GW_MOVE_LIVE);
    g_autoptr(GError) error = NULL;
    /* a name that no folder holds: the destination cannot take it */
    for (guint i = 0; i < live->disks->len; i++) {
        GwPlanDisk *disk = live->disks->pdata[i];
        g_free(disk->dest_path);
        disk->dest_path = g_strdup_printf("/nowhere/%s", disk->target);
    }
    g_assert_false(gw_node_migrate(move.from, move.to, live, &error));
    g_assert_true(error && error->code != GW_ERROR_LOST);
    contract_wait_seen(move.from, move.uuid, GW_SEEN_RUNNING);
    contract_wait_seen(move.to, move.uuid, GW_SEEN_ABSENT);
}

/* Above all it is not begun as a copy. */
static void recover_is_for_halves_alone(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->shared);
    g_autoptr(GwPlan) live = contract_plan(&move, GW_MOVE_LIVE);
    live->flags |= GW_FLAG_POSTCOPY;
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_node_recover(move.from, move.to, live, &error));
    g_assert_true(error && error->code != GW_ERROR_LOST);
    g_assert_cmpint(contract_sight(move.from, move.uuid).seen, ==, GW_SEEN_RUNNING);
    g_assert_cmpint(contract_sight(move.to, move.uuid).seen, ==, GW_SEEN_ABSENT);
}

/* ---- cold */

/* Disks travel with a guest that was started paused for it. Leaves it paused on the destination. */
static void carry_stopped(const ContractMove *move, const GwPlan *cold)
{
    ACT(gw_node_prepare(move->from, move->to, cold, &error));
    ACT(gw_node_stop(move->from, move->uuid, GW_STOP_HARD, 0, &error));
    contract_wait_seen(move->from, move->uuid, GW_SEEN_STOPPED);
    ACT(gw_node_start(move->from, move->uuid, GW_START_PAUSED, &error));
    contract_wait_seen(move->from, move->uuid, GW_SEEN_PAUSED);
    ACT(gw_node_migrate(move->from, move->to, cold, &error));
    contract_wait_seen(move->from, move->uuid, GW_SEEN_STOPPED);
    contract_wait_seen(move->to, move->uuid, GW_SEEN_PAUSED);
    ACT(gw_node_stop(move->to, move->uuid, GW_STOP_HARD, 0, &error));
    contract_wait_seen(move->to, move->uuid, GW_SEEN_STOPPED);
}

static void cold_moves(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->local);
    ContractMove back = {move.to, move.from, move.uuid};
    g_autoptr(GwPlan) cold = contract_plan(&move, GW_MOVE_COLD);
    carry_stopped(&move, cold);
    ACT(gw_node_start(move.to, move.uuid, GW_START_RUNNING, &error));
    contract_wait_seen(move.to, move.uuid, GW_SEEN_RUNNING);
    contract_settle_and_forget(&move, cold); /* confirmed */
    contract_wait_seen(move.from, move.uuid, GW_SEEN_ABSENT);
    g_assert_cmpuint(contract_files_in_the_way(&back), ==, 0);
    g_autoptr(GwInstance) after = contract_describe(move.to, move.uuid);
    g_assert_true(after->persistent);
}

static void cold_moves_can_be_undone(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->local);
    g_autoptr(GwPlan) cold = contract_plan(&move, GW_MOVE_COLD);
    carry_stopped(&move, cold);
    ACT(gw_node_forget(move.to, cold, GW_SIDE_DEST, &error));
    contract_wait_seen(move.to, move.uuid, GW_SEEN_ABSENT);
    ACT(gw_node_start(move.from, move.uuid, GW_START_RUNNING, &error));
    contract_wait_seen(move.from, move.uuid, GW_SEEN_RUNNING);
    g_assert_cmpuint(contract_files_in_the_way(&move), ==, 0);
}

static void adopt_defines_it_stopped(ContractStage *stage)
{
    ContractMove move = contract_move_of(stage, stage->stopped);
    g_autoptr(GwPlan) cold = contract_plan(&move, GW_MOVE_COLD);
    g_autoptr(GwInstance) before = contract_describe(move.from, move.uuid);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_adopt(move.to, cold, &error));
    contract_wait_seen(move.to, move.uuid, GW_SEEN_STOPPED);
    g_autoptr(GwInstance) after = contract_describe(move.to, move.uuid);
    g_assert_cmpstr(after->name, ==, before->name);
    g_assert_cmpuint(after->memory_mib, ==, before->memory_mib);
    g_assert_cmpuint(after->disks->len, ==, before->disks->len);
    g_assert_false(after->autostart);
    contract_settle_and_forget(&move, cold);
    contract_wait_seen(move.from, move.uuid, GW_SEEN_ABSENT);
    contract_wait_seen(move.to, move.uuid, GW_SEEN_STOPPED);
    g_autoptr(GwInstance) settled = contract_describe(move.to, move.uuid);
    g_assert_cmpint(settled->autostart, ==, before->autostart);
}

const Promise contract_moves[] = {
    {"migrate/live", live_moves, SHARED},
    {"migrate/block", block_moves, LOCAL},
    {"migrate/paused-stays-paused", paused_stays_paused, SHARED, CONTRACT_RUNNING_ONLY},
    {"migrate/abort", abort_ends_a_copy, SHARED},
    {"migrate/failure-changes-nothing", a_failed_copy_changes_nothing, LOCAL},
    {"recover/for-halves-alone", recover_is_for_halves_alone, SHARED},
    {"cold/moves", cold_moves, LOCAL},
    {"cold/can-be-undone", cold_moves_can_be_undone, LOCAL},
    {"adopt/defines-it-stopped", adopt_defines_it_stopped, STOPPED},
    {NULL},
};
