/* The hosts of the small world, and what happens to them without the daemon's doing. */
#include "lifecycle_world.h"

typedef struct {
    const WorldSetting *setting;
    WorldNode before;
    WorldStep step;
    WorldVisit visit;
    void *data;
} Event;

static void tell(const Event *event, WorldNode next)
{
    world_tell(event->setting, event->before, next, event->step, event->visit, event->data);
}

static gboolean is_gone(guint64 seen)
{
    return seen == GW_SEEN_ABSENT || seen == GW_SEEN_STOPPED;
}

static guint64 stopped(const WorldSetting *setting)
{
    return setting->persistent ? GW_SEEN_STOPPED : GW_SEEN_ABSENT;
}

/* ---- the copy */

static void end_copy(const Event *event, guint64 source, guint64 dest)
{
    WorldNode next = event->before;
    next.copy = COPY_NONE;
    next.source = source;
    next.dest = dest;
    tell(event, next);
}

/* The hypervisor takes back what it did, and lets a guest that ran run on. */
static void take_back(const Event *event)
{
    end_copy(event, event->before.source == GW_SEEN_PAUSED_MIGRATING ? GW_SEEN_RUNNING : event->before.source,
             GW_SEEN_ABSENT);
}

/* The source's hypervisor is started anew: nobody takes anything back. */
static void leave_lying(const Event *event)
{
    end_copy(event, event->before.source, GW_SEEN_ABSENT);
    end_copy(event, event->before.source, GW_SEEN_PAUSED_MIGRATING);
}

static void begin(const Event *event)
{
    WorldNode next = event->before;
    if (next.dest == GW_SEEN_ABSENT && (next.source == GW_SEEN_RUNNING || next.source == GW_SEEN_PAUSED)) {
        next.copy = COPY_RUNS;
        next.dest = GW_SEEN_PAUSED_MIGRATING;
        next.dest_disk = event->setting->copies ? DISK_HALF : 0;
        tell(event, next);
    }
    end_copy(event, event->before.source, event->before.dest);
}

static void switch_over(const Event *event)
{
    WorldNode next = event->before;
    next.copy = COPY_SWITCHES;
    if (next.source == GW_SEEN_RUNNING)
        next.source = GW_SEEN_PAUSED_MIGRATING;
    tell(event, next);
}

static void switch_to_postcopy(const Event *event)
{
    WorldNode next = event->before;
    if (!event->setting->postcopy || next.source != GW_SEEN_RUNNING)
        return;
    next.copy = COPY_POSTCOPY;
    next.source = next.dest = GW_SEEN_POSTCOPY;
    next.ran_on_dest = TRUE;
    tell(event, next);
}

static void arrive(const Event *event)
{
    WorldNode next = event->before;
    gboolean live = event->setting->kind == GW_MOVE_LIVE;
    gboolean runs = live && event->setting->ran && !next.halted;
    next.copy = COPY_ARRIVED;
    next.dest = runs ? GW_SEEN_RUNNING : GW_SEEN_PAUSED;
    next.dest_disk = event->setting->copies ? 2 : 0;
    next.ran_on_dest |= runs;
    tell(event, next);
    if (!live) { /* some hypervisors go on calling it paused by the migration */
        next.dest = GW_SEEN_PAUSED_MIGRATING;
        tell(event, next);
    }
}

static void confirm(const Event *event)
{
    if (event->setting->persistent)
        end_copy(event, GW_SEEN_STOPPED, event->before.dest);
    if (event->setting->kind == GW_MOVE_LIVE)
        end_copy(event, GW_SEEN_ABSENT, event->before.dest);
    end_copy(event, event->before.source, event->before.dest); /* nobody tells the source */
}

static void copy_goes_on(const Event *event)
{
    switch ((WorldCopy)event->before.copy) {
    case COPY_NONE:
        return;
    case COPY_ASKED:
        begin(event);
        return;
    case COPY_RUNS:
        switch_over(event);
        switch_to_postcopy(event);
        take_back(event);
        leave_lying(event);
        return;
    case COPY_SWITCHES:
        arrive(event);
        take_back(event);
        leave_lying(event);
        return;
    case COPY_POSTCOPY:
        arrive(event);
        return;
    case COPY_ARRIVED:
        confirm(event);
        return;
    }
}

/* ---- the call that waits for it: tells the truth, or that it does not know */

