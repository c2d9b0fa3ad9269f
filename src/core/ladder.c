#include "core/ladder.h"

#include "core/flags.h"

#include <string.h>

enum {
    PATIENCE = 2,        /* passes that may bring nothing before the next rung */
    EAGER_PATIENCE = 1,  /* likewise, for a policy that prefers post-copy */
    MILD_PATIENCE = 3,   /* likewise, before a pause where the guest can still be slowed down */
    LAST_PATIENCE = 6,   /* likewise, before it is certain that nothing helps */
    LOOKAHEAD = 60,      /* passes */
    LOOK_MS = 100,       /* QEMU looks for the end of a pass about so often (BUFFER_DELAY in migration.c) */
    FIRST_THROTTLE = 20, THROTTLE_STEP = 10, MOST_THROTTLE = 99, /* percent. QEMU: cpu-throttle-initial, -increment, max-cpu-throttle */
    SETTLE_MS = 10000,   /* tearing down and handing over, beside the pause itself */
    DISK_PART = 4,       /* a round over the disks: at least that part of what they take at all, since another try begins at nothing, */
    DISK_ROUND_MS = 1000, /* and so long, since a disk is written in bursts */
};

/* Pauses: QEMU's default limit is 300 ms, Nova's 500 ms. What a service survives is another matter: TCP connections live through ten
 * seconds, most health checks through one or two. */
const GwPolicy gw_policies[] = {
    {"balanced", 500, 10000, TRUE, FALSE, "slows the guest down; then a pause of 10 s at most, or post-copy where it is permitted"},
    {"minimal-downtime", 100, 1000, TRUE, TRUE, "the shortest pause: post-copy where it is permitted, else a pause of 1 s at most"},
    {"fast", 2000, 30000, FALSE, TRUE, "as soon as possible: post-copy where it is permitted, else a pause of 30 s at most"},
    {"never-pause", 300, 0, TRUE, FALSE, "slows the guest down, and gives up when that does not suffice"},
    {NULL, 0, 0, FALSE, FALSE, NULL},
};

const GwPolicy *gw_policy_find(const char *name)
{
    const GwPolicy *policy = gw_policies;
    while (policy->name && strcmp(policy->name, name) != 0)
        policy++;
    return policy->name ? policy : NULL;
}

unsigned gw_policy_intents(const GwPolicy *policy)
{
    return policy ? (unsigned)(policy - gw_policies + 1) * GW_INTENT_POLICY : 0;
}

const GwPolicy *gw_policy_of_intents(unsigned intents)
{
    unsigned number = (intents & GW_INTENT_POLICY_MASK) / GW_INTENT_POLICY;
    return number && number < G_N_ELEMENTS(gw_policies) ? &gw_policies[number - 1] : NULL;
}

/* ---- what is known */

static void take_rate(GwLadder *ladder, guint64 bps)
{
    if (bps)
        ladder->bps = ladder->bps ? (ladder->bps * 3 + bps) / 4 : bps;
}

/* What the differences of pages take is seen once some were sent. */
static void take_deltas(GwLadder *ladder, const GwProgress *now)
{
    const guint64 telling = 1 << 20;
    if (now->delta_of >= telling)
        ladder->deltas.part = (double)MAX(now->delta_sent, 1) / (double)now->delta_of;
}

/* The rest, at the present rate, with what the guest writes until it stands still. */
static guint64 pause_of(const GwLadder *ladder, const GwProgress *now)
{
    return ladder->bps ? now->memory_remaining * 1000 / ladder->bps : G_MAXUINT64;
}

/* What the pass that has just ended left over: QEMU ends one as soon as the rest of it fits into the pause, others send all of it. */
static guint64 left_over(const GwLadder *ladder, const GwPlan *plan, guint64 elapsed_ms)
{
    guint64 sent = ladder->bps * (elapsed_ms - MIN(ladder->looked_ms, elapsed_ms)) / 1000;
    guint64 left = ladder->remaining > sent ? ladder->remaining - sent : 0;
    return MIN(left, ladder->bps * plan->pause_ms / 1000);
}

/* A guest that wrote so little in the pass wrote no more within the window (U grows, and ever more slowly). One that was seen to write
 * much more has changed: what was seen counts no more. */
static void correct(GwWritten *older, const GwWritten *pass, double most)
{
    const double error = 1.3; /* of a sample */
    most *= MAX((double)older->ms / (double)pass->ms, 1);
    if ((double)older->bytes > most * error)
        *older = (GwWritten){0};
    older->bytes = MIN(older->bytes, (guint64)most);
}

