/* An HTTP client: one request, one answer, over libcurl. Follows no redirects. Speaks http and https only.
 * A GwHttp keeps its connection for the next request and serves one thread at a time. */
#ifndef GW_BASE_HTTP_H
#define GW_BASE_HTTP_H

#include "base/error.h"

typedef enum { GW_HTTP_VERIFY, GW_HTTP_TRUST_ANY } GwHttpTrust;

typedef struct {
    const char *base_url; /* "http://127.0.0.1:8774"; may carry user:password@, which no message repeats */
    guint connect_timeout_ms; /* 0: 10 s */
    guint timeout_ms; /* of one whole request; 0: 60 s */
    GwHttpTrust trust; /* of the server's certificate */
    const char *ca_file; /* PEM; NULL: the system's */
    const char *fingerprints; /* SHA-256 of server certificates, any of which is trusted and no other; NULL: by trust and ca_file */
    const gint *cancel; /* once it is not 0, a request under way ends within a second; NULL: never. Borrowed */
} GwHttpSettings;

typedef struct {
    const char *method; /* "GET" */
    const char *path; /* appended to base_url: "/v2.1/servers?name=x" */
    const char *const *headers; /* "Name: value", NULL-terminated; or NULL */
    const char *body; /* NULL: none */
    gsize body_size;
    guint timeout_ms; /* 0: the settings' */
} GwHttpRequest;

typedef struct {
    guint status;
    GHashTable *headers; /* lower-case name -> value; of several with one name the last */
    char *body; /* NUL-terminated beyond body_size */
    gsize body_size;
} GwHttpResponse;

typedef struct GwHttp GwHttp;

/* Copies the settings' strings. */
GwHttp *gw_http_new(const GwHttpSettings *settings);
void gw_http_free(GwHttp *http);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwHttp, gw_http_free)

/* base_url without user and password: for messages. Borrowed. */
const char *gw_http_address(const GwHttp *http);

/* What the last call of gw_http_send failed of, where that says what to do about it. */
typedef enum { GW_HTTP_FAILED_OTHERWISE, GW_HTTP_UNRESOLVED, GW_HTTP_UNCONNECTED, GW_HTTP_UNTRUSTED } GwHttpFailure;
GwHttpFailure gw_http_failure(const GwHttp *http);
/* TRUE: the server answered, with whatever status. Errors: UNREACHABLE (nothing was sent), LOST (sent, but no whole
 * answer came: it may have had its effect), ABORTED (cancel), INVALID (no such address), DENIED (not
 * the fingerprint: nothing was sent), FAILED. */
gboolean gw_http_send(GwHttp *http, const GwHttpRequest *request, GwHttpResponse **ret_response, GError **error);

/* When the certificate expires that a server at host:port shows, in seconds from now (negative: it has). It is not verified, and nothing is
 * sent after the handshake. FALSE: it showed none within timeout_ms. */
gboolean gw_http_certificate_left(const char *host, guint port, guint timeout_ms, gint64 *ret_left_s);

void gw_http_response_free(GwHttpResponse *response);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwHttpResponse, gw_http_response_free)

/* By name in any case; NULL when absent. Borrowed. */
const char *gw_http_response_header(const GwHttpResponse *response, const char *name);

#endif
