"""Shared storage that libvirt itself recognises: a GlusterFS volume, mounted on both hosts."""
import os
import time

import pytest
from cloud import Lab


@pytest.fixture(scope="module")
def lab():
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    lab = Lab(f"gluster-{os.getpid()}")
    try:
        lab.up(kinds=["gluster"])
        yield lab
    finally:
        lab.down()


def test_live_and_cold(lab, cloud, guest):
    guest("gluster1", dirty=10)
    since = time.time()
    row = cloud.wait(cloud.live("gluster1", "HostC", block=False))
    assert row["state"] == "completed", row
    lab.wait_heartbeat("gluster1", time.time())
    report = lab.heartbeat("gluster1", since)
    assert lab.where("gluster1") == ("HostC", "running") and len(report.boots) == 1
    assert report.memory_errors == 0 and report.disk_errors == 0 and lab.verify("gluster1") == []
    row = cloud.wait(cloud.cold("gluster1", "HostB"))
    assert row["state"] == "finished", row
    cloud.action("gluster1", {"confirmResize": None})
    cloud.wait(row["id"], "confirmed")
    lab.wait_heartbeat("gluster1", time.time())
    assert lab.where("gluster1") == ("HostB", "running") and lab.verify("gluster1") == []
