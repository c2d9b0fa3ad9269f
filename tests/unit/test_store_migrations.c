/* Migrations: the journal's promises one by one. */
#include "store_fixture.h"

#include <string.h>

static GwMigration *add(Fixture *fixture, const char *instance_uuid)
{
    GwMigration *row = sample_migration(instance_uuid);
    assert_ok(gw_store_migration_add(fixture->store, row, &error_));
    return row;
}

static void finish(Fixture *fixture, GwMigration *row, GwMigrationState state)
{
    row->state = state;
    assert_ok(gw_store_migration_update(fixture->store, row, &error_));
}

static void test_round_trip(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwMigration) row = add(fixture, UUID_A);
    g_assert_cmpint(row->id, ==, 1);
    g_assert_true(gw_uuid_is_valid(row->uuid));
    g_assert_cmpuint(row->version, ==, 1);
    g_assert_cmpint(row->created_us, >, 0);
    g_assert_cmpint(row->state_since_us, ==, row->created_us);
    fixture_reopen(fixture);
    g_autoptr(GwMigration) back = read_migration(fixture->store, 1);
    assert_migration_equal(row, back);
}

static void test_without_plan(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwMigration) row = add(fixture, UUID_A);
    g_autoptr(GPtrArray) rows = NULL;
    g_assert_nonnull(row->plan);
    GwMigrationQuery query = {.id = row->id, .without_plans = TRUE};
    assert_ok(gw_store_migrations(fixture->store, &query, &rows, &error_));
    g_assert_cmpuint(rows->len, ==, 1);
    g_assert_nonnull(((const GwMigration *)rows->pdata[0])->forecast);
    g_clear_pointer(&row->plan, gw_plan_free);
    assert_migration_equal(row, rows->pdata[0]);
    g_clear_pointer(&rows, g_ptr_array_unref);
    query.without_forecasts = TRUE;
    assert_ok(gw_store_migrations(fixture->store, &query, &rows, &error_));
    g_clear_pointer(&row->forecast, g_free);
    assert_migration_equal(row, rows->pdata[0]);
}

/* All strings NULL and no plan: what a row is when it is accepted. */
static void test_sparse(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwMigration) row = gw_migration_new();
    g_strlcpy(row->instance_uuid, UUID_A, sizeof row->instance_uuid);
    assert_ok(gw_store_migration_add(fixture->store, row, &error_));
    g_autoptr(GwMigration) back = read_migration(fixture->store, row->id);
    assert_migration_equal(row, back);
}

static void test_every_state(Fixture *fixture, gconstpointer data)
{
    for (GwMigrationState state = 0; state < GW_MIGRATION_STATE_COUNT; state++) {
        g_autofree char *uuid = g_uuid_string_random();
        g_autoptr(GwMigration) row = sample_migration(uuid);
        row->state = row->end = state;
        row->kind = state % 2 ? GW_MOVE_COLD : GW_MOVE_LIVE;
        assert_ok(gw_store_migration_add(fixture->store, row, &error_));
        g_autoptr(GwMigration) back = read_migration(fixture->store, row->id);
        assert_migration_equal(row, back);
    }
}

static void test_one_unfinished(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwMigration) first = add(fixture, UUID_A);
    g_autoptr(GwMigration) second = sample_migration(UUID_A);
    GError *error = NULL;
    gboolean ok = gw_store_migration_add(fixture->store, second, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, UUID_A, "already has migration 1 (running, from HostB to HostC)", NULL);
    g_assert_cmpint(second->id, ==, 0);
    gw_migration_free(add(fixture, UUID_B)); /* another instance is free */
    finish(fixture, first, GW_MIGRATION_FAILED);
    assert_ok(gw_store_migration_add(fixture->store, second, &error_));
    g_assert_cmpint(second->id, ==, 3);
}

