"""os-services and os-hosts: changes in the forms of every microversion, and what they mean."""
import pytest
from aggregate_cloud import VM, add_host, clean, cloud, live, live_answer, made  # noqa: F401 (fixtures)
from api_server import assert_fault

NOBODY = "00000000-0000-4000-8000-000000000000"


def service(server, host, version="2.69"):
    (found,) = server.get(f"/v2.1/os-services?host={host}", version).json["services"]
    return found


def put(server, what, body, version):
    return server.request("PUT", f"/v2.1/os-services/{what}", body, version)


def old(server, action, host="HostB", version="2.1", binary="nova-compute", **more):
    return put(server, action, {"host": host, "binary": binary, **more}, version)


# ---- until 2.52

@pytest.mark.parametrize("version", ["2.1", "2.10", "2.11", "2.52"])
def test_old_enable_and_disable(start, version):
    server = start()
    answer = old(server, "disable", version=version)
    assert (answer.status, answer.json) == (200, {"service": {"host": "HostB", "binary": "nova-compute", "status": "disabled"}})
    assert (service(server, "HostB")["status"], service(server, "HostB")["disabled_reason"]) == ("disabled", None)
    answer = old(server, "disable-log-reason", version=version, disabled_reason="new RAM")
    assert answer.json["service"] == {"host": "HostB", "binary": "nova-compute", "status": "disabled", "disabled_reason": "new RAM"}
    assert service(server, "HostB")["disabled_reason"] == "new RAM"
    answer = old(server, "enable", version=version)
    assert answer.json["service"] == {"host": "HostB", "binary": "nova-compute", "status": "enabled"}
    assert (service(server, "HostB")["status"], service(server, "HostB")["disabled_reason"]) == ("enabled", None)


@pytest.mark.parametrize("value, down", [(True, True), (False, False), ("True", True), ("0", False)])
def test_old_force_down(start, value, down):
    server = start()
    answer = old(server, "force-down", version="2.11", forced_down=value)
    assert (answer.status, answer.json["service"]) == (200, {"host": "HostB", "binary": "nova-compute", "forced_down": down})
    assert (service(server, "HostB")["forced_down"], service(server, "HostB")["state"]) == (down, "down" if down else "up")


@pytest.mark.parametrize("action, version, more, fault, code, words", [
    ("fly", "2.1", {}, "itemNotFound", 404, ["Unknown action"]),
    ("force-down", "2.10", {}, "itemNotFound", 404, ["Unknown action"]),
    ("force-down", "2.10", {"forced_down": True}, "badRequest", 400, ["'forced_down' was unexpected"]),
    ("force-down", "2.11", {}, "badRequest", 400, ["Missing forced_down field"]),
    ("force-down", "2.11", {"forced_down": "maybe"}, "badRequest", 400, ["forced_down"]),
    ("disable-log-reason", "2.1", {}, "badRequest", 400, ["Missing disabled reason field"]),
    ("disable-log-reason", "2.1", {"disabled_reason": ""}, "badRequest", 400, ["disabled_reason"]),
    ("disable-log-reason", "2.1", {"disabled_reason": "x" * 256}, "badRequest", 400, ["disabled_reason"]),
    ("enable", "2.1", {"host": "HostZ"}, "itemNotFound", 404, ["Could not find binary nova-compute on host HostZ."]),
    ("enable", "2.1", {"binary": "nova-scheduler"}, "badRequest", 400, ["Updating a nova-scheduler service is not supported."]),
    ("enable", "2.1", {"host": None}, "badRequest", 400, ["field/attribute host"]),
    ("enable", "2.1", {"colour": "red"}, "badRequest", 400, ["'colour' was unexpected"]),
])
def test_old_refusals(server, action, version, more, fault, code, words):
    assert_fault(put(server, action, {"host": "HostB", "binary": "nova-compute", **more}, version), fault, code, *words)


def test_old_needs_host_and_binary(server):
    assert_fault(put(server, "enable", {"host": "HostB"}, "2.1"), "badRequest", 400, "'binary' is a required property")
    assert_fault(put(server, "enable", {"binary": "nova-compute"}, "2.1"), "badRequest", 400, "'host' is a required property")


# ---- from 2.53 on

@pytest.mark.parametrize("version", ["2.53", "2.69", "2.88"])
def test_new_update(start, version):
    server = start()
    number = service(server, "HostB")["id"]
    answer = put(server, number, {"status": "disabled", "disabled_reason": "new RAM", "forced_down": "yes"}, version)
    changed = answer.json["service"]
    assert answer.status == 200 and changed == service(server, "HostB", version)
    assert (changed["status"], changed["disabled_reason"], changed["forced_down"], changed["state"]) == (
        "disabled", "new RAM", True, "down")
    assert put(server, number, {"forced_down": False}, version).json["service"]["status"] == "disabled"
    again = put(server, number, {"status": "disabled"}, version).json["service"]  # without a reason the old one goes
    assert (again["disabled_reason"], again["forced_down"]) == (None, False)
    assert put(server, number, {"status": "enabled"}, version).json["service"]["status"] == "enabled"
    assert put(server, number, {"status": "enabled"}, version).status == 200  # what is so already is no error


