/* Rendered text that is kept: for one serial, up to so many bytes, and what has been there longest goes first. */
#include "api/cache.h"

#include <string.h>

enum { MAX_BYTES = 10000, TEXT_BYTES = 800 };

static void put(GwCache *cache, guint number, guint64 serial, gsize size)
{
    g_autofree char *key = g_strdup_printf("key-%u", number);
    g_autofree char *text = g_strnfill(size, (char)('a' + number % 26));
    g_autoptr(GBytes) bytes = g_bytes_new(text, size);
    gw_cache_put(cache, key, serial, bytes);
}

static gboolean has(GwCache *cache, guint number, guint64 serial)
{
    g_autofree char *key = g_strdup_printf("key-%u", number);
    g_autoptr(GBytes) bytes = gw_cache_find(cache, key, serial);
    g_assert_true(!bytes || *(const char *)g_bytes_get_data(bytes, NULL) == (char)('a' + number % 26));
    return bytes != NULL;
}

static guint count(GwCache *cache, guint first, guint last)
{
    guint found = 0;
    for (guint i = first; i <= last; i++)
        found += (guint)has(cache, i, 1);
    return found;
}

static void test_serial(void)
{
    g_autoptr(GwCache) cache = gw_cache_new(MAX_BYTES);
    put(cache, 1, 1, 10);
    g_assert_true(has(cache, 1, 1));
    g_assert_false(has(cache, 1, 2));
    put(cache, 1, 2, 10);
    g_assert_false(has(cache, 1, 1));
    g_assert_true(has(cache, 1, 2));
}

static void test_the_oldest_goes(void)
{
    g_autoptr(GwCache) cache = gw_cache_new(MAX_BYTES);
    for (guint i = 0; i < 1000; i++) {
        put(cache, i, 1, TEXT_BYTES);
        guint kept = count(cache, 0, i);
        g_assert_cmpuint(count(cache, i + 1 - kept, i), ==, kept); /* the newest, without a gap */
        g_assert_cmpuint(kept, >=, MIN(i + 1, MAX_BYTES / TEXT_BYTES / 2)); /* never all at once */
        g_assert_cmpuint(kept, <=, MAX_BYTES / TEXT_BYTES);
    }
}

/* One that is put again does not count twice; one that is too large is not kept, and drives nobody out. */
static void test_sizes(void)
{
    g_autoptr(GwCache) cache = gw_cache_new(MAX_BYTES);
    put(cache, 0, 1, TEXT_BYTES);
    for (guint i = 0; i < 100; i++)
        put(cache, 1, 1, TEXT_BYTES);
    put(cache, 2, 1, MAX_BYTES);
    g_assert_cmpuint(count(cache, 0, 2), ==, 2);
    put(cache, 3, 1, MAX_BYTES - 400); /* alone it fits */
    g_assert_cmpuint(count(cache, 0, 3), ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cache/serial", test_serial);
    g_test_add_func("/cache/the-oldest-goes", test_the_oldest_goes);
    g_test_add_func("/cache/sizes", test_sizes);
    return g_test_run();
}
