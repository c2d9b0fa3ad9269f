#include "store_fixture.h"

#include "core/flags.h"

#include <glib/gstdio.h>
#include <libpq-fe.h>
#include <string.h>
#include <unistd.h>

/* A field that was added to one of these must be described in the store's tables, and then set and compared below; but for `calls` and `place` of a
 * plan, which are words for whoever asks, and memory_scanned and what follows it of a progress, which are of a copy under way. */
#if GLIB_SIZEOF_VOID_P == 8
_Static_assert(sizeof(GwDisk) == 88 && sizeof(GwNic) == 24 && sizeof(GwInstance) == 176, "a new field of an instance?");
_Static_assert(sizeof(GwPlanDisk) == 80 && sizeof(GwPlan) == 240, "a new field of a plan?");
_Static_assert(sizeof(GwMigration) == 400 && sizeof(GwProgress) == 120, "a new field of a migration?");
_Static_assert(sizeof(GwForecast) == 456, "a new field of a forecast?");
#endif

gboolean on_postgres(void)
{
    return g_getenv("GODWIT_POSTGRES") != NULL;
}

char *postgres_uri(const char *database)
{
    return g_strdup_printf("postgresql://godwit@/%s?host=%s", database, g_getenv("GODWIT_POSTGRES"));
}

