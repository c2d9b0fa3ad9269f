/* Asking the daemon: one call, its answer or its fault. */
#ifndef GW_CLI_CLIENT_H
#define GW_CLI_CLIENT_H

#include "base/json.h"
#include "cli/command.h"

/* Microversions of the Compute API. 2.30 is the last whose os-migrateLive answers with the outcome of the checks
 * (from 2.34 on they come after the 202); 2.84 is the first whose instance actions tell details. */
#define GW_COMPUTE_LIVE "2.30"
#define GW_COMPUTE "2.84"

typedef struct {
    const char *method;
    const char *version; /* of the Compute API; NULL: GW_COMPUTE. Godwit's own API ignores it */
    const char *path;
    json_t *body; /* taken; NULL: none */
    guint timeout_ms; /* 0: as --timeout says */
} GwCall;

typedef struct {
    json_t *body; /* owned; NULL when the answer is empty */
    gint64 migration_id; /* that the call began; 0: none was told */
} GwAnswer;
void gw_answer_clear(GwAnswer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GwAnswer, gw_answer_clear)

/* Errors: UNREACHABLE, LOST (no answer), ABORTED (Ctrl-C), NOT_FOUND (404), CONFLICT (409), REFUSED (400), DENIED
 * (401, 403), FAILED (all else, and answers that make no sense); a fault's message is the daemon's. */
gboolean gw_client_call(GwCli *cli, const GwCall *call, GwAnswer *ret_answer, GError **error);
/* GET: a JSON object, owned by the caller. */
gboolean gw_client_get(GwCli *cli, const char *path, json_t **ret_body, GError **error);
/* GET of every page of a list of the Compute API: {key: [...]}; pages follow by marker, the last row's `marker`. */
gboolean gw_client_get_all(GwCli *cli, const char *path, const char *key, const char *marker, json_t **ret_body,
                           GError **error);
/* The list under key of an answer, each element an object; borrowed. FAILED when the answer has none. */
gboolean gw_client_list(const json_t *body, const char *key, json_t **ret_list, GError **error);

/* Whether the daemon says that it knows no host of that name. FALSE, too, where it says nothing. */
gboolean gw_client_lacks_host(GwCli *cli, const char *host);

/* Appends ?name=value or &name=value, escaped; nothing when value is NULL. */
void gw_client_query(GString *path, const char *name, const char *value);
/* printf whose arguments are all strings (%s), each escaped as one segment of a path. Owned by the caller. */
char *gw_client_path(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Prints one JSON value and a newline on standard output. */
void gw_client_print(const json_t *value);

#endif
