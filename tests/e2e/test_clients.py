"""The real openstack and nova commands move real guests. What each command says in every case is in tests/clients, over simulated
hosts; here is that the guests feel it."""
import json
import subprocess
import time

import pytest
from conftest import domains

ENVIRONMENT = ["OS_AUTH_TYPE=none", "OS_ENDPOINT=http://127.0.0.1:8774/v2.1", "COLUMNS=300", "OS_AUTH_URL=http://unused/v3",
               "OS_USERNAME=x", "OS_USER_ID=x", "OS_PASSWORD=x", "OS_PROJECT_NAME=x", "OS_PROJECT_ID=x"]


@pytest.fixture
def client(lab, cloud):
    def run(*argv: str, code: int = 0) -> str:
        command = lab.command("HostA", ["env", *(ENVIRONMENT if argv[0] == "nova" else ENVIRONMENT[:3]), *argv], "/")
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        assert done.returncode == code, done
        return done.stdout + done.stderr

    return run


def check_unhurt(lab, name, source, dest, since):
    lab.wait_heartbeat(name, time.time())
    report = lab.heartbeat(name, since)
    assert lab.where(name) == (dest, "running") and name not in domains(lab, source)
    assert len(report.boots) == 1 and report.memory_errors == 0 and report.disk_errors == 0


def test_openstack_live_and_cold(lab, cloud, guest, client):
    guest("osc1", dirty=10)
    since = time.time()
    client("openstack", "--os-compute-api-version", "2.30", "server", "migrate", "--live-migration", "--host", "HostC", "--wait", "osc1")
    cloud.wait_server("osc1", "ACTIVE")
    check_unhurt(lab, "osc1", "HostB", "HostC", since)
    shown = json.loads(client("openstack", "server", "show", "osc1", "-f", "json"))
    assert shown["OS-EXT-SRV-ATTR:host"] == "HostC" and shown["status"] == "ACTIVE"
    client("openstack", "--os-compute-api-version", "2.56", "server", "migrate", "--host", "HostB", "--wait", "osc1")
    assert cloud.server("osc1")["status"] == "VERIFY_RESIZE"
    client("openstack", "server", "migration", "confirm", "osc1")
    cloud.wait_server("osc1", "ACTIVE")
    assert lab.where("osc1")[0] == "HostB" and "osc1" not in domains(lab, "HostC")
    actions = json.loads(client("openstack", "server", "event", "list", "osc1", "-f", "json"))
    assert [a["Action"] for a in actions] == ["confirmResize", "migrate", "live-migration"]


def test_nova_abort_and_drain(lab, cloud, guest, client):
    for name in ("nova1", "nova2"):
        guest(name, disks=["local"], dirty=30)
    lab.link("HostC", rate=4)
    since = time.time()
    try:
        client("nova", "live-migration", "--block-migrate", "nova1", "HostC")
        rows = cloud.get(f"/v2.1/os-migrations?instance_uuid={cloud.uuid('nova1')}", version="2.88").json["migrations"]
        cloud.wait(rows[0]["id"], "running")
        assert "| running" in client("nova", "server-migration-list", "nova1")
        client("nova", "live-migration-abort", "nova1", str(rows[0]["id"]))
        assert cloud.wait(rows[0]["id"])["state"] == "cancelled"
    finally:
        lab.link("HostC")
    assert lab.where("nova1") == ("HostB", "running") and "nova1" not in domains(lab, "HostC")
    table = client("nova", "host-evacuate-live", "--target-host", "HostC", "--block-migrate", "HostB")
    assert table.count("| True ") == 2, table
    for name in ("nova1", "nova2"):
        cloud.wait_server(name, "ACTIVE", 90)
        check_unhurt(lab, name, "HostB", "HostC", since)


def test_refusal_reaches_the_user(lab, cloud, guest, client):
    """At 2.30 with the command, later in the event: the finding, why, and what to do."""
    guest("refused1", disks=["local"])
    argv = ["server", "migrate", "--live-migration", "--shared-migration", "--host", "HostC", "refused1"]
    said = client("openstack", "--os-compute-api-version", "2.30", *argv, code=1)
    assert "HTTP 400" in said and "HostC" in said and "remedy" in said
    client("openstack", "--os-compute-api-version", "2.88", *argv)
    cloud.wait_server("refused1", "ACTIVE")
    actions = json.loads(client("openstack", "server", "event", "list", "refused1", "-f", "json"))
    deadline = time.monotonic() + 20
    while True:
        event = client("openstack", "--os-compute-api-version", "2.88", "server", "event", "show", "refused1", actions[0]["Request ID"])
        if "remedy" in event:
            break
        assert time.monotonic() < deadline, event
