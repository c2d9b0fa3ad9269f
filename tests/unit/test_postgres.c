/* PostgreSQL's own promises: its schema, who may use a database, and what becomes of a commit when the connection breaks around it. Run
 * by tests/postgres/with-postgres. */
#include "store_fixture.h"

#include "pg_proxy.h"
#include "store/database.h"
#include "store/pg_schema.h"
#include "store/schema.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct {
    Fixture base;
    char *folder, *database;
    Proxy *proxy;
    GwStore *store; /* through the door */
} Door;

static void door_up(Door *door, gconstpointer data)
{
    fixture_up(&door->base, data);
    door->folder = g_dir_make_tmp("godwit-door-XXXXXX", NULL);
    door->proxy = proxy_new(door->folder, g_getenv("GODWIT_POSTGRES"));
    const char *begin = strstr(door->base.place, "@/") + 2;
    door->database = g_strndup(begin, (gsize)(strchr(begin, '?') - begin));
    g_autofree char *uri = g_strdup_printf("postgresql://godwit@/%s?host=%s", door->database, door->folder);
    g_autoptr(GError) error = NULL;
    door->store = gw_store_open_postgres(uri, &error);
    g_assert_no_error(error);
}

static void door_down(Door *door, gconstpointer data)
{
    proxy_set(door->proxy, PROXY_PASS);
    gw_store_close(door->store);
    proxy_free(door->proxy);
    g_rmdir(door->folder);
    g_free(door->folder);
    g_free(door->database);
    fixture_down(&door->base, data);
}

static guint count_migrations(GwStore *store)
{
    GwMigrationQuery query = {0};
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_migrations(store, &query, &rows, &error_));
    return rows->len;
}

/* ---- commits around which the connection breaks */

/* What the caller hears is what the database holds, both times. */
static void test_lost_answer(Door *door, gconstpointer data)
{
    g_autoptr(GwMigration) row = sample_migration(UUID_A);
    proxy_set(door->proxy, PROXY_LOSE_ANSWER);
    assert_ok(gw_store_migration_add(door->store, row, &error_));
    g_assert_cmpuint(count_migrations(door->base.store), ==, 1);
    row->attempts = 77;
    proxy_set(door->proxy, PROXY_LOSE_ANSWER);
    assert_ok(gw_store_migration_update(door->store, row, &error_));
    g_autoptr(GwMigration) kept = read_migration(door->base.store, row->id);
    assert_migration_equal(row, kept);
}

static void test_lost_commit(Door *door, gconstpointer data)
{
    g_autoptr(GwMigration) row = sample_migration(UUID_A);
    GError *error = NULL;
    proxy_set(door->proxy, PROXY_LOSE_COMMIT);
    gboolean ok = gw_store_migration_add(door->store, row, &error);
    assert_fails(ok, error, GW_ERROR_STORE, "nothing of it is kept", "try again", NULL);
    g_assert_cmpuint(count_migrations(door->base.store), ==, 0);
    assert_ok(gw_store_migration_add(door->store, row, &error_)); /* the next one goes through */
}

/* The answer waits until the old transaction has ended: here it is kept, a second after its client was cut off. */
static void test_late_commit(Door *door, gconstpointer data)
{
    g_autoptr(GwMigration) row = sample_migration(UUID_A);
    proxy_set(door->proxy, PROXY_DELAY_COMMIT);
    assert_ok(gw_store_migration_add(door->store, row, &error_));
    g_assert_cmpuint(count_migrations(door->base.store), ==, 1);
}

/* A server that says nothing any more is left alone after a bounded time, and used again when it is back. */
static void test_hung(Door *door, gconstpointer data)
{
    g_autoptr(GwMigration) row = sample_migration(UUID_A);
    assert_ok(gw_store_migration_add(door->store, row, &error_));
    proxy_set(door->proxy, PROXY_MUTE);
    gint64 start = g_get_monotonic_time();
    GError *error = NULL;
    gboolean ok = gw_store_migration_update(door->store, row, &error);
    gint64 took_ms = (g_get_monotonic_time() - start) / 1000;
    assert_fails(ok, error, GW_ERROR_STORE, NULL);
    g_assert_cmpint(took_ms, <, 30000);
    g_autoptr(GError) again = NULL;
    start = g_get_monotonic_time();
    g_assert_false(gw_store_migration_update(door->store, row, &again)); /* now it is known to be away: said soon */
    g_assert_cmpint((g_get_monotonic_time() - start) / 1000, <, 5000);
    proxy_set(door->proxy, PROXY_PASS);
    g_usleep(1200 * 1000);
    assert_ok(gw_store_migration_update(door->store, row, &error_));
}

static void control(const char *order)
{
    g_autofree char *program = g_build_filename(g_getenv("GODWIT_POSTGRES"), "ctl", NULL);
    const char *const argv[] = {program, order, NULL};
    int status;
    g_autoptr(GError) error = NULL;
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL, &status, &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
}

