"""A way in which a host or a guest can be wrong, one at a time: doctor or the dry run of a move names it with its remedy, and no longer once it
is mended. What test_doctor.py, test_refusals.py and test_transports.py break is not broken here again."""
import contextlib
import json
import os

import pytest
from test_doctor import checkup, file_changed, found, restarted

# ---- hosts


@contextlib.contextmanager
def own_name(lab, cloud, name):
    host = lab.host("HostC")
    host.run("hostname", name)
    try:
        with restarted(cloud, lab, "HostC"):
            yield
            host.run("hostname", "HostC")  # before libvirtd starts again
    finally:
        host.run("hostname", "HostC")


@contextlib.contextmanager
def same_uuid(lab, cloud):
    path = "/etc/libvirt/libvirtd.conf"
    uuids = [next(line for line in lab.run(name, "cat", path).stdout.splitlines() if line.startswith("host_uuid")) for name in ("HostB", "HostC")]
    with contextlib.ExitStack() as stack:
        stack.enter_context(restarted_after(cloud, lab, "HostC"))
        stack.enter_context(file_changed(lab.host("HostC"), path, uuids[1], uuids[0]))
        stack.enter_context(restarted(cloud, lab, "HostC"))
        yield


@contextlib.contextmanager
def restarted_after(cloud, lab, name):
    try:
        yield
    finally:
        with restarted(cloud, lab, name):
            pass


@contextlib.contextmanager
def read_only_folder(lab, cloud):
    host = lab.host("HostC")
    host.run("sh", "-c", "mount --bind /srv/instances /srv/instances && mount -o remount,bind,ro /srv/instances")
    try:
        yield
    finally:
        host.run("umount", "/srv/instances")


@contextlib.contextmanager
def little_room(lab, cloud):
    host = lab.host("HostC")
    host.run("mount", "-t", "tmpfs", "-o", "size=64m,mode=0755", "tmpfs", "/srv/instances")
    try:
        yield
    finally:
        host.run("umount", "/srv/instances")


@contextlib.contextmanager
def console_on_one_host(lab, cloud):
    cloud.restart(vncserver_listen="10.99.0.11")
    try:
        yield
    finally:
        cloud.restart(vncserver_listen="")


@contextlib.contextmanager
def other_hypervisor(lab, cloud):
    assert cloud.add_host("HostX", "sim://lab/HostX").status == 201
    try:
        yield
    finally:
        assert cloud.request("DELETE", "/godwit/v1/hosts/HostX").status == 204


@pytest.mark.parametrize("code, broken", [
    ("host-name-localhost", lambda lab, cloud: own_name(lab, cloud, "localhost")),
    ("names-disagree", lambda lab, cloud: own_name(lab, cloud, "HostZ")),
    ("host-uuid", same_uuid),
    ("instances-path-not-writable", read_only_folder),
    ("space-low", little_room),
    ("vncserver-listen", console_on_one_host),
    ("hypervisor-type", other_hypervisor),
], ids=lambda value: value if isinstance(value, str) else "")
def test_hosts(lab, cloud, code, broken):
    with broken(lab, cloud):
        findings = found(checkup(cloud))
        assert code in findings, findings
        assert findings[code]["remedy"] and findings[code]["why"]
    assert code not in found(checkup(cloud))


# ---- guests: what their definition holds, and the destination cannot give them


def define(lab, name, change):
    xml = lab.virsh("HostB", "dumpxml", "--inactive", "--security-info", name).stdout
    changed = change(xml)
    assert changed != xml
    path = os.path.join(lab.dir, f"{name}-changed.xml")
    with open(path, "w") as f:
        f.write(changed)
    lab.virsh("HostB", "define", path)


def codes(cloud, name, *options):
    """{code: finding} of a dry run to HostC."""
    run = cloud.cli("--json", "plan", "--quick", *options, name, "HostC")
    (trial,) = json.loads(run.stdout)["plan"]["hosts"]
    assert trial["failure"] is None, trial
    return {f["code"]: f for f in trial["findings"] if f["severity"] == "blocks"}


def into(element, text):
    return lambda xml: xml.replace(f"</{element}>", f"{text}</{element}>", 1)


def in_first_disk(text):
    return lambda xml: xml.replace("<target dev='vda'", f"{text}<target dev='vda'", 1)


NVRAM = ("<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader>"
         "<nvram template='/usr/share/OVMF/OVMF_VARS.fd'>{}</nvram></os>")

