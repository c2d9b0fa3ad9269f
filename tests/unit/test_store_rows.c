/* Hosts, the cache of instances, and the history of actions. */
#include "store_fixture.h"

#include <string.h>

static const GwHostRow *host_at(const GPtrArray *rows, guint i)
{
    return rows->pdata[i];
}

static void test_host_round_trip(Fixture *fixture, gconstpointer data)
{
    GwHostRow row = {.name = "HostB", .uri = "qemu:///b", .disabled_reason = "broken fan", .forced_down = TRUE};
    assert_ok(gw_store_host_add(fixture->store, &row, &error_));
    g_assert_cmpint(row.id, ==, 1);
    g_assert_true(gw_uuid_is_valid(row.uuid));
    g_assert_cmpint(row.created_us, >, 0);
    fixture_reopen(fixture);
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_hosts(fixture->store, &rows, &error_));
    g_assert_cmpuint(rows->len, ==, 1);
    const GwHostRow *back = host_at(rows, 0);
    g_assert_cmpint(back->id, ==, row.id);
    g_assert_cmpstr(back->uuid, ==, row.uuid);
    g_assert_cmpstr(back->name, ==, "HostB");
    g_assert_cmpstr(back->uri, ==, "qemu:///b");
    g_assert_cmpstr(back->disabled_reason, ==, "broken fan");
    g_assert_false(back->enabled);
    g_assert_true(back->forced_down);
    g_assert_cmpint(back->created_us, ==, row.created_us);
    g_assert_cmpint(back->updated_us, ==, row.updated_us);
}

static void test_host_taken(Fixture *fixture, gconstpointer data)
{
    add_host(fixture->store, "HostB", "qemu:///b");
    GwHostRow same_name = {.name = "HostB", .uri = "qemu:///x"}, same_uri = {.name = "HostX", .uri = "qemu:///b"};
    GError *error = NULL;
    gboolean ok = gw_store_host_add(fixture->store, &same_name, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, "the name HostB is taken by the host at qemu:///b", NULL);
    g_assert_cmpint(same_name.id, ==, 0);
    error = NULL;
    ok = gw_store_host_add(fixture->store, &same_uri, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, "the address qemu:///b is already that of host HostB", NULL);
}

static void test_host_update(Fixture *fixture, gconstpointer data)
{
    add_host(fixture->store, "HostB", "qemu:///b");
    add_host(fixture->store, "HostC", "qemu:///c");
    GwHostRow row = {.id = 2, .name = "HostD", .uri = "qemu:///c", .enabled = FALSE, .disabled_reason = "drained"};
    assert_ok(gw_store_host_update(fixture->store, &row, &error_));
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_hosts(fixture->store, &rows, &error_));
    g_assert_cmpstr(host_at(rows, 1)->name, ==, "HostD");
    g_assert_cmpstr(host_at(rows, 1)->disabled_reason, ==, "drained");
    g_assert_true(gw_uuid_is_valid(host_at(rows, 1)->uuid));
    g_assert_cmpint(host_at(rows, 1)->updated_us, >=, host_at(rows, 1)->created_us);
    GError *error = NULL;
    row.name = "HostB";
    gboolean ok = gw_store_host_update(fixture->store, &row, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, "the name HostB is taken", NULL);
    error = NULL;
    row.id = 9;
    ok = gw_store_host_update(fixture->store, &row, &error);
    assert_fails(ok, error, GW_ERROR_NOT_FOUND, "no host with id 9", NULL);
}

static void test_host_remove(Fixture *fixture, gconstpointer data)
{
    add_host(fixture->store, "HostB", "qemu:///b");
    GError *error = NULL;
    gboolean ok = gw_store_host_remove(fixture->store, "HostX", &error);
    assert_fails(ok, error, GW_ERROR_NOT_FOUND, "there is no host HostX", NULL);
    assert_ok(gw_store_host_remove(fixture->store, "HostB", &error_));
    GwHostRow again = {.name = "HostB", .uri = "qemu:///b"};
    assert_ok(gw_store_host_add(fixture->store, &again, &error_));
    g_assert_cmpint(again.id, ==, 2); /* never reused */
}

