/* The ladder over a small model of a copy: whatever the guest writes, it ends, and by the rung that the plan allows. */
#include "core/flags.h"
#include "core/ladder.h"

#include <string.h>

#define MB 1000000ull

enum { STEP_MS = 100, THROTTLE_FIRST = 20, THROTTLE_STEP = 10, THROTTLE_MOST = 99 };

typedef enum { ENDS_ALONE, ENDS_FORCED, ENDS_POSTCOPY, ENDS_ABORTED, ENDS_NEVER } End;

/* A guest of 512 MB that writes `writes` MB/s all over itself, and a link of `carries` MB/s. */
typedef struct {
    double writes, carries;
    GwPlan *plan;
    GwProgress now;
    double set; /* of its memory that it writes, MB */
    double left, dirtied, pass;
    guint64 pause_ms; /* that its guest had */
    char *reason;
} Model;

static void begin(Model *m, double writes, double carries, guint64 flags, const char *policy)
{
    const GwPolicy *p = gw_policy_find(policy);
    *m = (Model){.writes = writes, .carries = carries, .plan = gw_plan_new()};
    m->plan->flags = flags;
    m->plan->pause_ms = p->pause_ms;
    m->plan->forced_pause_ms = p->forced_pause_ms;
    m->plan->eager = p->prefers_post_copy;
    m->plan->timeout_ms = 600000;
    m->now.memory_total = 512 * MB;
    m->now.iteration = 1;
    m->left = m->pass = m->set = 512;
}

/* What a sample of one second and one of three would have found. */
static void expect(const Model *m, GwLadder *ladder)
{
    const GwExpected expected = {
        .seen = {{1000, (guint64)(MIN(m->writes, m->set) * MB)}, {3000, (guint64)(MIN(m->writes * 3, m->set) * MB)}}};
    gw_ladder_expect(ladder, m->plan, &expected);
}

static void end(Model *m)
{
    gw_plan_free(m->plan);
    g_free(m->reason);
}

/* One tenth of a second of it; TRUE: the rest fits into the pause, and it switches over. */
static gboolean tick(Model *m)
{
    double writes = m->writes * (100 - (double)m->now.throttle_percent) / 100;
    m->left -= m->carries * STEP_MS / 1000;
    m->dirtied = MIN(m->set, m->dirtied + writes * STEP_MS / 1000);
    double fits = m->carries * (double)m->plan->pause_ms / 1000;
    if (m->left <= fits) { /* as QEMU, which ends a pass early */
        m->dirtied = MIN(512, m->dirtied + MAX(m->left, 0));
        if (m->dirtied <= fits) {
            m->pause_ms = (guint64)(m->dirtied * 1000 / m->carries);
            return TRUE;
        }
        if ((m->plan->flags & GW_FLAG_AUTO_CONVERGE) && m->dirtied > m->pass / 2)
            m->now.throttle_percent =
                m->now.throttle_percent ? MIN(m->now.throttle_percent + THROTTLE_STEP, THROTTLE_MOST) : THROTTLE_FIRST;
        m->left = m->pass = m->dirtied;
        m->dirtied = 0;
        m->now.iteration++;
    }
    m->now.memory_remaining = (guint64)(m->left * MB);
    m->now.memory_bps = (guint64)(m->carries * MB);
    m->now.dirty_bps = (guint64)(writes * MB);
    m->now.elapsed_ms += STEP_MS;
    return FALSE;
}

/* A look comes when it comes: what is sent meanwhile is not taken for what the guest did not write. */
static void what_was_written_does_not_depend_on_when_one_looks(void)
{
    for (guint64 late = 0; late <= 30; late += 10) {
        g_autofree char *reason = NULL;
        g_autoptr(GwPlan) plan = gw_plan_new();
        GwLadder ladder = {0};
        GwProgress now = {.iteration = 1, .memory_bps = 50 * MB, .memory_remaining = 90 * MB, .memory_scanned = 10 * MB, .elapsed_ms = 200};
        gw_ladder_step(&ladder, plan, &now, now.elapsed_ms, &reason);
        /* the other 90 are sent; 60 have been written; and of those `late` are sent already */
        now = (GwProgress){.iteration = 2, .memory_bps = 50 * MB, .memory_remaining = (60 - late) * MB, .memory_scanned = (100 + late) * MB,
                           .elapsed_ms = 2000 + late * 20};
        gw_ladder_step(&ladder, plan, &now, now.elapsed_ms, &reason);
        g_assert_cmpuint(ladder.passes[0].bytes, ==, 60 * MB);
    }
}

