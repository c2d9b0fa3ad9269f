"""os-aggregates, zones, and what follows from them: bodies by microversion and schemas on the engine of memory, the rest on
godwitd with simulated hosts."""
import re

import pytest
from aggregate_cloud import (VM, VM2, act, add_host, clean, cloud, create, live, live_answer, made, set_metadata,  # noqa: F401
                             update)
from api_server import assert_fault
from test_godwitd import wait

BASE = {"id", "name", "availability_zone", "created_at", "updated_at", "deleted", "deleted_at"}
UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$")


# ---- bodies and schemas

@pytest.mark.parametrize("minor", [1, 40, 41, 81, 88])
def test_body(start, minor):
    server, version = start(), f"2.{minor}"
    more = {"uuid"} if minor >= 41 else set()
    new = create(server, "rack1", "zone1", version).json["aggregate"]
    assert set(new) == BASE | more  # neither hosts nor metadata, as in Nova
    assert (new["id"], new["availability_zone"], new["deleted"], new["deleted_at"], new["updated_at"]) == (1, "zone1", False, None, None)
    assert TIME.match(new["created_at"]) and (minor < 41 or UUID.match(new["uuid"]))
    path = "/v2.1/os-aggregates"
    whole = server.get(f"{path}/1", version).json["aggregate"]
    assert set(whole) == BASE | more | {"hosts", "metadata"}
    assert (whole["hosts"], whole["metadata"]) == ([], {"availability_zone": "zone1"})
    assert server.get(path, version).json == {"aggregates": [whole]}
    for answer in (act(server, 1, "add_host", {"host": "HostA"}, version),
                   act(server, 1, "set_metadata", {"metadata": {"colour": "red"}}, version),
                   act(server, 1, "remove_host", {"host": "HostA"}, version),
                   server.request("PUT", f"{path}/1", {"aggregate": {"name": "rack2"}}, version)):
        assert answer.status == 200 and set(answer.json["aggregate"]) == set(whole)
    answer = server.request("DELETE", f"{path}/1", version=version)
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("body, words", [
    ({}, ["'aggregate' is a required property"]),
    ({"aggregate": {}}, ["'name' is a required property"]),
    ({"aggregate": {"name": ""}}, ["field/attribute name"]),
    ({"aggregate": {"name": " x"}}, ["field/attribute name", "whitespace"]),
    ({"aggregate": {"name": "x "}}, ["field/attribute name"]),
    ({"aggregate": {"name": "a\tb"}}, ["field/attribute name", "printable"]),
    ({"aggregate": {"name": "x" * 256}}, ["field/attribute name"]),
    ({"aggregate": {"name": 7}}, ["field/attribute name. Value: 7."]),
    ({"aggregate": {"name": "x", "availability_zone": ""}}, ["field/attribute availability_zone"]),
    ({"aggregate": {"name": "x", "availability_zone": "a:b"}}, ["field/attribute availability_zone", "except :"]),
    ({"aggregate": {"name": "x", "colour": "red"}}, ["'colour' was unexpected"]),
    ({"aggregate": {"name": "x"}, "more": 1}, ["'more' was unexpected"]),
])
def test_create_schema(server, body, words):
    assert_fault(server.request("POST", "/v2.1/os-aggregates", body), "badRequest", 400, *words)


@pytest.mark.parametrize("body, words", [
    ({"aggregate": {}}, ["not valid under any of the given schemas"]),
    ({"aggregate": {"name": "  "}}, ["field/attribute name"]),
    ({"aggregate": {"name": None}}, ["field/attribute name"]),
    ({"aggregate": {"hosts": []}}, ["'hosts' was unexpected"]),
    ({"aggregate": {"availability_zone": " z"}}, ["field/attribute availability_zone"]),
])
def test_update_schema(server, body, words):
    assert_fault(server.request("PUT", "/v2.1/os-aggregates/1", body), "badRequest", 400, *words)


@pytest.mark.parametrize("body, words", [
    ({}, ["Malformed request body"]),
    ({"fly": {}}, ["There is no such action: fly"]),
    ({"add_host": None}, ["add_host"]),
    ({"add_host": {}}, ["'host' is a required property"]),
    ({"add_host": {"host": None}}, ["field/attribute host"]),
    ({"add_host": {"host": "a b"}}, ["field/attribute host"]),
    ({"remove_host": {"host": "x", "force": True}}, ["'force' was unexpected"]),
    ({"set_metadata": {}}, ["'metadata' is a required property"]),
    ({"set_metadata": {"metadata": []}}, ["field/attribute metadata"]),
    ({"set_metadata": {"metadata": {"": "x"}}}, ["field/attribute metadata"]),
    ({"set_metadata": {"metadata": {"a/b": "x"}}}, ["field/attribute metadata", "a/b"]),
    ({"set_metadata": {"metadata": {"a": 1}}}, ["field/attribute a"]),
    ({"set_metadata": {"metadata": {"a": "x" * 256}}}, ["field/attribute a"]),
])
def test_action_schema(server, body, words):
    assert_fault(server.request("POST", "/v2.1/os-aggregates/1/action", body), "badRequest", 400, *words)


