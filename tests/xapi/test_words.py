"""What refusals on XenServer say, and what they advise: nothing that would not help there."""
import os

import pytest

from godwitd import GODWITD, ended, join, wait_for, wait_vm

pytestmark = pytest.mark.skipif(not os.path.exists(GODWITD), reason="godwitd is not built")


def refused(daemon, *words):
    run = daemon.run(*words)
    assert run.returncode != 0, run.stdout
    return " ".join((run.stdout + run.stderr).split())


def test_a_move_that_cannot_be_forced_says_so_at_once(daemon, simulate):
    simulator = simulate("--seconds", "20")
    join(daemon, simulator, "HostA", "HostB")
    daemon.ok("--no-wait", "live-migration", "shared", "HostB")
    wait_for(lambda: simulator.vm("shared")["current_operations"])
    wait_for(lambda: " running " in daemon.ok("server-migration-list", "shared"))
    said = refused(daemon, "live-migration-force-complete", "shared")
    assert "XenServer has no way to force a migration to its end: wait, or abort it" in said
    daemon.ok("live-migration-abort", "shared")


@pytest.mark.parametrize("name,to,loses", [("local", "HostB", True), ("shared", "HostB", False), ("local", "HostC", True)])
def test_the_offer_of_a_revert_says_what_it_loses(daemon, simulate, name, to, loses):
    join(daemon, simulate(), "HostA", "HostB", "HostC")
    said = " ".join(daemon.ok("migrate", "--host", to, name).split())
    assert f"godwit resize-revert {name}'" in said and ("(what it has written since is lost" in said) == loses, said


def test_a_paused_instance_is_resumed_first(daemon, simulate):
    """Neither live nor cold; and a drain does not plan what its checks would refuse."""
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB")
    daemon.ok("pause", "shared")
    wait_vm(simulator, "shared", state="Paused")
    live, cold = refused(daemon, "live-migration", "shared", "HostB"), refused(daemon, "migrate", "--host", "HostB", "shared")
    assert "XenServer moves only running instances live" in live and "paused: only a running or stopped instance migrates cold" in cold
    for said in (live, cold):
        assert "resume it first (`godwit unpause shared`)" in said and "move it cold" not in said
    plan = " ".join(daemon.ok("drain", "--dry-run", "HostA").split())
    assert "it is paused, and XenServer moves only running instances live: resume it (godwit unpause shared), or stop it" in plan
    daemon.ok("unpause", "shared")
    daemon.ok("live-migration", "shared", "HostB")


def test_a_stopped_one_is_not_told_that_paused_ones_move(daemon, simulate):
    join(daemon, simulate(), "HostA", "HostB")
    said = refused(daemon, "live-migration", "stopped", "HostB")
    assert "XenServer moves only running instances live; move it with `godwit migrate`" in said and "paused" not in said


def test_one_that_runs_twice_is_not_chosen_from_and_is_stopped_with_xe(daemon, simulate):
    """The source is started behind Godwit's back while its copy in the other pool waits to be confirmed."""
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostC")
    uuid = simulator.vms["local"]
    daemon.ok("migrate", "--host", "HostC", "local")
    copy = next(v["uuid"] for v in simulator.look()["vms"]["local"] if v["uuid"] != uuid)
    simulator.do("boot", host="HostA", uuid=uuid)
    daemon.run("resize-confirm", "local")
    ended(daemon, "local", "error")
    wait_for(lambda: "active on HostA and HostC" in " ".join(daemon.run("stop", "local").stderr.split()))
    for verb in ("stop", "pause", "reboot"):
        said = refused(daemon, verb, "local")
        assert f"Cannot '{verb}' instance" in said and "godwit migration-resolve --keep HOST local 1" in said, said
    assert [v["state"] for v in simulator.look()["vms"]["local"]] == ["Running", "Running"]
    for keep, given_up, host in (("HostA", copy, "HostC"), ("HostC", uuid, "HostA")):
        said = refused(daemon, "migration-resolve", "--keep", keep, "local", "1")
        assert f"`xe vm-shutdown uuid={given_up} force=true` on {simulator.hosts[host]['address']}" in said and "virsh" not in said, said


