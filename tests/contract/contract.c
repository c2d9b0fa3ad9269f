#include "tests/contract/contract.h"

#include "base/error.h"
#include "core/flags.h"

#include <glib/gstdio.h>
#include <string.h>

#define UNKNOWN "00000000-0000-4000-8000-00000000dead"

enum {
    PATIENCE_MS = 60000,
    LOOK_MS = 10,
    SLOW_MIBPS = 1, /* so that a copy can be caught under way */
};

static const ContractBackend *backend;

/* ---- what the promises are written with */

typedef struct {
    GwNode *from, *to;
    const char *uuid;
} Move;

static GwSight sight(GwNode *node, const char *uuid)
{
    GwSight sight;
    g_autoptr(GError) error = NULL;
    gw_node_sight(node, uuid, &sight, &error);
    g_assert_no_error(error);
    return sight;
}

static void wait_seen(GwNode *node, const char *uuid, GwSeen seen)
{
    for (guint ms = 0; sight(node, uuid).seen != seen && ms < PATIENCE_MS; ms += LOOK_MS)
        g_usleep(LOOK_MS * 1000);
    g_assert_cmpstr(gw_seen_name(sight(node, uuid).seen), ==, gw_seen_name(seen));
}

/* From where the instance is to the other host. It is on one of them, never on both. */
static Move move_of(const ContractStage *stage, const char *uuid)
{
    gboolean on_a = sight(stage->a, uuid).seen != GW_SEEN_ABSENT;
    gboolean on_b = sight(stage->b, uuid).seen != GW_SEEN_ABSENT;
    g_assert_cmpint(on_a, !=, on_b);
    return on_a ? (Move){stage->a, stage->b, uuid} : (Move){stage->b, stage->a, uuid};
}

static GwMoveFacts *examine(const Move *move)
{
    GwMoveFacts *facts = NULL;
    g_autoptr(GError) error = NULL;
    gw_node_examine(move->from, move->to, move->uuid, &facts, &error);
    g_assert_no_error(error);
    return facts;
}

static GwInstance *describe(GwNode *node, const char *uuid)
{
    g_autoptr(GError) error = NULL;
    GwInstance *instance = gw_node_describe(node, uuid, &error);
    g_assert_no_error(error);
    return instance;
}

static GwPlan *plan(const Move *move, GwMoveKind kind)
{
    static const GwPlanSettings settings = {
        .live_flags = GW_FLAG_LIVE | GW_FLAG_PEER2PEER | GW_FLAG_UNDEFINE_SOURCE,
        .block_flags = GW_FLAG_LIVE | GW_FLAG_PEER2PEER | GW_FLAG_UNDEFINE_SOURCE | GW_FLAG_NON_SHARED_DISK,
    };
    g_autoptr(GwMoveFacts) facts = examine(move);
    GwMoveWish wish = {.kind = kind, .block = GW_BLOCK_AUTO, .disk_over_commit = TRUE};
    GwPlan *plan = NULL;
    g_autoptr(GPtrArray) findings = gw_checks_plan(facts, &wish, &settings, "", &plan);
    g_autofree char *reasons = gw_findings_to_text(findings);
    g_assert_cmpstr(reasons, ==, "");
    g_assert_nonnull(plan);
    return plan;
}

#define ACT(call)                                                                                                      \
    do {                                                                                                               \
        g_autoptr(GError) error = NULL;                                                                                \
        gboolean ok = call;                                                                                            \
        g_assert_no_error(error);                                                                                      \
        g_assert_true(ok);                                                                                             \
    } while (0)

#define REFUSES(call, code)                                                                                            \
    do {                                                                                                               \
        g_autoptr(GError) error = NULL;                                                                                \
        gboolean ok = call;                                                                                            \
        g_assert_error(error, GW_ERROR, code);                                                                         \
        g_assert_false(ok);                                                                                            \
    } while (0)

static void prepare_and_migrate(const Move *move, const GwPlan *plan)
{
    ACT(gw_node_prepare(move->from, move->to, plan, &error));
    ACT(gw_node_migrate(move->from, move->to, plan, &error));
}

