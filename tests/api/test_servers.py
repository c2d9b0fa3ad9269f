"""GET servers, flavors: fields by microversion, states, filters, order, pages."""
import urllib.parse

import pytest
from api_server import NAMES, assert_fault, uuid

# Fields of GET /servers/{id} at 2.1 (Nova's api-ref), and those that later microversions add.
FIRST = {
    "id", "name", "status", "tenant_id", "user_id", "metadata", "hostId", "image", "flavor", "created", "updated", "addresses",
    "accessIPv4", "accessIPv6", "links", "OS-DCF:diskConfig", "progress", "OS-EXT-AZ:availability_zone", "config_drive",
    "key_name", "OS-SRV-USG:launched_at", "OS-SRV-USG:terminated_at", "OS-EXT-SRV-ATTR:host", "OS-EXT-SRV-ATTR:instance_name",
    "OS-EXT-SRV-ATTR:hypervisor_hostname", "OS-EXT-STS:task_state", "OS-EXT-STS:vm_state", "OS-EXT-STS:power_state",
    "os-extended-volumes:volumes_attached"}
ADDED = {
    3: {"OS-EXT-SRV-ATTR:" + f for f in ("reservation_id", "launch_index", "hostname", "kernel_id", "ramdisk_id",
                                        "root_device_name", "user_data")},
    9: {"locked"}, 16: {"host_status"}, 19: {"description"}, 26: {"tags"}, 63: {"trusted_image_certificates"},
    71: {"server_groups"}, 73: {"locked_reason"}}


def expected(minor):
    return FIRST.union(*(fields for since, fields in ADDED.items() if minor >= since))


def show(server, name, version=None):
    return server.get(f"/v2.1/servers/{uuid(name)}", version).json["server"]


def names(answer):
    assert answer.status == 200, answer.body
    return [s["name"] for s in answer.json["servers"]]


@pytest.mark.parametrize("query, after", [
    ("status=ACTIVE", ["vm-down", "vm-done"]), ("status=ACTIVE&limit=1", ["vm-down"]),
    ("sort_key=display_name&sort_dir=asc&name=vm-(active|queued|running|verify)", ["vm-queued", "vm-running", "vm-verify"])])
def test_the_marker_need_not_fit_the_filters(server, query, after):
    """The last server of a client's page is paused by now."""
    assert names(server.get(f"/v2.1/servers?{query}&marker={uuid('vm-paused')}", "2.30")) == after


@pytest.mark.parametrize("minor", range(1, 89))
def test_fields_of_every_microversion(server, minor):
    version = f"2.{minor}"
    assert set(show(server, "vm-active", version)) == expected(minor)
    (detail,) = server.get("/v2.1/servers/detail?limit=1", version).json["servers"]
    assert set(detail) == expected(minor) - {"server_groups"}
    (brief,) = server.get("/v2.1/servers?limit=1", version).json["servers"]
    assert set(brief) == {"id", "name", "links"}


def test_values(server):
    s = show(server, "vm-active", "2.88")
    assert s["created"] == "2026-01-02T03:04:05Z"
    assert s["OS-SRV-USG:launched_at"] == "2026-01-02T03:04:05.000678"
    assert s["OS-EXT-SRV-ATTR:host"] == s["OS-EXT-SRV-ATTR:hypervisor_hostname"] == "HostA"
    assert len(s["hostId"]) == 56
    assert s["image"] == "" and s["key_name"] is None and s["tags"] == [] and s["locked"] is False
    assert s["host_status"] == "UP"
    assert show(server, "vm-down", "2.16")["host_status"] == "UNKNOWN"
    assert s["os-extended-volumes:volumes_attached"] == [{"id": "iscsi://HostA:3260/iqn.x/1", "delete_on_termination": False}]
    assert show(server, "vm-active", "2.2")["os-extended-volumes:volumes_attached"] == [{"id": "iscsi://HostA:3260/iqn.x/1"}]


def test_flavor_of_a_server(server):
    old = show(server, "vm-active", "2.46")["flavor"]
    assert old == {"id": "2c-512m-10g",
                   "links": [{"rel": "bookmark", "href": f"http://127.0.0.1:{server.port}/flavors/2c-512m-10g"}]}
    new = show(server, "vm-active", "2.47")["flavor"]
    assert new == {"vcpus": 2, "ram": 512, "disk": 10, "ephemeral": 0, "swap": 0, "original_name": "2c-512m-10g",
                   "extra_specs": {}}


