/* libmicrohttpd: connections, bodies, limits, and answers that come later. */
#include "api/request.h"

#include "base/error.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <string.h>

enum {
    MAX_BODY = 1 << 20,        /* no request of the API is near this */
    MAX_CONNECTIONS = 4000,
    IDLE_S = 75,               /* a connection that says nothing for so long is closed */
    CONNECTION_MEMORY = 32 << 10, /* bounds the header of a request */
};

struct GwApi {
    struct MHD_Daemon *daemon;
    GwEngine *engine;
    GwCache *cache;
    guint16 port;
    GMutex lock;         /* of deferred, and of every GwDeferred's request */
    GHashTable *deferred; /* set of GwDeferred *: parked requests */
    gboolean stopping;
};

struct GwDeferred {
    GwApi *api;
    GwRequest *request; /* [api->lock] NULL once answered otherwise */
    GwFinish finish;
};

/* An answer must find the API alive: what is still under way when the API stops finds this table empty of it. */

GwDeferred *gw_request_defer(GwRequest *request, GwFinish finish)
{
    GwDeferred *deferred = g_new0(GwDeferred, 1);
    deferred->api = request->api;
    deferred->request = request;
    deferred->finish = finish;
    request->parked = TRUE;
    g_mutex_lock(&request->api->lock);
    g_hash_table_add(request->api->deferred, deferred);
    g_mutex_unlock(&request->api->lock);
    MHD_suspend_connection(request->connection);
    return deferred;
}

static GMutex stopped_lock; /* guards the one question "is the API of this answer still there?" */
static GHashTable *living;  /* set of GwApi * */

void gw_deferred_finish(GwDeferred *deferred, gint64 number, const GError *error)
{
    g_mutex_lock(&stopped_lock);
    if (living && g_hash_table_contains(living, deferred->api)) {
        GwApi *api = deferred->api;
        g_mutex_lock(&api->lock);
        GwRequest *request = deferred->request;
        g_hash_table_remove(api->deferred, deferred);
        g_mutex_unlock(&api->lock);
        if (request) {
            deferred->finish(request, number, error);
            MHD_resume_connection(request->connection);
        }
    }
    g_mutex_unlock(&stopped_lock);
    g_free(deferred);
}

/* ---- one request */

/* The first that is heard of a request: its line. What it returns comes back as *state. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    GwApi *api = cls;
    GwRequest *request = g_new0(GwRequest, 1);
    request->api = api;
    request->engine = api->engine;
    request->cache = api->cache;
    request->connection = connection;
    const char *query = strchr(uri, '?');
    request->query = g_strdup(query ? query + 1 : "");
    request->body = g_string_new(NULL);
    request->headers = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *uuid = g_uuid_string_random();
    g_snprintf(request->request_id, sizeof request->request_id, "req-%s", uuid);
    return request;
}

static void request_free(GwRequest *request)
{
    g_free(request->method);
    g_free(request->path);
    g_free(request->query);
    g_free(request->project);
    for (guint i = 0; i < GW_MAX_ARGS; i++)
        g_free(request->args[i]);
    g_string_free(request->body, TRUE);
    g_ptr_array_unref(request->headers);
    g_clear_pointer(&request->text, g_bytes_unref);
    g_free(request);
}

static void drop_bytes(void *bytes)
{
    g_bytes_unref(bytes);
}

static enum MHD_Result send_answer(GwRequest *request)
{
    gsize size = 0;
    const void *data = request->text ? g_bytes_get_data(request->text, &size) : "";
    struct MHD_Response *response =
        request->text ? MHD_create_response_from_buffer_with_free_callback_cls(size, (void *)data, drop_bytes,
                                                                               g_bytes_ref(request->text))
                      : MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Content-Type", request->type ? request->type : "application/json");
    MHD_add_response_header(response, "x-openstack-request-id", request->request_id);
    MHD_add_response_header(response, "x-compute-request-id", request->request_id);
    for (guint i = 0; i + 1 < request->headers->len; i += 2)
        MHD_add_response_header(response, request->headers->pdata[i], request->headers->pdata[i + 1]);
    enum MHD_Result result = MHD_queue_response(request->connection, request->status, response);
    MHD_destroy_response(response);
    return result;
}

static void take_body(GwRequest *request, const char *data, size_t size)
{
    if (request->body->len + size > MAX_BODY)
        request->too_large = TRUE;
    else
        g_string_append_len(request->body, data, (gssize)size);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **state)
{
    GwRequest *request = *state;
    if (!request->method) { /* the header is complete; the body comes next */
        request->method = g_strdup(method);
        request->path = g_strdup(url);
        return MHD_YES;
    }
    if (*size) {
        take_body(request, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (!request->parked) {
        if (request->too_large)
            gw_reply_fault(request, 413, "The request body is larger than %d bytes", MAX_BODY);
        else
            gw_router_dispatch(request);
        if (request->parked)
            return MHD_YES; /* called again once resumed */
    }
    request->parked = FALSE;
    return send_answer(request);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
    if (*state)
        request_free(*state);
    *state = NULL;
}

/* ---- start and stop */

static gboolean parse_address(const GwApiSettings *settings, struct sockaddr_storage *address, GError **error)
{
    struct sockaddr_in *in = (struct sockaddr_in *)address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, settings->listen, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(settings->port);
        return TRUE;
    }
    if (inet_pton(AF_INET6, settings->listen, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(settings->port);
        return TRUE;
    }
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "[api] listen = %s: give an IPv4 or IPv6 address, such as 127.0.0.1",
                settings->listen);
    return FALSE;
}

