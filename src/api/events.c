#include "api/events.h"

#include <string.h>

enum { BEAT_US = 15 * G_USEC_PER_SEC, FULL_BEAT_US = G_USEC_PER_SEC / 2 };

/* Most events are read by nobody: they are made text of when the first asks for them. */
typedef struct {
    const char *name;
    gpointer what; /* NULL: it is text */
    GwEventText text;
    GDestroyNotify free_what;
    char *sent; /* as it is sent; NULL: nobody has read it yet */
} Event;

struct GwEvents {
    GMutex lock; /* of all below */
    guint64 first, next; /* ids: of the oldest kept, and of the one that comes */
    Event ring[GW_EVENTS_KEPT]; /* by id modulo the size */
    GPtrArray *listeners; /* borrowed */
    gboolean closed;
};

struct GwListener {
    GwEvents *events;
    guint64 next;        /* the event to be read */
    GString *pending;    /* what of one did not fit */
    gint64 told_us;      /* monotonic: when it last got something */
    gboolean lost;       /* it fell behind */
    void (*wake)(gpointer);
    gpointer data;       /* of wake; wake NULL: it is not waiting */
};

/* Ids go on from one run of the daemon to the next: they begin at the time. */
GwEvents *gw_events_new(void)
{
    GwEvents *events = g_new0(GwEvents, 1);
    g_mutex_init(&events->lock);
    events->first = events->next = (guint64)g_get_real_time();
    events->listeners = g_ptr_array_new();
    return events;
}

static void event_clear(Event *event)
{
    if (event->what)
        event->free_what(event->what);
    g_free(event->sent);
    *event = (Event){0};
}

void gw_events_free(GwEvents *events)
{
    for (guint i = 0; i < GW_EVENTS_KEPT; i++)
        event_clear(&events->ring[i]);
    g_ptr_array_unref(events->listeners);
    g_mutex_clear(&events->lock);
    g_free(events);
}

/* [locked] */
static void wake(GwListener *listener)
{
    void (*call)(gpointer) = listener->wake;
    listener->wake = NULL;
    if (call)
        call(listener->data);
}

static void wake_all(GwEvents *events)
{
    for (guint i = 0; i < events->listeners->len; i++)
        wake(events->listeners->pdata[i]);
}

void gw_events_publish(GwEvents *events, const char *name, gpointer what, GwEventText text, GDestroyNotify free_what)
{
    g_mutex_lock(&events->lock);
    Event *event = &events->ring[events->next % GW_EVENTS_KEPT], gone = *event;
    *event = (Event){name, what, text, free_what, NULL};
    events->next++;
    events->first = MAX(events->first, events->next > GW_EVENTS_KEPT ? events->next - GW_EVENTS_KEPT : 0);
    wake_all(events);
    g_mutex_unlock(&events->lock);
    event_clear(&gone);
}

/* [locked] */
static const char *text_of(GwEvents *events, guint64 id)
{
    Event *event = &events->ring[id % GW_EVENTS_KEPT];
    if (event->sent)
        return event->sent;
    g_autofree char *data = event->text(event->what);
    event->sent = g_strdup_printf("id: %" G_GUINT64_FORMAT "\nevent: %s\ndata: %s\n\n", id, event->name, data);
    event->free_what(g_steal_pointer(&event->what));
    return event->sent;
}

/* [locked] A comment for those who wait and have not been told anything for so long: that is how a client that has left is noticed. */
static void beat(GwEvents *events, gint64 quiet_us)
{
    gint64 now = g_get_monotonic_time();
    for (guint i = 0; i < events->listeners->len; i++) {
        GwListener *listener = events->listeners->pdata[i];
        if (!listener->wake || now - listener->told_us < quiet_us)
            continue;
        g_string_append(listener->pending, ":\n\n");
        wake(listener);
    }
}

void gw_events_beat(GwEvents *events)
{
    g_mutex_lock(&events->lock);
    beat(events, BEAT_US);
    g_mutex_unlock(&events->lock);
}

void gw_events_close(GwEvents *events)
{
    g_mutex_lock(&events->lock);
    events->closed = TRUE;
    wake_all(events);
    g_mutex_unlock(&events->lock);
}

/* [locked] Where it begins. */
static void place(GwListener *listener, const char *last_id)
{
    const GwEvents *events = listener->events;
    guint64 id;
    listener->next = events->next;
    g_string_append(listener->pending, "retry: 2000\n\n");
    if (!last_id)
        return;
    gboolean known = g_ascii_string_to_unsigned(last_id, 10, 0, G_MAXUINT64 - 1, &id, NULL) && id + 1 >= events->first && id < events->next;
    if (known)
        listener->next = id + 1;
    else
        g_string_append(listener->pending, "event: reset\ndata: {}\n\n");
}

GwListener *gw_events_enter(GwEvents *events, const char *last_id)
{
    GwListener *listener = NULL;
    g_mutex_lock(&events->lock);
    if (!events->closed && events->listeners->len < GW_EVENTS_LISTENERS) {
        listener = g_new0(GwListener, 1);
        listener->events = events;
        listener->pending = g_string_new(NULL);
        listener->told_us = g_get_monotonic_time();
        place(listener, last_id);
        g_ptr_array_add(events->listeners, listener);
    } else {
        beat(events, FULL_BEAT_US); /* some may have left: whoever asks again finds their places */
    }
    g_mutex_unlock(&events->lock);
    return listener;
}

void gw_listener_leave(GwListener *listener)
{
    g_mutex_lock(&listener->events->lock);
    g_ptr_array_remove_fast(listener->events->listeners, listener);
    g_mutex_unlock(&listener->events->lock);
    g_string_free(listener->pending, TRUE);
    g_free(listener);
}

/* [locked] The next of the ring is put behind what is pending. */
static void fetch(GwListener *listener)
{
    GwEvents *events = listener->events;
    if (listener->next < events->first) {
        listener->lost = TRUE;
    } else if (listener->next < events->next) {
        g_string_append(listener->pending, text_of(events, listener->next));
        listener->next++;
    }
}

gssize gw_listener_read(GwListener *listener, char *buffer, gsize size, void (*wait)(gpointer), void (*wake_up)(gpointer), gpointer data)
{
    GwEvents *events = listener->events;
    g_mutex_lock(&events->lock);
    if (!listener->pending->len)
        fetch(listener);
    gsize count = MIN(size, listener->pending->len);
    gboolean over = !count && (listener->lost || events->closed);
    if (count) {
        memcpy(buffer, listener->pending->str, count);
        g_string_erase(listener->pending, 0, (gssize)count);
        listener->told_us = g_get_monotonic_time();
    } else if (!over) {
        listener->wake = wake_up;
        listener->data = data;
        wait(data);
    }
    g_mutex_unlock(&events->lock);
    return over ? -1 : (gssize)count;
}
