#include "api/auth.h"

#include "api/basic.h"
#include "api/parking.h"

#include "base/error.h"
#include "base/log.h"

#include <string.h>

enum {
    REMEMBER_S = 60,    /* a password that was right is not hashed again for so long */
    MOST_REMEMBERED = 1000,
};

typedef struct {
    char *user;
    GwRole role;
    guint generation;
    gint64 until_us;
} Known;

struct GwAuth {
    GwAuthStrategy strategy;
    GwUsers *users;
    GwTokens *tokens;
    GwLogins *logins;
    GwKeystone *keystone; /* NULL: users and tokens are Godwit's own */
    guchar key[32];       /* of the table below: what it holds cannot be tried out elsewhere */
    GMutex lock;          /* of all below */
    GHashTable *known;    /* HMAC of the header → Known * */
};

static void known_free(gpointer data)
{
    Known *known = data;
    g_free(known->user);
    g_free(known);
}

GwAuth *gw_auth_new(const GwAuthSettings *settings, GError **error)
{
    g_autoptr(GwAuth) auth = g_new0(GwAuth, 1);
    auth->strategy = settings->strategy;
    g_mutex_init(&auth->lock);
    gw_random_bytes(auth->key, sizeof auth->key);
    auth->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_free);
    if (settings->strategy == GW_AUTH_NONE)
        return g_steal_pointer(&auth);
    if (settings->strategy == GW_AUTH_KEYSTONE) {
        auth->keystone = gw_keystone_new(&settings->keystone, error);
        return auth->keystone ? g_steal_pointer(&auth) : NULL;
    }
    auth->users = gw_users_open(settings->users_file, settings->password_file, error);
    auth->tokens = auth->users ? gw_tokens_open(settings->key_file, settings->token_lifetime_s, error) : NULL;
    auth->logins = auth->users ? gw_logins_new(auth->users) : NULL;
    return auth->tokens ? g_steal_pointer(&auth) : NULL;
}

void gw_auth_free(GwAuth *auth)
{
    if (!auth)
        return;
    gw_logins_free(auth->logins);
    gw_keystone_free(auth->keystone);
    gw_users_free(auth->users);
    gw_tokens_free(auth->tokens);
    g_hash_table_unref(auth->known);
    g_mutex_clear(&auth->lock);
    g_free(auth);
}

GwUser *gw_auth_user(GwAuth *auth, const char *name)
{
    return auth->users ? gw_users_find(auth->users, name) : NULL;
}

GwTokens *gw_auth_tokens(GwAuth *auth)
{
    return auth->tokens;
}

const char *gw_role_word(GwRole role)
{
    switch (role) {
    case GW_ROLE_ADMIN:
        return "admin";
    case GW_ROLE_MEMBER:
        return "member";
    case GW_ROLE_READER:
        return "reader";
    case GW_ROLE_KNOWN:
    case GW_ROLE_NONE:
        break;
    }
    return "none";
}

/* ---- answers */

void gw_reply_identity_fault(GwRequest *request, guint status, const char *title, const char *message)
{
    gw_reply_named(request, status, "error", json_pack("{s:i,s:s,s:s}", "code", (int)status, "title", title, "message", message));
}

static void unauthorized(GwRequest *request, const char *message)
{
    gw_reply_header(request, "WWW-Authenticate", "Basic realm=\"Godwit\", charset=\"UTF-8\"");
    gw_reply_identity_fault(request, 401, "Unauthorized", message);
}

void gw_reply_unauthorized(GwRequest *request)
{
    unauthorized(request, "The request you have made requires authentication.");
}

void gw_reply_wrong_password(GwRequest *request)
{
    unauthorized(request, "The request you have made requires authentication: the user or the password is wrong.");
}

void gw_auth_log_in(GwRequest *request, const char *name, const char *password, GwLoggedIn then)
{
    gw_logins_try(request->shared->auth->logins, request, name, password, then);
}

/* ---- user and password with the request */

static gboolean recall(GwAuth *auth, const char *mark, GwRequest *request)
{
    guint generation = gw_users_generation(auth->users);
    g_mutex_lock(&auth->lock);
    const Known *known = g_hash_table_lookup(auth->known, mark);
    gboolean good = known && known->generation == generation && g_get_monotonic_time() < known->until_us;
    if (good) {
        request->user = g_strdup(known->user);
        request->role = (int)known->role;
    }
    g_mutex_unlock(&auth->lock);
    return good;
}

static void remember(GwAuth *auth, char *mark /* taken */, const GwUser *user)
{
    Known *known = g_new0(Known, 1);
    *known = (Known){g_strdup(user->name), user->role, user->generation, g_get_monotonic_time() + REMEMBER_S * G_USEC_PER_SEC};
    g_mutex_lock(&auth->lock);
    if (g_hash_table_size(auth->known) >= MOST_REMEMBERED)
        g_hash_table_remove_all(auth->known);
    g_hash_table_replace(auth->known, mark, known);
    g_mutex_unlock(&auth->lock);
}

static void become(GwRequest *request, const GwUser *user)
{
    request->user = g_strdup(user->name);
    request->role = (int)user->role;
}

static char *mark_of(const GwAuth *auth, const char *header)
{
    return g_compute_hmac_for_string(G_CHECKSUM_SHA256, auth->key, sizeof auth->key, header, -1);
}

static void let_pass(GwRequest *request);

static void basic_was_right(GwRequest *request, const GwUser *user)
{
    GwAuth *auth = request->shared->auth;
    remember(auth, mark_of(auth, request->headers[GW_HEADER_AUTHORIZATION]), user);
    become(request, user);
    let_pass(request);
}

