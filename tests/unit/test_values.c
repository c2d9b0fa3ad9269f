/* The values of the core: what makes two the same, copies that share nothing, folders, and the tables of names. */
#include "core/host.h"
#include "core/instance.h"
#include "core/sight.h"

#include <string.h>

/* ---- instances */

static GwInstance *an_instance(void)
{
    const char *const chain[] = {"/srv/base.qcow2", "/srv/older.qcow2", NULL};
    GwInstance *instance = gw_instance_new();
    g_strlcpy(instance->uuid, "3536a8e8-b923-53fe-922e-6f951417ed6c", GW_UUID_SIZE);
    instance->name = g_strdup("vm1");
    instance->power = GW_POWER_RUNNING;
    instance->vcpus = 2;
    instance->memory_mib = 512;
    instance->max_memory_mib = 1024;
    instance->arch = g_strdup("x86_64");
    GwDisk *disk = gw_instance_add_disk(instance);
    disk->target = g_strdup("vda");
    disk->path = g_strdup("/srv/vm1.qcow2");
    disk->backing = g_strdupv((char **)chain);
    disk->capacity_bytes = 1 << 30;
    GwNic *nic = gw_instance_add_nic(instance);
    nic->source = g_strdup("br0");
    nic->mac = g_strdup("52:54:00:00:00:01");
    g_ptr_array_add(instance->host_devices, g_strdup("pci 0000:00:02.0"));
    g_ptr_array_add(instance->files, g_strdup("/srv/x.iso"));
    return instance;
}

static GwDisk *disk_of(GwInstance *instance)
{
    return instance->disks->pdata[0];
}

static GwNic *nic_of(GwInstance *instance)
{
    return instance->nics->pdata[0];
}

static void set(char **field, const char *text)
{
    g_free(*field);
    *field = g_strdup(text);
}

#define CHANGE(name, statement)                                                                                        \
    static void name(GwInstance *i)                                                                                    \
    {                                                                                                                  \
        statement;                                                                                                     \
    }

CHANGE(uuid, i->uuid[0] = '4')
CHANGE(name, set(&i->name, "vm2"))
CHANGE(no_name, set(&i->name, NULL))
CHANGE(power, i->power = GW_POWER_PAUSED)
CHANGE(persistent, i->persistent = TRUE)
CHANGE(autostart, i->autostart = TRUE)
CHANGE(vcpus, i->vcpus = 3)
CHANGE(memory, i->memory_mib = 513)
CHANGE(max_memory, i->max_memory_mib = 513)
CHANGE(arch, set(&i->arch, "aarch64"))
CHANGE(machine, set(&i->machine, "q35"))
CHANGE(virt_type, set(&i->virt_type, "kvm"))
CHANGE(listen, set(&i->graphics_listen, "0.0.0.0"))
CHANGE(created, i->created_at = 1)
CHANGE(fingerprint, i->fingerprint = 1)
CHANGE(one_more_disk, gw_instance_add_disk(i))
CHANGE(one_more_nic, gw_instance_add_nic(i))
CHANGE(one_more_device, g_ptr_array_add(i->host_devices, g_strdup("usb 1-1")))
CHANGE(another_device, set((char **)&i->host_devices->pdata[0], "usb 1-1"))
CHANGE(no_file, g_ptr_array_set_size(i->files, 0))
CHANGE(disk_target, set(&disk_of(i)->target, "vdb"))
CHANGE(disk_kind, disk_of(i)->kind = GW_DISK_BLOCK)
CHANGE(disk_path, set(&disk_of(i)->path, "/srv/vm2.qcow2"))
CHANGE(disk_pool, set(&disk_of(i)->pool, "default"))
CHANGE(disk_format, set(&disk_of(i)->format, "raw"))
CHANGE(disk_cache, set(&disk_of(i)->cache, "none"))
CHANGE(disk_no_copy, set(&disk_of(i)->no_copy, "it is an attached volume"))
CHANGE(disk_flags, disk_of(i)->flags = GW_DISK_READONLY)
CHANGE(disk_capacity, disk_of(i)->capacity_bytes++)
CHANGE(disk_chain, set(&disk_of(i)->backing[1], "/srv/other.qcow2"))
CHANGE(disk_no_chain, g_clear_pointer(&disk_of(i)->backing, g_strfreev))
CHANGE(nic_kind, nic_of(i)->kind = GW_NIC_NETWORK)
CHANGE(nic_source, set(&nic_of(i)->source, "br1"))
CHANGE(nic_mac, set(&nic_of(i)->mac, "52:54:00:00:00:02"))

