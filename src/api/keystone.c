#include "api/keystone.h"

#include "api/users.h"

#include "base/error.h"
#include "base/http.h"
#include "base/log.h"

#include <string.h>

enum {
    MOST_ANSWERS = 10000,
    WRONG_S = 10,      /* a token that Keystone did not know is not asked about again for so long */
    ASKERS = 4,        /* threads, each with a connection of its own */
    MOST_WAITING = 500,
    EARLY_S = 30,      /* before its end Godwit's own token is renewed */
};

struct GwKeystone {
    char *base, *prefix; /* "https://host:5000", "/v3" or "/identity/v3" */
    char *public_url, *user, *user_domain, *password, *project, *project_domain, *ca_file;
    gboolean insecure;
    guint cache_s, timeout_s;
    guchar key[32];      /* of the table below: what it holds are no tokens */
    GThreadPool *askers;
    GMutex lock;         /* of all below */
    GHashTable *answers; /* HMAC of the token → GwKeystoneAnswer * */
    GQueue idle;         /* of GwHttp *: connections that nobody uses now */
    char *own_token;
    gint64 own_until_us; /* monotonic */
    gboolean complained; /* it was logged that Keystone is down */
    GMutex own_lock;     /* held while Godwit logs in, so that it does once */
};

typedef struct {
    char *token;
    GwKeystoneTold told;
    gpointer data;
} Question;

GwKeystoneAnswer *gw_keystone_answer_ref(GwKeystoneAnswer *answer)
{
    g_atomic_ref_count_inc(&answer->refs);
    return answer;
}

void gw_keystone_answer_unref(GwKeystoneAnswer *answer)
{
    if (!g_atomic_ref_count_dec(&answer->refs))
        return;
    g_free(answer->user_id);
    g_free(answer->project_id);
    g_free(answer);
}

static GwKeystoneAnswer *answer_ref(GwKeystoneAnswer *answer)
{
    g_atomic_ref_count_inc(&answer->refs);
    return answer;
}

/* ---- remembering */

static char *mark_of(const GwKeystone *keystone, const char *token)
{
    return g_compute_hmac_for_string(G_CHECKSUM_SHA256, keystone->key, sizeof keystone->key, token, -1);
}

GwKeystoneAnswer *gw_keystone_recall(GwKeystone *keystone, const char *token)
{
    g_autofree char *mark = mark_of(keystone, token);
    g_mutex_lock(&keystone->lock);
    GwKeystoneAnswer *answer = g_hash_table_lookup(keystone->answers, mark);
    answer = answer && g_get_monotonic_time() < answer->until_us ? answer_ref(answer) : NULL;
    g_mutex_unlock(&keystone->lock);
    return answer;
}

static void remember(GwKeystone *keystone, const char *token, GwKeystoneAnswer *answer)
{
    char *mark = mark_of(keystone, token);
    g_mutex_lock(&keystone->lock);
    if (g_hash_table_size(keystone->answers) >= MOST_ANSWERS)
        g_hash_table_remove_all(keystone->answers);
    g_hash_table_replace(keystone->answers, mark, answer_ref(answer));
    g_mutex_unlock(&keystone->lock);
}

/* ---- asking */

static GwHttp *lend(GwKeystone *keystone)
{
    g_mutex_lock(&keystone->lock);
    GwHttp *http = g_queue_pop_head(&keystone->idle);
    g_mutex_unlock(&keystone->lock);
    GwHttpSettings settings = {.base_url = keystone->base,
                               .connect_timeout_ms = keystone->timeout_s * 1000,
                               .timeout_ms = keystone->timeout_s * 1000,
                               .trust = keystone->insecure ? GW_HTTP_TRUST_ANY : GW_HTTP_VERIFY,
                               .ca_file = *keystone->ca_file ? keystone->ca_file : NULL};
    return http ? http : gw_http_new(&settings);
}

static void give_back(GwKeystone *keystone, GwHttp *http)
{
    g_mutex_lock(&keystone->lock);
    g_queue_push_head(&keystone->idle, http);
    g_mutex_unlock(&keystone->lock);
}

