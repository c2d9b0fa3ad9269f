/* The daemon of the small world: the steps of engine/loop.c and the acts of engine/acts.c, each with every outcome. */
#include "lifecycle_world.h"

enum { MANY = 3 };

typedef struct {
    const WorldSetting *setting;
    WorldNode before;
    WorldVisit visit;
    void *data;
} Step;

static void tell(const Step *step, WorldNode next)
{
    world_tell(step->setting, step->before, next, STEP_DAEMON, step->visit, step->data);
}

/* ---- observe and decide */

static gboolean looks_at_hosts(WorldNode node)
{
    return node.state != GW_MIGRATION_ACCEPTED && node.state != GW_MIGRATION_QUEUED &&
           node.state != GW_MIGRATION_FINISHED;
}

/* A request just made is not shown as a job yet. */
static gboolean shows_job(WorldNode node)
{
    return node.copy != COPY_NONE && node.copy != COPY_ASKED;
}

static unsigned circumstances(const WorldSetting *setting, WorldNode node, gboolean job, gboolean stale)
{
    unsigned when = 0;
    when |= node.abort ? GW_WHEN_ABORT : 0;
    when |= node.force && (!node.forced || node.state == GW_MIGRATION_SETTLING) ? GW_WHEN_FORCE : 0;
    when |= node.confirm ? GW_WHEN_CONFIRM : 0;
    when |= node.revert ? GW_WHEN_REVERT : 0;
    when |= node.overdue ? GW_WHEN_OVERDUE : 0;
    when |= stale && !job ? GW_WHEN_STALE : 0;
    when |= node.begun ? GW_WHEN_BEGUN : 0;
    when |= setting->copies ? GW_WHEN_COPIES : 0;
    when |= setting->ran ? GW_WHEN_RAN : 0;
    when |= job ? GW_WHEN_JOB : 0;
    when |= node.retry ? GW_WHEN_RETRY : 0;
    when |= node.failures == MANY ? GW_WHEN_EXHAUSTED : 0;
    when |= node.dest_disk ? GW_WHEN_MADE : 0;
    gboolean leads_there = node.state != GW_MIGRATION_UNDOING || node.end == END_PREPARING;
    when |= node.again && !node.second && leads_there ? GW_WHEN_AGAIN : 0;
    return when;
}

/* While a call copies, the call tells of it, also in the next state. */
static void advance(WorldNode *node, const GwDecision *decision)
{
    if (node->state == GW_MIGRATION_UNDOING && decision->next == GW_MIGRATION_PREPARING) {
        node->second = TRUE;
        node->begun = node->forced = node->overdue = FALSE;
    }
    node->state = decision->next;
    node->end = decision->end == GW_MIGRATION_CANCELLED   ? END_CANCELLED
                : decision->end == GW_MIGRATION_PREPARING ? END_PREPARING
                                                          : END_FAILED;
    if (node->call != GW_CALL_ACTIVE)
        node->call = GW_CALL_NONE;
    node->retry = FALSE;
    node->failures = 0;
    node->looked = node->quiet = FALSE;
}

static void decide_when(const Step *step, GwSeen source, GwSeen dest, unsigned when)
{
    WorldNode next = step->before;
    static const GwMigrationState ends[] = {
        [END_FAILED] = GW_MIGRATION_FAILED, [END_CANCELLED] = GW_MIGRATION_CANCELLED, [END_PREPARING] = GW_MIGRATION_PREPARING};
    GwSituation situation = {step->setting->kind,
                             (GwMigrationState)next.state,
                             ends[next.end],
                             source,
                             dest,
                             (GwCall)next.call,
                             when};
    GwDecision decision = gw_lifecycle_next(&situation);
    next.phase = PHASE_REST;
    next.saw_source = next.saw_job = next.saw_quiet = 0;
    next.looked = looks_at_hosts(next) && source != GW_SEEN_UNKNOWN && dest != GW_SEEN_UNKNOWN;
    next.quiet = next.quiet && next.looked;
    if (decision.act == GW_ACT_ADVANCE) {
        advance(&next, &decision);
    } else if (decision.act != GW_ACT_WAIT) {
        next.phase = PHASE_DECIDED;
        next.act = decision.act;
        next.begun |= decision.act == GW_ACT_MIGRATE; /* journalled first */
    }
    tell(step, next);
}

