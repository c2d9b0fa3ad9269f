/* Servers that are made and deleted while hosts fall silent, calls fail or get lost, and Godwit is restarted: each creation ends in
 * ACTIVE or ERROR, each deletion in nothing, and no file or definition is left over.
 *   test_engine_servers          some runs (GODWIT_FAULT_RUNS), the first with seed GODWIT_FAULT_SEED */
#include "base/error.h"
#include "tests/engine/fixture.h"

#include <stdlib.h>
#include <string.h>

enum { EVENTS = 60, PATIENCE_S = 40, RUNS = 12 };

static const char *const hosts[] = {"HostA", "HostB", "HostC"};

static char *image_of(Fixture *f)
{
    g_autofree char *path = g_build_filename(f->folder, "small.raw", NULL);
    g_assert_true(g_file_set_contents(path, "bytes", -1, NULL));
    g_autoptr(GPtrArray) images = gw_engine_images(f->engine);
    g_assert_cmpuint(images->len, ==, 1);
    return g_strdup(((GwImage *)images->pdata[0])->id);
}

static GwFlavor *flavor_of(guint64 memory_mib)
{
    GwFlavor *flavor = gw_flavor_new();
    flavor->flavor_id = g_strdup("f");
    flavor->name = g_strdup("f");
    flavor->vcpus = 1;
    flavor->memory_mib = memory_mib;
    flavor->disk_gib = 1;
    return flavor;
}

/* NULL: refused at once. */
static char *boot(Fixture *f, const char *host, guint64 memory_mib)
{
    g_autofree char *image = image_of(f);
    g_autoptr(GwFlavor) flavor = flavor_of(memory_mib);
    g_autoptr(GPtrArray) uuids = NULL;
    g_autoptr(GError) error = NULL;
    GwBootRequest request = {.name = "server", .image_id = image, .flavor = flavor, .host = host, .count = 1, .request_id = "req-boot"};
    if (!gw_engine_boot(f->engine, &request, &uuids, &error)) {
        g_test_message("%s", error->message);
        return NULL;
    }
    return g_strdup(uuids->pdata[0]);
}

static gboolean ask_delete(Fixture *f, const char *uuid)
{
    GwMoveRequest request = {.instance_uuid = uuid, .request_id = "req-delete"};
    g_autoptr(GError) error = NULL;
    gboolean ok = gw_engine_delete(f->engine, &request, &error);
    if (!ok)
        g_printerr("%s\n", error->message);
    return ok;
}

/* The phase it rests in; GW_SERVER_PHASE_COUNT: it is gone. Waits until it rests. */
static GwServerPhase settle(Fixture *f, const char *uuid)
{
    gint64 deadline = g_get_monotonic_time() + PATIENCE_S * G_USEC_PER_SEC;
    for (;;) {
        g_autoptr(GwInstanceView) view = gw_engine_instance(f->engine, uuid);
        if (!view)
            return GW_SERVER_PHASE_COUNT;
        GwServerPhase phase = view->server ? view->server->phase : GW_SERVER_BUILT;
        if (!view->operating && (phase == GW_SERVER_BUILT || phase == GW_SERVER_FAILED))
            return phase;
        if (g_get_monotonic_time() > deadline)
            g_error("server %s stays in phase %s: %s", uuid, gw_server_phase_name(phase),
                    view->server && view->server->reason ? view->server->reason : "");
        g_usleep(2000);
    }
}

static guint count_files(Fixture *f, const char *uuid)
{
    guint count = 0;
    g_auto(GStrv) files = gw_sim_world_list(f->world, "HostA", "/sim/shared");
    for (guint i = 0; files[i]; i++)
        count += g_str_has_prefix(files[i], uuid);
    return count;
}

static void assert_gone(Fixture *f, const char *uuid)
{
    if (count_files(f, uuid))
        g_error("files of %s are left", uuid);
    g_assert_cmpstr(gw_sim_world_runs_on(f->world, uuid), ==, NULL);
    fixture_refresh(f);
    g_autoptr(GwInstanceView) view = gw_engine_instance(f->engine, uuid);
    g_assert_true(!view || !view->on_host);
}

