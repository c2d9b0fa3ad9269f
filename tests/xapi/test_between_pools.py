"""Cold moves between two pools: XAPI copies the halted VM, and the source waits, whole, until the move is confirmed. The copy's UUID there is
another one, as XAPI has it; Godwit's stays."""
import os

import pytest

from godwitd import GODWITD, join, wait_for, wait_vm

pytestmark = pytest.mark.skipif(not os.path.exists(GODWITD), reason="godwitd is not built")


@pytest.fixture
def two_pools(daemon, simulate):
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB", "HostC")
    return simulator


def at(simulator, name):
    return {(v["host"], v["state"]) for v in simulator.look()["vms"][name]}


def the_copy(simulator, name):
    (copy,) = [v for v in simulator.look()["vms"][name] if v["uuid"] != simulator.vms[name]]
    return copy


def clean(simulator, before):
    wait_for(lambda: simulator.look()["vdis"] == before)
    assert simulator.look()["violations"] == []


def test_the_source_waits_and_the_revert_finds_it(daemon, two_pools):
    before = two_pools.look()["vdis"]
    daemon.ok("migrate", "--host", "HostC", "local")
    assert at(two_pools, "local") == {(None, "Halted"), ("HostC", "Running")}
    source = next(v for v in two_pools.look()["vms"]["local"] if v["uuid"] == two_pools.vms["local"])
    assert "auto_poweron" not in source["other_config"], "it would start beside its copy when its host boots"
    listed = daemon.ok("--json", "show", "local")
    assert two_pools.vms["local"] in listed and "HostC" in listed
    assert the_copy(two_pools, "local")["uuid"] not in daemon.ok("list"), "the copy is the instance, not one more"
    daemon.ok("resize-revert", "local")
    vm = wait_vm(two_pools, "local", host="HostA", state="Running")
    clean(two_pools, before)
    assert vm["uuid"] == two_pools.vms["local"] and vm["other_config"]["auto_poweron"] == "true"
    assert "godwit_move" not in vm["other_config"]


def test_confirmed_it_is_the_same_instance(daemon, two_pools):
    before, macs = two_pools.look()["vdis"], two_pools.vm("local")["macs"]
    daemon.ok("migrate", "--host", "HostC", "local")
    daemon.ok("resize-confirm", "local")
    vm = wait_vm(two_pools, "local", host="HostC", state="Running")
    wait_for(lambda: len(two_pools.look()["vms"]["local"]) == 1)
    clean(two_pools, {"P": before["P"] - 1, "Q": before["Q"] + 1})
    assert vm["macs"] == macs and vm["uuid"] != two_pools.vms["local"]
    assert vm["other_config"]["godwit_uuid"] == f"{two_pools.vms['local']} {vm['uuid']}"
    assert vm["other_config"]["auto_poweron"] == "true" and "godwit_sides" not in vm["other_config"]
    daemon.close()
    daemon.start()  # nothing of it was in memory alone
    wait_for(lambda: "HostC" in daemon.ok("--json", "show", two_pools.vms["local"]))
    daemon.ok("stop", "local")
    wait_vm(two_pools, "local", state="Halted")
    daemon.ok("start", "local")
    wait_vm(two_pools, "local", host="HostC", state="Running")


def test_there_and_back_cold_and_live(daemon, two_pools):
    """A copy may be moved live, and copied again, and stays the instance that it is."""
    for words, host in ((["migrate", "--host", "HostC", "local"], "HostC"), (["live-migration", "--block-migrate", "local", "HostA"], "HostA"),
                        (["migrate", "--host", "HostC", "local"], "HostC")):
        daemon.ok(*words)
        if words[0] == "migrate":
            daemon.ok("resize-confirm", "local")
        wait_vm(two_pools, "local", host=host, state="Running")
        wait_for(lambda: len(two_pools.look()["vms"]["local"]) == 1)
        wait_for(lambda: host in daemon.ok("--json", "show", two_pools.vms["local"]))
    assert two_pools.look()["violations"] == []


def test_any_storage_will_do(daemon, two_pools):
    daemon.ok("migrate", "--host", "HostC", "shared")
    assert ("HostC", "Running") in at(two_pools, "shared")


def test_a_stopped_one_stays_stopped(daemon, two_pools):
    daemon.ok("stop", "local")
    daemon.ok("migrate", "--host", "HostC", "local")
    assert {s for _, s in at(two_pools, "local")} == {"Halted"} and len(two_pools.look()["vms"]["local"]) == 2
    daemon.ok("resize-confirm", "local")
    wait_for(lambda: len(two_pools.look()["vms"]["local"]) == 1)
    assert two_pools.vm("local")["disks"] == ["Local storage of HostC"]


@pytest.mark.parametrize("point,fault", [
    ("migrate_send.mirror", {"error": ["VDI_IO_ERROR", "Device I/O errors"]}),
    ("migrate_send.after-import", {"error": ["INTERNAL_ERROR", "Connection reset"]}),
    ("migrate_send.after-complete", {"error": ["INTERNAL_ERROR", "blob push"]}),
    ("migrate_send.after-complete", {"action": "restart"}),
    ("call:VIF.create", {"error": ["INTERNAL_ERROR", "Failure"]}),
], ids=lambda v: v if isinstance(v, str) else "-".join(v))
def test_a_failed_copy_leaves_the_source_running(daemon, two_pools, point, fault):
    before = two_pools.look()["vdis"]
    two_pools.do("fault", point="migrate_send.leave-record", action="leave")
    two_pools.do("fault", point=point, **fault)
    assert daemon.run("migrate", "--host", "HostC", "local").returncode != 0
    vm = wait_vm(two_pools, "local", host="HostA", state="Running")
    wait_for(lambda: len(two_pools.look()["vms"]["local"]) == 1)
    clean(two_pools, before)
    assert vm["other_config"]["auto_poweron"] == "true"


def test_a_clone_of_the_copy_is_an_instance_of_its_own(daemon, two_pools):
    daemon.ok("migrate", "--host", "HostC", "local")
    daemon.ok("resize-confirm", "local")
    mark = wait_vm(two_pools, "local", host="HostC")["other_config"]["godwit_uuid"]
    two_pools.do("set", **{"class": "VM", "uuid": two_pools.vms["stopped"], "values": {"other_config": {"godwit_uuid": mark}}})
    wait_for(lambda: two_pools.vms["stopped"] in daemon.ok("--json", "list"))


def test_snapshots_are_a_reason(daemon, two_pools):
    two_pools.do("snapshot", uuid=two_pools.vms["local"])
    refused = daemon.run("migrate", "--host", "HostC", "local")
    assert refused.returncode != 0 and "it has snapshots" in refused.stdout + refused.stderr