/* What is left and what was sent since the last look, less what was left then, was written meanwhile, however late either look was. */
static guint64 written_since(const GwLadder *ladder, const GwProgress *now)
{
    guint64 before = ladder->remaining + ladder->scanned, after = now->memory_remaining + now->memory_scanned;
    if (ladder->scanned && now->memory_scanned)
        return after > before ? after - before : 0;
    return now->memory_remaining > ladder->left ? now->memory_remaining - ladder->left : 0;
}

/* The pass that has ended tells what the guest wrote while it lasted. */
static void take_pass(GwLadder *ladder, const GwProgress *now, guint64 ms)
{
    double runs = 1 - (double)MIN(now->throttle_percent, MOST_THROTTLE) / 100, rest = (double)now->memory_remaining;
    GwWritten pass = {ms, written_since(ladder, now)};
    for (guint i = 0; i < GW_LADDER_EXPECTED; i++)
        correct(&ladder->expected[i], &pass, rest / runs);
    for (guint i = 0; i < GW_LADDER_PASSES; i++)
        correct(&ladder->passes[i], &pass, rest / runs);
    memmove(ladder->passes + 1, ladder->passes, (GW_LADDER_PASSES - 1) * sizeof *ladder->passes);
    ladder->passes[0] = pass;
}

/* TRUE: a pass over the memory has just begun, so that the rest is known. */
static gboolean turns(GwLadder *ladder, const GwPlan *plan, const GwProgress *now, guint64 elapsed_ms)
{
    gboolean next = now->iteration == ladder->iteration + 1;
    gboolean turned = now->iteration > ladder->iteration && now->iteration > 1;
    if (turned)
        ladder->left = left_over(ladder, plan, elapsed_ms);
    if (turned && next && elapsed_ms > ladder->pass_since_ms)
        take_pass(ladder, now, elapsed_ms - ladder->pass_since_ms);
    if (now->iteration != ladder->iteration) {
        gw_deltas_note(&ladder->deltas, ladder->iteration, (double)(now->memory_scanned - MIN(ladder->pass_scanned, now->memory_scanned)));
        ladder->pass_scanned = now->memory_scanned;
        ladder->pass_since_ms = elapsed_ms;
    }
    ladder->iteration = now->iteration;
    ladder->remaining = now->memory_remaining;
    ladder->scanned = now->memory_scanned;
    ladder->looked_ms = elapsed_ms;
    if (!turned)
        return FALSE;
    gboolean better = ladder->best_remaining == 0 || now->memory_remaining < ladder->best_remaining / 10 * 9;
    if (better)
        ladder->best_remaining = now->memory_remaining;
    ladder->stalled = better ? 0 : ladder->stalled + 1;
    return TRUE;
}

/* Nova's steps (nova/virt/libvirt/migration.py, downtime_steps): the first is a part of the whole, the rest are alike. */
guint64 gw_ladder_pause_ms(const GwPlan *plan, guint64 elapsed_ms)
{
    if (plan->pause_steps < 2 || !plan->pause_step_ms)
        return plan->pause_ms;
    guint64 first = plan->pause_ms / plan->pause_steps;
    guint64 step = MIN(elapsed_ms / plan->pause_step_ms, plan->pause_steps);
    return MAX(1, first + (plan->pause_ms - first) * step / plan->pause_steps);
}

/* ---- what waiting would bring */

enum { SEEN = GW_LADDER_EXPECTED + GW_LADDER_PASSES };

static const GwWritten *seen_at(const GwLadder *ladder, guint i)
{
    return i < GW_LADDER_EXPECTED ? &ladder->expected[i] : &ladder->passes[i - GW_LADDER_EXPECTED];
}

/* On the line from one point to a later one, or level with the former when there is none. */
static double on_line(const GwWritten *from, const GwWritten *to, double ms)
{
    double rise = to ? ((double)to->bytes - (double)from->bytes) / (double)(to->ms - from->ms) : 0;
    return (double)from->bytes + MAX(rise, 0) * (ms - (double)from->ms);
}

/* In so many ms the guest writes at least that: U grows, and ever more slowly, so that it is above each line between two of its points
 * (docs/prediction.md). */
static double writes_at_least(const GwLadder *ladder, double ms)
{
    const GwWritten nothing = {0, 0};
    double most = 0;
    for (guint i = 0; i <= SEEN; i++) {
        const GwWritten *from = i < SEEN ? seen_at(ladder, i) : &nothing;
        if ((double)from->ms > ms)
            continue;
        most = MAX(most, on_line(from, NULL, ms));
        for (guint j = 0; j < SEEN; j++)
            if ((double)seen_at(ladder, j)->ms > ms)
                most = MAX(most, on_line(from, seen_at(ladder, j), ms));
    }
    return most;
}