static guint count_rows(Fixture *f)
{
    g_autoptr(GPtrArray) rows = NULL;
    g_assert_true(gw_store_servers(f->store, &rows, NULL));
    return rows->len;
}

/* ---- promises one by one */

static void test_made_moved_deleted(void)
{
    Fixture f;
    fixture_open(&f, "servers-life", 0);
    g_autofree char *uuid = boot(&f, "HostB", 512);
    g_assert_cmpint(settle(&f, uuid), ==, GW_SERVER_BUILT);
    g_assert_cmpstr(gw_sim_world_runs_on(f.world, uuid), ==, "HostB");
    gint64 id = fixture_move(&f, uuid, "HostC", GW_MOVE_LIVE);
    ASSERT_ENDS(&f, id, COMPLETED);
    fixture_settle(&f, uuid);
    g_assert_true(ask_delete(&f, uuid));
    g_assert_cmpint(settle(&f, uuid), ==, GW_SERVER_PHASE_COUNT);
    assert_gone(&f, uuid);
    g_assert_cmpuint(count_rows(&f), ==, 0);
    fixture_close(&f);
}

/* It was added through the other daemon, which tells. */
static void await_host(GwEngine *engine, const char *name)
{
    gint64 deadline = g_get_monotonic_time() + PATIENCE_S * G_USEC_PER_SEC;
    for (gboolean up = FALSE; !up;) {
        g_autoptr(GwHostView) host = gw_engine_host(engine, name);
        up = host && host->up;
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_usleep(5000);
    }
}

static void run_on(Fixture *f, GwEngine *engine)
{
    GwEngine *own = f->engine;
    g_autofree char *uuid = NULL;
    f->engine = engine;
    await_host(engine, "HostB");
    uuid = boot(f, "HostB", 512);
    g_assert_nonnull(uuid);
    g_assert_cmpint(settle(f, uuid), ==, GW_SERVER_BUILT);
    g_assert_cmpstr(gw_sim_world_runs_on(f->world, uuid), ==, "HostB");
    f->engine = own;
    g_assert_cmpint(settle(f, uuid), ==, GW_SERVER_BUILT); /* the other knows of it, too */
    f->engine = engine;
    fixture_refresh(f);
    g_assert_true(ask_delete(f, uuid));
    gint64 id = fixture_move(f, uuid, "HostC", GW_MOVE_LIVE);
    g_assert_cmpint(id, ==, 0); /* refused from now on */
    g_assert_cmpint(settle(f, uuid), ==, GW_SERVER_PHASE_COUNT);
    assert_gone(f, uuid);
    f->engine = own;
    g_assert_cmpint(settle(f, uuid), ==, GW_SERVER_PHASE_COUNT);
    g_assert_cmpuint(count_rows(f), ==, 0);
}

/* One of the two leads; it carries out what either was asked. */
static void test_any_daemon_is_asked(void)
{
    Fixture f;
    fixture_open(&f, "servers-any", 0);
    for (guint i = 0; i < 3; i++) {
        run_on(&f, f.engine);
        if (f.peer)
            run_on(&f, f.peer);
    }
    fixture_close(&f);
}

/* Asked of one daemon and begun; another carries it on when the one that leads has gone. */
static void test_the_leader_ends(void)
{
    Fixture f;
    fixture_open(&f, "servers-leader-ends", 0);
    if (!f.peer) {
        fixture_close(&f);
        g_test_skip("needs two daemons");
        return;
    }
    g_autofree char *first = boot(&f, "HostA", 512), *second = NULL;
    g_assert_cmpint(settle(&f, first), ==, GW_SERVER_BUILT);
    second = boot(&f, "HostB", 512);
    g_assert_true(ask_delete(&f, first));
    fixture_stop(&f);
    fixture_start(&f);
    g_assert_cmpint(settle(&f, second), ==, GW_SERVER_BUILT);
    g_assert_cmpint(settle(&f, first), ==, GW_SERVER_PHASE_COUNT);
    assert_gone(&f, first);
    g_assert_cmpstr(gw_sim_world_runs_on(f.world, second), ==, "HostB");
    g_assert_cmpuint(count_rows(&f), ==, 1);
    fixture_close(&f);
}

