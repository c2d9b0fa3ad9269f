#include "core/trial.h"

#include <string.h>

static void trial_free(gpointer data)
{
    GwTrial *trial = data;
    g_free(trial->host);
    g_clear_pointer(&trial->findings, g_ptr_array_unref);
    gw_plan_free(trial->plan);
    g_free(trial->forecast);
    g_free(trial->failure);
    g_free(trial);
}

GwTrialReport *gw_trial_report_new(void)
{
    GwTrialReport *report = g_new0(GwTrialReport, 1);
    report->trials = g_ptr_array_new_with_free_func(trial_free);
    return report;
}

void gw_trial_report_free(GwTrialReport *report)
{
    if (!report)
        return;
    g_free(report->instance_name);
    g_free(report->source);
    g_free(report->objection);
    g_ptr_array_unref(report->trials);
    g_free(report);
}

GwTrial *gw_trial_report_add(GwTrialReport *report, const char *host)
{
    GwTrial *trial = g_new0(GwTrial, 1);
    trial->host = g_strdup(host);
    trial->findings = gw_findings_new();
    g_ptr_array_add(report->trials, trial);
    return trial;
}

const GwTrial *gw_trial_report_find(const GwTrialReport *report, const char *host)
{
    for (guint i = 0; i < report->trials->len; i++)
        if (strcmp(((const GwTrial *)report->trials->pdata[i])->host, host) == 0)
            return report->trials->pdata[i];
    return NULL;
}

const GwTrial *gw_trial_report_choice(const GwTrialReport *report)
{
    for (guint i = 0; i < report->trials->len; i++) {
        const GwTrial *trial = report->trials->pdata[i];
        if (trial->plan)
            return trial;
    }
    return NULL;
}

const char *gw_plan_method(const GwPlan *plan)
{
    if (plan->kind == GW_MOVE_COLD)
        return "cold";
    return gw_plan_copies_disks(plan) ? "block" : "shared";
}

const char *gw_disk_fate_name(GwDiskFate fate)
{
    switch (fate) {
    case GW_FATE_SHARED:
        return "shared";
    case GW_FATE_COPY:
        return "copy";
    case GW_FATE_CARRY:
        return "carry";
    case GW_FATE_SEND:
        return "send";
    }
    return "copy";
}