static void call_returns(const Event *event)
{
    WorldNode next = event->before;
    if (next.call != GW_CALL_ACTIVE || next.copy != COPY_NONE)
        return;
    gboolean receives = next.dest == GW_SEEN_PAUSED_MIGRATING;
    gboolean whole = event->setting->kind == GW_MOVE_LIVE ? !receives : next.dest_disk == 2;
    gboolean half = next.dest == GW_SEEN_POSTCOPY || next.dest == GW_SEEN_POSTCOPY_FAILED;
    gboolean moved = is_gone(next.source) && next.dest != GW_SEEN_ABSENT && whole && !half;
    next.call = GW_CALL_LOST;
    tell(event, next);
    if (moved) {
        next.call = GW_CALL_DONE;
        tell(event, next);
    }
    gboolean intact = next.source != GW_SEEN_POSTCOPY && next.source != GW_SEEN_POSTCOPY_FAILED && !next.ran_on_dest;
    if (next.dest == GW_SEEN_ABSENT && intact) {
        next.call = GW_CALL_FAILED;
        tell(event, next);
        next.retry = !next.retried && next.dest_disk != DISK_HALF; /* only what has not begun is tried again */
        next.retried |= next.retry;
        tell(event, next);
    }
}

static void time_passes(const Event *event)
{
    WorldNode next = event->before;
    next.quiet = next.looked && next.copy != COPY_ASKED;
    tell(event, next);
}

/* ---- storm */

static void daemon_dies(const Event *event)
{
    WorldNode next = event->before;
    next.call = GW_CALL_NONE;
    next.forced = next.overdue = next.looked = next.quiet = next.failures = next.retry = 0;
    next.phase = PHASE_REST;
    next.saw_source = next.saw_job = next.saw_quiet = next.act = 0;
    tell(event, next);
}

/* Its copies go on, and what it had begun may yet arrive. */
static void lease_is_lost(const Event *event)
{
    WorldNode next = event->before;
    if (event->setting->lease == LEASE_NEVER_LOST || next.stray || next.phase != PHASE_DECIDED)
        return; /* in any other moment it is as if it died: nothing is on its way */
    Event own = *event;
    own.before.stray = next.act;
    daemon_dies(&own);
}

static void call_is_lost(const Event *event)
{
    WorldNode next = event->before;
    if (next.call != GW_CALL_ACTIVE || next.copy == COPY_NONE)
        return;
    next.call = GW_CALL_LOST;
    tell(event, next);
}

/* A user's word comes at any time; what the API refuses in a state is not asked in it. */
static void user_asks(const Event *event)
{
    WorldNode next = event->before;
    gboolean resting = next.state == GW_MIGRATION_FINISHED;
    next.abort = TRUE;
    tell(event, next);
    next = event->before;
    next.force = next.force || event->setting->kind == GW_MOVE_LIVE;
    tell(event, next);
    next = event->before;
    next.confirm = next.confirm || resting;
    tell(event, next);
    next = event->before;
    next.revert = next.revert || resting;
    tell(event, next);
}

static void clock_runs_out(const Event *event)
{
    WorldNode next = event->before;
    gboolean between = next.state == GW_MIGRATION_UNDOING && next.end == END_PREPARING;
    next.overdue = next.overdue || next.call == GW_CALL_ACTIVE || next.copy != COPY_NONE || between;
    tell(event, next);
}

/* The ladder sees it, and that is journalled. */
static void disks_cannot_keep_up(const Event *event)
{
    WorldNode next = event->before;
    gboolean live = event->setting->kind == GW_MOVE_LIVE && event->setting->ran && event->setting->copies;
    if (!live || next.state != GW_MIGRATION_RUNNING || next.copy != COPY_RUNS || next.phase != PHASE_REST || next.second)
        return;
    next.again = TRUE;
    tell(event, next);
}

/* The link is cut in the midst of post-copy: the hosts notice, one before the other. */
static void post_copy_breaks(const Event *event)
{
    if (event->before.copy != COPY_POSTCOPY)
        return;
    end_copy(event, GW_SEEN_POSTCOPY_FAILED, GW_SEEN_POSTCOPY_FAILED);
    end_copy(event, GW_SEEN_POSTCOPY, GW_SEEN_POSTCOPY_FAILED);
    end_copy(event, GW_SEEN_POSTCOPY_FAILED, GW_SEEN_POSTCOPY);
}

