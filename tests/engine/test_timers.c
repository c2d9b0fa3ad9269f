/* Moves that wait: woken in order of time and not before, once, and not when they have been taken out. */
#include "engine/timers.h"

enum { MOVES = 6, PATIENCE_MS = 5000 };

typedef struct {
    GwEngine engine;
    GwActive moves[MOVES];
    GArray *woken; /* of guint: which, in order */
} World;

static void start(World *world)
{
    *world = (World){.woken = g_array_new(FALSE, FALSE, sizeof(guint)), .engine.context = g_main_context_new()};
    g_mutex_init(&world->engine.lock);
    gw_timers_start(&world->engine);
    for (guint i = 0; i < MOVES; i++) {
        world->moves[i] = (GwActive){.engine = &world->engine, .stepping = TRUE}; /* waking one that is in a step notes it in `again` */
        g_atomic_ref_count_init(&world->moves[i].refs);
    }
}

static void end(World *world)
{
    gw_timers_drop_all(&world->engine);
    for (guint i = 0; i < MOVES; i++)
        g_assert_true(g_atomic_ref_count_compare(&world->moves[i].refs, 1)); /* none is held any more */
    gw_timers_free(&world->engine);
    g_main_context_unref(world->engine.context);
    g_mutex_clear(&world->engine.lock);
    g_array_unref(world->woken);
}

static void set(World *world, guint move, guint ms)
{
    g_mutex_lock(&world->engine.lock);
    gw_timers_set(&world->moves[move], ms);
    g_mutex_unlock(&world->engine.lock);
}

static void drop(World *world, guint move)
{
    g_mutex_lock(&world->engine.lock);
    gw_timers_drop(&world->moves[move]);
    g_mutex_unlock(&world->engine.lock);
}

/* Until so many have been woken, or for so long. */
static void run(World *world, guint count, guint ms)
{
    gint64 until = g_get_monotonic_time() + (gint64)ms * 1000;
    while (world->woken->len < count && g_get_monotonic_time() < until) {
        g_main_context_iteration(world->engine.context, FALSE);
        for (guint i = 0; i < MOVES; i++) {
            if (!world->moves[i].again)
                continue;
            world->moves[i].again = FALSE;
            g_assert_cmpint(g_get_monotonic_time(), >=, world->moves[i].due_us);
            g_array_append_val(world->woken, i);
        }
        g_usleep(500);
    }
}

static guint woken(const World *world, guint at)
{
    g_assert_cmpuint(at, <, world->woken->len);
    return g_array_index(world->woken, guint, at);
}

static void test_in_order(void)
{
    World world;
    start(&world);
    set(&world, 0, 400);
    set(&world, 1, 100);
    set(&world, 2, 250);
    set(&world, 3, 50);
    set(&world, 4, 1);
    drop(&world, 3);
    set(&world, 4, 600); /* the later word counts */
    run(&world, 4, PATIENCE_MS);
    g_assert_cmpuint(woken(&world, 0), ==, 1);
    g_assert_cmpuint(woken(&world, 1), ==, 2);
    g_assert_cmpuint(woken(&world, 2), ==, 0);
    g_assert_cmpuint(woken(&world, 3), ==, 4);
    run(&world, MOVES, 100);
    g_assert_cmpuint(world.woken->len, ==, 4); /* each once */
    set(&world, 3, 1);
    run(&world, 5, PATIENCE_MS);
    g_assert_cmpuint(woken(&world, 4), ==, 3); /* and again when it is set again */
    set(&world, 5, PATIENCE_MS);
    end(&world);
}

/* However many wait, the loop has one source to look at. */
static void test_one_source(void)
{
    World world;
    gint timeout, priority;
    GPollFD fds[MOVES];
    start(&world);
    for (guint i = 0; i < MOVES; i++)
        set(&world, i, 60000 + i);
    g_assert_true(g_main_context_acquire(world.engine.context));
    g_main_context_prepare(world.engine.context, &priority);
    g_main_context_query(world.engine.context, priority, &timeout, fds, MOVES);
    g_main_context_release(world.engine.context);
    g_assert_cmpint(timeout, >, 50000);
    g_assert_cmpint(timeout, <=, 60000);
    g_assert_cmpuint(g_source_get_id(world.engine.timer), ==, 1); /* the first that the context was given, */
    GSource *next = g_idle_source_new();
    g_assert_cmpuint(g_source_attach(next, world.engine.context), ==, 2); /* and the last until now */
    g_source_destroy(next);
    g_source_unref(next);
    end(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/engine/timers/in-order", test_in_order);
    g_test_add_func("/engine/timers/one-source", test_one_source);
    return g_test_run();
}
