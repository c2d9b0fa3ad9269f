/* Pools of hosts made from aggregates: what comes next, by table and by law over every picture; what may be asked for. */
#include "core/pool.h"

#include "base/error.h"

#include <string.h>

enum { LIMIT = 600, GRACE = 60 };
static const GwPoolTimes times = {LIMIT, GRACE};

/* ---- what comes next */

static void what_comes_next(void)
{
    static const struct {
        GwPoolChangeKind kind;
        gboolean called;
        GwPoolSight sight;
        GwPoolAct act;
    } rows[] = {
        /* a join: asked for once, waited for, done */
        {GW_POOL_JOIN, FALSE, {GW_MEMBER_OUTSIDE}, GW_POOL_CALL},
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_OUTSIDE, GW_POOL_TASK_RUNNING, .lasts = TRUE}, GW_POOL_WAIT},
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_OUTSIDE, GW_POOL_TASK_DONE, .lasts = TRUE}, GW_POOL_WAIT}, /* the toolstack restarts some seconds later */
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_ABSENT}, GW_POOL_WAIT},                                   /* it restarts */
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_COMING}, GW_POOL_WAIT},
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_UP, .waited_s = GRACE - 1}, GW_POOL_WAIT},
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_UP, .waited_s = GRACE}, GW_POOL_FINISH},
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_READY}, GW_POOL_FINISH},
        {GW_POOL_JOIN, FALSE, {GW_MEMBER_READY}, GW_POOL_FINISH}, /* it was a member before */
        {GW_POOL_JOIN_FORCE, FALSE, {GW_MEMBER_OUTSIDE}, GW_POOL_CALL},
        /* the daemon was killed between writing and calling, or the task was lost: once that lasts it is called again */
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_OUTSIDE, GW_POOL_TASK_NONE}, GW_POOL_WAIT},
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_OUTSIDE, GW_POOL_TASK_NONE, .lasts = TRUE}, GW_POOL_CALL},
        /* it is known not to have joined */
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_OUTSIDE, GW_POOL_TASK_FAILED}, GW_POOL_UNDO},
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_OUTSIDE, .refused = TRUE}, GW_POOL_UNDO},
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_ELSEWHERE}, GW_POOL_UNDO},
        {GW_POOL_JOIN, FALSE, {GW_MEMBER_ELSEWHERE}, GW_POOL_UNDO},
        {GW_POOL_JOIN, FALSE, {GW_MEMBER_UNKNOWN, .waited_s = LIMIT}, GW_POOL_UNDO},
        {GW_POOL_JOIN, FALSE, {GW_MEMBER_OUTSIDE, .waited_s = LIMIT}, GW_POOL_UNDO},
        /* nobody knows */
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_UNKNOWN, .waited_s = LIMIT - 1}, GW_POOL_WAIT},
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_UNKNOWN, .waited_s = LIMIT}, GW_POOL_GIVE_UP},
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_ABSENT, .waited_s = LIMIT}, GW_POOL_GIVE_UP},
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_COMING, .waited_s = LIMIT}, GW_POOL_GIVE_UP},
        {GW_POOL_JOIN, TRUE, {GW_MEMBER_OUTSIDE, GW_POOL_TASK_RUNNING, .waited_s = LIMIT}, GW_POOL_GIVE_UP},
        /* an ejection */
        {GW_POOL_EJECT, FALSE, {GW_MEMBER_READY}, GW_POOL_CALL},
        {GW_POOL_EJECT, TRUE, {GW_MEMBER_READY, GW_POOL_TASK_RUNNING, .lasts = TRUE}, GW_POOL_WAIT},
        {GW_POOL_EJECT, TRUE, {GW_MEMBER_COMING, GW_POOL_TASK_DONE, .lasts = TRUE}, GW_POOL_WAIT},
        {GW_POOL_EJECT, TRUE, {GW_MEMBER_READY, GW_POOL_TASK_NONE, .lasts = TRUE}, GW_POOL_CALL},
        {GW_POOL_EJECT, TRUE, {GW_MEMBER_READY, GW_POOL_TASK_FAILED}, GW_POOL_UNDO},
        {GW_POOL_EJECT, TRUE, {GW_MEMBER_ABSENT}, GW_POOL_FINISH}, /* it reboots: that is not waited for */
        {GW_POOL_EJECT, TRUE, {GW_MEMBER_OUTSIDE}, GW_POOL_FINISH},
        {GW_POOL_EJECT, FALSE, {GW_MEMBER_ELSEWHERE}, GW_POOL_FINISH},
        {GW_POOL_EJECT, TRUE, {GW_MEMBER_UNKNOWN}, GW_POOL_WAIT},
        {GW_POOL_EJECT, TRUE, {GW_MEMBER_UNKNOWN, .waited_s = LIMIT}, GW_POOL_GIVE_UP},
        {GW_POOL_EJECT, FALSE, {GW_MEMBER_UNKNOWN, .waited_s = LIMIT}, GW_POOL_UNDO},
        /* a name that is set */
        {GW_POOL_FOUND, FALSE, {GW_MEMBER_UNKNOWN}, GW_POOL_CALL},
        {GW_POOL_FOUND, TRUE, {GW_MEMBER_UNKNOWN}, GW_POOL_CALL},
        {GW_POOL_FOUND, TRUE, {.task = GW_POOL_TASK_DONE}, GW_POOL_FINISH},
        {GW_POOL_FOUND, TRUE, {.refused = TRUE}, GW_POOL_UNDO},
        {GW_POOL_FOUND, TRUE, {.waited_s = LIMIT}, GW_POOL_UNDO},
        {GW_POOL_DISBAND, TRUE, {.task = GW_POOL_TASK_DONE}, GW_POOL_FINISH},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        GwPoolChange change = {rows[i].kind, rows[i].called, 0, (char *)"HostB", NULL};
        g_test_message("row %u", i);
        g_assert_cmpint(gw_pool_next(&change, &rows[i].sight, &times), ==, rows[i].act);
    }
}

