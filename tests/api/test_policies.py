"""A policy, and options, for one move, for the hosts of an aggregate, and for all: of the daemon itself over simulated hosts."""
import contextlib
import json
import sqlite3

import pytest
from api_server import assert_fault
from drain_cloud import Cloud
from openapi import DOCUMENT
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
    assert (row["policy"], row["rung"], row["rung_reason"]) == ("fast", "pause", events["godwit_force_complete"]["details"])


def test_slowing_down_is_an_event_with_its_reason(cloud):
    name = servers(cloud)[2]
    uuid = cloud.find(name)["id"]
    answer = cloud.request("POST", "/godwit/v1/migrations", {"migration": {"server": uuid, "host": "HostB", "policy": "never-pause"}})
    row = cloud.wait(answer, "completed")
    path = f"/v2.1/servers/{uuid}/os-instance-actions/{row['request_id']}"
    events = [e for e in cloud.get(path, "2.84").json["instanceAction"]["events"] if e["event"] == "godwit_slow_down"]
    assert events and "slowed down by 20 %" in " ".join(e["details"] for e in events), events
    assert "the link carries" in events[0]["details"]
    assert (row["policy"], row["rung"], row["rung_reason"]) == ("never-pause", "slow-down", events[-1]["details"])


def test_an_unknown_server_is_refused(cloud):
    answer = cloud.request("POST", "/godwit/v1/migrations", {"migration": {"server": "00000000-0000-4000-8000-000000000000"}})
    assert_fault(answer, "itemNotFound", 404, "could not be found")


# ---- options of one request

OWN = {"live_migration_downtime": 800, "live_migration_bandwidth": "9", "live_migration_completion_timeout": 5,
       "live_migration_permit_post_copy": True}


def test_a_request_has_options_of_its_own(cloud, aggregate):
    of_aggregate = {"live_migration_downtime": "70", "live_migration_bandwidth": "8", "live_migration_completion_timeout": "3"}
    assert cloud.request("POST", aggregate, {"set_metadata": {"metadata": of_aggregate}}).status == 200
    found = plan(cloud, policy="fast", options=OWN)["plan"]
    assert (found["policy"], found["pause_ms"], found["bandwidth_mibps"], found["completion_timeout_ms"]) == ("fast", 800, 9, 10000)
    assert "VIR_MIGRATE_POSTCOPY" in found["flags"]
    found = plan(cloud, options={"live_migration_permit_post_copy": "False"})["plan"]
    assert (found["pause_ms"], found["bandwidth_mibps"], found["completion_timeout_ms"]) == (70, 8, 6000)  # what it does not say is the aggregate's
    assert "VIR_MIGRATE_POSTCOPY" not in found["flags"]
    assert plan(cloud, options={})["plan"]["pause_ms"] == 70


NAMES = ", ".join(DOCUMENT["components"]["schemas"]["LiveOptions"]["properties"])
TO_MILLION = "It must be a whole number from 0 to 1000000."


@pytest.mark.parametrize("name,value,words", [
    ("colour", "blue", ("Value: blue. ", f"There is no such option; one live migration may have {NAMES}.")),
    ("migration_policy", "fast", ("Value: fast. ", "There is no such option")),
    ("live_migration_bandwidth", -1, ("Value: -1. ", TO_MILLION)),
    ("live_migration_bandwidth", 1.5, ("Value: 1.5. ", TO_MILLION)),
    ("live_migration_bandwidth", True, ("Value: True. ", TO_MILLION)),
    ("live_migration_bandwidth", None, ("Value: None. ", TO_MILLION)),
    ("live_migration_bandwidth", "7,live_migration_downtime=1", ("Value: 7,live", TO_MILLION)),
    ("live_migration_downtime", [1], ("Value: [1]. ", TO_MILLION)),
    ("live_migration_permit_post_copy", 1, ("Value: 1. ", "It must be true or false.")),
    ("live_migration_compression", "rar", ("Value: rar. ", "It must be auto, none, xbzrle, zlib or zstd.")),
    ("live_migration_timeout_action", "", ("Value: . ", "It must be policy, abort or force_complete.")),
])
def test_options_that_do_not_suit_are_refused(cloud, name, value, words):
    uuid = cloud.find(servers(cloud)[0])["id"]
    for path, what in (("/godwit/v1/plan", "plan"), ("/godwit/v1/migrations", "migration")):
        answer = cloud.request("POST", path, {what: {"server": uuid, "options": {"live_migration_downtime": 1, name: value}}})
        assert_fault(answer, "badRequest", 400, f"field/attribute options.{name} of {what}.", *words)
    assert cloud.get(f"/godwit/v1/migrations?instance_uuid={uuid}").json["migrations"] == []


