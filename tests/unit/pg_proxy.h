/* A door before a PostgreSQL server that can be slammed at the worst moments: around a COMMIT. */
#ifndef GW_TESTS_PG_PROXY_H
#define GW_TESTS_PG_PROXY_H

#include <glib.h>

typedef enum {
    PROXY_PASS,         /* everything goes through */
    PROXY_LOSE_COMMIT,  /* the next message with COMMIT does not arrive: the connection ends instead */
    PROXY_LOSE_ANSWER,  /* it arrives and is carried out; the connection ends before the answer is told */
    PROXY_DELAY_COMMIT, /* the client's connection ends, and the server gets the COMMIT only a second later */
    PROXY_MUTE,         /* nothing goes through any more, and nothing ends: a hung server */
} ProxyMode;

typedef struct Proxy Proxy;

/* Listens in folder as a server on port 5432 would; forwards to the socket in `server`. */
Proxy *proxy_new(const char *folder, const char *server);
void proxy_set(Proxy *proxy, ProxyMode mode); /* LOSE… and DELAY… are for one COMMIT, and then PASS */
void proxy_free(Proxy *proxy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Proxy, proxy_free)

#endif
