/* What the tests of the store share: a store in a folder of its own, and values with every field set. */
#ifndef GW_TESTS_STORE_FIXTURE_H
#define GW_TESTS_STORE_FIXTURE_H

#include "base/error.h"
#include "store/store.h"

#include <glib.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwStore, gw_store_close)

typedef struct {
    char *folder;
    char *path;  /* SQLite's file */
    char *place; /* that, or the address of a PostgreSQL database of its own: where with-postgres runs the test */
    GwStore *store;
} Fixture;

gboolean on_postgres(void);
char *postgres_uri(const char *database);
void postgres_run(const char *database, const char *sql);
GwStore *open_place(const char *place, GError **error);

void fixture_up(Fixture *fixture, gconstpointer data);
void fixture_down(Fixture *fixture, gconstpointer data);
void fixture_reopen(Fixture *fixture);

#define ADD(name, function) g_test_add("/store/" name, Fixture, NULL, fixture_up, function, fixture_down)

#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        g_autoptr(GError) error_ = NULL;                                                                               \
        gboolean ok_ = (call);                                                                                         \
        g_assert_no_error(error_);                                                                                     \
        g_assert_true(ok_);                                                                                            \
    } while (0)
/* The call must fail with this code, and its message must hold every text listed. */
void assert_fails(gboolean ok, GError *error /* taken */, GwErrorCode code, ...) G_GNUC_NULL_TERMINATED;

#define UUID_A "11111111-1111-4111-8111-111111111111"
#define UUID_B "22222222-2222-4222-8222-222222222222"

GwInstance *sample_instance(const char *uuid);
GwPlan *sample_plan(void);
GwMigration *sample_migration(const char *instance_uuid); /* RUNNING, every field set */
void assert_plan_equal(const GwPlan *a, const GwPlan *b);
void assert_instance_equal(const GwInstance *a, const GwInstance *b);
void assert_migration_equal(const GwMigration *a, const GwMigration *b);
/* The migration of that id; never NULL. */
GwMigration *read_migration(GwStore *store, gint64 id);
void add_host(GwStore *store, const char *name, const char *uri);

/* What a database of any schema there has been may hold, in its own words; and that it is all there, and can be used. */
#define OLD_ROWS                                                                                                       \
    "INSERT INTO hosts (uuid, name, uri, enabled, forced_down, created_us, updated_us)"                                \
    " VALUES ('u', 'HostB', 'qemu:///b', 1, 0, 1, 2);"                                                                 \
    "INSERT INTO migrations (uuid, instance_uuid, instance_name, kind, state, end_state, final, block, source, intents, attempts,"  \
    " created_us, updated_us, started_us, ended_us, state_since_us, version, elapsed_ms, downtime_ms, memory_total,"   \
    " memory_processed, memory_remaining, disk_total, disk_processed, disk_remaining, memory_bps, dirty_bps, iteration," \
    " throttle_percent) VALUES ('m', '" UUID_A "', 'old', 'live-migration', 'accepted', 'failed', 0, 'auto', 'HostB', 0, 0," \
    " 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)"
void assert_old_rows(GwStore *store);

#endif
