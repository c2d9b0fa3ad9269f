/* The rules of leases: every moment that two daemons, one database and one host can come to, whoever is paused, however late a question,
 * an answer or an act arrives. Time is counted in steps; nothing is said of how long a daemon takes between two of its own. */
#include "core/lease.h"

enum { DAEMONS = 2, STEP_MS = 2000, NOBODY = DAEMONS };

typedef enum { ASK_NONE, ASK_ON_ITS_WAY, ASK_GRANTED, ASK_REFUSED, ASK_COUNT } Ask; /* the last two: an answer on its way */

typedef struct {
    guint8 ask, ask_age; /* in steps; as old as a lease is as good as any older */
    guint8 good_left;    /* acts may be begun for so many steps */
    guint8 act_age;      /* 0: none on its way; 1 + its age */
} DaemonState;

typedef struct {
    guint8 owner, left; /* in the database; steps until it expires */
    DaemonState daemons[DAEMONS];
} World;

typedef struct {
    GwLeaseTimes times;
    guint lease;       /* steps */
    guint longest_act; /* an act arrives after at most so many */
    GHashTable *seen;  /* keys */
    GQueue *queue;     /* of World *, owned */
    guint worlds, acts;
    gboolean violated;
} Search;

static gint64 key_of(const World *world)
{
    gint64 key = world->owner * 16 + world->left;
    for (guint d = 0; d < DAEMONS; d++) {
        const DaemonState *s = &world->daemons[d];
        key = (((key * 4 + s->ask) * 16 + s->ask_age) * 16 + s->good_left) * 16 + s->act_age;
    }
    return key;
}

static void reach(Search *search, const World *world)
{
    gint64 key = key_of(world);
    if (!g_hash_table_add(search->seen, g_memdup2(&key, sizeof key)))
        return;
    search->worlds++;
    g_queue_push_tail(search->queue, g_memdup2(world, sizeof *world));
}

/* ---- what may happen next */

static gboolean is_over(const World *world)
{
    return gw_lease_is_over((gint64)world->left * STEP_MS * 1000, 0); /* the database's clock shows 0 now */
}

/* The transaction: it renews, takes what is over, or refuses. */
static void decide(const Search *search, World *world, guint d)
{
    gboolean granted = world->owner == d || is_over(world);
    world->daemons[d].ask = granted ? ASK_GRANTED : ASK_REFUSED;
    if (granted) {
        world->owner = (guint8)d;
        world->left = (guint8)search->lease;
    }
}

static void hear(const Search *search, World *world, guint d)
{
    DaemonState *s = &world->daemons[d];
    gint64 good_us = gw_lease_good_until_us(&search->times, -(gint64)s->ask_age * STEP_MS * 1000); /* its own clock shows 0 now */
    s->good_left = s->ask == ASK_GRANTED && good_us > 0 ? (guint8)(good_us / 1000 / STEP_MS) : 0;
    s->ask = ASK_NONE;
    s->ask_age = 0;
}

/* The host sees the act: that must be while nobody else holds its lease. */
static void arrive(Search *search, World *world, guint d)
{
    world->daemons[d].act_age = 0;
    search->acts++;
    search->violated |= world->owner != d;
}

static gboolean must_arrive(const Search *search, const World *world)
{
    gboolean must = FALSE;
    for (guint d = 0; d < DAEMONS; d++)
        must |= world->daemons[d].act_age > search->longest_act;
    return must;
}

static void pass_time(const Search *search, World *world)
{
    world->left -= world->left > 0;
    for (guint d = 0; d < DAEMONS; d++) {
        DaemonState *s = &world->daemons[d];
        s->good_left -= s->good_left > 0;
        s->act_age += s->act_age > 0;
        s->ask_age += s->ask != ASK_NONE && s->ask_age < search->lease;
    }
}

static void step_daemon(Search *search, const World *now, guint d)
{
    const DaemonState *s = &now->daemons[d];
    World next = *now;
    if (s->ask == ASK_NONE) {
        next.daemons[d].ask = ASK_ON_ITS_WAY;
        reach(search, &next);
    } else if (s->ask == ASK_ON_ITS_WAY) {
        decide(search, &next, d);
        reach(search, &next);
    } else {
        hear(search, &next, d);
        reach(search, &next);
    }
    if (s->ask != ASK_NONE) { /* the connection breaks: the question, or its answer, is lost */
        next = *now;
        next.daemons[d].ask = ASK_NONE;
        next.daemons[d].ask_age = 0;
        reach(search, &next);
    }
    if (s->good_left > 0 && !s->act_age) {
        next = *now;
        next.daemons[d].act_age = 1;
        reach(search, &next);
    }
    if (s->act_age) {
        next = *now;
        arrive(search, &next, d);
        reach(search, &next);
    }
}

