"""Live migration, every way: the guest's own heartbeat and records say what it felt."""
import time

import pytest
from conftest import domains

DOWNTIME_MS = 10000  # seen from outside, on a machine that two labs and their emulated guests share: it tells a pause from a stop, no more


def check_moved(lab, cloud, name, source, dest, since, row):
    """It runs on dest alone, lost nothing, and the API says so."""
    assert row["state"] == "completed", row
    lab.wait_heartbeat(name, time.time())
    report = lab.heartbeat(name, since)
    assert lab.where(name) == (dest, "running")
    assert name not in domains(lab, source)
    assert report.gap_ms < DOWNTIME_MS and len(report.boots) == 1
    assert report.memory_errors == 0 and report.disk_errors == 0
    assert lab.verify(name) == []
    server = cloud.server(name)
    assert server["status"] == "ACTIVE" and server["OS-EXT-SRV-ATTR:host"] == dest


def test_shared_disk(lab, cloud, guest):
    guest("shared1", dirty=20)
    since = time.time()
    row = cloud.wait(cloud.live("shared1", "HostC"))
    check_moved(lab, cloud, "shared1", "HostB", "HostC", since, row)
    assert row["progress"]["memory_processed"] > 0 and row["progress"]["downtime_ms"] < DOWNTIME_MS
    row = cloud.wait(cloud.live("shared1", "HostB", block=False))
    check_moved(lab, cloud, "shared1", "HostC", "HostB", since, row)


@pytest.mark.parametrize("options", [
    dict(format="qcow2"), dict(format="raw"), dict(format="qcow2", backing=True), dict(disks=["local", "local"]),
], ids=["qcow2", "raw", "backing-chain", "two-disks"])
def test_block(lab, cloud, guest, options):
    options = {"disks": ["local"], "dirty": 10, "disk_size": "2G", **options}
    guest("block1", **options)
    since = time.time()
    row = cloud.wait(cloud.live("block1", "HostC", block=True))
    check_moved(lab, cloud, "block1", "HostB", "HostC", since, row)
    assert row["progress"]["disk_total"] > 0
    for index in range(len(options["disks"])):
        path = f"/srv/local/block1-{index}.{options.get('format', 'qcow2')}"
        assert lab.run("HostB", "ls", path, check=False).returncode != 0, "the source's copy is deleted after the proof"
        blocks = int(lab.run("HostC", "stat", "-c", "%b", path).stdout)
        assert blocks * 512 < 400 << 20, "a sparse disk stays sparse"


def test_backing_chain_arrives_whole(lab, cloud, guest):
    """The base holds a pattern that only it has; on the destination it must still be read through the disk."""
    guest("chain1", disks=["local"], backing=True)
    cloud.wait(cloud.live("chain1", "HostC", block=True))
    lab.virsh("HostC", "destroy", "chain1")
    read = lab.run("HostC", "qemu-io", "-f", "qcow2", "-c", "read -q -P 0x5a 64M 4M", "/srv/local/chain1-0.qcow2")
    assert read.stdout == "" and read.stderr == ""


def test_auto_decides_by_facts(lab, cloud, guest):
    """Shared disks stay, local ones travel: one move of a guest that has both, and an iSCSI volume."""
    guest("mixed1", disks=["shared", "local", "iscsi"], dirty=10)
    since = time.time()
    row = cloud.wait(cloud.live("mixed1", "HostC"))
    check_moved(lab, cloud, "mixed1", "HostB", "HostC", since, row)
    assert lab.run("HostB", "ls", "/srv/instances/mixed1-0.qcow2").returncode == 0
    assert lab.run("HostB", "ls", "/srv/local/mixed1-1.qcow2", check=False).returncode != 0


def test_iscsi_volume(lab, cloud, guest):
    guest("iscsi1", disks=["iscsi"])
    since = time.time()
    row = cloud.wait(cloud.live("iscsi1", "HostC", block=False))
    check_moved(lab, cloud, "iscsi1", "HostB", "HostC", since, row)
    assert row["progress"]["disk_total"] == 0


def test_paused_stays_paused(lab, cloud, guest):
    guest("paused1")
    lab.virsh("HostB", "suspend", "paused1")
    cloud.refresh()
    assert cloud.server("paused1")["status"] == "PAUSED"
    row = cloud.wait(cloud.live("paused1", "HostC"))
    assert row["state"] == "completed"
    assert lab.where("paused1") == ("HostC", "paused")
    since = time.time()
    lab.virsh("HostC", "resume", "paused1")
    lab.wait_heartbeat("paused1", since, 10)
    assert lab.heartbeat("paused1").memory_errors == 0 and lab.verify("paused1") == []


def test_destination_is_chosen(lab, cloud, guest):
    guest("chosen1")
    row = cloud.wait(cloud.live("chosen1"))
    assert row["state"] == "completed" and row["dest"] == "HostC"


def test_transient_stays_transient(lab, cloud, guest):
    guest("transient1")
    lab.virsh("HostB", "undefine", "transient1")
    cloud.refresh()
    row = cloud.wait(cloud.live("transient1", "HostC"))
    assert row["state"] == "completed"
    assert "Persistent:     no" in lab.virsh("HostC", "dominfo", "transient1").stdout


def test_autostart_follows(lab, cloud, guest):
    guest("auto1")
    lab.virsh("HostB", "autostart", "auto1")
    cloud.refresh()
    cloud.wait(cloud.live("auto1", "HostC"))
    assert "Autostart:      enable" in lab.virsh("HostC", "dominfo", "auto1").stdout


def test_abort(lab, cloud, guest):
    uuid = guest("abort1", disks=["local"], dirty=30)
    lab.link("HostC", rate=4)
    since = time.time()
    try:
        answer = cloud.live("abort1", "HostC")
        id_ = answer.headers["x-godwit-migration-id"]
        cloud.wait(answer, "running")
        time.sleep(1)
        assert cloud.live("abort1", "HostC").status == 409, "a second move of a moving instance is refused"
        assert cloud.request("DELETE", f"/v2.1/servers/{uuid}/migrations/{id_}").status == 202
        row = cloud.wait(answer)
    finally:
        lab.link("HostC")
    assert row["state"] == "cancelled", row
    assert lab.where("abort1") == ("HostB", "running") and "abort1" not in domains(lab, "HostC")
    assert lab.run("HostC", "ls", "/srv/local/abort1-0.qcow2", check=False).returncode != 0
    lab.wait_heartbeat("abort1", time.time(), 10)
    report = lab.heartbeat("abort1", since)
    assert report.memory_errors == 0 and len(report.boots) == 1 and lab.verify("abort1") == []


def test_force_complete(lab, cloud, guest):
    """A guest that dirties faster than the link carries never ends by itself; paused, it does, and runs on afterwards."""
    uuid = guest("force1", memory=160, dirty=60, dirty_set=48)
    lab.link("HostC", rate=20)
    try:
        answer = cloud.live("force1", "HostC")
        id_ = answer.headers["x-godwit-migration-id"]
        cloud.wait(answer, "running")
        time.sleep(6)
        assert cloud.migration(id_)["state"] == "running"
        assert cloud.request("POST", f"/v2.1/servers/{uuid}/migrations/{id_}/action", {"force_complete": None}).status == 202
        row = cloud.wait(answer)
    finally:
        lab.link("HostC")
    assert row["state"] == "completed", row
    assert lab.where("force1") == ("HostC", "running")
    lab.wait_heartbeat("force1", time.time(), 10)
    assert lab.heartbeat("force1").memory_errors == 0 and lab.verify("force1") == []