static void settle_and_forget(const Move *move, const GwPlan *plan)
{
    ACT(gw_node_settle(move->to, plan, &error));
    ACT(gw_node_forget(move->from, plan, GW_SIDE_SOURCE, &error));
}

/* How many disks that would travel along `move` have a file in their way. */
static guint files_in_the_way(const Move *move)
{
    g_autoptr(GwMoveFacts) facts = examine(move);
    guint count = 0;
    for (guint i = 0; i < facts->disks->len; i++)
        count += ((const GwDiskFacts *)facts->disks->pdata[i])->taken == GW_FACT_YES;
    return count;
}

static guint disks_with(const GwMoveFacts *facts, GwFact shared)
{
    guint count = 0;
    for (guint i = 0; i < facts->disks->len; i++)
        count += ((const GwDiskFacts *)facts->disks->pdata[i])->shared == shared;
    return count;
}

/* ---- asking */

static void unknown_is_not_found(ContractStage *stage)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(gw_node_describe(stage->a, UNKNOWN, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_NOT_FOUND);
}

static void unknown_is_absent(ContractStage *stage)
{
    GwSight seen = sight(stage->a, UNKNOWN);
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
        Move move = move_of(stage, uuids[i]);
        g_assert_true(lists(move.from, uuids[i]));
        g_assert_false(lists(move.to, uuids[i]));
    }
}

/* As long as it was asked for, and no longer; a driver that cannot says so. */
static void measured_in_its_time(ContractStage *stage)
{
    Move move = move_of(stage, stage->shared);
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
    Move move = move_of(stage, stage->shared);
    g_autoptr(GwInstance) instance = describe(move.from, move.uuid);
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
    Move move = move_of(stage, stage->shared);
    g_autoptr(GwMoveFacts) facts = examine(&move);
    g_assert_cmpuint(facts->disks->len, ==, facts->instance->disks->len);
    g_assert_cmpuint(disks_with(facts, GW_FACT_YES), >, 0);
    g_assert_cmpuint(disks_with(facts, GW_FACT_NO), ==, 0);
    g_assert_cmpint(facts->uuid_taken, ==, GW_FACT_NO);
    g_assert_cmpstr(facts->source_name, ==, gw_node_name(move.from));
    g_assert_cmpstr(facts->dest_name, ==, gw_node_name(move.to));
    g_assert_nonnull(facts->definition);
}

static void examine_proves_not_shared(ContractStage *stage)
{
    Move move = move_of(stage, stage->local);
    g_autoptr(GwMoveFacts) facts = examine(&move);
    g_assert_cmpuint(disks_with(facts, GW_FACT_NO), >, 0);
    g_assert_cmpuint(files_in_the_way(&move), ==, 0);
}

static void examine_leaves_nothing(ContractStage *stage)
{
    Move move = move_of(stage, stage->shared);
    g_autoptr(GwMoveFacts) first = examine(&move);
    g_autoptr(GwMoveFacts) second = examine(&move);
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
    Move move = move_of(stage, stage->local);
    g_autoptr(GwPlan) live = plan(&move, GW_MOVE_LIVE);
    ACT(gw_node_prepare(move.from, move.to, live, &error));
    g_assert_cmpuint(files_in_the_way(&move), >, 0);
    ACT(gw_node_forget(move.to, live, GW_SIDE_DEST, &error));
    g_assert_cmpuint(files_in_the_way(&move), ==, 0);
    wait_seen(move.to, move.uuid, GW_SEEN_ABSENT);
}

static void prepare_is_exclusive(ContractStage *stage)
{
    Move move = move_of(stage, stage->local);
    g_autoptr(GwPlan) live = plan(&move, GW_MOVE_LIVE);
    ACT(gw_node_prepare(move.from, move.to, live, &error));
    guint made = files_in_the_way(&move);
    REFUSES(gw_node_prepare(move.from, move.to, live, &error), GW_ERROR_FAILED);
    g_assert_cmpuint(files_in_the_way(&move), ==, made);
    ACT(gw_node_forget(move.to, live, GW_SIDE_DEST, &error));
}

