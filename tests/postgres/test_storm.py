"""Whatever happens to daemons and to their database while instances move: every migration ends, every instance runs once."""
import random
import threading
import time

from daemons import LEASE_S, wait_until

MOVES = 60


class Misfortune(threading.Thread):
    """Kills and starts again, halts for a while, or cuts off from the database one daemon after the other; where told so, it crashes the
    database, too."""

    def __init__(self, daemons, dice, whats, crash=None):
        super().__init__()
        self.daemons, self.dice, self.whats, self.crash, self.over, self.told = daemons, dice, whats, crash, threading.Event(), []

    def once(self, what, daemon):
        if what == "kill":
            daemon.kill()
            self.over.wait(self.dice.uniform(0, LEASE_S))
            daemon.start()
        elif what == "halt":
            daemon.stop()
            self.over.wait(self.dice.uniform(0.2, 2 * LEASE_S))
            daemon.go_on()
        elif what == "cut":
            daemon.link.cut()
            self.over.wait(self.dice.uniform(0.2, 3 * LEASE_S))
            daemon.link.mend()
        else:
            self.crash()

    def run(self):
        while not self.over.wait(self.dice.uniform(0.3, 1.5)):
            daemon, what = self.dice.choice(self.daemons), self.dice.choice(self.whats)
            self.told.append((what, daemon.pid))
            self.once(what, daemon)

    def end(self):
        self.over.set()
        self.join()


def ask(made, dice):
    """TRUE: a move was accepted."""
    name = dice.choice(list(made.instances()))
    daemon = dice.choice([d for d in made.daemons if d.serves] or made.daemons)
    host = dice.choice([h for h in made.hosts if h != made.instances()[name][0]["host"]])
    try:
        return daemon.run("live-migration", "--no-wait", "--timeout", "5", name, host, timeout=20).returncode == 0
    except Exception:  # killed or halted under the request: what became of it is seen below
        return False


def test_storm(cloud):
    seed = int(time.time())
    dice = random.Random(seed)
    made = cloud(daemons=3, hosts=4, vms=24, seconds=0.8)
    for daemon in made.daemons:
        wait_until(lambda: "vm23" in daemon.ok("list"), "instances")
    server = made.database.server

    def crash():
        server.control("crash")
        server.control("start")
    misfortune = Misfortune(made.daemons, random.Random(seed + 1), ["kill", "kill", "halt", "halt", "halt", "crash the database"], crash)
    misfortune.start()
    accepted, until = 0, time.time() + 120
    while accepted < MOVES and time.time() < until:
        accepted += ask(made, dice)
    misfortune.end()
    wait_until(lambda: not made.unfinished(), lambda: f"seed {seed}: {made.unfinished()} {misfortune.told}", 90)
    ends = dict(made.database.query("SELECT state, count(*) FROM migrations GROUP BY state"))
    print(f"seed {seed}: {accepted} moves accepted, {ends}, {len(misfortune.told)} misfortunes")
    assert accepted >= MOVES / 2
    assert sum(map(int, ends.values())) >= accepted, "an accepted move is missing"
    assert "error" not in ends, made.database.query("SELECT id, reason FROM migrations WHERE state = 'error'")
    assert int(ends["completed"]) >= accepted / 2, ends
    made.assert_whole()


def test_storm_over_a_drain(cloud):
    """Each of three daemons has a way of its own to the database, which may go silent under it."""
    seed = int(time.time())
    made = cloud(daemons=3, hosts=4, vms=24, seconds=1.5, links=True)
    for daemon in made.daemons:
        wait_until(lambda: "vm23" in daemon.ok("list"), "instances")
    made.daemons[0].ok("drain", "--no-wait", "HostA", "HostB")
    misfortune = Misfortune(made.daemons, random.Random(seed), ["kill", "halt", "cut", "cut"])
    misfortune.start()

    def state():
        return made.database.query("SELECT state FROM drains")[0][0]
    try:
        wait_until(lambda: state() != "running", lambda: f"seed {seed}: {misfortune.told} {made.unfinished()}", 180)
    finally:
        misfortune.end()
    wait_until(lambda: not made.unfinished(), lambda: f"seed {seed}: {made.unfinished()} {misfortune.told}", 90)
    print(f"seed {seed}: {state()}, {len(misfortune.told)} misfortunes")
    left = [name for name, vms in made.instances().items() if vms[0]["host"] in ("HostA", "HostB")]
    assert state() == "completed" and not left, (seed, state(), left, misfortune.told)
    made.assert_whole()
