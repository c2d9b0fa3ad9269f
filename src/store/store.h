/* The store: what no host knows (hosts, intents, journal, history), and a cache of what each host last said.
 * One ops table per database; everything above sees only this header. Thread-safe. Every function is one transaction;
 * what it wrote survives the daemon when it returns, and a power cut too, but for what can be learnt again: the cache,
 * progress, and how actions and events ended. Values returned are owned by the caller unless said otherwise. */
#ifndef GW_STORE_STORE_H
#define GW_STORE_STORE_H

#include "core/aggregate.h"
#include "core/calibrate.h"
#include "core/card.h"
#include "core/host.h"
#include "core/instance.h"
#include "core/migration.h"
#include "store/drains.h"
#include "store/groups.h"
#include "store/leases.h"
#include "store/rollings.h"
#include "store/servers.h"

typedef struct GwStore GwStore; /* also in the headers that are a part of this one: drains.h, groups.h, rollings.h */

/* Opens (and makes or brings forward the schema of) an SQLite database file; mode 0600. GW_ERROR_STORE when it is
 * damaged (integrity check) or from a newer Godwit: the message names the file, both versions and the remedy; likewise
 * when its folder is missing or not writable, and when it is open already, here or elsewhere: the lock is FILE.lock. */
GwStore *gw_store_open_sqlite(const char *path, GError **error);
/* Copies such a file, also while a daemon uses it, as it was at one moment; the copy is checked. GW_ERROR_STORE: `copy` is there already,
 * or cannot be written; or the file is not sound. */
gboolean gw_store_backup_sqlite(const char *path, const char *copy, GError **error);
/* Opens (and makes or brings forward the schema of) a PostgreSQL database, which several daemons may share. uri: as libpq reads it,
 * without a password. A server that goes away is waited for when a transaction begins; no call waits for ever. GW_ERROR_STORE;
 * GW_ERROR_INVALID as the check below. */
GwStore *gw_store_open_postgres(const char *uri, GError **error);
/* Whether that is such an address; "is …; remedy" otherwise, and neither says what it holds. */
gboolean gw_store_check_postgres(const char *uri, GError **error);
void gw_store_close(GwStore *store);

/* Transactions that wrote something, since it was opened. */
guint64 gw_store_commits(const GwStore *store);

/* ---- Hosts */
typedef struct {
    gint64 id;                /* ascending, from 1; never reused */
    char uuid[GW_UUID_SIZE];  /* of the service row that the Compute API shows */
    char *name;               /* Godwit's name of it; unique */
    char *uri;                /* unique */
    gboolean enabled;         /* takes new instances */
    char *disabled_reason;    /* or NULL */
    gboolean forced_down;
    gint64 created_us, updated_us;
} GwHostRow;

void gw_host_row_free(GwHostRow *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwHostRow, gw_host_row_free)

/* Fills id, uuid and times. GW_ERROR_CONFLICT when name or uri is taken, saying which and by whom. */
gboolean gw_store_host_add(GwStore *store, GwHostRow *row, GError **error);
/* By id: all but id, uuid and created. GW_ERROR_CONFLICT as above, or for a new name while a migration has the old. */
gboolean gw_store_host_update(GwStore *store, const GwHostRow *row, GError **error);
/* GW_ERROR_CONFLICT while an unfinished migration names it, or while it is in an aggregate; forgets its cached instances. */
gboolean gw_store_host_remove(GwStore *store, const char *name, GError **error);
/* The same, but takes it out of its aggregates, too: as Nova does with a service that is deleted. */
gboolean gw_store_host_withdraw(GwStore *store, const char *name, GError **error);
gboolean gw_store_hosts(GwStore *store, GPtrArray **ret_rows /* of GwHostRow * */, GError **error);

/* ---- Host aggregates. Whatever a change is refused for is in Nova's words, by the rules of core/aggregate.h:
 * GW_ERROR_NOT_FOUND, GW_ERROR_CONFLICT (a name that is taken, a host that is there or in another zone), GW_ERROR_INVALID. */
gboolean gw_store_aggregates(GwStore *store, GPtrArray **ret_rows /* of GwAggregate *, by id */, GError **error);
gboolean gw_store_aggregate_add(GwStore *store, const char *name, const char *zone /* or NULL */, gint64 *ret_id,
                                GError **error);

typedef struct {
    GwAggregateAction action;  /* whose words an error is in: GW_AGGREGATE_UPDATE or GW_AGGREGATE_SET_METADATA */
    const char *name;          /* NULL: keeps it */
    const GPtrArray *metadata; /* of GwMetadatum *: keys that change, or go away; NULL: none */
    const char *host_added, *host_removed; /* in the same transaction; or NULL. GW_AGGREGATE_ADD_HOST has the words for the first */
    const GwMetadatum *expected; /* GW_ERROR_STALE unless this key has this value (NULL: is absent); NULL: whatever it has */
    const GwFence *fence;        /* or NULL */
} GwAggregateEdit;

