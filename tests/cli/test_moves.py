"""Moves: what is sent, how they are followed, how they end. No terminal here: see test_terminal.py."""
import json
import subprocess
import time

import pytest
from conftest import GODWIT, clean_environment
from fake_daemon import DONE, MIB, VM1, move

ACTION = f"/v2.1/servers/{VM1}/action"
VM3 = "33333333-3333-4333-8333-333333333333"
ACCEPTED = (202, None, {"x-godwit-migration-id": "7"})


@pytest.fixture
def vm1(daemon):
    daemon.has_server()
    daemon.on("POST", ACTION, ACCEPTED)
    daemon.has_move(move("completed", progress=DONE))
    daemon.on("GET", "/godwit/v1/hosts/HostC", {"host": {"name": "HostC"}})
    return daemon


@pytest.mark.parametrize("words,host,block", [
    ((), None, "auto"),
    (("HostC",), "HostC", "auto"),
    (("HostC", "--block-migrate"), "HostC", True),
    (("--block_migrate",), None, True),
    (("--no-block-migrate", "HostC"), "HostC", False),
])
def test_live_migration_sends(vm1, godwit, words, host, block):
    run = godwit("live-migration", "vm1", *words)
    assert run.status == 0
    request = vm1.asked("POST")[0]
    assert request["body"] == {"os-migrateLive": {"host": host, "block_migration": block}}
    assert request["headers"]["OpenStack-API-Version"] == "compute 2.30"
    assert run.out == "vm1 moved from HostB to HostC in 1.24 s: 310 MiB copied, guest paused for 0.09 s.\n"


@pytest.mark.parametrize("words,more", [
    (("--policy", "fast"), {"policy": "fast"}),
    (("--option", "live_migration_downtime=800"), {"options": {"live_migration_downtime": "800"}}),
    (("--option=a=1", "--policy=fast", "--option", "b=x=y", "--option", "c="),
     {"policy": "fast", "options": {"a": "1", "b": "x=y", "c": ""}}),
])
def test_live_migration_with_a_policy_or_options(vm1, godwit, words, more):
    vm1.on("POST", "/godwit/v1/migrations", ACCEPTED)
    assert godwit("live-migration", "vm1", *words, "HostC").status == 0
    body = {"server": VM1, "host": "HostC", "block_migration": "auto", **more}
    assert [r["body"] for r in vm1.asked("POST")] == [{"migration": body}]


def test_a_dry_run_has_them_too(vm1, godwit):
    vm1.on("POST", "/godwit/v1/plan", {"plan": {"possible": False, "hosts": []}})
    godwit("plan", "vm1", "--quick", "--option", "a=1", "--option", "b=2")
    assert vm1.asked("POST")[0]["body"]["plan"]["options"] == {"a": "1", "b": "2"}
    godwit("plan", "vm1", "--quick")
    assert "options" not in vm1.asked("POST")[1]["body"]["plan"]


def test_options_of_a_move_are_shown(vm1, godwit):
    vm1.has_move(move("completed", progress=DONE, options={"live_migration_downtime": "800", "live_migration_bandwidth": "9"}))
    lines = [" ".join(line.split()) for line in godwit("server-migration-show", "vm1", "7").out.splitlines()]
    assert "| options | live_migration_downtime=800, live_migration_bandwidth=9 |" in lines
    vm1.has_move(move("completed", progress=DONE, options={}))
    assert "options" not in godwit("server-migration-show", "vm1", "7").out


@pytest.mark.parametrize("state, told, lines, nowhere", [
    ("completed", {"policy": "fast", "rung": "wait"}, ["| policy | fast |", "| ended by | the copy itself |"], "last rung"),
    ("completed", {"rung": "pause", "rung_reason": "it gains nothing"}, ["| ended by | pausing the guest: it gains nothing |"], "policy"),
    ("failed", {"rung": "abort", "rung_reason": "no pause", "reason": "no pause"}, ["| ended by | giving up |", "| reason | no pause |"], "last rung"),
    ("running", {"rung": "slow-down", "rung_reason": "it writes"}, ["| last rung | slowing the guest down: it writes |"], "ended by"),
    ("failed", {"rung": "wait", "reason": "the link broke"}, ["| reason | the link broke |"], "the copy itself"),
    ("completed", {"rung": "teleport"}, ["| ended by | teleport |"], "last rung"),
])
def test_the_policy_and_what_ended_a_move_are_shown(vm1, godwit, state, told, lines, nowhere):
    vm1.has_move(move(state, **told))
    run = godwit("server-migration-show", "vm1", "7")
    shown = [" ".join(line.split()) for line in run.out.splitlines()]
    assert [line for line in lines if line not in shown] == [] and nowhere not in run.out, run.out


