"""A real godwitd and the godwit command against the simulator, end to end; the truth is asked of the simulator."""
import os
import re
import subprocess
import time

import pytest

from godwitd import GODWIT, GODWITD, ended, join, running_on, wait_for, wait_vm

pytestmark = pytest.mark.skipif(not os.path.exists(GODWITD), reason="godwitd is not built")


def test_inventory(daemon, simulate):
    join(daemon, simulate(), "HostA", "HostB")
    listed = daemon.ok("list")
    assert all(name in listed for name in ("shared", "local", "stopped"))
    assert "Control domain" not in listed and "template" not in listed
    assert "XenServer" in daemon.ok("--json", "hypervisor-show", "HostA")


def test_live_migration_on_shared_storage(daemon, simulate):
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB")
    daemon.ok("live-migration", "shared", "HostB")
    assert simulator.vm("shared")["host"] == "HostB"
    assert "Async.VM.pool_migrate" in simulator.look()["calls"]
    assert simulator.look()["violations"] == []


@pytest.mark.parametrize("to", ["HostB", "HostC"])
def test_block_migration_in_a_pool_and_between_pools(daemon, simulate, to):
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB", "HostC")
    before = simulator.look()["vdis"]
    daemon.ok("live-migration", "--block-migrate", "local", to)
    vm = wait_vm(simulator, "local", host=to, state="Running")
    assert len(simulator.look()["vms"]["local"]) == 1
    assert vm["disks"] == [f"Local storage of {to}"], "from a local one to a local one, though the pool has a default one"
    after = simulator.look()["vdis"]
    assert sum(after.values()) == sum(before.values())
    assert "Async.VM.migrate_send" in simulator.look()["calls"]


def test_cold_migration_is_confirmed_and_reverted(daemon, simulate):
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB")
    disks = simulator.look()["vdis"]["P"]
    for verb, host in (("resize-revert", "HostA"), ("resize-confirm", "HostB")):
        daemon.ok("migrate", "--host", "HostB", "local")
        wait_vm(simulator, "local", host="HostB", state="Running")
        assert simulator.look()["vdis"]["P"] == disks + 1  # the original stays
        daemon.ok(verb, "local")
        vm = wait_vm(simulator, "local", host=host, state="Running")
        until = time.time() + 15
        while simulator.look()["vdis"]["P"] != disks and time.time() < until:
            time.sleep(0.1)
        assert simulator.look()["vdis"]["P"] == disks
    assert vm["other_config"].get("auto_poweron") == "true"


