/* POST servers/{id}/action: what may be asked of a server, each action's body by its microversion's schema. */
#include "api/request.h"

#include <string.h>

/* ---- schemas: Nova's sentences (api/validation/validators.py) */

static gboolean refuse_value(GwRequest *request, const char *field, json_t *value, const char *expected)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    gw_reply_fault(request, 400, "Invalid input for field/attribute %s. Value: %s. %s", field, text ? text : "None", expected);
    free(text);
    return FALSE;
}

static gboolean check_fields(GwRequest *request, json_t *body, const char *const *known)
{
    const char *key;
    json_t *value;
    json_object_foreach(body, key, value) {
        if (!g_strv_contains(known, key)) {
            gw_reply_fault(request, 400, "Additional properties are not allowed ('%s' was unexpected)", key);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean need_field(GwRequest *request, json_t *body, const char *field)
{
    if (json_object_get(body, field))
        return TRUE;
    gw_reply_fault(request, 400, "'%s' is a required property", field);
    return FALSE;
}

/* true, false, and the strings that Nova takes for them (parameter_types.boolean). */
static gboolean read_boolean(json_t *value, gboolean *ret)
{
    static const char *const yes[] = {"True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes", NULL};
    static const char *const no[] = {"False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no", NULL};
    const char *text = json_string_value(value);
    gboolean is_yes = json_is_true(value) || (text && g_strv_contains(yes, text));
    if (!is_yes && !json_is_false(value) && !(text && g_strv_contains(no, text)))
        return FALSE;
    *ret = is_yes;
    return TRUE;
}

static gboolean read_host(GwRequest *request, json_t *body, const char **ret_host)
{
    json_t *value = json_object_get(body, "host");
    const char *host = json_string_value(value);
    *ret_host = host;
    if (!value || json_is_null(value))
        return TRUE;
    if (host && *host && strlen(host) <= 255 && g_regex_match_simple("^[a-zA-Z0-9._-]*$", host, 0, 0))
        return TRUE;
    return refuse_value(request, "host", value, "A host name or null is expected.");
}

static gboolean read_block(GwRequest *request, json_t *body, GwBlockMode *ret_mode)
{
    gboolean yes;
    json_t *value = json_object_get(body, "block_migration");
    if (request->minor >= 25 && g_strcmp0(json_string_value(value), "auto") == 0)
        *ret_mode = GW_BLOCK_AUTO;
    else if (read_boolean(value, &yes))
        *ret_mode = yes ? GW_BLOCK_YES : GW_BLOCK_NO;
    else
        return refuse_value(request, "block_migration", value,
                            request->minor >= 25 ? "true, false or \"auto\" is expected." : "A boolean is expected.");
    return TRUE;
}

/* ---- live migration */

static void add_migration_header(GwRequest *request, gint64 id)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, id);
    gw_reply_header(request, "x-godwit-migration-id", text);
}

static void checked(GwRequest *request, gint64 id, const GError *error)
{
    if (error)
        gw_reply_error(request, error);
    else
        gw_reply_empty(request, 202);
    add_migration_header(request, id);
}

static void on_checked(gpointer data, gint64 id, const GError *error)
{
    gw_deferred_finish(data, id, error);
}

typedef gboolean (*Submit)(GwEngine *engine, const GwMoveRequest *move, gint64 *ret_id, GwChecked checked, gpointer data,
                           GError **error);

/* Until 2.33 the answer waits for the checks and carries their reasons; later versions answer at once, and the reasons are in the
 * instance action's details. Cold migration has always answered after the choice of a destination. */
static void submit(GwRequest *request, Submit call, const GwMoveRequest *move, gboolean waits)
{
    gint64 id = 0;
    g_autoptr(GError) error = NULL;
    GwDeferred *deferred = waits ? gw_request_defer(request, checked) : NULL;
    if (call(request->engine, move, &id, waits ? on_checked : NULL, deferred, &error)) {
        if (!waits)
            checked(request, id, NULL);
        return;
    }
    if (waits)
        gw_deferred_finish(deferred, 0, error);
    else
        gw_reply_error(request, error);
}

static gboolean read_live(GwRequest *request, json_t *body, GwMoveRequest *move)
{
    static const char *const oldest[] = {"host", "block_migration", "disk_over_commit", NULL};
    static const char *const plain[] = {"host", "block_migration", NULL};
    static const char *const forced[] = {"host", "block_migration", "force", NULL};
    gboolean force = FALSE;
    guint minor = request->minor;
    if (!json_is_object(body))
        return refuse_value(request, "os-migrateLive", body, "An object is expected.");
    if (!need_field(request, body, "host") || !need_field(request, body, "block_migration") ||
        (minor < 25 && !need_field(request, body, "disk_over_commit")) ||
        !check_fields(request, body, minor < 25 ? oldest : minor >= 30 && minor < 68 ? forced : plain) ||
        !read_host(request, body, &move->host) || !read_block(request, body, &move->block))
        return FALSE;
    json_t *over = json_object_get(body, "disk_over_commit");
    if (over && !read_boolean(over, &move->disk_over_commit))
        return refuse_value(request, "disk_over_commit", over, "A boolean is expected.");
    json_t *forcing = json_object_get(body, "force");
    if (forcing && !read_boolean(forcing, &force))
        return refuse_value(request, "force", forcing, "A boolean is expected.");
    if (force && !move->host) {
        gw_reply_fault(request, 400, "Can't force to a non-provided destination");
        return FALSE;
    }
    return TRUE;
}

static void live_migrate(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    if (read_live(request, body, move))
        submit(request, gw_engine_live_migrate, move, request->minor < 34);
}

/* ---- cold migration */

static void migrate(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    static const char *const fields[] = {"host", NULL};
    if (request->minor >= 56) {
        if (!json_is_null(body) && !json_is_object(body)) {
            refuse_value(request, "migrate", body, "An object or null is expected.");
            return;
        }
        if (!check_fields(request, body, fields) || !read_host(request, body, &move->host))
            return;
    }
    submit(request, gw_engine_cold_migrate, move, TRUE);
}

static void finish(GwRequest *request, gboolean ok, const GError *error, guint status)
{
    if (ok)
        gw_reply_empty(request, status);
    else
        gw_reply_error(request, error);
}

static void confirm(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = gw_engine_confirm(request->engine, move, &error);
    finish(request, ok, error, 204);
}

static void revert(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = gw_engine_revert(request->engine, move, &error);
    finish(request, ok, error, 202);
}

/* ---- dispatch */

static const struct {
    const char *name;
    void (*call)(GwRequest *request, GwMoveRequest *move, json_t *body);
} actions[] = {
    {"os-migrateLive", live_migrate},
    {"migrate", migrate},
    {"confirmResize", confirm},
    {"revertResize", revert},
};

void gw_servers_action(GwRequest *request)
{
    g_autoptr(json_t) body = gw_request_object(request);
    if (!body)
        return;
    if (json_object_size(body) != 1) {
        gw_reply_fault(request, 400, "Malformed request body: exactly one action is expected, %zu were given",
                       json_object_size(body));
        return;
    }
    const char *name = json_object_iter_key(json_object_iter(body));
    GwMoveRequest move = {.instance_uuid = request->args[0],
                          .request_id = request->request_id,
                          .user_id = "admin",
                          .project_id = request->project ? request->project : "admin"};
    for (guint i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(actions[i].name, name) == 0) {
            actions[i].call(request, &move, json_object_get(body, name));
            return;
        }
    }
    gw_reply_fault(request, 400, "There is no such action: %s", name);
}