/* Neither end of an unfinished migration can be removed or renamed; once it has ended, both can. */
static void test_host_in_use(Fixture *fixture, gconstpointer data)
{
    add_host(fixture->store, "HostB", "qemu:///b");
    add_host(fixture->store, "HostC", "qemu:///c");
    g_autoptr(GwMigration) row = sample_migration(UUID_A);
    assert_ok(gw_store_migration_add(fixture->store, row, &error_));
    static const char *const names[] = {"HostB", "HostC"};
    for (guint i = 0; i < 2; i++) {
        GError *error = NULL;
        gboolean ok = gw_store_host_remove(fixture->store, names[i], &error);
        assert_fails(ok, error, GW_ERROR_CONFLICT, names[i], "cannot be removed: migration 1", NULL);
    }
    GError *error = NULL;
    GwHostRow renamed = {.id = 1, .name = "HostD", .uri = "qemu:///b"};
    gboolean ok = gw_store_host_update(fixture->store, &renamed, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, "host HostB cannot be renamed: migration 1", NULL);
    row->state = GW_MIGRATION_COMPLETED;
    assert_ok(gw_store_migration_update(fixture->store, row, &error_));
    assert_ok(gw_store_host_update(fixture->store, &renamed, &error_));
    assert_ok(gw_store_host_remove(fixture->store, "HostC", &error_));
}

/* ---- Cache */

static GPtrArray *instances_of(GwInstance *first, GwInstance *second)
{
    GPtrArray *instances = g_ptr_array_new_with_free_func((GDestroyNotify)gw_instance_unref);
    if (first)
        g_ptr_array_add(instances, first);
    if (second)
        g_ptr_array_add(instances, second);
    return instances;
}

static void put(Fixture *fixture, const char *host, GwInstance *first, GwInstance *second, gint64 seen_us)
{
    g_autoptr(GPtrArray) instances = instances_of(first, second);
    assert_ok(gw_store_cache_put(fixture->store, host, instances, NULL, seen_us, &error_));
}

static GPtrArray *get(Fixture *fixture, const char *host, gint64 seen_us)
{
    GPtrArray *instances = NULL;
    gint64 seen;
    assert_ok(gw_store_cache_get(fixture->store, host, &instances, &seen, &error_));
    g_assert_cmpint(seen, ==, seen_us);
    return instances;
}

static void test_cache(Fixture *fixture, gconstpointer data)
{
    add_host(fixture->store, "HostB", "qemu:///b");
    add_host(fixture->store, "HostC", "qemu:///c");
    g_autoptr(GPtrArray) none = get(fixture, "HostB", 0);
    g_assert_cmpuint(none->len, ==, 0);
    put(fixture, "HostB", sample_instance(UUID_B), sample_instance(UUID_A), 5);
    put(fixture, "HostC", sample_instance(UUID_A), NULL, 6);
    fixture_reopen(fixture);
    g_autoptr(GPtrArray) both = get(fixture, "HostB", 5);
    g_assert_cmpuint(both->len, ==, 2);
    g_autoptr(GwInstance) a = sample_instance(UUID_A);
    assert_instance_equal(a, both->pdata[0]);

    g_autoptr(GwInstance) changed = sample_instance(UUID_B);
    changed->power = GW_POWER_RUNNING;
    put(fixture, "HostB", gw_instance_ref(changed), NULL, 7); /* A has gone, B is another */
    g_autoptr(GPtrArray) one = get(fixture, "HostB", 7);
    g_assert_cmpuint(one->len, ==, 1);
    assert_instance_equal(changed, one->pdata[0]);
    g_autoptr(GPtrArray) other = get(fixture, "HostC", 6);
    g_assert_cmpuint(other->len, ==, 1);
}

