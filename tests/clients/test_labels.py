"""What people say of servers, suspending them, and what is counted, by the real clients: `openstack server ...` and `nova ...`."""
import pytest
from clients import Access, Client
from conftest import NAMES, VERSIONS, start
from test_godwitd import wait


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    daemon = start(tmp_path_factory, {"HostA": dict(instances=40, prefix="vm", disk="shared", memory_mib=65536), "HostB": dict(disk="shared")})
    yield daemon
    daemon.close()


@pytest.fixture(params=VERSIONS, ids=NAMES)
def openstack(request, daemon):
    return Client("openstack", Access(f"http://127.0.0.1:{daemon.port}/v2.1"), request.param)


@pytest.fixture(params=VERSIONS, ids=NAMES)
def nova(request, daemon):
    return Client("nova", Access(f"http://127.0.0.1:{daemon.port}/v2.1"), request.param)


@pytest.fixture
def name(daemon, taken=[]):  # noqa: B006
    names = sorted(s["name"] for s in daemon.get("/v2.1/servers").json["servers"] if s["name"].startswith("vm-"))
    taken.append(next(n for n in names if n not in taken))
    return taken[-1]


def until(daemon, name, status):
    return wait(lambda: (lambda s: s if s["status"] == status and not s["OS-EXT-STS:task_state"] else None)(daemon.find(name)))


def test_openstack_suspend_and_resume(daemon, openstack, name):
    openstack("server", "suspend", name)
    until(daemon, name, "SUSPENDED")
    assert openstack.show("server", "show", name)["status"] == "SUSPENDED"
    refused = openstack.refused("server", "migrate", "--live-migration", name) if openstack.minor >= 30 else openstack.refused("server", "migrate", name)
    assert "its saved memory lies on HostA" in refused and "resume" in refused
    openstack("server", "resume", name)
    until(daemon, name, "ACTIVE")


def test_openstack_lock(daemon, openstack, name):
    openstack("server", "lock", *(["--reason", "audit"] if openstack.minor >= 73 else []), name)
    assert daemon.find(name)["locked"] is True and daemon.find(name)["locked_reason"] == ("audit" if openstack.minor >= 73 else None)
    if openstack.minor >= 73:
        assert [r["Name"] for r in openstack.list("server", "list", "--locked")] == [name]
    openstack("server", "unlock", name)
    assert daemon.find(name)["locked"] is False


def test_openstack_set(daemon, openstack, name):
    openstack("server", "set", "--state", "error", name)
    assert daemon.find(name)["status"] == "ERROR"
    openstack("server", "set", "--state", "active", name)
    assert daemon.find(name)["status"] == "ACTIVE"
    openstack("server", "set", "--property", "a=1", "--property", "b=2", name)
    openstack("server", "unset", "--property", "a", name)
    assert openstack.show("server", "show", name)["properties"] == {"b": "2"}
    if openstack.minor >= 26:
        openstack("server", "set", "--description", "d", "--tag", "blue", "--tag", "red", name)
        openstack("server", "unset", "--description", "--tag", "red", name)
        shown = openstack.show("server", "show", name)
        assert (shown["description"] in (None, ""), shown["tags"]) == (True, ["blue"])
        openstack("server", "unset", "--tag", "blue", name)
    new = f"renamed-{name}"
    openstack("server", "set", "--name", new, name)
    assert daemon.find(new)["OS-EXT-SRV-ATTR:instance_name"] == name


def test_openstack_diagnostics(openstack, name):
    shown = openstack.show("server", "show", "--diagnostics", name)
    assert shown["memory_details"]["maximum"] == 512 if openstack.minor >= 48 else shown["memory"] == 512 * 1024


def test_openstack_console(openstack, name):
    assert "Unavailable console type novnc" in openstack.refused("console", "url", "show", "--novnc", name)


def test_nova(daemon, nova, name):
    nova("suspend", name)
    until(daemon, name, "SUSPENDED")
    nova("resume", name)
    until(daemon, name, "ACTIVE")
    nova("lock", name)
    assert daemon.find(name)["locked"]
    nova("unlock", name)
    nova("reset-state", name)
    assert daemon.find(name)["status"] == "ERROR"
    nova("reset-state", "--active", name)
    assert daemon.find(name)["status"] == "ACTIVE"
    assert "cpu" in nova("diagnostics", name).out
    nova("meta", name, "set", "a=1", "b=2")
    nova("meta", name, "delete", "a")
    assert daemon.find(name)["metadata"] == {"b": "2"}
    if nova.minor >= 26:
        nova("server-tag-add", name, "blue", "red")
        nova("server-tag-delete", name, "red")
        assert daemon.find(name)["tags"] == ["blue"]
        nova("server-tag-set", name, "green")
        nova("server-tag-delete-all", name)
        assert daemon.find(name)["tags"] == []
    nova("update", "--name", f"renamed-{name}", name)
    daemon.find(f"renamed-{name}")
