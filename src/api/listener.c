/* libmicrohttpd: connections, bodies and limits.
 *
 * Each thread of the pool serves its connections from one epoll loop, and handlers run in it. No handler blocks on a
 * host or on a client: what takes time is parked (api/parking.h), and what a client is slow with, the library collects.
 * One more thread, the clock, looks every half second for what has taken too long. */
#include "api/api.h"
#include "api/events.h"
#include "api/guests.h"
#include "api/handlers.h"
#include "api/parking.h"

#include "base/error.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_CONNECTIONS = 4000,
    IDLE_S = 75,                  /* between requests, and without a byte within one */
    ANSWER_S = 300,               /* for reading a whole answer */
    CONNECTION_MEMORY = 32 << 10, /* bounds the header of a request */
    CLOCK_MS = 500,
    FAREWELL_MS = 3000, /* for clients to read their last answers when the API stops */
    PAGES_BYTES = 64 << 20,
    SERVERS_BYTES = 64 << 20,
    DEFAULT_THREADS = 2,
    DEFAULT_MAX_LIMIT = 1000, /* Nova's [api] max_limit */
    DEFAULT_WAIT_S = 90,
    DEFAULT_REQUEST_S = 30,
};

struct GwApi {
    GwShared shared;
    GwGuests *guests;
    struct MHD_Daemon *daemon;
    GThread *clock;
    GMutex lock;
    GCond changed;  /* open has become 0, or stopping */
    guint open;     /* [lock] requests begun and not ended */
    gboolean stopping; /* [lock] */
    guint request_s;
    guint16 port;
};

/* ---- one request */

static void tell_address(const struct sockaddr *address, char *text, socklen_t size)
{
    const void *raw = address->sa_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr
                                                     : (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
    if (!inet_ntop(address->sa_family, raw, text, size))
        *text = '\0';
}

/* The first that is heard of a request: its line. What it returns comes back as *state. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    GwApi *api = cls;
    GwRequest *request = gw_request_new(&api->shared, uri);
    request->connection = connection;
    tell_address(MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr, request->address,
                 sizeof request->address);
    g_mutex_lock(&api->lock);
    api->open++;
    g_mutex_unlock(&api->lock);
    return request;
}

static GwGuest *guest_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* The header is complete; the body comes next. */
static void take_header(GwRequest *request, struct MHD_Connection *connection, const char *method)
{
    static const char *const names[] = {
#define X(ENUM, name) name,
        GW_HEADERS(X)
#undef X
    };
    request->method = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0 ? MHD_HTTP_METHOD_GET : method;
    for (guint i = 0; i < GW_HEADER_COUNT; i++)
        request->headers[i] = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, names[i]);
}

/* A body that is too long is read to its end all the same: most clients read an answer only then. */
static void take_body(GwRequest *request, const char *data, size_t size)
{
    if (request->body->len + size > GW_MAX_BODY)
        request->too_large = TRUE;
    else
        g_string_append_len(request->body, data, (gssize)size);
}

static void drop_bytes(void *bytes)
{
    g_bytes_unref(bytes);
}

static struct MHD_Response *response_of(GBytes *text)
{
    gsize size;
    if (!text)
        return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    const void *data = g_bytes_get_data(text, &size);
    return MHD_create_response_from_buffer_with_free_callback_cls(size, (void *)data, drop_bytes, g_bytes_ref(text));
}

/* ---- an answer that goes on: the connection sleeps while there is nothing to tell */

typedef struct {
    GwListener *listener; /* owned */
    struct MHD_Connection *connection;
} Stream;

static void fall_asleep(gpointer connection)
{
    MHD_suspend_connection(connection);
}

static void wake_up(gpointer connection)
{
    MHD_resume_connection(connection);
}

static ssize_t read_stream(void *cls, uint64_t position, char *buffer, size_t size)
{
    Stream *stream = cls;
    gssize count = gw_listener_read(stream->listener, buffer, size, fall_asleep, wake_up, stream->connection);
    return count < 0 ? MHD_CONTENT_READER_END_OF_STREAM : count;
}

