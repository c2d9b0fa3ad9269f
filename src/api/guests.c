#include "api/guests.h"

#include <sys/socket.h>

struct GwGuest {
    int fd;
    gint deadline_s; /* atomic; monotonic; 0: none */
};

struct GwGuests {
    GMutex lock; /* no descriptor is closed while it is held */
    GHashTable *present; /* set of GwGuest *, owned */
};

static gint now_s(void)
{
    return (gint)(g_get_monotonic_time() / G_USEC_PER_SEC);
}

GwGuests *gw_guests_new(void)
{
    GwGuests *guests = g_new0(GwGuests, 1);
    g_mutex_init(&guests->lock);
    guests->present = g_hash_table_new_full(NULL, NULL, g_free, NULL);
    return guests;
}

void gw_guests_free(GwGuests *guests)
{
    g_hash_table_unref(guests->present);
    g_mutex_clear(&guests->lock);
    g_free(guests);
}

void gw_guest_allow(GwGuest *guest, guint seconds)
{
    g_atomic_int_set(&guest->deadline_s, seconds ? now_s() + 1 + (gint)seconds : 0);
}

GwGuest *gw_guests_enter(GwGuests *guests, int fd, guint seconds)
{
    GwGuest *guest = g_new0(GwGuest, 1);
    guest->fd = fd;
    gw_guest_allow(guest, seconds);
    g_mutex_lock(&guests->lock);
    g_hash_table_add(guests->present, guest);
    g_mutex_unlock(&guests->lock);
    return guest;
}

void gw_guests_leave(GwGuests *guests, GwGuest *guest)
{
    g_mutex_lock(&guests->lock);
    g_hash_table_remove(guests->present, guest);
    g_mutex_unlock(&guests->lock);
}

/* Shut down, not closed: the HTTP library sees the end of the stream and closes its own descriptor. */
void gw_guests_sweep(GwGuests *guests)
{
    GHashTableIter iter;
    gpointer key;
    gint now = now_s();
    g_mutex_lock(&guests->lock);
    g_hash_table_iter_init(&iter, guests->present);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        GwGuest *guest = key;
        gint deadline = g_atomic_int_get(&guest->deadline_s);
        if (deadline && deadline <= now)
            shutdown(guest->fd, SHUT_RDWR);
    }
    g_mutex_unlock(&guests->lock);
}
