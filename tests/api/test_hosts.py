"""Hosts: Godwit's own resource, and as Nova's services and hypervisors."""
import time

import pytest
from api_server import MIGRATION, assert_fault, migration_uuid, uuid

OWN = {"id", "uuid", "name", "uri", "state", "down_reason", "status", "disabled_reason", "seen_at", "hostname",
       "hypervisor_type", "hypervisor_version", "library_version", "arch", "cpus", "memory_mib", "memory_free_mib", "instances",
       "running"}


def add(server, name, uri="sim://x"):
    return server.request("POST", "/godwit/v1/hosts", {"host": {"name": name, "uri": uri}})


# ---- /godwit/v1/hosts

def test_hosts(server):
    hosts = {h["name"]: h for h in server.get("/godwit/v1/hosts").json["hosts"]}
    up, down = hosts["HostA"], hosts["HostDown"]
    assert set(up) == set(down) == OWN
    assert (up["state"], up["down_reason"], up["hypervisor_version"], up["library_version"]) == ("up", None, "7.2.22", "9.0.0")
    assert (up["seen_at"], up["cpus"], up["memory_mib"]) == ("2026-01-02T03:04:05Z", 4, 8192)
    assert (down["state"], down["down_reason"], down["seen_at"], down["arch"]) == ("down", "no route to host", None, None)
    assert server.get("/godwit/v1/hosts/HostA").json == {"host": up}


def test_add_and_remove(start):
    server = start()
    answer = add(server, "HostLate", "qemu+tls://HostLate/system")
    assert answer.status == 201 and answer.json["host"]["name"] == "HostLate"
    answer = server.request("DELETE", "/godwit/v1/hosts/HostLate")
    assert (answer.status, answer.body) == (204, b"")
    assert_fault(server.get("/godwit/v1/hosts/HostLate"), "itemNotFound", 404, "HostLate")


@pytest.mark.parametrize("name, fault, code", [
    ("HostA", "conflictingRequest", 409), ("HostDenied", "serviceUnavailable", 503), ("HostBroken", "computeFault", 500)])
def test_add_refuses(server, name, fault, code):
    assert_fault(add(server, name), fault, code)


def test_add_waits_no_longer_than_it_may(start):
    server = start("--wait", "1")
    began = time.monotonic()
    answer = add(server, "HostNever")
    assert answer.status == 504 and 0.9 < time.monotonic() - began < 4
    assert answer.fault[0] == "computeFault"


@pytest.mark.parametrize("body, words", [
    ({}, ["'host' is a required property"]),
    ({"host": None}, ["host", "object"]),
    ({"host": {"name": "HostX"}}, ["'uri' is a required property"]),
    ({"host": {"uri": "sim://x"}}, ["'name' is a required property"]),
    ({"host": {"name": "", "uri": "sim://x"}}, ["field/attribute name"]),
    ({"host": {"name": 7, "uri": "sim://x"}}, ["field/attribute name"]),
    ({"host": {"name": "HostX", "uri": "sim://x", "colour": "red"}}, ["'colour' was unexpected"]),
    ({"host": {"name": "HostX", "uri": "sim://x"}, "more": 1}, ["'more' was unexpected"]),
])
def test_add_body(server, body, words):
    assert_fault(server.request("POST", "/godwit/v1/hosts", body), "badRequest", 400, *words)


def test_remove_refuses(server):
    assert_fault(server.request("DELETE", "/godwit/v1/hosts/HostNone"), "itemNotFound", 404, "HostNone")
    assert_fault(server.request("DELETE", "/godwit/v1/hosts/HostA"), "conflictingRequest", 409, "under way")


def test_refresh(server):
    answer = server.request("POST", "/godwit/v1/hosts/HostA/refresh")
    assert (answer.status, answer.body) == (204, b"")
    assert_fault(server.request("POST", "/godwit/v1/hosts/HostDown/refresh"), "serviceUnavailable", 503, "does not answer")


# ---- /godwit/v1/migrations

def test_own_migrations(server):
    rows = server.get("/godwit/v1/migrations").json["migrations"]
    assert [r["id"] for r in rows] == sorted(MIGRATION.values(), reverse=True)
    done = rows[0]
    assert done["final"] is True and done["total_ms"] == 1000 and done["kind"] == "live-migration"
    assert set(done["progress"]) == {
        "elapsed_ms", "downtime_ms", "memory_total", "memory_processed", "memory_remaining", "disk_total", "disk_processed",
        "disk_remaining", "memory_bps", "dirty_bps", "iteration", "throttle_percent"}
    running = server.get("/godwit/v1/migrations/3").json["migration"]
    assert (running["state"], running["final"], running["ended_at"], running["total_ms"]) == ("running", False, None, None)
    assert server.get(f"/godwit/v1/migrations/{migration_uuid('vm-running')}").json["migration"] == running


@pytest.mark.parametrize("query, found", [
    ("limit=1", [10]), ("limit=0", []), ("status=running", [3]), (f"instance_uuid={uuid('vm-done')}", [10]), ("host=HostNone", [])])
def test_own_migration_filters(server, query, found):
    assert [r["id"] for r in server.get(f"/godwit/v1/migrations?{query}").json["migrations"]] == found


def test_own_migrations_refuse(server):
    assert_fault(server.get("/godwit/v1/migrations/99"), "itemNotFound", 404, "Migration 99 could not be found.")
    assert_fault(server.get("/godwit/v1/migrations?limit=x"), "badRequest", 400, "limit")
    assert_fault(server.get("/godwit/v1/migrations?fly=1"), "badRequest", 400, "'fly' was unexpected")