gboolean gw_store_aggregate_edit(GwStore *store, gint64 id, const GwAggregateEdit *edit, GError **error);
gboolean gw_store_aggregate_add_host(GwStore *store, gint64 id, const char *host, GError **error);
gboolean gw_store_aggregate_remove_host(GwStore *store, gint64 id, const char *host, GError **error);
gboolean gw_store_aggregate_remove(GwStore *store, gint64 id, GError **error); /* INVALID while it has hosts */

/* ---- Cache of instances: what a host last said. GW_ERROR_NOT_FOUND: no such host. instances: all that it has. only: a set of UUIDs, whose
 * rows alone are looked at, written or dropped; NULL: all rows of the host. */
gboolean gw_store_cache_put(GwStore *store, const char *host, const GPtrArray *instances, GHashTable *only, gint64 seen_us, GError **error);
/* ret_instances of GwInstance *, by UUID; *ret_seen_us is 0 when the host has never answered. */
gboolean gw_store_cache_get(GwStore *store, const char *host, GPtrArray **ret_instances, gint64 *ret_seen_us,
                            GError **error);

/* ---- Definitions of instances, by host and UUID; they go with the cached instance */
typedef struct {
    char uuid[GW_UUID_SIZE];
    guint64 fingerprint; /* of the instance that it was read of */
    char *text;          /* the driver's own */
} GwDefinition;
void gw_definition_free(GwDefinition *definition);
/* of GwDefinition *: adds or replaces. GW_ERROR_NOT_FOUND: no such host. */
gboolean gw_store_definitions_put(GwStore *store, const char *host, const GPtrArray *definitions, GError **error);
/* ret_known: char * → gint64 *, UUID to fingerprint. */
gboolean gw_store_definitions_known(GwStore *store, const char *host, GHashTable **ret_known, GError **error);
gboolean gw_store_definition_get(GwStore *store, const char *host, const char *uuid, char **ret_text /* NULL: none */, GError **error);
/* The old host of an evacuation came back and was cleared: EVACUATED becomes COMPLETED. */
gboolean gw_store_evacuation_cleared(GwStore *store, gint64 id, GError **error);

/* ---- What ways between hosts were measured to carry; gone with either host */
/* The newest of each direction is kept. Of hosts that are not there (any more) nothing is. */
gboolean gw_store_link_put(GwStore *store, const char *source, const char *dest, const GwLinkSeen *seen, GError **error);
typedef void (*GwLinkReader)(gpointer data, const char *source, const char *dest, const GwLinkSeen *seen);
gboolean gw_store_links(GwStore *store, GwLinkReader read, gpointer data, GError **error);

/* ---- What people say of instances; a card goes with its server (gw_store_server_remove) */
/* Adds it, or replaces the version of card->stored_us, and sets that anew. GW_ERROR_STALE: another version is stored. */
gboolean gw_store_card_put(GwStore *store, GwCard *card, GError **error);
gboolean gw_store_cards(GwStore *store, GPtrArray **ret_cards /* of GwCard * */, GError **error);

/* ---- Migrations: intent and journal */
typedef struct GwActionRow GwActionRow;

/* Fills id, uuid, version, created_us, updated_us, state_since_us. GW_ERROR_CONFLICT when the instance already has a
 * migration that is not in a FINAL state (guaranteed by a unique index, whatever races). */
gboolean gw_store_migration_add(GwStore *store, GwMigration *migration, GError **error);
/* The same, while the lease holds: GW_ERROR_STALE. action: NULL, or what is recorded with it (as gw_store_action_add). */
gboolean gw_store_migration_add_fenced(GwStore *store, GwMigration *migration, const GwFence *fence, GwActionRow *action, GError **error);
/* Writes the row if its version is still migration->version, and then raises version and updated_us (and
 * state_since_us when the state changed) in *migration. GW_ERROR_STALE otherwise. Intents are never cleared by it:
 * the stored intents are OR-ed with the given ones and come back in *migration. A FINAL row keeps its state for ever:
 * GW_ERROR_CONFLICT. */
gboolean gw_store_migration_update(GwStore *store, GwMigration *migration, GError **error);
/* The same, by whoever leads: GW_ERROR_STALE when the lease is another's now. fence NULL: nobody else could. */
gboolean gw_store_migration_journal(GwStore *store, GwMigration *migration, const GwFence *fence, GError **error);
/* Adds intents to an unfinished row without a version check, and without raising the version, so that the loop that
 * carries the migration is not upset; returns the row as it now is. GW_ERROR_NOT_FOUND, or GW_ERROR_CONFLICT when it is
 * FINAL. */
gboolean gw_store_migration_intend(GwStore *store, gint64 id, unsigned intents, GwMigration **ret, GError **error);
/* Brings the intents and the reason of a row that is known up to what is stored. *ret_current FALSE: the row is at another version or in
 * another state by now, or gone, and stays as it was: read it whole. */
