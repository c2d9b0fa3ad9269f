/* One request: what was asked, and the answer being made. Knows nothing of the HTTP library, so that tests and fuzzers
 * make requests of their own. Belongs to the thread that serves its connection, except while it is parked
 * (api/parking.h). */
#ifndef GW_API_REQUEST_H
#define GW_API_REQUEST_H

#include "api/cache.h"
#include "engine/engine.h"

#include <jansson.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* Lowest and highest microversion spoken; bodies are those of the version asked for. */
enum { GW_API_MIN_MINOR = 1, GW_API_MAX_MINOR = 88 };

enum { GW_MAX_ARGS = 4, GW_MAX_BODY = 1 << 20 /* no request of the API is near this */ };

typedef struct GwParking GwParking;
typedef struct GwEvents GwEvents;
typedef struct GwListener GwListener;
typedef struct GwAuth GwAuth;

/* What all requests of one API share. */
typedef struct {
    GwEngine *engine;
    GwParking *parking;
    GwEvents *events; /* NULL: nobody can listen */
    GwAuth *auth;     /* NULL: everyone is an administrator */
    const char *scheme; /* of links: "http" or "https"; NULL: http */
    GwCache *pages;   /* whole answers, by the engine's serial */
    GwCache *servers; /* rendered servers, by the view's serial */
    guint max_limit;
    guint wait_s;
} GwShared;

/* The request headers that mean something to the API. */
#define GW_HEADERS(X)                                                                                                  \
    X(HOST, "Host")                                                                                                    \
    X(CONTENT_TYPE, "Content-Type")                                                                                    \
    X(VERSION, "OpenStack-API-Version")                                                                                \
    X(NOVA_VERSION, "X-OpenStack-Nova-API-Version")                                                                     \
    X(AUTHORIZATION, "Authorization")                                                                                   \
    X(TOKEN, "X-Auth-Token")                                                                                            \
    X(SUBJECT, "X-Subject-Token")                                                                                       \
    X(LAST_EVENT_ID, "Last-Event-ID")

typedef enum {
#define X(ENUM, name) GW_HEADER_##ENUM,
    GW_HEADERS(X)
#undef X
        GW_HEADER_COUNT
} GwHeader;

typedef struct {
    char *name, *value; /* decoded, valid UTF-8 */
} GwParam;

typedef struct GwRoute GwRoute; /* api/routes.h */
typedef struct GwRequest GwRequest;
typedef void (*GwHandler)(GwRequest *request);
typedef void (*GwContinue)(GwRequest *request, gpointer data);

struct GwRequest {
    const GwShared *shared;
    GwEngine *engine; /* shared->engine */
    void *connection; /* the listener's own */
    /* as it was sent */
    const char *method;                   /* borrowed; HEAD has become GET, whose body is then not sent */
    char *path;                           /* percent-decoded */
    char *query;                          /* as sent, "" for none */
    const char *headers[GW_HEADER_COUNT]; /* borrowed; NULL when absent */
    GString *body;
    gboolean headers_taken, too_large;
    char address[48]; /* of the client */
    /* as it was understood */
    const GwRoute *route; /* NULL until found */
    GwHandler proceed;    /* what its user may go on to (api/auth.c) */
    char *user; /* NULL: nobody was asked for */
    char *scope; /* the project that the user's token is for; NULL: none */
    int role;   /* GwRole of that user */
    char request_id[48];     /* "req-UUID" */
    guint minor;             /* microversion 2.minor */
    GPtrArray *params;       /* of GwParam *: the query's; gw_query_check leaves those that this version knows */
    char *args[GW_MAX_ARGS]; /* what the route's {} matched */
    char *project;           /* project id of the URL, or NULL */
    char *base, *root, *bookmark_root; /* NULL until asked for */
    json_t *json;            /* the body of a route that takes one: always an object there */
    /* the answer */
    guint status;
    GBytes *text;            /* NULL: empty */
    const char *content_type; /* static; NULL: JSON */
    GPtrArray *answer_headers; /* of char *: name, value, name, value */
    gboolean parked;
    gboolean waits, aside; /* [the parking's lock] for an end that is to come; until a handler on another thread returns */
    GwListener *listener; /* the answer is what it reads, instead of text */
    GwContinue then; /* what to go on with when it comes back from parking; NULL: it is answered */
    gpointer then_data;
    GDestroyNotify then_free;
};

/* uri: path and query as sent, still encoded. */
GwRequest *gw_request_new(const GwShared *shared, const char *uri);
void gw_request_free(GwRequest *request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwRequest, gw_request_free)

/* Beginnings of links, as the client knows this server. Made once, owned by the request. */
const char *gw_request_base(GwRequest *request);          /* "http://host:port" */
const char *gw_request_root(GwRequest *request);          /* base/v2.1 or base/v2.1/PROJECT, as the request had it */
const char *gw_request_bookmark_root(GwRequest *request); /* base or base/PROJECT */

/* Who asks; where nobody is asked to say so, an administrator. */
const char *gw_request_user(const GwRequest *request);
const char *gw_request_project(const GwRequest *request);
GwMoveRequest gw_request_move(const GwRequest *request); /* strings borrowed; of the instance args[0] */

/* ---- answering: the last call wins */
void gw_reply_json(GwRequest *request, guint status, json_t *body /* taken */);
/* {"name": body} */
void gw_reply_named(GwRequest *request, guint status, const char *name, json_t *body /* taken */);
void gw_reply_bytes(GwRequest *request, guint status, GBytes *text /* taken */);
void gw_reply_empty(GwRequest *request, guint status);
void gw_reply_header(GwRequest *request, const char *name, const char *value);
/* A fault in Nova's shape (nova/api/openstack/wsgi.py, Fault). */
void gw_reply_fault(GwRequest *request, guint status, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* By its code; what the client can do nothing about goes to the log instead, under the request's id. */
void gw_reply_error(GwRequest *request, const GError *error);
/* "Instance %s could not be found." */
void gw_reply_no_instance(GwRequest *request);

/* ---- router.c: finds the handler and calls it; answers itself when there is none */
void gw_router_dispatch(GwRequest *request);
/* Goes on with `then` of a request that comes back from parking. */
void gw_request_go_on(GwRequest *request);

#endif
