/* The check engine by table: each fact against a move gives its finding, and all of them at once give all. */
#include "move_fixture.h"

#include <string.h>

/* ---- each fact and its finding */

static void other_hypervisor(Move *m) { g_free(m->facts->dest->hypervisor_type); m->facts->dest->hypervisor_type = g_strdup("XenServer"); }
static void other_arch(Move *m) { g_free(m->facts->dest->arch); m->facts->dest->arch = g_strdup("aarch64"); }
static void older(Move *m) { m->facts->dest->hypervisor_version = 6000000; }
static void same_uuid(Move *m) { g_free(m->facts->dest->host_uuid); m->facts->dest->host_uuid = g_strdup(m->facts->source->host_uuid); }
static void same_name(Move *m) { g_free(m->facts->dest->hostname); m->facts->dest->hostname = g_strdup(m->facts->source->hostname); }
static void stopped(Move *m) { m->facts->instance->power = GW_POWER_SHUTDOWN; }
static void uuid_taken(Move *m) { m->facts->uuid_taken = GW_FACT_YES; }
static void name_taken(Move *m) { m->facts->name_taken = GW_FACT_YES; }
static void no_memory(Move *m) { m->facts->dest->memory_free_mib = 1000; }
static void no_bridge(Move *m) { g_ptr_array_add(m->facts->missing_networks, g_strdup("bridge br-x")); }
static void no_iso(Move *m) { g_ptr_array_add(m->facts->missing_files, g_strdup("/srv/x.iso")); }
static void device(Move *m) { g_ptr_array_add(m->facts->instance->host_devices, g_strdup("pci 0000:00:02.0")); }
static void snapshot(Move *m) { g_ptr_array_add(m->facts->obstacles, g_strdup("vm1 has 1 snapshot")); }
static void cpu(Move *m) { m->facts->cpu_problem = g_strdup("missing avx2"); }
static void unknown_storage(Move *m) { disk_facts_of(m->facts)->shared = GW_FACT_UNKNOWN; }
static void loose_device(Move *m) { disk_of(m->facts)->kind = GW_DISK_BLOCK; disk_facts_of(m->facts)->shared = GW_FACT_UNKNOWN; }
static void no_pool(Move *m) { disk_facts_of(m->facts)->pool = GW_FACT_NO; }
static void transient_disk(Move *m) { disk_of(m->facts)->flags |= GW_DISK_TRANSIENT; }
static void problem(Move *m) { disk_facts_of(m->facts)->problem = g_strdup("it is on nvme"); }
static void no_mirror(Move *m)
{
    disk_facts_of(m->facts)->live_problem = g_strdup("it is on lvm");
    disk_facts_of(m->facts)->live_rule = g_strdup("only ext is copied live");
}
static void live_obstacle(Move *m) { g_ptr_array_add(m->facts->live_obstacles, g_strdup("it is blocked")); }
static void not_shared(Move *m) { make_local(m->facts); m->wish.block = GW_BLOCK_NO; }
static void no_folder(Move *m) { make_local(m->facts); disk_facts_of(m->facts)->folder = GW_FACT_NO; }
static void taken(Move *m) { make_local(m->facts); disk_facts_of(m->facts)->taken = GW_FACT_YES; }
static void shareable(Move *m) { make_local(m->facts); disk_of(m->facts)->flags |= GW_DISK_SHAREABLE; }
static void no_space(Move *m) { make_local(m->facts); disk_facts_of(m->facts)->available_bytes = 5ull << 30; }
static void nothing_to_copy(Move *m) { m->wish.block = GW_BLOCK_YES; }
static void unsafe_cache(Move *m) { disk_of(m->facts)->cache = g_strdup("unsafe"); }
static void console(Move *m) { m->facts->instance->graphics_listen = g_strdup("10.0.0.1"); }

