/* The model of a copy. Disks first, again and again what the guest has written to them meanwhile, unless its writes wait; then memory in
 * passes: a pass sends what the guest has written during the one before, at the copy's share of the link; when the rest fits into the
 * longest permitted pause, the guest halts, the rest and the state of its devices travel, and it runs on the destination. A guest that
 * writes as fast as the link carries never gets there by itself: then abort, a pause, post-copy or auto-converge end it.
 *
 * A copy gets the same share as every other of its host's link, in each direction, and the smaller of the two ends'
 * shares; what others leave unused is not given away (real links do better). */
#include "drivers/sim/internal.h"

#include "core/flags.h"

#include <math.h>

#define DISK_GRANULE 65536 /* QEMU's, of a mirror */
#define UNTOUCHED_BYTES 8e6 /* memory of a guest that has never run: zero pages cost next to nothing */
#define FIRST_THROTTLE 20 /* QEMU's x-cpu-throttle-initial, -increment, max-cpu-throttle */
#define THROTTLE_STEP 10
#define MOST_THROTTLE 99

GwSimCopy *gw_sim_copy_ref(GwSimCopy *copy)
{
    copy->refs++;
    return copy;
}

void gw_sim_copy_unref(GwSimCopy *copy)
{
    if (--copy->refs)
        return;
    g_clear_error(&copy->error);
    gw_plan_free(copy->plan);
    g_cond_clear(&copy->changed);
    g_free(copy);
}

/* ---- rates */

static double dirty_bps(const GwSimCopy *copy)
{
    if (!gw_sim_domain_runs(copy->from))
        return 0;
    return copy->from->dirty_bps * (100 - copy->throttle) / 100;
}

/* Writes that wait for the destination need not be copied again. */
static double disk_write_bps(const GwSimCopy *copy)
{
    gboolean wait = (copy->plan->flags & GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES) != 0;
    return wait || !gw_sim_domain_runs(copy->from) ? 0 : copy->from->disk_write_bps;
}

/* What the guest has written by time t since the pass began. */
static double dirtied_at(const GwSimCopy *copy, gint64 t)
{
    gboolean disks = copy->phase == GW_SIM_DISKS;
    double bps = disks ? disk_write_bps(copy) : dirty_bps(copy), most = disks ? copy->disk_bytes : copy->memory_bytes;
    return MIN(most, copy->dirtied + bps * (double)(t - copy->at_us) / 1e6);
}

/* Brings the figures to time t at the present rate. */
static void account(GwSimCopy *copy, gint64 t)
{
    if (t <= copy->at_us)
        return;
    double seconds = (double)(t - copy->at_us) / 1e6;
    double sent = MIN(copy->left, copy->rate * seconds);
    copy->dirtied = dirtied_at(copy, t);
    copy->left -= sent;
    copy->at_us = t;
    if (copy->phase == GW_SIM_DISKS)
        copy->disk_sent += sent;
    else
        copy->memory_sent += sent;
}

static void set_due(GwSimCopy *copy)
{
    if (copy->left > 0 && copy->rate <= 0)
        copy->due_us = G_MAXINT64; /* the link is cut */
    else
        copy->due_us = copy->at_us + (copy->left > 0 ? (gint64)ceil(copy->left / copy->rate * 1e6) : 0);
}

static double share(const GwSimCopy *copy)
{
    double rate = MIN(copy->source->link_bps / copy->source->outgoing, copy->dest->link_bps / copy->dest->incoming);
    return copy->cap_bps > 0 ? MIN(rate, copy->cap_bps) : rate;
}

static void rerate_at(GwSimWorld *world, gint64 t)
{
    for (guint i = 0; i < world->copies->len; i++) {
        GwSimCopy *copy = world->copies->pdata[i];
        account(copy, t);
        copy->rate = share(copy);
        set_due(copy);
    }
}

void gw_sim_copies_rerate(GwSimWorld *world)
{
    rerate_at(world, gw_sim_now(world));
    gw_sim_wake(world);
}

/* ---- the end */

static void remember(GwSimDomain *domain, const GwProgress *progress)
{
    domain->last = *progress;
    domain->copy = NULL;
}

