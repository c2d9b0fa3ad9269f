#include "base/http.h"

#include "base/pin.h"

#include <curl/curl.h>
#include <string.h>

enum {
    CONNECT_TIMEOUT_MS = 10 * 1000,
    TIMEOUT_MS = 60 * 1000,
    BODY_LIMIT = 256 * 1024 * 1024, /* an answer without end must not fill the memory */
};

typedef struct curl_slist CurlList;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CurlList, curl_slist_free_all)

struct GwHttp {
    CURL *curl;
    char *base_url, *address, *ca_file, *no_proxy, *fingerprints;
    char *pinned_key; /* once a certificate was found to have one of fingerprints */
    CURLcode failed; /* what became of the last call */
    GwHttpTrust trust;
    guint connect_timeout_ms, timeout_ms;
    const gint *cancel;
    char why[CURL_ERROR_SIZE];
};

/* One answer while it arrives. */
typedef struct {
    GHashTable *headers;
    GString *body;
} Arrival;

static gpointer init_once(gpointer data)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    return NULL;
}

static char *without_credentials(const char *url)
{
    const char *start = strstr(url, "://");
    start = start ? start + 3 : url;
    size_t authority = strcspn(start, "/?#");
    const char *at = memrchr(start, '@', authority);
    return at ? g_strdup_printf("%.*s%s", (int)(start - url), url, at + 1) : g_strdup(url);
}

/* This machine is never reached through a proxy, whatever the environment says of others. */
static char *make_no_proxy(void)
{
    const char *others = g_getenv("no_proxy");
    others = others ? others : g_getenv("NO_PROXY");
    return others && *others ? g_strconcat(others, ",localhost,127.0.0.1,::1", NULL)
                             : g_strdup("localhost,127.0.0.1,::1");
}

GwHttp *gw_http_new(const GwHttpSettings *settings)
{
    static GOnce once = G_ONCE_INIT;
    g_once(&once, init_once, NULL);
    GwHttp *http = g_new0(GwHttp, 1);
    http->curl = curl_easy_init();
    http->base_url = g_strdup(settings->base_url);
    http->address = without_credentials(settings->base_url);
    http->ca_file = g_strdup(settings->ca_file);
    http->fingerprints = g_strdup(settings->fingerprints);
    http->no_proxy = make_no_proxy();
    http->trust = settings->trust;
    http->connect_timeout_ms = settings->connect_timeout_ms ? settings->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    http->timeout_ms = settings->timeout_ms ? settings->timeout_ms : TIMEOUT_MS;
    http->cancel = settings->cancel;
    return http;
}

void gw_http_free(GwHttp *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->curl);
    g_free(http->base_url);
    g_free(http->address);
    g_free(http->ca_file);
    g_free(http->no_proxy);
    g_free(http->fingerprints);
    g_free(http->pinned_key);
    g_free(http);
}

const char *gw_http_address(const GwHttp *http)
{
    return http->address;
}

/* ---- receiving */

static size_t on_body(char *data, size_t one, size_t size, void *user)
{
    Arrival *arrival = user;
    if (arrival->body->len + size > BODY_LIMIT)
        return 0;
    g_string_append_len(arrival->body, data, (gssize)size);
    return size;
}

static size_t on_header(char *data, size_t one, size_t size, void *user)
{
    Arrival *arrival = user;
    g_autofree char *line = g_strndup(data, size);
    if (g_str_has_prefix(line, "HTTP/")) /* of an interim answer (100), or the first line of the last one */
        g_hash_table_remove_all(arrival->headers);
    char *colon = strchr(line, ':');
    if (!colon)
        return size;
    *colon = '\0';
    g_hash_table_replace(arrival->headers, g_ascii_strdown(line, -1), g_strdup(g_strstrip(colon + 1)));
    return size;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const GwHttp *http = user;
    return http->cancel && g_atomic_int_get(http->cancel) != 0;
}

/* ---- sending */

static CurlList *make_headers(const GwHttpRequest *request)
{
    CurlList *list = curl_slist_append(NULL, "Expect:"); /* no waiting for "100 Continue" */
    for (guint i = 0; request->headers && request->headers[i]; i++)
        list = curl_slist_append(list, request->headers[i]);
    return list;
}

static void set_connection(GwHttp *http)
{
    CURL *curl = http->curl;
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, http->no_proxy);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "godwit/" GW_VERSION);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)http->connect_timeout_ms);
    if (http->pinned_key)
        curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, http->pinned_key);
    if (http->trust == GW_HTTP_TRUST_ANY || http->fingerprints) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (http->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, http->ca_file);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->why);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, http);
}

static void set_request(GwHttp *http, const GwHttpRequest *request, CurlList *headers, Arrival *arrival)
{
    CURL *curl = http->curl;
    g_autofree char *url = g_strconcat(http->base_url, request->path, NULL);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(request->timeout_ms ? request->timeout_ms : http->timeout_ms));
    if (request->body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
        curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, request->body);
    }
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, arrival);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, arrival);
}

/* Only what is known not to have left this machine may be called UNREACHABLE. */
static GwErrorCode cause_of(GwHttp *http, CURLcode code)
{
    switch ((int)code) {
    case CURLE_ABORTED_BY_CALLBACK:
        return GW_ERROR_ABORTED;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return GW_ERROR_INVALID;
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return GW_ERROR_FAILED;
    }
    long sent = 0;
    curl_easy_getinfo(http->curl, CURLINFO_REQUEST_SIZE, &sent);
    return sent > 0 ? GW_ERROR_LOST : GW_ERROR_UNREACHABLE;
}