static const struct {
    const char *code, *words; /* words that the text must hold */
    void (*spoil)(Move *move);
} refusals[] = {
    {"hypervisor-type", "XenServer", other_hypervisor}, {"arch", "aarch64", other_arch}, {"hypervisor-version", "6.0.0", older},
    {"host-uuid", "host_uuid", same_uuid}, {"host-name", "host0", same_name}, {"power", "godwit migrate", stopped},
    {"uuid-taken", "3536a8e8", uuid_taken}, {"name-taken", "named vm1", name_taken}, {"memory", "512 MiB", no_memory},
    {"network-missing", "bridge br-x", no_bridge}, {"file-missing", "/srv/x.iso", no_iso}, {"host-device", "0000:00:02.0", device},
    {"hypervisor", "snapshot", snapshot}, {"cpu", "avx2", cpu}, {"storage-unknown", "/srv/vm1.qcow2", unknown_storage},
    {"storage-unknown", "vda", loose_device}, {"pool-missing", "HostC", no_pool}, {"disk-transient", "vda", transient_disk},
    {"disk", "nvme", problem}, {"disk", "HostC does not reach it, and only ext is copied live); remedy: migrate it cold (godwit migrate --host HostC vm1)", no_mirror},
    {"hypervisor", "remedy: move it cold (godwit migrate)", live_obstacle}, {"not-shared", "--block-migrate", not_shared}, {"folder-missing", "/srv/vm1.qcow2", no_folder},
    {"disk-taken", "/srv/vm1.qcow2", taken}, {"disk-shareable", "shareable", shareable}, {"disk-space", "5120 MiB", no_space},
    {"nothing-to-copy", "without --block-migrate", nothing_to_copy}, {"console-address", "vncserver_listen", console},
    {"cache-unsafe", "cache='none'", unsafe_cache},
};

static void each_fact_has_its_finding(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    Move move = good_move();
    GwPlan *plan = NULL;
    refusals[i].spoil(&move);
    g_autoptr(GPtrArray) findings = check(&move, &plan);
    g_assert_null(plan);
    g_assert_cmpuint(findings->len, ==, 1);
    const GwFinding *finding = findings->pdata[0];
    g_assert_cmpstr(finding->code, ==, refusals[i].code);
    g_assert_true(finding->fact && finding->why && finding->remedy && finding->severity == GW_FINDING_BLOCKS);
    g_assert_true(g_strcmp0(finding->host, "HostB") == 0 || g_strcmp0(finding->host, "HostC") == 0);
    g_autofree char *text = gw_findings_to_text(findings);
    g_assert_true(strstr(text, finding->fact) && strstr(text, finding->why) && strstr(text, finding->remedy));
    g_assert_nonnull(strstr(text, refusals[i].words));
    g_assert_nonnull(strstr(text, "remedy: "));
    gw_move_facts_free(move.facts);
}

/* The codes of what is found, in its order: "memory network-missing". */
static char *codes_of(Move *move)
{
    GwPlan *plan = NULL;
    g_autoptr(GPtrArray) findings = check(move, &plan);
    g_assert_true((plan == NULL) == gw_findings_block(findings));
    gw_plan_free(plan);
    GString *codes = g_string_new(NULL);
    for (guint i = 0; i < findings->len; i++)
        g_string_append_printf(codes, "%s%s", i ? " " : "", ((GwFinding *)findings->pdata[i])->code);
    return g_string_free(codes, FALSE);
}