gboolean gw_store_migration_refresh(GwStore *store, GwMigration *migration, gboolean *ret_current, GError **error);
/* Progress, forecast and what it waits for (reason) only: cheap, not version-checked, changes neither version nor updated_us's order of states. */
typedef enum { GW_PROGRESS_KEEP, GW_PROGRESS_TELL } GwProgressHow; /* tell: other daemons are to look at once, not within a second */
gboolean gw_store_migration_progress(GwStore *store, const GwMigration *migration, GwProgressHow how, GError **error);

typedef struct {
    gint64 id;                 /* 0: any */
    const char *uuid;          /* NULL: any; likewise below */
    const char *instance_uuid;
    const char *host;          /* source or destination */
    const char *source, *dest;
    const char *status;        /* Nova's word */
    const char *state;         /* our own */
    const char *kind;          /* "live-migration", "migration", "evacuation" */
    const char *user_id, *project_id; /* who asked for it */
    gboolean unfinished_only;  /* not in a FINAL state */
    gboolean without_plans;    /* rows come with no plan: reading it costs more than all the rest of a row */
    gboolean without_forecasts; /* and with no forecast, which costs as much as the rest */
    gint64 changes_since_us, changes_before_us; /* on updated_us; 0: any */
    gint64 after_id;           /* paging: rows that come after this id in the order; 0: from the start */
    guint limit;               /* 0: all */
} GwMigrationQuery;

/* Newest first (id descending). ret_rows: of GwMigration *. */
gboolean gw_store_migrations(GwStore *store, const GwMigrationQuery *query, GPtrArray **ret_rows, GError **error);

/* Forgets migrations that ended, and actions last touched, before that time; never the actions of an instance that has a
 * migration under way. *ret_migrations: how many of the former. */
gboolean gw_store_prune(GwStore *store, gint64 before_us, gint64 *ret_migrations, GError **error);

/* ---- Instance actions: what was asked of an instance and what came of it (Nova's os-instance-actions) */
struct GwActionRow {
    gint64 id;
    char instance_uuid[GW_UUID_SIZE];
    char *request_id; /* "req-…" */
    char *action;     /* "live-migration", "migrate", "confirmResize", … */
    char *user_id, *project_id;
    char *message;    /* NULL, or "Error" when it failed (as in Nova) */
    gint64 start_us, updated_us;
};

typedef struct {
    gint64 id, action_id;
    char *event;   /* "compute_live_migration", "godwit_prepare", … */
    char *host;    /* or NULL */
    char *result;  /* NULL while under way, "Success", "Error" */
    char *details; /* reasons, for people; or NULL */
    gint64 start_us, finish_us; /* finish 0 while under way */
} GwEventRow;

void gw_action_row_free(GwActionRow *row);
void gw_event_row_free(GwEventRow *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwActionRow, gw_action_row_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwEventRow, gw_event_row_free)

gboolean gw_store_action_add(GwStore *store, GwActionRow *row /* id and times filled */, GError **error);
/* Unknown request: success, nothing stored; so too for events. */
gboolean gw_store_action_fail(GwStore *store, const char *instance_uuid, const char *request_id, GError **error);
/* Begins an event of the newest action with that request id. */
gboolean gw_store_event_begin(GwStore *store, const char *instance_uuid, const char *request_id, const char *event,
                              const char *host, GError **error);
/* Ends the newest unfinished event of that name. result "Success" or "Error". One that was never begun is stored whole. */
gboolean gw_store_event_end(GwStore *store, const char *instance_uuid, const char *request_id, const char *event,
                            const char *host, const char *result, const char *details, GError **error);
/* One of several that are written at once; texts are borrowed. */
typedef struct {
    enum {
        GW_NOTE_BEGINS, /* as gw_store_event_begin */
        GW_NOTE_ENDS,   /* as gw_store_event_end */
        GW_NOTE_CLOSES, /* ends every event of that request which is still under way: a former daemon may have begun it */
    } what;
    const char *instance_uuid, *request_id, *event, *host, *result, *details;
    gint64 at_us; /* when it happened */
    gboolean failed_action; /* as gw_store_action_fail; not of one that closes */
} GwEventNote;
/* All of them, in that order, or none. */
gboolean gw_store_events_note(GwStore *store, const GwEventNote *notes, guint count, GError **error);
/* Newest first; request_id NULL: all. */
gboolean gw_store_actions(GwStore *store, const char *instance_uuid, const char *request_id, GPtrArray **ret_rows,
                          GError **error);
gboolean gw_store_events(GwStore *store, gint64 action_id, GPtrArray **ret_rows /* oldest first */, GError **error);

/* ---- Plain text of values for the database (store/codec.c): JSON, versioned, tolerant of unknown fields. */
char *gw_codec_plan_to_text(const GwPlan *plan);
GwPlan *gw_codec_plan_from_text(const char *text, GError **error);
char *gw_codec_instance_to_text(const GwInstance *instance);
GwInstance *gw_codec_instance_from_text(const char *text, GError **error);
guint64 gw_codec_instance_hash(const GwInstance *instance); /* another one when the text would be another */
char *gw_codec_forecast_to_text(const GwForecast *forecast);
GwForecast *gw_codec_forecast_from_text(const char *text, GError **error);

#endif
