/* Random misfortune: guests are moved, aborted, forced, confirmed and reverted while hosts fall silent, links are cut, management
 * daemons are killed, calls fail or get lost, hosts lose power, and Godwit is restarted. When all is well again every migration must end by
 * itself, every guest be in one place, and nothing be left over.
 *
 * A run follows from its seed but for the order in which threads happen to run.
 *   test_engine_faults                  some runs (GODWIT_FAULT_RUNS), the first with seed GODWIT_FAULT_SEED */
#include "core/flags.h"
#include "tests/engine/fixture.h"

#include <stdlib.h>
#include <string.h>

enum { GUESTS = 6, EVENTS = 50, PATIENCE_S = 40, WORKERS = 12 };

static const char *const hosts[] = {"HostA", "HostB", "HostC"};

typedef struct {
    char name[8], uuid[GW_UUID_SIZE];
    GwSimStorage storage;
    GwPower power;
    guint64 memory_mib; /* at the beginning; resizes are in its history */
    gint64 last; /* its newest migration, 0: none */
} Guest;

typedef struct {
    guint32 seed;
    GRand *rand;
    Fixture f;
    Guest guests[GUESTS];
    gboolean powered_off; /* a host was: guests may have ended by that */
    guint moves, errors, ends[GW_MIGRATION_STATE_COUNT];
} Run;

static guint pick(Run *run, guint count)
{
    return (guint)g_rand_int_range(run->rand, 0, (gint32)count);
}

static const char *any_host(Run *run)
{
    return hosts[pick(run, G_N_ELEMENTS(hosts))];
}

static Guest *any_guest(Run *run)
{
    return &run->guests[pick(run, GUESTS)];
}

/* ---- what users do */

static GwFlavor *any_flavor(Run *run)
{
    GwFlavor *flavor = gw_flavor_new();
    flavor->flavor_id = g_strdup("f");
    flavor->name = g_strdup("f");
    flavor->vcpus = 2;
    flavor->memory_mib = 300 + pick(run, 1000);
    flavor->disk_gib = pick(run, 2) ? 0 : 10 + pick(run, 3);
    return flavor;
}

static void move(Run *run)
{
    Guest *guest = any_guest(run);
    const char *dest = pick(run, 3) ? any_host(run) : NULL;
    g_autoptr(GwFlavor) flavor = any_flavor(run);
    run->f.flavor = flavor;
    GwMoveKind kind = pick(run, 3) ? GW_MOVE_LIVE : pick(run, 2) ? GW_MOVE_COLD : GW_MOVE_RESIZE;
    gint64 id = fixture_move(&run->f, guest->uuid, dest, kind);
    if (id)
        guest->last = id;
    run->moves += id != 0;
}

static void steer(Run *run)
{
    Guest *guest = any_guest(run);
    GwMoveRequest request = {.instance_uuid = guest->uuid, .request_id = "req-steer"};
    g_autoptr(GError) ignored = NULL; /* mostly: there is nothing to steer */
    switch (pick(run, 4)) {
    case 0:
        gw_engine_abort(run->f.engine, &request, guest->last, &ignored);
        break;
    case 1:
        gw_engine_force_complete(run->f.engine, &request, guest->last, &ignored);
        break;
    case 2:
        gw_engine_confirm(run->f.engine, &request, &ignored);
        break;
    case 3:
        gw_engine_revert(run->f.engine, &request, &ignored);
        break;
    }
}

/* ---- what happens to them */

/* A driver keeps its promises also while it fails: only what is LOST may have happened. */
static void break_a_call(Run *run)
{
    static const char *const functions[] = {"prepare", "migrate", "recover", "sight",   "describe", "stop",     "start",
                                            "resume",  "adopt",   "settle",  "forget",   "abort",    "examine",
                                            "facts",   "force_complete", "instances", "reshape"};
    static const GwErrorCode codes[] = {GW_ERROR_UNREACHABLE, GW_ERROR_FAILED, GW_ERROR_LOST};
    static const GwSimWhen whens[] = {GW_SIM_BEFORE, GW_SIM_DURING, GW_SIM_AFTER};
    GwErrorCode code = codes[pick(run, 3)];
    GwSimWhen when = code == GW_ERROR_LOST ? whens[pick(run, 3)] : GW_SIM_BEFORE;
    gw_sim_world_fail(run->f.world, any_host(run), functions[pick(run, G_N_ELEMENTS(functions))], 1 + pick(run, 3), code,
                      when);
}

static void make_well(Run *run, const char *host)
{
    gw_sim_world_set_state(run->f.world, host, GW_SIM_UP);
    gw_sim_world_set_link(run->f.world, host, 10000);
}

static void silence(Run *run)
{
    const char *host = any_host(run);
    if (pick(run, 2))
        make_well(run, host);
    else if (pick(run, 2))
        gw_sim_world_set_link(run->f.world, host, 0);
    else
        gw_sim_world_set_state(run->f.world, host, pick(run, 2) ? GW_SIM_DOWN : GW_SIM_HANGS);
}

