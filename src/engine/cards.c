/* What people say of instances: kept in memory for those who look, and in the store before anyone sees it. */
#include "engine/internal.h"

#include <string.h>

/* [locked] */
static void set(GwEngine *engine, GwCard *card /* taken */)
{
    g_hash_table_replace(engine->cards, card->uuid, card);
    gw_views_update(engine, card->uuid);
}

gboolean gw_engine_load_cards(GwEngine *engine, GError **error)
{
    g_autoptr(GPtrArray) cards = NULL;
    if (!gw_store_cards(engine->store, &cards, error))
        return FALSE;
    g_mutex_lock(&engine->lock);
    for (guint i = 0; i < cards->len; i++)
        set(engine, gw_card_ref(cards->pdata[i]));
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

gboolean gw_engine_card_change(GwEngine *engine, const char *uuid, GwCardChange change, gpointer data, GError **error)
{
    g_mutex_lock(&engine->edit_lock);
    g_autoptr(GwInstanceView) view = gw_engine_instance(engine, uuid);
    g_autoptr(GwCard) card = view ? draft_of(view) : NULL;
    if (!view)
        g_set_error(error, GW_ERROR, GW_ERROR_NOT_FOUND, "Instance %s could not be found.", uuid);
    gboolean ok = view && change(card, view, data, error) && gw_store_card_put(engine->store, card, error);
    if (ok) {
        g_mutex_lock(&engine->lock);
        set(engine, g_steal_pointer(&card));
        g_mutex_unlock(&engine->lock);
    }
    g_mutex_unlock(&engine->edit_lock);
    return ok;
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
