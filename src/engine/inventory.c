/* Keeping what the hosts say: everything from every host now and then, one instance when its host reports an event. */
#include "engine/internal.h"
#include "engine/checkups.h"
#include "engine/silent.h"
#include "engine/turns.h"

#include "core/looks.h"

#include <string.h>

enum { RETRY_DOWN_S = 5 }; /* how often a host that does not answer is asked again */

/* ---- what to ask */

void gw_inventory_ask(GwEngine *engine, GwHostEntry *entry, const char *uuid)
{
    g_mutex_lock(&engine->lock);
    if (uuid)
        g_hash_table_add(entry->dirty, g_strdup(uuid));
    else
        entry->all_dirty = TRUE;
    gboolean push = !entry->refreshing && !entry->removed && !engine->stopping;
    if (push) {
        entry->refreshing = TRUE;
        entry->asking_us = g_get_monotonic_time();
    } else {
        entry->refresh_again = TRUE;
    }
    if (push) /* under the lock: the pool goes away when stopping is set */
        g_thread_pool_push(engine->asks, gw_host_entry_ref(entry), NULL);
    g_mutex_unlock(&engine->lock);
}

void gw_inventory_event(void *data, const char *host_name, const char *uuid)
{
    GwEngine *engine = data;
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, host_name);
    if (!entry)
        return;
    if (uuid)
        gw_active_wake_instance(engine, uuid);
    gw_inventory_ask(engine, entry, uuid);
}

static void prune_hourly(GwEngine *engine)
{
    gint64 now = g_get_monotonic_time(), hour_us = (gint64)3600 * G_USEC_PER_SEC;
    g_mutex_lock(&engine->lock);
    gboolean due = !engine->pruned_at || now - engine->pruned_at >= hour_us;
    if (due) {
        engine->pruned_at = now;
        gw_cpu_uses_forget_gone(engine);
    }
    g_mutex_unlock(&engine->lock);
    if (due && engine->settings.history_days)
        gw_scribe_prune(engine);
}

gboolean gw_inventory_has_looked_locked(GwEngine *engine)
{
    gboolean looked = TRUE;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, engine->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        looked &= ((const GwHostEntry *)value)->last_full_us > 0;
    return looked;
}

gboolean gw_inventory_has_looked(GwEngine *engine)
{
    g_mutex_lock(&engine->lock);
    gboolean looked = gw_inventory_has_looked_locked(engine);
    g_mutex_unlock(&engine->lock);
    return looked;
}

/* [locked] Those whose time has come: one that is down at once, the others in turns. References. */
static GPtrArray *list_due(GwEngine *engine)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)gw_host_entry_unref);
    g_autoptr(GArray) turns = g_array_new(FALSE, FALSE, sizeof(GwLook));
    gint64 now = g_get_monotonic_time();
    guint interval_s = engine->settings.inventory_interval_s;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, engine->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        GwHostEntry *entry = value;
        GwLook look = {entry, entry->last_full_us};
        if (entry->refreshing || now - look.last_us < (entry->up ? interval_s : RETRY_DOWN_S) * G_USEC_PER_SEC)
            continue;
        if (entry->up)
            g_array_append_val(turns, look);
        else
            g_ptr_array_add(list, gw_host_entry_ref(entry));
    }
    guint count = gw_looks_take(turns, g_hash_table_size(engine->hosts), interval_s);
    for (guint i = 0; i < count; i++)
        g_ptr_array_add(list, gw_host_entry_ref(g_array_index(turns, GwLook, i).host));
    return list;
}

gboolean gw_inventory_tick(gpointer data)
{
    GwEngine *engine = data;
    prune_hourly(engine);
    gw_checkups_tick(engine);
    gw_autobalance_tick(engine);
    gw_pools_tick(engine);
    g_mutex_lock(&engine->lock);
    g_autoptr(GPtrArray) due = list_due(engine);
    g_mutex_unlock(&engine->lock);
    for (guint i = 0; i < due->len; i++)
        gw_inventory_ask(engine, due->pdata[i], NULL);
    return G_SOURCE_CONTINUE;
}

/* ---- what came back */

/* [locked] */
static gboolean is_unsaved(const GwHostEntry *entry)
{
    return entry->all_unsaved || g_hash_table_size(entry->unsaved);
}

