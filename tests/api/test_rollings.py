"""Rolling drains on godwitd with simulated hosts: by people, by a file, by a URL, through the daemon's death, and what stops them."""
import http.server
import json
import threading

import pytest
from api_server import assert_fault
from rolling_fleet import HOSTS, fleet, where  # noqa: F401
from test_godwitd import wait


def test_dry_run(fleet):
    fleet = fleet()
    answer = fleet.roll(aggregate="rack1", dry_run=True)
    plan = answer.json["rolling"]
    assert (answer.status, plan["id"], plan["state"]) == (200, None, "planned")
    assert [h["host"] for h in plan["hosts"]] == HOSTS and all((h["moves"], h["stays"]) == (3, 0) for h in plan["hosts"])
    assert fleet.get("/godwit/v1/rollings").json["rollings"] == [] and fleet.get("/godwit/v1/drains").json["drains"] == []


def test_people_see_to_the_hosts(fleet):
    """Without a hook each host waits, empty, until somebody takes it into use again."""
    fleet = fleet()
    home = where(fleet)
    number = fleet.begin(hosts=["HostC", "HostB"], **{"return": True})
    wait(lambda: fleet.turns(number)["HostC"] == "held")
    assert fleet.turns(number)["HostB"] == "waiting" and fleet.servers("HostC") == []
    (held, _) = fleet.rolling(number)["hosts"]
    assert "godwit undrain HostC" in held["reason"] and fleet.host("HostC")["status"] == "disabled"
    assert fleet.undrain("HostC").status == 200
    wait(lambda: fleet.turns(number)["HostB"] == "held")
    assert fleet.turns(number)["HostC"] == "done" and len(fleet.servers("HostC")) >= 3, "they came home before the next turn"
    assert fleet.undrain("HostB", **{"return": True}).status == 202  # their own return is waited for
    rolling = fleet.over(number)
    assert rolling["state"] == "completed" and {h["turn"] for h in rolling["hosts"]} == {"done"}
    assert where(fleet) == home and all(fleet.host(h)["status"] == "enabled" for h in HOSTS)


def test_a_file_sees_to_the_hosts(fleet):
    """Called before, when it is empty, and when it is in use again; one host after another."""
    fleet = fleet()
    number = fleet.begin(aggregate="rack1", hook=fleet.hook("firmware"))
    rolling = fleet.over(number)
    assert rolling["state"] == "completed", rolling
    calls = fleet.calls()
    assert [(c[0], c[1]) for c in calls] == [(phase, host) for host in HOSTS for phase in ("before", "empty", "after")]
    assert all(c[:2] == c[2:4] and c[4] == str(number) for c in calls)
    drains = {h["host"]: h["drain_id"] for h in rolling["hosts"]}
    assert [c[5] for c in calls] == [d for h in HOSTS for d in ("0", str(drains[h]), str(drains[h]))]
    assert all(fleet.host(h)["status"] == "enabled" for h in HOSTS) and len(fleet.servers()) == 9


def test_two_at_once(fleet):
    fleet = fleet()
    number = fleet.begin(hosts=HOSTS, at_once=2)
    wait(lambda: sorted(fleet.turns(number).values()) == ["held", "held", "waiting"])
    assert len(fleet.servers("HostD")) == 9
    for host in HOSTS:
        wait(lambda: fleet.turns(number)[host] == "held")
        assert fleet.undrain(host).status == 200
        if host == "HostB":
            wait(lambda: fleet.turns(number)["HostD"] == "held")
    assert fleet.over(number)["state"] == "completed"