/* The hypervisor has not counted yet, and what the pass has shown is told. */
static void the_reason_has_what_was_written(void)
{
    g_autofree char *reason = NULL;
    g_autoptr(GwPlan) plan = gw_plan_new();
    GwLadder ladder = {.expected = {{1000, 100 * MB}, {0, 0}}};
    plan->pause_ms = 100;
    plan->forced_pause_ms = 10000;
    GwProgress now = {.iteration = 1, .memory_bps = 50 * MB, .memory_remaining = 90 * MB, .memory_scanned = 10 * MB, .elapsed_ms = 200};
    gw_ladder_step(&ladder, plan, &now, now.elapsed_ms, &reason);
    now = (GwProgress){.iteration = 2, .memory_bps = 50 * MB, .memory_remaining = 120 * MB, .memory_scanned = 100 * MB, .elapsed_ms = 2200};
    g_assert_cmpint(gw_ladder_step(&ladder, plan, &now, now.elapsed_ms, &reason), ==, GW_RUNG_FORCE);
    g_test_message("%s", reason);
    g_assert_nonnull(strstr(reason, "the guest writes 60 MB/s and the link carries 50 MB/s"));
}

/* At the end of the second pass a guest is as far ahead as ever; whoever knows that the third will send differences waits for it. */
static void differences_are_waited_for(void)
{
    const double parts[] = {0.02, 1, 0};
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *reason = NULL;
        g_autoptr(GwPlan) plan = gw_plan_new();
        const GwExpected expected = {.seen = {{1000, 60 * MB}, {3000, 64 * MB}}, .set_bytes = 64.0 * MB, .delta_part = parts[i]};
        GwLadder ladder = {0};
        plan->memory_mib = 256;
        plan->compression = GW_COMPRESSION_XBZRLE;
        plan->pause_ms = 500;
        plan->forced_pause_ms = 10000;
        gw_ladder_expect(&ladder, plan, &expected);
        const guint64 left[] = {120, 64, 64};
        GwRung rung = GW_RUNG_WAIT;
        for (guint pass = 1; pass <= 3 && rung == GW_RUNG_WAIT; pass++) {
            GwProgress now = {.iteration = pass, .memory_bps = 40 * MB, .memory_remaining = left[pass - 1] * MB,
                              .memory_scanned = (pass == 1 ? 1 : pass == 2 ? 120 : 184) * MB, .elapsed_ms = pass * 2000 - 1900};
            rung = gw_ladder_step(&ladder, plan, &now, now.elapsed_ms, &reason);
        }
        g_assert_cmpint(rung, ==, i == 0 ? GW_RUNG_WAIT : GW_RUNG_FORCE);
    }
}

/* What was expected gives way to what is seen. */
static void differences_are_measured(void)
{
    g_autofree char *reason = NULL;
    g_autoptr(GwPlan) plan = gw_plan_new();
    GwLadder ladder = {0};
    plan->memory_mib = 256;
    plan->compression = GW_COMPRESSION_XBZRLE;
    gw_ladder_expect(&ladder, plan, &(GwExpected){.delta_part = 0.02});
    GwProgress now = {.iteration = 4, .memory_bps = 40 * MB, .memory_remaining = 60 * MB, .elapsed_ms = 5000, .delta_of = 10 * MB, .delta_sent = 9 * MB};
    gw_ladder_step(&ladder, plan, &now, now.elapsed_ms, &reason);
    g_assert_cmpfloat(ladder.deltas.part, ==, 0.9);
}

static End run(Model *m)
{
    GwLadder ladder = {0};
    while (m->now.elapsed_ms < 3600000) {
        if (tick(m))
            return ENDS_ALONE;
        switch (gw_ladder_step(&ladder, m->plan, &m->now, m->now.elapsed_ms, &m->reason)) {
        case GW_RUNG_WAIT:
            break;
        case GW_RUNG_FORCE:
            m->pause_ms = m->plan->flags & GW_FLAG_POSTCOPY ? 0 : (guint64)(m->left * 1000 / m->carries);
            return m->plan->flags & GW_FLAG_POSTCOPY ? ENDS_POSTCOPY : ENDS_FORCED;
        case GW_RUNG_ABORT:
        case GW_RUNG_AGAIN: /* of disks, which it has not */
            return ENDS_ABORTED;
        }
    }
    return ENDS_NEVER;
}