# ---- os-services

@pytest.mark.parametrize("minor", [1, 10, 11, 52, 53, 69, 88])
def test_services(server, minor):
    services = server.get("/v2.1/os-services", f"2.{minor}").json["services"]
    fields = {"id", "binary", "host", "zone", "status", "state", "updated_at", "disabled_reason"}
    assert set(services[0]) == fields | ({"forced_down"} if minor >= 11 else set())
    assert services[0]["id"] == (1 if minor < 53 else "30000000-0000-4000-8000-000000000001")
    states = {s["host"]: (s["state"], s["updated_at"]) for s in services}
    assert states["HostA"] == ("up", "2026-01-02T03:04:05.000678") and states["HostDown"] == ("down", None)


def test_service_filters(server):
    def hosts(query, version="2.69"):
        return [s["host"] for s in server.get(f"/v2.1/os-services?{query}", version).json["services"]]
    assert hosts("host=HostB&binary=nova-compute") == ["HostB"]
    assert hosts("binary=nova-scheduler") == [] and hosts("host=none") == []
    assert_fault(server.get("/v2.1/os-services?fly=1", "2.75"), "badRequest", 400, "'fly' was unexpected")
    assert server.get("/v2.1/os-services?fly=1", "2.74").status == 200


# ---- os-hypervisors

HEAD = {"id", "hypervisor_hostname", "state", "status"}
ALWAYS = HEAD | {"hypervisor_type", "hypervisor_version", "host_ip", "service"}
FIGURES = {"vcpus", "memory_mb", "local_gb", "vcpus_used", "memory_mb_used", "local_gb_used", "free_ram_mb", "free_disk_gb",
           "current_workload", "running_vms", "disk_available_least", "cpu_info"}


@pytest.mark.parametrize("minor", [1, 27, 28, 52, 53, 87, 88])
def test_hypervisors(server, minor):
    version = f"2.{minor}"
    first = server.get("/v2.1/os-hypervisors/detail", version).json["hypervisors"][0]
    assert set(first) == ALWAYS | (FIGURES if minor < 88 else {"uptime"})
    assert first["hypervisor_version"] == 7002022 and first["service"]["host"] == "HostA"
    if minor < 88:
        assert isinstance(first["cpu_info"], str if minor < 28 else dict)
        assert (first["memory_mb_used"], first["local_gb_used"]) == (4096, 40)
    else:
        assert first["uptime"] == ""  # not known; `openstack hypervisor show` dies of null
    assert server.get(f"/v2.1/os-hypervisors/{first['id']}", version).json["hypervisor"] == first
    assert set(server.get("/v2.1/os-hypervisors", version).json["hypervisors"][0]) == HEAD


def test_hypervisors_with_servers(server):
    def find(query, version):
        return server.get(f"/v2.1/os-hypervisors?{query}", version).json["hypervisors"]
    (host,) = find("hypervisor_hostname_pattern=HostDown&with_servers=True", "2.53")
    assert host["servers"] == [{"name": "vm-down", "uuid": uuid("vm-down")}]
    assert "servers" not in find("hypervisor_hostname_pattern=HostDown", "2.53")[0]


@pytest.mark.parametrize("path, version, fault, code, words", [
    ("?hypervisor_hostname_pattern=zzz", "2.53", "itemNotFound", 404, ["No hypervisor matching 'zzz'"]),
    ("?hypervisor_hostname_pattern=Host&limit=1", "2.53", "badRequest", 400, ["Paging"]),
    ("?fly=1", "2.53", "badRequest", 400, ["'fly' was unexpected"]),
    ("?marker=zzz", "2.53", "badRequest", 400, ["Marker zzz"]),
    ("/HostA", "2.88", "badRequest", 400, ["HostA"]),
    ("/HostA", "2.52", "itemNotFound", 404, ["Hypervisor with ID 'HostA'"]),
    ("/00000000-0000-0000-0000-000000000000", "2.53", "itemNotFound", 404, ["could not be found"]),
    ("/zzz/search", "2.52", "itemNotFound", 404, ["No hypervisor matching 'zzz'"]),
    ("/Host/search", "2.53", "itemNotFound", 404, []),
])
def test_hypervisors_refuse(server, path, version, fault, code, words):
    assert_fault(server.get(f"/v2.1/os-hypervisors{path}", version), fault, code, *words)


def test_hypervisor_pages(server):
    seen, path = [], "/v2.1/os-hypervisors?limit=2"
    while path:
        body = server.get(path, "2.53").json
        seen += [h["hypervisor_hostname"] for h in body["hypervisors"]]
        links = body.get("hypervisors_links")
        path = links[0]["href"].split(str(server.port), 1)[1] if links else None
    assert seen[:3] == ["HostA", "HostB", "HostDown"]


def test_old_search_and_servers(server):
    assert [h["hypervisor_hostname"] for h in server.get("/v2.1/os-hypervisors/HostD/search", "2.1").json["hypervisors"]] == [
        "HostDown"]
    (host,) = server.get("/v2.1/os-hypervisors/HostDown/servers", "2.1").json["hypervisors"]
    assert host["servers"] == [{"name": "vm-down", "uuid": uuid("vm-down")}]


# ---- os-availability-zone

def test_zones(server):
    assert server.get("/v2.1/os-availability-zone").json == {
        "availabilityZoneInfo": [{"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}]}
    (zone,) = server.get("/v2.1/os-availability-zone/detail").json["availabilityZoneInfo"]
    assert zone["hosts"]["HostDown"]["nova-compute"]["available"] is False
