/* The schema, step by step, in SQLite's words; pg_schema.c translates the few that PostgreSQL does not know. A column of numbers is
 * INTEGER, a key that is given out INTEGER PRIMARY KEY AUTOINCREMENT, and anything else TEXT. */
#include "store/schema.h"

const char *const gw_schema_steps[] = {
    /* 1: the first. Times are microseconds since the epoch, 0 for not yet; enums are words. */
    "CREATE TABLE hosts ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT," /* never reused */
    " uuid TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL UNIQUE,"
    " uri TEXT NOT NULL UNIQUE,"
    " enabled INTEGER NOT NULL,"
    " disabled_reason TEXT,"
    " forced_down INTEGER NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL,"
    " seen_us INTEGER NOT NULL DEFAULT 0);" /* when its cached instances were seen */

    "CREATE TABLE cached_instances ("
    " host_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,"
    " uuid TEXT NOT NULL,"
    " value TEXT NOT NULL," /* codec.c */
    " PRIMARY KEY (host_id, uuid)) WITHOUT ROWID;"

    "CREATE TABLE migrations ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " instance_uuid TEXT NOT NULL,"
    " instance_name TEXT,"
    " kind TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " end_state TEXT NOT NULL,"
    " final INTEGER NOT NULL," /* whether state has GW_TRAIT_FINAL, for the index below */
    " block TEXT NOT NULL,"
    " source TEXT,"
    " dest TEXT,"
    " intents INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL,"
    " reason TEXT,"
    " request_id TEXT,"
    " user_id TEXT,"
    " project_id TEXT,"
    " created_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL,"
    " started_us INTEGER NOT NULL,"
    " ended_us INTEGER NOT NULL,"
    " state_since_us INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " elapsed_ms INTEGER NOT NULL,"
    " downtime_ms INTEGER NOT NULL,"
    " memory_total INTEGER NOT NULL,"
    " memory_processed INTEGER NOT NULL,"
    " memory_remaining INTEGER NOT NULL,"
    " disk_total INTEGER NOT NULL,"
    " disk_processed INTEGER NOT NULL,"
    " disk_remaining INTEGER NOT NULL,"
    " memory_bps INTEGER NOT NULL,"
    " dirty_bps INTEGER NOT NULL,"
    " iteration INTEGER NOT NULL,"
    " throttle_percent INTEGER NOT NULL);"
    /* The promise that an instance has one unfinished migration at most, whatever races. */
    "CREATE UNIQUE INDEX migrations_unfinished ON migrations (instance_uuid) WHERE final = 0;"
    "CREATE INDEX migrations_instance ON migrations (instance_uuid);"
    "CREATE INDEX migrations_source ON migrations (source);"
    "CREATE INDEX migrations_dest ON migrations (dest);"

    "CREATE TABLE plans ("
    " migration_id INTEGER PRIMARY KEY REFERENCES migrations (id) ON DELETE CASCADE,"
    " value TEXT NOT NULL);" /* codec.c */

    "CREATE TABLE actions ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " instance_uuid TEXT NOT NULL,"
    " request_id TEXT,"
    " action TEXT,"
    " user_id TEXT,"
    " project_id TEXT,"
    " message TEXT,"
    " start_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL);"
    "CREATE INDEX actions_instance ON actions (instance_uuid, request_id);"

    "CREATE TABLE events ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " action_id INTEGER NOT NULL REFERENCES actions (id) ON DELETE CASCADE,"
    " event TEXT NOT NULL,"
    " host TEXT,"
    " result TEXT,"
    " details TEXT,"
    " start_us INTEGER NOT NULL,"
    " finish_us INTEGER NOT NULL);"
    "CREATE INDEX events_action ON events (action_id);",

    /* 2: host aggregates. A host in one cannot be removed; a zone is a key of the metadata. */
    "CREATE TABLE aggregates ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL UNIQUE,"
    " created_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL);"

    "CREATE TABLE aggregate_hosts ("
    " aggregate_id INTEGER NOT NULL REFERENCES aggregates (id) ON DELETE CASCADE,"
    " host_id INTEGER NOT NULL REFERENCES hosts (id),"
    " added_us INTEGER NOT NULL,"
    " PRIMARY KEY (aggregate_id, host_id)) WITHOUT ROWID;"
    "CREATE INDEX aggregate_hosts_host ON aggregate_hosts (host_id);"

    "CREATE TABLE aggregate_metadata ("
    " aggregate_id INTEGER NOT NULL REFERENCES aggregates (id) ON DELETE CASCADE,"
    " key TEXT NOT NULL,"
    " value TEXT NOT NULL,"
    " PRIMARY KEY (aggregate_id, key)) WITHOUT ROWID;",

    /* 3: drains, their moves, and which hosts running ones have. */
    "CREATE TABLE drains ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " kind TEXT NOT NULL,"
    " hosts TEXT,"
    " state TEXT NOT NULL,"
    " cancelling INTEGER NOT NULL,"
    " include_stopped INTEGER NOT NULL,"
    " return_later INTEGER NOT NULL,"
    " per_host INTEGER NOT NULL,"
    " predicted_ms INTEGER NOT NULL,"
    " bound_ms INTEGER NOT NULL,"
    " reason TEXT,"
    " request_id TEXT,"
    " user_id TEXT,"
    " project_id TEXT,"
    " created_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL,"
    " ended_us INTEGER NOT NULL,"
    " version INTEGER NOT NULL);"

    "CREATE TABLE drain_hosts ("
    " host TEXT NOT NULL PRIMARY KEY,"
    " drain_id INTEGER NOT NULL REFERENCES drains (id) ON DELETE CASCADE) WITHOUT ROWID;"

    "CREATE TABLE drain_moves ("
    " drain_id INTEGER NOT NULL REFERENCES drains (id) ON DELETE CASCADE,"
    " instance_uuid TEXT NOT NULL,"
    " instance_name TEXT,"
    " source TEXT,"
    " dest TEXT,"
    " kind TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " migration_id INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL,"
    " tried TEXT,"
    " reason TEXT,"
    " bytes INTEGER NOT NULL,"
    " start_ms INTEGER NOT NULL,"
    " predicted_ms INTEGER NOT NULL,"
    " pause_ms INTEGER NOT NULL,"
    " PRIMARY KEY (drain_id, instance_uuid)) WITHOUT ROWID;",

    /* 4: what instances are defined by, for the day that their host is down. */
    "CREATE TABLE definitions ("
    " host_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,"
    " uuid TEXT NOT NULL,"
    " fingerprint INTEGER NOT NULL,"
    " value TEXT NOT NULL,"
    " PRIMARY KEY (host_id, uuid)) WITHOUT ROWID;",

    /* 5: several daemons on one database: who is there, and who leads which host; host_id NULL: the lease of the drains */
    "CREATE TABLE daemons ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL,"
    " started_us INTEGER NOT NULL,"
    " expires_us INTEGER NOT NULL);"
    "CREATE TABLE leases ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " host_id INTEGER UNIQUE REFERENCES hosts (id) ON DELETE CASCADE,"
    " daemon_id INTEGER NOT NULL,"
    " token INTEGER NOT NULL,"
    " expires_us INTEGER NOT NULL);"
    "CREATE TABLE operations ("
    " instance_uuid TEXT NOT NULL PRIMARY KEY,"
    " daemon_id INTEGER NOT NULL);",
    /* 6: servers that Godwit makes or takes away, and flavors. */
    "CREATE TABLE servers ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " phase TEXT NOT NULL,"
    " host TEXT,"
    " deleting INTEGER NOT NULL,"
    " delete_request TEXT,"
    " created_us INTEGER NOT NULL,"
    " updated_us INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " value TEXT NOT NULL);" /* servers.c */

    "CREATE TABLE flavors ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " flavor_id TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL UNIQUE,"
    " created_us INTEGER NOT NULL,"
    " value TEXT NOT NULL);", /* servers.c */

    /* 7: what was expected of live migrations, and what came. */
    "CREATE TABLE forecasts ("
    " migration_id INTEGER PRIMARY KEY REFERENCES migrations (id) ON DELETE CASCADE,"
    " value TEXT NOT NULL);", /* forecasts.c */

    /* 8: what people say of instances. */
    "CREATE TABLE cards ("
    " uuid TEXT NOT NULL PRIMARY KEY,"
    " value TEXT NOT NULL," /* cards.c */
    " updated_us INTEGER NOT NULL) WITHOUT ROWID;",

    /* 9: the shapes that resizes give. */
    "CREATE TABLE resizes ("
    " migration_id INTEGER PRIMARY KEY REFERENCES migrations (id) ON DELETE CASCADE,"
    " flavor INTEGER NOT NULL,"
    " was INTEGER NOT NULL,"
    " value TEXT NOT NULL);", /* servers.c */

    /* 10: a drain may have to end by then. */
    "ALTER TABLE drains ADD COLUMN deadline_us INTEGER NOT NULL DEFAULT 0;",

    /* 11: server groups. */
    "CREATE TABLE server_groups ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " value TEXT NOT NULL);", /* groups.c */

    /* 12: rolling drains. */
    "CREATE TABLE rollings ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " uuid TEXT NOT NULL UNIQUE,"
    " running INTEGER NOT NULL,"
    " cancelling INTEGER NOT NULL,"
    " ended_us INTEGER NOT NULL,"
    " value TEXT NOT NULL);", /* rollings.c */

    /* 13: whoever writes a rolling drain has seen what it writes over. */
    "ALTER TABLE rollings ADD COLUMN version INTEGER NOT NULL DEFAULT 1;",

    /* 14: options of one live migration: core/overrides.h. */
    "ALTER TABLE migrations ADD COLUMN options TEXT;",

    /* 15: what ways between hosts were measured to carry. */
    "CREATE TABLE links ("
    " source_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,"
    " dest_id INTEGER NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,"
    " bps INTEGER NOT NULL,"
    " at_least INTEGER NOT NULL,"
    " measured_us INTEGER NOT NULL,"
    " PRIMARY KEY (source_id, dest_id)) WITHOUT ROWID;",

    /* 16: the last rung of its ladder that a live migration has taken; the silent host that a migration waits for. */
    ("ALTER TABLE migrations ADD COLUMN rung TEXT NOT NULL DEFAULT '';"
     "ALTER TABLE migrations ADD COLUMN rung_reason TEXT;"
     "ALTER TABLE migrations ADD COLUMN waits_for TEXT NOT NULL DEFAULT '';"),
};

const guint gw_schema_count = G_N_ELEMENTS(gw_schema_steps);
