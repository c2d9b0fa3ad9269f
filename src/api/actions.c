/* POST servers/{id}/action: what may be asked of a server. */
#include "api/auth.h"
#include "api/body.h"
#include "api/handlers.h"
#include "api/parking.h"
#include "api/server_actions.h"
#include "api/shapes.h"

#include "base/error.h"

#include <string.h>

/* ---- answers to moves */

static void tell_migration(GwRequest *request, gint64 id)
{
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, id);
    gw_reply_header(request, "x-godwit-migration-id", text);
}

/* What a host said during the checks is a reason against the move, like any other (Nova: HypervisorUnavailable and
 * MigrationPreCheckError are 400 here). */
static gboolean is_reason(const GError *error)
{
    return g_error_matches(error, GW_ERROR, GW_ERROR_REFUSED) || g_error_matches(error, GW_ERROR, GW_ERROR_FAILED) ||
           g_error_matches(error, GW_ERROR, GW_ERROR_UNREACHABLE) || g_error_matches(error, GW_ERROR, GW_ERROR_DENIED);
}

static void checked(GwRequest *request, gint64 id, const GError *error)
{
    if (!error)
        gw_reply_empty(request, 202);
    else if (is_reason(error))
        gw_reply_fault(request, 400, "%s", error->message);
    else
        gw_reply_error(request, error);
    if (id)
        tell_migration(request, id);
}

static void on_checked(gpointer data, gint64 id, const GError *error)
{
    gw_deferred_finish(data, id, error);
}

/* A host is slow to answer the checks: the move stands, and its end will be in the migration. */
static void still_checking(GwRequest *request)
{
    gw_reply_empty(request, 202);
}

typedef gboolean (*Submit)(GwEngine *engine, const GwMoveRequest *move, gint64 *ret_id, GwChecked checked,
                           gpointer data, GError **error);

static void submit_and_wait(GwRequest *request, Submit call, const GwMoveRequest *move)
{
    gint64 id = 0;
    g_autoptr(GError) error = NULL;
    GwDeferred *deferred = gw_request_defer(request, checked, still_checking);
    if (!call(request->engine, move, &id, on_checked, deferred, &error))
        gw_deferred_finish(deferred, 0, error);
}

static void submit(GwRequest *request, Submit call, const GwMoveRequest *move)
{
    gint64 id = 0;
    g_autoptr(GError) error = NULL;
    if (call(request->engine, move, &id, NULL, NULL, &error))
        checked(request, id, NULL);
    else
        gw_reply_error(request, error);
}

/* ---- the actions */

/* Schemas of Nova by microversion (nova/api/openstack/compute/schemas/migrate_server.py). */
static const GwBodyRule live_rules[] = {
    {"host", GW_BODY_HOST, GW_BODY_REQUIRED},
    {"block_migration", GW_BODY_BOOLEAN, GW_BODY_REQUIRED, 0, 24},
    {"block_migration", GW_BODY_BOOLEAN_OR_AUTO, GW_BODY_REQUIRED, 25},
    {"disk_over_commit", GW_BODY_BOOLEAN, GW_BODY_REQUIRED, 0, 24},
    {"force", GW_BODY_BOOLEAN, GW_BODY_OPTIONAL, 30, 67},
};

static GwBlockMode block_of(json_t *body)
{
    if (g_strcmp0(gw_body_text(body, "block_migration"), "auto") == 0)
        return GW_BLOCK_AUTO;
    return gw_body_is_true(body, "block_migration") ? GW_BLOCK_YES : GW_BLOCK_NO;
}

/* Until 2.33 the answer waits for the checks and carries their reasons; later versions answer at once, and the reasons
 * are in the instance action's details. Godwit checks whether a destination that is forced can take the instance, like any
 * other; what an administrator has set (disabled, aggregates) does not count for it. Before 2.30 every named one is. */
static void live_migrate(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    if (!GW_BODY_CHECK(request, "os-migrateLive", body, live_rules))
        return;
    move->host = gw_body_text(body, "host");
    move->block = block_of(body);
    move->disk_over_commit = gw_body_is_true(body, "disk_over_commit");
    move->force = move->host && (request->minor < 30 || gw_body_is_true(body, "force"));
    if (gw_body_is_true(body, "force") && !move->host)
        gw_reply_fault(request, 400, "Can't force to a non-provided destination");
    else if (request->minor < 34)
        submit_and_wait(request, gw_engine_live_migrate, move);
    else
        submit(request, gw_engine_live_migrate, move);
}

/* ---- POST /godwit/v1/migrations: a live migration with what Nova's action has no word for */

