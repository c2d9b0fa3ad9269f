/* Dry runs of a move: whether it is possible, how it would be made, and every reason against it. */
#include "api/body.h"
#include "api/findings.h"
#include "api/forecast_view.h"
#include "api/handlers.h"
#include "api/parking.h"
#include "api/view.h"

#include "core/flags.h"

/* ---- the answer */

static json_t *disk_json(const GwPlanDisk *disk)
{
    json_t *out = json_object();
    json_object_set_new(out, "target", gw_json_text(disk->target));
    json_object_set_new(out, "fate", json_string(gw_disk_fate_name(disk->fate)));
    json_object_set_new(out, "path", gw_json_text(disk->path));
    json_object_set_new(out, "dest_path", gw_json_text(disk->dest_path));
    json_object_set_new(out, "place", gw_json_text(disk->place));
    json_object_set_new(out, "format", gw_json_text(disk->format));
    json_object_set_new(out, "capacity_bytes", gw_json_count(disk->capacity_bytes));
    json_object_set_new(out, "allocation_bytes", gw_json_count(disk->allocation_bytes));
    return out;
}

static json_t *flags_json(guint64 flags)
{
    json_t *list = json_array();
    g_autofree char *text = gw_flags_to_string(flags);
    g_auto(GStrv) names = g_strsplit(text, ", ", -1);
    for (guint i = 0; names[i]; i++)
        json_array_append_new(list, json_string(names[i]));
    return list;
}

static json_t *plan_json(const GwPlan *plan)
{
    if (!plan)
        return json_null();
    json_t *out = json_object();
    json_t *disks = json_array();
    for (guint i = 0; i < plan->disks->len; i++)
        json_array_append_new(disks, disk_json(plan->disks->pdata[i]));
    json_object_set_new(out, "method", json_string(gw_plan_method(plan)));
    json_object_set_new(out, "disks", disks);
    json_object_set_new(out, "flags", plan->calls ? json_array() : flags_json(plan->flags));
    json_object_set_new(out, "calls", gw_json_text(plan->calls));
    json_object_set_new(out, "memory_mib", gw_json_count(plan->memory_mib));
    json_object_set_new(out, "bandwidth_mibps", gw_json_count(plan->bandwidth_mibps));
    json_object_set_new(out, "connections", gw_json_count(plan->connections));
    json_object_set_new(out, "compression", json_string(gw_compression_name(plan->compression)));
    json_object_set_new(out, "policy", gw_json_text(plan->policy));
    json_object_set_new(out, "pause_ms", gw_json_count(plan->pause_ms));
    json_object_set_new(out, "forced_pause_ms", gw_json_count(plan->forced_pause_ms));
    json_object_set_new(out, "completion_timeout_ms", gw_json_count(plan->timeout_ms));
    json_object_set_new(out, "destination_uri", gw_json_text(plan->destination_uri));
    json_object_set_new(out, "migrate_uri", gw_json_text(plan->migrate_uri));
    json_object_set_new(out, "console_listen", gw_json_text(plan->listen));
    return out;
}

static json_t *trial_json(const GwTrial *trial)
{
    json_t *out = json_object();
    json_object_set_new(out, "host", gw_json_text(trial->host));
    json_object_set_new(out, "possible", json_boolean(trial->plan != NULL));
    json_object_set_new(out, "failure", gw_json_text(trial->failure));
    json_object_set_new(out, "findings", gw_json_findings(trial->findings));
    json_object_set_new(out, "plan", plan_json(trial->plan));
    json_object_set_new(out, "prediction", gw_json_forecast(trial->forecast));
    return out;
}

