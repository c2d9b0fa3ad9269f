"""The same API from the daemon itself: its engine and store, over simulated hosts."""
import os
import re
import subprocess
import time

import pytest
from api_server import BUILD, Server, assert_fault

GODWITD = os.path.join(BUILD, "src/daemon/godwitd")


class Godwitd(Server):
    def __init__(self, folder, more=""):
        """more: further lines of godwit.conf."""
        self.folder = folder
        with open(os.path.join(folder, "godwit.conf"), "w") as f:
            f.write(f"[DEFAULT]\nstate_path = {folder}\n[api]\nauth_strategy = noauth\nport = 0\n{more}")
        self.errors = open(os.path.join(folder, "log"), "w+")
        self.process = subprocess.Popen([GODWITD, "--config", os.path.join(folder, "godwit.conf")], stderr=self.errors,
                                        stdout=self.errors, stdin=subprocess.DEVNULL)
        self.port = int(wait(lambda: re.search(r"listens on \S+ port (\d+)", self.read_log()))[1])

    def read_log(self):
        assert self.process.poll() is None, open(self.errors.name).read()
        return open(self.errors.name).read()

    def add(self, name, **parameters):
        query = "&".join(f"{k}={v}" for k, v in parameters.items())
        return self.request("POST", "/godwit/v1/hosts", {"host": {"name": name, "uri": f"sim://test/{name}?{query}"}})

    def find(self, name):
        (server,) = self.get(f"/v2.1/servers/detail?name=^{name}$", "2.88").json["servers"]
        return server

    def move(self, name, body, version="2.56"):
        return self.request("POST", f"/v2.1/servers/{self.find(name)['id']}/action", body, version)

    def migration(self, answer):
        assert answer.status == 202, answer.body
        return self.get(f"/godwit/v1/migrations/{answer.headers['x-godwit-migration-id']}").json["migration"]

    def wait(self, answer, *states):
        return wait(lambda: (lambda m: m if m["state"] in states or m["final"] else None)(self.migration(answer)))

    def close(self):
        self.process.terminate()
        assert self.process.wait(30) == 0, open(self.errors.name).read()


def wait(look, seconds=30):
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return seen


@pytest.fixture(scope="module")
def godwitd(tmp_path_factory):
    daemon = Godwitd(str(tmp_path_factory.mktemp("godwitd")))
    for name, count in (("HostB", 5), ("HostC", 0)):
        answer = daemon.add(name, instances=count, prefix=name + "-", disk="shared", memory_mib=8192)
        assert answer.status == 201, answer.body
    wait(lambda: len(daemon.get("/v2.1/servers").json["servers"]) == 5)
    yield daemon
    daemon.close()


def names(daemon):
    return sorted(s["name"] for s in daemon.get("/v2.1/servers").json["servers"])


def test_hosts_and_instances_are_shown(godwitd):
    hosts = {h["name"]: h for h in godwitd.get("/godwit/v1/hosts").json["hosts"]}
    assert hosts["HostB"]["state"] == "up" and hosts["HostB"]["instances"] == 5
    assert len(names(godwitd)) == 5
    first = godwitd.get("/v2.1/servers/detail?limit=1", "2.88").json["servers"][0]
    assert first["OS-EXT-SRV-ATTR:host"] == "HostB" and first["host_status"] == "UP"


def test_live_migration(godwitd):
    name = names(godwitd)[0]
    answer = godwitd.move(name, {"os-migrateLive": {"host": "HostC", "block_migration": "auto"}}, "2.30")
    row = godwitd.wait(answer, "completed")
    assert row["state"] == "completed" and row["dest"] == "HostC", row
    server = wait(lambda: (lambda s: s if s["status"] == "ACTIVE" else None)(godwitd.find(name)))
    assert server["OS-EXT-SRV-ATTR:host"] == "HostC" and server["OS-EXT-STS:task_state"] is None
    actions = godwitd.get(f"/v2.1/servers/{server['id']}/os-instance-actions", "2.88").json["instanceActions"]
    assert actions[0]["action"] == "live-migration" and actions[0]["request_id"] == answer.headers["x-openstack-request-id"]
    action = godwitd.get(f"/v2.1/servers/{server['id']}/os-instance-actions/{actions[0]['request_id']}", "2.88").json
    assert action["instanceAction"]["events"], action
    listed = godwitd.get(f"/v2.1/os-migrations?instance_uuid={server['id']}", "2.88").json["migrations"]
    assert [m["status"] for m in listed] == ["completed"]