/* Whatever is wrong is said at once, and always in the same order, in which people read it. */
static void the_list_is_complete(void)
{
    Move move = good_move();
    console(&move), not_shared(&move), shareable(&move), problem(&move);
    disk_facts_of(move.facts)->folder = GW_FACT_NO;
    disk_facts_of(move.facts)->taken = GW_FACT_YES;
    disk_facts_of(move.facts)->available_bytes = 5ull << 30;
    no_pool(&move), transient_disk(&move), cpu(&move), snapshot(&move), device(&move), no_iso(&move), no_bridge(&move);
    no_memory(&move), uuid_taken(&move), name_taken(&move), stopped(&move), older(&move), same_uuid(&move);
    other_arch(&move);
    add_disk(&move, "vdb", GW_FACT_UNKNOWN, 1);
    for (guint i = 0; i < 3; i++) {
        g_autofree char *codes = codes_of(&move);
        g_assert_cmpstr(codes, ==,
                        "arch host-uuid hypervisor-version power uuid-taken memory network-missing file-missing host-device "
                        "hypervisor cpu disk disk-transient pool-missing not-shared folder-missing disk-taken "
                        "disk-shareable storage-unknown disk-space console-address");
    }
    gw_move_facts_free(move.facts);
}

/* What no copy loses, and what the move does not touch. */
static void cache_modes_that_are_safe(void)
{
    static const char *const modes[] = {"none", "writethrough", "writeback", "directsync", "default"};
    for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
        Move move = good_move();
        disk_of(move.facts)->cache = g_strdup(modes[i]);
        g_autofree char *codes = codes_of(&move);
        g_assert_cmpstr(codes, ==, "");
        gw_move_facts_free(move.facts);
    }
    Move move = good_move();
    unsafe_cache(&move), make_local(move.facts); /* copied: the hypervisor reads it through the same cache */
    g_autofree char *codes = codes_of(&move);
    g_assert_cmpstr(codes, ==, "");
    gw_move_facts_free(move.facts);
}

static void emulated_guests_are_warned_of(void)
{
    Move move = good_move();
    GwInstance *instance = move.facts->instance;
    g_free(instance->virt_type);
    instance->virt_type = g_strdup("qemu");
    move.facts->source->hypervisor_version = move.facts->dest->hypervisor_version = 8999999;
    g_autofree char *warned = codes_of(&move); /* which asserts that a plan is made all the same */
    g_assert_cmpstr(warned, ==, "emulated");
    move.facts->source->hypervisor_version = move.facts->dest->hypervisor_version = 9000000;
    g_autofree char *mended = codes_of(&move);
    g_assert_cmpstr(mended, ==, "");
    move.facts->source->hypervisor_version = 7002000;
    instance->power = GW_POWER_PAUSED;
    g_autofree char *paused = codes_of(&move);
    g_assert_cmpstr(paused, ==, "");
    gw_move_facts_free(move.facts);
}

static void warnings_do_not_block(void)
{
    g_autoptr(GPtrArray) findings = gw_findings_new();
    g_assert_false(gw_findings_block(findings));
    gw_findings_add(findings, GW_FINDING_WARNS, "slow", "HostC", g_strdup("a"), g_strdup("b"), g_strdup("c"));
    g_assert_false(gw_findings_block(findings));
    g_autofree char *none = gw_findings_to_text(findings);
    g_assert_cmpstr(none, ==, "");
    gw_findings_add(findings, GW_FINDING_BLOCKS, "wrong", "HostC", g_strdup("d"), g_strdup("e"), g_strdup("f"));
    gw_findings_add(findings, GW_FINDING_BLOCKS, "worse", NULL, g_strdup("g"), g_strdup("h"), g_strdup("i"));
    g_assert_true(gw_findings_block(findings));
    g_autofree char *text = gw_findings_to_text(findings);
    g_assert_cmpstr(text, ==, "HostC: d (e); remedy: f. g (h); remedy: i.");
}

