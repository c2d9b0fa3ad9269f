"""Emptying hosts and spreading load, as a tired administrator sees it."""
import pytest

DRAINS = "/godwit/v1/drains"


def move(name="vm1", state="planned", dest="HostC", reason=None, **more):
    return {"instance_uuid": "10000000-0000-4000-8000-000000000001", "instance_name": name, "source": "HostB", "dest": dest,
            "kind": "live-migration", "state": state, "migration_id": None, "attempts": 0, "reason": reason, "bytes": 1 << 30,
            "start_ms": 1500, "predicted_ms": 2090, "pause_ms": 60, **more}


def drain(state="running", id_=3, moves=None, **more):
    moves = [move()] if moves is None else moves
    counts = {s: sum(m["state"] == s for m in moves) for s in ("planned", "moving", "moved", "stays", "given up", "gone")}
    return {"drain": {"id": id_, "kind": "drain", "hosts": ["HostB"], "state": state, "cancelling": False, "user_id": "admin", "reason": None,
                      "predicted_ms": 8330, "bound_ms": 8000, "elapsed_ms": 7700, "created_at": "2026-11-23T09:14:03.000000",
                      "ended_at": None, "counts": counts, "moves": moves, **more}}


STAYS = move("vm2", "stays", None, "no host can take it: HostC: it is disabled | HostD: it has room for 1 MiB more, and vm2 needs 512 MiB")


def test_rolling_options(daemon, godwit):
    for words, says in ((["--hook", "x", "HostB"], "--aggregate and --hook are for rolling drains"), ([], "HOST is missing"),
                        (["--rolling", "1", "--deadline", "2h", "HostB"], "no deadline"), (["--rolling", "none", "HostB"], "--rolling"),
                        (["--aggregate", "rack1"], "--rolling COUNT")):
        run = godwit("drain", *words)
        assert run.status == 2 and says in run.err, run
    assert daemon.asked("POST") == []


ROLLING = {"id": 4, "state": "running", "at_once": 1, "reason": None, "user_id": "admin", "created_at": "2026-11-23T09:14:03.000000", "hosts": [
    {"host": "HostB", "turn": "done", "moves": 3, "stays": 0, "predicted_ms": 4100, "drain_id": 7, "return_id": 8,
     "since": "2026-11-23T09:15:03.000000", "reason": None},
    {"host": "HostC", "turn": "held", "moves": 2, "stays": 1, "predicted_ms": 2500, "drain_id": 9, "return_id": None,
     "since": "2026-11-23T09:16:03.000000", "reason": "it is empty: do what is to be done, then run: godwit undrain HostC"}]}


def test_rolling(daemon, godwit):
    daemon.on("POST", "/godwit/v1/rollings", (202, {"rolling": ROLLING}))
    run = godwit("--no-wait", "drain", "--rolling", "1", "--aggregate", "rack1", "--hook", "firmware", "--return")
    assert run.status == 0 and "It is under way as rolling drain 4" in run.out
    assert daemon.asked("POST")[0]["body"] == {"rolling": {"at_once": 1, "aggregate": "rack1", "hook": "firmware", "return": True}}
    daemon.on("GET", "/godwit/v1/rollings/4", {"rolling": ROLLING})
    shown = godwit("rolling-show", "4").out
    assert "| HostC | held | 3       | 1    | 2.50 s | 9     | -      | 2026-11-23 09:16:03 |" in shown, shown
    assert "rolling drain 4: 1 of 2 hosts done; HostC held: it is empty" in shown
    daemon.on("GET", "/godwit/v1/rollings", {"rollings": [ROLLING]})
    assert "| 4  | running | 2     | 1    | 1       | admin    | 2026-11-23 09:14:03 | -      |" in godwit("rolling-list").out
    ended = {**ROLLING, "state": "failed", "reason": "HostC: no firmware"}
    daemon.on("GET", "/godwit/v1/rollings/4", {"rolling": ended})
    run = godwit("rolling-show", "--follow", "4")
    assert run.status == 1 and "The rolling drain is failed: 1 of 2 hosts had their turn; HostC: no firmware" in run.out
    daemon.on("GET", "/godwit/v1/rollings/4", {"rolling": {**ROLLING, "state": "completed"}})
    assert godwit("rolling-show", "--follow", "4").status == 0