static GwProgress progress_at(const GwSimCopy *copy, gint64 t)
{
    double on_the_way = MIN(copy->left, copy->rate * (double)(t - copy->at_us) / 1e6);
    gboolean disks = copy->phase == GW_SIM_DISKS;
    double left = copy->left - on_the_way + (disks ? dirtied_at(copy, t) : 0), disk_sent = copy->disk_sent + (disks ? on_the_way : 0);
    return (GwProgress){
        .elapsed_ms = (guint64)MAX(1, (t - copy->begun_us) / 1000),
        .downtime_ms = copy->halted_us ? (guint64)(t - copy->halted_us) / 1000 : 0,
        .memory_total = (guint64)copy->memory_bytes,
        .memory_processed = (guint64)(copy->memory_sent + (disks ? 0 : on_the_way)),
        .memory_remaining = (guint64)(disks ? copy->memory_bytes : left),
        .disk_total = (guint64)MAX(copy->disk_bytes, disk_sent + (disks ? left : 0)),
        .disk_processed = (guint64)disk_sent,
        .disk_remaining = (guint64)(disks ? left : 0),
        .memory_bps = disks ? 0 : (guint64)copy->rate,
        .dirty_bps = (guint64)dirty_bps(copy),
        .iteration = copy->iteration,
        .throttle_percent = copy->throttle,
    };
}

/* Takes it out of the world at time t; error is taken. What becomes of the two domains is the caller's. */
static void finish(GwSimCopy *copy, gint64 t, GError *error)
{
    GwSimWorld *world = copy->source->world;
    account(copy, t);
    GwProgress progress = progress_at(copy, copy->at_us);
    remember(copy->from, &progress);
    remember(copy->to, &progress);
    copy->from = copy->to = NULL;
    copy->error = error;
    copy->ended = TRUE;
    copy->source->outgoing--;
    copy->dest->incoming--;
    g_ptr_array_remove_fast(world->copies, copy);
    g_cond_broadcast(&copy->changed);
    rerate_at(world, t);
    gw_sim_copy_unref(copy);
}

guint64 gw_sim_copy_disk_bytes(const GwSimCopy *copy, const GwPlanDisk *disk)
{
    const GwSimFile *file = disk->fate == GW_FATE_COPY ? gw_sim_file_find(copy->source, disk->path) : NULL;
    return file ? file->allocation_bytes : 0;
}

static void complete_disks(GwSimCopy *copy)
{
    for (guint i = 0; i < copy->plan->disks->len; i++) {
        const GwPlanDisk *disk = copy->plan->disks->pdata[i];
        GwSimFile *file = disk->fate == GW_FATE_COPY ? gw_sim_file_find(copy->dest, disk->dest_path) : NULL;
        if (file)
            gw_sim_file_complete(copy->dest->world, file, gw_sim_copy_disk_bytes(copy, disk));
    }
}

/* The destination opens its files when it is handed the guest, and writes them before. */
static const char *storage_trouble(const GwSimCopy *copy)
{
    for (guint i = 0; i < copy->plan->disks->len; i++) {
        const GwPlanDisk *disk = copy->plan->disks->pdata[i];
        const GwSimMount *mount = disk->kind == GW_DISK_FILE ? gw_sim_mount_of(copy->dest, disk->dest_path) : NULL;
        if (mount && mount->state == GW_SIM_STORAGE_FAILS)
            return "the destination cannot open its disks: Input/output error";
        if (mount && mount->state == GW_SIM_STORAGE_FULL && disk->fate == GW_FATE_COPY)
            return "the destination cannot write its disks: No space left on device";
    }
    return NULL;
}

static GwSeen seen_after(const GwPlan *plan)
{
    gboolean paused =
        plan->kind == GW_MOVE_COLD || plan->power_before == GW_POWER_PAUSED || (plan->flags & GW_FLAG_PAUSED);
    return paused ? GW_SEEN_PAUSED : GW_SEEN_RUNNING;
}

/* The source lets go before the destination takes: never both. */
static void hand_over(GwSimCopy *copy)
{
    GwSimDomain *from = copy->from;
    GwSimDomain *to = copy->to;
    const GwPlan *plan = copy->plan;
    to->dirty_bps = from->dirty_bps;
    to->disk_write_bps = from->disk_write_bps;
    to->cpus = from->cpus;
    to->shutdown_ms = from->shutdown_ms;
    complete_disks(copy);
    gw_sim_copy_ref(copy); /* for its plan */
    finish(copy, copy->at_us, NULL);
    if (plan->flags & GW_FLAG_UNDEFINE_SOURCE)
        gw_sim_domain_remove(from);
    else
        gw_sim_domain_vanish(from);
    to->receives = FALSE;
    gw_sim_domain_set(to, seen_after(plan));
    gw_sim_domain_define(to, (plan->flags & GW_FLAG_PERSIST_DEST) != 0, FALSE);
    gw_sim_copy_unref(copy);
}

