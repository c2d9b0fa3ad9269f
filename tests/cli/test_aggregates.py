"""The commands about aggregates, zones, services and hypervisors: what they send, what they show, what they refuse."""
import pytest
from test_with_daemon import GODWITD, real  # noqa: F401 (fixture)

RACK = {"id": 1, "name": "rack1", "availability_zone": "zone1", "hosts": ["HostB", "HostC"], "uuid": "aa",
        "metadata": {"availability_zone": "zone1", "max_instances_per_host": "20", "colour": "red"}}
FAST = {"id": 2, "name": "1", "availability_zone": None, "hosts": [], "metadata": {}, "uuid": "bb"}
SERVICE = {"id": "5e7ce000-0000-4000-8000-000000000001", "binary": "nova-compute", "host": "HostB", "zone": "zone1",
           "status": "enabled", "state": "up", "updated_at": "2026-11-23T05:18:50.123456", "disabled_reason": None,
           "forced_down": False}
HYPERVISOR = {"id": "4e7ce000-0000-4000-8000-000000000001", "hypervisor_hostname": "HostB", "state": "up", "status": "enabled",
              "memory_mb": 8192, "service": {"host": "HostB", "disabled_reason": None}, "cpu_info": {"features": []},
              "servers": [{"uuid": "u1", "name": "vm1"}]}


@pytest.fixture
def racks(daemon):
    daemon.on("GET", "/v2.1/os-aggregates", {"aggregates": [RACK, FAST]})
    daemon.on("POST", "/v2.1/os-aggregates/1/action", {"aggregate": RACK})
    return daemon


def sent(daemon, method):
    (request,) = daemon.asked(method)
    return request["path"], request["body"]


# ---- aggregates

def test_list(racks, godwit):
    run = godwit("aggregate-list")
    assert (run.status, run.err) == (0, "")
    assert run.out.splitlines() == [
        "+----+-------+-------------------+--------------+---------------------------------------+",
        "| ID | Name  | Availability Zone | Hosts        | Metadata                              |",
        "+----+-------+-------------------+--------------+---------------------------------------+",
        "| 1  | rack1 | zone1             | HostB, HostC | max_instances_per_host=20, colour=red |",
        "| 2  | 1     | -                 |              |                                       |",
        "+----+-------+-------------------+--------------+---------------------------------------+"]
    assert godwit("--json", "aggregate-list").json == {"aggregates": [RACK, FAST]}


def test_list_empty(daemon, godwit):
    daemon.on("GET", "/v2.1/os-aggregates", {"aggregates": []})
    assert "godwit aggregate-create NAME [ZONE]" in godwit("aggregate-list").out


@pytest.mark.parametrize("command", ["aggregate-show", "aggregate-details"])
@pytest.mark.parametrize("which, name", [("rack1", "rack1"), ("1", "rack1"), ("2", "1")])
def test_show(racks, godwit, command, which, name):
    assert godwit("--json", command, which).json["aggregate"]["name"] == name  # an ID comes before a name, as with nova
    run = godwit(command, which)
    assert run.status == 0 and f"| {name} " in run.out


@pytest.mark.parametrize("words", [["aggregate-show"], ["aggregate-delete"], ["aggregate-update", "--name", "x"],
                                   ["aggregate-add-host", "HostB"], ["aggregate-remove-host", "HostB"],
                                   ["aggregate-set-metadata", "a=b"]])
def test_unknown(racks, godwit, words):
    words = [words[0], *words[1:3], "rack7"] if words[0] == "aggregate-update" else [words[0], "rack7", *words[1:]]
    run = godwit(*words)
    assert (run.status, run.out) == (4, "")
    assert run.err == "Error: There is no aggregate 'rack7'; 'godwit aggregate-list' shows all.\n"
    assert not racks.asked("POST") and not racks.asked("PUT") and not racks.asked("DELETE")


@pytest.mark.parametrize("words, body", [(["rack1"], {"name": "rack1", "availability_zone": None}),
                                         (["rack1", "zone1"], {"name": "rack1", "availability_zone": "zone1"})])