@pytest.mark.parametrize("name, status, vm_state, task_state, power", [
    ("vm-active", "ACTIVE", "active", None, 1),
    ("vm-stopped", "SHUTOFF", "stopped", None, 4),
    ("vm-paused", "PAUSED", "paused", None, 3),
    ("vm-suspended", "SUSPENDED", "suspended", None, 7),
    ("vm-crashed", "ERROR", "error", None, 6),
    ("vm-nostate", "UNKNOWN", "active", None, 0),
    ("vm-down", "ACTIVE", "active", None, 1),
    ("vm-queued", "MIGRATING", "active", "migrating", 1),
    ("vm-paused-queued", "MIGRATING", "paused", "migrating", 3),
    ("vm-running", "MIGRATING", "active", "migrating", 1),
    ("vm-postcopy", "MIGRATING", "active", "migrating", 1),
    ("vm-prep", "RESIZE", "active", "resize_prep", 1),
    ("vm-moving", "RESIZE", "stopped", "resize_migrating", 4),
    ("vm-starting", "RESIZE", "stopped", "resize_finish", 4),
    ("vm-reverting", "REVERT_RESIZE", "resized", "resize_reverting", 1),
    ("vm-done", "ACTIVE", "active", None, 1),
])
def test_states(server, name, status, vm_state, task_state, power):
    s = show(server, name)
    assert (s["status"], s["OS-EXT-STS:vm_state"], s["OS-EXT-STS:task_state"], s["OS-EXT-STS:power_state"]) == (
        status, vm_state, task_state, power)
    assert ("progress" in s) == (status in ("ACTIVE", "RESIZE", "VERIFY_RESIZE", "MIGRATING"))
    assert ("fault" in s) == (status == "ERROR")


def test_progress(server):
    assert show(server, "vm-running")["progress"] == 60