static void log_mhd(void *cls, const char *format, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(format, args);
    gw_debug("http: %s", g_strchomp(text));
}

GwApi *gw_api_start(GwEngine *engine, const GwApiSettings *settings, GError **error)
{
    struct sockaddr_storage address;
    if (!parse_address(settings, &address, error))
        return NULL;
    GwApi *api = g_new0(GwApi, 1);
    api->engine = engine;
    api->cache = gw_cache_new();
    api->deferred = g_hash_table_new(NULL, NULL);
    g_mutex_init(&api->lock);
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (address.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0);
    api->daemon = MHD_start_daemon(flags, settings->port, NULL, NULL, on_request, api,
                                   MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL,
                                   MHD_OPTION_SOCK_ADDR, &address,
                                   MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u,
                                   MHD_OPTION_URI_LOG_CALLBACK, on_uri, api,
                                   MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
                                   MHD_OPTION_THREAD_POOL_SIZE, MAX(settings->threads, 1u),
                                   MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
                                   MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
                                   MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
    if (!api->daemon) {
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                    "cannot listen on %s port %u: is another godwitd running there, or is the address not this machine's?",
                    settings->listen, settings->port);
        gw_cache_free(api->cache);
        g_hash_table_unref(api->deferred);
        g_free(api);
        return NULL;
    }
    api->port = MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    g_mutex_lock(&stopped_lock);
    if (!living)
        living = g_hash_table_new(NULL, NULL);
    g_hash_table_add(living, api);
    g_mutex_unlock(&stopped_lock);
    return api;
}

guint16 gw_api_port(const GwApi *api)
{
    return api->port;
}

/* libmicrohttpd wants every parked connection resumed before it stops. */
static void answer_parked(GwApi *api)
{
    GHashTableIter iter;
    gpointer key;
    g_mutex_lock(&api->lock);
    g_hash_table_iter_init(&iter, api->deferred);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        GwDeferred *deferred = key;
        GwRequest *request = deferred->request;
        deferred->request = NULL;
        gw_reply_fault(request, 503, "Godwit is stopping; what was asked has been recorded and goes on when it starts again.");
        MHD_resume_connection(request->connection);
    }
    g_hash_table_remove_all(api->deferred);
    g_mutex_unlock(&api->lock);
}

void gw_api_stop(GwApi *api)
{
    g_mutex_lock(&stopped_lock);
    g_hash_table_remove(living, api);
    g_mutex_unlock(&stopped_lock);
    MHD_socket listening = MHD_quiesce_daemon(api->daemon);
    answer_parked(api);
    MHD_stop_daemon(api->daemon);
    if (listening != MHD_INVALID_SOCKET)
        close(listening);
    gw_cache_free(api->cache);
    g_hash_table_unref(api->deferred);
    g_mutex_clear(&api->lock);
    g_free(api);
}