static void forget_refuses_the_active(ContractStage *stage)
{
    Move move = move_of(stage, stage->shared);
    g_autoptr(GwPlan) live = plan(&move, GW_MOVE_LIVE);
    REFUSES(gw_node_forget(move.from, live, GW_SIDE_SOURCE, &error), GW_ERROR_CONFLICT);
    wait_seen(move.from, move.uuid, GW_SEEN_RUNNING);
}

static void forget_twice_succeeds(ContractStage *stage)
{
    Move move = move_of(stage, stage->local);
    g_autoptr(GwPlan) live = plan(&move, GW_MOVE_LIVE);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_forget(move.to, live, GW_SIDE_DEST, &error));
}

/* ---- moving */

static void live_move(ContractStage *stage, const char *uuid)
{
    Move move = move_of(stage, uuid);
    g_autoptr(GwPlan) live = plan(&move, GW_MOVE_LIVE);
    g_autoptr(GwInstance) before = describe(move.from, uuid);
    prepare_and_migrate(&move, live);
    wait_seen(move.from, uuid, GW_SEEN_ABSENT);
    wait_seen(move.to, uuid, GW_SEEN_RUNNING);
    ACT(gw_node_settle(move.to, live, &error));
    g_autoptr(GwInstance) after = describe(move.to, uuid);
    g_assert_true(after->persistent);
    g_assert_cmpint(after->autostart, ==, before->autostart);
    g_assert_cmpstr(after->name, ==, before->name);
    g_assert_cmpuint(after->disks->len, ==, before->disks->len);
    ACT(gw_node_forget(move.from, live, GW_SIDE_SOURCE, &error));
    wait_seen(move.to, uuid, GW_SEEN_RUNNING);
}

static void live_moves(ContractStage *stage)
{
    live_move(stage, stage->shared);
    live_move(stage, stage->shared); /* and back */
}

static void block_moves(ContractStage *stage)
{
    Move move = move_of(stage, stage->local);
    Move back = {move.to, move.from, move.uuid};
    g_autoptr(GwPlan) live = plan(&move, GW_MOVE_LIVE);
    g_assert_true(gw_plan_copies_disks(live));
    prepare_and_migrate(&move, live);
    wait_seen(move.from, move.uuid, GW_SEEN_ABSENT);
    wait_seen(move.to, move.uuid, GW_SEEN_RUNNING);
    if (!(backend->ways & CONTRACT_OWN_VOLUMES))
        g_assert_cmpuint(files_in_the_way(&back), >, 0); /* the source's files are kept until the proof */
    settle_and_forget(&move, live);
    g_assert_cmpuint(files_in_the_way(&back), ==, 0);
    ACT(gw_node_forget(move.from, live, GW_SIDE_SOURCE, &error));
    wait_seen(move.to, move.uuid, GW_SEEN_RUNNING);
}

static void paused_stays_paused(ContractStage *stage)
{
    Move move = move_of(stage, stage->shared);
    ACT(gw_node_stop(move.from, move.uuid, GW_STOP_HARD, 0, &error));
    ACT(gw_node_start(move.from, move.uuid, GW_START_PAUSED, &error));
    wait_seen(move.from, move.uuid, GW_SEEN_PAUSED);
    g_autoptr(GwPlan) live = plan(&move, GW_MOVE_LIVE);
    prepare_and_migrate(&move, live);
    wait_seen(move.from, move.uuid, GW_SEEN_ABSENT);
    wait_seen(move.to, move.uuid, GW_SEEN_PAUSED);
    settle_and_forget(&move, live);
    ACT(gw_node_resume(move.to, move.uuid, &error));
    wait_seen(move.to, move.uuid, GW_SEEN_RUNNING);
}

/* ---- a copy under way */

typedef struct {
    const Move *move;
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
        if (sight(copy->move->from, copy->move->uuid).job == GW_JOB_OUTGOING)
            return TRUE;
        g_usleep(LOOK_MS * 1000);
    }
    return FALSE;
}