void postgres_run(const char *database, const char *sql)
{
    g_autofree char *uri = postgres_uri(database);
    PGconn *connection = PQconnectdb(uri);
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        g_error("%s: %s", sql, PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
}

/* A new, empty database. */
static char *make_database(void)
{
    static guint number;
    g_autofree char *name = g_strdup_printf("store_%d_%u", (int)getpid(), ++number);
    g_autofree char *sql = g_strdup_printf("CREATE DATABASE %s STRATEGY file_copy", name);
    postgres_run("postgres", sql);
    return postgres_uri(name);
}

GwStore *open_place(const char *place, GError **error)
{
    return *place == '/' ? gw_store_open_sqlite(place, error) : gw_store_open_postgres(place, error);
}

void fixture_up(Fixture *fixture, gconstpointer data)
{
    fixture->folder = g_dir_make_tmp("godwit-store-XXXXXX", NULL);
    fixture->path = g_build_filename(fixture->folder, "godwit.db", NULL);
    fixture->place = on_postgres() ? make_database() : g_strdup(fixture->path);
    g_autoptr(GError) error = NULL;
    fixture->store = open_place(fixture->place, &error);
    g_assert_no_error(error);
}

void fixture_down(Fixture *fixture, gconstpointer data)
{
    gw_store_close(fixture->store);
    g_autoptr(GDir) folder = g_dir_open(fixture->folder, 0, NULL);
    const char *name;
    while (folder && (name = g_dir_read_name(folder))) {
        g_autofree char *path = g_build_filename(fixture->folder, name, NULL);
        g_unlink(path);
    }
    g_rmdir(fixture->folder);
    g_free(fixture->folder);
    g_free(fixture->path);
    g_free(fixture->place);
}

void fixture_reopen(Fixture *fixture)
{
    gw_store_close(fixture->store);
    g_autoptr(GError) error = NULL;
    fixture->store = open_place(fixture->place, &error);
    g_assert_no_error(error);
}

void assert_fails(gboolean ok, GError *error, GwErrorCode code, ...)
{
    g_assert_false(ok);
    g_assert_error(error, GW_ERROR, (int)code);
    va_list texts;
    va_start(texts, code);
    const char *text;
    while ((text = va_arg(texts, const char *)))
        if (!strstr(error->message, text))
            g_error("'%s' does not say '%s'", error->message, text);
    va_end(texts);
    g_error_free(error);
}

static GStrv chain(const char *first, const char *second)
{
    return g_strdupv((char *[]){(char *)first, (char *)second, NULL});
}

static void add_disks(GwInstance *instance)
{
    GwDisk *disk = gw_instance_add_disk(instance);
    disk->target = g_strdup("vda");
    disk->kind = GW_DISK_BLOCK;
    disk->path = g_strdup("/dev/vg/\"grüße\"\n");
    disk->pool = g_strdup("default");
    disk->format = g_strdup("qcow2");
    disk->cache = g_strdup("none");
    disk->no_copy = g_strdup("changed block tracking is on");
    disk->backing = chain("/base/one", "/base/two");
    disk->flags = GW_DISK_SHAREABLE | GW_DISK_TRANSIENT;
    disk->capacity_bytes = G_MAXUINT64;
    disk->allocation_bytes = 7;
    disk = gw_instance_add_disk(instance);
    disk->target = g_strdup("hdc");
    disk->flags = GW_DISK_REMOVABLE | GW_DISK_EMPTY;
    disk->backing = g_new0(char *, 1); /* present and empty: not the same as NULL */
}

GwInstance *sample_instance(const char *uuid)
{
    GwInstance *instance = gw_instance_new();
    g_strlcpy(instance->uuid, uuid, sizeof instance->uuid);
    instance->name = g_strdup("vm1");
    instance->power = GW_POWER_SUSPENDED;
    instance->persistent = instance->autostart = TRUE;
    instance->vcpus = 3;
    instance->memory_mib = 512;
    instance->max_memory_mib = 1024;
    instance->arch = g_strdup("x86_64");
    instance->machine = g_strdup("pc-i440fx-7.2");
    instance->virt_type = g_strdup("kvm");
    add_disks(instance);
    GwNic *nic = gw_instance_add_nic(instance);
    *nic = (GwNic){.kind = GW_NIC_DIRECT, .source = g_strdup("eth0"), .mac = g_strdup("52:54:00:00:00:01")};
    g_ptr_array_add(instance->host_devices, g_strdup("pci 0000:00:02.0"));
    g_ptr_array_add(instance->files, g_strdup("/boot/vmlinuz"));
    g_ptr_array_add(instance->files, g_strdup("/boot/initrd"));
    instance->graphics_listen = g_strdup("0.0.0.0");
    instance->created_at = 1700000000;
    instance->fingerprint = G_MAXUINT64 - 5;
    return instance;
}

GwPlan *sample_plan(void)
{
    GwPlan *plan = gw_plan_new();
    plan->kind = GW_MOVE_COLD;
    g_strlcpy(plan->uuid, UUID_A, sizeof plan->uuid);
    plan->name = g_strdup("vm1");
    plan->power_before = GW_POWER_PAUSED;
    plan->persistent_before = plan->autostart_before = TRUE;
    plan->flags = GW_FLAG_LIVE | GW_FLAG_ZEROCOPY | (G_GUINT64_CONSTANT(1) << 63);
    plan->bandwidth_mibps = 10;
    plan->connections = 4;
    plan->compression = GW_COMPRESSION_ZSTD;
    plan->pause_steps = 5;
    plan->pause_step_ms = 23;
    plan->timeout_ms = 20;
    plan->pause_ms = 21;
    plan->forced_pause_ms = 22;
    plan->policy = g_strdup("fast");
    plan->eager = plan->second_try = TRUE;
    plan->memory_mib = 512;
    plan->destination_uri = g_strdup("qemu+tcp://HostC/system");
    plan->migrate_uri = g_strdup("tcp://10.0.0.3");
    plan->listen = g_strdup("0.0.0.0");
    plan->new_vcpus = 3;
    plan->new_memory_mib = 768;
    plan->new_disk = g_strdup("vda");
    plan->new_disk_bytes = 5ull << 30;
    plan->definition = g_strdup("<domain type='kvm'>\n  <name>vm1</name>\n</domain>\n");
    GwPlanDisk *disk = gw_plan_add_disk(plan);
    disk->target = g_strdup("vda");
    disk->fate = GW_FATE_COPY;
    disk->kind = GW_DISK_NETWORK;
    disk->path = g_strdup("/a/vm1.qcow2");
    disk->dest_path = g_strdup("/b/vm1.qcow2");
    disk->format = g_strdup("qcow2");
    disk->pool = g_strdup("images");
    disk->backing = chain("/base/one", "/base/two");
    disk->capacity_bytes = 1 << 30;
    disk->allocation_bytes = 1 << 20;
    gw_plan_add_disk(plan); /* all zero */
    return plan;
}

GwMigration *sample_migration(const char *instance_uuid)
{
    GwMigration *row = gw_migration_new();
    g_strlcpy(row->instance_uuid, instance_uuid, sizeof row->instance_uuid);
    row->instance_name = g_strdup("vm1");
    row->kind = GW_MOVE_LIVE;
    row->state = GW_MIGRATION_RUNNING;
    row->end = GW_MIGRATION_CANCELLED;
    row->block = GW_BLOCK_AUTO;
    row->source = g_strdup("HostB");
    row->dest = g_strdup("HostC");
    row->intents = GW_INTENT_FORCE_COMPLETE;
    row->options = g_strdup("live_migration_bandwidth=9,live_migration_compression=none");
    row->attempts = 2;
    row->plan = sample_plan();
    row->progress = (GwProgress){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    row->forecast = g_new0(GwForecast, 1);
    *row->forecast = (GwForecast){
        .first = {GW_ENDING_PAUSE, GW_BASIS_SAMPLED, 1, 2, {3, 4, 5}, {6, 7, 8}, {9, 10, 11}},
        .now = {GW_ENDING_NOT, GW_BASIS_OBSERVED, 12, 13, {14, 15, 16}, {17, 18, 19}, {20, 21, 22}},
        .memory_bytes = 23, .disk_bytes = 24, .disk_write_bps = 25, .link_bps = 26, .link_from = GW_LINK_PROBE, .link_seen_us = 46, .write_bps = 27, .set_bytes = 28,
        .samples = 29, .copy_ms = 30, .rest_ms = 31, .sent_bytes = 32, .total_ms = 33, .downtime_ms = 34, .bytes = 35,
        .actual_bps = 36, .held_bps = 45, .first_pass_bytes = G_MAXUINT64, .delta_of = 47, .delta_sent = 48,
        .short_window = {37, 38}, .long_window = {39, 40}, .first_wrote = {41, 42}, .later_wrote = {43, 44},
    };
    g_strlcpy(row->forecast->uuid, instance_uuid, sizeof row->forecast->uuid);
    row->flavor = gw_flavor_new();
    row->flavor->id = 7;
    row->flavor->flavor_id = g_strdup("m1");
    row->flavor->name = g_strdup("m1.small");
    row->flavor->vcpus = 3;
    row->flavor->memory_mib = 768;
    gw_flavor_set_spec(row->flavor, "colour", "blue");
    row->flavor_was = 6;
    row->reason = g_strdup("waits for HostC");
    row->waits_for = GW_WAITS_FOR_DEST;
    gw_migration_take_rung(row, GW_TAKEN_PAUSE, "the copy does not gain on the guest");
    row->request_id = g_strdup("req-1");
    row->user_id = g_strdup("user");
    row->project_id = g_strdup("project");
    row->started_us = 100;
    row->ended_us = 200;
    return row;
}

void assert_instance_equal(const GwInstance *a, const GwInstance *b)
{
    g_assert_true(gw_instance_equal(a, b));
    for (guint i = 0; i < a->disks->len; i++) /* measured, hence not part of what is equal */
        g_assert_cmpuint(((GwDisk *)a->disks->pdata[i])->allocation_bytes, ==,
                         ((GwDisk *)b->disks->pdata[i])->allocation_bytes);
}

static void assert_plan_disk_equal(const GwPlanDisk *a, const GwPlanDisk *b)
{
    g_assert_cmpstr(a->target, ==, b->target);
    g_assert_cmpint(a->fate, ==, b->fate);
    g_assert_cmpint(a->kind, ==, b->kind);
    g_assert_cmpstr(a->path, ==, b->path);
    g_assert_cmpstr(a->dest_path, ==, b->dest_path);
    g_assert_cmpstr(a->format, ==, b->format);
    g_assert_cmpstr(a->pool, ==, b->pool);
    g_assert_true(!a->backing == !b->backing);
    if (a->backing)
        g_assert_cmpstrv(a->backing, b->backing);
    g_assert_cmpuint(a->capacity_bytes, ==, b->capacity_bytes);
    g_assert_cmpuint(a->allocation_bytes, ==, b->allocation_bytes);
}

void assert_plan_equal(const GwPlan *a, const GwPlan *b)
{
    g_assert_cmpint(a->kind, ==, b->kind);
    g_assert_cmpstr(a->uuid, ==, b->uuid);
    g_assert_cmpstr(a->name, ==, b->name);
    g_assert_cmpint(a->power_before, ==, b->power_before);
    g_assert_cmpint(a->persistent_before, ==, b->persistent_before);
    g_assert_cmpint(a->autostart_before, ==, b->autostart_before);
    g_assert_cmpuint(a->flags, ==, b->flags);
    g_assert_cmpuint(a->bandwidth_mibps, ==, b->bandwidth_mibps);
    g_assert_cmpuint(a->connections, ==, b->connections);
    g_assert_cmpint(a->compression, ==, b->compression);
    g_assert_cmpuint(a->pause_steps, ==, b->pause_steps);
    g_assert_cmpuint(a->pause_step_ms, ==, b->pause_step_ms);
    g_assert_cmpuint(a->timeout_ms, ==, b->timeout_ms);
    g_assert_cmpuint(a->pause_ms, ==, b->pause_ms);
    g_assert_cmpuint(a->forced_pause_ms, ==, b->forced_pause_ms);
    g_assert_cmpstr(a->policy, ==, b->policy);
    g_assert_cmpint(a->eager, ==, b->eager);
    g_assert_cmpuint(a->memory_mib, ==, b->memory_mib);
    g_assert_cmpuint(a->new_vcpus, ==, b->new_vcpus);
    g_assert_cmpuint(a->new_memory_mib, ==, b->new_memory_mib);
    g_assert_cmpstr(a->new_disk, ==, b->new_disk);
    g_assert_cmpuint(a->new_disk_bytes, ==, b->new_disk_bytes);
    g_assert_cmpstr(a->destination_uri, ==, b->destination_uri);
    g_assert_cmpstr(a->migrate_uri, ==, b->migrate_uri);
    g_assert_cmpstr(a->listen, ==, b->listen);
    g_assert_cmpstr(a->definition, ==, b->definition);
    g_assert_cmpuint(a->disks->len, ==, b->disks->len);
    for (guint i = 0; i < a->disks->len; i++)
        assert_plan_disk_equal(a->disks->pdata[i], b->disks->pdata[i]);
}

void assert_migration_equal(const GwMigration *a, const GwMigration *b)
{
    g_assert_cmpint(a->id, ==, b->id);
    g_assert_cmpstr(a->uuid, ==, b->uuid);
    g_assert_cmpstr(a->instance_uuid, ==, b->instance_uuid);
    g_assert_cmpstr(a->instance_name, ==, b->instance_name);
    g_assert_cmpint(a->kind, ==, b->kind);
    g_assert_cmpint(a->state, ==, b->state);
    g_assert_cmpint(a->end, ==, b->end);
    g_assert_cmpint(a->block, ==, b->block);
    g_assert_cmpstr(a->source, ==, b->source);
    g_assert_cmpstr(a->dest, ==, b->dest);
    g_assert_cmpuint(a->intents, ==, b->intents);
    g_assert_cmpstr(a->options, ==, b->options);
    g_assert_cmpuint(a->attempts, ==, b->attempts);
    g_assert_true(!a->plan == !b->plan);
    if (a->plan)
        assert_plan_equal(a->plan, b->plan);
    g_assert_true(!a->forecast == !b->forecast);
    if (a->forecast) { /* padding after the UUID is not of it */
        g_autofree char *one = gw_codec_forecast_to_text(a->forecast), *other = gw_codec_forecast_to_text(b->forecast);
        g_assert_cmpstr(one, ==, other);
        g_assert_cmpmem(&a->forecast->first, sizeof *a->forecast - offsetof(GwForecast, first), &b->forecast->first,
                        sizeof *b->forecast - offsetof(GwForecast, first));
    }
    g_assert_true(!a->flavor == !b->flavor);
    if (a->flavor) {
        g_assert_cmpint(a->flavor->id, ==, b->flavor->id);
        g_assert_cmpstr(a->flavor->flavor_id, ==, b->flavor->flavor_id);
        g_assert_cmpstr(a->flavor->name, ==, b->flavor->name);
        g_assert_cmpuint(a->flavor->vcpus, ==, b->flavor->vcpus);
        g_assert_cmpuint(a->flavor->memory_mib, ==, b->flavor->memory_mib);
        g_assert_cmpstr(gw_flavor_spec(a->flavor, "colour"), ==, gw_flavor_spec(b->flavor, "colour"));
    }
    g_assert_cmpint(a->flavor_was, ==, b->flavor_was);
    g_assert_cmpmem(&a->progress, sizeof a->progress, &b->progress, sizeof b->progress);
    g_assert_cmpstr(a->reason, ==, b->reason);
    g_assert_cmpint(a->waits_for, ==, b->waits_for);
    g_assert_cmpint(a->rung, ==, b->rung);
    g_assert_cmpstr(a->rung_reason, ==, b->rung_reason);
    g_assert_cmpstr(a->request_id, ==, b->request_id);
    g_assert_cmpstr(a->user_id, ==, b->user_id);
    g_assert_cmpstr(a->project_id, ==, b->project_id);
    g_assert_cmpint(a->created_us, ==, b->created_us);
    g_assert_cmpint(a->updated_us, ==, b->updated_us);
    g_assert_cmpint(a->started_us, ==, b->started_us);
    g_assert_cmpint(a->ended_us, ==, b->ended_us);
    g_assert_cmpint(a->state_since_us, ==, b->state_since_us);
    g_assert_cmpuint(a->version, ==, b->version);
}

GwMigration *read_migration(GwStore *store, gint64 id)
{
    GwMigrationQuery query = {.id = id};
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_migrations(store, &query, &rows, &error_));
    g_assert_cmpuint(rows->len, ==, 1);
    return g_ptr_array_steal_index(rows, 0);
}

void add_host(GwStore *store, const char *name, const char *uri)
{
    GwHostRow row = {.name = (char *)name, .uri = (char *)uri, .enabled = TRUE};
    assert_ok(gw_store_host_add(store, &row, &error_));
}

void assert_old_rows(GwStore *store)
{
    g_autoptr(GPtrArray) rows = NULL;
    assert_ok(gw_store_hosts(store, &rows, &error_));
    g_assert_cmpuint(rows->len, ==, 1);
    g_assert_cmpstr(((GwHostRow *)rows->pdata[0])->name, ==, "HostB");
    g_autoptr(GwMigration) old = read_migration(store, 1);
    g_assert_cmpstr(old->instance_name, ==, "old");
    g_assert_null(old->options);
    old->state = GW_MIGRATION_FAILED;
    assert_ok(gw_store_migration_update(store, old, &error_));
    g_autoptr(GwMigration) young = sample_migration(UUID_B);
    assert_ok(gw_store_migration_add(store, young, &error_));
    g_autoptr(GwMigration) back = read_migration(store, young->id);
    assert_migration_equal(young, back);
}
