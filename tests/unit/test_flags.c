/* Migration flags: libvirt's numbers, the names of the options, and the combinations that libvirt would refuse. */
#include "base/error.h"
#include "core/flags.h"

#include <string.h>

static void numbers_are_libvirts(void)
{
    /* libvirt-domain.h, enum virDomainMigrateFlags */
    g_assert_cmphex(GW_FLAG_LIVE, ==, 1);
    g_assert_cmphex(GW_FLAG_PEER2PEER, ==, 2);
    g_assert_cmphex(GW_FLAG_TUNNELLED, ==, 4);
    g_assert_cmphex(GW_FLAG_PERSIST_DEST, ==, 8);
    g_assert_cmphex(GW_FLAG_UNDEFINE_SOURCE, ==, 16);
    g_assert_cmphex(GW_FLAG_PAUSED, ==, 32);
    g_assert_cmphex(GW_FLAG_NON_SHARED_DISK, ==, 64);
    g_assert_cmphex(GW_FLAG_NON_SHARED_INC, ==, 128);
    g_assert_cmphex(GW_FLAG_UNSAFE, ==, 512);
    g_assert_cmphex(GW_FLAG_ABORT_ON_ERROR, ==, 4096);
    g_assert_cmphex(GW_FLAG_AUTO_CONVERGE, ==, 8192);
    g_assert_cmphex(GW_FLAG_POSTCOPY, ==, 32768);
    g_assert_cmphex(GW_FLAG_TLS, ==, 65536);
    g_assert_cmphex(GW_FLAG_PARALLEL, ==, 131072);
    g_assert_cmphex(GW_FLAG_ZEROCOPY, ==, 1048576);
}

static void lists_are_read(void)
{
    static const struct {
        const char *text;
        guint64 flags;
    } rows[] = {
        {"", 0},
        {"  , ,\t", 0},
        {"VIR_MIGRATE_LIVE", GW_FLAG_LIVE},
        {"VIR_MIGRATE_LIVE,VIR_MIGRATE_PEER2PEER", GW_FLAG_LIVE | GW_FLAG_PEER2PEER},
        {" VIR_MIGRATE_LIVE ,\tVIR_MIGRATE_TLS,", GW_FLAG_LIVE | GW_FLAG_TLS},
        {"VIR_MIGRATE_LIVE VIR_MIGRATE_LIVE", GW_FLAG_LIVE},
        {"VIR_MIGRATE_PEER2PEER, VIR_MIGRATE_TUNNELLED", GW_FLAG_PEER2PEER | GW_FLAG_TUNNELLED},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        guint64 flags = G_MAXUINT64;
        gw_flags_parse(rows[i].text, &flags, &error);
        g_assert_no_error(error);
        g_assert_cmphex(flags, ==, rows[i].flags);
    }
}

static void every_flag_comes_back(void)
{
    for (guint bit = 0; bit < 21; bit++) {
        guint64 flag = (guint64)1 << bit;
        g_autofree char *name = gw_flags_to_string(flag);
        g_assert_true(g_str_has_prefix(name, "VIR_MIGRATE_"));
        if (flag == GW_FLAG_TUNNELLED || flag == GW_FLAG_OFFLINE)
            continue; /* not alone */
        g_autoptr(GError) error = NULL;
        guint64 back = 0;
        gw_flags_parse(name, &back, &error);
        g_assert_no_error(error);
        g_assert_cmphex(back, ==, flag);
    }
    g_autofree char *none = gw_flags_to_string(0);
    g_assert_cmpstr(none, ==, "");
    g_autofree char *two = gw_flags_to_string(GW_FLAG_TLS | GW_FLAG_LIVE);
    g_assert_cmpstr(two, ==, "VIR_MIGRATE_LIVE, VIR_MIGRATE_TLS");
}

static void mistakes_are_named(void)
{
    static const struct {
        const char *text, *word, *remedy; /* both in the message */
    } rows[] = {
        {"VIR_MIGRATE_LIFE", "'VIR_MIGRATE_LIFE'", "VIR_MIGRATE_LIVE"},
        {"LIVE", "'LIVE'", "libvirt's names"},
        {"vir_migrate_live", "'vir_migrate_live'", "libvirt's names"},
        {"VIR_MIGRATE_LIVE;VIR_MIGRATE_TLS", "'VIR_MIGRATE_LIVE;VIR_MIGRATE_TLS'", "libvirt's names"},
        {"VIR_MIGRATE_NON_SHARED_DISK, VIR_MIGRATE_NON_SHARED_INC", "VIR_MIGRATE_NON_SHARED_INC", "keep one"},
        {"VIR_MIGRATE_PEER2PEER, VIR_MIGRATE_TUNNELLED, VIR_MIGRATE_PARALLEL", "VIR_MIGRATE_PARALLEL", "remove one"},
        {"VIR_MIGRATE_PEER2PEER, VIR_MIGRATE_TUNNELLED, VIR_MIGRATE_POSTCOPY", "VIR_MIGRATE_POSTCOPY", "remove one"},
        {"VIR_MIGRATE_PEER2PEER, VIR_MIGRATE_TUNNELLED, VIR_MIGRATE_NON_SHARED_DISK", "VIR_MIGRATE_NON_SHARED_DISK",
         "remove VIR_MIGRATE_TUNNELLED"},
        {"VIR_MIGRATE_PEER2PEER, VIR_MIGRATE_TUNNELLED, VIR_MIGRATE_NON_SHARED_INC", "VIR_MIGRATE_NON_SHARED_INC",
         "remove VIR_MIGRATE_TUNNELLED"},
        {"VIR_MIGRATE_PAUSED, VIR_MIGRATE_POSTCOPY", "VIR_MIGRATE_PAUSED", "remove one"},
        {"VIR_MIGRATE_TUNNELLED", "VIR_MIGRATE_PEER2PEER", "add it"},
        {"VIR_MIGRATE_OFFLINE", "VIR_MIGRATE_OFFLINE", "remove it"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        guint64 flags = 77;
        g_assert_false(gw_flags_parse(rows[i].text, &flags, &error));
        g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, rows[i].word));
        g_assert_nonnull(strstr(error->message, rows[i].remedy));
        g_assert_cmphex(flags, ==, 77); /* untouched */
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/flags/numbers are libvirt's", numbers_are_libvirts);
    g_test_add_func("/flags/lists are read", lists_are_read);
    g_test_add_func("/flags/every flag comes back", every_flag_comes_back);
    g_test_add_func("/flags/mistakes are named", mistakes_are_named);
    return g_test_run();
}