static void save(GwEngine *engine, GwHostEntry *entry)
{
    g_autoptr(GPtrArray) instances = g_ptr_array_new_with_free_func((GDestroyNotify)gw_instance_unref);
    GHashTableIter iter;
    gpointer value;
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, entry->instances);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_ptr_array_add(instances, gw_instance_ref(value));
    gint64 seen_us = entry->seen_us;
    gboolean removed = entry->removed;
    g_autoptr(GHashTable) some = g_steal_pointer(&entry->unsaved);
    GHashTable *only = entry->all_unsaved ? NULL : some;
    entry->unsaved = gw_uuids_new(); /* what comes meanwhile is saved the next time */
    entry->all_unsaved = FALSE;
    g_mutex_unlock(&engine->lock);
    g_autoptr(GError) error = NULL;
    gboolean kept = !removed && gw_peers_lead_host(engine, entry) &&
                    gw_store_cache_put(engine->store, entry->row->name, instances, only, seen_us, &error);
    if (error)
        gw_warning("host %s: what it said could not be kept: %s", entry->row->name, error->message);
    g_mutex_lock(&engine->lock);
    entry->all_unsaved |= !kept;
    if (kept)
        gw_remember_only(entry, instances, only);
    g_mutex_unlock(&engine->lock);
}

/* [locked] */
static void mark_up(GwHostEntry *entry)
{
    if (!entry->up)
        gw_info("host %s answers", entry->row->name);
    entry->up = TRUE;
    entry->seen_us = g_get_real_time();
    g_clear_pointer(&entry->down_reason, g_free);
    gw_host_entry_changed(entry);
}

static gboolean is_older(gpointer uuid, gpointer asked_us, gpointer begun_us)
{
    return *(gint64 *)asked_us <= *(gint64 *)begun_us;
}

/* [locked] */
static void set_gone(GwEngine *engine, GwHostEntry *entry, const char *uuid)
{
    g_autofree char *own = g_strdup(uuid); /* it may be a key of what is removed */
    gw_views_set(engine, entry, own, NULL);
    gw_turns_wake(engine, own);
}

/* [locked] */
static void publish_instances(GwEngine *engine, GwHostEntry *entry, GPtrArray *instances, gint64 begun_us)
{
    g_hash_table_foreach_remove(entry->asked, is_older, &begun_us);
    g_autoptr(GHashTable) present = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < instances->len; i++)
        g_hash_table_add(present, ((GwInstance *)instances->pdata[i])->uuid);
    g_autoptr(GList) known = g_hash_table_get_keys(entry->instances);
    for (GList *item = known; item; item = item->next)
        if (!g_hash_table_contains(present, item->data) && !g_hash_table_contains(entry->asked, item->data))
            set_gone(engine, entry, item->data);
    for (guint i = 0; i < instances->len; i++) {
        GwInstance *instance = instances->pdata[i];
        if (!g_hash_table_contains(entry->asked, instance->uuid))
            gw_views_set(engine, entry, instance->uuid, gw_instance_ref(instance));
    }
    gw_cpu_uses_note(engine, entry, instances);
}

void gw_inventory_publish(GwEngine *engine, GwHostEntry *entry, GwHostFacts *facts, GPtrArray *instances, gint64 begun_us)
{
    g_mutex_lock(&engine->lock);
    gboolean was_up = entry->up, news = !was_up || entry->last_full_us <= 0;
    mark_up(entry);
    g_clear_pointer(&entry->facts, gw_host_facts_unref);
    entry->facts = facts;
    gw_host_entry_changed(entry);
    publish_instances(engine, entry, instances, begun_us);
    if (!was_up)
        gw_views_update_host(engine, entry);
    entry->last_full_us = g_get_monotonic_time();
    if (news)
        gw_turns_host_changed(engine, entry->row->name);
    entry->all_unsaved |= !was_up;
    gboolean unsaved = is_unsaved(entry);
    gboolean watch = !entry->watched && !entry->removed;
    entry->watched = TRUE;
    g_mutex_unlock(&engine->lock);
    g_ptr_array_unref(instances);
    g_autoptr(GError) error = NULL;
    if (watch && !gw_node_watch(entry->node, gw_inventory_event, engine, &error)) {
        gw_warning("host %s: its events cannot be followed, it is polled instead: %s", entry->row->name, error->message);
        g_mutex_lock(&engine->lock);
        entry->watched = FALSE;
        g_mutex_unlock(&engine->lock);
    }
    if (unsaved)
        save(engine, entry);
    gw_remember(engine, entry, NULL);
    gw_remains_clear(engine, entry);
}

