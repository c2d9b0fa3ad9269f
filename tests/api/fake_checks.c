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

/* Nothing ever happens here. */
void gw_engine_listen(GwEngine *engine, GwEngineHeard heard, gpointer data)
{
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

/* ---- checkups: of all hosts but HostDown, which does not answer; 2 steps are done when first read, all after that */

static gint64 last_checkup;
static GwCheckupDepth last_depth;
static gboolean was_read;

gboolean gw_engine_checkup_begin(GwEngine *engine, const char *const *hosts, GwCheckupDepth depth, gint64 *ret_id, GError **error)
{
    for (guint i = 0; hosts && hosts[i]; i++) {
        if (!g_str_has_prefix(hosts[i], "Host")) {
            g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Compute host %s could not be found.", hosts[i]);
            return FALSE;
        }
    }
    *ret_id = ++last_checkup;
    last_depth = depth;
    was_read = FALSE;
    return TRUE;
}

static GwHostAudit *audit_new(const char *name)
{
    GwHostAudit *audit = gw_host_audit_new();
    audit->facts = gw_host_facts_new();
    audit->facts->hostname = g_strdup(name);
    audit->facts->hypervisor_version = 7002022;
    audit->facts->library_version = 9000000;
    audit->transport = g_strdup("tcp");
    audit->secure = GW_FACT_NO;
    return audit;
}

static GwCheckup *checkup_new(gint64 id)
{
    static const GwPlanSettings plan;
    const GwDoctorSettings settings = {&plan};
    GwCheckup *checkup = gw_checkup_new();
    checkup->id = id;
    checkup->depth = last_depth;
    checkup->total = 3;
    GwHostCheckup *a = gw_checkup_add_host(checkup, "HostA", "qemu+tcp://HostA/system");
    GwHostCheckup *b = gw_checkup_add_host(checkup, "HostB", "qemu+tcp://HostB/system");
    GwHostCheckup *down = gw_checkup_add_host(checkup, "HostDown", "qemu+tcp://HostDown/system");
    a->audit = audit_new("HostA");
    b->audit = audit_new("HostB");
    down->failure = g_strdup("no route to host");
    for (guint i = 0; i < checkup->hosts->len; i++)
        gw_checkup_judge_host(checkup->hosts->pdata[i], &settings);
    GwPairAudit *probe = last_depth == GW_CHECKUP_PROBE ? gw_pair_audit_new() : NULL;
    if (probe) {
        probe->step = GW_PROBE_MIGRATE;
        probe->error = g_strdup("unable to connect to server at 'HostB:49152': Connection refused");
    }
    g_ptr_array_add(checkup->pairs, gw_checkup_judge_pair(a, b, probe));
    return checkup;
}

gboolean gw_engine_checkup_read(GwEngine *engine, gint64 id, GwCheckupReader read, gpointer data, GError **error)
{
    if (id == GW_CHECKUP_OWN) {
        g_autoptr(GwCheckup) own = checkup_new(id);
        g_ptr_array_set_size(own->pairs, 0);
        own->ended_us = 1;
        read(data, own);
        return TRUE;
    }
    if (id != last_checkup) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Checkup %" G_GINT64_FORMAT " could not be found.", id);
        return FALSE;
    }
    g_autoptr(GwCheckup) checkup = checkup_new(id);
    checkup->done = was_read ? 3 : 2;
    checkup->ended_us = was_read ? 1 : 0;
    was_read = TRUE;
    read(data, checkup);
    return TRUE;
}

/* ---- leftovers: one that may be removed, and one that may not */

void gw_engine_orphans(GwEngine *engine, GwOrphansHow how, GwOrphansTold told, gpointer data)
{
    g_autoptr(GPtrArray) left = g_ptr_array_new();
    g_autoptr(GPtrArray) orphans = g_ptr_array_new();
    g_ptr_array_add(left, (gpointer)"definition");
    GwOrphan ours = {.host = (char *)"HostB", .home = (char *)"HostA", .uuid = "10000000-0000-4000-8000-000000000001", .name = (char *)"vm-active",
                     .migration_id = 7, .left = left, .removed = how == GW_ORPHANS_REMOVE};
    GwOrphan others = {.host = (char *)"HostC", .home = (char *)"HostA", .uuid = "10000000-0000-4000-8000-000000000002",
                       .name = (char *)"vm-stopped", .left = left, .obstacle = (char *)"no migration of Godwit's left it"};
    g_ptr_array_add(orphans, &ours);
    g_ptr_array_add(orphans, &others);
    g_autoptr(GPtrArray) unsearched = g_ptr_array_new();
    GwHostRow row = {.name = (char *)"HostD"};
    GwHostView silent = {.row = &row, .down_reason = (char *)"no route to HostD"};
    g_autoptr(GPtrArray) not_asked = g_ptr_array_new();
    g_ptr_array_add(not_asked, &silent);
    GwOrphans found = {orphans, unsearched, not_asked};
    told(data, &found, NULL);
}

void gw_engine_resolve(GwEngine *engine, gint64 id, const char *keep, GwResolved done, gpointer data)
{
    GwMigration row = {.id = id, .source = (char *)"HostB", .dest = (char *)"HostC", .reason = (char *)"shut off on both hosts"};
    GwResolution resolution = {GW_SEEN_STOPPED, GW_SEEN_STOPPED, &row, keep != NULL};
    g_autoptr(GError) error = id == 7 ? NULL : g_error_new(GW_ERROR, GW_ERROR_NOT_FOUND, "There is no migration %" G_GINT64_FORMAT ".", id);
    done(data, error ? NULL : &resolution, error);
}
