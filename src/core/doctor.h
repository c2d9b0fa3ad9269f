/* Whether hosts are ready to exchange instances: what the manual has people check by hand, as pure functions from audits to
 * findings. Every finding names its remedy, and where a few commands would do it, carries them. */
#ifndef GW_CORE_DOCTOR_H
#define GW_CORE_DOCTOR_H

#include "core/audit.h"

/* The worse, the higher. NONE: the check means nothing for such hosts. */
typedef enum { GW_CHECK_NONE, GW_CHECK_OK, GW_CHECK_UNKNOWN, GW_CHECK_WARNS, GW_CHECK_BLOCKS } GwCheckState;
const char *gw_check_state_name(GwCheckState state); /* "none", "ok", "unknown", "warning", "blocks" */

/* A host under examination. Strings borrowed. */
typedef struct {
    const char *name, *uri;
    const GwHostAudit *audit; /* NULL: it could not be asked */
    const char *failure;      /* why not */
} GwPatient;

typedef struct {
    const GwPlanSettings *plan;
} GwDoctorSettings;

/* The checks of one host, in the order of their columns. */
#define GW_HOST_CHECKS(X) X(CONNECTION) X(IDENTITY) X(VERSION) X(FOLDER) X(SPACE) X(CLOCK) X(CONSOLE) X(REMAINS)
enum {
#define X(NAME) GW_HOST_CHECK_##NAME,
    GW_HOST_CHECKS(X)
#undef X
        GW_HOST_CHECK_COUNT
};
const char *gw_host_check_name(guint check); /* "connection", ... */

/* Appends findings (of GwFinding *) and fills states, one per check. */
void gw_doctor_host(const GwPatient *host, const GwDoctorSettings *settings, GPtrArray *findings,
                    GwCheckState states[GW_HOST_CHECK_COUNT]);

/* The checks of one direction between two hosts, both of which were audited. */
#define GW_PAIR_CHECKS(X) X(KIND) X(IDENTITY) X(VERSION) X(USER) X(NETWORK) X(STORAGE) X(CPU) X(PROBE)
enum {
#define X(NAME) GW_PAIR_CHECK_##NAME,
    GW_PAIR_CHECKS(X)
#undef X
        GW_PAIR_CHECK_COUNT
};
const char *gw_pair_check_name(guint check); /* "identity", ... */

/* pair: NULL when nothing but the two audits is known. */
void gw_doctor_pair(const GwPatient *source, const GwPatient *dest, const GwPairAudit *pair, GPtrArray *findings,
                    GwCheckState states[GW_PAIR_CHECK_COUNT]);

/* ---- diagnosis.c: what a hypervisor's words about a migration that failed mean */
GwFinding *gw_diagnose(const GwPatient *source, const GwPatient *dest, const char *error, GPtrArray *findings);

#endif
