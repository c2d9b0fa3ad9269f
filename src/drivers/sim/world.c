/* Worlds: their names, clock, and the one thread of each, which makes changes happen on time when nobody looks, and
 * tells those who watch. */
#include "drivers/sim/internal.h"

#include <math.h>

static GMutex registry_lock;
static GHashTable *registry; /* name -> GwSimWorld, one reference each; under registry_lock */

typedef struct {
    GwSimHost *host;
    char *uuid; /* or NULL */
} Event;

static void event_free(gpointer data)
{
    Event *event = data;
    g_free(event->uuid);
    g_free(event);
}

/* ---- life */

static GwSimWorld *world_new(const char *name)
{
    GwSimWorld *world = g_new0(GwSimWorld, 1);
    world->refs = 1;
    world->name = g_strdup(name);
    world->speed = 1;
    world->base_real_us = g_get_monotonic_time();
    g_mutex_init(&world->lock);
    g_cond_init(&world->wake);
    g_cond_init(&world->delivered);
    g_queue_init(&world->events);
    world->hosts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)gw_sim_host_free);
    world->folders = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)gw_sim_folder_free);
    world->whole = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    world->running = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    world->stalls = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    world->copies = g_ptr_array_new();
    world->violations = g_ptr_array_new_with_free_func(g_free);
    world->watchers = g_ptr_array_new();
    return world;
}

static void world_destroy(GwSimWorld *world)
{
    gw_sim_world_lock(world);
    world->ending = TRUE;
    while (world->copies->len)
        gw_sim_copy_fail(world->copies->pdata[0], GW_ERROR_LOST, "the world has ended");
    g_cond_signal(&world->wake);
    gw_sim_world_unlock(world);
    if (world->thread)
        g_thread_join(world->thread);
    g_queue_clear_full(&world->events, event_free);
    g_hash_table_unref(world->hosts);
    g_hash_table_unref(world->folders);
    g_hash_table_unref(world->whole);
    g_hash_table_unref(world->running);
    g_hash_table_unref(world->stalls);
    g_ptr_array_unref(world->copies);
    g_ptr_array_unref(world->violations);
    g_ptr_array_unref(world->watchers);
    g_cond_clear(&world->delivered);
    g_cond_clear(&world->wake);
    g_mutex_clear(&world->lock);
    g_free(world->name);
    g_free(world);
}

GwSimWorld *gw_sim_world_ref(GwSimWorld *world)
{
    g_mutex_lock(&world->lock);
    world->refs++;
    g_mutex_unlock(&world->lock);
    return world;
}

void gw_sim_world_unref(GwSimWorld *world)
{
    g_mutex_lock(&world->lock);
    gboolean last = --world->refs == 0;
    g_mutex_unlock(&world->lock);
    if (last)
        world_destroy(world);
}

GwSimWorld *gw_sim_world_get(const char *name)
{
    g_mutex_lock(&registry_lock);
    if (!registry)
        registry = g_hash_table_new(g_str_hash, g_str_equal);
    GwSimWorld *world = g_hash_table_lookup(registry, name);
    if (!world) {
        world = world_new(name);
        g_hash_table_insert(registry, world->name, world);
    }
    g_mutex_unlock(&registry_lock);
    return world;
}

void gw_sim_world_free(const char *name)
{
    g_mutex_lock(&registry_lock);
    GwSimWorld *world = registry ? g_hash_table_lookup(registry, name) : NULL;
    if (world)
        g_hash_table_remove(registry, name);
    g_mutex_unlock(&registry_lock);
    if (world)
        gw_sim_world_unref(world);
}

void gw_sim_world_lock(GwSimWorld *world)
{
    g_mutex_lock(&world->lock);
    gw_sim_copies_advance(world);
}

void gw_sim_world_unlock(GwSimWorld *world)
{
    g_mutex_unlock(&world->lock);
}

void gw_sim_violation(GwSimWorld *world, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_ptr_array_add(world->violations, g_strdup_vprintf(format, args));
    va_end(args);
}

/* ---- clock */

gint64 gw_sim_now(const GwSimWorld *world)
{
    if (world->manual)
        return world->base_us;
    return world->base_us + (gint64)((double)(g_get_monotonic_time() - world->base_real_us) * world->speed);
}

