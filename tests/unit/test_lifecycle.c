/* The laws of the life-cycle, proved over every situation: all states × kinds × sights × calls × circumstances. */
#include "core/lifecycle.h"

typedef struct {
    GwSituation s;
    GwDecision d;
} Case;

typedef void (*Law)(const Case *c);

static const GwMigrationState ends[] = {GW_MIGRATION_FAILED, GW_MIGRATION_CANCELLED};

static guint64 visit_one(GwSituation *s, Law law)
{
    for (s->when = 0; s->when < 1u << GW_WHEN_COUNT; s->when++) {
        Case c = {*s, gw_lifecycle_next(s)};
        law(&c);
    }
    return 1u << GW_WHEN_COUNT;
}

/* Some states belong to one kind of move. */
static gboolean is_possible(GwMoveKind kind, GwMigrationState state)
{
    switch (state) {
    case GW_MIGRATION_RUNNING:
    case GW_MIGRATION_POSTCOPY:
    case GW_MIGRATION_SETTLING:
    case GW_MIGRATION_COMPLETED:
        return kind == GW_MOVE_LIVE;
    case GW_MIGRATION_STOPPING:
    case GW_MIGRATION_MOVING:
    case GW_MIGRATION_PLACING:
    case GW_MIGRATION_STARTING:
    case GW_MIGRATION_FINISHED:
    case GW_MIGRATION_CONFIRMING:
    case GW_MIGRATION_CONFIRMED:
    case GW_MIGRATION_REVERTING:
    case GW_MIGRATION_REVERTED:
        return kind == GW_MOVE_COLD;
    case GW_MIGRATION_ACCEPTED:
    case GW_MIGRATION_QUEUED:
    case GW_MIGRATION_PREPARING:
    case GW_MIGRATION_UNDOING:
    case GW_MIGRATION_CANCELLED:
    case GW_MIGRATION_FAILED:
    case GW_MIGRATION_ERROR:
    case GW_MIGRATION_STATE_COUNT:
        return TRUE;
    }
    return TRUE;
}

static guint64 visit_all(Law law)
{
    guint64 count = 0;
    GwSituation s = {0};
    for (guint kind = 0; kind <= GW_MOVE_COLD; kind++)
        for (guint state = 0; state < GW_MIGRATION_STATE_COUNT; state++)
            for (guint source = 0; source < GW_SEEN_COUNT; source++)
                for (guint dest = 0; dest < GW_SEEN_COUNT; dest++)
                    for (guint call = 0; call < GW_CALL_COUNT; call++) {
                        s = (GwSituation){(GwMoveKind)kind, (GwMigrationState)state, ends[(source + dest) % 2], (GwSeen)source,
                                          (GwSeen)dest, (GwCall)call, 0};
                        if (is_possible(s.kind, s.state))
                            count += visit_one(&s, law);
                    }
    return count;
}

static void say(const Case *c, const char *law)
{
    g_error("%s: %s %s, source %s, destination %s, call %d, when 0x%x: %s -> %s", law, gw_move_kind_name(c->s.kind),
            gw_migration_state_name(c->s.state), gw_seen_name(c->s.source), gw_seen_name(c->s.dest), (int)c->s.call, c->s.when,
            gw_act_name(c->d.act), gw_migration_state_name(c->d.next));
}

#define HOLDS(c, condition) ((condition) ? (void)0 : say(c, #condition))

static gboolean is_gone(GwSeen seen)
{
    return seen == GW_SEEN_ABSENT || seen == GW_SEEN_STOPPED;
}

static gboolean is_untouched(GwMigrationState state)
{
    return gw_migration_state_traits(state) & (GW_TRAIT_EARLY | GW_TRAIT_RESTING | GW_TRAIT_FINAL);
}

/* ---- the laws */

static void final_states_stay(const Case *c)
{
    if (gw_migration_state_traits(c->s.state) & GW_TRAIT_FINAL)
        HOLDS(c, c->d.act == GW_ACT_WAIT && c->d.next == c->s.state);
}

static void advancing_changes_the_state(const Case *c)
{
    HOLDS(c, c->d.next < GW_MIGRATION_STATE_COUNT);
    HOLDS(c, (c->d.act == GW_ACT_ADVANCE) == (c->d.next != c->s.state));
}

