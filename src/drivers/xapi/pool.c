/* One pool: its session, its connections, which member is the master.
 *
 * Any member may become the master. A host that was ejected answers as a master of its own, with the same password: the pool's UUID is compared
 * after every login, and another pool is taken for ours only when it has all hosts that are asked for (they joined it, or the one left).
 * Locks: login_lock before lock; lock is never held across a call. */
#include "base/guard.h"
#include "base/log.h"
#include "drivers/xapi/pool.h"

#include <string.h>

enum {
    TRIES = 4,
    IDLE_LIMIT = 8,      /* connections kept */
    DEFAULT_TIMEOUT_MS = 10000,
};

typedef struct {
    GwHttp *http;
    char *to;
} Line;

static GMutex pools_lock;
static GHashTable *pools; /* key -> GwXapiPool *, borrowed */

/* ---- life */

GwXapiPool *gw_xapi_pool_get(const char *uri, const GwXapiAddress *address, guint timeout_ms)
{
    /* the address without the member that it names */
    g_autofree char *key = g_strdup_printf("%d %s@%s:%u %s %s %s %d %u", address->plain, address->user, address->master, address->port,
                                           address->ca_file, address->fingerprints, address->password_file, address->insecure, timeout_ms);
    g_mutex_lock(&pools_lock);
    if (!pools)
        pools = g_hash_table_new(g_str_hash, g_str_equal);
    GwXapiPool *pool = g_hash_table_lookup(pools, key);
    if (!pool) {
        pool = g_new0(GwXapiPool, 1);
        pool->key = g_steal_pointer(&key);
        pool->timeout_ms = timeout_ms ? timeout_ms : DEFAULT_TIMEOUT_MS;
        gw_xapi_address_parse(uri, address->password_file, &pool->address, NULL); /* it was parsed before */
        pool->master = g_strdup(address->master);
        pool->members = g_ptr_array_new_with_free_func(g_free);
        pool->watchers = g_ptr_array_new();
        pool->contacts = gw_xapi_contacts_new();
        pool->turns = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_hash_table_insert(pools, pool->key, pool);
    }
    pool->users++;
    g_mutex_unlock(&pools_lock);
    return pool;
}

GwXapiPool *gw_xapi_pool_find(const char *uuid)
{
    GHashTableIter at;
    gpointer value;
    GwXapiPool *found = NULL;
    g_mutex_lock(&pools_lock);
    for (g_hash_table_iter_init(&at, pools); !found && g_hash_table_iter_next(&at, NULL, &value);) {
        GwXapiPool *pool = value;
        g_mutex_lock(&pool->lock);
        found = g_strcmp0(pool->uuid, uuid) == 0 ? pool : NULL;
        g_mutex_unlock(&pool->lock);
    }
    if (found)
        found->users++;
    g_mutex_unlock(&pools_lock);
    return found;
}

GwXapiAliases *gw_xapi_pool_aliases(GwXapiPool *pool)
{
    return &pool->aliases;
}

GwXapiMirror *gw_xapi_pool_mirror(GwXapiPool *pool)
{
    return &pool->mirror;
}

static void line_free(Line *line)
{
    gw_http_free(line->http);
    g_free(line->to);
    g_free(line);
}

void gw_xapi_logout(GwXapiPool *pool, const char *session)
{
    g_autoptr(json_t) params = json_pack("[s]", session);
    g_mutex_lock(&pool->lock);
    g_autofree char *master = g_strdup(pool->master);
    g_mutex_unlock(&pool->lock);
    json_decref(gw_xapi_send(pool, master, "session.logout", params, 1000, NULL)); /* what it answers does not matter */
}

void gw_xapi_pool_unref(GwXapiPool *pool)
{
    g_mutex_lock(&pools_lock);
    gboolean last = --pool->users == 0;
    if (last)
        g_hash_table_remove(pools, pool->key);
    g_mutex_unlock(&pools_lock);
    if (!last)
        return;
    g_atomic_int_set(&pool->stopping, TRUE);
    if (pool->events)
        g_thread_join(pool->events);
    g_atomic_int_set(&pool->stopping, FALSE); /* nobody is left to be stopped, and the logout is to go through */
    if (pool->session)
        gw_xapi_logout(pool, pool->session);
    g_queue_clear_full(&pool->idle, (GDestroyNotify)line_free);
    gw_xapi_address_clear(&pool->address);
    g_ptr_array_unref(pool->members);
    g_ptr_array_unref(pool->watchers);
    g_hash_table_unref(pool->contacts);
    g_hash_table_unref(pool->turns);
    gw_xapi_mirror_clear(&pool->mirror);
    g_clear_pointer(&pool->aliases.vms, g_hash_table_unref);
    g_free(pool->master);
    g_free(pool->session);
    g_free(pool->uuid);
    g_free(pool->key);
    g_free(pool);
}