/* As `virsh migrate` would do: until it ends; at post_copy_ms (0: never) in post-copy. In ms; 0: not within ten minutes. */
static guint64 by_virsh(double writes, double set, double carries, guint64 flags, guint64 post_copy_ms)
{
    Model m;
    begin(&m, writes, carries, flags, "never-pause"); /* 300 ms: the hypervisor's own */
    m.set = set;
    guint64 ms = 0;
    while (!ms && m.now.elapsed_ms < 600000) {
        if (tick(&m))
            ms = m.now.elapsed_ms + (guint64)(m.dirtied * 1000 / carries);
        else if (post_copy_ms && m.now.elapsed_ms >= post_copy_ms)
            ms = m.now.elapsed_ms + (guint64)((m.left + m.dirtied) * 1000 / carries);
    }
    end(&m);
    return ms;
}

static guint64 by_godwit(double writes, double set, double carries, guint64 flags, const char *policy)
{
    Model m;
    GwLadder ladder = {0};
    begin(&m, writes, carries, flags, policy);
    m.set = set;
    expect(&m, &ladder);
    guint64 ms = 0;
    while (!ms && m.now.elapsed_ms < 600000) {
        if (tick(&m))
            ms = m.now.elapsed_ms + (guint64)(m.dirtied * 1000 / carries);
        else if (gw_ladder_step(&ladder, m.plan, &m.now, m.now.elapsed_ms, &m.reason) == GW_RUNG_FORCE)
            ms = m.now.elapsed_ms + (guint64)((m.left + m.dirtied) * 1000 / carries);
    }
    end(&m);
    return ms;
}

/* With post-copy permitted, none of virsh's ways is faster by more than a tenth: not as it is, not with --auto-converge, not with --postcopy
 * and a timeout, whatever that is; but for one within the first pass, when most of the memory would be fetched page by page. */
static void no_other_way_is_much_faster(void)
{
    static const char *const policies[] = {"balanced", "minimal-downtime", "fast"};
    for (double carries = 10; carries < 500; carries *= 1.7)
        for (double set = 16; set <= 512; set *= 2)
            for (double writes = 0; writes < 4 * carries; writes += carries / 8) {
                guint64 first = (guint64)(512 / carries * 1000) + STEP_MS;
                guint64 ways[] = {by_virsh(writes, set, carries, 0, 0), by_virsh(writes, set, carries, GW_FLAG_AUTO_CONVERGE, 0),
                                  by_virsh(writes, set, carries, 0, first), by_virsh(writes, set, carries, 0, first + 1000),
                                  by_virsh(writes, set, carries, 0, first * 2)};
                guint64 best = G_MAXUINT64;
                for (guint i = 0; i < G_N_ELEMENTS(ways); i++)
                    best = ways[i] ? MIN(best, ways[i]) : best;
                for (guint p = 0; p < G_N_ELEMENTS(policies); p++) {
                    guint64 ours = by_godwit(writes, set, carries, GW_FLAG_POSTCOPY, policies[p]);
                    g_test_message("%s: %g MB/s over %g MB, a link of %g MB/s: %" G_GUINT64_FORMAT " ms, virsh %" G_GUINT64_FORMAT, policies[p], writes,
                                   set, carries, ours, best);
                    g_assert_cmpuint(ours, >, 0);
                    g_assert_cmpuint(ours, <=, best * 11 / 10 + STEP_MS);
                }
            }
}

/* A guest of which enough is known gets its rung when the first pass ends, not after others have failed. */
static void what_is_certain_is_not_waited_for(void)
{
    const struct {
        guint64 flags;
        gboolean known;
        guint64 iteration; /* the pass that was to come */
    } cases[] = {{GW_FLAG_POSTCOPY, TRUE, 2}, {GW_FLAG_AUTO_CONVERGE, TRUE, 2}, {0, TRUE, 2}, {GW_FLAG_POSTCOPY, FALSE, 3}};
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Model m;
        GwLadder ladder = {0};
        begin(&m, 60, 20, cases[i].flags, "balanced");
        m.set = 48;
        if (cases[i].known)
            expect(&m, &ladder);
        GwRung rung = GW_RUNG_WAIT;
        while (rung == GW_RUNG_WAIT && !tick(&m))
            rung = gw_ladder_step(&ladder, m.plan, &m.now, m.now.elapsed_ms, &m.reason);
        g_assert_cmpint(rung, ==, GW_RUNG_FORCE);
        g_assert_cmpuint(m.now.iteration, ==, cases[i].iteration);
        end(&m);
    }
}