def test_abort(daemon, simulate):
    simulator = simulate("--seconds", "20")
    join(daemon, simulator, "HostA", "HostB")
    move = subprocess.Popen([GODWIT, "live-migration", "shared", "HostB"], env={**os.environ, "GODWIT_URL": daemon.url},
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until = time.time() + 15
    while not simulator.vm("shared")["current_operations"] and time.time() < until:
        time.sleep(0.1)
    assert "no live migration under way" in daemon.run("live-migration-abort", "local").stderr
    daemon.ok("live-migration-abort", "shared")  # the one that is under way
    assert move.wait(30) != 0 and ", migration 1)" in move.stdout.read().splitlines()[0]
    assert wait_vm(simulator, "shared", host="HostA", state="Running")["current_operations"] == {}


def test_drain_and_return(daemon, simulate):
    """Over shared storage by pool_migrate, a local disk by migrate_send; and the same ones home again. The stopped one stays where it is."""
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB")
    there = running_on(simulator, "HostA")
    assert {"shared", "local"} <= there
    plan = daemon.ok("drain", "--dry-run", "HostA")
    assert "shared" in plan and "local" in plan and "HostB" in plan
    drained = daemon.ok("drain", "--return", "HostA")
    assert "completed: 2 servers moved" in drained and "it is stopped, and stopped instances were not asked for" in drained, drained
    assert running_on(simulator, "HostA") == set() and there <= running_on(simulator, "HostB")
    assert {"Async.VM.pool_migrate", "Async.VM.migrate_send"} <= set(simulator.look()["calls"])
    daemon.ok("undrain", "HostA")
    until = time.time() + 60
    while running_on(simulator, "HostA") != there and time.time() < until:
        time.sleep(0.2)
    assert running_on(simulator, "HostA") == there
    assert simulator.look()["violations"] == []


def test_balance(daemon, simulate):
    """Two that run on one of two hosts: one goes."""
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB")
    before = running_on(simulator, "HostA")
    daemon.ok("balance")
    moved = running_on(simulator, "HostB")
    assert moved and running_on(simulator, "HostA") == before - moved and len(before) - len(moved) <= len(moved) + 1
    daemon.ok("balance")
    assert running_on(simulator, "HostB") == moved, "even already"
    assert simulator.look()["violations"] == []


def test_sessions_expire_and_masters_change(daemon, simulate):
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB")
    simulator.do("expire")
    daemon.ok("live-migration", "shared", "HostB")
    simulator.do("host", name="HostB", master=True)
    simulator.do("host", name="HostA", down=True, via="HostB")
    simulator.do("set", via="HostB", **{"class": "VM", "uuid": simulator.vms["stopped"], "values": {"name_label": "renamed"}})
    until = time.time() + 20
    while "renamed" not in daemon.ok("list") and time.time() < until:
        time.sleep(0.2)
    assert "renamed" in daemon.ok("list")


@pytest.mark.parametrize("old", [[], ["--old"]])
def test_tls_by_fingerprint_and_old_servers(daemon, simulate, tmp_path, old):
    simulator = simulate("--tls", str(tmp_path), *old)
    wrong = daemon.run("host-add", "HostA", f"xapi://root@{simulator.address()}/HostA?fingerprint={'0' * 64}")
    assert wrong.returncode != 0 and simulator.hosts["HostA"]["fingerprint"].lower() in wrong.stdout + wrong.stderr
    assert "session.login_with_password" not in simulator.look()["calls"]  # no password was sent
    unverified = daemon.run("host-add", "HostA", f"xapi://root@{simulator.address()}/HostA")
    assert unverified.returncode != 0
    join(daemon, simulator, "HostA", query=f"fingerprint={simulator.hosts['HostA']['fingerprint']}")
    assert "shared" in daemon.ok("list")


def test_no_move_between_kinds_of_hypervisor(daemon, simulate):
    join(daemon, simulate(), "HostA")
    daemon.ok("host-add", "Sim", "sim://xapi/Sim")
    refused = daemon.run("live-migration", "shared", "Sim")
    assert refused.returncode != 0 and re.search("kind|hypervisor", refused.stdout + refused.stderr)


def test_the_address_is_checked(daemon):
    for address, word in (("xapi://root:secret2@h", "password_file"), ("xapi+http://root@h", "insecure=1"),
                          ("xapi://root@h?fingerprint=12", "64 hexadecimal"), ("xapi://root@h?color=1", "cacert=FILE")):
        refused = daemon.run("host-add", "X", address)
        assert refused.returncode != 0 and word in refused.stderr + refused.stdout


def test_plans_speak_of_xapi(daemon, simulate):
    """What is called, and the names of the storage: libvirt's flags mean nothing here."""
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB", "HostC")
    nfs = f"NFS virtual disk storage ({simulator.look()['srs']['NFS virtual disk storage'][:8]})"
    shared, local = daemon.ok("plan", "shared", "HostB"), daemon.ok("plan", "local", "HostC")
    assert "calls: VM.pool_migrate" in shared and f"disk xvda: shared, {nfs}" in shared
    assert "calls: VM.migrate_send" in local and "copied to Local storage of HostC (" in local
    cold = daemon.ok("plan", "--cold", "stopped", "HostB")
    assert "calls: VM.start_on, once it is shut down" in cold
    for text in (shared, local, cold):
        assert "VIR_MIGRATE" not in text and "disk xvdd: a drive without a medium" in text


def test_doctor_knows_what_means_nothing_for_xenserver(daemon, simulate):
    join(daemon, simulate(), "HostA", "HostB", "HostC")
    text = daemon.ok("doctor")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| Host")]
    assert ["HostA", "ok"] + ["-"] * 7 in rows and "-: means nothing for a host of that kind" in text and "?" not in text
    # HostC is a pool of its own, where not every instance can go
    assert ["HostA", "", "ok", "warning"] in rows and ["HostC", "warning", "warning", ""] in rows, text
    assert "HostA and HostC have no storage repository in common" in text and "--probe" not in text


def test_addresses_are_shown_in_short(daemon, simulate, tmp_path):
    simulator = simulate("--tls", str(tmp_path))
    trusted = ",".join(simulator.hosts[host]["fingerprint"] for host in ("HostA", "HostB"))
    join(daemon, simulator, "HostA", query=f"fingerprint={trusted}")
    short = f"xapi://root@{simulator.address()}/HostA?fingerprint={trusted[:8]}…"
    again = daemon.run("host-add", "HostA", f"xapi://root@{simulator.address()}/HostB?fingerprint={trusted}")
    twin = daemon.run("host-add", "Other", f"xapi://root@{simulator.address()}/{simulator.hosts['HostA']['uuid']}?fingerprint={trusted}")
    assert f"already there, at {short}:" in again.stderr
    assert twin.returncode != 0 and "a clone of it" in twin.stderr and "libvirt" not in twin.stderr
    assert short in daemon.ok("host-list") and trusted in daemon.ok("--json", "host-list")
    for text in (daemon.ok("host-list"), again.stderr, twin.stderr):
        assert trusted[:12] not in text


def test_a_member_that_is_not_the_master_names_it(daemon, simulate, tmp_path):
    """Its own certificate is trusted, and that of the master, to which it leads, is not."""
    simulator = simulate("--tls", str(tmp_path))
    master = simulator.hosts["HostA"]["address"]
    refused = daemon.run("host-add", "HostB", f"xapi://root@{simulator.address('HostB')}?fingerprint={simulator.hosts['HostB']['fingerprint']}")
    said = f"{simulator.hosts['HostB']['address']} is not the master of its pool, {master} is (write xapi://root@{master}/HOST, and trust"
    assert refused.returncode != 0 and said in refused.stderr and simulator.hosts["HostA"]["fingerprint"].lower() in refused.stderr


def test_a_cold_move_that_a_killed_daemon_began_says_so(daemon, simulate):
    simulator = simulate("--seconds", "4")
    join(daemon, simulator, "HostA", "HostB")
    daemon.ok("--no-wait", "migrate", "--host", "HostB", "local")
    wait_for(lambda: "Async.VDI.copy" in simulator.look()["calls"])
    daemon.process.kill()
    daemon.process.wait(10)
    daemon.start()
    ended(daemon, "local", "error")
    shown = daemon.ok("server-migration-show", "local", "1")
    assert "godwitd was stopped while the disks were copied; it is put back on HostA as it was" in " ".join(shown.split()), shown
    wait_vm(simulator, "local", host="HostA", state="Running")
