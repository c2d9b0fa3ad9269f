/* One request: what was asked, and the answer being made. Belongs to the thread that serves its connection, except between
 * gw_request_defer and gw_deferred_finish, when it is parked. */
#ifndef GW_API_REQUEST_H
#define GW_API_REQUEST_H

#include "api/api.h"

#include <jansson.h>
#include <microhttpd.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* Highest microversion spoken; bodies are those of the version asked for. */
enum { GW_API_MIN_MINOR = 1, GW_API_MAX_MINOR = 88 };

enum { GW_MAX_ARGS = 4 };

typedef struct GwCache GwCache;

typedef struct {
    GwApi *api;
    GwEngine *engine;
    GwCache *cache;
    struct MHD_Connection *connection;
    char *method, *path, *query; /* path decoded by libmicrohttpd; query as sent, "" for none */
    char request_id[48];         /* "req-UUID" */
    guint minor;                 /* microversion 2.minor */
    char *args[GW_MAX_ARGS];     /* what the route's {} matched */
    char *project;               /* project id of the URL, or NULL */
    GString *body;
    gboolean too_large;
    /* the answer */
    guint status;
    GBytes *text;                /* NULL: empty */
    const char *type;            /* content type */
    GPtrArray *headers;          /* of char *: name, value, name, value */
    gboolean parked;
} GwRequest;

/* ---- reading */
const char *gw_request_param(const GwRequest *request, const char *name); /* of the query; NULL when absent */
const char *gw_request_header(const GwRequest *request, const char *name);
/* The body as a JSON object; NULL and a 400 answer otherwise. */
json_t *gw_request_object(GwRequest *request);
/* "http://host:port" as the client knows this server; the caller frees. */
char *gw_request_base(const GwRequest *request);
/* base/v2.1 or base/v2.1/PROJECT, as the request had it. */
char *gw_request_root(const GwRequest *request);

/* ---- answering: the last call wins */
void gw_reply_json(GwRequest *request, guint status, json_t *body /* reference taken */);
void gw_reply_bytes(GwRequest *request, guint status, GBytes *text /* reference taken */);
void gw_reply_empty(GwRequest *request, guint status);
void gw_reply_header(GwRequest *request, const char *name, const char *value);
void gw_reply_fault(GwRequest *request, guint status, const char *format, ...) G_GNUC_PRINTF(3, 4);
void gw_reply_error(GwRequest *request, const GError *error); /* by its code */

/* ---- answering later. Parks the request; finish may be called from any thread, also before the handler returns. */
typedef struct GwDeferred GwDeferred;
typedef void (*GwFinish)(GwRequest *request, gint64 number, const GError *error);
GwDeferred *gw_request_defer(GwRequest *request, GwFinish finish);
void gw_deferred_finish(GwDeferred *deferred /* taken */, gint64 number, const GError *error);

/* ---- router.c */
void gw_router_dispatch(GwRequest *request);

/* ---- cache.c: rendered answers and rendered servers, valid as long as the engine's serials say so */
GwCache *gw_cache_new(void);
void gw_cache_free(GwCache *cache);
GBytes *gw_cache_find(GwCache *cache, const char *key, guint64 serial); /* reference, or NULL */
void gw_cache_put(GwCache *cache, const char *key, guint64 serial, GBytes *text);

/* ---- handlers, by file */
typedef void (*GwHandler)(GwRequest *request);
void gw_versions_list(GwRequest *request);
void gw_versions_show(GwRequest *request);
void gw_versions_show_old(GwRequest *request);
void gw_servers_list(GwRequest *request);
void gw_servers_detail(GwRequest *request);
void gw_servers_show(GwRequest *request);
void gw_servers_action(GwRequest *request);
void gw_flavors_list(GwRequest *request);
void gw_flavors_show(GwRequest *request);
void gw_migrations_list(GwRequest *request);
void gw_server_migrations_list(GwRequest *request);
void gw_server_migrations_show(GwRequest *request);
void gw_server_migrations_action(GwRequest *request);
void gw_server_migrations_abort(GwRequest *request);
void gw_actions_list(GwRequest *request);
void gw_actions_show(GwRequest *request);
void gw_own_hosts_list(GwRequest *request);
void gw_own_hosts_add(GwRequest *request);
void gw_own_hosts_show(GwRequest *request);
void gw_own_hosts_remove(GwRequest *request);
void gw_own_hosts_refresh(GwRequest *request);
void gw_own_migrations_list(GwRequest *request);
void gw_own_migrations_show(GwRequest *request);

/* ---- format.c */
json_t *gw_format_time_z(gint64 us);     /* "2026-11-23T04:05:06Z", null for 0 */
json_t *gw_format_time_micro(gint64 us); /* "2026-11-23T04:05:06.000000", null for 0 */
gboolean gw_parse_time(const char *text, gint64 *ret_us);
json_t *gw_links(const char *root, const char *base, const char *kind, const char *id); /* self and bookmark */
char *gw_flavor_id(guint vcpus, guint64 memory_mib, guint64 disk_gib);
guint64 gw_instance_disk_gib(const GwInstance *instance);

#endif