def test_create(daemon, godwit, words, body):
    daemon.on("POST", "/v2.1/os-aggregates", {"aggregate": {"id": 1, "name": "rack1", "availability_zone": "zone1"}})
    run = godwit("aggregate-create", *words)
    assert run.status == 0 and "| 1  | rack1 | zone1 " in run.out
    assert sent(daemon, "POST") == ("/v2.1/os-aggregates", {"aggregate": body})


@pytest.mark.parametrize("options, body", [(["--name", "rack9"], {"name": "rack9"}),
                                           (["--availability_zone=z"], {"availability_zone": "z"}),
                                           (["--name", "a", "--availability-zone", "z"], {"name": "a", "availability_zone": "z"})])
def test_update(racks, godwit, options, body):
    racks.on("PUT", "/v2.1/os-aggregates/1", {"aggregate": RACK})
    assert godwit("aggregate-update", *options, "rack1").status == 0
    assert sent(racks, "PUT") == ("/v2.1/os-aggregates/1", {"aggregate": body})


def test_update_of_nothing(racks, godwit):
    run = godwit("aggregate-update", "rack1")
    assert run.status == 2 and "--name or --availability-zone" in run.err and not racks.requests


def test_delete(racks, godwit):
    racks.on("DELETE", "/v2.1/os-aggregates/1", None)
    run = godwit("aggregate-delete", "rack1")
    assert (run.status, run.out) == (0, "Aggregate rack1 is deleted.\n")
    assert godwit("--json", "aggregate-delete", "rack1").json == {}
    racks.on("DELETE", "/v2.1/os-aggregates/1", (400, {"badRequest": {"code": 400, "message": "Host aggregate is not empty"}}))
    refused = godwit("aggregate-delete", "rack1")
    assert refused.status == 1 and "godwit aggregate-remove-host rack1 HOST" in refused.err


@pytest.mark.parametrize("verb, action, says", [("add", "add_host", "HostD is now in aggregate rack1."),
                                                ("remove", "remove_host", "HostD is no longer in aggregate rack1.")])
def test_hosts(racks, godwit, verb, action, says):
    run = godwit(f"aggregate-{verb}-host", "rack1", "HostD")
    assert run.status == 0 and run.out.splitlines()[0] == says and "| rack1 |" in run.out
    assert sent(racks, "POST") == ("/v2.1/os-aggregates/1/action", {action: {"host": "HostD"}})


@pytest.mark.parametrize("words, metadata", [(["a=b"], {"a": "b"}), (["a="], {"a": ""}), (["a"], {"a": None}),
                                             (["a=b=c", "d", "e=f"], {"a": "b=c", "d": None, "e": "f"})])
def test_set_metadata(racks, godwit, words, metadata):
    assert godwit("aggregate-set-metadata", "rack1", *words).status == 0
    assert sent(racks, "POST")[1] == {"set_metadata": {"metadata": metadata}}


@pytest.mark.parametrize("words, says", [([], "KEY[=VALUE]... is missing"), (["=b"], "'=b' has no key")])
def test_set_metadata_refuses(racks, godwit, words, says):
    run = godwit("aggregate-set-metadata", "rack1", *words)
    assert run.status == 2 and says in run.err and not racks.requests


@pytest.mark.parametrize("status, name", [(409, "conflictingRequest"), (400, "badRequest")])
def test_refusals_are_told(racks, godwit, status, name):
    why = "Cannot add host to aggregate 1. Reason: One or more hosts already in availability zone(s) ['zone2']."
    racks.on("POST", "/v2.1/os-aggregates/1/action", (status, {name: {"code": status, "message": why}}))
    run = godwit("aggregate-add-host", "rack1", "HostD")
    assert (run.status, run.out, run.err) == (1, "", f"Error: {why}\n")


# ---- zones

