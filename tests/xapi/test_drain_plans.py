"""What drains and balances plan on XenServer is what the checks of each move say: who reaches which storage repository, what is copied, what
cannot be. HostA and HostB are a pool with NFS; HostC, which is another pool, is by far the roomiest."""
import json
import os

import pytest

from godwitd import GODWITD, join, wait_vm

pytestmark = pytest.mark.skipif(not os.path.exists(GODWITD), reason="godwitd is not built")
GIB = 1 << 30


@pytest.fixture
def two_pools(daemon, simulate):
    """Hosts are added by the tests, which first change what they are about: storage is asked about once a minute."""
    simulator = simulate()
    simulator.do("host", name="HostB", memory=8 * GIB)
    return simulator


def change(simulator, cls, uuid, **values):
    simulator.do("set", uuid=uuid, values=values, **{"class": cls})


def fill(simulator, host, free):
    """Its local storage has so much left."""
    change(simulator, "SR", simulator.look()["srs"][f"Local storage of {host}"], physical_utilisation=100 * GIB - free)


def plan(daemon, simulator, *words):
    join(daemon, simulator, "HostA", "HostB", "HostC")
    return {m["instance_name"]: m for m in json.loads(daemon.run("--json", "drain", "--dry-run", *words, "HostA").stdout)["drain"]["moves"]}


def drained(daemon):
    """The rows of a drain of HostA, carried out; none of its moves may have been refused."""
    daemon.run("drain", "--include-stopped", "HostA")
    rows = json.loads(daemon.ok("--json", "drain-show", "1"))["drain"]["moves"]
    assert all(m["attempts"] == 0 for m in rows) and "failed: " not in daemon.log.read_text(), rows
    return {m["instance_name"]: m for m in rows}


def test_every_planned_move_passes_its_checks(daemon, two_pools):
    rows = plan(daemon, two_pools, "--include-stopped")
    assert {n: m["dest"] for n, m in rows.items()} == {"shared": "HostB", "stopped": "HostB", "local": "HostB"}, "roomy as HostC is"
    for name, move in rows.items():
        assert "not possible" not in daemon.ok("plan", *(["--cold"] if name == "stopped" else []), name, move["dest"])
    assert rows["shared"]["bytes"] == 512 << 20, "its memory alone"
    assert rows["local"]["bytes"] == (512 << 20) + GIB, "and what its disk holds"
    assert rows["stopped"]["bytes"] == 0
    done = drained(daemon)
    assert {n: (m["dest"], m["state"]) for n, m in done.items()} == {n: (m["dest"], "moved") for n, m in rows.items()}
    assert two_pools.vm("shared")["host"] == "HostB" and two_pools.vm("local")["host"] == "HostB"
    assert two_pools.look()["violations"] == []


def test_what_cannot_be_copied_stays_with_the_reason(daemon, two_pools):
    change(two_pools, "SR", two_pools.look()["srs"]["Local storage of HostA"], type="lvm")
    move = plan(daemon, two_pools)["local"]
    assert "HostB, HostC: it does not reach Local storage of HostA" in move["reason"] and "of type lvm" in move["reason"]
    assert "migrate it cold (godwit migrate local)" in move["reason"] and "both hosts" not in move["reason"] and move["dest"] is None
    assert "not possible" in daemon.run("plan", "local", "HostB").stdout
    rows = drained(daemon)
    assert rows["local"]["state"] == "stays" and rows["shared"]["state"] == "moved"
    assert two_pools.vm("local")["host"] == "HostA"


@pytest.mark.parametrize("cls,values,words", [("VBD", {"other_config": {"osvol": "1"}}, "attached volume"), ("snapshots", {}, "2 snapshots")])
def test_a_disk_that_is_not_copied_keeps_its_instance(daemon, two_pools, cls, values, words):
    if cls == "snapshots":
        for _ in range(2):
            two_pools.do("snapshot", uuid=two_pools.vms["local"])
    else:
        change(two_pools, cls, two_pools.vm("local")["vbds"][0], **values)
    assert words in plan(daemon, two_pools)["local"]["reason"]
    assert words in daemon.run("plan", "local", "HostC").stdout, "and the checks say so"