static void end_stream(void *cls)
{
    Stream *stream = cls;
    gw_listener_leave(stream->listener);
    g_free(stream);
}

static struct MHD_Response *stream_of(GwRequest *request)
{
    enum { BLOCK = 4096 };
    Stream *stream = g_new0(Stream, 1);
    *stream = (Stream){g_steal_pointer(&request->listener), request->connection};
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream, stream, end_stream);
}

static enum MHD_Result send_answer(GwRequest *request)
{
    gboolean streams = request->listener != NULL;
    struct MHD_Response *response = streams ? stream_of(request) : response_of(request->text);
    MHD_add_response_header(response, "Content-Type", request->content_type ? request->content_type : "application/json");
    MHD_add_response_header(response, "x-openstack-request-id", request->request_id);
    MHD_add_response_header(response, "x-compute-request-id", request->request_id);
    for (guint i = 0; i + 1 < request->answer_headers->len; i += 2)
        MHD_add_response_header(response, request->answer_headers->pdata[i], request->answer_headers->pdata[i + 1]);
    gw_guest_allow(guest_of(request->connection), streams ? 0 : ANSWER_S); /* a listener that does not read falls behind, or silent */
    enum MHD_Result result = MHD_queue_response(request->connection, request->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **state)
{
    GwApi *api = cls;
    GwRequest *request = *state;
    if (!request->headers_taken) {
        request->headers_taken = TRUE;
        take_header(request, connection, method);
        gw_guest_allow(guest_of(connection), api->request_s);
        return MHD_YES;
    }
    if (*size) {
        take_body(request, data, *size);
        *size = 0;
        return MHD_YES;
    }
    gboolean first = !request->parked;
    if (first) {
        gw_guest_allow(guest_of(connection), 0);
        gw_router_dispatch(request);
    } else if (request->then) {
        gw_request_go_on(request);
        first = TRUE;
    }
    return first && request->parked ? MHD_YES /* called again once resumed */ : send_answer(request);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    GwApi *api = cls;
    if (!*state)
        return;
    g_clear_pointer((GwRequest **)state, gw_request_free);
    gw_guest_allow(guest_of(connection), IDLE_S);
    g_mutex_lock(&api->lock);
    if (--api->open == 0 && api->stopping)
        g_cond_broadcast(&api->changed);
    g_mutex_unlock(&api->lock);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
    GwApi *api = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *state = gw_guests_enter(api->guests,
                                 MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
                                 api->request_s);
    else
        gw_guests_leave(api->guests, *state);
}

/* ---- the clock */

static gpointer run_clock(gpointer data)
{
    GwApi *api = data;
    g_mutex_lock(&api->lock);
    while (!api->stopping) {
        g_cond_wait_until(&api->changed, &api->lock, g_get_monotonic_time() + CLOCK_MS * 1000);
        g_mutex_unlock(&api->lock);
        gw_parking_sweep(api->shared.parking);
        gw_events_beat(api->shared.events);
        gw_guests_sweep(api->guests);
        g_mutex_lock(&api->lock);
    }
    g_mutex_unlock(&api->lock);
    return NULL;
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

static void log_mhd(void *cls, const char *format, va_list args) G_GNUC_PRINTF(2, 0);
static void log_mhd(void *cls, const char *format, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(format, args);
    gw_debug("http: %s", g_strchomp(text));
}

/* TLS from 1.2 on. Without a certificate the options end at once. */
static const char priorities[] = "NORMAL:-VERS-SSL3.0:-VERS-TLS1.0:-VERS-TLS1.1";

static struct MHD_Daemon *listen_on(GwApi *api, const GwApiSettings *settings, const struct sockaddr_storage *address, guint threads)
{
    const struct MHD_OptionItem tls[] = {
        {settings->certificate ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, (void *)settings->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)settings->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)priorities},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (address->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0) | (settings->certificate ? MHD_USE_TLS : 0);
    /* the logger first: it hears of errors in the options that follow */
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, api, MHD_OPTION_EXTERNAL_LOGGER, log_mhd, NULL,
                            MHD_OPTION_SOCK_ADDR, address, MHD_OPTION_ARRAY, tls,
                            MHD_OPTION_URI_LOG_CALLBACK, on_uri, api, MHD_OPTION_NOTIFY_COMPLETED, on_completed, api,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, api, MHD_OPTION_THREAD_POOL_SIZE, threads,
                            MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS / 2,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                            MHD_OPTION_END);
}