def test_dry_run_shows_the_plan(daemon, godwit):
    daemon.on("POST", DRAINS, (200, drain("planned", None, [move(), STAYS])))
    run = godwit("drain", "HostB", "--dry-run")
    assert run.status == 0, run.err
    assert "| vm1    | HostB | HostC | live | planned | +1.5 s | 2.09 s | 0.06 s | 1.0 GiB |" in run.out
    assert "vm2 stays:\n  no host can take it: HostC: it is disabled\n  HostD: it has room for 1 MiB more" in run.out
    assert "1 move, predicted to end after 8.33 s; the links allow no less than 8.00 s." in run.out
    assert "1 server cannot move" in run.out
    (asked,) = daemon.asked("POST", DRAINS)
    assert asked["body"] == {"drain": {"hosts": ["HostB"], "dry_run": True}}


def test_follows_to_the_end(daemon, godwit):
    daemon.on("POST", DRAINS, (202, drain()))
    daemon.on("GET", f"{DRAINS}/3", (200, drain(moves=[move(state="moving")])), (200, drain("completed", moves=[move(state="moved")])))
    run = godwit("drain", "HostB", "HostD", "--parallel", "2", "--include-stopped", "--return")
    assert run.status == 0 and "HostB is empty: 1 server moved in 7.70 s (predicted 8.33 s)." in run.out
    assert "drain 3 of HostB: 0 of 1 moved, 1 moving, 0 stay" in run.err
    (asked,) = daemon.asked("POST", DRAINS)
    assert asked["body"] == {"drain": {"hosts": ["HostB", "HostD"], "include_stopped": True, "return": True, "parallel": 2}}


@pytest.mark.parametrize("text, seconds", [("90s", 90), ("45m", 2700), ("2h", 7200)])
def test_deadline(daemon, godwit, text, seconds):
    daemon.on("POST", DRAINS, (200, drain("planned", None, reason="the plan of 1 moves is predicted to end after 99 s")))
    run = godwit("drain", "HostB", "--dry-run", "--deadline", text)
    assert run.status == 5 and "It would be refused: the plan of 1 moves" in run.out
    (asked,) = daemon.asked("POST", DRAINS)
    assert asked["body"] == {"drain": {"hosts": ["HostB"], "dry_run": True, "deadline_s": seconds}}


def test_deadline_by_the_clock(daemon, godwit):
    daemon.on("POST", DRAINS, (200, drain("planned", None)))
    assert godwit("drain", "HostB", "--dry-run", "--deadline", "05:30").status == 0
    (asked,) = daemon.asked("POST", DRAINS)
    assert 0 < asked["body"]["drain"]["deadline_s"] <= 86400


@pytest.mark.parametrize("text", ["", "soon", "0s", "-5m", "25:00", "12:60", "5", "1d", "12:30:00"])
def test_no_deadline(daemon, godwit, text):
    run = godwit("drain", "HostB", "--deadline", text)
    assert run.status == 2 and "--deadline is" in run.err and daemon.asked("POST", DRAINS) == []


def test_what_stayed_is_told(daemon, godwit):
    daemon.on("POST", DRAINS, (202, drain()))
    daemon.on("GET", f"{DRAINS}/3", (200, drain("incomplete", moves=[move(state="moved"), STAYS], reason="1 instance could not be moved")))
    run = godwit("drain", "HostB")
    assert run.status == 1
    assert "vm2 stays:" in run.out and "The drain of HostB is incomplete: 1 server moved in 7.70 s (predicted 8.33 s), 1 stay." in run.out
    assert run.out.endswith("HostB stays disabled. Let it take servers again with: godwit undrain HostB\n")
    assert run.out.count("| Server |") == 1, "the table is shown once"
    assert run.out.index("| Server |") < run.out.index("vm2 stays:")