static json_t *report_json(const GwTrialReport *report)
{
    const GwTrial *choice = gw_trial_report_choice(report);
    json_t *out = json_object();
    json_t *hosts = json_array();
    for (guint i = 0; i < report->trials->len; i++)
        json_array_append_new(hosts, trial_json(report->trials->pdata[i]));
    json_object_set_new(out, "possible", json_boolean(choice != NULL));
    json_object_set_new(out, "instance_uuid", json_string(report->instance_uuid));
    json_object_set_new(out, "instance_name", gw_json_text(report->instance_name));
    json_object_set_new(out, "kind", json_string(gw_move_kind_name(report->kind)));
    json_object_set_new(out, "source", gw_json_text(report->source));
    json_object_set_new(out, "dest", gw_json_text(choice ? choice->host : NULL));
    json_object_set_new(out, "objection", gw_json_text(report->objection));
    json_object_set_new(out, "hosts", hosts);
    return json_pack("{s:o}", "plan", out);
}

/* ---- the handler */

static void too_slow(GwRequest *request)
{
    gw_reply_fault(request, 504, "The hosts have not answered within %u seconds; ask again, or name one host.",
                   request->shared->wait_s);
}

static void failed(GwRequest *request, gint64 number, const GError *error)
{
    gw_reply_error(request, error);
}

static void tried(gpointer data, const GwTrialReport *report, const GError *error)
{
    if (report)
        gw_deferred_answer(data, 200, report_json(report));
    else
        gw_deferred_finish(data, 0, error);
}

static GwBlockMode block_mode(json_t *plan)
{
    json_t *told = json_object_get(plan, "block_migration");
    if (!told || json_is_null(told) || g_strcmp0(json_string_value(told), "auto") == 0)
        return GW_BLOCK_AUTO;
    return gw_body_is_true(plan, "block_migration") ? GW_BLOCK_YES : GW_BLOCK_NO;
}

static gboolean measures(json_t *plan)
{
    json_t *told = json_object_get(plan, "measure");
    return !told || json_is_null(told) || gw_body_is_true(plan, "measure");
}

void gw_own_plans_make(GwRequest *request)
{
    static const GwBodyRule outer[] = {{"plan", GW_BODY_OBJECT, GW_BODY_REQUIRED}};
    static const GwBodyRule inner[] = {{"server", GW_BODY_TEXT, GW_BODY_REQUIRED},
                                       {"host", GW_BODY_HOST},
                                       {"block_migration", GW_BODY_BOOLEAN_OR_AUTO},
                                       {"disk_over_commit", GW_BODY_BOOLEAN},
                                       {"cold", GW_BODY_BOOLEAN},
                                       {"measure", GW_BODY_BOOLEAN},
                                       {"policy", GW_BODY_TEXT},
                                       {"options", GW_BODY_OBJECT}};
    json_t *plan = json_object_get(request->json, "plan");
    if (!GW_BODY_CHECK(request, "body", request->json, outer) || !GW_BODY_CHECK(request, "plan", plan, inner))
        return;
    const GwPolicy *policy;
    g_autofree char *options = NULL;
    GwMoveKind kind = gw_body_is_true(plan, "cold") ? GW_MOVE_COLD : GW_MOVE_LIVE;
    if (!gw_body_policy(request, "plan", plan, &policy) || !gw_body_options(request, "plan", plan, &options))
        return;
    if (options && kind == GW_MOVE_COLD) {
        gw_reply_fault(request, 400, "Invalid input for field/attribute options of plan. Value: %s. A cold move has none: leave out options, or cold.",
                       options);
        return;
    }
    GwMoveRequest move = {.instance_uuid = gw_body_text(plan, "server"),
                          .host = gw_body_text(plan, "host"),
                          .block = block_mode(plan),
                          .disk_over_commit = gw_body_is_true(plan, "disk_over_commit"),
                          .policy = policy,
                          .options = options,
                          .measure = measures(plan) ? GW_LOAD_FULL : GW_LOAD_SIZES,
                          .user_id = gw_request_user(request),
                          .project_id = gw_request_project(request)};
    gw_engine_try(request->engine, &move, kind, tried, gw_request_defer(request, failed, too_slow));
}