static void every_change_is_one(void)
{
    static void (*const changes[])(GwInstance *) = {
        uuid,       name,        no_name,       power,        persistent,      autostart,
        vcpus,      memory,      max_memory,    arch,         machine,         virt_type,
        listen,     created,     fingerprint, one_more_disk, one_more_nic, one_more_device, another_device,
        no_file,    disk_target, disk_kind,     disk_path,    disk_pool,       disk_format,
        disk_cache, disk_no_copy, disk_flags,  disk_capacity, disk_chain,   disk_no_chain,   nic_kind,
        nic_source, nic_mac,
    };
    for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autoptr(GwInstance) a = an_instance();
        g_autoptr(GwInstance) b = an_instance();
        g_assert_true(gw_instance_equal(a, b));
        changes[i](b);
        g_test_message("change %u", i);
        g_assert_false(gw_instance_equal(a, b));
        g_assert_false(gw_instance_equal(b, a));
    }
}

/* It grows with every write of the guest; and how many hold a reference is nobody's business. */
static void allocation_is_no_change(void)
{
    g_autoptr(GwInstance) a = an_instance();
    g_autoptr(GwInstance) b = an_instance();
    disk_of(b)->allocation_bytes = 77;
    g_autoptr(GwInstance) again = gw_instance_ref(b);
    g_assert_true(again == b);
    g_assert_true(gw_instance_equal(a, b));
}

static void disks_are_found_by_target(void)
{
    g_autoptr(GwInstance) instance = an_instance();
    g_assert_true(gw_instance_find_disk(instance, "vda") == disk_of(instance));
    g_assert_null(gw_instance_find_disk(instance, "vdb"));
    g_assert_null(gw_instance_find_disk(instance, ""));
}

static void uuids_are_known(void)
{
    g_assert_true(gw_uuid_is_valid("3536a8e8-b923-53fe-922e-6f951417ed6c"));
    static const char *const wrong[] = {NULL,
                                        "",
                                        "vm1",
                                        "3536a8e8b92353fe922e6f951417ed6c",
                                        "3536a8e8-b923-53fe-922e-6f951417ed6",
                                        "3536a8e8-b923-53fe-922e-6f951417ed6cc",
                                        "3536a8e8-b923-53fe-922e-6f951417ed6g"};
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_false(gw_uuid_is_valid(wrong[i]));
}

/* ---- plans and rows: a copy shares nothing with what it was made of, as AddressSanitizer would see */

static GwPlan *a_plan(void)
{
    const char *const chain[] = {"/srv/base.qcow2", NULL};
    GwPlan *plan = gw_plan_new();
    plan->name = g_strdup("vm1");
    plan->destination_uri = g_strdup("qemu+tls://HostC/system");
    plan->migrate_uri = g_strdup("tcp://10.0.0.2");
    plan->listen = g_strdup("0.0.0.0");
    plan->definition = g_strdup("<godwit/>");
    plan->timeout_ms = 42;
    GwPlanDisk *disk = gw_plan_add_disk(plan);
    disk->target = g_strdup("vda");
    disk->fate = GW_FATE_COPY;
    disk->path = g_strdup("/srv/a");
    disk->dest_path = g_strdup("/srv/b");
    disk->format = g_strdup("qcow2");
    disk->pool = g_strdup("default");
    disk->backing = g_strdupv((char **)chain);
    return plan;
}

