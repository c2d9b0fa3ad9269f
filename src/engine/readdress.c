/* Another address: of a host that has joined a pool, or leaves it. */
#include "engine/internal.h"
#include "engine/secrets.h"

#include <string.h>

/* [locked] What is under way has its hands on the entry. */
static gboolean is_busy(GwEngine *engine, const char *name)
{
    gboolean busy = FALSE;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, engine->actives);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const GwActive *active = value;
        busy |= !active->ended && (g_strcmp0(active->row->source, name) == 0 || g_strcmp0(active->row->dest, name) == 0);
    }
    return busy;
}

/* [locked] What is known of it stays known. */
static void inherit(GwHostEntry *fresh, const GwHostEntry *old)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, old->instances);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_hash_table_replace(fresh->instances, ((GwInstance *)value)->uuid, gw_instance_ref(value));
    fresh->facts = old->facts ? gw_host_facts_ref(old->facts) : NULL;
    g_ptr_array_unref(fresh->aggregates);
    fresh->aggregates = g_ptr_array_ref(old->aggregates);
    fresh->up = old->up;
    fresh->silent_us = old->silent_us;
    fresh->seen_us = old->seen_us;
    fresh->last_full_us = old->last_full_us;
    fresh->token = old->token;
    fresh->releasing = old->releasing;
    fresh->all_unsaved = TRUE;
    g_free(fresh->down_reason);
    fresh->down_reason = g_strdup(old->down_reason);
}

/* A new entry takes the old one's place; whoever still holds that one asks the host at its old address for the last time. */
static gboolean take_place(GwEngine *engine, GwHostEntry *fresh /* taken */, GError **error)
{
    const char *name = fresh->row->name;
    g_autoptr(GwHostEntry) old = gw_engine_find_host(engine, name); /* released without the lock: closing a node may wait for its events */
    g_mutex_lock(&engine->lock);
    gboolean ok = old && !old->removed && !is_busy(engine, name);
    if (ok) {
        inherit(fresh, old);
        g_hash_table_remove(engine->host_uris, old->row->uri);
        gw_host_enter(engine, gw_host_entry_ref(fresh));
        gw_views_update_host(engine, fresh);
        old->removed = TRUE;
        gw_views_update_host(engine, old);
    }
    g_mutex_unlock(&engine->lock);
    if (ok) {
        gw_secrets_drop(engine, old->row->uri);
        gw_inventory_ask(engine, fresh, NULL);
    } else {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "host %s cannot get another address while migrations from or to it are under way", name);
    }
    gw_host_entry_unref(fresh);
    return ok;
}

gboolean gw_host_reopen(GwEngine *engine, const GwHostRow *row, GError **error)
{
    GwNode *node = gw_host_open_node(engine, row->name, row->uri, error);
    return node && take_place(engine, gw_host_entry_new(node, gw_host_row_copy(row)), error);
}

gboolean gw_host_readdress(GwEngine *engine, const char *name, const char *uri, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&engine->edit_lock);
    g_mutex_lock(&engine->lock);
    const GwHostEntry *entry = g_hash_table_lookup(engine->hosts, name);
    g_autoptr(GwHostRow) row = entry ? gw_host_row_copy(entry->row) : NULL;
    gboolean busy = is_busy(engine, name);
    g_mutex_unlock(&engine->lock);
    if (row && strcmp(row->uri, uri) == 0)
        return TRUE;
    if (!row || busy) {
        g_set_error(error, GW_ERROR, GW_ERROR_CONFLICT, "host %s %s", name, row ? "has migrations under way" : "was removed");
        return FALSE;
    }
    g_free(row->uri);
    row->uri = g_strdup(uri);
    if (!gw_store_host_update(engine->store, row, error) || !gw_host_reopen(engine, row, error))
        return FALSE;
    gw_info("host %s is reached at %s from now on", name, uri);
    return TRUE;
}
