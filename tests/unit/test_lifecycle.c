/* The laws of the life-cycle, proved over every situation: all states × kinds × sights × calls × circumstances. A
 * situation that no row fits would run off its table, which AddressSanitizer sees. What follows from a row after row is
 * proved in test_lifecycle_world.c. */
#include "lifecycle_laws.h"

#include <string.h>

static void visit_one(GwSituation *s);

/* UNDOING alone looks at where it leads. */
static void visit_ends(GwSituation s)
{
    s.end = GW_MIGRATION_FAILED;
    visit_one(&s);
    s.end = GW_MIGRATION_CANCELLED;
    if (s.state != GW_MIGRATION_UNDOING)
        return;
    visit_one(&s);
    s.end = GW_MIGRATION_PREPARING;
    if (s.kind == GW_MOVE_LIVE)
        visit_one(&s);
}

static void visit_all(void)
{
    for (guint kind = 0; kind < GW_MOVE_KINDS; kind++)
        for (guint state = 0; state < GW_MIGRATION_STATE_COUNT; state++)
            for (guint source = 0; source < GW_SEEN_COUNT; source++)
                for (guint dest = 0; dest < GW_SEEN_COUNT; dest++)
                    for (guint call = 0; call < GW_CALL_COUNT; call++)
                        if (kind != GW_MOVE_RESIZE && law_is_possible((GwMoveKind)kind, (GwMigrationState)state))
                            visit_ends((GwSituation){.kind = (GwMoveKind)kind,
                                                     .state = (GwMigrationState)state,
                                                     .source = (GwSeen)source,
                                                     .dest = (GwSeen)dest,
                                                     .call = (GwCall)call});
}

/* A final state has one row, which looks at nothing: every circumstance alone, none and all of them do. */
static gboolean is_worth_a_visit(const GwSituation *s)
{
    gboolean single = (s->when & (s->when - 1)) == 0;
    return !law_is_final(s->state) || single || s->when == (1u << GW_WHEN_COUNT) - 1;
}

/* The states in which a second try means something; in the others it is looked at alone. */
static gboolean may_go_again(const GwSituation *s)
{
    return s->kind == GW_MOVE_LIVE && (s->state == GW_MIGRATION_RUNNING || s->state == GW_MIGRATION_UNDOING);
}

/* What undoing leads to a second try for, and that it does, are one thing (gw_migration_goes_again). */
static gboolean is_at_odds(const GwSituation *s)
{
    gboolean again = (s->when & GW_WHEN_AGAIN) != 0;
    return s->kind == GW_MOVE_LIVE && s->state == GW_MIGRATION_UNDOING && again != (s->end == GW_MIGRATION_PREPARING);
}

/* One pass for all laws; of each the first situation that breaks it, and how many do. */
static struct {
    Case first;
    guint64 count;
} broken[MOST_LAWS];
static guint64 situations;

static void visit_one(GwSituation *s)
{
    for (s->when = 0; s->when < 1u << GW_WHEN_COUNT; s->when++) {
        /* they mean something of silent hosts only, but to a move that waits for its turn; one of each proves that */
        gboolean waits = s->state == GW_MIGRATION_QUEUED;
        gboolean idle_fence = (s->when & GW_WHEN_FENCED) && s->source > GW_SEEN_ABSENT && s->kind != GW_MOVE_EVACUATE && !waits;
        gboolean idle_dest_fence = (s->when & GW_WHEN_DEST_FENCED) && s->dest > GW_SEEN_ABSENT && !waits;
        gboolean idle_again = (s->when & GW_WHEN_AGAIN) && s->when != GW_WHEN_AGAIN && !may_go_again(s);
        gboolean idle_halt = (s->when & GW_WHEN_HALTED) && s->source != GW_SEEN_PAUSED;
        gboolean idle_turn = (s->when & GW_WHEN_TURN) && s->when != GW_WHEN_TURN && !waits;
        if (idle_turn || !is_worth_a_visit(s) || idle_fence || idle_dest_fence || idle_again || idle_halt || is_at_odds(s))
            continue;
        Case c = {*s, gw_lifecycle_next(s)};
        situations++;
        for (guint i = 0; i < law_count; i++)
            if (!laws[i].law(&c) && !broken[i].count++)
                broken[i].first = c;
    }
}