@pytest.mark.parametrize("phase", ["before", "empty", "after"])
def test_a_hook_that_fails_stops_it(fleet, phase):
    fleet = fleet()
    hook = fleet.hook("bad", f'[ "$1" = {phase} ] && {{ echo starting; echo "no firmware for $2" >&2; exit 3; }}\nexit 0\n')
    rolling = fleet.over(fleet.begin(aggregate="rack1", hook=hook))
    assert rolling["state"] == "failed"
    remedy = "; it stays disabled until: godwit undrain HostB" if phase == "empty" else ""
    assert rolling["reason"] == (f"HostB: the hook bad {phase} HostB ended with status 3: no firmware for HostB{remedy}"
                                 "; without a turn, to begin again with: HostC HostD")
    assert [h["turn"] for h in rolling["hosts"]] == ["failed", "waiting", "waiting"]
    assert fleet.host("HostB")["status"] == ("disabled" if phase == "empty" else "enabled")
    assert (fleet.servers("HostB") == []) == (phase != "before")


def test_a_hook_that_begins_something(fleet):
    """75 is EX_TEMPFAIL: whatever it has begun ends later, and undrain tells so."""
    fleet = fleet()
    number = fleet.begin(hosts=["HostB"], hook=fleet.hook("later", '[ "$1" = empty ] && exit 75\nexit 0\n'))
    wait(lambda: fleet.turns(number)["HostB"] == "held")
    assert fleet.undrain("HostB").status == 200 and fleet.over(number)["state"] == "completed"
    assert [c[0] for c in fleet.calls()] == ["before", "empty", "after"]


def test_a_hook_that_does_not_end(fleet):
    fleet = fleet("hook_timeout = 1\n")
    rolling = fleet.over(fleet.begin(hosts=["HostB"], hook=fleet.hook("slow", '[ "$1" = empty ] && sleep 600\nexit 0\n')))
    assert rolling["state"] == "failed" and "did not end within 1 s (hook_timeout)" in rolling["reason"]


class Receiver(http.server.BaseHTTPRequestHandler):
    answers, bodies = {}, []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.bodies.append(body)
        self.send_response(self.answers.get(body["phase"], 204))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    Receiver.answers, Receiver.bodies = {}, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://gull:secret@127.0.0.1:{server.server_port}/fleet"
    server.shutdown()


def test_a_url_sees_to_the_hosts(fleet, receiver):
    fleet = fleet()
    number = fleet.begin(hosts=["HostB", "HostC"], hook=receiver)
    rolling = fleet.over(number)
    assert rolling["state"] == "completed" and "secret" not in json.dumps(rolling) and "/fleet" in rolling["hook"]
    assert [(b["phase"], b["host"], b["rolling"]) for b in Receiver.bodies] == [
        (phase, host, number) for host in ("HostB", "HostC") for phase in ("before", "empty", "after")]
    Receiver.answers = {"empty": 202}
    number = fleet.begin(hosts=["HostB"], hook=receiver)
    wait(lambda: fleet.turns(number)["HostB"] == "held")
    assert fleet.undrain("HostB").status == 200 and fleet.over(number)["state"] == "completed"
    Receiver.answers = {"before": 500}
    rolling = fleet.over(fleet.begin(hosts=["HostB"], hook=receiver))
    assert rolling["state"] == "failed" and "(before HostB) answered 500" in rolling["reason"] and "secret" not in rolling["reason"]


def test_an_instance_that_stays_stops_it(fleet):
    fleet = fleet()
    server = fleet.servers("HostC")[0]
    assert fleet.request("POST", f"/v2.1/servers/{server['id']}/metadata", {"metadata": {"godwit:hosts": "HostC"}}).status == 200
    plan = fleet.roll(aggregate="rack1", dry_run=True).json["rolling"]
    assert [h["stays"] for h in plan["hosts"]] == [0, 1, 0] and f"{server['name']} cannot move" in plan["hosts"][1]["reason"]
    rolling = fleet.over(fleet.begin(aggregate="rack1", hook=fleet.hook("firmware")))
    assert [h["turn"] for h in rolling["hosts"]] == ["done", "failed", "waiting"] and "is incomplete" in rolling["reason"]