static void abort_ends_a_copy(ContractStage *stage)
{
    Move move = move_of(stage, stage->local ? stage->local : stage->shared);
    g_autoptr(GwPlan) live = plan(&move, GW_MOVE_LIVE);
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
    wait_seen(move.from, move.uuid, GW_SEEN_RUNNING);
    wait_seen(move.to, move.uuid, GW_SEEN_ABSENT);
    g_assert_cmpint(sight(move.from, move.uuid).job, ==, GW_JOB_NONE);
    ACT(gw_node_forget(move.to, live, GW_SIDE_DEST, &error));
    g_assert_cmpuint(files_in_the_way(&move), ==, 0);
}

static void a_failed_copy_changes_nothing(ContractStage *stage)
{
    Move move = move_of(stage, stage->local);
    g_autoptr(GwPlan) live = plan(&move, GW_MOVE_LIVE);
    g_autoptr(GError) error = NULL;
    /* a name that no folder holds: the destination cannot take it */
    for (guint i = 0; i < live->disks->len; i++) {
        GwPlanDisk *disk = live->disks->pdata[i];
        g_free(disk->dest_path);
        disk->dest_path = g_strdup_printf("/nowhere/%s", disk->target);
    }
    g_assert_false(gw_node_migrate(move.from, move.to, live, &error));
    g_assert_true(error && error->code != GW_ERROR_LOST);
    wait_seen(move.from, move.uuid, GW_SEEN_RUNNING);
    wait_seen(move.to, move.uuid, GW_SEEN_ABSENT);
}

/* Above all it is not begun as a copy. */
static void recover_is_for_halves_alone(ContractStage *stage)
{
    Move move = move_of(stage, stage->shared);
    g_autoptr(GwPlan) live = plan(&move, GW_MOVE_LIVE);
    live->flags |= GW_FLAG_POSTCOPY;
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_node_recover(move.from, move.to, live, &error));
    g_assert_true(error && error->code != GW_ERROR_LOST);
    g_assert_cmpint(sight(move.from, move.uuid).seen, ==, GW_SEEN_RUNNING);
    g_assert_cmpint(sight(move.to, move.uuid).seen, ==, GW_SEEN_ABSENT);
}

/* ---- cold */

/* Disks travel with a guest that was started paused for it. Leaves it paused on the destination. */
static void carry_stopped(const Move *move, const GwPlan *cold)
{
    ACT(gw_node_prepare(move->from, move->to, cold, &error));
    ACT(gw_node_stop(move->from, move->uuid, GW_STOP_HARD, 0, &error));
    wait_seen(move->from, move->uuid, GW_SEEN_STOPPED);
    ACT(gw_node_start(move->from, move->uuid, GW_START_PAUSED, &error));
    wait_seen(move->from, move->uuid, GW_SEEN_PAUSED);
    ACT(gw_node_migrate(move->from, move->to, cold, &error));
    wait_seen(move->from, move->uuid, GW_SEEN_STOPPED);
    wait_seen(move->to, move->uuid, GW_SEEN_PAUSED);
    ACT(gw_node_stop(move->to, move->uuid, GW_STOP_HARD, 0, &error));
    wait_seen(move->to, move->uuid, GW_SEEN_STOPPED);
}

static void cold_moves(ContractStage *stage)
{
    Move move = move_of(stage, stage->local);
    Move back = {move.to, move.from, move.uuid};
    g_autoptr(GwPlan) cold = plan(&move, GW_MOVE_COLD);
    carry_stopped(&move, cold);
    ACT(gw_node_start(move.to, move.uuid, GW_START_RUNNING, &error));
    wait_seen(move.to, move.uuid, GW_SEEN_RUNNING);
    settle_and_forget(&move, cold); /* confirmed */
    wait_seen(move.from, move.uuid, GW_SEEN_ABSENT);
    g_assert_cmpuint(files_in_the_way(&back), ==, 0);
    g_autoptr(GwInstance) after = describe(move.to, move.uuid);
    g_assert_true(after->persistent);
}

