"""A godwitd with four simulated hosts, and the requests about aggregates: for test_aggregates.py and test_services.py."""
import pytest
from test_godwitd import Godwitd, wait


def create(server, name, zone=None, version=None):
    body = {"name": name} if zone is None else {"name": name, "availability_zone": zone}
    return server.request("POST", "/v2.1/os-aggregates", {"aggregate": body}, version)


def made(server, name, zone=None):
    answer = create(server, name, zone)
    assert answer.status == 200, answer.body
    return answer.json["aggregate"]["id"]


def act(server, number, action, value, version=None):
    return server.request("POST", f"/v2.1/os-aggregates/{number}/action", {action: value}, version)


def add_host(server, number, host):
    return act(server, number, "add_host", {"host": host})


def set_metadata(server, number, **metadata):
    return act(server, number, "set_metadata", {"metadata": metadata})


def update(server, number, **body):
    return server.request("PUT", f"/v2.1/os-aggregates/{number}", {"aggregate": body})


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    daemon = Godwitd(str(tmp_path_factory.mktemp("aggregates")))
    for name, count in (("HostA", 2), ("HostB", 0), ("HostC", 0), ("HostD", 0)):
        assert daemon.add(name, instances=count, prefix=f"vm-{name}", disk="shared", memory_mib=8192, instance_memory_mib=64,
                          link_mbps=10000).status == 201
    wait(lambda: len(daemon.get("/v2.1/servers").json["servers"]) == 2)
    yield daemon
    daemon.close()


@pytest.fixture
def clean(cloud):
    """The same cloud without aggregates, every host enabled and up, the servers on HostA."""
    for aggregate in cloud.get("/v2.1/os-aggregates").json["aggregates"]:
        for host in aggregate["hosts"]:
            assert act(cloud, aggregate["id"], "remove_host", {"host": host}).status == 200
        assert cloud.request("DELETE", f"/v2.1/os-aggregates/{aggregate['id']}").status == 200
    for service in cloud.get("/v2.1/os-services", "2.53").json["services"]:
        answer = cloud.request("PUT", f"/v2.1/os-services/{service['id']}", {"status": "enabled", "forced_down": False}, "2.53")
        assert answer.status == 200
    for server in cloud.get("/v2.1/servers/detail").json["servers"]:
        if server["OS-EXT-SRV-ATTR:host"] != "HostA":
            assert live(cloud, server["name"], "HostA")["state"] == "completed"
    return cloud


def live_answer(cloud, name, host=None, version="2.30", **more):
    return cloud.move(name, {"os-migrateLive": {"host": host, "block_migration": "auto", **more}}, version)


def live(cloud, name, host=None, **more):
    row = cloud.wait(live_answer(cloud, name, host, **more), "completed")
    wait(lambda: cloud.find(name)["status"] == "ACTIVE")
    return row


VM = "vm-HostA-HostA-1"
VM2 = "vm-HostA-HostA-2"
