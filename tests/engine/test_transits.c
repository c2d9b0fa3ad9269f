/* The table of moves by host against a look at all of them, after any changes. */
#include "engine/transits.h"

#include <string.h>

enum { STEPS = 4000, MOVES = 40, HOSTS = 9 };

static const char *host_of(GRand *rand)
{
    static const char *const names[HOSTS] = {"HostA", "HostB", "HostC", "HostD", "HostE", "HostF", "HostG", "HostH", "HostI"};
    return names[g_rand_int_range(rand, 0, HOSTS)];
}

typedef struct {
    GwEngine engine;
    GwActive moves[MOVES];
    gboolean is_in[MOVES];
} World;

static void assert_same(World *world, const char *host)
{
    const GPtrArray *found = gw_transits_of(&world->engine, host);
    guint count = 0;
    for (guint i = 0; i < MOVES; i++) {
        GwActive *move = &world->moves[i];
        gboolean concerns = strcmp(move->row->source, host) == 0 || g_strcmp0(gw_active_dest(move), host) == 0;
        if (!world->is_in[i] || !concerns)
            continue;
        g_assert_nonnull(found);
        g_assert_true(g_ptr_array_find((GPtrArray *)found, move, NULL));
        count++;
    }
    g_assert_cmpuint(found ? found->len : 0, ==, count);
}

static void change(World *world, guint i, GRand *rand)
{
    GwActive *move = &world->moves[i];
    switch (g_rand_int_range(rand, 0, 5)) {
    case 0:
        world->is_in[i] = TRUE;
        gw_transits_enter(move);
        return;
    case 1:
        world->is_in[i] = FALSE;
        gw_transits_leave(move);
        return;
    case 2:
        g_free(move->chosen);
        move->chosen = g_rand_boolean(rand) ? g_strdup(host_of(rand)) : NULL;
        break;
    case 3:
        g_free(move->row->dest);
        move->row->dest = g_rand_boolean(rand) ? g_strdup(host_of(rand)) : NULL;
        break;
    case 4:
        g_free(move->row->source);
        move->row->source = g_strdup(host_of(rand));
        break;
    }
    gw_transits_follow(move);
}

static void test_against_all_moves(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);
    World world = {.engine.transits = gw_transits_new()};
    for (guint i = 0; i < MOVES; i++) {
        world.moves[i] = (GwActive){.engine = &world.engine, .row = gw_migration_new()};
        world.moves[i].row->source = g_strdup(host_of(rand));
    }
    for (guint step = 0; step < STEPS; step++) {
        change(&world, (guint)g_rand_int_range(rand, 0, MOVES), rand);
        assert_same(&world, host_of(rand));
    }
    for (guint i = 0; i < MOVES; i++) {
        gw_transits_leave(&world.moves[i]);
        g_free(world.moves[i].chosen);
        gw_migration_free(world.moves[i].row);
    }
    g_assert_cmpuint(g_hash_table_size(world.engine.transits), ==, 0); /* nothing is kept of hosts that nothing concerns */
    g_hash_table_unref(world.engine.transits);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/engine/transits/against-all-moves", test_against_all_moves);
    return g_test_run();
}
