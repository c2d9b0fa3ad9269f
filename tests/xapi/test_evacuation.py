"""A member of a pool is lost, and what ran on it boots on another one."""
import glob
import os
import sqlite3
import time

import pytest

from godwitd import GODWITD, ended, join, wait_for, wait_vm

pytestmark = pytest.mark.skipif(not os.path.exists(GODWITD), reason="godwitd is not built")


@pytest.fixture
def lost(daemon, simulate):
    """HostB, with the guest `shared`, is lost; HostA is the master."""
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB", "HostC")
    daemon.ok("live-migration", "shared", "HostB")
    daemon.ok("live-migration", "--block-migrate", "local", "HostB")
    simulator.do("set", **{"class": "VM", "uuid": simulator.vms["local"], "values": {"name_label": "other"}})
    simulator.do("host", name="HostB", down=True, live=False)
    wait_for(lambda: '"down"' in daemon.run("--json", "service-list", "--host", "HostB").stdout)
    return simulator


def test_only_when_an_administrator_vouches(daemon, lost):
    refused = daemon.run("evacuate", "shared", "HostA")
    assert refused.returncode != 0 and "service-force-down" in refused.stdout + refused.stderr
    assert "VM.power_state_reset" not in lost.look()["calls"]
    daemon.ok("service-force-down", "HostB")
    daemon.ok("evacuate", "shared", "HostA")
    wait_vm(lost, "shared", host="HostA", state="Running")
    assert lost.look()["violations"] == []


def test_the_old_host_comes_back(daemon, lost):
    daemon.ok("service-force-down", "HostB")
    daemon.ok("evacuate", "shared", "HostA")
    lost.do("host", name="HostB", down=False, live=True)
    daemon.ok("service-force-down", "--unset", "HostB")
    wait_for(lambda: " completed " in daemon.ok("server-migration-list", "shared") or " done " in daemon.ok("server-migration-list", "shared"))
    vm = wait_vm(lost, "shared", host="HostA", state="Running")
    assert len(vm["disks"]) == 1 and lost.look()["violations"] == []


def test_a_host_that_the_master_sees_alive_is_not_believed_dead(daemon, lost):
    daemon.ok("service-force-down", "HostB")
    lost.do("host", name="HostB", live=True)  # it is up again, and an administrator is wrong
    daemon.run("evacuate", "shared", "HostA")
    wait_for(lambda: " failed " in daemon.ok("server-migration-list", "shared") or "HostB" == lost.vm("shared")["host"])
    assert lost.vm("shared")["host"] == "HostB" and lost.vm("shared")["state"] == "Running"
    assert "VM.power_state_reset" not in lost.look()["calls"] and lost.look()["violations"] == []


def refusal(daemon, *words):
    refused = daemon.run(*words)
    assert refused.returncode != 0, refused.stdout
    return " ".join((refused.stdout + refused.stderr).split())


FOREIGN = "a host of another pool cannot take shared: only the pool that it belongs to can start it"


def test_another_pool_is_no_destination(daemon, lost):
    daemon.ok("service-force-down", "HostB")
    text = refusal(daemon, "evacuate", "shared", "HostC")
    assert FOREIGN in text and "mount" not in text and "remedy" not in text, text
    assert lost.vm("shared")["host"] == "HostB"


def test_all_hosts_of_other_pools_are_told_in_one_line(daemon, lost, simulate):
    for host in ("HostD", "HostE"):
        daemon.ok("host-add", host, f"xapi+http://root@{simulate('--base', f'127.9.{ord(host[4])}').address('HostC')}/HostC?insecure=1")
    daemon.ok("service-force-down", "HostB")
    daemon.ok("service-disable", "HostA")
    for words in (("evacuate", "shared"), ("host-evacuate", "HostB")):
        text = refusal(daemon, *words)
        assert "HostA is disabled" in text and text.count(FOREIGN) == 1 and "mount" not in text, text
        hosts = text[:text.index(": " + FOREIGN)].split("- ")[-1]
        assert sorted(hosts.split(", ")) == ["HostC", "HostD", "HostE"], text
    assert lost.vm("shared")["host"] == "HostB"


def test_local_disks_are_a_reason(daemon, simulate):
    simulator = simulate("--local")
    join(daemon, simulator, "HostA", "HostB")
    daemon.ok("live-migration", "--block-migrate", "local", "HostB")
    simulator.do("host", name="HostB", down=True, live=False)
    wait_for(lambda: '"down"' in daemon.run("--json", "service-list", "--host", "HostB").stdout)
    daemon.ok("service-force-down", "HostB")
    refused = daemon.run("evacuate", "local", "HostA")
    assert refused.returncode != 0 and "xvda" in refused.stdout + refused.stderr, refused
    assert "VM.power_state_reset" not in simulator.look()["calls"]


