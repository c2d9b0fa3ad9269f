/* What the libvirt driver reads from XML and writes for a destination, by table. No libvirtd. */
#include <string.h>

#include "core/checks.h"
#include "drivers/libvirt/internal.h"

#define UUID "0f27d2d8-ab27-45b2-b585-3d2d512fb12c"
#define DOMAIN(devices)                                                                                                \
    "<domain type='kvm' id='3'><name>vm1</name><uuid>" UUID "</uuid><memory unit='KiB'>1048576</memory>"                \
    "<currentMemory unit='KiB'>524288</currentMemory><vcpu placement='static' current='2'>4</vcpu>"                    \
    "<os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type><loader>/usr/share/OVMF/OVMF_CODE.fd</loader>"            \
    "<kernel>/srv/boot/vmlinuz</kernel></os><devices>" devices "</devices></domain>"

static GwInstance *parse(const char *xml)
{
    g_autoptr(GError) error = NULL;
    GwInstance *instance = gw_virt_parse_instance(xml, &error);
    g_assert_no_error(error);
    return instance;
}

static void identity(void)
{
    g_autoptr(GwInstance) vm = parse(DOMAIN(""));
    g_assert_cmpstr(vm->name, ==, "vm1");
    g_assert_cmpstr(vm->uuid, ==, UUID);
    g_assert_cmpstr(vm->virt_type, ==, "kvm");
    g_assert_cmpstr(vm->arch, ==, "x86_64");
    g_assert_cmpstr(vm->machine, ==, "pc-i440fx-7.2");
    g_assert_cmpuint(vm->vcpus, ==, 2);
    g_assert_cmpuint(vm->memory_mib, ==, 512);
    g_assert_cmpuint(vm->max_memory_mib, ==, 1024);
    g_assert_null(vm->graphics_listen);
    g_assert_cmpuint(vm->files->len, ==, 1); /* firmware comes with the host's packages */
    g_assert_cmpstr(vm->files->pdata[0], ==, "/srv/boot/vmlinuz");
}

static void refuses_what_is_no_domain(void)
{
    const char *const texts[] = {"", "nonsense", "<pool/>", "<domain/>", "<domain><name>x</name><uuid>1</uuid></domain>"};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(gw_virt_parse_instance(texts[i], &error));
        g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
    }
}

/* ---- disks */

static const struct {
    const char *what, *xml;
    GwDiskKind kind;
    const char *path, *pool;
    unsigned flags;
    const char *backing; /* joined by ' ' */
} disks[] = {
    {"file", "<disk type='file'><source file='/d/a.qcow2'/><target dev='vda'/></disk>", GW_DISK_FILE, "/d/a.qcow2", NULL, 0, NULL},
    {"block", "<disk type='block'><source dev='/dev/x'/><target dev='vda'/></disk>", GW_DISK_BLOCK, "/dev/x", NULL, 0, NULL},
    {"iscsi", "<disk type='network'><source protocol='iscsi' name='iqn.x/1'><host name='HostA' port='3260'/></source>"
     "<target dev='vda'/></disk>", GW_DISK_NETWORK, "iscsi://HostA:3260/iqn.x/1", NULL, 0, NULL},
    {"rbd", "<disk type='network'><source protocol='rbd' name='p/i'/><target dev='vda'/></disk>", GW_DISK_NETWORK,
     "rbd:///p/i", NULL, 0, NULL},
    {"volume", "<disk type='volume'><source pool='p' volume='v'/><target dev='vda'/></disk>", GW_DISK_FILE, "v", "p", 0, NULL},
    {"nvme", "<disk type='nvme'><source namespace='1'/><target dev='vda'/></disk>", GW_DISK_OTHER, "1", NULL, 0, NULL},
    {"empty cdrom", "<disk type='file' device='cdrom'><target dev='vda'/><readonly/></disk>", GW_DISK_FILE, NULL, NULL,
     GW_DISK_REMOVABLE | GW_DISK_EMPTY | GW_DISK_READONLY, NULL},
    {"iso", "<disk type='file' device='cdrom'><source file='/i.iso'/><target dev='vda'/><readonly/></disk>", GW_DISK_FILE,
     "/i.iso", NULL, GW_DISK_REMOVABLE | GW_DISK_READONLY, NULL},
    {"shareable", "<disk type='file'><source file='/a'/><target dev='vda'/><shareable/></disk>", GW_DISK_FILE, "/a", NULL,
     GW_DISK_SHAREABLE, NULL},
    {"transient", "<disk type='file'><source file='/a'/><target dev='vda'/><transient/></disk>", GW_DISK_FILE, "/a", NULL,
     GW_DISK_TRANSIENT, NULL},
    {"chain", "<disk type='file'><source file='/a'/><backingStore type='file'><format type='qcow2'/><source file='/b'/>"
     "<backingStore type='block'><format type='raw'/><source dev='/dev/c'/><backingStore/></backingStore></backingStore>"
     "<target dev='vda'/></disk>", GW_DISK_FILE, "/a", NULL, 0, "/b /dev/c"},
    {"ended chain", "<disk type='file'><source file='/a'/><backingStore/><target dev='vda'/></disk>", GW_DISK_FILE, "/a", NULL,
     0, NULL},
};

