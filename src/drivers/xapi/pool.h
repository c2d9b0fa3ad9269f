/* A pool from inside, for pool.c, pool_members.c and watchers.c alone. */
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

/* One call to one address, whatever is there. params: a list, borrowed. */
json_t *gw_xapi_send(GwXapiPool *pool, const char *to, const char *method, json_t *params, guint timeout_ms, GError **error);
/* [pool->lock] All hosts that this pool is asked for are among these records: then it is theirs, whatever it was before. */
gboolean gw_xapi_pool_has_watchers(GwXapiPool *pool, const json_t *hosts);

#endif