static void check_picture(const GwPoolChange *change, const GwPoolSight *sight)
{
    GwPoolAct act = gw_pool_next(change, sight, &times);
    gboolean joins = change->kind == GW_POOL_JOIN || change->kind == GW_POOL_JOIN_FORCE, ejects = change->kind == GW_POOL_EJECT;
    gboolean member = sight->member == GW_MEMBER_UP || sight->member == GW_MEMBER_READY;
    gboolean away = sight->member == GW_MEMBER_ABSENT || sight->member == GW_MEMBER_OUTSIDE || sight->member == GW_MEMBER_ELSEWHERE;
    g_assert_cmpint(act, <, GW_POOL_ACT_COUNT);
    if (joins && act == GW_POOL_CALL) /* nobody is asked to join that may be a member, or that may be joining */
        g_assert_true(sight->member == GW_MEMBER_OUTSIDE && (!change->called || (sight->task == GW_POOL_TASK_NONE && sight->lasts)));
    if (joins && act == GW_POOL_FINISH)
        g_assert_true(member);
    if (joins && act == GW_POOL_UNDO) /* it is taken out of the aggregate only when it is no member: proved, or never asked */
        g_assert_true(!member && (!change->called || away) && sight->member != GW_MEMBER_COMING);
    if (ejects && act == GW_POOL_FINISH)
        g_assert_true(away);
    if (ejects && act == GW_POOL_CALL)
        g_assert_true(!change->called || (sight->task == GW_POOL_TASK_NONE && sight->lasts));
    if ((joins || ejects) && sight->waited_s >= LIMIT) /* nothing lasts for ever, and nothing is begun late */
        g_assert_true(act != GW_POOL_WAIT && act != GW_POOL_CALL);
    if (sight->member == GW_MEMBER_UNKNOWN && sight->waited_s < LIMIT && (joins || ejects)) /* doubt is no reason to do anything */
        g_assert_cmpint(act, ==, GW_POOL_WAIT);
}

static guint take(guint *rest, guint size)
{
    guint digit = *rest % size;
    *rest /= size;
    return digit;
}

static void whatever_is_seen(void)
{
    static const gint64 waits[] = {0, GRACE - 1, GRACE, LIMIT - 1, LIMIT, 10 * LIMIT};
    guint count = 0;
    for (guint n = 0; n < GW_POOL_CHANGE_COUNT * 2 * GW_MEMBER_COUNT * GW_POOL_TASK_COUNT * 2 * 2 * G_N_ELEMENTS(waits); n++) {
        guint rest = n;
        GwPoolChange change = {.kind = (GwPoolChangeKind)take(&rest, GW_POOL_CHANGE_COUNT), .host = (char *)"HostB"};
        change.called = take(&rest, 2);
        GwPoolSight sight = {.member = (GwMembership)take(&rest, GW_MEMBER_COUNT)};
        sight.task = (GwPoolTask)take(&rest, GW_POOL_TASK_COUNT);
        sight.refused = take(&rest, 2);
        sight.lasts = take(&rest, 2);
        sight.waited_s = waits[take(&rest, G_N_ELEMENTS(waits))];
        if (!change.called && (sight.refused || sight.task != GW_POOL_TASK_NONE))
            continue; /* that cannot be */
        check_picture(&change, &sight);
        count++;
    }
    g_assert_cmpuint(count, >, 1000);
}