/* In one run of four: guests end by it, also in the middle of a move. */
static void power_off(Run *run)
{
    if (run->seed % 4)
        return;
    run->powered_off = TRUE;
    const char *host = any_host(run);
    gw_sim_world_crash(run->f.world, host);
    g_usleep(pick(run, 40000));
    gw_sim_world_boot(run->f.world, host);
}

static void restart(Run *run)
{
    fixture_stop(&run->f);
    fixture_start(&run->f);
}

static void happen(Run *run)
{
    guint dice = pick(run, 20);
    if (dice < 7)
        move(run);
    else if (dice < 10)
        steer(run);
    else if (dice < 14)
        break_a_call(run);
    else if (dice < 17)
        silence(run);
    else if (dice < 18)
        gw_sim_world_kill_daemon(run->f.world, any_host(run));
    else if (dice < 19)
        power_off(run);
    else
        restart(run);
    g_usleep(pick(run, 4) ? pick(run, 4000) : pick(run, 40000));
}

/* ---- the end */

static void settle_resting(Run *run, Guest *guest)
{
    GwMoveRequest request = {.instance_uuid = guest->uuid, .request_id = "req-end"};
    g_autoptr(GError) error = NULL;
    g_autoptr(GwMigration) row = fixture_row(&run->f, guest->last);
    if (row->state != GW_MIGRATION_FINISHED)
        return;
    if (pick(run, 2))
        gw_engine_confirm(run->f.engine, &request, &error);
    else
        gw_engine_revert(run->f.engine, &request, &error);
}

static gboolean is_final(const GwMigration *row)
{
    return (gw_migration_state_traits(row->state) & GW_TRAIT_FINAL) != 0;
}

static guint count_unfinished(Run *run, gboolean tell)
{
    GwMigrationQuery query = {.unfinished_only = TRUE};
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    gw_store_migrations(run->f.store, &query, &rows, &error);
    g_assert_no_error(error);
    for (guint i = 0; tell && i < rows->len; i++) {
        const GwMigration *row = rows->pdata[i];
        g_printerr("# seed %u: migration %" G_GINT64_FORMAT " of %s never ends: %s (%s)\n", run->seed, row->id,
                   row->instance_name, gw_migration_state_name(row->state), row->reason ? row->reason : "");
    }
    return rows->len;
}

static void end_all(Run *run)
{
    for (guint i = 0; i < G_N_ELEMENTS(hosts); i++)
        make_well(run, hosts[i]);
    for (guint i = 0; i < GUESTS; i++)
        gw_sim_world_set_dirty(run->f.world, run->guests[i].uuid, 0);
    gint64 deadline = g_get_monotonic_time() + PATIENCE_S * G_USEC_PER_SEC;
    while (count_unfinished(run, FALSE)) {
        for (guint i = 0; i < GUESTS; i++)
            if (run->guests[i].last)
                settle_resting(run, &run->guests[i]);
        if (g_get_monotonic_time() > deadline) {
            count_unfinished(run, TRUE);
            g_error("seed %u: migrations do not end", run->seed);
        }
        g_usleep(2000);
    }
}

static void count_ends(Run *run)
{
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    gw_store_migrations(run->f.store, &(GwMigrationQuery){0}, &rows, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < rows->len; i++)
        run->ends[((const GwMigration *)rows->pdata[i])->state]++;
}

/* TRUE: an operator was called, for one of the few pictures that nobody can judge; what is there is his to judge. */
static gboolean has_error(Run *run, const Guest *guest)
{
    GwMigrationQuery query = {.instance_uuid = guest->uuid};
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    gw_store_migrations(run->f.store, &query, &rows, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < rows->len; i++) {
        const GwMigration *row = rows->pdata[i];
        g_assert_true(is_final(row));
        if (row->state == GW_MIGRATION_ERROR) {
            g_print("# seed %u: %s: %s\n", run->seed, guest->name, row->reason);
            return TRUE;
        }
    }
    return FALSE;
}

static guint count_files(Run *run, const char *name)
{
    guint count = 0;
    for (guint i = 0; i <= G_N_ELEMENTS(hosts); i++) {
        gboolean shared = i == G_N_ELEMENTS(hosts);
        g_auto(GStrv) files = gw_sim_world_list(run->f.world, hosts[shared ? 0 : i], shared ? "/sim/shared" : "/sim/local");
        for (guint j = 0; files[j]; j++)
            count += strstr(files[j], name) != NULL;
    }
    return count;
}

/* What its resizes that were confirmed have made of it. */
static guint64 memory_due(Run *run, const Guest *guest)
{
    GwMigrationQuery query = {.instance_uuid = guest->uuid};
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    gw_store_migrations(run->f.store, &query, &rows, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < rows->len; i++) { /* newest first */
        const GwMigration *row = rows->pdata[i];
        g_assert_true(!row->flavor == (row->kind != GW_MOVE_RESIZE));
        if (row->flavor && row->state == GW_MIGRATION_CONFIRMED)
            return row->flavor->memory_mib;
    }
    return guest->memory_mib;
}

