"""A host of the lab is emptied while its guests run; their own records say that none stopped."""
import signal
import time

from conftest import domains
from test_live import check_moved

NAMES = ("drain1", "drain2", "drain3")


def show(cloud, drain):
    return cloud.get(f"/godwit/v1/drains/{drain}").json["drain"]


def ended(cloud, drain, seconds=120):
    end = time.monotonic() + seconds
    while (row := show(cloud, drain))["state"] == "running":
        assert time.monotonic() < end, f"{row}\n{cloud.daemon_log()[-3000:]}"
        time.sleep(0.1)
    return row


def begin(cloud, **options):
    answer = cloud.request("POST", "/godwit/v1/drains", {"drain": {"hosts": ["HostB"], **options}})
    assert answer.status == 202, answer.text
    return answer.json["drain"]["id"]


def enable(cloud):
    assert cloud.request("POST", "/godwit/v1/hosts/HostB/undrain", {"undrain": {}}).status == 200


def check_all_moved(lab, cloud, drain, since):
    for move in drain["moves"]:
        row = cloud.migration(move["migration_id"])
        check_moved(lab, cloud, move["instance_name"], "HostB", move["dest"], since, row)


def test_drain_and_return(lab, cloud, guest):
    """Two over shared storage, one whose disk travels."""
    for name in NAMES:
        guest(name, disks=["local" if name == "drain3" else "shared"], dirty=5)
    since = time.time()
    try:
        drain = ended(cloud, begin(cloud))
        assert drain["state"] == "completed" and drain["counts"]["moved"] == 3, drain
        assert not set(NAMES) & set(domains(lab, "HostB"))
        check_all_moved(lab, cloud, drain, since)
        answer = cloud.request("POST", "/godwit/v1/hosts/HostB/undrain", {"undrain": {"return": True}})
        assert answer.status == 202, answer.text
        back = ended(cloud, answer.json["undrain"]["drain"]["id"])
        assert back["state"] == "completed", back
        for name in NAMES:
            assert lab.where(name) == ("HostB", "running")
            assert len(lab.heartbeat(name, since).boots) == 1
    finally:
        enable(cloud)


def test_controller_killed_midway(lab, cloud, guest):
    for name in NAMES:
        guest(name, dirty=5)
    since = time.time()
    try:
        drain = begin(cloud, parallel=1)
        end = time.monotonic() + 60
        while show(cloud, drain)["counts"]["moved"] < 1:
            assert time.monotonic() < end, show(cloud, drain)
            time.sleep(0.02)
        cloud.restart(signal.SIGKILL)
        row = ended(cloud, drain)
        assert row["state"] == "completed" and row["counts"]["moved"] == 3, row
        check_all_moved(lab, cloud, row, since)
        for name in NAMES:  # each once: what had moved before the death is not moved again
            rows = cloud.get(f"/godwit/v1/migrations?instance_uuid={cloud.uuid(name)}").json["migrations"]
            assert [r["state"] for r in rows] == ["completed"], rows
    finally:
        enable(cloud)


def test_what_guests_do_is_measured(lab, cloud, guest):
    """What Godwit says of a host is what libvirt counts of its guest."""
    guest("works", "HostB", dirty=300)

    def counted() -> tuple:
        stats = dict(line.strip().split("=") for line in lab.virsh("HostB", "domstats", "--cpu-total", "works").stdout.splitlines() if "=" in line)
        return time.monotonic(), int(stats["cpu.time"]) / 1e9
    cloud.refresh()
    begin, before = counted()
    time.sleep(6)
    end, after = counted()
    cloud.refresh()
    name = 'godwit_host_busy_cpus{host="HostB"} '
    busy = next(float(line[len(name):]) for line in cloud.get("/metrics").text.splitlines() if line.startswith(name))
    assert abs(busy - (after - before) / (end - begin)) < 0.25 * busy > 0, (busy, after - before, end - begin)