typedef struct {
    gboolean ends;      /* by itself */
    double ms, lost_ms; /* until then, the pause included, and how much of its time the guest loses meanwhile */
} Wait;

/* At best: the guest writes no more than it was seen to write, and is slowed down by all that is taken from it. */
static Wait wait_it_out(const GwLadder *ladder, const GwPlan *plan, const GwProgress *now)
{
    double rate = (double)ladder->bps / 1000, rest = (double)now->memory_remaining, fits = rate * (double)plan->pause_ms;
    guint64 throttle = now->throttle_percent;
    gboolean slows = (plan->flags & GW_FLAG_AUTO_CONVERGE) != 0;
    GwDeltas deltas = ladder->deltas;
    Wait wait = {0};
    for (guint n = 0; n < LOOKAHEAD && rest > fits; n++) {
        guint64 pass = now->iteration + n;
        double pages = rest / gw_deltas_cost(&deltas, pass, rest); /* for what one takes on the wire */
        double left = CLAMP(fits - rate * LOOK_MS * pages, 0, (double)ladder->left), cost = gw_deltas_cost(&deltas, pass, rest - left);
        double taken = (double)throttle / 100, ms = MAX(cost / rate, LOOK_MS);
        gw_deltas_note(&deltas, pass, rest - left);
        double wrote = writes_at_least(ladder, ms * (1 - taken));
        wait.ms += ms;
        wait.lost_ms += ms * taken;
        if (slows && wrote > cost / 2)
            throttle = throttle ? MIN(throttle + THROTTLE_STEP, MOST_THROTTLE) : FIRST_THROTTLE;
        rest = wrote + left;
    }
    wait.ends = rest <= fits;
    wait.ms += rest / rate;
    wait.lost_ms += rest / rate;
    return wait;
}

/* ---- rungs */

/* The hypervisor's own figure is 0 before its first second or so is over; then what the last pass has shown. */
static guint64 written_bps(const GwLadder *ladder, const GwProgress *now)
{
    const GwWritten *pass = &ladder->passes[0];
    return now->dirty_bps || !pass->ms ? now->dirty_bps : pass->bytes * 1000 / pass->ms;
}

static char *rates(const GwLadder *ladder, const GwProgress *now)
{
    return g_strdup_printf("the guest writes %" G_GUINT64_FORMAT " MB/s and the link carries %" G_GUINT64_FORMAT " MB/s",
                           written_bps(ladder, now) / 1000000, ladder->bps / 1000000);
}

static GwRung force(GwLadder *ladder, guint64 elapsed_ms, guint64 promised_ms)
{
    ladder->forced = TRUE;
    ladder->forced_ms = elapsed_ms;
    ladder->promised_ms = promised_ms;
    return GW_RUNG_FORCE;
}

/* Disks come first. */
static gboolean copies_disks(const GwProgress *now)
{
    return now->disk_remaining > 0 && now->iteration == 0;
}

/* ---- disks */

/* As the plan has them: some may not have begun when it is first looked at. */
static guint64 disks_left(const GwPlan *plan, const GwProgress *now)
{
    guint64 all = gw_plan_copied_bytes(plan);
    return MAX(now->disk_remaining, all - MIN(now->disk_processed, all));
}

static void begin_round(GwLadder *ladder, guint64 left, guint64 sent, guint64 elapsed_ms)
{
    ladder->round_left = left;
    ladder->round_sent = sent;
    ladder->round_ms = elapsed_ms;
    gboolean better = !ladder->round_best || left < ladder->round_best / 10 * 9;
    if (better)
        ladder->round_best = MAX(left, 1);
    ladder->rounds_in_vain = better ? 0 : ladder->rounds_in_vain + 1;
}

/* No second try takes less. */
static guint64 again_ms(const GwLadder *ladder, const GwPlan *plan)
{
    return ladder->disk_bps ? gw_plan_copied_bytes(plan) * 1000 / ladder->disk_bps : 0;
}

