/* How bytes travel: what is decided from what is known of guest, link and hosts; and that what QEMU and libvirt refuse is never asked. */
#include "core/transfer.h"

#include "core/flags.h"

enum { OLD_QEMU = 7002022, NEW_QEMU = 10001000, OLD_LIBVIRT = 9000000, NEW_LIBVIRT = 9004000 };
#define MB ((guint64)1000000)
static const GwAbilities old_hosts = {OLD_QEMU, OLD_LIBVIRT, TRUE};
static const GwAbilities new_hosts = {NEW_QEMU, NEW_LIBVIRT, TRUE};

static GwPlan *plan_with(guint64 flags, gboolean disks)
{
    GwPlan *plan = gw_plan_new();
    plan->kind = GW_MOVE_LIVE;
    plan->power_before = GW_POWER_RUNNING;
    plan->flags = flags | (disks ? GW_FLAG_NON_SHARED_DISK : 0);
    if (disks)
        gw_plan_add_disk(plan)->fate = GW_FATE_COPY;
    return plan;
}

static gboolean is_sync(const GwPlan *plan)
{
    return (plan->flags & GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES) != 0;
}

static void writes_wait_where_they_must(void)
{
    const struct {
        GwSyncWrites how;
        GwTraffic traffic;
        guint64 limit_mibps;
        gboolean sync;
    } rows[] = {
        {GW_SYNC_AUTO, {0}, 0, FALSE},                               /* nobody knows what it writes */
        {GW_SYNC_AUTO, {TRUE, 0, 62 * MB, 0}, 0, FALSE},             /* half of 1 Gbit/s */
        {GW_SYNC_AUTO, {TRUE, 0, 63 * MB, 0}, 0, TRUE},
        {GW_SYNC_AUTO, {TRUE, 0, 63 * MB, 1000 * MB}, 0, FALSE},     /* the link was seen to be faster */
        {GW_SYNC_AUTO, {TRUE, 0, 63 * MB, 1000 * MB}, 100, TRUE},    /* and is limited */
        {GW_SYNC_AUTO, {TRUE, 900 * MB, 0, 10 * MB}, 0, FALSE},      /* memory is another matter */
        {GW_SYNC_ALWAYS, {TRUE, 0, 0, 1000 * MB}, 0, TRUE},
        {GW_SYNC_NEVER, {0}, 0, FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GwPlan) plan = plan_with(0, TRUE);
        plan->bandwidth_mibps = rows[i].limit_mibps;
        GwTransferSettings settings = {.sync_writes = rows[i].how};
        gw_transfer_plan(plan, &settings, &rows[i].traffic, &old_hosts);
        g_assert_true(is_sync(plan) == rows[i].sync);
    }
}

/* libvirt refuses the flag where no disk is copied, also when an administrator has written it into the flags of all. */
static void only_for_disks_that_travel(void)
{
    GwTransferSettings settings = {.sync_writes = GW_SYNC_ALWAYS};
    GwTraffic traffic = {0};
    g_autoptr(GwPlan) shared = plan_with(GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES, FALSE);
    gw_transfer_plan(shared, &settings, &traffic, &old_hosts);
    g_assert_false(is_sync(shared));
    g_autoptr(GwPlan) paused = plan_with(0, TRUE); /* writes nothing */
    paused->power_before = GW_POWER_PAUSED;
    settings.sync_writes = GW_SYNC_AUTO;
    gw_transfer_plan(paused, &settings, &traffic, &old_hosts);
    g_assert_false(is_sync(paused));
    g_autoptr(GwPlan) told = plan_with(GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES, TRUE);
    settings.sync_writes = GW_SYNC_NEVER;
    gw_transfer_plan(told, &settings, &traffic, &old_hosts);
    g_assert_true(is_sync(told)); /* block_migration_flag says so itself */
}

