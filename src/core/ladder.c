#include "core/ladder.h"

#include "core/flags.h"

#include <string.h>

enum {
    PATIENCE = 3,        /* passes that may bring nothing before the next rung */
    EAGER_PATIENCE = 1,  /* likewise, for a policy that prefers post-copy */
    LAST_PATIENCE = 3,   /* more of them, before it is certain that nothing helps */
    MOST_THROTTLE = 99,  /* percent: QEMU's max-cpu-throttle */
    SETTLE_MS = 10000,   /* tearing down and handing over, beside the pause itself */
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

/* The rest, at the present rate, with what the guest writes until it stands still. */
static guint64 pause_of(const GwLadder *ladder, const GwProgress *now)
{
    return ladder->bps ? now->memory_remaining * 1000 / ladder->bps : G_MAXUINT64;
}

/* TRUE: a pass over the memory has just begun, so that the rest is known. */
static gboolean turns(GwLadder *ladder, const GwProgress *now)
{
    gboolean turned = now->iteration > ladder->iteration && now->iteration > 1;
    ladder->iteration = now->iteration;
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

/* ---- rungs */

static char *rates(const GwLadder *ladder, const GwProgress *now)
{
    return g_strdup_printf("the guest writes %" G_GUINT64_FORMAT " MB/s and the link carries %" G_GUINT64_FORMAT " MB/s",
                           now->dirty_bps / 1000000, ladder->bps / 1000000);
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

/* The mildest rung that ends it; ABORT when none does. `why` begins the reason. */
static GwRung end_it(GwLadder *ladder, const GwPlan *plan, const GwProgress *now, guint64 elapsed_ms, const char *why,
                     char **ret_reason)
{
    g_autofree char *rest = rates(ladder, now);
    guint64 pause_ms = pause_of(ladder, now);
    if (copies_disks(now)) { /* no rung ends that: memory has not begun, and no disk can be fetched later */
        *ret_reason = g_strdup_printf("%s: %" G_GUINT64_FORMAT " MB of its disks are still to be copied", why, now->disk_remaining / 1000000);
        return GW_RUNG_ABORT;
    }
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

/* TRUE: passes bring nothing, and the next rung would end it, or nothing would. */
static gboolean must_climb(const GwLadder *ladder, const GwPlan *plan, const GwProgress *now)
{
    gboolean post_copy = (plan->flags & GW_FLAG_POSTCOPY) != 0;
    if (post_copy && plan->eager)
        return ladder->stalled >= EAGER_PATIENCE;
    if (post_copy || pause_of(ladder, now) <= plan->forced_pause_ms)
        return ladder->stalled >= PATIENCE;
    return ladder->stalled >= PATIENCE + LAST_PATIENCE && !can_slow_down(plan, now);
}

static gboolean is_overdue(const GwPlan *plan, guint64 elapsed_ms)
{
    return plan->timeout_ms && elapsed_ms > plan->timeout_ms;
}

GwRung gw_ladder_step(GwLadder *ladder, const GwPlan *plan, const GwProgress *now, guint64 elapsed_ms, char **ret_reason)
{
    take_rate(ladder, now->memory_bps);
    gboolean turned = turns(ladder, now);
    if (ladder->forced) {
        if (!ladder->promised_ms || elapsed_ms < ladder->forced_ms + ladder->promised_ms)
            return GW_RUNG_WAIT;
        *ret_reason = g_strdup("the guest was paused to end it, and the link did not carry the rest in time");
        return GW_RUNG_ABORT;
    }
    if (is_overdue(plan, elapsed_ms))
        return end_it(ladder, plan, now, elapsed_ms, "it took longer than its completion timeout", ret_reason);
    /* a rest that fits into the pause needs nothing: the hypervisor switches over */
    if (!turned || pause_of(ladder, now) <= gw_ladder_pause_ms(plan, elapsed_ms) || !must_climb(ladder, plan, now))
        return GW_RUNG_WAIT;
    return end_it(ladder, plan, now, elapsed_ms, "the copy does not gain on the guest", ret_reason);
}