static void check_guest(Run *run, const Guest *guest)
{
    if (has_error(run, guest)) {
        run->errors++;
        return;
    }
    const char *where = gw_sim_world_runs_on(run->f.world, guest->uuid);
    if (!where != (guest->power != GW_POWER_RUNNING) && !(run->powered_off && !where))
        g_error("seed %u: %s %s", run->seed, guest->name, where ? "runs, and did not before" : "runs no more");
    g_autoptr(GwInstanceView) view = gw_engine_instance(run->f.engine, guest->uuid);
    if (!view || (where && strcmp(view->host, where) != 0))
        g_error("seed %u: %s runs on %s and is shown on %s", run->seed, guest->name, where ? where : "no host",
                view ? view->host : "none");
    if (view->instance->memory_mib != memory_due(run, guest))
        g_error("seed %u: %s has %" G_GUINT64_FORMAT " MiB, and should have %" G_GUINT64_FORMAT, run->seed, guest->name,
                view->instance->memory_mib, memory_due(run, guest));
    guint files = count_files(run, guest->name);
    if (files != 1)
        g_error("seed %u: %s has %u files", run->seed, guest->name, files);
}

static void check_world(Run *run)
{
    g_auto(GStrv) violations = gw_sim_world_violations(run->f.world);
    if (violations[0])
        g_error("seed %u: %s", run->seed, violations[0]);
    fixture_refresh(&run->f);
    for (guint i = 0; i < GUESTS; i++)
        check_guest(run, &run->guests[i]);
}

/* ---- one run */

static void add_guests(Run *run)
{
    for (guint i = 0; i < GUESTS; i++) {
        Guest *guest = &run->guests[i];
        g_snprintf(guest->name, sizeof guest->name, "vm%u", i);
        guest->storage = pick(run, 2) ? GW_SIM_SHARED : GW_SIM_LOCAL;
        guest->power = pick(run, 4) ? GW_POWER_RUNNING : GW_POWER_SHUTDOWN;
        guest->memory_mib = 256 << pick(run, 4);
        const char *uuid = fixture_add(&run->f, any_host(run), guest->name, guest->memory_mib, guest->storage, guest->power);
        g_strlcpy(guest->uuid, uuid, sizeof guest->uuid);
        gw_sim_world_set_dirty(run->f.world, uuid, pick(run, 12000));
    }
}

static void live_through(Run *run)
{
    g_autofree char *world = g_strdup_printf("faults-%u", run->seed);
    run->rand = g_rand_new_with_seed(run->seed);
    guint64 postcopy = pick(run, 2) ? GW_FLAG_POSTCOPY : 0;
    fixture_open(&run->f, world, postcopy);
    add_guests(run);
    fixture_refresh(&run->f);
    for (guint i = 0; i < EVENTS; i++)
        happen(run);
    end_all(run);
    count_ends(run);
    check_world(run);
    fixture_close(&run->f);
    g_rand_free(run->rand);
}

typedef struct {
    guint32 first, count;
    gint next;           /* atomic */
    gint moves, errors;  /* atomic; likewise */
    gint ends[GW_MIGRATION_STATE_COUNT];
} Series;

static gpointer work(gpointer data)
{
    Series *series = data;
    for (;;) {
        guint32 number = (guint32)g_atomic_int_add(&series->next, 1);
        if (number >= series->count)
            return NULL;
        Run run = {.seed = series->first + number};
        live_through(&run);
        g_atomic_int_add(&series->moves, (gint)run.moves);
        g_atomic_int_add(&series->errors, (gint)run.errors);
        for (guint i = 0; i < GW_MIGRATION_STATE_COUNT; i++)
            g_atomic_int_add(&series->ends[i], (gint)run.ends[i]);
    }
}

static guint32 number_from(const char *variable, guint32 otherwise)
{
    const char *text = g_getenv(variable);
    return text ? (guint32)strtoul(text, NULL, 10) : otherwise;
}

static void misfortune_leaves_every_guest_whole(void)
{
    Series series = {.first = number_from("GODWIT_FAULT_SEED", 1), .count = number_from("GODWIT_FAULT_RUNS", 40)};
    GThread *threads[WORKERS];
    for (guint i = 0; i < WORKERS; i++)
        threads[i] = g_thread_new("run", work, &series);
    for (guint i = 0; i < WORKERS; i++)
        g_thread_join(threads[i]);
    g_print("# %u runs, %d moves, %d guests left to an operator\n", series.count, series.moves, series.errors);
    for (guint i = 0; i < GW_MIGRATION_STATE_COUNT; i++)
        if (series.ends[i])
            g_print("# %s: %d\n", gw_migration_state_name((GwMigrationState)i), series.ends[i]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/engine/misfortune_leaves_every_guest_whole", misfortune_leaves_every_guest_whole);
    return g_test_run();
}
