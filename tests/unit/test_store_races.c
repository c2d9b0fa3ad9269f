/* What must hold whatever happens at once, and whenever the process is killed. With -m perf: what a write costs. */
#include "store_fixture.h"

#include "store/database.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 50 };

typedef struct {
    GwStore *store;
    gint64 id;
    unsigned intent;
    guint wins; /* guarded by nothing: each thread has its own Worker */
} Worker;

static void race(GThreadFunc function, Worker *workers, guint count)
{
    GThread *threads[THREADS];
    for (guint i = 0; i < count; i++)
        threads[i] = g_thread_new("racer", function, &workers[i]);
    for (guint i = 0; i < count; i++)
        g_thread_join(threads[i]);
}

static gpointer add_one(gpointer data)
{
    Worker *worker = data;
    g_autoptr(GwMigration) row = sample_migration(UUID_A);
    g_autoptr(GError) error = NULL;
    if (gw_store_migration_add(worker->store, row, &error))
        worker->wins++;
    else
        g_assert_error(error, GW_ERROR, GW_ERROR_CONFLICT);
    return NULL;
}

static void test_add_race(Fixture *fixture, gconstpointer data)
{
    Worker workers[THREADS];
    guint wins = 0;
    for (guint i = 0; i < THREADS; i++)
        workers[i] = (Worker){.store = fixture->store};
    race(add_one, workers, THREADS);
    for (guint i = 0; i < THREADS; i++)
        wins += workers[i].wins;
    g_assert_cmpuint(wins, ==, 1);
}

/* Reads, changes, writes, until it has written ROUNDS times. */
static gpointer count_up(gpointer data)
{
    Worker *worker = data;
    while (worker->wins < ROUNDS) {
        g_autoptr(GwMigration) row = read_migration(worker->store, worker->id);
        g_autoptr(GError) error = NULL;
        row->attempts++;
        if (gw_store_migration_update(worker->store, row, &error))
            worker->wins++;
        else
            g_assert_error(error, GW_ERROR, GW_ERROR_STALE);
    }
    return NULL;
}

static gpointer intend(gpointer data)
{
    Worker *worker = data;
    g_autoptr(GwMigration) row = NULL;
    assert_ok(gw_store_migration_intend(worker->store, worker->id, worker->intent, &row, &error_));
    g_assert_cmpuint(row->intents & worker->intent, ==, worker->intent);
    return NULL;
}

static gpointer race_both(gpointer data)
{
    Worker *worker = data;
    return worker->intent ? intend(worker) : count_up(worker);
}

/* No update is lost, and no intent, while four count and four intend. */
static void test_update_race(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwMigration) row = sample_migration(UUID_A);
    row->attempts = 0;
    row->intents = 0;
    assert_ok(gw_store_migration_add(fixture->store, row, &error_));
    Worker workers[THREADS];
    for (guint i = 0; i < THREADS; i++)
        workers[i] = (Worker){fixture->store, row->id, i < 4 ? 0 : 1u << (i - 4), 0};
    race(race_both, workers, THREADS);
    g_autoptr(GwMigration) end = read_migration(fixture->store, row->id);
    g_assert_cmpuint(end->attempts, ==, 4 * ROUNDS);
    g_assert_cmpuint(end->version, ==, 4 * ROUNDS + 1);
    g_assert_cmpuint(end->intents, ==, 0xf);
}

/* A writer in the middle of its transaction keeps nobody from reading what was there before. */
static void test_read_while_writing(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwMigration) row = sample_migration(UUID_A);
    assert_ok(gw_store_migration_add(fixture->store, row, &error_));
    g_autoptr(GwSession) writer = gw_session_begin(fixture->store, GW_ACCESS_WRITE, NULL);
    assert_ok(gw_session_run(writer, "DELETE FROM migrations", NULL, 0, &error_));
    g_autoptr(GwMigration) seen = read_migration(fixture->store, row->id);
    assert_migration_equal(row, seen); /* and what is not committed is undone at the end of the scope */
}

/* More readers at once than there are connections wait for each other, and all are served. */
static gpointer read_often(gpointer data)
{
    Worker *worker = data;
    for (guint i = 0; i < ROUNDS; i++)
        gw_migration_free(read_migration(worker->store, worker->id));
    return NULL;
}

