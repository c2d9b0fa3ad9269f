/* Whatever is sent as a credential, nobody gets in with it who should not, and what is answered has its shape. Input: the Authorization
 * header, X-Auth-Token and X-Subject-Token, a line each, then the body of a log-in; without a body the token is asked about. A token of
 * "@" is a good one; of "!TEXT" one with that payload, signed as if Godwit had made it: parsing must stand that too. */
#include "../api/fake_engine.h"
#include "api/auth.h"
#include "api/basic.h"
#include "api/parking.h"
#include "api_answer.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char key[] = "0123456789abcdef0123456789abcdef";
static GwUser anna = {.name = (char *)"anna", .role = GW_ROLE_READER};

/* ---- instead of hashing (api/logins.c) */

GwLogins *gw_logins_new(GwUsers *users)
{
    return (GwLogins *)users;
}

void gw_logins_free(GwLogins *logins)
{
}

void gw_logins_try(GwLogins *logins, GwRequest *request, const char *name, const char *password, GwLoggedIn then)
{
    if (!g_utf8_validate(name, -1, NULL) || !g_utf8_validate(password, -1, NULL))
        abort();
    if (strcmp(name, anna.name) == 0 && strcmp(password, "right") == 0)
        then(request, &anna);
    else
        gw_reply_unauthorized(request);
}

/* ---- the parking lot: here nobody waits */

void gw_request_aside(GwRequest *request, GwHandler handler)
{
    handler(request);
}

GwDeferred *gw_request_defer(GwRequest *request, GwFinish finish, GwHandler overdue)
{
    overdue(request);
    return NULL;
}

void gw_deferred_finish(GwDeferred *deferred, gint64 number, const GError *error)
{
}

void gw_deferred_answer(GwDeferred *deferred, guint status, json_t *body)
{
    json_decref(body);
}

void gw_deferred_continue(GwDeferred *deferred, GwContinue then, gpointer data, GDestroyNotify free_data)
{
    if (free_data)
        free_data(data);
}

/* ---- tokens */

static char *sign(const char *plain)
{
    g_autofree char *payload = g_base64_encode((const guchar *)plain, strlen(plain));
    g_strdelimit(payload, "+", '-');
    g_strdelimit(payload, "/", '_');
    g_autofree char *signature =
        g_compute_hmac_for_string(G_CHECKSUM_SHA256, (const guchar *)key, strlen(key), payload, -1);
    return g_strconcat("gwt1.", payload, ".", signature, NULL);
}

static char *token_of(const char *line, const char *good)
{
    if (strcmp(line, "@") == 0)
        return g_strdup(good);
    if (*line == '!')
        return sign(line + 1);
    return *line ? g_strdup(line) : NULL;
}

/* ---- one request */

static char *take_line(char **rest)
{
    char *line = *rest;
    char *end = strchr(line, '\n');
    if (end)
        *end = '\0';
    *rest = end ? end + 1 : line + strlen(line);
    return line;
}

/* "!…" may be anna's token, rightly signed: the stamp of her password is no secret here. */
static gboolean may_be_let_in(const char *header, const char *token)
{
    g_autofree char *name = NULL, *password = NULL;
    if (*token)
        return strcmp(token, "@") == 0 || *token == '!';
    return gw_basic_split(header, &name, &password) && strcmp(name, "anna") == 0 && strcmp(password, "right") == 0;
}

static void ask(const GwShared *shared, const char *good, char *text)
{
    const char *header = take_line(&text);
    const char *own = take_line(&text);
    const char *about = take_line(&text);
    g_autofree char *token = token_of(own, good);
    g_autofree char *subject = token_of(about, good);
    g_autoptr(GwRequest) request = gw_request_new(shared, "/v3/auth/tokens");
    request->method = *text ? "POST" : "GET";
    request->headers[GW_HEADER_AUTHORIZATION] = *header ? header : NULL;
    request->headers[GW_HEADER_TOKEN] = token;
    request->headers[GW_HEADER_SUBJECT] = subject;
    request->headers[GW_HEADER_HOST] = "h:1";
    g_string_append(request->body, text);
    gw_router_dispatch(request);
    api_answer_check(request);
    if (request->status == 500 || (!*text && request->status != 401 && !may_be_let_in(header, own)))
        abort();
}

static GwAuth *auth_new(char **ret_token)
{
    g_autofree char *folder = g_dir_make_tmp("fuzz-auth-XXXXXX", NULL);
    g_autofree char *users = g_build_filename(folder, "htpasswd", NULL);
    g_autofree char *key_file = g_build_filename(folder, "key", NULL);
    const char *line = "anna:$2b$04$abcdefghijklmnopqrstuuJ8Zf0pB5f1Vw0Q0Jb0Q2m1mY3z0wT6C\n";
    g_autoptr(GError) error = NULL;
    if (!g_file_set_contents_full(users, line, -1, G_FILE_SET_CONTENTS_NONE, 0600, &error) ||
        !g_file_set_contents_full(key_file, key, -1, G_FILE_SET_CONTENTS_NONE, 0600, &error))
        g_error("%s", error->message);
    GwAuthSettings settings = {.strategy = GW_AUTH_HTTP_BASIC, .users_file = users, .password_file = users, .key_file = key_file,
                               .token_lifetime_s = 100000};
    GwAuth *auth = gw_auth_new(&settings, &error);
    if (!auth)
        g_error("%s", error->message);
    g_autoptr(GwUser) user = gw_auth_user(auth, "anna");
    g_autoptr(GwToken) token = gw_tokens_issue(gw_auth_tokens(auth), user, NULL);
    memcpy(anna.stamp, user->stamp, sizeof anna.stamp);
    *ret_token = g_strdup(token->text);
    g_unlink(users); /* it stays as it was read; so does the key */
    g_unlink(key_file);
    g_rmdir(folder);
    return auth;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static GwShared shared;
    static char *good;
    if (!shared.auth)
        shared = (GwShared){.engine = fake_engine_new(0), .auth = auth_new(&good), .max_limit = 1000, .wait_s = 1};
    g_autofree char *text = g_strndup((const char *)data, size);
    ask(&shared, good, text);
    return 0;
}
