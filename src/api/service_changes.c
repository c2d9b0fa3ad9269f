/* PUT and DELETE of os-services: until 2.52 by the name of an action, from 2.53 on by the service's id
 * (nova/api/openstack/compute/services.py). */
#include "api/body.h"
#include "api/drains.h"
#include "api/handlers.h"
#include "api/services.h"

#include "base/error.h"

#include <string.h>

static gboolean check_binary(GwRequest *request, const char *binary)
{
    if (strcmp(binary, gw_service_binary) == 0)
        return TRUE;
    gw_reply_fault(request, 400,
                   "Updating a %s service is not supported. Only nova-compute services can be updated.", binary);
    return FALSE;
}

/* A service that is disabled for the reason "drain", or "drain: ...", is emptied: the same as os-hosts' maintenance_mode, for clients that
 * have no other word for it. */
static gboolean is_drain(const GwHostEdit *edit)
{
    const char *reason = edit->enabled == GW_SWITCH_OFF ? edit->disabled_reason : NULL;
    return reason && g_str_has_prefix(reason, "drain") && (!reason[5] || reason[5] == ':');
}

static gboolean drain(GwRequest *request, const char *host, GError **error)
{
    char *hosts[] = {(char *)host, NULL};
    GwDrainOrder order = gw_drain_order(request, NULL);
    g_autoptr(GwDrain) begun = NULL;
    g_autoptr(GPtrArray) moves = NULL;
    order.hosts = hosts;
    return gw_engine_drain(request->engine, &order, &begun, &moves, error);
}

static gboolean apply(GwRequest *request, const char *host, const GwHostEdit *edit)
{
    g_autoptr(GError) error = NULL;
    gboolean drains = is_drain(edit);
    GwHostEdit rest = *edit;
    if (drains) {
        rest.enabled = GW_SWITCH_KEEP;
        rest.disabled_reason = NULL;
    }
    gboolean may = edit->enabled != GW_SWITCH_ON || gw_engine_check_enabling(request->engine, host, &error);
    if (may && (!drains || drain(request, host, &error)) && gw_engine_host_edit(request->engine, host, &rest, &error))
        return TRUE;
    if (g_error_matches(error, GW_ERROR, GW_ERROR_NOT_FOUND))
        gw_reply_fault(request, 404, "Could not find binary %s on host %s.", gw_service_binary, host);
    else
        gw_reply_error(request, error);
    return FALSE;
}

/* ---- until 2.52: PUT os-services/ACTION */

static void reply_status(GwRequest *request, const GwHostEdit *edit)
{
    json_t *service = json_pack("{s:o,s:s,s:s}", "host", gw_json_text(gw_body_text(request->json, "host")), "binary",
                                gw_service_binary, "status", edit->enabled == GW_SWITCH_ON ? "enabled" : "disabled");
    if (edit->disabled_reason)
        json_object_set_new(service, "disabled_reason", gw_json_text(edit->disabled_reason));
    gw_reply_named(request, 200, "service", service);
}

static void set_status(GwRequest *request, GwHostEdit edit)
{
    if (apply(request, gw_body_text(request->json, "host"), &edit))
        reply_status(request, &edit);
}

static void enable(GwRequest *request)
{
    set_status(request, (GwHostEdit){.enabled = GW_SWITCH_ON});
}

static void disable(GwRequest *request)
{
    set_status(request, (GwHostEdit){.enabled = GW_SWITCH_OFF});
}

static void disable_log_reason(GwRequest *request)
{
    const char *reason = gw_body_text(request->json, "disabled_reason");
    if (reason)
        set_status(request, (GwHostEdit){.enabled = GW_SWITCH_OFF, .disabled_reason = reason});
    else
        gw_reply_fault(request, 400, "Missing disabled reason field");
}

static void force_down(GwRequest *request)
{
    gboolean down = gw_body_is_true(request->json, "forced_down");
    const char *host = gw_body_text(request->json, "host");
    GwHostEdit edit = {.forced_down = down ? GW_SWITCH_ON : GW_SWITCH_OFF};
    if (!json_object_get(request->json, "forced_down"))
        gw_reply_fault(request, 400, "Missing forced_down field");
    else if (apply(request, host, &edit))
        gw_reply_named(request, 200, "service", json_pack("{s:o,s:s,s:b}", "host", gw_json_text(host), "binary",
                                                          gw_service_binary, "forced_down", down));
}

static const struct {
    const char *name;
    guint since;
    void (*call)(GwRequest *request);
} actions[] = {
    {"enable", 0, enable},
    {"disable", 0, disable},
    {"disable-log-reason", 0, disable_log_reason},
    {"force-down", 11, force_down},
};

