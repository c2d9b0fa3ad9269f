"""Guests that write faster than their link carries: every live migration ends, by the rung that the policy allows."""
import time

import pytest

from cloud import wait_for

RATE = 20  # MB/s, a third of what the busy guest writes


@pytest.fixture
def policy(cloud):
    """Restarts the daemon with a policy, and back afterwards."""
    before = dict(cloud.options)

    def set_policy(name, **options):
        cloud.restart(migration_policy=name, **options)

    yield set_policy
    cloud.options = before
    cloud.restart()


@pytest.fixture
def slow_link(lab):
    lab.link("HostC", rate=RATE)
    yield
    lab.link("HostC")


def move(lab, cloud, name, **options):
    """(row, the action's events by name) of a move to HostC that must end by itself."""
    row = cloud.wait(cloud.live(name, "HostC", **options), seconds=120)
    actions = cloud.get(f"/v2.1/servers/{row['instance_uuid']}/os-instance-actions/{row['request_id']}", version="2.84").json
    return row, {event["event"]: event for event in actions["instanceAction"]["events"]}


def busy(guest, name, **options):
    guest(name, memory=160, dirty=60, dirty_set=48, **options)


def test_balanced_ends_by_a_pause(lab, cloud, guest, policy, slow_link):
    policy("balanced")
    busy(guest, "busy1")
    since = time.time() - 1
    row, events = move(lab, cloud, "busy1")
    assert row["state"] == "completed", row
    assert "the guest is paused for about" in events["godwit_force_complete"]["details"]
    assert "MB/s" in events["godwit_force_complete"]["details"]
    assert row["progress"]["downtime_ms"] > 500, "the pause counts from where it was forced"
    assert row["prediction"]["now"]["ends"] == "pause" and row["prediction"]["now"]["basis"] == "observed"
    assert lab.where("busy1") == ("HostC", "running")
    lab.wait_heartbeat("busy1", time.time(), 10)
    beat = lab.heartbeat("busy1", since)
    assert beat.memory_errors == 0 and beat.gap_ms < 13000


def test_never_pause_gives_up(lab, cloud, guest, policy, slow_link):
    policy("never-pause", live_migration_permit_auto_converge="false")
    busy(guest, "busy1")
    row, events = move(lab, cloud, "busy1")
    assert row["state"] == "failed" and "no pause may be forced" in row["reason"], row
    assert events["godwit_abort"]["details"] == row["reason"]
    assert lab.where("busy1") == ("HostB", "running")
    lab.wait_heartbeat("busy1", time.time(), 10)
    assert lab.heartbeat("busy1").memory_errors == 0


def test_post_copy_where_it_is_permitted(lab, cloud, guest, policy, slow_link):
    policy("minimal-downtime", live_migration_permit_post_copy="true")
    busy(guest, "busy1")
    row, events = move(lab, cloud, "busy1")
    assert row["state"] == "completed", row
    assert "it goes on in post-copy" in events["godwit_force_complete"]["details"]
    assert lab.where("busy1") == ("HostC", "running")
    lab.wait_heartbeat("busy1", time.time(), 10)
    assert lab.heartbeat("busy1").memory_errors == 0


def test_the_timeout_forces_when_told_to(lab, cloud, guest, policy, slow_link):
    """Nova's force_complete: at the timeout, whatever the pause; here before passes were tried in vain."""
    policy("never-pause", live_migration_timeout_action="force_complete", live_migration_completion_timeout="4")
    busy(guest, "busy1")
    row, events = move(lab, cloud, "busy1")
    assert row["state"] == "completed", row
    assert "godwit_force_complete" in events
    assert lab.where("busy1") == ("HostC", "running")


def written(lab, name):
    return sum(lab.heartbeat(name).acknowledged)


