"""Facts about libvirt and QEMU that the driver is built on, each as a small test: when a new version changes one, this says which."""
import signal
import subprocess

DEST = "qemu+tcp://HostC/system"
MOVE = ["--live", "--p2p", "--persistent", "--undefinesource"]


def migrate(lab, name, *options, check=True):
    return lab.virsh("HostB", "migrate", *options, name, DEST, check=check, timeout=120)


def volume(lab, host, pool, name, check=True):
    return lab.virsh(host, "vol-create-as", pool, name, "1", "--allocation", "0", "--format", "raw", check=check)


def test_bind_mount_is_called_unsafe(lab, guest):
    """So Godwit proves sharing by itself and passes VIR_MIGRATE_UNSAFE."""
    guest("a1")
    done = migrate(lab, "a1", *MOVE, check=False)
    assert done.returncode != 0 and "Unsafe migration" in done.stderr
    assert migrate(lab, "a1", *MOVE, "--unsafe").returncode == 0


def test_a_volume_is_made_only_where_no_file_is(lab):
    """The proof of sharing: no refresh of the pool is needed on either side."""
    try:
        volume(lab, "HostB", "instances", ".probe-a")
        assert volume(lab, "HostC", "instances", ".probe-a", check=False).returncode != 0, "shared: refused"
        volume(lab, "HostB", "local", ".probe-b")
        assert volume(lab, "HostC", "local", ".probe-b", check=False).returncode == 0, "not shared: made"
    finally:
        for host in ("HostB", "HostC"):
            lab.run(host, "sh", "-c", "rm -f /srv/instances/.probe-* /srv/local/.probe-*")
            for pool in ("instances", "local"):
                lab.virsh(host, "pool-refresh", pool)


def test_an_existing_file_is_not_overwritten_by_vol_create(lab):
    lab.run("HostC", "sh", "-c", "echo precious > /srv/local/there")
    try:
        assert volume(lab, "HostC", "local", "there", check=False).returncode != 0
        assert lab.run("HostC", "cat", "/srv/local/there").stdout == "precious\n"
    finally:
        lab.run("HostC", "rm", "/srv/local/there")


def test_volume_made_empty_stays_sparse_and_the_source_stays(lab, guest):
    guest("a1", disks=["local"], disk_size="2G")
    lab.virsh("HostC", "vol-create-as", "local", "a1-0.qcow2", "2G", "--allocation", "0", "--format", "qcow2")
    migrate(lab, "a1", *MOVE, "--copy-storage-all", "--migrate-disks", "vda")
    blocks = int(lab.run("HostC", "stat", "-c", "%b", "/srv/local/a1-0.qcow2").stdout)
    assert blocks * 512 < 200 << 20
    assert lab.run("HostB", "ls", "/srv/local/a1-0.qcow2").returncode == 0


def test_peer_to_peer_outlives_its_client(lab, guest):
    guest("a1")
    lab.link("HostC", rate=20)
    try:
        command = lab.command("HostB", ["virsh", "-c", "qemu:///system", "migrate", *MOVE, "--unsafe", "a1", DEST], "/")
        client = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lab.wait_until("the job", lambda: "Unbounded" in lab.virsh("HostB", "domjobinfo", "a1", check=False).stdout, 10)
        lab.run("HostB", "pkill", "-9", "-x", "virsh")
        client.wait(10)
        assert client.returncode != 0
        lab.wait_until("its end", lambda: lab.where("a1") == ("HostC", "running"), 60)
    finally:
        lab.link("HostC")
    assert signal.SIGKILL


def test_paused_guest_moves_with_its_disk_and_stays_paused(lab, guest):
    """Cold migration without shared storage: start paused, move, stop, start. The reason of the pause is not the migration."""
    guest("a1", disks=["local"], start="paused")
    lab.virsh("HostC", "vol-create-as", "local", "a1-0.qcow2", "1G", "--allocation", "0", "--format", "qcow2")
    migrate(lab, "a1", "--p2p", "--persistent", "--copy-storage-all", "--migrate-disks", "vda")
    assert lab.virsh("HostC", "domstate", "--reason", "a1").stdout.strip() == "paused (user)"
    assert lab.virsh("HostB", "domstate", "a1").stdout.strip() == "shut off"


def test_unreachable_destination_is_told_by_its_text(lab, guest):
    """libvirt has no number of its own for it; drivers/libvirt/migrate.c looks for these words."""
    guest("a1")
    done = lab.virsh("HostB", "migrate", *MOVE, "--unsafe", "a1", "qemu+tcp://HostC:16999/system", check=False)
    assert "unable to connect to server at" in done.stderr


def test_capabilities_tell_the_user_of_qemu(lab):
    xml = lab.virsh("HostB", "capabilities").stdout
    assert "<model>dac</model>" in xml and "<baselabel type='qemu'>+0:+0</baselabel>" in xml


def test_bridges_are_listed(lab):
    assert "br-guest" in lab.virsh("HostB", "iface-list", "--all").stdout


