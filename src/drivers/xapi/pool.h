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
    GHashTable *contacts; /* silence.c's */
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

/* ---- silence.c */

GHashTable *gw_xapi_contacts_new(void);
void gw_xapi_contact_name(GwXapiPool *pool, const char *address, const char *name); /* [pool->lock] for people */
void gw_xapi_contact_heard(GwXapiPool *pool, const char *address);
/* A call that began then has failed: when that is silence, *failure says so instead, with its code as it was. */
void gw_xapi_contact_missed(GwXapiPool *pool, const char *address, gint64 begun_us, GError **failure);
/* Adds to a failure of that connection what is to be done about it. */
void gw_xapi_contact_explain(const GwHttp *http, GError **failure);
gboolean gw_xapi_contact_is_silent(GwXapiPool *pool, const char *address);
void gw_xapi_silence_set(GwXapiPool *pool, const char *address, GwErrorCode code, GError **error);

#endif