/* What was asked for and where the disks are. */
static void block_modes(void)
{
    enum { SHARED, LOCAL, MIXED, UNKNOWN, WHERE_COUNT };
    static const char *const expected[WHERE_COUNT][3] = {
        [SHARED] = {"", "nothing-to-copy", ""},
        [LOCAL] = {"not-shared", "", ""},
        [MIXED] = {"not-shared", "", ""},
        [UNKNOWN] = {"storage-unknown", "storage-unknown", "storage-unknown"},
    };
    for (guint where = 0; where < WHERE_COUNT; where++)
        for (guint mode = GW_BLOCK_NO; mode <= GW_BLOCK_AUTO; mode++)
            for (guint kind = GW_MOVE_LIVE; kind <= GW_MOVE_COLD; kind++) {
                Move move = good_move();
                move.wish.kind = (GwMoveKind)kind;
                move.wish.block = (GwBlockMode)mode;
                if (where == LOCAL)
                    make_local(move.facts);
                if (where == MIXED)
                    add_disk(&move, "vdb", GW_FACT_NO, 1);
                if (where == UNKNOWN)
                    unknown_storage(&move);
                g_autofree char *codes = codes_of(&move);
                /* a cold move takes whatever has to be taken */
                gboolean any = kind == GW_MOVE_COLD && where != UNKNOWN;
                g_assert_cmpstr(codes, ==, any ? "" : expected[where][mode]);
                gw_move_facts_free(move.facts);
            }
}