/* TRUE: a round over the disks has just ended. */
static gboolean rounds(GwLadder *ladder, const GwPlan *plan, const GwProgress *now, guint64 elapsed_ms)
{
    guint64 left = disks_left(plan, now);
    if (!ladder->round_best) {
        begin_round(ladder, left, now->disk_processed, elapsed_ms);
        return FALSE;
    }
    guint64 sent = now->disk_processed - MIN(ladder->round_sent, now->disk_processed), ms = elapsed_ms - MIN(ladder->round_ms, elapsed_ms);
    if (sent < ladder->round_left || ms < DISK_ROUND_MS || gw_plan_copied_bytes(plan) / DISK_PART > sent)
        return FALSE;
    ladder->disk_bps = sent * 1000 / ms;
    ladder->disk_write_bps = (sent + left - MIN(sent + left, ladder->round_left)) * 1000 / ms;
    begin_round(ladder, left, now->disk_processed, elapsed_ms);
    return TRUE;
}

static gboolean has_time_again(const GwLadder *ladder, const GwPlan *plan, guint64 elapsed_ms)
{
    return !plan->timeout_ms || elapsed_ms + again_ms(ladder, plan) < plan->timeout_ms;
}

/* Memory has not begun, and no disk can be fetched later: writes that wait are all that helps. */
static GwRung climb_disks(GwLadder *ladder, const GwPlan *plan, const GwProgress *now, guint64 elapsed_ms, char **ret_reason)
{
    gboolean ended = rounds(ladder, plan, now, elapsed_ms);
    if (!ended || !plan->second_try || ladder->rounds_in_vain < GW_LADDER_DISK_PATIENCE || !has_time_again(ladder, plan, elapsed_ms))
        return GW_RUNG_WAIT;
    *ret_reason = g_strdup_printf("the guest writes %.1f MB/s to its disks and the link carries %.1f MB/s; it is copied again with writes "
                                  "that wait", (double)ladder->disk_write_bps / 1e6, (double)ladder->disk_bps / 1e6);
    return GW_RUNG_AGAIN;
}

/* What may help the next time. Owned by the caller. */
static char *disk_remedy(const GwLadder *ladder, const GwPlan *plan)
{
    if (plan->flags & GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES)
        return g_strdup("");
    if (plan->second_try && ladder->rounds_in_vain)
        return g_strdup_printf("; the guest writes %.1f MB/s to them and the link carries %.1f MB/s, and to copy them again with "
                               "writes that wait takes %.0f s at least: too long for live_migration_completion_timeout",
                               (double)ladder->disk_write_bps / 1e6, (double)ladder->disk_bps / 1e6, (double)again_ms(ladder, plan) / 1000);
    return g_strdup("; ask again: what it writes is known now, and may be made to wait (block_migration_synchronous_writes)");
}

static GwRung give_disks_up(GwLadder *ladder, const GwPlan *plan, const GwProgress *now, guint64 elapsed_ms, const char *why,
                            char **ret_reason)
{
    if (!ladder->disk_bps && elapsed_ms) /* not one round has ended */
        ladder->disk_bps = now->disk_processed * 1000 / elapsed_ms;
    g_autofree char *remedy = disk_remedy(ladder, plan);
    *ret_reason = g_strdup_printf("%s: %" G_GUINT64_FORMAT " MB of its disks are still to be copied%s", why,
                                  now->disk_remaining / 1000000, remedy);
    return GW_RUNG_ABORT;
}

/* ---- the next rung */

/* The mildest rung that ends it; ABORT when none does. `why` begins the reason. */
static GwRung end_it(GwLadder *ladder, const GwPlan *plan, const GwProgress *now, guint64 elapsed_ms, const char *why,
                     char **ret_reason)
{
    g_autofree char *rest = rates(ladder, now);
    guint64 pause_ms = pause_of(ladder, now);
    if (copies_disks(now))
        return give_disks_up(ladder, plan, now, elapsed_ms, why, ret_reason);
    if (plan->flags & GW_FLAG_POSTCOPY) {
        *ret_reason = g_strdup_printf("%s: %s; it goes on in post-copy", why, rest);
        return force(ladder, elapsed_ms, 0); /* it cannot be brought back: no promise to be kept by an abort */
    }
    if (pause_ms <= plan->forced_pause_ms) {
        *ret_reason = g_strdup_printf("%s: %s; the guest is paused for about %.1f s to end it", why, rest, (double)pause_ms / 1000);
        return force(ladder, elapsed_ms, pause_ms * 3 + SETTLE_MS);
    }
    if (pause_ms == G_MAXUINT64)
        *ret_reason = g_strdup_printf("%s: nothing is copied", why);
    else if (plan->forced_pause_ms)
        *ret_reason = g_strdup_printf("%s: %s, and a pause of %.1f s would end it, where %.1f s are allowed", why, rest,
                                      (double)pause_ms / 1000, (double)plan->forced_pause_ms / 1000);
    else
        *ret_reason = g_strdup_printf("%s: %s, and no pause may be forced", why, rest);
    return GW_RUNG_ABORT;
}