static void break_postcopy(GwSimCopy *copy, char *why)
{
    GwSimDomain *from = copy->from;
    GwSimDomain *to = copy->to;
    account(copy, gw_sim_now(copy->source->world));
    from->missing_bytes = copy->left;
    finish(copy, copy->at_us, g_error_new(GW_ERROR, GW_ERROR_LOST, "post-copy was interrupted: %s", why));
    gw_sim_domain_set(from, GW_SEEN_POSTCOPY_FAILED);
    gw_sim_domain_set(to, GW_SEEN_POSTCOPY_FAILED);
}

void gw_sim_copy_fail(GwSimCopy *copy, GwErrorCode code, const char *why)
{
    g_autofree char *text = g_strdup(why);
    if (copy->phase == GW_SIM_POSTCOPY) {
        break_postcopy(copy, text);
        return;
    }
    GwSimDomain *from = copy->from;
    GwSimDomain *to = copy->to;
    gboolean halted = from->seen == GW_SEEN_PAUSED_MIGRATING;
    finish(copy, gw_sim_now(copy->source->world), g_error_new_literal(GW_ERROR, (gint)code, text));
    gw_sim_domain_remove(to);
    if (halted)
        gw_sim_domain_set(from, GW_SEEN_RUNNING);
    else
        gw_sim_tell(from->host, from->value->uuid);
}

/* docs of libvirt, "qemu-migration": a source daemon that restarts in the last pause leaves the guest paused, since it
 * cannot know whether the destination runs it. */
void gw_sim_copy_interrupt(GwSimCopy *copy)
{
    if (copy->phase == GW_SIM_POSTCOPY)
        return;
    GwSimDomain *from = copy->from;
    gboolean halted = copy->phase == GW_SIM_SWITCHOVER && from->seen == GW_SEEN_PAUSED_MIGRATING;
    if (halted)
        from->seen = GW_SEEN_PAUSED; /* so that its failure does not run it on */
    gw_sim_copy_fail(copy, GW_ERROR_LOST, "the management daemon went away in the middle of the copy");
    if (halted)
        gw_sim_domain_set(from, GW_SEEN_PAUSED_MIGRATING);
}

/* ---- one phase to the next */

void gw_sim_copy_begin_pass(GwSimCopy *copy, GwSimPhase phase, double bytes)
{
    copy->phase = phase;
    copy->left = copy->pass_bytes = bytes;
    copy->dirtied = 0;
    set_due(copy);
}

void gw_sim_copy_begin_memory(GwSimCopy *copy)
{
    copy->iteration = 1;
    double bytes = copy->plan->kind == GW_MOVE_COLD ? MIN(UNTOUCHED_BYTES, copy->memory_bytes) : copy->memory_bytes;
    gw_sim_copy_begin_pass(copy, GW_SIM_MEMORY, bytes);
}

/* The guest halts; one that was paused before the copy keeps its own pause. */
static void begin_switchover(GwSimCopy *copy, double rest)
{
    gw_sim_copy_begin_pass(copy, GW_SIM_SWITCHOVER, rest + GW_SIM_DEVICE_BYTES);
    if (!copy->halted_us && copy->from->seen == GW_SEEN_RUNNING)
        copy->halted_us = copy->at_us;
    if (copy->from->seen == GW_SEEN_RUNNING)
        gw_sim_domain_set(copy->from, GW_SEEN_PAUSED_MIGRATING);
}

/* QEMU slows a guest down that has written more than half of what was sent meanwhile. */
static void throttle(GwSimCopy *copy)
{
    if (!(copy->plan->flags & GW_FLAG_AUTO_CONVERGE) || copy->dirtied < copy->pass_bytes / 2)
        return;
    copy->throttle = copy->throttle ? MIN(copy->throttle + THROTTLE_STEP, MOST_THROTTLE) : FIRST_THROTTLE;
}

static void end_pass(GwSimCopy *copy)
{
    double rest = copy->dirtied;
    throttle(copy);
    copy->iteration++;
    if (rest <= copy->rate * copy->pause_s)
        begin_switchover(copy, rest);
    else
        gw_sim_copy_begin_pass(copy, GW_SIM_MEMORY, rest);
}

/* Each disk is called ready in the moment at which nothing of it is left. */
static void end_disks(GwSimCopy *copy)
{
    if (copy->dirtied > DISK_GRANULE)
        gw_sim_copy_begin_pass(copy, GW_SIM_DISKS, copy->dirtied);
    else
        gw_sim_copy_begin_memory(copy);
}