/* What is said of some changes nothing of the others, whether they are there or not. */
static void test_cache_some(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GHashTable) only = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) said = instances_of(sample_instance(UUID_A), NULL);
    ((GwInstance *)said->pdata[0])->vcpus = 11;
    add_host(fixture->store, "HostB", "qemu:///b");
    put(fixture, "HostB", sample_instance(UUID_A), sample_instance(UUID_B), 5);
    g_hash_table_add(only, (char *)"33333333-3333-4333-8333-333333333333");
    assert_ok(gw_store_cache_put(fixture->store, "HostB", said, only, 6, &error_));
    g_autoptr(GPtrArray) same = get(fixture, "HostB", 6);
    g_assert_cmpuint(same->len, ==, 2);
    g_assert_cmpuint(((const GwInstance *)same->pdata[0])->vcpus, !=, 11);
    g_hash_table_add(only, (char *)UUID_A);
    assert_ok(gw_store_cache_put(fixture->store, "HostB", said, only, 7, &error_));
    g_autoptr(GPtrArray) changed = get(fixture, "HostB", 7);
    g_assert_cmpuint(changed->len, ==, 2);
    g_assert_cmpuint(((const GwInstance *)changed->pdata[0])->vcpus, ==, 11);
    g_hash_table_add(only, (char *)UUID_B); /* which is not there any more */
    assert_ok(gw_store_cache_put(fixture->store, "HostB", said, only, 8, &error_));
    g_autoptr(GPtrArray) one = get(fixture, "HostB", 8);
    g_assert_cmpuint(one->len, ==, 1);
    assert_instance_equal(said->pdata[0], one->pdata[0]);
}

static void test_cache_forgotten(Fixture *fixture, gconstpointer data)
{
    add_host(fixture->store, "HostB", "qemu:///b");
    put(fixture, "HostB", sample_instance(UUID_A), NULL, 5);
    assert_ok(gw_store_host_remove(fixture->store, "HostB", &error_));
    GError *error = NULL;
    gint64 seen;
    g_autoptr(GPtrArray) instances = NULL;
    gboolean ok = gw_store_cache_get(fixture->store, "HostB", &instances, &seen, &error);
    assert_fails(ok, error, GW_ERROR_NOT_FOUND, "there is no host HostB", NULL);
    g_autoptr(GPtrArray) empty = instances_of(NULL, NULL);
    error = NULL;
    ok = gw_store_cache_put(fixture->store, "HostB", empty, NULL, 1, &error);
    assert_fails(ok, error, GW_ERROR_NOT_FOUND, "there is no host HostB", NULL);
    add_host(fixture->store, "HostB", "qemu:///b");
    g_autoptr(GPtrArray) none = get(fixture, "HostB", 0);
    g_assert_cmpuint(none->len, ==, 0);
}

/* ---- Actions and events */

static gint64 add_action(Fixture *fixture, const char *request_id, const char *action)
{
    GwActionRow row = {.request_id = (char *)request_id, .action = (char *)action, .user_id = "u", .project_id = "p"};
    g_strlcpy(row.instance_uuid, UUID_A, sizeof row.instance_uuid);
    assert_ok(gw_store_action_add(fixture->store, &row, &error_));
    g_assert_cmpint(row.start_us, >, 0);
    return row.id;
}

static void test_actions(Fixture *fixture, gconstpointer data)
{
    gint64 first = add_action(fixture, "req-1", "migrate"), second = add_action(fixture, "req-2", "live-migration");
    g_assert_cmpint(second, >, first);
    assert_ok(gw_store_action_fail(fixture->store, UUID_A, "req-1", &error_));
    assert_ok(gw_store_action_fail(fixture->store, UUID_B, "req-2", &error_)); /* of another: nothing */
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_actions(fixture->store, UUID_A, NULL, &rows, &error_));
    g_assert_cmpuint(rows->len, ==, 2);
    const GwActionRow *newest = rows->pdata[0], *oldest = rows->pdata[1];
    g_assert_cmpint(newest->id, ==, second);
    g_assert_cmpstr(newest->instance_uuid, ==, UUID_A);
    g_assert_cmpstr(newest->action, ==, "live-migration");
    g_assert_cmpstr(newest->user_id, ==, "u");
    g_assert_cmpstr(newest->project_id, ==, "p");
    g_assert_null(newest->message);
    g_assert_cmpstr(oldest->message, ==, "Error");
    g_autoptr(GPtrArray) one = NULL, none = NULL;
    assert_ok(gw_store_actions(fixture->store, UUID_A, "req-1", &one, &error_));
    g_assert_cmpuint(one->len, ==, 1);
    g_assert_cmpstr(((GwActionRow *)one->pdata[0])->request_id, ==, "req-1");
    assert_ok(gw_store_actions(fixture->store, UUID_B, NULL, &none, &error_));
    g_assert_cmpuint(none->len, ==, 0);
}

