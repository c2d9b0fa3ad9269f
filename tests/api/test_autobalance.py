"""The automatic balance: off unless configured; what it waits for, what it does, and that it leaves even hosts alone. On godwitd with simulated
hosts, of which one has every guest."""
import re
import time

import pytest
from drain_cloud import Cloud
from test_godwitd import wait


@pytest.fixture
def cloud(tmp_path):
    made = []

    def make(**wish):
        lines = "".join(f"{name} = {value}\n" for name, value in wish.items())
        made.append(Cloud(str(tmp_path), guests=9, more=f"[balance]\n{lines}"))
        return made[-1]

    yield make
    for one in made:
        one.close()


def drains(cloud):
    return cloud.get("/godwit/v1/drains").json["drains"]


def score(cloud):
    found = re.search(r"^godwit_balance_score (\S+)$", cloud.get("/metrics").body.decode(), re.M)
    return float(found[1]) if found else None


def spread(cloud):
    return [len(cloud.servers(host)) for host in ("HostB", "HostC", "HostD")]


def test_off_unless_configured(cloud):
    cloud = cloud()
    time.sleep(3)
    assert drains(cloud) == [] and score(cloud) is None and "godwit_balance_score" in cloud.get("/metrics").body.decode()


def test_it_evens_what_has_been_uneven(cloud):
    begin = time.monotonic()
    cloud = cloud(interval=1, samples=3, threshold=0, cooldown=0, max_moves=0)
    (drain,) = wait(lambda: drains(cloud))
    assert time.monotonic() - begin > 2.5, "three looks, a second apart"
    assert (drain["kind"], drain["user_id"]) == ("balance", "godwit") and drain["request_id"].startswith("req-")
    assert score(cloud) > 0
    assert cloud.ended(drain["id"])["state"] == "completed" and spread(cloud) == [3, 3, 3]
    assert "automatic balance: the hosts have been uneven for 3 looks" in cloud.read_log()
    wait(lambda: score(cloud) < 0.001)
    time.sleep(4)
    assert len(drains(cloud)) == 1, "even hosts are left alone"


def test_few_at_a_time_and_not_soon_again(cloud):
    cloud = cloud(interval=1, samples=1, threshold=0, cooldown=4, max_moves=2, gain=5)
    first = wait(lambda: drains(cloud))[0]
    assert len(cloud.ended(first["id"])["moves"]) == 2
    ended = time.monotonic()
    wait(lambda: len(drains(cloud)) > 1)
    assert time.monotonic() - ended > 3


def test_not_while_a_host_is_emptied(cloud):
    """Nor soon after: the cool-down is for drains of anybody's."""
    cloud = cloud(interval=1, samples=1, threshold=0, cooldown=3600)
    drain = cloud.drain("HostC").json["drain"]["id"]  # nothing is on it
    assert cloud.ended(drain)["state"] == "completed"
    wait(lambda: score(cloud))
    time.sleep(3)
    assert [d["kind"] for d in drains(cloud)] == ["drain"]


@pytest.mark.parametrize("wish", [{"threshold": 90}, {"gain": 99, "max_moves": 1}])
def test_what_is_not_worth_it(cloud, wish):
    cloud = cloud(**{"interval": 1, "samples": 1, "cooldown": 0, "threshold": 0, **wish})
    wait(lambda: score(cloud))
    time.sleep(3)
    assert drains(cloud) == []


def test_what_failed_is_not_tried_for_ever(tmp_path):
    """HostC is the roomiest and has another bridge, which only the checks of a move find out: each guest is sent there once."""
    cloud = Cloud(str(tmp_path), guests=8, hosts=("HostD",), more="[balance]\ninterval = 1\nsamples = 1\nthreshold = 0\ncooldown = 0\nmax_moves = 2\ngain = 5\n")
    try:
        assert cloud.add("HostC", memory_mib=262144, link_mbps=4000, bridge="other").status == 201
        wait(lambda: len(cloud.servers("HostD")) >= 3, 90)
        failed = [m for m in cloud.get("/godwit/v1/migrations?host=HostC").json["migrations"] if m["state"] == "failed"]
        assert len({m["instance_uuid"] for m in failed}) == len(failed) > 0, [m["instance_name"] for m in failed]
    finally:
        cloud.close()
