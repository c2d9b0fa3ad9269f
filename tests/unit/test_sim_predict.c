/* The prediction against a world where everything is known: what the simulator does is what was said, to a few milliseconds. */
#include "core/predict.h"
#include "tests/unit/sim_fixture.h"

enum { STEP_MS = 1, MOST_MS = 200000 };

static GwOutlook foresee(Fixture *f, const char *uuid, const GwPlan *plan, guint mbps)
{
    GwPredictInput input = {.plan = plan, .constants = gw_constants_default};
    g_autoptr(GError) error = NULL;
    gw_node_measure(f->a, uuid, GW_LOAD_FULL, &input.load, &error);
    g_assert_no_error(error);
    input.constants.link_bps = mbps * 1000000ull / 8;
    input.constants.around_ms = input.constants.begin_ms = input.constants.switch_ms = input.constants.unused_bytes = 0;
    for (guint i = 0; i < plan->disks->len; i++) {
        const GwPlanDisk *disk = plan->disks->pdata[i];
        input.disk_bytes += disk->fate == GW_FATE_COPY ? disk->allocation_bytes : 0;
    }
    return gw_predict(&input, NULL, NULL);
}

/* Until it has ended; its figures. */
static GwProgress watch(Fixture *f, Copy *copy, const char *uuid)
{
    for (guint ms = 0; ms < MOST_MS && gw_sim_world_copies(f->world); ms += STEP_MS)
        gw_sim_world_step(f->world, STEP_MS);
    copy_join(copy);
    g_assert_no_error(copy->error);
    return fixture_sight(f->b, uuid).progress;
}

static void check(guint64 memory_mib, guint dirty_mbps, GwSimStorage storage, guint64 disk_gib)
{
    Fixture f;
    fixture_open(&f);
    const char *uuid = fixture_add(&f, "vm", memory_mib, storage, disk_gib);
    gw_sim_world_set_dirty(f.world, uuid, dirty_mbps);
    g_auto(Copy) copy = {0};
    copy_begin(&copy, &f, f.a, f.b, uuid, 0);
    GwOutlook outlook = foresee(&f, uuid, copy.plan, 1000);
    GwProgress came = watch(&f, &copy, uuid);
    g_test_message("%" G_GUINT64_FORMAT " MiB, %u Mbit/s: %" G_GUINT64_FORMAT " came %" G_GUINT64_FORMAT, memory_mib, dirty_mbps, outlook.total_ms.likely, came.elapsed_ms);
    g_assert_cmpint(outlook.ending, ==, GW_ENDING_ITSELF);
    g_assert_cmpuint(ABS((gint64)outlook.total_ms.likely - (gint64)came.elapsed_ms), <=, 20 + (gint64)came.elapsed_ms / 50);
    g_assert_cmpuint(ABS((gint64)outlook.downtime_ms.likely - (gint64)came.downtime_ms), <=, 15); /* devices weigh 1 MB there */
    g_assert_true(gw_interval_has(&outlook.total_ms, came.elapsed_ms));
    g_assert_true(gw_interval_has(&outlook.bytes, came.memory_processed + came.disk_processed));
    fixture_close(&f);
}

static void guests_that_end_by_themselves(void)
{
    for (guint64 mib = 256; mib <= 4096; mib *= 2)
        for (guint dirty = 0; dirty <= 800; dirty += 100)
            if (dirty * 3 / 8 < mib) /* a long window that is not full of writing: its curve is then the simulator's */
                check(mib, dirty, GW_SIM_SHARED, 1);
}

static void disks_that_travel(void)
{
    check(512, 100, GW_SIM_LOCAL, 10);
    check(512, 0, GW_SIM_LOCAL, 40);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim/predict/memory", guests_that_end_by_themselves);
    g_test_add_func("/sim/predict/disks", disks_that_travel);
    return g_test_run();
}
