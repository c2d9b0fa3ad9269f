/* What the ways between the hosts of a checkup carry. A host takes part in one measurement at a time, so that none has but a share of a link. */
#include "engine/checkups.h"

#include "core/planner.h"
#include "engine/transits.h"

enum { AT_ONCE = 4 };

typedef struct {
    GwEngine *engine;
    GwCheckup *checkup;
    GMutex lock; /* of all below */
    GCond freed;
    GPtrArray *left;  /* of GwPairCheckup *, borrowed */
    GHashTable *busy; /* names of hosts, borrowed */
} Measuring;

/* Waits for one whose hosts are both free, and takes them. NULL: none is left. */
static GwPairCheckup *take_way(Measuring *m)
{
    GwPairCheckup *way = NULL;
    g_mutex_lock(&m->lock);
    while (m->left->len && !way) {
        for (guint i = 0; i < m->left->len && !way; i++) {
            GwPairCheckup *one = m->left->pdata[i];
            if (!g_hash_table_contains(m->busy, one->source->name) && !g_hash_table_contains(m->busy, one->dest->name))
                way = g_ptr_array_steal_index(m->left, i);
        }
        if (!way)
            g_cond_wait(&m->freed, &m->lock);
    }
    if (way) {
        g_hash_table_add(m->busy, way->source->name);
        g_hash_table_add(m->busy, way->dest->name);
    }
    g_mutex_unlock(&m->lock);
    return way;
}

static void free_hosts(Measuring *m, const GwPairCheckup *way)
{
    g_mutex_lock(&m->lock);
    g_hash_table_remove(m->busy, way->source->name);
    g_hash_table_remove(m->busy, way->dest->name);
    g_cond_broadcast(&m->freed);
    g_mutex_unlock(&m->lock);
}

/* A copy leaves one of them, or goes there: what is measured beside it is a part of the link. */
static gboolean is_shared(GwEngine *engine, const GwPairCheckup *way)
{
    const char *const hosts[] = {way->source->name, way->dest->name};
    gboolean shared = FALSE;
    g_mutex_lock(&engine->lock);
    for (guint h = 0; h < G_N_ELEMENTS(hosts); h++) {
        const GPtrArray *moves = gw_transits_of(engine, hosts[h]);
        for (guint i = 0; moves && i < moves->len && !shared; i++) {
            GwMigrationState state = ((const GwActive *)moves->pdata[i])->row->state;
            shared = state == GW_MIGRATION_RUNNING || state == GW_MIGRATION_POSTCOPY || state == GW_MIGRATION_MOVING;
        }
    }
    g_mutex_unlock(&engine->lock);
    return shared;
}

static gboolean ask(GwEngine *engine, const GwPairCheckup *way, GwLinkRate *ret_rate, GError **error)
{
    g_autoptr(GwHostEntry) source = gw_engine_find_host(engine, way->source->name);
    g_autoptr(GwHostEntry) dest = gw_engine_find_host(engine, way->dest->name);
    if (!source || !dest || gw_engine_is_stopping(engine)) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "the host was removed meanwhile, or Godwit is stopping");
        return FALSE;
    }
    g_autoptr(GwPlan) plan = gw_planner_probe(&engine->settings.plan, dest->row->name);
    g_autofree char *uuid = g_uuid_string_random();
    g_strlcpy(plan->uuid, uuid, sizeof plan->uuid);
    return gw_node_measure_link(source->node, dest->node, plan, ret_rate, error);
}

static void measure_way(Measuring *m, GwPairCheckup *way)
{
    g_autoptr(GError) error = NULL;
    GwLinkSeen seen = {.rate = {0}};
    gboolean shared = is_shared(m->engine, way), ok = ask(m->engine, way, &seen.rate, &error);
    seen.rate.at_least |= shared || is_shared(m->engine, way);
    seen.at_us = g_get_real_time();
    if (ok)
        gw_forecast_measured(m->engine, way->source->name, way->dest->name, &seen);
    gw_checkups_lock(m->engine);
    way->audit->link = seen.rate;
    way->audit->link_problem = ok ? NULL : g_strdup(error->message);
    m->checkup->done++;
    gw_checkups_unlock(m->engine);
}

static gpointer work(gpointer data)
{
    Measuring *m = data;
    GwPairCheckup *way;
    while ((way = take_way(m))) {
        measure_way(m, way);
        free_hosts(m, way);
    }
    return NULL;
}

void gw_checkup_measure_links(GwEngine *engine, GwCheckup *checkup)
{
    Measuring m = {.engine = engine, .checkup = checkup};
    g_autoptr(GPtrArray) left = m.left = g_ptr_array_new();
    G_GNUC_UNUSED g_autoptr(GHashTable) busy = m.busy = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < checkup->pairs->len; i++) {
        GwPairCheckup *way = checkup->pairs->pdata[i];
        if (way->audit && way->audit->step == GW_PROBE_DONE)
            g_ptr_array_add(left, way);
    }
    gw_checkups_lock(engine);
    checkup->total += left->len;
    gw_checkups_unlock(engine);
    g_mutex_init(&m.lock);
    g_cond_init(&m.freed);
    GThread *threads[AT_ONCE];
    for (guint i = 0; i < AT_ONCE; i++)
        threads[i] = g_thread_new("measure-links", work, &m);
    for (guint i = 0; i < AT_ONCE; i++)
        g_thread_join(threads[i]);
    g_mutex_clear(&m.lock);
    g_cond_clear(&m.freed);
}