def test_killed_again_and_again(fleet):
    """Whatever was written last is gone on from; hooks may be called twice, and every host has its turn once."""
    fleet = fleet()
    home = where(fleet)
    number = fleet.begin(aggregate="rack1", hook=fleet.hook("firmware", "sleep 0.3\n"), **{"return": True})
    for _ in range(6):
        seen = fleet.turns(number)
        try:
            wait(lambda: fleet.turns(number) != seen or fleet.rolling(number)["state"] != "running", 20)
        finally:
            fleet.kill()
            fleet.start_again()
    rolling = fleet.over(number)
    assert rolling["state"] == "completed", rolling
    assert list(dict.fromkeys((c[0], c[1]) for c in fleet.calls())) == [
        (phase, host) for host in HOSTS for phase in ("before", "empty", "after")]
    assert all(fleet.host(h)["status"] == "enabled" for h in HOSTS)
    drains = fleet.get("/godwit/v1/drains").json["drains"]
    assert sorted(d["hosts"][0] for d in drains if d["kind"] == "drain") == HOSTS
    assert where(fleet) == home, "each came home, and nothing was lost"


def test_cancelled(fleet):
    fleet = fleet()
    number = fleet.begin(aggregate="rack1")
    wait(lambda: fleet.turns(number)["HostB"] == "held")
    assert fleet.request("DELETE", f"/godwit/v1/rollings/{number}").status == 202
    assert fleet.rolling(number)["state"] == "running" and fleet.rolling(number)["cancelling"]
    assert fleet.undrain("HostB").status == 200
    rolling = fleet.over(number)
    assert rolling["state"] == "cancelled" and [h["turn"] for h in rolling["hosts"]] == ["done", "waiting", "waiting"]
    assert_fault(fleet.request("DELETE", f"/godwit/v1/rollings/{number}"), "conflictingRequest", 409, "has ended already")


def test_refusals(fleet):
    fleet = fleet()
    assert_fault(fleet.roll(), "badRequest", 400, "either the hosts", "or an aggregate")
    assert_fault(fleet.roll(hosts=HOSTS, aggregate="rack1"), "badRequest", 400, "either the hosts")
    assert_fault(fleet.roll(hosts=["HostZ"]), "itemNotFound", 404, "HostZ")
    assert_fault(fleet.roll(aggregate="rack7"), "itemNotFound", 404, "rack7")
    assert_fault(fleet.roll(hosts=["HostB", "HostC", "HostB"]), "badRequest", 400, "HostB is named twice")
    assert_fault(fleet.roll(hosts=HOSTS, at_once=-1), "badRequest", 400, "at_once")
    assert_fault(fleet.roll(hosts=HOSTS, at_once=65), "badRequest", 400, "at_once: 65 hosts at once are too many: name at most 64")
    assert fleet.roll(hosts=HOSTS, at_once=64, dry_run=True).json["rolling"]["at_once"] == len(HOSTS)
    for hook, words in (("nothing", "no file that Godwit may execute"), ("../bin/sh", "neither a URL"), ("/bin/sh", "neither a URL"),
                        (fleet.hook("loose", mode=0o777), "can be changed by others"), (fleet.hook("text", mode=0o644), "chmod 0755"),
                        ("http://[", "is no URL")):
        assert_fault(fleet.roll(hosts=HOSTS, hook=hook), "badRequest", 400, "hook: ", words)
    service = next(s for s in fleet.get("/v2.1/os-services", "2.53").json["services"] if s["host"] == "HostC")
    fleet.request("PUT", f"/v2.1/os-services/{service['id']}", {"status": "disabled"}, "2.53")
    assert_fault(fleet.roll(hosts=HOSTS), "badRequest", 400, "HostC is disabled")
    number = fleet.begin(hosts=["HostB"])
    assert_fault(fleet.roll(hosts=["HostD", "HostB"]), "conflictingRequest", 409, f"see rolling drain {number}")
    for bad in ("7", "x", "0"):
        assert_fault(fleet.get(f"/godwit/v1/rollings/{bad}"), "itemNotFound", 404, f"Rolling drain {bad}")
