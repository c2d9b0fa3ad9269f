/* The table of hosts: removing, enabling, listing. */
#include "engine/internal.h"
#include "engine/secrets.h"
#include "engine/silent.h"
#include "engine/turns.h"

#include <string.h>

GwHostEntry *gw_host_entry_ref(GwHostEntry *entry)
{
    g_atomic_ref_count_inc(&entry->refs);
    return entry;
}

void gw_host_entry_unref(GwHostEntry *entry)
{
    if (!g_atomic_ref_count_dec(&entry->refs))
        return;
    gw_node_unref(entry->node);
    gw_host_row_free(entry->row);
    gw_host_entry_changed(entry);
    g_clear_pointer(&entry->facts, gw_host_facts_unref);
    g_hash_table_unref(entry->instances);
    g_hash_table_unref(entry->dirty);
    g_hash_table_unref(entry->unsaved);
    g_hash_table_unref(entry->asked);
    g_hash_table_unref(entry->kept);
    g_ptr_array_unref(entry->waiters);
    g_ptr_array_unref(entry->silent_waits);
    g_ptr_array_unref(entry->aggregates);
    g_free(entry->down_reason);
    g_free(entry);
}

GHashTable *gw_uuids_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

GwHostEntry *gw_host_entry_new(GwNode *node, GwHostRow *row)
{
    GwHostEntry *entry = g_new0(GwHostEntry, 1);
    g_atomic_ref_count_init(&entry->refs);
    entry->node = node;
    entry->row = row;
    entry->instances = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)gw_instance_unref);
    entry->dirty = gw_uuids_new();
    entry->unsaved = gw_uuids_new();
    entry->asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    entry->kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    entry->waiters = g_ptr_array_new_with_free_func(g_free);
    entry->silent_waits = g_ptr_array_new_with_free_func(gw_silent_wait_unref);
    entry->aggregates = gw_aggregates_new();
    entry->down_reason = g_strdup("it has not been asked yet");
    return entry;
}

GwHostEntry *gw_engine_find_host(GwEngine *engine, const char *name)
{
    g_mutex_lock(&engine->lock);
    GwHostEntry *entry = g_hash_table_lookup(engine->hosts, name);
    if (entry)
        gw_host_entry_ref(entry);
    g_mutex_unlock(&engine->lock);
    return entry;
}

GwHostRow *gw_host_row_copy(const GwHostRow *row)
{
    GwHostRow *copy = g_new0(GwHostRow, 1);
    *copy = *row;
    copy->name = g_strdup(row->name);
    copy->uri = g_strdup(row->uri);
    copy->disabled_reason = g_strdup(row->disabled_reason);
    return copy;
}

GwNode *gw_host_open_node(GwEngine *engine, const char *name, const char *uri, GError **error)
{
    const GwDriver *driver = gw_driver_for_uri(engine->drivers, uri, error);
    return driver ? gw_node_open(driver, name, uri, &engine->settings.driver, error) : NULL;
}

static gboolean load_cache(GwEngine *engine, GwHostEntry *entry, GError **error)
{
    g_autoptr(GPtrArray) instances = NULL;
    if (!gw_store_cache_get(engine->store, entry->row->name, &instances, &entry->seen_us, error))
        return FALSE;
    entry->up = entry->seen_us != 0; /* until the first answer, or its absence, says otherwise */
    for (guint i = 0; i < instances->len; i++) {
        GwInstance *instance = instances->pdata[i];
        g_hash_table_replace(entry->instances, instance->uuid, gw_instance_ref(instance));
    }
    return TRUE;
}

void gw_host_enter(GwEngine *engine, GwHostEntry *entry)
{
    g_hash_table_replace(engine->hosts, entry->row->name, entry);
    g_hash_table_replace(engine->host_uris, entry->row->uri, entry);
    g_hash_table_replace(engine->host_uuids, g_ascii_strdown(entry->row->uuid, -1), entry);
}

static gboolean load_host(GwEngine *engine, const GwHostRow *row, GError **error)
{
    GwNode *node = gw_host_open_node(engine, row->name, row->uri, error);
    if (!node) {
        gw_error_prefix(error, "host %s", row->name);
        return FALSE;
    }
    g_autoptr(GwHostEntry) entry = gw_host_entry_new(node, gw_host_row_copy(row));
    if (!load_cache(engine, entry, error) || !gw_remember_load(engine, entry, error))
        return FALSE;
    g_mutex_lock(&engine->lock);
    gw_host_enter(engine, gw_host_entry_ref(entry));
    gw_views_update_host(engine, entry);
    g_mutex_unlock(&engine->lock);
    return TRUE;
}

gboolean gw_engine_load_hosts(GwEngine *engine, GError **error)
{
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_hosts(engine->store, &rows, error))
        return FALSE;
    for (guint i = 0; i < rows->len; i++)
        if (!load_host(engine, rows->pdata[i], error))
            return FALSE;
    return TRUE;
}

