"""Bad input gets a clear answer, and everything stays as it was."""
import pytest
from conftest import domains


def refused(answer, status, *words):
    assert answer.status == status, answer.text
    for word in words:
        assert word in answer.fault, answer.fault


def test_unknown_server(cloud):
    answer = cloud.request("POST", "/v2.1/servers/00000000-0000-0000-0000-000000000000/action",
                           {"os-migrateLive": {"host": None, "block_migration": "auto"}})
    refused(answer, 404, "could not be found")


def test_unknown_host(cloud, guest):
    guest("ref1")
    refused(cloud.live("ref1", "HostZ"), 400, "HostZ")


def test_same_host(cloud, guest):
    guest("ref1")
    refused(cloud.live("ref1", "HostB"), 400, "HostB")


def test_host_unreachable(cloud):
    refused(cloud.add_host("HostX", "qemu+tcp://10.99.0.77/system"), 503, "10.99.0.77")
    refused(cloud.add_host("HostX", "qemu+tcp://HostA/system"), 503, "HostA")


def test_host_added_twice(cloud):
    refused(cloud.add_host("HostB"), 409, "HostB")
    refused(cloud.add_host("HostX", "qemu+tcp://10.99.0.11/system"), 409, "HostB", "same machine")


@pytest.mark.parametrize("uri", ["", "nonsense", "http://HostB/", "qemu+tcp://"])
def test_malformed_address(cloud, uri):
    assert cloud.request("POST", "/godwit/v1/hosts", {"host": {"name": "HostX", "uri": uri}}).status in (400, 503)


def test_local_disk_without_block(cloud, guest):
    guest("ref1", disks=["local"])
    refused(cloud.live("ref1", "HostC", block=False), 400, "vda", "block")


def test_block_with_nothing_to_copy(cloud, guest):
    guest("ref1")
    refused(cloud.live("ref1", "HostC", block=True), 400, "HostC", "--block-migrate")


def test_bridge_missing(lab, cloud, guest):
    guest("ref1")
    lab.host("HostC").ip("link set br-guest down", "link set br-guest name br-other")
    try:
        refused(cloud.live("ref1", "HostC"), 400, "bridge br-guest", "HostC")
    finally:
        lab.host("HostC").ip("link set br-other name br-guest", "link set br-guest up")


def test_disk_already_there(lab, cloud, guest):
    guest("ref1", disks=["local"])
    lab.run("HostC", "sh", "-c", "echo precious > /srv/local/ref1-0.qcow2")
    try:
        refused(cloud.live("ref1", "HostC"), 400, "/srv/local/ref1-0.qcow2", "HostC")
        assert lab.run("HostC", "cat", "/srv/local/ref1-0.qcow2").stdout == "precious\n"
    finally:
        lab.run("HostC", "rm", "/srv/local/ref1-0.qcow2")


def test_uuid_already_there(lab, cloud, guest):
    guest("ref1")
    xml = lab.virsh("HostB", "dumpxml", "--inactive", "ref1").stdout
    define(lab, "HostC", xml)
    try:
        refused(cloud.live("ref1", "HostC"), 400, "UUID", "HostC")
    finally:
        lab.virsh("HostC", "undefine", "ref1")


def test_name_already_there(lab, cloud, guest):
    uuid = guest("ref1")
    xml = lab.virsh("HostB", "dumpxml", "--inactive", "ref1").stdout
    define(lab, "HostC", xml.replace(uuid, "11111111-2222-3333-4444-555555555555"))
    try:
        answer = cloud.request("POST", f"/v2.1/servers/{uuid}/action",
                               {"os-migrateLive": {"host": "HostC", "block_migration": "auto"}})
        refused(answer, 400, "named ref1", "HostC")
    finally:
        lab.virsh("HostC", "undefine", "ref1")


def define(lab, host, xml):
    import os
    path = os.path.join(lab.dir, "define.xml")
    with open(path, "w") as f:
        f.write(xml)
    lab.virsh(host, "define", path)


def test_host_device(lab, cloud, guest):
    uuid = guest("ref1", start="no")
    xml = lab.virsh("HostB", "dumpxml", "--inactive", "ref1").stdout
    device = ("<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x00' slot='0x02' "
              "function='0x0'/></source></hostdev></devices>")
    define(lab, "HostB", xml.replace("</devices>", device))
    cloud.refresh()
    refused(cloud.cold("ref1", "HostC"), 400, "0000:00:02.0")
    assert uuid


def test_snapshot(lab, cloud, guest):
    guest("ref1")
    lab.virsh("HostB", "snapshot-create-as", "ref1", "s1", "--disk-only", "--no-metadata", check=False)
    lab.virsh("HostB", "snapshot-create-as", "ref1", "s2", timeout=120)
    try:
        refused(cloud.live("ref1", "HostC"), 400, "snapshot")
    finally:
        lab.virsh("HostB", "snapshot-delete", "ref1", "s2", timeout=120)
        for name in lab.run("HostB", "sh", "-c", "ls /srv/instances/ref1-0.s1 2>/dev/null || true").stdout.split():
            lab.virsh("HostB", "destroy", "ref1")
            lab.run("HostB", "rm", name)


def test_no_memory(cloud, guest):
    guest("ref1")
    cloud.restart(reserved_host_memory_mb=10_000_000)
    try:
        refused(cloud.live("ref1", "HostC"), 400, "HostC", "256 MiB", "reserved_host_memory_mb")
        refused(cloud.live("ref1"), 400, "No valid host was found", "HostC", "memory")
    finally:
        cloud.restart(reserved_host_memory_mb=512)


def test_no_space(lab, cloud, guest):
    guest("ref1", disks=["local"], disk_size="900T", write=0, start="no")
    refused(cloud.cold("ref1", "HostC"), 400, "HostC", "/srv/local", "free")


@pytest.mark.parametrize("body, words", [
    ("{", ["Malformed"]),
    ("[]", []),
    ('{"os-migrateLive": {}, "migrate": null}', ["Malformed"]),
    ('{"os-fly": null}', ["os-fly"]),
    ('{"os-migrateLive": {"host": 7, "block_migration": "auto"}}', ["host"]),
    ('{"os-migrateLive": {"host": "HostC", "block_migration": "maybe"}}', ["block_migration"]),
])
def test_malformed_body(cloud, guest, body, words):
    uuid = guest("ref1", start="no")
    refused(cloud.request("POST", f"/v2.1/servers/{uuid}/action", body), 400, *words)


def test_refusals_leave_everything(lab, cloud, guest):
    guest("ref1", disks=["local"])
    refused(cloud.live("ref1", "HostC", block=False), 400)
    assert lab.where("ref1") == ("HostB", "running") and "ref1" not in domains(lab, "HostC")
    assert cloud.server("ref1")["status"] == "ACTIVE"
    row = cloud.get("/godwit/v1/migrations?limit=1").json["migrations"][0]
    assert row["state"] == "failed" and "vda" in row["reason"]
