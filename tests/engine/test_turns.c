/* The lines of moves that wait, after any changes: whoever may go has been woken, and it is whoever was first that may. */
#include "engine/turns.h"

#include "engine/transits.h"

#include <string.h>

enum { STEPS = 200000, MOVES = 24, HOSTS = 4, LIMIT = 2 };

static const char *const names[HOSTS] = {"HostA", "HostB", "HostC", "HostD"};

typedef struct {
    GwEngine engine;
    GwHostEntry hosts[HOSTS];
    GwHostRow rows[HOSTS];
    GwActive moves[MOVES];
    gboolean is_in[MOVES];
    guint taken;
} World;

/* ---- what is true, by a look at all */

static gboolean answers(World *world, const char *host)
{
    const GwHostEntry *entry = g_hash_table_lookup(world->engine.hosts, host);
    return entry && entry->up && !entry->row->forced_down && entry->last_full_us > 0;
}

static gboolean is_not_asked(World *world, const char *host)
{
    const GwHostEntry *entry = g_hash_table_lookup(world->engine.hosts, host);
    return entry && !entry->row->forced_down && entry->last_full_us <= 0;
}

static gboolean is_passed_over(const GwActive *move)
{
    return move->not_before_us != 0;
}

static gboolean can_go(World *world, const GwActive *move)
{
    return !is_passed_over(move) && answers(world, move->row->source) && answers(world, move->row->dest);
}

static gboolean may_be_able(World *world, const GwActive *move)
{
    if (is_passed_over(move))
        return FALSE;
    return is_not_asked(world, move->row->source) || (answers(world, move->row->source) && is_not_asked(world, move->row->dest));
}

static gboolean waits(World *world, guint i)
{
    return world->is_in[i] && world->moves[i].row->state == GW_MIGRATION_QUEUED && !world->moves[i].has_turn;
}

static gboolean holds(World *world, guint i)
{
    GwMigrationState state = world->moves[i].row->state;
    return world->is_in[i] && (world->moves[i].has_turn || state == GW_MIGRATION_PREPARING || state == GW_MIGRATION_RUNNING);
}

static gboolean may_go(World *world, guint i)
{
    guint busy = 0;
    for (guint j = 0; j < MOVES; j++) {
        if (strcmp(world->moves[j].row->source, world->moves[i].row->source) != 0)
            continue;
        if (j < i && waits(world, j) && may_be_able(world, &world->moves[j]))
            return FALSE;
        busy += holds(world, j) || (j < i && waits(world, j) && can_go(world, &world->moves[j]));
    }
    return busy < LIMIT && can_go(world, &world->moves[i]);
}

static void assert_nobody_is_forgotten(World *world)
{
    for (guint i = 0; i < MOVES; i++) {
        GwActive *move = &world->moves[i];
        g_assert_cmpint(waits(world, i), ==, move->place != NULL);
        if (!waits(world, i))
            continue;
        gboolean may = may_go(world, i);
        g_assert_cmpint(gw_turns_is_next(move, move->row), ==, may);
        g_assert_true(!may || move->again); /* it has been woken since it was last looked at */
    }
}

/* ---- what happens */

static void look(World *world, guint i)
{
    GwActive *move = &world->moves[i];
    move->again = FALSE;
    if (!waits(world, i) || !gw_turns_is_next(move, move->row))
        return;
    move->has_turn = TRUE;
    gw_turns_follow(move);
    world->taken++;
}

static void set_state(World *world, guint i, GwMigrationState state)
{
    world->moves[i].row->state = state;
    gw_turns_follow(&world->moves[i]);
}

static void enter(World *world, guint i, GRand *rand)
{
    static const GwMigrationState states[] = {GW_MIGRATION_ACCEPTED, GW_MIGRATION_QUEUED, GW_MIGRATION_QUEUED, GW_MIGRATION_QUEUED, GW_MIGRATION_RUNNING};
    GwActive *move = &world->moves[i];
    if (world->is_in[i])
        return;
    world->is_in[i] = TRUE;
    move->row->state = states[g_rand_int_range(rand, 0, G_N_ELEMENTS(states))];
    move->not_before_us = 0;
    gw_transits_enter(move);
    gw_turns_follow(move);
}

