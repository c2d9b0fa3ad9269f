"""Pools from aggregates: every fault on the way, each way back from error, and a daemon that is killed at each step."""
import os
import time

import pytest

from pool_cloud import GODWITD, wait

pytestmark = pytest.mark.skipif(not os.path.exists(GODWITD), reason="godwitd is not built")


# ---- what goes wrong on the way

ERROR = {"error": ["INTERNAL_ERROR", "by the test"]}
# point, fault, where it ends, whether HostB is in the aggregate, a word of the reason
FAULTS = [
    ("join.login", {"error": ["SESSION_AUTHENTICATION_FAILED", "root", "Authentication failure"]}, "error", False, "SESSION_AUTHENTICATION_FAILED"),
    ("join.checked", {"error": ["JOINING_HOST_SERVICE_FAILED"]}, "error", False, "JOINING_HOST_SERVICE_FAILED"),
    ("join.copied", ERROR, "error", False, "by the test"),
    ("join.unplugged", ERROR, "error", False, "by the test"),
    ("call:Async.pool.join", {"error": ["RBAC_PERMISSION_DENIED", "pool.join", "no"]}, "error", False, "RBAC_PERMISSION_DENIED"),
    ("call:Async.pool.join", {"error": ["HOST_STILL_BOOTING"]}, "active", True, None),  # asked again
    ("join.checked", {"action": "restart"}, "active", True, None),  # the task vanished with the toolstack: asked again
    ("join.copied", {"action": "restart"}, "active", True, None),
    ("wire:Async.pool.join", {"action": "drop"}, "active", True, None),  # the answer got lost, the join did not
    ("wire:Async.pool.join", {"action": "garbage"}, "active", True, None),
    ("join.plug", {"action": "unplugged"}, "active", True, "its storage is not attached there: "),
    ("join.restart", {"action": "never-returns"}, "error", True, "its toolstack has not come back"),
    ("join.live", {"action": "cut-off"}, "error", True, "its toolstack has not come back"),
    ("join.enable", {"action": "disabled"}, "error", True, "not enabled"),
]


@pytest.mark.parametrize("point,fault,end,stays,words", FAULTS, ids=[f"{f[0]}-{'-'.join(map(str, list(f[1].values())[0]))[:40]}" if
                         isinstance(list(f[1].values())[0], list) else f"{f[0]}-{f[1]['action']}" for f in FAULTS])
def test_faults_of_a_join(cloud, point, fault, end, stays, words):
    c = cloud(timeout=10)
    c.make_pool("HostA")
    c.simulator.do("fault", point=point, **fault)
    code, text = c.run("aggregate-add-host", "pool", "HostB")
    after = c.wait_state("active", "error")
    assert after["metadata"]["operational_state"] == end, (after, c.log.read_text()[-3000:])
    assert after["hosts"] == (["HostA", "HostB"] if stays else ["HostA"])
    assert (code == 0) == (end == "active")
    if words:
        assert words in after["metadata"]["pool_reason"] and words in text
    if end == "active":
        assert c.members() == ["HostA", "HostB"]
        return
    details = c.ok("aggregate-details", "pool")
    assert "The pool is in error" in details and words in details and "operational_state=active" in details
    if not stays:
        assert "aggregate in error" in c.refused("aggregate-add-host", "pool", "HostB")
    go_on(c, stays, words)


def go_on(c, stays, words):
    """The way back from error."""
    if stays:
        assert words in c.refused("aggregate-set-metadata", "pool", "operational_state=active")
        c.simulator.do("mend", host="HostB")
    c.ok("aggregate-set-metadata", "pool", "operational_state=active")
    assert c.state() == "active" and "pool_reason" not in c.aggregate()["metadata"]
    if not stays:
        c.ok("aggregate-add-host", "pool", "HostB")
    assert c.members() == ["HostA", "HostB"]
    assert wait(lambda: c.host_address("HostB").endswith("/HostB?insecure=1"))
    assert wait(lambda: "(down)" not in c.ok("availability-zone-list"))