static void test_many_readers(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwMigration) row = sample_migration(UUID_A);
    assert_ok(gw_store_migration_add(fixture->store, row, &error_));
    GThread *threads[3 * THREADS];
    Worker worker = {.store = fixture->store, .id = row->id};
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("reader", read_often, &worker);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
}

/* ---- No room */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    limit.rlim_cur = bytes;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
}

/* A file that may not grow stands for a full disk: the write fails and says so, what was there stays, and when there is
 * room again the store goes on without being opened anew. */
static void test_no_room(Fixture *fixture, gconstpointer data)
{
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit before;
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &before), ==, 0);
    limit_files(512 * 1024);
    guint added = 0;
    g_autoptr(GError) error = NULL;
    while (!error && added < 10000) {
        g_autofree char *uuid = g_uuid_string_random();
        g_autoptr(GwMigration) row = sample_migration(uuid);
        added += gw_store_migration_add(fixture->store, row, &error);
    }
    limit_files(before.rlim_cur);
    g_assert_error(error, GW_ERROR, GW_ERROR_STORE);
    g_assert_nonnull(strstr(error->message, fixture->path));
    g_autoptr(GwMigration) row = sample_migration(UUID_A);
    assert_ok(gw_store_migration_add(fixture->store, row, &error_));
    fixture_reopen(fixture);
    GwMigrationQuery query = {0};
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_migrations(fixture->store, &query, &rows, &error_));
    g_assert_cmpuint(rows->len, ==, added + 1);
}

/* ---- Killed */

static void say(int fd, gint64 number)
{
    if (write(fd, &number, sizeof number) != sizeof number)
        _exit(2);
}

/* Adds migrations and carries each through two updates, and says so after each call has returned. Never returns. */
static void write_for_ever(const char *place, int fd)
{
    g_random_set_seed((guint32)getpid()); /* otherwise every child draws the same UUIDs */
    GwStore *store = open_place(place, NULL);
    if (!store)
        _exit(3);
    for (;;) {
        g_autofree char *uuid = g_uuid_string_random();
        g_autoptr(GwMigration) row = sample_migration(uuid);
        for (guint version = 1; version <= 3; version++) {
            row->attempts = version;
            if (version == 1 ? !gw_store_migration_add(store, row, NULL) : !gw_store_migration_update(store, row, NULL))
                _exit(4);
            say(fd, row->id * 10 + version);
        }
    }
}

/* Every acknowledged write of the killed child, by id, to its newest acknowledged version. */
static GHashTable *listen_until_dead(int fd)
{
    GHashTable *versions = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    gint64 number;
    while (read(fd, &number, sizeof number) == sizeof number) {
        gint64 id = number / 10;
        g_hash_table_insert(versions, g_memdup2(&id, sizeof id), GUINT_TO_POINTER(number % 10));
    }
    return versions;
}

static GHashTable *run_and_kill(const char *place, guint after_ms)
{
    int pipes[2];
    g_assert_cmpint(pipe(pipes), ==, 0);
    pid_t child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        close(pipes[0]);
        write_for_ever(place, pipes[1]);
    }
    close(pipes[1]);
    g_usleep(after_ms * 1000);
    kill(child, SIGKILL);
    GHashTable *versions = listen_until_dead(pipes[0]);
    close(pipes[0]);
    int status;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmphex(status, ==, SIGKILL);
    return versions;
}

static void assert_kept(GwStore *store, GHashTable *versions)
{
    GHashTableIter iter;
    gpointer id, version;
    g_hash_table_iter_init(&iter, versions);
    while (g_hash_table_iter_next(&iter, &id, &version)) {
        g_autoptr(GwMigration) row = read_migration(store, *(gint64 *)id);
        /* one more may have been written than was said */
        g_assert_cmpuint(row->version, >=, GPOINTER_TO_UINT(version));
        g_assert_cmpuint(row->version, <=, GPOINTER_TO_UINT(version) + 1);
        g_assert_cmpuint(row->attempts, ==, row->version);
        g_assert_nonnull(row->plan);
    }
}