def test_cold_migration_and_confirm(godwitd):
    name = names(godwitd)[1]
    answer = godwitd.move(name, {"migrate": {"host": "HostC"}})
    assert godwitd.wait(answer, "finished")["state"] == "finished"
    assert godwitd.find(name)["status"] == "VERIFY_RESIZE"
    assert_fault(godwitd.move(name, {"migrate": None}), "conflictingRequest", 409)
    assert godwitd.move(name, {"confirmResize": None}).status == 204
    assert godwitd.wait(answer, "confirmed")["state"] == "confirmed"
    wait(lambda: godwitd.find(name)["status"] == "ACTIVE")


def test_refusals(godwitd):
    name = names(godwitd)[2]
    assert_fault(godwitd.move(name, {"os-migrateLive": {"host": "HostZ", "block_migration": "auto"}}, "2.30"), "badRequest", 400,
                 "HostZ")
    assert_fault(godwitd.move(name, {"os-migrateLive": {"host": "HostB", "block_migration": "auto"}}, "2.30"), "badRequest", 400,
                 "HostB")
    assert_fault(godwitd.move(name, {"os-migrateLive": {"host": "HostC", "block_migration": True}}, "2.30"), "badRequest", 400)
    assert_fault(godwitd.move(name, {"confirmResize": None}), "badRequest", 400, "Instance has not been resized.")
    assert_fault(godwitd.add("HostB"), "conflictingRequest", 409, "HostB")
    assert_fault(godwitd.request("POST", "/godwit/v1/hosts", {"host": {"name": "HostX", "uri": "nonsense"}}), "badRequest", 400)


def test_abort_of_a_copy_under_way(godwitd):
    assert godwitd.add("HostD", instances=1, prefix="busy-", disk="shared", link_mbps=20, instance_memory_mib=1024).status == 201
    name = wait(lambda: [n for n in names(godwitd) if n.startswith("busy-")])[0]
    answer = godwitd.move(name, {"os-migrateLive": {"host": "HostC", "block_migration": "auto"}}, "2.34")
    row = godwitd.wait(answer, "running")
    server = godwitd.find(name)
    assert (row["state"], server["status"]) == ("running", "MIGRATING")
    path = f"/v2.1/servers/{server['id']}/migrations/{row['id']}"
    shown = godwitd.get(path, "2.88").json["migration"]
    assert shown["status"] == "running" and shown["dest_compute"] == "HostC"
    assert godwitd.request("DELETE", path, version="2.88").status == 202
    assert godwitd.wait(answer, "cancelled")["state"] == "cancelled"
    assert_fault(godwitd.get(path, "2.88"), "itemNotFound", 404, "is not in progress.")
    assert wait(lambda: godwitd.find(name)["status"] == "ACTIVE") and godwitd.find(name)["OS-EXT-SRV-ATTR:host"] == "HostD"


def test_remove_a_host(godwitd):
    assert godwitd.add("HostE", instances=1, prefix="gone-").status == 201
    wait(lambda: any(n.startswith("gone-") for n in names(godwitd)))
    assert godwitd.request("DELETE", "/godwit/v1/hosts/HostE").status == 204
    assert not any(n.startswith("gone-") for n in names(godwitd))
    assert_fault(godwitd.request("POST", "/godwit/v1/hosts/HostE/refresh"), "itemNotFound", 404, "HostE")