def test_a_line_for_each_state(vm1, godwit):
    vm1.has_move(move("preparing"), move("running"), move("running"), move("settling"),
                 move("completed", progress=DONE))
    run = godwit("live-migration", "vm1", "HostC")
    assert run.status == 0
    assert [line.split(" (")[0] for line in run.err.splitlines()] == [
        "vm1 HostB -> HostC: making room", "vm1 HostB -> HostC: copying", "vm1 HostB -> HostC: moved, tidying up"]


def test_what_it_waits_for_is_told_once(vm1, godwit):
    waiting = move("settling", reason="the source host does not answer")
    vm1.has_move(waiting, waiting, move("completed", progress=DONE))
    run = godwit("live-migration", "vm1")
    assert run.err.count("vm1: the source host does not answer\n") == 1


def test_a_guest_that_does_not_run_on_is_told_of_though_it_moved(vm1, godwit):
    words = "vm1 stands still on HostC: the storage of its disk vda is full; make room there, then let it run on with `godwit unpause vm1`"
    vm1.has_move(move("completed", progress=DONE, reason=words))
    run = godwit("live-migration", "vm1")
    assert run.status == 0
    assert run.out == f"vm1 moved from HostB to HostC in 1.24 s: 310 MiB copied, guest paused for 0.09 s.\n{words}\n"


def test_unknown_figures_are_left_out(vm1, godwit):
    vm1.has_move(move("completed", total_ms=None, progress={"memory_processed": 0}))
    assert godwit("live-migration", "vm1").out == "vm1 moved from HostB to HostC.\n"


def test_no_wait(vm1, godwit):
    vm1.has_move(move("accepted"))
    run = godwit("live-migration", "vm1", "--no-wait")
    assert run.status == 0
    assert run.out == "Migration 7 of vm1 is accepted; see it with: godwit server-migration-show vm1 7\n"
    assert godwit("live-migration", "vm1", "--no-wait", "--json").json["migration"]["id"] == 7


def test_json_is_one_value(vm1, godwit):
    vm1.has_move(move("running"), move("completed", progress=DONE))
    run = godwit("--json", "live-migration", "vm1")
    assert (run.status, run.err) == (0, "")
    assert run.json["migration"]["state"] == "completed"


def test_without_the_header_the_newest_migration_is_followed(vm1, godwit):
    vm1.on("POST", ACTION, (202, None))
    vm1.on("GET", f"/godwit/v1/migrations?instance_uuid={VM1}&limit=1", {"migrations": [move("running")]})
    assert godwit("live-migration", "vm1").status == 0


def refusal(message, status=400):
    return status, {"badRequest": {"code": status, "message": message}}


def test_refusal_names_every_reason(vm1, godwit):
    vm1.on("POST", ACTION, refusal(
        "vm1 cannot move to HostC: HostC has 412 MiB free (vm1 needs 512 MiB); remedy: free memory there. "
        "HostC has no bridge br-x (vm1 is connected to it); remedy: make it."))
    run = godwit("live-migration", "vm1", "HostC")
    assert (run.status, run.out) == (1, "")
    assert run.err.splitlines() == [
        "Error: vm1 cannot move to HostC:",
        "  - HostC has 412 MiB free (vm1 needs 512 MiB); remedy: free memory there.",
        "  - HostC has no bridge br-x (vm1 is connected to it); remedy: make it.",
        "vm1 is on HostB (running)."]