/* Where nobody knew it beforehand, on hypervisors that can: once, and within what is left of the time. */
static void a_second_try(void)
{
    const struct {
        GwSyncWrites how;
        guint64 flags, disk_write_bps;
        GwPower power;
        gboolean qemu, disks, second;
    } rows[] = {
        {GW_SYNC_AUTO, 0, 0, GW_POWER_RUNNING, TRUE, TRUE, TRUE},
        {GW_SYNC_AUTO, 0, 900 * MB, GW_POWER_RUNNING, TRUE, TRUE, FALSE}, /* at once */
        {GW_SYNC_AUTO, GW_FLAG_NON_SHARED_SYNCHRONOUS_WRITES, 0, GW_POWER_RUNNING, TRUE, TRUE, FALSE},
        {GW_SYNC_ALWAYS, 0, 0, GW_POWER_RUNNING, TRUE, TRUE, FALSE},
        {GW_SYNC_NEVER, 0, 0, GW_POWER_RUNNING, TRUE, TRUE, FALSE},
        {GW_SYNC_AUTO, 0, 0, GW_POWER_PAUSED, TRUE, TRUE, FALSE},
        {GW_SYNC_AUTO, 0, 0, GW_POWER_RUNNING, FALSE, TRUE, FALSE},
        {GW_SYNC_AUTO, 0, 0, GW_POWER_RUNNING, TRUE, FALSE, FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GwPlan) plan = plan_with(rows[i].flags, rows[i].disks);
        plan->power_before = rows[i].power;
        GwTransferSettings settings = {.sync_writes = rows[i].how};
        GwAbilities can = {OLD_QEMU, OLD_LIBVIRT, rows[i].qemu};
        gw_transfer_plan(plan, &settings, &(GwTraffic){TRUE, 0, rows[i].disk_write_bps, 0}, &can);
        g_assert_true(plan->second_try == rows[i].second);
    }
    g_autoptr(GwPlan) plan = plan_with(0, TRUE);
    plan->second_try = TRUE;
    plan->timeout_ms = 10000;
    gw_transfer_plan_again(plan, 4000);
    g_assert_true(is_sync(plan) && gw_transfer_quiesces(plan));
    g_assert_false(plan->second_try);
    g_assert_cmpuint(plan->timeout_ms, ==, 6000);
    gw_transfer_plan_again(plan, 7000);
    g_assert_cmpuint(plan->timeout_ms, ==, 1); /* 0 would be for ever */
    plan->timeout_ms = 0;
    gw_transfer_plan_again(plan, 7000);
    g_assert_cmpuint(plan->timeout_ms, ==, 0);
}

static void streams(void)
{
    const struct {
        guint64 flags;
        guint asked;
        const GwAbilities *can;
        gboolean parallel;
        guint connections;
    } rows[] = {
        {0, 0, &old_hosts, FALSE, 0},
        {0, 1, &old_hosts, FALSE, 0},
        {0, 4, &old_hosts, TRUE, 4},
        {GW_FLAG_PARALLEL, 0, &old_hosts, TRUE, 0}, /* as many as the hypervisor thinks fit */
        {GW_FLAG_PARALLEL, 1, &old_hosts, TRUE, 0},
        {GW_FLAG_POSTCOPY, 4, &old_hosts, FALSE, 0},
        {GW_FLAG_POSTCOPY | GW_FLAG_PARALLEL, 0, &old_hosts, FALSE, 0},
        {GW_FLAG_POSTCOPY, 4, &new_hosts, TRUE, 4},
        {GW_FLAG_TUNNELLED, 4, &new_hosts, FALSE, 0},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GwPlan) plan = plan_with(rows[i].flags, FALSE);
        GwTransferSettings settings = {.connections = rows[i].asked};
        gw_transfer_plan(plan, &settings, &(GwTraffic){0}, rows[i].can);
        g_assert_true(((plan->flags & GW_FLAG_PARALLEL) != 0) == rows[i].parallel);
        g_assert_cmpuint(plan->connections, ==, rows[i].connections);
        g_assert_cmphex(plan->flags & GW_FLAG_POSTCOPY, ==, rows[i].flags & GW_FLAG_POSTCOPY);
    }
}

static void compression(void)
{
    const GwTraffic busy_slow = {TRUE, 60 * MB, 0, 50 * MB}, idle_slow = {TRUE, MB, 0, 50 * MB}, unseen = {TRUE, 900 * MB, 0, 0},
                    busy_fast = {TRUE, 900 * MB, 0, 1100 * MB}, unsampled = {FALSE, 0, 0, 50 * MB},
                    known_of_old = {FALSE, 60 * MB, 0, 50 * MB, 0.1}, rewrites = {TRUE, 60 * MB, 0, 50 * MB, 0.9};
    const struct {
        GwCompression wish;
        guint connections;
        const GwAbilities *can;
        const GwTraffic *traffic;
        GwCompression got;
    } rows[] = {
        {GW_COMPRESSION_AUTO, 1, &old_hosts, &busy_slow, GW_COMPRESSION_XBZRLE},
        {GW_COMPRESSION_AUTO, 1, &old_hosts, &idle_slow, GW_COMPRESSION_NONE},
        {GW_COMPRESSION_AUTO, 1, &old_hosts, &unseen, GW_COMPRESSION_NONE},
        {GW_COMPRESSION_AUTO, 1, &old_hosts, &unsampled, GW_COMPRESSION_NONE},
        {GW_COMPRESSION_AUTO, 1, &old_hosts, &busy_fast, GW_COMPRESSION_NONE},
        {GW_COMPRESSION_AUTO, 1, &old_hosts, &known_of_old, GW_COMPRESSION_XBZRLE},
        {GW_COMPRESSION_AUTO, 1, &old_hosts, &rewrites, GW_COMPRESSION_NONE}, /* its pages are written from end to end */
        {GW_COMPRESSION_AUTO, 4, &old_hosts, &busy_slow, GW_COMPRESSION_NONE}, /* libvirt 9.0 cannot compress streams */
        {GW_COMPRESSION_AUTO, 4, &new_hosts, &busy_slow, GW_COMPRESSION_ZSTD},
        {GW_COMPRESSION_AUTO, 4, &new_hosts, &unseen, GW_COMPRESSION_NONE},
        {GW_COMPRESSION_AUTO, 4, &new_hosts, &busy_fast, GW_COMPRESSION_NONE},
        {GW_COMPRESSION_NONE, 1, &new_hosts, &busy_slow, GW_COMPRESSION_NONE},
        {GW_COMPRESSION_XBZRLE, 1, &old_hosts, &busy_fast, GW_COMPRESSION_XBZRLE},
        {GW_COMPRESSION_XBZRLE, 4, &new_hosts, &busy_slow, GW_COMPRESSION_NONE},
        {GW_COMPRESSION_ZSTD, 4, &old_hosts, &busy_slow, GW_COMPRESSION_NONE},
        {GW_COMPRESSION_ZLIB, 4, &new_hosts, &busy_fast, GW_COMPRESSION_ZLIB},
        {GW_COMPRESSION_ZLIB, 1, &new_hosts, &busy_slow, GW_COMPRESSION_NONE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GwPlan) plan = plan_with(0, FALSE);
        GwTransferSettings settings = {.connections = rows[i].connections, .compression = rows[i].wish};
        gw_transfer_plan(plan, &settings, rows[i].traffic, rows[i].can);
        g_assert_cmpstr(gw_compression_name(plan->compression), ==, gw_compression_name(rows[i].got));
        g_assert_true(((plan->flags & GW_FLAG_COMPRESSED) != 0) == (rows[i].got != GW_COMPRESSION_NONE));
    }
}

