"""Three daemons on a real PostgreSQL drain the lab while they are killed, halted, and cut off from their database at random: every guest runs
exactly once, its own record is whole, and each drain ends. GODWIT_STORM_S says how long (25 s), GODWIT_STORM_SEED repeats a storm."""
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from conftest import domains

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "postgres"))
from daemons import GODWIT, Daemon, Link, Server, wait_until  # noqa: E402
from test_storm import Misfortune  # noqa: E402

SECONDS = float(os.environ.get("GODWIT_STORM_S", "25"))
SEED = int(os.environ.get("GODWIT_STORM_SEED", random.SystemRandom().randrange(1 << 30)))
NAMES = ["storm1", "storm2", "storm3", "storm4"]
LEASE_S, FIRST_PORT = 3, 8801
OPTIONS = "instances_path = /srv/instances\naudit_interval = 0\n[api]\nauth_strategy = noauth\nport = {port}\n"


class LabDaemon(Daemon):
    """In the lab's HostA; the clients that ask it are there, too."""

    def __init__(self, lab, folder, database, port):
        self.lab = lab
        super().__init__(folder, database, LEASE_S, OPTIONS.format(port=port), Link(database))

    def spawn(self, command, **options):
        process = subprocess.Popen(self.lab.command("HostA", command, "/"), stdin=subprocess.DEVNULL, **options)
        children, until = [], time.monotonic() + 10
        while not children and time.monotonic() < until:  # the process is nsenter's
            with open(f"/proc/{process.pid}/task/{process.pid}/children") as f:
                children = f.read().split()
        self.pid = int(children[0])
        return process

    def go_on(self):
        super().go_on()
        self.process.send_signal(signal.SIGCONT)  # nsenter stops with what it has started

    def run(self, *words, timeout=90):
        return subprocess.run(self.lab.command("HostA", [GODWIT, "--url", self.url, *words], "/"), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=timeout)


@pytest.fixture
def server():
    one = Server()
    yield one
    one.close()


@pytest.fixture
def three(lab, server, tmp_path):
    database = server.database()
    made = [LabDaemon(lab, tmp_path / f"d{n}", database, FIRST_PORT + n) for n in range(3)]
    for host in lab.compute():
        made[0].ok("host-add", host.name, f"qemu+tcp://{host.name}/system")
    yield made, database
    for daemon in made:
        daemon.close()


@pytest.fixture
def guests(lab):
    for number, name in enumerate(NAMES):
        lab.guest(name, "HostB", disks=["local" if number == 3 else "shared"], dirty=5)
    yield
    for name in NAMES:
        lab.remove_guest(name)


def persist(daemons, dice, *words, seconds=60):
    """Asks one daemon after the other until one has said yes: what a load balancer's clients do."""
    until = time.time() + seconds
    while time.time() < until:
        daemon = dice.choice([d for d in daemons if d.serves] or daemons)
        try:
            done = daemon.run(*words, timeout=20)
            if done.returncode == 0:
                return
        except subprocess.TimeoutExpired:  # killed or halted under the request
            pass
        time.sleep(0.3)
    raise AssertionError(f"nobody has accepted {words}: {done.stdout}{done.stderr}")


def drain(made, database, dice, source, how):
    """From asking to its end, in the storm; one that a death left incomplete is asked for again, as people would."""
    for _ in range(3):
        persist(made, dice, "drain", "--no-wait", source)

        def states():
            return [row[0] for row in database.query("SELECT state FROM drains ORDER BY id")]
        wait_until(lambda: states() and "running" not in states(), lambda: f"{how}: {states()} {database.query('SELECT * FROM drain_moves')}", 180)
        if states()[-1] == "completed":
            return
    raise AssertionError(f"{how}: {states()} {database.query('SELECT * FROM drain_moves')}")


def assert_whole(lab, source, dest, since, how):
    for name in NAMES:
        lab.wait_heartbeat(name, time.time(), 60)
        assert lab.where(name) == (dest, "running"), how
        assert name not in domains(lab, source), how
        report = lab.heartbeat(name, since)
        assert len(report.boots) == 1 and report.memory_errors == 0 and report.disk_errors == 0, (how, report)


def test_drains_in_a_storm(lab, three, guests):
    made, database = three
    dice, how = random.Random(SEED), f"GODWIT_STORM_SEED={SEED}"
    print(how)
    for daemon in made:
        wait_until(lambda: all(name in daemon.ok("list") for name in NAMES), "guests")
    since = time.time()
    hosts, rounds = ["HostB", "HostC"], 0
    misfortune = Misfortune(made, random.Random(SEED + 1), ["kill", "halt", "cut"])
    misfortune.start()
    try:
        until = time.time() + SECONDS
        while time.time() < until or rounds < 1:
            drain(made, database, dice, hosts[0], how)
            persist(made, dice, "undrain", hosts[0])
            assert_whole(lab, *hosts, since, how)
            hosts.reverse()
            rounds += 1
    finally:
        misfortune.end()
    print(f"{how}: {rounds} drains, {len(misfortune.told)} misfortunes: {misfortune.told}")
    assert misfortune.told
    wait_until(lambda: not database.query("SELECT id FROM migrations WHERE final = 0"), "every migration ends", 90)
    assert not database.query("SELECT id, reason FROM migrations WHERE state = 'error'")
    assert_whole(lab, hosts[1], hosts[0], since, how)