static void test_update(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwMigration) row = add(fixture, UUID_A);
    gint64 since = row->state_since_us, updated = row->updated_us;
    row->attempts = 7;
    g_free(row->dest);
    row->dest = g_strdup("HostD");
    ((GwPlanDisk *)row->plan->disks->pdata[0])->fate = GW_FATE_SHARED;
    assert_ok(gw_store_migration_update(fixture->store, row, &error_));
    g_assert_cmpuint(row->version, ==, 2);
    g_assert_cmpint(row->state_since_us, ==, since); /* the same state */
    g_assert_cmpint(row->updated_us, >=, updated);
    g_usleep(1000);
    row->state = GW_MIGRATION_SETTLING;
    g_clear_pointer(&row->plan, gw_plan_free);
    assert_ok(gw_store_migration_update(fixture->store, row, &error_));
    g_assert_cmpuint(row->version, ==, 3);
    g_assert_cmpint(row->state_since_us, >, since);
    g_autoptr(GwMigration) back = read_migration(fixture->store, row->id);
    assert_migration_equal(row, back);
}

static void test_stale(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwMigration) row = add(fixture, UUID_A);
    g_autoptr(GwMigration) late = gw_migration_copy(row);
    finish(fixture, row, GW_MIGRATION_SETTLING);
    late->state = GW_MIGRATION_UNDOING;
    GError *error = NULL;
    gboolean ok = gw_store_migration_update(fixture->store, late, &error);
    assert_fails(ok, error, GW_ERROR_STALE, "migration 1 is at version 2, not 1", "read it again", NULL);
    g_assert_cmpuint(late->version, ==, 1);
    g_autoptr(GwMigration) back = read_migration(fixture->store, row->id);
    assert_migration_equal(row, back);
    late->id = 77;
    error = NULL;
    ok = gw_store_migration_update(fixture->store, late, &error);
    assert_fails(ok, error, GW_ERROR_NOT_FOUND, "there is no migration 77", NULL);
}

static void test_final_for_ever(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwMigration) row = add(fixture, UUID_A);
    finish(fixture, row, GW_MIGRATION_COMPLETED);
    GError *error = NULL;
    row->state = GW_MIGRATION_RUNNING;
    gboolean ok = gw_store_migration_update(fixture->store, row, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, "migration 1 has ended (completed)", NULL);
    row->state = GW_MIGRATION_COMPLETED; /* its reason may still be written */
    assert_ok(gw_store_migration_update(fixture->store, row, &error_));
}

/* What is known of a row stays known until somebody journals. */
static void test_refresh(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwMigration) row = add(fixture, UUID_A);
    g_autoptr(GwMigration) seen = NULL, other = gw_migration_copy(row);
    gboolean current = FALSE;
    assert_ok(gw_store_migration_intend(fixture->store, row->id, GW_INTENT_ABORT, &seen, &error_));
    g_free(row->reason);
    row->reason = g_strdup("it waits");
    assert_ok(gw_store_migration_refresh(fixture->store, row, &current, &error_));
    g_assert_true(current);
    g_assert_cmpuint(row->intents, ==, seen->intents);
    g_assert_cmpstr(row->reason, ==, seen->reason); /* what is stored */
    row->state = GW_MIGRATION_QUEUED; /* which was never journalled */
    assert_ok(gw_store_migration_refresh(fixture->store, row, &current, &error_));
    g_assert_false(current);
    row->state = other->state;
    other->attempts = 7;
    assert_ok(gw_store_migration_update(fixture->store, other, &error_));
    assert_ok(gw_store_migration_refresh(fixture->store, row, &current, &error_));
    g_assert_false(current);
    assert_ok(gw_store_migration_refresh(fixture->store, other, &current, &error_));
    g_assert_true(current);
    other->id = 99;
    assert_ok(gw_store_migration_refresh(fixture->store, other, &current, &error_));
    g_assert_false(current);
}

