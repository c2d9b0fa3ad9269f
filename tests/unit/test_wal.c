/* Commits and the disk: none is told to be there before it is, one sync serves many, and the log does not grow for ever. */
#include "store_fixture.h"

#include "store/wal.h"

#include "base/error.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

enum { THREADS = 16, ROUNDS = 40, SYNC_US = 2000 };

/* A log of which is known what is on the disk. */
static struct {
    GMutex write_lock;
    gint64 written; /* [write_lock] */
    gint64 on_disk; /* atomic: so many had been written when the last sync began */
    gboolean broken; /* atomic */
} disk;

static int slow_sync(int fd)
{
    g_mutex_lock(&disk.write_lock);
    gint64 upto = disk.written;
    g_mutex_unlock(&disk.write_lock);
    g_usleep(SYNC_US);
    errno = EIO;
    if (g_atomic_int_get(&disk.broken))
        return -1;
    __atomic_store_n(&disk.on_disk, upto, __ATOMIC_SEQ_CST);
    return 0;
}

static GwWal *wal_new(Fixture *fixture)
{
    g_autofree char *path = g_build_filename(fixture->folder, "other", NULL), *beside = g_strconcat(path, "-wal", NULL);
    g_assert_true(g_file_set_contents(beside, "", 0, NULL));
    memset(&disk, 0, sizeof disk);
    GwWal *wal = gw_wal_new(path, &disk.write_lock);
    wal->to_disk = slow_sync;
    return wal;
}

static gint64 write_one(GwWal *wal)
{
    g_mutex_lock(&disk.write_lock);
    disk.written++;
    gint64 commit = gw_wal_note(wal);
    g_mutex_unlock(&disk.write_lock);
    return commit;
}

static gpointer write_many(gpointer data)
{
    GwWal *wal = data;
    for (guint i = 0; i < ROUNDS; i++) {
        gint64 commit = write_one(wal);
        assert_ok(gw_wal_sync(wal, commit, &error_));
        g_assert_cmpint(__atomic_load_n(&disk.on_disk, __ATOMIC_SEQ_CST), >=, commit);
    }
    return NULL;
}

static void test_shared(Fixture *fixture, gconstpointer data)
{
    GwWal *wal = wal_new(fixture);
    GThread *threads[THREADS];
    for (guint i = 0; i < THREADS; i++)
        threads[i] = g_thread_new("writer", write_many, wal);
    for (guint i = 0; i < THREADS; i++)
        g_thread_join(threads[i]);
    g_assert_cmpuint(wal->syncs, <=, THREADS * ROUNDS / 2);
    gw_wal_free(wal);
}

static void test_alone(Fixture *fixture, gconstpointer data)
{
    GwWal *wal = wal_new(fixture);
    for (guint i = 1; i <= 3; i++) {
        assert_ok(gw_wal_sync(wal, write_one(wal), &error_));
        g_assert_cmpuint(wal->syncs, ==, i);
    }
    assert_ok(gw_wal_sync(wal, 1, &error_)); /* it is there already */
    g_assert_cmpuint(wal->syncs, ==, 3);
    gw_wal_free(wal);
}

static void test_broken(Fixture *fixture, gconstpointer data)
{
    GwWal *wal = wal_new(fixture);
    g_autoptr(GError) error = NULL;
    g_atomic_int_set(&disk.broken, TRUE);
    g_assert_false(gw_wal_sync(wal, write_one(wal), &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_STORE);
    g_assert_nonnull(strstr(error->message, "Input/output error"));
    g_atomic_int_set(&disk.broken, FALSE);
    assert_ok(gw_wal_sync(wal, write_one(wal), &error_));
    gw_wal_free(wal);
}

static void put_card(Fixture *fixture, guint number)
{
    enum { BYTES = 400000 };
    g_autoptr(GwCard) card = gw_card_new(UUID_A);
    g_autoptr(GPtrArray) cards = NULL;
    assert_ok(gw_store_cards(fixture->store, &cards, &error_));
    card->stored_us = cards->len ? ((const GwCard *)cards->pdata[0])->stored_us : 0;
    card->name = g_strnfill(BYTES, (char)('a' + number % 26));
    assert_ok(gw_store_card_put(fixture->store, card, &error_));
}

/* Five times what makes a log a long one. */
static void test_begins_anew(Fixture *fixture, gconstpointer data)
{
    enum { PUTS = 200, MOST_MIB = 48 };
    struct stat status;
    g_autofree char *path = g_strconcat(fixture->path, "-wal", NULL);
    for (guint i = 0; i < PUTS; i++)
        put_card(fixture, i);
    g_assert_cmpint(g_stat(path, &status), ==, 0);
    g_assert_cmpint(status.st_size, >, 0);
    g_assert_cmpint(status.st_size, <, MOST_MIB << 20);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("wal/shared", test_shared);
    ADD("wal/alone", test_alone);
    ADD("wal/broken", test_broken);
    ADD("wal/begins_anew", test_begins_anew);
    return g_test_run();
}