static gboolean can_slow_down(const GwPlan *plan, const GwProgress *now)
{
    return (plan->flags & GW_FLAG_AUTO_CONVERGE) && now->throttle_percent < MOST_THROTTLE;
}

/* Post-copy costs a guest some of its speed and, if the link breaks, its life; so waiting may make the whole move somewhat longer than
 * it would have been. */
static gboolean is_sooner_in_post_copy(GwLadder *ladder, const GwPlan *plan, const Wait *wait, guint64 rest_ms, guint64 elapsed_ms)
{
    guint64 *best = &ladder->best_end_ms;
    *best = *best ? MIN(*best, elapsed_ms + rest_ms) : elapsed_ms + rest_ms;
    double as_long = wait->ms / (double)rest_ms;
    return (double)elapsed_ms + wait->ms > (double)*best * 1.05 ? as_long > 1.1 : plan->eager && as_long > 1.25;
}

/* A moment of standing still costs a guest's clients more than one of being slow. */
static gboolean is_cheaper_to_pause(const Wait *wait, guint64 pause_ms)
{
    const double dearer = 2;
    return wait->lost_ms > (double)pause_ms * dearer;
}

/* Why the next rung must be taken, which ends it; or nothing would end it, and it is certain now. NULL: waiting is better. */
static const char *must_climb(GwLadder *ladder, const GwPlan *plan, const GwProgress *now, guint64 elapsed_ms)
{
    guint64 rest_ms = pause_of(ladder, now);
    if (rest_ms == G_MAXUINT64)
        return NULL;
    Wait wait = wait_it_out(ladder, plan, now);
    gboolean post_copy = (plan->flags & GW_FLAG_POSTCOPY) != 0, pause = !post_copy && rest_ms <= plan->forced_pause_ms;
    gboolean slower = can_slow_down(plan, now);
    guint patience = post_copy ? (plan->eager ? EAGER_PATIENCE : PATIENCE) : pause ? (slower ? MILD_PATIENCE : PATIENCE) : LAST_PATIENCE;
    gboolean in_vain = ladder->stalled >= patience && (post_copy || pause || !slower);
    if (in_vain || (!wait.ends && (post_copy || pause)))
        return "the copy does not gain on the guest";
    if (post_copy && is_sooner_in_post_copy(ladder, plan, &wait, rest_ms, elapsed_ms))
        return "the copy gains too slowly on the guest";
    if (pause && is_cheaper_to_pause(&wait, rest_ms))
        return "slowing the guest down until the copy gains on it would cost it more than a pause";
    return NULL;
}

static gboolean is_overdue(const GwPlan *plan, guint64 elapsed_ms)
{
    return plan->timeout_ms && elapsed_ms > plan->timeout_ms;
}

void gw_ladder_expect(GwLadder *ladder, const GwPlan *plan, const GwExpected *expected)
{
    memcpy(ladder->expected, expected->seen, sizeof ladder->expected);
    gw_deltas_begin(&ladder->deltas, plan, expected->delta_part, expected->set_bytes);
}

GwRung gw_ladder_step(GwLadder *ladder, const GwPlan *plan, const GwProgress *now, guint64 elapsed_ms, char **ret_reason)
{
    take_rate(ladder, now->memory_bps);
    take_deltas(ladder, now);
    gboolean turned = turns(ladder, plan, now, elapsed_ms);
    if (ladder->forced) {
        if (!ladder->promised_ms || elapsed_ms < ladder->forced_ms + ladder->promised_ms)
            return GW_RUNG_WAIT;
        *ret_reason = g_strdup("the guest was paused to end it, and the link did not carry the rest in time");
        return GW_RUNG_ABORT;
    }
    if (is_overdue(plan, elapsed_ms))
        return end_it(ladder, plan, now, elapsed_ms, "it took longer than its completion timeout", ret_reason);
    if (copies_disks(now))
        return climb_disks(ladder, plan, now, elapsed_ms, ret_reason);
    /* a rest that fits into the pause needs nothing: the hypervisor switches over */
    if (!turned || pause_of(ladder, now) <= gw_ladder_pause_ms(plan, elapsed_ms))
        return GW_RUNG_WAIT;
    const char *why = must_climb(ladder, plan, now, elapsed_ms);
    return why ? end_it(ladder, plan, now, elapsed_ms, why, ret_reason) : GW_RUNG_WAIT;
}
