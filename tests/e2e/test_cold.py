"""Cold migration: the guest is shut down, knows that it was rebooted, and waits for confirmation."""
import time

import pytest
from conftest import domains


def disk_of(kind):
    return f"/srv/{'instances' if kind == 'shared' else 'local'}/cold1-0.qcow2"


def exists(lab, host, path):
    return lab.run(host, "ls", path, check=False).returncode == 0


def checksum(lab, host, path):
    return lab.run(host, "md5sum", path).stdout.split()[0]


@pytest.mark.parametrize("kind", ["shared", "local", "iscsi"])
def test_confirm(lab, cloud, guest, kind):
    uuid = guest("cold1", disks=[kind])
    boots = lab.heartbeat("cold1").boot_count
    row = cloud.wait(cloud.cold("cold1", "HostC"))
    assert row["state"] == "finished" and row["status"] == "finished", row
    lab.wait_heartbeat("cold1", time.time())
    assert lab.where("cold1") == ("HostC", "running")
    assert lab.heartbeat("cold1").boot_count == boots + 1, "it was rebooted once"
    assert cloud.server("cold1")["status"] == "VERIFY_RESIZE"
    assert cloud.live("cold1", "HostB").status == 409
    assert cloud.action("cold1", {"confirmResize": None}).status == 204
    row = cloud.wait(row["id"], "confirmed")
    assert "cold1" not in domains(lab, "HostB")
    if kind == "local":
        assert not exists(lab, "HostB", disk_of(kind)) and exists(lab, "HostC", disk_of(kind))
    assert cloud.wait_server("cold1", "ACTIVE")["OS-EXT-SRV-ATTR:host"] == "HostC"
    assert lab.heartbeat("cold1").disk_errors == 0 and lab.verify("cold1") == []
    assert cloud.uuid("cold1") == uuid


@pytest.mark.parametrize("kind", ["shared", "local"])
def test_revert(lab, cloud, guest, kind):
    guest("cold1", disks=[kind])
    before = lab.virsh("HostB", "dumpxml", "--inactive", "cold1").stdout
    row = cloud.wait(cloud.cold("cold1", "HostC"))
    lab.wait_heartbeat("cold1", time.time())
    assert cloud.action("cold1", {"revertResize": None}).status == 202
    row = cloud.wait(row["id"], "reverted")
    lab.wait_heartbeat("cold1", time.time())
    assert lab.where("cold1") == ("HostB", "running") and "cold1" not in domains(lab, "HostC")
    assert lab.virsh("HostB", "dumpxml", "--inactive", "cold1").stdout == before, "the source is exactly as it was"
    if kind == "local":
        assert not exists(lab, "HostC", disk_of(kind))
    assert cloud.wait_server("cold1", "ACTIVE")["OS-EXT-SRV-ATTR:host"] == "HostB"
    assert lab.heartbeat("cold1").disk_errors == 0 and lab.verify("cold1") == []


@pytest.mark.parametrize("kind", ["shared", "local"])
def test_stopped_stays_stopped(lab, cloud, guest, kind):
    guest("cold1", disks=[kind])
    lab.wait_until("a record of cold1 on its disk", lambda: sum(lab.heartbeat("cold1").acknowledged) > 0, 30)
    lab.virsh("HostB", "shutdown", "cold1")
    lab.wait_until("cold1 off", lambda: lab.where("cold1")[1] == "shut off", 20)
    cloud.refresh()
    assert cloud.server("cold1")["status"] == "SHUTOFF"
    assert cloud.live("cold1", "HostC").status == 409, "a stopped instance does not migrate live"
    row = cloud.wait(cloud.cold("cold1", "HostC"))
    assert row["state"] == "finished"
    assert domains(lab, "HostC")["cold1"] == "shut off" and domains(lab, "HostB")["cold1"] == "shut off"
    assert cloud.action("cold1", {"confirmResize": None}).status == 204
    cloud.wait(row["id"], "confirmed")
    assert cloud.wait_server("cold1", "SHUTOFF")["OS-EXT-SRV-ATTR:host"] == "HostC"
    assert lab.verify("cold1") == []