def test_transient_pool_on_any_folder_and_gone_again(lab):
    """Folders without a pool are reached through one that is made for the moment; nothing of it stays."""
    xml = "<pool type='dir'><name>moment</name><target><path>/srv/boot</path></target></pool>"
    lab.run("HostB", "sh", "-c", "cat > /run/pool.xml", text_in=xml)
    lab.virsh("HostB", "pool-create", "/run/pool.xml")
    assert "vmlinuz" in lab.virsh("HostB", "vol-list", "moment").stdout
    lab.virsh("HostB", "pool-destroy", "moment")
    assert "moment" not in lab.virsh("HostB", "pool-list", "--all").stdout
    assert lab.run("HostB", "ls", "/srv/boot/vmlinuz").returncode == 0


def test_page_sampling_measures_the_dirty_rate(lab, guest):
    guest("a1", dirty=60, dirty_set=128)
    lab.virsh("HostB", "domdirtyrate-calc", "a1", "--seconds", "1", "--mode=page-sampling")

    def measured():
        shown = lab.virsh("HostB", "domstats", "--dirtyrate", "a1").stdout
        return shown if "dirtyrate.calc_status=2" in shown else None

    rate = int(lab.wait_until("the measurement", measured, 15).split("dirtyrate.megabytes_per_second=")[1].split()[0])
    assert 10 <= rate <= 200, "it writes 60 MB/s, or what the machine lets it; a coarse measurement"


def test_the_end_of_each_pass_is_an_event(lab, guest):
    """So a copy is steered when a pass ends, and not when it is next looked at."""
    guest("a1", memory=160, dirty=20, dirty_set=48)
    lab.link("HostC", rate=20)
    command = lab.command("HostB", ["virsh", "-c", "qemu:///system", "event", "a1", "--event", "migration-iteration", "--loop", "--timeout", "12"], "/")
    events = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        command = lab.command("HostB", ["virsh", "-c", "qemu:///system", "migrate", *MOVE, "--unsafe", "a1", DEST], "/")
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        passes = [line for line in events.communicate(timeout=30)[0].splitlines() if "iteration" in line.split("'migration-iteration'")[-1]]
        assert len(passes) >= 2, passes
    finally:
        lab.virsh("HostB", "domjobabort", "a1", check=False)
        lab.link("HostC")


QUESTION = """<volume><name>.question</name><capacity>1</capacity><target><format type='qcow2'/><compat>0.10</compat>
<features><lazy_refcounts/></features></target><backingStore><path>%s</path><format type='raw'/></backingStore></volume>"""


def test_presence_is_told_by_which_refusal_comes(lab):
    """drivers/libvirt/presence.c: the backing file is looked for first, then the combination of options is refused; nothing is made."""
    for path, words in (("/srv/boot/vmlinuz", "lazy_refcounts not supported"), ("/srv/boot", "lazy_refcounts not supported"),
                        ("/srv/boot/nothing", "inaccessible backing store"), ("/nowhere/at/all", "inaccessible backing store")):
        lab.run("HostB", "sh", "-c", "cat > /run/question.xml", text_in=QUESTION % path)
        done = lab.virsh("HostB", "vol-create", "local", "/run/question.xml", check=False)
        assert done.returncode != 0 and words in done.stderr, path
    assert ".question" not in lab.run("HostB", "ls", "-a", "/srv/local").stdout


def test_no_second_pool_where_a_stopped_one_has_its_folder(lab):
    """So drivers/libvirt/folders.c starts the stopped one."""
    lab.virsh("HostB", "pool-define-as", "stopped", "dir", "--target", "/srv/boot")
    try:
        done = lab.virsh("HostB", "pool-create-as", "other", "dir", "--target", "/srv/boot", check=False)
        assert done.returncode != 0 and "conflict" in done.stderr
    finally:
        lab.virsh("HostB", "pool-undefine", "stopped")


def test_qcow2_volumes_are_of_the_old_format_unless_told(lab):
    """compat 0.10 has no zero clusters: drivers/libvirt/prepare.c asks for 1.1."""
    lab.virsh("HostB", "vol-create-as", "local", "old.qcow2", "1G", "--allocation", "0", "--format", "qcow2")
    try:
        assert "compat: 0.10" in lab.run("HostB", "qemu-img", "info", "/srv/local/old.qcow2").stdout
    finally:
        lab.virsh("HostB", "vol-delete", "old.qcow2", "local")


def test_guest_suspended_during_its_migration_runs_on_there(lab, guest):
    """Force-complete by pausing: nobody has to resume it. While it comes the destination refuses to give figures."""
    guest("a1", dirty=60, dirty_set=128)
    lab.link("HostC", rate=20)
    try:
        command = lab.command("HostB", ["virsh", "-c", "qemu:///system", "migrate", *MOVE, "--unsafe", "a1", DEST], "/")
        client = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lab.wait_until("the job", lambda: "Unbounded" in lab.virsh("HostB", "domjobinfo", "a1", check=False).stdout, 10)
        refused = lab.virsh("HostC", "domjobinfo", "a1", check=False).stderr
        assert "migration statistics are available only on the source host" in refused
        lab.virsh("HostB", "suspend", "a1")
        assert client.wait(90) == 0
        assert lab.virsh("HostC", "domstate", "a1").stdout.strip() == "running"
    finally:
        lab.link("HostC")