@pytest.mark.parametrize("disks", [1, 4])
def test_disks_that_are_written_faster_than_the_link_carries(lab, cloud, guest, policy, disks):
    """By its deadline with writes that wait for the destination; and not at all without."""
    guest("writer1", memory=160, dirty=1, disks=["local"] * disks, disk_size="32M", write=1200)
    began, before = time.monotonic(), written(lab, "writer1")
    time.sleep(5)
    writes = (written(lab, "writer1") - before) * 4096 / (time.monotonic() - began) / 1e6  # MB/s
    assert writes > 0.2, f"it writes {writes:.1f} MB/s only, so that this would take too long to prove anything"
    gib = 2 + 2 * disks  # as the timeout counts it
    lab.link("HostC", rate=writes * 0.6)
    try:
        policy("balanced", live_migration_completion_timeout=30 // gib, block_migration_synchronous_writes="never")
        row, events = move(lab, cloud, "writer1", block=True)
        assert row["state"] == "failed" and "of its disks are still to be copied" in row["reason"], row
        assert lab.where("writer1") == ("HostB", "running")
        policy("balanced", live_migration_completion_timeout=240 // gib, block_migration_synchronous_writes="always")
        answer = cloud.live("writer1", "HostC", block=True)
        id_ = cloud.wait(answer, "running")["id"]
        wait_for("its disks", lambda: cloud.migration(id_)["progress"]["memory_processed"] > 0, 240)
        lab.link("HostC", rate=RATE)  # memory is another matter, and would take long
        row = cloud.wait(id_, seconds=120)
        assert row["state"] == "completed", row
    finally:
        lab.link("HostC")
    assert lab.where("writer1") == ("HostC", "running")
    lab.wait_heartbeat("writer1", time.time(), 20)
    beat = lab.heartbeat("writer1")
    assert beat.disk_errors == 0 and beat.memory_errors == 0 and len(beat.boots) == 1
    assert lab.verify("writer1") == []


def test_disks_that_cannot_keep_up_are_copied_again(lab, cloud, guest, policy):
    """By Godwit itself, in the same move, where nothing was known beforehand of the guest or of what its link has become."""
    uuid = guest("writer1", memory=160, dirty=1, disks=["local"], disk_size="32M", write=1200)
    policy("balanced", live_migration_completion_timeout=150, block_migration_synchronous_writes="auto")  # 600 s
    wait_for("its records in the whole ring", lambda: written(lab, "writer1") > 5000, 60)
    began, before = time.monotonic(), written(lab, "writer1")
    time.sleep(5)
    writes = (written(lab, "writer1") - before) * 4096 / (time.monotonic() - began) / 1e6  # MB/s
    assert writes > 0.2, f"it writes {writes:.1f} MB/s only, so that this would take too long to prove anything"
    lab.link("HostC", rate=writes * 0.6)
    try:
        id_ = cloud.wait(cloud.live("writer1", "HostC", block=True), "running")["id"]
        wait_for("its memory on the way", lambda: cloud.migration(id_)["progress"]["memory_processed"] > 0, 590)
        lab.link("HostC", rate=RATE)  # memory is another matter, and would take long
        row = cloud.wait(id_, seconds=120)
    finally:
        lab.link("HostC")
    assert row["state"] == "completed", row
    actions = cloud.get(f"/v2.1/servers/{uuid}/os-instance-actions/{row['request_id']}", version="2.84").json
    events = actions["instanceAction"]["events"]
    again = [event for event in events if event["event"] == "godwit_copy_again"]
    assert len(again) == 1, events
    assert "MB/s to its disks and the link carries" in again[0]["details"] and "copied again with writes that wait" in again[0]["details"]
    assert len([event for event in events if event["event"] == "compute_live_migration"]) == 2
    assert lab.where("writer1") == ("HostC", "running")
    lab.wait_heartbeat("writer1", time.time(), 20)
    beat = lab.heartbeat("writer1")
    assert beat.disk_errors == 0 and beat.memory_errors == 0 and len(beat.boots) == 1
    assert lab.verify("writer1") == []


def test_a_quiet_guest_takes_no_rung(lab, cloud, guest, policy, slow_link):
    policy("balanced")
    uuid = guest("quiet1", memory=160, dirty=1)
    began = time.monotonic()
    answer = cloud.request("POST", "/godwit/v1/plan", {"plan": {"server": uuid, "host": "HostC"}})
    assert 4 < time.monotonic() - began < 12
    prediction = answer.json["plan"]["hosts"][0]["prediction"]
    assert prediction["before"]["basis"] == "sampled"  # how much it writes is another matter: it has just booted
    assert 0 < prediction["made_from"]["memory_bytes"]
    row, events = move(lab, cloud, "quiet1")
    assert row["state"] == "completed" and "godwit_force_complete" not in events, events
    assert row["progress"]["downtime_ms"] < 3000
    came = row["prediction"]["actual"]
    assert came["downtime_ms"] == row["progress"]["downtime_ms"] and came["total_ms"] > row["progress"]["elapsed_ms"]
