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


def halve(lab, cloud, name, broken=False):
    """The migration of a guest whose link was cut while it was in post-copy, once its source has noticed. TCP waits for the link to come
    back and goes on, unless its connections are broken for good."""
    answer = cloud.live(name, "HostC")
    row = cloud.wait(answer, "running")
    wait_for("its memory under way", lambda: cloud.migration(row["id"])["progress"]["memory_processed"] > 10 << 20, 60)
    lab.link("HostC", rate=2)  # so that post-copy lasts
    forced = cloud.request("POST", f"/v2.1/servers/{row['instance_uuid']}/migrations/{row['id']}/action", {"force_complete": None})
    assert forced.status == 202, forced.text
    cloud.wait(row["id"], "post-copy", seconds=60)
    # before the destination has heard that it is to run, its libvirtd destroys what it received when the connection goes
    wait_for("it to run there", lambda: reason(lab, "HostC", name) == "running (post-copy)", 60)
    lab.link("HostC", cut=True)
    if broken:
        lab.sever("HostB", "HostC")
    wait_for("the source to notice", lambda: reason(lab, "HostB", name) == "paused (post-copy failed)", 90)
    return row["id"]


def events(cloud, row):
    path = f"/v2.1/servers/{row['instance_uuid']}/os-instance-actions/{row['request_id']}"
    return [event["event"] for event in cloud.get(path, version="2.84").json["instanceAction"]["events"]]


@pytest.mark.parametrize("how", ["watched", "killed", "broken"])
def test_it_goes_on_when_the_link_is_mended(lab, cloud, guest, post_copy, link, how):
    """The daemon is killed meanwhile, or not; TCP has outlived it, or not, so that nothing but a resumed migration brings the rest."""
    guest("half1", memory=240, dirty=80, dirty_set=128)
    id_ = halve(lab, cloud, "half1", broken=how == "broken")
    if how == "killed":
        cloud.restart(signal.SIGKILL)
    row = wait_for("it to say what it waits for", lambda: (lambda r: r if "does not answer" in (r["reason"] or "") else None)(cloud.migration(id_)), 60)
    assert row["state"] == "post-copy", row
    assert reason(lab, "HostB", "half1") == "paused (post-copy failed)", "nothing is done while nobody knows"
    lab.link("HostC", rate=2)  # so that the rest, which TCP may bring by itself, is not there before both hosts have answered
    wait_for("it to be resumed", lambda: "godwit_resume_post_copy" in events(cloud, row), 60)
    lab.link("HostC")
    row = cloud.wait(id_, seconds=240)
    assert row["state"] == "completed", row
    assert lab.where("half1") == ("HostC", "running")
    assert reason(lab, "HostB", "half1") == "", "the source has nothing of it any more"
    lab.wait_heartbeat("half1", time.time(), 20)
    beat = lab.heartbeat("half1")
    assert beat.memory_errors == 0 and beat.disk_errors == 0 and len(beat.boots) == 1
    assert lab.verify("half1") == []
    assert events(cloud, row).count("compute_live_migration") == 1, events(cloud, row)
