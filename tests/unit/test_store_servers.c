/* Servers and flavors in the store: what comes back, what is kept against whom, and what is refused. */
#include "store_fixture.h"

#include <string.h>

static GwFlavor *flavor_new(const char *id, const char *name)
{
    GwFlavor *flavor = gw_flavor_new();
    flavor->flavor_id = g_strdup(id);
    flavor->name = g_strdup(name);
    flavor->vcpus = 2;
    flavor->memory_mib = 512;
    flavor->disk_gib = 10;
    flavor->swap_mib = 64;
    flavor->description = g_strdup("small");
    flavor->is_public = FALSE;
    gw_flavor_set_spec(flavor, "hw:a", "b");
    g_ptr_array_add(flavor->projects, g_strdup("p"));
    return flavor;
}

static GwServer *server_new(const char *uuid)
{
    GwServer *server = gw_server_new();
    g_strlcpy(server->uuid, uuid, sizeof server->uuid);
    server->name = g_strdup("web");
    server->domain_name = g_strdup("web-1");
    server->image_path = g_strdup("/images/a");
    server->image_bytes = (guint64)5 << 40;
    server->request_id = g_strdup("req-1");
    g_ptr_array_add(server->flavors, flavor_new("f", "f"));
    g_ptr_array_add(server->networks, g_strdup("auto"));
    gw_metadata_add(server->metadata, "k", "v");
    return server;
}

static GwServer *read_server(Fixture *fixture)
{
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_servers(fixture->store, &rows, &error_));
    g_assert_cmpuint(rows->len, ==, 1);
    return g_ptr_array_steal_index(rows, 0);
}

static void test_round_trip(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwServer) server = server_new(UUID_A);
    assert_ok(gw_store_server_add(fixture->store, server, &error_));
    server->phase = GW_SERVER_CREATING;
    server->host = g_strdup("HostB");
    server->attempts = 1;
    g_ptr_array_add(server->disks, g_strdup("/srv/disk"));
    assert_ok(gw_store_server_update(fixture->store, server, &error_));
    fixture_reopen(fixture);
    g_autoptr(GwServer) read = read_server(fixture);
    g_assert_cmpint(read->phase, ==, GW_SERVER_CREATING);
    g_assert_cmpstr(read->uuid, ==, UUID_A);
    g_assert_cmpstr(read->host, ==, "HostB");
    g_assert_cmpuint(read->attempts, ==, 1);
    g_assert_cmpuint(read->version, ==, 2);
    g_assert_cmpuint(read->image_bytes, ==, (guint64)5 << 40);
    g_assert_cmpstr(read->disks->pdata[0], ==, "/srv/disk");
    g_assert_cmpstr(((GwMetadatum *)read->metadata->pdata[0])->value, ==, "v");
    const GwFlavor *flavor = gw_server_flavor(read);
    g_assert_cmpstr(gw_flavor_spec(flavor, "hw:a"), ==, "b");
    g_assert_cmpuint(flavor->memory_mib, ==, 512);
    assert_ok(gw_store_server_remove(fixture->store, read->id, NULL, &error_));
    assert_ok(gw_store_server_remove(fixture->store, read->id, NULL, &error_));
}

/* Who wants it gone is heard also by one who writes without having heard it. */
static void test_deletion_is_kept(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwServer) server = server_new(UUID_A);
    assert_ok(gw_store_server_add(fixture->store, server, &error_));
    assert_ok(gw_store_server_ask_delete(fixture->store, UUID_A, "req-2", &error_));
    assert_ok(gw_store_server_update(fixture->store, server, &error_));
    g_assert_true(server->delete_asked);
    g_autoptr(GwServer) read = read_server(fixture);
    g_assert_true(read->delete_asked);
    g_assert_cmpstr(read->delete_request, ==, "req-2");
    GError *error = NULL;
    gboolean ok = gw_store_server_ask_delete(fixture->store, UUID_B, NULL, &error);
    assert_fails(ok, error, GW_ERROR_NOT_FOUND, UUID_B, NULL);
}

static void test_races(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwServer) server = server_new(UUID_A);
    assert_ok(gw_store_server_add(fixture->store, server, &error_));
    g_autoptr(GwServer) again = server_new(UUID_A);
    GError *error = NULL;
    gboolean ok = gw_store_server_add(fixture->store, again, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, UUID_A, NULL);
    g_autoptr(GwServer) other = read_server(fixture);
    assert_ok(gw_store_server_update(fixture->store, other, &error_));
    error = NULL;
    ok = gw_store_server_update(fixture->store, server, &error);
    assert_fails(ok, error, GW_ERROR_STALE, UUID_A, NULL);
}

static void test_flavors(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GwFlavor) one = flavor_new("1", "one");
    g_autoptr(GwFlavor) two = flavor_new("2", "two");
    assert_ok(gw_store_flavor_add(fixture->store, one, &error_));
    assert_ok(gw_store_flavor_add(fixture->store, two, &error_));
    gw_flavor_set_spec(two, "hw:a", NULL);
    assert_ok(gw_store_flavor_update(fixture->store, two, &error_));
    fixture_reopen(fixture);
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_flavors(fixture->store, &rows, &error_));
    g_assert_cmpuint(rows->len, ==, 2);
    const GwFlavor *first = rows->pdata[0], *second = rows->pdata[1];
    g_assert_cmpstr(first->description, ==, "small");
    g_assert_cmpstr(first->projects->pdata[0], ==, "p");
    g_assert_false(first->is_public);
    g_assert_cmpstr(gw_flavor_spec(second, "hw:a"), ==, NULL);
    g_autoptr(GwFlavor) name = flavor_new("3", "one");
    g_autoptr(GwFlavor) id = flavor_new("1", "three");
    GError *error = NULL;
    gboolean ok = gw_store_flavor_add(fixture->store, name, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, "Flavor with name one already exists.", NULL);
    error = NULL;
    ok = gw_store_flavor_add(fixture->store, id, &error);
    assert_fails(ok, error, GW_ERROR_CONFLICT, "Flavor with ID 1 already exists.", NULL);
    assert_ok(gw_store_flavor_remove(fixture->store, "1", &error_));
    error = NULL;
    ok = gw_store_flavor_remove(fixture->store, "1", &error);
    assert_fails(ok, error, GW_ERROR_NOT_FOUND, "Flavor 1 could not be found.", NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("servers/round-trip", test_round_trip);
    ADD("servers/deletion-is-kept", test_deletion_is_kept);
    ADD("servers/races", test_races);
    ADD("flavors", test_flavors);
    return g_test_run();
}