def flavor_of(cloud):
    return cloud.get(f"/v2.1/servers/{cloud.uuid('cold1')}", version="2.88").json["server"]["flavor"]


@pytest.mark.parametrize("kind", ["local", "iscsi"])
def test_resize_of_an_adopted_guest(lab, cloud, guest, kind):
    """Two vCPUs and more memory for a guest that others made; its volume stays as it is, and its own records are whole."""
    guest("cold1", disks=[kind])
    before = lab.virsh("HostB", "dumpxml", "--inactive", "cold1").stdout
    size = 0 if kind == "iscsi" else flavor_of(cloud)["disk"] + 1
    made = cloud.request("POST", "/v2.1/flavors", {"flavor": {"name": f"wide-{kind}", "id": f"wide-{kind}", "ram": 192, "vcpus": 2, "disk": size}})
    assert made.status == 200, made.text
    boots = lab.heartbeat("cold1").boot_count
    answer = cloud.action("cold1", {"resize": {"flavorRef": f"wide-{kind}"}})
    assert answer.status == 202, answer.text
    row = cloud.wait(answer, "finished")
    host = row["dest"]
    lab.wait_heartbeat("cold1", time.time())
    assert lab.where("cold1") == (host, "running") and lab.heartbeat("cold1").boot_count == boots + 1
    told = dict(line.split(":", 1) for line in lab.virsh(host, "dominfo", "cold1").stdout.splitlines() if ":" in line)
    assert (told["CPU(s)"].strip(), told["Max memory"].split()[0], told["Used memory"].split()[0]) == ("2", str(192 << 10), str(192 << 10))
    assert lab.virsh("HostB", "dumpxml", "--inactive", "cold1").stdout == before, "the source is exactly as it was"
    assert cloud.action("cold1", {"confirmResize": None}).status == 204
    cloud.wait(row["id"], "confirmed")
    cloud.wait_server("cold1", "ACTIVE")
    assert flavor_of(cloud)["vcpus"] == 2
    assert lab.heartbeat("cold1").disk_errors == 0 and lab.verify("cold1") == []


def test_a_definition_that_fixes_its_shape_is_not_resized(lab, cloud, guest):
    guest("cold1", disks=["shared"], start="no")
    xml = lab.virsh("HostB", "dumpxml", "--inactive", "cold1").stdout
    part = "<cpu><topology sockets='1' cores='1' threads='1'/></cpu>"
    begin = xml.find("<cpu")
    end = xml.find("</cpu>") + len("</cpu>") if "</cpu>" in xml else xml.find("/>", begin) + 2
    xml = xml[:begin] + part + xml[end:] if begin >= 0 and not xml[begin:].startswith("<cputune") else xml.replace("</features>", "</features>" + part)
    lab.run("HostB", "sh", "-c", "cat > /run/cold1.xml", text_in=xml)
    lab.virsh("HostB", "define", "/run/cold1.xml")
    cloud.refresh()
    cloud.request("POST", "/v2.1/flavors", {"flavor": {"name": "other", "id": "other", "ram": 192, "vcpus": 2, "disk": 0}})
    answer = cloud.action("cold1", {"resize": {"flavorRef": "other"}})
    assert answer.status == 400 and "a topology of its CPUs (<topology>)" in answer.fault and "virsh edit" in answer.fault, answer.text


def test_confirm_without_a_move(lab, cloud, guest):
    guest("cold1")
    for action in ("confirmResize", "revertResize"):
        answer = cloud.action("cold1", {action: None})
        assert answer.status == 400 and answer.fault == "Instance has not been resized."


def test_sparse_copy_goes_host_to_host(lab, cloud, guest):
    guest("cold1", disks=["local"], disk_size="8G")
    row = cloud.wait(cloud.cold("cold1", "HostC"))
    assert row["state"] == "finished"
    blocks = int(lab.run("HostC", "stat", "-c", "%b", disk_of("local")).stdout)
    assert blocks * 512 < 400 << 20
    cloud.action("cold1", {"confirmResize": None})
    cloud.wait(row["id"], "confirmed")
