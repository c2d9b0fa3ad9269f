/* Tokens of a real Keystone: asked about each once, and remembered for a while. Thread-safe.
 * Source: Identity API v3, "Validate and show information for token" (GET /v3/auth/tokens), and the options of keystonemiddleware. */
#ifndef GW_API_KEYSTONE_H
#define GW_API_KEYSTONE_H

#include "api/routes.h"

typedef struct {
    const char *auth_url;         /* "https://keystone:5000/v3"; with or without the version */
    const char *public_url;       /* told to callers without a token; "": auth_url */
    const char *user, *user_domain, *password; /* Godwit's own user, who may validate tokens */
    const char *project, *project_domain;
    const char *ca_file;          /* "": the system's */
    gboolean insecure;
    guint cache_s;                /* how long an answer is believed: a revocation is seen within it */
    guint timeout_s;              /* of one request to Keystone */
} GwKeystoneSettings;

typedef struct GwKeystone GwKeystone;
/* Copies the settings; asks nobody yet. GW_ERROR_INVALID: auth_url is none. */
GwKeystone *gw_keystone_new(const GwKeystoneSettings *settings, GError **error);
void gw_keystone_free(GwKeystone *keystone);
const char *gw_keystone_public_url(const GwKeystone *keystone); /* borrowed */

typedef struct {
    gatomicrefcount refs;
    gboolean good;         /* FALSE: Keystone does not know the token (any more) */
    char *user_id, *project_id; /* NULL: unscoped */
    GwRole role;
    gint64 until_us;       /* monotonic: believed so long */
} GwKeystoneAnswer; /* immutable */
GwKeystoneAnswer *gw_keystone_answer_ref(GwKeystoneAnswer *answer);
void gw_keystone_answer_unref(GwKeystoneAnswer *answer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwKeystoneAnswer, gw_keystone_answer_unref)

/* What is remembered of the token; NULL: it must be asked about. Does not block. */
GwKeystoneAnswer *gw_keystone_recall(GwKeystone *keystone, const char *token);

/* Asks, on a thread of its own; told is called once, from there, with an answer (borrowed) or with why there is none
 * (GW_ERROR_UNREACHABLE: Keystone is down, or too busy; GW_ERROR_DENIED: it does not accept Godwit's own user). */
typedef void (*GwKeystoneTold)(gpointer data, GwKeystoneAnswer *answer, const GError *error);
void gw_keystone_ask(GwKeystone *keystone, const char *token, GwKeystoneTold told, gpointer data);

#endif
