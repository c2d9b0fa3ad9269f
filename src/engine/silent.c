/* Hosts that do not answer, asked anew because somebody wants something of one: soon, once for all who want it, and so that nobody waits for
 * long, and nobody else at all. */
#include "engine/silent.h"

enum {
    MOST_AT_ONCE = 4, /* hosts; each may hold one of the threads that ask hosts (engine.c) until its deadline */
};

/* Told once, by whichever comes first: the host's answer, its deadline, or the timer. */
struct GwSilentWait {
    gatomicrefcount refs;
    gint told; /* atomic */
    GwDone done;
    gpointer data;
};

void gw_silent_wait_unref(gpointer data)
{
    GwSilentWait *wait = data;
    if (g_atomic_ref_count_dec(&wait->refs))
        g_free(wait);
}

static void tell(GwSilentWait *wait)
{
    if (g_atomic_int_compare_and_exchange(&wait->told, 0, 1))
        wait->done(wait->data, NULL);
}

static gboolean on_late(gpointer wait)
{
    tell(wait);
    return G_SOURCE_REMOVE;
}

static void set_timer(GwEngine *engine, GwSilentWait *wait, gint64 us)
{
    GSource *timer = g_timeout_source_new((guint)(us / 1000) + 1);
    g_source_set_callback(timer, on_late, wait, gw_silent_wait_unref);
    g_source_attach(timer, engine->context);
    g_source_unref(timer);
}

/* [locked] */
static GwSilentWait *wait_new(GwHostEntry *entry, GwDone done, gpointer data)
{
    GwSilentWait *wait = g_new0(GwSilentWait, 1);
    g_atomic_ref_count_init(&wait->refs);
    g_atomic_ref_count_inc(&wait->refs);
    wait->done = done;
    wait->data = data;
    g_ptr_array_add(entry->silent_waits, wait);
    return wait;
}

GPtrArray *gw_silent_take(GwEngine *engine, GwHostEntry *entry)
{
    GPtrArray *waits = entry->silent_waits;
    entry->silent_waits = g_ptr_array_new_with_free_func(gw_silent_wait_unref);
    engine->asked_anew -= entry->asked_anew ? 1 : 0;
    entry->asked_anew = FALSE;
    return waits;
}

void gw_silent_tell(GPtrArray *waits)
{
    for (guint i = 0; i < waits->len; i++)
        tell(waits->pdata[i]);
    g_ptr_array_unref(waits);
}

/* Whoever comes while it is being asked waits with the first one, no longer than that one does. */
gboolean gw_engine_ask_anew(GwEngine *engine, const char *host, GwDone done, gpointer data)
{
    const gint64 limit_us = (gint64)GW_ASK_ANEW_MS * 1000;
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, host);
    if (!entry)
        return FALSE;
    g_mutex_lock(&engine->lock);
    gboolean silent = !entry->up && !entry->row->forced_down && !entry->removed && engine->started && !engine->stopping;
    gboolean begins = silent && !entry->refreshing && engine->asked_anew < MOST_AT_ONCE && gw_node_try_anew(entry->node);
    gint64 left_us = begins ? limit_us : silent && entry->refreshing ? entry->asking_us + limit_us - g_get_monotonic_time() : 0;
    GwSilentWait *wait = left_us > 0 ? wait_new(entry, done, data) : NULL;
    if (begins) {
        entry->asked_anew = TRUE;
        engine->asked_anew++;
    }
    g_mutex_unlock(&engine->lock);
    if (begins)
        gw_inventory_ask(engine, entry, NULL);
    if (wait) /* it may have been told by now */
        set_timer(engine, wait, left_us);
    return wait != NULL;
}