static void cold_moves_can_be_undone(ContractStage *stage)
{
    Move move = move_of(stage, stage->local);
    g_autoptr(GwPlan) cold = plan(&move, GW_MOVE_COLD);
    carry_stopped(&move, cold);
    ACT(gw_node_forget(move.to, cold, GW_SIDE_DEST, &error));
    wait_seen(move.to, move.uuid, GW_SEEN_ABSENT);
    ACT(gw_node_start(move.from, move.uuid, GW_START_RUNNING, &error));
    wait_seen(move.from, move.uuid, GW_SEEN_RUNNING);
    g_assert_cmpuint(files_in_the_way(&move), ==, 0);
}

static void adopt_defines_it_stopped(ContractStage *stage)
{
    Move move = move_of(stage, stage->stopped);
    g_autoptr(GwPlan) cold = plan(&move, GW_MOVE_COLD);
    g_autoptr(GwInstance) before = describe(move.from, move.uuid);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_adopt(move.to, cold, &error));
    wait_seen(move.to, move.uuid, GW_SEEN_STOPPED);
    g_autoptr(GwInstance) after = describe(move.to, move.uuid);
    g_assert_cmpstr(after->name, ==, before->name);
    g_assert_cmpuint(after->memory_mib, ==, before->memory_mib);
    g_assert_cmpuint(after->disks->len, ==, before->disks->len);
    g_assert_false(after->autostart);
    settle_and_forget(&move, cold);
    wait_seen(move.from, move.uuid, GW_SEEN_ABSENT);
    wait_seen(move.to, move.uuid, GW_SEEN_STOPPED);
    g_autoptr(GwInstance) settled = describe(move.to, move.uuid);
    g_assert_cmpint(settled->autostart, ==, before->autostart);
}

/* ---- power, events */

static void power_acts_are_idempotent(ContractStage *stage)
{
    Move move = move_of(stage, stage->shared);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_stop(move.from, move.uuid, GW_STOP_HARD, 0, &error));
    wait_seen(move.from, move.uuid, GW_SEEN_STOPPED);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_start(move.from, move.uuid, GW_START_RUNNING, &error));
    wait_seen(move.from, move.uuid, GW_SEEN_RUNNING);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_pause(move.from, move.uuid, &error));
    wait_seen(move.from, move.uuid, GW_SEEN_PAUSED);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_resume(move.from, move.uuid, &error));
    wait_seen(move.from, move.uuid, GW_SEEN_RUNNING);
}

/* Its memory is kept, and comes back: it goes on where it was. */
static void suspended_and_woken(ContractStage *stage)
{
    Move move = move_of(stage, stage->shared);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_suspend(move.from, move.uuid, &error));
    g_autoptr(GwInstance) asleep = describe(move.from, move.uuid);
    g_assert_cmpint(asleep->power, ==, GW_POWER_SUSPENDED);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_wake(move.from, move.uuid, &error));
    wait_seen(move.from, move.uuid, GW_SEEN_RUNNING);
    ACT(gw_node_stop(move.from, move.uuid, GW_STOP_HARD, 0, &error));
    wait_seen(move.from, move.uuid, GW_SEEN_STOPPED);
    g_autoptr(GError) refused = NULL;
    g_assert_false(gw_node_wake(move.from, move.uuid, &refused)); /* nothing is kept any more */
    ACT(gw_node_start(move.from, move.uuid, GW_START_RUNNING, &error));
    wait_seen(move.from, move.uuid, GW_SEEN_RUNNING);
}

/* As many as it has; or it is said that nothing is counted. */
static void counts_what_it_has(ContractStage *stage)
{
    Move move = move_of(stage, stage->shared);
    g_autoptr(GError) error = NULL;
    g_autoptr(GwInstance) instance = describe(move.from, move.uuid);
    g_autoptr(GwDiagnostics) found = gw_node_diagnostics(move.from, move.uuid, &error);
    if (!found) {
        g_assert_error(error, GW_ERROR, GW_ERROR_UNSUPPORTED);
        return;
    }
    g_assert_cmpint(found->power, ==, GW_POWER_RUNNING);
    g_assert_cmpuint(found->cpus->len, ==, instance->vcpus);
    g_assert_cmpuint(found->disks->len, ==, instance->disks->len);
    g_assert_cmpint(found->memory_kib, ==, (gint64)instance->memory_mib << 10);
    for (guint i = 0; i < found->disks->len; i++)
        g_assert_cmpstr(((const GwDiskCounters *)found->disks->pdata[i])->target, ==, ((const GwDisk *)instance->disks->pdata[i])->target);
}

