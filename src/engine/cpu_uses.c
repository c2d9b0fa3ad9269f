/* What instances do with their CPUs: counted at every look at their hosts, for plans. In memory only: after a restart nothing is known until
 * the second look. */
#include "core/cpu_use.h"
#include "engine/internal.h"

typedef struct {
    GwCpuUse use;
    const GwHostEntry *host; /* whose count it is; compared, never followed */
} Counted;

GHashTable *gw_cpu_uses_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static Counted *counted_of(GwEngine *engine, const char *uuid)
{
    Counted *counted = g_hash_table_lookup(engine->cpu_uses, uuid);
    if (!counted) {
        counted = g_new0(Counted, 1);
        g_hash_table_insert(engine->cpu_uses, g_strdup(uuid), counted);
    }
    return counted;
}

/* What is known of it then; 0: nothing. */
static double note(GwEngine *engine, const GwHostEntry *host, const GwInstance *instance, gint64 now_us)
{
    if (instance->power != GW_POWER_RUNNING || !instance->cpu_time_ns)
        return 0;
    Counted *counted = counted_of(engine, instance->uuid);
    if (counted->host != host)
        gw_cpu_use_restart(&counted->use);
    counted->host = host;
    gw_cpu_use_count(&counted->use, instance->cpu_time_ns, now_us);
    return counted->use.cpus;
}

void gw_cpu_uses_note(GwEngine *engine, GwHostEntry *host, const GPtrArray *instances)
{
    gint64 now_us = g_get_monotonic_time();
    host->cpus_busy = 0;
    for (guint i = 0; i < instances->len; i++)
        host->cpus_busy += note(engine, host, instances->pdata[i], now_us);
}

static gboolean is_gone(gpointer uuid, gpointer counted, gpointer engine)
{
    return !g_hash_table_contains(((GwEngine *)engine)->views, uuid);
}

void gw_cpu_uses_forget_gone(GwEngine *engine)
{
    g_hash_table_foreach_remove(engine->cpu_uses, is_gone, engine);
}

double gw_cpu_uses_of(GwEngine *engine, const char *uuid)
{
    const Counted *counted = g_hash_table_lookup(engine->cpu_uses, uuid);
    return counted && counted->use.known ? counted->use.cpus : -1;
}
