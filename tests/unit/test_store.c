/* The database file: who may read it, when it is refused, and how it is brought forward. */
#include "store_fixture.h"

#include "store/schema.h"
#include "store/sqlite_schema.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void execute(const char *path, const char *sql)
{
    sqlite3 *db;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(db);
}

static void shut(Fixture *fixture)
{
    g_clear_pointer(&fixture->store, gw_store_close);
}

static void assert_refused(const char *path, const char *says, const char *says_too)
{
    GError *error = NULL;
    GwStore *store = gw_store_open_sqlite(path, &error);
    assert_fails(store != NULL, error, GW_ERROR_STORE, path, says, says_too, NULL);
}

static void test_private(Fixture *fixture, gconstpointer data)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *path = g_strconcat(fixture->path, suffixes[i], NULL);
        struct stat status;
        g_assert_cmpint(stat(path, &status), ==, 0);
        g_assert_cmpint(status.st_mode & 0777, ==, 0600);
    }
    shut(fixture);
    g_chmod(fixture->path, 0644);
    fixture_reopen(fixture);
    struct stat status;
    g_assert_cmpint(stat(fixture->path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
}

static void test_newer(Fixture *fixture, gconstpointer data)
{
    shut(fixture);
    execute(fixture->path, "PRAGMA user_version = 99");
    g_autofree char *known = g_strdup_printf("schemas up to %u: run the newer Godwit", gw_schema_count);
    assert_refused(fixture->path, "has schema 99 of a newer Godwit", known);
}

static void test_other_program(Fixture *fixture, gconstpointer data)
{
    g_autofree char *path = g_build_filename(fixture->folder, "other.db", NULL);
    execute(path, "CREATE TABLE things (id INTEGER)");
    assert_refused(path, "a database of another program", "name another file in the option `database`");
}

static void test_not_a_database(Fixture *fixture, gconstpointer data)
{
    g_autofree char *path = g_build_filename(fixture->folder, "text.db", NULL);
    g_assert_true(g_file_set_contents(path, "I am a poem, not a database, and long enough to be looked at.", -1, NULL));
    assert_refused(path, "the database is damaged", "restore a copy of it, or move it away");
}

/* Overwrites all pages but the first, as a failing disk would. */
static void test_damaged(Fixture *fixture, gconstpointer data)
{
    add_host(fixture->store, "HostB", "qemu:///b");
    shut(fixture);
    g_autofree char *bytes = NULL;
    gsize size;
    g_assert_true(g_file_get_contents(fixture->path, &bytes, &size, NULL));
    memset(bytes + 4096, 0xa5, size - 4096);
    g_assert_true(g_file_set_contents(fixture->path, bytes, (gssize)size, NULL));
    assert_refused(fixture->path, "the database is damaged", "no instance is");
}

static void test_no_folder(Fixture *fixture, gconstpointer data)
{
    g_autofree char *path = g_build_filename(fixture->folder, "absent", "godwit.db", NULL);
    g_autofree char *folder = g_path_get_dirname(path);
    assert_refused(path, "there is no folder", folder);
}

static void test_unwritable(Fixture *fixture, gconstpointer data)
{
    g_autofree char *folder = g_build_filename(fixture->folder, "locked", NULL);
    g_autofree char *path = g_build_filename(folder, "godwit.db", NULL);
    g_assert_cmpint(g_mkdir(folder, 0555), ==, 0);
    gboolean root = geteuid() == 0;
    if (root) { /* whom no mode stops */
        g_chmod(fixture->folder, 0755);
        g_assert_cmpint(seteuid(65534), ==, 0);
    }
    GError *error = NULL;
    GwStore *store = gw_store_open_sqlite(path, &error);
    if (root)
        g_assert_cmpint(seteuid(0), ==, 0);
    g_rmdir(folder);
    assert_fails(store != NULL, error, GW_ERROR_STORE, path, "Permission denied", "let the user that runs godwitd",
                 NULL);
}

static void test_second_daemon(Fixture *fixture, gconstpointer data)
{
    assert_refused(fixture->path, "another godwitd uses this database", "give this one another `database`");
}

/* A file of every schema there has been is brought forward, and what was in it is kept. */
static void test_forward(Fixture *fixture, gconstpointer data)
{
    for (guint version = 1; version <= gw_schema_count; version++) {
        g_autofree char *path = g_strdup_printf("%s/v%u.db", fixture->folder, version);
        sqlite3 *db;
        g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
        assert_ok(gw_schema_bring_forward(db, path, gw_schema_steps, version, &error_));
        g_assert_cmpint(sqlite3_exec(db, OLD_ROWS, NULL, NULL, NULL), ==, SQLITE_OK);
        sqlite3_close(db);
        g_autoptr(GError) error = NULL;
        g_autoptr(GwStore) store = gw_store_open_sqlite(path, &error);
        g_assert_no_error(error);
        assert_old_rows(store);
    }
}

static const char *pragma(sqlite3 *db, const char *sql)
{
    static char answer[32];
    sqlite3_stmt *statement;
    g_assert_cmpint(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_step(statement), ==, SQLITE_ROW);
    g_strlcpy(answer, (const char *)sqlite3_column_text(statement, 0), sizeof answer);
    sqlite3_finalize(statement);
    return answer;
}

/* The steps to come, played with steps that are made up: the second runs once, on what the first left; a third that
 * fails half way leaves schema 2 as it was. */
static void test_forward_steps(Fixture *fixture, gconstpointer data)
{
    const char *const steps[] = {"CREATE TABLE a (x); INSERT INTO a VALUES (1);",
                                 "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x + 1;",
                                 "DROP TABLE a; INSERT INTO nowhere VALUES (1);"};
    sqlite3 *db;
    g_autofree char *path = g_build_filename(fixture->folder, "steps.db", NULL);
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    assert_ok(gw_schema_bring_forward(db, path, steps, 1, &error_));
    g_assert_cmpstr(pragma(db, "PRAGMA user_version"), ==, "1");
    assert_ok(gw_schema_bring_forward(db, path, steps, 2, &error_));
    assert_ok(gw_schema_bring_forward(db, path, steps, 2, &error_));
    g_assert_cmpstr(pragma(db, "PRAGMA user_version"), ==, "2");
    g_assert_cmpstr(pragma(db, "SELECT y FROM a"), ==, "2");
    GError *error = NULL;
    gboolean ok = gw_schema_bring_forward(db, path, steps, 3, &error);
    assert_fails(ok, error, GW_ERROR_STORE, "bringing schema 2 forward to 3", "nowhere", NULL);
    g_assert_cmpstr(pragma(db, "PRAGMA user_version"), ==, "2");
    g_assert_cmpstr(pragma(db, "SELECT y FROM a"), ==, "2");
    sqlite3_close(db);
}

/* A crash between the making of the file and of its schema leaves an empty file. */
static void test_empty_file(Fixture *fixture, gconstpointer data)
{
    g_autofree char *path = g_build_filename(fixture->folder, "empty.db", NULL);
    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    g_autoptr(GError) error = NULL;
    g_autoptr(GwStore) store = gw_store_open_sqlite(path, &error);
    g_assert_no_error(error);
    add_host(store, "HostB", "qemu:///b");
}

typedef struct {
    GwStore *store;
    int written; /* atomic; -1: enough */
} Writer;

static gpointer write_on(gpointer data)
{
    Writer *writer = data;
    while (g_atomic_int_get(&writer->written) >= 0) {
        g_autofree char *uuid = g_uuid_string_random();
        g_autoptr(GwMigration) row = sample_migration(uuid);
        assert_ok(gw_store_migration_add(writer->store, row, &error_));
        int written = g_atomic_int_get(&writer->written);
        if (written >= 0)
            g_atomic_int_compare_and_exchange(&writer->written, written, written + 1);
    }
    return NULL;
}

/* A copy made while a daemon writes is whole: every migration in it has its plan, and nothing that was written before is missing. */
static void test_backup(Fixture *fixture, gconstpointer data)
{
    g_autofree char *copy = g_build_filename(fixture->folder, "copy.db", NULL);
    add_host(fixture->store, "HostB", "qemu:///b");
    Writer writer = {fixture->store, 0};
    GThread *thread = g_thread_new("writer", write_on, &writer);
    while (g_atomic_int_get(&writer.written) < 20)
        g_usleep(1000);
    guint before = (guint)g_atomic_int_get(&writer.written);
    assert_ok(gw_store_backup_sqlite(fixture->path, copy, &error_));
    g_atomic_int_set(&writer.written, -1);
    g_thread_join(thread);
    struct stat status;
    g_assert_cmpint(stat(copy, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
    g_autoptr(GError) error = NULL;
    g_autoptr(GwStore) store = gw_store_open_sqlite(copy, &error);
    g_assert_no_error(error);
    GwMigrationQuery query = {0};
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GPtrArray) hosts = NULL;
    assert_ok(gw_store_hosts(store, &hosts, &error_));
    g_assert_cmpuint(hosts->len, ==, 1);
    assert_ok(gw_store_migrations(store, &query, &rows, &error_));
    g_assert_cmpuint(rows->len, >=, before);
    for (guint i = 0; i < rows->len; i++)
        g_assert_nonnull(((GwMigration *)rows->pdata[i])->plan);
}

static void test_backup_refused(Fixture *fixture, gconstpointer data)
{
    g_autofree char *nowhere = g_build_filename(fixture->folder, "absent", "copy.db", NULL);
    g_autofree char *absent = g_build_filename(fixture->folder, "absent.db", NULL);
    g_autofree char *copy = g_build_filename(fixture->folder, "copy.db", NULL);
    GError *error = NULL;
    gboolean ok = gw_store_backup_sqlite(fixture->path, fixture->path, &error);
    assert_fails(ok, error, GW_ERROR_STORE, fixture->path, "is not overwritten", "name a new file", NULL);
    error = NULL;
    ok = gw_store_backup_sqlite(fixture->path, nowhere, &error);
    assert_fails(ok, error, GW_ERROR_STORE, nowhere, "No such file", NULL);
    error = NULL;
    ok = gw_store_backup_sqlite(absent, copy, &error);
    assert_fails(ok, error, GW_ERROR_STORE, absent, "unable to open", NULL);
    g_assert_false(g_file_test(copy, G_FILE_TEST_EXISTS));
}

static void test_settings(Fixture *fixture, gconstpointer data)
{
    sqlite3 *db;
    g_assert_cmpint(sqlite3_open(fixture->path, &db), ==, SQLITE_OK);
    g_assert_cmpstr(pragma(db, "PRAGMA journal_mode"), ==, "wal");
    sqlite3_close(db);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("file/private", test_private);
    ADD("file/newer", test_newer);
    ADD("file/other-program", test_other_program);
    ADD("file/not-a-database", test_not_a_database);
    ADD("file/damaged", test_damaged);
    ADD("file/no-folder", test_no_folder);
    ADD("file/unwritable", test_unwritable);
    ADD("file/second-daemon", test_second_daemon);
    ADD("file/empty", test_empty_file);
    ADD("file/wal", test_settings);
    ADD("backup/while-written", test_backup);
    ADD("backup/refused", test_backup_refused);
    ADD("schema/forward", test_forward);
    ADD("schema/steps", test_forward_steps);
    return g_test_run();
}
