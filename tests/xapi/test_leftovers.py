"""What Godwit leaves in XAPI: nothing when it is stopped, one session per pool when it is killed."""
import os
import signal

import pytest

from godwitd import GODWITD, join, wait_for, wait_vm

pytestmark = pytest.mark.skipif(not os.path.exists(GODWITD), reason="godwitd is not built")


def left(simulator):
    return {k: simulator.look()[k] for k in ("sessions", "tasks")}


def test_a_daemon_that_is_stopped_leaves_nothing(daemon, simulate):
    simulator = simulate()
    join(daemon, simulator, "HostA", "HostB", "HostC")
    daemon.ok("live-migration", "shared", "HostB")
    daemon.ok("live-migration", "--block-migrate", "local", "HostC")
    assert left(simulator) == {"sessions": 2, "tasks": 0}, "one for each pool; those of migrate_receive are logged out"
    daemon.close()
    assert left(simulator) == {"sessions": 0, "tasks": 0}
    daemon.start()


def test_what_a_killed_daemon_leaves_is_what_the_manual_says(daemon, simulate):
    """Killed in the middle of a copy: its session, that of migrate_receive, and the task once it has ended. Its successor ends the move, and leaves
    nothing of its own beside them."""
    simulator = simulate("--seconds", "2")
    join(daemon, simulator, "HostA", "HostB")
    daemon.ok("live-migration", "--no-wait", "--block-migrate", "local", "HostB")
    wait_for(lambda: simulator.vm("local")["current_operations"])
    daemon.process.send_signal(signal.SIGKILL)
    daemon.process.wait(10)
    daemon.start()
    wait_vm(simulator, "local", host="HostB", state="Running")
    wait_for(lambda: " completed " in daemon.ok("server-migration-list", "local"))
    daemon.close()
    assert left(simulator) == {"sessions": 2, "tasks": 1}
    daemon.start()