static GwApi *api_new(GwEngine *engine, const GwApiSettings *settings)
{
    GwApi *api = g_new0(GwApi, 1);
    api->shared = (GwShared){
        .engine = engine,
        .parking = gw_parking_new(),
        .events = gw_events_new(),
        .pages = gw_cache_new(PAGES_BYTES),
        .servers = gw_cache_new(SERVERS_BYTES),
        .auth = settings->auth,
        .scheme = settings->certificate ? "https" : "http",
        .max_limit = settings->max_limit ? settings->max_limit : DEFAULT_MAX_LIMIT,
        .wait_s = settings->wait_s ? settings->wait_s : DEFAULT_WAIT_S,
    };
    api->request_s = settings->request_s ? settings->request_s : DEFAULT_REQUEST_S;
    api->guests = gw_guests_new();
    g_mutex_init(&api->lock);
    g_cond_init(&api->changed);
    return api;
}

static void api_free(GwApi *api)
{
    gw_guests_free(api->guests);
    gw_cache_free(api->shared.pages);
    gw_cache_free(api->shared.servers);
    gw_parking_unref(api->shared.parking);
    gw_events_free(api->shared.events);
    g_cond_clear(&api->changed);
    g_mutex_clear(&api->lock);
    g_free(api);
}

GwApi *gw_api_start(GwEngine *engine, const GwApiSettings *settings, GError **error)
{
    struct sockaddr_storage address;
    if (!parse_address(settings, &address, error))
        return NULL;
    GwApi *api = api_new(engine, settings);
    api->daemon = listen_on(api, settings, &address, settings->threads ? settings->threads : DEFAULT_THREADS);
    if (!api->daemon) {
        g_set_error(
            error, GW_ERROR, GW_ERROR_INVALID,
            "cannot listen on %s port %u: is another godwitd running there, or is the address not this machine's?%s",
            settings->listen, settings->port,
            settings->certificate ? " Do ssl_cert_file and ssl_key_file hold PEM, and belong together?" : "");
        api_free(api);
        return NULL;
    }
    api->port = MHD_get_daemon_info(api->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    api->clock = g_thread_new("api-clock", run_clock, api);
    gw_engine_listen(engine, gw_own_events_heard, api->shared.events);
    return api;
}

guint16 gw_api_port(const GwApi *api)
{
    return api->port;
}

/* Idle connections count for nothing here; requests under way get a moment to end. */
static void await_requests(GwApi *api)
{
    gint64 end = g_get_monotonic_time() + FAREWELL_MS * 1000;
    g_mutex_lock(&api->lock);
    api->stopping = TRUE;
    g_cond_broadcast(&api->changed);
    while (api->open && g_cond_wait_until(&api->changed, &api->lock, end))
        ;
    g_mutex_unlock(&api->lock);
}

void gw_api_stop(GwApi *api)
{
    MHD_socket listening = MHD_quiesce_daemon(api->daemon);
    gw_engine_listen(api->shared.engine, NULL, NULL);
    gw_events_close(api->shared.events);
    gw_parking_close(api->shared.parking);
    await_requests(api);
    g_thread_join(api->clock);
    MHD_stop_daemon(api->daemon);
    if (listening != MHD_INVALID_SOCKET)
        close(listening);
    api_free(api);
}