static void decide(const Step *step, GwSeen source, GwSeen dest, gboolean job, gboolean stale)
{
    decide_when(step, source, dest, circumstances(step->setting, step->before, job, stale));
}

/* Its turn comes, at last; in a storm its hosts are silent before, for a moment or for too long. That it is not its turn yet changes
 * nothing. */
static void wait_for_turn(const Step *step, WorldWeather weather)
{
    WorldNode node = step->before;
    unsigned when = circumstances(step->setting, node, FALSE, FALSE);
    GwSeen source = (GwSeen)node.source;
    if (weather == WEATHER_STORM) {
        decide_when(step, GW_SEEN_UNKNOWN, GW_SEEN_ABSENT, when | GW_WHEN_TURN);
        decide_when(step, source, GW_SEEN_UNKNOWN, when | GW_WHEN_TURN);
        decide_when(step, GW_SEEN_UNKNOWN, GW_SEEN_ABSENT, when | GW_WHEN_OVERDUE);
        decide_when(step, source, GW_SEEN_UNKNOWN, when | GW_WHEN_OVERDUE);
    }
    decide_when(step, source, GW_SEEN_ABSENT, when | GW_WHEN_TURN);
}

static void see_dest(const Step *step, WorldWeather weather)
{
    WorldNode node = step->before;
    if (node.call == GW_CALL_ACTIVE) {
        decide(step, (GwSeen)node.saw_source, GW_SEEN_PAUSED_MIGRATING, node.saw_job, FALSE);
        return;
    }
    if (weather == WEATHER_STORM)
        decide(step, (GwSeen)node.saw_source, GW_SEEN_UNKNOWN, node.saw_job, FALSE);
    decide(step, (GwSeen)node.saw_source, (GwSeen)node.dest, node.saw_job, node.saw_quiet);
}

static void see_source(const Step *step, WorldWeather weather)
{
    WorldNode next = step->before;
    next.phase = PHASE_SAW_SOURCE;
    if (weather == WEATHER_STORM) {
        next.saw_source = GW_SEEN_UNKNOWN;
        tell(step, next);
    }
    next.saw_source = next.source;
    next.saw_job = shows_job(next);
    next.saw_quiet = next.quiet;
    tell(step, next);
}

/* ---- acts: what they do to the hosts. FALSE: the driver refuses, nothing is changed. */

static gboolean is_gone(guint64 seen)
{
    return seen == GW_SEEN_ABSENT || seen == GW_SEEN_STOPPED;
}

static void break_law(WorldNode *node, gboolean broken, WorldBroken law)
{
    if (broken && !node->broken)
        node->broken = law;
}

static gboolean forget_source(const WorldSetting *setting, WorldNode *node)
{
    if (!is_gone(node->source))
        return FALSE;
    gboolean disk = node->source != GW_SEEN_ABSENT || (setting->copies && node->source_disk);
    gboolean vanished = !setting->persistent && node->meddled && (!setting->copies || node->dest_disk == 2);
    break_law(node, disk && node->dest == GW_SEEN_ABSENT && !vanished, BROKEN_LOST_SOURCE);
    break_law(node, setting->copies && node->source_disk && node->dest_disk != 2, BROKEN_LOST_SOURCE);
    node->source = GW_SEEN_ABSENT;
    if (setting->copies)
        node->source_disk = FALSE;
    return TRUE;
}