def test_no_valid_host_names_every_host(vm1, godwit):
    vm1.on("POST", ACTION, refusal(
        "No valid host was found. HostA: it is where vm1 is | HostC: vm1 cannot move to HostC: "
        "HostC has no pool (disk vda); remedy: make it. HostC is full (1 MiB); remedy: clean up."))
    run = godwit("live-migration", "vm1", "--json")
    assert (run.status, run.out) == (1, "")
    assert run.error == {
        "exit_status": 1, "message": "No valid host was found", "now": "vm1 is on HostB (running).",
        "reasons": ["HostA: it is where vm1 is",
                    "HostC: vm1 cannot move to HostC: HostC has no pool (disk vda); remedy: make it.",
                    "HostC is full (1 MiB); remedy: clean up."]}


def test_conflict(vm1, godwit):
    vm1.on("POST", ACTION, refusal("Cannot 'os-migrateLive' instance while it is in task_state migrating", 409))
    run = godwit("live-migration", "vm1")
    assert run.status == 1 and "task_state migrating" in run.err and "vm1 is on HostB" in run.err


def test_failure_says_why_and_where(vm1, godwit):
    vm1.has_move(move("running"), move("failed", reason="the link broke"))
    run = godwit("live-migration", "vm1")
    assert (run.status, run.out) == (1, "")
    assert run.err.splitlines()[-3:] == [
        "Error: vm1 did not move from HostB to HostC: the migration failed after 1.24 s:", "  - the link broke",
        "vm1 is on HostB (running)."]


def test_failure_as_json(vm1, godwit):
    vm1.has_move(move("error", reason="a\nb"))
    run = godwit("live-migration", "vm1", "--json")
    assert run.status == 1 and run.json["migration"]["state"] == "error"
    assert "needs an operator ('godwit migration-resolve vm1 7' shows" in run.error["message"]


def test_what_was_waited_is_no_part_of_what_it_took(vm1, godwit):
    vm1.has_move(move("completed", total_ms=401240, waited_ms=400000))
    assert "vm1 moved from HostB to HostC in 1.24 s (and waited 6 min 40 s for its turn)" in godwit("live-migration", "vm1").out


def test_where_it_is_may_be_unknown(vm1, godwit):
    vm1.has_move(move("failed", reason="x"))
    vm1.on("GET", f"/v2.1/servers/{VM1}", (503, {"serviceUnavailable": {"code": 503, "message": "store is locked"}}))
    assert godwit("live-migration", "vm1").err.endswith("Where vm1 is now is not known: store is locked\n")


def test_cancelled_by_someone_else(vm1, godwit):
    vm1.has_move(move("running"), move("cancelled", reason="abort was asked for"))
    run = godwit("live-migration", "vm1")
    assert run.status == 5 and "the migration was cancelled after 1.24 s" in run.err


def test_an_unknown_state_is_shown_as_it_is(vm1, godwit):
    vm1.has_move(move("pondering"), move("completed", progress=DONE))
    run = godwit("live-migration", "vm1")
    assert run.status == 0 and "vm1 HostB -> HostC: pondering (" in run.err


# ---- cold

FINISHED = move("finished", kind="migration", disks_copied=True, progress={"memory_total": 0, "memory_processed": 0, "memory_remaining": 0,
                                                         "disk_processed": 50 * MIB})


def test_migrate(vm1, godwit):
    vm1.has_move(move("stopping", kind="migration"), FINISHED)
    run = godwit("migrate", "vm1", "--host", "HostC")
    assert run.status == 0
    assert vm1.asked("POST")[0]["body"] == {"migrate": {"host": "HostC"}}
    assert vm1.asked("POST")[0]["headers"]["OpenStack-API-Version"] == "compute 2.84"
    assert run.out == ("vm1 was moved from HostB to HostC and rebooted in 1.24 s: 50.0 MiB copied. Confirm with "
                       "'godwit resize-confirm vm1', or go back with 'godwit resize-revert vm1' (what it has written since is lost: "
                       "its disks were copied).\n")


def test_a_revert_on_shared_storage_loses_nothing(vm1, godwit):
    vm1.has_move({**FINISHED, "disks_copied": False})
    assert godwit("migrate", "vm1").out.endswith("or go back with 'godwit resize-revert vm1'.\n")