static GwHttpResponse *send(GwKeystone *keystone, const char *method, const char *path, const char *const *headers, const char *body,
                            GError **error)
{
    g_autofree char *whole = g_strconcat(keystone->prefix, path, NULL);
    GwHttpRequest request = {.method = method, .path = whole, .headers = headers, .body = body, .body_size = body ? strlen(body) : 0};
    GwHttpResponse *response = NULL;
    g_autoptr(GError) why = NULL;
    GwHttp *http = lend(keystone);
    gboolean ok = gw_http_send(http, &request, &response, &why);
    give_back(keystone, http);
    if (!ok)
        g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE, "Keystone at %s does not answer: %s", keystone->base, why->message);
    return response;
}

static void bad_answer(GwKeystone *keystone, const GwHttpResponse *response, const char *what, GError **error)
{
    g_set_error(error, GW_ERROR, response->status >= 500 ? GW_ERROR_UNREACHABLE : GW_ERROR_DENIED,
                "Keystone at %s answers %u to %s", keystone->base, response->status, what);
}

static json_t *body_of(const GwHttpResponse *response, const char *member)
{
    g_autoptr(json_t) body = json_loadb(response->body ? response->body : "", response->body_size, 0, NULL);
    json_t *value = json_object_get(body, member);
    return value ? json_incref(value) : NULL;
}

/* "2026-11-23T12:00:00.000000Z" as a time of the monotonic clock; 0: it is none. */
static gint64 end_of(const json_t *token)
{
    const char *text = json_string_value(json_object_get(token, "expires_at"));
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) end = text ? g_date_time_new_from_iso8601(text, utc) : NULL;
    return end ? g_get_monotonic_time() + (g_date_time_to_unix(end) * G_USEC_PER_SEC - g_get_real_time()) : 0;
}

/* ---- Godwit's own token */

static char *log_in_text(const GwKeystone *keystone)
{
    g_autoptr(json_t) body =
        json_pack("{s:{s:{s:[s],s:{s:{s:s,s:{s:s},s:s}}},s:{s:{s:s,s:{s:s}}}}}", "auth", "identity", "methods", "password", "password",
                  "user", "name", keystone->user, "domain", "name", keystone->user_domain, "password", keystone->password, "scope",
                  "project", "name", keystone->project, "domain", "name", keystone->project_domain);
    char *text = json_dumps(body, JSON_COMPACT);
    char *copy = g_strdup(text);
    free(text);
    return copy;
}

/* [own_lock] */
static gboolean log_in(GwKeystone *keystone, GError **error)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    g_autofree char *text = log_in_text(keystone);
    g_autoptr(GwHttpResponse) response = send(keystone, "POST", "/auth/tokens", headers, text, error);
    if (!response)
        return FALSE;
    const char *token = gw_http_response_header(response, "X-Subject-Token");
    if (response->status != 201 || !token) {
        bad_answer(keystone, response, "the log-in of Godwit's own user ([keystone_authtoken] username, password)", error);
        return FALSE;
    }
    g_autoptr(json_t) body = body_of(response, "token");
    gint64 end = end_of(body);
    g_mutex_lock(&keystone->lock);
    g_free(keystone->own_token);
    keystone->own_token = g_strdup(token);
    keystone->own_until_us = end - (gint64)EARLY_S * G_USEC_PER_SEC;
    g_mutex_unlock(&keystone->lock);
    return TRUE;
}

static char *present_token(GwKeystone *keystone)
{
    g_mutex_lock(&keystone->lock);
    char *token = g_get_monotonic_time() < keystone->own_until_us ? g_strdup(keystone->own_token) : NULL;
    g_mutex_unlock(&keystone->lock);
    return token;
}

/* refused: the one that Keystone did not take; NULL: any that is good. */
static char *own_token(GwKeystone *keystone, const char *refused, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&keystone->own_lock);
    g_autofree char *token = present_token(keystone);
    if (token && g_strcmp0(token, refused) != 0)
        return g_steal_pointer(&token);
    if (!log_in(keystone, error))
        return NULL;
    g_mutex_lock(&keystone->lock);
    char *fresh = g_strdup(keystone->own_token); /* however short its life is */
    g_mutex_unlock(&keystone->lock);
    return fresh;
}