static void mark_down(GwEngine *engine, GwHostEntry *entry, const GError *error)
{
    g_mutex_lock(&engine->lock);
    if (entry->up || entry->seen_us == 0) /* once, not at every poll */
        gw_warning("host %s does not answer: %s", entry->row->name, error->message);
    gboolean was_up = entry->up;
    if (was_up || !entry->silent_us)
        entry->silent_us = g_get_monotonic_time();
    entry->up = FALSE;
    g_free(entry->down_reason);
    entry->down_reason = g_strdup(error->message);
    gw_host_entry_changed(entry);
    entry->last_full_us = g_get_monotonic_time();
    if (was_up)
        gw_views_update_host(engine, entry);
    gw_turns_host_changed(engine, entry->row->name); /* also of what has waited for it for too long by now */
    g_mutex_unlock(&engine->lock);
}

static gboolean ask_everything(GwEngine *engine, GwHostEntry *entry, GError **error)
{
    gint64 begun_us = g_get_monotonic_time();
    g_autoptr(GwHostFacts) facts = gw_node_facts(entry->node, error);
    GPtrArray *instances = NULL;
    if (!facts || !gw_node_instances(entry->node, &instances, error))
        return FALSE;
    gw_inventory_publish(engine, entry, g_steal_pointer(&facts), instances, begun_us);
    return TRUE;
}

/* [locked] FALSE: what was asked for later has been answered already. */
static gboolean note_asked(GwHostEntry *entry, const char *uuid, gint64 begun_us)
{
    const gint64 *known_us = g_hash_table_lookup(entry->asked, uuid);
    if (known_us && *known_us > begun_us)
        return FALSE;
    g_hash_table_replace(entry->asked, g_strdup(uuid), g_memdup2(&begun_us, sizeof begun_us));
    return TRUE;
}

static gboolean ask_one(GwEngine *engine, GwHostEntry *entry, const char *uuid, GError **error)
{
    GError *local = NULL;
    gint64 begun_us = g_get_monotonic_time();
    GwInstance *instance = gw_node_describe(entry->node, uuid, &local);
    if (!instance && !g_error_matches(local, GW_ERROR, GW_ERROR_NOT_FOUND)) {
        g_propagate_error(error, local);
        return FALSE;
    }
    g_clear_error(&local);
    g_mutex_lock(&engine->lock);
    gboolean was_up = entry->up;
    mark_up(entry);
    gboolean newest = note_asked(entry, uuid, begun_us);
    if (newest && instance)
        gw_views_set(engine, entry, uuid, instance);
    else if (newest)
        set_gone(engine, entry, uuid);
    else if (instance)
        gw_instance_unref(instance);
    if (!was_up)
        gw_turns_host_changed(engine, entry->row->name);
    g_mutex_unlock(&engine->lock);
    return TRUE;
}

static gboolean ask_some(GwEngine *engine, GwHostEntry *entry, GHashTable *uuids, GError **error)
{
    GHashTableIter iter;
    gpointer uuid;
    g_hash_table_iter_init(&iter, uuids);
    while (g_hash_table_iter_next(&iter, &uuid, NULL))
        if (!ask_one(engine, entry, uuid, error))
            return FALSE;
    g_mutex_lock(&engine->lock);
    gboolean unsaved = is_unsaved(entry);
    g_mutex_unlock(&engine->lock);
    if (unsaved)
        save(engine, entry);
    gw_remember(engine, entry, uuids);
    return TRUE;
}

static void tell_waiters(GPtrArray *waiters, const GError *error)
{
    for (guint i = 0; i < waiters->len; i++) {
        GwWaiter *waiter = waiters->pdata[i];
        waiter->done(waiter->data, error);
    }
}

