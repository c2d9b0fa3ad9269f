/* Checkups, those asked for and those that the daemon makes by itself: hosts are audited side by side, then pairs; each answer is published as it comes. One thread carries a checkup, two
 * bounded pools of its own ask, so that neither moves nor the inventory wait for it, and a dead host costs its own timeout once. */
#include "engine/checkups.h"

#include "base/log.h"
#include "core/planner.h"

#include <string.h>

enum {
    HOSTS_AT_ONCE = 32,
    PROBES_AT_ONCE = 8, /* each starts a QEMU process on two hosts */
    MOST_KEPT = 16,     /* finished checkups that can still be read */
};

struct GwCheckups {
    GMutex lock; /* of all below and of every checkup in it; held for moments, never across a call to a host */
    GQueue list; /* of GwCheckup *, newest first: those that were asked for */
    gint64 last_id;
    GwCheckup *own;      /* the last of those that the daemon makes by itself; NULL: none has ended yet */
    gint64 own_due_us;   /* monotonic: when the next one begins; 0: not known yet */
    gboolean own_begun;  /* one is under way */
};

typedef struct {
    GwEngine *engine; /* reference */
    GwCheckup *checkup; /* shared: changed under the lock */
    gboolean is_own;    /* owned by the run until it has ended */
} Run;

typedef struct {
    GwHostCheckup *source, *dest;
} Direction;

GwCheckups *gw_checkups_new(void)
{
    GwCheckups *checkups = g_new0(GwCheckups, 1);
    g_mutex_init(&checkups->lock);
    g_queue_init(&checkups->list);
    return checkups;
}

void gw_checkups_free(GwCheckups *checkups)
{
    g_queue_clear_full(&checkups->list, (GDestroyNotify)gw_checkup_free);
    gw_checkup_free(checkups->own);
    g_mutex_clear(&checkups->lock);
    g_free(checkups);
}

void gw_checkups_lock(GwEngine *engine)
{
    g_mutex_lock(&engine->checkups->lock);
}

void gw_checkups_unlock(GwEngine *engine)
{
    g_mutex_unlock(&engine->checkups->lock);
}

/* ---- hosts */

static GwHostAudit *ask_host(Run *run, const char *name, char **ret_failure)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(run->engine, name);
    if (entry && !run->is_own)
        gw_node_try_anew(entry->node); /* somebody waits for the answer */
    GwHostAudit *audit = entry && !gw_engine_is_stopping(run->engine) ? gw_node_audit(entry->node, &error) : NULL;
    if (!audit)
        *ret_failure = g_strdup(error ? error->message : "it was removed meanwhile");
    return audit;
}

static void audit_host(gpointer item, gpointer data)
{
    GwHostCheckup *host = item;
    Run *run = data;
    char *failure = NULL;
    GwHostAudit *audit = ask_host(run, host->name, &failure);
    GwDoctorSettings settings = {&run->engine->settings.plan};
    GwCheckups *checkups = run->engine->checkups;
    g_mutex_lock(&checkups->lock);
    host->audit = audit;
    host->failure = failure;
    host->asked_us = g_get_real_time();
    gw_checkup_judge_host(host, &settings);
    run->checkup->done++;
    g_mutex_unlock(&checkups->lock);
}

static void audit_hosts(Run *run)
{
    GThreadPool *pool = g_thread_pool_new(audit_host, run, HOSTS_AT_ONCE, FALSE, NULL);
    for (guint i = 0; i < run->checkup->hosts->len; i++)
        g_thread_pool_push(pool, run->checkup->hosts->pdata[i], NULL);
    g_thread_pool_free(pool, FALSE, TRUE);
}

/* ---- pairs */

static GwPairAudit *failed_probe(const char *why)
{
    GwPairAudit *audit = gw_pair_audit_new();
    audit->step = GW_PROBE_CREATE;
    audit->error = g_strdup(why);
    return audit;
}