typedef struct {
    GwStore *store;
    int stop; /* atomic */
    GArray *kept; /* of gint64: versions by row: id * 100000 + attempts */
    guint failures;
} Writer;

static gpointer write_on(gpointer data)
{
    Writer *writer = data;
    while (!g_atomic_int_get(&writer->stop)) {
        g_autofree char *uuid = g_uuid_string_random();
        g_autoptr(GwMigration) row = sample_migration(uuid);
        row->attempts = 0;
        if (!gw_store_migration_add(writer->store, row, NULL)) {
            writer->failures++;
            continue;
        }
        for (guint i = 0; i < 5; i++) {
            row->attempts++;
            if (!gw_store_migration_update(writer->store, row, NULL)) {
                row->attempts--; /* said not to be kept */
                writer->failures++;
            }
        }
        gint64 said = row->id * 100 + row->attempts;
        g_array_append_val(writer->kept, said);
    }
    return NULL;
}

/* The server crashes again and again under four writers: what was said to be kept is kept, what was said to be lost is not, and
 * nothing is written twice. */
static void test_crashes(Fixture *fixture, gconstpointer data)
{
    enum { WRITERS = 4, CRASHES = 5 };
    Writer writers[WRITERS];
    GThread *threads[WRITERS];
    for (guint i = 0; i < WRITERS; i++) {
        writers[i] = (Writer){.store = fixture->store, .kept = g_array_new(FALSE, FALSE, sizeof(gint64))};
        threads[i] = g_thread_new("writer", write_on, &writers[i]);
    }
    for (guint i = 0; i < CRASHES; i++) {
        g_usleep(300 * 1000 + (gulong)g_random_int_range(0, 100000));
        control("crash");
        control("start");
    }
    g_usleep(300 * 1000);
    guint said = 0, failures = 0;
    for (guint i = 0; i < WRITERS; i++)
        g_atomic_int_set(&writers[i].stop, 1);
    for (guint i = 0; i < WRITERS; i++) {
        g_thread_join(threads[i]);
        said += writers[i].kept->len;
        failures += writers[i].failures;
    }
    g_test_message("%u migrations, %u writes failed over %u crashes", said, failures, (guint)CRASHES);
    g_assert_cmpuint(count_migrations(fixture->store), ==, said);
    for (guint i = 0; i < WRITERS; i++) {
        for (guint j = 0; j < writers[i].kept->len; j++) {
            gint64 what = g_array_index(writers[i].kept, gint64, j);
            g_autoptr(GwMigration) row = read_migration(fixture->store, what / 100);
            g_assert_cmpint(row->attempts, ==, what % 100);
            g_assert_cmpint((gint64)row->version, ==, what % 100 + 1);
        }
        g_array_unref(writers[i].kept);
    }
}

/* A reader's connection that the server ended while it was idle is replaced without a word. */
static void test_restart(Fixture *fixture, gconstpointer data)
{
    add_host(fixture->store, "HostB", "qemu:///b");
    g_autoptr(GPtrArray) before = NULL, after = NULL;
    assert_ok(gw_store_hosts(fixture->store, &before, &error_));
    control("stop");
    control("start");
    assert_ok(gw_store_hosts(fixture->store, &after, &error_));
    g_assert_cmpuint(after->len, ==, 1);
    add_host(fixture->store, "HostC", "qemu:///c");
}

/* A daemon that stands still in the midst of a transaction keeps the others waiting only so long. */
static void test_idle_writer(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwStore) other = gw_store_open_postgres(fixture->place, &error);
    g_assert_no_error(error);
    g_autoptr(GwSession) idle = gw_session_begin(other, GW_ACCESS_WRITE, &error);
    assert_ok(gw_session_run(idle, "UPDATE hosts SET enabled = 0", NULL, 0, &error_));
    gint64 start = g_get_monotonic_time();
    add_host(fixture->store, "HostB", "qemu:///b");
    g_assert_cmpint((g_get_monotonic_time() - start) / 1000, <, 6000);
    g_assert_false(gw_session_commit(idle, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_STORE);
}

/* ---- the schema */

static void test_translation(Fixture *fixture, gconstpointer data)
{
    g_autofree char *text = gw_pg_schema_translate("CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER, f REAL, t TEXT NOT NULL,"
                                                   " INTEGERS TEXT) WITHOUT ROWID;");
    g_assert_cmpstr(text, ==,
                    "CREATE TABLE a (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, n BIGINT, f DOUBLE PRECISION,"
                    " t TEXT COLLATE \"C\" NOT NULL, INTEGERS TEXT COLLATE \"C\");");
}

static void assert_refused(const char *place, const char *says, const char *says_too)
{
    GError *error = NULL;
    GwStore *store = gw_store_open_postgres(place, &error);
    assert_fails(store != NULL, error, GW_ERROR_STORE, says, says_too, NULL);
}

