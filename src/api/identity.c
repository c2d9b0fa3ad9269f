/* As much of Keystone's Identity API v3 as clients need to log in with a password and to find the Compute API: one domain, one project,
 * the users of the file. docs/authentication.md tells more. */
#include "api/auth.h"
#include "api/handlers.h"
#include "api/view.h"

#include <string.h>

#define DOMAIN_ID "default"
#define PROJECT "admin"

static json_t *link_to(GwRequest *request, const char *path)
{
    g_autofree char *url = g_strconcat(gw_request_base(request), path, NULL);
    return json_pack("{s:s}", "self", url);
}

void gw_identity_version(GwRequest *request)
{
    g_autofree char *url = g_strconcat(gw_request_base(request), "/v3/", NULL);
    json_t *links = json_pack("[{s:s,s:s}]", "rel", "self", "href", url);
    json_t *types = json_pack("[{s:s,s:s}]", "base", "application/json", "type", "application/vnd.openstack.identity-v3+json");
    gw_reply_named(request, 200, "version",
                   json_pack("{s:s,s:s,s:s,s:o,s:o}", "id", "v3.14", "status", "stable", "updated", "2020-04-07T00:00:00Z", "links",
                             links, "media-types", types));
}

/* ---- what a token tells */

static json_t *domain_json(void)
{
    return json_pack("{s:s,s:s}", "id", DOMAIN_ID, "name", "Default");
}

static json_t *project_json(void)
{
    return json_pack("{s:s,s:s,s:o}", "id", PROJECT, "name", PROJECT, "domain", domain_json());
}

static json_t *endpoints(GwRequest *request, const char *type, const char *path)
{
    static const char *const interfaces[] = {"public", "internal", "admin"};
    g_autofree char *url = g_strconcat(gw_request_base(request), path, NULL);
    json_t *list = json_array();
    for (guint i = 0; i < G_N_ELEMENTS(interfaces); i++) {
        g_autofree char *id = g_strdup_printf("%s-%s", type, interfaces[i]);
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:s}", "id", id, "interface", interfaces[i], "region", "RegionOne",
                                              "region_id", "RegionOne", "url", url));
    }
    return list;
}

static json_t *catalog(GwRequest *request)
{
    static const struct {
        const char *type, *name, *path;
    } services[] = {{"compute", "nova", "/v2.1"}, {"identity", "keystone", "/v3"}, {"image", "glance", "/image"}};
    json_t *list = json_array();
    for (guint i = 0; i < G_N_ELEMENTS(services); i++)
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:o}", "id", services[i].type, "type", services[i].type, "name",
                                              services[i].name, "endpoints",
                                              endpoints(request, services[i].type, services[i].path)));
    return list;
}

static json_t *time_json(gint64 seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
    g_autofree char *text = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S.000000Z");
    return json_string(text);
}

static json_t *token_json(GwRequest *request, const GwToken *token, GwRole role, gboolean scoped)
{
    json_t *user = json_pack("{s:s,s:s,s:o,s:n}", "id", token->user, "name", token->user, "domain", domain_json(),
                             "password_expires_at");
    json_t *out = json_pack("{s:[s],s:o,s:[s],s:o,s:o}", "methods", "password", "user", user, "audit_ids", token->id, "issued_at",
                            time_json(token->issued_s), "expires_at", time_json(token->expires_s));
    if (!scoped)
        return out;
    const char *word = gw_role_word(role);
    json_object_set_new(out, "is_domain", json_false());
    json_object_set_new(out, "project", project_json());
    json_object_set_new(out, "roles", json_pack("[{s:s,s:s}]", "id", word, "name", word));
    json_object_set_new(out, "catalog", catalog(request));
    return out;
}

/* ---- logging in */

/* A user by name or id, in the one domain there is. */
static const char *user_of(const json_t *password)
{
    const json_t *user = json_object_get(password, "user");
    const char *name = json_string_value(json_object_get(user, "name"));
    return name ? name : json_string_value(json_object_get(user, "id"));
}

static gboolean has_method(const json_t *identity, const char *method)
{
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(identity, "methods"), index, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), method) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean has_passwords(GwRequest *request)
{
    if (request->shared->auth && gw_auth_tokens(request->shared->auth))
        return TRUE;
    const char *elsewhere = request->shared->auth ? gw_auth_elsewhere(request->shared->auth) : NULL;
    g_autofree char *why = elsewhere ? g_strdup_printf("There are no tokens here: log in at %s.", elsewhere)
                                     : g_strdup("There are no tokens here: auth_strategy is noauth.");
    gw_reply_identity_fault(request, 404, "Not Found", why);
    return FALSE;
}