/* ---- what Keystone says of a token */

/* An administrator does everything, a reader looks; Keystone's member implies reader. */
static GwRole role_of(const json_t *token)
{
    GwRole role = GW_ROLE_KNOWN;
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(token, "roles"), index, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        if (g_strcmp0(name, "admin") == 0)
            return GW_ROLE_ADMIN;
        if (g_strcmp0(name, "reader") == 0)
            role = GW_ROLE_READER;
    }
    return role;
}

static GwKeystoneAnswer *answer_new(const GwKeystone *keystone, const json_t *token)
{
    GwKeystoneAnswer *answer = g_new0(GwKeystoneAnswer, 1);
    gint64 now = g_get_monotonic_time();
    g_atomic_ref_count_init(&answer->refs);
    answer->until_us = now + WRONG_S * G_USEC_PER_SEC;
    gint64 end = token ? end_of(token) : 0;
    const char *user = json_string_value(json_object_get(json_object_get(token, "user"), "id"));
    answer->good = user && end > now;
    if (!answer->good)
        return answer;
    answer->user_id = g_strdup(user);
    answer->project_id = g_strdup(json_string_value(json_object_get(json_object_get(token, "project"), "id")));
    answer->role = role_of(token);
    answer->until_us = MIN(end, now + (gint64)keystone->cache_s * G_USEC_PER_SEC);
    return answer;
}

/* What is not printable ASCII cannot be a token, nor be put into a header. */
static gboolean is_sendable(const char *token)
{
    for (; *token; token++)
        if (*token <= ' ' || *token > '~')
            return FALSE;
    return TRUE;
}

static GwHttpResponse *show_token(GwKeystone *keystone, const char *own, const char *token, GError **error)
{
    g_autofree char *ours = g_strconcat("X-Auth-Token: ", own, NULL);
    g_autofree char *theirs = g_strconcat("X-Subject-Token: ", token, NULL);
    const char *headers[] = {ours, theirs, "Accept: application/json", NULL};
    return send(keystone, "GET", "/auth/tokens?nocatalog", headers, NULL, error);
}

static GwKeystoneAnswer *validate(GwKeystone *keystone, const char *token, GError **error)
{
    if (!is_sendable(token))
        return answer_new(keystone, NULL);
    g_autofree char *own = own_token(keystone, NULL, error);
    g_autoptr(GwHttpResponse) response = own ? show_token(keystone, own, token, error) : NULL;
    if (response && response->status == 401) { /* ours was revoked, or Keystone has new keys */
        g_autofree char *renewed = own_token(keystone, own, error);
        g_clear_pointer(&response, gw_http_response_free);
        response = renewed ? show_token(keystone, renewed, token, error) : NULL;
    }
    if (!response)
        return NULL;
    if (response->status != 200 && response->status != 404) {
        bad_answer(keystone, response, "the question whether a token is good (may Godwit's own user ask it? It needs the role service "
                                       "or admin)", error);
        return NULL;
    }
    g_autoptr(json_t) body = response->status == 200 ? body_of(response, "token") : NULL;
    return answer_new(keystone, body);
}

/* Once when it begins, and once when it is over. */
static void tell_log(GwKeystone *keystone, const GError *error)
{
    g_mutex_lock(&keystone->lock);
    gboolean changed = keystone->complained != (error != NULL);
    keystone->complained = error != NULL;
    g_mutex_unlock(&keystone->lock);
    if (changed && error)
        gw_warning("nobody can be let in: %s", error->message);
    else if (changed)
        gw_info("Keystone at %s answers again", keystone->base);
}