static void reads_disks(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(disks); i++) {
        g_autofree char *xml = g_strdup_printf(DOMAIN("%s"), disks[i].xml);
        g_autoptr(GwInstance) vm = parse(xml);
        const GwDisk *disk = gw_instance_find_disk(vm, "vda");
        g_test_message("%s", disks[i].what);
        g_assert_nonnull(disk);
        g_assert_cmpint(disk->kind, ==, disks[i].kind);
        g_assert_cmpstr(disk->path, ==, disks[i].path);
        g_assert_cmpstr(disk->pool, ==, disks[i].pool);
        g_assert_cmpuint(disk->flags, ==, disks[i].flags);
        g_autofree char *chain = disk->backing ? g_strjoinv(" ", disk->backing) : NULL;
        g_assert_cmpstr(chain, ==, disks[i].backing);
    }
}

static void media_are_files(void)
{
    g_autoptr(GwInstance) vm =
        parse(DOMAIN("<disk type='file' device='cdrom'><source file='/i.iso'/><target dev='sda'/><readonly/></disk>"));
    g_assert_true(g_ptr_array_find_with_equal_func(vm->files, "/i.iso", g_str_equal, NULL));
}

/* ---- other devices */

static const struct {
    const char *xml, *device; /* NULL: no obstacle */
} devices[] = {
    {"<hostdev type='pci'><source><address domain='0x0000' bus='0x06' slot='0x12' function='0x5'/></source></hostdev>",
     "pci 0000:06:12.5"},
    {"<hostdev type='pci'><source><address domain='0' bus='6' slot='0' function='0'/></source>"
     "<teaming type='transient' persistent='ua-b'/></hostdev>", NULL},
    {"<hostdev type='mdev'><source><address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source></hostdev>",
     "mdev c2177883-f1bb-47f0-914d-32a22e3a8804"},
    {"<interface type='hostdev'><mac address='52:54:00:00:00:01'/></interface>", "network device 52:54:00:00:00:01"},
    {"<interface type='hostdev'><teaming type='transient' persistent='ua-b'/></interface>", NULL},
    {"<interface type='bridge'><source bridge='br0'/></interface>", NULL},
    {"<filesystem type='mount'><driver type='virtiofs'/></filesystem>", "shared file system (virtiofs or 9p)"},
    {"<shmem name='m' role='peer'/>", "memory shared with other guests (shmem)"},
    {"<shmem name='m' role='master'/>", NULL},
};

static void reads_host_devices(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(devices); i++) {
        g_autofree char *xml = g_strdup_printf(DOMAIN("%s"), devices[i].xml);
        g_autoptr(GwInstance) vm = parse(xml);
        g_test_message("%s", devices[i].xml);
        g_assert_cmpuint(vm->host_devices->len, ==, devices[i].device ? 1 : 0);
        if (devices[i].device)
            g_assert_cmpstr(vm->host_devices->pdata[0], ==, devices[i].device);
    }
}

static void reads_nics(void)
{
    g_autoptr(GwInstance) vm = parse(DOMAIN("<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/></interface>"
                                            "<interface type='network'><source network='n'/></interface>"
                                            "<interface type='direct'><source dev='eth0'/></interface>"
                                            "<interface type='user'/>"));
    const GwNicKind kinds[] = {GW_NIC_BRIDGE, GW_NIC_NETWORK, GW_NIC_DIRECT, GW_NIC_OTHER};
    const char *const sources[] = {"br0", "n", "eth0", NULL};
    g_assert_cmpuint(vm->nics->len, ==, G_N_ELEMENTS(kinds));
    for (guint i = 0; i < vm->nics->len; i++) {
        const GwNic *nic = vm->nics->pdata[i];
        g_assert_cmpint(nic->kind, ==, kinds[i]);
        g_assert_cmpstr(nic->source, ==, sources[i]);
    }
}