static void test_newer(Fixture *fixture, gconstpointer data)
{
    const char *begin = strstr(fixture->place, "@/") + 2;
    g_autofree char *database = g_strndup(begin, (gsize)(strchr(begin, '?') - begin));
    postgres_run(database, "UPDATE godwit_schema SET version = 99");
    g_autofree char *known = g_strdup_printf("knows schemas up to %u: run the newer Godwit", gw_schema_count);
    assert_refused(fixture->place, "has schema 99 of a newer Godwit", known);
    /* neither does one that runs already: its next connection is refused */
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_false(gw_store_hosts(fixture->store, &rows, &error));
    g_assert_nonnull(strstr(error->message, "newer Godwit"));
}

static void test_other_program(Fixture *fixture, gconstpointer data)
{
    postgres_run("postgres", "CREATE DATABASE other_program");
    postgres_run("other_program", "CREATE TABLE things (id INTEGER)");
    g_autofree char *uri = postgres_uri("other_program");
    assert_refused(uri, "is a database of another program", "createdb");
}

/* A database of every schema there has been is brought forward, and what was in it is kept; twice does no harm. */
static void test_forward(Fixture *fixture, gconstpointer data)
{
    for (guint version = 1; version <= gw_schema_count; version++) {
        g_autofree char *name = g_strdup_printf("forward_%u", version);
        g_autofree char *sql = g_strdup_printf("CREATE DATABASE %s", name);
        postgres_run("postgres", sql);
        g_autofree char *uri = postgres_uri(name);
        GwStore none = {fixture->store->ops};
        g_autoptr(GwPgConnection) connection = gw_pg_connection_open(&none, uri, name, NULL);
        assert_ok(gw_pg_schema_bring_forward(connection, gw_schema_steps, version, &error_));
        assert_ok(gw_pg_schema_bring_forward(connection, gw_schema_steps, version, &error_));
        postgres_run(name, OLD_ROWS);
        g_autoptr(GError) error = NULL;
        g_autoptr(GwStore) store = gw_store_open_postgres(uri, &error);
        g_assert_no_error(error);
        assert_old_rows(store);
    }
}

/* A step that fails half way leaves the schema as it was. */
static void test_failing_step(Fixture *fixture, gconstpointer data)
{
    const char *const steps[] = {"CREATE TABLE a (x INTEGER);", "DROP TABLE a; INSERT INTO nowhere VALUES (1);"};
    postgres_run("postgres", "CREATE DATABASE failing");
    g_autofree char *uri = postgres_uri("failing");
    GwStore none = {fixture->store->ops};
    g_autoptr(GwPgConnection) connection = gw_pg_connection_open(&none, uri, "failing", NULL);
    assert_ok(gw_pg_schema_bring_forward(connection, steps, 1, &error_));
    GError *error = NULL;
    gboolean ok = gw_pg_schema_bring_forward(connection, steps, 2, &error);
    assert_fails(ok, error, GW_ERROR_STORE, "bringing schema 1 forward to 2", "nowhere", NULL);
    postgres_run("failing", "SELECT x FROM a");
}

static void test_unreachable(Fixture *fixture, gconstpointer data)
{
    assert_refused("postgresql://godwit@/none?host=/nowhere", "PostgreSQL database none at /nowhere", "start the server");
    g_autofree char *uri = postgres_uri("absent");
    assert_refused(uri, "does not exist", "log");
}

/* What is said is never the password. */
static void test_password(Fixture *fixture, gconstpointer data)
{
    static const char *const uris[] = {"postgresql://godwit:secret@/x", "postgresql://godwit@/x?password=secret",
                                       "postgresql://godwit:secret@/x?nonsense=1"};
    for (guint i = 0; i < G_N_ELEMENTS(uris); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(gw_store_open_postgres(uris[i], &error));
        g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
        g_assert_null(strstr(error->message, "secret"));
    }
}

#define ADD_PG(name, function) g_test_add("/postgres/" name, Fixture, NULL, fixture_up, function, fixture_down)
#define ADD_DOOR(name, function) g_test_add("/postgres/" name, Door, NULL, door_up, function, door_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD_PG("schema/translation", test_translation);
    ADD_PG("schema/newer", test_newer);
    ADD_PG("schema/other-program", test_other_program);
    ADD_PG("schema/forward", test_forward);
    ADD_PG("schema/failing-step", test_failing_step);
    ADD_PG("unreachable", test_unreachable);
    ADD_PG("password", test_password);
    ADD_DOOR("commit/answer-lost", test_lost_answer);
    ADD_DOOR("commit/lost", test_lost_commit);
    ADD_DOOR("commit/late", test_late_commit);
    ADD_DOOR("hung", test_hung);
    ADD_PG("restart", test_restart);
    ADD_PG("crashes", test_crashes);
    ADD_PG("idle-writer", test_idle_writer);
    return g_test_run();
}