static void begin(Fixture *fixture, const char *event, const char *host)
{
    assert_ok(gw_store_event_begin(fixture->store, UUID_A, "req-1", event, host, &error_));
}

static void end(Fixture *fixture, const char *event, const char *host, const char *result, const char *details)
{
    assert_ok(gw_store_event_end(fixture->store, UUID_A, "req-1", event, host, result, details, &error_));
}

static void assert_event(const GwEventRow *row, const char *event, const char *host, const char *result,
                         const char *details)
{
    g_assert_cmpstr(row->event, ==, event);
    g_assert_cmpstr(row->host, ==, host);
    g_assert_cmpstr(row->result, ==, result);
    g_assert_cmpstr(row->details, ==, details);
    g_assert_cmpint(row->start_us, >, 0);
    g_assert_true((row->finish_us != 0) == (result != NULL));
    g_assert_true(row->finish_us == 0 || row->finish_us >= row->start_us);
}

static void test_events(Fixture *fixture, gconstpointer data)
{
    gint64 action = add_action(fixture, "req-1", "live-migration");
    begin(fixture, "compute_live_migration", "HostB");
    begin(fixture, "godwit_prepare", NULL);
    begin(fixture, "godwit_prepare", "HostC"); /* tried again: the newest is the one that ends */
    end(fixture, "godwit_prepare", NULL, "Success", NULL);
    end(fixture, "godwit_settle", "HostC", "Error", "HostC: full"); /* never begun: stored whole */
    assert_ok(gw_store_event_begin(fixture->store, UUID_A, "req-9", "x", NULL, &error_)); /* unknown: nothing */
    assert_ok(gw_store_event_end(fixture->store, UUID_A, "req-9", "x", NULL, "Success", NULL, &error_));
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_events(fixture->store, action, &rows, &error_));
    g_assert_cmpuint(rows->len, ==, 4);
    assert_event(rows->pdata[0], "compute_live_migration", "HostB", NULL, NULL);
    assert_event(rows->pdata[1], "godwit_prepare", NULL, NULL, NULL);
    assert_event(rows->pdata[2], "godwit_prepare", "HostC", "Success", NULL);
    assert_event(rows->pdata[3], "godwit_settle", "HostC", "Error", "HostC: full");
    g_autoptr(GPtrArray) actions = NULL;
    assert_ok(gw_store_actions(fixture->store, UUID_A, NULL, &actions, &error_));
    const GwActionRow *touched = actions->pdata[0];
    g_assert_cmpint(touched->updated_us, >=, ((GwEventRow *)rows->pdata[3])->finish_us);
}

/* ---- links */

static void note_link(gpointer data, const char *source, const char *dest, const GwLinkSeen *seen)
{
    g_string_append_printf(data, "%s %s %" G_GUINT64_FORMAT " %d %" G_GINT64_FORMAT "; ", source, dest, seen->rate.bps, seen->rate.at_least,
                           seen->at_us);
}

static void assert_links(Fixture *fixture, const char *wanted)
{
    g_autoptr(GString) seen = g_string_new(NULL);
    assert_ok(gw_store_links(fixture->store, note_link, seen, &error_));
    g_assert_cmpstr(seen->str, ==, wanted);
}

