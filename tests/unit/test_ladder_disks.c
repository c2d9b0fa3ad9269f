/* The ladder and disks, which are copied before memory, and have a rung of their own: another try with writes that wait. */
#include "core/flags.h"
#include "core/ladder.h"

#include <string.h>

#define MB 1000000ull

enum { STEP_MS = 100 };

/* Post-copy is permitted, but fetches no disks: nothing can end a copy of disks that the guest overtakes. */
static void disks_that_never_end_are_given_up(void)
{
    g_autofree char *reason = NULL;
    g_autoptr(GwPlan) plan = gw_plan_new();
    GwLadder ladder = {0};
    GwProgress disks = {.disk_total = 900 * MB, .disk_remaining = 300 * MB};
    plan->flags = GW_FLAG_POSTCOPY;
    plan->forced_pause_ms = 30000;
    plan->timeout_ms = 1000;
    g_assert_cmpint(gw_ladder_step(&ladder, plan, &disks, 1000, &reason), ==, GW_RUNG_WAIT);
    g_assert_cmpint(gw_ladder_step(&ladder, plan, &disks, 1001, &reason), ==, GW_RUNG_ABORT);
    g_assert_cmpstr(reason, ==, "it took longer than its completion timeout: 300 MB of its disks are still to be copied; "
                    "ask again: what it writes is known now, and may be made to wait (block_migration_synchronous_writes)");
}

/* `mb` that are written all over, or a part of them, while they are mirrored; done in the moment when nothing is left. */
typedef struct {
    double mb, set, writes, carries;
    double left, sent;
    GwPlan *plan;
    GwProgress now;
    char *reason;
} Disks;

static void begin_disks(Disks *d, double set, double writes, double carries)
{
    *d = (Disks){.mb = 1000, .set = set, .writes = writes, .carries = carries, .left = 1000, .plan = gw_plan_new()};
    GwPlanDisk *disk = gw_plan_add_disk(d->plan);
    disk->fate = GW_FATE_COPY;
    disk->allocation_bytes = 1000 * MB;
    d->plan->second_try = TRUE;
}

static void end_disks(Disks *d)
{
    gw_plan_free(d->plan);
    g_free(d->reason);
}

/* What is written where it waits to be copied anyway costs nothing. */
static gboolean tick_disks(Disks *d)
{
    gboolean done = FALSE;
    for (guint ms = 0; ms < STEP_MS && !done; ms++) {
        double wrote = d->writes / 1000 * (1 - MIN(d->left, d->set) / d->set), sent = MIN(d->carries / 1000, d->left);
        d->sent += sent;
        d->left -= sent;
        done = d->left <= 0;
        d->left += wrote;
    }
    d->now.disk_remaining = (guint64)(d->left * MB);
    d->now.disk_processed = (guint64)(d->sent * MB);
    d->now.disk_total = d->now.disk_remaining + d->now.disk_processed;
    d->now.elapsed_ms += STEP_MS;
    return done;
}

static GwRung run_disks(Disks *d, gboolean *ret_done)
{
    GwLadder ladder = {0};
    GwRung rung = GW_RUNG_WAIT;
    *ret_done = FALSE;
    while (rung == GW_RUNG_WAIT && !*ret_done && d->now.elapsed_ms < 36000000) {
        *ret_done = tick_disks(d);
        if (!*ret_done)
            rung = gw_ladder_step(&ladder, d->plan, &d->now, d->now.elapsed_ms, &d->reason);
    }
    return rung;
}

/* Those that are written faster than the link carries are copied again, neither at once nor late; those that gain on the guest are not. */
static void disks_that_cannot_keep_up_are_copied_again(void)
{
    for (double set = 10; set <= 1000; set *= 10)
        for (double carries = 2; carries < 2000; carries *= 3)
            for (double part = 0; part < 8; part = part * 1.4 + 0.05) {
                Disks d;
                gboolean done;
                begin_disks(&d, set, carries * part, carries);
                GwRung rung = run_disks(&d, &done);
                double alone_ms = d.mb * 1000 / carries;
                g_test_message("%.0f MB written at %.2f of %.0f MB/s: %d after %.2f times", set, part, carries, rung,
                               (double)d.now.elapsed_ms / alone_ms);
                if (part < 0.8)
                    g_assert_true(done);
                if (part > 1.1 && set * (1 - 1 / part) > carries / 500) { /* else it is a matter of luck */
                    g_assert_cmpint(rung, ==, GW_RUNG_AGAIN);
                    g_assert_nonnull(strstr(d.reason, "MB/s to its disks and the link carries"));
                    g_assert_cmpfloat((double)d.now.elapsed_ms, >, alone_ms * 1.4);
                    g_assert_cmpfloat((double)d.now.elapsed_ms, <, alone_ms * 7 + 5000);
                }
                end_disks(&d);
            }
}

/* Once, only where the plan permits it, and only where it can end before the deadline, which is told then. */
static void a_second_try_is_permitted_and_fits(void)
{
    Disks d;
    gboolean done;
    begin_disks(&d, 1000, 300, 100);
    d.plan->second_try = FALSE;
    d.plan->timeout_ms = 60000;
    g_assert_cmpint(run_disks(&d, &done), ==, GW_RUNG_ABORT);
    g_assert_nonnull(strstr(d.reason, "it took longer than its completion timeout"));
    end_disks(&d);
    begin_disks(&d, 1000, 300, 100); /* 10 s each, known after 30 s at the latest */
    d.plan->timeout_ms = 45000;
    g_assert_cmpint(run_disks(&d, &done), ==, GW_RUNG_AGAIN);
    end_disks(&d);
    begin_disks(&d, 1000, 300, 100);
    d.plan->timeout_ms = 22000;
    g_assert_cmpint(run_disks(&d, &done), ==, GW_RUNG_ABORT);
    g_assert_cmpuint(d.now.elapsed_ms, ==, 22100);
    g_assert_nonnull(strstr(d.reason, "to copy them again with writes that wait takes 10 s at least: too long for "
                                      "live_migration_completion_timeout"));
    end_disks(&d);
    begin_disks(&d, 1000, 300, 100);
    d.plan->flags = GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES;
    d.plan->second_try = FALSE;
    d.plan->timeout_ms = 22000;
    g_assert_cmpint(run_disks(&d, &done), ==, GW_RUNG_ABORT);
    g_assert_true(g_str_has_suffix(d.reason, "of its disks are still to be copied"));
    end_disks(&d);
}

/* Four disks whose copies begin one after the other are no sign of writing. */
static void disks_that_begin_late_are_not_written(void)
{
    Disks d;
    GwLadder ladder = {0};
    begin_disks(&d, 1000, 0, 100);
    for (guint64 ms = 0; ms < 10000; ms += STEP_MS) {
        double begun = MIN(1000, 250 * (1 + (double)(ms / 2000))), sent = (double)ms / 10;
        d.now.disk_processed = (guint64)(sent * MB);
        d.now.disk_remaining = (guint64)((begun - sent) * MB);
        g_assert_cmpint(gw_ladder_step(&ladder, d.plan, &d.now, ms, &d.reason), ==, GW_RUNG_WAIT);
    }
    g_assert_cmpuint(ladder.rounds_in_vain, ==, 0);
    end_disks(&d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(test) g_test_add_func("/ladder/disks/" #test, test)
    ADD(disks_that_never_end_are_given_up);
    ADD(disks_that_cannot_keep_up_are_copied_again);
    ADD(a_second_try_is_permitted_and_fits);
    ADD(disks_that_begin_late_are_not_written);
    return g_test_run();
}