void gw_own_migrations_begin(GwRequest *request)
{
    static const GwBodyRule outer[] = {{"migration", GW_BODY_OBJECT, GW_BODY_REQUIRED}};
    static const GwBodyRule inner[] = {{"server", GW_BODY_TEXT, GW_BODY_REQUIRED},
                                       {"host", GW_BODY_HOST},
                                       {"block_migration", GW_BODY_BOOLEAN_OR_AUTO},
                                       {"policy", GW_BODY_TEXT},
                                       {"options", GW_BODY_OBJECT}};
    json_t *body = json_object_get(request->json, "migration");
    GwMoveRequest move = gw_request_move(request);
    g_autofree char *options = NULL;
    if (!GW_BODY_CHECK(request, "body", request->json, outer) || !GW_BODY_CHECK(request, "migration", body, inner) ||
        !gw_body_policy(request, "migration", body, &move.policy) || !gw_body_options(request, "migration", body, &options))
        return;
    move.options = options;
    move.instance_uuid = gw_body_text(body, "server");
    move.host = gw_body_text(body, "host");
    move.block = json_object_get(body, "block_migration") ? block_of(body) : GW_BLOCK_AUTO;
    submit_and_wait(request, gw_engine_live_migrate, &move);
}

/* ---- cold */

static const GwBodyRule migrate_rules[] = {
    {"host", GW_BODY_HOST, GW_BODY_OPTIONAL},
};

/* Until 2.55 the value means nothing: clients send null or {}. The answer waits for the checks at every version: no
 * later answer could carry the reasons. */
static void migrate(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    if (request->minor >= 56 && !json_is_null(body)) {
        if (!GW_BODY_CHECK(request, "migrate", body, migrate_rules))
            return;
        move->host = gw_body_text(body, "host");
    }
    submit_and_wait(request, gw_engine_cold_migrate, move);
}

/* ---- resize */

static const GwBodyRule resize_rules[] = {
    {"flavorRef", GW_BODY_TEXT, GW_BODY_REQUIRED},
    {"OS-DCF:diskConfig", GW_BODY_TEXT, GW_BODY_OPTIONAL},
};

/* Nova's refusals are 400 here, that of an unknown flavor included. */
static GwFlavor *wanted_flavor(GwRequest *request, const GwMoveRequest *move, const char *id)
{
    g_autoptr(GwInstanceView) view = gw_engine_instance(request->engine, move->instance_uuid);
    g_autofree char *now = view ? gw_shape_id_of(view) : NULL;
    GwFlavor *flavor;
    if (!gw_shapes_look(request, id, &flavor))
        return NULL;
    if (!view)
        gw_reply_fault(request, 404, "Instance %s could not be found.", move->instance_uuid);
    else if (!flavor)
        gw_reply_fault(request, 400, "Unable to locate requested flavor. There is no flavor '%s'; `godwit flavor-list` shows all", id);
    else if (g_strcmp0(now, id) == 0)
        gw_reply_fault(request, 400, "When resizing, instances must change flavor!");
    else
        return flavor;
    gw_flavor_free(flavor);
    return NULL;
}

static gboolean check_disk_config(GwRequest *request, json_t *body)
{
    const char *disk = gw_body_text(body, "OS-DCF:diskConfig");
    if (!disk || strcmp(disk, "AUTO") == 0 || strcmp(disk, "MANUAL") == 0)
        return TRUE;
    gw_reply_fault(request, 400, "Invalid input for field/attribute OS-DCF:diskConfig. Value: %s. '%s' is not one of ['AUTO', 'MANUAL']",
                   disk, disk);
    return FALSE;
}

/* What is in the disk's partitions is the guest's: OS-DCF:diskConfig changes nothing. */
static void resize(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    if (!GW_BODY_CHECK(request, "resize", body, resize_rules) || !check_disk_config(request, body))
        return;
    g_autoptr(GwFlavor) flavor = wanted_flavor(request, move, gw_body_text(body, "flavorRef"));
    if (!flavor)
        return;
    move->flavor = flavor;
    submit_and_wait(request, gw_engine_resize, move);
}

/* ---- evacuation */

/* The password is of no use: nothing is built anew. Until 2.13 clients want one. */
static void reply_evacuated(GwRequest *request)
{
    if (request->minor >= 14) {
        gw_reply_empty(request, 200);
        return;
    }
    g_autofree char *password = g_strdup_printf("%08x%08x", g_random_int(), g_random_int());
    gw_reply_json(request, 200, json_pack("{s:s}", "adminPass", password));
}

static void evacuation_checked(GwRequest *request, gint64 id, const GError *error)
{
    if (error)
        checked(request, id, error);
    else
        reply_evacuated(request);
    if (id && !error)
        tell_migration(request, id);
}

static const GwBodyRule evacuate_rules[] = {
    {"host", GW_BODY_HOST, GW_BODY_OPTIONAL},
    {"adminPass", GW_BODY_TEXT, GW_BODY_OPTIONAL},
    {"onSharedStorage", GW_BODY_BOOLEAN, GW_BODY_REQUIRED, 0, 13},
    {"force", GW_BODY_BOOLEAN, GW_BODY_OPTIONAL, 29, 67},
};

