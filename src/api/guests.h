/* Connections, each with the moment by which it must have done what it is doing. libmicrohttpd closes connections that
 * fall silent; one that sends a byte now and then would hold its place for ever. */
#ifndef GW_API_GUESTS_H
#define GW_API_GUESTS_H

#include <glib.h>

typedef struct GwGuests GwGuests;
typedef struct GwGuest GwGuest;

GwGuests *gw_guests_new(void);
void gw_guests_free(GwGuests *guests);
GwGuest *gw_guests_enter(GwGuests *guests, int fd, guint seconds);
/* Before the descriptor is closed. */
void gw_guests_leave(GwGuests *guests, GwGuest *guest);
/* From now on it has so long; 0: as long as it takes, since it is we who keep it waiting. */
void gw_guest_allow(GwGuest *guest, guint seconds);
/* Shuts down the connections of those that are overdue; to be called about every second. */
void gw_guests_sweep(GwGuests *guests);

#endif
