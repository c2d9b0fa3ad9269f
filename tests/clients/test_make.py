"""Servers made and deleted, flavors and images, by the real clients: with a password and the catalog, and without either."""
import os
import subprocess

import clients
import pytest
from test_godwitd import Godwitd, wait


class WithPassword(Godwitd):
    """The same daemon, but callers must log in."""

    def __init__(self, folder):
        super().__init__(folder)
        self.close()
        conf = os.path.join(folder, "godwit.conf")
        text = open(conf).read().replace("auth_strategy = noauth\n", "").replace("port = 0", f"port = {self.port}")
        open(conf, "w").write(text)
        self.process = subprocess.Popen(self.process.args, stderr=self.errors, stdout=self.errors, stdin=subprocess.DEVNULL)
        wait(lambda: os.path.exists(os.path.join(folder, "admin-password")) and self.answers())

    def answers(self):
        """The password is there before it listens."""
        assert self.process.poll() is None, open(self.errors.name).read()
        try:
            return self.get("/").status == 200
        except OSError:
            return False


@pytest.fixture(scope="module", params=["none", "password"])
def access(request, tmp_path_factory):
    clients.load()
    folder = tmp_path_factory.mktemp("make")
    (folder / "images").mkdir()
    (folder / "images" / "cirros.raw").write_bytes(b"x" * 100000)
    daemon = Godwitd(str(folder))
    for name in ("HostA", "HostB"):
        assert daemon.add(name, memory_mib=16384).status == 201
    if request.param == "password":
        daemon.close()
        daemon = WithPassword(str(folder))
        password = (folder / "admin-password").read_text().strip()
        yield clients.Access(f"http://127.0.0.1:{daemon.port}/v2.1", "password", password=password)
    else:
        yield clients.Access(f"http://127.0.0.1:{daemon.port}/v2.1")
    daemon.close()


@pytest.fixture(params=[None, "2.88"], ids=["default", "2.88"])
def openstack(request, access):
    return clients.Client("openstack", access, request.param)


@pytest.fixture
def nova(access):
    return clients.Client("nova", access)


@pytest.fixture
def flavor(access):
    client = clients.Client("openstack", access)
    name = f"f{os.urandom(4).hex()}"
    client("flavor", "create", "--ram", "512", "--vcpus", "2", "--disk", "1", name)
    yield name
    client("flavor", "delete", name)


def create(openstack, *argv):
    """Looked for by ourselves: the command's own --wait looks every five seconds."""
    made = openstack.show("server", "create", "--image", "cirros", *argv, *(["--nic", "none"] if openstack.minor >= 37 else []))
    wait(lambda: openstack.show("server", "show", made["id"])["status"] == "ACTIVE")
    return openstack.show("server", "show", made["id"])


def delete(openstack, *names):
    openstack("server", "delete", *names)
    wait(lambda: openstack.list("server", "list") == [])


def test_waiting(access, flavor):
    openstack = clients.Client("openstack", access)
    assert openstack.show("server", "create", "--image", "cirros", "--flavor", flavor, "--wait", "web")["status"] == "ACTIVE"
    openstack("server", "delete", "--wait", "web")


def test_openstack_server(openstack, flavor):
    made = create(openstack, "--flavor", flavor, "web", "--property", "role=web")
    assert made["name"] == "web"
    (row,) = openstack.list("server", "list", "--name", "web")
    assert row["Image"].startswith("cirros") or row["Image"] == "", row
    assert flavor in row["Flavor"]
    openstack("server", "migrate", "--live-migration", made["id"])
    wait(lambda: openstack.show("server", "show", "web")["OS-EXT-SRV-ATTR:host"] != made["OS-EXT-SRV-ATTR:host"])
    wait(lambda: openstack.show("server", "show", "web")["status"] == "ACTIVE")
    delete(openstack, "web")


@pytest.fixture
def larger(access):
    client = clients.Client("openstack", access)
    name = f"larger{os.urandom(4).hex()}"
    client("flavor", "create", "--ram", "1024", "--vcpus", "4", "--disk", "2", name)
    yield name
    client("flavor", "delete", name)


@pytest.mark.parametrize("end", ["confirm", "revert"])
def test_openstack_resize(openstack, flavor, larger, end):
    create(openstack, "--flavor", flavor, "web")
    openstack("server", "resize", "--flavor", larger, "web")
    wait(lambda: openstack.show("server", "show", "web")["status"] == "VERIFY_RESIZE")
    assert larger in str(openstack.show("server", "show", "web")["flavor"])
    openstack("server", "resize", end, "web")
    wait(lambda: openstack.show("server", "show", "web")["status"] == "ACTIVE")
    assert (larger if end == "confirm" else flavor) in str(openstack.show("server", "show", "web")["flavor"])
    assert "must change flavor" in openstack.refused("server", "resize", "--flavor", larger if end == "confirm" else flavor, "web")
    delete(openstack, "web")