static gboolean forget_dest(const WorldSetting *setting, WorldNode *node)
{
    if (!is_gone(node->dest))
        return FALSE;
    gboolean anything = node->dest != GW_SEEN_ABSENT || node->dest_disk;
    gboolean vanished = !setting->persistent && node->meddled && node->source_disk;
    break_law(node, anything && (!node->source_disk || (node->source == GW_SEEN_ABSENT && !vanished)),
              BROKEN_LOST_DEST);
    break_law(node, anything && setting->kind == GW_MOVE_LIVE && node->ran_on_dest, BROKEN_LOST_GUEST);
    node->dest = GW_SEEN_ABSENT;
    node->dest_disk = 0;
    return TRUE;
}

static gboolean run_source(const WorldSetting *setting, WorldNode *node)
{
    if (setting->kind == GW_MOVE_LIVE)
        break_law(node, node->ran_on_dest, BROKEN_OLD_RUNS);
    node->source = GW_SEEN_RUNNING;
    node->started_paused = node->halted = FALSE;
    return TRUE;
}

static guint64 stopped(const WorldSetting *setting)
{
    return setting->persistent ? GW_SEEN_STOPPED : GW_SEEN_ABSENT;
}

static gboolean kill_source(const WorldSetting *setting, WorldNode *node)
{
    if (is_gone(node->source))
        return TRUE;
    if (setting->kind == GW_MOVE_LIVE)
        break_law(node, !node->ran_on_dest, BROKEN_LOST_GUEST);
    else /* the plug may be pulled only on what has not run, or on a guest that is to be stopped anyway */
        break_law(node, node->source == GW_SEEN_RUNNING, BROKEN_LOST_GUEST);
    node->source = stopped(setting);
    node->started_paused = FALSE;
    return TRUE;
}

/* What still receives was never defined there. */
static gboolean kill_dest(const WorldSetting *setting, WorldNode *node)
{
    if (is_gone(node->dest))
        return TRUE;
    if (setting->kind == GW_MOVE_LIVE)
        break_law(node, node->ran_on_dest, BROKEN_LOST_GUEST);
    gboolean receives = node->dest == GW_SEEN_PAUSED_MIGRATING && setting->kind == GW_MOVE_LIVE;
    node->dest = receives ? GW_SEEN_ABSENT : stopped(setting);
    return TRUE;
}

/* Some hypervisors let a guest that was paused for its copy run on at once, others leave that to us. */
static gboolean force(const WorldSetting *setting, WorldNode *node, gboolean halts)
{
    if (node->copy != COPY_RUNS || node->source != GW_SEEN_RUNNING)
        return FALSE;
    node->forced = TRUE;
    if (setting->postcopy) {
        node->copy = COPY_POSTCOPY;
        node->source = node->dest = GW_SEEN_POSTCOPY;
        node->ran_on_dest = TRUE;
    } else {
        node->source = halts ? GW_SEEN_PAUSED : GW_SEEN_PAUSED_MIGRATING;
        node->halted = halts;
    }
    return TRUE;
}

static gboolean resume_dest(WorldNode *node)
{
    if (node->dest != GW_SEEN_PAUSED && node->dest != GW_SEEN_RUNNING)
        return FALSE;
    node->dest = GW_SEEN_RUNNING;
    node->ran_on_dest = TRUE;
    return TRUE;
}

static gboolean start_source(const WorldSetting *setting, WorldNode *node, guint64 how)
{
    if (node->source != GW_SEEN_STOPPED)
        return node->source == how;
    if (how == GW_SEEN_RUNNING)
        return run_source(setting, node);
    node->source = GW_SEEN_PAUSED;
    node->started_paused = TRUE;
    return TRUE;
}

static gboolean start_dest(WorldNode *node)
{
    if (node->dest == GW_SEEN_STOPPED)
        node->dest = GW_SEEN_RUNNING;
    return node->dest == GW_SEEN_RUNNING;
}

static gboolean stop_source(const WorldSetting *setting, WorldNode *node)
{
    node->source = is_gone(node->source) ? node->source : stopped(setting);
    return TRUE;
}