guint gw_xapi_pool_timeout_ms(const GwXapiPool *pool)
{
    return pool->timeout_ms;
}

gboolean gw_xapi_pool_is_stopping(GwXapiPool *pool)
{
    return g_atomic_int_get(&pool->stopping);
}

/* ---- one request */

static Line *line_new(GwXapiPool *pool, const char *to)
{
    const GwXapiAddress *a = &pool->address;
    const char *brackets = strchr(to, ':') && *to != '[' ? "[]" : NULL; /* IPv6 comes without them */
    g_autofree char *port = a->port ? g_strdup_printf(":%u", a->port) : g_strdup("");
    g_autofree char *url = g_strdup_printf("%s://%s%s%s%s", a->plain ? "http" : "https", brackets ? "[" : "", to, brackets ? "]" : "", port);
    GwHttpSettings settings = {.base_url = url,
                               .connect_timeout_ms = pool->timeout_ms,
                               .timeout_ms = pool->timeout_ms,
                               .trust = a->insecure ? GW_HTTP_TRUST_ANY : GW_HTTP_VERIFY,
                               .ca_file = a->ca_file,
                               .fingerprints = a->fingerprints,
                               .cancel = &pool->stopping};
    Line *line = g_new0(Line, 1);
    line->http = gw_http_new(&settings);
    line->to = g_strdup(to);
    return line;
}

static Line *line_take(GwXapiPool *pool, const char *to)
{
    Line *line;
    g_mutex_lock(&pool->lock);
    while ((line = g_queue_pop_head(&pool->idle)) && strcmp(line->to, to) != 0)
        line_free(line);
    g_mutex_unlock(&pool->lock);
    return line ? line : line_new(pool, to);
}

static void line_give(GwXapiPool *pool, Line *line)
{
    g_mutex_lock(&pool->lock);
    gboolean keep = g_queue_get_length(&pool->idle) < IDLE_LIMIT;
    if (keep)
        g_queue_push_head(&pool->idle, line);
    g_mutex_unlock(&pool->lock);
    if (!keep)
        line_free(line);
}

static gboolean exchange(GwXapiPool *pool, const char *to, const char *method, json_t *params, gboolean xml, guint timeout_ms,
                         GwHttpResponse **ret_response, GError **error)
{
    static const char *const json_headers[] = {"Content-Type: application/json", NULL};
    static const char *const xml_headers[] = {"Content-Type: text/xml", NULL};
    g_autofree char *body = xml ? gw_xapi_xml_request(method, params) : gw_xapi_json_request(method, params);
    if (!body) {
        g_set_error(error, GW_ERROR, GW_ERROR_INTERNAL, "%s: parameters that are not UTF-8", method);
        return FALSE;
    }
    gint64 begun_us = g_get_monotonic_time();
    GwHttpRequest request = {"POST", xml ? "/" : "/jsonrpc", xml ? xml_headers : json_headers, body, strlen(body), timeout_ms};
    Line *line = line_take(pool, to);
    gboolean ok = gw_http_send(line->http, &request, ret_response, error);
    if (!ok)
        gw_xapi_contact_explain(line->http, error);
    memset(body, 0, strlen(body)); /* of a login it holds the password */
    line_give(pool, line);
    if (ok)
        gw_xapi_contact_heard(pool, to);
    else
        gw_xapi_contact_missed(pool, to, begun_us, error);
    return ok;
}

static gboolean speaks_xml(const GwHttpResponse *response)
{
    const char *kind = gw_http_response_header(response, "content-type");
    return response->status == 404 || (kind && g_str_has_prefix(kind, "text/xml"));
}