def test_nova_resize(openstack, nova, flavor, larger):
    create(openstack, "--flavor", flavor, "web")
    nova("resize", "--poll", "web", larger)
    assert openstack.show("server", "show", "web")["status"] == "VERIFY_RESIZE"
    nova("resize-confirm", "web")
    wait(lambda: openstack.show("server", "show", "web")["status"] == "ACTIVE")
    (row,) = [m for m in nova.list("migration-list", "--migration-type", "resize") if m["Status"] == "confirmed"][:1]
    assert row["Type"] == "resize"
    delete(openstack, "web")


def test_openstack_place(openstack, flavor):
    assert create(openstack, "--flavor", flavor, "--availability-zone", "nova:HostB", "there")["OS-EXT-SRV-ATTR:host"] == "HostB"
    delete(openstack, "there")


def test_openstack_several(openstack, flavor):
    openstack("server", "create", "--image", "cirros", "--flavor", flavor, "--min", "2", "--max", "2", "many",
              *(["--nic", "none"] if openstack.minor >= 37 else []))
    wait(lambda: [r["Status"] for r in openstack.list("server", "list")] == ["ACTIVE", "ACTIVE"])
    delete(openstack, "many-1", "many-2")


def test_openstack_refusals(openstack, flavor):
    said = openstack.refused("server", "create", "--image", "nothing", "--flavor", flavor, "web")
    assert "nothing" in said
    said = openstack.refused("server", "create", "--image", "cirros", "--flavor", flavor, "--key-name", "mine", "web",
                             *(["--nic", "none"] if openstack.minor >= 37 else []))
    assert "mine" in said or "key" in said
    openstack.refused("server", "delete", "nobody")


def test_openstack_flavor(openstack):
    made = openstack.show("flavor", "create", "--id", "m1", "--ram", "1024", "--vcpus", "2", "--disk", "3", "--swap", "64", "--ephemeral", "1",
                          "--property", "a=b", "m1.small")
    assert (made["id"], made["ram"], made["disk"], made["swap"], made["properties"]) == ("m1", 1024, 3, 64, {"a": "b"})
    openstack("flavor", "set", "--property", "c=d", "m1.small")
    openstack("flavor", "unset", "--property", "a", "m1.small")
    assert openstack.show("flavor", "show", "m1.small")["properties"] == {"c": "d"}
    assert [f["Name"] for f in openstack.list("flavor", "list", "--all")] == ["m1.small"]
    assert "already exists" in openstack.refused("flavor", "create", "--ram", "1", "m1.small")
    openstack("flavor", "delete", "m1.small")
    openstack("flavor", "create", "--private", "--ram", "64", "own")
    assert openstack.list("flavor", "list") == [] and [f["Name"] for f in openstack.list("flavor", "list", "--private")] == ["own"]
    openstack("flavor", "delete", "own")


def test_openstack_image(openstack):
    assert [i["Name"] for i in openstack.list("image", "list")] == ["cirros"]
    if openstack.access.plugin == "password":
        shown = openstack.show("image", "show", "cirros")
        assert (shown["status"], shown["disk_format"], shown["size"]) == ("active", "raw", 100000)


def test_nova(nova):
    nova("flavor-create", "n1", "auto", "256", "1", "1")
    nova("flavor-key", "n1", "set", "x=y")
    assert nova.show("flavor-show", "n1")["extra_specs"] == '{"x": "y"}'
    assert [r["Name"] for r in nova.list("flavor-list")] == ["n1"]
    nova("boot", "--image", "cirros", "--flavor", "n1", "--nic", "none", "--meta", "a=b", "--poll", "booted")
    shown = nova.show("show", "booted")
    assert shown["status"] == "ACTIVE" and shown["metadata"] == '{"a": "b"}' and shown["image"].startswith("cirros")
    nova("delete", "booted")
    wait(lambda: nova.list("list") == [])
    nova("boot", "--image", "cirros", "--flavor", "n1", "--nic", "none", "--poll", "booted")
    nova("force-delete", "booted")
    wait(lambda: nova.list("list") == [])
    nova("flavor-key", "n1", "unset", "x")
    nova("flavor-delete", "n1")
