/* The schema of every database, as steps from nothing to now. Inside the store only. */
#ifndef GW_STORE_SCHEMA_H
#define GW_STORE_SCHEMA_H

#include <glib.h>

/* Step n brings schema n to schema n + 1; a released step never changes, a new one is appended. */
extern const char *const gw_schema_steps[];
extern const guint gw_schema_count;

#endif
