"""Read-only media that only the source has: they are sent before the move, and the guest finds them."""
import time

from cloud import wait_for
from test_refusals import refused

ISO = "/srv/iso/{}.iso"


def fill(lab, host, name, mebibytes):
    lab.run(host, "dd", "if=/dev/urandom", f"of={ISO.format(name)}", "bs=1M", f"count={mebibytes}", "status=none")


def checksum(lab, host, name):
    """None: it is not there."""
    found = lab.run(host, "sha256sum", ISO.format(name), check=False).stdout.split()
    return found[0] if found else None


def test_it_is_sent(lab, cloud, guest):
    guest("med1", cdrom=True, dirty=5)
    fill(lab, "HostB", "med1", 30)
    there = checksum(lab, "HostB", "med1")
    run = cloud.cli("plan", "med1", "HostC")
    assert "disk hdc: a medium that is sent to /srv/iso/med1.iso first (30.0 MiB)" in run.stdout, run.stdout + run.stderr
    since = time.time()
    row = cloud.wait(cloud.live("med1", "HostC", block=False))
    assert row["state"] == "completed", row
    assert checksum(lab, "HostC", "med1") == there == checksum(lab, "HostB", "med1"), "the source keeps its own"
    assert lab.run("HostC", "stat", "-c", "%a", ISO.format("med1")).stdout == lab.run("HostB", "stat", "-c", "%a", ISO.format("med1")).stdout
    report = lab.heartbeat("med1", since)
    assert lab.where("med1") == ("HostC", "running") and len(report.boots) == 1 and lab.verify("med1") == []
    row = cloud.wait(cloud.live("med1", "HostB"))  # where it is already
    assert row["state"] == "completed" and lab.where("med1") == ("HostB", "running"), row


def test_beside_disks_that_are_copied(lab, cloud, guest):
    guest("med2", cdrom=True, disks=["local"])
    row = cloud.wait(cloud.live("med2", "HostC", block=True))
    assert row["state"] == "completed", row
    assert lab.run("HostC", "cat", ISO.format("med2")).stdout == "medium\n" == lab.run("HostB", "cat", ISO.format("med2")).stdout


def test_cold_there_and_back(lab, cloud, guest):
    """A revert takes away what was sent."""
    guest("med3", cdrom=True)
    answer = cloud.cold("med3", "HostC")
    assert cloud.wait(answer, "finished")["state"] == "finished" and checksum(lab, "HostC", "med3")
    assert cloud.action("med3", {"revertResize": None}).status == 202
    cloud.wait(answer, "reverted")
    assert checksum(lab, "HostC", "med3") is None and checksum(lab, "HostB", "med3") and lab.where("med3") == ("HostB", "running")


def test_two_that_use_the_same(lab, cloud, guest):
    """Moved at once: one brings it, the other waits for it; a revert of one leaves it to the other."""
    guest("med6", cdrom=True)
    guest("med7", cdrom=True)
    fill(lab, "HostB", "med6", 20)
    lab.virsh("HostB", "change-media", "med7", "hdc", ISO.format("med6"), "--live", "--config", "--update")
    lab.link("HostC", rate=8)
    try:
        live, cold = cloud.live("med6", "HostC"), cloud.cold("med7", "HostC")
        assert cloud.wait(live)["state"] == "completed"
        assert cloud.wait(cold, "finished", seconds=120)["state"] == "finished"
    finally:
        lab.link("HostC")
    assert checksum(lab, "HostC", "med6") == checksum(lab, "HostB", "med6")
    assert cloud.action("med7", {"revertResize": None}).status == 202
    cloud.wait(cold, "reverted")
    assert checksum(lab, "HostC", "med6") == checksum(lab, "HostB", "med6")


def test_another_medium_is_there(lab, cloud, guest):
    guest("med4", cdrom=True)
    lab.run("HostC", "sh", "-c", f"echo another medium > {ISO.format('med4')}")
    refused(cloud.live("med4", "HostC"), 400, "HostC has /srv/iso/med4.iso with 15 bytes, and HostB with 7")
    assert lab.run("HostC", "cat", ISO.format("med4")).stdout == "another medium\n"


def test_no_folder_for_it(lab, cloud, guest):
    guest("med8", cdrom=True)
    lab.run("HostB", "sh", "-c", "mkdir /srv/local/isos && cp /srv/iso/med8.iso /srv/local/isos/")
    try:
        lab.virsh("HostB", "change-media", "med8", "hdc", "/srv/local/isos/med8.iso", "--live", "--config", "--update")
        refused(cloud.live("med8", "HostC"), 400, "HostC has no folder for /srv/local/isos/med8.iso", "make the folder there")
        lab.run("HostC", "mkdir", "/srv/local/isos")
        assert cloud.wait(cloud.live("med8", "HostC"))["state"] == "completed"
        assert lab.run("HostC", "cat", "/srv/local/isos/med8.iso").stdout == "medium\n"
    finally:
        for host in lab.compute():
            host.run("rm", "-rf", "/srv/local/isos")


def test_killed_while_it_is_sent(lab, cloud, guest):
    """A part of a medium is never taken for the whole: the next daemon begins anew, or takes everything away."""
    guest("med5", cdrom=True)
    fill(lab, "HostB", "med5", 60)
    lab.link("HostC", rate=4)
    try:
        assert cloud.live("med5", "HostC").status == 202
        wait_for("a part of it", lambda: lab.run("HostC", "stat", "-c", "%s", ISO.format("med5"), check=False).stdout.strip() not in ("", "0"), 60)
        assert int(lab.run("HostC", "stat", "-c", "%s", ISO.format("med5")).stdout) < 60 << 20
        cloud.stop(9)
    finally:
        lab.link("HostC")
    cloud.start()
    row = cloud.wait(cloud.get("/godwit/v1/migrations?limit=1").json["migrations"][0]["id"])
    assert row["state"] in ("completed", "failed"), row
    host = lab.where("med5")[0]
    assert host == {"completed": "HostC", "failed": "HostB"}[row["state"]]
    assert checksum(lab, "HostC", "med5") == (checksum(lab, "HostB", "med5") if host == "HostC" else None)
