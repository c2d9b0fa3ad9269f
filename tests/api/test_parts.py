"""What belongs to a server and is read by itself; limits, quotas, usage, extensions. Which fields there are at each microversion is in
test_openapi.py."""
import pytest
from api_server import NAMES, assert_fault, uuid

ACTIVE = f"/v2.1/servers/{uuid('vm-active')}"
NOBODY = "/v2.1/servers/00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("part", ["ips", "ips/net", "metadata", "metadata/k", "tags", "tags/t", "topology", "os-security-groups",
                                  "os-interface", "os-interface/p", "os-volume_attachments"])
def test_unknown_server(server, part):
    assert_fault(server.get(f"{NOBODY}/{part}", "2.88"), "itemNotFound", 404, "Instance 00000000", "could not be found.")


@pytest.mark.parametrize("part, body", [
    ("ips", {"addresses": {}}), ("metadata", {"metadata": {}}), ("tags", {"tags": []}), ("os-security-groups", {"security_groups": []}),
    ("topology", {"nodes": [], "pagesize_kb": None})])
def test_nothing_there(server, part, body):
    assert server.get(f"{ACTIVE}/{part}", "2.88").json == body


@pytest.mark.parametrize("part, message", [
    ("ips/net", "Instance is not a member of specified network"), ("metadata/k", "Metadata item was not found"),
    ("tags/t", f"Server {uuid('vm-active')} has no tag 't'"), ("os-interface/p", "Port id p could not be found.")])
def test_no_such_part(server, part, message):
    assert server.get(f"{ACTIVE}/{part}", "2.88").fault == ("itemNotFound", 404, message)


def test_interfaces(server):
    expected = {"port_state": "ACTIVE", "fixed_ips": [], "port_id": "52:54:00:00:00:01", "net_id": "br0", "mac_addr": "52:54:00:00:00:01"}
    assert server.get(f"{ACTIVE}/os-interface", "2.69").json == {"interfaceAttachments": [expected]}
    assert server.get(f"{ACTIVE}/os-interface/52:54:00:00:00:01", "2.70").json == {"interfaceAttachment": {**expected, "tag": None}}


def test_volumes(server):
    path = f"{ACTIVE}/os-volume_attachments"
    volume = {"id": "iscsi://HostA:3260/iqn.x/1", "volumeId": "iscsi://HostA:3260/iqn.x/1", "serverId": uuid("vm-active"), "device": "/dev/vda"}
    assert server.get(path, "2.69").json == {"volumeAttachments": [volume]}
    assert server.get(path, "2.79").json == {"volumeAttachments": [{**volume, "tag": None, "delete_on_termination": False}]}
    assert server.get(path + "?offset=1").json == server.get(path + "?limit=0").json == {"volumeAttachments": []}


# ---- limits and quotas

def test_limits(server):
    absolute = server.get("/v2.1/limits", "2.88").json["limits"]["absolute"]
    assert (absolute["totalInstancesUsed"], absolute["totalCoresUsed"], absolute["totalRAMUsed"]) == (
        len(NAMES), 2 * len(NAMES), 512 * len(NAMES))
    assert absolute["maxTotalInstances"] == -1 and absolute["maxTotalKeypairs"] == 0


def test_quotas(server):
    quotas = server.get("/v2.1/os-quota-sets/p", "2.88").json["quota_set"]
    assert quotas == server.get("/v2.1/os-quota-sets/p/defaults", "2.88").json["quota_set"]
    assert (quotas["id"], quotas["cores"], quotas["key_pairs"]) == ("p", -1, 0)
    detail = server.get("/v2.1/os-quota-sets/p/detail", "2.88").json["quota_set"]
    assert detail["cores"] == {"limit": -1, "in_use": 2 * len(NAMES), "reserved": 0}


# ---- usage

PERIOD = "start=2026-01-02&end=2026-01-03"  # the servers are from 2026-01-02T03:04:05 and before


def usage(server, query, version="2.1"):
    answer = server.get(f"/v2.1/os-simple-tenant-usage{query}", version)
    assert answer.status == 200, answer.body
    return answer.json


