/* What the store needs of a database, and the only thing that differs from one database to the next: transactions,
 * statements and rows. The nouns (hosts.c, cache.c, migrations.c, query.c, actions.c) are written once over it, with
 * the SQL that SQLite and PostgreSQL share: $1 parameters, RETURNING, ON CONFLICT. An adapter is one const GwStoreOps.
 *
 * A session is one transaction on one connection, used by one thread: begun, then committed or ended. */
#ifndef GW_STORE_DATABASE_H
#define GW_STORE_DATABASE_H

#include "store/store.h"

typedef struct GwSession GwSession;
typedef struct GwResult GwResult;

typedef enum {
    GW_ACCESS_READ,  /* one consistent snapshot; never waits for a writer */
    GW_ACCESS_WRITE, /* durable once committed */
    GW_ACCESS_NOTE,  /* a write that outlives the process, but perhaps not a power cut: for what can be learnt again */
    GW_ACCESS_LEASE, /* a durable write of leases alone; never waits for the other writers */
} GwAccess;

typedef enum { GW_PARAM_NULL, GW_PARAM_INTEGER, GW_PARAM_TEXT } GwParamType;

typedef struct {
    GwParamType type;
    gint64 integer;
    const char *text; /* borrowed until the query is finished */
} GwParam;

static inline GwParam gw_param_integer(gint64 integer)
{
    return (GwParam){GW_PARAM_INTEGER, integer, NULL};
}

static inline GwParam gw_param_text(const char *text)
{
    return (GwParam){text ? GW_PARAM_TEXT : GW_PARAM_NULL, 0, text};
}

/* Every function is required. Failures are GW_ERROR_STORE, but GW_ERROR_CONFLICT when a unique index refuses a row. */
typedef struct {
    const char *name;
    void (*close)(GwStore *store);
    GwSession *(*begin)(GwStore *store, GwAccess access, GError **error);
    gboolean (*commit)(GwSession *session, GError **error); /* every result must be freed before */
    void (*end)(GwSession *session); /* undoes what was not committed and gives the connection back */
    /* Parameter $n is params[n - 1]. Statements are prepared once per connection and text. */
    GwResult *(*query)(GwSession *session, const char *sql, const GwParam *params, guint count, GError **error);
    gboolean (*next)(GwResult *result, gboolean *ret_row, GError **error); /* FALSE in *ret_row: no more rows */
    gint64 (*integer)(GwResult *result, guint column);                     /* 0 for NULL */
    const char *(*text)(GwResult *result, guint column); /* NULL for NULL; valid until the next call of `next` */
    void (*finish)(GwResult *result);
    /* Of a database that several daemons may use at once; NULL in others. clock_us: SQL of its clock, in us since the epoch. */
    const char *clock_us;
    void (*watch)(GwStore *store, GwChanged changed, gpointer data);
} GwStoreOps;

struct GwStore {
    const GwStoreOps *ops;
    gint64 commits; /* atomic: transactions that wrote, since it was opened */
};

struct GwSession {
    GwStore *store;
    unsigned changed; /* GW_CHANGED_*: what other daemons are told once it has been committed */
};

struct GwResult {
    GwSession *session;
};

/* The wrappers: what the nouns use. */
GwSession *gw_session_begin(GwStore *store, GwAccess access, GError **error);
gboolean gw_session_commit(GwSession *session, GError **error);
void gw_session_end(GwSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwSession, gw_session_end)

GwResult *gw_session_query(GwSession *session, const char *sql, const GwParam *params, guint count, GError **error);
gboolean gw_result_next(GwResult *result, gboolean *ret_row, GError **error);
gint64 gw_result_integer(GwResult *result, guint column);
const char *gw_result_text(GwResult *result, guint column);
void gw_result_finish(GwResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwResult, gw_result_finish)

/* GW_ERROR_STALE: the lease is another's now. fence NULL: nothing to check. */
gboolean gw_session_check_fence(GwSession *session, const GwFence *fence, GError **error);

/* Runs a statement to its end; its rows, if any, are not wanted. */
gboolean gw_session_run(GwSession *session, const char *sql, const GwParam *params, guint count, GError **error);
/* The first column of the first row, or `otherwise` when there is no row. */
gboolean gw_session_integer(GwSession *session, const char *sql, const GwParam *params, guint count, gint64 otherwise,
                            gint64 *ret_integer, GError **error);

/* The two arguments of a list of parameters: GW_PARAMS(gw_param_integer(1), gw_param_text("a")). */
#define GW_PARAMS(...)                                                                                                 \
    ((const GwParam[]){__VA_ARGS__}), ((guint)(sizeof((const GwParam[]){__VA_ARGS__}) / sizeof(GwParam)))

#endif