static void ask_work(gpointer data, gpointer user_data)
{
    Question *question = data;
    GwKeystone *keystone = user_data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GwKeystoneAnswer) answer = gw_keystone_recall(keystone, question->token); /* somebody else may have asked */
    if (!answer && (answer = validate(keystone, question->token, &error)))
        remember(keystone, question->token, answer);
    tell_log(keystone, answer ? NULL : error);
    question->told(question->data, answer, error);
    g_free(question->token);
    g_free(question);
}

void gw_keystone_ask(GwKeystone *keystone, const char *token, GwKeystoneTold told, gpointer data)
{
    if (g_thread_pool_unprocessed(keystone->askers) >= MOST_WAITING) {
        g_autoptr(GError) error = g_error_new(GW_ERROR, GW_ERROR_UNREACHABLE, "too many wait for Keystone at %s", keystone->base);
        told(data, NULL, error);
        return;
    }
    Question *question = g_new0(Question, 1);
    *question = (Question){g_strdup(token), told, data};
    g_thread_pool_push(keystone->askers, question, NULL);
}

/* ---- life */

/* "https://host:5000/v3/" → "https://host:5000" and "/v3"; without a version, "/v3" is added. */
static gboolean split_url(GwKeystone *keystone, const char *url, GError **error)
{
    const char *host = strstr(url, "://");
    gboolean known = host && (g_str_has_prefix(url, "http://") || g_str_has_prefix(url, "https://")) && host[3] && host[3] != '/';
    if (!known) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                    "[keystone_authtoken] auth_url = %s: write the address of Keystone, such as https://keystone:5000/v3", url);
        return FALSE;
    }
    const char *path = host + 3 + strcspn(host + 3, "/");
    g_autofree char *prefix = g_strdup(path);
    while (g_str_has_suffix(prefix, "/"))
        prefix[strlen(prefix) - 1] = '\0';
    keystone->base = g_strndup(url, (gsize)(path - url));
    keystone->prefix = g_str_has_suffix(prefix, "/v3") ? g_strdup(prefix) : g_strconcat(prefix, "/v3", NULL);
    return TRUE;
}

GwKeystone *gw_keystone_new(const GwKeystoneSettings *settings, GError **error)
{
    GwKeystone *keystone = g_new0(GwKeystone, 1);
    g_mutex_init(&keystone->lock);
    g_mutex_init(&keystone->own_lock);
    g_queue_init(&keystone->idle);
    keystone->answers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)gw_keystone_answer_unref);
    keystone->public_url = g_strdup(*settings->public_url ? settings->public_url : settings->auth_url);
    keystone->user = g_strdup(settings->user);
    keystone->user_domain = g_strdup(settings->user_domain);
    keystone->password = g_strdup(settings->password);
    keystone->project = g_strdup(settings->project);
    keystone->project_domain = g_strdup(settings->project_domain);
    keystone->ca_file = g_strdup(settings->ca_file);
    keystone->insecure = settings->insecure;
    keystone->cache_s = settings->cache_s;
    keystone->timeout_s = settings->timeout_s;
    gw_random_bytes(keystone->key, sizeof keystone->key);
    keystone->askers = g_thread_pool_new(ask_work, keystone, ASKERS, FALSE, NULL);
    if (split_url(keystone, settings->auth_url, error))
        return keystone;
    gw_keystone_free(keystone);
    return NULL;
}

void gw_keystone_free(GwKeystone *keystone)
{
    if (!keystone)
        return;
    g_thread_pool_free(keystone->askers, FALSE, TRUE);
    g_queue_clear_full(&keystone->idle, (GDestroyNotify)gw_http_free);
    g_hash_table_unref(keystone->answers);
    g_free(keystone->base);
    g_free(keystone->prefix);
    g_free(keystone->public_url);
    g_free(keystone->user);
    g_free(keystone->user_domain);
    g_free(keystone->password);
    g_free(keystone->project);
    g_free(keystone->project_domain);
    g_free(keystone->ca_file);
    g_free(keystone->own_token);
    g_mutex_clear(&keystone->lock);
    g_mutex_clear(&keystone->own_lock);
    g_free(keystone);
}

const char *gw_keystone_public_url(const GwKeystone *keystone)
{
    return keystone->public_url;
}
