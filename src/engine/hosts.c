/* The table of hosts: adding, removing, enabling, listing. */
#include "engine/internal.h"

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
    g_clear_pointer(&entry->facts, gw_host_facts_unref);
    g_hash_table_unref(entry->instances);
    g_hash_table_unref(entry->dirty);
    g_hash_table_unref(entry->asked);
    g_hash_table_unref(entry->kept);
    g_ptr_array_unref(entry->waiters);
    g_ptr_array_unref(entry->aggregates);
    g_free(entry->down_reason);
    g_free(entry);
}

GwHostEntry *gw_host_entry_new(GwNode *node, GwHostRow *row)
{
    GwHostEntry *entry = g_new0(GwHostEntry, 1);
    g_atomic_ref_count_init(&entry->refs);
    entry->node = node;
    entry->row = row;
    entry->instances = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)gw_instance_unref);
    entry->dirty = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    entry->asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    entry->kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    entry->waiters = g_ptr_array_new_with_free_func(g_free);
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
    g_hash_table_replace(engine->hosts, entry->row->name, gw_host_entry_ref(entry));
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

/* ---- adding: on a worker, since the host must be asked first */

typedef struct {
    GwEngine *engine;
    char *name, *uri, *password; /* password: or NULL */
    GwDone done;
    gpointer data;
} Addition;

static gboolean check_name(const char *name, GError **error)
{
    /* Nova's rule for host names (api/validation/parameter_types.py) */
    if (name && *name && strlen(name) <= 255 && g_regex_match_simple("^[a-zA-Z0-9._-]+$", name, 0, 0))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_INVALID,
                "host name '%s': use 1 to 255 letters, digits, '.', '_' and '-', as in HostB", name ? name : "");
    return FALSE;
}

/* [locked] Name, address and identity must all be new. */
static gboolean check_new(GwEngine *engine, const Addition *addition, const GwHostFacts *facts, GError **error)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, engine->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const GwHostEntry *other = value;
        if (strcmp(other->row->name, addition->name) == 0) {
            g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "host %s is already there, at %s: remove it first, or choose another name",
                        addition->name, other->row->uri);
            return FALSE;
        }
        if (strcmp(other->row->uri, addition->uri) == 0) {
            g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "address %s already belongs to host %s", addition->uri,
                        other->row->name);
            return FALSE;
        }
        if (facts && facts->host_uuid && other->facts && g_strcmp0(facts->host_uuid, other->facts->host_uuid) == 0) {
            g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT,
                        "%s has the same host UUID %s as host %s: it is the same machine under another address, or one of "
                        "the two needs its own host_uuid in /etc/libvirt/libvirtd.conf",
                        addition->uri, facts->host_uuid, other->row->name);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean enter_host(Addition *addition, GwNode *node, const GwHostFacts *facts, GwHostEntry **ret_entry, GError **error)
{
    GwEngine *engine = addition->engine;
    g_mutex_lock(&engine->lock);
    gboolean ok = check_new(engine, addition, facts, error);
    g_mutex_unlock(&engine->lock);
    if (!ok)
        return FALSE;
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&engine->edit_lock);
    g_autoptr(GwHostRow) row = g_new0(GwHostRow, 1);
    row->name = g_strdup(addition->name);
    row->uri = g_strdup(addition->uri);
    row->enabled = TRUE;
    if (!gw_store_host_add(engine->store, row, error)) /* unique there too: two additions at once cannot both win */
        return FALSE;
    GwHostEntry *entry = gw_host_entry_new(gw_node_ref(node), g_steal_pointer(&row));
    g_mutex_lock(&engine->lock);
    g_hash_table_replace(engine->hosts, entry->row->name, entry);
    *ret_entry = gw_host_entry_ref(entry);
    g_mutex_unlock(&engine->lock);
    return TRUE;
}

static gboolean ask_and_enter(Addition *addition, GError **error)
{
    g_autoptr(GwNode) node = gw_host_open_node(addition->engine, addition->name, addition->uri, error);
    if (!node)
        return FALSE;
    g_autoptr(GwHostFacts) facts = gw_node_facts(node, error);
    if (!facts)
        return FALSE;
    g_autoptr(GPtrArray) instances = NULL;
    if (!gw_node_instances(node, &instances, error))
        return FALSE;
    g_autoptr(GwHostEntry) entry = NULL;
    if (!enter_host(addition, node, facts, &entry, error))
        return FALSE;
    gw_inventory_publish(addition->engine, entry, g_steal_pointer(&facts), g_steal_pointer(&instances), 0);
    gw_info("host %s added at %s", addition->name, addition->uri);
    return TRUE;
}

static gboolean add_host(Addition *addition, GError **error)
{
    g_autofree char *before = NULL;
    if (addition->password && !gw_secrets_keep(addition->engine, addition->uri, addition->password, &before, error))
        return FALSE;
    gboolean ok = ask_and_enter(addition, error);
    if (!ok && addition->password)
        gw_secrets_restore(addition->engine, addition->uri, before);
    return ok;
}

static gpointer add_thread(gpointer data)
{
    Addition *addition = data;
    g_autoptr(GError) error = NULL;
    add_host(addition, &error);
    addition->done(addition->data, error);
    gw_engine_unref(addition->engine);
    g_free(addition->name);
    g_free(addition->uri);
    if (addition->password)
        memset(addition->password, 0, strlen(addition->password));
    g_free(addition->password);
    g_free(addition);
    return NULL;
}

void gw_engine_host_add(GwEngine *engine, const char *name, const char *uri, const char *password, GwDone done, gpointer data)
{
    Addition early = {engine, (char *)name, (char *)uri, NULL, done, data};
    g_autoptr(GError) error = NULL;
    gboolean ok = check_name(name, &error);
    if (ok) {
        g_mutex_lock(&engine->lock);
        ok = check_new(engine, &early, NULL, &error);
        g_mutex_unlock(&engine->lock);
    }
    if (!ok) {
        done(data, error);
        return;
    }
    Addition *addition = g_new0(Addition, 1);
    *addition = early;
    addition->engine = gw_engine_ref(engine);
    addition->name = g_strdup(name);
    addition->uri = g_strdup(uri);
    addition->password = g_strdup(password);
    g_thread_unref(g_thread_new("host-add", add_thread, addition));
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
    g_hash_table_remove(engine->hosts, name);
    gw_views_update_host(engine, entry);
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

static void apply_edit(GwHostRow *row, const GwHostEdit *edit)
{
    if (edit->enabled != GW_SWITCH_KEEP) {
        g_free(row->disabled_reason);
        row->enabled = edit->enabled == GW_SWITCH_ON;
        row->disabled_reason = row->enabled ? NULL : g_strdup(edit->disabled_reason);
    }
    if (edit->forced_down != GW_SWITCH_KEEP)
        row->forced_down = edit->forced_down == GW_SWITCH_ON;
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
    apply_edit(row, edit);
    if (!gw_store_host_update(engine->store, row, error))
        return FALSE;
    g_mutex_lock(&engine->lock);
    apply_edit(entry->row, edit);
    gw_views_update_host(engine, entry);
    g_mutex_unlock(&engine->lock);
    return TRUE;
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

/* [locked] */
static GwHostView *view_of(GwHostEntry *entry)
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

GwHostView *gw_engine_host(GwEngine *engine, const char *name)
{
    g_mutex_lock(&engine->lock);
    GwHostEntry *entry = g_hash_table_lookup(engine->hosts, name);
    GwHostView *view = entry ? view_of(entry) : NULL;
    g_mutex_unlock(&engine->lock);
    return view;
}