/* ---- making servers and taking them away */

static GwServer *new_server(void)
{
    static const char bytes[] = "an image of a few bytes";
    g_autofree char *uuid = g_uuid_string_random();
    GwServer *server = gw_server_new();
    g_strlcpy(server->uuid, uuid, sizeof server->uuid);
    server->name = g_strdup("contract");
    server->domain_name = gw_server_domain_name("contract", uuid);
    server->image_format = g_strdup("raw");
    server->image_bytes = sizeof bytes;
    server->disk_bytes = 1 << 20;
    g_autoptr(GError) error = NULL;
    int fd = g_file_open_tmp("contract-XXXXXX.raw", &server->image_path, &error);
    g_assert_no_error(error);
    g_close(fd, NULL);
    g_assert_true(g_file_set_contents(server->image_path, bytes, sizeof bytes, NULL));
    GwFlavor *flavor = gw_server_add_flavor(server);
    flavor->vcpus = 1;
    flavor->memory_mib = 32;
    return server;
}

static void create_makes_it_stopped(ContractStage *stage)
{
    g_autoptr(GwServer) server = new_server();
    ACT(gw_node_create(stage->a, server, &error));
    wait_seen(stage->a, server->uuid, GW_SEEN_STOPPED);
    g_autoptr(GwInstance) instance = describe(stage->a, server->uuid);
    g_assert_true(instance->persistent && instance->vcpus == 1 && instance->memory_mib == 32 && instance->disks->len == 1);
    REFUSES(gw_node_create(stage->a, server, &error), GW_ERROR_CONFLICT); /* and leaves it as it is */
    ACT(gw_node_start(stage->a, server->uuid, GW_START_RUNNING, &error));
    wait_seen(stage->a, server->uuid, GW_SEEN_RUNNING);
    for (guint i = 0; i < 2; i++)
        ACT(gw_node_remove(stage->a, server, &error));
    wait_seen(stage->a, server->uuid, GW_SEEN_ABSENT);
    ACT(gw_node_create(stage->a, server, &error)); /* nothing was in its way */
    ACT(gw_node_remove(stage->a, server, &error));
    g_remove(server->image_path);
}

static void remove_of_unknown_succeeds(ContractStage *stage)
{
    g_autoptr(GwServer) server = new_server();
    ACT(gw_node_remove(stage->a, server, &error));
    g_remove(server->image_path);
}

static void create_fails_without_image(ContractStage *stage)
{
    g_autoptr(GwServer) server = new_server();
    g_remove(server->image_path);
    g_autoptr(GError) why = NULL;
    if (gw_node_create(stage->a, server, &why)) /* a simulator looks at no image */
        g_assert_cmpstr(gw_node_driver(stage->a)->name, ==, "sim");
    else
        g_assert_error(why, GW_ERROR, GW_ERROR_FAILED);
    ACT(gw_node_remove(stage->a, server, &error));
    g_assert_cmpint(sight(stage->a, server->uuid).seen, ==, GW_SEEN_ABSENT);
}

static void not_offering_is_said(ContractStage *stage)
{
    g_autoptr(GwServer) server = new_server();
    g_remove(server->image_path);
    if (gw_node_can_create(stage->a))
        return;
    REFUSES(gw_node_create(stage->a, server, &error), GW_ERROR_UNSUPPORTED);
    REFUSES(gw_node_remove(stage->a, server, &error), GW_ERROR_UNSUPPORTED);
}

typedef struct {
    GMutex lock;
    GHashTable *told; /* set of "host uuid" */
} Ear;

