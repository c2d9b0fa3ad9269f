/* ThreadSanitizer sees only what is compiled with it: GLib's locks are futexes of its own, so that every use of a
 * GMutex would be reported. These stand before GLib's functions in an executable, call them, and tell the sanitizer
 * what they order. */
#include <dlfcn.h>
#include <glib.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void g_mutex_lock(GMutex *mutex)
{
    REAL(g_mutex_lock)(mutex);
    __tsan_acquire(mutex);
}

void g_mutex_unlock(GMutex *mutex)
{
    __tsan_release(mutex);
    REAL(g_mutex_unlock)(mutex);
}

void g_cond_wait(GCond *cond, GMutex *mutex)
{
    __tsan_release(mutex);
    REAL(g_cond_wait)(cond, mutex);
    __tsan_acquire(mutex);
}

gboolean g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
    __tsan_release(mutex);
    gboolean signalled = REAL(g_cond_wait_until)(cond, mutex, end_time);
    __tsan_acquire(mutex);
    return signalled;
}

/* References: what was done under one is over before the last of them frees. */
gboolean(g_atomic_ref_count_dec)(gatomicrefcount *refs)
{
    __tsan_release((void *)refs);
    gboolean last = REAL(g_atomic_ref_count_dec)(refs);
    if (last)
        __tsan_acquire((void *)refs);
    return last;
}

void g_bytes_unref(GBytes *bytes)
{
    if (bytes)
        __tsan_release(bytes);
    REAL(g_bytes_unref)(bytes);
}

/* Work handed to a pool, and threads that are joined. */
typedef struct {
    GFunc function;
    gpointer data;
} Work;

static void work(gpointer item, gpointer data)
{
    Work *own = data;
    __tsan_acquire(item);
    own->function(item, own->data);
    __tsan_release(own);
}

GThreadPool *g_thread_pool_new(GFunc function, gpointer data, gint threads, gboolean exclusive, GError **error)
{
    Work *own = g_new0(Work, 1); /* one for each pool of the process: never freed */
    *own = (Work){function, data};
    return REAL(g_thread_pool_new)(work, own, threads, exclusive, error);
}

gboolean g_thread_pool_push(GThreadPool *pool, gpointer item, GError **error)
{
    __tsan_release(item);
    return REAL(g_thread_pool_push)(pool, item, error);
}

/* Waited for: all its work is over. */
void g_thread_pool_free(GThreadPool *pool, gboolean immediate, gboolean wait)
{
    void *own = pool->user_data;
    REAL(g_thread_pool_free)(pool, immediate, wait);
    if (wait)
        __tsan_acquire(own);
}

/* What GLib's queues do between their own locks. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:g_queue_pop_tail\n"
           "race:g_queue_push_head\n"
           "race:g_thread_pool_free\n"
           "race:g_realloc\n"; /* tables of GLib's own, under its own locks */
}
