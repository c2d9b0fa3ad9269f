/* Whether an instance may be evacuated now; and what gets a migration going that waits for a lost host. */
#include "engine/evacuation.h"
#include "engine/internal.h"

#include <string.h>

static guint ceil_s(gint64 us)
{
    return us > 0 ? (guint)((us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC) : 0;
}

/* To this process: what a restarted daemon remembers of a host is no answer. */
static gboolean answers(GwEngine *engine, const GwHostEntry *entry, guint *ret_ago_s)
{
    g_mutex_lock(&engine->lock);
    gboolean up = entry->up && entry->facts;
    *ret_ago_s = ceil_s(g_get_real_time() - entry->seen_us);
    g_mutex_unlock(&engine->lock);
    return up;
}

/* It is down only once it has been asked in vain: that is found out now, not at the next look at everything. */
static gboolean refuse_heard(GwEngine *engine, const GwInstanceView *view, GwHostEntry *entry, guint ago_s, GError **error)
{
    guint again_s = ceil_s((gint64)engine->settings.driver.call_timeout_ms * 1000) + 1;
    gw_inventory_ask(engine, entry, view->instance->uuid);
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Compute service of %s is still in use: it is forced down, but answered until %u s ago, "
                "and said that %s is %s there. It is being asked now: if it is switched off, ask again in %u s; else switch it off first",
                view->host, ago_s, view->instance->name, gw_power_name(view->instance->power), again_s);
    return FALSE;
}

/* Only a host that nothing runs on is evacuated, and that is an administrator's word: silence alone may be a broken cable. */
static gboolean check_down(GwEngine *engine, const GwInstanceView *view, GwHostEntry *entry, GError **error)
{
    const char *host = view->host;
    GwPower power = view->instance->power;
    guint ago_s = 0;
    gboolean is_up = entry && answers(engine, entry, &ago_s);
    g_autofree char *silence = entry ? gw_node_silence(entry->node) : NULL;
    if (is_up && !view->host_forced_down && silence) { /* since it was last asked for everything */
        gw_inventory_ask(engine, entry, NULL);
        is_up = FALSE;
    }
    g_autofree char *silent_master = entry && !is_up ? gw_node_silent_master(entry->node) : NULL;
    if (is_up && !view->host_forced_down)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Compute service of %s is still in use. It answers: move its instances with "
                    "`godwit drain %s`, or live-migration", host, host);
    else if (!view->host_forced_down && silent_master)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Compute service of %s is still in use: it may be well. %s, the master of its pool, does "
                    "not answer, and only a master can start its instances elsewhere: see `godwit host-list` for what to do", host, silent_master);
    else if (!view->host_forced_down)
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "Compute service of %s is still in use: it does not answer, and its instances may "
                    "run all the same. Switch it off, and vouch for that with `godwit service-force-down %s` (openstack compute service "
                    "set --down %s nova-compute)", host, host, host);
    else if (is_up && (power == GW_POWER_RUNNING || power == GW_POWER_PAUSED))
        return refuse_heard(engine, view, entry, ago_s, error);
    else
        return TRUE;
    return FALSE;
}

/* ---- a migration that waits for a lost host */

/* [locked] As the host was last asked, or as the migration itself has found since. */
static gboolean waits_for(GwEngine *engine, const GwMigration *row, const char *name)
{
    const GwHostEntry *entry = name ? g_hash_table_lookup(engine->hosts, name) : NULL;
    return entry && !entry->row->forced_down && (!entry->up || g_strcmp0(gw_migration_silent_host(row), name) == 0);
}

/* Those of core/lifecycle_lost.c, and what waits for its turn. */
static gboolean ends_when_fenced(const GwMigration *row)
{
    return row->kind != GW_MOVE_EVACUATE && row->state != GW_MIGRATION_ACCEPTED && row->state != GW_MIGRATION_FINISHED;
}

/* What may go anywhere is sent elsewhere in its turn. */
static gboolean ends_with_dest(const GwMigration *row)
{
    return row->state != GW_MIGRATION_QUEUED || !(row->intents & GW_INTENT_ANYWHERE);
}

char *gw_evacuation_way_out(GwEngine *engine, gint64 id)
{
    g_mutex_lock(&engine->lock);
    const GwActive *active = g_hash_table_lookup(engine->actives, &id);
    const GwMigration *row = active && ends_when_fenced(active->row) ? active->row : NULL;
    const char *host = !row                                                          ? NULL
                       : waits_for(engine, row, row->source)                        ? row->source
                       : ends_with_dest(row) && waits_for(engine, row, row->dest) ? row->dest
                                                                                     : NULL;
    char *words = host ? g_strdup_printf("It waits for %s, which does not answer. Once %s is switched off for certain, say so with `godwit "
                                         "service-force-down %s`: then the migration ends by itself", host, host, host)
                       : NULL;
    g_mutex_unlock(&engine->lock);
    return words;
}

static gboolean refuse_busy(GwEngine *engine, const GwInstanceView *view, GError **error)
{
    g_autofree char *way = view->migration_id ? gw_evacuation_way_out(engine, view->migration_id) : NULL;
    g_autofree char *which = way ? g_strdup_printf(": migration %" G_GINT64_FORMAT " is under way. %s", view->migration_id, way) : g_strdup("");
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Cannot 'evacuate' instance %s while it is in task_state %s%s", view->instance->uuid,
                view->operating ? gw_operation_task_state(view->operation) : "migrating", which);
    return FALSE;
}

/* Where its last migration has left it counts, if it is there. Views know that (views.c), but of what moved before this daemon has seen it
 * on two hosts: then the store does, and they are told. */
static gboolean check_home(GwEngine *engine, const GwInstanceView *view, GwHostEntry *entry, GError **error)
{
    g_autofree char *home = NULL;
    gint64 since_us;
    if (!gw_engine_last_home(engine, view->instance->uuid, view->host, &home, &since_us, error))
        return FALSE;
    if (!entry || g_strcmp0(home, view->host) == 0 || !gw_views_take_home(engine, view->instance->uuid, home, since_us))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "%s need not be evacuated: its last migration has left it on %s, which has it; what %s, which is "
                "down, still has of it is found when that is back (godwit gc)", view->instance->name, home, view->host);
    return FALSE;
}

gboolean gw_evacuation_check(GwEngine *engine, const GwInstanceView *view, GError **error)
{
    const GwInstance *instance = view->instance;
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, view->host);
    if (view->operating || view->migration_id)
        return refuse_busy(engine, view, error);
    if (instance->power == GW_POWER_SUSPENDED)
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Cannot 'evacuate' instance %s while it is in vm_state suspended: its saved memory "
                    "lies on %s", instance->uuid, view->host);
    else if (entry && !gw_node_can_evacuate(entry->node))
        g_set_error(error, GW_ERROR, GW_ERROR_INVALID, "%s is a host of %s, whose instances Godwit cannot evacuate: nothing of them is "
                    "known elsewhere", view->host, gw_node_driver(entry->node)->name);
    else
        return check_down(engine, view, entry, error) && check_home(engine, view, entry, error);
    return FALSE;
}
