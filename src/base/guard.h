/* A thread's permission to act on the world outside, asked for just before each act. A thread without a guard may act. */
#ifndef GW_BASE_GUARD_H
#define GW_BASE_GUARD_H

#include <glib.h>

/* FALSE: not any more; *error says why. Must not block. */
typedef gboolean (*GwGuard)(gpointer data, GError **error);

/* For this thread, until it is set again; guard NULL: none. data: borrowed. */
void gw_guard_set(GwGuard guard, gpointer data);
gboolean gw_guard_allows(GError **error);

#endif
