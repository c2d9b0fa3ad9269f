"""The manual's rules of block migration on XenServer, and how the hosts of a pool are reached."""
import os

import pytest

from godwitd import GODWITD, join, wait_for, wait_vm

pytestmark = pytest.mark.skipif(not os.path.exists(GODWITD), reason="godwitd is not built")
LOCAL_B = "Local storage of HostB"
NFS = "NFS virtual disk storage"


@pytest.fixture
def pool(daemon, simulate):
    simulator = simulate("--local")
    join(daemon, simulator, "HostA", "HostB")
    return simulator


def refused(daemon, *words, name="local"):
    run = daemon.run("live-migration", *words, name, "HostB")
    assert run.returncode != 0
    return run.stdout + run.stderr


def test_local_disks_travel_only_when_it_is_said_or_left_open(daemon, pool):
    assert "--block-migrate" in refused(daemon, "--no-block-migrate")
    daemon.ok("live-migration", "local", "HostB")  # found out
    assert wait_vm(pool, "local", host="HostB")["disks"] == [LOCAL_B]


def test_room_on_the_storage(daemon, pool):
    pool.do("set", **{"class": "SR", "uuid": pool.look()["srs"][LOCAL_B], "values": {"physical_utilisation": 95 << 30}})
    assert LOCAL_B in refused(daemon, "--block-migrate")
    assert "Async.VM.migrate_send" not in pool.look()["calls"]


def test_memory_of_the_host(daemon, pool):
    pool.do("host", name="HostB", memory=(1 << 30) + (100 << 20))
    assert "memory" in refused(daemon, "--block-migrate")
    assert "memory" in refused(daemon, name="shared")


def test_a_volume_stays_attached_to_its_host(daemon, pool):
    pool.do("set", **{"class": "VBD", "uuid": pool.vm("local")["vbds"][0], "values": {"other_config": {"osvol": "1"}}})
    assert "attached volume" in refused(daemon, "--block-migrate")


def test_one_snapshot_may_move_along(daemon, pool):
    for _ in range(2):
        pool.do("snapshot", uuid=pool.vms["local"])
    assert "2 snapshots" in refused(daemon, "--block-migrate")


def test_only_local_storage_of_type_ext(daemon, pool):
    pool.do("set", **{"class": "SR", "uuid": pool.look()["srs"]["Local storage of HostA"], "values": {"type": "lvm"}})
    words = refused(daemon, "--block-migrate")
    assert "type lvm" in words and "a rule of its own" in words and "remove the obstacle" not in words
    assert "migrate it cold (godwit migrate --host HostB local)" in words
    daemon.ok("migrate", "--host", "HostB", "local")  # a cold move copies any disk


@pytest.fixture
def with_default(daemon, simulate):
    """NFS is the pool's default. What is to be known at once is changed before the hosts are added."""
    return simulate()


def set_sr(simulator, name, **values):
    simulator.do("set", **{"class": "SR", "uuid": simulator.look()["srs"][name], "values": values})


def block_migrate(daemon, simulator):
    join(daemon, simulator, "HostA", "HostB")
    daemon.ok("live-migration", "--block-migrate", "local", "HostB")
    return wait_vm(simulator, "local", host="HostB", state="Running")["disks"]


def test_local_disks_stay_local_while_there_is_room(daemon, with_default):
    set_sr(with_default, LOCAL_B, physical_utilisation=90 << 30)
    assert block_migrate(daemon, with_default) == [LOCAL_B], "10 GiB are just enough"
    daemon.ok("live-migration", "--block-migrate", "local", "HostA")  # and it can come back


def test_without_room_they_go_to_the_default_repository(daemon, with_default):
    set_sr(with_default, LOCAL_B, physical_utilisation=(90 << 30) + 1)
    assert block_migrate(daemon, with_default) == [NFS]


def test_a_filter_puts_all_where_it_says(daemon, with_default):
    set_sr(with_default, NFS, other_config={"for": "copies"})
    daemon.close()
    with open(daemon.folder / "godwit.conf", "a", encoding="utf-8") as conf:
        conf.write("sr_matching_filter = other-config:for=copies\n")
    daemon.start()
    assert block_migrate(daemon, with_default) == [NFS]


def test_a_cold_copy_goes_by_the_same_rule(daemon, with_default):
    join(daemon, with_default, "HostA", "HostB")
    daemon.ok("migrate", "--host", "HostB", "local")
    assert wait_vm(with_default, "local", host="HostB")["disks"] == [LOCAL_B]


def test_three_leave_a_host_at_once_and_more_wait(daemon, pool):
    pool.do("seconds", seconds=2)
    names = [f"more{i}" for i in range(5)]
    for name in names:
        pool.do("vm", name=name)
    wait_for(lambda: all(n in daemon.ok("list") for n in names))
    for name in names:
        daemon.ok("live-migration", "--no-wait", "--block-migrate", name, "HostB")
    for name in names:
        wait_vm(pool, name, host="HostB", state="Running")
    assert pool.look()["most_sends"] <= 3


def test_a_turn_that_others_have_taken_is_waited_for(daemon, pool):
    pool.do("fault", point="call:Async.VM.migrate_send", error=["TOO_MANY_STORAGE_MIGRATES", "3"], times=2)
    daemon.ok("live-migration", "--block-migrate", "local", "HostB")
    assert wait_vm(pool, "local", host="HostB")["state"] == "Running"


def test_a_member_leads_to_its_master(daemon, simulate):
    simulator = simulate()
    daemon.ok("host-add", "HostB", f"xapi+http://root@{simulator.address('HostB')}/HostB?insecure=1")
    daemon.ok("host-add", "HostA", f"xapi+http://root@{simulator.address('HostB')}/HostA?insecure=1")
    daemon.ok("live-migration", "shared", "HostB")


def test_a_ca_is_trusted_and_another_is_not(daemon, simulate, tmp_path):
    simulator = simulate("--tls", str(tmp_path))
    uri = f"xapi://root@{simulator.address()}/HostA?cacert="
    other = daemon.run("host-add", "HostA", uri + simulator.hosts["HostB"]["certificate"])
    assert other.returncode != 0 and "session.login_with_password" not in simulator.look()["calls"]
    daemon.ok("host-add", "HostA", uri + simulator.hosts["HostA"]["certificate"])
    assert "shared" in daemon.ok("list")


def test_a_read_only_disk_travels_like_any_other(daemon, with_default):
    with_default.do("set", **{"class": "VBD", "uuid": with_default.vm("local")["vbds"][0], "values": {"mode": "RO"}})
    assert block_migrate(daemon, with_default) == [LOCAL_B]