/* While a host is silent nothing is done, except what stays on the side that answers: an abort of the copy. */
static void silence_stops_everything(const Case *c)
{
    if (is_untouched(c->s.state) || (c->s.source != GW_SEEN_UNKNOWN && c->s.dest != GW_SEEN_UNKNOWN))
        return;
    gboolean harmless = c->d.act == GW_ACT_WAIT || c->d.act == GW_ACT_ABORT || c->d.act == GW_ACT_FORCE;
    gboolean known = c->d.act == GW_ACT_ADVANCE && (c->s.call == GW_CALL_DONE || c->d.next == GW_MIGRATION_POSTCOPY);
    HOLDS(c, harmless || known);
}

static void starts_only_beside_a_stopped_side(const Case *c)
{
    if (c->d.act == GW_ACT_START_DEST)
        HOLDS(c, is_gone(c->s.source) && c->s.dest == GW_SEEN_STOPPED);
    if (c->d.act == GW_ACT_START_SOURCE || c->d.act == GW_ACT_START_SOURCE_PAUSED)
        HOLDS(c, is_gone(c->s.dest) && c->s.source == GW_SEEN_STOPPED);
    if (c->d.act == GW_ACT_RESUME_SOURCE)
        HOLDS(c, is_gone(c->s.dest));
    if (c->d.act == GW_ACT_RESUME_DEST)
        HOLDS(c, c->s.state == GW_MIGRATION_SETTLING && c->s.dest == GW_SEEN_PAUSED);
    if (c->d.act == GW_ACT_MIGRATE)
        HOLDS(c, c->s.dest == GW_SEEN_ABSENT && (c->s.source == GW_SEEN_RUNNING || c->s.source == GW_SEEN_PAUSED));
    if (c->d.act == GW_ACT_ADOPT)
        HOLDS(c, c->s.dest == GW_SEEN_ABSENT && c->s.source == GW_SEEN_STOPPED);
}

static void source_is_removed_only_after_the_proof(const Case *c)
{
    if (c->d.act == GW_ACT_SETTLE)
        HOLDS(c, c->s.state == GW_MIGRATION_SETTLING && is_gone(c->s.source) && c->s.dest != GW_SEEN_ABSENT &&
                     c->s.dest != GW_SEEN_UNKNOWN);
    if (c->d.act == GW_ACT_FORGET_SOURCE)
        HOLDS(c, c->s.state == GW_MIGRATION_CONFIRMING && is_gone(c->s.source) && c->s.dest != GW_SEEN_ABSENT &&
                     c->s.dest != GW_SEEN_UNKNOWN);
    if (c->d.next == GW_MIGRATION_SETTLING && c->d.act == GW_ACT_ADVANCE)
        HOLDS(c, is_gone(c->s.source) && (c->s.dest == GW_SEEN_RUNNING || c->s.dest == GW_SEEN_PAUSED));
}

static void destination_is_removed_only_while_the_source_is_whole(const Case *c)
{
    if (c->d.act == GW_ACT_FORGET_DEST)
        HOLDS(c, is_gone(c->s.dest) && c->s.source != GW_SEEN_ABSENT && c->s.source != GW_SEEN_UNKNOWN &&
                     c->s.source != GW_SEEN_POSTCOPY && c->s.source != GW_SEEN_POSTCOPY_FAILED);
    if (c->d.act == GW_ACT_KILL_DEST)
        HOLDS(c, (c->s.dest == GW_SEEN_PAUSED || c->s.dest == GW_SEEN_PAUSED_MIGRATING) && c->s.source != GW_SEEN_ABSENT &&
                     c->s.source != GW_SEEN_UNKNOWN);
    if (c->d.act == GW_ACT_STOP_DEST)
        HOLDS(c, c->s.kind == GW_MOVE_COLD && c->s.source == GW_SEEN_STOPPED);
}

static void source_is_killed_only_when_it_cannot_matter(const Case *c)
{
    if (c->d.act != GW_ACT_KILL_SOURCE)
        return;
    if (c->s.kind == GW_MOVE_LIVE || c->s.state == GW_MIGRATION_RUNNING || c->s.state == GW_MIGRATION_SETTLING)
        HOLDS(c, c->s.dest == GW_SEEN_RUNNING && c->s.source != GW_SEEN_RUNNING);
    else /* cold: started paused for the copy of its disks, its CPUs have not run */
        HOLDS(c, c->s.source == GW_SEEN_PAUSED || c->s.source == GW_SEEN_PAUSED_MIGRATING);
}