@pytest.fixture
def two_lost(daemon, simulate):
    """HostB is lost with vm1 and vm3, and forced down; HostA is the master."""
    simulator = simulate("--vms", "4")
    join(daemon, simulator, "HostA", "HostB")
    wait_for(lambda: "vm3" in daemon.ok("list"))
    simulator.do("host", name="HostB", down=True, live=False)
    wait_for(lambda: '"down"' in daemon.run("--json", "service-list", "--host", "HostB").stdout)
    daemon.ok("service-force-down", "HostB")
    return simulator


def test_an_evacuation_does_not_make_a_dead_host_look_alive(daemon, two_lost):
    before = len(daemon.log.read_text())
    daemon.ok("evacuate", "vm1", "HostA")
    daemon.ok("evacuate", "vm3", "HostA")  # at once: only what is down may be evacuated
    for name in ("vm1", "vm3"):
        wait_vm(two_lost, name, host="HostA", state="Running")
    assert "host HostB answers" not in daemon.log.read_text()[before:]
    assert two_lost.look()["violations"] == []


def test_the_pools_database_is_no_sign_of_life(daemon, two_lost):
    """Whatever changes in the pool about a guest of a dead member, the member stays down."""
    before = len(daemon.log.read_text())
    two_lost.do("set", **{"class": "VM", "uuid": two_lost.vms["vm1"], "values": {"name_label": "renamed"}})
    two_lost.do("set", **{"class": "VM", "uuid": two_lost.vms["vm3"], "values": {"is_a_template": True}})
    daemon.ok("evacuate", two_lost.vms["vm1"], "HostA")
    time.sleep(1)  # events have been heard
    assert "host HostB answers" not in daemon.log.read_text()[before:]
    assert '"down"' in daemon.run("--json", "service-list", "--host", "HostB").stdout


def test_a_reverted_move_to_another_pool_makes_no_copy_of_the_disk(daemon, simulate):
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB", "HostC")
    daemon.ok("live-migration", "shared", "HostB")
    daemon.ok("migrate", "shared", "--host", "HostC")
    wait_for(lambda: " finished " in daemon.ok("server-migration-list", "shared"))
    daemon.ok("resize-revert", "shared")
    ended(daemon, "shared", "reverted")
    wait_vm(simulator, "shared", host="HostB", state="Running")
    simulator.do("host", name="HostB", down=True, live=False)
    wait_for(lambda: '"down"' in daemon.run("--json", "service-list", "--host", "HostB").stdout)
    daemon.ok("service-force-down", "HostB")
    daemon.ok("evacuate", "shared", "HostA")
    wait_vm(simulator, "shared", host="HostA", state="Running")
    assert simulator.look()["violations"] == []


def test_a_guest_that_has_come_back_is_evacuated_again(daemon, lost):
    for _ in range(2):
        daemon.ok("service-force-down", "HostB")
        daemon.ok("evacuate", "shared", "HostA")
        lost.do("host", name="HostB", down=False, live=True)
        daemon.ok("service-force-down", "--unset", "HostB")
        wait_for(lambda: " done " not in daemon.ok("server-migration-list", "shared"))
        daemon.ok("live-migration", "shared", "HostB")
        lost.do("host", name="HostB", down=True, live=False)
        wait_for(lambda: '"down"' in daemon.run("--json", "service-list", "--host", "HostB").stdout)
    assert lost.look()["violations"] == []


def test_what_was_never_read_is_refused_in_words_of_xenserver(daemon, lost):
    (database,) = [p for p in glob.glob(f"{daemon.folder}/*") if open(p, "rb").read(15) == b"SQLite format 3"]
    with sqlite3.connect(database, timeout=20) as store:
        store.execute("DELETE FROM definitions")
    daemon.ok("service-force-down", "HostB")
    refused = daemon.run("evacuate", "shared", "HostA")
    flat = " ".join((refused.stdout + refused.stderr).split())
    assert "before Godwit had read how shared is defined" in flat and "xe vm-reset-powerstate" in flat and "XML" not in flat, flat


def test_a_member_that_is_known_to_be_lost_is_to_be_forced_down(daemon, lost):
    text = refusal(daemon, "drain", "HostB")
    assert "the pool's master says that host HostB is not alive" in text and "service-force-down HostB" in text, text
