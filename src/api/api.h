/* The HTTP API: Compute v2.1 below /v2.1, Godwit's own resources below /godwit/v1. Sees the engine's interface only; no
 * request ever calls a host. */
#ifndef GW_API_API_H
#define GW_API_API_H

#include "engine/engine.h"

typedef struct GwApi GwApi;
typedef struct GwAuth GwAuth;

typedef struct {
    const char *listen; /* address to listen on; borrowed */
    guint16 port;       /* 0: any free one, see gw_api_port */
    GwAuth *auth;       /* api/auth.h; NULL: everyone is an administrator. Must outlive the API */
    const char *certificate, *key; /* PEM texts: HTTPS; NULL: HTTP */
    guint threads;      /* 0: 2 */
    guint max_limit;    /* most rows of one page; 0: 1000, Nova's default */
    guint wait_s;       /* longest that a request waits for a host's word before it is answered without it; 0: 90 */
    guint request_s;    /* longest that a client may take to send one request; 0: 30 */
} GwApiSettings;

/* Listens at once. The engine must outlive the API. GW_ERROR_INVALID when the address cannot be had. */
GwApi *gw_api_start(GwEngine *engine, const GwApiSettings *settings, GError **error);
guint16 gw_api_port(const GwApi *api);
/* Takes no new connection, answers what is open, closes, frees. What the engine still has to report is dropped. */
void gw_api_stop(GwApi *api);

#endif