static void memory_is_what_is_not_reserved(void)
{
    static const struct {
        guint64 free_mib, reserved_mib;
        gboolean enough; /* for 512 MiB */
    } rows[] = {
        {512, 0, TRUE}, {511, 0, FALSE}, {1024, 512, TRUE}, {1023, 512, FALSE}, {100, 4096, FALSE}, {0, 0, FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        Move move = good_move();
        move.facts->dest->memory_free_mib = rows[i].free_mib;
        move.wish.reserved_memory_mib = rows[i].reserved_mib;
        g_autofree char *codes = codes_of(&move);
        g_assert_cmpstr(codes, ==, rows[i].enough ? "" : "memory");
        gw_move_facts_free(move.facts);
    }
}

/* Only what runs there, if only for the copy of its disks, needs memory. */
static void stopped_guests_need_memory_for_their_copy(void)
{
    for (guint local = 0; local < 2; local++) {
        Move move = good_move();
        move.wish.kind = GW_MOVE_COLD;
        stopped(&move), no_memory(&move);
        if (local)
            make_local(move.facts);
        g_autofree char *codes = codes_of(&move);
        g_assert_cmpstr(codes, ==, local ? "memory" : "");
        gw_move_facts_free(move.facts);
    }
}

static void space_is_summed_by_folder(void)
{
    static const struct {
        const char *folder;
        guint64 first_gib, second_gib; /* free; 0: unknown */
        const char *codes;
    } rows[] = {
        {"/srv", 15, 15, "disk-space"}, /* 10 + 10: each alone would fit, and it is said once */
        {"/srv", 20, 20, ""},
        {"/mnt", 15, 15, ""},
        {"/mnt", 5, 15, "disk-space"},
        {"/mnt", 5, 5, "disk-space disk-space"},
        {"/srv", 0, 0, ""},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        Move move = good_move();
        make_local(move.facts);
        disk_facts_of(move.facts)->available_bytes = rows[i].first_gib << 30;
        add_disk(&move, "vdb", GW_FACT_NO, 10);
        GwDiskFacts *second = move.facts->disks->pdata[1];
        second->dest_pool_path = g_strdup(rows[i].folder);
        second->available_bytes = rows[i].second_gib << 30;
        g_autofree char *codes = codes_of(&move);
        g_assert_cmpstr(codes, ==, rows[i].codes);
        gw_move_facts_free(move.facts);
    }
}

/* A medium does not travel, whatever is known of it; its file, if it has one, must be there. */
static void media_are_carried(void)
{
    static const unsigned flags[] = {GW_DISK_REMOVABLE, GW_DISK_REMOVABLE | GW_DISK_EMPTY, GW_DISK_READONLY};
    for (guint i = 0; i < G_N_ELEMENTS(flags); i++)
        for (guint shared = GW_FACT_UNKNOWN; shared <= GW_FACT_NO; shared++) {
            Move move = good_move();
            add_disk(&move, "hdc", (GwFact)shared, 100);
            GwDisk *medium = move.facts->instance->disks->pdata[1];
            medium->flags = flags[i];
            GwPlan *plan = NULL;
            g_autoptr(GPtrArray) findings = check(&move, &plan);
            g_assert_cmpuint(findings->len, ==, 0);
            g_assert_cmpint(((GwPlanDisk *)plan->disks->pdata[1])->fate, ==, GW_FATE_CARRY);
            g_assert_false(plan->flags & (GW_FLAG_NON_SHARED_DISK | GW_FLAG_NON_SHARED_INC));
            g_assert_cmpuint(plan->timeout_ms, ==, 2 * 800 * 1000); /* it is no data to copy */
            gw_plan_free(plan);
            no_iso(&move);
            g_autofree char *codes = codes_of(&move);
            g_assert_cmpstr(codes, ==, "file-missing");
            gw_move_facts_free(move.facts);
        }
}

/* What only the source has is sent, where there is a folder and room for it; it is no copied disk. */
static void media_are_sent(void)
{
    const struct {
        GwFact folder;
        guint64 available;
        const char *codes;
    } rows[] = {{GW_FACT_YES, 200, ""}, {GW_FACT_YES, 0, ""}, {GW_FACT_YES, 99, "disk-space"}, {GW_FACT_NO, 0, "folder-missing"}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        Move move = good_move();
        add_disk(&move, "hdc", GW_FACT_NO, 100);
        GwDisk *medium = move.facts->instance->disks->pdata[1];
        GwDiskFacts *facts = move.facts->disks->pdata[1];
        medium->flags = GW_DISK_REMOVABLE | GW_DISK_READONLY;
        medium->capacity_bytes = medium->allocation_bytes = 100;
        facts->medium = GW_FACT_NO;
        facts->folder = rows[i].folder;
        facts->available_bytes = rows[i].available;
        g_free(facts->dest_pool_path);
        facts->dest_pool_path = g_strdup("/iso");
        g_autofree char *codes = codes_of(&move);
        g_assert_cmpstr(codes, ==, rows[i].codes);
        GwPlan *plan = NULL;
        G_GNUC_UNUSED g_autoptr(GPtrArray) findings = check(&move, &plan);
        if (plan) {
            g_assert_cmpint(((GwPlanDisk *)plan->disks->pdata[1])->fate, ==, GW_FATE_SEND);
            g_assert_cmpstr(((GwPlanDisk *)plan->disks->pdata[1])->dest_path, ==, medium->path);
            g_assert_false(plan->flags & (GW_FLAG_NON_SHARED_DISK | GW_FLAG_NON_SHARED_INC));
        }
        gw_plan_free(plan);
        gw_move_facts_free(move.facts);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autofree char *name = g_strdup_printf("/checks/refusal/%u-%s", i, refusals[i].code);
        g_test_add_data_func(name, GUINT_TO_POINTER(i), each_fact_has_its_finding);
    }
    g_test_add_func("/checks/the list is complete", the_list_is_complete);
    g_test_add_func("/checks/warnings do not block", warnings_do_not_block);
    g_test_add_func("/checks/cache", cache_modes_that_are_safe);
    g_test_add_func("/checks/emulated", emulated_guests_are_warned_of);
    g_test_add_func("/checks/block modes", block_modes);
    g_test_add_func("/checks/memory is what is not reserved", memory_is_what_is_not_reserved);
    g_test_add_func("/checks/stopped guests need memory for their copy", stopped_guests_need_memory_for_their_copy);
    g_test_add_func("/checks/space is summed by folder", space_is_summed_by_folder);
    g_test_add_func("/checks/media are carried", media_are_carried);
    g_test_add_func("/checks/media are sent", media_are_sent);
    return g_test_run();
}
