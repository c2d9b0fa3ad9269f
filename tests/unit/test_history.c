/* Ended moves, found by pair and by instance, against a plain list of them: whatever is added, the same is learnt. */
#include "core/history.h"
#include "plain_calibrate.h"

#include <string.h>

enum { STEPS = 600, MOST = 60, ASK_EVERY = 7 };

static const char *const hosts[] = {"HostA", "HostB", "HostC", "HostD"};

static const char *any_host(GRand *rand)
{
    return hosts[g_rand_int_range(rand, 0, G_N_ELEMENTS(hosts))];
}

static guint64 any(GRand *rand, gint32 least, gint32 most)
{
    return (guint64)g_rand_int_range(rand, least, most);
}

static void set_uuid(char *uuid, GRand *rand)
{
    g_snprintf(uuid, GW_UUID_SIZE, "%08x-0000-4000-8000-000000000000", (guint)any(rand, 0, 12));
}

static GwMigration *make(GRand *rand)
{
    GwMigration *row = gw_migration_new();
    row->kind = GW_MOVE_LIVE;
    row->state = GW_MIGRATION_COMPLETED;
    row->attempts = (guint)any(rand, 1, 8) == 1 ? 2 : 1; /* such a one tells nothing */
    row->source = g_strdup(any_host(rand));
    row->dest = g_strdup(any_host(rand));
    set_uuid(row->instance_uuid, rand);
    row->progress.elapsed_ms = any(rand, 1, 9000);
    GwForecast *f = row->forecast = g_new0(GwForecast, 1);
    f->first.ending = (GwEnding)any(rand, 0, GW_ENDING_COUNT);
    f->now.ending = (GwEnding)any(rand, 0, GW_ENDING_COUNT);
    f->first.passes = any(rand, 1, 5);
    f->first.total_ms.likely = any(rand, 1, 9000);
    f->first.downtime_ms.likely = any(rand, 1, 900);
    f->total_ms = any(rand, 1, 9000);
    f->downtime_ms = any(rand, 0, 900);
    f->rest_ms = any(rand, 0, 500);
    f->copy_ms = any(rand, 0, 9000);
    f->memory_bytes = any(rand, 0, 1 << 30);
    f->first_pass_bytes = any(rand, 0, 1 << 30);
    f->actual_bps = any(rand, 0, 3) ? any(rand, 1 << 20, 1 << 30) : 0;
    f->held_bps = any(rand, 0, 1 << 30);
    f->short_window = (GwWritten){any(rand, 0, 2), any(rand, 0, 1 << 20)};
    return row;
}

static guint64 plain_link_bps(const GPtrArray *plain, const char *host)
{
    guint64 most = 0;
    guint seen = 0;
    for (guint i = 0; i < plain->len && seen < 20; i++) {
        const GwMigration *row = plain->pdata[i];
        gboolean counts = row->forecast->actual_bps && (strcmp(row->source, host) == 0 || strcmp(row->dest, host) == 0);
        most = counts ? MAX(most, row->forecast->actual_bps) : most;
        seen += counts;
    }
    return most;
}

static void assert_same(GwHistory *history, const GPtrArray *plain, GRand *rand)
{
    char uuid[GW_UUID_SIZE];
    const char *source = any_host(rand), *dest = g_rand_boolean(rand) ? any_host(rand) : "HostE";
    set_uuid(uuid, rand);
    GwConstants want = plain_calibrate(plain, source, dest, uuid), got = gw_history_constants(history, source, dest, uuid);
    g_assert_cmpmem(&want, G_STRUCT_OFFSET(GwConstants, samples), &got, G_STRUCT_OFFSET(GwConstants, samples));
    g_assert_cmpuint(got.samples, ==, want.samples);
    g_assert_cmpuint(gw_history_link_bps(history, source), ==, plain_link_bps(plain, source));
}

static void test_against_a_list(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(11);
    g_autoptr(GPtrArray) plain = g_ptr_array_new_with_free_func((GDestroyNotify)gw_migration_free);
    GwHistory *history = gw_history_new(MOST);
    assert_same(history, plain, rand);
    for (guint step = 0; step < STEPS; step++) {
        GwMigration *row = make(rand);
        g_ptr_array_insert(plain, 0, gw_migration_copy(row));
        gw_history_add(history, row);
        if (plain->len > MOST)
            g_ptr_array_set_size(plain, MOST);
        for (guint i = 0; step % ASK_EVERY == 0 && i < 20; i++)
            assert_same(history, plain, rand);
    }
    gw_history_free(history);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/history/against-a-list", test_against_a_list);
    return g_test_run();
}