/* One call to one address. A host that knows no JSON is asked again in XML: it has not understood, so it has not acted. */
json_t *gw_xapi_send(GwXapiPool *pool, const char *to, const char *method, json_t *params, guint timeout_ms, GError **error)
{
    g_mutex_lock(&pool->lock);
    gboolean xml = pool->xml;
    g_mutex_unlock(&pool->lock);
    g_autoptr(GwHttpResponse) response = NULL;
    if (!exchange(pool, to, method, params, xml, timeout_ms, &response, error))
        return NULL;
    if (!xml && speaks_xml(response)) {
        g_clear_pointer(&response, gw_http_response_free);
        xml = TRUE;
        if (!exchange(pool, to, method, params, xml, timeout_ms, &response, error))
            return NULL;
        g_mutex_lock(&pool->lock);
        pool->xml = TRUE;
        g_mutex_unlock(&pool->lock);
    }
    if (response->status != 200) {
        g_set_error(error, GW_ERROR, GW_ERROR_LOST, "%s answers with HTTP status %u", to, response->status);
        return NULL;
    }
    return xml ? gw_xapi_xml_response(response->body, response->body_size, error)
               : gw_xapi_json_response(response->body, response->body_size, error);
}

/* ---- sessions */

char *gw_xapi_pool_password(const GwXapiPool *pool, GError **error)
{
    g_autoptr(GError) why = NULL;
    char *password = NULL;
    const char *file = pool->address.password_file;
    if (file && g_file_get_contents(file, &password, NULL, &why)) {
        password[strcspn(password, "\r\n")] = '\0';
        return password;
    }
    g_set_error(error, GW_ERROR, GW_ERROR_DENIED,
                "the password of %s at %s is not known (%s): put it into a file that godwitd reads, and name it in the address "
                "(?password_file=FILE) or in godwit.conf ([xenserver] password_file), or give it with host-add --password-file or --ask-password",
                pool->address.user, pool->address.master, why ? why->message : "no file is named");
    return NULL;
}

/* Who was refused, where, and with which password: what is to be mended is a file on this machine. */
static void explain_refusal(const GwXapiPool *pool, const char *to, GError **failure)
{
    g_autoptr(GError) old = NULL;
    if (!gw_xapi_is_fault(*failure, "SESSION_AUTHENTICATION_FAILED"))
        return;
    old = g_steal_pointer(failure);
    g_set_error(failure, GW_ERROR, GW_ERROR_DENIED, "%s refuses the login of %s with the password in %s (%s)" GW_PASSWORD_REMEDY, to,
                pool->address.user, pool->address.password_file, old->message);
}

/* A session at `to`, or a failure; on HOST_IS_SLAVE the failure's detail is the master. */
char *gw_xapi_login_at(GwXapiPool *pool, const char *to, GError **error)
{
    g_autofree char *password = gw_xapi_pool_password(pool, error);
    if (!password)
        return NULL;
    g_autoptr(json_t) params = json_pack("[s,s,s,s]", pool->address.user, password, "1.0", "godwit");
    memset(password, 0, strlen(password));
    if (!params) {
        g_set_error(error, GW_ERROR, GW_ERROR_DENIED, "the password in %s is not UTF-8", pool->address.password_file);
        return NULL;
    }
    GError *failure = NULL;
    g_autoptr(json_t) result = gw_xapi_send(pool, to, "session.login_with_password", params, pool->timeout_ms, &failure);
    if (result && json_is_string(result))
        return g_strdup(json_string_value(result));
    if (result)
        g_set_error(&failure, GW_ERROR, GW_ERROR_LOST, "%s answers a login without a session", to);
    explain_refusal(pool, to, &failure);
    g_propagate_error(error, failure);
    return NULL;
}

