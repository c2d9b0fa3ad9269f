#include "api/auth.h"

#include "api/parking.h"

#include "base/error.h"
#include "base/log.h"

#include <string.h>

enum {
    REMEMBER_S = 60,    /* a password that was right is not hashed again for so long */
    MOST_REMEMBERED = 1000,
    MOST_FAILURES = 5,  /* of one user from one address, or ten times as many of one address, */
    FAILURES_S = 60,    /* within this time; then neither is heard for the rest of it */
    MOST_FAILING = 10000,
    MOST_HASHING = 2,   /* at once: hashing takes long on purpose, and threads are few */
};

typedef struct {
    char *user;
    GwRole role;
    guint generation;
    gint64 until_us;
} Known;

typedef struct {
    guint count;
    gint64 since_us;
} Failures;

struct GwAuth {
    GwAuthStrategy strategy;
    GwUsers *users;
    GwTokens *tokens;
    GwKeystone *keystone; /* NULL: users and tokens are Godwit's own */
    guchar key[32];       /* of the table below: what it holds cannot be tried out elsewhere */
    GMutex lock;          /* of all below */
    GHashTable *known;    /* HMAC of the header → Known * */
    GHashTable *failing;  /* "address", "address user" → Failures * */
    guint hashing;
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
    auth->failing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (settings->strategy == GW_AUTH_NONE)
        return g_steal_pointer(&auth);
    if (settings->strategy == GW_AUTH_KEYSTONE) {
        auth->keystone = gw_keystone_new(&settings->keystone, error);
        return auth->keystone ? g_steal_pointer(&auth) : NULL;
    }
    auth->users = gw_users_open(settings->users_file, settings->password_file, error);
    auth->tokens = auth->users ? gw_tokens_open(settings->key_file, settings->token_lifetime_s, error) : NULL;
    return auth->tokens ? g_steal_pointer(&auth) : NULL;
}

void gw_auth_free(GwAuth *auth)
{
    if (!auth)
        return;
    gw_keystone_free(auth->keystone);
    gw_users_free(auth->users);
    gw_tokens_free(auth->tokens);
    g_hash_table_unref(auth->known);
    g_hash_table_unref(auth->failing);
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
    case GW_ROLE_NONE:
        return "none";
    }
    return "none";
}

/* ---- failed attempts */

/* [locked] */
static guint failures_of(GwAuth *auth, const char *key)
{
    const Failures *failures = g_hash_table_lookup(auth->failing, key);
    gboolean fresh = failures && g_get_monotonic_time() - failures->since_us < FAILURES_S * G_USEC_PER_SEC;
    return fresh ? failures->count : 0;
}

/* [locked] */
static void count_failure(GwAuth *auth, const char *key)
{
    if (failures_of(auth, key) == 0) {
        if (g_hash_table_size(auth->failing) >= MOST_FAILING)
            g_hash_table_remove_all(auth->failing);
        Failures *failures = g_new0(Failures, 1);
        failures->since_us = g_get_monotonic_time();
        g_hash_table_replace(auth->failing, g_strdup(key), failures);
    }
    ((Failures *)g_hash_table_lookup(auth->failing, key))->count++;
}

static void too_many(GwRequest *request, guint seconds, const char *why)
{
    g_autofree char *wait = g_strdup_printf("%u", seconds);
    gw_reply_header(request, "Retry-After", wait);
    gw_reply_fault(request, 429, "%s Try again in %u s.", why, seconds);
}

/* FALSE: answered. */
static gboolean may_try(GwAuth *auth, GwRequest *request, const char *pair)
{
    g_mutex_lock(&auth->lock);
    gboolean failed = failures_of(auth, pair) >= MOST_FAILURES || failures_of(auth, request->address) >= 10 * MOST_FAILURES;
    gboolean busy = !failed && auth->hashing >= MOST_HASHING;
    if (!failed && !busy)
        auth->hashing++;
    g_mutex_unlock(&auth->lock);
    if (failed)
        too_many(request, FAILURES_S, "Too many failed attempts to log in.");
    else if (busy)
        too_many(request, 1, "Too many are logging in.");
    return !failed && !busy;
}