@pytest.mark.parametrize("method, path, body", [
    ("GET", "rack1", None), ("PUT", "1x", {"aggregate": {"name": "x"}}), ("DELETE", "1.0", None),
    ("POST", "rack1/action", {"add_host": {"host": "HostA"}})])
def test_id_must_be_a_number(server, method, path, body):
    """Clients that were given a name rely on it: they look through the list then."""
    assert_fault(server.request(method, f"/v2.1/os-aggregates/{path}", body), "badRequest", 400,
                 "Invalid input received: id must be an integer")


@pytest.mark.parametrize("method, path, body", [
    ("GET", "99", None), ("PUT", "99", {"aggregate": {"name": "x"}}), ("DELETE", "-1", None),
    ("POST", "99/action", {"set_metadata": {"metadata": {}}}), ("GET", "99999999999999999999", None)])
def test_unknown(server, method, path, body):
    assert_fault(server.request(method, f"/v2.1/os-aggregates/{path}", body), "itemNotFound", 404, "could not be found")


def test_images(server):
    path = "/v2.1/os-aggregates/1/images"
    assert_fault(server.request("POST", path, {"cache": []}, "2.81"), "notImplemented", 501, "does not cache images")
    assert_fault(server.request("POST", path, {"cache": []}, "2.80"), "itemNotFound", 404)


# ---- behaviour

def test_create_and_conflicts(clean):
    one = made(clean, "rack1", "zone1")
    assert_fault(create(clean, "rack1"), "conflictingRequest", 409, "Aggregate rack1 already exists.")
    two = made(clean, "rack2", "zone2")
    assert_fault(update(clean, two, name="rack1"), "conflictingRequest", 409, "Aggregate rack1 already exists.")
    assert update(clean, two, name="  rack3 ").json["aggregate"]["name"] == "rack3"
    assert [a["id"] for a in clean.get("/v2.1/os-aggregates").json["aggregates"]] == [one, two]


def test_hosts(clean):
    one = made(clean, "rack1", "zone1")
    assert_fault(add_host(clean, one, "HostZ"), "itemNotFound", 404, "Compute host HostZ could not be found.")
    answer = add_host(clean, one, "HostB")
    assert answer.status == 200 and answer.json["aggregate"]["hosts"] == ["HostB"]
    assert TIME.match(answer.json["aggregate"]["updated_at"])
    assert_fault(add_host(clean, one, "HostB"), "conflictingRequest", 409, f"Aggregate {one} already has host HostB.")
    assert_fault(act(clean, one, "remove_host", {"host": "HostC"}), "itemNotFound", 404,
                 f"Cannot remove host HostC in aggregate {one}")
    assert_fault(clean.request("DELETE", f"/v2.1/os-aggregates/{one}"), "badRequest", 400,
                 f"Cannot remove host from aggregate {one}. Reason: Host aggregate is not empty.")
    assert act(clean, one, "remove_host", {"host": "HostB"}).json["aggregate"]["hosts"] == []
    assert clean.request("DELETE", f"/v2.1/os-aggregates/{one}").status == 200
    assert_fault(add_host(clean, one, "HostB"), "itemNotFound", 404, f"Aggregate {one} could not be found.")


def test_pools_are_of_hosts_that_form_them(clean):
    """What is common to all pools; those of XenServer are in tests/xapi."""
    one = made(clean, "pool1")
    assert_fault(act(clean, one, "add_host", {"host": "HostB", "force": True}), "badRequest", 400, "for aggregates that are pools")
    assert_fault(act(clean, one, "add_host", {"host": "HostB", "force": "maybe"}), "badRequest", 400, "field/attribute force")
    assert add_host(clean, one, "HostB").status == 200
    assert_fault(act(clean, one, "remove_host", {"host": "HostB", "confirm": "1a2b"}), "badRequest", 400, "for aggregates that are pools")
    assert_fault(act(clean, one, "set_metadata", {"metadata": {"hypervisor_pool": "true"}}), "badRequest", 400,
                 f"Cannot update metadata of aggregate {one}. Reason: hypervisor_pool is set before hosts are added")
    assert act(clean, one, "remove_host", {"host": "HostB"}).status == 200
    metadata = act(clean, one, "set_metadata", {"metadata": {"hypervisor_pool": "true"}}).json["aggregate"]["metadata"]
    assert metadata == {"hypervisor_pool": "true", "operational_state": "created"}
    assert_fault(act(clean, one, "set_metadata", {"metadata": {"operational_state": "active"}}), "badRequest", 400, "is kept by Godwit")
    assert_fault(act(clean, one, "set_metadata", {"metadata": {"pool_change": "join HostC wanted 1"}}), "badRequest", 400, "is kept by Godwit")
    assert_fault(add_host(clean, one, "HostB"), "conflictingRequest", 409, f"Cannot add host to aggregate {one}. Reason: HostB is a sim host")
    assert_fault(add_host(clean, one, "HostZ"), "itemNotFound", 404, "Compute host HostZ could not be found.")
    assert_fault(act(clean, one, "remove_host", {"host": "HostB"}), "conflictingRequest", 409,
                 f"Cannot remove host from aggregate {one}. Reason: no hosts to remove.")
    assert act(clean, one, "set_metadata", {"metadata": {"hypervisor_pool": None}}).json["aggregate"]["metadata"] == {}
    assert add_host(clean, one, "HostB").status == 200