static void plans_are_copied(void)
{
    g_autoptr(GwPlan) copy = NULL;
    {
        g_autoptr(GwPlan) plan = a_plan();
        copy = gw_plan_copy(plan);
    }
    const GwPlanDisk *disk = copy->disks->pdata[0];
    g_assert_cmpstr(copy->name, ==, "vm1");
    g_assert_cmpstr(copy->destination_uri, ==, "qemu+tls://HostC/system");
    g_assert_cmpstr(copy->migrate_uri, ==, "tcp://10.0.0.2");
    g_assert_cmpstr(copy->listen, ==, "0.0.0.0");
    g_assert_cmpstr(copy->definition, ==, "<godwit/>");
    g_assert_cmpuint(copy->timeout_ms, ==, 42);
    g_assert_cmpuint(copy->disks->len, ==, 1);
    g_assert_cmpstr(disk->dest_path, ==, "/srv/b");
    g_assert_cmpstr(disk->pool, ==, "default");
    g_assert_cmpstr(disk->backing[0], ==, "/srv/base.qcow2");
    g_assert_null(gw_plan_copy(NULL));
}

static void plans_know_whether_disks_travel(void)
{
    g_autoptr(GwPlan) plan = gw_plan_new();
    g_assert_false(gw_plan_copies_disks(plan));
    gw_plan_add_disk(plan)->fate = GW_FATE_SHARED;
    gw_plan_add_disk(plan)->fate = GW_FATE_CARRY;
    g_assert_false(gw_plan_copies_disks(plan));
    gw_plan_add_disk(plan)->fate = GW_FATE_COPY;
    g_assert_true(gw_plan_copies_disks(plan));
}

static void rows_are_copied(void)
{
    g_autoptr(GwMigration) copy = NULL;
    {
        g_autoptr(GwMigration) row = gw_migration_new();
        row->id = 7;
        char **const strings[] = {&row->instance_name, &row->source,  &row->dest,      &row->reason,
                                  &row->request_id,    &row->user_id, &row->project_id};
        for (guint i = 0; i < G_N_ELEMENTS(strings); i++)
            *strings[i] = g_strdup_printf("text %u", i);
        row->plan = a_plan();
        copy = gw_migration_copy(row);
    }
    g_assert_cmpint(copy->id, ==, 7);
    const char *const strings[] = {copy->instance_name, copy->source,  copy->dest,      copy->reason,
                                   copy->request_id,    copy->user_id, copy->project_id};
    for (guint i = 0; i < G_N_ELEMENTS(strings); i++) {
        g_autofree char *text = g_strdup_printf("text %u", i);
        g_assert_cmpstr(strings[i], ==, text);
    }
    g_assert_cmpstr(copy->plan->name, ==, "vm1");
    g_autoptr(GwMigration) empty = gw_migration_new();
    g_autoptr(GwMigration) as_empty = gw_migration_copy(empty);
    g_assert_null(as_empty->plan);
}

/* ---- hosts */

static void folders_are_one_with_and_without_slash(void)
{
    static const struct {
        const char *pool, *folder;
        gboolean same;
    } rows[] = {
        {"/srv/images", "/srv/images", TRUE},
        {"/srv/images/", "/srv/images", TRUE},
        {"/srv/images", "/srv/images//", TRUE},
        {"/srv/images", "/srv/image", FALSE},
        {"/srv/images", "/srv/images2", FALSE},
        {"/", "/", TRUE},
        {"/", "//", TRUE},
        {"/", "/srv", FALSE},
        {"/srv", "", FALSE},
        {NULL, "/srv", FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GwHostFacts) host = gw_host_facts_new();
        GwPool *pool = gw_host_facts_add_pool(host);
        pool->name = g_strdup("p");
        pool->path = g_strdup(rows[i].pool);
        g_assert_true(gw_host_facts_pool_at(host, rows[i].folder) == (rows[i].same ? pool : NULL));
        g_assert_true(gw_host_facts_pool_named(host, "p") == pool);
        g_assert_null(gw_host_facts_pool_named(host, "q"));
    }
}

/* ---- tables of names */

static void states_have_names_of_their_own(void)
{
    for (guint i = 0; i < GW_MIGRATION_STATE_COUNT; i++) {
        GwMigrationState back = GW_MIGRATION_STATE_COUNT;
        const char *name = gw_migration_state_name((GwMigrationState)i);
        g_assert_true(name && *name);
        g_assert_true(gw_migration_state_from_name(name, &back)); /* the first of that name */
        g_assert_cmpint(back, ==, i);
    }
    GwMigrationState state = GW_MIGRATION_ERROR;
    g_assert_false(gw_migration_state_from_name("gone", &state));
    g_assert_false(gw_migration_state_from_name("", &state));
    g_assert_false(gw_migration_state_from_name(NULL, &state));
    g_assert_cmpint(state, ==, GW_MIGRATION_ERROR); /* untouched */
}