/* ---- what other daemons have changed */

static void take_row(GwEngine *engine, GwHostEntry *entry, const GwHostRow *row)
{
    g_mutex_lock(&engine->lock);
    gboolean same = entry->row->enabled == row->enabled && entry->row->forced_down == row->forced_down &&
                    g_strcmp0(entry->row->disabled_reason, row->disabled_reason) == 0;
    if (!same) {
        entry->row->enabled = row->enabled;
        entry->row->forced_down = row->forced_down;
        g_free(entry->row->disabled_reason);
        entry->row->disabled_reason = g_strdup(row->disabled_reason);
        gw_views_update_host(engine, entry);
        gw_turns_host_changed(engine, row->name);
    }
    g_mutex_unlock(&engine->lock);
}

static gboolean take_new(GwEngine *engine, const GwHostRow *row, GError **error)
{
    if (!load_host(engine, row, error))
        return FALSE;
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, row->name);
    gw_info("host %s added at %s by another daemon", row->name, row->uri);
    gw_inventory_ask(engine, entry, NULL);
    return TRUE;
}

static void forget(GwEngine *engine, GwHostEntry *entry, const char *name);

/* Those whose id is in none of the rows. */
static void drop_gone(GwEngine *engine, const GPtrArray *rows)
{
    g_autoptr(GHashTable) ids = g_hash_table_new(g_int64_hash, g_int64_equal);
    g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func((GDestroyNotify)gw_host_entry_unref);
    GHashTableIter iter;
    gpointer value;
    for (guint i = 0; i < rows->len; i++)
        g_hash_table_add(ids, &((GwHostRow *)rows->pdata[i])->id);
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        if (!g_hash_table_contains(ids, &((GwHostEntry *)value)->row->id))
            g_ptr_array_add(gone, gw_host_entry_ref(value));
    g_mutex_unlock(&engine->lock);
    for (guint i = 0; i < gone->len; i++)
        forget(engine, gone->pdata[i], ((GwHostEntry *)gone->pdata[i])->row->name);
}

gboolean gw_engine_reload_hosts(GwEngine *engine, GError **error)
{
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_hosts(engine->store, &rows, error))
        return FALSE;
    drop_gone(engine, rows);
    for (guint i = 0; i < rows->len; i++) {
        const GwHostRow *row = rows->pdata[i];
        g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, row->name);
        if (entry && strcmp(entry->row->uri, row->uri) != 0)
            gw_host_reopen(engine, row, NULL); /* one that is busy just now is looked at again */
        if (entry)
            take_row(engine, entry, row);
        else if (!take_new(engine, row, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- removing, enabling, listing */

static gboolean no_such_host(const char *name, GError **error)
{
    g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Compute host %s could not be found.", name);
    return FALSE;
}

static void forget(GwEngine *engine, GwHostEntry *entry, const char *name)
{
    g_mutex_lock(&engine->lock);
    entry->removed = TRUE;
    g_autofree char *key = g_ascii_strdown(entry->row->uuid, -1);
    g_hash_table_remove(engine->host_uuids, key);
    g_hash_table_remove(engine->host_uris, entry->row->uri);
    g_hash_table_remove(engine->hosts, name);
    gw_views_update_host(engine, entry);
    gw_turns_host_changed(engine, name);
    g_mutex_unlock(&engine->lock);
    gw_secrets_drop(engine, entry->row->uri);
    gw_info("host %s removed", name);
}

static gboolean check_unneeded(GwEngine *engine, const char *name, GError **error)
{
    if (!gw_servers_need(engine, name))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Host %s: servers are being made or deleted there: wait until that has ended", name);
    return FALSE;
}

gboolean gw_engine_host_remove(GwEngine *engine, const char *name, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&engine->edit_lock);
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, name);
    if (!entry)
        return no_such_host(name, error);
    if (!check_unneeded(engine, name, error) || !gw_store_host_remove(engine->store, name, error))
        return FALSE;
    forget(engine, entry, name);
    return TRUE;
}

static gboolean check_empty(GwEngine *engine, const GwHostEntry *entry, const char *name, GError **error)
{
    g_mutex_lock(&engine->lock);
    guint count = g_hash_table_size(entry->instances);
    g_mutex_unlock(&engine->lock);
    if (count) /* Nova's sentence, and how many (nova/api/openstack/compute/services.py) */
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                    "Unable to delete compute service that is hosting instances. Migrate or delete the instances first: "
                    "%s has %u.",
                    name, count);
    return !count;
}

gboolean gw_engine_host_withdraw(GwEngine *engine, const char *name, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&engine->edit_lock);
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, name);
    if (!entry)
        return no_such_host(name, error);
    if (!check_unneeded(engine, name, error) || !gw_pools_check_free(engine, name, error) || !check_empty(engine, entry, name, error) ||
        !gw_store_host_withdraw(engine->store, name, error))
        return FALSE;
    forget(engine, entry, name);
    return gw_engine_load_aggregates(engine, error);
}

