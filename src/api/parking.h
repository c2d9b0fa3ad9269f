/* Requests that are answered later: they hold their connection, but no thread. Each is answered exactly once, by
 * whichever comes first: its end, its time being up, or the API's stop. */
#ifndef GW_API_PARKING_H
#define GW_API_PARKING_H

#include "api/request.h"

GwParking *gw_parking_new(void);
/* Answers all parked requests with 503, waits for answers being written, and parks nothing from now on. */
void gw_parking_close(GwParking *parking);
/* Ends that are still to come are dropped when they come. */
void gw_parking_unref(GwParking *parking);
/* Answers what is past its time; to be called about every second. */
void gw_parking_sweep(GwParking *parking);

/* Has the handler answer on another thread, while the connection sleeps: for one that waits for the disk, so that no request stands behind it. */
void gw_request_aside(GwRequest *request, GwHandler handler);

typedef struct GwDeferred GwDeferred;
/* Writes the answer. number: what the call that ended returned, such as a migration's id. */
typedef void (*GwFinish)(GwRequest *request, gint64 number, const GError *error);

/* Parks the request: its handler may read it until it returns, and must not answer it any more. overdue writes the
 * answer when shared->wait_s have passed. */
GwDeferred *gw_request_defer(GwRequest *request, GwFinish finish, GwHandler overdue);
/* Both from any thread, also before the handler returns. */
void gw_deferred_answer(GwDeferred *deferred /* taken */, guint status, json_t *body /* taken */);
void gw_deferred_finish(GwDeferred *deferred /* taken */, gint64 number, const GError *error);
/* Not an answer yet: the thread that serves the request goes on with `then`, which answers it or parks it again. */
void gw_deferred_continue(GwDeferred *deferred /* taken */, GwContinue then, gpointer data /* taken */, GDestroyNotify free_data);

#endif
