/* Whose turn it is to be asked for everything. */
#ifndef GW_CORE_LOOKS_H
#define GW_CORE_LOOKS_H

#include <glib.h>

typedef struct {
    gpointer host;   /* whatever the caller knows it by */
    gint64 last_us;  /* monotonic: when it was last asked; 0 or less: never */
} GwLook;

enum { GW_LOOKS_FEW = 16 }; /* so many at least have their turn at once */

/* Sorts those whose last look is an interval ago, oldest first, and returns how many of them have their turn now, if that is asked once
 * a second. All that were never asked have; of the others a second's share of all hosts, and a quarter more: hosts that were first asked all
 * at once, at the start, are not asked all at once for ever, and each waits for at most four fifths of an interval beyond its own, once. */
guint gw_looks_take(GArray *due /* of GwLook */, guint hosts, guint interval_s);

#endif