static void two_running_copies_stop_everything(const Case *c)
{
    if (c->s.source != GW_SEEN_RUNNING || c->s.dest != GW_SEEN_RUNNING || is_untouched(c->s.state))
        return;
    gboolean looks = c->d.act == GW_ACT_WAIT || c->d.act == GW_ACT_ABORT || c->d.act == GW_ACT_FORCE;
    HOLDS(c, looks || (c->d.act == GW_ACT_ADVANCE &&
                       (c->d.next == GW_MIGRATION_ERROR || c->s.call == GW_CALL_DONE || c->d.next == GW_MIGRATION_UNDOING ||
                        c->s.state == GW_MIGRATION_STARTING || c->s.state == GW_MIGRATION_PLACING)));
}

static void undoing_leads_where_it_was_told(const Case *c)
{
    if (c->d.act == GW_ACT_ADVANCE && c->d.next == GW_MIGRATION_UNDOING)
        HOLDS(c, c->d.end == GW_MIGRATION_FAILED || c->d.end == GW_MIGRATION_CANCELLED);
    if (c->s.state == GW_MIGRATION_UNDOING && c->d.act == GW_ACT_ADVANCE)
        HOLDS(c, c->d.next == c->s.end || c->d.next == GW_MIGRATION_ERROR || c->d.next == GW_MIGRATION_SETTLING);
    if (c->s.state == GW_MIGRATION_REVERTING && c->d.act == GW_ACT_ADVANCE)
        HOLDS(c, c->d.next == GW_MIGRATION_REVERTED || c->d.next == GW_MIGRATION_ERROR);
    if (c->d.next == GW_MIGRATION_SETTLING && c->d.act == GW_ACT_ADVANCE)
        HOLDS(c, c->s.kind == GW_MOVE_LIVE || c->s.state == GW_MIGRATION_RUNNING || c->s.state == GW_MIGRATION_POSTCOPY);
}

/* A state that is finished for good says that the instance is intact: its source has it, alive or stopped as before. */
static void undone_means_intact(const Case *c)
{
    if (c->s.state == GW_MIGRATION_UNDOING && c->d.act == GW_ACT_ADVANCE && c->d.next == c->s.end)
        HOLDS(c, (c->s.source == GW_SEEN_RUNNING || c->s.source == GW_SEEN_PAUSED || c->s.source == GW_SEEN_STOPPED) &&
                     is_gone(c->s.dest));
    if (c->d.act == GW_ACT_ADVANCE && c->d.next == GW_MIGRATION_FAILED && c->s.state != GW_MIGRATION_UNDOING)
        HOLDS(c, gw_migration_state_traits(c->s.state) & GW_TRAIT_EARLY);
}

/* Doubt lasts no longer than the grace: with two hosts that answer, no copy and no act under way, a stale picture leads on. */
static void doubt_ends(const Case *c)
{
    gboolean resting = is_untouched(c->s.state) && c->s.state != GW_MIGRATION_PREPARING;
    if (resting || !(c->s.when & GW_WHEN_STALE) || (c->s.when & GW_WHEN_JOB) || c->s.call == GW_CALL_ACTIVE ||
        c->s.source == GW_SEEN_UNKNOWN || c->s.dest == GW_SEEN_UNKNOWN)
        return;
    HOLDS(c, c->d.act != GW_ACT_WAIT);
}

static const struct {
    const char *name;
    Law law;
} laws[] = {
    {"/lifecycle/final states stay", final_states_stay},
    {"/lifecycle/advancing changes the state", advancing_changes_the_state},
    {"/lifecycle/silence stops everything", silence_stops_everything},
    {"/lifecycle/starts only beside a stopped side", starts_only_beside_a_stopped_side},
    {"/lifecycle/source is removed only after the proof", source_is_removed_only_after_the_proof},
    {"/lifecycle/destination is removed only while the source is whole",
     destination_is_removed_only_while_the_source_is_whole},
    {"/lifecycle/source is killed only when it cannot matter", source_is_killed_only_when_it_cannot_matter},
    {"/lifecycle/two running copies stop everything", two_running_copies_stop_everything},
    {"/lifecycle/undoing leads where it was told", undoing_leads_where_it_was_told},
    {"/lifecycle/undone means intact", undone_means_intact},
    {"/lifecycle/doubt ends", doubt_ends},
};

static void prove(gconstpointer data)
{
    guint64 count = visit_all(laws[GPOINTER_TO_UINT(data)].law);
    g_test_message("%" G_GUINT64_FORMAT " situations", count);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(laws); i++)
        g_test_add_data_func(laws[i].name, GUINT_TO_POINTER(i), prove);
    return g_test_run();
}