def test_migrate_anywhere_a_stopped_server(vm1, godwit):
    vm1.has_server(status="SHUTOFF", power=4)
    vm1.has_move(FINISHED)
    run = godwit("migrate", "vm1")
    assert vm1.asked("POST")[0]["body"] == {"migrate": None}
    assert "vm1 was moved from HostB to HostC and stays shut off in" in run.out


def test_resize(vm1, godwit):
    vm1.on("GET", "/v2.1/flavors?is_public=None", {"flavors": [{"id": "7", "name": "m1.small"}, {"id": "8", "name": "m1.big"}]})
    vm1.has_move({**FINISHED, "kind": "resize"})
    run = godwit("resize", "vm1", "m1.big")
    assert run.status == 0 and vm1.asked("POST")[0]["body"] == {"resize": {"flavorRef": "8"}}
    assert run.out.startswith("vm1 was resized, moved from HostB to HostC and rebooted in 1.24 s")


def test_resize_to_a_flavor_that_is_not(vm1, godwit):
    vm1.on("GET", "/v2.1/flavors?is_public=None", {"flavors": [{"id": "7", "name": "m1.small"}]})
    run = godwit("resize", "vm1", "m1.big")
    assert run.status == 4 and run.err == "Error: There is no flavor 'm1.big'; there are: m1.small.\n"


@pytest.mark.parametrize("command,action,state,sentence", [
    ("resize-confirm", "confirmResize", "confirmed", "vm1 stays on HostC; what was left of it on HostB is gone.\n"),
    ("resize-revert", "revertResize", "reverted", "vm1 is back on HostB; what was left of it on HostC is gone.\n"),
])
def test_confirm_and_revert(vm1, godwit, command, action, state, sentence):
    vm1.on("POST", ACTION, (204, None))
    vm1.on("GET", f"/godwit/v1/migrations?instance_uuid={VM1}&limit=1", {"migrations": [FINISHED]})
    vm1.has_move(FINISHED, move("confirming", kind="migration"), move(state, kind="migration"))
    run = godwit(command, "vm1")
    assert (run.status, run.out) == (0, sentence)
    assert vm1.asked("POST")[0]["body"] == {action: None}


def test_confirm_without_a_move(vm1, godwit):
    vm1.on("POST", ACTION, refusal("Instance has not been resized."))
    run = godwit("resize-confirm", "vm1")
    assert run.status == 1 and run.err.startswith("Error: Instance has not been resized.\n")


# ---- while it goes on

def test_abort(vm1, godwit):
    vm1.on("DELETE", f"/v2.1/servers/{VM1}/migrations/7", (202, None))
    vm1.has_move(move("running"), move("running"), move("cancelled"))
    run = godwit("live-migration-abort", "vm1", "7")
    assert (run.status, run.out) == (0, "The migration of vm1 from HostB to HostC was cancelled after 1.24 s.\n")
    vm1.has_move(move("running"), move("completed"))
    late = godwit("live-migration-abort", "vm1", "7")
    assert late.status == 5 and "It was too late to cancel" in late.err


def test_abort_by_the_servers_name(vm1, godwit):
    """The one live migration that is under way; never one of several, nor a cold one."""
    under_way = f"/godwit/v1/migrations?instance_uuid={VM1}&unfinished=true"
    vm1.on("DELETE", f"/v2.1/servers/{VM1}/migrations/7", (202, None))
    vm1.on("GET", under_way, {"migrations": [move("running", id=7)]})
    vm1.has_move(move("running"), move("running"), move("cancelled"))
    assert godwit("live-migration-abort", "vm1").out == "The migration of vm1 from HostB to HostC was cancelled after 1.24 s.\n"
    vm1.on("GET", under_way, {"migrations": [move("running", id=8), move("running", id=7)]})
    several = godwit("live-migration-abort", "vm1")
    assert several.status == 1 and "several live migrations" in several.err
    vm1.on("GET", under_way, {"migrations": [move("moving", kind="migration", id=9)]})
    none = godwit("live-migration-force-complete", "vm1")
    assert none.status == 4 and "vm1 has no live migration under way" in none.err
    assert len(vm1.asked("DELETE")) == 1 and not vm1.asked("POST")