/* Whether the storage is shared is found out, not believed. */
static void evacuate(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    if (!GW_BODY_CHECK(request, "evacuate", body, evacuate_rules))
        return;
    move->host = gw_body_text(body, "host");
    move->block = GW_BLOCK_AUTO;
    move->force = move->host && (request->minor < 29 || gw_body_is_true(body, "force"));
    if (gw_body_is_true(body, "force") && !move->host) {
        gw_reply_fault(request, 400, "Can't force to a non-provided destination");
        return;
    }
    gint64 id = 0;
    g_autoptr(GError) error = NULL;
    GwDeferred *deferred = gw_request_defer(request, evacuation_checked, reply_evacuated);
    if (!gw_engine_evacuate(request->engine, move, &id, on_checked, deferred, &error))
        gw_deferred_finish(deferred, 0, error);
}

static void reply_done(GwRequest *request, guint status, const GError *error)
{
    if (error)
        gw_reply_error(request, error);
    else
        gw_reply_empty(request, status);
}

static void confirm(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    g_autoptr(GError) error = NULL;
    gw_engine_confirm(request->engine, move, &error);
    reply_done(request, 204, error);
}

static void revert(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    g_autoptr(GError) error = NULL;
    gw_engine_revert(request->engine, move, &error);
    reply_done(request, 202, error);
}

/* ---- power */

static void operate(GwRequest *request, const GwMoveRequest *move, GwOperation operation)
{
    g_autoptr(GError) error = NULL;
    gw_engine_operate(request->engine, move, operation, &error);
    reply_done(request, 202, error);
}

static void start(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    operate(request, move, GW_OPERATION_START);
}

static void stop(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    operate(request, move, GW_OPERATION_STOP);
}

static void pause_server(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    operate(request, move, GW_OPERATION_PAUSE);
}

static void unpause(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    operate(request, move, GW_OPERATION_UNPAUSE);
}

static void suspend(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    operate(request, move, GW_OPERATION_SUSPEND);
}

static void resume(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    operate(request, move, GW_OPERATION_RESUME);
}

static const GwBodyRule reboot_rules[] = {
    {"type", GW_BODY_TEXT, GW_BODY_REQUIRED},
};

static void reboot(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    if (!GW_BODY_CHECK(request, "reboot", body, reboot_rules))
        return;
    const char *type = gw_body_text(body, "type");
    gboolean hard = g_ascii_strcasecmp(type, "HARD") == 0;
    if (hard || g_ascii_strcasecmp(type, "SOFT") == 0)
        operate(request, move, hard ? GW_OPERATION_REBOOT_HARD : GW_OPERATION_REBOOT_SOFT);
    else
        gw_reply_fault(request, 400, "Invalid input for field/attribute type. Value: %s. '%s' is not one of ['HARD', 'Hard', 'hard', "
                                     "'SOFT', 'Soft', 'soft']", type, type);
}

/* As in Nova without deferred deletion: it is deleted. */
static void force_delete(GwRequest *request, GwMoveRequest *move, json_t *body)
{
    gw_servers_delete(request);
}

/* ---- dispatch */

#define MEMBER GW_ROLE_MEMBER
#define ADMIN GW_ROLE_ADMIN

/* Roles and names of rules as in nova/policies. */
static const struct {
    const char *name;
    void (*call)(GwRequest *request, GwMoveRequest *move, json_t *body);
    GwRole role;
    const char *policy;
} actions[] = {
    {"os-migrateLive", live_migrate, ADMIN, "os-migrate-server:migrate_live"},
    {"migrate", migrate, ADMIN, "os-migrate-server:migrate"},
    {"resize", resize, MEMBER, "servers:resize"},
    {"evacuate", evacuate, ADMIN, "os-evacuate"},
    {"confirmResize", confirm, MEMBER, "servers:confirm_resize"},
    {"revertResize", revert, MEMBER, "servers:revert_resize"},
    {"os-start", start, MEMBER, "servers:start"},
    {"os-stop", stop, MEMBER, "servers:stop"},
    {"reboot", reboot, MEMBER, "servers:reboot"},
    {"pause", pause_server, MEMBER, "os-pause-server:pause"},
    {"unpause", unpause, MEMBER, "os-pause-server:unpause"},
    {"suspend", suspend, MEMBER, "os-suspend-server:suspend"},
    {"resume", resume, MEMBER, "os-suspend-server:resume"},
    {"lock", gw_server_lock, MEMBER, "os-lock-server:lock"},
    {"unlock", gw_server_unlock, MEMBER, "os-lock-server:unlock"},
    {"os-resetState", gw_server_reset_state, ADMIN, "os-admin-actions:reset_state"},
    {"forceDelete", force_delete, MEMBER, "os-deferred-delete:force"},
};

void gw_servers_action(GwRequest *request)
{
    json_t *body;
    const char *name = gw_body_action(request, &body);
    if (!name)
        return;
    GwMoveRequest move = gw_request_move(request);
    for (guint i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(actions[i].name, name) != 0)
            continue;
        if (gw_auth_may(request, actions[i].role, actions[i].policy))
            actions[i].call(request, &move, body);
        return;
    }
    if (!gw_server_not_offered(request, name))
        gw_reply_fault(request, 400, "There is no such action: %s", name);
}
