#include "api/parking.h"

#include <microhttpd.h>

enum { MOST_ASIDE = 64 }; /* threads, which wait for the disk and nothing else: one sync of it serves all of them */

struct GwParking {
    GThreadPool *aside;   /* of Aside * */
    gatomicrefcount refs; /* one of the API, one of each GwDeferred */
    GMutex lock;
    GCond idle;          /* writing has become 0 */
    GHashTable *waiting; /* set of GwDeferred *, borrowed: those not answered yet */
    guint writing;       /* answers being written; the API must not stop under them */
    gboolean closed;
};

struct GwDeferred {
    GwParking *parking;
    GwRequest *request; /* [lock] valid while in parking->waiting */
    GwFinish finish;
    GwHandler overdue;
    gint64 deadline_us; /* monotonic */
};

typedef struct {
    GwRequest *request;
    GwHandler handler;
} Aside;

static void work_aside(gpointer data, gpointer parking);

GwParking *gw_parking_new(void)
{
    GwParking *parking = g_new0(GwParking, 1);
    g_atomic_ref_count_init(&parking->refs);
    g_mutex_init(&parking->lock);
    g_cond_init(&parking->idle);
    parking->waiting = g_hash_table_new(NULL, NULL);
    parking->aside = g_thread_pool_new(work_aside, parking, MOST_ASIDE, FALSE, NULL);
    return parking;
}

void gw_parking_unref(GwParking *parking)
{
    if (!g_atomic_ref_count_dec(&parking->refs))
        return;
    if (parking->aside) /* it was never closed */
        g_thread_pool_free(parking->aside, FALSE, TRUE);
    g_hash_table_unref(parking->waiting);
    g_cond_clear(&parking->idle);
    g_mutex_clear(&parking->lock);
    g_free(parking);
}

static void stopping(GwRequest *request)
{
    gw_reply_fault(request, 503,
                   "Godwit is stopping. What was asked has been recorded and goes on when it starts again.");
}

static void suspend(GwRequest *request)
{
    request->parked = TRUE;
    MHD_suspend_connection(request->connection);
}

GwDeferred *gw_request_defer(GwRequest *request, GwFinish finish, GwHandler overdue)
{
    GwParking *parking = request->shared->parking;
    GwDeferred *deferred = g_new0(GwDeferred, 1);
    g_atomic_ref_count_inc(&parking->refs);
    *deferred = (GwDeferred){parking, request, finish, overdue,
                             g_get_monotonic_time() + request->shared->wait_s * G_USEC_PER_SEC};
    g_mutex_lock(&parking->lock);
    if (parking->closed) { /* answered at once; the end will find nobody waiting */
        stopping(request);
    } else {
        request->waits = TRUE;
        g_hash_table_add(parking->waiting, deferred);
        if (!request->aside) /* else its connection sleeps already, and its thread may be reading `parked` */
            suspend(request);
    }
    g_mutex_unlock(&parking->lock);
    return deferred;
}

/* [locked] The one who takes a request writes its answer. */
static GwRequest *take(GwDeferred *deferred)
{
    if (!g_hash_table_remove(deferred->parking->waiting, deferred))
        return NULL;
    deferred->parking->writing++;
    return deferred->request;
}

/* Of the end that was waited for and of the thread aside, the later one wakes the connection: with that the request may be gone. */
static void release(GwParking *parking, GwRequest *request, gboolean *ended)
{
    g_mutex_lock(&parking->lock);
    *ended = FALSE;
    if (!request->waits && !request->aside)
        MHD_resume_connection(request->connection);
    if (--parking->writing == 0)
        g_cond_broadcast(&parking->idle);
    g_mutex_unlock(&parking->lock);
}

static void work_aside(gpointer data, gpointer parking)
{
    Aside *aside = data;
    aside->handler(aside->request);
    release(parking, aside->request, &aside->request->aside);
    g_free(aside);
}

/* It counts as an answer that is being written, so that the API does not stop under it. */
void gw_request_aside(GwRequest *request, GwHandler handler)
{
    GwParking *parking = request->shared->parking;
    Aside *aside = g_new0(Aside, 1);
    *aside = (Aside){request, handler};
    g_mutex_lock(&parking->lock);
    if (parking->closed) {
        gw_reply_fault(request, 503, "Godwit is stopping. What was asked has not been done.");
        g_free(aside);
    } else {
        request->aside = TRUE;
        parking->writing++;
        suspend(request);
        g_thread_pool_push(parking->aside, aside, NULL);
    }
    g_mutex_unlock(&parking->lock);
}

void gw_deferred_finish(GwDeferred *deferred, gint64 number, const GError *error)
{
    GwParking *parking = deferred->parking;
    g_mutex_lock(&parking->lock);
    GwRequest *request = take(deferred);
    g_mutex_unlock(&parking->lock);
    if (request) {
        deferred->finish(request, number, error);
        release(parking, request, &request->waits);
    }
    g_free(deferred);
    gw_parking_unref(parking);
}

void gw_deferred_answer(GwDeferred *deferred, guint status, json_t *body)
{
    GwParking *parking = deferred->parking;
    g_mutex_lock(&parking->lock);
    GwRequest *request = take(deferred);
    g_mutex_unlock(&parking->lock);
    if (request) {
        gw_reply_json(request, status, body);
        release(parking, request, &request->waits);
    } else {
        json_decref(body);
    }
    g_free(deferred);
    gw_parking_unref(parking);
}

void gw_deferred_continue(GwDeferred *deferred, GwContinue then, gpointer data, GDestroyNotify free_data)
{
    GwParking *parking = deferred->parking;
    g_mutex_lock(&parking->lock);
    GwRequest *request = take(deferred);
    g_mutex_unlock(&parking->lock);
    if (request) {
        request->then = then;
        request->then_data = data;
        request->then_free = free_data;
        release(parking, request, &request->waits);
    } else if (free_data) {
        free_data(data);
    }
    g_free(deferred);
    gw_parking_unref(parking);
}

/* Takes every request past the given time; all of them for G_MAXINT64. instead: writes their answers; NULL: each one's
 * overdue. */
static void answer_until(GwParking *parking, gint64 now_us, GwHandler instead)
{
    typedef struct {
        GwRequest *request;
        GwHandler answer;
    } Due;
    g_autoptr(GArray) due = g_array_new(FALSE, FALSE, sizeof(Due));
    g_autoptr(GList) all = NULL;
    g_mutex_lock(&parking->lock);
    all = g_hash_table_get_keys(parking->waiting);
    for (GList *item = all; item; item = item->next) {
        GwDeferred *deferred = item->data;
        if (deferred->deadline_us > now_us)
            continue;
        Due one = {take(deferred), instead ? instead : deferred->overdue};
        g_array_append_val(due, one);
    }
    g_mutex_unlock(&parking->lock);
    for (guint i = 0; i < due->len; i++) {
        const Due *one = &g_array_index(due, Due, i);
        one->answer(one->request);
        release(parking, one->request, &one->request->waits);
    }
}

void gw_parking_sweep(GwParking *parking)
{
    answer_until(parking, g_get_monotonic_time(), NULL);
}

void gw_parking_close(GwParking *parking)
{
    g_mutex_lock(&parking->lock);
    parking->closed = TRUE;
    g_mutex_unlock(&parking->lock);
    answer_until(parking, G_MAXINT64, stopping);
    g_mutex_lock(&parking->lock);
    while (parking->writing)
        g_cond_wait(&parking->idle, &parking->lock);
    g_mutex_unlock(&parking->lock);
    if (parking->aside)
        g_thread_pool_free(g_steal_pointer(&parking->aside), FALSE, TRUE);
}