/* A server whose host was removed may run on there: it is not forgotten, and can be deleted when the host is back. */
static void test_a_lost_host_keeps_its_servers(void)
{
    Fixture f;
    fixture_open(&f, "servers-lost", 0);
    g_autofree char *uuid = boot(&f, "HostB", 512);
    g_assert_cmpint(settle(&f, uuid), ==, GW_SERVER_BUILT);
    gint64 id = fixture_move(&f, uuid, "HostC", GW_MOVE_LIVE);
    ASSERT_ENDS(&f, id, COMPLETED);
    fixture_settle(&f, uuid);
    g_assert_true(gw_engine_host_remove(f.engine, "HostC", NULL));
    g_autoptr(GError) error = NULL;
    GwMoveRequest request = {.instance_uuid = uuid, .request_id = "req-delete"};
    g_assert_false(gw_engine_delete(f.engine, &request, &error));
    g_assert_true(g_error_matches(error, GW_ERROR, GW_ERROR_CONFLICT));
    g_assert_nonnull(strstr(error->message, "was last on HostC"));
    g_assert_nonnull(strstr(error->message, "godwit host-add HostC"));
    g_assert_cmpstr(gw_sim_world_runs_on(f.world, uuid), ==, "HostC");
    g_assert_cmpuint(count_rows(&f), ==, 1);
    fixture_add_host(&f, "HostC");
    fixture_refresh(&f);
    g_assert_true(ask_delete(&f, uuid));
    g_assert_cmpint(settle(&f, uuid), ==, GW_SERVER_PHASE_COUNT);
    assert_gone(&f, uuid);
    fixture_close(&f);
}

/* What a failed creation left behind is removed, and its host is named by nothing any more. */
static void test_failure_is_undone(void)
{
    static const struct {
        const char *function;
        GwErrorCode code;
        GwSimWhen when;
        GwServerPhase end;
    } cases[] = {
        {"create", GW_ERROR_FAILED, GW_SIM_BEFORE, GW_SERVER_FAILED},
        {"create", GW_ERROR_LOST, GW_SIM_DURING, GW_SERVER_FAILED},
        {"create", GW_ERROR_LOST, GW_SIM_AFTER, GW_SERVER_FAILED},
        {"create", GW_ERROR_UNREACHABLE, GW_SIM_BEFORE, GW_SERVER_BUILT},
        {"start", GW_ERROR_FAILED, GW_SIM_BEFORE, GW_SERVER_FAILED},
        {"start", GW_ERROR_LOST, GW_SIM_AFTER, GW_SERVER_BUILT},
    };
    Fixture f;
    fixture_open(&f, "servers-failures", 0);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        gw_sim_world_fail(f.world, "HostB", cases[i].function, 1, cases[i].code, cases[i].when);
        g_autofree char *uuid = boot(&f, "HostB", 512);
        g_assert_cmpint(settle(&f, uuid), ==, cases[i].end);
        g_assert_cmpuint(count_files(&f, uuid), ==, cases[i].end == GW_SERVER_BUILT);
        g_assert_true(ask_delete(&f, uuid));
        g_assert_cmpint(settle(&f, uuid), ==, GW_SERVER_PHASE_COUNT);
        assert_gone(&f, uuid);
    }
    fixture_close(&f);
}