@pytest.mark.parametrize("body, words", [
    ({}, ["No updates were requested. Fields 'status' or 'forced_down' should be specified."]),
    ({"disabled_reason": "x"}, ["No updates were requested."]),
    ({"status": "enabled", "disabled_reason": "x"}, ["Specifying 'disabled_reason' with status 'enabled' is invalid."]),
    ({"status": "off"}, ["field/attribute status", "'off' is not one of ['enabled', 'disabled']"]),
    ({"status": "disabled", "disabled_reason": ""}, ["disabled_reason"]),
    ({"forced_down": 1}, ["forced_down"]),
    ({"host": "HostB", "binary": "nova-compute"}, ["was unexpected"]),
])
def test_new_refusals(server, body, words):
    assert_fault(put(server, service(server, "HostB")["id"], body, "2.53"), "badRequest", 400, *words)


def test_new_ids(server):
    assert_fault(put(server, "enable", {"status": "enabled"}, "2.53"), "badRequest", 400, "Invalid uuid enable")
    assert_fault(put(server, NOBODY, {"status": "enabled"}, "2.53"), "itemNotFound", 404,
                 f"Service {NOBODY} could not be found.")


# ---- deleting

def test_delete(clean):  # noqa: F811
    assert clean.add("HostX").status == 201
    number = made(clean, "rack1", "zone1")
    add_host(clean, number, "HostX")
    path = f"/v2.1/os-services/{service(clean, 'HostX')['id']}"
    assert clean.request("DELETE", path, version="2.53").status == 204
    assert clean.get(f"/v2.1/os-aggregates/{number}").json["aggregate"]["hosts"] == []
    assert "HostX" not in {h["name"] for h in clean.get("/godwit/v1/hosts").json["hosts"]}
    assert_fault(clean.request("DELETE", path, version="2.53"), "itemNotFound", 404, "not found.")


def test_delete_by_number(clean):  # noqa: F811
    assert clean.add("HostX").status == 201
    assert clean.request("DELETE", f"/v2.1/os-services/{service(clean, 'HostX', '2.52')['id']}", version="2.52").status == 204


def test_delete_refuses(clean):  # noqa: F811
    def delete(number, version):
        return clean.request("DELETE", f"/v2.1/os-services/{number}", version=version)
    assert_fault(delete(service(clean, "HostA")["id"], "2.53"), "conflictingRequest", 409,
                 "Unable to delete compute service that is hosting instances.", "HostA has 2")
    assert_fault(delete("7", "2.53"), "badRequest", 400, "Invalid uuid 7")
    assert_fault(delete("x", "2.1"), "badRequest", 400, "id must be an integer")
    assert_fault(delete("999", "2.1"), "itemNotFound", 404, "Service 999 not found.")


# ---- what they mean

def test_a_disabled_host_gets_nothing(clean):  # noqa: F811
    for host in ("HostC", "HostD"):
        old(clean, "disable-log-reason", host, disabled_reason="new RAM")
    assert live(clean, VM)["dest"] == "HostB"
    old(clean, "disable", "HostA")
    assert_fault(live_answer(clean, VM), "badRequest", 400, "No valid host was found.", "HostA is disabled (",
                 "HostC is disabled: new RAM (it takes no new instances); remedy: enable it with `godwit service-enable HostC`",
                 "HostD is disabled: new RAM")
    assert clean.find(VM)["host_status"] == "UP"


def test_a_host_that_is_forced_down(clean):  # noqa: F811
    old(clean, "force-down", "HostA", "2.11", forced_down=True)
    shown = clean.find(VM)
    assert shown["host_status"] == "DOWN"
    hypervisors = {h["hypervisor_hostname"]: h["state"] for h in clean.get("/v2.1/os-hypervisors").json["hypervisors"]}
    assert (hypervisors["HostA"], hypervisors["HostB"]) == ("down", "up")
    assert clean.get("/godwit/v1/hosts/HostA").json["host"]["down_reason"] == "an administrator has forced it down"
    assert_fault(live_answer(clean, VM), "conflictingRequest", 409, "Host HostA is forced down.")
    old(clean, "force-down", "HostA", "2.11", forced_down=False)
    old(clean, "force-down", "HostB", "2.11", forced_down=True)
    assert_fault(live_answer(clean, VM, "HostB", force=True), "badRequest", 400, "HostB is forced down")
    assert clean.find(VM)["host_status"] == "UP"


def test_host_status_of_a_disabled_host(clean):  # noqa: F811
    old(clean, "disable", "HostA")
    assert clean.find(VM)["host_status"] == "MAINTENANCE"
    assert "host_status" not in clean.get(f"/v2.1/servers/{clean.find(VM)['id']}", "2.15").json["server"]


# ---- os-hosts