def test_options_are_an_object_of_live_moves(cloud):
    uuid = cloud.find(servers(cloud)[0])["id"]
    for path, what in (("/godwit/v1/plan", "plan"), ("/godwit/v1/migrations", "migration")):
        answer = cloud.request("POST", path, {what: {"server": uuid, "options": "live_migration_downtime=1"}})
        assert_fault(answer, "badRequest", 400, "field/attribute options", "is not of type 'object'")
    answer = cloud.request("POST", "/godwit/v1/plan", {"plan": {"server": uuid, "cold": True, "options": {"live_migration_downtime": 1}}})
    assert_fault(answer, "badRequest", 400, "options", "live_migration_downtime=1", "A cold move has none: leave out options, or cold.")
    action = {"os-migrateLive": {"host": "HostB", "block_migration": "auto", "options": {"live_migration_downtime": 1}}}
    assert_fault(cloud.request("POST", f"/v2.1/servers/{uuid}/action", action, "2.30"), "badRequest", 400, "'options' was unexpected")


def test_a_move_keeps_its_options_and_shows_them(cloud):
    uuid = cloud.find(servers(cloud)[0])["id"]
    options = {"live_migration_completion_timeout": 1, "live_migration_timeout_action": "abort"}
    answer = cloud.request("POST", "/godwit/v1/migrations", {"migration": {"server": uuid, "host": "HostB", "options": options}})
    row = cloud.wait(answer, "failed")
    assert row["state"] == "failed" and row["options"] == {k: str(v) for k, v in options.items()}, row
    assert "completion timeout" in row["reason"]
    assert row["prediction"]["actual"]["total_ms"] > 0 and row["prediction"]["actual"]["downtime_ms"] == 0, row["prediction"]
    assert {m["id"]: m["options"] for m in cloud.get("/godwit/v1/migrations").json["migrations"]}[row["id"]] == row["options"]
    answer = cloud.request("POST", "/godwit/v1/migrations", {"migration": {"server": uuid, "host": "HostB"}})
    row = cloud.wait(answer, "completed")
    assert (row["state"], row["options"]) == ("completed", {}), row


def test_the_policy_and_the_rung_are_told_during_after_and_by_the_next_daemon(tmp_path):
    """The first is given up by its ladder, the second ends by itself."""
    cloud = Cloud(str(tmp_path), guests=1, link_mbps=1000, dirty_mbps=990, speed=2)
    try:
        uuid = cloud.servers()[0]["id"]
        body = {"server": uuid, "host": "HostC", "policy": "never-pause", "options": {"live_migration_permit_auto_converge": False}}
        answer = cloud.request("POST", "/godwit/v1/migrations", {"migration": body})
        path = f"/godwit/v1/migrations/{answer.headers['x-godwit-migration-id']}"
        during = wait(lambda: (lambda m: m if m["rung"] else None)(cloud.get(path).json["migration"]))
        assert (during["policy"], during["rung"], during["rung_reason"]) == ("never-pause", "wait", None)
        given_up = cloud.wait(answer, "failed")
        assert (given_up["policy"], given_up["rung"], given_up["rung_reason"]) == ("never-pause", "abort", given_up["reason"])
        answer = cloud.request("POST", "/godwit/v1/migrations", {"migration": {"server": uuid, "host": "HostC", "policy": "fast"}})
        moved = cloud.wait(answer, "completed")
        assert (moved["policy"], moved["rung"], moved["rung_reason"]) == ("fast", "wait", None)
        cloud.kill()
        cloud.start_again()
        for row in (given_up, moved):
            assert cloud.get(f"/godwit/v1/migrations/{row['id']}").json["migration"] == row
        listed = {m["id"]: m for m in cloud.get("/godwit/v1/migrations").json["migrations"]}
        assert [listed[m["id"]]["rung"] for m in (given_up, moved)] == ["abort", "wait"]
        assert listed[given_up["id"]]["rung_reason"] == given_up["reason"]
    finally:
        cloud.close()


def test_a_daemon_that_is_killed_before_it_has_a_plan_keeps_to_them(tmp_path):
    """The destination takes its time to answer the checks: the daemon dies meanwhile, and the next one makes the plan."""
    cloud = Cloud(str(tmp_path), guests=1, link_mbps=1000, hosts=(), dirty_mbps=990, speed=1)
    try:
        assert cloud.add("HostC", link_mbps=1000, latency_ms=600).status == 201
        uuid = cloud.servers()[0]["id"]
        options = {"live_migration_completion_timeout": 1, "live_migration_timeout_action": "abort"}
        body = {"migration": {"server": uuid, "host": "HostC", "options": options}}
        connection = cloud.connect()  # nobody reads its answer, which waits for the checks
        connection.request("POST", "/godwit/v1/migrations", json.dumps(body), {"Content-Type": "application/json"})
        (row,) = wait(lambda: cloud.get("/godwit/v1/migrations").json["migrations"])
        cloud.kill()
        connection.close()
        with contextlib.closing(sqlite3.connect(tmp_path / "godwit.db")) as database:
            assert database.execute("SELECT state FROM migrations").fetchall() == [("accepted",)]
        cloud.start_again()
        row = wait(lambda: (lambda m: m if m["final"] else None)(cloud.get(f"/godwit/v1/migrations/{row['id']}").json["migration"]), 60)
        assert row["state"] == "failed" and "completion timeout" in row["reason"], row
        assert row["options"] == {k: str(v) for k, v in options.items()}
    finally:
        cloud.close()
