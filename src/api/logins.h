/* Logging in by password: the attempts that fail are counted, and the hashing, which takes long on purpose, is done by a few threads of
 * low priority while the request is parked: however many log in, other requests are served as before. Thread-safe. */
#ifndef GW_API_LOGINS_H
#define GW_API_LOGINS_H

#include "api/request.h"
#include "api/users.h"

typedef struct GwLogins GwLogins;

GwLogins *gw_logins_new(GwUsers *users /* must outlive it */);
void gw_logins_free(GwLogins *logins); /* waits for the attempts under way */

/* user: borrowed; whose password it is. */
typedef void (*GwLoggedIn)(GwRequest *request, const GwUser *user);
/* Calls `then` when the password is right, on the thread that serves the request; answers itself otherwise (401, 429). */
void gw_logins_try(GwLogins *logins, GwRequest *request, const char *name, const char *password, GwLoggedIn then);

#endif
