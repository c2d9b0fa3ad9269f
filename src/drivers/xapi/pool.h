/* A pool from inside, for pool.c and watchers.c alone. */
#ifndef GW_XAPI_POOL_H
#define GW_XAPI_POOL_H

#include "drivers/xapi/internal.h"

struct GwXapiPool {
    guint users; /* guarded by pools_lock */
    char *key;
    GwXapiAddress address;
    guint timeout_ms;
    GMutex login_lock, lock;
    GCond turn;
    /* guarded by lock */
    char *master, *session, *uuid;
    guint generation; /* of the session */
    GPtrArray *members; /* of char *: addresses */
    GQueue idle;        /* of Line * */
    gboolean xml;       /* it knows no JSON */
    GPtrArray *watchers; /* of GwHost *, borrowed */
    GHashTable *turns;  /* host UUID -> how many are taken */
    GThread *events;
    gint stopping;
    gint64 read_us;   /* atomic, monotonic: when something newer than all was read */
    GwXapiAliases aliases;
    GwXapiMirror mirror;
};

#endif
