#include "core/card.h"

#include "core/flavor.h"

GwCard *gw_card_new(const char *uuid)
{
    GwCard *card = g_new0(GwCard, 1);
    g_atomic_ref_count_init(&card->refs);
    g_strlcpy(card->uuid, uuid, sizeof card->uuid);
    card->metadata = gw_metadata_new();
    card->tags = g_ptr_array_new_with_free_func(g_free);
    return card;
}

GwCard *gw_card_copy(const GwCard *card)
{
    GwCard *copy = g_new0(GwCard, 1);
    *copy = *card;
    g_atomic_ref_count_init(&copy->refs);
    copy->name = g_strdup(card->name);
    copy->description = g_strdup(card->description);
    copy->metadata = gw_metadata_copy(card->metadata);
    copy->tags = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < card->tags->len; i++)
        g_ptr_array_add(copy->tags, g_strdup(card->tags->pdata[i]));
    copy->access_ipv4 = g_strdup(card->access_ipv4);
    copy->access_ipv6 = g_strdup(card->access_ipv6);
    copy->disk_config = g_strdup(card->disk_config);
    copy->locked_by = g_strdup(card->locked_by);
    copy->locked_reason = g_strdup(card->locked_reason);
    return copy;
}

GwCard *gw_card_ref(GwCard *card)
{
    g_atomic_ref_count_inc(&card->refs);
    return card;
}

void gw_card_unref(GwCard *card)
{
    if (!g_atomic_ref_count_dec(&card->refs))
        return;
    g_free(card->name);
    g_free(card->description);
    g_ptr_array_unref(card->metadata);
    g_ptr_array_unref(card->tags);
    g_free(card->access_ipv4);
    g_free(card->access_ipv6);
    g_free(card->disk_config);
    g_free(card->locked_by);
    g_free(card->locked_reason);
    g_free(card);
}

GwMetadatum *gw_card_add_metadatum(GwCard *card)
{
    gw_metadata_add(card->metadata, "", NULL);
    GwMetadatum *datum = card->metadata->pdata[card->metadata->len - 1];
    g_clear_pointer(&datum->key, g_free);
    return datum;
}

void gw_card_describe(GwCard *card, const char *description)
{
    g_free(card->description);
    card->description = g_strdup(description);
    card->has_description = TRUE;
}