def test_fault(server):
    fault = show(server, "vm-crashed")["fault"]
    assert fault["code"] == 500 and "crashed" in fault["message"] and fault["created"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize("path", [uuid("vm-active")[:-1], "vm-active", "00000000-0000-0000-0000-000000000000"])
def test_unknown_server(server, path):
    assert_fault(server.get(f"/v2.1/servers/{path}"), "itemNotFound", 404, f"Instance {path} could not be found.")


# ---- filters

@pytest.mark.parametrize("query, found", [
    ("name=active", ["vm-active"]),
    ("name=^vm-p", ["vm-paused", "vm-paused-queued", "vm-postcopy", "vm-prep"]),
    ("name=^vm-(active|done)$", ["vm-active", "vm-done"]),
    ("display_name=stopped", ["vm-stopped"]),
    ("host=HostDown", ["vm-down"]),
    ("node=^HostD", ["vm-down"]),
    ("host=HostNone", []),
    ("status=SHUTOFF", ["vm-stopped"]),
    ("status=shutoff", ["vm-stopped"]),
    ("status=PAUSED&status=ERROR", ["vm-paused", "vm-crashed"]),
    ("status=MIGRATING", ["vm-queued", "vm-paused-queued", "vm-running", "vm-postcopy"]),
    ("vm_state=suspended", ["vm-suspended"]),
    ("task_state=resize_prep", ["vm-prep"]),
    ("power_state=6", ["vm-crashed"]),
    (f"uuid={uuid('vm-done')}", ["vm-done"]),
    ("image=00000000-0000-0000-0000-000000000000", []),
    ("ip=10.0.0.1", []),
    ("deleted=True", []),
    ("changes-since=2026-01-02T03:04:06Z", []),
    ("host=HostA&status=ACTIVE&name=vm", ["vm-active"]),
    ("tenant_id=other", []),
])
def test_filters(server, query, found):
    assert names(server.get(f"/v2.1/servers?{query}", "2.88")) == found
    assert names(server.get(f"/v2.1/servers/detail?{query}", "2.88")) == found


@pytest.mark.parametrize("query", ["all_tenants=1", "all_tenants=True", "all_tenants", "all_tenants=0",
                                   "changes-since=2026-01-02T03:04:05Z", "flavor=2c-512m-10g", "deleted=False", ""])
def test_filters_that_leave_all(server, query):
    assert names(server.get(f"/v2.1/servers?{query}", "2.88")) == NAMES


def test_unknown_status(server):
    assert names(server.get("/v2.1/servers?status=flying", "2.37")) == []
    assert_fault(server.get("/v2.1/servers?status=flying", "2.38"), "badRequest", 400, "Invalid status value")


def test_unknown_parameter(server):
    assert names(server.get("/v2.1/servers?flying=1", "2.74")) == NAMES
    assert_fault(server.get("/v2.1/servers?flying=1", "2.75"), "badRequest", 400,
                 "Additional properties are not allowed ('flying' was unexpected)")


def test_parameter_of_later_microversion(server):
    query = "changes-before=2020-01-01T00:00:00Z"
    assert names(server.get(f"/v2.1/servers?{query}", "2.65")) == NAMES
    assert names(server.get(f"/v2.1/servers?{query}", "2.66")) == []


@pytest.mark.parametrize("query, words", [
    ("name=(", ["name", "Value: (."]),
    ("name=*", ["name"]),
    ("limit=-1", ["limit", "Value: -1."]),
    ("limit=x", ["limit"]),
    ("limit=", ["limit"]),
    ("limit=99999999999999999999", ["limit"]),
    ("marker=none", ["marker [none] not found"]),
    ("changes-since=yesterday", ["changes-since", "date-time"]),
    ("all_tenants=maybe", ["all_tenants", "'yes'"]),
    ("sort_key=flying", ["sort_key", "flying"]),
    ("sort_dir=up", ["Unknown sort direction"]),
    ("changes-since=2026-02-01T00:00:00Z&changes-before=2026-01-01T00:00:00Z", ["less than or equal"]),
])
def test_bad_parameters(server, query, words):
    assert_fault(server.get(f"/v2.1/servers/detail?{query}", "2.88"), "badRequest", 400, *words)


def test_expensive_regex_costs_little(start):
    import time
    server = start("--more", "900")
    began = time.monotonic()
    pattern = urllib.parse.quote("^((p|l|a|i|n|-|[0-9])+)+x$")
    assert names(server.get(f"/v2.1/servers?name={pattern}")) == []
    assert time.monotonic() - began < 5


# ---- order and pages

def test_sort(server):
    assert names(server.get("/v2.1/servers?sort_key=display_name&sort_dir=asc")) == sorted(NAMES)
    assert names(server.get("/v2.1/servers?sort_key=display_name")) == sorted(NAMES, reverse=True)
    assert names(server.get("/v2.1/servers?sort_key=created_at&sort_dir=asc")) == NAMES[::-1]


def follow(server, path, key):
    seen = []
    for _ in range(100):
        body = server.get(path, "2.88").json
        seen += body[key]
        links = body.get(f"{key}_links")
        if not links:
            return seen
        assert links[0]["rel"] == "next"
        path = links[0]["href"].split(str(server.port), 1)[1]
    raise AssertionError("pages without end")


@pytest.mark.parametrize("limit", [1, 5, 17, 18])
def test_pages(server, limit):
    seen = follow(server, f"/v2.1/abc/servers/detail?limit={limit}&name=vm&status=ACTIVE&status=MIGRATING", "servers")
    assert [s["name"] for s in seen] == [n for n in NAMES if show(server, n)["status"] in ("ACTIVE", "MIGRATING")]


def test_limit_zero_and_above_all(server):
    body = server.get("/v2.1/servers?limit=0").json
    assert body == {"servers": []}
    body = server.get("/v2.1/servers?limit=18").json
    assert len(body["servers"]) == 17 and "servers_links" not in body


def test_max_limit(start):
    server = start("--max-limit", "4")
    body = server.get("/v2.1/servers?limit=100").json
    assert len(body["servers"]) == 4 and "marker=" + body["servers"][-1]["id"] in body["servers_links"][0]["href"]
    assert len(follow(server, "/v2.1/servers", "servers")) == 17


# ---- caching: what changed is shown at once, and only under the address that was asked

def test_change_is_seen_at_once(start):
    server = start()
    before = server.get("/v2.1/servers/detail").json["servers"]
    assert server.get("/v2.1/servers/detail").json["servers"] == before
    assert show(server, "vm-verify")["status"] == "VERIFY_RESIZE"
    assert server.action("vm-verify", {"revertResize": None}).status == 202
    after = server.get("/v2.1/servers/detail").json["servers"]
    assert [a["name"] for a, b in zip(before, after) if a != b] == ["vm-verify"]
    assert after[NAMES.index("vm-verify")]["status"] == "REVERT_RESIZE"


def test_links_follow_the_host_header(server):
    for host in ("a.example:1", "b.example:2", "a.example:1"):
        for path in ("/v2.1/servers", "/v2.1/servers/detail"):
            body = server.get(path, headers={"Host": host}).json
            assert all(link["href"].startswith(f"http://{host}/") for s in body["servers"] for link in s["links"])


# ---- flavors

@pytest.mark.parametrize("minor", [1, 54, 55, 60, 61, 74, 75, 88])
def test_flavors(server, minor):
    fields = {"id", "name", "ram", "disk", "vcpus", "swap", "OS-FLV-EXT-DATA:ephemeral", "OS-FLV-DISABLED:disabled",
              "os-flavor-access:is_public", "rxtx_factor", "links"}
    fields |= {"description"} if minor >= 55 else set()
    fields |= {"extra_specs"} if minor >= 61 else set()
    (flavor,) = server.get("/v2.1/flavors/detail", f"2.{minor}").json["flavors"]
    assert set(flavor) == fields
    assert flavor["swap"] == ("" if minor < 75 else 0)
    assert server.get(f"/v2.1/flavors/{flavor['id']}", f"2.{minor}").json["flavor"] == flavor
    (brief,) = server.get("/v2.1/flavors", f"2.{minor}").json["flavors"]
    assert set(brief) == {"id", "name", "links"} | ({"description"} if minor >= 55 else set())


def test_flavor_queries(server):
    assert len(server.get("/v2.1/flavors/detail?is_public=None").json["flavors"]) == 2
    assert [f["id"] for f in server.get("/v2.1/flavors?is_public=False").json["flavors"]] == ["k"]
    assert server.get("/v2.1/flavors?minRam=513").json["flavors"] == []
    assert_fault(server.get("/v2.1/flavors?is_public=x"), "badRequest", 400, "Invalid is_public filter [x]")
    assert_fault(server.get("/v2.1/flavors/none"), "itemNotFound", 404, "Flavor none could not be found.")
    assert server.get("/v2.1/flavors/2c-512m-10g/os-extra_specs").json == {"extra_specs": {}}
