"""A godwitd over simulated hosts, and the real clients of it."""
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "api")]
import clients  # noqa: E402
from test_godwitd import Godwitd, wait  # noqa: E402

FAST = 200000  # Mbit/s: a copy takes a moment
HOSTS = {  # only HostA, HostB and HostC have room for more
    "HostA": dict(instances=150, prefix="vm", disk="shared", link_mbps=FAST, memory_mib=131072),
    "HostB": dict(disk="shared", link_mbps=FAST),
    "HostC": dict(disk="shared", link_mbps=FAST),
    "HostL": dict(instances=8, prefix="local", disk="local", link_mbps=FAST, memory_mib=4800),
    "HostQ": dict(instances=8, prefix="quiet", disk="shared", memory_mib=4800),  # nobody moves these
    "HostS": dict(instances=16, prefix="slow", disk="shared", link_mbps=10, instance_memory_mib=1024, memory_mib=17000),
}


def start(tmp_path_factory, hosts: dict) -> Godwitd:
    clients.load()
    daemon = Godwitd(str(tmp_path_factory.mktemp("clients")))
    for name, parameters in hosts.items():
        answer = daemon.add(name, **parameters)
        assert answer.status == 201, answer.body
    count = sum(h.get("instances", 0) for h in hosts.values())
    wait(lambda: len(daemon.get("/v2.1/servers").json["servers"]) == count)
    return daemon


@pytest.fixture(scope="session")
def daemon(tmp_path_factory):
    daemon = start(tmp_path_factory, HOSTS)
    yield daemon
    daemon.close()


@pytest.fixture(scope="session")
def access(daemon):
    return clients.Access(f"http://127.0.0.1:{daemon.port}/v2.1")


VERSIONS = [None, "2.30", "2.88"]
NAMES = ["default", "2.30", "2.88"]


@pytest.fixture(params=VERSIONS, ids=NAMES)
def openstack(request, access):
    return clients.Client("openstack", access, request.param)


@pytest.fixture(params=VERSIONS, ids=NAMES)
def nova(request, access):
    return clients.Client("nova", access, request.param)


class Pool:
    """Servers that no other test uses."""

    def __init__(self, daemon, prefix: str):
        self.daemon = daemon
        self.names = [f"{prefix}-{n}" for n in range(HOSTS[prefix.split("-", 1)[1]]["instances"], 0, -1)]

    def take(self) -> str:
        return self.names.pop()


@pytest.fixture(scope="session")
def pools(daemon):
    return {prefix: Pool(daemon, prefix) for prefix in ("vm-HostA", "local-HostL", "slow-HostS")}


@pytest.fixture
def server(pools):
    """Its name. It is on HostA; its disk is shared with HostB and HostC."""
    return pools["vm-HostA"].take()


@pytest.fixture
def local_server(pools):
    """On HostL, which shares nothing."""
    return pools["local-HostL"].take()


@pytest.fixture
def slow_server(pools, daemon):
    """On HostS; a migration of it takes minutes. One that a test began is aborted."""
    name = pools["slow-HostS"].take()
    yield name
    found = daemon.find(name)
    if found["status"] == "MIGRATING":
        for row in daemon.get(f"/v2.1/servers/{found['id']}/migrations", "2.88").json["migrations"]:
            daemon.request("DELETE", f"/v2.1/servers/{found['id']}/migrations/{row['id']}", version="2.88")
        wait(lambda: daemon.find(name)["status"] == "ACTIVE")


class Watch:
    """Looks at servers without any client."""

    def __init__(self, daemon):
        self.daemon = daemon

    def find(self, name: str) -> dict:
        return self.daemon.find(name)

    def until(self, name: str, status: str) -> dict:
        return wait(lambda: (lambda s: s if s["status"] == status else None)(self.find(name)))

    def moved(self, name: str, host: str) -> None:
        assert self.until(name, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == host

    def migration(self, name: str, *states: str) -> dict:
        """The newest of the server, once it is in one of the states."""
        path = f"/v2.1/os-migrations?instance_uuid={self.find(name)['id']}&limit=1"
        return wait(lambda: next((m for m in self.daemon.get(path, "2.88").json["migrations"] if m["status"] in states), None))


@pytest.fixture
def watch(daemon):
    return Watch(daemon)