def test_a_cancelled_drain_counts_what_is_left(daemon, godwit):
    daemon.on("GET", f"{DRAINS}/3", (200, drain("cancelled", moves=[move(state="moved"), move("vm2")])))
    run = godwit("drain-show", "--follow", "3")
    assert run.status == 5 and "is cancelled: 1 server moved in 7.70 s (predicted 8.33 s), 1 stay." in run.out


def test_a_plan_that_can_move_nothing(daemon, godwit):
    daemon.on("POST", DRAINS, (200, drain("planned", None, [STAYS])))
    assert godwit("drain", "HostB", "--dry-run").status == 5


UNDRAIN = "/godwit/v1/hosts/HostB/undrain"


def test_undrain_tells_how_the_host_is_now(daemon, godwit):
    daemon.on("POST", UNDRAIN, {"undrain": {"host": "HostB", "status": "disabled", "disabled_reason": "new RAM", "drain": None}})
    run = godwit("undrain", "--return", "HostB")
    assert run.status == 0 and "disabled again, as it was before it was drained (new RAM)" in run.out
    assert "godwit undrain --return HostB" in run.out
    daemon.on("POST", UNDRAIN, {"undrain": {"host": "HostB", "status": "enabled", "disabled_reason": None, "drain": None}})
    run = godwit("undrain", "--return", "HostB")
    assert "HostB takes servers again." in run.out and "No server comes home" in run.out


def test_cancelled_is_otherwise(daemon, godwit):
    daemon.on("GET", f"{DRAINS}/3", (200, drain("cancelled", moves=[])))
    assert godwit("drain-show", "--follow", "3").status == 5
    daemon.on("DELETE", f"{DRAINS}/3", (202, None))
    run = godwit("drain-cancel", "3")
    assert run.status == 0 and "godwit undrain HOST" in run.out


def test_json_and_no_wait(daemon, godwit):
    daemon.on("POST", DRAINS, (202, drain()))
    assert godwit("--json", "--no-wait", "drain", "HostB").json["drain"]["id"] == 3
    assert "see it with: godwit drain-show 3" in godwit("--no-wait", "drain", "HostB").out


def test_undrain(daemon, godwit):
    daemon.on("POST", "/godwit/v1/hosts/HostB/undrain", (200, {"undrain": {"host": "HostB", "drain": None}}))
    run = godwit("undrain", "HostB")
    assert run.status == 0 and run.out == "HostB takes servers again.\n"


def test_balance(daemon, godwit):
    daemon.on("POST", "/godwit/v1/balance", (200, {"balance": {"score_before": 0.5, "score_after": 0.25, "bytes": 1 << 30, "hosts_before": 3,
                                                              "hosts_after": 3, **drain("planned", None)}}))
    run = godwit("balance", "--dry-run", "--objective", "memory", "--max-moves", "5", "--aggregate", "rack1")
    assert run.status == 0 and "Unevenness 0.500, then 0.250; hosts in use 3, then 3; 1.0 GiB to copy." in run.out
    (asked,) = daemon.asked("POST", "/godwit/v1/balance")
    assert asked["body"] == {"balance": {"dry_run": True, "max_moves": 5, "objective": "memory", "aggregate": "rack1"}}


def test_list(daemon, godwit):
    daemon.on("GET", DRAINS, (200, {"drains": []}))
    assert "godwit drain HOST --dry-run" in godwit("drain-list").out
    daemon.on("GET", DRAINS, (200, {"drains": [drain("completed")["drain"]]}))
    assert "| 3  | drain | HostB | completed | admin    | 2026-11-23 09:14:03 | 7.70 s | 8.33 s    | -      |" in godwit("drain-list").out


@pytest.mark.parametrize("words", [("drain",), ("drain", "HostB", "--parallel", "many"), ("balance", "--max-moves", "0"),
                                   ("undrain", "HostB", "HostC")])
def test_makes_no_sense(godwit, words):
    assert godwit(*words).status == 2
