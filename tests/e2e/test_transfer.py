"""How the bytes travel: each option with its effect, as the hypervisors and the kernel tell it."""
import re
import threading
import time

import pytest

from cloud import wait_for

SLOW = 10  # MB/s


@pytest.fixture
def options(cloud):
    """Restarts the daemon with other options, and back afterwards."""
    before = dict(cloud.options)
    yield lambda **values: cloud.restart(**values)
    cloud.options = before
    cloud.restart()


@pytest.fixture
def slow_link(lab):
    lab.link("HostC", rate=SLOW)
    yield
    lab.link("HostC")


def under_way(lab, cloud, name):
    """Begins a move to HostC and returns its answer once memory is on its way."""
    answer = cloud.live(name, "HostC")
    id_ = cloud.wait(answer, "running")["id"]
    wait_for("its memory on the way", lambda: cloud.migration(id_)["progress"]["memory_processed"] > 1 << 20, 60)
    return answer


def streams(lab):
    """Connections from HostB to a QEMU that receives on HostC."""
    listed = lab.run("HostB", "ss", "-Htn", "state", "established").stdout
    return len(re.findall(r"10\.99\.0\.12\]?:49\d\d\d", listed))


def job(lab, name):
    """virsh's names of figures → values, of the copy under way."""
    listed = lab.virsh("HostB", "domjobinfo", name, "--rawstats", check=False).stdout
    return dict(line.split(": ", 1) for line in listed.splitlines() if ": " in line)


def check_whole(lab, name):
    lab.wait_heartbeat(name, time.time(), 20)
    beat = lab.heartbeat(name)
    assert beat.memory_errors == 0 and len(beat.boots) == 1
    assert lab.where(name) == ("HostC", "running")


def test_parallel_connections(lab, cloud, guest, options, slow_link):
    guest("many1", memory=160, dirty=1)
    options(live_migration_parallel_connections=4)
    answer = under_way(lab, cloud, "many1")
    assert streams(lab) == 5  # one to steer by
    assert cloud.wait(answer)["state"] == "completed"
    check_whole(lab, "many1")


def test_one_connection_where_post_copy_is_permitted(lab, cloud, guest, options, slow_link):
    """QEMU 7.2 cannot do both, and post-copy is what ends a copy."""
    guest("many1", memory=160, dirty=1)
    options(live_migration_parallel_connections=4, live_migration_permit_post_copy="true")
    answer = under_way(lab, cloud, "many1")
    assert streams(lab) == 1
    assert cloud.wait(answer)["state"] == "completed"
    check_whole(lab, "many1")


def test_xbzrle(lab, cloud, guest, options, slow_link):
    """Of a guest that writes a few words into each page only these travel."""
    guest("delta1", memory=160, dirty=60, dirty_set=48)
    options(live_migration_compression="xbzrle")
    answer = under_way(lab, cloud, "delta1")
    seen = wait_for("deltas", lambda: (lambda j: j if int(j.get("compression_pages", "0")) > 0 else None)(job(lab, "delta1")), 60)
    assert int(seen["compression_cache"]) == 64 << 20
    row = cloud.wait(answer, seconds=120)
    assert row["state"] == "completed", row
    check_whole(lab, "delta1")


def test_compression_is_chosen_by_what_was_measured(lab, cloud, guest, options, slow_link):
    uuid = guest("delta1", memory=160, dirty=60, dirty_set=48)
    options()

    def planned(host):
        return cloud.request("POST", "/godwit/v1/plan", {"plan": {"server": uuid, "host": host}}).json["plan"]["hosts"][0]["plan"]
    assert planned("HostC")["compression"] == "none"  # no copy was seen on this link
    assert cloud.wait(cloud.live("delta1", "HostC"), seconds=120)["state"] == "completed"
    cloud.request("POST", "/godwit/v1/plan", {"plan": {"server": uuid, "host": "HostB"}})  # looks at the guest
    assert planned("HostB")["compression"] == "xbzrle"
    options(live_migration_compression="none")
    assert planned("HostB")["compression"] == "none"


def test_the_pause_grows_in_steps(lab, cloud, guest, options, slow_link):
    guest("steps1", memory=160, dirty=60, dirty_set=48)
    options(migration_policy="never-pause", live_migration_permit_auto_converge="false", live_migration_downtime=1000,
            live_migration_downtime_steps=10, live_migration_downtime_delay=1)
    answer = under_way(lab, cloud, "steps1")

    def limit():
        return int(lab.virsh("HostB", "migrate-getmaxdowntime", "steps1").stdout)
    first = wait_for("the first step", lambda: (lambda ms: ms if ms < 1000 and ms != 300 else None)(limit()), 10)
    assert 100 <= first <= 640 and first % 90 == 10  # 100 ms, and 90 more every 2 s: the guest counts as 2 GiB
    wait_for("a later step", lambda: limit() > first, 20)
    row = cloud.wait(answer, seconds=120)
    assert row["state"] == "failed", row


def test_copies_share_a_link(lab, cloud, guest, options):
    names, seen, over = ("share1", "share2"), [], threading.Event()
    for name in names:
        guest(name, memory=160, dirty=1)
    options(migration_link_bandwidth=8)

    def speed(name):
        """In MiB/s; None once it has left."""
        done = lab.virsh("HostB", "migrate-getspeed", name, check=False)
        return int(done.stdout) if done.returncode == 0 else None

    def watch():  # beside the test, which may hear of an end when the other copy is through, too
        while not over.is_set():
            seen.append(tuple(map(speed, names)))
            time.sleep(0.1)
    watching = threading.Thread(target=watch)
    watching.start()
    try:
        first = under_way(lab, cloud, "share1")
        wait_for("its part", lambda: any(one == 8 for one, _ in seen), 30)
        second = under_way(lab, cloud, "share2")
        assert cloud.wait(first, seconds=120)["state"] == "completed"
        assert cloud.wait(second, seconds=120)["state"] == "completed"
    finally:
        over.set()
        watching.join()
    assert (4, 4) in seen, seen
    assert any(other == 8 for _, other in seen[seen.index((4, 4)):]), f"the rest of it: {seen}"


def test_an_abort_while_writes_wait_for_the_destination(lab, cloud, guest, options):
    """QEMU 7.2 dies of it, or hangs, every third time, unless the guest is paused before."""
    uuid = guest("waits1", memory=160, disks=["local"], write=100)
    options(block_migration_synchronous_writes="always", live_migration_bandwidth=1)
    began = time.time()
    for _ in range(10):
        answer = cloud.live("waits1", "HostC", block=True)
        row = cloud.wait(answer, "running")
        wait_for("its disk on the way", lambda: cloud.migration(row["id"])["progress"]["disk_processed"] > 0, 30)
        assert cloud.request("DELETE", f"/v2.1/servers/{uuid}/migrations/{row['id']}", version="2.24").status == 202
        assert cloud.wait(answer)["state"] == "cancelled"
        assert lab.where("waits1") == ("HostB", "running")
    lab.wait_heartbeat("waits1", time.time(), 10)
    beat = lab.heartbeat("waits1", began)
    assert len(beat.boots) == 1 and beat.disk_errors == 0 and beat.memory_errors == 0
    assert lab.verify("waits1") == []