static GwPairAudit *probe_pair(Run *run, const Direction *way)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwHostEntry) source = gw_engine_find_host(run->engine, way->source->name);
    g_autoptr(GwHostEntry) dest = gw_engine_find_host(run->engine, way->dest->name);
    if (!source || !dest || gw_engine_is_stopping(run->engine))
        return failed_probe("the host was removed meanwhile, or Godwit is stopping");
    g_autoptr(GwPlan) plan = gw_planner_probe(&run->engine->settings.plan, dest->row->name);
    g_autofree char *uuid = g_uuid_string_random();
    g_strlcpy(plan->uuid, uuid, sizeof plan->uuid);
    GwPairAudit *audit = gw_node_probe(source->node, dest->node, plan, &error);
    if (audit || g_error_matches(error, GW_ERROR, GW_ERROR_UNSUPPORTED))
        return audit;
    return failed_probe(error->message);
}

static void examine_pair(gpointer item, gpointer data)
{
    Direction *way = item;
    Run *run = data;
    GwPairAudit *audit = probe_pair(run, way);
    GwCheckups *checkups = run->engine->checkups;
    g_mutex_lock(&checkups->lock);
    g_ptr_array_add(run->checkup->pairs, gw_checkup_judge_pair(way->source, way->dest, audit));
    run->checkup->done++;
    g_mutex_unlock(&checkups->lock);
    g_free(way);
}

/* Without probes nobody is asked: the hosts' own answers are compared. */
static void compare_pair(Run *run, const GwHostCheckup *source, const GwHostCheckup *dest)
{
    GwCheckups *checkups = run->engine->checkups;
    GwPairCheckup *pair = gw_checkup_judge_pair(source, dest, NULL);
    if (gw_pair_checkup_state(pair) == GW_CHECK_OK) {
        gw_pair_checkup_free(pair);
        return;
    }
    g_mutex_lock(&checkups->lock);
    g_ptr_array_add(run->checkup->pairs, pair);
    g_mutex_unlock(&checkups->lock);
}

/* Round after round, so that the pairs of one host are not all under way at once: the second is so many places after the first. */
static void each_pair(Run *run, GThreadPool *pool)
{
    const GPtrArray *hosts = run->checkup->hosts;
    for (guint step = 1; step < hosts->len; step++) {
        for (guint i = 0; i < hosts->len; i++) {
            GwHostCheckup *source = hosts->pdata[i], *dest = hosts->pdata[(i + step) % hosts->len];
            if (!source->audit || !dest->audit) { /* said once, with the host */
                g_mutex_lock(&run->engine->checkups->lock);
                run->checkup->done += pool != NULL;
                g_mutex_unlock(&run->engine->checkups->lock);
                continue;
            }
            if (pool) {
                Direction *way = g_new0(Direction, 1);
                *way = (Direction){source, dest};
                g_thread_pool_push(pool, way, NULL);
            } else {
                compare_pair(run, source, dest);
            }
        }
    }
}

static gint by_names(gconstpointer a, gconstpointer b)
{
    const GwPairCheckup *x = *(GwPairCheckup *const *)a, *y = *(GwPairCheckup *const *)b;
    gint order = strcmp(x->source->name, y->source->name);
    return order ? order : strcmp(x->dest->name, y->dest->name);
}

/* ---- the CPU that all have */

static char *find_baseline(Run *run)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    const GPtrArray *hosts = run->checkup->hosts;
    for (guint i = 0; i < hosts->len; i++) {
        const GwHostCheckup *host = hosts->pdata[i];
        if (!host->audit || !host->audit->cpu)
            return NULL;
        g_ptr_array_add(texts, host->audit->cpu);
    }
    g_autoptr(GwHostEntry) first = hosts->len ? gw_engine_find_host(run->engine, ((GwHostCheckup *)hosts->pdata[0])->name) : NULL;
    g_ptr_array_add(texts, NULL);
    return first ? gw_node_baseline(first->node, (const char *const *)texts->pdata, NULL) : NULL;
}

/* ---- the daemon's own */

