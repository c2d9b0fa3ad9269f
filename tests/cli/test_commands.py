"""Each command: what it sends, what it shows."""
import pytest
from fake_daemon import DONE, MIB, VM1, VM2, move, server

HOST = {"id": 1, "uuid": "aa", "name": "HostB", "uri": "qemu+tls://HostB/system", "state": "up", "down_reason": None,
        "status": "enabled", "disabled_reason": None, "seen_at": "2026-11-23T05:18:50Z", "hypervisor_type": "QEMU",
        "hypervisor_version": "7.2.9", "library_version": "9.0.0", "arch": "x86_64", "cpus": 8, "memory_mib": 16384,
        "memory_free_mib": 9216, "instances": 3, "running": 2}


def test_host_list(daemon, godwit):
    down = {**HOST, "name": "HostC", "uri": "qemu+tls://HostC/system", "state": "down",
            "down_reason": "no route to host", "seen_at": None, "hypervisor_type": None, "memory_mib": 0}
    off = {**HOST, "name": "HostD", "uri": "qemu+tls://HostD/system", "status": "disabled",
           "disabled_reason": "new RAM"}
    daemon.on("GET", "/godwit/v1/hosts", {"hosts": [HOST, down, off]})
    run = godwit("host-list")
    assert (run.status, run.err) == (0, "")
    assert run.out.splitlines() == [
        "+-------+-------+----------+-----------+---------------------+------+------------+-------------------------+",
        "| Name  | State | Status   | Instances | Memory free         | CPUs | Hypervisor | URI                     |",
        "+-------+-------+----------+-----------+---------------------+------+------------+-------------------------+",
        "| HostB | up    | enabled  | 3 (2 run) | 9.0 GiB of 16.0 GiB | 8    | QEMU 7.2.9 | qemu+tls://HostB/system |",
        "| HostC | down  | enabled  | 3 (2 run) | -                   | 8    | -          | qemu+tls://HostC/system |",
        "| HostD | up    | disabled | 3 (2 run) | 9.0 GiB of 16.0 GiB | 8    | QEMU 7.2.9 | qemu+tls://HostD/system |",
        "+-------+-------+----------+-----------+---------------------+------+------------+-------------------------+",
        "HostC is down (last seen never): no route to host",
        "HostD is disabled: new RAM"]


def test_host_list_empty(daemon, godwit):
    daemon.on("GET", "/godwit/v1/hosts", {"hosts": []})
    run = godwit("host-list")
    assert run.status == 0
    assert run.out.startswith("No hosts yet.") and "godwit host-add HostA" in run.out


def test_host_add(daemon, godwit):
    daemon.on("POST", "/godwit/v1/hosts", (201, {"host": HOST}))
    run = godwit("host-add", "HostB", "qemu+tls://HostB/system")
    assert run.status == 0
    assert run.out == "HostB is added: QEMU 7.2.9, 3 instances found, 2 running.\n"
    assert daemon.asked("POST")[0]["body"] == {"host": {"name": "HostB", "uri": "qemu+tls://HostB/system"}}
    assert daemon.asked("POST")[0]["headers"]["Content-Type"] == "application/json"


@pytest.mark.parametrize("status,name", [(400, "badRequest"), (409, "conflictingRequest"), (503, "serviceUnavailable")])
def test_host_add_refused(daemon, godwit, status, name):
    daemon.on("POST", "/godwit/v1/hosts", (status, {name: {"code": status, "message": "HostB: it does not answer"}}))
    run = godwit("host-add", "HostB", "qemu+tls://HostB/system")
    assert (run.status, run.out, run.err) == (1, "", "Error: HostB: it does not answer\n")


def test_host_remove(daemon, godwit):
    daemon.on("DELETE", "/godwit/v1/hosts/Host%20B", (204, None))
    daemon.on("GET", "/godwit/v1/hosts/Host%20B", {"host": {"name": "Host B", "instances": 3}},
              {"host": {"name": "Host B", "instances": 0}})
    run = godwit("host-remove", "Host B")
    assert run.status == 0 and run.out.startswith("Host B is removed, and 3 instances with it from Godwit's sight")
    assert godwit("host-remove", "Host B").out == "Host B is removed. It had no instances.\n"
    assert godwit("--json", "host-remove", "Host B").json == {}


def test_list(daemon, godwit):
    daemon.on("GET", "/v2.1/servers/detail", {"servers": [
        server(), server(VM2, "würfel", None, "SHUTOFF", 4, **{"OS-EXT-STS:task_state": "migrating"})]})
    run = godwit("list")
    assert run.status == 0
    assert run.out.splitlines()[1:6] == [
        "| ID                                   | Name   | Status  | Task State | Power State | Host  |",
        "+--------------------------------------+--------+---------+------------+-------------+-------+",
        f"| {VM1} | vm1    | ACTIVE  | -          | running     | HostB |",
        f"| {VM2} | würfel | SHUTOFF | migrating  | shut off    | -     |",
        "+--------------------------------------+--------+---------+------------+-------------+-------+"]
    assert daemon.requests[0]["headers"]["OpenStack-API-Version"] == "compute 2.84"