static char *describe(const Case *c)
{
    static const char *const calls[] = {"none", "active", "done", "failed", "lost"};
    static const char *const circumstances[] = {"abort", "force", "confirm", "revert", "overdue",   "stale", "begun",
                                                "copies", "ran",   "job",     "retry",  "exhausted", "made",   "fenced", "destination fenced", "again", "halted", "turn"};
    G_STATIC_ASSERT(G_N_ELEMENTS(circumstances) == GW_WHEN_COUNT);
    GString *when = g_string_new(NULL);
    for (guint i = 0; i < GW_WHEN_COUNT; i++)
        if (c->s.when & 1u << i)
            g_string_append_printf(when, " %s", circumstances[i]);
    char *text =
        g_strdup_printf("%s %s, source %s, destination %s, call %s, when%s: %s -> %s", gw_move_kind_name(c->s.kind),
                        gw_migration_state_name(c->s.state), gw_seen_name(c->s.source), gw_seen_name(c->s.dest),
                        calls[c->s.call], when->str, gw_act_name(c->d.act), gw_migration_state_name(c->d.next));
    g_string_free(when, TRUE);
    return text;
}

static void prove(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    if (!situations)
        visit_all();
    g_test_message("%" G_GUINT64_FORMAT " situations", situations);
    if (!broken[i].count)
        return;
    g_autofree char *first = describe(&broken[i].first);
    g_test_message("broken in %" G_GUINT64_FORMAT " situations, first %s", broken[i].count, first);
    g_test_fail();
}

/* Circumstances alone matter little: what is waited for is seen. */
static void who_is_waited_for_is_who_is_named(void)
{
    static const char *const names[] = {[GW_WAITS_FOR_SOURCE] = "the source host does not answer",
                                        [GW_WAITS_FOR_DEST] = "the destination host does not answer"};
    static const unsigned whens[] = {0, GW_WHEN_ABORT, GW_WHEN_STALE, GW_WHEN_FENCED, GW_WHEN_DEST_FENCED, GW_WHEN_BEGUN, GW_WHEN_COPIES};
    guint waits[GW_WAITS_FOR_COUNT] = {0};
    for (guint n = 0; n < GW_MIGRATION_STATE_COUNT * GW_SEEN_COUNT * GW_SEEN_COUNT * GW_CALL_COUNT * GW_MOVE_KINDS; n++) {
        GwSituation s = {.state = (GwMigrationState)(n % GW_MIGRATION_STATE_COUNT),
                         .source = (GwSeen)(n / GW_MIGRATION_STATE_COUNT % GW_SEEN_COUNT),
                         .dest = (GwSeen)(n / GW_MIGRATION_STATE_COUNT / GW_SEEN_COUNT % GW_SEEN_COUNT),
                         .call = (GwCall)(n / GW_MIGRATION_STATE_COUNT / GW_SEEN_COUNT / GW_SEEN_COUNT % GW_CALL_COUNT),
                         .kind = (GwMoveKind)(n / GW_MIGRATION_STATE_COUNT / GW_SEEN_COUNT / GW_SEEN_COUNT / GW_CALL_COUNT),
                         .end = GW_MIGRATION_FAILED};
        for (guint i = 0; s.kind != GW_MOVE_RESIZE && law_is_possible(s.kind, s.state) && i < G_N_ELEMENTS(whens); i++) {
            s.when = whens[i];
            GwDecision d = gw_lifecycle_next(&s);
            waits[d.waits_for]++;
            for (guint side = GW_WAITS_FOR_SOURCE; side < GW_WAITS_FOR_COUNT; side++)
                g_assert_cmpint(d.waits_for == side, ==, d.act == GW_ACT_WAIT && d.reason && strstr(d.reason, names[side]) != NULL);
        }
    }
    for (guint side = 0; side < GW_WAITS_FOR_COUNT; side++)
        g_assert_cmpuint(waits[side], >, 0);
}

static void acts_have_names(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < GW_ACT_COUNT; i++)
        g_assert_true(g_hash_table_add(seen, (gpointer)gw_act_name((GwAct)i)));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions(); /* every broken law is told */
    g_test_add_func("/lifecycle/acts have names", acts_have_names);
    g_test_add_func("/lifecycle/who is waited for is who is named", who_is_waited_for_is_who_is_named);
    for (guint i = 0; i < law_count; i++) {
        g_autofree char *path = g_strdup_printf("/lifecycle/%s", laws[i].name);
        g_test_add_data_func(path, GUINT_TO_POINTER(i), prove);
    }
    return g_test_run();
}