/* The newest of each way; gone with its host. */
static void test_links(Fixture *fixture, gconstpointer data)
{
    add_host(fixture->store, "HostB", "qemu:///b");
    add_host(fixture->store, "HostC", "qemu:///c");
    assert_links(fixture, "");
    assert_ok(gw_store_link_put(fixture->store, "HostB", "HostC", &(GwLinkSeen){{60000000, FALSE}, 200}, &error_));
    assert_ok(gw_store_link_put(fixture->store, "HostB", "HostC", &(GwLinkSeen){{7, FALSE}, 100}, &error_)); /* it comes late */
    assert_links(fixture, "HostB HostC 60000000 0 200; ");
    assert_ok(gw_store_link_put(fixture->store, "HostB", "HostC", &(GwLinkSeen){{80000000, TRUE}, 300}, &error_));
    assert_ok(gw_store_link_put(fixture->store, "HostB", "HostX", &(GwLinkSeen){{1, TRUE}, 300}, &error_)); /* it was removed */
    fixture_reopen(fixture);
    assert_links(fixture, "HostB HostC 80000000 1 300; ");
    assert_ok(gw_store_host_remove(fixture->store, "HostC", &error_));
    assert_links(fixture, "");
}

/* Several at once are what they are one by one, and one transaction. */
static void test_notes(Fixture *fixture, gconstpointer data)
{
    gint64 action = add_action(fixture, "req-1", "live-migration");
    const GwEventNote notes[] = {
        {GW_NOTE_BEGINS, UUID_A, "req-1", "compute_live_migration", "HostB", .at_us = 11},
        {GW_NOTE_BEGINS, UUID_A, "req-1", "godwit_prepare", "HostC", .at_us = 12},
        {GW_NOTE_BEGINS, UUID_A, "req-9", "x", NULL, .at_us = 13}, /* unknown: nothing */
        {GW_NOTE_ENDS, UUID_A, "req-1", "godwit_prepare", NULL, "Error", "full", .at_us = 14, .failed_action = TRUE},
        {GW_NOTE_ENDS, UUID_A, "req-1", "godwit_settle", "HostC", "Success", NULL, .at_us = 15}, /* never begun: stored whole */
        {GW_NOTE_CLOSES, UUID_A, "req-1", NULL, NULL, "Success", NULL, .at_us = 16},
    };
    guint64 commits = gw_store_commits(fixture->store);
    assert_ok(gw_store_events_note(fixture->store, notes, G_N_ELEMENTS(notes), &error_));
    g_assert_cmpuint(gw_store_commits(fixture->store), ==, commits + 1);
    g_autoptr(GPtrArray) rows = NULL, actions = NULL;
    assert_ok(gw_store_events(fixture->store, action, &rows, &error_));
    g_assert_cmpuint(rows->len, ==, 3);
    assert_event(rows->pdata[0], "compute_live_migration", "HostB", "Success", NULL);
    assert_event(rows->pdata[1], "godwit_prepare", "HostC", "Error", "full");
    assert_event(rows->pdata[2], "godwit_settle", "HostC", "Success", NULL);
    g_assert_cmpint(((GwEventRow *)rows->pdata[0])->start_us, ==, 11);
    g_assert_cmpint(((GwEventRow *)rows->pdata[0])->finish_us, ==, 16);
    g_assert_cmpint(((GwEventRow *)rows->pdata[1])->finish_us, ==, 14);
    assert_ok(gw_store_actions(fixture->store, UUID_A, NULL, &actions, &error_));
    g_assert_cmpstr(((GwActionRow *)actions->pdata[0])->message, ==, "Error");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("host/round-trip", test_host_round_trip);
    ADD("host/taken", test_host_taken);
    ADD("host/update", test_host_update);
    ADD("host/remove", test_host_remove);
    ADD("links", test_links);
    ADD("host/in-use", test_host_in_use);
    ADD("cache/every-field", test_cache);
    ADD("cache/some", test_cache_some);
    ADD("cache/forgotten", test_cache_forgotten);
    ADD("history/actions", test_actions);
    ADD("history/events", test_events);
    ADD("history/notes", test_notes);
    return g_test_run();
}