def test_zones(daemon, godwit):
    def compute(up):
        return {"nova-compute": {"available": up, "active": True, "updated_at": None}}
    daemon.on("GET", "/v2.1/os-availability-zone/detail", {"availabilityZoneInfo": [
        {"zoneName": "nova", "zoneState": {"available": True}, "hosts": {"HostA": compute(True), "HostB": compute(False)}},
        {"zoneName": "zone1", "zoneState": {"available": False}, "hosts": None}]}, {"availabilityZoneInfo": []})
    run = godwit("availability-zone-list")
    assert run.status == 0
    assert run.out.splitlines()[3:5] == ["| nova  | available     | HostA, HostB (down) |",
                                         "| zone1 | not available |                     |"]
    assert "godwit host-add" in godwit("availability-zone-list").out


# ---- services

def test_services(daemon, godwit):
    down = {**SERVICE, "host": "HostC", "status": "disabled", "state": "down", "disabled_reason": "new RAM", "forced_down": True}
    daemon.on("GET", "/v2.1/os-services", {"services": [SERVICE, down]})
    run = godwit("service-list")
    assert run.status == 0
    rows = [[cell.strip() for cell in line.split("|")[2:-1]] for line in run.out.splitlines()[3:5]]
    assert rows == [["nova-compute", "HostB", "zone1", "enabled", "up", "2026-11-23 05:18:50", "-", "no"],
                    ["nova-compute", "HostC", "zone1", "disabled", "down", "2026-11-23 05:18:50", "new RAM", "yes"]]


def test_service_filters(daemon, godwit):
    daemon.on("GET", "/v2.1/os-services?host=HostB&binary=x", {"services": []})
    run = godwit("service-list", "--host", "HostB", "--binary", "x")
    assert run.status == 0 and run.out.startswith("No service matches")


@pytest.mark.parametrize("words, body, says", [
    (["service-enable", "HostB"], {"status": "enabled"}, "HostB is enabled"),
    (["service-disable", "HostB"], {"status": "disabled"}, "HostB is disabled"),
    (["service-disable", "HostB", "--reason", "new RAM"], {"status": "disabled", "disabled_reason": "new RAM"}, "HostB is disabled"),
    (["service-force-down", "HostB"], {"forced_down": True}, "HostB is forced down"),
    (["service-force-down", "--unset", "HostB"], {"forced_down": False}, "HostB is no longer forced down"),
    (["service-enable", SERVICE["id"]], {"status": "enabled"}, "HostB is enabled"),
])
def test_service_changes(daemon, godwit, words, body, says):
    daemon.on("GET", "/v2.1/os-services?host=HostB&binary=nova-compute", {"services": [SERVICE]})
    daemon.on("PUT", f"/v2.1/os-services/{SERVICE['id']}", {"service": SERVICE})
    run = godwit(*words)
    assert run.status == 0 and run.out.startswith(says)
    assert sent(daemon, "PUT")[1] == body
    assert godwit("--json", *words).json == {"service": SERVICE}


def test_service_of_no_host(daemon, godwit):
    daemon.on("GET", "/v2.1/os-services?host=HostZ&binary=nova-compute", {"services": []})
    run = godwit("service-disable", "HostZ")
    assert (run.status, run.err) == (4, "Error: There is no host 'HostZ'; 'godwit host-list' shows all.\n")


# ---- hypervisors

def test_hypervisors(daemon, godwit):
    daemon.on("GET", "/v2.1/os-hypervisors", {"hypervisors": [HYPERVISOR]})
    daemon.on("GET", "/v2.1/os-hypervisors?hypervisor_hostname_pattern=B", {"hypervisors": [HYPERVISOR]})
    for words in ([], ["--matching", "B"]):
        run = godwit("hypervisor-list", *words)
        assert run.status == 0 and f"| {HYPERVISOR['id']} | HostB               | up    | enabled |" in run.out


@pytest.fixture
def hypervisors(daemon):
    longer = {**HYPERVISOR, "hypervisor_hostname": "HostB1"}
    find = "/v2.1/os-hypervisors/detail?hypervisor_hostname_pattern={}&with_servers=true"
    daemon.on("GET", find.format("HostB"), {"hypervisors": [longer, HYPERVISOR]})
    daemon.on("GET", find.format("Host"), {"hypervisors": [longer, HYPERVISOR]})
    daemon.on("GET", f"/v2.1/os-hypervisors/{HYPERVISOR['id']}?with_servers=true", {"hypervisor": HYPERVISOR})
    return daemon