/* ---- for the destination */

#define CHAIN "<disk type='file'><driver name='qemu' type='qcow2'/><source file='/d/a.qcow2' index='1'/>"                \
              "<backingStore type='file'><format type='qcow2'/><source file='/d/base.qcow2'/>"                          \
              "<backingStore type='file'><format type='raw'/><source file='/d/root'/><backingStore/></backingStore>"    \
              "</backingStore><target dev='vda'/></disk>"
#define CONSOLE "<graphics type='vnc' port='5900' listen='10.0.0.1'><listen type='address' address='10.0.0.1'/></graphics>"

static GwPlan *make_plan(GwDiskFate fate, const char *dest_path)
{
    GwPlan *plan = gw_plan_new();
    g_strlcpy(plan->uuid, UUID, sizeof plan->uuid);
    GwPlanDisk *disk = gw_plan_add_disk(plan);
    disk->target = g_strdup("vda");
    disk->fate = fate;
    disk->path = g_strdup("/d/a.qcow2");
    disk->dest_path = g_strdup(dest_path);
    plan->definition = gw_virt_definition_pack(DOMAIN(CHAIN CONSOLE), DOMAIN(CHAIN CONSOLE));
    return plan;
}

static void copy_is_complete_in_itself(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwPlan) plan = make_plan(GW_FATE_COPY, "/e/a.qcow2");
    g_autofree char *live = gw_virt_definition_live(plan, &error);
    g_assert_no_error(error);
    g_assert_nonnull(strstr(live, "file=\"/e/a.qcow2\""));
    g_assert_nonnull(strstr(live, "<backingStore/>"));
    g_assert_null(strstr(live, "base.qcow2"));
    g_autofree char *inactive = gw_virt_definition_inactive(plan, &error);
    g_assert_no_error(error);
    g_assert_null(strstr(inactive, "backingStore"));
}

static void incremental_copy_keeps_its_chain(void)
{
    g_autoptr(GwPlan) plan = make_plan(GW_FATE_COPY, "/d/a.qcow2");
    const char *const chain[] = {"/d/base.qcow2", "/d/root", NULL};
    ((GwPlanDisk *)plan->disks->pdata[0])->backing = g_strdupv((GStrv)chain);
    g_autofree char *live = gw_virt_definition_live(plan, NULL);
    g_assert_nonnull(strstr(live, "/d/base.qcow2"));
    g_assert_nonnull(strstr(live, "/d/root"));
}

static void shared_disk_stays_as_it_is(void)
{
    g_autoptr(GwPlan) plan = make_plan(GW_FATE_SHARED, "/d/a.qcow2");
    g_autofree char *live = gw_virt_definition_live(plan, NULL);
    g_assert_nonnull(strstr(live, "/d/base.qcow2"));
}

static void console_listens_there(void)
{
    g_autoptr(GwPlan) plan = make_plan(GW_FATE_SHARED, "/d/a.qcow2");
    plan->listen = g_strdup("0.0.0.0");
    g_autofree char *live = gw_virt_definition_live(plan, NULL);
    g_assert_null(strstr(live, "10.0.0.1"));
    g_assert_nonnull(strstr(live, "listen=\"0.0.0.0\""));
    g_assert_nonnull(strstr(live, "address=\"0.0.0.0\""));
}

static void backing_format_is_read(void)
{
    g_autoptr(GwPlan) plan = make_plan(GW_FATE_COPY, "/d/a.qcow2");
    g_autofree char *base = gw_virt_definition_backing_format(plan, "vda", "/d/base.qcow2");
    g_autofree char *root = gw_virt_definition_backing_format(plan, "vda", "/d/root");
    g_assert_cmpstr(base, ==, "qcow2");
    g_assert_cmpstr(root, ==, "raw");
    g_assert_null(gw_virt_definition_backing_format(plan, "vda", "/other"));
    g_assert_null(gw_virt_definition_backing_format(plan, "vdb", "/d/root"));
}

static void missing_definition_is_an_error(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GwPlan) plan = gw_plan_new();
    plan->definition = gw_virt_definition_pack(DOMAIN(""), NULL);
    g_assert_null(gw_virt_definition_inactive(plan, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_INTERNAL);
}

