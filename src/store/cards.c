/* What people say of instances: one JSON text each. */
#include "store/fields.h"

#include "base/error.h"

static gpointer append_metadatum(gpointer card)
{
    return gw_card_add_metadatum(card);
}

static const GwField metadatum_fields[] = {GW_FIELD(GwMetadatum, TEXT, key), GW_FIELD(GwMetadatum, TEXT, value)};

#define CARD(type, member) GW_FIELD(GwCard, type, member)
static const GwField card_fields[] = {
    CARD(TEXT, name),
    CARD(BOOL, has_description),
    CARD(BOOL, has_metadata),
    CARD(BOOL, has_tags),
    CARD(TEXT, description),
    GW_FIELD_LIST_OF(GwCard, metadata, metadatum_fields, append_metadatum),
    CARD(STRINGS, tags),
    CARD(TEXT, access_ipv4),
    CARD(TEXT, access_ipv6),
    CARD(TEXT, disk_config),
    CARD(BOOL, locked),
    CARD(TEXT, locked_by),
    CARD(TEXT, locked_reason),
    CARD(BOOL, in_error),
    CARD(INT64, in_error_us),
};

gboolean gw_store_card_put(GwStore *store, GwCard *card, GError **error)
{
    g_autofree char *value = gw_fields_to_text(card_fields, G_N_ELEMENTS(card_fields), card);
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_WRITE, error);
    gint64 now_us = MAX(g_get_real_time(), card->stored_us + 1), written;
    if (!session ||
        !gw_session_integer(session,
                            "INSERT INTO cards (uuid, value, updated_us) VALUES ($1, $2, $3) "
                            "ON CONFLICT (uuid) DO UPDATE SET value = excluded.value, updated_us = excluded.updated_us "
                            "WHERE cards.updated_us = $4 RETURNING 1",
                            GW_PARAMS(gw_param_text(card->uuid), gw_param_text(value), gw_param_integer(now_us),
                                      gw_param_integer(card->stored_us)),
                            0, &written, error))
        return FALSE;
    if (!written) {
        g_set_error(error, GW_ERROR, GW_ERROR_STALE, "Instance %s has just been changed by someone else.", card->uuid);
        return FALSE;
    }
    session->changed = GW_CHANGED_CARDS;
    if (!gw_session_commit(session, error))
        return FALSE;
    card->stored_us = now_us;
    return TRUE;
}

gboolean gw_store_cards(GwStore *store, GPtrArray **ret_cards, GError **error)
{
    g_autoptr(GwSession) session = gw_session_begin(store, GW_ACCESS_READ, error);
    g_autoptr(GwResult) result =
        session ? gw_session_query(session, "SELECT uuid, value, updated_us FROM cards ORDER BY uuid", NULL, 0, error) : NULL;
    g_autoptr(GPtrArray) cards = g_ptr_array_new_with_free_func((GDestroyNotify)gw_card_unref);
    if (!result)
        return FALSE;
    for (gboolean more;;) {
        if (!gw_result_next(result, &more, error))
            return FALSE;
        if (!more)
            break;
        const char *value = gw_result_text(result, 1);
        GwCard *card = gw_card_new(gw_result_text(result, 0));
        card->stored_us = gw_result_integer(result, 2);
        g_ptr_array_add(cards, card);
        if (!gw_fields_from_text(card_fields, G_N_ELEMENTS(card_fields), value ? value : "", card, error)) {
            gw_error_prefix(error, "stored card of instance %s", card->uuid);
            return FALSE;
        }
    }
    *ret_cards = g_steal_pointer(&cards);
    return TRUE;
}