/* The source's QEMU ends with the memory that had not come over, or the destination's with all that the guest has done there. */
static void half_is_lost(const Event *event)
{
    Event own = *event;
    guint64 source = event->before.source;
    own.before.meddled = TRUE;
    if (event->before.copy != COPY_POSTCOPY &&
        (event->before.copy != COPY_NONE || event->before.dest != GW_SEEN_POSTCOPY_FAILED ||
         (source != GW_SEEN_POSTCOPY && source != GW_SEEN_POSTCOPY_FAILED)))
        return;
    end_copy(&own, stopped(event->setting), GW_SEEN_POSTCOPY_FAILED);
    end_copy(&own, GW_SEEN_POSTCOPY_FAILED, stopped(event->setting));
}

/* The guest shuts itself down, or its QEMU ends: a copy from it fails, and its half may stay behind. */
static void source_ends(const Event *event)
{
    Event own = *event;
    own.before.meddled = TRUE;
    guint64 source = event->before.source;
    gboolean switches = source == GW_SEEN_PAUSED_MIGRATING && event->before.copy == COPY_SWITCHES;
    gboolean held = source == GW_SEEN_PAUSED && event->before.copy == COPY_RUNS;
    if (source != GW_SEEN_RUNNING && !switches && !held)
        return;
    if (event->before.copy == COPY_RUNS || event->before.copy == COPY_SWITCHES) {
        end_copy(&own, stopped(event->setting), GW_SEEN_ABSENT);
        end_copy(&own, stopped(event->setting), GW_SEEN_PAUSED_MIGRATING);
    } else {
        own.before.source = stopped(event->setting);
        tell(event, own.before);
    }
}

static void dest_ends(const Event *event)
{
    WorldNode next = event->before;
    /* Not modelled: a transient guest that moved, of which the source was not told, and that ends before anyone looks.
     * Nothing that can be seen tells that from a copy that failed. */
    gboolean untold = event->setting->kind == GW_MOVE_LIVE && !is_gone(next.source);
    if (next.dest != GW_SEEN_RUNNING || (!event->setting->persistent && untold))
        return;
    next.dest = stopped(event->setting);
    next.meddled = TRUE;
    tell(event, next);
}

/* By an I/O error, which aborts a copy, or by someone's hand, which does not. */
static void guest_is_paused(const Event *event)
{
    WorldNode next = event->before;
    next.meddled = TRUE;
    if (next.dest == GW_SEEN_RUNNING) {
        next.dest = GW_SEEN_PAUSED;
        tell(event, next);
    }
    next.dest = event->before.dest;
    if (next.source != GW_SEEN_RUNNING)
        return;
    next.source = GW_SEEN_PAUSED;
    next.halted = TRUE;
    tell(event, next);
    if (next.copy == COPY_RUNS) {
        next.copy = COPY_NONE;
        next.dest = GW_SEEN_ABSENT;
        tell(event, next);
    }
}

/* ---- every step */

/* What a final state promises (docs/migration.md). Guests that had their own way are nobody's promise. */
static gboolean keeps_promise(const WorldSetting *setting, WorldNode node)
{
    gboolean own = !setting->persistent && node.meddled;
    switch ((GwMigrationState)node.state) {
    case GW_MIGRATION_COMPLETED:
        return (node.dest != GW_SEEN_ABSENT || own) && node.source == GW_SEEN_ABSENT &&
               node.dest_disk == (setting->copies ? 2 : 0) && node.source_disk == !setting->copies &&
               (!setting->ran || node.meddled || node.dest == GW_SEEN_RUNNING);
    case GW_MIGRATION_CONFIRMED:
        return node.dest != GW_SEEN_ABSENT && node.source == GW_SEEN_ABSENT && node.source_disk == !setting->copies;
    case GW_MIGRATION_FAILED:
    case GW_MIGRATION_CANCELLED:
    case GW_MIGRATION_REVERTED:
        return (node.source != GW_SEEN_ABSENT || own) && node.source_disk && node.dest == GW_SEEN_ABSENT &&
               !node.dest_disk && (!setting->ran || node.meddled || node.source == GW_SEEN_RUNNING);
    case GW_MIGRATION_ERROR: /* nothing is promised, but a whole copy is somewhere */
        return (node.source_disk || node.dest_disk == 2) &&
               (own || node.source != GW_SEEN_ABSENT || node.dest != GW_SEEN_ABSENT);
    default:
        return TRUE;
    }
}