@pytest.mark.parametrize("which", ["HostB", HYPERVISOR["id"]])
def test_hypervisor(hypervisors, godwit, which):
    run = godwit("hypervisor-show", which)
    assert run.status == 0
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in run.out.splitlines()[3:-1]]
    assert ["hypervisor_hostname", "HostB"] in rows and ["memory_mb", "8192"] in rows and ["service_host", "HostB"] in rows
    assert godwit("--json", "hypervisor-show", which).json == {"hypervisor": HYPERVISOR}
    run = godwit("hypervisor-servers", which)
    assert run.out.splitlines()[3] == f"| u1 | vm1  | {HYPERVISOR['id']} | HostB               |"


def test_hypervisor_by_half_a_name(hypervisors, godwit):
    for command in ("hypervisor-show", "hypervisor-servers"):
        run = godwit(command, "Host")
        assert run.status == 4 and "There is no hypervisor 'Host'" in run.err


def test_hypervisor_stats(daemon, godwit):
    body = {"hypervisor_statistics": {"count": 2, "vcpus": 8}}
    daemon.on("GET", "/v2.1/os-hypervisors/statistics", body)
    assert "| count    | 2     |" in godwit("hypervisor-stats").out
    assert godwit("--json", "hypervisor-stats").json == body


# ---- completion

@pytest.mark.parametrize("words, offers", [
    (["aggregate-show", "r"], ["rack1"]), (["aggregate-add-host", "rack1", ""], ["HostB"]),
    (["aggregate-create", "x", "z"], ["zone1"]), (["hypervisor-show", ""], ["HostB"]), (["service-disable", "--r"], ["--reason"]),
    (["aggregate-update", "--availability-zone", ""], ["zone1"])])
def test_completion(racks, godwit, words, offers):
    racks.on("GET", "/godwit/v1/hosts", {"hosts": [{"name": "HostB"}]})
    racks.on("GET", "/v2.1/os-availability-zone", {"availabilityZoneInfo": [{"zoneName": "zone1"}]})
    assert godwit("complete", "--", *words).out.splitlines() == offers


# ---- against the daemon itself

@pytest.mark.skipif(not GODWITD.exists(), reason="godwitd is not built")
def test_with_the_daemon(real):  # noqa: F811
    assert real("aggregate-create", "rack1", "zone1").status == 0
    assert real("aggregate-set-metadata", "rack1", "max_instances_per_host=0", "colour=red").status == 0
    run = real("aggregate-add-host", "rack1", "HostB")
    assert run.status == 0 and "| colour=red, max_instances_per_host=0 |" in run.out
    assert real("aggregate-add-host", "rack1", "HostB").status == 1
    refused = real("live-migration", "vm-HostA-1")
    assert refused.status == 1
    assert refused.err.splitlines()[:2] == [
        "Error: No valid host was found:",
        "  - HostB has 0 instances (aggregate rack1 has max_instances_per_host=0); remedy: name another host, or raise "
        "max_instances_per_host of aggregate rack1."]
    assert real("host-remove", "HostB").status == 1
    assert real("aggregate-set-metadata", "rack1", "max_instances_per_host").status == 0
    assert real("service-disable", "--reason", "new RAM", "HostB").status == 0
    refused = real("live-migration", "vm-HostA-1", "HostB")
    assert refused.status == 1 and "  - HostB is disabled: new RAM (it takes no new instances); remedy: " in refused.err
    assert "HostB is disabled: new RAM" in real("host-list").out
    assert real("service-enable", "HostB").status == 0
    assert "| zone1 | available | HostB |" in real("availability-zone-list").out
    assert "| availability_zone   | nova " in real("show", "vm-HostA-1").out
    assert real("live-migration", "vm-HostA-1", "HostB").status == 0
    assert "vm-HostA-1" in real("hypervisor-servers", "HostB").out
    assert real("aggregate-delete", "rack1").status == 1
    assert real("aggregate-remove-host", "rack1", "HostB").status == 0 and real("aggregate-delete", "rack1").status == 0