static void test_intend(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwMigration) row = add(fixture, UUID_A);
    g_autoptr(GwMigration) seen = NULL;
    assert_ok(gw_store_migration_intend(fixture->store, row->id, GW_INTENT_ABORT, &seen, &error_));
    g_assert_cmpuint(seen->intents, ==, GW_INTENT_ABORT | GW_INTENT_FORCE_COMPLETE);
    g_assert_cmpuint(seen->version, ==, row->version);
    row->intents = GW_INTENT_CONFIRM; /* has not seen the abort, and cannot lose it */
    assert_ok(gw_store_migration_update(fixture->store, row, &error_));
    g_assert_cmpuint(row->intents, ==, GW_INTENT_ABORT | GW_INTENT_FORCE_COMPLETE | GW_INTENT_CONFIRM);
    finish(fixture, row, GW_MIGRATION_CANCELLED);
    GError *error = NULL;
    g_autoptr(GwMigration) none = NULL;
    gboolean ok = gw_store_migration_intend(fixture->store, row->id, GW_INTENT_ABORT, &none, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, "migration 1 has already ended (cancelled)", NULL);
    error = NULL;
    ok = gw_store_migration_intend(fixture->store, 9, GW_INTENT_ABORT, &none, &error);
    assert_fails(ok, error, GW_ERROR_NOT_FOUND, "there is no migration 9", NULL);
}

static void test_progress(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwMigration) row = add(fixture, UUID_A);
    row->forecast->now.total_ms.likely = 77;
    row->progress = (GwProgress){21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};
    assert_ok(gw_store_migration_progress(fixture->store, row, GW_PROGRESS_TELL, &error_));
    g_autoptr(GwMigration) back = read_migration(fixture->store, row->id);
    assert_migration_equal(row, back); /* neither version nor times changed */
    GError *error = NULL;
    row->id = 9;
    gboolean ok = gw_store_migration_progress(fixture->store, row, GW_PROGRESS_KEEP, &error);
    assert_fails(ok, error, GW_ERROR_NOT_FOUND, "there is no migration 9", NULL);
}

/* ---- Queries */

static void add_of(Fixture *fixture, const char *uuid, GwMoveKind kind, GwMigrationState state, const char *source,
                   const char *dest)
{
    g_autoptr(GwMigration) row = sample_migration(uuid);
    row->kind = kind;
    row->state = state;
    g_free(row->source);
    g_free(row->dest);
    row->source = g_strdup(source);
    row->dest = g_strdup(dest);
    assert_ok(gw_store_migration_add(fixture->store, row, &error_));
    g_usleep(2000); /* so that each has its own updated_us */
}

/* The ids that a query finds, as "3 1". */
static char *find(Fixture *fixture, GwMigrationQuery query)
{
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_migrations(fixture->store, &query, &rows, &error_));
    GString *ids = g_string_new(NULL);
    for (guint i = 0; i < rows->len; i++)
        g_string_append_printf(ids, "%s%" G_GINT64_FORMAT, i ? " " : "", ((GwMigration *)rows->pdata[i])->id);
    return g_string_free(ids, FALSE);
}

#define FINDS(expected, ...)                                                                                           \
    do {                                                                                                               \
        g_autofree char *found_ = find(fixture, (GwMigrationQuery){__VA_ARGS__});                                      \
        g_assert_cmpstr(found_, ==, expected);                                                                         \
    } while (0)

