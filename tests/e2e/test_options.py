"""The manual's options, each with the effect that the manual says."""
import re
import time

import pytest

PAUSED_FLAGS = "VIR_MIGRATE_UNDEFINE_SOURCE, VIR_MIGRATE_PEER2PEER"


@pytest.fixture
def options(cloud):
    """Restarts the daemon with other options, and back afterwards."""
    before = dict(cloud.options)

    def set_options(**values):
        cloud.restart(**values)

    yield set_options
    cloud.options = before
    cloud.restart()


def slow_move(lab, cloud, name, **kwargs):
    """A move over a link so slow that a paused guest is plainly paused; returns (row, longest silence in ms)."""
    lab.link("HostC", rate=20)
    since = time.time() - 1  # a silence is measured from the heartbeat before it
    try:
        row = cloud.wait(cloud.live(name, "HostC", **kwargs))
    finally:
        lab.link("HostC")
    assert row["state"] == "completed", row
    lab.wait_heartbeat(name, time.time())
    return row, lab.heartbeat(name, since).gap_ms


def test_default_is_true_live(lab, cloud, guest):
    guest("flag1", dirty=1)
    row, gap_ms = slow_move(lab, cloud, "flag1")
    assert gap_ms < row["total_ms"] / 2


def test_live_migration_flag_without_live_pauses(lab, cloud, guest, options):
    """The manual's default: without VIR_MIGRATE_LIVE the guest stands still for the whole copy."""
    options(live_migration_flag=PAUSED_FLAGS)
    guest("flag1", dirty=1)
    row, gap_ms = slow_move(lab, cloud, "flag1")
    assert gap_ms > row["total_ms"] * 0.6, "it was paused from the start of the copy to its end"


def test_block_migration_flag_without_live_pauses(lab, cloud, guest, options):
    options(block_migration_flag=PAUSED_FLAGS + ", VIR_MIGRATE_NON_SHARED_INC")
    guest("flag1", dirty=1, disks=["local"])
    row, gap_ms = slow_move(lab, cloud, "flag1", block=True)
    assert gap_ms > row["total_ms"] * 0.3


def test_bandwidth(lab, cloud, guest, options):
    guest("band1", dirty=1)
    row = cloud.wait(cloud.live("band1", "HostC"))
    free_ms, size = row["progress"]["elapsed_ms"], row["progress"]["memory_processed"]
    options(live_migration_bandwidth=10)
    row = cloud.wait(cloud.live("band1", "HostB"))
    assert row["state"] == "completed"
    at_least_ms = size / (10 << 20) * 1000
    assert row["progress"]["elapsed_ms"] > max(at_least_ms * 0.7, free_ms)


def test_uri_template(lab, cloud, guest, options):
    """%s becomes the destination; a wrong template shows in what libvirt tries."""
    guest("uri1")
    options(live_migration_uri="qemu+tcp://%s/system", live_migration_retry_count=0)
    assert cloud.wait(cloud.live("uri1", "HostC"))["state"] == "completed"
    options(live_migration_uri="qemu+tcp://%s:16999/system", live_migration_retry_count=0)
    row = cloud.wait(cloud.live("uri1", "HostB"))
    assert row["state"] == "failed" and "16999" in row["reason"], row
    assert lab.where("uri1") == ("HostC", "running")


def test_retry_count(lab, cloud, guest, options):
    """Retries of one second each while the destination's libvirtd does not take the call; then the reason."""
    guest("retry1")
    options(live_migration_uri="qemu+tcp://%s:16999/system", live_migration_retry_count=3)
    begin = time.monotonic()
    row = cloud.wait(cloud.live("retry1", "HostC"))
    assert row["state"] == "failed"
    assert 3 <= time.monotonic() - begin < 15
    # one port away a relay appears while Godwit retries: the move goes through
    answer = cloud.live("retry1", "HostC")
    lab.host("HostC").spawn("/usr/bin/python3", "-c", RELAY, log="relay.log")
    try:
        assert cloud.wait(answer)["state"] == "completed"
    finally:
        lab.run("HostC", "pkill", "-f", "16999", check=False)


RELAY = """
import socket, threading
def pump(a, b):
    while True:
        data = a.recv(65536)
        if not data:
            b.shutdown(socket.SHUT_WR); return
        b.sendall(data)
s = socket.create_server(("0.0.0.0", 16999))
while True:
    a, _ = s.accept()
    b = socket.create_connection(("127.0.0.1", 16509))
    threading.Thread(target=pump, args=(a, b), daemon=True).start()
    threading.Thread(target=pump, args=(b, a), daemon=True).start()
"""


def test_vncserver_listen(lab, cloud, guest, options):
    options(vncserver_listen="0.0.0.0")
    guest("vnc1", vnc="10.99.0.11")
    row = cloud.wait(cloud.live("vnc1", "HostC"))
    assert row["state"] == "completed", row
    for flag in ([], ["--inactive"]):
        xml = lab.virsh("HostC", "dumpxml", *flag, "vnc1").stdout
        assert re.search(r"<graphics[^>]*listen='0.0.0.0'", xml), xml


def test_console_of_one_host_only_is_refused_or_rewritten(lab, cloud, guest):
    """Without vncserver_listen a console bound to the source's own address cannot follow: the refusal says so."""
    guest("vnc1", vnc="10.99.0.11")
    answer = cloud.live("vnc1", "HostC")
    assert answer.status == 400 and "vncserver_listen" in answer.fault, answer.text
    assert lab.where("vnc1") == ("HostB", "running")


def test_completion_timeout_aborts(lab, cloud, guest, options):
    """Nova's way with a true live migration that does not end: it is aborted, and the guest runs on at its source."""
    guest("late1", memory=160, dirty=60, dirty_set=48)
    options(live_migration_completion_timeout=4, live_migration_timeout_action="abort")
    lab.link("HostC", rate=20)
    try:
        row = cloud.wait(cloud.live("late1", "HostC"), seconds=60)
    finally:
        lab.link("HostC")
    assert row["state"] == "failed" and "timeout" in row["reason"], row
    assert lab.where("late1") == ("HostB", "running")
    lab.wait_heartbeat("late1", time.time(), 10)
    assert lab.heartbeat("late1").memory_errors == 0


def test_state_path(cloud):
    import os
    assert os.path.exists(os.path.join(cloud.options["state_path"], "godwit.db"))


def test_instances_path(lab, cloud, guest, options):
    """Where the destination has no such folder, a copied disk goes to its instances_path."""
    lab.run("HostB", "mkdir", "-p", "/srv/only-here")
    options(instances_path="/srv/local")
    guest("path1", disks=["local"], start="no")
    lab.run("HostB", "mv", "/srv/local/path1-0.qcow2", "/srv/only-here/path1-0.qcow2")
    xml = lab.virsh("HostB", "dumpxml", "--inactive", "path1").stdout.replace("/srv/local/path1", "/srv/only-here/path1")
    lab.run("HostB", "sh", "-c", "cat > /run/path1.xml", text_in=xml)
    lab.virsh("HostB", "define", "/run/path1.xml")
    lab.virsh("HostB", "start", "path1")
    lab.wait_heartbeat("path1")
    cloud.refresh()
    row = cloud.wait(cloud.live("path1", "HostC", block=True))
    assert row["state"] == "completed", row
    assert "/srv/local/path1-0.qcow2" in lab.virsh("HostC", "domblklist", "path1").stdout
    assert lab.run("HostB", "ls", "/srv/only-here").stdout == ""