/* The row that others look at changes in place: they read its name without the lock, and that never changes. */
gboolean gw_engine_host_edit(GwEngine *engine, const char *name, const GwHostEdit *edit, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&engine->edit_lock);
    g_autoptr(GwHostEntry) entry = gw_engine_find_host(engine, name);
    if (!entry)
        return no_such_host(name, error);
    if (engine->peers && !gw_engine_reload_hosts(engine, error)) /* another daemon may have changed the rest of the row */
        return FALSE;
    g_mutex_lock(&engine->lock);
    g_autoptr(GwHostRow) row = gw_host_row_copy(entry->row);
    g_mutex_unlock(&engine->lock);
    if (!gw_host_edit_check(row, edit, error))
        return FALSE;
    gw_host_edit_apply(row, edit);
    if (!gw_store_host_update(engine->store, row, error))
        return FALSE;
    g_mutex_lock(&engine->lock);
    gw_host_edit_apply(entry->row, edit);
    gw_views_update_host(engine, entry);
    gw_turns_host_changed(engine, name);
    g_mutex_unlock(&engine->lock);
    return TRUE;
}

/* Nova's sentence. Why it does not answer is told to administrators only: addresses and files of the hosts are nobody else's. */
void gw_host_refuse_silent(GwEngine *engine, const GwInstanceView *view, gboolean by_admin, GError **error)
{
    g_autoptr(GwHostView) host = by_admin && !view->host_forced_down ? gw_engine_host(engine, view->host) : NULL;
    const char *why = host && !host->up ? host->down_reason : NULL;
    g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "Service is unavailable at this time. Host %s %s%s%s.", view->host,
                view->host_forced_down ? "is forced down" : "does not answer", why ? ": " : "", why ? why : "");
}

void gw_host_view_unref(GwHostView *view)
{
    if (!g_atomic_ref_count_dec(&view->refs))
        return;
    gw_host_row_free(view->row);
    g_clear_pointer(&view->facts, gw_host_facts_unref);
    g_free(view->down_reason);
    g_ptr_array_unref(view->aggregates);
    g_free(view);
}

static GwHostView *view_new(GwHostEntry *entry)
{
    GwHostView *view = g_new0(GwHostView, 1);
    g_atomic_ref_count_init(&view->refs);
    view->row = gw_host_row_copy(entry->row);
    view->facts = entry->facts ? gw_host_facts_ref(entry->facts) : NULL;
    view->up = entry->up;
    view->down_reason = g_strdup(entry->down_reason);
    view->seen_us = entry->seen_us;
    view->cpus_busy = entry->cpus_busy;
    view->aggregates = g_ptr_array_ref(entry->aggregates);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, entry->instances);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        view->instances++;
        const GwInstance *instance = value;
        view->running += instance->power == GW_POWER_RUNNING;
        view->vcpus_used += instance->power == GW_POWER_SHUTDOWN ? 0 : instance->vcpus;
    }
    return view;
}

/* [locked] Lists of all hosts are asked for often, and few of them have changed since. */
static GwHostView *view_of(GwHostEntry *entry)
{
    if (!entry->view)
        entry->view = view_new(entry);
    g_atomic_ref_count_inc(&entry->view->refs);
    return entry->view;
}

void gw_host_entry_changed(GwHostEntry *entry)
{
    g_clear_pointer(&entry->view, gw_host_view_unref);
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp((*(GwHostView *const *)a)->row->name, (*(GwHostView *const *)b)->row->name);
}

GPtrArray *gw_engine_hosts(GwEngine *engine)
{
    GPtrArray *views = g_ptr_array_new_with_free_func((GDestroyNotify)gw_host_view_unref);
    GHashTableIter iter;
    gpointer value;
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_ptr_array_add(views, view_of(value));
    g_mutex_unlock(&engine->lock);
    g_ptr_array_sort(views, by_name);
    return views;
}

GwHostView *gw_engine_host_by_uuid(GwEngine *engine, const char *uuid)
{
    g_autofree char *key = g_ascii_strdown(uuid, -1);
    g_mutex_lock(&engine->lock);
    GwHostEntry *entry = g_hash_table_lookup(engine->host_uuids, key);
    GwHostView *view = entry ? view_of(entry) : NULL;
    g_mutex_unlock(&engine->lock);
    return view;
}

GwHostView *gw_engine_host(GwEngine *engine, const char *name)
{
    g_mutex_lock(&engine->lock);
    GwHostEntry *entry = g_hash_table_lookup(engine->hosts, name);
    GwHostView *view = entry ? view_of(entry) : NULL;
    g_mutex_unlock(&engine->lock);
    return view;
}