static void hear(void *data, const char *host_name, const char *uuid)
{
    Ear *ear = data;
    g_mutex_lock(&ear->lock);
    g_hash_table_add(ear->told, g_strdup_printf("%s %s", host_name, uuid ? uuid : "*"));
    g_mutex_unlock(&ear->lock);
}

static gboolean heard(Ear *ear, GwNode *node, const char *uuid)
{
    g_autofree char *key = g_strdup_printf("%s %s", gw_node_name(node), uuid);
    g_mutex_lock(&ear->lock);
    gboolean heard = g_hash_table_contains(ear->told, key);
    g_mutex_unlock(&ear->lock);
    return heard;
}

static void events_tell_of_a_move(ContractStage *stage)
{
    static Ear ear; /* outlives the nodes that tell it */
    if (!ear.told)
        ear.told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Move move = move_of(stage, stage->shared);
    ACT(gw_node_watch(move.from, hear, &ear, &error));
    ACT(gw_node_watch(move.to, hear, &ear, &error));
    live_move(stage, stage->shared);
    for (guint ms = 0; ms < PATIENCE_MS; ms += LOOK_MS) {
        if (heard(&ear, move.from, move.uuid) && heard(&ear, move.to, move.uuid))
            return;
        g_usleep(LOOK_MS * 1000);
    }
    g_test_fail_printf("no event told of the move");
}

/* ---- the table */

enum { SHARED = 1 << 0, LOCAL = 1 << 1, STOPPED = 1 << 2 };

typedef struct {
    const char *name;
    void (*run)(ContractStage *stage);
    unsigned needs;
    unsigned unlike; /* ways of hypervisors of which it is not asked */
} Promise;

static const Promise promises[] = {
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
    {"migrate/live", live_moves, SHARED},
    {"migrate/block", block_moves, LOCAL},
    {"migrate/paused-stays-paused", paused_stays_paused, SHARED, CONTRACT_RUNNING_ONLY},
    {"migrate/abort", abort_ends_a_copy, SHARED},
    {"migrate/failure-changes-nothing", a_failed_copy_changes_nothing, LOCAL},
    {"recover/for-halves-alone", recover_is_for_halves_alone, SHARED},
    {"cold/moves", cold_moves, LOCAL},
    {"cold/can-be-undone", cold_moves_can_be_undone, LOCAL},
    {"adopt/defines-it-stopped", adopt_defines_it_stopped, STOPPED},
    {"power/idempotent", power_acts_are_idempotent, SHARED},
    {"suspend/goes-on-where-it-was", suspended_and_woken, SHARED},
    {"diagnostics/counts-what-it-has", counts_what_it_has, SHARED},
    {"create/makes-it-stopped", create_makes_it_stopped, 0, CONTRACT_ADOPTS_ONLY},
    {"create/fails-without-image", create_fails_without_image, 0, CONTRACT_ADOPTS_ONLY},
    {"create/not-offering-is-said", not_offering_is_said, 0},
    {"remove/unknown-succeeds", remove_of_unknown_succeeds, 0, CONTRACT_ADOPTS_ONLY},
    {"events/tell-of-a-move", events_tell_of_a_move, SHARED},
};

static gboolean has(const ContractStage *stage, unsigned needs)
{
    return (!(needs & SHARED) || stage->shared) && (!(needs & LOCAL) || stage->local) &&
           (!(needs & STOPPED) || stage->stopped);
}

static void run(gconstpointer data)
{
    const Promise *promise = data;
    ContractStage stage = {0};
    backend->open(&stage);
    if (promise->unlike & backend->ways)
        g_test_skip("the hypervisor has its own way");
    else if (has(&stage, promise->needs))
        promise->run(&stage);
    else
        g_test_skip("the back-end has no such instance");
    if (backend->check)
        backend->check(&stage);
    backend->close(&stage);
}

int contract_main(int argc, char **argv, const ContractBackend *of)
{
    backend = of;
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(promises); i++) {
        g_autofree char *path = g_strdup_printf("/contract/%s", promises[i].name);
        g_test_add_data_func(path, &promises[i], run);
    }
    return g_test_run();
}