def test_a_host_is_in_one_zone(clean):
    one, two, none = made(clean, "rack1", "zone1"), made(clean, "rack2", "zone2"), made(clean, "fast")
    assert add_host(clean, one, "HostB").status == add_host(clean, none, "HostB").status == 200
    assert_fault(add_host(clean, two, "HostB"), "conflictingRequest", 409,
                 f"Cannot add host to aggregate {two}. Reason: One or more hosts already in availability zone(s) ['zone1'].")
    assert_fault(set_metadata(clean, none, availability_zone="zone2"), "badRequest", 400,
                 f"Cannot update metadata of aggregate {none}. Reason: One or more hosts already in availability zone(s) ['zone1'].")
    assert_fault(update(clean, none, availability_zone="zone2"), "badRequest", 400, f"Cannot update aggregate {none}. Reason:")


def test_metadata(clean):
    one = made(clean, "rack1", "zone1")
    assert set_metadata(clean, one, a="1", b="").json["aggregate"]["metadata"] == {"availability_zone": "zone1", "a": "1", "b": ""}
    assert set_metadata(clean, one, a=None, c=None).json["aggregate"]["metadata"] == {"availability_zone": "zone1", "b": ""}
    moved = set_metadata(clean, one, availability_zone="zone2").json["aggregate"]
    assert moved["availability_zone"] == moved["metadata"]["availability_zone"] == "zone2"
    assert_fault(set_metadata(clean, one, availability_zone=None), "badRequest", 400,
                 "Aggregate rack1 does not support empty named availability zone")
    assert_fault(update(clean, one, availability_zone=None), "badRequest", 400, "does not support empty named availability zone")
    assert_fault(set_metadata(clean, one, max_instances_per_host="many"), "badRequest", 400,
                 "max_instances_per_host is 'many', but must be a whole number")


def test_a_zone_does_not_change_under_servers(clean):
    one = made(clean, "rack1", "zone1")
    assert add_host(clean, one, "HostA").status == 200
    assert_fault(update(clean, one, availability_zone="zone2"), "badRequest", 400,
                 f"Cannot update aggregate {one}. Reason: One or more hosts contain instances in this zone", "HostA has 2")
    assert update(clean, one, availability_zone="zone1", name="rack9").json["aggregate"]["name"] == "rack9"


def zones(cloud, path=""):
    return {z["zoneName"]: z for z in cloud.get(f"/v2.1/os-availability-zone{path}").json["availabilityZoneInfo"]}


def test_zones(clean):
    assert list(zones(clean)) == ["nova"]
    for name, host in (("rack1", "HostB"), ("rack2", "HostC")):
        assert add_host(clean, made(clean, name, "zone-" + name), host).status == 200
    made(clean, "empty", "zone-empty")  # no host, no zone
    assert {n: (z["zoneState"]["available"], z["hosts"]) for n, z in zones(clean).items()} == {
        "nova": (True, None), "zone-rack1": (True, None), "zone-rack2": (True, None)}
    clean.request("PUT", "/v2.1/os-services/disable", {"host": "HostC", "binary": "nova-compute"})
    detail = zones(clean, "/detail")
    assert list(detail) == ["nova", "zone-rack1", "zone-rack2"]
    assert set(detail["nova"]["hosts"]) == {"HostA", "HostD"}
    compute = detail["zone-rack1"]["hosts"]["HostB"]["nova-compute"]
    assert (compute["available"], compute["active"]) == (True, True) and TIME.match(compute["updated_at"])
    assert (detail["zone-rack2"]["zoneState"], detail["zone-rack2"]["hosts"]) == ({"available": False}, None)


