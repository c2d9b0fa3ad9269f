/* Keeps the definitions of instances. A host that is down cannot be asked what its instances were. */
#include "engine/internal.h"

#include <string.h>

gboolean gw_remember_load(GwEngine *engine, GwHostEntry *entry, GError **error)
{
    GHashTable *known = NULL;
    g_mutex_lock(&engine->lock);
    gint64 token = entry->token;
    g_mutex_unlock(&engine->lock);
    if (!gw_store_definitions_known(engine->store, entry->row->name, &known, error))
        return FALSE;
    g_mutex_lock(&engine->lock);
    g_hash_table_unref(entry->kept);
    entry->kept = known;
    entry->kept_token = token;
    g_mutex_unlock(&engine->lock);
    return TRUE;
}

void gw_remember_only(GwHostEntry *entry, const GPtrArray *instances, GHashTable *only)
{
    g_autoptr(GHashTable) present = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < instances->len; i++)
        g_hash_table_add(present, ((GwInstance *)instances->pdata[i])->uuid);
    GHashTableIter iter;
    gpointer uuid;
    g_hash_table_iter_init(&iter, entry->kept);
    while (g_hash_table_iter_next(&iter, &uuid, NULL))
        if (!g_hash_table_contains(present, uuid) && (!only || g_hash_table_contains(only, uuid)))
            g_hash_table_iter_remove(&iter);
}

/* While another daemon led the host, it kept what it saw. */
static gboolean catch_up(GwEngine *engine, GwHostEntry *entry, GError **error)
{
    g_mutex_lock(&engine->lock);
    gboolean current = entry->kept_token == entry->token;
    g_mutex_unlock(&engine->lock);
    return current || gw_remember_load(engine, entry, error);
}

/* A driver that cannot tell whether a definition changed has it read anew whenever what is shown of the instance did. */
static gint64 fingerprint_of(const GwInstance *instance)
{
    guint64 fingerprint = instance->fingerprint ? instance->fingerprint : gw_codec_instance_hash(instance);
    return fingerprint ? (gint64)fingerprint : 1; /* 0: nothing is kept */
}

typedef struct {
    GwInstance *instance; /* reference */
    gint64 kept;          /* fingerprint of what is kept of it; 0: nothing is */
} Known;

static void known_clear(gpointer known)
{
    gw_instance_unref(((Known *)known)->instance);
}

/* of Known: what it takes to compare them without the lock */
static GArray *list_known(GwEngine *engine, GwHostEntry *entry, GHashTable *only)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(Known));
    g_array_set_clear_func(list, known_clear);
    GHashTableIter iter;
    gpointer value;
    g_mutex_lock(&engine->lock);
    g_hash_table_iter_init(&iter, entry->instances);
    while (!entry->removed && g_hash_table_iter_next(&iter, NULL, &value)) {
        const char *uuid = ((const GwInstance *)value)->uuid;
        const gint64 *kept = g_hash_table_lookup(entry->kept, uuid);
        Known known = {value, kept ? *kept : 0};
        if (only && !g_hash_table_contains(only, uuid))
            continue;
        gw_instance_ref(value);
        g_array_append_val(list, known);
    }
    g_mutex_unlock(&engine->lock);
    return list;
}

/* of GwDefinition *, without text */
static GPtrArray *list_changed(const GArray *known)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)gw_definition_free);
    for (guint i = 0; i < known->len; i++) {
        const Known *one = &g_array_index(known, Known, i);
        gint64 fingerprint = fingerprint_of(one->instance);
        if (one->kept == fingerprint)
            continue;
        GwDefinition *definition = g_new0(GwDefinition, 1);
        g_strlcpy(definition->uuid, one->instance->uuid, sizeof definition->uuid);
        definition->fingerprint = (guint64)fingerprint;
        g_ptr_array_add(list, definition);
    }
    return list;
}

/* One that went away meanwhile is left out; a host that fails is asked again with its next answer. */
static void read_texts(GwHostEntry *entry, GPtrArray *list)
{
    for (guint i = 0; i < list->len;) {
        GwDefinition *definition = list->pdata[i];
        g_autoptr(GError) error = NULL;
        definition->text = gw_node_definition(entry->node, definition->uuid, &error);
        if (definition->text)
            i++;
        else if (g_error_matches(error, GW_ERROR, GW_ERROR_NOT_FOUND))
            g_ptr_array_remove_index_fast(list, i);
        else
            g_ptr_array_set_size(list, (gint)i);
    }
}

void gw_remember(GwEngine *engine, GwHostEntry *entry, GHashTable *only)
{
    if (!gw_node_can_evacuate(entry->node) || !gw_peers_lead_host(engine, entry))
        return;
    g_autoptr(GError) error = NULL;
    if (!catch_up(engine, entry, &error)) {
        gw_warning("host %s: which definitions of its instances are kept is not known: %s", entry->row->name, error->message);
        return;
    }
    g_autoptr(GArray) known = list_known(engine, entry, only);
    g_autoptr(GPtrArray) list = list_changed(known);
    read_texts(entry, list);
    if (!list->len)
        return;
    if (!gw_store_definitions_put(engine->store, entry->row->name, list, &error)) {
        gw_warning("host %s: the definitions of its instances could not be kept: %s", entry->row->name, error->message);
        return;
    }
    g_mutex_lock(&engine->lock);
    for (guint i = 0; i < list->len; i++) {
        const GwDefinition *definition = list->pdata[i];
        g_hash_table_replace(entry->kept, g_strdup(definition->uuid), g_memdup2(&definition->fingerprint, sizeof(gint64)));
    }
    g_mutex_unlock(&engine->lock);
}
