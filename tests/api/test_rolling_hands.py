"""Rolling drains and other hands: operators, the store, and what becomes of a host between its turns."""
import os
import time

import pytest
from api_server import assert_fault
from rolling_fleet import fleet  # noqa: F401
from test_godwitd import wait

UNTIL_GO = """[ "$1" = {phase} ] || exit 0
until [ -e {go} ]; do sleep 0.05; done
"""
STORE_TIMEOUT_S = 10  # how long a write waits for another's


def waits_at(fleet, phase):
    """A hook that ends in that phase once the file `go` is there."""
    return fleet.hook("patient", UNTIL_GO.format(phase=phase, go=fleet.path("go")))


def begun(fleet, phase, host="HostB"):
    wait(lambda: [c for c in fleet.calls() if c[:2] == [phase, host]])


def test_disabled_while_it_waits(fleet):
    fleet = fleet()
    number = fleet.begin(hosts=["HostB", "HostC", "HostD"], hook=waits_at(fleet, "after"))
    begun(fleet, "after")
    assert fleet.put_service("HostC", status="disabled", disabled_reason="bad RAM").status == 200
    fleet.touch("go")
    rolling = fleet.over(number)
    assert [h["turn"] for h in rolling["hosts"]] == ["done", "failed", "waiting"] and rolling["state"] == "failed"
    assert rolling["reason"] == ("HostC: it was disabled meanwhile (bad RAM): enable it, and begin again"
                                 "; without a turn, to begin again with: HostD")
    assert "HostC" not in [c[1] for c in fleet.calls()]
    assert (fleet.host("HostC")["status"], fleet.host("HostC")["disabled_reason"]) == ("disabled", "bad RAM")


def test_forced_down_while_it_waits(fleet):
    fleet = fleet()
    number = fleet.begin(hosts=["HostB", "HostC"])
    wait(lambda: fleet.turns(number)["HostB"] == "held")
    assert fleet.put_service("HostC", forced_down=True).status == 200
    assert fleet.undrain("HostB").status == 200
    rolling = fleet.over(number)
    assert rolling["hosts"][1]["turn"] == "failed" and "it was forced down meanwhile" in rolling["reason"]
    assert rolling["hosts"][1]["drain_id"] is None


def test_disabled_before_it_is_emptied(fleet):
    """The hook at `before` may last: what has become of the host meanwhile counts."""
    fleet = fleet()
    number = fleet.begin(hosts=["HostB"], hook=waits_at(fleet, "before"))
    begun(fleet, "before")
    assert fleet.put_service("HostB", status="disabled", disabled_reason="bad RAM").status == 200
    fleet.touch("go")
    rolling = fleet.over(number)
    assert "HostB: it was disabled meanwhile (bad RAM)" in rolling["reason"] and len(fleet.servers("HostB")) == 3
    assert fleet.host("HostB")["disabled_reason"] == "bad RAM"


def test_removed_while_it_waits(fleet):
    fleet = fleet()
    assert fleet.add("HostE", memory_mib=64, link_mbps=10000).status == 201  # nothing fits there
    number = fleet.begin(hosts=["HostB", "HostE"])
    wait(lambda: fleet.turns(number)["HostB"] == "held")
    assert fleet.request("DELETE", "/godwit/v1/hosts/HostE").status == 204
    assert fleet.undrain("HostB").status == 200
    assert "HostE: it was removed from Godwit meanwhile" in fleet.over(number)["reason"]


def test_disabled_while_the_hook_is_at_it(fleet):
    """Whoever disables a host has the last word."""
    fleet = fleet()
    number = fleet.begin(hosts=["HostB"], hook=waits_at(fleet, "empty"))
    begun(fleet, "empty")
    assert fleet.put_service("HostB", status="disabled", disabled_reason="DIMM 3 is dead").status == 200
    fleet.touch("go")
    wait(lambda: fleet.turns(number)["HostB"] == "held")
    (host,) = fleet.rolling(number)["hosts"]
    assert host["reason"] == "it is empty, and was disabled meanwhile (DIMM 3 is dead): once that is over, run: godwit undrain HostB"
    time.sleep(1.5)  # some looks
    assert fleet.host("HostB")["disabled_reason"] == "DIMM 3 is dead"
    assert fleet.undrain("HostB").status == 200 and fleet.over(number)["state"] == "completed"
    assert [c[0] for c in fleet.calls()] == ["before", "empty", "after"]


@pytest.mark.parametrize("phase", ["before", "empty"])
def test_nobody_enables_it_meanwhile(fleet, phase):
    fleet = fleet()
    number = fleet.begin(hosts=["HostB"], hook=waits_at(fleet, phase))
    begun(fleet, phase)
    words = f"Rolling drain {number} has HostB in the turn '{phase}'"
    assert_fault(fleet.undrain("HostB"), "conflictingRequest", 409, words)
    assert_fault(fleet.put_service("HostB", status="enabled"), "conflictingRequest", 409, words)
    assert_fault(fleet.request("PUT", "/v2.1/os-hosts/HostB", {"status": "enable"}, "2.42"), "conflictingRequest", 409, words)
    assert fleet.host("HostB")["status"] == ("disabled" if phase == "empty" else "enabled")
    assert fleet.undrain("HostC").status == 200
    fleet.touch("go")
    assert fleet.over(number)["state"] == "completed"


def test_removed_while_it_is_held(fleet):
    """Nothing would ever end it, and nobody else could have the other host."""
    fleet = fleet()
    number = fleet.begin(hosts=["HostB", "HostC"])
    wait(lambda: fleet.turns(number)["HostB"] == "held")
    assert fleet.request("DELETE", f"/v2.1/os-services/{fleet.service('HostB')}", version="2.53").status == 204
    rolling = fleet.over(number)
    assert rolling["state"] == "failed" and rolling["hosts"][0]["reason"] == "it was removed from Godwit"


def test_waiting_hosts_of_a_cancelled_one_are_free(fleet):
    fleet = fleet()
    number = fleet.begin(hosts=["HostB", "HostC"])
    wait(lambda: fleet.turns(number)["HostB"] == "held")
    assert_fault(fleet.roll(hosts=["HostC"]), "conflictingRequest", 409, f"see rolling drain {number}")
    assert fleet.request("DELETE", f"/godwit/v1/rollings/{number}").status == 202
    assert_fault(fleet.roll(hosts=["HostB"]), "badRequest", 400, "HostB is disabled")
    assert fleet.roll(hosts=["HostC"]).status == 202


def test_a_hook_is_called_once_though_the_store_was_away(fleet):
    fleet = fleet()
    number = fleet.begin(hosts=["HostB"], hook=waits_at(fleet, "empty"))
    begun(fleet, "empty")
    with fleet.store_away():
        fleet.touch("go")
        time.sleep(STORE_TIMEOUT_S + 1)
    assert "not recorded" in fleet.read_log()
    assert fleet.over(number)["state"] == "completed"
    assert [c[0] for c in fleet.calls()] == ["before", "empty", "after"]


def test_the_walk_goes_on_though_the_store_was_away(fleet):
    fleet = fleet()
    number = fleet.begin(hosts=["HostB"], hook=waits_at(fleet, "before"))
    begun(fleet, "before")
    fleet.touch("go")
    wait(lambda: fleet.turns(number)["HostB"] == "emptying")
    with fleet.store_away():
        time.sleep(STORE_TIMEOUT_S + 1)
    assert fleet.over(number)["state"] == "completed"
    assert [d["hosts"] for d in fleet.get("/godwit/v1/drains").json["drains"] if d["kind"] == "drain"] == [["HostB"]]
    assert os.path.exists(fleet.path("calls"))