/* A daemon that finds a creation begun removes what may be there, and begins again: whatever the former one came to. */
static void test_found_begun(void)
{
    Fixture f;
    fixture_open(&f, "servers-begun", 0);
    for (GwServerPhase phase = GW_SERVER_PLACING; phase <= GW_SERVER_STARTING; phase++) {
        g_autofree char *uuid = boot(&f, "HostB", 512);
        g_assert_cmpint(settle(&f, uuid), ==, GW_SERVER_BUILT);
        fixture_stop(&f);
        g_autoptr(GPtrArray) rows = NULL;
        g_assert_true(gw_store_servers(f.store, &rows, NULL));
        GwServer *row = rows->pdata[rows->len - 1];
        row->phase = phase;
        row->built_us = 0;
        if (phase == GW_SERVER_PLACING) { /* it had come to nothing yet: as if another server were there */
            g_clear_pointer(&row->host, g_free);
            row->attempts = 0;
        }
        g_assert_true(gw_store_server_update(f.store, row, NULL));
        fixture_start(&f);
        GwServerPhase end = settle(&f, uuid);
        g_assert_cmpint(end, ==, phase == GW_SERVER_PLACING ? GW_SERVER_FAILED : GW_SERVER_BUILT);
        g_assert_true(ask_delete(&f, uuid));
        g_assert_cmpint(settle(&f, uuid), ==, GW_SERVER_PHASE_COUNT);
        assert_gone(&f, uuid);
    }
    fixture_close(&f);
}

static void test_silent_host(void)
{
    Fixture f;
    fixture_open(&f, "servers-silent", 0);
    g_autofree char *uuid = boot(&f, "HostB", 512);
    g_assert_cmpint(settle(&f, uuid), ==, GW_SERVER_BUILT);
    gw_sim_world_set_state(f.world, "HostB", GW_SIM_DOWN);
    g_assert_true(ask_delete(&f, uuid));
    g_usleep(100000);
    g_assert_cmpuint(count_files(&f, uuid), ==, 1); /* while it is silent nothing is deleted */
    gw_sim_world_set_state(f.world, "HostB", GW_SIM_UP);
    g_assert_cmpint(settle(&f, uuid), ==, GW_SERVER_PHASE_COUNT);
    assert_gone(&f, uuid);
    fixture_close(&f);
}

static void test_memory_is_promised_once(void)
{
    Fixture f;
    fixture_open(&f, "servers-memory", 0);
    g_autoptr(GPtrArray) uuids = g_ptr_array_new_with_free_func(g_free);
    guint built = 0;
    g_autoptr(GwHostView) host = gw_engine_host(f.engine, "HostB");
    guint64 half = host->facts->memory_free_mib / 2;
    for (guint i = 0; i < 4; i++) /* at once: two fit */
        g_ptr_array_add(uuids, boot(&f, "HostB", half - 64));
    for (guint i = 0; i < uuids->len; i++)
        built += settle(&f, uuids->pdata[i]) == GW_SERVER_BUILT;
    g_assert_cmpuint(built, ==, 2);
    fixture_close(&f);
}

/* ---- random misfortune */

typedef struct {
    guint32 seed;
    GRand *rand;
    Fixture f;
    GPtrArray *uuids;
} Run;

static guint pick(Run *run, guint count)
{
    return (guint)g_rand_int_range(run->rand, 0, (gint32)count);
}

static void break_a_call(Run *run)
{
    static const char *const functions[] = {"create", "remove", "start", "sight", "describe", "stop", "migrate", "prepare"};
    static const GwErrorCode codes[] = {GW_ERROR_UNREACHABLE, GW_ERROR_FAILED, GW_ERROR_LOST};
    static const GwSimWhen whens[] = {GW_SIM_BEFORE, GW_SIM_DURING, GW_SIM_AFTER};
    GwErrorCode code = codes[pick(run, 3)];
    GwSimWhen when = code == GW_ERROR_LOST ? whens[pick(run, 3)] : GW_SIM_BEFORE;
    gw_sim_world_fail(run->f.world, hosts[pick(run, 3)], functions[pick(run, G_N_ELEMENTS(functions))], 1 + pick(run, 2), code, when);
}

