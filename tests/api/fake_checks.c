/* Dry runs of the engine of memory: what becomes of one is said by the destination's name, as with moves. */
#include "engine/engine.h"

#include "base/error.h"
#include "core/flags.h"

#include <string.h>

static GwPlan *plan_new(const GwInstance *instance, GwMoveKind kind, GwBlockMode block)
{
    GwPlan *plan = gw_plan_new();
    plan->kind = kind;
    plan->memory_mib = instance->memory_mib;
    plan->flags = GW_FLAG_LIVE | GW_FLAG_PEER2PEER;
    plan->timeout_ms = 1600000;
    GwPlanDisk *disk = gw_plan_add_disk(plan);
    disk->target = g_strdup("vda");
    disk->fate = block == GW_BLOCK_YES ? GW_FATE_COPY : GW_FATE_SHARED;
    disk->path = g_strdup("/srv/vda.qcow2");
    disk->dest_path = g_strdup("/srv/vda.qcow2");
    return plan;
}

static void try_host(GwTrialReport *report, const GwInstance *instance, const GwMoveRequest *request, const char *host)
{
    GwTrial *trial = gw_trial_report_add(report, host);
    if (strcmp(host, "HostDown") == 0)
        trial->failure = g_strdup("it does not answer: no route to host");
    else if (strcmp(host, "HostFull") == 0)
        gw_findings_add(trial->findings, GW_FINDING_BLOCKS, "memory", host, g_strdup("HostFull has 12 MiB free"),
                        g_strdup_printf("%s needs 512 MiB", instance->name), g_strdup("free memory there"));
    else
        trial->plan = plan_new(instance, report->kind, request->block);
}

void gw_engine_try(GwEngine *engine, const GwMoveRequest *request, GwMoveKind kind, GwTried done, gpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwInstanceView) view = gw_engine_instance(engine, request->instance_uuid);
    if (!view)
        g_set_error(&error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance %s could not be found.", request->instance_uuid);
    else if (request->host && !g_str_has_prefix(request->host, "Host"))
        g_set_error(&error, GW_ERROR, GW_ERROR_INVALID, "Compute host %s could not be found.", request->host);
    if (error) {
        done(data, NULL, error);
        return;
    }
    g_autoptr(GwTrialReport) report = gw_trial_report_new();
    g_strlcpy(report->instance_uuid, view->instance->uuid, sizeof report->instance_uuid);
    report->instance_name = g_strdup(view->instance->name);
    report->source = g_strdup(view->host);
    report->kind = kind;
    if (view->migration_id) {
        report->objection = g_strdup("it is on its way already");
    } else if (request->host) {
        try_host(report, view->instance, request, request->host);
    } else {
        try_host(report, view->instance, request, "HostB");
        try_host(report, view->instance, request, "HostFull");
        try_host(report, view->instance, request, "HostDown");
    }
    done(data, report, NULL);
}
