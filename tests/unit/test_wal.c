/* Writes side by side share commits, and what they share does not grow for ever. */
#include "store_fixture.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

enum { THREADS = 16, ROUNDS = 40 };

static goffset log_size(const Fixture *fixture)
{
    struct stat status;
    g_autofree char *path = g_strconcat(fixture->path, "-wal", NULL);
    return g_stat(path, &status) == 0 ? status.st_size : 0;
}

static GwCard *card_of(guint number)
{
    g_autofree char *uuid = g_strdup_printf("%08u-0000-4000-8000-000000000000", number);
    return gw_card_new(uuid);
}

typedef struct {
    GwStore *store;
    guint number;
} Writer;

/* Its own card, again and again: each is there when it has been told so. */
static gpointer write_many(gpointer data)
{
    Writer *writer = data;
    g_autoptr(GwCard) card = card_of(writer->number);
    for (guint i = 0; i < ROUNDS; i++) {
        g_autoptr(GPtrArray) cards = NULL;
        gint64 seen = 0;
        assert_ok(gw_store_card_put(writer->store, card, &error_));
        assert_ok(gw_store_cards(writer->store, &cards, &error_));
        for (guint j = 0; j < cards->len; j++) {
            const GwCard *one = cards->pdata[j];
            seen = g_str_equal(one->uuid, card->uuid) ? one->stored_us : seen;
        }
        g_assert_cmpint(seen, ==, card->stored_us);
    }
    return NULL;
}

static void test_shared(Fixture *fixture, gconstpointer data)
{
    Writer writers[THREADS];
    GThread *threads[THREADS];
    goffset before = log_size(fixture);
    for (guint i = 0; i < THREADS; i++) {
        writers[i] = (Writer){fixture->store, i};
        write_many(&writers[i]);
    }
    goffset one_by_one = log_size(fixture) - before;
    for (guint i = 0; i < THREADS; i++)
        writers[i].number = THREADS + i;
    for (guint i = 0; i < THREADS; i++)
        threads[i] = g_thread_new("writer", write_many, &writers[i]);
    for (guint i = 0; i < THREADS; i++)
        g_thread_join(threads[i]);
    goffset together = log_size(fixture) - before - one_by_one;
    g_assert_cmpint(together, >, 0);
    g_assert_cmpint(together, <, one_by_one * 3 / 4); /* each commit writes a page of its own at least */
    g_assert_cmpuint(gw_store_commits(fixture->store), ==, 2 * THREADS * ROUNDS);
}

/* The losers of a race, and notes, do no harm to those whose commit they share. */
static gpointer lose(gpointer data)
{
    Writer *writer = data;
    for (guint i = 0; i < ROUNDS; i++) {
        g_autoptr(GwCard) card = card_of(0); /* as if it were new */
        g_autoptr(GError) error = NULL;
        g_assert_false(gw_store_card_put(writer->store, card, &error));
        g_assert_error(error, GW_ERROR, GW_ERROR_STALE);
        assert_ok(gw_store_action_fail(writer->store, UUID_A, "req-1", &error_));
    }
    return NULL;
}

static void test_losers(Fixture *fixture, gconstpointer data)
{
    Writer writers[THREADS];
    GThread *threads[THREADS];
    g_autoptr(GwCard) first = card_of(0);
    g_autoptr(GPtrArray) cards = NULL;
    assert_ok(gw_store_card_put(fixture->store, first, &error_));
    for (guint i = 0; i < THREADS; i++) {
        writers[i] = (Writer){fixture->store, 1 + i};
        threads[i] = g_thread_new("writer", i % 2 ? write_many : lose, &writers[i]);
    }
    for (guint i = 0; i < THREADS; i++)
        g_thread_join(threads[i]);
    fixture_reopen(fixture);
    assert_ok(gw_store_cards(fixture->store, &cards, &error_));
    g_assert_cmpuint(cards->len, ==, 1 + THREADS / 2);
}

/* Five times what makes a log a long one. */
static void test_begins_anew(Fixture *fixture, gconstpointer data)
{
    enum { PUTS = 200, BYTES = 400000, MOST_MIB = 48 };
    g_autoptr(GwCard) card = card_of(0);
    for (guint i = 0; i < PUTS; i++) {
        g_free(card->name);
        card->name = g_strnfill(BYTES, (char)('a' + i % 26));
        assert_ok(gw_store_card_put(fixture->store, card, &error_));
    }
    g_assert_cmpint(log_size(fixture), >, 0);
    g_assert_cmpint(log_size(fixture), <, MOST_MIB << 20);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("wal/shared", test_shared);
    ADD("wal/losers", test_losers);
    ADD("wal/begins_anew", test_begins_anew);
    return g_test_run();
}