static void take_basic(GwAuth *auth, GwRequest *request, const char *header)
{
    g_autofree char *mark = mark_of(auth, header);
    g_autofree char *name = NULL, *password = NULL;
    if (recall(auth, mark, request))
        let_pass(request);
    else if (gw_basic_split(header, &name, &password))
        gw_auth_log_in(request, name, password, basic_was_right);
    else
        gw_reply_unauthorized(request);
    if (password)
        explicit_bzero(password, strlen(password));
}

/* ---- tokens */

GwToken *gw_auth_read_token(GwAuth *auth, const char *text)
{
    g_autoptr(GwToken) token = auth->tokens ? gw_tokens_read(auth->tokens, text) : NULL;
    g_autoptr(GwUser) user = token ? gw_users_find(auth->users, token->user) : NULL;
    return user && gw_equal_secret(user->stamp, token->stamp) ? g_steal_pointer(&token) : NULL;
}

static void take_token(GwAuth *auth, GwRequest *request, const char *text)
{
    g_autoptr(GwToken) token = gw_auth_read_token(auth, text);
    g_autoptr(GwUser) user = token ? gw_users_find(auth->users, token->user) : NULL;
    if (!user) {
        gw_reply_unauthorized(request);
        return;
    }
    become(request, user);
    let_pass(request);
}

/* ---- tokens of a real Keystone */

static void unauthorized_by_keystone(GwAuth *auth, GwRequest *request)
{
    g_autofree char *where = g_strdup_printf("Keystone uri=\"%s\"", gw_keystone_public_url(auth->keystone));
    gw_reply_header(request, "WWW-Authenticate", where);
    gw_reply_identity_fault(request, 401, "Unauthorized", "The request you have made requires authentication.");
}

static void take_answer(GwRequest *request, const GwKeystoneAnswer *answer)
{
    if (!answer->good) {
        unauthorized_by_keystone(request->shared->auth, request);
        return;
    }
    request->user = g_strdup(answer->user_id);
    request->scope = g_strdup(answer->project_id);
    request->role = (int)answer->role;
    let_pass(request);
}

static void keystone_is_down(GwRequest *request)
{
    gw_reply_fault(request, 503, "The Keystone service is temporarily unavailable: nobody can be let in until it answers; the log says why.");
}

static void keystone_failed(GwRequest *request, gint64 nothing, const GError *error)
{
    keystone_is_down(request);
}

static void keystone_told(GwRequest *request, gpointer answer)
{
    take_answer(request, answer);
}

static void answer_unref(gpointer answer)
{
    gw_keystone_answer_unref(answer);
}

static void on_told(gpointer data, GwKeystoneAnswer *answer, const GError *error)
{
    if (error)
        gw_deferred_finish(data, 0, error);
    else
        gw_deferred_continue(data, keystone_told, gw_keystone_answer_ref(answer), answer_unref);
}

static void take_keystone(GwAuth *auth, GwRequest *request, const char *token)
{
    if (!token) {
        unauthorized_by_keystone(auth, request);
        return;
    }
    g_autoptr(GwKeystoneAnswer) answer = gw_keystone_recall(auth->keystone, token);
    if (answer)
        take_answer(request, answer);
    else
        gw_keystone_ask(auth->keystone, token, on_told, gw_request_defer(request, keystone_failed, keystone_is_down));
}

const char *gw_auth_elsewhere(GwAuth *auth)
{
    return auth->keystone ? gw_keystone_public_url(auth->keystone) : NULL;
}

/* ---- whether he may */

/* Routes that have no name of Nova's are Godwit's own, and the Identity facade's. */
static char *policy_from_path(const GwRequest *request)
{
    static const struct {
        const char *method, *verb;
    } verbs[] = {{"GET", "read"}, {"POST", "create"}, {"PUT", "update"}, {"DELETE", "delete"}};
    const char *verb = "read";
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (strcmp(verbs[i].method, request->method) == 0)
            verb = verbs[i].verb;
    g_auto(GStrv) parts = g_strsplit(request->route->path, "/", 2);
    return g_strdup_printf("godwit:%s:%s", parts[0], verb);
}

gboolean gw_auth_may(GwRequest *request, GwRole needed, const char *policy)
{
    if (request->role >= (int)needed)
        return TRUE;
    g_autofree char *own = policy ? NULL : policy_from_path(request);
    const char *family = policy && !g_str_has_prefix(policy, "compute:") ? "os_compute_api:" : "";
    gw_reply_fault(request, 403, "Policy doesn't allow %s%s to be performed.", family, policy ? policy : own);
    return FALSE;
}

static void let_pass(GwRequest *request)
{
    if (gw_auth_may(request, request->route->role, request->route->policy))
        request->proceed(request);
}

void gw_auth_admit(GwRequest *request, GwHandler proceed)
{
    GwAuth *auth = request->shared->auth;
    const char *token = request->headers[GW_HEADER_TOKEN];
    const char *header = request->headers[GW_HEADER_AUTHORIZATION];
    request->proceed = proceed;
    if (!auth || auth->strategy == GW_AUTH_NONE) {
        request->role = GW_ROLE_ADMIN;
        proceed(request);
    } else if (auth->keystone) {
        take_keystone(auth, request, token);
    } else if (token) {
        take_token(auth, request, token);
    } else if (header) {
        take_basic(auth, request, header);
    } else {
        gw_reply_unauthorized(request);
    }
}
