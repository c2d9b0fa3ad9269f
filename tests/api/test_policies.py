"""A policy for one move, for the hosts of an aggregate, and for all: of the daemon itself over simulated hosts."""
import pytest
from api_server import assert_fault
from test_godwitd import Godwitd, wait


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    """Guests that write as fast as the link carries: without a rung no copy ends."""
    daemon = Godwitd(str(tmp_path_factory.mktemp("policies")))
    assert daemon.add("HostA", link_mbps=1000, instances=3, instance_memory_mib=1024, dirty_mbps=990, prefix="vm", speed=20).status == 201
    assert daemon.add("HostB", link_mbps=1000, instances=0).status == 201
    wait(lambda: len(daemon.get("/v2.1/servers").json["servers"]) == 3)
    yield daemon
    daemon.close()


@pytest.fixture
def aggregate(cloud):
    made = cloud.request("POST", "/v2.1/os-aggregates", {"aggregate": {"name": "kept"}}).json["aggregate"]["id"]
    path = f"/v2.1/os-aggregates/{made}/action"
    assert cloud.request("POST", path, {"add_host": {"host": "HostA"}}).status == 200
    yield path
    assert cloud.request("POST", path, {"remove_host": {"host": "HostA"}}).status == 200
    assert cloud.request("DELETE", f"/v2.1/os-aggregates/{made}").status in (200, 204)


def servers(cloud):
    return sorted(s["name"] for s in cloud.get("/v2.1/servers").json["servers"])


def plan(cloud, **more):
    uuid = cloud.find(servers(cloud)[0])["id"]
    return cloud.request("POST", "/godwit/v1/plan", {"plan": {"server": uuid, "host": "HostB", **more}}).json["plan"]["hosts"][0]


def test_the_setting_counts_where_nothing_else_is_said(cloud):
    assert plan(cloud)["plan"]["policy"] == "balanced"


def test_an_aggregate_has_a_policy_and_a_request_its_own(cloud, aggregate):
    answer = cloud.request("POST", aggregate, {"set_metadata": {"metadata": {"migration_policy": "never-pause"}}})
    assert answer.status == 200, answer.body
    host = plan(cloud)
    assert (host["plan"]["policy"], host["plan"]["forced_pause_ms"]) == ("never-pause", 0)
    host = plan(cloud, policy="fast")
    assert (host["plan"]["policy"], host["plan"]["forced_pause_ms"], host["plan"]["pause_ms"]) == ("fast", 30000, 2000)


def test_an_aggregate_has_options_of_its_own(cloud, aggregate):
    options = {"live_migration_downtime": "70", "live_migration_completion_timeout": "5", "live_migration_bandwidth": "9",
               "live_migration_permit_post_copy": "true"}
    answer = cloud.request("POST", aggregate, {"set_metadata": {"metadata": options}})
    assert answer.status == 200, answer.body
    found = plan(cloud)["plan"]
    assert (found["pause_ms"], found["completion_timeout_ms"], found["bandwidth_mibps"]) == (70, 10000, 9)
    assert "VIR_MIGRATE_POSTCOPY" in found["flags"]
    assert plan(cloud, policy="fast")["plan"]["pause_ms"] == 2000  # a request's policy brings its own pause
    answer = cloud.request("POST", aggregate, {"set_metadata": {"metadata": {"live_migration_compression": "rar"}}})
    assert_fault(answer, "badRequest", 400, "live_migration_compression is 'rar'", "auto, none, xbzrle, zlib or zstd")


def test_words_that_are_no_policy_are_refused(cloud, aggregate):
    answer = cloud.request("POST", aggregate, {"set_metadata": {"metadata": {"migration_policy": "reckless"}}})
    assert_fault(answer, "badRequest", 400, "migration_policy is 'reckless'", "never-pause")
    uuid = cloud.find(servers(cloud)[0])["id"]
    for path, name in (("/godwit/v1/plan", "plan"), ("/godwit/v1/migrations", "migration")):
        answer = cloud.request("POST", path, {name: {"server": uuid, "policy": "reckless"}})
        assert_fault(answer, "badRequest", 400, "policy", "reckless", "balanced, minimal-downtime, fast, never-pause")


def test_a_move_ends_by_its_own_policy_and_says_how(cloud):
    name = servers(cloud)[1]
    uuid = cloud.find(name)["id"]
    answer = cloud.request("POST", "/godwit/v1/migrations", {"migration": {"server": uuid, "host": "HostB", "policy": "fast"}})
    row = cloud.wait(answer, "completed")
    assert row["state"] == "completed", row
    path = f"/v2.1/servers/{uuid}/os-instance-actions/{row['request_id']}"
    events = wait(lambda: {e["event"]: e for e in cloud.get(path, "2.84").json["instanceAction"]["events"]})
    assert "paused for about" in events["godwit_force_complete"]["details"]
    assert "godwit_slow_down" not in events  # fast does not slow the guest down
    assert row["prediction"]["now"]["ends"] == "pause"
    assert row["progress"]["downtime_ms"] > 0


def test_slowing_down_is_an_event_with_its_reason(cloud):
    name = servers(cloud)[2]
    uuid = cloud.find(name)["id"]
    answer = cloud.request("POST", "/godwit/v1/migrations", {"migration": {"server": uuid, "host": "HostB", "policy": "never-pause"}})
    row = cloud.wait(answer, "completed")
    path = f"/v2.1/servers/{uuid}/os-instance-actions/{row['request_id']}"
    events = [e for e in cloud.get(path, "2.84").json["instanceAction"]["events"] if e["event"] == "godwit_slow_down"]
    assert events and "slowed down by 20 %" in " ".join(e["details"] for e in events), events
    assert "the link carries" in events[0]["details"]


def test_an_unknown_server_is_refused(cloud):
    answer = cloud.request("POST", "/godwit/v1/migrations", {"migration": {"server": "00000000-0000-4000-8000-000000000000"}})
    assert_fault(answer, "itemNotFound", 404, "could not be found")
