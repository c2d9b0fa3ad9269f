/* Dry runs: the checks of a real move, made by the same functions, against every destination, recording nothing. */
#include "engine/choose.h"

#include <string.h>

enum { MOST_AT_ONCE = 16 }; /* hosts examined at the same time: each costs two connections and a few threads */

typedef struct {
    GwEngine *engine; /* reference */
    GwActive active;  /* never published: what gw_choose_examine wants to know of a move */
    GwMigration *row; /* never stored */
    GwTrialReport *report;
    GwLoadHow measure;
    GwTried done;
    gpointer data;
} DryRun;

/* As gw_choose does: first what placement says of a destination that was named, then what the hosts say. */
static gboolean examine_host(DryRun *run, GwTrial *trial, GError **error)
{
    if (run->row->dest && !gw_choose_judge(&run->active, run->row, trial->findings))
        return TRUE;
    g_autoptr(GwHostEntry) dest = gw_engine_find_host(run->engine, trial->host);
    if (!dest) {
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "it was removed meanwhile");
        return FALSE;
    }
    GPtrArray *more = gw_choose_examine(&run->active, run->row, dest, &trial->plan, error);
    if (!more)
        return FALSE;
    g_ptr_array_extend_and_steal(trial->findings, more);
    if (gw_findings_block(trial->findings))
        g_clear_pointer(&trial->plan, gw_plan_free);
    return TRUE;
}

static void examine_one(gpointer item, gpointer data)
{
    GwTrial *trial = item;
    g_autoptr(GError) error = NULL;
    if (!examine_host(data, trial, &error))
        trial->failure = g_strdup(error->message);
}

static void examine_all(DryRun *run)
{
    g_autoptr(GPtrArray) reasons = gw_reasons_new();
    g_autoptr(GPtrArray) names = NULL;
    if (run->row->dest) {
        names = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(names, g_strdup(run->row->dest));
    } else {
        names = gw_choose_candidates(&run->active, run->row, reasons);
    }
    GThreadPool *pool = g_thread_pool_new(examine_one, run, MOST_AT_ONCE, FALSE, NULL);
    for (guint i = 0; i < names->len; i++)
        g_thread_pool_push(pool, gw_trial_report_add(run->report, names->pdata[i]), NULL);
    g_thread_pool_free(pool, FALSE, TRUE); /* waits for all */
    if (!run->row->dest)
        gw_choose_left_out(&run->active, run->row, run->report);
}

/* The guest is looked at once, and only when it can move at all. */
static void foresee(DryRun *run)
{
    GwLoad load;
    if (run->row->kind != GW_MOVE_LIVE || !gw_trial_report_choice(run->report))
        return;
    gw_forecast_measure(run->engine, run->active.source, run->row->instance_uuid, run->measure, &load);
    for (guint i = 0; i < run->report->trials->len; i++) {
        GwTrial *trial = run->report->trials->pdata[i];
        if (trial->plan)
            trial->forecast = gw_forecast_make(run->engine, trial->plan, &load, run->row->source, trial->host);
    }
}

static gpointer run_thread(gpointer data)
{
    DryRun *run = data;
    examine_all(run);
    foresee(run);
    run->done(run->data, run->report, NULL);
    gw_host_entry_unref(run->active.source);
    gw_migration_free(run->row);
    gw_trial_report_free(run->report);
    gw_engine_unref(run->engine);
    g_free(run);
    return NULL;
}

static GwTrialReport *report_new(const GwInstanceView *view, GwMoveKind kind)
{
    GwTrialReport *report = gw_trial_report_new();
    g_strlcpy(report->instance_uuid, view->instance->uuid, sizeof report->instance_uuid);
    report->instance_name = g_strdup(view->instance->name);
    report->source = g_strdup(view->host);
    report->kind = kind;
    return report;
}

/* What a real move refuses at once. TRUE: done has been told. */
static gboolean refuse(const GwInstanceView *view, GwMoveKind kind, GError *why, GwTried done, gpointer data)
{
    if (!why)
        return FALSE;
    if (!view || why->code != GW_ERROR_CONFLICT) {
        done(data, NULL, why);
        return TRUE;
    }
    g_autoptr(GwTrialReport) report = report_new(view, kind);
    report->objection = g_strdup(why->message);
    done(data, report, NULL);
    return TRUE;
}

void gw_engine_try(GwEngine *engine, const GwMoveRequest *request, GwMoveKind kind, GwTried done, gpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwInstanceView) view = NULL;
    g_autoptr(GwMigration) row = gw_submit_check(engine, request, kind, &view, &error);
    g_autoptr(GwHostEntry) source = row ? gw_engine_find_host(engine, view->host) : NULL;
    if (row && !source)
        g_set_error(&error, GW_ERROR, GW_ERROR_NOT_FOUND, "Compute host %s could not be found.", view->host);
    if (refuse(view, kind, error, done, data))
        return;
    DryRun *run = g_new0(DryRun, 1);
    run->engine = gw_engine_ref(engine);
    run->active = (GwActive){.engine = engine, .source = g_steal_pointer(&source), .disk_over_commit = request->disk_over_commit,
                             .host_forced = request->force};
    run->row = g_steal_pointer(&row);
    run->report = report_new(view, kind);
    run->measure = request->measure;
    run->done = done;
    run->data = data;
    g_thread_unref(g_thread_new("dry-run", run_thread, run));
}
