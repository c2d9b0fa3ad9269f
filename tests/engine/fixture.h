/* An engine over a real store (SQLite; or PostgreSQL, with a second daemon beside it) and a simulated world whose clock runs fast: HostA, HostB and HostC. */
#ifndef GW_TESTS_ENGINE_FIXTURE_H
#define GW_TESTS_ENGINE_FIXTURE_H

#include "drivers/sim/sim_world.h"
#include "engine/engine.h"

enum { HASTE = 50 }; /* how much faster than real time the world and the loop's patience go */

typedef struct {
    char *world_name, *folder, *database;
    GwSimWorld *world;
    GwStore *store;
    GPtrArray *store_ops; /* of every store that is open: fixture.c */
    GwEngine *engine;
    GwStore *peer_store; /* where with-postgres runs the test: */
    GwEngine *peer;      /* another daemon on the same database, in the same world; NULL elsewhere */
    guint64 flags; /* beside the usual ones; read when the engine starts, as is */
    const char *policy; /* the name of a GwPolicy, or NULL */
    guint64 link_mibps; /* migration_link_bandwidth; likewise read when the engine starts */
    guint64 timeout_s; /* live_migration_completion_timeout, 0: 800; likewise */
    guint look_s; /* inventory_interval, 0: 1; likewise */
    guint call_timeout_ms; /* host_call_timeout, 0: 200; likewise */
    guint turns; /* max_concurrent_live_migrations, 0: any number; likewise */
    const GwFlavor *flavor; /* what fixture_move asks for with GW_MOVE_RESIZE */
} Fixture;

void fixture_open(Fixture *f, const char *world_name, guint64 flags);
void fixture_open_with(Fixture *f, const char *world_name, guint64 flags, const char *policy);
/* Every daemon with this max_concurrent_live_migrations. */
void fixture_open_turns(Fixture *f, const char *world_name, guint64 flags, guint turns);
/* Fails when something happened in the world that must never happen. */
void fixture_close(Fixture *f);
/* Ends the engine as SIGTERM does and begins another over the same store: copies go on meanwhile. */
void fixture_stop(Fixture *f);
void fixture_start(Fixture *f);

/* While full nothing can be recorded, as on a disk without room. */
void fixture_set_full(Fixture *f, gboolean full);

/* How often the migration was looked at, by any daemon: each look reads its row anew. */
guint fixture_looks(Fixture *f, gint64 id);

/* A running instance on host with one disk of 10 GiB. The uuid is valid as long as the world. */
const char *fixture_add(Fixture *f, const char *host, const char *name, guint64 memory_mib, GwSimStorage storage,
                        GwPower power);
/* Asks every host for everything and waits for the answers; hosts that do not answer for long are passed over. */
void fixture_refresh(Fixture *f);

/* One of the world's hosts, which the engine does not know any more. */
void fixture_add_host(Fixture *f, const char *name);

/* Asks one host; FALSE when it does not answer. */
gboolean fixture_ask(Fixture *f, const char *host);

/* Submits; 0 when it is refused at once. */
gint64 fixture_move(Fixture *f, const char *uuid, const char *dest, GwMoveKind kind);
/* Waits until it is final or in the hoped state, 60 s at most. Owned by the caller. */
GwMigration *fixture_wait(Fixture *f, gint64 id, GwMigrationState hoped);
GwMigration *fixture_row(Fixture *f, gint64 id);
/* Waits until the engine shows no migration of it any more: a moment after the store does. */
void fixture_settle(Fixture *f, const char *uuid);
/* Where the instance is shown once no migration of it is under way. */
void fixture_assert_home(Fixture *f, const char *uuid, const char *host);
/* It runs there, too. */
void fixture_assert_runs_on(Fixture *f, const char *uuid, const char *host);
/* Waits until some event of that name tells that, in the instance's newest action. */
void fixture_assert_event(Fixture *f, const char *uuid, const char *event, const char *details);
/* Number of files in the folder mounted at path on host. */
guint fixture_files(Fixture *f, const char *host, const char *path);

#define ASSERT_ENDS(f, id, what)                                                                                       \
    do {                                                                                                               \
        g_autoptr(GwMigration) row_ = fixture_wait(f, id, GW_MIGRATION_##what);                                                          \
        g_test_message("%s", row_->reason ? row_->reason : "");                                                        \
        g_assert_cmpstr(gw_migration_state_name(row_->state), ==, gw_migration_state_name(GW_MIGRATION_##what));       \
    } while (0)

#endif