static void happen(Run *run)
{
    const char *any = run->uuids->len ? run->uuids->pdata[pick(run, run->uuids->len)] : NULL;
    guint dice = pick(run, 20);
    if (dice < 7) {
        char *uuid = boot(&run->f, pick(run, 2) ? hosts[pick(run, 3)] : NULL, 256);
        g_assert_nonnull(uuid);
        g_ptr_array_add(run->uuids, uuid);
    } else if (dice < 11 && any)
        ask_delete(&run->f, any);
    else if (dice < 13 && any)
        fixture_move(&run->f, any, hosts[pick(run, 3)], pick(run, 3) ? GW_MOVE_LIVE : GW_MOVE_COLD);
    else if (dice < 16)
        break_a_call(run);
    else if (dice < 18)
        gw_sim_world_set_state(run->f.world, hosts[pick(run, 3)], pick(run, 2) ? GW_SIM_UP : pick(run, 2) ? GW_SIM_DOWN : GW_SIM_HANGS);
    else if (dice < 19)
        gw_sim_world_kill_daemon(run->f.world, hosts[pick(run, 3)]);
    else {
        fixture_stop(&run->f);
        fixture_start(&run->f);
    }
    g_usleep(pick(run, 8000));
}

/* When all is well again everything may be deleted, and nothing of it is left. */
static void end_all(Run *run)
{
    for (guint i = 0; i < G_N_ELEMENTS(hosts); i++)
        gw_sim_world_set_state(run->f.world, hosts[i], GW_SIM_UP);
    gint64 deadline = g_get_monotonic_time() + PATIENCE_S * G_USEC_PER_SEC;
    for (guint left = 1; left;) {
        left = 0;
        for (guint i = 0; i < run->uuids->len; i++) {
            g_autoptr(GwInstanceView) view = gw_engine_instance(run->f.engine, run->uuids->pdata[i]);
            if (view && !view->operating)
                ask_delete(&run->f, run->uuids->pdata[i]); /* refused while it moves: asked again */
            left += view != NULL;
            if (view && g_get_monotonic_time() > deadline)
                g_error("seed %u: %s is not deleted: phase %s, migration %d", run->seed, (char *)run->uuids->pdata[i],
                        view->server ? gw_server_phase_name(view->server->phase) : "none", (int)view->migration_state);
        }
        g_usleep(5000);
    }
    for (guint i = 0; i < run->uuids->len; i++)
        assert_gone(&run->f, run->uuids->pdata[i]);
    g_assert_cmpuint(count_rows(&run->f), ==, 0);
}

static guint32 number_from(const char *variable, guint32 otherwise)
{
    const char *text = g_getenv(variable);
    return text ? (guint32)strtoul(text, NULL, 10) : otherwise;
}

static void test_random(void)
{
    guint32 first = number_from("GODWIT_FAULT_SEED", 1);
    for (guint32 i = 0; i < number_from("GODWIT_FAULT_RUNS", RUNS); i++) {
        Run run = {.seed = first + i, .rand = g_rand_new_with_seed(first + i), .uuids = g_ptr_array_new_with_free_func(g_free)};
        g_autofree char *world = g_strdup_printf("servers-%u", run.seed);
        fixture_open(&run.f, world, 0);
        for (guint event = 0; event < EVENTS; event++)
            happen(&run);
        end_all(&run);
        fixture_close(&run.f);
        g_ptr_array_unref(run.uuids);
        g_rand_free(run.rand);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/servers/made-moved-deleted", test_made_moved_deleted);
    g_test_add_func("/engine/servers/any-daemon-is-asked", test_any_daemon_is_asked);
    g_test_add_func("/engine/servers/the-leader-ends", test_the_leader_ends);
    g_test_add_func("/engine/servers/lost-host", test_a_lost_host_keeps_its_servers);
    g_test_add_func("/servers/failure-is-undone", test_failure_is_undone);
    g_test_add_func("/servers/found-begun", test_found_begun);
    g_test_add_func("/servers/silent-host", test_silent_host);
    g_test_add_func("/servers/memory-is-promised-once", test_memory_is_promised_once);
    g_test_add_func("/servers/random", test_random);
    return g_test_run();
}