def test_where_the_storage_is_not_attached_is_nowhere(daemon, two_pools):
    """It is of the pool, but HostB does not see it: the shared flag proves nothing."""
    two_pools.do("detach", host="HostB", name="NFS virtual disk storage")
    move = plan(daemon, two_pools)["shared"]
    assert "it does not reach NFS virtual disk storage" in move["reason"]


def test_a_network_that_is_not_there_is_an_obstacle(daemon, two_pools):
    """HostC would be the place of what is on local storage, but its pool calls its network otherwise."""
    two_pools.do("network", host="HostC", name="other")
    rows = plan(daemon, two_pools)
    assert rows["local"]["dest"] == "HostB" and rows["shared"]["dest"] == "HostB"
    assert "network management" in daemon.run("plan", "local", "HostC").stdout, "and the checks say so"


def test_without_its_network_anywhere_it_stays(daemon, two_pools):
    two_pools.do("network", host="HostC", name="other")
    two_pools.do("own", host="HostB", values={"enabled": False}, **{"class": "host"})
    move = plan(daemon, two_pools)["local"]
    assert move["state"] == "stays" and "HostC: it has no network management, to which local is connected" in move["reason"]


def test_a_host_in_maintenance_takes_nothing(daemon, two_pools):
    two_pools.do("own", host="HostB", values={"enabled": False}, **{"class": "host"})
    move = plan(daemon, two_pools)["shared"]
    assert move["state"] == "stays" and "HostB: it is disabled (in maintenance) in its pool" in move["reason"]
    assert "in maintenance" in daemon.run("plan", "shared", "HostB").stdout


def test_room_for_copies_is_counted(daemon, two_pools):
    """10 GiB are copied to HostB's own storage or HostC's; there is room for one on each, and the pool's default takes no more than they do."""
    for name in ("second", "third"):
        two_pools.do("vm", name=name)
    change(two_pools, "SR", two_pools.look()["srs"]["NFS virtual disk storage"], physical_utilisation=995 * GIB)
    fill(two_pools, "HostB", 15 * GIB)
    fill(two_pools, "HostC", 15 * GIB)
    rows = plan(daemon, two_pools)
    locals_ = [m for n, m in rows.items() if n in ("local", "second", "third")]
    assert sorted(m["dest"] or "" for m in locals_) == ["", "HostB", "HostC"]
    (stays,) = [m for m in locals_ if m["state"] == "stays"]
    assert "Local storage of HostB there has room for 5120 MiB more" in stays["reason"]


def test_a_balance_knows_it_as_well(daemon, two_pools):
    """Two weigh HostA down, and neither can leave the pool."""
    change(two_pools, "SR", two_pools.look()["srs"]["Local storage of HostA"], type="lvm")
    join(daemon, two_pools, "HostA", "HostB", "HostC")
    moves = json.loads(daemon.ok("--json", "balance", "--dry-run"))["balance"]["drain"]["moves"]
    assert [(m["instance_name"], m["dest"], m["bytes"]) for m in moves] == [("shared", "HostB", 512 << 20)]


def test_a_move_home_is_planned_by_the_same_rules(daemon, two_pools):
    """What went to another pool with its disk comes home with it."""
    join(daemon, two_pools, "HostA", "HostB", "HostC")
    daemon.ok("service-disable", "HostB")
    rows = drained(daemon)
    assert rows["local"]["dest"] == "HostC"
    daemon.ok("undrain", "HostA")
    daemon.ok("drain", "HostC")
    wait_vm(two_pools, "local", state="Running")
    assert two_pools.vm("local")["host"] in ("HostA", "HostB")