/* ---- hosts */

static void reads_capabilities(void)
{
    g_autoptr(GError) error = NULL;
    GwVirtCaps *caps = gw_virt_caps_parse(
        "<capabilities><host><uuid>38fb44a1-53d0-5558-b187-896d362c7220</uuid><cpu><arch>x86_64</arch><model>EPYC</model></cpu>"
        "<secmodel><model>selinux</model><baselabel type='kvm'>x</baselabel></secmodel>"
        "<secmodel><model>dac</model><baselabel type='kvm'>+64055:+109</baselabel></secmodel></host>"
        "<guest><arch name='x86_64'><machine canonical='pc-i440fx-7.2'>pc</machine><domain type='kvm'><machine>q35</machine>"
        "</domain></arch></guest></capabilities>", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(caps->host_uuid, ==, "38fb44a1-53d0-5558-b187-896d362c7220");
    g_assert_cmpstr(caps->cpu_model, ==, "EPYC");
    g_assert_cmpstr(caps->qemu_user, ==, "+64055:+109");
    const char *const machines[] = {"x86_64/pc", "x86_64/pc-i440fx-7.2", "x86_64/q35"};
    for (guint i = 0; i < G_N_ELEMENTS(machines); i++)
        g_assert_true(g_hash_table_contains(caps->machines, machines[i]));
    g_assert_cmpuint(g_hash_table_size(caps->machines), ==, 3);
    gw_virt_caps_free(caps);
}

/* virDomainState and its reasons; libvirt-domain.h. */
static void seen_by_state_and_reason(void)
{
    const struct {
        int state, reason;
        GwSeen seen;
    } rows[] = {
        {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_BOOTED, GW_SEEN_RUNNING},
        {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_POSTCOPY, GW_SEEN_POSTCOPY},
        {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_POSTCOPY_FAILED, GW_SEEN_POSTCOPY_FAILED},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER, GW_SEEN_PAUSED},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, GW_SEEN_PAUSED_MIGRATING},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY, GW_SEEN_POSTCOPY},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY_FAILED, GW_SEEN_POSTCOPY_FAILED},
        {VIR_DOMAIN_SHUTDOWN, 0, GW_SEEN_RUNNING},
        {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_MIGRATED, GW_SEEN_STOPPED},
        {VIR_DOMAIN_CRASHED, 0, GW_SEEN_STOPPED},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(gw_virt_seen(rows[i].state, rows[i].reason), ==, rows[i].seen);
}

static void old_libvirt_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(gw_virt_check_version("HostB", "qemu+tcp://HostB/system", 7002000, &error));
    g_assert_no_error(error);
    g_assert_false(gw_virt_check_version("HostB", "qemu+tcp://HostB/system", 6010003, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_INVALID);
    g_assert_cmpstr(error->message, ==,
                    "HostB (qemu+tcp://HostB/system): its libvirt 6.10.3 is too old: Godwit needs 7.2.0 or newer; bring libvirt "
                    "up to date there");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/libvirt/instance/identity", identity);
    g_test_add_func("/libvirt/instance/refuses-what-is-no-domain", refuses_what_is_no_domain);
    g_test_add_func("/libvirt/instance/disks", reads_disks);
    g_test_add_func("/libvirt/instance/media-are-files", media_are_files);
    g_test_add_func("/libvirt/instance/host-devices", reads_host_devices);
    g_test_add_func("/libvirt/instance/nics", reads_nics);
    g_test_add_func("/libvirt/definition/copy-is-complete-in-itself", copy_is_complete_in_itself);
    g_test_add_func("/libvirt/definition/incremental-copy-keeps-its-chain", incremental_copy_keeps_its_chain);
    g_test_add_func("/libvirt/definition/shared-disk-stays", shared_disk_stays_as_it_is);
    g_test_add_func("/libvirt/definition/console-listens-there", console_listens_there);
    g_test_add_func("/libvirt/definition/backing-format", backing_format_is_read);
    g_test_add_func("/libvirt/definition/missing-is-an-error", missing_definition_is_an_error);
    g_test_add_func("/libvirt/capabilities", reads_capabilities);
    g_test_add_func("/libvirt/old-version", old_libvirt_is_refused);
    g_test_add_func("/libvirt/seen", seen_by_state_and_reason);
    return g_test_run();
}