static gboolean runs_twice(WorldNode node)
{
    return node.source == GW_SEEN_RUNNING && (node.dest == GW_SEEN_RUNNING || node.dest == GW_SEEN_POSTCOPY);
}

void world_tell(const WorldSetting *setting, WorldNode node, WorldNode next, WorldStep step, WorldVisit visit,
                void *data)
{
    gboolean changed =
        next.source != node.source || next.dest != node.dest || next.copy != node.copy || next.call != node.call;
    if (changed)
        next.looked = next.quiet = FALSE;
    if (next.phase == PHASE_SAW_SOURCE && next.dest != node.dest)
        next.saw_quiet = FALSE; /* the picture has another dest than before */
    if (!next.broken && runs_twice(next))
        next.broken = BROKEN_TWO_RUN;
    if (!next.broken && next.state != node.state && !keeps_promise(setting, next))
        next.broken = BROKEN_END;
    if (next.key != node.key || step == STEP_DAEMON)
        visit(data, next, step);
}

gboolean world_is_over(WorldNode node)
{
    return (gw_migration_state_traits((GwMigrationState)node.state) & GW_TRAIT_FINAL) ||
           (node.state == GW_MIGRATION_FINISHED && !node.confirm && !node.revert);
}

WorldNode world_start(const WorldSetting *setting)
{
    WorldNode node = {.key = 0};
    node.source = setting->ran ? GW_SEEN_RUNNING : setting->kind == GW_MOVE_LIVE ? GW_SEEN_PAUSED : GW_SEEN_STOPPED;
    node.dest = GW_SEEN_ABSENT;
    node.source_disk = TRUE;
    node.state = GW_MIGRATION_ACCEPTED;
    return node;
}

void world_steps(const WorldSetting *setting, WorldNode node, WorldWeather weather, WorldVisit visit, void *data)
{
    static void (*const storm[])(const Event *) = {daemon_dies, lease_is_lost, call_is_lost,    user_asks,        clock_runs_out,
                                                   source_ends, dest_ends,     guest_is_paused, post_copy_breaks, half_is_lost,
                                                   disks_cannot_keep_up};
    Event fair = {setting, node, STEP_FAIR, visit, data};
    Event bad = {setting, node, STEP_STORM, visit, data};
    if (gw_migration_state_traits((GwMigrationState)node.state) & GW_TRAIT_FINAL)
        return;
    if (node.stray)
        world_stray(setting, node, visit, data);
    if (!node.stray || setting->lease == LEASE_WITHOUT)
        world_daemon(setting, node, weather, visit, data);
    copy_goes_on(&fair);
    call_returns(&fair);
    time_passes(&fair);
    for (guint i = 0; weather == WEATHER_STORM && i < G_N_ELEMENTS(storm); i++)
        storm[i](&bad);
}

char *world_describe(WorldNode node)
{
    static const char *const copies[] = {"no copy",    "copy asked for", "copy runs",
                                         "switchover", "post-copy",      "arrived"};
    static const char *const calls[] = {"none", "active", "done", "failed", "lost"};
    gboolean decided = node.phase == PHASE_DECIDED;
    const char *what = decided                          ? gw_act_name((GwAct)node.act)
                       : node.phase == PHASE_SAW_SOURCE ? gw_seen_name((GwSeen)node.saw_source)
                                                        : NULL;
    g_autofree char *doing = what ? g_strdup_printf(", %s %s%s", decided ? "about to" : "saw the source", what,
                                                    node.saw_quiet ? " (stale)" : "")
                                  : g_strdup("");
    return g_strdup_printf(
        "%-10s call %-6s source %s%s, dest %s (disk %d), %s%s%s%s%s%s%s%s%s failures %d%s%s",
        gw_migration_state_name((GwMigrationState)node.state), calls[node.call], gw_seen_name((GwSeen)node.source),
        node.source_disk ? "" : " (no disk)", gw_seen_name((GwSeen)node.dest), (int)node.dest_disk, copies[node.copy],
        node.begun ? ", begun" : "", node.second ? ", second try" : node.again ? ", again" : "",
        node.quiet ? ", quiet" : "", node.abort ? ", abort" : "",
        node.force ? ", force" : "", node.overdue ? ", overdue" : "", node.meddled ? ", meddled" : "",
        node.ran_on_dest ? ", ran on dest" : "", (int)node.failures, doing, node.retry ? ", retry" : "");
}