def test_list_filters(daemon, godwit):
    daemon.on("GET", "/v2.1/servers/detail?host=Host%26B&status=ACTIVE", {"servers": []})
    run = godwit("list", "--host", "Host&B", "--status=ACTIVE")
    assert (run.status, run.out) == (0, "No server matches; 'godwit list' shows all.\n")


def test_list_empty(daemon, godwit):
    daemon.on("GET", "/v2.1/servers/detail", {"servers": []})
    assert "godwit host-add" in godwit("list").out


def test_list_reads_every_page(daemon, godwit):
    link = {"servers_links": [{"rel": "next", "href": "http://elsewhere/ignored"}]}
    daemon.on("GET", "/v2.1/servers/detail", {"servers": [server()], **link})
    daemon.on("GET", f"/v2.1/servers/detail?marker={VM1}", {"servers": [server(VM2, "vm2")]})
    assert [s["name"] for s in godwit("--json", "list").json["servers"]] == ["vm1", "vm2"]


def test_names_cannot_steer_the_terminal(daemon, godwit):
    daemon.on("GET", "/v2.1/servers/detail", {"servers": [server(name="a\x1b[31mb\u202ec\nd")]})
    assert "| a?[31mb?c d |" in godwit("list").out


def test_show(daemon, godwit):
    daemon.has_server(fault={"message": "disk full"})
    run = godwit("show", "vm1")
    assert run.status == 0
    for line in ("| name          | vm1 ", "| host          | HostB ", "| power_state   | running ",
                 "| memory        | 512 MiB ", "| created (UTC) | 2026-11-23 05:00:00 ",
                 "| fault         | disk full "):
        assert line in run.out
    assert godwit("show", VM1, "--json").json["server"]["name"] == "vm1"


def test_migration_list(daemon, godwit):
    daemon.on("GET", "/godwit/v1/migrations?limit=100", {"migrations": [
        move("running"), move("completed", id=6, progress=DONE), move("failed", id=5, kind="migration", dest=None)]})
    run = godwit("migration-list")
    assert run.status == 0
    assert run.out.splitlines()[3:6] == [
        f"| 7  | vm1    | live | running 50% | HostB  | HostC       | 2026-11-23 05:18:50 | -      | {VM1} |",
        f"| 6  | vm1    | live | completed   | HostB  | HostC       | 2026-11-23 05:18:50 | 1.24 s | {VM1} |",
        f"| 5  | vm1    | cold | failed      | HostB  | -           | 2026-11-23 05:18:50 | 1.24 s | {VM1} |"]


def test_migration_list_filters(daemon, godwit):
    daemon.has_server()
    daemon.on("GET", f"/godwit/v1/migrations?instance_uuid={VM1}&host=HostB&status=running&limit=3", {"migrations": []})
    run = godwit("migration-list", "--server", "vm1", "--host", "HostB", "--status", "running", "--limit", "3")
    assert run.status == 0 and run.out.startswith("No migration matches")
    daemon.on("GET", f"/godwit/v1/migrations?instance_uuid={VM2}&limit=100", {"migrations": []})
    assert godwit("migration-list", "--instance_uuid", VM2).status == 0  # nova takes "_" for "-"


def test_migration_list_empty(daemon, godwit):
    daemon.on("GET", "/godwit/v1/migrations?limit=100", {"migrations": []})
    assert "godwit live-migration SERVER" in godwit("migration-list").out


def test_server_migration_list(daemon, godwit):
    daemon.has_server()
    path = f"/godwit/v1/migrations?instance_uuid={VM1}&limit=100"
    daemon.on("GET", path, {"migrations": [move("completed", progress=DONE)]}, {"migrations": []})
    assert "| 7  | vm1 " in godwit("server-migration-list", "vm1").out
    assert godwit("server-migration-list", "vm1").out.startswith("This server has not been moved yet.")


def test_server_migration_show(daemon, godwit):
    daemon.has_server()
    reason = ("vm1 cannot move to HostC: HostC has 412 MiB free (vm1 needs 512 MiB); remedy: free memory there. "
              "HostC has no bridge br-x (vm1 is connected to it); remedy: make it.")
    daemon.has_move(move("failed", reason=reason, progress={"disk_total": 8 * MIB, "disk_remaining": 4 * MIB}))
    run = godwit("server-migration-show", "vm1", "7")
    assert run.status == 0
    lines = [" ".join(line.split()) for line in run.out.splitlines()]
    assert "| reason | vm1 cannot move to HostC |" in lines
    assert "| | HostC has 412 MiB free (vm1 needs 512 MiB); remedy: free memory there. |" in lines
    assert "| | HostC has no bridge br-x (vm1 is connected to it); remedy: make it. |" in lines
    assert "| disks | 8.0 MiB, 4.0 MiB of it left |" in lines
    assert "| took | 1.24 s |" in lines


