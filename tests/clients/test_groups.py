"""Server groups by the real clients: `openstack server group`, `nova server-group-*`, and the hint of a new server."""
import clients
import pytest
from test_make import create, delete, flavor  # noqa: F401 (fixture)
from test_make import access  # noqa: F401 (fixture)


@pytest.fixture(params=[None, "2.15", "2.64", "2.88"], ids=["default", "2.15", "2.64", "2.88"])
def openstack(request, access):  # noqa: F811
    return clients.Client("openstack", access, request.param)


@pytest.fixture(params=[None, "2.15", "2.88"], ids=["default", "2.15", "2.88"])
def nova(request, access):  # noqa: F811
    return clients.Client("nova", access, request.param)


def test_openstack(openstack):
    made = openstack.show("server", "group", "create", "--policy", "anti-affinity", "web")
    assert made["name"] == "web" and "anti-affinity" in str(made.get("policy", made.get("policies")))
    listed = openstack.list("server", "group", "list", "--long")
    assert [(g["ID"], g["Name"]) for g in listed] == [(made["id"], "web")]
    assert openstack.show("server", "group", "show", "web")["id"] == made["id"]
    openstack("server", "group", "delete", "web")
    assert openstack.list("server", "group", "list") == []
    assert openstack.refused("server", "group", "show", "web")


def test_openstack_rules(openstack):
    if openstack.version == "2.15":  # the client itself says which version it takes
        assert openstack.refused("server", "group", "create", "--policy", "anti-affinity", "--rule", "max_server_per_host=2", "web")
        return
    made = openstack.show("server", "group", "create", "--policy", "anti-affinity", "--rule", "max_server_per_host=2", "web")
    assert "2" in str(made["rules"])
    openstack("server", "group", "delete", "web")


def test_nova(nova):
    policy = "soft-affinity" if nova.version else "affinity"
    (made,) = nova.list("server-group-create", "db", policy)
    assert made["Name"] == "db" and policy in str(made)
    (shown,) = nova.list("server-group-get", made["Id"])
    assert shown == made
    assert [g["Id"] for g in nova.list("server-group-list")] == [made["Id"]]
    nova("server-group-delete", made["Id"])
    assert nova.list("server-group-list") == []


def test_hint(openstack, flavor):  # noqa: F811
    group = openstack.show("server", "group", "create", "--policy", "anti-affinity", "web")["id"]
    one, two = (create(openstack, "--flavor", flavor, "--hint", f"group={group}", name) for name in ("web1", "web2"))
    assert one["OS-EXT-SRV-ATTR:host"] != two["OS-EXT-SRV-ATTR:host"]
    members = str(openstack.show("server", "group", "show", group)["members"])
    assert one["id"] in members and two["id"] in members
    delete(openstack, "web1", "web2")
    openstack("server", "group", "delete", group)
