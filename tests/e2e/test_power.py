"""Starting, stopping, rebooting and pausing a real guest: its own record tells what it felt."""
import time


def settle(cloud, name, status):
    end = time.monotonic() + 40
    while True:
        server = cloud.server(name)
        if server["status"] == status and not server["OS-EXT-STS:task_state"]:
            return
        assert time.monotonic() < end, server
        time.sleep(0.1)


def test_power(lab, cloud, guest):
    guest("power1")
    boots = lab.heartbeat("power1").boot_count
    for body, status in (({"pause": None}, "PAUSED"), ({"unpause": None}, "ACTIVE")):
        assert cloud.action("power1", body).status == 202
        settle(cloud, "power1", status)
    lab.wait_heartbeat("power1", time.time())
    assert lab.heartbeat("power1").boot_count == boots, "a pause is no reboot"
    for body, status in (({"reboot": {"type": "SOFT"}}, "ACTIVE"), ({"os-stop": None}, "SHUTOFF"), ({"os-start": None}, "ACTIVE")):
        assert cloud.action("power1", body).status == 202
        settle(cloud, "power1", status)
        if status == "ACTIVE":
            lab.wait_heartbeat("power1", time.time())
    assert lab.heartbeat("power1").boot_count == boots + 2
    assert lab.heartbeat("power1").disk_errors == 0 and lab.verify("power1") == []