def test_os_hosts(server):
    hosts = server.get("/v2.1/os-hosts", "2.42").json["hosts"]
    assert hosts[0] == {"host_name": "HostA", "service": "compute", "zone": "nova"} and len(hosts) >= 3
    assert server.get("/v2.1/os-hosts?zone=elsewhere").json == {"hosts": []}
    for path in ("", "/HostA", "/HostA/reboot"):
        assert_fault(server.get(f"/v2.1/os-hosts{path}", "2.43"), "itemNotFound", 404)


def test_os_hosts_leave_out_what_is_disabled(start):
    server = start()
    old(server, "disable", "HostB")
    assert "HostB" not in {h["host_name"] for h in server.get("/v2.1/os-hosts").json["hosts"]}


def test_os_host(server):
    rows = [r["resource"] for r in server.get("/v2.1/os-hosts/HostDown").json["host"]]
    assert [r["project"] for r in rows] == ["(total)", "(used_now)", "(used_max)", "admin"]
    assert rows[0] == {"host": "HostDown", "project": "(total)", "cpu": 0, "memory_mb": 0, "disk_gb": 0}  # never answered
    assert rows[3] == {"host": "HostDown", "project": "admin", "cpu": 2, "memory_mb": 512, "disk_gb": 10}
    total, now = (r["resource"] for r in server.get("/v2.1/os-hosts/HostA").json["host"][:2])
    assert (total["cpu"], total["memory_mb"], total["disk_gb"]) == (4, 8192, 100)
    assert (now["memory_mb"], now["disk_gb"]) == (4096, 40)
    assert_fault(server.get("/v2.1/os-hosts/HostZ"), "itemNotFound", 404, "Compute host HostZ could not be found.")


def test_os_host_update(start):
    server = start()
    for word, status in (("disable", "disabled"), (" Enable ", "enabled")):
        answer = server.request("PUT", "/v2.1/os-hosts/HostB", {"status": word})
        assert (answer.status, answer.json) == (200, {"host": "HostB", "status": status})
        assert service(server, "HostB")["status"] == status


@pytest.mark.parametrize("host, body, fault, code, words", [
    ("HostB", {}, "badRequest", 400, ["'status' or 'maintenance_mode' is required"]),
    ("HostB", {"status": "off"}, "badRequest", 400, ["field/attribute status"]),
    ("HostB", {"status": None}, "badRequest", 400, ["field/attribute status"]),
    ("HostB", {"maintenance_mode": "x"}, "badRequest", 400, ["field/attribute maintenance_mode"]),
    ("HostB", {"colour": "red"}, "badRequest", 400, ["'colour' was unexpected"]),
    ("HostZ", {"status": "enable"}, "itemNotFound", 404, ["HostZ"]),
    ("HostZ", {"maintenance_mode": "enable"}, "itemNotFound", 404, ["HostZ"]),
    ("HostB", {"status": "disable", "maintenance_mode": "enable"}, "badRequest", 400, ["exclude each other"]),
])
def test_os_host_update_refuses(server, host, body, fault, code, words):
    assert_fault(server.request("PUT", f"/v2.1/os-hosts/{host}", body), fault, code, *words)
    assert service(server, "HostB")["status"] == "enabled"


@pytest.mark.parametrize("action", ["startup", "shutdown", "reboot"])
def test_os_host_power(server, action):
    assert_fault(server.get(f"/v2.1/os-hosts/HostB/{action}"), "notImplemented", 501, "HostB")
    assert_fault(server.get(f"/v2.1/os-hosts/HostZ/{action}"), "itemNotFound", 404, "HostZ")


# ---- os-hypervisors: all together, and uptime

@pytest.mark.parametrize("version", ["2.1", "2.87"])
def test_statistics(start, version):
    server = start()
    before = server.get("/v2.1/os-hypervisors/statistics", version).json["hypervisor_statistics"]
    assert before["count"] == 3 and (before["vcpus"], before["memory_mb"], before["memory_mb_used"]) == (8, 16384, 8192)
    assert (before["local_gb"], before["local_gb_used"], before["free_disk_gb"]) == (200, 80, 120)
    assert set(before) == {"count", "running_vms", "current_workload", "vcpus", "vcpus_used", "memory_mb", "memory_mb_used",
                           "free_ram_mb", "local_gb", "local_gb_used", "free_disk_gb", "disk_available_least"}
    old(server, "disable", "HostA")
    after = server.get("/v2.1/os-hypervisors/statistics", version).json["hypervisor_statistics"]
    assert (after["count"], after["vcpus"]) == (2, 4)


def test_statistics_and_uptime_end_with_2_87(server):
    number = service(server, "HostA", "2.53")["id"]
    assert_fault(server.get("/v2.1/os-hypervisors/statistics", "2.88"), "itemNotFound", 404)
    assert_fault(server.get(f"/v2.1/os-hypervisors/{number}/uptime", "2.88"), "itemNotFound", 404)
    assert_fault(server.get(f"/v2.1/os-hypervisors/{number}/uptime", "2.87"), "notImplemented", 501, "HostA")
    assert_fault(server.get("/v2.1/os-hypervisors/1/uptime", "2.52"), "notImplemented", 501)
    assert_fault(server.get("/v2.1/os-hypervisors/99/uptime", "2.52"), "itemNotFound", 404)