static gboolean do_act(const WorldSetting *setting, WorldNode *node)
{
    switch ((GwAct)node->act) {
    case GW_ACT_WAIT:
    case GW_ACT_ADVANCE:
    case GW_ACT_MIGRATE:
    case GW_ACT_RECOVER:
    case GW_ACT_COUNT:
        g_assert_not_reached();
    case GW_ACT_CHECK:
    case GW_ACT_ENTER:
    case GW_ACT_RESHAPE:
    case GW_ACT_ABORT: /* asks; the copy ends by itself */
        return TRUE;
    case GW_ACT_PREPARE:
        node->dest_disk = setting->copies;
        return TRUE;
    case GW_ACT_ADOPT:
        node->dest = node->dest == GW_SEEN_ABSENT ? GW_SEEN_STOPPED : node->dest;
        return TRUE;
    case GW_ACT_SETTLE:
    case GW_ACT_FORGET_SOURCE:
        return forget_source(setting, node);
    case GW_ACT_FORGET_DEST:
        return forget_dest(setting, node);
    case GW_ACT_START_DEST:
        return start_dest(node);
    case GW_ACT_START_SOURCE:
        return start_source(setting, node, GW_SEEN_RUNNING);
    case GW_ACT_START_SOURCE_PAUSED:
        return start_source(setting, node, GW_SEEN_PAUSED);
    case GW_ACT_FORCE:
        return force(setting, node, TRUE);
    case GW_ACT_RESUME_SOURCE:
        return is_gone(node->source) ? FALSE : run_source(setting, node);
    case GW_ACT_RESUME_DEST:
        return resume_dest(node);
    case GW_ACT_STOP_SOURCE:
        return stop_source(setting, node);
    case GW_ACT_STOP_DEST:
        node->dest = is_gone(node->dest) ? node->dest : stopped(setting);
        return TRUE;
    case GW_ACT_KILL_SOURCE:
        return kill_source(setting, node);
    case GW_ACT_KILL_DEST:
        return kill_dest(setting, node);
    }
    return FALSE;
}

/* ---- acts: their outcomes */

static gboolean is_work(GwAct act)
{
    return act == GW_ACT_CHECK || act == GW_ACT_ENTER || act == GW_ACT_PREPARE || act == GW_ACT_RESHAPE || act == GW_ACT_ADOPT ||
           act == GW_ACT_SETTLE || act == GW_ACT_FORGET_SOURCE || act == GW_ACT_FORGET_DEST || act == GW_ACT_START_DEST;
}

static WorldNode after(WorldNode node, GwCall call, gboolean failed)
{
    if (is_work((GwAct)node.act))
        node.call = call;
    gboolean resumes = node.act == GW_ACT_RESUME_DEST || node.act == GW_ACT_RESUME_SOURCE;
    node.meddled |= failed && resumes; /* then nobody may be promised that it runs */
    node.failures = !failed ? 0 : node.failures < MANY ? node.failures + 1 : MANY;
    node.phase = PHASE_REST;
    node.act = 0;
    return node;
}

static gboolean ask_for_copy(WorldNode *node)
{
    if (node->dest != GW_SEEN_ABSENT || node->copy != COPY_NONE || (node->source != GW_SEEN_RUNNING && node->source != GW_SEEN_PAUSED))
        return FALSE;
    break_law(node, node->dest_disk == DISK_HALF, BROKEN_STALE_DISK);
    node->copy = COPY_ASKED;
    return TRUE;
}

static void begin_copy(const Step *step)
{
    WorldNode next = step->before;
    next.phase = PHASE_REST;
    next.act = 0;
    next.retry = FALSE;
    next.failures = 0;
    next.call = ask_for_copy(&next) ? GW_CALL_ACTIVE : GW_CALL_FAILED;
    tell(step, next);
}

static gboolean is_half(guint64 seen)
{
    return seen == GW_SEEN_POSTCOPY || seen == GW_SEEN_POSTCOPY_FAILED;
}

static gboolean take_up_postcopy(WorldNode *node)
{
    if (node->copy != COPY_NONE || !is_half(node->source) || !is_half(node->dest))
        return FALSE;
    node->copy = COPY_POSTCOPY;
    node->source = node->dest = GW_SEEN_POSTCOPY;
    return TRUE;
}

