"""A host that loses power: what lay on shared storage boots elsewhere, once an administrator vouches that the host is off; nothing is made
anew; and what the host still has of it when it comes back is removed, not started."""
import signal
import time

import pytest
from cloud import wait_for
from conftest import domains
from gwlab.tools import LabError
from test_clients import client  # noqa: F401


@pytest.fixture
def lost(lab, cloud):
    """Takes a host's power away; it comes back after the test, whatever happens."""
    off = []

    def lose(host="HostB"):
        lab.power_off(host)
        off.append(host)
        becomes(cloud, "down", host)

    yield lose
    for host in off:
        lab.power_on(host)
    for host in off or ["HostB"]:
        force_down(cloud, host, False)
        becomes(cloud, "up", host)


def state(cloud, host="HostB"):
    """Whether it answers; a forced-down service is shown down all the same."""
    return "up" if cloud.request("POST", f"/godwit/v1/hosts/{host}/refresh").status < 300 else "down"


def becomes(cloud, wanted, host="HostB"):
    try:
        wait_for(f"{host} {wanted}", lambda: state(cloud, host) == wanted, 60)
    except LabError as error:
        raise LabError(f"{error}; it says: {cloud.request('POST', f'/godwit/v1/hosts/{host}/refresh').text}") from None


def force_down(cloud, host="HostB", down=True):
    service = cloud.get(f"/v2.1/os-services?host={host}", version="2.53").json["services"][0]
    assert cloud.request("PUT", f"/v2.1/os-services/{service['id']}", {"forced_down": down}, version="2.53").status == 200


def evacuate(cloud, name, host=None):
    return cloud.action(name, {"evacuate": {"host": host} if host else {}})


def refused(answer, *words):
    assert answer.status == 400, answer.text
    for word in words:
        assert word in answer.json["badRequest"]["message"], answer.text


def number(answer):
    assert answer.status == 200, answer.text
    return answer.headers["x-godwit-migration-id"]


def back(lab, cloud, *ids):
    """HostB comes back: what it has left goes."""
    lab.power_on("HostB")
    for id_ in ids:
        wait_for(f"migration {id_} completed", lambda: (state(cloud), cloud.migration(id_)["state"])[1] == "completed", 90)


def test_evacuate(lab, cloud, guest, lost):
    guest("evac1", disks=["shared", "iscsi"])
    guest("evac2", disks=["local"])
    boots = lab.heartbeat("evac1").boot_count
    refused(evacuate(cloud, "evac1"), "still in use", "godwit drain HostB")
    lost()
    refused(evacuate(cloud, "evac1"), "godwit service-force-down HostB")
    force_down(cloud)
    id_ = number(evacuate(cloud, "evac1"))
    row = cloud.wait(id_, "evacuated")
    assert cloud.wait_server("evac1", "ACTIVE")["OS-EXT-SRV-ATTR:host"] == row["dest"] == "HostC"
    lab.wait_heartbeat("evac1", time.time())
    report = lab.heartbeat("evac1")
    assert report.boot_count == boots + 1 and report.disk_errors == 0 and lab.verify("evac1") == []
    refused(evacuate(cloud, "evac2", "HostC"), "HostC does not see", "only what lies on shared storage")
    rows = cloud.get("/v2.1/os-migrations?migration_type=evacuation", version="2.59").json["migrations"]
    assert [r["status"] for r in rows][:2] == ["failed", "done"]
    back(lab, cloud, id_)
    assert "evac1" not in domains(lab, "HostB") and lab.where("evac1") == ("HostC", "running")
    lab.wait_heartbeat("evac1", time.time())
    assert cloud.server("evac2")["OS-EXT-SRV-ATTR:host"] == "HostB"


def test_a_killed_daemon_evacuates_to_the_end(lab, cloud, guest, lost):
    """The daemon is killed right after it has agreed, and knows the lost instances from its store alone."""
    names = [f"evac{n}" for n in (3, 4, 5)]
    for name in names:
        guest(name)
    lost()
    force_down(cloud)
    cloud.restart(signal.SIGKILL)
    ids = []
    for name in names:
        ids.append(number(evacuate(cloud, name, "HostC")))
        cloud.restart(signal.SIGKILL)
    for name, id_ in zip(names, ids):
        assert cloud.wait(id_, "evacuated")["dest"] == "HostC"
        assert lab.where(name) == ("HostC", "running")
        lab.wait_heartbeat(name, time.time())
    back(lab, cloud, *ids)
    assert not set(names) & set(domains(lab, "HostB"))


