/* What happens, told to those who listen: server-sent events (the WHATWG's HTML standard, "Server-sent events"). One hub keeps the newest
 * events in a ring; each listener has a place in it and is woken when there is something to read. Who has fallen behind the ring's
 * oldest is ended, and may come again. Knows nothing of the HTTP library. Thread-safe. */
#ifndef GW_API_EVENTS_H
#define GW_API_EVENTS_H

#include <glib.h>

enum { GW_EVENTS_KEPT = 1024, GW_EVENTS_LISTENERS = 64 };

typedef struct GwEvents GwEvents;
typedef struct GwListener GwListener;

GwEvents *gw_events_new(void);
void gw_events_free(GwEvents *events); /* no listener is left */
/* What an event is told from: text makes one line of it, owned by the caller, and is called under the hub's lock once somebody reads it. */
typedef char *(*GwEventText)(gconstpointer what);
/* name: one word, static; what: taken. */
void gw_events_publish(GwEvents *events, const char *name, gpointer what, GwEventText text, GDestroyNotify free_what);
void gw_events_beat(GwEvents *events);  /* to be called about twice a second: now and then those who wait are sent a comment */
void gw_events_close(GwEvents *events); /* every listener reads its end, and none comes any more */

/* last_id: the Last-Event-ID header, or NULL: from now on. An id that is not in the ring begins with the event `reset`. NULL: there are
 * GW_EVENTS_LISTENERS already, or the hub is closed. */
GwListener *gw_events_enter(GwEvents *events, const char *last_id);
void gw_listener_leave(GwListener *listener);
/* The number of bytes put into buffer; 0: nothing yet; -1: it is over. With 0, `wait` has been called under the hub's lock, and `wake`
 * will be, once, with the same data, when reading is worth while. */
gssize gw_listener_read(GwListener *listener, char *buffer, gsize size, void (*wait)(gpointer), void (*wake)(gpointer), gpointer data);

#endif
