"""A link that is cut in the midst of post-copy leaves a guest in two halves: they come together when it is mended, whatever happened to the
daemon meanwhile, and nothing is copied a second time."""
import signal
import time

import pytest

from cloud import wait_for


@pytest.fixture
def post_copy(cloud):
    """The daemon permits post-copy; and back afterwards."""
    before = dict(cloud.options)
    cloud.restart(live_migration_permit_post_copy="true")
    yield
    cloud.options = before
    cloud.restart()


@pytest.fixture
def link(lab):
    lab.link("HostC", rate=30)
    yield
    lab.link("HostC")


def reason(lab, host, name):
    return lab.virsh(host, "domstate", "--reason", name, check=False).stdout.strip()


def begin(lab, cloud, name, rate):
    """The migration of a guest that runs on HostC in post-copy, over a link that is slow enough to let it last."""
    answer = cloud.live(name, "HostC")
    row = cloud.wait(answer, "running")
    wait_for("its memory under way", lambda: cloud.migration(row["id"])["progress"]["memory_processed"] > 10 << 20, 60)
    lab.link("HostC", rate=rate)
    forced = cloud.request("POST", f"/v2.1/servers/{row['instance_uuid']}/migrations/{row['id']}/action", {"force_complete": None})
    assert forced.status == 202, forced.text
    cloud.wait(row["id"], "post-copy", seconds=60)
    # before the destination has heard that it is to run, its libvirtd destroys what it received when the connection goes
    wait_for("it to run there", lambda: reason(lab, "HostC", name) == "running (post-copy)", 60)
    return row["id"]


def cut(lab, name, broken=False):
    """TCP waits for the link to come back and goes on, unless its connections are broken for good."""
    lab.link("HostC", cut=True)
    if broken:
        lab.sever("HostB", "HostC")
    wait_for("the source to notice", lambda: reason(lab, "HostB", name) == "paused (post-copy failed)", 90)


def events(cloud, row):
    path = f"/v2.1/servers/{row['instance_uuid']}/os-instance-actions/{row['request_id']}"
    return [event["event"] for event in cloud.get(path, version="2.84").json["instanceAction"]["events"]]


def assert_whole(lab, cloud, row, name):
    assert row["state"] == "completed", row
    assert lab.where(name) == ("HostC", "running")
    assert reason(lab, "HostB", name) == "", "the source has nothing of it any more"
    lab.wait_heartbeat(name, time.time(), 20)
    beat = lab.heartbeat(name)
    assert beat.memory_errors == 0 and beat.disk_errors == 0 and len(beat.boots) == 1
    assert lab.verify(name) == []
    assert events(cloud, row).count("compute_live_migration") == 1, events(cloud, row)


@pytest.mark.parametrize("how", ["watched", "killed"])
def test_it_goes_on_when_the_link_is_mended(lab, cloud, guest, post_copy, link, how):
    """The daemon is killed meanwhile, or not."""
    guest("half1", memory=240, dirty=80, dirty_set=128)
    id_ = begin(lab, cloud, "half1", 2)
    cut(lab, "half1")
    if how == "killed":
        cloud.restart(signal.SIGKILL)
    row = wait_for("it to say what it waits for", lambda: (lambda r: r if "does not answer" in (r["reason"] or "") else None)(cloud.migration(id_)), 60)
    assert row["state"] == "post-copy", row
    assert reason(lab, "HostB", "half1") == "paused (post-copy failed)", "nothing is done while nobody knows"
    lab.link("HostC", rate=2)  # so that the rest, which TCP may bring by itself, is not there before both hosts have answered
    wait_for("it to be resumed", lambda: "godwit_resume_post_copy" in events(cloud, row), 60)
    lab.link("HostC")
    assert_whole(lab, cloud, cloud.wait(id_, seconds=240), "half1")


def test_it_goes_on_over_another_connection(lab, cloud, guest, post_copy, link):
    """The connection is broken for good, so that nothing but a resumed migration brings the rest. Late: a destination that waits for a page in
    the midst of an interrupt holds QEMU's big lock, and then hears nobody (emulated guests alone: with KVM the kernel waits)."""
    guest("half2", memory=240)
    id_ = begin(lab, cloud, "half2", 4)
    sent = cloud.migration(id_)["progress"]["memory_processed"]
    wait_for("most of it to be there", lambda: cloud.migration(id_)["progress"]["memory_processed"] > sent + (50 << 20), 60)
    cut(lab, "half2", broken=True)
    assert reason(lab, "HostC", "half2") == "running (post-copy failed)"
    time.sleep(3)
    lab.link("HostC")
    row = cloud.wait(id_, seconds=240)
    assert_whole(lab, cloud, row, "half2")
    assert "godwit_resume_post_copy" in events(cloud, row)
