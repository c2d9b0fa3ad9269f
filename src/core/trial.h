/* The outcome of a dry run: one move tried on paper against every destination that comes into question. Values. */
#ifndef GW_CORE_TRIAL_H
#define GW_CORE_TRIAL_H

#include "core/checks.h"

/* One destination. */
typedef struct {
    char *host;
    GPtrArray *findings; /* of GwFinding *, owned; empty when the host was not examined */
    GwPlan *plan;        /* what would be done; NULL: the move to this host is not possible */
    GwForecast *forecast; /* with a plan, of a live move: what is expected of it; else NULL */
    char *failure;       /* why the host was not or could not be examined, or NULL */
} GwTrial;

typedef struct {
    char instance_uuid[GW_UUID_SIZE];
    char *instance_name;
    char *source;
    GwMoveKind kind;
    char *objection;   /* why the instance cannot move anywhere now (its state), or NULL */
    GPtrArray *trials; /* of GwTrial *, owned; in the order in which a real move would try them, then those left out */
} GwTrialReport;

GwTrialReport *gw_trial_report_new(void);
void gw_trial_report_free(GwTrialReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwTrialReport, gw_trial_report_free)
/* Appends an empty trial, owned by the report. */
GwTrial *gw_trial_report_add(GwTrialReport *report, const char *host);
const GwTrial *gw_trial_report_find(const GwTrialReport *report, const char *host); /* or NULL */
/* The destination that a real move would take: the first possible one, or NULL. */
const GwTrial *gw_trial_report_choice(const GwTrialReport *report);

/* How a plan moves the guest, in a word: "shared", "block" (disks are copied, too), "cold". */
const char *gw_plan_method(const GwPlan *plan);
const char *gw_disk_fate_name(GwDiskFate fate); /* "shared", "copy", "carry", "send" */

#endif