static void traits_do_not_contradict(void)
{
    for (guint i = 0; i < GW_MIGRATION_STATE_COUNT; i++) {
        unsigned traits = gw_migration_state_traits((GwMigrationState)i);
        g_assert_true((traits & (traits - 1)) == 0); /* one at most */
    }
    g_assert_cmphex(gw_migration_state_traits(GW_MIGRATION_FINISHED), ==, GW_TRAIT_RESTING);
}

/* nova/compute/manager.py */
static void novas_words(void)
{
    static const struct {
        GwMigrationState state;
        const char *live, *cold;
    } rows[] = {
        {GW_MIGRATION_ACCEPTED, "accepted", "pre-migrating"},
        {GW_MIGRATION_PREPARING, "preparing", "pre-migrating"},
        {GW_MIGRATION_UNDOING, "running", "migrating"},
        {GW_MIGRATION_FAILED, "failed", "error"},
        {GW_MIGRATION_ERROR, "error", "error"},
        {GW_MIGRATION_CANCELLED, "cancelled", "cancelled"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpstr(gw_migration_state_status(rows[i].state, GW_MOVE_LIVE), ==, rows[i].live);
        g_assert_cmpstr(gw_migration_state_status(rows[i].state, GW_MOVE_COLD), ==, rows[i].cold);
    }
    g_assert_cmpstr(gw_move_kind_name(GW_MOVE_LIVE), ==, "live-migration");
    g_assert_cmpstr(gw_move_kind_name(GW_MOVE_COLD), ==, "migration");
}

static void sights_and_powers_have_names_of_their_own(void)
{
    static const GwPower powers[] = {GW_POWER_RUNNING, GW_POWER_PAUSED,    GW_POWER_SHUTDOWN,
                                     GW_POWER_CRASHED, GW_POWER_SUSPENDED, GW_POWER_NOSTATE};
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) power = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < GW_SEEN_COUNT; i++)
        g_assert_true(g_hash_table_add(seen, (gpointer)gw_seen_name((GwSeen)i)));
    for (guint i = 0; i < G_N_ELEMENTS(powers); i++)
        g_assert_true(g_hash_table_add(power, (gpointer)gw_power_name(powers[i])));
}

/* What a copy that came to nothing expected of its pause is no pause. */
static void pause_is_measured_of_completed_moves(void)
{
    const struct {
        GwMigrationState state;
        guint64 told_ms;
    } cases[] = {
        {GW_MIGRATION_RUNNING, 500}, {GW_MIGRATION_COMPLETED, 500}, {GW_MIGRATION_CANCELLED, 0},
        {GW_MIGRATION_FAILED, 0},    {GW_MIGRATION_ERROR, 0},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        GwMigration row = {.state = cases[i].state, .progress.downtime_ms = 500};
        g_assert_cmpuint(gw_migration_downtime_ms(&row), ==, cases[i].told_ms);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/instance/every change is one", every_change_is_one);
    g_test_add_func("/instance/allocation is no change", allocation_is_no_change);
    g_test_add_func("/instance/disks are found by target", disks_are_found_by_target);
    g_test_add_func("/instance/UUIDs are known", uuids_are_known);
    g_test_add_func("/migration/pause is measured of completed moves", pause_is_measured_of_completed_moves);
    g_test_add_func("/plan/is copied", plans_are_copied);
    g_test_add_func("/plan/knows whether disks travel", plans_know_whether_disks_travel);
    g_test_add_func("/migration/is copied", rows_are_copied);
    g_test_add_func("/host/folders are one with and without slash", folders_are_one_with_and_without_slash);
    g_test_add_func("/migration/states have names of their own", states_have_names_of_their_own);
    g_test_add_func("/migration/traits do not contradict", traits_do_not_contradict);
    g_test_add_func("/migration/Nova's words", novas_words);
    g_test_add_func("/sight/names", sights_and_powers_have_names_of_their_own);
    return g_test_run();
}
