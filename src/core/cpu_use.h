/* How many CPUs' worth of work an instance does, from the CPU time that its hypervisor says it has had. Pure. */
#ifndef GW_CORE_CPU_USE_H
#define GW_CORE_CPU_USE_H

#include <glib.h>

enum {
    GW_CPU_USE_LEAST_MS = 3000,    /* two looks that are nearer say little */
    GW_CPU_USE_HALF_LIFE_S = 120,  /* after so long what was known counts for half */
};

typedef struct {
    guint64 time_ns;  /* as last counted */
    gint64 at_us;     /* monotonic: when; 0: not yet */
    gboolean known;
    double cpus;      /* valid when known */
} GwCpuUse;

/* Takes one more count. One that is smaller than the last is another process's (the instance was moved, or restarted): it is counted
 * from there, and what was known stays. */
void gw_cpu_use_count(GwCpuUse *use, guint64 time_ns, gint64 now_us);
/* The next count is another process's. */
void gw_cpu_use_restart(GwCpuUse *use);

#endif