static void rebase(GwSimWorld *world)
{
    world->base_us = gw_sim_now(world);
    world->base_real_us = g_get_monotonic_time();
}

void gw_sim_world_set_speed(GwSimWorld *world, double factor)
{
    g_return_if_fail(factor > 0);
    gw_sim_world_lock(world);
    rebase(world);
    world->speed = factor;
    world->manual = FALSE;
    gw_sim_wake(world);
    gw_sim_world_unlock(world);
}

void gw_sim_world_set_manual(GwSimWorld *world)
{
    gw_sim_world_lock(world);
    rebase(world);
    world->manual = TRUE;
    gw_sim_wake(world);
    gw_sim_world_unlock(world);
}

void gw_sim_world_step(GwSimWorld *world, guint64 ms)
{
    gw_sim_world_lock(world);
    g_warn_if_fail(world->manual);
    world->base_us += (gint64)ms * 1000;
    gw_sim_copies_advance(world);
    gw_sim_wake(world);
    gw_sim_world_unlock(world);
}

guint64 gw_sim_world_now_ms(GwSimWorld *world)
{
    gw_sim_world_lock(world);
    guint64 now = (guint64)gw_sim_now(world) / 1000;
    gw_sim_world_unlock(world);
    return now;
}

/* ---- the thread */

static void tell(GwSimWorld *world, const Event *event)
{
    g_autoptr(GPtrArray) handles = g_ptr_array_new();
    for (guint i = 0; i < world->watchers->len; i++) {
        GwHost *handle = world->watchers->pdata[i];
        if (handle->host != event->host)
            continue;
        handle->delivering++;
        g_ptr_array_add(handles, handle);
    }
    g_mutex_unlock(&world->lock); /* whoever is told may take his own locks */
    for (guint i = 0; i < handles->len; i++) {
        GwHost *handle = handles->pdata[i];
        handle->event(handle->event_data, handle->name, event->uuid);
    }
    g_mutex_lock(&world->lock);
    for (guint i = 0; i < handles->len; i++)
        ((GwHost *)handles->pdata[i])->delivering--;
    g_cond_broadcast(&world->delivered);
}

/* Until the next change is due; a clock that stands still waits for whoever moves it. */
static void sleep_until_due(GwSimWorld *world)
{
    gint64 due = gw_sim_copies_due(world);
    if (world->manual || due == G_MAXINT64) {
        g_cond_wait(&world->wake, &world->lock);
        return;
    }
    gint64 real = world->base_real_us + (gint64)ceil((double)(due - world->base_us) / world->speed) + 1;
    g_cond_wait_until(&world->wake, &world->lock, real);
}

static gpointer thread_main(gpointer data)
{
    GwSimWorld *world = data;
    g_mutex_lock(&world->lock);
    while (!world->ending) {
        gw_sim_copies_advance(world);
        Event *event = g_queue_pop_head(&world->events);
        if (event) {
            tell(world, event);
            event_free(event);
        } else {
            sleep_until_due(world);
        }
    }
    g_mutex_unlock(&world->lock);
    return NULL;
}

void gw_sim_wake(GwSimWorld *world)
{
    if (!world->thread && !world->ending)
        world->thread = g_thread_new("sim-world", thread_main, world);
    g_cond_signal(&world->wake);
}

/* ---- events */

void gw_sim_tell(GwSimHost *host, const char *uuid)
{
    if (!host->watchers || (uuid && host->state != GW_SIM_UP))
        return;
    Event *event = g_new0(Event, 1);
    event->host = host;
    event->uuid = g_strdup(uuid);
    g_queue_push_tail(&host->world->events, event);
    gw_sim_wake(host->world);
}

void gw_sim_watch(GwHost *handle, GwHostEvent event, void *data)
{
    if (!handle->event) {
        g_ptr_array_add(handle->world->watchers, handle);
        handle->host->watchers++;
    }
    handle->event = event;
    handle->event_data = data;
}

void gw_sim_unwatch(GwHost *handle)
{
    if (!handle->event)
        return;
    g_ptr_array_remove_fast(handle->world->watchers, handle);
    handle->host->watchers--;
    while (handle->delivering)
        g_cond_wait(&handle->world->delivered, &handle->world->lock);
}