@pytest.mark.parametrize("back", [True, False])
def test_the_master_is_lost_on_the_way(cloud, back):
    c = cloud(timeout=10)
    c.make_pool("HostA")
    c.simulator.do("pools", fuse_seconds=2)
    joining = c.begin("aggregate-add-host", "pool", "HostB")
    c.wait_journal("join HostB called")
    c.simulator.do("host", name="HostA", down=True, via="HostC")
    if back:
        time.sleep(4)
        c.simulator.do("host", name="HostA", down=False, via="HostC")
    assert (joining.wait(60) == 0) == back
    if not back:
        assert "nobody knows whether HostB did join" in c.wait_state("error")["metadata"]["pool_reason"]
        c.simulator.do("host", name="HostA", down=False, via="HostC")
        assert wait(lambda: c.run("aggregate-set-metadata", "pool", "operational_state=active")[0] == 0)
    assert c.state() == "active" and c.members() == ["HostA", "HostB"]
    assert wait(lambda: c.host_address("HostB").endswith("/HostB?insecure=1"))


EJECT_FAULTS = [
    ("eject.checked", {"error": ["INTERNAL_ERROR", "by the test"]}, "error", True),
    ("eject.unplug", {"error": ["SR_BACKEND_FAILURE_40", "", "busy", ""]}, "error", True),
    ("eject.checked", {"action": "restart"}, "active", False),  # asked again
    ("eject.destroyed", {"action": "restart"}, "active", False),
    ("wire:Async.pool.eject", {"action": "drop"}, "active", False),
    ("call:Async.pool.eject", {"error": ["RBAC_PERMISSION_DENIED", "pool.eject", "no"]}, "error", True),
]


@pytest.mark.parametrize("point,fault,end,stays", EJECT_FAULTS, ids=[f"{f[0]}-{f[2]}" for f in EJECT_FAULTS])
def test_faults_of_an_ejection(cloud, point, fault, end, stays):
    c = cloud(timeout=10)
    c.make_pool("HostA", "HostB")
    code, _ = c.confirm_code("HostB")
    c.simulator.do("fault", point=point, **fault)
    c.run("aggregate-remove-host", "--confirm", code, "pool", "HostB")
    after = c.wait_state("active", "error")
    assert after["metadata"]["operational_state"] == end and ("HostB" in after["hosts"]) == stays, (after, c.log.read_text()[-3000:])
    assert ("HostB" in c.members()) == stays
    if stays:
        assert "HostB did not leave the pool" in after["metadata"]["pool_reason"]
        c.ok("aggregate-set-metadata", "pool", "operational_state=active")
        c.ok("aggregate-remove-host", "--confirm", code, "pool", "HostB")
    assert c.members() == ["HostA"] and c.simulator.look()["destroyed"] == ["Local storage of HostB"]


# ---- a daemon that is killed

@pytest.mark.parametrize("moment", [0, 0.7, 1.5, 2.3, 3.1, 3.9])
def test_killed_during_a_join(cloud, moment):
    c = cloud(timeout=40)
    c.make_pool("HostA")
    c.simulator.do("pools", join_seconds=1, fuse_seconds=1, restart_seconds=1)
    joining = c.begin("aggregate-add-host", "pool", "HostB")
    until = time.time() + 20
    while c.state() != "changing" and time.time() < until:
        time.sleep(0.02)
    time.sleep(moment)
    c.kill()
    joining.wait(60)
    c.start()
    assert c.wait_state("active", "error")["hosts"] == ["HostA", "HostB"]
    assert c.state() == "active" and c.members() == ["HostA", "HostB"], c.aggregate()
    assert c.simulator.look()["calls"].count("Async.pool.join") == 1
    assert wait(lambda: c.host_address("HostB").endswith("/HostB?insecure=1"))
    assert wait(lambda: "(down)" not in c.ok("availability-zone-list"))


@pytest.mark.parametrize("moment", [0, 0.9, 2])
def test_killed_during_an_ejection(cloud, moment):
    c = cloud(timeout=40)
    c.make_pool("HostA", "HostB")
    code, _ = c.confirm_code("HostB")
    c.simulator.do("pools", join_seconds=2, restart_seconds=2)
    leaving = c.begin("aggregate-remove-host", "--confirm", code, "pool", "HostB")
    until = time.time() + 20
    while c.state() != "changing" and time.time() < until:
        time.sleep(0.02)
    time.sleep(moment)
    c.kill()
    leaving.wait(60)
    c.start()
    assert c.wait_state("active", "error")["hosts"] == ["HostA"]
    assert c.state() == "active" and c.members() == ["HostA"], c.aggregate()
    assert c.simulator.look()["calls"].count("Async.pool.eject") == 1
    assert wait(lambda: "(down)" not in c.ok("availability-zone-list"))
