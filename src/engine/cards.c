/* What people say of instances: kept in memory for those who look, and in the store before anyone sees it. */
#include "engine/internal.h"

#include <string.h>

/* [locked] */
static void set(GwEngine *engine, GwCard *card /* taken */)
{
    g_hash_table_replace(engine->cards, card->uuid, card);
    gw_views_update(engine, card->uuid);
}

/* [locked] Those that another daemon has dropped. */
static void drop_others(GwEngine *engine, const GPtrArray *cards)
{
    g_autoptr(GHashTable) stored = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GList) known = g_hash_table_get_keys(engine->cards);
    for (guint i = 0; i < cards->len; i++)
        g_hash_table_add(stored, ((GwCard *)cards->pdata[i])->uuid);
    for (GList *item = known; item; item = item->next) {
        g_autofree char *uuid = g_strdup(item->data);
        if (g_hash_table_contains(stored, uuid))
            continue;
        g_hash_table_remove(engine->cards, uuid);
        gw_views_update(engine, uuid);
    }
}

gboolean gw_engine_load_cards(GwEngine *engine, GError **error)
{
    g_autoptr(GPtrArray) cards = NULL;
    if (!gw_store_cards(engine->store, &cards, error))
        return FALSE;
    g_mutex_lock(&engine->lock);
    for (guint i = 0; i < cards->len; i++) {
        GwCard *card = cards->pdata[i];
        const GwCard *known = g_hash_table_lookup(engine->cards, card->uuid);
        if (!known || known->stored_us != card->stored_us)
            set(engine, gw_card_ref(card));
    }
    drop_others(engine, cards);
    g_mutex_unlock(&engine->lock);
    return TRUE;
}

void gw_cards_drop(GwEngine *engine, const char *uuid)
{
    g_hash_table_remove(engine->cards, uuid);
}

static GwCard *draft_of(const GwInstanceView *view)
{
    return view->card ? gw_card_copy(view->card) : gw_card_new(view->instance->uuid);
}

gboolean gw_cards_refresh(GwEngine *engine, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GRWLockWriterLocker) locker = g_rw_lock_writer_locker_new(&engine->cards_lock);
    return gw_engine_load_cards(engine, error);
}

/* One change of a card at a time, and many cards at once: each waits for the disk. */
static gboolean try_change(GwEngine *engine, const char *uuid, GwCardChange change, gpointer data, GError **error)
{
    G_GNUC_UNUSED g_autoptr(GRWLockReaderLocker) reads = g_rw_lock_reader_locker_new(&engine->cards_lock);
    G_GNUC_UNUSED g_autoptr(GMutexLocker) own = g_mutex_locker_new(&engine->card_locks[g_str_hash(uuid) % GW_CARD_LOCKS]);
    g_autoptr(GwInstanceView) view = gw_engine_instance(engine, uuid);
    g_autoptr(GwCard) card = view ? draft_of(view) : NULL;
    if (!view)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance %s could not be found.", uuid);
    if (!view || !change(card, view, data, error) || !gw_store_card_put(engine->store, card, error))
        return FALSE;
    g_mutex_lock(&engine->lock);
    set(engine, g_steal_pointer(&card));
    g_mutex_unlock(&engine->lock);
    return TRUE;
}

/* Another daemon may have changed it meanwhile: then the change is made again, to what it has become. */
gboolean gw_engine_card_change(GwEngine *engine, const char *uuid, GwCardChange change, gpointer data, GError **error)
{
    enum { TRIES = 5 };
    for (guint tries = 1;; tries++) {
        g_autoptr(GError) why = NULL;
        if (try_change(engine, uuid, change, data, &why))
            return TRUE;
        gboolean again = g_error_matches(why, GW_ERROR, GW_ERROR_STALE) && tries < TRIES;
        if (again && gw_cards_refresh(engine, error))
            continue;
        if (!again)
            g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
}

gboolean gw_engine_note_action(GwEngine *engine, const GwMoveRequest *request, const char *action, GError **error)
{
    return gw_submit_record(engine, request, action, error);
}

/* ---- an administrator's word on its state */

static gboolean drop_error(GwCard *card, const GwInstanceView *view, gpointer data, GError **error)
{
    card->in_error = FALSE;
    return TRUE;
}

/* It has done again what it was asked: as in Nova its state is not an error any more. */
void gw_cards_recover(GwEngine *engine, const char *uuid)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwInstanceView) view = gw_engine_instance(engine, uuid);
    if (view && view->card && view->card->in_error && !gw_engine_card_change(engine, uuid, drop_error, NULL, &error))
        gw_warning("the state of %s stays an error: %s", uuid, error->message);
}