static void test_query(Fixture *fixture, gconstpointer data)
{
    add_of(fixture, UUID_A, GW_MOVE_LIVE, GW_MIGRATION_COMPLETED, "HostA", "HostB");
    add_of(fixture, UUID_B, GW_MOVE_COLD, GW_MIGRATION_ERROR, "HostB", "HostC");
    add_of(fixture, UUID_A, GW_MOVE_LIVE, GW_MIGRATION_UNDOING, "HostC", "HostA");
    add_of(fixture, UUID_B, GW_MOVE_COLD, GW_MIGRATION_FAILED, "HostA", "HostC");
    add_of(fixture, UUID_B, GW_MOVE_COLD, GW_MIGRATION_FINISHED, "HostA", NULL);
    g_autoptr(GwMigration) third = read_migration(fixture->store, 3);

    FINDS("5 4 3 2 1", .limit = 0);
    FINDS("5 4 3 2 1", .user_id = third->user_id, .project_id = third->project_id);
    FINDS("", .user_id = "nobody");
    FINDS("", .project_id = third->user_id);
    FINDS("3", .id = 3);
    FINDS("3", .uuid = third->uuid);
    FINDS("3 1", .instance_uuid = UUID_A);
    FINDS("2 1", .host = "HostB");
    FINDS("5 4 1", .source = "HostA");
    FINDS("4 2", .dest = "HostC");
    FINDS("3 1", .kind = "live-migration");
    FINDS("5 4 2", .kind = "migration");
    FINDS("5 3", .unfinished_only = TRUE);
    FINDS("1", .status = "completed");
    FINDS("3", .status = "running"); /* being undone is Nova's running */
    FINDS("4 2", .status = "error"); /* a failed cold move is Nova's error */
    FINDS("", .status = "nonsense");
    FINDS("", .kind = "evacuation");
    FINDS("4", .host = "HostC", .status = "error", .source = "HostA");
    FINDS("5 4 3", .changes_since_us = third->updated_us);
    FINDS("3 2 1", .changes_before_us = third->updated_us);
    FINDS("5 4", .limit = 2);
    FINDS("3 2", .limit = 2, .after_id = 4);
    FINDS("1", .limit = 2, .after_id = 2);
    FINDS("", .after_id = 1);
}

static guint count_rows(Fixture *fixture, const char *instance_uuid)
{
    g_autoptr(GPtrArray) migrations = NULL, actions = NULL;
    GwMigrationQuery query = {.instance_uuid = instance_uuid};
    assert_ok(gw_store_migrations(fixture->store, &query, &migrations, &error_));
    assert_ok(gw_store_actions(fixture->store, instance_uuid, NULL, &actions, &error_));
    return migrations->len * 10 + actions->len;
}

/* A: one that ended, and its action. B: one that ended and one under way, with their actions. */
static void test_prune(Fixture *fixture, gconstpointer data)
{
    const char *const uuids[] = {UUID_A, UUID_B};
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GwMigration) row = add(fixture, uuids[i]);
        finish(fixture, row, GW_MIGRATION_FAILED);
        GwActionRow action = {.request_id = (char *)"req-1", .action = (char *)"migrate"};
        g_strlcpy(action.instance_uuid, uuids[i], sizeof action.instance_uuid);
        assert_ok(gw_store_action_add(fixture->store, &action, &error_));
        assert_ok(gw_store_event_begin(fixture->store, uuids[i], "req-1", "event", NULL, &error_));
    }
    g_autoptr(GwMigration) under_way = add(fixture, UUID_B);
    gint64 forgotten = -1;
    assert_ok(gw_store_prune(fixture->store, 1000, &forgotten, &error_));
    g_assert_cmpint(forgotten, ==, 0);
    g_assert_cmpuint(count_rows(fixture, UUID_A), ==, 11);
    assert_ok(gw_store_prune(fixture->store, g_get_real_time() + G_USEC_PER_SEC, &forgotten, &error_));
    g_assert_cmpint(forgotten, ==, 2);
    g_assert_cmpuint(count_rows(fixture, UUID_A), ==, 0);
    g_assert_cmpuint(count_rows(fixture, UUID_B), ==, 11);
    g_autoptr(GwMigration) back = read_migration(fixture->store, under_way->id);
    g_assert_cmpint(back->state, ==, under_way->state);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("migration/round-trip", test_round_trip);
    ADD("migration/without-plan", test_without_plan);
    ADD("migration/sparse", test_sparse);
    ADD("migration/every-state", test_every_state);
    ADD("migration/one-unfinished", test_one_unfinished);
    ADD("migration/update", test_update);
    ADD("migration/stale", test_stale);
    ADD("migration/final-for-ever", test_final_for_ever);
    ADD("migration/intend", test_intend);
    ADD("migration/refresh", test_refresh);
    ADD("migration/progress", test_progress);
    ADD("migration/query", test_query);
    ADD("migration/prune", test_prune);
    return g_test_run();
}
