"""Starting, stopping, rebooting, pausing and suspending a real guest: its own record tells what it felt."""
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


def test_suspend(lab, cloud, guest):
    """Its memory lies on the host's disk meanwhile, and nothing runs; then it goes on, without having booted. Suspended it does not move."""
    guest("sleep1", dirty=5)
    since = time.time()
    host = lab.where("sleep1")[0]
    boots = lab.heartbeat("sleep1").boot_count
    assert cloud.action("sleep1", {"suspend": None}).status == 202
    settle(cloud, "sleep1", "SUSPENDED")
    assert lab.where("sleep1")[1] != "running"
    refused = cloud.action("sleep1", {"migrate": None})
    assert refused.status == 409 and "its saved memory lies on" in refused.fault
    assert cloud.action("sleep1", {"resume": None}).status == 202
    settle(cloud, "sleep1", "ACTIVE")
    lab.wait_heartbeat("sleep1", time.time())
    report = lab.heartbeat("sleep1", since)
    assert lab.where("sleep1") == (host, "running") and lab.heartbeat("sleep1").boot_count == boots
    assert report.memory_errors == 0 and report.disk_errors == 0


def test_diagnostics(lab, cloud, guest):
    guest("count1")
    uuid = cloud.server("count1")["id"]
    new = cloud.get(f"/v2.1/servers/{uuid}/diagnostics", version="2.48").json
    assert new["state"] == "running" and new["num_cpus"] == 1 and new["cpu_details"][0]["time"] > 0
    assert any(disk["read_bytes"] for disk in new["disk_details"]) and new["memory_details"]["maximum"] > 0
    old = cloud.get(f"/v2.1/servers/{uuid}/diagnostics", version="2.1").json
    assert old["cpu0_time"] > 0 and old["memory"] > 0 and any(key.endswith("_read_req") for key in old)
