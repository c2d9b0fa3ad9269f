/* Who asks, and whether he may. Thread-safe. */
#ifndef GW_API_AUTH_H
#define GW_API_AUTH_H

#include "api/keystone.h"
#include "api/logins.h"
#include "api/tokens.h"

typedef enum {
    GW_AUTH_HTTP_BASIC, /* user and password with every request, or a token of the Identity facade */
    GW_AUTH_NONE,       /* everyone is an administrator */
    GW_AUTH_KEYSTONE,   /* a token of a real Keystone */
} GwAuthStrategy;

typedef struct {
    GwAuthStrategy strategy;
    const char *users_file, *password_file, *key_file;
    guint token_lifetime_s;
    GwKeystoneSettings keystone; /* read with GW_AUTH_KEYSTONE */
} GwAuthSettings;

/* GW_ERROR_INVALID: a file makes no sense, or cannot be read or made. */
GwAuth *gw_auth_new(const GwAuthSettings *settings, GError **error);
void gw_auth_free(GwAuth *auth);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwAuth, gw_auth_free)

/* Finds out who the request's user is, and calls `proceed`, now or later, on the thread that serves the request, when he has the role of
 * its route; answers itself otherwise (401, 403, 429). */
void gw_auth_admit(GwRequest *request, GwHandler proceed);
/* For what depends on more than the route. FALSE: 403 has been answered, with the name of Nova's rule. */
gboolean gw_auth_may(GwRequest *request, GwRole needed, const char *policy);
const char *gw_auth_elsewhere(GwAuth *auth); /* where tokens are had, when not here; or NULL */

/* A fault in Keystone's shape, which the clients' log-in understands. */
void gw_reply_identity_fault(GwRequest *request, guint status, const char *title, const char *message);

void gw_reply_unauthorized(GwRequest *request); /* 401 */
void gw_reply_wrong_password(GwRequest *request); /* the same, when some were given */

/* For the Identity facade, when there are passwords. */
void gw_auth_log_in(GwRequest *request, const char *name, const char *password, GwLoggedIn then);
GwUser *gw_auth_user(GwAuth *auth, const char *name); /* NULL when there is none */
GwTokens *gw_auth_tokens(GwAuth *auth);               /* borrowed; NULL without passwords */
/* The token of that text, whose user still has the same password; NULL. */
GwToken *gw_auth_read_token(GwAuth *auth, const char *text);
const char *gw_role_word(GwRole role); /* Keystone's: "admin", "reader", "none" */

#endif
