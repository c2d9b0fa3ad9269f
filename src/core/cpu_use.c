#include "core/cpu_use.h"

#include <math.h>

static void take(GwCpuUse *use, double cpus, double seconds)
{
    double weight = use->known ? 1 - exp2(-seconds / GW_CPU_USE_HALF_LIFE_S) : 1;
    use->cpus += (cpus - use->cpus) * weight;
    use->known = TRUE;
}

void gw_cpu_use_count(GwCpuUse *use, guint64 time_ns, gint64 now_us)
{
    gint64 passed_us = now_us - use->at_us;
    gboolean counted = use->at_us && time_ns >= use->time_ns;
    if (counted && passed_us < GW_CPU_USE_LEAST_MS * 1000)
        return;
    if (counted)
        take(use, (double)(time_ns - use->time_ns) / 1000 / (double)passed_us, (double)passed_us / G_USEC_PER_SEC);
    use->time_ns = time_ns;
    use->at_us = now_us;
}

void gw_cpu_use_restart(GwCpuUse *use)
{
    use->at_us = 0;
}