/* Which pool that is and who its members are. */
static gboolean learn(GwXapiPool *pool, const char *to, const char *session, GError **error)
{
    g_autoptr(json_t) params = json_pack("[s]", session);
    g_autoptr(json_t) records = gw_xapi_send(pool, to, "pool.get_all_records", params, pool->timeout_ms, error);
    g_autoptr(json_t) hosts = records ? gw_xapi_send(pool, to, "host.get_all_records", params, pool->timeout_ms, error) : NULL;
    if (!hosts)
        return FALSE;
    const char *ref, *uuid = "";
    json_t *record;
    json_object_foreach(records, ref, record)
        uuid = gw_xapi_text(record, "uuid");
    g_mutex_lock(&pool->lock);
    gboolean same = !pool->uuid || strcmp(pool->uuid, uuid) == 0 || gw_xapi_pool_has_watchers(pool, hosts);
    if (same) {
        g_free(pool->uuid);
        pool->uuid = g_strdup(uuid);
        g_ptr_array_set_size(pool->members, 0);
        json_object_foreach(hosts, ref, record) {
            g_ptr_array_add(pool->members, g_strdup(gw_xapi_text(record, "address")));
            gw_xapi_contact_name(pool, gw_xapi_text(record, "address"), gw_xapi_text(record, "name_label"));
        }
    }
    g_mutex_unlock(&pool->lock);
    if (!same)
        g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE,
                    "%s is now of another pool (%s): it was ejected or installed anew; remove the host and add it again", to, uuid);
    return same;
}

/* A member sent us there, which the address does not name. */
static void explain_hop(const GwXapiPool *pool, const char *first, const char *to, GError **failure)
{
    if (strcmp(first, to) != 0 && strcmp(to, pool->address.master) != 0)
        gw_error_prefix(failure, "%s is not the master of its pool, %s is (write xapi://%s@%s/HOST, and trust its certificate, too)", first, to,
                        pool->address.user, to);
}

/* tried: an address that was tried in vain already, or NULL. */
static gboolean try_login(GwXapiPool *pool, const char *first, const char *tried, GError **error)
{
    g_autofree char *to = g_strdup(first);
    for (guint hop = 0; hop < TRIES; hop++) {
        g_autoptr(GError) failure = NULL;
        if (g_strcmp0(to, tried) == 0 && gw_xapi_contact_is_silent(pool, to)) {
            gw_xapi_silence_set(pool, to, GW_ERROR_UNREACHABLE, error);
            return FALSE;
        }
        g_autofree char *session = gw_xapi_login_at(pool, to, &failure);
        if (session && learn(pool, to, session, &failure)) {
            g_mutex_lock(&pool->lock);
            g_free(pool->master);
            pool->master = g_steal_pointer(&to);
            g_free(pool->session);
            pool->session = g_steal_pointer(&session);
            pool->generation++;
            g_mutex_unlock(&pool->lock);
            return TRUE;
        }
        if (!gw_xapi_is_fault(failure, "HOST_IS_SLAVE")) {
            if (failure->domain == GW_ERROR)
                explain_hop(pool, first, to, &failure);
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        g_free(to);
        to = gw_xapi_fault_detail(failure);
    }
    g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE, "the members of the pool of %s name one another as master", first);
    return FALSE;
}

static GPtrArray *candidates(GwXapiPool *pool)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    g_mutex_lock(&pool->lock);
    g_ptr_array_add(list, g_strdup(pool->master));
    if (strcmp(pool->master, pool->address.master) != 0)
        g_ptr_array_add(list, g_strdup(pool->address.master));
    for (guint i = 0; i < pool->members->len; i++)
        if (!g_ptr_array_find_with_equal_func(list, pool->members->pdata[i], g_str_equal, NULL))
            g_ptr_array_add(list, g_strdup(pool->members->pdata[i]));
    g_mutex_unlock(&pool->lock);
    return list;
}

/* The first member that answers leads to the master. */
static gboolean login(GwXapiPool *pool, GError **error)
{
    g_autoptr(GPtrArray) list = candidates(pool);
    g_autoptr(GError) first = NULL;
    for (guint i = 0; i < list->len; i++) {
        g_autoptr(GError) failure = NULL;
        if (try_login(pool, list->pdata[i], i ? list->pdata[0] : NULL, &failure))
            return TRUE;
        gboolean final = g_error_matches(failure, GW_ERROR, GW_ERROR_DENIED) || failure->domain == GW_XAPI_FAULT;
        if (!first || final) {
            g_clear_error(&first);
            first = g_steal_pointer(&failure);
        }
        if (final)
            break;
    }
    if (!first) {
        g_set_error(error, GW_ERROR, GW_ERROR_UNREACHABLE, "%s: no member of its pool is known", pool->address.master);
        return FALSE;
    }
    if (g_error_matches(first, GW_ERROR, GW_ERROR_LOST) || first->domain == GW_XAPI_FAULT) {
        gboolean denied = gw_xapi_is_fault(first, "SESSION_AUTHORIZATION_FAILED") || gw_xapi_is_fault(first, "RBAC_PERMISSION_DENIED");
        gboolean silent = first->domain == GW_ERROR && gw_xapi_contact_is_silent(pool, list->pdata[0]); /* it is named then */
        g_set_error(error, GW_ERROR, denied ? GW_ERROR_DENIED : GW_ERROR_UNREACHABLE, "%s%s%s", silent ? "" : pool->address.master,
                    silent ? "" : ": ", first->message);
        return FALSE; /* a login that got lost did nothing */
    }
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}