def test_zones_are_shown_everywhere(clean):
    assert {clean.find(VM)["OS-EXT-AZ:availability_zone"]} == {"nova"}
    clean.get("/v2.1/servers/detail")  # kept answers are not given again
    one = made(clean, "rack1", "zone1")
    add_host(clean, one, "HostA")
    assert clean.find(VM)["OS-EXT-AZ:availability_zone"] == "zone1"
    listed = clean.get("/v2.1/servers/detail").json["servers"]
    assert {s["OS-EXT-AZ:availability_zone"] for s in listed} == {"zone1"}
    assert len(clean.get("/v2.1/servers?availability_zone=zone1").json["servers"]) == 2
    assert clean.get("/v2.1/servers?availability_zone=nova").json["servers"] == []
    services = {s["host"]: s["zone"] for s in clean.get("/v2.1/os-services").json["services"]}
    assert (services["HostA"], services["HostB"]) == ("zone1", "nova")
    assert [h["host_name"] for h in clean.get("/v2.1/os-hosts?zone=zone1").json["hosts"]] == ["HostA"]
    set_metadata(clean, one, colour="red")
    act(clean, one, "remove_host", {"host": "HostA"})
    assert clean.find(VM)["OS-EXT-AZ:availability_zone"] == "nova"


def test_servers_are_sorted_by_zone(clean):
    for name, host in (("rack1", "HostA"), ("rack2", "HostB")):
        add_host(clean, made(clean, name, "zone-" + name), host)
    assert live(clean, VM, "HostB")["state"] == "completed"
    for way, order in (("asc", [VM2, VM]), ("desc", [VM, VM2])):
        listed = clean.get(f"/v2.1/servers?sort_key=availability_zone&sort_dir={way}").json["servers"]
        assert [s["name"] for s in listed] == order


def test_a_member_is_not_removed(clean):
    assert clean.add("HostX").status == 201
    one = made(clean, "rack1")
    add_host(clean, one, "HostX")
    assert_fault(clean.request("DELETE", "/godwit/v1/hosts/HostX"), "conflictingRequest", 409,
                 "it is in aggregate rack1", "godwit aggregate-remove-host rack1 HostX")
    act(clean, one, "remove_host", {"host": "HostX"})
    assert clean.request("DELETE", "/godwit/v1/hosts/HostX").status == 204


# ---- placement

def test_limits_choose_the_destination(clean):
    full, tenants = made(clean, "full"), made(clean, "tenants")
    assert set_metadata(clean, full, max_instances_per_host="0").status == 200
    assert set_metadata(clean, tenants, filter_tenant_id="acme,globex").status == 200
    add_host(clean, full, "HostB")
    add_host(clean, tenants, "HostC")
    row = live(clean, VM)
    assert (row["state"], row["dest"]) == ("completed", "HostD")
    add_host(clean, full, "HostD")
    assert_fault(live_answer(clean, VM2), "badRequest", 400, "No valid host was found.",
                 "HostB has 0 instances (aggregate full has max_instances_per_host=0)",
                 "HostC is kept for other tenants by filter_tenant_id=acme,globex of aggregate tenants",
                 "HostD has 1 instance (aggregate full has max_instances_per_host=0)")
    set_metadata(clean, tenants, filter_tenant_id_2="admin")
    assert live(clean, VM2)["dest"] == "HostC"


def test_a_named_destination_is_judged_unless_forced(clean):
    one = made(clean, "full")
    set_metadata(clean, one, max_instances_per_host="0")
    add_host(clean, one, "HostB")
    said = f"{VM} cannot move to HostB: HostB has 0 instances (aggregate full has max_instances_per_host=0)"
    assert_fault(live_answer(clean, VM, "HostB"), "badRequest", 400, said)
    assert_fault(clean.move(VM, {"migrate": {"host": "HostB"}}), "badRequest", 400, said)
    assert live(clean, VM, "HostB", force=True)["dest"] == "HostB"
    body = {"os-migrateLive": {"host": "HostB", "block_migration": False, "disk_over_commit": False}}
    assert clean.wait(clean.move(VM2, body, "2.1"), "completed")["dest"] == "HostB"  # before 2.30 a host that is named is forced
    wait(lambda: clean.find(VM2)["status"] == "ACTIVE")


def test_reasons_are_kept_when_the_answer_does_not_wait(clean):
    for host in "BCD":
        clean.request("PUT", "/v2.1/os-services/disable", {"host": f"Host{host}", "binary": "nova-compute"})
    answer = live_answer(clean, VM, version="2.34")
    assert answer.status == 202
    row = clean.wait(answer, "failed")
    for host in "BCD":
        assert f"Host{host} is disabled (it takes no new instances); remedy: " in row["reason"]