def test_usage(server):
    (sums,) = usage(server, f"?{PERIOD}")["tenant_usages"]
    assert sums["tenant_id"] == "admin" and "server_usages" not in sums
    assert (sums["start"], sums["stop"]) == ("2026-01-02T00:00:00.000000", "2026-01-03T00:00:00.000000")
    one = usage(server, f"/admin?{PERIOD}")["tenant_usage"]["server_usages"]
    assert len(one) == len(NAMES)
    active = next(s for s in one if s["name"] == "vm-active")
    assert active["hours"] == pytest.approx(20.93, abs=0.01) and (active["vcpus"], active["memory_mb"], active["local_gb"]) == (2, 512, 10)
    assert active["ended_at"] is None and active["state"] == "active" and active["flavor"] == "2c-512m-10g"
    assert sums["total_hours"] == pytest.approx(sum(s["hours"] for s in one))
    assert sums["total_vcpus_usage"] == pytest.approx(2 * sums["total_hours"])
    (detailed,) = usage(server, f"?{PERIOD}&detailed=1")["tenant_usages"]
    assert detailed["server_usages"] == one or len(detailed["server_usages"]) == len(one)  # uptime is of now


def test_usage_outside(server):
    assert usage(server, f"/nobody?{PERIOD}") == {"tenant_usage": {}}
    (sums,) = usage(server, "?start=2020-01-01&end=2020-01-02")["tenant_usages"]
    assert sums["total_hours"] == 0
    assert_fault(server.get("/v2.1/os-simple-tenant-usage?start=2026-01-03&end=2026-01-02"), "badRequest", 400, "Invalid start time.")
    assert_fault(server.get("/v2.1/os-simple-tenant-usage?start=x"), "badRequest", 400, "'x' is not a 'date-time'")


def test_usage_pages(server):
    seen, path = [], f"/admin?{PERIOD}&limit=5"
    while path:
        body = usage(server, path, "2.40")
        seen += [s["name"] for s in body["tenant_usage"].get("server_usages", [])]
        links = body.get("tenant_usage_links")
        path = links[0]["href"].split("os-simple-tenant-usage", 1)[1] if links else None
    assert seen == NAMES or sorted(seen) == sorted(NAMES)
    last = f"?{PERIOD}&marker={uuid(seen[-1])}"
    assert usage(server, last, "2.40")["tenant_usages"] == [], "where the client stops asking"
    assert_fault(server.get("/v2.1/os-simple-tenant-usage?marker=x", "2.40"), "badRequest", 400, "marker [x] not found")
    assert len(usage(server, f"/admin?{PERIOD}&limit=5", "2.39")["tenant_usage"]["server_usages"]) == len(NAMES)


# ---- extensions

def test_extensions(server):
    listed = server.get("/v2.1/extensions").json["extensions"]
    assert [e["alias"] for e in listed] == sorted(e["alias"] for e in listed)
    one = next(e for e in listed if e["alias"] == "os-migrate-server")
    assert server.get("/v2.1/extensions/os-migrate-server").json == {"extension": one}
    assert_fault(server.get("/v2.1/extensions/os-fly"), "itemNotFound", 404)


# ---- times, as Nova's parser takes them

@pytest.mark.parametrize("text, ok", [
    ("2026-01-02", True), ("2026-01-02T03:04", True), ("2026-01-02%2003:04:05", True), ("2026-01-02T03:04:05.678", True),
    ("2026-01-02T03:04:05Z", True), ("2026-01-02T03:04:05%2B02:00", True), ("2026-01-02T03:04Z", True), ("20260102T030405Z", True),
    ("2026-13-02", False), ("2026-01-02T25:00:00", False), ("yesterday", False), ("", False), ("2026-01-02T", False)])
def test_times(server, text, ok):
    answer = server.get(f"/v2.1/servers?changes-since={text}")
    assert (answer.status == 200) == ok, answer.body
    if not ok:
        assert_fault(answer, "badRequest", 400, f"Value: {text}. '{text}' is not a 'date-time'")


def test_an_empty_accept_header_is_tolerated(server):
    """Newer SDKs send it with every action."""
    assert server.request("POST", f"{ACTIVE}/action", {"confirmResize": None}, headers={"Accept": ""}).status == 400
    assert server.request("GET", "/v2.1/servers", headers={"Accept": ""}).status == 200
