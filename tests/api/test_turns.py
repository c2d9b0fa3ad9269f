"""Moves that wait for their turn, as clients see them: of the daemon itself over simulated hosts."""
import os
import subprocess

import pytest
from api_server import BUILD
from test_godwitd import Godwitd, wait

GODWIT = os.path.join(BUILD, "src/cli/godwit")


@pytest.fixture
def cloud(tmp_path):
    """One move at a time leaves HostA, and the first takes half a minute."""
    daemon = Godwitd(str(tmp_path), "[DEFAULT]\nmax_concurrent_live_migrations = 1\n")
    assert daemon.add("HostA", link_mbps=1000, instances=4, instance_memory_mib=4096, memory_mib=32768, prefix="vm", disk="shared").status == 201
    assert daemon.add("HostB", link_mbps=1000, instances=0, memory_mib=32768).status == 201
    wait(lambda: len(daemon.get("/v2.1/servers").json["servers"]) == 4)
    yield daemon
    daemon.close()


def begin(cloud, name, body=None, version="2.65"):
    answer = cloud.move(name, body or {"os-migrateLive": {"host": "HostB", "block_migration": "auto"}}, version)
    assert answer.status == 202, answer.body
    return answer


def godwit(cloud, *words):
    return subprocess.run([GODWIT, *words], capture_output=True, text=True, env={**os.environ, "GODWIT_URL": f"http://127.0.0.1:{cloud.port}"})


def status(cloud, answer):
    migration = cloud.migration(answer)["id"]
    (row,) = [m for m in cloud.get("/v2.1/os-migrations", "2.59").json["migrations"] if m["id"] == migration]
    return row["status"]


def test_what_waits_is_queued_and_says_for_what(cloud):
    names = sorted(s["name"] for s in cloud.get("/v2.1/servers").json["servers"])
    cloud.wait(begin(cloud, names[0]), "running")
    second, third = begin(cloud, names[1]), begin(cloud, names[2])
    cold = begin(cloud, names[3], {"migrate": {"host": "HostB"}})
    for answer in (second, third, cold):
        assert cloud.wait(answer, "queued")["state"] == "queued"
    assert [status(cloud, answer) for answer in (second, third, cold)] == ["queued", "queued", "pre-migrating"]  # Nova's words
    assert cloud.migration(second)["reason"] == "it waits for its turn on HostA, first in line (max_concurrent_live_migrations = 1)"
    assert cloud.migration(cold)["reason"].startswith("it waits for its turn on HostA, third in line")

    server = cloud.find(names[2])["id"]
    (shown,) = cloud.get(f"/v2.1/servers/{server}/migrations", "2.80").json["migrations"]
    assert (shown["status"], shown["dest_compute"]) == ("queued", "HostB")
    assert cloud.find(names[2])["OS-EXT-STS:task_state"] == "migrating"
    out = godwit(cloud, "server-migration-show", names[2], str(shown["id"])).stdout
    assert "waits for its turn on HostA, second in line" in out

    assert cloud.request("DELETE", f"/v2.1/servers/{cloud.find(names[1])['id']}/migrations/{cloud.migration(second)['id']}", None,
                         "2.65").status == 202
    assert cloud.wait(second)["state"] == "cancelled"
    assert cloud.migration(third)["reason"].startswith("it waits for its turn on HostA, first in line")
    withdrawn = godwit(cloud, "live-migration-abort", names[3])  # which Nova cannot
    assert withdrawn.returncode == 0 and f"The migration of {names[3]} from HostA to HostB was cancelled" in withdrawn.stdout, withdrawn
    assert (cloud.wait(cold)["state"], cloud.find(names[3])["status"]) == ("cancelled", "ACTIVE")
    assert status(cloud, cold) == "cancelled"


def test_a_host_that_is_forced_down_ends_what_waits_for_it(cloud):
    names = sorted(s["name"] for s in cloud.get("/v2.1/servers").json["servers"])
    cloud.wait(begin(cloud, names[0]), "running")
    waiting = begin(cloud, names[1])
    cloud.wait(waiting, "queued")
    service = next(s for s in cloud.get("/v2.1/os-services", "2.53").json["services"] if s["host"] == "HostB")
    assert cloud.request("PUT", f"/v2.1/os-services/{service['id']}", {"forced_down": True}, "2.53").status == 200
    ended = cloud.wait(waiting)
    assert (ended["state"], ended["reason"]) == ("failed", "the destination host was forced down while the move waited for its turn")
    assert status(cloud, waiting) == "failed"