static const GwHostCheckup *find_host(const GwCheckup *checkup, const char *name)
{
    for (guint i = 0; checkup && i < checkup->hosts->len; i++) {
        const GwHostCheckup *host = checkup->hosts->pdata[i];
        if (strcmp(host->name, name) == 0)
            return host;
    }
    return NULL;
}

static gboolean has_finding(const GwHostCheckup *host, const GwFinding *finding)
{
    for (guint i = 0; host && i < host->findings->len; i++)
        if (strcmp(((const GwFinding *)host->findings->pdata[i])->code, finding->code) == 0)
            return TRUE;
    return FALSE;
}

/* What has changed since the last one, so that the log does not repeat itself. */
static void log_changes(const GwHostCheckup *before, const GwHostCheckup *now)
{
    for (guint i = 0; i < now->findings->len; i++) {
        const GwFinding *finding = now->findings->pdata[i];
        if (!has_finding(before, finding))
            gw_warning("host %s: %s: %s (%s); remedy: %s", now->name, finding->code, finding->fact, finding->why, finding->remedy);
    }
    for (guint i = 0; before && i < before->findings->len; i++) {
        const GwFinding *finding = before->findings->pdata[i];
        if (!has_finding(now, finding) && now->audit)
            gw_info("host %s: %s is mended", now->name, finding->code);
    }
}

static void end_own(Run *run)
{
    GwCheckups *checkups = run->engine->checkups;
    gboolean stopping = gw_engine_is_stopping(run->engine); /* hosts were not asked */
    g_mutex_lock(&checkups->lock);
    run->checkup->ended_us = g_get_real_time();
    for (guint i = 0; !stopping && i < run->checkup->hosts->len; i++) {
        const GwHostCheckup *host = run->checkup->hosts->pdata[i];
        log_changes(find_host(checkups->own, host->name), host);
    }
    gw_checkup_free(stopping ? run->checkup : checkups->own);
    checkups->own = stopping ? checkups->own : run->checkup;
    checkups->own_begun = FALSE;
    g_mutex_unlock(&checkups->lock);
}

/* ---- one checkup */

static gpointer run_thread(gpointer data)
{
    Run *run = data;
    GwCheckups *checkups = run->engine->checkups;
    audit_hosts(run);
    if (run->is_own) {
        end_own(run);
        gw_engine_unref(run->engine);
        g_free(run);
        return NULL;
    }
    GThreadPool *pool = run->checkup->depth == GW_CHECKUP_PROBE
                            ? g_thread_pool_new(examine_pair, run, PROBES_AT_ONCE, FALSE, NULL)
                            : NULL;
    each_pair(run, pool);
    if (pool) {
        g_thread_pool_free(pool, FALSE, TRUE);
        gw_checkup_measure_links(run->engine, run->checkup);
    }
    char *cpu = find_baseline(run);
    g_mutex_lock(&checkups->lock);
    g_ptr_array_sort(run->checkup->pairs, by_names);
    gw_checkup_tell_pools_once(run->checkup);
    run->checkup->cpu = cpu;
    run->checkup->ended_us = g_get_real_time();
    g_mutex_unlock(&checkups->lock);
    gw_engine_unref(run->engine);
    g_free(run);
    return NULL;
}

static GwCheckup *checkup_new(GwEngine *engine, const char *const *names, GwCheckupDepth depth, GError **error)
{
    g_autoptr(GwCheckup) checkup = gw_checkup_new();
    g_autoptr(GPtrArray) hosts = gw_engine_hosts(engine);
    for (guint i = 0; names && names[i]; i++) {
        g_autoptr(GwHostEntry) known = gw_engine_find_host(engine, names[i]);
        if (!known) {
            g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Compute host %s could not be found.", names[i]);
            return NULL;
        }
    }
    for (guint i = 0; i < hosts->len; i++) {
        const GwHostView *view = hosts->pdata[i];
        if (!names || !names[0] || g_strv_contains(names, view->row->name))
            gw_checkup_add_host(checkup, view->row->name, view->row->uri);
    }
    checkup->depth = depth;
    checkup->begun_us = g_get_real_time();
    checkup->total = checkup->hosts->len;
    if (depth == GW_CHECKUP_PROBE && checkup->total)
        checkup->total += checkup->hosts->len * (checkup->hosts->len - 1);
    return g_steal_pointer(&checkup);
}