/* Refused while the link is down, which it is not for ever. */
static void recover(const Step *step, WorldWeather weather)
{
    WorldNode next = step->before;
    gboolean halves = next.copy == COPY_NONE && is_half(next.source) && is_half(next.dest);
    next.phase = PHASE_REST;
    next.act = 0;
    next.failures = 0;
    next.call = GW_CALL_FAILED;
    if (weather == WEATHER_STORM || !halves)
        tell(step, next);
    if (weather == WEATHER_STORM && halves) {
        next.call = GW_CALL_LOST;
        tell(step, next);
    }
    if (!take_up_postcopy(&next))
        return;
    next.call = GW_CALL_ACTIVE;
    tell(step, next);
}

static void act(const Step *step, WorldWeather weather)
{
    WorldNode node = step->before;
    WorldNode done = node;
    if (node.act == GW_ACT_RECOVER) {
        recover(step, weather);
        return;
    }
    if (node.act == GW_ACT_MIGRATE) {
        begin_copy(step);
        return;
    }
    gboolean ok = do_act(step->setting, &done);
    if (ok)
        tell(step, after(done, GW_CALL_DONE, FALSE));
    WorldNode other = node;
    if (node.act == GW_ACT_FORCE && force(step->setting, &other, FALSE))
        tell(step, after(other, GW_CALL_DONE, FALSE));
    if (node.act == GW_ACT_ABORT && weather == WEATHER_CALM)
        return; /* a request to abort is heard at last, or the copy ends */
    gboolean checks = node.act == GW_ACT_CHECK || node.act == GW_ACT_ENTER;
    WorldNode failed = after(node, GW_CALL_FAILED, !checks);
    if (node.act == GW_ACT_PREPARE)
        failed.dest_disk = 0; /* it has removed what it made */
    tell(step, failed);
    if (node.act == GW_ACT_ENTER && weather == WEATHER_STORM)
        tell(step, after(node, GW_CALL_NONE, FALSE)); /* a turn that was of no use */
    if (checks)
        return;
    tell(step, after(node, (GwCall)node.call, TRUE)); /* out of reach */
    if (is_work((GwAct)node.act)) {
        tell(step, after(node, GW_CALL_LOST, TRUE));
        if (ok)
            tell(step, after(done, GW_CALL_LOST, TRUE));
    }
}

void world_daemon(const WorldSetting *setting, WorldNode node, WorldWeather weather, WorldVisit visit, void *data)
{
    Step step = {setting, node, visit, data};
    if (gw_migration_state_traits((GwMigrationState)node.state) & GW_TRAIT_FINAL)
        return;
    switch ((WorldPhase)node.phase) {
    case PHASE_REST:
        if (looks_at_hosts(node))
            see_source(&step, weather);
        else if (node.state == GW_MIGRATION_QUEUED)
            wait_for_turn(&step, weather);
        else
            decide(&step, GW_SEEN_UNKNOWN, GW_SEEN_UNKNOWN, FALSE, FALSE);
        return;
    case PHASE_SAW_SOURCE:
        see_dest(&step, weather);
        return;
    case PHASE_DECIDED:
        act(&step, weather);
        return;
    }
}

static gboolean arrive(const WorldSetting *setting, WorldNode *node)
{
    switch ((GwAct)node->act) {
    case GW_ACT_MIGRATE:
        return ask_for_copy(node);
    case GW_ACT_RECOVER:
        return take_up_postcopy(node);
    default:
        return do_act(setting, node);
    }
}

void world_stray(const WorldSetting *setting, WorldNode node, WorldVisit visit, void *data)
{
    WorldNode next = node;
    next.stray = 0;
    world_tell(setting, node, next, STEP_FAIR, visit, data); /* it never came */
    next.act = node.stray;
    gboolean done = arrive(setting, &next);
    next.act = node.act;
    if (done)
        world_tell(setting, node, next, STEP_FAIR, visit, data);
}
