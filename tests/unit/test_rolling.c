/* What comes next in a rolling drain: by table, and by law over every world. */
#include "core/rolling.h"

static void turns_follow_each_other(void)
{
    static const struct {
        GwTurn turn;
        GwTurnSight sight;
        GwTurn next;
    } rows[] = {
        {GW_TURN_BEFORE, {.hook = GW_HOOK_RUNNING}, GW_TURN_BEFORE},
        {GW_TURN_BEFORE, {.hook = GW_HOOK_NONE}, GW_TURN_EMPTYING},
        {GW_TURN_BEFORE, {.hook = GW_HOOK_DONE}, GW_TURN_EMPTYING},
        {GW_TURN_BEFORE, {.hook = GW_HOOK_LATER}, GW_TURN_FAILED},
        {GW_TURN_BEFORE, {.hook = GW_HOOK_BROKEN}, GW_TURN_FAILED},
        {GW_TURN_EMPTYING, {.work = GW_WORK_RUNNING}, GW_TURN_EMPTYING},
        {GW_TURN_EMPTYING, {.work = GW_WORK_DONE}, GW_TURN_EMPTY},
        {GW_TURN_EMPTYING, {.work = GW_WORK_BROKEN}, GW_TURN_FAILED},
        {GW_TURN_EMPTY, {.hook = GW_HOOK_NONE}, GW_TURN_HELD},
        {GW_TURN_EMPTY, {.hook = GW_HOOK_LATER}, GW_TURN_HELD},
        {GW_TURN_EMPTY, {.hook = GW_HOOK_DONE}, GW_TURN_RETURNING},
        {GW_TURN_EMPTY, {.hook = GW_HOOK_BROKEN}, GW_TURN_FAILED},
        {GW_TURN_EMPTY, {.hook = GW_HOOK_RUNNING, .in_use = TRUE}, GW_TURN_EMPTY},
        {GW_TURN_EMPTY, {.hook = GW_HOOK_DONE, .taken = TRUE}, GW_TURN_HELD},
        {GW_TURN_EMPTY, {.hook = GW_HOOK_BROKEN, .taken = TRUE}, GW_TURN_FAILED},
        {GW_TURN_EMPTY, {.hook = GW_HOOK_RUNNING, .gone = TRUE}, GW_TURN_EMPTY}, /* what it does is waited for */
        {GW_TURN_EMPTY, {.hook = GW_HOOK_DONE, .gone = TRUE}, GW_TURN_FAILED},
        {GW_TURN_EMPTYING, {.work = GW_WORK_RUNNING, .gone = TRUE}, GW_TURN_FAILED},
        {GW_TURN_HELD, {.in_use = FALSE}, GW_TURN_HELD},
        {GW_TURN_HELD, {.taken = TRUE}, GW_TURN_HELD},
        {GW_TURN_HELD, {.gone = TRUE}, GW_TURN_FAILED},
        {GW_TURN_RETURNING, {.work = GW_WORK_RUNNING, .taken = TRUE}, GW_TURN_HELD},
        {GW_TURN_HELD, {.in_use = TRUE}, GW_TURN_RETURNING},
        {GW_TURN_RETURNING, {.work = GW_WORK_RUNNING}, GW_TURN_RETURNING},
        {GW_TURN_RETURNING, {.work = GW_WORK_DONE}, GW_TURN_AFTER},
        {GW_TURN_RETURNING, {.work = GW_WORK_BROKEN}, GW_TURN_FAILED},
        {GW_TURN_AFTER, {.hook = GW_HOOK_NONE}, GW_TURN_DONE},
        {GW_TURN_AFTER, {.hook = GW_HOOK_LATER}, GW_TURN_FAILED},
        {GW_TURN_AFTER, {.hook = GW_HOOK_BROKEN}, GW_TURN_FAILED},
        {GW_TURN_WAITING, {.in_use = TRUE, .work = GW_WORK_DONE, .hook = GW_HOOK_DONE, .gone = TRUE}, GW_TURN_WAITING},
        {GW_TURN_DONE, {.hook = GW_HOOK_BROKEN, .work = GW_WORK_BROKEN}, GW_TURN_DONE},
        {GW_TURN_FAILED, {.in_use = TRUE, .work = GW_WORK_DONE, .hook = GW_HOOK_DONE}, GW_TURN_FAILED},
    };
    for (guint n = 0; n < G_N_ELEMENTS(rows); n++)
        g_assert_cmpstr(gw_turn_name(gw_rolling_next(rows[n].turn, &rows[n].sight)), ==, gw_turn_name(rows[n].next));
}

/* turns: one letter per host: w(aiting), e(mptying), d(one), f(ailed). The host whose turn comes, or -1. */
static int next_of(const char *turns, guint at_once, gboolean cancelling, GwRollingState outcome)
{
    g_autoptr(GwRolling) rolling = gw_rolling_new();
    int found = -1;
    rolling->at_once = at_once;
    rolling->cancelling = cancelling;
    for (const char *turn = turns; *turn; turn++)
        gw_rolling_add(rolling)->turn = *turn == 'w'   ? GW_TURN_WAITING
                                        : *turn == 'e' ? GW_TURN_EMPTYING
                                        : *turn == 'd' ? GW_TURN_DONE
                                                       : GW_TURN_FAILED;
    for (guint n = 0; n < rolling->hosts->len; n++)
        if (rolling->hosts->pdata[n] == gw_rolling_next_host(rolling))
            found = (int)n;
    g_assert_cmpstr(gw_rolling_state_name(gw_rolling_outcome(rolling)), ==, gw_rolling_state_name(outcome));
    return found;
}