def test_the_clients_evacuate(lab, cloud, guest, lost, client):  # noqa: F811
    guest("evac6")
    guest("evac7")
    lost()
    client("openstack", "compute", "service", "set", "--down", "HostB", "nova-compute")
    # this client asks, and then falls over what its own library returns, whatever the server says (openstackclient 6.0, novaclient 18)
    said = client("openstack", "--os-compute-api-version", "2.29", "server", "evacuate", "--host", "HostC", "evac6", code=1)
    assert "TupleWithMeta" in said
    wait_for("evac6 on HostC", lambda: lab.where("evac6") == ("HostC", "running"), 60)
    wait_for("evac6 evacuated", lambda: cloud.server("evac6")["status"] == "ACTIVE", 60)
    table = client("nova", "host-evacuate", "--target_host", "HostC", "HostB")
    assert table.count("True") == 1, table
    wait_for("evac7 on HostC", lambda: lab.where("evac7") == ("HostC", "running"), 60)
    lab.wait_heartbeat("evac7", time.time())
    lab.power_on("HostB")
    wait_for("nothing left", lambda: (state(cloud), not {"evac6", "evac7"} & set(domains(lab, "HostB")))[1], 90)


def test_a_host_that_was_not_off(lab, cloud, guest, lost):
    """Forced down by mistake: while it answers nothing is done; when it is only cut off, QEMU's lock on the disk is the last fence."""
    guest("evac8")
    force_down(cloud)
    refused(evacuate(cloud, "evac8", "HostC"), "it is forced down, but answered", "evac8 is running there")
    lab.kill_libvirtd("HostB")
    try:
        becomes(cloud, "down")
        row = cloud.wait(number(evacuate(cloud, "evac8", "HostC")), "failed")
        assert "lock" in row["reason"]
        assert "evac8" not in domains(lab, "HostC")
        since = time.time()
    finally:
        lab.start_libvirtd("HostB")
    lab.wait_heartbeat("evac8", since)
    assert lab.where("evac8") == ("HostB", "running") and lab.heartbeat("evac8").disk_errors == 0


def test_a_destination_that_is_lost(lab, cloud, guest, lost):
    """The move ends once an administrator says that the destination is off; what that holds is found when it is back."""
    guest("evac9", disks=["local"])
    lab.link("HostC", rate=4)
    try:
        id_ = cloud.live("evac9", "HostC").headers["x-godwit-migration-id"]
        cloud.wait(id_, "running")
        lost("HostC")
        force_down(cloud, "HostC")
        row = cloud.wait(id_, "failed")
        assert lab.where("evac9") == ("HostB", "running") and row["source"] == "HostB"
    finally:
        lab.power_on("HostC")
        lab.link("HostC")
    force_down(cloud, "HostC", False)
    becomes(cloud, "up", "HostC")
    listed = cloud.cli("gc")
    assert "/srv/local/evac9-0.qcow2" in listed.stdout and "may be removed" in listed.stdout, listed
    removed = cloud.cli("gc", "--delete")
    assert "removed" in removed.stdout and lab.run("HostC", "ls", "/srv/local/evac9-0.qcow2", check=False).returncode != 0
    assert "Nothing is left behind" in cloud.cli("gc").stdout
    lab.wait_heartbeat("evac9", time.time())
    assert lab.verify("evac9") == []


SILENT = "import socket; s = socket.create_server(('', 16509), backlog=64); kept = []\nwhile True: kept.append(s.accept())"


def test_a_host_that_dies_while_it_is_asked(lab, cloud, lost):
    """Attempts to connect hang on it, as many as are made at a time. Once it is back they end, and it is asked again."""
    lab.kill_libvirtd("HostB")
    lab.host("HostB").spawn("/usr/bin/python3", "-c", SILENT, log="silent.log")
    wait_for("attempts that hang",
             lambda: "attempts to connect still hang" in cloud.request("POST", "/godwit/v1/hosts/HostB/refresh").text, 90)
    lost()
