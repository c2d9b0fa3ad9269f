/* What people say of instances: kept whole, changed only from the version that was read, gone with the server. */
#include "store_fixture.h"

static GwCard *card_new(void)
{
    GwCard *card = gw_card_new(UUID_A);
    card->name = g_strdup("mail");
    gw_card_describe(card, "the post");
    card->has_metadata = card->has_tags = TRUE;
    gw_metadata_add(card->metadata, "a", "1");
    gw_metadata_add(card->metadata, "b", "");
    g_ptr_array_add(card->tags, g_strdup("blue"));
    card->access_ipv4 = g_strdup("192.0.2.1");
    card->access_ipv6 = g_strdup("2001:db8::1");
    card->disk_config = g_strdup("AUTO");
    card->locked = TRUE;
    card->locked_by = g_strdup("anna");
    card->locked_reason = g_strdup("audit");
    card->in_error = TRUE;
    card->in_error_us = 17;
    return card;
}

static GwCard *only_card(Fixture *fixture)
{
    g_autoptr(GPtrArray) cards = NULL;
    assert_ok(gw_store_cards(fixture->store, &cards, &error_));
    g_assert_cmpuint(cards->len, ==, 1);
    return gw_card_ref(cards->pdata[0]);
}

static void test_round_trip(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwCard) card = card_new();
    assert_ok(gw_store_card_put(fixture->store, card, &error_));
    fixture_reopen(fixture);
    g_autoptr(GwCard) kept = only_card(fixture);
    g_assert_cmpstr(kept->uuid, ==, UUID_A);
    g_assert_cmpstr(kept->name, ==, "mail");
    g_assert_cmpstr(kept->description, ==, "the post");
    g_assert_true(kept->has_description && kept->has_metadata && kept->has_tags && kept->locked && kept->in_error);
    g_assert_cmpuint(kept->metadata->len, ==, 2);
    g_assert_cmpstr(((const GwMetadatum *)kept->metadata->pdata[0])->key, ==, "a");
    g_assert_cmpstr(((const GwMetadatum *)kept->metadata->pdata[1])->value, ==, "");
    g_assert_cmpuint(kept->tags->len, ==, 1);
    g_assert_cmpstr(kept->tags->pdata[0], ==, "blue");
    g_assert_cmpstr(kept->access_ipv4, ==, "192.0.2.1");
    g_assert_cmpstr(kept->access_ipv6, ==, "2001:db8::1");
    g_assert_cmpstr(kept->disk_config, ==, "AUTO");
    g_assert_cmpstr(kept->locked_by, ==, "anna");
    g_assert_cmpstr(kept->locked_reason, ==, "audit");
    g_assert_cmpint(kept->in_error_us, ==, 17);
    g_assert_cmpint(kept->stored_us, ==, card->stored_us);
}

/* Two that read the same version: the second to write is told. */
static void test_stale(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwCard) card = card_new();
    g_autoptr(GwCard) other = card_new();
    g_autoptr(GError) error = NULL;
    assert_ok(gw_store_card_put(fixture->store, card, &error_));
    gboolean ok = gw_store_card_put(fixture->store, other, &error);
    assert_fails(ok, g_steal_pointer(&error), GW_ERROR_STALE, UUID_A, NULL);
    g_autoptr(GwCard) read = only_card(fixture);
    g_autoptr(GwCard) draft = gw_card_copy(read);
    draft->locked = FALSE;
    assert_ok(gw_store_card_put(fixture->store, draft, &error_));
    ok = gw_store_card_put(fixture->store, card, &error);
    assert_fails(ok, g_steal_pointer(&error), GW_ERROR_STALE, NULL);
    g_autoptr(GwCard) last = only_card(fixture);
    g_assert_false(last->locked);
}

static void test_gone_with_its_server(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwCard) card = card_new();
    g_autoptr(GwServer) server = gw_server_new();
    g_strlcpy(server->uuid, UUID_A, sizeof server->uuid);
    server->name = g_strdup("web");
    server->domain_name = g_strdup("web-1");
    assert_ok(gw_store_server_add(fixture->store, server, &error_));
    assert_ok(gw_store_card_put(fixture->store, card, &error_));
    assert_ok(gw_store_server_remove(fixture->store, server->id, NULL, &error_));
    g_autoptr(GPtrArray) cards = NULL;
    assert_ok(gw_store_cards(fixture->store, &cards, &error_));
    g_assert_cmpuint(cards->len, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("cards/round-trip", test_round_trip);
    ADD("cards/stale", test_stale);
    ADD("cards/gone-with-its-server", test_gone_with_its_server);
    return g_test_run();
}
