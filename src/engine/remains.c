/* What evacuated instances have left on their old hosts. When such a host comes back its stale definitions are removed, once the
 * instance is seen elsewhere; one that runs there is never touched: the operator is told. */
#include "engine/internal.h"

#include <string.h>

static char *key_of(const char *uuid, const char *host)
{
    return g_strconcat(uuid, " ", host, NULL);
}

void gw_remains_add(GwEngine *engine, const GwMigration *row)
{
    g_hash_table_replace(engine->evacuated, key_of(row->instance_uuid, row->source), g_memdup2(&row->id, sizeof row->id));
}

gboolean gw_remains_has(GwEngine *engine, const char *uuid, const char *host)
{
    if (!g_hash_table_size(engine->evacuated))
        return FALSE;
    g_autofree char *key = key_of(uuid, host);
    return g_hash_table_contains(engine->evacuated, key);
}

gboolean gw_remains_load(GwEngine *engine, GError **error)
{
    GwMigrationQuery query = {.state = gw_migration_state_name(GW_MIGRATION_EVACUATED), .without_plans = TRUE};
    g_autoptr(GPtrArray) rows = NULL;
    if (!gw_store_migrations(engine->store, &query, &rows, error))
        return FALSE;
    g_mutex_lock(&engine->lock);
    g_hash_table_remove_all(engine->evacuated); /* another daemon may have cleared some */
    for (guint i = 0; i < rows->len; i++)
        gw_remains_add(engine, rows->pdata[i]);
    g_mutex_unlock(&engine->lock);
    return TRUE;
}

/* of gint64: the migrations that left something on the host. */
static GArray *list_left(GwEngine *engine, const char *host)
{
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autofree char *end = g_strconcat(" ", host, NULL);
    GHashTableIter iter;
    gpointer key, value;
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, engine->evacuated);
    while (g_hash_table_iter_next(&iter, &key, &value))
        if (g_str_has_suffix(key, end))
            g_array_append_val(ids, *(const gint64 *)value);
    g_mutex_unlock(&engine->lock);
    return ids;
}

/* The proof: another host answers that it has the instance. */
static gboolean lives_elsewhere(GwEngine *engine, const GwMigration *row)
{
    GwSight sight = {0};
    g_autoptr(GwInstanceView) view = gw_engine_instance(engine, row->instance_uuid);
    g_autoptr(GwHostEntry) home = view && strcmp(view->host, row->source) != 0 ? gw_engine_find_host(engine, view->host) : NULL;
    return home && gw_node_sight(home->node, row->instance_uuid, &sight, NULL) && sight.seen != GW_SEEN_ABSENT;
}

static void tell_operator(GwEngine *engine, GwHostEntry *entry, GwMigration *row, const GwSight *sight)
{
    g_autofree char *stop = gw_node_command(entry->node, row->instance_uuid, GW_BY_HAND_STOP);
    g_autofree char *reason = g_strdup_printf("%s was evacuated from %s, and yet is %s there: if it runs in both places, both write to "
                                              "the same disks. Stop it there now: %s; what is left of it there is then removed",
                                              row->instance_name, row->source, gw_seen_name(sight->seen), stop);
    if (g_strcmp0(row->reason, reason) == 0)
        return;
    gw_warning("migration %" G_GINT64_FORMAT ": %s", row->id, reason);
    g_free(row->reason);
    row->reason = g_steal_pointer(&reason);
    gw_store_migration_update(engine->store, row, NULL);
    gw_store_event_end(engine->store, row->instance_uuid, row->request_id, "godwit_clear_source", row->source, "Error", row->reason, NULL);
}

static gboolean forget(GwEngine *engine, const GwMigration *row, GError **error)
{
    g_autofree char *key = key_of(row->instance_uuid, row->source);
    if (!gw_store_evacuation_cleared(engine->store, row->id, error))
        return FALSE;
    gw_store_event_end(engine->store, row->instance_uuid, row->request_id, "godwit_clear_source", row->source, "Success", NULL, NULL);
    g_mutex_lock(&engine->lock);
    g_hash_table_remove(engine->evacuated, key);
    g_mutex_unlock(&engine->lock);
    return TRUE;
}

static gboolean clear(GwEngine *engine, GwHostEntry *entry, GwMigration *row, GError **error)
{
    GwSight sight = {0};
    g_autofree char *home = NULL;
    if (!gw_engine_last_home(engine, row->instance_uuid, NULL, &home, NULL, error))
        return FALSE;
    if (g_strcmp0(home, row->source) == 0) /* it has come back: what is there is the instance itself */
        return forget(engine, row, error);
    if (!gw_node_sight(entry->node, row->instance_uuid, &sight, error))
        return FALSE;
    if (sight.seen != GW_SEEN_STOPPED && sight.seen != GW_SEEN_ABSENT) {
        tell_operator(engine, entry, row, &sight);
        return TRUE;
    }
    if (sight.seen == GW_SEEN_STOPPED && !lives_elsewhere(engine, row))
        return TRUE; /* the other host is silent: later */
    if (!gw_node_forget(entry->node, row->plan, GW_SIDE_SOURCE, error) || !forget(engine, row, error))
        return FALSE;
    gw_info("migration %" G_GINT64_FORMAT ": %s is back, and what it still had of %s is removed", row->id, row->source, row->instance_name);
    gw_inventory_update(engine, entry, row->instance_uuid);
    return TRUE;
}

void gw_remains_clear(GwEngine *engine, GwHostEntry *entry)
{
    g_autoptr(GArray) ids = list_left(engine, entry->row->name);
    for (guint i = 0; i < ids->len && gw_peers_lead_host(engine, entry); i++) {
        GwMigrationQuery query = {.id = g_array_index(ids, gint64, i)};
        g_autoptr(GPtrArray) rows = NULL;
        g_autoptr(GError) error = NULL;
        if (!gw_store_migrations(engine->store, &query, &rows, &error) || !rows->len || !((GwMigration *)rows->pdata[0])->plan ||
            !clear(engine, entry, rows->pdata[0], &error))
            gw_warning("host %s: what an evacuation left there is not removed yet: %s", entry->row->name,
                       error ? error->message : "its migration is not in the store any more");
    }
}

static gboolean has(GwEngine *engine, const char *uuid, const char *host)
{
    g_mutex_lock(&engine->lock);
    gboolean found = gw_remains_has(engine, uuid, host);
    g_mutex_unlock(&engine->lock);
    return found;
}

gboolean gw_remains_make_way(GwEngine *engine, const char *uuid, GwHostEntry *dest, GError **error)
{
    const char *host = dest->row->name;
    if (has(engine, uuid, host))
        gw_remains_clear(engine, dest);
    if (!has(engine, uuid, host))
        return TRUE;
    g_set_error(error, GW_ERROR, GW_ERROR_REFUSED, "%s still holds what the instance left there when it was evacuated from it; that is removed as soon as "
                "%s and the host that the instance is on both answer: ask again then, or name another host", host, host);
    return FALSE;
}