static void test_kill(Fixture *fixture, gconstpointer data)
{
    guint acknowledged = 0;
    for (guint round = 0; round < 8; round++) {
        g_clear_pointer(&fixture->store, gw_store_close);
        g_autoptr(GHashTable) versions = run_and_kill(fixture->place, 40 + round * 23);
        fixture_reopen(fixture); /* runs the integrity check */
        assert_kept(fixture->store, versions);
        acknowledged += g_hash_table_size(versions);
    }
    g_assert_cmpuint(acknowledged, >, 0);
    GwMigrationQuery query = {0};
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_migrations(fixture->store, &query, &rows, &error_));
    g_assert_cmpuint(rows->len, >=, acknowledged);
    g_assert_cmpuint(rows->len, <=, acknowledged + 8); /* each kill may leave one that was not yet said */
    g_test_message("%u migrations acknowledged, %u stored", acknowledged, rows->len);
}

/* ---- Costs, on the disk that TMPDIR is on */

static int compare(gconstpointer a, gconstpointer b)
{
    return *(const gint64 *)a < *(const gint64 *)b ? -1 : *(const gint64 *)a > *(const gint64 *)b;
}

static void report(const char *what, gint64 *times_us, guint count)
{
    qsort(times_us, count, sizeof *times_us, compare);
    g_test_minimized_result(times_us[count / 2] / 1000.0, "%s: median %.3f ms, 99 %% below %.3f ms, worst %.3f ms",
                            what, times_us[count / 2] / 1000.0, times_us[count * 99 / 100] / 1000.0,
                            times_us[count - 1] / 1000.0);
}

static void test_cost(Fixture *fixture, gconstpointer data)
{
    enum { COUNT = 3000 };
    g_autofree gint64 *update_us = g_new(gint64, COUNT), *progress_us = g_new(gint64, COUNT),
                      *read_us = g_new(gint64, COUNT);
    g_autoptr(GwMigration) row = sample_migration(UUID_A);
    g_free(row->plan->definition);
    row->plan->definition = g_strnfill(8192, 'x'); /* as long as a real domain's */
    assert_ok(gw_store_migration_add(fixture->store, row, &error_));
    for (guint i = 0; i < COUNT; i++) {
        gint64 start = g_get_monotonic_time();
        row->state = i % 2 ? GW_MIGRATION_RUNNING : GW_MIGRATION_SETTLING;
        assert_ok(gw_store_migration_update(fixture->store, row, &error_));
        update_us[i] = g_get_monotonic_time() - start;
        start = g_get_monotonic_time();
        assert_ok(gw_store_migration_progress(fixture->store, row, GW_PROGRESS_KEEP, &error_));
        progress_us[i] = g_get_monotonic_time() - start;
        start = g_get_monotonic_time();
        gw_migration_free(read_migration(fixture->store, row->id));
        read_us[i] = g_get_monotonic_time() - start;
    }
    report("migration_update (durable)", update_us, COUNT);
    report("migration_progress", progress_us, COUNT);
    report("one migration read", read_us, COUNT);
}

static void test_cache_cost(Fixture *fixture, gconstpointer data)
{
    enum { COUNT = 50, INSTANCES = 200 };
    gint64 times_us[COUNT];
    add_host(fixture->store, "HostB", "qemu:///b");
    g_autoptr(GPtrArray) instances = g_ptr_array_new_with_free_func((GDestroyNotify)gw_instance_unref);
    for (guint i = 0; i < INSTANCES; i++) {
        g_autofree char *uuid = g_uuid_string_random();
        g_ptr_array_add(instances, sample_instance(uuid));
    }
    for (guint i = 0; i < COUNT; i++) {
        gint64 start = g_get_monotonic_time();
        assert_ok(gw_store_cache_put(fixture->store, "HostB", instances, NULL, i + 1, &error_));
        times_us[i] = g_get_monotonic_time() - start;
    }
    report("cache_put of 200 instances, unchanged", times_us, COUNT);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("race/add", test_add_race);
    ADD("race/update-and-intend", test_update_race);
    ADD("race/read-while-writing", test_read_while_writing);
    ADD("race/many-readers", test_many_readers);
    if (!on_postgres())
        ADD("no-room", test_no_room);
    ADD("kill", test_kill);
    if (g_test_perf()) {
        ADD("cost/migration", test_cost);
        ADD("cost/cache", test_cache_cost);
    }
    return g_test_run();
}