/* ---- the journal */

static void changes_are_read_as_written(void)
{
    GwPoolChange change = {GW_POOL_EJECT, TRUE, 1764450000, (char *)"Host.B-1", (char *)"3f2a9c01"};
    for (guint kind = 0; kind < GW_POOL_CHANGE_COUNT; kind++) {
        g_auto(GwPoolChange) again = {0};
        change.kind = (GwPoolChangeKind)kind;
        change.called = !change.called;
        change.confirmed = kind == GW_POOL_EJECT ? (char *)"3f2a9c01" : NULL;
        g_autofree char *text = gw_pool_change_write(&change);
        g_assert_true(gw_pool_change_read(text, &again));
        g_assert_cmpint(again.kind, ==, change.kind);
        g_assert_cmpint(again.called, ==, change.called);
        g_assert_cmpint(again.since_s, ==, change.since_s);
        g_assert_cmpstr(again.host, ==, change.host);
        g_assert_cmpstr(again.confirmed, ==, change.confirmed);
    }
    static const char *const bad[] = {NULL, "", "join", "join HostB", "join HostB wanted", "join  wanted 1", "join HostB soon 1",
                                      "marry HostB wanted 1", "join HostB wanted -1", "join HostB wanted x", "join HostB wanted 1 a b"};
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        GwPoolChange none;
        g_assert_false(gw_pool_change_read(bad[i], &none));
    }
}

static char *code_of(const char *first, const char *second)
{
    g_autoptr(GPtrArray) losses = g_ptr_array_new();
    g_ptr_array_add(losses, (gpointer)first);
    if (second)
        g_ptr_array_add(losses, (gpointer)second);
    return gw_pool_losses_code(losses);
}

static void a_confirmation_is_of_one_list(void)
{
    g_autofree char *ab = code_of("a", "b"), *ba = code_of("b", "a"), *a = code_of("a", NULL), *joined = code_of("ab", NULL);
    g_assert_cmpstr(ab, ==, ba);
    g_assert_cmpstr(ab, !=, a);
    g_assert_cmpstr(ab, !=, joined);
    g_assert_cmpuint(strlen(ab), ==, 8);
}

/* ---- what may be asked for. keys: "key=value key=value"; hosts: "A B" */