/* Any scope is the one project's; "unscoped" alone gives none. */
static gboolean wants_scope(const json_t *auth)
{
    const json_t *scope = json_object_get(auth, "scope");
    return scope && !json_object_get(scope, "unscoped") && !(json_is_string(scope) && strcmp(json_string_value(scope), "unscoped") == 0);
}

static void issue(GwRequest *request, const GwUser *user, const GwToken *parent)
{
    g_autoptr(GwToken) token = gw_tokens_issue(gw_auth_tokens(request->shared->auth), user, parent);
    gw_reply_header(request, "X-Subject-Token", token->text);
    gw_reply_header(request, "Vary", "X-Auth-Token");
    gw_reply_named(request, 201, "token",
                   token_json(request, token, user->role, wants_scope(json_object_get(request->json, "auth"))));
}

static void password_was_right(GwRequest *request, const GwUser *user)
{
    issue(request, user, NULL);
}

static void by_password(GwRequest *request, const json_t *identity)
{
    const json_t *password = json_object_get(identity, "password");
    const char *name = user_of(password);
    const char *text = json_string_value(json_object_get(json_object_get(password, "user"), "password"));
    if (name && text)
        gw_auth_log_in(request, name, text, password_was_right);
    else
        gw_reply_identity_fault(request, 400, "Bad Request",
                                "Invalid input for field 'identity/password/user': name (or id) and password are required.");
}

static void by_token(GwRequest *request, const json_t *identity)
{
    GwAuth *auth = request->shared->auth;
    const char *text = json_string_value(json_object_get(json_object_get(identity, "token"), "id"));
    g_autoptr(GwToken) parent = text ? gw_auth_read_token(auth, text) : NULL;
    g_autoptr(GwUser) user = parent ? gw_auth_user(auth, parent->user) : NULL;
    if (user)
        issue(request, user, parent);
    else
        gw_reply_identity_fault(request, 401, "Unauthorized", "The request you have made requires authentication.");
}

void gw_identity_token_create(GwRequest *request)
{
    if (!has_passwords(request))
        return;
    const json_t *identity = json_object_get(json_object_get(request->json, "auth"), "identity");
    if (has_method(identity, "password"))
        by_password(request, identity);
    else if (has_method(identity, "token"))
        by_token(request, identity);
    else
        gw_reply_identity_fault(request, 400, "Bad Request",
                                "Invalid input for field 'identity/methods': log in by 'password' or 'token'.");
}

static void no_token(GwRequest *request)
{
    gw_reply_identity_fault(request, 404, "Not Found", "Could not find token.");
}

/* The token that the request is about: X-Subject-Token. NULL: answered. Everyone may ask about his own, administrators about all;
 * whether another one is there is not told (policies of Keystone: identity:validate_token, identity:revoke_token). */
static GwToken *subject(GwRequest *request)
{
    const char *text = request->headers[GW_HEADER_SUBJECT];
    g_autoptr(GwToken) token = has_passwords(request) && text ? gw_auth_read_token(request->shared->auth, text) : NULL;
    if (!request->status && (!token || (request->role < GW_ROLE_ADMIN && g_strcmp0(token->user, request->user) != 0)))
        no_token(request);
    return request->status ? NULL : g_steal_pointer(&token);
}

void gw_identity_token_show(GwRequest *request)
{
    g_autoptr(GwToken) token = subject(request);
    g_autoptr(GwUser) user = token ? gw_auth_user(request->shared->auth, token->user) : NULL;
    if (!user)
        return;
    gw_reply_header(request, "X-Subject-Token", token->text);
    gw_reply_named(request, 200, "token", token_json(request, token, user->role, TRUE));
}

void gw_identity_token_revoke(GwRequest *request)
{
    g_autoptr(GwToken) token = subject(request);
    if (!token)
        return;
    gw_tokens_revoke(gw_auth_tokens(request->shared->auth), token);
    gw_reply_empty(request, 204);
}

void gw_identity_catalog(GwRequest *request)
{
    gw_reply_json(request, 200, json_pack("{s:o,s:o}", "catalog", catalog(request), "links", link_to(request, "/v3/auth/catalog")));
}

void gw_identity_projects(GwRequest *request)
{
    json_t *project = json_pack("{s:s,s:s,s:s,s:b,s:b,s:s}", "id", PROJECT, "name", PROJECT, "domain_id", DOMAIN_ID, "enabled", 1,
                                "is_domain", 0, "description", "Everything that Godwit looks after");
    gw_reply_json(request, 200, json_pack("{s:[o],s:o}", "projects", project, "links", link_to(request, "/v3/projects")));
}