/* Every wish over every pair of hosts: what the libraries refuse together is never in one plan. */
static void nothing_impossible_is_asked(void)
{
    const guint64 flags[] = {0, GW_FLAG_POSTCOPY, GW_FLAG_TUNNELLED, GW_FLAG_PARALLEL, GW_FLAG_PARALLEL | GW_FLAG_ZEROCOPY,
                             GW_FLAG_PARALLEL | GW_FLAG_POSTCOPY};
    const GwAbilities hosts[] = {old_hosts, new_hosts, {NEW_QEMU, OLD_LIBVIRT, TRUE}, {0, 0, TRUE}, {NEW_QEMU, NEW_LIBVIRT, FALSE}};
    for (guint f = 0; f < G_N_ELEMENTS(flags); f++)
        for (guint h = 0; h < G_N_ELEMENTS(hosts); h++)
            for (guint wish = 0; wish < GW_COMPRESSION_COUNT; wish++)
                for (guint connections = 0; connections < 3; connections++) {
                    g_autoptr(GwPlan) plan = plan_with(flags[f], FALSE);
                    GwTransferSettings settings = {GW_SYNC_ALWAYS, connections, (GwCompression)wish};
                    gw_transfer_plan(plan, &settings, &(GwTraffic){TRUE, 90 * MB, 0, 50 * MB}, &hosts[h]);
                    gboolean parallel = (plan->flags & GW_FLAG_PARALLEL) != 0;
                    g_assert_false(parallel && (plan->flags & GW_FLAG_TUNNELLED));
                    g_assert_false(parallel && (plan->flags & GW_FLAG_POSTCOPY) && hosts[h].hypervisor < NEW_QEMU);
                    g_assert_false(!parallel && (plan->connections || (plan->flags & GW_FLAG_ZEROCOPY)));
                    g_assert_false(parallel && plan->compression == GW_COMPRESSION_XBZRLE);
                    g_assert_false(plan->compression > GW_COMPRESSION_XBZRLE && (!parallel || hosts[h].library < NEW_LIBVIRT));
                    g_assert_cmpint(plan->compression, !=, GW_COMPRESSION_AUTO);
                }
}

static void cache_and_shares(void)
{
    g_assert_cmpuint(gw_transfer_cache_bytes(160), ==, 64 << 20);
    g_assert_cmpuint(gw_transfer_cache_bytes(512), ==, 64 << 20);
    g_assert_cmpuint(gw_transfer_cache_bytes(513), ==, 128 << 20);
    g_assert_cmpuint(gw_transfer_cache_bytes(65536), ==, 8ull << 30);
    g_assert_cmpuint(gw_transfer_share_mibps(0, 3, 0), ==, 0);
    g_assert_cmpuint(gw_transfer_share_mibps(0, 3, 7), ==, 7);
    g_assert_cmpuint(gw_transfer_share_mibps(90, 3, 0), ==, 30);
    g_assert_cmpuint(gw_transfer_share_mibps(90, 3, 7), ==, 7);
    g_assert_cmpuint(gw_transfer_share_mibps(90, 3, 70), ==, 30);
    g_assert_cmpuint(gw_transfer_share_mibps(2, 3, 0), ==, 1); /* 0 would be no limit */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/transfer/writes wait where they must", writes_wait_where_they_must);
    g_test_add_func("/transfer/only for disks that travel", only_for_disks_that_travel);
    g_test_add_func("/transfer/a second try", a_second_try);
    g_test_add_func("/transfer/streams", streams);
    g_test_add_func("/transfer/compression", compression);
    g_test_add_func("/transfer/nothing impossible is asked", nothing_impossible_is_asked);
    g_test_add_func("/transfer/cache and shares", cache_and_shares);
    return g_test_run();
}