static Search *search_all(guint lease_s, guint longest_act_ms)
{
    Search *search = g_new0(Search, 1);
    search->times = gw_lease_times(lease_s);
    search->lease = search->times.lease_ms / STEP_MS;
    search->longest_act = longest_act_ms / STEP_MS;
    search->seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    search->queue = g_queue_new();
    reach(search, &(World){.owner = NOBODY});
    while (!g_queue_is_empty(search->queue)) {
        g_autofree World *now = g_queue_pop_head(search->queue);
        for (guint d = 0; d < DAEMONS; d++)
            step_daemon(search, now, d);
        if (!must_arrive(search, now)) {
            World next = *now;
            pass_time(search, &next);
            reach(search, &next);
        }
    }
    return search;
}

static void search_free(Search *search)
{
    g_hash_table_unref(search->seen);
    g_queue_free_full(search->queue, g_free);
    g_free(search);
}

/* ---- the promises */

/* An act that arrives within the margin arrives while its daemon holds the lease. */
static void test_one_at_a_time(void)
{
    GwLeaseTimes times = gw_lease_times(10);
    Search *search = search_all(10, times.margin_ms);
    g_test_message("%u moments, %u acts", search->worlds, search->acts);
    g_assert_false(search->violated);
    g_assert_cmpuint(search->acts, >, 1000);
    search_free(search);
}

/* The search can fail: an act that takes longer than the margin may arrive when another daemon has the host. */
static void test_margin_is_needed(void)
{
    GwLeaseTimes times = gw_lease_times(10);
    Search *search = search_all(10, times.margin_ms + STEP_MS);
    g_assert_true(search->violated);
    search_free(search);
}

/* Once a daemon is silent for good, another that asks as often as it should has the host within a lease and one renewal. */
static void test_taken_over_in_time(void)
{
    GwLeaseTimes times = gw_lease_times(10);
    for (gint64 renewed_ms = 0; renewed_ms <= times.renew_ms; renewed_ms += 100) {
        gint64 expires_us = (renewed_ms + times.lease_ms) * 1000, at_ms = 0;
        while (!gw_lease_is_over(expires_us, at_ms * 1000))
            at_ms += times.renew_ms;
        g_assert_cmpint(at_ms - renewed_ms, <=, times.lease_ms + times.renew_ms);
    }
    g_assert_cmpuint(times.margin_ms + 2 * times.renew_ms, <, times.lease_ms); /* and renewed in time although one renewal fails */
}

/* Whatever the leases were spread like, nobody keeps more than its share and none stays free, once nothing is under way. */
static void test_shares(void)
{
    for (guint live = 1; live <= 5; live++) {
        for (guint all = 0; all <= 12; all++) {
            guint mine[5] = {all}, share = (all + live - 1) / live, free_leases = 0;
            for (guint round = 0; round < 20; round++) {
                guint d = round % live;
                gint change = gw_lease_change(mine[d], mine[d], all, live);
                guint taken = change > 0 ? MIN((guint)change, free_leases) : 0, given = change < 0 ? (guint)-change : 0;
                mine[d] += taken - given;
                free_leases += given - taken;
            }
            for (guint d = 0; d < live; d++)
                g_assert_cmpuint(mine[d], <=, share);
            g_assert_cmpuint(free_leases, ==, 0);
        }
    }
    g_assert_cmpint(gw_lease_change(4, 0, 4, 2), ==, 0); /* nothing is given away under a migration */
    g_assert_cmpint(gw_lease_change(4, 1, 4, 2), ==, -1);
    g_assert_cmpint(gw_lease_change(0, 0, 4, 0), ==, 4); /* this daemon is there, whatever the count says */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lease/one-at-a-time", test_one_at_a_time);
    g_test_add_func("/lease/margin-is-needed", test_margin_is_needed);
    g_test_add_func("/lease/taken-over-in-time", test_taken_over_in_time);
    g_test_add_func("/lease/shares", test_shares);
    return g_test_run();
}