/* One that has become quiet since it was looked at is not forced. */
static void what_was_expected_and_does_not_come_counts_no_more(void)
{
    const guint64 flags[] = {0, GW_FLAG_AUTO_CONVERGE, GW_FLAG_POSTCOPY};
    for (guint i = 0; i < G_N_ELEMENTS(flags); i++) {
        Model m;
        GwLadder ladder = {0};
        begin(&m, 300, 20, flags[i], "balanced");
        expect(&m, &ladder);
        m.writes = 1;
        while (!tick(&m))
            g_assert_cmpint(gw_ladder_step(&ladder, m.plan, &m.now, m.now.elapsed_ms, &m.reason), ==, GW_RUNG_WAIT);
        end(&m);
    }
}

/* Slowed down a little and then done, or paused for long: the guest loses less by the former. */
static void a_guest_that_is_easily_slowed_down_is_not_paused(void)
{
    Model m;
    GwLadder ladder = {0};
    begin(&m, 15, 20, GW_FLAG_AUTO_CONVERGE, "balanced");
    m.set = 64;
    expect(&m, &ladder);
    while (!tick(&m))
        g_assert_cmpint(gw_ladder_step(&ladder, m.plan, &m.now, m.now.elapsed_ms, &m.reason), ==, GW_RUNG_WAIT);
    end(&m);
}

static void policies_are_found_by_name(void)
{
    g_assert_cmpstr(gw_policies[0].name, ==, "balanced");
    for (const GwPolicy *policy = gw_policies; policy->name; policy++)
        g_assert_true(gw_policy_find(policy->name) == policy);
    g_assert_null(gw_policy_find("reckless"));
    for (const GwPolicy *policy = gw_policies; policy->name; policy++) /* kept in a row beside other intents */
        g_assert_true(gw_policy_of_intents(gw_policy_intents(policy) | GW_INTENT_ABORT | GW_INTENT_OVER_COMMIT) == policy);
    g_assert_null(gw_policy_of_intents(GW_INTENT_OVER_COMMIT));
    g_assert_null(gw_policy_of_intents(GW_INTENT_POLICY_MASK));
}

static void a_quiet_guest_needs_no_rung(void)
{
    for (const GwPolicy *policy = gw_policies; policy->name; policy++) {
        Model m;
        begin(&m, 5, 50, GW_FLAG_POSTCOPY, policy->name);
        g_assert_cmpint(run(&m), ==, ENDS_ALONE);
        g_assert_null(m.reason);
        end(&m);
    }
}

