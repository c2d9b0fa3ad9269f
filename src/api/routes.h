/* The table of routes. Everything about a path derives from it: what is 404, what is 405 with which Allow, which
 * microversions know it, who may call it, whether it takes a body. */
#ifndef GW_API_ROUTES_H
#define GW_API_ROUTES_H

#include "api/request.h"

typedef enum {
    GW_ROOT_NONE,    /* the path is the whole path */
    GW_ROOT_COMPUTE, /* below /v2.1, /v2.1/{project}, and the same of /v2 */
    GW_ROOT_GODWIT,  /* below /godwit/v1 */
} GwRoot;

/* Who may call: Nova's default policies. NONE: everyone, without a password. KNOWN: whoever has one. */
typedef enum { GW_ROLE_NONE, GW_ROLE_KNOWN, GW_ROLE_READER, GW_ROLE_MEMBER, GW_ROLE_ADMIN } GwRole;

enum {
    GW_ROUTE_BODY = 1 << 0, /* takes a JSON object: the handler finds it in request->json */
    GW_ROUTE_ASKS = 1 << 1, /* a host that it concerns and that does not answer is asked anew first (api/silent.h) */
    GW_ROUTE_WRITES = 1 << 2, /* waits for the store: it has a thread of its own meanwhile (gw_request_aside) */
};

struct GwRoute {
    const char *method;
    GwRoot root;
    const char *path;   /* {} matches one segment */
    guint since, until; /* microversions 2.since to 2.until; 0: no bound */
    GwRole role;
    GwHandler handler;
    unsigned flags;
    const char *policy; /* the name of Nova's rule without "os_compute_api:", for the 403; NULL: from the path */
};

/* Of two routes that match a path the earlier one counts: "servers/detail" is not the server named "detail". */
extern const GwRoute gw_routes[];
extern const gsize gw_route_count;

/* Has the request's route handle it, on this thread or aside; the last step before the handler. */
void gw_route_handle(GwRequest *request);

#endif
