/* Moves that wait until they are to be looked at again, in order of time. One source of the loop serves them all: GLib looks at every source
 * at each turn, so that a source for each of a thousand copies would be a million looks for every round of theirs. */
#include "engine/timers.h"

enum { LOOKS_PER_S = 1000 }; /* at those that wait, all together */

static gint by_time(gconstpointer a, gconstpointer b, gpointer data)
{
    gint64 x = ((const GwActive *)a)->due_us, y = ((const GwActive *)b)->due_us;
    return (x > y) - (x < y);
}

/* [locked] */
static void arm(GwEngine *engine)
{
    GSequenceIter *first = g_sequence_get_begin_iter(engine->waiting);
    g_source_set_ready_time(engine->timer, g_sequence_iter_is_end(first) ? -1 : ((const GwActive *)g_sequence_get(first))->due_us);
}

/* [locked] The reference is the caller's now. */
static GwActive *take_out(GwActive *active)
{
    g_sequence_remove(active->timer);
    active->timer = NULL;
    return active;
}

void gw_timers_set(GwActive *active, guint ms)
{
    GwEngine *engine = active->engine;
    if (active->timer)
        g_sequence_remove(active->timer);
    else
        gw_active_ref(active);
    active->due_us = g_get_monotonic_time() + (gint64)ms * 1000;
    active->timer = g_sequence_insert_sorted(engine->waiting, active, by_time, NULL);
    arm(engine);
}

guint gw_timers_pace(GwEngine *engine)
{
    return (guint)g_sequence_get_length(engine->waiting) * 1000 / LOOKS_PER_S;
}

void gw_timers_drop(GwActive *active)
{
    if (!active->timer)
        return;
    gw_active_unref(take_out(active));
    arm(active->engine);
}

static GPtrArray *take_until(GwEngine *engine, gint64 until_us)
{
    GPtrArray *due = g_ptr_array_new_with_free_func((GDestroyNotify)gw_active_unref);
    g_mutex_lock(&engine->lock);
    for (;;) {
        GSequenceIter *first = g_sequence_get_begin_iter(engine->waiting);
        if (g_sequence_iter_is_end(first) || ((const GwActive *)g_sequence_get(first))->due_us > until_us)
            break;
        g_ptr_array_add(due, take_out(g_sequence_get(first)));
    }
    arm(engine);
    g_mutex_unlock(&engine->lock);
    return due;
}

static gboolean fire(gpointer engine)
{
    g_autoptr(GPtrArray) due = take_until(engine, g_get_monotonic_time());
    for (guint i = 0; i < due->len; i++)
        gw_active_wake(due->pdata[i]);
    return G_SOURCE_CONTINUE;
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    return callback(data);
}

void gw_timers_start(GwEngine *engine)
{
    static GSourceFuncs functions = {.dispatch = dispatch};
    engine->waiting = g_sequence_new(NULL);
    engine->timer = g_source_new(&functions, sizeof(GSource));
    g_source_set_callback(engine->timer, fire, engine, NULL);
    g_source_attach(engine->timer, engine->context);
}

void gw_timers_drop_all(GwEngine *engine)
{
    g_ptr_array_unref(take_until(engine, G_MAXINT64)); /* closing a node may wait for its events, which take the lock */
}

void gw_timers_free(GwEngine *engine)
{
    g_source_destroy(engine->timer);
    g_source_unref(engine->timer);
    g_sequence_free(engine->waiting);
}