static void hosts_have_their_turns(void)
{
    g_assert_cmpint(next_of("www", 1, FALSE, GW_ROLLING_RUNNING), ==, 0);
    g_assert_cmpint(next_of("www", 0, FALSE, GW_ROLLING_RUNNING), ==, 0);
    g_assert_cmpint(next_of("eww", 1, FALSE, GW_ROLLING_RUNNING), ==, -1);
    g_assert_cmpint(next_of("eww", 2, FALSE, GW_ROLLING_RUNNING), ==, 1);
    g_assert_cmpint(next_of("dew", 2, FALSE, GW_ROLLING_RUNNING), ==, 2);
    g_assert_cmpint(next_of("ddw", 1, TRUE, GW_ROLLING_CANCELLED), ==, -1);
    g_assert_cmpint(next_of("dew", 2, TRUE, GW_ROLLING_RUNNING), ==, -1);
    g_assert_cmpint(next_of("fww", 3, FALSE, GW_ROLLING_FAILED), ==, -1);
    g_assert_cmpint(next_of("few", 3, FALSE, GW_ROLLING_RUNNING), ==, -1);
    g_assert_cmpint(next_of("wwf", 3, FALSE, GW_ROLLING_FAILED), ==, -1);
    g_assert_cmpint(next_of("ddd", 1, FALSE, GW_ROLLING_COMPLETED), ==, -1);
    g_assert_cmpint(next_of("ddd", 1, TRUE, GW_ROLLING_COMPLETED), ==, -1);
    g_assert_cmpint(next_of("dfd", 1, TRUE, GW_ROLLING_FAILED), ==, -1);
}

/* Whatever is seen: a host that is not in order is never called done, none is taken into use before it was empty, and every turn ends. */
static void whatever_is_seen(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    for (guint round = 0; round < 20000; round++) {
        GwTurn turn = GW_TURN_BEFORE;
        gboolean emptied = FALSE, broken = FALSE;
        for (guint step = 0; step < 200 && turn != GW_TURN_DONE && turn != GW_TURN_FAILED; step++) {
            GwTurnSight sight = {(GwHookState)g_rand_int_range(rand, 0, GW_HOOK_BROKEN + 1), (GwWorkState)g_rand_int_range(rand, 0, GW_WORK_BROKEN + 1),
                                 g_rand_boolean(rand), g_rand_boolean(rand), g_rand_int_range(rand, 0, 8) == 0};
            GwTurn next = gw_rolling_next(turn, &sight);
            emptied |= turn == GW_TURN_EMPTYING && sight.work == GW_WORK_DONE;
            broken |= (gw_turn_phase(turn) && sight.hook == GW_HOOK_BROKEN) ||
                      ((turn == GW_TURN_EMPTYING || (turn == GW_TURN_RETURNING && !sight.taken)) && sight.work == GW_WORK_BROKEN) ||
                      (gw_turn_phase(turn) && turn != GW_TURN_EMPTY && sight.hook == GW_HOOK_LATER) ||
                      (sight.gone && sight.hook != GW_HOOK_RUNNING);
            g_assert_true(next >= turn || (turn == GW_TURN_RETURNING && next == GW_TURN_HELD && sight.taken)); /* else never back */
            g_assert_true(next != GW_TURN_RETURNING || turn == GW_TURN_HELD || !sight.taken); /* nobody is overridden */
            g_assert_true(next < GW_TURN_RETURNING || next == GW_TURN_FAILED || emptied);
            turn = next;
        }
        g_assert_true(turn == GW_TURN_DONE || turn == GW_TURN_FAILED);
        g_assert_cmpint(turn == GW_TURN_FAILED, ==, broken);
    }
}

/* Who may have the host meanwhile: another rolling drain, and whoever would take it into use. */
static void what_is_wanted(void)
{
    g_autoptr(GwRolling) rolling = gw_rolling_new();
    GwRollingHost *first = gw_rolling_add(rolling), *second = gw_rolling_add(rolling);
    first->host = g_strdup("HostB");
    second->host = g_strdup("HostC");
    g_assert_true(gw_rolling_wants(rolling, "HostC") && !gw_rolling_wants(rolling, "HostD"));
    for (guint turn = 0; turn < GW_TURN_COUNT; turn++) {
        first->turn = (GwTurn)turn;
        gboolean kept = turn == GW_TURN_BEFORE || turn == GW_TURN_EMPTYING || turn == GW_TURN_EMPTY;
        g_assert_cmpint(gw_turn_is_kept(first->turn), ==, kept);
        g_assert_cmpint(gw_rolling_wants(rolling, "HostC"), ==, turn != GW_TURN_FAILED);
        g_assert_cmpint(gw_rolling_wants(rolling, "HostB"), ==, turn != GW_TURN_FAILED && turn != GW_TURN_DONE);
    }
    first->turn = GW_TURN_HELD;
    rolling->cancelling = TRUE;
    g_assert_true(gw_rolling_wants(rolling, "HostB") && !gw_rolling_wants(rolling, "HostC"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rolling/turns", turns_follow_each_other);
    g_test_add_func("/rolling/hosts", hosts_have_their_turns);
    g_test_add_func("/rolling/wanted", what_is_wanted);
    g_test_add_func("/rolling/laws", whatever_is_seen);
    return g_test_run();
}