/* FALSE: the master is silent, and the thread of events looks for one. */
static gboolean check_answers(GwXapiPool *pool, GError **error)
{
    g_mutex_lock(&pool->lock);
    g_autofree char *master = g_strdup(pool->master);
    gboolean followed = pool->events != NULL;
    g_mutex_unlock(&pool->lock);
    if (!followed || !gw_xapi_contact_is_silent(pool, master))
        return TRUE;
    gw_xapi_silence_set(pool, master, GW_ERROR_UNREACHABLE, error);
    return FALSE;
}

gboolean gw_xapi_pool_seek(GwXapiPool *pool, GError **error)
{
    if (check_answers(pool, NULL))
        return TRUE;
    g_mutex_lock(&pool->login_lock);
    gboolean ok = login(pool, error);
    g_mutex_unlock(&pool->login_lock);
    return ok;
}

/* generation: of the session that the caller found stale; 0: none. */
static gboolean ensure_session(GwXapiPool *pool, guint stale, char **ret_session, char **ret_master, guint *ret_generation,
                               GError **error)
{
    if (!check_answers(pool, error))
        return FALSE;
    g_mutex_lock(&pool->login_lock);
    g_mutex_lock(&pool->lock);
    if (stale && stale == pool->generation)
        g_clear_pointer(&pool->session, g_free);
    gboolean ok = pool->session != NULL;
    g_mutex_unlock(&pool->lock);
    ok = ok || login(pool, error);
    if (ok) {
        g_mutex_lock(&pool->lock);
        *ret_session = g_strdup(pool->session);
        *ret_master = g_strdup(pool->master);
        *ret_generation = pool->generation;
        g_mutex_unlock(&pool->lock);
    }
    g_mutex_unlock(&pool->login_lock);
    return ok;
}

/* What asks only may be asked twice. */
static gboolean only_asks(const char *method)
{
    const char *verb = strchr(method, '.');
    return verb && (g_str_has_prefix(verb, ".get_") || g_str_has_prefix(verb, ".compute_") || g_str_has_prefix(verb, ".assert_") ||
                    strcmp(method, "event.from") == 0);
}

static gboolean may_repeat(const GError *failure, const char *method)
{
    return gw_xapi_is_fault(failure, "SESSION_INVALID") || gw_xapi_is_fault(failure, "HOST_IS_SLAVE") ||
           g_error_matches(failure, GW_ERROR, GW_ERROR_UNREACHABLE) ||
           (g_error_matches(failure, GW_ERROR, GW_ERROR_LOST) && only_asks(method));
}

json_t *gw_xapi_call(GwXapiPool *pool, const char *method, json_t *params, guint timeout_ms, GError **error)
{
    g_autoptr(json_t) all = params;
    guint stale = 0;
    for (guint i = 0; i < TRIES; i++) {
        g_autofree char *session = NULL;
        g_autofree char *master = NULL;
        g_autoptr(GError) failure = NULL;
        guint generation = 0;
        if (!gw_guard_allows(error) || !ensure_session(pool, stale, &session, &master, &generation, error))
            return NULL;
        g_autoptr(json_t) list = json_copy(all);
        json_array_insert_new(list, 0, json_string(session));
        json_t *result = gw_xapi_send(pool, master, method, list, timeout_ms ? timeout_ms : pool->timeout_ms, &failure);
        if (result)
            return result;
        if (i == TRIES - 1 || !may_repeat(failure, method)) {
            if (failure->domain == GW_ERROR)
                g_prefix_error(&failure, "%s: ", method);
            g_propagate_error(error, g_steal_pointer(&failure));
            return NULL;
        }
        stale = generation;
    }
    return NULL;
}