@pytest.mark.parametrize("password", [True, False])
def test_what_to_do_about_a_host_that_is_not_added(daemon, simulate, tmp_path, password):
    simulator, given = simulate("--tls", str(tmp_path)), tmp_path / "given"
    given.write_text("secret\n")
    place, openssl = simulator.address(), "`openssl x509 -noout -fingerprint -sha256 -in /etc/xensource/xapi-ssl.pem`"
    for address, words in (
            (f"{place}/HostA", ("self-signed certificate", "?fingerprint=SHA256", openssl, "?cacert=FILE")),
            (f"{place}/HostA?fingerprint={'0' * 64}", ("which is not the one given", "write it into its address")),
            ("127.0.0.1:1/HostA?insecure=1", ("Connection refused", "no toolstack answers there", "xe-toolstack-restart")),
            ("nowhere.invalid/HostA?insecure=1", ("resolve host: nowhere.invalid", "write an address that this machine resolves"))):
        said = refused(daemon, "host-add", *(["--password-file", str(given)] if password else []), "HostA", f"xapi://root@{address}")
        assert "host HostA is not added: " in said and all(word in said for word in words), said
        assert "add the host again" not in said and "that file" not in said


def test_gc_tells_once_that_it_does_not_search(daemon, simulate):
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB", "HostC")
    assert "Not searched" not in daemon.ok("gc"), "no move may have left anything"
    for name, host in (("local", "HostB"), ("shared", "HostB"), ("local", "HostC")):
        daemon.ok("migrate", "--host", host, name)
        daemon.ok("resize-revert", name)
    said = daemon.ok("gc")
    assert "Nothing is left behind" in said and said.count("Not searched") == 1 and "`xe vdi-list params=uuid" in said, said
    assert "HostB" in said and "HostC" in said and "HostA" not in said and "xapi" not in said


def test_the_new_uuid_of_a_cold_move_between_pools_is_told_beforehand(daemon, simulate):
    join(daemon, simulate(), "HostA", "HostB", "HostC")
    told = "local gets another UUID on HostC, which is in another pool"
    assert told in " ".join(daemon.ok("plan", "--cold", "local", "HostC").split())
    daemon.ok("migrate", "--host", "HostC", "local")
    assert f"migration 1 of local: {told}" in daemon.log.read_text()
    daemon.ok("resize-revert", "local")
    for words in (("--cold", "local", "HostB"), ("local", "HostC")):
        assert "another UUID" not in daemon.ok("plan", *words)


def test_storage_that_disks_do_not_leave_live(daemon, simulate):
    """One reason and one remedy, which helps between pools, too."""
    join(daemon, simulate(), "HostA", "HostC")
    said = refused(daemon, "live-migration", "--block-migrate", "shared", "HostC")
    assert "disk xvda of shared: it is on the storage repository NFS virtual disk storage of type nfs" in said
    assert "HostC does not reach it, and Godwit copies disks while their guest runs only from local storage repositories of type ext (a rule of " \
           "its own, in its manual)" in said and "remedy: migrate it cold (godwit migrate --host HostC shared)." in said
    assert "both hosts" not in said and "xe " not in said
    daemon.ok("migrate", "--host", "HostC", "shared")


def test_doctor_speaks_of_pools(daemon, simulate):
    """HostA and HostB are one pool, HostC is another: one paragraph, whatever the direction."""
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB", "HostC")
    said = daemon.ok("doctor")
    assert " ".join(said.split()).count("have no storage repository in common") == 1 and "the pools of HostA and HostC" in said
    assert [line.count("warning") for line in said.splitlines() if line.startswith("| Host")][4:] == [1, 1, 2], said
    assert "were not tried: --probe does nothing there" in " ".join(daemon.ok("doctor", "--probe").split())
    simulator.do("host", name="HostC", down=True)
    wait_for(lambda: "is down" in daemon.ok("host-list"))
    stuck = daemon.run("doctor").stdout
    assert "Something prevents moves." in stuck and "--fix-plan" not in stuck, stuck