static void start(GwEngine *engine, GwCheckup *checkup, gboolean is_own)
{
    Run *run = g_new0(Run, 1);
    run->engine = gw_engine_ref(engine);
    run->checkup = checkup;
    run->is_own = is_own;
    g_thread_unref(g_thread_new("checkup", run_thread, run));
}

static gboolean is_due(GwEngine *engine, guint interval_s)
{
    enum { FIRST_S = 30 };
    GwCheckups *checkups = engine->checkups;
    gint64 now_us = g_get_monotonic_time();
    g_mutex_lock(&checkups->lock);
    if (!checkups->own_due_us)
        checkups->own_due_us = now_us + (gint64)MIN(interval_s, FIRST_S) * G_USEC_PER_SEC;
    gboolean due = !checkups->own_begun && now_us >= checkups->own_due_us;
    g_mutex_unlock(&checkups->lock);
    return due;
}

void gw_checkups_tick(GwEngine *engine)
{
    GwCheckups *checkups = engine->checkups;
    guint interval_s = engine->settings.audit_interval_s;
    if (!interval_s || !is_due(engine, interval_s) || !gw_inventory_has_looked(engine) || gw_engine_is_stopping(engine))
        return;
    GwCheckup *checkup = checkup_new(engine, NULL, GW_CHECKUP_HOSTS, NULL);
    g_mutex_lock(&checkups->lock);
    checkups->own_begun = TRUE;
    checkups->own_due_us = g_get_monotonic_time() + (gint64)interval_s * G_USEC_PER_SEC;
    g_mutex_unlock(&checkups->lock);
    start(engine, checkup, TRUE);
}

/* [checkups locked] Ended ones beyond the last few are forgotten, oldest first. */
static void forget_old(GwCheckups *checkups)
{
    GList *item = checkups->list.tail;
    while (item && checkups->list.length > MOST_KEPT) {
        GList *before = item->prev;
        GwCheckup *checkup = item->data;
        if (checkup->ended_us) {
            g_queue_delete_link(&checkups->list, item);
            gw_checkup_free(checkup);
        }
        item = before;
    }
}

gboolean gw_engine_checkup_begin(GwEngine *engine, const char *const *hosts, GwCheckupDepth depth, gint64 *ret_id, GError **error)
{
    GwCheckups *checkups = engine->checkups;
    GwCheckup *checkup = checkup_new(engine, hosts, depth, error);
    if (!checkup)
        return FALSE;
    g_mutex_lock(&checkups->lock);
    *ret_id = checkup->id = ++checkups->last_id;
    g_queue_push_head(&checkups->list, checkup);
    forget_old(checkups);
    g_mutex_unlock(&checkups->lock);
    start(engine, checkup, FALSE);
    return TRUE;
}

gboolean gw_engine_checkup_read(GwEngine *engine, gint64 id, GwCheckupReader read, gpointer data, GError **error)
{
    GwCheckups *checkups = engine->checkups;
    g_mutex_lock(&checkups->lock);
    gboolean found = id == GW_CHECKUP_OWN && checkups->own;
    if (found)
        read(data, checkups->own);
    for (GList *item = checkups->list.head; item && !found; item = item->next) {
        const GwCheckup *checkup = item->data;
        found = checkup->id == id;
        if (found)
            read(data, checkup);
    }
    g_mutex_unlock(&checkups->lock);
    if (!found && id == GW_CHECKUP_OWN)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "No checkup of the daemon's own could be found: %s.",
                    engine->settings.audit_interval_s ? "the first has not ended yet" : "audit_interval is 0");
    else if (!found)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Checkup %" G_GINT64_FORMAT " could not be found: the last %d are kept.", id,
                    MOST_KEPT);
    return found;
}