GUESTS = [
    ("network-missing", into("devices", "<interface type='network'><source network='blue'/></interface>"), "network blue"),
    ("console-address", into("devices", "<graphics type='vnc' autoport='yes' listen='10.99.0.11'/>"), "10.99.0.11"),
    ("disk-transient", in_first_disk("<transient/>"), "vda"),
    ("disk-shareable", lambda xml: in_first_disk("<shareable/>")(xml).replace("type='qcow2'", "type='raw'"), "vda"),
    ("storage-unknown", lambda xml: xml.replace("/srv/local/", "/srv/local/deeper/"), "/srv/local/deeper"),
    ("file-missing", into("os", "<dtb>/srv/local/board.dtb</dtb>"), "/srv/local/board.dtb"),
    ("host-device", into("devices", "<filesystem type='mount'><source dir='/srv/local'/><target dir='x'/></filesystem>"), "virtiofs"),
]


@pytest.mark.parametrize("code, change, word", GUESTS, ids=[g[0] for g in GUESTS])
def test_guests(lab, cloud, guest, code, change, word):
    guest("find1", disks=["local"], start="no")
    whole = lab.virsh("HostB", "dumpxml", "--inactive", "--security-info", "find1").stdout
    assert code not in codes(cloud, "find1", "--cold")
    define(lab, "find1", change)
    cloud.refresh()
    findings = codes(cloud, "find1", "--cold")
    assert code in findings, findings
    assert word in findings[code]["fact"] and findings[code]["remedy"], findings[code]
    define(lab, "find1", lambda xml: whole)
    cloud.refresh()
    assert code not in codes(cloud, "find1", "--cold")


def test_unsafe_cache(lab, cloud, guest):
    guest("find2", start="no")
    define(lab, "find2", lambda xml: xml.replace("cache='none'", "cache='unsafe'"))
    lab.virsh("HostB", "start", "find2")
    cloud.refresh()
    findings = codes(cloud, "find2")
    assert "cache='none'" in findings["cache-unsafe"]["remedy"]
    lab.virsh("HostB", "destroy", "find2")
    define(lab, "find2", lambda xml: xml.replace("cache='unsafe'", "cache='none'"))
    lab.virsh("HostB", "start", "find2")
    cloud.refresh()
    assert codes(cloud, "find2") == {}


def test_state_beside_the_disks(lab, cloud, guest):
    """A cold move takes only the definition along where all disks are shared: the firmware's variables would be left behind."""
    guest("find4", start="no")
    lab.run("HostB", "sh", "-c", "echo variables > /srv/local/find4.fd")
    try:
        define(lab, "find4", lambda xml: xml.replace("</os>", NVRAM.format("/srv/local/find4.fd"), 1))
        cloud.refresh()
        answer = cloud.cold("find4", "HostC")
        assert answer.status == 400 and "/srv/local/find4.fd, on its host alone" in answer.fault, answer.text
        define(lab, "find4", lambda xml: xml.replace("/srv/local/find4.fd", "/srv/instances/find4.fd"))
        lab.run("HostB", "mv", "/srv/local/find4.fd", "/srv/instances/find4.fd")
        cloud.refresh()
        row = cloud.wait(cloud.cold("find4", "HostC"))
        assert row["state"] == "finished", row
        assert cloud.action("find4", {"confirmResize": None}).status == 204
        assert lab.run("HostC", "cat", "/srv/instances/find4.fd").stdout == "variables\n"
        cloud.wait(row["id"], "confirmed")
    finally:
        lab.run("HostB", "rm", "-f", "/srv/local/find4.fd", "/srv/instances/find4.fd")
        lab.virsh("HostC", "undefine", "find4", "--keep-nvram", check=False)


def test_busy_disks(lab, cloud, guest):
    guest("find5", disk_size="1G")
    lab.virsh("HostB", "blockcopy", "find5", "vda", "/srv/local/find5-copy.qcow2", "--transient-job", "--bandwidth", "1")
    try:
        assert "block job" in codes(cloud, "find5")["hypervisor"]["fact"]
    finally:
        lab.virsh("HostB", "blockjob", "find5", "vda", "--abort")
        lab.run("HostB", "rm", "-f", "/srv/local/find5-copy.qcow2")
    assert codes(cloud, "find5") == {}


def test_managed_save(lab, cloud, guest):
    """Its memory is on the source's disk: it is woken first."""
    guest("find6")
    lab.virsh("HostB", "managedsave", "find6")
    cloud.refresh()
    run = cloud.cli("plan", "--cold", "find6", "HostC")
    assert run.returncode == 5 and "its saved memory lies on HostB" in run.stdout, run.stdout + run.stderr
    lab.virsh("HostB", "managedsave-remove", "find6")
    cloud.refresh()
    assert codes(cloud, "find6", "--cold") == {}
