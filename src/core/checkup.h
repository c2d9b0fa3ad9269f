/* One examination of several hosts and of the pairs among them, as far as it has come. A value; whoever shares it locks. */
#ifndef GW_CORE_CHECKUP_H
#define GW_CORE_CHECKUP_H

#include "core/doctor.h"

typedef struct {
    char *name, *uri;
    GwHostAudit *audit;  /* NULL: not yet, or it failed */
    char *failure;       /* why it could not be asked, or NULL */
    GPtrArray *findings; /* of GwFinding *, owned */
    GwCheckState states[GW_HOST_CHECK_COUNT];
    gint64 asked_us;     /* when it answered or failed; 0: not yet */
} GwHostCheckup;

/* One direction. Those about which nothing is to be said, and that were not probed, are not kept. */
typedef struct {
    const GwHostCheckup *source, *dest; /* of the same checkup */
    GwPairAudit *audit;  /* NULL: only the hosts' own audits were compared */
    GPtrArray *findings;
    GwCheckState states[GW_PAIR_CHECK_COUNT];
} GwPairCheckup;

typedef enum {
    GW_CHECKUP_FACTS, /* hosts, and what their answers mean for each pair */
    GW_CHECKUP_PROBE, /* and a tiny guest along every way */
    GW_CHECKUP_HOSTS, /* hosts alone */
} GwCheckupDepth;

typedef struct {
    gint64 id;
    GwCheckupDepth depth;
    guint total, done;    /* steps: one per host, and with GW_CHECKUP_PROBE one per direction */
    gint64 begun_us, ended_us; /* ended_us 0: it goes on */
    GPtrArray *hosts;     /* of GwHostCheckup *, owned, by name */
    GPtrArray *pairs;     /* of GwPairCheckup *, owned, by names; complete when it has ended */
    char *cpu;            /* the CPU model that all hosts can give, as <cpu>, or NULL */
} GwCheckup;

GwCheckup *gw_checkup_new(void);
void gw_checkup_free(GwCheckup *checkup);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwCheckup, gw_checkup_free)
GwHostCheckup *gw_checkup_add_host(GwCheckup *checkup, const char *name, const char *uri);
/* Examines what is known of a host; of a direction (audit is taken, NULL: none). The caller adds the pair it gets. */
void gw_checkup_judge_host(GwHostCheckup *host, const GwDoctorSettings *settings);
GwPairCheckup *gw_checkup_judge_pair(const GwHostCheckup *source, const GwHostCheckup *dest, GwPairAudit *audit);
/* Once the pairs are complete and sorted: what is true of whole pools is told with their first pair of hosts alone. */
void gw_checkup_tell_pools_once(GwCheckup *checkup);
void gw_pair_checkup_free(GwPairCheckup *pair);
/* The worst state of one pair, and of all; unknown ones do not count. */
GwCheckState gw_pair_checkup_state(const GwPairCheckup *pair);
GwCheckState gw_checkup_verdict(const GwCheckup *checkup);

#endif