/* The system's own word ("Connection refused") where there is one. */
static const char *describe(GwHttp *http, CURLcode code)
{
    long cause = 0;
    curl_easy_getinfo(http->curl, CURLINFO_OS_ERRNO, &cause);
    if (code == CURLE_COULDNT_CONNECT && cause)
        return g_strerror((gint)cause);
    return http->why[0] ? http->why : curl_easy_strerror(code);
}

static void arrival_clear(Arrival *arrival)
{
    g_clear_pointer(&arrival->headers, g_hash_table_unref);
    if (arrival->body)
        g_string_free(arrival->body, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Arrival, arrival_clear)

/* libcurl pins keys, people write down fingerprints of certificates: a connection that sends nothing fetches the certificate; if it is
 * the right one, its key is what every later connection must show. */
static gboolean pin(GwHttp *http, GError **error)
{
    struct curl_certinfo *info = NULL;
    const char *pem = NULL;
    curl_easy_reset(http->curl);
    http->why[0] = '\0';
    set_connection(http);
    curl_easy_setopt(http->curl, CURLOPT_URL, http->base_url);
    curl_easy_setopt(http->curl, CURLOPT_CERTINFO, 1L);
    curl_easy_setopt(http->curl, CURLOPT_CONNECT_ONLY, 1L);
    CURLcode code = curl_easy_perform(http->curl);
    http->failed = code;
    if (code != CURLE_OK) {
        g_set_error(error, GW_ERROR, cause_of(http, code), "%s: %s", http->address, describe(http, code));
        return FALSE;
    }
    curl_easy_getinfo(http->curl, CURLINFO_CERTINFO, &info);
    for (struct curl_slist *line = info && info->num_of_certs ? info->certinfo[0] : NULL; line; line = line->next)
        if (g_str_has_prefix(line->data, "Cert:"))
            pem = line->data;
    gboolean ok = gw_pin_check(pem ? pem : "", http->fingerprints, &http->pinned_key, error);
    if (!ok)
        gw_error_prefix(error, "%s", http->address);
    return ok;
}

/* As OpenSSL writes it: "Expire date:Nov 25 16:00:00 2026 GMT". */
static gboolean read_expiry(CURL *curl, gint64 *ret_s)
{
    static const char key[] = "Expire date:";
    struct curl_certinfo *info = NULL;
    curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info);
    for (struct curl_slist *line = info && info->num_of_certs ? info->certinfo[0] : NULL; line; line = line->next)
        if (g_str_has_prefix(line->data, key))
            *ret_s = (gint64)curl_getdate(line->data + sizeof key - 1, NULL);
    return *ret_s > 0;
}

gboolean gw_http_certificate_left(const char *host, guint port, guint timeout_ms, gint64 *ret_left_s)
{
    g_autofree char *url = g_strdup_printf(strchr(host, ':') ? "https://[%s]:%u" : "https://%s:%u", host, port);
    GwHttpSettings settings = {.base_url = url, .connect_timeout_ms = timeout_ms, .timeout_ms = timeout_ms, .trust = GW_HTTP_TRUST_ANY};
    g_autoptr(GwHttp) http = gw_http_new(&settings);
    gint64 ends_s = 0;
    set_connection(http);
    curl_easy_setopt(http->curl, CURLOPT_URL, url);
    curl_easy_setopt(http->curl, CURLOPT_CERTINFO, 1L);
    curl_easy_setopt(http->curl, CURLOPT_CONNECT_ONLY, 1L);
    gboolean shown = curl_easy_perform(http->curl) == CURLE_OK && read_expiry(http->curl, &ends_s);
    if (shown)
        *ret_left_s = ends_s - g_get_real_time() / G_USEC_PER_SEC;
    return shown;
}

GwHttpFailure gw_http_failure(const GwHttp *http)
{
    switch ((int)http->failed) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return GW_HTTP_UNRESOLVED;
    case CURLE_COULDNT_CONNECT:
        return GW_HTTP_UNCONNECTED;
    case CURLE_PEER_FAILED_VERIFICATION:
        return GW_HTTP_UNTRUSTED;
    }
    return GW_HTTP_FAILED_OTHERWISE;
}

gboolean gw_http_send(GwHttp *http, const GwHttpRequest *request, GwHttpResponse **ret_response, GError **error)
{
    g_autoptr(CurlList) headers = make_headers(request);
    g_auto(Arrival) arrival = {g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free), g_string_new(NULL)};
    if (http->fingerprints && !http->pinned_key && !pin(http, error))
        return FALSE;
    curl_easy_reset(http->curl);
    http->why[0] = '\0';
    set_connection(http);
    set_request(http, request, headers, &arrival);
    CURLcode code = curl_easy_perform(http->curl);
    http->failed = code;
    if (code != CURLE_OK) {
        g_set_error(error, GW_ERROR, cause_of(http, code), "%s: %s", http->address, describe(http, code));
        return FALSE;
    }
    long status = 0;
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    GwHttpResponse *response = g_new0(GwHttpResponse, 1);
    response->status = (guint)status;
    response->headers = g_steal_pointer(&arrival.headers);
    response->body_size = arrival.body->len;
    response->body = g_string_free(g_steal_pointer(&arrival.body), FALSE);
    *ret_response = response;
    return TRUE;
}

void gw_http_response_free(GwHttpResponse *response)
{
    if (!response)
        return;
    g_hash_table_unref(response->headers);
    g_free(response->body);
    g_free(response);
}

const char *gw_http_response_header(const GwHttpResponse *response, const char *name)
{
    g_autofree char *key = g_ascii_strdown(name, -1);
    return g_hash_table_lookup(response->headers, key);
}