def test_an_ended_migration_is_not_aborted(vm1, godwit):
    run = godwit("live-migration-abort", "vm1", "7")
    assert run.status == 5 and "Migration 7 of vm1 ended before that: completed, from HostB to HostC. Nothing was done." in run.err
    assert godwit("live-migration-force-complete", "vm1", "7").status == 5
    assert not vm1.asked("DELETE") and not vm1.asked("POST")
    vm1.has_move(move("running", instance_uuid=VM3, instance_name="vm3"))
    run = godwit("live-migration-abort", "vm1", "7")
    assert run.status == 4 and "Migration 7 is one of vm3, not of vm1" in run.err


def test_a_refusal_for_an_unknown_host(vm1, godwit):
    vm1.on("POST", ACTION, refusal("Compute host HostZ could not be found."))
    for words in (("live-migration", "vm1", "HostZ"), ("migrate", "vm1", "--host", "HostZ")):
        run = godwit(*words)
        assert (run.status, run.out) == (4, "") and "Compute host HostZ could not be found" in run.err


def test_the_history_of_a_server_that_is_gone(vm1, godwit):
    vm1.on("GET", f"/godwit/v1/migrations?instance_uuid={VM3}&limit=100",
           {"migrations": [move("completed", instance_uuid=VM3, instance_name="vm3")]})
    vm1.has_move(move("completed", instance_uuid=VM3, instance_name="vm3"))
    vm1.on("GET", f"/v2.1/servers/detail?name=%5E{VM3}%24", {"servers": []})
    assert "| vm3 " in godwit("server-migration-list", VM3).out
    for which in (VM3, "vm3"):
        assert "vm3" in godwit("server-migration-show", which, "7").out


def test_force_complete(vm1, godwit):
    vm1.on("POST", f"/v2.1/servers/{VM1}/migrations/7/action", (202, None))
    vm1.has_move(move("running"), move("completed", progress=DONE))
    assert godwit("live-migration-force-complete", "vm1", "7").status == 0
    assert vm1.asked("POST")[0]["body"] == {"force_complete": None}
    assert vm1.asked("POST")[0]["headers"]["OpenStack-API-Version"] == "compute 2.84"


def test_show_follow(vm1, godwit):
    vm1.has_move(move("running"), move("running"), move("completed", progress=DONE))
    run = godwit("server-migration-show", "--follow", "vm1", "7")
    assert run.status == 0 and run.out.startswith("vm1 moved from HostB to HostC")


# ---- a daemon that goes away

def start(daemon, *words):
    return subprocess.Popen([GODWIT, *words, "live-migration", "vm1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env=clean_environment(GODWIT_URL=daemon.url))


def follow(daemon, *words):
    process = start(daemon, *words)
    while sum(r["path"] == "/godwit/v1/migrations/7" for r in daemon.requests) < 2:  # the first has been answered
        time.sleep(0.01)
    return process


def test_the_daemon_comes_back(vm1):
    vm1.has_move(move("running"))
    process = follow(vm1)
    vm1.stop()
    time.sleep(0.5)
    vm1.has_move(move("completed", progress=DONE))
    vm1.start()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and out.startswith("vm1 moved")
    assert err.count("trying again for 60 s.") == 1 and "The daemon answers again." in err


def test_the_daemon_stays_away(vm1):
    vm1.has_move(move("running"))
    process = follow(vm1, "--timeout", "1")
    vm1.stop()
    out, err = process.communicate(timeout=60)
    vm1.start()
    assert (process.returncode, out) == (3, "")
    assert "see it later with 'godwit server-migration-show --follow vm1 7'" in err


def test_ctrl_c_as_json(vm1):
    vm1.has_move(move("running"))
    process = follow(vm1, "--json")
    process.send_signal(2)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert json.loads(err)["error"]["exit_status"] == 130


def test_ctrl_c_while_the_daemon_checks(vm1):
    vm1.slow[ACTION] = 5
    process = start(vm1)
    while not vm1.asked("POST"):
        time.sleep(0.005)
    process.send_signal(2)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Whether the daemon has begun is not known" in err