@pytest.mark.parametrize("state, told", [("completed", True), ("cancelled", False), ("failed", False), ("error", False)])
def test_a_pause_is_told_of_a_move_that_completed(daemon, godwit, state, told):
    daemon.has_server()
    daemon.has_move(move(state, progress={"downtime_ms": 500}))
    assert ("guest paused for" in godwit("server-migration-show", "vm1", "7").out) == told


def hypervisor(state):
    return {"hypervisors": [{"id": VM1, "hypervisor_hostname": "HostB", "state": state, "status": "enabled", "service": {"host": "HostB"}}]}


@pytest.mark.parametrize("refreshed, shown", [((204, None), "up"), ((409, {"conflictingRequest": {"code": 409, "message": "no route"}}), "down")])
def test_a_hypervisor_that_is_down_is_asked_once_more(daemon, godwit, refreshed, shown):
    path = "/v2.1/os-hypervisors/detail?hypervisor_hostname_pattern=HostB&with_servers=true"
    daemon.on("GET", path, hypervisor("down"), hypervisor("up"))
    daemon.on("POST", "/godwit/v1/hosts/HostB/refresh", refreshed)
    run = godwit("hypervisor-show", "HostB")
    assert run.status == 0 and f"| state | {shown} |" in " ".join(run.out.split()), run
    assert len(daemon.asked("POST")) == 1
    daemon.on("GET", path, hypervisor("up"))
    godwit("hypervisor-show", "HostB")
    assert len(daemon.asked("POST")) == 1  # it answers: nobody is asked


@pytest.mark.parametrize("options, method", [([], "GET"), (["--delete"], "DELETE")])
def test_gc_names_the_hosts_that_were_not_asked(daemon, godwit, options, method):
    answer = {"orphans": [], "unsearched": [], "not_asked": [{"host": "HostC", "reason": "no route to HostC"}, {"host": "HostD", "reason": None}]}
    daemon.on(method, "/godwit/v1/orphans", answer, answer, {**answer, "not_asked": []})
    run = godwit("gc", *options)
    assert run.status == 5
    assert run.out.splitlines() == ["Nothing is left behind on the hosts that answer.",
                                    "Not asked: HostC, which does not answer (no route to HostC).",
                                    "Not asked: HostD, which does not answer (nothing is known of why).",
                                    "What is left there, or elsewhere of the servers that live there, is not listed; ask again when it answers."]
    run = godwit("gc", *options, "--json")
    assert (run.status, run.json) == (5, answer)
    run = godwit("gc", *options)
    assert (run.status, run.out) == (0, "Nothing is left behind on the hosts that answer.\n")


@pytest.mark.parametrize("kind, word", [("live-migration", "live"), ("migration", "cold"), ("resize", "cold"), ("evacuation", "evacuation")])
def test_kinds_in_words(daemon, godwit, kind, word):
    daemon.has_server()
    daemon.has_move(move("completed", kind=kind))
    daemon.on("GET", "/godwit/v1/migrations?limit=100", {"migrations": [move("completed", kind=kind)]})
    assert f"| kind | {word} |" in " ".join(godwit("server-migration-show", "vm1", "7").out.split())
    assert f"| 7 | vm1 | {word} |" in " ".join(godwit("migration-list").out.split())


def test_instance_actions(daemon, godwit):
    daemon.has_server()
    action = {"action": "live-migration", "request_id": "req-1", "message": None, "instance_uuid": VM1,
              "start_time": "2026-11-23T05:18:50.000000", "updated_at": None}
    event = {"event": "compute_live_migration", "result": "Error", "host": "HostB", "finish_time": None,
             "start_time": "2026-11-23T05:18:51.000000", "details": "vm1 cannot move to HostC: no memory"}
    base = f"/v2.1/servers/{VM1}/os-instance-actions"
    daemon.on("GET", base, {"instanceActions": [action]}, {"instanceActions": []})
    daemon.on("GET", base + "/req-1", {"instanceAction": {**action, "events": [event]}})
    listed = godwit("instance-action-list", "vm1").out
    assert "| live-migration | req-1      | -       | 2026-11-23 05:18:50 | -" in listed
    assert godwit("instance-action-list", "vm1").out == "Nothing has been asked of this server yet.\n"
    run = godwit("instance-action", "vm1", "req-1")
    assert "| compute_live_migration | Error  | HostB " in run.out
    assert run.out.endswith("compute_live_migration: vm1 cannot move to HostC\n  - no memory\n")


def test_version(daemon, godwit):
    daemon.on("GET", "/v2.1", {"version": {"min_version": "2.1", "version": "2.88"}})
    run = godwit("version")
    assert run.status == 0
    assert run.out.splitlines()[1] == f"daemon at {daemon.url}: Compute API 2.1 to 2.88"
    assert godwit("version", "--json").json["daemon"] == {"url": daemon.url, "min_version": "2.1", "version": "2.88"}
