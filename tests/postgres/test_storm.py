"""Whatever happens to daemons and to their database while instances move: every migration ends, every instance runs once."""
import random
import threading
import time

from daemons import LEASE_S, wait_until

MOVES = 60


class Misfortune(threading.Thread):
    """Kills and starts again, or halts for a while, one daemon after the other; sometimes crashes the database."""

    def __init__(self, made, dice):
        super().__init__()
        self.made, self.dice, self.over, self.told = made, dice, threading.Event(), []

    def run(self):
        while not self.over.wait(self.dice.uniform(0.3, 1.5)):
            daemon = self.dice.choice(self.made.daemons)
            what = self.dice.choice(["kill", "kill", "halt", "halt", "halt", "crash the database"])
            self.told.append((what, daemon.pid))
            if what == "kill":
                daemon.kill()
                self.over.wait(self.dice.uniform(0, LEASE_S))
                daemon.start()
            elif what == "halt":
                daemon.stop()
                self.over.wait(self.dice.uniform(0.2, 2 * LEASE_S))
                daemon.go_on()
            else:
                self.made.database.server.control("crash")
                self.made.database.server.control("start")


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
    misfortune = Misfortune(made, random.Random(seed + 1))
    misfortune.start()
    accepted, until = 0, time.time() + 120
    while accepted < MOVES and time.time() < until:
        accepted += ask(made, dice)
    misfortune.over.set()
    misfortune.join()
    wait_until(lambda: not made.unfinished(), lambda: f"seed {seed}: {made.unfinished()} {misfortune.told}", 90)
    ends = dict(made.database.query("SELECT state, count(*) FROM migrations GROUP BY state"))
    print(f"seed {seed}: {accepted} moves accepted, {ends}, {len(misfortune.told)} misfortunes")
    assert accepted >= MOVES / 2
    assert sum(map(int, ends.values())) >= accepted, "an accepted move is missing"
    assert "error" not in ends, made.database.query("SELECT id, reason FROM migrations WHERE state = 'error'")
    assert int(ends["completed"]) >= accepted / 2, ends
    made.assert_whole()