static void leave(World *world, guint i)
{
    world->is_in[i] = FALSE;
    gw_turns_leave(&world->moves[i]);
    gw_transits_leave(&world->moves[i]);
}

static void give_back(World *world, guint i)
{
    GwActive *move = &world->moves[i];
    if (!move->has_turn)
        return;
    move->has_turn = FALSE;
    move->not_before_us = g_get_monotonic_time() + (gint64)3600 * G_USEC_PER_SEC;
    gw_turns_follow(move);
}

static void change_host(World *world, guint host, GRand *rand)
{
    GwHostEntry *entry = &world->hosts[host];
    switch (g_rand_int_range(rand, 0, 4)) {
    case 0:
        entry->up = g_rand_int_range(rand, 0, 4) != 0;
        entry->silent_us = g_get_monotonic_time();
        break;
    case 1:
        entry->row->forced_down = g_rand_int_range(rand, 0, 8) == 0;
        break;
    case 2:
        entry->last_full_us = g_rand_int_range(rand, 0, 6) ? 1 : 0;
        break;
    case 3:
        g_hash_table_remove(world->engine.hosts, names[host]);
        if (g_rand_int_range(rand, 0, 8))
            g_hash_table_insert(world->engine.hosts, (gpointer)names[host], entry);
        break;
    }
    gw_turns_host_changed(&world->engine, names[host]);
}

static void happen(World *world, GRand *rand)
{
    guint i = (guint)g_rand_int_range(rand, 0, MOVES);
    GwActive *move = &world->moves[i];
    switch (g_rand_int_range(rand, 0, 8)) {
    case 0:
    case 1:
        enter(world, i, rand);
        break;
    case 2:
        leave(world, i);
        break;
    case 3: /* as after its checks; or its end comes near */
        if (world->is_in[i])
            set_state(world, i, move->row->state == GW_MIGRATION_ACCEPTED ? GW_MIGRATION_QUEUED
                                : move->has_turn                          ? GW_MIGRATION_PREPARING
                                : move->row->state == GW_MIGRATION_QUEUED ? GW_MIGRATION_QUEUED
                                                                          : GW_MIGRATION_SETTLING);
        break;
    case 4:
        give_back(world, i);
        break;
    case 5:
        change_host(world, (guint)g_rand_int_range(rand, 0, HOSTS), rand);
        break;
    default:
        look(world, i);
    }
}

static void start(World *world)
{
    *world = (World){.engine.settings.max_concurrent_live_migrations = LIMIT};
    world->engine.lines = gw_turns_new();
    world->engine.transits = gw_transits_new();
    world->engine.moving = g_hash_table_new(g_str_hash, g_str_equal);
    world->engine.hosts = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < HOSTS; i++) {
        world->rows[i].name = (char *)names[i];
        world->hosts[i] = (GwHostEntry){.row = &world->rows[i], .up = TRUE, .last_full_us = 1};
        g_hash_table_insert(world->engine.hosts, (gpointer)names[i], &world->hosts[i]);
    }
    for (guint i = 0; i < MOVES; i++) { /* waking one that is in a step notes it in `again` */
        world->moves[i] = (GwActive){.engine = &world->engine, .id = i + 1, .row = gw_migration_new(), .stepping = TRUE};
        world->moves[i].row->source = g_strdup(names[i % 2]);
        world->moves[i].row->dest = g_strdup(names[2 + i / 2 % 2]);
    }
}

static void end(World *world)
{
    for (guint i = 0; i < MOVES; i++) {
        leave(world, i);
        gw_migration_free(world->moves[i].row);
    }
    g_assert_cmpuint(g_hash_table_size(world->engine.lines), ==, 0); /* nothing is kept of hosts that nobody leaves */
    g_hash_table_unref(world->engine.lines);
    g_hash_table_unref(world->engine.transits);
    g_hash_table_unref(world->engine.moving);
    g_hash_table_unref(world->engine.hosts);
}

static void no_wake_up_is_lost(void)
{
    World world;
    start(&world);
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    for (guint i = 0; i < STEPS; i++) {
        happen(&world, rand);
        assert_nobody_is_forgotten(&world);
    }
    g_test_message("%u turns taken", world.taken);
    g_assert_cmpuint(world.taken, >, 500);
    end(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/turns/no_wake_up_is_lost", no_wake_up_is_lost);
    return g_test_run();
}