static GPtrArray *metadata_of(const char *keys)
{
    GPtrArray *metadata = gw_metadata_new();
    g_auto(GStrv) words = g_strsplit(keys, " ", -1);
    for (guint i = 0; words[i] && *words[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(words[i], "=", 2);
        gw_metadata_add(metadata, parts[0], parts[1]);
    }
    return metadata;
}

static GwAggregate *aggregate_of(const char *hosts, const char *keys)
{
    GwAggregate *aggregate = gw_aggregate_new();
    g_auto(GStrv) words = g_strsplit(hosts, " ", -1);
    aggregate->id = 3;
    for (guint i = 0; words[i] && *words[i]; i++)
        g_ptr_array_add(aggregate->hosts, g_strdup(words[i]));
    g_ptr_array_unref(aggregate->metadata);
    aggregate->metadata = metadata_of(keys);
    return aggregate;
}

#define POOL "hypervisor_pool=true operational_state="

static void hosts_come_and_go_in_some_states(void)
{
    static const struct {
        const char *hosts, *keys, *host;
        const char *add, *remove; /* what is refused with, or NULL */
    } rows[] = {
        {"", POOL "created", "A", NULL, "no hosts to remove"},
        {"", "hypervisor_pool=1", "A", NULL, "no hosts to remove"}, /* created, until something else is said */
        {"A", POOL "changing A=1", "B", "setup in progress", "setup in progress"},
        {"A", POOL "active A=1", "B", NULL, "Cannot remove host B in aggregate 3"},
        {"A", POOL "active A=1", "A", "is a key", NULL},
        {"A", POOL "error", "B", "aggregate in error", "Cannot remove host B"},
        {"A", POOL "error", "A", "aggregate in error", NULL},
        {"A", POOL "sideways", "B", "aggregate in error", "Cannot remove host B"},
        {"A", POOL "active", "master_compute", "is a key", "Cannot remove host"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GwAggregate) aggregate = aggregate_of(rows[i].hosts, rows[i].keys);
        g_autoptr(GError) add = NULL, removal = NULL;
        g_test_message("row %u", i);
        g_assert_cmpint(gw_pool_check_add(aggregate, rows[i].host, &add), ==, !rows[i].add);
        g_assert_cmpint(gw_pool_check_remove(aggregate, rows[i].host, &removal), ==, !rows[i].remove);
        if (rows[i].add) {
            g_assert_error(add, GW_ERROR, GW_ERROR_CONFLICT);
            g_assert_nonnull(strstr(add->message, rows[i].add));
        }
        if (rows[i].remove)
            g_assert_nonnull(strstr(removal->message, rows[i].remove));
    }
}

static void metadata_is_guarded(void)
{
    static const struct {
        const char *hosts, *keys, *changes;
        const char *refusal; /* or NULL */
        const char *key, *value; /* what is set in the end; value NULL: it goes away */
    } rows[] = {
        {"", "", "hypervisor_pool=true operational_state=created", NULL, "operational_state", "created"}, /* the manual's line */
        {"", "", "hypervisor_pool=true", NULL, "operational_state", "created"},
        {"", "", "hypervisor_pool=true operational_state=active", "kept by Godwit", NULL, NULL},
        {"A", "", "hypervisor_pool=true", "before hosts are added", NULL, NULL},
        {"A", "", "operational_state=sideways", NULL, "operational_state", "sideways"}, /* no pool: anybody's key */
        {"A", POOL "active", "operational_state=created", "kept by Godwit", NULL, NULL},
        {"A", POOL "active", "pool_change", "kept by Godwit", NULL, NULL},
        {"A", POOL "active A=1", "A=2", "kept by Godwit", NULL, NULL},
        {"A", POOL "active A=1", "colour=red", NULL, "colour", "red"},
        {"", POOL "error", "operational_state=created", NULL, "operational_state", "created"},
        {"A", POOL "active A=1 pool_reason=x", "hypervisor_pool", NULL, "A", NULL}, /* let go as it is */
        {"A", POOL "active A=1 pool_reason=x", "hypervisor_pool", NULL, "pool_reason", NULL},
        {"A", POOL "changing", "hypervisor_pool", "setup in progress", NULL, NULL},
        {"A", POOL "changing", "operational_state=active", "setup in progress", NULL, NULL},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GwAggregate) aggregate = aggregate_of(rows[i].hosts, rows[i].keys);
        g_autoptr(GPtrArray) changes = metadata_of(rows[i].changes);
        g_autoptr(GError) error = NULL;
        g_test_message("row %u", i);
        g_assert_cmpint(gw_pool_check_metadata(aggregate, changes, &error), ==, !rows[i].refusal);
        if (rows[i].refusal) {
            g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
            g_assert_nonnull(strstr(error->message, rows[i].refusal));
        }
        gboolean found = !rows[i].key;
        for (guint k = 0; rows[i].key && k < changes->len; k++) {
            const GwMetadatum *datum = changes->pdata[k];
            found |= strcmp(datum->key, rows[i].key) == 0 && g_strcmp0(datum->value, rows[i].value) == 0;
        }
        g_assert_true(found);
    }
}

static void another_look_is_asked_for_alone(void)
{
    static const struct {
        const char *hosts, *keys, *changes;
        gboolean asks;
    } rows[] = {
        {"A", POOL "error", "operational_state=active", TRUE},
        {"A", POOL "active", "operational_state=active", TRUE},
        {"A", POOL "error", "operational_state=active colour=red", FALSE},
        {"A", POOL "error", "operational_state=created", FALSE},
        {"A", POOL "changing", "operational_state=active", FALSE},
        {"", POOL "error", "operational_state=active", FALSE},
        {"A", "operational_state=error", "operational_state=active", FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GwAggregate) aggregate = aggregate_of(rows[i].hosts, rows[i].keys);
        g_autoptr(GPtrArray) changes = metadata_of(rows[i].changes);
        g_assert_cmpint(gw_pool_asks_look(aggregate, changes), ==, rows[i].asks);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pool/next", what_comes_next);
    g_test_add_func("/pool/laws", whatever_is_seen);
    g_test_add_func("/pool/journal", changes_are_read_as_written);
    g_test_add_func("/pool/confirmation", a_confirmation_is_of_one_list);
    g_test_add_func("/pool/states", hosts_come_and_go_in_some_states);
    g_test_add_func("/pool/metadata", metadata_is_guarded);
    g_test_add_func("/pool/look", another_look_is_asked_for_alone);
    return g_test_run();
}