/* The guest of the manual's warning: 120 MB/s over a link of 50. */
static void a_busy_guest_ends_as_the_policy_says(void)
{
    const struct {
        const char *policy;
        guint64 flags;
        End end;
        const char *reason; /* a part of it */
    } cases[] = {
        {"balanced", GW_FLAG_AUTO_CONVERGE, ENDS_FORCED, "the guest is paused for about"},
        {"balanced", GW_FLAG_POSTCOPY, ENDS_POSTCOPY, "it goes on in post-copy"},
        {"minimal-downtime", GW_FLAG_POSTCOPY, ENDS_POSTCOPY, "it goes on in post-copy"},
        {"minimal-downtime", GW_FLAG_AUTO_CONVERGE, ENDS_ALONE, NULL},
        {"fast", 0, ENDS_FORCED, "the guest is paused for about"},
        {"never-pause", GW_FLAG_AUTO_CONVERGE, ENDS_ALONE, NULL},
        {"never-pause", 0, ENDS_ABORTED, "the guest writes 120 MB/s and the link carries 50 MB/s, and no pause may be forced"},
        {"minimal-downtime", 0, ENDS_ABORTED, "where 1.0 s are allowed"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Model m;
        begin(&m, 120, 50, cases[i].flags, cases[i].policy);
        g_test_message("%s, flags %s", cases[i].policy, cases[i].flags == GW_FLAG_POSTCOPY ? "post-copy" : "other");
        g_assert_cmpint(run(&m), ==, cases[i].end);
        if (cases[i].reason)
            g_assert_nonnull(strstr(m.reason, cases[i].reason));
        end(&m);
    }
}

/* Every guest, link, policy and permission: it ends by its deadline, and no pause is longer than was allowed. */
static void every_copy_ends(void)
{
    const guint64 flags[] = {0, GW_FLAG_AUTO_CONVERGE, GW_FLAG_POSTCOPY};
    for (const GwPolicy *policy = gw_policies; policy->name; policy++)
        for (guint f = 0; f < G_N_ELEMENTS(flags); f++)
            for (double writes = 0; writes < 2000; writes = writes * 1.5 + 1)
                for (double carries = 2; carries < 1500; carries *= 1.7) {
                    Model m;
                    begin(&m, writes, carries, flags[f], policy->name);
                    End how = run(&m);
                    g_assert_cmpint(how, !=, ENDS_NEVER);
                    g_assert_cmpuint(m.now.elapsed_ms, <=, m.plan->timeout_ms + STEP_MS);
                    g_assert_cmpuint(m.pause_ms, <=, MAX(policy->pause_ms, policy->forced_pause_ms));
                    g_assert_true((how == ENDS_ALONE) == (m.reason == NULL));
                    end(&m);
                }
}

/* A pause that was to end it and does not, since the link is worse than it was: given up, the guest runs on. */
static void a_broken_promise_is_given_up(void)
{
    Model m;
    GwLadder ladder = {0};
    begin(&m, 120, 60, 0, "balanced"); /* its memory in 8.5 s, of the 10 s that may be forced */
    GwRung rung = GW_RUNG_WAIT;
    while (rung == GW_RUNG_WAIT) {
        g_assert_false(tick(&m));
        rung = gw_ladder_step(&ladder, m.plan, &m.now, m.now.elapsed_ms, &m.reason);
    }
    g_assert_cmpint(rung, ==, GW_RUNG_FORCE);
    g_clear_pointer(&m.reason, g_free);
    guint64 forced_ms = m.now.elapsed_ms;
    rung = GW_RUNG_WAIT;
    while (rung == GW_RUNG_WAIT && m.now.elapsed_ms < forced_ms + 3600000) {
        m.now.elapsed_ms += STEP_MS;
        rung = gw_ladder_step(&ladder, m.plan, &m.now, m.now.elapsed_ms, &m.reason);
    }
    g_assert_cmpint(rung, ==, GW_RUNG_ABORT);
    g_assert_cmpuint(m.now.elapsed_ms - forced_ms, <, 60000);
    g_assert_nonnull(strstr(m.reason, "did not carry the rest in time"));
    end(&m);
}

/* Nova's timeout, with nothing known of the copy but that it lasts: disks that never end, say. */
static void the_timeout_holds_without_figures(void)
{
    Model m;
    GwLadder ladder = {0};
    GwProgress nothing = {0};
    begin(&m, 0, 1, 0, "balanced");
    m.plan->timeout_ms = 1000;
    g_assert_cmpint(gw_ladder_step(&ladder, m.plan, &nothing, 1000, &m.reason), ==, GW_RUNG_WAIT);
    g_assert_cmpint(gw_ladder_step(&ladder, m.plan, &nothing, 1001, &m.reason), ==, GW_RUNG_ABORT);
    g_assert_cmpstr(m.reason, ==, "it took longer than its completion timeout: nothing is copied");
    end(&m);
}

/* Nova's downtime_steps: its own example, 500 ms in 10 steps of 75 s for one GiB. */
static void pauses_in_steps(void)
{
    static const guint64 nova[] = {50, 95, 140, 185, 230, 275, 320, 365, 410, 455, 500};
    GwPlan plan = {.pause_ms = 500, .pause_steps = 10, .pause_step_ms = 75000};
    for (guint i = 0; i < G_N_ELEMENTS(nova); i++) {
        g_assert_cmpuint(gw_ladder_pause_ms(&plan, i * 75000), ==, nova[i]);
        g_assert_cmpuint(gw_ladder_pause_ms(&plan, i * 75000 + 74999), ==, nova[i]);
    }
    g_assert_cmpuint(gw_ladder_pause_ms(&plan, G_MAXUINT64), ==, 500);
    plan.pause_steps = 1;
    g_assert_cmpuint(gw_ladder_pause_ms(&plan, 0), ==, 500);
    GwPlan none = {.pause_steps = 10, .pause_step_ms = 75000, .pause_ms = 1};
    g_assert_cmpuint(gw_ladder_pause_ms(&none, 0), ==, 1); /* 0 would be the hypervisor's own */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/ladder/" #test, test)
    ADD(policies_are_found_by_name);
    g_test_add_func("/ladder/deltas", differences_are_waited_for);
    g_test_add_func("/ladder/deltas-measured", differences_are_measured);
    ADD(the_reason_has_what_was_written);
    ADD(what_was_written_does_not_depend_on_when_one_looks);
    ADD(a_quiet_guest_needs_no_rung);
    ADD(a_busy_guest_ends_as_the_policy_says);
    ADD(every_copy_ends);
    ADD(a_broken_promise_is_given_up);
    ADD(no_other_way_is_much_faster);
    ADD(what_is_certain_is_not_waited_for);
    ADD(what_was_expected_and_does_not_come_counts_no_more);
    ADD(a_guest_that_is_easily_slowed_down_is_not_paused);
    ADD(the_timeout_holds_without_figures);
    ADD(pauses_in_steps);
    return g_test_run();
}