static void tried(GwAuth *auth, GwRequest *request, const char *pair, gboolean ok)
{
    g_mutex_lock(&auth->lock);
    auth->hashing--;
    if (ok) {
        g_hash_table_remove(auth->failing, pair);
    } else {
        count_failure(auth, pair);
        count_failure(auth, request->address);
    }
    g_mutex_unlock(&auth->lock);
}

void gw_reply_identity_fault(GwRequest *request, guint status, const char *title, const char *message)
{
    gw_reply_named(request, status, "error", json_pack("{s:i,s:s,s:s}", "code", (int)status, "title", title, "message", message));
}

static void unauthorized(GwRequest *request)
{
    gw_reply_header(request, "WWW-Authenticate", "Basic realm=\"Godwit\", charset=\"UTF-8\"");
    gw_reply_identity_fault(request, 401, "Unauthorized", "The request you have made requires authentication.");
}

GwUser *gw_auth_log_in(GwRequest *request, const char *name, const char *password)
{
    GwAuth *auth = request->shared->auth;
    g_autofree char *pair = g_strdup_printf("%s %s", request->address, name);
    if (!may_try(auth, request, pair))
        return NULL;
    GwUser *user = gw_users_verify(auth->users, name, password);
    tried(auth, request, pair, user != NULL);
    if (!user) {
        g_autofree char *shown = g_strescape(name, NULL);
        gw_info("a log-in as '%.80s' from %s failed", shown, request->address);
        unauthorized(request);
    }
    return user;
}

/* ---- user and password with the request */

static gboolean split_basic(const char *header, char **ret_user, char **ret_password)
{
    if (g_ascii_strncasecmp(header, "Basic ", 6) != 0)
        return FALSE;
    gsize size;
    g_autofree guchar *plain = g_base64_decode(header + 6, &size);
    g_autofree char *text = g_strndup((const char *)plain, size);
    char *colon = strchr(text, ':');
    if (!colon || strlen(text) != size || !g_utf8_validate(text, -1, NULL))
        return FALSE;
    *ret_user = g_strndup(text, (gsize)(colon - text));
    *ret_password = g_strdup(colon + 1);
    return TRUE;
}

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