static void turn(GwSimCopy *copy)
{
    account(copy, copy->due_us);
    copy->left = 0; /* what rounding has left */
    const char *trouble = copy->phase == GW_SIM_DISKS || copy->phase == GW_SIM_SWITCHOVER ? storage_trouble(copy) : NULL;
    if (trouble) {
        gw_sim_copy_fail(copy, GW_ERROR_FAILED, trouble);
        return;
    }
    switch (copy->phase) {
    case GW_SIM_DISKS:
        end_disks(copy);
        break;
    case GW_SIM_MEMORY:
        end_pass(copy);
        break;
    case GW_SIM_SWITCHOVER:
    case GW_SIM_POSTCOPY:
        hand_over(copy);
        break;
    }
}

static GwSimCopy *next_due(const GwSimWorld *world)
{
    GwSimCopy *next = NULL;
    for (guint i = 0; i < world->copies->len; i++) {
        GwSimCopy *copy = world->copies->pdata[i];
        if (!next || copy->due_us < next->due_us)
            next = copy;
    }
    return next;
}

gint64 gw_sim_copies_due(const GwSimWorld *world)
{
    const GwSimCopy *next = next_due(world);
    return next ? next->due_us : G_MAXINT64;
}

void gw_sim_copies_advance(GwSimWorld *world)
{
    if (!world->copies->len)
        return;
    gint64 now = gw_sim_now(world);
    for (GwSimCopy *copy = next_due(world); copy && copy->due_us <= now; copy = next_due(world))
        turn(copy);
}

/* ---- looked at, and steered */

GwProgress gw_sim_copy_progress(const GwSimCopy *copy)
{
    return progress_at(copy, MAX(gw_sim_now(copy->source->world), copy->at_us));
}

static gboolean begin_postcopy(GwSimCopy *copy, GError **error)
{
    if (!(copy->plan->flags & GW_FLAG_POSTCOPY) || copy->from->seen != GW_SEEN_RUNNING ||
        copy->plan->kind != GW_MOVE_LIVE) {
        g_set_error(
            error, GW_ERROR, GW_ERROR_CONFLICT,
            "the copy of %s cannot go on in post-copy: it was not begun with VIR_MIGRATE_POSTCOPY, or the guest does "
            "not run",
            copy->plan->name);
        return FALSE;
    }
    const char *trouble = storage_trouble(copy);
    if (trouble) {
        gw_sim_copy_fail(copy, GW_ERROR_FAILED, trouble);
        return TRUE; /* the request was taken; the copy has ended by it */
    }
    copy->to->receives = TRUE;
    copy->to->dirty_bps = copy->from->dirty_bps;
    copy->to->disk_write_bps = copy->from->disk_write_bps;
    copy->to->cpus = copy->from->cpus;
    complete_disks(copy);
    double rest = MIN(copy->memory_bytes, copy->left + copy->dirtied);
    gw_sim_copy_begin_pass(copy, GW_SIM_POSTCOPY, rest);
    gw_sim_domain_set(copy->from, GW_SEEN_POSTCOPY);
    gw_sim_domain_set(copy->to, GW_SEEN_POSTCOPY);
    return TRUE;
}

static void begin_pause(GwSimCopy *copy)
{
    if (copy->from->seen != GW_SEEN_RUNNING)
        return;
    copy->halted_us = copy->at_us;
    gw_sim_domain_set(copy->from, GW_SEEN_PAUSED);
}

static gboolean force(GwSimCopy *copy, GwForceHow how, GError **error)
{
    gw_sim_copies_rerate(copy->source->world); /* account for the time until now, at which it may have ended */
    if (copy->ended || copy->phase == GW_SIM_SWITCHOVER || copy->phase == GW_SIM_POSTCOPY)
        return TRUE; /* it ends by itself */
    if (copy->phase == GW_SIM_DISKS && how == GW_FORCE_POSTCOPY) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "the disks of %s are still being copied: ask again later",
                    copy->plan->name);
        return FALSE;
    }
    gboolean ok = TRUE;
    switch (how) {
    case GW_FORCE_PAUSE:
        begin_pause(copy);
        break;
    case GW_FORCE_POSTCOPY:
        ok = begin_postcopy(copy, error);
        break;
    }
    gw_sim_wake(copy->source->world);
    return ok;
}

gboolean gw_sim_copy_force(GwSimCopy *copy, GwForceHow how, GError **error)
{
    gw_sim_copy_ref(copy);
    gboolean ok = force(copy, how, error);
    gw_sim_copy_unref(copy);
    return ok;
}
