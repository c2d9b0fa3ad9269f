"""The daemon stops, or is killed, while hypervisors copy: the next one finds the migration and carries it to its end."""
import signal
import time

import pytest


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
@pytest.mark.parametrize("disks", [["shared"], ["local"]], ids=["shared", "local"])
def test_live(lab, cloud, guest, sig, disks):
    guest("again1", disks=disks, dirty=5)
    lab.link("HostC", rate=25)
    since = time.time()
    try:
        answer = cloud.live("again1", "HostC")
        cloud.wait(answer, "running")
        time.sleep(0.5)
        id_ = answer.headers["x-godwit-migration-id"]
        cloud.restart(sig)
        assert cloud.migration(id_)["state"] in ("running", "settling", "completed")
        row = cloud.wait(id_)
    finally:
        lab.link("HostC")
    assert row["state"] == "completed", row
    lab.wait_heartbeat("again1", time.time())
    report = lab.heartbeat("again1", since)
    assert lab.where("again1") == ("HostC", "running") and len(report.boots) == 1
    assert report.memory_errors == 0 and lab.verify("again1") == []


def test_stops_cleanly_and_starts_fast(cloud):
    begin = time.monotonic()
    assert cloud.stop() == 0
    assert time.monotonic() - begin < 6  # after 8 s it would have left without waiting
    begin = time.monotonic()
    cloud.start()
    assert time.monotonic() - begin < 10
    assert len(cloud.get("/godwit/v1/hosts").json["hosts"]) == 2


@pytest.mark.parametrize("disks", [["shared"], ["local"]], ids=["shared", "local"])
def test_cold(lab, cloud, guest, disks):
    guest("again1", disks=disks)
    boots = lab.heartbeat("again1").boot_count
    answer = cloud.cold("again1", "HostC")
    cloud.wait(answer, "stopping")
    cloud.restart(signal.SIGKILL)
    row = cloud.wait(answer.headers["x-godwit-migration-id"])
    assert row["state"] == "finished", row
    lab.wait_heartbeat("again1", time.time())
    assert lab.heartbeat("again1").boot_count == boots + 1
    cloud.restart(signal.SIGKILL)
    assert cloud.server("again1")["status"] == "VERIFY_RESIZE", "what waits for the user survives"
    cloud.action("again1", {"confirmResize": None})
    assert cloud.wait(row["id"], "confirmed")


def test_libvirtd_killed_on_destination(lab, cloud, guest):
    """The copy fails, the guest stays where it is, and nothing of it is left on the destination."""
    guest("again1", disks=["local"], dirty=5)
    lab.link("HostC", rate=10)
    try:
        answer = cloud.live("again1", "HostC")
        cloud.wait(answer, "running")
        time.sleep(0.5)
        lab.kill_libvirtd("HostC")
        time.sleep(1)
        lab.start_libvirtd("HostC")
        row = cloud.wait(answer, seconds=120)
    finally:
        lab.link("HostC")
    assert row["state"] == "failed", row
    assert lab.where("again1") == ("HostB", "running")
    assert lab.run("HostC", "ls", "/srv/local/again1-0.qcow2", check=False).returncode != 0
    lab.wait_heartbeat("again1", time.time(), 10)
    assert lab.heartbeat("again1").memory_errors == 0


def test_an_old_probe_is_swept(lab, cloud, guest):
    """What a killed daemon's test of the storage left goes with the next test there; a fresh one may be another daemon's."""
    guest("again1", disks=["shared"])
    old, fresh = "/srv/instances/.godwit-probe-1000000000-x", f"/srv/instances/.godwit-probe-{int(time.time())}-x"
    lab.run("HostB", "touch", old, fresh)
    lab.run("HostB", "sh", "-c", "for p in $(virsh -q -c qemu:///system pool-list --name); do virsh -q -c qemu:///system pool-refresh $p; done")
    assert cloud.wait(cloud.live("again1", "HostC"))["state"] == "completed"
    left = lab.run("HostB", "ls", "-A", "/srv/instances").stdout
    lab.run("HostB", "rm", "-f", old, fresh)
    assert ".godwit-probe-1000000000-x" not in left and fresh.rsplit("/", 1)[1] in left


@pytest.fixture
def one_at_a_time(cloud):
    cloud.restart(max_concurrent_live_migrations="1")
    yield
    cloud.restart(max_concurrent_live_migrations="0")


def test_what_waits_for_its_turn(lab, cloud, guest, one_at_a_time):
    """The daemon is killed, and the destination's libvirtd is away for a while: what waits goes on waiting, in its order, and moves."""
    for name in ("again1", "again2", "again3"):
        guest(name, disks=["shared"], dirty=5)
    lab.link("HostC", rate=10)
    try:
        first = cloud.live("again1", "HostC")
        cloud.wait(first, "running")
        waiting = [cloud.live(name, "HostC").headers["x-godwit-migration-id"] for name in ("again2", "again3")]
        for id_ in waiting:
            assert cloud.wait(id_, "queued")["state"] == "queued"
        cloud.restart(signal.SIGKILL)
        assert [cloud.migration(id_)["state"] for id_ in waiting] == ["queued", "queued"]
        lab.kill_libvirtd("HostC")
        cloud.refresh()
        reasons = [cloud.migration(id_)["reason"] for id_ in waiting]
        assert [reason.split(" (")[0] for reason in reasons] == ["it waits until HostC answers, first in line",
                                                                 "it waits until HostC answers, second in line"]
        lab.start_libvirtd("HostC")
        cloud.refresh()
    finally:
        lab.link("HostC")
    cloud.wait(first, seconds=120)  # with its libvirtd it may have lost its copy
    rows = [cloud.wait(id_, seconds=120) for id_ in waiting]
    assert [row["state"] for row in rows] == ["completed", "completed"], rows
    assert rows[0]["started_at"] < rows[1]["started_at"]
    assert lab.where("again2") == lab.where("again3") == ("HostC", "running")