static void remember(GwAuth *auth, char *mark /* taken */, const GwUser *user, guint generation)
{
    Known *known = g_new0(Known, 1);
    *known = (Known){g_strdup(user->name), user->role, generation, g_get_monotonic_time() + REMEMBER_S * G_USEC_PER_SEC};
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

static gboolean take_basic(GwAuth *auth, GwRequest *request, const char *header)
{
    g_autofree char *mark = g_compute_hmac_for_string(G_CHECKSUM_SHA256, auth->key, sizeof auth->key, header, -1);
    if (recall(auth, mark, request))
        return TRUE;
    g_autofree char *name = NULL, *password = NULL;
    if (!split_basic(header, &name, &password)) {
        unauthorized(request);
        return FALSE;
    }
    guint generation = gw_users_generation(auth->users);
    g_autoptr(GwUser) user = gw_auth_log_in(request, name, password);
    if (!user)
        return FALSE;
    become(request, user);
    remember(auth, g_steal_pointer(&mark), user, generation);
    return TRUE;
}

/* ---- tokens */

GwToken *gw_auth_read_token(GwAuth *auth, const char *text)
{
    g_autoptr(GwToken) token = auth->tokens ? gw_tokens_read(auth->tokens, text) : NULL;
    g_autoptr(GwUser) user = token ? gw_users_find(auth->users, token->user) : NULL;
    return user && gw_equal_secret(user->stamp, token->stamp) ? g_steal_pointer(&token) : NULL;
}

static gboolean take_token(GwAuth *auth, GwRequest *request, const char *text)
{
    g_autoptr(GwToken) token = gw_auth_read_token(auth, text);
    g_autoptr(GwUser) user = token ? gw_users_find(auth->users, token->user) : NULL;
    if (user)
        become(request, user);
    else
        unauthorized(request);
    return user != NULL;
}

/* ---- tokens of a real Keystone */

static void unauthorized_by_keystone(GwAuth *auth, GwRequest *request)
{
    g_autofree char *where = g_strdup_printf("Keystone uri=\"%s\"", gw_keystone_public_url(auth->keystone));
    gw_reply_header(request, "WWW-Authenticate", where);
    gw_reply_identity_fault(request, 401, "Unauthorized", "The request you have made requires authentication.");
}

/* FALSE: answered. */
static gboolean take_answer(GwAuth *auth, GwRequest *request, const GwKeystoneAnswer *answer)
{
    if (!answer->good) {
        unauthorized_by_keystone(auth, request);
        return FALSE;
    }
    request->user = g_strdup(answer->user_id);
    request->scope = g_strdup(answer->project_id);
    request->role = (int)answer->role;
    return TRUE;
}

static void keystone_is_down(GwRequest *request)
{
    gw_reply_fault(request, 503, "The Keystone service is temporarily unavailable: nobody can be let in until it answers; the log says why.");
}

/* answer: a GwKeystoneAnswer *, borrowed; with an error there is none. */
static void keystone_told(GwRequest *request, gint64 answer, const GError *error)
{
    if (error)
        keystone_is_down(request);
    else
        request->identified = take_answer(request->shared->auth, request, GSIZE_TO_POINTER((gsize)answer));
}

static void on_told(gpointer data, const GwKeystoneAnswer *answer, const GError *error)
{
    gw_deferred_finish(data, (gint64)GPOINTER_TO_SIZE(answer), error);
}

static gboolean identify_by_keystone(GwAuth *auth, GwRequest *request)
{
    const char *token = request->headers[GW_HEADER_TOKEN];
    if (!token) {
        unauthorized_by_keystone(auth, request);
        return FALSE;
    }
    g_autoptr(GwKeystoneAnswer) answer = gw_keystone_recall(auth->keystone, token);
    if (answer)
        return take_answer(auth, request, answer);
    gw_keystone_ask(auth->keystone, token, on_told, gw_request_defer(request, keystone_told, keystone_is_down));
    return FALSE;
}

const char *gw_auth_elsewhere(GwAuth *auth)
{
    return auth->keystone ? gw_keystone_public_url(auth->keystone) : NULL;
}

/* ---- whether he may */

/* The name of Nova's rule, as far as it follows from the path: os_compute_api:os-aggregates:create. */
static char *policy_of(const GwRequest *request)
{
    static const struct {
        const char *method, *verb;
    } verbs[] = {{"GET", "index"}, {"POST", "create"}, {"PUT", "update"}, {"DELETE", "delete"}};
    const char *verb = "index";
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (strcmp(verbs[i].method, request->method) == 0)
            verb = verbs[i].verb;
    g_auto(GStrv) parts = g_strsplit(request->path, "/", -1);
    guint at = 0;
    while (parts[at] && (!*parts[at] || g_str_has_prefix(parts[at], "v2")))
        at++;
    return g_strdup_printf("os_compute_api:%s:%s", parts[at] ? parts[at] : "", verb);
}

gboolean gw_auth_allows(GwRequest *request, GwRole needed)
{
    if (request->role >= (int)needed)
        return TRUE;
    g_autofree char *policy = policy_of(request);
    gw_reply_fault(request, 403, "Policy doesn't allow %s to be performed.", policy);
    return FALSE;
}

static gboolean identify(GwAuth *auth, GwRequest *request)
{
    if (auth->keystone)
        return identify_by_keystone(auth, request);
    const char *token = request->headers[GW_HEADER_TOKEN];
    const char *header = request->headers[GW_HEADER_AUTHORIZATION];
    if (token)
        return take_token(auth, request, token);
    if (header)
        return take_basic(auth, request, header);
    unauthorized(request);
    return FALSE;
}

gboolean gw_auth_admit(GwRequest *request, GwRole needed)
{
    GwAuth *auth = request->shared->auth;
    if (!auth || auth->strategy == GW_AUTH_NONE) {
        request->role = GW_ROLE_ADMIN;
        return TRUE;
    }
    return identify(auth, request) && gw_auth_allows(request, needed);
}