void gw_inventory_work(gpointer data, gpointer user_data)
{
    GwEngine *engine = user_data;
    g_autoptr(GwHostEntry) entry = data;
    g_mutex_lock(&engine->lock);
    gboolean all = entry->all_dirty;
    entry->all_dirty = FALSE;
    entry->refresh_again = FALSE;
    g_autoptr(GHashTable) some = g_steal_pointer(&entry->dirty);
    entry->dirty = gw_uuids_new();
    g_autoptr(GPtrArray) waiters = g_steal_pointer(&entry->waiters);
    entry->waiters = g_ptr_array_new_with_free_func(g_free);
    gboolean stopping = engine->stopping || entry->removed;
    g_mutex_unlock(&engine->lock);

    g_autoptr(GError) error = NULL;
    gboolean ok = stopping || (all ? ask_everything(engine, entry, &error) : ask_some(engine, entry, some, &error));
    if (!ok)
        mark_down(engine, entry, error);
    tell_waiters(waiters, error);

    g_mutex_lock(&engine->lock);
    entry->refreshing = FALSE;
    gboolean again = entry->refresh_again && !engine->stopping && !entry->removed;
    entry->refreshing = again;
    entry->asking_us = g_get_monotonic_time();
    if (again)
        g_thread_pool_push(engine->asks, gw_host_entry_ref(entry), NULL);
    GPtrArray *silent_waits = gw_silent_take(engine, entry);
    g_mutex_unlock(&engine->lock);
    gw_silent_tell(silent_waits);
}

/* ---- on request */

void gw_inventory_update(GwEngine *engine, GwHostEntry *entry, const char *uuid)
{
    g_autoptr(GError) error = NULL;
    if (!ask_one(engine, entry, uuid, &error))
        gw_debug("host %s: %s", entry->row->name, error->message);
}

/* [locked] It is there no more, whatever the host was last seen with. */
static void take_away(GwEngine *engine, GwHostEntry *gone, const char *uuid)
{
    if (note_asked(gone, uuid, g_get_monotonic_time()))
        gw_views_set(engine, gone, uuid, NULL);
}

/* How a move ends says where the instance is; a side that is silent just now is not believed by its last words. gone, come: where the
 * instance no longer is, and now is. */
static void infer(GwActive *active, GwHostEntry *gone, GwHostEntry *come)
{
    GwEngine *engine = active->engine;
    const char *uuid = active->instance_uuid;
    gint64 now_us = g_get_monotonic_time();
    g_mutex_lock(&engine->lock);
    GwInstance *last = g_hash_table_lookup(gone->instances, uuid);
    if (come && last && !g_hash_table_contains(come->instances, uuid) && note_asked(come, uuid, now_us))
        gw_views_set(engine, come, uuid, gw_instance_ref(last));
    if (last)
        take_away(engine, gone, uuid);
    g_mutex_unlock(&engine->lock);
}

void gw_inventory_gone(GwEngine *engine, const char *uuid)
{
    GPtrArray *places = g_hash_table_lookup(engine->where, uuid);
    g_autoptr(GPtrArray) hosts = g_ptr_array_new();
    for (guint i = 0; places && i < places->len; i++)
        g_ptr_array_add(hosts, places->pdata[i]);
    for (guint i = 0; i < hosts->len; i++)
        take_away(engine, hosts->pdata[i], uuid);
}

void gw_inventory_update_pair(GwActive *active, const GwMigration *row)
{
    GwHostEntry *source = active->source, *dest = active->dest;
    g_autoptr(GError) why_dest = NULL, why_source = NULL;
    gboolean heard_dest = dest && ask_one(active->engine, dest, active->instance_uuid, &why_dest);
    gboolean heard_source = source && ask_one(active->engine, source, active->instance_uuid, &why_source);
    gboolean moved = row->state == GW_MIGRATION_COMPLETED || row->state == GW_MIGRATION_CONFIRMED;
    gboolean intact = row->state == GW_MIGRATION_FAILED || row->state == GW_MIGRATION_CANCELLED || row->state == GW_MIGRATION_REVERTED;
    if (moved && source && dest && (!heard_source || !heard_dest))
        infer(active, source, dest);
    else if (intact && dest && !heard_dest)
        infer(active, dest, NULL);
}

void gw_engine_refresh(GwEngine *engine, const char *host, GwDone done, gpointer data)
{
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, host);
    if (!entry) {
        g_autoptr(GError) error =
            g_error_new(GW_ERROR, GW_ERROR_NOT_FOUND, "Compute host %s could not be found.", host);
        done(data, error);
        return;
    }
    GwWaiter *waiter = g_new0(GwWaiter, 1);
    waiter->done = done;
    waiter->data = data;
    g_mutex_lock(&engine->lock);
    g_ptr_array_add(entry->waiters, waiter);
    g_mutex_unlock(&engine->lock);
    gw_node_try_anew(entry->node);
    gw_inventory_ask(engine, entry, NULL);
}
