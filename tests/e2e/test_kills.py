"""kill -9 of the daemon at any moment of any move: the next one carries it to its end, and nobody has to help.

The moments are random; the seed is printed, and GODWIT_KILLS_SEED repeats it. GODWIT_KILLS says how many moves (each is one
kill or more)."""
import collections
import os
import random
import signal
import time

from gwlab.guest import log_of

SEED = int(os.environ.get("GODWIT_KILLS_SEED", random.SystemRandom().randrange(1 << 30)))
KILLS = int(os.environ.get("GODWIT_KILLS", "8"))

KINDS = ["live shared", "live local", "cold shared", "cold local", "live abort"]


killed = collections.Counter()  # by what was going on


def kill(cloud, rng, longest, what):
    time.sleep(rng.uniform(0, longest))
    killed[what] += 1
    cloud.restart(signal.SIGKILL)


def other(host):
    return "HostC" if host == "HostB" else "HostB"


def wait_settled(cloud, id_):
    """Its end, however many daemons it takes."""
    return cloud.wait(id_, seconds=120)


def live(cloud, rng, name, host, abort):
    answer = cloud.live(name, other(host))
    assert answer.status == 202, answer.text
    id_ = answer.headers["x-godwit-migration-id"]
    kill(cloud, rng, 1.5, "live")
    if abort:
        uuid = cloud.uuid(name)
        cloud.request("DELETE", f"/v2.1/servers/{uuid}/migrations/{id_}")  # it may have ended: then it is refused
        kill(cloud, rng, 0.5, "abort")
    row = wait_settled(cloud, id_)
    assert row["state"] == "completed" or (abort and row["state"] == "cancelled"), row
    return other(host) if row["state"] == "completed" else host


def cold(cloud, rng, name, host, shared):
    """Reverted on shared storage only: a copied disk goes back to what it was, without what was written on the destination."""
    answer = cloud.cold(name, other(host))
    assert answer.status == 202, answer.text
    id_ = answer.headers["x-godwit-migration-id"]
    kill(cloud, rng, 6, "cold")
    row = wait_settled(cloud, id_)
    assert row["state"] == "finished", row
    revert = shared and rng.random() < 0.5
    decided = cloud.action(name, {"revertResize" if revert else "confirmResize": None})
    assert decided.status in (202, 204), decided.text
    kill(cloud, rng, 2, "revert" if revert else "confirm")
    row = cloud.wait(id_, "reverted" if revert else "confirmed", seconds=120)
    return host if revert else other(host)


def consoles(lab, name):
    """What the guest has said of its errors, on each host since it last began there."""
    return "\n".join(f"{host.name}: {log_of(host, name)[-1000:]}" for host in lab.compute())


def test_killed_at_any_moment(lab, cloud, guest):
    print(f"GODWIT_KILLS_SEED={SEED}")
    rng = random.Random(SEED)
    places = {}
    for kind in ("shared", "local"):
        guest(kind + "1", disks=[kind], dirty=5)
        places[kind + "1"] = "HostB"
    for number in range(KILLS):
        kind = KINDS[number % len(KINDS)]
        name = ("local" if "local" in kind else "shared") + "1"
        how = f"seed {SEED}, move {number}: {kind}"
        if kind.startswith("cold"):
            places[name] = cold(cloud, rng, name, places[name], "shared" in kind)
        else:
            places[name] = live(cloud, rng, name, places[name], "abort" in kind)
        lab.wait_heartbeat(name, time.time(), 60)
        assert lab.where(name) == (places[name], "running"), how
        report = lab.heartbeat(name)
        assert report.memory_errors == 0 and report.disk_errors == 0, f"{how}\n{consoles(lab, name)}"
        assert lab.verify(name) == [], how
        assert cloud.wait_server(name, "ACTIVE")["OS-EXT-SRV-ATTR:host"] == places[name], how
        on_other = lab.run(other(places[name]), "sh", "-c", f"virsh -q -c qemu:///system list --all --name; ls /srv/local").stdout
        assert name not in on_other, how
    print(f"{KILLS} moves, {killed.total()} kills: {', '.join(f'{n} in {what}' for what, n in killed.items())}")