static void update_by_action(GwRequest *request)
{
    static const GwBodyRule rules[] = {{"host", GW_BODY_HOST_NAME, GW_BODY_REQUIRED},
                                       {"binary", GW_BODY_TEXT_255, GW_BODY_REQUIRED},
                                       {"disabled_reason", GW_BODY_TEXT_255, GW_BODY_OPTIONAL},
                                       {"forced_down", GW_BODY_BOOLEAN, GW_BODY_OPTIONAL, 11}};
    if (!GW_BODY_CHECK(request, "body", request->json, rules))
        return;
    for (guint i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (request->minor >= actions[i].since && strcmp(actions[i].name, request->args[0]) == 0) {
            if (check_binary(request, gw_body_text(request->json, "binary")))
                actions[i].call(request);
            return;
        }
    }
    gw_reply_fault(request, 404, "Unknown action");
}

/* ---- by id */

/* NULL with a fault: 400 for what is no id, 404 ("Service 7 MISSING.") for one that no host has. */
static GwHostView *find_service(GwRequest *request, const char *missing)
{
    const char *id = request->args[0];
    guint64 number;
    if (request->minor >= 53 && !gw_uuid_is_valid(id)) {
        gw_reply_fault(request, 400, "Invalid uuid %s", id);
        return NULL;
    }
    if (request->minor < 53 && !g_ascii_string_to_unsigned(id, 10, 0, G_MAXINT64, &number, NULL)) {
        gw_reply_fault(request, 400, "Invalid input received: id must be an integer");
        return NULL;
    }
    g_autoptr(GPtrArray) hosts = gw_engine_hosts(request->engine);
    for (guint i = 0; i < hosts->len; i++) {
        const GwHostView *view = hosts->pdata[i];
        if (request->minor >= 53 ? g_ascii_strcasecmp(view->row->uuid, id) == 0 : view->row->id == (gint64)number)
            return g_ptr_array_steal_index(hosts, i);
    }
    gw_reply_fault(request, 404, "Service %s %s.", id, missing);
    return NULL;
}

/* FALSE with a 400. */
static gboolean take_edit(GwRequest *request, GwHostEdit *edit)
{
    const char *status = gw_body_text(request->json, "status");
    edit->disabled_reason = gw_body_text(request->json, "disabled_reason");
    if (status && strcmp(status, "enabled") != 0 && strcmp(status, "disabled") != 0)
        gw_reply_fault(request, 400,
                       "Invalid input for field/attribute status. Value: %s. '%s' is not one of ['enabled', 'disabled']",
                       status, status);
    else if (g_strcmp0(status, "enabled") == 0 && edit->disabled_reason)
        gw_reply_fault(request, 400, "Specifying 'disabled_reason' with status 'enabled' is invalid.");
    else if (!status && !json_object_get(request->json, "forced_down"))
        gw_reply_fault(request, 400,
                       "No updates were requested. Fields 'status' or 'forced_down' should be specified.");
    else {
        if (status)
            edit->enabled = strcmp(status, "enabled") == 0 ? GW_SWITCH_ON : GW_SWITCH_OFF;
        if (json_object_get(request->json, "forced_down"))
            edit->forced_down = gw_body_is_true(request->json, "forced_down") ? GW_SWITCH_ON : GW_SWITCH_OFF;
        return TRUE;
    }
    return FALSE;
}

static void update_by_id(GwRequest *request)
{
    static const GwBodyRule rules[] = {{"status", GW_BODY_TEXT, GW_BODY_OPTIONAL},
                                       {"disabled_reason", GW_BODY_TEXT_255, GW_BODY_OPTIONAL},
                                       {"forced_down", GW_BODY_BOOLEAN, GW_BODY_OPTIONAL}};
    GwHostEdit edit = {0};
    if (!GW_BODY_CHECK(request, "body", request->json, rules))
        return;
    g_autoptr(GwHostView) view = find_service(request, "could not be found");
    if (view && take_edit(request, &edit) && apply(request, view->row->name, &edit))
        gw_service_reply(request, view->row->name);
}

void gw_services_update(GwRequest *request)
{
    if (request->minor < 53)
        update_by_action(request);
    else
        update_by_id(request);
}

/* A service is a host here: deleting it removes the host from Godwit. */
void gw_services_delete(GwRequest *request)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwHostView) view = find_service(request, "not found");
    if (!view)
        return;
    if (gw_engine_host_withdraw(request->engine, view->row->name, &error))
        gw_reply_empty(request, 204);
    else
        gw_reply_error(request, error);
}
